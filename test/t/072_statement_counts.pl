
# The rows of deferred UPDATEs in pg_stat_statements, whichever library is preloaded
# first: of a statement with several parts those of the main one.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main');
my @statements = (
	[ 'UPDATE hits SET n = n + 1', 5 ],
	[ 'UPDATE hits SET n = n + 1 WHERE id > 3', 2 ],
	[ 'WITH u AS (UPDATE hits SET n = n + 1 WHERE id <= 3) SELECT 1', 1 ],
	[ 'WITH u AS (UPDATE hits SET n = n + 1 WHERE id <= 3) UPDATE hits SET n = n + 1 WHERE id = 4', 1 ],
	[ 'WITH u AS (UPDATE hits SET n = n + 1 WHERE id <= 3) DELETE FROM hits WHERE id = 7', 0 ]);

foreach my $libraries ('pg_stat_statements, cache_strategies', 'cache_strategies, pg_stat_statements')
{
	$node->append_conf('postgresql.conf', "shared_preload_libraries = '$libraries'");
	$node->restart;
	$node->safe_psql('postgres', q(
		CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
		CREATE EXTENSION IF NOT EXISTS cache_strategies;
		CREATE TABLE hits (id int PRIMARY KEY, n int);
		INSERT INTO hits SELECT i, 0 FROM generate_series(1, 5) i;
		SELECT cache.attach('hits', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
	));
	foreach my $test (@statements)
	{
		my ($statement, $rows) = @$test;

		$node->safe_psql('postgres', 'SELECT pg_stat_statements_reset()');
		$node->safe_psql('postgres', $statement);
		is($node->safe_psql('postgres', q(SELECT rows FROM pg_stat_statements WHERE query ~ '^(WITH|UPDATE)')),
			$rows, "$libraries: $statement");
	}
	is($node->safe_psql('postgres', 'SELECT count(*) FROM hits WHERE n <> 0'), '0', 'they were deferred');
	$node->safe_psql('postgres', q(SELECT cache.detach('hits'); DROP TABLE hits));
}
$node->stop;

done_testing();
