-- cache.verify(): cached rows compared with the table, as its owner, for roles that
-- may read it.

CREATE SCHEMA verify;
SET search_path = verify;
SET client_min_messages = warning;

-- without entries that are left from a table that had the slot before
CREATE FUNCTION compared(relation regclass, OUT verified bigint, OUT mismatched bigint, OUT skipped jsonb)
LANGUAGE sql AS $$
	SELECT verified, mismatched, reasons - 'the table was changed as a whole since the entry was made'
	FROM cache.verify(relation)
$$;

CREATE TABLE plain (id int PRIMARY KEY, v text, n int);
INSERT INTO plain SELECT i, repeat('v', i), i FROM generate_series(1, 250) i;
SELECT cache.attach('plain', 'read_through', negative_ttl => '1 hour');
SELECT * FROM compared('plain');
SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 260) i;
SELECT * FROM compared('plain');
UPDATE plain SET n = n + 1 WHERE id <= 10;
SELECT * FROM compared('plain');
-- a look is no read
SELECT hits, misses FROM cache.table_stats WHERE relation = 'plain'::regclass;
-- values in TOAST, dropped and added columns, a key that is kept as a hash
CREATE TABLE wide (a numeric, gone int, b text COLLATE "C", v text, PRIMARY KEY (a, b));
ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
INSERT INTO wide SELECT i / 10.0, i, 'b' || i, repeat(md5(i::text), 300) FROM generate_series(1, 20) i;
ALTER TABLE wide DROP COLUMN gone;
ALTER TABLE wide ADD COLUMN late int DEFAULT 7;
SELECT cache.attach('wide', 'cache_aside');
SELECT count(cache.read(NULL::wide, i / 10.00, 'b' || i)) FROM generate_series(1, 25) i;
SELECT * FROM compared('wide');
-- partitions
CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (50);
CREATE TABLE parted_2 (v text, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM (50) TO (100);
INSERT INTO parted SELECT i, 'v' || i FROM generate_series(1, 99) i;
SELECT cache.attach('parted', 'write_through', negative_ttl => '1 hour');
SELECT count(cache.read(NULL::parted, i)) FROM generate_series(1, 110) i;
DELETE FROM parted WHERE id = 20;
UPDATE parted SET id = 20 WHERE id = 60;
UPDATE parted SET v = 'w' WHERE id < 20;
SELECT * FROM compared('parted');
-- what is published by a statement
UPDATE parted SET v = v || '!' WHERE id BETWEEN 20 AND 30;
SELECT * FROM compared('parted');
-- expired, and of an earlier epoch
CREATE TABLE short (id int PRIMARY KEY, v text);
INSERT INTO short VALUES (1, 'one'), (2, 'two');
SELECT cache.attach('short', 'read_through', ttl => '1 microsecond');
SELECT cache.read(NULL::short, 1);
SELECT * FROM compared('short');
SELECT cache.attach('short', 'read_through');
SELECT cache.read(NULL::short, 1);
TRUNCATE short;
SELECT * FROM compared('short');
-- deferred writes are not in the table yet
CREATE TABLE deferred (id int PRIMARY KEY, v text, n bigint);
INSERT INTO deferred SELECT i, 'v', 0 FROM generate_series(1, 5) i;
SELECT cache.attach('deferred', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
SELECT count(cache.read(NULL::deferred, i)) FROM generate_series(1, 5) i;
UPDATE deferred SET n = n + 1 WHERE id = 3;
SELECT * FROM compared('deferred');
SELECT cache.flush('deferred');
SELECT count(cache.read(NULL::deferred, i)) FROM generate_series(1, 5) i;
SELECT * FROM compared('deferred');
-- a transaction that has changed the table does not use the cache for it
BEGIN;
UPDATE plain SET n = 0 WHERE id = 1;
SELECT cache.verify('plain');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT cache.verify('plain');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM compared('plain');
COMMIT;
SET cache_strategies.enabled = off;
SELECT cache.verify('plain');
RESET cache_strategies.enabled;
-- what else is refused
CREATE TABLE loaded (id int PRIMARY KEY);
CREATE FUNCTION load_loaded(int) RETURNS loaded LANGUAGE sql STABLE AS 'SELECT l FROM verify.loaded l WHERE id = $1';
SELECT cache.attach('loaded', 'read_through', loader => 'load_loaded');
SELECT cache.verify('loaded');
CREATE TABLE detached (id int PRIMARY KEY);
SELECT cache.verify('detached');
SELECT cache.verify(NULL);
SELECT cache.verify(0);
-- roles: SELECT on the table, or pg_monitor; it is read as the owner
CREATE ROLE regress_verify_owner;
CREATE ROLE regress_verify_reader;
CREATE ROLE regress_verify_column;
CREATE ROLE regress_verify_monitor IN ROLE pg_monitor;
CREATE ROLE regress_verify_nobody;
GRANT USAGE ON SCHEMA verify TO PUBLIC;
CREATE TABLE owned (id int PRIMARY KEY, v text, owner name DEFAULT 'regress_verify_owner');
ALTER TABLE owned OWNER TO regress_verify_owner;
INSERT INTO owned SELECT i, 'v' FROM generate_series(1, 3) i;
GRANT SELECT ON owned TO regress_verify_reader;
GRANT SELECT (id) ON owned TO regress_verify_column;
SELECT cache.attach('owned', 'read_through');
SELECT count(cache.read(NULL::owned, i)) FROM generate_series(1, 3) i;
SET ROLE regress_verify_reader;
SELECT * FROM compared('owned');
SET ROLE regress_verify_column;
SELECT cache.verify('owned');
SET ROLE regress_verify_monitor;
SELECT * FROM compared('owned');
SELECT count(*) FROM owned;
SET ROLE regress_verify_nobody;
SELECT cache.verify('owned');
RESET ROLE;
-- row-level security hides nothing from the comparison
ALTER TABLE owned ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY a_part ON owned USING (id < 3);
SELECT count(cache.read(NULL::owned, i)) FROM generate_series(1, 3) i;
SELECT * FROM compared('owned');
-- an owner who may not read
REVOKE SELECT ON owned FROM regress_verify_owner;
SELECT cache.verify('owned');
SELECT outcome, reason, entries > 0 AS some FROM cache.audit_stats WHERE kind = 'row' AND outcome <> 'skipped';
DROP SCHEMA verify CASCADE;
DROP ROLE regress_verify_owner, regress_verify_reader, regress_verify_column, regress_verify_monitor, regress_verify_nobody;
