--
-- write_back: an UPDATE sees what is deferred for the rows that it meets
--
CREATE TABLE q (id int PRIMARY KEY, n int, r text, k text, f float8, num numeric);
INSERT INTO q SELECT i, 0, 'table', 'table', 0, 0 FROM generate_series(1, 4) i;
SELECT cache.attach('q', 'write_back', flush_interval => '1 day',
	merge => '{"n": "add", "r": "replace", "f": "add", "num": "add"}');
CREATE FUNCTION stored() RETURNS SETOF q LANGUAGE sql SET cache_strategies.merge_deferred = off AS 'SELECT * FROM q';
CREATE VIEW both_sides AS
	SELECT c.id, c.n, c.r, c.k, t.n AS stored_n, t.r AS stored_r, t.k AS stored_k
	FROM cache.scan(NULL::q) c LEFT JOIN stored() t USING (id);

-- setting, twice: in two transactions, and in one
UPDATE q SET n = 10 WHERE id = 1;
UPDATE q SET n = 10 WHERE id = 1;
SELECT * FROM both_sides WHERE id = 1;
BEGIN;
UPDATE q SET n = 10 WHERE id = 2;
UPDATE q SET n = 10 WHERE id = 2;
SELECT n FROM cache.read(NULL::q, 2);
UPDATE q SET n = 7 WHERE id = 2;
SAVEPOINT a;
UPDATE q SET n = 8 WHERE id = 2;
SELECT n FROM cache.read(NULL::q, 2);
ROLLBACK TO a;
SELECT n FROM cache.read(NULL::q, 2);
COMMIT;
SELECT * FROM both_sides WHERE id = 2;
-- over what the functions have deferred
SELECT cache.increment(NULL::q, 'n', 5, 1);
UPDATE q SET n = 10 WHERE id = 1;
SELECT * FROM both_sides WHERE id = 1;
-- adding, by every way to say so; subtracting from a constant is something else
UPDATE q SET n = n + 1 WHERE id = 1;
UPDATE q SET n = 2 + n WHERE id = 1;
UPDATE q SET n = n - 3::bigint WHERE id = 1;
UPDATE q SET n = q.n + v.n FROM (VALUES (1, 5), (2, 6)) v(id, n) WHERE q.id = v.id;
SELECT id, n FROM both_sides WHERE id <= 2 ORDER BY id;
UPDATE q SET n = 100 - n WHERE id = 1;
SELECT n FROM cache.read(NULL::q, 1);
-- any expression, with any column
UPDATE q SET n = n * 2, r = r || '+' || n WHERE id = 1;
UPDATE q SET r = r || '!' WHERE id = 1;
SELECT * FROM both_sides WHERE id = 1;
UPDATE q SET n = q.n + other.n, r = other.r FROM q other WHERE q.id = 1 AND other.id = 2;
SELECT * FROM both_sides WHERE id = 1;
UPDATE q SET n = (SELECT max(n) FROM q) WHERE id = 1;
SELECT * FROM both_sides WHERE id = 1;
-- a whole row
UPDATE q SET (n, r) = ROW(n + 1, r || '?') WHERE id = 1;
SELECT * FROM both_sides WHERE id = 1;

-- a sub-SELECT that sets several columns
INSERT INTO q SELECT i, 0, 'table', 'table', 0, 0 FROM generate_series(11, 19) i;
UPDATE q SET n = 10, num = 2.5, r = 'deferred' WHERE id > 10;
UPDATE q SET (n, r) = (SELECT n + 1, r || '?') WHERE id = 11;
UPDATE q SET (num, r) = (SELECT n + 0.25, 'from n') WHERE id = 12 RETURNING n, r, num;
UPDATE q SET (n, k) = (SELECT n * 2, r) WHERE id = 13;
UPDATE q SET (n, k) = (SELECT t.n + q.n, 'joined') FROM q t WHERE q.id = 14 AND t.id = 11;
UPDATE q SET (n, r) = (SELECT 5, 'constant') WHERE id = 15;
SELECT id, n, r, k, num FROM cache.scan(NULL::q) WHERE id BETWEEN 11 AND 15 ORDER BY id;
-- what is added is another column, and the UPDATE goes to the table
UPDATE q SET n = n + num::int, k = 'direct' WHERE id = 16;
UPDATE q SET num = num + n, n = n + 1, k = n WHERE id = 17;
UPDATE q SET f = f + n, k = 'direct' WHERE id = 18;
UPDATE q SET n = n - length(r), k = 'direct' WHERE id = 19;
-- the same in a join
INSERT INTO q SELECT i, 0, 'table', 'table', 0, 0 FROM generate_series(21, 24) i;
UPDATE q SET n = 10, num = 2.5, r = 'deferred' WHERE id > 20;
UPDATE q SET n = q.n + q.num::int, k = v.k FROM (VALUES (21, 'join')) v(id, k) WHERE q.id = v.id;
UPDATE q SET n = q.n + length(q.r), f = q.f + q.n, k = v.k FROM (VALUES (22, 'join')) v(id, k) WHERE q.id = v.id;
UPDATE q SET n = q.n + v.n, k = v.k FROM (VALUES (23, 'join', 3)) v(id, k, n) WHERE q.id = v.id;
UPDATE q SET num = q.num + q.n, k = v.k FROM (VALUES (24, 'join')) v(id, k) WHERE q.id = v.id;
-- what is added is rounded with the sum
INSERT INTO q VALUES (20, -1, 'table', 'table', 0, 0);
UPDATE q SET n = n + 1 WHERE id = 20;
UPDATE q SET n = n + 0.5, k = 'direct' WHERE id = 20;
SELECT c.id, c.n, c.k, c.f, c.num, t.n AS stored_n, t.f AS stored_f, t.num AS stored_num
	FROM cache.scan(NULL::q) c JOIN stored() t USING (id) WHERE id > 15 ORDER BY id;
SELECT cache.flush('q') > 0 AS flushed;
SELECT id, n, r, k, f, num FROM q WHERE id > 10 ORDER BY id;
DELETE FROM q WHERE id > 10;

-- WHERE: found by what the table has, and looked at again
UPDATE q SET n = 5 WHERE id = 3;
UPDATE q SET n = n - 1 WHERE id = 3 AND n = 5;
UPDATE q SET n = n - 1 WHERE id = 3 AND n <= 3;
SELECT * FROM both_sides WHERE id = 3;
UPDATE q SET n = n - 3 WHERE id = 3 AND n < 10;
UPDATE q SET k = 'direct' WHERE id = 3 AND n = 0;
SELECT * FROM both_sides WHERE id = 3;
DELETE FROM q WHERE id = 3 AND n = 0;
SELECT * FROM both_sides WHERE id = 3;
DELETE FROM q WHERE id = 4 AND n = 0;
SELECT id FROM both_sides WHERE id >= 3;
INSERT INTO q VALUES (4, 0, 'table', 'table', 0, 0);

-- directly, with other columns
SELECT cache.flush('q');
UPDATE q SET n = 1, r = 'deferred' WHERE id = 3;
UPDATE q SET k = n || ' ' || r WHERE id = 3;
SELECT * FROM both_sides WHERE id = 3;
UPDATE q SET k = 'more', n = n + 10 WHERE id = 3;
SELECT * FROM both_sides WHERE id = 3;
UPDATE q SET k = 'same', r = r WHERE id = 3;
SELECT * FROM both_sides WHERE id = 3;
UPDATE q SET r = 'deferred' WHERE id = 3;
UPDATE q SET k = 'set', n = 7 WHERE id = 3;
SELECT * FROM both_sides WHERE id = 3;
UPDATE q SET n = n + 1 WHERE id = 3;
UPDATE q SET k = 'doubled', n = n * 2 WHERE id = 3 RETURNING id, n, k;
SELECT * FROM both_sides WHERE id = 3;
-- to the value that the table has: of two that set a column the later one wins
UPDATE q SET r = 'newer', n = 0 WHERE id = 3;
UPDATE q SET r = 'deferred', n = 16, k = 'last' WHERE id = 3;
SELECT * FROM both_sides WHERE id = 3;
-- all of that in one transaction, with changes of its own on top
BEGIN;
UPDATE q SET n = 20, r = 'mine' WHERE id = 4;
UPDATE q SET n = n + 1, k = k || ' ' || r WHERE id = 4;
SELECT cache.increment(NULL::q, 'n', 1, 4);
UPDATE q SET n = n * 2 WHERE id = 4;
SELECT * FROM both_sides WHERE id = 4;
UPDATE q SET n = n + 1, k = 'again' WHERE id = 4;
UPDATE q SET n = 3, k = 'set' WHERE id = 4;
SELECT cache.increment(NULL::q, 'n', 1, 4);
UPDATE q SET k = 'touched' WHERE id = 4;
SELECT * FROM both_sides WHERE id = 4;
COMMIT;
SELECT * FROM both_sides WHERE id = 4;
SELECT cache.flush('q') >= 0 AS flushed;
SELECT * FROM both_sides ORDER BY id;

-- over a row that was written as a whole
SELECT cache.write(ROW(1, 1, 'written', 'written', 1, 1)::q);
UPDATE q SET n = n + 1 WHERE id = 1;
UPDATE q SET n = 10 WHERE id = 1;
SELECT * FROM both_sides WHERE id = 1;
SELECT cache.write(ROW(1, 1, 'written', 'written', 1, 1)::q);
BEGIN;
SELECT cache.increment(NULL::q, 'n', 1, 1);
UPDATE q SET k = k || '+' WHERE id = 1;
SELECT cache.increment(NULL::q, 'n', 1, 1);
UPDATE q SET k = k || '+' WHERE id = 1;
COMMIT;
SELECT * FROM both_sides WHERE id = 1;
SELECT cache.flush('q') >= 0 AS flushed;
SELECT * FROM both_sides WHERE id = 1;

-- statements that are not by themselves: functions, prepared ones, CTEs, views
CREATE FUNCTION halve(int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN UPDATE q SET n = n / 2 WHERE id = $1; END $$;
PREPARE halve(int) AS UPDATE q SET n = n / 2 WHERE id = $1;
CREATE VIEW seen_q AS SELECT id AS key, n AS number FROM q;
UPDATE q SET n = 64 WHERE id = 2;
SELECT halve(2);
SELECT halve(2) FROM generate_series(1, 2);
EXECUTE halve(2);
WITH u AS (UPDATE q SET n = n / 2 WHERE id = 2) SELECT 1;
UPDATE seen_q SET number = number + 1 WHERE key = 2 AND number > 0;
UPDATE seen_q SET number = number * 3 WHERE key = 2;
SELECT * FROM both_sides WHERE id = 2;

-- what triggers change comes on top
CREATE FUNCTION clamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.n > 100 THEN NEW.n := 100; END IF;
	IF NEW.k = 'count' THEN NEW.n := NEW.n + 1; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER clamp BEFORE UPDATE ON q FOR EACH ROW EXECUTE FUNCTION clamp();
UPDATE q SET n = 50 WHERE id = 2;
UPDATE q SET n = 2000 WHERE id = 2;
SELECT n FROM cache.read(NULL::q, 2);
UPDATE q SET n = n - 10 WHERE id = 2;
UPDATE q SET k = 'count' WHERE id = 2;
UPDATE q SET n = n * 2 WHERE id = 2;
SELECT * FROM both_sides WHERE id = 2;
DROP TRIGGER clamp ON q;

-- a column of another table, through a child
CREATE TABLE parent (LIKE q);
ALTER TABLE q INHERIT parent;
UPDATE q SET n = 5 WHERE id = 4;
UPDATE parent SET n = n * 2 WHERE id = 4;
SELECT n FROM cache.read(NULL::q, 4);
ALTER TABLE q NO INHERIT parent;

-- adding to floats and numerics: with the scale and the digits that it has
UPDATE q SET f = 0.1, num = 1.00 WHERE id = 2;
UPDATE q SET f = f + 0.2, num = num + 1 WHERE id = 2;
UPDATE q SET num = num + 0.5 WHERE id = 2;
SELECT f, num FROM cache.read(NULL::q, 2);
UPDATE q SET f = 0.3, num = 1 WHERE id = 2;
SELECT f, num FROM cache.read(NULL::q, 2);
SELECT cache.flush('q') >= 0 AS flushed;
SELECT f, num FROM q WHERE id = 2;

SELECT cache.detach('q');
DROP VIEW both_sides, seen_q;
DROP FUNCTION stored();
DROP TABLE q, parent;
DROP FUNCTION halve(int), clamp();

-- ----- BEFORE triggers that change a column under add -----
-- A trigger sees the table's row.  So what it makes of NEW counts as a difference to that:
-- one that adds is right, one that sets a value is off by what is deferred.
CREATE TABLE adding (id int PRIMARY KEY, n int NOT NULL, m int NOT NULL, how text);
INSERT INTO adding SELECT i, 0, 0, how FROM unnest('{adds,sets,"adds to m","sets m",nothing}'::text[]) WITH ORDINALITY u (how, i);
SELECT cache.attach('adding', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "m": "add"}');
UPDATE adding SET n = n + 3, m = m + 3;
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	CASE NEW.how
		WHEN 'adds' THEN NEW.n := NEW.n + 100;
		WHEN 'sets' THEN NEW.n := 100;
		WHEN 'adds to m' THEN NEW.m := NEW.m + 100;
		WHEN 'sets m' THEN NEW.m := 100;
		ELSE NULL;
	END CASE;
	RETURN NEW;
END $$;
CREATE TRIGGER change BEFORE UPDATE ON adding FOR EACH ROW EXECUTE FUNCTION change();
UPDATE adding SET n = n + 1;
SELECT how, n, m FROM adding ORDER BY id;
-- of what the statement sets it is the trigger's value
UPDATE adding SET n = 50 WHERE how IN ('sets', 'nothing');
SELECT how, n, m FROM adding WHERE how IN ('sets', 'nothing') ORDER BY id;
-- what is flushed is the same, and then the trigger sees all of the row
DROP TRIGGER change ON adding;
SELECT cache.flush('adding') > 0 AS flushed;
SELECT how, n, m FROM adding ORDER BY id;
CREATE TRIGGER change BEFORE UPDATE ON adding FOR EACH ROW EXECUTE FUNCTION change();
UPDATE adding SET n = n + 1;
SELECT how, n, m FROM adding ORDER BY id;
SELECT cache.detach('adding');
DROP TABLE adding;
DROP FUNCTION change();

-- ----- remembered queries -----

-- they see what is deferred, each time; or what has been flushed, which is kept
CREATE TABLE counted (id int PRIMARY KEY, n int);
INSERT INTO counted VALUES (1, 0);
SELECT cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
CREATE FUNCTION counted(OUT remembered jsonb, OUT kept bigint) LANGUAGE plpgsql AS $$
DECLARE
	hits bigint := (SELECT coalesce(sum(s.hits), 0) FROM cache.space_stats s);
BEGIN
	remembered := cache.remember('counted', '1 hour', 'SELECT n FROM counted');
	kept := (SELECT coalesce(sum(s.hits), 0) FROM cache.space_stats s) - hits;
END $$;
SELECT * FROM counted();
UPDATE counted SET n = n + 1;
SELECT * FROM counted();
SELECT n FROM counted;
SET cache_strategies.merge_deferred = off;
SELECT * FROM counted();
SELECT * FROM counted();
UPDATE counted SET n = n + 1;
SELECT * FROM counted();
SELECT cache.flush('counted');
SELECT * FROM counted();
RESET cache_strategies.merge_deferred;
SELECT cache.detach('counted');
DROP FUNCTION counted();
DROP TABLE counted;
