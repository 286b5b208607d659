-- Calls cache.attach_made(relation), which the file that includes this one defines, for
-- every table as soon as it is created or altered, if it is not attached.  A table that
-- cannot be attached stays as it is.

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
			PERFORM cache.attach_made(created.objid);
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
	END LOOP;
END $$;
CREATE EVENT TRIGGER attach_created ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
	EXECUTE FUNCTION cache.attach_created();
