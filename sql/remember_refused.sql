-- What cache.remember() does not keep, and says so.

\set ECHO queries
SET client_min_messages = warning;
CREATE SCHEMA refused;
SET search_path = refused;

-- The error of a query, or that there is none.
CREATE FUNCTION why(query text, reads regclass[] = NULL, params text[] = NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text;
BEGIN
	PERFORM cache.remember('k', '1 hour', query, reads => reads, params => params);
	RETURN 'remembered';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	IF message = 'the result of this query cannot be remembered' AND state = '0A000' THEN
		RETURN concat_ws(' / ', regexp_replace(detail, 'pg_temp_\d+', 'pg_temp'), nullif(hint, ''));
	END IF;
	RETURN concat_ws(' / ', state, message, nullif(detail, ''), nullif(hint, ''));
END $$;

CREATE TABLE t (id int PRIMARY KEY, v text);
INSERT INTO t VALUES (1, 'one'), (2, 'two');
SELECT cache.track('t');

-- ----- statements -----

SELECT q, why(q) FROM unnest(ARRAY[
	'SELECT 1', 'VALUES (1)', 'TABLE t', 'WITH w AS (SELECT 1 AS one) SELECT * FROM w', '(SELECT 1) UNION (SELECT 2)', 'SELECT 1;',
	'', ';', '-- nothing', 'SELECT 1; SELECT 2', 'SELECT 1 INTO x', 'SELECT 1 AS a INTO x UNION SELECT 2', 'INSERT INTO t VALUES (3, ''three'')',
	'UPDATE t SET v = v RETURNING v', 'DELETE FROM t', 'EXPLAIN SELECT 1', 'SHOW search_path', 'CREATE TABLE x (a int)',
	'WITH w AS (INSERT INTO t VALUES (3, ''three'') RETURNING id) SELECT * FROM w', 'SELECT * FROM (SELECT * FROM t FOR UPDATE) s',
	'SELECT * FROM t FOR KEY SHARE', 'SELECT * FROM t WHERE id IN (SELECT id FROM t FOR SHARE)', 'SELEC 1', 'SELECT * FROM nothing', 'SELECT 1 FROM t WHERE']) q;

-- an error is at its place in the query
SELECT cache.remember('k', '1 hour', 'SELECT v, x FROM t');

-- ----- VOLATILE, wherever it is -----

CREATE FUNCTION vol(int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION vol(int, int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1 + $2; END';
CREATE FUNCTION vol(text) RETURNS bool LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END';
CREATE FUNCTION outer1(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT vol($1)';
CREATE FUNCTION outer2(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT outer1($1)';
CREATE FUNCTION atomic_body(int) RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT vol($1); END;
CREATE FUNCTION defaulted(a int, b int = vol(1)) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2';
CREATE FUNCTION windowed(a int, b int = 2) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1 + $2';
CREATE AGGREGATE total(int) (SFUNC = vol, STYPE = int, INITCOND = '0');
CREATE FUNCTION vol_final(int) RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1; END';
CREATE AGGREGATE total2(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0', FINALFUNC = vol_final);
CREATE OPERATOR #+# (LEFTARG = int, RIGHTARG = int, FUNCTION = vol);
CREATE FUNCTION vol_eq(int, int) RETURNS bool LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN $1 = $2; END';
CREATE OPERATOR #=# (LEFTARG = int, RIGHTARG = int, FUNCTION = vol_eq);
CREATE DOMAIN checked AS text CHECK (vol(VALUE));
CREATE TYPE one AS (a int);
CREATE FUNCTION one(int) RETURNS one LANGUAGE sql VOLATILE AS 'SELECT ROW($1)::one';
CREATE FUNCTION one_json(one) RETURNS json LANGUAGE sql VOLATILE AS 'SELECT ''1''::json';
CREATE CAST (int AS one) WITH FUNCTION one(int);
CREATE CAST (one AS json) WITH FUNCTION one_json(one);
CREATE VIEW hidden AS SELECT v, random() AS r FROM t;
CREATE VIEW hidden2 AS SELECT v FROM hidden;
CREATE FUNCTION cast_in_result() RETURNS one LANGUAGE sql STABLE AS 'SELECT id FROM t';
CREATE TABLE with_domain (c checked);
SELECT cache.track('with_domain');
SELECT q, why(q) FROM unnest(ARRAY[
	'SELECT random()', 'SELECT clock_timestamp()', 'SELECT gen_random_uuid()', 'SELECT 1 WHERE vol(1) = 1', 'SELECT * FROM generate_series(1, vol(1))', 'SELECT * FROM vol(1)',
	'SELECT count(*) FROM t GROUP BY vol(id)', 'SELECT id FROM t ORDER BY vol(id)', 'SELECT id FROM t LIMIT vol(1)',
	'SELECT sum(id) OVER (ORDER BY vol(id)) FROM t', 'SELECT sum(id) FILTER (WHERE vol(id) = 1) FROM t', 'SELECT CASE WHEN false THEN vol(1) END',
	'SELECT (SELECT vol(1))', 'SELECT ARRAY(SELECT vol(id) FROM t)', 'WITH w AS (SELECT vol(1)) SELECT 1', 'SELECT 1 UNION SELECT vol(1)', 'VALUES (vol(1))',
	'SELECT * FROM t JOIN LATERAL (SELECT vol(t.id)) s ON true', 'SELECT * FROM t JOIN t u ON vol(t.id) = u.id',
	'SELECT outer1(1)', 'SELECT outer2(1)', 'SELECT * FROM outer2(1)', 'SELECT atomic_body(1)', 'SELECT defaulted(1)', 'SELECT defaulted(1, 2)', 'SELECT defaulted(b => 1, a => 2)',
	'SELECT defaulted(a => 1)', 'SELECT windowed(1)', 'SELECT total(id) FROM t', 'SELECT total(id) OVER () FROM t', 'SELECT total2(id) FROM t', 'SELECT 1 #+# 2',
	'SELECT 1 #=# ANY (ARRAY[1])', 'SELECT ''x''::checked', 'SELECT v::checked FROM t', 'SELECT c FROM with_domain',
	'SELECT * FROM json_to_record(''{"a": 1}'') AS x (a checked)', 'SELECT * FROM json_populate_record(NULL::with_domain, ''{"c": "x"}'')',
	'SELECT 1::one', 'SELECT ROW(1)::one', 'SELECT to_jsonb(ROW(1)::one)', 'SELECT cast_in_result()', 'SELECT v FROM hidden', 'SELECT v FROM hidden2', 'SELECT nextval(''s'')',
	'SELECT cache.remember(''k'', ''1 hour'', ''SELECT 1'')', 'SELECT cache.get(''k'')', 'SELECT lo_get(1)', 'SELECT pg_sleep(0)', 'SELECT query_to_xml(''SELECT 1'', true, true, '''')',
	'SELECT set_config(''search_path'', '''', false)', 'SELECT pg_advisory_lock(1)']) q;
-- and no array makes it better
SELECT why('SELECT vol(1)', '{}');

-- operators that are in no expression
CREATE FUNCTION vol_lt(one, one) RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT $1.a < $2.a';
CREATE FUNCTION vol_gt(one, one) RETURNS bool LANGUAGE sql VOLATILE AS 'SELECT $1.a > $2.a';
CREATE OPERATOR <! (LEFTARG = one, RIGHTARG = one, FUNCTION = vol_lt, COMMUTATOR = >!);
CREATE OPERATOR >! (LEFTARG = one, RIGHTARG = one, FUNCTION = vol_gt);
CREATE FUNCTION one_eq(one, one) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a = $2.a';
CREATE OPERATOR ==! (LEFTARG = one, RIGHTARG = one, FUNCTION = one_eq);
CREATE FUNCTION one_cmp(one, one) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.a - $2.a';
CREATE OPERATOR CLASS one_ops FOR TYPE one USING btree AS OPERATOR 1 <!, OPERATOR 3 ==!, OPERATOR 5 >!, FUNCTION 1 one_cmp(one, one);
DROP CAST (one AS json);
SELECT why('SELECT a::one FROM (VALUES (ROW(1)::one)) x (a) ORDER BY a USING <!');
SELECT why('SELECT ROW(1)::one <! ROW(2)::one');

-- ----- relations -----

CREATE TABLE untracked (id int PRIMARY KEY);
CREATE VIEW of_untracked AS SELECT * FROM untracked;
CREATE FUNCTION reads_untracked() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM untracked';
CREATE TABLE parent (id int);
CREATE TABLE child () INHERITS (parent);
SELECT cache.track('parent');
CREATE TABLE part (id int) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES IN (1);
SELECT cache.track('part');
CREATE TEMP TABLE temporary (id int);
CREATE MATERIALIZED VIEW stored AS SELECT * FROM t;
CREATE SEQUENCE s;
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE elsewhere (id int) SERVER nowhere;
CREATE FOREIGN TABLE part2 PARTITION OF part FOR VALUES IN (2) SERVER nowhere;
CREATE TABLE names (c regclass, r regrole, o oid);
SELECT cache.track('names');
SELECT q, why(q) FROM unnest(ARRAY[
	'TABLE untracked', 'TABLE of_untracked', 'SELECT reads_untracked()', 'SELECT * FROM t WHERE id IN (SELECT id FROM untracked)', 'WITH w AS (TABLE untracked) SELECT 1',
	'TABLE parent', 'SELECT * FROM ONLY parent', 'TABLE child', 'TABLE part1', 'TABLE part', 'TABLE temporary', 'TABLE stored', 'TABLE s', 'SELECT last_value FROM s', 'TABLE elsewhere',
	'TABLE pg_class', 'SELECT count(*) FROM pg_stat_activity', 'TABLE pg_settings', 'TABLE information_schema.tables', 'TABLE cache.bindings', 'SELECT count(*) FROM cache.bindings', 'SELECT count(*) FROM cache.spaces', 'SELECT count(*) FROM cache.journal_a',
	'SELECT * FROM t TABLESAMPLE bernoulli (50)', 'SELECT * FROM t TABLESAMPLE bernoulli (100) REPEATABLE (1)',
	'SELECT xmin IS NULL, ctid, tableoid FROM t', 'SELECT xmax FROM t', 'SELECT id FROM t WHERE cmin = ''0''', 'SELECT id FROM t ORDER BY cmax::text']) q;
DROP FOREIGN TABLE part2;
SELECT why('TABLE part');

-- ----- what depends on more than rows -----

SELECT q, why(q) FROM unnest(ARRAY[
	'SELECT current_setting(''search_path'')', 'SELECT pg_backend_pid()', 'SELECT has_table_privilege(''t'', ''select'')', 'SELECT txid_current_snapshot()', 'SELECT pg_current_snapshot()',
	'SELECT table_to_xml(''t'', true, true, '''')', 'SELECT pg_typeof(1)', 'SELECT age(xmin) FROM t', 'SELECT to_regclass(''t'') IS NULL', 'SELECT pg_get_viewdef(''hidden''::regclass)',
	'SELECT current_database()', 'SELECT current_schemas(true)', 'SELECT version()', 'SELECT inet_client_addr()', 'SELECT pg_column_size(v) FROM t', 'SELECT obj_description(1, ''pg_class'')',
	'SELECT session_user', 'SELECT current_schema', 'SELECT current_catalog', 'SELECT current_user = ''x''', 'SELECT now() IS NULL', 'SELECT current_date IS NULL',
	'SELECT ''t''::regclass', 'SELECT ''t''::regclass::oid', 'SELECT oid::regclass FROM (VALUES (1::oid)) x (oid)', 'SELECT tableoid::regclass FROM t', 'SELECT c FROM names', 'SELECT n FROM names n',
	'SELECT format(''%s'', r) FROM names', 'SELECT c::oid, o FROM names', 'SELECT to_tsvector(''english'', v) FROM t', 'SELECT ''english''::regconfig', 'SELECT to_tsvector(v) FROM t',
	'SELECT to_char(now(), ''YYYY'') IS NULL', 'SELECT date_trunc(''day'', now()) IS NULL', 'SELECT format(''%s'', v) FROM t', 'SELECT to_jsonb(t) FROM t', 'SELECT json_agg(t) FROM t', 'SELECT string_agg(v, '','') FROM t',
	'SELECT $1::regclass']) q;

-- Of PostgreSQL's own STABLE functions all are refused but these.
SELECT string_agg(DISTINCT p.proname, ' ' ORDER BY p.proname)
	FROM pg_proc p, LATERAL (SELECT why(format('SELECT %I(%s)', p.proname, (SELECT string_agg(format('NULL::%s', format_type(a, NULL)), ', ' ORDER BY n)
		FROM unnest(p.proargtypes) WITH ORDINALITY x (a, n))))) x (answer)
	WHERE p.provolatile = 's' AND p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND p.prolang = 12 AND p.provariadic = 0
		AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) a JOIN pg_type t ON t.oid = a WHERE t.typtype = 'p')
		AND x.answer !~ 'STABLE, and what it returns|whose values are written as names'
		AND p.proname NOT IN ('date_add', 'date_subtract');

-- ----- opaque functions -----

-- which could find temporary tables, if there were any
\c -
\set ECHO queries
SET search_path = refused;

CREATE FUNCTION opaque() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM t); END';
CREATE FUNCTION believed() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION definer() RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT count(*) FROM t';
CREATE FUNCTION with_set() RETURNS bigint LANGUAGE sql STABLE SET search_path = refused AS 'SELECT count(*) FROM t';
CREATE FUNCTION inner_opaque() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT opaque()';
CREATE FUNCTION internal_copy() RETURNS name LANGUAGE internal STABLE AS 'current_database';
CREATE FUNCTION stable_cmp(one, one) RETURNS bool LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
CREATE OPERATOR === (LEFTARG = one, RIGHTARG = one, FUNCTION = stable_cmp);
SELECT q, why(q), why(q, '{}') AS "reads nothing", why(q, '{t}') AS "reads t" FROM unnest(ARRAY[
	'SELECT opaque()', 'SELECT believed()', 'SELECT definer()', 'SELECT with_set()', 'SELECT inner_opaque()', 'SELECT internal_copy()', 'SELECT ROW(1)::one === ROW(1)::one',
	'SELECT current_setting(''search_path'')', 'SELECT (cache.read(NULL::t, 1)).v IS NULL']) q;
SELECT r, why('SELECT opaque()', ARRAY[r]) FROM unnest('{untracked,hidden,stored,pg_class,elsewhere,s,part,t}'::regclass[]) r;
SELECT why('SELECT opaque()', '{t,NULL}');
SELECT why('SELECT opaque()', '{t,untracked}');

-- ----- arguments -----

SELECT cache.remember(NULL, '1 hour', 'SELECT 1');
SELECT cache.remember('k', '1 hour', NULL);
SELECT cache.remember('k', '0', 'SELECT 1');
SELECT cache.remember('k', '-1 s', 'SELECT 1');
SELECT cache.remember('k', '1 hour', 'SELECT 1', grace => '0');
SELECT cache.remember('k', '1 hour', 'SELECT 1', beta => -1);
SELECT cache.remember('k', '1 hour', 'SELECT 1', beta => 'NaN');
SELECT cache.remember('k', '1 hour', 'SELECT 1', tags => '{a,NULL}');
SELECT cache.remember('k', '1 hour', 'SELECT 1', space => '');
SELECT cache.remember('k', '1 hour', 'SELECT 1', space => 'nothing');
SELECT cache.remember(repeat('k', 10000), '1 hour', 'SELECT 1');
SELECT cache.remember('k', '1 hour', 'SELECT 1', tags => ARRAY[repeat('t', 10000)]);
SELECT cache.forget(NULL);
SELECT cache.forget('k', 'nothing');
SELECT q, params, why(q, params => params) FROM (VALUES ('SELECT 1', '{}'), ('SELECT 1', '{1}'), ('SELECT $1::int', NULL), ('SELECT $1::int', '{}'), ('SELECT $1::int', '{1}'),
	('SELECT $1::int', '{x}'), ('SELECT $1::int', '{NULL}'), ('SELECT $1::int', '{1,2}'), ('SELECT $1::int', '{{1}}'), ('SELECT $2::int', '{1,2}'), ('SELECT $1', '{1}'),
	('SELECT $1::checked', '{x}')) x (q, p), LATERAL (SELECT p::text[]) y (params);

-- row types; how the columns are named in the detail depends on the version
\set VERBOSITY terse
SELECT * FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT v, id FROM t');
SELECT * FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT id FROM t');
SELECT * FROM cache.remember(NULL::t, 'k', '1 hour', 'SELECT *, 1 FROM t');
SELECT * FROM cache.remember(NULL::bigint, 'k', '1 hour', 'SELECT id FROM t');
SELECT * FROM cache.remember(NULL::int, 'k', '1 hour', 'SELECT id, v FROM t');
\set VERBOSITY default
SELECT * FROM cache.remember(ROW(1, 'x'), 'k', '1 hour', 'SELECT id, v FROM t') AS x (id int, v text);
SELECT * FROM cache.remember(NULL::regclass, 'k', '1 hour', 'SELECT c FROM names');
SELECT * FROM cache.remember(row_type => NULL::text, key => 'k', ttl => '1 hour', query => 'SELECT v FROM t ORDER BY id');

DROP SERVER nowhere CASCADE;
DROP FOREIGN DATA WRAPPER nowhere;
DROP SCHEMA refused CASCADE;
