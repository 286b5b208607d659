-- Remembered queries that depend on rows with certain values: by which columns a query is watched, and
-- which changes end its result.

CREATE TABLE customers (id int PRIMARY KEY, name text, region varchar(10));
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, state text, amount numeric, note text);
INSERT INTO customers SELECT i, 'customer ' || i, 'r' || i % 5 FROM generate_series(1, 50) i;
INSERT INTO orders SELECT i, i % 50 + 1, (ARRAY['new', 'paid', 'sent'])[i % 3 + 1], i, 'note' FROM generate_series(1, 300) i;
ANALYZE customers, orders;

-- What it depends on, in one line.
CREATE FUNCTION depends(query text, params text[] DEFAULT NULL, reads regclass[] DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(relation || CASE WHEN column_name IS NULL THEN ' (all)' WHEN value IS NULL THEN format(' (%s: none)', column_name)
		ELSE format(' (%s = %s)', column_name, value) END, ', ')
	FROM cache.remember_depends($1, $2, $3)
$$;
-- Is it a hit, and right?
CREATE FUNCTION look(query text, params text[] DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	kept jsonb;
	plain jsonb;
	hits bigint;
	text text := query;
BEGIN
	SELECT coalesce(sum(s.hits), 0) INTO hits FROM cache.space_stats s;
	FOR i IN 1 .. coalesce(array_length(params, 1), 0) LOOP
		text := replace(text, '$' || i, quote_nullable(params[i]));
	END LOOP;
	EXECUTE format('SELECT cache.remember(''look'', ''1 hour'', %L, %L::text[]), (SELECT coalesce(jsonb_agg(to_jsonb(x)), ''[]'') FROM (%s) x)', query, params, text) INTO kept, plain;
	RETURN CASE WHEN kept IS DISTINCT FROM plain THEN format('WRONG: %s, in fact %s', kept, plain)
		WHEN (SELECT sum(s.hits) FROM cache.space_stats s) > hits THEN 'hit' ELSE 'miss' END;
END $$;
-- ----- tracking -----

-- by statement triggers, nothing is known of values
SELECT cache.track('orders'), cache.track('customers');
SELECT tgname, tgtype & 1 AS row FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY 1;
SELECT depends('SELECT * FROM orders WHERE id = 7');
-- nor by another row trigger
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER other AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE orders ENABLE ALWAYS TRIGGER other;
SELECT depends('SELECT * FROM orders WHERE id = 7');
DROP TRIGGER other ON orders;
DROP FUNCTION nothing;
SELECT cache.track('orders', by_value => true), cache.track('customers', true);
SELECT tgname, tgtype & 1 AS row FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY 1;
SELECT * FROM cache.tracked ORDER BY relation;
-- as it was
SELECT cache.track('orders');
SELECT * FROM cache.tracked ORDER BY relation;
SELECT * FROM cache.watched_columns('orders');

-- ----- conditions -----

SELECT depends('SELECT * FROM orders WHERE id = 7');
SELECT depends('SELECT * FROM orders WHERE 7 = id');
SELECT depends('SELECT * FROM orders WHERE id = $1', '{7}');
SELECT depends('SELECT * FROM orders WHERE id = 7::smallint');
SELECT depends('SELECT count(*) FROM orders WHERE id = 7 OR customer = 7');
SELECT depends('SELECT count(*) FROM orders WHERE id > 7');
SELECT depends('SELECT count(*) FROM orders WHERE id + 0 = 7');
SELECT depends('SELECT count(*) FROM orders WHERE customer IN (7, 8)');
SELECT depends('SELECT count(*) FROM orders WHERE customer IN ($1, $2)', '{7, 8}');
SELECT depends('SELECT count(*) FROM orders WHERE customer = ANY ($1)', ARRAY['{7, 8, NULL}']);
SELECT depends('SELECT count(*) FROM orders WHERE customer = ANY ($1)', ARRAY['{}']);
SELECT depends('SELECT count(*) FROM orders WHERE customer = ANY ($1)', ARRAY['{1,2,3,4,5,6,7,8}']);
SELECT depends('SELECT count(*) FROM orders WHERE customer = ANY ($1)', ARRAY['{1,2,3,4,5,6,7,8,9}']);
SELECT depends('SELECT count(*) FROM orders WHERE customer = ALL ($1)', ARRAY['{7}']);
SELECT depends('SELECT count(*) FROM orders WHERE customer <> 7');
SELECT depends('SELECT * FROM orders WHERE id = $1', '{NULL}');
-- the more selective one
SELECT depends('SELECT * FROM orders WHERE state = ''new'' AND id = 7');
-- NULL is no value
SELECT depends('SELECT * FROM orders WHERE customer IS NULL');
-- each occurrence, and each level
SELECT depends('SELECT * FROM orders a, orders b WHERE a.id = 7 AND b.id = 8');
SELECT depends('SELECT * FROM orders a, orders b WHERE a.id = 7');
SELECT depends('SELECT * FROM orders WHERE id = 7 UNION ALL SELECT * FROM orders WHERE id = 8 UNION SELECT * FROM orders WHERE id = 9');
SELECT depends('SELECT (SELECT name FROM customers WHERE id = 3) FROM orders WHERE id = 7');
SELECT depends('SELECT (SELECT name FROM customers c WHERE c.id = o.customer) FROM orders o WHERE id = 7');
SELECT depends('SELECT * FROM orders o WHERE customer = 7 AND EXISTS (SELECT FROM customers c WHERE c.id = o.customer)');
SELECT depends('WITH w AS MATERIALIZED (SELECT * FROM orders) SELECT * FROM w WHERE id = 7');
SELECT depends('WITH w AS (SELECT * FROM orders) SELECT * FROM w WHERE id = 7');
SELECT depends('WITH RECURSIVE w AS (SELECT id FROM orders WHERE id = 7 UNION ALL SELECT o.id FROM orders o JOIN w ON o.id = w.id + 1 WHERE o.id < 3) SELECT * FROM w');
SELECT depends('SELECT * FROM (SELECT * FROM orders ORDER BY amount LIMIT 5) s WHERE id = 7');
SELECT depends('SELECT customer, count(*) FROM orders GROUP BY customer HAVING customer = 7');
SELECT depends('SELECT * FROM orders TABLESAMPLE system (100) REPEATABLE (1) WHERE id = 7');
-- joins
SELECT depends('SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE o.customer = $1', '{7}');
SELECT depends('SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id = 7');
SELECT depends('SELECT * FROM customers c LEFT JOIN orders o ON o.customer = c.id AND o.state = ''new'' WHERE c.id = 7');
SELECT depends('SELECT * FROM customers c LEFT JOIN orders o ON o.customer = c.id WHERE c.id = 7 AND o.state IS NULL');
-- a row says what is read of the other table: that is watched as a whole
SELECT depends('SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = 7');
-- what functions read
CREATE FUNCTION name_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT name FROM customers WHERE id = $1';
CREATE FUNCTION opaque() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM orders); END';
SELECT depends('SELECT name_of(3) FROM customers WHERE id = 7');
SELECT depends('SELECT opaque() FROM orders WHERE id = 7', NULL, '{orders}');
-- at most four columns of a table, sixteen values of a result
SELECT column_name, settled FROM cache.watched_columns('orders');
SELECT depends('SELECT * FROM orders WHERE amount = 7.00');
SELECT column_name FROM cache.watched_columns('orders');
SELECT depends('SELECT * FROM orders WHERE note = ''x''');
SELECT depends('SELECT * FROM orders WHERE note = ''x'' AND state = ''new''');
SELECT depends('SELECT count(*) FROM orders WHERE id IN (1,2,3,4,5,6,7,8) UNION ALL SELECT count(*) FROM orders WHERE id IN (11,12,13,14,15,16,17,18)') LIKE '%(all)%' AS whole;
SELECT depends('SELECT count(*) FROM orders WHERE id IN (1,2,3,4,5,6,7,8) UNION ALL SELECT count(*) FROM orders WHERE id IN (11,12,13,14,15,16,17,18) UNION ALL SELECT count(*) FROM orders WHERE id = 20');
-- what it cannot say
SELECT depends('SELECT * FROM nothing');
SELECT depends('SELECT * FROM orders WHERE id = $1', '{x}');
SELECT depends('SELECT 1 / 0 FROM orders WHERE id = 1');
CREATE TABLE untracked (id int);
SELECT depends('SELECT * FROM untracked WHERE id = 1');
SELECT cache.watched_columns(1);

-- ----- which changes end which result -----

CREATE TABLE steps (n serial, what text, query text, params text[], change text, outcome text);
CREATE FUNCTION step(what text, query text, change text, params text[] DEFAULT NULL) RETURNS void LANGUAGE sql AS
	'INSERT INTO steps (what, query, change, params) VALUES ($1, $2, $3, $4)';
SELECT step('another row', 'SELECT * FROM orders WHERE id = 7', 'UPDATE orders SET note = ''y'' WHERE id = 8');
SELECT step('the row', 'SELECT * FROM orders WHERE id = 7', 'UPDATE orders SET note = ''y'' WHERE id = 7');
SELECT step('without changing it', 'SELECT * FROM orders WHERE id = 7', 'UPDATE orders SET note = note WHERE id = 7');
SELECT step('it leaves', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET customer = 9 WHERE id = 6');
SELECT step('it comes', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET customer = 7 WHERE id = 6');
SELECT step('it goes', 'SELECT * FROM orders WHERE customer = 7', 'DELETE FROM orders WHERE id = 6');
SELECT step('another goes', 'SELECT * FROM orders WHERE customer = 7', 'DELETE FROM orders WHERE id = 9');
SELECT step('it is new', 'SELECT * FROM orders WHERE customer = 7', 'INSERT INTO orders VALUES (6, 7, ''new'', 1)');
SELECT step('another is new', 'SELECT * FROM orders WHERE customer = 7', 'INSERT INTO orders VALUES (9, 10, ''new'', 1)');
SELECT step('of unknown value', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET customer = NULL WHERE id = 9');
SELECT step('and back', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET customer = 7 WHERE id = 9');
SELECT step('no row', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET note = note WHERE id = -1');
SELECT step('one of two values', 'SELECT count(*) FROM orders WHERE customer IN ($1, $2)', 'INSERT INTO orders VALUES (-1, 11)', '{11, 12}');
SELECT step('neither', 'SELECT count(*) FROM orders WHERE customer IN ($1, $2)', 'INSERT INTO orders VALUES (-2, 13)', '{11, 12}');
SELECT step('of NULL', 'SELECT count(*) FROM orders WHERE customer = $1', 'INSERT INTO orders VALUES (-3, NULL)', '{NULL}');
SELECT step('another spelling', 'SELECT * FROM orders WHERE amount = 20', 'UPDATE orders SET amount = 20.000 WHERE id = 30');
SELECT step('the other side of a join', 'SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE o.customer = $1', 'UPDATE customers SET name = ''x'' WHERE id = 14', '{14}');
SELECT step('another of it', 'SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE o.customer = $1', 'UPDATE customers SET name = ''x'' WHERE id = 15', '{14}');
SELECT step('the whole of it', 'SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = 17', 'UPDATE customers SET name = ''x'' WHERE id = 15');
SELECT step('many', 'SELECT * FROM orders WHERE id = 7', 'UPDATE orders SET note = ''z'' WHERE id > 10');
SELECT step('TRUNCATE', 'SELECT * FROM orders WHERE id = 7', 'TRUNCATE orders');
SELECT step('COPY', 'SELECT * FROM orders WHERE id = 7', 'INSERT INTO orders SELECT i, i % 50 + 1, ''new'', i FROM generate_series(1, 20) i');
SELECT step('DDL', 'SELECT id FROM orders WHERE id = 7', 'ALTER TABLE orders ADD extra int DEFAULT 1');
SELECT step('another type', 'SELECT id FROM orders WHERE id = 7', 'ALTER TABLE orders ALTER customer TYPE bigint');
SELECT step('and after it', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET customer = 7 WHERE id = 3');
SELECT step('and another', 'SELECT * FROM orders WHERE customer = 7', 'UPDATE orders SET customer = 8 WHERE id = 4');
SET cache_strategies.bulk_threshold = 100;
-- each change by itself
DO $$
DECLARE
	s record;
	was text;
BEGIN
	FOR s IN SELECT * FROM steps ORDER BY n LOOP
		was := look(s.query, s.params);
		was := look(s.query, s.params);
		IF was <> 'hit' THEN
			RAISE WARNING '% before "%"', was, s.what;
		END IF;
		COMMIT;
		EXECUTE s.change;
		COMMIT;
		UPDATE steps SET outcome = look(s.query, s.params) WHERE n = s.n;
		COMMIT;
	END LOOP;
END $$;
RESET cache_strategies.bulk_threshold;
SELECT what, CASE outcome WHEN 'miss' THEN 'ends it' WHEN 'hit' THEN 'leaves it' ELSE outcome END AS change FROM steps ORDER BY n;

-- ----- savepoints -----

SELECT look('SELECT * FROM orders WHERE id = 7'), look('SELECT * FROM orders WHERE id = 8'), look('SELECT * FROM orders WHERE id = 9');
BEGIN;
SAVEPOINT s;
UPDATE orders SET note = 'sub' WHERE id = 7;
ROLLBACK TO s;
UPDATE orders SET note = 'top' WHERE id = 8;
-- as it has changed the table itself
SELECT look('SELECT * FROM orders WHERE id = 9');
COMMIT;
-- what was rolled back ends it as well
SELECT look('SELECT * FROM orders WHERE id = 7'), look('SELECT * FROM orders WHERE id = 8'), look('SELECT * FROM orders WHERE id = 9');
BEGIN;
UPDATE orders SET note = 'rolled back' WHERE id = 7;
ROLLBACK;
SELECT look('SELECT * FROM orders WHERE id = 7');

-- ----- types -----

CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN small AS int CHECK (VALUE < 1000);
CREATE TYPE pair AS (a int, b int);
CREATE TABLE tried (col text, literal text);
INSERT INTO tried VALUES ('t', '''a'''), ('v', '''a'''), ('c', '''a'''), ('i', '''A'''), ('t COLLATE ignore_case', '''a'''), ('i COLLATE "C"', '''a'''), ('p', '''a'''), ('p COLLATE "default"', '''a'''),
	('m', '''ok'''), ('s', '5'), ('n', '5'), ('n', '5.0'), ('f', '0'), ('f', '''-0'''), ('b', '''\x01'''), ('d', '''2000-01-01'''), ('d', '''2000-01-01''::timestamptz'),
	('z', '''2000-01-01 00:00+00'''), ('u', '''00000000-0000-0000-0000-000000000001'''), ('j', '''1'''), ('o', 'ROW(1, 2)'), ('a', '''{1}'''), ('l', 'true'),
	('w', '''a'''), ('w', '''a''::text'), ('v::char(5)', '''a'''), ('t::varchar', '''a'''), ('k', '5::bigint'), ('k', '5.0'), ('(o).a', '1'), ('k::oid', '5'), ('g', '5');
SET timezone = 'UTC';
-- with a new table each time, as there are four places
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT * FROM tried LOOP
		CREATE TABLE kinds (k int PRIMARY KEY, t text, v varchar, c char(5), i text COLLATE ignore_case, p text COLLATE "C", m mood, s small, n numeric, f float8,
			b bytea, d date, z timestamptz, u uuid, j jsonb, o pair, a int[], l boolean, w name, g int GENERATED ALWAYS AS (k + 1) STORED);
		PERFORM cache.track('kinds', by_value => true);
		COMMIT;
		RAISE NOTICE '% = %: %', r.col, r.literal, depends(format('SELECT k FROM kinds WHERE %s = %s', r.col, r.literal));
		COMMIT;
		DROP TABLE kinds;
	END LOOP;
END $$;
RESET timezone;

-- equal is what the type says
CREATE TABLE equals (k int, i text COLLATE ignore_case, c char(5), n numeric, f float8);
INSERT INTO equals VALUES (1, 'a', 'a', 1, 0);
SELECT cache.track('equals', by_value => true);
TRUNCATE steps;
SELECT step('A and a', 'SELECT k FROM equals WHERE i = ''A''', 'INSERT INTO equals (k, i) VALUES (2, ''a'')');
SELECT step('A and b', 'SELECT k FROM equals WHERE i = ''A''', 'INSERT INTO equals (k, i) VALUES (2, ''b'')');
SELECT step('trailing blanks', 'SELECT k FROM equals WHERE c = ''a  ''', 'INSERT INTO equals (k, c) VALUES (2, ''a'')');
SELECT step('1 and 1.00', 'SELECT k FROM equals WHERE n = 1', 'INSERT INTO equals (k, n) VALUES (2, 1.00)');
SELECT step('0 and -0', 'SELECT k FROM equals WHERE f = 0', 'INSERT INTO equals (k, f) VALUES (2, ''-0'')');
DO $$
DECLARE
	s record;
	was text;
BEGIN
	FOR s IN SELECT * FROM steps ORDER BY n LOOP
		was := look(s.query) || look(s.query);
		COMMIT;
		EXECUTE s.change;
		COMMIT;
		UPDATE steps SET outcome = was || ', ' || look(s.query) WHERE n = s.n;
		COMMIT;
	END LOOP;
END $$;
SELECT what, outcome FROM steps ORDER BY n;

-- ----- partitions, inheritance, attached tables -----

CREATE TABLE parted (id int, k int, v int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
-- its columns are in another order
CREATE TABLE parted_2 (gone int, v int, k int, id int);
ALTER TABLE parted_2 DROP gone;
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (10) TO (20);
CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM (20) TO (30) PARTITION BY RANGE (id);
CREATE TABLE parted_3a (v int, id int, k int);
ALTER TABLE parted_3 ATTACH PARTITION parted_3a FOR VALUES FROM (20) TO (30);
INSERT INTO parted SELECT i, i % 10, 0 FROM generate_series(0, 29) i;
SELECT cache.track('parted');
SELECT depends('SELECT * FROM parted WHERE k = 3'), depends('SELECT * FROM parted WHERE id = 3'), depends('SELECT * FROM parted_2 WHERE k = 3'), depends('SELECT * FROM parted_3 WHERE k = 3');
CREATE TABLE parent (id int, k int);
CREATE TABLE child (x int) INHERITS (parent);
INSERT INTO parent VALUES (1, 1);
INSERT INTO child VALUES (2, 2);
SELECT cache.track('parent'), cache.track('child');
SELECT depends('SELECT * FROM parent WHERE k = 1'), depends('SELECT * FROM ONLY parent WHERE k = 1');
-- in a subquery that is planned by itself, too
SELECT depends('SELECT k FROM parted WHERE NOT EXISTS (SELECT FROM parted WHERE k = 3)'),
	depends('SELECT k FROM parted WHERE k = 4 AND (SELECT count(*) FROM parent WHERE k = 1) > 0'),
	depends('SELECT (SELECT max(k) FROM parted WHERE k IN (5, 6)), (SELECT count(*) FROM parent WHERE k = 1) FROM customers');
CREATE TABLE through (id int PRIMARY KEY, k int);
CREATE TABLE around (id int PRIMARY KEY, k int);
CREATE TABLE aside (id int PRIMARY KEY, k int);
SELECT cache.attach('through', 'write_through'), cache.attach('around', 'write_around', negative_ttl => '1 min'), cache.attach('aside');
INSERT INTO through SELECT i, i FROM generate_series(1, 9) i;
INSERT INTO around SELECT * FROM through;
INSERT INTO aside SELECT * FROM through;
SELECT depends('SELECT * FROM through WHERE k = 3'), depends('SELECT * FROM around WHERE k = 3'), depends('SELECT * FROM aside WHERE k = 3');
SELECT cache.track('through', by_value => true), cache.track('around', by_value => true), cache.track('aside', by_value => true);
SELECT depends('SELECT * FROM through WHERE k = 3'), depends('SELECT * FROM around WHERE k = 3'), depends('SELECT * FROM aside WHERE k = 3');
TRUNCATE steps;
SELECT step(w, 'SELECT * FROM parted WHERE k = 3', c) FROM (VALUES
	('its row in a partition', 'UPDATE parted SET v = v + 1 WHERE k = 3 AND id = 3'), ('another', 'UPDATE parted SET v = v + 1 WHERE k = 4'),
	('in the partition itself', 'UPDATE parted_2 SET v = v + 1 WHERE k = 3'), ('another there', 'UPDATE parted_2 SET v = v + 1 WHERE k = 4'),
	('below', 'UPDATE parted_3a SET v = v + 1 WHERE k = 3'), ('another below', 'UPDATE parted_3 SET v = v + 1 WHERE k = 4'),
	('moved', 'UPDATE parted SET id = 5 WHERE id = 13'), ('another moved', 'UPDATE parted SET id = 5 WHERE id = 14')) s(w, c);
SELECT step('of a partition: ' || w, 'SELECT * FROM parted_2 WHERE k = 3', c) FROM (VALUES
	('its row', 'INSERT INTO parted VALUES (15, 3)'), ('another', 'INSERT INTO parted VALUES (15, 4)'), ('of another partition', 'INSERT INTO parted VALUES (1, 3)')) s(w, c);
SELECT step('inherited: ' || w, 'SELECT * FROM parent WHERE k = 2', c) FROM (VALUES
	('the child''s', 'UPDATE child SET x = 1 WHERE k = 2'), ('the parent''s', 'INSERT INTO parent VALUES (3, 2)'), ('another', 'INSERT INTO child VALUES (3, 3)'), ('through the parent', 'UPDATE parent SET k = 2 WHERE k = 3')) s(w, c);
SELECT step(t || ': ' || w, format('SELECT * FROM %s WHERE k = 3', t), format(c, t)) FROM unnest('{through,around,aside}'::text[]) t, (VALUES
	('its row', 'UPDATE %s SET k = 3 WHERE id = 3'), ('another', 'UPDATE %s SET k = 4 WHERE id = 4'), ('a new one', 'INSERT INTO %s VALUES (10, 3)'), ('another new one', 'INSERT INTO %s VALUES (11, 4)'),
	('it goes', 'DELETE FROM %s WHERE id = 10'), ('another goes', 'DELETE FROM %s WHERE id = 11')) s(w, c);
DO $$
DECLARE
	s record;
	was text;
BEGIN
	FOR s IN SELECT * FROM steps ORDER BY n LOOP
		was := look(s.query);
		was := look(s.query);
		IF was <> 'hit' THEN
			RAISE WARNING '% before "%"', was, s.what;
		END IF;
		COMMIT;
		EXECUTE s.change;
		COMMIT;
		UPDATE steps SET outcome = look(s.query) WHERE n = s.n;
		COMMIT;
	END LOOP;
END $$;
SELECT what, CASE outcome WHEN 'miss' THEN 'ends it' WHEN 'hit' THEN 'leaves it' ELSE outcome END AS change FROM steps ORDER BY n;

-- ----- triggers out of force -----

SELECT look('SELECT * FROM orders WHERE id = 7'), look('SELECT * FROM orders WHERE id = 7');
SET client_min_messages = error;
BEGIN;
ALTER TABLE orders DISABLE TRIGGER cache_strategies_track;
UPDATE orders SET note = 'unseen' WHERE id = 7;
ALTER TABLE orders ENABLE ALWAYS TRIGGER cache_strategies_track;
COMMIT;
RESET client_min_messages;
SELECT look('SELECT * FROM orders WHERE id = 7'), look('SELECT * FROM orders WHERE id = 7');
-- without values
SELECT cache.track('orders', by_value => false);
SELECT depends('SELECT * FROM orders WHERE id = 7');
SELECT cache.untrack('orders');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass;
DROP TABLE customers, orders, untracked, steps, tried, equals, parted, parent, child, through, around, aside;
DROP FUNCTION depends, look, step, name_of, opaque;
DROP TYPE mood, pair;
DROP DOMAIN small;
DROP COLLATION ignore_case;
