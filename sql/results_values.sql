-- Plain SELECTs whose results depend on rows with certain values: which conditions of a plan are watched,
-- and which changes end a result.

SET client_min_messages = warning;
CREATE SCHEMA resv;
SET search_path = resv;
CREATE TABLE customers (id int PRIMARY KEY, name text);
CREATE TABLE orders (id int PRIMARY KEY, customer int, state text, v int);
INSERT INTO customers SELECT i, 'customer ' || i FROM generate_series(1, 50) i;
INSERT INTO orders SELECT i, i % 50 + 1, (ARRAY['new', 'paid', 'sent'])[i % 3 + 1], i FROM generate_series(1, 300) i;
CREATE INDEX ON orders (customer);
ANALYZE customers, orders;
SELECT cache.track('orders'), cache.track('customers');
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;

-- Lines of EXPLAIN ANALYZE that say how it was answered, and what is watched.
CREATE FUNCTION how(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	lines text[];
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
		IF line ~ '^ *(Result|Watched Tables|Watched Values): ' THEN
			lines := lines || trim(line);
		END IF;
	END LOOP;
	RETURN array_to_string(lines, '; ');
END $$;

\getenv source PG_ABS_SRCDIR
\set plan :source '/sql/include/plan.sql'
\i :plan

-- by statement triggers, nothing is known of values
SELECT how('SELECT sum(v) FROM orders WHERE customer = 7');
SELECT watches, by_value FROM cache.explain_result('SELECT sum(v) FROM orders WHERE customer = 7');
SELECT cache.track('orders', by_value => true), cache.track('customers', by_value => true);

-- ----- EXPLAIN -----

EXPLAIN (COSTS OFF) SELECT sum(v) FROM orders WHERE customer = 7;
SELECT how('SELECT sum(v) FROM orders WHERE customer = 7');
SELECT * FROM plan('VERBOSE OFF', 'SELECT sum(v) FROM orders WHERE customer = 7');
SELECT watches, by_value FROM cache.explain_result('SELECT sum(v) FROM orders WHERE customer = 7');
SELECT watches, by_value FROM cache.explain_result('SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id = $1');
SELECT watches, by_value FROM cache.explain_result('SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE o.id = $1');
SELECT watches, by_value FROM cache.explain_result('SELECT * FROM orders WHERE customer IN (1, 2)');
SELECT watches, by_value FROM cache.explain_result('SELECT * FROM orders WHERE customer IN ($1, $2)');
SELECT watches, by_value FROM cache.explain_result('SELECT * FROM orders WHERE customer = ANY ($1)');
SELECT watches, by_value FROM cache.explain_result('SELECT * FROM orders a, orders b WHERE a.id = 7');

-- ----- conditions -----

SELECT how('SELECT * FROM orders WHERE id = 7');
SELECT how('SELECT * FROM orders WHERE id > 299');
SELECT how('SELECT * FROM orders WHERE id = 7 OR customer = 7');
SELECT how('SELECT * FROM orders WHERE customer IN (7, 8)');
SELECT how('SELECT * FROM orders WHERE customer IS NULL');
SELECT how('SELECT * FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id = 9');
SELECT how('SELECT * FROM customers c LEFT JOIN orders o ON o.customer = c.id AND o.state = ''new'' WHERE c.id = 9');
SELECT how('SELECT * FROM customers c WHERE c.id = 9 AND NOT EXISTS (SELECT FROM orders o WHERE o.customer = c.id)');
SELECT how('SELECT (SELECT name FROM customers WHERE id = 3) FROM orders WHERE id = 7');
SELECT how('SELECT (SELECT name FROM customers c WHERE c.id = o.customer) FROM orders o WHERE id = 7');
SELECT how('SELECT id FROM orders WHERE id = 7 UNION SELECT id FROM orders WHERE id = 8');
SELECT how('SELECT id FROM orders WHERE id = 7 UNION SELECT count(*) FROM orders');
SELECT how('SELECT * FROM (SELECT customer, sum(v) AS s FROM orders GROUP BY customer) s WHERE customer = 5');
SELECT how('WITH w AS MATERIALIZED (SELECT * FROM orders WHERE customer = 5) SELECT count(*) FROM w');
SELECT how('WITH w AS MATERIALIZED (SELECT * FROM orders) SELECT count(*) FROM w WHERE customer = 5');
SELECT how('SELECT max(id) FROM orders WHERE customer = 5');
-- what functions read
CREATE FUNCTION total_of(int) RETURNS bigint LANGUAGE sql STABLE AS 'SELECT sum(v) FROM orders WHERE customer = $1 GROUP BY customer';
SELECT how('SELECT total_of(3) FROM orders WHERE id = 7');
UPDATE orders SET v = v + 1 WHERE customer = 3;
SELECT how('SELECT total_of(3) FROM orders WHERE id = 7');
-- constants are folded by functions that plan statements of their own
CREATE FUNCTION many(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	n int;
BEGIN
	SELECT count(*) + 1000 INTO n FROM orders WHERE customer = a;
	RETURN n;
END $$;
SELECT how('SELECT * FROM orders WHERE id = 7 AND v < many(4)');
SELECT relation, column_name, value FROM cache.remember_depends('SELECT * FROM orders WHERE id = 7 AND v < many(4)');
-- the same where those have no node
SET cache_strategies.results = declared;
DISCARD PLANS;
SELECT how('SELECT *, 1 FROM orders WHERE id = 7 AND v < many(4) /* cache */');
DISCARD PLANS;
SELECT relation, column_name, value FROM cache.remember_depends('SELECT *, 2 FROM orders WHERE id = 7 AND v < many(4)');
SET cache_strategies.results = auto;

-- ----- parameters -----

PREPARE of_customer(int) AS SELECT sum(v) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id = $1;
SELECT how('EXECUTE of_customer(5)');
SELECT how('EXECUTE of_customer(5)');
SET plan_cache_mode = force_generic_plan;
-- found by the other plan
SELECT how('EXECUTE of_customer(5)');
SELECT how('EXECUTE of_customer(6)');
SELECT how('EXECUTE of_customer(NULL)');
PREPARE of_customers(int[]) AS SELECT sum(v) FROM orders WHERE customer = ANY ($1);
SELECT how('EXECUTE of_customers(''{1,2,NULL}'')');
SELECT how('EXECUTE of_customers(''{}'')');
SELECT how('EXECUTE of_customers(''{1,2,3,4,5,6,7,8,9}'')');
RESET plan_cache_mode;
-- as PL/pgSQL runs it
CREATE FUNCTION total(a int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT sum(v) FROM orders WHERE customer = a);
END $$;
SELECT total(1), total(2), total(1), total(2), total(1), total(2), total(1), total(2);
UPDATE orders SET v = v + 1000 WHERE id = 1;
SELECT total(1), total(2);

-- ----- which changes end which result -----

CREATE FUNCTION answers(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text := substring(how(query) FROM 'Result: ([^;]*)');
	kept text;
	plain text;
BEGIN
	EXECUTE format('SELECT string_agg(s::text, '','') FROM (%s) s', query) INTO kept;
	SET LOCAL cache_strategies.results = off;
	EXECUTE format('SELECT string_agg(s::text, '','') FROM (%s) s', query) INTO plain;
	SET LOCAL cache_strategies.results = auto;
	RETURN CASE WHEN kept IS DISTINCT FROM plain THEN format('WRONG: %s, in fact %s', kept, plain) ELSE before END;
END $$;
CREATE TABLE steps (n serial, what text, query text, change text, outcome text);
INSERT INTO steps (what, query, change) SELECT w, 'SELECT * FROM orders WHERE customer = 7', c FROM (VALUES
	('another row', 'UPDATE orders SET v = v + 1 WHERE id = 8'), ('its row', 'UPDATE orders SET v = v + 1 WHERE id = 6'),
	('it leaves', 'UPDATE orders SET customer = 9 WHERE id = 6'), ('it comes', 'UPDATE orders SET customer = 7 WHERE id = 6'),
	('it goes', 'DELETE FROM orders WHERE id = 6'), ('another goes', 'DELETE FROM orders WHERE id = 9'),
	('it is new', 'INSERT INTO orders VALUES (6, 7)'), ('another is new', 'INSERT INTO orders VALUES (9, 10)'),
	('of unknown value', 'UPDATE orders SET customer = NULL WHERE id = 9'), ('many', 'UPDATE orders SET v = v + 1'),
	('TRUNCATE', 'TRUNCATE orders'), ('COPY', 'INSERT INTO orders SELECT i, i % 50 + 1 FROM generate_series(1, 300) i'),
	('DDL', 'ALTER TABLE orders ADD extra int DEFAULT 1')) s(w, c);
INSERT INTO steps (what, query, change) SELECT 'join: ' || w, 'SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer WHERE c.id = 7', c FROM (VALUES
	('the other side', 'UPDATE customers SET name = ''x'' WHERE id = 7'), ('another of it', 'UPDATE customers SET name = ''x'' WHERE id = 8'),
	('an order', 'UPDATE orders SET customer = 7 WHERE id = 20'), ('another', 'UPDATE orders SET customer = 8 WHERE id = 21')) s(w, c);
SET cache_strategies.bulk_threshold = 100;
DO $$
DECLARE
	s record;
BEGIN
	FOR s IN SELECT * FROM steps ORDER BY n LOOP
		IF answers(s.query) || answers(s.query) NOT LIKE '%hit' THEN
			RAISE WARNING 'no hit before "%"', s.what;
		END IF;
		COMMIT;
		EXECUTE s.change;
		COMMIT;
		UPDATE steps SET outcome = answers(s.query) WHERE n = s.n;
		COMMIT;
	END LOOP;
END $$;
RESET cache_strategies.bulk_threshold;
SELECT what, CASE outcome WHEN 'kept' THEN 'ends it' WHEN 'hit' THEN 'leaves it' ELSE outcome END AS change FROM steps ORDER BY n;
-- what was rolled back ends it as well
SELECT answers('SELECT * FROM orders WHERE id = 7'), answers('SELECT * FROM orders WHERE id = 8'), answers('SELECT * FROM orders WHERE id = 9');
BEGIN;
SAVEPOINT s;
UPDATE orders SET v = 1 WHERE id = 7;
ROLLBACK TO s;
UPDATE orders SET v = 2 WHERE id = 8;
SELECT answers('SELECT * FROM orders WHERE id = 9');
COMMIT;
SELECT answers('SELECT * FROM orders WHERE id = 7'), answers('SELECT * FROM orders WHERE id = 8'), answers('SELECT * FROM orders WHERE id = 9');

-- ----- equal is what the collation says -----

CREATE COLLATION ignore_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE named (i text COLLATE ignore_case);
INSERT INTO named VALUES ('a');
SELECT cache.track('named', by_value => true);
SELECT how('SELECT count(*) FROM named WHERE i = ''A''');
SELECT how('SELECT count(*) FROM named WHERE i = ''A''::name COLLATE ignore_case');
INSERT INTO named VALUES ('a');
SELECT answers('SELECT count(*) FROM named WHERE i = ''A''');
SELECT answers('SELECT count(*) FROM named WHERE i = ''A''::name COLLATE ignore_case');

-- ----- partitions -----

CREATE TABLE parted (id int, k int, v int) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_2 (v int, k int, id int);
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (10) TO (20);
INSERT INTO parted SELECT i, i % 10, 0 FROM generate_series(0, 19) i;
SELECT cache.track('parted');
SELECT how('SELECT sum(v) FROM parted WHERE k = 3');
UPDATE parted_2 SET v = v + 1 WHERE k = 4;
SELECT answers('SELECT sum(v) FROM parted WHERE k = 3');
UPDATE parted_2 SET v = v + 1 WHERE k = 3;
SELECT answers('SELECT sum(v) FROM parted WHERE k = 3');
UPDATE parted SET id = 5 WHERE id = 13;
SELECT answers('SELECT sum(v) FROM parted_1 WHERE k = 3'), answers('SELECT sum(v) FROM parted WHERE k = 3');

DROP SCHEMA resv CASCADE;
