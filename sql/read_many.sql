--
-- cache.read_many(): what it returns is what SELECT returns, key by key, in
-- the order of the array; what it misses is loaded with one query.
--

CREATE TABLE many (id int PRIMARY KEY, v text);
INSERT INTO many SELECT i, 'row ' || i FROM generate_series(1, 3000) i;
SELECT cache.attach('many', 'read_through', negative_ttl => '1 day');

CREATE FUNCTION counted(relation regclass) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT format('hits %s, absent hits %s, misses %s, bypasses %s, fills %s',
		hits, absent_hits, misses, bypasses, fills)
	FROM cache.table_stats s WHERE s.relation = counted.relation;
$$;

-- Is it what SELECT returns, in order, when asked twice?
CREATE FUNCTION same(relation regclass, keys text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	same boolean;
BEGIN
	EXECUTE format($q$
		SELECT (SELECT array_agg(r::text) FROM cache.read_many(NULL::%1$s, %2$s) r)
				IS NOT DISTINCT FROM wanted
			AND (SELECT array_agg(r::text) FROM cache.read_many(NULL::%1$s, %2$s) r)
				IS NOT DISTINCT FROM wanted
		FROM (SELECT array_agg(t::text ORDER BY k.at) AS wanted
			FROM unnest(%2$s) WITH ORDINALITY AS k (key, at) JOIN %1$s t ON t.id = k.key) w
		$q$, relation, keys) INTO same;
	RETURN same;
END $$;

-- ----- order, repeats, absences, nothing -----

-- those that are not there are loaded, then they are hits
SELECT * FROM cache.read_many(NULL::many, ARRAY[3, 1, NULL, 99999, 3, 2]);
SELECT counted('many');
SELECT * FROM cache.read_many(NULL::many, ARRAY[3, 1, NULL, 99999, 3, 2]);
SELECT counted('many');
-- some of each
SELECT * FROM cache.read_many(NULL::many, ARRAY[5, 1, 4, 99998, 99999]);
SELECT counted('many');
-- cache.read() finds what was loaded, and the other way round
SELECT (cache.explain(NULL::many, 4)).outcome, (cache.explain(NULL::many, 99998)).outcome;
SELECT cache.read(NULL::many, 6);
SELECT * FROM cache.read_many(NULL::many, ARRAY[6]);

SELECT * FROM cache.read_many(NULL::many, ARRAY[]::int[]);
SELECT * FROM cache.read_many(NULL::many, NULL::int[]);
SELECT * FROM cache.read_many(NULL::many, ARRAY[NULL]::int[]);
SELECT * FROM cache.read_many(NULL::many, ARRAY[[1, 2], [3, 4]]);
-- other integers than the key's
SELECT * FROM cache.read_many(NULL::many, ARRAY[2, 10000000000]);
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 2]::smallint[]);

-- several batches; the first missed, then hit
SELECT same('many', '(SELECT array_agg(i ORDER BY i DESC) FROM generate_series(-10, 3100) i)');
SELECT counted('many');
SELECT same('many', '(SELECT array_agg(i % 1100) FROM generate_series(1, 5000) i)');

-- in the select list, once per row, as a subquery's row
SELECT cache.read_many(NULL::many, ARRAY[1, 99999, 2]);
SELECT (cache.read_many(NULL::many, ARRAY[1, 2])).v;
SELECT keys, r.* FROM (VALUES (ARRAY[1, 2]), (NULL), ('{}'), (ARRAY[3])) AS l (keys),
	cache.read_many(NULL::many, l.keys) r;

-- ----- which version -----

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 2]);
UPDATE many SET v = 'mine' WHERE id = 1;
DELETE FROM many WHERE id = 2;
INSERT INTO many VALUES (99999, 'mine');
SELECT same('many', 'ARRAY[1, 2, 3, 99999]');
SAVEPOINT s;
UPDATE many SET v = 'undone' WHERE id = 3;
SELECT * FROM cache.read_many(NULL::many, ARRAY[3]);
ROLLBACK TO s;
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 2, 3, 99999]);
ROLLBACK;
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 2, 3, 99999]);
UPDATE many SET v = 'changed' WHERE id = 1;
DELETE FROM many WHERE id = 2;
INSERT INTO many VALUES (99999, 'new');
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 2, 3, 99999]);
SELECT same('many', 'ARRAY[1, 2, 3, 99999]');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT same('many', 'ARRAY[1, 2, 3, 99999]');
COMMIT;
SET cache_strategies.enabled = off;
SELECT same('many', 'ARRAY[1, 2, 3, 99999]');
RESET cache_strategies.enabled;

-- a new shape
ALTER TABLE many ADD COLUMN n int DEFAULT 7;
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 3]);
ALTER TABLE many DROP COLUMN v;
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 3]);
SELECT * FROM cache.read_many(NULL::many, ARRAY[1, 3]);
SELECT same('many', 'ARRAY[3, 99999, 2]');

-- ----- strategies -----

CREATE TABLE around (id int PRIMARY KEY, v text);
INSERT INTO around SELECT i, 'row ' || i FROM generate_series(1, 10) i;
SELECT cache.attach('around', 'write_around', negative_ttl => '1 day');
-- a key is let in on its second read
SELECT * FROM cache.read_many(NULL::around, ARRAY[1, 2, 2]);
SELECT counted('around');
SELECT * FROM cache.read_many(NULL::around, ARRAY[1, 2, 3]);
SELECT counted('around');
SELECT (cache.explain(NULL::around, i)).outcome FROM generate_series(1, 3) i;

CREATE TABLE through (id int PRIMARY KEY, v text);
SELECT cache.attach('through', 'write_through', negative_ttl => '1 day');
INSERT INTO through SELECT i, 'row ' || i FROM generate_series(1, 10) i;
SELECT * FROM cache.read_many(NULL::through, ARRAY[1, 2]);
SELECT counted('through');

-- ----- keys of several columns -----

CREATE TABLE "Order Lines" ("Order" int, q int, "k" text, r text, PRIMARY KEY ("k", "Order"));
INSERT INTO "Order Lines" VALUES (1, 10, 'a', 'x'), (1, 20, 'b', 'y'), (2, 30, 'a', NULL);
SELECT cache.attach('"Order Lines"');
SELECT * FROM cache.read_many(NULL::"Order Lines",
	ARRAY[ROW('b', 1), ROW('a', 2), NULL, ROW('a', NULL), ROW('c', 1), ROW('a', 1)]);
SELECT counted('"Order Lines"');
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY[ROW('b', 1), ROW('a', 2)]);
SELECT counted('"Order Lines"');
-- records of different types in one array
SELECT * FROM cache.read_many(NULL::"Order Lines",
	ARRAY[ROW('a'::varchar, 1::bigint), ROW('b'::text, 1::smallint), ROW('a', '2'), ROW('a', 10000000000)]);
CREATE TYPE line_key AS (gone int, line text, number bigint);
ALTER TYPE line_key DROP ATTRIBUTE gone;
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY[('b', 1)::line_key, ('a', 2)::line_key]);
CREATE DOMAIN checked_key AS line_key CHECK ((VALUE).number > 0);
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY[('b', 1)::checked_key]);

-- ----- types of keys -----

-- equal values that look different
CREATE TABLE by_numeric (id numeric PRIMARY KEY, v text);
INSERT INTO by_numeric VALUES (1, 'one'), (1.5, 'one and a half');
SELECT cache.attach('by_numeric');
SELECT * FROM cache.read_many(NULL::by_numeric, ARRAY[1.50, 1.000, 1.0, 2]);
SELECT counted('by_numeric');
SELECT * FROM cache.read_many(NULL::by_numeric, ARRAY[1.50, 1.000, 1.0, 2]);
SELECT * FROM cache.read_many(NULL::by_numeric, ARRAY[1, 2]);
CREATE TABLE by_char (id char(3) PRIMARY KEY, v text);
INSERT INTO by_char VALUES ('a', 'A'), ('abc', 'ABC');
SELECT cache.attach('by_char');
SELECT * FROM cache.read_many(NULL::by_char, ARRAY['a', 'abc', 'a  ']::char(3)[]);
SELECT * FROM cache.read_many(NULL::by_char, ARRAY['a', 'abc', 'a  ']);
CREATE TABLE by_collation (id text COLLATE "C" PRIMARY KEY, v text);
INSERT INTO by_collation VALUES ('a', 'small'), ('A', 'capital');
SELECT cache.attach('by_collation');
SELECT * FROM cache.read_many(NULL::by_collation, ARRAY['A', 'a', '']);
-- there is no array of arrays: rows instead
CREATE TABLE by_array (id int[] PRIMARY KEY, v text);
INSERT INTO by_array VALUES ('{1,2}', 'one and two'), ('{}', 'empty');
SELECT cache.attach('by_array');
SELECT * FROM cache.read_many(NULL::by_array, ARRAY[ROW('{}'::int[]), ROW(ARRAY[1, 2]), ROW('{3}'::int[])]);
SELECT * FROM cache.read_many(NULL::by_array, ARRAY[ROW(ARRAY[1, 2])]);
SELECT counted('by_array');
-- a row type as the key's
CREATE TABLE by_row (id line_key PRIMARY KEY, v text);
INSERT INTO by_row VALUES (('a', 1), 'a1');
SELECT cache.attach('by_row');
SELECT * FROM cache.read_many(NULL::by_row, ARRAY[('a', 1)::line_key, ('a', 2)::line_key]);
SELECT * FROM cache.read_many(NULL::by_row, ARRAY[('a', 1)::line_key, ('a', 1)::line_key]);
SELECT counted('by_row');

-- ----- partitions -----

CREATE TABLE parted (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_1 (v text, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted SELECT i, 'row ' || i FROM generate_series(0, 19) i;
SELECT cache.attach('parted', 'read_through', negative_ttl => '1 day');
SELECT * FROM cache.read_many(NULL::parted, ARRAY[15, 5, 25, 10, 9]);
DELETE FROM parted WHERE id = 15;
UPDATE parted SET id = 15 WHERE id = 5;
SELECT * FROM cache.read_many(NULL::parted, ARRAY[15, 5, 25, 10, 9]);
SELECT same('parted', '(SELECT array_agg(i) FROM generate_series(-1, 20) i)');

SELECT counted('parted');

-- ----- a loader -----

CREATE TABLE loaded (id int PRIMARY KEY, v text);
INSERT INTO loaded VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION load_it(int) RETURNS loaded LANGUAGE sql STABLE AS
	$$ SELECT id, upper(v) FROM public.loaded WHERE id = $1 $$;
SELECT cache.attach('loaded', 'read_through', loader => 'load_it');
SELECT * FROM cache.read_many(NULL::loaded, ARRAY[2, 3, 1, NULL]);
SELECT * FROM cache.read_many(NULL::loaded, ARRAY[2, 3, 1, NULL]);
SELECT counted('loaded');

-- ----- who may -----

CREATE ROLE many_reader;
SET ROLE many_reader;
SELECT * FROM cache.read_many(NULL::around, ARRAY[1]);
RESET ROLE;
GRANT SELECT ON around TO many_reader;
ALTER TABLE around ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON around TO many_reader USING (id % 2 = 0);
SELECT * FROM cache.read_many(NULL::around, ARRAY[1, 2, 4]);
SET ROLE many_reader;
SELECT * FROM cache.read_many(NULL::around, ARRAY[1, 2, 4]);
RESET ROLE;
SELECT * FROM cache.read_many(NULL::around, ARRAY[1, 2, 4]);

-- ----- errors -----

SELECT * FROM cache.read_many(NULL::many, ARRAY['a']);
SELECT * FROM cache.read_many(NULL::many, ARRAY[true]);
SELECT * FROM cache.read_many(NULL::many, 1);
SELECT * FROM cache.read_many(NULL::many, ARRAY[ROW(1, 2)]);
SELECT * FROM cache.read_many(NULL::many, ARRAY[ROW('a'::text)]);
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY['a']);
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY[1]);
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY['(a']);
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY[ROW('a', 1, 2)]);
SELECT * FROM cache.read_many(NULL::"Order Lines", ARRAY[ROW('a', 'b')]);
SELECT * FROM cache.read_many(NULL::int, ARRAY[1]);
SELECT * FROM cache.read_many(NULL::line_key, ARRAY[1]);
CREATE TABLE unattached (id int PRIMARY KEY);
SELECT * FROM cache.read_many(NULL::unattached, ARRAY[1]);

DROP OWNED BY many_reader;
DROP ROLE many_reader;
DROP TABLE many, around, through, "Order Lines", by_numeric, by_char, by_collation,
	by_array, by_row, parted, loaded, unattached CASCADE;
DROP DOMAIN checked_key;
DROP TYPE line_key;
DROP FUNCTION counted(regclass);
DROP FUNCTION same(regclass, text);
