-- Kept results that answer are compared with what their statements return
-- (cache_strategies.audit_results).

SET client_min_messages = warning;
CREATE SCHEMA aud;
SET search_path = aud;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE t (id int PRIMARY KEY, grp int, v text, n numeric, f float8, m mood, big text);
INSERT INTO t SELECT i, i % 3, 'v' || i, (i % 2)::numeric, i / 3.0, 'ok', NULL FROM generate_series(1, 30) i;
ALTER TABLE t ALTER big SET STORAGE EXTERNAL;
UPDATE t SET big = repeat('x', 5000) WHERE id = 3;
CREATE TABLE u (id int PRIMARY KEY, t int);
INSERT INTO u SELECT i, i % 30 + 1 FROM generate_series(1, 60) i;
CREATE TABLE part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (10);
CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (10) TO (20);
INSERT INTO part SELECT i, 'p' FROM generate_series(1, 19) i;
SELECT cache.track('t', by_value => true), cache.track('u'), cache.track('part');
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SET cache_strategies.results_adapt = off;

-- What became of the second of two executions.
CREATE FUNCTION audited(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before jsonb;
	result text;
BEGIN
	EXECUTE query;
	before := (SELECT jsonb_object_agg(outcome || coalesce(': ' || reason, ''), entries) FROM cache.audit_stats WHERE kind = 'result');
	EXECUTE query;
	SELECT string_agg(format('%s: %s', entries - coalesce((before ->> what)::bigint, 0), what), ', ') INTO result
	FROM (SELECT outcome || coalesce(': ' || reason, '') AS what, entries FROM cache.audit_stats WHERE kind = 'result') x
	WHERE entries > coalesce((before ->> what)::bigint, 0);
	RETURN coalesce(result, 'nothing');
END $$;

-- ----- which hits -----

SELECT audited('SELECT count(*) FROM t');
SET cache_strategies.audit_results = 1;
SELECT audited('SELECT count(*) FROM t');
SET cache_strategies.results = off;
SELECT audited('SELECT count(*) FROM t');
SET cache_strategies.results = auto;

-- ----- what is compared -----

SELECT audited(q), q FROM unnest(ARRAY[
	'SELECT count(*), sum(id), avg(n), min(v), max(m), bool_or(id > 3) FROM t',
	'SELECT * FROM t',
	'SELECT big FROM t WHERE id = 3',
	'SELECT v FROM t WHERE id = 7 ORDER BY v',
	'SELECT grp, count(*) FROM t GROUP BY grp',
	'SELECT DISTINCT v FROM t',
	'SELECT t.id, u.id FROM t JOIN u ON u.t = t.id ORDER BY t.id',
	'SELECT id, (SELECT count(*) FROM u WHERE u.t = t.id) FROM t WHERE grp = 1 ORDER BY id',
	'SELECT id FROM t UNION SELECT id FROM u',
	'SELECT n FROM t UNION ALL SELECT n FROM t',
	'WITH x AS (SELECT id, grp FROM t) SELECT grp, sum(id) FROM x GROUP BY grp',
	'SELECT id, v FROM t ORDER BY grp LIMIT 7',
	'SELECT id, v FROM t ORDER BY grp OFFSET 3 LIMIT 7',
	'SELECT id FROM t ORDER BY grp FETCH FIRST 7 ROWS WITH TIES',
	'SELECT * FROM part WHERE id > 5',
	'SELECT id FROM t WHERE false',
	'SELECT id, generate_series(1, 2) FROM t',
	'SELECT NULL, id FROM t WHERE big IS NULL']) q;

-- A plan of INTERSECT has a column that says of which input a row is.
CREATE TABLE x AS SELECT i FROM generate_series(1, 1000) i;
CREATE TABLE y AS SELECT i FROM generate_series(1, 3) i;
SELECT cache.track('x'), cache.track('y');
SELECT i FROM x INTERSECT SELECT i FROM y ORDER BY i;
ANALYZE x, y;
SELECT audited('SELECT i FROM x INTERSECT SELECT i FROM y ORDER BY i');

-- ----- what is not -----

CREATE FUNCTION of_t(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM aud.t WHERE grp = $1';
SELECT audited(q), q FROM unnest(ARRAY[
	'SELECT id FROM t LIMIT 3',
	'SELECT id FROM t ORDER BY n LIMIT 3',
	'SELECT id FROM t ORDER BY id OFFSET 3 LIMIT (SELECT count(*) FROM u LIMIT 1)',
	'SELECT count(*) FROM (SELECT id FROM t LIMIT 3) s',
	'SELECT array_agg(id) FROM t',
	'SELECT ARRAY(SELECT id FROM t)',
	'SELECT sum(f) FROM t',
	'SELECT sum(DISTINCT n) FROM t',
	'SELECT min(n) FROM t',
	'SELECT n, count(*) FROM t GROUP BY n',
	'SELECT DISTINCT ON (grp) grp, id FROM t',
	'SELECT n FROM t EXCEPT SELECT n FROM t WHERE id > 3',
	'SELECT id, row_number() OVER (ORDER BY grp) FROM t',
	'SELECT of_t(1)',
	'SELECT t FROM t',
	'SELECT ARRAY[t] FROM t',
	'SELECT count(*), now() FROM t /* cache max_age=1h */']) q;

-- ----- parameters, cursors, functions -----

PREPARE by_id(int) AS SELECT v FROM t WHERE id = $1;
EXECUTE by_id(4);
SELECT entries AS verified FROM cache.audit_stats WHERE kind = 'result' AND outcome = 'verified' \gset
EXECUTE by_id(4);
SET plan_cache_mode = force_generic_plan;
EXECUTE by_id(4);
SELECT entries - :verified AS verified FROM cache.audit_stats WHERE kind = 'result' AND outcome = 'verified';
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT grp, sum(id) FROM t GROUP BY grp ORDER BY grp;
FETCH ALL FROM c;
CLOSE c;
DECLARE c SCROLL CURSOR FOR SELECT grp, sum(id) FROM t GROUP BY grp ORDER BY grp;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
SAVEPOINT s;
FETCH 1 FROM c;
ROLLBACK TO s;
FETCH 1 FROM c;
COMMIT;
SELECT entries - :verified AS verified FROM cache.audit_stats WHERE kind = 'result' AND outcome = 'verified';

-- ----- cache.remember() -----

SELECT audited(q), q FROM unnest(ARRAY[
	$$SELECT cache.remember('a', '1 hour', 'SELECT id, v, big FROM aud.t')$$,
	$$SELECT cache.remember('a', '1 hour', 'SELECT v FROM aud.t WHERE id = $1', params => '{5}')$$,
	$$SELECT cache.remember('a', '1 hour', 'SELECT t FROM aud.t')$$,
	$$SELECT cache.remember('a', '1 hour', 'SELECT array_agg(id) FROM aud.t')$$,
	$$SELECT cache.remember('a', '1 hour', 'SELECT id FROM aud.t ORDER BY id LIMIT 3')$$,
	$$SELECT cache.remember('a', '1 hour', 'SELECT now(), count(*) FROM aud.t')$$,
	$$SELECT * FROM cache.remember(NULL::aud.t, 'a', '1 hour', 'SELECT * FROM aud.t')$$,
	$$SELECT * FROM cache.remember(NULL::bigint, 'a', '1 hour', 'SELECT count(*) FROM aud.u')$$,
	$$SELECT * FROM cache.remember(NULL::aud.t, 'a', '1 hour', 'SELECT * FROM aud.t WHERE false')$$]) q;

-- ----- it changes nothing -----

SELECT count(*) = sum(CASE WHEN id > 0 THEN 1 END) AS same FROM t;
SELECT count(*) = sum(CASE WHEN id > 0 THEN 1 END) AS same FROM t;
SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND pid = pg_backend_pid();
SELECT outcome, entries FROM cache.audit_stats WHERE kind = 'result' AND outcome = 'mismatched';
CREATE ROLE cs_audited;
SET ROLE cs_audited;
SET cache_strategies.audit_results = 0;
RESET ROLE;
SET cache_strategies.audit_results = -1;

RESET cache_strategies.audit_results;
RESET cache_strategies.results;
DROP ROLE cs_audited;
SET client_min_messages = warning;
DROP SCHEMA aud CASCADE;
