-- Every table is attached as write_back as soon as it can be, and each of its columns
-- is deferred, with the last write winning, that no key, unique index or generated
-- column uses.

CREATE EXTENSION cache_strategies;

CREATE FUNCTION cache.defer_columns(relation regclass) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
	SELECT jsonb_object_agg(attname, 'replace')
	FROM pg_attribute a
	WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
		AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = relation AND indisunique AND attnum = ANY (indkey))
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = relation AND contype IN ('f', 'x') AND attnum = ANY (conkey))
$$;
CREATE FUNCTION cache.defer_created() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
	SET client_min_messages = error SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	created record;
BEGIN
	FOR created IN
		SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands()
		WHERE object_type = 'table' AND NOT EXISTS (SELECT FROM cache.bindings WHERE relation = objid)
	LOOP
		BEGIN
			PERFORM cache.attach(created.objid::regclass, 'write_back', merge => cache.defer_columns(created.objid));
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;
CREATE EVENT TRIGGER defer_created ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
	EXECUTE FUNCTION cache.defer_created();
