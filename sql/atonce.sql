-- Changes are reported right after they were made, without an event for the trigger,
-- where an executor's statement names the table.  EXPLAIN shows the triggers that
-- are called all the same.

CREATE FUNCTION called(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || statement LOOP
		IF line LIKE 'Trigger %' THEN RETURN NEXT line; END IF;
	END LOOP;
END $$;
-- Rows whose cached version is another than the table's.
CREATE FUNCTION wrong(relation regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM generate_series(1, 9) i
		WHERE (SELECT cache.read(NULL::%1$s, i)) IS DISTINCT FROM (SELECT t FROM %1$s t WHERE t.id = i)', relation) INTO n;
	RETURN n;
END $$;

CREATE TABLE a (id int PRIMARY KEY, v int);
CREATE TABLE w (LIKE a INCLUDING ALL);
CREATE TABLE b (LIKE a INCLUDING ALL, name text);
CREATE TABLE tracked (LIKE a INCLUDING ALL);
CREATE TABLE by_value (LIKE a INCLUDING ALL);
CREATE TABLE child (id int PRIMARY KEY, a int REFERENCES a ON UPDATE CASCADE ON DELETE CASCADE);
CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (5);
CREATE TABLE p_high (v int, id int NOT NULL);
ALTER TABLE p ATTACH PARTITION p_high FOR VALUES FROM (5) TO (100);
INSERT INTO a SELECT i, 0 FROM generate_series(1, 9) i;
INSERT INTO w TABLE a;
INSERT INTO b TABLE a;
INSERT INTO tracked TABLE a;
INSERT INTO by_value TABLE a;
INSERT INTO child SELECT id, id FROM a;
INSERT INTO p TABLE a;
-- with it PostgreSQL looks at the root's triggers when a row moves
CREATE TABLE p_child (p int REFERENCES p ON UPDATE CASCADE);
SELECT cache.attach('a', 'read_through'), cache.attach('w', 'write_through', negative_ttl => '1 hour'),
	cache.attach('b', 'write_back', merge => '{"v": "add"}', flush_interval => '1 hour'),
	cache.attach('p', 'write_through'), cache.attach('child', 'cache_aside');
SELECT cache.track('tracked'), cache.track('by_value', by_value => true);
SELECT wrong('a'), wrong('w'), wrong('b'), wrong('p'), wrong('child');

-- no trigger is called
SELECT called('UPDATE a SET v = v + 1 WHERE id < 4');
SELECT called('DELETE FROM a WHERE id = 9');
SELECT called('UPDATE a SET id = 19 WHERE id = 8') ~ 'CASCADE|child|RI_' AS only_foreign_key;
SELECT called('INSERT INTO w VALUES (1, 7), (29, 1) ON CONFLICT (id) DO UPDATE SET v = excluded.v');
SELECT called('MERGE INTO w USING (VALUES (2), (30)) s(i) ON id = i WHEN MATCHED THEN UPDATE SET v = 8 WHEN NOT MATCHED THEN INSERT VALUES (i, 8)');
SELECT called('DELETE FROM w WHERE id = 3');
SELECT called('WITH d AS (DELETE FROM w WHERE id = 4 RETURNING *) UPDATE a SET v = 40 FROM d WHERE a.id = d.id');
SELECT called('UPDATE p SET v = v + 1');
SELECT called('UPDATE tracked SET v = 1 WHERE id = 1');
SELECT called('INSERT INTO by_value VALUES (10, 1)');
SELECT wrong('a'), wrong('w'), wrong('p'), wrong('child');
SELECT (cache.read(NULL::w, 29)).v, (cache.explain(NULL::w, 29)).outcome, (cache.explain(NULL::w, 3)).outcome;

-- with a column list that a condition does not know; rows that are routed; COPY
SELECT called('UPDATE b SET name = ''one'' WHERE id = 1');
SELECT called('INSERT INTO p VALUES (10, 1)');
SELECT called('UPDATE p SET id = 50 WHERE id = 1');
COPY a FROM stdin;
9	9
\.
COPY w FROM stdin;
4	4
\.
SELECT wrong('a'), wrong('w'), wrong('p'), wrong('b');

-- in a session that replays, and in a subtransaction that is undone
SET session_replication_role = replica;
SELECT called('UPDATE a SET v = 60 WHERE id = 2');
RESET session_replication_role;
SELECT wrong('a');
DO $$
BEGIN
	BEGIN
		UPDATE a SET v = 70 WHERE id = 2;
		UPDATE w SET v = 70 WHERE id = 2;
		RAISE EXCEPTION 'undone';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
	UPDATE a SET v = 71 WHERE id = 3;
END $$;
SELECT wrong('a'), wrong('w');

-- what the same statement sees
CREATE FUNCTION differs() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN wrong('a') + wrong('w') > 0;
END $$;
UPDATE a SET v = v + 1 WHERE id < 4 RETURNING id, differs();
WITH u AS (UPDATE w SET v = v + 1 WHERE id < 3 RETURNING id) DELETE FROM a USING u WHERE a.id = u.id RETURNING a.id, differs();

-- results
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
CREATE FUNCTION sums() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT sum(v) FROM tracked) || ' ' || (SELECT v FROM by_value WHERE id = 1);
END $$;
SELECT sums(), sums();
SELECT called('UPDATE tracked SET v = v + 1'), called('UPDATE by_value SET v = 100 WHERE id = 1');
SELECT sums();
INSERT INTO tracked VALUES (20, 1000) RETURNING sums();
SELECT sums();
RESET cache_strategies.results;
RESET cache_strategies.results_min_cost;

-- a trigger of that name that is not the extension's
CREATE TABLE stranger (id int PRIMARY KEY, v int);
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'told of %', NEW; RETURN NULL; END $$;
CREATE TRIGGER cache_strategies_row AFTER INSERT ON stranger FOR EACH ROW EXECUTE FUNCTION told();
INSERT INTO stranger VALUES (1, 1);

-- a trigger that is disabled is not called, and its table not read from the cache
ALTER TABLE a DISABLE TRIGGER cache_strategies_row;
UPDATE a SET v = 80 WHERE id = 3;
SELECT wrong('a');
ALTER TABLE a ENABLE ALWAYS TRIGGER cache_strategies_row;
SELECT wrong('a');

SELECT cache.detach(relation) FROM cache.bindings WHERE relation::text IN ('a', 'w', 'b', 'p', 'child') ORDER BY relation::text;
DROP TABLE child, a, w, b, p_child, p, tracked, by_value, stranger;
DROP FUNCTION called, wrong, differs, sums, told;
