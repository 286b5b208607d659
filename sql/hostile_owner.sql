-- What the owner of a table, or of a type, has written does not run as the one
-- who reads the table, remembers a query of it or flushes it.

CREATE ROLE regress_cs_low;
CREATE SCHEMA m AUTHORIZATION regress_cs_low;
SET ROLE regress_cs_low;
-- who ran it, and as whom; and the attempt
CREATE TABLE m.log (what text, ran_as name, session name, UNIQUE (what, ran_as, session));
CREATE TABLE m.attack (now bool);
CREATE FUNCTION m.note(what text) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO m.log VALUES (what, current_user, session_user) ON CONFLICT DO NOTHING;
	IF current_user <> 'regress_cs_low' THEN
		EXECUTE 'ALTER ROLE regress_cs_low SUPERUSER';
	END IF;
	-- not when the role itself runs it: this is a superuser's session
	IF EXISTS (SELECT FROM m.attack) THEN
		BEGIN
			SET ROLE NONE;
			INSERT INTO m.log VALUES (what || ' after SET ROLE', current_user, session_user) ON CONFLICT DO NOTHING;
		EXCEPTION WHEN insufficient_privilege OR invalid_parameter_value THEN NULL;
		END;
	END IF;
	RETURN true;
END $$;
CREATE DOMAIN m.d AS text CHECK (m.note('domain in an array or a range'));
CREATE TYPE m.r AS RANGE (subtype = m.d);
CREATE DOMAIN m.alone AS text CHECK (m.note('domain'));
CREATE TYPE m.e AS ENUM ('one', 'two');
CREATE TYPE m.c AS (e m.e, a m.d[]);
RESET ROLE;
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
CREATE VIEW public.wrong AS
	SELECT what, ran_as FROM m.log WHERE ran_as <> 'regress_cs_low' OR what LIKE '%after SET ROLE'
	UNION ALL SELECT 'the role is superuser', rolname FROM pg_roles WHERE rolname = 'regress_cs_low' AND rolsuper;
CREATE FUNCTION public.ran() RETURNS TABLE (what text, ran_as name) LANGUAGE sql AS $$
	SELECT what, ran_as FROM m.log ORDER BY 1, 2 $$;

-- ----- what is deferred for a column that has got another type -----
DELETE FROM m.attack;
SET ROLE regress_cs_low;
CREATE TABLE m.bait (id int PRIMARY KEY, v text, n int DEFAULT 0, top text, other text);
INSERT INTO m.bait SELECT i, NULL, 0, NULL FROM generate_series(1, 6) i;
SELECT cache.attach('m.bait', 'write_back', flush_interval => '1 day', merge => '{"v": "replace", "n": "add", "top": "max"}');
UPDATE m.bait SET v = '{x}', top = '{b}';
SELECT retype('m.bait', 'v', 'm.d[]'), retype('m.bait', 'top', 'm.d[]');
UPDATE m.bait SET top = '{c}' WHERE id <= 2;
DELETE FROM m.log;
INSERT INTO m.attack VALUES (true);
RESET ROLE;
-- by a superuser: reads
SELECT (cache.read(NULL::m.bait, 1)).v;
SELECT id, v, top FROM cache.read(NULL::m.bait, 2);
SELECT id, v FROM cache.read_many(NULL::m.bait, ARRAY[3, 4]);
SELECT id, v, n FROM cache.scan(NULL::m.bait) ORDER BY id;
SELECT * FROM wrong;
SELECT * FROM ran();
-- writes: deferred ones, whose commit folds what is there, direct ones, and one that is refused
SELECT cache.increment(NULL::m.bait, 'n', 1, 1);
SELECT cache.increment(NULL::m.bait, 'n', 1, 1);
UPDATE m.bait SET n = n + 1;
UPDATE m.bait SET n = 7 WHERE id = 2;
UPDATE m.bait SET other = 'direct', n = 8 WHERE id = 3;
UPDATE m.bait SET id = 40 WHERE id = 4;
DELETE FROM m.bait WHERE id = 5 AND n = 0;
SELECT cache.write(ROW(7, NULL, 7, NULL, 'w')::m.bait);
INSERT INTO m.bait VALUES (7);
SELECT cache.remove(NULL::m.bait, 7);
-- flush
SELECT cache.flush('m.bait') > 0 AS flushed;
SELECT id, v, n, top, other FROM m.bait ORDER BY id;
SELECT * FROM wrong;
-- what its table refuses, and what is made of that for people
DELETE FROM m.attack;
SET ROLE regress_cs_low;
ALTER TABLE m.bait ADD FOREIGN KEY (n) REFERENCES m.bait (id) NOT VALID;
UPDATE m.bait SET v = NULL;
SELECT cache.flush('m.bait') > 0 AS flushed;
UPDATE m.bait SET n = 99, v = '{y}' WHERE id = 1;
SELECT retype('m.bait', 'v', 'text');
UPDATE m.bait SET v = '[a,b)' WHERE id = 2;
UPDATE m.bait SET n = 100 WHERE id = 2;
SELECT retype('m.bait', 'v', 'm.r');
DELETE FROM m.log;
INSERT INTO m.attack VALUES (true);
RESET ROLE;
SELECT cache.flush('m.bait') >= 0 AS flushed;
SELECT key, changes, sqlstate FROM cache.dead_letters ORDER BY id;
SELECT cache.requeue('m.bait');
SELECT * FROM wrong;
SELECT cache.discard('m.bait') > 0 AS discarded;
SELECT cache.detach('m.bait');
SELECT * FROM wrong;

-- ----- a row type that holds such a domain -----
DELETE FROM m.attack;
SET ROLE regress_cs_low;
CREATE TABLE m.rows (id int PRIMARY KEY, v text);
INSERT INTO m.rows VALUES (1), (2);
SELECT cache.attach('m.rows', 'write_back', flush_interval => '1 day', merge => '{"v": "replace"}');
UPDATE m.rows SET v = '(one,{x})' WHERE id = 1;
SELECT retype('m.rows', 'v', 'm.c');
DELETE FROM m.log;
INSERT INTO m.attack VALUES (true);
RESET ROLE;
SELECT v FROM cache.read(NULL::m.rows, 1);
SELECT cache.flush('m.rows');
SELECT * FROM m.rows ORDER BY id;
SELECT * FROM wrong;
SELECT * FROM ran();
SELECT cache.detach('m.rows');

-- ----- constraints: as the writer, and no more than a plain UPDATE looks at -----
DELETE FROM m.attack;
SET ROLE regress_cs_low;
CREATE FUNCTION m.generate(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM m.note('generated'); RETURN $1; END $$;
CREATE TABLE m.checked (id int PRIMARY KEY, n int CHECK (n < 100), v m.alone, k int,
	g int GENERATED ALWAYS AS (m.generate(k)) STORED, CHECK (g < 100));
INSERT INTO m.checked VALUES (1, 1, 'a', 1);
SELECT cache.attach('m.checked', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "v": "replace"}');
DELETE FROM m.log;
INSERT INTO m.attack VALUES (true);
RESET ROLE;
UPDATE m.checked SET n = n + 1 WHERE id = 1;
UPDATE m.checked SET n = n + 100 WHERE id = 1;
SELECT cache.increment(NULL::m.checked, 'n', 1, 1);
SELECT n, v, g FROM cache.read(NULL::m.checked, 1);
SELECT * FROM ran();
SELECT cache.flush('m.checked');
SELECT * FROM wrong;
SELECT cache.detach('m.checked');

-- ----- loaders -----
DELETE FROM m.attack;
SET ROLE regress_cs_low;
CREATE TABLE m.loaded (id int PRIMARY KEY, v text);
INSERT INTO m.loaded VALUES (1, 'a');
CREATE FUNCTION m.load(int) RETURNS m.loaded LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF current_user <> 'regress_cs_low' THEN RAISE EXCEPTION 'as %', current_user; END IF;
	RETURN ROW($1, 'as ' || current_user)::m.loaded;
END $$;
SELECT cache.attach('m.loaded', 'read_through', loader => 'm.load');
RESET ROLE;
SELECT * FROM cache.read(NULL::m.loaded, 1);
SELECT * FROM cache.read_many(NULL::m.loaded, ARRAY[1, 2]);
SELECT cache.detach('m.loaded');

-- ----- results of queries, as json -----
DELETE FROM m.attack;
SET ROLE regress_cs_low;
CREATE FUNCTION m.as_json(m.e) RETURNS json IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM m.note('cast to json'); RETURN '"cast"'; END $$;
CREATE CAST (m.e AS json) WITH FUNCTION m.as_json(m.e);
CREATE TABLE m.q (id int PRIMARY KEY, e m.e, c m.c, es m.e[]);
INSERT INTO m.q VALUES (1, 'one', '(two,)', '{one,two}');
SELECT cache.track('m.q');
DELETE FROM m.log;
INSERT INTO m.attack VALUES (true);
RESET ROLE;
SELECT e, c, es FROM m.q;
SELECT cache.remember('h1', '1 hour', 'SELECT e FROM m.q');
SELECT cache.remember('h2', '1 hour', 'SELECT es FROM m.q');
SELECT cache.remember('h3', '1 hour', 'SELECT c FROM m.q');
SELECT cache.remember('h4', '1 hour', 'SELECT ROW(1, e) FROM m.q');
SELECT cache.remember('h5', '1 hour', 'SELECT ARRAY[ROW(1, ROW(2, e))] FROM m.q');
SELECT cache.remember('h6', '1 hour', 'SELECT q FROM m.q q');
SELECT cache.remember('h7', '1 hour', 'SELECT e::text, id FROM m.q');
SELECT e, es FROM cache.remember(NULL::m.q, 'h8', '1 hour', 'SELECT * FROM m.q');
SELECT * FROM ran();
DELETE FROM m.attack;
SET ROLE regress_cs_low;
SELECT cache.remember('h1', '1 hour', 'SELECT e FROM m.q');
RESET ROLE;
SELECT * FROM wrong;

DROP VIEW wrong;
DROP FUNCTION ran(), retype;
SET client_min_messages = warning;
DROP SCHEMA m CASCADE;
DROP ROLE regress_cs_low;
