
# Statements whose kept results do not pay are left alone, and tried again.  What
# runs and hits take is said, not measured.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.results = auto', 'cache_strategies.results_min_cost = 0',
	'cache_strategies.results_adapt = on');
my $session;

add_extension($node);
$node->safe_psql(
	'postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, v int);
	INSERT INTO t SELECT i, 100 - i FROM generate_series(1, 30) i;
	SELECT cache.track('t');
	CREATE FUNCTION clock(seconds float8) RETURNS timestamptz LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_clock';
	-- a plan of the plan cache, run again and again
	CREATE FUNCTION sum_of(n int) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		s bigint;
	BEGIN
		FOR i IN 1 .. n LOOP
			SELECT sum(v) INTO s FROM t WHERE id > 10;
			ASSERT s = 1590;
		END LOOP;
	END $$;));

# Of the statements that contain this: hits, misses, those that were left alone; and what it is now.
sub counts
{
	return $node->safe_psql('postgres', qq(
		SELECT hits, misses, coalesce((bypasses ->> 'does_not_pay')::bigint, 0), state
		FROM cache.result_stats WHERE query LIKE '%$_[0]%'));
}

sub left_alone_for
{
	return $node->safe_psql('postgres', qq(SELECT left_alone_for FROM cache.result_stats WHERE query LIKE '%$_[0]%'));
}

sub begin_session
{
	my ($run, $hit) = @_;

	$session = $node->background_psql('postgres');
	costs($run, $hit);
}

sub costs
{
	$session->query_safe("SET cache_strategies.test_run = $_[0]");
	$session->query_safe("SET cache_strategies.test_hit = $_[1]");
}

# ----- what pays is kept -----

begin_session(100, 10);
$session->query_safe('SELECT sum_of(200)');
$session->quit;
is(counts('WHERE id > 10'), '197|3|0|kept', 'hits that take less than runs: kept; two more runs measure what it takes');
$node->safe_psql('postgres', 'SELECT cache.stats_reset()');
is(counts('WHERE id > 10'), '', 'cache.stats_reset() forgets all');

# ----- what does not is not -----

begin_session(10, 20);
$session->query_safe('UPDATE t SET v = v');
$session->query_safe('SELECT sum_of(200)');
$session->quit;
my ($hits, $misses, $alone, $state) = split /\|/, counts('WHERE id > 10');
is("$state $misses", 'left alone 2', 'hits that take more than runs: left alone');
cmp_ok($hits, '<', 80, 'after a trial');
is($hits + $misses + $alone, 200, 'all executions are counted');
my $first = left_alone_for('WHERE id > 10');
cmp_ok($first, '>', 1000, 'for many executions');

# Neither looks at what is kept nor keeps.
begin_session(10, 20);
$session->query_safe('SELECT sum_of(32)');
$session->quit;
is(counts('WHERE id > 10'), "$hits|2|" . ($alone + 32) . '|left alone', 'it is run as if there were no cache');
is($node->safe_psql('postgres', q(EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT sum(v) FROM t WHERE id > 10)) =~ /Result: (.*)/ ? $1 : '',
	'bypassed: keeping it does not pay at the moment', 'EXPLAIN says so');
is($node->safe_psql('postgres', q(SELECT eligible, kept, reason FROM cache.explain_result('SELECT sum(v) FROM t WHERE id > 10'))),
	't|f|Keeping it does not pay at the moment.', 'and so does cache.explain_result()');

# ----- it is tried again, and fails: twice as long -----

my $left = left_alone_for('WHERE id > 10');
begin_session(10, 20);
$session->query_safe("SELECT sum_of($left + 100)");
$session->quit;
like(counts('WHERE id > 10'), qr/left alone$/, 'it is tried again, and left alone again');
cmp_ok(counts('WHERE id > 10') =~ /^(\d+)/ ? $1 : 0, '>', $hits + 20, 'with hits');
my $second = left_alone_for('WHERE id > 10');
cmp_ok($second, '>', 1.5 * $first, 'for longer than the first time');

# ----- it is tried again, and pays -----

begin_session(1000, 1);
$session->query_safe("SELECT sum_of($second + 200)");
$session->quit;
like(counts('WHERE id > 10'), qr/kept$/, 'it is tried again, pays, and stays');

# ----- after some time, however few executions there were -----

begin_session(10, 50);
$session->query_safe('SELECT sum_of(1)');
$session->query_safe('UPDATE t SET v = v');
$session->query_safe('SELECT sum_of(200)');
like(counts('WHERE id > 10'), qr/left alone$/, 'left alone');
$session->query_safe('SELECT clock(601)');
costs(1000, 1);
$session->query_safe('SELECT sum_of(200)');
$session->query_safe('SELECT clock(NULL)');
$session->quit;
like(counts('WHERE id > 10'), qr/kept$/, 'tried again when the time is over');

# ----- a plan that was made while its shape was left alone -----

begin_session(10, 50);
$session->query_safe('SELECT sum_of(1)');
$session->query_safe('UPDATE t SET v = v');
$session->query_safe('SELECT sum_of(200)');
like(counts('WHERE id > 10'), qr/left alone$/, 'left alone');
$session->quit;
begin_session(10, 50);
$session->query_safe('SELECT sum_of(1)');
$hits = counts('WHERE id > 10') =~ /^(\d+)/ ? $1 : die;
$session->query_safe('SELECT clock(601)');
costs(1000, 1);
$session->query_safe('SELECT sum_of(100)');
$session->query_safe('SELECT clock(NULL)');
$session->quit;
like(counts('WHERE id > 10'), qr/kept$/, 'the shape is tried again');
cmp_ok(counts('WHERE id > 10') =~ /^(\d+)/ ? $1 : 0, '>', $hits + 20, 'and the plan is made anew');

# ----- what is returned while it is left alone -----

# Name, what it is in the view, what psql shows.
my @statements = (
	[ 'junk columns, names', q(SELECT v AS "a name", id * 2 FROM t WHERE id < 3 ORDER BY v % 7, id) ],
	[ 'an initplan', q(SELECT (SELECT max(v) FROM t) AS m, min(v) FROM t WHERE id > 3) ],
	[ 'a set operation', q(SELECT id FROM t WHERE id < 3 UNION ALL SELECT v FROM t WHERE id < 2 ORDER BY 1) ],
	[ 'a window function', q(SELECT id, rank() OVER (ORDER BY v) AS r FROM t WHERE id < 4 ORDER BY id DESC) ],
	[ 'a subquery in FROM', q(SELECT s.* FROM (SELECT id AS i, v FROM t OFFSET 0) s WHERE i < 3 ORDER BY i) ],
);
foreach my $of (@statements)
{
	my ($name, $sql) = @$of;
	my @psql = ('psql', '-XAt', '-P', 'tuples_only=off', '-d', $node->connstr('postgres'));
	my ($plain, $alone) = ('', '');

	IPC::Run::run([ @psql, '-c', 'SET cache_strategies.results = off', '-c', $sql ], '>', \$plain);
	begin_session(10, 1000);
	$session->query_safe("PREPARE p AS $sql");
	$session->query_safe('EXECUTE p; ' x 100);
	$session->quit;
	like(counts(substr($sql, 0, 20)), qr/left alone$/, "$name: left alone");
	foreach my $how ($sql, "PREPARE p AS $sql; EXECUTE p", "BEGIN; DECLARE c SCROLL CURSOR FOR $sql; FETCH ALL FROM c")
	{
		IPC::Run::run([ @psql, '-c', "SET cache_strategies.results = auto", '-c', $how ], '>', \$alone);
		$alone =~ s/^(PREPARE|BEGIN|DECLARE CURSOR)\n//mg;
		is($alone, $plain, "$name: the same");
	}
}

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
