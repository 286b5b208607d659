
# The machine's clock is set, forward and back: deferred writes are flushed after
# their interval and not before, what has failed is tried again, workers come back,
# and results end by their ttl and their age.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../faults";

use CacheTest;
use Clock;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off -c cache_strategies.results=auto -c cache_strategies.results_min_cost=0';

my $clock = Clock->new;
my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf('postgresql.conf', join("\n", "shared_preload_libraries = 'cache_strategies'", 'autovacuum = off',
		'cache_strategies.worker_timeout = 2s', 'cache_strategies.results_adapt = off', 'cache_strategies.history_interval = 1s') . "\n");
$clock->start($node);
add_extension($node);

sub sql
{
	return $node->safe_psql('postgres', join(";\n", @_));
}

# Otherwise all the rest would be waited for in vain.
sub waits_until
{
	my ($name, $sql) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($node->poll_query_until('postgres', $sql), $name) or die 'the clock of the workers is wrong';
}

sql(q(
	CREATE TABLE often (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO often SELECT generate_series(1, 3);
	CREATE TABLE volatile (LIKE often INCLUDING ALL);
	INSERT INTO volatile TABLE often;
	CREATE TABLE seldom (LIKE often INCLUDING ALL);
	INSERT INTO seldom TABLE often;
	CREATE TABLE failing (LIKE often INCLUDING ALL);
	INSERT INTO failing TABLE often;
	CREATE TABLE hanging (LIKE often INCLUDING ALL);
	INSERT INTO hanging TABLE often;
	SELECT cache.attach(t, 'write_back', durable => t <> 'volatile'::regclass, merge => '{"n": "add"}',
		flush_interval => CASE t WHEN 'seldom'::regclass THEN '1 hour'::interval ELSE '300 ms' END)
	FROM unnest('{often,volatile,seldom,failing,hanging}'::regclass[]) t;
	CREATE TABLE wrong (what text);
	-- A process of its own fails at once: PostgreSQL's pg_sleep() and timeouts, also
	-- statement_timeout, go by the clock that is set.
	CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM public.wrong WHERE what = TG_TABLE_NAME) THEN
			PERFORM pg_sleep(1000) FROM pg_stat_activity
			WHERE TG_TABLE_NAME = 'hanging' AND pid = pg_backend_pid() AND backend_type = 'cache_strategies flush worker';
			RAISE 'it fails for now' USING ERRCODE = 'insufficient_resources';
		END IF;
		RETURN NULL;
	END $$;
	CREATE TRIGGER zz AFTER UPDATE ON failing FOR EACH ROW EXECUTE FUNCTION fail();
	CREATE TRIGGER zz AFTER UPDATE ON hanging FOR EACH ROW EXECUTE FUNCTION fail();
	CREATE TABLE t (n int);
	INSERT INTO t VALUES (0);
	-- each computation gives another number, which is not told
	CREATE SEQUENCE calls;
	CREATE FUNCTION called() RETURNS bigint IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN nextval('public.calls'); END $$;
	SELECT cache.track('t');
	CREATE FUNCTION state(r regclass) RETURNS text LANGUAGE sql AS $$
		SELECT dirty_entries || CASE WHEN oldest BETWEEN '0' AND '10 min' THEN ' young' WHEN oldest IS NULL THEN ' none' ELSE ' ' || oldest END
		FROM cache.flush_status WHERE relation = r $$));

my %n = map { $_ => 0 } qw(often volatile seldom failing hanging);

sub increment
{
	my @tables = @_;

	sql(map { "UPDATE $_ SET n = n + 1" } @tables);
	$n{$_}++ foreach @tables;
}

# Results that may be this old, whatever has changed.
my %aged = ('1h' => 'SELECT max(n) FROM t /* cache max_age=1h */', '500ms' => 'SELECT min(n) FROM t /* cache max_age=500ms */');
my $remember = q(SELECT cache.remember('brief', '500 ms', 'SELECT called()'), cache.remember('day', '1 day', 'SELECT called()'));

sub remembered { return split /\|/, sql($remember) }

my $flushed = join(' AND ', map { "(SELECT dirty_entries = 0 FROM cache.flush_status WHERE relation = '$_'::regclass)" } qw(often volatile));
my $worker = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_strategies flush worker'";
my $before = 0;

foreach my $step ([ '+3d', 3 ], [ '-5d', -5 ], [ '+0', 0 ], [ '+400d', 400 ], [ '-400d', -400 ])
{
	my ($offset, $days) = @$step;
	my $name = "clock set to $offset";
	my ($pid, $max, $samples, @before, @after);

	# Two tables have failed before the step, and are to be tried again after it.
	sql("INSERT INTO wrong VALUES ('failing'), ('hanging')");
	increment('failing', 'hanging', 'seldom');
	waits_until("before the $name: a table fails", "SELECT retries > $before FROM cache.flush_status WHERE relation = 'failing'::regclass");
	waits_until("before the $name: another one hangs", "SELECT quarantined FROM cache.flush_status WHERE relation = 'hanging'::regclass");
	@before = remembered();
	$max = sql($aged{'1h'});
	sql($aged{'1h'}, $aged{'500ms'}, 'UPDATE t SET n = n + 1');
	increment('often', 'volatile');

	$clock->set($node, $offset, $days);
	is(sql("SELECT state('seldom')"), '3 young', "$name: what is to be flushed in an hour is not flushed, and not old");
	waits_until("$name: what was deferred before is flushed", "SELECT $flushed");
	increment('often', 'volatile');
	waits_until("$name: what is deferred after it is flushed", "SELECT $flushed");

	sql('DELETE FROM wrong');
	waits_until("$name: the table that failed is flushed", q(SELECT dirty_entries = 0 FROM cache.flush_status WHERE relation = 'failing'::regclass));
	waits_until("$name: so is the one that hung", q(SELECT dirty_entries = 0 FROM cache.flush_status WHERE relation = 'hanging'::regclass));
	$before = sql(q(SELECT retries FROM cache.flush_status WHERE relation = 'failing'::regclass));
	# the next attempt that is quick ends the quarantine
	for (my $end = time + $PostgreSQL::Test::Utils::timeout_default;
		time < $end && sql(q(SELECT quarantined FROM cache.flush_status WHERE relation = 'hanging'::regclass)) eq 't';)
	{
		increment('hanging');
		waits_until("$name: and again", q(SELECT dirty_entries = 0 FROM cache.flush_status WHERE relation = 'hanging'::regclass));
	}
	is(sql("SELECT sum(n), string_agg(DISTINCT n::text, ' ') FROM $_"), 3 * $n{$_} . "|$n{$_}", "$name: $_ has all of it, once")
	  foreach qw(often volatile failing hanging);
	is(sql("SELECT state('seldom')"), '3 young', "$name: what is to be flushed in an hour is still deferred");

	# Results.
	@after = remembered();
	is($after[1], $before[1], "$name: a result is kept for its ttl");
	waits_until("$name: another one for no longer", "SELECT cache.remember('brief', '500 ms', 'SELECT called()')::text <> '$before[0]'");
	is(sql($aged{'1h'}), $max, "$name: a result that may be old is kept");
	waits_until("$name: one that may not is not", "SELECT (SELECT n FROM t) = ($aged{'500ms'})");
	sql('UPDATE t SET n = n + 1');

	# The launcher.  A flush worker that is terminated flushes everything.
	$samples = sql('SELECT count(*) FROM cache.history');
	waits_until("$name: samples are taken", "SELECT count(*) > $samples FROM cache.history");
	$pid = sql($worker);
	sql("SELECT pg_terminate_backend($pid)");
	waits_until("$name: a terminated flush worker comes back", "SELECT count(*) = 1 FROM ($worker) w WHERE pid <> $pid");
}

# A flush of a session's own, under a wrong clock, puts off none of the others.
increment('often', 'volatile');
sql('SELECT cache.flush()');
$clock->set($node, '+0', 0);
increment('often', 'volatile');
waits_until('after a flush under a wrong clock what is deferred is flushed', "SELECT $flushed");
is(sql("SELECT string_agg(DISTINCT n::text, ' ') FROM $_"), $n{$_}, "$_ has all of it, once") foreach sort keys %n;

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
