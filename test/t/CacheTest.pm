
# What the TAP tests have in common: clusters with the extension, one table per
# strategy, and two questions.  Is what cache.read() returns what the table
# holds?  Does the cache hold a row?

package CacheTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(
  @strategies
  $superuser
  $slowness
  new_node
  add_extension
  create_tables
  once_free
  in_turn
  says
  exact
  tables_exact
  exact_step
  cached
  warmed
  tables_warmed
  warmed_step
  stop_at
  wait_stopped
  session_pid
  kill_server_process
);

# Each has a table of its name in create_tables().
our @strategies = qw(cache_aside read_through write_through write_around);

# The role that a cluster begins with has the name of the user who makes it.
our $superuser = getpwuid($<);

# How many times as long as usual what has a limit may take, as under valgrind.
our $slowness = $ENV{CS_TEST_SLOWNESS} // 1;

# A cluster begins as a copy of INITDB_TEMPLATE, as from PostgreSQL 17 on it does by
# itself; an initdb takes several times as long.
{
	no warnings 'redefine';
	my $system_or_bail = \&PostgreSQL::Test::Utils::system_or_bail;

	*PostgreSQL::Test::Utils::system_or_bail = sub {
		my ($program, undef, $data, @options) = @_;

		return $system_or_bail->('cp', '-RPp', $ENV{INITDB_TEMPLATE}, $data)
		  if $program eq 'initdb' && "@options" eq '-A trust -N' && -d ($ENV{INITDB_TEMPLATE} // '');
		return $system_or_bail->(@_);
	};
}

# A session's queries, and its end, have a limit each: not the session as a whole,
# which lasts as long as a slow machine needs for what the test does meanwhile.
{
	no warnings 'redefine';
	my $background_psql = \&PostgreSQL::Test::Cluster::background_psql;
	my $quit = \&PostgreSQL::Test::BackgroundPsql::quit;

	*PostgreSQL::Test::Cluster::background_psql = sub {
		my $session = $background_psql->(@_);

		$session->set_query_timer_restart;
		return $session;
	};
	*PostgreSQL::Test::BackgroundPsql::quit = sub {
		$_[0]->{timeout}->start;
		return $quit->(@_);
	};
}

# A psql that cannot connect, as to a server that is just starting, may end before it
# has read the query.  IPC::Run dies of that (EPIPE), and the question is asked again.
{
	no warnings 'redefine';
	my $poll_query_until = \&PostgreSQL::Test::Cluster::poll_query_until;

	*PostgreSQL::Test::Cluster::poll_query_until = sub {
		my $end = time + $PostgreSQL::Test::Utils::timeout_default;

		while (1)
		{
			my $result = eval { $poll_query_until->(@_) };

			return $result if $@ eq '';
			die $@ if $@ !~ /Broken pipe/ || time > $end;
		}
	};
}

# new_node(NAME, SETTING...): a running cluster with the library preloaded.  No
# session loads a row by itself because another takes long.
sub new_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(allows_streaming => 'logical');
	$node->append_conf('postgresql.conf', join("\n",
			"shared_preload_libraries = 'cache_strategies'",
			"max_prepared_transactions = 20",
			"autovacuum = off",
			"cache_strategies.load_timeout = '1h'",
			"cache_strategies.results_adapt = off",
			@settings) . "\n");
	$node->start;
	return $node;
}

sub add_extension
{
	my ($node, $db) = @_;

	$node->safe_psql($db // 'postgres', 'CREATE EXTENSION cache_strategies');
}

# One table per strategy with the rows 1 to 20, attached unless told otherwise.
sub create_tables
{
	my ($node, %args) = @_;
	my $sql = '';

	foreach my $name (@strategies)
	{
		$sql .= qq(
			CREATE TABLE $name (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
		);
		$sql .= qq(
			INSERT INTO $name SELECT i, 'row ' || i FROM generate_series(1, 20) i;
		) unless $args{empty};
		$sql .= qq(
			SELECT cache.attach('$name', '$name', negative_ttl => '1 hour');
		) unless $args{detached};
	}
	$node->safe_psql($args{db} // 'postgres', $sql);
}

# DROP DATABASE, or CREATE DATABASE with a template: PostgreSQL waits five seconds
# for those who are connected, and it may take longer until a session that has been
# closed, or a worker that has nothing to do, is gone.
sub once_free
{
	my ($node, $sql) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my ($ret, $out, $err);

	do
	{
		($ret, $out, $err) = $node->psql('postgres', $sql);
	} while ($ret != 0 && $err =~ /is being accessed by other users/ && time < $end);
	die $err if $ret != 0;
	return $out;
}

# in_turn(NODE, DATABASE, STEP...): each step in a session of its own, one after the
# other; a psql that connects anew costs much less than another one.  A step is SQL,
# or SQL and what is done with its answer, once all have been asked, and perhaps
# another database.
sub in_turn
{
	my ($node, $db, @steps) = @_;
	my $end = 'this was the answer';
	my $script = '';
	my @answers;

	$db //= 'postgres';
	@steps = map { ref $_ ? $_ : [$_] } @steps;
	foreach my $step (@steps)
	{
		my ($sql, undef, $other) = @$step;

		$script .= '\connect ' . ($other // $db) . "\n" if $script ne '' || defined $other;
		$script .= "$sql;\n\\echo $end\n";
	}
	@answers = split /^$end\n?/m, $node->safe_psql($db, $script), -1;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $step (@steps)
	{
		my $answer = shift @answers;

		chomp $answer;
		$step->[1]->($answer) if defined $step->[1];
	}
}

# A step: SQL, and the answer that is expected.
sub says
{
	my ($sql, $expected, $name) = @_;

	return [
		$sql,
		sub {
			local $Test::Builder::Level = $Test::Builder::Level + 1;
			is($_[0], $expected, $name);
		} ];
}

# The answers to so many queries of one line each, in one.
sub lines
{
	my ($answer, $n) = @_;
	my @lines = split /\n/, $answer, -1;

	push @lines, '' while @lines < $n;
	return @lines;
}

# The keys for which cache.read() and SELECT disagree in one statement.
sub differences
{
	my ($table, %args) = @_;
	my $first = $args{first} // 0;
	my $last = $args{last} // 25;

	return qq(
		SELECT string_agg(format('%s: cache %s, table %s', k,
			coalesce(c, 'none'), coalesce(t, 'none')), '; ' ORDER BY k)
		FROM (SELECT k, cache.read(NULL::$table, k)::text AS c,
				(SELECT x::text FROM $table x WHERE x.id = k) AS t
			FROM generate_series($first, $last) k OFFSET 0) s
		WHERE c IS DISTINCT FROM t);
}

# exact(NODE, TABLE, TEST NAME, db =>, first =>, last =>): asked twice, so that
# what the first round has filled is compared too.
sub exact
{
	my ($node, $table, $name, %args) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, $args{db}, exact_step($table, $name, %args));
}

sub tables_exact
{
	my ($node, $name, %args) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, $args{db}, exact_step(\@strategies, $name, %args));
}

# Of one table, or of several.
sub exact_step
{
	my ($table, $name, %args) = @_;
	my @tables = ref $table ? @$table : ($table);

	return [
		join(";\n", map { (differences($_, %args)) x 2 } @tables),
		sub {
			my @found = lines(shift, 2 * @tables);

			local $Test::Builder::Level = $Test::Builder::Level + 1;
			foreach (@tables)
			{
				my ($first, $second) = splice(@found, 0, 2);

				is($first . $second, '', "$name: $_ is read exactly");
			}
		} ];
}

# cached(NODE, TABLE, KEY): what the cache holds; undef when nothing.
sub cached
{
	my ($node, $table, $key, $db) = @_;
	my $row = $node->safe_psql($db // 'postgres',
		"SELECT cache.lookup(NULL::$table, $key)");

	return $row eq '' ? undef : $row;
}

# Read until the row is in the cache; write_around lets it in on its second
# read, and triggers have to be looked at by the first after DDL.
sub warmed
{
	my ($node, $table, $key, $name, %args) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, $args{db}, warmed_step($table, $key, $name));
}

sub tables_warmed
{
	my ($node, $key, $name, %args) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, $args{db}, warmed_step(\@strategies, $key, $name));
}

# Of one table, or of several; likewise the key.
sub warmed_step
{
	my ($table, $key, $name) = @_;
	my @rows = map { my $k = $_; map { [ $_, $k ] } ref $table ? @$table : ($table) } ref $key ? @$key : ($key);

	return [
		join(
			";\n",
			map {
				my ($t, $k) = @$_;
				(   ("SELECT cache.read(NULL::$t, $k)") x 3,
					"SELECT coalesce(cache.lookup(NULL::$t, $k)::text, 'nothing')")
			} @rows),
		sub {
			my @found = lines(shift, 4 * @rows);

			local $Test::Builder::Level = $Test::Builder::Level + 1;
			foreach (@rows)
			{
				my @answers = splice(@found, 0, 4);

				is($answers[3], $answers[0], "$name: $_->[0] keeps what was read" . (ref $key ? " of $_->[1]" : ''));
			}
		} ];
}

# stop_at(GATE SESSION, POINT): from now on sessions that name the point in
# cache_strategies.test_points stop there.
sub stop_at
{
	my ($gate, $point) = @_;

	$gate->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
}

sub wait_stopped
{
	my ($node, $pid) = @_;

	$node->poll_query_until('postgres', qq(
		SELECT count(*) = 1 FROM pg_locks
		WHERE locktype = 'advisory' AND NOT granted AND pid = $pid))
	  or die "session $pid did not reach the test point";
}

sub session_pid
{
	my ($session) = @_;

	return $session->query_safe('SELECT pg_backend_pid()');
}

# One process, by kill -9; and the server comes back.
sub kill_server_process
{
	my ($node, $pid) = @_;

	kill 'KILL', $pid;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
}

1;
