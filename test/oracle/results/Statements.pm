
# Random SELECTs over the tables of schema.sql.  Each is a template with places for
# values, such as {int:c}: a value from the domain of customers, as a literal or as a
# parameter of that type.
#
# The order of rows, and the image of each value, are determined: what two runs of a
# statement under one snapshot return is the same, byte for byte, whatever their plans.

package Statements;

use strict;
use warnings FATAL => 'all';

# Values of a column, NULL now and then.
my %domains = (
	c => [ 1 .. 21 ],
	o => [ 1 .. 62 ],
	sku => [ 1 .. 13 ],
	tier => [ 0 .. 4 ],
	st => [ 'new', 'paid', 'sent', 'lost', undef ],
	p => [ 0 .. 9 ],
	n => [ '0', '1', '2.0', '3.00', '4' ],
	k => [ 0 .. 8 ],
	v => [ 1 .. 40 ],
	s => [ map { "s$_" } 0 .. 4 ],
	a => [ 0 .. 6 ],
	bid => [ 1 .. 3 ],
	tid => [ 1 .. 10 ],
	m => [ 'sad', 'ok', 'happy' ],
	ch => [ map { "a$_" } 0 .. 3 ],
	name => [ map { "n$_" } 0 .. 7 ],
	amt => [ map { $_ * 7 } 0 .. 13 ],
	j => [ map { "{\"k\": $_}" } 0 .. 5 ],
	d => [ map { sprintf '2026-01-%02d', $_ } 1 .. 30 ],
	lim => [ 0 .. 5 ],
);

# Of each relation: integer columns, other columns that can be grouped by, conditions.
my %relations = (
	c => [ [qw(id tier)], [qw(name m r)],
		[ '%id = {int:c}', '%id = {int:c}', '%id = {bigint:c}', '%id IN ({int:c}, {int:c}, {int:c})', '%tier = {int:tier}',
			'%name = {text:name}', '%m = {mood:m}', '%r @> {int:p}', '(%id, %tier) = ({int:c}, {int:tier})' ] ],
	o => [ [qw(id c p t)], [qw(st amt d j ch)],
		[ '%c = {int:c}', '%c = {int:c}', '%c = {int:c}', '%id = {int:o}', '%st = {text:st}', '%c = {int:c} AND %st = {text:st}', '%c IN ({int:c}, {int:c})',
			'%c = {int:c} OR %st = {text:st}', '%c = {bigint:c}', '%st IS NULL', '%p = {int:p}', '%n = {numeric:n}', '%j = {jsonb:j}', '%j @> {jsonb:j}',
			'%ch = {bpchar:ch}', 'NOT (%c = {int:c})', '(%c = {int:c}) IS NOT TRUE', '%d = {date:d}', '%amt > {numeric:amt}', '%c = ANY (ARRAY[{int:c}, {int:c}])',
			'%id BETWEEN {int:c} AND {int:o}', '%c = 1 + {int:c}', '%st IS NOT DISTINCT FROM {text:st}' ] ],
	i => [ [qw(o line sku q)], [], [ '%o = {int:o}', '%sku = {bigint:sku}', '%sku = {int:sku}', '%o IN ({int:o}, {int:o}) AND %q > 1', '%q = {int:p}' ] ],
	p => [ [qw(sku cat)], [qw(price title)], [ '%sku = {bigint:sku}', '%cat = {int:tier}', '%price > {numeric:amt}' ] ],
	pt => [ [qw(k v)], [qw(s)], [ '%k = {int:k}', '%k IN ({int:k}, 1)', '%v = {int:v}', '%s = {text:s}', '%k = {int:k} AND %v < {int:v}', '%k = 4 AND %v = {int:v}' ] ],
	pt3 => [ [qw(k v)], [qw(s)], [ '%k = {int:k}', '%v = {int:v}' ] ],
	par => [ [qw(a b)], [], [ '%a = {int:a}', '%b = {int:v}' ] ],
	'ONLY par' => [ [qw(a b)], [], ['%a = {int:a}'] ],
	chi => [ [qw(a b x)], [], [ '%a = {int:a}', '%x = {int:v}' ] ],
	at => [ [qw(id n)], [], [ '%id = {int:c}', '%n = {int:c}' ] ],
	vw => [ [qw(id c tier)], [qw(st amt name)], [ '%c = {int:c}', '%id = {int:o}', '%tier = {int:tier}' ] ],
	vb => [ [qw(id c t)], [qw(st)], [ '%c = {int:c}', '%id = {int:o}', '%st = {text:st}' ] ],
	pgbench_branches => [ [qw(bid bbalance)], [], [ '%bid = {int:bid}', '%bbalance > 0' ] ],
	pgbench_tellers => [ [qw(tid bid tbalance)], [], [ '%tid = {int:tid}', '%bid = {int:bid}' ] ],
	pgbench_accounts => [ [qw(aid bid abalance)], [], [ '%aid = {int:o}', '%aid BETWEEN {int:c} AND {int:o}', '%bid = {int:bid} AND %aid = {int:o}' ] ],
	pgbench_history => [ [qw(tid bid aid delta)], [], [ '%tid = {int:tid}', '%aid = {int:o}', '%bid = {int:bid}' ] ],
);

# What can be joined with what.
my @edges = map { [ split / / ] } (
	'c id o c', 'c id o c', 'o id i o', 'o id i o', 'i sku p sku', 'c tier pt k', 'c tier pt3 k', 'o id pt v', 'p cat par a', 'p cat chi a', 'c id at id', 'o c at id', 'c id vw c', 'c id vb c',
	'o id pgbench_accounts aid', 'pgbench_accounts bid pgbench_branches bid', 'pgbench_tellers bid pgbench_branches bid',
	'pgbench_history tid pgbench_tellers tid', 'pgbench_history aid pgbench_accounts aid', 'pgbench_branches bid c tier', 'i o pgbench_accounts aid');

sub pick { return $_[ int(rand(@_)) ]; }

# cond(RELATION, ALIAS)
sub cond
{
	my ($relation, $alias) = @_;

	return pick(@{ $relations{$relation}[2] }) =~ s/%/$alias./gr;
}

# source(N): FROM and WHERE over as many relations or fewer, and columns by alias.
sub source
{
	my ($n, $only) = @_;
	my @used = ($only // pick(keys %relations));
	my $from = "$used[0] r0";
	my @where = rand() < 0.9 ? (cond($used[0], 'r0')) : ();
	my $outer = 0;

	while (@used < $n)
	{
		my $i = int(rand(@used));
		my @next = grep { $_->[0] eq $used[$i] } @edges, map { [ @$_[2, 3, 0, 1] ] } @edges;
		my $j = @used;
		last if !@next;
		my (undef, $column, $relation, $other) = @{ pick(@next) };
		my $kind = pick('JOIN', 'JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
		my $on = "r$j.$other = r$i.$column";

		$on .= ' AND ' . cond($relation, "r$j") if $kind ne 'FULL JOIN' && rand() < 0.3;
		push @where, cond($relation, "r$j") if rand() < 0.2;
		$from .= " $kind $relation r$j ON $on";
		push @used, $relation;
	}
	if (rand() < 0.15)
	{
		my ($relation, $column, undef, $other) = @{ pick((grep { $_->[2] eq $used[0] } @edges), [ 'c', 'id', '', '' ]) };
		my $not = pick('', 'NOT ');

		push @where, "${not}EXISTS (SELECT FROM $relation e WHERE e.$column = r0.$other AND " . cond($relation, 'e') . ')' if $other ne '';
	}
	return ($from . (@where ? ' WHERE ' . join(' AND ', map { "($_)" } @where) : ''),
		[ map { my $j = $_; map { "r$j.$_" } @{ $relations{ $used[$j] }[0] } } 0 .. $#used ],
		[ map { my $j = $_; map { "r$j.$_" } @{ $relations{ $used[$j] }[1] } } 0 .. $#used ]);
}

sub some
{
	my ($n, @of) = @_;

	return map { splice(@of, rand(@of), 1) } 1 .. ($n < @of ? $n : @of);
}

sub ordered { return ' ORDER BY ' . join(', ', 1 .. $_[0]); }

# ids(): one column of integers, without order
sub ids
{
	my ($from, $ints) = source(pick(1, 1, 2));

	return 'SELECT ' . pick(@$ints) . " AS id FROM $from";
}

my @shapes = (
	# rows
	(sub {
			my ($from, $ints, $others) = source(pick(1, 1, 2, 3, 4));
			my @out = some(pick(2, 3, 4), @$ints, @$others);

			return 'SELECT ' . pick('', '', 'DISTINCT ') . join(', ', @out) . " FROM $from" . ordered(scalar @out) .
				pick('', '', '', ' LIMIT {bigint:lim}', ' LIMIT 3 OFFSET {bigint:lim}', ' FETCH FIRST 4 ROWS WITH TIES');
		}) x 5,
	sub { my $relation = pick(qw(o c pt i vw par)); return "SELECT * FROM $relation WHERE " . cond($relation, $relation) . " ORDER BY $relation"; },
	# aggregates
	(sub {
			my ($from, $ints, $others) = source(pick(1, 2, 3));
			my $int = pick(@$ints);

			return "SELECT count(*), sum($int), " . pick("min($int)", "max($int)", "avg($int)", "count(DISTINCT $int)", "array_agg($int ORDER BY $int)",
				"jsonb_agg($int ORDER BY $int)", "bit_xor($int)", "count(*) FILTER (WHERE $int > 3)", "percentile_disc(0.5) WITHIN GROUP (ORDER BY $int)") . " FROM $from";
		}) x 4,
	(sub {
			my ($from, $ints, $others) = source(pick(1, 2, 3));
			my ($by, $and) = some(2, @$ints, @$others);
			my $int = pick(@$ints);

			$and //= $by;
			return "SELECT $by, count(*), sum($int) FROM $from GROUP BY $by" . pick('', " HAVING count(*) > {bigint:lim}") . ordered(3) if rand() < 0.6;
			return "SELECT $by, $and, count(*), sum($int), grouping($by, $and) FROM $from GROUP BY " .
				pick("ROLLUP ($by, $and)", "CUBE ($by, $and)", "GROUPING SETS (($by), ($and), ())") . ordered(5);
		}) x 4,
	# windows
	(sub {
			my ($from, $ints, $others) = source(pick(1, 2));
			my ($by, $order) = (pick(@$ints, @$others), pick(@$ints));
			my $over = "OVER (PARTITION BY $by ORDER BY $order)";

			return "SELECT $by, $order, " . pick("rank() $over", "sum($order) $over", "dense_rank() $over", "count(*) OVER (ORDER BY $order)",
				"sum($order) OVER (PARTITION BY $by)", "lag($order) $over", "max($order) OVER (ORDER BY $order RANGE BETWEEN 3 PRECEDING AND CURRENT ROW)") . " FROM $from" . ordered(3);
		}) x 3,
	# set operations
	(sub { return ids() . ' ' . pick('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT', 'EXCEPT ALL') . ' ' . ids() . ' ORDER BY 1'; }) x 2,
	sub { return 'SELECT id, count(*) FROM (' . ids() . ' UNION ALL ' . ids() . ') u WHERE id = {int:c} OR id < 9 GROUP BY id ORDER BY 1'; },
	sub { return 'SELECT count(*), sum(x.id) FROM (SELECT id FROM o UNION ALL SELECT sku FROM p) x WHERE x.id = {int:sku}'; },
	# WITH
	(sub { my ($a, $b) = (ids(), ids()); return 'WITH x AS ' . pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ') . "($a), y AS ($b) SELECT x.id, count(*) FROM x JOIN y USING (id) GROUP BY 1 ORDER BY 1"; }) x 2,
	sub { my $a = ids(); return "WITH x AS ($a) SELECT a.id, b.id FROM x a JOIN x b ON a.id = b.id + 1 ORDER BY 1, 2 LIMIT 20"; },
	sub { return 'WITH RECURSIVE t (n) AS (SELECT min(id) FROM o WHERE ' . cond('o', 'o') . ' UNION ALL SELECT n + 7 FROM t WHERE n < 60) SELECT t.n, o.amt FROM t LEFT JOIN o ON o.id = t.n ORDER BY 1'; },
	# subqueries
	(sub {
			my $sub = pick("SELECT count(*) FROM o WHERE o.c = r0.id AND " . cond('o', 'o'), 'SELECT max(o.id) FROM o JOIN i ON i.o = o.id WHERE o.c = r0.id',
				'SELECT total_of(r0.id)', 'SELECT n FROM at WHERE at.id = r0.id', 'SELECT sum(delta) FROM pgbench_history h WHERE h.tid = r0.id');

			return "SELECT r0.id, r0.tier, ($sub) FROM c r0 WHERE " . cond('c', 'r0') . ' ORDER BY 1';
		}) x 2,
	(sub { return 'SELECT id, name FROM c WHERE id ' . pick('IN', 'NOT IN', '= ANY', '<> ALL', '> ALL') . ' (SELECT c FROM o WHERE ' . cond('o', 'o') . pick(' AND c IS NOT NULL', '') . ') ORDER BY 1'; }) x 2,
	sub { return 'SELECT r0.id, l.id, l.amt FROM c r0, LATERAL (SELECT id, amt FROM o WHERE o.c = r0.id ORDER BY amt DESC, id LIMIT {bigint:lim}) l WHERE ' . cond('c', 'r0') . ' ORDER BY 1, 2'; },
	sub { return 'SELECT r0.id, l.id FROM c r0 LEFT JOIN LATERAL orders_of(r0.id) l ON l.p = {int:p} WHERE ' . cond('c', 'r0') . ' ORDER BY 1, 2'; },
	sub { return 'SELECT count(*), min(id) FROM orders_of({int:c})'; },
	sub { return 'SELECT g, (SELECT max(o.id) FROM o WHERE o.c = g) FROM generate_series({int:c}, 15) g ORDER BY 1'; },
	sub { return 'SELECT v.a, o.id FROM (VALUES ({int:c}), ({int:c})) v (a) JOIN o ON o.c = v.a ORDER BY 1, 2'; },
	sub { return 'SELECT EXISTS (SELECT FROM o WHERE ' . cond('o', 'o') . '), ARRAY(SELECT id FROM c WHERE ' . cond('c', 'c') . ' ORDER BY 1)'; },
	sub { my $a = ids(); return "SELECT max(id) FROM ($a) s"; },
	# what depends on the session
	sub { return 'SELECT current_user, count(*), min(d), max(amt::float8 / 3) FROM o WHERE ' . cond('o', 'o'); },
	sub { return "SELECT current_setting('app.tenant'), sum(amt) FROM o WHERE " . cond('o', 'o'); },
	sub { return 'SELECT rows_of($q$SELECT id, st FROM o WHERE ' . cond('o', 'o') . ' ORDER BY 1$q$)'; },
	# an error, in some rows
	sub { return 'SELECT sum(100 / ({int:p} - p)) FROM o WHERE ' . cond('o', 'o'); },
);

# template(): a statement
sub template { return pick(@shapes)->(); }

# values(TEMPLATE): for each place its type and a value
sub values
{
	my ($template) = @_;
	my @values;

	while ($template =~ /\{(\w+):(\w+)\}/g)
	{
		push @values, [ $1, pick(@{ $domains{$2} }) ];
	}
	return \@values;
}

# literal(TEMPLATE, VALUES): with the values in it
sub literal
{
	my ($template, $values) = @_;
	my @values = @$values;

	return $template =~ s/\{\w+:\w+\}/constant(@{ shift @values })/ger;
}

sub constant
{
	my ($type, $value) = @_;

	return 'NULL' if !defined $value;
	return $type eq 'int' ? $value : $type eq 'bigint' ? "${value}::bigint" : $type eq 'text' ? "'$value'" : "'$value'::$type";
}

# parameters(TEMPLATE): with $1, $2, ...
sub parameters
{
	my ($template) = @_;
	my $n = 0;

	return $template =~ s/\{(\w+):\w+\}/'$' . ++$n . "::$1"/ger;
}

# of_view(TEMPLATE): does it read a view?
sub of_view { return $_[0] =~ /\bv[wb]\b/; }

1;
