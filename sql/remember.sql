-- cache.remember(): results are kept until something changes that they depend on.

SET client_min_messages = warning;
CREATE SCHEMA rem;
GRANT USAGE ON SCHEMA rem TO PUBLIC;
SET search_path = rem;

-- A result as text, and where it came from: 'hit'; 'kept': computed and kept;
-- 'miss': computed and not kept; 'run': as if there were no cache.
CREATE FUNCTION look(query text, params text[] = NULL, reads regclass[] = NULL, key text = 'k', space text = NULL,
	OUT how text, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
	before record; after record;
BEGIN
	SELECT sum(hits) h, sum(misses) m, sum(sets) s INTO before FROM cache.space_stats;
	result := cache.remember(key, '1 hour', query, params => params, reads => reads, beta => 0, space => space);
	SELECT sum(hits) h, sum(misses) m, sum(sets) s INTO after FROM cache.space_stats;
	how := CASE WHEN after.h > before.h THEN 'hit' WHEN after.s > before.s THEN 'kept' WHEN after.m > before.m THEN 'miss' ELSE 'run' END;
END $$;
CREATE FUNCTION twice(query text, params text[] = NULL, reads regclass[] = NULL, key text = 'k', space text = NULL,
	OUT how text, OUT result text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT * FROM look(query, params, reads, key, space);
	RETURN QUERY SELECT * FROM look(query, params, reads, key, space);
END $$;
CREATE FUNCTION track(VARIADIC regclass[]) RETURNS void LANGUAGE sql AS 'SELECT cache.track(r) FROM unnest($1) r';

CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
SELECT track('t');

-- ----- the two functions -----

SELECT cache.remember('k', '1 hour', 'SELECT * FROM t ORDER BY id');
SELECT cache.remember(key => 'k', ttl => '1 hour', query => 'SELECT * FROM t ORDER BY id');
SELECT cache.remember('k', NULL, 'SELECT v FROM t WHERE id = $1', params => '{2}');
SELECT cache.remember('k', '1 hour', 'SELECT v FROM t WHERE id = $1', ARRAY['2']);
SELECT * FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t ORDER BY id');
SELECT * FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t ORDER BY id');
SELECT (r).v, r FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t ORDER BY id') r;
SELECT cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t ORDER BY id');
SELECT (cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t ORDER BY id')).v;
SELECT r + 1 FROM cache.remember(NULL::int, 'k', '1 hour', 'SELECT id FROM t ORDER BY id') r;
SELECT cache.remember(NULL::int, 'k', '1 hour', 'SELECT id FROM t ORDER BY id');
SELECT * FROM cache.remember(row_type => NULL::text, key => 'k', ttl => '1 hour', query => 'SELECT v FROM t ORDER BY id') WITH ORDINALITY;
SELECT x.id, r FROM (VALUES (1), (2), (3)) x (id), cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t WHERE id = $1', params => ARRAY[x.id::text]) r;

-- no rows, NULLs, columns of the same name, without a name, none
SELECT cache.remember('k', '1 hour', q) FROM unnest(ARRAY['SELECT * FROM t WHERE false', 'SELECT NULL AS a, NULL::int AS b', 'SELECT 1 AS a, 2 AS a', 'SELECT 1, 2', 'SELECT FROM t']) q, generate_series(1, 2);
SELECT count(*) FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t WHERE false');
SELECT count(*) FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT * FROM t WHERE false');
SELECT r, r IS NULL AS null FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT NULL::int, NULL::text') r;
\g
SELECT r IS NULL AS null FROM cache.remember(NULL::int, 'k', '1 hour', 'SELECT NULL::int') r;
\g

-- ----- when it is computed anew -----

SELECT * FROM look('SELECT v FROM t ORDER BY id');
SELECT * FROM look('SELECT v FROM t ORDER BY id');
UPDATE t SET v = 'ONE' WHERE id = 1;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
SELECT * FROM look('SELECT v FROM t ORDER BY id');
INSERT INTO t VALUES (3, 'three');
SELECT * FROM look('SELECT v FROM t ORDER BY id');
DELETE FROM t WHERE id = 3;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
-- a change that is rolled back does nothing but forget
BEGIN;
UPDATE t SET v = 'mine';
SELECT * FROM look('SELECT v FROM t ORDER BY id');
SAVEPOINT s;
INSERT INTO t VALUES (4, 'four');
SELECT * FROM look('SELECT v FROM t ORDER BY id');
ROLLBACK TO s;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
ROLLBACK;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
-- one's own changes, while they are made
WITH w AS (UPDATE t SET v = lower(v) WHERE id = 1 RETURNING v) SELECT w.v, l.* FROM w, look('SELECT v FROM t ORDER BY id') l;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
-- a change of another table is none
CREATE TABLE u (id int);
SELECT track('u');
BEGIN;
INSERT INTO u VALUES (1);
SELECT * FROM look('SELECT v FROM t ORDER BY id');
SELECT * FROM look('SELECT count(*) FROM u');
SELECT * FROM look('SELECT count(*) FROM t, u');
COMMIT;
SELECT * FROM look('SELECT count(*) FROM u');
TRUNCATE u;
SELECT * FROM look('SELECT count(*) FROM u');

-- every table that has a part in it
CREATE FUNCTION marked() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	q text; l record; answer text = '';
BEGIN
	FOREACH q IN ARRAY ARRAY['SELECT 1 FROM t WHERE EXISTS (SELECT FROM u)', 'WITH w AS (TABLE u) SELECT 1', 'SELECT (SELECT max(id) FROM u)', 'SELECT 1 UNION SELECT id FROM u',
		'SELECT 1 FROM t LEFT JOIN u USING (id)', 'SELECT 1 FROM t, LATERAL (SELECT * FROM u WHERE u.id = t.id) s', 'SELECT 1 WHERE 1 = ALL (SELECT id FROM u)',
		'WITH RECURSIVE w AS (SELECT 1 AS n UNION SELECT n + 1 FROM w, u WHERE n < 3) SELECT * FROM w', 'SELECT 1 ORDER BY (SELECT max(id) FROM u)', 'SELECT 1 LIMIT (SELECT 1 FROM u)',
		'SELECT * FROM generate_series(1, (SELECT max(id) FROM u))', 'SELECT sum(1) FILTER (WHERE (SELECT true FROM u)) OVER ()', 'VALUES ((SELECT max(id) FROM u))', 'SELECT ARRAY(TABLE u)', 'SELECT 1 FROM ONLY u',
		'SELECT 1 FROM u TABLESAMPLE system (100) REPEATABLE (1)', 'SELECT CASE WHEN false THEN (SELECT 1 FROM u) END']
	LOOP
		l := look(q);
		answer := answer || left(l.how, 1);
	END LOOP;
	RETURN answer;
END $$;
SELECT marked();
SELECT marked();
INSERT INTO u VALUES (1);
SELECT marked();

-- ----- what the query means -----

-- views
CREATE VIEW inner_view AS SELECT v FROM t WHERE id = 1;
CREATE VIEW outer_view AS SELECT * FROM inner_view;
SELECT * FROM look('TABLE outer_view');
SELECT * FROM look('TABLE outer_view');
CREATE OR REPLACE VIEW inner_view AS SELECT v FROM t WHERE id = 2;
SELECT * FROM look('TABLE outer_view');
BEGIN;
CREATE OR REPLACE VIEW inner_view AS SELECT 'uncommitted'::text AS v;
SELECT * FROM look('TABLE outer_view');
ROLLBACK;
SELECT * FROM look('TABLE outer_view');
CREATE OR REPLACE VIEW inner_view AS SELECT v FROM t WHERE 1 = id;
SELECT * FROM look('TABLE outer_view');
ALTER VIEW outer_view RENAME v TO w;
SELECT * FROM look('TABLE outer_view');

-- SQL functions, and what they call
CREATE FUNCTION inner_function() RETURNS text LANGUAGE sql STABLE AS 'SELECT v FROM t WHERE id = 1';
CREATE FUNCTION outer_function() RETURNS text LANGUAGE sql STABLE AS 'SELECT inner_function()';
CREATE FUNCTION poly(anyelement) RETURNS SETOF anyelement LANGUAGE sql STABLE AS 'SELECT $1 FROM u';
SELECT * FROM look('SELECT outer_function() AS v');
SELECT * FROM look('SELECT outer_function() AS v');
CREATE OR REPLACE FUNCTION inner_function() RETURNS text LANGUAGE sql STABLE AS 'SELECT v FROM t WHERE id = 2';
SELECT * FROM look('SELECT outer_function() AS v');
UPDATE t SET v = 'TWO' WHERE id = 2;
SELECT * FROM look('SELECT outer_function() AS v');
SELECT * FROM look('SELECT poly(1), poly(''x''::text)');
INSERT INTO u VALUES (2);
SELECT * FROM look('SELECT poly(1), poly(''x''::text)');
CREATE FUNCTION believed(int = 1) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
SELECT * FROM look('SELECT believed()');
CREATE OR REPLACE FUNCTION believed(int = 2) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
SELECT * FROM look('SELECT believed()');
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
SELECT * FROM look('SELECT total(id) FROM t');
CREATE OR REPLACE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '100');
SELECT * FROM look('SELECT total(id) FROM t');
CREATE FUNCTION defaulted(a anyelement, b anyelement = NULL) RETURNS anyelement LANGUAGE sql STABLE AS 'SELECT coalesce($2, $1)';
CREATE FUNCTION named(a anyelement, b int) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1 || $2::text';
SELECT * FROM look('SELECT defaulted(1) AS d, defaulted(b => 2, a => 1) AS r, named(b => 1, a => ''x''::text) AS n');

-- functions that only an operator class names
CREATE FUNCTION turned_lt(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > $2';
CREATE FUNCTION turned_gt(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 < $2';
CREATE FUNCTION turned_cmp(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $2 - $1; END';
CREATE OPERATOR <# (LEFTARG = int, RIGHTARG = int, FUNCTION = turned_lt, COMMUTATOR = >#);
CREATE OPERATOR ># (LEFTARG = int, RIGHTARG = int, FUNCTION = turned_gt);
CREATE OPERATOR CLASS turned FOR TYPE int USING btree AS OPERATOR 1 <#, OPERATOR 3 =, OPERATOR 5 >#, FUNCTION 1 turned_cmp(int, int);
SELECT how, result FROM look('SELECT id FROM t ORDER BY id USING <#');
SELECT how, result FROM look('SELECT id, ROW(1, id) <# ROW(1, 2) AS less FROM t ORDER BY id');
CREATE TYPE turned_range AS RANGE (SUBTYPE = int, SUBTYPE_OPCLASS = turned);
SELECT how, result FROM look('SELECT $1::turned_range @> 0 AS has', '{"[1,)"}');
CREATE OR REPLACE FUNCTION turned_cmp(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 - $2; END';
SELECT how, result FROM look('SELECT id FROM t ORDER BY id USING <#');
SELECT how, result FROM look('SELECT id, ROW(1, id) <# ROW(1, 2) AS less FROM t ORDER BY id');
SELECT how, result FROM look('SELECT $1::turned_range @> 0 AS has', '{"[1,)"}');
DROP OPERATOR FAMILY turned USING btree CASCADE;

-- text search
CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple);
CREATE TEXT SEARCH CONFIGURATION stemmed (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION stemmed ALTER MAPPING FOR asciiword WITH words;
SELECT * FROM look('SELECT to_tsvector(''plain'', ''running dogs'') AS v');
ALTER TEXT SEARCH CONFIGURATION plain ALTER MAPPING FOR asciiword WITH english_stem;
SELECT * FROM look('SELECT to_tsvector(''plain'', ''running dogs'') AS v');
SET default_text_search_config = stemmed;
SELECT * FROM look('SELECT to_tsvector(''running dogs'') AS v');
ALTER TEXT SEARCH DICTIONARY words (LANGUAGE = german);
SELECT * FROM look('SELECT to_tsvector(''running dogs'') AS v');
ALTER TEXT SEARCH CONFIGURATION stemmed DROP MAPPING FOR asciiword;
SELECT * FROM look('SELECT to_tsvector(''running dogs'') AS v');
RESET default_text_search_config;

-- names that come to stand for something else
CREATE SCHEMA early;
SET search_path = early, rem;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
SELECT * FROM look('SELECT v FROM t ORDER BY id');
CREATE TABLE early.t (id int, v text);
INSERT INTO early.t VALUES (1, 'early');
SELECT track('early.t');
SELECT * FROM look('SELECT v FROM t ORDER BY id');
ALTER TABLE early.t RENAME TO other;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
CREATE FUNCTION early.upper(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT 'early ' || $1 $$;
SELECT * FROM look('SELECT upper(v) AS u FROM t WHERE id = 1');
SET search_path = early, pg_catalog, rem;
SELECT * FROM look('SELECT upper(v) AS u FROM t WHERE id = 1');
DROP FUNCTION early.upper(text);
SELECT * FROM look('SELECT upper(v) AS u FROM t WHERE id = 1');
SELECT * FROM look('SELECT outer_function() AS v');
CREATE FUNCTION early.inner_function() RETURNS text LANGUAGE sql STABLE AS $$ SELECT 'early'::text $$;
SELECT * FROM look('SELECT outer_function() AS v');
DROP FUNCTION early.inner_function();
CREATE DOMAIN rem.shape AS text;
SELECT how, result FROM look($$SELECT s FROM xmltable('/s' PASSING xml '<s>(x)</s>' COLUMNS s shape PATH '.')$$);
CREATE TYPE early.shape AS (a text);
SELECT how, result FROM look($$SELECT s FROM xmltable('/s' PASSING xml '<s>(x)</s>' COLUMNS s shape PATH '.')$$);
DROP TYPE early.shape;
SET search_path = rem;
ALTER SCHEMA early RENAME TO late;
ALTER TABLE late.other RENAME TO t;
SET search_path = late, rem;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
SET search_path = rem;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
CREATE TEMP TABLE t (id int, v text);
SELECT * FROM look('SELECT v FROM rem.t ORDER BY id, v');
\set VERBOSITY terse
SELECT cache.remember('k', '1 hour', 'SELECT v FROM t ORDER BY id');
\set VERBOSITY default
DROP TABLE pg_temp.t;
SELECT * FROM look('SELECT v FROM t ORDER BY id');
-- two tables that change places
CREATE TABLE x (a text);
CREATE TABLE y (a text);
INSERT INTO x VALUES ('x');
INSERT INTO y VALUES ('y');
SELECT track('x', 'y');
SELECT * FROM look('TABLE x');
BEGIN;
ALTER TABLE x RENAME TO z;
ALTER TABLE y RENAME TO x;
ALTER TABLE z RENAME TO y;
COMMIT;
SELECT * FROM look('TABLE x');
DROP TABLE x, y;
CREATE TABLE x (a text);
INSERT INTO x VALUES ('new');
SELECT track('x');
SELECT * FROM look('TABLE x');
ALTER TABLE x ADD b int DEFAULT 7, ADD c int;
SELECT * FROM look('TABLE x');
ALTER TABLE x DROP a;
SELECT * FROM look('TABLE x');
SELECT * FROM cache.remember(NULL::x, 'k', '1 hour', 'TABLE x') r;
\g
ALTER TABLE x ALTER b TYPE text USING 'b' || b;
SELECT * FROM cache.remember(NULL::x, 'k', '1 hour', 'TABLE x') r;
\g

-- types
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TYPE pair AS (a int, m mood);
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE DOMAIN good_pair AS pair CHECK ((VALUE).a > 0);
SELECT * FROM look('SELECT ''sad''::mood AS m, (1, ''sad'')::pair AS p, ARRAY[(1, ''sad'')::pair] AS a');
SELECT * FROM look('SELECT ''sad''::mood AS m, (1, ''sad'')::pair AS p, ARRAY[(1, ''sad'')::pair] AS a');
ALTER TYPE mood RENAME VALUE 'sad' TO 'low';
SELECT * FROM cache.remember('k', '1 hour', 'SELECT ''sad''::mood AS m, (1, ''sad'')::pair AS p, ARRAY[(1, ''sad'')::pair] AS a');
SELECT * FROM look('SELECT $1::mood AS m, (1, $2)::pair AS p', '{low,glad}');
ALTER TYPE mood RENAME VALUE 'glad' TO 'up';
ALTER TYPE mood RENAME VALUE 'low' TO 'glad';
SELECT * FROM look('SELECT enum_first($1::mood) AS m, $1 < ''up''::mood AS less', '{glad}');
SELECT * FROM look('SELECT (1, NULL)::pair AS p');
ALTER TYPE pair RENAME ATTRIBUTE a TO first;
SELECT * FROM look('SELECT (1, NULL)::pair AS p');
ALTER TYPE pair ADD ATTRIBUTE b text;
SELECT * FROM cache.remember('k', '1 hour', 'SELECT (1, NULL)::pair AS p');
SELECT * FROM look('SELECT (1, NULL, NULL)::pair AS p');
SELECT * FROM look('SELECT $1::int::small AS s', '{7}');
SELECT * FROM look('SELECT $1::int::small AS s', '{7}');
ALTER DOMAIN small ADD CONSTRAINT tiny CHECK (VALUE < 5);
SELECT * FROM cache.remember('k', '1 hour', 'SELECT $1::int::small AS s', params => '{7}');
ALTER DOMAIN small DROP CONSTRAINT tiny;
SELECT * FROM look('SELECT $1::int::small AS s', '{7}');
SELECT * FROM cache.remember(NULL::small, 'k', '1 hour', 'SELECT $1::int::small', params => '{7}') r;
\g
SELECT * FROM cache.remember(NULL::good_pair, 'k', '1 hour', 'SELECT 1, ''up''::mood, ''x''::text') r;
\g
SELECT * FROM cache.remember(NULL::good_pair, 'k', '1 hour', 'SELECT 0, ''up''::mood, ''x''::text');

-- settings
SELECT how, result FROM look('SELECT ''2020-02-03 00:00''::timestamptz AS t, ''1 day 2 hours''::interval::text AS i, 1.1::float4 AS f, ''\x01''::bytea::text AS b, ''2020-02-03''::date::text AS d');
SET timezone = 'Asia/Tokyo';
SET datestyle = 'German';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -3;
SET bytea_output = 'escape';
SELECT how, result FROM look('SELECT ''2020-02-03 00:00''::timestamptz AS t, ''1 day 2 hours''::interval::text AS i, 1.1::float4 AS f, ''\x01''::bytea::text AS b, ''2020-02-03''::date::text AS d');
RESET ALL;
SET client_min_messages = warning;
SET search_path = rem;
SELECT how, result FROM look('SELECT ''2020-02-03 00:00''::timestamptz AS t, ''1 day 2 hours''::interval::text AS i, 1.1::float4 AS f, ''\x01''::bytea::text AS b, ''2020-02-03''::date::text AS d');
SELECT how FROM look('SELECT count(*) FROM t WHERE v = NULL');
SET transform_null_equals = on;
SELECT how FROM look('SELECT count(*) FROM t WHERE v = NULL');
RESET transform_null_equals;
SELECT how, result FROM look('SELECT to_tsvector(''the cats'') AS v');
SET default_text_search_config = 'simple';
SELECT how, result FROM look('SELECT to_tsvector(''the cats'') AS v');
RESET default_text_search_config;
SET gin_fuzzy_search_limit = 10;
SELECT how, result FROM look('SELECT to_tsvector(''the cats'') AS v');
RESET gin_fuzzy_search_limit;

-- literals that depend on when they are read
SELECT how FROM twice('SELECT ''today''::date');
SELECT how FROM look('SELECT timestamptz '' NOW ''');
\g
SELECT how FROM twice('SELECT ''I know nowhere''');
SELECT how FROM twice('SELECT now()');

-- ----- whose result it is -----

CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE ROLE regress_readers;
GRANT SELECT ON t TO regress_alice;
SELECT * FROM look('SELECT current_user AS me, count(*) FROM t');
SET ROLE regress_alice;
SELECT * FROM look('SELECT current_user AS me, count(*) FROM t');
SELECT * FROM look('SELECT current_user AS me, count(*) FROM t');
RESET ROLE;
ALTER ROLE regress_alice RENAME TO regress_carol;
SET ROLE regress_carol;
SELECT * FROM look('SELECT current_user AS me, count(*) FROM t');
-- privileges: table, columns, through a role, of the schema, through a view, of functions
RESET ROLE;
REVOKE SELECT ON t FROM regress_carol;
SET ROLE regress_carol;
SELECT cache.remember('k', '1 hour', 'SELECT current_user AS me, count(*) FROM t');
RESET ROLE;
GRANT SELECT (v) ON t TO regress_carol;
SET ROLE regress_carol;
SELECT how FROM twice('SELECT v FROM t');
SELECT cache.remember('k', '1 hour', 'SELECT id FROM t');
RESET ROLE;
REVOKE SELECT (v) ON t FROM regress_carol;
GRANT SELECT ON t TO regress_readers;
GRANT regress_readers TO regress_carol;
SET ROLE regress_carol;
SELECT how FROM twice('SELECT v FROM t');
RESET ROLE;
REVOKE regress_readers FROM regress_carol;
SET ROLE regress_carol;
SELECT cache.remember('k', '1 hour', 'SELECT v FROM t');
RESET ROLE;
GRANT SELECT ON late.t TO regress_carol;
GRANT USAGE ON SCHEMA late TO regress_carol;
SET ROLE regress_carol;
SELECT how FROM twice('SELECT v FROM late.t');
RESET ROLE;
REVOKE USAGE ON SCHEMA late FROM regress_carol;
SET ROLE regress_carol;
SELECT cache.remember('k', '1 hour', 'SELECT v FROM late.t');
RESET ROLE;
CREATE VIEW of_bob AS SELECT v FROM t;
CREATE VIEW with_unused AS SELECT v, inner_function() FROM t;
GRANT SELECT ON with_unused TO regress_carol;
ALTER VIEW of_bob OWNER TO regress_bob;
GRANT SELECT ON t TO regress_bob;
GRANT SELECT ON of_bob TO regress_carol;
SET ROLE regress_carol;
SELECT how FROM twice('TABLE of_bob');
RESET ROLE;
REVOKE SELECT ON t FROM regress_bob;
SET ROLE regress_carol;
SELECT cache.remember('k', '1 hour', 'TABLE of_bob');
RESET ROLE;
GRANT SELECT ON t TO regress_carol;
REVOKE EXECUTE ON FUNCTION inner_function() FROM PUBLIC;
SET ROLE regress_carol;
SELECT cache.remember('k', '1 hour', 'SELECT outer_function() AS v');
RESET ROLE;
GRANT EXECUTE ON FUNCTION inner_function() TO regress_carol;
SET ROLE regress_carol;
SELECT how FROM twice('SELECT outer_function() AS v');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION inner_function() FROM regress_carol;
SET ROLE regress_carol;
SELECT cache.remember('k', '1 hour', 'SELECT outer_function() AS v');
-- what is not needed is not asked for, and then nothing is kept
SELECT how FROM twice('SELECT v FROM with_unused');
RESET ROLE;
GRANT EXECUTE ON FUNCTION inner_function() TO PUBLIC;
-- as the role in force
CREATE FUNCTION as_owner(q text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN cache.remember('k', '1 hour', q); END $$;
SET ROLE regress_bob;
SELECT as_owner('SELECT current_user AS me, count(*) FROM t');
SELECT cache.remember('k', '1 hour', 'SELECT current_user AS me, count(*) FROM t');
RESET ROLE;
-- the tables of opaque functions
CREATE FUNCTION opaque() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM u); END';
GRANT SELECT ON u TO regress_carol;
\c -
SET client_min_messages = warning;
SET search_path = rem;
SET ROLE regress_carol;
SELECT how, result FROM twice('SELECT opaque()', reads => '{u}');
RESET ROLE;
INSERT INTO u VALUES (3);
SET ROLE regress_carol;
SELECT how, result FROM twice('SELECT opaque()', reads => '{u}');
RESET ROLE;
REVOKE SELECT ON u FROM regress_carol;
SET ROLE regress_carol;
\set VERBOSITY terse
SELECT cache.remember('k', '1 hour', 'SELECT opaque()', reads => '{u}');
\set VERBOSITY default
RESET ROLE;
SELECT how, result FROM twice('SELECT opaque()', reads => '{u}');
SELECT how, result FROM twice('SELECT opaque()', reads => '{t,u}');
CREATE OR REPLACE FUNCTION opaque() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN -1; END';
SELECT how, result FROM twice('SELECT opaque()', reads => '{u}');
-- which the session's temporary tables may be
CREATE TEMP TABLE u (id int);
SELECT how, result FROM twice('SELECT opaque()', reads => '{rem.u}');
DROP TABLE pg_temp.u;

-- row-level security
CREATE TABLE secret (owner name, what text);
INSERT INTO secret VALUES ('regress_bob', 'of bob'), ('regress_carol', 'of carol');
GRANT SELECT ON secret TO regress_bob, regress_carol;
CREATE POLICY mine ON secret USING (owner = current_user);
SELECT track('secret');
SET ROLE regress_carol;
SELECT how, result FROM twice('SELECT what FROM secret ORDER BY what');
RESET ROLE;
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
SET ROLE regress_carol;
SELECT how, result FROM twice('SELECT what FROM secret ORDER BY what');
SET ROLE regress_bob;
SELECT how, result FROM twice('SELECT what FROM secret ORDER BY what');
RESET ROLE;
SELECT how, result FROM twice('SELECT what FROM secret ORDER BY what');
ALTER POLICY mine ON secret USING (false);
SET ROLE regress_bob;
SELECT how, result FROM twice('SELECT what FROM secret ORDER BY what');
RESET ROLE;
ALTER TABLE secret DISABLE ROW LEVEL SECURITY;
SET ROLE regress_bob;
SELECT how, result FROM twice('SELECT what FROM secret ORDER BY what');
RESET ROLE;

-- ----- parameters and values -----

CREATE TABLE vals (i int, n numeric, f float8, t text, c char(5), b bytea, at timestamptz, d date, iv interval, u uuid, j jsonb, a int[], r int4range, m mood, p pair, s small, x xml, bits bit varying, net inet, nm name, ch "char", mo money);
INSERT INTO vals VALUES (1, 1.50, 1e300, 'it''s "quoted" \ ', 'ab', '\x00ff', '2020-01-02 03:04:05.678+00', '2020-01-02', '1 mon 2 days', '00000000-0000-0000-0000-000000000001', '{"a": [1, null]}',
	'{1,NULL,3}', '[1,5)', 'up', '(1,up,x)', 7, '<a/>', '101', '10.0.0.1/8', 'name', 'c', 1.23);
INSERT INTO vals (i) VALUES (NULL);
SELECT track('vals');
SELECT key, value FROM jsonb_each(cache.remember('k', '1 hour', 'TABLE vals') -> 0) WHERE key <> 'f';
SELECT cache.remember('k', '1 hour', 'TABLE vals') = (SELECT jsonb_agg(v) FROM vals v) AS same;
SELECT string_agg(w::text, ' ') = (SELECT string_agg(w::text, ' ') FROM vals w) AS same FROM cache.remember(NULL::vals, 'k', '1 hour', 'TABLE vals') w;
\g
SELECT how, result FROM twice('SELECT count(*) FROM vals WHERE i = $1 AND n = $2 AND f = $3 AND t = $4 AND c = $5 AND b = $6 AND at = $7 AND d = $8 AND iv = $9 AND u = $10 AND j = $11
	AND a = $12 AND r = $13 AND m = $14 AND p = $15::pair AND s = $16 AND bits = $17 AND net = $18 AND nm = $19 AND ch = $20 AND mo = $21',
	(SELECT ARRAY[i::text, n::text, f::text, t, c, b::text, at::text, d::text, iv::text, u::text, j::text, a::text, r::text, m::text, p::text, s::text, bits::text, net::text, nm::text, ch::text, mo::text] FROM vals WHERE i = 1));
-- equal values, whatever they are written as; and others
SELECT how, result FROM unnest('{1.5,1.50,1.51}'::text[]) p, look('SELECT $1::numeric = 1.5 AS same', ARRAY[p]);
SELECT how, result FROM unnest(ARRAY['2020-01-02 03:00+00', '2020-01-02 04:00+01']) p, look('SELECT extract(hour FROM $1::timestamptz AT TIME ZONE ''UTC'')::int AS h', ARRAY[p]);
SELECT how, result FROM unnest(ARRAY['x', NULL, '', 'NULL']) p, look('SELECT $1::text AS p', ARRAY[p]);
SELECT how, result FROM (VALUES ('ab', 'c'), ('a', 'bc'), (NULL, 'abc')) x (a, b), look('SELECT $1::text AS a, $2::text AS b', ARRAY[a, b]);
SELECT how, result FROM (VALUES ('k', 'a'), ('ka', ''), ('k', 'a')) x (key, p), look('SELECT $1::text AS p', ARRAY[p], key => x.key);
SELECT how, length(result) FROM twice('SELECT $1::text AS p', ARRAY[repeat('long', 10000)]);
SELECT how, result FROM twice('SELECT length($1::text) AS p', ARRAY[repeat('long', 10001)]);

-- wide and long, TOASTed, and more than fits
CREATE TABLE wide (id int, a text, b text, c text);
ALTER TABLE wide ALTER a SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i, repeat('a' || i, 5000), repeat('b', 100), repeat('c' || i, 5000) FROM generate_series(1, 20) i;
SELECT track('wide');
SELECT how, md5(result) = md5((SELECT jsonb_agg(w ORDER BY id) FROM wide w)::text) AS same FROM twice('SELECT * FROM wide ORDER BY id');
SELECT count(*), sum(length(r::text)), bool_and(r = w) AS same FROM wide w JOIN cache.remember(NULL::wide, 'k', '1 hour', 'TABLE wide') r USING (id);
SELECT count(*), sum(length(r::text)), bool_and(r = w) AS same FROM wide w JOIN cache.remember(NULL::wide, 'k', '1 hour', 'TABLE wide') r USING (id);
DELETE FROM wide;
SELECT how, result FROM look('SELECT * FROM wide ORDER BY id');
SELECT how, length(result) > max_value AS long FROM cache.stats, twice(format('SELECT repeat(''x'', 1000) AS x FROM generate_series(1, %s)', max_value / 1000));
SELECT count(*) = max_value / 1000 + 1 AS all_rows, sum(length(r)) > max_value AS long FROM cache.stats, cache.remember(row_type => NULL::text, key => 'k', ttl => '1 hour',
	query => format('SELECT repeat(''x'', 1000) AS x FROM generate_series(1, %s)', max_value / 1000 + 1)) r GROUP BY max_value;

-- ----- forgetting -----

SELECT how FROM look('SELECT 1', key => 'a'), look('SELECT 1', key => 'b') b (how2);
SELECT cache.forget('a');
SELECT how FROM look('SELECT 1', key => 'a');
SELECT how FROM look('SELECT 1', key => 'b');
BEGIN;
SELECT cache.forget('a');
SELECT how FROM twice('SELECT 1', key => 'a');
ROLLBACK;
SELECT how FROM look('SELECT 1', key => 'a');
BEGIN;
SAVEPOINT s;
SELECT cache.forget('a');
ROLLBACK TO s;
SELECT how FROM look('SELECT 1', key => 'a');
SELECT cache.forget('a');
SELECT how FROM look('SELECT 1', key => 'a');
COMMIT;
SELECT how FROM look('SELECT 1', key => 'a');
SELECT cache.forget('nothing of the kind');
-- all roles' results
SET ROLE regress_carol;
SELECT how FROM twice('SELECT 1', key => 'a');
RESET ROLE;
SELECT cache.create_space('shared', owner => 'regress_bob');
SELECT cache.grant_space('shared', 'regress_carol');
SET ROLE regress_carol;
SELECT how FROM twice('SELECT 1', key => 'a', space => 'shared');
SET ROLE regress_bob;
SELECT how FROM twice('SELECT 1', key => 'a', space => 'shared');
SELECT cache.forget('a', 'shared');
SELECT how FROM look('SELECT 1', key => 'a', space => 'shared');
SET ROLE regress_carol;
SELECT how FROM look('SELECT 1', key => 'a', space => 'shared');
-- who may only read the space computes for himself
RESET ROLE;
SELECT cache.revoke_space('shared', 'regress_carol');
SELECT cache.grant_space('shared', 'regress_carol', write => false);
SET ROLE regress_carol;
SELECT cache.remember('a', '1 hour', 'SELECT 1', space => 'shared');
SELECT how FROM twice('SELECT 2', key => 'a', space => 'shared');
SELECT cache.forget('a', 'shared');
RESET ROLE;
SELECT cache.revoke_space('shared', 'regress_carol');
SET ROLE regress_carol;
SELECT cache.remember('a', '1 hour', 'SELECT 1', space => 'shared');
RESET ROLE;
-- tags
SELECT cache.remember('a', '1 hour', 'SELECT count(*) FROM t', tags => '{x,y}');
SELECT how FROM look('SELECT count(*) FROM t', key => 'a');
SELECT cache.invalidate_tag('z');
SELECT how FROM look('SELECT count(*) FROM t', key => 'a');
SELECT cache.invalidate_tag('y');
SELECT how FROM look('SELECT count(*) FROM t', key => 'a');
-- keys and remembered keys are two things
SELECT cache.set('a', 'value');
SELECT cache.delete('a');
SELECT how FROM look('SELECT count(*) FROM t', key => 'a');
SELECT cache.delete_prefix('');
SELECT how FROM look('SELECT count(*) FROM t', key => 'a');
SELECT cache.keys();
SELECT cache.drop_space('shared');

-- ----- time -----

CREATE FUNCTION timed(ttl interval, grace interval = NULL, beta float8 = 0, key text = 'timed') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before record; after record;
BEGIN
	SELECT sum(hits) h, sum(sets) s INTO before FROM cache.space_stats;
	PERFORM cache.remember(key, ttl, 'SELECT count(*) FROM t', grace => grace, beta => beta);
	SELECT sum(hits) h, sum(sets) s INTO after FROM cache.space_stats;
	RETURN CASE WHEN after.h > before.h THEN 'hit' WHEN after.s > before.s THEN 'kept' ELSE 'neither' END;
END $$;
SELECT timed('1 hour'), timed('1 hour');
SELECT timed('1 ms', key => 'brief');
SELECT pg_sleep(0.01);
SELECT timed('1 hour', key => 'brief'), timed('1 ms', key => 'brief');
-- one who comes in the grace period computes it
SELECT timed('1 ms', '1 hour', key => 'grace');
SELECT pg_sleep(0.01);
SELECT timed('1 hour', '1 hour', key => 'grace'), timed('1 ms', '1 hour', key => 'grace');
-- early, or never early
SELECT string_agg(DISTINCT timed('1 hour', beta => 0), ' ') FROM generate_series(1, 100);
SELECT string_agg(DISTINCT timed('1 hour', beta => 1e300), ' ') FROM generate_series(1, 100);
SELECT timed(NULL, '100 years', 1e300, 'no end'), timed(NULL, '100 years', 1e300, 'no end');
-- the space's time to live
SELECT cache.create_space('short', ttl => '1 ms');
SELECT cache.remember('k', NULL, 'SELECT now()', space => 'short') AS first \gset
SELECT pg_sleep(0.01);
SELECT cache.remember('k', NULL, 'SELECT now()', space => 'short') > :'first'::jsonb AS later;
SELECT cache.alter_space('short', '1 hour', NULL), pg_sleep(0.01);
SELECT cache.remember('k', NULL, 'SELECT now()', space => 'short') = cache.remember('k', NULL, 'SELECT now()', space => 'short') AS same;
SELECT cache.remember('k', NULL, 'SELECT now()', space => 'short') AS first \gset
SELECT cache.remember('k', NULL, 'SELECT now()', space => 'short') = :'first'::jsonb AS kept;
SELECT cache.drop_space('short');
-- and its memory
SELECT cache.create_space('tight', max_memory => '64kB');
SELECT count(cache.remember('k', '1 hour', 'SELECT repeat(''x'', 5000), $1::int', params => ARRAY[i::text], space => 'tight')) FROM generate_series(1, 100) i;
SELECT entries > 5 AS some, entries < 30 AS few, bytes <= 65536 AS within FROM cache.space_stats WHERE space = 'tight';
SELECT length(cache.remember('k', '1 hour', 'SELECT repeat(''x'', 100000) AS x', space => 'tight')::text) AS answered;
SELECT cache.drop_space('tight');

-- ----- transactions -----

SELECT how FROM look('SELECT count(*) FROM t');
SET cache_strategies.enabled = off;
SELECT how FROM look('SELECT count(*) FROM t');
RESET cache_strategies.enabled;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT how FROM look('SELECT count(*) FROM t');
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT how FROM look('SELECT count(*) FROM t');
SELECT how FROM twice('SELECT count(*) + 1 FROM t', key => 'in a read-only transaction');
COMMIT;
-- prepared statements and cursors; the latter as of when they were opened
PREPARE p AS SELECT cache.remember('k', '1 hour', 'SELECT v FROM t WHERE id = $1', params => ARRAY[$1::text]);
EXECUTE p (1);
UPDATE t SET v = 'prepared' WHERE id = 1;
EXECUTE p (1);
BEGIN;
DECLARE c CURSOR FOR SELECT cache.remember('k', '1 hour', 'SELECT v FROM t WHERE id = 1'), v FROM t WHERE id = 1;
UPDATE t SET v = 'later' WHERE id = 1;
FETCH c;
CLOSE c;
SELECT how, result FROM look('SELECT v FROM t WHERE id = 1');
COMMIT;
SELECT how, result FROM look('SELECT v FROM t WHERE id = 1');
-- procedures that commit
CREATE PROCEDURE changes() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..3 LOOP
		UPDATE t SET v = 'change ' || i WHERE id = 1;
		RAISE WARNING '%', cache.remember('k', '1 hour', 'SELECT v FROM t WHERE id = 1');
		COMMIT;
		RAISE WARNING '%', cache.remember('k', '1 hour', 'SELECT v FROM t WHERE id = 1');
	END LOOP;
END $$;
CALL changes();
-- errors leave nothing behind
SELECT cache.remember('k', '1 hour', 'SELECT 1 / (id - id) FROM t');
SELECT cache.remember('k', '1 hour', 'SELECT 1 / (id - id) FROM t');
-- what is known of queries that fail does not pile up
DO $$ BEGIN
	FOR i IN 1..300 LOOP
		BEGIN
			PERFORM cache.remember('k', '1 hour', format('SELECT %s / (id - id) FROM t', i));
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
	END LOOP;
	RAISE WARNING '%', (SELECT count(*) < 200 FROM pg_backend_memory_contexts WHERE name = 'cache_strategies query');
	-- nor does it of long ones
	FOR i IN 1..20 LOOP
		PERFORM cache.remember('k', '1 hour', format('SELECT length(%L)', repeat(i::text, 100000)));
	END LOOP;
	RAISE WARNING '%', (SELECT sum(total_bytes) < 20000000 FROM pg_backend_memory_contexts);
END $$;
SELECT how FROM twice('SELECT 1 / id FROM t ORDER BY id');
-- in itself, through functions that say they are STABLE
CREATE FUNCTION again(n int) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN CASE WHEN n > 0 THEN cache.remember('again', '1 hour', 'SELECT again($1) AS n', params => ARRAY[(n - 1)::text], reads => '{}') ELSE '0' END;
END $$;
\c -
SET client_min_messages = warning;
SET search_path = rem;
SELECT again(3), again(3);
-- more queries than a session keeps
SELECT count(DISTINCT cache.remember('k', '1 hour', format('SELECT %s AS i FROM t', i))) FROM generate_series(1, 300) i;
SELECT count(DISTINCT cache.remember('k', '1 hour', format('SELECT %s AS i FROM t', i))) FROM generate_series(1, 300) i;
DISCARD ALL;
SET search_path = rem;
SELECT how FROM twice('SELECT 1 / id FROM t ORDER BY id');

-- ----- partitions and children -----

CREATE TABLE part (id int, v text) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part2 PARTITION OF part FOR VALUES IN (2) PARTITION BY LIST (v);
CREATE TABLE part2x PARTITION OF part2 FOR VALUES IN ('x');
SELECT track('part');
SELECT how, result FROM twice('SELECT count(*) FROM part');
INSERT INTO part1 VALUES (1, 'x');
SELECT how, result FROM twice('SELECT count(*) FROM part');
INSERT INTO part2x VALUES (2, 'x');
SELECT how, result FROM twice('SELECT count(*) FROM part');
CREATE TABLE part3 (id int, v text);
INSERT INTO part3 VALUES (3, 'three');
ALTER TABLE part ATTACH PARTITION part3 FOR VALUES IN (3);
SELECT how, result FROM twice('SELECT count(*) FROM part');
ALTER TABLE part DETACH PARTITION part1;
SELECT how, result FROM twice('SELECT count(*) FROM part');
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
SELECT track('parent', 'child');
SELECT how, result FROM twice('SELECT count(*) FROM parent');
INSERT INTO child VALUES (1);
SELECT how, result FROM twice('SELECT count(*) FROM parent');
SELECT how, result FROM twice('SELECT count(*) FROM ONLY parent');
CREATE TABLE child2 (id int);
INSERT INTO child2 VALUES (2);
SELECT track('child2');
-- it gets triggers that see what is changed through the parent
ALTER TABLE child2 INHERIT parent;
SELECT how, result FROM twice('SELECT count(*) FROM parent');
DROP TABLE child;
SELECT how, result FROM twice('SELECT count(*) FROM parent');

-- tables that are attached, and that are no longer tracked
CREATE TABLE attached (id int PRIMARY KEY, n int);
INSERT INTO attached VALUES (1, 1);
SELECT cache.attach('attached', 'write_through');
SELECT how, result FROM twice('SELECT sum(n) FROM attached');
UPDATE attached SET n = 2;
SELECT how, result FROM twice('SELECT sum(n) FROM attached');
INSERT INTO attached VALUES (2, 2);
SELECT how, result FROM twice('SELECT sum(n) FROM attached');
SELECT cache.detach('attached');
SELECT cache.remember('k', '1 hour', 'SELECT sum(n) FROM attached');
SELECT cache.untrack('u');
SELECT cache.remember('k', '1 hour', 'SELECT count(*) FROM u');

REVOKE ALL ON t, late.t, secret, of_bob, with_unused FROM regress_carol, regress_bob, regress_readers;
REVOKE ALL ON FUNCTION inner_function() FROM regress_carol;
DROP VIEW of_bob;
DROP ROLE regress_carol, regress_bob, regress_readers;
DROP SCHEMA rem, late CASCADE;
