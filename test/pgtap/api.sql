-- The shape of the API: what there is, with which arguments, and how it is
-- declared.

\set QUIET 1
SET client_min_messages = warning;
CREATE EXTENSION cache_strategies;
CREATE SCHEMA tap;

BEGIN;
SELECT no_plan();

-- ----- the extension -----

SELECT has_extension('cache_strategies', 'the extension');
SELECT has_schema('cache', 'its schema');
SELECT is(extnamespace::regnamespace::text, 'cache', 'it is in schema cache') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(extrelocatable, false, 'it is not relocatable') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(extversion, '1.0', 'version') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(extconfig::regclass[]::text, '{cache.bindings}', 'cache.bindings is dumped') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(extcondition::text, '{""}', 'all of it') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(superuser OR trusted, true, 'it is for superusers to create') FROM pg_available_extension_versions WHERE name = 'cache_strategies' AND version = '1.0';
SELECT is(trusted, false, 'it is not trusted') FROM pg_available_extension_versions WHERE name = 'cache_strategies' AND version = '1.0';
SELECT isnt(comment, NULL, 'it has a comment') FROM pg_available_extensions WHERE name = 'cache_strategies';

-- Everything in the schema belongs to the extension.
SELECT is_empty($$
	SELECT pg_describe_object('pg_proc'::regclass, p.oid, 0) FROM pg_proc p
	WHERE pronamespace = 'cache'::regnamespace AND NOT EXISTS (
		SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
	$$, 'every function belongs to the extension');
SELECT is_empty($$
	SELECT c.oid::regclass FROM pg_class c
	WHERE relnamespace = 'cache'::regnamespace AND relkind IN ('r', 'v', 'S', 'm') AND NOT EXISTS (
		SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
	$$, 'every relation belongs to the extension');

-- ----- functions -----

CREATE TEMP TABLE expected (name text, arguments text, result text, volatility "char", parallel "char", strict boolean);
INSERT INTO expected VALUES
	('attach', 'relation regclass, strategy text DEFAULT ''cache_aside''::text, ttl interval DEFAULT NULL::interval, '
		'ttl_jitter real DEFAULT NULL::real, negative_ttl interval DEFAULT NULL::interval, max_memory text DEFAULT NULL::text, '
		'loader regproc DEFAULT NULL::regproc, refresh_ahead real DEFAULT NULL::real', 'void', 'v', 'u', false),
	('detach', 'relation regclass', 'void', 'v', 'u', true),
	('read', 'row_type anyelement, VARIADIC key "any"', 'anyelement', 's', 'r', false),
	('read_many', 'row_type anyelement, keys anycompatiblearray', 'SETOF anyelement', 's', 'r', false),
	('lookup', 'row_type anyelement, VARIADIC key "any"', 'anyelement', 'v', 'r', false),
	('fill', 'row_value anyelement', 'boolean', 'v', 'r', false),
	('warm', 'relation regclass, max_rows bigint DEFAULT NULL::bigint', 'bigint', 'v', 'u', false),
	('write', 'row_value anyelement', 'anyelement', 'v', 'u', false),
	('remove', 'row_type anyelement, VARIADIC key "any"', 'boolean', 'v', 'u', false),
	('increment', 'row_type anyelement, column_name name, delta numeric, VARIADIC key "any"', 'numeric', 'v', 'u', false),
	('invalidate', 'relation regclass', 'void', 'v', 'u', true),
	('invalidate', 'row_type anyelement, VARIADIC key "any"', 'boolean', 'v', 'u', false),
	('explain', 'row_type anyelement, VARIADIC key "any", OUT outcome text, OUT reason text, OUT strategy text, OUT bytes bigint, '
		'OUT expires timestamp with time zone', 'record', 'v', 'r', false),
	('store_info', 'OUT memory bigint, OUT value_memory bigint, OUT partitions integer, OUT max_value bigint, OUT entries bigint, '
		'OUT bytes bigint, OUT evictions bigint, OUT tables integer, OUT fills_wait_for xid8', 'record', 'v', 'r', false),
	('table_counters', 'OUT relation oid, OUT state text, OUT entries bigint, OUT bytes bigint, OUT evictions bigint, OUT hits bigint, '
		'OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint, OUT fills bigint, OUT fills_refused bigint, '
		'OUT fills_no_room bigint, OUT waits bigint, OUT publishes bigint, OUT invalidations bigint, OUT table_invalidations bigint, '
		'OUT refreshes bigint', 'SETOF record', 'v', 'r', false),
	('warm_progress', 'OUT pid integer, OUT relation oid, OUT phase text, OUT rows_total bigint, OUT rows_done bigint, '
		'OUT rows_filled bigint, OUT started timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('stats_reset', '', 'void', 'v', 'u', false),
	('row_changed', '', 'trigger', 'v', 'u', false),
	('rows_changed', '', 'trigger', 'v', 'u', false),
	('bindings_changed', '', 'trigger', 'v', 'u', false),
	('tables_dropped', '', 'event_trigger', 'v', 'u', false);

CREATE TEMP VIEW found AS
	SELECT proname::text AS name, pg_get_function_arguments(oid) AS arguments, pg_get_function_result(oid) AS result,
		provolatile AS volatility, proparallel AS parallel, proisstrict AS strict
	FROM pg_proc WHERE pronamespace = 'cache'::regnamespace;
SELECT bag_eq('SELECT name, arguments, result FROM found', 'SELECT name, arguments, result FROM expected',
	'functions, their arguments and results');
SELECT results_eq(
	format('SELECT volatility, parallel, strict FROM found WHERE name = %L AND arguments = %L', name, arguments),
	format('VALUES (%L::"char", %L::"char", %L::boolean)', volatility, parallel, strict),
	format('cache.%s(%s): volatility, parallel safety, strictness', name, left(arguments, 40)))
FROM expected;

SELECT is_empty($$SELECT proname FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND proleakproof$$, 'no function is leakproof');
SELECT results_eq(
	$$SELECT oid::regproc::text FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND prosecdef$$,
	$$VALUES ('cache.tables_dropped')$$, 'one function runs as its owner');
SELECT is_empty(
	$$SELECT proname FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND prosecdef
		AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)$$,
	'and has a search_path of its own');
SELECT is_empty(
	$$SELECT proname FROM pg_proc p JOIN pg_language l ON l.oid = prolang
		WHERE pronamespace = 'cache'::regnamespace AND lanname NOT IN ('c', 'plpgsql')$$, 'functions are in C, or PL/pgSQL');

-- ----- comments -----

SELECT is_empty($$
	SELECT oid::regprocedure FROM pg_proc
	WHERE pronamespace = 'cache'::regnamespace AND coalesce(obj_description(oid, 'pg_proc'), '') = ''
	$$, 'every function has a comment');
SELECT is_empty($$
	SELECT oid::regclass FROM pg_class
	WHERE relnamespace = 'cache'::regnamespace AND relkind IN ('r', 'v') AND coalesce(obj_description(oid, 'pg_class'), '') = ''
	$$, 'every table and view has a comment');
SELECT isnt(obj_description(oid, 'pg_event_trigger'), NULL, 'the event trigger has a comment')
	FROM pg_event_trigger WHERE evtname = 'cache_strategies_drop';
SELECT isnt(obj_description(oid, 'pg_extension'), NULL, 'the extension has a comment')
	FROM pg_extension WHERE extname = 'cache_strategies';

-- ----- tables and views -----

SELECT tables_are('cache', ARRAY['bindings']);
SELECT views_are('cache', ARRAY['table_stats', 'stats', 'progress']);
SELECT sequences_are('cache', ARRAY[]::name[]);

CREATE FUNCTION tap.columns(regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped $$;
SELECT is(tap.columns('cache.bindings'),
	'relation regclass, strategy text, ttl interval, ttl_jitter real, negative_ttl interval, max_memory bigint, loader text, refresh_ahead real',
	'columns of cache.bindings');
SELECT is(tap.columns('cache.table_stats'),
	'relation regclass, strategy text, state text, entries bigint, bytes bigint, evictions bigint, hits bigint, absent_hits bigint, '
	'misses bigint, bypasses bigint, hit_ratio numeric, fills bigint, fills_refused bigint, fills_no_room bigint, waits bigint, '
	'publishes bigint, invalidations bigint, table_invalidations bigint, refreshes bigint',
	'columns of cache.table_stats');
SELECT is(tap.columns('cache.stats'),
	'memory bigint, value_memory bigint, partitions integer, max_value bigint, entries bigint, bytes bigint, evictions bigint, '
	'tables integer, fills_wait_for xid8', 'columns of cache.stats');
SELECT is(tap.columns('cache.progress'),
	'pid integer, relation regclass, phase text, rows_total bigint, rows_done bigint, rows_filled bigint, started timestamp with time zone',
	'columns of cache.progress');
SELECT col_is_pk('cache', 'bindings', 'relation', 'the key of cache.bindings');
SELECT col_not_null('cache', 'bindings', 'strategy', 'cache.bindings.strategy');
SELECT isnt_empty('SELECT * FROM cache.stats', 'cache.stats has a row');
SELECT is_empty('SELECT * FROM cache.table_stats', 'with nothing attached cache.table_stats is empty');
SELECT is_empty('SELECT * FROM cache.progress', 'with nothing running cache.progress is empty');

-- ----- triggers -----

SELECT is(tgenabled, 'A'::"char", 'the trigger of cache.bindings is ENABLE ALWAYS') FROM pg_trigger
	WHERE tgrelid = 'cache.bindings'::regclass AND tgname = 'bindings_changed';
SELECT results_eq(
	$$SELECT evtevent::text COLLATE "default", evtfoid::regproc::text, evtenabled FROM pg_event_trigger WHERE evtname = 'cache_strategies_drop'$$,
	$$VALUES ('sql_drop', 'cache.tables_dropped', 'A'::"char")$$, 'the event trigger is ENABLE ALWAYS');

-- What attach() makes, for each strategy.
CREATE TABLE tap.plain (id int PRIMARY KEY, v text);
CREATE FUNCTION tap.triggers() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', tgname, tgenabled,
			regexp_replace(pg_get_triggerdef(oid), '^CREATE TRIGGER \w+ | ON \S+|EXECUTE FUNCTION ', '', 'g')), '; ' ORDER BY tgname)
	FROM pg_trigger WHERE tgrelid = 'tap.plain'::regclass AND NOT tgisinternal $$;
SELECT cache.attach('tap.plain', 'cache_aside');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER DELETE OR UPDATE FOR EACH ROW cache.row_changed()', 'triggers of cache_aside');
SELECT cache.attach('tap.plain', 'read_through');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER DELETE OR UPDATE FOR EACH ROW cache.row_changed()', 'triggers of read_through');
SELECT cache.attach('tap.plain', 'read_through', negative_ttl => '1 min');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_changed()',
	'triggers of read_through with absences');
SELECT cache.attach('tap.plain', 'write_through');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_changed()', 'triggers of write_through');
SELECT cache.attach('tap.plain', 'write_around');
SELECT is(tap.triggers(),
	'cache_strategies_delete A AFTER DELETE REFERENCING OLD TABLE AS cs_old FOR EACH STATEMENT cache.rows_changed(); '
	'cache_strategies_replica R AFTER DELETE OR UPDATE FOR EACH ROW cache.row_changed(); '
	'cache_strategies_update A AFTER UPDATE REFERENCING OLD TABLE AS cs_old NEW TABLE AS cs_new FOR EACH STATEMENT cache.rows_changed()',
	'triggers of write_around');
SELECT cache.attach('tap.plain', 'write_around', negative_ttl => '1 min');
SELECT alike(tap.triggers(), '%cache_strategies_insert A AFTER INSERT REFERENCING NEW TABLE AS cs_new FOR EACH STATEMENT%',
	'triggers of write_around with absences');
SELECT cache.detach('tap.plain');
SELECT is(tap.triggers(), NULL, 'detach() takes them away');

-- Trigger functions are for triggers only.
SELECT throws_like('SELECT cache.row_changed()', '%must be called as a trigger%', 'cache.row_changed() is no function to call');
SELECT throws_like('SELECT cache.rows_changed()', '%must be called as a trigger%', 'cache.rows_changed() is no function to call');
SELECT throws_like('SELECT cache.bindings_changed()', '%must be called as a trigger%', 'cache.bindings_changed() is no function to call');
SELECT throws_like('SELECT cache.tables_dropped()', '%trigger functions can only be called as triggers%', 'cache.tables_dropped() is no function to call');
CREATE TRIGGER early BEFORE UPDATE ON tap.plain FOR EACH ROW EXECUTE FUNCTION cache.row_changed();
INSERT INTO tap.plain VALUES (1, 'one');
SELECT throws_like($$UPDATE tap.plain SET v = 'x'$$, '%must be fired after a row is changed%', 'a trigger of the wrong kind says so');
DROP TRIGGER early ON tap.plain;
CREATE TRIGGER every_row AFTER UPDATE ON tap.plain FOR EACH ROW EXECUTE FUNCTION cache.rows_changed();
SELECT throws_like($$UPDATE tap.plain SET v = 'x'$$, '%must be fired after a statement%', 'and so does the other');
DROP TRIGGER every_row ON tap.plain;

-- ----- settings -----

SELECT bag_eq(
	$$SELECT name, setting, unit, context, vartype FROM pg_settings WHERE name LIKE 'cache\_strategies.%'
		AND name NOT LIKE 'cache\_strategies.test%'$$,
	$$VALUES ('cache_strategies.memory', '128', 'MB', 'postmaster', 'integer'),
		('cache_strategies.partitions', '0', NULL, 'postmaster', 'integer'),
		('cache_strategies.stripes', '65536', NULL, 'postmaster', 'integer'),
		('cache_strategies.max_tables', '1024', NULL, 'postmaster', 'integer'),
		('cache_strategies.refresh_queue', '1024', NULL, 'postmaster', 'integer'),
		('cache_strategies.enabled', 'on', NULL, 'user', 'bool'),
		('cache_strategies.bulk_threshold', '10000', NULL, 'user', 'integer'),
		('cache_strategies.load_timeout', '5000', 'ms', 'user', 'integer')$$,
	'settings, their defaults and who may change them');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'cache\_strategies.%' AND coalesce(short_desc, '') = ''$$, 'every setting is described');

SELECT * FROM finish();
ROLLBACK;
