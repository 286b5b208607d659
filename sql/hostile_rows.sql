--
-- A row that was made by one row type and is read by another is memory that is read
-- as something else.  An ordinary role, which owns its tables, tries.
--
CREATE ROLE regress_cs_rows;
CREATE SCHEMA hr AUTHORIZATION regress_cs_rows;
SET ROLE regress_cs_rows;
SET search_path = hr, public;
-- a row type that changes with each try must not be tried for ever
SET statement_timeout = '30s';

-- What a statement gives, or the error.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	EXECUTE statement INTO r;
	RETURN r;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ': ' || SQLERRM;
END $$;

-- ----- cursors -----

CREATE TABLE t (id int PRIMARY KEY, b bytea);
INSERT INTO t VALUES (1, 'x'), (2, 'y');
SELECT cache.attach('t', 'write_back', merge => '{"b": "replace"}', flush_interval => '1 day');
SELECT * FROM cache.read(NULL::t, 1);
BEGIN;
DECLARE c CURSOR FOR SELECT octet_length(b), substr(b, 1, 64) FROM cache.scan(NULL::t);
DECLARE d CURSOR FOR SELECT md5(b) FROM cache.read_many(NULL::t, ARRAY[1, 2]);
DECLARE e CURSOR FOR SELECT r FROM cache.read(NULL::t, 1) r;
DECLARE f CURSOR FOR SELECT cache.scan(NULL::t);
DECLARE g CURSOR FOR SELECT * FROM ROWS FROM (cache.scan(NULL::t), cache.read_many(NULL::t, ARRAY[1])) WITH ORDINALITY;
DECLARE h CURSOR FOR SELECT md5(b) FROM cache.remember(NULL::t, 'k', NULL, 'SELECT 1, ''x''::bytea');
SELECT try('ALTER TABLE t ALTER b TYPE int USING 2000000000');
SELECT try('ALTER TABLE t DROP COLUMN b');
SELECT try('DROP TABLE t');
FETCH 1 FROM c;
FETCH 1 FROM d;
FETCH 1 FROM e;
FETCH 1 FROM f;
FETCH 1 FROM g;
FETCH 1 FROM h;
SELECT try('ALTER TABLE t ALTER b TYPE int USING 2000000000');
FETCH ALL FROM c;
FETCH ALL FROM d;
FETCH ALL FROM f;
FETCH ALL FROM g;
ROLLBACK;

-- A stored expression has nothing but the type; its rows are compared with what is expected.
CREATE FUNCTION stored() RETURNS SETOF bytea LANGUAGE sql VOLATILE BEGIN ATOMIC SELECT b FROM cache.scan(NULL::t); END;
CREATE FUNCTION stored_many() RETURNS SETOF bytea LANGUAGE sql VOLATILE BEGIN ATOMIC SELECT b FROM cache.read_many(NULL::t, ARRAY[1]); END;
CREATE FUNCTION altering() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE t ADD COLUMN c int DEFAULT 2000000000;
	ALTER TABLE t DROP COLUMN c;
	RETURN 1;
END $$;
SELECT try('SELECT stored(), stored_many()');
SELECT try('SELECT altering() FROM cache.scan(NULL::t)');

-- ----- what makes a key -----

CREATE TYPE kt AS (a int);
CREATE TABLE kc (id int PRIMARY KEY, x int, c text);
INSERT INTO kc VALUES (1, 2147483640, 'cccc');
SELECT cache.attach('kc');
SELECT c FROM cache.read(NULL::kc, 1);
CREATE FUNCTION alter_kc(kt) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE kc ALTER x TYPE text USING 'y';
	RETURN 1;
END $$;
CREATE CAST (kt AS int) WITH FUNCTION alter_kc(kt) AS IMPLICIT;
SELECT c FROM cache.read(NULL::kc, ROW(2)::kt);
SELECT try('SELECT c FROM cache.read_many(NULL::kc, ARRAY[ROW(2)::kt])');
CREATE TYPE ke AS ENUM ('a', 'b');
CREATE FUNCTION alter_kc(ke) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN hr.alter_kc(ROW(1)::hr.kt); END';
CREATE CAST (ke AS int) WITH FUNCTION alter_kc(ke) AS IMPLICIT;
SELECT try('SELECT c FROM cache.read_many(NULL::kc, ARRAY[''a'', ''b'']::ke[])');
-- where the statement has no range table: expressions of PL/pgSQL
CREATE FUNCTION by_expression() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	t := (cache.read(NULL::kc, ROW(2)::kt)).c;
	RETURN t;
END $$;
CREATE FUNCTION by_lookup() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	t := (cache.lookup(NULL::kc, ROW(2)::kt)).c;
	RETURN t;
END $$;
SELECT try('SELECT by_expression()');
SELECT try('SELECT by_lookup()');
SELECT c FROM cache.read(NULL::kc, 1);
-- and a cast that changes the row: what it has changed is not in the cache
CREATE OR REPLACE FUNCTION alter_kc(kt) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	UPDATE kc SET c = 'changed' WHERE id = 1;
	RETURN 1;
END $$;
CREATE FUNCTION twice() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	u text;
BEGIN
	t := (cache.read(NULL::kc, ROW(2)::kt)).c;
	u := (cache.read(NULL::kc, 1)).c;
	RETURN concat(t, ' ', u);
END $$;
SELECT c FROM cache.read(NULL::kc, 1);
BEGIN;
SELECT twice();
ROLLBACK;
SELECT c FROM cache.read(NULL::kc, 1);
-- or attaches it again
CREATE OR REPLACE FUNCTION alter_kc(kt) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache.attach('kc', 'read_through', ttl => '1 hour');
	RETURN 1;
END $$;
SELECT try('SELECT by_expression()');
SELECT try('SELECT c FROM cache.read_many(NULL::kc, ARRAY[''a'', ''b'']::ke[])');

-- ----- loader functions -----

CREATE TABLE lo (id int PRIMARY KEY, v text);
INSERT INTO lo VALUES (1, 'one');
CREATE FUNCTION alter_lo() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE hr.lo ALTER v TYPE int USING 2000000000;
	RETURN 'x';
EXCEPTION WHEN object_in_use THEN
	RETURN 'in use';
END $$;
CREATE FUNCTION load_lo(k int) RETURNS lo LANGUAGE plpgsql STABLE AS $$
DECLARE
	r hr.lo;
BEGIN
	SELECT k, hr.alter_lo() INTO r;
	RETURN r;
END $$;
SELECT cache.attach('lo', 'read_through', loader => 'load_lo');
CREATE FUNCTION read_lo() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	t := (cache.read(NULL::lo, 1)).v;
	RETURN t;
END $$;
SELECT try('SELECT read_lo()');

-- ----- composite types of remembered rows -----

CREATE TYPE ct AS (a int, b text);
BEGIN;
DECLARE c CURSOR FOR SELECT md5(b) FROM cache.remember(NULL::ct, 'ct', NULL, 'SELECT 1, ''x''::text');
FETCH 1 FROM c;
ALTER TYPE ct ALTER ATTRIBUTE b TYPE int;
DECLARE d CURSOR FOR SELECT b + 1 FROM cache.remember(NULL::ct, 'ct', NULL, 'SELECT 1, 2');
FETCH 1 FROM d;
SAVEPOINT s;
FETCH 1 FROM c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT md5(b) FROM cache.remember(NULL::ct, 'ct', NULL, 'SELECT 1, ''x''::text');
DECLARE d CURSOR FOR SELECT md5(b) FROM cache.remember(NULL::ct, 'ct', NULL, 'SELECT 1, 2000000000');
ALTER TYPE ct ALTER ATTRIBUTE b TYPE int;
SAVEPOINT s;
-- which column differs, PostgreSQL 18 says in other words
\set VERBOSITY terse
FETCH 1 FROM c;
\set VERBOSITY default
ROLLBACK TO s;
FETCH 1 FROM d;
ROLLBACK;

RESET search_path;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA hr CASCADE;
DROP ROLE regress_cs_rows;
