--
-- Keys: whatever SELECT holds equal is one key, and how values become keys.
--

-- Each key is an SQL expression, or several with commas.  It is read twice, so
-- that the cache has it; then the row is changed under every other spelling of
-- the key, and each time the next read must be what SELECT then shows.  Says
-- how many rows SELECT finds and how the second read was answered.
CREATE PROCEDURE check_keys(rel text, columns text, VARIADIC spellings text[]) LANGUAGE plpgsql AS $$
DECLARE
	spelling text;
	other text;
	rows bigint;
	outcome text;
	same boolean;
	exact boolean;
BEGIN
	FOREACH spelling IN ARRAY spellings LOOP
		exact := true;
		EXECUTE format('SELECT count(*) FROM %s WHERE (%s) = (%s)', rel, columns, spelling) INTO rows;
		FOREACH other IN ARRAY spellings LOOP
			EXECUTE format('SELECT count(cache.read(NULL::%s, %s))', rel, spelling);
			EXECUTE format('SELECT outcome FROM cache.explain(NULL::%s, %s)', rel, spelling) INTO outcome;
			EXECUTE format('UPDATE %s SET touched = touched + 1 WHERE (%s) = (%s)', rel, columns, other);
			COMMIT;
			EXECUTE format('SELECT cache.read(NULL::%1$s, %2$s) IS NOT DISTINCT FROM
				(SELECT r FROM %1$s r WHERE (%3$s) = (%2$s))', rel, spelling, columns) INTO same;
			exact := exact AND same;
			COMMIT;
		END LOOP;
		RAISE NOTICE '% %: % row(s), %, %', rel, spelling, rows, outcome, CASE WHEN exact THEN 'exact' ELSE 'WRONG' END;
	END LOOP;
END $$;

CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	detail text;
	hint text;
BEGIN
	EXECUTE command INTO result;
	RETURN coalesce(result, 'no row');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE || ' ' || SQLERRM, nullif(detail, ''), nullif(hint, ''));
END $$;

\set VERBOSITY terse

-- ----- integers -----
CREATE TABLE k2 (k int2 PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE k4 (k int4 PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE k8 (k int8 PRIMARY KEY, touched int DEFAULT 0);
INSERT INTO k2 VALUES (7), (-7), (0), (32767), (-32768);
INSERT INTO k4 SELECT k FROM k2;
INSERT INTO k8 SELECT k FROM k2;
INSERT INTO k4 VALUES (2147483647), (-2147483648);
INSERT INTO k8 VALUES (2147483648), (9223372036854775807), (-9223372036854775808);
SELECT cache.attach('k2'), cache.attach('k4'), cache.attach('k8');
CALL check_keys('k2', 'k', '7::int2', '7::int4', '7::int8', '''7''', '''+7 ''');
CALL check_keys('k4', 'k', '7::int2', '7::int4', '7::int8', '''7''');
CALL check_keys('k8', 'k', '7::int2', '7::int4', '7::int8', '''7''');
CALL check_keys('k2', 'k', '-32768', '(-32768)::int8');
CALL check_keys('k4', 'k', '-2147483648', '(-2147483648)::int8');
CALL check_keys('k8', 'k', '(-9223372036854775808)', '''-9223372036854775808''');
-- out of range: no row has such a key, as in SELECT
CALL check_keys('k2', 'k', '32768', '-32769', '65543', '4294967303');
CALL check_keys('k4', 'k', '2147483648', '-2147483649', '4294967303');
SELECT try('SELECT cache.read(NULL::k2, ''32768'')');
SELECT try('SELECT cache.read(NULL::k4, ''seven'')');
SELECT try('SELECT cache.read(NULL::k8, '''')');
-- numbers of other types: what is equal, or nothing is
CALL check_keys('k2', 'k', '7', '7.00', '7::float8', '7::float4');
CALL check_keys('k4', 'k', '7', '7.00', '7::float8', '7::float4');
CALL check_keys('k8', 'k', '7', '7.00', '7::float8', '7::float4');
CALL check_keys('k2', 'k', '7.5', '7.5::float8', '32768.0', '32768::float8', '-32769::float4');
CALL check_keys('k4', 'k', '7.5', '7.5::float4', '2147483648.0', '2147483648::float8', '1e30', '1e30::float8');
CALL check_keys('k8', 'k', '7.5', '7.5::float8', '9223372036854775808', '-9223372036854775809', '1e30', '1e30::float4');
CALL check_keys('k8', 'k', '9223372036854775807.0', '9223372036854775807');
CALL check_keys('k4', 'k', '''NaN''::numeric', '''Infinity''::numeric', '''NaN''::float8', '''-Infinity''::float4');
CALL check_keys('k8', 'k', '''NaN''::numeric', '''-Infinity''::numeric', '''NaN''::float8', '''Infinity''::float8');
CALL check_keys('k4', 'k', '-2147483648', '-2147483648.0', '-2147483648::float8', '2147483648::oid');
CALL check_keys('k4', 'k', '7', '7::oid', '''7''::regclass');
-- several integers are the same double precision
INSERT INTO k8 VALUES (9007199254740992), (9007199254740993);
SELECT count(*) FROM k8 WHERE k = 9007199254740992::float8;
SELECT try('SELECT cache.read(NULL::k8, 9007199254740992::float8)');
SELECT try('SELECT cache.read(NULL::k8, 9007199254740994::float8)');
-- text, which SELECT would not compare: what it says
SELECT try('SELECT cache.read(NULL::k4, ''7''::text) = cache.read(NULL::k4, 7)');
SELECT try('SELECT cache.read(NULL::k4, '' 7 ''::varchar) = cache.read(NULL::k4, 7)');
SELECT try('SELECT cache.read(NULL::k4, ''seven''::text)');
SELECT try('SELECT cache.read(NULL::k4, ''7''::name)');
SELECT try('SELECT cache.read(NULL::k4, true)');
SELECT try('SELECT cache.read(NULL::k4, ARRAY[7])');
SELECT try('SELECT cache.read(NULL::k4, NULL)');
SELECT try('SELECT cache.read(NULL::k4, NULL::int)');
SELECT try('SELECT cache.read(NULL::k4, NULL::text)');
-- the row, not only its being there
SELECT cache.read(NULL::k4, 7) = (SELECT k4 FROM k4 WHERE k = 7), cache.read(NULL::k4, 2147483647::int8);

-- ----- strings -----
CREATE TABLE kt (k text PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kv (k varchar(5) PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kc (k char(5) PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kn (k name PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kq (k "char" PRIMARY KEY, touched int DEFAULT 0);
INSERT INTO kt VALUES ('abc'), ('abc  '), (''), ('ABC');
INSERT INTO kv VALUES ('abc'), ('abc  '), (''), ('ABC');
INSERT INTO kc VALUES ('abc'), (''), ('abcde');
INSERT INTO kn VALUES ('abc'), (''), (repeat('n', 63));
INSERT INTO kq VALUES ('a'), ('');
SELECT cache.attach('kt'), cache.attach('kv'), cache.attach('kc'), cache.attach('kn'), cache.attach('kq');
CALL check_keys('kt', 'k', '''abc''', '''abc''::text', '''abc''::varchar', '''abc''::name');
CALL check_keys('kt', 'k', '''abc  ''');
CALL check_keys('kt', 'k', '''abc  ''::char(5)');
CALL check_keys('kt', 'k', '''''');
CALL check_keys('kv', 'k', '''abc''', '''abc''::text', '''abc''::varchar(10)');
CALL check_keys('kv', 'k', '''abc  ''', '''abc  ''::text');
CALL check_keys('kv', 'k', '''longer than five''');
-- character varying is compared with character(n) as that is
SELECT count(*) FROM kv WHERE k = 'abc'::char(5);
SELECT try('SELECT cache.read(NULL::kv, ''abc''::char(5))');
CALL check_keys('kv', 'k', '''ABC''', '''ABC''::char(5)', '''ABC ''::bpchar');
CALL check_keys('kn', 'k', '''abc''', '''abc  ''::char(5)');
CALL check_keys('kc', 'k', '''abc''', '''abc  ''', '''abc''::char(5)', '''abc''::char(9)', '''abc''::bpchar');
-- character(n) = text does not count the blanks of the one, but those of the
-- other; with character varying none are counted
CALL check_keys('kc', 'k', '''abc''::text', '''abc''::varchar', '''abc  ''::varchar');
CALL check_keys('kc', 'k', '''abc  ''::text');
CALL check_keys('kc', 'k', '''''', '''     ''');
CALL check_keys('kc', 'k', '''''::text');
CALL check_keys('kn', 'k', '''abc''', '''abc''::name', '''abc''::text', '''abc''::varchar');
CALL check_keys('kn', 'k', 'repeat(''n'', 63)');
CALL check_keys('kn', 'k', 'repeat(''n'', 64)');
CALL check_keys('kn', 'k', '''''');
CALL check_keys('kq', 'k', '''a''', '''a''::"char"');
CALL check_keys('kq', 'k', '''''');
SELECT try('SELECT cache.read(NULL::kt, 7)');
SELECT try('SELECT cache.read(NULL::kc, 7)');

-- ----- bytea, uuid, boolean, enum, oid, network -----
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE kby (k bytea PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE ku (k uuid PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kb (k boolean PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE ke (k mood PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE ko (k oid PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kreg (k regclass PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE ki (k inet PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kci (k cidr PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kbit (k bit varying(20) PRIMARY KEY, touched int DEFAULT 0);
INSERT INTO kby VALUES ('\x00ff'), ('');
INSERT INTO ku VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
INSERT INTO kb VALUES (true), (false);
INSERT INTO ke VALUES ('ok'), ('happy');
INSERT INTO ko VALUES (42), (4294967295);
INSERT INTO kreg VALUES ('pg_class');
INSERT INTO ki VALUES ('192.168.0.1'), ('192.168.0.1/24'), ('::1');
INSERT INTO kci VALUES ('192.168.0.0/24');
INSERT INTO kbit VALUES (B'101'), (B'00101');
SELECT cache.attach('kby'), cache.attach('ku'), cache.attach('kb'), cache.attach('ke'), cache.attach('ko'),
	cache.attach('kreg'), cache.attach('ki'), cache.attach('kci'), cache.attach('kbit');
CALL check_keys('kby', 'k', '''\x00ff''', '''\x00FF''::bytea', '''\000\377''');
CALL check_keys('kby', 'k', '''''');
CALL check_keys('ku', 'k', '''a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11''', '''{A0EEBC999C0B4EF8BB6D6BB9BD380A11}''::uuid');
CALL check_keys('kb', 'k', 'true', '''yes''', '1 = 1');
CALL check_keys('kb', 'k', 'false', '''off''');
CALL check_keys('ke', 'k', '''ok''', '''ok''::mood');
CALL check_keys('ke', 'k', '''sad''');
CALL check_keys('ko', 'k', '42::oid', '42', '''42''');
CALL check_keys('ko', 'k', '4294967295', '''4294967295''');
CALL check_keys('kreg', 'k', '''pg_class''::regclass', '''pg_catalog.pg_class''::regclass', '1259::oid');
CALL check_keys('ki', 'k', '''192.168.0.1''', '''192.168.0.1/32''::inet', '''192.168.0.1/32''::cidr');
CALL check_keys('ki', 'k', '''192.168.0.1/24''');
CALL check_keys('ki', 'k', '''::1''', '''0:0:0:0:0:0:0:1''');
CALL check_keys('kci', 'k', '''192.168.0.0/24''', '''192.168.0/24''::cidr', '''192.168.0.0/24''::inet');
CALL check_keys('kci', 'k', '''192.168.0.1/24''', '''192.168.0.1/24''::inet');
CALL check_keys('kbit', 'k', 'B''101''::varbit', '''101''');
SELECT try('SELECT cache.read(NULL::ke, ''merry'')');
SELECT try('SELECT cache.read(NULL::ku, ''a0eebc99'')');
SELECT try('SELECT cache.read(NULL::kb, 1)');

-- ----- dates and times -----
SET timezone = 'Europe/Berlin';
SET intervalstyle = 'postgres';
CREATE TABLE kd (k date PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kti (k time PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kttz (k timetz PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kts (k timestamp PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE ktz (k timestamptz PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kin (k interval PRIMARY KEY, touched int DEFAULT 0);
INSERT INTO kd VALUES ('2024-02-29'), ('infinity');
INSERT INTO kti VALUES ('12:34:56.789');
INSERT INTO kttz VALUES ('12:00+02');
INSERT INTO kts VALUES ('2024-02-29 00:00'), ('-infinity');
INSERT INTO ktz VALUES ('2024-02-29 00:00+00');
INSERT INTO kin VALUES ('1 month');
SELECT cache.attach('kd'), cache.attach('kti'), cache.attach('kttz'), cache.attach('kts'), cache.attach('ktz'), cache.attach('kin');
CALL check_keys('kd', 'k', '''2024-02-29''', '''29 Feb 2024''::date', 'DATE ''20240229''');
CALL check_keys('kd', 'k', '''infinity''');
CALL check_keys('kti', 'k', '''12:34:56.789''', '''12:34:56.789 pm''::time');
CALL check_keys('kttz', 'k', '''12:00+02''', '''12:00+02''::timetz');
CALL check_keys('kttz', 'k', '''10:00+00''');
CALL check_keys('kts', 'k', '''2024-02-29 00:00''', '''2024-02-29''::date', '''2024-02-29''::timestamp');
CALL check_keys('kts', 'k', '''-infinity''');
CALL check_keys('ktz', 'k', '''2024-02-29 00:00+00''', '''2024-02-29 01:00''', '''2024-02-29 01:00''::timestamp', '''2024-02-28 16:00-08''::timestamptz');
-- intervals are equal when they are as long
CALL check_keys('kin', 'k', '''1 month''', '''30 days''', '''720 hours''::interval', '''29 days 24:00''');
-- a date is compared with a point in time as the midnight that it begins with
CALL check_keys('kd', 'k', '''2024-02-29''', '''2024-02-29''::timestamp', '''2024-02-29 00:00:00''::timestamp(0)', '''2024-02-29''::timestamptz', '''2024-02-28 23:00+00''::timestamptz');
CALL check_keys('kd', 'k', '''2024-02-29 00:00:00.000001''::timestamp', '''2024-02-29 12:00''::timestamp', '''2024-02-29 00:00+00''::timestamptz', '''294276-01-01''::timestamp');
CALL check_keys('kd', 'k', '''infinity''', '''infinity''::timestamp', '''infinity''::timestamptz');
CALL check_keys('kts', 'k', '''2024-02-29 00:00''', '''2024-02-28 23:00+00''::timestamptz', '''2024-02-29 00:00''::timestamptz');
CALL check_keys('kts', 'k', '''2024-02-29 00:00+00''::timestamptz', '''2024-02-29''::timestamptz + interval ''1 second''');
CALL check_keys('kts', 'k', '''-infinity''', '''-infinity''::timestamptz');
CALL check_keys('kti', 'k', '''12:34:56.789''', '''12:34:56.789''::interval');
CALL check_keys('kin', 'k', '''12:34''::time');
-- what a point in time is called depends on the session
SET timezone = 'America/New_York';
CALL check_keys('kts', 'k', '''2024-02-29 00:00''', '''2024-02-29 05:00+00''::timestamptz');
CALL check_keys('kts', 'k', '''2024-02-28 23:00+00''::timestamptz');
CALL check_keys('kd', 'k', '''2024-02-28 23:00+00''::timestamptz', '''2024-02-29''::timestamptz');
-- and in spring two names are called the same
INSERT INTO kts VALUES ('2024-03-10 02:30'), ('2024-03-10 03:30');
SELECT count(*) FROM kts WHERE k = '2024-03-10 07:30+00'::timestamptz;
SELECT try('SELECT cache.read(NULL::kts, ''2024-03-10 07:30+00''::timestamptz)');
SET timezone = 'Europe/Berlin';
SELECT try('SELECT cache.read(NULL::kd, time ''12:00'')');
SELECT try('SELECT cache.read(NULL::kd, ''2024-02-30'')');
RESET timezone;
RESET intervalstyle;

-- ----- numbers whose equal values differ in their bytes -----
CREATE TABLE knum (k numeric PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kf8 (k float8 PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kf4 (k float4 PRIMARY KEY, touched int DEFAULT 0);
INSERT INTO knum VALUES (1.0), (0), ('NaN'), ('-Infinity'), (12345678901234567890.5);
INSERT INTO kf8 VALUES ('-0'), ('NaN'), (1.5), ('Infinity');
INSERT INTO kf4 VALUES ('-0'), ('NaN'), (1.5), (0.1);
SELECT cache.attach('knum'), cache.attach('kf8'), cache.attach('kf4');
CALL check_keys('knum', 'k', '1.0', '1.00', '1', '''1''', '1::int8', '1e0');
CALL check_keys('knum', 'k', '0', '-0.000', '''0e10''');
CALL check_keys('knum', 'k', '''NaN''', '''nan''::numeric');
CALL check_keys('knum', 'k', '12345678901234567890.5', '12345678901234567890.50');
CALL check_keys('knum', 'k', '12345678901234567890.51');
CALL check_keys('kf8', 'k', '''-0''', '''0''', '0::float8', '0', '0.00', '0::float4');
CALL check_keys('kf8', 'k', '''NaN''', '''nan''::float8', '''NaN''::numeric', '''NaN''::float4');
CALL check_keys('kf8', 'k', '1.5', '1.5::float4', '1.5::float8', '''1.5e0''');
CALL check_keys('kf4', 'k', '''-0''', '0::float4');
CALL check_keys('kf4', 'k', '''NaN''', '''NaN''::float4');
CALL check_keys('kf4', 'k', '0.1::float4');
-- SELECT compares float4 with anything else as float8, which 0.1 is not
CALL check_keys('kf4', 'k', '0.1::float8', '0.1', '16777217');
CALL check_keys('kf4', 'k', '1.5::float4', '1.5', '1.5::float8');
CALL check_keys('knum', 'k', '1', '1::float8', '1::float4');
CALL check_keys('knum', 'k', '1.5::float8', '''Infinity''::float8');
INSERT INTO knum VALUES (0.1), (0.1000000000000000000001);
SELECT count(*) FROM knum WHERE k = 0.1::float8;
SELECT try('SELECT cache.read(NULL::knum, 0.1::float8)');

-- ----- domains, arrays, ranges, composites -----
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN code AS text CHECK (VALUE ~ '^[a-z]+$');
CREATE DOMAIN short_code AS code CHECK (length(VALUE) < 4);
CREATE TYPE pair AS (a int, b numeric);
CREATE TABLE kdi (k positive PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kdt (k short_code PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kai (k int[] PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kan (k numeric[] PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kr (k int4range PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kp (k pair PRIMARY KEY, touched int DEFAULT 0);
CREATE TABLE kj (k jsonb PRIMARY KEY, touched int DEFAULT 0);
INSERT INTO kdi VALUES (5);
INSERT INTO kdt VALUES ('abc');
INSERT INTO kai VALUES ('{1,2}'), ('{}'), ('[2:3]={1,2}');
INSERT INTO kan VALUES ('{1.0,2}');
INSERT INTO kr VALUES ('[1,5)');
INSERT INTO kp VALUES ((1, 2.0));
INSERT INTO kj VALUES ('{"a": 1.0, "b": [1, 2]}');
SELECT cache.attach('kdi'), cache.attach('kdt'), cache.attach('kai'), cache.attach('kan'), cache.attach('kr'),
	cache.attach('kp'), cache.attach('kj');
CALL check_keys('kdi', 'k', '5', '5::positive', '5::int8', '''5''');
CALL check_keys('kdi', 'k', '-5', '''-5''');
CALL check_keys('kdt', 'k', '''abc''', '''abc''::text', '''abc''::code', '''abc''::varchar');
CALL check_keys('kdt', 'k', '''NOT A CODE''');
CALL check_keys('kai', 'k', '''{1,2}''', 'ARRAY[1,2]', '''{1,2}''::int[]');
-- another array, but of the same hash: not the other one's entry
CALL check_keys('kai', 'k', '''[2:3]={1,2}''::int[]');
CALL check_keys('kai', 'k', '''{}''::int[]');
CALL check_keys('kan', 'k', '''{1,2}''::numeric[]', '''{1.00,2.0}''');
CALL check_keys('kr', 'k', '''[1,5)''', '''[1,4]''::int4range', 'int4range(1, 4, ''[]'')');
CALL check_keys('kp', 'k', 'ROW(1, 2.0)::pair', 'ROW(1, 2.00)::pair');
CALL check_keys('kj', 'k', '''{"b": [1,2], "a": 1}''', '''{"a":1.00,"b":[1,2]}''::jsonb');

-- ----- several columns, in an order of their own, with more in the index -----
CREATE TABLE km (n numeric, touched int DEFAULT 0, gone int, s char(4), i int, t text, extra text,
	PRIMARY KEY (t, i, n, s) INCLUDE (extra));
ALTER TABLE km DROP COLUMN gone;
INSERT INTO km (t, i, n, s, extra) VALUES ('a', 1, 1.0, 'x', 'one'), ('a', 1, 1.5, 'x', 'two'), ('ab', 1, 1, '', 'three');
SELECT cache.attach('km');
CALL check_keys('km', 't, i, n, s', '''a'', 1, 1.0, ''x''', '''a''::text, 1::int2, 1, ''x ''', '''a'', ''1'', ''1.00'', ''x''::char(8)');
CALL check_keys('km', 't, i, n, s', '''ab'', 1, 1, ''''', '''ab'', 1::int8, 1.0, ''  ''');
CALL check_keys('km', 't, i, n, s', '''a'', 1, 2, ''x''');
SELECT extra FROM cache.read(NULL::km, 'a', 1, 1.5, 'x');
UPDATE km SET extra = 'changed' WHERE n = 1.5;
SELECT extra FROM cache.read(NULL::km, 'a', 1, 1.5, 'x');
SELECT try('SELECT cache.read(NULL::km, ''a'', 1, 1.5)');
SELECT try('SELECT cache.read(NULL::km, ''a'', 1, 1.5, ''x'', 5)');
SELECT try('SELECT cache.read(NULL::km)');
SELECT try('SELECT cache.read(NULL::km, 1, ''a'', 1.5, ''x'')');
SELECT try('SELECT cache.read(NULL::km, ''a'', NULL, 1.5, ''x'')');
-- the bytes of one column do not run into those of the next
CREATE TABLE kab (a text, b text, touched int DEFAULT 0, PRIMARY KEY (a, b));
INSERT INTO kab SELECT left('aaaa', i), right('aaaa', 4 - i), i FROM generate_series(0, 4) i;
SELECT cache.attach('kab');
SELECT i, (cache.read(NULL::kab, left('aaaa', i), right('aaaa', 4 - i))).touched FROM generate_series(0, 4) i;
SELECT i, (cache.read(NULL::kab, left('aaaa', i), right('aaaa', 4 - i))).touched FROM generate_series(0, 4) i;

-- VARIADIC
CREATE TABLE kvar (a int, b int, touched int DEFAULT 0, PRIMARY KEY (b, a));
INSERT INTO kvar VALUES (1, 2), (2, 1);
SELECT cache.attach('kvar');
CALL check_keys('kvar', 'b, a', '2, 1');
SELECT cache.read(NULL::kvar, VARIADIC ARRAY[2, 1]), cache.read(NULL::kvar, VARIADIC ARRAY[2, 1]::int8[]);
SELECT cache.read(NULL::k4, VARIADIC '{7}'::int[]) = cache.read(NULL::k4, 7);
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC ARRAY[2])');
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC ARRAY[2, 1, 0])');
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC ARRAY[2, NULL])');
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC NULL::int[])');
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC ''{}''::int[])');
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC ARRAY[''2'', ''1''])');
SELECT try('SELECT cache.read(NULL::kvar, VARIADIC 2)');

-- parameters: of a prepared statement, of a function, of another row
PREPARE get(int8) AS SELECT touched IS NOT NULL FROM cache.read(NULL::k4, $1);
EXECUTE get(7);
EXECUTE get(7000000000);
DEALLOCATE get;
SELECT k2.k, (r).k AS found FROM k2, LATERAL cache.read(NULL::k4, k2.k) r ORDER BY k2.k;
SELECT k8.k, (cache.read(NULL::k2, k8.k)).k AS found FROM k8 ORDER BY k8.k;

-- the first argument
SELECT try('SELECT cache.read(NULL, 1)');
SELECT try('SELECT cache.read(1, 1)');
SELECT try('SELECT cache.read(ROW(1), 1)');
SELECT try('SELECT cache.read(NULL::pair, 1)');
SELECT cache.read(k4, 7) IS NOT NULL AS read FROM k4 WHERE k = 0;

DROP TABLE k2, k4, k8, kt, kv, kc, kn, kq, kby, ku, kb, ke, ko, kreg, ki, kci, kbit, kd, kti, kttz, kts, ktz,
	kin, knum, kf8, kf4, kdi, kdt, kai, kan, kr, kp, kj, km, kab, kvar;
DROP DOMAIN short_code, code, positive;
DROP TYPE mood, pair;
DROP PROCEDURE check_keys;
DROP FUNCTION try;

-- character(n) is compared with varchar and name in ways that a cast does not follow
CREATE TABLE keys_varchar (id varchar PRIMARY KEY);
INSERT INTO keys_varchar VALUES ('abc');
SELECT cache.attach('keys_varchar');
SELECT cache.read(NULL::keys_varchar, 'abc'::char(5));
CREATE TABLE keys_name (id name PRIMARY KEY);
SELECT cache.attach('keys_name');
SELECT cache.read(NULL::keys_name, 'abc'::char(5));
DROP TABLE keys_varchar, keys_name;

-- an operator that is dropped while keys are compared with it
CREATE TABLE keys_op (id int PRIMARY KEY, v text);
INSERT INTO keys_op VALUES (1, 'one');
SELECT cache.attach('keys_op');
CREATE FUNCTION keys_op_eq(int, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1::text = $2';
CREATE OPERATOR = (LEFTARG = int, RIGHTARG = text, FUNCTION = keys_op_eq);
CREATE FUNCTION keys_op_drop(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF $1 = 2 THEN DROP OPERATOR = (int, text); END IF; RETURN $1; END $$;
SELECT keys_op_drop(g), cache.read(NULL::keys_op, g::text) FROM generate_series(1, 1) g;
DO $$ BEGIN
	PERFORM keys_op_drop(g), cache.read(NULL::keys_op, g::text) FROM generate_series(1, 2) g;
EXCEPTION WHEN undefined_function THEN
	RAISE NOTICE '%', regexp_replace(sqlerrm, '\d+', '...');
END $$;
DROP TABLE keys_op;
DROP OPERATOR = (int, text);
DROP FUNCTION keys_op_eq, keys_op_drop;
