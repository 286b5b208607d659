
# Background workers that are cancelled or terminated at each test point that they
# pass, and while they have nothing to do: they come back, what was acknowledged
# arrives once, and other tables go on.
#
# The points are read from the source, and those that are not in the list of a kind of
# worker are seen not to be passed by it.  A statement that finds a worker at a point
# signals it, since a worker waits for no lock longer than a second.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my ($launcher, $flusher, $alone, $refresher) = ('launcher', 'flush worker', 'flush of one table', 'worker');

my @flush = qw(merge_start flush_boundary flush_taken flush_applied after_reserve before_mark after_mark after_pre_commit
  before_flip before_flushed commit_begin commit_middle commit_end);
my %points = (
	$launcher => [qw(launcher_before_start launcher_started)],
	$flusher => \@flush,
	$alone => \@flush,
	$refresher => [qw(after_token after_snapshot before_install)]);

# At these interrupts wait for the end of the commit.
my %held = map { $_ => 1 } qw(before_flip before_flushed commit_begin commit_middle commit_end);

# Points of workers are set for the server; a session's are its own.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $timeout = 1000 * $slowness;
my $node = new_node('main', "cache_strategies.memory = '16MB'", 'restart_after_crash = on');
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

my $gate = $node->background_psql('postgres', on_error_stop => 0);
my %acknowledged = (durable => 0, volatile => 0, lonely => 0);

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

my %work = (
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

# Send the worker a signal as soon as it waits at the point; its pid.
sub signal_at
{
	my ($function, $kind, $point, $work) = @_;
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
			SELECT pid FROM stopped WHERE $function(pid)));
		return $pid if $pid ne '';
		usleep(20_000);
	}
	die "the $kind does not reach $point";
}

sub open_gate
{
	my ($point) = @_;

	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
	set_points();
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
	my $before = $node->safe_psql('postgres', "SELECT refreshes FROM cache.table_stats WHERE relation = 'fresh'::regclass");

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

# The launcher starts a flush worker that has ended after a delay that grows; a new
# launcher begins with the shortest.
my $ended = 0;

sub renew_launcher
{
	my $pid = pids($launcher);

	$ended = 0;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	comes_back($launcher, $pid, 'a terminated launcher');
}

# ----- the points are all -----

my %source;

foreach my $file (glob('src/*.c src/*/*.c'))
{
	$source{$_} = 1 foreach slurp_file($file) =~ /\bCS_TEST_POINT\("(\w+)"\)/g;
}
cmp_ok(scalar keys %source, '>', 30, 'the points are found in the source');
is_deeply([ grep { !$source{$_} } map { @$_ } values %points ], [], 'those of workers are among them');

foreach my $kind ($flusher, $alone, $refresher)
{
	my %its = map { $_ => 1 } @{ $points{$kind} };
	my @others = grep { !$its{$_} && !/^launcher_/ } sort keys %source;

	if ($kind eq $alone)
	{
		set_option('worker_timeout', $timeout);
		make_lonely();
	}
	stop_at($gate, $_) foreach @others;
	set_points(@others);
	if ($kind eq $refresher)
	{
		refreshes_grow('at no other point');
	}
	else
	{
		increment_others();
		be_sociable() if $kind eq $alone;
		waits_until('SELECT count(*) = 0 FROM cache.flush_status WHERE dirty_entries > 0', "the $kind flushes");
	}
	# the others may be at points of their own
	is($node->safe_psql('postgres', qq(
			SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE locktype = 'advisory' AND NOT granted AND backend_type = 'cache_strategies $kind')),
		'0', "the $kind stops at none of the other points");
	$gate->query_safe('SELECT pg_advisory_unlock_all()');
	set_points();
	set_option('worker_timeout', '10s') if $kind eq $alone;
	all_there("past the points that the $kind does not pass");
}

# ----- at each of them -----

# In order of time: at a held point it ends when the gate opens.
sub interrupt
{
	my ($kind, $point, $function, $insist) = @_;
	my $name = "$function of the $kind at $point" . ($insist ? ', again' : '');
	my $pid;

	if ($kind eq $alone)
	{
		set_option('worker_timeout', $timeout);
		make_lonely();
	}
	stop_at($gate, $point);
	set_points($point);
	$pid = signal_at($function, $kind, $point, $work{$kind});
	if ($insist)
	{
		# The flush worker finishes what it does, unless it is told again some seconds later.
		for (my $end = time + ($held{$point} ? 3 : 1000);
			time < $end && $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid) FROM pg_stat_activity WHERE pid = $pid") ne '';)
		{
			usleep(300_000);
		}
	}
	if ($kind eq $alone && $held{$point})
	{
		set_points();
		increment_others();
		waits_until("SELECT count(*) = 0 FROM cache.flush_status WHERE dirty_entries > 0 AND relation <> 'lonely'::regclass",
			"$name: other tables are flushed meanwhile");
	}
	open_gate($point);
	if ($function eq 'pg_terminate_backend')
	{
		ends($pid, $name);
		comes_back($kind, $pid, $name) if $kind eq $flusher;
	}
	be_sociable() if $kind eq $alone;
	refreshes_grow($name) if $kind eq $refresher;
	all_there($name);
	set_option('worker_timeout', '10s') if $kind eq $alone;
	renew_launcher() if $function eq 'pg_terminate_backend' && $kind eq $flusher && ++$ended >= 2;
}

foreach my $kind ($alone, $refresher, $flusher)
{
	foreach my $point (@{ $points{$kind} })
	{
		interrupt($kind, $point, 'pg_cancel_backend');
		interrupt($kind, $point, 'pg_terminate_backend');
		interrupt($kind, $point, 'pg_terminate_backend', 1) if $kind eq $flusher;
	}
}

# ----- the launcher, before and after it has a process started -----

foreach my $kind ($flusher, $refresher, $alone)
{
	foreach my $point (@{ $points{$launcher} })
	{
		foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
		{
			my $name = "$function of the launcher at $point, of a $kind";
			my $pid = $kind eq $alone ? '' : pids($kind);
			my $launcher_pid;

			if ($kind eq $alone)
			{
				set_option('worker_timeout', $timeout);
				make_lonely();
			}
			stop_at($gate, $point);
			set_points($point);
			$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") if $pid ne '';
			$launcher_pid = signal_at($function, $launcher, $point, $work{$kind});
			open_gate($point);
			ends($launcher_pid, $name);
			comes_back($launcher, $launcher_pid, $name);
			be_sociable() if $kind eq $alone;
			refreshes_grow($name) if $kind eq $refresher;
			all_there($name);
			is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cache_strategies $flusher'"),
				'1', "$name: there is one flush worker");
			set_option('worker_timeout', '10s') if $kind eq $alone;
		}
	}
}

# ----- while they have nothing to do -----

renew_launcher();
foreach my $kind ($launcher, $flusher, $refresher)
{
	my $pid;

	read_fresh() if $kind eq $refresher;
	$pid = pids($kind);
	next if $pid eq '';
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	all_there("pg_cancel_backend of the idle $kind");
	# a cancelled launcher has ended
	waits_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies $kind'", "there is a $kind")
	  if $kind ne $refresher;
	$pid = pids($kind);
	next if $pid eq '';
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ends($pid, "pg_terminate_backend of the idle $kind");
	all_there("pg_terminate_backend of the idle $kind");
	refreshes_grow("pg_terminate_backend of the idle $kind");
}
waits_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies launcher'", 'there is a launcher');

$gate->quit;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
