\set ECHO none
-- A plan; versions of PostgreSQL differ in memory and in how rows are written.
CREATE FUNCTION plan(options text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE format('EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF, SUMMARY OFF, %s) %s', options, query) LOOP
		RETURN NEXT regexp_replace(regexp_replace(line, '(rows=\d+)\.00', '\1'), 'Usage: \d+kB', 'Usage');
	END LOOP;
END $$;
\set ECHO all
