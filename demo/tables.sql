-- The tables of the demo besides pgbench's own.

-- demo.documents documents of about 100 kB: product pages with reviews, as an application
-- would keep them in a jsonb column.  They are compressed and stored out of line.
CREATE TABLE documents (
	id		int PRIMARY KEY,
	body	jsonb NOT NULL
);

CREATE FUNCTION demo.words(n int) RETURNS text
LANGUAGE sql VOLATILE AS $$
	SELECT string_agg(w[1 + (random() ^ 2 * 119)::int], ' ')
	FROM generate_series(1, n),
		(SELECT regexp_split_to_array('the of and a to in is it for that with as on was by be this are from at
		or an have not which one all can more their has when will would been if there so no out up other
		after only some time new these two may then do first any my now such like our over man me even
		most made before must through years where much your way well down should because each just those
		people too state good very make world still own see men work long get here between both life
		being under never day same another know while last might great old year off come since against
		go came right used take three delivery battery quality screen price charger colour warranty
		handle surface noise weight package manual support refund station motor cable', '\s+') AS w) v
$$;

CREATE FUNCTION demo.document(id int) RETURNS jsonb
LANGUAGE sql VOLATILE AS $$
	SELECT jsonb_build_object(
		'sku', format('%s-%s', chr(65 + id % 26), 100000 + id),
		'title', format('Product %s: %s', id, demo.words(6)),
		'price', round((random() * 900 + 10)::numeric, 2),
		'stock', (random() * 500)::int,
		'tags', (SELECT jsonb_agg(demo.words(1)) FROM generate_series(1, 12)),
		'description', demo.words(1500),
		'reviews', (SELECT jsonb_agg(jsonb_build_object(
				'user', md5(random()::text),
				'stars', 1 + (random() * 4)::int,
				'at', timestamptz '2026-01-01' + random() * interval '300 days',
				'text', demo.words(170)))
			FROM generate_series(1, 100)))
$$;

INSERT INTO documents SELECT i, demo.document(i) FROM generate_series(1, current_setting('demo.documents')::int) i;

-- What a bulk import goes into.
CREATE TABLE events (
	id		bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at		timestamptz NOT NULL,
	kind	text NOT NULL,
	payload	jsonb
);

INSERT INTO events (at, kind) VALUES (now(), 'first');

CREATE VIEW demo.new_events AS
	SELECT timestamptz '2026-01-01' + i * interval '1 second' AS at,
		(ARRAY['click', 'view', 'order'])[1 + i % 3] AS kind,
		jsonb_build_object('user', i * 7919 % 10007, 'page', i % 997) AS payload
	FROM generate_series(1, 100000) i;

-- Counted with every visit.
CREATE TABLE pages (
	id		int PRIMARY KEY,
	title	text NOT NULL,
	views	bigint NOT NULL DEFAULT 0,
	seen	timestamptz
);
INSERT INTO pages SELECT i, 'Page ' || i FROM generate_series(1, 1000) i;

-- What the table has, without what is deferred.
CREATE FUNCTION demo.in_table(page int DEFAULT NULL) RETURNS numeric LANGUAGE sql SET cache_strategies.merge_deferred = off AS
	'SELECT sum(views) FROM pages WHERE id = page OR page IS NULL';

-- Copies that are not attached, to compare with.
CREATE SCHEMA plain;
CREATE TABLE plain.pgbench_accounts (LIKE pgbench_accounts INCLUDING ALL);
INSERT INTO plain.pgbench_accounts SELECT * FROM pgbench_accounts;
CREATE TABLE plain.pgbench_tellers (LIKE pgbench_tellers INCLUDING ALL);
INSERT INTO plain.pgbench_tellers SELECT * FROM pgbench_tellers;
CREATE TABLE plain.documents (LIKE documents INCLUDING ALL);
INSERT INTO plain.documents SELECT * FROM documents;
CREATE TABLE plain.events (LIKE events INCLUDING ALL);
CREATE TABLE plain.pages (LIKE pages INCLUDING ALL);
INSERT INTO plain.pages SELECT * FROM pages;
CREATE TABLE demo.events_through (LIKE events INCLUDING ALL);

-- 100,000 reads of 10,000 accounts, in no order.
CREATE TABLE demo.keys AS SELECT 1 + i * 7919 % 10000 AS k FROM generate_series(1, 100000) i;

-- No vacuum in the middle of a measurement.
ALTER TABLE events SET (autovacuum_enabled = off);
ALTER TABLE plain.events SET (autovacuum_enabled = off);
ALTER TABLE demo.events_through SET (autovacuum_enabled = off);
ALTER TABLE pages SET (autovacuum_enabled = off);
ALTER TABLE plain.pages SET (autovacuum_enabled = off);
