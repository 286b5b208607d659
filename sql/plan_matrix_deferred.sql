--
-- Plain SQL over tables with deferred writes returns the same rows under every plan, and
-- those that a table has to which the same was done at once.
--
\getenv source PG_ABS_SRCDIR
\set matrix :source '/sql/include/plan_matrix.sql'
\i :matrix
CALL pm.build('pm_back');
SELECT cache.attach('pm_back.t', 'write_back', durable => false, flush_interval => '1 day', merge => '{"n": "add", "r": "replace", "top": "max"}'),
	cache.attach('pm_back.o', 'write_back', durable => false, flush_interval => '1 day', merge => '{"n": "add"}'),
	cache.attach('pm_back.par', 'write_back', durable => false, flush_interval => '1 day', merge => '{"n": "replace"}');
CALL pm.add_child('pm_back');

-- ----- nothing deferred, and yet nothing -----
SELECT * FROM pm.differences('pm_back', 'default|scan|parallel');

-- ----- deferred and committed -----
CALL pm.both('pm_back', $$
	UPDATE t SET n = n + 40 WHERE id % 10 < 3;
	UPDATE t SET r = 'r2' WHERE c = 4;
	UPDATE t SET top = greatest(top, 12), n = 3 WHERE c = 7 AND id < 200;
	UPDATE t SET n = NULL WHERE id IN (9, 90, 209);
	UPDATE o SET n = n - 3 WHERE k < 6;
	UPDATE par SET n = 5 WHERE id % 4 = 0 $$);
SELECT relation::regclass, dirty_entries > 20 AS pending FROM cache.flush_status ORDER BY relation::regclass::text;
SELECT * FROM pm.differences('pm_back');

-- ----- with what the transaction itself has deferred, and changed in the table -----
BEGIN;
CALL pm.both('pm_back', $$
	UPDATE t SET n = n - 7, r = 'r3' WHERE id BETWEEN 40 AND 120;
	UPDATE t SET n = n + 1, d = 'changed' WHERE c = 2;
	DELETE FROM t WHERE id IN (5, 44, 290);
	INSERT INTO t VALUES (301, 4, 7, 'r3', 9, 'new'), (7000, 1, 61, 'r9', NULL, 'new');
	UPDATE t SET n = n + 2 WHERE id IN (301, 7000, 12);
	UPDATE o SET n = 13 WHERE b < 20;
	UPDATE par SET n = n + 1 WHERE id > 30 $$);
SELECT * FROM pm.differences('pm_back', 'default|generic|nestloop|scan|parallel$');
SAVEPOINT a;
CALL pm.both('pm_back', $$ UPDATE t SET n = 0, r = 'r1' WHERE id < 100 $$);
SELECT * FROM pm.differences('pm_back', 'default|indexscan');
ROLLBACK TO a;
SELECT * FROM pm.differences('pm_back', 'default|indexscan');
COMMIT;
SELECT * FROM pm.differences('pm_back');

-- ----- flushed, and deferred again -----
SELECT cache.flush('pm_back.t') > 0 AS flushed;
SELECT * FROM pm.differences('pm_back', 'default|scan|parallel');
CALL pm.both('pm_back', $$
	UPDATE t SET n = n + 11 WHERE id % 17 = 0;
	UPDATE t SET n = n * 2, r = left(r || n, 5) WHERE n > 50 $$);
SELECT * FROM pm.differences('pm_back');
-- one row only
SELECT cache.flush() IS NOT NULL AS flushed;
CALL pm.both('pm_back', $$ UPDATE t SET n = 99 WHERE id = 7 $$);
SELECT * FROM pm.differences('pm_back', 'default|scan|parallel|nestloop');

-- ----- rows that only the cache has, and whole rows -----
DELETE FROM pm.queries WHERE query ~ 'ctid|xmin|TABLESAMPLE|FOR (UPDATE|SHARE)';
SELECT cache.write(r) FROM (VALUES ((8000, 3, 52, 'r1', NULL, 'only there')::pm_back.t), ((11, 4, 4, 'r4', 4, 'another')::pm_back.t), ((8001, 10, 7, 'r0', 1, NULL)::pm_back.t)) v (r);
INSERT INTO pm_plain.t VALUES (8000, 3, 52, 'r1', NULL, 'only there'), (8001, 10, 7, 'r0', 1, NULL);
UPDATE pm_plain.t SET c = 4, n = 4, r = 'r4', top = 4, d = 'another' WHERE id = 11;
SELECT * FROM pm.differences('pm_back');
SELECT cache.flush() IS NOT NULL AS flushed;
SELECT * FROM pm.differences('pm_back', 'default|scan');

-- was it for want of plans?
SELECT node FROM unnest(ARRAY['Seq Scan', 'Index Scan', 'Index Only Scan', 'Bitmap Heap Scan', 'Tid Scan', 'Nested Loop', 'Hash Join',
	'Merge Join', 'Append', 'Memoize', 'Materialize', 'Custom Scan (MergeDeferred)']) node
	EXCEPT SELECT node FROM pm.seen;

-- ----- today's behaviour -----
CALL pm.both('pm_back', $$ UPDATE t SET n = n + 1000 WHERE id < 4 $$);
SET cache_strategies.merge_deferred = off;
SELECT id, n < 1000 AS as_in_the_table FROM pm_back.t WHERE id < 4 ORDER BY id;
RESET cache_strategies.merge_deferred;
SELECT id, n < 1000 AS as_in_the_table FROM pm_back.t WHERE id < 4 ORDER BY id;

SELECT cache.detach('pm_back.t'), cache.detach('pm_back.o'), cache.detach('pm_back.par');
SELECT * FROM pm.differences('pm_back', 'default');
DROP SCHEMA pm, pm_plain, pm_back CASCADE;
