-- Histograms of how long operations take: each operation is in its own.

CREATE TABLE timed (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
INSERT INTO timed SELECT i, 'row ' || i FROM generate_series(1, 20) i;
SELECT cache.attach('timed', 'read_through');
CREATE TABLE timed_back (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO timed_back VALUES (1, 0);
SELECT cache.attach('timed_back', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
SELECT (cache.read(NULL::timed_back, 1)).n;
SELECT cache.create_space('timed');

-- What was timed since the last time.
CREATE FUNCTION timed() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SELECT string_agg(format('%s %s %s', kind, operation, timed), ', ' ORDER BY kind, operation) INTO result FROM cache.latency WHERE timed > 0;
	PERFORM cache.stats_reset_shared();
	RETURN coalesce(result, 'nothing');
END $$;
SELECT timed() IS NOT NULL;
-- every hit, also that which was chosen before
SET cache_strategies.trace_log_sample = 1;

SELECT (cache.read(NULL::timed, 1)).v;
SELECT timed() AS "a miss";
SELECT count((cache.read(NULL::timed, 1)).v) FROM generate_series(1, 100) i;
SELECT timed() AS "hits";
SELECT count(*) FROM cache.read_many(NULL::timed, ARRAY[1, 2, 3, 4]);
SELECT timed() AS "one of four, and a load of three";
SET cache_strategies.enabled = off;
SELECT (cache.read(NULL::timed, 1)).v;
RESET cache_strategies.enabled;
SELECT timed() AS "a bypass";
SELECT (cache.write(ROW(1, 'one', 0)::timed)).v;
SELECT timed() AS "a write";
SELECT cache.remove(NULL::timed, 2);
SELECT timed() AS "a removal";
SELECT cache.increment(NULL::timed_back, 'n', 1, 1);
SELECT timed() AS "an increment, which reads the row";
SELECT cache.flush('timed_back');
SELECT timed() AS "a flush";
SELECT cache.flush('timed_back');
SELECT timed() AS "one of nothing";
SELECT cache.set('k', 'v', space => 'timed');
SELECT timed() AS "a key is set";
SELECT cache.get('k', space => 'timed');
SELECT timed() AS "and read";
SELECT cache.get('none', space => 'timed');
SELECT timed() AS "one that is not there";
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM timed', space => 'timed');
SELECT timed() AS "a result is computed";
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM timed', space => 'timed');
SELECT timed() AS "and found";

-- one hit in 64, on average
RESET cache_strategies.trace_log_sample;
SELECT count((cache.read(NULL::timed, 3)).v) FROM generate_series(1, 20000) i;
SELECT timed BETWEEN 200 AND 450 AS sampled, total_ms > 0 AS total, mean_ms > 0 AS mean,
	p50_ms > 0 AND p50_ms <= p95_ms AND p95_ms <= p99_ms AND p99_ms <= p999_ms AS ordered
FROM cache.latency WHERE kind = 'rows' AND operation = 'hit';

-- the histogram has them all, and gives the same percentiles to within a bucket
SELECT l.timed = sum(h.count) AND l.timed = max(h.cumulative) AS all_of_them,
	l.p50_ms <= min(h.below_ms) FILTER (WHERE h.cumulative >= 0.5 * l.timed)
		AND l.p50_ms > min(h.below_ms) FILTER (WHERE h.cumulative >= 0.5 * l.timed) * 8 / 9.01 AS half,
	l.p99_ms <= min(h.below_ms) FILTER (WHERE h.cumulative >= 0.99 * l.timed) AS nearly_all,
	count(*) FILTER (WHERE h.below_ms = 'Infinity') AS last
FROM cache.latency l JOIN cache.latency_histogram h USING (kind, operation)
WHERE kind = 'rows' AND operation = 'hit' GROUP BY l.timed, l.p50_ms, l.p99_ms;
-- bounds are eight to a power of two nanoseconds
SELECT bool_and((below_ms * 1000000)::bigint % (2 ^ (floor(log(2, (below_ms * 1000000)::numeric - 1)) - 3))::bigint = 0) AS fixed
FROM cache.latency_histogram WHERE below_ms < 'Infinity';

SELECT cache.stats_reset_shared();
SELECT kind, operation, timed, p50_ms FROM cache.latency;

SELECT cache.drop_space('timed');
DROP FUNCTION timed();
DROP TABLE timed, timed_back;
