
# Restores with --disable-triggers, and deferred writes whose table has its triggers
# disabled when the worker comes for them: the cache is used afterwards, and nothing
# stays where it is.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main');
my $dump = $node->basedir . '/data.dump';

add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE TABLE deferring (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO deferring SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('deferring', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
	CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
	INSERT INTO parted SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('parted');
));
my @tables = (@strategies, 'parted');
my @names = map { ('-t', $_) } @tables, 'deferring', 'parted_1';
my $problems = 'SELECT relation, problem FROM cache.bindings WHERE problem IS NOT NULL';

# ----- restores -----

$node->command_ok([ 'pg_dump', '-Fc', '--data-only', '-f', $dump, @names, 'postgres' ], 'pg_dump --data-only');
$node->safe_psql('postgres', join(';', (map { "UPDATE $_ SET v = 'changed'" } @tables), "UPDATE deferring SET v = 'changed'"));
in_turn($node, 'postgres', warmed_step($_, 1, $_)) foreach @tables;
$node->safe_psql('postgres', 'UPDATE deferring SET n = n + 5; TRUNCATE ' . join(', ', @tables));
is($node->safe_psql('postgres', 'SELECT sum(n) FROM deferring'), '0', 'writes are deferred');
# their table is emptied and loaded without the triggers
my ($stdout, $stderr) = run_command([
	'pg_restore', '--data-only', '--disable-triggers', '-1', '-d', $node->connstr('postgres'), $dump ]);
like($stderr, qr/duplicate key value violates unique constraint "deferring_pkey"/, 'rows that are there are not loaded');
is($node->safe_psql('postgres', 'SELECT sum((cache.read(NULL::deferring, id)).n) FROM deferring'), '100', 'and what was deferred still is');
$node->safe_psql('postgres', 'ALTER TABLE deferring DISABLE TRIGGER ALL; DELETE FROM deferring; ALTER TABLE deferring ENABLE TRIGGER ALL');
$node->command_ok([
	'pg_restore', '--data-only', '--disable-triggers', '-d', $node->connstr('postgres'), $dump ], 'pg_restore --disable-triggers');
is($node->safe_psql('postgres', $problems), '', 'all triggers are in force afterwards');
in_turn($node, 'postgres',
	says("SELECT count(*) FROM $_ WHERE v = 'row ' || id", '20', "$_ is as it was dumped"),
	exact_step($_, $_),
	warmed_step($_, 1, $_),
	"UPDATE $_ SET v = 'new' WHERE id = 1",
	exact_step($_, "$_, changed")) foreach @tables;
is($node->safe_psql('postgres', 'SELECT sum((cache.read(NULL::deferring, id)).n), sum(n) FROM deferring'), '0|0', 'deferred writes of before were written before');
is($node->safe_psql('postgres', 'UPDATE deferring SET n = n + 1 WHERE id = 1; SELECT n, (cache.read(NULL::deferring, 1)).n FROM deferring WHERE id = 1'), '0|1', 'and writes are deferred again');

# ----- the worker -----

# Under an old snapshot what is deferred cannot be written before the triggers go.
$node->safe_psql('postgres', q(
	SELECT cache.attach('deferring', 'write_back', merge => '{"n": "add"}', flush_interval => '2s');
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT 1;
	UPDATE deferring SET n = n + 10 WHERE id = 2;
	ALTER TABLE deferring DISABLE TRIGGER ALL;
	COMMIT;
));
ok($node->poll_query_until('postgres', 'SELECT n = 10 FROM deferring WHERE id = 2'), 'what is deferred arrives while triggers are disabled');
ok($node->poll_query_until('postgres', q(SELECT dirty_entries = 0 FROM cache.flush_status)), 'nothing is left');
is($node->safe_psql('postgres', 'SELECT last_error FROM cache.flush_status'), '', 'and there was no error');
is($node->safe_psql('postgres', q(SELECT cache.increment(NULL::deferring, 'n', 1, 2); SELECT n FROM deferring WHERE id = 2)), "11\n11", 'nothing more is deferred');

# Triggers that are gone: the worker waits, and says what to do.
$node->safe_psql('postgres', q(
	ALTER TABLE deferring ENABLE TRIGGER ALL;
	BEGIN ISOLATION LEVEL REPEATABLE READ;
	SELECT 1;
	UPDATE deferring SET n = n + 10 WHERE id = 3;
	DROP TRIGGER zz_cache_strategies_defer ON deferring;
	COMMIT;
));
ok($node->poll_query_until('postgres', q(SELECT last_error LIKE '%lacks the triggers for deferred writes%' FROM cache.flush_status)), 'the worker says what is missing');
is($node->safe_psql('postgres', $problems), 'deferring|trigger "zz_cache_strategies_defer" is missing', 'and so does cache.bindings');
is($node->safe_psql('postgres', q(SELECT cache.repair('deferring'))), 't', 'cache.repair()');
ok($node->poll_query_until('postgres', 'SELECT n = 10 FROM deferring WHERE id = 3'), 'what is deferred arrives then');
is($node->safe_psql('postgres', $problems), '', 'all is well');

$node->stop;
done_testing();
