
# Files that cannot be synced: the WAL, where PostgreSQL ends itself rather than go on,
# tables, at a checkpoint, and the file of saved keys, without which it goes on.  What
# was acknowledged is there once.

# Part of the short form.

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
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $faults = Faults->new;
my $node = new_node('main', 'cache_strategies.memory = 16MB', 'restart_after_crash = on', 'fsync = on', 'wal_sync_method = fdatasync',
	'checkpoint_timeout = 1h', 'cache_strategies.saved_keys = 1000', 'cache_strategies.save_interval = 1s');

add_extension($node);
create_tables($node);
$node->safe_psql('postgres', <<'SQL');
	CREATE TABLE often (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO often SELECT generate_series(1, 5);
	CREATE TABLE seldom (LIKE often INCLUDING ALL);
	INSERT INTO seldom TABLE often;
	SELECT cache.attach('often', 'write_back', flush_interval => '10 ms', merge => '{"n": "add"}');
	SELECT cache.attach('seldom', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
	CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_left_behind';
SQL
$node->stop;
$faults->start($node);

# Acknowledged, and of unknown outcome as the server went away, for each row.
my %sums = map { $_ => [ 0, 0 ] } qw(often seldom write_through);

# Until the server fails, at most so often; returns whether it did.
sub increment
{
	my ($times) = @_;

	for (1 .. $times)
	{
		foreach my $table (sort keys %sums)
		{
			my ($status) = $node->psql('postgres', "UPDATE $table SET n = n + 1", stderr => \my $ignored);

			$sums{$table}[ $status == 0 ? 0 : 1 ]++;
			return 1 if $status != 0;
		}
	}
	return 0;
}

sub comes_back
{
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
}

sub all_there
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $table (sort keys %sums)
	{
		my ($sum, $unknown) = @{ $sums{$table} };
		my $rows = $table eq 'write_through' ? $table : "cache.scan(NULL::$table)";
		my $found = $node->safe_psql('postgres', "SELECT string_agg(DISTINCT n::text, ' ') FROM $rows r");

		ok($found eq $sum || ($unknown && $found eq $sum + 1), "$name: what was acknowledged for $table is read once")
		  or diag("$found, acknowledged $sum, unknown $unknown");
		$sums{$table} = [ $found, 0 ];
	}
	$node->safe_psql('postgres', 'SELECT cache.flush()');
	is($node->safe_psql('postgres', "SELECT string_agg(DISTINCT n::text, ' ') FROM $_"), $sums{$_}[0], "$name: and is in the table $_")
	  foreach sort keys %sums;
	tables_exact($node, $name);
	exact($node, $_, $name, last => 6) foreach qw(often seldom);
	$node->poll_query_until('postgres', q(SELECT left_behind() = '')) or die 'something is left behind';
	pass("$name: nothing is left behind");
}

increment(3);
all_there('at first');

# ----- the WAL -----

foreach my $round (1 .. 3)
{
	my $offset = -s $node->logfile;

	increment(1 + int(rand(3)));
	$faults->fail_syncs(1, 'pg_wal/');
	ok(increment(50), "WAL, round $round: the server fails");
	comes_back();
	like(slurp_file($node->logfile, $offset), qr/PANIC:  could not fdatasync file/, "WAL, round $round: because of that");
	$faults->fail_syncs(0, '');
	all_there("WAL, round $round");
}

# ----- tables, at a checkpoint, with something deferred and something flushed -----

foreach my $round (1 .. 2)
{
	my $offset = -s $node->logfile;

	increment(3);
	$node->safe_psql('postgres', "SELECT cache.flush('seldom')") if $round == 2;
	$faults->fail_syncs(1, 'base/');
	$node->psql('postgres', 'CHECKPOINT', stderr => \my $ignored);
	is($faults->get('fsync_left'), 0, "tables, round $round: a sync has failed");
	comes_back();
	like(slurp_file($node->logfile, $offset), qr/PANIC:  could not fsync file "base/, "tables, round $round: the server has failed because of that");
	$faults->fail_syncs(0, '');
	all_there("tables, round $round");
}

# ----- saved keys -----

my $offset = -s $node->logfile;

$node->safe_psql('postgres', 'SELECT cache.read(NULL::read_through, i) FROM generate_series(1, 20) i');
$faults->fail_syncs(1_000_000, 'cache_strategies.keys');
increment(2);
for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
{
	last if $faults->get('fsync_left') < 1_000_000;
	select(undef, undef, undef, 0.1);
}
cmp_ok($faults->get('fsync_left'), '<', 1_000_000, 'saved keys: the sync of their file fails');
all_there('saved keys');
$faults->fail_syncs(0, '');
unlike(slurp_file($node->logfile, $offset), qr/PANIC|terminated by signal/, 'saved keys: the server goes on');
increment(2);
$node->stop('fast');
$node->start;
all_there('saved keys, after a restart');

note 'syncs that failed: ' . $faults->get('fsync_failed');
$node->stop;
unlike(slurp_file($node->logfile), qr/TRAP:|terminated by signal (?!6\b)/, 'nothing else crashed');
done_testing();
