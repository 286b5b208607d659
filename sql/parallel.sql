-- Reads in the leader of a parallel query: what is cached is used, what is not
-- is read from the table and not kept.
CREATE TABLE par (id int PRIMARY KEY, v text);
CREATE TABLE par_many (id int, other int);
INSERT INTO par SELECT i, 'row ' || i FROM generate_series(1, 100) i;
INSERT INTO par_many SELECT i, 1 + i % 100 FROM generate_series(1, 20000) i;
ANALYZE par, par_many;
SELECT cache.attach('par', 'write_through', negative_ttl => '1 hour');
SELECT count(cache.read(NULL::par, i)) FROM generate_series(1, 50) i;
SELECT cache.stats_reset();

SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS OFF)
	SELECT other, cache.read(NULL::par, other) FROM par_many WHERE id % 10 = 0;
SELECT count(*), count(*) FILTER (WHERE same) AS same FROM (
	SELECT cache.read(NULL::par, other) IS NOT DISTINCT FROM (SELECT p FROM par p WHERE p.id = other) AS same
	FROM par_many WHERE id % 7 = 0) x;
SELECT count(*), count(*) FILTER (WHERE (c.got).v = 'row ' || c.other) AS same
	FROM (SELECT other, cache.read(NULL::par, other) AS got FROM par_many WHERE id % 10 = 0 OFFSET 0) c;
RESET max_parallel_workers_per_gather;

-- hits for the keys 1 to 50, nothing filled for the others by the leader
SELECT hits > 0 AS hits FROM cache.table_stats WHERE relation = 'par'::regclass;
SELECT (cache.explain(NULL::par, 5)).outcome, (cache.explain(NULL::par, 60)).reason;

-- a parallel query in a transaction that has changed the table
SET max_parallel_workers_per_gather = 2;
BEGIN;
UPDATE par SET v = 'changed' WHERE id <= 10;
SELECT count(*) FILTER (WHERE v = 'changed') FROM (
	SELECT (cache.read(NULL::par, other)).v FROM par_many WHERE id % 100 IN (0, 5)) x;
ROLLBACK;
SELECT count(*) FILTER (WHERE v = 'changed') FROM (
	SELECT (cache.read(NULL::par, other)).v FROM par_many WHERE id % 100 IN (0, 5)) x;

DROP TABLE par, par_many;
