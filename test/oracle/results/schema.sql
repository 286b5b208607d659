-- What the oracle of results reads and changes: a shop, and pgbench's tables, small
-- enough that sessions meet.  Some tables are tracked by value, some are not.

CREATE SCHEMA shop;
CREATE SCHEMA other;
SET search_path = shop;

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN pos AS int CHECK (VALUE >= 0);

-- customers, orders, items, products
CREATE TABLE c (id int PRIMARY KEY, name text, tier int, r int4range, m mood);
CREATE TABLE o (id int PRIMARY KEY, c int, st text, amt numeric(12,2), d date, p pos, n numeric, j jsonb, ch char(4), t int);
CREATE TABLE i (o int, line int, sku bigint, q int, PRIMARY KEY (o, line));
CREATE TABLE p (sku bigint PRIMARY KEY, cat int, price numeric(10,2), title text);
CREATE INDEX ON o (c);
CREATE INDEX ON i (sku);

-- partitions, with columns in another order, and partitions of partitions
CREATE TABLE pt (k int, v int, s text COLLATE "C") PARTITION BY LIST (k);
CREATE TABLE pt1 PARTITION OF pt FOR VALUES IN (1, 2);
CREATE TABLE pt2 (s text COLLATE "C", x int, v int, k int);
ALTER TABLE pt2 DROP x;
ALTER TABLE pt ATTACH PARTITION pt2 FOR VALUES IN (3);
CREATE TABLE pt3 PARTITION OF pt FOR VALUES IN (4, 5) PARTITION BY RANGE (v);
CREATE TABLE pt3_low PARTITION OF pt3 FOR VALUES FROM (MINVALUE) TO (30);
CREATE TABLE pt3_high PARTITION OF pt3 DEFAULT;
CREATE TABLE ptd PARTITION OF pt DEFAULT;

-- inheritance
CREATE TABLE par (a int, b int);
CREATE TABLE chi (x int) INHERITS (par);

-- attached; its rows refer to customers
CREATE TABLE at (id int PRIMARY KEY REFERENCES c ON UPDATE CASCADE ON DELETE CASCADE, n int NOT NULL);

CREATE TABLE pgbench_branches (bid int PRIMARY KEY, bbalance int, filler char(8));
CREATE TABLE pgbench_tellers (tid int PRIMARY KEY, bid int, tbalance int, filler char(8));
CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(8));
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(8));

-- A table of the same name in another schema.
CREATE TABLE other.p (LIKE shop.p);

-- refill(TABLE): the rows that it has in the beginning, as far as they are not there.
CREATE FUNCTION refill(name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CASE $1
		WHEN 'c' THEN INSERT INTO c SELECT g, 'n' || g % 7, g % 4, int4range(g % 9, g % 9 + g % 5), (ARRAY['sad', 'ok', 'happy'])[1 + g % 3]::mood
			FROM generate_series(1, 20) g ON CONFLICT DO NOTHING;
		WHEN 'o' THEN INSERT INTO o SELECT g, g % 20 + 1, (ARRAY['new', 'paid', 'sent', NULL])[1 + g % 4], g * 1.5, date '2026-01-01' + g % 30, g % 10,
				g % 6, jsonb_build_object('k', g % 5), 'a' || g % 3, g % 3 FROM generate_series(1, 60) g ON CONFLICT DO NOTHING;
		WHEN 'i' THEN INSERT INTO i SELECT g % 60 + 1, g / 60, g % 11 + 1, g % 6 FROM generate_series(1, 120) g ON CONFLICT DO NOTHING;
		WHEN 'p' THEN INSERT INTO p SELECT g, g % 4, g * 2.5, 'title ' || g FROM generate_series(1, 12) g ON CONFLICT DO NOTHING;
		WHEN 'pt' THEN INSERT INTO pt SELECT g % 8, g, 's' || g % 4 FROM generate_series(1, 40) g;
		WHEN 'par' THEN INSERT INTO par SELECT g % 6, g FROM generate_series(1, 15) g;
		WHEN 'chi' THEN INSERT INTO chi SELECT g % 6, g, g FROM generate_series(1, 15) g;
		WHEN 'at' THEN INSERT INTO at SELECT id, id FROM c ON CONFLICT DO NOTHING;
		WHEN 'pgbench_branches' THEN INSERT INTO pgbench_branches SELECT g, 0 FROM generate_series(1, 3) g ON CONFLICT DO NOTHING;
		WHEN 'pgbench_tellers' THEN INSERT INTO pgbench_tellers SELECT g, 1 + g % 3, 0 FROM generate_series(1, 10) g ON CONFLICT DO NOTHING;
		WHEN 'pgbench_accounts' THEN INSERT INTO pgbench_accounts SELECT g, 1 + g % 3, 0 FROM generate_series(1, 60) g ON CONFLICT DO NOTHING;
		WHEN 'pgbench_history' THEN INSERT INTO pgbench_history SELECT 1 + g % 10, 1 + g % 3, 1 + g % 60, g FROM generate_series(1, 20) g;
	END CASE;
END $$;
SELECT refill(t) FROM unnest('{c,o,i,p,pt,par,chi,at,pgbench_branches,pgbench_tellers,pgbench_accounts,pgbench_history}'::name[]) t;
INSERT INTO other.p SELECT sku, cat + 1, price + 1, 'other ' || sku FROM shop.p;

CREATE VIEW vw AS SELECT o.id, o.c, o.st, o.amt, c.name, c.tier FROM o JOIN c ON c.id = o.c;
CREATE VIEW vb WITH (security_barrier) AS SELECT id, c, st, t FROM o WHERE amt > 20;
CREATE FUNCTION total_of(int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT sum(amt) FROM shop.o WHERE c = $1';
CREATE FUNCTION orders_of(int) RETURNS SETOF shop.o LANGUAGE sql STABLE AS 'SELECT * FROM shop.o WHERE c = $1';

-- The rows of a statement, by PL/pgSQL, which fetches them in parts.
CREATE FUNCTION rows_of(query text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
	r record; result text := '';
BEGIN
	FOR r IN EXECUTE query LOOP
		result := result || r::text || E'\n';
	END LOOP;
	RETURN result;
END $$;

-- Each tenant sees its orders only.
ALTER TABLE o ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON o TO clerk USING (t = current_setting('app.tenant')::int);
GRANT USAGE ON SCHEMA shop, other TO clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA shop, other TO clerk;

SELECT cache.attach('at', 'write_through');
SELECT cache.track(r, by_value => true) FROM unnest('{c,o,i,pt,pgbench_accounts,pgbench_branches}'::regclass[]) r;
SELECT cache.track(r) FROM unnest('{p,other.p,par,chi,pgbench_tellers,pgbench_history}'::regclass[]) r;
ANALYZE c, o, i, p, pt, par, chi, at, pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history;
