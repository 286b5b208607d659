--
-- cache.read() in FROM is a scan of its own.  What it gives is what the function
-- scan gives that there is WITH ORDINALITY.
--
CREATE TABLE scan_t (id int PRIMARY KEY, a int, b text, c numeric, d date);
INSERT INTO scan_t SELECT i, i * 10, 'row ' || i, i / 4.0, date '2026-01-01' + i FROM generate_series(1, 20) i;
INSERT INTO scan_t VALUES (21, NULL, NULL, NULL, NULL);
SELECT cache.attach('scan_t', 'read_through');
CREATE TABLE scan_k AS SELECT i AS k FROM generate_series(-2, 25) i;
ANALYZE scan_t, scan_k;

-- The plan: only the columns that are wanted; conditions; where it is a function scan.
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM cache.read(NULL::scan_t, 5);
EXPLAIN (VERBOSE, COSTS OFF) SELECT r.c, k FROM scan_k, LATERAL cache.read(NULL::scan_t, k + 1) r WHERE r.a > 0;
EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*) FROM cache.read(NULL::scan_t, 5);
EXPLAIN (VERBOSE, COSTS OFF) SELECT r FROM cache.read(NULL::scan_t, 5) r;
EXPLAIN (COSTS OFF) SELECT * FROM cache.read(NULL::scan_t, 5) WITH ORDINALITY;
EXPLAIN (COSTS OFF) SELECT * FROM ROWS FROM (cache.read(NULL::scan_t, 5), generate_series(1, 2));

-- One row: the row, or NULLs.
SELECT * FROM cache.read(NULL::scan_t, 5);
SELECT * FROM cache.read(NULL::scan_t, 21);
SELECT * FROM cache.read(NULL::scan_t, 99);
SELECT * FROM cache.read(NULL::scan_t, NULL);
SELECT r FROM cache.read(NULL::scan_t, 99) r;
SELECT count(*), count(r.id), count(r) FROM scan_k, LATERAL cache.read(NULL::scan_t, k) r;
SELECT r.a IS NULL, coalesce(r.c, 7), upper(b) FROM cache.read(NULL::scan_t, 99) r;

-- The same as the function scan, in every place: cold, then warm.
SELECT cache.invalidate('scan_t');
SELECT count(*) FROM scan_k,
	LATERAL cache.read(NULL::scan_t, k) s,
	LATERAL cache.read(NULL::scan_t, k) WITH ORDINALITY f
WHERE (s.id, s.a, s.b, s.c, s.d) IS DISTINCT FROM (f.id, f.a, f.b, f.c, f.d);
SELECT count(*) FROM scan_k,
	LATERAL cache.read(NULL::scan_t, k) s,
	LATERAL cache.read(NULL::scan_t, k) WITH ORDINALITY f
WHERE (s.d, s.a) IS DISTINCT FROM (f.d, f.a);
SELECT k, r.id, r.b FROM scan_k LEFT JOIN LATERAL cache.read(NULL::scan_t, k) r ON r.a > 190 WHERE k > 17 ORDER BY k;
SELECT v.k, r.id, r2.id AS next FROM (VALUES (1), (20), (-3)) v(k),
	LATERAL cache.read(NULL::scan_t, v.k) r, LATERAL cache.read(NULL::scan_t, r.id + 1) r2;
SELECT (SELECT r.b FROM cache.read(NULL::scan_t, t.id) r WHERE r.a = t.a) FROM scan_t t WHERE id < 4 ORDER BY id;
SELECT b FROM cache.read(NULL::scan_t, (SELECT max(k) - 10 FROM scan_k)) r WHERE EXISTS (SELECT FROM scan_k WHERE k = r.id);
SELECT * FROM cache.read(NULL::scan_t, 7) x(i, j) FULL JOIN cache.read(NULL::scan_t, 8) y ON x.i = y.id;
SELECT a FROM cache.read(NULL::scan_t, 7) UNION ALL SELECT a FROM cache.read(NULL::scan_t, 8) ORDER BY 1;
SELECT b, max(c), count(*) OVER () FROM cache.read(NULL::scan_t, 7) GROUP BY b HAVING max(a) = 70;
-- A join that is not needed is left out, and its column with it.
CREATE TABLE scan_u (id int PRIMARY KEY);
EXPLAIN (COSTS OFF) SELECT b, count(*) FROM cache.read(NULL::scan_t, 7) r LEFT JOIN scan_u u ON u.id = r.a GROUP BY b;
SELECT b, count(*) FROM cache.read(NULL::scan_t, 7) r LEFT JOIN scan_u u ON u.id = r.a GROUP BY b;
SELECT DISTINCT b, count(*) OVER () FROM cache.read_row(NULL::scan_t, 7) r LEFT JOIN scan_u u ON u.id = r.a ORDER BY b;
DROP TABLE scan_u;
WITH w AS MATERIALIZED (SELECT * FROM cache.read(NULL::scan_t, 7)) SELECT d FROM w;
UPDATE scan_t t SET a = t.a + r.a FROM cache.read(NULL::scan_t, 3) r WHERE t.id = r.id RETURNING t.id, t.a, r.a;
SELECT id FROM cache.read(NULL::scan_t, 3) r FOR UPDATE OF r;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM cache.read(NULL::scan_t, 5);
FETCH 1 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH NEXT FROM c;
FETCH PRIOR FROM c;
FETCH FIRST FROM c;
COMMIT;

-- cache.read_row(): the same, but no row where there is none.
EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM cache.read_row(NULL::scan_t, 5);
EXPLAIN (COSTS OFF) SELECT * FROM cache.read_row(NULL::scan_t, 5) WITH ORDINALITY;
SELECT * FROM cache.read_row(NULL::scan_t, 5);
SELECT * FROM cache.read_row(NULL::scan_t, 21);
SELECT * FROM cache.read_row(NULL::scan_t, 99);
SELECT * FROM cache.read_row(NULL::scan_t, NULL);
SELECT * FROM cache.read_row(NULL::scan_t, VARIADIC ARRAY[5]);
SELECT r FROM cache.read_row(NULL::scan_t, 99) r;
SELECT r FROM cache.read_row(NULL::scan_t, 21) r;
SELECT * FROM cache.read_row(NULL::scan_t, 99) WITH ORDINALITY;
SELECT * FROM cache.read_row(NULL::scan_t, 5) WITH ORDINALITY;
SELECT cache.read_row(NULL::scan_t, k) FROM scan_k WHERE k IN (0, 5, 21, 22) ORDER BY k;
SELECT * FROM ROWS FROM (cache.read_row(NULL::scan_t, 99), generate_series(1, 2)) AS f(id, a, b, c, d, n);
SELECT count(*), count(r.id), count(r) FROM scan_k, LATERAL cache.read_row(NULL::scan_t, k) r;
SELECT k, r.id, r.b FROM scan_k LEFT JOIN LATERAL cache.read_row(NULL::scan_t, k) r ON true WHERE k > 17 ORDER BY k;
SELECT k FROM scan_k WHERE NOT EXISTS (SELECT FROM cache.read_row(NULL::scan_t, k)) ORDER BY k;
SELECT count(*) FROM scan_k FULL JOIN scan_t t ON t.id = k
	FULL JOIN (SELECT r.* FROM scan_k, LATERAL cache.read_row(NULL::scan_t, k) r) r ON r.id = t.id
WHERE (r.id, r.a, r.b, r.c, r.d) IS DISTINCT FROM (t.id, t.a, t.b, t.c, t.d);
SELECT id, (SELECT count(*) FROM cache.read_row(NULL::scan_t, 4) r WHERE r.a = t.a) FROM scan_t t WHERE id IN (3, 4) ORDER BY id;
PREPARE scan_row AS SELECT r.b FROM cache.read_row(NULL::scan_t, $1) r LIMIT 1;
EXECUTE scan_row(4);
EXECUTE scan_row(99);
DELETE FROM scan_t WHERE id = 4;
EXECUTE scan_row(4);
INSERT INTO scan_t SELECT * FROM cache.read_row(NULL::scan_t, 4);
INSERT INTO scan_t VALUES (4, 40, 'row 4', 4 / 4.0, '2026-01-05');
EXECUTE scan_row(4);
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM cache.read_row(NULL::scan_t, 5);
FETCH 2 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH FIRST FROM c;
DECLARE d SCROLL CURSOR FOR SELECT id FROM cache.read_row(NULL::scan_t, 99);
FETCH 1 FROM d;
FETCH PRIOR FROM d;
COMMIT;
SELECT * FROM cache.read_row(NULL::scan_k, 5);
SELECT * FROM cache.read_row(NULL::scan_t, 5, 6);
SELECT * FROM cache.read_row(NULL::scan_t, 'x'::text);

-- One scan reads once, and again when a parameter changes.
SELECT cache.stats_reset();
SELECT count(*) FROM cache.read(NULL::scan_t, 5) r, generate_series(1, 10) WHERE r.id > 0;
SELECT hits + misses AS reads FROM cache.table_stats WHERE relation = 'scan_t'::regclass;
SELECT count(*) FROM generate_series(1, 10) i, LATERAL cache.read(NULL::scan_t, i % 2 + 5) r;
SELECT hits + misses AS reads FROM cache.table_stats WHERE relation = 'scan_t'::regclass;

-- Prepared statements and views, while the table changes.
PREPARE by_id(int) AS SELECT * FROM cache.read(NULL::scan_t, $1);
PREPARE date_of(int) AS SELECT d FROM cache.read(NULL::scan_t, $1);
EXECUTE by_id(1);
EXECUTE date_of(1);
ALTER TABLE scan_t ADD COLUMN e int DEFAULT 5;
EXECUTE by_id(2);
EXECUTE date_of(2);
SELECT id, e FROM cache.read(NULL::scan_t, 2);
ALTER TABLE scan_t DROP COLUMN b;
EXECUTE date_of(2);
SELECT * FROM cache.read(NULL::scan_t, 2);
SELECT count(*) FROM scan_k,
	LATERAL cache.read(NULL::scan_t, k) s,
	LATERAL cache.read(NULL::scan_t, k) WITH ORDINALITY f
WHERE (s.id, s.a, s.c, s.d, s.e) IS DISTINCT FROM (f.id, f.a, f.c, f.d, f.e);
CREATE VIEW scan_v AS SELECT c, e FROM cache.read(NULL::scan_t, 4);
SELECT * FROM scan_v;

-- Privileges are those of the read; errors are its errors.
CREATE ROLE scan_nobody;
GRANT USAGE ON SCHEMA cache TO scan_nobody;
SET ROLE scan_nobody;
SELECT * FROM cache.read(NULL::scan_t, 5);
RESET ROLE;
SELECT * FROM cache.read(NULL::scan_k, 5);
SELECT * FROM cache.read(NULL::scan_t, 5, 6);
SELECT * FROM cache.read(NULL::scan_t, true);

DROP VIEW scan_v;
DROP TABLE scan_t, scan_k;
REVOKE USAGE ON SCHEMA cache FROM scan_nobody;
DROP ROLE scan_nobody;
