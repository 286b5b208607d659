-- Statements that come as text: they are not planned when their results are there.

SET client_min_messages = warning;
CREATE SCHEMA literal;
CREATE SCHEMA elsewhere;
SET search_path = literal;
CREATE TABLE t (id int PRIMARY KEY, v int, n numeric(6, 2), w varchar(5));
INSERT INTO t SELECT i, i, i / 4.0, 'w' || i FROM generate_series(1, 8) i;
CREATE TABLE elsewhere.t (LIKE t INCLUDING ALL);
INSERT INTO elsewhere.t VALUES (1, 100, 100, 'other');
SELECT cache.track('t'), cache.track('elsewhere.t');
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SET client_min_messages = notice;
-- Says that it is called, so that the result is being computed.
CREATE FUNCTION computed(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE NOTICE 'computed %', $1;
	RETURN $1;
END $$;

-- the second execution knows what it looks like, the third one its digest
SELECT computed(sum(v)) FROM t;
SELECT computed(sum(v)) FROM t;
SELECT computed(sum(v)) FROM t;
SELECT computed(sum(v)) FROM t;
-- the same text where it means something else
SET search_path = elsewhere, literal;
SELECT computed(sum(v)) FROM t;
SELECT computed(sum(v)) FROM t;
SET search_path = literal;
SELECT computed(sum(v)) FROM t;
CREATE TEMP TABLE t (v int);
INSERT INTO t VALUES (7);
SELECT computed(sum(v)) FROM t;
DROP TABLE pg_temp.t;
SELECT computed(sum(v)) FROM t;
ALTER TABLE t RENAME TO renamed;
SELECT computed(sum(v)) FROM t;
ALTER TABLE renamed RENAME TO t;
SELECT computed(sum(v)) FROM t;
SELECT computed(sum(v)) FROM t;
ALTER TABLE t ALTER v TYPE bigint;
SELECT computed(sum(v)::bigint) FROM t;
SELECT computed(sum(v)::bigint) FROM t;
-- or has other parameters
CREATE FUNCTION first_of(k int, other int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r bigint;
BEGIN
	SELECT computed(sum(v)::bigint) INTO r FROM t WHERE id = k;
	RETURN r;
END $$;
CREATE FUNCTION second_of(other int, k int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	r bigint;
BEGIN
	SELECT computed(sum(v)::bigint) INTO r FROM t WHERE id = k;
	RETURN r;
END $$;
SELECT first_of(i, 0) FROM unnest(ARRAY[1, 1, 1, 5, 5]) i;
SELECT second_of(5, 1), second_of(1, 5), second_of(5, 1), second_of(1, 5);
-- what differs in a constant only
SELECT computed(v) FROM t WHERE id = 1;
SELECT computed(v) FROM t WHERE id = 2;
SELECT computed(v) FROM t WHERE id = 1;
SELECT computed(v) FROM t WHERE id = 2;
SELECT computed(v) FROM t WHERE id = 3;
SELECT computed(v) FROM t WHERE id = '3';
-- several in one text
SELECT computed(v) FROM t WHERE id = 1\; SELECT computed(v) FROM t WHERE id = 2\; SELECT computed(v) FROM t WHERE id = 4;
SELECT computed(v) FROM t WHERE id = 1\; SELECT computed(v) FROM t WHERE id = 2\; SELECT computed(v) FROM t WHERE id = 4;

-- columns: names, order, types with modifiers
SELECT id AS "Id", n, w, n * 2 AS twice, v::numeric(4, 1) AS short, CASE WHEN v > 2 THEN w ELSE 'few' END AS c FROM t WHERE computed(v) > 0 ORDER BY n DESC, -v LIMIT 2;
SELECT id AS "Id", n, w, n * 2 AS twice, v::numeric(4, 1) AS short, CASE WHEN v > 2 THEN w ELSE 'few' END AS c FROM t WHERE computed(v) > 0 ORDER BY n DESC, -v LIMIT 2;
SELECT id AS "Id", n, w FROM t WHERE computed(v) > 6 ORDER BY -v;
SELECT id AS "Id", n, w FROM t WHERE computed(v) > 6 ORDER BY -v;
SELECT id AS "Id", n, w FROM t WHERE computed(v) > 6 ORDER BY -v \gdesc
SELECT FROM t WHERE computed(v) > 7;
SELECT FROM t WHERE computed(v) > 7;

-- EXPLAIN shows the plan
EXPLAIN (COSTS OFF) SELECT computed(sum(v)::bigint) FROM t;
SELECT computed(sum(v)::bigint) FROM t\; EXPLAIN (COSTS OFF) SELECT computed(sum(v)::bigint) FROM t;

-- the transaction's own changes, and its snapshot
BEGIN;
SELECT computed(v) FROM t WHERE id = 1;
UPDATE t SET v = 1000 WHERE id = 1;
SELECT computed(v) FROM t WHERE id = 1;
ROLLBACK;
SELECT computed(v) FROM t WHERE id = 1;

-- privileges, also those that a role has by another
SET client_min_messages = warning;
CREATE ROLE regress_cs_reader;
CREATE ROLE regress_cs_member;
GRANT regress_cs_reader TO regress_cs_member;
GRANT USAGE ON SCHEMA literal TO PUBLIC;
GRANT SELECT ON t TO regress_cs_reader;
CREATE VIEW seen AS SELECT sum(v)::bigint AS s FROM t;
GRANT SELECT ON seen TO regress_cs_reader;
SET client_min_messages = notice;
SET ROLE regress_cs_member;
SELECT computed(v) FROM t WHERE id = 5;
SELECT computed(v) FROM t WHERE id = 5;
SELECT computed(s) FROM seen;
SELECT computed(s) FROM seen;
RESET ROLE;
REVOKE regress_cs_reader FROM regress_cs_member;
SET ROLE regress_cs_member;
SELECT computed(v) FROM t WHERE id = 5;
SELECT computed(s) FROM seen;
RESET ROLE;
GRANT regress_cs_reader TO regress_cs_member;
SET ROLE regress_cs_member;
SELECT computed(v) FROM t WHERE id = 5;
SELECT computed(s) FROM seen;
RESET ROLE;

-- row-level security
CREATE TABLE docs (id int PRIMARY KEY, tenant text, size int);
INSERT INTO docs SELECT i, 'tenant ' || i % 2, i FROM generate_series(1, 4) i;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON docs USING (tenant = current_setting('literal.tenant'));
GRANT SELECT ON docs TO regress_cs_member;
SELECT cache.track('docs');
SET ROLE regress_cs_member;
SET literal.tenant = 'tenant 0';
SELECT computed(sum(size)) FROM docs;
SELECT computed(sum(size)) FROM docs;
SELECT computed(sum(size)) FROM docs;
SET literal.tenant = 'tenant 1';
SELECT computed(sum(size)) FROM docs;
SELECT computed(sum(size)) FROM docs;
RESET ROLE;
SELECT computed(sum(size)) FROM docs;
SET ROLE regress_cs_member;
SELECT computed(sum(size)) FROM docs;
RESET ROLE;

-- settings
SELECT computed(v) FROM t WHERE id = 6;
SELECT computed(v) FROM t WHERE id = 6;
SET cache_strategies.enabled = off;
SELECT computed(v) FROM t WHERE id = 6;
RESET cache_strategies.enabled;
SET cache_strategies.results = off;
SELECT computed(v) FROM t WHERE id = 6;
SET cache_strategies.results = declared;
SELECT computed(v) FROM t WHERE id = 6;
SELECT computed(v) FROM t WHERE id = 6 /* cache */;
SET cache_strategies.results = auto;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT computed(v) FROM t WHERE id = 6;
COMMIT;
-- fetched in parts, to the end and not
BEGIN;
DECLARE c CURSOR FOR SELECT v, count(*) FROM t GROUP BY v HAVING computed(v) > 0 ORDER BY v;
FETCH 3 FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT v, count(*) FROM t GROUP BY v HAVING computed(v) > 0 ORDER BY v;
FETCH 3 FROM c;
FETCH 3 FROM c;
FETCH 3 FROM c;
COMMIT;
SELECT v, count(*) FROM t GROUP BY v HAVING computed(v) > 0 ORDER BY v;
BEGIN;
DECLARE c CURSOR FOR SELECT v, count(*) FROM t GROUP BY v HAVING computed(v) > 0 ORDER BY v;
FETCH 3 FROM c;
COMMIT;
PREPARE six AS SELECT computed(v) FROM t WHERE id = 6;
EXECUTE six;
DISCARD ALL;
EXECUTE six;
SET search_path = literal;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
SELECT computed(v) FROM t WHERE id = 6;

SET client_min_messages = warning;
DROP SCHEMA literal, elsewhere CASCADE;
DROP ROLE regress_cs_member, regress_cs_reader;
