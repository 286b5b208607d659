--
-- Spaces: who may use which keys, how long they live, how much room they get.
--

\set VERBOSITY terse
CREATE ROLE regress_cs_a;
CREATE ROLE regress_cs_b;
CREATE ROLE regress_cs_c;
CREATE ROLE regress_cs_group;
CREATE ROLE regress_cs_stats IN ROLE pg_read_all_stats;
CREATE ROLE regress_cs_gone;
DO $$BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_cs_a', current_database()); END$$;

CREATE FUNCTION try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE command INTO result;
	RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- What is refused to a role, with code and hint.
CREATE FUNCTION all_fail(role name, VARIADIC commands text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	command text; state text; message text; detail text; hint text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOREACH command IN ARRAY commands LOOP
		BEGIN
			EXECUTE 'SELECT cache.' || command;
			RETURN NEXT command || E'\n  done';
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
				detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
			RETURN NEXT command || E'\n  ' || state || ' ' || message || coalesce(E'\n  DETAIL: ' || nullif(detail, ''), '')
				|| coalesce(E'\n  HINT: ' || nullif(hint, ''), '');
		END;
	END LOOP;
	RESET ROLE;
END $$;
-- What a role can do in a space; the keys are left as they were.
CREATE FUNCTION uses(role name, space text) RETURNS TABLE (verb text, outcome text) LANGUAGE plpgsql AS $$
DECLARE
	verbs text[] := ARRAY[$v$get('k', %L)$v$, $v$get_jsonb('j', %L)$v$, $v$get_bytea('k', %L)$v$, $v$exists('k', %L)$v$, $v$ttl('k', %L)$v$,
		$v$keys(space => %L)$v$, $v$get_many('{k}', %L)$v$,
		$v$set('k', 'mine', space => %L)$v$, $v$add('k', 'mine', space => %L)$v$, $v$replace('k', 'mine', space => %L)$v$,
		$v$set_many('{k}', '{mine}'::text[], space => %L)$v$, $v$delete('k', %L)$v$, $v$delete_many('{k}', %L)$v$, $v$expire('k', '1 h', %L)$v$,
		$v$persist('k', %L)$v$, $v$touch('k', %L)$v$, $v$invalidate_tag('t', %L) IS NOT NULL$v$, $v$set('i', 'mine', space => %L, immediate => true)$v$, $v$delete('i', %L, true)$v$,
		$v$delete_prefix('k', %L)$v$, $v$get_and_delete('k', %L)$v$, $v$incr('n', 1, space => %L)$v$, $v$compare_and_set('k', 'v', 'mine', space => %L)$v$];
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	FOREACH verb IN ARRAY verbs LOOP
		BEGIN
			outcome := try('SELECT cache.' || format(verb, space));
			RAISE triggered_action_exception;
		EXCEPTION WHEN triggered_action_exception THEN
			verb := substring(verb FROM '^\w+') || CASE WHEN verb LIKE '%, true)' OR verb LIKE '%immediate => true)' THEN ' at once' ELSE '' END;
			RETURN NEXT;
		END;
	END LOOP;
	RESET ROLE;
END $$;
CREATE FUNCTION sums(role name, space text) RETURNS TABLE (n bigint, outcome text, verbs text) LANGUAGE sql AS $$
	SELECT count(*), outcome, CASE WHEN count(*) = 23 THEN 'all' ELSE string_agg(verb, ' ') END FROM (
		SELECT CASE WHEN outcome ~ '^\w{5} ' AND outcome ~ '^\d' THEN outcome ELSE 'done' END AS outcome, verb FROM uses(role, space) OFFSET 0) x
	GROUP BY outcome ORDER BY outcome $$;

-- ----- making them -----

SELECT all_fail('regress_cs_b', $$create_space('b')$$);
SET ROLE regress_cs_a;
SELECT cache.create_space('a'), cache.create_space('short', ttl => '1 hour', max_memory => '1MB');
RESET ROLE;
\pset format unaligned
\pset tuples_only on
SELECT all_fail('regress_cs_a', $$create_space('a')$$, $$create_space('')$$, $$create_space('(private)')$$, $$create_space('(')$$,
	$$create_space(repeat('n', 64))$$, $$create_space(repeat('é', 32))$$, $$create_space(NULL)$$,
	$$create_space('x', ttl => '0')$$, $$create_space('x', ttl => '-1 day')$$,
	$$create_space('x', max_memory => '0')$$, $$create_space('x', max_memory => '-1 MB')$$,
	$$create_space('x', owner => 'regress_cs_nobody')$$, $$create_space('x', owner => 'public')$$);
SELECT all_fail('regress_cs_a', $$alter_space('none', NULL, NULL)$$, $$alter_space('', NULL, NULL)$$, $$alter_space(NULL, NULL, NULL)$$,
	$$alter_space('a', '-1 s', NULL)$$, $$alter_space('a', NULL, '0')$$,
	$$drop_space('none')$$, $$drop_space(NULL)$$,
	$$grant_space('none', 'public')$$, $$grant_space('a', 'regress_cs_nobody')$$, $$grant_space('a', NULL)$$, $$grant_space(NULL, 'public')$$,
	$$grant_space('a', 'public', false, false)$$, $$grant_space('a', 'public', NULL, NULL)$$,
	$$revoke_space('none', 'public')$$, $$revoke_space('a', 'regress_cs_nobody')$$, $$revoke_space('a', NULL)$$, $$revoke_space(NULL, 'public')$$);
-- messages that are PostgreSQL's own
SELECT left(c, 5) FROM all_fail('regress_cs_a', $$create_space('x', owner => 'regress_cs_b')$$, $$create_space('x', max_memory => 'much')$$) f,
	substring(f FROM E'\n  (.*)') c;
-- only for the owner
SELECT all_fail('regress_cs_b', $$alter_space('a', NULL, NULL)$$, $$drop_space('a')$$, $$drop_space('a', if_exists => true)$$,
	$$grant_space('a', 'regress_cs_b')$$, $$revoke_space('a', 'regress_cs_a')$$);
\pset format aligned
\pset tuples_only off
-- and not past these functions
SET ROLE regress_cs_b;
SELECT * FROM cache.spaces;
SELECT * FROM cache.space_grants;
INSERT INTO cache.space_grants VALUES (16384, 'regress_cs_b', true, true);
UPDATE cache.spaces SET owner = 'regress_cs_b';
DELETE FROM cache.spaces;
SELECT nextval('cache.space_ids');
RESET ROLE;
-- there is nothing to drop, or to take away, which is no error
SET ROLE regress_cs_a;
SELECT cache.drop_space('none', if_exists => true), cache.revoke_space('a', 'regress_cs_b'), cache.revoke_space('a', 'public');
RESET ROLE;
-- names are of all kinds, and as long as other names
SELECT cache.create_space('Ü "quoted" '' \'), cache.set('k', 'v', space => 'Ü "quoted" '' \'), cache.get('k', 'Ü "quoted" '' \');
SELECT cache.create_space(repeat('N', 63)), cache.set('k', 'v', space => repeat('N', 63)), cache.get('k', repeat('N', 63));
SELECT cache.drop_space('Ü "quoted" '' \'), cache.drop_space(repeat('N', 63));
SELECT cache.get('k', repeat('N', 63));

-- ----- rights -----

SET ROLE regress_cs_a;
SELECT cache.set('k', 'v', space => 'a', tags => '{t}'), cache.set('j', '{}'::jsonb, space => 'a'), cache.set('secret', 'v', space => 'a');
RESET ROLE;
-- the owner, a superuser, and no other role
SELECT * FROM uses('regress_cs_a', 'a');
SELECT * FROM sums(current_user, 'a');
SELECT * FROM sums('regress_cs_b', 'a');
SELECT * FROM sums('regress_cs_stats', 'a');
-- to read; to write; both; not any more
SELECT cache.grant_space('a', 'regress_cs_b', write => false);
SELECT * FROM sums('regress_cs_b', 'a');
SELECT cache.grant_space('a', 'regress_cs_b', read => false);
SELECT * FROM sums('regress_cs_b', 'a');
SELECT cache.grant_space('a', 'regress_cs_b');
SELECT * FROM sums('regress_cs_b', 'a');
SELECT * FROM sums('regress_cs_c', 'a');
SELECT cache.revoke_space('a', 'regress_cs_b');
SELECT * FROM sums('regress_cs_b', 'a');
-- every role
SELECT cache.grant_space('a', 'public', write => false);
SELECT * FROM sums('regress_cs_c', 'a');
SELECT cache.revoke_space('a', 'public');
SELECT * FROM sums('regress_cs_c', 'a');
-- a group, and the owner's own group
SELECT cache.grant_space('a', 'regress_cs_group');
SELECT * FROM sums('regress_cs_b', 'a');
GRANT regress_cs_group TO regress_cs_b;
SELECT * FROM sums('regress_cs_b', 'a');
REVOKE regress_cs_group FROM regress_cs_b;
SELECT * FROM sums('regress_cs_b', 'a');
SELECT cache.revoke_space('a', 'regress_cs_group');
GRANT regress_cs_a TO regress_cs_c;
SELECT * FROM sums('regress_cs_c', 'a');
SET ROLE regress_cs_c;
SELECT cache.alter_space('a', '1 day', NULL), cache.alter_space('a', NULL, NULL);
SELECT cache.create_space('of a', owner => 'regress_cs_a');
SELECT cache.drop_space('of a');
RESET ROLE;
REVOKE regress_cs_a FROM regress_cs_c;
-- another owner
SELECT cache.create_space('given', owner => 'regress_cs_a');
SET ROLE regress_cs_a;
SELECT cache.set('k', 'v', space => 'given');
\set VERBOSITY sqlstate
SELECT cache.alter_space('given', NULL, NULL, 'regress_cs_b');
\set VERBOSITY terse
RESET ROLE;
SELECT cache.alter_space('given', '1 hour', NULL, 'regress_cs_b');
SELECT name, owner, ttl, max_memory FROM cache.spaces WHERE name = 'given';
SET ROLE regress_cs_a;
SELECT cache.get('k', 'given');
SET ROLE regress_cs_b;
SELECT cache.get('k', 'given');
SELECT cache.drop_space('given');
RESET ROLE;
SELECT * FROM sums('regress_cs_c', 'a');

-- a REVOKE is seen by the next call, also of what is prepared
SELECT cache.grant_space('a', 'regress_cs_b');
SET ROLE regress_cs_b;
PREPARE getter AS SELECT cache.get('k', 'a');
SET plan_cache_mode = force_generic_plan;
EXECUTE getter;
EXECUTE getter;
RESET ROLE;
BEGIN;
SELECT cache.revoke_space('a', 'regress_cs_b');
SET LOCAL ROLE regress_cs_b;
EXECUTE getter;
ROLLBACK;
SET ROLE regress_cs_b;
EXECUTE getter;
RESET ROLE;
SELECT cache.revoke_space('a', 'regress_cs_b');
SET ROLE regress_cs_b;
EXECUTE getter;
RESET ROLE;
EXECUTE getter;
-- nor does it matter who asked before in the same statement
CREATE FUNCTION as_owner(key text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT cache.get($1, 'a') $$;
ALTER FUNCTION as_owner OWNER TO regress_cs_a;
CREATE FUNCTION as_c(key text) RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$ SELECT cache.get($1, 'a') $$;
ALTER FUNCTION as_c OWNER TO regress_cs_c;
SET ROLE regress_cs_b;
SELECT as_owner('k');
SELECT as_owner('k'), try($$SELECT cache.get('k', 'a')$$), as_owner('k');
RESET ROLE;
SELECT cache.get('k', 'a'), try($$SELECT as_c('k')$$), as_owner('k');
DEALLOCATE getter;
RESET plan_cache_mode;

-- ----- one's own -----

SET ROLE regress_cs_a;
SELECT cache.set('own', 'of a'), cache.set('also', 'of a', tags => '{t}'), cache.get('own');
RESET ROLE;
SET ROLE regress_cs_b;
SELECT cache.get('own'), cache.exists('own'), cache.delete('own'), cache.delete_prefix(''), cache.invalidate_tag('t'), cache.add('own', 'of b');
SELECT * FROM cache.keys();
RESET ROLE;
SELECT cache.get('own'), cache.delete('own');
SET ROLE regress_cs_a;
SELECT cache.get('own'), cache.get('also');
SELECT * FROM cache.keys();
RESET ROLE;
-- members of the role have their own, too
GRANT regress_cs_a TO regress_cs_c;
SET ROLE regress_cs_c;
SELECT cache.get('own'), cache.set('own', 'of c');
SET ROLE regress_cs_a;
SELECT cache.get('own');
RESET ROLE;
REVOKE regress_cs_a FROM regress_cs_c;
-- by SECURITY DEFINER it is that of the function's owner
CREATE FUNCTION own_of_a() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT cache.get('own') $$;
ALTER FUNCTION own_of_a OWNER TO regress_cs_a;
SET ROLE regress_cs_b;
SELECT own_of_a(), cache.get('own'), own_of_a();
RESET ROLE;
-- in one transaction, as several roles
BEGIN;
SET LOCAL ROLE regress_cs_a;
SELECT cache.set('own', 'of a, later');
SET LOCAL ROLE regress_cs_b;
SELECT cache.get('own'), cache.set('own', 'of b, later');
SET LOCAL ROLE regress_cs_a;
SELECT cache.get('own'), cache.set('k', 'v2', space => 'a'), cache.get('k'), cache.get('k', 'a');
COMMIT;
SET ROLE regress_cs_b;
SELECT cache.get('own');
RESET ROLE;
-- the same key in several spaces
SET ROLE regress_cs_a;
SELECT cache.set('same', 'own'), cache.set('same', 'a', space => 'a'), cache.set('same', 'short', space => 'short'),
	cache.get('same'), cache.get('same', 'a'), cache.get('same', 'short'), cache.delete('same', 'a'), cache.get('same', 'a'), cache.get('same');
SELECT cache.set('tagged', 'x', tags => '{t}'), cache.set('tagged', 'x', tags => '{t}', space => 'a'), cache.invalidate_tag('t', 'a'),
	cache.exists('tagged'), cache.exists('tagged', 'a');
RESET ROLE;

-- ----- a space's time to live -----

SET ROLE regress_cs_a;
SELECT cache.set('k', 'v', space => 'short'), cache.ttl('k', 'short') BETWEEN '50 min' AND '1 hour' AS ttl,
	cache.set('k', 'v', ttl => '2 hours', space => 'short'), cache.ttl('k', 'short') > '1:50' AS longer,
	cache.set('k', 'v', ttl => '100 years', space => 'short'), cache.ttl('k', 'short') > '35999 days' AS longest, cache.persist('k', 'short');
SELECT cache.incr('n', space => 'short'), cache.ttl('n', 'short') > '50 min' AS ttl, cache.persist('n', 'short'), cache.ttl('n', 'short'),
	cache.touch('n', 'short'), cache.ttl('n', 'short'), cache.expire('n', NULL, 'short'), cache.ttl('n', 'short') > '50 min' AS ttl;
SELECT cache.set('k', 'v', keep_ttl => true, space => 'short'), cache.ttl('k', 'short'), cache.set('new', 'v', keep_ttl => true, space => 'short'), cache.ttl('new', 'short') > '50 min' AS ttl;
SELECT cache.set_many('{m}', '{v}'::text[], space => 'short'), cache.ttl('m', 'short') > '50 min' AS ttl, cache.compare_and_set('c', NULL, 'v', space => 'short'), cache.ttl('c', 'short') > '50 min' AS ttl;
-- keys that are there keep theirs when it changes
SELECT cache.alter_space('short', '1 day', '1MB');
SELECT cache.ttl('m', 'short') < '1 hour' AS old, cache.set('m', 'v', space => 'short'), cache.ttl('m', 'short') > '23:50' AS new;
BEGIN;
SELECT cache.alter_space('short', NULL, '1MB'), cache.set('m', 'v', space => 'short'), cache.ttl('m', 'short');
ROLLBACK;
SELECT cache.ttl('m', 'short') > '23:50' AS new, cache.set('m', 'v', space => 'short'), cache.ttl('m', 'short') > '23:50' AS new;
RESET ROLE;

-- ----- room -----

SET ROLE regress_cs_a;
SELECT cache.set('kept', 'v', space => 'a');
SELECT cache.delete_prefix('', 'short') > 0 AS deleted;
-- one by one: the space's own keys make room
DO $$BEGIN
	FOR i IN 1..1000 LOOP
		PERFORM cache.set('big' || i, repeat('v', 10000), space => 'short', immediate => true);
	END LOOP;
END$$;
SELECT bytes BETWEEN 500000 AND 1048576 AS within, entries BETWEEN 50 AND 104 AS entries, evictions > 800 AS evictions, max_memory, ttl
	FROM cache.space_stats WHERE space = 'short';
SELECT cache.get('big1000', 'short') = repeat('v', 10000) AS newest, cache.exists('kept', 'a') AS others;
SELECT count(*) BETWEEN 50 AND 104 AS keys FROM cache.keys(space => 'short');
-- several in each transaction
SELECT count(*) FROM generate_series(1, 20) i, LATERAL (SELECT cache.set('t' || i, repeat('v', 10000), space => 'short') OFFSET 0) x;
SELECT bytes <= 1048576 AS within FROM cache.space_stats WHERE space = 'short';
SELECT count(*) FROM cache.get_many(ARRAY(SELECT 't' || i FROM generate_series(1, 20) i), 'short');
-- more than there is room for, in one transaction: it fails as a whole, and before it commits
CREATE TEMP TABLE beside (v text);
BEGIN;
INSERT INTO beside VALUES ('row');
SELECT count(cache.set('all' || i, repeat('v', 10000), space => 'short')) FROM generate_series(1, 200) i;
COMMIT;
SELECT count(*) FROM beside;
SELECT count(*) FROM cache.keys('all', space => 'short');
SELECT cache.get('kept', 'a'), cache.set('small', 'v', space => 'short'), cache.get('small', 'short');
-- a value that can never fit
SELECT cache.set('huge', repeat('v', 2000000), space => 'short');
SELECT cache.set('huge', repeat('v', 2000000), space => 'short', immediate => true);
SELECT cache.exists('huge', 'short'), cache.get('small', 'short');
-- a larger share
SELECT cache.alter_space('short', '1 day', '8MB');
SELECT cache.set('huge', repeat('v', 2000000), space => 'short'), length(cache.get('huge', 'short'));
-- and a smaller one, when the next key comes
SELECT cache.alter_space('short', '1 day', '200kB'), length(cache.get('huge', 'short'));
SELECT cache.set('small', 'v2', space => 'short');
SELECT cache.get('small', 'short'), cache.exists('huge', 'short'), bytes <= 204800 AS within FROM cache.space_stats WHERE space = 'short';
RESET ROLE;

-- ----- dropping -----

SET ROLE regress_cs_a;
SELECT cache.create_space('drop me', ttl => '1 hour'), cache.set('k', 'v', space => 'drop me');
BEGIN;
SELECT cache.drop_space('drop me');
SELECT try($$SELECT cache.get('k', 'drop me')$$);
ROLLBACK;
SELECT cache.get('k', 'drop me');
SELECT cache.drop_space('drop me');
SELECT cache.get('k', 'drop me');
-- another of the same name is another
SELECT cache.create_space('drop me'), cache.get('k', 'drop me'), cache.ttl('k', 'drop me');
SELECT * FROM cache.keys(space => 'drop me');
BEGIN;
SELECT cache.set('k', 'new', space => 'drop me'), cache.drop_space('drop me'), cache.create_space('drop me'), cache.get('k', 'drop me');
SELECT cache.set('k', 'newer', space => 'drop me');
COMMIT;
SELECT cache.get('k', 'drop me'), cache.drop_space('drop me');
-- one that was never there
BEGIN;
SELECT cache.create_space('rolled back'), cache.set('k', 'v', space => 'rolled back'), cache.set('i', 'v', space => 'rolled back', immediate => true), cache.get('k', 'rolled back');
ROLLBACK;
SELECT cache.get('k', 'rolled back');
SELECT cache.create_space('rolled back'), cache.get('k', 'rolled back'), cache.get('i', 'rolled back'), cache.drop_space('rolled back');
BEGIN;
SAVEPOINT s;
SELECT cache.create_space('rolled back'), cache.set('k', 'v', space => 'rolled back');
ROLLBACK TO s;
SELECT cache.set('k', 'v');
COMMIT;
SELECT cache.get('k');
-- grants go with it
SELECT cache.create_space('drop me'), cache.grant_space('drop me', 'regress_cs_b'), cache.drop_space('drop me'), cache.create_space('drop me');
RESET ROLE;
SET ROLE regress_cs_b;
SELECT cache.get('k', 'drop me');
RESET ROLE;
SELECT count(*) FROM cache.space_grants;
SELECT cache.drop_space('drop me');
-- a role, with what is its own
SET ROLE regress_cs_gone;
SELECT cache.set('k', 'of one who is gone'), cache.get('k');
RESET ROLE;
SELECT entries > 0 AS entries FROM cache.space_stats WHERE owner = 'regress_cs_gone'::regrole;
BEGIN;
DROP ROLE regress_cs_gone;
ROLLBACK;
SET ROLE regress_cs_gone;
SELECT cache.get('k');
RESET ROLE;
SELECT cache.create_space('kept by', owner => 'regress_cs_gone'), cache.grant_space('a', 'regress_cs_gone');
DROP ROLE regress_cs_gone;
SELECT count(*) FROM cache.space_stats s WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.owner) AND space = '(private)';
CREATE ROLE regress_cs_gone;
SET ROLE regress_cs_gone;
SELECT cache.get('k'), try($$SELECT cache.get('k', 'a')$$), try($$SELECT cache.get('k', 'kept by')$$);
RESET ROLE;
SELECT cache.drop_space('kept by');

-- ----- what there is to see -----

SELECT cache.grant_space('a', 'regress_cs_b', write => false);
SELECT cache.grant_space('short', 'regress_cs_b', read => false);
CREATE FUNCTION sees(role name) RETURNS TABLE (space text, owner text, keys boolean, hits boolean, misses boolean, sets boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', role);
	RETURN QUERY SELECT s.space, s.owner::text, s.entries > 0 AND s.bytes > s.entries, s.hits > 0, s.misses > 0, s.sets > 0
		FROM cache.space_stats s WHERE s.space IN ('a', 'short') OR s.owner::text LIKE 'regress%' ORDER BY s.space, s.owner::text;
	RESET ROLE;
END $$;
SELECT * FROM sees('regress_cs_a');
SELECT * FROM sees('regress_cs_b');
SELECT * FROM sees('regress_cs_c');
SELECT * FROM sees('regress_cs_stats');
SELECT * FROM sees(current_user);
-- counting
SELECT cache.create_space('counted', max_memory => '4MB', ttl => '90 min');
SELECT cache.set('k', 'v', space => 'counted'), cache.set('l', 'v', space => 'counted');
SELECT cache.get('k', 'counted'), cache.get('none', 'counted'), cache.get('k', 'counted');
SELECT space, owner = current_user::regrole AS owner, entries, bytes > 20 AS bytes, max_memory, ttl, hits, misses, sets, evictions FROM cache.space_stats WHERE space = 'counted';
SELECT cache.delete_prefix('', 'counted');
SELECT entries, bytes FROM cache.space_stats WHERE space = 'counted';
SELECT cache.drop_space('counted');

SELECT cache.drop_space('a'), cache.drop_space('short');
SELECT count(*) FROM cache.space_grants;
SELECT count(*) FROM cache.spaces;
SELECT cache.delete_prefix('') >= 0 AS done;
DO $$BEGIN EXECUTE format('REVOKE ALL ON DATABASE %I FROM regress_cs_a', current_database()); END$$;
DROP FUNCTION try, all_fail, uses, sums, as_owner, as_c, own_of_a, sees;
DROP TABLE beside;
DROP ROLE regress_cs_a, regress_cs_b, regress_cs_c, regress_cs_group, regress_cs_stats, regress_cs_gone;
