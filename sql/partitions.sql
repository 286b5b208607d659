-- Partitions that bring bindings, or triggers for tracking, of their own.
-- plain SELECTs show what the tables have
SET cache_strategies.merge_deferred = off;

CREATE FUNCTION triggers(regclass) RETURNS TABLE (trigger name, enabled "char", clone bool, of text) LANGUAGE sql AS $$
	SELECT tgname, tgenabled, tgparentid <> 0, proname FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid
	WHERE tgrelid = $1 AND NOT (tgisinternal AND tgparentid = 0) ORDER BY tgname
$$;
\getenv source PG_ABS_SRCDIR
\set try :source '/sql/include/try.sql'
\i :try
-- What is read the second time, and was it a hit?
CREATE FUNCTION read_twice(i int) RETURNS TABLE (v int, outcome text) LANGUAGE plpgsql AS $$
BEGIN
	v := (cache.read(NULL::parted, i)).v;
	v := (cache.read(NULL::parted, i)).v;
	outcome := (cache.explain(NULL::parted, i)).outcome;
	RETURN NEXT;
END $$;

-- ----- attached tables that become partitions of an attached one -----

CREATE TABLE parted (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES FROM (0) TO (10);
SELECT cache.attach('parted', 'write_through');
CREATE TABLE aside (id int PRIMARY KEY, v int);
CREATE TABLE through (id int PRIMARY KEY, v int);
CREATE TABLE around (id int PRIMARY KEY, v int);
CREATE TABLE back (id int PRIMARY KEY, v int);
CREATE TABLE middle (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE middle_0 PARTITION OF middle FOR VALUES FROM (50) TO (55);
CREATE TABLE leaf (id int PRIMARY KEY, v int);
INSERT INTO aside VALUES (10, 1);
INSERT INTO through VALUES (20, 2);
INSERT INTO around VALUES (30, 3);
INSERT INTO back VALUES (40, 4);
INSERT INTO middle VALUES (50, 5);
INSERT INTO leaf VALUES (55, 6);
SELECT cache.attach('aside'), cache.attach('through', 'write_through'), cache.attach('around', 'write_around'),
	cache.attach('back', 'write_back', merge => '{"v": "add"}', flush_interval => '1 day'), cache.attach('middle'),
	cache.attach('leaf');
SELECT cache.read(NULL::aside, 10), cache.read(NULL::through, 20), cache.read(NULL::around, 30);
UPDATE back SET v = v + 100;
SELECT v, (cache.read(NULL::back, 40)).v FROM back;

-- nothing happens if the command fails
ALTER TABLE parted ATTACH PARTITION aside FOR VALUES FROM (11) TO (20);
SELECT count(*) FROM cache.bindings;
SELECT * FROM triggers('aside');
ALTER TABLE parted ATTACH PARTITION back FOR VALUES FROM (41) TO (50);
SELECT v, (cache.read(NULL::back, 40)).v FROM back;
BEGIN;
ALTER TABLE parted ATTACH PARTITION back FOR VALUES FROM (40) TO (50);
SELECT v FROM parted WHERE id = 40;
ROLLBACK;
SELECT v, (cache.read(NULL::back, 40)).v FROM back;
-- nor in a transaction that has deferred writes itself, or cannot flush
BEGIN;
UPDATE back SET v = v + 1;
ALTER TABLE parted ATTACH PARTITION back FOR VALUES FROM (40) TO (50);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER TABLE parted ATTACH PARTITION back FOR VALUES FROM (40) TO (50);
ROLLBACK;
BEGIN READ ONLY;
ALTER TABLE parted ATTACH PARTITION aside FOR VALUES FROM (10) TO (20);
ROLLBACK;

ALTER TABLE parted ATTACH PARTITION aside FOR VALUES FROM (10) TO (20);
ALTER TABLE parted ATTACH PARTITION through FOR VALUES FROM (20) TO (30);
ALTER TABLE parted ATTACH PARTITION around FOR VALUES FROM (30) TO (40);
ALTER TABLE parted ATTACH PARTITION back FOR VALUES FROM (40) TO (50);
ALTER TABLE parted ATTACH PARTITION middle FOR VALUES FROM (50) TO (60);
ALTER TABLE middle ATTACH PARTITION leaf FOR VALUES FROM (55) TO (60);
CREATE TABLE middle_1 PARTITION OF middle DEFAULT;
CREATE TABLE parted_1 PARTITION OF parted DEFAULT PARTITION BY RANGE (id);
CREATE TABLE parted_1a PARTITION OF parted_1 FOR VALUES FROM (70) TO (80);
SELECT relation, strategy FROM cache.bindings ORDER BY relation;
SELECT r, t.* FROM unnest('{aside, through, around, back, middle, leaf, middle_1, parted_1a}'::regclass[]) r, triggers(r) t;
SELECT try('SELECT cache.read(NULL::aside, 10)');
SELECT try($$SELECT cache.attach('aside')$$);
SELECT i, r.v, r.outcome FROM generate_series(10, 50, 10) i, read_twice(i) r;
SELECT r.* FROM read_twice(55) r;
-- changes made through the partition, and through its parents
UPDATE aside SET v = v + 1000;
UPDATE back SET v = v + 1000;
UPDATE leaf SET v = v + 1000;
UPDATE parted SET v = v + 1000 WHERE id IN (20, 30, 50);
INSERT INTO leaf VALUES (56, 7);
SELECT id, v, (cache.read(NULL::parted, id)).v AS cached FROM parted ORDER BY id;

-- a partition that is detached is a table as any other
ALTER TABLE parted DETACH PARTITION aside;
SELECT * FROM triggers('aside');
SELECT (cache.read(NULL::parted, 10)).v;
SELECT cache.attach('aside', 'write_around');
SELECT (cache.read(NULL::aside, 10)).v;
ALTER TABLE parted ATTACH PARTITION aside FOR VALUES FROM (10) TO (20);
SELECT (cache.read(NULL::parted, 10)).v;
DROP TABLE parted_1;
ALTER TABLE parted DETACH PARTITION back CONCURRENTLY;
SELECT try($$SELECT cache.attach('back', 'write_back', merge => '{"v": "add"}', flush_interval => '1 day')$$);
UPDATE back SET v = v + 1;
SELECT v, (cache.read(NULL::back, 40)).v FROM back;
ALTER TABLE parted ATTACH PARTITION back FOR VALUES FROM (40) TO (50);
SELECT v FROM back;

-- ----- a partitioned table that is attached, or tracked, after its partitions -----

CREATE TABLE after (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE after_1 (id int PRIMARY KEY, v int);
CREATE TABLE after_2 (id int PRIMARY KEY, v int);
CREATE TABLE after_3 (id int PRIMARY KEY, v int);
CREATE TABLE after_4 (id int PRIMARY KEY, v int);
INSERT INTO after_1 VALUES (1, 1);
INSERT INTO after_2 VALUES (11, 1);
INSERT INTO after_3 VALUES (21, 1);
SELECT cache.attach('after_1'), cache.attach('after_2', 'write_back', merge => '{"v": "add"}', flush_interval => '1 day'),
	cache.attach('after_3', 'write_around'), cache.track('after_4');
ALTER TABLE after ATTACH PARTITION after_1 FOR VALUES FROM (0) TO (10);
ALTER TABLE after ATTACH PARTITION after_2 FOR VALUES FROM (10) TO (20);
ALTER TABLE after ATTACH PARTITION after_3 FOR VALUES FROM (20) TO (30);
ALTER TABLE after ATTACH PARTITION after_4 FOR VALUES FROM (30) TO (40);
UPDATE after SET v = v + 1;
SELECT tableoid::regclass, v FROM after ORDER BY id;
SELECT (cache.read(NULL::after_1, 1)).v, (cache.read(NULL::after_2, 11)).v, (cache.read(NULL::after_3, 21)).v;
UPDATE after SET v = v + 1 WHERE id IN (1, 21);
SELECT (cache.read(NULL::after_1, 1)).v, (cache.read(NULL::after_2, 11)).v, (cache.read(NULL::after_3, 21)).v;
-- inserts that come through the parent are noted
SELECT r, (cache.tracking(r)).state FROM unnest('{after, after_1, after_2, after_3, after_4}'::regclass[]) r;
SELECT r, t.* FROM unnest('{after_1, after_2, after_3, after_4}'::regclass[]) r, triggers(r) t;
-- tracked: bindings go on
SELECT cache.track('after');
SELECT relation, strategy FROM cache.bindings WHERE relation::text LIKE 'after%' ORDER BY relation;
SELECT r, (cache.tracking(r)).state FROM unnest('{after, after_1, after_2, after_3, after_4}'::regclass[]) r;
SELECT (cache.read(NULL::after_1, 1)).v, (cache.explain(NULL::after_1, 1)).outcome;
SELECT cache.track('after');
-- one that goes notes its inserts itself again
ALTER TABLE after DETACH PARTITION after_1;
SELECT (cache.tracking('after_1')).state, (cache.explain(NULL::after_1, 1)).outcome <> 'bypass' AS cached;
SELECT * FROM triggers('after_1');
ALTER TABLE after ATTACH PARTITION after_1 FOR VALUES FROM (0) TO (10);
SELECT * FROM triggers('after_1');
-- untracked
SELECT cache.untrack('after');
SELECT r, (cache.tracking(r)).state FROM unnest('{after, after_1, after_2, after_3, after_4}'::regclass[]) r;
-- attached
SELECT cache.track('after');
SELECT cache.attach('after');
SELECT relation, strategy FROM cache.bindings WHERE relation::text LIKE 'after%' ORDER BY relation;
SELECT r, (cache.tracking(r)).state FROM unnest('{after, after_1, after_2, after_3, after_4}'::regclass[]) r;
SELECT tableoid::regclass, v, (cache.read(NULL::after, id)).v AS cached FROM after ORDER BY id;
SELECT cache.attach('after', 'write_through');
SELECT cache.detach('after');
SELECT r, (cache.tracking(r)).state FROM unnest('{after, after_1, after_2, after_3, after_4}'::regclass[]) r;
SELECT cache.untrack('after');
SELECT count(*) FROM unnest('{after, after_1, after_2, after_3, after_4}'::regclass[]) r, triggers(r);
-- a detached binding below a tracked table leaves the clones alone
CREATE TABLE below (id int PRIMARY KEY, v int);
SELECT cache.attach('below'), cache.track('after');
ALTER TABLE after ATTACH PARTITION below FOR VALUES FROM (40) TO (50);
SELECT cache.detach('below');
SELECT * FROM triggers('below');
DROP TABLE after;

-- ----- deferred writes of a partition -----

CREATE TABLE region (id int, place int, n int) PARTITION BY RANGE (place);
CREATE TABLE region_0 PARTITION OF region FOR VALUES FROM (0) TO (10);
CREATE TABLE region_1 (id int PRIMARY KEY, place int, n int);
INSERT INTO region_1 SELECT i, 10, 0 FROM generate_series(1, 4) i;
SELECT cache.attach('region_1', 'write_back', merge => '{"place": "replace", "n": "add"}', flush_interval => '1 day');
UPDATE region_1 SET place = 15, n = n + 1;
-- what is deferred counts when it is asked whether the rows fit
ALTER TABLE region ATTACH PARTITION region_1 FOR VALUES FROM (10) TO (15);
SELECT * FROM region_1 ORDER BY id;
ALTER TABLE region ATTACH PARTITION region_1 FOR VALUES FROM (10) TO (20);
SELECT * FROM region ORDER BY id;
-- a row that moves takes along what is deferred for it
UPDATE region SET n = n + 10;
SELECT id, n, (cache.read(NULL::region_1, id)).n AS latest FROM region ORDER BY id;
UPDATE region SET place = 5 WHERE id = 1;
UPDATE region SET place = 5, n = n + 100 WHERE id = 2;
UPDATE region_1 SET place = 5 WHERE id = 3;
UPDATE region_1 SET place = 16 WHERE id = 3;
SELECT id, n, cache.read(NULL::region_1, id) AS latest FROM region ORDER BY id;
SELECT cache.flush('region_1');
SELECT tableoid::regclass, * FROM region ORDER BY id;
SELECT count(*) FROM cache.dead_letters;
DROP TABLE region;

-- ----- whose tables -----

CREATE ROLE regress_cs_parent;
CREATE ROLE regress_cs_part;
GRANT CREATE, USAGE ON SCHEMA public TO regress_cs_parent, regress_cs_part;
SET ROLE regress_cs_part;
CREATE TABLE theirs (id int PRIMARY KEY, v int);
SELECT cache.attach('theirs');
CREATE TABLE node (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE node_1 (id int PRIMARY KEY, v int);
SELECT cache.attach('node_1');
ALTER TABLE node ATTACH PARTITION node_1 FOR VALUES FROM (10) TO (20);
SET ROLE regress_cs_parent;
CREATE TABLE mine (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
SELECT cache.attach('mine');
ALTER TABLE mine ATTACH PARTITION theirs FOR VALUES FROM (0) TO (10);
RESET ROLE;
SELECT relation FROM cache.bindings WHERE relation IN ('mine'::regclass, 'theirs'::regclass);
ALTER TABLE node OWNER TO regress_cs_parent;
SET ROLE regress_cs_parent;
ALTER TABLE mine ATTACH PARTITION node FOR VALUES FROM (10) TO (20);
RESET ROLE;
SELECT relation FROM cache.bindings WHERE relation = 'node_1'::regclass;
GRANT TRIGGER ON node_1 TO regress_cs_parent;
SET ROLE regress_cs_parent;
ALTER TABLE mine ATTACH PARTITION node FOR VALUES FROM (10) TO (20);
RESET ROLE;
SELECT relation FROM cache.bindings WHERE relation IN ('mine'::regclass, 'node'::regclass, 'node_1'::regclass);
DROP TABLE mine, theirs;
REVOKE CREATE, USAGE ON SCHEMA public FROM regress_cs_parent, regress_cs_part;
DROP ROLE regress_cs_parent, regress_cs_part;

DROP TABLE parted;
DROP FUNCTION triggers, try, read_twice;
SELECT count(*) FROM cache.bindings;
