
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
use WorkerCases;

# Points of workers are set for the server; a session's are its own.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'restart_after_crash = on');
create_worker_tables($node);

my $gate = $node->background_psql('postgres', on_error_stop => 0);

sub open_gate
{
	my ($point) = @_;

	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
	set_points();
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
is_deeply([ grep { !$source{$_} } map { @$_ } values %worker_points ], [], 'those of workers are among them');

foreach my $kind ($flusher, $alone, $refresher)
{
	my %its = map { $_ => 1 } @{ $worker_points{$kind} };
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
	$pid = worker_at($kind, $point, $worker_work{$kind}, "$function(pid)");
	if ($insist)
	{
		# The flush worker finishes what it does, unless it is told again some seconds later.
		for (my $end = time + ($worker_held{$point} ? 3 : 1000);
			time < $end && $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid) FROM pg_stat_activity WHERE pid = $pid") ne '';)
		{
			usleep(300_000);
		}
	}
	if ($kind eq $alone && $worker_held{$point} && clear_points())
	{
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
	foreach my $point (@{ $worker_points{$kind} })
	{
		interrupt($kind, $point, 'pg_cancel_backend');
		interrupt($kind, $point, 'pg_terminate_backend');
		interrupt($kind, $point, 'pg_terminate_backend', 1) if $kind eq $flusher;
	}
}

# ----- the launcher, before and after it has a process started -----

foreach my $kind ($flusher, $refresher, $alone)
{
	foreach my $point (@{ $worker_points{$launcher} })
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
			$launcher_pid = worker_at($launcher, $point, $worker_work{$kind}, "$function(pid)");
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
