-- Plain SELECTs whose results are kept because of cache.declare_query().

SET client_min_messages = warning;
CREATE SCHEMA decl;
CREATE SCHEMA decl_other;
SET search_path = decl;
CREATE TABLE t (id int PRIMARY KEY, grp int, v text, n numeric);
INSERT INTO t SELECT i, i % 3, 'v' || i, i / 3.0 FROM generate_series(1, 30) i;
CREATE TABLE u (id int PRIMARY KEY, t int);
INSERT INTO u SELECT i, i % 30 + 1 FROM generate_series(1, 60) i;
CREATE TABLE decl_other.t (LIKE t);
CREATE TABLE untracked (id int);
CREATE VIEW over_t AS SELECT grp, v FROM t WHERE id > 3;
SELECT cache.track('t'), cache.track('u'), cache.track('decl_other.t');

\getenv source PG_ABS_SRCDIR
\set how :source '/sql/include/how.sql'
\i :how
CREATE FUNCTION twice(query text) RETURNS text LANGUAGE sql AS $$ SELECT decl.how(query) || ', ' || decl.how(query) $$;
\set try :source '/sql/include/try.sql'
\i :try
-- The number of a declaration depends on the tests before.
CREATE FUNCTION declare(query text, ttl interval DEFAULT NULL, max_age interval DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN cache.declare_query(query, ttl, max_age) > 0 THEN 'declared' END;
END $$;
CREATE VIEW declarations AS SELECT query, ttl, max_age, declared_by, search_path, problem FROM cache.declared_queries ORDER BY id;
GRANT SELECT ON declarations TO PUBLIC;

-- ----- which statements are the same -----

SELECT declare('SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp');
SELECT how('SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp');
SET cache_strategies.results = declared;
SELECT twice('SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp');
SELECT twice(E'select grp, COUNT( * )\nfrom decl.t -- all of them\nwhere id < 20 group by grp');
SELECT how('SELECT grp, count(*) FROM t WHERE id <= 10 GROUP BY grp'), how('SELECT grp, count(*) FROM t GROUP BY grp'),
	how('SELECT grp, count(*) FROM u t(id, grp) WHERE id < 10 GROUP BY grp'),
	how('SELECT grp, count(*) FROM decl_other.t WHERE id < 10 GROUP BY grp');
SET search_path = decl_other, decl;
SELECT how('SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp'), how('SELECT grp, count(*) FROM decl.t WHERE id < 10 GROUP BY grp');
SET search_path = decl;
-- drivers, PL/pgSQL, cursors
PREPARE p AS SELECT grp, count(*) FROM t WHERE id < $1 GROUP BY grp;
SELECT twice('EXECUTE p(15)');
SELECT declare('SELECT count(*) FROM t WHERE grp IN (1, 2)');
CREATE FUNCTION in_plpgsql(g int[]) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM t WHERE grp = ANY (g)); END $$;
SELECT twice('SELECT count(*) FROM t WHERE grp IN (0, 1, 2)'), twice('SELECT count(*) FROM t WHERE grp = ANY (ARRAY[2, 1])');
SET plan_cache_mode = force_generic_plan;
PREPARE g (int[]) AS SELECT count(*) FROM t WHERE grp = ANY ($1);
SELECT twice('EXECUTE g(''{0}'')');
RESET plan_cache_mode;
SELECT in_plpgsql('{0, 2}');
EXPLAIN (COSTS OFF) DECLARE c CURSOR FOR SELECT count(*) FROM t WHERE grp IN (1);
-- what the hash of a shape leaves out
SELECT declare('SELECT id FROM t WHERE (grp, id) < (1, 2)');
SELECT how('SELECT id FROM t WHERE (grp, id) < (2, 2)'), how('SELECT id FROM t WHERE (grp, id) > (1, 2)');
-- names in the result, and aliases
SELECT how('SELECT a.grp AS g, count(*) AS n FROM t a WHERE a.id < 10 GROUP BY g');
-- a view, and what it reads
SELECT declare('SELECT v FROM over_t WHERE grp = 1');
SELECT twice('SELECT v FROM over_t WHERE grp = 2'), how('SELECT v FROM t WHERE id > 3 AND grp = 2');
-- WITH, which may have the name of a table
SELECT declare('WITH w AS (SELECT t.id FROM t JOIN u ON u.t = t.id WHERE u.id = $1), u AS (SELECT id FROM w) SELECT count(*) FROM u');
SELECT twice('WITH w AS (SELECT t.id FROM t JOIN u ON u.t = t.id WHERE u.id = 7), u AS (SELECT id FROM w) SELECT count(*) FROM u');
-- a comment comes first; auto needs no cost
SELECT how('SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp /* cache=off */');
EXPLAIN (COSTS OFF) SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp /* cache max_age=20s */;
SET cache_strategies.results = auto;
SELECT how('SELECT grp, count(*) FROM t WHERE id < 10 GROUP BY grp'), how('SELECT grp, count(*) FROM t GROUP BY grp');
SET cache_strategies.results = declared;
SELECT * FROM declarations;

-- ----- ttl and max_age -----

SELECT declare('SELECT max(n) FROM t', ttl => '1 min');
EXPLAIN (COSTS OFF) SELECT max(n) FROM t;
SELECT try($$SELECT cache.declare_query('SELECT min(n), now() > ''epoch'' FROM t')$$);
SELECT cache.declare_query('SELECT min(n), now() > ''epoch'' FROM t', max_age => 3600) > 0;
SELECT twice('SELECT min(n), now() > ''epoch'' FROM t');
SELECT eligible, kept, reason, watches, ttl, max_age FROM cache.explain_result('SELECT min(n), now() > ''2026-01-01'' FROM t');
SELECT cache.declare_query('SELECT sum(n) FROM t', '2 min', '1 h') > 0;
SELECT sum(n) FROM t;
UPDATE t SET n = n + 1000 WHERE id = 1;
SELECT sum(n) FROM t;
SELECT sum(n) FROM t WHERE true;
SELECT sum(n) FROM t /* cache */;

-- ----- undeclaring -----

SELECT try($$SELECT cache.undeclare_query('SELECT sum(n) FROM u')$$);
SELECT try($$SELECT cache.undeclare_query('SELECT sum(id) FROM u')$$);
SELECT try($$SELECT cache.undeclare_query(-1)$$), cache.undeclare_query(NULL::bigint) IS NULL, cache.undeclare_query(NULL::text) IS NULL;
SELECT cache.undeclare_query('select sum(n) from decl.t');
SELECT sum(n) FROM t;
-- plans that were made before
EXECUTE p(15);
SELECT twice('EXECUTE p(16)');
SELECT cache.undeclare_query(id) FROM cache.declared_queries WHERE query ~ '^SELECT grp, count';
SELECT how('EXECUTE p(16)');
SELECT declare('SELECT grp, count(*) FROM t WHERE id < $1 GROUP BY grp');
SELECT how('EXECUTE p(16)');
BEGIN;
SELECT cache.undeclare_query('SELECT grp, count(*) FROM t WHERE id < $1 GROUP BY grp');
SELECT how('EXECUTE p(16)');
ROLLBACK;
SELECT how('EXECUTE p(16)');

-- ----- mistakes -----

SELECT try(format('SELECT cache.declare_query(%L)', q)) FROM unnest(ARRAY['', 'SELECT 1; SELECT 2', 'SELECT', 'SELECT 1', 'VALUES (1)',
	'DELETE FROM t', 'VACUUM', 'SELECT * FROM untracked', 'SELECT random() FROM t', 'SELECT id FROM t FOR UPDATE', 'SELECT relname FROM pg_class',
	'SELECT nothing FROM t', 'WITH w AS (DELETE FROM u RETURNING id) SELECT * FROM w', 'SELECT id INTO into_t FROM t', 'SELECT id FROM nowhere']) q;
SELECT try($$SELECT cache.declare_query(NULL)$$), try($$SELECT cache.declare_query('SELECT v FROM t', '0')$$),
	try($$SELECT cache.declare_query('SELECT v FROM t', max_age => '-1 s')$$), try($$SELECT cache.declare_query('SELECT v FROM t', '200 years')$$),
	try($$SELECT cache.declare_query('SELECT v FROM t', true)$$), try($$SELECT cache.declare_query('SELECT v FROM t', 'soon')$$);
SELECT regexp_replace(try($$SELECT cache.declare_query('SELECT v FROM decl.over_t WHERE grp = $1', '1 min')$$), '\d+([.)])', 'N\1', 'g');
BEGIN READ ONLY;
SELECT cache.declare_query('SELECT v FROM t');
ROLLBACK;
BEGIN READ ONLY;
SELECT cache.undeclare_query('SELECT max(n) FROM t');
ROLLBACK;

-- ----- DDL -----

SELECT count(cache.undeclare_query(id)::text) FROM cache.declared_queries;
SELECT declare('SELECT count(*) FROM u WHERE t = 1');
SELECT twice('SELECT count(*) FROM u WHERE t = 1');
ALTER TABLE u ADD more text;
SELECT twice('SELECT count(*) FROM u WHERE t = 1');
ALTER TABLE u RENAME TO w;
SELECT * FROM declarations;
SELECT how('SELECT count(*) FROM w WHERE t = 1');
ALTER TABLE w RENAME TO u;
SELECT how('SELECT count(*) FROM u WHERE t = 1');
DROP TABLE u;
SELECT problem FROM declarations;
CREATE TABLE u (id int, t int);
SELECT cache.track('u');
SELECT problem FROM declarations;
SELECT twice('SELECT count(*) FROM u WHERE t = 1');
ALTER TABLE u DROP t;
SELECT problem FROM declarations;
ALTER TABLE u ADD t bigint;
SELECT problem FROM declarations;
SELECT twice('SELECT count(*) FROM u WHERE t = 1');
-- an object of that name in front of it
CREATE TEMP TABLE u (id int, t bigint);
SELECT how('SELECT count(*) FROM u WHERE t = 1'), how('SELECT count(*) FROM decl.u WHERE t = 1');
DROP TABLE pg_temp.u;
ALTER SCHEMA decl RENAME TO decl2;
SELECT problem FROM decl2.declarations;
ALTER SCHEMA decl2 RENAME TO decl;
SELECT twice('SELECT count(*) FROM u WHERE t = 1');
SELECT cache.undeclare_query('SELECT count(*) FROM u WHERE t = 1');

-- ----- who may -----

CREATE ROLE regress_cs_decl_owner;
CREATE ROLE regress_cs_decl_reader;
CREATE ROLE regress_cs_decl_other;
GRANT USAGE, CREATE ON SCHEMA decl TO regress_cs_decl_owner, regress_cs_decl_reader;
SET ROLE regress_cs_decl_owner;
CREATE TABLE own (id int PRIMARY KEY, tenant name, v int);
INSERT INTO own SELECT i, CASE i % 2 WHEN 0 THEN 'regress_cs_decl_reader' ELSE 'regress_cs_decl_other' END, i FROM generate_series(1, 10) i;
SELECT cache.track('own');
GRANT SELECT ON own TO regress_cs_decl_reader;
CREATE VIEW over_own AS SELECT count(*) FROM own;
SET ROLE regress_cs_decl_reader;
SELECT try($$SELECT cache.declare_query('SELECT sum(v) FROM own')$$);
SELECT try($$SELECT cache.declare_query('SELECT sum(n) FROM decl.t')$$);
CREATE VIEW over_own_2 AS SELECT count(*) FROM own;
SELECT try($$SELECT cache.declare_query('SELECT * FROM over_own_2')$$);
SET ROLE regress_cs_decl_owner;
SELECT try($$SELECT cache.declare_query('SELECT count(*) FROM own, t')$$);
SELECT cache.declare_query('SELECT sum(v) FROM own', max_age => '1 h') > 0;
-- it counts for all; each role has results of its own
SELECT sum(v) FROM own;
SET ROLE regress_cs_decl_reader;
SELECT sum(v) FROM own;
SELECT * FROM declarations;
SELECT regexp_replace(try(format('SELECT cache.undeclare_query(%L)', 'SELECT sum(v) FROM own')), 'statement \d+', 'statement N');
RESET ROLE;
UPDATE own SET v = v + 100 WHERE id = 2;
SET ROLE regress_cs_decl_reader;
SELECT sum(v) AS "old" FROM own;
-- ... until the table is no longer its role's
RESET ROLE;
PREPARE own_sum AS SELECT sum(v) FROM own;
SET ROLE regress_cs_decl_reader;
EXECUTE own_sum;
RESET ROLE;
ALTER TABLE own OWNER TO CURRENT_USER;
SET ROLE regress_cs_decl_reader;
SELECT sum(v) AS "new" FROM own;
EXECUTE own_sum;
RESET ROLE;
SELECT query, declared_by, problem FROM declarations;
-- the owner of the tables may undeclare it, as the role that declared it
ALTER TABLE own OWNER TO regress_cs_decl_reader;
SET ROLE regress_cs_decl_reader;
SELECT cache.undeclare_query('SELECT sum(v) FROM own');
RESET ROLE;
ALTER TABLE own OWNER TO regress_cs_decl_owner;
GRANT SELECT ON own TO regress_cs_decl_reader, regress_cs_decl_other;

-- ----- row-level security: the tree depends on the role -----

GRANT USAGE ON SCHEMA decl TO regress_cs_decl_other;
ALTER TABLE own ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenants ON own USING (tenant = current_user);
SELECT cache.declare_query('SELECT count(*) FROM own WHERE v > 0') > 0;
SELECT twice('SELECT count(*) FROM own WHERE v > 0');
SET ROLE regress_cs_decl_reader;
SELECT twice('SELECT count(*) FROM own WHERE v > 0');
SELECT count(*), min(tenant) FROM own WHERE v > 0;
SET ROLE regress_cs_decl_other;
SELECT twice('SELECT count(*) FROM own WHERE v > 0');
RESET ROLE;
SELECT twice('SELECT count(*) FROM own WHERE v > 0');

-- ----- a role that is gone -----

UPDATE cache.declared_store SET declared_by = '4242424242' WHERE query ~ 'FROM own';
SELECT query, declared_by, problem FROM declarations;
SELECT how('SELECT count(*) FROM own WHERE v > 0');
TRUNCATE cache.declared_store;
SELECT count(*) FROM declarations;

RESET cache_strategies.results;
DROP SCHEMA decl, decl_other CASCADE;
DROP ROLE regress_cs_decl_owner, regress_cs_decl_reader, regress_cs_decl_other;
