
# cache.warm() seen from other sessions: its progress, changes under its hands,
# and a table larger than the store.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.memory = 2MB');
add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE warmed (id int PRIMARY KEY, v text);
	INSERT INTO warmed SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
	ANALYZE warmed;
	SELECT cache.attach('warmed', 'read_through', negative_ttl => '1 hour');
	CREATE ROLE nobody LOGIN;
	CREATE ROLE monitor LOGIN IN ROLE pg_read_all_stats;
));

my $progress = q(SELECT relation, phase, rows_total, rows_done, rows_filled,
	started BETWEEN now() - interval '1 hour' AND now() FROM cache.progress);

my $gate = $node->background_psql('postgres');
my $warmer = $node->background_psql('postgres', on_error_stop => 0);
my $pid = session_pid($warmer);

# A session that stops at a point of cache.warm().
sub start_warm
{
	my ($point) = @_;

	stop_at($gate, $point);
	$warmer->query_until(qr/started/,
		"\\echo started\nSET cache_strategies.test_points = '$point';\nSELECT 'filled ' || cache.warm('warmed');\n");
	wait_stopped($node, $pid);
}

sub let_go
{
	my ($point) = @_;

	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
}

sub idle
{
	$node->poll_query_until('postgres', "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $pid")
	  or die 'cache.warm() does not end';
}

# ----- progress, and changes meanwhile -----

start_warm('before_install');
is($node->safe_psql('postgres', $progress), 'warmed|loading rows|1000|0|0|t', 'progress is seen');
is($node->safe_psql('postgres', $progress, extra_params => [ '-U', 'monitor' ]),
	'warmed|loading rows|1000|0|0|t', 'by members of pg_read_all_stats, too');
is($node->safe_psql('postgres', "SELECT pid = $pid, relation, phase, rows_done FROM cache.progress",
		extra_params => [ '-U', 'nobody' ]),
	't|||', 'others see that there is something');
once_free($node, 'CREATE DATABASE other');
add_extension($node, 'other');
is($node->safe_psql('other', $progress), '', 'not from other databases');
$node->safe_psql('postgres', q(
	UPDATE warmed SET v = 'changed' WHERE id = 500;
	DELETE FROM warmed WHERE id = 501;
	UPDATE warmed SET id = 1500 WHERE id = 502;
	INSERT INTO warmed VALUES (1501, 'new');
));
let_go('before_install');
idle();
is($node->safe_psql('postgres', $progress), '', 'nothing is seen afterwards');
is(cached($node, 'warmed', 500), '(500,changed)', 'a row changed meanwhile is loaded by its key');
is(cached($node, 'warmed', 501), undef, 'a deleted one is not');
is(cached($node, 'warmed', 502), undef, 'nor one that has moved');
is(cached($node, 'warmed', 503), '(503,"row 503")', 'the others are there');
exact($node, 'warmed', 'after changes meanwhile', first => 490, last => 510);
exact($node, 'warmed', 'after changes meanwhile', first => 1495, last => 1505);

# Between the tokens and the snapshot.
foreach my $point (qw(after_token after_snapshot))
{
	$node->safe_psql('postgres', q(SELECT cache.invalidate('warmed'::regclass)));
	start_warm($point);
	$node->safe_psql('postgres', "UPDATE warmed SET v = '$point' WHERE id IN (7, 600)");
	let_go($point);
	idle();
	is(cached($node, 'warmed', 7), "(7,$point)", "a change at $point is not missed");
	exact($node, 'warmed', $point, first => 0, last => 10);
}

# What drops the whole table ends it.
start_warm('after_snapshot');
$node->safe_psql('postgres', 'SET cache_strategies.bulk_threshold = 1; UPDATE warmed SET v = v');
let_go('after_snapshot');
idle();
is(cached($node, 'warmed', 900), undef, 'it ends when the whole table is dropped from the cache');
exact($node, 'warmed', 'after that', first => 890, last => 910);

# Cancelled or terminated, it leaves nothing behind.
start_warm('before_install');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
idle();
is($node->safe_psql('postgres', $progress), '', 'nothing is left when it was cancelled');
let_go('before_install');
start_warm('before_install');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 600000)");
is($node->safe_psql('postgres', $progress), '', 'nor when the session was terminated');
let_go('before_install');
$warmer->{run}->finish;
$gate->quit;
exact($node, 'warmed', 'in the end', first => 0, last => 20);

# ----- more than fits -----

$node->safe_psql('postgres', q(
	CREATE TABLE large (id int PRIMARY KEY, v text);
	INSERT INTO large SELECT i, repeat('x', 500) FROM generate_series(1, 50000) i;
	SELECT cache.attach('large', 'read_through');
));
my $filled = $node->safe_psql('postgres', q(SELECT cache.warm('large')));
cmp_ok($filled, '>', 1000, 'a table larger than the store fills it');
cmp_ok($filled, '<', 5000, 'and no more than that');
my ($entries) = $node->safe_psql('postgres', q(
	SELECT entries FROM cache.table_stats WHERE relation = 'large'::regclass));
cmp_ok($entries, '>', $filled * 0.8, 'most of what was filled is there');
cmp_ok($node->safe_psql('postgres', q(SELECT cache.warm('large'))), '<=', $filled * 1.2, 'nor a second time');
exact($node, 'large', 'large', first => 1, last => 3000);

$node->stop;
done_testing();
