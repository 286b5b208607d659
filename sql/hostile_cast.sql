--
-- Any role can create a cast's function: it is called with the arguments that it takes,
-- and by roles that may execute it.
--
CREATE ROLE regress_cs_cast;
CREATE SCHEMA hc;
GRANT USAGE ON SCHEMA hc TO regress_cs_cast;
SET search_path = hc, public;
CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
GRANT SELECT, DELETE ON t TO regress_cs_cast;
SELECT cache.attach('t');

-- With one, two and three arguments, in SQL and in PL/pgSQL.
CREATE TYPE one AS (a int);
CREATE TYPE two AS (a int);
CREATE TYPE three AS (a int);
CREATE TYPE pl AS (a int);
CREATE FUNCTION cast_one(one) RETURNS int LANGUAGE sql AS 'SELECT $1.a';
CREATE FUNCTION cast_two(two, int) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN $2 = -1 THEN $1.a END';
CREATE FUNCTION cast_three(three, int, boolean) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN $2 = -1 AND NOT $3 THEN $1.a END';
CREATE FUNCTION cast_pl(pl) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN $1.a; END';
CREATE CAST (one AS int) WITH FUNCTION cast_one(one) AS IMPLICIT;
CREATE CAST (two AS int) WITH FUNCTION cast_two(two, int) AS IMPLICIT;
CREATE CAST (three AS int) WITH FUNCTION cast_three(three, int, boolean) AS IMPLICIT;
CREATE CAST (pl AS int) WITH FUNCTION cast_pl(pl) AS IMPLICIT;
SELECT (cache.read(NULL::t, ROW(1)::one)).v, (cache.read(NULL::t, ROW(2)::two)).v,
	(cache.read(NULL::t, ROW(1)::three)).v, (cache.read(NULL::t, ROW(2)::pl)).v;
SELECT v FROM t WHERE id = ROW(1)::one;
CREATE TYPE en AS ENUM ('a', 'b');
CREATE FUNCTION cast_en(en) RETURNS int LANGUAGE sql AS 'SELECT CASE $1::text WHEN ''a'' THEN 1 ELSE 2 END';
CREATE CAST (en AS int) WITH FUNCTION cast_en(en) AS IMPLICIT;
SELECT * FROM cache.read_many(NULL::t, '{b,a}'::en[]);

-- The same for values of keys.
CREATE TYPE txt AS (a int);
CREATE FUNCTION cast_txt(txt) RETURNS text LANGUAGE sql AS 'SELECT ''number '' || $1.a';
CREATE CAST (txt AS text) WITH FUNCTION cast_txt(txt);
CREATE TYPE txt3 AS (a int);
CREATE FUNCTION cast_txt3(txt3, int, boolean) RETURNS text LANGUAGE sql AS 'SELECT concat($1.a, $2, $3)';
CREATE CAST (txt3 AS text) WITH FUNCTION cast_txt3(txt3, int, boolean);
SELECT cache.set('hc', ROW(7)::txt);
SELECT cache.get('hc');
SELECT cache.set('hc', ROW(7)::txt3);
SELECT cache.get('hc'), ROW(7)::txt3::text;

-- Who may not execute them.
REVOKE EXECUTE ON FUNCTION cast_one(one), cast_en(en), cast_txt(txt) FROM PUBLIC;
SET ROLE regress_cs_cast;
SELECT v FROM t WHERE id = ROW(1)::one;
SELECT v FROM cache.read(NULL::t, ROW(1)::one);
SELECT cache.lookup(NULL::t, ROW(1)::one);
SELECT cache.remove(NULL::t, ROW(1)::one);
SELECT cache.explain(NULL::t, ROW(1)::one);
SELECT * FROM cache.read_many(NULL::t, '{b,a}'::en[]);
SELECT ROW(7)::txt::text;
SELECT cache.set('hc', ROW(7)::txt);
-- also within what was prepared by a role that may
RESET ROLE;
PREPARE by_cast AS SELECT v FROM cache.read(NULL::t, ROW(1)::one);
EXECUTE by_cast;
SET ROLE regress_cs_cast;
EXECUTE by_cast;
RESET ROLE;
EXECUTE by_cast;

RESET search_path;
SET client_min_messages = warning;
SELECT cache.delete('hc');
DROP SCHEMA hc CASCADE;
DROP ROLE regress_cs_cast;
