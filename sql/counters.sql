-- Each counter is moved by what it counts, and no other is.

\set VERBOSITY terse

CREATE TABLE counted (id int PRIMARY KEY, v text, w text);
INSERT INTO counted SELECT i, 'row ' || i FROM generate_series(1, 50) i;
SELECT cache.attach('counted', 'cache_aside', negative_ttl => '1 hour');

-- All counters of the table, without times and sizes.
CREATE FUNCTION counts(of regclass) RETURNS jsonb LANGUAGE sql AS $$
	SELECT to_jsonb(t) - ARRAY['relation', 'strategy', 'state', 'entries', 'bytes', 'hit_ratio', 'load_ms', 'wait_ms',
			'fills_wait_for', 'stats_reset']
		|| coalesce((SELECT jsonb_object_agg(event || ' ' || reason, count) FROM cache.stats_reasons r WHERE r.relation = of), '{}')
	FROM cache.table_stats t WHERE t.relation = of $$;
CREATE TABLE counts_before (relation regclass PRIMARY KEY, counts jsonb);

-- What has moved since the last time.
CREATE FUNCTION moved(of regclass = 'counted') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before jsonb := coalesce((SELECT b.counts FROM counts_before b WHERE relation = of), '{}');
	now jsonb := counts(of);
	result text;
BEGIN
	SELECT string_agg(key || ' ' || (now ->> key)::bigint - coalesce((before ->> key)::bigint, 0), ', ' ORDER BY key COLLATE "C") INTO result
	FROM jsonb_object_keys(now) key
	WHERE (now ->> key)::bigint IS DISTINCT FROM coalesce((before ->> key)::bigint, 0);
	INSERT INTO counts_before VALUES (of, now) ON CONFLICT (relation) DO UPDATE SET counts = now;
	RETURN coalesce(result, 'nothing');
END $$;
SELECT moved();

-- ----- reads -----

SELECT (cache.read(NULL::counted, 1)).v;
SELECT moved() AS "not cached";
SELECT (cache.read(NULL::counted, 1)).v;
SELECT moved() AS "a hit";
SELECT cache.read(NULL::counted, 0) IS NULL;
SELECT moved() AS "no row, not cached";
SELECT cache.read(NULL::counted, 0) IS NULL;
SELECT moved() AS "its absence is";
SELECT count(*) FROM cache.read_many(NULL::counted, ARRAY[1, 2, 3]);
SELECT moved() AS "one of three";
SELECT (cache.lookup(NULL::counted, 2)).v;
SELECT moved() AS "a lookup";
SELECT load_ms > 0 AS loads_take_time, wait_ms FROM cache.table_stats WHERE relation = 'counted'::regclass;

-- ----- changes -----

UPDATE counted SET v = 'one' WHERE id = 1;
SELECT moved() AS "a change of a cached row";
UPDATE counted SET v = 'seven' WHERE id = 7;
SELECT moved() AS "a change of another";
SELECT cache.invalidate('counted');
SELECT moved() AS "the whole table";
SELECT (cache.read(NULL::counted, 2)).v;
SELECT moved() AS "an entry of before";

-- ----- bypasses -----

SET cache_strategies.enabled = off;
SELECT (cache.read(NULL::counted, 2)).v;
RESET cache_strategies.enabled;
SELECT moved() AS "disabled";
BEGIN;
UPDATE counted SET v = 'own' WHERE id = 9;
SELECT (cache.read(NULL::counted, 2)).v;
ROLLBACK;
SELECT moved() AS "own changes";
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT (cache.read(NULL::counted, 2)).v;
COMMIT;
SELECT moved() AS "serializable";
ALTER TABLE counted DISABLE TRIGGER ALL;
SELECT moved() AS "DDL";
SELECT (cache.read(NULL::counted, 2)).v;
SELECT moved() AS "triggers that are off";
ALTER TABLE counted ENABLE TRIGGER ALL;
SELECT cache.repair('counted');
SELECT (cache.read(NULL::counted, 2)).v;
SELECT moved() AS "and on again";

CREATE ROLE cs_counted;
GRANT SELECT ON counted TO cs_counted;
ALTER TABLE counted ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON counted USING (true);
SELECT moved();
SET ROLE cs_counted;
SELECT (cache.read(NULL::counted, 2)).v;
RESET ROLE;
SELECT moved() AS "row security";
ALTER TABLE counted DISABLE ROW LEVEL SECURITY;

CREATE TABLE counted_texts (id text PRIMARY KEY, v text);
INSERT INTO counted_texts VALUES (repeat('k', 2000), 'v');
SELECT cache.attach('counted_texts', 'read_through');
SELECT moved('counted_texts');
SELECT (cache.read(NULL::counted_texts, repeat('k', 9000))).v;
SELECT moved('counted_texts') AS "a long key";
DROP TABLE counted_texts;

-- ----- what is not kept -----

SELECT cache.fill(c) FROM counted c WHERE id = 20;
SELECT moved();
SELECT cache.fill(c) FROM counted c WHERE id = 20;
SELECT moved() AS "a fill without a lookup";
ALTER TABLE counted ALTER w SET STORAGE EXTERNAL;
UPDATE counted SET w = repeat('x', (SELECT max_value::int FROM cache.stats)) WHERE id = 30;
SELECT moved();
SELECT length((cache.read(NULL::counted, 30)).v);
SELECT moved() AS "too large";

CREATE TABLE counted_small (id int PRIMARY KEY, v text);
INSERT INTO counted_small SELECT i, repeat('v', 100) FROM generate_series(1, 100) i;
SELECT cache.attach('counted_small', 'read_through', max_memory => '1 kB');
UPDATE counted_small SET v = repeat('v', 2000) WHERE id = 1;
SELECT moved('counted_small');
SELECT length((cache.read(NULL::counted_small, 1)).v);
SELECT moved('counted_small') AS "more than max_memory";
SELECT count(cache.read(NULL::counted_small, i)) FROM generate_series(2, 90) i;
SELECT evictions > 0 AND evictions = evictions_unread AS "all that were evicted were never read", expirations
FROM cache.table_stats WHERE relation = 'counted_small'::regclass;
SELECT count(cache.read(NULL::counted_small, i / 4)) FROM generate_series(8, 363) i;
SELECT evictions_unread < evictions AS "some had been read" FROM cache.table_stats WHERE relation = 'counted_small'::regclass;
DROP TABLE counted_small;

-- ----- expiry -----

CREATE TABLE counted_short (id int PRIMARY KEY, v text);
INSERT INTO counted_short SELECT i, 'v' FROM generate_series(1, 2) i;
SELECT cache.attach('counted_short', 'cache_aside', ttl => '1 ms');
SELECT moved('counted_short');
SELECT (cache.read(NULL::counted_short, 1)).v;
SELECT moved('counted_short') AS "not cached";
SELECT pg_sleep(0.01);
SELECT (cache.read(NULL::counted_short, 1)).v;
SELECT moved('counted_short') AS "expired";
DROP TABLE counted_short;

-- ----- write_through -----

CREATE TABLE counted_through (id int PRIMARY KEY, v text);
INSERT INTO counted_through VALUES (1, 'a');
SELECT cache.attach('counted_through', 'write_through');
SELECT moved('counted_through');
UPDATE counted_through SET v = 'b' WHERE id = 1;
SELECT moved('counted_through') AS "published";
SELECT (cache.read(NULL::counted_through, 1)).v;
SELECT moved('counted_through') AS "and read";
DROP TABLE counted_through;

-- ----- keys, values and results -----

SELECT cache.create_space('counted');
CREATE FUNCTION space_moved() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SELECT string_agg(x.key || ' ' || x.value, ', ' ORDER BY x.key COLLATE "C") INTO result
	FROM (SELECT k.key, k.value FROM cache.space_stats s, jsonb_each_text(to_jsonb(s) - ARRAY['space', 'owner', 'entries', 'bytes', 'max_memory', 'ttl', 'stats_reset']) k
			WHERE s.space = 'counted' AND k.value <> '0'
		UNION ALL SELECT event || ' ' || reason, count::text FROM cache.stats_reasons WHERE space = 'counted') x;
	PERFORM cache.stats_reset();
	RETURN coalesce(result, 'nothing');
END $$;
SELECT cache.set('k', 'v', space => 'counted');
SELECT space_moved() AS "set";
SELECT cache.get('k', space => 'counted');
SELECT space_moved() AS "a hit";
SELECT cache.get('none', space => 'counted');
SELECT space_moved() AS "no such key";
SELECT cache.set('short', 'v', ttl => '1 ms', space => 'counted');
SELECT pg_sleep(0.01);
SELECT cache.get('short', space => 'counted');
SELECT space_moved() AS "expired";
SELECT cache.set('tagged', 'v', tags => '{t}', space => 'counted');
SELECT cache.invalidate_tag('t', space => 'counted');
SELECT cache.get('tagged', space => 'counted');
SELECT space_moved() AS "its tag was invalidated";
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM counted', space => 'counted');
SELECT space_moved() AS "a result is kept";
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM counted', space => 'counted');
SELECT space_moved() AS "and found";
UPDATE counted SET v = 'other' WHERE id = 2;
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM counted', space => 'counted');
SELECT space_moved() AS "its table was changed";
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM counted', space => 'counted');
COMMIT;
SELECT space_moved() AS "serializable";
SELECT cache.drop_space('counted');

-- ----- resets -----

SELECT stats_reset IS NOT NULL AS reset, hits, misses, loads, load_ms FROM cache.table_stats WHERE relation = 'counted'::regclass;
SELECT hits > 0 AS hits, misses > 0 AS misses, loads > 0 AS loads, dead_bytes >= 0 AS dead FROM cache.stats;
SELECT hits AS hits_before FROM cache.stats \gset
SELECT (cache.read(NULL::counted, 3)).v, (cache.read(NULL::counted, 3)).v;
SELECT hits - :hits_before AS more_hits FROM cache.stats;
SELECT cache.stats_reset();
SELECT hits - :hits_before AS still FROM cache.stats;
DROP FUNCTION counts, moved, space_moved;
DROP TABLE counted;
SELECT hits - :hits_before AS and_still FROM cache.stats;
SELECT cache.stats_reset_shared();
SELECT hits, misses, stats_reset IS NOT NULL AS reset FROM cache.stats;

-- Of deferred writes what was counted goes, and what is deferred stays.
CREATE TABLE counted_later (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO counted_later VALUES (1, 0), (2, 0);
SELECT cache.attach('counted_later', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
UPDATE counted_later SET n = n + 1;
SELECT cache.flush('counted_later');
UPDATE counted_later SET n = n + 1 WHERE id = 1;
CREATE VIEW flushing AS SELECT dirty_entries, deferred, rows_flushed, flushes, flushes_per_second > 0 AS per_second,
		last_flush IS NOT NULL AS flushed
	FROM cache.flush_status WHERE relation = 'counted_later'::regclass;
SELECT * FROM flushing;
SELECT cache.stats_reset();
SELECT * FROM flushing;
SELECT cache.flush('counted_later');
SELECT * FROM flushing;
SELECT * FROM counted_later ORDER BY id;
DROP VIEW flushing;
DROP TABLE counted_later;

DROP TABLE counts_before;
DROP ROLE cs_counted;
