-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION cache_strategies" to load this file. \quit

-- The schema is a member of the extension and must not belong to another role: the
-- owner of a schema can create functions and operators in it.
DO $$
BEGIN
	IF to_regnamespace('cache') IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'duplicate_schema',
			MESSAGE = 'schema "cache" already exists',
			DETAIL = 'The extension puts its objects into a schema of that name, which it creates itself.',
			HINT = 'Rename the schema (ALTER SCHEMA cache RENAME TO ...) or drop it, and try again.';
	END IF;
	IF NOT EXISTS (SELECT FROM pg_settings WHERE name = 'cache_strategies.memory') THEN
		RAISE WARNING USING ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'cache_strategies is not loaded, and its functions will fail',
			HINT = 'Add cache_strategies to shared_preload_libraries and restart the server.';
	END IF;
END $$;

CREATE SCHEMA cache;
GRANT USAGE ON SCHEMA cache TO PUBLIC;

-- ----- which tables are cached, and how -----

CREATE TABLE cache.binding_store (
	relation		regclass PRIMARY KEY,
	strategy		text NOT NULL,
	ttl				interval,
	ttl_jitter		real,
	negative_ttl	interval,
	max_memory		bigint,
	loader			text,
	refresh_ahead	real,
	durable			boolean,
	flush_interval	interval,
	flush_batch		integer,
	merge			jsonb,
	settings		text[],
	plain_reads		boolean
);
COMMENT ON TABLE cache.binding_store IS 'tables attached to the cache, with their options; see cache.bindings';
SELECT pg_catalog.pg_extension_config_dump('cache.binding_store', '');
GRANT SELECT ON cache.binding_store TO PUBLIC;

CREATE FUNCTION cache.binding_problem(relation regclass) RETURNS text
AS 'MODULE_PATHNAME', 'cs_binding_problem' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.binding_problem(regclass) IS
'why reads of an attached table bypass the cache, as far as the table itself says so; NULL if they need not';

CREATE VIEW cache.bindings AS
	SELECT b.relation, b.strategy, b.ttl, b.ttl_jitter, b.negative_ttl, b.max_memory, b.loader,
		b.refresh_ahead, b.durable, b.flush_interval, b.flush_batch, b.merge,
		b.settings, b.plain_reads, cache.binding_problem(b.relation) AS problem
	FROM cache.binding_store b;
COMMENT ON VIEW cache.bindings IS 'tables attached to the cache, with their options; changed by cache.attach() and cache.detach()';
COMMENT ON COLUMN cache.bindings.max_memory IS 'bytes';
COMMENT ON COLUMN cache.bindings.loader IS 'signature of the loader function';
COMMENT ON COLUMN cache.bindings.settings IS 'with which the loader function, and the triggers that a flush fires, run';
COMMENT ON COLUMN cache.bindings.plain_reads IS 'whether plain SELECTs by key may be answered from the cache; NULL: as cache_strategies.plain_reads says';
COMMENT ON COLUMN cache.bindings.problem IS 'why reads bypass the cache, as far as the table itself says so; NULL: they need not';
GRANT SELECT ON cache.bindings TO PUBLIC;

-- ----- tables of which results are kept -----

CREATE TABLE cache.tracked (
	relation		regclass PRIMARY KEY,
	by_value		boolean NOT NULL DEFAULT false,
	by_schema		boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE cache.tracked IS 'tables whose changes are noted, for results that were computed from them; changed by cache.track(), cache.track_schema() and cache.untrack()';
COMMENT ON COLUMN cache.tracked.by_value IS 'do row triggers note the values that results depend on?';
COMMENT ON COLUMN cache.tracked.by_schema IS 'is it tracked because its schema is?';
SELECT pg_catalog.pg_extension_config_dump('cache.tracked', '');
GRANT SELECT ON cache.tracked TO PUBLIC;

CREATE TABLE cache.untracked (
	relation		regclass PRIMARY KEY
);
COMMENT ON TABLE cache.untracked IS 'tables whose owners do not want them to be tracked with their schema; changed by cache.untrack() and cache.track()';
SELECT pg_catalog.pg_extension_config_dump('cache.untracked', '');
GRANT SELECT ON cache.untracked TO PUBLIC;

CREATE TABLE cache.tracked_schemas (
	schema			name,
	tracked_by		regrole,
	by_value		boolean NOT NULL DEFAULT false,
	PRIMARY KEY (schema, tracked_by)
);
COMMENT ON TABLE cache.tracked_schemas IS 'schemas whose tables are tracked, as far as a role owns them; changed by cache.track_schema() and cache.untrack_schema()';
-- Roles that are gone have no name, and elsewhere their number may be another's.
SELECT pg_catalog.pg_extension_config_dump('cache.tracked_schemas',
	'WHERE tracked_by IN (SELECT oid FROM pg_catalog.pg_roles)');
GRANT SELECT ON cache.tracked_schemas TO PUBLIC;

-- ----- statements whose results are kept -----

CREATE TABLE cache.declared_store (
	id				bigserial PRIMARY KEY,
	query			text NOT NULL,
	ttl				interval,
	max_age			interval,
	declared_by		regrole NOT NULL,
	search_path		text NOT NULL
);
COMMENT ON TABLE cache.declared_store IS 'statements of cache.declare_query(); see cache.declared_queries';

-- Roles that are gone have no name, and elsewhere their number may be another's.
SELECT pg_catalog.pg_extension_config_dump('cache.declared_store',
	'WHERE declared_by IN (SELECT oid FROM pg_catalog.pg_roles)');
SELECT pg_catalog.pg_extension_config_dump('cache.declared_store_id_seq', '');
GRANT SELECT ON cache.declared_store, cache.declared_store_id_seq TO pg_database_owner;

CREATE FUNCTION cache.declared_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_declared_changed' LANGUAGE C;
COMMENT ON FUNCTION cache.declared_changed() IS 'tells all sessions that declared statements have changed';
REVOKE ALL ON FUNCTION cache.declared_changed() FROM PUBLIC;

CREATE TRIGGER declared_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache.declared_store
	FOR EACH STATEMENT EXECUTE FUNCTION cache.declared_changed();
ALTER TABLE cache.declared_store ENABLE ALWAYS TRIGGER declared_changed;

-- ----- deferred writes -----

CREATE TABLE cache.journal_a (
	stamp			bigint NOT NULL,
	relation		regclass NOT NULL,
	written_for		oid NOT NULL,
	change			bytea
) WITH (autovacuum_enabled = false);
COMMENT ON TABLE cache.journal_a IS 'deferred writes of durable write_back tables: half of the journal';
COMMENT ON COLUMN cache.journal_a.stamp IS 'of the transaction; changes of a row take effect in this order';
COMMENT ON COLUMN cache.journal_a.written_for IS 'oid of the relation when it was written';
COMMENT ON COLUMN cache.journal_a.change IS 'key and changes; NULL: the table was truncated';
CREATE TABLE cache.journal_b (LIKE cache.journal_a INCLUDING COMMENTS) WITH (autovacuum_enabled = false);
COMMENT ON TABLE cache.journal_b IS 'deferred writes of durable write_back tables: the other half of the journal';

CREATE TABLE cache.flush_state (
	relation		regclass PRIMARY KEY,
	flushed			bigint NOT NULL DEFAULT 0,
	unclean			boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE cache.flush_state IS 'how far the journal of each write_back table has been written to it';
COMMENT ON COLUMN cache.flush_state.flushed IS 'journal entries with smaller stamps are in the table';
COMMENT ON COLUMN cache.flush_state.unclean IS 'a volatile table may have had deferred writes when the server stopped';

CREATE TABLE cache.dead_letter_store (
	id				bigserial PRIMARY KEY,
	relation		regclass NOT NULL,
	written_for		oid NOT NULL,
	change			bytea NOT NULL,
	content			jsonb NOT NULL,
	sqlstate		text NOT NULL,
	message			text NOT NULL,
	attempts		integer NOT NULL,
	first_time		timestamptz NOT NULL,
	last_time		timestamptz NOT NULL
);
COMMENT ON TABLE cache.dead_letter_store IS 'deferred writes that their table refused; see cache.dead_letters';

SELECT pg_catalog.pg_extension_config_dump('cache.journal_a', '');
SELECT pg_catalog.pg_extension_config_dump('cache.journal_b', '');
SELECT pg_catalog.pg_extension_config_dump('cache.flush_state', '');
SELECT pg_catalog.pg_extension_config_dump('cache.dead_letter_store', '');
SELECT pg_catalog.pg_extension_config_dump('cache.dead_letter_store_id_seq', '');

-- pg_dump reads them, and the owner of a database may dump it.
GRANT SELECT ON cache.binding_store, cache.journal_a, cache.journal_b, cache.flush_state, cache.dead_letter_store,
	cache.dead_letter_store_id_seq TO pg_database_owner;

CREATE FUNCTION cache.row_deferred() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_row_deferred' LANGUAGE C;
COMMENT ON FUNCTION cache.row_deferred() IS 'row trigger of tables attached with write_back: defers an update, or has it meet deferred ones';

CREATE FUNCTION cache.table_truncated() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_table_truncated' LANGUAGE C;
COMMENT ON FUNCTION cache.table_truncated() IS 'truncate trigger of tables attached with write_back';

CREATE FUNCTION cache.row_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_row_changed' LANGUAGE C;
COMMENT ON FUNCTION cache.row_changed() IS 'row trigger of attached tables';

CREATE FUNCTION cache.rows_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_rows_changed' LANGUAGE C;
COMMENT ON FUNCTION cache.rows_changed() IS 'statement trigger of tables attached with write_around';

CREATE FUNCTION cache.table_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_table_changed' LANGUAGE C;
COMMENT ON FUNCTION cache.table_changed() IS 'row or statement trigger that notes that a table has changed';

CREATE FUNCTION cache.bindings_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_bindings_changed' LANGUAGE C;
COMMENT ON FUNCTION cache.bindings_changed() IS 'tells all sessions that cache.bindings has changed';
REVOKE ALL ON FUNCTION cache.bindings_changed() FROM PUBLIC;

CREATE TRIGGER bindings_changed AFTER INSERT OR UPDATE OR DELETE ON cache.binding_store
	FOR EACH ROW EXECUTE FUNCTION cache.bindings_changed();
ALTER TABLE cache.binding_store ENABLE ALWAYS TRIGGER bindings_changed;

CREATE FUNCTION cache.tables_dropped() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'cs_tables_dropped' LANGUAGE C;
COMMENT ON FUNCTION cache.tables_dropped() IS 'takes dropped tables out of cache.bindings and cache.tracked, and dropped schemas out of cache.tracked_schemas';
REVOKE ALL ON FUNCTION cache.tables_dropped() FROM PUBLIC;

CREATE EVENT TRIGGER cache_strategies_drop ON sql_drop
	EXECUTE FUNCTION cache.tables_dropped();
ALTER EVENT TRIGGER cache_strategies_drop ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER cache_strategies_drop IS 'takes dropped tables out of cache.bindings and cache.tracked';

CREATE FUNCTION cache.tables_made() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'cs_tables_made' LANGUAGE C;
COMMENT ON FUNCTION cache.tables_made() IS 'tracks tables that come to a schema of cache.tracked_schemas';
REVOKE ALL ON FUNCTION cache.tables_made() FROM PUBLIC;

CREATE EVENT TRIGGER cache_strategies_make ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'ALTER SCHEMA')
	EXECUTE FUNCTION cache.tables_made();
ALTER EVENT TRIGGER cache_strategies_make ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER cache_strategies_make IS 'tracks tables that come to a schema of cache.tracked_schemas';

-- ----- spaces of keys and values -----

CREATE SEQUENCE cache.space_ids MINVALUE 16384 MAXVALUE 4294967295;

CREATE TABLE cache.spaces (
	id				oid PRIMARY KEY DEFAULT pg_catalog.nextval('cache.space_ids'::pg_catalog.regclass)::pg_catalog.oid,
	name			text NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 63 AND name NOT LIKE '(%'),
	owner			regrole NOT NULL,
	ttl				interval,
	max_memory		bigint
);
COMMENT ON TABLE cache.spaces IS 'spaces of keys; changed by cache.create_space(), cache.alter_space() and cache.drop_space()';
COMMENT ON COLUMN cache.spaces.ttl IS 'how long keys live unless told otherwise; NULL: until they are removed';
COMMENT ON COLUMN cache.spaces.max_memory IS 'bytes; NULL: no limit of its own';
ALTER SEQUENCE cache.space_ids OWNED BY cache.spaces.id;

CREATE TABLE cache.space_grants (
	space			oid REFERENCES cache.spaces ON DELETE CASCADE,
	role			regrole,
	can_read		boolean NOT NULL,
	can_write		boolean NOT NULL,
	PRIMARY KEY (space, role)
);
COMMENT ON TABLE cache.space_grants IS 'who else may use a space; changed by cache.grant_space() and cache.revoke_space()';
COMMENT ON COLUMN cache.space_grants.role IS '-: every role (PUBLIC)';

SELECT pg_catalog.pg_extension_config_dump('cache.space_ids', '');
-- Roles that are gone have no name, and elsewhere their number may be another's.
SELECT pg_catalog.pg_extension_config_dump('cache.spaces',
	'WHERE owner IN (SELECT oid FROM pg_catalog.pg_roles)');
SELECT pg_catalog.pg_extension_config_dump('cache.space_grants',
	'WHERE (role = 0 OR role IN (SELECT oid FROM pg_catalog.pg_roles))
	AND space IN (SELECT id FROM cache.spaces WHERE owner IN (SELECT oid FROM pg_catalog.pg_roles))');

GRANT SELECT ON cache.space_ids, cache.spaces, cache.space_grants TO pg_database_owner;

CREATE FUNCTION cache.spaces_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'cs_spaces_changed' LANGUAGE C;
COMMENT ON FUNCTION cache.spaces_changed() IS 'tells all sessions that spaces have changed, and drops the keys of those that are gone';
REVOKE ALL ON FUNCTION cache.spaces_changed() FROM PUBLIC;

CREATE TRIGGER spaces_changed AFTER INSERT OR UPDATE OR DELETE ON cache.spaces
	FOR EACH ROW EXECUTE FUNCTION cache.spaces_changed();
CREATE TRIGGER spaces_truncated AFTER TRUNCATE ON cache.spaces
	FOR EACH STATEMENT EXECUTE FUNCTION cache.spaces_changed();
CREATE TRIGGER grants_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache.space_grants
	FOR EACH STATEMENT EXECUTE FUNCTION cache.spaces_changed();
ALTER TABLE cache.spaces ENABLE ALWAYS TRIGGER spaces_changed;
ALTER TABLE cache.spaces ENABLE ALWAYS TRIGGER spaces_truncated;
ALTER TABLE cache.space_grants ENABLE ALWAYS TRIGGER grants_changed;

-- ----- attaching -----

CREATE FUNCTION cache.attach(relation regclass, strategy text DEFAULT 'cache_aside',
	ttl "any" DEFAULT NULL, ttl_jitter real DEFAULT NULL,
	negative_ttl "any" DEFAULT NULL, max_memory text DEFAULT NULL,
	loader regproc DEFAULT NULL, refresh_ahead real DEFAULT NULL,
	durable boolean DEFAULT NULL, flush_interval "any" DEFAULT NULL,
	flush_batch integer DEFAULT NULL, merge jsonb DEFAULT NULL,
	plain_reads boolean DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'cs_attach' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.attach(regclass, text, "any", real, "any", text, regproc, real,
	boolean, "any", integer, jsonb, boolean) IS
'cache a table with the given strategy, or change the options of a cached one';

CREATE FUNCTION cache.detach(relation regclass, discard boolean DEFAULT false) RETURNS void
AS 'MODULE_PATHNAME', 'cs_detach' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.detach(regclass, boolean) IS
'stop caching a table; its deferred writes are written to it before, or thrown away';

CREATE FUNCTION cache.repair(relation regclass) RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_repair' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.repair(regclass) IS
'put the triggers of an attached or tracked table in force again; was that needed?';

CREATE FUNCTION cache.track(relation regclass, by_value boolean DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'cs_track' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.track(regclass, boolean) IS
'note every change of a table, so that results computed from it can be kept; attached tables do that anyway';

CREATE FUNCTION cache.untrack(relation regclass) RETURNS void
AS 'MODULE_PATHNAME', 'cs_untrack' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.untrack(regclass) IS 'undo cache.track(); the table is not tracked with its schema either';

CREATE FUNCTION cache.track_schema(schema regnamespace, by_value boolean DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_track_schema' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.track_schema(regnamespace, boolean) IS
'track all tables of a schema that the caller owns, and those to come; returns how many there are';

CREATE FUNCTION cache.untrack_schema(schema regnamespace) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_untrack_schema' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.untrack_schema(regnamespace) IS
'undo cache.track_schema(), for tables that were not tracked by themselves; returns how many there were';

-- ----- reading -----

CREATE FUNCTION cache.plan_support(internal) RETURNS internal
AS 'MODULE_PATHNAME', 'cs_plan_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cache.plan_support(internal) IS
'makes plans depend on the table that a function''s first argument names by its row type';

CREATE FUNCTION cache.read(row_type anycompatible, VARIADIC key "any") RETURNS anycompatible
AS 'MODULE_PATHNAME', 'cs_read' LANGUAGE C STABLE PARALLEL RESTRICTED
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.read(anycompatible, "any") IS
'the row with this primary key, from the cache if it is there';

CREATE FUNCTION cache.read_row(row_type anycompatible, VARIADIC key "any") RETURNS SETOF anycompatible
AS 'MODULE_PATHNAME', 'cs_read_row' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 1
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.read_row(anycompatible, "any") IS
'the row with this primary key, as cache.read() returns it; no row if there is none';

-- without a key: says what is missing
CREATE FUNCTION cache.read(row_type anycompatible) RETURNS anycompatible
AS 'MODULE_PATHNAME', 'cs_read_without_key' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.read(anycompatible) IS
'an error that says how cache.read() is called';

CREATE FUNCTION cache.read_many(row_type anycompatible, keys "any") RETURNS SETOF anycompatible
AS 'MODULE_PATHNAME', 'cs_read_many' LANGUAGE C STABLE PARALLEL RESTRICTED
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.read_many(anycompatible, "any") IS
'the rows with these primary keys, in the order of the array';

CREATE FUNCTION cache.lookup(row_type anycompatible, VARIADIC key "any") RETURNS anycompatible
AS 'MODULE_PATHNAME', 'cs_lookup' LANGUAGE C VOLATILE PARALLEL RESTRICTED
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.lookup(anycompatible, "any") IS
'the row with this primary key if the cache has it; on a miss NULL, and a lease for cache.fill()';

CREATE FUNCTION cache.fill(row_value anycompatible) RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_fill' LANGUAGE C VOLATILE PARALLEL RESTRICTED
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.fill(anycompatible) IS
'put a row into the cache after a lookup that missed; false if it is not, or no longer, what the table holds';

CREATE FUNCTION cache.warm(relation regclass, max_rows bigint DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_warm' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.warm(regclass, bigint) IS 'load rows of a table into the cache; returns how many';

-- ----- writing -----

CREATE FUNCTION cache.write(row_value anycompatible) RETURNS anycompatible
AS 'MODULE_PATHNAME', 'cs_write' LANGUAGE C VOLATILE PARALLEL UNSAFE
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.write(anycompatible) IS
'insert the row, or update the one with the same primary key; returns it as stored';

-- what other caches call write()
CREATE FUNCTION cache.write(key text, value anycompatible) RETURNS anycompatible
AS 'MODULE_PATHNAME', 'cs_write_key' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.write(text, anycompatible) IS
'an error that says what to use instead';

CREATE FUNCTION cache.remove(row_type anycompatible, VARIADIC key "any") RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_remove' LANGUAGE C VOLATILE PARALLEL UNSAFE
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.remove(anycompatible, "any") IS
'delete the row with this primary key; was there one?';

CREATE FUNCTION cache.increment(row_type anycompatible, column_name name, delta numeric, VARIADIC key "any") RETURNS numeric
AS 'MODULE_PATHNAME', 'cs_increment' LANGUAGE C VOLATILE PARALLEL UNSAFE
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.increment(anycompatible, name, numeric, "any") IS
'add to a column of the row with this primary key; returns the new value, NULL if there is no such row';

CREATE FUNCTION cache.increment(insert anycompatible, column_name name, delta numeric) RETURNS numeric
AS 'MODULE_PATHNAME', 'cs_increment_or_insert' LANGUAGE C VOLATILE PARALLEL UNSAFE
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.increment(anycompatible, name, numeric) IS
'add to a column of the row with the primary key of this one, which is inserted first if there is none; returns the new value';

CREATE FUNCTION cache.flush(relation regclass DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_flush' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.flush(regclass) IS
'write deferred writes of a table, or of all tables of which one is the owner, to it now; returns how many rows were written';

CREATE FUNCTION cache.scan(row_type anycompatible) RETURNS SETOF anycompatible
AS 'MODULE_PATHNAME', 'cs_scan' LANGUAGE C VOLATILE PARALLEL UNSAFE
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.scan(anycompatible) IS
'all rows of a table, with its deferred writes';

CREATE FUNCTION cache.requeue(relation regclass DEFAULT NULL, id bigint DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_requeue' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.requeue(regclass, bigint) IS
'try again to write dead letters to their table; returns how many were';

CREATE FUNCTION cache.discard(relation regclass DEFAULT NULL, id bigint DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_discard' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.discard(regclass, bigint) IS
'throw dead letters away; returns how many';

CREATE FUNCTION cache.invalidate(relation regclass) RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_invalidate_table' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.invalidate(regclass) IS 'drop all entries of a table; false if it can have none';

CREATE FUNCTION cache.invalidate(row_type anycompatible, VARIADIC key "any") RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_invalidate_row' LANGUAGE C VOLATILE PARALLEL UNSAFE
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.invalidate(anycompatible, "any") IS
'drop the entry of one key; was there one?';

-- ----- keys and values -----

CREATE FUNCTION cache.set(key text, value anycompatible, ttl "any" DEFAULT NULL,
	if_absent boolean DEFAULT false, if_present boolean DEFAULT false,
	keep_ttl boolean DEFAULT false, tags text[] DEFAULT NULL, space text DEFAULT NULL,
	immediate boolean DEFAULT false, best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_set' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.set(text, anycompatible, "any", boolean, boolean, boolean, text[], text, boolean, boolean) IS
'put a value under a key; was it put?';

CREATE FUNCTION cache.set_jsonb(key text, value jsonb, ttl "any" DEFAULT NULL,
	if_absent boolean DEFAULT false, if_present boolean DEFAULT false,
	keep_ttl boolean DEFAULT false, tags text[] DEFAULT NULL, space text DEFAULT NULL,
	immediate boolean DEFAULT false, best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_set' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.set_jsonb(text, jsonb, "any", boolean, boolean, boolean, text[], text, boolean, boolean) IS
'put a value under a key, as jsonb; was it put?';

CREATE FUNCTION cache.set_bytea(key text, value bytea, ttl "any" DEFAULT NULL,
	if_absent boolean DEFAULT false, if_present boolean DEFAULT false,
	keep_ttl boolean DEFAULT false, tags text[] DEFAULT NULL, space text DEFAULT NULL,
	immediate boolean DEFAULT false, best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_set' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.set_bytea(text, bytea, "any", boolean, boolean, boolean, text[], text, boolean, boolean) IS
'put a value under a key, as bytea; was it put?';

CREATE FUNCTION cache.add(key text, value anycompatible, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_add' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.add(text, anycompatible, "any", text[], text, boolean, boolean) IS
'put a value under a key that has none; was it put?';

CREATE FUNCTION cache.add_jsonb(key text, value jsonb, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_add' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.add_jsonb(text, jsonb, "any", text[], text, boolean, boolean) IS
'put a value under a key that has none, as jsonb; was it put?';

CREATE FUNCTION cache.add_bytea(key text, value bytea, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_add' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.add_bytea(text, bytea, "any", text[], text, boolean, boolean) IS
'put a value under a key that has none, as bytea; was it put?';

CREATE FUNCTION cache.replace(key text, value anycompatible, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_replace' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.replace(text, anycompatible, "any", text[], text, boolean, boolean) IS
'put a value under a key that has one; was it put?';

CREATE FUNCTION cache.replace_jsonb(key text, value jsonb, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_replace' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.replace_jsonb(text, jsonb, "any", text[], text, boolean, boolean) IS
'put a value under a key that has one, as jsonb; was it put?';

CREATE FUNCTION cache.replace_bytea(key text, value bytea, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_replace' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.replace_bytea(text, bytea, "any", text[], text, boolean, boolean) IS
'put a value under a key that has one, as bytea; was it put?';

CREATE FUNCTION cache.set_many(keys text[], "values" anycompatiblearray, ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_set_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.set_many(text[], anycompatiblearray, "any", text[], text, boolean, boolean) IS
'put many values; returns under how many keys';

CREATE FUNCTION cache.set_many_jsonb(keys text[], "values" jsonb[], ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_set_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.set_many_jsonb(text[], jsonb[], "any", text[], text, boolean, boolean) IS
'put many values, as jsonb; returns under how many keys';

CREATE FUNCTION cache.set_many_bytea(keys text[], "values" bytea[], ttl "any" DEFAULT NULL,
	tags text[] DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false,
	best_effort boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_set_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.set_many_bytea(text[], bytea[], "any", text[], text, boolean, boolean) IS
'put many values, as bytea; returns under how many keys';

CREATE FUNCTION cache.get(key text, space text DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'cs_get' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.get(text, text) IS 'the value of a key; NULL if there is none';

CREATE FUNCTION cache.get_jsonb(key text, space text DEFAULT NULL) RETURNS jsonb
AS 'MODULE_PATHNAME', 'cs_get' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.get_jsonb(text, text) IS 'the value of a key, as jsonb; NULL if there is none';

CREATE FUNCTION cache.get_bytea(key text, space text DEFAULT NULL) RETURNS bytea
AS 'MODULE_PATHNAME', 'cs_get' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.get_bytea(text, text) IS 'the value of a key, as bytea; NULL if there is none';

CREATE FUNCTION cache.get_many(keys text[], space text DEFAULT NULL, OUT key text, OUT value text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_get_many' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.get_many(text[], text) IS
'the values of those keys that have one, in the order of the array';

CREATE FUNCTION cache.get_many_jsonb(keys text[], space text DEFAULT NULL, OUT key text, OUT value jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_get_many' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.get_many_jsonb(text[], text) IS
'the values of those keys that have one, as jsonb, in the order of the array';

CREATE FUNCTION cache.get_many_bytea(keys text[], space text DEFAULT NULL, OUT key text, OUT value bytea)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_get_many' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.get_many_bytea(text[], text) IS
'the values of those keys that have one, as bytea, in the order of the array';

CREATE FUNCTION cache.exists(key text, space text DEFAULT NULL) RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_exists' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.exists(text, text) IS 'has the key a value?';

CREATE FUNCTION cache.ttl(key text, space text DEFAULT NULL) RETURNS interval
AS 'MODULE_PATHNAME', 'cs_ttl' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.ttl(text, text) IS
'how long the value will be there; NULL if for ever, or if there is none';

CREATE FUNCTION cache.ttl_ms(key text, space text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_ttl_ms' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.ttl_ms(text, text) IS
'how many milliseconds the value will be there; -1 if for ever, -2 if there is none';

CREATE FUNCTION cache.keys(prefix text DEFAULT '', after text DEFAULT NULL, count bigint DEFAULT NULL,
	space text DEFAULT NULL)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'cs_keys' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.keys(text, text, bigint, text) IS
'the keys that begin with prefix, in the order of their bytes: those that follow after, count at most';

CREATE FUNCTION cache.scan_keys(cursor bigint DEFAULT 0, prefix text DEFAULT '', count bigint DEFAULT 1000,
	space text DEFAULT NULL, OUT next_cursor bigint, OUT keys text[])
AS 'MODULE_PATHNAME', 'cs_scan_keys' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.scan_keys(bigint, text, bigint, text) IS
'some of the keys that begin with prefix, and the cursor to go on with; 0 to begin, and at the end';

CREATE FUNCTION cache.delete(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_delete' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.delete(text, text, boolean) IS 'remove a key; was there one?';

CREATE FUNCTION cache.delete_many(keys text[], space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_delete_many' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.delete_many(text[], text, boolean) IS
'remove many keys; returns how many there were';

CREATE FUNCTION cache.delete_prefix(prefix text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_delete_prefix' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.delete_prefix(text, text, boolean) IS
'remove the keys that begin like that; returns how many there were';

CREATE FUNCTION cache.get_and_delete(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS text
AS 'MODULE_PATHNAME', 'cs_get_and_delete' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.get_and_delete(text, text, boolean) IS
'remove a key, and return its value; NULL if there is none';

CREATE FUNCTION cache.get_and_delete_jsonb(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'cs_get_and_delete' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.get_and_delete_jsonb(text, text, boolean) IS
'remove a key, and return its value, as jsonb; NULL if there is none';

CREATE FUNCTION cache.get_and_delete_bytea(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS bytea
AS 'MODULE_PATHNAME', 'cs_get_and_delete' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.get_and_delete_bytea(text, text, boolean) IS
'remove a key, and return its value, as bytea; NULL if there is none';

CREATE FUNCTION cache.compare_and_set(key text, expected anycompatible, value anycompatible,
	ttl "any" DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_compare_and_set' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.compare_and_set(text, anycompatible, anycompatible, "any", text, boolean) IS
'put a value if the present one is as expected, NULL standing for none; was it?';

CREATE FUNCTION cache.compare_and_set_jsonb(key text, expected jsonb, value jsonb,
	ttl "any" DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_compare_and_set' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.compare_and_set_jsonb(text, jsonb, jsonb, "any", text, boolean) IS
'put a value, as jsonb if the present one is as expected, NULL standing for none; was it?';

CREATE FUNCTION cache.compare_and_set_bytea(key text, expected bytea, value bytea,
	ttl "any" DEFAULT NULL, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_compare_and_set' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.compare_and_set_bytea(text, bytea, bytea, "any", text, boolean) IS
'put a value, as bytea if the present one is as expected, NULL standing for none; was it?';

CREATE FUNCTION cache.incr(key text, delta "any" DEFAULT 1, ttl "any" DEFAULT NULL,
	space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_incr' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.incr(text, "any", "any", text, boolean) IS
'add to a number, which begins at 0; returns the new one';

CREATE FUNCTION cache.incr_numeric(key text, delta "any" DEFAULT 1, ttl "any" DEFAULT NULL,
	space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS numeric
AS 'MODULE_PATHNAME', 'cs_incr_numeric' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.incr_numeric(text, "any", "any", text, boolean) IS
'add to a number with digits after the point, which begins at 0; returns the new one';

CREATE FUNCTION cache.expire(key text, ttl "any", space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_expire' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.expire(text, "any", text, boolean) IS
'have a value expire after that time; was there one?';

CREATE FUNCTION cache.persist(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_persist' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.persist(text, text, boolean) IS 'have a value never expire; was there one?';

CREATE FUNCTION cache.touch(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_touch' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.touch(text, text, boolean) IS
'have a value expire after the time that it was last given, from now; was there one?';

CREATE FUNCTION cache.invalidate_tag(tag text, space text DEFAULT NULL, immediate boolean DEFAULT false)
RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_invalidate_tag' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.invalidate_tag(text, text, boolean) IS
'drop all values that have been put with this tag; was there one?';

-- ----- spaces -----

CREATE FUNCTION cache.create_space(name text, ttl "any" DEFAULT NULL, max_memory text DEFAULT NULL,
	owner text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'cs_create_space' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.create_space(text, "any", text, text) IS
'make a space for keys, with what they get unless told otherwise';

CREATE FUNCTION cache.alter_space(name text, ttl "any", max_memory text, owner text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'cs_alter_space' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.alter_space(text, "any", text, text) IS 'set the options of a space anew, or give it to another role';

CREATE FUNCTION cache.drop_space(name text, if_exists boolean DEFAULT false) RETURNS void
AS 'MODULE_PATHNAME', 'cs_drop_space' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.drop_space(text, boolean) IS 'remove a space with all of its keys';

CREATE FUNCTION cache.grant_space(name text, role text, read boolean DEFAULT true, write boolean DEFAULT true)
RETURNS void
AS 'MODULE_PATHNAME', 'cs_grant_space' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.grant_space(text, text, boolean, boolean) IS
'let a role, or public, read and write the keys of a space; in place of what it was granted before';

CREATE FUNCTION cache.revoke_space(name text, role text) RETURNS void
AS 'MODULE_PATHNAME', 'cs_revoke_space' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.revoke_space(text, text) IS
'take from a role, or public, what it was granted on a space';

-- ----- watching -----

CREATE FUNCTION cache.explain(row_type anycompatible, VARIADIC key "any",
	OUT outcome text, OUT reason text, OUT strategy text, OUT bytes bigint, OUT expires timestamptz)
AS 'MODULE_PATHNAME', 'cs_explain' LANGUAGE C VOLATILE PARALLEL RESTRICTED
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.explain(anycompatible, "any") IS
'how cache.read() would answer now, and why';

CREATE FUNCTION cache.tracking(relation regclass,
	OUT state text, OUT reason text, OUT changes bigint)
AS 'MODULE_PATHNAME', 'cs_tracking' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.tracking(regclass) IS
'are all changes of a table noted, and if not, why; the number of changes says whether there has been one';

CREATE FUNCTION cache.watched_columns(relation regclass,
	OUT column_name name, OUT settled boolean) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_watched_columns' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.watched_columns(regclass) IS
'the columns of a table whose values are noted, since results depend on them';

CREATE FUNCTION cache.store_info(OUT memory bigint, OUT value_memory bigint, OUT partitions integer,
	OUT max_value bigint, OUT entries bigint, OUT bytes bigint, OUT evictions bigint,
	OUT evictions_unread bigint, OUT expirations bigint, OUT dead_bytes bigint,
	OUT dirty_entries bigint, OUT dirty_bytes bigint,
	OUT tables integer, OUT slots_used integer, OUT slots_total integer, OUT fills_wait_for xid8,
	OUT hits bigint, OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint,
	OUT fills bigint, OUT fills_refused bigint, OUT fills_no_room bigint,
	OUT loads bigint, OUT load_ms double precision,
	OUT waits bigint, OUT wait_ms double precision, OUT waits_in_vain bigint,
	OUT publishes bigint, OUT invalidations bigint, OUT table_invalidations bigint, OUT refreshes bigint,
	OUT stats_reset timestamptz)
AS 'MODULE_PATHNAME', 'cs_store_info_row' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.store_info() IS 'size and contents of the store; see cache.stats';

CREATE FUNCTION cache.table_counters(OUT relation oid, OUT state text,
	OUT entries bigint, OUT bytes bigint, OUT evictions bigint,
	OUT evictions_unread bigint, OUT expirations bigint,
	OUT hits bigint, OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint,
	OUT fills bigint, OUT fills_refused bigint, OUT fills_no_room bigint,
	OUT loads bigint, OUT load_ms double precision,
	OUT waits bigint, OUT wait_ms double precision, OUT waits_in_vain bigint,
	OUT publishes bigint, OUT invalidations bigint, OUT table_invalidations bigint, OUT refreshes bigint,
	OUT fills_wait_for xid8, OUT stats_reset timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_table_counters' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.table_counters() IS 'what happened to each table of this database; see cache.table_stats';

CREATE FUNCTION cache.warm_progress(OUT pid integer, OUT relation oid, OUT phase text,
	OUT rows_total bigint, OUT rows_done bigint, OUT rows_filled bigint, OUT started timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_warm_progress' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.warm_progress() IS 'running calls of cache.warm() and cache.verify() in this database; see cache.progress';

CREATE FUNCTION cache.verify(relation regclass,
	OUT entries bigint, OUT verified bigint, OUT mismatched bigint, OUT skipped bigint, OUT reasons jsonb)
AS 'MODULE_PATHNAME', 'cs_verify' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.verify(regclass) IS
'compare all cached rows of a table with the table; how many were the same, were not, or were skipped, and why';

CREATE FUNCTION cache.audit_counters(OUT kind text, OUT outcome text, OUT reason text, OUT entries bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_audit_counters' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.audit_counters() IS 'outcomes of comparisons of what is cached; see cache.audit_stats';

CREATE FUNCTION cache.stats_reset() RETURNS void
AS 'MODULE_PATHNAME', 'cs_stats_reset' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.stats_reset() IS 'set the counters of this database''s tables to zero';
REVOKE ALL ON FUNCTION cache.stats_reset() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache.stats_reset() TO pg_monitor;

CREATE FUNCTION cache.stats_reset_shared() RETURNS void
AS 'MODULE_PATHNAME', 'cs_stats_reset_shared' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.stats_reset_shared() IS 'let the sums over all databases in cache.stats, and cache.latency, begin at zero';
REVOKE ALL ON FUNCTION cache.stats_reset_shared() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cache.stats_reset_shared() TO pg_monitor;

CREATE VIEW cache.table_stats AS
	SELECT b.relation, b.strategy, c.state, c.entries, c.bytes,
		c.evictions, c.evictions_unread, c.expirations,
		c.hits, c.absent_hits, c.misses, c.bypasses,
		round((c.hits + c.absent_hits)::numeric
			/ nullif(c.hits + c.absent_hits + c.misses + c.bypasses, 0), 4) AS hit_ratio,
		c.fills, c.fills_refused, c.fills_no_room, c.loads, c.load_ms,
		c.waits, c.wait_ms, c.waits_in_vain,
		c.publishes, c.invalidations, c.table_invalidations, c.refreshes, c.fills_wait_for, c.stats_reset
	FROM cache.binding_store b LEFT JOIN cache.table_counters() c ON c.relation = b.relation;
COMMENT ON VIEW cache.table_stats IS 'what the cache did for each attached table of this database';
GRANT SELECT ON cache.table_stats TO PUBLIC;

CREATE FUNCTION cache.space_counters(OUT space text, OUT owner regrole, OUT entries bigint,
	OUT bytes bigint, OUT max_memory bigint, OUT ttl interval, OUT hits bigint, OUT misses bigint,
	OUT sets bigint, OUT evictions bigint, OUT evictions_unread bigint, OUT expirations bigint,
	OUT bypasses bigint, OUT refused bigint, OUT no_room bigint, OUT waits bigint, OUT stats_reset timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_space_counters' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.space_counters() IS 'what happened to the spaces that one may read; see cache.space_stats';

CREATE VIEW cache.space_stats AS SELECT * FROM cache.space_counters();
COMMENT ON VIEW cache.space_stats IS 'what the cache did for the spaces of this database that one may read, and for one''s private one; for all spaces if one may read all statistics';
GRANT SELECT ON cache.space_stats TO PUBLIC;

CREATE FUNCTION cache.reason_counters(OUT relation regclass, OUT space text, OUT owner regrole,
	OUT event text, OUT reason text, OUT count bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_reason_counters' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.reason_counters() IS 'misses, bypasses and refused fills by reason; see cache.stats_reasons';

CREATE VIEW cache.stats_reasons AS SELECT * FROM cache.reason_counters();
COMMENT ON VIEW cache.stats_reasons IS 'why reads missed or left the cache out, and why loaded rows, values and results were not kept, for each table of this database and each space that one may read';
GRANT SELECT ON cache.stats_reasons TO PUBLIC;

CREATE VIEW cache.stats AS SELECT * FROM cache.store_info();
COMMENT ON VIEW cache.stats IS 'size and contents of the store, over all databases';
GRANT SELECT ON cache.stats TO PUBLIC;

CREATE FUNCTION cache.latency_counters(OUT kind text, OUT operation text, OUT timed bigint,
	OUT total_ms double precision, OUT mean_ms double precision, OUT p50_ms double precision,
	OUT p95_ms double precision, OUT p99_ms double precision, OUT p999_ms double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_latency_counters' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.latency_counters() IS 'how long operations take; see cache.latency';

CREATE VIEW cache.latency AS SELECT * FROM cache.latency_counters();
COMMENT ON VIEW cache.latency IS 'how long hits, misses, loads, writes and flushes take, over all databases';
COMMENT ON COLUMN cache.latency.timed IS 'how many were timed: of hits, and of writes of keys, one in 64 on average';
GRANT SELECT ON cache.latency TO PUBLIC;

CREATE FUNCTION cache.latency_buckets(OUT kind text, OUT operation text, OUT below_ms double precision,
	OUT count bigint, OUT cumulative bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_latency_buckets' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.latency_buckets() IS 'histograms of how long operations take; see cache.latency_histogram';

CREATE VIEW cache.latency_histogram AS SELECT * FROM cache.latency_buckets();
COMMENT ON VIEW cache.latency_histogram IS 'histograms of how long operations take, over all databases; the bounds never change';
GRANT SELECT ON cache.latency_histogram TO PUBLIC;

CREATE FUNCTION cache.history_samples(OUT "time" timestamptz, OUT seconds double precision, OUT reads bigint,
	OUT hit_ratio double precision, OUT entries bigint, OUT bytes bigint, OUT evictions bigint,
	OUT evictions_unread bigint, OUT expirations bigint, OUT dead_bytes bigint,
	OUT dirty_entries bigint, OUT dirty_bytes bigint,
	OUT hits bigint, OUT absent_hits bigint, OUT misses bigint, OUT bypasses bigint,
	OUT fills bigint, OUT fills_refused bigint, OUT fills_no_room bigint,
	OUT loads bigint, OUT load_ms double precision,
	OUT waits bigint, OUT wait_ms double precision, OUT waits_in_vain bigint,
	OUT publishes bigint, OUT invalidations bigint, OUT table_invalidations bigint, OUT refreshes bigint,
	OUT stats_reset timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_history_samples' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.history_samples() IS 'samples of the counters, oldest first; see cache.history';

CREATE VIEW cache.history AS
	SELECT "time", seconds, reads, round(hit_ratio::numeric, 4) AS hit_ratio, entries, bytes, evictions,
		evictions_unread, expirations, dead_bytes, dirty_entries, dirty_bytes,
		hits, absent_hits, misses, bypasses, fills, fills_refused, fills_no_room, loads, load_ms,
		waits, wait_ms, waits_in_vain, publishes, invalidations, table_invalidations, refreshes, stats_reset
	FROM cache.history_samples();
COMMENT ON VIEW cache.history IS 'samples of cache.stats, one every cache_strategies.history_interval, oldest first';
COMMENT ON COLUMN cache.history.seconds IS 'since the sample before';
COMMENT ON COLUMN cache.history.reads IS 'in this time';
COMMENT ON COLUMN cache.history.hit_ratio IS 'of these reads';
GRANT SELECT ON cache.history TO PUBLIC;

CREATE FUNCTION cache.dashboard(OUT item text, OUT value text, OUT detail text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_dashboard' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.dashboard() IS 'what happened over all databases since the session''s last call, for \watch';

CREATE FUNCTION cache.report() RETURNS text
AS 'MODULE_PATHNAME', 'cs_report' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.report() IS 'what the views show, as one page of HTML';

CREATE FUNCTION cache.trace_entries(OUT number bigint, OUT "time" timestamptz, OUT pid integer,
	OUT database oid, OUT role oid, OUT strategy text, OUT object text, OUT key text,
	OUT operation text, OUT outcome text, OUT reason text, OUT took_ms double precision)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_trace_entries' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.trace_entries() IS 'operations of all sessions; see cache.trace_log';
REVOKE ALL ON FUNCTION cache.trace_entries() FROM PUBLIC;

CREATE VIEW cache.trace_log AS
	SELECT t.number, t."time", t.pid, d.datname AS database, t.role::regrole AS role, t.strategy, t.object, t.key,
		t.operation, t.outcome, t.reason, t.took_ms
	FROM cache.trace_entries() t LEFT JOIN pg_catalog.pg_database d ON d.oid = t.database
	ORDER BY t.number;
COMMENT ON VIEW cache.trace_log IS 'the last operations of all sessions, of which one in cache_strategies.trace_log_sample is noted; for superusers';

CREATE FUNCTION cache.memory_predictions(OUT relation oid, OUT space text, OUT memory bigint,
	OUT hit_ratio double precision, OUT reads bigint, OUT sampled bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_memory_advice' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.memory_predictions() IS 'hit ratios with less memory and with more; see cache.memory_advice';

CREATE VIEW cache.memory_advice AS
	SELECT relation::regclass AS relation, space, memory,
		memory::double precision * 4 / max(memory) OVER () AS factor,
		round(hit_ratio::numeric, 4) AS hit_ratio, reads, sampled
	FROM cache.memory_predictions();
COMMENT ON VIEW cache.memory_advice IS 'predicted hit ratios if cache_strategies.memory were another: in total, where relation and space are NULL, and of tables and spaces';
COMMENT ON COLUMN cache.memory_advice.factor IS 'to the memory that the server has';
COMMENT ON COLUMN cache.memory_advice.sampled IS 'reads of sampled keys, on which the prediction rests';
GRANT SELECT ON cache.memory_advice TO PUBLIC;

CREATE FUNCTION cache.advise(relation regclass, OUT "table" regclass, OUT attached text,
	OUT strategy text, OUT ttl interval, OUT memory bigint, OUT saved_ms double precision,
	OUT saving double precision, OUT reads bigint, OUT writes bigint, OUT rows bigint, OUT row_bytes bigint,
	OUT direct_us double precision, OUT hit_us double precision, OUT miss_us double precision,
	OUT change_us double precision, OUT break_even double precision, OUT hit_ratio double precision,
	OUT hit_ratio_is text, OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_advise' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.advise(regclass) IS 'whether caching the table by key pays, with which strategy, and the arithmetic behind it';

CREATE FUNCTION cache.advise(OUT "table" regclass, OUT attached text,
	OUT strategy text, OUT ttl interval, OUT memory bigint, OUT saved_ms double precision,
	OUT saving double precision, OUT reads bigint, OUT writes bigint, OUT rows bigint, OUT row_bytes bigint,
	OUT direct_us double precision, OUT hit_us double precision, OUT miss_us double precision,
	OUT change_us double precision, OUT break_even double precision, OUT hit_ratio double precision,
	OUT hit_ratio_is text, OUT reason text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_advise_all' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.advise() IS 'the same of all tables that one may read, those first whose caching saves most';

CREATE VIEW cache.progress AS
	SELECT pid, relation::regclass AS relation, phase, rows_total, rows_done, rows_filled, started
	FROM cache.warm_progress();
COMMENT ON VIEW cache.progress IS 'running calls of cache.warm() and cache.verify() in this database';
GRANT SELECT ON cache.progress TO PUBLIC;

CREATE VIEW cache.audit_stats AS SELECT * FROM cache.audit_counters();
COMMENT ON VIEW cache.audit_stats IS 'outcomes of comparisons of cached rows with their tables, and of kept results with what their statements return, over all databases, since the server''s start';
GRANT SELECT ON cache.audit_stats TO PUBLIC;

CREATE FUNCTION cache.flush_counters(OUT relation oid, OUT durable boolean,
	OUT dirty_entries bigint, OUT dirty_bytes bigint, OUT oldest interval,
	OUT deferred bigint, OUT rows_flushed bigint, OUT coalesced bigint,
	OUT flushes bigint, OUT flushes_per_second double precision, OUT last_flush timestamptz,
	OUT gone bigint, OUT dead bigint, OUT retries bigint, OUT waits bigint,
	OUT last_error text, OUT last_error_time timestamptz, OUT journal_bytes bigint, OUT open boolean,
	OUT timeouts bigint, OUT quarantined boolean, OUT owner_dirty_bytes bigint, OUT owner_limit bigint)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_flush_status' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.flush_counters() IS 'how flushing goes for each write_back table; see cache.flush_status';

-- as its owner, who may read the store; whose dead letters are shown is decided here
CREATE VIEW cache.dead_letters AS
	SELECT d.id, d.relation, d.content -> 'key' AS key, d.content -> 'changes' AS changes,
		d.sqlstate, d.message, d.attempts, d.first_time, d.last_time
	FROM cache.dead_letter_store d LEFT JOIN pg_catalog.pg_class c ON c.oid = d.relation
	WHERE pg_catalog.pg_has_role(c.relowner, 'USAGE')
		OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);
COMMENT ON VIEW cache.dead_letters IS 'deferred writes that their table refused, of one''s own tables; see cache.requeue() and cache.discard()';
ALTER VIEW cache.dead_letters SET (security_barrier = true);
GRANT SELECT ON cache.dead_letters TO PUBLIC;

CREATE FUNCTION cache.dead_letter_count(relation oid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS 'SELECT count(*) FROM cache.dead_letter_store d WHERE d.relation = $1';
COMMENT ON FUNCTION cache.dead_letter_count(oid) IS 'how many dead letters a table has';

CREATE VIEW cache.flush_status AS
	SELECT b.relation, b.durable, f.dirty_entries, f.dirty_bytes, f.oldest,
		f.deferred, f.rows_flushed, f.coalesced, f.flushes, f.flushes_per_second, f.last_flush,
		f.gone, f.dead, f.retries, f.waits, f.last_error, f.last_error_time,
		f.journal_bytes, cache.dead_letter_count(b.relation) AS dead_letters,
		coalesce(f.open, false) AS open, f.timeouts, coalesce(f.quarantined, false) AS quarantined,
		f.owner_dirty_bytes, f.owner_limit
	FROM cache.binding_store b LEFT JOIN cache.flush_counters() f ON f.relation = b.relation
	WHERE b.strategy = 'write_back';
COMMENT ON VIEW cache.flush_status IS 'deferred writes and how flushing goes, for each write_back table of this database';
GRANT SELECT ON cache.flush_status TO PUBLIC;

-- ----- results of queries -----

CREATE FUNCTION cache.result_counters(OUT id bigint, OUT role regrole, OUT query text,
	OUT calls bigint, OUT hits bigint, OUT misses bigint, OUT kept bigint,
	OUT not_kept jsonb, OUT bypasses jsonb, OUT not_found jsonb, OUT falls_by_table jsonb,
	OUT fallen_unused bigint, OUT waits bigint, OUT waits_in_vain bigint, OUT computed_ahead bigint,
	OUT bytes bigint, OUT saved_ms double precision, OUT spent_ms double precision,
	OUT state text, OUT left_alone_for bigint, OUT since timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_result_counters' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.result_counters() IS 'what keeping results has cost and brought; see cache.result_stats';

CREATE VIEW cache.result_stats AS SELECT * FROM cache.result_counters();
COMMENT ON VIEW cache.result_stats IS 'what keeping the results of plain statements has cost and brought in this database, by statement without its constants and by role';
COMMENT ON COLUMN cache.result_stats.query IS 'as it was run first, its beginning; NULL: of a role that one is not a member of';
COMMENT ON COLUMN cache.result_stats.not_found IS 'what lookups found that were no hits: nothing, or a result that had ended, by what';
COMMENT ON COLUMN cache.result_stats.falls_by_table IS 'how many results were found fallen, by the table whose change ended them';
COMMENT ON COLUMN cache.result_stats.fallen_unused IS 'of those: never used, as far as is known';
COMMENT ON COLUMN cache.result_stats.bytes IS 'size of the result that was kept last';
COMMENT ON COLUMN cache.result_stats.saved_ms IS 'what computing the results took that were used';
COMMENT ON COLUMN cache.result_stats.spent_ms IS 'what the cache took: for hits, for lookups, for copying and keeping, for planning';
COMMENT ON COLUMN cache.result_stats.left_alone_for IS 'executions until it is tried again';
GRANT SELECT ON cache.result_stats TO PUBLIC;

CREATE FUNCTION cache.candidate_counters(OUT id bigint, OUT role regrole, OUT query text,
	OUT tables regclass[], OUT calls bigint, OUT time_ms double precision,
	OUT repeated double precision, OUT saving_ms double precision, OUT since timestamptz)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_result_candidates' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.candidate_counters() IS 'statements over tables that are not tracked; see cache.result_candidates';

CREATE VIEW cache.result_candidates AS
	SELECT * FROM cache.candidate_counters() c
	WHERE NOT EXISTS (SELECT FROM cache.untracked u WHERE u.relation = ANY (c.tables));
COMMENT ON VIEW cache.result_candidates IS 'statements of this database whose results could be kept if their tables were tracked, without those over tables whose owners do not want that';
COMMENT ON COLUMN cache.result_candidates.tables IS 'those that are not tracked';
COMMENT ON COLUMN cache.result_candidates.time_ms IS 'of all calls, from those that were measured';
COMMENT ON COLUMN cache.result_candidates.repeated IS 'part of the calls that were made lately with the same values';
COMMENT ON COLUMN cache.result_candidates.saving_ms IS 'time of these: what keeping could have saved if nothing had changed';
GRANT SELECT ON cache.result_candidates TO PUBLIC;

CREATE FUNCTION cache.remember(key text, ttl "any", query text,
	params "any" DEFAULT NULL, grace "any" DEFAULT NULL, beta double precision DEFAULT 1,
	tags text[] DEFAULT NULL, reads regclass[] DEFAULT NULL, space text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'cs_remember_jsonb' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION cache.remember(text, "any", text, "any", "any", double precision,
	text[], regclass[], text) IS
'the rows of a query as an array of objects, computed once and kept until a table that it reads changes';

-- with four arguments that have no type, the other two would be as good as each other
CREATE FUNCTION cache.remember(key text, ttl text, query text,
	params text, grace "any" DEFAULT NULL, beta double precision DEFAULT 1,
	tags text[] DEFAULT NULL, reads regclass[] DEFAULT NULL, space text DEFAULT NULL)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'cs_remember_jsonb' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100;
COMMENT ON FUNCTION cache.remember(text, text, text, text, "any", double precision,
	text[], regclass[], text) IS
'the same for arguments without a type';

CREATE FUNCTION cache.remember(row_type anyelement, key text, ttl "any", query text,
	params "any" DEFAULT NULL, grace "any" DEFAULT NULL, beta double precision DEFAULT 1,
	tags text[] DEFAULT NULL, reads regclass[] DEFAULT NULL, space text DEFAULT NULL)
RETURNS SETOF anyelement
AS 'MODULE_PATHNAME', 'cs_remember_rows' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 100
SUPPORT cache.plan_support;
COMMENT ON FUNCTION cache.remember(anyelement, text, "any", text, "any", "any",
	double precision, text[], regclass[], text) IS
'the rows of a query, computed once and kept until a table that it reads changes';

CREATE FUNCTION cache.explain_result(query text,
	OUT eligible boolean, OUT kept boolean, OUT reason text, OUT hint text,
	OUT watches regclass[], OUT by_value text[], OUT settings text[], OUT ttl interval, OUT max_age interval)
AS 'MODULE_PATHNAME', 'cs_explain_result' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.explain_result(text) IS
'would the result of a plain statement be kept, as things are, and if not, why; which tables it would watch, and of which only rows with a value';

CREATE FUNCTION cache.declare_query(query text, ttl "any" DEFAULT NULL, max_age "any" DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'cs_declare_query' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.declare_query(text, "any", "any") IS
'have the result of a statement kept, with whatever constants, in all sessions that keep results; returns its number';

CREATE FUNCTION cache.undeclare_query(id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'cs_undeclare_query_id' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.undeclare_query(bigint) IS 'undo cache.declare_query(), by the number of the statement';

CREATE FUNCTION cache.undeclare_query(query text) RETURNS void
AS 'MODULE_PATHNAME', 'cs_undeclare_query_text' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.undeclare_query(text) IS 'undo cache.declare_query(), by the statement';

CREATE FUNCTION cache.declared_problem(id bigint) RETURNS text
AS 'MODULE_PATHNAME', 'cs_declared_query_problem' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.declared_problem(bigint) IS
'why a declared statement has no effect; NULL: it has one';

-- as its owner, who may read the store; a statement may contain what is not for all
CREATE VIEW cache.declared_queries AS
	SELECT d.id, d.query, d.ttl, d.max_age, d.declared_by, d.search_path, cache.declared_problem(d.id) AS problem
	FROM cache.declared_store d
	WHERE pg_catalog.pg_has_role(d.declared_by, 'USAGE')
		OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE');
COMMENT ON VIEW cache.declared_queries IS 'declared statements of one''s own roles; changed by cache.declare_query() and cache.undeclare_query()';
COMMENT ON COLUMN cache.declared_queries.problem IS 'why it has no effect; NULL: it has one';
ALTER VIEW cache.declared_queries SET (security_barrier = true);
GRANT SELECT ON cache.declared_queries TO PUBLIC;

CREATE FUNCTION cache.remember_depends(query text, params "any" DEFAULT NULL::text[],
	reads regclass[] DEFAULT NULL,
	OUT relation regclass, OUT column_name name, OUT value text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'cs_remember_depends_rows' LANGUAGE C VOLATILE PARALLEL RESTRICTED;
COMMENT ON FUNCTION cache.remember_depends(text, "any", regclass[]) IS
'what the result of a query would depend on if it were remembered now: rows with a value, or whole tables';

CREATE FUNCTION cache.forget(key text, space text DEFAULT NULL) RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_forget_key' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.forget(text, text) IS
'drop all results that were remembered under a key, for all roles; was there one?';
