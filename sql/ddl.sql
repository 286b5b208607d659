-- What happens around a cached table: schemas, temporary tables, parents, the
-- catalogue of bindings.

CREATE SCHEMA ddl_live;
CREATE SCHEMA ddl_next;
CREATE TABLE ddl_live.t (id int PRIMARY KEY, v text);
CREATE TABLE ddl_next.t (id int PRIMARY KEY, v text);
INSERT INTO ddl_live.t VALUES (1, 'live 1'), (2, 'live 2'), (3, 'live 3');
INSERT INTO ddl_next.t VALUES (1, 'next 1'), (2, 'next 2'), (3, 'next 3');
SELECT cache.attach('ddl_live.t', 'read_through', negative_ttl => '1 hour');
SELECT cache.read(NULL::ddl_live.t, 1);
SELECT * FROM cache.read_many(NULL::ddl_live.t, ARRAY[1]);
SELECT cache.increment(NULL::ddl_live.t, 'id', 0, 1);

-- Schemas that change names: the table stays the one that was attached.
ALTER SCHEMA ddl_live RENAME TO ddl_old;
ALTER SCHEMA ddl_next RENAME TO ddl_live;
SELECT cache.read(NULL::ddl_old.t, 2);
SELECT * FROM cache.read_many(NULL::ddl_old.t, ARRAY[1, 2, 3]);
SELECT cache.write((2, 'written')::ddl_old.t);
SELECT cache.remove(NULL::ddl_old.t, 3);
SELECT * FROM ddl_old.t ORDER BY id;
SELECT * FROM ddl_live.t ORDER BY id;
SELECT cache.warm('ddl_old.t');

-- Temporary tables, whose ON COMMIT actions come late in the commit.
SELECT outcome FROM cache.explain(NULL::ddl_old.t, 1);
BEGIN; CREATE TEMP TABLE ddl_temp (a int PRIMARY KEY, b text) ON COMMIT DROP; COMMIT;
SELECT outcome FROM cache.explain(NULL::ddl_old.t, 1);
CREATE TEMP TABLE ddl_temp (a int PRIMARY KEY, b text) ON COMMIT DELETE ROWS;
INSERT INTO ddl_temp VALUES (1, 'x');
BEGIN; INSERT INTO ddl_temp VALUES (1, 'x'); COMMIT;
SELECT outcome FROM cache.explain(NULL::ddl_old.t, 1);
DROP TABLE ddl_temp;

-- Options changed behind cache.attach(): the triggers may not be enough.
SELECT cache.read(NULL::ddl_old.t, 1);
UPDATE cache.bindings SET strategy = 'write_through' WHERE relation = 'ddl_old.t'::regclass;
SELECT outcome, reason FROM cache.explain(NULL::ddl_old.t, 1);
UPDATE cache.bindings SET strategy = 'no_such_thing' WHERE relation = 'ddl_old.t'::regclass;
SELECT cache.read(NULL::ddl_old.t, 1);
UPDATE ddl_old.t SET v = 'can still be written' WHERE id = 1;
SELECT cache.attach('ddl_old.t', 'write_around');
SELECT cache.read(NULL::ddl_old.t, 1), cache.read(NULL::ddl_old.t, 1), (cache.explain(NULL::ddl_old.t, 1)).outcome;

-- Statement triggers do not see what is changed through a parent.
CREATE TABLE ddl_parent (id int NOT NULL, v text);
ALTER TABLE ddl_old.t INHERIT ddl_parent;
SELECT cache.read(NULL::ddl_old.t, 1), cache.read(NULL::ddl_old.t, 1), (cache.explain(NULL::ddl_old.t, 1)).outcome;
UPDATE ddl_parent SET v = 'through the parent' WHERE id = 1;
SELECT cache.read(NULL::ddl_old.t, 1);
ALTER TABLE ddl_old.t NO INHERIT ddl_parent;
SELECT cache.read(NULL::ddl_old.t, 1), cache.read(NULL::ddl_old.t, 1), (cache.explain(NULL::ddl_old.t, 1)).outcome;

-- A dropped table leaves cache.bindings even in a replica's session.
SET session_replication_role = replica;
DROP TABLE ddl_old.t;
RESET session_replication_role;
SELECT count(*) FROM cache.bindings WHERE relation NOT IN (SELECT oid FROM pg_class);

DROP TABLE ddl_parent;
SET client_min_messages = warning;
DROP SCHEMA ddl_live CASCADE;
DROP SCHEMA ddl_old CASCADE;

-- A cast that changes the table while the key is being made: the statement sees what
-- it saw before, as a SELECT does.
CREATE TABLE ddl_cast (id int PRIMARY KEY, v text);
INSERT INTO ddl_cast VALUES (1, 'one');
SELECT cache.attach('ddl_cast', 'cache_aside', negative_ttl => '1 hour');
CREATE TYPE ddl_key AS (i int);
CREATE FUNCTION ddl_key_int(k ddl_key) RETURNS int LANGUAGE plpgsql VOLATILE AS
	$$ BEGIN DELETE FROM ddl_cast WHERE id = k.i; RETURN k.i; END $$;
CREATE CAST (ddl_key AS int) WITH FUNCTION ddl_key_int(ddl_key) AS IMPLICIT;
BEGIN;
SELECT t FROM ddl_cast t WHERE id = ROW(1)::ddl_key;
ROLLBACK;
BEGIN;
SELECT cache.read(NULL::ddl_cast, ROW(1)::ddl_key);
SELECT cache.read(NULL::ddl_cast, 1);
ROLLBACK;
SELECT outcome FROM cache.explain(NULL::ddl_cast, 1);
SELECT cache.read(NULL::ddl_cast, 1);
DROP TABLE ddl_cast;
DROP TYPE ddl_key CASCADE;
