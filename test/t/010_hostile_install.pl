
# CREATE EXTENSION: a schema "cache" of another role's is refused, and neither the
# script nor a query that the library runs is led astray by a search_path.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# The words that psql writes for a statement that fails.
sub refused
{
	my ($db, $sql, $pattern, $name) = @_;
	my ($status, undef, $error) = $node->psql($db, "\\set VERBOSITY verbose\n$sql");

	isnt($status, 0, "$name: it fails");
	like($error, $pattern, $name);
}

# ----- a schema that is there already -----

# What an attacker puts there: twins of whatever the script might name.
$node->safe_psql('postgres', q(
	CREATE ROLE low LOGIN;
	CREATE DATABASE taken;
));
$node->safe_psql('taken', q(
	GRANT CREATE ON DATABASE taken TO low;
	SET ROLE low;
	CREATE SCHEMA cache;
	CREATE FUNCTION cache.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS $$
		BEGIN EXECUTE 'ALTER ROLE low SUPERUSER'; RETURN 20000; END $$;
	CREATE FUNCTION cache.nextval(text) RETURNS bigint LANGUAGE plpgsql AS $$
		BEGIN EXECUTE 'ALTER ROLE low SUPERUSER'; RETURN 20000; END $$;
));
refused('taken', 'CREATE EXTENSION cache_strategies',
	qr/42P06: schema "cache" already exists.*HINT:  Rename the schema \(ALTER SCHEMA cache RENAME TO/s,
	'a schema of another role is not adopted');
refused('taken', 'CREATE EXTENSION cache_strategies SCHEMA public',
	qr/must be installed in schema/, 'nor are the objects put elsewhere');
$node->safe_psql('taken', 'ALTER SCHEMA cache RENAME TO evil');
$node->safe_psql('taken', q(
	SET search_path = evil, pg_catalog;
	CREATE EXTENSION cache_strategies;
	SELECT cache.create_space('s');
));
is( $node->safe_psql('taken', q(
		SELECT rolsuper, (SELECT id >= 16384 AND id < 20000 FROM cache.spaces WHERE name = 's'),
			(SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'cache')
		FROM pg_roles WHERE rolname = 'low')),
	"f|t|$superuser", 'once it is out of the way the extension makes its own, and nothing of it is used');
$node->safe_psql('taken', 'DROP EXTENSION cache_strategies');
is($node->safe_psql('taken', q(SELECT to_regnamespace('cache') IS NULL)), 't', 'the schema goes with the extension');

# An empty one is refused, too: its owner could fill it later.
$node->safe_psql('taken', 'CREATE SCHEMA cache AUTHORIZATION low');
refused('taken', 'CREATE EXTENSION cache_strategies', qr/42P06/, 'an empty schema is refused, too');

# ----- twins of everything -----

# A function of the same name and arguments for each function and operator of
# pg_catalog, which says that it has been called.
once_free($node, 'CREATE DATABASE twins OWNER low');
$node->safe_psql('twins', q(
	CREATE SCHEMA evil AUTHORIZATION low;
	GRANT CREATE ON SCHEMA public TO low;
	GRANT USAGE ON SCHEMA evil TO PUBLIC;
	SET ROLE low;
	CREATE TABLE evil.called (what text);
	DO $do$
	DECLARE
		f record;
		body text;
	BEGIN
		FOR f IN SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS args, p.prorettype::regtype AS result, p.proretset
			FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
				AND p.provariadic = 0
		LOOP
			body := format('BEGIN RAISE EXCEPTION %L; END', 'the twin of function ' || f.proname || ' was called');
			BEGIN
				EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', f.proname, f.args,
					CASE WHEN f.proretset THEN 'SETOF' ELSE '' END, f.result, body);
			EXCEPTION WHEN OTHERS THEN NULL;	-- of internal or pseudo types
			END;
		END LOOP;
		FOR f IN SELECT o.oid, o.oprname, o.oprleft, o.oprright, o.oprresult FROM pg_operator o
			WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprright <> 0
		LOOP
			BEGIN
				EXECUTE format('CREATE FUNCTION evil.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L', f.oid,
					concat_ws(', ', nullif(f.oprleft, 0)::regtype, f.oprright::regtype), f.oprresult::regtype,
					format('BEGIN RAISE EXCEPTION %L; END', 'the twin of operator ' || f.oprname || ' was called'));
				EXECUTE format('CREATE OPERATOR evil.%s (%s RIGHTARG = %s, FUNCTION = evil.operator_%s)', f.oprname,
					CASE WHEN f.oprleft = 0 THEN '' ELSE 'LEFTARG = ' || f.oprleft::regtype || ',' END,
					f.oprright::regtype, f.oid);
			EXCEPTION WHEN OTHERS THEN NULL;
			END;
		END LOOP;
	END $do$;
	RESET ROLE;
));
cmp_ok(
	$node->safe_psql('twins', q(
		SELECT (SELECT count(*) FROM pg_proc WHERE pronamespace = 'evil'::regnamespace) +
			(SELECT count(*) FROM pg_operator WHERE oprnamespace = 'evil'::regnamespace))),
	'>', 3000, 'there are twins');

# Also the workers', which take the database's settings.
$node->safe_psql('twins', 'ALTER DATABASE twins SET search_path = evil, pg_catalog');
refused('twins', 'SELECT 1 = 1', qr/the twin of operator = was called/, 'they are found');

is($node->psql('twins', 'CREATE EXTENSION cache_strategies'), 0, 'the script does not call them');
$node->safe_psql('twins', q(
	CREATE TABLE public.p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES FROM (0) TO (100);
	CREATE TABLE public.q (id int);
	CREATE TABLE public.a (id int PRIMARY KEY, v text, n int DEFAULT 0);
	CREATE TABLE public.t (id int PRIMARY KEY, v text, n int DEFAULT 0);
	CREATE TABLE public.d (id int, k numeric, v text, n int DEFAULT 0, PRIMARY KEY (id, k));
	CREATE TABLE public.w (id int PRIMARY KEY, v text, n int DEFAULT 0, at timestamptz, tags text[], small smallint);
	CREATE FUNCTION public.load(int) RETURNS public.t STABLE LANGUAGE plpgsql AS $$
		BEGIN RETURN ROW($1, 'loaded', 0)::public.t; END $$;
	INSERT INTO public.a VALUES (1, 'a'), (2, 'b'), (3, 'c');
	INSERT INTO public.t TABLE public.a;
	INSERT INTO public.w SELECT id, v FROM public.a;
	INSERT INTO public.d SELECT id, 1.0, v FROM public.a;
	INSERT INTO public.p SELECT id, v FROM public.a;
	SELECT cache.attach('public.a'), cache.attach('public.p', 'write_around'), cache.attach('public.d', 'write_through'),
		cache.attach('public.t', 'read_through', ttl => '1 hour', refresh_ahead => 0.5, loader => 'public.load');
	SELECT cache.attach('public.w', 'write_back', flush_interval => '1 day',
		merge => '{"n": "add", "at": "max", "tags": "replace", "v": "replace", "small": "min"}');
	SELECT cache.track('public.q');
));

my @calls = (
	q(SELECT cache.read(NULL::public.a, 1), cache.read(NULL::public.d, 1, 1.0), cache.read(NULL::public.p, 1), cache.read(NULL::public.t, 1), cache.read(NULL::public.w, 1)),
	q(SELECT cache.read(NULL::public.a, 1), cache.read(NULL::public.d, 1, 1.0), cache.read(NULL::public.p, 1), cache.read(NULL::public.t, 1), cache.read(NULL::public.w, 1)),
	q(SELECT * FROM cache.read(NULL::public.a, 2)),
	q(SELECT * FROM cache.read(NULL::public.a, '2')),
	q(SELECT * FROM cache.read_many(NULL::public.a, ARRAY[1, 2, 3])),
	q(SELECT * FROM cache.read_many(NULL::public.p, ARRAY[1, 2, 3])),
	q(SELECT cache.lookup(NULL::public.a, 3)),
	q(SELECT cache.fill(a) FROM public.a),
	q(SELECT cache.warm('public.a'), cache.warm('public.p')),
	q(SELECT cache.write(ROW(4, 'd', 1)::public.a), cache.write(ROW(4, 2.0, 'd', 1)::public.d), cache.write(ROW(4, 'd')::public.p)),
	q(SELECT cache.increment(NULL::public.a, 'n', 1, 1)),
	q(SELECT cache.remove(NULL::public.a, 4)),
	q(UPDATE public.a SET v = 'x'), q(UPDATE public.p SET v = 'x'), q(UPDATE public.d SET v = 'x'), q(DELETE FROM public.d),
	q(UPDATE public.w SET n = 5, at = pg_catalog.now(), tags = '{x,y}', small = 3),
	q(UPDATE public.w SET n = 6, v = 'z'),
	q(SELECT cache.write(ROW(7, 'whole', 1, NULL, NULL, NULL)::public.w)),
	q(SELECT cache.increment(NULL::public.w, 'n', 1, 1)),
	q(SELECT * FROM cache.scan(NULL::public.w)),
	q(SELECT cache.read(NULL::public.w, 7)),
	q(SELECT cache.flush()), q(SELECT cache.flush('public.w')),
	q(SELECT cache.explain(NULL::public.w, 7), cache.tracking('public.q')),
	q(SELECT cache.create_space('s', ttl => '1 hour', max_memory => '1MB'), cache.grant_space('s', 'low'), cache.revoke_space('s', 'low'), cache.alter_space('s', NULL, NULL)),
	q(SELECT cache.set('k', 'v', space => 's', tags => '{x}'), cache.get('k', 's'), cache.incr('n'), cache.expire('k', '1 hour', 's'), cache.touch('k', 's'), cache.ttl('k', 's'), cache.persist('k', 's')),
	q(SELECT cache.invalidate_tag('x', 's'), cache.delete_prefix('k', 's'), cache.compare_and_set('c', NULL::text, 'x'), cache.drop_space('s')),
	q(SELECT cache.keys(), cache.set_many('{a,b}'::pg_catalog.text[], '{1,2}'::pg_catalog.text[])),
	q(SELECT cache.remember('r', '1 hour', 'SELECT id, v FROM public.a')),
	q(SELECT * FROM cache.remember(NULL::public.a, 'r', '1 hour', 'SELECT * FROM public.a')),
	q(SELECT cache.forget('r')),
	q(TABLE cache.stats), q(TABLE cache.table_stats), q(TABLE cache.space_stats), q(TABLE cache.progress), q(TABLE cache.flush_status), q(TABLE cache.dead_letters),
	q(SELECT cache.requeue(), cache.discard()),
	q(SELECT cache.invalidate('public.a'), cache.invalidate(NULL::public.a, 1)),
	q(TRUNCATE public.w));
foreach my $call (@calls)
{
	my ($status, undef, $error) = $node->psql('twins', $call);

	is("$status$error", '0', "not called by: $call");
}

# Dead letters, and what the flush worker runs by itself.
$node->safe_psql('twins', q(
	INSERT INTO public.w SELECT id, v FROM public.a;
	SELECT cache.attach('public.w', 'write_back', flush_interval => '100 ms', merge => '{"n": "add", "v": "replace"}');
	CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.id OPERATOR(pg_catalog.=) 2 THEN RAISE EXCEPTION 'no' USING ERRCODE = 'P0001'; END IF;
			RETURN NEW;
		END $$;
	CREATE TRIGGER zz_refuse BEFORE UPDATE ON public.w FOR EACH ROW EXECUTE FUNCTION public.refuse();
	UPDATE public.w SET n = 100, v = 'flushed';
));
ok($node->poll_query_until('twins', q(
		SELECT (SELECT pg_catalog.count(*) FROM cache.dead_letters) OPERATOR(pg_catalog.=) 1
			AND (SELECT n FROM public.w WHERE id OPERATOR(pg_catalog.=) 1) OPERATOR(pg_catalog.=) 100)),
	'the flush worker does its work');
$node->safe_psql('twins', 'ALTER TABLE public.w DISABLE TRIGGER zz_refuse');
is($node->safe_psql('twins', 'SELECT cache.requeue()'), '1', 'and so does requeue');
is($node->safe_psql('twins', 'SELECT n FROM public.w WHERE id OPERATOR(pg_catalog.=) 2'), '100', 'to the table');
is($node->psql('twins', q(SELECT cache.untrack('public.q'); DROP FUNCTION public.load(int); DROP TABLE public.p, public.q, public.t, public.d)), 0, 'dropping tables');
is($node->psql('twins', q(SELECT cache.detach('public.a'), cache.detach('public.w'))), 0, 'detaching them');
is($node->psql('twins', 'DROP EXTENSION cache_strategies'), 0, 'and dropping the extension');
my $log = slurp_file($node->logfile);
my @called = grep { !/operator = was called/ } $log =~ /ERROR:.*(the twin of .* was called)/g;
is("@called", '', 'the log tells of no twin');

# ----- the owner of a database, who is no superuser, dumps it -----

once_free($node, q(CREATE DATABASE owned OWNER low));
$node->safe_psql('owned', q(
	CREATE EXTENSION cache_strategies;
	GRANT CREATE ON SCHEMA public TO low;
	SET ROLE low;
	CREATE TABLE deferring (id int PRIMARY KEY, n int);
	INSERT INTO deferring VALUES (1, 0);
	SELECT cache.attach('deferring', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
	UPDATE deferring SET n = n + 1;
	SELECT cache.create_space('of low');
));
my $dump = $node->basedir . '/owned.sql';
$node->command_ok([ 'pg_dump', '-U', 'low', '-f', $dump, $node->connstr('owned') ],
	'the owner of a database can dump it');
like(slurp_file($dump), qr/COPY cache\.journal_[ab] .*\n\d+\tpublic\.deferring/, 'deferred writes included');

$node->stop;
done_testing();
