-- A column loses its merge rule while writes of it are deferred: what is written to
-- it afterwards goes to the table, and sees them.

CREATE FUNCTION deferred_table() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DROP TABLE IF EXISTS s;
	CREATE TABLE s (k int PRIMARY KEY, v int, w int, m int);
	INSERT INTO s SELECT i, 1, 0, i FROM generate_series(1, 6) i;
	PERFORM cache.attach('s', 'write_back', merge => '{"v": "add", "m": "max"}', flush_interval => '1 day');
	UPDATE s SET v = v + 1, m = 50;
END $$;
SET client_min_messages = warning;

-- it gets another name
SELECT deferred_table();
ALTER TABLE s RENAME v TO c;
SELECT cache.read(NULL::s, 1);
UPDATE s SET c = c + 1 WHERE k = 1;
UPDATE s SET c = 7 WHERE k = 2;
UPDATE s SET w = 5 WHERE k = 3;
SELECT cache.increment(NULL::s, 'c', 10, 4);
UPDATE s SET c = c * 10 + w, w = c WHERE k = 5;
SELECT cache.read(NULL::s, k) FROM s ORDER BY k;
SELECT cache.flush('s') >= 0 AS flushed;
SELECT * FROM s ORDER BY k;

-- in the transaction that deferred
SELECT deferred_table();
BEGIN;
UPDATE s SET v = v + 5 WHERE k = 1;
ALTER TABLE s RENAME v TO c;
UPDATE s SET c = c + 1 WHERE k = 1;
COMMIT;
SELECT cache.read(NULL::s, 1);
SELECT cache.flush('s') >= 0 AS flushed;
SELECT * FROM s WHERE k = 1;

-- two columns change their names, and with them their rules
SELECT deferred_table();
BEGIN; ALTER TABLE s RENAME v TO x; ALTER TABLE s RENAME w TO v; ALTER TABLE s RENAME x TO w; COMMIT;
UPDATE s SET w = w + 1 WHERE k = 1;
UPDATE s SET v = v + 1 WHERE k = 1;
SELECT cache.read(NULL::s, 1);
SELECT cache.flush('s') >= 0 AS flushed;
SELECT * FROM s WHERE k = 1;

-- it becomes unique, or something is generated from it
SELECT deferred_table();
ALTER TABLE s ADD g int GENERATED ALWAYS AS (v * 2) STORED;
UPDATE s SET v = v + 100 WHERE k = 1;
SELECT cache.increment(NULL::s, 'v', 100, 2);
SELECT cache.flush('s') >= 0 AS flushed;
SELECT * FROM s WHERE k <= 3 ORDER BY k;
SELECT deferred_table();
UPDATE s SET v = v + k * 10;
SELECT cache.flush('s') >= 0 AS flushed;
UPDATE s SET v = v + 1;
CREATE UNIQUE INDEX ON s (v);
UPDATE s SET v = v + 100 WHERE k = 1;
SELECT cache.increment(NULL::s, 'v', 100, 2);
SELECT cache.flush('s') >= 0 AS flushed;
SELECT k, v FROM s ORDER BY k;
DROP TABLE s;
DROP FUNCTION deferred_table;
