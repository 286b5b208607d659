-- What there is to see: one of each kind, with numbers that differ.

CREATE EXTENSION cache_strategies;
SET cache_strategies.results = auto;
SET cache_strategies.results_min_cost = 0;
CREATE TABLE aside (id int PRIMARY KEY, v text);
CREATE TABLE through (id int PRIMARY KEY, v text);
CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO aside SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
INSERT INTO through TABLE aside;
INSERT INTO counted SELECT generate_series(1, 100);
SELECT cache.attach('aside', negative_ttl => '1 hour'), cache.attach('through', 'write_through'),
	cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
SELECT cache.create_space('carts', max_memory => '1MB');
SELECT cache.track('aside');
SELECT count(cache.read(NULL::aside, i)) FROM generate_series(1, 300) i;
SELECT count(cache.read(NULL::aside, i)) FROM generate_series(1, 200) i;
SELECT count(cache.read(NULL::aside, i)) FROM generate_series(1001, 1010) i;
SELECT count(cache.read(NULL::aside, i)) FROM generate_series(1001, 1010) i;
UPDATE aside SET v = 'changed' WHERE id <= 20;
UPDATE through SET v = 'changed' WHERE id <= 30;
BEGIN;
UPDATE aside SET v = 'mine' WHERE id = 500;
SELECT count(cache.read(NULL::aside, i)) FROM generate_series(1, 7) i;
COMMIT;
SELECT count(cache.increment(NULL::counted, 'n', 1, i)) FROM generate_series(1, 40) i;
SELECT cache.flush('counted');
SELECT count(cache.increment(NULL::counted, 'n', 1, i)) FROM generate_series(1, 25) i;
SELECT count(cache.set('cart ' || i, 'empty', space => 'carts')) FROM generate_series(1, 50) i;
SELECT count(cache.get('cart ' || i, space => 'carts')) FROM generate_series(1, 60) i;
SELECT 'SELECT count(*) FROM aside' FROM generate_series(1, 40) \gexec
