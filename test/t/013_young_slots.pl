
# A table that gets its place in shared memory anew: nothing is kept that a writer
# that does not know of the place could outdate, and no session waits for others.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'max_prepared_transactions = 5', 'autovacuum = off');
my @tables = qw(single bulk parted);

sub make_database
{
	my ($db) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	add_extension($node, $db);
	$node->safe_psql($db, q(
		CREATE TABLE single (id int PRIMARY KEY, v int);
		CREATE TABLE bulk (LIKE single INCLUDING ALL);
		CREATE TABLE parted (LIKE single INCLUDING ALL) PARTITION BY RANGE (id);
		CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
	) . join('', map { "INSERT INTO $_ SELECT i, 0 FROM generate_series(1, 9) i; SELECT cache.attach('$_');" } @tables));
	$node->safe_psql($db, join(';', map { "SELECT cache.read(NULL::$_, 1)" } @tables));
}

# A DROP DATABASE that fails, as a session is connected, has the tables lose their places.
sub lose_places
{
	my ($db) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', "DROP DATABASE $db");

	like($err, qr/is being accessed by other users/, "$db: the database is not dropped");
	is($node->safe_psql($db, 'SELECT tables FROM cache.stats'), '0', "$db: but its tables have no places any more");
}

sub stats
{
	my ($db, $table, $columns) = @_;

	return $node->safe_psql($db, "SELECT $columns FROM cache.table_stats WHERE relation = '$table'::regclass");
}

# ----- no session writes to the table -----

# From here on every new place is suspected.
make_database('gone');
once_free($node, 'DROP DATABASE gone');

my $bystander = $node->background_psql('postgres');
$bystander->query_safe('BEGIN');
my $xid = $bystander->query_safe('SELECT pg_current_xact_id()');

make_database('app');
foreach my $table (@tables)
{
	is(stats('app', $table, 'fills, fills_refused, fills_wait_for'), '1|0|', "$table: what is attached while a transaction is open is cached at once");
	is($node->safe_psql('app', "SELECT outcome FROM cache.explain(NULL::$table, 1)"), 'hit', "$table: and read from the cache");
}

# A table that was attached before, and gets its place from a reader.
{
	my $idle = $node->background_psql('app');

	$idle->query_safe('SELECT 1');
	lose_places('app');
	$idle->quit;
}
foreach my $table (@tables)
{
	warmed($node, $table, 1, "$table: a place that a reader has made", db => 'app');
	is(stats('app', $table, 'fills_wait_for'), '', "$table: nothing is waited for");
}

# ----- a session does -----

# Writers that have looked for the place before.
my $setup = 'SET cache_strategies.bulk_threshold = 2; BEGIN';
my %changes = (
	single => 'UPDATE single SET v = 1 WHERE id = 1',
	bulk => 'UPDATE bulk SET v = 1',
	parted => 'UPDATE parted_1 SET v = 1 WHERE id = 1');
my %writers;
foreach my $table (@tables)
{
	$writers{$table} = $node->background_psql('app');
	$writers{$table}->query_safe($setup);
	$writers{$table}->query_safe($changes{$table});
}
lose_places('app');
foreach my $table (@tables)
{
	my $pid = $bystander->query_safe('SELECT pg_backend_pid()');

	exact($node, $table, "$table: a writer is under way", db => 'app', last => 9);
	is(stats('app', $table, 'hits'), '0', "$table: nothing is read from the cache");
	like($node->safe_psql('app', "SELECT outcome, reason FROM cache.explain(NULL::$table, 2)"),
		qr/^miss\|not in the cache; nothing is kept before transaction $xid \(process $pid\) has ended, as what is so old may have changed the table before it had its place in the cache$/,
		"$table: cache.explain says what is waited for");
	is(stats('app', $table, 'fills, fills_refused > 0, fills_wait_for IS NOT NULL'), '0|t|t', "$table: and so does cache.table_stats");
	$writers{$table}->query_safe('COMMIT');
	exact($node, $table, "$table: the writer has ended", db => 'app', last => 9);
	is($node->safe_psql('app', "SELECT (cache.read(NULL::$table, 1)).v"), '1', "$table: what it has written is read");
	# the bystander is still there
	warmed($node, $table, [ 1 .. 9 ], "$table: the writer has ended", db => 'app');
	is(stats('app', $table, 'fills_wait_for'), '', "$table: nothing is waited for any more");
	$writers{$table}->quit;
}

# A load that began before such a writer had ended, and goes on when it is known
# that there is none any more.
{
	my $writer = $node->background_psql('app');
	my $gate = $node->background_psql('app');
	my $reader = $node->background_psql('app');
	my $pid = session_pid($reader);

	$writer->query_safe($setup);
	$writer->query_safe('UPDATE bulk SET v = 10');
	lose_places('app');
	stop_at($gate, 'after_snapshot');
	$reader->query_safe("SET cache_strategies.test_points = 'after_snapshot'");
	$reader->query_until(qr/started/, "\\echo started\nSELECT cache.read(NULL::bulk, 1);\n");
	wait_stopped($node, $pid);
	$writer->query_safe('COMMIT');
	$node->safe_psql('app', 'SELECT cache.read(NULL::bulk, 2)');
	is(stats('app', 'bulk', 'fills_wait_for'), '', 'a load is under way: nothing is waited for any more');
	$gate->query_safe('SELECT pg_advisory_unlock_all()');
	$_->quit foreach $reader, $gate, $writer;
	exact($node, 'bulk', 'a load that was under way', db => 'app', last => 9);
}

# ----- and has prepared -----

$node->safe_psql('app', "$setup; UPDATE $_ SET v = 2 WHERE id <= 3; PREPARE TRANSACTION '$_'") foreach @tables;
{
	my $idle = $node->background_psql('app');

	$idle->query_safe('SELECT 1');
	lose_places('app');
	$idle->quit;
}
foreach my $table (@tables)
{
	exact($node, $table, "$table: a transaction is prepared", db => 'app', last => 9);
	is(stats('app', $table, 'hits'), '0', "$table: nothing is read from the cache");
	$node->safe_psql('app', "COMMIT PREPARED '$table'");
	exact($node, $table, "$table: it is finished", db => 'app', last => 9);
	warmed($node, $table, [ 1 .. 9 ], "$table: it is finished", db => 'app');
}

# Keys that a prepared transaction has changed wait for the bystander, as ever.
$node->safe_psql('app', "BEGIN; UPDATE single SET v = 3 WHERE id = 1; PREPARE TRANSACTION 'known'");
$node->safe_psql('app', "COMMIT PREPARED 'known'");
exact($node, 'single', 'a key that a prepared transaction has changed', db => 'app', last => 1);
like($node->safe_psql('app', 'SELECT reason FROM cache.explain(NULL::single, 1)'),
	qr/nothing is kept before transaction $xid \(process \d+\) has ended, as it, or a later one, has been prepared and has changed the key or the table$/,
	'cache.explain says what is waited for');
$bystander->query_safe('COMMIT');
warmed($node, 'single', 1, 'the bystander has ended', db => 'app');
$bystander->quit;

# ----- after a restart -----

$node->safe_psql('app', "BEGIN; UPDATE single SET v = 4 WHERE id = 1; PREPARE TRANSACTION 'before'");
$node->restart;
exact($node, 'single', 'prepared before the start', db => 'app', last => 9);
like($node->safe_psql('app', 'SELECT reason FROM cache.explain(NULL::single, 2)'),
	qr/nothing is kept before transaction \d+ \(prepared\) has ended, as it was prepared before the server's start$/,
	'cache.explain says what is waited for');
is(stats('app', 'single', 'fills_wait_for = (SELECT fills_wait_for FROM cache.stats)'), 't', 'and so does cache.table_stats');
# other databases are not concerned
make_database('other');
warmed($node, 'single', 1, 'prepared before the start, in another database', db => 'other');
is($node->safe_psql('other', 'SELECT fills_wait_for FROM cache.stats'), '', 'which waits for nothing');
$node->safe_psql('app', "COMMIT PREPARED 'before'");
warmed($node, 'single', [ 1 .. 9 ], 'finished', db => 'app');

$node->stop;
done_testing();
