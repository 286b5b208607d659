
# kill -9 of sessions at the test points: the server starts anew, and has all of the
# transaction or nothing of it, according to where it was; what is read is exact, rows
# are kept again, and the transaction can be done afterwards.
#
# Each point of the source, in each protocol that passes it, with FAULTS=all ("make
# faults"); otherwise a sample of them, another one each time.  FAULT_SEED says which.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use List::Util qw(shuffle);
use PointCases;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant SAMPLE => 10;

my $all = ($ENV{FAULTS} // '') eq 'all';
my $seed = $ENV{FAULT_SEED} // int(rand(1 << 30));

$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'restart_after_crash = on', 'max_connections = 20');

# Each case begins in a new database.
$node->safe_psql('postgres', 'CREATE DATABASE origin');
add_extension($node, 'origin');
create_point_tables($node, 'origin');
$node->safe_psql('origin', <<'SQL');
	-- All that outlives a crash: rows as they are read, what there is besides, and after
	-- a flush the rows once more.  What is deferred for a volatile table is not among it.
	CREATE FUNCTION rows_of(t regclass) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		rows text;
	BEGIN
		EXECUTE format('SELECT string_agg(r::text, '' '' ORDER BY r::text) FROM %s r',
			CASE WHEN EXISTS (SELECT FROM cache.bindings b WHERE b.relation = t AND b.strategy = 'write_back')
				THEN format('cache.scan(NULL::%s)', t) ELSE t::text END) INTO rows;
		RETURN concat(t, ': ', rows);
	END $$;

	CREATE FUNCTION lasting() RETURNS SETOF regclass LANGUAGE sql AS $$
		SELECT c.oid::regclass FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			AND c.relname <> 'volatile' ORDER BY c.relname $$;

	CREATE FUNCTION world() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		read text := (SELECT string_agg(rows_of(t), '; ') FROM lasting() t);
		flushed text;
	BEGIN
		PERFORM cache.flush();
		flushed := (SELECT string_agg(rows_of(t), '; ') FROM lasting() t);
		RETURN concat_ws('; ', read, CASE WHEN flushed <> read THEN 'flushed: ' || flushed END,
			(SELECT string_agg(relation::text || ' ' || strategy, ' ' ORDER BY relation::text) FROM cache.bindings),
			(SELECT string_agg(relation::text, ' ' ORDER BY relation::text) FROM cache.tracked),
			(SELECT string_agg(name, ' ' ORDER BY name) FROM cache.spaces),
			(SELECT string_agg(gid, ' ') FROM pg_prepared_xacts));
	END $$;
SQL

sub sql
{
	return $node->safe_psql('work', join(";\n", grep { defined } @_));
}

# What is executed before all cases from here on.
my @setup;

sub begin_anew
{
	my ($case) = @_;

	$node->safe_psql('work', "ROLLBACK PREPARED 'p'")
	  if $node->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts') > 0;
	$node->safe_psql('postgres', 'DROP DATABASE IF EXISTS work WITH (FORCE)');
	once_free($node, 'CREATE DATABASE work TEMPLATE origin');
	attach_point_tables($node, 'work');
	sql(@setup, $case->{before});
}

# The world before the case and after it, and all rows that the volatile table may have
# after a crash.
my %worlds;

sub worlds
{
	my ($case, $number) = @_;

	return @{ $worlds{$number} } if defined $worlds{$number};
	begin_anew($case);
	my $table = $node->safe_psql('work', "SELECT v FROM volatile v");
	my $rows = "SELECT v FROM cache.scan(NULL::volatile) v";
	my $before = $case->{locks} ? $table : sql($rows);
	# world() flushes
	my $old = sql('SELECT world()');

	begin_anew($case);
	sql($case->{settings}, $case->{sql});
	# also what the table has when all that was deferred is lost
	my $after = $node->safe_psql('work', 'SELECT v FROM volatile v') . "\n" . ($case->{locks} ? '' : sql($rows));

	$worlds{$number} = [ $old, sql('SELECT world()'), { map { $_ => 1 } split /\n/, "$table\n$before\n$after" } ];
	return @{ $worlds{$number} };
}

sub killed
{
	my ($case, $number, $file, $point) = @_;
	my $name = "killed at $point of $file: $case->{name}";
	my ($old, $new, $possible) = worlds($case, $number);
	my ($gate, $session, $pid, $found);

	begin_anew($case);
	$gate = $node->background_psql('work', on_error_stop => 0);
	stop_at($gate, $point);
	$session = $node->background_psql('work', on_error_stop => 0);
	$pid = session_pid($session);
	$session->query_safe($case->{settings}) if defined $case->{settings};
	$session->query_until(qr/started/, "\\echo started\nSET cache_strategies.test_points = '$point';\n$case->{sql};\n");
	wait_stopped($node, $pid);
	kill_server_process($node, $pid);
	eval { $_->{run}->kill_kill } foreach $gate, $session;

	$found = sql('SELECT string_agg(v::text, E\'\n\') FROM ' . ($case->{locks} ? 'volatile v' : 'cache.scan(NULL::volatile) v'));
	is(join(' ', grep { !$possible->{$_} } split /\n/, $found), '', "$name: the volatile table has nothing that was not there")
	  unless $case->{locks};
	is(sql('SELECT count(*) FROM cache.keys()'), '0', "$name: there are no keys");
	is(sql('SELECT world()'), $held{$point} ? $new : $old, "$name: " . ($held{$point} ? 'all of it is there' : 'nothing of it is there'))
	  or return;
	if (!$case->{locks} || !$held{$point})
	{
		sql("COMMIT PREPARED 'p'") if $held{$point} && $case->{sql} =~ /PREPARE TRANSACTION/;
		is(sql('SELECT problems()'), '', "$name: what is read is exact, and kept");
	}
	return if $held{$point};
	# what was deferred before has been flushed; it makes no difference to the rows
	sql($case->{settings}, $case->{sql});
	is(sql('SELECT world()'), $new, "$name: and done afterwards");
}

# ----- each point, or some -----

my @kills;
my %points = %{ source_points() };
my $number = 0;

foreach my $item (point_cases())
{
	if (!ref $item)
	{
		push @setup, $item;
		next;
	}
	my ($file, $points, @cases) = @$item;
	my @before = @setup;

	foreach my $case (@cases)
	{
		$number++;
		push @kills, [ $case, $number, $file, $_, [@before] ] foreach @$points;
	}
}

my %tried = map { ("$_->[2] $_->[3]" => 1) } @kills;

is(join(' ', grep { !$tried{$_} } sort keys %points), 'kv/change.c kv_immediate_checked', 'there is a case for each point but one');
if (!$all)
{
	note "seed $seed";
	srand($seed);
	@kills = (shuffle @kills)[ 0 .. SAMPLE - 1 ];
}
foreach my $kill (@kills)
{
	my @args = @$kill;

	@setup = @{ pop @args };
	killed(@args);
}

# ----- the point under a partition lock: the session sleeps there -----

begin_anew({});
my $session = $node->background_psql('work', on_error_stop => 0);
my $pid = session_pid($session);

sql("SELECT cache.set('changed', 'old')");
$session->query_until(qr/started/, "SET cache_strategies.test_points = 'kv_immediate_checked';\nSET cache_strategies.test_delay = 100000;\n\\echo started\n"
	  . "SELECT cache.set('changed', 'new', immediate => true) FROM generate_series(1, 1000000) i;\n");
sql("DO 'BEGIN WHILE cache.get(''changed'') <> ''new'' LOOP PERFORM pg_sleep(0.01); END LOOP; END'");
kill_server_process($node, $pid);
eval { $session->{run}->kill_kill };
is(sql(q(SELECT count(*) FROM cache.keys())), '0', 'killed at kv_immediate_checked: there are no keys');
is(sql(key_case()->{before}, key_case()->{then}) =~ /t$/, 1, 'killed at kv_immediate_checked: keys can be changed');
is(sql('SELECT problems()'), '', 'killed at kv_immediate_checked: what is read is exact, and kept');

note scalar(@kills) + 1 . ' kills';
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal (?!9\b)/, 'nothing else crashed');
done_testing();
