
# Random statements that change a schema's tables, by all of DML, and DDL.

package Changes;

use strict;
use warnings FATAL => 'all';

use Queries;
use Schema;

*pick = \&Schema::pick;
*chance = \&Schema::chance;
*literal = \&Schema::literal;

sub columns { return grep { !$_->{generated} } @{ $_[0]{columns} }; }

sub is_key { my ($table, $column) = @_; return grep { $_ eq $column->{name} } @{ $table->{key} }; }

sub others { my ($table) = @_; return grep { !is_key($table, $_) } columns($table); }

sub returning
{
	my ($table, $as) = @_;

	return pick('', '', '', " RETURNING $as.*", ' RETURNING ' . join(', ', map { "$as.$_->{name}" } (map { pick(@{ $table->{columns} }) } 1 .. 2)));
}

sub assigned
{
	my ($schema, $table, $as) = @_;
	my @other = others($table);
	my %set = map { $_->{name} => $_ } map { pick(@other) } 1 .. 1 + int(rand(2));

	return join(', ', map { "$_ = " . assignment($schema, $table, $as, $set{$_}) } sort keys %set);
}

# Under "max" and "min" a plain value counts as an offer; only these say the same to both.
sub assignment
{
	my ($schema, $table, $as, $column) = @_;
	my $rule = $table->{deferred}{ $column->{name} } // '';
	my $value = chance(0.3) && $column->{type} =~ /int|numeric/ ? "$as.$column->{name} + " . int(rand(4)) : Queries::value($schema, $column->{type}, $table, $as);

	return $rule eq 'max' ? "greatest(x.$column->{name}, $value)" : $rule eq 'min' ? "least(x.$column->{name}, $value)" : $value;
}

# one_row(TABLE, ALIAS): a condition that at most one row satisfies
sub one_row
{
	my ($table, $as) = @_;

	return join(' AND ', map { my $column = $_; is_key($table, $column) ? "$as.$column->{name} = " . literal($column->{type}) : () } columns($table));
}

sub row { my ($table) = @_; return '(' . join(', ', map { literal($_->{type}) } columns($table)) . ')'; }
sub names { my ($table) = @_; return join(', ', map { $_->{name} } columns($table)); }

# matching(TABLE, ALIAS, OTHER, ALIAS): a condition that at most one row of OTHER
# satisfies for each of TABLE, or undef
sub matching
{
	my ($table, $as, $other, $its) = @_;
	my @and;

	foreach my $key (grep { is_key($other, $_) } columns($other))
	{
		my @fit = grep { $_->{type} eq $key->{type} } @{ $table->{columns} };

		push @and, "$its.$key->{name} = " . (@fit ? "$as." . pick(@fit)->{name} : literal($key->{type}));
	}
	return join(' AND ', @and);
}

my @dml = (
	(sub {
			my ($schema, $table) = @_;
			my $key = join(', ', @{ $table->{key} });

			return "INSERT INTO $table->{name} AS x (" . names($table) . ') VALUES ' . join(', ', map { row($table) } 1 .. 1 + int(rand(2))) .
			  pick('', ' ON CONFLICT DO NOTHING', " ON CONFLICT ($key) DO UPDATE SET " . assigned($schema, $table, pick('x', 'excluded')) . pick('', ' WHERE ' . Queries::condition($schema, $table, 'x'))) . returning($table, 'x');
		}) x 4,
	sub {
		my ($schema, $table) = @_;
		my @types = map { $_->{type} } columns($table);
		my ($sql) = Queries::query($schema, \@types);

		return "INSERT INTO $table->{name} (" . names($table) . ") SELECT * FROM ($sql) q ORDER BY " . join(', ', 1 .. @types) . ' LIMIT 1' . pick('', ' ON CONFLICT DO NOTHING');
	},
	(sub {
			my ($schema, $table) = @_;

			return "UPDATE $table->{name} x SET " . assigned($schema, $table, 'x') . ' WHERE ' . (chance(0.4) ? one_row($table, 'x') : Queries::condition($schema, $table, 'x')) . returning($table, 'x');
		}) x 6,
	sub {
		my ($schema, $table) = @_;
		my $key = pick(grep { is_key($table, $_) } columns($table));

		return "UPDATE $table->{name} x SET $key->{name} = " . literal($key->{type}) . ' WHERE ' . one_row($table, 'x') . returning($table, 'x');
	},
	(sub {
			my ($schema, $table) = @_;
			my $other = $schema->table;
			my $column = pick(others($table));
			my @fit = grep { $_->{type} eq $column->{type} } @{ $other->{columns} };

			return "UPDATE $table->{name} x SET $column->{name} = " . (($table->{deferred}{ $column->{name} } // '') =~ /max|min/ ? assignment($schema, $table, 'x', $column) : @fit ? 'y.' . pick(@fit)->{name} : literal($column->{type})) .
			  " FROM $other->{name} y WHERE " . matching($table, 'x', $other, 'y') . pick('', ' AND ' . Queries::condition($schema, $table, 'x')) . returning($table, 'x');
		}) x 2,
	(sub { my ($schema, $table) = @_; return "DELETE FROM $table->{name} x WHERE " . one_row($table, 'x') . returning($table, 'x'); }) x 2,
	sub { my ($schema, $table) = @_; return "DELETE FROM $table->{name} x WHERE " . one_row($table, 'x') . ' AND ' . Queries::condition($schema, $table, 'x'); },
	sub {
		my ($schema, $table) = @_;
		my $other = $schema->table;

		return "DELETE FROM $table->{name} x USING $other->{name} y WHERE " . matching($table, 'x', $other, 'y') . ' AND ' . one_row($other, 'y') . returning($table, 'x');
	},
	sub {
		my ($schema, $table) = @_;
		my @keys = grep { is_key($table, $_) } columns($table);
		my $n = 0;
		my $source = 'SELECT DISTINCT ' . join(', ', map { 'v.k' . ++$n } @keys) . ' FROM (VALUES ' . join(', ', map { '(' . join(', ', map { literal($_->{type}) } @keys) . ')' } 1 .. 3) . ') v (' . join(', ', map { "k$_" } 1 .. $n) . ')';
		my $on = join(' AND ', map { "x.$keys[$_]{name} = s.k" . ($_ + 1) } 0 .. $#keys);
		my @others = others($table);

		return "MERGE INTO $table->{name} x USING ($source) s ON $on WHEN MATCHED AND " . Queries::condition($schema, $table, 'x') . ' THEN ' .
		  pick('DELETE', 'DO NOTHING', 'UPDATE SET ' . assigned($schema, $table, 'x')) . pick('', ' WHEN MATCHED THEN UPDATE SET ' . assigned($schema, $table, 'x')) .
		  ' WHEN NOT MATCHED THEN ' . pick('DO NOTHING', 'INSERT (' . join(', ', map { $_->{name} } @keys, @others) . ') VALUES (' . join(', ', (map { "s.k$_" } 1 .. $n), map { literal($_->{type}) } @others) . ')');
	});

# change(SCHEMA, TRUNCATE): a statement; with this probability it is TRUNCATE
sub change
{
	my ($schema, $truncate) = @_;
	my $table = $schema->table;

	return "TRUNCATE $table->{name}" if chance($truncate);
	my $statement = pick(@dml)->($schema, $table);
	if ($statement =~ / RETURNING (?:x\.\w+, )?x\.(\w+)$/ && chance(0.4))
	{
		my ($sql) = chance(0.5) ? ('SELECT count(*) FROM w') : Queries::query($schema);

		return "WITH w AS ($statement) $sql" if $sql !~ /^\(|^WITH/;
	}
	if (chance(0.06))
	{
		my $more = pick(@dml)->($schema, $schema->table);

		return "DO \$do\$ BEGIN " . ($statement =~ s/ RETURNING .*$//r) . '; BEGIN ' . ($more =~ s/ RETURNING .*$//r) . pick('', '; RAISE unique_violation') . '; EXCEPTION WHEN unique_violation OR not_null_violation THEN NULL; END; END $do$';
	}
	return $statement;
}

# ddl(SCHEMA): a statement, and what it makes of the schema
sub ddl
{
	my ($schema) = @_;
	my $table = $schema->table;
	my $name = $table->{name};
	my @free = grep { !$_->{fixed} && !$_->{generated} && !$table->{deferred}{ $_->{name} } } others($table);
	my $new = 'c' . ++$schema->{number};
	my $type = pick(Schema::types());
	my $column = @free ? pick(@free) : undef;
	my $changed = sub { my ($change) = @_; return sub { my $its = $_[0]{tables}{$name}; $its->{altered} = 1; $change->($its); } };

	return ("CREATE INDEX ON $name (" . pick(@{ $table->{columns} })->{name} . ')', sub { }) if chance(0.25);
	return ("ANALYZE $name", sub { }) if chance(0.15);
	return ("ALTER TABLE $name ADD COLUMN $new " . Schema::type($type) . pick('', " DEFAULT " . literal($type)), $changed->(sub { push @{ $_[0]{columns} }, { name => $new, type => $type } }))
	  if chance(0.4) || !defined $column || ($table->{attached} // '') eq 'write_back';
	return ("ALTER TABLE $name DROP COLUMN $column->{name}", $changed->(sub { @{ $_[0]{columns} } = grep { $_->{name} ne $column->{name} } @{ $_[0]{columns} } })) if chance(0.4) && @free > 1;
	return ("ALTER TABLE $name RENAME COLUMN $column->{name} TO $new", $changed->(sub { $_->{name} eq $column->{name} and $_->{name} = $new foreach @{ $_[0]{columns} } })) if chance(0.5) || $column->{type} ne 'int';
	return ("ALTER TABLE $name ALTER COLUMN $column->{name} TYPE bigint", $changed->(sub { $_->{name} eq $column->{name} and $_->{type} = 'bigint' foreach @{ $_[0]{columns} } }));
}

1;
