
# No memory: allocations that fail at random in sessions, in the launcher and in the
# worker that flushes, and an address space of limited size (ulimit -v).  What has
# failed is undone and nothing of it is left in shared memory; what was acknowledged is
# there once; what is read is exact.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../faults";

use CacheTest;
use Faults;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $all = ($ENV{FAULTS} // '') eq 'all';
my $seed = $ENV{FAULT_SEED} // int(rand(1 << 30));
my $faults = Faults->new;
my $node = new_node('main', 'cache_strategies.memory = 16MB', 'restart_after_crash = on', 'max_connections = 20',
	'cache_strategies.load_timeout = 1s');

note "seed $seed";
srand($seed);
add_extension($node);
create_tables($node);
$node->safe_psql('postgres', <<'SQL');
	CREATE TABLE often (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO often SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	CREATE TABLE seldom (LIKE often INCLUDING ALL);
	INSERT INTO seldom TABLE often;
	SELECT cache.attach('often', 'write_back', flush_interval => '10 ms', merge => '{"n": "add"}');
	SELECT cache.attach('seldom', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
	CREATE TABLE tracked (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO tracked SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.track('tracked');
	CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_left_behind';
	-- a result, if it is not the table's
	CREATE FUNCTION wrong_result() RETURNS text LANGUAGE sql AS $$
		SELECT r || ' instead of ' || sum FROM (SELECT cache.remember('sum', '1 hour', 'SELECT sum(n) FROM tracked') -> 0 ->> 'sum' AS r,
			(SELECT sum(n)::text FROM tracked) OFFSET 0) x WHERE r <> sum $$;
SQL
$node->stop;
$faults->start($node);

# ----- what a session does -----

my @tables = (@strategies, qw(often seldom tracked));
my %sums;						# by table and key: acknowledged, unknown
my %states;

sub some_key { return 1 + int(rand(20)) }

# The statements, in one message, and which counters they increment.
sub some_work
{
	my $what = int(rand(12));
	my $table = $tables[ rand @tables ];
	my $key = some_key();

	return ("UPDATE $table SET n = n + 1 WHERE id = $key", [ $table, $key ]) if $what < 3;
	return ("SELECT cache.increment(NULL::$table, 'n', 1, $key)", [ $table, $key ]) if $what == 3 && $table ne 'tracked';
	if ($what == 4)
	{
		my @keys = map { some_key() } 1 .. 3;

		return ('BEGIN\; ' . join('', map { "UPDATE $tables[$_] SET n = n + 1 WHERE id = $keys[$_ % 3]\\; " } 0 .. $#tables)
			  . "SELECT cache.set('k$key', 'v', tags => '{t}'), cache.incr('n')\\; COMMIT",
			map { [ $tables[$_], $keys[ $_ % 3 ] ] } 0 .. $#tables);
	}
	if ($what == 5)
	{
		return ("BEGIN\\; SAVEPOINT a\\; UPDATE $table SET n = n + 100 WHERE id > 5\\; ROLLBACK TO a\\; UPDATE $table SET n = n + 1 WHERE id = $key\\; COMMIT", [ $table, $key ]);
	}
	return ("SELECT count(*) FROM cache.read_many(NULL::$strategies[ rand 4 ], ARRAY(SELECT generate_series(1, 22)))") if $what == 6;
	return ("SELECT cache.flush('seldom')") if $what == 7;
	return ("SELECT cache.set('big', repeat('x', 20000), immediate => true), cache.get('big'), count(*) FROM cache.keys()") if $what == 8;
	return ("SELECT cache.invalidate('$strategies[ rand 4 ]'), cache.warm('read_through')") if $what == 9;
	return ('SELECT 1 / (wrong_result() IS NULL)::int') if $what == 10;
	return ('SELECT ' . join(', ', map { "cache.read(NULL::$_, $key)" } @strategies, 'often', 'seldom'));
}

sub do_some_work
{
	my ($session) = @_;
	my ($sql, @changes) = some_work();
	my $out = eval { $session->query("$sql;\n\\echo state :SQLSTATE\nROLLBACK;\n") };
	my ($state) = ($out // '') =~ /state (\w+)/;

	$states{ $state // 'lost' }++;
	foreach my $change (@changes)
	{
		my $sum = $sums{"$change->[0] $change->[1]"} //= [ 0, 0 ];

		$sum->[0]++ if defined $state && $state eq '00000';
		$sum->[1]++ if !defined $state;
	}
	# a result that is wrong
	fail("$sql: $state") if defined $state && $state eq '22012';
	return defined $state;
}

sub pids
{
	return map { split /\n/ } $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE ' . $_[0]);
}

# ----- what there is afterwards -----

sub sound
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server is not there';
	$node->safe_psql('postgres', 'SELECT cache.flush()');
	$node->poll_query_until('postgres', q(SELECT left_behind() = ''))
	  or diag('left behind: ' . $node->safe_psql('postgres', 'SELECT left_behind()'));
	is($node->safe_psql('postgres', 'SELECT left_behind()'), '', "$name: nothing is left behind");
	foreach my $table (@tables)
	{
		my @wrong;

		foreach my $row (split /\n/, $node->safe_psql('postgres', "SELECT id, n FROM $table ORDER BY id"))
		{
			my ($id, $n) = split /\|/, $row;
			my $sum = $sums{"$table $id"} // [ 0, 0 ];

			push @wrong, "$id is $n, acknowledged $sum->[0], unknown $sum->[1]" if $n < $sum->[0] || $n > $sum->[0] + $sum->[1];
			$sums{"$table $id"} = [ $n, 0 ];
		}
		is(join("\n", @wrong), '', "$name: $table has what was acknowledged, once");
	}
	tables_exact($node, $name);
	exact($node, $_, $name) foreach qw(often seldom);
	is($node->safe_psql('postgres', 'SELECT wrong_result()'), '', "$name: results are exact");
	tables_warmed($node, 1, $name);
	is($node->safe_psql('postgres', 'SELECT sum(dirty_entries), sum(dead_letters) FROM cache.flush_status'), '0|0', "$name: nothing is deferred any more")
	  or diag($node->safe_psql('postgres', 'SELECT d FROM cache.dead_letters d'));
}

sound('at first');

# ----- allocations that fail -----

my $workers = "backend_type LIKE 'cache_strategies%'";

foreach my $round (
	[ 'sessions, seldom', 1000, 'sessions' ],
	[ 'sessions, often', 60, 'sessions' ],
	[ 'workers', 20, 'workers' ],
	[ 'all', 200, 'sessions', 'workers' ])
{
	my ($name, $one_in, @who) = @$round;
	my %who = map { $_ => 1 } @who;
	my $failed = $faults->get('malloc_failed');
	my @sessions;

	%states = ();
	for my $i (1 .. ($all ? 1200 : 150))
	{
		# new ones again and again, as a session's caches need memory at first
		if ($i % 30 == 1)
		{
			my @pids;

			$faults->fail_memory(0);
			eval { $_->quit } foreach splice @sessions;
			$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
			@sessions = map { $node->background_psql('postgres', on_error_stop => 0) } 1 .. 2;
			@pids = map { session_pid($_) } @sessions if $who{sessions};
			push @pids, pids($workers) if $who{workers};
			$faults->fail_memory($one_in, @pids);
		}
		@sessions = grep { do_some_work($_) } @sessions;
		$_->{stderr} = '' foreach @sessions;
	}
	$faults->fail_memory(0);
	eval { $_->quit } foreach @sessions;
	$failed = $faults->get('malloc_failed') - $failed;
	cmp_ok($failed, '>', 0, "$name: allocations fail");
	is($states{XX000} // 0, 0, "$name: errors say that there is no memory");
	note "$name: $failed allocations have failed; statements: " . join(', ', map { "$_ $states{$_}" } sort keys %states);
	sound($name);
}

# ----- an address space of limited size -----

SKIP:
{
	my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my ($size) = slurp_file("/proc/$postmaster/status") =~ /^VmSize:\s+(\d+) kB/m;

	skip 'prlimit is not there', 1 if system('prlimit --version >/dev/null 2>&1') != 0;
	foreach my $kb (2000, 6000, 12000)
	{
		my $name = "ulimit -v, $kb kB more";

		%states = ();
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $workers");
		system('prlimit', '--pid', $postmaster, '--as=' . 1024 * ($size + $kb) . ':unlimited') == 0 or die 'prlimit failed';
		for (1 .. ($all ? 5 : 2))
		{
			my $session = eval { $node->background_psql('postgres', on_error_stop => 0) };

			if (!defined $session)
			{
				$states{'no session'}++;
				next;
			}
			foreach my $sql ("SELECT count(*) FROM (SELECT cache.set('k' || i, repeat('x', 100)) FROM generate_series(1, 30000) i) s",
				"SELECT length(cache.remember('big', '1 hour', 'SELECT repeat(''x'', 3000000)')::text)",
				"SELECT count(*) FROM cache.read_many(NULL::read_through, ARRAY(SELECT generate_series(1, 200000)))",
				"SELECT sum(length(v)) FROM cache.scan(NULL::seldom)",
				"SELECT count(cache.write(ROW(i, repeat('x', 1000), 0)::seldom)) FROM generate_series(1000, 3000) i WHERE 1 / (i - 2900) IS NOT NULL")
			{
				my $out = eval { $session->query("$sql;\n\\echo state :SQLSTATE\n") };
				my ($state) = ($out // '') =~ /state (\w+)/;

				$states{ $state // 'lost' }++;
				last if !defined $state;
				$session->{stderr} = '';
			}
			for (1 .. 20)
			{
				last if !do_some_work($session);
				$session->{stderr} = '';
			}
			eval { $session->quit };
		}
		system('prlimit', '--pid', $postmaster, '--as=unlimited:unlimited') == 0 or die 'prlimit failed';
		note "$name: " . join(', ', map { "$_ $states{$_}" } sort keys %states);
		$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $workers");
		sound($name);
	}
}

$node->stop;
is(join("\n", grep { /PANIC|TRAP:|terminated by signal/ } split /\n/, slurp_file($node->logfile)), '', 'nothing crashed');
done_testing();
