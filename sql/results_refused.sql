-- Plain SELECTs whose results are not kept, and why.

SET client_min_messages = warning;
CREATE SCHEMA refused;
SET search_path = refused;
\getenv source PG_ABS_SRCDIR
\set plan :source '/sql/include/plan.sql'
\i :plan
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
CREATE TABLE t (id int PRIMARY KEY, v text, d timestamptz, tz timetz);
CREATE TABLE untracked (id int);
CREATE TEMP TABLE temporary (id int);
CREATE TABLE parent (id int);
CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
CREATE VIEW over_catalogue AS SELECT relname FROM pg_class;
CREATE VIEW over_t AS SELECT id FROM t;
SELECT cache.track('t');
CREATE FUNCTION vol() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE FUNCTION opaque() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION fixed(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION broken() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1 FROM t';
CREATE FUNCTION is_soon(timestamptz) RETURNS bool LANGUAGE sql STABLE AS 'SELECT $1 < now()';
CREATE FUNCTION literal() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT timestamptz ''now''';
CREATE TYPE pair AS (a int, b date);
SET check_function_bodies = off;
CREATE FUNCTION wrong() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1; SELECT nothing FROM nowhere';
RESET check_function_bodies;

SELECT q, eligible, kept, regexp_replace(reason, 'pg_temp_[0-9]+', 'pg_temp_N') AS reason, hint, watches FROM unnest(ARRAY[
	'SELECT * FROM t',
	'SELECT * FROM over_t',
	'SELECT fixed(id) FROM t',
	'SELECT broken() FROM t',
	'SELECT id FROM t WHERE v = $1',
	'INSERT INTO t VALUES (1)',
	'VACUUM t',
	'SELECT 1',
	'VALUES (1)',
	'SELECT * FROM untracked',
	'SELECT * FROM t, untracked',
	'SELECT * FROM temporary',
	'SELECT * FROM m',
	'SELECT * FROM over_catalogue',
	'SELECT count(*) FROM pg_class, t',
	'SELECT * FROM cache.tracked',
	'SELECT * FROM t FOR UPDATE',
	'SELECT * FROM (SELECT * FROM t FOR SHARE) s',
	'WITH w AS (DELETE FROM t RETURNING id) SELECT * FROM w',
	'SELECT vol() FROM t',
	'SELECT random() FROM t',
	'SELECT opaque() FROM t',
	'SELECT wrong() FROM t',
	'SELECT * FROM t TABLESAMPLE SYSTEM (10) REPEATABLE (1)',
	'SELECT xmax FROM t',
	'SELECT ''t''::regclass, id FROM t',
	'SELECT pg_relation_size(''t'') FROM t',
	'SELECT current_setting(v) FROM t',
	'SELECT now() FROM t',
	'SELECT id FROM t WHERE d < current_date',
	'SELECT id FROM t WHERE is_soon(d)',
	'SELECT age(d) FROM t',
	'SELECT v::date FROM t',
	'SELECT v::pair FROM t',
	'SELECT v::date[] FROM t',
	'SELECT v::int FROM t',
	'SELECT date_trunc(''day'', d) FROM t',
	'SELECT tz AT TIME ZONE ''Europe/Berlin'' FROM t',
	'SELECT jsonb_populate_record(NULL::pair, ''{"b": "today"}'') FROM t',
	'SELECT x.* FROM t, jsonb_to_record(''{"b": "today"}'') x (b date)',
	'SELECT literal() FROM t',
	'SELECT now() FROM t /* cache max_age=10s */',
	'SELECT id FROM t /* cache ttl=soon */',
	'SELECT id FROM t /* cache max_age=-1s */',
	'SELECT ROW(id, v) FROM t']) q, cache.explain_result(q);

SELECT * FROM cache.explain_result('SELECT 1; SELECT 2');
SELECT * FROM cache.explain_result('SELECT * FROM nowhere');
SELECT * FROM cache.explain_result('');
SELECT * FROM cache.explain_result(NULL);

-- EXPLAIN says it as well, of the statement that it explains
\getenv source PG_ABS_SRCDIR
\set how :source '/sql/include/how.sql'
\i :how
CREATE FUNCTION why(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ '^ *Result: ' THEN
			RETURN substring(line FROM 'Result: (.*)');
		END IF;
	END LOOP;
	RETURN 'nothing is said';
END $$;
EXPLAIN (COSTS OFF) SELECT random() FROM t;
SELECT plan('VERBOSE OFF', 'SELECT vol(), id FROM t ORDER BY v');
EXPLAIN (COSTS OFF) SELECT * FROM t FOR UPDATE;
SELECT q, how(q), why(q) FROM unnest(ARRAY[
	'SELECT opaque() FROM t',
	'SELECT now() FROM t',
	'SELECT * FROM t TABLESAMPLE SYSTEM (10)',
	'SELECT * FROM m',
	'SELECT * FROM t FOR SHARE',
	'SELECT id FROM t /* cache ttl=soon */',
	'SELECT * FROM untracked',
	'SELECT count(*) FROM pg_class',
	'SELECT count(*) FROM pg_class /* cache */',
	'SELECT 1',
	'SELECT id FROM t',
	'WITH w AS (DELETE FROM t RETURNING id) SELECT * FROM w',
	'INSERT INTO t VALUES (7)']) q;
EXPLAIN (COSTS OFF) DECLARE c CURSOR FOR SELECT id FROM t;
-- and of no other
SELECT q, how(q) FROM unnest(ARRAY['SELECT vol() FROM t', 'SELECT vol() FROM t']) q;
PREPARE random_rows AS SELECT random() < 2 FROM t;
EXPLAIN (COSTS OFF) EXECUTE random_rows;
SET cache_strategies.results = declared;
SELECT why('SELECT vol() FROM t'), why('SELECT vol() FROM t /* cache */');
SET cache_strategies.results = off;
SELECT why('SELECT vol() FROM t /* cache */');
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 1e6;
SELECT why('SELECT vol() FROM t'), why('SELECT * FROM t FOR UPDATE'), why('SELECT vol() FROM t /* cache */');
SET cache_strategies.results_min_cost = 0;
TRUNCATE t;

-- without FROM: what is read is in subqueries, or in functions
CREATE FUNCTION total() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM t';
CREATE FUNCTION total_of_untracked() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM untracked';
SELECT q, eligible, reason, hint, watches FROM unnest(ARRAY[
	'SELECT opaque()',
	'SELECT vol()',
	'SELECT fixed(1)',
	'SELECT random()',
	'SELECT 1 + 1 WHERE opaque() = 1',
	'SELECT total()',
	'SELECT total_of_untracked()',
	'SELECT (SELECT count(*) FROM t), (SELECT max(id) FROM t)',
	'SELECT EXISTS (SELECT FROM t WHERE id = $1)',
	'SELECT EXISTS (SELECT FROM untracked)',
	'SELECT ARRAY(SELECT relname FROM pg_class)',
	'SELECT (SELECT opaque())']) q, cache.explain_result(q);
INSERT INTO t VALUES (1);
PREPARE without_from AS SELECT (SELECT count(*) FROM t), total();
SELECT replace(plan, ' (returns $0)', '') AS plan FROM plan('VERBOSE OFF', 'EXECUTE without_from');
SELECT replace(plan, ' (returns $0)', '') AS plan FROM plan('VERBOSE OFF', 'EXECUTE without_from');
EXECUTE without_from;
INSERT INTO t VALUES (2);
EXECUTE without_from;
-- its cost is that of its subqueries
SET cache_strategies.results_min_cost = 5;
SELECT kept FROM cache.explain_result('SELECT (SELECT count(*) FROM t)');
SELECT kept, reason FROM cache.explain_result('SELECT 1 WHERE EXISTS (SELECT FROM t)');
SET cache_strategies.results_min_cost = 0;
TRUNCATE t;

-- nothing of it fails for the reason that it was looked into
SELECT CASE WHEN id < 0 THEN wrong() END FROM t;

SET cache_strategies.results = declared;
SELECT eligible, kept, reason, hint FROM cache.explain_result('SELECT * FROM t');
SELECT eligible, kept, reason, ttl FROM cache.explain_result('SELECT * FROM t /* cache ttl=90 */');
SET cache_strategies.results = off;
SELECT eligible, kept, reason FROM cache.explain_result('SELECT * FROM t /* cache */');
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 1e6;
SELECT eligible, kept, regexp_replace(reason, '[0-9.]+', 'N') FROM cache.explain_result('SELECT * FROM t');
SELECT eligible, kept FROM cache.explain_result('/* cache */ SELECT * FROM t');

-- without a privilege it is not told what it reads
CREATE ROLE regress_cs_stranger;
GRANT USAGE ON SCHEMA refused TO regress_cs_stranger;
SET ROLE regress_cs_stranger;
SELECT * FROM cache.explain_result('SELECT * FROM over_t');
RESET ROLE;

DROP SCHEMA refused CASCADE;
DROP ROLE regress_cs_stranger;
