
# What takes longer than cache_strategies.log_min_duration is in the server's log, and
# the last operations of all sessions are in cache.trace_log.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.trace_log_size = 5', 'cache_strategies.trace_log_sample = 1');

add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE TABLE hits (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO hits VALUES (1, 0);
	SELECT cache.attach('hits', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
));

# What a session's statements add to the log.
sub logged
{
	my (@statements) = @_;
	my $offset = -s $node->logfile;

	$node->safe_psql('postgres', join(';', @statements));
	return join("\n", slurp_file($node->logfile, $offset) =~ /LOG:  ((?:loading|flushing|computing).*? took [0-9.]+ ms)/g) =~
	  s/[0-9.]+ ms/N ms/gr;
}

is(logged('SELECT cache.read(NULL::read_through, 1)'), '', 'nothing is logged unless it is wanted');
is(logged('SET cache_strategies.log_min_duration = 0', 'SELECT cache.read(NULL::read_through, 2)', 'SELECT cache.read(NULL::read_through, 2)'),
	'loading 1 row of table "public.read_through" into the cache took N ms', 'a load, and no hit');
is(logged('SET cache_strategies.log_min_duration = 0', 'SELECT FROM cache.read_many(NULL::cache_aside, ARRAY[1, 2, 3])'),
	'loading 3 rows of table "public.cache_aside" into the cache took N ms', 'a load of several rows');
is(logged('SET cache_strategies.log_min_duration = 0', 'UPDATE hits SET n = n + 1', q(SELECT cache.flush('hits'))),
	'flushing 1 deferred writes of table "hits" took N ms', 'a flush');
is(logged('SET cache_strategies.log_min_duration = 0', q(SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM read_through'))),
	'computing a remembered result took N ms', 'a result');
is(logged('SET cache_strategies.log_min_duration = 600000', 'SELECT cache.read(NULL::read_through, 3)'), '', 'what takes less is not');
$node->safe_psql('postgres', 'CREATE ROLE low');
isnt($node->psql('postgres', 'SET ROLE low; SET cache_strategies.log_min_duration = 0'), 0, 'it is for superusers');

# Sessions that are gone.
$node->safe_psql('postgres', "SELECT cache.read(NULL::cache_aside, $_)") foreach 10 .. 17;
is($node->safe_psql('postgres', 'SELECT string_agg(key, \' \' ORDER BY number), count(DISTINCT pid) FROM cache.trace_log'),
	'(13) (14) (15) (16) (17)|5', 'the last operations of all sessions');
$node->safe_psql('postgres', 'SET cache_strategies.trace_log_sample = 0; SELECT cache.read(NULL::cache_aside, 18)');
is($node->safe_psql('postgres', 'SELECT max(key) FROM cache.trace_log'), '(17)', 'none is noted if none is wanted');

# Without room for a log.
$node->append_conf('postgresql.conf', 'cache_strategies.trace_log_size = 0');
$node->restart;
$node->safe_psql('postgres', 'SELECT cache.read(NULL::cache_aside, 18)');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.trace_log'), '0', 'there may be no log');

$node->stop;
done_testing();
