-- DDL that converts a table's rows, or gives them new columns, does so with what is
-- deferred as well: what was acknowledged before the command is in the table when it
-- runs, and does not become a dead letter because of it.
\set VERBOSITY terse
CREATE FUNCTION look(relation regclass) RETURNS TABLE (deferred bigint, dead bigint) LANGUAGE sql AS $$
	SELECT dirty_entries, (SELECT count(*) FROM cache.dead_letters d WHERE d.relation = $1) FROM cache.flush_status f WHERE f.relation = $1
$$;
CREATE TABLE prices (id int PRIMARY KEY, price numeric NOT NULL DEFAULT 0, n int NOT NULL DEFAULT 0, label text, kind int);
INSERT INTO prices SELECT i, i FROM generate_series(1, 5) i;
SELECT cache.attach('prices', 'write_back', flush_interval => '1 day',
	merge => '{"price": "replace", "n": "add", "label": "replace", "kind": "replace"}');

-- ----- TYPE -----
-- USING is about what is deferred, too
UPDATE prices SET price = 9.95 WHERE id = 1;
UPDATE prices SET n = n + 3 WHERE id = 2;
ALTER TABLE prices ALTER price TYPE bigint USING (price * 100)::bigint, ALTER n TYPE int USING n * 10;
SELECT id, price, n FROM prices ORDER BY id;
SELECT * FROM look('prices');
-- a value that the new type does not take: for the command to find
UPDATE prices SET label = 'seven' WHERE id = 1;
ALTER TABLE prices ALTER label TYPE int USING label::int;
SELECT id, label FROM prices WHERE id = 1;
UPDATE prices SET label = '7' WHERE id = 1;
ALTER TABLE prices ALTER label TYPE int USING label::int;
SELECT id, label FROM prices WHERE id = 1;
UPDATE prices SET label = 12345 WHERE id = 1;
ALTER TABLE prices ALTER label TYPE varchar(3);
UPDATE prices SET label = 123 WHERE id = 1;
ALTER TABLE prices ALTER label TYPE varchar(3);
SELECT * FROM look('prices');
-- the key
UPDATE prices SET n = n + 1 WHERE id = 3;
ALTER TABLE prices ALTER id TYPE bigint;
SELECT n FROM prices WHERE id = 3;
UPDATE prices SET n = n + 1 WHERE id = 3;
SELECT cache.flush('prices');
SELECT n FROM prices WHERE id = 3;
-- its own deferred writes, and rows that it has changed before or after
BEGIN;
UPDATE prices SET n = n + 1 WHERE id = 4;
ALTER TABLE prices ALTER n TYPE bigint;
ROLLBACK;
UPDATE prices SET n = n + 1 WHERE id = 4;
BEGIN;
ALTER TABLE prices ADD COLUMN changed bool DEFAULT false;
UPDATE prices SET changed = true, n = n + 1 WHERE id = 4;
ALTER TABLE prices ALTER changed SET NOT NULL, ALTER n TYPE bigint;
COMMIT;
SELECT id, n, changed FROM prices WHERE changed;
SELECT * FROM look('prices');
UPDATE prices SET n = n + 1 WHERE id = 4;
BEGIN ISOLATION LEVEL REPEATABLE READ;
ALTER TABLE prices ALTER n TYPE int;
ROLLBACK;
SELECT cache.flush('prices');

-- ----- new columns -----
CREATE TABLE fresh (id int PRIMARY KEY, n int);
SELECT cache.attach('fresh', 'write_back', flush_interval => '1 day', merge => '{"n": "replace"}');
SELECT cache.write(ROW(1, 1)::fresh);
ALTER TABLE fresh ADD COLUMN needed int NOT NULL;
SELECT cache.write(ROW(2, 0)::fresh);
ALTER TABLE fresh ADD COLUMN given int NOT NULL DEFAULT 5;
ALTER TABLE fresh ALTER given DROP DEFAULT;
SELECT * FROM fresh ORDER BY id;
SELECT cache.write(ROW(3, 3, 5)::fresh);
ALTER TABLE fresh ADD COLUMN alone int UNIQUE DEFAULT 1;
ALTER TABLE fresh ADD COLUMN part int GENERATED ALWAYS AS (10 / n) STORED;
UPDATE fresh SET n = 2 WHERE id = 2;
ALTER TABLE fresh ADD COLUMN part int GENERATED ALWAYS AS (10 / n) STORED;
SELECT * FROM fresh ORDER BY id;
CREATE DOMAIN full_text AS text NOT NULL;
UPDATE fresh SET n = 3 WHERE id = 2;
ALTER TABLE fresh ADD COLUMN words full_text;
SELECT * FROM look('fresh');
-- one that is used by a generated column, or is a generated identity, is not deferred
UPDATE fresh SET n = 4 WHERE id = 2;
SELECT id, n, part FROM fresh WHERE id = 2;
SELECT * FROM look('fresh');
CREATE TABLE numbered (id int PRIMARY KEY, n int NOT NULL, m int NOT NULL GENERATED ALWAYS AS IDENTITY);
INSERT INTO numbered VALUES (1, 1), (2, 2);
SELECT cache.attach('numbered', 'write_back', flush_interval => '1 day', merge => '{"m": "replace"}');
SELECT cache.attach('numbered', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
UPDATE numbered SET n = n + 1;
ALTER TABLE numbered ALTER n ADD GENERATED ALWAYS AS IDENTITY;
SELECT * FROM look('numbered');
UPDATE numbered SET n = n + 1;
SELECT cache.increment(NULL::numbered, 'n', 1, 1);
SELECT * FROM look('numbered');
SELECT id, n FROM numbered ORDER BY id;

-- ----- foreign keys, from either side -----
CREATE TABLE kinds (id int PRIMARY KEY, name text);
SELECT cache.attach('kinds', 'write_back', flush_interval => '1 day');
SELECT cache.write(ROW(1, 'one')::kinds);
UPDATE prices SET kind = 1 WHERE id = 1;
-- both are deferred, and what is refused is refused to the command
UPDATE prices SET kind = 2 WHERE id = 2;
ALTER TABLE prices ADD FOREIGN KEY (kind) REFERENCES kinds;
UPDATE prices SET kind = NULL WHERE id = 2;
\set VERBOSITY default
ALTER TABLE prices ADD FOREIGN KEY (kind) REFERENCES kinds;
\set VERBOSITY terse
SELECT id, kind FROM prices WHERE kind IS NOT NULL;
SELECT * FROM look('prices');
SELECT * FROM look('kinds');
SELECT cache.write(ROW(3, 'three')::kinds);
CREATE TABLE other (id int PRIMARY KEY, n int);
INSERT INTO other VALUES (1, 1);
ALTER TABLE other ADD COLUMN kind int DEFAULT 3 REFERENCES kinds;
SELECT * FROM look('kinds');
-- not as another role
CREATE ROLE regress_write_back_alter;
SELECT cache.write(ROW(4, 'four')::kinds);
GRANT CREATE ON SCHEMA public TO regress_write_back_alter;
SET ROLE regress_write_back_alter;
CREATE TABLE others (id int PRIMARY KEY, kind int);
ALTER TABLE others ADD FOREIGN KEY (kind) REFERENCES kinds;
ALTER TABLE prices ADD FOREIGN KEY (kind) REFERENCES others;
CREATE UNIQUE INDEX CONCURRENTLY ON kinds (name);
RESET ROLE;
SELECT * FROM look('kinds');
GRANT REFERENCES (id) ON kinds TO regress_write_back_alter;
SET ROLE regress_write_back_alter;
ALTER TABLE others ADD FOREIGN KEY (kind) REFERENCES kinds;
DROP TABLE others;
RESET ROLE;
SELECT * FROM look('kinds');
REVOKE CREATE ON SCHEMA public FROM regress_write_back_alter;
REVOKE ALL ON kinds FROM regress_write_back_alter;
DROP ROLE regress_write_back_alter;

-- ----- an index that is made while others write -----
-- what is deferred is in the way of the index, and not the other way round
SELECT cache.write(ROW(9, 'one')::kinds);
CREATE UNIQUE INDEX CONCURRENTLY kinds_name ON kinds (name);
SELECT * FROM look('kinds');
DROP INDEX kinds_name;

-- ----- tables of a type -----
CREATE TYPE typed AS (id int, v varchar(10));
CREATE TABLE of_type OF typed (PRIMARY KEY (id));
INSERT INTO of_type VALUES (1, 'a');
SELECT cache.attach('of_type', 'write_back', flush_interval => '1 day', merge => '{"v": "replace"}');
UPDATE of_type SET v = 'abcdef' WHERE id = 1;
ALTER TYPE typed ALTER ATTRIBUTE v TYPE varchar(3) CASCADE;
UPDATE of_type SET v = 'abc' WHERE id = 1;
ALTER TYPE typed ALTER ATTRIBUTE v TYPE varchar(3) CASCADE;
SELECT * FROM of_type;
SELECT * FROM look('of_type');

DROP TABLE prices, fresh, numbered, other, kinds, of_type;
DROP TYPE typed;
DROP DOMAIN full_text;
DROP FUNCTION look;
