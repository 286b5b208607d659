--
-- write_back: RETURNING, ON CONFLICT DO UPDATE, MERGE and views with a check see
-- what is deferred for the row, and put it into the row
--
-- plain SELECTs show what the table has
SET cache_strategies.merge_deferred = off;
CREATE TABLE seen (id int PRIMARY KEY, n int, top int, r text, k text, mail text UNIQUE);
INSERT INTO seen SELECT i, 0, 0, 'table', 'k', 'm' || i FROM generate_series(1, 6) i;
CREATE TABLE plain_seen (LIKE seen INCLUDING ALL);
INSERT INTO plain_seen SELECT * FROM seen;
SELECT cache.attach('seen', 'write_back', flush_interval => '1 day',
	merge => '{"n": "add", "top": "max", "r": "replace"}');

-- UPDATE ... RETURNING: of what it sets, and of what others have deferred
UPDATE seen SET n = n + 5, top = 7, r = 'deferred' WHERE id <= 3;
SELECT n, top, r FROM seen WHERE id = 1;
UPDATE seen SET n = n + 1 WHERE id = 1 RETURNING n;
SELECT n, top, r FROM seen WHERE id = 1;
UPDATE seen SET k = 'direct' WHERE id = 2 RETURNING *;
SELECT n, top, r FROM seen WHERE id = 2;
-- what it does not return stays deferred
UPDATE seen SET k = 'direct' WHERE id = 3 RETURNING id, k;
SELECT n, top, r FROM seen WHERE id = 3;
UPDATE seen SET k = 'more' WHERE id = 3 RETURNING seen;
SELECT n, top, r FROM seen WHERE id = 3;
SELECT * FROM cache.scan(NULL::seen) EXCEPT SELECT * FROM seen;
-- what the transaction itself has deferred, and rolled back
BEGIN;
UPDATE seen SET n = n + 10 WHERE id = 1;
SAVEPOINT a;
UPDATE seen SET n = n + 100 WHERE id = 1;
UPDATE seen SET n = n + 1 WHERE id = 1 RETURNING n;
ROLLBACK TO a;
UPDATE seen SET n = n + 1 WHERE id = 1 RETURNING n;
UPDATE seen SET n = n + 1 WHERE id = 1;
SELECT n FROM cache.read(NULL::seen, 1);
COMMIT;
SELECT n FROM cache.read(NULL::seen, 1);
-- not a row that no longer satisfies the WHERE
UPDATE seen SET n = 1000 WHERE id = 4;
UPDATE seen SET k = 'none' WHERE id = 4 AND n < 10 RETURNING n;
-- DELETE ... RETURNING
UPDATE seen SET r = 'last' WHERE id = 4;
DELETE FROM seen WHERE id = 4 RETURNING id, n, r;
SELECT * FROM cache.read(NULL::seen, 4);
SELECT cache.flush('seen') >= 0 AS flushed;

-- ON CONFLICT DO UPDATE: SET and WHERE
UPDATE seen SET n = 40 WHERE id = 5;
INSERT INTO seen (id, n) VALUES (5, 2) ON CONFLICT (id) DO UPDATE SET n = seen.n + excluded.n;
SELECT n FROM seen WHERE id = 5;
SELECT n FROM cache.read(NULL::seen, 5);
UPDATE seen SET n = n + 1 WHERE id = 5;
INSERT INTO seen (id, n) VALUES (5, 2) ON CONFLICT (id) DO UPDATE SET n = seen.n + excluded.n WHERE seen.n < 43;
INSERT INTO seen (id, n) VALUES (5, 2), (7, 7) ON CONFLICT (id) DO UPDATE SET n = seen.n + excluded.n WHERE seen.n >= 43 RETURNING id, n;
UPDATE seen SET n = n + 1 WHERE id = 5;
INSERT INTO seen (id, k) VALUES (5, 'kept') ON CONFLICT (id) DO UPDATE SET k = excluded.k;
SELECT n, k FROM seen WHERE id = 5;
INSERT INTO seen (id, k) VALUES (5, 'shown') ON CONFLICT (id) DO UPDATE SET k = excluded.k RETURNING n, k;
SELECT n, k FROM seen WHERE id = 5;
UPDATE seen SET r = 'by mail' WHERE id = 6;
INSERT INTO seen (id, mail) VALUES (77, 'm6') ON CONFLICT (mail) DO UPDATE SET r = seen.r || '+', n = seen.n - 1 RETURNING *;
INSERT INTO seen (id, mail) VALUES (77, 'm6') ON CONFLICT (mail) DO UPDATE SET id = excluded.id RETURNING *;
SELECT * FROM cache.read(NULL::seen, 77);
INSERT INTO seen (id, n) VALUES (5, 2), (5, 2) ON CONFLICT (id) DO UPDATE SET n = seen.n + excluded.n;

-- MERGE
UPDATE seen SET n = 50 WHERE id IN (1, 2);
UPDATE seen SET n = 3 WHERE id = 3;
MERGE INTO seen USING (VALUES (1), (2), (3), (8)) v (i) ON id = i
	WHEN MATCHED AND n > 10 AND i = 2 THEN DELETE
	WHEN MATCHED AND n > 10 THEN UPDATE SET n = seen.n + 1, k = 'large'
	WHEN MATCHED THEN UPDATE SET r = r || n
	WHEN NOT MATCHED THEN INSERT VALUES (i, i, i, 'merged', 'new');
SELECT id, n, r, k FROM seen WHERE id IN (1, 2, 3, 8) ORDER BY id;
SELECT id, n, r, k FROM cache.scan(NULL::seen) WHERE id IN (1, 2, 3, 8) ORDER BY id;
UPDATE seen SET n = n + 1 WHERE id = 1;
MERGE INTO seen USING (VALUES (1)) v (i) ON id = i WHEN MATCHED THEN UPDATE SET k = 'kept';
SELECT n, k FROM seen WHERE id = 1;
MERGE INTO seen USING (VALUES (1)) v (i) ON id = i WHEN MATCHED AND n > 1000 THEN UPDATE SET k = 'never' WHEN MATCHED THEN DO NOTHING;
SELECT n, k FROM seen WHERE id = 1;
UPDATE seen SET n = n + 1 WHERE id = 1;
MERGE INTO seen USING (VALUES (1), (1)) v (i) ON id = i WHEN MATCHED THEN UPDATE SET n = n + 1;

-- a view with a check
CREATE VIEW small AS SELECT * FROM seen WHERE n + top < 100 WITH CHECK OPTION;
UPDATE seen SET n = 0, top = 90 WHERE id = 5;
SELECT n, top FROM cache.read(NULL::seen, 5);
UPDATE small SET n = n + 20 WHERE id = 5;
UPDATE small SET n = n + 5 WHERE id = 5;
SELECT n, top FROM seen WHERE id = 5;
DROP VIEW small;

-- nested, prepared, in functions
CREATE FUNCTION next_n(int) RETURNS int LANGUAGE sql AS $$ UPDATE seen SET n = n + 1 WHERE id = $1 RETURNING n $$;
CREATE FUNCTION next_top(int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE result int;
BEGIN
	UPDATE seen SET n = n + 1 WHERE id = $1;
	INSERT INTO seen (id, top) VALUES ($1, 0) ON CONFLICT (id) DO UPDATE SET top = seen.top + seen.n RETURNING top INTO STRICT result;
	RETURN result;
END $$;
UPDATE seen SET n = 10, top = 100 WHERE id = 5;
SELECT next_n(5), next_n(5);
UPDATE seen SET n = next_n(5) WHERE id = 1 RETURNING n;
SELECT next_top(5), next_top(5);
PREPARE counting (int) AS INSERT INTO seen (id, n) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET n = seen.n + 1 RETURNING n;
UPDATE seen SET n = n + 1 WHERE id = 5;
EXECUTE counting(5);
UPDATE seen SET n = n + 1 WHERE id = 5;
EXECUTE counting(5);
EXECUTE counting(9);
WITH u AS (UPDATE seen SET n = n + 1 WHERE id IN (1, 5) RETURNING id, n),
	i AS (INSERT INTO seen (id, n) VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET n = seen.n + 1 RETURNING id, n)
	SELECT * FROM u UNION ALL SELECT * FROM i ORDER BY id;

-- a BEFORE trigger of the user's comes on top; system columns; EXPLAIN
CREATE FUNCTION on_seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := NEW.n * 2; RETURN NEW; END $$;
CREATE TRIGGER on_seen BEFORE UPDATE ON seen FOR EACH ROW EXECUTE FUNCTION on_seen();
UPDATE seen SET n = 10 WHERE id = 9;
UPDATE seen SET n = n + 1 WHERE id = 9 RETURNING n;
INSERT INTO seen (id, n) VALUES (9, 1) ON CONFLICT (id) DO UPDATE SET n = seen.n + excluded.n RETURNING n;
DROP TRIGGER on_seen ON seen;
UPDATE seen SET n = n + 1 WHERE id = 9;
INSERT INTO seen (id) VALUES (9) ON CONFLICT (id) DO UPDATE SET n = seen.n + 1
	WHERE seen.tableoid = 'seen'::regclass AND seen.xmin <> '0' AND seen.ctid <> '(0,0)' RETURNING n, tableoid = 'seen'::regclass AS ours;
UPDATE seen SET n = n + 1 WHERE id = 9;
\getenv source PG_ABS_SRCDIR
\set plan :source '/sql/include/plan.sql'
\i :plan
SELECT plan('VERBOSE OFF', 'INSERT INTO seen (id) VALUES (9) ON CONFLICT (id) DO UPDATE SET n = seen.n + 1 WHERE seen.n < 0');
-- under another name of the trigger that defers
ALTER TRIGGER zz_cache_strategies_defer ON seen RENAME TO zz_other;
UPDATE seen SET n = n + 1 WHERE id = 9;
\echo :ROW_COUNT
UPDATE seen SET n = n + 1 WHERE id = 9 RETURNING n;
ALTER TRIGGER zz_other ON seen RENAME TO zz_cache_strategies_defer;
-- whole rows
SELECT n FROM cache.write(ROW(9, 500, 1, 'written', 'whole', NULL)::seen);
UPDATE seen SET n = n + 1 WHERE id = 9 RETURNING *;
SELECT n FROM cache.write(ROW(9, 500, 1, 'written', 'whole', NULL)::seen);
INSERT INTO seen (id) VALUES (9) ON CONFLICT (id) DO UPDATE SET k = seen.k || '!' RETURNING *;
SELECT n FROM cache.write(ROW(9, 700, 1, 'written', 'whole', NULL)::seen);
MERGE INTO seen USING (VALUES (9)) v (i) ON id = i WHEN MATCHED AND k = 'whole' THEN UPDATE SET k = k || '?';
SELECT * FROM cache.read(NULL::seen, 9);
SELECT cache.flush('seen') >= 0 AS flushed;
SELECT * FROM seen WHERE id = 9;

-- REPEATABLE READ
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE seen SET n = n + 1 WHERE id = 9;
UPDATE seen SET n = n + 1 WHERE id = 9 RETURNING n;
INSERT INTO seen (id) VALUES (9) ON CONFLICT (id) DO UPDATE SET n = seen.n + 1 RETURNING n;
COMMIT;

-- the same statements against both tables: the same answers, the same rows
TRUNCATE seen;
INSERT INTO seen SELECT * FROM plain_seen;
CREATE FUNCTION answer(statement text, relation text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text[] := '{}';
	row record;
	rows bigint;
BEGIN
	statement := format(statement, relation);
	IF statement !~ 'RETURNING' THEN
		EXECUTE statement;
		GET DIAGNOSTICS rows = ROW_COUNT;
		RETURN rows;
	END IF;
	FOR row IN EXECUTE statement LOOP result := result || row::text; END LOOP;
	-- they come as they are stored, which need not be the same in both
	RETURN (SELECT coalesce(string_agg(r, '' ORDER BY r COLLATE "C"), '') FROM unnest(result) r);
EXCEPTION WHEN cardinality_violation OR unique_violation THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION on_both(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mine text := answer(statement, 'seen');
	plain text := answer(statement, 'plain_seen');
BEGIN
	IF EXISTS (SELECT * FROM cache.scan(NULL::seen) EXCEPT SELECT * FROM plain_seen) OR
		EXISTS (SELECT * FROM plain_seen EXCEPT SELECT * FROM cache.scan(NULL::seen)) THEN
		RETURN 'other rows';
	END IF;
	RETURN mine || CASE WHEN mine = plain THEN '' ELSE ' instead of ' || plain END;
END $$;
CREATE PROCEDURE all_on_both() LANGUAGE plpgsql AS $$
DECLARE
	statements text[] := ARRAY[
		'UPDATE %1$I SET n = n + 1',
		'UPDATE %1$I SET n = n + 1 WHERE id = 1 RETURNING *',
		'INSERT INTO %1$I VALUES (2, 1) ON CONFLICT (id) DO UPDATE SET n = %1$I.n + 1',
		'INSERT INTO %1$I VALUES (2, 1), (9, 9) ON CONFLICT (id) DO UPDATE SET n = %1$I.n + 1 RETURNING *',
		'UPDATE %1$I SET r = ''s'' || n WHERE id IN (1, 2, 9)',
		'MERGE INTO %1$I m USING generate_series(1, 10) i ON m.id = i WHEN MATCHED AND i %% 3 = 0 THEN UPDATE SET r = r || n WHEN MATCHED AND n > 1 THEN UPDATE SET n = n + 100 WHEN MATCHED AND i = 4 THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (i, -1)',
		'UPDATE %1$I SET n = -n, top = top + 1',
		'INSERT INTO %1$I VALUES (3, 1, 50, ''r'') ON CONFLICT (id) DO UPDATE SET top = excluded.top, r = %1$I.r || excluded.r WHERE %1$I.n <> 0 RETURNING n, top, r',
		'UPDATE %1$I SET k = ''all'' RETURNING id, n, r',
		'UPDATE %1$I SET n = n + 1 WHERE id > 2',
		'INSERT INTO %1$I VALUES (5, 0, 0, NULL, NULL, ''m6'') ON CONFLICT (mail) DO UPDATE SET n = %1$I.n * 2',
		'INSERT INTO %1$I SELECT 3, i FROM generate_series(1, 2) i ON CONFLICT (id) DO UPDATE SET n = excluded.n',
		'DELETE FROM %1$I WHERE id = 3 RETURNING *',
		'UPDATE %1$I SET n = n + 1 WHERE id > 2',
		'DELETE FROM %1$I WHERE id = 5',
		'INSERT INTO %1$I VALUES (5, 5) ON CONFLICT (id) DO UPDATE SET n = 0 RETURNING *',
		'UPDATE %1$I SET id = id + 100 WHERE id = 5 RETURNING *',
		'UPDATE %1$I SET n = n + 1 RETURNING id',
		'UPDATE %1$I SET n = n + 1 RETURNING n'];
	results text := '';
BEGIN
	FOR i IN 1 .. cardinality(statements) LOOP
		results := results || E'\n' || on_both(statements[i]);
		COMMIT;
	END LOOP;
	RAISE NOTICE '%', results;
END $$;
CALL all_on_both();
-- and in one transaction, with all deferred by it
TRUNCATE seen, plain_seen;
INSERT INTO plain_seen SELECT i, 0, 0, 'table', 'k', 'm' || i FROM generate_series(1, 6) i;
INSERT INTO seen SELECT * FROM plain_seen;
CREATE FUNCTION one_by_one() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
	FOREACH statement IN ARRAY ARRAY[
		'UPDATE %1$I SET n = n + 1, r = ''mine''',
		'INSERT INTO %1$I VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = %1$I.n + 1 RETURNING n, r',
		'UPDATE %1$I SET n = n + 1',
		'INSERT INTO %1$I VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = %1$I.n + 1 RETURNING n, r',
		'MERGE INTO %1$I m USING generate_series(1, 3) i ON m.id = i WHEN MATCHED AND n > 1 THEN UPDATE SET n = n * 10',
		'UPDATE %1$I SET n = n + 1 RETURNING n, r',
		'UPDATE %1$I SET n = n + 1',
		'DELETE FROM %1$I WHERE id = 2 RETURNING n']
	LOOP
		RETURN NEXT on_both(statement);
	END LOOP;
END $$;
SELECT * FROM one_by_one();
SELECT cache.flush('seen') >= 0 AS flushed;
SELECT * FROM seen EXCEPT SELECT * FROM plain_seen;
SELECT * FROM plain_seen EXCEPT SELECT * FROM seen;

SELECT cache.detach('seen');
DROP TABLE seen, plain_seen;
DROP PROCEDURE all_on_both();
DROP FUNCTION answer(text, text), on_both(text), one_by_one(), next_n(int), next_top(int), on_seen();
