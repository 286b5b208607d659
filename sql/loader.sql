-- Loader functions: whose they are, what they see, and what they may not do.

CREATE ROLE regress_cs_owner;
CREATE ROLE regress_cs_reader;
CREATE SCHEMA loader_app AUTHORIZATION regress_cs_owner;
GRANT USAGE ON SCHEMA loader_app TO regress_cs_reader;
CREATE SCHEMA loader_trap AUTHORIZATION regress_cs_reader;
GRANT USAGE ON SCHEMA loader_trap TO PUBLIC;

SET ROLE regress_cs_owner;
CREATE TABLE loader_app.prod (id int PRIMARY KEY, v text);
CREATE TABLE loader_app.more (id int PRIMARY KEY, extra text);
INSERT INTO loader_app.prod VALUES (1, 'real'), (2, 'two');
INSERT INTO loader_app.more VALUES (1, 'with more'), (2, 'with more');
GRANT SELECT ON loader_app.prod TO regress_cs_reader;
CREATE FUNCTION loader_app.careless(int) RETURNS loader_app.prod LANGUAGE plpgsql STABLE AS
	$$ DECLARE r loader_app.prod; BEGIN SELECT * INTO r FROM prod WHERE id = $1; RETURN r; END $$;
CREATE FUNCTION loader_app.careful(int) RETURNS loader_app.prod LANGUAGE sql STABLE AS
	$$ SELECT p.id, p.v || ' ' || m.extra || ' for ' || current_user
		FROM loader_app.prod p JOIN loader_app.more m USING (id) WHERE id = $1 $$;
RESET ROLE;

-- Names that a reader puts into its search_path are not found.
SET ROLE regress_cs_reader;
CREATE TABLE loader_trap.prod (id int, v text);
INSERT INTO loader_trap.prod VALUES (1, 'FAKE');
GRANT SELECT ON loader_trap.prod TO PUBLIC;
RESET ROLE;
SET ROLE regress_cs_owner;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.careless');
RESET ROLE;
SET ROLE regress_cs_reader;
SET search_path = loader_trap, pg_catalog;
SELECT cache.read(NULL::loader_app.prod, 1);
RESET search_path;
RESET ROLE;

-- It runs as the owner, whatever role reads.
SET ROLE regress_cs_owner;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.careful');
RESET ROLE;
SET ROLE regress_cs_reader;
SELECT cache.read(NULL::loader_app.prod, 1);
SELECT outcome FROM cache.explain(NULL::loader_app.prod, 1);
SELECT current_user;
RESET ROLE;

-- A key without a row.
SELECT cache.read(NULL::loader_app.prod, 3) IS NULL AS absent;

-- Changes of other tables that are not committed are not kept.
SELECT cache.invalidate('loader_app.prod');
BEGIN;
UPDATE loader_app.more SET extra = 'uncommitted';
SELECT cache.read(NULL::loader_app.prod, 1);
ROLLBACK;
SELECT cache.read(NULL::loader_app.prod, 1);

-- The owner's loader or none: not after the table or the function has changed hands.
SELECT cache.invalidate('loader_app.prod');
ALTER FUNCTION loader_app.careful(int) OWNER TO regress_cs_reader;
SELECT cache.read(NULL::loader_app.prod, 1);
ALTER FUNCTION loader_app.careful(int) OWNER TO regress_cs_owner;
SELECT cache.read(NULL::loader_app.prod, 1);
SELECT cache.invalidate('loader_app.prod');
ALTER TABLE loader_app.prod OWNER TO CURRENT_USER;
SELECT cache.read(NULL::loader_app.prod, 1);
ALTER TABLE loader_app.prod OWNER TO regress_cs_owner;
ALTER FUNCTION loader_app.careful(int) VOLATILE;
SELECT cache.read(NULL::loader_app.prod, 1);
ALTER FUNCTION loader_app.careful(int) STABLE;
SELECT cache.read(NULL::loader_app.prod, 1);

-- An overload that would fit better is not taken.
CREATE DOMAIN loader_app.small AS int;
SET ROLE regress_cs_owner;
CREATE FUNCTION loader_app.by_domain(loader_app.small) RETURNS loader_app.prod LANGUAGE sql STABLE AS
	$$ SELECT p FROM loader_app.prod p WHERE id = $1 $$;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.by_domain');
CREATE FUNCTION loader_app.by_domain(int) RETURNS loader_app.prod LANGUAGE sql STABLE AS
	$$ SELECT 0, 'wrong one' $$;
SELECT cache.read(NULL::loader_app.prod, 2);
RESET ROLE;

-- It cannot change anything, and an error in it is the reader's.
SET ROLE regress_cs_owner;
CREATE FUNCTION loader_app.writes(int) RETURNS loader_app.prod LANGUAGE plpgsql STABLE AS
	$$ BEGIN DELETE FROM loader_app.prod; RETURN NULL; END $$;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.writes');
SELECT cache.read(NULL::loader_app.prod, 2);
SELECT count(*) FROM loader_app.prod;
RESET ROLE;

-- ----- settings -----

-- They are those of the attach, whatever session reads, as all get what was kept.
SET ROLE regress_cs_owner;
CREATE FUNCTION loader_app.formatted(id int) RETURNS loader_app.prod LANGUAGE sql STABLE AS $$
	SELECT id, concat_ws(E'\n', timestamptz '2024-03-10 12:00+00', timestamp '2024-03-10 12:00 MSK'::timestamptz, date '2024-03-10',
		interval '-1 day 2 hours', E'\\x00ff'::bytea, 1::float8 / 3, xmlelement(name a, E'\\x00ff'::bytea), xml '<a/>' IS DOCUMENT,
		to_tsvector('running dogs'), quote_ident('a'), '{NULL}'::text[], id + NULL = NULL,
		(SELECT string_agg(name || ' ' || setting, E'\n' ORDER BY name) FROM pg_settings WHERE name IN ('TimeZone', 'timezone_abbreviations',
			'DateStyle', 'IntervalStyle', 'lc_monetary', 'lc_numeric', 'lc_time', 'bytea_output', 'extra_float_digits', 'xmlbinary', 'xmloption',
			'default_text_search_config', 'array_nulls', 'backslash_quote', 'gin_fuzzy_search_limit', 'quote_all_identifiers', 'row_security',
			'standard_conforming_strings', 'transform_null_equals'))) $$;
RESET ROLE;
CREATE FUNCTION loader_settings() RETURNS void LANGUAGE sql AS $$
	SELECT set_config(name, value, false) FROM (VALUES ('TimeZone', 'Asia/Tokyo'), ('timezone_abbreviations', 'India'),
		('DateStyle', 'German, DMY'), ('IntervalStyle', 'iso_8601'), ('lc_monetary', 'POSIX'), ('lc_numeric', 'POSIX'), ('lc_time', 'POSIX'),
		('bytea_output', 'escape'), ('extra_float_digits', '-10'), ('xmlbinary', 'hex'), ('xmloption', 'document'),
		('default_text_search_config', 'simple'), ('array_nulls', 'off'), ('backslash_quote', 'on'), ('gin_fuzzy_search_limit', '10'),
		('quote_all_identifiers', 'on'), ('row_security', 'off'), ('standard_conforming_strings', 'off'), ('transform_null_equals', 'on')) s (name, value);
$$;
SET lc_monetary = 'C'; SET lc_numeric = 'C'; SET lc_time = 'C'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres';
SET default_text_search_config = 'english';
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.formatted');
SELECT unnest(settings) FROM cache.bindings WHERE relation = 'loader_app.prod'::regclass;
SELECT loader_settings();
SHOW "TimeZone";
SELECT v FROM cache.read(NULL::loader_app.prod, 1);
SELECT outcome FROM cache.explain(NULL::loader_app.prod, 1);
SELECT v FROM cache.read_many(NULL::loader_app.prod, ARRAY[2]);
SHOW "TimeZone";
RESET ALL;
SELECT md5(a.v) = md5(b.v) AS same FROM cache.read(NULL::loader_app.prod, 1) a, cache.read(NULL::loader_app.prod, 3) b;
-- attached again, it takes those of now
-- (a session may have parsed it before: any function from PostgreSQL 18 on, one in PL/pgSQL ever)
ALTER FUNCTION loader_app.formatted COST 200;
SELECT loader_settings();
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.formatted');
RESET ALL;
SELECT unnest(settings) FROM cache.bindings WHERE relation = 'loader_app.prod'::regclass;
SELECT v FROM cache.read(NULL::loader_app.prod, 1);
-- one that this server does not know, as after a restore; one that is none of ours
UPDATE cache.binding_store SET settings = '{TimeZone=Mars/Olympus}' WHERE relation = 'loader_app.prod'::regclass;
SELECT cache.read(NULL::loader_app.prod, 4);
UPDATE cache.binding_store SET settings = '{role=postgres,TimeZone=UTC,nonsense,NULL}' WHERE relation = 'loader_app.prod'::regclass;
SELECT outcome FROM cache.explain(NULL::loader_app.prod, 4);
SELECT v ~ 'TimeZone UTC' AS pinned FROM cache.read(NULL::loader_app.prod, 4);
-- nothing is pinned where nothing of the owner's is run
SELECT cache.attach('loader_app.prod', 'read_through');
SELECT settings IS NULL AS none FROM cache.bindings WHERE relation = 'loader_app.prod'::regclass;

-- What the triggers of a flush see does not depend on who flushes.
CREATE TABLE loader_app.counted (id int PRIMARY KEY, n int, x xml[]);
INSERT INTO loader_app.counted VALUES (1, 0);
CREATE TABLE loader_app.seen (t text);
CREATE FUNCTION loader_app.see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO loader_app.seen VALUES (concat_ws(' ', NEW.n, timestamptz '2024-03-10 12:00+00', current_setting('IntervalStyle'), current_setting('row_security'))); RETURN NULL; END $$;
CREATE TRIGGER see AFTER UPDATE ON loader_app.counted FOR EACH ROW EXECUTE FUNCTION loader_app.see();
SET TimeZone = 'America/New_York';
SELECT cache.attach('loader_app.counted', 'write_back', merge => '{"n": "add", "x": "replace"}', flush_interval => '1 day');
SELECT settings[2] FROM cache.bindings WHERE relation = 'loader_app.counted'::regclass;
SELECT loader_settings();
UPDATE loader_app.counted SET n = n + 1, x = ARRAY[xmlparse(content 'a <b/>')];
SELECT cache.flush('loader_app.counted');
RESET ALL;
UPDATE loader_app.counted SET n = n + 1;
SELECT cache.flush('loader_app.counted');
SELECT * FROM loader_app.seen;
SELECT id, n, x FROM loader_app.counted;
SELECT count(*) FROM cache.dead_letters;

-- ----- temporary objects of the reader -----

SET ROLE regress_cs_owner;
CREATE FUNCTION loader_app.no_temp(int) RETURNS loader_app.prod LANGUAGE plpgsql STABLE SET search_path = loader_app AS
	$$ DECLARE r prod; BEGIN SELECT * INTO r FROM prod WHERE id = $1; RETURN r; END $$;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.no_temp');
ALTER FUNCTION loader_app.no_temp(int) SET search_path = pg_temp, loader_app;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.no_temp');
ALTER FUNCTION loader_app.no_temp(int) SET search_path = loader_app, pg_temp;
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.no_temp');
SELECT cache.read(NULL::loader_app.prod, 1);
ALTER FUNCTION loader_app.no_temp(int) SET search_path = '';
SELECT cache.read(NULL::loader_app.prod, 2);
-- a table that only this session has
SELECT cache.attach('loader_app.prod', 'read_through', loader => 'loader_app.careless');
RESET ROLE;
SET ROLE regress_cs_reader;
CREATE TEMP TABLE prod (id int, v text);
INSERT INTO prod VALUES (1, 'FAKE');
GRANT SELECT ON prod TO PUBLIC;
SELECT cache.read(NULL::loader_app.prod, 1);
SELECT outcome FROM cache.explain(NULL::loader_app.prod, 1);
DROP TABLE pg_temp.prod;
RESET ROLE;

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA loader_app CASCADE;
DROP SCHEMA loader_trap CASCADE;
DROP ROLE regress_cs_owner;
DROP ROLE regress_cs_reader;
DROP FUNCTION loader_settings();
