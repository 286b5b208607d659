--
-- Plain SQL over attached tables returns the same rows under every plan as over tables
-- that are not attached.
--
\getenv source PG_ABS_SRCDIR
\set matrix :source '/sql/include/plan_matrix.sql'
\i :matrix
SELECT count(*) >= 100 AS queries, (SELECT count(*) >= 15 FROM pm.plans) AS plans FROM pm.queries;

-- ----- plain reads by key -----
CALL pm.build('pm_read');
SELECT cache.attach('pm_read.t', 'read_through', plain_reads => true), cache.attach('pm_read.o', 'cache_aside', plain_reads => true),
	cache.attach('pm_read.parts', 'write_through', plain_reads => true), cache.attach('pm_read.par', 'read_through', plain_reads => true);
CALL pm.add_child('pm_read');
SET cache_strategies.plain_reads = on;
-- nothing in the cache
SELECT * FROM pm.differences('pm_read', '^default');
-- with what the queries have left there
SELECT * FROM pm.differences('pm_read');
-- after changes, in the transaction that makes them, and after it
BEGIN;
CALL pm.both('pm_read', $$
	UPDATE t SET n = n + 40, r = 'r2', top = 12 WHERE id % 10 < 3;
	DELETE FROM t WHERE id IN (5, 44);
	INSERT INTO t VALUES (301, 4, 7, 'r3', 9, 'new'), (7000, 1, 61, 'r9', NULL, 'new');
	UPDATE o SET n = n - 3 WHERE k < 6;
	UPDATE parts SET n = n + 2 WHERE id % 3 = 0;
	UPDATE par SET n = 5 WHERE id % 4 = 0 $$);
SELECT * FROM pm.differences('pm_read', 'default|generic|nestloop|parallel$');
COMMIT;
SELECT * FROM pm.differences('pm_read', 'default|generic|nestloop|parallel$');
-- was it for want of plans?
SELECT node FROM unnest(ARRAY['Seq Scan', 'Index Scan', 'Index Only Scan', 'Bitmap Heap Scan', 'Tid Scan', 'Tid Range Scan', 'Sample Scan', 'Nested Loop', 'Hash Join',
	'Merge Join', 'Merge Append', 'Append', 'Memoize', 'Materialize', 'Incremental Sort', 'Gather', 'Gather Merge', 'Custom Scan (CacheRead)']) node
	EXCEPT SELECT node FROM pm.seen;
RESET cache_strategies.plain_reads;

DROP SCHEMA pm, pm_plain, pm_read CASCADE;
