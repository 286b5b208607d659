
# Single flight: of all who miss the same key one loads it and the others wait;
# they can be cancelled one by one, and whatever becomes of the loader, they go
# on.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'log_min_messages = info');
my $gate;

add_extension($node);
create_tables($node);

# A session that reads the key at once, in one transaction of its own.
sub start_reader
{
	my ($table, $key, %args) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $reader = { session => $session, pid => session_pid($session) };
	my $settings = join('', map { "SET $_ = '$args{$_}';\n" } sort keys %args);

	# the answer of one who need not wait may come along with this
	$reader->{text} = $session->query_until(qr/started/,
		"${settings}\\echo started\nSELECT 'got ' || coalesce(cache.read(NULL::$table, $key)::text, 'none');\n");
	return $reader;
}

# The one that loads, held up before it does.
sub start_leader
{
	my ($table, $key, %args) = @_;
	my $leader;

	$gate = $node->background_psql('postgres');
	stop_at($gate, 'flight_lead');
	$leader = start_reader($table, $key,
		'cache_strategies.test_points' => 'flight_lead', %args);
	wait_stopped($node, $leader->{pid});
	return $leader;
}

sub open_gate
{
	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('flight_lead'))");
	$gate->quit;
}

# The statement of a follower sleeps on the condition variable.
sub wait_following
{
	my (@readers) = @_;
	my $pids = join(',', map { $_->{pid} } @readers);
	my $event = $node->pg_version >= 17 ? 'CacheLoad' : 'Extension';

	$node->poll_query_until('postgres', qq(
		SELECT count(*) = @{[scalar @readers]} FROM pg_stat_activity
		WHERE pid IN ($pids) AND state = 'active' AND wait_event_type = 'Extension' AND wait_event = '$event'))
	  or die 'the readers do not wait';
}

# They have not ended.  That they wait is not to be seen at every moment: they
# look around now and then.
sub still_following
{
	my ($name, @readers) = @_;
	my $pids = join(',', map { $_->{pid} } @readers);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid IN ($pids) AND state = 'active'"),
		scalar @readers, $name);
	wait_following(@readers);
}

# What a reader was given, or its error.  Waits until it is there.
sub answer
{
	my ($reader) = @_;
	my $text = $reader->{text} . $reader->{session}->query_until(qr/ended/,
		"\\if :ERROR\n\\echo got :LAST_ERROR_MESSAGE\n\\endif\n\\echo ended\n");

	return $text =~ /^got (.*)$/m ? $1 : $text;
}

sub answers
{
	return join(' ', map { answer($_) } @_);
}

sub finish
{
	$_->{session}->quit foreach @_;
}

# The table's counters since the last time.  Sessions add theirs to them at the
# end of their first transaction that reads.
my %before;

sub counted
{
	my ($table) = @_;
	my %now;
	my @names = qw(hits misses bypasses fills waits);
	my @values = split /\|/, $node->safe_psql('postgres',
		'SELECT ' . join(', ', @names) . " FROM cache.table_stats WHERE relation = '$table'::regclass");
	my $text;

	@now{@names} = @values;
	$text = join(' ', map { my $n = $now{$_} - ($before{$table}{$_} // 0); $n ? "$_ $n" : () } @names);
	$before{$table} = \%now;
	return $text;
}

foreach my $table (qw(read_through write_through))
{
	my (@followers, $leader, $other);

	$node->safe_psql('postgres', "SELECT cache.read(NULL::$table, 20)");
	counted($table);

	# ----- one loads, the others wait -----

	$leader = start_leader($table, 1);
	@followers = map { start_reader($table, 1) } (1 .. 5);
	wait_following(@followers);
	is($node->safe_psql('postgres', "SELECT cache.read(NULL::$table, 2)"), '(2,"row 2",0)',
		"$table: another key is read meanwhile");
	still_following("$table: no reader goes on before the row is loaded", @followers);
	open_gate();
	is(answers($leader, @followers), join(' ', ('(1,"row 1",0)') x 6), "$table: all have the row");
	finish($leader, @followers);
	is(counted($table), 'hits 5 misses 2 fills 2 waits 5', "$table: it was loaded once");

	# ----- followers that do not want to wait -----

	$leader = start_leader($table, 3);
	@followers = map { start_reader($table, 3) } (1 .. 3);
	wait_following(@followers);
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($followers[1]{pid})");
	is(answer($followers[1]), 'canceling statement due to user request', "$table: a cancelled follower");
	still_following("$table: the others go on waiting", @followers[ 0, 2 ]);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($followers[2]{pid})");
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $followers[2]{pid}")
	  or die 'the follower did not end';
	$other = start_reader($table, 3, statement_timeout => '100ms');
	is(answer($other), 'canceling statement due to statement timeout', "$table: statement_timeout");
	finish($other);
	$other = start_reader($table, 3, 'cache_strategies.load_timeout' => '50ms');
	is(answer($other), '(3,"row 3",0)', "$table: load_timeout: it loads by itself");
	finish($other);
	$other = start_reader($table, 3);
	is(answer($other), '(3,"row 3",0)', "$table: and the next one hits");
	finish($other);
	still_following("$table: the first follower is still waiting", $followers[0]);
	open_gate();
	is(answers($leader, $followers[0]), '(3,"row 3",0) (3,"row 3",0)', "$table: both have the row");
	finish($leader, @followers[ 0, 1 ]);
	eval { $followers[2]{session}->quit };
	counted($table);

	# ----- a leader that does not come back -----

	foreach my $how ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my $key = $how eq 'pg_cancel_backend' ? 4 : 5;

		$leader = start_leader($table, $key);
		@followers = map { start_reader($table, $key) } (1 .. 4);
		wait_following(@followers);
		$node->safe_psql('postgres', "SELECT $how($leader->{pid})");
		is(answers(@followers), join(' ', ("($key,\"row $key\",0)") x 4), "$table, $how: the followers go on");
		is(cached($node, $table, $key), "($key,\"row $key\",0)", "$table, $how: one of them has filled");
		open_gate();
		finish(@followers);
		eval { $leader->{session}->quit };
	}

	# ----- a change comes in between -----

	$leader = start_leader($table, 6);
	@followers = map { start_reader($table, 6) } (1 .. 2);
	wait_following(@followers);
	$node->safe_psql('postgres', "UPDATE $table SET v = 'new' WHERE id = 6");
	is($node->safe_psql('postgres', "SET cache_strategies.load_timeout = 0; SELECT cache.read(NULL::$table, 6)"),
		'(6,new,0)', "$table: a later statement sees the change");
	open_gate();
	is(answers($leader, @followers), join(' ', ('(6,"row 6",0)') x 3),
		"$table: those with an older snapshot see what was before");
	finish($leader, @followers);
	exact($node, $table, 'after a change under way');

	# ----- nothing to be found -----

	$leader = start_leader($table, 100);
	@followers = map { start_reader($table, 100) } (1 .. 3);
	wait_following(@followers);
	open_gate();
	is(answers($leader, @followers), 'none none none none', "$table: an absence");
	finish($leader, @followers);
}

# ----- a loader function that fails -----

$node->safe_psql('postgres', q(
	CREATE TABLE loaded (id int PRIMARY KEY, v text);
	INSERT INTO loaded VALUES (1, 'table');
	CREATE TABLE answer (v text);
	CREATE FUNCTION load_it(int) RETURNS loaded LANGUAGE plpgsql STABLE AS $$
	DECLARE r public.loaded;
	BEGIN
		IF NOT EXISTS (SELECT FROM public.answer) THEN
			RAISE EXCEPTION 'no answer for %', $1;
		END IF;
		SELECT $1, v INTO r FROM public.answer;
		RETURN r;
	END $$;
	SELECT cache.attach('loaded', 'read_through', loader => 'load_it');
));
my $leader = start_leader('loaded', 1);
my @followers = map { start_reader('loaded', 1) } (1 .. 3);
wait_following(@followers);
open_gate();
is(answers($leader, @followers), join(' ', ('no answer for 1') x 4), 'a loader that fails: each gets its own error');
finish($leader, @followers);
$node->safe_psql('postgres', "INSERT INTO answer VALUES ('function')");
is($node->safe_psql('postgres', 'SELECT cache.read(NULL::loaded, 1)'), '(1,function)', 'and then it succeeds');

# ----- strategies without -----

$gate = $node->background_psql('postgres');
stop_at($gate, 'after_token');
$leader = start_reader('cache_aside', 1, 'cache_strategies.test_points' => 'after_token');
wait_stopped($node, $leader->{pid});
is($node->safe_psql('postgres', 'SELECT cache.read(NULL::cache_aside, 1)'), '(1,"row 1",0)',
	'cache_aside: everyone loads');
$gate->query_safe("SELECT pg_advisory_unlock(hashtext('after_token'))");
$gate->quit;
is(answer($leader), '(1,"row 1",0)', 'cache_aside: the one that was held up has it, too');
finish($leader);

tables_exact($node, 'in the end');
$node->stop;
done_testing();
