
# Of all who ask for a remembered result that is not there, one runs the query and
# the others wait for it, as long as it takes.  Whatever becomes of the one, the
# others get their result; and an error of one of them concerns no other.
#
# The queries count their runs with a sequence, and wait at a gate, which the test
# opens when all sessions are where they should be.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'max_connections = 150', 'max_prepared_transactions = 2');

add_extension($node);
$node->safe_psql(
	'postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, v int);
	INSERT INTO t VALUES (1, 1), (2, 2);
	SELECT cache.track('t');
	CREATE SEQUENCE runs MINVALUE 0;
	-- the last run that may pass: it shows in a snapshot that is older, too
	CREATE SEQUENCE gate MINVALUE 0;
	SELECT setval('runs', 0), setval('gate', 0);
	-- Not a lock that one waits for: no session follows a leader that does.
	CREATE FUNCTION pass_gate(run bigint) RETURNS bigint LANGUAGE plpgsql STABLE
	SET application_name = 'at the gate' AS $$
	BEGIN
		WHILE run > (SELECT last_value FROM public.gate) LOOP
			PERFORM pg_sleep(0.02);
		END LOOP;
		RETURN run;
	END $$;
	CREATE FUNCTION slow() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		PERFORM pass_gate(nextval('runs'));
		RETURN (SELECT sum(v) FROM t);
	END $$;
	-- fails up to this run
	CREATE FUNCTION failing(run bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		IF pass_gate(nextval('runs')) <= run THEN
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
	return $node->safe_psql('postgres', 'SELECT last_value FROM runs');
}

sub runs
{
	my $now = all_runs();
	my $n = $now - $before;

	$before = $now;
	return $n;
}

# Sessions at the gate go on; later ones wait.
sub close_gate
{
	$node->safe_psql('postgres', q(SELECT setval('gate', last_value) FROM runs));
}

sub open_gate
{
	$node->safe_psql('postgres', q(SELECT setval('gate', 1000000)));
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

# Where a session is, in terms of pg_stat_activity.
my $at_gate = q((state = 'active' AND application_name = 'at the gate'));
my $following = q((state = 'active' AND wait_event_type = 'Extension'));

# What is asked of these sessions, as a query.
sub among
{
	my ($question, @askers) = @_;
	my $pids = join(',', map { $_->{pid} } @askers);

	return "SELECT $question FROM pg_stat_activity WHERE pid IN ($pids)";
}

sub wait_at_gate
{
	my (@askers) = @_;

	$node->poll_query_until('postgres', among("count(*) FILTER (WHERE $at_gate) = @{[scalar @askers]}", @askers))
	  or die 'the sessions do not come to the gate';
}

sub wait_following
{
	my (@askers) = @_;

	$node->poll_query_until('postgres', among("count(*) FILTER (WHERE $following) = @{[scalar @askers]}", @askers))
	  or die 'the sessions do not wait for a flight';
}

# The leader waits at the gate, and the followers for the flight.
sub start_flight
{
	my ($n, $query) = @_;
	my $leader;
	my @followers;

	close_gate();
	$leader = start($query);
	wait_at_gate($leader);
	@followers = map { start($query) } (1 .. $n);
	wait_following(@followers);
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

# One of those waiting has taken over, and the others wait for it.
sub wait_new_leader
{
	my (@askers) = @_;

	$node->poll_query_until('postgres',
		among("count(*) FILTER (WHERE $at_gate) = 1 AND count(*) FILTER (WHERE $following) = $#askers", @askers))
	  or die 'no reader takes over';
}

# ----- a hundred at once -----

my $script = $node->basedir . '/hundred.sql';

append_to_file($script,
	q(SELECT 1 / (look('hundred', 'SELECT slow() AS s') = '3')::int;) . "\n");
{
	my $output;
	my $hundred = IPC::Run::start(
		[ 'pgbench', '-n', '-c', '100', '-j', '2', '-t', '1', '-f', $script, $node->connstr('postgres') ],
		'<', \'', '&>', \$output);
	my $clients = q(FROM pg_stat_activity WHERE backend_type = 'client backend');
	my $leaders;

	# without flights they are all at the gate
	$node->poll_query_until('postgres', "SELECT count(*) = 100 $clients AND ($at_gate OR $following)")
	  or die 'the hundred sessions do not wait';
	$leaders = $node->safe_psql('postgres', "SELECT count(*) $clients AND $at_gate");
	open_gate();
	ok($hundred->finish, 'a hundred sessions ask for the same result') or diag($output);
	is($leaders, '1', 'one of them runs the query, and the others wait');
}
is(runs(), '1', 'the query was run once')
  or BAIL_OUT('there are no flights, and what follows would wait for them');
$node->command_ok([ 'pgbench', '-n', '-c', '100', '-j', '2', '-t', '3', '-f', $script, 'postgres' ],
	'and again');
is(runs(), '0', 'it was kept');

# In the grace period one of them runs it, and none waits.
$node->safe_psql('postgres', q(SELECT look('grace', 'SELECT slow() AS s', ttl => '1 ms', grace => '1 hour'), pg_sleep(0.01)));
runs();
append_to_file($script . '2',
	q(SELECT 1 / (look('grace', 'SELECT slow() AS s', ttl => '1 hour', grace => '1 hour') = '3')::int;) . "\n");
$node->command_ok([ 'pgbench', '-n', '-c', '50', '-j', '2', '-t', '2', '-f', $script . '2', 'postgres' ],
	'fifty sessions ask in the grace period');
is(runs(), '1', 'it was run once more');

# Another key, another query, another role are flights of their own.
{
	my @askers;

	close_gate();
	@askers = (
		start(q(look('k1', 'SELECT slow() AS s'))), start(q(look('k2', 'SELECT slow() AS s'))),
		start(q(look('k1', 'SELECT slow() + 0 AS s'))));
	wait_at_gate(@askers);
	open_gate();
	is(join(' ', map { answer($_) } @askers), '3 3 3', 'different ones do not wait for each other');
	is(runs(), '3', 'each was run');
}

# ----- what becomes of a follower -----

{
	my ($leader, @followers) = start_flight(4, q(look('followers', 'SELECT slow() AS s')));
	my $timed = start(q(look('followers', 'SELECT slow() AS s')), "statement_timeout = '100ms'");

	is(answer($timed), 'canceling statement due to statement timeout', 'statement_timeout of a follower');
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($followers[0]{pid})");
	is(answer($followers[0]), 'canceling statement due to user request', 'a cancelled follower');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($followers[1]{pid})");
	gone($followers[1]);
	wait_following(@followers[ 2, 3 ]);
	open_gate();
	is(join(' ', map { answer($_) } $leader, @followers[ 2, 3 ]), '3 3 3', 'the others have the result');
	is(runs(), '1', 'of one run');
}

# ----- what becomes of the leader -----

foreach my $how ([ 'cancel', 'cancelled' ], [ 'terminate', 'terminated' ])
{
	my $key = $how->[0];
	my $query = "look('$key', 'SELECT slow() AS s')";
	my ($leader, @followers) = start_flight(5, $query);

	$node->safe_psql('postgres', "SELECT pg_${key}_backend($leader->{pid})");
	if ($key eq 'cancel')
	{
		is(answer($leader), 'canceling statement due to user request', 'a cancelled leader');
	}
	else
	{
		gone($leader);
	}
	wait_new_leader(@followers);
	open_gate();
	is(join(' ', map { answer($_) } @followers), '3 3 3 3 3', "$how->[1]: another takes over, for all");
	is(runs(), '2', "$how->[1]: it was begun twice");
}

# Its error is its own.
{
	my ($leader, @followers) = start_flight(5, "look('error', '" . failing_once() . "')");

	open_gate();
	is(answer($leader), 'it failed', 'the leader has an error');
	is(join(' ', map { answer($_) } @followers), '3 3 3 3 3', 'the others do not');
	is(runs(), '2', 'as one of them has tried again');
}
{
	my ($leader, @followers) = start_flight(3, "look('errors', '" . failing() . "')");

	open_gate();
	is(join(', ', map { answer($_) } $leader, @followers), join(', ', ('it failed') x 4), 'all have an error');
	is(runs(), '4', 'as each has tried for itself');
}

# In a transaction of its own, or with savepoints: it is not the transaction that
# holds the flight.
{
	my $session = $node->background_psql('postgres', on_error_stop => 0);

	$session->query_safe(q(BEGIN; SELECT look('in a transaction', 'SELECT slow() AS s')));
	is($node->safe_psql('postgres', q(SELECT look('in a transaction', 'SELECT slow() AS s'))), '3',
		'a result is there before the transaction that computed it has ended');
	is(runs(), '1', 'of one run');
	{
		my $query = "SELECT look('failed', '" . failing_once() . "')";
		my $limit = "SET statement_timeout = '${PostgreSQL::Test::Utils::timeout_default}s'";

		$session->query("SAVEPOINT s; $query");
		$session->query('ROLLBACK TO s');
		is($node->safe_psql('postgres', "$limit; $query"), '3',
			'no reader waits for one that failed in a subtransaction');
	}
	$session->quit;
	runs();
}

# ----- results that are not kept -----

# Too large for its space: after two have had their turn, the rest do not queue.
{
	my ($first, @others);
	my $many = 'f';

	$node->safe_psql('postgres', q(SELECT cache.create_space('tight', max_memory => '1kB')));
	($first, @others) = start_flight(7, q(look('tight', 'SELECT slow() AS s, repeat(''x'', 5000)', 'tight')));
	close_gate();
	wait_new_leader(@others);
	# All six, or a few less: sessions that wake up so late that they have missed the second
	# turn wait once more, and so there may be one more turn for them.  In a queue
	# there is one at the gate, turn after turn.
	foreach my $turn (1 .. 4)
	{
		my $end = time + 20;

		close_gate();
		$many = $node->safe_psql('postgres', among("count(*) FILTER (WHERE $at_gate) > 2", @others))
		  until $many eq 't' || time > $end;
		last if $many eq 't';
	}
	is($many, 't', 'after two turns the rest run it at the same time, and not one after the other');
	open_gate();
	is(join(' ', map { answer($_) } $first, @others), join(' ', ('3') x 8), 'all have their result');
	is(runs(), '8', 'each by a run of its own');
}

# The table changes while it is computed.
{
	my ($leader, @followers) = start_flight(3, q(look('changed', 'SELECT slow() AS s')));

	$node->safe_psql('postgres', 'UPDATE t SET v = v + 100 WHERE id = 1');
	open_gate();
	is(join(' ', map { answer($_) } $leader, @followers), '3 3 3 3',
		'a change: all have the result as of when they asked');
	is($node->safe_psql('postgres', q(SELECT look('changed', 'SELECT slow() AS s'))), '103', 'who asks now has the new one');
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
		PERFORM public.pass_gate(nextval('public.runs'));
		-- not in the session that the query below runs in, which would not end
		IF current_setting('test.asks', true) = 'yes' THEN
			answer.v = cache.remember('crossed', '1 hour', 'SELECT public.crossed() AS s', reads => '{public.t}') -> 0 ->> 's';
		END IF;
		RETURN answer;
	END $$;
	CREATE FUNCTION crossed() RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		PERFORM public.pass_gate(nextval('public.runs'));
		IF current_setting('test.asks', true) = 'yes' THEN
			RETURN -1;
		END IF;
		PERFORM cache.read(NULL::public.loaded, 1);
		RETURN (SELECT sum(v) FROM public.t);
	END $$;
));
$node->safe_psql('postgres', q(SELECT cache.attach('loaded', 'read_through', loader => 'loader')));
{
	my ($asks, $reads);

	close_gate();
	$asks = start(q((cache.read(NULL::loaded, 1)).v), "test.asks = 'yes'");
	$reads = start(q((cache.remember('crossed', '1 hour', 'SELECT public.crossed() AS s', reads => '{public.t}') -> 0 ->> 's')));
	wait_at_gate($asks, $reads);
	# each leads one flight; now each does what the other does
	runs();
	close_gate();
	$node->poll_query_until('postgres', "SELECT last_value = $before + 2 FROM runs")
	  or die 'the sessions wait for each other';
	open_gate();
	is(answer($asks), '-1', 'who loads a row does not wait for the result of another');
	is(answer($reads), '3', 'nor the other for the row');
}

$node->stop;
done_testing();
