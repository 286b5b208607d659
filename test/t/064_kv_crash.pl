
# Sessions that are terminated, cancelled or killed at each point of a change of
# keys: all of a transaction's keys or none, nothing that others would wait for,
# no hold that sends immediate changes the long way round.  A crash empties the
# cache, and everything works afterwards.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'restart_after_crash = on', 'log_min_messages = info');

add_extension($node);
$node->safe_psql('postgres', q(
	SELECT cache.create_space('s');
	CREATE TABLE t (id int PRIMARY KEY, v text);
	CREATE FUNCTION look() RETURNS text LANGUAGE sql AS $$
		SELECT concat_ws(' ', 'a=' || cache.get('a', space => 's'), 'b=' || cache.get('b', space => 's'),
			'c=' || cache.get('c', space => 's'), 'n=' || cache.get('n', space => 's'),
			'[' || (SELECT string_agg(k, ' ') FROM cache.keys(space => 's') k) || ']',
			'(' || (SELECT string_agg(value, ' ') FROM cache.get_many('{c,b,a}', space => 's')) || ')') $$;
));

use constant {
	OLD => 'a=old b=old n=1 [a b n] (old old)',
	NEW => 'a=new c=new n=2 [a c n] (new new)',
};

my %ends_anyway = map { $_ => 1 } qw(kv_before_flip kv_after_flip kv_after_settle);

sub sql
{
	return $node->safe_psql('postgres', join("\n", @_));
}

# As steps of in_turn().
sub reset_step
{
	return (
		q(
		SELECT cache.delete_prefix('', space => 's', immediate => true);
		SELECT cache.set_many('{a,b,n}'::text[], '{old,old,1}'::text[], space => 's');
		TRUNCATE t),
		[ 'SELECT look()', sub { die 'the keys could not be reset' unless $_[0] eq OLD } ]);
}

sub reset_keys
{
	in_turn($node, undef, reset_step());
}

sub start_gate
{
	my ($point) = @_;
	my $gate = $node->background_psql('postgres');

	stop_at($gate, $point);
	return $gate;
}

# A session that runs this and stops at the point.
sub start_session
{
	my ($point, $sql) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($session);

	$session->query_until(qr/started/, "\\echo started\nSET cache_strategies.test_points = '$point';\n$sql\n");
	wait_stopped($node, $pid);
	return ($session, $pid);
}

# The change of several keys, with a table that gives it an xid or without.
sub changes
{
	my ($table) = @_;

	return join("\n",
		'BEGIN;',
		($table ? "INSERT INTO t VALUES (1, 'new');" : ()),
		"SELECT cache.set('a', 'new', space => 's'), cache.delete('b', space => 's');",
		'SAVEPOINT s;',
		"SELECT cache.add('c', 'new', space => 's'), cache.incr('n', space => 's');",
		'RELEASE s;',
		'COMMIT;');
}

sub abandon
{
	my ($session) = @_;

	eval { $session->{run}->kill_kill };
}

sub wait_gone
{
	my ($pid) = @_;

	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  or die "session $pid did not end";
}

# An immediate change of this key that finds no hold looks once; one that finds
# one takes the key's lock and looks again.
sub no_hold
{
	my ($key, $name) = @_;
	my $gate = start_gate('kv_immediate_looked');
	my ($session, $pid) = start_session('kv_immediate_looked',
		"SELECT 'answer ' || cache.set('$key', 'now', space => 's', immediate => true);");

	# let it pass once
	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('kv_immediate_looked')), pg_advisory_lock(hashtext('kv_immediate_looked'))");
	$node->poll_query_until('postgres', qq(
		SELECT a.state = 'idle' OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND NOT granted)
		FROM pg_stat_activity a WHERE pid = $pid)) or die 'the immediate change neither ends nor waits';
	is(sql("SELECT state FROM pg_stat_activity WHERE pid = $pid"), 'idle', "$name: no hold of $key");
	$gate->quit;
	$session->quit;
}

# All sessions can go on with the keys, after these steps.
sub usable
{
	my ($name, @before) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, undef, @before,
		says(q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'), '0', "$name: no lock is left"));
	no_hold($_, $name) foreach qw(a c);
	in_turn($node, undef,
		says(
			q(
			SET lock_timeout = '10min';
			SELECT cache.set('a', 'x', space => 's'), cache.set('b', 'x', space => 's'),
				cache.set('c', 'x', space => 's'), cache.set('n', '7', space => 's'), cache.incr('n', space => 's');
			SELECT look()),
			"t|t|t|t|8\na=x b=x c=x n=8 [a b c n] (x x x)",
			"$name: transactional changes go on"),
		says(
			q(
			SET lock_timeout = '10min';
			SELECT cache.get_and_delete(k, space => 's', immediate => true) FROM unnest('{a,b,c,n}'::text[]) k;
			SELECT look()),
			"x\nx\nx\n8\n",
			"$name: immediate changes go on"),
		reset_step());
}

reset_keys();

# ----- transactions -----

foreach my $function ('pg_terminate_backend', 'pg_cancel_backend')
{
	foreach my $point (qw(kv_after_hold kv_before_stage kv_after_stage kv_before_flip kv_after_flip kv_after_settle))
	{
		foreach my $table (0, 1)
		{
			my $name = "$function at $point" . ($table ? ', with a table' : '');

			# cancelling does nothing there, and was done otherwise
			next if $function eq 'pg_cancel_backend' && ($ends_anyway{$point} || !$table);

			my $gate = start_gate($point);
			my ($session, $pid) = start_session($point, changes($table));
			my $after = $ends_anyway{$point} ? NEW : OLD;
			my $now = $point eq 'kv_before_flip' && !$table ? OLD : $after;

			in_turn($node, undef, says('SELECT look()', $now, "$name: before that"), "SELECT $function($pid)");
			# after its commit a session cannot be stopped any more
			$gate->quit if $ends_anyway{$point};
			if ($function eq 'pg_terminate_backend')
			{
				wait_gone($pid);
			}
			else
			{
				$node->poll_query_until('postgres', "SELECT state LIKE 'idle%' FROM pg_stat_activity WHERE pid = $pid");
				# the COMMIT that follows an error rolls back
				$node->poll_query_until('postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid");
			}
			$gate->quit unless $ends_anyway{$point};
			abandon($session);
			wait_gone($pid);
			usable($name,
				says('SELECT look()', $after, "$name: " . ($after eq NEW ? 'all of it' : 'nothing of it')),
				says('SELECT count(*) FROM t', $table && $after eq NEW ? 1 : 0, "$name: and the table likewise"));
		}
	}
}

# ----- immediate changes -----

foreach my $function ('pg_terminate_backend', 'pg_cancel_backend')
{
	my $gate = start_gate('kv_immediate_looked');
	my ($session, $pid) = start_session('kv_immediate_looked',
		"SELECT cache.set('a', 'new', space => 's', immediate => true);");

	sql("SELECT $function($pid)");
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid AND state = 'active'")
	  or die 'the session goes on';
	$gate->quit;
	abandon($session);
	wait_gone($pid);
	usable("$function of an immediate change",
		says('SELECT look()', OLD, "$function of an immediate change: nothing has changed"));
}

# ----- waiting for a key, and being waited for -----

foreach my $how ('transactional', 'immediate')
{
	foreach my $function ('pg_terminate_backend', 'pg_cancel_backend')
	{
		my $name = "$function of $how change that waits";
		my $owner = $node->background_psql('postgres');
		my $waiter = $node->background_psql('postgres', on_error_stop => 0);
		my $pid = session_pid($waiter);
		my $immediate = $how eq 'immediate' ? 'true' : 'false';

		$owner->query_safe("BEGIN; SELECT cache.set('a', 'owner', space => 's')");
		$waiter->query_until(qr/started/,
			"\\echo started\nSELECT cache.set('a', 'waiter', space => 's', immediate => $immediate);\n");
		wait_stopped($node, $pid);
		sql("SELECT $function($pid)");
		$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid AND state = 'active'")
		  or die 'the session goes on waiting';
		abandon($waiter);
		wait_gone($pid);
		$owner->query_safe('ROLLBACK');
		$owner->quit;
		usable($name, says('SELECT look()', OLD, "$name: nothing has changed"));
	}
	{
		my $name = "$how change that waits for a session that is terminated";
		my $owner = $node->background_psql('postgres', on_error_stop => 0);
		my $waiter = $node->background_psql('postgres');
		my ($owner_pid, $pid) = (session_pid($owner), session_pid($waiter));
		my $immediate = $how eq 'immediate' ? 'true' : 'false';

		$owner->query_safe("BEGIN; SELECT cache.incr('n', 10, space => 's')");
		$waiter->query_until(qr/started/,
			"\\echo started\nSELECT 'answer ' || cache.incr('n', space => 's', immediate => $immediate);\n");
		wait_stopped($node, $pid);
		sql("SELECT pg_terminate_backend($owner_pid)");
		like($waiter->query_until(qr/answer \d+/, ''), qr/answer 2\b/, "$name: it goes on");
		$waiter->quit;
		abandon($owner);
		usable($name);
	}
}

# ----- kill -9 -----

foreach my $point (qw(kv_after_hold kv_before_stage kv_after_stage kv_before_flip kv_after_flip kv_after_settle kv_immediate_looked))
{
	my $name = "killed at $point";
	my $gate = start_gate($point);
	my ($session, $pid) = start_session($point,
		$point eq 'kv_immediate_looked' ? "SELECT cache.set('a', 'new', space => 's', immediate => true);" : changes(1));

	kill 'KILL', $pid;
	abandon($session);
	abandon($gate);
	$node->poll_query_until('postgres',
		"SELECT pg_postmaster_start_time() IS NOT NULL AND count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	usable($name,
		says('SELECT look()', '', "$name: the cache is empty"),
		says('SELECT count(*) FROM t', $ends_anyway{$point} ? 1 : 0, "$name: the table is as it was committed"),
		reset_step());
}

$node->stop('immediate');
$node->start;
usable('after an immediate shutdown',
	says('SELECT look()', '', 'after an immediate shutdown the cache is empty'), reset_step());
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, 'nothing panicked');
done_testing();
