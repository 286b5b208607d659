
# Which statements are the same but for their constants.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE FUNCTION shapes(a text, b text) RETURNS text AS '$libdir/cache_strategies', 'cs_test_shapes' LANGUAGE C;
	CREATE TABLE t (id int PRIMARY KEY, big bigint, price numeric, name text, code varchar(10), at timestamptz, tags text[]);
	CREATE TABLE u (LIKE t);
	CREATE VIEW v AS SELECT id, name FROM t WHERE price > 1;
	CREATE SCHEMA other;
	CREATE TABLE other.t (LIKE t);
	CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
	CREATE FUNCTION g(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';));

sub shapes
{
	my ($a, $b, $expected) = @_;

	is($node->safe_psql('postgres', "SELECT shapes(\$a\$$a\$a\$, \$b\$$b\$b\$)"), $expected, "$a | $b");
	return;
}

shapes(@$_, 'same')
	for (
	[ 'SELECT * FROM t WHERE id = 1', "select *\n\tFROM  public.t -- a comment\n WHERE id=2" ],
	[ 'SELECT * FROM t WHERE id = 1', 'SELECT * FROM t WHERE id = $1' ],
	[ 'SELECT * FROM t WHERE id = $2 AND big = $1', 'SELECT * FROM t WHERE id = $1 AND big = $2' ],
	[ 'SELECT * FROM t WHERE price > 10', 'SELECT * FROM t WHERE price > $1' ],
	[ 'SELECT * FROM t WHERE price > 10', 'SELECT * FROM t WHERE price > 10.5' ],
	[ q(SELECT * FROM t WHERE name = 'a'), q(SELECT * FROM t WHERE name = 'b') ],
	[ q(SELECT * FROM t WHERE code = 'a'), 'SELECT * FROM t WHERE code = $1' ],
	[ q(SELECT * FROM t WHERE at > '2026-01-01'), q(SELECT * FROM t WHERE at > '2026-02-01'::timestamptz) ],
	[ 'SELECT * FROM t WHERE id IN (1, 2)', 'SELECT * FROM t WHERE id IN (1, 2, 3)' ],
	[ 'SELECT * FROM t WHERE id IN (1, 2)', 'SELECT * FROM t WHERE id = ANY ($1)' ],
	[ 'SELECT * FROM t WHERE id IN ($1, $2)', q(SELECT * FROM t WHERE id = ANY ('{1,2}'::int[])) ],
	[ 'SELECT id FROM t ORDER BY id LIMIT 10 OFFSET 20', 'SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2' ],
	[ 'SELECT id, name AS a FROM t WHERE id = 1', 'SELECT x.id AS b, x.name FROM t x WHERE x.id = 1' ],
	[ 'SELECT f(1), name FROM t', 'SELECT f($1), name FROM t' ],
	[ 'SELECT * FROM v WHERE id = 1', 'SELECT * FROM v WHERE id = 2' ],
	[ 'WITH c AS (SELECT id FROM t WHERE id > 1) SELECT count(*) FROM c', 'WITH c AS (SELECT id FROM t WHERE id > $1) SELECT count(*) FROM c' ],
	[ 'SELECT id, sum(big) OVER (PARTITION BY code ORDER BY id) + 1 FROM t', 'SELECT id, sum(big) OVER (PARTITION BY code ORDER BY id) + 2 FROM t' ],
	[ 'SELECT id FROM t WHERE id = 1 UNION SELECT id FROM u', 'SELECT id FROM t WHERE id = 7 UNION SELECT id FROM u' ],
	);

# the hash leaves some things out
shapes(@$_, 'only their hash is the same')
	for (
	[ 'SELECT * FROM t WHERE (id, big) < (1, 2)', 'SELECT * FROM t WHERE (id, big) > (1, 2)' ],
	);

shapes(@$_, 'differ')
	for (
	[ 'SELECT * FROM t WHERE id = 1', 'SELECT * FROM u WHERE id = 1' ],
	[ 'SELECT * FROM t WHERE id = 1', 'SELECT * FROM other.t WHERE id = 1' ],
	[ 'SELECT * FROM t WHERE id = 1', 'SELECT * FROM t WHERE big = 1' ],
	[ 'SELECT * FROM t WHERE id = 1', 'SELECT * FROM t WHERE id > 1' ],
	[ 'SELECT * FROM t WHERE id = 1', 'SELECT * FROM t WHERE id = 1 OR id = 2' ],
	[ 'SELECT id FROM t', 'SELECT id + 1 FROM t' ],
	[ 'SELECT id, name FROM t', 'SELECT name, id FROM t' ],
	[ 'SELECT f(1), name FROM t', 'SELECT g(1), name FROM t' ],
	[ 'SELECT id FROM t ORDER BY id', 'SELECT id FROM t ORDER BY id DESC' ],
	[ 'SELECT id FROM t ORDER BY id', 'SELECT id FROM t ORDER BY id NULLS FIRST' ],
	[ 'SELECT id FROM t LIMIT 5', 'SELECT id FROM t' ],
	[ 'SELECT id FROM t ORDER BY id LIMIT 5', 'SELECT id FROM t ORDER BY id FETCH FIRST 5 ROWS WITH TIES' ],
	[ 'SELECT id FROM t', 'SELECT DISTINCT id FROM t' ],
	[ 'SELECT id FROM t', 'SELECT id FROM t FOR UPDATE' ],
	[ 'SELECT id FROM t', 'SELECT id FROM ONLY t' ],
	[ 'SELECT t.id FROM t JOIN u USING (id)', 'SELECT t.id FROM t LEFT JOIN u USING (id)' ],
	[ 'SELECT id FROM t UNION SELECT id FROM u', 'SELECT id FROM t UNION ALL SELECT id FROM u' ],
	[ 'SELECT id FROM t UNION SELECT id FROM u', 'SELECT id FROM t EXCEPT SELECT id FROM u' ],
	[ 'SELECT id FROM t WHERE name IS NULL', 'SELECT id FROM t WHERE name IS NOT NULL' ],
	[ 'SELECT id FROM t WHERE id IN (SELECT id FROM u)', 'SELECT id FROM t WHERE id NOT IN (SELECT id FROM u)' ],
	[ 'SELECT code, count(*) FROM t GROUP BY code', 'SELECT code, count(id) FROM t GROUP BY code' ],
	[ 'SELECT id, code FROM t GROUP BY ROLLUP (id, code)', 'SELECT id, code FROM t GROUP BY CUBE (id, code)' ],
	[ 'SELECT sum(big) OVER (ORDER BY id) FROM t', 'SELECT sum(big) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) FROM t' ],
	[ 'SELECT greatest(id, big) FROM t', 'SELECT least(id, big) FROM t' ],
	[ 'SELECT big::int FROM t', 'SELECT big::text FROM t' ],
	[ 'SELECT id FROM t WHERE id = 1', 'SELECT id FROM t WHERE id = 1::bigint' ],
	);

$node->stop;
done_testing();
