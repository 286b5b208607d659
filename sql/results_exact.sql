-- Results of plain SELECTs that would not be those of the SELECT: names that look
-- like places in the text, settings that change between the rows.

SET client_min_messages = warning;
CREATE SCHEMA exact;
SET search_path = exact;
CREATE TABLE t (id int PRIMARY KEY, f float8, b bytea, w text);
INSERT INTO t SELECT i, i / 3.0::float8, decode('00ff', 'hex'), 'the' FROM generate_series(1, 30) i;
SELECT cache.track('t');
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
\getenv source PG_ABS_SRCDIR
\set how :source '/sql/include/how.sql'
\i :how

-- ----- names -----

WITH ":location" AS (SELECT 1 AS c FROM t WHERE id = 1), ":stmt_len" AS (SELECT 2 AS c FROM t WHERE id = 1)
	SELECT x.c, y.c FROM ":location" x, ":stmt_len" y;
WITH ":location" AS (SELECT 1 AS c FROM t WHERE id = 1), ":stmt_len" AS (SELECT 2 AS c FROM t WHERE id = 1)
	SELECT x.c, y.c FROM ":stmt_len" x, ":location" y;

-- ----- settings that change while a loop reads -----

-- The portal of a loop computes 10 rows at first.
CREATE FUNCTION loop_over(query text, setting text, value text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n int := 0;
BEGIN
	FOR r IN EXECUTE query LOOP
		n := n + 1;
		IF n = 5 THEN
			PERFORM set_config(setting, value, true);
		END IF;
	END LOOP;
END $$;
SET exact.x = 'one';
SELECT loop_over('SELECT id, current_setting(''exact.x'') AS v FROM t', 'exact.x', 'two');
SELECT id, current_setting('exact.x') AS v FROM t WHERE id IN (1, 30);
SELECT v, count(*) FROM (SELECT id, current_setting('exact.x') AS v FROM t OFFSET 0) s GROUP BY v;
SELECT how('SELECT id, current_setting(''exact.x'') AS v FROM t');
SELECT loop_over('SELECT f::text AS v FROM t', 'extra_float_digits', '-10');
SELECT how('SELECT f::text AS v FROM t');
SELECT loop_over('SELECT b::text AS v FROM t', 'bytea_output', 'escape');
SELECT how('SELECT b::text AS v FROM t');
SELECT loop_over('SELECT point(f, 1)::text AS v FROM t', 'extra_float_digits', '-10');
SELECT how('SELECT point(f, 1)::text AS v FROM t');
SELECT loop_over('SELECT xmlelement(name a, b)::text AS v FROM t', 'xmlbinary', 'hex');
SELECT how('SELECT xmlelement(name a, b)::text AS v FROM t');
-- a setting that it does not ask for ends nothing
SELECT loop_over('SELECT id, w FROM t', 'work_mem', '5MB');
SELECT how('SELECT id, w FROM t');

-- ----- cursors with functions that obey settings, though they are IMMUTABLE -----

BEGIN;
DECLARE c CURSOR FOR SELECT id, sum(f)::text FROM t WHERE id < 3 GROUP BY id;
FETCH ALL FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT id, sum(f)::text FROM t WHERE id < 3 GROUP BY id;
FETCH c;
SET LOCAL extra_float_digits = -10;
FETCH c;
RESET extra_float_digits;
CLOSE c;
DECLARE c CURSOR FOR SELECT quote_ident(w), count(*) FROM t WHERE id < 3 GROUP BY w, id;
FETCH ALL FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT quote_ident(w), count(*) FROM t WHERE id < 3 GROUP BY w, id;
FETCH c;
SET LOCAL quote_all_identifiers = on;
FETCH c;
ROLLBACK;

-- ----- values that mean something in one session only -----

-- Rows of a type without a name have the names of their columns from a list of the session.
CREATE FUNCTION names_of(query text, row_query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	x record;
	result text;
BEGIN
	EXECUTE row_query INTO x;
	EXECUTE query INTO result USING x;
	RETURN result;
END $$;
\c -
SET client_min_messages = warning;
SET search_path = exact;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SELECT names_of('SELECT to_json($1)::text || count(*) FROM t', 'SELECT 1 AS a, 2 AS b');
\c -
SET client_min_messages = warning;
SET search_path = exact;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SELECT names_of('SELECT to_json($1)::text || count(*) FROM t', 'SELECT 1 AS c, 2 AS d');
SELECT names_of('SELECT to_json($1)::text || count(*) FROM t', 'SELECT 1 AS c, 2 AS d');
DO $$
DECLARE
	x record;
BEGIN
	SELECT 1 AS a, 2 AS b INTO x;
	RAISE INFO '%', (SELECT how FROM how('SELECT count(*) FROM t'));
	RAISE INFO '%', (SELECT json_agg(ARRAY[x]) FROM t WHERE id = 1);
END $$;

-- ----- dictionaries that refer to another one -----

CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple);
CREATE TEXT SEARCH DICTIONARY phrases (TEMPLATE = thesaurus, DictFile = thesaurus_sample, Dictionary = exact.words);
CREATE TEXT SEARCH CONFIGURATION search (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION search ALTER MAPPING FOR asciiword WITH phrases, words;
SELECT how('SELECT to_tsvector(''search'', w || '' supernovae stars'') FROM t WHERE id = 1');
SELECT how('SELECT ts_lexize(''phrases'', w) FROM t WHERE id = 1');
SELECT to_tsvector('search', w || ' supernovae stars') FROM t WHERE id = 1;
ALTER TEXT SEARCH DICTIONARY words (Accept = false);
SELECT to_tsvector('search', w || ' supernovae stars') FROM t WHERE id = 1;
SELECT ts_lexize('phrases', w) FROM t WHERE id = 1;

-- ----- long values, and long texts -----

PREPARE long (text) AS SELECT md5($1), count(*) FROM t WHERE w <> $1;
EXECUTE long (repeat('x', 100000) || 'a');
EXECUTE long (repeat('x', 100000) || 'b');
SELECT how('EXECUTE long (repeat(''x'', 100000) || ''b'')'), how('EXECUTE long (repeat(''x'', 100000) || ''c'')');
SELECT how('SELECT count(*) FROM t WHERE w <> ''' || repeat('x', 1000000) || ''''), how('SELECT count(*) FROM t WHERE w <> ''' || repeat('x', 1000000) || '''');
SELECT how('SELECT count(*) FROM t WHERE w <> ''' || repeat('x', 1100000) || '''');

-- ----- progress of a command around -----

-- That a statement is looked at, and found to be none, ends no report of progress.
CREATE TABLE copied (id int);
CREATE FUNCTION copying() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE INFO '%', (SELECT command || ' ' || relid::regclass || ' ' || tuples_processed FROM pg_stat_progress_copy WHERE pid = pg_backend_pid());
	RETURN NULL;
END $$;
CREATE TRIGGER copying AFTER INSERT ON copied EXECUTE FUNCTION copying();
COPY copied FROM STDIN;
1
2
\.

DROP SCHEMA exact CASCADE;
