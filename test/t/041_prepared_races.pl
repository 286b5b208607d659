
# What may come between PREPARE TRANSACTION and its end: a PREPARE that the server
# refuses, another database, a role that is dropped, attach and detach, spaces,
# remembered results, deferred writes, and a crash with each of them.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'cache_strategies.max_tables = 24');

add_extension($node);
create_tables($node);
$node->safe_psql('postgres', 'CREATE DATABASE other');
add_extension($node, 'other');
create_tables($node, db => 'other');
$node->safe_psql('postgres', <<'SQL');
	CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_left_behind';
	CREATE TABLE wb (id int PRIMARY KEY, n int NOT NULL, s text, k text);
	INSERT INTO wb SELECT i, 0, 'old' FROM generate_series(1, 5) i;
	SELECT cache.attach('wb', 'write_back', flush_interval => '1 hour', merge => '{"n": "add", "s": "replace"}');
	CREATE TABLE summed (id int PRIMARY KEY, n int);
	INSERT INTO summed VALUES (1, 1), (2, 2);
	SELECT cache.track('summed');
	SELECT cache.create_space('space');
SQL

sub sql { return $node->safe_psql('postgres', join("\n", @_)); }

sub crash
{
	$node->stop('immediate');
	$node->start;
}

# With the end of what the statement's error says.
sub refused
{
	my ($sql, $error, $name, $db) = @_;
	my ($ret, $out, $err) = $node->psql($db // 'postgres', $sql);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like($err, $error, $name);
}

sub waits
{
	my ($sql, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	refused("SET lock_timeout = '50ms'; $sql", qr/canceling statement due to lock timeout/, "$name: it waits");
}

# ----- a PREPARE that the server has no place for -----

my $changes = join(' ', map { "UPDATE $_ SET n = n + 1 WHERE id = 1;" } @strategies);

foreach my $max (1, 0)
{
	$node->append_conf('postgresql.conf', "max_prepared_transactions = $max");
	$node->restart;
	sql("BEGIN; UPDATE summed SET n = n; PREPARE TRANSACTION 'only'") if $max == 1;
	tables_warmed($node, [ 1, 2 ], "max_prepared_transactions = $max");
	refused("BEGIN; $changes SELECT cache.remember('r', '1 hour', 'SELECT sum(n) FROM summed'); PREPARE TRANSACTION 'p'",
		$max == 0 ? qr/prepared transactions are disabled/ : qr/maximum number of prepared transactions reached/,
		"max_prepared_transactions = $max: PREPARE is refused");
	is(sql('SELECT left_behind()'), '', 'nothing is left behind');
	tables_exact($node, "max_prepared_transactions = $max");
	sql("COMMIT PREPARED 'only'") if $max == 1;
	tables_warmed($node, [ 1, 2 ], "max_prepared_transactions = $max, after a PREPARE that was refused");
	sql($changes);
	tables_exact($node, "max_prepared_transactions = $max, changed");
}

# A server that has prepared transactions does not start without places for them,
# nor does anything get lost by the attempt.
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 20');
$node->restart;
sql("BEGIN; $changes PREPARE TRANSACTION 'p'; UPDATE wb SET n = n + 1");
$node->stop('immediate');
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 0');
ok(!$node->start(fail_ok => 1), 'a server does not start that has no places for its prepared transactions');
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 20');
$node->start;
tables_exact($node, 'after the attempt');
is(cached($node, $_, 1), undef, "after the attempt: $_ is not filled") foreach @strategies;
is(sql('SELECT sum((cache.read(NULL::wb, id)).n) FROM generate_series(1, 5) id'), 5, 'after the attempt: what was deferred is there');
sql("COMMIT PREPARED 'p'");
tables_exact($node, 'after the attempt, finished');
tables_warmed($node, 1, 'after the attempt, finished');
sql("SELECT cache.flush(); UPDATE wb SET n = 0, s = 'old'; SELECT cache.flush()");

# ----- another database -----

sub waited_for
{
	my ($db) = @_;

	return $node->safe_psql($db, 'SELECT fills_wait_for IS NOT NULL FROM cache.stats');
}

$node->safe_psql('other', "BEGIN; $changes PREPARE TRANSACTION 'other'");
tables_warmed($node, [ 1, 2 ], 'prepared in another database');
tables_exact($node, 'in that database', db => 'other');
crash();
is(waited_for('other'), 't', 'after a crash: the other database waits for it');
is(waited_for('postgres'), 'f', 'and this one does not');
tables_warmed($node, [ 1, 2 ], 'prepared in another database, before a crash');
tables_exact($node, 'in that database, after a crash', db => 'other');
is(cached($node, $_, 3, 'other'), undef, "in that database nothing of $_ is kept") foreach @strategies;
refused("COMMIT PREPARED 'other'", qr/prepared transaction belongs to another database/, 'it cannot be finished from here');
refused('DROP DATABASE other', qr/is being accessed by other users/, 'the database cannot be dropped');
tables_exact($node, 'after DROP DATABASE that failed', db => 'other');
$node->safe_psql('other', "COMMIT PREPARED 'other'");
tables_exact($node, 'in that database, finished', db => 'other');
tables_warmed($node, 1, 'in that database, finished', db => 'other');
is(waited_for('other'), 'f', 'nothing is waited for');

# ----- a role that is dropped -----

foreach my $finish ('ROLLBACK PREPARED', 'COMMIT PREPARED')
{
	foreach my $crash (0, 1)
	{
		my $name = "$finish of a role that was dropped" . ($crash ? ', after a crash' : '');

		sql('CREATE ROLE brief;', (map { "GRANT SELECT, UPDATE ON $_ TO brief;" } @strategies),
			'SET ROLE brief;', "BEGIN; $changes PREPARE TRANSACTION 'p';", 'RESET ROLE;', 'DROP OWNED BY brief; DROP ROLE brief;');
		crash() if $crash;
		tables_exact($node, "$name, before");
		sql("$finish 'p'");
		tables_exact($node, $name);
		tables_warmed($node, 1, $name);
	}
}

# ----- attach, detach and track, against changes and prepared themselves -----

foreach my $crash (0, 1)
{
	my $name = $crash ? 'after a crash' : 'at once';
	my $old = $node->background_psql('postgres', on_error_stop => 0);

	sql("CREATE TABLE later (id int PRIMARY KEY, v text, n int DEFAULT 0); INSERT INTO later SELECT i, 'row ' || i FROM generate_series(1, 5) i");
	$old->query_safe('SELECT count(*) FROM later');
	# changed by a transaction that does not know that it is going to be attached
	sql("BEGIN; UPDATE later SET v = 'prepared' WHERE id = 1; PREPARE TRANSACTION 'p'");
	if ($crash)
	{
		crash();
		$old->reconnect_and_clear;
	}
	waits("SELECT cache.attach('later', '$_')", "$name: attach with $_") foreach 'read_through', 'write_back';
	waits("SELECT cache.track('later')", "$name: track");
	sql("COMMIT PREPARED 'p'");
	# prepared themselves
	foreach my $strategy (@strategies, 'write_back')
	{
		foreach my $finish ('ROLLBACK PREPARED', 'COMMIT PREPARED')
		{
			my $is = "$name: $finish of attach and detach with $strategy";
			my $attached = $finish eq 'COMMIT PREPARED';

			sql("BEGIN; SELECT cache.attach('later', '$strategy'); UPDATE later SET n = 1 WHERE id = 2; PREPARE TRANSACTION 'p'") if $strategy ne 'write_back';
			sql("BEGIN; SELECT cache.attach('later', '$strategy', flush_interval => '1 hour', merge => '{\"n\": \"add\"}'); PREPARE TRANSACTION 'p'") if $strategy eq 'write_back';
			if ($crash && ($strategy eq 'write_back' || $strategy eq 'write_through'))
			{
				crash();
				$old->reconnect_and_clear;
			}
			refused('SELECT cache.read(NULL::later, 1)', qr/is not attached/, "$is: it is not attached before");
			waits("UPDATE later SET n = 5", "$is: a change");
			sql("$finish 'p'");
			if ($attached)
			{
				$old->query_safe('UPDATE later SET n = n + 1 WHERE id = 2');
				exact($node, 'later', $is, last => 6) if $strategy ne 'write_back';
				sql('SELECT cache.read(NULL::later, 2), cache.read(NULL::later, 2)');
				$old->query_safe('UPDATE later SET n = n + 1 WHERE id = 2');
				is($old->query_safe('SELECT (cache.read(NULL::later, 2)).n = (SELECT max(n) + ' . ($strategy eq 'write_back' ? 2 : 0) . ' FROM later WHERE id = 2)'), 't', "$is: read exactly");
				sql("SELECT cache.flush('later'); BEGIN; SELECT cache.detach('later'); PREPARE TRANSACTION 'p'");
				crash(), $old->reconnect_and_clear if $crash && $strategy eq 'write_back';
				waits('SELECT cache.read(NULL::later, 1)', "$is: a read while detach is prepared");
				tables_exact($node, "$is: other tables", last => 3);
				sql("ROLLBACK PREPARED 'p'");
				exact($node, 'later', "$is: detach rolled back", last => 6);
				sql("UPDATE later SET n = 0; SELECT cache.flush('later'); BEGIN; SELECT cache.detach('later'); PREPARE TRANSACTION 'p'");
				sql("COMMIT PREPARED 'p'");
				$old->query_safe('UPDATE later SET n = 3');
				is(sql('SELECT min(n) FROM later'), 3, "$is: detached, an old session changes the table");
			}
			refused('SELECT cache.read(NULL::later, 1)', qr/is not attached/, "$is: it is not attached after");
		}
	}
	sql('DROP TABLE later');
	$old->quit;
}

# What prepared transactions leave of slots does not fill the directory.
sql('CREATE TABLE slots (id int PRIMARY KEY)');
in_turn($node, undef,
	map { ("BEGIN; CREATE TABLE made_$_ (id int PRIMARY KEY); SELECT cache.attach('made_$_', 'read_through'); PREPARE TRANSACTION 'p'", "ROLLBACK PREPARED 'p'") } 1 .. 30);
is(sql("SELECT cache.attach('slots', 'read_through'); INSERT INTO slots VALUES (1); SELECT cache.read(NULL::slots, 1)") =~ s/^\n//r, '(1)', 'slots of what was rolled back are given to others');
warmed($node, 'slots', 1, 'a slot that another table has had');
sql('DROP TABLE slots');
is(sql('SELECT left_behind()'), '', 'nothing is left behind');

# ----- keys, tags and spaces -----

refused("BEGIN; SELECT cache.set('k', 'v'); PREPARE TRANSACTION 'p'", qr/cannot PREPARE a transaction that has changed keys/, 'keys that are changed cannot be prepared');
refused("BEGIN; SELECT cache.set('k', 'v'); SELECT cache.invalidate_tag('t'); PREPARE TRANSACTION 'p'", qr/cannot PREPARE a transaction that has changed keys/, 'nor can tags');
is(sql("SELECT left_behind(), cache.set('k', 'other', immediate => true), cache.get('k')"), '|t|other', 'and nothing of it stays');
sql("BEGIN; SELECT cache.set('now', 'v', immediate => true); UPDATE cache_aside SET n = n; PREPARE TRANSACTION 'p'");
is(sql("SELECT cache.get('now'), cache.set('now', 'w'), cache.get('now')"), 'v|t|w', 'what is changed at once is changed');
sql("ROLLBACK PREPARED 'p'");
is(sql("SELECT cache.get('now')"), 'w', 'and stays so');

foreach my $finish ('ROLLBACK PREPARED', 'COMMIT PREPARED')
{
	foreach my $crash (0, 1)
	{
		my $name = "$finish of spaces" . ($crash ? ', after a crash' : '');
		my $old = $node->background_psql('postgres', on_error_stop => 0);

		$old->query_safe("SELECT cache.set('k', 'old', space => 'space')");
		sql("BEGIN; SELECT cache.create_space('made'), cache.drop_space('space'); PREPARE TRANSACTION 'p'");
		refused("SELECT cache.get('k', 'made')", qr/space "made" does not exist/, "$name: a new one is not there before");
		waits("SELECT cache.set('k', 'new', space => 'space')", "$name: a change of a key of one that is dropped");
		if ($crash)
		{
			crash();
			$old->reconnect_and_clear;
		}
		sql("$finish 'p'");
		if ($finish eq 'ROLLBACK PREPARED')
		{
			# its keys have fallen out of the cache
			is($old->query_safe("SELECT cache.set('k', 'new', space => 'space'), cache.get('k', 'space')"), 't|new', "$name: the space is as before");
			refused("SELECT cache.get('k', 'made')", qr/space "made" does not exist/, "$name: the other one is not there");
		}
		else
		{
			$old->query("SELECT cache.get('k', 'space')");
			like($old->{stderr}, qr/space "space" does not exist/, "$name: it is gone for an old session");
			$old->{stderr} = '';
			is($old->query_safe("SELECT cache.set('k', 'new', space => 'made'), cache.get('k', 'made')"), 't|new', "$name: the new one is there");
			sql("SELECT cache.create_space('space'), cache.drop_space('made')");
			is($old->query_safe("SELECT coalesce(cache.get('k', 'space'), 'none')"), 'none', "$name: one of the same name does not have its keys");
		}
		$old->quit;
	}
}
is(sql('SELECT left_behind()'), '', 'nothing is left behind');

# ----- remembered results -----

my $sum = q(SELECT cache.remember('sum', '1 hour', 'SELECT sum(n) FROM summed') #>> '{0,sum}');

foreach my $finish ('ROLLBACK PREPARED', 'COMMIT PREPARED')
{
	foreach my $change ("UPDATE summed SET n = n + 10", "TRUNCATE summed", "ALTER TABLE summed ALTER n SET DEFAULT 1; UPDATE summed SET n = n + 10")
	{
		foreach my $crash (0, 1)
		{
			my $name = "$finish of $change" . ($crash ? ', after a crash' : '');
			my $old = $node->background_psql('postgres');
			my $before;

			$old->query_safe("$sum; $sum");
			$before = $old->query_safe($sum);
			sql("BEGIN; $change; PREPARE TRANSACTION 'p'");
			if ($crash)
			{
				crash();
				$old->reconnect_and_clear;
			}
			is($old->query_safe($sum), $before, "$name: remembered before") if $change =~ /^UPDATE/;
			is($node->safe_psql('postgres', $sum), $before, "$name: and computed") if $change =~ /^UPDATE/;
			waits($sum, $name) if $change !~ /^UPDATE/;
			sql("$finish 'p'");
			is($old->query_safe($sum), sql('SELECT sum(n) FROM summed'), "$name: exact for an old session");
			is(sql("$sum"), sql('SELECT sum(n) FROM summed'), "$name: and for a new one");
			sql('TRUNCATE summed; INSERT INTO summed VALUES (1, 1), (2, 2)');
			is($old->query_safe($sum), 3, "$name: and after another change");
			$old->quit;
		}
	}
}

# ----- deferred writes -----

# A change that is prepared when nothing is deferred comes before what is deferred
# after it, whatever order they reach the table in.
foreach my $case (
	[ "UPDATE wb SET s = 'prepared', k = 'prepared' WHERE id = 1", "SELECT cache.increment(NULL::wb, 'n', 1, 1)", '(1,1,prepared,prepared)', '(1,1,old,)' ],
	[ "UPDATE wb SET s = 'prepared', k = 'prepared' WHERE id = 1", "SELECT cache.write(ROW(1, 5, 'written', 'w')::wb)", '(1,5,written,w)', '(1,5,written,w)' ],
	[ 'DELETE FROM wb WHERE id = 1', "SELECT cache.increment(NULL::wb, 'n', 1, 1)", '', '(1,1,old,)' ],
	[ 'DELETE FROM wb WHERE id = 1', "SELECT cache.write(ROW(1, 5, 'written', 'w')::wb)", '(1,5,written,w)', '(1,5,written,w)' ])
{
	my ($change, $defer, $committed, $undone) = @$case;

	foreach my $finish ('COMMIT PREPARED', 'ROLLBACK PREPARED')
	{
		foreach my $crash (0, 1)
		{
			my $name = "$change, $defer, $finish" . ($crash ? ', after a crash' : '');
			my $expected = $finish eq 'COMMIT PREPARED' ? $committed : $undone;

					sql("SELECT cache.flush('wb'); DELETE FROM wb; INSERT INTO wb SELECT i, 0, 'old' FROM generate_series(1, 5) i; SELECT cache.flush('wb')");
			sql("BEGIN; $change; PREPARE TRANSACTION 'p'");
			sql($defer);
			crash() if $crash;
			sql("$finish 'p'");
			is(sql('SELECT cache.read(NULL::wb, 1)'), $expected, "$name: read");
			sql("SELECT cache.flush('wb')");
			is(sql('SELECT t FROM wb t WHERE id = 1'), $expected, "$name: in the table");
			is(sql('SELECT cache.read(NULL::wb, 1)'), $expected, "$name: read afterwards");
		}
	}
}
is(sql('SELECT left_behind()'), '', 'nothing is left behind');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
