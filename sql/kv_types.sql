--
-- Values of any type, verbs for one type, and the ways to say how long.
--

-- a key that was told to live so many seconds, less than half of which have passed
CREATE FUNCTION lives(key text, seconds bigint) RETURNS boolean LANGUAGE sql AS
	'SELECT cache.ttl_ms(key) BETWEEN seconds * 500 AND seconds * 1000';

-- ----- values of any type -----
CREATE TYPE kv_mood AS ENUM ('sad', 'happy');
CREATE DOMAIN kv_code AS text CHECK (VALUE <> '');
CREATE DOMAIN kv_doc AS jsonb;
CREATE DOMAIN kv_count AS bigint;
CREATE TABLE kv_row (a int, b text);
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT cache.set('int2', 5::int2), cache.set('int4', 5), cache.set('int8', 5000000000), cache.set('numeric', 1.50), cache.set('float8', 0.1::float8),
	cache.set('bool', true), cache.set('uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid), cache.set('json', '{"b": 1,  "a": 2}'::json),
	cache.set('jsonb', '{"b": 1,  "a": 2}'::jsonb), cache.set('bytea', '\x00ff'::bytea), cache.set('varchar', 'x '::varchar(5)), cache.set('bpchar', 'x '::char(5)),
	cache.set('name', 'x'::name), cache.set('date', '2024-02-29'::date), cache.set('timestamptz', '2024-02-29 12:00+00'::timestamptz), cache.set('interval', '1 day'::interval),
	cache.set('array', ARRAY[1, 2]), cache.set('row', ROW(1, 'x')::kv_row), cache.set('enum', 'happy'::kv_mood), cache.set('inet', '10.0.0.1'::inet),
	cache.set('code', 'x'::kv_code), cache.set('doc', '[1]'::kv_doc), cache.set('count', 5::kv_count), cache.set('nan', 'NaN'::numeric), cache.set('inf', '-Infinity'::float8),
	cache.set('unknown', 'x');
SELECT k, cache.get(k) FROM unnest('{int2,int4,int8,numeric,float8,bool,uuid,json,jsonb,varchar,bpchar,name,date,timestamptz,interval,array,row,enum,inet,code,doc,count,nan,inf,unknown}'::text[]) k;
SELECT k, cache.get_jsonb(k), jsonb_typeof(cache.get_jsonb(k)) FROM unnest('{int2,int4,int8,numeric,float8,bool,json,jsonb,doc,count}'::text[]) k;
SELECT cache.get_bytea('bytea'), cache.get_bytea('uuid');
-- NaN and infinity are numbers to numeric, strings to JSON, and nothing to count on
SELECT k, v, cache.set(k, v), cache.get(k), cache.get_jsonb(k) = to_jsonb(v) AS same, cache.get_jsonb(k), cache.compare_and_set(k, v, v) AS compared
	FROM (VALUES ('nan', 'NaN'::numeric), ('inf', 'Infinity'), ('neg', '-Infinity')) n (k, v);
SELECT cache.incr('nan');
SELECT cache.incr('inf', 5);
SELECT cache.incr_numeric('neg', 0.5);
SELECT cache.get_bytea('nan');
SELECT cache.set_many('{nan,one}', '{NaN,1.5}'::numeric[]), cache.get_jsonb('nan'), cache.get_jsonb('one'), (SELECT array_agg(value) FROM cache.get_many_jsonb('{nan,one}'));
SELECT cache.get_and_delete_jsonb('nan'), cache.exists('nan'), cache.get_and_delete('inf'), cache.delete('neg');
-- numbers can be counted on, and so can the text of one
SELECT cache.incr('int2'), cache.incr('int4', 5), cache.incr('int8'), cache.incr_numeric('numeric', 0.25), cache.incr_numeric('float8', 0.2), cache.incr('count', -1);
SELECT pg_typeof(cache.incr('int2', 1::int2)), cache.incr('int2', 2::int2), cache.incr('int2', 3::int8), cache.incr('int2', 4.0), cache.incr('int2', 5::float8), cache.incr('int2', '6'), cache.incr('int2', '7'::text);
SELECT cache.incr_numeric('numeric', 1), cache.incr_numeric('numeric', 1::int8), cache.incr_numeric('numeric', 0.5::float8), cache.incr_numeric('numeric', '0.25'), cache.incr_numeric('numeric', '1e-1'::text);
-- add, replace, many
SELECT cache.add('new', 5), cache.add('new', 6), cache.replace('new', true), cache.get('new'), cache.replace('none', 5);
SELECT cache.set_many('{m1,m2}', ARRAY[1, 2]), cache.get('m1'), cache.incr('m2');
SELECT cache.set_many('{m1,m2}', ARRAY[true, false]), cache.get('m1'), cache.get('m2');
SELECT cache.set_many('{m1,m2}', ARRAY['1'::jsonb, '2']), cache.get_jsonb('m1'), cache.get('m2');
SELECT cache.set_many('{m1,m2}', ARRAY['\x01'::bytea, '\x02']), cache.get_bytea('m2');
SELECT cache.set_many('{m1,m2}', '{x,y}'), cache.get('m2');
SELECT cache.set_many('{m1,m2}', '{x,y}'::varchar[]), cache.get('m2');
-- compared as what cache.get() returns
SELECT cache.set('swap', 5), cache.compare_and_set('swap', 6, 7), cache.compare_and_set('swap', 5, 7), cache.get('swap'), cache.incr('swap');
SELECT cache.compare_and_set('swap', '8', '9'), cache.get('swap'), cache.compare_and_set('swap', 9, 10), cache.compare_and_set('swap', 10.0, 11), cache.compare_and_set('swap', 10::numeric, 11.5), cache.get('swap');
SELECT cache.compare_and_set('swap', NULL, 12), cache.compare_and_set('swap', 11.5, NULL), cache.exists('swap'), cache.compare_and_set('swap', NULL, true), cache.compare_and_set('swap', true, false), cache.get('swap');
SELECT cache.set('swap', '{"a": 1}'::jsonb), cache.compare_and_set('swap', '{"a":1.0}'::jsonb, '[]'), cache.compare_and_set('swap', '[]', '[1]'::jsonb), cache.get_jsonb('swap');

-- ----- verbs for one type, for clients whose values have none -----
SELECT cache.set_bytea('b', '\x00ff'), cache.get_bytea('b'), length(cache.get_bytea('b')), cache.set('b', '\x00ff'), length(cache.get_bytea('b'));
SELECT cache.set_jsonb('j', '{"a": [1]}'), cache.get_jsonb('j') -> 'a', cache.get('j');
SELECT cache.set_bytea('b', '\x01', '1 hour', if_absent => true), cache.set_bytea('b', '\x01', '1 hour', if_present => true), cache.get_bytea('b');
SELECT cache.add_bytea('b', '\x02'), cache.add_bytea('b2', '\x02'), cache.replace_bytea('b2', '\x03'), cache.replace_bytea('b3', '\x03'), cache.get_bytea('b2');
SELECT cache.add_jsonb('j', '1'), cache.add_jsonb('j2', '1'), cache.replace_jsonb('j2', '[ 2 ]'), cache.replace_jsonb('j3', '1'), cache.get('j2');
SELECT cache.compare_and_set_bytea('b2', '\x03', '\x04'), cache.get_bytea('b2'), cache.compare_and_set_bytea('b3', NULL, '\x05');
SELECT cache.compare_and_set_jsonb('j2', '[2]', '{"b":1,"a":2}'), cache.get('j2'), cache.compare_and_set_jsonb('j2', '{"a": 2, "b": 1}', NULL), cache.exists('j2');
SELECT cache.set_many_bytea('{b1,b2}', '{"\\x01","\\x02"}'), cache.get_bytea('b1'), cache.set_many_jsonb('{j1,j2}', '{1,"[2]"}'), cache.get_jsonb('j2');

-- ----- how long -----
SELECT cache.set('t', 'x', 60), lives('t', 60), cache.set('t', 'x', ttl => 600), lives('t', 600), cache.set('t', 'x', 60::int2), lives('t', 60), cache.set('t', 'x', 3000000000::int8), lives('t', 3000000000);
SELECT cache.set('t', 'x', 60.5), lives('t', 61), cache.set('t', 'x', 600::float8), lives('t', 600), cache.set('t', 'x', 60::float4), lives('t', 60);
SELECT cache.set('t', 'x', '1 min'), lives('t', 60), cache.set('t', 'x', '10 min'::text), lives('t', 600), cache.set('t', 'x', '60'), lives('t', 60), cache.set('t', 'x', '600'::varchar), lives('t', 600),
	cache.set('t', 'x', interval '1 min'), lives('t', 60), cache.set('t', 'x', time '00:10'), lives('t', 600);
SELECT cache.set('t', 'x', NULL), cache.ttl('t'), cache.set('t', 'x', NULL::int), cache.ttl('t');
SELECT cache.add('t2', 'x', 60), lives('t2', 60), cache.replace('t2', 'x', 600), lives('t2', 600), cache.expire('t2', 60), lives('t2', 60), cache.expire('t2', '10 min'), lives('t2', 600), cache.expire('t2', '1 min'::text), lives('t2', 60);
SELECT cache.set_many('{t3,t4}', ARRAY[1, 2], 60), lives('t4', 60), cache.incr('t5', 1, 60), lives('t5', 60), cache.incr_numeric('t6', 1, 60), lives('t6', 60), cache.compare_and_set('t7', NULL, 'x', 60), lives('t7', 60);
-- exactly
CREATE FUNCTION kept_ttl(OUT ttl interval) LANGUAGE sql AS $$SELECT ttl FROM cache.spaces WHERE name = 'kv_short'$$;
SELECT cache.create_space('kv_short', 60);
SELECT kept_ttl(), cache.set('t', 'x', space => 'kv_short');
SELECT cache.alter_space('kv_short', '1 mon 2 min'::text, NULL);
SELECT kept_ttl();
SELECT cache.alter_space('kv_short', 1.5, NULL);
SELECT kept_ttl();
SELECT cache.alter_space('kv_short', 0.000001::float8, NULL);
SELECT kept_ttl();
SELECT cache.alter_space('kv_short', 86400::int8, NULL);
SELECT kept_ttl();
SELECT cache.alter_space('kv_short', 1e-9, NULL);
SELECT cache.alter_space('kv_short', NULL, NULL);
SELECT kept_ttl();
DROP FUNCTION kept_ttl();
SELECT cache.drop_space('kv_short');
SELECT cache.remember('r', 60, 'SELECT 1 AS one'), cache.remember('r', '1 min'::text, 'SELECT 1 AS one'), cache.remember('r', '1 min', 'SELECT 1 AS one', grace => 10);
SELECT cache.remember('r', 0, 'SELECT 1 AS one');
SELECT cache.remember('r', true, 'SELECT 1 AS one');
-- values for the parameters of a query
SELECT cache.remember('p', '1 min', 'SELECT $1::int + 1 AS n', ARRAY['41']), cache.remember('p', '1 min', 'SELECT $1::int + 1 AS n', ARRAY[41]), cache.remember('p', '1 min', 'SELECT $1::int + 1 AS n', '{41}');
SELECT cache.remember('p', '1 min', 'SELECT $1 || $2 AS t', ARRAY['a', 'b']), cache.remember('p', '1 min', 'SELECT $1::date AS d', ARRAY['2024-02-29'::date]), cache.remember('p', '1 min', 'SELECT $1::text IS NULL AS n', ARRAY[NULL]::int[]);
SELECT cache.remember('p', '1 min', 'SELECT $1::int AS n', '41');
SELECT cache.remember('p', interval '1 min', 'SELECT $1::int AS n', 41);

-- ----- what is left, as a number -----
SELECT cache.ttl_ms('nothing'), cache.set('t', 'x'), cache.ttl_ms('t'), cache.set('t', 'x', 60), lives('t', 60), cache.persist('t'), cache.ttl_ms('t'), cache.ttl_ms(NULL);
SELECT cache.set('t', 'x', 0.05), cache.ttl_ms('t') <= 50 AS left;
DO $$
DECLARE
	ms bigint := 0;
BEGIN
	WHILE ms >= 0 LOOP
		ms := cache.ttl_ms('t');
	END LOOP;
	RAISE NOTICE 'in the end %', ms;
END $$;
BEGIN;
SELECT cache.set('own', 'x', 60), lives('own', 60), cache.delete('own'), cache.ttl_ms('own');
ROLLBACK;

SELECT cache.delete_prefix('') > 0;
DROP FUNCTION lives(text, bigint);
DROP TYPE kv_mood;
DROP TABLE kv_row;
DROP DOMAIN kv_code, kv_doc, kv_count;
