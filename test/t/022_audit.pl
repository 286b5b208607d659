
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
	my ($outcome, $kind) = @_;

	$kind //= 'row';
	return $node->safe_psql('postgres', "SELECT coalesce(sum(entries), 0) FROM cache.audit_stats WHERE kind = '$kind' AND outcome = '$outcome'");
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
			"SELECT entries >= $until FROM cache.audit_stats WHERE kind = 'row' AND outcome = 'verified'"), $name);
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

# A partition that is truncated after its entry was looked up: cache.verify() has locked
# the parent only, and any snapshot shows the partition empty.
$node->safe_psql('postgres', q(
	CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY LIST (id);
	CREATE TABLE parted1 PARTITION OF parted FOR VALUES IN (1);
	INSERT INTO parted VALUES (1, 'truncated');
	SELECT cache.attach('parted', 'read_through');
	SELECT cache.read(NULL::parted, 1)));
stop_at($gate, 'verify_looked_up');
$verifier->query_until(qr/started/,
	"\\echo started\nSET cache_strategies.test_points = 'verify_looked_up';\nSELECT verified, mismatched, skipped, reasons FROM cache.verify('parted');\n");
wait_stopped($node, $pid);
$node->safe_psql('postgres', "SET lock_timeout = '20s'; TRUNCATE parted1");
$gate->query_safe(q(SELECT pg_advisory_unlock(hashtext('verify_looked_up'))));
like($verifier->query_safe("SET cache_strategies.test_points = ''"), qr/^0\|0\|1\|.*: 1/m, 'an entry of a partition that is truncated meanwhile is skipped');
is(counted('mismatched'), '9', 'and does not count as a mismatch');
exact($node, 'parted', 'after that', first => 1, last => 1);
$node->safe_psql('postgres', 'DROP TABLE parted');
$verifier->quit;

# The values go to the server's log, not to the caller.
$node->safe_psql('postgres', q(SELECT cache.invalidate('audited'::regclass)));
$node->safe_psql('postgres', 'SELECT cache.read(NULL::audited, 7)');
$node->safe_psql('postgres', q(SELECT corrupt('audited', -1)));
my ($ret, $out, $err) = $node->psql('postgres', "SET client_min_messages = log; SELECT mismatched FROM cache.verify('audited')");
is($out, '1', 'a row that differs is found');
unlike($err, qr/not the table's/, 'and its values are not shown to the caller');

# ----- results -----

$node->safe_psql('postgres', q(
	CREATE FUNCTION corrupt_results(at int) RETURNS int
		AS '$libdir/cache_strategies', 'cs_test_corrupt_results' LANGUAGE C STRICT;
	CREATE TABLE sums (id int PRIMARY KEY, n bigint NOT NULL) PARTITION BY RANGE (id);
	CREATE TABLE sums1 PARTITION OF sums FOR VALUES FROM (0) TO (10);
	CREATE TABLE sums2 PARTITION OF sums FOR VALUES FROM (10) TO (MAXVALUE);
	INSERT INTO sums SELECT i, 1 FROM generate_series(1, 20) i;
	SELECT cache.track('sums', by_value => true);
	ALTER DATABASE postgres SET cache_strategies.results = auto;
	ALTER DATABASE postgres SET cache_strategies.results_min_cost = 0;
	ALTER DATABASE postgres SET cache_strategies.results_adapt = off;
	ALTER DATABASE postgres SET cache_strategies.audit_results = 1));
my $session = $node->background_psql('postgres', on_error_stop => 0);
my $reader = session_pid($session);
my $sum = 'SELECT sum(n)::bigint AS sum FROM sums WHERE id > 0';
my $remembered = q(SELECT cache.remember(NULL::bigint, 'sum', '1 hour', 'SELECT sum(n)::bigint FROM sums WHERE id = 3'));

is($session->query_safe($sum), '20', 'a result is kept');
is($session->query_safe($sum), '20', 'and answers');
is(counted('verified', 'result'), '1', 'it is compared');
$session->query_safe($remembered) foreach 1 .. 2;
is(counted('verified', 'result'), '2', 'so is one of cache.remember()');

# Changed in the store.
my $in_log = -s $node->logfile;
cmp_ok($node->safe_psql('postgres', 'SELECT corrupt_results(-8)'), '>=', 2, 'their values are changed');
is($session->query_safe($sum), '20', 'the answer is what the statement returns');
is(counted('mismatched', 'result'), '1', 'the difference is counted');
ok($node->log_contains(qr/LOG:  a kept result is not what its statement returns/, $in_log), 'it is in the log');
ok( $node->log_contains(
		qr/DETAIL:  They differ in a row: kept \("235"\), computed \("20"\)\. Depends on public\.sums\. Statement: "SELECT sum.*"\. Role: \S+ \(OID 10\)\. Rows: kept 1, computed 1\. Entry: hash [0-9a-f]{16}, epoch .* Watch of table \d+: slot \d+, epoch .* Snapshot: \d+:\d+:/s,
		$in_log), 'with what there is to know') or diag(substr(slurp_file($node->logfile), $in_log));
is($session->query_safe($remembered), '1', 'so is the answer of cache.remember()');
is(counted('mismatched', 'result'), '2', 'which is counted, too');
ok($node->log_contains(qr/kept \("254"\), computed \("1"\)\. Depends on sums( \(id = 3\))?\. Statement/, $in_log), 'and logged');
$session->query_safe($sum) foreach 1 .. 2;
is(counted('verified', 'result'), '3', 'the result was removed, and kept anew');

# Everything that a snapshot shows is as before when tables change.
$node->safe_psql('postgres', 'UPDATE sums SET n = n + 1 WHERE id = 3');
is($session->query_safe($sum), '21', 'a result falls with a change');
is($session->query_safe($sum), '21', 'and the new one is kept');
is($session->query_safe($remembered), '2', 'the other one as well');
is(counted('mismatched', 'result'), '2', 'no wrong one has answered');

# TRUNCATE is seen by a snapshot that was taken before it.
$session->query_until(qr/started/, "\\echo started\nSET cache_strategies.test_points = 'result_compared';\n");
stop_at($gate, 'result_compared');
$session->query_until(qr/asked/, "\\echo asked\n$sum;\n");
wait_stopped($node, $reader);
$node->safe_psql('postgres', "SET lock_timeout = '20s'; TRUNCATE sums2");
$gate->query_safe(q(SELECT pg_advisory_unlock(hashtext('result_compared'))));
like($session->query_safe("SET cache_strategies.test_points = ''"), qr/21/, 'the result answers, of which the table is truncated meanwhile');
is($node->safe_psql('postgres', q(SELECT entries FROM cache.audit_stats WHERE kind = 'result' AND reason = 'something was changed meanwhile')), '1',
	'and is not said to differ');
is(counted('mismatched', 'result'), '2', 'nor counted');

# What cannot be run: a partition is locked.
is($session->query_safe($sum), '10', 'the new sum') foreach 1 .. 2;
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE sums1 IN ACCESS EXCLUSIVE MODE');
$session->query_safe("SET lock_timeout = '10ms'");
is($session->query_safe($sum), '10', 'a result answers when its statement would have to wait');
$session->query_safe("SET lock_timeout = 0; SET statement_timeout = '100ms'");
is($session->query_safe($sum), '10', 'also when that takes too long');
is($node->safe_psql('postgres', q(SELECT entries FROM cache.audit_stats WHERE kind = 'result' AND reason = 'the statement could not be run')), '2',
	'which is counted');
$session->query_safe('SET statement_timeout = 0');
$session->query_until(qr/asked/, "\\echo asked\n$sum;\n");
$node->poll_query_until('postgres', "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $reader") or die 'it does not wait';
$node->safe_psql('postgres', "SELECT pg_cancel_backend($reader)");
$session->query('SELECT 1');
like($session->{stderr}, qr/canceling statement due to user request/, 'it can be cancelled');
$session->{stderr} = '';
$holder->query_safe('ROLLBACK');
$holder->quit;

# A result that was computed from cached rows is compared with the table.
$node->safe_psql('postgres', q(
	CREATE TABLE by_key (id int PRIMARY KEY, n bigint NOT NULL);
	INSERT INTO by_key VALUES (1, 1);
	SELECT cache.attach('by_key', 'cache_aside', plain_reads => true);
	ANALYZE by_key));
my $by_key = 'SELECT n FROM by_key WHERE id = 1';
$session->query_safe('SET cache_strategies.results = off; SET enable_seqscan = off');
$session->query_safe($by_key) foreach 1 .. 3;
is($node->safe_psql('postgres', q(SELECT corrupt('by_key', -8))), '1', 'a cached row is changed');
isnt($session->query_safe($by_key), '1', 'and is read');
$session->query_safe('SET cache_strategies.results = auto');
isnt($session->query_safe($by_key), '1', 'its result is kept');
is($session->query_safe($by_key), '1', 'and found to differ');
is(counted('mismatched', 'result'), '3', 'from the table');
$node->safe_psql('postgres', q(DROP TABLE by_key));

$session->quit;
$node->safe_psql('postgres', "ALTER DATABASE postgres RESET cache_strategies.$_") foreach qw(results results_min_cost results_adapt audit_results);
$node->safe_psql('postgres', 'DROP TABLE sums');

# ----- the auditor -----

is($node->safe_psql('postgres', $auditors), '0', 'there is no auditor unless it is asked for');
$node->safe_psql('postgres', $read);
tables_warmed($node, [ 1 .. 20 ], 'before the audit');
set_rate(1000000);
verified_more(1500, 'the auditor compares, and goes round');
is(counted('mismatched'), '10', 'and finds nothing');

# Rows that are changed while it is off are as good when it is on again.
set_rate(0);
$node->safe_psql('postgres', q(
	UPDATE audited SET v = 'changed' WHERE id % 3 = 0;
	DELETE FROM audited WHERE id % 7 = 0;
	INSERT INTO audited SELECT i FROM generate_series(501, 505) i));
$node->safe_psql('postgres', "UPDATE $_ SET v = 'changed' WHERE id < 10") foreach @CacheTest::strategies;
set_rate(1000000);
verified_more(1000, 'after changes it compares again');
is(counted('mismatched'), '10', 'and finds nothing');

# One entry of many.
my $offset = -s $node->logfile;
$node->safe_psql('postgres', q(
	CREATE TABLE flipped (id int PRIMARY KEY, v text);
	INSERT INTO flipped VALUES (1, 'right');
	SELECT cache.attach('flipped', 'cache_aside');
	SELECT cache.read(NULL::flipped, 1);
	SELECT corrupt('flipped', -1);
));
ok($node->poll_query_until('postgres', q(SELECT entries >= 11 FROM cache.audit_stats WHERE kind = 'row' AND outcome = 'mismatched')),
	'it finds an entry that differs');
is(counted('mismatched'), '11', 'the one that does');
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
