-- What the oracle of twins changes and reads: the same tables in two schemas.  Those of
-- "mine" defer, those of "plain" are not attached.

CREATE PROCEDURE build(s name) LANGUAGE plpgsql AS $build$
BEGIN
	EXECUTE format($$
		CREATE SCHEMA %1$I;
		CREATE TABLE %1$I.t (id int PRIMARY KEY, n int, top int, r text, num numeric, k text, c int);
		CREATE INDEX ON %1$I.t (n);
		CREATE INDEX ON %1$I.t (c, n);
		CREATE INDEX ON %1$I.t (k, id);
		CREATE TABLE %1$I.u (a int, b text, n bigint, m int, PRIMARY KEY (a, b));
		CREATE INDEX ON %1$I.u (m);
		CREATE TABLE %1$I.j (id int PRIMARY KEY, t int, v int);
		CREATE INDEX ON %1$I.j (t);
		CREATE VIEW %1$I.w AS SELECT id, n, upper(r) AS r, c FROM %1$I.t WHERE coalesce(n, 0) > -50;
		CREATE VIEW %1$I.upd AS SELECT id, n, r, k FROM %1$I.t;
		CREATE FUNCTION %1$I.of_class(int, int, int) RETURNS SETOF %1$I.t LANGUAGE sql STABLE AS
			'SELECT * FROM %1$I.t WHERE c = $1 AND id BETWEEN $2 AND $3';
		CREATE FUNCTION %1$I.total(int, int) RETURNS bigint LANGUAGE plpgsql STABLE AS
			'BEGIN RETURN (SELECT sum(n) FROM %1$I.t WHERE id BETWEEN $1 AND $2); END';
		CREATE FUNCTION %1$I.refill() RETURNS void LANGUAGE sql AS $f$
			INSERT INTO %1$I.t SELECT i, i %% 7, 0, 'r', 0, 'k' || i %% 3, i %% 5
				FROM generate_series(0, 8) s, generate_series(s * 100 + 1, s * 100 + 12) i ON CONFLICT DO NOTHING;
			INSERT INTO %1$I.t SELECT i, 0, 0, 'r', 0, 'k', i %% 5 FROM generate_series(21, 30) i ON CONFLICT DO NOTHING;
			INSERT INTO %1$I.u SELECT s, 'b' || i, i, i %% 3 FROM generate_series(0, 8) s, generate_series(1, 6) i ON CONFLICT DO NOTHING;
			INSERT INTO %1$I.j SELECT s * 100 + i, s * 100 + (i * 5) %% 14, i %% 4
				FROM generate_series(0, 8) s, generate_series(1, 10) i ON CONFLICT DO NOTHING;
		$f$;
		-- changes in a loop, with an error that is caught
		CREATE FUNCTION %1$I.change(lo int, hi int, amount int, OUT said text) LANGUAGE plpgsql AS $f$
		DECLARE
			it %1$I.t;
			changed bigint;
			found_any bool;
		BEGIN
			said := '';
			FOR it IN SELECT * FROM %1$I.t WHERE id BETWEEN lo AND hi ORDER BY id LOOP
				UPDATE %1$I.t SET n = n + amount WHERE id = it.id AND c > 0;
				GET DIAGNOSTICS changed = ROW_COUNT;
				found_any := FOUND;
				said := said || changed || found_any;
				BEGIN
					UPDATE %1$I.t SET n = coalesce(n, 0) + 1, r = left(r || amount, 9) WHERE id = it.id;
					IF it.id %% 3 = 0 THEN
						RAISE unique_violation;
					END IF;
				EXCEPTION WHEN unique_violation THEN
					UPDATE %1$I.t SET k = 'caught' WHERE id = it.id;
				END;
			END LOOP;
		END $f$;
		-- changes, reads under a lock, and sets what was read
		CREATE FUNCTION %1$I.bump(i int, OUT has int) LANGUAGE plpgsql AS $f$
		BEGIN
			UPDATE %1$I.t SET n = n + 1 WHERE id = i;
			SELECT n INTO has FROM %1$I.t WHERE id = i FOR UPDATE;
			UPDATE %1$I.t SET n = has %% 50 + %1$I.total(i, i) %% 50 WHERE id = i;
		END $f$;
		-- reads through a cursor, and changes where it stands
		CREATE FUNCTION %1$I.walk(lo int, hi int, OUT said text) LANGUAGE plpgsql AS $f$
		DECLARE
			c CURSOR FOR SELECT * FROM %1$I.t WHERE id BETWEEN lo AND hi ORDER BY id FOR UPDATE;
		BEGIN
			said := '';
			FOR it IN c LOOP
				said := said || ' ' || coalesce(it.n::text, '-') || it.r;
				UPDATE %1$I.t SET n = it.n + 1 WHERE CURRENT OF c;
				said := said || FOUND;
			END LOOP;
		END $f$;
	$$, s);
	EXECUTE format('SELECT %I.refill()', s);
END $build$;
CALL build('mine');
CALL build('plain');
DROP PROCEDURE build;
-- counted up, and moved between; what is done to them is noted beside them
CREATE TABLE mine.ctr (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0, k text DEFAULT '', pad text);
CREATE TABLE mine.acct (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0, k text DEFAULT '');
CREATE INDEX ON mine.ctr (n);
CREATE INDEX ON mine.acct (n);
INSERT INTO mine.ctr SELECT i, 0, '', repeat('x', 200) FROM generate_series(1, 20) i;
INSERT INTO mine.acct SELECT i FROM generate_series(1, 20) i;
CREATE TABLE plain.counted (id int, by int);
ANALYZE;
-- the counter's value is read and set, under a lock of its row
CREATE FUNCTION mine.count_locked(counter int, amount int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE has bigint;
BEGIN
	SELECT n INTO has FROM mine.ctr WHERE id = counter FOR UPDATE;
	UPDATE mine.ctr SET n = has + amount WHERE id = counter;
END $$;
CREATE FUNCTION mine.attach(durable bool) RETURNS void LANGUAGE sql AS $$
	SELECT cache.attach('mine.t', 'write_back', merge => '{"n": "add", "top": "max", "r": "replace", "num": "add"}', durable => $1, flush_interval => '40 ms');
	SELECT cache.attach('mine.u', 'write_back', merge => '{"n": "add", "m": "replace"}', durable => $1, flush_interval => '300 ms');
	SELECT cache.attach('mine.ctr', 'write_back', merge => '{"n": "add"}', durable => $1, flush_interval => '25 ms');
	SELECT cache.attach('mine.acct', 'write_back', merge => '{"n": "add"}', durable => $1, flush_interval => '60 ms');
$$;
