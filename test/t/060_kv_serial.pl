
# Eight clients change the same few keys in all the ways there are: transactions
# with savepoints and rollbacks, immediate changes, deletions, compare_and_set(),
# counters, tags; and read them, together with rows of a table.  All that they
# have done and seen must be explained by a serial order of the transactions
# that agrees with time (test/kv/check.c).  Then the same in a cache that is too
# small, where anything may be missing but nothing may be old.
#
# CS_KV_SECONDS (10) is how long.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant CLIENTS => 8;

my $seconds = $ENV{CS_KV_SECONDS} || 10;
my $program = compile();
my %sum;

sub compile
{
	my $file = PostgreSQL::Test::Utils::tempdir('serial') . '/serial';
	my ($include, $log);

	chomp($include = `pg_config --includedir`);
	IPC::Run::run([ 'gcc', '-std=gnu11', '-O2', '-pthread', "-I$include", '-o', $file,
			(glob "$FindBin::RealBin/../kv/*.c"), '-lpq' ], '&>', \$log)
	  or BAIL_OUT("the client does not compile: $log");
	return $file;
}

sub start_server
{
	my ($name, $space, @settings) = @_;
	my $node = new_node($name, 'fsync = off', 'deadlock_timeout = 20ms',
		'log_min_error_statement = panic', 'log_min_messages = fatal', @settings);

	add_extension($node);
	$node->safe_psql('postgres', qq(
		SELECT cache.create_space('serial'$space);
		CREATE TABLE serial_rows (id int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 20);
		INSERT INTO serial_rows SELECT i, 0 FROM generate_series(0, @{[CLIENTS - 1]}) i;));
	return $node;
}

# What the program has counted.
sub run_clients
{
	my ($node, $seconds, $name, %args) = @_;
	my $connection = $node->connstr('postgres') . " options='-c cache_strategies.test_delay=$args{delay}'";
	my $round = $seconds < 3 ? $seconds : 3;
	my $seed = int(rand(1_000_000));
	my ($out, %count);

	IPC::Run::run([ $program, '-d', $connection, '-c', CLIENTS, '-t', $seconds, '-r', $round, '-s', $seed,
			@{ $args{options} // [] } ], '>', \$out, '2>&1');
	%count = $out =~ /^(\w+) (\d+)$/mg;
	note("$name, seed $seed:\n$out");
	is(join("\n", grep { /^(VIOLATION|FAILED)/ } split /\n/, $out), '', "$name: all is serial");
	is($count{violations}, 0, "$name: no violations in " . ($count{compared} // 0) . ' comparisons');
	$sum{$_} += $count{$_} foreach keys %count;
	return \%count;
}

# The same until each of these was done this often: a slow machine takes longer.
# What does not come up by then will not.
sub run_enough
{
	my ($node, $seconds, $name, $least, %args) = @_;
	my %done = map { $_ => 0 } keys %$least;

	for (my $run = 1; grep { $done{$_} < $least->{$_} } keys %$least; $run++)
	{
		my $count = run_clients($node, $seconds, $name, %args);

		$done{$_} += $count->{$_} foreach keys %$count;
		last if $run >= 5 && $done{commits} > 50 * $least->{commits};
	}
	cmp_ok($done{$_}, '>=', $least->{$_}, "$name: $_") foreach sort keys %$least;
}

sub evictions
{
	my ($node) = @_;

	return $node->safe_psql('postgres', 'SELECT evictions FROM cache.stats');
}

my %least = (commits => 300, rollbacks => 30, savepoint_rollbacks => 10, immediate => 50, reads => 1000,
	own_reads => 50, own_refused => 1, invalidations => 10, found_nothing => 10);
my $third = $seconds < 6 ? 2 : int($seconds / 3);

my $node = start_server('roomy', '', 'cache_strategies.memory = 64MB');
run_enough($node, $seconds - 2 * $third > 0 ? $seconds - 2 * $third : 1, 'at full speed', \%least, delay => 0);
run_enough($node, $third, 'with delays', \%least, delay => 300);
is(evictions($node), '0', 'nothing was evicted');
$node->stop;

$node = start_server('tiny', ", max_memory => '40kB'", 'cache_strategies.memory = 1MB');
delete $least{own_refused};
run_enough($node, $third, 'in a small cache', \%least, delay => 0, options => ['-l']);
cmp_ok(evictions($node), '>', 100, 'keys were evicted');
$node->stop;

note("kv: $sum{compared} comparisons of $sum{transactions} transactions, $sum{changes} changes and $sum{reads} reads"
	  . " by @{[CLIENTS]} clients in $seconds s: $sum{violations} violations");
done_testing();
