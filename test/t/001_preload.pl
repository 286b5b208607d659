
# Servers in which the library is not preloaded, and settings.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;

# ----- not preloaded -----

my (undef, undef, $warning) = $node->psql('postgres', 'CREATE EXTENSION cache_strategies');
like($warning, qr/WARNING:  cache_strategies is not loaded, and its functions will fail\nHINT:  Add cache_strategies to shared_preload_libraries and restart the server\./,
	'CREATE EXTENSION warns that the library is not preloaded');
is( $node->safe_psql(
		'postgres', q(SELECT count(*) FROM pg_extension WHERE extname = 'cache_strategies')),
	'1', 'CREATE EXTENSION works without the library preloaded');

$node->safe_psql(
	'postgres', q(
	CREATE TABLE t (id int PRIMARY KEY, v text, n int);
	INSERT INTO t VALUES (1, 'one', 1);
));

my %calls = (
	'cache.attach' => q(SELECT cache.attach('t')),
	'cache.detach' => q(SELECT cache.detach('t')),
	'cache.repair' => q(SELECT cache.repair('t')),
	'cache.read' => q(SELECT cache.read(NULL::t, 1)),
	'cache.read_row' => q(SELECT * FROM cache.read_row(NULL::t, 1)),
	'cache.read_many' => q(SELECT cache.read_many(NULL::t, ARRAY[1])),
	'cache.lookup' => q(SELECT cache.lookup(NULL::t, 1)),
	'cache.fill' => q(SELECT cache.fill(t) FROM t),
	'cache.warm' => q(SELECT cache.warm('t')),
	'cache.verify' => q(SELECT cache.verify('t')),
	'cache.audit_stats' => q(SELECT * FROM cache.audit_stats),
	'cache.write' => q(SELECT cache.write(t) FROM t),
	'cache.remove' => q(SELECT cache.remove(NULL::t, 1)),
	'cache.increment' => q(SELECT cache.increment(NULL::t, 'n', 1, 1)),
	'cache.flush' => q(SELECT cache.flush()),
	'cache.scan' => q(SELECT * FROM cache.scan(NULL::t)),
	'cache.requeue' => q(SELECT cache.requeue()),
	'cache.discard' => q(SELECT cache.discard()),
	'cache.invalidate of a table' => q(SELECT cache.invalidate('t')),
	'cache.invalidate of a key' => q(SELECT cache.invalidate(NULL::t, 1)),
	'cache.explain' => q(SELECT cache.explain(NULL::t, 1)),
	'cache.explain_result' => q(SELECT * FROM cache.explain_result('SELECT 1')),
	'cache.declare_query' => q(SELECT cache.declare_query('SELECT * FROM t')),
	'cache.undeclare_query by number' => q(SELECT cache.undeclare_query(1)),
	'cache.undeclare_query by text' => q(SELECT cache.undeclare_query('SELECT * FROM t')),
	'cache.declared_problem' => q(SELECT cache.declared_problem(1)),
	'cache.remember_depends' => q(SELECT * FROM cache.remember_depends('SELECT 1')),
	'cache.watched_columns' => q(SELECT * FROM cache.watched_columns('t')),
	'cache.stats_reset' => q(SELECT cache.stats_reset()),
	'cache.stats_reset_shared' => q(SELECT cache.stats_reset_shared()),
	'cache.stats' => q(SELECT * FROM cache.stats),
	'cache.reason_counters' => q(SELECT * FROM cache.reason_counters()),
	'cache.latency_counters' => q(SELECT * FROM cache.latency_counters()),
	'cache.latency_buckets' => q(SELECT * FROM cache.latency_buckets()),
	'cache.trace_entries' => q(SELECT * FROM cache.trace_entries()),
	'cache.history_samples' => q(SELECT * FROM cache.history_samples()),
	'cache.dashboard' => q(SELECT * FROM cache.dashboard()),
	'cache.report' => q(SELECT cache.report()),
	'cache.memory_predictions' => q(SELECT * FROM cache.memory_predictions()),
	'cache.advise' => q(SELECT * FROM cache.advise()),
	'cache.advise of a table' => q(SELECT * FROM cache.advise('t')),
	'cache.result_counters' => q(SELECT * FROM cache.result_counters()),
	'cache.candidate_counters' => q(SELECT * FROM cache.candidate_counters()),
	'cache.table_counters' => q(SELECT * FROM cache.table_counters()),
	'cache.flush_counters' => q(SELECT * FROM cache.flush_counters()),
	'cache.flush_status' => q(SELECT * FROM cache.flush_status),
	'cache.table_stats' => q(SELECT * FROM cache.table_stats),
	'cache.progress' => q(SELECT * FROM cache.progress),
	'cache.set' => q(SELECT cache.set('k', 'v')),
	'cache.set_jsonb' => q(SELECT cache.set_jsonb('k', '{}')),
	'cache.set_bytea' => q(SELECT cache.set_bytea('k', '')),
	'cache.add' => q(SELECT cache.add('k', 'v')),
	'cache.add_jsonb' => q(SELECT cache.add_jsonb('k', '{}')),
	'cache.add_bytea' => q(SELECT cache.add_bytea('k', '')),
	'cache.replace_jsonb' => q(SELECT cache.replace_jsonb('k', '{}')),
	'cache.replace_bytea' => q(SELECT cache.replace_bytea('k', '')),
	'cache.set_many_jsonb' => q(SELECT cache.set_many_jsonb(ARRAY['k'], '{1}')),
	'cache.set_many_bytea' => q(SELECT cache.set_many_bytea(ARRAY['k'], '{1}')),
	'cache.ttl_ms' => q(SELECT cache.ttl_ms('k')),
	'cache.scan_keys' => q(SELECT * FROM cache.scan_keys()),
	'cache.compare_and_set_jsonb' => q(SELECT cache.compare_and_set_jsonb('k', NULL, '{}')),
	'cache.compare_and_set_bytea' => q(SELECT cache.compare_and_set_bytea('k', NULL, '')),
	'cache.incr_numeric' => q(SELECT cache.incr_numeric('k')),
	'cache.replace' => q(SELECT cache.replace('k', '{}'::jsonb)),
	'cache.set_many' => q(SELECT cache.set_many(ARRAY['k'], ARRAY['v'])),
	'cache.get' => q(SELECT cache.get('k')),
	'cache.get of no key' => q(SELECT cache.get(NULL)),
	'cache.get_jsonb' => q(SELECT cache.get_jsonb('k')),
	'cache.get_bytea' => q(SELECT cache.get_bytea('k')),
	'cache.get_many' => q(SELECT cache.get_many(ARRAY['k'])),
	'cache.get_many_jsonb' => q(SELECT cache.get_many_jsonb(ARRAY['k'])),
	'cache.get_many_bytea' => q(SELECT * FROM cache.get_many_bytea(ARRAY['k'])),
	'cache.exists' => q(SELECT cache.exists('k')),
	'cache.ttl' => q(SELECT cache.ttl('k')),
	'cache.keys' => q(SELECT cache.keys()),
	'cache.delete' => q(SELECT cache.delete('k')),
	'cache.delete_many' => q(SELECT cache.delete_many(ARRAY['k'])),
	'cache.delete_prefix' => q(SELECT cache.delete_prefix('k')),
	'cache.get_and_delete' => q(SELECT cache.get_and_delete('k')),
	'cache.get_and_delete_jsonb' => q(SELECT cache.get_and_delete_jsonb('k')),
	'cache.get_and_delete_bytea' => q(SELECT cache.get_and_delete_bytea('k')),
	'cache.compare_and_set' => q(SELECT cache.compare_and_set('k', NULL, 'v')),
	'cache.incr' => q(SELECT cache.incr('k')),
	'cache.expire' => q(SELECT cache.expire('k', '1 hour')),
	'cache.persist' => q(SELECT cache.persist('k')),
	'cache.touch' => q(SELECT cache.touch('k')),
	'cache.remember' => q(SELECT cache.remember('k', '1 hour', 'SELECT 1')),
	'cache.remember of rows' => q(SELECT cache.remember(NULL::t, 'k', '1 hour', 'TABLE t')),
	'cache.forget' => q(SELECT cache.forget('k')),
	'cache.invalidate_tag' => q(SELECT cache.invalidate_tag('t')),
	'cache.create_space' => q(SELECT cache.create_space('s')),
	'cache.alter_space' => q(SELECT cache.alter_space('s', NULL, NULL)),
	'cache.drop_space' => q(SELECT cache.drop_space('s', if_exists => true)),
	'cache.grant_space' => q(SELECT cache.grant_space('s', 'public')),
	'cache.revoke_space' => q(SELECT cache.revoke_space('s', 'public')),
	'cache.space_counters' => q(SELECT * FROM cache.space_counters()),
	'cache.space_stats' => q(SELECT * FROM cache.space_stats),
	'cache.track' => q(SELECT cache.track('t')),
	'cache.untrack' => q(SELECT cache.untrack('t')),
	'cache.track_schema' => q(SELECT cache.track_schema('public')),
	'cache.untrack_schema' => q(SELECT cache.untrack_schema('public')),
	'cache.tracking' => q(SELECT cache.tracking('t')));

# Each in a session of its own, one after the other in one psql.
sub all_refused
{
	my ($when) = @_;
	# with nothing attached, these views have nothing to ask the library for
	my @asked = grep { !/^cache\.(table_stats|flush_status)$/ || $when ne 'not preloaded' } sort keys %calls;
	my $errors = ($node->psql(
			'postgres', join('', "\\set VERBOSITY verbose\n", map { "\\connect -\n$calls{$_}; \\warn asked\n" } @asked),
			on_error_stop => 0))[2];
	my @errors = split /^asked\n?/m, $errors;

	foreach my $what (@asked)
	{
		like(
			shift(@errors) // '',
			qr/ERROR:  55000: cache_strategies must be loaded via shared_preload_libraries\nHINT:  Add cache_strategies to shared_preload_libraries and restart the server\./,
			"$when: $what says what is missing");
	}
}
all_refused('not preloaded');

# The list above is complete: views and functions that users call.  Dead letters
# can be looked at, as that takes SQL only.
my $functions = $node->safe_psql(
	'postgres', q(
	SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc
	WHERE pronamespace = 'cache'::regnamespace AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
		AND proname NOT IN ('store_info', 'warm_progress', 'audit_counters', 'dead_letter_count', 'binding_problem')));
my %names = map { /cache\.(\w+)/ ? ($1 => 1) : () } grep { !/stats$|status$|progress/ } keys %calls;
is($functions, join(' ', sort(keys %names)), 'every function was tried');
is( $node->safe_psql('postgres', q(SELECT count(*), cache.dead_letter_count('t'::regclass) FROM cache.dead_letters)),
	'0|0', 'dead letters can be looked at without the library');

# The settings are unknown to this server, so anything goes and nothing happens.
is( $node->safe_psql('postgres', q(SET cache_strategies.enabled = off; SELECT 1)),
	'1', 'settings mean nothing without the library');

# ----- attached, then restarted without the library -----

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_strategies'");
$node->restart;
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (100);
	INSERT INTO parted SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('parted', 'write_through');
	CREATE TABLE deferring (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO deferring SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('deferring', 'write_back', flush_interval => '1 hour',
		merge => '{"v": "replace", "n": "add"}');
));
tables_warmed($node, 1, 'preloaded');
warmed($node, 'parted', 1, 'preloaded');
$node->safe_psql('postgres', 'SELECT cache.increment(NULL::deferring, \'n\', 5, 4)');
$node->safe_psql('postgres', q(CREATE TABLE to_drop (id int PRIMARY KEY); SELECT cache.attach('to_drop')));
is($node->safe_psql('postgres', 'SELECT n FROM deferring WHERE id = 4'),
	'0', 'a write is deferred before the restart');

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
all_refused('no longer preloaded');
is( $node->safe_psql('postgres', 'SELECT count(*), string_agg(DISTINCT problem, $$, $$) FROM cache.bindings'),
	'7|cache_strategies is not preloaded', 'what is attached can be looked at without the library');
is($node->safe_psql('postgres', 'SELECT n FROM deferring WHERE id = 4'),
	'5', 'what was deferred came to the table when the server stopped');
foreach my $table (@strategies, 'parted', 'deferring')
{
	$node->safe_psql(
		'postgres', qq(
		INSERT INTO $table VALUES (21, 'inserted');
		UPDATE $table SET v = 'updated' WHERE id = 1;
		UPDATE $table SET id = 22 WHERE id = 2;
		DELETE FROM $table WHERE id = 3;
	));
	is( $node->safe_psql(
			'postgres', qq(
			SELECT string_agg(id || '=' || v, ' ' ORDER BY id) FROM $table
			WHERE id IN (1, 2, 3, 21, 22))),
		'1=updated 21=inserted 22=row 2',
		"$table can be written without the library");
}
$node->safe_psql('postgres', 'UPDATE deferring SET n = n + 1 WHERE id = 4');
is($node->safe_psql('postgres', 'SELECT n FROM deferring WHERE id = 4'),
	'6', 'nothing is deferred without the library');
$node->safe_psql('postgres', 'TRUNCATE parted_high; DROP TABLE t');
is( $node->safe_psql('postgres', q(SELECT count(*) FROM parted)),
	'7', 'TRUNCATE works without the library');
is($node->safe_psql('postgres', q(
		SELECT count(*) FROM cache.binding_store WHERE relation = 'to_drop'::regclass;
		DROP TABLE to_drop;
		SELECT count(*) FROM cache.binding_store WHERE relation NOT IN (SELECT oid FROM pg_class);
	)), "1\n0", 'and a table that is dropped goes from cache.binding_store');

# What was written meanwhile is seen afterwards.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_strategies'");
$node->restart;
tables_exact($node, 'preloaded again');
exact($node, 'parted', 'preloaded again');
exact($node, 'deferring', 'preloaded again');
$node->safe_psql('postgres', 'UPDATE deferring SET n = n + 1 WHERE id = 4');
is($node->safe_psql('postgres', 'SELECT t.n, (cache.read(NULL::deferring, 4)).n FROM deferring t WHERE id = 4'),
	'6|7', 'and is deferred again with it');
is($node->safe_psql('postgres', q(SELECT cache.flush('deferring'))), '1', 'and flushed');
exact($node, 'deferring', 'flushed');
tables_warmed($node, 1, 'preloaded again');

# ----- settings -----

# PostgreSQL warns of bad values of an extension's settings in postgresql.conf
# and starts with the default.
my @settings = qw(memory partitions stripes max_tables refresh_queue);
my %default = (memory => '128MB', partitions => 0, stripes => 65536,
	max_tables => 8192, refresh_queue => 1024);
my $range = qr/is outside the valid range for parameter/;

sub warned_of
{
	my ($name, $value, $message) = @_;
	my $before = -s $node->logfile;

	$node->append_conf('postgresql.conf', "cache_strategies.$name = $value");
	$node->restart;
	like(
		slurp_file($node->logfile, $before),
		qr/WARNING:  .*$message.*"cache_strategies\.$name"|WARNING:  .*"cache_strategies\.$name".*\n.*$message/,
		"$name = $value is told of in the log");
	is($node->safe_psql('postgres', "SHOW cache_strategies.$name"),
		$default{$name}, "and the default of $name is in force");
	$node->adjust_conf('postgresql.conf', "cache_strategies.$name", undef);
}

warned_of('stripes', 1000, qr/The value must be a power of two\./);
warned_of('partitions', 3, qr/The value must be a power of two\./);
warned_of('stripes', 0, $range);
warned_of('memory', 0, $range);
warned_of('memory', -1, $range);
warned_of('memory', "'1 furlong'", qr/invalid value for parameter/);
warned_of('max_tables', 0, $range);
warned_of('partitions', 2048, $range);
warned_of('refresh_queue', -1, $range);

# The smallest and odd sizes work.
foreach my $settings (
	[ 'memory = 1MB', 'stripes = 1', 'max_tables = 4' ],
	[ 'memory = 1025kB', 'partitions = 64', 'stripes = 2' ],
	[ 'memory = 3MB', 'partitions = 1', 'refresh_queue = 0' ],
	[ 'memory = 64MB', 'partitions = 1024', 'stripes = 1048576' ])
{
	my $all = join(', ', @$settings);

	$node->adjust_conf('postgresql.conf', "cache_strategies.$_", undef) foreach @settings;
	$node->append_conf('postgresql.conf', "cache_strategies.$_") foreach @$settings;
	$node->restart;
	$node->safe_psql('postgres', 'UPDATE write_through SET n = n + 1');
	exact($node, 'write_through', $all);
	exact($node, 'cache_aside', $all);
	warmed($node, 'cache_aside', 5, $all);
}

# Values are checked in sessions, names are reserved.
my ($rc, $out, $err);
($rc, $out, $err) = $node->psql('postgres', 'SET cache_strategies.enabeld = off');
like($err, qr/invalid configuration parameter name "cache_strategies\.enabeld"/, 'a misspelt setting is an error');
($rc, $out, $err) = $node->psql('postgres', 'SET cache_strategies.memory = 2');
like($err, qr/cannot be changed without restarting the server/, 'memory cannot be set in a session');
($rc, $out, $err) = $node->psql('postgres', 'SET cache_strategies.bulk_threshold = 0');
like($err, qr/outside the valid range/, 'bulk_threshold must be more than zero');
($rc, $out, $err) = $node->psql('postgres', 'SET cache_strategies.load_timeout = -5');
like($err, qr/outside the valid range/, 'load_timeout must not be negative');
is( $node->safe_psql('postgres', q(SET cache_strategies.load_timeout = '2s'; SHOW cache_strategies.load_timeout)),
	'2s', 'load_timeout has a unit');

$node->stop;

# A misspelt name in postgresql.conf is told of in the log, and does no harm.
$node->append_conf('postgresql.conf', 'cache_strategies.memroy = 5');
my $before = -s $node->logfile;
$node->start;
like(
	slurp_file($node->logfile, $before),
	qr/invalid configuration parameter name "cache_strategies\.memroy"/,
	'a misspelt name in postgresql.conf is told of');
is($node->safe_psql('postgres', 'SELECT cache.read(NULL::cache_aside, 5)'),
	'(5,"row 5",0)', 'and does no harm');

# Loading it into a session is no substitute.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
($rc, $out, $err) = $node->psql('postgres', q(LOAD 'cache_strategies'; SELECT cache.read(NULL::cache_aside, 5)));
like($err, qr/must be loaded via shared_preload_libraries/, 'LOAD does not replace preloading');

$node->stop;
done_testing();
