--
-- Who may read what from the cache: those who may read it from the table.
--

\set VERBOSITY terse

CREATE ROLE regress_cs_owner;
CREATE ROLE regress_cs_reader;
CREATE ROLE regress_cs_group;
CREATE ROLE regress_cs_bypass BYPASSRLS;
CREATE SCHEMA vault AUTHORIZATION regress_cs_owner;
SET ROLE regress_cs_owner;
CREATE TABLE vault.s (id int PRIMARY KEY, secret text, owner text);
INSERT INTO vault.s VALUES (1, 'one', 'regress_cs_reader'), (2, 'two', 'somebody');
SELECT cache.attach('vault.s', 'write_through', negative_ttl => '1 h');
SELECT secret FROM cache.read(NULL::vault.s, 1);
SELECT secret FROM cache.read(NULL::vault.s, 2);
RESET ROLE;

-- All ways to read, as SQLSTATE or what was read.
CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE command INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN insufficient_privilege THEN
	RETURN SQLERRM;
END $$;
CREATE FUNCTION reads(role name) RETURNS TABLE (read text, lookup text, read_many text, explain text, "select" text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	read := try('SELECT cache.read(NULL::vault.s, 1)');
	lookup := try('SELECT cache.lookup(NULL::vault.s, 1)');
	read_many := try('SELECT cache.read_many(NULL::vault.s, ARRAY[1])');
	explain := try('SELECT outcome FROM cache.explain(NULL::vault.s, 1)');
	"select" := try('SELECT s FROM vault.s WHERE id = 1');
	RESET ROLE;
	RETURN NEXT;
END $$;

-- the schema first, then the table
\x on
SELECT * FROM reads('regress_cs_reader');
GRANT SELECT ON vault.s TO regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
GRANT USAGE ON SCHEMA vault TO regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
REVOKE SELECT ON vault.s FROM regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
-- columns: all of them, or none
GRANT SELECT (id, secret) ON vault.s TO regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
GRANT SELECT (owner) ON vault.s TO regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
-- which does not include xmin, so that the row is loaded without it
SELECT cache.invalidate('vault.s');
SELECT * FROM reads('regress_cs_reader');
SELECT cache.invalidate('vault.s');
SET ROLE regress_cs_reader;
SELECT cache.read_many(NULL::vault.s, ARRAY[1, 2]);
SELECT outcome FROM cache.explain(NULL::vault.s, 2);
RESET ROLE;
SELECT cache.read(NULL::vault.s, 2);
ALTER TABLE vault.s ADD COLUMN more int;
SELECT * FROM reads('regress_cs_reader');
ALTER TABLE vault.s DROP COLUMN more;
SELECT * FROM reads('regress_cs_reader');
REVOKE SELECT (secret) ON vault.s FROM regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
REVOKE SELECT (id, owner) ON vault.s FROM regress_cs_reader;
-- by way of a group, of PUBLIC, of being a superuser
GRANT SELECT ON vault.s TO regress_cs_group;
SELECT * FROM reads('regress_cs_reader');
GRANT regress_cs_group TO regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
REVOKE regress_cs_group FROM regress_cs_reader;
SELECT * FROM reads('regress_cs_reader');
GRANT SELECT ON vault.s TO PUBLIC;
SELECT * FROM reads('regress_cs_reader');
REVOKE SELECT ON vault.s FROM PUBLIC;
REVOKE USAGE ON SCHEMA vault FROM regress_cs_reader;
ALTER ROLE regress_cs_reader SUPERUSER;
SELECT * FROM reads('regress_cs_reader');
ALTER ROLE regress_cs_reader NOSUPERUSER;
SELECT * FROM reads('regress_cs_reader');
GRANT USAGE ON SCHEMA vault TO regress_cs_reader;
-- the owner, whose own privilege has been revoked
REVOKE SELECT ON vault.s FROM regress_cs_owner;
SELECT * FROM reads('regress_cs_owner');
GRANT SELECT ON vault.s TO regress_cs_owner;
SELECT * FROM reads('regress_cs_owner');
\x off

-- a REVOKE is seen at once, also by what is prepared
GRANT SELECT ON vault.s TO regress_cs_reader;
SET ROLE regress_cs_reader;
SET plan_cache_mode = force_generic_plan;
PREPARE get(int) AS SELECT secret FROM cache.read(NULL::vault.s, $1);
EXECUTE get(1);
EXECUTE get(2);
RESET ROLE;
REVOKE SELECT ON vault.s FROM regress_cs_reader;
SET ROLE regress_cs_reader;
EXECUTE get(1);
EXECUTE get(3);
RESET ROLE;
EXECUTE get(1);
GRANT SELECT ON vault.s TO regress_cs_reader;
SET ROLE regress_cs_reader;
EXECUTE get(1);
BEGIN;
EXECUTE get(2);
RESET ROLE;
REVOKE SELECT ON vault.s FROM regress_cs_reader;
SET ROLE regress_cs_reader;
EXECUTE get(2);
ROLLBACK;
SET ROLE regress_cs_reader;
EXECUTE get(2);
RESET ROLE;
REVOKE USAGE ON SCHEMA vault FROM regress_cs_reader;
SET ROLE regress_cs_reader;
EXECUTE get(2);
RESET ROLE;
GRANT USAGE ON SCHEMA vault TO regress_cs_reader;
DEALLOCATE get;
RESET plan_cache_mode;

-- SECURITY DEFINER: the function's owner counts; and within one statement
REVOKE SELECT ON vault.s FROM regress_cs_reader;
CREATE FUNCTION as_owner(int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$ SELECT secret FROM cache.read(NULL::vault.s, $1) $$;
ALTER FUNCTION as_owner(int) OWNER TO regress_cs_owner;
CREATE FUNCTION as_reader(int) RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$ SELECT secret FROM cache.read(NULL::vault.s, $1) $$;
ALTER FUNCTION as_reader(int) OWNER TO regress_cs_reader;
SET ROLE regress_cs_reader;
SELECT as_owner(1), as_owner(2);
SELECT try('SELECT as_owner(1) || (SELECT secret FROM cache.read(NULL::vault.s, 1))');
RESET ROLE;
SELECT try('SELECT as_reader(1)');
SELECT try('SELECT as_owner(1) || as_reader(1)');
-- a view lends its owner's right to its tables, but functions in it run as the caller:
-- in FROM, in the target list and in WHERE, and whatever kind of view it is
CREATE VIEW vault.v AS SELECT r.* FROM vault.s, cache.read(NULL::vault.s, s.id) r;
CREATE VIEW vault.v_target WITH (security_barrier) AS SELECT id, (cache.read(NULL::vault.s, s.id)).secret FROM vault.s;
CREATE VIEW vault.v_where WITH (security_invoker) AS SELECT 1 AS id, 'found' AS secret
	WHERE (SELECT r.id FROM cache.read(NULL::vault.s, 1) r) = 1;
CREATE VIEW vault.v_nested AS SELECT * FROM vault.v;
CREATE VIEW vault.v_table AS SELECT id, secret FROM vault.s WHERE owner = 'regress_cs_reader';
-- what lends its owner's rights: a function, with the whole query in it
CREATE FUNCTION vault.of_reader() RETURNS TABLE (id int, secret text) LANGUAGE sql STABLE SECURITY DEFINER BEGIN ATOMIC
	SELECT s.id, r.secret FROM vault.s, LATERAL cache.read(NULL::vault.s, s.id) r WHERE s.owner = 'regress_cs_reader';
END;
CREATE VIEW vault.v_function AS SELECT * FROM vault.of_reader();
ALTER FUNCTION vault.of_reader OWNER TO regress_cs_owner;
ALTER VIEW vault.v OWNER TO regress_cs_owner;
ALTER VIEW vault.v_target OWNER TO regress_cs_owner;
ALTER VIEW vault.v_where OWNER TO regress_cs_owner;
ALTER VIEW vault.v_nested OWNER TO regress_cs_owner;
ALTER VIEW vault.v_table OWNER TO regress_cs_owner;
ALTER VIEW vault.v_function OWNER TO regress_cs_owner;
CREATE FUNCTION views(role name) RETURNS TABLE (view text, result text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOREACH view IN ARRAY '{v,v_target,v_where,v_nested,v_table,v_function}'::text[] LOOP
		result := try(format('SELECT secret FROM vault.%I WHERE id = 1', view));
		RETURN NEXT;
	END LOOP;
	RESET ROLE;
END $$;
GRANT SELECT ON vault.v, vault.v_target, vault.v_where, vault.v_nested, vault.v_table, vault.v_function TO regress_cs_reader;
SELECT * FROM views('regress_cs_owner');
SELECT * FROM views('regress_cs_reader');
SET ROLE regress_cs_reader;
SELECT * FROM vault.v_function;
SELECT try('SELECT cache.read(NULL::vault.s, 1)');
RESET ROLE;
GRANT SELECT ON vault.s TO regress_cs_reader;
SELECT * FROM views('regress_cs_reader');
-- v_where names the table in its call only, so nothing is asked of its owner
REVOKE SELECT ON vault.s FROM regress_cs_owner;
SELECT * FROM views('regress_cs_reader');
GRANT SELECT ON vault.s TO regress_cs_owner;
DROP FUNCTION views;

-- row-level security
GRANT USAGE ON SCHEMA vault TO regress_cs_bypass;
GRANT SELECT ON vault.s TO regress_cs_bypass;
CREATE FUNCTION rows_read(role name) RETURNS TABLE (key int, secret text, outcome text, same boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOREACH key IN ARRAY '{1,2,3}'::int[] LOOP
		outcome := (cache.explain(NULL::vault.s, key)).outcome;
		secret := (cache.read(NULL::vault.s, key)).secret;
		same := cache.read(NULL::vault.s, key) IS NOT DISTINCT FROM (SELECT s FROM vault.s WHERE id = key);
		RETURN NEXT;
	END LOOP;
	RESET ROLE;
END $$;
ALTER TABLE vault.s ENABLE ROW LEVEL SECURITY;
-- no policy: nothing
SELECT * FROM rows_read('regress_cs_reader');
CREATE POLICY own ON vault.s USING (owner = current_user);
SELECT * FROM rows_read('regress_cs_reader');
-- twice, as what the owner reads is cached
SELECT * FROM rows_read('regress_cs_owner');
SELECT * FROM rows_read('regress_cs_owner');
SELECT * FROM rows_read('regress_cs_bypass');
SELECT * FROM rows_read('regress_cs_reader');
SELECT * FROM rows_read(current_user);
-- with row_security off it is an error, as for SELECT
SET row_security = off;
SET ROLE regress_cs_reader;
SELECT try('SELECT cache.read(NULL::vault.s, 1)');
SELECT try('SELECT s FROM vault.s WHERE id = 1');
RESET ROLE;
SELECT * FROM rows_read('regress_cs_owner');
RESET row_security;
-- forced upon the owner
ALTER TABLE vault.s FORCE ROW LEVEL SECURITY;
SELECT * FROM rows_read('regress_cs_owner');
SELECT * FROM rows_read('regress_cs_bypass');
ALTER TABLE vault.s NO FORCE ROW LEVEL SECURITY;
SELECT * FROM rows_read('regress_cs_owner');
-- a role that is set meanwhile, in one prepared statement
PREPARE get(int) AS SELECT secret FROM cache.read(NULL::vault.s, $1);
EXECUTE get(2);
SET ROLE regress_cs_reader;
EXECUTE get(2);
EXECUTE get(1);
RESET ROLE;
EXECUTE get(2);
ALTER TABLE vault.s DISABLE ROW LEVEL SECURITY;
SET ROLE regress_cs_reader;
EXECUTE get(2);
RESET ROLE;
DEALLOCATE get;

-- writing needs what the statement would
CREATE FUNCTION writes(role name) RETURNS TABLE (write text, remove text, increment text, invalidate text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	write := try('SELECT cache.write(ROW(9, ''nine'', ''x'')::vault.s)');
	remove := try('SELECT cache.remove(NULL::vault.s, 9)');
	increment := try('SELECT cache.increment(NULL::vault.n, ''n'', 1, 1)');
	invalidate := try('SELECT cache.invalidate(NULL::vault.s, 9)');
	RESET ROLE;
	RETURN NEXT;
END $$;
CREATE TABLE vault.n (id int PRIMARY KEY, n int);
INSERT INTO vault.n VALUES (1, 1);
SELECT cache.attach('vault.n');
SELECT * FROM writes('regress_cs_reader');
GRANT INSERT ON vault.s TO regress_cs_reader;
SELECT * FROM writes('regress_cs_reader');
GRANT UPDATE ON vault.s TO regress_cs_reader;
SELECT * FROM writes('regress_cs_reader');
GRANT DELETE ON vault.s TO regress_cs_reader;
SELECT * FROM writes('regress_cs_reader');
GRANT SELECT (id, n), UPDATE (n) ON vault.n TO regress_cs_reader;
SELECT * FROM writes('regress_cs_reader');
-- the policy binds them, too
ALTER TABLE vault.s ENABLE ROW LEVEL SECURITY;
SELECT * FROM writes('regress_cs_reader');
SET ROLE regress_cs_reader;
SELECT cache.write(ROW(9, 'nine', current_user)::vault.s);
SELECT cache.remove(NULL::vault.s, 2), cache.remove(NULL::vault.s, 9);
RESET ROLE;
ALTER TABLE vault.s DISABLE ROW LEVEL SECURITY;

-- EXECUTE on the functions
SELECT proname, pg_get_function_identity_arguments(oid) AS arguments FROM pg_proc p
WHERE pronamespace = 'cache'::regnamespace AND NOT has_function_privilege('regress_cs_reader', oid, 'EXECUTE')
ORDER BY proname COLLATE "C";
SELECT has_function_privilege('pg_monitor', 'cache.stats_reset()', 'EXECUTE');
SELECT relname, has_table_privilege('regress_cs_reader', oid, 'SELECT') AS reads,
	has_table_privilege('regress_cs_reader', oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writes
FROM pg_class WHERE relnamespace = 'cache'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname COLLATE "C";
SET ROLE regress_cs_reader;
SELECT try('SELECT cache.stats_reset()');
SELECT count(*) FROM cache.table_stats WHERE relation::text IN ('vault.s', 'vault.n');
SELECT tables >= 2 AS tables FROM cache.stats;
RESET ROLE;
-- the trigger functions do nothing to anyone who calls them
SELECT cache.row_changed();
CREATE TABLE vault.other (id int PRIMARY KEY);
CREATE TRIGGER stray BEFORE INSERT ON vault.other FOR EACH ROW EXECUTE FUNCTION cache.row_changed();
INSERT INTO vault.other VALUES (1);
DROP TRIGGER stray ON vault.other;
CREATE TRIGGER stray AFTER INSERT ON vault.other FOR EACH ROW EXECUTE FUNCTION cache.row_changed();
INSERT INTO vault.other VALUES (1);

DROP SCHEMA vault CASCADE;
DROP FUNCTION try, reads, rows_read, writes, as_owner, as_reader;
DROP ROLE regress_cs_owner, regress_cs_reader, regress_cs_group, regress_cs_bypass;

-- Who owns the database is a member of pg_database_owner.
CREATE ROLE regress_cs_dbowner;
CREATE TABLE of_dbowner (id int PRIMARY KEY, v text);
INSERT INTO of_dbowner VALUES (1, 'one');
SELECT cache.attach('of_dbowner');
GRANT SELECT ON of_dbowner TO pg_database_owner;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO regress_cs_dbowner', current_database()); END $$;
SET ROLE regress_cs_dbowner;
SELECT cache.read(NULL::of_dbowner, 1), cache.read(NULL::of_dbowner, 1);
RESET ROLE;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I OWNER TO CURRENT_USER', current_database()); END $$;
SET ROLE regress_cs_dbowner;
SELECT cache.read(NULL::of_dbowner, 1);
RESET ROLE;
DROP TABLE of_dbowner;
DROP ROLE regress_cs_dbowner;
