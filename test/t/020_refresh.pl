
# Refresh-ahead: entries that are read late in their life are reloaded by a
# worker, which begins and ends by itself and blocks no other session.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'restart_after_crash = on', 'max_worker_processes = 3',
	'max_logical_replication_workers = 0', 'log_min_messages = info');
add_extension($node);

# Tables of which every hit is late enough for a refresh.
my $always = q(ttl => '1 hour', refresh_ahead => 1);

# How the launcher and the workers are seen.
sub processes
{
	my ($type, $db) = @_;
	my $where = defined $db ? "AND datname = '$db'" : '';

	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cache_strategies $type' $where";
}

sub wait_for_processes
{
	my ($type, $n, $name, $db) = @_;

	ok($node->poll_query_until('postgres', processes($type, $db), $n), $name);
}

# Read until the row has been reloaded so many times in all.
sub refreshed
{
	my ($db, $table, $key, $n, $name) = @_;

	ok($node->poll_query_until($db, qq(
		SELECT cache.read(NULL::$table, $key) IS NULL OR refreshes >= $n
		FROM cache.table_stats WHERE relation = '$table'::regclass)), $name);
}

wait_for_processes('launcher', 1, 'there is a launcher');
is($node->safe_psql('postgres', processes('worker')), '0', 'and no worker');

# ----- reloading -----

$node->safe_psql('postgres', qq(
	CREATE TABLE "Items" ("Id" text, id int, made text, PRIMARY KEY ("Id", id));
	INSERT INTO "Items" VALUES ('a', 1, 'from the table'), ('b', 2, 'from the table');
	CREATE FUNCTION load_item(text, int) RETURNS "Items" LANGUAGE sql STABLE AS
	\$\$ SELECT "Id", id, clock_timestamp() || ' ' || current_setting('TimeZone') || ' ' || current_user FROM public."Items" WHERE "Id" = \$1 AND id = \$2 \$\$;
	CREATE ROLE owner;
	GRANT CREATE ON SCHEMA public TO owner;
	ALTER TABLE "Items" OWNER TO owner;
	ALTER FUNCTION load_item(text, int) OWNER TO owner;
	SET TimeZone = 'Asia/Tokyo';
	SELECT cache.attach('"Items"', 'read_through', loader => 'load_item', $always);
	CREATE TABLE plain (id int PRIMARY KEY, v text);
	INSERT INTO plain SELECT i, 'row ' || i FROM generate_series(1, 2000) i;
	SELECT cache.attach('plain', 'cache_aside', $always);
));
my $item = q(SELECT made FROM cache.read(NULL::"Items", 'a', 1));
my $first = $node->safe_psql('postgres', $item);
like($first, qr{ Asia/Tokyo owner$}, 'the loader runs as the owner in a session, with the settings of the attach');
ok($node->poll_query_until('postgres', "SELECT ($item) <> '$first'"), 'what is read is reloaded meanwhile');
like($node->safe_psql('postgres', $item), qr{ Asia/Tokyo owner$}, 'and so it does in the worker');
is( $node->safe_psql('postgres', q(
		SELECT misses, bypasses FROM cache.table_stats WHERE relation = '"Items"'::regclass)),
	'1|0', 'no reader had to wait for that');

refreshed('postgres', 'plain', 1, 1, 'rows of the table are reloaded');
$node->safe_psql('postgres', q(SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 2000) i));
refreshed('postgres', 'plain', 1, 200, 'more than one worker round of them');
$node->safe_psql('postgres', q(SELECT count(*) FROM cache.read_many(NULL::plain, ARRAY[1, 2, 3])));
my $before = $node->safe_psql('postgres', q(SELECT (cache.explain(NULL::plain, 1)).expires));
ok( $node->poll_query_until('postgres', qq(
		SELECT cache.read(NULL::plain, 1) IS NOT NULL
			AND (cache.explain(NULL::plain, 1)).expires > '$before')),
	'a reloaded entry lives longer');

# An entry that is not late is left alone.
$node->safe_psql('postgres', q(
	CREATE TABLE early (id int PRIMARY KEY, v text);
	INSERT INTO early VALUES (1, 'row 1');
	SELECT cache.attach('early', 'read_through', ttl => '1 hour', refresh_ahead => 0.1);
	SELECT cache.read(NULL::early, 1) FROM generate_series(1, 10);
));
refreshed('postgres', 'plain', 1, 202, 'while others are');
is( $node->safe_psql('postgres', q(
		SELECT misses, hits, refreshes FROM cache.table_stats WHERE relation = 'early'::regclass)),
	'1|9|0', 'an entry is not reloaded early in its life');

wait_for_processes('worker', 0, 'the worker ends by itself');
refreshed('postgres', 'plain', 3, 203, 'and another comes when it is needed');

# ----- what goes wrong in the worker -----

my $offset = -s $node->logfile;
$node->safe_psql('postgres', qq(
	CREATE TABLE broken (id int PRIMARY KEY, v text);
	INSERT INTO broken VALUES (1, 'row 1');
	CREATE FUNCTION load_broken(int) RETURNS broken LANGUAGE plpgsql STABLE AS \$\$
	DECLARE
		r public.broken;
	BEGIN
		IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) LIKE 'cache%' THEN
			RAISE EXCEPTION 'not in the worker';
		END IF;
		SELECT * INTO r FROM public.broken WHERE id = \$1;
		RETURN r;
	END \$\$;
	SELECT cache.attach('broken', 'read_through', loader => 'load_broken', $always);
));
is( $node->safe_psql('postgres', q(SELECT cache.read(NULL::broken, 1); SELECT cache.read(NULL::broken, 1))),
	qq((1,"row 1")\n(1,"row 1")), 'a row whose loader fails in the worker is read');
$node->wait_for_log(qr/LOG:  could not refresh a cached row of the table with OID \d+ ahead of its expiry: not in the worker/s, $offset);
pass('the failure is in the log');
refreshed('postgres', 'plain', 4, 204, 'the worker goes on');
unlike(slurp_file($node->logfile, $offset), qr/"cache_strategies worker[^"]*" \(PID \d+\) exited with exit code/,
	'and has not ended by that');

# A table that is gone by then.
$node->safe_psql('postgres', qq(
	CREATE TABLE gone AS SELECT * FROM plain;
	ALTER TABLE gone ADD PRIMARY KEY (id);
	SELECT cache.attach('gone', 'read_through', $always);
	SELECT count(cache.read(NULL::gone, i)) FROM generate_series(1, 1000) i;
	SELECT count(cache.read(NULL::gone, i)) FROM generate_series(1, 1000) i;
	DROP TABLE gone;
));
refreshed('postgres', 'plain', 5, 205, 'requests for a dropped table are passed over');

$node->safe_psql('postgres', q(
	ALTER DATABASE postgres SET default_transaction_isolation = serializable));
wait_for_processes('worker', 0, 'the worker ends');
my $reader = $node->background_psql('postgres');
$reader->query_safe('SET default_transaction_isolation = "read committed"');
my $n = $node->safe_psql('postgres', q(
	SELECT refreshes FROM cache.table_stats WHERE relation = 'plain'::regclass));
$reader->query_safe('SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 10) i');
ok( $node->poll_query_until('postgres', qq(
		SELECT refreshes > $n FROM cache.table_stats WHERE relation = 'plain'::regclass)),
	'it works where transactions are serializable by default');
$reader->quit;
$node->safe_psql('postgres', 'ALTER DATABASE postgres RESET default_transaction_isolation');

# ----- it blocks no other session -----

sub make_database
{
	my ($db) = @_;

	once_free($node, "CREATE DATABASE $db");
	$node->safe_psql($db, qq(
		CREATE EXTENSION cache_strategies;
		CREATE TABLE t (id int PRIMARY KEY, v text);
		INSERT INTO t VALUES (1, 'row 1');
		CREATE FUNCTION slow(int) RETURNS t LANGUAGE plpgsql STABLE AS \$\$
		DECLARE
			r public.t;
		BEGIN
			IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) LIKE 'cache%' THEN
				PERFORM pg_sleep(600);
			END IF;
			SELECT * INTO r FROM public.t WHERE id = \$1;
			RETURN r;
		END \$\$;
		SELECT cache.attach('t', 'read_through', $always);
	));
}

make_database('idle');
refreshed('idle', 't', 1, 1, 'another database has its worker');
# read meanwhile, so that it has something to do
ok( $node->poll_query_until('idle',
		processes('worker', 'idle') =~ s/count\(\*\)/cache.read(NULL::t, 1) IS NULL OR count(*) = 1/r), 'which is there');
is(once_free($node, 'CREATE DATABASE copy TEMPLATE idle'), '', 'the database can be copied while its worker is idle');
refreshed('idle', 't', 1, 2, 'the worker is there again');
is(once_free($node, 'DROP DATABASE idle'), '', 'DROP DATABASE with an idle worker');
is(once_free($node, 'DROP DATABASE copy'), '', 'DROP DATABASE without');

make_database('busy');
$node->safe_psql('busy', qq(
	SELECT cache.attach('t', 'read_through', loader => 'slow', $always);
	SELECT cache.read(NULL::t, 1);
	SELECT cache.read(NULL::t, 1);
));
wait_for_processes('worker', 1, 'a worker is loading', 'busy');
ok( $node->poll_query_until('postgres', q(
		SELECT wait_event = 'PgSleep' FROM pg_stat_activity
		WHERE backend_type = 'cache_strategies worker' AND datname = 'busy')),
	'and takes its time');
is(once_free($node, 'DROP DATABASE busy'), '', 'DROP DATABASE with a busy worker');
is($node->safe_psql('postgres', processes('worker', 'busy')), '0', 'which is gone');

# ----- no room for workers -----

# With three places one is the launcher's.
wait_for_processes('worker', 0, 'all workers have ended');
$offset = -s $node->logfile;
foreach my $db (qw(db_1 db_2 db_3))
{
	make_database($db);
	$node->safe_psql($db, qq(
		SELECT cache.attach('t', 'read_through', loader => 'slow', $always);
		SELECT cache.read(NULL::t, 1);
			SELECT cache.read(NULL::t, 1);
	));
}
wait_for_processes('worker', 2, 'two databases have their workers');
$node->wait_for_log(qr/could not start a worker that refreshes cached rows/, $offset);
pass('that the third has none is in the log');
is($node->safe_psql('db_3', 'SELECT cache.read(NULL::t, 1)'), '(1,"row 1")', 'its rows are read');
once_free($node, "DROP DATABASE $_") foreach qw(db_1 db_2);
wait_for_processes('worker', 1, 'it gets one when there is room', 'db_3');
my @complaints = slurp_file($node->logfile, $offset) =~ /(could not start a worker)/g;
is(scalar @complaints, 1, 'the log has it once');
$node->safe_psql('postgres', 'DROP DATABASE db_3');

# ----- ends and starts -----

my $pid = $node->safe_psql('postgres', processes('launcher') =~ s/count\(\*\)/pid/r);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', processes('launcher') . " AND pid <> $pid", 1), 'a launcher that was terminated comes back');
$n = $node->safe_psql('postgres', q(
	SELECT refreshes FROM cache.table_stats WHERE relation = 'plain'::regclass));
refreshed('postgres', 'plain', 6, $n + 1, 'and does its work');

$pid = $node->safe_psql('postgres', processes('launcher') =~ s/count\(\*\)/pid/r);
kill('KILL', $pid);
$node->poll_query_until('postgres', "SELECT pid <> $pid FROM pg_stat_activity WHERE backend_type = 'cache_strategies launcher'");
refreshed('postgres', 'plain', 6, 1, 'so it does after a crash');

$offset = -s $node->logfile;
$node->stop('fast');
unlike(slurp_file($node->logfile, $offset), qr/PANIC|TRAP|was terminated by signal/, 'a clean shutdown');

# Turned off, nothing refreshes, and reading does without.  The launcher is there
# for the workers that flush.
$node->append_conf('postgresql.conf', 'cache_strategies.refresh_queue = 0');
$node->start;
is($node->safe_psql('postgres', q(
		SELECT cache.read(NULL::plain, 1) FROM generate_series(1, 3);
		SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cache_strategies worker';)),
	qq((1,"row 1")\n(1,"row 1")\n(1,"row 1")\n0), 'without a queue there is no worker');
$node->stop;

done_testing();
