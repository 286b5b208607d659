--
-- What each strategy keeps: for every kind of change, how the next read is
-- answered (as cache.explain says before it) and that it is the table's row.
--

CREATE TABLE parents (id int PRIMARY KEY);
INSERT INTO parents VALUES (1), (2), (3);
CREATE TABLE t_aside (id int PRIMARY KEY, v text, n int DEFAULT 0,
	parent int REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO t_aside SELECT i, 'row ' || i, i, NULL FROM generate_series(1, 5) i;
CREATE TABLE t_read (LIKE t_aside INCLUDING ALL,
	FOREIGN KEY (parent) REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t_write (LIKE t_aside INCLUDING ALL,
	FOREIGN KEY (parent) REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE t_around (LIKE t_aside INCLUDING ALL,
	FOREIGN KEY (parent) REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO t_read SELECT * FROM t_aside;
INSERT INTO t_write SELECT * FROM t_aside;
INSERT INTO t_around SELECT * FROM t_aside;

-- The same command on each of the tables, in one transaction.
CREATE FUNCTION change(command text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY '{t_aside,t_read,t_write,t_around}'::text[] LOOP
		EXECUTE format(command, t);
	END LOOP;
END $$;

-- Read keys from each table.
CREATE FUNCTION look(VARIADIC keys int[]) RETURNS TABLE (key int, cache_aside text,
	read_through text, write_through text, write_around text, exact boolean)
LANGUAGE plpgsql AS $$
BEGIN
	FOREACH key IN ARRAY keys LOOP
		SELECT (cache.explain(NULL::t_aside, key)).outcome,
			(cache.explain(NULL::t_read, key)).outcome,
			(cache.explain(NULL::t_write, key)).outcome,
			(cache.explain(NULL::t_around, key)).outcome,
			true = ALL (ARRAY[
				cache.read(NULL::t_aside, key) IS NOT DISTINCT FROM (SELECT t FROM t_aside t WHERE id = key),
				cache.read(NULL::t_read, key) IS NOT DISTINCT FROM (SELECT t FROM t_read t WHERE id = key),
				cache.read(NULL::t_write, key) IS NOT DISTINCT FROM (SELECT t FROM t_write t WHERE id = key),
				cache.read(NULL::t_around, key) IS NOT DISTINCT FROM (SELECT t FROM t_around t WHERE id = key)])
		INTO cache_aside, read_through, write_through, write_around, exact;
		RETURN NEXT;
	END LOOP;
END $$;

SELECT cache.attach('t_aside', 'cache_aside', negative_ttl => '1 day');
SELECT cache.attach('t_read', 'read_through', negative_ttl => '1 day');
SELECT cache.attach('t_write', 'write_through', negative_ttl => '1 day');
SELECT cache.attach('t_around', 'write_around', negative_ttl => '1 day');

-- the first read loads; write_around keeps what is read for the second time
SELECT * FROM look(1);
SELECT * FROM look(1);
SELECT * FROM look(1);
-- so with absences
SELECT * FROM look(99);
SELECT * FROM look(99);
SELECT * FROM look(99);

-- from here on every key is read twice before a change, so that all have it
CREATE FUNCTION warm(VARIADIC keys int[]) RETURNS TABLE (key int, everywhere boolean)
LANGUAGE sql AS $$
	SELECT count(*) FROM look(VARIADIC keys);
	SELECT count(*) FROM look(VARIADIC keys);
	SELECT key, cache_aside = ALL (ARRAY[read_through, write_through, write_around])
		AND cache_aside IN ('hit', 'absent') AND exact FROM look(VARIADIC keys);
$$;

-- UPDATE
SELECT * FROM warm(1, 2);
SELECT change($$ UPDATE %I SET v = 'updated' WHERE id = 1 $$);
SELECT * FROM look(1, 2);
SELECT * FROM look(1);
SELECT v FROM cache.read(NULL::t_write, 1);
-- of no row
SELECT change($$ UPDATE %I SET v = 'updated' WHERE id = -1 $$);
SELECT * FROM look(1);

-- INSERT where there was a cached absence
SELECT * FROM warm(99);
SELECT change($$ INSERT INTO %I VALUES (99, 'inserted') $$);
SELECT * FROM look(99);
SELECT * FROM look(99);

-- DELETE
SELECT change($$ DELETE FROM %I WHERE id = 99 $$);
SELECT * FROM look(99);
SELECT * FROM look(99);

-- a row that gets another key
SELECT * FROM warm(2, 102);
SELECT change($$ UPDATE %I SET id = 102 WHERE id = 2 $$);
SELECT * FROM look(2, 102);
SELECT * FROM look(2, 102);

-- two rows that swap their keys, by way of a third
SELECT * FROM warm(1, 3, -1);
BEGIN;
SELECT change($$ UPDATE %I SET id = -1 WHERE id = 1 $$);
SELECT change($$ UPDATE %I SET id = 1 WHERE id = 3 $$);
SELECT change($$ UPDATE %I SET id = 3 WHERE id = -1 $$);
SELECT * FROM look(1, 3, -1);
COMMIT;
SELECT * FROM look(1, 3, -1);

-- MERGE: 3 is updated, 4 deleted, 6 inserted, 5 left alone
SELECT * FROM warm(3, 4, 5, 6);
SELECT change($$ MERGE INTO %I t
	USING (VALUES (3, 'merged'), (4, NULL), (5, ''), (6, 'new')) AS s (id, v) ON t.id = s.id
	WHEN MATCHED AND s.v IS NULL THEN DELETE
	WHEN MATCHED AND s.v = '' THEN DO NOTHING
	WHEN MATCHED THEN UPDATE SET v = s.v
	WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v) $$);
SELECT * FROM look(3, 4, 5, 6);

-- INSERT ... ON CONFLICT
SELECT * FROM warm(3, 5, 7);
SELECT change($$ INSERT INTO %I AS t (id, v) VALUES (3, 'upserted'), (7, 'upserted')
	ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, n = t.n + 1 $$);
SELECT * FROM look(3, 5, 7);
SELECT * FROM warm(3, 8);
SELECT change($$ INSERT INTO %I (id, v) VALUES (3, 'ignored'), (8, 'not there yet')
	ON CONFLICT DO NOTHING $$);
SELECT * FROM look(3, 8);

-- a WITH that changes
SELECT * FROM warm(5, 6, 9);
SELECT change($$ WITH gone AS (DELETE FROM %1$I WHERE id = 6 RETURNING v)
	INSERT INTO %1$I (id, v) SELECT 9, v FROM gone $$);
SELECT * FROM look(5, 6, 9);

-- deleted and inserted again in one transaction
SELECT * FROM warm(5);
BEGIN;
SELECT change($$ DELETE FROM %I WHERE id = 5 $$);
SELECT change($$ INSERT INTO %I (id, v) VALUES (5, 'again') $$);
COMMIT;
SELECT * FROM look(5);
SELECT v FROM cache.read(NULL::t_write, 5);

-- COPY
SELECT * FROM warm(10, 11);
COPY t_aside (id, v) FROM stdin;
10	copied
\.
COPY t_read (id, v) FROM stdin;
10	copied
\.
COPY t_write (id, v) FROM stdin;
10	copied
\.
COPY t_around (id, v) FROM stdin;
10	copied
\.
SELECT * FROM look(10, 11);

-- foreign keys that cascade
SELECT change($$ INSERT INTO %I (id, parent) VALUES (21, 1), (22, 2), (23, 3) $$);
SELECT * FROM warm(21, 22, 23);
UPDATE parents SET id = 20 WHERE id = 2;
SELECT * FROM look(21, 22, 23);
SELECT * FROM warm(21, 22, 23);
DELETE FROM parents WHERE id = 1;
SELECT * FROM look(21, 22, 23);

-- triggers of the user: before, and after in either order with ours
CREATE FUNCTION mark_before() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.v := NEW.v || ', seen before';
	RETURN NEW;
END $$;
CREATE FUNCTION mark_after() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE %I SET n = n + 1 WHERE id = $1', TG_TABLE_NAME) USING NEW.id;
	RETURN NULL;
END $$;
SELECT change($$ CREATE TRIGGER b BEFORE UPDATE OF v ON %I FOR EACH ROW EXECUTE FUNCTION mark_before() $$);
SELECT * FROM warm(3);
SELECT change($$ UPDATE %I SET v = 'third', n = 0 WHERE id = 3 $$);
SELECT * FROM look(3);
SELECT * FROM cache.read(NULL::t_write, 3);
SELECT change($$ CREATE TRIGGER a AFTER UPDATE OF v ON %I FOR EACH ROW EXECUTE FUNCTION mark_after() $$);
SELECT * FROM warm(3);
SELECT change($$ UPDATE %I SET v = 'first', n = 0 WHERE id = 3 $$);
SELECT * FROM look(3);
SELECT * FROM cache.read(NULL::t_write, 3);
SELECT change($$ ALTER TRIGGER a ON %I RENAME TO z $$);
SELECT * FROM warm(3);
SELECT change($$ UPDATE %I SET v = 'second', n = 0 WHERE id = 3 $$);
SELECT * FROM look(3);
SELECT * FROM cache.read(NULL::t_write, 3);
SELECT change($$ DROP TRIGGER z ON %1$I; DROP TRIGGER b ON %1$I $$);
SELECT change($$ ALTER TABLE %1$I DISABLE TRIGGER USER $$);
SELECT * FROM warm(3);
SELECT change($$ ALTER TABLE %1$I ENABLE TRIGGER USER $$);
DO $$
DECLARE
	t record;
BEGIN
	-- ENABLE TRIGGER leaves them as ordinary ones; make them as attach did
	FOR t IN SELECT tgrelid::regclass AS rel, tgname FROM pg_trigger
			WHERE tgname LIKE 'cache_strategies%' LOOP
		EXECUTE format('ALTER TABLE %s ENABLE %s TRIGGER %I', t.rel,
			CASE WHEN t.tgname LIKE '%replica' THEN 'REPLICA' ELSE 'ALWAYS' END, t.tgname);
	END LOOP;
END $$;
SELECT * FROM warm(3);

-- a transaction sees its own changes, and a rollback leaves no trace
SELECT * FROM warm(1, 12);
BEGIN;
SELECT change($$ UPDATE %I SET v = 'rolled back' WHERE id = 1 $$);
SELECT change($$ INSERT INTO %I (id, v) VALUES (12, 'rolled back') $$);
SELECT * FROM look(1, 12);
SELECT v FROM cache.read(NULL::t_write, 12);
ROLLBACK;
SELECT * FROM look(1, 12);

-- ROLLBACK TO: what was changed is forgotten, what it was changed to undone
BEGIN;
SAVEPOINT a;
SELECT change($$ UPDATE %I SET v = 'rolled back' WHERE id = 1 $$);
SELECT * FROM look(1);
ROLLBACK TO a;
SELECT * FROM look(1);
COMMIT;
SELECT * FROM look(1);
SELECT * FROM look(1);
BEGIN;
SELECT change($$ UPDATE %I SET v = 'outer' WHERE id = 1 $$);
SAVEPOINT a;
SELECT change($$ UPDATE %I SET v = 'rolled back' WHERE id = 1 $$);
SAVEPOINT b;
SELECT change($$ DELETE FROM %I WHERE id = 1 $$);
RELEASE b;
ROLLBACK TO a;
SELECT * FROM look(1);
COMMIT;
SELECT * FROM look(1);
SELECT v FROM cache.read(NULL::t_write, 1);
BEGIN;
SAVEPOINT a;
SELECT change($$ UPDATE %I SET v = 'inner' WHERE id = 1 $$);
RELEASE a;
COMMIT;
SELECT * FROM look(1);
SELECT v FROM cache.read(NULL::t_write, 1);

-- an error in a function that handles it
SELECT * FROM warm(1);
DO $$
BEGIN
	PERFORM change($c$ UPDATE %I SET v = 'failed' WHERE id = 1 $c$);
	RAISE division_by_zero;
EXCEPTION WHEN division_by_zero THEN
	NULL;
END $$;
SELECT * FROM look(1);
SELECT * FROM look(1);

-- TRUNCATE, and the same rolled back
SELECT * FROM warm(1, 3);
BEGIN;
SELECT change($$ TRUNCATE %I $$);
SELECT * FROM look(1, 3);
ROLLBACK;
SELECT * FROM look(1, 3);
SELECT change($$ TRUNCATE %I $$);
SELECT * FROM look(1, 3);
SELECT * FROM look(1, 3);
SELECT change($$ INSERT INTO %I (id, v) SELECT i, 'after' FROM generate_series(1, 5) i $$);
SELECT * FROM look(1, 3);

-- more keys than cache_strategies.bulk_threshold drop the whole table
SELECT * FROM warm(1, 3, 77);
SET cache_strategies.bulk_threshold = 2;
SELECT change($$ UPDATE %I SET v = 'bulk' WHERE id < 4 $$);
RESET cache_strategies.bulk_threshold;
SELECT * FROM look(1, 3, 77);
SELECT * FROM look(1, 3, 77);

-- by hand
SELECT cache.invalidate(NULL::t_aside, 1), cache.invalidate(NULL::t_read, 1),
	cache.invalidate(NULL::t_write, 1), cache.invalidate(NULL::t_around, 1);
SELECT cache.invalidate(NULL::t_aside, 1), cache.invalidate(NULL::t_aside, NULL);
SELECT * FROM look(1, 3);
SELECT change($$ SELECT cache.invalidate('%I') $$);
SELECT * FROM look(1, 3);

-- lookup and fill
SELECT cache.lookup(NULL::t_aside, 4);
SELECT cache.fill(t) FROM t_aside t WHERE id = 4;
SELECT cache.lookup(NULL::t_aside, 4);
-- a fill without a lookup, one of another row, and one that comes too late
SELECT cache.fill(t) FROM t_aside t WHERE id = 5;
SELECT cache.lookup(NULL::t_aside, 5);
SELECT cache.fill(ROW(5, 'made up', 0, NULL)::t_aside);
SELECT cache.lookup(NULL::t_aside, 5);
UPDATE t_aside SET v = 'changed meanwhile' WHERE id = 5;
SELECT cache.fill(t) FROM t_aside t WHERE id = 5;
SELECT cache.lookup(NULL::t_aside, 5);
SELECT cache.fill(t) FROM t_aside t WHERE id = 5;
SELECT cache.lookup(NULL::t_aside, 5);
SELECT cache.fill(NULL::t_aside);

-- the counters
SELECT change($$ SELECT cache.invalidate('%I') $$);
SELECT cache.stats_reset();
SELECT count(cache.read(NULL::t_aside, 1 + 0 * i)) FROM generate_series(1, 4) i;
SELECT cache.read(NULL::t_read, 1), cache.read(NULL::t_read, 1), cache.read(NULL::t_read, 1);
SELECT cache.read(NULL::t_write, 55), cache.read(NULL::t_write, 55), cache.read(NULL::t_write, 1);
SELECT cache.read(NULL::t_around, 4), cache.read(NULL::t_around, 4), cache.read(NULL::t_around, 4);
SELECT change($$ UPDATE %I SET v = 'counted' WHERE id IN (1, 2) $$);
BEGIN;
SELECT change($$ UPDATE %I SET v = v WHERE id = 3 $$);
SELECT cache.read(NULL::t_read, 3);
ROLLBACK;
SELECT relation, hits, absent_hits, misses, bypasses, hit_ratio, fills, fills_refused,
	publishes, invalidations, table_invalidations
FROM cache.table_stats ORDER BY relation::text COLLATE "C";
SELECT relation, strategy, state, entries > 0 AS entries, bytes > 0 AS bytes, fills_no_room, waits, refreshes
FROM cache.table_stats ORDER BY relation::text COLLATE "C";
SELECT memory > value_memory AS memory, value_memory > max_value AS value_memory,
	partitions > 0 AS partitions, max_value > 0 AS max_value, entries >= 4 AS entries,
	bytes > 0 AS bytes, tables >= 4 AS tables, fills_wait_for FROM cache.stats;
SELECT cache.stats_reset();
SELECT sum(hits + absent_hits + misses + bypasses + fills + publishes + invalidations) FROM cache.table_stats;

DROP TABLE t_aside, t_read, t_write, t_around, parents;
DROP FUNCTION change(text), look(int[]), warm(int[]), mark_before(), mark_after();
SELECT count(*) FROM cache.bindings;
