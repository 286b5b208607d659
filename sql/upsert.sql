--
-- cache.increment(insert, column, delta): adding to a row that may not be there
--
\set VERBOSITY default
CREATE DOMAIN few AS int CHECK (VALUE < 100);
CREATE TABLE hits (site text, page int, n bigint, title text DEFAULT 'none', f float8, num numeric(6,2), d few, PRIMARY KEY (site, page));

-- the same under every strategy
CREATE PROCEDURE count_hits(strategy text) LANGUAGE plpgsql AS $$
DECLARE result text[] := '{}';
BEGIN
	TRUNCATE hits;
	INSERT INTO hits VALUES ('a', 1, 40, 'there', 1, 1, 1);
	PERFORM cache.attach('hits', strategy, flush_interval => CASE strategy WHEN 'write_back' THEN interval '1 day' END,
		merge => CASE strategy WHEN 'write_back' THEN '{"n": "add", "f": "add", "num": "add", "d": "add"}'::jsonb END);
	COMMIT;
	result := result || (cache.increment(ROW('a', 1, 7, 'new', 7, 7, 7)::hits, 'n', 2))::text;
	result := result || (cache.increment(ROW('a', 2, 7, 'new', 7, 7, 7)::hits, 'n', 2))::text;
	COMMIT;
	result := result || (cache.increment(ROW('a', 2, 7, 'newer', 7, 7, 7)::hits, 'n', 1))::text;
	result := result || (cache.increment(ROW('a', 3, NULL, NULL, NULL, NULL, NULL)::hits, 'n', 5))::text;
	result := result || (cache.increment(ROW('a', 3, NULL, NULL, NULL, NULL, NULL)::hits, 'n', 5))::text;
	COMMIT;
	result := result || (cache.increment(ROW('a', 4, 1, 'x', NULL, NULL, NULL)::hits, 'f', 0.5))::text;
	result := result || (cache.increment(ROW('a', 4, 1, 'x', NULL, NULL, NULL)::hits, 'num', 0.125))::text;
	COMMIT;
	RAISE NOTICE '%: % %', strategy, result, (SELECT array_agg(h ORDER BY site, page) FROM cache.scan(NULL::hits) h);
	IF strategy = 'write_back' THEN
		PERFORM cache.flush('hits');
		COMMIT;
	END IF;
	RAISE NOTICE '%: % %', strategy, (cache.read(NULL::hits, 'a', 2)).title, (SELECT array_agg(h ORDER BY site, page) FROM hits h);
	PERFORM cache.detach('hits');
END $$;
CALL count_hits('cache_aside');
CALL count_hits('read_through');
CALL count_hits('write_through');
CALL count_hits('write_around');
CALL count_hits('write_back');

-- by name, without types, and what cannot be done
SELECT cache.attach('hits', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "d": "add", "title": "replace"}');
SELECT cache.increment(column_name => 'n', delta => 3, insert => ROW('b', 1, 0, 'new', 0, 0, 0)::hits);
PREPARE hit AS SELECT cache.increment(ROW($1, $2, 0, $3, 0, 0, 0)::hits, $4, $5);
EXECUTE hit('b', 2, 'prepared', 'n', 4);
EXECUTE hit('b', 2, 'prepared', 'n', 4);
PREPARE hit_row AS SELECT cache.increment($1::hits, $2, $3);
EXECUTE hit_row('(b,3,1,,,,)', 'n', '5');
SELECT cache.increment(NULL::hits, 'n', 1);
SELECT cache.increment(ROW('b', NULL, 0, 'x', 0, 0, 0)::hits, 'n', 1);
SELECT cache.increment(ROW('b', 1, 0, 'x', 0, 0, 0)::hits, NULL, 1);
SELECT cache.increment(ROW('b', 1, 0, 'x', 0, 0, 0)::hits, 'n', NULL);
SELECT cache.increment(ROW('b', 1, 0, 'x', 0, 0, 0)::hits, 'page', 1);
SELECT cache.increment(ROW('b', 1, 0, 'x', 0, 0, 0)::hits, 'title', 1);
SELECT cache.increment(ROW('b', 1, 0, 'x', 0, 0, 0)::hits, 'n', 0.5);
SELECT cache.increment(ROW('b', 9, 0, 'x', 0, 0, 0)::hits, 'd', 100);
SELECT cache.increment(ROW('b', 1, 0, 'x', 0, 0, 0)::hits, 'd', 100);
SELECT cache.increment('hits', 'n', 1);
-- over a row that is only in the cache, and with one that is removed
SELECT page FROM cache.write(ROW('c', 1, 10, 'written', 0, 0, 0)::hits);
SELECT cache.increment(ROW('c', 1, 0, 'x', 0, 0, 0)::hits, 'n', 1);
BEGIN;
SELECT cache.remove(NULL::hits, 'c', 1);
SELECT cache.increment(ROW('c', 1, 0, 'again', 0, 0, 0)::hits, 'n', 1);
SELECT cache.increment(ROW('c', 1, 0, 'again', 0, 0, 0)::hits, 'n', 1);
SELECT n, title FROM cache.read(NULL::hits, 'c', 1);
ROLLBACK;
SELECT n, title FROM cache.read(NULL::hits, 'c', 1);
-- all in one statement
SELECT sum(cache.increment(ROW('d', i % 3, 0, 'x', 0, 0, 0)::hits, 'n', 1)) FROM generate_series(1, 9) i;
SELECT page, n FROM cache.scan(NULL::hits) WHERE site = 'd' ORDER BY page;

-- the same in SQL
INSERT INTO hits VALUES ('e', 1, 1) ON CONFLICT (site, page) DO UPDATE SET n = hits.n + 1;
SELECT cache.increment(insert => ROW('e', 1, 0, NULL, NULL, NULL, NULL)::public.hits, column_name => 'n', delta => 1);
MERGE INTO hits USING (VALUES (1)) v(p) ON site = 'e' AND page = v.p WHEN MATCHED THEN UPDATE SET n = hits.n + 1;
UPDATE hits SET n = n + 1 WHERE site = 'e' RETURNING n;
UPDATE hits SET n = n + 1 WHERE site = 'e';
SELECT n FROM cache.read(NULL::public.hits, 'e', 1);
CREATE VIEW checked_hits AS SELECT * FROM hits WHERE n > 0 WITH CHECK OPTION;
UPDATE checked_hits SET n = n + 1 WHERE site = 'e';
SELECT cache.detach('hits');

-- a trigger that suppresses the row, and triggers and foreign keys of what is inserted
CREATE TABLE sites (site text PRIMARY KEY);
INSERT INTO sites VALUES ('known');
CREATE TABLE visits (site text PRIMARY KEY REFERENCES sites, n int NOT NULL, log text);
CREATE FUNCTION on_visit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.site = 'known' AND TG_OP = 'INSERT' THEN NEW.log := 'inserted'; END IF;
	IF NEW.log = 'no' THEN RETURN NULL; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER on_visit BEFORE INSERT OR UPDATE ON visits FOR EACH ROW EXECUTE FUNCTION on_visit();
SELECT cache.attach('visits', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
SELECT cache.increment(ROW('known', 0, NULL)::visits, 'n', 1);
SELECT * FROM visits;
SELECT cache.increment(ROW('unknown', 0, NULL)::visits, 'n', 1);
SELECT cache.increment(ROW('refused', 0, 'no')::visits, 'n', 1);
SELECT cache.increment(ROW('known', NULL, NULL)::visits, 'n', 1);
SELECT * FROM cache.read(NULL::visits, 'known');
SELECT cache.detach('visits');
-- columns that only the table can fill, and a table that is more than one
CREATE TABLE parts (id int GENERATED BY DEFAULT AS IDENTITY, part int DEFAULT 1, n int, twice int GENERATED ALWAYS AS (n * 2) STORED,
	always int GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
SELECT cache.attach('parts', 'write_through');
SELECT cache.increment(ROW(7, 1, 1, NULL, NULL)::parts, 'n', 1), cache.increment(ROW(7, 1, 1, NULL, 77)::parts, 'n', 1);
SELECT cache.increment(ROW(7, 1, 1, NULL, NULL)::parts, 'twice', 1);
SELECT cache.increment(ROW(NULL, 1, 1, NULL, NULL)::parts, 'n', 1);
SELECT cache.increment(ROW(7, 2, 1, NULL, NULL)::parts, 'n', 1);
SELECT * FROM cache.read(NULL::parts, 7, 1);
DROP TABLE parts;
DROP TABLE visits, sites;
DROP VIEW checked_hits;
DROP TABLE hits;
DROP PROCEDURE count_hits(text);
DROP FUNCTION on_visit();
DROP DOMAIN few;
