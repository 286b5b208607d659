-- Who may do what.

\set QUIET 1
SET client_min_messages = warning;
CREATE EXTENSION cache_strategies;

-- Deferred writes reach the journal when their transaction ends, and a table is
-- ready for them when it has been attached and committed.
DROP ROLE IF EXISTS cs_deferrer, cs_keeper;
CREATE ROLE cs_keeper;
CREATE ROLE cs_deferrer;
CREATE SCHEMA kept AUTHORIZATION cs_keeper;
SET ROLE cs_keeper;
CREATE TABLE kept.t (id int PRIMARY KEY, v text, n int DEFAULT 0);
INSERT INTO kept.t SELECT i, 'row ' || i FROM generate_series(1, 10) i;
GRANT USAGE ON SCHEMA kept TO cs_deferrer;
GRANT SELECT, INSERT, UPDATE, DELETE ON kept.t TO cs_deferrer;
CREATE TABLE kept.wb (id int PRIMARY KEY, v text, n int DEFAULT 0);
INSERT INTO kept.wb SELECT i, 'row ' || i FROM generate_series(1, 10) i;
CREATE TABLE kept.tracked AS SELECT 1 AS id;
CREATE TABLE kept.untracked AS SELECT 1 AS id;
DO $$BEGIN
	PERFORM cache.track('kept.tracked');
	PERFORM cache.attach('kept.t', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
	PERFORM cache.attach('kept.wb', 'write_back', flush_interval => '1 hour', merge => '{"n": "add", "v": "replace"}');
END$$;
SET ROLE cs_deferrer;
DO $$BEGIN PERFORM cache.increment(NULL::kept.t, 'n', 5, 1); END$$;
UPDATE kept.t SET n = n + 1 WHERE id <= 2;
DO $$BEGIN PERFORM cache.write(ROW(11, 'row 11', 11)::kept.t); END$$;
DELETE FROM kept.t WHERE id = 2;
RESET ROLE;

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

SELECT schema_privs_are('cache', 'cs_nobody', ARRAY['USAGE'], 'every role may use schema cache, and create nothing there');
SELECT table_privs_are('cache', 'bindings', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.bindings, and not write it');
SELECT table_privs_are('cache', 'binding_store', 'cs_nobody', ARRAY['SELECT'], 'nor what it shows');
SELECT table_privs_are('cache', 'stats', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.stats');
SELECT table_privs_are('cache', listed, 'cs_nobody', ARRAY['SELECT'], format('every role may read cache.%s', listed))
	FROM unnest(ARRAY['stats_reasons', 'latency', 'latency_histogram', 'history']) listed;
SELECT table_privs_are('cache', 'trace_log', 'cs_nobody', ARRAY[]::text[], 'cache.trace_log is for no role');
SELECT table_privs_are('cache', 'table_stats', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.table_stats');
SELECT table_privs_are('cache', 'memory_advice', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.memory_advice');
SELECT table_privs_are('cache', 'progress', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.progress');
SELECT table_privs_are('cache', 'audit_stats', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.audit_stats');
SELECT table_privs_are('cache', 'flush_status', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.flush_status');
SELECT table_privs_are('cache', 'dead_letters', 'cs_nobody', ARRAY['SELECT'], 'and cache.dead_letters, of the role''s own tables');
SELECT table_privs_are('cache', private, 'cs_nobody', ARRAY[]::text[], format('cache.%s is for no role', private))
	FROM unnest(ARRAY['journal_a', 'journal_b', 'flush_state', 'dead_letter_store', 'declared_store', 'spaces', 'space_grants']) private;
SELECT sequence_privs_are('cache', 'dead_letter_store_id_seq', 'cs_nobody', ARRAY[]::text[], 'nor is the sequence of dead letters');
SELECT sequence_privs_are('cache', 'declared_store_id_seq', 'cs_nobody', ARRAY[]::text[], 'nor that of declared statements');
SELECT table_privs_are('cache', 'declared_queries', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.declared_queries, of its own statements');
SELECT sequence_privs_are('cache', 'space_ids', 'cs_nobody', ARRAY[]::text[], 'nor that of spaces');
SELECT table_privs_are('cache', 'space_stats', 'cs_nobody', ARRAY['SELECT'], 'every role may read cache.space_stats, of spaces that the role may read');
SELECT table_privs_are('cache', listed, 'cs_nobody', ARRAY['SELECT'], format('every role may read cache.%s, and not write it', listed))
	FROM unnest(ARRAY['tracked', 'untracked', 'tracked_schemas']) listed;
SELECT is_empty($$
	SELECT oid::regclass, acl.grantee::regrole FROM pg_class, aclexplode(relacl) acl
	WHERE relnamespace = 'cache'::regnamespace AND acl.grantee <> relowner
		AND (acl.grantee NOT IN (0, 'pg_database_owner'::regrole) OR acl.privilege_type <> 'SELECT')
	$$, 'nothing but SELECT has been granted, to PUBLIC or to the owner of the database');
SET ROLE cs_nobody;
SELECT throws_ok(format('SELECT * FROM cache.%s', private), '42501', NULL, format('no SELECT from cache.%s', private))
	FROM unnest(ARRAY['journal_a', 'journal_b', 'flush_state', 'dead_letter_store', 'declared_store', 'spaces', 'space_grants']) private;
SELECT throws_ok(format('DELETE FROM cache.%s', private), '42501', NULL, format('no DELETE from cache.%s', private))
	FROM unnest(ARRAY['journal_a', 'journal_b', 'flush_state', 'dead_letter_store', 'declared_store', 'spaces', 'space_grants']) private;
SELECT throws_ok(format('TRUNCATE cache.%s', private), '42501', NULL, format('no TRUNCATE of cache.%s', private))
	FROM unnest(ARRAY['journal_a', 'journal_b', 'flush_state', 'dead_letter_store', 'declared_store', 'spaces', 'space_grants']) private;
SELECT throws_ok($$INSERT INTO cache.journal_a VALUES (1, 's.t', 0, NULL)$$, '42501', NULL, 'no INSERT into the journal');
SELECT throws_ok($$SELECT nextval('cache.dead_letter_store_id_seq')$$, '42501', NULL, 'no use of the sequence');
SELECT throws_ok($$INSERT INTO cache.bindings VALUES ('s.t', 'cache_aside')$$, '42501', NULL, 'no INSERT into cache.bindings');
SELECT throws_ok($$UPDATE cache.bindings SET strategy = 'cache_aside'$$, '42501', NULL, 'no UPDATE of cache.bindings');
SELECT throws_ok($$DELETE FROM cache.bindings$$, '42501', NULL, 'no DELETE from cache.bindings');
SELECT throws_ok($$INSERT INTO cache.binding_store VALUES ('s.t', 'cache_aside')$$, '42501', NULL, 'no INSERT into cache.binding_store');
SELECT throws_ok($$TRUNCATE cache.binding_store$$, '42501', NULL, 'no TRUNCATE of cache.binding_store');
SELECT throws_ok($$LOCK TABLE cache.bindings IN ACCESS EXCLUSIVE MODE$$, '42501', NULL, 'no LOCK of cache.bindings');
SELECT throws_ok($$CREATE TABLE cache.x (i int)$$, '42501', NULL, 'no CREATE in schema cache');
SELECT throws_ok($$DROP FUNCTION cache.stats_reset()$$, '42501', NULL, 'no DROP of a function');
SELECT throws_ok($$DROP EXTENSION cache_strategies$$, '42501', NULL, 'no DROP EXTENSION');
SELECT throws_ok($$DROP EVENT TRIGGER cache_strategies_drop$$, '42501', NULL, 'no DROP of the event trigger');
SELECT throws_ok($$DROP EVENT TRIGGER cache_strategies_make$$, '42501', NULL, 'nor of the other');
SELECT throws_ok($$ALTER EVENT TRIGGER cache_strategies_make DISABLE$$, '42501', NULL, 'nor can it be disabled');
SELECT throws_ok($$INSERT INTO cache.tracked_schemas VALUES ('s', 'cs_nobody', false)$$, '42501', NULL, 'no INSERT into cache.tracked_schemas');
SELECT throws_ok($$SELECT cache.track_schema('s')$$, '42501', NULL, 'no schema is tracked by a role that cannot create tables in it');
SELECT throws_ok($$SELECT cache.untrack_schema('s')$$, '55000', NULL, 'nor untracked');
RESET ROLE;

-- ----- EXECUTE -----

SELECT results_eq(
	$$SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'cache'::regnamespace
		AND NOT has_function_privilege('cs_nobody', oid, 'EXECUTE') ORDER BY 1$$,
	$$VALUES ('cache.bindings_changed()'), ('cache.declared_changed()'), ('cache.spaces_changed()'), ('cache.stats_reset()'), ('cache.stats_reset_shared()'), ('cache.tables_dropped()'), ('cache.tables_made()'), ('cache.trace_entries()')$$,
	'what not every role may call');
SELECT function_privs_are('cache', 'stats_reset', ARRAY[]::text[], 'cs_stats', ARRAY['EXECUTE'], 'pg_monitor may reset the counters');
SET ROLE cs_nobody;
SELECT throws_ok('SELECT cache.stats_reset()', '42501', NULL, 'others may not');
SELECT alike(cache.report(), '<!DOCTYPE html>%</html>%', 'every role may ask for a report');
SELECT unalike(cache.report(), '%could not be asked for%', 'of which no part needs more');
SELECT isnt_empty('SELECT * FROM cache.dashboard()', 'and for the dashboard');
SELECT throws_ok('SELECT cache.stats_reset_shared()', '42501', NULL, 'nor those of the server');
SELECT throws_ok($$SELECT cache.tables_dropped()$$, NULL, NULL, 'tables_dropped() cannot be called');
SELECT throws_ok($$SELECT cache.tables_made()$$, NULL, NULL, 'nor can tables_made()');
SET ROLE cs_stats;
SELECT lives_ok('SELECT cache.stats_reset()', 'pg_monitor does');
SELECT lives_ok('SELECT cache.stats_reset_shared()', 'pg_monitor does that as well');
RESET ROLE;

-- ----- texts of statements -----

SET ROLE cs_keeper;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SELECT count(*) AS of_the_owner FROM kept.tracked;
SELECT count(*) AS of_the_owner FROM kept.untracked;
RESET cache_strategies.results;
RESET cache_strategies.results_min_cost;
SELECT is((SELECT count(*) FROM cache.result_stats WHERE query LIKE '%of_the_owner%'), 1::bigint, 'a role sees the texts of its own statements');
SELECT is((SELECT count(*) FROM cache.result_candidates WHERE query LIKE '%of_the_owner%' AND tables = ARRAY['kept.untracked'::regclass]), 1::bigint,
	'and of those over tables that are not tracked');
SET ROLE cs_nobody;
SELECT is((SELECT count(*) FROM cache.result_stats WHERE query LIKE '%of_the_owner%'), 0::bigint, 'others do not');
SELECT is((SELECT count(*) FROM cache.result_stats WHERE role = 'cs_keeper'::regrole AND query IS NULL AND id IS NULL AND falls_by_table IS NULL), 1::bigint,
	'they see that there is one');
SELECT is((SELECT count(*) FROM cache.result_candidates WHERE role = 'cs_keeper'::regrole AND query IS NULL AND id IS NULL AND tables IS NULL), 1::bigint,
	'and no tables');
SET ROLE cs_stats;
SELECT is((SELECT count(*) FROM cache.result_stats WHERE query LIKE '%of_the_owner%'), 1::bigint, 'pg_monitor does');
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
SELECT throws_ok($$SELECT cache.repair('s.t')$$, '42501', 'must be owner of table t', 'repair() is for the owner');
RESET ROLE;
SELECT is(strategy, 'write_through', 'nothing was changed') FROM cache.bindings WHERE relation = 's.t'::regclass;
SELECT throws_ok($$SELECT cache.attach('pg_class')$$, '42809', NULL, 'no system catalog, not even for a superuser');
SELECT throws_ok($$SELECT cache.attach('cache.binding_store')$$, '42809', NULL, 'nor cache.binding_store itself');

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
		'SELECT * FROM cache.read_row(NULL::s.t, 1)',
		'SELECT cache.read_many(NULL::s.t, ARRAY[1])',
		'SELECT cache.lookup(NULL::s.t, 1)',
		'SELECT cache.explain(NULL::s.t, 1)',
		$$SELECT cache.fill(ROW(1, 'row 1', 0)::s.t)$$,
		$$SELECT cache.warm('s.t')$$,
		$$SELECT cache.write(ROW(1, 'x', 0)::s.t)$$,
		'SELECT cache.remove(NULL::s.t, 1)',
		$$SELECT cache.increment(NULL::s.t, 'n', 1, 1)$$,
		$$SELECT cache.increment(ROW(1, 'x', 0)::s.t, 'n', 1)$$,
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

-- A view's owner does not lend its privileges to a function in it.
CREATE VIEW public.peek AS SELECT cache.read(NULL::s.hidden, 1) AS r;
GRANT SELECT ON public.peek TO cs_nobody;
SELECT s.reads_as('cs_nobody', 'SELECT * FROM public.peek');
-- A SECURITY DEFINER function does.
CREATE FUNCTION public.lend() RETURNS text SECURITY DEFINER LANGUAGE sql AS 'SELECT (cache.read(NULL::s.hidden, 1)).v';
ALTER FUNCTION public.lend() OWNER TO cs_owner;
SET ROLE cs_nobody;
SELECT is(public.lend(), 'secret', 'a SECURITY DEFINER function reads as its owner');
RESET ROLE;

-- ----- deferred writes -----

-- What was committed above: the journal is written and read for any role that defers.
SELECT is((SELECT count(*)::int FROM (TABLE cache.journal_a UNION ALL TABLE cache.journal_b) j WHERE relation = 'kept.t'::regclass AND change IS NOT NULL) >= 3,
	true, 'the journal has what others have deferred');
SET cache_strategies.merge_deferred = off;
SELECT is((SELECT n FROM kept.t WHERE id = 1), 0, 'the table does not have it yet');
RESET cache_strategies.merge_deferred;
SET ROLE cs_deferrer;
SELECT is(cache.read(NULL::kept.t, 1)::text, '(1,"row 1",6)', 'it is read');
SELECT is(cache.read(NULL::kept.t, 2)::text, NULL, 'and so is a DELETE');
SELECT is((SELECT string_agg(id::text, ' ' ORDER BY id) FROM cache.scan(NULL::kept.t)), '1 3 4 5 6 7 8 9 10 11', 'a scan has all of it');
SELECT is(cache.flush(), 0::bigint, 'flush() of all tables leaves alone those of others');
RESET ROLE;
SET ROLE cs_keeper;
SELECT is(cache.flush(), 2::bigint, 'and takes those of the caller');
SELECT results_eq('SELECT id, n FROM kept.t WHERE id IN (1, 2, 11) ORDER BY id', 'VALUES (1, 6), (11, 11)', 'now the table has it');
RESET ROLE;

CREATE ROLE cs_blind;
GRANT USAGE ON SCHEMA kept TO cs_reader, cs_writer, cs_nobody, cs_column, cs_stats, cs_blind;
GRANT SELECT ON kept.wb TO cs_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON kept.wb TO cs_writer;
GRANT SELECT, UPDATE (v) ON kept.wb TO cs_column;
GRANT INSERT, UPDATE, DELETE ON kept.wb TO cs_blind;
SET ROLE cs_owner;
SELECT lives_ok($$SELECT cache.attach('s.hidden', 'write_back')$$, 'the owner attaches with write_back, without a privilege on cache.flush_state');
SELECT lives_ok($$SELECT cache.attach('s.hidden', 'read_through')$$, 'and with another strategy');
RESET ROLE;
SET ROLE cs_writer;
SELECT throws_ok($$SELECT cache.attach('kept.wb', 'write_back', durable => false)$$, '42501', 'must be owner of table wb',
	'to make it volatile is for the owner');
RESET ROLE;
SELECT s.reads_as(role, call)
FROM unnest(ARRAY['cs_nobody', 'cs_stats']) role,
	unnest(ARRAY[
		'SELECT cache.read(NULL::kept.wb, 1)',
		'SELECT cache.read_many(NULL::kept.wb, ARRAY[1])',
		'SELECT cache.scan(NULL::kept.wb)',
		'SELECT cache.explain(NULL::kept.wb, 1)',
		$$SELECT cache.write(ROW(1, 'x', 0)::kept.wb)$$,
		'SELECT cache.remove(NULL::kept.wb, 1)',
		$$SELECT cache.increment(NULL::kept.wb, 'n', 1, 1)$$,
		'SELECT cache.invalidate(NULL::kept.wb, 1)',
		$$SELECT cache.invalidate('kept.wb')$$,
		$$SELECT cache.flush('kept.wb')$$,
		$$SELECT cache.requeue('kept.wb')$$,
		$$SELECT cache.discard('kept.wb')$$]) call;
SELECT s.reads_as(role, call)
FROM unnest(ARRAY['cs_reader', 'cs_column']) role,
	unnest(ARRAY[
		$$SELECT cache.write(ROW(1, 'x', 0)::kept.wb)$$,
		$$SELECT cache.write(ROW(20, 'x', 0)::kept.wb)$$,
		'SELECT cache.remove(NULL::kept.wb, 1)',
		'SELECT cache.remove(NULL::kept.wb, 20)',
		$$SELECT cache.increment(NULL::kept.wb, 'n', 1, 1)$$,
		$$SELECT cache.increment(ROW(1, 'x', 0)::kept.wb, 'n', 1)$$,
		$$SELECT cache.increment(ROW(30, 'x', 0)::kept.wb, 'n', 1)$$,
		'UPDATE kept.wb SET n = n + 1 WHERE id = 1',
		$$SELECT cache.flush('kept.wb')$$]) call;
SELECT s.reads_as('cs_writer', call)
FROM unnest(ARRAY[
		$$SELECT cache.flush('kept.wb')$$,
		$$SELECT cache.requeue('kept.wb')$$,
		$$SELECT cache.requeue('kept.wb', 1)$$,
		$$SELECT cache.discard('kept.wb')$$,
		$$SELECT cache.discard('kept.wb', 1)$$,
		'TRUNCATE kept.wb']) call;
SELECT s.reads_as('cs_reader', 'SELECT cache.scan(NULL::s.hidden)');
SET ROLE cs_reader;
SELECT is((SELECT count(*)::int FROM cache.scan(NULL::kept.wb)), 10, 'who may SELECT may scan');
RESET ROLE;
SET ROLE cs_writer;
SELECT is(cache.increment(NULL::kept.wb, 'n', 2, 1), 2::numeric, 'who may UPDATE may defer an increment');
SELECT is(cache.increment(ROW(1, 'x', 0)::kept.wb, 'n', 1), 3::numeric, 'who may INSERT and UPDATE, one with a row to insert');
SELECT is(cache.increment(NULL::kept.wb, 'n', -1, 1), 2::numeric, 'and take it off');
SELECT is(cache.write(ROW(20, 'twenty', 1)::kept.wb)::text, '(20,twenty,1)', 'who may INSERT and UPDATE, a row');
SELECT is(cache.remove(NULL::kept.wb, 20), true, 'who may DELETE may remove it');
SELECT lives_ok('UPDATE kept.wb SET n = n + 1 WHERE id = 1', 'and plain SQL is deferred');
SET cache_strategies.merge_deferred = off;
SELECT is(n, 0, 'so the table does not have it') FROM kept.wb WHERE id = 1;
RESET cache_strategies.merge_deferred;
RESET ROLE;
SET ROLE cs_column;
SELECT lives_ok($$UPDATE kept.wb SET v = 'columnwise' WHERE id = 3$$, 'UPDATE on the column is enough');
SELECT is((cache.read(NULL::kept.wb, 3)).v, 'columnwise', 'and is deferred');
RESET ROLE;
-- To see whether a row is there takes SELECT, deferred or not.
SET ROLE cs_writer;
SELECT is((cache.write(ROW(21, 'unseen', 0)::kept.wb)).v, 'unseen', 'a row that only the cache has');
RESET ROLE;
SELECT s.reads_as('cs_blind', call)
FROM unnest(ARRAY[
		'SELECT cache.read(NULL::kept.wb, 21)',
		'SELECT cache.scan(NULL::kept.wb)',
		$$SELECT cache.write(ROW(21, 'x', 0)::kept.wb)$$,
		$$SELECT cache.increment(NULL::kept.wb, 'n', 1, 21)$$,
		$$SELECT cache.increment(ROW(21, 'x', 0)::kept.wb, 'n', 1)$$,
		'SELECT cache.remove(NULL::kept.wb, 22)',
		'SELECT cache.remove(NULL::kept.wb, 21)']) call;

-- Dead letters are seen and handled by the owner of their table.
INSERT INTO cache.dead_letter_store (id, relation, written_for, change, content, sqlstate, message, attempts, first_time, last_time)
	SELECT id, relation::regclass, relation::regclass, '\x00', '{"key": {"id": 1}, "changes": {"v": "secret"}}', '23514', 'secret', 1, now(), now()
	FROM (VALUES (1001, 'kept.wb'), (1002, 'kept.t'), (1003, 'kept.wb'), (1004, 's.t')) d(id, relation);
-- of a table that is gone
INSERT INTO cache.dead_letter_store (id, relation, written_for, change, content, sqlstate, message, attempts, first_time, last_time)
	VALUES (1005, 4294967290, 4294967290, '\x00', '{"key": {"id": 1}, "changes": {}}', '23514', 'secret', 1, now(), now());
CREATE FUNCTION s.letters(role name) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
	ids bigint[];
BEGIN
	PERFORM set_config('role', role, true);
	ids := array(SELECT id FROM cache.dead_letters ORDER BY id);
	PERFORM set_config('role', 'none', true);
	RETURN ids;
END $$;
SELECT is(s.letters('cs_keeper')::text, '{1001,1002,1003}', 'the owner sees the dead letters of its tables');
SELECT is(s.letters('cs_owner')::text, '{1004}', 'another owner those of its own');
SELECT is(s.letters(role)::text, '{}', format('%s sees none', role)) FROM unnest(ARRAY['cs_writer', 'cs_nobody', 'cs_stats']) role;
SELECT is((SELECT count(*)::int FROM cache.dead_letters), 5, 'a superuser sees all');
GRANT cs_owner TO cs_nobody;
SELECT is(s.letters('cs_nobody')::text, '{1004}', 'a member of the owner sees the owner''s');
REVOKE cs_owner FROM cs_nobody;
-- Conditions of the caller do not see what the view does not show.
CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN RAISE EXCEPTION 'leaked %', $1; END$$;
SET ROLE cs_nobody;
SELECT lives_ok('SELECT * FROM cache.dead_letters WHERE public.leak(message)', 'nothing leaks through the view');
SELECT is(cache.requeue(), 0::bigint, 'requeue() leaves alone those of others');
SELECT is(cache.requeue(NULL, 1001), 0::bigint, 'by their number, too');
SELECT is(cache.discard(), 0::bigint, 'and so does discard()');
SELECT is(cache.discard(NULL, 1001), 0::bigint, 'by their number, too');
SELECT throws_ok($$SELECT cache.discard('kept.wb', 1001)$$, '42501', 'must be owner of table wb', 'by their table it is refused');
SELECT throws_ok($$SELECT cache.discard(4294967290)$$, '42P01', 'relation with OID 4294967290 does not exist', 'or a table that is gone');
RESET ROLE;
SET ROLE cs_keeper;
SELECT is(cache.discard('kept.wb', 1004), 0::bigint, 'a number of another table is not found');
SELECT is(cache.discard('kept.wb', 1001), 1::bigint, 'the owner discards one');
SELECT is(cache.discard(), 2::bigint, 'and the others of its tables');
RESET ROLE;
SELECT results_eq('SELECT id FROM cache.dead_letter_store ORDER BY id', 'VALUES (1004::bigint), (1005)', 'and no others');
SELECT is(cache.discard(4294967290), 1::bigint, 'a superuser discards those of a table that is gone');
SELECT is(cache.dead_letter_count('s.t'::regclass), 1::bigint, 'the number of dead letters is no secret');
SET ROLE cs_nobody;
SELECT isnt_empty($$SELECT FROM cache.flush_status WHERE relation = 'kept.t'::regclass AND dead_letters = 0$$, 'and cache.flush_status is for every role');
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
SELECT is(cache.read(NULL::s.t, 7)::text, NULL, 'unless it is forced on the role');
RESET ROLE;

-- Under row-level security nothing is deferred, and nothing deferred is seen.
SET ROLE cs_keeper;
ALTER TABLE kept.wb ENABLE ROW LEVEL SECURITY;
CREATE POLICY small ON kept.wb TO cs_reader, cs_writer USING (id < 5) WITH CHECK (n < 100);
SET ROLE cs_reader;
SELECT is((SELECT string_agg(id::text, ' ' ORDER BY id) FROM cache.scan(NULL::kept.wb)), '1 2 3 4', 'a scan shows what the policy shows');
SELECT is(cache.read(NULL::kept.wb, 7)::text, NULL, 'and so does a read');
SET ROLE cs_writer;
SELECT is(cache.increment(NULL::kept.wb, 'n', 1, 7), NULL::numeric, 'no increment of a row that the policy hides');
SELECT is(cache.increment(NULL::kept.wb, 'n', 1, 4), 1::numeric, 'one of another');
SELECT is(n, 1, 'is made at once') FROM kept.wb WHERE id = 4;
SELECT throws_ok($$SELECT cache.increment(NULL::kept.wb, 'n', 100, 4)$$, '42501', NULL, 'WITH CHECK is checked');
SELECT throws_ok($$UPDATE kept.wb SET n = n + 100 WHERE id = 4$$, '42501', NULL, 'for plain SQL, too');
SELECT throws_ok($$SELECT cache.write(ROW(30, 'x', 100)::kept.wb)$$, '42501', NULL, 'and for a row');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;

DO $$BEGIN PERFORM cache.flush(); END$$;
DROP SCHEMA kept CASCADE;
DROP ROLE cs_deferrer, cs_keeper;
