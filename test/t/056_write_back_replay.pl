
# A crash at the points of a durable flush where it hurts most, and what the
# next start makes of it: every acknowledged write is in the table once.  No
# session reads or writes a table before its journal has been replayed.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'log_min_messages = info', 'restart_after_crash = off', 'cache_strategies.worker_timeout = 1h');
my $sum = 0;					# of what was acknowledged for each row

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL, s text);
	INSERT INTO t VALUES (1, 0, 'old'), (2, 0, 'old');
	SELECT cache.attach('t', 'write_back', flush_interval => '1 hour', merge => '{"n": "add", "s": "replace"}');
	CREATE TABLE idle (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO idle VALUES (1, 0);
	SELECT cache.attach('idle', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
));

# Both rows, each in a transaction of its own.
sub increment
{
	my ($n) = @_;

	in_turn($node, undef, map { "SELECT cache.increment(NULL::t, 'n', $n, $_)" } 1 .. 2);
	$sum += $n;
}

sub crash
{
	$node->stop('immediate');
	$node->start;
}

# Read first: that waits for the replay.
sub all_there
{
	my ($name, $one, $two) = @_;
	my $expected = join("\n", "1|" . ($one // $sum), "2|" . ($two // $sum));

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, undef,
		says('SELECT id, (cache.read(NULL::t, id)).n FROM generate_series(1, 2) id', $expected, "$name: read"),
		"SELECT cache.flush('t')",
		says('SELECT id, n FROM t ORDER BY id', $expected, "$name: in the table"));
}

# A session that is held up at a test point while it executes the statement.
sub held_up
{
	my ($point, $sql) = @_;
	my $gate = $node->background_psql('postgres', on_error_stop => 0);
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($session);

	stop_at($gate, $point);
	$session->query_until(qr/started/, "SET cache_strategies.test_points = '$point';\n\\echo started\n$sql;\n");
	wait_stopped($node, $pid);
	return ($gate, $session);
}

sub give_up
{
	foreach my $session (@_)
	{
		eval { $session->quit };
	}
}

# ----- nothing flushed; crashed again before anything happens -----

increment(1);
crash();
all_there('not flushed');
increment(2);
crash();
crash();
all_there('two crashes');

# ----- a flush that comes to nothing -----

increment(3);
$node->safe_psql('postgres', "BEGIN; SELECT cache.flush('t'); ROLLBACK");
crash();
all_there('a flush that was rolled back');
increment(4);
$node->safe_psql('postgres', "BEGIN; SAVEPOINT a; SELECT cache.flush('t'); ROLLBACK TO a; COMMIT");
crash();
all_there('a flush in a savepoint that was rolled back');

# ----- in the middle of one, and just after -----

foreach my $point ('flush_boundary', 'flush_taken', 'flush_applied', 'before_flushed')
{
	my @sessions;

	increment(10);
	@sessions = held_up($point, "SELECT cache.flush('t')");
	increment(100);
	crash();
	give_up(@sessions);
	all_there("crashed at $point");
	crash();
	all_there("crashed at $point, and after the replay");
}

# ----- a writer in the middle of its commit while others are flushed -----

foreach my $point ('after_reserve', 'after_stamp', 'before_flip')
{
	my @sessions;
	my $flusher;
	my $pid;

	increment(1000);
	@sessions = held_up($point, "SELECT cache.increment(NULL::t, 'n', 5, 1)");
	$flusher = $node->background_psql('postgres', on_error_stop => 0);
	$pid = session_pid($flusher);
	$flusher->query_until(qr/started/, "\\echo started\nSELECT cache.flush('t');\n");
	# it waits for the writer, or has ended
	$node->poll_query_until('postgres', qq(
		SELECT state = 'idle' OR wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid))
	  or die 'the flusher does neither';
	crash();
	give_up(@sessions, $flusher);
	# its commit record was written, and the client was not told
	$node->safe_psql('postgres', "SELECT cache.increment(NULL::t, 'n', 5, 2)") if $point eq 'before_flip';
	$sum += 5 if $point eq 'before_flip';
	all_there("a writer at $point");
}

# ----- a row that the worker had to leave out -----

# By now it is flushed in time.
sub attach
{
	my ($interval) = @_;

	$node->safe_psql('postgres', qq(
		SELECT cache.attach('t', 'write_back', flush_interval => '$interval', merge => '{"n": "add", "s": "replace"}')));
}

# A session that holds a row of two that are incremented, until only the other
# one is in the table.
sub leave_one_out
{
	my $holder = $node->background_psql('postgres');

	$holder->query_safe('BEGIN; SELECT id FROM t WHERE id = 1 FOR UPDATE');
	increment(20000);
	$node->poll_query_until('postgres', "SELECT n = $sum FROM t WHERE id = 2")
	  or die 'the other row is not flushed';
	is($node->safe_psql('postgres', 'SELECT (cache.read(NULL::t, 1)).n, n FROM t WHERE id = 1'),
		"$sum|" . ($sum - 20000), 'left out: read, and not in the table');
	return $holder;
}

my $holder;

attach('100 ms');
$holder = leave_one_out();
$node->stop('immediate');
give_up($holder);
$node->start;
all_there('left out, and crashed');

$holder = leave_one_out();
$holder->query_safe('COMMIT');
$holder->quit;
$node->poll_query_until('postgres', "SELECT n = $sum FROM t WHERE id = 1")
  or die 'the row that was left out does not come';
crash();
all_there('left out, flushed with no write in between, and crashed');

$holder = leave_one_out();
$holder->query_safe('ROLLBACK');
$holder->quit;
increment(1);
$node->poll_query_until('postgres', "SELECT sum(n) = 2 * $sum FROM t")
  or die 'the row that was left out does not come';
crash();
all_there('left out, flushed with later writes, and crashed');
attach('1 hour');

# ----- the gate -----

# A prepared transaction outlives the crash and keeps a row locked, so that the
# journal cannot be replayed.
increment(100000);
$node->safe_psql('postgres', q(
	BEGIN;
	SELECT id FROM t WHERE id = 1 FOR UPDATE;
	INSERT INTO idle VALUES (2, 0);
	PREPARE TRANSACTION 'holder';
));
crash();
foreach my $what ("cache.read(NULL::t, 1)", "cache.read(NULL::t, 2)",
	"cache.read_many(NULL::t, ARRAY[1, 2])", "cache.scan(NULL::t)",
	"cache.increment(NULL::t, 'n', 1, 2)", "cache.write(ROW(2, 0, '')::t)", "cache.flush('t')")
{
	my ($ret, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = '300ms'; SELECT $what");

	like($stderr, qr/canceling statement due to statement timeout/, "before the replay: $what waits");
}
Test::More->builder->is_passing or die 'so the rest would wait in vain';
is($node->safe_psql('postgres', "SELECT open FROM cache.flush_status WHERE relation = 't'::regclass"), 'f', 'the gate is shut');
is($node->safe_psql('postgres', "SET statement_timeout = '10min'; SELECT (cache.read(NULL::idle, 1)).n, cache.increment(NULL::idle, 'n', 1, 1)"),
	'0|1', 'another table, of which the journal has nothing, is open');

my $reader = $node->background_psql('postgres');
my $reader_pid = session_pid($reader);
$reader->query_until(qr/started/, "\\echo started\nSELECT 'got ' || (cache.read(NULL::t, 1)).n;\n");
$node->poll_query_until('postgres', qq(
	SELECT state = 'active' AND wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $reader_pid))
  or die 'the reader does not wait';
$node->safe_psql('postgres', "ROLLBACK PREPARED 'holder'");
like($reader->query_until(qr/got \d+/, ''), qr/got $sum\n/, 'the reader goes on, and has all');
$reader->quit;
all_there('after the gate');
is($node->safe_psql('postgres', 'SELECT (cache.read(NULL::idle, 1)).n'), '1', 'the other table, too');

$node->stop;
done_testing();
