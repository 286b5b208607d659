
# Background workers at work, and at their test points: what each kind passes, the
# tables that keep it at work, and what there is afterwards.  Workers are cancelled and
# terminated there (082_hostile_cancel_workers.pl), and killed (098_fault_kill_workers.pl).

package WorkerCases;

use strict;
use warnings FATAL => 'all';

use CacheTest;
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

our @EXPORT = qw(
  $launcher $flusher $alone $refresher
  %worker_points
  %worker_held
  %worker_work
  $timeout
  create_worker_tables
  waits_until
  increment
  increment_others
  read_fresh
  pids
  make_lonely
  be_sociable
  set_option
  set_points
  clear_points
  worker_at
  all_there
  refreshes_grow
  ends
  comes_back
  %acknowledged
);

our ($launcher, $flusher, $alone, $refresher) = ('launcher', 'flush worker', 'flush of one table', 'worker');

my @flush = qw(merge_start flush_boundary flush_taken flush_applied after_reserve before_mark after_mark after_pre_commit
  before_flip before_flushed commit_begin commit_middle commit_end);
our %worker_points = (
	$launcher => [qw(launcher_before_start launcher_started)],
	$flusher => \@flush,
	$alone => \@flush,
	$refresher => [qw(after_token after_snapshot before_install)]);

# At these interrupts wait for the end of the commit.
our %worker_held = map { $_ => 1 } qw(before_flip before_flushed commit_begin commit_middle commit_end);

our $timeout = 1000 * $slowness;
my $node;
our %acknowledged = (durable => 0, volatile => 0, lonely => 0);

# The extension, the tables of the four kinds, and functions that look at them.
sub create_worker_tables
{
	($node) = @_;

	add_extension($node);
	create_tables($node);
	$node->safe_psql('postgres', <<"SQL");
	CREATE TABLE durable (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO durable SELECT generate_series(1, 3);
	CREATE TABLE volatile (LIKE durable INCLUDING ALL);
	INSERT INTO volatile TABLE durable;
	CREATE TABLE lonely (LIKE durable INCLUDING ALL);
	INSERT INTO lonely TABLE durable;
	SELECT cache.attach(t, 'write_back', durable => t <> 'volatile'::regclass, flush_interval => '10 ms', merge => '{"n": "add"}')
	FROM unnest('{durable,volatile,lonely}'::regclass[]) t;
	-- While a table hangs, the flush worker does not end, and a process of its own takes
	-- longer than the worker may: it is the latter that goes on flushing it.
	CREATE TABLE hangs (seconds float8);
	CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN
		PERFORM pg_sleep(CASE backend_type WHEN 'cache_strategies flush worker' THEN 1000 ELSE seconds END)
		FROM pg_stat_activity, public.hangs WHERE pid = pg_backend_pid();
		RETURN NULL;
	END \$\$;
	CREATE TRIGGER zz AFTER UPDATE ON lonely FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION hang();
	CREATE TABLE fresh (id int PRIMARY KEY, v text);
	INSERT INTO fresh SELECT i, 'row ' || i FROM generate_series(0, 25) i;
	SELECT cache.attach('fresh', 'read_through', ttl => '1 hour', refresh_ahead => 1);
	CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '\$libdir/cache_strategies', 'cs_test_left_behind';
SQL
}

# ----- what workers do -----

sub waits_until
{
	my ($sql, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($node->poll_query_until('postgres', $sql), $name) or die 'the rest would wait in vain';
}

sub increment
{
	my @tables = @_;

	$node->safe_psql('postgres', join(';', map { "UPDATE $_ SET n = n + 1" } @tables));
	$acknowledged{$_}++ foreach @tables;
}

sub increment_others { increment('durable', 'volatile') }

sub read_fresh
{
	$node->safe_psql('postgres', 'SELECT cache.read(NULL::fresh, i) FROM generate_series(0, 25) i');
}

sub pids
{
	my ($kind) = @_;

	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_strategies $kind'");
}

# The table hangs, and is quarantined.
sub make_lonely
{
	$node->safe_psql('postgres', "INSERT INTO hangs VALUES (1.5 * $timeout / 1000)");
	increment('lonely');
	waits_until("SELECT quarantined FROM cache.flush_status WHERE relation = 'lonely'::regclass", 'a table that hangs is quarantined');
}

# The next attempt that is quick ends that.
sub be_sociable
{
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', 'DELETE FROM hangs');
	while (1)
	{
		waits_until("SELECT dirty_entries = 0 FROM cache.flush_status WHERE relation = 'lonely'::regclass", 'it is flushed');
		last if time > $end || $node->safe_psql('postgres', "SELECT quarantined FROM cache.flush_status WHERE relation = 'lonely'::regclass") eq 'f';
		increment('lonely');
	}
	cmp_ok(time, '<=', $end, 'and no longer quarantined');
}

# What keeps each kind at work.  A row that is being flushed is locked, so nothing is
# deferred until the last change has been flushed.
sub is_clean
{
	my ($table) = @_;

	return $node->safe_psql('postgres', "SELECT dirty_entries = 0 FROM cache.flush_status WHERE relation = '$table'::regclass") eq 't';
}

our %worker_work = (
	$flusher => sub { increment_others() if is_clean('durable') && is_clean('volatile') },
	$alone => sub { increment('lonely') if is_clean('lonely') },
	$refresher => \&read_fresh);

# ----- points -----

sub set_option
{
	my ($name, $value) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET cache_strategies.$name = '$value'");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
}

sub set_points { set_option('test_points', join(',', @_)) }

# No points, and the flush worker knows: its name in pg_stat_activity is set along with
# them.  False if it has stopped at one before that, where emptying the journal leads
# it, too.
my $n_names = 0;

sub clear_points
{
	my $name = 'points ' . ++$n_names;
	my $is_there = "backend_type = 'cache_strategies $flusher'";
	my $stopped = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)";

	$node->safe_psql('postgres', "ALTER SYSTEM SET application_name = '$name'");
	set_points();
	waits_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE $is_there AND application_name <> '$name' AND NOT $stopped",
		'the flush worker has been told, or has stopped');
	return $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE $is_there AND $stopped") eq '0';
}

# The pid of the worker as soon as it waits at the point, when the condition is true of
# the pid.
sub worker_at
{
	my ($kind, $point, $work, $condition) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $end)
	{
		my $pid;

		$work->();
		$pid = $node->safe_psql('postgres', qq(
			WITH stopped AS MATERIALIZED (
				SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
				WHERE locktype = 'advisory' AND NOT granted AND backend_type = 'cache_strategies $kind'
					AND objid::bigint = hashtext('$point')::bigint & 4294967295)
			SELECT pid FROM stopped WHERE $condition));
		return $pid if $pid ne '';
		usleep(20_000);
	}
	die "the $kind does not reach $point";
}

# ----- what there is afterwards -----

sub all_there
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	increment_others();
	waits_until("SELECT count(*) = 0 FROM cache.flush_status WHERE dirty_entries > 0 OR NOT open", "$name: everything is flushed");
	is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT n::text, ' ') FROM $_"), $acknowledged{$_},
		"$name: what was acknowledged for $_ is there once")
	  foreach sort keys %acknowledged;
	waits_until("SELECT left_behind() = ''", "$name: nothing is left behind");
	tables_exact($node, $name, last => 3);
	exact($node, $_, $name, last => 3) foreach qw(durable volatile lonely fresh);
}

sub refreshes_grow
{
	my ($name) = @_;
	my $before = $node->safe_psql('postgres', "SELECT coalesce(refreshes, 0) FROM cache.table_stats WHERE relation = 'fresh'::regclass");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	waits_until("SELECT count(cache.read(NULL::fresh, i)) > 0 AND (SELECT refreshes > $before FROM cache.table_stats WHERE relation = 'fresh'::regclass)"
		  . ' FROM generate_series(0, 25) i', "$name: rows are refreshed");
}

sub ends
{
	my ($pid, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	waits_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", "$name: it ends");
}

# One that is not there, and there is one.
sub comes_back
{
	my ($kind, $pid, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	waits_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies $kind' AND pid <> $pid",
		"$name: there is a $kind again");
}

1;
