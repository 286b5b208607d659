-- Time of a call inside a query, measured in the server.
--
-- A case is two functions, case_NAME and constant_NAME: a query with many calls,
-- and the same query with a constant in the place of the call, chosen so that both
-- return the same.  As static statements of PL/pgSQL both are planned once in a
-- session.  They get a number, for cases that need other keys each time.

CREATE TABLE cases (name text PRIMARY KEY, calls int NOT NULL);

CREATE FUNCTION elapsed(call text, lo int, OUT seconds float8, OUT result bigint)
LANGUAGE plpgsql AS $$
DECLARE
	started timestamptz := clock_timestamp();
BEGIN
	EXECUTE 'SELECT ' || call || '($1)' INTO result USING lo;
	seconds := extract(epoch FROM clock_timestamp() - started);
END
$$;

-- All cases, in another order each time, again and again for so many seconds, but
-- at least three times; the first time is for warming up.  Other than the queries
-- this writes nothing: in a transaction that has written, reads are slower.
CREATE FUNCTION run_cases(seconds float8, lo int = 0, OUT pass int, OUT name text, OUT ns float8)
RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	ends timestamptz := clock_timestamp() + seconds * interval '1 s';
	c record;
	query record;
	base record;
BEGIN
	pass := 0;
	WHILE pass < 3 OR clock_timestamp() < ends LOOP
		pass := pass + 1;
		FOR c IN SELECT * FROM cases ORDER BY random() LOOP
			base := elapsed('constant_' || c.name, lo);
			query := elapsed('case_' || c.name, lo);
			IF query.result IS DISTINCT FROM base.result THEN
				RAISE EXCEPTION '%: % is expected, the query returns %', c.name, base.result, query.result;
			END IF;
			lo := lo + c.calls;
			name := c.name;
			ns := (query.seconds - base.seconds) / c.calls * 1e9;
			RETURN NEXT;
		END LOOP;
	END LOOP;
END
$$;
