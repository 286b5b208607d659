
# Places for tables and spaces: a role has a share of them, who gets none is told,
# and they come back.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'cache_strategies.max_tables = 8');

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE low LOGIN;
	CREATE ROLE other LOGIN;
	CREATE SCHEMA low AUTHORIZATION low;
	CREATE SCHEMA other AUTHORIZATION other;
	GRANT CREATE ON DATABASE postgres TO low;
));

sub sql { return $node->safe_psql('postgres', join(' ', @_)) }

# What is said beside the result.
sub said
{
	my ($sql, $db) = @_;
	my ($ret, $stdout, $stderr) = $node->psql($db // 'postgres', $sql);

	return $stderr =~ s/psql:<stdin>:\d+: //gr =~ s/^HINT.*\n?//gmr =~ s/\n+$//r;
}

# How often the log says so.
sub logged
{
	my ($text) = @_;

	return scalar(() = slurp_file($node->logfile) =~ /LOG:  \Q$text\E/g);
}

sub make_table
{
	my ($name, $role, $options) = @_;

	return said("SET ROLE $role; CREATE TABLE $name (id int PRIMARY KEY, v int NOT NULL); INSERT INTO $name VALUES (1, 0); SELECT cache.attach('$name'$options);");
}

my $places = 'SELECT tables, slots_used, slots_total FROM cache.stats';
my $write_back = q(, 'write_back', merge => '{"v": "add"}', flush_interval => '1 day');

# ----- a role's share: half of them, unless told otherwise -----

is(make_table("low.t$_", 'low', ''), '', "table $_ of a role") foreach 1 .. 4;
is(sql($places), '4|4|8', 'the role has half of the places');
is(logged('a role has used up its share of cache_strategies.max_tables, which is 4'), 0, 'nothing is said yet');
is(make_table('low.t5', 'low', ''), q(WARNING:  table "t5" is attached, but read from the table
DETAIL:  Its owner has used up its share of cache_strategies.max_tables.), 'one more: a warning');
is(make_table('low.t6', 'low', $write_back), q(WARNING:  writes of table "t6" are not deferred
DETAIL:  Its owner has used up its share of cache_strategies.max_tables.), 'write_back: a warning');
is(logged('a role has used up its share of cache_strategies.max_tables, which is 4'), 1, 'the log says so, once');
my $of_share = 'its owner has used up its share of cache_strategies.max_tables';
is(sql('SELECT relation, problem FROM cache.bindings WHERE problem IS NOT NULL ORDER BY relation'),
	"low.t5|$of_share\nlow.t6|$of_share", 'cache.bindings says so');
is(sql('SELECT outcome, reason FROM cache.explain(NULL::low.t5, 1)'), "bypass|$of_share", 'and cache.explain');
is(said('UPDATE low.t6 SET v = v + 1'), q(WARNING:  writes of table "t6" are not deferred
DETAIL:  Its owner has used up its share of cache_strategies.max_tables.), 'a session that writes is told');
is(sql('SET client_min_messages = error; SELECT v, (cache.read(NULL::low.t6, 1)).v FROM low.t6'), '1|1', 'and has written');
like(said("SET ROLE low; SELECT cache.set('k', 'v')"), qr/ERROR:  too many tables and spaces are in the cache\nDETAIL:  Its owner has used up its share/, 'no keys for the role');
like(said("SET ROLE low; SELECT cache.create_space('s'); SELECT cache.set('k', 'v', space => 's')"), qr/Its owner has used up its share/, 'nor in a space of its own');

# Others have places still.
is(sql("SET ROLE other; SELECT cache.set('k', 'v'); SELECT cache.get('k')"), "t\nv", 'another role sets keys');
is(make_table('other.t1', 'other', $write_back), '', 'and attaches tables');
is(sql('UPDATE other.t1 SET v = v + 1; SELECT v, (cache.read(NULL::other.t1, 1)).v FROM other.t1'), '0|1', 'whose writes are deferred');
is(sql($places), '5|6|8', 'places in use');

# A table that changes hands counts for its new owner.
# At once: the flush worker asks for one for low.t6 now and then.
is((split /\n/, sql('GRANT low TO other; ALTER TABLE low.t1 OWNER TO other; SELECT cache.read(NULL::low.t1, 1);',
			'SELECT outcome FROM cache.explain(NULL::low.t5, 1)'))[-1], 'miss', 'and leaves the other a place');
is(sql('SELECT problem FROM cache.bindings WHERE problem IS NOT NULL'), $of_share, 'the next has none');
is(sql($places), '6|7|8', 'places in use');

# A share may be set anew.
$node->append_conf('postgresql.conf', 'cache_strategies.max_tables_per_role = 5');
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('cache_strategies.max_tables_per_role') = '5'");
is(said('UPDATE low.t6 SET v = v + 1'), '', 'with a greater share the table has a place');
ok($node->poll_query_until('postgres', 'SELECT v = 1 AND (cache.read(NULL::low.t6, 1)).v = 2 FROM low.t6'), 'and its writes are deferred')
  or diag(sql('SELECT v FROM low.t6'));
is(sql($places), '7|8|8', 'all places are in use');

# ----- no place left, for any session -----

my $of_all = 'all of cache_strategies.max_tables are in use';
is(make_table('t7', $superuser, ''), q(WARNING:  table "t7" is attached, but read from the table
DETAIL:  All of cache_strategies.max_tables are in use.), 'a superuser is told, too');
is(make_table('t8', $superuser, $write_back), q(WARNING:  writes of table "t8" are not deferred
DETAIL:  All of cache_strategies.max_tables are in use.), 'write_back, too');
is(logged('all 8 of cache_strategies.max_tables are in use'), 1, 'the log says so, once');
is(sql('SELECT problem FROM cache.bindings WHERE relation = $$t7$$::regclass'), $of_all, 'cache.bindings says so');
is(sql('SELECT outcome, reason FROM cache.explain(NULL::t7, 1)'), "bypass|$of_all", 'and cache.explain');
like(said("SELECT cache.set('k', 'v')"), qr/ERROR:  too many tables and spaces are in the cache\nDETAIL:  All of cache_strategies.max_tables are in use/, 'no keys');

# A session that has met the table when there was none notices that there is one.
my $session = $node->background_psql('postgres');
is($session->query_safe('SELECT outcome FROM cache.explain(NULL::t7, 1)'), 'bypass', 'in a session');
sql('DROP TABLE low.t2');
is($session->query_safe('SELECT outcome FROM cache.explain(NULL::t7, 1)'), 'miss', 'a place that is given back goes to a table that had none');
$session->quit;

# ----- they come back -----

sql('SELECT cache.flush(); SELECT cache.detach(relation) FROM cache.bindings; DROP TABLE t7, t8; DROP OWNED BY low, other; SELECT cache.drop_space($$s$$); DROP ROLE low, other');
is(sql($places), '0|0|8', 'detached tables and dropped roles leave no place in use');
foreach my $i (1 .. 3)
{
	sql("CREATE DATABASE again$i");
	add_extension($node, "again$i");
	in_turn($node, "again$i",
		join('', map { qq(
		CREATE TABLE t$_ (id int PRIMARY KEY, v int);
		INSERT INTO t$_ VALUES (1, 0);
		SELECT cache.attach('t$_');
		SELECT cache.read(NULL::t$_, 1);) } 1 .. 7),
		says($places, '7|7|8', "round $i: places are in use"),
		says("SELECT cache.set('k', 'v')", 't', "round $i: the last place"));
	once_free($node, "DROP DATABASE again$i");
	is(sql($places), '0|0|8', "round $i: and free with the database");
}

# ----- what a table that is gone has left in the cache -----

# Its entries are evicted some day.  Until then its place is the last that is taken.
$node->restart;
my $left = q(SELECT string_agg(relation || ' ' || entries, ', ' ORDER BY relation::text) FROM cache.table_stats);
my $wide = q(
	CREATE TABLE wide (id int PRIMARY KEY, v text);
	INSERT INTO wide SELECT i, repeat('x', 5000) FROM generate_series(1, 3) i;
	SELECT cache.attach('wide');
	SELECT cache.read(NULL::wide, i) FROM generate_series(1, 3) i;
);
sql($wide);
is(sql($left), 'wide 3', 'a table with entries');
once_free($node, 'DROP TABLE wide');
foreach my $i (1 .. 9)
{
	sql("CREATE TABLE next (id int PRIMARY KEY); SELECT cache.attach('next')");
	is(sql($left), 'next 0', "attachment $i does not get its place");
	once_free($node, 'DROP TABLE next');
}
sql("CREATE TABLE left$_ (id int PRIMARY KEY); SELECT cache.attach('left$_')") foreach 1 .. 8;
is(sql($places), '8|8|8', 'but when there is no other, one does');
once_free($node, join(';', map { "DROP TABLE left$_" } 1 .. 8));

# ----- what the journal has must not be overtaken -----

sql(q(
	CREATE TABLE deferring (id int PRIMARY KEY, v text);
	INSERT INTO deferring VALUES (1, 'old');
	SELECT cache.attach('deferring', 'write_back', merge => '{"v": "replace"}', flush_interval => '1 day');
	CREATE TABLE first (id int PRIMARY KEY, v text);
	SELECT cache.attach('first');
	ALTER SYSTEM SET cache_strategies.max_tables = 1;
	ALTER SYSTEM SET max_worker_processes = 0;
));
sql(q(UPDATE deferring SET v = 'deferred'));
$node->stop('immediate');
$node->start;
sql('SELECT cache.read(NULL::first, 1)');
foreach my $command ("UPDATE deferring SET v = 'new'", 'SELECT cache.read(NULL::deferring, 1)', "SELECT cache.write((1, 'new')::deferring)", 'SELECT * FROM cache.scan(NULL::deferring)')
{
	like(said($command), qr/ERROR:  table "deferring" has deferred writes that are not in it yet, and no place in the cache/, "$command is refused");
}
is(sql('SELECT v FROM deferring'), 'old', 'plain reads are not');
sql('SELECT cache.detach($$first$$)');
sql('ALTER SYSTEM RESET max_worker_processes');
$node->restart;
sql('SELECT cache.flush($$deferring$$)');
is(sql(q(UPDATE deferring SET v = v || ' and new'; SELECT (cache.read(NULL::deferring, 1)).v)), 'deferred and new', 'with a place it goes on');

$node->stop;
done_testing();
