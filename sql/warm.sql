--
-- cache.warm(): what it fills is what the table holds, and it says when the
-- cache could not be filled.
--

CREATE TABLE warmed (id int PRIMARY KEY, v text);
INSERT INTO warmed SELECT i, 'row ' || i FROM generate_series(1, 5000) i;
SELECT cache.attach('warmed', 'read_through', negative_ttl => '1 day');

-- not the number of entries: some may be left from a table that had the slot before
CREATE FUNCTION counted(relation regclass) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT format('hits %s, absent hits %s, misses %s, bypasses %s, fills %s',
		hits, absent_hits, misses, bypasses, fills)
	FROM cache.table_stats s WHERE s.relation = counted.relation;
$$;

SELECT cache.warm('warmed', 0);
SELECT cache.warm('warmed', 10);
SELECT counted('warmed');
SELECT cache.warm('warmed');
SELECT counted('warmed');
-- all of it is in the cache now, and right
SELECT count(*), bool_and(t = r) FROM warmed t, cache.read(NULL::warmed, t.id) r;
SELECT counted('warmed');
-- again, after changes: the rows that are there are kept, too
UPDATE warmed SET v = 'changed' WHERE id <= 100;
DELETE FROM warmed WHERE id > 4900;
SELECT cache.warm('warmed');
SELECT counted('warmed');
SELECT count(*), bool_and(t = r) FROM warmed t, cache.read(NULL::warmed, t.id) r;
SELECT cache.read(NULL::warmed, 4901);
SELECT counted('warmed');
-- nothing is running
SELECT * FROM cache.progress;

-- values out of TOAST
CREATE TABLE warm_toast (id int PRIMARY KEY, v text);
ALTER TABLE warm_toast ALTER v SET STORAGE EXTERNAL;
INSERT INTO warm_toast SELECT i, repeat(md5(i::text), 200) FROM generate_series(1, 20) i;
SELECT cache.attach('warm_toast', 'write_through');
SELECT cache.warm('warm_toast');
SELECT count(*), bool_and(t = r) FROM warm_toast t, cache.read(NULL::warm_toast, t.id) r;
SELECT counted('warm_toast');

-- no second read is needed
CREATE TABLE warm_around (id int PRIMARY KEY, v text);
INSERT INTO warm_around SELECT i, 'row ' || i FROM generate_series(1, 10) i;
SELECT cache.attach('warm_around', 'write_around');
SELECT cache.warm('warm_around');
SELECT (cache.explain(NULL::warm_around, 7)).outcome;

-- keys of several columns, hashed ones, partitions
CREATE TABLE "Warm Parts" ("K" numeric, k text, q int, PRIMARY KEY (k, "K")) PARTITION BY HASH ("K");
CREATE TABLE warm_parts_0 PARTITION OF "Warm Parts" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE warm_parts_1 PARTITION OF "Warm Parts" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO "Warm Parts" SELECT i, 'k' || i % 3, i FROM generate_series(1, 30) i;
SELECT cache.attach('"Warm Parts"', 'read_through');
SELECT cache.warm('"Warm Parts"');
SELECT count(*), bool_and(t = r) FROM "Warm Parts" t, cache.read(NULL::"Warm Parts", t.k, t."K") r;
SELECT counted('"Warm Parts"');

-- no more than the table's share: it ends when it would only push out what it filled
CREATE TABLE warm_quota (id int PRIMARY KEY, v text);
INSERT INTO warm_quota SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i;
SELECT cache.attach('warm_quota', 'read_through', max_memory => '1MB');
SELECT cache.warm('warm_quota') BETWEEN 900 AND 2000 AS some;
SELECT bytes <= 1024 * 1024 AND bytes > 700 * 1024 AS share_used FROM cache.table_stats WHERE relation = 'warm_quota'::regclass;

-- with a loader function, what the loader makes of the rows
CREATE TABLE warm_loaded (id int PRIMARY KEY, v text);
INSERT INTO warm_loaded VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION warm_load(int) RETURNS warm_loaded LANGUAGE sql STABLE AS
	$$ SELECT id, upper(v) FROM public.warm_loaded WHERE id = $1 $$;
SELECT cache.attach('warm_loaded', 'read_through', loader => 'warm_load');
SELECT cache.warm('warm_loaded');
SELECT counted('warm_loaded');
SELECT cache.read(NULL::warm_loaded, 2);
SELECT counted('warm_loaded');

-- a transaction that cannot fill is told so
BEGIN;
UPDATE warmed SET v = 'mine' WHERE id = 1;
SELECT cache.warm('warmed');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache.warm('warmed');
ROLLBACK;
SET cache_strategies.enabled = off;
SELECT cache.warm('warmed');
RESET cache_strategies.enabled;
ALTER TABLE warm_around DISABLE TRIGGER USER;
SELECT cache.warm('warm_around');
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT cache.warm('warmed', 3);
COMMIT;

-- who may
CREATE ROLE warm_reader;
SET ROLE warm_reader;
SELECT cache.warm('warmed');
RESET ROLE;
GRANT SELECT ON warmed TO warm_reader;
SET ROLE warm_reader;
SELECT cache.warm('warmed', 5);
RESET ROLE;
-- the columns, but not the system's
GRANT SELECT (id, v) ON warm_toast TO warm_reader;
SELECT cache.invalidate('warm_toast'::regclass);
SET ROLE warm_reader;
SELECT cache.warm('warm_toast');
SELECT count(*) FROM cache.read_many(NULL::warm_toast, ARRAY[3, 4]);
RESET ROLE;
SELECT count(*), bool_and(t = r) FROM warm_toast t, cache.read(NULL::warm_toast, t.id) r;
SELECT counted('warm_toast');
ALTER TABLE warmed ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON warmed TO warm_reader USING (id % 2 = 0);
SET ROLE warm_reader;
SELECT cache.warm('warmed', 5);
RESET ROLE;
SELECT cache.warm('warmed', 5);

-- errors
CREATE TABLE warm_unattached (id int PRIMARY KEY);
SELECT cache.warm('warm_unattached');
SELECT cache.warm(NULL);
SELECT cache.warm('warmed', -1);

DROP OWNED BY warm_reader;
DROP ROLE warm_reader;
DROP TABLE warmed, warm_toast, warm_around, "Warm Parts", warm_quota, warm_loaded, warm_unattached CASCADE;
DROP FUNCTION counted(regclass);
