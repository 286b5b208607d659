-- What the demo measures with.  Times are taken inside the server, with
-- clock_timestamp() before and after the statement: no client, no network.

CREATE SCHEMA demo;

-- What the cache would do with this key now, and why.
CREATE FUNCTION demo.why(tab regclass, key text, OUT outcome text, OUT reason text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT outcome, reason FROM cache.explain(NULL::%s, %s)', tab, key)
	INTO outcome, reason;
END $$;

-- Of a table, or of all spaces.
CREATE FUNCTION demo.counts(tab regclass) RETURNS json
LANGUAGE sql AS $$
	SELECT row_to_json(c) FROM (
		SELECT hits, absent_hits, misses, bypasses, fills, fills_refused, fills_no_room,
			waits, publishes, invalidations, table_invalidations, refreshes
		FROM cache.table_stats WHERE relation = tab) c
	UNION ALL
	SELECT row_to_json(c) FROM (
		SELECT coalesce(sum(hits), 0) AS hits, coalesce(sum(misses), 0) AS misses, coalesce(sum(sets), 0) AS sets
		FROM cache.space_stats) c
	WHERE tab IS NULL
$$;

-- What was counted in between, as "misses +1, fills +1".
CREATE FUNCTION demo.diff(before json, after json) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(string_agg(format('%s +%s', a.key, a.value::bigint - coalesce(b.value::bigint, 0)),
							   ', ' ORDER BY a.ord), '')
	FROM json_each_text(after) WITH ORDINALITY AS a (key, value, ord)
		LEFT JOIN json_each_text(before) AS b ON b.key = a.key
	WHERE a.value::bigint <> coalesce(b.value::bigint, 0)
$$;

-- Have the statement planned, so that planning is not part of what is measured.
CREATE FUNCTION demo.prepare(statement text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	IF statement !~* '^(select|insert|update|delete|with)' THEN
		RETURN statement;
	END IF;
	IF EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'demo') THEN
		DEALLOCATE demo;
	END IF;
	EXECUTE 'PREPARE demo AS ' || statement;
	EXECUTE 'EXPLAIN EXECUTE demo';
	RETURN 'EXECUTE demo';
END $$;

CREATE FUNCTION demo.microseconds(since timestamptz) RETURNS numeric
LANGUAGE sql VOLATILE AS $$
	SELECT round(1e6 * extract(epoch FROM clock_timestamp() - since))
$$;

-- Run a statement.  "result" is the first column of its first row.
CREATE FUNCTION demo.run(statement text, OUT us numeric, OUT result text)
LANGUAGE plpgsql AS $$
DECLARE
	command text := demo.prepare(statement);
	began timestamptz;
BEGIN
	IF statement ~* '^(select|with)' OR statement ~* 'returning' THEN
		began := clock_timestamp();
		EXECUTE command INTO result;
		us := demo.microseconds(began);
		result := coalesce(result, 'no row');
	ELSE
		began := clock_timestamp();
		EXECUTE command;
		us := demo.microseconds(began);
		result := 'done';
	END IF;
END $$;

-- One line of the demo: time, result, outcome, counts, reason.
CREATE FUNCTION demo.line(us numeric, result text, outcome text, counted text, reason text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT concat_ws(E'\t', us, rtrim(left(result, 20)), outcome, counted, reason)
$$;

-- A statement inside a transaction that goes on.
CREATE FUNCTION demo.inside(statement text, tab regclass, key text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	w record;
	r record;
	before json;
BEGIN
	IF key IS NOT NULL THEN
		SELECT * INTO w FROM demo.why(tab, key);
	ELSE
		SELECT NULL AS outcome, NULL AS reason INTO w;
	END IF;
	before := demo.counts(tab);
	SELECT * INTO r FROM demo.run(statement);
	RETURN demo.line(r.us, r.result, coalesce(w.outcome, ''),
					 demo.diff(before, demo.counts(tab)), coalesce(w.reason, ''));
END $$;

-- A statement and its commit, which is part of what is measured if it writes.
CREATE PROCEDURE demo.step(statement text, tab regclass, key text DEFAULT NULL, INOUT line text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
	w record;
	r record;
	before json;
	began timestamptz;
BEGIN
	IF key IS NOT NULL THEN
		SELECT * INTO w FROM demo.why(tab, key);
	ELSE
		SELECT NULL AS outcome, NULL AS reason INTO w;
	END IF;
	before := demo.counts(tab);
	COMMIT;
	SELECT * INTO r FROM demo.run(statement);
	began := clock_timestamp();
	COMMIT;
	IF key IS NULL THEN
		r.us := r.us + demo.microseconds(began);
	END IF;
	line := demo.line(r.us, r.result, coalesce(w.outcome, ''),
					  demo.diff(before, demo.counts(tab)), coalesce(w.reason, ''));
END $$;
