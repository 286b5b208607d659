-- What there is to see, with names and texts that try to be more than text.

CREATE EXTENSION cache_strategies;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
CREATE TABLE products (id int PRIMARY KEY, v text);
CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE TABLE "<script>console.error('table')</script>" (id int PRIMARY KEY, v text);
CREATE TABLE """><img src=x onerror=alert(1)>" (id int PRIMARY KEY, v text);
INSERT INTO products SELECT i, repeat('row ' || i || ' ', 20) FROM generate_series(1, 20000) i;
INSERT INTO "<script>console.error('table')</script>" SELECT i, 'x' FROM generate_series(1, 500) i;
INSERT INTO """><img src=x onerror=alert(1)>" SELECT i, 'x' FROM generate_series(1, 50) i;
INSERT INTO counted SELECT generate_series(1, 100);
ANALYZE;
SELECT cache.attach('products', 'read_through'), cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}'),
	cache.attach('"<script>console.error(''table'')</script>"'), cache.attach('"""><img src=x onerror=alert(1)>"', 'write_through');
SELECT cache.create_space('</style><b>carts & "more" ü');
SELECT cache.track('products');
SELECT count(cache.read(NULL::products, 1 + (i * 7919 + j * j * 31) % (20000 / j))) FROM generate_series(1, 8) j, generate_series(1, 4000) i;
SELECT count(cache.read(NULL::"<script>console.error('table')</script>", i % 300 + 1)) FROM generate_series(1, 2000) i;
SELECT count(cache.read(NULL::"""><img src=x onerror=alert(1)>", i)) FROM generate_series(1, 40) i;
SELECT pg_sleep(1.5);
UPDATE products SET v = 'changed' WHERE id <= 200;
SELECT count(cache.increment(NULL::counted, 'n', 1, i)) FROM generate_series(1, 90) i;
SELECT cache.flush('counted');
SELECT count(cache.increment(NULL::counted, 'n', 1, i)) FROM generate_series(1, 25) i;
SELECT count(cache.read(NULL::products, 1 + i % 500)) FROM generate_series(1, 3000) i;
SELECT pg_sleep(1.5);
SELECT count(cache.set('cart ' || i, 'empty', space => '</style><b>carts & "more" ü')) FROM generate_series(1, 50) i;
SELECT count(cache.get('cart ' || i, space => '</style><b>carts & "more" ü')) FROM generate_series(1, 600) i;
SELECT 'SELECT count(*) FROM products /* </code><script>console.error(2)</script> */' FROM generate_series(1, 80) \gexec
SELECT 'SELECT max(v) AS "<b>" FROM products' FROM generate_series(1, 40) \gexec
