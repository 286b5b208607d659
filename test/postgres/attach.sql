-- Every table is attached as soon as it can be: when it is created, or gets its
-- primary key.  Plain SELECTs by key are answered from the cache.

CREATE EXTENSION cache_strategies;

CREATE FUNCTION cache.attach_created() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
	SET client_min_messages = error SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	created record;
BEGIN
	FOR created IN
		SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands()
		WHERE object_type = 'table' AND NOT EXISTS (SELECT FROM cache.bindings WHERE relation = objid)
	LOOP
		BEGIN
			PERFORM cache.attach(created.objid::regclass, 'read_through', plain_reads => true);
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;
CREATE EVENT TRIGGER attach_created ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
	EXECUTE FUNCTION cache.attach_created();
