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

DEALLOCATE ALL;
DROP FUNCTION un_load(bigint);
DROP TABLE un, un_lines, un_uuid, un_text, un_loose, un_made;
DROP FUNCTION types(text);
