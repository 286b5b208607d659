-- cache.track_schema(): the tables of a schema, those to come, and those that are left alone.

\getenv source PG_ABS_SRCDIR
\set try :source '/sql/include/try.sql'
\i :try
CREATE SCHEMA app;
CREATE SCHEMA elsewhere;
CREATE VIEW tracked AS SELECT relation, by_value, by_schema, (cache.tracking(relation)).state FROM cache.tracked
	WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace IN ('app'::regnamespace, 'elsewhere'::regnamespace)) ORDER BY relation::text COLLATE "C";
CREATE TABLE app.users (id int PRIMARY KEY, name text);
CREATE TABLE app.explicitly (id int);
CREATE TABLE app.parted (id int) PARTITION BY RANGE (id);
CREATE TABLE app.parted_1 PARTITION OF app.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE app.parent (id int);
CREATE TABLE app.child () INHERITS (app.parent);
CREATE UNLOGGED TABLE app.unlogged (id int);
CREATE TABLE app.attached (id int PRIMARY KEY);
CREATE TABLE app.refused (id int);
CREATE VIEW app.a_view AS SELECT * FROM app.users;
CREATE MATERIALIZED VIEW app.a_matview AS SELECT * FROM app.users;
CREATE FOREIGN DATA WRAPPER a_wrapper;
CREATE SERVER a_server FOREIGN DATA WRAPPER a_wrapper;
CREATE FOREIGN TABLE app.a_foreign (id int) SERVER a_server;
CREATE TABLE app.parted_f (id int) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE app.parted_f1 PARTITION OF app.parted_f FOR VALUES FROM (0) TO (10) SERVER a_server;
SELECT cache.track('app.explicitly'), cache.track('app.refused'), cache.attach('app.attached');
SELECT cache.untrack('app.refused');
TABLE cache.untracked;

-- ----- those that are there -----

SELECT cache.track_schema('app');
SELECT * FROM tracked;
TABLE cache.tracked_schemas;
SELECT cache.track_schema('app');
SELECT cache.track_schema('app', by_value => true);
SELECT * FROM tracked;
TABLE cache.tracked_schemas;
-- as it is
SET session_replication_role = replica;
ALTER EVENT TRIGGER cache_strategies_make DISABLE;
CREATE TABLE app.unseen (id int);
ALTER EVENT TRIGGER cache_strategies_make ENABLE ALWAYS;
CREATE TABLE app.seen (id int);
RESET session_replication_role;
SET client_min_messages = warning;
SELECT cache.track_schema('app');
RESET client_min_messages;
SELECT * FROM tracked WHERE relation::text ~ 'seen';

-- ----- those to come -----

CREATE TABLE app.made (id serial PRIMARY KEY, v text UNIQUE REFERENCES app.made (v));
CREATE TABLE app.made_as AS SELECT 1 AS id;
SELECT 1 AS id INTO app.made_into;
CREATE TABLE IF NOT EXISTS app.made (id int);
CREATE TABLE app.made_like (LIKE app.users INCLUDING ALL);
CREATE TABLE app.parted_2 PARTITION OF app.parted FOR VALUES FROM (10) TO (20);
CREATE TABLE app.child_2 (v text) INHERITS (app.parent);
CREATE TEMP TABLE made_temp (id int);
CREATE MATERIALIZED VIEW app.made_matview AS SELECT 1;
CREATE TABLE elsewhere.made (id int);
CREATE TABLE elsewhere.moved (id int);
ALTER TABLE elsewhere.moved SET SCHEMA app;
DO $$ BEGIN CREATE TABLE app.made_in_do (id int); END $$;
CREATE FOREIGN TABLE app.made_foreign (id int) SERVER a_server;
SELECT * FROM tracked WHERE by_value;
BEGIN;
CREATE TABLE app.undone (id int);
SAVEPOINT s;
CREATE TABLE app.undone_2 (id int);
ROLLBACK TO s;
INSERT INTO app.undone VALUES (1);
SELECT relation, by_value, by_schema FROM tracked WHERE relation::text ~ 'undone';
ROLLBACK;
-- a partition that becomes a table
ALTER TABLE app.parted DETACH PARTITION app.parted_1;
SELECT * FROM tracked WHERE relation::text ~ 'parted';
ALTER TABLE app.parted ATTACH PARTITION app.parted_1 FOR VALUES FROM (0) TO (10);
SELECT * FROM tracked WHERE relation::text ~ 'parted';
-- results fall as with cache.track()
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SELECT count(*) FROM app.made_as;
SELECT count(*) FROM app.made_as;
INSERT INTO app.made_as VALUES (2);
SELECT count(*) FROM app.made_as;
RESET cache_strategies.results;
RESET cache_strategies.results_min_cost;

-- ----- refusals -----

SELECT cache.untrack('app.made'), cache.untrack('app.explicitly');
SELECT relation FROM cache.untracked ORDER BY relation::text COLLATE "C";
ALTER TABLE app.made ADD w int;
SELECT cache.track_schema('app');
SELECT * FROM tracked WHERE relation IN ('app.made'::regclass, 'app.explicitly'::regclass);
SELECT cache.track('app.made');
SELECT * FROM tracked WHERE relation = 'app.made'::regclass;
DROP TABLE app.refused;
SELECT relation FROM cache.untracked;

-- ----- undone -----

SELECT cache.untrack_schema('app');
SELECT * FROM tracked;
CREATE TABLE app.later (id int);
SELECT count(*) FROM tracked WHERE relation = 'app.later'::regclass;
TABLE cache.tracked_schemas;
SELECT relation FROM cache.untracked;

-- ----- who may -----

CREATE ROLE regress_cs_ts_owner;
CREATE ROLE regress_cs_ts_other;
CREATE ROLE regress_cs_ts_member IN ROLE regress_cs_ts_owner;
CREATE SCHEMA shared;
GRANT USAGE, CREATE ON SCHEMA shared TO regress_cs_ts_owner, regress_cs_ts_other;
SET ROLE regress_cs_ts_owner;
SELECT try($$SELECT cache.track_schema('app')$$), try($$SELECT cache.track_schema('pg_catalog')$$), try($$SELECT cache.track_schema('cache')$$),
	try($$SELECT cache.track_schema('information_schema')$$), try($$SELECT cache.track_schema('nothing')$$), try($$SELECT cache.track_schema(1)$$),
	try($$SELECT cache.untrack_schema('shared')$$), try($$SELECT cache.untrack_schema(1)$$);
SELECT cache.track_schema(NULL) IS NULL, cache.untrack_schema(NULL) IS NULL;
BEGIN READ ONLY;
SELECT cache.track_schema('shared');
ROLLBACK;
BEGIN READ ONLY;
SELECT cache.untrack_schema('shared');
ROLLBACK;
CREATE TABLE shared.of_owner (id int);
SET ROLE regress_cs_ts_other;
CREATE TABLE shared.of_other (id int);
SET ROLE regress_cs_ts_owner;
SELECT cache.track_schema('shared');
CREATE TABLE shared.of_owner_2 (id int);
SET ROLE regress_cs_ts_other;
CREATE TABLE shared.of_other_2 (id int);
SELECT try($$SELECT cache.untrack_schema('shared')$$);
RESET ROLE;
CREATE TABLE shared.of_superuser (id int);
ALTER TABLE shared.of_other_2 OWNER TO regress_cs_ts_owner;
CREATE VIEW shared.tracked AS SELECT relation, by_schema, tgs.triggers FROM cache.tracked,
	LATERAL (SELECT count(*) AS triggers FROM pg_trigger WHERE tgrelid = relation AND tgname ~ 'cache_strategies') tgs
	WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'shared'::regnamespace) ORDER BY relation::text COLLATE "C";
SELECT * FROM shared.tracked;
-- a superuser tracks all
SELECT cache.track_schema('shared', true);
SET ROLE regress_cs_ts_other;
CREATE TABLE shared.of_other_3 (id int);
RESET ROLE;
SELECT * FROM shared.tracked;
SELECT schema, tracked_by = current_user::regrole AS own, by_value FROM cache.tracked_schemas ORDER BY own;
SET ROLE regress_cs_ts_owner;
SELECT cache.untrack_schema('shared');
RESET ROLE;
SELECT count(*) FROM shared.tracked;
SELECT cache.untrack_schema('shared');
SELECT * FROM shared.tracked;
-- a role that is gone
SELECT cache.track_schema('shared');
UPDATE cache.tracked_schemas SET tracked_by = '4242424242' WHERE schema = 'shared';
CREATE TABLE shared.of_nobody (id int);
SELECT * FROM shared.tracked WHERE relation = 'shared.of_nobody'::regclass;

-- ----- what goes wrong is no fault of the command -----

SELECT cache.track_schema('elsewhere');
CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today' USING DETAIL = 'In cache.tracked.'; END $$;
CREATE TRIGGER fails BEFORE INSERT ON cache.tracked FOR EACH ROW EXECUTE FUNCTION fails();
CREATE TABLE elsewhere.unlucky (id int);
INSERT INTO elsewhere.unlucky VALUES (1);
SELECT try($$CREATE TABLE elsewhere.unlucky_2 (id int)$$), try($$SELECT cache.track_schema('elsewhere')$$);
DROP TRIGGER fails ON cache.tracked;
SELECT relation FROM tracked WHERE relation::text ~ 'unlucky';
ALTER TABLE elsewhere.unlucky ADD v int;
SELECT relation FROM tracked WHERE relation::text ~ 'unlucky';
SELECT cache.tables_made();

-- ----- a schema that is dropped, or renamed -----

ALTER SCHEMA elsewhere RENAME TO renamed;
TABLE cache.tracked_schemas;
CREATE TABLE renamed.t (id int);
SELECT relation, by_schema FROM cache.tracked WHERE relation = 'renamed.t'::regclass;
SET client_min_messages = warning;
DROP SCHEMA renamed CASCADE;
SELECT count(*) FROM cache.tracked_schemas WHERE schema <> 'shared';
DROP SCHEMA app, shared CASCADE;
SELECT count(*) FROM cache.tracked_schemas;
SELECT count(*) FROM cache.untracked;

-- ----- roles that are dropped -----

CREATE ROLE regress_cs_ts_left;
CREATE SCHEMA left_behind;
SELECT cache.create_space('left_behind') IS NOT NULL AS made;
SELECT oid AS role FROM pg_roles WHERE rolname = 'regress_cs_ts_left' \gset
PREPARE of_role (oid) AS SELECT (SELECT count(*) FROM cache.tracked_schemas WHERE tracked_by = $1) AS schemas,
	(SELECT count(*) FROM cache.declared_store WHERE declared_by = $1) AS declared,
	(SELECT count(*) FROM cache.space_grants WHERE role = $1) AS grants,
	(SELECT count(*) FROM cache.space_grants g JOIN cache.spaces s ON s.id = g.space WHERE s.name = 'left_behind' AND g.role = 0) AS public;
CREATE PROCEDURE ask() LANGUAGE plpgsql AS $$
BEGIN
	GRANT CREATE, USAGE ON SCHEMA left_behind TO regress_cs_ts_left;
	PERFORM cache.grant_space('left_behind', 'regress_cs_ts_left'), cache.grant_space('left_behind', 'public');
	SET ROLE regress_cs_ts_left;
	CREATE TABLE left_behind.t (id int);
	PERFORM cache.track_schema('left_behind'), cache.declare_query('SELECT count(*) FROM left_behind.t');
	RESET ROLE;
END $$;
CALL ask();
EXECUTE of_role(:role);
DROP OWNED BY regress_cs_ts_left;
EXECUTE of_role(:role);
-- those of a role that goes without
CALL ask();
DROP TABLE left_behind.t;
REVOKE ALL ON SCHEMA left_behind FROM regress_cs_ts_left;
BEGIN;
DROP ROLE regress_cs_ts_left;
EXECUTE of_role(:role);
ROLLBACK;
EXECUTE of_role(:role);
DROP ROLE regress_cs_ts_left;
EXECUTE of_role(:role);
-- and one that was dropped from another database
INSERT INTO cache.tracked_schemas VALUES ('left_behind', '4242424242');
SELECT cache.track_schema('left_behind');
SELECT tracked_by = current_user::regrole AS own FROM cache.tracked_schemas;
SELECT cache.drop_space('left_behind');
DROP SCHEMA left_behind;

DROP PROCEDURE ask;
DROP FOREIGN DATA WRAPPER a_wrapper CASCADE;
DROP FUNCTION try, fails;
DROP ROLE regress_cs_ts_owner, regress_cs_ts_other, regress_cs_ts_member;
