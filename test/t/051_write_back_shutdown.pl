
# Deferred writes of volatile tables: a shutdown loses none, a crash may lose
# some, says so, and makes up none.  And workers that are told to go.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../soak";

use Accounting;
use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $rounds = $ENV{SOAK_SHUTDOWNS} || 6;
my $node = new_node('main', 'cache_strategies.memory = 16MB', 'restart_after_crash = on', 'max_connections = 40', 'log_statement = none');
add_extension($node);

my $lost = qr/deferred writes of table "([^"]*)" that had not been flushed may have been lost/;

# The tables of which the log says so from this place on.
sub reported_lost
{
	my ($offset) = @_;
	my %names = map { $_ => 1 } slurp_file($node->logfile, $offset) =~ /$lost/g;

	return join(' ', sort keys %names);
}

sub log_end { return -s $node->logfile }

sub deferred_entries
{
	my ($table) = @_;

	return $node->safe_psql('postgres',
		"SELECT dirty_entries FROM cache.flush_status WHERE relation = '$table'::regclass");
}

sub n_of
{
	my ($table, $id) = @_;

	return $node->safe_psql('postgres', "SELECT n FROM $table WHERE id = $id");
}

sub read_n
{
	my ($table, $id) = @_;

	return $node->safe_psql('postgres', "SELECT (cache.read(NULL::$table, $id)).n");
}

sub wait_for_n
{
	my ($table, $id, $n, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($node->poll_query_until('postgres', "SELECT n = $n FROM $table WHERE id = $id"), $name);
}

# ----- fast shutdowns under load -----

my $start_of_log = log_end();

foreach my $round (1 .. $rounds)
{
	my $interval = $round % 2 ? '1 hour' : '20 ms';
	my $name = "fast shutdown $round, flushed every $interval";
	my $client = Accounting->new('volatile');
	my @sums;

	$client->create_tables($node, "durable => false, flush_interval => '$interval'");
	$client->start($node);
	ok($client->wait_more(500 + int(rand(1000))), "$name: clients write");
	$node->stop('fast');
	$node->start;
	ok($client->wait_more(500 + int(rand(1000))), "$name: they go on after the restart");
	$client->stop;
	cmp_ok(deferred_entries('volatile_counters'), '>', 0, "$name: there are deferred writes")
	  if $interval eq '1 hour';
	$node->stop('fast');
	$node->start;
	@sums = $client->compare($node, $name);
	is("@sums", '0 0', "$name: nothing is lost or doubled");
	@sums = $client->check($node, "$name, flushed");
	is("@sums", '0 0', "$name: nor by a flush");
	$client->drop_tables($node);
}
is(reported_lost($start_of_log), '', 'no fast shutdown is said to have lost something');

# ----- smart shutdown -----

# The session that it waits for may still defer.
$node->safe_psql('postgres', q(
	CREATE TABLE hits (id int PRIMARY KEY, n bigint NOT NULL, v text);
	INSERT INTO hits SELECT i, 0 FROM generate_series(1, 100) i;
	SELECT cache.attach('hits', 'write_back', durable => false, flush_interval => '1 hour', merge => '{"n": "add"}');
	CREATE TABLE safe (LIKE hits INCLUDING ALL);
	INSERT INTO safe SELECT i, 0 FROM generate_series(1, 100) i;
	SELECT cache.attach('safe', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
));
{
	my $session = $node->background_psql('postgres');
	my $pid_file = $node->data_dir . '/postmaster.pid';
	my $err = '';

	$session->query_safe(q(SELECT cache.increment(NULL::hits, 'n', 5, 1)));
	command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'smart', '--no-wait', 'stop' ], 'smart shutdown');
	Accounting::wait_until('no new sessions',
		sub { !defined Accounting::ask($node, 'SELECT 1', \$err) && $err =~ /the database system is shutting down/ });
	is($session->query_safe(q(SELECT cache.increment(NULL::hits, 'n', 6, 1))),
		'11', 'smart shutdown: the session that is there still defers');
	is($session->query_safe(q(SELECT cache.increment(NULL::hits, 'n', 7, 2))), '7', 'smart shutdown: and again');
	$session->quit;
	$node->stop('smart', fail_ok => 1);
	$node->_update_pid(0);
	ok(!-e $pid_file, 'smart shutdown: the server has ended');
	$node->start;
	is(n_of('hits', 1) . ' ' . n_of('hits', 2), '11 7', 'smart shutdown: the table has all');
	is(reported_lost($start_of_log), '', 'smart shutdown: nothing is said to be lost');
}

# ----- crashes -----

sub crash
{
	my ($how) = @_;
	my $pid;

	if ($how eq 'immediate shutdown')
	{
		$node->stop('immediate');
		$node->start;
		return;
	}
	$pid = worker_pid('flush worker');
	Accounting::kill_and_wait($node, $pid);
}

foreach my $how ('immediate shutdown', 'kill -9 of the worker')
{
	my $offset;

	$node->safe_psql('postgres', q(UPDATE hits SET v = ''; UPDATE safe SET v = '';
		SELECT cache.write(ROW(i, 0, 'base')::hits), cache.write(ROW(i, 0, 'base')::safe) FROM generate_series(1, 20) i;
		SELECT cache.increment(NULL::hits, 'n', 1000, 1), cache.increment(NULL::safe, 'n', 1000, 1);
		SELECT cache.flush();
		SELECT cache.increment(NULL::hits, 'n', i, i), cache.increment(NULL::safe, 'n', i, i) FROM generate_series(1, 50) i;
		SELECT cache.write(ROW(i, 7, 'unflushed')::hits), cache.write(ROW(i, 7, 'unflushed')::safe) FROM generate_series(11, 15) i;
	));
	is(deferred_entries('hits') . ' ' . deferred_entries('safe'), '50 50', "$how: deferred before it");
	my $expected = $node->safe_psql('postgres', 'SELECT id, n, v FROM cache.scan(NULL::safe) ORDER BY id');
	my $flushed = $node->safe_psql('postgres', 'SELECT id, n, v FROM hits ORDER BY id');

	$offset = log_end();
	crash($how);
	is(read_n('safe', 1), '1001', "$how: a durable table is read as it was, at once");
	is(read_n('hits', 1), '1000', "$how: a volatile one as it was flushed");
	is(reported_lost($offset), 'public.hits', "$how: the log names the table that may have lost writes, and no other");
	is($node->safe_psql('postgres', 'SELECT id, n, v FROM cache.scan(NULL::hits) ORDER BY id'),
		$flushed, "$how: what was flushed is there, and nothing else");
	$node->safe_psql('postgres', 'SELECT cache.flush()');
	is($node->safe_psql('postgres', 'SELECT id, n, v FROM hits ORDER BY id'), $flushed, "$how: nor does it come later");
	is($node->safe_psql('postgres', 'SELECT id, n, v FROM safe ORDER BY id'), $expected, "$how: a durable table has all");

	# and it works as before
	is($node->safe_psql('postgres', q(SELECT cache.increment(NULL::hits, 'n', 3, 1))), '1003', "$how: it is deferred again");
	is(n_of('hits', 1), '1000', "$how: really");
	$offset = log_end();
	$node->restart;
	is(n_of('hits', 1), '1003', "$how: and a shutdown after that loses nothing");
	is(read_n('hits', 1), '1003', "$how: as a read says");
	is(reported_lost($offset), '', "$how: nor does the log say so");
	# the rows are the same for the next round
	$node->safe_psql('postgres', q(DELETE FROM hits; DELETE FROM safe;
		INSERT INTO hits SELECT i, 0 FROM generate_series(1, 100) i;
		INSERT INTO safe SELECT i, 0 FROM generate_series(1, 100) i;));
}

# Under load: never a value that was not written.
foreach my $round (1 .. 3)
{
	my $interval = $round % 2 ? '20 ms' : '1 hour';
	my $name = "crash $round under load, flushed every $interval";
	my $client = Accounting->new('volatile', exact => 0);
	my $offset = log_end();

	$client->create_tables($node, "durable => false, flush_interval => '$interval'");
	$client->start($node);
	foreach my $how ('immediate shutdown', 'kill -9 of the worker')
	{
		ok($client->wait_more(300 + int(rand(700))), "$name: clients write");
		crash($how);
	}
	ok($client->wait_more(300 + int(rand(700))), "$name: they go on");
	$client->stop;
	is(reported_lost($offset) =~ /public\.volatile_counters public\.volatile_docs/, 1, "$name: the log names the tables");
	$client->check($node, $name);
	$client->drop_tables($node);
}

# ----- workers that are told to go -----

# Workers come back when the launcher does, which takes some seconds.
sub worker_pid
{
	my ($kind) = @_;
	my $workers = "FROM pg_stat_activity WHERE backend_type = 'cache_strategies $kind'";

	$node->poll_query_until('postgres', "SELECT count(*) = 1 $workers");
	return $node->safe_psql('postgres', "SELECT pid $workers");
}

# Without a server that goes down, a new process must come.
sub terminate
{
	my ($kind) = @_;
	my $pid = worker_pid($kind);

	like($pid, qr/^\d+$/, "the $kind is running");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies $kind' AND pid <> $pid"),
		"the $kind comes back when it is terminated");
}

$node->safe_psql('postgres', q(
	SELECT cache.attach('hits', 'write_back', durable => false, flush_interval => '100 ms', merge => '{"n": "add"}');
	SELECT cache.attach('safe', 'write_back', flush_interval => '100 ms', merge => '{"n": "add"}');
	UPDATE hits SET v = 'x', n = 0; UPDATE safe SET v = 'x', n = 0; SELECT cache.flush()));
my $boot = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');
my $offset = log_end();
my %sum = (hits => 0, safe => 0);

sub increment_both
{
	my ($delta) = @_;

	foreach my $table (sort keys %sum)
	{
		$sum{$table} += $delta;
		is($node->safe_psql('postgres', "SELECT cache.increment(NULL::$table, 'n', $delta, 1)"),
			$sum{$table}, "$table is incremented to $sum{$table}");
	}
}

foreach my $kind ('flush worker', 'launcher')
{
	increment_both(1);
	terminate($kind);
	increment_both(10);
	wait_for_n($_, 1, $sum{$_}, "$kind terminated: $_ is flushed after that") foreach sort keys %sum;
}

# While it waits for a row that a session has locked.
{
	my $session = $node->background_psql('postgres');

	$session->query_safe("BEGIN; SELECT 1 FROM $_ WHERE id = 1 FOR UPDATE") foreach 'hits';
	$session->query_safe('SELECT 1 FROM safe WHERE id = 1 FOR UPDATE');
	increment_both(100);
	$node->poll_query_until('postgres', q(SELECT count(*) > 0 FROM pg_stat_activity
		WHERE backend_type = 'cache_strategies flush worker' AND wait_event_type = 'Lock'))
	  or die 'the worker does not wait for the row';
	terminate('flush worker');
	increment_both(1000);
	is(n_of($_, 1), $sum{$_} - 1100, "$_: a locked row is not flushed") foreach sort keys %sum;
	is(read_n($_, 1), $sum{$_}, "$_: but read as it will be") foreach sort keys %sum;
	$session->query_safe('COMMIT');
	$session->quit;
	wait_for_n($_, 1, $sum{$_}, "$_ is flushed when the row is free") foreach sort keys %sum;
}

# Both at once, again and again, under load.
{
	my $client = Accounting->new('terminated', writers => 4);
	my $volatile = Accounting->new('terminated_volatile', writers => 4);
	my @all = ($client, $volatile);
	my @sums;

	$client->create_tables($node, "flush_interval => '20 ms'");
	$volatile->create_tables($node, "durable => false, flush_interval => '20 ms'");
	$_->start($node) foreach @all;
	foreach my $round (1 .. 4)
	{
		ok($_->wait_more(200), "round $round: $_->{prefix} gets on") foreach @all;
		terminate('flush worker');
		terminate('launcher') if $round == 2;
	}
	$_->stop foreach @all;
	@sums = map { $_->check($node, 'workers terminated under load') } @all;
	is("@sums", '0 0 0 0', 'workers terminated under load: nothing is lost or doubled');
}
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $boot, 'all that without a crash');
is(reported_lost($offset), '', 'and nothing is said to be lost');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC:|TRAP:|terminated by signal (?!9:)/, 'nothing crashed by itself');
done_testing();
