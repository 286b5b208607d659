-- What cache_strategies.trace says of the session's operations.  The times are in the
-- DETAIL, which is not shown here.

\set VERBOSITY terse

CREATE TABLE traced (id int, part text, n int NOT NULL DEFAULT 0, PRIMARY KEY (id, part));
INSERT INTO traced SELECT i, 'p' || i FROM generate_series(1, 9) i;
SELECT cache.attach('traced', 'cache_aside', negative_ttl => '1 hour');
CREATE TABLE traced_through (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO traced_through VALUES (1, 1), (2, 2);
SELECT cache.attach('traced_through', 'write_through', plain_reads => true);
CREATE TABLE traced_back (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO traced_back VALUES (1, 0);
SELECT cache.attach('traced_back', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
SELECT cache.create_space('traced');

SET cache_strategies.trace = on;

-- reads
SELECT (cache.read(NULL::traced, 1, 'p1')).n;
SELECT (cache.read(NULL::traced, 1, 'p1')).n;
SELECT cache.read(NULL::traced, 0, 'none') IS NULL;
SELECT cache.read(NULL::traced, 0, 'none') IS NULL;
SELECT count(*) FROM cache.read_many(NULL::traced, ARRAY[ROW(1, 'p1'), ROW(2, 'p2')]);
BEGIN;
UPDATE traced SET n = 1 WHERE id = 3;
SELECT (cache.read(NULL::traced, 1, 'p1')).n;
COMMIT;
SET cache_strategies.enabled = off;
SELECT (cache.read(NULL::traced, 1, 'p1')).n;
RESET cache_strategies.enabled;

-- changes
INSERT INTO traced VALUES (10, 'p10');
UPDATE traced SET n = 1 WHERE id = 10;
DELETE FROM traced WHERE id = 10;
UPDATE traced_through SET n = n + 1 WHERE id = 1;
SELECT n FROM traced_through WHERE id = 1;
SELECT n FROM traced_through WHERE id = 2;

-- deferred writes
SELECT cache.increment(NULL::traced_back, 'n', 1, 1);
UPDATE traced_back SET n = n + 1 WHERE id = 1;
SELECT cache.flush('traced_back');

-- keys and values
SELECT cache.set('k', 'v', space => 'traced');
SELECT cache.get('k', space => 'traced');
SELECT cache.get('none', space => 'traced');
SELECT cache.delete('k', space => 'traced');

-- results
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM traced', space => 'traced');
SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM traced', space => 'traced');
SET cache_strategies.results = declared;
SELECT sum(n) FROM traced /* cache */;
SELECT sum(n) FROM traced /* cache */;

-- What a function does that runs as another role is not told.
CREATE ROLE cs_traced_owner;
CREATE FUNCTION as_another(k int) RETURNS int LANGUAGE sql SECURITY DEFINER AS $$ SELECT (cache.read(NULL::traced, k, 'p' || k)).n $$;
GRANT SELECT ON traced TO cs_traced_owner;
ALTER FUNCTION as_another(int) OWNER TO cs_traced_owner;
SELECT as_another(5);
ALTER FUNCTION as_another(int) OWNER TO CURRENT_USER;
SELECT as_another(5);
DROP FUNCTION as_another(int);
DROP OWNED BY cs_traced_owner;
DROP ROLE cs_traced_owner;

-- Neither is it told of rows that its role may not read: what a foreign key changes, what a
-- view reads with its owner's rights, and what policies hide.
CREATE ROLE cs_traced_low;
CREATE TABLE traced_parent (id int PRIMARY KEY);
CREATE TABLE traced_secret (code text PRIMARY KEY, parent int NOT NULL REFERENCES traced_parent ON DELETE CASCADE, n int NOT NULL DEFAULT 0);
INSERT INTO traced_parent VALUES (1), (2), (3), (4);
INSERT INTO traced_secret SELECT 'secret ' || i, i FROM generate_series(1, 4) i;
CREATE TABLE traced_tenant (id int PRIMARY KEY, parent int NOT NULL REFERENCES traced_parent ON DELETE CASCADE, tenant name NOT NULL);
INSERT INTO traced_tenant VALUES (11, 1, current_user), (12, 1, 'cs_traced_low'), (13, 2, current_user), (14, 4, current_user);
ALTER TABLE traced_tenant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON traced_tenant USING (tenant = current_user);
CREATE VIEW traced_view AS SELECT p.id, (SELECT n FROM traced_secret WHERE code = 'secret ' || p.id) AS n FROM traced_parent p;
SELECT cache.attach('traced_secret', 'cache_aside', plain_reads => true), cache.attach('traced_tenant', 'cache_aside', plain_reads => true);
ANALYZE traced_secret, traced_tenant;
GRANT SELECT, DELETE ON traced_parent TO cs_traced_low;
GRANT SELECT ON traced_view, traced_tenant TO cs_traced_low;
SET enable_seqscan = off;
SET ROLE cs_traced_low;
DELETE FROM traced_parent WHERE id = 1;
SELECT * FROM traced_view WHERE id = 3;
SELECT * FROM traced_tenant WHERE id = 13;
SELECT (cache.read(NULL::traced_tenant, 13)).tenant;
RESET ROLE;
DELETE FROM traced_parent WHERE id = 2;
GRANT SELECT ON traced_secret TO cs_traced_low;
ALTER TABLE traced_tenant DISABLE ROW LEVEL SECURITY;
SET ROLE cs_traced_low;
SELECT * FROM traced_view WHERE id = 3;
RESET ROLE;
-- From version 18 on a trigger runs as the role that has made the change: of a foreign key's
-- action, the owner of the table.
ALTER TABLE traced_secret OWNER TO cs_traced_low;
ALTER TABLE traced_tenant OWNER TO cs_traced_low;
SET ROLE cs_traced_low;
DELETE FROM traced_parent WHERE id = 4;
RESET ROLE;
RESET enable_seqscan;
DROP VIEW traced_view;
DROP TABLE traced_tenant, traced_secret, traced_parent;
DROP ROLE cs_traced_low;

RESET cache_strategies.trace;
SELECT sum(n) FROM traced /* cache */;
RESET cache_strategies.results;

-- the log of all sessions
SET cache_strategies.trace_log_sample = 1;
SELECT (cache.read(NULL::traced, 7, 'p7')).n;
SELECT (cache.read(NULL::traced, 7, 'p7')).n;
RESET cache_strategies.trace_log_sample;
SELECT database, role = current_user::regrole AS mine, strategy, object, key, operation, outcome, reason, took_ms > 0 AS took
FROM cache.trace_log WHERE pid = pg_backend_pid() AND key = '(7, p7)';
SELECT count(*) <= current_setting('cache_strategies.trace_log_size')::int AS not_more FROM cache.trace_log;
CREATE ROLE cs_traced IN ROLE pg_monitor;
SET ROLE cs_traced;
SELECT * FROM cache.trace_log;
SELECT * FROM cache.trace_entries();
SET cache_strategies.trace_log_sample = 1;
RESET ROLE;
DROP ROLE cs_traced;

SELECT cache.drop_space('traced');
DROP TABLE traced, traced_through, traced_back;
