--
-- write_back: long transactions, and what a plain SELECT does when there is little to merge
--
SET jit = off;
SET cache_strategies.merge_deferred = on;
CREATE TABLE long (id int PRIMARY KEY, k text NOT NULL, n int NOT NULL, r text);
INSERT INTO long SELECT i, 'k' || i, 0, 'table' FROM generate_series(1, 20000) i;
CREATE INDEX long_k ON long (k);
VACUUM ANALYZE long;
SELECT cache.attach('long', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "r": "replace"}');
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		IF line !~ 'Heap Fetches|Index Searches|Heap Blocks' THEN RETURN NEXT replace(line, '.00', ''); END IF;
	END LOOP;
END $$;

-- each of 10,000 SELECTs sees what the transaction has deferred before it, and notes none of it
BEGIN;
DO $$
DECLARE
	seen int;
	wrong int := 0;
BEGIN
	FOR i IN 1..10000 LOOP
		UPDATE long SET n = n + i WHERE id = i;
		SELECT n INTO seen FROM long WHERE id = i;
		wrong := wrong + (seen <> i)::int;
		SELECT n INTO seen FROM long WHERE k = 'k' || greatest(i - 1, 1);
		wrong := wrong + (seen <> greatest(i - 1, 1))::int;
		SELECT n INTO seen FROM long WHERE id = i + 1;
		wrong := wrong + (seen <> 0)::int;
	END LOOP;
	RAISE NOTICE '% wrong', wrong;
END $$;
SELECT explained('SELECT n FROM long WHERE id = 5000');
SELECT explained('SELECT n FROM long WHERE k = ''k5000''');
SELECT explained('SELECT count(*), sum(n) FROM long');
SELECT count(*), sum(n) FROM long;
-- one key, over and over
DO $$
DECLARE seen int;
BEGIN
	FOR i IN 1..1000 LOOP
		UPDATE long SET n = n + 1 WHERE id = 20000;
		SELECT n INTO STRICT seen FROM long WHERE id = 20000;
		IF seen <> i THEN RAISE 'n is %, not %', seen, i; END IF;
	END LOOP;
END $$;
-- what is rolled back is not seen
SAVEPOINT a;
UPDATE long SET n = n + 1000000, r = 'undone' WHERE id IN (5, 15000);
SELECT id, n, r FROM long WHERE id IN (5, 15000) ORDER BY id;
ROLLBACK TO a;
SELECT id, n, r FROM long WHERE id IN (5, 15000) ORDER BY id;
SAVEPOINT a;
UPDATE long SET n = n + 1 WHERE id IN (5, 15000);
RELEASE a;
SELECT id, n, r FROM long WHERE id IN (5, 15000) ORDER BY id;
ROLLBACK;
SELECT sum(n) FROM long;

-- cursors see what was there when they were opened, each its own, in subtransactions too
BEGIN;
UPDATE long SET n = n + 1 WHERE id <= 4 OR id > 19900;
DECLARE one NO SCROLL CURSOR FOR SELECT id, n FROM long WHERE id IN (1, 2, 3, 4, 5);
UPDATE long SET n = n + 10 WHERE id <= 5;
DECLARE two NO SCROLL CURSOR FOR SELECT id, n FROM long WHERE id IN (1, 2, 3, 4, 5);
SAVEPOINT a;
UPDATE long SET n = n + 100 WHERE id IN (1, 2, 5);
DECLARE three NO SCROLL CURSOR FOR SELECT id, n FROM long WHERE id IN (1, 2, 3, 4, 5);
UPDATE long SET n = n + 1000 WHERE id IN (1, 5);
SAVEPOINT b;
UPDATE long SET n = n + 10000 WHERE id IN (1, 2);
UPDATE long SET n = n + 10000 WHERE id IN (1, 2);
DECLARE four NO SCROLL CURSOR FOR SELECT id, n FROM long WHERE id IN (1, 2, 3, 4, 5);
RELEASE b;
UPDATE long SET n = n + 100000 WHERE id IN (1, 2);
FETCH 2 FROM one;
FETCH 2 FROM two;
FETCH 2 FROM three;
FETCH ALL FROM four;
SAVEPOINT c;
UPDATE long SET n = -1 WHERE id <= 5;
ROLLBACK TO c;
FETCH ALL FROM two;
RELEASE a;
FETCH ALL FROM one;
FETCH ALL FROM three;
SELECT id, n FROM long WHERE id <= 5 ORDER BY id;
ROLLBACK;
-- a function that the statement calls defers, and sees that; the statement does not
CREATE FUNCTION bump(int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE seen int;
BEGIN
	UPDATE long SET n = n + 1 WHERE id <= 5;
	SELECT n INTO seen FROM long WHERE id = $1;
	RETURN seen;
END $$;
BEGIN;
UPDATE long SET n = n + 1 WHERE id > 19900;
SELECT id, bump(id), n FROM long WHERE id IN (1, 2, 3, 4, 5) ORDER BY id;
COMMIT;
SELECT id, n FROM long WHERE id IN (1, 2, 3, 4, 5) ORDER BY id;

-- once a whole row has been flushed, keys are looked up again
UPDATE long SET n = n + 1 WHERE id BETWEEN 1000 AND 1100;
SELECT explained('SELECT n FROM long WHERE id = 1000');
SELECT cache.write(ROW(20001, 'k20001', 5, 'whole')::long);
SELECT explained('SELECT n FROM long WHERE id = 1000');
SELECT cache.flush('long') > 0 AS flushed;
UPDATE long SET n = n + 1 WHERE id BETWEEN 1000 AND 1100;
SELECT explained('SELECT n FROM long WHERE id = 1000');
-- one that is rolled back is none
BEGIN;
SELECT cache.write(ROW(20002, 'k20002', 5, 'whole')::long);
SELECT explained('SELECT n FROM long WHERE id = 1000');
SELECT n, k FROM long WHERE id = 20002;
SELECT n, k FROM long WHERE k = 'k20002';
ROLLBACK;
SELECT explained('SELECT n FROM long WHERE id = 1000');

-- with nothing deferred the scan is executed as without us; with the names, and the columns that are left out
SELECT cache.flush('long') > 0 AS flushed;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
CREATE TABLE named AS SELECT id AS key FROM long WHERE id < 4 ORDER BY id;
SELECT * FROM named;
SELECT id AS key FROM long WHERE id < 4 ORDER BY id DESC;
SELECT 1 AS one FROM long WHERE id < 4 ORDER BY id;
SELECT n AS number FROM long WHERE id = 5 ORDER BY id;
SELECT id, n, (SELECT max(key) FROM named) AS greatest FROM long WHERE id = (SELECT max(key) FROM named);
SELECT id + (SELECT count(*) FROM named WHERE key > 1) AS sum FROM long WHERE id = 7;
SELECT key, (SELECT n FROM long WHERE id = key) FROM named ORDER BY key;
SELECT key, n FROM named JOIN long ON id = key ORDER BY key;
SELECT count(*) FROM (SELECT id FROM long WHERE id < 3 UNION ALL SELECT key FROM named) s;
WITH RECURSIVE w AS (SELECT id FROM long WHERE id = 1 UNION ALL SELECT l.id FROM w JOIN long l ON l.id = w.id + 1 WHERE l.id < 4) TABLE w;
INSERT INTO named SELECT id FROM long WHERE id BETWEEN 5 AND 6;
SELECT string_agg(key::text, ',' ORDER BY key) FROM named;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- a deferral between two executions of a plan, and while a cursor is open
PREPARE one(int) AS SELECT id, n FROM long WHERE id = $1;
PREPARE several AS SELECT id, n FROM long WHERE id IN (1, 2) ORDER BY id;
PREPARE total AS SELECT sum(n) FROM long WHERE id IN (1, 2);
EXECUTE one(7);
EXECUTE several;
EXECUTE total;
UPDATE long SET n = n + 100 WHERE id IN (2, 7);
EXECUTE one(7);
EXECUTE several;
EXECUTE total;
SELECT cache.flush('long') > 0 AS flushed;
EXECUTE one(7);
EXECUTE several;
EXECUTE total;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id, n FROM long WHERE id IN (1, 2) ORDER BY id;
FETCH c;
UPDATE long SET n = n + 1000 WHERE id IN (1, 2);
FETCH c;
MOVE BACKWARD ALL FROM c;
FETCH ALL FROM c;
EXECUTE several;
ROLLBACK;
-- in one statement a scan is begun again for each row, while a function defers
SELECT key, bump(key), (SELECT n FROM long WHERE id = key) FROM named WHERE key < 4 ORDER BY key;
SELECT key, (SELECT n FROM long WHERE id = key) FROM named WHERE key < 4 ORDER BY key;

DEALLOCATE ALL;
SELECT cache.detach('long');
DROP FUNCTION explained(text), bump(int);
DROP TABLE long, named;
