-- The oracle: cache.read() and the SELECT in the same statement, under all
-- kinds of load.  Any difference raises an error that stops its client.
--
-- check_*() compare; change_*() change.  Changes run into each other's locks
-- and unique keys all the time: that is caught, and counts as not done.

CREATE SCHEMA oracle;
SET search_path = oracle, public;

CREATE TABLE a (id int PRIMARY KEY, v text, n bigint NOT NULL DEFAULT 0);
CREATE TABLE r (LIKE a INCLUDING ALL);
CREATE TABLE w (LIKE a INCLUDING ALL);
CREATE TABLE wn (LIKE a INCLUDING ALL);
CREATE TABLE o (LIKE a INCLUDING ALL);
CREATE TABLE pr (LIKE a INCLUDING ALL);
CREATE TABLE pw (LIKE a INCLUDING ALL);
CREATE TABLE k (code text, amount numeric, v text, n bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (amount, code));
CREATE TABLE p (id int, region int, v text, n bigint NOT NULL DEFAULT 0,
	PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
CREATE TABLE p3 (n bigint NOT NULL DEFAULT 0, region int NOT NULL, v text, id int NOT NULL);
ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES a ON UPDATE CASCADE ON DELETE CASCADE, v text);

CREATE FUNCTION filler(i int) RETURNS text LANGUAGE sql
AS $$ SELECT repeat(md5(i::text), 1 + (random() * random() * 60)::int) $$;

INSERT INTO a SELECT i, filler(i) FROM generate_series(1, 300) i;
INSERT INTO r SELECT * FROM a;
INSERT INTO w SELECT * FROM a;
INSERT INTO wn SELECT * FROM a;
INSERT INTO o SELECT * FROM a;
INSERT INTO pr SELECT * FROM a;
INSERT INTO pw SELECT * FROM a;
INSERT INTO k SELECT 'c' || i % 7, i / 10.0, v FROM a, LATERAL (SELECT id AS i) x;
INSERT INTO p SELECT id, 1 + id % 3, v FROM a;
INSERT INTO child SELECT id, id, 'child' FROM a;

SELECT cache.attach('a', 'cache_aside');
SELECT cache.attach('r', 'read_through', ttl => '80 ms', ttl_jitter => 0.5,
	negative_ttl => '80 ms', max_memory => '100 kB');
SELECT cache.attach('w', 'write_through', negative_ttl => '1 min');
SELECT cache.attach('wn', 'write_through');
SELECT cache.attach('o', 'write_around', negative_ttl => '1 min');
SELECT cache.attach('pr', 'read_through', negative_ttl => '80 ms', plain_reads => true);
SELECT cache.attach('pw', 'write_through', negative_ttl => '1 min', plain_reads => true);
SELECT cache.attach('k', 'read_through');
SELECT cache.attach('p', 'write_through', negative_ttl => '1 min');
SELECT cache.attach('child', 'cache_aside');
CREATE TABLE tracked (id int PRIMARY KEY, n float8);
INSERT INTO tracked SELECT i, i FROM generate_series(0, 10) i;
SELECT cache.track('tracked');

COPY (SELECT 1000 + i, 'copied', i FROM generate_series(1, 20) i) TO :'copyfile';
CREATE TABLE settings AS SELECT :'copyfile'::text AS copyfile;

-- ----- comparing -----

CREATE FUNCTION mismatch(what text, key text, got text, want text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'MISMATCH in %, key %: cache %, table %', what, key,
		left(got, 60), left(want, 60);
END $$;

-- Keys 1..320: a few of them absent.
CREATE FUNCTION keys(n int) RETURNS SETOF int LANGUAGE sql VOLATILE
AS $$ SELECT 1 + (random() * random() * 319)::int FROM generate_series(1, n) $$;

DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['a', 'r', 'w', 'wn', 'o', 'child'] LOOP
		EXECUTE format($f$
			CREATE FUNCTION check_%1$s() RETURNS void LANGUAGE plpgsql AS $b$
			BEGIN
				PERFORM mismatch('%1$s', x.key::text, x.got::text, x.want::text) FROM (
					SELECT key, cache.read(NULL::%1$s, key) AS got,
						(SELECT t FROM %1$s t WHERE id = key) AS want
					FROM (SELECT keys(10) AS key OFFSET 0) q OFFSET 0) x
				WHERE x.got IS DISTINCT FROM x.want;
			END $b$ $f$, t);
	END LOOP;
END $$;

CREATE FUNCTION check_k() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mismatch('k', key::text, x.got::text, x.want::text) FROM (
		SELECT key, cache.read(NULL::k, key / 10.000, 'c' || key % 7) AS got,
			(SELECT t FROM k t WHERE amount = key / 10.000 AND code = 'c' || key % 7) AS want
		FROM (SELECT keys(10) AS key OFFSET 0) q OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
END $$;

CREATE FUNCTION check_p() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mismatch('p', key::text, x.got::text, x.want::text) FROM (
		SELECT key, cache.read(NULL::p, 1 + key % 3, key) AS got,
			(SELECT t FROM p t WHERE region = 1 + key % 3 AND id = key) AS want
		FROM (SELECT keys(10) AS key OFFSET 0) q OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
END $$;

CREATE FUNCTION check_many() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mismatch('many', x.keys::text, x.got::text, x.want::text) FROM (
		SELECT keys, ARRAY(SELECT m FROM cache.read_many(NULL::w, keys) m) AS got,
			ARRAY(SELECT t FROM unnest(keys) WITH ORDINALITY u(key, i)
				JOIN w t ON t.id = key ORDER BY i) AS want
		FROM (SELECT ARRAY(SELECT keys(10)) AS keys OFFSET 0) q OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
END $$;

-- In FROM, where one scan is executed again and again: with another key each time,
-- and with the same.
CREATE FUNCTION check_scan() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	k int := (SELECT keys(1));
BEGIN
	PERFORM mismatch('scan', x.key::text, x.got, x.want) FROM (
		SELECT key, r.v || r.n AS got, (SELECT v || n FROM w WHERE id = key) AS want
		FROM (SELECT keys(5) AS key OFFSET 0) q, LATERAL cache.read(NULL::w, key) r OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
	PERFORM mismatch('scan', k::text, x.got, x.want) FROM (
		SELECT (SELECT r.v || r.n FROM cache.read(NULL::w, k) r WHERE i > 0) AS got,
			(SELECT v || n FROM w WHERE id = k) AS want
		FROM generate_series(1, 5) i OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
END $$;

-- Plain SELECTs by key from the cache, against a scan of the table in the same
-- statement: each row with its ctid and xmin, and lists, also in a join.
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['pr', 'pw'] LOOP
		EXECUTE format($f$
			CREATE FUNCTION check_%1$s() RETURNS void LANGUAGE plpgsql AS $b$
			BEGIN
				PERFORM mismatch('plain %1$s', x.key::text, x.got, x.want) FROM (
					SELECT key, (SELECT t::text || t.ctid || t.xmin FROM %1$s t WHERE id = key) AS got,
						(SELECT t::text || t.ctid || t.xmin FROM %1$s t WHERE id + 0 = key) AS want
					FROM (SELECT keys(10) AS key OFFSET 0) q OFFSET 0) x
				WHERE x.got IS DISTINCT FROM x.want;
				PERFORM mismatch('plain list %1$s', x.keys::text, x.got::text, x.want::text) FROM (
					SELECT keys, ARRAY(SELECT t FROM %1$s t WHERE id = ANY (keys) ORDER BY id) AS got,
						ARRAY(SELECT t FROM %1$s t WHERE id + 0 = ANY (keys) ORDER BY id) AS want
					FROM (SELECT ARRAY(SELECT keys(10)) AS keys OFFSET 0) q OFFSET 0) x
				WHERE x.got IS DISTINCT FROM x.want;
			END $b$ $f$, t);
	END LOOP;
END $$;

-- The planner takes tables for ones that are found in the cache, so small as that is.
SELECT count(cache.read(NULL::pr, 1)), count(cache.read(NULL::pw, 1)) FROM generate_series(1, 2000000);

-- Do plain SELECTs come from the cache?
DO $$
DECLARE
	line text;
	used bool := false;
BEGIN
	FOR line IN EXPLAIN SELECT FROM pr t WHERE id = 1 LOOP
		used := used OR line ~ 'CacheRead';
	END LOOP;
	IF NOT used THEN
		RAISE EXCEPTION 'plain SELECTs are not answered from the cache';
	END IF;
END $$;

-- Two rows of two tables that every client writes and reads.
CREATE FUNCTION check_hot() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mismatch('hot', key::text, x.got::text, x.want::text) FROM (
		SELECT key, cache.read(NULL::w, key) AS got,
			(SELECT t FROM w t WHERE id = key) AS want
		FROM (SELECT 1 + i % 2 AS key FROM generate_series(1, 10) i OFFSET 0) q OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
	PERFORM mismatch('hot', key::text, x.got::text, x.want::text) FROM (
		SELECT key, cache.read(NULL::a, key) AS got,
			(SELECT t FROM a t WHERE id = key) AS want
		FROM (SELECT 1 + i % 2 AS key FROM generate_series(1, 10) i OFFSET 0) q OFFSET 0) x
	WHERE x.got IS DISTINCT FROM x.want;
END $$;

CREATE FUNCTION change_hot() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL lock_timeout = '20ms';
	IF random() < 0.5 THEN
		UPDATE w SET n = n + 1 WHERE id = 1 + floor(random() * 2)::int;
	ELSE
		UPDATE a SET n = n + 1 WHERE id = 1 + floor(random() * 2)::int;
	END IF;
	PERFORM check_hot();
EXCEPTION
	WHEN deadlock_detected OR lock_not_available THEN NULL;
END $$;

-- Results of whole tables, which fall with every change: often the same ones, or
-- there would be no hits.
DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['a', 'w', 'o', 'k', 'p', 'p1', 'child', 'tracked'] LOOP
		EXECUTE format($f$
			CREATE FUNCTION check_result_%1$s() RETURNS void LANGUAGE plpgsql AS $b$
			BEGIN
				PERFORM mismatch('result of %1$s', '', x.got::text, x.want::text) FROM (
					SELECT cache.remember('%1$s', '1 min', 'SELECT count(*), sum(hashtext(t::text)) FROM oracle.%1$s t') -> 0 AS got,
						(SELECT to_jsonb(q) FROM (SELECT count(*), sum(hashtext(t::text)) FROM %1$s t) q) AS want OFFSET 0) x
				WHERE x.got IS DISTINCT FROM x.want;
			END $b$ $f$, t);
	END LOOP;
END $$;

CREATE FUNCTION check_results() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..3 LOOP
		PERFORM check_result_tracked();
		PERFORM check_result_child();
		PERFORM check_result_p1();
	END LOOP;
	PERFORM check_result_a();
	PERFORM check_result_w();
	PERFORM check_result_o();
	PERFORM check_result_k();
	PERFORM check_result_p();
END $$;

CREATE FUNCTION change_tracked() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	key int := floor(random() * 10)::int;
BEGIN
	SET LOCAL lock_timeout = '20ms';
	CASE floor(random() * 8)::int
		WHEN 0 THEN
			INSERT INTO tracked VALUES (key, random());
		WHEN 1 THEN
			DELETE FROM tracked WHERE id = key;
		WHEN 2 THEN
			BEGIN
				UPDATE tracked SET n = n + 1 WHERE id = key;
				PERFORM check_result_tracked();
				RAISE unique_violation;
			EXCEPTION WHEN unique_violation THEN NULL;
			END;
		WHEN 3 THEN
			IF random() < 0.2 THEN
				TRUNCATE tracked;
			END IF;
			INSERT INTO tracked SELECT i, i FROM generate_series(0, 10) i ON CONFLICT DO NOTHING;
		WHEN 4 THEN
			IF random() < 0.2 THEN
				ALTER TABLE tracked DISABLE TRIGGER cache_strategies_track;
				UPDATE tracked SET n = n + 1000;
				ALTER TABLE tracked ENABLE ALWAYS TRIGGER cache_strategies_track;
			END IF;
		ELSE
			UPDATE tracked SET n = n + 1 WHERE id = key;
	END CASE;
	PERFORM check_result_tracked();
EXCEPTION
	WHEN unique_violation OR deadlock_detected OR lock_not_available THEN NULL;
END $$;

-- Every table, ten keys each: 140 comparisons.
CREATE FUNCTION check_all() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM check_a();
	PERFORM check_r();
	PERFORM check_w();
	PERFORM check_wn();
	PERFORM check_o();
	PERFORM check_k();
	PERFORM check_p();
	PERFORM check_child();
	PERFORM check_many();
	PERFORM check_scan();
	PERFORM check_pr();
	PERFORM check_pw();
END $$;

-- ----- changing -----

CREATE FUNCTION some_table() RETURNS text LANGUAGE sql VOLATILE
AS $$ SELECT (ARRAY['a', 'r', 'w', 'wn', 'o', 'pr', 'pw'])[1 + floor(random() * 7)::int] $$;

CREATE FUNCTION one_change(t text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	key int := (SELECT keys(1));
BEGIN
	CASE floor(random() * 12)::int
		WHEN 0, 1, 2, 3 THEN
			EXECUTE format('UPDATE %I SET n = n + 1, v = filler($1) WHERE id = $1', t) USING key;
		WHEN 4 THEN
			EXECUTE format('DELETE FROM %I WHERE id = $1', t) USING key;
		WHEN 5, 6 THEN
			EXECUTE format('INSERT INTO %I VALUES ($1, filler($1))', t) USING key;
		WHEN 7 THEN
			EXECUTE format('INSERT INTO %I VALUES ($1, filler($1)) ON CONFLICT (id) '
				'DO UPDATE SET n = EXCLUDED.n + 5', t) USING key;
		WHEN 8 THEN
			EXECUTE format('UPDATE %I SET id = id + 1 WHERE id = $1', t) USING key;
		WHEN 9 THEN
			EXECUTE format('MERGE INTO %I t USING (VALUES ($1)) s(i) ON t.id = s.i '
				'WHEN MATCHED AND t.n %% 2 = 0 THEN DELETE '
				'WHEN MATCHED THEN UPDATE SET n = t.n + 3 '
				'WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.i, ''merged'')', t) USING key;
		WHEN 10 THEN
			UPDATE k SET amount = (amount * 10 + 1) / 10.0 WHERE amount = key / 10.0;
			UPDATE k SET n = n + 1 WHERE amount = key / 10.0;
			DELETE FROM k WHERE amount = (key + 1) / 10.0 AND random() < 0.2;
			INSERT INTO k VALUES ('c' || key % 7, key / 10.00, filler(key));
		WHEN 11 THEN
			UPDATE p SET region = 1 + region % 3 WHERE id = key AND random() < 0.5;
			UPDATE p SET n = n + 1 WHERE id = key;
			DELETE FROM p WHERE id = key + 1 AND random() < 0.3;
			INSERT INTO p VALUES (key, 1 + key % 3, filler(key));
	END CASE;
END $$;

CREATE FUNCTION change() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM one_change(some_table());
EXCEPTION
	WHEN unique_violation OR deadlock_detected OR lock_not_available OR
		foreign_key_violation OR serialization_failure OR undefined_column THEN NULL;
END $$;

-- The row before and after in one statement, where triggers have not fired yet.
CREATE FUNCTION change_returning() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	key int := (SELECT keys(1));
	bad text;
BEGIN
	UPDATE w SET n = n + 1 WHERE id = key
		RETURNING CASE WHEN cache.read(NULL::w, key) IS DISTINCT FROM (SELECT t FROM w t WHERE id = key)
			THEN 'returning' END INTO bad;
	IF bad IS NOT NULL THEN
		PERFORM mismatch(bad, key::text, '', '');
	END IF;
	PERFORM check_w();
EXCEPTION
	WHEN unique_violation OR deadlock_detected OR lock_not_available THEN NULL;
END $$;

CREATE FUNCTION change_bulk() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text := some_table();
	low int := (random() * 200)::int;
BEGIN
	SET LOCAL lock_timeout = '200ms';
	SET LOCAL cache_strategies.bulk_threshold = 40;
	EXECUTE format('UPDATE %I SET n = n + 100 WHERE id IN '
		'(SELECT id FROM %1$I WHERE id BETWEEN $1 AND $1 + 60 ORDER BY id FOR UPDATE)', t) USING low;
EXCEPTION
	WHEN unique_violation OR deadlock_detected OR lock_not_available THEN NULL;
END $$;

CREATE FUNCTION change_copy() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text := some_table();
BEGIN
	EXECUTE format('DELETE FROM %I WHERE id > 1000', t);
	EXECUTE format('COPY %I (id, v, n) FROM %L', t, (SELECT copyfile FROM settings));
	EXECUTE format('DELETE FROM %I WHERE id BETWEEN 301 AND 320', t);
	EXECUTE format('UPDATE %I SET id = id - 700 WHERE id > 1000', t);
EXCEPTION
	WHEN unique_violation OR deadlock_detected OR lock_not_available THEN NULL;
END $$;

CREATE FUNCTION change_ddl() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text := (ARRAY['r', 'w', 'wn', 'o', 'pr', 'pw'])[1 + floor(random() * 6)::int];
BEGIN
	SET LOCAL lock_timeout = '50ms';
	CASE floor(random() * 8)::int
		WHEN 0 THEN
			EXECUTE format('CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM %I', t);
			EXECUTE format('TRUNCATE %I', t);
			EXECUTE format('INSERT INTO %I SELECT * FROM kept WHERE id %% 10 <> 3', t);
		WHEN 1 THEN
			EXECUTE format('ALTER TABLE %I ADD COLUMN IF NOT EXISTS extra int DEFAULT 7', t);
		WHEN 2 THEN
			EXECUTE format('ALTER TABLE %I DROP COLUMN IF EXISTS extra', t);
		WHEN 3 THEN
			EXECUTE format('ALTER TABLE %I ALTER COLUMN n TYPE bigint USING n + 1', t);
		WHEN 4 THEN
			EXECUTE format('ALTER TABLE %I DISABLE TRIGGER ALL', t);
			EXECUTE format('UPDATE %I SET n = n + 1000 WHERE id %% 7 = 0', t);
			EXECUTE format('ALTER TABLE %I ENABLE TRIGGER ALL', t);
			PERFORM enable_always(t);
		WHEN 5 THEN
			CREATE TEMP TABLE kept ON COMMIT DROP AS SELECT * FROM p2;
			TRUNCATE p2;
			INSERT INTO p2 SELECT * FROM kept WHERE id % 9 <> 2;
		WHEN 6 THEN
			ALTER TABLE p DETACH PARTITION p3;
			UPDATE p3 SET n = n + 10000;
			PERFORM check_p();
			ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3);
		WHEN 7 THEN
			EXECUTE format('CLUSTER %I USING %I', t, t || '_pkey');
	END CASE;
EXCEPTION
	WHEN unique_violation OR deadlock_detected OR lock_not_available THEN NULL;
END $$;

CREATE FUNCTION enable_always(t text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	trigger name;
BEGIN
	FOR trigger IN SELECT tgname FROM pg_trigger WHERE tgrelid = t::regclass
		AND tgname LIKE 'cache_strategies%' AND NOT tgisinternal LOOP
		EXECUTE format('ALTER TABLE %I ENABLE %s TRIGGER %I', t,
			CASE WHEN trigger LIKE '%replica' THEN 'REPLICA' ELSE 'ALWAYS' END, trigger);
	END LOOP;
END $$;
