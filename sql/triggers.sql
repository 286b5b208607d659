-- Triggers that are disabled, enabled, dropped: what is said, what is mended, and what is not lost.
-- plain SELECTs show what the tables have
SET cache_strategies.merge_deferred = off;

CREATE FUNCTION state(regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(tgenabled::text, '' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = $1 AND tgname LIKE '%cache_strategies%'
$$;
\getenv source PG_ABS_SRCDIR
\set try :source '/sql/include/try.sql'
\i :try

CREATE TABLE aside (id int PRIMARY KEY, v int);
CREATE TABLE through (LIKE aside INCLUDING ALL);
CREATE TABLE around (LIKE aside INCLUDING ALL);
CREATE TABLE back (LIKE aside INCLUDING ALL);
CREATE TABLE parted (LIKE aside INCLUDING ALL) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE noted (v int);
CREATE TABLE plain (v int);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER users BEFORE UPDATE ON aside FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT cache.attach('aside'), cache.attach('through', 'write_through'), cache.attach('around', 'write_around', negative_ttl => '1 hour'),
	cache.attach('back', 'write_back', merge => '{"v": "replace"}', flush_interval => '1 day'), cache.attach('parted'), cache.track('noted');
INSERT INTO aside VALUES (1, 1);
INSERT INTO through VALUES (1, 1);
INSERT INTO around VALUES (1, 1);
INSERT INTO back VALUES (1, 1);
INSERT INTO parted VALUES (1, 1);
SELECT relation, state(relation), problem FROM cache.bindings ORDER BY relation;

-- ----- what fixtures and restores do -----

ALTER TABLE aside DISABLE TRIGGER ALL;
ALTER TABLE through DISABLE TRIGGER ALL;
ALTER TABLE around DISABLE TRIGGER USER;
ALTER TABLE parted DISABLE TRIGGER ALL;
ALTER TABLE noted DISABLE TRIGGER ALL;
ALTER TABLE plain DISABLE TRIGGER ALL;
SELECT relation, state(relation), problem FROM cache.bindings ORDER BY relation;
SELECT * FROM cache.explain(NULL::aside, 1);
SELECT * FROM cache.tracking('noted');
UPDATE aside SET v = 2;
UPDATE parted SET v = 2;
SELECT (cache.read(NULL::aside, 1)).v, (cache.read(NULL::parted, 1)).v;
ALTER TABLE aside ENABLE TRIGGER ALL;
ALTER TABLE through ENABLE TRIGGER USER;
ALTER TABLE around ENABLE TRIGGER ALL;
ALTER TABLE parted ENABLE TRIGGER ALL;
ALTER TABLE noted ENABLE TRIGGER ALL;
ALTER TABLE plain ENABLE TRIGGER ALL;
SELECT relation, state(relation), problem FROM cache.bindings ORDER BY relation;
SELECT state('parted_1'), state('noted'), tgenabled AS users FROM pg_trigger WHERE tgname = 'users';
SELECT (cache.read(NULL::aside, 1)).v, (cache.explain(NULL::aside, 1)).outcome;
SELECT state FROM cache.tracking('noted');
-- in one transaction, as Rails does it
BEGIN;
ALTER TABLE aside DISABLE TRIGGER ALL;
ALTER TABLE back DISABLE TRIGGER ALL;
DELETE FROM aside;
DELETE FROM back;
INSERT INTO aside VALUES (1, 3);
INSERT INTO back VALUES (1, 3);
SELECT (cache.read(NULL::aside, 1)).v, (cache.read(NULL::back, 1)).v;
ALTER TABLE aside ENABLE TRIGGER ALL;
ALTER TABLE back ENABLE TRIGGER ALL;
COMMIT;
SELECT (cache.read(NULL::aside, 1)).v, (cache.explain(NULL::aside, 1)).outcome, (cache.read(NULL::back, 1)).v;
-- by name
ALTER TABLE aside DISABLE TRIGGER cache_strategies_row;
ALTER TABLE aside DISABLE TRIGGER users;
ALTER TABLE aside ENABLE TRIGGER users;
ALTER TABLE aside ENABLE TRIGGER cache_strategies_row;
SELECT state('aside');
-- of a partition
ALTER TABLE parted_1 DISABLE TRIGGER ALL;
SELECT problem FROM cache.bindings WHERE relation = 'parted'::regclass;
SELECT outcome, reason FROM cache.explain(NULL::parted, 1);
ALTER TABLE parted_1 ENABLE TRIGGER ALL;
SELECT state('parted_1'), outcome FROM cache.explain(NULL::parted, 1);
-- sessions that fire no triggers but those that are ENABLE ALWAYS or REPLICA
SELECT (cache.read(NULL::around, 1)).v, (cache.read(NULL::around, 1)).v;
SET session_replication_role = replica;
UPDATE aside SET v = 4;
UPDATE around SET v = 4;
RESET session_replication_role;
SELECT (cache.read(NULL::aside, 1)).v, (cache.read(NULL::around, 1)).v;

-- ----- deferred writes -----

-- What is deferred comes before what is done without the triggers.
UPDATE back SET v = 10;
ALTER TABLE back DISABLE TRIGGER USER;
SELECT v FROM back;
UPDATE back SET v = 11;
SELECT v, (cache.read(NULL::back, 1)).v AS latest FROM back;
-- nothing is deferred now
SELECT cache.write((1, 12)::back), cache.write((2, 12)::back);
SELECT * FROM back ORDER BY id;
ALTER TABLE back ENABLE TRIGGER USER;
SELECT state('back'), problem FROM cache.bindings WHERE relation = 'back'::regclass;
UPDATE back SET v = 13 WHERE id = 1;
SELECT v, (cache.read(NULL::back, 1)).v AS latest FROM back WHERE id = 1;
-- Where it cannot be written before, it is flushed all the same.
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER TABLE back DISABLE TRIGGER ALL;
COMMIT;
SELECT v, (cache.read(NULL::back, 1)).v AS latest FROM back WHERE id = 1;
SELECT cache.flush('back');
SELECT v FROM back WHERE id = 1;
ALTER TABLE back ENABLE TRIGGER ALL;
BEGIN;
UPDATE back SET v = 14 WHERE id = 1;
ALTER TABLE back DISABLE TRIGGER ALL;
UPDATE back SET v = 15 WHERE id = 2;
COMMIT;
SELECT cache.flush('back');
SELECT v FROM back ORDER BY id;
ALTER TABLE back ENABLE TRIGGER ALL;
-- ENABLE by name, in the transaction that defers then
BEGIN;
ALTER TABLE back DISABLE TRIGGER ALL;
UPDATE back SET v = 16 WHERE id = 1;
ALTER TABLE back ENABLE TRIGGER ALL;
UPDATE back SET v = 17 WHERE id = 1;
COMMIT;
SELECT v, (cache.read(NULL::back, 1)).v AS latest FROM back WHERE id = 1;
SELECT cache.flush('back');
-- A row that cannot be flushed does not prevent disabling triggers.
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '55006'; END $$;
CREATE TRIGGER refuse AFTER UPDATE ON back FOR EACH ROW EXECUTE FUNCTION refuse();
UPDATE back SET v = 18 WHERE id = 1;
ALTER TABLE back DISABLE TRIGGER ALL;
DROP TRIGGER refuse ON back;
ALTER TABLE back ENABLE TRIGGER ALL;
SELECT v, (cache.read(NULL::back, 1)).v AS latest FROM back WHERE id = 1;
SELECT cache.flush('back');

-- ----- cache.repair() -----

SELECT cache.repair('aside'), cache.repair('noted');
UPDATE back SET v = 20 WHERE id = 1;
DROP TRIGGER zz_cache_strategies_defer ON back;
SELECT v FROM back WHERE id = 1;
UPDATE back SET v = 21 WHERE id = 1;
SELECT cache.write((1, 22)::back);
SELECT v FROM back WHERE id = 1;
SELECT try($$SELECT cache.flush('back')$$);
DROP TRIGGER cache_strategies_update ON around;
ALTER TABLE through ENABLE REPLICA TRIGGER cache_strategies_row;
CREATE OR REPLACE TRIGGER cache_strategies_row AFTER UPDATE OR DELETE ON aside FOR EACH ROW EXECUTE FUNCTION cache.row_changed();
CREATE OR REPLACE TRIGGER cache_strategies_row AFTER UPDATE ON parted FOR EACH ROW EXECUTE FUNCTION cache.row_changed();
DROP TRIGGER cache_strategies_track ON noted;
DROP TRIGGER IF EXISTS cache_strategies_track ON noted;
SELECT relation, state(relation), problem FROM cache.bindings ORDER BY relation;
SELECT (cache.tracking('noted')).reason;
SELECT cache.repair('noted');
SELECT relation, cache.repair(relation) FROM cache.bindings ORDER BY relation;
SELECT relation, state(relation), problem FROM cache.bindings ORDER BY relation;
SELECT state FROM cache.tracking('noted');
UPDATE back SET v = 23 WHERE id = 1;
SELECT v, (cache.read(NULL::back, 1)).v AS latest FROM back WHERE id = 1;
SELECT cache.flush('back');
-- a trigger that is ours by another name
ALTER TRIGGER cache_strategies_row ON aside RENAME TO renamed;
SELECT problem FROM cache.bindings WHERE relation = 'aside'::regclass;
DROP TRIGGER renamed ON aside;
SELECT problem FROM cache.bindings WHERE relation = 'aside'::regclass;
SELECT cache.repair('aside');
-- what it cannot mend
CREATE TABLE child () INHERITS (aside);
SELECT outcome, reason FROM cache.explain(NULL::aside, 1);
SELECT try($$SELECT cache.repair('aside')$$);
ALTER TABLE child NO INHERIT aside;
SELECT problem FROM cache.bindings WHERE relation = 'aside'::regclass;
ALTER TABLE child INHERIT aside;
DROP TABLE child;
CREATE TABLE parent (LIKE around);
ALTER TABLE around INHERIT parent;
SELECT try($$SELECT cache.repair('around')$$);
ALTER TABLE around NO INHERIT parent;
ALTER TABLE through DROP CONSTRAINT through_pkey;
SELECT problem FROM cache.bindings WHERE relation = 'through'::regclass;
SELECT try($$SELECT cache.repair('through')$$);
ALTER TABLE through ADD PRIMARY KEY (id);
SELECT problem FROM cache.bindings WHERE relation = 'through'::regclass;
UPDATE cache.binding_store SET strategy = 'no_such_thing' WHERE relation = 'through'::regclass;
SELECT problem FROM cache.bindings WHERE relation = 'through'::regclass;
SELECT cache.detach('through');
SELECT try($$SELECT cache.repair('through')$$);
SELECT try($$SELECT cache.repair(1)$$);
SELECT cache.repair(NULL) IS NULL, cache.binding_problem('plain') IS NULL, cache.binding_problem(1) IS NULL;
-- who asks for one table does not have the problems of all looked for
SET enable_seqscan = off;
SET plan_cache_mode = force_generic_plan;
PREPARE one_table(regclass) AS SELECT problem FROM cache.bindings WHERE relation = $1;
EXPLAIN (COSTS OFF) EXECUTE one_table('plain');
DEALLOCATE one_table;
RESET plan_cache_mode;
RESET enable_seqscan;
BEGIN READ ONLY;
SELECT cache.repair('aside');
ROLLBACK;

-- ----- who may -----

CREATE ROLE regress_cs_owner;
CREATE ROLE regress_cs_other;
GRANT CREATE, USAGE ON SCHEMA public TO regress_cs_owner, regress_cs_other;
SET ROLE regress_cs_owner;
CREATE TABLE owned (id int PRIMARY KEY, v int);
SELECT cache.attach('owned', 'write_back', merge => '{"v": "add"}', flush_interval => '1 day');
INSERT INTO owned VALUES (1, 0);
ALTER TABLE owned DISABLE TRIGGER USER;
ALTER TABLE owned ENABLE TRIGGER USER;
SELECT state('owned');
UPDATE owned SET v = v + 1;
SET ROLE regress_cs_other;
SELECT try($$ALTER TABLE owned DISABLE TRIGGER ALL$$), try($$DROP TRIGGER zz_cache_strategies_defer ON owned$$);
SELECT try($$SELECT cache.repair('owned')$$);
SELECT problem FROM cache.bindings WHERE relation = 'owned'::regclass;
RESET ROLE;
SELECT v FROM owned;
-- a superuser
ALTER TABLE owned DISABLE TRIGGER ALL;
ALTER TABLE owned ENABLE TRIGGER ALL;
SELECT state('owned'), v FROM owned;
DROP TABLE owned;
REVOKE CREATE, USAGE ON SCHEMA public FROM regress_cs_owner, regress_cs_other;
DROP ROLE regress_cs_owner, regress_cs_other;

DROP TABLE aside, through, around, back, parted, noted, plain, parent;
DROP FUNCTION state, try, nothing, refuse;
