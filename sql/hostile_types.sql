-- Types that change, or go, while values of them are deferred: no crash, no value
-- that is read as something else, and no row that holds up its neighbours.

CREATE ROLE regress_cs_low;
CREATE SCHEMA m AUTHORIZATION regress_cs_low;
-- Gives a column, in which all values of the table are NULL, another type as no command
-- does: ALTER TABLE flushes what is deferred.
CREATE FUNCTION public.retype(relation regclass, col name, type regtype) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
	SET allow_system_table_mods = on AS $$
BEGIN
	EXECUTE format('LOCK TABLE %s', relation);
	DELETE FROM pg_depend d USING pg_attribute a WHERE a.attrelid = relation AND a.attname = col AND d.classid = 'pg_class'::regclass
		AND d.objid = relation AND d.objsubid = a.attnum AND d.refclassid = 'pg_type'::regclass;
	UPDATE pg_attribute a SET atttypid = t.oid, attlen = t.typlen, attbyval = t.typbyval, attalign = t.typalign, attstorage = t.typstorage,
		attcollation = t.typcollation, atttypmod = -1 FROM pg_type t WHERE t.oid = type AND a.attrelid = relation AND a.attname = col;
END $$;
SET ROLE regress_cs_low;

-- ----- rows are not deferred -----
CREATE TYPE m.pair AS (a int, b text);
CREATE DOMAIN m.pair_domain AS m.pair;
CREATE TYPE m.pairs AS RANGE (subtype = m.pair);
CREATE TABLE m.other (x int, y text);
CREATE TABLE m.t (id int PRIMARY KEY, p m.pair, ps m.pair[], d m.pair_domain, r m.pairs, o m.other, n int DEFAULT 0, s text);
SELECT cache.attach('m.t', 'write_back', merge => '{"p": "replace"}');
SELECT cache.attach('m.t', 'write_back', merge => '{"ps": "replace"}');
SELECT cache.attach('m.t', 'write_back', merge => '{"d": "max"}');
SELECT cache.attach('m.t', 'write_back', merge => '{"r": "replace"}');
SELECT cache.attach('m.t', 'write_back', merge => '{"o": "replace"}');
INSERT INTO m.t SELECT i, ROW(i, 'old')::m.pair FROM generate_series(1, 5) i;
SELECT cache.attach('m.t', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "s": "replace"}');
-- a whole row with one goes to the table, one without is deferred
SELECT id, p FROM cache.write(ROW(1, ROW(10, 'ten'), NULL, NULL, NULL, NULL, 1, NULL)::m.t);
SELECT id, p FROM cache.write(ROW(2, NULL, NULL, NULL, NULL, NULL, 2, '(2,two)')::m.t);
SELECT dirty_entries FROM cache.flush_status WHERE relation = 'm.t'::regclass;
UPDATE m.t SET n = n + 1, s = '(5,five)' WHERE id IN (3, 4);
UPDATE m.t SET n = n + 1, s = '(6,6)' WHERE id = 5;
-- a column gets such a type: what was deferred is converted, what comes is not deferred
SELECT retype('m.t', 's', 'm.pair');
UPDATE m.t SET s = ROW(3, 'direct') WHERE id = 3;
SELECT id, p, n, s FROM cache.scan(NULL::m.t) ORDER BY id;
-- and that type is altered
UPDATE m.t SET s = NULL WHERE id = 3;
SELECT retype('m.t', 's', 'text');
ALTER TABLE m.t DROP p, DROP ps, DROP d, DROP r;
DROP TYPE m.pairs;
DROP DOMAIN m.pair_domain;
ALTER TYPE m.pair ALTER ATTRIBUTE a TYPE text, ALTER ATTRIBUTE b TYPE bigint;
SELECT retype('m.t', 's', 'm.pair');
SELECT id, n, s FROM cache.read(NULL::m.t, 5);
SELECT id, n, s FROM cache.read(NULL::m.t, 4);
SELECT cache.flush('m.t') >= 0 AS flushed;
SELECT id, n, s FROM m.t ORDER BY id;
SELECT key, changes, sqlstate FROM cache.dead_letters ORDER BY key;
SELECT cache.discard('m.t');
SELECT cache.detach('m.t');

-- ----- a type that goes -----
CREATE TYPE m.mood AS ENUM ('sad', 'happy');
CREATE TABLE m.moods (id int PRIMARY KEY, v m.mood, w m.mood, n int DEFAULT 0);
INSERT INTO m.moods SELECT i, NULL, 'sad' FROM generate_series(1, 4) i;
SELECT cache.attach('m.moods', 'write_back', flush_interval => '1 day', merge => '{"v": "replace", "w": "max", "n": "add"}');
UPDATE m.moods SET v = 'happy', n = 1 WHERE id = 1;
UPDATE m.moods SET w = 'happy', n = 1 WHERE id = 2;
UPDATE m.moods SET n = 1 WHERE id >= 3;
-- renamed, it is still the same
ALTER TYPE m.mood RENAME VALUE 'happy' TO 'glad';
SELECT * FROM cache.scan(NULL::m.moods) ORDER BY id;
SELECT retype('m.moods', 'v', 'text');
ALTER TABLE m.moods DROP w;
DROP TYPE m.mood;
SELECT * FROM cache.read(NULL::m.moods, 2);
SELECT * FROM cache.read(NULL::m.moods, 3);
UPDATE m.moods SET n = n + 1 WHERE id = 1;
-- a read that fails has the worker flush, which may come first
SELECT * FROM cache.read(NULL::m.moods, 1);
SELECT cache.flush('m.moods') >= 0 AS flushed;
SELECT * FROM m.moods ORDER BY id;
SELECT key, changes, sqlstate, message FROM cache.dead_letters;
SELECT cache.requeue('m.moods');
SELECT cache.discard('m.moods');
SELECT n FROM cache.read(NULL::m.moods, 1);
SELECT cache.detach('m.moods');

-- ----- deltas of one key that cannot be made one -----
CREATE FUNCTION m.fine(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
CREATE DOMAIN m.word AS text CHECK (m.fine(VALUE));
CREATE TABLE m.words (id int PRIMARY KEY, top text, n int DEFAULT 0);
INSERT INTO m.words SELECT i, NULL FROM generate_series(1, 4) i;
SELECT cache.attach('m.words', 'write_back', flush_interval => '1 day', merge => '{"top": "max", "n": "add"}');
UPDATE m.words SET top = '{b}', n = 1;
SELECT retype('m.words', 'top', 'm.word[]');
UPDATE m.words SET top = '{c}', n = n + 1 WHERE id <= 2;
CREATE OR REPLACE FUNCTION m.fine(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN $1 <> 'b'; END $$;
SELECT * FROM cache.read(NULL::m.words, 1);
SELECT cache.flush('m.words') >= 0 AS flushed;
SELECT * FROM m.words ORDER BY id;
SELECT key, changes, sqlstate FROM cache.dead_letters ORDER BY key;
CREATE OR REPLACE FUNCTION m.fine(text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN true; END $$;
SELECT cache.requeue('m.words');
SELECT * FROM m.words ORDER BY id;
SELECT count(*) FROM cache.dead_letters;
SELECT cache.detach('m.words');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA m CASCADE;
DROP FUNCTION retype;
DROP ROLE regress_cs_low;
