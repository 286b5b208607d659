
# Remembered results and what survives a server that they do not: prepared
# transactions, across a restart, a crash, and a promotion.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'restart_after_crash = on');

add_extension($node);
$node->safe_psql(
	'postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, v int);
	INSERT INTO t VALUES (1, 1), (2, 2);
	CREATE TABLE other (id int);
	SELECT cache.track('t');
	CREATE SEQUENCE runs;
	CREATE FUNCTION counted(bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
	BEGIN
		-- a standby cannot, nor can a transaction that began on one
		IF current_setting('transaction_read_only') = 'off' THEN
			PERFORM nextval('runs');
		END IF;
		RETURN $1;
	END $$;
	-- what is remembered, and whether it is right, in one statement
	CREATE FUNCTION look() RETURNS text LANGUAGE sql AS $$
		SELECT s || CASE WHEN s = sum THEN '' ELSE ' instead of ' || sum END
		FROM (SELECT (cache.remember('k', '1 hour', 'SELECT counted(sum(v)) AS s FROM t', reads => '{}', beta => 0) -> 0 ->> 's')::int AS s,
			(SELECT sum(v) FROM t) OFFSET 0) x
	$$;
));

my $before = 0;

# What these SELECTs answer, and how often the query has been run for it.
sub answers
{
	my ($server, $times, $selects) = @_;
	my @answers = split /\n/, $server->safe_psql('postgres', $selects x $times);
	my $now = $server->safe_psql('postgres', 'SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM runs');
	my $runs = $now - $before;

	$before = $now;
	return join(' ', @answers) . " in $runs";
}

sub look { return answers(@_, 'SELECT look();'); }
sub look_at_values { return answers(@_, 'SELECT look_at(1); SELECT look_at(2);'); }

# A crash leaves a gap in the sequence.
sub recount
{
	my ($server) = @_;
	$before = $server->safe_psql('postgres', 'SELECT last_value FROM runs');
}

sub prepare
{
	my ($server, $gid) = @_;
	$server->safe_psql('postgres', "BEGIN; UPDATE t SET v = v + 100 WHERE id = 1; PREPARE TRANSACTION '$gid'");
}

is(look($node, 3), '3 3 3 in 1', 'kept');

foreach my $how (qw(fast immediate))
{
	my $rr;

	prepare($node, 'pending');
	is(look($node, 2), '3 3 in 2', "$how: not kept while a change is prepared");
	$node->stop($how);
	$node->start;
	recount($node);
	is(look($node, 2), '3 3 in 2', "$how: nor after a restart");

	# whose snapshot shows the prepared transaction as running
	$rr = $node->background_psql('postgres');
	$rr->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$node->safe_psql('postgres', q(COMMIT PREPARED 'pending'));
	is(look($node, 3), '103 103 103 in 1', "$how: kept when it has ended");
	is($rr->query_safe('SELECT look()'), '3', "$how: not for a snapshot from before");
	$rr->quit;
	look($node, 1);
	$node->safe_psql('postgres', q(UPDATE t SET v = v - 100 WHERE id = 1));
	is(look($node, 2), '3 3 in 1', "$how: and it falls with the next change");
}

# ----- rows with one value -----

$node->safe_psql(
	'postgres', q(
	CREATE TABLE by_value (id int PRIMARY KEY, k int, v int);
	INSERT INTO by_value VALUES (1, 1, 1), (2, 2, 2);
	SELECT cache.track('by_value', by_value => true);
	CREATE FUNCTION look_at(int) RETURNS text LANGUAGE sql AS $$
		SELECT s || CASE WHEN s = sum THEN '' ELSE ' instead of ' || sum END
		FROM (SELECT (cache.remember('v', '1 hour', 'SELECT counted(sum(v)) AS s FROM by_value WHERE k = $1::int', ARRAY[$1], reads => '{}', beta => 0) -> 0 ->> 's')::int AS s,
			(SELECT sum(v) FROM by_value WHERE k = $1) OFFSET 0) x
	$$;
));

is(look_at_values($node, 2), '1 2 1 2 in 2', 'by value: kept');
$node->safe_psql('postgres', 'UPDATE by_value SET v = 20 WHERE k = 2');
is(look_at_values($node, 1), '1 20 in 1', 'by value: only the one that was changed falls');

foreach my $how (qw(fast immediate))
{
	my $rr;

	$node->safe_psql('postgres', "BEGIN; UPDATE by_value SET v = v + 100 WHERE k = 1; PREPARE TRANSACTION 'value'");
	is(look_at_values($node, 2), '1 20 1 20 in 2', "by value, $how: not kept while a change of it is prepared, the other is");
	$node->stop($how);
	$node->start;
	recount($node);
	is(look_at_values($node, 2), '1 20 1 20 in 4', "by value, $how: after a restart it is not known what is prepared");
	$rr = $node->background_psql('postgres');
	$rr->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	$node->safe_psql('postgres', q(COMMIT PREPARED 'value'));
	is(look_at_values($node, 2), '101 20 101 20 in 2', "by value, $how: kept when it has ended");
	is($rr->query_safe('SELECT look_at(1)'), '1', "by value, $how: not for a snapshot from before");
	$rr->quit;
	look_at_values($node, 1);
	$node->safe_psql('postgres', q(UPDATE by_value SET v = v - 100 WHERE id = 1));
	is(look_at_values($node, 2), '1 20 1 20 in 1', "by value, $how: and it falls with the next change");
}

# ----- standby and promotion -----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
prepare($node, 'promoted');
$node->wait_for_catchup($standby, 'replay');
is($standby->safe_psql('postgres', 'SELECT look(); SELECT look()'), "3\n3", 'standby: the query is run');
is($standby->safe_psql('postgres', 'SELECT count(*) FROM cache.space_stats WHERE entries > 0'), '0', 'standby: and nothing is kept');
$node->safe_psql('postgres', 'UPDATE t SET v = v + 10 WHERE id = 2');
$node->wait_for_catchup($standby, 'replay');
is($standby->safe_psql('postgres', 'SELECT look()'), '13', 'standby: a change of the primary is seen');
my $old = $standby->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$node->stop;
$standby->promote;
recount($standby);
is(look($standby, 2), '13 13 in 2', 'promoted: not kept while a change is prepared');
$standby->safe_psql('postgres', q(COMMIT PREPARED 'promoted'));
is(look($standby, 3), '113 113 113 in 1', 'promoted: kept when it has ended');
is($old->query_safe('SELECT look()'), '13', 'promoted: not for a snapshot from before');
$old->quit;

$standby->stop;
done_testing();
