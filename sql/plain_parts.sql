--
-- Plain SELECTs by key that are answered from the cache: lists of keys, keys of
-- several columns, joins; partitions; row-level security.
--
SET cache_strategies.plain_reads = on;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET client_min_messages = warning;

\getenv source PG_ABS_SRCDIR
\set plain_reads :source '/sql/include/plain_reads.sql'
\i :plain_reads

-- ----- keys of several columns -----
CREATE TABLE pp_k (a int, b text COLLATE "C", c bigint, v int, PRIMARY KEY (a, b, c));
INSERT INTO pp_k SELECT i % 50, 'b' || i % 7, i, i FROM generate_series(1, 2000) i;
CREATE TABLE pp_x (x int PRIMARY KEY);
INSERT INTO pp_x SELECT generate_series(1, 9);
ANALYZE pp_k, pp_x;
SELECT cache.attach('pp_k', 'read_through');
SELECT plain('SELECT v FROM pp_k WHERE a = 3 AND b IN (''b3'', ''b4'') AND c = ANY (''{3,53,103}'')');
SELECT plain('SELECT v FROM pp_k WHERE a = 3 AND b IN (''b3'', ''b4'') AND c = ANY (''{3,53,103}'')');
SELECT plain('SELECT v FROM pp_k WHERE (a, b, c) IN ((3, ''b3'', 3), (4, ''b4'', 4), (3, ''b3'', 3), (NULL, ''b'', 1))');
SELECT plain('SELECT v FROM pp_k WHERE (a, b, c) IN ((3, ''b3'', 3), (4, ''b4'', 4), (3, ''b3'', 3), (NULL, ''b'', 1))');
SELECT plain('SELECT v FROM pp_k WHERE a = 3 AND b = ''b3'' AND c = 3 AND v > 1 OR a = 4 AND b = ''b4'' AND c = 4');
CALL alike(ARRAY[
	'SELECT v FROM pp_k WHERE a = 3 AND b = ''b3'' AND c = 3',
	'SELECT v FROM pp_k WHERE a IN (3, 4, 3, NULL) AND b = ''b3'' AND c = 3',
	'SELECT v FROM pp_k WHERE a IN (3, 4) AND b IN (''b3'', ''b4'') AND c IN (3, 4)',
	'SELECT v FROM pp_k WHERE a = 3 AND b = ANY (NULL::text[]) AND c = 3',
	'SELECT v FROM pp_k WHERE a = 3 AND b = ANY (''{}'') AND c = 3',
	'SELECT v FROM pp_k WHERE a = ANY (''{3,9000000000}''::bigint[]) AND b = ''b3'' AND c = 3::smallint',
	'SELECT v FROM pp_k WHERE (a, b, c) IN ((3, ''b3'', 3), (4, ''b4'', 4), (5, ''b4'', 4))',
	'SELECT v FROM pp_k WHERE (a, b, c) = ANY (SELECT 3, ''b3'', 3)',
	'SELECT v FROM pp_k WHERE (a, b, c) IN ((3, ''b3'', 3), (9000000000, ''b4'', 4))',
	'SELECT v FROM pp_k WHERE a = 3 AND b = ''b3'' AND c = 3 AND v > 3 OR a = 4 AND b = ''b4'' AND c = 4',
	'SELECT v FROM pp_k WHERE (a = 3 AND b = ''b3'' AND c = 3) OR (a = 4 AND b = ''b4'')',
	'SELECT v FROM pp_k WHERE a = 3 AND a = 4 AND b = ''b3'' AND c = 3',
	'SELECT v FROM pp_k WHERE (a = 3 AND a = 5 AND b = ''b3'' AND c = 3) OR (a, b, c) = (4, ''b4'', 4)',
	'SELECT x, v FROM pp_x LEFT JOIN pp_k ON a = x AND b = ''b'' || x % 7 AND c IN (x, x + 50) WHERE x < 10',
	'SELECT x, v FROM pp_x, LATERAL (SELECT v FROM pp_k WHERE (a, b, c) IN ((x, ''b'' || x % 7, x), (x, ''b'' || (x + 1) % 7, x + 50))) s WHERE x < 10']);
-- in the index's order
SELECT a, b, c FROM pp_k WHERE (a, b, c) IN ((4, 'b4', 4), (3, 'b4', 53), (3, 'b3', 3));
SELECT a, b, c FROM pp_k WHERE a IN (4, 3) AND b IN ('b4', 'b3') AND c IN (53, 4, 3);
-- parameters of a plan for all values
SET plan_cache_mode = force_generic_plan;
PREPARE rows_by(int, text, bigint, int, text, bigint) AS SELECT v FROM pp_k WHERE (a, b, c) IN (($1, $2, $3), ($4, $5, $6));
SELECT plain('EXECUTE rows_by(3, ''b3'', 3, 4, ''b4'', 4)');
EXECUTE rows_by(3, 'b3', 3, 4, 'b4', 4);
EXECUTE rows_by(3, 'b3', 3, 3, 'b3', 3);
EXECUTE rows_by(3, NULL, 3, 4, 'b4', 4);
PREPARE list_by(int[], text, bigint[]) AS SELECT v FROM pp_k WHERE a = ANY ($1) AND b = $2 AND c = ANY ($3);
SELECT plain('EXECUTE list_by(''{3,3,NULL}'', ''b3'', ''{3,53}'')');
EXECUTE list_by('{3,3,NULL,4}', 'b3', '{3,53}');
EXECUTE list_by('{3}', 'b3', NULL);
DEALLOCATE ALL;
RESET plan_cache_mode;
-- backward
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT c FROM pp_k WHERE a IN (3, 4, 5) AND b IN ('b3', 'b4', 'b5') AND c IN (3, 4, 5, 53, 54, 55);
FETCH 3 FROM c;
FETCH BACKWARD 2 FROM c;
FETCH ALL FROM c;
FETCH BACKWARD ALL FROM c;
COMMIT;
DROP TABLE pp_k, pp_x;

-- ----- types whose equal values differ -----
CREATE COLLATION pp_ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE pp_n (n numeric PRIMARY KEY, v int);
CREATE TABLE pp_c (t text COLLATE pp_ci PRIMARY KEY, v int);
CREATE TABLE pp_a (a int[], n numeric, v int, PRIMARY KEY (a, n));
INSERT INTO pp_n SELECT i, i FROM generate_series(1, 2000) i;
INSERT INTO pp_c SELECT 'Name ' || i, i FROM generate_series(1, 2000) i;
INSERT INTO pp_a SELECT ARRAY[i, NULL], i, i FROM generate_series(1, 2000) i;
ANALYZE pp_n, pp_c, pp_a;
SELECT cache.attach('pp_n', 'read_through'), cache.attach('pp_c', 'read_through'), cache.attach('pp_a', 'read_through');
SELECT plain('SELECT v FROM pp_n WHERE n IN (5, 5.0, 6.00, 7.5)');
SELECT plain('SELECT v FROM pp_n WHERE n IN (5, 5.0, 6.00, 7.5)');
CALL alike(ARRAY[
	'SELECT * FROM pp_n WHERE n IN (5, 5.0, 6.00, 7.5)',
	'SELECT * FROM pp_n WHERE n = ANY (ARRAY[5, 5.00, ''NaN'', NULL])',
	'SELECT * FROM pp_c WHERE t IN (''name 5'', ''NAME 5'', ''Name 6'')',
	'SELECT * FROM pp_c WHERE t = ANY (ARRAY[''NAME 7'', ''name 7''] COLLATE pp_ci)',
	'SELECT * FROM pp_c WHERE t IN (''name 5'', ''NAME 5'') AND t = ''Name 5'' COLLATE "C"',
	'SELECT * FROM pp_a WHERE (a, n) IN ((''{5,NULL}'', 5.0), (''{5,NULL}'', 5), (''{6,NULL}'', 6))',
	'SELECT * FROM pp_a WHERE a = ''{5,NULL}'' AND n IN (5, 5.0, 6)']);
DROP TABLE pp_n, pp_c, pp_a;
DROP COLLATION pp_ci;

-- ----- many keys -----
CREATE TABLE pp_t (id int PRIMARY KEY, v int, filler text);
INSERT INTO pp_t SELECT i, i % 7, repeat('x', i % 50) FROM generate_series(1, 3000) i;
CREATE TABLE pp_o (n int PRIMARY KEY, t_id int);
INSERT INTO pp_o SELECT i, i * 70 FROM generate_series(1, 60) i;
ANALYZE pp_t, pp_o;
SELECT cache.attach('pp_t', 'read_through');
SELECT plain('SELECT v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(2101, 3100)))');
SELECT plain('SELECT v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(2101, 3100)))');
SELECT plain('SELECT v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(101, 1100))) LIMIT 1');
-- half of them cached, and one changed by this transaction
SELECT count(cache.read(NULL::pp_t, i)) FROM generate_series(1000, 2000, 2) i;
SELECT plain('SELECT v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(1001, 1100)))');
BEGIN;
UPDATE pp_t SET v = 100 WHERE id = 1050;
SELECT plain('SELECT v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(1001, 1100)))');
SELECT max(v) FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(1001, 1100)));
ROLLBACK;
CALL alike(ARRAY[
	'SELECT id, v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(1, 1000)))',
	'SELECT id, v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(2900, 3500)))',
	'SELECT id, v FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(1, 1000))) AND v = 3',
	'SELECT count(*), min(xmin::text) = max(xmin::text), min(ctid) FROM pp_t WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)))',
	'SELECT id FROM pp_t WHERE id = 5 OR id = 6 OR id = 5 OR id = NULL']);
-- a function that changes rows that have been read ahead: the snapshot is the statement's
CREATE FUNCTION pp_change(k int) RETURNS int LANGUAGE sql AS $$ UPDATE pp_t SET v = v + 1000 WHERE id > k AND id <= k + 100 RETURNING k $$;
BEGIN;
SELECT max(v), count(pp_change(id)) FROM pp_t WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
ROLLBACK;
DROP FUNCTION pp_change;

-- ----- the inner side of a nested loop -----
RESET enable_seqscan;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
SET enable_memoize = off;
CALL alike(ARRAY[
	'SELECT n, v FROM pp_o LEFT JOIN pp_t ON id = t_id AND v > 3',
	'SELECT n, v FROM pp_o LEFT JOIN pp_t ON id = t_id WHERE v IS NULL',
	'SELECT n FROM pp_o WHERE EXISTS (SELECT FROM pp_t WHERE id = t_id AND v > 3)',
	'SELECT n FROM pp_o WHERE NOT EXISTS (SELECT FROM pp_t WHERE id = t_id AND v > 3)',
	'SELECT n FROM pp_o WHERE t_id IN (SELECT id FROM pp_t WHERE v > 3)',
	'SELECT n FROM pp_o WHERE t_id NOT IN (SELECT id FROM pp_t WHERE id = 140)',
	'SELECT n, s.v FROM pp_o, LATERAL (SELECT v FROM pp_t WHERE id IN (t_id, n) ORDER BY id LIMIT 1) s',
	'SELECT n, s.v FROM pp_o LEFT JOIN LATERAL (SELECT v FROM pp_t WHERE id = t_id AND v <> n) s ON true',
	'SELECT o.n, x.v, y.v FROM pp_o o LEFT JOIN pp_t x ON x.id = o.t_id LEFT JOIN pp_t y ON y.id = x.v',
	'SELECT o.n, y.v FROM pp_o o LEFT JOIN (pp_t x JOIN pp_t y ON y.id = x.v + 1) ON x.id = o.t_id']);
-- What an index scan notes of dead entries lives as long as the scan: it is read when the
-- next key is looked up, for whose value as much memory is needed here as for a row.
CREATE TABLE pp_dead (k text PRIMARY KEY, v int);
INSERT INTO pp_dead SELECT 'k' || i, i FROM generate_series(1, 9) i;
SELECT cache.attach('pp_dead', 'read_through');
CREATE INDEX ON pp_dead (v);
UPDATE pp_dead SET v = v + 10;
ANALYZE pp_dead;
BEGIN;
UPDATE pp_dead SET v = -9 WHERE k = 'k9';
SET LOCAL enable_seqscan = off;
SELECT cache.stats_reset();
EXPLAIN (COSTS OFF) SELECT n, v FROM pp_o JOIN pp_dead ON k = right(repeat('x', CASE WHEN n = 1 THEN 1 ELSE 6000 END) || 'k' || n % 9 + 1, 2);
SELECT count(*), sum(v) FROM pp_o JOIN pp_dead ON k = right(repeat('x', CASE WHEN n = 1 THEN 1 ELSE 6000 END) || 'k' || n % 9 + 1, 2);
COMMIT;
DROP TABLE pp_dead;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET enable_memoize;

-- ----- row-level security -----
SET enable_seqscan = off;
CREATE ROLE regress_pp;
CREATE FUNCTION pp_leak(int) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE WARNING 'saw %', $1; RETURN true; END $$;
GRANT SELECT ON pp_t, pp_o TO regress_pp;
ALTER TABLE pp_t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON pp_t TO regress_pp USING (v < 3);
SELECT cache.invalidate('pp_t'), cache.stats_reset();
SET ROLE regress_pp;
EXPLAIN (COSTS OFF) SELECT v FROM pp_t WHERE id = 1 AND pp_leak(v);
-- a miss, which is kept as it is in the table, and hits; what the policy hides is not shown to a function
SELECT v FROM pp_t WHERE id = 1 AND pp_leak(v);
SELECT v FROM pp_t WHERE id = 6 AND pp_leak(v);
SELECT v FROM pp_t WHERE id = 6 AND pp_leak(v);
SELECT v FROM pp_t WHERE id IN (1, 2, 3, 4, 8) AND pp_leak(v);
SELECT n, v FROM pp_o JOIN pp_t ON id = n AND pp_leak(v) WHERE n IN (1, 6);
SELECT n, v FROM pp_o LEFT JOIN pp_t ON id = n WHERE n IN (1, 6);
SELECT cache.read(NULL::pp_t, 6);
RESET ROLE;
-- the same entries for one that the policy does not concern
SELECT plain('SELECT v FROM pp_t WHERE id = 6');
SELECT v FROM pp_t WHERE id = 6;
-- one plan for both
PREPARE pp AS SELECT v FROM pp_t WHERE id = 6;
EXECUTE pp;
SET ROLE regress_pp;
EXECUTE pp;
SET row_security = off;
EXECUTE pp;
RESET row_security;
RESET ROLE;
DEALLOCATE pp;
-- an equality that is not leakproof does not come before the policy
CREATE TABLE pp_n (n numeric PRIMARY KEY, v int);
INSERT INTO pp_n SELECT i, i % 7 FROM generate_series(1, 2000) i;
ANALYZE pp_n;
ALTER TABLE pp_n ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON pp_n TO regress_pp USING (v < 3);
GRANT SELECT ON pp_n TO regress_pp;
SELECT cache.attach('pp_n', 'read_through');
EXPLAIN (COSTS OFF) SELECT v FROM pp_n WHERE n = 6;
SET ROLE regress_pp;
RESET enable_seqscan;
EXPLAIN (COSTS OFF) SELECT v FROM pp_n WHERE n = 6;
SELECT v FROM pp_n WHERE n IN (1, 6);
RESET ROLE;
SET enable_seqscan = off;
DROP TABLE pp_n, pp_t, pp_o;

-- ----- partitions -----
CREATE TABLE pp_p (id int, k text, v int, PRIMARY KEY (id, k)) PARTITION BY RANGE (id);
CREATE TABLE pp_1 PARTITION OF pp_p FOR VALUES FROM (0) TO (1000);
CREATE TABLE pp_2 PARTITION OF pp_p FOR VALUES FROM (1000) TO (2000) PARTITION BY HASH (k);
CREATE TABLE pp_2a PARTITION OF pp_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pp_2b PARTITION OF pp_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE pp_other (v int, k text NOT NULL, id int NOT NULL);
ALTER TABLE pp_p ATTACH PARTITION pp_other DEFAULT;
INSERT INTO pp_p SELECT i, 'k' || i % 5, i FROM generate_series(1, 2999) i;
ANALYZE pp_p;
SELECT cache.attach('pp_p', 'read_through', negative_ttl => '1 hour');
SELECT plain('SELECT v FROM pp_p WHERE id = 5 AND k = ''k0''');
SELECT plain('SELECT v FROM pp_p WHERE id = 5 AND k = ''k0''');
SELECT cache.stats_reset();
EXPLAIN (COSTS OFF) SELECT v FROM pp_p WHERE id IN (5, 1005) AND k = 'k0';
-- of a partition that has its columns in another order the index is read
EXPLAIN (COSTS OFF) SELECT v FROM pp_p WHERE id = 2005 AND k = 'k0';
CALL alike(ARRAY[
	'SELECT * FROM pp_p WHERE id = 5 AND k = ''k0''',
	'SELECT tableoid::regclass, p FROM pp_p p WHERE id = 5 AND k = ''k0''',
	'SELECT * FROM pp_p WHERE id = 5 AND k = ''k1''',
	'SELECT *, ctid, xmin = (SELECT xmin FROM pp_p y WHERE y.id + 0 = x.id) FROM pp_p x WHERE id IN (5, 6, 1005, 1006, 2005) AND k IN (''k0'', ''k1'')',
	'SELECT * FROM pp_p WHERE id IN (5, 1005) AND k = ''k0''',
	'SELECT * FROM pp_1 WHERE id = 5 AND k = ''k0''',
	'SELECT * FROM pp_1 WHERE id = 1005 AND k = ''k0''',
	'SELECT * FROM pp_2 WHERE id IN (5, 1005) AND k = ''k0''',
	'SELECT * FROM pp_2a WHERE id IN (1005, 1006, 1007, 1008, 5) AND k IN (''k0'', ''k1'', ''k2'', ''k3'')',
	'SELECT * FROM pp_2b WHERE id IN (1005, 1006, 1007, 1008, 5) AND k IN (''k0'', ''k1'', ''k2'', ''k3'')',
	'SELECT * FROM pp_other WHERE id = 2005 AND k = ''k0''',
	'SELECT x, v FROM generate_series(990, 1010) x LEFT JOIN pp_p ON id = x AND k = ''k'' || x % 5',
	'SELECT x, v FROM generate_series(990, 1010) x JOIN pp_2 ON id = x AND k = ''k'' || x % 5']);
-- absences are those of the whole table, whatever the plan has looked at
SELECT cache.invalidate('pp_p'), cache.stats_reset();
SELECT id, v FROM pp_p WHERE id IN (5, 1005) AND k = 'k0';
SELECT id, v FROM pp_p WHERE id IN (5, 1005) AND k = 'k0';
SET enable_partition_pruning = off;
SELECT cache.invalidate('pp_p');
SELECT * FROM pp_p WHERE id = 1005 AND k = 'k0';
SELECT * FROM pp_p WHERE id = 1005 AND k = 'k0';
SELECT cache.read(NULL::pp_p, 1005, 'k0');
RESET enable_partition_pruning;
-- a join partition by partition
CREATE TABLE pp_q (id int PRIMARY KEY, k text, w int) PARTITION BY RANGE (id);
CREATE TABLE pp_q1 PARTITION OF pp_q FOR VALUES FROM (0) TO (1000);
CREATE TABLE pp_q2 PARTITION OF pp_q FOR VALUES FROM (1000) TO (2000);
CREATE TABLE pp_r (id int, k text, v int, PRIMARY KEY (id, k)) PARTITION BY RANGE (id);
CREATE TABLE pp_r1 PARTITION OF pp_r FOR VALUES FROM (0) TO (1000);
CREATE TABLE pp_r2 PARTITION OF pp_r FOR VALUES FROM (1000) TO (2000);
INSERT INTO pp_q SELECT i, 'k' || i % 5, i FROM generate_series(5, 1999, 100) i;
INSERT INTO pp_r SELECT i, 'k' || i % 5, i FROM generate_series(1, 1999) i;
ANALYZE pp_q, pp_r;
SELECT cache.detach('pp_p'), cache.attach('pp_r', 'read_through');
SET enable_partitionwise_join = on;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT cache.stats_reset();
EXPLAIN (COSTS OFF) SELECT q.w, r.v FROM pp_q q JOIN pp_r r ON r.id = q.id AND r.k = q.k;
CALL alike(ARRAY[
	'SELECT q.w, r.v FROM pp_q q JOIN pp_r r ON r.id = q.id AND r.k = q.k',
	'SELECT q.w, r.v FROM pp_q q LEFT JOIN pp_r r ON r.id = q.id AND r.k = q.k || ''''']);
RESET enable_partitionwise_join;
RESET enable_hashjoin;
RESET enable_mergejoin;
-- a row that moves to another partition, a cursor, a partition that goes
SELECT cache.stats_reset();
SELECT v FROM pp_r WHERE id IN (7, 1007) AND k = 'k2';
UPDATE pp_r SET id = 1500, k = 'moved' WHERE id = 7;
SELECT id, v FROM pp_r WHERE id IN (7, 1500) AND k IN ('k2', 'moved');
SELECT id, v FROM pp_r WHERE id IN (7, 1500) AND k IN ('k2', 'moved');
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM pp_r WHERE id = 1500 AND k = 'moved';
FETCH c;
UPDATE pp_r2 SET v = -1 WHERE CURRENT OF c;
SELECT tableoid::regclass, * FROM pp_r WHERE id = 1500 AND k = 'moved';
COMMIT;
SELECT cache.stats_reset();
PREPARE part AS SELECT v FROM pp_r2 WHERE id = 1500 AND k = 'moved';
EXECUTE part;
SELECT plain('EXECUTE part');
ALTER TABLE pp_r DETACH PARTITION pp_r2;
UPDATE pp_r2 SET v = -2 WHERE id = 1500;
EXECUTE part;
SELECT plain('EXECUTE part');
SELECT v FROM pp_r WHERE id = 1500 AND k = 'moved';
ALTER TABLE pp_r ATTACH PARTITION pp_r2 FOR VALUES FROM (1000) TO (2000);
EXECUTE part;
SELECT v FROM pp_r WHERE id = 1500 AND k = 'moved';
-- policies are those of the table that is named
ALTER TABLE pp_r1 ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON pp_r, pp_r1 TO regress_pp;
SET ROLE regress_pp;
SELECT v FROM pp_r WHERE id = 5 AND k = 'k0';
SELECT v FROM pp_r1 WHERE id = 5 AND k = 'k0';
RESET ROLE;

DROP TABLE pp_p, pp_q, pp_r;
DROP FUNCTION plain(text), same(text), is_used(text), rows_of(text, text), counted(), pp_leak(int);
DROP PROCEDURE alike(text[]);
DROP ROLE regress_pp;
