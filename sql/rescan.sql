--
-- cache.read() in FROM, executed more than once by one statement: each shape of
-- query gives what it gives with a function in PL/pgSQL that selects the row.
--

CREATE TABLE rs_t (id int PRIMARY KEY, v text, n numeric, grp int);
INSERT INTO rs_t SELECT i, 'v' || i, i / 4.0, i % 3 FROM generate_series(1, 8) i;
INSERT INTO rs_t VALUES (9, NULL, NULL, NULL);
CREATE TABLE rs_c (a int, b text, v text, PRIMARY KEY (a, b));
INSERT INTO rs_c SELECT i, 'b' || j, i || '/' || j FROM generate_series(1, 3) i, generate_series(1, 3) j;
-- what drives the scans: keys that are there, repeated, missing, NULL
CREATE TABLE rs_k (k int, g int);
INSERT INTO rs_k VALUES (1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 1), (9, 1), (9, 2), (99, 1), (99, 2),
	(-1, 1), (NULL, 1), (NULL, 2), (3, NULL), (8, 0), (8, 4);
CREATE TABLE rs_w (id int PRIMARY KEY, k int, x text, n numeric);
INSERT INTO rs_w SELECT i, CASE WHEN i % 5 > 0 THEN i % 5 END, 'old' || i, i FROM generate_series(1, 14) i;
INSERT INTO rs_w VALUES (15, 9, NULL, NULL), (16, 99, 'old16', 16);
CREATE SEQUENCE rs_calls;
ANALYZE rs_t, rs_c, rs_k, rs_w;
SELECT cache.attach('rs_t'), cache.attach('rs_c');

CREATE FUNCTION rs_twin(rs_t, key int) RETURNS rs_t LANGUAGE plpgsql STABLE AS $$
DECLARE
	found_row rs_t;
BEGIN
	SELECT * INTO found_row FROM rs_t WHERE id = key;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	RETURN found_row;
END $$;
CREATE FUNCTION rs_twin(rs_c, first int, second text) RETURNS rs_c LANGUAGE plpgsql STABLE AS $$
DECLARE
	found_row rs_c;
BEGIN
	SELECT * INTO found_row FROM rs_c WHERE a = first AND b = second;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	RETURN found_row;
END $$;

-- In a shape, T(key) and C(a, b) are the reads.
--	rows	the query's rows
--	change	rs_w and rs_t after the statement, and its RETURNING
--	cursor	the rows at the places that a scrollable cursor is moved to
--	generic	the rows of a prepared statement with a generic plan, for several $1
CREATE TABLE rs_shape (no int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text, query text);
INSERT INTO rs_shape (kind, query) VALUES
-- correlated subqueries
('rows', 'SELECT g, (SELECT r.v FROM T(1) r WHERE g > 0) FROM generate_series(1, 3) g'),
('rows', 'SELECT k, g, (SELECT r.v FROM T(k) r) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v FROM T(k) r WHERE g > 1) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v FROM T(1) r WHERE r.id = k) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v FROM T(2) r WHERE r.id <> g OR g IS NULL) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v || g FROM T(2) r) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.n + g FROM T(k) r ORDER BY r.n LIMIT 1) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v FROM T(99) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT count(r.id) FROM T(NULL) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT max(r.n) FROM T(3) r WHERE g > 0), (SELECT min(r.v) FROM T(k) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT s.v FROM T(1) r, T(2) s WHERE r.id + s.id > g) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT s.v FROM T(k) r, T(r.id + 1) s WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT (SELECT s.v FROM T(r.id + 1) s WHERE g > 0) FROM T(k) r) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT (SELECT s.v FROM T(2) s WHERE s.id >= r.id) FROM T(1) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v FROM C(k, ''b1'') r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r.v FROM C(1, ''b'' || g) r WHERE k > 0) FROM rs_k'),
('rows', 'SELECT k, g, ARRAY(SELECT r.v FROM T(1) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, ARRAY(SELECT r.v FROM T(k) r, generate_series(1, g) i ORDER BY i) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT array_agg(r.v ORDER BY i) FROM generate_series(1, 2) i, T(i) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT ROW(r.id, r.v)::text FROM T(1) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, g, (SELECT r::text FROM T(1) r WHERE g > 0) FROM rs_k'),
('rows', 'SELECT k, CASE WHEN g > 1 THEN (SELECT r.v FROM T(1) r WHERE k > 0) ELSE (SELECT r.v FROM T(k) r) END FROM rs_k'),
('rows', 'SELECT k, coalesce((SELECT r.v FROM T(k) r WHERE g > 1), (SELECT r.v FROM T(1) r WHERE g < 2), ''none'') FROM rs_k'),
('rows', 'SELECT k, (SELECT r.v FROM T((SELECT max(id) FROM rs_t WHERE grp = g)) r WHERE k > 0) FROM rs_k'),
('rows', 'SELECT k, (SELECT r.v FROM T((SELECT min(id) FROM rs_t)) r WHERE k > 0) FROM rs_k'),
('rows', 'SELECT k, g FROM rs_k ORDER BY (SELECT r.n FROM T(1) r WHERE k > 1), k, g'),
('rows', 'SELECT count(*), (SELECT r.v FROM T(g) r) FROM rs_k GROUP BY g'),
('rows', 'SELECT g, sum(k) FROM rs_k GROUP BY g HAVING sum(k) > (SELECT r.n FROM T(1) r WHERE g > 0)'),
('rows', 'SELECT g, sum((SELECT r.n FROM T(1) r WHERE k > 0)) OVER (PARTITION BY g ORDER BY k) FROM rs_k'),
('rows', 'SELECT i, (SELECT r.v FROM T(nextval(''rs_calls'')::int) r WHERE r.id = i OR i > 0) FROM generate_series(1, 4) i'),
-- EXISTS, IN, ANY, ALL
('rows', 'SELECT * FROM rs_k WHERE EXISTS (SELECT FROM T(k) r WHERE r.grp = g)'),
('rows', 'SELECT * FROM rs_k WHERE EXISTS (SELECT FROM T(1) r WHERE g > 0 OFFSET 0)'),
('rows', 'SELECT * FROM rs_k WHERE NOT EXISTS (SELECT FROM T(1) r WHERE r.id = k)'),
('rows', 'SELECT * FROM rs_k WHERE NOT EXISTS (SELECT FROM T(2) r WHERE r.id < g OFFSET 0)'),
('rows', 'SELECT * FROM rs_k WHERE k IN (SELECT r.id FROM T(1) r)'),
('rows', 'SELECT * FROM rs_k WHERE k IN (SELECT r.id FROM T(1) r WHERE g > 0)'),
('rows', 'SELECT * FROM rs_k WHERE k NOT IN (SELECT r.id FROM T(2) r WHERE g > 0)'),
('rows', 'SELECT *, k = ANY (SELECT r.id FROM T(k) r WHERE g > 1) FROM rs_k'),
('rows', 'SELECT *, k >= ALL (SELECT r.id FROM T(2) r WHERE g > 1) FROM rs_k'),
('rows', 'SELECT *, (k, g) IN (SELECT r.id, r.grp FROM T(1) r WHERE g > 0) FROM rs_k'),
-- LATERAL and joins
('rows', 'SELECT k, g, r.* FROM rs_k, LATERAL T(k) r'),
('rows', 'SELECT k, g, r.v FROM rs_k, LATERAL T(k) r WHERE r.n > g / 2.0'),
('rows', 'SELECT k, g, r.v FROM rs_k LEFT JOIN LATERAL T(k) r ON r.n > 0'),
('rows', 'SELECT k, g, r.v FROM rs_k LEFT JOIN T(1) r ON r.id = k'),
('rows', 'SELECT k, g, r.v FROM rs_k LEFT JOIN T(1) r ON g > 0'),
('rows', 'SELECT r.v, k.k FROM T(2) r LEFT JOIN rs_k k ON k.k = r.id'),
('rows', 'SELECT o, r.v, s.v FROM (SELECT 1 AS o) x LEFT JOIN T(1) r ON true LEFT JOIN T(2) s ON s.id > r.id'),
('rows', 'SELECT i, r.v FROM generate_series(1, 3) i LEFT JOIN (T(1) r JOIN T(2) s ON true) ON s.id >= i'),
('rows', 'SELECT i, q.v FROM generate_series(1, 4) i LEFT JOIN LATERAL (SELECT r.v FROM T(1) r WHERE i > 1) q ON true'),
('rows', 'SELECT i, q.v FROM generate_series(1, 4) i, LATERAL (SELECT r.v FROM T(1) r WHERE i > 1 OFFSET 0) q'),
('rows', 'SELECT i, q.v, q.j FROM generate_series(1, 3) i, LATERAL (SELECT r.v, j FROM T(1) r, generate_series(1, i) j OFFSET 0) q'),
('rows', 'SELECT k, r.v, s.v, u.v FROM rs_k, LATERAL T(k) r, LATERAL T(r.id + 1) s, LATERAL T(s.id + 1) u'),
('rows', 'SELECT k, r.v, s.v FROM rs_k, T(1) r, T(2) s WHERE k BETWEEN r.id AND s.id'),
('rows', 'SELECT r.v, s.v FROM T(1) r FULL JOIN T(2) s ON r.id = s.id'),
('rows', 'SELECT k.k, r.v FROM rs_k k RIGHT JOIN T(2) r ON r.id = k.k AND k.g > 1'),
('rows', 'SELECT k.k, r.v, t.v FROM rs_k k JOIN T(2) r ON r.id >= k.k JOIN rs_t t ON t.id = k.g'),
('rows', 'SELECT k.k, j.k, r.v FROM rs_k k, rs_k j, LATERAL T(k.k) r WHERE j.k = r.id'),
('rows', 'SELECT k.k, r.v FROM rs_k k, LATERAL C(k.k, ''b'' || k.g) r'),
('rows', 'SELECT k.k, o.ordinality, o.v, r.v FROM rs_k k, LATERAL T(k.k) WITH ORDINALITY o, LATERAL T(1) r WHERE k.g > 0'),
('rows', 'SELECT k, r.upper FROM rs_k, LATERAL (SELECT upper(v), id FROM T(k)) r WHERE r.id > 1 OR r.id IS NULL'),
('rows', 'SELECT k, x.j FROM rs_k, LATERAL T(2) AS x(i, j) WHERE x.i = k'),
('rows', 'SELECT k, count(r.v), sum(r.n) FROM rs_k, LATERAL T(k) r GROUP BY k'),
('rows', 'SELECT DISTINCT r.grp FROM rs_k, LATERAL T(k) r'),
('rows', 'SELECT k, r.v, row_number() OVER (PARTITION BY r.v ORDER BY k, g) FROM rs_k, LATERAL T(k) r'),
('rows', 'SELECT count(*), count(r), count(r.id) FROM rs_k, LATERAL T(k) r'),
('rows', 'SELECT k, (T(k)).v, r.v FROM rs_k, LATERAL T(1) r WHERE (T(k)).id = r.id OR g > 1'),
('rows', 'SELECT k FROM rs_k, LATERAL T(k) r WHERE r.n > (SELECT s.n FROM T(1) s WHERE s.id <= k)'),
-- sets of queries, CTEs
('rows', 'SELECT i, q.v FROM generate_series(1, 3) i, LATERAL (SELECT v FROM T(1) WHERE i > 1 UNION ALL SELECT v FROM T(i)) q'),
('rows', 'SELECT i, (SELECT string_agg(v, '','') FROM (SELECT v FROM T(1) WHERE i > 0 UNION SELECT v FROM T(2) WHERE i > 1 ORDER BY 1) q) FROM generate_series(1, 3) i'),
('rows', 'SELECT i, ARRAY(SELECT id FROM rs_t WHERE id <= i INTERSECT SELECT id FROM T(2)) FROM generate_series(1, 4) i'),
('rows', 'SELECT i, ARRAY(SELECT id FROM rs_t WHERE id <= i EXCEPT SELECT id FROM T(2) ORDER BY 1) FROM generate_series(1, 4) i'),
('rows', 'WITH RECURSIVE w(i, v) AS (SELECT 1, ''-'' UNION ALL SELECT i + 1, r.v FROM w, T(1) r WHERE i < 5) SELECT * FROM w'),
('rows', 'WITH RECURSIVE w(i, v) AS (SELECT 1, ''-'' UNION ALL SELECT i + 1, r.v FROM w, LATERAL T(w.i) r WHERE i < 12) SELECT * FROM w'),
('rows', 'WITH RECURSIVE w(i) AS (SELECT 1 UNION ALL SELECT r.id + 1 FROM w JOIN LATERAL T(i) r ON r.id IS NOT NULL) SELECT * FROM w'),
('rows', 'WITH RECURSIVE w(i, v) AS (SELECT 1, ''-'' UNION ALL SELECT i + 1, (SELECT r.v FROM T(2) r WHERE w.i > 0) FROM w WHERE i < 5) SELECT * FROM w'),
('rows', 'WITH RECURSIVE w(i, v) AS (SELECT 1, ''-'' UNION SELECT i + 1, r.v FROM w LEFT JOIN T(1) r ON r.id < i WHERE i < 5) SELECT * FROM w'),
('rows', 'WITH w AS MATERIALIZED (SELECT * FROM T(1)) SELECT i, (SELECT w.v FROM w WHERE i > 0) FROM generate_series(1, 3) i'),
('rows', 'SELECT i, (WITH w AS MATERIALIZED (SELECT r.v FROM T(1) r WHERE i > 0) SELECT v FROM w) FROM generate_series(1, 3) i'),
('rows', 'SELECT i, (SELECT q.v FROM rs_k k JOIN LATERAL (SELECT r.v FROM T(1) r WHERE i > 0 LIMIT 1) q ON k.k = i LIMIT 1) FROM generate_series(1, 4) i'),
('rows', 'SELECT i, (SELECT count(*) FROM rs_k k LEFT JOIN T(2) r ON r.id = k.k AND i > 1 WHERE r.v IS NULL) FROM generate_series(1, 4) i'),
-- UPDATE, DELETE, INSERT, MERGE
('change', 'UPDATE rs_w SET x = (SELECT r.v FROM T(1) r WHERE rs_w.id > 0)'),
('change', 'UPDATE rs_w SET x = (SELECT r.v FROM T(rs_w.k) r)'),
('change', 'UPDATE rs_w SET (x, n) = (SELECT r.v, r.n FROM T(2) r WHERE rs_w.k < 4)'),
('change', 'UPDATE rs_w SET x = r.v FROM T(1) r WHERE r.id = rs_w.k RETURNING rs_w.*, r.*'),
('change', 'UPDATE rs_w SET x = r.v FROM rs_k k, LATERAL T(k.k) r WHERE k.k = rs_w.k AND k.g = 1 RETURNING rs_w.*, r.v'),
('change', 'UPDATE rs_w SET n = 0 WHERE EXISTS (SELECT FROM T(2) r WHERE r.id >= rs_w.k)'),
('change', 'UPDATE rs_w SET n = 1 WHERE k IN (SELECT r.id FROM T(2) r WHERE rs_w.id > 5) RETURNING id, (SELECT r.v FROM T(1) r WHERE rs_w.id > 0)'),
('change', 'UPDATE rs_t SET v = (SELECT r.v FROM T(1) r WHERE rs_t.id > 0)'),
('change', 'DELETE FROM rs_w WHERE x <> (SELECT r.v FROM T(1) r WHERE rs_w.k > 1)'),
('change', 'DELETE FROM rs_w USING T(2) r WHERE r.id = rs_w.k RETURNING *'),
('change', 'DELETE FROM rs_w USING rs_k k LEFT JOIN LATERAL T(k.k) r ON r.n > 0 WHERE k.k = rs_w.k AND r.v IS NULL RETURNING rs_w.id'),
('change', 'DELETE FROM rs_w WHERE NOT EXISTS (SELECT FROM T(3) r WHERE r.id > rs_w.k OFFSET 0) RETURNING id'),
('change', 'INSERT INTO rs_w SELECT 100 + i, i, (SELECT r.v FROM T(1) r WHERE i > 0), 0 FROM generate_series(1, 4) i'),
('change', 'INSERT INTO rs_w SELECT 200 + i, i, r.v, r.n FROM generate_series(1, 4) i LEFT JOIN T(2) r ON r.id <= i RETURNING *'),
('change', 'INSERT INTO rs_w SELECT i, i, r.v, r.n FROM generate_series(1, 20) i, LATERAL T(i) r ON CONFLICT (id) DO UPDATE SET x = (SELECT s.v FROM T(1) s WHERE rs_w.id > 0)'),
('change', 'INSERT INTO rs_w VALUES (301, 1, (SELECT r.v FROM T(1) r), 1), (302, 2, (SELECT r.v FROM T(1) r), 2) RETURNING (SELECT r.v FROM T(3) r WHERE rs_w.id > 0)'),
('change', 'MERGE INTO rs_w w USING rs_k k ON w.id = k.k * 2 AND k.g = 1 WHEN MATCHED THEN UPDATE SET x = (SELECT r.v FROM T(1) r WHERE w.id > 0) WHEN NOT MATCHED AND k.k = 99 AND k.g = 1 THEN INSERT VALUES (1000, k.k, (SELECT r.v FROM T(2) r WHERE k.g > 0), 0)'),
('change', 'MERGE INTO rs_w w USING (SELECT i, r.v FROM generate_series(10, 20) i LEFT JOIN T(1) r ON i > 0) s ON w.id = s.i WHEN MATCHED AND (SELECT r.id FROM T(1) r WHERE w.id > 12) = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET x = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.i, 0, s.v, 0)'),
('change', 'WITH u AS (UPDATE rs_w SET x = (SELECT r.v FROM T(1) r WHERE rs_w.id > 0) RETURNING *) SELECT u.id, u.x, (SELECT r.v FROM T(2) r WHERE u.id > 0) FROM u'),
('change', 'SELECT id, x, (SELECT r.v FROM T(1) r WHERE w.id > 0) FROM rs_w w ORDER BY id FOR UPDATE'),
('change', 'SELECT w.id, r.v FROM rs_w w LEFT JOIN T(1) r ON r.id = w.k ORDER BY 1 FOR UPDATE OF w'),
-- cursors
('cursor', 'SELECT k, g, (SELECT r.v FROM T(1) r WHERE g > 0) FROM rs_k ORDER BY k, g'),
('cursor', 'SELECT k, g, r.v FROM rs_k, LATERAL T(k) r ORDER BY k, g'),
('cursor', 'SELECT i, r.v FROM generate_series(1, 7) i LEFT JOIN T(1) r ON r.id < i'),
('cursor', 'SELECT i, (SELECT r.v FROM T(i) r WHERE i > 2) FROM generate_series(1, 7) i'),
('cursor', 'SELECT v FROM T(1) UNION ALL SELECT v FROM T(2) UNION ALL SELECT v FROM T(99) UNION ALL SELECT v FROM T(3)'),
('cursor', 'SELECT * FROM T(1)'),
('cursor', 'SELECT upper(v) FROM T(1) WHERE n > 0'),
-- generic plans
('generic', 'SELECT * FROM T($1)'),
('generic', 'SELECT i, (SELECT r.v FROM T($1) r WHERE i > 0) FROM generate_series(1, 3) i'),
('generic', 'SELECT k, r.v FROM rs_k, LATERAL T(k + $1) r WHERE g >= $1'),
('generic', 'SELECT k, r.v FROM rs_k LEFT JOIN T($1) r ON r.id = k'),
('generic', 'SELECT k, (SELECT r.v FROM T($1) r WHERE r.id = k OR k > $1) FROM rs_k');

CREATE FUNCTION rs_run(kind text, query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	got text[] := '{}';
	one record;
	seen text;
	c refcursor;
	move text;
BEGIN
	PERFORM setval('rs_calls', 1, false);
	IF kind = 'cursor' THEN
		OPEN c SCROLL FOR EXECUTE query;
		FOR i IN 1..3 LOOP
			FETCH NEXT FROM c INTO one;
			got := got || one::text;
		END LOOP;
		FETCH PRIOR FROM c INTO one;
		got := got || one::text;
		FETCH FIRST FROM c INTO one;
		got := got || one::text;
		FETCH ABSOLUTE 4 FROM c INTO one;
		got := got || one::text;
		MOVE BACKWARD 2 FROM c;
		FETCH NEXT FROM c INTO one;
		got := got || one::text;
		FETCH LAST FROM c INTO one;
		got := got || one::text;
		MOVE NEXT FROM c;
		FETCH PRIOR FROM c INTO one;
		got := got || one::text;
		MOVE ABSOLUTE 0 FROM c;
		LOOP
			FETCH NEXT FROM c INTO one;
			EXIT WHEN NOT FOUND;
			got := got || one::text;
		END LOOP;
		LOOP
			FETCH PRIOR FROM c INTO one;
			EXIT WHEN NOT FOUND;
			got := got || one::text;
		END LOOP;
		CLOSE c;
		RETURN got;
	ELSIF kind = 'generic' THEN
		EXECUTE 'PREPARE rs_prepared(int) AS ' || query;
		FOR i IN 1..2 LOOP
			FOREACH move IN ARRAY '{1,2,99,NULL}'::text[] LOOP
				FOR one IN EXECUTE format('EXECUTE rs_prepared(%s)', coalesce(move, 'NULL')) LOOP
					got := got || one::text;
				END LOOP;
			END LOOP;
		END LOOP;
		DEALLOCATE rs_prepared;
	ELSIF kind = 'rows' THEN
		FOR one IN EXECUTE query LOOP
			got := got || one::text;
		END LOOP;
	ELSE
		BEGIN
			IF query LIKE 'SELECT%' OR query LIKE '%RETURNING%' THEN
				FOR one IN EXECUTE query LOOP
					got := got || one::text;
				END LOOP;
			ELSE
				EXECUTE query;
			END IF;
			FOR seen IN SELECT w::text FROM rs_w w UNION ALL SELECT t::text FROM rs_t t LOOP
				got := got || seen;
			END LOOP;
			RAISE EXCEPTION USING ERRCODE = 'RSRSR';
		EXCEPTION WHEN SQLSTATE 'RSRSR' THEN
			NULL;
		END;
	END IF;
	RETURN ARRAY(SELECT u FROM unnest(got) u ORDER BY u COLLATE "C");
END $$;

CREATE FUNCTION rs_with(query text, reader text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(query, '\mT\(', reader || '(NULL::rs_t, ', 'g'),
		'\mC\(', reader || '(NULL::rs_c, ', 'g')
$$;

CREATE FUNCTION rs_has_scan(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
		IF line LIKE '%Custom Scan (CacheRead)%' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;

-- With each way to join, and from a cold and a warm cache.
CREATE TABLE rs_way (no int GENERATED ALWAYS AS IDENTITY, name text, settings text);
INSERT INTO rs_way (name, settings) VALUES
	('default', ''),
	('nested loops, nothing kept', 'enable_hashjoin, enable_mergejoin, enable_material, enable_memoize'),
	('nested loops, materialized', 'enable_hashjoin, enable_mergejoin, enable_memoize'),
	('nested loops, memoized', 'enable_hashjoin, enable_mergejoin, enable_material'),
	('hash joins', 'enable_nestloop, enable_mergejoin, enable_memoize'),
	('merge joins', 'enable_nestloop, enable_hashjoin, enable_memoize'),
	('sorted groups', 'enable_hashagg, enable_hashjoin'),
	('hashed groups', 'enable_sort, enable_indexscan, enable_mergejoin');
SET plan_cache_mode = force_generic_plan;
SET jit = off;
CREATE TABLE rs_mismatch (shape int, way text, expected text[], got text[]);
DO $$
DECLARE
	way record;
	shape record;
	setting text;
	expected text[];
	got text[];
BEGIN
	FOR way IN SELECT * FROM rs_way ORDER BY no LOOP
		FOR setting IN SELECT trim(s) FROM unnest(string_to_array(way.settings, ',')) s LOOP
			PERFORM set_config(setting, 'off', false);
		END LOOP;
		PERFORM cache.invalidate('rs_t'), cache.invalidate('rs_c');
		COMMIT;
		FOR shape IN SELECT * FROM rs_shape ORDER BY no LOOP
			expected := rs_run(shape.kind, rs_with(shape.query, 'rs_twin'));
			FOR i IN 1..2 LOOP
				got := rs_run(shape.kind, rs_with(shape.query, 'cache.read'));
				IF got IS DISTINCT FROM expected THEN
					INSERT INTO rs_mismatch VALUES (shape.no, way.name, expected, got);
					EXIT;
				END IF;
			END LOOP;
			COMMIT;
		END LOOP;
		FOR setting IN SELECT trim(s) FROM unnest(string_to_array(way.settings, ',')) s LOOP
			PERFORM set_config(setting, 'on', false);
		END LOOP;
	END LOOP;
END $$;

-- There is something to compare: shapes with the scan, and shapes that give rows.
SELECT count(*) >= 100 AS shapes, count(*) FILTER (WHERE rs_has_scan(rs_with(query, 'cache.read'))) >= 80 AS with_scan,
	count(*) FILTER (WHERE cardinality(rs_run(kind, rs_with(query, 'rs_twin'))) = 0) AS without_rows
FROM rs_shape WHERE kind <> 'generic';
SELECT relation, hits > 100 AS hits, misses > 20 AS misses FROM cache.table_stats ORDER BY 1;
SELECT kind, query, string_agg(way, ', ') AS ways, min(expected) AS expected, min(got) AS got
FROM rs_mismatch JOIN rs_shape ON no = shape GROUP BY no, kind, query ORDER BY no;

-- The row stays when the table changes; its columns cannot change meanwhile.
BEGIN;
DECLARE c CURSOR FOR SELECT i, (SELECT r.v FROM cache.read(NULL::rs_t, 1) r WHERE i > 0) FROM generate_series(1, 3) i;
FETCH 1 FROM c;
SAVEPOINT s;
ALTER TABLE rs_t DROP COLUMN v;
ROLLBACK TO s;
FETCH 1 FROM c;
UPDATE rs_t SET n = 100;
FETCH ALL FROM c;
ROLLBACK;

-- What EXPLAIN ANALYZE counts.
CREATE FUNCTION rs_analyze(query text) RETURNS TABLE (loops text, rows_of_all int, removed text) LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || query INTO plan;
	plan := plan -> 0 -> 'Plan';
	WHILE plan ->> 'Node Type' <> 'Custom Scan' LOOP
		plan := plan -> 'Plans' -> -1;
	END LOOP;
	RETURN QUERY SELECT plan ->> 'Actual Loops', round((plan ->> 'Actual Rows')::numeric * (plan ->> 'Actual Loops')::int)::int,
		plan ->> 'Rows Removed by Filter';
END $$;
SELECT * FROM rs_analyze('SELECT * FROM cache.read(NULL::rs_t, 1)');
SELECT * FROM rs_analyze('SELECT upper(v) FROM cache.read(NULL::rs_t, 1) WHERE n < 5');
SELECT * FROM rs_analyze('SELECT * FROM cache.read(NULL::rs_t, 1) WHERE n > 5');
SELECT * FROM rs_analyze('SELECT * FROM generate_series(1, 8) i, LATERAL cache.read(NULL::rs_t, i) WHERE id < 0');
SELECT * FROM rs_analyze('SELECT * FROM generate_series(1, 8) i, LATERAL cache.read(NULL::rs_t, i) WHERE id > 0');
DROP FUNCTION rs_analyze;

RESET plan_cache_mode;
RESET jit;

DROP FUNCTION rs_run, rs_with, rs_has_scan, rs_twin(rs_t, int), rs_twin(rs_c, int, text);
DROP TABLE rs_t, rs_c, rs_k, rs_w, rs_shape, rs_way, rs_mismatch;
DROP SEQUENCE rs_calls;
