--
-- write_back: plain SELECTs see what is deferred, whatever the plan
--
SET jit = off;
CREATE TABLE p (id int PRIMARY KEY, k text, n int NOT NULL, r text, big text);
INSERT INTO p SELECT i, 'k' || i % 10, i, 'table', repeat('x', 3000) FROM generate_series(1, 200) i;
CREATE INDEX p_k ON p (k);
CREATE INDEX p_n ON p (n);
CREATE INDEX p_some ON p (id) WHERE n > 1000;
CREATE TABLE twin (LIKE p INCLUDING ALL);
INSERT INTO twin SELECT * FROM p;
CREATE TABLE other (id int PRIMARY KEY, p int);
INSERT INTO other SELECT i, i * 3 % 200 + 1 FROM generate_series(1, 50) i;
VACUUM ANALYZE p, twin, other;
SELECT cache.attach('p', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "r": "replace"}');
CREATE FUNCTION stored() RETURNS SETOF p LANGUAGE sql SET cache_strategies.merge_deferred = off AS 'SELECT * FROM p';

-- the same of both tables
CREATE FUNCTION do_both(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format(statement, 'p');
	EXECUTE format(statement, 'twin');
END $$;
CREATE FUNCTION rows_of(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
	EXECUTE format('SELECT string_agg(s::text, E''\n'') FROM (%s) s', query) INTO result;
	RETURN result;
END $$;
-- each query by each kind of plan; what differs is returned
CREATE TABLE queries (no serial, query text);
INSERT INTO queries (query) VALUES
	('SELECT id, k, n, r, length(big) FROM %I ORDER BY id'),
	('SELECT * FROM %I WHERE id = 5'),
	('SELECT n FROM %I WHERE id IN (1, 5, 7, 300, 301) ORDER BY id'),
	('SELECT id FROM %I WHERE n > 190 ORDER BY id'),
	('SELECT id FROM %I WHERE n = 5 ORDER BY id'),
	('SELECT id, n FROM %I WHERE n BETWEEN 3 AND 8 ORDER BY id'),
	('SELECT id FROM %I WHERE n > 1000 ORDER BY id'),
	('SELECT id FROM %I WHERE n > 1000 AND id < 100 ORDER BY id'),
	('SELECT id, n FROM %I WHERE k = ''k5'' AND n < 300 ORDER BY id'),
	('SELECT id, n FROM %I WHERE k = ''changed'' OR n = 12 ORDER BY id'),
	('SELECT k, n FROM %I WHERE k >= ''k8'' ORDER BY k, n, id'),
	('SELECT k, count(*), sum(n) FROM %I GROUP BY k ORDER BY k'),
	('SELECT count(*), sum(n), max(n), min(n), max(id), min(r) FROM %I'),
	('SELECT count(*) FROM %I'),
	('SELECT id FROM %I ORDER BY n DESC, id LIMIT 5'),
	('SELECT id, n FROM %I ORDER BY id DESC LIMIT 5'),
	('SELECT n FROM %I ORDER BY n LIMIT 7'),
	('SELECT n FROM %I WHERE r <> ''table'' ORDER BY n DESC LIMIT 7'),
	('SELECT k, n FROM %I WHERE id = n ORDER BY n LIMIT 7'),
	('SELECT k FROM %I ORDER BY k DESC LIMIT 3'),
	('SELECT o.id, p.n, p.r FROM other o JOIN %I p ON p.id = o.p ORDER BY o.id'),
	('SELECT o.id, p.id FROM other o LEFT JOIN %I p ON p.n = o.id ORDER BY o.id, p.id'),
	('SELECT a.id, b.n FROM %1$I a JOIN %1$I b ON b.id = a.id + 1 WHERE a.n < 20 ORDER BY a.id'),
	('SELECT id FROM other o WHERE EXISTS (SELECT FROM %I p WHERE p.id = o.p AND p.n > 190) ORDER BY id'),
	('SELECT id, (SELECT n FROM %I p WHERE p.id = o.p) FROM other o ORDER BY id'),
	('SELECT id FROM other o WHERE o.p NOT IN (SELECT n FROM %I) ORDER BY id'),
	('SELECT a.n FROM %1$I a JOIN %1$I b USING (n) ORDER BY a.n'),
	('SELECT (SELECT p FROM %I p WHERE id = 7) IS NOT NULL AS whole'),
	('SELECT id, n FROM (SELECT * FROM %I OFFSET 0) s WHERE r <> ''table'' ORDER BY id'),
	('SELECT id, row_number() OVER (ORDER BY n, id) FROM %I ORDER BY id'),
	('SELECT id FROM %I WHERE n %% 7 = 0 AND random() >= 0 ORDER BY id'),
	('SELECT id FROM %I WHERE n > (SELECT avg(n) FROM %1$I) ORDER BY id'),
	('SELECT id FROM %I TABLESAMPLE SYSTEM (100) WHERE n = 105 AND id < 300');
CREATE FUNCTION differing() RETURNS TABLE (no int, off text, p text, twin text) LANGUAGE plpgsql AS $$
DECLARE
	kinds text[] = ARRAY['', 'seqscan,bitmapscan', 'seqscan,indexscan,indexonlyscan', 'indexonlyscan', 'nestloop', 'hashjoin,mergejoin'];
	kind text;
	single text;
BEGIN
	FOREACH kind IN ARRAY kinds LOOP
		FOREACH single IN ARRAY string_to_array(kind, ',') LOOP
			PERFORM set_config('enable_' || single, 'off', true);
		END LOOP;
		RETURN QUERY SELECT s.* FROM (SELECT q.no, kind, rows_of(format(q.query, 'p')) mine, rows_of(format(q.query, 'twin')) plain
			FROM queries q OFFSET 0) s WHERE mine IS DISTINCT FROM plain;
		FOREACH single IN ARRAY string_to_array(kind, ',') LOOP
			PERFORM set_config('enable_' || single, 'on', true);
		END LOOP;
	END LOOP;
END $$;

-- nothing is deferred
SELECT * FROM differing();
-- single columns, which the table does not have
SELECT do_both('UPDATE %I SET n = n + 1000 WHERE id %% 20 = 5');
SELECT do_both('UPDATE %I SET n = n + 100, r = ''deferred'' WHERE id %% 20 = 6');
SELECT do_both('UPDATE %I SET n = n - 3 WHERE id = 8');
SELECT count(*) FROM stored() WHERE n <> id OR r <> 'table';
SELECT * FROM differing();
-- and changes by plain SQL
SELECT do_both('UPDATE %I SET k = ''direct'' WHERE id = 25');
SELECT do_both('DELETE FROM %I WHERE id = 45');
SELECT do_both('INSERT INTO %I VALUES (201, ''k1'', 1, ''table'', '''')');
-- changes of the transaction's own, with savepoints
BEGIN;
SELECT do_both('UPDATE %I SET n = n + 7 WHERE id < 10');
SAVEPOINT a;
SELECT do_both('UPDATE %I SET n = n + 50, r = ''own'' WHERE id IN (5, 7)');
ROLLBACK TO a;
SELECT do_both('DELETE FROM %I WHERE id = 9');
SELECT * FROM differing();
ROLLBACK;
SELECT * FROM differing();
-- of few rows each is looked up
CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
		IF line !~ 'Heap Fetches|Index Searches|Heap Blocks' THEN RETURN NEXT replace(line, '.00', ''); END IF;
	END LOOP;
END $$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT explained('SELECT n FROM p WHERE id = 5');
SELECT explained('SELECT n FROM p WHERE id = 5 AND n > 3');
SELECT explained('SELECT o.id, p.n FROM other o JOIN p ON p.id = o.p WHERE o.id <= 2');
-- also if the transaction itself flushes meanwhile
BEGIN;
DECLARE c NO SCROLL CURSOR FOR SELECT n FROM p WHERE id = 5;
SELECT cache.flush('p') > 0 AS flushed;
FETCH ALL FROM c;
ROLLBACK;
RESET enable_seqscan;
RESET enable_bitmapscan;
-- whole rows: of keys that the table has, and of new ones
SELECT cache.write(ROW(300, 'changed', 12, 'new', '')::p), cache.write(ROW(15, 'changed', 2000, 'written', 'y')::p),
	cache.write(ROW(301, 'k9', 195, 'new', '')::p);
INSERT INTO twin VALUES (300, 'changed', 12, 'new', ''), (301, 'k9', 195, 'new', '');
UPDATE twin SET k = 'changed', n = 2000, r = 'written', big = 'y' WHERE id = 15;
SELECT do_both('UPDATE %I SET n = n + 1 WHERE id = 16');
SELECT * FROM differing();
SELECT id, k, n FROM stored() WHERE id IN (15, 16, 300, 301) ORDER BY id;
SELECT ctid = (SELECT ctid FROM p q WHERE q.id = 15) AS same, xmin::text <> '0' AS xmin, tableoid::regclass FROM p WHERE id = 15;
SELECT cache.flush('p') > 0 AS flushed;
SELECT * FROM differing();
SELECT id, k, n FROM stored() WHERE id IN (15, 16, 300, 301) ORDER BY id;

-- what the plan says
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT n + 1 FROM p WHERE id = 5;
SELECT explained('SELECT n + 1 FROM p WHERE id = 5');
UPDATE p SET n = n + 1 WHERE id IN (5, 6, 7);
SELECT explained('SELECT n + 1 FROM p WHERE id = 5');
SELECT explained('SELECT id FROM p WHERE id < 8 ORDER BY id');
SELECT explained('SELECT id FROM p WHERE n > 1000 AND k = ''k5''');
SELECT explained('SELECT n FROM p ORDER BY n LIMIT 1');
RESET enable_seqscan;
RESET enable_bitmapscan;
UPDATE twin SET n = n + 1 WHERE id IN (5, 6, 7);

-- UPDATE and DELETE find the rows of their table by what is deferred, too, by any plan
CREATE FUNCTION changed_by(kind text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mine bigint;
	plain bigint;
	single text;
BEGIN
	FOREACH single IN ARRAY string_to_array(kind, ',') LOOP
		PERFORM set_config('enable_' || single, 'off', true);
	END LOOP;
	EXECUTE format(statement, 'p');
	GET DIAGNOSTICS mine = ROW_COUNT;
	EXECUTE format(statement, 'twin');
	GET DIAGNOSTICS plain = ROW_COUNT;
	FOREACH single IN ARRAY string_to_array(kind, ',') LOOP
		PERFORM set_config('enable_' || single, 'on', true);
	END LOOP;
	RETURN mine || CASE WHEN mine = plain THEN '' ELSE ' instead of ' || plain END;
END $$;
SELECT do_both('UPDATE %I SET n = n + 500 WHERE id BETWEEN 100 AND 110');
SELECT changed_by('', 'UPDATE %I SET n = 0 WHERE n BETWEEN 600 AND 603');
SELECT changed_by('seqscan,bitmapscan', 'UPDATE %I SET n = n * 2 WHERE n BETWEEN 604 AND 605');
SELECT changed_by('seqscan,indexscan,indexonlyscan', 'UPDATE %I SET n = n + 1, k = ''both'' WHERE n IN (606, 1208)');
SELECT changed_by('indexscan,bitmapscan', 'UPDATE %I SET n = 1 WHERE n IN (100, 101, 102)');
SELECT changed_by('seqscan,bitmapscan', 'UPDATE %I SET n = 1, r = n::text WHERE n IN (607, 103, 104) RETURNING id, n');
SELECT changed_by('', 'UPDATE %I SET r = ''found'' WHERE r = ''deferred'' AND n > 100');
SELECT changed_by('', 'DELETE FROM %I WHERE n = 608');
SELECT changed_by('seqscan,bitmapscan', 'DELETE FROM %I WHERE n IN (609, 110) RETURNING n');
SELECT changed_by('', 'UPDATE %1$I SET n = 7 FROM other o WHERE %1$I.id = o.p AND %1$I.n > 500');
SELECT changed_by('', 'UPDATE %I SET n = n - 1 WHERE n < 0');
BEGIN;
SELECT do_both('UPDATE %I SET n = 77777 WHERE id = 50');
SELECT changed_by('', 'UPDATE %I SET n = n + 1 WHERE n = 77777');
SELECT changed_by('seqscan,bitmapscan', 'DELETE FROM %I WHERE n = 77778');
ROLLBACK;
SELECT * FROM differing();
SELECT cache.flush('p') > 0 AS flushed;
SELECT * FROM differing();
DROP FUNCTION changed_by(text, text);

-- other statements that read: views, functions, COPY, INSERT, CREATE TABLE AS, UPDATE ... FROM
CREATE VIEW seen_p AS SELECT id, n FROM p WHERE n > 1000;
SELECT count(*) FROM seen_p;
CREATE FUNCTION n_of(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM p WHERE id = $1';
SELECT n_of(5), (SELECT n FROM twin WHERE id = 5);
COPY (SELECT id, n FROM p WHERE id IN (5, 6) ORDER BY id) TO STDOUT;
CREATE TABLE copied AS SELECT id, n FROM p WHERE id < 10;
INSERT INTO copied SELECT id, n FROM p WHERE id BETWEEN 10 AND 20;
SELECT count(*) FROM copied JOIN twin USING (id, n);
UPDATE copied c SET n = p.n + 1 FROM p WHERE p.id = c.id AND p.n > 1000;
SELECT c.id, c.n - twin.n AS difference FROM copied c JOIN twin USING (id) WHERE c.n <> twin.n ORDER BY id;
DELETE FROM copied USING p WHERE p.id = copied.id AND p.n > 1000;
SELECT count(*) FROM copied;
MERGE INTO copied c USING p ON p.id = c.id WHEN MATCHED AND p.n > 100 THEN DELETE WHEN MATCHED THEN UPDATE SET n = p.n;
SELECT count(*) FROM copied;

-- cursors see what there was when they were opened, and go backward
BEGIN;
DECLARE c CURSOR FOR SELECT id, n FROM p WHERE id < 8 ORDER BY id;
FETCH 2 FROM c;
UPDATE p SET n = n + 1000000 WHERE id < 8;
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ALL FROM c;
FETCH BACKWARD ALL FROM c;
MOVE LAST FROM c;
FETCH PRIOR FROM c;
CLOSE c;
ROLLBACK;
BEGIN;
DECLARE c CURSOR FOR SELECT id, n FROM p WHERE id = 7;
FETCH c;
UPDATE p SET r = 'current' WHERE CURRENT OF c;
SELECT id, r FROM p WHERE r = 'current';
ROLLBACK;
BEGIN;
SET LOCAL enable_seqscan = off;
DECLARE c CURSOR FOR SELECT id FROM p WHERE id = 201;
FETCH c;
DELETE FROM p WHERE CURRENT OF c;
SELECT count(*) FROM p WHERE id = 201;
ROLLBACK;
-- a flush by the transaction itself does not change what an open cursor sees
BEGIN;
DECLARE c NO SCROLL CURSOR FOR SELECT id, n FROM p WHERE id IN (5, 6);
DECLARE d NO SCROLL CURSOR FOR SELECT n FROM p WHERE id = 7;
SELECT n FROM p WHERE id = 7;
SELECT cache.flush('p') > 0 AS flushed;
FETCH ALL FROM c;
FETCH ALL FROM d;
SELECT id, n FROM p WHERE id IN (5, 6, 7) ORDER BY id;
ROLLBACK;
SELECT id, n FROM p WHERE id IN (5, 6, 7) ORDER BY id;

-- a statement does not see what it defers itself
WITH u AS (UPDATE p SET n = n + 5 WHERE id = 1) SELECT n FROM p WHERE id = 1;
SELECT n FROM p WHERE id = 1;
UPDATE twin SET n = n + 5 WHERE id = 1;
SELECT * FROM differing();

-- results of plain SELECTs are not kept, as they would not fall with what is deferred
SET cache_strategies.results = declared;
SELECT reason FROM cache.explain_result('SELECT /* cache */ sum(n) FROM p');
RESET cache_strategies.results;

-- prepared statements, attach and detach, the setting
PREPARE one(int) AS SELECT n FROM p WHERE id = $1;
EXECUTE one(5);
UPDATE p SET n = n + 1 WHERE id = 5;
EXECUTE one(5);
SET cache_strategies.merge_deferred = off;
EXECUTE one(5);
EXPLAIN (COSTS OFF) EXECUTE one(5);
RESET cache_strategies.merge_deferred;
EXECUTE one(5);
SELECT cache.detach('p');
EXECUTE one(5);
EXPLAIN (COSTS OFF) EXECUTE one(5);
SELECT cache.attach('p', 'write_back', flush_interval => '1 day', merge => '{"r": "replace"}');
UPDATE p SET r = 'again' WHERE id = 5;
SELECT r FROM p WHERE r = 'again';
SELECT cache.attach('p', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
EXECUTE one(5);
UPDATE p SET n = n + 1 WHERE id = 5;
EXECUTE one(5);
SELECT count(*) FROM p WHERE n = (SELECT n + 2 FROM twin WHERE id = 5);

SELECT cache.detach('p');
DEALLOCATE one;
DROP VIEW seen_p;
DROP FUNCTION stored(), do_both(text), rows_of(text), differing(), explained(text), n_of(int);
DROP TABLE p, twin, other, queries, copied;

-- ----- subqueries over the table that the statement changes -----
CREATE TABLE own (id int PRIMARY KEY, n int, r text, c int);
CREATE TABLE own_twin (LIKE own INCLUDING ALL);
INSERT INTO own SELECT i, i, 'r' || i, i % 3 FROM generate_series(1, 9) i;
INSERT INTO own_twin TABLE own;
SELECT cache.attach('own', 'write_back', merge => '{"n": "add", "r": "replace"}', flush_interval => '1 day');
CREATE PROCEDURE on_both(statement text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE replace(statement, 'TABLE_', 'own');
	EXECUTE replace(statement, 'TABLE_', 'own_twin');
END $$;
CREATE VIEW own_differs AS (TABLE own EXCEPT ALL TABLE own_twin) UNION ALL (TABLE own_twin EXCEPT ALL TABLE own);
BEGIN;
CALL on_both($$ UPDATE TABLE_ SET n = n + 10, r = 'z' || r $$);
CALL on_both($$ UPDATE TABLE_ x SET (n, r) = (SELECT sum(y.n), min(y.r) FROM TABLE_ y WHERE y.c = x.c) WHERE x.n > 12 $$);
SELECT * FROM own ORDER BY id;
TABLE own_differs;
CALL on_both($$ UPDATE TABLE_ x SET (n, r) = (SELECT max(y.n), max(y.r || x.id) FROM TABLE_ y WHERE y.c = x.c), c = 1 - c WHERE x.id > 2 $$);
TABLE own_differs;
CALL on_both($$ UPDATE TABLE_ x SET n = x.n + y.n FROM TABLE_ y WHERE y.id = x.id + 1 $$);
TABLE own_differs;
-- by merged values
CALL on_both($$ MERGE INTO TABLE_ x USING (SELECT id, n FROM TABLE_ WHERE n < 45) s ON x.id = s.id AND x.n >= 12
	WHEN MATCHED THEN UPDATE SET n = x.n + s.n $$);
TABLE own_differs;
COMMIT;
SELECT id, n, r FROM own WHERE n > 60 ORDER BY id FOR UPDATE;
-- a STABLE function sees what its statement sees, one that is VOLATILE what there is
CREATE FUNCTION total_of(of text, id int) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE result int;
BEGIN
	EXECUTE format('SELECT sum(n) FROM %I WHERE id <> $1', of) INTO result USING id;
	RETURN result;
END $$;
CREATE FUNCTION total_now(of text, id int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE result int;
BEGIN
	EXECUTE format('SELECT sum(n) FROM %I WHERE id <> $1', of) INTO result USING id;
	RETURN result;
END $$;
CREATE FUNCTION bump(of text, i int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE result int;
BEGIN
	EXECUTE format('UPDATE %I SET n = n + 1 WHERE id = $1', of) USING i;
	EXECUTE format('UPDATE %I SET n = n + total_of($2, $1), r = n::text WHERE id = $1', of) USING i, of;
	EXECUTE format('SELECT n FROM %I WHERE id = $1', of) INTO result USING i;
	RETURN result;
END $$;
CALL on_both($$ UPDATE TABLE_ SET n = n + total_of('TABLE_', id) $$);
TABLE own_differs;
CALL on_both($$ UPDATE TABLE_ SET n = total_of('TABLE_', 0), c = c + 1 WHERE id < 5 $$);
TABLE own_differs;
CALL on_both($$ UPDATE TABLE_ SET n = n + total_now('TABLE_', id) % 100 WHERE id IN (3, 7) $$);
TABLE own_differs;
BEGIN;
CALL on_both($$ UPDATE TABLE_ SET n = id $$);
SAVEPOINT a;
CALL on_both($$ UPDATE TABLE_ SET n = n + total_of('TABLE_', id) $$);
RELEASE a;
CALL on_both($$ UPDATE TABLE_ SET n = n - total_of('TABLE_', id) $$);
TABLE own_differs;
SELECT bump('own', i) = bump('own_twin', i) AS same, total_of('own', 0) = total_of('own_twin', 0) AS of_statement,
	total_now('own', 0) = total_now('own_twin', 0) AS of_now FROM generate_series(1, 4) i, generate_series(1, 5);
TABLE own_differs;
DECLARE c CURSOR FOR SELECT total_of('own', i), total_of('own_twin', i) FROM generate_series(1, 3) i;
FETCH 1 FROM c;
CALL on_both($$ UPDATE TABLE_ SET n = n + 1000 $$);
FETCH ALL FROM c;
ROLLBACK;
-- also of functions that count themselves, and of the statements after
BEGIN;
SELECT cache.increment(NULL::own, 'n', 5, 1), total_of('own', 0) - total_of('own_twin', 0) AS difference;
SELECT total_of('own', 0) - total_of('own_twin', 0) AS difference;
ROLLBACK;
TABLE own_differs;
-- functions in parallel workers, which do not know what the transaction has deferred
CREATE FUNCTION n_of(of int) RETURNS int LANGUAGE plpgsql STABLE PARALLEL SAFE AS 'BEGIN RETURN (SELECT n FROM own WHERE id = of); END';
CREATE TABLE many AS SELECT i, i % 9 + 1 AS own FROM generate_series(1, 1000) i;
ANALYZE many;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
CALL on_both($$ UPDATE TABLE_ SET n = n + id $$);
EXPLAIN (COSTS OFF) SELECT count(*) FROM many JOIN own_twin t ON t.id = own WHERE n_of(own) <> t.n;
SELECT count(*) FROM many JOIN own_twin t ON t.id = own WHERE n_of(own) <> t.n;
BEGIN;
CALL on_both($$ UPDATE TABLE_ SET n = n + 1 WHERE id = 4 $$);
SELECT count(*) FROM many JOIN own_twin t ON t.id = own WHERE n_of(own) <> t.n;
SELECT cache.flush('own') > 0 AS flushed;
SELECT count(*) FROM many JOIN own_twin t ON t.id = own WHERE n_of(own) <> t.n;
ROLLBACK;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;
-- a cursor on one row of many with deferred changes looks at the row when it gets there
CREATE FUNCTION open_cursor(name refcursor, of text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	OPEN name FOR EXECUTE format('SELECT id, n FROM %I WHERE id = 1', of);
	RETURN 'open';
END $$;
BEGIN;
CALL on_both($$ UPDATE TABLE_ SET n = n + 1 $$);
DECLARE c CURSOR FOR SELECT own.n, own_twin.n AS twin FROM own, own_twin WHERE own.id = 1 AND own_twin.id = 1;
CALL on_both($$ UPDATE TABLE_ SET n = n + 10 WHERE id = 1 $$);
FETCH c;
CLOSE c;
DECLARE c CURSOR FOR SELECT own.n, own_twin.n AS twin FROM own, own_twin WHERE own.id = 1 AND own_twin.id = 1;
SAVEPOINT a;
CALL on_both($$ UPDATE TABLE_ SET n = n + 100 WHERE id = 1 $$);
RELEASE a;
FETCH c;
CLOSE c;
-- one that is opened between two changes by the same command
SELECT n FROM own WHERE id = 1;
SELECT cache.increment(NULL::own, 'n', 1000, 1), open_cursor('f', 'own'), cache.increment(NULL::own, 'n', 10000, 1);
FETCH f;
SELECT n FROM own WHERE id = 1;
ROLLBACK;
-- conditions are tested with the row as it is merged, and not merged twice
CALL on_both($$ UPDATE TABLE_ SET n = n + 50 WHERE id = 2 $$);
CALL on_both($$ UPDATE TABLE_ SET r = 'found' WHERE n BETWEEN 40 AND (SELECT n + 1 FROM own_twin WHERE id = 2) $$);
CALL on_both($$ DELETE FROM TABLE_ WHERE id = 2 AND n <= (SELECT n + 1 FROM own_twin WHERE id = 2) $$);
TABLE own_differs;
DROP FUNCTION open_cursor(refcursor, text);
DROP TABLE many;
DROP FUNCTION n_of(int), bump(text, int), total_of(text, int), total_now(text, int);
SELECT cache.flush('own') > 0 AS flushed;
TABLE own_differs;
SELECT cache.detach('own');
DROP VIEW own_differs;
DROP TABLE own, own_twin;
DROP PROCEDURE on_both(text);
