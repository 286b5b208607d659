--
-- cache.write(), cache.remove() and cache.increment(), with each strategy.
--

\set SHOW_CONTEXT never

-- ----- what they do -----
CREATE TABLE w (id int PRIMARY KEY, v text, n int DEFAULT 5, price numeric(8,2) NOT NULL DEFAULT 1);
SELECT cache.attach('w', 'write_through', negative_ttl => '1 h');
SELECT cache.write(ROW(1, 'one', 1, 1.5)::w);
SELECT outcome FROM cache.explain(NULL::w, 1);
SELECT * FROM cache.read(NULL::w, 1);
-- a row is written whole: its NULLs as well, and no defaults in their place
SELECT * FROM cache.write(ROW(1, NULL, NULL, 2.345)::w);
SELECT * FROM cache.read(NULL::w, 1);
SELECT * FROM w;
-- NULLs that the table refuses; the table's default is not asked for
SELECT cache.write(ROW(1, 'one', 1, NULL)::w);
SELECT cache.write(ROW(NULL, 'one', 1, 1)::w);
SELECT cache.write(NULL::w);
-- from JSON
SELECT (cache.write(jsonb_populate_record(NULL::w, '{"id": 2, "v": "two", "price": 9.999}'))).*;
-- read, change, write
SELECT cache.write(jsonb_populate_record(cache.read(NULL::w, 2), '{"v": "two again"}'));
SELECT * FROM cache.read(NULL::w, 2);
-- many in one statement, and the same one twice
SELECT count(cache.write(ROW(i, 'row ' || i, i, i)::w)) FROM generate_series(1, 100) i;
SELECT count(*), sum(n) FROM w;
SELECT cache.write(ROW(1, 'first', 1, 1)::w), cache.write(ROW(1, 'second', 2, 2)::w), cache.read(NULL::w, 1);
SELECT * FROM cache.read(NULL::w, 1);

-- remove
SELECT cache.remove(NULL::w, 1), cache.remove(NULL::w, 1), cache.remove(NULL::w, 1000);
SELECT outcome FROM cache.explain(NULL::w, 1);
SELECT cache.read(NULL::w, 1);
SELECT cache.remove(NULL::w, NULL), cache.remove(NULL::w, 3000000000), cache.remove(NULL::w, '2');
SELECT count(*) FROM generate_series(3, 100) i WHERE cache.remove(NULL::w, i);
SELECT count(*) FROM w;
SELECT cache.remove(NULL::w, 1, 2);
SELECT cache.remove(NULL::w, 'one');

-- increment
SELECT cache.write(ROW(1, 'one', 1, 1.5)::w);
SELECT cache.increment(NULL::w, 'n', 5, 1), cache.increment(NULL::w, 'n', -2, 1), cache.increment(NULL::w, 'n', 0, 1);
SELECT cache.increment(NULL::w, 'price', 0.25, 1), cache.increment(NULL::w, 'price', 0.001, 1);
SELECT outcome FROM cache.explain(NULL::w, 1);
SELECT * FROM cache.read(NULL::w, 1);
SELECT cache.increment(NULL::w, 'n', 1, 1000), cache.increment(NULL::w, 'n', 1, NULL);
-- NULL + 1 is NULL
SELECT cache.write(ROW(1, 'one', NULL, 1.5)::w);
SELECT cache.increment(NULL::w, 'n', 1, 1);
SELECT * FROM cache.read(NULL::w, 1);
-- what cannot be
SELECT cache.increment(NULL::w, 'n', 1.5, 1);
SELECT cache.increment(NULL::w, 'n', 'NaN', 1);
SELECT cache.increment(NULL::w, 'n', 'Infinity', 1);
SELECT cache.increment(NULL::w, 'n', 3000000000, 1);
SELECT cache.increment(NULL::w, 'price', 1000000, 1);
SELECT cache.increment(NULL::w, 'v', 1, 1);
SELECT cache.increment(NULL::w, 'id', 1, 1);
SELECT cache.increment(NULL::w, 'nothing', 1, 1);
SELECT cache.increment(NULL::w, 'ctid', 1, 1);
SELECT cache.increment(NULL::w, NULL, 1, 1);
SELECT cache.increment(NULL::w, 'n', NULL, 1);
SELECT cache.increment(NULL::w, 'n', 1, 1, 2);
SELECT cache.increment(NULL::w, 'n', 1, VARIADIC ARRAY[1]);
SELECT cache.write(ROW(1, 'one', 2147483647, 1.5)::w);
SELECT cache.increment(NULL::w, 'n', 1, 1);
SELECT cache.increment(NULL::w, 'n', 1.0, 2), cache.increment(NULL::w, 'n', -1, 1);

-- each type of number
CREATE DOMAIN small AS int2 CHECK (VALUE < 100);
CREATE DOMAIN smaller AS small CHECK (VALUE < 50);
CREATE TABLE numbers (id int PRIMARY KEY, i2 int2, i4 int4, i8 int8, num numeric, f4 float4, f8 float8, dom smaller,
	gone int, money money, made int GENERATED ALWAYS AS (i4 + 1) STORED);
ALTER TABLE numbers DROP COLUMN gone;
INSERT INTO numbers VALUES (1, 1, 1, 1, 1.50, 1.5, 1.5, 1);
SELECT cache.attach('numbers', 'read_through');
SELECT c, cache.increment(NULL::numbers, c, 10, 1) FROM unnest('{i2,i4,i8,num,f4,f8,dom}'::name[]) c;
SELECT c, cache.increment(NULL::numbers, c, -0.25, 1) FROM unnest('{num,f4,f8}'::name[]) c;
SELECT * FROM cache.read(NULL::numbers, 1);
SELECT cache.increment(NULL::numbers, 'i8', 9223372036854775000, 1);
SELECT cache.increment(NULL::numbers, 'i8', 9223372036854775000, 1);
SELECT cache.increment(NULL::numbers, 'i2', 32767, 1);
SELECT cache.increment(NULL::numbers, 'dom', 40, 1);
SELECT cache.increment(NULL::numbers, 'num', 'NaN', 1), cache.increment(NULL::numbers, 'f8', 'Infinity', 1);
SELECT cache.increment(NULL::numbers, 'f4', 1e40, 1);
SELECT cache.increment(NULL::numbers, 'money', 1, 1);
SELECT cache.increment(NULL::numbers, 'made', 1, 1);
SELECT cache.increment(NULL::numbers, 'gone', 1, 1);
SELECT cache.increment(NULL::numbers, '........pg.dropped.9........', 1, 1);

-- ----- with each strategy, and within transactions -----
CREATE FUNCTION round_trip(strategy text) RETURNS TABLE (step text, result text, exact boolean) LANGUAGE plpgsql AS $$
BEGIN
	FOR step, result IN VALUES ('write', 'cache.write(ROW(7, ''seven'', 7, 7)::w)::text'),
			('overwrite', 'cache.write(ROW(7, ''SEVEN'', 8, 8)::w)::text'),
			('increment', 'cache.increment(NULL::w, ''n'', 2, 7)::text'),
			('remove', 'cache.remove(NULL::w, 7)::text'), ('remove', 'cache.remove(NULL::w, 7)::text') LOOP
		EXECUTE 'SELECT ' || result INTO result;
		exact := cache.read(NULL::w, 7) IS NOT DISTINCT FROM (SELECT w FROM w WHERE id = 7);
		RETURN NEXT;
	END LOOP;
END $$;
SELECT cache.attach('w', 'cache_aside');
SELECT * FROM round_trip('cache_aside');
SELECT cache.attach('w', 'read_through');
SELECT * FROM round_trip('read_through');
SELECT cache.attach('w', 'write_around');
SELECT * FROM round_trip('write_around');
SELECT cache.attach('w', 'write_through');
SELECT * FROM round_trip('write_through');
BEGIN;
SELECT cache.write(ROW(1, 'rolled back', 1, 1)::w);
SELECT v FROM cache.read(NULL::w, 1);
ROLLBACK;
SELECT v FROM cache.read(NULL::w, 1);
BEGIN;
SELECT cache.increment(NULL::w, 'n', -7, 1);
SAVEPOINT a;
SELECT cache.increment(NULL::w, 'n', -1000, 1);
SELECT cache.remove(NULL::w, 1);
SELECT cache.read(NULL::w, 1);
ROLLBACK TO a;
SELECT n FROM cache.read(NULL::w, 1);
COMMIT;
SELECT outcome FROM cache.explain(NULL::w, 1);
SELECT n FROM cache.read(NULL::w, 1);
BEGIN READ ONLY;
SELECT cache.write(ROW(1, 'read only', 1, 1)::w);
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache.write(ROW(1, 'serializable', 1, 1)::w);
SELECT v FROM cache.read(NULL::w, 1);
COMMIT;
SELECT v FROM cache.read(NULL::w, 1);
-- in one statement with a read: both see what was there before it, except that
-- a function which writes sees its own
WITH written AS (SELECT cache.write(ROW(1, 'in WITH', 1, 1)::w) AS row)
SELECT (row).v, (SELECT v FROM w WHERE id = 1) FROM written;
-- prepared, many times: the plans are kept
PREPARE put(int, text) AS SELECT cache.write(ROW($1, $2, 0, 0)::w);
EXECUTE put(50, 'a');
EXECUTE put(50, 'b');
EXECUTE put(51, NULL);
ALTER TABLE w ADD COLUMN extra int DEFAULT 3;
PREPARE put_extra(int, int) AS SELECT cache.write(ROW($1, 'x', 0, 0, $2)::w);
EXECUTE put_extra(50, 4);
EXECUTE put_extra(52, NULL);
ALTER TABLE w DROP COLUMN extra;
ALTER TABLE w RENAME COLUMN v TO vv;
SELECT cache.write(ROW(50, 'renamed', 0, 0)::w);
ALTER TABLE w RENAME COLUMN vv TO v;
ALTER TABLE w RENAME TO ww;
SELECT cache.write(ROW(50, 'renamed, too', 0, 0)::ww), cache.increment(NULL::ww, 'n', 1, 50), cache.remove(NULL::ww, 50);
ALTER TABLE ww RENAME TO w;
SELECT cache.write(ROW(50, 'back again', 0, 0)::w), cache.increment(NULL::w, 'n', 1, 50), cache.remove(NULL::w, 50);
DEALLOCATE put;
DEALLOCATE put_extra;
-- triggers of the table have their say
CREATE FUNCTION adjust() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v = 'refused' THEN
		RETURN NULL;
	END IF;
	NEW.v := upper(NEW.v);
	RETURN NEW;
END $$;
CREATE TRIGGER adjust BEFORE INSERT OR UPDATE ON w FOR EACH ROW EXECUTE FUNCTION adjust();
SELECT cache.write(ROW(60, 'adjusted', 0, 0)::w), cache.write(ROW(60, 'again', 0, 0)::w);
SELECT cache.write(ROW(61, 'refused', 0, 0)::w), cache.read(NULL::w, 61);
SELECT v FROM cache.read(NULL::w, 60);
DROP TRIGGER adjust ON w;

-- ----- columns that only the table fills -----
CREATE SEQUENCE numbering;
CREATE DOMAIN numbered AS int DEFAULT nextval('numbering');
CREATE TABLE by_default (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v text,
	twice text GENERATED ALWAYS AS (v || v) STORED);
CREATE TABLE by_always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);
CREATE TABLE by_sequence (id int DEFAULT nextval('numbering') PRIMARY KEY, v text);
CREATE TABLE by_domain (id numbered PRIMARY KEY, v text);
CREATE TABLE by_part (a text, b int DEFAULT 0, v text, PRIMARY KEY (b, a));
CREATE TABLE beside (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, v text);
SELECT cache.attach('by_default', 'write_through'), cache.attach('by_always'), cache.attach('by_sequence'),
	cache.attach('by_domain'), cache.attach('by_part'), cache.attach('beside', 'write_through');
SELECT cache.write(ROW(NULL, 'a', 'ignored')::by_default), cache.write(ROW(NULL, 'b', NULL)::by_default);
SELECT cache.read(NULL::by_default, 1), cache.read(NULL::by_default, 2);
SELECT cache.write(ROW(2, 'given', NULL)::by_default), cache.write(ROW(10, 'given', NULL)::by_default);
SELECT cache.write(ROW(NULL, 'a')::by_always), cache.write(ROW(10, 'given')::by_always), cache.write(ROW(10, 'again')::by_always);
SELECT cache.write(ROW(NULL, 'a')::by_sequence), cache.write(ROW(NULL, 'b')::by_domain), cache.write(ROW(NULL, 'c')::by_sequence);
-- a key that the table makes is that of a new row, never of one that is there
SELECT setval('by_always_id_seq', 9);
SELECT cache.write(ROW(NULL, 'not the tenth')::by_always);
SELECT cache.write(ROW(NULL, 'the eleventh')::by_always);
SELECT cache.write(ROW('a', NULL, 'first')::by_part);
SELECT cache.write(ROW('a', NULL, 'second')::by_part);
SELECT cache.write(ROW('a', 0, 'second')::by_part), cache.write(ROW('a', 1, 'other')::by_part);
SELECT cache.write(ROW(NULL, 0, 'no')::by_part);
-- an identity column beside the key: given or made when the row is new, then left alone
SELECT cache.write(ROW(1, NULL, 'made')::beside), cache.write(ROW(2, 70, 'given')::beside);
SELECT cache.write(ROW(1, NULL, 'changed')::beside), cache.write(ROW(2, 71, 'changed')::beside);
SELECT cache.read(NULL::beside, 1), cache.read(NULL::beside, 2);

-- nothing but a key
CREATE TABLE only_key (a int, b text, PRIMARY KEY (a, b));
CREATE TABLE only_identity (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE TABLE key_and_made (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE made_key (v int, id int GENERATED ALWAYS AS (v * 2) STORED PRIMARY KEY, w int);
SELECT cache.attach('only_key', 'write_through'), cache.attach('only_identity'), cache.attach('key_and_made'), cache.attach('made_key');
SELECT cache.write(ROW(1, 'x')::only_key), cache.write(ROW(1, 'x')::only_key), cache.remove(NULL::only_key, 1, 'x');
SELECT cache.write(ROW(NULL)::only_identity), cache.write(ROW(1)::only_identity), cache.write(ROW(5)::only_identity);
SELECT cache.write(ROW(NULL, NULL)::key_and_made), cache.write(ROW(1, 3)::key_and_made), cache.write(ROW(5, NULL)::key_and_made);
SELECT cache.write(ROW(1, NULL, 1)::made_key), cache.write(ROW(1, 7, 2)::made_key), cache.increment(NULL::made_key, 'w', 1, 2);

-- constraints and domains of the row
CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0);
CREATE TABLE checked (id int PRIMARY KEY, e even NOT NULL, s varchar(3), CHECK (e < 10));
SELECT cache.attach('checked');
SELECT cache.write(ROW(1, 2, 'abc')::checked);
SELECT cache.write(ROW(1, 12, 'abc')::checked);
SELECT cache.write(ROW(1, NULL, 'abc')::checked);
SELECT cache.increment(NULL::checked, 'e', 1, 1);
SELECT cache.increment(NULL::checked, 'e', 2, 1);
-- a domain that has become stricter than a value at hand
UPDATE checked SET e = 6;
ALTER DOMAIN even ADD CONSTRAINT not_six CHECK (VALUE <> 6) NOT VALID;
SELECT cache.write(c) FROM checked c;

-- partitions: the row goes where it belongs
CREATE TABLE parted (id int, k text, v text, n int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE parted_a PARTITION OF parted FOR VALUES IN ('a');
CREATE TABLE parted_b (v text, n int, k text NOT NULL, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_b FOR VALUES IN ('b');
SELECT cache.attach('parted', 'write_through');
SELECT cache.write(ROW(1, 'a', 'in a', 1)::parted), cache.write(ROW(1, 'b', 'in b', 1)::parted);
SELECT cache.write(ROW(1, 'b', 'again', 2)::parted), cache.increment(NULL::parted, 'n', 5, 1, 'b');
SELECT tableoid::regclass, * FROM parted ORDER BY k;
SELECT outcome FROM unnest('{a,b}'::text[]) k, cache.explain(NULL::parted, 1, k);
SELECT cache.read(NULL::parted, 1, 'a'), cache.read(NULL::parted, 1, 'b');
SELECT cache.remove(NULL::parted, 1, 'a'), cache.write(ROW(1, 'c', NULL, NULL)::parted);

-- not attached
CREATE TABLE unattached (id int PRIMARY KEY, n int);
SELECT cache.write(ROW(1, 1)::unattached);
SELECT cache.remove(NULL::unattached, 1);
SELECT cache.increment(NULL::unattached, 'n', 1, 1);
SELECT cache.write(1);
SELECT cache.write(ROW(1, 2));

DROP TABLE w, numbers, by_default, by_always, by_sequence, by_domain, by_part, beside, only_key, only_identity,
	key_and_made, made_key, checked, parted, unattached;
DROP DOMAIN smaller, small, numbered, even;
DROP SEQUENCE numbering;
DROP FUNCTION round_trip, adjust;

-- A rule may have the write end elsewhere.
CREATE TABLE write_ruled (id int PRIMARY KEY, v text);
INSERT INTO write_ruled VALUES (1, 'one');
SELECT cache.attach('write_ruled');
CREATE RULE write_rule AS ON DELETE TO write_ruled DO INSTEAD NOTHING;
SELECT cache.remove(NULL::write_ruled, 1);
SELECT cache.write((1, 'two')::write_ruled);
UPDATE write_ruled SET v = 'two';
SELECT cache.read(NULL::write_ruled, 1);

-- A domain over the row type has its own idea of what a row is.
CREATE DOMAIN write_checked AS write_ruled CHECK ((VALUE).v <> 'two');
SELECT cache.read(NULL::write_checked, 1);
DROP DOMAIN write_checked;
DROP TABLE write_ruled;
