
# A table whose flush hangs, or leaves things behind in the worker, concerns
# no other table: other tables are flushed, the server stops, locks are given back.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

# Long enough for what does not hang.
my $timeout = 2000 * $slowness;
my $node = new_node('main', "cache_strategies.worker_timeout = $timeout");

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE low LOGIN;
	CREATE ROLE good LOGIN;
	CREATE SCHEMA m AUTHORIZATION low;
	CREATE SCHEMA g AUTHORIZATION good;
	CREATE TABLE public.seen (what text);
	GRANT INSERT ON public.seen TO PUBLIC;

	SET ROLE low;
	CREATE FUNCTION m.sleep() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM pg_sleep(100000); RETURN NEW; END';
	CREATE FUNCTION m.stubborn() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			LOOP
				BEGIN
					PERFORM pg_sleep(100000);
				EXCEPTION WHEN query_canceled THEN NULL;
				END;
			END LOOP;
		END $$;
	CREATE FUNCTION m.litter() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_advisory_lock(i) FROM generate_series(1, 1000) i;
			PERFORM set_config('DateStyle', 'SQL, DMY', false), set_config('work_mem', '64kB', false);
			RETURN NEW;
		END $$;
	CREATE FUNCTION m.again() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.id = 1 THEN PERFORM cache.flush('m.again');
			ELSIF NEW.id = 2 THEN PERFORM cache.attach('m.again', 'write_back', merge => '{"n": "add"}');
			ELSIF NEW.id = 3 THEN PERFORM cache.detach('m.again');
			ELSIF NEW.id = 4 THEN PERFORM cache.detach('m.again', true);
			END IF;
			RETURN NEW;
		END $$;
	SET ROLE good;
	CREATE FUNCTION g.look() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO public.seen VALUES (current_setting('DateStyle') || ' ' || current_setting('work_mem'));
			RETURN NEW;
		END $$;
	RESET ROLE;
));

# table(NAME, TRIGGER): a durable table with five rows, and a trigger that only a flush
# fires.  The flush worker, which may be busy with tables that hang, has looked at it.
sub table
{
	my ($name, $trigger, %options) = @_;
	my $owner = $name =~ /^m/ ? 'low' : 'good';
	my $more = $options{more} // q(flush_interval => '100 ms');

	$node->safe_psql('postgres', qq(
		SET ROLE $owner;
		CREATE TABLE $name (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
		INSERT INTO $name SELECT generate_series(1, 5);
		SELECT cache.attach('$name', 'write_back', merge => '{"n": "add"}', $more);
	) . ($trigger ? "CREATE TRIGGER zz AFTER UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION $trigger()" : ''));
	$node->poll_query_until('postgres', "SELECT open FROM cache.flush_status WHERE relation = '$name'::regclass")
	  or die "the flush worker does not look at $name";
}

sub poll { ok($node->poll_query_until('postgres', $_[0]), $_[1]) }

# Five writes of a table of a role that does no harm arrive.
my $rounds = 0;

sub good_flushes
{
	my ($when) = @_;

	$rounds++;
	$node->safe_psql('postgres', 'SET ROLE good; UPDATE g.t SET n = n + 1');
	poll("SELECT bool_and(n = $rounds) FROM g.t", "another role's table is flushed $when");
}

table('g.t', 'g.look');
good_flushes('at first');

# ----- what a trigger leaves in the worker -----

table('m.litter', 'm.litter');
$node->safe_psql('postgres', 'UPDATE m.litter SET n = n + 1');
poll('SELECT bool_and(n = 1) FROM m.litter', 'a flush whose trigger takes session locks and changes settings');
poll(q(SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objsubid = 1)), 'the locks are given back');
good_flushes('afterwards');
is($node->safe_psql('postgres', 'SELECT DISTINCT what FROM seen'),
	$node->safe_psql('postgres', q(SELECT current_setting('DateStyle') || ' ' || current_setting('work_mem'))),
	'with the settings that it would have had');

# ----- a trigger that flushes, attaches or detaches its own table -----

table('m.again', 'm.again', more => q(flush_interval => '1 day'));
foreach my $what ('flushes', 'attaches', 'detaches', 'discards')
{
	my $id = { flushes => 1, attaches => 2, detaches => 3, discards => 4 }->{$what};
	my (undef, undef, $error) = $node->psql('postgres', qq(
		\\set VERBOSITY verbose
		UPDATE m.again SET n = n + 1 WHERE id = $id;
		SELECT cache.flush('m.again')));

	like($error, qr/55006: deferred writes of table "again" are being flushed by this session.*HINT:  A trigger that fires during a flush must not/s,
		"a trigger that $what its own table");
	$node->safe_psql('postgres', q(
		ALTER TABLE m.again DISABLE TRIGGER zz;
		SELECT cache.flush('m.again');
		ALTER TABLE m.again ENABLE TRIGGER zz));
	is($node->safe_psql('postgres', "SELECT n FROM m.again WHERE id = $id"), '1', 'nothing is lost');
	Test::More->builder->is_passing or die 'what comes waits for the same error';
}
$node->safe_psql('postgres', q(
	SELECT cache.attach('m.again', 'write_back', merge => '{"n": "add"}', flush_interval => '100 ms');
	UPDATE m.again SET n = n + 1 WHERE id = 1));
poll(q(SELECT last_error LIKE '%are being flushed by this session' FROM cache.flush_status WHERE relation = 'm.again'::regclass),
	'the same in the worker');
good_flushes('while that one fails');
$node->safe_psql('postgres', q(DROP TRIGGER zz ON m.again));
poll('SELECT n = 2 FROM m.again WHERE id = 1', 'it is written when the trigger is gone');
$node->safe_psql('postgres', q(SELECT cache.detach('m.again')));

# ----- tables that hang -----

my $log = -s $node->logfile;
table('m.slow', 'm.sleep');
$node->safe_psql('postgres', 'UPDATE m.slow SET n = n + 1');
poll(q(SELECT quarantined AND timeouts = 1 FROM cache.flush_status WHERE relation = 'm.slow'::regclass), 'a table that hangs is quarantined');
$node->wait_for_log(qr/deferred writes of table "m\.slow" take too long to flush/, $log);
good_flushes('while it is');
poll(q(SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_strategies flush of one table')),
	'it is tried again by a process of its own');
good_flushes('while that one hangs');

# One that catches the cancellation takes its process with it, and the next one knows.
table('m.stubborn', 'm.stubborn');
$node->safe_psql('postgres', 'UPDATE m.stubborn SET n = n + 1');
poll(q(SELECT quarantined FROM cache.flush_status WHERE relation = 'm.stubborn'::regclass), 'so is one that catches the cancellation');
good_flushes('while there are both');

# More of them than there are processes.
table("m.slow$_", 'm.sleep') for 1 .. 3;
$node->safe_psql('postgres', "UPDATE m.slow$_ SET n = n + 1") for 1 .. 3;
poll(q(SELECT count(*) = 5 FROM cache.flush_status WHERE quarantined), 'however many there are');
good_flushes('while there are five');
is($node->safe_psql('postgres', q(SELECT count(*) <= 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies flush of one table')),
	't', 'a role has one process at a time');
table('m.fast', undef);
$node->safe_psql('postgres', 'UPDATE m.fast SET n = n + 1');
poll('SELECT bool_and(n = 1) FROM m.fast', 'a table of the same role is flushed');

# What makes it hang can be taken away, and it comes back.
$node->safe_psql('postgres', "DROP TRIGGER zz ON m.slow$_") for 1 .. 3;
poll("SELECT bool_and(n = 1) FROM m.slow$_", "m.slow$_ is flushed when it does not hang any more") for 1 .. 3;
# An attempt that is quick enough ends the quarantine; on a busy machine that may take more than one.
for (1 .. 100)
{
	last if $node->safe_psql('postgres', 'SELECT count(*) = 2 FROM cache.flush_status WHERE quarantined') eq 't';
	$node->safe_psql('postgres', "UPDATE m.slow$_ SET n = 1 WHERE id = 1") for 1 .. 3;
	sleep 1;
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.flush_status WHERE quarantined'), '2', 'and out of quarantine');

# ----- a loader that hangs -----

$node->safe_psql('postgres', q(
	SET ROLE low;
	CREATE TABLE m.load (id int PRIMARY KEY, v text);
	CREATE FUNCTION m.loader(int) RETURNS m.load STABLE LANGUAGE plpgsql AS $$
		BEGIN
			IF current_setting('application_name') NOT LIKE '%.pl' THEN
				PERFORM pg_sleep(100000);
			END IF;
			RETURN ROW($1, 'loaded')::m.load;
		END $$;
	SELECT cache.attach('m.load', 'read_through', ttl => '1 hour', refresh_ahead => 1, loader => 'm.loader');
	SET ROLE good;
	CREATE TABLE g.load (id int PRIMARY KEY, v text);
	INSERT INTO g.load SELECT i, i FROM generate_series(1, 100) i;
	SELECT cache.attach('g.load', 'read_through', ttl => '1 hour', refresh_ahead => 1);
	RESET ROLE;
	SELECT count(cache.read(NULL::m.load, i)) FROM generate_series(1, 100) i;
	SELECT count(cache.read(NULL::m.load, i)) FROM generate_series(1, 100) i;
	SELECT count(cache.read(NULL::g.load, i)) FROM generate_series(1, 100) i;
	SELECT count(cache.read(NULL::g.load, i)) FROM generate_series(1, 100) i;
));
poll(q(SELECT refreshes > 0 FROM cache.table_stats WHERE relation = 'g.load'::regclass), 'a loader that hangs does not keep others from being refreshed');
$node->wait_for_log(qr/could not refresh a cached row of the table with OID \d+ ahead of its expiry: it took longer than $timeout ms/, $log);

# ----- the server stops, and starts again -----

# A volatile table is flushed before it stops, whatever hangs.
table('g.volatile', undef, more => q(durable => false, flush_interval => '1 day'));
$node->safe_psql('postgres', 'UPDATE g.volatile SET n = n + 1');
$node->safe_psql('postgres', 'UPDATE m.slow SET n = n + 1; UPDATE m.stubborn SET n = n + 1');
$node->command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', 180 * $slowness, 'stop' ], 'a fast shutdown');
$node->_update_pid(0);
$log = -s $node->logfile;
$node->start;
is($node->safe_psql('postgres', 'SELECT sum(n) FROM g.volatile'), '5', 'nothing volatile is lost');
good_flushes('after the start');
poll(q(SELECT count(*) = 2 FROM cache.flush_status WHERE quarantined), 'the replay of those that hang hangs, and they are quarantined again');
good_flushes('then as well');
$node->safe_psql('postgres', 'DROP TRIGGER zz ON m.slow; DROP TRIGGER zz ON m.stubborn');
poll("SELECT bool_and(n = 2) FROM m.$_", "what was deferred for m.$_ arrives") for qw(slow stubborn);

# ----- DROP DATABASE finds the process -----

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', q(
	CREATE EXTENSION cache_strategies;
	CREATE TABLE t (id int PRIMARY KEY, n int);
	INSERT INTO t VALUES (1, 0);
	CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(100000); RETURN NEW; END';
	SELECT cache.attach('t', 'write_back', merge => '{"n": "add"}', flush_interval => '100 ms');
	CREATE TRIGGER zz AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION sleep();
));
$node->poll_query_until('other', 'SELECT open FROM cache.flush_status') or die 'the flush worker does not look at the table';
$node->safe_psql('other', 'UPDATE t SET n = 1');
poll(q(SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'cache_strategies flush of one table' AND datname = 'other')), 'in another database');
is($node->psql('postgres', 'DROP DATABASE other'), 0, 'which can be dropped');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|was terminated by signal/, 'nothing crashed');
$node->stop;
done_testing();
