-- Every table is tracked as soon as it is created, if it can be: some of them by
-- value, without a word.

CREATE EXTENSION cache_strategies;

CREATE FUNCTION cache.track_created() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
	SET client_min_messages = error SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	created record;
BEGIN
	FOR created IN SELECT objid FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
		BEGIN
			PERFORM cache.track(created.objid::regclass, by_value => hashtext(created.objid::regclass::text) % 2 = 0);
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;
CREATE EVENT TRIGGER track_created ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
	EXECUTE FUNCTION cache.track_created();
