-- cache.track(): which tables can be tracked, by which triggers, and that no change of them goes unnoticed.

CREATE FUNCTION triggers(regclass) RETURNS TABLE (trigger name, enabled "char", definition text)
LANGUAGE sql AS $$
	SELECT tgname, tgenabled, regexp_replace(pg_get_triggerdef(oid), '^CREATE TRIGGER \S+ (.*) ON \S+ (.*)$', '\1 \2')
	FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname
$$;
-- What has happened to the tables since one asked last.
CREATE FUNCTION news(VARIADIC tables regclass[]) RETURNS TABLE (relation regclass, news text)
LANGUAGE plpgsql AS $$
DECLARE
	now text;
BEGIN
	FOREACH relation IN ARRAY tables LOOP
		SELECT state || changes INTO now FROM cache.tracking(relation);
		news := CASE WHEN now IS NULL THEN (cache.tracking(relation)).state
			WHEN now = current_setting('news.t' || relation::oid, true) THEN 'same' ELSE 'changed' END;
		PERFORM set_config('news.t' || relation::oid, now, false);
		RETURN NEXT;
	END LOOP;
END $$;
\getenv source PG_ABS_SRCDIR
\set try :source '/sql/include/try.sql'
\i :try

-- ----- what can be tracked -----

CREATE TABLE t (id int PRIMARY KEY, v int);
CREATE TABLE keyless (v int);
CREATE VIEW a_view AS SELECT * FROM t;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM t;
CREATE TEMP TABLE a_temp (id int);
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (a int);
CREATE FOREIGN DATA WRAPPER a_wrapper;
CREATE SERVER a_server FOREIGN DATA WRAPPER a_wrapper;
CREATE FOREIGN TABLE a_foreign (id int) SERVER a_server;
CREATE UNLOGGED TABLE unlogged (v int);
CREATE TABLE parted (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id);
CREATE TABLE parted_2a PARTITION OF parted_2 FOR VALUES FROM (10) TO (15);

SELECT try(format('SELECT cache.track(%L)', r)) FROM unnest(ARRAY['a_view', 'a_matview', 'a_temp', 'a_sequence', 't_pkey',
	'a_type', 'a_foreign', 'pg_class', 'cache.tracked', 'cache.binding_store', 'cache.bindings', 'parted_1', 'parted_2', '1']) r;
-- the extension's own tables
SELECT string_agg(relname, ' ' ORDER BY relname COLLATE "C") AS own, bool_and(try(format('SELECT cache.track(%s::regclass)', oid)) LIKE '42809 %own tables.%') AS not_tracked,
	bool_and(try(format('SELECT cache.attach(%s::regclass)', oid)) LIKE '42809 %own tables.%') AS not_attached
	FROM pg_class WHERE relnamespace = 'cache'::regnamespace AND relkind IN ('r', 'p');
SELECT try('SELECT cache.track(''information_schema.sql_features'')'), try(format('SELECT cache.track(%s::regclass)', reltoastrelid)) LIKE '42809 %It is not a table.%' AS toast FROM pg_class WHERE relname = 'journal_a';
SELECT try($$SELECT cache.track('nothing')$$);
SELECT cache.track(NULL) IS NULL, cache.untrack(NULL) IS NULL;
CREATE TABLE parted_f (id int, v int) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE parted_f1 PARTITION OF parted_f FOR VALUES FROM (0) TO (10) SERVER a_server;
SELECT try($$SELECT cache.track('parted_f')$$);
SELECT * FROM cache.tracked ORDER BY relation;
SELECT (cache.tracking(r)).* FROM unnest('{t, a_view, a_matview, a_temp, a_sequence, a_foreign, parted, parted_1, pg_class}'::regclass[]) r;
SELECT try($$SELECT cache.tracking(1)$$);
SELECT try($$SELECT cache.untrack('t')$$);
SELECT try($$SELECT cache.untrack(1)$$);
BEGIN READ ONLY;
SELECT cache.track('t');
ROLLBACK;
BEGIN READ ONLY;
SELECT cache.untrack('t');
ROLLBACK;

-- ----- who may -----

CREATE ROLE regress_cs_owner;
CREATE ROLE regress_cs_other;
GRANT CREATE, USAGE ON SCHEMA public TO regress_cs_owner, regress_cs_other;
SET ROLE regress_cs_owner;
CREATE TABLE owned (v int);
GRANT ALL ON owned TO regress_cs_other;
SELECT cache.track('owned');
SET ROLE regress_cs_other;
-- how often a table changes is for those who may read it
SELECT try($$SELECT cache.tracking('t')$$);
SELECT try($$SELECT cache.track('owned')$$);
SELECT try($$SELECT cache.untrack('owned')$$);
SELECT try($$INSERT INTO cache.tracked VALUES ('owned')$$);
SELECT relation FROM cache.tracked ORDER BY relation;
INSERT INTO owned VALUES (1);
SELECT try($$SELECT cache.table_changed()$$);
CREATE TABLE misuse (v int);
CREATE TRIGGER before BEFORE INSERT ON misuse FOR EACH ROW EXECUTE FUNCTION cache.table_changed();
SELECT try($$INSERT INTO misuse VALUES (1)$$);
DROP TABLE misuse;
SET ROLE regress_cs_owner;
SELECT cache.untrack('owned');
SELECT * FROM triggers('owned');
DROP TABLE owned;
RESET ROLE;
REVOKE CREATE, USAGE ON SCHEMA public FROM regress_cs_owner, regress_cs_other;
DROP ROLE regress_cs_owner, regress_cs_other;

-- ----- triggers -----

CREATE TABLE parent (id int, v int);
CREATE TABLE child () INHERITS (parent);
SELECT cache.track(r) FROM unnest('{t, keyless, unlogged, parted, parent, child}'::regclass[]) r;
SELECT * FROM cache.tracked ORDER BY relation;
SELECT * FROM triggers('t');
SELECT * FROM triggers('parted');
SELECT * FROM triggers('parted_2a');
SELECT * FROM triggers('parent');
SELECT * FROM triggers('child');
SELECT * FROM news('t', 'keyless', 'unlogged', 'parted', 'parted_1', 'parted_2', 'parted_2a', 'parent', 'child');
-- again: nothing changes
SELECT cache.track('t');
SELECT * FROM triggers('t');
SELECT * FROM cache.tracked ORDER BY relation;
-- a partition that was tracked by itself
CREATE TABLE parted_3 (id int, v int);
SELECT cache.track('parted_3');
ALTER TABLE parted ATTACH PARTITION parted_3 FOR VALUES FROM (20) TO (30);
SELECT * FROM triggers('parted_3');
ALTER TABLE parted DETACH PARTITION parted_3;
SELECT * FROM triggers('parted_3');
SELECT (cache.tracking('parted_3')).state;
DROP TABLE parted_3;
CREATE TABLE later (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE later_1 (id int, v int);
SELECT cache.track('later_1');
ALTER TABLE later ATTACH PARTITION later_1 FOR VALUES FROM (0) TO (10);
SELECT (cache.tracking('later_1')).state, (cache.tracking('later')).state;
SELECT cache.track('later');
SELECT (cache.tracking('later_1')).state, (cache.tracking('later')).state;
SELECT cache.untrack('later');
SELECT (cache.tracking('later_1')).state, (cache.tracking('later')).state;
DROP TABLE later;
-- a table that gets a parent is given triggers that see what is changed through it
CREATE TABLE foster (id int, v int);
ALTER TABLE keyless ADD id int;
CREATE TABLE orphan (id int, v int);
SELECT cache.track('orphan');
SELECT state FROM cache.tracking('orphan');
ALTER TABLE orphan INHERIT foster;
SELECT state FROM cache.tracking('orphan');
SELECT * FROM triggers('orphan');
SELECT * FROM news('orphan');
INSERT INTO orphan VALUES (1, 1);
SELECT * FROM news('orphan');
UPDATE foster SET v = 2;
SELECT * FROM news('orphan');
ALTER TABLE orphan NO INHERIT foster;
SELECT * FROM triggers('orphan');
SELECT * FROM news('orphan');
DROP TABLE foster, orphan;

-- ----- changes -----

SELECT * FROM news('t', 'keyless');
INSERT INTO t VALUES (1, 1);
SELECT * FROM news('t', 'keyless');
SELECT * FROM news('t');
INSERT INTO t SELECT i, i FROM generate_series(2, 10) i;
SELECT * FROM news('t');
UPDATE t SET v = v + 1 WHERE id = 1;
SELECT * FROM news('t');
DELETE FROM t WHERE id = 10;
SELECT * FROM news('t');
COPY t FROM STDIN (FORMAT csv);
10,10
\.
SELECT * FROM news('t');
COPY t FROM STDIN (FORMAT csv);
\.
SELECT * FROM news('t');
BEGIN;
TRUNCATE t;
COPY t FROM STDIN (FORMAT csv, FREEZE);
1,1
2,2
\.
COMMIT;
SELECT * FROM news('t');
TRUNCATE t;
SELECT * FROM news('t');
INSERT INTO t VALUES (1, 1) ON CONFLICT DO NOTHING;
SELECT * FROM news('t');
INSERT INTO t VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v;
SELECT * FROM news('t');
MERGE INTO t USING (VALUES (1, 3), (2, 3)) n(id, v) ON t.id = n.id
	WHEN MATCHED THEN UPDATE SET v = n.v WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.v);
SELECT * FROM news('t');
MERGE INTO t USING (VALUES (3, 3)) n(id, v) ON t.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (n.id, n.v);
SELECT * FROM news('t');
MERGE INTO t USING (VALUES (3, 3)) n(id, v) ON t.id = n.id WHEN MATCHED THEN DELETE;
SELECT * FROM news('t');
UPDATE a_view SET v = 5 WHERE id = 1;
SELECT * FROM news('t');
WITH gone AS (DELETE FROM t WHERE id = 2 RETURNING *) SELECT * FROM gone;
SELECT * FROM news('t');
CREATE FUNCTION insert_one(int) RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES ($1, 0) RETURNING id';
SELECT insert_one(20);
SELECT * FROM news('t');
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM t WHERE id = 20 FOR UPDATE;
FETCH c;
UPDATE t SET v = 21 WHERE CURRENT OF c;
COMMIT;
SELECT * FROM news('t');
SET session_replication_role = replica;
INSERT INTO t VALUES (30, 30);
SELECT * FROM news('t');
UPDATE t SET v = 31 WHERE id = 30;
SELECT * FROM news('t');
DELETE FROM t WHERE id = 30;
SELECT * FROM news('t');
RESET session_replication_role;
CREATE RULE a_rule AS ON INSERT TO keyless DO ALSO INSERT INTO t VALUES (new.id, new.v);
INSERT INTO keyless VALUES (1, 40);
SELECT * FROM news('t', 'keyless');
DROP RULE a_rule ON keyless;

-- nothing has changed
SELECT * FROM news('t', 'keyless');
UPDATE t SET v = 0 WHERE id = 99;
DELETE FROM t WHERE id = 99;
INSERT INTO t SELECT 1, 1 WHERE false;
BEGIN;
INSERT INTO t VALUES (50, 50);
ROLLBACK;
SELECT try('INSERT INTO t VALUES (51, 51), (51, 52)');
SELECT * FROM t WHERE id = 1 FOR UPDATE;
ANALYZE t;
VACUUM t;
CREATE INDEX ON t (v);
SELECT * FROM news('t', 'keyless');

-- in the same transaction
BEGIN;
SAVEPOINT a;
INSERT INTO t VALUES (60, 60);
RELEASE a;
COMMIT;
SELECT * FROM news('t');
BEGIN;
SAVEPOINT a;
INSERT INTO t VALUES (61, 61);
ROLLBACK TO a;
INSERT INTO keyless VALUES (61, 61);
COMMIT;
SELECT * FROM news('keyless');

-- foreign keys
CREATE TABLE cascading (t int REFERENCES t ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE nulled (t int REFERENCES t ON DELETE SET NULL);
SELECT cache.track('cascading'), cache.track('nulled');
INSERT INTO cascading VALUES (1);
INSERT INTO nulled VALUES (60);
SELECT * FROM news('t', 'cascading', 'nulled');
UPDATE t SET id = 70 WHERE id = 1;
SELECT * FROM news('t', 'cascading', 'nulled');
DELETE FROM t WHERE id = 70;
SELECT * FROM news('t', 'cascading', 'nulled');
DELETE FROM t WHERE id = 60;
SELECT * FROM news('t', 'cascading', 'nulled');
SELECT * FROM cascading;
TRUNCATE t CASCADE;
SELECT * FROM news('t', 'cascading', 'nulled');
DROP TABLE cascading, nulled;

-- partitions
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
INSERT INTO parted VALUES (1, 1);
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
INSERT INTO parted_2a VALUES (11, 11);
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
UPDATE parted SET id = 2 WHERE id = 11;
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
MERGE INTO parted USING (VALUES (12)) n(id) ON parted.id = n.id WHEN NOT MATCHED THEN INSERT VALUES (n.id, 0);
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
COPY parted FROM STDIN (FORMAT csv);
3,3
\.
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
TRUNCATE parted_2;
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
CREATE TABLE parted_4 PARTITION OF parted FOR VALUES FROM (30) TO (40);
SELECT * FROM news('parted', 'parted_1', 'parted_4');
INSERT INTO parted_4 VALUES (30, 30);
SELECT * FROM news('parted', 'parted_1', 'parted_4');
DROP TABLE parted_4;
SELECT * FROM news('parted', 'parted_1');
ALTER TABLE parted_1 DISABLE TRIGGER cache_strategies_track;
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');
ALTER TABLE parted_1 ENABLE ALWAYS TRIGGER cache_strategies_track;
SELECT * FROM news('parted', 'parted_1', 'parted_2', 'parted_2a');

-- inheritance: each table for itself
SELECT * FROM news('parent', 'child');
INSERT INTO parent VALUES (1, 1);
SELECT * FROM news('parent', 'child');
INSERT INTO child VALUES (2, 2);
SELECT * FROM news('parent', 'child');
UPDATE parent SET v = v + 1;
SELECT * FROM news('parent', 'child');
UPDATE parent SET v = v + 1 WHERE id = 2;
SELECT * FROM news('parent', 'child');
DELETE FROM ONLY parent;
SELECT * FROM news('parent', 'child');
TRUNCATE ONLY parent;
SELECT * FROM news('parent', 'child');
TRUNCATE parent;
SELECT * FROM news('parent', 'child');
CREATE TABLE child2 () INHERITS (parent);
SELECT * FROM news('parent', 'child', 'child2');
ALTER TABLE child NO INHERIT parent;
SELECT * FROM news('child');

-- DDL, when there is nothing that it could not have changed
ALTER TABLE t ADD x int DEFAULT 1;
SELECT * FROM news('t');
ALTER TABLE t ALTER x TYPE bigint;
SELECT * FROM news('t');
ALTER TABLE t DISABLE TRIGGER USER;
SELECT * FROM cache.tracking('t');
ALTER TABLE t ENABLE TRIGGER USER;
SELECT state FROM cache.tracking('t');
ALTER TABLE t ENABLE REPLICA TRIGGER cache_strategies_track;
SELECT state FROM cache.tracking('t');
ALTER TABLE t ENABLE ALWAYS TRIGGER cache_strategies_track;
SELECT * FROM news('t');
DROP TRIGGER cache_strategies_track_replica ON t;
SELECT state FROM cache.tracking('t');
SELECT cache.track('t');
SELECT * FROM news('t');
CREATE POLICY a_policy ON t USING (true);
SELECT * FROM news('t');
-- only those that see everything count
DROP TRIGGER cache_strategies_track ON t;
CREATE TRIGGER cache_strategies_track AFTER INSERT OR DELETE OR UPDATE OF v ON t
	FOR EACH STATEMENT EXECUTE FUNCTION cache.table_changed();
ALTER TABLE t ENABLE ALWAYS TRIGGER cache_strategies_track;
SELECT state FROM cache.tracking('t');
DROP TRIGGER cache_strategies_track ON t;
CREATE TRIGGER cache_strategies_track AFTER INSERT OR UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION cache.table_changed();
ALTER TABLE t ENABLE ALWAYS TRIGGER cache_strategies_track;
SELECT state FROM cache.tracking('t');
CREATE TRIGGER more AFTER DELETE ON t FOR EACH ROW WHEN (old.id > 0) EXECUTE FUNCTION cache.table_changed();
ALTER TABLE t ENABLE ALWAYS TRIGGER more;
SELECT state FROM cache.tracking('t');
DROP TRIGGER more ON t;
CREATE TRIGGER more AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION cache.table_changed();
ALTER TABLE t ENABLE ALWAYS TRIGGER more;
SELECT state FROM cache.tracking('t');
DROP TRIGGER more ON t;
SELECT cache.track('t');
SELECT * FROM triggers('t');

-- ----- attached tables -----

CREATE TABLE a (id int PRIMARY KEY, v int, n int NOT NULL DEFAULT 0);
SELECT cache.attach('a', 'cache_aside');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
INSERT INTO a VALUES (1, 1);
SELECT * FROM news('a');
UPDATE a SET v = 2;
SELECT * FROM news('a');
DELETE FROM a;
SELECT * FROM news('a');
TRUNCATE a;
SELECT * FROM news('a');
SELECT cache.write((1, 1, 0)::a);
SELECT * FROM news('a');
SELECT cache.invalidate('a');
SELECT * FROM news('a');
SELECT cache.attach('a', 'read_through', negative_ttl => '1 min');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
INSERT INTO a VALUES (2, 2);
SELECT * FROM news('a');
SELECT cache.attach('a', 'write_around');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
INSERT INTO a VALUES (3, 3);
SELECT * FROM news('a');
UPDATE a SET v = 3;
SELECT * FROM news('a');
UPDATE a SET v = 3 WHERE id = 99;
SELECT * FROM news('a');
SELECT cache.attach('a', 'write_around', negative_ttl => '1 min');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
INSERT INTO a VALUES (4, 4);
SELECT * FROM news('a');
SELECT cache.attach('a', 'write_through');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
INSERT INTO a VALUES (5, 5);
SELECT * FROM news('a');
-- what is deferred has not changed the table yet
SELECT cache.attach('a', 'write_back', merge => '{"n": "add"}', flush_interval => '1 hour');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
UPDATE a SET n = n + 1 WHERE id = 1;
SELECT * FROM news('a');
SELECT cache.flush('a');
SELECT * FROM news('a');
UPDATE a SET v = v + 1 WHERE id = 1;
SELECT * FROM news('a');
SELECT cache.increment(NULL::a, 'n', 1, 2);
SELECT * FROM news('a');
SELECT cache.flush('a');
SELECT * FROM news('a');
-- tracked besides, and no longer attached
SELECT cache.attach('a', 'cache_aside');
SELECT cache.track('a');
SELECT * FROM triggers('a');
SELECT cache.detach('a');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
SELECT cache.attach('a', 'cache_aside');
SELECT * FROM triggers('a');
SELECT cache.untrack('a');
SELECT * FROM triggers('a');
SELECT * FROM news('a');
SELECT try($$SELECT cache.untrack('a')$$);
SELECT cache.detach('a');
SELECT * FROM triggers('a');
SELECT * FROM cache.tracking('a');
-- partitioned
ALTER TABLE parted ADD PRIMARY KEY (id);
SELECT cache.untrack('parted');
SELECT cache.attach('parted', 'cache_aside');
SELECT * FROM triggers('parted_1');
SELECT * FROM news('parted', 'parted_1', 'parted_2a');
INSERT INTO parted_1 VALUES (5, 5);
SELECT * FROM news('parted', 'parted_1', 'parted_2a');
UPDATE parted SET id = 13 WHERE id = 5;
SELECT * FROM news('parted', 'parted_1', 'parted_2a');
SELECT cache.detach('parted');
SELECT * FROM triggers('parted_1');
-- without the key that its rows are cached by, changes are noted all the same
SELECT cache.attach('a', 'cache_aside');
ALTER TABLE a DROP CONSTRAINT a_pkey;
SELECT * FROM news('a');
UPDATE a SET v = 9;
SELECT * FROM news('a');

-- ----- the end -----

SELECT * FROM cache.tracked ORDER BY relation;
DROP TABLE t, keyless CASCADE;
SELECT * FROM cache.tracked ORDER BY relation;
DROP TABLE a, parted, parted_f, parent, child, unlogged CASCADE;
SELECT * FROM cache.tracked ORDER BY relation;
DROP FUNCTION triggers, news, try, insert_one;
DROP SEQUENCE a_sequence;
DROP TYPE a_type;
DROP FOREIGN DATA WRAPPER a_wrapper CASCADE;
