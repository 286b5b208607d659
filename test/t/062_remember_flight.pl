
# Of all who ask for a remembered result that is not there, one runs the query and
# the others wait for it, as long as it takes.  Whatever becomes of the one, the
# others get their result; and what becomes of one of them is nobody else's
# business.
#
# The queries count their runs with a sequence.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = new_node('main', 'max_connections = 150', 'max_prepared_transactions = 2');

add_extension($node);
$node->safe_psql(
	'postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, v int);
	INSERT INTO t VALUES (1, 1), (2, 2);
	SELECT cache.track('t');
	CREATE SEQUENCE runs;
	CREATE FUNCTION slow(seconds float8, key text = '') RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		PERFORM nextval('runs');
		PERFORM pg_sleep(seconds);
		RETURN (SELECT sum(v) FROM t);
	END $$;
	-- fails up to this run
	CREATE FUNCTION failing(run bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		PERFORM pg_sleep(1);
		IF nextval('runs') <= run THEN
			RAISE EXCEPTION 'it failed';
		END IF;
		RETURN (SELECT sum(v) FROM t);
	END $$;
	CREATE FUNCTION look(key text, query text, space text = NULL, grace interval = NULL, ttl interval = '1 hour') RETURNS text LANGUAGE sql AS $$
		SELECT cache.remember(key, ttl, query, reads => '{t}', beta => 0, space => space, grace => grace) -> 0 ->> 's'
	$$;
));

# How often a query has been run; and how often since the last time.
my $before = 0;

sub all_runs
{
	return $node->safe_psql('postgres', 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM runs');
}

sub runs
{
	my $now = all_runs();
	my $n = $now - $before;

	$before = $now;
	return $n;
}

# A query that fails when it is run for the first time, or always.
sub failing_once { return 'SELECT failing(' . (all_runs() + 1) . ') AS s'; }
sub failing { return 'SELECT failing(1000000) AS s'; }

# A session that asks at once.
sub start
{
	my ($query, @settings) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $asker = { session => $session, pid => session_pid($session) };
	my $set = join('', map { "SET $_;\n" } @settings);

	$asker->{text} = $session->query_until(qr/started/,
		"$set\\echo started\nSELECT 'got ' || $query;\n");
	return $asker;
}

sub answer
{
	my ($asker) = @_;
	my $text = $asker->{text} . $asker->{session}->query_until(qr/ended/,
		"\\if :ERROR\n\\echo got :LAST_ERROR_MESSAGE\n\\endif\n\\echo ended\n");

	$asker->{session}->quit;
	return $text =~ /^got (.*)$/m ? $1 : $text;
}

sub wait_event
{
	my ($type, @askers) = @_;
	my $pids = join(',', map { $_->{pid} } @askers);

	$node->poll_query_until('postgres', qq(
		SELECT count(*) = @{[scalar @askers]} FROM pg_stat_activity
		WHERE pid IN ($pids) AND state = 'active' AND wait_event_type = '$type'))
	  or die "the sessions do not wait for $type";
}

# The leader sleeps in the query, and then the followers on the flight.
sub start_flight
{
	my ($n, $query) = @_;
	my $leader = start($query);
	my @followers;

	wait_event('Timeout', $leader);
	@followers = map { start($query) } (1 .. $n);
	wait_event('Extension', @followers);
	return ($leader, @followers);
}

sub gone
{
	my ($asker) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $asker->{pid}")
	  or die 'the session did not end';
	eval { $asker->{session}->quit };
}

# Of those waiting, the one that has taken over.
sub new_leader
{
	my (@askers) = @_;
	my $pids = join(',', map { $_->{pid} } @askers);
	my $pid;

	$node->poll_query_until('postgres', qq(
		SELECT count(*) = 1 FROM pg_stat_activity WHERE pid IN ($pids) AND wait_event_type = 'Timeout'))
	  or die 'nobody takes over';
	$pid = $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE pid IN ($pids) AND wait_event_type = 'Timeout'");
	return grep { $_->{pid} == $pid } @askers;
}

# ----- a hundred at once -----

my $script = $node->basedir . '/hundred.sql';

append_to_file($script,
	q(SELECT 1 / (look('hundred', 'SELECT slow(2) AS s') = '3')::int;) . "\n");
$node->command_ok([ 'pgbench', '-n', '-c', '100', '-j', '2', '-t', '1', '-f', $script, 'postgres' ],
	'a hundred sessions ask for the same result');
is(runs(), '1', 'the query was run once')
  or BAIL_OUT('there are no flights, and what follows would wait for them');
$node->command_ok([ 'pgbench', '-n', '-c', '100', '-j', '2', '-t', '3', '-f', $script, 'postgres' ],
	'and again');
is(runs(), '0', 'it was kept');

# In the grace period one of them runs it, and nobody waits.
$node->safe_psql('postgres', q(SELECT look('grace', 'SELECT slow(0) AS s', ttl => '1 ms', grace => '1 hour')));
runs();
append_to_file($script . '2',
	q(SELECT 1 / (look('grace', 'SELECT slow(0) AS s', ttl => '1 hour', grace => '1 hour') = '3')::int;) . "\n");
$node->command_ok([ 'pgbench', '-n', '-c', '50', '-j', '2', '-t', '2', '-f', $script . '2', 'postgres' ],
	'fifty sessions ask in the grace period');
is(runs(), '1', 'it was run once more');

# Another key, another query, another role are flights of their own.
{
	my @askers = (
		start(q(look('k1', 'SELECT slow(1) AS s'))), start(q(look('k2', 'SELECT slow(1) AS s'))),
		start(q(look('k1', 'SELECT slow(1.0) AS s'))));

	wait_event('Timeout', @askers);
	is(join(' ', map { answer($_) } @askers), '3 3 3', 'different ones do not wait for each other');
	is(runs(), '3', 'each was run');
}

# ----- what becomes of a follower -----

{
	my ($leader, @followers) = start_flight(4, q(look('followers', 'SELECT slow(4) AS s')));
	my $timed = start(q(look('followers', 'SELECT slow(4) AS s')), "statement_timeout = '100ms'");

	is(answer($timed), 'canceling statement due to statement timeout', 'statement_timeout of a follower');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($followers[0]{pid})");
	is(answer($followers[0]), 'canceling statement due to user request', 'a cancelled follower');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($followers[1]{pid})");
	gone($followers[1]);
	wait_event('Extension', @followers[ 2, 3 ]);
	is(join(' ', map { answer($_) } $leader, @followers[ 2, 3 ]), '3 3 3', 'the others have the result');
	is(runs(), '1', 'of one run');
}

# ----- what becomes of the leader -----

foreach my $how ([ 'cancel', 'cancelled' ], [ 'terminate', 'terminated' ])
{
	my $key = $how->[0];
	my $query = "look('$key', 'SELECT slow(3) AS s')";
	my ($leader, @followers) = start_flight(5, $query);
	my $second;

	$node->safe_psql('postgres', "SELECT pg_${key}_backend($leader->{pid})");
	if ($key eq 'cancel')
	{
		is(answer($leader), 'canceling statement due to user request', 'a cancelled leader');
	}
	else
	{
		gone($leader);
	}
	($second) = new_leader(@followers);
	wait_event('Extension', grep { $_ != $second } @followers);
	is(join(' ', map { answer($_) } @followers), '3 3 3 3 3', "$how->[1]: another takes over, for all");
	is(runs(), '2', "$how->[1]: it was begun twice");
}

# Its error is its own.
{
	my ($leader, @followers) = start_flight(5, "look('error', '" . failing_once() . "')");

	is(answer($leader), 'it failed', 'the leader has an error');
	is(join(' ', map { answer($_) } @followers), '3 3 3 3 3', 'the others do not');
	is(runs(), '2', 'as one of them has tried again');
}
{
	my ($leader, @followers) = start_flight(3, "look('errors', '" . failing() . "')");

	is(join(', ', map { answer($_) } $leader, @followers), join(', ', ('it failed') x 4), 'all have an error');
	is(runs(), '4', 'as each has tried for itself');
}

# In a transaction of its own, or with savepoints: it is not the transaction that
# holds the flight.
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_safe(q(BEGIN; SELECT look('in a transaction', 'SELECT slow(0) AS s')));
	is($node->safe_psql('postgres', q(SELECT look('in a transaction', 'SELECT slow(0) AS s'))), '3',
		'a result is there before the transaction that computed it has ended');
	is(runs(), '1', 'of one run');
	{
		my $query = "SELECT look('failed', '" . failing_once() . "')";

		$session->query("SAVEPOINT s; $query");
		$session->query('ROLLBACK TO s');
		is($node->safe_psql('postgres', "SET statement_timeout = '10s'; $query"), '3',
			'nobody waits for one that failed in a subtransaction');
	}
	$session->quit;
	runs();
}

# ----- results that are not kept -----

# Too large for its space: after two have had their turn, the rest do not queue.
{
	my $begin = time;
	my @askers;

	$node->safe_psql('postgres', q(SELECT cache.create_space('tight', max_memory => '1kB')));
	@askers = start_flight(7, q(look('tight', 'SELECT slow(2) AS s, repeat(''x'', 5000)', 'tight')));
	is(join(' ', map { answer($_) } @askers), join(' ', ('3') x 8), 'all have their result');
	is(runs(), '8', 'each by a run of its own');
	cmp_ok(time - $begin, '<', 14, 'and not one after the other');
}

# The table changes while it is computed.
{
	my ($leader, @followers) = start_flight(3, q(look('changed', 'SELECT slow(3) AS s')));

	$node->safe_psql('postgres', 'UPDATE t SET v = v + 100 WHERE id = 1');
	is(join(' ', map { answer($_) } $leader, @followers), '3 3 3 3',
		'a change: all have the result as of when they asked');
	is($node->safe_psql('postgres', q(SELECT look('changed', 'SELECT slow(3) AS s'))), '103', 'who asks now has the new one');
	is(runs(), '5', 'nothing of before was kept');
	$node->safe_psql('postgres', 'UPDATE t SET v = v - 100 WHERE id = 1');
}

# ----- in other flights -----

# Loading a row asks for a result, and computing the result reads the row: who
# leads one flight does not wait for another.
$node->safe_psql(
	'postgres', q(
	CREATE TABLE loaded (id int PRIMARY KEY, v text);
	INSERT INTO loaded VALUES (1, 'one');
	CREATE FUNCTION loader(id int) RETURNS loaded LANGUAGE plpgsql STABLE AS $$
	DECLARE
		answer public.loaded = ROW(id, 'loaded');
	BEGIN
		PERFORM pg_sleep(2);
		-- not in the session that the query below runs in, which would not end
		IF current_setting('test.asks', true) = 'yes' THEN
			answer.v = cache.remember('crossed', '1 hour', 'SELECT public.crossed() AS s', reads => '{public.t}') -> 0 ->> 's';
		END IF;
		RETURN answer;
	END $$;
	CREATE FUNCTION crossed() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		PERFORM pg_sleep(2);
		IF current_setting('test.asks', true) = 'yes' THEN
			RETURN -1;
		END IF;
		PERFORM cache.read(NULL::public.loaded, 1);
		RETURN (SELECT sum(v) FROM public.t);
	END $$;
));
$node->safe_psql('postgres', q(SELECT cache.attach('loaded', 'read_through', loader => 'loader')));
{
	my $asks = start(q((cache.read(NULL::loaded, 1)).v), "statement_timeout = '60s'", "test.asks = 'yes'");
	my $reads = start(q((cache.remember('crossed', '1 hour', 'SELECT public.crossed() AS s', reads => '{public.t}') -> 0 ->> 's')),
		"statement_timeout = '60s'");

	is(answer($asks), '-1', 'who loads a row does not wait for the result of another');
	is(answer($reads), '3', 'nor the other for the row');
}

$node->stop;
done_testing();
