-- A table of which little fits, and whose keys are seldom read again: a key is kept on
-- its second read.
CREATE EXTENSION IF NOT EXISTS cache_strategies;
CREATE TABLE wide (id int PRIMARY KEY, v text NOT NULL);
INSERT INTO wide SELECT i, repeat('x', 500) FROM generate_series(1, 6000) i;
SELECT cache.attach('wide', 'read_through', max_memory => '256kB');
CREATE FUNCTION read_keys(first int, last int) RETURNS bigint LANGUAGE sql AS
$$ SELECT count((cache.read(NULL::wide, i)).v) FROM generate_series($1, $2) i $$;
CREATE FUNCTION fills() RETURNS bigint LANGUAGE sql AS
$$ SELECT fills FROM cache.table_stats WHERE relation = 'wide'::regclass $$;

-- There is room: everything is kept.
SELECT read_keys(1, 200), fills();
-- There is not, and no key is read again.
SELECT read_keys(201, 3000);
SELECT fills() AS before \gset
SELECT read_keys(3001, 4000), fills() - :before < 100 AS few_are_kept;
-- The second read of a key keeps it, the third is a hit.
SELECT read_keys(5001, 5010), read_keys(5001, 5010);
SELECT count(*) FILTER (WHERE (cache.explain(NULL::wide, i)).outcome = 'hit') >= 9 AS hits FROM generate_series(5001, 5010) i;
-- What is read again and again is kept on the first read after a while.
SELECT sum(read_keys(5001, 5010)) FROM generate_series(1, 300);
SELECT read_keys(1, 300) > 0 AS some_misses;
SELECT fills() AS before \gset
SELECT read_keys(5011, 5020), fills() - :before > 5 AS kept;
-- What a loader function has computed is kept at once.
CREATE FUNCTION load_wide(k int) RETURNS wide LANGUAGE sql STABLE AS $$ SELECT * FROM public.wide WHERE id = k $$;
SELECT cache.detach('wide');
SELECT cache.attach('wide', 'read_through', max_memory => '256kB', loader => 'load_wide');
SELECT read_keys(1, 3000);
SELECT fills() AS before \gset
SELECT read_keys(3001, 4000), fills() - :before > 900 AS kept;
DROP TABLE wide CASCADE;
DROP FUNCTION read_keys, fills;
