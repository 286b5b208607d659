
# Whatever others put into the cache, a space keeps its share; beyond that it is
# evicted like everything else.  Quotas hold, and a table with one pushes out no
# other table's rows.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.memory = 4MB', 'fsync = off');

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE a LOGIN; CREATE ROLE b LOGIN; CREATE ROLE c LOGIN;
	CREATE SCHEMA work; GRANT ALL ON SCHEMA work TO PUBLIC;
	-- keys NAME1 to NAMEn with values of that size
	CREATE FUNCTION work.fill(name text, n int, size int, space text = NULL, immediate bool = false)
	RETURNS bigint LANGUAGE sql AS $$
		SELECT count(cache.set(name || i, rpad(name || i, size, '.'), space => fill.space, immediate => fill.immediate))
		FROM generate_series(1, n) i $$;
	-- how many of them are there; -1: one has another's value
	CREATE FUNCTION work.left_of(name text, n int, size int, space text = NULL) RETURNS bigint LANGUAGE sql AS $$
		SELECT CASE WHEN bool_and(v = rpad(name || i, size, '.')) THEN count(v) WHEN count(v) = 0 THEN 0 ELSE -1 END
		FROM (SELECT i, cache.get(name || i, left_of.space) AS v FROM generate_series(1, n) i OFFSET 0) s $$;
));

sub as_role
{
	my ($role, $sql) = @_;

	return $node->safe_psql('postgres', $sql, extra_params => [ '-U', $role ]);
}

sub sql
{
	return as_role($superuser, @_);
}

# b's share is a quarter of the memory, divided among those who have something.
my $keys = 150;
my $size = 500;

# What another role sets, much more than the whole memory.
my @floods = (
	[ 'immediate keys', a => q(SELECT work.fill('x', 20000, 600, immediate => true)) ],
	[ 'transactions', a => q(DO $$ BEGIN FOR i IN 1..100 LOOP PERFORM work.fill('y' || i || '/', 100, 1000); COMMIT; END LOOP; END $$) ],
	[ 'large values', a => q(SELECT work.fill('large', 300, 50000, immediate => true)) ],
	[ 'a space', a => q(SELECT work.fill('z', 20000, 600, 'of_a', true)) ],
	[ 'a table of one role', a => q(SELECT count(cache.read(NULL::work.t_of_a, i)) FROM generate_series(1, 20000) i, generate_series(1, 2)) ],
	[ 'a table', $superuser => q(SELECT count(cache.read(NULL::t, i)) FROM generate_series(1, 20000) i, generate_series(1, 2)) ],
);

sub evictions
{
	return sql('SELECT evictions FROM cache.stats');
}

sql(q(
	SELECT cache.create_space('of_a', owner => 'a');
	SELECT cache.create_space('of_b', owner => 'b');
	SELECT cache.create_space('limited', max_memory => '50kB', owner => 'b');
	CREATE TABLE t (id int PRIMARY KEY, v text);
	INSERT INTO t SELECT i, repeat('t', 600) FROM generate_series(1, 20000) i;
	SELECT cache.attach('t', 'read_through');
));
sql(q(
	SET ROLE a;
	CREATE TABLE work.t_of_a (id int PRIMARY KEY, v text);
	INSERT INTO work.t_of_a SELECT i, repeat('a', 600) FROM generate_series(1, 20000) i;
	SELECT cache.attach('work.t_of_a', 'write_through');
));
as_role('b', qq(SELECT work.fill('mine', $keys, $size), work.fill('shared', $keys, $size, 'of_b')));

foreach my $flood (@floods)
{
	my ($name, $role, $sql) = @$flood;
	my $before = evictions();

	as_role($role, $sql);
	cmp_ok(evictions() - $before, '>', 200, "$name: there is not room for all");
	is(as_role('b', "SELECT work.left_of('mine', $keys, $size), work.left_of('shared', $keys, $size, 'of_b')"),
		"$keys|$keys", "$name: another's keys stay");
}

# Whose own keys are too many loses some of them, but has room for new ones.
is(as_role('a', q(SELECT work.left_of('x', 20000, 600) BETWEEN 0 AND 10000)), 't', 'own keys make room for own keys');
as_role('a', q(SELECT work.fill('again', 100, 600, immediate => true)));
cmp_ok(as_role('a', q(SELECT work.left_of('again', 100, 600))), '>', 90, 'and new keys are kept');

# Beyond the share there is no guard.
as_role('b', q(SELECT work.fill('more', 4000, 600, immediate => true)));
as_role('a', q(SELECT work.fill('x', 20000, 600, immediate => true)));
cmp_ok(as_role('b', q(SELECT work.left_of('more', 4000, 600))), '<', 3000, 'who has more than the share is evicted');
cmp_ok(as_role('b', q(SELECT work.left_of('more', 4000, 600))), '>', 100, 'down to the share');
is(as_role('b', "SELECT work.left_of('shared', $keys, $size, 'of_b')"), $keys, 'the other space of the same role has its own');

# With more owners each share is smaller.
sql(join('', map { "CREATE ROLE many$_ LOGIN;" } 1 .. 20));
as_role("many$_", "SELECT work.fill('m', 40, 400)") foreach 1 .. 20;
as_role('a', q(SELECT work.fill('x', 20000, 600, immediate => true)));
is(join(' ', map { as_role("many$_", "SELECT work.left_of('m', 40, 400)") } 1 .. 20), join(' ', (40) x 20), 'twenty more owners');

# ----- quotas -----

foreach my $immediate ('true', 'false')
{
	as_role('b', "DO \$\$ BEGIN FOR i IN 1..50 LOOP PERFORM work.fill('q' || i || '/', 10, 500, 'limited', $immediate); COMMIT; END LOOP; END \$\$");
	is(as_role('b', q(SELECT bytes <= 50 * 1024, entries > 20 FROM cache.space_stats WHERE space = 'limited')),
		't|t', "immediate $immediate: the quota holds");
	is(as_role('b', q(SELECT work.left_of('q50/', 10, 500, 'limited'))), '10', "immediate $immediate: what was set last is there");
}
# Replacing does not add up.
as_role('b', q(DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM cache.set('one', repeat('o', 30000), space => 'limited'); COMMIT; END LOOP; END $$));
is(as_role('b', q(SELECT length(cache.get('one', 'limited')))), '30000', 'a value of more than half the quota is replaced');
as_role('b', q(DO $$ BEGIN FOR i IN 1..500 LOOP PERFORM cache.set('one', repeat('p', 30000), space => 'limited', immediate => true); END LOOP; END $$));
is(as_role('b', q(SELECT left(cache.get('one', 'limited'), 1))), 'p', 'immediately, too');
is(as_role('b', q(SELECT bytes <= 50 * 1024 FROM cache.space_stats WHERE space = 'limited')), 't', 'and the quota holds');
is(as_role('b', "SELECT work.left_of('shared', $keys, $size, 'of_b')"), $keys, 'others are not concerned');

# Rolled back changes are not counted.
as_role('b', q(BEGIN; SELECT work.fill('r', 20, 500, 'limited'); ROLLBACK;)) foreach 1 .. 20;
is(as_role('b', q(SELECT left(cache.get('one', 'limited'), 1))), 'p', 'what is rolled back makes no room');

# ----- quotas of tables -----

# Rows of two roles, of which one reads much more than there is room for.
sql(q(
	SET ROLE a;
	SELECT cache.attach('work.t_of_a', 'read_through', max_memory => '200kB');
	RESET ROLE;
	SET ROLE c;
	CREATE TABLE work.t_of_c (id int PRIMARY KEY, v text);
	INSERT INTO work.t_of_c SELECT i, repeat('c', 600) FROM generate_series(1, 500) i;
	SELECT cache.attach('work.t_of_c', 'read_through');
));
as_role('c', q(SELECT count(cache.read(NULL::work.t_of_c, i)) FROM generate_series(1, 500) i, generate_series(1, 3)));

my $of_c = q(SELECT count(cache.lookup(NULL::work.t_of_c, id)) FROM work.t_of_c);
my $cached = as_role('c', $of_c);

cmp_ok($cached, '>', 400, 'the rows of one role are cached');
as_role('a', q(SELECT count(cache.read(NULL::work.t_of_a, i)) FROM generate_series(1, 20000) i, generate_series(1, 2)));
is(sql(q(SELECT bytes <= 200 * 1024 AND bytes > 100 * 1024 FROM cache.table_stats WHERE relation = 'work.t_of_a'::regclass)), 't',
	'a table with max_memory fills that and no more');
is(as_role('c', $of_c), $cached, 'and pushes out no row of another role');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
