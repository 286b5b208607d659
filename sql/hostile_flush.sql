-- A trigger that fires during a flush and flushes, attaches or detaches its table: it
-- is refused before anything is entered twice.  The trigger itself ends what gets in.
CREATE ROLE regress_cs_again;
CREATE SCHEMA hf AUTHORIZATION regress_cs_again;
SET ROLE regress_cs_again;
SET search_path = hf, public;
SET statement_timeout = '60s';
CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE TABLE other (LIKE t INCLUDING ALL);
INSERT INTO t SELECT generate_series(1, 5);
INSERT INTO other VALUES (1);
SELECT cache.attach(r, 'write_back', merge => '{"n": "add"}', flush_interval => '1 day')
FROM unnest('{t,other}'::regclass[]) r;
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() > 2 THEN
		RAISE EXCEPTION 'entered again';
	END IF;
	CASE NEW.id
		WHEN 1 THEN PERFORM cache.flush('hf.t');
		WHEN 2 THEN PERFORM cache.attach('hf.t', 'write_back', merge => '{"n": "add"}');
		WHEN 3 THEN PERFORM cache.detach('hf.t');
		WHEN 4 THEN PERFORM cache.detach('hf.t', true);
		WHEN 5 THEN PERFORM cache.flush('hf.other');
	END CASE;
	RETURN NEW;
END $$;
CREATE FUNCTION flush_t() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN PERFORM cache.flush(''hf.t''); RETURN NEW; END';
CREATE TRIGGER zz AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION again();
CREATE TRIGGER zz AFTER UPDATE ON other FOR EACH ROW EXECUTE FUNCTION flush_t();

-- What the flush of a row gives.
CREATE FUNCTION flushed() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	advice text;
BEGIN
	PERFORM cache.flush('hf.t');
	RETURN 'flushed';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS advice = PG_EXCEPTION_HINT;
	RETURN concat(SQLSTATE, ': ', SQLERRM, '; ', advice);
END $$;
-- Nothing is lost by it.
CREATE FUNCTION without_trigger() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE t DISABLE TRIGGER zz;
	PERFORM cache.flush('hf.t');
	ALTER TABLE t ENABLE TRIGGER zz;
	RETURN (SELECT string_agg(n::text, ' ' ORDER BY id) FROM t);
END $$;

UPDATE t SET n = n + 1 WHERE id = 1;
SELECT flushed();
SELECT without_trigger();
UPDATE t SET n = n + 1 WHERE id = 2;
SELECT flushed();
SELECT without_trigger();
UPDATE t SET n = n + 1 WHERE id = 3;
SELECT flushed();
SELECT without_trigger();
UPDATE t SET n = n + 1 WHERE id = 4;
SELECT flushed();
SELECT without_trigger();
-- by way of another table
UPDATE other SET n = n + 1;
UPDATE t SET n = n + 1 WHERE id = 5;
SELECT flushed();
SELECT without_trigger();
SELECT relation, strategy FROM cache.bindings WHERE relation IN ('t'::regclass, 'other'::regclass) ORDER BY 1;

-- a flush that is not under way is not refused
ALTER TABLE t DISABLE TRIGGER zz;
SELECT cache.flush('hf.other') AS flushed;
SELECT n FROM other;
ALTER TABLE t ENABLE TRIGGER zz;

RESET search_path;
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA hf CASCADE;
DROP ROLE regress_cs_again;
