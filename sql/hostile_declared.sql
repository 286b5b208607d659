-- Attacks on the sessions of other roles by a declared statement.

SET client_min_messages = warning;
CREATE ROLE regress_cs_attacker;
CREATE ROLE regress_cs_victim;
CREATE SCHEMA hostile AUTHORIZATION regress_cs_attacker;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE TABLE victims (id int PRIMARY KEY, v int);
INSERT INTO victims SELECT i, i FROM generate_series(1, 10) i;
ALTER TABLE victims OWNER TO regress_cs_victim;
SELECT cache.track('victims');

-- A literal whose input evaluates the constraint of a domain, which comes after the declaration.
SET ROLE regress_cs_attacker;
CREATE TABLE hostile.t (id int PRIMARY KEY, v int[]);
INSERT INTO hostile.t VALUES (1, '{1}');
SELECT cache.track('hostile.t');
CREATE DOMAIN hostile.d AS int;
SELECT cache.declare_query('SELECT id FROM hostile.t WHERE v::hostile.d[] = ''{1}''::hostile.d[]') > 0;
CREATE FUNCTION hostile.spy(int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_user = 'regress_cs_attacker' THEN
		RETURN true;
	END IF;
	RAISE WARNING 'run as %', current_user;
	RETURN true;
END $$;
ALTER DOMAIN hostile.d ADD CHECK (hostile.spy(VALUE));
GRANT SELECT ON hostile.t TO PUBLIC;
RESET ROLE;
SET cache_strategies.results = declared;
-- statements over the attacker's table, which do not use the domain
SELECT id FROM hostile.t;
SELECT id FROM hostile.t WHERE v = '{1}';
SELECT count(*) FROM cache.declared_queries WHERE problem IS NOT NULL;

-- Results that are not exact, for tables of another role: by a declaration, a view, a function and a policy.
GRANT SELECT ON victims TO regress_cs_attacker;
SET ROLE regress_cs_attacker;
SELECT cache.declare_query('SELECT sum(v) FROM victims', max_age => '1 h');
CREATE VIEW hostile.over_victims AS SELECT sum(v) FROM victims;
SELECT cache.declare_query('SELECT * FROM hostile.over_victims', max_age => '1 h');
CREATE FUNCTION hostile.f() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT sum(v) FROM public.victims';
SELECT cache.declare_query('SELECT hostile.f() FROM hostile.t', max_age => '1 h');
-- the table is the attacker's when it is declared
CREATE TABLE hostile.given (id int PRIMARY KEY, v int);
INSERT INTO hostile.given VALUES (1, 1);
SELECT cache.track('hostile.given');
SELECT cache.declare_query('SELECT sum(v) FROM hostile.given', max_age => '1 h') > 0;
RESET ROLE;
ALTER TABLE hostile.given OWNER TO regress_cs_victim;
SET ROLE regress_cs_victim;
SELECT sum(v) FROM hostile.given;
UPDATE hostile.given SET v = 2;
SELECT sum(v) FROM hostile.given;
-- a policy that reads the victim's table
RESET ROLE;
SET ROLE regress_cs_attacker;
SELECT cache.declare_query('SELECT count(*) FROM hostile.t', max_age => '1 h') > 0;
CREATE POLICY p ON hostile.t USING ((SELECT sum(v) FROM public.victims) > 100);
ALTER TABLE hostile.t ENABLE ROW LEVEL SECURITY;
SET ROLE regress_cs_victim;
SELECT count(*) FROM hostile.t;
UPDATE victims SET v = 200 WHERE id = 1;
SELECT count(*) FROM hostile.t;

-- The store, and the functions behind it.
SET ROLE regress_cs_attacker;
INSERT INTO cache.declared_store (query, declared_by, search_path) VALUES ('SELECT 1', 'postgres', 'public');
SELECT * FROM cache.declared_store;
SELECT cache.declared_changed();
CREATE TRIGGER mine AFTER INSERT ON hostile.t EXECUTE FUNCTION cache.declared_changed();
RESET ROLE;
SELECT count(cache.undeclare_query(id)::text) FROM cache.declared_queries;

RESET cache_strategies.results;
DROP SCHEMA hostile CASCADE;
DROP TABLE victims;
DROP ROLE regress_cs_attacker, regress_cs_victim;
