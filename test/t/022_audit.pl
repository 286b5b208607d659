
# cache.verify() beside writers, and the auditor: it finds what was made to differ, and
# nothing else.
#
# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'max_worker_processes = 4', 'max_logical_replication_workers = 0');
add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE TABLE audited (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO audited SELECT i, 'row ' || i FROM generate_series(1, 500) i;
	SELECT cache.attach('audited', 'read_through', negative_ttl => '1 hour');
	CREATE FUNCTION corrupt(relation regclass, at int) RETURNS int
		AS '$libdir/cache_strategies', 'cs_test_corrupt' LANGUAGE C STRICT;
));
my $read = q(SELECT count(cache.read(NULL::audited, i)) FROM generate_series(1, 510) i);
my $counts = q(SELECT verified, mismatched, skipped FROM cache.verify('audited'));
my $auditors = q(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cache_strategies auditor');

# What the auditor, or cache.verify(), has counted.
sub counted
{
	my ($outcome) = @_;

	return $node->safe_psql('postgres', "SELECT sum(entries) FROM cache.audit_stats WHERE outcome = '$outcome'");
}

sub set_rate
{
	my ($rate) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET cache_strategies.audit_rate = $rate");
	$node->reload;
}

# Wait until so many more entries have been found the same.
sub verified_more
{
	my ($n, $name) = @_;
	my $until = counted('verified') + $n;

	ok($node->poll_query_until('postgres',
			"SELECT entries >= $until FROM cache.audit_stats WHERE outcome = 'verified'"), $name);
}

# ----- cache.verify() -----

$node->safe_psql('postgres', $read);
is($node->safe_psql('postgres', $counts), '510|0|0', 'all rows, and absences, are what the table has');

# One byte of the last column, of the header, and of what says how long a text is.
foreach my $at (-1, 22, 28)
{
	my $offset = -s $node->logfile;

	$node->safe_psql('postgres', q(SELECT cache.invalidate('audited'::regclass)));
	$node->safe_psql('postgres', 'SELECT cache.read(NULL::audited, i) FROM generate_series(7, 9) i');
	is($node->safe_psql('postgres', "SELECT corrupt('audited', $at)"), '3', "byte $at is flipped");
	is($node->safe_psql('postgres', q(SELECT verified, mismatched FROM cache.verify('audited'))), '0|3', 'and found');
	ok($node->log_contains(qr/LOG:  a cached row of table "audited" \(OID \d+\) is not the table's/, $offset), 'in the log');
	ok( $node->log_contains(
			qr/DETAIL:  Key \(id\) = \("8"\)\..* Entry: hash [0-9a-f]{16}.* Table: row of \d+ bytes at \(\d+,\d+\)\. Its xmin: \d+\. Snapshot: .* Stripe \d+: .* Slot \d+: epoch/,
			$offset), 'with what there is to know');
	ok($node->log_contains(qr/Column "n": cache "-?\d+", table "0"\./, $offset), 'the column') if $at == -1;
	is($node->safe_psql('postgres', q(SELECT verified, mismatched FROM cache.verify('audited'))), '0|0', 'the entries are removed');
	exact($node, 'audited', "after byte $at", first => 5, last => 12);
}

# A change of the whole table between the snapshot and the look at the table's state,
# and one of a row.
my $gate = $node->background_psql('postgres');
my $verifier = $node->background_psql('postgres', on_error_stop => 0);
my $pid = session_pid($verifier);
foreach my $change ('SET cache_strategies.bulk_threshold = 1; UPDATE audited SET n = n + 1 WHERE id < 100',
	'UPDATE audited SET n = n + 1 WHERE id < 100', 'TRUNCATE audited; INSERT INTO audited SELECT i, i FROM generate_series(1, 500) i')
{
	$node->safe_psql('postgres', $read);
	stop_at($gate, 'verify_snapshot');
	$verifier->query_until(qr/started/,
		"\\echo started\nSET cache_strategies.test_points = 'verify_snapshot';\n$counts;\n");
	wait_stopped($node, $pid);
	is( $node->safe_psql('postgres', 'SELECT relation, phase, rows_total, rows_done FROM cache.progress'),
		'audited|comparing entries|510|0', 'progress is seen');
	$node->safe_psql('postgres', $change);
	$gate->query_safe(q(SELECT pg_advisory_unlock(hashtext('verify_snapshot'))));
	$node->poll_query_until('postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid")
	  or die 'cache.verify() does not end';
	is(counted('mismatched'), '9', "no mismatch because of $change");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.progress'), '0', 'and no progress');
}
$verifier->quit;

# ----- the auditor -----

is($node->safe_psql('postgres', $auditors), '0', 'there is no auditor unless it is asked for');
$node->safe_psql('postgres', $read);
tables_warmed($node, [ 1 .. 20 ], 'before the audit');
set_rate(1000000);
verified_more(1500, 'the auditor compares, and goes round');
is(counted('mismatched'), '9', 'and finds nothing');

# Rows that are changed while it is off are as good when it is on again.
set_rate(0);
$node->safe_psql('postgres', q(
	UPDATE audited SET v = 'changed' WHERE id % 3 = 0;
	DELETE FROM audited WHERE id % 7 = 0;
	INSERT INTO audited SELECT i FROM generate_series(501, 505) i));
$node->safe_psql('postgres', "UPDATE $_ SET v = 'changed' WHERE id < 10") foreach @CacheTest::strategies;
set_rate(1000000);
verified_more(1000, 'after changes it compares again');
is(counted('mismatched'), '9', 'and finds nothing');

# One entry of many.
my $offset = -s $node->logfile;
$node->safe_psql('postgres', q(
	CREATE TABLE flipped (id int PRIMARY KEY, v text);
	INSERT INTO flipped VALUES (1, 'right');
	SELECT cache.attach('flipped', 'cache_aside');
	SELECT cache.read(NULL::flipped, 1);
	SELECT corrupt('flipped', -1);
));
ok($node->poll_query_until('postgres', q(SELECT entries = 10 FROM cache.audit_stats WHERE outcome = 'mismatched')),
	'it finds the one entry that differs');
ok($node->log_contains(qr/a cached row of table "flipped" .*Column "v": cache "righ.*", table "right"/s, $offset), 'and says which');
exact($node, 'flipped', 'after that', first => 1, last => 1);

# A table that is locked does not keep it from the others.
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE flipped IN ACCESS EXCLUSIVE MODE');
ok( $node->poll_query_until('postgres',
		q(SELECT sum(entries) > 0 FROM cache.audit_stats WHERE reason = 'the table could not be read')),
	'entries of a table that is locked are counted as skipped');
verified_more(1000, 'and others are compared');
$locker->query_safe('ROLLBACK');
$locker->quit;

# Other databases, which are copied and dropped.
once_free($node, 'CREATE DATABASE other');
add_extension($node, 'other');
create_tables($node, db => 'other');
warmed($node, 'read_through', 3, 'other', db => 'other');
$offset = -s $node->logfile;
ok($node->poll_query_until('postgres', q(
	SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'cache_strategies auditor' AND datname = 'other')),
	'another database has its rounds');
once_free($node, 'CREATE DATABASE copied TEMPLATE other');
once_free($node, 'DROP DATABASE other');
verified_more(1000, 'the auditor goes on');

is( $node->safe_psql('postgres', q(SELECT string_agg(DISTINCT outcome, ' ') FROM cache.audit_stats)),
	'mismatched skipped verified', 'what is counted');
set_rate(0);
ok($node->poll_query_until('postgres', $auditors, '0'), 'it ends when it is turned off');
$node->stop;
unlike(slurp_file($node->logfile, $offset), qr/PANIC|TRAP|could not start a worker/, 'nothing else is in the log');
done_testing();
