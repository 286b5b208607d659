--
-- First mistakes, of those who know Redis, Rails or only SQL: what the answer says.
--

\set VERBOSITY default
CREATE TABLE mi (id int PRIMARY KEY, v text, n int DEFAULT 0);
CREATE TABLE "Mixed Case" (id int PRIMARY KEY);
CREATE TABLE mi_lines (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE mi_numeric (id numeric PRIMARY KEY);
CREATE TABLE mi_wide (id int PRIMARY KEY, v text);
INSERT INTO mi SELECT g, 'v' || g FROM generate_series(1, 3) g;

-- ----- the table by its name -----
SELECT cache.attach('mi'), cache.attach('mi_lines');
SELECT cache.read('mi', 1);
SELECT * FROM cache.read('public.mi', 1);
SELECT cache.read('mi'::regclass, 1);
SELECT cache.read('"Mixed Case"'::regclass, 1);
SELECT cache.read(NULL, 1);
SELECT cache.read_many('mi', '{1,2}');
SELECT cache.lookup('mi', 1);
SELECT cache.explain('mi', 1);
SELECT cache.remove('mi', 1);
SELECT cache.invalidate('mi', 1);
SELECT cache.increment('mi', 'n', 1, 1);
SELECT * FROM cache.scan('mi');
SELECT cache.write('(1,x,0)');
SELECT cache.write(ROW(1, 'x', 0));
SELECT cache.fill('(1,x,0)');
-- without a key, and as other caches have it
SELECT cache.read(NULL::mi);
SELECT * FROM cache.read(NULL::mi_lines);
SELECT cache.read('user:1');
SELECT cache.read(NULL::mi_wide);
SELECT cache.read(1);
SELECT cache.write('user:1', 'x');
SELECT cache.write('user:1', 5);
-- or by a row: that is right
SELECT (cache.read(m, 2)).v FROM mi m WHERE id = 1;

-- ----- keys -----
SELECT * FROM cache.read_many(NULL::mi, '{1,2}');
SELECT * FROM cache.read_many(NULL::mi, '{1,two}');
SELECT * FROM cache.read_many(NULL::mi, 1);
SELECT * FROM cache.read_many(NULL::mi, ARRAY[now()]);
SELECT * FROM cache.read_many(NULL::mi_lines, ARRAY[1, 2]);
SELECT * FROM cache.read(NULL::mi, ARRAY[1, 2]);
SELECT * FROM cache.read(NULL::mi, now());
SELECT * FROM cache.read(NULL::mi, 1, 2);
SELECT * FROM cache.read(NULL::mi_lines, 1);
SELECT * FROM cache.read(NULL::mi_lines, VARIADIC '{1,2}');
SELECT * FROM cache.read(NULL::mi, '1'), cache.read(NULL::mi, 1.0) x;

-- ----- attaching -----
SELECT cache.attach('mi', 'read-through');
SELECT cache.attach('mi', 'lru');
SELECT cache.attach('mi', ttl => 60), ttl FROM cache.bindings WHERE relation = 'mi'::regclass;
SELECT ttl FROM cache.bindings WHERE relation = 'mi'::regclass;
SELECT cache.attach('mi', 'read_through', ttl => '1.5'::text, negative_ttl => 0.5);
SELECT ttl, negative_ttl FROM cache.bindings WHERE relation = 'mi'::regclass;
SELECT cache.attach('mi', 'read_through', ttl => true);
SELECT cache.attach('mi', 'read_through', ttl => 0);
SELECT cache.attach('mi', 'read_through', ttl => 4e9);
SELECT cache.attach('mi', 'read_through', ttl => 9223372036854775807);
-- what was set and is not set again
SELECT cache.attach('mi', 'read_through', ttl => '1 hour', max_memory => '1MB', refresh_ahead => 0.5);
SELECT cache.attach('mi', 'read_through', ttl => '1 hour', refresh_ahead => 0.25);
SELECT cache.attach('mi', 'read_through');
SELECT cache.attach('mi', 'read_through');
SELECT cache.attach('mi', 'write_back', durable => false, flush_interval => 5, flush_batch => 10, merge => '{"n": "add"}');
SELECT flush_interval FROM cache.bindings WHERE relation = 'mi'::regclass;
SELECT cache.attach('mi', 'write_back', merge => '{"n": "add"}');
-- with another strategy they mean nothing
SELECT cache.attach('mi', 'read_through', ttl => '1 hour');
SELECT cache.detach('mi'), cache.attach('mi', 'read_through');
-- absences of such keys cannot be kept
SELECT cache.attach('mi_numeric', negative_ttl => '1 min');
SELECT cache.attach('mi_numeric', ttl => '1 min', refresh_ahead => 0.5);
SELECT cache.attach('mi_numeric');

-- ----- a row that is too large -----
SELECT cache.attach('mi_wide', 'read_through', max_memory => '64kB');
ALTER TABLE mi_wide ALTER v SET STORAGE EXTERNAL;
INSERT INTO mi_wide VALUES (1, 'small'), (2, repeat('x', 70000)), (3, repeat(repeat('x', 100000), 200));
SELECT id, length((cache.read(NULL::mi_wide, id)).v) FROM mi_wide ORDER BY id;
SELECT id, outcome, reason, bytes > 0 AS bytes FROM mi_wide, cache.explain(NULL::mi_wide, id) ORDER BY id;
SELECT cache.attach('mi_wide', 'read_through');
SELECT id, outcome, reason, bytes > 0 AS bytes FROM mi_wide, cache.explain(NULL::mi_wide, id) ORDER BY id;
SELECT length((cache.read(NULL::mi_wide, 2)).v);
SELECT outcome, bytes FROM cache.explain(NULL::mi_wide, 2);
SELECT outcome, bytes FROM cache.explain(NULL::mi_wide, 4);
-- explain() keeps and counts nothing, as ever
SELECT outcome FROM cache.explain(NULL::mi_wide, 1);
SELECT outcome FROM cache.explain(NULL::mi_wide, 1);

-- ----- keys and values -----
SELECT cache.set('n', 5), cache.incr('n'), cache.get('n');
SELECT cache.incr('n', 0.5);
SELECT cache.set('n', NULL);
SELECT cache.set('n', 'x', 0);
SELECT cache.set('n', 'x', -1);
SELECT cache.expire('n', -1);
SELECT cache.set('user:1', 'x'), cache.set('user:2', 'x');
SELECT cache.keys('*');
SELECT cache.keys('user:*');
SELECT cache.keys('user:%');
SELECT cache.keys('user:');
SELECT cache.keys('nobody');
SELECT cache.delete_prefix('user:*');
SELECT * FROM cache.scan_keys(0, 'user:*', 1000000);
SELECT cache.set('100%', 'x'), cache.keys('100%');
SELECT cache.get('n', space => 'sessions');
SELECT cache.delete_prefix('');

DROP TABLE mi, "Mixed Case", mi_lines, mi_numeric, mi_wide;
