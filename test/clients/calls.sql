-- What the calls of calls.txt begin with.
UPDATE products SET stock = 10 WHERE id = 50;
DELETE FROM products WHERE id = 200;
SELECT cache.delete_prefix('');
SELECT cache.drop_space('sessions', if_exists => true);
TRUNCATE hits;
INSERT INTO hits SELECT i FROM generate_series(1, 3) i;
