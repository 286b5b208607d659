
# What the journal has of a row that is locked is written anew when the others are
# flushed.  If that cannot be done for one row, the others are flushed all the same.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'cache_strategies.worker_timeout = 1h');

add_extension($node);
# A type whose output function can be made to fail.
$node->safe_psql('postgres', q(
	CREATE TYPE shy;
	CREATE FUNCTION shy_in(cstring) RETURNS shy LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
	CREATE FUNCTION shy_out(shy) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
	CREATE TYPE shy (INPUT = shy_in, OUTPUT = shy_out, LIKE = int4);
	CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, s shy);
	INSERT INTO t SELECT generate_series(1, 3);
	SELECT cache.attach('t', 'write_back', merge => '{"n": "add", "s": "replace"}', flush_interval => '1 day');
	UPDATE t SET n = 1, s = '7' WHERE id = 1;
	UPDATE t SET n = 1 WHERE id IN (2, 3);
	CREATE OR REPLACE FUNCTION shy_out(shy) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'trigger_out';
));

my $holder = $node->background_psql('postgres');

$holder->query_safe('BEGIN; SELECT id FROM t WHERE id IN (1, 2) FOR UPDATE');
# From now on the worker flushes it.
$node->safe_psql('postgres', q(UPDATE cache.binding_store SET flush_interval = '100 ms' WHERE relation = 't'::regclass));
# It waits for the rows, and then leaves them out.
ok($node->poll_query_until('postgres', q(
	SELECT n = 1 OR last_error LIKE 'cannot display a value%' FROM t, cache.flush_status
	WHERE id = 3 AND relation = 't'::regclass)), 'the table is flushed');
is($node->safe_psql('postgres', 'SELECT n FROM t WHERE id = 3'), '1', 'a row that no transaction holds is written')
  or die 'the rest would wait in vain';
is($node->safe_psql('postgres', 'SELECT key, sqlstate, message FROM cache.dead_letters'),
	'|0A000|cannot display a value of type trigger', 'the one that cannot be written anew is a dead letter');
is($node->safe_psql('postgres', 'SELECT (cache.read(NULL::t, 2)).n, n FROM t WHERE id = 2'), '1|0', 'the other one that is held is still deferred');
$node->stop('immediate');
eval { $holder->quit };
$node->start;
is($node->safe_psql('postgres', 'SELECT (cache.read(NULL::t, 2)).n'), '1', 'and was written anew');
ok($node->poll_query_until('postgres', 'SELECT n = 1 FROM t WHERE id = 2'), 'and arrives');
is($node->safe_psql('postgres', q(SELECT n FROM t WHERE id = 1; SELECT cache.discard('t'))), "0\n1", 'the dead letter can be thrown away');

$node->stop;
done_testing();
