
# The cases in which sessions pass test points: for each point in the source, in each
# protocol that passes it, what a session executes.  Sessions are interrupted there
# (081_hostile_cancel.pl) and killed (092_fault_kill.pl).

package PointCases;

use strict;
use warnings FATAL => 'all';

use CacheTest;
use Exporter 'import';
use PostgreSQL::Test::Utils;

our @EXPORT = qw(
  %held
  @before_commit
  @commit
  create_point_tables
  attach_point_tables
  point_cases
  source_points
  key_case
);

# At the other points a session can be interrupted, and its transaction is undone.
our %held = map { $_ => 1 } qw(
  commit_begin commit_middle commit_end prepare_middle before_flip before_flushed
  kv_before_flip kv_after_flip kv_after_settle
);

our @before_commit = qw(before_mark after_mark after_pre_commit);
our @commit = qw(commit_begin commit_middle commit_end);

my @cases;

# ----- tables -----

# The tables of the cases, not attached, and functions that look at them.
sub create_point_tables
{
	my ($node, $db) = @_;

	create_tables($node, db => $db, detached => 1);
	$node->safe_psql($db, <<'SQL');
	CREATE TABLE wb (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, s text DEFAULT 'old', k text DEFAULT 'old');
	CREATE TABLE volatile (LIKE wb INCLUDING ALL);
	INSERT INTO wb (id) SELECT generate_series(1, 5);
	INSERT INTO volatile TABLE wb;
	CREATE TABLE plain (id int PRIMARY KEY, v text, n int DEFAULT 0);
	INSERT INTO plain SELECT i, 'row ' || i FROM generate_series(1, 5) i;
	CREATE TABLE loaded (LIKE plain INCLUDING ALL);
	INSERT INTO loaded TABLE plain;
	CREATE FUNCTION load(int) RETURNS loaded STABLE RETURN (SELECT l FROM loaded l WHERE id = $1);
	CREATE TABLE parted (LIKE plain INCLUDING ALL) PARTITION BY LIST (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1, 2, 3);
	INSERT INTO parted SELECT i, 'row ' || i FROM generate_series(1, 3) i;

	CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_left_behind';
	CREATE FUNCTION kept(query text, tables regclass[], OUT outcome text, OUT value text)
		LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_kept';

	-- where a session is, that has sent a statement with this mark
	CREATE FUNCTION whereabouts(session int, mark text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		state record;
	BEGIN
		FOR i IN 1 .. 100000 LOOP
			IF EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND pid = session) THEN
				RETURN 'stopped';
			END IF;
			PERFORM pg_stat_clear_snapshot();
			SELECT a.state, a.query INTO state FROM pg_stat_activity a WHERE pid = session;
			IF NOT FOUND THEN
				RETURN 'gone';
			ELSIF state.state LIKE 'idle%' AND strpos(state.query, mark) > 0 THEN
				RETURN 'done';
			END IF;
			PERFORM pg_sleep(0.002);
		END LOOP;
		RETURN 'nowhere';
	END $$;

	CREATE FUNCTION gone(session int) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		WHILE EXISTS (SELECT FROM pg_stat_activity WHERE pid = session) LOOP
			PERFORM pg_sleep(0.002);
			PERFORM pg_stat_clear_snapshot();
		END LOOP;
		RETURN true;
	END $$;

	-- keys that are not read as they are in the table, twice
	CREATE FUNCTION inexact(t regclass) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		found text := '';
		all_found text := '';
	BEGIN
		FOR i IN 1 .. 2 LOOP
			EXECUTE format($q$
				SELECT string_agg(format(' %%s: cache %%s, table %%s', key, c, t), '')
				FROM (SELECT key, cache.read(NULL::%1$s, key)::text AS c, (SELECT x::text FROM %1$s x WHERE x.id = key) AS t
					FROM generate_series(0, 4) key OFFSET 0) s WHERE c IS DISTINCT FROM t$q$, t) INTO found;
			all_found := concat(all_found, found);
		END LOOP;
		RETURN all_found;
	END $$;

	CREATE FUNCTION keeps(t regclass) RETURNS boolean LANGUAGE plpgsql AS $$
	DECLARE
		outcome text;
	BEGIN
		FOR i IN 1 .. 10000 LOOP
			EXECUTE format('SELECT (cache.explain(NULL::%1$s, 1)).outcome, cache.read(NULL::%1$s, 1)', t) INTO outcome;
			IF outcome = 'hit' THEN
				RETURN true;
			END IF;
			PERFORM pg_sleep(0.001 * (i > 3)::int);
		END LOOP;
		RETURN false;
	END $$;

	-- nothing of another session, nothing in shared memory; what ends just now has its time
	CREATE FUNCTION remains() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		remains text;
	BEGIN
		FOR i IN 1 .. 2000 LOOP
			SELECT concat_ws(', ', nullif(left_behind(), ''),
				(SELECT string_agg(format('%s %s', l.locktype, l.mode), ', ')
				FROM pg_locks l JOIN pg_stat_activity a USING (pid)
				WHERE pid <> pg_backend_pid() AND a.backend_type = 'client backend'),
				(SELECT 'progress of ' || pid FROM cache.progress LIMIT 1),
				(SELECT 'prepared ' || gid FROM pg_prepared_xacts LIMIT 1)) INTO remains;
			EXIT WHEN remains = '';
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN remains;
	END $$;

	CREATE FUNCTION problems() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		t regclass;
		all_found text := remains();
		found text;
	BEGIN
		FOREACH t IN ARRAY '{cache_aside,read_through,write_through,write_around,wb,volatile,loaded,parted}'::regclass[] LOOP
			found := inexact(t);
			IF found <> '' OR NOT keeps(t) THEN
				all_found := concat(all_found, t, ': ', coalesce(nullif(found, ''), 'not kept'), '; ');
			END IF;
		END LOOP;
		SELECT concat(all_found, ' dirty: ' || string_agg(relation::text, ' ')) INTO all_found
		FROM cache.flush_status WHERE dirty_entries > 0 OR NOT open;
		RETURN all_found;
	END $$;
SQL
}

sub attach_point_tables
{
	my ($node, $db) = @_;

	$node->safe_psql($db, join('', map { "SELECT cache.attach('$_', '$_', negative_ttl => '1 hour');" } @strategies) . <<'SQL');
	SELECT cache.attach(t, 'write_back', durable => t = 'wb'::regclass, flush_interval => '1 hour',
		merge => '{"n": "add", "s": "replace"}') FROM unnest('{wb,volatile}'::regclass[]) t;
	SELECT cache.attach('loaded', 'read_through', loader => 'load');
	SELECT cache.attach('parted', 'write_through');
	SELECT cache.create_space('space'), cache.create_space('other');
SQL
}

# cases(FILE, [POINT...], CASE...): in the source's file of this name.  A case:
#
#	sql				what the session executes; settings and before: what comes before
#					it, by itself and by any session
#	value			a query that says whether it is done
#	undo			puts back what it has done; finish: only what has to be
#	flushes			the value is another one after any flush
#	locks			what it changes cannot be read meanwhile
#	then			what can be done afterwards, with the answer t
sub cases
{
	my ($file, $points, @list) = @_;

	push @cases, [ $file, $points, @list ];
}

# The list of them, in this order.  Between two there may be SQL that is executed
# before all that follow.
sub point_cases { return @cases }

# ----- changes of rows -----

my $rows = join(' UNION ALL ', map { "SELECT * FROM $_" } @strategies);
my $undo = join('', map { "DELETE FROM $_; INSERT INTO $_ SELECT i, 'row ' || i FROM generate_series(1, 20) i;" } @strategies);

sub of_each
{
	my ($sql) = @_;

	return join(' ', map { $sql =~ s/TABLE/$_/gr } @strategies);
}

my @writers = (
	{
		name => 'rows, in savepoints',
		sql => 'BEGIN; ' . of_each('UPDATE TABLE SET n = n + 1 WHERE id = 1;')
		  . ' SAVEPOINT a; ' . of_each('DELETE FROM TABLE WHERE id = 2; UPDATE TABLE SET id = 0 WHERE id = 3;')
		  . ' ROLLBACK TO a; SAVEPOINT b; ' . of_each("UPDATE TABLE SET v = 'b' WHERE id = 4; DELETE FROM TABLE WHERE id = 2;")
		  . ' RELEASE b; COMMIT',
		value => "SELECT string_agg(r::text, ' ' ORDER BY r) FROM ($rows) r",
		undo => $undo,
	},
	{
		name => 'whole tables',
		settings => 'SET cache_strategies.bulk_threshold = 1',
		sql => 'BEGIN; ' . of_each('UPDATE TABLE SET n = n + 1;') . ' COMMIT',
		value => "SELECT sum(n) FROM ($rows) r",
	},
	{
		name => 'a partitioned table',
		sql => "UPDATE parted SET v = v || '.'",
		value => "SELECT string_agg(v, ',') FROM parted",
	},
	{
		name => 'cache.write, cache.remove and cache.increment',
		sql => "BEGIN; SELECT cache.write(ROW(1, 'written', 1)::write_through), cache.write(ROW(1, 'written', 1)::cache_aside),"
		  . " cache.remove(NULL::read_through, 2), cache.increment(NULL::write_through, 'n', 1, 3); COMMIT",
		value => "SELECT string_agg(r::text, ' ' ORDER BY r) FROM ($rows) r",
		undo => $undo,
	},
	{
		name => 'TRUNCATE',
		sql => "BEGIN; TRUNCATE read_through, write_through; INSERT INTO write_through VALUES (1, 'new'); INSERT INTO read_through VALUES (1, 'new'); COMMIT",
		value => 'SELECT count(*) FROM write_through',
		undo => $undo,
		locks => 1,
	},
	{
		name => 'DDL',
		sql => "BEGIN; UPDATE write_through SET n = 9; ALTER TABLE write_through ADD extra int DEFAULT 7; ALTER TABLE parted_1 RENAME TO parted_one; COMMIT",
		value => "SELECT count(*) FROM pg_attribute WHERE attrelid = 'write_through'::regclass AND attname = 'extra'",
		undo => 'ALTER TABLE write_through DROP extra; ALTER TABLE parted_one RENAME TO parted_1;' . $undo,
		locks => 1,
	},
	{
		name => 'attach and detach',
		sql => "BEGIN; SELECT cache.attach('plain', 'write_through'), cache.detach('loaded'), cache.attach('read_through', 'write_through'); UPDATE plain SET n = 1 - n; COMMIT",
		value => "SELECT string_agg(relation::text || strategy, ' ' ORDER BY relation::text) FROM cache.bindings",
		finish => "SELECT cache.detach('plain'), cache.attach('loaded', 'read_through', loader => 'load'), cache.attach('read_through', 'read_through', negative_ttl => '1 hour')",
		locks => 1,
	},
	{
		name => 'detach with something deferred',
		before => 'UPDATE wb SET n = n + 1; UPDATE volatile SET n = n + 1',
		sql => "BEGIN; SELECT cache.detach('wb'), cache.detach('volatile'); COMMIT",
		value => 'SELECT count(*) FROM cache.bindings',
		finish => "SELECT cache.attach(t, 'write_back', durable => t = 'wb'::regclass, flush_interval => '1 hour', merge => '{\"n\": \"add\", \"s\": \"replace\"}') FROM unnest('{wb,volatile}'::regclass[]) t",
		locks => 1,
	},
	{
		name => 'CREATE and DROP TABLE',
		before => "CREATE TABLE brief (id int PRIMARY KEY); SELECT cache.attach('brief', 'read_through'); INSERT INTO brief VALUES (1); SELECT cache.read(NULL::brief, 1), cache.read(NULL::brief, 1)",
		sql => "BEGIN; DROP TABLE brief; CREATE TABLE made (id int PRIMARY KEY); SELECT cache.attach('made', 'write_around'); INSERT INTO made VALUES (1); COMMIT",
		value => "SELECT string_agg(relation::text, ' ' ORDER BY relation::text) FROM cache.bindings",
		undo => 'DROP TABLE made',
		locks => 1,
	},
	{
		name => 'cache.track',
		sql => "BEGIN; SELECT cache.track('plain'); UPDATE plain SET n = n + 1; COMMIT",
		value => 'SELECT count(*) FROM cache.tracked',
		undo => "SELECT cache.untrack('plain')",
		locks => 1,
	});

cases('xact/protocol.c', [ @before_commit, @commit ], @writers);

# ----- PREPARE TRANSACTION -----

cases(
	'xact/protocol.c',
	[ @before_commit, 'prepare_middle' ],
	{
		name => 'PREPARE TRANSACTION',
		sql => "BEGIN; " . of_each('UPDATE TABLE SET n = n + 1 WHERE id = 1; DELETE FROM TABLE WHERE id = 2;') . " PREPARE TRANSACTION 'p'",
		value => 'SELECT count(*) FROM pg_prepared_xacts',
		finish => "COMMIT PREPARED 'p'",
		undo => $undo,
	},
	{
		name => 'PREPARE TRANSACTION of whole tables and DDL',
		settings => 'SET cache_strategies.bulk_threshold = 1',
		sql => "BEGIN; UPDATE write_around SET n = n + 1; UPDATE parted SET n = 0; SELECT cache.attach('plain', 'write_through'); DROP TABLE IF EXISTS brief; PREPARE TRANSACTION 'p'",
		value => 'SELECT count(*) FROM pg_prepared_xacts',
		finish => "ROLLBACK PREPARED 'p'",
		locks => 1,
	});

# ----- deferred writes -----

my $deferred = q(SELECT string_agg(concat((cache.read(NULL::wb, i))::text, (cache.read(NULL::volatile, i))::text), ' ') FROM generate_series(1, 9) i);
my $undo_deferred = join('', map { "SELECT cache.flush('$_'); DELETE FROM $_; INSERT INTO $_ (id) SELECT generate_series(1, 5);" } qw(wb volatile));

sub of_both
{
	my ($sql) = @_;

	return join(' ', map { $sql =~ s/TABLE/$_/gr } qw(wb volatile));
}

my @deferring = (
	{
		name => 'deferred writes, in savepoints',
		before => of_both('UPDATE TABLE SET n = n + 1 WHERE id = 1;'),
		sql => 'BEGIN; ' . of_both("UPDATE TABLE SET n = n + 10 WHERE id = 1; SELECT cache.write(ROW(7, 1, 'new', 'new')::TABLE);")
		  . ' SAVEPOINT a; ' . of_both("UPDATE TABLE SET n = n + 100, s = 'a' WHERE id IN (1, 2);")
		  . ' ROLLBACK TO a; SAVEPOINT b; ' . of_both("UPDATE TABLE SET n = n + 1000, s = 'b' WHERE id IN (1, 3);")
		  . ' RELEASE b; COMMIT',
		value => $deferred,
		undo => $undo_deferred,
	},
	{
		name => 'direct changes of rows with something deferred',
		before => of_both("UPDATE TABLE SET n = n + 1, s = 'deferred';"),
		sql => 'BEGIN; ' . of_both("DELETE FROM TABLE WHERE id = 2; UPDATE TABLE SET s = 'direct', k = 'direct' WHERE id = 1; UPDATE TABLE SET id = 9 WHERE id = 3;") . ' COMMIT',
		value => $deferred,
		undo => $undo_deferred,
	},
	{
		name => 'TRUNCATE of what is deferred',
		before => of_both("UPDATE TABLE SET n = n + 1, s = 'deferred';"),
		sql => "BEGIN; TRUNCATE wb, volatile; INSERT INTO wb VALUES (1); SELECT cache.write(ROW(1, 0, '', '')::volatile); COMMIT",
		value => $deferred,
		undo => $undo_deferred,
		locks => 1,
	});

cases('writeback/xactdelta_commit.c', [ 'after_reserve', 'before_stamp', 'after_stamp' ], @deferring[ 0, 1 ]);
cases('writeback/xactdelta_commit.c', [ 'before_stamp', 'after_stamp' ], $deferring[2]);
cases('writeback/xactdelta_commit.c', [ 'before_flip', 'before_flushed' ], @deferring);
cases('xact/protocol.c', [ 'before_mark', 'after_pre_commit', 'commit_middle' ], $deferring[1]);

my %flush = (
	name => 'cache.flush',
	before => of_both("UPDATE TABLE SET n = n + 1, s = s || '.'; SELECT cache.write(ROW(7, 1, 'new', 'new')::TABLE);"),
	sql => 'SELECT cache.flush()',
	value => 'SELECT sum(n) FROM (SELECT n FROM wb UNION ALL SELECT n FROM volatile) r',
	flushes => 1,
	undo => $undo_deferred);

# of a table before which another one has been flushed
cases('writeback/flush.c', [ 'flush_boundary', 'flush_taken', 'flush_applied' ], \%flush,
	{ %flush, name => 'a flush in a subtransaction', sql => q(DO $$BEGIN BEGIN PERFORM cache.flush('wb'); EXCEPTION WHEN division_by_zero THEN NULL; END; PERFORM cache.flush('volatile'); END$$) },
	{
		%flush, name => 'a flush by cache.detach',
		sql => "SELECT cache.detach('wb')",
		value => 'SELECT count(*) FROM cache.bindings',
		finish => "SELECT cache.attach('wb', 'write_back', flush_interval => '1 hour', merge => '{\"n\": \"add\", \"s\": \"replace\"}')",
		locks => 1,
	});
cases('writeback/xactdelta_commit.c', [ 'before_flip', 'before_flushed' ], \%flush);
cases('xact/protocol.c', [ @before_commit, @commit ], \%flush);

cases('writeback/write_back.c', [ 'read_copied', 'read_loaded' ],
	{ name => 'a read of what is deferred', before => 'UPDATE wb SET n = n + 1', sql => 'SELECT cache.read(NULL::wb, 1)' },
	{ name => 'such reads of many', before => 'UPDATE volatile SET n = n + 1', sql => 'SELECT count(*) FROM cache.read_many(NULL::volatile, ARRAY[1, 2, 3])' });

# ----- reads -----

my @emptied = (before => "SELECT cache.invalidate(t) FROM unnest('{read_through,write_through,loaded,parted}'::regclass[]) t");

cases('rowcache/call.c', ['after_prepare'], { name => 'a read', sql => 'SELECT cache.read(NULL::read_through, 1)' },
	{ name => 'a read in FROM', sql => 'SELECT * FROM cache.read(NULL::cache_aside, 1)' });
cases('rowcache/access.c', ['flight_lead'], { name => 'a load that others would wait for', @emptied, sql => 'SELECT cache.read(NULL::read_through, 1)' },
	{ name => 'a load of an absent row, in FROM', @emptied, sql => 'SELECT * FROM cache.read(NULL::read_through, 77)' });
cases('rowcache/access.c', [ 'after_token', 'after_snapshot', 'before_install' ],
	{ name => 'a load by a loader', @emptied, sql => 'SELECT cache.read(NULL::loaded, 1)' },
	{ name => 'a load from a partition', @emptied, sql => 'SELECT cache.read(NULL::parted, 1)' },
	{ name => 'a load of an absent row', @emptied, sql => 'SELECT cache.read(NULL::read_through, 77)' },
	{ name => 'a load below what is deferred', before => 'UPDATE wb SET k = k; UPDATE wb SET n = n + 1', sql => 'SELECT cache.read(NULL::wb, 1)' },
	{ name => 'a load in REPEATABLE READ', @emptied, settings => "SET default_transaction_isolation = 'repeatable read'", sql => 'SELECT cache.read(NULL::write_through, 1)' });
cases('rowcache/access.c', ['before_install'],
	{ name => 'cache.fill', settings => 'SELECT cache.lookup(NULL::cache_aside, 1)', before => "SELECT cache.invalidate('cache_aside')", sql => 'SELECT cache.fill(t) FROM cache_aside t WHERE id = 1' });
cases('rowcache/batch.c', [ 'after_token', 'after_snapshot' ],
	{ name => 'cache.read_many', @emptied, sql => 'SELECT count(*) FROM cache.read_many(NULL::read_through, ARRAY[1, 2, 77])' },
	{ name => 'cache.read_many of partitions', @emptied, sql => 'SELECT count(*) FROM cache.read_many(NULL::parted, ARRAY[1, 2, 77])' });
cases('rowcache/warm.c', [ 'after_token', 'after_snapshot' ],
	{ name => 'cache.warm', @emptied, sql => "SELECT cache.warm('read_through')" });
cases('rowcache/verify.c', [ 'verify_snapshot', 'verify_looked_up' ],
	{ name => 'cache.verify', before => 'SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(1, 3) i', sql => "SELECT (cache.verify('read_through')).mismatched" });

my %merging = (settings => 'SET cache_strategies.merge_deferred = on', before => 'UPDATE wb SET n = n + 1 WHERE id = 1');

cases('mergescan/mergestart.c', ['merge_start'], { %merging, name => 'a statement', sql => 'SELECT n FROM wb WHERE id = 1' });
cases('mergescan/mergeview.c', [ 'merge_begin', 'merge_noted' ], { %merging, name => 'a plain SELECT', sql => 'SELECT n FROM wb WHERE id = 1' });

# ----- results of queries -----

my $result = q(cache.remember('r', '1 hour', 'SELECT sum(n) FROM plain', tags => '{t}'));
my %remember = (
	name => 'cache.remember',
	before => "ALTER TABLE plain ALTER n SET DEFAULT 0; UPDATE plain SET n = n + 1; SELECT cache.forget('r')",
	sql => "SELECT $result",
	then => "SELECT $result ->> 0 = jsonb_build_object('sum', (SELECT sum(n) FROM plain)) #>> '{}' AND cache.forget('r') AND cache.set('left', 'x') FROM (SELECT $result OFFSET 0) r");

push @cases, "SELECT cache.track('plain')";
cases('queryresult/remember.c', [ 'remember_lead', 'remember_token', 'remember_snapshot', 'remember_before_install' ], \%remember,
	{ %remember, name => 'cache.remember of what is due', before => "SELECT $result; SELECT cache.invalidate_tag('t')" });
my $keep_results = 'SET cache_strategies.results = auto; SET cache_strategies.results_min_cost = 0';
cases('queryresult/keeper.c', [ 'result_token', 'result_computed' ],
	{ name => 'a result of plain SQL', settings => $keep_results, before => 'UPDATE plain SET n = n', sql => 'SELECT sum(n) FROM plain' });
cases('queryresult/plan_result.c', ['result_unplanned'],
	{ name => 'a result that is there', settings => "$keep_results; SELECT sum(n) FROM plain; SELECT sum(n) FROM plain", sql => 'SELECT sum(n) FROM plain' });
cases('queryresult/recompute.c', ['result_compared'],
	{ name => 'a result that is compared', settings => "$keep_results; SET cache_strategies.audit_results = 1; SELECT sum(n) FROM plain; SELECT sum(n) FROM plain", sql => 'SELECT sum(n) FROM plain' });
cases('relation/track.c', [ 'watch_slot', 'before_look', 'after_look' ], \%remember);
cases('relation/track.c', [ 'watch_place', 'watch_settle' ],
	{ name => 'a column that is not watched yet',
		before => "DROP TABLE IF EXISTS valued; CREATE TABLE valued (id int, n int); SELECT cache.track('valued', by_value => true)",
		sql => "SELECT cache.remember('by value', '1 hour', 'SELECT sum(n) FROM valued WHERE id = 1')" });
cases('test/module/testing.c', [ 'after_watch', 'after_snapshot', 'before_keep' ],
	{ name => 'a result', sql => "SELECT kept('SELECT sum(n) FROM plain', '{plain}')" });

# ----- keys and values -----

my $keys = "SELECT concat_ws(' ', cache.get('changed'), cache.get('deleted'), cache.get('new'), cache.get('tagged'), cache.get('k', 'space'), cache.get('n'))";
my %keys = (
	name => 'keys',
	before => "SELECT cache.set('changed', 'old'), cache.set('deleted', 'old'), cache.delete('new'), cache.set('tagged', 'old', tags => '{tag}'), cache.set('k', 'old', space => 'space'), cache.set('n', '1')",
	sql => "BEGIN; SELECT cache.set('changed', 'new', tags => '{t}'), cache.delete('deleted'), cache.set('new', 'new'); SAVEPOINT a;"
	  . " SELECT cache.set('k', 'never', space => 'space'); ROLLBACK TO a; SELECT cache.invalidate_tag('tag'), cache.set('k', 'new', space => 'space'); COMMIT",
	value => $keys,
	then => "SELECT cache.set('changed', 'at once', immediate => true) AND cache.delete('deleted', immediate => true) IS NOT NULL AND cache.set('tagged', 'x', tags => '{tag}', immediate => true) AND cache.set('k', 'at once', space => 'space', immediate => true)");

cases('kv/commit.c', [ 'kv_before_stage', 'kv_after_stage', 'kv_before_flip', 'kv_after_flip', 'kv_after_settle' ],
	\%keys, { %keys, name => 'keys and rows', sql => 'BEGIN; UPDATE write_through SET n = n + 1 WHERE id = 1; SELECT ' . ($keys{sql} =~ s/^BEGIN; SELECT //r) },
	{ %keys, name => 'many keys', settings => 'SET cache_strategies.bulk_threshold = 10', sql => "SELECT cache.set_many(ARRAY['changed', 'new', 'n', 'm'], ARRAY['new', 'new', 'new', 'm'])" });
cases('xact/protocol.c', [ 'after_mark', 'commit_middle' ],
	{ %keys, name => 'keys and rows', sql => 'BEGIN; UPDATE write_through SET n = n + 1 WHERE id = 1; SELECT ' . ($keys{sql} =~ s/^BEGIN; SELECT //r) });
cases('kv/keylock.c', ['kv_after_hold'], { %keys, name => 'a key', sql => "SELECT cache.set('changed', 'new')" });
cases('kv/change.c', ['kv_immediate_looked'], { %keys, name => 'a key at once', sql => "SELECT cache.set('changed', 'new', immediate => true)" },
	{ %keys, name => 'a key gone at once', sql => "SELECT cache.delete('deleted', immediate => true)" });
cases('kv/change.c', ['kv_immediate_found'], { %keys, name => 'a number at once', sql => "SELECT cache.incr('n', 1, immediate => true)" });
cases('kv/commit.c', [ 'kv_before_stage', 'kv_after_stage', 'kv_before_flip', 'kv_after_settle' ],
	{
		name => 'spaces',
		before => "SELECT cache.set('k', 'old', space => 'other')",
		sql => "BEGIN; SELECT cache.create_space('fresh'), cache.drop_space('other'); SELECT cache.set('k', 'v', space => 'fresh'); COMMIT",
		value => "SELECT string_agg(name, ' ' ORDER BY name) FROM cache.spaces",
		finish => "SELECT cache.drop_space('fresh'), cache.create_space('other')",
		then => "SELECT cache.get('k', 'other') IS NULL",
	});

# Keys that are there, and whether they can be changed.
sub key_case { return \%keys }

# ----- the points of the source -----

# "FILE POINT" for each that a session passes; none passes those of the launcher.
sub source_points
{
	my %points;

	foreach my $file (grep { !m{/bgworker/} } glob('src/*.c src/*/*.c test/module/*.c'))
	{
		$points{ ($file =~ s/^src\///r) . " $_" } = 1 foreach slurp_file($file) =~ /\bCS_TEST_(?:POINT|DAWDLE)\("(\w+)"\)/g;
	}
	return \%points;
}

1;
