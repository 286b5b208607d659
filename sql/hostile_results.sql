-- Kept results and what a role may see: whatever changes in its privileges, between
-- planning and execution or between two hits, it gets what the statement would get.

\set VERBOSITY sqlstate
SET client_min_messages = warning;
CREATE ROLE regress_cs_low;
CREATE ROLE regress_cs_group;
CREATE ROLE regress_cs_owner;
GRANT regress_cs_group TO regress_cs_low;
CREATE SCHEMA shown;
CREATE SCHEMA closed;
GRANT USAGE ON SCHEMA shown TO regress_cs_low, regress_cs_owner;
GRANT USAGE ON SCHEMA closed TO regress_cs_group, regress_cs_owner;
CREATE TABLE shown.t (id int PRIMARY KEY, v int, secret text);
INSERT INTO shown.t SELECT i, i % 5, 's' || i FROM generate_series(1, 20) i;
CREATE TABLE closed.u (id int PRIMARY KEY, v int);
INSERT INTO closed.u SELECT i, i % 5 FROM generate_series(1, 20) i;
SELECT cache.track('shown.t', by_value => true), cache.track('closed.u', by_value => true);
GRANT SELECT (id, v) ON shown.t TO regress_cs_low;
GRANT SELECT ON closed.u TO regress_cs_group, regress_cs_owner;
-- functions that are not inlined, and what the inner one reads
CREATE FUNCTION closed.inner_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM (SELECT 1 FROM closed.u WHERE v = $1 LIMIT 9) x';
REVOKE EXECUTE ON FUNCTION closed.inner_count FROM PUBLIC;
GRANT EXECUTE ON FUNCTION closed.inner_count TO regress_cs_group;
CREATE FUNCTION shown.outer_count(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT closed.inner_count($1) FROM shown.t ORDER BY id LIMIT 1';
CREATE VIEW shown.of_owner AS SELECT count(*) AS n FROM closed.u WHERE v = 1;
ALTER VIEW shown.of_owner OWNER TO regress_cs_owner;
GRANT SELECT ON shown.of_owner TO regress_cs_low;
\getenv source PG_ABS_SRCDIR
\set how :source '/sql/include/how.sql'
\i :how

SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SET ROLE regress_cs_low;
PREPARE f AS SELECT id, shown.outer_count(1) AS n FROM shown.t WHERE v = 1 ORDER BY 1 LIMIT 2;
PREPARE v AS SELECT n FROM shown.of_owner;
EXECUTE f;
SELECT how('EXECUTE f');
EXECUTE v;
SELECT how('EXECUTE v');

-- what only the function's body needs: EXECUTE, SELECT, USAGE, each by membership
RESET ROLE;
REVOKE EXECUTE ON FUNCTION closed.inner_count FROM regress_cs_group;
SET ROLE regress_cs_low;
EXECUTE f;
RESET ROLE;
GRANT EXECUTE ON FUNCTION closed.inner_count TO regress_cs_group;
REVOKE SELECT ON closed.u FROM regress_cs_group;
SET ROLE regress_cs_low;
EXECUTE f;
RESET ROLE;
GRANT SELECT ON closed.u TO regress_cs_group;
REVOKE USAGE ON SCHEMA closed FROM regress_cs_group;
SET ROLE regress_cs_low;
EXECUTE f;
RESET ROLE;
GRANT USAGE ON SCHEMA closed TO regress_cs_group;
REVOKE regress_cs_group FROM regress_cs_low;
SET ROLE regress_cs_low;
EXECUTE f;
RESET ROLE;
ALTER ROLE regress_cs_low SUPERUSER;
SET ROLE regress_cs_low;
EXECUTE f;
SELECT how('EXECUTE f');
RESET ROLE;
ALTER ROLE regress_cs_low NOSUPERUSER;
SET ROLE regress_cs_low;
EXECUTE f;
RESET ROLE;
GRANT regress_cs_group TO regress_cs_low;
SET ROLE regress_cs_low;
EXECUTE f;
SELECT how('EXECUTE f');
-- those of the view's owner
RESET ROLE;
REVOKE SELECT ON closed.u FROM regress_cs_owner;
SET ROLE regress_cs_low;
EXECUTE v;
RESET ROLE;
GRANT SELECT ON closed.u TO regress_cs_owner;
SET ROLE regress_cs_low;
EXECUTE v;

-- a plan, and a cursor, of another role
RESET ROLE;
PREPARE p AS SELECT count(*) FROM closed.u WHERE v = 2;
EXECUTE p;
SELECT how('EXECUTE p');
REVOKE SELECT ON closed.u FROM regress_cs_group;
SET ROLE regress_cs_low;
EXECUTE p;
RESET ROLE;
GRANT SELECT ON closed.u TO regress_cs_group;
BEGIN;
DECLARE c CURSOR FOR SELECT current_user, count(*) FROM closed.u WHERE v = 2;
SET LOCAL ROLE regress_cs_low;
FETCH c;
SELECT current_user, count(*) FROM closed.u WHERE v = 2;
COMMIT;

-- a setting that a role may see no more
GRANT pg_read_all_settings TO regress_cs_low;
SET ROLE regress_cs_low;
PREPARE s AS SELECT current_setting('data_directory') <> '' AS seen, count(*) FROM shown.t WHERE v = 1;
EXECUTE s;
SELECT how('EXECUTE s');
RESET ROLE;
REVOKE pg_read_all_settings FROM regress_cs_low;
SET ROLE regress_cs_low;
EXECUTE s;

-- policies, and who they do not apply to
RESET ROLE;
CREATE POLICY higher ON closed.u USING (v > 1);
ALTER TABLE closed.u ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cs_low;
EXECUTE f;
SELECT how('EXECUTE f');
RESET ROLE;
ALTER ROLE regress_cs_low BYPASSRLS;
SET ROLE regress_cs_low;
EXECUTE f;
SELECT how('EXECUTE f');
RESET ROLE;
ALTER ROLE regress_cs_low NOBYPASSRLS;
SET ROLE regress_cs_low;
EXECUTE f;
RESET ROLE;
DROP POLICY higher ON closed.u;
ALTER TABLE closed.u DISABLE ROW LEVEL SECURITY;

-- What is said about a statement asks for what the statement needs.  A column would
-- become one that all writers of the table note.
SET ROLE regress_cs_low;
SELECT reason, watches, by_value FROM cache.explain_result('SELECT count(*) FROM shown.t WHERE secret = ''s1''');
EXPLAIN SELECT count(*) FROM shown.t WHERE secret = 's1';
SELECT * FROM cache.remember_depends('SELECT count(*) FROM shown.t WHERE secret = ''s1''');
SELECT * FROM cache.remember_depends('SELECT id FROM shown.t WHERE v = 1');
RESET ROLE;
REVOKE SELECT ON closed.u FROM regress_cs_owner;
SET ROLE regress_cs_low;
SELECT * FROM cache.remember_depends('SELECT n FROM shown.of_owner');
SELECT reason, watches, by_value FROM cache.explain_result('SELECT n FROM shown.of_owner');

RESET ROLE;
DEALLOCATE ALL;
DROP FUNCTION how;
DROP SCHEMA shown, closed CASCADE;
DROP ROLE regress_cs_low, regress_cs_group, regress_cs_owner;
