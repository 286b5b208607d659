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

-- Names that a reader puts into his search_path are not found.
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

-- It runs as the owner, whoever reads.
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

\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA loader_app CASCADE;
DROP SCHEMA loader_trap CASCADE;
DROP ROLE regress_cs_owner;
DROP ROLE regress_cs_reader;
