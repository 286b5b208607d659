
# cache.advise(): three mixes (a read-only hot set, many more writes than reads, a
# table that is read evenly and does not fit) get the answers that bench/advise
# measures to be right; the arithmetic is that of its columns; and it says why not.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.memory = 32MB', 'autovacuum = off',
	"shared_preload_libraries = 'cache_strategies, pg_stat_statements'");

add_extension($node);

sub sql
{
	return $node->safe_psql('postgres', join(";\n", @_));
}

# What a session has read is counted for others when it says so.
my $count = 'SELECT pg_stat_force_next_flush()';

sub advice
{
	my ($columns, $table) = @_;

	return sql("SELECT $columns FROM cache.advise('$table')");
}

# sql_says(QUERY, EXPECTED): what it says, as soon as that is as expected.  What a read
# and a change take is measured with each call, and other processes may come in between.
sub sql_says
{
	my ($query, $expected, $name) = @_;
	my $said;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for (1 .. 20)
	{
		$said = sql($query);
		last if $said =~ $expected;
	}
	like($said, $expected, $name) or diag(sql('SELECT * FROM cache.advise()'));
}

sub advised
{
	my ($columns, $table, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	sql_says("SELECT $columns FROM cache.advise('$table')", $expected, $name);
}

# Reads of N keys, one statement each.
sub reads
{
	my ($table, $n, $key) = @_;

	return "DO \$\$ DECLARE r record; BEGIN FOR i IN 1..$n LOOP SELECT * INTO r FROM $table WHERE id = $key; END LOOP; END \$\$";
}

# ----- the three mixes, of tables that are not attached -----

# Documents of 16 kB, each read again and again.
sql('CREATE TABLE documents (id int PRIMARY KEY, body text)', 'ALTER TABLE documents ALTER body SET STORAGE EXTERNAL',
	"INSERT INTO documents SELECT i, repeat(md5(i::text), 500) FROM generate_series(1, 1000) i", 'ANALYZE documents',
	reads('documents', 20000, '1 + i % 1000'), $count);
advised('attached, strategy IS NOT NULL, ttl, memory BETWEEN 1000 * 16000 AND 32 * 1024 * 1024, reads >= 20000, writes, rows, row_bytes BETWEEN 16000 AND 17000, hit_ratio > 0.9, hit_ratio_is, saving > 0, break_even < 1',
	'documents', qr/^\|t\|\|t\|t\|0\|1000\|t\|t\|estimated\|t\|t$/, 'a read-only hot set of documents is to be cached');

# Ten changes for each read.
sql('CREATE TABLE states (id int PRIMARY KEY, n int)', 'INSERT INTO states SELECT i, 0 FROM generate_series(1, 1000) i', 'ANALYZE states',
	'DO $$ DECLARE r record; BEGIN FOR i IN 1..20000 LOOP UPDATE states SET n = n + 1 WHERE id = 1 + i % 1000; IF i % 10 = 0 THEN SELECT * INTO r FROM states WHERE id = 1 + i % 1000; END IF; END LOOP; END $$', $count);
advised('strategy IS NULL, memory IS NULL, writes, saved_ms < 0', 'states', qr/^t\|t\|20000\|t$/, 'a table with ten changes for each read is not to be cached');
advised('reason', 'states', qr/^\d+\.\d rows are changed for each read by key: that costs more than hits can save; if counters or last values are what is changed, see write_back$/,
	'and it says why');

# Three times as much as fits; each row is read at most once.
sql('CREATE TABLE log (id int PRIMARY KEY, line text)', "INSERT INTO log SELECT i, repeat('x', 60) FROM generate_series(1, 500000) i", 'ANALYZE log',
	reads('log', 5000, '1 + (i::bigint * 7919) % 500000'), $count);
advised('strategy IS NULL, hit_ratio < 0.1, saved_ms < 0', 'log', qr/^t\|t\|t$/, 'a table that is read evenly and does not fit is not to be cached');
advised('reason', 'log', qr/attach it for a while, and they are counted$|as long as the SELECT/, 'and it says why, and how to know better');

sql_says('SELECT string_agg("table"::text, \' \') FROM cache.advise() WHERE saved_ms > 0', qr/^documents$/,
	'cache.advise() has those that are worth it first, and only one is');
is(sql("SELECT array_agg(\"table\"::text ORDER BY \"table\"::text) FROM cache.advise()"), '{documents,log,states}', 'and all of them');

# ----- the arithmetic -----

is(sql('SELECT count(*) FROM cache.advise() WHERE direct_us IS NOT NULL AND (
		abs(saved_ms - (reads * (direct_us - hit_ratio * hit_us - (1 - hit_ratio) * miss_us) - writes * change_us) / 1000)
			> 0.02 * greatest(reads * direct_us, writes * change_us) / 1000 + 0.2
		OR abs(break_even - (miss_us - direct_us + writes * change_us / reads) / (miss_us - hit_us)) > 0.05 * greatest(break_even, 1))'),
	'0', 'what is saved, and the break-even hit ratio, follow from the other columns');

# ----- attached tables: their hit ratio is counted -----

# A hot set of a table that would not fit.
sql("SELECT cache.attach('log', 'cache_aside')",
	'SELECT count(cache.read(NULL::log, 1 + i % 1000)) FROM generate_series(1, 20000) i', $count);
is(advice('attached, hit_ratio_is, hit_ratio > 0.9', 'log'), 'cache_aside|counted|t', 'of an attached table the hit ratio is counted');
advised('reason', 'log', qr/has \d+ %|as long as the SELECT/, 'and the reason says so');
sql("SELECT cache.detach('log')");

# Read by a loader, which no trigger invalidates.
sql("CREATE FUNCTION load_document(int) RETURNS documents LANGUAGE sql STABLE AS 'SELECT d FROM documents d WHERE id = \$1'",
	"SELECT cache.attach('documents', 'read_through', loader => 'load_document')");
is(advice('strategy, ttl', 'documents'), 'read_through|00:05:00', 'rows that a loader makes need a time to live');
sql("SELECT cache.detach('documents')");

# ----- pg_stat_statements -----

sql('CREATE EXTENSION pg_stat_statements', 'SELECT pg_stat_statements_reset()',
	"SET plan_cache_mode = force_generic_plan", 'PREPARE by_key AS SELECT body FROM documents WHERE id = $1',
	(map { "EXECUTE by_key($_)" } 1 .. 40), 'SELECT count(*) FROM documents WHERE id = 3 OR id = 4',
	'SELECT 1 FROM states s JOIN documents d ON d.id = s.id WHERE s.id = 7');
is(advice('reads', 'documents'), '40', 'with pg_stat_statements, statements that read the table alone by its key are counted')
  or diag(sql('SELECT calls, query FROM pg_stat_statements'));

# ----- what cannot be cached -----

sql('CREATE TABLE keyless (a int)', 'CREATE TABLE unread (id int PRIMARY KEY)', 'CREATE VIEW v AS SELECT 1 AS a',
	$count);
like(advice('strategy, direct_us, reason', 'unread'), qr/^\|\|it is not read/, 'one that is not read');
my ($ret, $out, $err) = $node->psql('postgres', "SELECT * FROM cache.advise('keyless')");
like($err, qr/cannot cache relation "keyless"/, 'a table without a primary key is refused as by cache.attach');
is(sql(q{SELECT strategy, reason FROM cache.advise() WHERE "table" = 'keyless'::regclass}), '|it has no primary key', 'in the list it is, with the reason');
($ret, $out, $err) = $node->psql('postgres', "SELECT * FROM cache.advise('v')");
like($err, qr/cannot cache relation "v"/, 'and so is a view');
($ret, $out, $err) = $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT * FROM cache.advise(1)");
like($err, qr/ERROR:  42P01: relation with OID 1 does not exist/, 'and a number of no table');

# Partitions are counted together.
sql('CREATE TABLE parts (id int PRIMARY KEY, t text) PARTITION BY HASH (id)',
	(map { "CREATE TABLE parts$_ PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1),
	"INSERT INTO parts SELECT i, 'x' FROM generate_series(1, 1000) i", 'ANALYZE parts', 'SELECT pg_stat_statements_reset()',
	reads('parts', 3000, '1 + i % 1000'), $count, 'DROP EXTENSION pg_stat_statements');
is(advice('reads >= 3000, rows', 'parts'), 't|1000', 'the partitions of a table are counted together');
is(sql("SELECT count(*) FROM cache.advise() WHERE \"table\"::text LIKE 'parts%'"), '1', 'and are one row of the list');

# ----- privileges -----

sql('CREATE ROLE reader LOGIN', 'GRANT SELECT ON documents TO reader', 'GRANT SELECT ON states TO reader',
	'ALTER TABLE states ENABLE ROW LEVEL SECURITY', 'CREATE POLICY p ON states USING (true)');
my @reader = (extra_params => [ '-U', 'reader' ]);
is($node->safe_psql('postgres', 'SELECT string_agg("table"::text, \' \') FROM cache.advise()', @reader), 'documents',
	'a role is advised on the tables that it may read, without those whose policies would be run');
is($node->safe_psql('postgres', "SELECT \"table\" FROM cache.advise('states')", @reader), 'states', 'unless it names them');
($ret, $out, $err) = $node->psql('postgres', "SELECT * FROM cache.advise('log')", @reader);
like($err, qr/permission denied for table log/, 'it may not ask about a table that it may not read');

# Nor how often others read or change it, or whether it is read at all; and it does not
# wait for a lock before it is told so.
($ret, $out, $err) = $node->psql('postgres', "SELECT * FROM cache.advise('unread')", @reader);
is("$ret|$out", '3|', 'nothing is said of such a table');
like($err, qr/permission denied for table unread/, 'also if it is not read, so that no row of it would be looked at');
my $locker = $node->background_psql('postgres');
$locker->query_safe('BEGIN; LOCK TABLE log IN ACCESS EXCLUSIVE MODE');
($ret, $out, $err) = $node->psql('postgres', "SET lock_timeout = '10ms'; SELECT * FROM cache.advise('log')", @reader);
like($err, qr/permission denied for table log/, 'its lock is not waited for');
$locker->query_safe('ROLLBACK');
$locker->quit;

# Operators of the caller's path are not taken for the key's.
sql('CREATE SCHEMA trap', q{CREATE FUNCTION trap.eq(oid, oid) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$},
	'CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = trap.eq)', 'SET search_path = trap, pg_catalog, public, cache',
	q{CREATE FUNCTION trap.eq4(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'trapped'; END $$},
	'CREATE OPERATOR trap.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap.eq4)');
is(sql('SET search_path = trap, pg_catalog, public', 'SELECT "table" FROM cache.advise(\'public.documents\')'), 'documents',
	'operators in the search_path are not used');

done_testing();
