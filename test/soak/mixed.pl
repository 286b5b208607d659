
# Load that does not end: all strategies, plain SELECTs, results, keys, deferred writes
# and DDL at the same time, for SOAK_MIXED seconds.  The auditor and the comparisons of
# the sessions find nothing, memory and latencies stay as they are, and in the end every
# account is met.
#
# What a session keeps up to a limit takes its time to get there.  So memory contexts
# with a limit are not expected to stay as they are, but to stay below it (%limits).
#
# "make soak DURATION=28800".

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../t";

use Accounting;
use CacheTest;
use Cwd qw(abs_path);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);

my $seconds = $ENV{SOAK_MIXED} || 60;
my $oracle = abs_path("$FindBin::RealBin/../oracle");
my $dir = PostgreSQL::Test::Utils::tempdir('mixed');

# What a process may grow in the time, and by how much the last quarter's latencies may
# exceed the first's.
use constant {
	MAX_GROWTH_KB => 1024,
	MAX_GROWTH => 0.1,
	MAX_RATIO => 2,
	MAX_MORE_MS => 5,
	TEMP_BUFFERS => 100,
};

# By name of the memory contexts: how many of them a session has at most, and how many kB
# they have together.
my %limits = (
	# of temporary tables; a page each, and what describes them
	'LocalBufferContext' => [ 1, TEMP_BUFFERS * 8 + 64 ],
	# statements that were analysed, MAX_SHAPES in src/queryresult/shape.c
	'cache_strategies statement' => [ 256, 256 * 8 ]);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', join("\n", "shared_preload_libraries = 'cache_strategies'",
	'cache_strategies.memory = 8MB', 'cache_strategies.audit_rate = 100000', 'cache_strategies.audit_results = 8',
	"cache_strategies.results = auto", 'cache_strategies.results_min_cost = 0',
	'temp_buffers = ' . TEMP_BUFFERS, 'max_prepared_transactions = 20', 'max_connections = 60', 'log_statement = none', 'restart_after_crash = off',
	'deadlock_timeout = 20ms', 'checkpoint_timeout = 1min', 'autovacuum_naptime = 5s',
	'log_min_error_statement = panic') . "\n");
$node->start;
add_extension($node);
$node->safe_psql('postgres', "ALTER DATABASE postgres SET search_path = oracle, public; CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '\$libdir/cache_strategies', 'cs_test_left_behind'");
$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', "copyfile=$dir/copy", '-f', "$oracle/setup.sql", '-o', '/dev/null' ], 'tables of the oracle');
$node->command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', "$FindBin::RealBin/mixed.sql", '-o', '/dev/null' ], 'other tables');

# ----- load -----

my @clients = (Accounting->new('often', writers => 2), Accounting->new('seldom', writers => 2), Accounting->new('lossy', writers => 1));
my %options = (often => "flush_interval => '30 ms'", seldom => "flush_interval => '5 s'", lossy => "durable => false, flush_interval => '1 s'");

# Accounting.pm makes its tables where the sessions look first
$_->create_tables($node, $options{ $_->{prefix} }) foreach @clients;

my %weights = (read => 20, read_old => 4, read_serializable => 1, change => 20, hot => 8, savepoints => 4, returning => 4,
	results => 8, bulk => 1, copy => 1, ddl => 1, prepare => 2);
my @scripts = map { "$oracle/$_.pgbench\@$weights{$_}" } sort keys %weights;

push @scripts, "$FindBin::RealBin/kv.pgbench\@40", "$FindBin::RealBin/plain.pgbench\@40", "$FindBin::RealBin/memory.pgbench\@3";

my $bench;
{
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	$bench = IPC::Run::start(
		[ 'pgbench', '-n', '-M', 'simple', '-c', 6, '-j', 1, '-T', $seconds, '--max-tries=1', '-l', '--log-prefix', "$dir/latency",
			(map { ('-f', $_) } @scripts), 'postgres' ],
		'>', "$dir/pgbench", '2>', "$dir/errors");
}
$_->start($node) foreach @clients;

# ----- memory, as the system sees it -----

my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
my %memory;						# by process: [time, kB] ...
my %title;
my $flusher = 0;				# the process whose contexts are logged

# The flush worker runs no statements of ours, and can be asked for its contexts only by
# way of the log.
sub sample_flusher
{
	# OFFSET, or all processes may be asked
	my $query = q(SELECT pid FROM (SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_strategies flush worker' LIMIT 1 OFFSET 0) w
		WHERE pg_log_backend_memory_contexts(pid));

	$flusher = Accounting::ask($node, $query) || $flusher;
}

sub sample_memory
{
	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		my $line = eval { local $SIG{__WARN__} = sub { }; slurp_file($stat) } // '';
		my ($pid) = $line =~ /^(\d+) \(.*\) \S $postmaster / or next;
		my $rollup = eval { slurp_file("/proc/$pid/smaps_rollup") } // '';
		my ($kb) = $rollup =~ /^Pss_Anon:\s+(\d+) kB/m or next;

		push @{ $memory{$pid} }, [ time, $kb ];
		$title{$pid} //= (eval { slurp_file("/proc/$pid/cmdline") } // '') =~ s/\0.*//sr =~ s/ (?:idle|SELECT|UPDATE|INSERT).*//r;
	}
}

my $start = time;
my $interval = $seconds / 200 < 2 ? 2 : $seconds / 200;

while (time < $start + $seconds)
{
	sleep($interval);
	last if !$bench->pumpable;
	sample_memory();
	sample_flusher();
}
$bench->finish;
is($bench->result(0), 0, 'the sessions of pgbench come to their end') or diag(substr(slurp_file("$dir/errors"), 0, 2000));
$_->stop foreach @clients;

# Least squares over what is later than the first third: growth in the whole run, and
# the level at the end of the line.
sub growth
{
	my @samples = grep { $_->[0] > $start + $seconds / 3 } @_;
	my ($n, $x, $y, $xx, $xy) = (scalar @samples, 0, 0, 0, 0);

	return unless $n >= 10 && $samples[-1][0] - $samples[0][0] > $seconds / 3;
	foreach (@samples)
	{
		my $t = $_->[0] - $start;

		$x += $t; $y += $_->[1]; $xx += $t * $t; $xy += $t * $_->[1];
	}
	my $slope = ($n * $xy - $x * $y) / ($n * $xx - $x * $x);

	return ($slope * $seconds, $y / $n);
}

sub memory_flat
{
	my ($what, $samples, $titles) = @_;
	my ($most, $processes, $sum) = (0, 0, 0);
	my @grown;

	foreach my $pid (sort { $a <=> $b } keys %$samples)
	{
		my ($kb, $level) = growth(@{ $samples->{$pid} }) or next;

		next if !defined $kb;
		$processes++;
		$sum += $kb;
		$most = $kb if $kb > $most;
		push @grown, sprintf('%s %s grows by %d kB, at %d kB', $pid, $titles->{$pid} // '', $kb, $level)
		  if $kb > MAX_GROWTH_KB + MAX_GROWTH * $level;
	}
	cmp_ok($processes, '>', 0, "$what: processes were looked at") if $seconds >= 300;
	is(join("\n", @grown), '', "$what: no process grows");
	note sprintf('soak: %s of %d processes: %.0f kB/h on average, %.0f kB/h at most', $what, $processes,
		$processes ? $sum / $processes * 3600 / $seconds : 0, $most * 3600 / $seconds);
}

memory_flat('private memory', \%memory, \%title);

# of sessions, by pid: [time, kB] ...; without those with a limit
{
	my $limited = join(', ', map { "'$_'" } sort keys %limits);
	my (%contexts, @exceeded);

	foreach (split /\n/, $node->safe_psql('postgres', qq(
		SELECT pid, at, coalesce(sum(total) FILTER (WHERE name NOT IN ($limited)), 0) / 1024.0 FROM soak.memory GROUP BY 1, 2 ORDER BY 2)))
	{
		my ($pid, $at, $kb) = split /\|/;

		push @{ $contexts{$pid} }, [ $at, $kb ];
	}
	memory_flat('memory contexts', \%contexts, {});
	foreach (split /\n/, $node->safe_psql('postgres', qq(
		SELECT name, max(contexts), max(total) / 1024 FROM soak.memory WHERE name IN ($limited) GROUP BY 1)))
	{
		my ($name, $n, $kb) = split /\|/;

		note "soak: limited: $name: at most $n contexts of a session, $kb kB";
		push @exceeded, $_ if $n > $limits{$name}[0] || $kb > $limits{$name}[1];
	}
	is(join("\n", @exceeded), '', 'memory contexts: what has a limit stays below it');
	note "soak: memory contexts by name, kB per session in the first third and in the last:\n" . $node->safe_psql('postgres', qq(
		SELECT name, round(a / 1024), round(b / 1024) FROM (SELECT name, avg(total) FILTER (WHERE third = 0) AS a, avg(total) FILTER (WHERE third = 2) AS b
		FROM (SELECT name, total, least(2, floor(3 * (at - $start) / $seconds)) AS third FROM soak.memory) m GROUP BY name) m
		ORDER BY coalesce(b, 0) - coalesce(a, 0) DESC LIMIT 8));
}

# of the flush worker, from the log: the same by name, over all samples
{
	my (%names, @samples, %thirds);

	foreach (split /\n/, slurp_file($node->logfile))
	{
		push @samples, {} if /\[$flusher\].*logging memory contexts of PID/;
		$samples[-1]{ $2 } += $3 / 1024, $names{$2} = 1
		  if @samples && /\[$flusher\].*level: (\d+); ([^:]+): (\d+) total in/;
	}
	if (cmp_ok(scalar @samples, '>', 5, 'memory contexts of the flush worker were looked at'))
	{
		my ($before, $after) = (0, 0);

		for my $i (0 .. $#samples)
		{
			$thirds{$_}[ int(3 * $i / @samples) ] += ($samples[$i]{$_} // 0) / (@samples / 3) foreach keys %names;
		}
		$before += $_->[0], $after += $_->[2] foreach values %thirds;
		cmp_ok($after, '<=', $before + MAX_GROWTH_KB, 'memory contexts of the flush worker stay as they are');
		note sprintf('soak: memory contexts of the flush worker: %.0f kB in the first third, %.0f in the last', $before, $after);
		foreach (sort { $thirds{$b}[2] - $thirds{$b}[0] <=> $thirds{$a}[2] - $thirds{$a}[0] } keys %thirds)
		{
			note sprintf('soak:   %s %.0f, %.0f', $_, $thirds{$_}[0], $thirds{$_}[2]) if abs($thirds{$_}[2] - $thirds{$_}[0]) > 8;
		}
	}
}

# ----- latencies -----

my %latencies;					# by script and quarter

foreach my $file (glob "$dir/latency.*")
{
	open(my $log, '<', $file) or die "$file: $!";
	while (<$log>)
	{
		my (undef, undef, $us, $script, $epoch, $part) = split;
		my $quarter = int(4 * ($epoch + $part / 1e6 - $start) / $seconds);

		next if $us =~ /\D/;	# failed, of a serialization failure
		push @{ $latencies{$script}[$quarter] }, $us / 1000 if $quarter >= 0 && $quarter <= 3;
	}
	close($log);
}

sub percentile
{
	my ($p, @sorted) = @_;

	return $sorted[ int($p * $#sorted / 100) ];
}

foreach my $script (sort { $a <=> $b } keys %latencies)
{
	my ($name) = $scripts[$script] =~ m{([^/]+)\.pgbench};
	my @first = sort { $a <=> $b } @{ $latencies{$script}[0] // [] };
	my @last = sort { $a <=> $b } @{ $latencies{$script}[3] // [] };
	my @text;
	my $flat = 1;

	next if @first < 100 || @last < 100 || $name eq 'memory';
	foreach my $p (50, 95, 99)
	{
		my ($before, $after) = (percentile($p, @first), percentile($p, @last));

		push @text, sprintf('p%d %.2f, %.2f', $p, $before, $after);
		$flat &&= $after <= MAX_RATIO * $before + MAX_MORE_MS if $p < 99;
	}
	ok($flat, "latencies of $name stay as they are");
	note sprintf('soak: latencies of %s in ms, first and last quarter: %s; %d and %d transactions', $name, join('; ', @text),
		scalar @first, scalar @last);
}

# ----- accounts -----

my $errors = slurp_file("$dir/errors");

unlike($errors, qr/MISMATCH/, 'sessions have read nothing else than the tables hold');
{
	my @sums = map { $_->check($node, 'in the end') } @clients;
	my $writes = 0;

	$writes += $_->progress->{writes} foreach @clients;
	is("@sums", join(' ', (0) x @sums), 'deferred writes: nothing is lost or doubled');
	note "soak: $writes acknowledged deferred writes, lost and doubled: @sums";
}
is($node->safe_psql('postgres', q(SELECT count(*) FROM soak.keys WHERE cache.get('counter:' || k, space => 'soak')::bigint <> n)), '0',
	'keys that are counted are what the table has');
note 'soak: ' . $node->safe_psql('postgres', q(SELECT sum(n) || ' counts of keys, ' || count(cache.get('counter:' || k, space => 'soak')) || ' keys of ' || count(*) || ' there' FROM soak.keys));
$node->safe_psql('postgres', "SELECT 'ROLLBACK PREPARED ' || quote_literal(gid) FROM pg_prepared_xacts \\gexec");
$node->poll_query_until('postgres', q(SELECT public.left_behind() = '')) or diag($node->safe_psql('postgres', 'SELECT public.left_behind()'));
is($node->safe_psql('postgres', 'SELECT public.left_behind()'), '', 'no mark, lock or flight is left, and the store adds up');
is($node->safe_psql('postgres', q(SELECT sum(entries) FROM cache.audit_stats WHERE outcome = 'mismatched')), '0', 'the auditor finds nothing');
foreach my $kind ('row', 'result')
{
	my $n = $node->safe_psql('postgres', "SELECT sum(entries) FROM cache.audit_stats WHERE kind = '$kind' AND outcome = 'verified'");

	cmp_ok($n, '>', 0, "the auditor has compared kind $kind");
	note "soak: the auditor has compared $n of kind $kind";
}
is($node->safe_psql('postgres', 'SELECT sum(dirty_entries), sum(dead_letters) FROM cache.flush_status'), '0|0', 'nothing is deferred any more');
note 'soak: ' . $node->safe_psql('postgres', q(SELECT format('hits %s, misses %s, fills %s, publishes %s, plain SELECTs %s', sum(hits), sum(misses), sum(fills), sum(publishes), sum(plain_hits)) FROM cache.table_stats))
  if $node->safe_psql('postgres', q(SELECT count(*) FROM pg_attribute WHERE attrelid = 'cache.table_stats'::regclass AND attname = 'plain_hits')) > 0;
$node->stop;
is(join("\n", grep { /PANIC:|TRAP:|FATAL:|XX000|terminated by signal|is not the table.s|is not what its statement/ && !/terminating|starting up/ } split /\n/, slurp_file($node->logfile)), '',
	'the log has nothing to say');
done_testing();
