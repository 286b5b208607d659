\set ECHO none
-- How a plain statement was answered, as EXPLAIN says it.
CREATE FUNCTION how(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ '^ *Result: ' THEN
			RETURN substring(line FROM 'Result: (.*)');
		END IF;
	END LOOP;
	RETURN 'no node';
END $$;
\set ECHO all
