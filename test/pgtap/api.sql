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
SELECT is(pg_describe_object(classid, objid, 0), 'schema cache', 'the schema is the extension''s own')
FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND classid = 'pg_namespace'::regclass
	AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_strategies');
SELECT is(extrelocatable, false, 'it is not relocatable') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(extversion, '1.0', 'version') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT is(extconfig::regclass[]::text,
	'{cache.binding_store,cache.tracked,cache.untracked,cache.tracked_schemas,cache.declared_store,cache.declared_store_id_seq,cache.journal_a,cache.journal_b,cache.flush_state,cache.dead_letter_store,'
	'cache.dead_letter_store_id_seq,cache.space_ids,cache.spaces,cache.space_grants}',
	'the tables are dumped, with what belongs to users') FROM pg_extension WHERE extname = 'cache_strategies';
SELECT results_eq($$SELECT t, c COLLATE "default" FROM pg_extension, unnest(extconfig::regclass[], extcondition) x(t, c) WHERE extname = 'cache_strategies' AND c <> ''$$,
	$$VALUES ('cache.tracked_schemas'::regclass, 'WHERE tracked_by IN (SELECT oid FROM pg_catalog.pg_roles)'),
		('cache.declared_store', 'WHERE declared_by IN (SELECT oid FROM pg_catalog.pg_roles)'),
		('cache.spaces', 'WHERE owner IN (SELECT oid FROM pg_catalog.pg_roles)'),
		('cache.space_grants', E'WHERE (role = 0 OR role IN (SELECT oid FROM pg_catalog.pg_roles))\n'
			'	AND space IN (SELECT id FROM cache.spaces WHERE owner IN (SELECT oid FROM pg_catalog.pg_roles))')$$,
	'all of it, but for what is of roles that are gone');
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

SELECT is_empty($$
	SELECT oid::regprocedure FROM pg_proc
	WHERE pronamespace = 'cache'::regnamespace AND proargnames[1] IN ('row_type', 'row_value', 'insert')
		AND prosrc <> 'cs_read_without_key' AND prosupport <> 'cache.plan_support'::regproc
	$$, 'plans with a function that takes a row type depend on the table');

CREATE TEMP TABLE expected (name text, arguments text, result text, volatility "char", parallel "char", strict boolean);
INSERT INTO expected VALUES
	('attach', 'relation regclass, strategy text DEFAULT ''cache_aside''::text, ttl "any" DEFAULT NULL::unknown, '
		'ttl_jitter real DEFAULT NULL::real, negative_ttl "any" DEFAULT NULL::unknown, max_memory text DEFAULT NULL::text, '
		'loader regproc DEFAULT NULL::regproc, refresh_ahead real DEFAULT NULL::real, durable boolean DEFAULT NULL::boolean, '
		'flush_interval "any" DEFAULT NULL::unknown, flush_batch integer DEFAULT NULL::integer, merge jsonb DEFAULT NULL::jsonb, '
		'plain_reads boolean DEFAULT NULL::boolean',
		'void', 'v', 'u', false),
	('detach', 'relation regclass, discard boolean DEFAULT false', 'void', 'v', 'u', true),
	('repair', 'relation regclass', 'boolean', 'v', 'u', true),
	('binding_problem', 'relation regclass', 'text', 's', 'r', true),
	('plan_support', 'internal', 'internal', 'i', 's', true),
	('read', 'row_type anycompatible, VARIADIC key "any"', 'anycompatible', 's', 'r', false),
	('read', 'row_type anycompatible', 'anycompatible', 's', 'r', false),
	('read_row', 'row_type anycompatible, VARIADIC key "any"', 'SETOF anycompatible', 's', 'r', false),
	('read_many', 'row_type anycompatible, keys "any"', 'SETOF anycompatible', 's', 'r', false),
	('lookup', 'row_type anycompatible, VARIADIC key "any"', 'anycompatible', 'v', 'r', false),
	('fill', 'row_value anycompatible', 'boolean', 'v', 'r', false),
	('warm', 'relation regclass, max_rows bigint DEFAULT NULL::bigint', 'bigint', 'v', 'u', false),
	('verify', 'relation regclass, OUT entries bigint, OUT verified bigint, OUT mismatched bigint, OUT skipped bigint, OUT reasons jsonb',
		'record', 'v', 'u', false),
	('audit_counters', 'OUT kind text, OUT outcome text, OUT reason text, OUT entries bigint', 'SETOF record', 'v', 'r', false),
	('write', 'row_value anycompatible', 'anycompatible', 'v', 'u', false),
	('write', 'key text, value anycompatible', 'anycompatible', 'v', 'u', false),
	('remove', 'row_type anycompatible, VARIADIC key "any"', 'boolean', 'v', 'u', false),
	('increment', 'row_type anycompatible, column_name name, delta numeric, VARIADIC key "any"', 'numeric', 'v', 'u', false),
	('increment', 'insert anycompatible, column_name name, delta numeric', 'numeric', 'v', 'u', false),
	('flush', 'relation regclass DEFAULT NULL::regclass', 'bigint', 'v', 'u', false),
	('scan', 'row_type anycompatible', 'SETOF anycompatible', 'v', 'u', false),
	('requeue', 'relation regclass DEFAULT NULL::regclass, id bigint DEFAULT NULL::bigint', 'bigint', 'v', 'u', false),
	('discard', 'relation regclass DEFAULT NULL::regclass, id bigint DEFAULT NULL::bigint', 'bigint', 'v', 'u', false),
	('invalidate', 'relation regclass', 'boolean', 'v', 'u', true),
	('invalidate', 'row_type anycompatible, VARIADIC key "any"', 'boolean', 'v', 'u', false),
	('explain', 'row_type anycompatible, VARIADIC key "any", OUT outcome text, OUT reason text, OUT strategy text, OUT bytes bigint, '
		'OUT expires timestamp with time zone', 'record', 'v', 'r', false),
	('explain_result', 'query text, OUT eligible boolean, OUT kept boolean, OUT reason text, OUT hint text, OUT watches regclass[], '
		'OUT by_value text[], OUT settings text[], OUT ttl interval, OUT max_age interval', 'record', 'v', 'u', true),
	('declare_query', 'query text, ttl "any" DEFAULT NULL::unknown, max_age "any" DEFAULT NULL::unknown', 'bigint', 'v', 'u', false),
	('undeclare_query', 'id bigint', 'void', 'v', 'u', true),
	('undeclare_query', 'query text', 'void', 'v', 'u', true),
	('declared_problem', 'id bigint', 'text', 'v', 'u', true),
	('declared_changed', '', 'trigger', 'v', 'u', false),
	('store_info', 'OUT memory bigint, OUT value_memory bigint, OUT partitions integer, OUT max_value bigint, OUT entries bigint, '
		'OUT bytes bigint, OUT evictions bigint, OUT evictions_unread bigint, OUT expirations bigint, OUT dead_bytes bigint, '
		'OUT dirty_entries bigint, OUT dirty_bytes bigint, OUT tables integer, OUT slots_used integer, OUT slots_total integer, '
		'OUT fills_wait_for xid8, OUT hits bigint, OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint, OUT fills bigint, '
		'OUT fills_refused bigint, OUT fills_no_room bigint, OUT loads bigint, OUT load_ms double precision, OUT waits bigint, '
		'OUT wait_ms double precision, OUT waits_in_vain bigint, OUT publishes bigint, OUT invalidations bigint, '
		'OUT table_invalidations bigint, OUT refreshes bigint, OUT stats_reset timestamp with time zone', 'record', 'v', 'r', false),
	('table_counters', 'OUT relation oid, OUT state text, OUT entries bigint, OUT bytes bigint, OUT evictions bigint, '
		'OUT evictions_unread bigint, OUT expirations bigint, OUT hits bigint, '
		'OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint, OUT fills bigint, OUT fills_refused bigint, '
		'OUT fills_no_room bigint, OUT loads bigint, OUT load_ms double precision, OUT waits bigint, OUT wait_ms double precision, '
		'OUT waits_in_vain bigint, OUT publishes bigint, OUT invalidations bigint, OUT table_invalidations bigint, '
		'OUT refreshes bigint, OUT fills_wait_for xid8, OUT stats_reset timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('reason_counters', 'OUT relation regclass, OUT space text, OUT owner regrole, OUT event text, OUT reason text, OUT count bigint', 'SETOF record', 'v', 'r', false),
	('warm_progress', 'OUT pid integer, OUT relation oid, OUT phase text, OUT rows_total bigint, OUT rows_done bigint, '
		'OUT rows_filled bigint, OUT started timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('flush_counters', 'OUT relation oid, OUT durable boolean, OUT dirty_entries bigint, OUT dirty_bytes bigint, OUT oldest interval, '
		'OUT deferred bigint, OUT rows_flushed bigint, OUT coalesced bigint, OUT flushes bigint, '
		'OUT flushes_per_second double precision, OUT last_flush timestamp with time zone, OUT gone bigint, OUT dead bigint, '
		'OUT retries bigint, OUT waits bigint, OUT last_error text, OUT last_error_time timestamp with time zone, '
		'OUT journal_bytes bigint, OUT open boolean, OUT timeouts bigint, OUT quarantined boolean, OUT owner_dirty_bytes bigint, OUT owner_limit bigint', 'SETOF record', 'v', 'r', false),
	('dead_letter_count', 'relation oid', 'bigint', 's', 'u', false),
	('stats_reset', '', 'void', 'v', 'u', false),
	('stats_reset_shared', '', 'void', 'v', 'u', false),
	('trace_entries', 'OUT number bigint, OUT "time" timestamp with time zone, OUT pid integer, OUT database oid, OUT role oid, '
		'OUT strategy text, OUT object text, OUT key text, OUT operation text, OUT outcome text, OUT reason text, '
		'OUT took_ms double precision', 'SETOF record', 'v', 'r', false),
	('latency_counters', 'OUT kind text, OUT operation text, OUT timed bigint, OUT total_ms double precision, OUT mean_ms double precision, '
		'OUT p50_ms double precision, OUT p95_ms double precision, OUT p99_ms double precision, OUT p999_ms double precision', 'SETOF record', 'v', 'r', false),
	('latency_buckets', 'OUT kind text, OUT operation text, OUT below_ms double precision, OUT count bigint, OUT cumulative bigint', 'SETOF record', 'v', 'r', false),
	('result_counters', 'OUT id bigint, OUT role regrole, OUT query text, OUT calls bigint, OUT hits bigint, OUT misses bigint, '
		'OUT kept bigint, OUT not_kept jsonb, OUT bypasses jsonb, OUT not_found jsonb, OUT falls_by_table jsonb, OUT fallen_unused bigint, '
		'OUT waits bigint, OUT waits_in_vain bigint, OUT computed_ahead bigint, OUT bytes bigint, OUT saved_ms double precision, '
		'OUT spent_ms double precision, OUT state text, OUT left_alone_for bigint, OUT since timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('candidate_counters', 'OUT id bigint, OUT role regrole, OUT query text, OUT tables regclass[], OUT calls bigint, '
		'OUT time_ms double precision, OUT repeated double precision, OUT saving_ms double precision, OUT since timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('history_samples', 'OUT "time" timestamp with time zone, OUT seconds double precision, OUT reads bigint, OUT hit_ratio double precision, '
		'OUT entries bigint, OUT bytes bigint, OUT evictions bigint, OUT evictions_unread bigint, OUT expirations bigint, OUT dead_bytes bigint, '
		'OUT dirty_entries bigint, OUT dirty_bytes bigint, OUT hits bigint, OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint, OUT fills bigint, '
		'OUT fills_refused bigint, OUT fills_no_room bigint, OUT loads bigint, OUT load_ms double precision, OUT waits bigint, '
		'OUT wait_ms double precision, OUT waits_in_vain bigint, OUT publishes bigint, OUT invalidations bigint, '
		'OUT table_invalidations bigint, OUT refreshes bigint, OUT stats_reset timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('dashboard', 'OUT item text, OUT value text, OUT detail text', 'SETOF record', 'v', 'r', false),
	('report', '', 'text', 'v', 'u', false),
	('memory_predictions', 'OUT relation oid, OUT space text, OUT memory bigint, OUT hit_ratio double precision, OUT reads bigint, OUT sampled bigint', 'SETOF record', 'v', 'r', false),
	('space_counters', 'OUT space text, OUT owner regrole, OUT entries bigint, OUT bytes bigint, OUT max_memory bigint, OUT ttl interval, '
		'OUT hits bigint, OUT misses bigint, OUT sets bigint, OUT evictions bigint, '
		'OUT evictions_unread bigint, OUT expirations bigint, OUT bypasses bigint, OUT refused bigint, OUT no_room bigint, OUT waits bigint, '
		'OUT stats_reset timestamp with time zone', 'SETOF record', 'v', 'r', false),
	('track', 'relation regclass, by_value boolean DEFAULT NULL::boolean', 'void', 'v', 'u', false),
	('untrack', 'relation regclass', 'void', 'v', 'u', true),
	('track_schema', 'schema regnamespace, by_value boolean DEFAULT NULL::boolean', 'bigint', 'v', 'u', false),
	('untrack_schema', 'schema regnamespace', 'bigint', 'v', 'u', true),
	('tables_made', '', 'event_trigger', 'v', 'u', false),
	('watched_columns', 'relation regclass, OUT column_name name, OUT settled boolean', 'SETOF record', 'v', 'u', true),
	('remember_depends', 'query text, params "any" DEFAULT NULL::text[], reads regclass[] DEFAULT NULL::regclass[], OUT relation regclass, OUT column_name name, OUT value text', 'SETOF record', 'v', 'r', false),
	('advise', 'relation regclass, OUT "table" regclass, OUT attached text, OUT strategy text, OUT ttl interval, OUT memory bigint, OUT saved_ms double precision, '
		'OUT saving double precision, OUT reads bigint, OUT writes bigint, OUT rows bigint, OUT row_bytes bigint, OUT direct_us double precision, '
		'OUT hit_us double precision, OUT miss_us double precision, OUT change_us double precision, OUT break_even double precision, '
		'OUT hit_ratio double precision, OUT hit_ratio_is text, OUT reason text', 'SETOF record', 'v', 'u', true),
	('advise', 'OUT "table" regclass, OUT attached text, OUT strategy text, OUT ttl interval, OUT memory bigint, OUT saved_ms double precision, '
		'OUT saving double precision, OUT reads bigint, OUT writes bigint, OUT rows bigint, OUT row_bytes bigint, OUT direct_us double precision, '
		'OUT hit_us double precision, OUT miss_us double precision, OUT change_us double precision, OUT break_even double precision, '
		'OUT hit_ratio double precision, OUT hit_ratio_is text, OUT reason text', 'SETOF record', 'v', 'u', false),
	('tracking', 'relation regclass, OUT state text, OUT reason text, OUT changes bigint', 'record', 'v', 'u', true),
	('table_changed', '', 'trigger', 'v', 'u', false),
	('spaces_changed', '', 'trigger', 'v', 'u', false),
	('row_deferred', '', 'trigger', 'v', 'u', false),
	('table_truncated', '', 'trigger', 'v', 'u', false),
	('row_changed', '', 'trigger', 'v', 'u', false),
	('rows_changed', '', 'trigger', 'v', 'u', false),
	('bindings_changed', '', 'trigger', 'v', 'u', false),
	('tables_dropped', '', 'event_trigger', 'v', 'u', false);

-- keys and values: one function for each type; text stands for any other, too,
-- where a value is put
INSERT INTO expected
	SELECT name || CASE WHEN type <> 'text' THEN '_' || type ELSE '' END,
		replace(replace(replace(replace(arguments, 'ANY[]', CASE WHEN type <> 'text' THEN type || '[]' ELSE 'anycompatiblearray' END),
			'ANY', CASE WHEN type <> 'text' THEN type ELSE 'anycompatible' END), 'TYPE', type),
			'HOW', 'space text DEFAULT NULL::text, immediate boolean DEFAULT false'),
		replace(result, 'TYPE', type), 'v', parallel, false
	FROM unnest('{text,jsonb,bytea}'::text[]) type, (VALUES
		('set', 'key text, value ANY, ttl "any" DEFAULT NULL::unknown, if_absent boolean DEFAULT false, if_present boolean DEFAULT false, '
			'keep_ttl boolean DEFAULT false, tags text[] DEFAULT NULL::text[], HOW, best_effort boolean DEFAULT false', 'boolean', 'u'::"char"),
		('add', 'key text, value ANY, ttl "any" DEFAULT NULL::unknown, tags text[] DEFAULT NULL::text[], HOW, best_effort boolean DEFAULT false', 'boolean', 'u'),
		('replace', 'key text, value ANY, ttl "any" DEFAULT NULL::unknown, tags text[] DEFAULT NULL::text[], HOW, best_effort boolean DEFAULT false', 'boolean', 'u'),
		('set_many', 'keys text[], "values" ANY[], ttl "any" DEFAULT NULL::unknown, tags text[] DEFAULT NULL::text[], HOW, best_effort boolean DEFAULT false', 'bigint', 'u'),
		('get', 'key text, space text DEFAULT NULL::text', 'TYPE', 'r'),
		('get_many', 'keys text[], space text DEFAULT NULL::text, OUT key text, OUT value TYPE', 'SETOF record', 'r'),
		('get_and_delete', 'key text, HOW', 'TYPE', 'u'),
		('compare_and_set', 'key text, expected ANY, value ANY, ttl "any" DEFAULT NULL::unknown, HOW', 'boolean', 'u'))
		x(name, arguments, result, parallel);
-- and one for all of them
INSERT INTO expected
	SELECT name, replace(arguments, 'HOW', 'space text DEFAULT NULL::text, immediate boolean DEFAULT false'), result, 'v', parallel, false
	FROM (VALUES
		('exists', 'key text, space text DEFAULT NULL::text', 'boolean', 'r'::"char"),
		('ttl', 'key text, space text DEFAULT NULL::text', 'interval', 'r'),
		('ttl_ms', 'key text, space text DEFAULT NULL::text', 'bigint', 'r'),
		('keys', 'prefix text DEFAULT ''''::text, after text DEFAULT NULL::text, count bigint DEFAULT NULL::bigint, space text DEFAULT NULL::text',
			'SETOF text', 'r'),
		('scan_keys', 'cursor bigint DEFAULT 0, prefix text DEFAULT ''''::text, count bigint DEFAULT 1000, space text DEFAULT NULL::text, '
			'OUT next_cursor bigint, OUT keys text[]', 'record', 'r'),
		('delete', 'key text, HOW', 'boolean', 'u'),
		('delete_many', 'keys text[], HOW', 'bigint', 'u'),
		('delete_prefix', 'prefix text, HOW', 'bigint', 'u'),
		('incr', 'key text, delta "any" DEFAULT 1, ttl "any" DEFAULT NULL::unknown, HOW', 'bigint', 'u'),
		('incr_numeric', 'key text, delta "any" DEFAULT 1, ttl "any" DEFAULT NULL::unknown, HOW', 'numeric', 'u'),
		('expire', 'key text, ttl "any", HOW', 'boolean', 'u'),
		('persist', 'key text, HOW', 'boolean', 'u'),
		('touch', 'key text, HOW', 'boolean', 'u'),
		('invalidate_tag', 'tag text, HOW', 'boolean', 'u'),
		('create_space', 'name text, ttl "any" DEFAULT NULL::unknown, max_memory text DEFAULT NULL::text, owner text DEFAULT NULL::text', 'void', 'u'),
		('alter_space', 'name text, ttl "any", max_memory text, owner text DEFAULT NULL::text', 'void', 'u'),
		('drop_space', 'name text, if_exists boolean DEFAULT false', 'void', 'u'),
		('grant_space', 'name text, role text, read boolean DEFAULT true, write boolean DEFAULT true', 'void', 'u'),
		('revoke_space', 'name text, role text', 'void', 'u'),
		('remember', 'key text, ttl "any", query text, params "any" DEFAULT NULL::unknown, TERMS', 'jsonb', 'r'),
		('remember', 'key text, ttl text, query text, params text, TERMS', 'jsonb', 'r'),
		('remember', 'row_type anyelement, key text, ttl "any", query text, params "any" DEFAULT NULL::unknown, TERMS', 'SETOF anyelement', 'r'),
		('forget', 'key text, space text DEFAULT NULL::text', 'boolean', 'u')) x(name, arguments, result, parallel);
UPDATE expected SET arguments = replace(arguments, 'TERMS', 'grace "any" DEFAULT NULL::unknown, '
	'beta double precision DEFAULT 1, tags text[] DEFAULT NULL::text[], reads regclass[] DEFAULT NULL::regclass[], space text DEFAULT NULL::text');

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
	$$SELECT oid::regproc::text FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND prosecdef ORDER BY 1$$,
	$$VALUES ('cache.dead_letter_count')$$, 'one function runs as its owner');
SELECT is_empty(
	$$SELECT proname FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND prosecdef
		AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)$$,
	'and has a search_path of its own');
SELECT is_empty(
	$$SELECT proname FROM pg_proc p JOIN pg_language l ON l.oid = prolang
		WHERE pronamespace = 'cache'::regnamespace AND lanname NOT IN ('c', 'plpgsql', 'sql')$$, 'functions are in C, PL/pgSQL or SQL');

-- ----- comments -----

SELECT is_empty($$
	SELECT oid::regprocedure FROM pg_proc
	WHERE pronamespace = 'cache'::regnamespace AND coalesce(obj_description(oid, 'pg_proc'), '') = ''
	$$, 'every function has a comment');
SELECT is_empty($$
	SELECT oid::regclass FROM pg_class
	WHERE relnamespace = 'cache'::regnamespace AND relkind IN ('r', 'v') AND coalesce(obj_description(oid, 'pg_class'), '') = ''
	$$, 'every table and view has a comment');
SELECT is_empty($$
	SELECT 'cache.journal_a'::regclass, attname FROM pg_attribute a
	WHERE attrelid = 'cache.journal_a'::regclass AND attnum > 0 AND attname <> 'relation'
		AND (col_description(attrelid, attnum) IS NULL OR col_description(attrelid, attnum)
			IS DISTINCT FROM col_description('cache.journal_b'::regclass, attnum))
	$$, 'the columns of both journals have the same comments');
SELECT isnt(obj_description(oid, 'pg_event_trigger'), NULL, 'the event trigger has a comment')
	FROM pg_event_trigger WHERE evtname IN ('cache_strategies_drop', 'cache_strategies_make');
SELECT isnt(obj_description(oid, 'pg_extension'), NULL, 'the extension has a comment')
	FROM pg_extension WHERE extname = 'cache_strategies';

-- ----- tables and views -----

SELECT tables_are('cache', ARRAY['binding_store', 'tracked', 'untracked', 'tracked_schemas', 'declared_store', 'journal_a', 'journal_b', 'flush_state', 'dead_letter_store', 'spaces', 'space_grants']);
SELECT views_are('cache', ARRAY['bindings', 'declared_queries', 'table_stats', 'space_stats', 'stats', 'stats_reasons', 'latency', 'latency_histogram', 'history', 'trace_log', 'progress', 'audit_stats', 'dead_letters', 'flush_status', 'result_stats', 'result_candidates', 'memory_advice']);
SELECT sequences_are('cache', ARRAY['declared_store_id_seq', 'dead_letter_store_id_seq', 'space_ids']);

CREATE FUNCTION tap.columns(regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped $$;
SELECT is(tap.columns('cache.binding_store'),
	'relation regclass, strategy text, ttl interval, ttl_jitter real, negative_ttl interval, max_memory bigint, loader text, refresh_ahead real, '
	'durable boolean, flush_interval interval, flush_batch integer, merge jsonb, settings text[], plain_reads boolean',
	'columns of cache.binding_store');
SELECT is(tap.columns('cache.bindings'), tap.columns('cache.binding_store') || ', problem text', 'columns of cache.bindings');
SELECT is(tap.columns(journal), 'stamp bigint, relation regclass, written_for oid, change bytea', format('columns of %s', journal))
	FROM unnest('{cache.journal_a,cache.journal_b}'::regclass[]) journal;
SELECT is(tap.columns('cache.flush_state'), 'relation regclass, flushed bigint, unclean boolean', 'columns of cache.flush_state');
SELECT is(tap.columns('cache.dead_letter_store'),
	'id bigint, relation regclass, written_for oid, change bytea, content jsonb, sqlstate text, message text, attempts integer, '
	'first_time timestamp with time zone, last_time timestamp with time zone', 'columns of cache.dead_letter_store');
SELECT is(tap.columns('cache.dead_letters'),
	'id bigint, relation regclass, key jsonb, changes jsonb, sqlstate text, message text, attempts integer, '
	'first_time timestamp with time zone, last_time timestamp with time zone', 'columns of cache.dead_letters');
SELECT is(tap.columns('cache.flush_status'),
	'relation regclass, durable boolean, dirty_entries bigint, dirty_bytes bigint, oldest interval, deferred bigint, '
	'rows_flushed bigint, coalesced bigint, flushes bigint, flushes_per_second double precision, last_flush timestamp with time zone, '
	'gone bigint, dead bigint, retries bigint, waits bigint, last_error text, last_error_time timestamp with time zone, '
	'journal_bytes bigint, dead_letters bigint, open boolean, timeouts bigint, quarantined boolean, owner_dirty_bytes bigint, owner_limit bigint', 'columns of cache.flush_status');
SELECT is(tap.columns('cache.table_stats'),
	'relation regclass, strategy text, state text, entries bigint, bytes bigint, evictions bigint, evictions_unread bigint, expirations bigint, '
	'hits bigint, absent_hits bigint, '
	'misses bigint, bypasses bigint, hit_ratio numeric, fills bigint, fills_refused bigint, fills_no_room bigint, '
	'loads bigint, load_ms double precision, waits bigint, wait_ms double precision, waits_in_vain bigint, '
	'publishes bigint, invalidations bigint, table_invalidations bigint, refreshes bigint, fills_wait_for xid8, '
	'stats_reset timestamp with time zone',
	'columns of cache.table_stats');
SELECT is(tap.columns('cache.memory_advice'),
	'relation regclass, space text, memory bigint, factor double precision, hit_ratio numeric, reads bigint, sampled bigint',
	'columns of cache.memory_advice');
SELECT is(tap.columns('cache.space_stats'),
	'space text, owner regrole, entries bigint, bytes bigint, max_memory bigint, ttl interval, hits bigint, misses bigint, sets bigint, evictions bigint, '
	'evictions_unread bigint, expirations bigint, bypasses bigint, refused bigint, no_room bigint, waits bigint, '
	'stats_reset timestamp with time zone',
	'columns of cache.space_stats');
SELECT is(tap.columns('cache.spaces'), 'id oid, name text, owner regrole, ttl interval, max_memory bigint', 'columns of cache.spaces');
SELECT is(tap.columns('cache.space_grants'), 'space oid, role regrole, can_read boolean, can_write boolean', 'columns of cache.space_grants');
SELECT is(tap.columns('cache.tracked'), 'relation regclass, by_value boolean, by_schema boolean', 'columns of cache.tracked');
SELECT is(tap.columns('cache.untracked'), 'relation regclass', 'columns of cache.untracked');
SELECT is(tap.columns('cache.tracked_schemas'), 'schema name, tracked_by regrole, by_value boolean', 'columns of cache.tracked_schemas');
SELECT is(tap.columns('cache.declared_store'),
	'id bigint, query text, ttl interval, max_age interval, declared_by regrole, search_path text', 'columns of cache.declared_store');
SELECT is(tap.columns('cache.declared_queries'), tap.columns('cache.declared_store') || ', problem text', 'columns of cache.declared_queries');
SELECT is(tap.columns('cache.stats'),
	'memory bigint, value_memory bigint, partitions integer, max_value bigint, entries bigint, bytes bigint, evictions bigint, '
	'evictions_unread bigint, expirations bigint, dead_bytes bigint, dirty_entries bigint, dirty_bytes bigint, '
	'tables integer, slots_used integer, slots_total integer, fills_wait_for xid8, '
	'hits bigint, absent_hits bigint, misses bigint, bypasses bigint, fills bigint, fills_refused bigint, fills_no_room bigint, '
	'loads bigint, load_ms double precision, waits bigint, wait_ms double precision, waits_in_vain bigint, publishes bigint, '
	'invalidations bigint, table_invalidations bigint, refreshes bigint, stats_reset timestamp with time zone', 'columns of cache.stats');
SELECT is(tap.columns('cache.latency'), 'kind text, operation text, timed bigint, total_ms double precision, mean_ms double precision, '
	'p50_ms double precision, p95_ms double precision, p99_ms double precision, p999_ms double precision', 'columns of cache.latency');
SELECT is(tap.columns('cache.latency_histogram'), 'kind text, operation text, below_ms double precision, count bigint, cumulative bigint',
	'columns of cache.latency_histogram');
SELECT is(tap.columns('cache.history'), 'time timestamp with time zone, seconds double precision, reads bigint, hit_ratio numeric, '
	'entries bigint, bytes bigint, evictions bigint, evictions_unread bigint, expirations bigint, dead_bytes bigint, '
	'dirty_entries bigint, dirty_bytes bigint, '
	'hits bigint, absent_hits bigint, misses bigint, bypasses bigint, fills bigint, fills_refused bigint, fills_no_room bigint, '
	'loads bigint, load_ms double precision, waits bigint, wait_ms double precision, waits_in_vain bigint, publishes bigint, '
	'invalidations bigint, table_invalidations bigint, refreshes bigint, stats_reset timestamp with time zone', 'columns of cache.history');
SELECT is(tap.columns('cache.trace_log'), 'number bigint, time timestamp with time zone, pid integer, database name, role regrole, '
	'strategy text, object text, key text, operation text, outcome text, reason text, took_ms double precision', 'columns of cache.trace_log');
SELECT is(tap.columns('cache.stats_reasons'), 'relation regclass, space text, owner regrole, event text, reason text, count bigint',
	'columns of cache.stats_reasons');
SELECT is(tap.columns('cache.progress'),
	'pid integer, relation regclass, phase text, rows_total bigint, rows_done bigint, rows_filled bigint, started timestamp with time zone',
	'columns of cache.progress');
SELECT is(tap.columns('cache.audit_stats'), 'kind text, outcome text, reason text, entries bigint', 'columns of cache.audit_stats');
SELECT col_is_pk('cache', 'binding_store', 'relation', 'the key of cache.binding_store');
SELECT col_not_null('cache', 'binding_store', 'strategy', 'cache.binding_store.strategy');
SELECT is_empty($$
	SELECT attrelid::regclass, attname FROM pg_attribute
	WHERE attrelid IN ('cache.journal_a'::regclass, 'cache.journal_b'::regclass, 'cache.flush_state'::regclass, 'cache.dead_letter_store'::regclass)
		AND attnum > 0 AND NOT attnotnull AND attname <> 'change'
	UNION ALL
	SELECT attrelid::regclass, attname FROM pg_attribute
	WHERE attrelid IN ('cache.journal_a'::regclass, 'cache.journal_b'::regclass) AND attname = 'change' AND attnotnull
	$$, 'only the change of a journal entry may be NULL');
SELECT col_is_pk('cache', 'flush_state', 'relation', 'the key of cache.flush_state');
SELECT col_is_pk('cache', 'dead_letter_store', 'id', 'the key of cache.dead_letter_store');
SELECT col_is_pk('cache', 'spaces', 'id', 'the key of cache.spaces');
SELECT col_is_unique('cache', 'spaces', 'name', 'the names of spaces are unique');
SELECT col_not_null('cache', 'spaces', 'owner', 'cache.spaces.owner');
SELECT col_is_pk('cache', 'space_grants', ARRAY['space', 'role'], 'the key of cache.space_grants');
SELECT fk_ok('cache', 'space_grants', 'space', 'cache', 'spaces', 'id', 'grants are of spaces');
SELECT col_is_pk('cache', 'tracked', 'relation', 'the key of cache.tracked');
SELECT col_is_pk('cache', 'untracked', 'relation', 'the key of cache.untracked');
SELECT col_is_pk('cache', 'tracked_schemas', ARRAY['schema', 'tracked_by'], 'the key of cache.tracked_schemas');
SELECT col_is_pk('cache', 'declared_store', 'id', 'the key of cache.declared_store');
SELECT is(reloptions::text, '{autovacuum_enabled=false}', format('%s is not vacuumed', oid::regclass))
	FROM pg_class WHERE oid IN ('cache.journal_a'::regclass, 'cache.journal_b'::regclass);
SELECT is_empty($$SELECT FROM pg_index WHERE indrelid IN ('cache.journal_a'::regclass, 'cache.journal_b'::regclass)$$,
	'the journals have no index');
SELECT is(reloptions::text, '{security_barrier=true}', 'cache.dead_letters is a barrier to leaky conditions')
	FROM pg_class WHERE oid = 'cache.dead_letters'::regclass;
SELECT is(reloptions::text, '{security_barrier=true}', 'and so is cache.declared_queries')
	FROM pg_class WHERE oid = 'cache.declared_queries'::regclass;
SELECT is_empty('SELECT * FROM cache.declared_queries', 'with nothing declared cache.declared_queries is empty');
SELECT isnt_empty('SELECT * FROM cache.stats', 'cache.stats has a row');
SELECT is_empty('SELECT * FROM cache.table_stats', 'with nothing attached cache.table_stats is empty');
SELECT is_empty('SELECT * FROM cache.stats_reasons', 'and so is cache.stats_reasons');
SELECT is_empty('SELECT * FROM cache.progress', 'with nothing running cache.progress is empty');
SELECT is_empty('SELECT * FROM cache.flush_status', 'with nothing attached cache.flush_status is empty');
SELECT is_empty('SELECT * FROM cache.dead_letters', 'and so is cache.dead_letters');
SELECT is_empty('SELECT * FROM cache.flush_state', 'and cache.flush_state');
SELECT is_empty('SELECT * FROM cache.space_stats', 'without any keys cache.space_stats is empty for who sees all');

-- ----- triggers -----

SELECT is(tgenabled, 'A'::"char", 'the trigger of cache.binding_store is ENABLE ALWAYS') FROM pg_trigger
	WHERE tgrelid = 'cache.binding_store'::regclass AND tgname = 'bindings_changed';
SELECT is(tgenabled, 'A'::"char", 'that of cache.declared_store is, too') FROM pg_trigger
	WHERE tgrelid = 'cache.declared_store'::regclass AND tgname = 'declared_changed';
SELECT results_eq($$SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
		WHERE tgrelid IN ('cache.spaces'::regclass, 'cache.space_grants'::regclass) AND NOT tgisinternal ORDER BY tgname$$,
	$$VALUES ('cache.space_grants'::regclass, 'grants_changed'::name, 'A'::"char"), ('cache.spaces', 'spaces_changed', 'A'), ('cache.spaces', 'spaces_truncated', 'A')$$,
	'and so are those of spaces and grants');
SELECT results_eq(
	$$SELECT evtevent::text COLLATE "default", evtfoid::regproc::text, evtenabled FROM pg_event_trigger WHERE evtname = 'cache_strategies_drop'$$,
	$$VALUES ('sql_drop', 'cache.tables_dropped', 'A'::"char")$$, 'the event trigger is ENABLE ALWAYS');
SELECT results_eq(
	$$SELECT evtevent::text COLLATE "default", evtfoid::regproc::text, evtenabled, evttags COLLATE "default" FROM pg_event_trigger WHERE evtname = 'cache_strategies_make'$$,
	$$VALUES ('ddl_command_end', 'cache.tables_made', 'A'::"char", '{CREATE TABLE,CREATE TABLE AS,SELECT INTO,ALTER TABLE,ALTER SCHEMA}'::text[])$$, 'and so is that of new tables');

-- What attach() makes, for each strategy.
CREATE TABLE tap.plain (id int PRIMARY KEY, v text);
CREATE FUNCTION tap.triggers() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', tgname, tgenabled,
			regexp_replace(pg_get_triggerdef(oid), '^CREATE TRIGGER \w+ | ON \S+|EXECUTE FUNCTION ', '', 'g')), '; ' ORDER BY tgname)
	FROM pg_trigger WHERE tgrelid = 'tap.plain'::regclass AND NOT tgisinternal $$;
-- where its own triggers do not see an INSERT
CREATE FUNCTION tap.insert_triggers() RETURNS text LANGUAGE sql AS $$
	SELECT 'cache_strategies_track A AFTER INSERT FOR EACH STATEMENT cache.table_changed(); '
		'cache_strategies_track_replica R AFTER INSERT FOR EACH ROW cache.table_changed()' $$;
SELECT cache.attach('tap.plain', 'cache_aside');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER DELETE OR UPDATE FOR EACH ROW cache.row_changed(); ' || tap.insert_triggers(), 'triggers of cache_aside');
SELECT cache.attach('tap.plain', 'read_through');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER DELETE OR UPDATE FOR EACH ROW cache.row_changed(); ' || tap.insert_triggers(), 'triggers of read_through');
SELECT cache.attach('tap.plain', 'read_through', negative_ttl => '1 min');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_changed()',
	'triggers of read_through with absences');
SELECT cache.attach('tap.plain', 'write_through');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_changed()', 'triggers of write_through');
SELECT cache.attach('tap.plain', 'write_around');
SELECT is(tap.triggers(),
	'cache_strategies_delete A AFTER DELETE REFERENCING OLD TABLE AS cs_old FOR EACH STATEMENT cache.rows_changed(); '
	'cache_strategies_replica R AFTER DELETE OR UPDATE FOR EACH ROW cache.row_changed(); '
	|| tap.insert_triggers() || '; '
	'cache_strategies_update A AFTER UPDATE REFERENCING OLD TABLE AS cs_old NEW TABLE AS cs_new FOR EACH STATEMENT cache.rows_changed()',
	'triggers of write_around');
SELECT cache.attach('tap.plain', 'write_around', negative_ttl => '1 min');
SELECT alike(tap.triggers(), '%cache_strategies_insert A AFTER INSERT REFERENCING NEW TABLE AS cs_new FOR EACH STATEMENT%',
	'triggers of write_around with absences');
SELECT is_empty('SELECT * FROM cache.flush_state', 'none of these strategies defers');
SELECT cache.attach('tap.plain', 'write_back');
SELECT is(tap.triggers(),
	'cache_strategies_row A AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_changed(); '
	'cache_strategies_truncate A AFTER TRUNCATE FOR EACH STATEMENT cache.table_truncated(); '
	'zz_cache_strategies_defer A BEFORE INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_deferred()',
	'triggers of write_back');
SELECT results_eq($$SELECT durable, flush_interval, flush_batch, merge FROM cache.bindings WHERE relation = 'tap.plain'::regclass$$,
	$$VALUES (true, NULL::interval, NULL::int, NULL::jsonb)$$, 'write_back is durable unless told otherwise');
SELECT results_eq($$SELECT relation, unclean FROM cache.flush_state$$, $$VALUES ('tap.plain'::regclass, false)$$,
	'a write_back table has its row in cache.flush_state');
SELECT results_eq($$SELECT relation, durable, dirty_entries, dead_letters FROM cache.flush_status$$,
	$$VALUES ('tap.plain'::regclass, true, 0::bigint, 0::bigint)$$, 'and in cache.flush_status');
SELECT cache.attach('tap.plain', 'write_back', durable => false, flush_interval => '250 ms', flush_batch => 500, merge => '{"v": "replace"}');
SELECT results_eq($$SELECT durable, flush_interval, flush_batch, merge FROM cache.bindings WHERE relation = 'tap.plain'::regclass$$,
	$$VALUES (false, '250 ms'::interval, 500, '{"v": "replace"}'::jsonb)$$, 'the options of write_back are kept');
SELECT is(durable, false, 'cache.flush_status follows them') FROM cache.flush_status WHERE relation = 'tap.plain'::regclass;
SELECT throws_ok(format('SELECT cache.attach(%L, %L, %s)', 'tap.plain', 'read_through', option), '22023', NULL,
		format('%s is not for other strategies', option))
	FROM unnest(ARRAY['durable => true', $$flush_interval => '1 s'$$, 'flush_batch => 1', $$merge => '{}'$$]) option;
SELECT throws_ok(format('SELECT cache.attach(%L, %L, %s)', 'tap.plain', 'write_back', option), '22023', NULL, format('%s is refused', option))
	FROM unnest(ARRAY[$$flush_interval => '0'$$, $$flush_interval => '-1 s'$$, 'flush_batch => 0', 'flush_batch => -1',
		$$loader => 'tap.columns'$$]) option;
SELECT cache.attach('tap.plain', 'read_through', negative_ttl => '1 min');
SELECT is(tap.triggers(), 'cache_strategies_row A AFTER INSERT OR DELETE OR UPDATE FOR EACH ROW cache.row_changed()',
	'another strategy after write_back leaves its own triggers only');
SELECT is_empty('SELECT * FROM cache.flush_state', 'and no row in cache.flush_state');
SELECT cache.attach('tap.plain', 'write_back');
SELECT cache.detach('tap.plain');
SELECT is(tap.triggers(), NULL, 'detach() takes them away');
SELECT is_empty('SELECT * FROM cache.flush_state', 'with the row in cache.flush_state');

-- Trigger functions are for triggers only.
SELECT throws_like('SELECT cache.row_changed()', '%must be called as a trigger%', 'cache.row_changed() is no function to call');
SELECT throws_like('SELECT cache.rows_changed()', '%must be called as a trigger%', 'cache.rows_changed() is no function to call');
SELECT throws_like('SELECT cache.row_deferred()', '%must be fired before a row is changed%', 'cache.row_deferred() is no function to call');
SELECT throws_like('SELECT cache.table_truncated()', '%must be fired by TRUNCATE%', 'cache.table_truncated() is no function to call');
SELECT throws_like('SELECT cache.declared_changed()', '%must be called as a trigger%', 'cache.declared_changed() is no function to call');
SELECT throws_like('SELECT cache.bindings_changed()', '%must be called as a trigger%', 'cache.bindings_changed() is no function to call');
SELECT throws_like('SELECT cache.spaces_changed()', '%must be called as a trigger%', 'cache.spaces_changed() is no function to call');
SELECT throws_like('SELECT cache.table_changed()', '%must be%trigger%', 'cache.table_changed() is no function to call');
SELECT throws_like('SELECT cache.tables_dropped()', '%must be called as an event trigger%', 'cache.tables_dropped() is no function to call');
CREATE TRIGGER early BEFORE UPDATE ON tap.plain FOR EACH ROW EXECUTE FUNCTION cache.row_changed();
INSERT INTO tap.plain VALUES (1, 'one');
SELECT throws_like($$UPDATE tap.plain SET v = 'x'$$, '%must be fired after a row is changed%', 'a trigger of the wrong kind says so');
DROP TRIGGER early ON tap.plain;
CREATE TRIGGER every_row AFTER UPDATE ON tap.plain FOR EACH ROW EXECUTE FUNCTION cache.rows_changed();
SELECT throws_like($$UPDATE tap.plain SET v = 'x'$$, '%must be fired after a statement%', 'and so does the other');
DROP TRIGGER every_row ON tap.plain;
CREATE TRIGGER late AFTER UPDATE ON tap.plain FOR EACH ROW EXECUTE FUNCTION cache.row_deferred();
SELECT throws_ok($$UPDATE tap.plain SET v = 'x'$$, '39P01', 'function cache.row_deferred must be fired before a row is changed',
	'and that of write_back for rows');
DROP TRIGGER late ON tap.plain;
CREATE TRIGGER no_truncate AFTER UPDATE ON tap.plain FOR EACH STATEMENT EXECUTE FUNCTION cache.table_truncated();
SELECT throws_ok($$UPDATE tap.plain SET v = 'x'$$, '39P01', 'function cache.table_truncated must be fired by TRUNCATE',
	'and that for TRUNCATE');
DROP TRIGGER no_truncate ON tap.plain;
-- Of the right kind, but on a table that is not attached, they do nothing.
CREATE TRIGGER stray BEFORE INSERT OR UPDATE OR DELETE ON tap.plain FOR EACH ROW EXECUTE FUNCTION cache.row_deferred();
CREATE TRIGGER stray_truncate AFTER TRUNCATE ON tap.plain FOR EACH STATEMENT EXECUTE FUNCTION cache.table_truncated();
SELECT results_eq($$INSERT INTO tap.plain VALUES (2, 'two') RETURNING v$$, $$VALUES ('two')$$, 'a stray trigger lets an INSERT pass');
SELECT results_eq($$UPDATE tap.plain SET v = 'deux' WHERE id = 2 RETURNING v$$, $$VALUES ('deux')$$, 'and an UPDATE');
SELECT results_eq($$DELETE FROM tap.plain WHERE id = 2 RETURNING v$$, $$VALUES ('deux')$$, 'and a DELETE');
SELECT lives_ok('TRUNCATE tap.plain', 'and TRUNCATE');
DROP TRIGGER stray ON tap.plain;
DROP TRIGGER stray_truncate ON tap.plain;

-- ----- settings -----

SELECT bag_eq(
	$$SELECT name, boot_val, unit, context, vartype FROM pg_settings WHERE name LIKE 'cache\_strategies.%'
		AND name NOT LIKE 'cache\_strategies.test%'$$,
	$$VALUES ('cache_strategies.memory', '128', 'MB', 'postmaster', 'integer'),
		('cache_strategies.partitions', '0', NULL, 'postmaster', 'integer'),
		('cache_strategies.entry_size', '64', 'B', 'postmaster', 'integer'),
		('cache_strategies.stripes', '65536', NULL, 'postmaster', 'integer'),
		('cache_strategies.worker_timeout', '10000', 'ms', 'sighup', 'integer'),
		('cache_strategies.audit_rate', '0', NULL, 'sighup', 'integer'),
		('cache_strategies.audit_results', '0', NULL, 'superuser', 'integer'),
		('cache_strategies.saved_keys', '0', NULL, 'sighup', 'integer'),
		('cache_strategies.save_interval', '300', 's', 'sighup', 'integer'),
		('cache_strategies.reload_rate', '1000', NULL, 'sighup', 'integer'),
		('cache_strategies.history_interval', '10', 's', 'sighup', 'integer'),
		('cache_strategies.max_tables', '8192', NULL, 'postmaster', 'integer'),
		('cache_strategies.max_tables_per_role', '-1', NULL, 'sighup', 'integer'),
		('cache_strategies.refresh_queue', '1024', NULL, 'postmaster', 'integer'),
		('cache_strategies.enabled', 'on', NULL, 'user', 'bool'),
		('cache_strategies.bulk_threshold', '10000', NULL, 'user', 'integer'),
		('cache_strategies.plain_reads', 'off', NULL, 'user', 'bool'),
		('cache_strategies.merge_deferred', 'on', NULL, 'user', 'bool'),
		('cache_strategies.results', 'off', NULL, 'user', 'enum'),
		('cache_strategies.results_adapt', 'on', NULL, 'user', 'bool'),
		('cache_strategies.results_min_cost', '100', NULL, 'user', 'real'),
		('cache_strategies.max_result', '1024', 'kB', 'user', 'integer'),
		('cache_strategies.log_min_duration', '-1', 'ms', 'superuser', 'integer'),
		('cache_strategies.trace', 'off', NULL, 'user', 'bool'),
		('cache_strategies.trace_log_sample', '1000', NULL, 'superuser', 'integer'),
		('cache_strategies.trace_log_size', '1000', NULL, 'postmaster', 'integer'),
		('cache_strategies.load_timeout', '5000', 'ms', 'user', 'integer')$$,
	'settings, their defaults and who may change them');
SELECT is_empty($$SELECT name FROM pg_settings WHERE name LIKE 'cache\_strategies.%' AND coalesce(short_desc, '') = ''$$, 'every setting is described');

SELECT * FROM finish();
ROLLBACK;
