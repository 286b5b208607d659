
# PREPARE TRANSACTION: no other transaction sees the changes before COMMIT PREPARED,
# whichever session issues that; all see them after it; nothing that could become
# stale is kept in between.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
add_extension($node);
create_tables($node);

sub sql { return $node->safe_psql('postgres', join("\n", @_)); }

# Steps of in_turn(): nothing of the table can be kept for these keys now.
sub not_kept
{
	my ($table, $keys, $name) = @_;

	return map { (
			"SELECT cache.read(NULL::$table, $_);" x 3,
			says("SELECT cache.lookup(NULL::$table, $_)", '', "$name: $table is not filled for $_"))
	} @$keys;
}

sub all_rows
{
	my ($table) = @_;

	return "SELECT string_agg(t::text, ' ' ORDER BY id) FROM $table t";
}

# ----- row changes, finished from another session -----

foreach my $finish ('COMMIT PREPARED', 'ROLLBACK PREPARED')
{
	foreach my $table (@strategies)
	{
		my $name = "$finish, row changes";
		my $old = sql(all_rows($table));
		my $committed = $finish eq 'COMMIT PREPARED';

		in_turn($node, undef,
			warmed_step($table, [ 1 .. 4 ], "$name, before"),
			qq(
			BEGIN;
			UPDATE $table SET v = 'prepared', n = n + 1 WHERE id = 1;
			DELETE FROM $table WHERE id = 2;
			UPDATE $table SET id = 23 WHERE id = 3;
			INSERT INTO $table VALUES (24, 'inserted');
			PREPARE TRANSACTION 'p'),
			# keys 23 and 24 are cached absences for some of the strategies
			exact_step($table, "$name, prepared"),
			says(all_rows($table), $old, "$name: no reader sees what is prepared in $table"),
			not_kept($table, [ 1, 2, 3 ], "$name, prepared"),
			says("SELECT cache.lookup(NULL::$table, 4) IS NOT NULL", 't', "$name: other keys of $table stay cached"),
			"$finish 'p'",
			exact_step($table, $name),
			$committed
			? says(
				"SELECT string_agg(id || ' ' || v, ', ' ORDER BY id) FROM $table WHERE id IN (1, 2, 3, 23, 24)",
				'1 prepared, 23 row 3, 24 inserted',
				"$name: $table has the changes")
			: says(all_rows($table), $old, "$name: $table is as before"),
			warmed_step($table, $committed ? [ 1, 23 ] : [1], $name),
			qq(
			UPDATE $table SET v = 'row 1', n = 0 WHERE id = 1;
			INSERT INTO $table VALUES (2, 'row 2') ON CONFLICT DO NOTHING;
			UPDATE $table SET id = 3 WHERE id = 23;
			DELETE FROM $table WHERE id = 24),
			exact_step($table, "$name, and changed back"));
	}
}

# ----- changes of whole tables -----

foreach my $finish ('COMMIT PREPARED', 'ROLLBACK PREPARED')
{
	foreach my $table (@strategies)
	{
		foreach my $change ('bulk', 'TRUNCATE', 'TRUNCATE and INSERT', 'ALTER TABLE')
		{
			my $name = "$finish, $change";
			my %changes = (
				'bulk' => "SET cache_strategies.bulk_threshold = 2; BEGIN; UPDATE $table SET v = v || '.'",
				'TRUNCATE' => "BEGIN; TRUNCATE $table",
				'TRUNCATE and INSERT' =>
				  "BEGIN; TRUNCATE $table; INSERT INTO $table SELECT i, 'new ' || i FROM generate_series(1, 10) i",
				'ALTER TABLE' => "BEGIN; UPDATE $table SET n = n + 1; ALTER TABLE $table ADD extra_" . lc($finish =~ s/ .*//r) . " int DEFAULT 7");

			in_turn($node, undef,
				warmed_step($table, 5, "$name, before"),
				"$changes{$change}; PREPARE TRANSACTION 'p'",
				$change eq 'bulk'
				? (exact_step($table, "$name, prepared"), not_kept($table, [ 5, 6 ], "$name, prepared"))
				: ());
			if ($change ne 'bulk')
			{
				# the prepared transaction holds AccessExclusiveLock: a read
				# waits for it like a SELECT, and no hit gets past it
				my ($rc, $out, $err) = $node->psql('postgres',
					"SET lock_timeout = '50ms'; SELECT cache.read(NULL::$table, 5)");
				like($err, qr/canceling statement due to lock timeout/,
					"$name: a read of $table waits");
			}
			in_turn($node, undef,
				"$finish 'p'",
				exact_step($table, $name),
				"INSERT INTO $table SELECT i, 'row ' || i FROM generate_series(1, 20) i ON CONFLICT DO NOTHING",
				warmed_step($table, 5, $name),
				exact_step($table, "$name, and filled"));
		}
	}
}

# ----- prepared in one session, snapshots in others -----

foreach my $table (@strategies)
{
	my $reader = $node->background_psql('postgres');
	my $row = sql("SELECT t FROM $table t WHERE id = 7");

	# a snapshot older than the prepared transaction's end
	$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
	is($reader->query_safe("SELECT cache.read(NULL::$table, 7)"), $row, "$table: an old snapshot");
	sql("BEGIN; UPDATE $table SET v = 'seven' WHERE id = 7; PREPARE TRANSACTION 'p'");
	is($reader->query_safe("SELECT cache.read(NULL::$table, 7)"), $row, "$table: it sees the row while prepared");
	sql("COMMIT PREPARED 'p'");
	is($reader->query_safe("SELECT cache.read(NULL::$table, 7)"), $row, "$table: and after COMMIT PREPARED");
	exact($node, $table, 'with an old snapshot about', first => 7, last => 7);
	is($reader->query_safe("SELECT cache.read(NULL::$table, 7)"), $row, "$table: and after others have filled");
	$reader->query_safe('COMMIT');
	is($reader->query_safe("SELECT (cache.read(NULL::$table, 7)).v"), 'seven', "$table: a new snapshot sees the change");
	$reader->quit;
	warmed($node, $table, 7, 'with an old snapshot gone');
}

# A read that began to load before PREPARE, and ends after COMMIT PREPARED, does
# not leave what it loaded in the cache.
foreach my $table (@strategies)
{
	foreach my $point ('after_token', 'after_snapshot', 'before_install')
	{
		my $gate = $node->background_psql('postgres');
		my $reader = $node->background_psql('postgres');
		my $pid = session_pid($reader);

		in_turn($node, undef, warmed_step($table, 8, "before a load at $point"), "SELECT cache.invalidate('$table')");
		stop_at($gate, $point);
		$reader->query_until(qr/started/,
			"\\echo started\nSET cache_strategies.test_points = '$point';\nSELECT cache.read(NULL::$table, 8);\n");
		wait_stopped($node, $pid);
		in_turn($node, undef,
			"BEGIN; UPDATE $table SET n = n + 1 WHERE id = 8; PREPARE TRANSACTION 'p'",
			$point ne 'before_install' ? "COMMIT PREPARED 'p'" : ());
		$gate->quit;
		$reader->quit;
		in_turn($node, undef,
			says("SELECT cache.lookup(NULL::$table, 8)", '', "a load at $point is not kept in $table"),
			$point eq 'before_install' ? "COMMIT PREPARED 'p'" : (),
			exact_step($table, "a load at $point", first => 8, last => 8),
			warmed_step($table, 8, "after a load at $point"));
	}
}

# The other way round: the load begins while the transaction is prepared.
foreach my $table (@strategies)
{
	foreach my $point ('after_token', 'after_snapshot', 'before_install')
	{
		my $gate = $node->background_psql('postgres');
		my $reader = $node->background_psql('postgres');
		my $pid = session_pid($reader);

		sql("BEGIN; UPDATE $table SET n = n + 1 WHERE id = 8; PREPARE TRANSACTION 'p'");
		stop_at($gate, $point);
		$reader->query_until(qr/started/,
			"\\echo started\nSET cache_strategies.test_points = '$point';\nSELECT cache.read(NULL::$table, 8);\n");
		wait_stopped($node, $pid);
		sql("COMMIT PREPARED 'p'");
		$gate->quit;
		$reader->quit;
		in_turn($node, undef,
			exact_step($table, "a load at $point begun while prepared", first => 8, last => 8),
			warmed_step($table, 8, "after a load at $point begun while prepared"));
	}
}

# ----- savepoints, errors, and other objects -----

sql(q(
	BEGIN;
	UPDATE write_through SET v = 'kept' WHERE id = 9;
	SAVEPOINT s;
	UPDATE write_through SET v = 'undone' WHERE id IN (9, 10);
	ROLLBACK TO s;
	PREPARE TRANSACTION 'p';
));
exact($node, 'write_through', 'with a savepoint, prepared');
sql("COMMIT PREPARED 'p'");
exact($node, 'write_through', 'with a savepoint');
is(sql('SELECT (cache.read(NULL::write_through, 9)).v || (cache.read(NULL::write_through, 10)).v'),
	'keptnew 10', 'what was kept is committed, what was undone is not');

# A PREPARE that fails is an abort.
tables_warmed($node, 11, 'before a PREPARE that fails');
sql("BEGIN; UPDATE cache_aside SET n = n + 1 WHERE id = 12; PREPARE TRANSACTION 'same'");
foreach my $table (@strategies)
{
	my ($rc, $out, $err) = $node->psql('postgres',
		"BEGIN; UPDATE $table SET v = 'never' WHERE id = 11; PREPARE TRANSACTION 'same'");

	like($err, qr/transaction identifier "same" is already in use/, "$table: the identifier is in use");
	exact($node, $table, 'after a PREPARE that failed');
}
{
	my ($rc, $out, $err) = $node->psql('postgres',
		"BEGIN; CREATE TEMP TABLE x (i int); UPDATE write_through SET v = 'never' WHERE id = 11; PREPARE TRANSACTION 'temp'");

	like($err, qr/cannot PREPARE a transaction that has operated on temporary objects/,
		'PREPARE fails after the marks are made');
	exact($node, 'write_through', 'after a PREPARE that failed late');
}
sql("COMMIT PREPARED 'same'");
tables_exact($node, 'after PREPAREs that failed');
tables_warmed($node, 11, 'after PREPAREs that failed');

# DROP of another table, and of an attached one, with changes elsewhere.
foreach my $finish ('ROLLBACK PREPARED', 'COMMIT PREPARED')
{
	sql(qq(
		CREATE TABLE IF NOT EXISTS other (id int);
		CREATE TABLE IF NOT EXISTS attached (id int PRIMARY KEY, v text);
		INSERT INTO attached VALUES (1, 'one') ON CONFLICT DO NOTHING;
		SELECT cache.attach('attached', 'write_through');
	));
	warmed($node, 'attached', 1, "$finish of a DROP, before");
	sql(qq(
		BEGIN;
		DROP TABLE other;
		UPDATE write_around SET n = n + 1 WHERE id = 13;
		DROP TABLE attached;
		PREPARE TRANSACTION 'p';
	));
	in_turn($node, undef,
		exact_step('write_around', "$finish of a DROP, prepared"),
		not_kept('write_around', [13], "$finish of a DROP, prepared"),
		"$finish 'p'",
		exact_step('write_around', "$finish of a DROP"),
		warmed_step('write_around', 13, "$finish of a DROP"));
	if ($finish eq 'ROLLBACK PREPARED')
	{
		is(sql('SELECT cache.read(NULL::attached, 1)'), '(1,one)', 'the table is still there');
		sql("UPDATE attached SET v = 'two'");
		is(sql('SELECT cache.read(NULL::attached, 1)'), '(1,two)', 'and still read exactly');
		warmed($node, 'attached', 1, $finish);
	}
	else
	{
		is(sql("SELECT count(*) FROM cache.bindings WHERE relation::text LIKE '%attached%' OR relation NOT IN (SELECT oid FROM pg_class)"),
			'0', 'the dropped table has no binding left');
	}
}

# Attach and detach, prepared.
sql(q(
	CREATE TABLE later (id int PRIMARY KEY, v text);
	INSERT INTO later VALUES (1, 'one');
	BEGIN; SELECT cache.attach('later', 'write_through'); PREPARE TRANSACTION 'p';
));
{
	my ($rc, $out, $err) = $node->psql('postgres', 'SELECT cache.read(NULL::later, 1)');

	like($err, qr/table "later" is not attached to the cache/, 'a prepared attach is not in force');
}
sql("COMMIT PREPARED 'p'; UPDATE later SET v = 'two'");
is(sql('SELECT cache.read(NULL::later, 1)'), '(1,two)', 'a committed one is');
warmed($node, 'later', 1, 'after a prepared attach');
sql("BEGIN; SELECT cache.detach('later'); UPDATE later SET v = 'three'; PREPARE TRANSACTION 'p'");
{
	my ($rc, $out, $err) = $node->psql('postgres',
		"SET lock_timeout = '50ms'; SELECT cache.read(NULL::later, 1)");

	like($err, qr/canceling statement due to lock timeout/, 'a read waits for a prepared detach');
}
sql("ROLLBACK PREPARED 'p'");
is(sql('SELECT cache.read(NULL::later, 1)'), '(1,two)', 'a detach that was rolled back');
warmed($node, 'later', 1, 'a detach that was rolled back');

# ----- many at once, finished in another order -----

my @ids = (1 .. 16);
sql("UPDATE $_ SET n = 0") foreach @strategies;
in_turn($node, undef,
	map {
		my $i = $_;
		join(' ', 'BEGIN;', (map { "UPDATE $_ SET n = $i WHERE id = $i;" } @strategies), "PREPARE TRANSACTION 'p$i'")
	} @ids);
tables_exact($node, 'many prepared');
in_turn($node, undef,
	map { says("SELECT sum((cache.read(NULL::$_, i)).n) FROM generate_series(1, 20) i", '0', "$_: none is seen") } @strategies);
my %done;
foreach my $i (sort { ($a * 7) % 17 <=> ($b * 7) % 17 } @ids)
{
	my $commit = $i % 3 != 0;
	my $read;

	$done{$i} = $commit ? $i : 0;
	in_turn($node, undef,
		($commit ? 'COMMIT' : 'ROLLBACK') . " PREPARED 'p$i'",
		map {
			my $table = $_;
			(   [ "SELECT string_agg((cache.read(NULL::$table, i))::text, ' ') FROM generate_series(1, 20) i", sub { $read = shift } ],
				[   "SELECT string_agg(t::text, ' ' ORDER BY id) FROM $table t WHERE id <= 20",
					sub { is($read, shift, "many prepared, $i finished: $table is read exactly") } ])
		} @strategies);
}
in_turn($node, undef,
	map { (
			says("SELECT string_agg((cache.read(NULL::$_, i)).n::text, ' ') FROM generate_series(1, 16) i",
				join(' ', map { $done{$_} } @ids), "many prepared: $_ has what was committed"),
			warmed_step($_, [ 1, 3, 16 ], 'all finished'))
	} @strategies);

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
