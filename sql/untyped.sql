--
-- Parameters that the client leaves untyped, as most drivers do.
--

CREATE TABLE un (id int PRIMARY KEY, v text, n int DEFAULT 0);
CREATE TABLE un_lines (a bigint, b text, c date, v text, PRIMARY KEY (a, b, c));
CREATE TABLE un_uuid (id uuid PRIMARY KEY, v text);
CREATE TABLE un_text (id varchar(20) PRIMARY KEY, v text);
CREATE TABLE un_loose (id int PRIMARY KEY);
INSERT INTO un SELECT g, 'v' || g FROM generate_series(1, 5) g;
INSERT INTO un_lines VALUES (1, 'x', '2024-02-29', 'one'), (2, 'y, (z)', '2024-02-29', 'two');
INSERT INTO un_uuid VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'u');
INSERT INTO un_text VALUES ('007', 't');
SELECT cache.attach('un'), cache.attach('un_lines'), cache.attach('un_uuid'), cache.attach('un_text');

-- ----- the types that they get: those of the key, as in a SELECT -----
CREATE FUNCTION types(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE 'PREPARE un_types AS ' || statement;
	SELECT parameter_types::text INTO result FROM pg_prepared_statements WHERE name = 'un_types';
	DEALLOCATE un_types;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT types(s), s FROM unnest(ARRAY[
	'SELECT * FROM un WHERE id = $1',
	'SELECT cache.read(NULL::un, $1)',
	'SELECT * FROM cache.read(NULL::un, $1)',
	'SELECT * FROM cache.read_row(NULL::un, $1)',
	'SELECT * FROM cache.lookup(NULL::un, $1)',
	'SELECT * FROM cache.explain(NULL::un, $1)',
	'SELECT cache.remove(NULL::un, $1)',
	'SELECT cache.invalidate(NULL::un, $1)',
	'SELECT cache.increment(NULL::un, $1, $2, $3)',
	'SELECT * FROM un_lines WHERE (a, b, c) = ($1, $2, $3)',
	'SELECT cache.read(NULL::un_lines, $1, $2, $3)',
	'SELECT cache.read(NULL::un_lines, 1, $1, $2)',
	'SELECT cache.read(NULL::un_lines, $1, ''x'', $2)',
	'SELECT cache.read(NULL::un_lines, $1::int, $2, $3)',
	'SELECT cache.read(NULL::un_lines, $3, $1, $2)',
	'SELECT * FROM un_uuid WHERE id = $1',
	'SELECT cache.read(NULL::un_uuid, $1)',
	'SELECT * FROM un_text WHERE id = $1',
	'SELECT cache.read(NULL::un_text, $1)',
	'SELECT * FROM un WHERE id = ANY ($1)',
	'SELECT cache.read_many(NULL::un, $1)',
	'SELECT cache.read_many(NULL::un_text, $1)',
	'SELECT cache.read_many(NULL::un_lines, $1)',
	'SELECT cache.read_many(row_type => NULL::un, keys => $1)'
]) s;
-- anywhere in a statement, and more than once
SELECT types(s), s FROM unnest(ARRAY[
	'WITH r AS (SELECT * FROM cache.read(NULL::un, $1)) SELECT * FROM r WHERE v = $2',
	'SELECT (SELECT v FROM cache.read(NULL::un, $1) LIMIT 1), concat($1, ''x'')',
	'SELECT cache.read(NULL::un, $1), cache.read(NULL::un, $1)',
	'SELECT cache.read(NULL::un, $1), $1',
	'SELECT cache.read(NULL::un, $1) UNION ALL SELECT cache.read(NULL::un, $2)',
	'SELECT * FROM un u, LATERAL cache.read(NULL::un, $1) r WHERE u.id = r.id',
	'INSERT INTO un_text SELECT r.id, r.v FROM cache.read(NULL::un, $1) r',
	'UPDATE un SET v = (SELECT r.v FROM cache.read(NULL::un, $1) r) WHERE id = $2',
	'DELETE FROM un WHERE cache.remove(NULL::un_text, $1)',
	'SELECT cache.read(NULL::un, $1) FROM un WHERE id = $1',
	'SELECT * FROM un WHERE id = $1 AND cache.read(NULL::un, $1) IS NOT NULL',
	'SELECT cache.read(NULL::un, $1), cache.read(NULL::un_lines, $1, $2, $3)',
	'SELECT cache.read(NULL::un, $1::int), $2::text, $3::int'
]) s;
-- not ours to say
SELECT types(s), s FROM unnest(ARRAY[
	'SELECT concat($1)',
	'SELECT cache.read(NULL::un, $1), concat($2)',
	'SELECT cache.read($1, $2)',
	'SELECT cache.read(NULL::un, VARIADIC $1)',
	'SELECT cache.read(NULL::un, VARIADIC $1::int[])',
	'SELECT cache.read(NULL::un, coalesce($1, $2))'
]) s;
-- what is wrong is said when it is called
SELECT types(s), s FROM unnest(ARRAY[
	'SELECT cache.read(NULL::un_loose, $1)',
	'SELECT cache.read(NULL::un, $1, $2)',
	'SELECT cache.read(''un'', $1)',
	'SELECT cache.read_many(NULL::un_loose, $1)'
]) s;
PREPARE wrong AS SELECT cache.read(NULL::un_loose, $1);
EXECUTE wrong(1);
DEALLOCATE wrong;
PREPARE wrong AS SELECT cache.read(NULL::un, $1, $2);
EXECUTE wrong(1, 2);
DEALLOCATE wrong;
PREPARE wrong AS SELECT cache.read('un', $1);
EXECUTE wrong(1);
DEALLOCATE wrong;

-- ----- and what they do -----
PREPARE un_read AS SELECT * FROM cache.read(NULL::un, $1);
EXECUTE un_read('2');
EXECUTE un_read(3);
EXECUTE un_read('99');
EXECUTE un_read(NULL);
EXECUTE un_read('two');
PREPARE un_read_lines AS SELECT * FROM cache.read(NULL::un_lines, $1, $2, $3);
EXECUTE un_read_lines('1', 'x', '2024-02-29');
PREPARE un_read_uuid AS SELECT * FROM cache.read(NULL::un_uuid, $1);
EXECUTE un_read_uuid('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11');
PREPARE un_read_text AS SELECT * FROM cache.read(NULL::un_text, $1);
EXECUTE un_read_text('007');
EXECUTE un_read_text('longer than varchar(20) has room for');
PREPARE un_read_many AS SELECT * FROM cache.read_many(NULL::un, $1);
EXECUTE un_read_many('{1,NULL,"4",9}');
EXECUTE un_read_many(ARRAY[5, 2]);
PREPARE un_read_many_lines AS SELECT * FROM cache.read_many(NULL::un_lines, $1);
EXECUTE un_read_many_lines('{"(2,\"y, (z)\",2024-02-29)","(1,x,2024-02-29)","(1,,2024-02-29)"}');
PREPARE un_explain AS SELECT outcome FROM cache.explain(NULL::un, $1);
EXECUTE un_explain('2');
PREPARE un_increment AS SELECT cache.increment(NULL::un, $1, $2, $3);
EXECUTE un_increment('n', '5', '2');
PREPARE un_invalidate AS SELECT cache.invalidate(NULL::un, $1);
EXECUTE un_read('4');
EXECUTE un_invalidate('4');
EXECUTE un_explain('4');
PREPARE un_lookup AS SELECT * FROM cache.lookup(NULL::un, $1);
EXECUTE un_lookup('4');
EXECUTE un_lookup('3');
PREPARE un_remove AS SELECT cache.remove(NULL::un, $1);
EXECUTE un_remove('5');
EXECUTE un_remove('5');
-- other statements that are analyzed with a query in them
PREPARE un_declare AS SELECT v FROM cache.read(NULL::un, $1);
EXPLAIN (COSTS OFF) EXECUTE un_declare('2');
CREATE TABLE un_made AS EXECUTE un_declare('2');
TABLE un_made;
-- the type of the key changes: the parameter keeps its own, as in a SELECT
PREPARE un_select AS SELECT * FROM un WHERE id = $1;
ALTER TABLE un ALTER id TYPE bigint;
SELECT name, parameter_types FROM pg_prepared_statements WHERE name IN ('un_read', 'un_select') ORDER BY 1;
DEALLOCATE un_read;
PREPARE un_read AS SELECT * FROM cache.read(NULL::un, $1);
EXECUTE un_read('2');
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'un_read';

-- where the table cannot be asked for a key that only it could tell
CREATE FUNCTION un_load(bigint) RETURNS un LANGUAGE sql STABLE AS 'SELECT $1, ''loaded'', 0';
SELECT cache.attach('un', loader => 'un_load');
SELECT v FROM cache.read(NULL::un, 77.0);
SELECT v FROM cache.read(NULL::un, 77::float8);
SELECT cache.attach('un', 'write_back', merge => '{"n": "add"}');
SELECT cache.write(ROW(88, 'new', 0)::un);
SELECT v FROM cache.read(NULL::un, 88.0);
SELECT v FROM cache.read(NULL::un, 88::float8);
SELECT cache.increment(NULL::un, 'n', 1, '88');
SELECT cache.flush('un');

-- ----- literals, which are as untyped -----
SELECT * FROM cache.read_many(NULL::un, '{1,3}');
SELECT * FROM cache.read_many(NULL::un, '{a}');
SELECT * FROM cache.read_many(NULL::un, '1');
SELECT * FROM cache.read_many(NULL::un, '{}');
SELECT * FROM cache.read_many(NULL::un, NULL);
SELECT * FROM cache.read_many(NULL::un_lines, '{"(1,x,2024-02-29)"}');

-- ----- every function, called as a driver would: no types, and all values as text -----
CREATE ROLE regress_un;
CREATE TABLE un_all (id int PRIMARY KEY, v text, n int DEFAULT 0);
INSERT INTO un_all SELECT g, 'v' || g FROM generate_series(1, 5) g;
CREATE TABLE un_back (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
SELECT cache.attach('un_back', 'write_back', merge => '{"n": "add"}');
CREATE FUNCTION call(statement text, VARIADIC args text[] = '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	types text;
	result text;
BEGIN
	EXECUTE 'PREPARE un_call AS SELECT ' || statement;
	SELECT parameter_types::text INTO types FROM pg_prepared_statements WHERE name = 'un_call';
	EXECUTE 'EXECUTE un_call(' || (SELECT string_agg(quote_nullable(a), ', ') FROM unnest(args) a) || ')' INTO result;
	DEALLOCATE un_call;
	RETURN types || ' ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	DEALLOCATE ALL;
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE TABLE un_calls (n serial, statement text, args text[]);
INSERT INTO un_calls (statement, args) VALUES
	('cache.attach($1, $2)', '{un_all,read_through}'),
	('cache.attach($1, $2, ttl => $3, ttl_jitter => $4, negative_ttl => $5, max_memory => $6, refresh_ahead => $7)', '{un_all,read_through,1 hour,0.1,1 min,1MB,0.5}'),
	('cache.attach($1, $2, loader => $3)', '{un_all,read_through,un_load_all}'),
	('cache.attach($1, $2, durable => $3, flush_interval => $4, flush_batch => $5, merge => $6)', '{un_back,write_back,false,1 s,100,"{\"n\": \"add\"}"}'),
	('cache.track($1)', '{un_all}'),
	('(cache.advise($1)).table', '{un_all}'),
	('(cache.tracking($1)).state', '{un_all}'),
	('cache.track($1, $2)', '{un_all,true}'),
	('(cache.remember_depends($1, $2)).value', '{SELECT n FROM un_all WHERE id = $1,"{1}"}'),
	('(cache.watched_columns($1)).column_name', '{un_all}'),
	('cache.untrack($1)', '{un_all}'),
	('cache.track_schema($1) >= 0', '{public}'),
	('cache.track_schema($1, $2) >= 0', '{public,false}'),
	('cache.untrack_schema($1) >= 0', '{public}'),
	('cache.track($1)', '{un_all}'),
	('cache.untrack($1)', '{un_all}'),
	('cache.read(NULL::un_all, $1)', '{1}'),
	('cache.read_row(NULL::un_all, $1)', '{1}'),
	('cache.read_many(NULL::un_all, $1)', '{"{2,1}"}'),
	('cache.attach($1)', '{un_all}'),
	('cache.lookup(NULL::un_all, $1)', '{3}'),
	('cache.fill($1::un_all)', '{"(3,v3,0)"}'),
	('cache.warm($1, $2)', '{un_all,10}'),
	('(cache.verify($1)).mismatched', '{un_all}'),
	('(cache.explain(NULL::un_all, $1)).outcome', '{3}'),
	('cache.write($1::un_all)', '{"(6,v6,1)"}'),
	('cache.increment(NULL::un_all, $1, $2, $3)', '{n,2,6}'),
	('cache.remove(NULL::un_all, $1)', '{6}'),
	('cache.invalidate($1)', '{un_all}'),
	('cache.invalidate(NULL::un_all, $1)', '{3}'),
	('count(*) FROM cache.scan(NULL::un_all) WHERE id > $1', '{1}'),
	('cache.flush($1)', '{un_back}'),
	('cache.requeue($1, $2)', '{un_back,1}'),
	('cache.discard($1, $2)', '{un_back,1}'),
	('cache.dead_letter_count($1)', '{0}'),
	('cache.set($1, $2)', '{k,v}'),
	('cache.set($1, $2, $3)', '{k,v,60}'),
	('cache.set($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', '{k,v,1 hour,false,false,false,"{a,b}",NULL,false,true}'),
	('cache.set($1, $2, ttl => $3, tags => $4)', '{k,v,1 hour,"{a}"}'),
	('cache.set_jsonb($1, $2, $3)', '{j,"{\"a\": 1}",60}'),
	('cache.set_bytea($1, $2, $3)', '{b,"\\x00ff",60}'),
	('cache.add($1, $2, $3, $4, $5, $6, $7)', '{new,5,60,"{a}",NULL,false,false}'),
	('cache.add_jsonb($1, $2)', '{newj,5}'),
	('cache.add_bytea($1, $2)', '{newb,5}'),
	('cache.replace($1, $2, $3, $4)', '{new,6,60,"{a}"}'),
	('cache.replace_jsonb($1, $2)', '{newj,6}'),
	('cache.replace_bytea($1, $2)', '{newb,6}'),
	('cache.set_many($1, $2)', '{"{x,y}","{1,2}"}'),
	('cache.set_many($1, $2, $3, $4)', '{"{x,y}","{1,2}",60,"{a}"}'),
	('cache.set_many_jsonb($1, $2)', '{"{xj}","{1}"}'),
	('cache.set_many_bytea($1, $2)', '{"{xb}","{1}"}'),
	('cache.get($1)', '{k}'),
	('cache.get($1, $2)', '{k,NULL}'),
	('cache.get_jsonb($1)', '{j}'),
	('cache.get_bytea($1)', '{b}'),
	('cache.get_many($1)', '{"{k}"}'),
	('cache.get_many_jsonb($1)', '{"{j}"}'),
	('cache.get_many_bytea($1)', '{"{b}"}'),
	('cache.exists($1)', '{k}'),
	('cache.ttl($1) > $2', '{k,50 min}'),
	('cache.ttl_ms($1) > $2', '{k,3000000}'),
	('cache.keys($1, $2, $3, $4)', '{k,"",10,NULL}'),
	('(cache.scan_keys($1, $2, $3, $4)).keys', '{0,k,100000,NULL}'),
	('cache.compare_and_set($1, $2, $3)', '{k,v,w}'),
	('cache.compare_and_set($1, $2, $3, $4)', '{k,w,x,60}'),
	('cache.compare_and_set_jsonb($1, $2, $3)', '{j,"{\"a\":1}","[]"}'),
	('cache.compare_and_set_bytea($1, $2, $3)', '{b,"\\x00FF","\\x01"}'),
	('cache.incr($1)', '{c}'),
	('cache.incr($1, $2)', '{c,5}'),
	('cache.incr($1, $2, $3, $4, $5)', '{c,-2,60,NULL,false}'),
	('cache.incr_numeric($1, $2)', '{f,0.5}'),
	('cache.incr_numeric($1, $2, $3)', '{f,1,60}'),
	('cache.expire($1, $2)', '{k,60}'),
	('cache.touch($1)', '{k}'),
	('cache.persist($1)', '{k}'),
	('cache.delete($1)', '{k}'),
	('cache.delete_many($1)', '{"{x,y}"}'),
	('cache.get_and_delete($1)', '{c}'),
	('cache.get_and_delete_jsonb($1)', '{j}'),
	('cache.get_and_delete_bytea($1)', '{b}'),
	('cache.invalidate_tag($1)', '{a}'),
	('cache.delete_prefix($1)', '{""}'),
	('cache.create_space($1, $2, $3, $4)', '{un_space,60,1MB,NULL}'),
	('cache.alter_space($1, $2, $3)', '{un_space,1 hour,2MB}'),
	('cache.grant_space($1, $2, $3, $4)', '{un_space,regress_un,true,false}'),
	('cache.revoke_space($1, $2)', '{un_space,regress_un}'),
	('cache.drop_space($1, $2)', '{un_space,false}'),
	('cache.remember($1, $2, $3)', '{r,60,SELECT 1 AS one}'),
	('cache.remember($1, $2, $3, $4)', '{r2,1 hour,SELECT $1::int + 1 AS n,"{41}"}'),
	('cache.remember($1, $2, $3, params => $4, grace => $5, tags => $6, reads => $7)', '{r3,1 hour,SELECT $1::int + 1 AS n,"{41}",10,"{a}","{}"}'),
	('cache.remember(NULL::un_all, $1, $2, $3)', '{r4,60,SELECT * FROM un_all WHERE id = 1}'),
	('cache.remember(NULL::un_all, $1, $2, $3, $4)', '{r5,60,SELECT * FROM un_all WHERE id = $1,"{2}"}'),
	('cache.forget($1)', '{r}'),
	('(cache.explain_result($1)).eligible', '{SELECT 1}'),
	('cache.declare_query($1, $2) > 0', '{SELECT id FROM un_all, 1 hour}'),
	('cache.undeclare_query($1)', '{SELECT id FROM un_all}'),
	('cache.declared_problem($1) IS NULL', '{0}'),
	('cache.repair($1)', '{un_all}'),
	('cache.binding_problem($1) IS NULL', '{un_all}'),
	('cache.detach($1, $2)', '{un_all,false}');
CREATE FUNCTION un_load_all(int) RETURNS un_all LANGUAGE sql STABLE AS 'SELECT r FROM public.un_all r WHERE id = $1';
\pset format unaligned
\pset tuples_only on
SELECT format('SELECT %L, call(%1$L, VARIADIC %L)', statement, args) FROM un_calls ORDER BY n \gexec
\pset tuples_only off
\pset format aligned
-- is one missing?
SELECT p.oid::regprocedure FROM pg_proc p
WHERE pronamespace = 'cache'::regnamespace AND pronargs > 0 AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
	AND NOT EXISTS (SELECT FROM un_calls WHERE statement LIKE '%cache.' || proname || '(%');
SELECT cache.detach('un_back');
DROP TABLE un_all, un_back, un_calls CASCADE;
DROP FUNCTION call(text, text[]);
DROP ROLE regress_un;
DEALLOCATE ALL;
DROP FUNCTION un_load(bigint);
DROP TABLE un, un_lines, un_uuid, un_text, un_loose, un_made;
DROP FUNCTION types(text);
