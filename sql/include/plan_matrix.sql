\set ECHO none
-- The same tables in several schemas, of which pm_plain has those that are not attached,
-- and queries over them: each has to return the same rows under every plan.
SET client_min_messages = warning;
SET jit = off;	-- what is not enabled costs enough for it
CREATE SCHEMA pm;

-- pm.build(SCHEMA): t and o are read by key; the tables' other columns and indexes are
-- what plans choose from.
CREATE PROCEDURE pm.build(schema text) LANGUAGE plpgsql AS $build$
BEGIN
	EXECUTE format('CREATE SCHEMA %I', schema);
	PERFORM set_config('search_path', schema || ', pm', true);
	CREATE TABLE t (id int PRIMARY KEY, c int, n int, r text COLLATE "C", top bigint, d text);
	INSERT INTO t SELECT i, i % 11, i * 7 % 60, 'r' || i % 5, nullif(i % 13, 0), repeat(md5(i::text), 3) FROM generate_series(1, 300) i;
	CREATE INDEX t_c ON t (c);
	CREATE INDEX t_n ON t (n);
	CREATE INDEX t_cn ON t (c, n) INCLUDE (id);
	CREATE INDEX t_r ON t (r, id);
	CREATE INDEX t_low ON t (id) WHERE n < 20;
	CREATE INDEX t_sum ON t ((n + c));
	CREATE TABLE o (a text COLLATE "C", b int, n int, k int, PRIMARY KEY (a, b));
	INSERT INTO o SELECT 'a' || i % 9, i, i * 3 % 20, i % 17 FROM generate_series(1, 150) i;
	CREATE INDEX o_k ON o (k);
	-- not attached anywhere
	CREATE TABLE j (id int PRIMARY KEY, t int, v int);
	INSERT INTO j SELECT i, i * 5 % 320, i % 30 FROM generate_series(1, 200) i;
	CREATE INDEX j_t ON j (t);
	-- partitions, and a table that gets a child
	CREATE TABLE parts (id int PRIMARY KEY, c int, n int) PARTITION BY RANGE (id);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
	CREATE TABLE parts_2 (n int, id int NOT NULL PRIMARY KEY, c int);
	ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (50) TO (200);
	INSERT INTO parts SELECT i, i % 6, i % 25 FROM generate_series(1, 120) i;
	CREATE TABLE par (id int PRIMARY KEY, n int);
	INSERT INTO par SELECT i, i % 9 FROM generate_series(1, 40) i;
	CREATE VIEW big AS SELECT id, c, n + 1 AS more, upper(r) AS r FROM t WHERE n > 30;
	CREATE VIEW guarded WITH (security_barrier) AS SELECT id, n, r FROM t WHERE n % 2 = 0;
	CREATE FUNCTION of_class(int) RETURNS SETOF t LANGUAGE sql STABLE AS 'SELECT * FROM t WHERE c = $1 AND n < 45';
	CREATE FUNCTION n_of(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT n FROM t WHERE id = $1); END';
	ANALYZE t, o, j, parts, par;
END $build$;
-- pm.add_child(SCHEMA), when the table has been attached
CREATE PROCEDURE pm.add_child(schema text) LANGUAGE plpgsql AS $child$
BEGIN
	PERFORM set_config('search_path', schema || ', pm', true);
	CREATE TABLE chi (x int, PRIMARY KEY (id)) INHERITS (par);
	INSERT INTO chi SELECT i, i % 9, i FROM generate_series(41, 80) i;
	ANALYZE chi;
END $child$;

CREATE TABLE pm.queries (no int GENERATED ALWAYS AS IDENTITY, query text);
INSERT INTO pm.queries (query) VALUES
-- by key
('SELECT * FROM t WHERE id = $1'),
('SELECT n, r, top FROM t WHERE id = $1 AND n >= 0'),
('SELECT id, n FROM t WHERE id IN (3, 5, 299, 301, 7)'),
('SELECT id, n, c FROM t WHERE id = ANY (ARRAY[$1, $1 + 1, 100])'),
('SELECT * FROM t WHERE id BETWEEN $1 AND 20'),
('SELECT n FROM o WHERE a = ''a7'' AND b = $1'),
('SELECT * FROM o WHERE (a, b) IN ((''a1'', 1), (''a2'', 2), (''a2'', 11), (''a3'', 2))'),
('SELECT a, sum(n) FROM o WHERE a >= ''a7'' GROUP BY a'),
-- on columns that are deferred, and on others
('SELECT id FROM t WHERE n = $1'),
('SELECT id, n FROM t WHERE n > 55'),
('SELECT count(*) FROM t WHERE n < 20'),
('SELECT id FROM t WHERE n < 20 AND id < 30'),
('SELECT id, n FROM t WHERE n BETWEEN 10 AND 20 AND c = 3'),
('SELECT id, n FROM t WHERE n IN (3, 4, $1) OR c = 10'),
('SELECT id FROM t WHERE r = ''r3'' AND n > 20'),
('SELECT id, r FROM t WHERE r LIKE ''r1%'' AND id % 7 = 0'),
('SELECT id FROM t WHERE top IS NULL'),
('SELECT id, top FROM t WHERE top >= 10 AND n + c > 40'),
('SELECT id FROM t WHERE n + c = 33'),
('SELECT c, n FROM t WHERE c = 4'),
('SELECT c, id FROM t WHERE c = 4 AND n IS NOT NULL'),
('SELECT n FROM t WHERE c BETWEEN 3 AND 5 AND n > 50'),
('SELECT id, n FROM t WHERE NOT (n < 40) AND r <> ''r2'''),
('SELECT id FROM t WHERE CASE WHEN c = 1 THEN n ELSE top END > 11'),
-- sorted, and a part of it
('SELECT id, n, r FROM t ORDER BY id LIMIT 12'),
('SELECT id, n FROM t ORDER BY id DESC LIMIT 5 OFFSET 3'),
('SELECT n, id FROM t ORDER BY n, id LIMIT 9'),
('SELECT n, id FROM t ORDER BY n DESC, id LIMIT 9'),
('SELECT c, n, id FROM t ORDER BY c, n, id LIMIT 20'),
('SELECT c, n, id FROM t WHERE c > 7 ORDER BY c DESC, n DESC, id'),
('SELECT r, id FROM t ORDER BY r, id LIMIT 15'),
('SELECT top, id FROM t ORDER BY top NULLS FIRST, id LIMIT 30'),
('SELECT n + c, id FROM t ORDER BY n + c, id LIMIT 10'),
('SELECT n, id FROM t ORDER BY n FETCH FIRST 3 ROWS WITH TIES'),
('SELECT DISTINCT ON (c) c, n, id FROM t ORDER BY c, n DESC, id'),
('SELECT DISTINCT n FROM t WHERE c < 3'),
('SELECT DISTINCT c, r FROM t'),
-- aggregates and windows
('SELECT count(*), sum(n), min(n), max(n), avg(top), count(top) FROM t'),
('SELECT min(id), max(id), min(r), max(c) FROM t'),
('SELECT min(n) FROM t WHERE c = 5'),
('SELECT max(n) FROM t WHERE c = 5'),
('SELECT c, count(*), sum(n) FROM t GROUP BY c'),
('SELECT n, count(*) FROM t GROUP BY n HAVING count(*) > 4'),
('SELECT r, c, sum(n) FROM t GROUP BY GROUPING SETS ((r), (c), ())'),
('SELECT c, id, rank() OVER (PARTITION BY c ORDER BY n, id) FROM t WHERE id < 60'),
('SELECT id, sum(n) OVER (ORDER BY id ROWS 2 PRECEDING) FROM t WHERE id < 40'),
-- joins: outer and inner side
('SELECT j.id, t.n, t.r FROM j JOIN t ON t.id = j.t'),
('SELECT j.id, t.n FROM j JOIN t ON t.id = j.t WHERE t.n > 40 AND j.v < 10'),
('SELECT j.id, t.id, t.n FROM j LEFT JOIN t ON t.id = j.t AND t.n > 20 WHERE j.v = $1'),
('SELECT t.id, t.n, j.v FROM t LEFT JOIN j ON j.t = t.id WHERE t.c = 2'),
('SELECT t.id, j.id FROM t FULL JOIN j ON j.id = t.n WHERE coalesce(t.c, 3) = 3'),
('SELECT x.id, y.id FROM t x JOIN t y ON y.n = x.n AND y.id > x.id WHERE x.c = 1'),
('SELECT x.id, y.n FROM t x JOIN t y ON y.id = x.n WHERE x.id < 50'),
('SELECT t.id, o.a, o.b, o.n FROM t JOIN o ON o.k = t.c AND o.n < t.n WHERE t.id < 15'),
('SELECT o.a, o.b, t.n FROM o JOIN t ON t.id = o.b WHERE o.n > 12'),
('SELECT count(*) FROM j JOIN t ON t.n = j.v'),
('SELECT t.id, j.id FROM t JOIN j ON j.v + 50 < t.n WHERE t.c = 4'),
('SELECT j.id FROM j WHERE EXISTS (SELECT FROM t WHERE t.id = j.t AND t.n > 30)'),
('SELECT j.id FROM j WHERE j.v < 5 AND NOT EXISTS (SELECT FROM t WHERE t.n = j.t)'),
('SELECT j.id FROM j WHERE j.t IN (SELECT id FROM t WHERE n < 10)'),
('SELECT id FROM t WHERE n IN (SELECT v FROM j WHERE id < 20)'),
('SELECT id FROM t WHERE n NOT IN (SELECT v FROM j WHERE v IS NOT NULL)'),
-- subqueries
('SELECT j.id, l.id, l.n FROM j, LATERAL (SELECT id, n FROM t WHERE t.c = j.v ORDER BY n DESC, id LIMIT 2) l WHERE j.id < 30'),
('SELECT j.id, l.* FROM j LEFT JOIN LATERAL (SELECT n, r FROM t WHERE t.id = j.t OFFSET 0) l ON l.n > 10 WHERE j.id < 25'),
('SELECT id, (SELECT sum(n) FROM t WHERE t.c = j.v) FROM j WHERE id < 40'),
('SELECT id, (SELECT t.n FROM t WHERE t.id = j.t) FROM j'),
('SELECT c FROM t x WHERE n > (SELECT avg(n) + 25 FROM t y WHERE y.c = x.c)'),
('SELECT ARRAY(SELECT n FROM t WHERE id < 20 ORDER BY id), EXISTS (SELECT FROM t WHERE n > 500)'),
('SELECT * FROM (SELECT id, n FROM t OFFSET 0) s WHERE n = $1'),
('WITH w AS MATERIALIZED (SELECT id, n FROM t WHERE n > 50) SELECT w.id, v.n FROM w JOIN w v ON v.id = w.id'),
('WITH w AS NOT MATERIALIZED (SELECT * FROM t) SELECT id, n FROM w WHERE id = $1 UNION ALL SELECT n, id FROM w WHERE n = 3'),
('WITH RECURSIVE s (id, n) AS (SELECT id, n FROM t WHERE id = 1 UNION SELECT t.id, t.n FROM s JOIN t ON t.id = s.n + 1) SELECT * FROM s'),
('SELECT id FROM t WHERE n < 3 UNION SELECT n FROM o WHERE k = 4'),
('SELECT n FROM t EXCEPT SELECT v FROM j'),
('SELECT n FROM t INTERSECT SELECT n FROM o'),
('SELECT id, n FROM (SELECT id, n FROM t UNION ALL SELECT b, n FROM o) u WHERE id < 9'),
('SELECT id, n FROM (SELECT id, n FROM t UNION ALL SELECT b, n FROM o) u ORDER BY id, n LIMIT 9'),
('SELECT v.x, t.n FROM (VALUES (1), (2), (400)) v (x) LEFT JOIN t ON t.id = v.x'),
-- views, functions
('SELECT * FROM big WHERE id < 90'),
('SELECT more, r FROM big WHERE id = $1 * 2'),
('SELECT r, count(*) FROM big GROUP BY r'),
('SELECT * FROM guarded WHERE r = ''r1'' AND n > 10'),
('SELECT id, n FROM of_class(3)'),
('SELECT j.id, f.id, f.n FROM j, of_class(j.v) f WHERE j.id < 12'),
('SELECT id, n_of(t) FROM j WHERE id < 50'),
-- whole rows and system columns
('SELECT t FROM t WHERE id < 9'),
('SELECT t::text FROM t WHERE n = 14'),
('SELECT to_jsonb(t) - ''d'' FROM t WHERE c = 9 AND n > 30'),
('SELECT t IS NULL, t.r, (t).n FROM t WHERE id IN (4, 44)'),
('SELECT tableoid::regclass, id, n FROM t WHERE c = 6'),
('SELECT x.id, y.n FROM t x JOIN t y ON y.ctid = x.ctid WHERE x.c = 8'),
('SELECT id, n FROM t WHERE ctid = ANY (ARRAY(SELECT ctid FROM t WHERE id IN (1, 50, 299)))'),
('SELECT id, n FROM t WHERE ctid >= ''(0,1)'' AND n < 5'),
('SELECT id, xmin IS NOT NULL, n FROM t WHERE id = $1'),
('SELECT id, n FROM t TABLESAMPLE bernoulli (100) WHERE n > 50'),
('SELECT id, n FROM t TABLESAMPLE system (100) WHERE c = 7'),
-- locked
('SELECT id, n FROM t WHERE n > 54 ORDER BY id FOR UPDATE'),
('SELECT t.id, t.n, j.v FROM t JOIN j ON j.t = t.id WHERE j.v = 3 ORDER BY 1 FOR SHARE OF t'),
-- partitions and children
('SELECT * FROM parts WHERE id IN (5, 60, 130)'),
('SELECT c, sum(n) FROM parts WHERE n > 3 GROUP BY c'),
('SELECT id, n FROM parts ORDER BY id LIMIT 60'),
('SELECT p.id, q.n FROM parts p JOIN parts q ON q.id = p.id AND q.n > 20'),
('SELECT tableoid::regclass, id, n FROM parts WHERE n = 7'),
('SELECT id, n FROM parts_2 WHERE n < 4'),
('SELECT id, n FROM par WHERE n = 5'),
('SELECT tableoid::regclass, count(*), sum(n) FROM par GROUP BY 1'),
('SELECT id, n FROM par ORDER BY id DESC LIMIT 7'),
('SELECT par FROM par WHERE id IN (7, 47)'),
('SELECT j.id, par.n FROM j LEFT JOIN par ON par.id = j.t WHERE j.v > 20'),
('SELECT n, x FROM chi WHERE id = $1 + 40');

CREATE TABLE pm.plans (no int GENERATED ALWAYS AS IDENTITY, name text, settings jsonb);
INSERT INTO pm.plans (name, settings) VALUES
('default', '{}'),
('seqscan', '{"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off", "enable_tidscan": "off"}'),
('indexscan', '{"enable_seqscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off"}'),
('indexonlyscan', '{"enable_seqscan": "off", "enable_bitmapscan": "off"}'),
('bitmapscan', '{"enable_seqscan": "off", "enable_indexscan": "off", "enable_indexonlyscan": "off"}'),
('nestloop', '{"enable_hashjoin": "off", "enable_mergejoin": "off"}'),
('nestloop, as it is', '{"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_material": "off", "enable_memoize": "off", "enable_seqscan": "off"}'),
('hashjoin', '{"enable_nestloop": "off", "enable_mergejoin": "off"}'),
('mergejoin', '{"enable_nestloop": "off", "enable_hashjoin": "off"}'),
('mergejoin by index', '{"enable_nestloop": "off", "enable_hashjoin": "off", "enable_sort": "off", "enable_seqscan": "off", "enable_bitmapscan": "off", "enable_hashagg": "off"}'),
('no sort', '{"enable_sort": "off", "enable_incremental_sort": "off", "enable_hashagg": "off"}'),
('generic', '{"plan_cache_mode": "force_generic_plan"}'),
('generic, by index', '{"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off", "enable_bitmapscan": "off"}'),
('custom', '{"plan_cache_mode": "force_custom_plan"}'),
('partitionwise', '{"enable_partitionwise_join": "on", "enable_partitionwise_aggregate": "on"}'),
('parallel', '{"parallel_setup_cost": "0", "parallel_tuple_cost": "0", "min_parallel_table_scan_size": "0", "min_parallel_index_scan_size": "0", "max_parallel_workers_per_gather": "2"}'),
('parallel, workers alone', '{"parallel_setup_cost": "0", "parallel_tuple_cost": "0", "min_parallel_table_scan_size": "0", "min_parallel_index_scan_size": "0", "max_parallel_workers_per_gather": "2", "parallel_leader_participation": "off", "enable_seqscan": "off"}'),
('parallel where it may be', '{"force_parallel_mode": "on", "debug_parallel_query": "on"}');
-- a setting that this version of PostgreSQL calls otherwise
UPDATE pm.plans SET settings = settings - ARRAY(SELECT key FROM jsonb_object_keys(settings) key WHERE NOT EXISTS (SELECT FROM pg_settings s WHERE s.name = key));

-- pm.rows(QUERY): in their order, if the query has one.
CREATE FUNCTION pm.rows(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	whole text := format('SELECT string_agg(q::text, E''\n'' %s) FROM (%s) q',
		CASE WHEN query !~ 'ORDER BY [^()]*$' OR query ~ 'WITH TIES' THEN 'ORDER BY q::text COLLATE "C"' ELSE '' END, query);
	result text;
BEGIN
	IF query !~ '\$1' THEN
		EXECUTE whole INTO result;
	ELSE
		EXECUTE 'PREPARE pm_query (int) AS ' || whole;
		FOR result IN EXECUTE 'EXECUTE pm_query (7)' LOOP
		END LOOP;
		DEALLOCATE pm_query;
	END IF;
	RETURN coalesce(result, 'none');
END $$;

-- pm.nodes(QUERY): of its plan
CREATE FUNCTION pm.nodes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || replace(query, '$1', '7') LOOP
		RETURN NEXT regexp_replace(ltrim(line, ' ->'), '( on | using | Backward).*', '');
	END LOOP;
END $$;

CREATE TABLE pm.expected (no int, result text);
CREATE TABLE pm.seen (node text);

-- pm.only(RESULT, OTHER): rows that are only in the first
CREATE FUNCTION pm.only(text, text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(r, ' ' ORDER BY r), 'in another order') FROM (
		SELECT unnest(string_to_array($1, E'\n')) EXCEPT ALL SELECT unnest(string_to_array($2, E'\n')) ORDER BY 1 LIMIT 3) d (r);
$$;
-- pm.differences(SCHEMA): of each query under each plan, what is not as in pm_plain.
CREATE FUNCTION pm.differences(schema text, which text DEFAULT '', OUT query text, OUT plan text, OUT got text, OUT expected text)
	RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	p record;
	q record;
BEGIN
	PERFORM set_config('search_path', 'pm_plain, pm', true);
	FOR q IN SELECT * FROM pm.queries LOOP
		INSERT INTO pm.expected VALUES (q.no, pm.rows(q.query));
	END LOOP;
	PERFORM set_config('search_path', schema || ', pm', true);
	FOR p IN SELECT * FROM pm.plans WHERE name ~ which ORDER BY no LOOP
		PERFORM set_config(key, value, true) FROM jsonb_each_text(p.settings);
		PERFORM cache.stats_reset();	-- few hits so far are no reason against reads by key
		FOR q IN SELECT * FROM pm.queries JOIN pm.expected USING (no) ORDER BY no LOOP
			IF which = '' THEN
				INSERT INTO pm.seen SELECT pm.nodes(q.query);
			END IF;
			BEGIN
				got := pm.rows(q.query);
			EXCEPTION WHEN OTHERS THEN
				got := SQLSTATE || ' ' || SQLERRM;
			END;
			IF got IS DISTINCT FROM q.result THEN
				query := q.query;
				plan := p.name;
				expected := pm.only(q.result, got);
				got := pm.only(got, q.result);
				RETURN NEXT;
			END IF;
		END LOOP;
		PERFORM set_config(key, reset_val, true) FROM jsonb_object_keys(p.settings) key JOIN pg_settings s ON s.name = key;
	END LOOP;
	DELETE FROM pm.expected;
	PERFORM set_config('search_path', 'public', true);
END $$;

-- pm.both(SCHEMA, STATEMENTS): the same in pm_plain
CREATE PROCEDURE pm.both(schema text, statements text) LANGUAGE plpgsql AS $$
DECLARE
	s text;
BEGIN
	FOREACH s IN ARRAY ARRAY['pm_plain', schema] LOOP
		PERFORM set_config('search_path', s || ', pm', true);
		EXECUTE statements;
	END LOOP;
	PERFORM set_config('search_path', 'public', true);
END $$;
CALL pm.build('pm_plain');
CALL pm.add_child('pm_plain');
\set ECHO all
