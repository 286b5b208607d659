--
-- best_effort: what has no room is left out, and nothing fails.
--

\set VERBOSITY terse
SELECT cache.create_space('tight', max_memory => '64kB');
CREATE FUNCTION many(prefix text, n int, best boolean) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE cache.set(prefix || i, repeat('x', 1000), space => 'tight', best_effort => best))
	FROM generate_series(1, n) i
$$;

-- ----- with the transaction: it commits -----
SELECT many('a', 200, false);
SELECT count(*) FROM cache.keys('a', space => 'tight');
SELECT many('a', 200, true);
SELECT count(*) BETWEEN 1 AND 199 FROM cache.keys('a', space => 'tight');
-- the transaction itself sees all of it
BEGIN;
SELECT many('b', 200, true);
SELECT count(*) FROM cache.keys('b', space => 'tight');
COMMIT;
SELECT count(*) < 200 FROM cache.keys('b', space => 'tight');
SELECT cache.delete_prefix('', space => 'tight') > 0;

-- what does not fit takes what was there with it: no reader gets an older value
SELECT cache.set('k', 'old', space => 'tight');
SELECT cache.set('k', repeat('x', 70000), space => 'tight');
SELECT cache.get('k', space => 'tight');
SELECT cache.set('k', repeat('x', 70000), space => 'tight', best_effort => true);
SELECT cache.get('k', space => 'tight');
SELECT cache.set('k', 'old', space => 'tight');
BEGIN;
SELECT cache.set('k', repeat('x', 70000), space => 'tight', best_effort => true);
SELECT length(cache.get('k', space => 'tight'));
ROLLBACK;
SELECT cache.get('k', space => 'tight');
-- the last one counts
BEGIN;
SELECT cache.set('k', repeat('x', 70000), space => 'tight', best_effort => true);
SELECT cache.set('k', 'small', space => 'tight');
COMMIT;
SELECT cache.get('k', space => 'tight');
BEGIN;
SELECT cache.set('k', 'small', space => 'tight', best_effort => true);
SELECT cache.set('k', repeat('x', 70000), space => 'tight');
COMMIT;
SELECT cache.get('k', space => 'tight');
BEGIN;
SELECT cache.set('k', repeat('x', 70000), space => 'tight', best_effort => true);
SAVEPOINT s;
SELECT cache.set('k', 'small', space => 'tight', best_effort => true);
ROLLBACK TO s;
COMMIT;
SELECT cache.get('k', space => 'tight');
-- others of the transaction are kept
BEGIN;
SELECT cache.set('k', repeat('x', 70000), space => 'tight', best_effort => true), cache.set('other', 'x', space => 'tight');
COMMIT;
SELECT cache.get('k', space => 'tight'), cache.get('other', space => 'tight');

-- ----- at once: false says so -----
SELECT cache.set('k', 'old', space => 'tight', immediate => true);
SELECT cache.set('k', repeat('x', 70000), space => 'tight', immediate => true);
SELECT cache.get('k', space => 'tight');
SELECT cache.set('k', repeat('x', 70000), space => 'tight', immediate => true, best_effort => true), cache.get('k', space => 'tight');
SELECT cache.add('k', repeat('x', 70000), space => 'tight', immediate => true, best_effort => true), cache.add('k', 'x', space => 'tight', immediate => true, best_effort => true),
	cache.replace('k', repeat('x', 70000), space => 'tight', immediate => true, best_effort => true), cache.get('k', space => 'tight');
SELECT cache.set_many('{k,l,m}', ARRAY['x', repeat('x', 70000), 'x'], space => 'tight', immediate => true, best_effort => true), (SELECT array_agg(k) FROM cache.keys(space => 'tight') k);

-- ----- too large for the store -----
SELECT cache.set('k', 'old', best_effort => true), cache.set('k', repeat(repeat('x', 100000), 200));
SELECT cache.set('k', 'old', best_effort => true), cache.set('k', repeat(repeat('x', 100000), 200), best_effort => true), cache.get('k');
SELECT cache.set('k', 'old', immediate => true), cache.set('k', repeat(repeat('x', 100000), 200), immediate => true, best_effort => true), cache.get('k');
SELECT cache.set('k', 'old'), cache.add('k', repeat(repeat('x', 100000), 200), best_effort => true), cache.get('k');
SELECT cache.set_bytea('k', '\x00', best_effort => true), cache.set_jsonb('j', '{}', best_effort => true), cache.get_bytea('k'), cache.get_jsonb('j');

-- ----- tags have no room either -----
SELECT cache.set('k', 'x', tags => ARRAY[repeat('t', 8000)], best_effort => true);
SELECT cache.create_space('tiny', max_memory => '4kB');
SELECT cache.set('k', 'x', tags => ARRAY[repeat('t', 8000)], space => 'tiny');
SELECT cache.set('k', 'old', space => 'tiny'), cache.set('k', 'x', tags => ARRAY[repeat('t', 8000)], space => 'tiny', best_effort => true), cache.get('k', space => 'tiny');
SELECT cache.set_many('{k,l}', ARRAY['x', 'y'], tags => ARRAY[repeat('t', 8000)], space => 'tiny', best_effort => true), cache.exists('l', space => 'tiny');

-- what is wrong is still an error
SELECT cache.set(NULL, 'x', best_effort => true);
SELECT cache.set('k', NULL, best_effort => true);
SELECT cache.set('k', 'x', space => 'none', best_effort => true);
SELECT cache.set(repeat('k', 9000), 'x', best_effort => true);
SELECT cache.set('k', 'x', tags => ARRAY[repeat('t', 9000)], best_effort => true);

SELECT cache.drop_space('tight'), cache.drop_space('tiny');
SELECT cache.delete_prefix('') >= 2;
DROP FUNCTION many(text, int, boolean);
