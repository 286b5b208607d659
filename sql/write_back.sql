-- write_back: deferring, reading, settling, flushing
-- plain SELECTs show what the table has
SET cache_strategies.merge_deferred = off;
CREATE TABLE pages (
	id int PRIMARY KEY, title text NOT NULL, views bigint NOT NULL DEFAULT 0,
	seen timestamptz, best int, worst int, status text);
INSERT INTO pages SELECT i, 'page ' || i, 0, '2026-01-01', 0, 0, 'new' FROM generate_series(1, 5) i;
SELECT cache.attach('pages', 'write_back', flush_interval => '1 hour',
	merge => '{"views": "add", "seen": "max", "best": "max", "worst": "min", "status": "replace"}');
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'pages'::regclass AND NOT tgisinternal ORDER BY 1;

-- deferred: the table does not have it, a read does
SELECT cache.increment(NULL::pages, 'views', 5, 1);
SELECT cache.increment(NULL::pages, 'views', 2, 1);
SELECT views FROM pages WHERE id = 1;
SELECT views FROM cache.read(NULL::pages, 1);
SELECT id, views FROM cache.read_many(NULL::pages, ARRAY[2, 1]);
-- plain SQL on declared columns only
UPDATE pages SET views = views + 10, seen = '2026-02-02', status = 'hot' WHERE id <= 2;
SELECT id, views, status FROM pages WHERE id <= 2 ORDER BY id;
SELECT id, views, seen = '2026-02-02' AS seen, status FROM cache.scan(NULL::pages) ORDER BY id;
-- max and min
UPDATE pages SET best = 7, worst = -7 WHERE id = 1;
UPDATE pages SET best = 3, worst = -3 WHERE id = 1;
SELECT best, worst FROM cache.read(NULL::pages, 1);
-- other columns go to the table at once; what is deferred stays
UPDATE pages SET title = 'first' WHERE id = 1;
SELECT title, views FROM pages WHERE id = 1;
SELECT title, views, best FROM cache.read(NULL::pages, 1);
-- both at once: neither side is lost
UPDATE pages SET title = 'first!', views = views + 100 WHERE id = 1;
SELECT views FROM pages WHERE id = 1;
SELECT views FROM cache.read(NULL::pages, 1);
-- of two replacements the later one wins
UPDATE pages SET title = 'second', status = 'direct' WHERE id = 2;
SELECT status FROM cache.read(NULL::pages, 2);
UPDATE pages SET status = 'deferred' WHERE id = 2;
SELECT status FROM cache.read(NULL::pages, 2);
-- also to what the table has already
UPDATE pages SET status = 'new' WHERE id = 3;
UPDATE pages SET title = 'third', status = 'direct' WHERE id = 3;
UPDATE pages SET status = 'deferred' WHERE id = 3;
UPDATE pages SET title = 'third!', status = 'direct' WHERE id = 3;
SELECT status FROM cache.read(NULL::pages, 3);
SELECT cache.flush('pages');
SELECT id, title, views, best, worst, status FROM pages ORDER BY id;
SELECT cache.flush('pages');
SELECT id, title, views, best, worst, status FROM cache.scan(NULL::pages) ORDER BY id;

-- transactions and savepoints
BEGIN;
SELECT cache.increment(NULL::pages, 'views', 1, 3);
SAVEPOINT a;
SELECT cache.increment(NULL::pages, 'views', 10, 3);
SAVEPOINT b;
UPDATE pages SET views = views + 100 WHERE id = 3;
SELECT views FROM cache.read(NULL::pages, 3);
ROLLBACK TO b;
SELECT views FROM cache.read(NULL::pages, 3);
ROLLBACK TO a;
SELECT views FROM cache.read(NULL::pages, 3);
RELEASE a;
COMMIT;
SELECT views FROM cache.read(NULL::pages, 3);
BEGIN;
SELECT cache.increment(NULL::pages, 'views', 1000, 3);
ROLLBACK;
SELECT views FROM cache.read(NULL::pages, 3);

-- whole rows
SELECT * FROM cache.write(ROW(9, 'nine', 9, NULL, NULL, NULL, 'written')::pages);
SELECT count(*) FROM pages WHERE id = 9;
SELECT title, views FROM cache.read(NULL::pages, 9);
SELECT cache.increment(NULL::pages, 'views', 1, 9);
SELECT id, views FROM cache.scan(NULL::pages) ORDER BY id;
INSERT INTO pages VALUES (9, 'again');
INSERT INTO pages VALUES (1, 'again') ON CONFLICT DO NOTHING;
SELECT cache.flush();
SELECT id, title, views, status FROM pages WHERE id = 9;
SELECT * FROM cache.write(ROW(9, 'nine', 90, NULL, NULL, NULL, 'rewritten')::pages);
SELECT cache.remove(NULL::pages, 9);
SELECT cache.read(NULL::pages, 9);
SELECT cache.remove(NULL::pages, 9);
-- one that never reaches the table
SELECT id FROM cache.write(ROW(10, 'ten', 0, NULL, NULL, NULL, 'x')::pages);
SELECT cache.remove(NULL::pages, 10);
SELECT cache.read(NULL::pages, 10);
SELECT cache.flush('pages');
SELECT count(*) FROM pages WHERE id IN (9, 10);

-- DELETE and INSERT end what was deferred for the row
SELECT cache.increment(NULL::pages, 'views', 4, 4);
BEGIN;
DELETE FROM pages WHERE id = 4;
SELECT cache.read(NULL::pages, 4);
SELECT cache.increment(NULL::pages, 'views', 4, 4);
INSERT INTO pages VALUES (4, 'reborn');
SELECT views FROM cache.read(NULL::pages, 4);
SELECT cache.increment(NULL::pages, 'views', 1, 4);
COMMIT;
SELECT views FROM cache.read(NULL::pages, 4);
SELECT cache.increment(NULL::pages, 'views', 4, 5);
BEGIN;
DELETE FROM pages WHERE id = 5;
ROLLBACK;
SELECT views FROM cache.read(NULL::pages, 5);
-- a new key takes it along
SELECT cache.increment(NULL::pages, 'views', 4, 5);
UPDATE pages SET id = 50 WHERE id = 5;
SELECT cache.read(NULL::pages, 5);
SELECT views FROM cache.read(NULL::pages, 50);
SELECT views FROM pages WHERE id = 50;
SELECT cache.flush('pages');
SELECT id, views FROM pages ORDER BY id;

-- TRUNCATE
SELECT cache.increment(NULL::pages, 'views', 1, 1);
BEGIN;
TRUNCATE pages;
SELECT cache.read(NULL::pages, 1);
ROLLBACK;
SELECT views FROM cache.read(NULL::pages, 1);
BEGIN;
SELECT cache.increment(NULL::pages, 'views', 1, 2);
TRUNCATE pages;
INSERT INTO pages VALUES (1, 'anew');
SELECT cache.increment(NULL::pages, 'views', 3, 1);
COMMIT;
SELECT id, title, views FROM cache.scan(NULL::pages);
-- TRUNCATE has the worker flush the table, which may come first
SELECT cache.flush('pages') <= 1 AS flushed;
SELECT id, title, views FROM pages;

-- statements that need the row as it will be
UPDATE pages SET views = views + 1 RETURNING views;
INSERT INTO pages VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET views = pages.views + 1;
MERGE INTO pages p USING (VALUES (1)) v(id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET views = p.views + 1;
WITH u AS (UPDATE pages SET views = 0 RETURNING 1) SELECT * FROM u;
CREATE VIEW checked AS SELECT * FROM pages WHERE views >= 0 WITH CHECK OPTION;
UPDATE checked SET views = -1;
DROP VIEW checked;
-- of columns that are not deferred
UPDATE pages SET title = 'returned' WHERE id = 1 RETURNING id, title;
INSERT INTO pages VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET title = 'conflict' RETURNING title;
BEGIN;
SELECT cache.increment(NULL::pages, 'views', 1, 1);
PREPARE TRANSACTION 'deferred';
SELECT views FROM cache.read(NULL::pages, 1);

-- constraints are checked at once
ALTER TABLE pages ADD CONSTRAINT few CHECK (views < 100), ADD CONSTRAINT known CHECK (status <> 'bad');
UPDATE pages SET views = views + 1000 WHERE id = 1;
SELECT cache.increment(NULL::pages, 'views', 60, 1);
SELECT cache.increment(NULL::pages, 'views', 60, 1);
UPDATE pages SET status = 'bad' WHERE id = 1;
UPDATE pages SET title = 'direct', views = views + 60 WHERE id = 1;
SELECT cache.write(ROW(1, NULL, 0, NULL, NULL, NULL, NULL)::pages);
SELECT cache.increment(NULL::pages, 'best', 1, 1);
SELECT cache.increment(NULL::pages, 'title', 1, 1);
SELECT views, status FROM cache.read(NULL::pages, 1);

-- drops
SELECT cache.increment(NULL::pages, 'views', 1, 1);
DROP TABLE pages;
DROP EXTENSION cache_strategies CASCADE;
BEGIN;
SELECT cache.increment(NULL::pages, 'views', 1, 1);
SELECT cache.detach('pages');
ROLLBACK;
SELECT cache.detach('pages');
SELECT id, title, views FROM pages;
SELECT count(*) FROM cache.flush_state;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'pages'::regclass AND NOT tgisinternal;
DROP TABLE pages;

-- a row that an UPDATE meets twice is updated once; actions of foreign keys are not deferred
CREATE TABLE owners (id int PRIMARY KEY);
INSERT INTO owners VALUES (1), (2);
CREATE TABLE pets (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, owner int REFERENCES owners ON DELETE SET NULL);
INSERT INTO pets VALUES (1, 0, 1), (2, 0, 2);
SELECT cache.attach('pets', 'write_back', flush_interval => '1 hour', merge => '{"n": "add", "owner": "replace"}');
UPDATE pets SET n = n + 1 FROM generate_series(1, 3) WHERE id = 1;
UPDATE pets SET n = n + 1 FROM generate_series(1, 3) WHERE id = 1;
SELECT n FROM cache.read(NULL::pets, 1);
UPDATE pets SET owner = 2 WHERE id = 1;
DELETE FROM owners WHERE id = 1;
SELECT * FROM pets ORDER BY id;
SELECT * FROM cache.scan(NULL::pets) ORDER BY id;
-- this one can only be found out when it is flushed
UPDATE pets SET owner = 77 WHERE id = 2;
SELECT cache.flush('pets');
SELECT relation, key, changes, sqlstate, attempts FROM cache.dead_letters;
SELECT * FROM pets ORDER BY id;
INSERT INTO owners VALUES (77);
SELECT cache.requeue('pets');
SELECT * FROM pets ORDER BY id;
SELECT count(*) FROM cache.dead_letters;
SELECT cache.detach('pets');
DROP TABLE pets, owners;

-- refusals at attach
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE TABLE odd (
	id int PRIMARY KEY, code text UNIQUE, n int, t text, ts timestamptz, iv interval, m money,
	d small, g int GENERATED ALWAYS AS (n + 1) STORED, EXCLUDE USING btree (t WITH =));
SELECT cache.attach('odd', 'write_back', merge => '{"nope": "add"}');
SELECT cache.attach('odd', 'write_back', merge => '{"m": "sum"}');
SELECT cache.attach('odd', 'write_back', merge => '{"code": "replace"}');
SELECT cache.attach('odd', 'write_back', merge => '{"id": "max"}');
SELECT cache.attach('odd', 'write_back', merge => '{"g": "add"}');
SELECT cache.attach('odd', 'write_back', merge => '{"n": "add"}');
SELECT cache.attach('odd', 'write_back', merge => '{"t": "replace"}');
SELECT cache.attach('odd', 'write_back', merge => '{"ts": "add"}');
SELECT cache.attach('odd', 'write_back', merge => '["ts"]');
SELECT cache.attach('odd', 'write_back', flush_interval => '-1 s');
SELECT cache.attach('odd', 'write_back', flush_batch => 0);
SELECT cache.attach('odd', 'cache_aside', durable => true);
SELECT cache.attach('odd', 'read_through', merge => '{}');
SELECT cache.attach('odd', 'write_back', merge => '{"ts": "max", "iv": "add", "m": "add", "d": "add"}', flush_interval => '1 hour');
INSERT INTO odd VALUES (1, 'a', 1, 't', '2026-01-01', '1 hour', 10, 5);
SELECT cache.increment(NULL::odd, 'd', 3, 1);
SELECT cache.increment(NULL::odd, 'd', 3, 1);
UPDATE odd SET iv = iv + '90 min', m = m + '2.50', ts = '2026-05-05 12:00+00' WHERE id = 1;
SELECT d, iv, m, ts = '2026-05-05 12:00+00' AS ts FROM cache.read(NULL::odd, 1);
SELECT iv FROM odd;
SELECT cache.flush('odd');
SELECT d, iv, m, g FROM odd;
SELECT cache.lookup(NULL::odd, 1);
SELECT cache.detach('odd');
CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY, n int);
SELECT cache.attach('fleeting', 'write_back', merge => '{"n": "add"}');
SELECT cache.attach('fleeting', 'write_back', durable => false, merge => '{"n": "add"}');
SELECT cache.detach('fleeting');
CREATE TABLE parts (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
SELECT cache.attach('parts', 'write_back');
CREATE TABLE nums (id numeric PRIMARY KEY, n int);
SELECT cache.attach('nums', 'write_back');
DROP TABLE odd, fleeting, parts, nums;
DROP DOMAIN small;
