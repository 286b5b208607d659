--
-- Tables that are dropped go from the extension's own tables, whatever drops them.
--
CREATE SCHEMA gone;
CREATE VIEW gone_left AS SELECT
	(SELECT count(*) FROM cache.binding_store WHERE relation NOT IN (SELECT oid FROM pg_class)) AS bindings,
	(SELECT count(*) FROM cache.tracked WHERE relation NOT IN (SELECT oid FROM pg_class)) AS tracked,
	(SELECT count(*) FROM cache.flush_state WHERE relation NOT IN (SELECT oid FROM pg_class)) AS flush_state,
	(SELECT count(*) FROM cache.dead_letter_store WHERE relation NOT IN (SELECT oid FROM pg_class)) AS dead_letters;
CREATE FUNCTION gone_make() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE gone.attached (id int PRIMARY KEY, n int);
	CREATE TABLE gone.deferred (id int PRIMARY KEY, n int);
	CREATE TABLE gone.tracked (id int PRIMARY KEY, n int);
	CREATE TABLE gone.parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
	CREATE TABLE gone.part PARTITION OF gone.parts FOR VALUES FROM (0) TO (10);
	CREATE TABLE gone.other (id int PRIMARY KEY);
	PERFORM cache.attach('gone.attached');
	PERFORM cache.attach('gone.parts');
	PERFORM cache.attach('gone.deferred', 'write_back', merge => '{"n": "add"}');
	PERFORM cache.track('gone.tracked');
END $$;

SELECT gone_make();
DROP TABLE gone.other;
DROP TABLE gone.attached;
DROP TABLE gone.tracked, gone.deferred;
DROP TABLE gone.parts;
SELECT * FROM gone_left;
SELECT gone_make();
DROP SCHEMA gone CASCADE;
SELECT * FROM gone_left;

-- In one transaction with others that have nothing to do with the cache; and undone.
CREATE SCHEMA gone;
SELECT gone_make();
BEGIN;
DROP TABLE gone.other;
SAVEPOINT s;
DROP TABLE gone.attached;
ROLLBACK TO s;
SELECT relation FROM cache.binding_store WHERE relation = 'gone.attached'::regclass;
CREATE TABLE gone.other (id int);
DROP TABLE gone.other;
DROP TABLE gone.attached;
CREATE TEMP TABLE gone_temp (id int PRIMARY KEY);
DROP TABLE gone_temp;
DROP TABLE gone.tracked;
COMMIT;
SELECT * FROM gone_left;

-- While another event trigger, which is fired before, drops something as well.
CREATE FUNCTION gone_more() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF to_regclass('gone.next') IS NOT NULL THEN
		DROP TABLE gone.next;
	END IF;
END $$;
CREATE TABLE gone.next (id int);
CREATE EVENT TRIGGER a_first ON sql_drop EXECUTE FUNCTION gone_more();
DROP TABLE gone.deferred;
SELECT * FROM gone_left;
CREATE TABLE gone.next (id int PRIMARY KEY);
SELECT cache.attach('gone.next');
CREATE TABLE gone.other (id int);
DROP TABLE gone.other;
SELECT * FROM gone_left;
DROP EVENT TRIGGER a_first;
DROP FUNCTION gone_more;

-- By an owner who may do nothing in the extension's tables, with another search_path.
CREATE ROLE regress_cs_dropper;
GRANT USAGE, CREATE ON SCHEMA gone TO regress_cs_dropper;
SET ROLE regress_cs_dropper;
CREATE TABLE gone.attached (id int PRIMARY KEY);
CREATE TABLE gone.tracked (id int PRIMARY KEY);
SELECT cache.attach('gone.attached'), cache.track('gone.tracked');
CREATE FUNCTION gone.never(oid, oid) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'led astray as %', current_user; END $$;
CREATE OPERATOR gone.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = gone.never);
SET search_path = gone, pg_catalog;
DROP TABLE gone.attached;
DROP TABLE gone.tracked;
RESET search_path;
RESET ROLE;
SELECT * FROM gone_left;

-- Dead letters, also when the table is not attached any more.
CREATE TABLE gone.deferred (id int PRIMARY KEY, n int, s int DEFAULT 0 NOT NULL);
INSERT INTO gone.deferred VALUES (1, 1);
SELECT cache.attach('gone.deferred', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
UPDATE gone.deferred SET n = n + 1 WHERE id = 1;
CREATE FUNCTION gone.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;
CREATE TRIGGER zzzz BEFORE UPDATE ON gone.deferred FOR EACH ROW EXECUTE FUNCTION gone.refuse();
SELECT count(*) > 0 AS flushed FROM (SELECT cache.flush('gone.deferred')) f;
SELECT cache.detach('gone.deferred');
SELECT count(*) FROM cache.dead_letter_store WHERE relation = 'gone.deferred'::regclass;
DROP TABLE gone.deferred;
SELECT * FROM gone_left;

DROP SCHEMA gone CASCADE;
DROP FUNCTION gone_make;
DROP VIEW gone_left;
DROP ROLE regress_cs_dropper;
