--
-- cache.attach() and cache.detach(): what they make, keep and refuse.
--

\getenv source PG_ABS_SRCDIR
\set try :source '/sql/include/try.sql'
\i :try

CREATE FUNCTION triggers(rel regclass) RETURNS TABLE (trigger name, enabled "char", definition text)
LANGUAGE sql AS $$
	SELECT tgname, tgenabled, regexp_replace(pg_get_triggerdef(oid), '.* (AFTER .*) ON .* (FOR EACH.*)', '\1 \2')
	FROM pg_trigger WHERE tgrelid = rel AND NOT tgisinternal ORDER BY tgname;
$$;

CREATE TABLE a (id int PRIMARY KEY, v text);
INSERT INTO a VALUES (1, 'one');

-- several tables by one call
CREATE TABLE a2 (id int PRIMARY KEY);
CREATE TABLE a3 (id int PRIMARY KEY);
SELECT cache.attach(t, 'read_through', ttl => '5 min', negative_ttl => 10) FROM unnest('{a2,a3}'::regclass[]) t;
SELECT relation, ttl, negative_ttl FROM cache.bindings;
DROP TABLE a2, a3;

-- each strategy, with the triggers it needs, and every option
SELECT cache.attach('a');
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');
SELECT * FROM cache.read(NULL::a, 1);
SELECT cache.attach('a', 'read_through', ttl => '5 min', ttl_jitter => 0.5, negative_ttl => '10 s',
	max_memory => '1 MB', refresh_ahead => 0.25);
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');
SELECT * FROM cache.read(NULL::a, 1);
SELECT cache.attach('a', 'write_through', max_memory => '64kB', ttl => '1 month');
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');
SELECT * FROM cache.read(NULL::a, 1);
SELECT cache.attach('a', 'write_around');
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');
SELECT * FROM cache.read(NULL::a, 1);
SELECT cache.attach('a', 'write_around', negative_ttl => '1 hour');
SELECT * FROM triggers('a');
SELECT cache.attach('a', strategy => 'cache_aside', negative_ttl => '1 hour');
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');
-- attaching is undone with its transaction
BEGIN;
SELECT cache.attach('a', 'write_around', ttl => '1 s');
SELECT strategy, ttl FROM cache.bindings;
SELECT * FROM cache.read(NULL::a, 1);
ROLLBACK;
SELECT strategy, ttl FROM cache.bindings;
SELECT trigger FROM triggers('a');

-- detach
BEGIN;
SELECT cache.detach('a');
SELECT try('SELECT cache.read(NULL::a, 1)');
ROLLBACK;
SELECT * FROM cache.read(NULL::a, 1);
SELECT cache.detach('a');
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');
SELECT relation FROM cache.table_stats;
SELECT try('SELECT cache.read(NULL::a, 1)');
SELECT try('SELECT cache.write(ROW(1, NULL)::a)');
SELECT try('SELECT cache.remove(NULL::a, 1)');
SELECT try('SELECT cache.increment(NULL::a, ''id'', 1, 1)');
SELECT try($$ SELECT cache.invalidate('a') $$);
SELECT try($$ SELECT cache.detach('a') $$);
SELECT cache.detach(NULL);
-- changes meanwhile are not missed
SELECT cache.attach('a');
SELECT v FROM cache.read(NULL::a, 1);
SELECT cache.detach('a');
UPDATE a SET v = 'changed while detached';
SELECT cache.attach('a');
SELECT v FROM cache.read(NULL::a, 1);
-- a trigger of ours that was dropped does not stand in the way of detaching
DROP TRIGGER cache_strategies_row ON a;
SELECT cache.detach('a');
-- dropped tables are gone from cache.bindings, also by way of their schema
SELECT cache.attach('a');
DROP TABLE a;
SELECT * FROM cache.bindings;
CREATE SCHEMA gone
	CREATE TABLE a (id int PRIMARY KEY);
SELECT cache.attach('gone.a');
SELECT relation FROM cache.bindings;
DROP SCHEMA gone CASCADE;
SELECT * FROM cache.bindings;
-- and a renamed or moved one is not
CREATE TABLE a (id int PRIMARY KEY, v text);
INSERT INTO a VALUES (1, 'one');
SELECT cache.attach('a');
ALTER TABLE a RENAME TO b;
CREATE SCHEMA elsewhere;
ALTER TABLE b SET SCHEMA elsewhere;
SELECT relation FROM cache.bindings;
SELECT v FROM cache.read(NULL::elsewhere.b, 1);
UPDATE elsewhere.b SET v = 'moved';
SELECT v FROM cache.read(NULL::elsewhere.b, 1);
SELECT cache.detach('elsewhere.b');
DROP SCHEMA elsewhere CASCADE;

-- options that are wrong
CREATE TABLE a (id int PRIMARY KEY, v text);
SELECT try($$ SELECT cache.attach('a', 'write_sideways') $$);
SELECT try($$ SELECT cache.attach('a', 'Cache_Aside') $$);
SELECT try($$ SELECT cache.attach('a', '') $$);
SELECT try($$ SELECT cache.attach('a', NULL) $$);
SELECT try($$ SELECT cache.attach(NULL) $$);
SELECT try($$ SELECT cache.attach('nothing_of_the_kind') $$);
SELECT try($$ SELECT cache.attach(4294967294) $$);
SELECT try($$ SELECT cache.attach('a', ttl => '0') $$);
SELECT try($$ SELECT cache.attach('a', ttl => '-1 s') $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 month -31 days') $$);
SELECT try($$ SELECT cache.attach('a', ttl => '200 years') $$);
SELECT try($$ SELECT cache.attach('a', ttl => '900000 hours') $$);
SELECT try($$ SELECT cache.attach('a', negative_ttl => '0') $$);
SELECT try($$ SELECT cache.attach('a', negative_ttl => '-1 day') $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', ttl_jitter => 0) $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', ttl_jitter => -0.1) $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', ttl_jitter => 1.01) $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', ttl_jitter => 'NaN') $$);
SELECT try($$ SELECT cache.attach('a', ttl_jitter => 0.5) $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', refresh_ahead => 0) $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', refresh_ahead => 2) $$);
SELECT try($$ SELECT cache.attach('a', refresh_ahead => 0.5) $$);
SELECT try($$ SELECT cache.attach('a', max_memory => '0') $$);
SELECT try($$ SELECT cache.attach('a', max_memory => '-1 MB') $$);
SELECT try($$ SELECT cache.attach('a', max_memory => 'plenty') $$);
SELECT try($$ SELECT cache.attach('a', ttl => '1 h', ttl_jitter => 1, refresh_ahead => 1) $$);
SELECT cache.detach('a');
BEGIN READ ONLY;
SELECT cache.attach('a');
ROLLBACK;
BEGIN READ ONLY;
SELECT cache.detach('a');
ROLLBACK;
SELECT * FROM cache.bindings;
SELECT * FROM triggers('a');

-- relations that cannot be cached
CREATE TABLE no_key (id int);
CREATE TABLE unique_only (id int UNIQUE NOT NULL);
CREATE TABLE deferrable_key (id int PRIMARY KEY DEFERRABLE INITIALLY IMMEDIATE);
CREATE VIEW a_view AS SELECT * FROM a;
CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM a;
CREATE FOREIGN DATA WRAPPER cs_nowhere;
CREATE SERVER cs_nowhere FOREIGN DATA WRAPPER cs_nowhere;
CREATE FOREIGN TABLE a_foreign (id int) SERVER cs_nowhere;
CREATE TEMPORARY TABLE a_temp (id int PRIMARY KEY);
CREATE SEQUENCE a_sequence;
CREATE TYPE a_type AS (id int);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_f (id int, v text) PARTITION BY LIST (id);
CREATE TABLE parted_f_1 PARTITION OF parted_f FOR VALUES IN (1);
CREATE FOREIGN TABLE parted_f_2 PARTITION OF parted_f FOR VALUES IN (2) SERVER cs_nowhere;
SELECT try($$ SELECT cache.attach('no_key') $$);
SELECT try($$ SELECT cache.attach('unique_only') $$);
SELECT try($$ SELECT cache.attach('deferrable_key') $$);
SELECT try($$ SELECT cache.attach('a_view') $$);
SELECT try($$ SELECT cache.attach('a_matview') $$);
SELECT try($$ SELECT cache.attach('a_foreign') $$);
SELECT try($$ SELECT cache.attach('a_temp') $$);
SELECT try($$ SELECT cache.attach('a_sequence') $$);
SELECT try($$ SELECT cache.attach('a_type') $$);
SELECT try($$ SELECT cache.attach('a_pkey') $$);
SELECT try($$ SELECT cache.attach('parent') $$);
SELECT try($$ SELECT cache.attach('child') $$);
SELECT try($$ SELECT cache.attach('parted_1') $$);
SELECT try($$ SELECT cache.attach('parted_f') $$);
SELECT try($$ SELECT cache.attach('pg_class') $$);
SELECT try($$ SELECT cache.attach('cache.binding_store') $$);
SELECT try($$ SELECT cache.attach('cache.bindings') $$);
SELECT try($$ SELECT cache.read(NULL::a_type, 1) $$);
SELECT try($$ SELECT cache.read(NULL::cache.binding_store, 'a'::regclass) $$);
-- key types that are neither compared by their bytes nor can be hashed
CREATE TABLE searches (id tsvector PRIMARY KEY);
SELECT try($$ SELECT cache.attach('searches') $$);
CREATE TABLE bit_arrays (id bit varying(8)[] PRIMARY KEY);
SELECT try($$ SELECT cache.attach('bit_arrays') $$);
SELECT * FROM cache.bindings;

-- partitioned and unlogged tables can be, with each strategy
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
SELECT cache.attach('unlogged');
SELECT cache.attach('parted', 'write_around', negative_ttl => '1 h');
SELECT * FROM triggers('parted');
INSERT INTO parted VALUES (1, 'in a partition');
SELECT v FROM cache.read(NULL::parted, 1);
SELECT v FROM cache.read(NULL::parted, 1);
SELECT (cache.explain(NULL::parted, 1)).outcome;
UPDATE parted_1 SET v = 'through the partition';
SELECT v FROM cache.read(NULL::parted, 1);
SELECT try($$ SELECT cache.detach('parted_1') $$);
-- a table that becomes one which cannot be is read, but not from the cache
CREATE TABLE a_child () INHERITS (unlogged);
SELECT outcome, reason FROM cache.explain(NULL::unlogged, 1);
ALTER TABLE a_child NO INHERIT unlogged;
-- nothing tells a session that has looked already
\c -
SELECT outcome FROM cache.explain(NULL::unlogged, 1);
ALTER TABLE unlogged DROP CONSTRAINT unlogged_pkey;
SELECT try($$ SELECT cache.read(NULL::unlogged, 1) $$);
SELECT try($$ INSERT INTO unlogged VALUES (1), (1) $$);
SELECT try($$ DELETE FROM unlogged $$);
ALTER TABLE unlogged ADD PRIMARY KEY (id) DEFERRABLE;
SELECT try($$ SELECT cache.read(NULL::unlogged, 1) $$);
ALTER TABLE unlogged DROP CONSTRAINT unlogged_pkey, ADD PRIMARY KEY (id);
SELECT outcome FROM cache.explain(NULL::unlogged, 1);

-- loader functions
CREATE ROLE regress_cs_other;
CREATE FUNCTION load_a(int) RETURNS a LANGUAGE sql STABLE AS $$ SELECT (id, v || ', loaded')::public.a FROM public.a WHERE id = $1 $$;
CREATE FUNCTION load_volatile(int) RETURNS a LANGUAGE sql VOLATILE AS $$ SELECT a FROM a WHERE id = $1 $$;
CREATE FUNCTION load_set(int) RETURNS SETOF a LANGUAGE sql STABLE AS $$ SELECT a FROM a WHERE id = $1 $$;
CREATE FUNCTION load_text(int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT v FROM a WHERE id = $1 $$;
CREATE FUNCTION load_by_text(text) RETURNS a LANGUAGE sql STABLE AS $$ SELECT a FROM a WHERE v = $1 $$;
CREATE FUNCTION load_two(int, int) RETURNS a LANGUAGE sql STABLE AS $$ SELECT a FROM a WHERE id = $1 $$;
CREATE FUNCTION load_none() RETURNS a LANGUAGE sql STABLE AS $$ SELECT a FROM a $$;
CREATE FUNCTION load_others(int) RETURNS a LANGUAGE sql STABLE AS $$ SELECT a FROM a WHERE id = $1 $$;
ALTER FUNCTION load_others(int) OWNER TO regress_cs_other;
CREATE PROCEDURE load_procedure(int) LANGUAGE sql AS $$ SELECT 1 $$;
CREATE AGGREGATE load_aggregate(int) (SFUNC = int4pl, STYPE = int);
INSERT INTO a VALUES (1, 'one');
SELECT try($$ SELECT cache.attach('a', loader => 'load_volatile') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_set') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_text') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_by_text') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_two') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_none') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_others') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_procedure') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'load_aggregate') $$);
SELECT try($$ SELECT cache.attach('a', loader => 'no_such_function') $$);
SELECT try($$ SELECT cache.attach('a', loader => 4294967294::oid) $$);
SELECT relation FROM cache.bindings WHERE relation = 'a'::regclass;
SELECT cache.attach('a', 'read_through', loader => 'load_a');
SELECT loader FROM cache.bindings WHERE relation = 'a'::regclass;
SELECT v FROM cache.read(NULL::a, 1);
SELECT (cache.explain(NULL::a, 1)).outcome;
UPDATE a SET v = 'two';
SELECT v FROM cache.read(NULL::a, 1);
SELECT v FROM cache.read(NULL::a, 1);
SELECT cache.read(NULL::a, 2);
-- a dropped one is an error that says what to do
DROP FUNCTION load_a(int);
UPDATE a SET v = 'three';
\c -
SELECT try($$ SELECT cache.read(NULL::a, 1) $$);
SELECT cache.attach('a');
SELECT v FROM cache.read(NULL::a, 1);

-- refresh_ahead decodes keys, so it needs those that can be
CREATE TABLE by_numeric (id numeric PRIMARY KEY);
SELECT try($$ SELECT cache.attach('by_numeric', ttl => '1 h', refresh_ahead => 0.5) $$);

-- not the owner
GRANT ALL ON a TO regress_cs_other;
SET ROLE regress_cs_other;
SELECT try($$ SELECT cache.attach('a') $$);
SELECT try($$ SELECT cache.detach('a') $$);
SELECT try($$ SELECT cache.attach('pg_class') $$);
SELECT try($$ INSERT INTO cache.bindings VALUES ('a', 'cache_aside') $$);
SELECT try($$ UPDATE cache.bindings SET ttl = '1 s' $$);
SELECT try($$ DELETE FROM cache.bindings $$);
SELECT count(*) FROM cache.bindings;
RESET ROLE;
-- the owner, an ordinary role: cache.bindings is changed on its behalf, and
-- none of its functions runs meanwhile
GRANT CREATE ON SCHEMA public TO regress_cs_other;
SET ROLE regress_cs_other;
CREATE TABLE mine (id int PRIMARY KEY);
CREATE FUNCTION trap(regclass, regclass) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE 'run as %', current_user;
END $$;
CREATE OPERATOR = (LEFTARG = regclass, RIGHTARG = regclass, FUNCTION = trap);
SELECT cache.attach('mine', 'write_through');
SELECT cache.attach('mine', 'write_around');
SELECT cache.detach('mine');
RESET ROLE;

DROP OPERATOR = (regclass, regclass);
DROP TABLE mine;
REVOKE CREATE ON SCHEMA public FROM regress_cs_other;
DROP FUNCTION trap, load_volatile, load_set, load_text, load_by_text, load_two, load_none, load_others;
DROP PROCEDURE load_procedure;
DROP AGGREGATE load_aggregate(int);
DROP VIEW a_view;
DROP MATERIALIZED VIEW a_matview;
DROP TABLE a, no_key, unique_only, deferrable_key, child, parent, parted, parted_f,
	searches, bit_arrays, unlogged, a_child, by_numeric;
DROP FOREIGN TABLE a_foreign;
DROP FOREIGN DATA WRAPPER cs_nowhere CASCADE;
DROP SEQUENCE a_sequence;
DROP TYPE a_type;
DROP ROLE regress_cs_other;
DROP FUNCTION try(text), triggers(regclass);
SELECT * FROM cache.bindings;
