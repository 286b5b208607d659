--
-- write_back: DDL while writes are deferred, rows that the table refuses
--
CREATE TABLE notes (id int PRIMARY KEY, alt int NOT NULL, n int NOT NULL DEFAULT 0, s text, t text);
INSERT INTO notes SELECT i, i + 1, 0, 'old', 't' FROM generate_series(1, 4) i;
SELECT cache.attach('notes', 'write_back', flush_interval => '1 hour', merge => '{"n": "add", "s": "replace"}');

-- the key stays as long as writes are deferred
SELECT cache.increment(NULL::notes, 'n', 10, 1);
BEGIN;
ALTER TABLE notes DROP CONSTRAINT notes_pkey, ADD PRIMARY KEY (alt);
COMMIT;
ALTER TABLE notes ALTER id TYPE bigint;
ALTER TABLE notes DROP CONSTRAINT notes_pkey;
SELECT n FROM cache.read(NULL::notes, 1);
BEGIN;
LOCK notes IN ACCESS EXCLUSIVE MODE;
SELECT cache.flush('notes');
ALTER TABLE notes ALTER id TYPE bigint;
COMMIT;
SELECT * FROM notes ORDER BY id;

-- a renamed column: what is deferred is for the column, not for its name
UPDATE notes SET s = 'deferred' WHERE id = 1;
UPDATE notes SET s = 'kept' WHERE id = 2;
ALTER TABLE notes RENAME s TO state;
UPDATE notes SET state = 'newest' WHERE id = 1;
SELECT id, state FROM cache.scan(NULL::notes) ORDER BY id;
SELECT cache.flush('notes');
SELECT id, state FROM notes ORDER BY id;
ALTER TABLE notes RENAME state TO s;

-- a column that is gone, one that is new, one of another type
SELECT cache.increment(NULL::notes, 'n', 1, 1);
UPDATE notes SET s = 'before' WHERE id = 2;
ALTER TABLE notes ADD extra int DEFAULT 7, ALTER n TYPE numeric(6, 1);
SELECT id, n, s, extra FROM cache.scan(NULL::notes) ORDER BY id;
ALTER TABLE notes DROP s;
SELECT cache.flush('notes');
SELECT id, n, extra FROM notes ORDER BY id;
SELECT cache.increment(NULL::notes, 'n', 1, 3);
ALTER TABLE notes ALTER n DROP DEFAULT, ALTER n TYPE text;
SELECT cache.flush('notes');
SELECT key, changes, sqlstate, message FROM cache.dead_letters;
ALTER TABLE notes ALTER n TYPE int USING n::numeric;
SELECT cache.requeue('notes');
SELECT id, n FROM notes ORDER BY id;

-- attaching anew in a transaction that is rolled back
SELECT cache.attach('notes', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
SELECT cache.increment(NULL::notes, 'n', 100, 1);
BEGIN;
SELECT cache.attach('notes', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
ROLLBACK;
SELECT n FROM cache.read(NULL::notes, 1);
SELECT cache.flush('notes');
SELECT n FROM notes WHERE id = 1;

-- triggers that do not see everything
SELECT cache.increment(NULL::notes, 'n', 1000, 1);
BEGIN ISOLATION LEVEL REPEATABLE READ;
DROP TRIGGER cache_strategies_truncate ON notes;
COMMIT;
SELECT cache.flush('notes');
SELECT cache.attach('notes', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
SELECT n FROM notes WHERE id = 1;

-- rows that a trigger refuses, with an error that could be one of the table
CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.n % 2 = 1 THEN
		RAISE insufficient_privilege USING MESSAGE = 'odd';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER picky BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION picky();
SELECT cache.increment(NULL::notes, 'n', 1, i) FROM generate_series(1, 3) i;
SELECT id, n FROM cache.scan(NULL::notes) ORDER BY id;
SELECT cache.flush('notes');
SELECT key, changes, sqlstate, message, attempts FROM cache.dead_letters ORDER BY id;
SELECT id, n FROM notes ORDER BY id;
SELECT cache.requeue('notes');
SELECT key, attempts FROM cache.dead_letters ORDER BY id;
-- of a single one nobody can tell
SELECT cache.increment(NULL::notes, 'n', 1, 4);
SELECT cache.flush('notes');
DROP TRIGGER picky ON notes;
SELECT cache.flush('notes');
SELECT cache.requeue(id => (SELECT min(id) FROM cache.dead_letters));
SELECT cache.discard('notes');
SELECT id, n FROM notes ORDER BY id;

-- detach can throw deferred writes away
SELECT cache.increment(NULL::notes, 'n', 5, 1);
BEGIN;
SELECT cache.detach('notes', discard => true);
ROLLBACK;
SELECT n FROM cache.read(NULL::notes, 1);
SELECT cache.detach('notes', discard => true);
SELECT n FROM notes WHERE id = 1;
SELECT cache.attach('notes', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
SELECT n FROM cache.read(NULL::notes, 1);
SELECT cache.detach('notes');
DROP TABLE notes;
DROP FUNCTION picky();

-- what a direct change meets: a whole row that is deferred
CREATE TABLE posts (id int PRIMARY KEY, title text, likes int, top int);
SELECT cache.attach('posts', 'write_back', flush_interval => '1 hour', merge => '{"likes": "add", "top": "max"}');
INSERT INTO posts VALUES (1, 'table', 1, 1);
SELECT * FROM cache.write(ROW(1, 'written', 10, 10)::posts);
UPDATE posts SET title = 'direct', likes = likes + 5 WHERE id = 1;
SELECT * FROM cache.read(NULL::posts, 1);
SELECT cache.flush('posts');
SELECT * FROM posts;
BEGIN;
UPDATE posts SET title = 'mine' WHERE id = 1;
INSERT INTO posts VALUES (2, 'new');
SELECT cache.flush('posts');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT cache.flush('posts');
ROLLBACK;
-- values that are too large to be deferred go to the table
SELECT cache.attach('posts', 'write_back', flush_interval => '1 hour', merge => '{"title": "replace"}');
UPDATE posts SET title = repeat('x', 30000000) WHERE id = 1;
SELECT length(title) FROM posts;
SELECT length(title) FROM cache.read(NULL::posts, 1);
DROP TABLE posts;
