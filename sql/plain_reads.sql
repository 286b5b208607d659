--
-- Plain SELECTs by key of attached tables, answered from the cache.
--
CREATE TABLE pr_t (id int PRIMARY KEY, a int, b text, "C c" numeric);
INSERT INTO pr_t SELECT i, i % 7, 'row ' || i, i / 4.0 FROM generate_series(1, 3000) i;
CREATE TABLE pr_o (n int, t_id bigint, t_ids int[]);
INSERT INTO pr_o SELECT i, i * 100, ARRAY[i, i + 1, NULL, i, -i] FROM generate_series(1, 40) i;
CREATE TABLE pr_k (a text COLLATE "C", b bigint, c date, v int, PRIMARY KEY (b, a, c));
INSERT INTO pr_k SELECT 'k' || i % 10, i, date '2026-01-01' + i % 3, i FROM generate_series(1, 3000) i;
ANALYZE pr_t, pr_o, pr_k;
-- what the session knows of a table that is not attached does not last
SELECT b FROM pr_t WHERE id = 5;
SELECT cache.attach('pr_t', 'read_through', plain_reads => true), cache.attach('pr_k', 'cache_aside');
SET cache_strategies.plain_reads = on;

\getenv source PG_ABS_SRCDIR
\set plain_reads :source '/sql/include/plain_reads.sql'
\i :plain_reads
SELECT cache.attach('pr_t', 'read_through');

-- ----- forms -----
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT plain('SELECT * FROM pr_t WHERE id = 5000');
EXPLAIN (VERBOSE, COSTS OFF) SELECT x.b, upper(b) FROM pr_t x WHERE 5 = x.id AND a > 1 LIMIT 1;
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT * FROM pr_t WHERE id = 5',
	'SELECT * FROM pr_t WHERE id = 5000',
	'SELECT * FROM pr_t WHERE id = NULL',
	'SELECT * FROM pr_t WHERE 6 = id',
	'SELECT "x"."C c" FROM "pr_t" AS "x" WHERE ("x"."id" = 5 AND 1=1) LIMIT 1 OFFSET 0',
	'SELECT b FROM pr_t WHERE id = 5 LIMIT 21',
	'SELECT b FROM pr_t WHERE id = 5 OFFSET 1',
	'SELECT b FROM pr_t WHERE id = 5 AND a = 5',
	'SELECT b FROM pr_t WHERE id = 5 AND a = 4',
	'SELECT b FROM pr_t WHERE id = 5 AND id < 3',
	'SELECT b FROM pr_t WHERE id = 5 OR id = 6',
	'SELECT count(*) FROM pr_t WHERE id = 5',
	'SELECT 1 FROM pr_t WHERE id = 5',
	'SELECT x FROM pr_t x WHERE id = 5',
	'SELECT x, x.b, x IS NULL FROM pr_t x WHERE id = 7',
	'SELECT max(a), b FROM pr_t WHERE id = 5 GROUP BY b ORDER BY b',
	'SELECT b FROM pr_t WHERE id = 5::bigint',
	'SELECT b FROM pr_t WHERE id = 5::smallint',
	'SELECT b FROM pr_t WHERE id = 3000000000',
	'SELECT b FROM pr_t WHERE id = (-3000000000)::bigint',
	'SELECT b FROM pr_t WHERE id = 4294967301',
	'SELECT b FROM pr_t WHERE id = 5.0',
	'SELECT b FROM pr_t WHERE id = 5::float8',
	'SELECT b FROM pr_t WHERE id = ''5''',
	'SELECT b FROM pr_t WHERE id = (SELECT 5)',
	'SELECT b FROM pr_t WHERE id = (SELECT max(n) FROM pr_o)',
	'SELECT b FROM pr_t WHERE id = length(current_user) - length(current_user) + 8',
	'SELECT b FROM pr_t WHERE id = a',
	'SELECT b FROM pr_t WHERE id + 0 = 5',
	'SELECT b FROM pr_t WHERE id = 5 UNION ALL SELECT b FROM pr_t WHERE id = 6',
	'SELECT * FROM (SELECT b, id FROM pr_t OFFSET 0) s WHERE id = 5',
	'SELECT * FROM (SELECT * FROM pr_t WHERE id = 9 LIMIT 1) s WHERE a = 2',
	'WITH w AS MATERIALIZED (SELECT * FROM pr_t WHERE id = 9) SELECT * FROM w, w v',
	'SELECT EXISTS (SELECT FROM pr_t WHERE id = 9), NOT EXISTS (SELECT FROM pr_t WHERE id = -9)',
	'WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT t.id + 1 FROM r JOIN pr_t t ON t.id = r.i WHERE r.i < 5) SELECT * FROM r']) q;
-- volatile values, system columns that change, and samples
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT count(*) < 2 FROM pr_t WHERE id = 5 + (random() * 0)::int',
	'SELECT ctid, tableoid::regclass, xmin = xmin, b FROM pr_t WHERE id = 5',
	'SELECT b FROM pr_t WHERE id = 5 AND ctid = ''(0,5)''',
	'SELECT b FROM pr_t WHERE id = 5 AND xmin::text::bigint > 0',
	'SELECT xmax FROM pr_t WHERE id = 5',
	'SELECT b FROM pr_t WHERE id = 5 AND xmax = 0::text::xid',
	'SELECT pg_column_size(b) FROM pr_t WHERE id = 5',
	'SELECT b FROM pr_t WHERE id = 5 AND pg_column_compression(b) IS NULL',
	'SELECT sum(pg_column_size(s.b)) FROM (SELECT * FROM pr_t WHERE id = 5 OFFSET 0) s',
	'SELECT (SELECT pg_column_size(t.b) FROM (SELECT b FROM pr_t WHERE id = n OFFSET 0) t) FROM pr_o WHERE n = 5',
	'SELECT cmin, cmax FROM pr_t WHERE id = 5',
	'SELECT b FROM pr_t TABLESAMPLE system (100) WHERE id = 5',
	'SELECT b FROM ONLY pr_t WHERE id = 5']) q;

-- ----- lists -----
SELECT plain('SELECT * FROM pr_t WHERE id IN (20, 21, 20, 5000)');
SELECT plain('SELECT * FROM pr_t WHERE id IN (20, 21, 20, 22)');
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT id FROM pr_t WHERE id IN (3, 1, 2)',
	'SELECT id FROM pr_t WHERE id IN (3)',
	'SELECT id FROM pr_t WHERE id = ANY (''{9,9,NULL,7,-1,8}'')',
	'SELECT id FROM pr_t WHERE id = ANY (''{}'')',
	'SELECT id FROM pr_t WHERE id = ANY (NULL::int[])',
	'SELECT id FROM pr_t WHERE id = ANY (ARRAY[5, 4294967303, 6])',
	'SELECT id FROM pr_t WHERE id = ANY (''{5,6}''::smallint[]) AND a = 5',
	'SELECT id FROM pr_t WHERE id = ANY (''{{5,6},{7,8}}'')',
	'SELECT id FROM pr_t WHERE id IN (1, 2) AND id IN (2, 3)',
	'SELECT id FROM pr_t WHERE id IN (1, 2) AND id = 2',
	'SELECT id FROM pr_t WHERE id <> ALL (''{1,2}'') AND id < 5',
	'SELECT n, t.b FROM pr_o, LATERAL (SELECT * FROM pr_t WHERE id = ANY (t_ids) LIMIT 2) t WHERE n < 4',
	'SELECT n, (SELECT count(*) FROM pr_t WHERE id = ANY (t_ids)) FROM pr_o WHERE n < 4',
	'SELECT id FROM pr_t WHERE id IN (SELECT unnest(ARRAY[4, 4, 6]))',
	'SELECT id FROM pr_t WHERE id = ANY (ARRAY(SELECT n FROM pr_o WHERE n < 4))']) q;
-- as from the index they come in its order
SELECT id FROM pr_t WHERE id IN (30, 10, 20, 10);

-- ----- keys of several columns, and of other types -----
SELECT plain('SELECT v FROM pr_k WHERE a = ''k5'' AND b = 5 AND c = ''2026-01-03''');
SELECT plain('SELECT v FROM pr_k WHERE (a, b, c) = (''k5'', 5, ''2026-01-03'')');
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT v FROM pr_k WHERE a = ''k5'' AND b = 5 AND c = ''2026-01-03''',
	'SELECT v FROM pr_k WHERE a = ''k6'' AND b = 5 AND c = ''2026-01-03''',
	'SELECT v FROM pr_k WHERE a = ''k5'' AND b = 5',
	'SELECT v FROM pr_k WHERE a = ''k5'' AND b = 5::smallint AND c = ''2026-01-03''',
	'SELECT v FROM pr_k WHERE a = ''k5'' COLLATE "POSIX" AND b = 5 AND c = ''2026-01-03''',
	'SELECT v FROM pr_k WHERE a = ''k5'' AND b = 5 AND c = timestamp ''2026-01-03''',
	'SELECT v FROM pr_k WHERE a = ''k5'' AND b IN (5, 6) AND c = ''2026-01-03''',
	'SELECT n, v FROM pr_o, pr_k WHERE a = ''k'' || n % 10 AND b = n AND c = date ''2026-01-01'' + n % 3 AND n < 5',
	'SELECT x.n, y.n, v FROM pr_o x, pr_o y, pr_k WHERE a = ''k5'' AND b = x.n AND c = date ''2026-01-01'' + y.n AND x.n < 7 AND y.n < 3']) q;
CREATE TABLE pr_types (i2 smallint, i8 bigint, t text, v varchar(9), p char(5), n numeric, nm name, u uuid, ts timestamptz, ci text COLLATE "und-x-icu", d int[]);
CREATE FUNCTION typed(key text, VARIADIC queries text[]) RETURNS TABLE (query text, result text) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE pr_y AS SELECT * FROM pr_types, generate_series(1, 300) x', key);
	EXECUTE format('UPDATE pr_y SET %I = %s', key, CASE key
		WHEN 'p' THEN 'x::text' WHEN 'v' THEN 'x::text' WHEN 't' THEN 'x::text' WHEN 'nm' THEN 'x::text::name' WHEN 'ci' THEN 'x::text'
		WHEN 'u' THEN 'lpad(x::text, 32, ''0'')::uuid' WHEN 'ts' THEN 'timestamptz ''2026-01-01 00:00+00'' + x * interval ''1 hour'''
		WHEN 'd' THEN 'ARRAY[x, -x]' ELSE 'x' END);
	EXECUTE format('ALTER TABLE pr_y ADD PRIMARY KEY (%I)', key);
	ANALYZE pr_y;
	PERFORM cache.attach('pr_y', 'read_through');
	FOREACH query IN ARRAY queries LOOP
		result := same('SELECT x FROM pr_y WHERE ' || query);
		RETURN NEXT;
	END LOOP;
	DROP TABLE pr_y;
END $$;
INSERT INTO pr_types DEFAULT VALUES;
SELECT * FROM typed('i2', 'i2 = 5', 'i2 = 5::smallint', 'i2 = 70000', 'i2 IN (5, 70000)', 'i2 = 5::bigint');
SELECT * FROM typed('i8', 'i8 = 5', 'i8 = 5::smallint', 'i8 IN (5, 6)', 'i8 = ANY (''{5}''::smallint[])');
SELECT * FROM typed('t', 't = ''5''', 't = ''5''::varchar', 't = ''5''::name', 't IN (''5'', ''6'')', 't = ''5 ''', 't = ''5''::char(4)', 't LIKE ''5''');
SELECT * FROM typed('v', 'v = ''5''', 'v = ''5''::text', 'v IN (''5'', ''6'')', 'v = ''5''::varchar(2)');
SELECT * FROM typed('p', 'p = ''5''', 'p = ''5  ''', 'p = ''5''::text', 'p IN (''5'', ''6 '')', 'p = ''5''::char(9)');
SELECT * FROM typed('n', 'n = 5', 'n = 5.00', 'n IN (5, 6.0)', 'n = ''NaN''');
SELECT * FROM typed('nm', 'nm = ''5''', 'nm = ''5''::text');
SELECT * FROM typed('u', 'u = ''00000000-0000-0000-0000-000000000005''', 'u IN (''00000000-0000-0000-0000-000000000005'')');
SELECT * FROM typed('ts', 'ts = ''2026-01-01 05:00+00''', 'ts = ''2026-01-01 08:00+03''', 'ts = timestamp ''2026-01-01 05:00''');
SELECT * FROM typed('d', 'd = ''{5,-5}''', 'd IN (''{5,-5}'', ''{6}'')');
DROP FUNCTION typed;
CREATE TYPE pr_c AS (a int, b text);
CREATE TABLE pr_y (k pr_c PRIMARY KEY, x int);
INSERT INTO pr_y SELECT ROW(i, 'a')::pr_c, i FROM generate_series(1, 3000) i;
ANALYZE pr_y;
SELECT cache.attach('pr_y', 'read_through');
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT x FROM pr_y WHERE k = ROW(5, ''a'')::pr_c',
	'SELECT x FROM pr_y WHERE k = ''(5,a)''::pr_c',
	'SELECT x FROM pr_y WHERE k = ROW(5, ''a''::text)',
	'SELECT x FROM pr_y WHERE k = ROW(5, ''a'')']) q;
TRUNCATE pr_y;
SELECT same('SELECT x FROM pr_y WHERE k = ROW(5, ''a'')');
DROP TABLE pr_y;
DROP TYPE pr_c;
DROP TABLE pr_types;

-- ----- joins -----
SELECT plain('SELECT n, b FROM pr_o JOIN pr_t ON id = t_id WHERE n IN (1, 2)');
SELECT plain('SELECT n, b FROM pr_o LEFT JOIN pr_t ON id = t_id AND a > 3 WHERE n > 38');
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT n, b FROM pr_o JOIN pr_t ON id = t_id',
	'SELECT n, b FROM pr_o JOIN pr_t ON id = t_id WHERE n = 3 AND a > 1',
	'SELECT n, b FROM pr_o LEFT JOIN pr_t ON id = t_id AND a > 3 WHERE n > 37',
	'SELECT n, b FROM pr_t RIGHT JOIN pr_o ON id = n * 1000 WHERE n < 6',
	'SELECT n FROM pr_o WHERE EXISTS (SELECT FROM pr_t WHERE id = t_id AND a = 1)',
	'SELECT n FROM pr_o WHERE NOT EXISTS (SELECT FROM pr_t WHERE id = t_id)',
	'SELECT n, (SELECT b FROM pr_t WHERE id = n + 1) FROM pr_o WHERE n < 5',
	'SELECT x.id, y.id FROM pr_t x JOIN pr_t y ON y.id = x.id + 1 WHERE x.id = 5',
	'SELECT x.id, y.id, z.b FROM pr_t x, pr_t y, pr_t z WHERE x.id = 5 AND y.id = x.a AND z.id = y.a',
	'SELECT n, b, m FROM pr_o LEFT JOIN (SELECT id, b, coalesce(a, 7) AS m FROM pr_t) t ON t.id = t_id WHERE n > 36',
	'SELECT n, t.b FROM pr_o, LATERAL (SELECT b FROM pr_t WHERE id = t_id OFFSET 0) t WHERE n < 4',
	'SELECT n, t.b FROM pr_o CROSS JOIN LATERAL (SELECT b, n AS m FROM pr_t WHERE id = n) t WHERE n < 4',
	'SELECT o.n, t.b FROM pr_o o LEFT JOIN pr_o p ON p.n = o.n + 1 LEFT JOIN pr_t t ON t.id = p.t_id WHERE o.n IN (28, 29, 30, 40)']) q;
-- whatever the planner chooses
SELECT e, m, h, same('SELECT n, b FROM pr_o LEFT JOIN pr_t ON id = t_id AND a = 1 WHERE n < 25') LIKE '%used%'
FROM unnest('{on,off}'::text[]) e, unnest('{on,off}'::text[]) m, unnest('{on,off}'::text[]) h,
	LATERAL (SELECT set_config('enable_nestloop', e, true), set_config('enable_mergejoin', m, true), set_config('enable_hashjoin', h, true)) s;

-- ----- where it is not used -----
SELECT plain('SELECT * FROM pr_t WHERE id = 5 FOR UPDATE');
SELECT plain('SELECT * FROM pr_t WHERE id = 5 FOR KEY SHARE');
SELECT plain('SELECT * FROM (SELECT * FROM pr_t WHERE id = 5) s FOR UPDATE');
SELECT plain('SELECT * FROM pr_o, pr_t WHERE id = t_id AND n = 1 FOR UPDATE OF pr_o');
BEGIN;
SELECT plain('UPDATE pr_t SET a = 1 WHERE id = 5');
SELECT plain('DELETE FROM pr_t WHERE id = 6');
SELECT plain('UPDATE pr_o SET n = a FROM pr_t WHERE id = t_id AND n = 1');
SELECT plain('DELETE FROM pr_o USING pr_t WHERE id = t_id AND n = 1');
SELECT plain('MERGE INTO pr_o USING (SELECT * FROM pr_t WHERE id = 7) t ON n = t.id WHEN MATCHED THEN DELETE');
ROLLBACK;
-- but in a subquery of these
SELECT plain('UPDATE pr_o SET n = n + (SELECT id FROM pr_t WHERE id = t_id) * 0 WHERE n = 1');
SELECT plain('INSERT INTO pr_o SELECT id, id FROM pr_t WHERE id = 77');
SELECT plain('WITH u AS (UPDATE pr_o SET n = 78 WHERE n = 77 RETURNING n) SELECT b FROM pr_t WHERE id = 77');
DELETE FROM pr_o WHERE n = 78;
COPY (SELECT * FROM pr_t WHERE id = 77) TO STDOUT;
SELECT same('SELECT * FROM pr_t WHERE id = 5');
-- not for tables whose cache is not the table
CREATE FUNCTION pr_load(int) RETURNS pr_t LANGUAGE sql STABLE AS $$ SELECT ROW($1, 0, 'loaded', 0)::pr_t $$;
SELECT cache.attach('pr_t', 'read_through', loader => 'pr_load', plain_reads => true);
SELECT cache.attach('pr_t', 'write_back', plain_reads => true);
SELECT cache.attach('pr_t', 'read_through', loader => 'pr_load');
SELECT same('SELECT * FROM pr_t WHERE id = 5');
SELECT cache.attach('pr_t', 'write_back');
SELECT cache.increment(NULL::pr_t, 'a', 100, 5);
SELECT same('SELECT * FROM pr_t WHERE id = 5');
SELECT cache.attach('pr_t', 'read_through');
DROP FUNCTION pr_load;
SELECT same('SELECT * FROM pr_t WHERE id = 5');

-- ----- settings -----
SELECT cache.attach('pr_t', 'read_through', plain_reads => false);
SELECT same('SELECT * FROM pr_t WHERE id = 5');
SELECT cache.attach('pr_t', 'read_through', plain_reads => true);
SELECT relation, plain_reads FROM cache.bindings ORDER BY relation::text;
SET cache_strategies.plain_reads = off;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT plain('SELECT v FROM pr_k WHERE a = ''k5'' AND b = 5 AND c = ''2026-01-03''');
SELECT cache.attach('pr_t', 'read_through');
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
PREPARE pr AS SELECT b FROM pr_t WHERE id = $1;
SELECT cache.stats_reset();
EXPLAIN (COSTS OFF) EXECUTE pr(5);
SET cache_strategies.plain_reads = on;
SELECT cache.stats_reset();
EXPLAIN (COSTS OFF) EXECUTE pr(5);
SET cache_strategies.enabled = off;
EXECUTE pr(5);
SELECT plain('EXECUTE pr(5)');
RESET cache_strategies.enabled;
SELECT plain('EXECUTE pr(5)');
DISCARD PLANS;
SELECT plain('EXECUTE pr(5)');
DEALLOCATE pr;

-- ----- transactions -----
BEGIN;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
UPDATE pr_t SET b = 'own' WHERE id = 5;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT b FROM pr_t WHERE id = 5;
SAVEPOINT s;
UPDATE pr_t SET b = 'own again' WHERE id = 5;
INSERT INTO pr_t VALUES (5001, 1, 'own', 1);
SELECT id, b FROM pr_t WHERE id IN (5, 5001);
ROLLBACK TO s;
SELECT id, b FROM pr_t WHERE id IN (5, 5001);
DELETE FROM pr_t WHERE id = 5;
SELECT b FROM pr_t WHERE id = 5;
ROLLBACK;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT b FROM pr_t WHERE id = 5;
UPDATE pr_t SET b = 'new' WHERE id = 5;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT b FROM pr_t WHERE id = 5;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT plain('SELECT * FROM pr_t WHERE id = 5');
SELECT b FROM pr_t WHERE id = 5;
COMMIT;
BEGIN;
TRUNCATE pr_o;
WITH w AS (INSERT INTO pr_t VALUES (5002, 1, 'own', 1) RETURNING id) SELECT (SELECT count(*) FROM w), (SELECT b FROM pr_t WHERE id = 5002);
ROLLBACK;
-- of keys that have dead entries in the index
DELETE FROM pr_t WHERE id BETWEEN 200 AND 400;
BEGIN;
UPDATE pr_t SET a = 2 WHERE id = 199;
SELECT cache.stats_reset();
SELECT count(*), sum(id), sum(a) FROM pr_t WHERE id = ANY (ARRAY(SELECT generate_series(150, 500)));
COMMIT;
INSERT INTO pr_t SELECT i, 1, 'again', 1 FROM generate_series(200, 400) i;

-- ----- cursors -----
BEGIN;
DECLARE c CURSOR FOR SELECT id, b FROM pr_t WHERE id IN (10, 11, 9999, 12);
FETCH 2 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ALL FROM c;
FETCH PRIOR FROM c;
MOVE BACKWARD ALL FROM c;
FETCH RELATIVE 2 FROM c;
-- its snapshot is older than what follows
UPDATE pr_t SET b = 'after the cursor' WHERE id = 12;
FETCH NEXT FROM c;
UPDATE pr_t SET b = 'current' WHERE CURRENT OF c;
FETCH PRIOR FROM c;
UPDATE pr_t SET b = 'current' WHERE CURRENT OF c RETURNING id, b;
DELETE FROM pr_t WHERE CURRENT OF c;
SELECT id, b FROM pr_t WHERE id IN (10, 11, 12);
ROLLBACK;
-- of rows that write_through has published
SELECT cache.attach('pr_t', 'write_through');
INSERT INTO pr_t VALUES (5003, 1, 'published', 1);
BEGIN;
SAVEPOINT s;
INSERT INTO pr_t VALUES (5004, 1, 'in a subtransaction', 1);
COMMIT;
SELECT plain('SELECT * FROM pr_t WHERE id = 5003');
SELECT plain('SELECT * FROM pr_t WHERE id = 5004');
SELECT plain('SELECT * FROM pr_t WHERE id = 5004');
SELECT same('SELECT id, b, ctid, xmin FROM pr_t WHERE id IN (5003, 5004)') ~ 'used: \(5003.*5004';
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM pr_t WHERE id = 5003;
FETCH c;
UPDATE pr_t SET b = 'current' WHERE CURRENT OF c RETURNING id, b;
COMMIT;
SELECT plain('SELECT * FROM pr_t WHERE id = 5003');
SELECT same('SELECT id, b, ctid, xmin FROM pr_t WHERE id IN (5003, 5004)') ~ 'used: \(5003.*5004';
-- what cache.warm() and cache.read() have loaded
SELECT cache.invalidate('pr_t');
SELECT cache.warm('pr_t', 4000) > 2000 AS warmed;
SELECT plain('SELECT * FROM pr_t WHERE id IN (1, 2, 5003)');
SELECT same('SELECT id, b, ctid, xmin FROM pr_t WHERE id IN (1, 2, 5003)') ~ 'used: \(1.*5003';
SELECT cache.invalidate('pr_t');
SELECT count(cache.read(NULL::pr_t, i)) FROM generate_series(1, 3) i;
SELECT count(*) FROM cache.read_many(NULL::pr_t, ARRAY[4, 5]);
SELECT plain('SELECT * FROM pr_t WHERE id IN (1, 2, 3, 4, 5)');
SELECT same('SELECT id, b, ctid, xmin FROM pr_t WHERE id IN (1, 2, 3, 4, 5)') ~ 'used: \(1.*5';
DELETE FROM pr_t WHERE id > 3000;
SELECT plain('SELECT * FROM pr_t WHERE id = 5003');
SELECT cache.attach('pr_t', 'read_through', negative_ttl => '1 hour');
SELECT plain('SELECT * FROM pr_t WHERE id = 5003');
SELECT plain('SELECT * FROM pr_t WHERE id = 5003');
INSERT INTO pr_t VALUES (5003, 1, 'there again', 1);
SELECT plain('SELECT * FROM pr_t WHERE id = 5003');
SELECT cache.attach('pr_t', 'write_around');
SELECT plain('SELECT * FROM pr_t WHERE id = 80');
SELECT plain('SELECT * FROM pr_t WHERE id = 80');
SELECT plain('SELECT * FROM pr_t WHERE id = 80');
SELECT same('SELECT * FROM pr_t WHERE id IN (80, 81)');
SELECT cache.attach('pr_t', 'read_through');

-- ----- plans that are kept, and DDL -----
PREPARE pr(int) AS SELECT * FROM pr_t WHERE id = $1 LIMIT 1;
SET plan_cache_mode = force_generic_plan;
EXECUTE pr(5);
SELECT plain('EXECUTE pr(5)');
ALTER TABLE pr_t ADD d int DEFAULT 7;
EXECUTE pr(5);
DEALLOCATE pr;
PREPARE pr(bigint, int, int) AS SELECT id, b FROM pr_t WHERE id = $1 LIMIT $2 OFFSET $3;
EXECUTE pr(5, 1, 0);
EXECUTE pr(5, 1, 1);
EXECUTE pr(50000000000, 1, 0);
EXECUTE pr(NULL, 1, 0);
SELECT plain('EXECUTE pr(5, 1, 0)');
PREPARE prs(int[]) AS SELECT id, b FROM pr_t WHERE id = ANY ($1);
EXECUTE prs('{5,4,5}');
EXECUTE prs('{}');
EXECUTE prs(NULL);
ALTER TABLE pr_t RENAME b TO bb;
ALTER TABLE pr_t RENAME bb TO b;
ALTER TABLE pr_t DROP a;
EXECUTE pr(5, 1, 0);
ALTER TABLE pr_t ADD a int DEFAULT 3;
UPDATE pr_t SET b = 'after ALTER' WHERE id = 4;
EXECUTE prs('{5,4,5}');
SELECT same('SELECT * FROM pr_t WHERE id IN (4, 5)');
TRUNCATE pr_o;
BEGIN;
ALTER TABLE pr_t ALTER b TYPE varchar(40);
EXECUTE prs('{5,4,5}');
ROLLBACK;
CLUSTER pr_t USING pr_t_pkey;
SELECT same('SELECT *, ctid = (SELECT y.ctid FROM pr_t y WHERE y.id + 0 = x.id) FROM pr_t x WHERE id IN (4, 5)');
VACUUM FULL pr_t;
SELECT same('SELECT *, ctid = (SELECT y.ctid FROM pr_t y WHERE y.id + 0 = x.id) FROM pr_t x WHERE id IN (4, 5)');
ALTER TABLE pr_t DISABLE TRIGGER USER;
UPDATE pr_t SET b = 'untracked' WHERE id = 4;
EXECUTE prs('{5,4}');
SELECT plain('EXECUTE prs(''{5,4}'')');
ALTER TABLE pr_t ENABLE TRIGGER USER;
EXECUTE prs('{5,4}');
BEGIN;
SELECT cache.detach('pr_t');
EXECUTE prs('{5,4}');
SELECT plain('EXECUTE prs(''{5,4}'')');
ROLLBACK;
EXECUTE prs('{5,4}');
ALTER TABLE pr_t DROP CONSTRAINT pr_t_pkey;
EXECUTE prs('{5,4}');
SELECT plain('EXECUTE pr(5, 1, 0)');
ALTER TABLE pr_t ADD PRIMARY KEY (id);
EXECUTE prs('{5,4}');
SELECT plain('EXECUTE pr(5, 1, 0)');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM pr_t WHERE id IN (5, 6);
FETCH c;
ALTER TABLE pr_t ADD e int;
ROLLBACK;
DEALLOCATE ALL;
RESET plan_cache_mode;
-- in functions
CREATE FUNCTION pr_f(k int) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE r record; BEGIN SELECT * INTO r FROM pr_t WHERE id = k; RETURN r.b; END $$;
CREATE FUNCTION pr_sql(k int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT b FROM pr_t WHERE id = k $$;
SELECT count(*) FROM generate_series(1, 200) k WHERE pr_f(k) IS DISTINCT FROM (SELECT b FROM cache.read_row(NULL::pr_t, k))
	OR pr_sql(k) IS DISTINCT FROM (SELECT b FROM cache.read_row(NULL::pr_t, k));
UPDATE pr_t SET b = pr_f(id) || pr_sql(id) WHERE id IN (90, 91) RETURNING id, b;
-- the value of a key may change the table
CREATE FUNCTION pr_hostile(k int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN EXECUTE 'SELECT pr_change(' || k || ')'; RETURN k; END $$;
CREATE FUNCTION pr_change(k int) RETURNS void LANGUAGE sql AS $$ UPDATE pr_t SET b = b || '!' WHERE id = k $$;
SELECT b = (SELECT b FROM pr_t WHERE id + 0 = 92) FROM pr_t WHERE id = pr_hostile(92);
SELECT b = (SELECT b FROM pr_t WHERE id + 0 = 92) FROM pr_t WHERE id = pr_hostile(92);
SELECT b ~ '^row 92!!+$' FROM pr_t WHERE id = 92;
DROP FUNCTION pr_hostile, pr_change, pr_sql, pr_f;

-- ----- privileges, views, row-level security -----
CREATE ROLE regress_pr;
GRANT SELECT (id, b) ON pr_t TO regress_pr;
CREATE VIEW pr_v AS SELECT id, b, a FROM pr_t WHERE a = 3;
CREATE VIEW pr_barrier WITH (security_barrier) AS SELECT id, b FROM pr_t WHERE a = 3;
CREATE FUNCTION pr_leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$;
GRANT SELECT ON pr_v, pr_barrier TO regress_pr;
SELECT cache.invalidate('pr_t'), cache.stats_reset();
SET ROLE regress_pr;
SELECT id, b FROM pr_t WHERE id = 6;
EXPLAIN (COSTS OFF) SELECT id, b FROM pr_t WHERE id = 6;
SELECT a FROM pr_t WHERE id = 6;
SELECT * FROM pr_t WHERE id = 6;
SELECT id FROM pr_t WHERE id = 6 AND a = 1;
SELECT xmin FROM pr_t WHERE id = 6;
SELECT b, a FROM pr_v WHERE id = 7;
EXPLAIN (COSTS OFF) SELECT b, a FROM pr_v WHERE id = 7;
SELECT b FROM pr_barrier WHERE id = 7 AND pr_leak(b);
EXPLAIN (COSTS OFF) SELECT b FROM pr_barrier WHERE id = 7 AND pr_leak(b);
RESET ROLE;
UPDATE pr_t SET a = 4 WHERE id = 7;
SET ROLE regress_pr;
SELECT b FROM pr_barrier WHERE id = 7 AND pr_leak(b);
PREPARE pr AS SELECT b FROM pr_t WHERE id = 8;
EXECUTE pr;
EXECUTE pr;
RESET ROLE;
REVOKE SELECT (b) ON pr_t FROM regress_pr;
SET ROLE regress_pr;
EXECUTE pr;
RESET ROLE;
GRANT SELECT ON pr_t TO regress_pr;
ALTER TABLE pr_t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON pr_t TO regress_pr USING (id <> 8);
SELECT plain('SELECT b FROM pr_t WHERE id = 8');
SET ROLE regress_pr;
EXECUTE pr;
EXPLAIN (COSTS OFF) SELECT b FROM pr_t WHERE id = 9;
SELECT b FROM pr_v WHERE id = 8;
RESET ROLE;
ALTER TABLE pr_t DISABLE ROW LEVEL SECURITY;
EXECUTE pr;
SELECT plain('EXECUTE pr');
DEALLOCATE pr;
DROP VIEW pr_v, pr_barrier;
DROP FUNCTION pr_leak(text);
DROP POLICY p ON pr_t;
REVOKE ALL ON pr_t FROM regress_pr;
DROP ROLE regress_pr;

-- ----- long values, and what it costs -----
CREATE TABLE pr_doc (id int PRIMARY KEY, title text, body text);
INSERT INTO pr_doc SELECT i, 'title ' || i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 400) j) FROM generate_series(1, 400) i;
ANALYZE pr_doc;
SELECT cache.attach('pr_doc', 'read_through');
SELECT plain('SELECT length(body) FROM pr_doc WHERE id = 5');
SELECT plain('SELECT length(body) FROM pr_doc WHERE id = 5');
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT md5(body) FROM pr_doc WHERE id = 5',
	'SELECT title FROM pr_doc WHERE id IN (5, 6)',
	'SELECT md5(d::text) FROM pr_doc d WHERE id = 7']) q;
-- nor where a subquery to which the value is passed, or an operator, tells how it is stored
CREATE OPERATOR ## (RIGHTARG = "any", PROCEDURE = pg_column_size);
SELECT q, same(q) FROM unnest(ARRAY[
	'SELECT (SELECT pg_column_size(d.body)) FROM pr_doc d WHERE id = 5',
	'SELECT EXISTS (SELECT FROM generate_series(1, 2) n WHERE n < 2 AND pg_column_size(d.body) < 12804) FROM pr_doc d WHERE id = 5',
	'WITH w AS MATERIALIZED (SELECT body FROM pr_doc WHERE id = 5) SELECT (SELECT pg_column_size(body)) FROM w',
	'SELECT ## body FROM pr_doc WHERE id = 5',
	'SELECT (SELECT octet_length(d.body)) FROM pr_doc d WHERE id = 5']) q;
DROP OPERATOR ## (NONE, "any");
-- where columns that are long are not used, copying the row would cost more than the index scan
SELECT cache.warm('pr_doc', 100) > 50;
SELECT plain('SELECT title FROM pr_doc WHERE id = 5');
SELECT plain('SELECT body || title IS NOT NULL FROM pr_doc WHERE id = 5');
-- a table that is not found in the cache is read by its index
SELECT cache.attach('pr_t', 'read_through'), cache.stats_reset();
EXPLAIN (COSTS OFF) SELECT b FROM pr_t WHERE id = 5;
SELECT count(cache.read(NULL::pr_t, k)) FROM generate_series(1001, 20000) k;
SELECT misses > 15000 FROM cache.table_stats WHERE relation = 'pr_t'::regclass;
EXPLAIN (COSTS OFF) SELECT b FROM pr_t WHERE id = 5;
SELECT cache.stats_reset();
EXPLAIN (COSTS OFF) SELECT b FROM pr_t WHERE id = 5;

-- ----- partitions and children -----
CREATE TABLE pr_p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE pr_p1 PARTITION OF pr_p FOR VALUES FROM (0) TO (1000);
CREATE TABLE pr_p2 PARTITION OF pr_p FOR VALUES FROM (1000) TO (2000);
INSERT INTO pr_p SELECT i, 'row ' || i FROM generate_series(1, 1999) i;
ANALYZE pr_p;
SELECT cache.attach('pr_p');
SELECT same('SELECT * FROM pr_p WHERE id = 5'), same('SELECT * FROM pr_p1 WHERE id = 5');
SELECT cache.detach('pr_p'), cache.attach('pr_p1');
SELECT same('SELECT * FROM pr_p WHERE id = 5'), same('SELECT * FROM pr_p1 WHERE id = 5');
DROP TABLE pr_p;
CREATE TABLE pr_child () INHERITS (pr_doc);
SELECT same('SELECT title FROM pr_doc WHERE id = 5'), same('SELECT title FROM ONLY pr_doc WHERE id = 5');
INSERT INTO pr_child VALUES (5, 'of the child', '');
SELECT same('SELECT title FROM pr_doc WHERE id = 5'), same('SELECT title, length(body) FROM ONLY pr_doc WHERE id = 5');

RESET cache_strategies.plain_reads;
DROP TABLE pr_t, pr_o, pr_k, pr_doc CASCADE;
DROP FUNCTION plain(text), same(text), is_used(text), rows_of(text, text), counted();
DROP PROCEDURE alike(text[]);
