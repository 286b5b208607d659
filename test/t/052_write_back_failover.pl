
# Deferred writes that end up on another server, or in another database: a
# standby that is promoted, a base backup and a dump, both made under load.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../soak";

use Accounting;
use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my @settings = ('cache_strategies.memory = 16MB', 'max_connections = 40', 'log_statement = none',
	'wal_retrieve_retry_interval = 50ms');
my $primary = new_node('primary', @settings);
my @nodes = ($primary);
my @clients = (Accounting->new('often', writers => 4), Accounting->new('never', writers => 4));
my %interval = (often => '20 ms', never => '1 hour');

add_extension($primary);
$_->create_tables($primary, "flush_interval => '$interval{$_->{prefix}}'") foreach @clients;

# ----- what holds at any moment -----

# Counters are incremented by pairs, so they are equal in pairs.
sub pairs_apart
{
	my ($node, $db, $rows) = @_;

	return $node->safe_psql($db, qq(
		SELECT a.id, a.m, b.m FROM $rows a JOIN $rows b ON b.id = a.id + 1
		WHERE a.id % 2 = 0 AND a.m <> b.m ORDER BY a.id));
}

# Whole rows are as a session has written them.
sub odd_docs
{
	my ($node, $db, $rows) = @_;

	return $node->safe_psql($db, "SELECT * FROM $rows d WHERE body <> format('doc %s: %s', id, seq)");
}

sub rows_of
{
	my ($table) = @_;

	return "cache.scan(NULL::$table)";
}

# They only ever grow.
sub total
{
	my ($node, $db, $rows) = @_;

	return $node->safe_psql($db, "SELECT sum(n + m) FROM $rows s");
}

sub totals
{
	return map { total($primary, 'postgres', rows_of("$_->{prefix}_counters")) } @clients;
}

# A copy was made between two moments: first what its reads say, as the first
# thing that is asked of it, then the tables after a flush, which must be the same.
sub check_copy
{
	my ($node, $db, $name, $before, $after) = @_;

	foreach my $i (0 .. $#clients)
	{
		my $prefix = $clients[$i]{prefix};
		my $counters = "${prefix}_counters";
		my %read;

		$read{$counters} = $node->safe_psql($db,
			"SELECT r.* FROM generate_series(0, 327) i, cache.read(NULL::$counters, i) r ORDER BY r.id");
		$read{"${prefix}_docs"} = $node->safe_psql($db, "SELECT * FROM cache.scan(NULL::${prefix}_docs) ORDER BY id");
		is(pairs_apart($node, $db, rows_of($counters)), '', "$name: pairs of $counters are read in step");
		$node->safe_psql($db, "SELECT cache.flush('$_')") foreach sort keys %read;
		foreach my $table (sort keys %read)
		{
			is($node->safe_psql($db, "SELECT * FROM $table ORDER BY id"), $read{$table},
				"$name: the first reads of $table say what a flush makes of it");
			isnt($read{$table}, '', "$name: which is something");
		}
		is(pairs_apart($node, $db, $counters), '', "$name: pairs of $counters are in step");
		is(odd_docs($node, $db, "${prefix}_docs"), '', "$name: rows of ${prefix}_docs are whole");
		cmp_ok(total($node, $db, $counters), '>=', $before->[$i], "$name: $counters has what was there when it began");
		cmp_ok(total($node, $db, $counters), '<=', $after->[$i], "$name: and nothing from after its end");
	}
}

# The journal of the copy had something to be replayed.
sub replayed
{
	my ($node, $offset, $name) = @_;

	like(slurp_file($node->logfile, $offset),
		qr/replayed [1-9]\d* deferred writes of table "(public\.)?never_counters"/,
		"$name: deferred writes were in its journal");
}

sub pending
{
	my ($node, $db) = @_;

	return $node->safe_psql($db, q(
		SELECT count(*) FROM (SELECT * FROM cache.journal_a UNION ALL SELECT * FROM cache.journal_b) j
		JOIN cache.flush_state s USING (relation) WHERE j.stamp >= s.flushed));
}

$_->start($primary) foreach @clients;
ok($_->wait_more(2000), "$_->{prefix}: clients write") foreach @clients;

# ----- base backups -----

foreach my $i (1 .. 2)
{
	my $copy = PostgreSQL::Test::Cluster->new("copy$i");
	my @before = totals();
	my @after;

	$primary->backup("backup$i");
	@after = totals();
	ok($_->wait_more(300), "backup $i: $_->{prefix} gets on") foreach @clients;
	$copy->init_from_backup($primary, "backup$i");
	$copy->start;
	push @nodes, $copy;
	check_copy($copy, 'postgres', "backup $i", \@before, \@after);
	replayed($copy, 0, "backup $i");

	# it is a server like any other
	$copy->safe_psql('postgres', q(SELECT cache.increment(NULL::never_counters, 'n', 1000000000, 1)));
	$copy->restart;
	is($copy->safe_psql('postgres', 'SELECT (cache.read(NULL::never_counters, 1)).n >= 1000000000'),
		't', "backup $i: and writes can be deferred on it");
	$copy->stop;
}

# ----- dumps -----

foreach my $format ('plain', 'custom')
{
	my $file = PostgreSQL::Test::Utils::tempdir() . '/dump';
	my $db = "restored_$format";
	my $offset = -s $primary->logfile;
	my @before = totals();
	my @after;

	$primary->command_ok([ 'pg_dump', '-F', $format, '-f', $file, 'postgres' ], "$format dump: pg_dump under load");
	@after = totals();
	once_free($primary, "CREATE DATABASE $db");
	$primary->command_ok(
		$format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $db, '-f', $file ]
		: [ 'pg_restore', '--exit-on-error', '-d', $db, $file ],
		"$format dump: restored beside it");
	check_copy($primary, $db, "$format dump", \@before, \@after);
	ok( $primary->poll_query_until($db, q(
			SELECT count(*) = 0 FROM (SELECT 1 FROM cache.journal_a UNION ALL SELECT 1 FROM cache.journal_b) j)),
		"$format dump: the restored journal is emptied");
	replayed($primary, $offset, "$format dump");
	is($primary->safe_psql($db, 'SELECT count(*) FROM cache.dead_letters'), '0', "$format dump: all of them were wanted");
}

# ----- a standby that takes over -----

my $standby = PostgreSQL::Test::Cluster->new('standby');
my $err;

$primary->backup('standby');
$standby->init_from_backup($primary, 'standby', has_streaming => 1);
$standby->start;
push @nodes, $standby;
$primary->safe_psql('postgres', q(ALTER SYSTEM SET synchronous_standby_names = '*'));
$primary->reload;
$primary->poll_query_until('postgres', q(SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'))
  or die 'no synchronous standby';
# the checkpointer turns it on for all; when it has done two it has
$primary->safe_psql('postgres', 'CHECKPOINT') foreach 1 .. 2;
$primary->wait_for_catchup($standby, 'flush', $primary->lsn('insert'));
ok($_->wait_more(500), "$_->{prefix}: clients write with a synchronous standby") foreach @clients;

# Until then its reads are of the table, and it flushes nothing.
cmp_ok(pending($standby, 'postgres'), '>', 0, 'the standby has a journal');
is(pairs_apart($standby, 'postgres', 'often_counters'), '', 'standby: the table is as it was at some moment');
is(pairs_apart($standby, 'postgres', rows_of('often_counters')), '', 'standby: and is read so');
$standby->psql('postgres', 'SELECT cache.flush()', stderr => \$err);
like($err, qr/cannot execute cache\.flush\(\) during recovery/, 'standby: nothing is flushed there');
$standby->psql('postgres', q(SELECT cache.increment(NULL::often_counters, 'n', 1, 1)), stderr => \$err);
like($err, qr/in a read-only transaction|during recovery/, 'standby: nor deferred');

$primary->kill9;
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not promoted';
$_->follow($standby) foreach @clients;
ok($_->wait_more(1000), "promoted: clients of $_->{prefix} go on with it") foreach @clients;
replayed($standby, 0, 'promoted');
$_->stop foreach @clients;
{
	my @sums = map { $_->check($standby, 'promoted') } @clients;

	is("@sums", '0 0 0 0', 'promoted: nothing is lost or doubled');
}
# other databases too, by themselves
foreach my $format ('plain', 'custom')
{
	is(pairs_apart($standby, "restored_$format", 'often_counters'), '', "promoted: pairs of restored_$format");
}

$standby->stop;
unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal (?!9:)/, $_->name . ': nothing crashed by itself')
  foreach @nodes;
done_testing();
