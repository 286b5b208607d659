
# Parameters without types, as they come through the extended protocol: what
# pgbench sends has none.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE items (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO items SELECT i, 'item ' || i FROM generate_series(1, 9) i;
	CREATE TABLE lines (a bigint, b text, v text, PRIMARY KEY (a, b));
	INSERT INTO lines VALUES (3, '7', 'line 3 7');
	SELECT cache.attach('items', 'read_through'), cache.attach('lines', 'write_through');
	CREATE TABLE result (mode text, what text, v text);
));

# Each query runs twice, the second time as a prepared statement that there is.
sub sends
{
	my ($mode, $what, $query) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . "/$what.$mode.sql";

	append_to_file($file, "\\set id 3\n\\set b 7\n\\set delta 2\n"
		  . "INSERT INTO result SELECT '$mode', '$what', ($query)::text;\n");
	$node->command_ok([ 'pgbench', '-n', '-t', '2', '-M', $mode, '-f', $file, 'postgres' ],
		"$mode: $what");
}

sub got
{
	my ($mode, $what) = @_;

	return $node->safe_psql('postgres',
		"SELECT string_agg(v, ' ' ORDER BY v) FROM result WHERE mode = '$mode' AND what = '$what'");
}

for my $mode ('simple', 'extended', 'prepared')
{
	sends($mode, 'read', 'SELECT v FROM cache.read(NULL::items, :id)');
	is(got($mode, 'read'), 'item 3 item 3', "$mode: cache.read()");
	sends($mode, 'composite', 'SELECT v FROM cache.read(NULL::lines, :id, :b::text)');
	is(got($mode, 'composite'), 'line 3 7 line 3 7', "$mode: a key with a parameter that has a type");
	sends($mode, 'explain', 'SELECT outcome FROM cache.explain(NULL::items, :id)');
	is(got($mode, 'explain'), 'hit hit', "$mode: cache.explain()");
	sends($mode, 'remove', 'SELECT cache.remove(NULL::items, 100 + :id)');
	is(got($mode, 'remove'), 'false false', "$mode: cache.remove()");
	sends($mode, 'set', "SELECT cache.set('key $mode', :id, :delta * 1000)");
	is(got($mode, 'set'), 'true true', "$mode: cache.set()");
	is($node->safe_psql('postgres', "SELECT cache.get('key $mode'), cache.ttl_ms('key $mode') > 1000000"), '3|t',
		"$mode: what was set");
	sends($mode, 'incr', "SELECT cache.incr('count $mode', :delta)");
	is(got($mode, 'incr'), '2 4', "$mode: cache.incr()");
	sends($mode, 'remember', "SELECT cache.remember('r $mode', 60, 'SELECT \$1::int + 1 AS n', ARRAY[:id])");
	is(got($mode, 'remember'), '[{"n": 4}] [{"n": 4}]', "$mode: cache.remember()");
	sends($mode, 'increment', "SELECT cache.increment(NULL::items, 'n', :delta, :id)");
	$node->safe_psql('postgres', 'UPDATE items SET n = 0');
	is(got($mode, 'increment'), '2 4', "$mode: cache.increment()");
}
is(got('extended', 'read'), got('simple', 'read'), 'all modes give the same');

# A statement whose parameters have no type that can be known is refused as before.
my ($stdout, $stderr) = ('', '');
my $file = PostgreSQL::Test::Utils::tempdir() . '/unknown.sql';
append_to_file($file, "\\set id 3\nSELECT concat(:id);\n");
$node->command_checks_all([ 'pgbench', '-n', '-t', '1', '-M', 'extended', '-f', $file, 'postgres' ],
	2, [], [qr/could not determine data type of parameter \$1/], 'other functions are left alone');

done_testing();
