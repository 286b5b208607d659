--
-- Keys and values: what each function does, in one session.
--

\set VERBOSITY terse
SELECT cache.delete_prefix('') >= 0 AS empty;

-- ----- what goes in comes out -----

SELECT cache.set('text', 'a value'), cache.get('text'), cache.exists('text');
SELECT cache.set('json', '{"b": [1, 2.50, null], "a": "x"}'::jsonb), cache.get_jsonb('json'), cache.get('json');
SELECT cache.set('bytes', '\x00ff10'::bytea), cache.get_bytea('bytes');
SELECT cache.incr('bigint', 41), cache.get('bigint'), cache.get_jsonb('bigint'), jsonb_typeof(cache.get_jsonb('bigint'));
SELECT cache.incr_numeric('numeric', 1.250), cache.get('numeric'), cache.get_jsonb('numeric'), jsonb_typeof(cache.get_jsonb('numeric'));
-- text as JSON, and as its bytes
SELECT cache.set('text json', ' {"a": [true]} '), cache.get_jsonb('text json'), cache.get('text json');
SELECT cache.set('text bytes', 'aé'), cache.get_bytea('text bytes');
-- JSON that is no object
SELECT j, cache.set('json', j), cache.get_jsonb('json') = j AS same, cache.get('json')
	FROM unnest(ARRAY['null', '"text"', '-1.5e3', '[]', '{}', 'true']::jsonb[]) j;
-- no key, and NULL
SELECT cache.get('none'), cache.get_jsonb('none'), cache.get_bytea('none'), cache.exists('none'), cache.ttl('none');
SELECT cache.get(NULL), cache.get_jsonb(NULL), cache.get_bytea(NULL), cache.exists(NULL), cache.ttl(NULL);
-- a value of another type takes the place of the old one
SELECT cache.set('text', '"json"'::jsonb), cache.get('text'), cache.set('text', '\x41'::bytea), cache.get_bytea('text'),
	cache.set('text', 'text'), cache.get('text');

-- empty keys, empty values
SELECT cache.set('', 'of the empty key'), cache.get(''), cache.exists('');
SELECT cache.set('', ''), cache.get('') = '' AS empty, cache.get_bytea('') = ''::bytea AS no_bytes, cache.exists('');
SELECT cache.set('', ''::bytea), cache.get_bytea('') = ''::bytea AS empty, cache.delete(''), cache.exists('');
-- characters of all kinds, in keys and in values
CREATE TABLE characters (c text);
INSERT INTO characters VALUES (' '), (E'\n\t\r'), (E'\\'), (''''), ('"'), ('%_*?[a-z]'), ('é'), ('ß'), ('日本語'), ('😀👩‍👩‍👧'),
	(E'\u0301'), (E'\uFFFD'), (E'\u202E'), (E'\u0001'), ('k'), ('t'), ('NULL'), ('{}');
SELECT count(*), count(*) FILTER (WHERE cache.set('c' || c, c)) AS set FROM characters;
SELECT count(*) AS same FROM characters WHERE cache.get('c' || c) = c;
SELECT count(*) AS same FROM (SELECT cache.set(c, to_jsonb(c)), c FROM characters OFFSET 0) x WHERE cache.get_jsonb(c) = to_jsonb(c);
SELECT cache.delete_many(array_agg(c)) AS deleted FROM characters;
SELECT cache.delete_prefix('c');
-- keys are bytes: these two look the same
SELECT cache.set(E'e\u0301', 'two characters'), cache.set(E'\u00e9', 'one'), cache.get(E'e\u0301'), cache.get(E'\u00e9');
-- all bytes
SELECT cache.set('bytes', decode(string_agg(lpad(to_hex(i), 2, '0'), ''), 'hex')) FROM generate_series(0, 255) i;
SELECT length(cache.get_bytea('bytes')), md5(cache.get_bytea('bytes')) = md5(decode(string_agg(lpad(to_hex(i), 2, '0'), ''), 'hex')) AS same
	FROM generate_series(0, 255) i;
-- sizes, one after the other under one key, up to megabytes
SELECT count(*), count(*) FILTER (WHERE set AND cache.get('size') = repeat('v', n)) AS same
	FROM (SELECT n, cache.set('size', repeat('v', n)) FROM unnest(ARRAY[0, 1, 2, 7, 8, 9, 126, 127, 128, 4095, 8191, 65536, 1000000, 2500000, 10]) n OFFSET 0) x;
-- columns of one, which TOAST has compressed or moved out of the row
CREATE TABLE large (id int, v text, j jsonb, b bytea);
ALTER TABLE large ALTER b SET STORAGE EXTERNAL;
INSERT INTO large SELECT 1, string_agg(md5(i::text), ''), jsonb_agg(md5(i::text)), decode(string_agg(md5(i::text), ''), 'hex')
	FROM generate_series(1, 50000) i;
INSERT INTO large SELECT 2, repeat('compressible', 100000), jsonb_build_object('a', repeat('x', 1000000)), decode(repeat('00', 2000000), 'hex');
SELECT id, cache.set('v' || id, v), cache.set('j' || id, j), cache.set('b' || id, b) FROM large;
SELECT id, cache.get('v' || id) = v AS v, cache.get_jsonb('j' || id) = j AS j, cache.get_bytea('b' || id) = b AS b,
	length(v), length(b) FROM large;
SELECT cache.delete_many('{v1,v2,j1,j2,b1,b2,size}');
DROP TABLE large;
-- the longest key
SELECT cache.set(repeat('k', 8191), 'long'), cache.get(repeat('k', 8191)), cache.exists(repeat('k', 8190)), cache.delete(repeat('k', 8191));
SELECT cache.delete_prefix('') AS deleted;

-- ----- set, add, replace -----

SELECT cache.set('a', '1', if_present => true), cache.get('a');
SELECT cache.set('a', '1', if_absent => true), cache.get('a');
SELECT cache.set('a', '2', if_absent => true), cache.get('a');
SELECT cache.set('a', '3', if_present => true), cache.get('a');
SELECT cache.add('a', '4'), cache.add('b', '5'), cache.get('a'), cache.get('b');
SELECT cache.replace('a', '6'), cache.replace('c', '7'), cache.get('a'), cache.get('c');
SELECT cache.add('c', '{"n": 1}'::jsonb), cache.replace('c', '{"n": 2}'::jsonb), cache.get_jsonb('c');
SELECT cache.add('d', '\x01'::bytea), cache.replace('d', '\x02'::bytea), cache.get_bytea('d');
-- NULL flags are off
SELECT cache.set('a', '8', NULL, NULL, NULL, NULL, NULL, NULL, NULL), cache.get('a');
-- the time to live goes with the value, unless it is kept
SELECT cache.set('a', '1', ttl => '1 hour'), cache.ttl('a') BETWEEN '50 min' AND '1 hour' AS ttl;
SELECT cache.set('a', '2', keep_ttl => true), cache.get('a'), cache.ttl('a') BETWEEN '50 min' AND '1 hour' AS ttl;
SELECT cache.set('a', '3', keep_ttl => true, if_present => true), cache.get('a'), cache.ttl('a') BETWEEN '50 min' AND '1 hour' AS ttl;
SELECT cache.set('a', '4'), cache.get('a'), cache.ttl('a');
SELECT cache.set('a', '5', keep_ttl => true), cache.get('a'), cache.ttl('a');
SELECT cache.set('new', '6', keep_ttl => true), cache.get('new'), cache.ttl('new');
SELECT cache.set('a', '7', ttl => '1 hour', if_absent => true), cache.ttl('a');
SELECT cache.replace('a', '8', ttl => '1 hour'), cache.ttl('a') > '50 min' AS ttl, cache.add('e', '9', '1 day'), cache.ttl('e') > '23:50' AS ttl;
-- and keep_ttl keeps what touch() gives again as well
SELECT cache.set('a', '9', keep_ttl => true), cache.touch('a'), cache.ttl('a') > '50 min' AS ttl;

-- ----- many -----

SELECT cache.set_many(ARRAY['m1', 'm2', 'm3'], ARRAY['one', 'two', 'three']);
SELECT * FROM cache.get_many(ARRAY['m3', 'none', 'm1', NULL, 'm3', '']);
SELECT cache.get_many(ARRAY['m2', 'm1']);
-- of equal keys the last wins
SELECT cache.set_many(ARRAY['m1', 'm2', 'm1', 'm1'], ARRAY['1', '2', '3', '4'], ttl => '1 hour');
SELECT key, value, cache.ttl(key) > '50 min' AS ttl FROM cache.get_many(ARRAY['m1', 'm2', 'm3']);
SELECT cache.set_many(ARRAY['j1', 'j2'], ARRAY['1', '{"a": 2}']::jsonb[]);
SELECT * FROM cache.get_many_jsonb(ARRAY['j2', 'j1', 'none']);
SELECT * FROM cache.get_many(ARRAY['j2', 'j1', 'none']);
SELECT cache.set_many(ARRAY['b1', 'b2'], ARRAY['\x00', '\x']::bytea[]);
SELECT * FROM cache.get_many_bytea(ARRAY['b2', 'b1', 'm1']);
-- nothing
SELECT cache.set_many('{}', '{}'::text[]), cache.set_many('{}'::text[], '{}'::jsonb[], tags => '{a}'), cache.delete_many('{}');
SELECT * FROM cache.get_many('{}');
SELECT * FROM cache.get_many(NULL);
SELECT * FROM cache.get_many(ARRAY[NULL, NULL]);
-- arrays of other shapes are read row by row
SELECT cache.set_many(ARRAY[['x1', 'x2'], ['x3', 'x4']], '[5:8]={a,b,c,d}'::text[]);
SELECT * FROM cache.get_many(ARRAY[['x4', 'x1'], ['x2', 'x3']]);
SELECT cache.delete_many(ARRAY['m1', 'none', 'm2', 'm1']), cache.exists('m1'), cache.exists('m3');
-- so many that the space is locked as a whole
SELECT cache.set_many(array_agg('k' || i), array_agg('v' || i)) FROM generate_series(1, 5000) i;
SELECT count(*), count(*) FILTER (WHERE value = 'v' || substr(key, 2)) AS same
	FROM cache.get_many((SELECT array_agg('k' || i) FROM generate_series(1, 6000) i));
SELECT cache.delete_prefix('k1'), cache.exists('k1'), cache.exists('k2'), cache.delete_prefix('k'), cache.delete_prefix('k');

-- ----- delete, get_and_delete -----

SELECT cache.set('a', '1'), cache.delete('a'), cache.get('a'), cache.delete('a');
SELECT cache.set('a', 'text'), cache.get_and_delete('a'), cache.exists('a'), cache.get_and_delete('a');
SELECT cache.set('a', '[1]'::jsonb), cache.get_and_delete_jsonb('a'), cache.exists('a'), cache.get_and_delete_jsonb('a');
SELECT cache.set('a', '\x01'::bytea), cache.get_and_delete_bytea('a'), cache.exists('a'), cache.get_and_delete_bytea('a');
SELECT cache.incr('a', 5), cache.get_and_delete('a'), cache.exists('a');
-- a prefix is bytes, not a pattern
SELECT cache.delete_prefix('');
SELECT cache.set_many('{p,p%,p%x,p_x,pq,P,"",é,éa}', '{1,2,3,4,5,6,7,8,9}'::text[]);
SELECT cache.delete_prefix('p%'), cache.delete_prefix('é'), cache.delete_prefix('none');
SELECT array_agg(k) FROM cache.keys() k;

-- ----- keys -----

SELECT cache.delete_prefix('');
SELECT cache.set_many('{b,B,a,é,ab,a b,"",aé,aa,z,10,9}', '{1,2,3,4,5,6,7,8,9,10,11,12}'::text[]);
SELECT array_agg(k) FROM cache.keys() k;
SELECT array_agg(k) FROM cache.keys('a') k;
SELECT array_agg(k) FROM cache.keys('none') k;
SELECT array_agg(k) FROM cache.keys('a', after => 'aa') k;
SELECT array_agg(k) FROM cache.keys('a', after => 'aab') k;
SELECT array_agg(k) FROM cache.keys(after => 'z') k;
SELECT array_agg(k) FROM cache.keys(after => '') k;
SELECT array_agg(k) FROM cache.keys(count => 3) k;
SELECT array_agg(k) FROM cache.keys('a', 'a', 2) k;
SELECT array_agg(k) FROM cache.keys(count => 0) k;
SELECT array_agg(k) FROM cache.keys(NULL) k;
SELECT cache.keys('a', count => 1), cache.keys('z');
-- page by page, as the documentation has it
CREATE FUNCTION pages(size bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	last text;
	page text[];
BEGIN
	LOOP
		page := ARRAY(SELECT k FROM cache.keys(after => last, count => size) k);
		EXIT WHEN page = '{}';
		RETURN NEXT array_to_string(page, ' ');
		last := page[array_upper(page, 1)];
	END LOOP;
END $$;
SELECT pages(5);
-- neither what has been deleted, nor what has expired, nor tags
SELECT cache.delete('b'), cache.set('z', 'tagged', tags => '{tag}'), cache.expire('9', '1 microsecond');
SELECT array_agg(k) FROM cache.keys() k;
SELECT cache.invalidate_tag('tag');
SELECT array_agg(k) FROM cache.keys() k;

-- ----- counting -----

SELECT cache.delete_prefix('');
SELECT cache.incr('n'), cache.incr('n'), cache.incr('n', 10), cache.incr('n', -20), cache.incr('n', 0), cache.get('n');
SELECT pg_typeof(cache.incr('n', 1)), pg_typeof(cache.incr('n', 1::bigint)), pg_typeof(cache.incr('n', 1.0)), pg_typeof(cache.incr_numeric('n', 1.0)), pg_typeof(cache.incr_numeric('n')), pg_typeof(cache.incr('n'));
SELECT cache.delete('n'), cache.incr('n', 5000000000), cache.incr('n', 4611686018427387904);
-- both ends of bigint can be reached
SELECT cache.delete('n'), cache.incr('n', 9223372036854775807), cache.incr('n', -9223372036854775807), cache.incr('n', -9223372036854775808);
-- numeric, exactly
SELECT cache.incr_numeric('f', 0.1), cache.incr_numeric('f', 0.2), cache.incr_numeric('f', 123456789012345678901234567890), cache.incr_numeric('f', -0.3), cache.get('f');
-- a bigint becomes numeric with the first numeric delta, and stays one
SELECT cache.incr('g', 1), cache.incr_numeric('g', 0.50), cache.incr_numeric('g', 0.50), cache.incr('g', 1), cache.get('g');
SELECT cache.incr('h', 9223372036854775807), cache.incr_numeric('h', 1), cache.get('h');
-- text that is a number
SELECT v, cache.set('t', v), cache.incr('t', 1) AS incr FROM unnest('{0,7,-7,9223372036854775806,-9223372036854775808}'::text[]) v;
SELECT v, cache.set('t', v), cache.incr_numeric('t', 1::numeric) AS incr FROM unnest('{0,007,-7.25,+7,.5,5.,1e3,1E-3,99999999999999999999}'::text[]) v;
SELECT cache.set('t', '5'), cache.incr('t'), cache.get_jsonb('t');
-- the time to live is for a key that is new, and is kept
SELECT cache.incr('u', 1, '1 hour'), cache.ttl('u') > '50 min' AS ttl, cache.incr('u', 1, '1 day'), cache.ttl('u') <= '1 hour' AS ttl;
SELECT cache.incr('v'), cache.incr('v', ttl => '1 hour'), cache.ttl('v');
SELECT cache.set('w', '1', ttl => '1 hour'), cache.incr('w'), cache.ttl('w') > '50 min' AS ttl, cache.incr_numeric('w', 0.5), cache.ttl('w') > '50 min' AS ttl;

-- ----- compare_and_set -----

SELECT cache.delete_prefix('');
SELECT cache.compare_and_set('a', 'x', 'y'), cache.exists('a');
SELECT cache.compare_and_set('a', NULL, 'x'), cache.get('a');
SELECT cache.compare_and_set('a', NULL, 'y'), cache.get('a');
SELECT cache.compare_and_set('a', 'y', 'z'), cache.get('a');
SELECT cache.compare_and_set('a', 'x', ''), cache.get('a') = '' AS empty;
SELECT cache.compare_and_set('a', '', 'xx'), cache.compare_and_set('a', 'x', 'no'), cache.compare_and_set('a', 'xxx', 'no'), cache.get('a');
SELECT cache.compare_and_set('a', 'other', NULL), cache.get('a'), cache.compare_and_set('a', 'xx', NULL), cache.exists('a');
SELECT cache.compare_and_set('a', NULL::text, NULL), cache.exists('a');
SELECT cache.compare_and_set('j', NULL, '{"a": 1, "b": 2}'::jsonb), cache.compare_and_set('j', '{"b": 2.0, "a": 1}', '[]'::jsonb), cache.get_jsonb('j');
SELECT cache.compare_and_set('b', NULL, '\x00'::bytea), cache.compare_and_set('b', '\x0000', '\x01'::bytea),
	cache.compare_and_set('b', '\x00', '\x02'::bytea), cache.get_bytea('b');
-- what get() gives is what is expected, whatever the type
SELECT cache.incr('n', 5), cache.compare_and_set('n', cache.get('n'), '6'), cache.get('n');
SELECT cache.incr('n', 1), cache.compare_and_set('n', cache.get_jsonb('n'), '{"n": 7}'::jsonb), cache.compare_and_set('n', cache.get('n'), 'x'), cache.get('n');
SELECT cache.compare_and_set('n', '\x78'::bytea, '\x79'::bytea), cache.get_bytea('n');
SELECT cache.compare_and_set('e', NULL, 'x', '1 hour'), cache.ttl('e') > '50 min' AS ttl, cache.compare_and_set('e', 'x', 'y'), cache.ttl('e');

-- ----- how long -----

SELECT cache.set('a', 'x'), cache.ttl('a'), cache.expire('a', '90 min'), cache.ttl('a') BETWEEN '80 min' AND '90 min' AS ttl, cache.get('a');
SELECT cache.persist('a'), cache.ttl('a'), cache.get('a'), cache.touch('a'), cache.ttl('a');
SELECT cache.expire('none', '1 hour'), cache.persist('none'), cache.touch('none'), cache.exists('none');
SELECT cache.expire('a', '1 month'), cache.ttl('a') BETWEEN '29 days 23:50' AND '30 days' AS ttl;
SELECT cache.expire('a', NULL), cache.ttl('a');
-- types other than text, and tags, are left as they are
SELECT cache.set('j', '[1]'::jsonb, tags => '{tag}'), cache.expire('j', '1 hour'), cache.touch('j'), cache.persist('j'), cache.get_jsonb('j');
SELECT cache.invalidate_tag('tag'), cache.get_jsonb('j');
-- the longest
SELECT ttl, cache.set('a', 'x', ttl => ttl::interval), cache.get('a'), cache.ttl('a') > '35999 days' AS ttl, cache.touch('a'), cache.ttl('a') > '35999 days' AS ttl, cache.expire('a', ttl::interval), cache.ttl('a') > '35999 days' AS ttl
	FROM unnest(ARRAY['100 years', '876000 hours', '36500 days']) ttl;

-- expired is gone, by all functions, without anything having swept it
CREATE FUNCTION expired(key text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..100000000 LOOP
		IF NOT cache.exists(key) THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END $$;
SELECT cache.set('a', 'x', ttl => '50 ms'), expired('a'), cache.get('a'), cache.ttl('a'), cache.exists('a');
SELECT cache.set('a', 'x', ttl => '1 microsecond'), expired('a'), cache.get('a');
SELECT cache.set('a', 'x'), cache.expire('a', '1 microsecond'), expired('a'), cache.get('a'), cache.delete('a');
SELECT cache.set('a', 'x', ttl => '1 us'), expired('a'), cache.expire('a', '1 hour'), cache.touch('a'), cache.persist('a'), cache.get('a');
SELECT cache.set('a', 'x', ttl => '1 us'), expired('a'), cache.replace('a', 'y'), cache.add('a', 'z'), cache.get('a'), cache.ttl('a');
SELECT cache.set('a', '5', ttl => '1 us'), expired('a'), cache.incr('a'), cache.ttl('a');
SELECT cache.set('a', 'x', ttl => '1 us'), expired('a'), cache.compare_and_set('a', 'x', 'y'), cache.compare_and_set('a', NULL, 'z'), cache.get('a');
SELECT cache.set('a', 'x', ttl => '1 us'), expired('a'), cache.get_and_delete('a'), cache.set('a', 'y', keep_ttl => true), cache.ttl('a'), cache.get('a');
SELECT cache.set_many('{a,b}', '{1,2}'::text[], ttl => '1 us'), expired('a'), expired('b'), cache.delete_many('{a,b}');
SELECT * FROM cache.get_many('{a,b}');
-- each get() begins anew: nothing of an old one is left
SELECT cache.set('a', 'x', ttl => '1 hour'), cache.get('a') IN ('x') AS there, cache.expire('a', '1 us'), expired('a'), cache.set('a', 'y'), cache.get('a'), cache.ttl('a');
-- touch() gives the whole time again; nothing else does that by itself
CREATE FUNCTION wait_for_ttl(key text, below interval) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	WHILE cache.ttl(key) >= below LOOP
	END LOOP;
	RETURN cache.exists(key);
END $$;
-- the whole time again, but for what has passed since
CREATE FUNCTION touch_renews(key text, whole interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz := clock_timestamp();
BEGIN
	PERFORM cache.touch(key);
	RETURN cache.ttl(key) > whole - (clock_timestamp() - began) - interval '50 ms';
END $$;
SELECT cache.set('a', '1', ttl => '1 hour'), wait_for_ttl('a', '00:59:59.7'), touch_renews('a', '1 hour'),
	wait_for_ttl('a', '00:59:59.7'), cache.set('a', '2', keep_ttl => true), cache.incr('a'), cache.get('a'), cache.ttl('a') < '00:59:59.7' AS kept;
-- after expire() it is the time given there
SELECT cache.set('a', '1', ttl => '1 hour'), cache.expire('a', '2 hours'), wait_for_ttl('a', '1:59:59.7'), touch_renews('a', '2 hours');

-- ----- tags -----

SELECT cache.delete_prefix('');
SELECT cache.set('a', '1', tags => '{red,round}'), cache.set('b', '2', tags => '{red}'), cache.set('c', '3', tags => '{round}'), cache.set('d', '4');
SELECT * FROM cache.get_many('{a,b,c,d}');
SELECT cache.invalidate_tag('red');
SELECT * FROM cache.get_many('{a,b,c,d}');
SELECT cache.exists('a'), cache.ttl('a'), cache.delete('a'), cache.add('b', 'new'), cache.get('b');
SELECT cache.invalidate_tag('red'), cache.get('b');
SELECT cache.set('a', '5', tags => '{red,round,red}'), cache.get('a'), cache.invalidate_tag('red'), cache.get('a');
SELECT cache.invalidate_tag('never used'), cache.get('c');
-- with the value goes the tag: this one has none any more
SELECT cache.set('c', '6'), cache.invalidate_tag('round'), cache.get('c');
SELECT cache.set('c', '7', tags => '{round}', if_absent => true), cache.invalidate_tag('round'), cache.get('c');
-- but these functions leave it where it is
SELECT cache.set('n', '5', tags => '{count}'), cache.incr('n'), cache.expire('n', '1 hour'), cache.persist('n'), cache.touch('n'),
	cache.compare_and_set('n', '6', '7'), cache.get('n'), cache.invalidate_tag('count'), cache.get('n'), cache.incr('n');
-- every other function that sets
SELECT cache.add('e', '1', tags => '{t}'), cache.replace('e', '2', tags => '{u}'), cache.invalidate_tag('t'), cache.get('e'), cache.invalidate_tag('u'), cache.get('e');
SELECT cache.set_many('{f,g}', '{1,2}'::text[], tags => '{t,u}'), cache.get('f'), cache.get('g'), cache.invalidate_tag('u'), cache.get('f'), cache.get('g');
-- a tag is no key, whatever its name
SELECT cache.set('h', '1', tags => ARRAY['h', '', 'ü']), cache.get('h'), cache.exists(''), cache.invalidate_tag(''), cache.get('h'),
	cache.set('h', '1', tags => '{h}'), cache.delete('h'), cache.invalidate_tag('h'), cache.get('h');
SELECT cache.set('h', '1', tags => '{}'), cache.get('h');
SELECT cache.delete_prefix('') AS deleted;

-- ----- transactions -----

SELECT cache.set_many('{a,b,n}', '{old,old,1}'::text[]);
BEGIN;
SELECT cache.set('a', 'new'), cache.delete('b'), cache.incr('n'), cache.set('c', 'new'), cache.set('d', 'tagged', tags => '{tag}');
SELECT cache.get('a'), cache.get('b'), cache.get('n'), cache.get('c'), cache.get('d'), cache.exists('b');
SELECT array_agg(k) FROM cache.keys() k;
SELECT * FROM cache.get_many('{d,c,b,a}');
SELECT cache.add('b', 'again'), cache.get('b'), cache.get_and_delete('c'), cache.get('c'), cache.delete_prefix('c');
ROLLBACK;
SELECT cache.get('a'), cache.get('b'), cache.get('n'), cache.get('c'), cache.get('d');
SELECT array_agg(k) FROM cache.keys() k;
BEGIN;
SELECT cache.set('a', 'new'), cache.delete('b'), cache.incr('n'), cache.set('c', 'new', ttl => '1 hour'), cache.set('d', 'x'), cache.delete('d');
COMMIT;
SELECT cache.get('a'), cache.get('b'), cache.get('n'), cache.get('c'), cache.ttl('c') > '50 min' AS ttl, cache.get('d');
-- seen by another session
\c -
SELECT cache.get('a'), cache.get('b'), cache.get('n'), cache.get('c'), cache.ttl('c') > '50 min' AS ttl, cache.get('d');

-- savepoints
BEGIN;
SELECT cache.set('a', 'outer'), cache.set('b', 'outer');
SAVEPOINT s1;
SELECT cache.set('a', 'inner'), cache.delete('b'), cache.set('c', 'inner');
SAVEPOINT s2;
SELECT cache.set('a', 'innermost'), cache.set('b', 'innermost'), cache.delete('c'), cache.incr('n', 100);
SELECT cache.get('a'), cache.get('b'), cache.get('c'), cache.get('n');
ROLLBACK TO s2;
SELECT cache.get('a'), cache.get('b'), cache.get('c'), cache.get('n');
SELECT cache.set('b', 'innermost again');
RELEASE s2;
SELECT cache.get('a'), cache.get('b'), cache.get('c'), cache.get('n');
ROLLBACK TO s1;
SELECT cache.get('a'), cache.get('b'), cache.get('c'), cache.get('n');
SELECT cache.incr('n');
RELEASE s1;
COMMIT;
SELECT cache.get('a'), cache.get('b'), cache.get('c'), cache.get('n');
-- an error is the end of the subtransaction
DO $$
BEGIN
	PERFORM cache.set('a', 'before');
	BEGIN
		PERFORM cache.set('a', 'inside'), cache.set('x', 'inside'), cache.delete('b');
		RAISE division_by_zero;
	EXCEPTION WHEN division_by_zero THEN
		RAISE NOTICE 'a %, b %, x %', cache.get('a'), cache.get('b'), cache.get('x');
	END;
END $$;
SELECT cache.get('a'), cache.get('b'), cache.get('x');
-- tags: invalidated with the transaction, and undone with it
SELECT cache.set('t1', 'x', tags => '{tag}');
BEGIN;
SELECT cache.invalidate_tag('tag'), cache.get('t1'), cache.set('t2', 'y', tags => '{tag}'), cache.get('t2');
SAVEPOINT s;
SELECT cache.invalidate_tag('tag'), cache.get('t2');
ROLLBACK TO s;
SELECT cache.get('t1'), cache.get('t2');
ROLLBACK;
SELECT cache.get('t1'), cache.get('t2');
BEGIN;
SELECT cache.invalidate_tag('tag'), cache.set('t2', 'y', tags => '{tag}');
COMMIT;
SELECT cache.get('t1'), cache.get('t2'), cache.invalidate_tag('tag'), cache.get('t2');
-- expired within the transaction that set it
BEGIN;
SELECT cache.set('e', 'x', ttl => '20 ms'), expired('e'), cache.get('e'), cache.add('e', 'y'), cache.get('e');
COMMIT;
SELECT cache.get('e');
-- together with the tables
CREATE TABLE beside (v text);
BEGIN;
INSERT INTO beside VALUES ('row');
SELECT cache.set('beside', 'row');
ROLLBACK;
SELECT cache.get('beside'), count(*) FROM beside;
BEGIN;
INSERT INTO beside VALUES ('row');
SELECT cache.set('beside', 'row');
COMMIT;
SELECT cache.get('beside'), count(*) FROM beside;
-- in functions, triggers and conditions
CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM cache.incr('rows');
	RETURN NULL;
END $$;
CREATE TRIGGER count_rows AFTER INSERT ON beside FOR EACH ROW EXECUTE FUNCTION count_rows();
INSERT INTO beside SELECT 'row ' || i FROM generate_series(1, 10) i;
SELECT cache.get('rows');
BEGIN;
INSERT INTO beside SELECT 'row ' || i FROM generate_series(1, 10) i;
SELECT cache.get('rows');
ROLLBACK;
SELECT cache.get('rows'), count(*) FROM beside WHERE v = 'row ' || (cache.get('rows')::int - 1);
-- prepared, with all kinds of plans
PREPARE getter(text) AS SELECT cache.get($1);
PREPARE setter(text, text) AS SELECT cache.set($1, $2);
SET plan_cache_mode = force_generic_plan;
EXECUTE setter('p', 'generic');
EXECUTE getter('p');
SET plan_cache_mode = force_custom_plan;
EXECUTE setter('p', 'custom');
EXECUTE getter('p');
EXECUTE getter(NULL);
RESET plan_cache_mode;
-- in the leader of a parallel query
CREATE TABLE par_keys AS SELECT i FROM generate_series(1, 10000) i;
ANALYZE par_keys;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
EXPLAIN (COSTS OFF) SELECT i, cache.get('p') FROM par_keys WHERE i % 10 = 0;
SELECT count(*), count(v) FROM (SELECT i, cache.get('p') AS v FROM par_keys WHERE i % 10 = 0 OFFSET 0) x;
BEGIN;
SELECT cache.set('p', 'own');
SELECT count(*), count(*) FILTER (WHERE v = 'own') AS own FROM (SELECT i, cache.get('p') AS v FROM par_keys WHERE i % 10 = 0 OFFSET 0) x;
ROLLBACK;
-- a worker does not know what the transaction has changed
CREATE FUNCTION wrongly_safe() RETURNS text PARALLEL SAFE LANGUAGE plpgsql AS $$ BEGIN RETURN cache.get('p'); END $$;
SET parallel_leader_participation = off;
SELECT DISTINCT wrongly_safe() FROM par_keys WHERE i % 10 = 0;
RESET parallel_leader_participation;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;

-- ----- at once -----

BEGIN;
SELECT cache.set('i', '1', immediate => true), cache.get('i'), cache.incr('j', immediate => true), cache.set('k', 'not yet');
SELECT cache.set_many('{i1,i2}', '{a,b}'::text[], immediate => true), cache.delete('a', immediate => true),
	cache.set('l', 'x', immediate => true), cache.expire('l', '1 hour', immediate => true);
ROLLBACK;
SELECT cache.get('i'), cache.get('j'), cache.get('k'), cache.get('i1'), cache.get('i2'), cache.get('a'), cache.ttl('l') > '50 min' AS ttl;
SELECT cache.add('i', 'no', immediate => true), cache.replace('i', 'yes', immediate => true), cache.get('i'),
	cache.compare_and_set('i', 'yes', 'swapped', immediate => true), cache.get('i'), cache.incr('j', 2, immediate => true),
	cache.incr_numeric('j', 0.5, immediate => true), cache.get_and_delete('i', immediate => true), cache.get('i');
SELECT cache.touch('l', immediate => true), cache.ttl('l') > '50 min' AS ttl, cache.persist('l', immediate => true), cache.ttl('l'),
	cache.delete_many('{i1,none}', immediate => true), cache.delete_prefix('i', immediate => true), cache.exists('i2'),
	cache.set('m', 'x', keep_ttl => true, immediate => true), cache.set('m', 'y', '1 day', if_present => true, immediate => true), cache.get('m');
BEGIN;
SELECT cache.set('m', 'tagged', tags => '{now}', immediate => true), cache.get('m'), cache.invalidate_tag('now', immediate => true), cache.get('m');
ROLLBACK;
SELECT cache.get('m');
-- and then in the same transaction, not at once
BEGIN;
SELECT cache.set('m', 'at once', immediate => true), cache.set('m', 'later'), cache.get('m');
ROLLBACK;
SELECT cache.get('m');
-- whether values with tags are there takes reading them, but not keeping them all
SELECT count(cache.set('m' || i, repeat('v', 100000), tags => '{m}')) FROM generate_series(1, 100) i;
SELECT deleted, (SELECT sum(total_bytes) < 8000000 FROM pg_backend_memory_contexts) AS lean
	FROM (SELECT cache.delete_prefix('m') AS deleted OFFSET 0) x;
-- what keys are there does not depend on how they got there
SELECT cache.delete_prefix('') > 0 AS deleted;
SELECT * FROM cache.keys();
DROP TABLE characters, beside, par_keys;
DROP FUNCTION pages, expired, wait_for_ttl, touch_renews, count_rows, wrongly_safe;
