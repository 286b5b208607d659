--
-- cache.scan_keys(): all keys, a part at a time, with changes in between.
--

-- All pages, one after the other; what happens in between is a statement.
CREATE FUNCTION scan_all(prefix text, count bigint, space text = NULL, meanwhile text = NULL) RETURNS TABLE (page int, key text) LANGUAGE plpgsql AS $$
DECLARE
	cursor bigint := 0;
	part text[];
BEGIN
	page := 0;
	LOOP
		page := page + 1;
		SELECT next_cursor, keys INTO cursor, part FROM cache.scan_keys(cursor, prefix, count, space);
		FOREACH key IN ARRAY part LOOP
			RETURN NEXT;
		END LOOP;
		EXIT WHEN cursor = 0;
		IF meanwhile IS NOT NULL THEN
			EXECUTE meanwhile USING page;
		END IF;
	END LOOP;
END $$;

SELECT cache.create_space('scanned');
SELECT * FROM scan_all('', 10, 'scanned');
SELECT cache.set_many(array_agg('key ' || i), array_agg(i), space => 'scanned') FROM generate_series(1, 5000) i;
SELECT cache.set_many(array_agg('other ' || i), array_agg(i), space => 'scanned') FROM generate_series(1, 300) i;

-- every key, once
SELECT count(*), count(DISTINCT key), max(page) > 10 AS pages FROM scan_all('', 100, 'scanned');
SELECT count(*), count(DISTINCT key), max(page) > 10 AS pages FROM scan_all('key ', 100, 'scanned');
SELECT count(*), count(DISTINCT key) FROM scan_all('other ', 100, 'scanned');
SELECT count(*) FROM scan_all('none', 100, 'scanned');
SELECT count(*), max(page) > 100 AS pages FROM scan_all('', 1, 'scanned');
SELECT next_cursor, array_length(keys, 1) FROM cache.scan_keys(0, count => 1000000, space => 'scanned');
SELECT (SELECT array_agg(key ORDER BY key COLLATE "C") FROM scan_all('', 700, 'scanned')) = (SELECT array_agg(k) FROM cache.keys(space => 'scanned') k) AS same;
-- a page ends with the place where as many are reached as were asked for
SELECT max(n) < 100 + 512 AS not_too_many FROM
	(SELECT page, count(*) AS n FROM scan_all('', 100, 'scanned') GROUP BY page) p;

-- keys that are there all the time are met, whatever happens to others
SELECT count(DISTINCT key) FILTER (WHERE key LIKE 'key %') AS stayed, count(*) FILTER (WHERE key LIKE 'new %') > 0 AS some_came,
	count(DISTINCT key) FILTER (WHERE key LIKE 'other %') < 300 AS some_went
FROM scan_all('', 100, 'scanned', $$
	SELECT cache.set('new ' || $1 || ' ' || i, 'x', space => 'scanned', immediate => true),
		cache.set('key ' || (i * $1) % 5000 + 1, repeat('overwritten ', i), space => 'scanned', immediate => true),
		cache.delete('other ' || i * $1, space => 'scanned', immediate => true)
	FROM generate_series(1, 30) i$$);
SELECT count(*) FROM cache.keys('key ', space => 'scanned');
-- in a transaction, with its own changes: the same, and what it sees itself
BEGIN;
SELECT cache.delete_prefix('new ', space => 'scanned') > 0, cache.delete_prefix('other ', space => 'scanned') > 0;
SELECT cache.set('own ' || i, 'x', space => 'scanned') FROM generate_series(1, 3) i;
SELECT cache.delete('key 1', space => 'scanned'), cache.set('key 2', 'again', space => 'scanned');
SELECT key, count(*) FROM scan_all('', 100, 'scanned') WHERE key LIKE 'own %' OR key IN ('key 1', 'key 2') GROUP BY 1 ORDER BY 1;
SELECT count(*), count(DISTINCT key) FROM scan_all('', 100, 'scanned');
SAVEPOINT s;
SELECT cache.set('own 4', 'x', space => 'scanned');
ROLLBACK TO s;
SELECT count(*) FROM scan_all('own', 100, 'scanned');
ROLLBACK;
SELECT count(*) FROM scan_all('own', 100, 'scanned');
-- a space that has nothing in the store yet
BEGIN;
SELECT cache.create_space('fresh'), cache.set('a', 'x', space => 'fresh'), cache.set('b', 'x', space => 'fresh');
SELECT key FROM scan_all('', 1, 'fresh') ORDER BY 1;
ROLLBACK;

-- what is dead is not there
SELECT cache.set('tagged', 'x', tags => '{t}', space => 'scanned'), cache.set('short', 'x', '1 us', space => 'scanned'), cache.set('long', 'x', '1 hour', space => 'scanned');
SELECT key FROM scan_all('', 1000, 'scanned') WHERE key IN ('tagged', 'short', 'long') ORDER BY 1;
SELECT cache.invalidate_tag('t', space => 'scanned');
SELECT key FROM scan_all('', 1000, 'scanned') WHERE key IN ('tagged', 'short', 'long') ORDER BY 1;
-- one space, and no other
SELECT cache.set('private', 'x');
SELECT key FROM scan_all('private', 1000) ORDER BY 1;
SELECT count(*) FROM scan_all('private', 1000, 'scanned');
SELECT cache.set('', 'the empty key'), cache.set(repeat('k', 8191), 'a long one');
SELECT length(key) FROM scan_all('', 1000) ORDER BY 1;
SELECT cache.delete_prefix('');

-- arguments
SELECT keys FROM cache.scan_keys();
SELECT * FROM cache.scan_keys(NULL, NULL, NULL);
SELECT * FROM cache.scan_keys(9223372036854775807, space => 'scanned');
SELECT * FROM cache.scan_keys(-1);
SELECT * FROM cache.scan_keys(count => 0);
SELECT * FROM cache.scan_keys(count => -1);
SELECT * FROM cache.scan_keys(space => 'none');
PREPARE page AS SELECT keys FROM cache.scan_keys($1, $2, $3);
EXECUTE page('0', 'x', '10');
DEALLOCATE page;
CREATE ROLE regress_scanner;
SET ROLE regress_scanner;
SELECT * FROM cache.scan_keys(space => 'scanned');
RESET ROLE;
SELECT cache.grant_space('scanned', 'regress_scanner', write => false);
SET ROLE regress_scanner;
SELECT keys FROM cache.scan_keys(0, 'long', 1000000, space => 'scanned');
RESET ROLE;

SELECT cache.drop_space('scanned');
DROP ROLE regress_scanner;
DROP FUNCTION scan_all(text, bigint, text, text);
