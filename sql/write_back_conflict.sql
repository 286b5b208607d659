-- INSERT that meets a row which only the cache has: the outcome is that of a row which
-- the table has.
\set VERBOSITY terse
CREATE TABLE c (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, s text, u int UNIQUE);
CREATE TABLE c_twin (LIKE c INCLUDING ALL);
INSERT INTO c VALUES (1, 1, 'table'), (2, 2, 'table');
INSERT INTO c_twin TABLE c;
SELECT cache.attach('c', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "s": "replace"}');
CREATE PROCEDURE write(id int, n int, s text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache.write(ROW(id, n, s, NULL)::c);
	INSERT INTO c_twin VALUES (id, n, s);
END $$;
-- the same of both tables: the count, what is returned, the error
CREATE FUNCTION on_both(statement text) RETURNS TABLE (of text, rows bigint, outcome text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH of IN ARRAY '{c,c_twin}'::text[] LOOP
		BEGIN
			outcome := NULL;
			IF statement ~ 'RETURNING' THEN
				EXECUTE format('WITH done AS (%s) SELECT count(*), string_agg(done::text, '' '' ORDER BY done) FROM done',
					replace(statement, 'TABLE_', of)) INTO rows, outcome;
			ELSE
				EXECUTE replace(statement, 'TABLE_', of);
				GET DIAGNOSTICS rows = ROW_COUNT;
			END IF;
		EXCEPTION WHEN others THEN
			rows := NULL;
			outcome := SQLSTATE;
		END;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE VIEW differs AS (SELECT * FROM c EXCEPT ALL TABLE c_twin) UNION ALL (TABLE c_twin EXCEPT ALL SELECT * FROM c);
CREATE FUNCTION stored() RETURNS SETOF c LANGUAGE sql SET cache_strategies.merge_deferred = off AS 'TABLE c ORDER BY id';

CALL write(10, 100, 'cache');
CALL write(11, 110, 'cache');
CALL write(12, 120, 'cache');
-- what is deferred for the row counts
SELECT cache.increment(NULL::c, 'n', 5, 10);
UPDATE c_twin SET n = n + 5 WHERE id = 10;
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (10, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING * $$);
SELECT * FROM stored();
TABLE differs;
-- once more, now that the table has the row
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (10, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n, s = EXCLUDED.s RETURNING * $$);
-- WHERE does not hold: the row is in the table all the same
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (11, 1, 'new') ON CONFLICT (id) DO UPDATE SET s = 'set' WHERE t.n < 100 $$);
TABLE differs;
-- several rows, of each kind, and from a table whose rows are inserted as they are
CREATE TABLE staging (LIKE c);
INSERT INTO staging VALUES (1, 1, 'staged'), (12, 1, 'staged'), (20, 1, 'staged');
CALL write(21, 210, 'cache');
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t TABLE staging ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n, s = EXCLUDED.s $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t SELECT id + 1, n, s FROM staging ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING t.id, t.n $$);
TABLE differs;
-- a row is not affected twice, whatever comes between
CALL write(22, 220, 'cache');
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (22, 1), (22, 2) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (30, 1), (22, 2), (30, 3) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (1, 1), (22, 2), (1, 3) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n $$);
TABLE differs;
SELECT * FROM stored() WHERE id IN (22, 30);
-- DO NOTHING
SELECT * FROM on_both($$ INSERT INTO TABLE_ VALUES (22, 1), (23, 1) ON CONFLICT DO NOTHING RETURNING id, n $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ VALUES (22, 1), (24, 1) ON CONFLICT (id) DO NOTHING $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ SELECT 22, 1 ON CONFLICT (u) DO NOTHING $$);
-- by another column, and without ON CONFLICT
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (22, 1, 'u', 1) ON CONFLICT (u) DO UPDATE SET n = 0 $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ VALUES (22, 1) $$);
SELECT * FROM on_both($$ INSERT INTO TABLE_ TABLE staging $$);
SELECT * FROM on_both($$ UPDATE TABLE_ SET id = 22 WHERE id = 1 $$);
TABLE differs;
-- in one transaction: with the row of cache.write(), and undone
BEGIN;
CALL write(40, 400, 'own');
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (40, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING t.n, s $$);
TABLE differs;
SAVEPOINT a;
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (22, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING t.n, s $$);
TABLE differs;
ROLLBACK TO a;
TABLE differs;
COMMIT;
TABLE differs;
SELECT * FROM stored() WHERE id IN (22, 40);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM on_both($$ INSERT INTO TABLE_ AS t VALUES (22, 1) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING t.n, s $$);
COMMIT;
TABLE differs;
-- triggers of the table: those of INSERT as at a flush, then those of the statement
CALL write(50, 500, 'cache');
CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE NOTICE '% %: % %', TG_WHEN, TG_OP, NEW.n, NEW.s; RETURN NEW; END $$;
CREATE TRIGGER a_before BEFORE INSERT OR UPDATE ON c FOR EACH ROW EXECUTE FUNCTION say();
CREATE TRIGGER a_after AFTER INSERT OR UPDATE ON c FOR EACH ROW EXECUTE FUNCTION say();
INSERT INTO c AS t VALUES (50, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n RETURNING *;
CREATE FUNCTION suppress() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RETURN CASE WHEN NEW.s = 'suppressed' THEN NULL ELSE NEW END; END $$;
DROP TRIGGER a_before ON c;
DROP TRIGGER a_after ON c;
UPDATE c_twin SET n = n + 1 WHERE id = 50;
-- the table does not take the row
SELECT cache.write(ROW(51, 510, 'suppressed', NULL)::c), cache.write(ROW(52, 520, 'cache', 52)::c);
CREATE TRIGGER b_suppress BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION suppress();
INSERT INTO c AS t VALUES (51, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n;
INSERT INTO c VALUES (53, 1, 'new', 52);
INSERT INTO c AS t VALUES (52, 1, 'new') ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n;
SELECT cache.remove(NULL::c, 51), cache.remove(NULL::c, 52);
DELETE FROM c WHERE id = 53;
DROP TRIGGER b_suppress ON c;
TABLE differs;
-- MERGE has not found the row: it fails until the row has been flushed
SELECT cache.write(ROW(60, 600, 'cache', NULL)::c);
MERGE INTO c USING (VALUES (60)) v (id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET n = c.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (v.id, 1);
SELECT cache.flush('c') > 0 AS flushed;
MERGE INTO c USING (VALUES (60)) v (id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET n = c.n + 1 WHEN NOT MATCHED THEN INSERT VALUES (v.id, 1);
DELETE FROM c WHERE id = 60;
TABLE differs;
SELECT cache.detach('c');
DROP VIEW differs;
DROP PROCEDURE write(int, int, text);
DROP FUNCTION on_both(text), stored(), say(), suppress();
DROP TABLE c, c_twin, staging;
