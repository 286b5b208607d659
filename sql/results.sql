-- Plain SELECTs whose results are kept: the plan node CachedResult.

SET client_min_messages = warning;
CREATE SCHEMA res;
SET search_path = res;
CREATE TABLE t (id int PRIMARY KEY, grp int, v text, n numeric);
INSERT INTO t SELECT i, i % 3, 'v' || i, i / 3.0 FROM generate_series(1, 30) i;
CREATE TABLE u (id int PRIMARY KEY, t int, big text);
INSERT INTO u SELECT i, i % 30 + 1, repeat('x', 10) FROM generate_series(1, 60) i;
SELECT cache.track('t'), cache.track('u');

\getenv source PG_ABS_SRCDIR
\set how :source '/sql/include/how.sql'
\i :how
\set plan :source '/sql/include/plan.sql'
\i :plan
CREATE FUNCTION twice(query text) RETURNS text LANGUAGE sql AS $$ SELECT how(query) || ', ' || how(query) $$;

-- ----- off, declared, auto -----

SELECT how('SELECT count(*) FROM t');
SELECT how('SELECT count(*) FROM t /* cache */');
SET cache_strategies.results = declared;
SELECT how('SELECT count(*) FROM t');
SELECT twice('SELECT count(*) FROM t /* cache */');
/* cache ttl=60s */ EXPLAIN (COSTS OFF) SELECT count(*) FROM t;
SELECT how('SELECT count(*) FROM t /*action=''list'',cache=''true'',cache_ttl=''60s''*/ ;');
SELECT how('SELECT count(*) FROM t /* cache=off */');
SELECT how('SELECT count(*) FROM t /* no cache */'), how('SELECT ''/* cache */'' FROM t'), how('SELECT 1 /* cache */ FROM t');
SET cache_strategies.results = auto;
SELECT how('SELECT count(*) FROM t');
SET cache_strategies.results_min_cost = 0;
SELECT how('SELECT count(*) FROM t');
SET cache_strategies.results = sometimes;

-- ----- EXPLAIN -----

EXPLAIN (COSTS OFF) SELECT grp, count(*) FROM t JOIN u ON u.t = t.id GROUP BY grp ORDER BY grp;
SELECT plan('VERBOSE', 'SELECT grp, 7, ''x'', count(*) FROM t GROUP BY grp ORDER BY grp /* cache ttl=1min */');
SELECT plan('VERBOSE', 'SELECT grp, 7, ''x'', count(*) FROM t GROUP BY grp ORDER BY grp /* cache ttl=1min */');
SELECT grp, 7, 'x', count(*) FROM t GROUP BY grp ORDER BY grp;
SELECT string_agg(key || ': ' || value, E'\n' ORDER BY key) FROM json_each((SELECT string_agg(plan, E'\n') FROM plan('FORMAT JSON', 'SELECT max(n) FROM t'))::json -> 0 -> 'Plan')
	WHERE key IN ('Node Type', 'Custom Plan Provider', 'Result', 'Watched Tables', 'Watched Values');

-- ----- changes -----

SELECT twice('SELECT max(n), count(*) FROM t');
INSERT INTO t VALUES (31, 0, 'new', 1000);
SELECT twice('SELECT max(n), count(*) FROM t');
SELECT max(n), count(*) FROM t;
UPDATE t SET n = 2000 WHERE id = 31;
SELECT max(n), count(*) FROM t;
SELECT max(n), count(*) FROM t;
DELETE FROM t WHERE id = 31;
SELECT max(n), count(*) FROM t;
BEGIN;
UPDATE t SET n = 5000 WHERE id = 1;
SELECT how('SELECT max(n), count(*) FROM t');
SELECT how('SELECT count(*) FROM u');
SELECT how('SELECT count(*) FROM u');
SELECT max(n), count(*) FROM t;
ROLLBACK;
SELECT max(n), count(*) FROM t;
SELECT how('SELECT max(n), count(*) FROM t');
BEGIN;
SAVEPOINT s;
DELETE FROM t WHERE id > 10;
SELECT max(n), count(*) FROM t;
ROLLBACK TO s;
SELECT max(n), count(*) FROM t;
COMMIT;
TRUNCATE u;
SELECT count(*) FROM u;
INSERT INTO u SELECT i, i % 30 + 1, repeat('x', 10) FROM generate_series(1, 60) i;
SELECT count(*) FROM u;
SELECT count(*) FROM u;

-- ----- isolation levels, and switches -----

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT twice('SELECT sum(n) FROM t');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT how('SELECT sum(n) FROM t');
COMMIT;
SET cache_strategies.enabled = off;
SELECT how('SELECT sum(n) FROM t');
RESET cache_strategies.enabled;

-- ----- every kind of value, and no row or column -----

CREATE TYPE pair AS (a int, b text);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE kinds (id int, b bool, c "char", i8 int8, f float8, x text, y bytea, a int[], j jsonb, r int4range, p pair, e colour, d positive, ts timestamptz, big text);
ALTER TABLE kinds ALTER big SET STORAGE EXTERNAL;
INSERT INTO kinds VALUES
	(1, true, 'c', 1, 1.5, 'x', '\x00ff', '{1,NULL,3}', '{"a": [1]}', '[1,5)', (1, 'x'), 'red', 1, '2026-01-01 00:00+00', repeat('large', 2000));
INSERT INTO kinds (id) VALUES (2);
SELECT cache.track('kinds');
SELECT twice('SELECT * FROM kinds ORDER BY id');
CREATE FUNCTION rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record; result text := '';
BEGIN
	FOR r IN EXECUTE query LOOP
		result := result || r::text || E'\n';
	END LOOP;
	RETURN result;
END $$;
CREATE FUNCTION same(query text) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
	kept text := rows_of(query); plain text;
BEGIN
	SET LOCAL cache_strategies.enabled = off;
	plain := rows_of(query);
	SET LOCAL cache_strategies.enabled = on;
	RETURN kept = plain;
END $$;
SELECT same('SELECT * FROM kinds ORDER BY id');
SELECT id, b, c, i8, f, x, y, a, j, r, p, e, d, left(big, 10) FROM kinds ORDER BY id;
SELECT id, b, c, i8, f, x, y, a, j, r, p, e, d, left(big, 10) FROM kinds ORDER BY id;
SELECT twice('SELECT kinds FROM kinds ORDER BY id'), same('SELECT kinds FROM kinds ORDER BY id');
SELECT twice('SELECT * FROM kinds WHERE false'), same('SELECT * FROM kinds WHERE false');
SELECT twice('SELECT FROM kinds'), same('SELECT FROM kinds');
SELECT FROM kinds;
SELECT twice('SELECT id, big FROM kinds, generate_series(1, 200)');
SET cache_strategies.max_result = '8kB';
SELECT how('SELECT id, big FROM kinds');
RESET cache_strategies.max_result;
SELECT how('SELECT ROW(id, b) FROM kinds'), how('SELECT array_agg(ROW(id, b)) FROM kinds'), how('SELECT ROW(id, x)::pair FROM kinds');
COPY (SELECT id, x FROM kinds ORDER BY id) TO STDOUT;
COPY (SELECT id, x FROM kinds ORDER BY id) TO STDOUT;
CREATE TABLE copied AS SELECT id, x FROM kinds ORDER BY id;
TABLE copied;

-- ----- all sorts of plans -----

SELECT q, twice(q), same(q) FROM unnest(ARRAY[
	'WITH w AS MATERIALIZED (SELECT grp, sum(n) AS s FROM t GROUP BY grp) SELECT a.grp, a.s, b.s FROM w a JOIN w b USING (grp) ORDER BY 1',
	'WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT i, v FROM r JOIN t ON id = i ORDER BY 1',
	'SELECT id, (SELECT count(*) FROM u WHERE u.t = t.id) FROM t ORDER BY 1',
	'SELECT id, (SELECT max(id) FROM u) FROM t ORDER BY 1 LIMIT 3 OFFSET 1',
	'SELECT id FROM t WHERE EXISTS (SELECT FROM u WHERE u.t = t.id AND u.id > 40) ORDER BY 1',
	'SELECT id FROM t UNION SELECT id FROM u ORDER BY 1',
	'SELECT grp, rank() OVER (PARTITION BY grp ORDER BY n) FROM t ORDER BY n, id',
	'SELECT grp, grouping(grp), count(*) FROM t GROUP BY ROLLUP (grp) ORDER BY 1, 2',
	'SELECT generate_series(1, grp), id FROM t ORDER BY 2, 1',
	'SELECT v FROM t ORDER BY n DESC, id LIMIT 2',
	'SELECT DISTINCT ON (grp) grp, id FROM t ORDER BY grp, id DESC',
	'SELECT t.id, x.m FROM t, LATERAL (SELECT max(u.id) AS m FROM u WHERE u.t = t.id) x ORDER BY 1',
	'SELECT s.id FROM (SELECT id, grp FROM t ORDER BY id OFFSET 0) s WHERE s.grp = 1 ORDER BY 1',
	'SELECT count(*) FROM t a LEFT JOIN u b ON a.id = b.t AND b.id < 10 WHERE b.id IS NULL']) q;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT grp, count(*) FROM t GROUP BY grp;
SELECT twice('SELECT count(*), sum(n) FROM t WHERE n > 3'), same('SELECT count(*), sum(n) FROM t WHERE n > 3');
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- ----- prepared statements -----

SELECT count(*), sum(length(v)) FROM t WHERE grp = 1 \gdesc
PREPARE p (int, text) AS SELECT $1 AS a, $2 AS b, count(*) FROM t WHERE grp = $1 AND v <> $2;
EXECUTE p(1, 'v1');
SELECT how('EXECUTE p(1, ''v1'')'), how('EXECUTE p(1, ''v2'')'), how('EXECUTE p(2, NULL)'), how('EXECUTE p(NULL, NULL)');
SELECT how('EXECUTE p(1, ''v1'')'), how('EXECUTE p(1, ''v2'')'), how('EXECUTE p(2, NULL)'), how('EXECUTE p(NULL, NULL)');
EXECUTE p(1, 'v2');
EXECUTE p(2, NULL);
SET plan_cache_mode = force_generic_plan;
SELECT how('EXECUTE p(1, ''v1'')'), how('EXECUTE p(1, ''v3'')');
EXPLAIN (COSTS OFF) EXECUTE p(1, 'v1');
UPDATE t SET v = 'v1 changed' WHERE id = 1;
EXECUTE p(1, 'v1');
EXECUTE p(1, 'v1');
-- across DDL
ALTER TABLE t ADD extra int DEFAULT 5;
SELECT twice('EXECUTE p(1, ''v1'')');
PREPARE all_of AS SELECT * FROM t WHERE id = 1;
EXECUTE all_of;
ALTER TABLE t DROP extra;
EXECUTE all_of;
PREPARE named AS SELECT f(id) FROM t WHERE id < 3 ORDER BY id;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 * 10';
PREPARE named AS SELECT f(id) FROM t WHERE id < 3 ORDER BY id;
SELECT twice('EXECUTE named');
EXECUTE named;
CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 * 100';
EXECUTE named;
SELECT twice('EXECUTE named');
CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT max(id) FROM u WHERE u.t = $1';
EXECUTE named;
SELECT how('EXECUTE named');
DELETE FROM u WHERE t = 1;
EXECUTE named;
-- the setting when it was planned does not matter
SET cache_strategies.results = off;
SELECT how('EXECUTE named');
SET cache_strategies.results = auto;
SELECT twice('EXECUTE named');
RESET plan_cache_mode;
DISCARD ALL;

-- ----- what the session is -----

SET search_path = res;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SET client_min_messages = warning;
PREPARE days AS SELECT min(ts)::text AS ts, current_user = session_user AS same, current_schema FROM kinds;
SET timezone = 'UTC';
SET datestyle = 'ISO';
EXECUTE days;
SET timezone = 'Asia/Tokyo';
EXECUTE days;
SET timezone = 'UTC';
EXECUTE days;
SELECT how('EXECUTE days');
SET datestyle = 'SQL, DMY';
EXECUTE days;
RESET datestyle;
CREATE SCHEMA other;
CREATE TABLE other.t (id int PRIMARY KEY, v text);
INSERT INTO other.t VALUES (1, 'other');
SELECT cache.track('other.t');
PREPARE path AS SELECT count(*) FROM t;
EXECUTE path;
SET search_path = other, res;
EXECUTE path;
EXECUTE path;
SET search_path = res;
EXECUTE path;

-- roles, row-level security, and the settings that policies ask for
CREATE TABLE docs (id int PRIMARY KEY, tenant text, owner name, body text);
INSERT INTO docs VALUES (1, 'a', 'regress_cs_one', 'a1'), (2, 'b', 'regress_cs_one', 'b1'), (3, 'a', 'regress_cs_two', 'a2');
SELECT cache.track('docs');
CREATE ROLE regress_cs_one;
CREATE ROLE regress_cs_two;
GRANT USAGE ON SCHEMA res TO PUBLIC;
GRANT SELECT ON docs, t TO regress_cs_one, regress_cs_two;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA res TO PUBLIC;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON docs USING (tenant = current_setting('app.tenant', true) AND owner = current_user);
PREPARE mine AS SELECT id, body FROM docs ORDER BY id;
EXECUTE mine;
SET ROLE regress_cs_one;
SET app.tenant = 'a';
EXECUTE mine;
SELECT twice('EXECUTE mine');
SET app.tenant = 'b';
EXECUTE mine;
SELECT twice('SELECT id, body FROM docs ORDER BY id');
BEGIN;
SET LOCAL app.tenant = 'a';
EXECUTE mine;
ROLLBACK;
EXECUTE mine;
SET ROLE regress_cs_two;
EXECUTE mine;
SET app.tenant = 'a';
EXECUTE mine;
SELECT * FROM cache.explain_result('SELECT id, body FROM docs');
SELECT count(*) FROM t;
SELECT count(*) FROM t;
RESET ROLE;
REVOKE SELECT ON t FROM regress_cs_two;
SET ROLE regress_cs_two;
SELECT count(*) FROM t;
RESET ROLE;
ALTER POLICY tenant ON docs USING (tenant = current_setting('app.tenant', true));
SET ROLE regress_cs_two;
EXECUTE mine;
SELECT twice('EXECUTE mine');
RESET ROLE;
CREATE FUNCTION who() RETURNS text LANGUAGE sql SECURITY DEFINER STABLE AS 'SELECT current_user::text';
SELECT * FROM cache.explain_result('SELECT who() FROM t');

-- ----- cursors -----

BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT grp, count(*) FROM t GROUP BY grp ORDER BY grp;
FETCH 2 FROM c;
FETCH ALL FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ABSOLUTE 1 FROM c;
MOVE ABSOLUTE 0 FROM c;
FETCH ALL FROM c;
CLOSE c;
SELECT how('SELECT grp, count(*) FROM t GROUP BY grp ORDER BY grp');
DECLARE c SCROLL CURSOR FOR SELECT grp, count(*) FROM t GROUP BY grp ORDER BY grp;
FETCH LAST FROM c;
FETCH PRIOR FROM c;
FETCH NEXT FROM c;
FETCH NEXT FROM c;
FETCH PRIOR FROM c;
FETCH FIRST FROM c;
FETCH PRIOR FROM c;
FETCH NEXT FROM c;
FETCH RELATIVE 2 FROM c;
CLOSE c;
-- without SCROLL, as far as the plan allows it
DECLARE c CURSOR FOR SELECT count(*) FROM t GROUP BY grp;
FETCH 1 FROM c;
FETCH BACKWARD 1 FROM c;
ROLLBACK;
-- a cursor sees its snapshot
BEGIN;
DECLARE c CURSOR FOR SELECT count(*) FROM t;
DELETE FROM t WHERE id = 30;
FETCH ALL FROM c;
SELECT count(*) FROM t;
ROLLBACK;
-- WHERE CURRENT OF finds the table
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM u WHERE id = 5;
FETCH c;
UPDATE u SET big = 'current' WHERE CURRENT OF c;
SELECT big FROM u WHERE id = 5;
COMMIT;
-- WITH HOLD
BEGIN;
DECLARE h CURSOR WITH HOLD FOR SELECT grp, count(*) FROM t GROUP BY grp ORDER BY grp;
FETCH 1 FROM h;
COMMIT;
FETCH ALL FROM h;
CLOSE h;
\set FETCH_COUNT 1
SELECT grp, sum(n) FROM t GROUP BY grp ORDER BY grp;
SELECT grp, sum(n) FROM t GROUP BY grp ORDER BY grp;
\unset FETCH_COUNT

-- ----- PL/pgSQL and SQL functions -----

CREATE FUNCTION counted() RETURNS TABLE (hits numeric, kept numeric) LANGUAGE sql AS
	$$ SELECT sum(hits), sum(sets) FROM cache.space_stats $$;
CREATE FUNCTION loop_over(g int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record; result text := ''; n bigint; single text;
BEGIN
	FOR r IN SELECT id FROM t WHERE grp = g ORDER BY id LIMIT 3 LOOP
		result := result || r.id || ' ';
	END LOOP;
	SELECT count(*) INTO n FROM t WHERE grp = g;
	SELECT v INTO STRICT single FROM t WHERE id = g + 1;
	RETURN result || n || ' ' || single;
END $$;
CREATE TEMP TABLE before AS SELECT * FROM counted();
SELECT loop_over(1);
SELECT loop_over(1), loop_over(2), loop_over(2), loop_over(1);
SELECT c.hits - b.hits AS hits, c.kept - b.kept AS kept FROM counted() c, before b;
UPDATE t SET v = 'changed' WHERE id = 2;
SELECT loop_over(1);
CREATE FUNCTION in_sql(int) RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM t WHERE grp = $1';
SELECT in_sql(1), in_sql(1), in_sql(2);
DO $$
DECLARE
	c CURSOR (g int) FOR SELECT grp, count(*) AS n FROM t WHERE grp >= g GROUP BY grp ORDER BY grp;
	r record;
BEGIN
	FOR i IN 1..2 LOOP
		FOR r IN c(1) LOOP
			RAISE WARNING '% %', r.grp, r.n;
		END LOOP;
	END LOOP;
END $$;

-- ----- the time -----

SELECT how('SELECT now() IS NULL, count(*) FROM t');
SELECT twice('SELECT now() IS NULL, count(*) FROM t /* cache max_age=1h */');
UPDATE t SET v = 'changed again' WHERE id = 2;
SELECT how('SELECT now() IS NULL, count(*) FROM t /* cache max_age=1h */');
SELECT v FROM t WHERE id = 2 /* cache max_age=1h */;
UPDATE t SET v = 'newest' WHERE id = 2;
SELECT v FROM t WHERE id = 2 /* cache max_age=1h */;
SELECT v FROM t WHERE id = 2;
SELECT v FROM t WHERE id = 2 /* cache max_age=1h */;
EXPLAIN (COSTS OFF) SELECT v FROM t WHERE id = 2 /* cache max_age=1500ms ttl=1min */;

-- what the session knows of statements has a limit
DO $$
DECLARE
	n bigint;
BEGIN
	FOR i IN 1..600 LOOP
		EXECUTE format('SELECT count(*) FROM t WHERE id = %s AND v <> %L', i, i) INTO n;
	END LOOP;
END $$;
SELECT count(*) > 100 AS some, count(*) <= 256 AS not_more, sum(total_bytes) < 2000000 AS lean
FROM pg_backend_memory_contexts WHERE name = 'cache_strategies statement';

DROP SCHEMA other CASCADE;
DROP SCHEMA res CASCADE;
DROP ROLE regress_cs_one;
DROP ROLE regress_cs_two;
