--
-- cache.explain(): each outcome and reason that one session can bring about.
-- An entry that is newer than the snapshot, or being changed, takes two: see
-- test/isolation.
--

CREATE TABLE e (id int PRIMARY KEY, v text);
INSERT INTO e SELECT i, repeat('x', i * 10) FROM generate_series(1, 9) i;

-- not attached
SELECT * FROM cache.explain(NULL::e, 1);
SELECT cache.attach('e', 'read_through', negative_ttl => '1 day');

-- miss, hit, absent; what it says is how cache.read() then answers, and it
-- neither loads nor counts
SELECT * FROM cache.explain(NULL::e, 1);
SELECT * FROM cache.explain(NULL::e, 1);
SELECT hits, absent_hits, misses, bypasses, fills FROM cache.table_stats WHERE relation = 'e'::regclass;
SELECT * FROM cache.read(NULL::e, 1);
SELECT outcome, reason, strategy, bytes BETWEEN 40 AND 100 AS bytes, expires FROM cache.explain(NULL::e, 1);
SELECT cache.read(NULL::e, 99);
SELECT outcome, reason, strategy, bytes > 0 AS bytes, expires - now() BETWEEN '23:00' AND '24:01' AS expires
FROM cache.explain(NULL::e, 99);
SELECT hits, absent_hits, misses, bypasses, fills FROM cache.table_stats WHERE relation = 'e'::regclass;

-- the size is the value's
SELECT cache.read(NULL::e, 9) IS NOT NULL AS read;
SELECT (cache.explain(NULL::e, 9)).bytes - (cache.explain(NULL::e, 1)).bytes AS more;

-- keys that no row can have, and keys that are wrong
SELECT * FROM cache.explain(NULL::e, NULL);
SELECT * FROM cache.explain(NULL::e, 3000000000);
SELECT * FROM cache.explain(NULL::e, 1, 2);
SELECT * FROM cache.explain(NULL::e, true);
SELECT * FROM cache.explain(1, 1);

-- in a list of columns, over several keys
SELECT i, (cache.explain(NULL::e, i)).outcome FROM generate_series(1, 3) i;

-- off
SET cache_strategies.enabled = off;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT count(cache.read(NULL::e, 1));
RESET cache_strategies.enabled;
SELECT outcome FROM cache.explain(NULL::e, 1);

-- serializable; repeatable read is served
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT count(cache.read(NULL::e, 1));
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
COMMIT;
BEGIN READ ONLY;
SELECT outcome FROM cache.explain(NULL::e, 1);
COMMIT;

-- own changes: of this key or of another
BEGIN;
SELECT outcome FROM cache.explain(NULL::e, 1);
UPDATE e SET v = 'changed' WHERE id = 2;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT outcome, reason FROM cache.explain(NULL::e, 2);
SELECT v FROM cache.read(NULL::e, 2);
ROLLBACK;
SELECT outcome FROM cache.explain(NULL::e, 1);
-- changes of another table are nothing to it
CREATE TABLE other (id int PRIMARY KEY);
BEGIN;
INSERT INTO other VALUES (1);
SELECT outcome FROM cache.explain(NULL::e, 1);
ROLLBACK;

-- row-level security, for those to whom it applies
CREATE ROLE regress_cs_reader;
GRANT SELECT ON e TO regress_cs_reader;
ALTER TABLE e ENABLE ROW LEVEL SECURITY;
SELECT outcome FROM cache.explain(NULL::e, 1);
SELECT count(cache.read(NULL::e, 1));
SELECT outcome FROM cache.explain(NULL::e, 1);
SET ROLE regress_cs_reader;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT cache.read(NULL::e, 1);
RESET ROLE;
ALTER TABLE e DISABLE ROW LEVEL SECURITY;
SET ROLE regress_cs_reader;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
RESET ROLE;
-- it needs what cache.read() needs
REVOKE SELECT ON e FROM regress_cs_reader;
SET ROLE regress_cs_reader;
SELECT * FROM cache.explain(NULL::e, 1);
SELECT * FROM cache.explain(NULL::e, NULL);
RESET ROLE;

-- triggers that are not in force
SELECT count(cache.read(NULL::e, 1));
SELECT outcome FROM cache.explain(NULL::e, 1);
ALTER TABLE e DISABLE TRIGGER cache_strategies_row;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT state FROM cache.table_stats WHERE relation = 'e'::regclass;
UPDATE e SET v = 'unseen' WHERE id = 1;
SELECT v FROM cache.read(NULL::e, 1);
ALTER TABLE e ENABLE TRIGGER cache_strategies_row;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
ALTER TABLE e ENABLE ALWAYS TRIGGER cache_strategies_row;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT v FROM cache.read(NULL::e, 1);
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT state FROM cache.table_stats WHERE relation = 'e'::regclass;
DROP TRIGGER cache_strategies_row ON e;
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT v FROM cache.read(NULL::e, 1);
-- attaching again makes them again
SELECT cache.attach('e', 'cache_aside');
SELECT outcome, reason, strategy FROM cache.explain(NULL::e, 1);
SELECT v FROM cache.read(NULL::e, 1);

-- DDL of this transaction
BEGIN;
SELECT outcome FROM cache.explain(NULL::e, 1);
ALTER TABLE e ADD COLUMN w int DEFAULT 5;
SELECT outcome FROM cache.explain(NULL::e, 1);
SELECT * FROM cache.read(NULL::e, 1);
ROLLBACK;
SELECT * FROM cache.read(NULL::e, 1);
SELECT * FROM cache.read(NULL::e, 1);
SELECT outcome FROM cache.explain(NULL::e, 1);

-- the table was changed as a whole
SELECT cache.invalidate('e');
SELECT outcome, reason FROM cache.explain(NULL::e, 1);
SELECT v FROM cache.read(NULL::e, 1);

-- expired: not a hit, whether or not it is still there
SELECT cache.attach('e', 'cache_aside', ttl => '100 ms', negative_ttl => '100 ms');
DO $$
DECLARE
	now_seen text;
BEGIN
	PERFORM cache.read(NULL::e, 1), cache.read(NULL::e, 99);
	FOR i IN 1..1000 LOOP
		SELECT one.outcome || ' ' || two.outcome || ': ' || one.reason INTO now_seen
		FROM cache.explain(NULL::e, 1) one, cache.explain(NULL::e, 99) two;
		EXIT WHEN now_seen LIKE 'miss miss%';
		PERFORM pg_sleep(0.01);
	END LOOP;
	RAISE NOTICE '%', now_seen;
END $$;
SELECT v FROM cache.read(NULL::e, 1);
-- when it does, with and without jitter
SELECT cache.attach('e', 'cache_aside', ttl => '1 day');
SELECT count(cache.read(NULL::e, i)) FROM generate_series(1, 9) i;
SELECT count(*), bool_and(expires - now() BETWEEN '23:00' AND '24:01') AS in_time, max(expires) - min(expires) < '1 hour' AS together
FROM generate_series(1, 9) i, cache.explain(NULL::e, i);
SELECT cache.attach('e', 'cache_aside', ttl => '1 day', ttl_jitter => 0.5);
SELECT count(cache.read(NULL::e, i)) FROM generate_series(1, 9) i;
SELECT count(*), bool_and(expires - now() BETWEEN '11:00' AND '24:01') AS in_time, max(expires) - min(expires) > '1 hour' AS spread
FROM generate_series(1, 9) i, cache.explain(NULL::e, i);

-- a key that is too long to be kept is read from the table
CREATE TABLE long_key (k text, n int, PRIMARY KEY (k, n));
ALTER TABLE long_key ALTER k SET STORAGE EXTENDED;
INSERT INTO long_key VALUES (repeat('k', 10000), 1), ('short', 1);
SELECT cache.attach('long_key');
SELECT outcome, reason FROM cache.explain(NULL::long_key, repeat('k', 10000), 1);
SELECT length(k), n FROM cache.read(NULL::long_key, repeat('k', 10000), 1);
SELECT outcome FROM cache.explain(NULL::long_key, repeat('k', 10000), 1);
UPDATE long_key SET n = 2 WHERE k <> 'short';
SELECT cache.read(NULL::long_key, repeat('k', 10000), 1);
SELECT length(k), n FROM cache.read(NULL::long_key, repeat('k', 10000), 2);

DROP TABLE e, other, long_key;
DROP ROLE regress_cs_reader;
