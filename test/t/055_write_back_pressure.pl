
# Deferred writes and too little memory: who defers more than there is room for
# waits for the flusher, can be cancelled meanwhile, and goes on when there is
# room again; nothing that was deferred is evicted or lost.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROWS => 20000;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

# Nothing is flushed unless it must be.
my $node = new_node('main', 'cache_strategies.memory = 2MB', 'log_min_messages = info');
my @tables = qw(durable volatile);

add_extension($node);
foreach my $table (@tables, 'another')
{
	my $durable = $table eq 'volatile' ? 'false' : 'true';

	$node->safe_psql('postgres', qq(
		CREATE TABLE $table (id int PRIMARY KEY, n int NOT NULL, s text, resets int);
		INSERT INTO $table SELECT i, 0, '', 0 FROM generate_series(1, @{[ROWS]}) i;
		SELECT cache.attach('$table', 'write_back', durable => $durable, flush_interval => '1 hour',
			flush_batch => 100000000, merge => '{"n": "add", "s": "replace"}');));
}

# A statement that takes more than 64 locks takes one for all; each row is a
# transaction of its own here.
sub increments
{
	my ($table, $first, $last) = @_;

	return join('', map { "SELECT cache.increment(NULL::$table, 'n', 1, $_);\n" } $first .. $last);
}

# A client that does so in the background.
sub start_writer
{
	my ($table, $first, $last) = @_;
	my $name = "$table $first";
	my $file = "$PostgreSQL::Test::Utils::tmp_check/writer $name";
	my $writer = { name => $name, text => '' };

	append_to_file($file, increments($table, $first, $last));
	$writer->{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-f', $file,
			'-d', $node->connstr('postgres') . " application_name='$name'" ],
		'<', '/dev/null', '>', '/dev/null', '2>', \$writer->{text});
	return $writer;
}

sub writer_pid
{
	my ($writer) = @_;
	my $query = "FROM pg_stat_activity WHERE application_name = '$writer->{name}'";

	$node->poll_query_until('postgres', "SELECT count(*) = 1 $query") or die 'the writer does not start';
	return $node->safe_psql('postgres', "SELECT pid $query");
}

sub all_done
{
	my ($writer, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$writer->{run}->finish;
	is($writer->{text}, '', $name);
	unlink "$PostgreSQL::Test::Utils::tmp_check/writer $writer->{name}";
}

sub status
{
	my ($table, $column) = @_;

	return $node->safe_psql('postgres', "SELECT $column FROM cache.flush_status WHERE relation = '$table'::regclass");
}

# A session that holds the table, so that no other can flush it.
sub hold
{
	my ($table) = @_;
	my $session = $node->background_psql('postgres');

	$session->query_safe("BEGIN; LOCK TABLE $table IN SHARE ROW EXCLUSIVE MODE");
	return $session;
}

# One that keeps away the flusher and no other session: it is flushing, and has not
# ended.
sub keep_flusher_away
{
	my ($table) = @_;
	my $session = $node->background_psql('postgres');

	$session->query_safe("BEGIN; SELECT cache.flush('$table')");
	return $session;
}

# Until it waits for room.
sub wait_waiting
{
	my ($table, $pid, $waits) = @_;

	$node->poll_query_until('postgres', qq(
		SELECT waits > $waits AND (SELECT wait_event_type = 'Extension' AND state = 'active'
			FROM pg_stat_activity WHERE pid = $pid)
		FROM cache.flush_status WHERE relation = '$table'::regclass))
	  or die "session $pid does not wait for room";
}

# All rows have been incremented once up to this one: read, and in the table
# after a flush.
sub all_there
{
	my ($table, $last, $name) = @_;
	my $sum = "SELECT count(*), count(*) FILTER (WHERE n = 1 AND id <= $last), sum(n) FROM";

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', "$sum cache.scan(NULL::$table)"),
		join('|', ROWS, $last, $last), "$name: read");
	$node->safe_psql('postgres', "SELECT cache.flush('$table')");
	is($node->safe_psql('postgres', "$sum $table"), join('|', ROWS, $last, $last), "$name: in the table");
	is(status($table, 'dirty_entries'), '0', "$name: nothing is left");
}

# The column without a rule has it go to the table at once.
sub reset_table
{
	my ($table) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', "SELECT cache.flush('$table')");
	$node->safe_psql('postgres', "UPDATE $table SET n = 0, s = '', resets = resets + 1");
	is($node->safe_psql('postgres', "SELECT count(*) FROM $table WHERE n = 0"), ROWS, "$table: reset");
}

foreach my $table (@tables)
{
	my ($holder, $writer, $pid, $waits, $deferred, $text, $other);

	# ----- clean entries make room, deferred ones stay -----

	$node->safe_psql('postgres', increments($table, 1, 1000));
	is(status($table, 'dirty_entries'), '1000', "$table: deferred");
	$node->safe_psql('postgres', "SELECT count(cache.read(NULL::another, i)) FROM generate_series(1, @{[ROWS]}) i") foreach 1 .. 2;
	cmp_ok($node->safe_psql('postgres', 'SELECT evictions FROM cache.stats'), '>', 1000, "$table: much was evicted");
	is(status($table, 'dirty_entries'), '1000', "$table: but nothing deferred");
	all_there($table, 1000, "$table, evictions");
	Test::More->builder->is_passing or die 'so the rest would wait in vain';
	reset_table($table);

	# ----- more than there is room for, and a flusher -----

	$waits = status($table, 'waits');
	$node->safe_psql('postgres', increments($table, 1, ROWS));
	all_there($table, ROWS, "$table, more than fits");
	cmp_ok(status($table, 'flushes'), '>', 1, "$table: it was flushed in between");
	reset_table($table);

	# ----- without one -----

	$waits = status($table, 'waits');
	$holder = keep_flusher_away($table);
	$writer = start_writer($table, 1, ROWS);
	$pid = writer_pid($writer);
	wait_waiting($table, $pid, $waits);
	$deferred = status($table, 'dirty_entries');
	cmp_ok($deferred, '>', 100, "$table: $deferred rows were deferred before the writer had to wait");
	cmp_ok($deferred, '<', ROWS, "$table: and not all");

	# others in the same plight can be cancelled
	my ($ret, $stdout, $stderr) = $node->psql('postgres',
		"SET statement_timeout = '200ms'; SELECT cache.increment(NULL::$table, 'n', 100, " . ROWS . ")");
	like($stderr, qr/canceling statement due to statement timeout/, "$table: statement_timeout ends the wait");
	$other = $node->background_psql('postgres', on_error_stop => 0);
	my $other_pid = session_pid($other);
	$waits = status($table, 'waits');
	$other->query_until(qr/started/, "\\echo started\nSELECT cache.increment(NULL::$table, 'n', 100, 1);\n");
	wait_waiting($table, $other_pid, $waits);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($other_pid)");
	$text = $other->query_until(qr/ended/, "\\echo got :LAST_ERROR_MESSAGE\n\\echo ended\n");
	like($text, qr/got canceling statement due to user request/, "$table: and so does pg_cancel_backend()");
	$other->quit;

	# another table has its own share; so has who only reads
	is($node->safe_psql('postgres', "SET statement_timeout = '10min';" . increments('another', 1, 100)),
		join("\n", (1) x 100), "$table: another table is not in the same plight");
	is($node->safe_psql('postgres', "SELECT n FROM cache.read(NULL::$table, 1)"), '1', "$table: reads go on");
	is($node->safe_psql('postgres', "SELECT count(*) FROM $table WHERE n <> 0"), '0', "$table: nothing of it is in the table");

	# and on it goes
	$holder->query_safe('COMMIT');
	$holder->quit;
	all_done($writer, "$table: the writer goes on");
	all_there($table, ROWS, "$table, after waiting");
	is($node->safe_psql('postgres', 'SELECT sum(n), cache.flush(NULL) >= 0 FROM cache.scan(NULL::another)'), '100|t', "$table: another table has what it deferred");
	is($node->safe_psql('postgres', 'SELECT count(*) FILTER (WHERE n = 1), sum(n) FROM another'), '100|100', "$table: and in the table");
	reset_table('another');
	reset_table($table);

	# ----- one who holds the table himself -----

	$holder = hold($table);
	$writer = start_writer($table, 1, 10);
	$pid = writer_pid($writer);
	$node->poll_query_until('postgres', "SELECT cardinality(pg_blocking_pids($pid)) = 1")
	  or die 'the writer does not wait for the lock';
	is($node->safe_psql('postgres', "SET statement_timeout = '10min';" . increments('another', 1, 100)),
		join("\n", (1) x 100), "$table locked: another table");
	$holder->query_safe('COMMIT');
	$holder->quit;
	all_done($writer, "$table locked: the writer goes on");
	all_there($table, 10, "$table, after it was locked");
	reset_table($table);
	$node->safe_psql('postgres', "SELECT cache.flush('another')");
	reset_table('another');

	# ----- far too much in one transaction -----

	$node->safe_psql('postgres', increments($table, 1, 500));
	($ret, $stdout, $stderr) = $node->psql('postgres',
		"UPDATE $table SET s = repeat('x', 1000)");
	like($stderr, qr/ERROR:  the store has no room for the deferred writes of table "$table"/, "$table: one transaction cannot defer it all");
	like($stderr, qr/HINT:  Defer less in one transaction, or increase cache_strategies.memory/, "$table: and is told what to do");
	is($node->safe_psql('postgres', "SELECT count(*) FROM cache.scan(NULL::$table) WHERE s <> ''"), '0', "$table: nothing of it is left");
	all_there($table, 500, "$table, after too much");
	reset_table($table);
	# a value that is larger than any that can be kept goes to the table at once
	$node->safe_psql('postgres',
		"UPDATE $table SET s = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 100000) i) WHERE id = 1");
	is($node->safe_psql('postgres', "SELECT length(s), length((cache.read(NULL::$table, 1)).s) FROM $table WHERE id = 1"),
		'3200000|3200000', "$table: a value that is too large");

	# ----- many who defer more than fits, side by side -----

	my @writers = map { start_writer($table, $_ * ROWS / 4 + 1, ($_ + 1) * ROWS / 4) } 0 .. 3;

	all_done($_, "$table: a writer beside others") foreach @writers;
	all_there($table, ROWS, "$table, four writers");
	reset_table($table);
}

$node->stop;
done_testing();
