
# On a hot standby every function of the schema gives the answer that is right
# there, or an error that says so; readers are told when recovery needs what they
# hold; and sessions that wait while it is promoted go on with what is true then.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', "cache_strategies.memory = '16MB'");
add_extension($primary);
create_tables($primary);
$primary->safe_psql('postgres', <<'SQL');
	CREATE TABLE wb (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO wb SELECT generate_series(1, 20);
	SELECT cache.attach('wb', 'write_back', flush_interval => '1 hour', merge => '{"n": "add"}');
	UPDATE wb SET n = 1 WHERE id = 1;
	SELECT cache.flush();
	UPDATE wb SET n = n + 10;
	CREATE TABLE other (id int PRIMARY KEY);
	INSERT INTO other VALUES (1);
	CREATE TABLE held (id int PRIMARY KEY, n int);
	INSERT INTO held VALUES (6, 0);
	SELECT cache.attach('held', 'write_through');
	SELECT cache.create_space('space'), cache.track('other');
	SELECT cache.declare_query('SELECT max(id) FROM other');
	-- what a call returns, or its SQLSTATE
	CREATE FUNCTION try(call text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		result text;
	BEGIN
		EXECUTE 'SELECT string_agg(x::text, '','') FROM (SELECT ' || call || ') x' INTO result;
		RETURN coalesce(result, 'nothing');
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$;
SQL
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = off\nmax_standby_streaming_delay = -1\n");
$standby->start;

sub replayed
{
	my ($sql) = @_;

	$primary->safe_psql('postgres', $sql) if defined $sql;
	$primary->wait_for_catchup($standby, 'replay');
}

replayed();

# ----- every function -----

# Without its schema, and its answer as a row.
my @calls = (
	# what reads
	[ 'cache.read(NULL::cache_aside, 1)' => '("(1,""row 1"",0)")' ],
	[ '(cache.read_row(NULL::cache_aside, 1)).v' => '("row 1")' ],
	[ 'cache.read(NULL::wb, 1)' => '("(1,1)")' ],
	[ 'cache.read(ROW(2, NULL, NULL)::read_through)' => '22023' ],
	[ 'cache.read_many(NULL::write_around, ARRAY[1, 2, 77])' => '("(1,""row 1"",0)"),("(2,""row 2"",0)")' ],
	[ 'cache.lookup(NULL::cache_aside, 1)' => '()' ],
	[ 'cache.fill(ROW(1, $$row 1$$, 0)::cache_aside)' => '(f)' ],
	[ '(cache.scan(NULL::wb)).n ORDER BY 1 DESC LIMIT 1' => '(1)' ],
	[ q((cache.explain_result('SELECT count(*) FROM other')).reason) => '("The setting cache_strategies.results is off.")' ],
	[ q(cache.declared_problem((SELECT min(id) FROM cache.declared_queries))) => '()' ],
	[ q(cache.remember_depends('SELECT count(*) FROM other WHERE id = 1')) => 'nothing' ],
	[ q(count(*) FROM cache.watched_columns('other')) => '(0)' ],
	[ '(cache.explain(NULL::wb, 1)).reason' => '("the server is in recovery")' ],
	[ q(cache.remember('r', '1 hour', 'SELECT count(*) FROM other')) => '("[{""count"": 1}]")' ],
	[ q(cache.remember('r', '1 hour', 'SELECT count(*) FROM other WHERE id = $1::int', '{1}')) => '("[{""count"": 1}]")' ],
	[ q(cache.remember(NULL::other, 'r', '1 hour', 'SELECT * FROM other')) => '("(1)")' ],
	[ q((cache.tracking('other')).state) => '(blind)' ],
	[ q(cache.get('k')) => '()' ],
	[ q(cache.get_jsonb('k')) => '()' ],
	[ q(cache.get_bytea('k', 'space')) => '()' ],
	[ q(cache.get_many('{k}')) => 'nothing' ],
	[ q(cache.get_many_jsonb('{k}')) => 'nothing' ],
	[ q(cache.get_many_bytea('{k}', 'space')) => 'nothing' ],
	[ q(cache.exists('k', 'space')) => '(f)' ],
	[ q(cache.ttl('k')) => '()' ],
	[ q(cache.ttl_ms('k')) => '(-2)' ],
	[ q(cache.keys(space => 'space')) => 'nothing' ],
	[ q(cache.scan_keys(space => 'space')) => '("(0,{})")' ],
	# what tells of it
	[ q(cache.binding_problem('wb')) => '()' ],
	[ q(cache.dead_letter_count('wb'::regclass)) => '(0)' ],
	[ 'count(*) FROM (SELECT cache.flush_counters()) x' => '(1)' ],
	[ 'count(*) > 0 FROM (SELECT cache.space_counters()) x' => '(t)' ],
	[ '(cache.store_info()).entries' => '(0)' ],
	[ 'count(*) >= 0 FROM (SELECT cache.result_counters(), cache.candidate_counters()) x' => '(t)' ],
	[ 'max((x.c).entries) FROM (SELECT cache.table_counters() c) x' => '(0)' ],
	[ 'cache.warm_progress()' => 'nothing' ],
	[ 'sum((x.c).entries) FROM (SELECT cache.audit_counters() c) x' => '(0)' ],
	[ 'cache.stats_reset()' => '("")' ],
	[ 'cache.stats_reset_shared()' => '("")' ],
	[ 'count(*) >= 0 FROM (SELECT cache.reason_counters()) x' => '(t)' ],
	[ 'count(*) > 0 FROM (SELECT cache.latency_counters()) x' => '(t)' ],
	[ 'count(*) >= 0 FROM (SELECT cache.latency_buckets()) x' => '(t)' ],
	[ 'count(*) >= 0 FROM (SELECT cache.trace_entries()) x' => '(t)' ],
	[ 'count(*) > 0 FROM (SELECT cache.memory_predictions()) x' => '(t)' ],
	[ 'count(*) FROM (SELECT cache.history_samples()) x' => '(0)' ],
	[ 'count(*) > 0 FROM (SELECT cache.dashboard()) x' => '(t)' ],
	[ q((SELECT cache.report()) LIKE '<!DOCTYPE html>%</html>%') => '(t)' ],
	[ q(count(*) FROM (SELECT cache.advise('other')) x) => '(1)' ],
	[ 'count(*) > 0 FROM (SELECT cache.advise()) x' => '(t)' ],
	# there is nothing to fall out of the cache
	[ q(cache.invalidate('read_through')) => '(t)' ],
	[ q(cache.invalidate(NULL::read_through, 1)) => '(f)' ],
	# what is no call of anything
	[ q(cache.write('k', 'v'::text)) => '22023' ],
	# what would change something
	[ q(cache.attach('other')) => '25006' ],
	[ q(cache.detach('wb')) => '25006' ],
	[ q(cache.repair('wb')) => '25006' ],
	[ q(cache.track('wb')) => '25006' ],
	[ q(cache.untrack('other')) => '25006' ],
	[ q(cache.track_schema('public')) => '25006' ],
	[ q(cache.untrack_schema('public')) => '25006' ],
	[ q(cache.declare_query('SELECT * FROM other')) => '25006' ],
	[ q(cache.undeclare_query(1)) => '25006' ],
	[ q(cache.undeclare_query('SELECT * FROM other')) => '25006' ],
	[ q(cache.warm('read_through')) => '25006' ],
	[ q(cache.verify('read_through')) => '55000' ],
	[ q(cache.flush()) => '25006' ],
	[ q(cache.write(ROW(1, 'x', 1)::write_through)) => '25006' ],
	[ q(cache.write(ROW(1, 1)::wb)) => '25006' ],
	[ q(cache.remove(NULL::wb, 1)) => '25006' ],
	[ q(cache.increment(NULL::wb, 'n', 1, 1)) => '25006' ],
	[ q(cache.increment(ROW(1, 1)::wb, 'n', 1)) => '25006' ],
	[ q(cache.requeue()) => '25006' ],
	[ q(cache.discard()) => '25006' ],
	[ q(cache.forget('r')) => '25006' ],
	(map { [ $_ => '25006' ] } (
		map { my $f = $_; map { "cache.$f($_)" } ("'k', 'v'::text", "'k', 'v'::text, space => 'space', immediate => true") } qw(set add replace)),
	 (map { my ($f, $v) = @$_; map { ("cache.${_}_$f('k', $v)") } qw(set add replace) } ([ 'jsonb', "'1'" ], [ 'bytea', "'x'" ])),
	 "cache.set_many('{k}', '{v}'::text[])", "cache.set_many_jsonb('{k}', '{1}')", "cache.set_many_bytea('{k}', '{v}', immediate => true)",
	 "cache.delete('k')", "cache.delete('k', immediate => true)", "cache.delete_many('{k}')", "cache.delete_prefix('k')",
	 "cache.get_and_delete('k')", "cache.get_and_delete_jsonb('k')", "cache.get_and_delete_bytea('k', immediate => true)",
	 "cache.compare_and_set('k', NULL, 'v'::text)", "cache.compare_and_set_jsonb('k', NULL, '1')", "cache.compare_and_set_bytea('k', NULL, 'v', immediate => true)",
	 "cache.incr('k')", "cache.incr('k', immediate => true)", "cache.incr_numeric('k')", "cache.expire('k', 1)", "cache.persist('k')", "cache.touch('k', immediate => true)",
	 "cache.invalidate_tag('t')", "cache.invalidate_tag('t', immediate => true)",
	 "cache.create_space('s')", "cache.alter_space('space', 1, NULL)", "cache.drop_space('space')", "cache.grant_space('space', 'postgres')", "cache.revoke_space('space', 'postgres')"));

my %called;

in_turn($standby, undef,
	map {
		my ($call, $answer) = @$_;

		$called{$_}++ foreach $call =~ /cache\.(\w+)\(/g;
		says("SELECT try(\$try\$$call\$try\$)", $answer, "standby: $call")
	} @calls);
is($standby->safe_psql('postgres', q(
		SELECT proname, count(*) FROM pg_proc
		WHERE pronamespace = 'cache'::regnamespace AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
		GROUP BY proname)) =~ s/^(\w+)\|(\d+)\n?/($called{$1} \/\/ 0) >= $2 ? '' : "$1 "/gemr,
	'', 'every function has been called');
foreach my $view ($standby->safe_psql('postgres', q(SELECT relname FROM pg_class WHERE relnamespace = 'cache'::regnamespace AND relkind = 'v')) =~ /\w+/g)
{
	is($standby->safe_psql('postgres', "SELECT count(*) >= 0 FROM cache.$view"), 't', "standby: cache.$view");
}

# ----- changes that are replayed while they are read -----

# Both rows change in one commit.  A reader that finds them different, or other than
# the table under the same snapshot, has read something that was never there.
{
	my $reader = $standby->background_psql('postgres');

	$primary->safe_psql('postgres', join('', map { "UPDATE $_ SET n = 0;" } @strategies));
	replayed();
	$reader->query_until(qr/started/, '\echo started' . "\n" . q(
		DO $$
		DECLARE
			last int := -1;
			a int; b int; c int;
			t text;
		BEGIN
			WHILE last < 200 LOOP
				FOREACH t IN ARRAY '{cache_aside,read_through,write_through,write_around}'::text[] LOOP
					EXECUTE format('SELECT (cache.read(NULL::%1$s, 1)).n, (cache.read(NULL::%1$s, 2)).n, (SELECT n FROM %1$s WHERE id = 2)', t) INTO a, b, c;
					IF a <> b OR b <> c OR a < last AND t = 'cache_aside' THEN
						RAISE 'read % and % where the table has %, after %', a, b, c, last;
					END IF;
					last := CASE WHEN t = 'cache_aside' THEN a ELSE last END;
				END LOOP;
				COMMIT;
			END LOOP;
		END $$;
		\echo done reading
	));
	$primary->safe_psql('postgres', join("\n", map { my $i = $_; join('', 'BEGIN;', (map { "UPDATE $_ SET n = $i WHERE id < 3;" } @strategies), 'COMMIT;') } 1 .. 200));
	like($reader->query_until(qr/done reading/, ''), qr/done reading/, 'a reader');
	is($reader->{stderr}, '', 'it has read what was there, all the time');
	$reader->quit;
}
tables_exact($standby, 'after the changes');

# ----- recovery conflicts -----

# A session that is in the middle of a read, or has read, holds what recovery wants
# to remove: it is cancelled, or ended if it is idle, and a later read returns
# what is there.
sub conflicts
{
	my ($name, $begin, $change) = @_;

	foreach my $idle (0, 1)
	{
		my $is = $name . ($idle ? ', idle' : ', in a read');
		my $gate = $standby->background_psql('postgres');
		my $session = $standby->background_psql('postgres', on_error_stop => 0);
		my $pid = session_pid($session);

		$session->query_safe($begin);
		if (!$idle)
		{
			stop_at($gate, 'after_prepare');
			$session->query_until(qr/started/,
				"\\set VERBOSITY sqlstate\nSET cache_strategies.test_points = 'after_prepare';\n\\echo started\nSELECT cache.read(NULL::cache_aside, 2);\n\\echo ended with :SQLSTATE\n");
			wait_stopped($standby, $pid);
		}
		replayed($change);
		if ($idle)
		{
			ok($standby->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid"), "$is: it is ended");
			eval { $session->quit };
		}
		else
		{
			like($session->query_until(qr/ended with \w+/, ''), qr/with 40001/, "$is: it is cancelled");
			$gate->quit;
			is($session->query("ROLLBACK; RESET cache_strategies.test_points; SELECT string_agg(cache.read(NULL::cache_aside, i)::text, ' ') FROM generate_series(1, 3) i"),
				$standby->safe_psql('postgres', "SELECT string_agg(t::text, ' ' ORDER BY id) FROM cache_aside t WHERE id <= 3"),
				"$is: and reads exactly");
			$session->quit;
		}
		$gate->quit if $idle;
		exact($standby, 'cache_aside', $is);
	}
}

$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = 0');
$standby->reload;
conflicts(
	'an old snapshot',
	'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT cache.read(NULL::cache_aside, 1)',
	'UPDATE cache_aside SET n = n + 1; VACUUM cache_aside');
conflicts(
	'a lock',
	'BEGIN; SELECT cache.read(NULL::cache_aside, 1)',
	"ALTER TABLE cache_aside ALTER v TYPE varchar(100)");

# With feedback the primary keeps what the standby's snapshots need.
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = 30s\nwal_receiver_status_interval = 1s\n");
$standby->reload;
{
	my $session = $standby->background_psql('postgres');
	my $row;

	$session->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	$row = $session->query_safe('SELECT cache.read(NULL::cache_aside, 1)');
	$primary->poll_query_until('postgres', 'SELECT backend_xmin IS NOT NULL FROM pg_stat_replication')
	  or die 'no feedback';
	replayed('UPDATE cache_aside SET n = n + 1; VACUUM cache_aside');
	is($session->query_safe('SELECT cache.read(NULL::cache_aside, 1)'), $row, 'with feedback, an old snapshot reads what it saw');
	$session->query_safe('COMMIT');
	isnt($session->query_safe('SELECT cache.read(NULL::cache_aside, 1)'), $row, 'and what has changed afterwards');
	$session->quit;
}

# ----- restarts with prepared transactions -----

replayed('BEGIN;' . join('', map { "UPDATE $_ SET v = 'first' WHERE id = 3;" } @strategies) . " PREPARE TRANSACTION 'first';"
	  . 'BEGIN;' . join('', map { "UPDATE $_ SET v = 'second' WHERE id = 4; DELETE FROM $_ WHERE id = 5;" } @strategies) . " PREPARE TRANSACTION 'second'");
$standby->restart;
tables_exact($standby, 'a restart with prepared transactions');
replayed("COMMIT PREPARED 'first'");
tables_exact($standby, 'one of them is committed');
is($standby->safe_psql('postgres', 'SELECT v FROM cache.read(NULL::read_through, 3)'), 'first', 'and read');
$standby->restart;
tables_exact($standby, 'one more restart');

# ----- promotion while sessions wait -----

# At a point of a read that has begun in recovery; for a lock that a transaction
# holds that is prepared; in a transaction whose snapshot is from before.
my $gate = $standby->background_psql('postgres');
my %waiting;

replayed('BEGIN; LOCK TABLE held; UPDATE held SET n = 100 WHERE id = 6; ' . "PREPARE TRANSACTION 'locked'");
stop_at($gate, 'after_prepare');
foreach my $table ('cache_aside', 'read_through', 'write_through')
{
	my $session = $waiting{$table} = $standby->background_psql('postgres');
	my $pid = session_pid($session);

	$session->query_until(qr/started/,
		"\\echo started\nSET cache_strategies.test_points = 'after_prepare';\nSELECT 'read ' || cache.read(NULL::$table, 3)::text;\n");
	wait_stopped($standby, $pid);
}
{
	my $session = $waiting{held} = $standby->background_psql('postgres');
	my $pid = session_pid($session);

	$session->query_until(qr/started/, "\\echo started\nSELECT 'read ' || cache.read(NULL::held, 6)::text;\n");
	$standby->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_locks WHERE NOT granted AND pid = $pid") or die 'does not wait';
}
my $increments = $primary->safe_psql('postgres', 'SELECT (cache.read(NULL::wb, 1)).n');
$primary->stop('immediate');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not promoted';
$standby->safe_psql('postgres', "UPDATE $_ SET v = 'promoted' WHERE id = 3") foreach 'cache_aside', 'read_through', 'write_through';
$gate->quit;
foreach my $table ('cache_aside', 'read_through', 'write_through')
{
	like($waiting{$table}->query_until(qr/read .*\)/, ''), qr/read \(3,first,/, "promotion during a read of $table: it goes on with its snapshot");
	is($waiting{$table}->query("RESET cache_strategies.test_points; SELECT (cache.read(NULL::$table, 3)).v"), 'promoted', "and $table is read anew");
}
$standby->safe_psql('postgres', "COMMIT PREPARED 'locked'");
like($waiting{held}->query_until(qr/read .*\)/, ''), qr/read \(6,100/, 'promotion while a read waits for a prepared transaction: it has what that has changed');
tables_exact($standby, 'promoted, something is prepared');
foreach my $table (@strategies)
{
	$standby->safe_psql('postgres', "SELECT cache.read(NULL::$table, 4);" x 3);
	is(cached($standby, $table, 4), undef, "promoted: nothing of $table is kept while it is prepared");
}
$standby->safe_psql('postgres', "COMMIT PREPARED 'second'");
tables_exact($standby, 'promoted, nothing is prepared');
tables_warmed($standby, $_, 'promoted, nothing is prepared') foreach 3, 4;
foreach my $table (sort keys %waiting)
{
	is($waiting{$table}->query("SELECT (cache.read(NULL::$_, 4)).v"), 'second', "a session from before reads $_") foreach @strategies;
	$waiting{$table}->quit;
}
is($standby->safe_psql('postgres', 'SELECT (cache.read(NULL::wb, 1)).n'), $increments, 'deferred writes have arrived');

$standby->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|terminated by signal/, $_->name . ': nothing crashed') foreach ($primary, $standby);
done_testing();
