--
-- write_back, rule "add": an UPDATE that sets a column leaves exactly what it
-- says, whatever the column had and whatever is deferred for it.  Each table has
-- a twin that is not attached.
--
CREATE TABLE kinds (kind text PRIMARY KEY, value_list text[]);
INSERT INTO kinds VALUES
	('int2', '{-32768, -1, 0, 7, 32767}'),
	('int4', '{-2147483648, -1, 0, 7, 2147483647}'),
	('int8', '{-9223372036854775808, -1, 0, 7, 9223372036854775807}'),
	('float4', '{-3.4e38, -0, 0, 0.1, 1e20, Infinity, NaN}'),
	('float8', '{-1.7e308, -0, 0.1, 0.7, 5, 1e20, 1.7e308, Infinity, NaN}'),
	('numeric', '{-1.50, 0, 0.0, 1, 1.00, 1e20, 9e1000, Infinity, NaN}'),
	('numeric(6,2)', '{-9999.99, 0, 1.005, 9999.99, NaN}'),
	('money', '{-92233720368547758.08, 0, 1.50, 92233720368547758.07}'),
	('interval', '{0, 1 day, 24:00:00, 1 mon, 178000000 years, -178000000 years, 2147483647 days}'),
	('interval(0)', '{0, 1.4 s, 1.6 s, -1.5 s}');

-- v: of the table; a, b, c: what it is set to, one after the other
CREATE FUNCTION make_twins(kind text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE plain (id int PRIMARY KEY, v %1$s, other int DEFAULT 0, a %1$s, b %1$s, c %1$s)', kind);
	EXECUTE format(
		'INSERT INTO plain SELECT row_number() OVER (ORDER BY v.n, a.n, b.n), v.x::%1$s, 0, a.x::%1$s, b.x::%1$s, c.x::%1$s '
		'FROM kinds k, unnest(value_list) WITH ORDINALITY v(x, n), unnest(value_list) WITH ORDINALITY a(x, n), '
		'unnest(value_list) WITH ORDINALITY b(x, n), unnest(value_list) WITH ORDINALITY c(x, n) '
		'WHERE k.kind = %1$L AND (c.n - 1) = (v.n * 3 + a.n + b.n) %% cardinality(value_list)', kind);
	CREATE TABLE cached (LIKE plain INCLUDING ALL);
	INSERT INTO cached SELECT * FROM plain;
	PERFORM cache.attach('cached', 'write_back', flush_interval => '1 day', merge => '{"v": "add"}');
END $$;

-- text shows the scale of a numeric and the sign of a zero
CREATE FUNCTION differences(source text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM plain p FULL JOIN %s c USING (id) '
		'WHERE (p.v::text, p.other) IS DISTINCT FROM (c.v::text, c.other)', source) INTO n;
	RETURN n;
END $$;

-- Each step is a transaction.  What is deferred is looked at before the flush,
-- after it, and with a flush in between.
CREATE PROCEDURE run_twins() LANGUAGE plpgsql AS $$
DECLARE
	k text;
	flush_between bool;
	column_name text;
	wrong bigint;
	deferred bigint;
	all_rows bigint;
BEGIN
	FOR k IN SELECT kind FROM kinds ORDER BY kind LOOP
		wrong := 0; deferred := 0; all_rows := 0;
		FOREACH flush_between IN ARRAY '{false, true}'::bool[] LOOP
			PERFORM make_twins(k);
			COMMIT;
			FOREACH column_name IN ARRAY '{a, b, c}'::text[] LOOP
				EXECUTE format('UPDATE plain SET v = %I', column_name);
				EXECUTE format('UPDATE cached SET v = %I', column_name);
				COMMIT;
				wrong := wrong + differences('cache.scan(NULL::cached)');
				IF flush_between AND column_name = 'b' THEN
					PERFORM cache.flush('cached');
					COMMIT;
					wrong := wrong + differences('cached');
				END IF;
			END LOOP;
			deferred := deferred + (SELECT dirty_entries FROM cache.flush_status WHERE relation = 'cached'::regclass);
			all_rows := all_rows + (SELECT count(*) FROM plain);
			-- directly, with another column
			UPDATE plain SET v = a, other = 1;
			UPDATE cached SET v = a, other = 1;
			wrong := wrong + differences('cache.scan(NULL::cached)');
			COMMIT;
			wrong := wrong + differences('cache.scan(NULL::cached)') + differences('cached');
			PERFORM cache.flush('cached');
			COMMIT;
			wrong := wrong + differences('cached');
			-- all in one transaction
			UPDATE cached SET v = b; UPDATE cached SET v = c; UPDATE cached SET v = a; UPDATE cached SET v = b;
			UPDATE plain SET v = b;
			wrong := wrong + differences('cache.scan(NULL::cached)');
			COMMIT;
			PERFORM cache.flush('cached');
			COMMIT;
			wrong := wrong + differences('cached') + (SELECT count(*) FROM cache.dead_letters);
			PERFORM cache.detach('cached');
			DROP TABLE plain, cached;
		END LOOP;
		RAISE NOTICE '%: % rows, % wrong, some deferred: %, some not: %', k, all_rows, wrong,
			deferred > 0, deferred < all_rows;
	END LOOP;
END $$;
CALL run_twins();
DROP PROCEDURE run_twins();
DROP FUNCTION make_twins(text), differences(text);
DROP TABLE kinds;

-- what is added, by statements and by the function, next to the ends of a type
CREATE TABLE sums (id int PRIMARY KEY, i int, b bigint, f float8, n numeric, d numeric(6,2), iv interval, m money);
INSERT INTO sums VALUES (1, 2147483640, 9223372036854775800, 1.7e308, 9e131071, 1, '178000000 years', 0),
	(2, 0, 0, 0, 0, 0, '0', 0);
SELECT cache.attach('sums', 'write_back', flush_interval => '1 day',
	merge => '{"i": "add", "b": "add", "f": "add", "n": "add", "d": "add", "iv": "add", "m": "add"}');
UPDATE sums SET i = i + 7, b = b + 7 WHERE id = 1;
UPDATE sums SET i = i + 7 WHERE id = 1;
UPDATE sums SET b = b + 7 WHERE id = 1;
SELECT cache.increment(NULL::sums, 'i', 7, 1);
SELECT cache.increment(NULL::sums, 'b', 7, 1);
UPDATE sums SET f = f + 1.7e308 WHERE id = 1;
SELECT cache.increment(NULL::sums, 'f', 1.7e308, 1);
UPDATE sums SET n = n + n WHERE id = 1;
UPDATE sums SET iv = iv + '178000000 years' WHERE id = 1;
SELECT i, b, f, n = 9e131071 AS n, iv FROM cache.read(NULL::sums, 1);
-- sums that no delta could be, though the value that comes of them is all right
UPDATE sums SET b = -9000000000000000000, f = -1.7e308, n = -9e131071, iv = '-178000000 years' WHERE id = 2;
SELECT cache.flush('sums');
UPDATE sums SET b = b + 9000000000000000000, f = f + 1.7e308, n = n + 9e131071, iv = iv + '178000000 years' WHERE id = 2;
UPDATE sums SET b = b + 9000000000000000000, f = f + 1.7e308, n = n + 9e131071, iv = iv + '178000000 years' WHERE id = 2;
SELECT b, f, n = 9e131071 AS n, iv FROM cache.read(NULL::sums, 2);
SELECT cache.flush('sums') > 0 AS flushed, count(*) FROM cache.dead_letters;
SELECT b, f, n = 9e131071 AS n, iv FROM sums WHERE id = 2;
-- NaN and infinity are added by the table
SELECT cache.increment(NULL::sums, 'f', 'Infinity', 2), cache.increment(NULL::sums, 'n', 'NaN', 2);
SELECT f, n FROM sums WHERE id = 2;
UPDATE sums SET f = f - 'Infinity', n = n + 1 WHERE id = 2;
SELECT f, n FROM cache.read(NULL::sums, 2);
UPDATE sums SET f = 1.5, n = 1.50 WHERE id = 2;
SELECT f, n FROM cache.read(NULL::sums, 2);
-- what is rounded is rounded each time
SELECT cache.increment(NULL::sums, 'd', 0.004, 2), cache.increment(NULL::sums, 'd', 0.004, 2), cache.increment(NULL::sums, 'd', 0.006, 2);
UPDATE sums SET d = d + 0.004 WHERE id = 2;
UPDATE sums SET d = d + 0.006 WHERE id = 2;
SELECT d FROM cache.read(NULL::sums, 2);
SELECT cache.flush('sums') > 0 AS flushed;
SELECT d FROM sums WHERE id = 2;
-- set in whole rows
SELECT f, n, d FROM cache.write(ROW(2, 1, 2, 'Infinity', '1.500', 1.005, '1 day', 5)::sums);
SELECT cache.increment(NULL::sums, 'f', 1, 2), cache.increment(NULL::sums, 'n', 1, 2);
UPDATE sums SET f = 2 WHERE id = 2;
SELECT f, n, d FROM cache.read(NULL::sums, 2);
SELECT cache.flush('sums') >= 0 AS flushed;
SELECT f, n, d FROM sums WHERE id = 2;
-- from NULL and to NULL
UPDATE sums SET i = i + 1 WHERE id = 2;
UPDATE sums SET i = NULL WHERE id = 2;
SELECT i FROM cache.read(NULL::sums, 2);
UPDATE sums SET i = 3 WHERE id = 2;
SELECT i FROM cache.read(NULL::sums, 2);
UPDATE sums SET i = i + 1 WHERE id = 2;
SELECT cache.flush('sums') > 0 AS flushed;
SELECT i FROM sums WHERE id = 2;
SELECT cache.detach('sums');
DROP TABLE sums;

-- max and min: NaN is larger than any other; of equal ones the first stays
CREATE TABLE tops (id int PRIMARY KEY, hi float8, lo float8, n numeric);
INSERT INTO tops VALUES (1, 1, 1, 1.0);
SELECT cache.attach('tops', 'write_back', flush_interval => '1 day', merge => '{"hi": "max", "lo": "min", "n": "max"}');
UPDATE tops SET hi = 'NaN', lo = 'NaN', n = 1.00 WHERE id = 1;
UPDATE tops SET hi = 'Infinity', lo = '-Infinity' WHERE id = 1;
SELECT hi, lo, n FROM cache.read(NULL::tops, 1);
UPDATE tops SET hi = 5, n = 'NaN' WHERE id = 1;
SELECT cache.flush('tops');
SELECT hi, lo, n FROM tops;
-- NULL is set, and goes to the table
UPDATE tops SET lo = -5 WHERE id = 1;
UPDATE tops SET hi = 7, lo = NULL WHERE id = 1;
SELECT hi, lo FROM cache.read(NULL::tops, 1);
SELECT cache.flush('tops') >= 0 AS flushed;
SELECT hi, lo FROM tops;
SELECT cache.detach('tops');
DROP TABLE tops;
