
# Sessions that are killed, terminated or cancelled in the middle of a commit or
# of a load, and servers that crash: no stale row, and no mark left behind.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'restart_after_crash = on', 'log_min_messages = info');
add_extension($node);
create_tables($node);
tables_warmed($node, $_, 'at first') foreach (1, 2);

# What the tables hold for the keys that the writers below change.
my $state = '1=row 1 2=row 2';

# A writer that changes keys 1, 2 and 30 of every table, and stops at a point
# of its commit.
sub start_writer
{
	my ($point, $value, %args) = @_;
	my $writer = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($writer);
	my $sql = "SET cache_strategies.test_points = '$point';\n";

	$sql .= "SET cache_strategies.bulk_threshold = 1;\n" if $args{bulk};
	$sql .= "BEGIN;\n";
	foreach my $table (@strategies)
	{
		$sql .= "UPDATE $table SET v = '$value' WHERE id = 1;\n";
		$sql .= "DELETE FROM $table WHERE id = 2;\n";
		$sql .= "INSERT INTO $table VALUES (30, '$value');\n";
	}
	$writer->query_until(qr/started/, "\\echo started\n${sql}COMMIT;\n");
	wait_stopped($node, $pid);
	return ($writer, $pid);
}

# Steps of in_turn(): put back what a writer has committed.
sub undo
{
	return join('', map { qq(
		UPDATE $_ SET v = 'row 1' WHERE id = 1;
		INSERT INTO $_ VALUES (2, 'row 2') ON CONFLICT DO NOTHING;
		DELETE FROM $_ WHERE id = 30;) } @strategies);
}

sub tables_hold
{
	my ($expected, $name) = @_;

	return map {
		my $table = $_;
		[   "SELECT string_agg(id || '=' || v, ' ' ORDER BY id) FROM $table WHERE id IN (1, 2, 30)",
			sub { is($_[0], $expected, "$name: $table holds what was committed") } ]
	} @strategies;
}

sub abandon
{
	my ($session) = @_;

	eval { $session->{run}->kill_kill };
}

sub wait_for_server
{
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
}

sub wait_gone
{
	my ($pid) = @_;

	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  or die "session $pid did not end";
}

sub start_gate
{
	my ($point) = @_;
	my $gate = $node->background_psql('postgres');

	stop_at($gate, $point);
	return $gate;
}

# ----- kill -9 in the middle of a commit -----

my %committed = (commit_begin => 1, commit_middle => 1);

foreach my $case (
	[ 'before_mark', 0 ],
	[ 'after_mark', 0 ],
	[ 'after_mark', 1 ],
	[ 'after_pre_commit', 0 ],
	[ 'commit_begin', 0 ],
	[ 'commit_begin', 1 ],
	[ 'commit_middle', 0 ])
{
	my ($point, $bulk) = @$case;
	my $name = "killed at $point" . ($bulk ? ', whole tables' : '');
	my $gate = start_gate($point);
	my ($writer, $pid) = start_writer($point, $name, bulk => $bulk);

	tables_exact($node, "$name, before that", first => 1, last => 3);
	kill 'KILL', $pid;
	abandon($writer);
	abandon($gate);
	$node->poll_query_until('postgres',
		"SELECT pg_postmaster_start_time() IS NOT NULL AND count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	wait_for_server();

	# Whether kill came through before this is known by what is not cached.
	in_turn($node, undef,
		[   join(' UNION ALL ', map { "SELECT '$_' WHERE cache.lookup(NULL::$_, 1)::text IS NOT NULL" } @strategies),
			sub { is($_[0], '', "$name: the cache is empty") } ],
		tables_hold($committed{$point} ? "1=$name 30=$name" : $state, $name),
		exact_step(\@strategies, $name, last => 31),
		warmed_step(\@strategies, 1, $name),
		undo(),
		exact_step(\@strategies, "$name, and changed back", last => 31));
}

# ----- shutdowns -----

$node->safe_psql('postgres', join(';', map { "UPDATE $_ SET n = 5" } @strategies));
tables_warmed($node, 3, 'before an immediate shutdown');
$node->stop('immediate');
$node->start;
tables_exact($node, 'after an immediate shutdown');
tables_warmed($node, 3, 'after an immediate shutdown');

$node->restart;
tables_exact($node, 'after a fast shutdown');
tables_warmed($node, 3, 'after a fast shutdown');

$node->kill9;
# The postmaster's children notice by themselves; the next start waits for it.
my $end = time + $PostgreSQL::Test::Utils::timeout_default;
until ($node->start(fail_ok => 1))
{
	die 'the server does not start' if time > $end;
	$node->stop('fast', fail_ok => 1);
	select(undef, undef, undef, 0.1);
}
tables_exact($node, 'after kill -9 of the postmaster');
tables_warmed($node, 3, 'after kill -9 of the postmaster');

# ----- terminate and cancel in the middle of a commit -----

foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	foreach my $case (
		[ 'before_mark', 0 ],
		[ 'after_mark', 0 ],
		[ 'after_mark', 1 ],
		[ 'after_pre_commit', 0 ],
		[ 'commit_begin', 0 ],
		[ 'commit_begin', 1 ])
	{
		my ($point, $bulk) = @$case;
		my $name = "$function at $point" . ($bulk ? ', whole tables' : '');
		my $gate = start_gate($point);
		my ($writer, $pid);

		tables_warmed($node, 1, "before $name");
		($writer, $pid) = start_writer($point, $name, bulk => $bulk);
		in_turn($node, undef,
			exact_step(\@strategies, "$name, before that", first => 1, last => 3),
			"SELECT $function($pid)");

		# After its commit a session cannot be stopped any more.
		$gate->quit if $committed{$point};
		if ($function eq 'pg_terminate_backend')
		{
			wait_gone($pid);
		}
		else
		{
			$node->poll_query_until('postgres',
				"SELECT state LIKE 'idle%' FROM pg_stat_activity WHERE pid = $pid");
		}
		$gate->quit unless $committed{$point};
		abandon($writer);
		wait_gone($pid);

		in_turn($node, undef,
			tables_hold($committed{$point} ? "1=$name 30=$name" : $state, $name),
			exact_step(\@strategies, $name, last => 31),
			warmed_step(\@strategies, 1, $name),
			undo(),
			exact_step(\@strategies, "$name, and changed back", last => 31),
			warmed_step(\@strategies, 2, $name));
	}
}

# ----- the same in the middle of a load -----

# Of a key that was read before, so that write_around lets it in at once.

sub start_reader
{
	my ($point, $table) = @_;
	my $reader = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($reader);

	$reader->query_until(qr/started/,
		"\\echo started\nSET cache_strategies.test_points = '$point';\nSELECT cache.read(NULL::$table, 4);\n");
	wait_stopped($node, $pid);
	return ($reader, $pid);
}

foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	foreach my $point (qw(flight_lead after_token after_snapshot before_install))
	{
		foreach my $table (@strategies)
		{
			my $name = "$function of a load at $point";
			my ($gate, $reader, $pid);

			# cache_aside loads without a flight
			next if $point eq 'flight_lead' && $table eq 'cache_aside';
			$node->safe_psql('postgres', "SELECT cache.invalidate('$table')");
			$gate = start_gate($point);
			($reader, $pid) = start_reader($point, $table);
			in_turn($node, undef, "UPDATE $table SET n = n + 1 WHERE id = 4", "SELECT $function($pid)");
			if ($function eq 'pg_terminate_backend')
			{
				wait_gone($pid);
			}
			else
			{
				$node->poll_query_until('postgres',
					"SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid");
				is( $reader->query("SET cache_strategies.test_points = ''; SELECT cache.read(NULL::$table, 4)"),
					$node->safe_psql('postgres', "SELECT t FROM $table t WHERE id = 4"),
					"$name: the session reads $table exactly afterwards");
			}
			$gate->quit;
			abandon($reader);
			in_turn($node, undef, exact_step($table, $name, first => 3, last => 5), warmed_step($table, 4, $name));
		}
	}
}

# Who waits for a load goes on when the loader dies.
foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $gate = start_gate('flight_lead');
	my ($leader, $pid, $follower, $follower_pid);

	$node->safe_psql('postgres', "SELECT cache.invalidate('read_through')");
	($leader, $pid) = start_reader('flight_lead', 'read_through');
	$follower = $node->background_psql('postgres');
	$follower_pid = session_pid($follower);
	$follower->query_safe("SET cache_strategies.load_timeout = '10min'");
	$follower->query_until(qr/started/,
		"\\echo started\nSELECT 'got ' || cache.read(NULL::read_through, 4)::text;\n");
	$node->poll_query_until('postgres', qq(
		SELECT wait_event_type IS NOT NULL AND wait_event <> 'ClientRead' AND state = 'active'
		FROM pg_stat_activity WHERE pid = $follower_pid))
	  or die 'the second reader does not wait';
	$node->safe_psql('postgres', "SELECT $function($pid)");
	like($follower->query_until(qr/got \(4.*\)/, ''), qr/got \(4,"row 4",\d+\)/,
		"$function: who waited for the load goes on");
	$follower->quit;
	$gate->quit;
	abandon($leader);
	warmed($node, 'read_through', 4, "after $function of the loader");
}

# Who waits for a load can be cancelled, and has a statement_timeout.
{
	my $gate = start_gate('flight_lead');
	my ($leader, $pid, $rc, $out, $err);

	$node->safe_psql('postgres', "SELECT cache.invalidate('read_through')");
	($leader, $pid) = start_reader('flight_lead', 'read_through');
	($rc, $out, $err) = $node->psql('postgres', q(
		SET cache_strategies.load_timeout = '10min';
		SET statement_timeout = '100ms';
		SELECT cache.read(NULL::read_through, 4)));
	like($err, qr/canceling statement due to statement timeout/,
		'who waits for a load has a statement_timeout');
	is( $node->safe_psql('postgres', q(
			SET cache_strategies.load_timeout = '50ms';
			SELECT (cache.read(NULL::read_through, 4)).v)),
		'row 4', 'and loads by itself after cache_strategies.load_timeout');
	$gate->quit;
	$leader->quit;
	exact($node, 'read_through', 'after waiting');
}

# ----- the extension's background worker -----

my $worker = q(SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'cache_strategies%' ORDER BY 1 LIMIT 1);

SKIP:
{
	my $pid = $node->safe_psql('postgres', $worker);

	skip 'no background worker is running', 3 + 2 * @strategies if $pid eq '';
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	ok( $node->poll_query_until('postgres', qq(
			SELECT count(*) > 0 FROM pg_stat_activity
			WHERE backend_type LIKE 'cache_strategies%' AND pid <> $pid)),
		'a terminated worker is started again');
	$pid = $node->safe_psql('postgres', $worker);
	kill 'KILL', $pid;
	ok($node->poll_query_until('postgres',
			"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid"),
		'a killed worker takes the server through recovery');
	tables_exact($node, 'after kill -9 of the worker');
	tables_warmed($node, 1, 'after kill -9 of the worker');
	ok($node->poll_query_until('postgres',
			"SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type LIKE 'cache_strategies%'"),
		'the worker is there again');
}

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:/, 'nothing panicked');
done_testing();
