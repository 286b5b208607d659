
# Random statements of plain SQL over the tables of schema.sql.  "{s}" stands for the
# schema: a statement is executed in both.  What it reads and changes are rows of its
# session alone, as the session says which they are.

package Twins;

use strict;
use warnings FATAL => 'all';

# Whether plain SELECTs see what is deferred; cache.scan() is asked otherwise.
our $merged = 1;
our $version = 15;

# The rows of t that the session has for itself, and its part of u.
our ($own, $lo, $hi, $part);
our @ids;

sub pick { return $_[ int(rand(@_)) ]; }
sub some { return $_[0] > rand() ? $_[1] : ''; }

sub id { return pick(@ids); }
sub own { return '(' . ($own =~ s/%/$_[0]/gr) . ')'; }

# read(TABLE ALIAS): what is read, and nothing else
sub reading { return $merged ? "{s}.$_[0]" : "{r:$_[0]}"; }

# Of a row of t under an alias: conditions on columns that are deferred, and on others.
sub deferrable
{
	my ($x) = @_;

	return pick("$x.n > 3", "$x.n <= 2", "$x.n IN (1, 4, 7)", "$x.r = 's'", "$x.r <> 'r'", "$x.r LIKE 's%'", "$x.top IS NULL", "$x.top > 4", "$x.n + $x.id > 110", "coalesce($x.num, 0) < 2", "$x.n % 2 = 0");
}

sub other { my ($x) = @_; return pick("$x.k = 'k1'", "$x.c = " . int(rand(5)), "$x.c > 2", "$x.k <> 'd'", "$x.id % 2 = 0", 'true'); }

# where(ALIAS, CHANGES): rows of t
sub where
{
	my ($x, $changes) = @_;
	my @and = (own($x));

	push @and, pick("$x.id = " . id(), "$x.id IN (" . id() . ', ' . id() . ')', "$x.id > " . id(), 'true', 'true');
	push @and, other($x) if rand() < 0.3;
	push @and, rand() < 0.8 ? deferrable($x) : '(' . deferrable($x) . ' OR ' . other($x) . ')' if rand() < 0.5 && ($merged || !$changes);
	return join(' AND ', @and);
}

sub assigned
{
	my ($x) = @_;
	my @set;

	push @set, 'n = ' . pick("$x.n + 1", "$x.n + 1", "$x.n - 2", "$x.n * 2 % 1000 - 3", '4', "$x.n - $x.id % 3", 'NULL', "coalesce($x.n, 0) + coalesce($x.top, 0)", "coalesce($x.n, 1)") if rand() < 0.7;
	push @set, 'top = greatest(' . $x . '.top, ' . pick("$x.n", int(rand(20)), "$x.id % 9") . ')' if rand() < 0.2;
	push @set, 'r = ' . pick("left($x.r || $x.n, 9)", "'s'", "left(md5($x.r), 4)", "'r'") if rand() < 0.3;
	push @set, 'num = ' . pick("$x.num + 1.25", '3', "round($x.num / 3, 2)") if rand() < 0.25;
	push @set, pick("k = left($x.k || coalesce($x.n, 0), 9)", "k = 'd'", "k = 'k1'", "c = ($x.c + 1) % 5", "c = coalesce($x.n, 0) % 5") if !@set || rand() < 0.25;
	return join(', ', @set);
}

sub returning { my ($x) = @_; return pick('', '', '', '', " RETURNING $x.id", " RETURNING $x.n", " RETURNING $x.*", " RETURNING $x.r, $x.top", " RETURNING $x.id, $x.n + $x.c"); }

# A row that is inserted
sub row { return '(' . join(', ', id(), pick('NULL', int(rand(9))), int(rand(9)), "'i'", int(rand(5)), pick("'k1'", "'i'"), int(rand(5))) . ')'; }

# Each gives a statement, or a list of what is done one after the other.
my @changes = (
	(sub { 'UPDATE {s}.t x SET n = x.n + ' . (1 + int(rand(3))) . ' WHERE x.id = ' . id() }) x 6,
	(sub { 'UPDATE {s}.t x SET ' . assigned('x') . ' WHERE ' . where('x', 1) . returning('x') }) x 10,
	(sub { 'UPDATE {s}.t x SET n = x.n + y.n FROM ' . reading('t') . ' y WHERE ' . where('x', 1) . ' AND y.id = x.id + 1 AND ' . where('y') . returning('x') }) x 2,
	sub { 'UPDATE {s}.t x SET n = coalesce(x.n, 0) + j.v FROM {s}.j j WHERE ' . where('x', 1) . ' AND j.t = x.id AND j.v = 2' },
	sub { 'UPDATE {s}.t x SET n = (SELECT max(y.n) FROM ' . reading('t') . ' y WHERE ' . where('y') . ') WHERE ' . where('x', 1) . returning('x') },
	sub { 'UPDATE {s}.t x SET (n, r) = (SELECT sum(y.n), min(y.r) FROM ' . reading('t') . ' y WHERE y.c = x.c AND ' . own('y') . ') WHERE ' . where('x', 1) },
	sub { 'UPDATE {s}.upd x SET n = x.n + 1, r = left(x.r || x.id, 9) WHERE ' . own('x') . ' AND x.id <> ' . id() . some($merged * 0.5, ' AND x.n > 1') . pick('', ' RETURNING *') },
	sub { "UPDATE {s}.u x SET n = x.n + 1, m = (coalesce(x.m, 0) + 1) % 7 WHERE x.a = $part AND x.b = 'b" . (1 + int(rand(6))) . "'" },
	sub { "UPDATE {s}.u x SET n = x.n * 2 % 1000, m = " . pick('NULL', 2) . " WHERE x.a = $part" . some($merged * 0.6, pick(' AND x.m > 1', ' AND x.n > 3', ' AND x.m IS NULL')) . pick('', ' RETURNING x.*') },
	sub { "DELETE FROM {s}.u x WHERE x.a = $part AND x.b = 'b" . (1 + int(rand(6))) . "'" . pick('', ' RETURNING *') },
	sub { "INSERT INTO {s}.u VALUES ($part, 'b" . (1 + int(rand(6))) . "', 1, 1) ON CONFLICT (a, b) DO UPDATE SET n = u.n + excluded.n, m = u.m" . pick('', ' WHERE u.n < 10') . pick('', ' RETURNING n, m') },
	sub { 'DELETE FROM {s}.t x WHERE x.id = ' . id() . ' AND ' . own('x') . returning('x') },
	sub { 'DELETE FROM {s}.t x WHERE ' . where('x', 1) . ' AND x.id % 3 = 0' . returning('x') },
	sub { 'DELETE FROM {s}.t x USING ' . reading('t') . ' y WHERE x.id = ' . id() . ' AND y.id = x.id + 1 AND ' . own('y') . ' AND ' . deferrable('y') },
	(sub { 'INSERT INTO {s}.t AS x VALUES ' . row() . ' ON CONFLICT (id) DO UPDATE SET ' . assigned('x') . pick('', '', ' WHERE x.n > 0', " WHERE x.r <> 'r'", ' WHERE excluded.n < x.n') . returning('x') }) x 3,
	(sub { 'INSERT INTO {s}.t AS x VALUES ' . row() . pick(' ON CONFLICT DO NOTHING', '') . returning('x') }) x 2,
	sub { 'INSERT INTO {s}.t AS x SELECT y.id + 1, y.n, y.top, y.r, y.num, y.k, y.c FROM ' . reading('t') . ' y WHERE ' . where('y') . ' AND y.id + 1 IN (' . join(', ', @ids) . ') ON CONFLICT (id) DO ' . pick('NOTHING', 'UPDATE SET n = coalesce(x.n, 0) + coalesce(excluded.n, 0)') },
	(sub {
			'MERGE INTO {s}.t x USING (SELECT i FROM unnest(ARRAY[' . join(', ', map { id() } 1 .. 3) . ']) i GROUP BY i) s ON x.id = s.i WHEN MATCHED AND ' . pick('x.n > 0', "x.r = 's'", "x.k = 'k1'", 'x.top IS NULL', 'true') . ' THEN ' .
			  pick('DELETE', 'DO NOTHING', 'UPDATE SET ' . assigned('x')) . pick('', ' WHEN MATCHED THEN UPDATE SET ' . assigned('x')) .
			  " WHEN NOT MATCHED THEN INSERT VALUES (s.i, s.i % 5, 0, 'm', 0, 'm', 1)";
		}) x 3,
	sub { $merged ? 'MERGE INTO {s}.t x USING (SELECT y.id, y.n FROM {s}.t y WHERE ' . where('y') . ") s ON x.id = s.id AND x.n >= 2 AND " . own('x') . ' WHEN MATCHED THEN UPDATE SET n = x.n + s.n' : 'SELECT 1' },
	sub { $merged ? 'UPDATE {s}.t x SET n = coalesce(x.n, 0) % 50 + {s}.total(' . "$lo, $lo + 3) % 50 WHERE " . where('x', 1) : 'SELECT 1' },
	sub { $merged ? "SELECT i, {s}.bump(i), {s}.total($lo, $lo + 2) FROM generate_series($lo, $lo + 2) i" : 'SELECT 1' },
	sub { 'WITH u AS (UPDATE {s}.t x SET n = x.n + 1 WHERE ' . where('x', 1) . ' RETURNING x.id, x.n) SELECT count(*), sum(n) FROM u' },
	sub { 'WITH u AS (UPDATE {s}.t x SET n = x.n + 1 WHERE ' . where('x', 1) . ' RETURNING x.id) SELECT count(*), sum(y.n) FROM ' . reading('t') . ' y WHERE ' . own('y') },
	sub { 'WITH d AS (DELETE FROM {s}.t x WHERE x.id = ' . id() . ' RETURNING x.*) INSERT INTO {s}.t SELECT id, n, top, r, num, k, c FROM d ON CONFLICT DO NOTHING' },
	(sub { "SELECT {s}.change($lo, $lo + 3, " . int(rand(5)) . ')' }) x 2,
	sub { "DO \$\$ BEGIN UPDATE {s}.t x SET n = x.n + 1 WHERE " . where('x', 1) . '; IF NOT FOUND THEN UPDATE {s}.t SET n = 0 WHERE id = ' . id() . ' AND n IS NULL; END IF; END $$' },
	sub { [ 'COPY {s}.t FROM STDIN', join('', map { "$_\t1\t2\tc\t1\tk\t1\n" } id()) ] },
	sub { 'PREPARE p AS UPDATE {s}.t SET n = n + $1 WHERE id = $2; EXECUTE p (1, ' . id() . '); EXECUTE p (2, ' . id() . '); DEALLOCATE p' },
	sub { 'UPDATE {s}.j SET v = (v + 1) % 5, t = ' . id() . ' WHERE id = ' . ($part * 100 + 1 + int(rand(10))) });

my @reads = (
	(sub { 'SELECT x.id, x.n, x.r, x.top, x.num, x.k, x.c FROM ' . reading('t') . ' x WHERE ' . where('x') }) x 4,
	(sub { 'SELECT * FROM ' . reading('t') . ' x WHERE x.id = ' . id() }) x 3,
	sub { 'SELECT x.n FROM ' . reading('t') . ' x WHERE x.id IN (' . id() . ', ' . id() . ')' },
	sub { 'SELECT count(*), sum(x.n), min(x.n), max(x.r), avg(x.top), sum(x.num) FROM ' . reading('t') . ' x WHERE ' . where('x') },
	sub { 'SELECT x.c, count(*), sum(x.n) FROM ' . reading('t') . ' x WHERE ' . where('x') . ' GROUP BY x.c' },
	sub { 'SELECT x.n, count(*) FROM ' . reading('t') . ' x WHERE ' . own('x') . ' GROUP BY x.n HAVING count(*) > 1' },
	(sub { 'SELECT x.n, x.id FROM ' . reading('t') . ' x WHERE ' . where('x') . ' ORDER BY x.n' . pick('', ' DESC', ' NULLS FIRST') . ', x.id LIMIT ' . (1 + int(rand(6))) }) x 2,
	sub { 'SELECT x.c, x.n, x.id FROM ' . reading('t') . ' x WHERE ' . own('x') . ' ORDER BY x.c, x.n, x.id LIMIT 5' },
	sub { 'SELECT DISTINCT ON (x.c) x.c, x.n, x.id FROM ' . reading('t') . ' x WHERE ' . own('x') . ' ORDER BY x.c, x.n DESC, x.id' },
	sub { 'SELECT x.id, y.id, y.n FROM ' . reading('t') . ' x JOIN ' . reading('t') . ' y ON y.n = x.n AND y.id > x.id AND ' . own('y') . ' WHERE ' . own('x') },
	sub { 'SELECT j.id, x.n, x.r FROM {s}.j LEFT JOIN ' . reading('t') . " x ON x.id = j.t AND " . where('x') . " WHERE j.id BETWEEN $part * 100 AND $part * 100 + 50" },
	sub { 'SELECT x.id, v.b, v.n FROM ' . reading('t') . ' x JOIN ' . reading('u') . " v ON v.a = $part AND v.m = x.c WHERE " . where('x') },
	sub { 'SELECT * FROM ' . reading('u') . " v WHERE v.a = $part" . pick('', ' AND v.m = 2', ' AND v.n > 3', " AND v.b = 'b2'") },
	sub { 'SELECT x.id, (SELECT sum(y.n) FROM ' . reading('t') . ' y WHERE y.c = x.c AND ' . own('y') . ') FROM ' . reading('t') . ' x WHERE ' . where('x') },
	sub { 'SELECT x.id FROM ' . reading('t') . ' x WHERE ' . own('x') . ' AND NOT EXISTS (SELECT FROM ' . reading('t') . ' y WHERE y.n > x.n AND ' . own('y') . ')' },
	sub { 'SELECT x.id, l.id FROM ' . reading('t') . ' x, LATERAL (SELECT y.id FROM ' . reading('t') . ' y WHERE y.c = x.c AND ' . own('y') . ' ORDER BY y.n DESC, y.id LIMIT 1) l WHERE ' . where('x') },
	sub { 'SELECT x.id, rank() OVER (PARTITION BY x.c ORDER BY x.n, x.id) FROM ' . reading('t') . ' x WHERE ' . own('x') },
	sub { 'SELECT x.id FROM ' . reading('t') . ' x WHERE ' . where('x') . ' UNION SELECT v.n FROM ' . reading('u') . " v WHERE v.a = $part" },
	sub { 'WITH z AS MATERIALIZED (SELECT x.* FROM ' . reading('t') . ' x WHERE ' . where('x') . ') SELECT a.id, b.n FROM z a JOIN z b ON b.id = a.id + 1' },
	sub { 'COPY (SELECT x.id, x.n, x.r FROM ' . reading('t') . ' x WHERE ' . where('x') . ' ORDER BY x.id) TO STDOUT' },
	sub { 'DECLARE c ' . pick('', 'SCROLL ', 'NO SCROLL ') . 'CURSOR FOR SELECT x.id, x.n FROM ' . reading('t') . ' x WHERE ' . own('x') . ' ORDER BY x.id; FETCH 2 FROM c; FETCH ALL FROM c; CLOSE c' });

# Those that are about plain SQL over the table itself.
my @merged = (
	sub { "SELECT {s}.walk($lo, $lo + 2)" },
	sub { 'DECLARE c CURSOR FOR SELECT x.id, x.n, x.r FROM {s}.t x WHERE ' . own('x') . ' ORDER BY x.id FOR UPDATE; FETCH 2 FROM c; ' . (rand() < 0.5 ? 'MOVE 0 FROM c' : 'UPDATE {s}.t x SET n = x.n + 1 WHERE CURRENT OF c') . '; FETCH 1 FROM c; CLOSE c' },
	sub { 'SELECT x::text FROM {s}.t x WHERE ' . where('x') },
	sub { 'SELECT x.id, y.n FROM {s}.t x JOIN {s}.t y ON y.ctid = x.ctid WHERE ' . own('x') . ' AND ' . deferrable('y') },
	sub { 'SELECT id, n, r, c FROM {s}.w x WHERE ' . own('x') . pick('', ' AND x.n > 2', " AND x.r = 'S'") },
	sub { 'SELECT x.id, x.n FROM {s}.of_class(' . int(rand(5)) . ", $lo, $hi) x WHERE " . own('x') },
	sub { "SELECT {s}.total($lo, $lo)" },
	(sub { 'SELECT x.id, x.n, x.r FROM {s}.t x WHERE ' . where('x') . ' ORDER BY x.id FOR ' . pick('UPDATE', 'NO KEY UPDATE', 'SHARE', 'KEY SHARE') }) x 2,
	sub { 'SELECT x.n, j.v FROM {s}.t x JOIN {s}.j j ON j.t = x.id WHERE ' . where('x') . ' ORDER BY j.id FOR UPDATE OF x' },
	sub { 'DECLARE c CURSOR FOR SELECT x.id, x.n FROM {s}.t x WHERE ' . own('x') . ' ORDER BY x.id; FETCH 1 FROM c; UPDATE {s}.t x SET n = x.n + 1 WHERE ' . where('x', 1) . '; FETCH ALL FROM c; CLOSE c' },
	sub { 'DECLARE c CURSOR FOR SELECT x.id, x.n FROM {s}.t x WHERE ' . own('x') . ' ORDER BY x.id FOR UPDATE; FETCH 1 FROM c; UPDATE {s}.t x SET n = x.n + 1 WHERE ' . where('x', 1) . '; FETCH ALL FROM c; CLOSE c' },
	sub { "DECLARE c CURSOR FOR SELECT i, {s}.total($lo, $lo + i) FROM generate_series(0, 2) i; FETCH 1 FROM c; UPDATE {s}.t x SET n = x.n + 1 WHERE " . where('x', 1) . '; FETCH ALL FROM c; CLOSE c' },
	sub { 'SET LOCAL enable_seqscan = off; SELECT x.id, x.n FROM {s}.t x WHERE ' . where('x') . '; RESET enable_seqscan' },
	sub { 'SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SELECT x.id, x.n FROM {s}.t x WHERE ' . where('x') . '; RESET enable_indexscan; RESET enable_bitmapscan' },
	sub { 'PREPARE p AS SELECT x.id, x.n FROM {s}.t x WHERE x.id = $1 AND ' . where('x') . '; EXECUTE p (' . id() . '); EXECUTE p (' . id() . '); DEALLOCATE p' });

sub statement
{
	my ($reads) = @_;
	my $statement = rand() >= $reads ? pick(@changes)->() : $merged && rand() < 0.4 ? pick(@merged)->() : pick(@reads)->();

	return ref $statement ? @$statement : $statement;
}

# in(SCHEMA, STATEMENT): with the names of its tables
sub in
{
	my ($schema, $statement) = @_;

	$statement =~ s/\{r:(\w+)\}/$schema eq 'mine' ? "cache.scan(NULL::mine.$1)" : "$schema.$1"/ge;
	return $statement =~ s/\{s\}/$schema/gr;
}

# ordered(STATEMENT): whether its rows come in one order only
sub ordered { return $_[0] =~ /ORDER BY x\.(?:n\b.*x\.)?id\b|ORDER BY x\.c, x\.n|FETCH|COPY/ && $_[0] !~ /OVER \(/; }

1;
