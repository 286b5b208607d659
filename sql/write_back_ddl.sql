-- DDL on tables with deferred writes: what constrains the rows sees what is deferred,
-- and what would make deferring wrong is refused.
\set VERBOSITY terse
CREATE DOMAIN positive AS int;
CREATE TABLE accounts (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, s text, d positive);
INSERT INTO accounts SELECT i, 0, 'row ' || i, 1 FROM generate_series(1, 5) i;
SELECT cache.attach('accounts', 'write_back', flush_interval => '1 day',
	merge => '{"n": "add", "s": "replace", "d": "replace"}');

-- What is deferred is to be seen by the command, and nothing is to become a dead letter.
CREATE FUNCTION look() RETURNS TABLE (deferred bigint, dead bigint, rows text) LANGUAGE sql SET cache_strategies.merge_deferred = off AS $$
	SELECT dirty_entries, (SELECT count(*) FROM cache.dead_letters), (SELECT string_agg(a::text, ' ' ORDER BY id) FROM accounts a)
	FROM cache.flush_status WHERE relation = 'accounts'::regclass
$$;

-- ----- CHECK -----
UPDATE accounts SET n = n - 5 WHERE id = 1;
ALTER TABLE accounts ADD CONSTRAINT solvent CHECK (n >= 0);
SELECT * FROM look();
UPDATE accounts SET n = n + 10 WHERE id = 1;
ALTER TABLE accounts ADD CONSTRAINT solvent CHECK (n >= 0);
SELECT * FROM look();
UPDATE accounts SET n = n - 6 WHERE id = 1;
-- NOT VALID: what is there stays, and what is deferred was there before
UPDATE accounts SET n = n + 1 WHERE id = 2;
ALTER TABLE accounts ADD CONSTRAINT none CHECK (n <> 1) NOT VALID;
SELECT * FROM look();
ALTER TABLE accounts VALIDATE CONSTRAINT none;
ALTER TABLE accounts DROP CONSTRAINT none;
-- with a new column
UPDATE accounts SET n = n + 1 WHERE id = 3;
ALTER TABLE accounts ADD COLUMN extra int CHECK (n <> 1);
ALTER TABLE accounts ADD COLUMN extra int DEFAULT 7 CHECK (extra = 7);
ALTER TABLE accounts DROP COLUMN extra;
SELECT * FROM look();

-- ----- NOT NULL -----
UPDATE accounts SET s = NULL WHERE id = 1;
ALTER TABLE accounts ALTER s SET NOT NULL;
SELECT * FROM look();
UPDATE accounts SET s = 'again' WHERE id = 1;
ALTER TABLE accounts ALTER s SET NOT NULL;
SELECT * FROM look();

-- ----- domains -----
UPDATE accounts SET d = -1 WHERE id = 1;
ALTER DOMAIN positive ADD CONSTRAINT positive CHECK (VALUE > 0);
UPDATE accounts SET d = 2 WHERE id = 1;
ALTER DOMAIN positive ADD CONSTRAINT positive CHECK (VALUE > 0);
ALTER DOMAIN positive DROP CONSTRAINT positive;
UPDATE accounts SET d = NULL WHERE id = 2;
ALTER DOMAIN positive SET NOT NULL;
UPDATE accounts SET d = 1 WHERE id = 2;
ALTER DOMAIN positive ADD CONSTRAINT positive CHECK (VALUE > 0);
SELECT * FROM look();

-- ----- keys -----
UPDATE accounts SET s = 'same' WHERE id IN (4, 5);
CREATE UNIQUE INDEX accounts_s ON accounts (s);
SELECT * FROM look();
CREATE TABLE texts (s text PRIMARY KEY);
UPDATE accounts SET s = 'other' WHERE id = 4;
ALTER TABLE accounts ADD FOREIGN KEY (s) REFERENCES texts;
SELECT * FROM look();

-- ----- in a transaction -----
BEGIN;
UPDATE accounts SET n = n + 1 WHERE id = 2;
\set VERBOSITY default
ALTER TABLE accounts ADD CHECK (n < 1000);
\set VERBOSITY terse
ROLLBACK;
-- what others have deferred is in the table with the command, or not at all
UPDATE accounts SET n = n + 1 WHERE id = 2;
BEGIN;
ALTER TABLE accounts ADD CONSTRAINT small CHECK (n < 1000);
SELECT n FROM accounts WHERE id = 2;
ROLLBACK;
SELECT * FROM look();
BEGIN;
-- it has overtaken a value that is deferred, and cannot flush that
UPDATE accounts SET s = 'deferred' WHERE id = 2;
COMMIT;
BEGIN;
DELETE FROM accounts WHERE id = 2;
ALTER TABLE accounts ADD CONSTRAINT small CHECK (n < 1000);
ROLLBACK;
ALTER TABLE accounts ADD CONSTRAINT small CHECK (n < 1000);
SELECT * FROM look();
-- nothing is deferred: nothing is in the way
BEGIN ISOLATION LEVEL REPEATABLE READ;
DELETE FROM accounts WHERE id = 5;
INSERT INTO accounts VALUES (5, 1, 'anew', 1);
UPDATE accounts SET id = 6 WHERE id = 5;
ALTER TABLE accounts ADD CONSTRAINT large CHECK (n > -1000);
COMMIT;

-- ----- DROP and detach -----
-- Nothing is deferred by direct changes, nor by an UPDATE that changes nothing.
CREATE TABLE passing (id int PRIMARY KEY, n int);
INSERT INTO passing SELECT i, 0 FROM generate_series(1, 3) i;
SELECT cache.attach('passing', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
BEGIN;
UPDATE passing SET n = n + 0 WHERE id = 1;
SELECT cache.detach('passing');
ROLLBACK;
BEGIN;
INSERT INTO passing VALUES (4, 0);
UPDATE passing SET n = n + 0 WHERE id = 1;
DELETE FROM passing WHERE id = 2;
SAVEPOINT a;
DROP TABLE passing;
ROLLBACK TO a;
SELECT cache.detach('passing');
COMMIT;
SELECT count(*) FROM cache.bindings WHERE relation = 'passing'::regclass;
SELECT cache.attach('passing', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
-- what others have deferred cannot be flushed in between
UPDATE passing SET n = n + 1 WHERE id = 3;
BEGIN;
UPDATE passing SET n = 5, id = id WHERE id = 1;
SELECT cache.detach('passing');
ROLLBACK;
BEGIN;
UPDATE passing SET n = n + 0 WHERE id = 1;
SELECT cache.detach('passing');
ROLLBACK;
BEGIN;
DELETE FROM passing WHERE id = 1;
DROP TABLE passing;
ROLLBACK;
SELECT cache.flush('passing');
-- what the transaction itself has deferred
BEGIN;
UPDATE passing SET n = n + 1 WHERE id = 3;
DROP TABLE passing;
ROLLBACK;
BEGIN;
UPDATE passing SET n = n + 1 WHERE id = 3;
SELECT cache.detach('passing');
ROLLBACK;
BEGIN;
UPDATE passing SET n = n + 1 WHERE id = 3;
SELECT cache.detach('passing', discard => true);
COMMIT;
SELECT * FROM passing ORDER BY id;
SELECT cache.attach('passing', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
BEGIN;
INSERT INTO passing VALUES (5, 0);
UPDATE passing SET n = n + 0 WHERE id = 3;
DROP TABLE passing;
COMMIT;
SELECT to_regclass('passing');

-- ----- whose table it is -----
CREATE ROLE regress_write_back_ddl;
UPDATE accounts SET n = n + 1 WHERE id = 3;
SET ROLE regress_write_back_ddl;
ALTER TABLE accounts ADD CHECK (n > 0);
CREATE UNIQUE INDEX ON accounts (n);
CREATE RULE r AS ON UPDATE TO accounts DO INSTEAD NOTHING;
ALTER TABLE accounts SET UNLOGGED;
ALTER DOMAIN positive ADD CHECK (VALUE < 10);
RESET ROLE;
SELECT deferred FROM look();

-- ----- rules, unlogged -----
\set VERBOSITY default
CREATE RULE r AS ON UPDATE TO accounts DO INSTEAD NOTHING;
ALTER TABLE accounts SET UNLOGGED;
\set VERBOSITY terse
SELECT cache.attach('accounts', 'write_back', flush_interval => '1 day', durable => false, merge => '{"n": "add"}');
ALTER TABLE accounts SET UNLOGGED;
UPDATE accounts SET n = n + 1 WHERE id = 3;
SELECT deferred FROM look();
ALTER TABLE accounts SET LOGGED;
SELECT cache.flush('accounts');
SELECT cache.attach('accounts', 'read_through');
CREATE RULE r AS ON UPDATE TO accounts WHERE new.id = 0 DO INSTEAD NOTHING;
SELECT cache.attach('accounts', 'write_back');
DROP TABLE accounts;

-- ----- children, partitions -----
\set VERBOSITY default
CREATE TABLE parent (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO parent VALUES (1, 0);
SELECT cache.attach('parent', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
CREATE TABLE child () INHERITS (parent);
INSERT INTO child VALUES (2, 0);
UPDATE parent SET n = n + 1;
SELECT cache.read(NULL::parent, 1), array(SELECT n FROM parent ORDER BY id) AS plain;
SELECT cache.flush('parent');
SELECT * FROM parent ORDER BY id;
DROP TABLE parent CASCADE;
\set VERBOSITY terse
CREATE TABLE whole (id int, n int NOT NULL);
CREATE TABLE part (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO part VALUES (1, 0);
SELECT cache.attach('part', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
ALTER TABLE part INHERIT whole;
SELECT cache.increment(NULL::part, 'n', -1, 1);
ALTER TABLE whole ADD CHECK (n >= 0);
ALTER TABLE ONLY whole ADD CHECK (n >= 0) NO INHERIT;
SELECT * FROM whole;

DROP TABLE part, whole, texts;
DROP DOMAIN positive;
DROP FUNCTION look;
DROP ROLE regress_write_back_ddl;
