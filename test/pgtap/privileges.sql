-- Who may do what.

\set QUIET 1
SET client_min_messages = warning;
CREATE EXTENSION cache_strategies;

BEGIN;
SELECT no_plan();

CREATE ROLE cs_owner;
CREATE ROLE cs_reader;
CREATE ROLE cs_writer;
CREATE ROLE cs_nobody;
CREATE ROLE cs_column;
CREATE ROLE cs_stats IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA public TO PUBLIC;
CREATE SCHEMA s AUTHORIZATION cs_owner;
SET ROLE cs_owner;
CREATE TABLE s.t (id int PRIMARY KEY, v text, n int DEFAULT 0);
INSERT INTO s.t SELECT i, 'row ' || i FROM generate_series(1, 10) i;
CREATE TABLE s.hidden (id int PRIMARY KEY, v text);
INSERT INTO s.hidden VALUES (1, 'secret');
GRANT USAGE ON SCHEMA s TO cs_reader, cs_writer, cs_nobody, cs_column, cs_stats;
GRANT SELECT ON s.t TO cs_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON s.t TO cs_writer;
GRANT SELECT (id, v) ON s.t TO cs_column;
RESET ROLE;

-- ----- the schema and its tables -----

SELECT schema_privs_are('cache', 'cs_nobody', ARRAY['USAGE'], 'everybody may use schema cache, and create nothing there');
SELECT table_privs_are('cache', 'bindings', 'cs_nobody', ARRAY['SELECT'], 'everybody may read cache.bindings, and not write it');
SELECT table_privs_are('cache', 'stats', 'cs_nobody', ARRAY['SELECT'], 'everybody may read cache.stats');
SELECT table_privs_are('cache', 'table_stats', 'cs_nobody', ARRAY['SELECT'], 'everybody may read cache.table_stats');
SELECT table_privs_are('cache', 'progress', 'cs_nobody', ARRAY['SELECT'], 'everybody may read cache.progress');
SET ROLE cs_nobody;
SELECT throws_ok($$INSERT INTO cache.bindings VALUES ('s.t', 'cache_aside')$$, '42501', NULL, 'no INSERT into cache.bindings');
SELECT throws_ok($$UPDATE cache.bindings SET strategy = 'cache_aside'$$, '42501', NULL, 'no UPDATE of cache.bindings');
SELECT throws_ok($$DELETE FROM cache.bindings$$, '42501', NULL, 'no DELETE from cache.bindings');
SELECT throws_ok($$TRUNCATE cache.bindings$$, '42501', NULL, 'no TRUNCATE of cache.bindings');
SELECT throws_ok($$LOCK TABLE cache.bindings IN ACCESS EXCLUSIVE MODE$$, '42501', NULL, 'no LOCK of cache.bindings');
SELECT throws_ok($$CREATE TABLE cache.x (i int)$$, '42501', NULL, 'no CREATE in schema cache');
SELECT throws_ok($$DROP FUNCTION cache.stats_reset()$$, '42501', NULL, 'no DROP of a function');
SELECT throws_ok($$DROP EXTENSION cache_strategies$$, '42501', NULL, 'no DROP EXTENSION');
SELECT throws_ok($$DROP EVENT TRIGGER cache_strategies_drop$$, '42501', NULL, 'no DROP of the event trigger');
RESET ROLE;

-- ----- EXECUTE -----

SELECT results_eq(
	$$SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'cache'::regnamespace
		AND NOT has_function_privilege('cs_nobody', oid, 'EXECUTE') ORDER BY 1$$,
	$$VALUES ('cache.bindings_changed()'), ('cache.stats_reset()'), ('cache.tables_dropped()')$$,
	'what not everybody may call');
SELECT function_privs_are('cache', 'stats_reset', ARRAY[]::text[], 'cs_stats', ARRAY['EXECUTE'], 'pg_monitor may reset the counters');
SET ROLE cs_nobody;
SELECT throws_ok('SELECT cache.stats_reset()', '42501', NULL, 'others may not');
SELECT throws_ok($$SELECT cache.tables_dropped()$$, NULL, NULL, 'tables_dropped() cannot be called');
SET ROLE cs_stats;
SELECT lives_ok('SELECT cache.stats_reset()', 'pg_monitor does');
RESET ROLE;

-- ----- attach and detach -----

SET ROLE cs_writer;
SELECT throws_ok($$SELECT cache.attach('s.t')$$, '42501', 'must be owner of table t', 'attach() is for the owner');
RESET ROLE;
SET ROLE cs_owner;
SELECT lives_ok($$SELECT cache.attach('s.t', 'write_through')$$, 'the owner attaches, without a privilege on cache.bindings');
SELECT lives_ok($$SELECT cache.attach('s.hidden', 'read_through')$$, 'and another');
RESET ROLE;
SET ROLE cs_writer;
SELECT throws_ok($$SELECT cache.attach('s.t', 'cache_aside')$$, '42501', 'must be owner of table t', 'to change options is for the owner');
SELECT throws_ok($$SELECT cache.detach('s.t')$$, '42501', 'must be owner of table t', 'detach() is for the owner');
RESET ROLE;
SELECT is(strategy, 'write_through', 'nothing was changed') FROM cache.bindings WHERE relation = 's.t'::regclass;
SELECT throws_ok($$SELECT cache.attach('pg_class')$$, '42809', NULL, 'no system catalog, not even for a superuser');
SELECT throws_ok($$SELECT cache.attach('cache.bindings')$$, '42809', NULL, 'nor cache.bindings itself');

-- A loader runs as the table's owner, so it must be the owner's.
SET ROLE cs_nobody;
RESET ROLE;
CREATE FUNCTION s.foreign_loader(int) RETURNS s.t STABLE LANGUAGE sql AS 'SELECT NULL::s.t';
SET ROLE cs_owner;
SELECT throws_like($$SELECT cache.attach('s.t', 'read_through', loader => 's.foreign_loader')$$, '%cannot be the loader of this table%',
	'a loader of another owner is refused');
RESET ROLE;

-- ----- reading -----

CREATE FUNCTION s.reads_as(role name, call text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('role', role, true);
	RETURN NEXT throws_ok(call, '42501', NULL, format('%s may not: %s', role, call));
	PERFORM set_config('role', 'none', true);
END $$;
SELECT s.reads_as(role, call)
FROM unnest(ARRAY['cs_nobody', 'cs_column', 'cs_stats']) role,
	unnest(ARRAY[
		'SELECT cache.read(NULL::s.t, 1)',
		'SELECT cache.read_many(NULL::s.t, ARRAY[1])',
		'SELECT cache.lookup(NULL::s.t, 1)',
		'SELECT cache.explain(NULL::s.t, 1)',
		$$SELECT cache.fill(ROW(1, 'row 1', 0)::s.t)$$,
		$$SELECT cache.warm('s.t')$$,
		$$SELECT cache.write(ROW(1, 'x', 0)::s.t)$$,
		'SELECT cache.remove(NULL::s.t, 1)',
		$$SELECT cache.increment(NULL::s.t, 'n', 1, 1)$$,
		$$SELECT cache.invalidate('s.t')$$,
		'SELECT cache.invalidate(NULL::s.t, 1)']) call;
SELECT s.reads_as('cs_reader', call)
FROM unnest(ARRAY[
		'SELECT cache.read(NULL::s.hidden, 1)',
		$$SELECT cache.write(ROW(1, 'x', 0)::s.t)$$,
		'SELECT cache.remove(NULL::s.t, 1)',
		$$SELECT cache.increment(NULL::s.t, 'n', 1, 1)$$,
		$$SELECT cache.invalidate('s.t')$$,
		'SELECT cache.invalidate(NULL::s.t, 1)']) call;
SET ROLE cs_reader;
SELECT is(cache.read(NULL::s.t, 1)::text, '(1,"row 1",0)', 'who may SELECT may read');
SELECT lives_ok('SELECT cache.read_many(NULL::s.t, ARRAY[1, 2])', 'and many');
SELECT lives_ok('SELECT * FROM cache.explain(NULL::s.t, 1)', 'and ask how');
RESET ROLE;

SET ROLE cs_writer;
SELECT is(cache.write(ROW(1, 'written', 1)::s.t)::text, '(1,written,1)', 'who may write may write');
SELECT is(cache.increment(NULL::s.t, 'n', 2, 1), 3::numeric, 'and increment');
SELECT is(cache.remove(NULL::s.t, 2), true, 'and remove');
SELECT lives_ok('SELECT cache.invalidate(NULL::s.t, 1)', 'and invalidate');
RESET ROLE;

-- Columns: SELECT on each of them is as good as SELECT on the table.
SET ROLE cs_owner;
GRANT SELECT (n) ON s.t TO cs_column;
SET ROLE cs_column;
SELECT is(cache.read(NULL::s.t, 3)::text, '(3,"row 3",0)', 'SELECT on all columns is enough');
SET ROLE cs_owner;
REVOKE SELECT (v) ON s.t FROM cs_column;
REVOKE SELECT ON s.t FROM cs_reader;
RESET ROLE;
SELECT s.reads_as(role, 'SELECT cache.read(NULL::s.t, 3)') FROM unnest(ARRAY['cs_column', 'cs_reader']) role;

-- The schema counts, too.
GRANT SELECT ON s.t TO cs_reader;
REVOKE USAGE ON SCHEMA s FROM cs_reader;
CREATE VIEW public.row_type AS SELECT NULL::s.t AS r;
GRANT SELECT ON public.row_type TO cs_reader;
SELECT s.reads_as('cs_reader', 'SELECT cache.read(r, 3) FROM public.row_type');
GRANT USAGE ON SCHEMA s TO cs_reader;

-- By membership.
GRANT cs_reader TO cs_nobody;
SET ROLE cs_nobody;
SELECT is(cache.read(NULL::s.t, 3)::text, '(3,"row 3",0)', 'a member of a role that may');
RESET ROLE;
REVOKE cs_reader FROM cs_nobody;
SELECT s.reads_as('cs_nobody', 'SELECT cache.read(NULL::s.t, 3)');

-- A view's owner does not lend his privileges to a function in it.
CREATE VIEW public.peek AS SELECT cache.read(NULL::s.hidden, 1) AS r;
GRANT SELECT ON public.peek TO cs_nobody;
SELECT s.reads_as('cs_nobody', 'SELECT * FROM public.peek');
-- A SECURITY DEFINER function does.
CREATE FUNCTION public.lend() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT (cache.read(NULL::s.hidden, 1)).v';
ALTER FUNCTION public.lend() OWNER TO cs_owner;
SET ROLE cs_nobody;
SELECT is(public.lend(), 'secret', 'a SECURITY DEFINER function reads as its owner');
RESET ROLE;

-- ----- row-level security -----

SET ROLE cs_owner;
ALTER TABLE s.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON s.t FOR SELECT TO cs_reader USING (id < 5);
RESET ROLE;
SET ROLE cs_reader;
SELECT is(cache.read(NULL::s.t, 3)::text, '(3,"row 3",0)', 'row-level security: a row that the policy shows');
SELECT is(cache.read(NULL::s.t, 7)::text, NULL, 'and one that it does not');
SELECT is(cache.lookup(NULL::s.t, 7)::text, NULL, 'not by lookup() either');
SELECT is((SELECT count(*)::int FROM cache.read_many(NULL::s.t, ARRAY[3, 7])), 1, 'nor by read_many()');
SELECT alike(reason, '%row-level security%', 'cache.explain says why') FROM cache.explain(NULL::s.t, 7);
RESET ROLE;
SET ROLE cs_owner;
SELECT is(cache.read(NULL::s.t, 7)::text, '(7,"row 7",0)', 'the owner sees all');
ALTER TABLE s.t FORCE ROW LEVEL SECURITY;
SELECT is(cache.read(NULL::s.t, 7)::text, NULL, 'unless it is forced on him');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
