
# cache.memory_advice: what is sampled adds up, larger stores are not predicted to
# be worse, the present size has the hit ratio that was counted, and a role sees
# of spaces what it may see of them.  How good predictions are is measured by
# test/unit, with requests that are the same each time.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The smallest store, of whose keys one in 16 is sampled.
my $node = new_node('main', 'cache_strategies.memory = 1MB', 'cache_strategies.max_tables = 64');

add_extension($node);

sub sql
{
	return $node->safe_psql('postgres', join(";\n", @_));
}

is(sql('SELECT relation IS NULL, space IS NULL, factor, memory, hit_ratio, reads, sampled FROM cache.memory_advice ORDER BY memory'),
	join("\n", map { "t|t|$_->[0]|$_->[1]||0|0" } [ 0.25, 262144 ], [ 0.5, 524288 ], [ 1, 1048576 ], [ 2, 2097152 ], [ 4, 4194304 ]),
	'before anything is read there are the sizes, and no prediction');

sql('CREATE TABLE t (id int PRIMARY KEY, v text)',
	"INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i",
	"SELECT cache.attach('t', 'read_through')");

# 20,000 rows do not fit into 1 MB; some are read more often than others.
sql('SELECT count(cache.read(NULL::t, 1 + (i * 7919 + j * j * 31) % (20000 / j))) FROM generate_series(1, 8) j, generate_series(1, 8000) i');

is(sql('SELECT relation, count(*), min(reads), max(reads) FROM cache.memory_advice GROUP BY 1 ORDER BY 1'),
	"t|5|64000|64000\n|5|64000|64000", 'all reads are counted, of the table and in total');
is(sql("SELECT count(*) FROM cache.memory_advice WHERE sampled BETWEEN 64000 / 16 * 0.7 AND 64000 / 16 * 1.3"),
	'10', 'about one key in 16 is sampled');
is(sql("SELECT a.hit_ratio - s.hit_ratio FROM cache.memory_advice a JOIN cache.table_stats s USING (relation) WHERE factor = 1"),
	'0.0000', 'for the present size the hit ratio is the one that was counted');
is(sql('SELECT bool_and(hit_ratio >= last) FROM (SELECT hit_ratio, lag(hit_ratio) OVER (PARTITION BY relation ORDER BY memory) AS last FROM cache.memory_advice) a WHERE last IS NOT NULL'),
	't', 'no larger store is predicted to be worse');
is(sql("SELECT max(hit_ratio) > min(hit_ratio) + 0.2 FROM cache.memory_advice WHERE relation = 't'::regclass"),
	't', 'and a larger one is predicted to be better, as the rows do not fit');

# What is predicted for 4 MB, against a store of 4 MB that gets the same reads.
my $predicted = sql("SELECT hit_ratio FROM cache.memory_advice WHERE relation = 't'::regclass AND factor = 4");
$node->append_conf('postgresql.conf', 'cache_strategies.memory = 4MB');
$node->restart;
sql('SELECT count(cache.read(NULL::t, 1 + (i * 7919 + j * j * 31) % (20000 / j))) FROM generate_series(1, 8) j, generate_series(1, 8000) i');
my $measured = sql("SELECT hit_ratio FROM cache.table_stats WHERE relation = 't'::regclass");
cmp_ok(abs($predicted - $measured), '<=', 0.03, "a store of 4 MB was predicted to hit $predicted, and hits $measured");

# ----- changes, keys and values, results -----

sql('SELECT cache.stats_reset()');
is(sql("SELECT reads, sampled FROM cache.memory_advice WHERE factor = 1 AND relation IS NULL"), '0|0',
	'cache.stats_reset() resets what was sampled');
sql("SELECT cache.detach('t')", 'TRUNCATE t', "INSERT INTO t SELECT i, 'x' FROM generate_series(1, 2000) i",
	"SELECT cache.attach('t', 'cache_aside')", 'SELECT count(cache.read(NULL::t, i)) FROM generate_series(1, 2000) i',
	'SELECT cache.stats_reset()',
	'SELECT count(cache.read(NULL::t, i)) FROM generate_series(1, 2000) i', "UPDATE t SET v = 'y'",
	'SELECT count(cache.read(NULL::t, i)) FROM generate_series(1, 2000) i');
is(sql("SELECT string_agg(DISTINCT hit_ratio::text, ' ') FROM cache.memory_advice WHERE relation = 't'::regclass"), '0.5000',
	'changed rows are missed by stores of any size');

sql('CREATE ROLE app', "SELECT cache.create_space('carts', owner => 'app')",
	"SELECT count(cache.set(i::text, 'cart', space => 'carts')) FROM generate_series(1, 1000) i",
	"SELECT count(cache.get(i::text, space => 'carts')) FROM generate_series(1, 1000) i");
is(sql("SELECT string_agg(DISTINCT hit_ratio::text, ' '), min(reads), min(sampled) > 20 FROM cache.memory_advice WHERE space = 'carts'"),
	'1.0000|1000|t', 'reads of a space are sampled');
sql('CREATE ROLE other LOGIN');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.memory_advice WHERE space IS NOT NULL', extra_params => [ '-U', 'other' ]),
	'0', 'a role that may not read a space does not see it');
is($node->safe_psql('postgres', "SELECT count(*) FROM cache.memory_advice WHERE relation = 't'::regclass", extra_params => [ '-U', 'other' ]),
	'5', 'it sees tables, as in cache.table_stats');

done_testing();
