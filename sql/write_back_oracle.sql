--
-- write_back: random statements against a table that defers and one that is not
-- attached say the same, return the same rows, and leave the same rows
--
CREATE TABLE attached_o (id int PRIMARY KEY, n int, top int, r text, k text, f float8, num numeric(12, 2));
CREATE TABLE plain_o (LIKE attached_o INCLUDING ALL);
INSERT INTO plain_o SELECT i, 0, 0, 'r', 'k', 0, 0 FROM generate_series(1, 6) i;
INSERT INTO attached_o SELECT * FROM plain_o;
SELECT cache.attach('attached_o', 'write_back', flush_interval => '1 day', durable => false,
	merge => '{"n": "add", "top": "replace", "r": "replace", "f": "add", "num": "add"}');

CREATE FUNCTION one_of(VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT $1[1 + floor(random() * cardinality($1))::int] $$;
-- x is the table's row
CREATE FUNCTION any_set() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
BEGIN
	IF random() < 0.5 THEN result := result || ', n = ' || one_of('x.n + 1', 'x.n * 2 - 3', '4', 'x.n - x.id', 'NULL', 'coalesce(x.n, 0) + coalesce(x.top, 0)'); END IF;
	IF random() < 0.3 THEN result := result || ', top = ' || one_of('x.n', 'coalesce(x.top, 0) + 1', '7', 'NULL'); END IF;
	IF random() < 0.3 THEN result := result || ', r = ' || one_of('left(x.r || x.n, 9)', '''s''', 'left(md5(x.r), 4)'); END IF;
	IF random() < 0.3 THEN result := result || ', f = ' || one_of('x.f + 0.5', '3', 'x.f * 2'); END IF;
	IF random() < 0.3 THEN result := result || ', num = ' || one_of('x.num + 1.25', '3', 'x.num / 3'); END IF;
	IF result = '' OR random() < 0.3 THEN result := result || ', k = ' || one_of('left(x.k || coalesce(x.n, 0), 9)', '''d'''); END IF;
	RETURN substr(result, 3);
END $$;
CREATE FUNCTION any_statement() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	returning_list text := one_of('', '', ' RETURNING id', ' RETURNING n', ' RETURNING *', ' RETURNING r, top');
	kind float8 := random();
BEGIN
	IF kind < 0.4 THEN
		RETURN 'UPDATE %1$I x SET ' || any_set() || ' WHERE ' || one_of('id = 1', 'id <= 3', 'id IN (2, 5)', 'id > 4', 'true') || returning_list;
	ELSIF kind < 0.65 THEN
		RETURN format('INSERT INTO %%1$I AS x VALUES (%s, %s, 1, ''i'', ''i'', 1, 1) ON CONFLICT (id) DO UPDATE SET ', 1 + floor(random() * 8)::int, floor(random() * 6)::int - 3)
			|| any_set() || one_of('', '', ' WHERE x.n > 0', ' WHERE x.r <> ''r''', ' WHERE excluded.n < x.n') || returning_list;
	ELSIF kind < 0.9 THEN
		RETURN 'MERGE INTO %1$I x USING generate_series(' || one_of('1, 3', '4, 8', '1, 8') || ') i ON x.id = i WHEN MATCHED AND '
			|| one_of('x.n > 0', 'x.r = ''s''', 'x.k = ''k''', 'x.top IS NULL', 'true') || ' THEN ' || one_of('DELETE', 'DO NOTHING', 'UPDATE SET ' || any_set())
			|| one_of('', ' WHEN MATCHED THEN UPDATE SET ' || any_set()) || ' WHEN NOT MATCHED THEN INSERT VALUES (i, i, i, ''m'', ''m'', 0, 0)';
	ELSE
		RETURN 'DELETE FROM %1$I x WHERE id = ' || one_of('1', '3', '5') || returning_list;
	END IF;
END $$;
CREATE FUNCTION answer(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text[] := '{}';
	returned record;
	rows bigint;
BEGIN
	IF statement !~ 'RETURNING' THEN
		EXECUTE statement;
		GET DIAGNOSTICS rows = ROW_COUNT;
		RETURN rows;
	END IF;
	FOR returned IN EXECUTE statement LOOP result := result || returned::text; END LOOP;
	RETURN (SELECT string_agg(r, ' ' ORDER BY r) FROM unnest(result) r);
EXCEPTION WHEN numeric_value_out_of_range OR not_null_violation THEN
	RETURN SQLSTATE;
END $$;
CREATE PROCEDURE compare(statements int) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
	mine text;
	plain text;
BEGIN
	FOR i IN 1 .. statements LOOP
		statement := any_statement();
		mine := answer(format(statement, 'attached_o'));
		plain := answer(format(statement, 'plain_o'));
		IF mine IS DISTINCT FROM plain OR
			EXISTS (SELECT * FROM cache.scan(NULL::attached_o) EXCEPT SELECT * FROM plain_o) OR
			EXISTS (SELECT * FROM plain_o EXCEPT SELECT * FROM cache.scan(NULL::attached_o)) THEN
			RAISE EXCEPTION 'after %: % and not %', statement, mine, plain;
		END IF;
		CASE one_of('commit', 'commit', 'rollback', 'flush', 'go on', 'go on')
			WHEN 'commit' THEN COMMIT;
			WHEN 'rollback' THEN ROLLBACK;
			WHEN 'flush' THEN COMMIT; PERFORM cache.flush('attached_o'); COMMIT;
			ELSE NULL;
		END CASE;
	END LOOP;
END $$;
CALL compare(600);
SELECT cache.flush('attached_o') >= 0 AS flushed;
SELECT * FROM attached_o EXCEPT SELECT * FROM plain_o;

SELECT cache.detach('attached_o');
DROP TABLE attached_o, plain_o;
DROP PROCEDURE compare(int);
DROP FUNCTION answer(text), any_statement(), any_set(), one_of(text[]);
