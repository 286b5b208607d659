--
-- Statements that name a table by NULL::table follow the name when they are
-- executed again after DDL, as a prepared SELECT on the table does: the same row,
-- or the same error.
--
CREATE SCHEMA plans;
CREATE SCHEMA plans_other;
SET search_path = plans, public;

-- ----- the statements, each with its plain twin -----

CREATE TABLE form (name text PRIMARY KEY, changes boolean, cached text, plain text);
INSERT INTO form VALUES
	('star', false, 'SELECT * FROM cache.read(NULL::m, $1)', 'SELECT * FROM m WHERE id = $1'),
	('row', false, 'SELECT cache.read(NULL::m, $1) AS m', 'SELECT m FROM m WHERE id = $1'),
	('row in from', false, 'SELECT r FROM cache.read(NULL::m, $1) r', 'SELECT r FROM m r WHERE id = $1'),
	('cast', false, 'SELECT * FROM cache.read(CAST(NULL AS m), $1)', 'SELECT * FROM m WHERE id = $1'),
	('column', false, 'SELECT (cache.read(NULL::m, $1)).v', 'SELECT v FROM m WHERE id = $1'),
	('columns', false, 'SELECT w, v FROM cache.read(NULL::m, $1)', 'SELECT w, v FROM m WHERE id = $1'),
	('condition', false, 'SELECT id FROM cache.read(NULL::m, $1) WHERE w > 0', 'SELECT id FROM m WHERE id = $1 AND w > 0'),
	('expanded', false, 'SELECT (cache.read(NULL::m, $1)).*', 'SELECT (m).* FROM m WHERE id = $1'),
	('many', false, 'SELECT * FROM cache.read_many(NULL::m, ARRAY[$1])', 'SELECT * FROM m WHERE id = $1'),
	('many rows', false, 'SELECT cache.read_many(NULL::m, ARRAY[$1]) AS m', 'SELECT m FROM m WHERE id = $1'),
	('rows from', false, 'SELECT * FROM ROWS FROM (cache.read_many(NULL::m, ARRAY[$1])) WITH ORDINALITY',
		'SELECT *, 1::bigint AS ordinality FROM m WHERE id = $1'),
	('lookup', false, 'SELECT v FROM cache.read(NULL::m, $1) WHERE cache.lookup(NULL::m, $1) IS NULL OR w IS NOT NULL',
		'SELECT v FROM m WHERE id = $1 OR w IS NOT NULL AND id = $1'),
	('scan', false, 'SELECT * FROM cache.scan(NULL::m) WHERE $1 = 1', 'SELECT * FROM m WHERE $1 = 1'),
	('scan rows', false, 'SELECT cache.scan(NULL::m) AS m FROM generate_series($1, 1)', 'SELECT m FROM m, generate_series($1, 1)'),
	('remember', false, 'SELECT * FROM cache.remember(NULL::m, ''k'', NULL, ''SELECT * FROM m WHERE id = 1'') WHERE $1 = 1',
		'SELECT * FROM m WHERE id = $1'),
	('sublink', false, 'SELECT (SELECT v FROM cache.read(NULL::m, $1))', 'SELECT (SELECT v FROM m WHERE id = $1)'),
	('with', false, 'WITH c AS MATERIALIZED (SELECT * FROM cache.read(NULL::m, $1)) SELECT * FROM c',
		'WITH c AS MATERIALIZED (SELECT * FROM m WHERE id = $1) SELECT * FROM c'),
	('lateral', false, 'SELECT r.* FROM generate_series($1, $1) k, LATERAL cache.read(NULL::m, k) r',
		'SELECT r.* FROM generate_series($1, $1) k JOIN m r ON id = k'),
	('union', false, 'SELECT v FROM cache.read(NULL::m, $1) UNION SELECT v FROM cache.read(NULL::m, $1)',
		'SELECT v FROM m WHERE id = $1 UNION SELECT v FROM m WHERE id = $1'),
	('view', false, 'SELECT * FROM cached_view WHERE id = $1', 'SELECT * FROM plain_view WHERE id = $1'),
	('explain', false, 'SELECT 1 AS one FROM cache.explain(NULL::m, $1)', 'SELECT 1 AS one FROM m WHERE id = $1'),
	('plpgsql expression', false, 'SELECT cached_expression($1)', 'SELECT plain_expression($1)'),
	('plpgsql assignment', false, 'SELECT cached_assignment($1)', 'SELECT plain_assignment($1)'),
	('plpgsql condition', false, 'SELECT cached_condition($1)', 'SELECT plain_condition($1)'),
	('plpgsql into', false, 'SELECT cached_into($1)', 'SELECT plain_into($1)'),
	('plpgsql loop', false, 'SELECT cached_loop($1)', 'SELECT plain_loop($1)'),
	('plpgsql query', false, 'SELECT cached_query($1)', 'SELECT plain_query($1)'),
	('plpgsql call', false, 'SELECT cached_call($1)', 'SELECT plain_call($1)'),
	('sql inlined', false, 'SELECT cached_inlined($1)', 'SELECT plain_inlined($1)'),
	('sql called', false, 'SELECT cached_called($1)', 'SELECT plain_called($1)'),
	('sql set', false, 'SELECT * FROM cached_set($1)', 'SELECT * FROM plain_set($1)'),
	('sql atomic', false, 'SELECT cached_atomic($1)', 'SELECT plain_atomic($1)'),
	('insert', true, 'INSERT INTO sink SELECT v::text FROM cache.read(NULL::m, $1)', 'INSERT INTO sink SELECT v::text FROM m WHERE id = $1'),
	('update', true, 'UPDATE sink SET t = (cache.read(NULL::m, $1)).v', 'UPDATE sink SET t = (SELECT v FROM m WHERE id = $1)'),
	('write', true, 'SELECT cache.write(ROW($1, ''written'', 5)::m)',
		'INSERT INTO m SELECT (ROW($1, ''written'', 5)::m).* ON CONFLICT (id) DO UPDATE SET v = excluded.v, w = excluded.w RETURNING m'),
	('write new', true, 'SELECT cache.write(ROW($1 + 100, ''written'', 5)::m)',
		'INSERT INTO m SELECT (ROW($1 + 100, ''written'', 5)::m).* RETURNING m'),
	('remove', true, 'SELECT cache.remove(NULL::m, $1)', 'DELETE FROM m WHERE id = $1 RETURNING true'),
	('increment', true, 'SELECT cache.increment(NULL::m, ''w'', 3, $1)', 'UPDATE m SET w = w + 3 WHERE id = $1 RETURNING w::numeric'),
	('insert or increment', true, 'SELECT cache.increment(insert => ROW($1, ''written'', 5)::m, column_name => ''w'', delta => 3)',
		'UPDATE m SET w = w + 3 WHERE id = (SELECT (ROW($1, ''written'', 5)::m).id) RETURNING w::numeric'),
	('fill', true, 'SELECT cache.fill(ROW($1, ''x'', 1)::m)', 'SELECT false FROM m, (SELECT (ROW($1, ''x'', 1)::m).*) x LIMIT $1'),
	('invalidate', true, 'SELECT true FROM cache.invalidate(NULL::m, $1)', 'SELECT true FROM (SELECT 1 FROM m) m LIMIT $1'),
	('plpgsql write', true, 'SELECT cached_write($1)', 'SELECT plain_write($1)'),
	('plpgsql write expression', true, 'SELECT cached_write_expression($1)', 'SELECT plain_write($1)');

CREATE FUNCTION make_tables() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE m (id int PRIMARY KEY, v text, w int);
	INSERT INTO m VALUES (1, 'old', 1), (2, 'two', 2);
	CREATE TABLE mnew (id int PRIMARY KEY, v text, w int);
	INSERT INTO mnew VALUES (1, 'new', 11);
	CREATE TABLE plans_other.m (id int PRIMARY KEY, v text, w int);
	INSERT INTO plans_other.m VALUES (1, 'other', 21);
	CREATE TABLE sink (t text);
	INSERT INTO sink VALUES ('empty');
	PERFORM cache.attach('m', 'read_through');
	PERFORM cache.attach('mnew', 'read_through');
	PERFORM cache.attach('plans_other.m', 'read_through');
	CREATE FUNCTION cached_expression(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN RETURN (cache.read(NULL::m, k)).v; END';
	CREATE FUNCTION plain_expression(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT v FROM m WHERE id = k); END';
	CREATE FUNCTION cached_assignment(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE r record; BEGIN r := cache.read(NULL::m, k); RETURN r::text; END';
	CREATE FUNCTION plain_assignment(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE r record; BEGIN r := (SELECT m FROM m WHERE id = k); RETURN r::text; END';
	CREATE FUNCTION cached_condition(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN IF (cache.read(NULL::m, k)).w > 10 THEN RETURN ''much''; END IF; RETURN ''little''; END';
	CREATE FUNCTION plain_condition(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN IF (SELECT w FROM m WHERE id = k) > 10 THEN RETURN ''much''; END IF; RETURN ''little''; END';
	CREATE FUNCTION cached_into(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE r record; BEGIN SELECT * INTO r FROM cache.read(NULL::m, k); RETURN r::text; END';
	CREATE FUNCTION plain_into(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE r record; BEGIN SELECT * INTO r FROM m WHERE id = k; RETURN r::text; END';
	CREATE FUNCTION cached_loop(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE r record; t text; BEGIN FOR r IN SELECT * FROM cache.read_many(NULL::m, ARRAY[k, k]) LOOP
			t := concat(t, r); END LOOP; RETURN t; END';
	CREATE FUNCTION plain_loop(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE r record; t text; BEGIN FOR r IN SELECT m.* FROM m, generate_series(1, 2) WHERE id = k LOOP
			t := concat(t, r); END LOOP; RETURN t; END';
	CREATE PROCEDURE cached_echo(v anyelement, INOUT t text) LANGUAGE plpgsql AS 'BEGIN t := v; END';
	CREATE FUNCTION cached_call(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE t text; BEGIN CALL cached_echo((cache.read(NULL::m, k)).v, t); RETURN t; END';
	CREATE FUNCTION plain_call(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE t text; BEGIN t := (SELECT v FROM m WHERE id = k); RETURN t; END';
	CREATE FUNCTION cached_query(k int) RETURNS SETOF text LANGUAGE plpgsql AS
		'BEGIN RETURN QUERY SELECT r::text FROM cache.read(NULL::m, k) r; END';
	CREATE FUNCTION plain_query(k int) RETURNS SETOF text LANGUAGE plpgsql AS
		'BEGIN RETURN QUERY SELECT r::text FROM m r WHERE id = k; END';
	CREATE FUNCTION cached_inlined(k int) RETURNS text LANGUAGE sql AS
		'SELECT (cache.read(NULL::m, k)).v::text';
	CREATE FUNCTION plain_inlined(k int) RETURNS text LANGUAGE sql AS
		'SELECT v::text FROM m WHERE id = k';
	CREATE FUNCTION cached_called(k int) RETURNS text LANGUAGE sql AS
		'SELECT r::text FROM cache.read(NULL::m, k) r LIMIT 1';
	CREATE FUNCTION plain_called(k int) RETURNS text LANGUAGE sql AS
		'SELECT r::text FROM m r WHERE id = k LIMIT 1';
	CREATE FUNCTION cached_set(k int) RETURNS TABLE (t text) LANGUAGE sql STABLE AS
		'SELECT concat(v, w) FROM cache.read(NULL::m, k)';
	CREATE FUNCTION plain_set(k int) RETURNS TABLE (t text) LANGUAGE sql STABLE AS
		'SELECT concat(v, w) FROM m WHERE id = k';
	CREATE FUNCTION cached_write(k int) RETURNS void LANGUAGE plpgsql AS
		'BEGIN PERFORM cache.write(ROW(k, ''written'', 5)::m); END';
	CREATE FUNCTION cached_write_expression(k int) RETURNS void LANGUAGE plpgsql AS
		'DECLARE t text; BEGIN t := (cache.write(ROW(k, ''written'', 5)::m)).id; END';
	CREATE FUNCTION plain_write(k int) RETURNS void LANGUAGE plpgsql AS
		'BEGIN INSERT INTO m SELECT (ROW(k, ''written'', 5)::m).* ON CONFLICT (id) DO UPDATE SET v = excluded.v, w = excluded.w; END';
END $$;

-- What depends on columns keeps them from being changed.
CREATE FUNCTION make_dependent() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE VIEW cached_view AS SELECT * FROM cache.read(NULL::m, 1);
	CREATE VIEW plain_view AS SELECT * FROM m WHERE id = 1;
	CREATE FUNCTION cached_atomic(k int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT (cache.read(NULL::m, k)).v; END;
	CREATE FUNCTION plain_atomic(k int) RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT v FROM m WHERE id = k; END;
END $$;

CREATE FUNCTION drop_tables() RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
	f regprocedure;
	t regclass;
BEGIN
	PERFORM set_config('search_path', 'plans, public', false);
	FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'plans'::regnamespace AND proname ~ '^(cached|plain)_' LOOP
		EXECUTE 'DROP ROUTINE ' || f;
	END LOOP;
	DROP VIEW IF EXISTS cached_view, plain_view;
	FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relname ~ '^(m|mnew|mold|sink)$'
		AND relnamespace IN ('plans'::regnamespace, 'plans_other'::regnamespace) LOOP
		EXECUTE 'DROP TABLE ' || t;
	END LOOP;
END $$;

CREATE FUNCTION prepare_form(name text, query text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('PREPARE %I (int) AS %s', name, query);
END $$;

-- What there is in all tables that a statement could have written to.
CREATE FUNCTION contents() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r regclass;
	t text;
	all_tables text := '';
BEGIN
	FOR r IN SELECT oid FROM pg_class WHERE relname IN ('m', 'mnew', 'mold', 'sink') AND relkind = 'r' ORDER BY oid LOOP
		EXECUTE format('SELECT string_agg(t::text, '' '' ORDER BY t::text) FROM %s t', r) INTO t;
		all_tables := concat(all_tables, r, ': ', t, '; ');
	END LOOP;
	RETURN all_tables;
END $$;

-- The first row, for changes also what they have made of the tables; or the error.
CREATE FUNCTION outcome(name text, changes boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	EXECUTE format('EXECUTE %I (1)', name);
	IF changes THEN
		RAISE EXCEPTION '%', contents() USING ERRCODE = 'ZZ001';
	END IF;
	EXECUTE format('EXECUTE %I (1)', name) INTO r;
	RETURN r;
EXCEPTION
	WHEN SQLSTATE 'ZZ001' THEN
		RETURN SQLERRM;
	-- "type does not exist" is "relation does not exist" for who names the type
	WHEN undefined_object THEN
		RETURN CASE WHEN SQLERRM = 'type "m" does not exist' THEN '42P01' ELSE SQLSTATE || ': ' || SQLERRM END;
	WHEN internal_error THEN
		RETURN SQLSTATE || ': ' || SQLERRM;
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END $$;

-- As drivers do: when told that the result type has changed, prepare again.
CREATE FUNCTION driver(form_name text, query text, changes boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := outcome(form_name, changes);
BEGIN
	IF result = '0A000' THEN
		EXECUTE format('DEALLOCATE %I', form_name);
		PERFORM prepare_form(form_name, query);
		result := '0A000, then ' || outcome(form_name, changes);
	END IF;
	RETURN result;
END $$;

-- All prepared, and executed often enough for a generic plan.
CREATE FUNCTION begin_round(dependent boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	f form;
BEGIN
	PERFORM make_tables();
	IF dependent THEN
		PERFORM make_dependent();
	END IF;
	FOR f IN SELECT * FROM form WHERE dependent OR name NOT IN ('view', 'sql atomic') LOOP
		PERFORM prepare_form('cached ' || f.name, f.cached), prepare_form('plain ' || f.name, f.plain);
		FOR i IN 1..7 LOOP
			PERFORM outcome('cached ' || f.name, f.changes), outcome('plain ' || f.name, f.changes);
		END LOOP;
	END LOOP;
	RETURN (SELECT count(*) FROM pg_prepared_statements);
END $$;

-- What differs from the plain twin.
CREATE FUNCTION differences() RETURNS TABLE (form text, cached text, plain text) LANGUAGE sql AS $$
	WITH answers AS MATERIALIZED (
		SELECT name, driver('plain ' || name, plain, changes) AS plain,
			driver('cached ' || name, cached, changes) AS cached
		FROM form WHERE 'plain ' || name IN (SELECT name FROM pg_prepared_statements) ORDER BY name)
	SELECT name, cached, plain FROM answers WHERE cached IS DISTINCT FROM plain ORDER BY name
$$;

CREATE FUNCTION end_round() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	DEALLOCATE ALL;
	PERFORM drop_tables();
END $$;

-- Nothing has happened yet.
SELECT begin_round(true);
SELECT outcome('cached star', false), outcome('plain star', false), outcome('cached write', true);
SELECT * FROM differences();

-- ----- another table takes the name -----

BEGIN;
ALTER TABLE m RENAME TO mold;
ALTER TABLE mnew RENAME TO m;
COMMIT;
SELECT outcome('cached star', false), outcome('plain star', false), outcome('cached write', true);
SELECT * FROM differences();
-- and back
ALTER TABLE m RENAME TO mnew;
ALTER TABLE mold RENAME TO m;
SELECT * FROM differences();
-- and the name is gone
ALTER TABLE m RENAME TO mold;
SELECT outcome('cached star', false), outcome('cached plpgsql into', false);
SELECT * FROM differences();
SELECT end_round();

-- ----- columns -----

SELECT begin_round(true);
BEGIN;
ALTER TABLE m RENAME v TO x;
ALTER TABLE m RENAME w TO v;
ALTER TABLE m RENAME x TO w;
COMMIT;
SELECT outcome('cached column', false), outcome('plain column', false);
SELECT * FROM differences();
SELECT end_round();

SELECT begin_round(false);
ALTER TABLE m ALTER COLUMN v TYPE int USING 7;
SELECT outcome('cached column', false), outcome('cached sql called', false);
SELECT * FROM differences();
SELECT * FROM differences();
SELECT end_round();

SELECT begin_round(true);
ALTER TABLE m ADD COLUMN a int;
SELECT * FROM differences();
ALTER TABLE m DROP COLUMN a;
SELECT * FROM differences();
SELECT end_round();

SELECT begin_round(false);
ALTER TABLE m DROP COLUMN v;
SELECT outcome('cached star', false), outcome('cached column', false), outcome('cached row', false);
SELECT * FROM differences();
ALTER TABLE m ADD COLUMN v text DEFAULT 'again';
SELECT outcome('cached column', false), outcome('cached star', false);
SELECT * FROM differences();
SELECT end_round();

-- ----- the table is another -----

SELECT begin_round(false);
DROP TABLE m;
SELECT outcome('cached star', false);
SELECT * FROM differences();
CREATE TABLE m (id int PRIMARY KEY, v text, w int);
INSERT INTO m VALUES (1, 'made again', 1);
SELECT cache.attach('m');
SELECT outcome('cached star', false);
SELECT * FROM differences();
SELECT end_round();

SELECT begin_round(false);
BEGIN;
DROP TABLE m;
CREATE TABLE m (v text, id int PRIMARY KEY, w bigint);
INSERT INTO m VALUES ('other order', 1, 1);
SELECT cache.attach('m');
COMMIT;
SELECT outcome('cached star', false);
SELECT * FROM differences();
SELECT end_round();

-- ----- schemas -----

SELECT begin_round(true);
DROP TABLE plans_other.m;
ALTER TABLE m SET SCHEMA plans_other;
SELECT outcome('cached star', false);
SELECT * FROM differences();
ALTER TABLE plans_other.m SET SCHEMA plans;
SELECT outcome('cached star', false);
SELECT * FROM differences();
SELECT end_round();

SELECT begin_round(true);
SET search_path = plans_other, plans, public;
SELECT outcome('cached star', false), outcome('cached write', true);
SELECT * FROM differences();
SET search_path = plans, public;
SELECT outcome('cached star', false);
SELECT * FROM differences();
SELECT end_round();

-- ----- attached or not -----

SELECT begin_round(true);
SELECT cache.detach('m');
SELECT outcome('cached star', false), outcome('cached plpgsql expression', false);
SELECT cache.attach('m', 'write_through');
SELECT * FROM differences();
-- not what is refused, or deferred
SELECT cache.attach('m', 'write_back', merge => '{"w": "replace"}');
SELECT * FROM differences() WHERE form !~ 'write|increment|fill|lookup';
SELECT end_round();

-- DDL that is rolled back.
SELECT begin_round(true);
BEGIN;
ALTER TABLE m RENAME TO mold;
ALTER TABLE mnew RENAME TO m;
SELECT * FROM differences();
ROLLBACK;
SELECT * FROM differences();
BEGIN;
SAVEPOINT s;
ALTER TABLE m ADD COLUMN a int;
SELECT * FROM differences();
ROLLBACK TO s;
SELECT * FROM differences();
COMMIT;
SELECT end_round();

-- What is added to a statement is not seen where a view is shown, and keeps DDL of
-- the own session away from what is being read, as in a SELECT.
SELECT make_tables(), make_dependent();
SELECT pg_get_viewdef('cached_view');
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM cache.scan(NULL::m);
SAVEPOINT s;
ALTER TABLE m RENAME v TO x;
ROLLBACK TO s;
FETCH 1 FROM c;
CLOSE c;
ALTER TABLE m RENAME v TO x;
ROLLBACK;
CREATE FUNCTION cached_altering() RETURNS int LANGUAGE plpgsql AS 'BEGIN ALTER TABLE m ADD COLUMN y int; RETURN 1; END';
SELECT v, cached_altering() FROM cache.read(NULL::m, 1);
SELECT v, cached_altering() FROM m WHERE id = 1;
SELECT drop_tables();

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA plans, plans_other CASCADE;
