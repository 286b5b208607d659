
# A random schema: tables, each with what is done to it in the schema whose tables are
# attached or tracked.  It is known to the statements that are made later, and follows
# their DDL.

package Schema;

use strict;
use warnings FATAL => 'all';

use Storable qw(dclone);

sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

# Values of a type that tables and statements have in common, so that they meet.
my %values = (
	int => sub { int(rand(9)) - 1 },
	bigint => sub { int(rand(9)) - 1 },
	text => sub { "'" . pick('', 'a', 'b', 'ab', 'c', 'A', 'x' x 40) . "'" },
	numeric => sub { pick('0', '1.50', '2.25', '3', '-1') },
	date => sub { "'2026-01-0" . (1 + int(rand(8))) . "'" },
	bool => sub { pick('true', 'false') });

my %types = (int => 'int', bigint => 'bigint', text => 'text', numeric => 'numeric(10,2)', date => 'date', bool => 'bool');

sub type { return $types{ $_[0] }; }
sub types { return sort keys %types; }

# literal(TYPE): of this type whatever is around it
sub literal
{
	my ($type) = @_;

	return chance(0.06) ? "NULL::$types{$type}" : $values{$type}->() . "::$types{$type}";
}

# new(DEFERRING): with tables whose writes are deferred
sub new
{
	my ($class, $deferring) = @_;
	my $self = bless { tables => {}, ddl => [], attach => [], readers => [], number => 0, deferring => $deferring }, $class;

	$self->add_table("t$_", $deferring && ($_ == 1 || chance(0.4))) foreach 1 .. 2 + int(rand(3));
	$self->{seed} = [ map { $self->insert($_, 4 + int(rand(12))) } sort keys %{ $self->{tables} } ];
	return $self;
}

sub add_table
{
	my ($self, $name, $defers) = @_;
	my @key = map { { name => $_, type => pick(qw(int int int int bigint text date), $defers ? () : 'numeric') } } chance(0.75) ? ('id') : ('id', 'part');
	my @columns = map { { name => 'c' . ++$self->{number}, type => pick(qw(int int text bigint numeric date bool)) } } 1 .. 2 + int(rand(4));
	my $table = { name => $name, key => [ map { $_->{name} } @key ] };
	my @defined = map { "$_->{name} $types{$_->{type}}" } @key, @columns;

	$defined[$_] .= pick('', '', '', ' NOT NULL DEFAULT ' . $values{ $columns[ $_ - @key ]{type} }->(), ' DEFAULT ' . $values{ $columns[ $_ - @key ]{type} }->())
	  foreach scalar(@key) .. $#defined;
	if (!$defers && chance(0.2) && (my ($from) = grep { $_->{type} eq 'int' } @columns))
	{
		push @defined, "made int GENERATED ALWAYS AS ($from->{name} + 1) STORED";
		push @columns, { name => 'made', type => 'int', generated => 1 };
		$from->{fixed} = 1;
	}
	splice(@defined, int(rand(@defined + 1)), 0, 'gone text') if my $drop = chance(0.2);
	$table->{columns} = [ @key, @columns ];
	$table->{columns} = [ sort { index(join(',', @defined), "$a->{name} ") <=> index(join(',', @defined), "$b->{name} ") } @{ $table->{columns} } ];
	push @defined, 'PRIMARY KEY (' . join(', ', @{ $table->{key} }) . ')';

	my $parted = !$defers && $key[0]{type} =~ /int/ && chance(0.25);
	push @{ $self->{ddl} }, "CREATE TABLE $name (" . join(', ', @defined) . ')' . ($parted ? ' PARTITION BY ' . ($parted = pick('HASH', 'RANGE')) . ' (id)' : '');
	push @{ $self->{ddl} }, map { "CREATE TABLE ${name}_$_ PARTITION OF $name FOR VALUES WITH (MODULUS 2, REMAINDER $_)" } 0, 1 if $parted eq 'HASH';
	push @{ $self->{ddl} }, "CREATE TABLE ${name}_0 PARTITION OF $name FOR VALUES FROM (MINVALUE) TO (3)", "CREATE TABLE ${name}_1 PARTITION OF $name DEFAULT" if $parted eq 'RANGE';
	push @{ $self->{ddl} }, "ALTER TABLE $name DROP COLUMN gone" if $drop;
	push @{ $self->{ddl} }, "CREATE INDEX ON $name (" . pick(@columns)->{name} . ')' if chance(0.6);
	push @{ $self->{ddl} }, "CREATE VIEW v$name AS SELECT * FROM $name WHERE " . pick(@columns)->{name} . ' IS NOT NULL' if $table->{view} = chance(0.3);
	$self->{tables}{$name} = $table;
	$self->attach($table, $defers);
	$self->add_reader($table);
}

sub attach
{
	my ($self, $table, $defers) = @_;
	my %key = map { $_ => 1 } @{ $table->{key} };
	my ($name, %merge) = ($table->{name});

	if ($defers)
	{
		foreach (grep { !$key{ $_->{name} } && chance(0.7) } @{ $table->{columns} })
		{
			$merge{ $_->{name} } = $_->{type} =~ /int|numeric/ ? pick(qw(add add max min replace)) : $_->{type} eq 'date' ? pick(qw(max min replace)) : 'replace';
		}
	}
	$table->{deferred} = \%merge;
	$table->{attached} = $defers ? 'write_back' : pick(qw(cache_aside read_through write_through write_around), undef);
	if ($table->{attached})
	{
		push @{ $self->{attach} }, "SELECT cache.attach('$name', '$table->{attached}'" .
		  (!$defers ? ', plain_reads => ' . pick('true', 'true', 'false') . ($table->{attached} eq 'read_through' && !(grep { $key{ $_->{name} } && $_->{type} eq 'numeric' } @{ $table->{columns} }) ? pick('', ", negative_ttl => '1 hour'") : '') : ", durable => " . pick('true', 'false') . ", flush_interval => '" . pick('10 ms', '100 ms', '1 hour') . "', merge => '{" . join(', ', map { "\"$_\": \"$merge{$_}\"" } sort keys %merge) . "}'") . ')';
	}
	push @{ $self->{attach} }, "SELECT cache.track('$name', " . pick('true', 'false') . ')' if !$table->{attached} ? chance(0.8) : !$defers && chance(0.5);
}

# What a read of a row means: functions of the schema that is not attached.
sub add_reader
{
	my ($self, $table) = @_;
	my $name = $table->{name};
	my @types = map { my $key = $_; map { $types{ $_->{type} } } grep { $_->{name} eq $key } @{ $table->{columns} } } @{ $table->{key} };
	my $args = join(', ', @types);
	my $is = join(' AND ', map { "$table->{key}[$_] = \$" . ($_ + 1) } 0 .. $#types);

	push @{ $self->{readers} },
	  "CREATE FUNCTION read_$name($args) RETURNS $name LANGUAGE plpgsql STABLE AS 'DECLARE r $name; BEGIN SELECT * INTO r FROM $name WHERE $is; RETURN r; END'",
	  "CREATE FUNCTION read_row_$name($args) RETURNS SETOF $name LANGUAGE plpgsql STABLE ROWS 1 AS 'BEGIN RETURN QUERY SELECT * FROM $name WHERE $is; END'";
	push @{ $self->{readers} }, "CREATE FUNCTION read_many_$name($types[0]\[]) RETURNS SETOF $name LANGUAGE plpgsql STABLE AS " .
	  "'BEGIN RETURN QUERY SELECT t.* FROM unnest(\$1) WITH ORDINALITY u (k, n) JOIN $name t ON t.$table->{key}[0] = u.k ORDER BY n; END'"
	  if @types == 1;
}

# What a remembered query is, in each schema.
sub remembering
{
	my ($mine) = @_;

	return 'CREATE FUNCTION remembered(query text) RETURNS jsonb LANGUAGE plpgsql ' .
	  ($mine ? "AS 'BEGIN RETURN cache.remember(md5(query), ''1 hour'', query); END'"
		: q{AS $b$ DECLARE r jsonb; BEGIN EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(z)), ''[]'') FROM (%s) z', query) INTO r; RETURN r; END $b$});
}

sub copy { return dclone($_[0]); }
sub tables { return map { $_[0]{tables}{$_} } sort keys %{ $_[0]{tables} }; }
sub table { my ($self) = @_; return pick($self->tables); }

# insert(NAME, ROWS): a statement that fills a table
sub insert
{
	my ($self, $name, $rows) = @_;
	my @columns = grep { !$_->{generated} } @{ $self->{tables}{$name}{columns} };

	return "INSERT INTO $name (" . join(', ', map { $_->{name} } @columns) . ') VALUES ' .
	  join(', ', map { '(' . join(', ', map { $values{ $_->{type} }->() } @columns) . ')' } 1 .. $rows) . ' ON CONFLICT DO NOTHING';
}

# in(SCHEMA, STATEMENT): reads by key are the cache's in one schema, and functions over
# the table in the other.
sub in
{
	my ($mine, $statement) = @_;

	$statement =~ s/\{scan:(\w+)\}/$mine ? "cache.scan(NULL::$1)" : $1/ge;
	return $mine
	  ? $statement =~ s/\{(read|read_row|read_many):(\w+):/cache.$1(NULL::$2, /gr =~ s/:end\}/)/gr
	  : $statement =~ s/\{(read|read_row|read_many):(\w+):/$1_$2(/gr =~ s/:end\}/)/gr;
}

1;
