-- Transactions that change some hundred keys: by key, or the table as a whole.
CREATE TABLE bulk (id int PRIMARY KEY, v int NOT NULL);
INSERT INTO bulk SELECT i, 0 FROM generate_series(1, 2000) i;
SELECT cache.attach('bulk', 'cache_aside');

CREATE PROCEDURE change(change text) LANGUAGE plpgsql AS $$
DECLARE
	before record;
	after record;
BEGIN
	SELECT * INTO before FROM cache.table_stats s WHERE relation = 'bulk'::regclass;
	EXECUTE change;
	COMMIT;
	SELECT * INTO after FROM cache.table_stats s WHERE relation = 'bulk'::regclass;
	RAISE NOTICE 'keys %, whole tables %, published %', after.invalidations - before.invalidations,
		after.table_invalidations - before.table_invalidations, after.publishes - before.publishes;
END $$;
CREATE FUNCTION warm(n int) RETURNS bigint LANGUAGE sql AS 'SELECT count(cache.read(NULL::bulk, i)) FROM generate_series(1, n) i';
-- what differs between the cache and the table, and what is a hit
CREATE VIEW checked AS
	SELECT count(*) FILTER (WHERE cache.read(NULL::bulk, id) *<> bulk) AS different FROM bulk;

-- nothing is cached
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 255');
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 256');
SELECT * FROM checked;
SELECT cache.invalidate('bulk');

-- one entry for 32 keys, and one more than that
SELECT cache.detach('bulk');
SELECT cache.attach('bulk', 'cache_aside');
SELECT warm(8);
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 256');
SELECT * FROM checked;
SELECT cache.detach('bulk');
SELECT cache.attach('bulk', 'cache_aside');
SELECT warm(9);
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 256');
SELECT * FROM checked;
-- with more keys it is asked again
SELECT cache.detach('bulk');
SELECT cache.attach('bulk', 'cache_aside');
SELECT warm(16);
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 511');
CALL change('INSERT INTO bulk SELECT i, 0 FROM generate_series(2001, 2400) i');
SELECT warm(16);
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 600');
SELECT * FROM checked;

-- in the transaction itself, and after a rollback to a savepoint
SELECT cache.detach('bulk');
SELECT cache.attach('bulk', 'cache_aside');
SELECT warm(3);
BEGIN;
SAVEPOINT s;
UPDATE bulk SET v = v + 1 WHERE id <= 300;
SELECT * FROM checked;
ROLLBACK TO s;
SELECT * FROM checked;
COMMIT;
SELECT * FROM checked;

-- write_through publishes its rows
SELECT cache.detach('bulk');
SELECT cache.attach('bulk', 'write_through');
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 300');
SELECT * FROM checked;

-- a result that depends on a value stays when other rows are changed
SELECT cache.detach('bulk');
SELECT cache.attach('bulk', 'cache_aside');
SELECT cache.track('bulk', by_value => true);
SET cache_strategies.results = 'auto';
SET cache_strategies.results_min_cost = 0;
SELECT v > 0 FROM bulk WHERE id = 1000;
SELECT v > 0 FROM bulk WHERE id = 1000;
CALL change('UPDATE bulk SET v = v + 1 WHERE id <= 300');
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT v > 0 FROM bulk WHERE id = 1000;
RESET cache_strategies.results;
RESET cache_strategies.results_min_cost;
SELECT * FROM checked;

DROP TABLE bulk CASCADE;
DROP PROCEDURE change;
DROP FUNCTION warm;
