
# kill -9 of background workers at the test points: the flush worker, the process that
# flushes one table, the worker that refreshes, and the launcher.  The server starts
# anew; what was acknowledged for durable tables arrives once, what was flushed of
# volatile ones stays, and what is read is exact.
#
# Each point of each kind with FAULTS=all ("make faults"); otherwise a sample of them,
# another one each time.  FAULT_SEED says which.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use List::Util qw(shuffle);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerCases;

use constant SAMPLE => 4;

my $all = ($ENV{FAULTS} // '') eq 'all';
my $seed = $ENV{FAULT_SEED} // int(rand(1 << 30));

# Points of workers are set for the server; a session's are its own.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'restart_after_crash = on');

create_worker_tables($node);
increment('lonely');
all_there('at first');

# What was deferred for the volatile table may be lost: it has as much as at the last
# look at least, and no more than was acknowledged.
sub lose_volatile
{
	my ($least, $name) = @_;
	my $n;

	waits_until('SELECT count(*) = 0 FROM cache.flush_status WHERE NOT open', "$name: all tables are open again");
	$node->safe_psql('postgres', "SELECT cache.flush('volatile')");
	$n = $node->safe_psql('postgres', "SELECT string_agg(DISTINCT n::text, ' ') FROM volatile");
	like($n, qr/^\d+$/, "$name: of a transaction's volatile writes all are there, or none");
	cmp_ok($n, '>=', $least, "$name: what was flushed is there");
	cmp_ok($n, '<=', $acknowledged{volatile}, "$name: and nothing else");
	$acknowledged{volatile} = $n;
}

# The work that a worker of this kind does; the launcher is at the point when it starts
# one.
sub killed
{
	my ($killed, $point, $kind) = @_;
	my $name = "$killed killed at $point" . ($killed eq $launcher ? ", of a $kind" : '');
	my $gate = $node->background_psql('postgres', on_error_stop => 0);
	my $least = $acknowledged{volatile};
	my $pid;

	if ($kind eq $alone)
	{
		set_option('worker_timeout', $timeout);
		make_lonely();
	}
	stop_at($gate, $point);
	set_points($point);
	if ($killed eq $launcher && $kind ne $alone)
	{
		$pid = pids($kind);
		$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)") if $pid ne '';
	}
	$pid = worker_at($killed, $point, $worker_work{$kind}, 'true');
	kill_server_process($node, $pid);
	eval { $gate->{run}->kill_kill };
	set_points();
	$node->safe_psql('postgres', 'DELETE FROM hangs');
	lose_volatile($least, $name);
	set_option('worker_timeout', '10s') if $kind eq $alone;
	comes_back($launcher, $pid, $name);
	comes_back($flusher, $pid, $name);
	refreshes_grow($name);
	all_there($name);
}

my @kills;

foreach my $kind ($flusher, $alone, $refresher)
{
	push @kills, map { [ $kind, $_, $kind ] } @{ $worker_points{$kind} };
	push @kills, map { [ $launcher, $_, $kind ] } @{ $worker_points{$launcher} };
}
if (!$all)
{
	note "seed $seed";
	srand($seed);
	@kills = (shuffle @kills)[ 0 .. SAMPLE - 1 ];
}
killed(@$_) foreach @kills;

note scalar(@kills) . ' kills';
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal (?!9\b)/, 'nothing else crashed');
done_testing();
