-- Measuring in loops: the tables at the end of the demo.

CREATE TABLE demo.samples (tab text, attached bool, what text, us numeric);

-- Makes demo.loop(query): for each key that the query gives, one after the other, the attached table
-- from cold and the copy that is not attached.  The first 20 keys warm up.
CREATE FUNCTION demo.make_loop(tab text, key text, keytype regtype, value text, assignment text) RETURNS void
LANGUAGE plpgsql AS $make$
DECLARE
	reading text := format('SELECT %s INTO x FROM cache.read(NULL::public.%I, k);', value, tab);
	plain text := format('SELECT %s INTO x FROM plain.%I WHERE %I = k;', value, tab, key);
	writing text := format('UPDATE public.%I SET %s WHERE %I = k;', tab, assignment, key);
	plain_writing text := format('UPDATE plain.%I SET %s WHERE %I = k;', tab, assignment, key);
BEGIN
	EXECUTE format($body$
		CREATE OR REPLACE PROCEDURE demo.loop(query text)
		LANGUAGE plpgsql AS $loop$
		DECLARE
			tab text := %1$L;
			keys bigint[];
			k %2$s;
			n int := 0;
			x text;
			t timestamptz;
			a numeric[];
			b numeric[];
		BEGIN
			EXECUTE format('SELECT ARRAY(%%s)', query) INTO keys;
			FOREACH k IN ARRAY keys LOOP
				n := n + 1;
				PERFORM cache.invalidate(NULL::public.%1$I, k);
				COMMIT;
				t := clock_timestamp(); %3$s a[1] := demo.microseconds(t);
				COMMIT;
				%3$s	-- write_around lets a key in on its second read
				COMMIT;
				t := clock_timestamp(); FOR i IN 1..10 LOOP %3$s END LOOP; a[2] := demo.microseconds(t) / 10;
				COMMIT;
				t := clock_timestamp(); %5$s COMMIT; a[4] := demo.microseconds(t);
				t := clock_timestamp(); %3$s a[3] := demo.microseconds(t);
				COMMIT;

				t := clock_timestamp(); %4$s b[1] := demo.microseconds(t);
				COMMIT;
				%4$s
				COMMIT;
				t := clock_timestamp(); FOR i IN 1..10 LOOP %4$s END LOOP; b[2] := demo.microseconds(t) / 10;
				COMMIT;
				t := clock_timestamp(); %6$s COMMIT; b[4] := demo.microseconds(t);
				t := clock_timestamp(); %4$s b[3] := demo.microseconds(t);
				COMMIT;

				IF n > 20 THEN
					INSERT INTO demo.samples
					SELECT tab, v.attached, (ARRAY['first', 'again', 'after', 'write'])[i], v.us[i]
					FROM (VALUES (true, a), (false, b)) AS v (attached, us), generate_series(1, 4) i;
					COMMIT;
				END IF;
			END LOOP;
		END $loop$
	$body$, tab, keytype, reading, plain, writing, plain_writing);
END $make$;

CREATE VIEW demo.medians AS
	SELECT tab, attached, count(*) FILTER (WHERE what = 'first') AS n,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE what = 'first') AS first,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE what = 'again') AS again,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE what = 'after') AS after,
		percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE what = 'write') AS write
	FROM demo.samples GROUP BY tab, attached;

-- Bulk changes of three tables, in turn.
CREATE TABLE demo.bulk (tab text, what text, ms numeric);

CREATE PROCEDURE demo.measure_bulk()
LANGUAGE plpgsql AS $$
DECLARE
	tabs text[] := ARRAY['plain.events', 'public.events', 'demo.events_through'];
	began timestamptz;
	tab text;
BEGIN
	FOR i IN 0..8 LOOP
		FOR j IN 0..2 LOOP
			tab := tabs[1 + (i + j) % 3];
			began := clock_timestamp();
			EXECUTE format('INSERT INTO %s (at, kind, payload) SELECT * FROM demo.new_events LIMIT 50000', tab);
			COMMIT;
			INSERT INTO demo.bulk VALUES (tab, 'insert', demo.microseconds(began) / 1000);
			began := clock_timestamp();
			EXECUTE format('UPDATE %s SET kind = ''old'' WHERE id BETWEEN %s AND %s', tab, i * 25000 + 1, i * 25000 + 25000);
			COMMIT;
			INSERT INTO demo.bulk VALUES (tab, 'update', demo.microseconds(began) / 1000);
			COMMIT;
		END LOOP;
	END LOOP;
END $$;

-- Many reads inside one query, in nanoseconds per row.
CREATE TABLE demo.inside_query (ord int, what text, ns numeric);

CREATE PROCEDURE demo.measure_inside()
LANGUAGE plpgsql AS $$
DECLARE
	q record;
	began timestamptz;
	best numeric;
BEGIN
	PERFORM cache.read(NULL::pgbench_accounts, i) FROM generate_series(1, 10000) i;
	COMMIT;
	FOR q IN SELECT * FROM (VALUES
		(0, 'nothing', 'SELECT sum(k) FROM demo.keys'),
		(1, 'cache.read(NULL::pgbench_accounts, k)', 'SELECT sum((cache.read(NULL::pgbench_accounts, k)).bid) FROM demo.keys'),
		(2, '(SELECT bid FROM pgbench_accounts WHERE aid = k)', 'SELECT sum((SELECT bid FROM pgbench_accounts WHERE aid = k)) FROM demo.keys'),
		(3, 'JOIN pgbench_accounts ON aid = k', 'SELECT sum(bid) FROM demo.keys JOIN pgbench_accounts ON aid = k'))
		AS v (ord, what, query)
	LOOP
		best := NULL;
		FOR i IN 1..5 LOOP
			began := clock_timestamp();
			EXECUTE q.query;
			best := least(best, demo.microseconds(began));
		END LOOP;
		INSERT INTO demo.inside_query VALUES (q.ord, q.what, best / 100);
	END LOOP;
	COMMIT;
END $$;
