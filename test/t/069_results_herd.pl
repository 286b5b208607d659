
# Of the sessions that want a result that has fallen one computes it, and the
# others wait for it, if that has paid.  What computing and waiting take is said,
# not measured.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.results = auto', 'cache_strategies.results_min_cost = 0',
	'cache_strategies.results_adapt = on', 'cache_strategies.test_run = 100000000', 'cache_strategies.test_hit = 0');
my $statement = "SELECT 'got ' || computed(sum(v)) FROM t";

add_extension($node);
$node->safe_psql(
	'postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, v int);
	INSERT INTO t VALUES (1, 1), (2, 2);
	CREATE TABLE other (id int);
	SELECT cache.track('t');
	-- Goes on when the gate is open, without waiting for a lock; or waits for one.
	CREATE FUNCTION computed(bigint) RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		WHILE current_setting('test.gate', true) = 'yes' AND NOT pg_try_advisory_lock_shared(7) LOOP
			PERFORM pg_sleep(0.002);
		END LOOP;
		IF current_setting('test.gate', true) = 'lock' THEN
			PERFORM pg_advisory_lock_shared(7);
		END IF;
		PERFORM pg_advisory_unlock_all();
		RETURN $1;
	END $$;));

my $sum = 3;
my $gate = $node->background_psql('postgres');

# How often the statement was run, and waited for.
sub counts
{
	return $node->safe_psql('postgres', q(
		SELECT misses, kept, waits, waits_in_vain FROM cache.result_stats WHERE query LIKE '%computed(sum(v)) FROM t' AND calls > 0));
}

# The result is there, and how long it takes is known.
sub prepare
{
	my $session = $node->background_psql('postgres');

	foreach (1 .. 2)
	{
		change();
		$session->query_safe($statement);
	}
	$session->quit;
	$node->safe_psql('postgres', 'SELECT cache.stats_reset()');
	$session = $node->background_psql('postgres');
	foreach (1 .. 2)
	{
		change();
		$session->query_safe($statement);
	}
	$session->quit;
	change();
}

sub change
{
	$node->safe_psql('postgres', 'UPDATE t SET v = v + 100 WHERE id = 1');
	$sum += 100;
}

# A session that runs it at once, with these settings and statements before.
sub start
{
	my ($before) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $reader = { session => $session, pid => session_pid($session) };

	$reader->{text} = $session->query_until(qr/started/,
		"$before\n\\echo started\n$statement;\n");
	return $reader;
}

sub wait_event
{
	my ($reader, $event) = @_;

	$node->poll_query_until('postgres', "SELECT wait_event = '$event' FROM pg_stat_activity WHERE pid = $reader->{pid}")
	  or die "no $event";
}

sub answer
{
	my ($reader) = @_;
	my $text = $reader->{text} . $reader->{session}->query_until(qr/ended/,
		"\\if :ERROR\n\\echo got :LAST_ERROR_MESSAGE\n\\endif\n\\echo ended\n");

	$reader->{session}->query('ROLLBACK');
	$reader->{session}->quit;
	return $text =~ /^got (.*)$/m ? $1 : $text;
}

sub shut { $gate->query_safe('SELECT pg_advisory_lock(7)'); }
sub open_gate { $gate->query_safe('SELECT pg_advisory_unlock(7)'); }

# One that computes it, and does not come to an end while the gate is shut.
sub lead
{
	my $leader;

	shut();
	$leader = start("SET test.gate = 'yes';");
	wait_event($leader, 'PgSleep');
	return $leader;
}

sub follow
{
	my $follower = start($_[0] // '');

	wait_event($follower, $node->pg_version >= 17 ? 'CacheLoad' : 'Extension');
	return $follower;
}

my ($leader, @followers);

# ----- one computes, the others wait -----

prepare();
$leader = lead();
@followers = map { follow() } 1 .. 3;
open_gate();
is(answer($leader), $sum, 'one computes');
is(join(' ', map { answer($_) } @followers), "$sum $sum $sum", 'the others get it');
is(counts(), '3|3|3|0', 'without computing');

# ----- the one that computes fails -----

prepare();
$leader = lead();
@followers = (follow(), follow());
$node->safe_psql('postgres', "SELECT pg_cancel_backend($leader->{pid})");
is(answer($leader), 'canceling statement due to user request', 'the one that computes is cancelled');
is(join(' ', map { answer($_) } @followers), "$sum $sum", 'those that wait go on');
open_gate();

prepare();
$leader = lead();
@followers = (follow(), follow());
$node->safe_psql('postgres', "SELECT pg_terminate_backend($leader->{pid})");
is(join(' ', map { answer($_) } @followers), "$sum $sum", 'it is terminated: those that wait go on');
open_gate();
$leader->{session}{run}->finish;

# a cursor that is not read to its end, and whose transaction ends
$statement = 'SELECT sum(v) AS got FROM t';
prepare();
$leader = $node->background_psql('postgres');
$leader->query_safe("BEGIN; DECLARE c CURSOR FOR $statement");
@followers = (follow());
$leader->query_safe('ROLLBACK');
like(answer($followers[0]), qr/^$sum$/m, 'a cursor is closed: who waits goes on');
$leader->quit;
$statement = "SELECT 'got ' || computed(sum(v)) FROM t";

# ----- it waits for a lock -----

prepare();
shut();
$leader = start("SET test.gate = 'lock';");
wait_event($leader, 'advisory');
is(answer(start('')), $sum, 'a session does not wait for one that waits for a lock');
open_gate();
is(answer($leader), $sum, 'which goes on');

# ----- who waits can be cancelled -----

prepare();
$leader = lead();
@followers = (follow(), follow("SET statement_timeout = '300ms';"));
$node->safe_psql('postgres', "SELECT pg_cancel_backend($followers[0]{pid})");
is(answer($followers[0]), 'canceling statement due to user request', 'a session that waits is cancelled');
is(answer($followers[1]), 'canceling statement due to statement timeout', 'or has waited long enough');
open_gate();
is(answer($leader), $sum, 'the other goes on');

# ----- who must not wait -----

prepare();
$leader = lead();
is(answer(start('BEGIN; INSERT INTO other VALUES (1);')), $sum, 'a transaction with an xid does not wait');
is(answer(start('SET cache_strategies.results_adapt = off;')), $sum, 'nor one that is not to');
open_gate();
answer($leader);

# ----- the data change -----

prepare();
$leader = lead();
@followers = (follow('SET cache_strategies.test_wait = 1000000000;'));
change();
is(answer($followers[0]), $sum - 100, 'a session that waits goes on when the data change, under its own snapshot');
is(answer(start('')), $sum, 'one that comes later does not wait for what is of no use');
change();
open_gate();
is(answer($leader), $sum - 200, 'and neither changes what the first one gets');
is(counts(), '5|3|1|1', 'one has waited, and in vain');

# Waiting was in vain: the next time none does.
$leader = lead();
is(answer(start('')), $sum, 'the statement is run beside the one that computes it');
open_gate();
is(answer($leader), $sum, 'which computes it');
like(counts(), qr/\|1\|1$/, 'none has waited');

$gate->quit;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
