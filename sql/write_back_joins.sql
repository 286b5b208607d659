--
-- write_back: UPDATE, DELETE and MERGE that join their table by columns with a merge rule
--
SET jit = off;
SET cache_strategies.merge_deferred = on;
CREATE TABLE j (id int PRIMARY KEY, k text, n int, f float8, r text, c int);
INSERT INTO j SELECT i, 'k' || i % 10, i, i, 'r' || i, i % 5 FROM generate_series(1, 100) i;
CREATE INDEX j_n ON j (n);
CREATE TABLE twin (LIKE j INCLUDING ALL);
INSERT INTO twin TABLE j;
CREATE TABLE bounds (b int PRIMARY KEY, lo int, hi int, r text, step int);
INSERT INTO bounds SELECT i, i * 1000 + 1, i * 1000 + 20, 'r' || i, i FROM generate_series(1, 9) i;
VACUUM ANALYZE j, twin, bounds;
SELECT cache.attach('j', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "f": "add", "r": "replace"}');
CREATE VIEW differs AS (TABLE j EXCEPT ALL TABLE twin) UNION ALL (TABLE twin EXCEPT ALL TABLE j);
CREATE FUNCTION do_both(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	mine bigint;
	plain bigint;
BEGIN
	EXECUTE replace(statement, 'TABLE_', 'j');
	GET DIAGNOSTICS mine = ROW_COUNT;
	EXECUTE replace(statement, 'TABLE_', 'twin');
	GET DIAGNOSTICS plain = ROW_COUNT;
	RETURN mine || CASE WHEN mine = plain THEN '' ELSE ' instead of ' || plain END;
END $$;
-- the statement on both tables, by each kind of join, and then undone
CREATE FUNCTION by_each_join(statement text) RETURNS TABLE (off text, rows text, differing bigint) LANGUAGE plpgsql AS $$
DECLARE single text;
BEGIN
	FOREACH off IN ARRAY ARRAY['hashjoin,mergejoin,indexscan,bitmapscan', 'hashjoin,mergejoin,seqscan', 'nestloop,mergejoin', 'nestloop,hashjoin'] LOOP
		BEGIN
			FOREACH single IN ARRAY string_to_array(off, ',') LOOP
				PERFORM set_config('enable_' || single, 'off', true);
			END LOOP;
			rows := do_both(statement);
			FOREACH single IN ARRAY string_to_array(off, ',') LOOP
				PERFORM set_config('enable_' || single, 'on', true);
			END LOOP;
			SELECT count(*) INTO differing FROM differs;
			RAISE SQLSTATE 'UNDO0';
		EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
			RETURN NEXT;
		END;
	END LOOP;
END $$;

-- only what is deferred satisfies the conditions, or no longer does
SELECT do_both('UPDATE TABLE_ SET n = n + 1000 * c, f = f + 1000 * c WHERE id <= 60');
SELECT do_both('UPDATE TABLE_ SET r = ''r'' || 10 - c WHERE id BETWEEN 50 AND 80');
SELECT count(*) FROM differs;
-- what is set: nothing that is deferred, an addition, an addition of the other table's, something else
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET k = 'joined' FROM bounds WHERE t.n BETWEEN lo AND hi $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + 7 FROM bounds WHERE t.n BETWEEN lo AND hi $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + step, f = t.f - step FROM bounds WHERE t.n > lo AND t.n < hi $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + step, k = 'joined' FROM bounds WHERE t.n BETWEEN lo AND hi $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n * 2 - step, r = t.r || bounds.r FROM bounds WHERE t.n BETWEEN lo AND hi $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = 5, f = t.f + t.n FROM bounds WHERE t.n = lo + 1 $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + 1, c = t.n FROM bounds WHERE t.r = bounds.r $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET (n, r) = (SELECT t.n + b.lo, b.r || 'x') FROM bounds b WHERE t.r = b.r $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET f = t.f / 3 FROM bounds WHERE t.f >= lo AND t.f <= hi AND t.c = 3 $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET id = t.id + 1000, n = t.n + 1 FROM bounds WHERE t.n = lo + 1 $$);
SELECT * FROM by_each_join($$ DELETE FROM TABLE_ t USING bounds WHERE t.n BETWEEN lo AND hi $$);
-- sub-selects, outer joins, the table itself
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + 3 WHERE t.r IN (SELECT b.r FROM bounds b WHERE b.step > 4) $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET r = 'none' WHERE NOT EXISTS (SELECT FROM bounds WHERE t.n BETWEEN lo AND hi) $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + y.n FROM TABLE_ y WHERE y.n = t.n + 1001 $$);
SELECT * FROM by_each_join($$ DELETE FROM TABLE_ t USING TABLE_ y WHERE y.n = t.n + 1 AND y.c > 0 $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = 1 FROM bounds WHERE (t).n = lo + 1 AND t.*::text LIKE '%r%' $$);
SELECT * FROM by_each_join($$ MERGE INTO TABLE_ t USING bounds b ON t.n = b.lo + 1
	WHEN MATCHED AND t.f > 3000 THEN UPDATE SET n = t.n + b.step
	WHEN MATCHED THEN DELETE
	WHEN NOT MATCHED THEN INSERT VALUES (1000 + b.b, 'new', b.step) $$);
-- RETURNING
BEGIN;
UPDATE j t SET n = t.n + step FROM bounds WHERE t.n BETWEEN lo AND hi AND t.id < 10 RETURNING t.id, t.n, t.f, step;
UPDATE twin t SET n = t.n + step FROM bounds WHERE t.n BETWEEN lo AND hi AND t.id < 10 RETURNING t.id, t.n, t.f, step;
DELETE FROM j t USING bounds WHERE t.n = lo + step RETURNING t.n, lo;
DELETE FROM twin t USING bounds WHERE t.n = lo + step RETURNING t.n, lo;
SELECT count(*) FROM differs;
ROLLBACK;
-- what the transaction itself has deferred, also more than once
BEGIN;
SELECT do_both('UPDATE TABLE_ SET n = n + 5000 WHERE id = 77');
SELECT do_both('UPDATE TABLE_ t SET n = t.n + 1 FROM bounds WHERE t.n BETWEEN lo AND lo + 100');
SELECT do_both('UPDATE TABLE_ t SET n = t.n * 2 FROM bounds WHERE t.n BETWEEN lo AND lo + 100');
SELECT count(*) FROM differs;
COMMIT;
-- the same row twice
SELECT do_both('UPDATE TABLE_ t SET n = t.n + 1 FROM (VALUES (1), (1)) v (one) WHERE t.n > v.one * 3000');
SELECT count(*) FROM differs;
-- users' triggers
CREATE FUNCTION round_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.n := NEW.n + 100;
	IF NEW.c = 2 THEN NEW.f := NEW.f + 0.5; END IF;
	IF NEW.c = 3 THEN NEW.k := 'set'; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER a_round BEFORE UPDATE ON j FOR EACH ROW EXECUTE FUNCTION round_up();
CREATE TRIGGER a_round BEFORE UPDATE ON twin FOR EACH ROW EXECUTE FUNCTION round_up();
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET f = t.f + step FROM bounds WHERE t.n BETWEEN lo AND lo + 900 $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n * 2, f = t.f + step FROM bounds WHERE t.n BETWEEN lo AND lo + 900 $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + step, r = 'new' FROM bounds WHERE t.n BETWEEN lo AND lo + 900 $$);
-- without a join
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n * 2 WHERE t.n > 1500 $$);
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + 1, r = 'found' WHERE t.n > 1500 $$);
DROP TRIGGER a_round ON j;
DROP TRIGGER a_round ON twin;
-- what was deferred arrives as if it had never been
SELECT do_both('UPDATE TABLE_ t SET n = t.n + step, r = ''last'' FROM bounds WHERE t.n BETWEEN lo AND lo + 900');
SELECT cache.flush('j') > 0 AS flushed;
SELECT count(*) FROM differs;
-- with nothing deferred
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + step FROM bounds WHERE t.n BETWEEN lo AND lo + 900 $$);
-- without the setting the conditions are about what has been flushed
SELECT do_both('UPDATE TABLE_ SET n = 77000 WHERE id = 77');
SET cache_strategies.merge_deferred = off;
UPDATE j t SET k = 'found' FROM (VALUES (77000)) v (n) WHERE t.n = v.n;
EXPLAIN (COSTS OFF) UPDATE j t SET k = 'found' FROM bounds WHERE t.n = lo;
SET cache_strategies.merge_deferred = on;
SELECT do_both('UPDATE TABLE_ t SET k = ''found'' FROM (VALUES (77000)) v (n) WHERE t.n = v.n');
SELECT count(*) FROM differs;
-- no column with a merge rule in the conditions: the table's scan is as it is
EXPLAIN (COSTS OFF) UPDATE j t SET n = t.n + step FROM bounds WHERE t.id = b;
EXPLAIN (COSTS OFF) UPDATE j t SET k = 'found' FROM bounds WHERE t.n = lo;

-- the table has children
CREATE TABLE j_child () INHERITS (j);
CREATE TABLE twin_child () INHERITS (twin);
INSERT INTO j_child VALUES (200, 'child', 1001, 1, 'r1', 1);
INSERT INTO twin_child TABLE j_child;
SELECT do_both('UPDATE TABLE_ SET n = n + 10000 WHERE id IN (31, 32)');
SELECT * FROM by_each_join($$ UPDATE TABLE_ t SET n = t.n + step FROM bounds WHERE t.n > lo + 9000 $$);
SELECT * FROM by_each_join($$ DELETE FROM TABLE_ t USING bounds WHERE t.n = lo $$);

SELECT cache.detach('j');
DROP VIEW differs;
DROP FUNCTION do_both(text), by_each_join(text), round_up();
DROP TABLE j, twin, bounds, j_child, twin_child;

-- ----- rows of other tables that only the cache has -----
CREATE TABLE seen (id int PRIMARY KEY, k int, n int);
CREATE TABLE part (id int PRIMARY KEY, n int, s text);
CREATE TABLE part_1 (LIKE part INCLUDING ALL);
CREATE TABLE part_2 (LIKE part INCLUDING ALL);
INSERT INTO seen SELECT i, i * 10, 0 FROM generate_series(1, 15) i;
INSERT INTO part_1 VALUES (10, 10, 'table');
INSERT INTO part_2 VALUES (110, 110, 'table');
SELECT cache.attach(t, 'write_back', flush_interval => '1 day', merge => '{"n": "add"}') FROM unnest('{seen,part,part_1,part_2}'::regclass[]) t;
ALTER TABLE part_1 INHERIT part;
ALTER TABLE part_2 INHERIT part;
SELECT cache.write(ROW(30, 60, 'cache')::part);
SELECT cache.write(ROW(i, i * 2, 'cache')::part_1) FROM generate_series(20, 50, 30) i;
SELECT cache.write(ROW(i, i * 2, 'cache')::part_2) FROM generate_series(120, 150, 30) i;
UPDATE seen SET n = n + 1;
SELECT id, n, s FROM part ORDER BY id;
CREATE FUNCTION by_each(statement text) RETURNS TABLE (plan text, id int, n int, other int, s text) LANGUAGE plpgsql AS $$
DECLARE
	how text;
BEGIN
	FOREACH how IN ARRAY '{nestloop,hashjoin,mergejoin}'::text[] LOOP
		plan := how;
		PERFORM set_config('enable_' || method, (method = how)::text, true) FROM unnest('{nestloop,hashjoin,mergejoin}'::text[]) method;
		FOR id, n, other, s IN EXECUTE format('WITH done AS (%s) SELECT * FROM done ORDER BY 1', statement) LOOP
			RETURN NEXT;
		END LOOP;
	END LOOP;
END $$;
BEGIN;
SELECT * FROM by_each($$ UPDATE seen SET n = seen.n + part_1.n FROM part_1 WHERE part_1.id = seen.k RETURNING seen.id, seen.n, part_1.n, s $$);
SELECT * FROM by_each($$ UPDATE seen SET n = seen.n + part.n FROM part WHERE part.id = seen.k RETURNING seen.id, seen.n, part.n, s $$);
ROLLBACK;
-- a row is locked that is looked up, and evaluated again for each row that it is joined with
SELECT seen.id, seen.n, part.id, part.n FROM seen, part WHERE seen.id = 7 AND s = 'cache' ORDER BY part.id FOR UPDATE OF seen;
BEGIN;
-- deferred, with another condition
UPDATE seen SET n = seen.n * 10 + part.n FROM part WHERE part.id = seen.k AND seen.n + part.n < 102;
SELECT id, n FROM seen WHERE n > 1 ORDER BY id;
ROLLBACK;
BEGIN;
SELECT * FROM by_each($$ DELETE FROM seen USING part WHERE part.id = seen.k AND s = 'cache' AND seen.n > 0 RETURNING seen.id, seen.n, part.n, s $$);
ROLLBACK;
SELECT cache.detach(t) FROM unnest('{seen,part,part_1,part_2}'::regclass[]) t;
DROP FUNCTION by_each(text);
DROP TABLE seen, part, part_1, part_2;
