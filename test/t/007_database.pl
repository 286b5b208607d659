
# Databases, the extension and tables come and go: nothing of one is read in
# another, and every slot comes back.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

sub sql
{
	my ($db, @statements) = @_;

	return $node->safe_psql($db, join("\n", @statements));
}

sub error
{
	my ($db, $sql) = @_;

	return ($node->psql($db, $sql))[2];
}

# Steps of in_turn() in this database.
sub in
{
	my ($db, @steps) = @_;

	return map { ref $_ ? [ @$_[ 0, 1 ], $db ] : [ $_, undef, $db ] } @steps;
}

sub is_cached
{
	my ($table, $key, $name) = @_;

	return says("SELECT cache.lookup(NULL::$table, $key) IS NOT NULL", 't', $name);
}

# ----- several databases, one the copy of the other -----

once_free($node, 'CREATE DATABASE one');
add_extension($node, 'one');
create_tables($node, db => 'one');
tables_warmed($node, 1, 'one', db => 'one');

once_free($node, 'CREATE DATABASE two TEMPLATE one');
is(sql('one', "SELECT 'cache_aside'::regclass::oid"), sql('two', "SELECT 'cache_aside'::regclass::oid"),
	'a copied table has the OID of the original');
tables_exact($node, 'two', db => 'two');
tables_warmed($node, 1, 'two', db => 'two');
foreach my $table (@strategies)
{
	in_turn($node, undef,
		in('two', "UPDATE $table SET v = 'in two' WHERE id = 1; INSERT INTO $table VALUES (21, 'in two')"),
		in('one', "UPDATE $table SET v = 'in one' WHERE id = 1; DELETE FROM $table WHERE id = 2"),
		(map { (
				in('one', says("SELECT cache.read(NULL::$table, 1)", '(1,"in one",0)', "$table in one, round $_")),
				in('two', says("SELECT cache.read(NULL::$table, 1)", '(1,"in two",0)', "$table in two, round $_")))
		} (1, 2)),
		in('one', exact_step($table, 'one')),
		in('two', exact_step($table, 'two')),
		# the change of one leaves the entries of the other alone
		in('two', warmed_step($table, 5, 'two')),
		in('one', "UPDATE $table SET n = n + 1"),
		in('two', is_cached($table, 5, "$table in two stays cached when one changes")),
		in('one', "TRUNCATE $table"),
		in('two', is_cached($table, 5, "$table in two stays cached when one is truncated")),
		in('one', exact_step($table, 'one, truncated')));
}
is(sql('one', 'SELECT count(*) FROM cache.table_stats'), '4', 'cache.table_stats shows the tables of one database');
is(sql('two', 'SELECT tables FROM cache.stats'), '8', 'cache.stats counts the tables of all');

# ----- DROP DATABASE -----

{
	my $session = $node->background_psql('two');

	like(error('postgres', 'DROP DATABASE two'), qr/is being accessed by other users/, 'DROP DATABASE fails while it is used');
	is($session->query_safe('SELECT cache.read(NULL::write_through, 1)'), '(1,"in two",0)', 'and its tables are read exactly');
	sql('two', "UPDATE write_through SET v = 'still in two' WHERE id = 1");
	is($session->query_safe('SELECT cache.read(NULL::write_through, 1)'), '(1,"still in two",0)', 'and changes are seen');
	$session->quit;
	tables_exact($node, 'two, not dropped', db => 'two');
	tables_warmed($node, 1, 'two, not dropped', db => 'two');
}
once_free($node, 'DROP DATABASE two');
is(sql('one', 'SELECT tables FROM cache.stats'), '4', 'DROP DATABASE gives its slots back');
tables_exact($node, 'one, after DROP DATABASE', db => 'one');

# The OIDs of the copy are those of the original, whatever came before.
foreach my $i (1 .. 3)
{
	sql('one', "TRUNCATE write_through; INSERT INTO write_through VALUES (1, 'copy $i'); SELECT cache.read(NULL::write_through, 1)");
	once_free($node, 'CREATE DATABASE two TEMPLATE one');
	is(sql('two', 'SELECT cache.read(NULL::write_through, 1);' x 3), "(1,\"copy $i\",0)\n" x 2 . "(1,\"copy $i\",0)", "copy $i");
	is(sql('one', 'SELECT tables FROM cache.stats'), '5', "copy $i has a slot for the table that was read");
	sql('two', "UPDATE write_through SET v = 'changed'; SELECT cache.read(NULL::write_through, 1)");
	once_free($node, 'DROP DATABASE two WITH (FORCE)');
	is(sql('one', 'SELECT tables FROM cache.stats'), '4', "copy $i gives it back");
	is(sql('one', 'SELECT cache.read(NULL::write_through, 1)'), "(1,\"copy $i\",0)", "the original of copy $i");
}

# ----- DROP EXTENSION -----

sql('postgres', 'CREATE DATABASE three');
add_extension($node, 'three');
create_tables($node, db => 'three');
tables_warmed($node, 1, 'three', db => 'three');
like(error('three', 'DROP EXTENSION cache_strategies'),
	qr/cannot drop extension cache_strategies because other objects depend on it/,
	'DROP EXTENSION with attached tables needs CASCADE');
tables_exact($node, 'DROP EXTENSION refused', db => 'three');

sql('three', 'BEGIN; DROP EXTENSION cache_strategies CASCADE; ROLLBACK');
tables_exact($node, 'DROP EXTENSION rolled back', db => 'three');
tables_warmed($node, 1, 'DROP EXTENSION rolled back', db => 'three');
sql('three', map { "UPDATE $_ SET v = 'after rollback' WHERE id = 1;" } @strategies);
tables_exact($node, 'DROP EXTENSION rolled back, and changed', db => 'three');

my $session = $node->background_psql('three', on_error_stop => 0);
$session->query_safe("PREPARE r AS SELECT cache.read(NULL::cache_aside, 1)");
$session->query_safe('EXECUTE r');
my $notices = ($node->psql('three', 'DROP EXTENSION cache_strategies CASCADE'))[2];
like($notices, qr/drop cascades to 7 other objects/, 'DROP EXTENSION CASCADE takes the triggers away');
is(sql('three', "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cache%'"), '0', 'and none is left');
is(sql('three', "SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'cache%'"), '0', 'nor an event trigger');
like(error('three', 'SELECT cache.read(NULL::cache_aside, 1)'), qr/schema "cache" does not exist|function cache\.read.* does not exist/,
	'there is no cache.read() any more');
$session->query('EXECUTE r');
like($session->{stderr}, qr/ERROR: .*(does not exist|not attached|could not find|cache lookup failed)/, 'nor in a prepared statement');
$session->{stderr} = '';
foreach my $table (@strategies)
{
	sql('three', "UPDATE $table SET v = 'without' WHERE id = 1; DELETE FROM $table WHERE id = 2; INSERT INTO $table VALUES (2, 'without'); TRUNCATE $table; INSERT INTO $table VALUES (1, 'without')");
	is($session->query("SELECT count(*) FROM $table"), '1', "$table can be used without the extension");
}
add_extension($node, 'three');
is(sql('three', 'SELECT count(*) FROM cache.bindings'), '0', 'created again, nothing is attached');
like(error('three', 'SELECT cache.read(NULL::cache_aside, 1)'), qr/table "cache_aside" is not attached to the cache/, 'and reads say so');
sql('three', map { "SELECT cache.attach('$_', '$_');" } @strategies);
tables_exact($node, 'attached again', db => 'three');
tables_warmed($node, 1, 'attached again', db => 'three');
sql('three', map { "UPDATE $_ SET v = 'with' WHERE id = 1;" } @strategies);
is($session->query("SELECT (cache.read(NULL::$_, 1)).v"), 'with', "$_: the old session reads the table attached again")
  foreach @strategies;
$session->quit;

like(error('three', "ALTER EXTENSION cache_strategies UPDATE TO '9.9'"), qr/has no update path/, 'there is no such version');
is(error('three', 'ALTER EXTENSION cache_strategies UPDATE') =~ /already installed/ ? 1 : 0, 1, 'ALTER EXTENSION UPDATE has nothing to do');
like(error('three', 'ALTER EXTENSION cache_strategies SET SCHEMA public'), qr/does not support SET SCHEMA/, 'the extension stays in its schema');
like(error('three', 'CREATE EXTENSION cache_strategies'), qr/already exists/, 'there is one extension per database');
like(error('three', 'DROP TABLE cache.binding_store'), qr/cannot drop table cache\.binding_store because extension cache_strategies requires it/, 'cache.binding_store cannot be dropped');

# ----- DROP TABLE and its like -----

my $left_bindings = 'SELECT count(*) FROM cache.bindings';
my $all = sql('three', $left_bindings);
my $setup = q(
	CREATE SCHEMA app;
	CREATE TABLE app.a (id int PRIMARY KEY, v text);
	CREATE TABLE app.b (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE app.b1 PARTITION OF app.b FOR VALUES FROM (0) TO (10);
	INSERT INTO app.a VALUES (1, 'a'); INSERT INTO app.b VALUES (1, 'b');
	SELECT cache.attach('app.a', 'write_through'); SELECT cache.attach('app.b', 'read_through');
	SELECT cache.read(NULL::app.a, 1), cache.read(NULL::app.b, 1);
);
my $slots = sql('three', 'SELECT tables FROM cache.stats');
my @drops = (
	[ 'DROP TABLE', 'DROP TABLE app.a, app.b; DROP SCHEMA app' ],
	[ 'DROP SCHEMA CASCADE', 'DROP SCHEMA app CASCADE' ],
	[ 'DROP as a replica', 'SET session_replication_role = replica; DROP TABLE app.a, app.b; DROP SCHEMA app' ],
	[ 'DROP OWNED', "ALTER SCHEMA app OWNER TO leaver; ALTER TABLE app.a OWNER TO leaver; ALTER TABLE app.b OWNER TO leaver; DROP OWNED BY leaver CASCADE" ],
	[ 'detach', "SELECT cache.detach('app.a'), cache.detach('app.b'); DROP SCHEMA app CASCADE" ]);
sql('three', 'CREATE ROLE leaver');
foreach my $drop (@drops)
{
	my ($name, $sql) = @$drop;

	in_turn($node, 'three',
		$setup,
		says($left_bindings, $all + 2, "$name: two more tables are attached"),
		"BEGIN; $sql; ROLLBACK",
		says($left_bindings, $all + 2, "$name rolled back: they are still attached"),
		says("SELECT cache.read(NULL::app.a, 1), cache.read(NULL::app.b, 1)", '(1,a)|(1,b)', "$name rolled back: and read"),
		warmed_step('app.a', 1, "$name rolled back"),
		"UPDATE app.a SET v = 'x'",
		says("SELECT cache.read(NULL::app.a, 1)", '(1,x)', "$name rolled back: and changes are seen"),
		$sql,
		says($left_bindings, $all, "$name: their bindings are gone"),
		# a detached table's slot goes with the table
		says('SELECT tables FROM cache.stats', $slots, "$name: their slots are free again"));
}

# The same name, another table.
foreach my $i (1 .. 3)
{
	sql('three', "CREATE TABLE again (id int PRIMARY KEY, v text, c$i int); INSERT INTO again VALUES (1, 'again $i', $i); SELECT cache.attach('again', '$strategies[$i]')");
	is(sql('three', 'SELECT cache.read(NULL::again, 1);' x 3), join("\n", ("(1,\"again $i\",$i)") x 3), "table again, number $i");
	sql('three', 'DROP TABLE again');
}

# In one transaction.
sql('three', q(
	CREATE TABLE again (id int PRIMARY KEY, v text); INSERT INTO again VALUES (1, 'old'); SELECT cache.attach('again', 'write_through');
	SELECT cache.read(NULL::again, 1);
));
{
	my $session = $node->background_psql('three');

	is($session->query_safe('SELECT cache.read(NULL::again, 1)'), '(1,old)', 'before DROP and CREATE');
	sql('three', q(
		BEGIN; DROP TABLE again; CREATE TABLE again (id int PRIMARY KEY, n int, v text); INSERT INTO again VALUES (1, 5, 'new');
		SELECT cache.attach('again', 'read_through'); COMMIT));
	is($session->query_safe('SELECT cache.read(NULL::again, 1)'), '(1,5,new)', "after DROP and CREATE in one transaction, round $_") foreach (1, 2);
	sql('three', q(DROP TABLE again));
	$session->quit;
}

# ----- few slots -----

$node->append_conf('postgresql.conf', 'cache_strategies.max_tables = 2');
$node->restart;
once_free($node, $_) foreach 'DROP DATABASE one', 'DROP DATABASE three', 'CREATE DATABASE few';
add_extension($node, 'few');

foreach my $i (1 .. 5)
{
	in_turn($node, 'few',
		join('', map { qq(
		CREATE TABLE t$_ (id int PRIMARY KEY, v text, n int DEFAULT 0);
		INSERT INTO t$_ SELECT i, 'row ' || i FROM generate_series(1, 20) i;
		SELECT cache.attach('t$_', 'write_through');) } (1, 2)),
		(map { (exact_step($_, "two slots, round $i"), warmed_step($_, 1, "two slots, round $i")) } 't1', 't2'),
		says('SELECT tables FROM cache.stats', '2', "two slots, round $i: both are in use"),
		'DROP TABLE t1, t2',
		says('SELECT tables FROM cache.stats', '0', "two slots, round $i: both are free"));
}

# More tables than slots: the rest is read from the table, and whichever table
# gets a slot later is exact, with writers that began before it had one.
create_tables($node, db => 'few');
my @without;
foreach my $table (@strategies)
{
	in_turn($node, 'few',
		exact_step($table, 'more tables than slots'),
		[ "SELECT cache.lookup(NULL::$table, 1)", sub { push @without, $table if $_[0] eq '' } ],
		qq(
		UPDATE $table SET v = 'changed' WHERE id = 1; DELETE FROM $table WHERE id = 2;
		INSERT INTO $table VALUES (21, 'new'); UPDATE $table SET id = 22 WHERE id = 3),
		exact_step($table, 'more tables than slots, changed'),
		"BEGIN; UPDATE $table SET v = 'prepared' WHERE id = 4; PREPARE TRANSACTION 'few'",
		exact_step($table, 'more tables than slots, prepared'),
		"COMMIT PREPARED 'few'",
		exact_step($table, 'more tables than slots, finished'));
}
is(scalar(@without), 2, 'two tables have no slot');
like(sql('few', "SELECT cache.explain(NULL::$without[0], 1)"), qr/all of cache_strategies\.max_tables are in use/,
	'cache.explain says why');
is(sql('few', 'SELECT tables FROM cache.stats'), '2', 'two slots are in use');

{
	my ($late) = @without;
	my $writer = $node->background_psql('few');
	my $prepared = "UPDATE $late SET v = 'late prepared' WHERE id = 6";
	my @with = grep { my $t = $_; !grep { $t eq $_ } @without } @strategies;

	# these change the table while it has no slot ...
	$writer->query_safe('BEGIN');
	$writer->query_safe("UPDATE $late SET v = 'late' WHERE id = 5");
	sql('few', "BEGIN; $prepared; PREPARE TRANSACTION 'late'");
	# ... now it gets one ...
	sql('few', "DROP TABLE $with[0]");
	exact($node, $late, 'a slot of its own', db => 'few');
	is(sql('few', 'SELECT tables FROM cache.stats'), '2', 'the slot went to another table');
	# ... and they end.
	$writer->query_safe('COMMIT');
	exact($node, $late, 'a slot of its own, and a late commit', db => 'few');
	sql('few', "COMMIT PREPARED 'late'");
	exact($node, $late, 'a slot of its own, and a late COMMIT PREPARED', db => 'few');
	warmed($node, $late, [ 1, 5, 6 ], 'a slot of its own', db => 'few');
	# the writer met the table when it had none, and writes again
	$writer->query_safe("UPDATE $late SET v = 'once more' WHERE id IN (1, 5)");
	exact($node, $late, 'a slot that the writer did not know', db => 'few');
	sql('few', "UPDATE $late SET n = n + 1");
	exact($node, $late, 'a slot of its own, and changed', db => 'few');
	$writer->quit;

	# the other that had none
	exact($node, $without[1], 'still without a slot', db => 'few');
	sql('few', "DROP TABLE $with[1]");
	exact($node, $without[1], 'with the last slot', db => 'few');
	warmed($node, $without[1], 1, 'with the last slot', db => 'few');
}

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
