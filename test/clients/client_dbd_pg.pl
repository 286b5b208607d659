# DBD::Pg: untyped parameters, statements unnamed at first and named from the second
# run.

use strict;
use warnings;
use utf8;

use FindBin;
use JSON::PP;

binmode STDOUT, ':utf8';
$ENV{PGOPTIONS} = '-c client_min_messages=warning';

unless (eval { require DBI; require DBD::Pg; DBD::Pg->import(':pg_types'); 1 })
{
	print '1..0 # SKIP ' . ($@ =~ /^(.*)/)[0] . "\n";
	exit;
}

my @strategies = qw(cache_aside read_through write_through write_around);
my ($count, $failed) = (0, 0);
my $json = JSON::PP->new->canonical->allow_nonref;

sub ok
{
	my ($good, $title, @diagnostics) = @_;

	$count++;
	print(($good ? 'ok' : 'not ok') . " $count - $title\n");
	return if $good;
	$failed++;
	print map { s/\n(?=.)/\n# /gr } map { "# $_\n" } @diagnostics;
}

sub same
{
	my ($got, $expected, $title) = @_;

	($got, $expected) = map { $json->encode($_) } $got, $expected;
	ok($got eq $expected, $title, "got:      $got", "expected: $expected");
}

sub slurp
{
	my ($file) = @_;

	open my $in, '<:encoding(UTF-8)', "$FindBin::Bin/$file" or die "$file: $!";
	local $/;
	return <$in>;
}

sub psql
{
	my ($sql) = @_;

	open my $psql, '|-:encoding(UTF-8)', 'psql -Xq -v ON_ERROR_STOP=1 -1 >/dev/null' or die;
	print $psql $sql;
	close $psql or die 'psql failed';
}

# ----- the driver -----

sub connection
{
	return DBI->connect('dbi:Pg:', '', '', { RaiseError => 1, PrintError => 0, AutoCommit => 1, pg_enable_utf8 => 1 });
}

my %statements;

# A statement is prepared once and run many times.
sub execute
{
	my ($db, $sql, @values) = @_;
	my $statement = $statements{"$db $sql"} //= $db->prepare($sql);

	for my $i (0 .. $#values)
	{
		my $value = $values[$i];

		if (ref $value eq 'HASH') { $statement->bind_param($i + 1, $value->{bytes}, { pg_type => PG_BYTEA() }); }
		else { $statement->bind_param($i + 1, $value); }
	}
	my $n = $statement->execute;

	return ($statement, $n + 0);
}

sub rows
{
	my ($statement) = execute(@_);
	my $types = $statement->{pg_type};

	# Bytes as the expected rows have them.
	return [
		map {
			my $row = $_;

			[ map { $types->[$_] eq 'bytea' && defined $row->[$_] ? '\x' . unpack('H*', $row->[$_]) : $row->[$_] } 0 .. $#$row ]
		} @{ $statement->fetchall_arrayref } ];
}

sub run
{
	return (execute(@_))[1];
}

sub value_of
{
	my ($kind, $text) = @_;

	return undef if $kind eq 'null';
	return { bytes => pack('H*', $text) } if $kind eq 'bytes';
	return [ split /,/, $text ] if $kind =~ /^(ints|texts)$/;
	return $text;
}

# Booleans come as 1 and 0, or as t and f.
sub text_of
{
	my ($value, $expected) = @_;

	return 'null' if !defined $value;
	return $value =~ /^(1|t)$/ ? 'true' : 'false' if $expected =~ /^(true|false)$/;
	return $json->encode($json->decode($value)) if $value =~ /^[\[{]/;
	return $value;
}

# ----- calls -----

sub calls
{
	my $db = connection();

	psql(slurp('calls.sql'));
	foreach my $block (split /\n\n+/, slurp('calls.txt'))
	{
		my ($title, @lines) = grep { !/^#/ } split /\n/, $block;
		my ($sql, $twin, $void, $changed, @params, @expected);

		next if !defined $title;
		foreach (@lines)
		{
			if (/^\? (.*)/) { $sql = $1; }
			elsif (/^= (.*)/) { $twin = $1; }
			elsif (/^> (.*)/) { push @expected, $1; }
			elsif (/^< (\w+) ?(.*)/) { push @params, value_of($1, $2); }
			elsif (/^! (.*)/) { $changed = $1; }
			elsif ($_ eq 'void') { $void = 1; }
			else { die "what is $_"; }
		}
		eval {
			my $got = defined $changed ? run($db, $sql, @params) : rows($db, $sql, @params);

			if (defined $changed) { same($got + 0, $changed + 0, $title); }
			elsif ($void) { ok(1, $title); }
			elsif ($twin) { same($got, rows($db, $twin, @params), $title); }
			else
			{
				same([ map { my $row = $_; join ' | ', map { text_of($_, $expected[0] // '') } @$row } @$got ],
					[@expected], $title);
			}
			1;
		} or ok(0, $title, $sql, ($db->state // '') . ": $@");
	}
	$db->disconnect;
}

# ----- life cycle -----

sub life_cycle
{
	my ($db, $t) = @_;

	my $check = sub {
		my ($title, @ids) = @_;
		my @differences;
		my $compare = sub {
			my ($sql, $value, $expected) = @_;
			my ($got) = map { $json->encode($_) } rows($db, $sql, $value);

			$expected = $json->encode($expected);
			push @differences, $sql, "got:      $got", "expected: $expected" if $got ne $expected;
		};

		for (1 .. 2)		# what the first round has filled is compared, too
		{
			foreach my $id (@ids)
			{
				my $expected = rows($db, "SELECT * FROM $t WHERE id = \$1", $id);

				$compare->("SELECT * FROM cache.read(NULL::$t, \$1) WHERE id IS NOT NULL", $id, $expected);
				$compare->("SELECT * FROM cache.read(NULL::$t, \$1::int) WHERE id IS NOT NULL", $id, $expected);
			}
			$compare->("SELECT * FROM cache.read_many(NULL::$t, \$1::int[])", \@ids,
				rows($db, "SELECT t.* FROM unnest(\$1::int[]) WITH ORDINALITY k(id) JOIN $t t USING (id) ORDER BY ordinality",
					\@ids));
		}
		ok(!@differences, "$t: $title: read as the table has it", @differences);
	};
	my $create = sub { return rows($db, "INSERT INTO $t (name, stock) VALUES (\$1, \$2) RETURNING id", @_)->[0][0]; };
	my $stock = sub { return rows($db, "SELECT stock FROM $t WHERE id = \$1", @_)->[0][0]; };
	my $update = "UPDATE $t SET stock = \$1 WHERE id = \$2";
	my $optimistic = "UPDATE $t SET stock = \$1, version = version + 1 WHERE id = \$2 AND version = \$3";
	my $id = $create->('lamp', 3);

	$check->('created', $id);
	same(rows($db, "SELECT name FROM $t WHERE id = \$1", $id), [ ['lamp'] ], "$t: found by key");
	same(run($db, $update, 2, $id), 1, "$t: one row is updated");
	$check->('updated', $id);
	psql("UPDATE $t SET stock = 77 WHERE id = $id");
	same($stock->($id), 77, "$t: reloaded after another session's change");
	$check->('changed by another session', $id);
	same(run($db, $optimistic, 5, $id, 0), 1, "$t: optimistic locking, first");
	same(run($db, $optimistic, 6, $id, 0), 0, "$t: optimistic locking, too late");
	$check->('locked optimistically', $id);
	my @ids = ($id, map { $create->("lamp $_", $_) } 0 .. 2);

	same(
		rows($db, "SELECT name FROM $t WHERE id IN (\$1, \$2, \$3, \$4) ORDER BY id", @ids),
		[ ['lamp'], [ 'lamp 0' ], [ 'lamp 1' ], [ 'lamp 2' ] ],
		"$t: list by IN");
	$check->('listed', @ids);
	$db->begin_work;
	run($db, $update, 8, $id);
	$check->('in a transaction that changed it', @ids);
	$db->rollback;
	same($stock->($id), 5, "$t: rolled back");
	$check->('rolled back', @ids);
	$db->begin_work;
	run($db, $update, 10, $id);
	$check->('before a savepoint', @ids);
	$db->pg_savepoint('s');
	run($db, $update, 20, $id);
	$check->('in a savepoint', @ids);
	$db->pg_rollback_to('s');
	$check->('rolled back to a savepoint', @ids);
	$db->commit;
	same($stock->($id), 10, "$t: committed with a savepoint rolled back");
	$check->('committed', @ids);
	same(run($db, "DELETE FROM $t WHERE id = \$1", $id), 1, "$t: deleted");
	$check->('deleted', @ids);
	same(rows($db, "SELECT outcome FROM cache.explain(NULL::$t, \$1::int)", $ids[1]), [ ['hit'] ],
		"$t: answered from the cache");
}

# ----- migrations -----

sub outcome
{
	my ($db, $sql) = @_;
	my $rows = eval { rows($db, $sql, 1) };

	return $rows // $db->state;
}

# What is read, by the SELECT and by cache.read(), prepared in a connection each.
sub migrations
{
	foreach my $block (split /\n\n+/, slurp('migrations.txt'))
	{
		my ($title, @change) = grep { !/^#/ } split /\n/, $block;

		next if !defined $title;
		foreach my $columns ('*', 'name, price, stock')
		{
			my @sides = map { { db => connection(), sql => $_ } } (
				"SELECT $columns FROM m WHERE id = \$1",
				"SELECT $columns FROM cache.read(NULL::m, \$1) WHERE id IS NOT NULL");

			psql(slurp('migration.sql'));
			for (1 .. 7)	# until the driver and plans have settled
			{
				$_->{seen} = [ outcome($_->{db}, $_->{sql}) ] foreach @sides;
			}
			psql(join ";\n", @change);
			for (1 .. 3)
			{
				push @{ $_->{seen} }, outcome($_->{db}, $_->{sql}) foreach @sides;
			}
			%statements = ();
			$_->{db}->disconnect foreach @sides;
			same($sides[1]{seen}, $sides[0]{seen}, "$title, SELECT $columns prepared");
		}
	}
}

my $db = connection();

foreach my $t (@strategies)
{
	eval { life_cycle($db, $t); 1 } or ok(0, "$t: life cycle", $@);
}
calls();
migrations();
print "1..$count\n";
exit($failed ? 1 : 0);
