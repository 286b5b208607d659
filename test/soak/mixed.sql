-- What mixed.pl needs besides the tables of the oracle (../oracle/setup.sql).

CREATE SCHEMA soak;

-- Memory contexts of sessions, by themselves.
CREATE TABLE soak.memory (pid int, at float8, name text, contexts int, total bigint);

-- Keys that are counted beside a table, in one transaction.  A key that has been
-- evicted begins again with what the table has.
CREATE TABLE soak.keys (k int PRIMARY KEY, n bigint NOT NULL);
INSERT INTO soak.keys SELECT k, 0 FROM generate_series(1, 200) k;
SELECT cache.create_space('soak');

CREATE FUNCTION soak.count_key(key int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	expected bigint;
	counted numeric;
BEGIN
	UPDATE soak.keys SET n = n + 1 WHERE k = key RETURNING n INTO expected;
	counted := cache.incr('counter:' || key, 1, space => 'soak');
	IF counted = 1 AND expected <> 1 THEN
		PERFORM cache.set('counter:' || key, expected::text, space => 'soak');
	ELSIF counted <> expected THEN
		RAISE EXCEPTION 'MISMATCH in key %: counted %, table %', key, counted, expected;
	END IF;
END $$;

-- Plain SELECTs: rows from the cache, and results that are kept.
CREATE TABLE soak.groups (g int PRIMARY KEY, name text);
INSERT INTO soak.groups SELECT g, 'group ' || g FROM generate_series(1, 20) g;
CREATE TABLE soak.items (id int PRIMARY KEY, g int, n bigint NOT NULL DEFAULT 0, v text);
INSERT INTO soak.items SELECT i, 1 + i % 20, 0, repeat('x', 100) FROM generate_series(1, 2000) i;
CREATE INDEX ON soak.items (g);
SELECT cache.track('soak.items'), cache.track('soak.groups');
SELECT cache.attach('soak.items', 'write_through', plain_reads => true);

CREATE FUNCTION soak.check_item(key int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM oracle.mismatch('item', key::text, x.a::text || x.b::text, x.c::text) FROM (
		SELECT cache.read(NULL::soak.items, key) AS a, (SELECT i FROM soak.items i WHERE id = key) AS b,
			(SELECT i FROM soak.items i WHERE id + 0 = key) AS c OFFSET 0) x
	WHERE x.a IS DISTINCT FROM x.c OR x.b IS DISTINCT FROM x.c;
END $$;
