-- What each migration of migrations.txt begins with.
DROP SCHEMA IF EXISTS archive CASCADE;
DROP TABLE IF EXISTS m, mold, mnew, mwide;
CREATE TABLE m (id int PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, stock int NOT NULL, note text);
CREATE TABLE mnew (LIKE m INCLUDING ALL);
CREATE TABLE mwide (id int PRIMARY KEY, extra date, stock bigint, price int, name text);
INSERT INTO m VALUES (1, 'old', 1.5, 10, 'old note');
INSERT INTO mnew VALUES (1, 'new', 2.5, 20, 'new note');
INSERT INTO mwide VALUES (1, '2026-01-01', 30, 3, 'wide');
SELECT cache.attach('m', 'read_through');
SELECT cache.attach('mnew', 'read_through');
SELECT cache.attach('mwide', 'read_through');
