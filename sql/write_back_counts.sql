--
-- write_back: a deferred UPDATE counts its rows
--
CREATE TABLE counted (id int PRIMARY KEY, n int, f float8, k text);
INSERT INTO counted SELECT i, 0, 0, 'k' FROM generate_series(1, 5) i;
SELECT cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "f": "add"}');
-- how many rows of the table itself have changed
CREATE FUNCTION written() RETURNS bigint LANGUAGE sql SET cache_strategies.merge_deferred = off AS $$ SELECT count(*) FROM counted WHERE n <> 0 OR f <> 0 OR k <> 'k' $$;

-- the tag
UPDATE counted SET n = n + 1;
\echo :ROW_COUNT
UPDATE counted SET n = n + 1 WHERE id = 1;
\echo :ROW_COUNT
UPDATE counted SET n = n + 1 WHERE id > 3;
\echo :ROW_COUNT
UPDATE counted SET n = n + 1 WHERE id = 77;
\echo :ROW_COUNT
-- without an effect; not found by what is deferred
UPDATE counted SET n = n WHERE id <= 2;
\echo :ROW_COUNT
UPDATE counted SET n = 9 WHERE id = 1 AND n = 0;
\echo :ROW_COUNT
-- a row that is met twice
UPDATE counted SET n = n + v FROM (VALUES (1, 1), (1, 1), (2, 1)) AS u (i, v) WHERE id = i;
\echo :ROW_COUNT
UPDATE counted SET n = n + v FROM (VALUES (1, 0), (1, 0), (2, 0)) AS u (i, v) WHERE id = i;
\echo :ROW_COUNT
SELECT written();
-- some rows are deferred, and some are not
UPDATE counted SET f = CASE WHEN id <= 2 THEN 'NaN' ELSE f + 1 END;
\echo :ROW_COUNT
SELECT written();
-- through a view, by a cursor, prepared
CREATE VIEW counted_view AS SELECT id AS key, n AS number FROM counted;
UPDATE counted_view SET number = number + 1 WHERE key >= 3;
\echo :ROW_COUNT
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM counted WHERE id = 4 FOR UPDATE;
FETCH c \gset
UPDATE counted SET n = n + 1 WHERE CURRENT OF c;
\echo :ROW_COUNT
COMMIT;
PREPARE plus (int) AS UPDATE counted SET n = n + 1 WHERE id = $1;
EXECUTE plus(3);
\echo :ROW_COUNT
-- of a statement with several parts the main one counts
WITH u AS (UPDATE counted SET n = n + 1 WHERE id <= 3) SELECT 1 AS one;
\echo :ROW_COUNT
WITH u AS (UPDATE counted SET n = n + 1 WHERE id <= 3) UPDATE counted SET n = n + 1 WHERE id = 4;
\echo :ROW_COUNT
WITH u AS (UPDATE counted SET n = n + 1 WHERE id <= 3) DELETE FROM counted WHERE id = 77;
\echo :ROW_COUNT
-- triggers that skip a row, or change the table on the way
CREATE FUNCTION on_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.id = 1 THEN RETURN NULL; END IF;
	IF NEW.id = 2 THEN UPDATE counted SET n = n + 1 WHERE id IN (4, 5); END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER on_counted BEFORE UPDATE ON counted FOR EACH ROW EXECUTE FUNCTION on_counted();
UPDATE counted SET n = n + 1 WHERE id <= 3;
\echo :ROW_COUNT
DROP TRIGGER on_counted ON counted;

-- in functions
CREATE FUNCTION count_in_plpgsql() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	rows bigint;
BEGIN
	UPDATE counted SET n = n + 1 WHERE id <= 3;
	GET DIAGNOSTICS rows = ROW_COUNT;
	result := rows || ' ' || FOUND;
	UPDATE counted SET n = n + 1 WHERE id = 77;
	GET DIAGNOSTICS rows = ROW_COUNT;
	result := result || ', ' || rows || ' ' || FOUND;
	EXECUTE 'UPDATE counted SET n = n + $1 WHERE id < 3' USING 1;
	GET DIAGNOSTICS rows = ROW_COUNT;
	result := result || ', ' || rows;
	BEGIN
		UPDATE counted SET n = n + 1 WHERE id < 5;
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN
		GET DIAGNOSTICS rows = ROW_COUNT;
		result := result || ', ' || rows;
	END;
	UPDATE counted SET n = n + (SELECT nested()) WHERE id = 5;
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN result || ', ' || rows;
END $$;
CREATE FUNCTION nested() RETURNS int LANGUAGE plpgsql AS $$
DECLARE rows int;
BEGIN
	UPDATE counted SET n = n + 1 WHERE id <= 2;
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN rows;
END $$;
SELECT count_in_plpgsql();
CREATE FUNCTION count_in_sql() RETURNS void LANGUAGE sql AS $$ UPDATE counted SET n = n + 1 $$;
SELECT count_in_sql();
\echo :ROW_COUNT
SELECT id, n FROM cache.scan(NULL::counted) ORDER BY id;
SELECT written();

-- EXPLAIN says what it says of any table
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		IF line !~ 'Trigger|Index Searches' THEN RETURN NEXT replace(line, '.00', ''); END IF;
	END LOOP;
END $$;
SELECT explained('UPDATE counted SET n = n + 1 WHERE id + 0 > 3');
CREATE TABLE plain_counted (LIKE counted INCLUDING ALL);
INSERT INTO plain_counted SELECT * FROM counted;
SELECT explained('UPDATE plain_counted SET n = n + 1 WHERE id + 0 > 3');

-- the same statements against both tables: the same counts, the same rows
SELECT cache.flush('counted') > 0 AS flushed;
TRUNCATE plain_counted;
INSERT INTO plain_counted SELECT * FROM counted;
CREATE FUNCTION on_both(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mine bigint;
	plain bigint;
BEGIN
	EXECUTE format(statement, 'counted');
	GET DIAGNOSTICS mine = ROW_COUNT;
	EXECUTE format(statement, 'plain_counted');
	GET DIAGNOSTICS plain = ROW_COUNT;
	RETURN mine || CASE WHEN mine = plain THEN '' ELSE ' instead of ' || plain END;
END $$;
SELECT on_both('UPDATE %1$I SET n = n + 1');
SELECT on_both('UPDATE %1$I SET n = id WHERE id <> 3');
SELECT on_both('UPDATE %1$I SET n = n');
SELECT on_both('UPDATE %1$I SET n = 1, f = 2 WHERE id IN (1, 1, 9)');
SELECT on_both('UPDATE %1$I SET f = 1e300 WHERE id IN (1, 2)');
SELECT on_both('UPDATE %1$I SET f = f + 1');
SELECT cache.flush('counted') > 0 AS flushed;
SELECT on_both('UPDATE %1$I t SET n = t.n + o.n FROM %1$I o WHERE o.id = t.id + 1');
SELECT on_both('UPDATE %1$I SET n = n + 1, k = k || 1 WHERE id > 2');
SELECT on_both('UPDATE %1$I SET n = NULL WHERE id = 5');
SELECT on_both('UPDATE %1$I SET n = n + 1 WHERE id = 5');
SELECT on_both('UPDATE %1$I SET id = id + 10, n = n + 1 WHERE id = 4');
SELECT on_both('DELETE FROM %1$I WHERE n IS NULL');
SELECT on_both('UPDATE %1$I SET n = n + 1');
SELECT cache.flush('counted') >= 0 AS flushed;
SELECT * FROM counted EXCEPT ALL SELECT * FROM plain_counted;
SELECT * FROM plain_counted EXCEPT ALL SELECT * FROM counted;

SELECT cache.detach('counted');
DROP VIEW counted_view;
DROP TABLE counted, plain_counted;
DROP FUNCTION written(), on_counted(), count_in_plpgsql(), count_in_sql(), nested(), explained(text), on_both(text);
