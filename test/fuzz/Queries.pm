
# Random SELECTs over a schema.  Which rows a query returns is determined, in whatever
# order: LIMIT comes with an order of all columns, aggregates do not depend on the order,
# and what could fail for some rows only is left out.

package Queries;

use strict;
use warnings FATAL => 'all';

use Schema;

*pick = \&Schema::pick;
*chance = \&Schema::chance;
*literal = \&Schema::literal;

our ($schema, $alias, $budget, @params);

# query(SCHEMA, TYPES): the text of a SELECT whose columns have these types, or any.  With
# params, a list of types, it may have parameters.
sub query
{
	my ($of, $types, $params) = @_;

	local ($schema, $alias, $budget, @params) = ($of, 0, 7, @{ $params // [] });
	my ($sql, $out) = full([], 2, $types);
	return ($sql, $out);
}

# condition(SCHEMA, TABLE, ALIAS) and value(SCHEMA, TYPE, TABLE, ALIAS): for DML
sub condition
{
	my ($of, $table, $as) = @_;

	local ($schema, $alias, $budget) = ($of, 100, 4);
	return bool([ map { [ "$as.$_->{name}", $_->{type} ] } @{ $table->{columns} } ], 1);
}

sub value
{
	my ($of, $type, $table, $as) = @_;

	local ($schema, $alias, $budget) = ($of, 200, 3);
	return expression($type, [ map { [ "$as.$_->{name}", $_->{type} ] } @{ $table->{columns} } ], 1);
}

# ----- expressions -----
# A scope is a list of [ text, type ].

sub of_type { my ($type, $scope) = @_; return map { $_->[0] } grep { $_->[1] eq $type } @$scope; }

sub expression
{
	my ($type, $scope, $depth) = @_;
	my @columns = of_type($type, $scope);

	if (@params && chance(0.15))
	{
		my @fit = grep { $params[$_] eq $type } 0 .. $#params;

		return '$' . (1 + pick(@fit)) if @fit;
	}
	return pick(@columns) if @columns && chance(0.6);
	return literal($type) if $depth <= 0 || chance(0.35);
	return scalar_subquery($type, $scope, $depth - 1) if $budget > 0 && chance(0.2);
	return read_column($type, $scope, $depth - 1) if $budget > 0 && chance(0.25);
	return 'coalesce(' . expression($type, $scope, $depth - 1) . ', ' . literal($type) . ')' if chance(0.2);
	return 'CASE WHEN ' . bool($scope, $depth - 1) . ' THEN ' . expression($type, $scope, $depth - 1) . ' ELSE ' . expression($type, $scope, $depth - 1) . ' END' if chance(0.25);
	my $x = sub { expression($_[0], $scope, $depth - 1) };

	return '((' . $x->($type) . pick(' + ', ' - ') . $x->($type) . ") % 1000)::" . Schema::type($type) if $type =~ /int|numeric/;
	return 'left(' . $x->('text') . ' || ' . $x->('text') . ', 8)' if $type eq 'text';
	return '(' . $x->('date') . ' + ' . int(rand(3)) . ')' if $type eq 'date';
	return bool($scope, $depth - 1);
}

sub comparison
{
	my ($scope, $depth) = @_;
	my $type = pick(@$scope ? map { $_->[1] } @$scope : qw(int text));
	my ($a, $b) = (expression($type, $scope, $depth), expression($type, $scope, $depth));

	return "$a IN (" . join(', ', map { literal($type) } 1 .. 2) . ')' if chance(0.12);
	return "$a = ANY (ARRAY[" . join(', ', map { literal($type) } 1 .. 3) . '])' if chance(0.08);
	return "$a BETWEEN " . literal($type) . ' AND ' . literal($type) if chance(0.08);
	return "$a IS " . pick('', 'NOT ') . 'NULL' if chance(0.08);
	return "$a " . pick('=', '=', '=', '=', '<', '<=', '>', '<>', 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM') . " $b";
}

# by_key(SCOPE): that the key of one of its tables has a value
sub by_key
{
	my ($scope) = @_;
	my @keys = grep { $_->[0] =~ /\.id$/ } @$scope;

	return @keys ? do { my $key = pick(@keys); "$key->[0] = " . (chance(0.8) ? literal($key->[1]) : expression($key->[1], $scope, 1)) } : undef;
}

sub bool
{
	my ($scope, $depth) = @_;
	my $key = chance(0.3) ? by_key($scope) : undef;

	return $key if defined $key;
	if ($depth > 0)
	{
		return '(' . bool($scope, $depth - 1) . pick(' AND ', ' AND ', ' OR ') . bool($scope, $depth - 1) . ')' if chance(0.3);
		return 'NOT (' . bool($scope, $depth - 1) . ')' if chance(0.07);
		if ($budget > 0 && chance(0.18))
		{
			$budget--;
			my $type = pick(qw(int text));
			my $not = pick('', 'NOT ');

			return "${not}EXISTS (" . (select_from($scope, $depth - 1))[0] . ')' if chance(0.5);
			return expression($type, $scope, 0) . " ${not}IN (" . (select_from($scope, $depth - 1, [$type]))[0] . ')';
		}
	}
	return comparison($scope, $depth > 0 ? $depth - 1 : 0);
}

my %aggregates = (int => [qw(max min)], bigint => [qw(max min count sum)], text => [qw(max min string_agg)], numeric => [qw(max min)], date => [qw(max min)], bool => [qw(bool_and bool_or)]);

# aggregate(TYPE, SCOPE): with a result of this type; of the query's own rows, as one of
# outer columns only would be the outer query's
sub aggregate
{
	my ($type, $scope, $depth) = @_;
	my $function = pick(@{ $aggregates{$type} });
	my $filter = chance(0.15) ? ' FILTER (WHERE ' . comparison($scope, 0) . ')' : '';

	return "count(*)$filter" if $function eq 'count' && chance(0.5);
	return 'count(' . pick('', 'DISTINCT ') . expression(pick(Schema::types()), $scope, $depth) . ")$filter" if $function eq 'count';
	return 'sum(' . expression('int', $scope, $depth) . ")$filter" if $function eq 'sum';
	if ($function eq 'string_agg')
	{
		my $x = expression('text', $scope, 0);

		return "string_agg($x, '' ORDER BY $x)$filter";
	}
	return "$function(" . expression($type, $scope, $depth) . ")$filter";
}

sub scalar_subquery
{
	my ($type, $scope, $depth) = @_;

	$budget--;
	if (chance(0.5))
	{
		my ($from, $inner) = from($scope, $depth, 2);

		return '(SELECT ' . aggregate($type, $inner, 0) . " FROM $from" . where([ @$inner, @$scope ], $depth) . ')';
	}
	my ($sql) = select_from($scope, $depth, [$type]);
	return "($sql ORDER BY 1 LIMIT 1)";
}

# ----- reads by key -----

# key(TABLE, SCOPE): what a read is called with
sub key
{
	my ($table, $scope) = @_;

	return join(', ', map { my $key = $_; map { chance(0.6) ? literal($_->{type}) : expression($_->{type}, $scope, 0) } grep { $_->{name} eq $key } @{ $table->{columns} } } @{ $table->{key} });
}

sub attached { return grep { $_->{attached} && !$_->{detached} } $schema->tables; }

sub read_column
{
	my ($type, $scope, $depth) = @_;
	my @fit = grep { my $table = $_; grep { $_->{type} eq $type } @{ $table->{columns} } } attached();

	return literal($type) if !@fit;
	$budget--;
	my $table = pick(@fit);
	my $column = pick(map { $_->{name} } grep { $_->{type} eq $type } @{ $table->{columns} });

	return "({read:$table->{name}:" . key($table, $scope) . ":end}).$column" if chance(0.5);
	my $as = 'a' . ++$alias;
	my @inner = map { [ "$as.$_->{name}", $_->{type} ] } @{ $table->{columns} };
	my $where = chance(0.5) ? ' WHERE ' . comparison([ @inner, @$scope ], 0) : '';

	return "(SELECT $as.$column FROM {read" . pick('', '_row') . ":$table->{name}:" . key($table, $scope) . ":end} $as$where)";
}

# ----- FROM -----

# relation(SCOPE, DEPTH): an item of FROM, and its columns
sub relation
{
	my ($scope, $depth) = @_;
	my $as = 'a' . ++$alias;
	my $name = sub { return [ map { [ "$as.$_->{name}", $_->{type} ] } @{ $_[0]{columns} } ] };
	my @attached = attached();

	if (@attached && chance(0.2))
	{
		my $table = pick(@attached);
		my ($item) = chance(0.2) && @{ $table->{key} } == 1
		  ? "{read_many:$table->{name}:ARRAY[" . join(', ', map { key($table, []) } 1 .. 3) . ']:end}'
		  : '{read' . pick('', '_row') . ":$table->{name}:" . key($table, $scope) . ':end}';

		return ((@$scope ? pick('LATERAL ', '') : '') . "$item $as", $name->($table));
	}
	if (@attached && chance(0.04))
	{
		my $table = pick(@attached);

		return ("{scan:$table->{name}} $as", $name->($table));
	}
	if ($depth > 0 && chance(0.25))
	{
		my $lateral = @$scope && chance(0.5);
		my ($sql, $out) = full($lateral ? $scope : [], $depth - 1);
		my $n = 0;

		return (($lateral ? 'LATERAL ' : '') . "($sql) $as (" . join(', ', map { 'x' . ++$n } @$out) . ')', [ map { [ "$as.x$_", $out->[ $_ - 1 ] ] } 1 .. @$out ]);
	}
	return ('generate_series(' . int(rand(2)) . ', ' . (1 + int(rand(4))) . ") $as (x)", [ [ "$as.x", 'int' ] ]) if chance(0.1);
	my $table = $schema->table;
	return ('(VALUES ' . join(', ', map { '(' . literal('int') . ', ' . literal('text') . ')' } 1 .. 3) . ") $as (x, y)", [ [ "$as.x", 'int' ], [ "$as.y", 'text' ] ]) if chance(0.06);
	return ("v$table->{name} $as", $name->($table)) if $table->{view} && !$table->{altered} && chance(0.3);
	return ("$table->{name} $as", $name->($table));
}

# equality(LEFT, RIGHT): a condition of a join, or undef
sub equality
{
	my ($left, $right) = @_;
	my @pairs = map { my $l = $_; map { [ $l->[0], $_->[0] ] } grep { $_->[1] eq $l->[1] || "$_->[1]$l->[1]" =~ /^(bigint){0,1}int(bigint){0,1}$/ } @$right } @$left;

	return @pairs ? join(' = ', @{ pick(@pairs) }) : undef;
}

sub from
{
	my ($outer, $depth, $max) = @_;
	my ($from, $columns) = relation($outer, $depth);
	my $n = pick(1, 1, 1, 2, 2, 3);

	for (my $i = 1; $i < $n && $i < $max && $budget > 0; $i++)
	{
		$budget--;
		my $kind = pick('JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN');
		my ($item, $its) = relation($kind =~ /RIGHT|FULL/ ? [] : [ @$columns, @$outer ], $depth);
		my $on = equality($columns, $its);

		$kind = 'JOIN' if !defined $on && $kind eq 'FULL JOIN';
		$on = defined $on && $kind ne 'FULL JOIN' && chance(0.3) ? "$on AND " . comparison([ @$its, @$columns ], 0) : $on // comparison([ @$its, @$columns ], 0);
		$from .= " $kind $item" . ($kind eq 'CROSS JOIN' ? '' : " ON $on");
		$columns = [ @$columns, @$its ];
	}
	return ($from, $columns);
}

sub where { my ($scope, $depth) = @_; return chance(0.75) ? ' WHERE ' . bool($scope, $depth) : ''; }

# ----- SELECT -----

sub some_types { return [ map { pick(qw(int int bigint text text numeric date bool)) } 1 .. 1 + int(rand(3)) ]; }

# select_from(OUTER, DEPTH, TYPES): a SELECT without an order
sub select_from
{
	my ($outer, $depth, $types) = @_;
	my ($from, $inner) = from($outer, $depth, 3);
	my $scope = [ @$inner, @$outer ];
	my $where = where($scope, $depth);

	$types //= some_types();
	if (chance(0.2))
	{
		my @by = map { $_->[0] } chance(0.7) ? (pick(@$inner)) : ();
		my @types = map { my $b = $_; map { $_->[1] } grep { $_->[0] eq $b } @$inner } @by;
		my $grouped = [ map { [ $by[$_], $types[$_] ] } 0 .. $#by ];
		my @out = map { my $type = $_; my @fit = of_type($type, $grouped); @fit && chance(0.6) ? pick(@fit) : aggregate($type, $inner, 0) } @$types;

		return ('SELECT ' . join(', ', @out) . " FROM $from$where" . (@by ? ' GROUP BY ' . join(', ', @by) : '') . (chance(0.2) ? ' HAVING count(*) > ' . int(rand(3)) : ''), $types);
	}
	my @out = map { $budget > 0 && chance(0.2) ? read_column($_, $scope, $depth) : expression($_, $scope, $depth) } @$types;
	if (chance(0.08))
	{
		my ($by, $order) = (pick(@$inner)->[0], pick(@$inner)->[0]);
		my @at = grep { $types->[$_] eq 'bigint' } 0 .. $#out;

		$out[ pick(@at) ] = pick("rank() OVER (PARTITION BY $by ORDER BY $order)", "count(*) OVER (PARTITION BY $by)", "sum(1) OVER (ORDER BY $order)") if @at;
	}
	return ('SELECT ' . pick('', '', '', '', 'DISTINCT ') . join(', ', @out) . " FROM $from$where", $types);
}

# full(OUTER, DEPTH, TYPES): with set operations, WITH, ORDER BY and LIMIT
sub full
{
	my ($outer, $depth, $types) = @_;

	$types //= some_types();
	my ($sql) = select_from($outer, $depth, $types);
	if ($budget > 0 && chance(0.1))
	{
		$budget--;
		$sql = "($sql) " . pick('UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT') . ' (' . (select_from($outer, $depth - 1, $types))[0] . ')';
	}
	if ($budget > 0 && chance(0.1))
	{
		$budget--;
		my $as = 'w' . ++$alias;
		my ($with, $out) = select_from([], $depth - 1);
		my $n = 0;
		my $columns = join(', ', map { 'x' . ++$n } @$out);
		my $fit = [ map { [ "$as.x$_", $out->[ $_ - 1 ] ] } 1 .. @$out ];

		$sql = "WITH $as ($columns) AS " . pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ') . "($with) SELECT " . join(', ', map { expression($_, $fit, 1) } @$types) .
		  " FROM $as" . (chance(0.3) ? " JOIN $as b ON b.x1 = $as.x1" : '') . where($fit, 0);
	}
	my $all = join(', ', 1 .. @$types);
	$sql .= " ORDER BY $all" . pick('', ' DESC') . ' LIMIT ' . (1 + int(rand(4))) . pick('', ' OFFSET 1') if chance(0.12);
	return ($sql, $types);
}

1;
