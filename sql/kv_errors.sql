--
-- Keys and values: what is refused, with which code, and with which hint.
--

CREATE FUNCTION fails(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text; message text; detail text; hint text; result text;
BEGIN
	EXECUTE command INTO result;
	RETURN 'result: ' || coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN state || ' ' || message || coalesce(E'\n  DETAIL: ' || nullif(detail, ''), '') || coalesce(E'\n  HINT: ' || nullif(hint, ''), '');
END $$;
CREATE FUNCTION all_fail(VARIADIC commands text[]) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT c || E'\n  ' || fails('SELECT cache.' || c) FROM unnest(commands) WITH ORDINALITY x(c, i) ORDER BY i $$;
\pset format unaligned
\pset tuples_only on

SELECT cache.delete_prefix('') >= 0;
SELECT cache.set('text', 'some text'), cache.set('json', '{"a": 1}'::jsonb), cache.set('bytes', '\x00'::bytea),
	cache.incr('bigint'), cache.incr_numeric('numeric', 1.5), cache.set('number', '1'::jsonb);

-- types
SELECT all_fail($$get('bytes')$$, $$get_jsonb('bytes')$$, $$get_bytea('json')$$, $$get_bytea('bigint')$$, $$get_bytea('numeric')$$, $$get_jsonb('text')$$,
	$$get_many('{text,bytes}')$$, $$get_many_jsonb('{text}')$$, $$get_many_bytea('{text,json}')$$);
-- a value that cannot be returned stays
SELECT all_fail($$get_and_delete('bytes')$$, $$get_and_delete_bytea('json')$$, $$get_and_delete_jsonb('text')$$,
	$$get_and_delete('bytes', immediate => true)$$);
SELECT cache.exists('bytes'), cache.exists('json'), cache.exists('text');
SELECT all_fail($$compare_and_set('bytes', 'x', 'y')$$, $$compare_and_set('json', '\x00'::bytea, '\x01'::bytea)$$, $$compare_and_set('text', '{}', '{}'::jsonb)$$);
-- absent is absent, though
SELECT cache.compare_and_set('bytes', NULL, 'y'), cache.compare_and_set('text', NULL, '{}'::jsonb);
SELECT all_fail($$incr('json')$$, $$incr('number')$$, $$incr_numeric('bytes', 1.5)$$, $$incr('bytes')$$, $$incr('numeric')$$, $$incr('numeric', 5)$$, $$incr('text')$$, $$incr_numeric('text', 1.5)$$);
SELECT v, cache.set('t', v), split_part(fails($$SELECT cache.incr('t')$$), E'\n', 1), split_part(fails($$SELECT cache.incr_numeric('t', 1::numeric)$$), E'\n', 1)
	FROM unnest(ARRAY['', ' ', ' 1', '1 ', '+1', '-', '-0', '00', '01', '1.0', '1e3', '.', '1.', '.e1', '1e', '1e+', '0x10', '1_000', '١', 'NaN', 'Infinity', 'inf', '-1', '1;', E'1\n']) v;
-- arguments of other types
SELECT all_fail($$incr('n', 1.5)$$, $$incr('n', 1.5::float8)$$, $$incr('n', 'NaN'::numeric)$$, $$incr('n', 1e20)$$, $$incr('n', 'x')$$, $$incr('n', '1.5'::text)$$, $$incr('n', true)$$,
	$$incr_numeric('n', 'x')$$, $$incr_numeric('n', now())$$, $$incr_numeric('n', 'NaN'::float8)$$,
	$$set('a', 'x', ttl => true)$$, $$set('a', 'x', 'soon')$$, $$set('a', 'x', '60 parsecs'::text)$$, $$set('a', 'x', 0)$$, $$set('a', 'x', -5)$$, $$set('a', 'x', 9223372036854775807)$$,
	$$set('a', 'x', 'NaN'::float8)$$, $$set('a', 'x', 'Infinity'::numeric)$$, $$set('a', 'x', 1e300)$$, $$expire('text', true)$$, $$expire('text', 0)$$,
	$$set_many('{a}', ARRAY[ARRAY['x', 'y']])$$, $$set_jsonb('a', '{')$$, $$set_bytea('a', '\xz')$$);

-- numbers
SELECT cache.set('max', '9223372036854775807'), cache.set('min', '-9223372036854775808'), cache.set('beyond', '9223372036854775808'),
	cache.incr_numeric('big', 9223372036854775808), cache.incr_numeric('huge', ('1' || repeat('0', 131071))::numeric) > 0;
SELECT all_fail($$incr('max')$$, $$incr('min', -1)$$, $$incr('beyond')$$, $$incr('big')$$, $$incr('bigint', 9223372036854775807)$$,
	$$incr_numeric('huge', ('9' || repeat('0', 131071))::numeric)$$);
SELECT cache.get('max'), cache.get('bigint'), cache.get('big'), cache.incr('big', -1);
SELECT cache.set('exponent', '1e200000');
SELECT all_fail($$incr_numeric('exponent', 1.0)$$, $$incr_numeric('numeric', 'NaN'::numeric)$$, $$incr_numeric('numeric', 'Infinity'::numeric)$$, $$incr_numeric('new', '-Infinity'::numeric)$$);
SELECT cache.get('numeric'), cache.exists('new');

-- NULL
SELECT all_fail($$set(NULL, 'x')$$, $$set('a', NULL)$$, $$set('a', NULL::jsonb)$$, $$set('a', NULL::bytea)$$, $$add(NULL, 'x')$$, $$add('a', NULL)$$, $$replace(NULL, 'x')$$, $$replace('text', NULL)$$,
	$$set_many(NULL, '{}'::text[])$$, $$set_many('{a}', NULL::text[])$$, $$set_many('{a,NULL}', '{1,2}'::text[])$$, $$set_many('{a,b}', '{1,NULL}'::text[])$$,
	$$delete(NULL)$$, $$delete_many(NULL)$$, $$delete_many('{text,NULL}')$$, $$delete_prefix(NULL)$$, $$get_and_delete(NULL)$$,
	$$expire(NULL, '1 hour')$$, $$persist(NULL)$$, $$touch(NULL)$$, $$incr(NULL)$$, $$incr('n', NULL::bigint)$$, $$incr_numeric('n', NULL)$$,
	$$compare_and_set(NULL, 'a', 'b')$$, $$invalidate_tag(NULL)$$, $$set('a', 'x', tags => '{t,NULL}')$$);
SELECT cache.exists('a'), cache.exists('text');

-- arguments that do not go together
SELECT all_fail($$set('a', 'x', if_absent => true, if_present => true)$$, $$set('a', 'x', ttl => '1 hour', keep_ttl => true)$$,
	$$set_many('{a,b}', '{1}'::text[])$$, $$set_many('{}', '{1}'::jsonb[])$$, $$keys(count => -1)$$);
-- how long
SELECT all_fail($$set('a', 'x', ttl => '0')$$, $$set('a', 'x', ttl => '-1 s')$$, $$add('a', 'x', ttl => '-1 month')$$, $$replace('text', 'x', ttl => '1 day -24 hours')$$,
	$$set_many('{a}', '{x}'::text[], ttl => '0')$$, $$expire('text', '0')$$, $$expire('text', '-178000000 years')$$, $$incr('bigint', 1, ttl => '-1 us')$$,
	$$compare_and_set('a', NULL, 'x', '0')$$, $$set('a', 'x', ttl => '-2147483648 days -9223372036854775808 us')$$);
SELECT bool_and(fails(format($$SELECT cache.set('a', 'x', ttl => %L)$$, ttl)) LIKE '22023 ttl must be longer than zero%') IS NOT false
	FROM unnest(ARRAY['-infinity']) ttl WHERE current_setting('server_version_num')::int >= 170000;
SELECT cache.exists('a'), cache.get('text'), cache.ttl('text'), cache.get('bigint');

-- sizes
SELECT all_fail($$set(repeat('k', 8192), 'x')$$, $$get(repeat('k', 8192))$$, $$exists(repeat('é', 4096))$$, $$delete_many(ARRAY['a', repeat('k', 8192)])$$, $$set('a', 'x', tags => ARRAY[repeat('t', 8192)])$$,
	$$invalidate_tag(repeat('t', 8192))$$);
SELECT regexp_replace(fails(format($$SELECT cache.set('a', repeat('v', %s)%s)$$, max_value, how)), '\d{6,}', 'N', 'g') FROM cache.stats, unnest(ARRAY['', ', immediate => true']) how;
SELECT cache.exists('a');
-- a long key in a message
SELECT cache.set(repeat('k', 8191), '\x00'::bytea), length(fails($$SELECT cache.get(repeat('k', 8191))$$)) < 9000;

-- spaces that are none
SELECT all_fail($$get('a', space => 'none')$$, $$set('a', 'x', space => 'none')$$, $$keys(space => 'none')$$, $$get_many('{a}', 'none')$$, $$incr('a', space => 'none')$$,
	$$get('a', space => '')$$, $$set('a', 'x', space => '')$$, $$get('a', space => '(private)')$$, $$get('a', space => repeat('n', 100))$$,
	$$get(NULL, space => 'none')$$);

-- read only
BEGIN READ ONLY;
SELECT cache.get('text'), cache.exists('text'), cache.ttl('text');
SELECT array_agg(k) FROM cache.keys('b') k;
SELECT all_fail($$set('a', 'x')$$, $$add('a', 'x')$$, $$replace('a', 'x')$$, $$set_many('{a}', '{x}'::text[])$$, $$delete('a')$$, $$delete_many('{a}')$$, $$delete_prefix('a')$$,
	$$get_and_delete('a')$$, $$get_and_delete_jsonb('a')$$, $$get_and_delete_bytea('a')$$, $$expire('a', '1 h')$$, $$persist('a')$$, $$touch('a')$$, $$incr('a')$$, $$compare_and_set('a', NULL, 'x')$$, $$invalidate_tag('a')$$,
	$$set('a', 'x', immediate => true)$$, $$create_space('regress_cs_none')$$, $$alter_space('none', NULL, NULL)$$, $$drop_space('none', true)$$, $$grant_space('none', 'public')$$, $$revoke_space('none', 'public')$$);
COMMIT;
-- at once, what the transaction has changed itself
BEGIN;
SELECT cache.set('own', 'x'), cache.delete('text'), cache.invalidate_tag('t');
SELECT all_fail($$set('own', 'y', immediate => true)$$, $$set('text', 'y', immediate => true)$$, $$delete('own', immediate => true)$$, $$incr('own', immediate => true)$$,
	$$set_many('{free,own}', '{1,2}'::text[], immediate => true)$$, $$invalidate_tag('t', immediate => true)$$,
	$$set('free', 'x', tags => '{u,t}', immediate => true)$$);
SELECT cache.get('own'), cache.get('text'), cache.get('free');
SAVEPOINT s;
SELECT cache.set('sub', 'x');
ROLLBACK TO s;
SELECT cache.set('sub', 'at once', immediate => true);
ROLLBACK;
SELECT cache.get('own'), cache.get('text'), cache.get('sub');
-- two-phase commit
BEGIN;
SELECT cache.set('own', 'x');
PREPARE TRANSACTION 'regress_cs';
SELECT cache.get('own');
BEGIN;
SELECT cache.get('text'), cache.set('now', 'x', immediate => true);
PREPARE TRANSACTION 'regress_cs';
COMMIT PREPARED 'regress_cs';
BEGIN;
SAVEPOINT s;
SELECT cache.set('own', 'x');
ROLLBACK TO s;
PREPARE TRANSACTION 'regress_cs';
ROLLBACK PREPARED 'regress_cs';

SELECT cache.delete_prefix('') > 0;
SELECT count(*) FROM cache.keys();
DROP FUNCTION all_fail, fails;
