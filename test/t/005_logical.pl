
# Logical replication: what the apply workers do to attached tables is seen by
# readers that had the old rows cached.  Statement triggers do not fire there,
# which is what write_around has a row trigger for.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = new_node('publisher', 'wal_level = logical');
my $subscriber = new_node('subscriber', 'wal_level = logical');
my @tables = (@strategies, 'parted');

add_extension($subscriber);
create_tables($publisher, detached => 1);
$publisher->safe_psql('postgres', q(
	CREATE TABLE parted (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0) PARTITION BY RANGE (id);
	CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (1000);
	INSERT INTO parted SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	CREATE TABLE tracked (id int PRIMARY KEY, v text);
	INSERT INTO tracked VALUES (1, 'first');
	CREATE PUBLICATION pub FOR TABLE cache_aside, read_through, write_through, write_around, parted, tracked;
));
create_tables($subscriber, empty => 1);
$subscriber->safe_psql('postgres', q(
	CREATE TABLE parted (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0) PARTITION BY RANGE (id);
	CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (1000);
	SELECT cache.attach('parted', 'write_around', negative_ttl => '1 hour');
	CREATE TABLE tracked (id int PRIMARY KEY, v text);
	SELECT cache.track('tracked');
));

# One session reads everything, and keeps what it knows of the tables.  Its queries
# have a limit each, not all together.
my $reader = $subscriber->background_psql('postgres');
$reader->set_query_timer_restart;

# Every table on the subscriber, through the cache, is what the publisher has.
sub replicated
{
	my ($name) = @_;

	$publisher->wait_for_catchup('sub');
	my %expected;
	in_turn($publisher, undef,
		map {
			my $table = $_;
			[   "SELECT coalesce(string_agg(t::text, ' ' ORDER BY id), '') FROM $table t WHERE id BETWEEN 0 AND 40",
				sub { $expected{$table} = shift } ]
		} @tables);
	foreach my $table (@tables)
	{
		foreach my $round (1, 2, 3)
		{
			is( $reader->query_safe(
					"SELECT coalesce(string_agg(cache.read(NULL::$table, i)::text, ' ' ORDER BY i), '') FROM generate_series(0, 40) i"),
				$expected{$table}, "$name: $table, round $round");
		}
	}
	exact($subscriber, \@tables, $name, last => 40);
}

sub publish
{
	my ($sql) = @_;

	$publisher->safe_psql('postgres', join(';', map { $sql =~ s/TABLE_NAME/$_/gr } @tables));
}

# What is known of the changes of a table of which results are kept.
sub changes
{
	my ($table) = @_;

	return $subscriber->safe_psql('postgres', "SELECT state, changes FROM cache.tracking('$table')");
}

# A change on the publisher is noted on the subscriber.
sub noted
{
	my ($table, $sql) = @_;
	my $before = changes($table);

	my $rows = "SELECT string_agg(t::text, ' ' ORDER BY t) FROM $table t";
	my $expected;

	in_turn($publisher, undef, $sql, [ $rows, sub { $expected = shift } ]);
	$publisher->wait_for_catchup('sub');
	in_turn($subscriber, undef,
		[   "SELECT state, changes FROM cache.tracking('$table')",
			sub {
				like($_[0], qr/^tracked/, "$table is tracked after: $sql");
				isnt($_[0], $before, "it is noted that $table has changed: $sql");
			} ],
		says($rows, $expected, "and it has: $sql"));
}

# ----- the initial copy -----

# Absences are cached before the rows come in.
foreach my $table (@tables)
{
	is($reader->query_safe("SELECT count(cache.read(NULL::$table, i)::text) FROM generate_series(0, 40) i"),
		'0', "$table is empty") foreach (1, 2, 3);
	like($reader->query_safe("SELECT outcome FROM cache.explain(NULL::$table, 1)"),
		qr/^absent$/, "the absence of a row of $table is cached");
}
my %empty = map { $_ => changes($_) } (@tables, 'tracked');
my $connect = $publisher->connstr . ' dbname=postgres';
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION sub CONNECTION '$connect' PUBLICATION pub");
$subscriber->wait_for_subscription_sync($publisher, 'sub');
replicated('the initial copy');
warmed($subscriber, \@tables, 1, 'the initial copy');
isnt(changes($_), $empty{$_}, "the initial copy of $_ is noted") foreach (@tables, 'tracked');

# ----- row changes -----

publish("UPDATE TABLE_NAME SET v = 'changed', n = n + 1 WHERE id <= 5");
replicated('UPDATE');
warmed($subscriber, \@tables, 1, 'UPDATE');

publish('UPDATE TABLE_NAME SET n = n + 1');
replicated('UPDATE of all rows');

publish('UPDATE TABLE_NAME SET id = id + 20 WHERE id IN (1, 11)');
replicated('UPDATE of keys');

publish("DELETE FROM TABLE_NAME WHERE id IN (2, 12)");
replicated('DELETE');

publish("INSERT INTO TABLE_NAME VALUES (2, 'again'), (32, 'more')");
replicated('INSERT');

publish("DELETE FROM TABLE_NAME WHERE id IN (4, 16); INSERT INTO TABLE_NAME VALUES (4, 'reborn')");
replicated('DELETE and INSERT of one key');

$publisher->safe_psql('postgres', "BEGIN; SAVEPOINT a; UPDATE $_ SET v = 'undone' WHERE id = 5; ROLLBACK TO a; UPDATE $_ SET v = 'kept' WHERE id = 6; COMMIT")
  foreach @tables;
replicated('with a savepoint');

# A key that moves from one partition to another.
$publisher->safe_psql('postgres', "UPDATE parted SET id = 39 WHERE id = 7; UPDATE parted SET id = 7 WHERE id = 14");
replicated('between partitions');

$publisher->safe_psql('postgres', join(';', map { "INSERT INTO $_ SELECT i, 'many' FROM generate_series(100, 3000) i" } @strategies));
$publisher->safe_psql('postgres', join(';', map { "UPDATE $_ SET v = 'very many'" } @strategies));
replicated('large transactions');

# One row after the other.
foreach my $i (1 .. 10)
{
	publish("UPDATE TABLE_NAME SET n = n + 1 WHERE id = 8");
	$publisher->wait_for_catchup('sub');
	my $expected = $publisher->safe_psql('postgres', 'SELECT n FROM cache_aside WHERE id = 8');

	is( $reader->query_safe(
			"SELECT concat_ws(' ', " . join(', ', map { "(cache.read(NULL::$_, 8)).n" } @tables) . ')'),
		join(' ', ($expected) x @tables), "change $i of a row");
}

# ----- results of whole tables -----

foreach my $table (@tables)
{
	noted($table, "INSERT INTO $table VALUES (38, 'tracking')");
	noted($table, "UPDATE $table SET v = 'tracked' WHERE id = 38");
	noted($table, "DELETE FROM $table WHERE id = 38");
}
noted('tracked', "INSERT INTO tracked VALUES (2, 'second')");
noted('tracked', "UPDATE tracked SET v = 'changed' WHERE id = 2");
noted('tracked', 'DELETE FROM tracked WHERE id = 1');
noted('tracked', "BEGIN; SAVEPOINT a; INSERT INTO tracked VALUES (3, 'third'); RELEASE a; COMMIT");
noted('tracked', 'TRUNCATE tracked');
noted('tracked', "INSERT INTO tracked SELECT i, 'many' FROM generate_series(1, 100) i");
my $before_others = changes('tracked');
$publisher->safe_psql('postgres', 'UPDATE cache_aside SET n = n WHERE id = 8');
$publisher->wait_for_catchup('sub');
is(changes('tracked'), $before_others, 'it is not noted when other tables change');

# ----- TRUNCATE -----

publish('TRUNCATE TABLE_NAME');
replicated('TRUNCATE');
publish("INSERT INTO TABLE_NAME SELECT i, 'second ' || i FROM generate_series(1, 20) i");
replicated('INSERT after TRUNCATE');
$publisher->safe_psql('postgres', 'TRUNCATE parted_low');
replicated('TRUNCATE of a partition');
$publisher->safe_psql('postgres', q(INSERT INTO parted SELECT i, 'third' FROM generate_series(1, 9) i));
replicated('INSERT into the partition');

# ----- two-phase commit -----

$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$subscriber->safe_psql('postgres',
	"CREATE SUBSCRIPTION sub CONNECTION '$connect' PUBLICATION pub WITH (two_phase = true, copy_data = false)");
$subscriber->poll_query_until('postgres',
	"SELECT subtwophasestate = 'e' FROM pg_subscription WHERE subname = 'sub'")
  or die 'two-phase commit was not enabled';
replicated('before two-phase commit');
warmed($subscriber, \@tables, 1, 'before two-phase commit');

foreach my $finish ('COMMIT PREPARED', 'ROLLBACK PREPARED')
{
	my $before = $publisher->safe_psql('postgres', 'SELECT t FROM cache_aside t WHERE id = 1');

	$publisher->safe_psql('postgres', 'BEGIN;' . join(';', map {
				"UPDATE $_ SET v = '$finish' WHERE id = 1; DELETE FROM $_ WHERE id = 3; UPDATE $_ SET id = id + 20 WHERE id IN (4, 15); INSERT INTO $_ VALUES (40, '$finish') ON CONFLICT DO NOTHING" } @tables)
		. ";PREPARE TRANSACTION 'both'");
	$publisher->wait_for_catchup('sub');
	is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '1', "$finish: prepared on the subscriber");
	foreach my $table (@strategies)
	{
		is($reader->query_safe("SELECT cache.read(NULL::$table, 1)"), $before, "$finish: $table is as before while prepared");
	}
	tables_exact($subscriber, "$finish, prepared", last => 40);
	$publisher->safe_psql('postgres', "$finish 'both'");
	$publisher->wait_for_catchup('sub');
	is($subscriber->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts'), '0', "$finish: finished on the subscriber");
	replicated($finish);
	warmed($subscriber, \@tables, 1, $finish);
}

# ----- a schema change on both sides -----

$publisher->safe_psql('postgres', 'ALTER TABLE read_through ADD extra text');
$subscriber->safe_psql('postgres', 'ALTER TABLE read_through ADD extra text');
$publisher->safe_psql('postgres', "UPDATE read_through SET extra = 'x' || id");
replicated('a new column');

# ----- local writes as the apply worker does them -----

foreach my $table (@tables)
{
	$reader->query_safe("SELECT cache.read(NULL::$table, 9)") foreach (1, 2, 3);
	$subscriber->safe_psql('postgres', "SET session_replication_role = replica; UPDATE $table SET v = 'replica' WHERE id = 9");
	is($reader->query_safe("SELECT (cache.read(NULL::$table, 9)).v"), 'replica', "session_replication_role = replica: $table");
	$subscriber->safe_psql('postgres', "SET session_replication_role = local; UPDATE $table SET v = 'local' WHERE id = 9");
	is($reader->query_safe("SELECT (cache.read(NULL::$table, 9)).v"), 'local', "session_replication_role = local: $table");
	exact($subscriber, $table, 'session_replication_role');
}

$reader->quit;
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION sub');
$subscriber->stop;
$publisher->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|terminated by signal/, $_->name . ': nothing crashed')
  foreach ($publisher, $subscriber);
done_testing();
