
# One row of a write_back table under all that can happen to it: eight clients
# increment it by deferred writes and directly, set its columns, also the one that
# is incremented, write it as a whole, delete it, insert it again and truncate the table, while it is flushed
# all the time.  What becomes of it must be what some serial order of their
# transactions gives, an order that agrees with who had been answered before
# whom had asked.
#
# That can be decided exactly, as every operation leaves its mark:
#
#	- increment number i adds 10^i, so the digits of the sum tell which
#	  increments are in it, and a digit above 1 that one was counted twice; who
#	  sets it makes it 10^i;
#	- whatever makes the row anew sets its column g to its own number;
#	- columns that are set hold the number of who set them.
#
# Clients note the time before and after each operation in a log.  Let the row
# be the one that operation g made, and b the one in the sum that has set it, or
# else g.  Every increment that began after b had ended is in the sum, none that
# ended before b began; and if one is, so are all that began after its end.  The
# same holds for all others that set it, of which none is in the sum.  The value
# of a column is that of an operation with no other of that column wholly after
# it.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant CLIENTS => 8;
use constant OPERATIONS => 40;		# of each client in a round
use constant SECONDS => 8;			# for each of the two tables, and no fewer
use constant ROUNDS => 4;			# rounds than these

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'fsync = off', 'deadlock_timeout = 20ms',
	'cache_strategies.test_delay = 500', "log_min_error_statement = panic");

# What there is to do: weight, columns concerned (n: adds, =: sets the same column,
# sk: sets these, *: the whole row), SQL with N for the number and P for 10^N.
my @kinds = (
	[ 40, 'n', "SELECT coalesce(cache.increment(NULL::TABLE, 'n', P, 1), -1) AS v \\gset" ],
	[ 12, 'n', "UPDATE TABLE SET n = n + P WHERE id = 1;" ],
	[ 4, '=', "UPDATE TABLE SET n = P WHERE id = 1;" ],
	[ 1, '=k', "UPDATE TABLE SET n = P, k = N WHERE id = 1;" ],
	[ 6, 'nk', "UPDATE TABLE SET n = n + P, k = N WHERE id = 1;" ],
	[ 4, 'ns', "UPDATE TABLE SET n = n + P, s = N WHERE id = 1;" ],
	[ 8, 's', "UPDATE TABLE SET s = N WHERE id = 1;" ],
	[ 6, 'sk', "UPDATE TABLE SET s = N, k = N WHERE id = 1;" ],
	[ 6, 'k', "UPDATE TABLE SET k = N WHERE id = 1;" ],
	[ 4, '*', "DELETE FROM TABLE WHERE id = 1 \\; INSERT INTO TABLE VALUES (1, N, 0, N, N);" ],
	[ 2, '*', "TRUNCATE TABLE \\; INSERT INTO TABLE VALUES (1, N, 0, N, N);" ],
	[ 2, '', "SELECT cache.flush('TABLE');" ],
);

# These not in the same round: a row that was written when there was none is not
# in the table before the next flush, and no UPDATE finds it.
my $write = [ 4, '*', "SELECT cache.write(ROW(1, N, 0, N, N)::TABLE);" ];
my $apart = [ 3, '*', "DELETE FROM TABLE WHERE id = 1;\nINSERT INTO TABLE VALUES (1, N, 0, N, N);" ];

sub random_kind
{
	my ($round) = @_;
	my @possible = (@kinds, $round % 2 ? $write : $apart);
	my $n = 0;

	$n += $_->[0] foreach @possible;
	$n = rand($n);
	foreach my $kind (@possible)
	{
		$n -= $kind->[0];
		return $kind if $n < 0;
	}
	return $kinds[0];
}

# Fills @$ops with what was chosen.
sub client_script
{
	my ($table, $round, $client, $ops) = @_;
	my $script = "\\set v -2\n";

	foreach my $j (0 .. OPERATIONS - 1)
	{
		my $number = $j * CLIENTS + $client;
		my $kind = random_kind($round);
		my $power = '1' . ('0' x $number);
		my $sql = $kind->[2];

		$sql =~ s/\bTABLE\b/$table/g;
		$sql =~ s/\bN\b/$number/g;
		$sql =~ s/\bP\b/$power/g;
		$ops->[$number] = { number => $number, what => $kind->[1], sql => $kind->[2] };
		$script .= "INSERT INTO log VALUES ($number, clock_timestamp());\n$sql\n"
		  . "UPDATE log SET ended = clock_timestamp(), state = :'SQLSTATE', v = :v WHERE number = $number;\n"
		  . "\\set v -2\n";
	}
	return $script;
}

sub run_clients
{
	my ($table, $round, $ops) = @_;
	my @clients;

	foreach my $client (0 .. CLIENTS - 1)
	{
		my $c = { in => client_script($table, $round, $client, $ops), out => '', err => '' };

		$c->{run} = IPC::Run::start(
			[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-f', '-' ],
			'<', \$c->{in}, '>', \$c->{out}, '2>', \$c->{err});
		push @clients, $c;
	}
	$_->{run}->finish foreach @clients;
	return join('', map { $_->{err} } @clients);
}

sub read_log
{
	my ($ops) = @_;

	foreach my $line (split /\n/, $node->safe_psql('postgres', q(
		SELECT number, extract(epoch FROM began), extract(epoch FROM ended), state, v FROM log)))
	{
		my ($number, $began, $ended, $state, $v) = split /\|/, $line;

		@{ $ops->[$number] }{qw(began ended state v)} = ($began, $ended, $state, $v);
		$ops->[$number]{done} = $state eq '00000';
	}
}

# The numbers of the increments in a sum, or an error.
sub increments_in
{
	my ($sum) = @_;
	my @digits = reverse split //, $sum;
	my @in = grep { $digits[$_] ne '0' } 0 .. $#digits;

	return (undef, "not a sum: $sum") if $sum !~ /^\d+$/;
	foreach my $i (@in)
	{
		return (undef, "increment $i is counted $digits[$i] times") if $digits[$i] ne '1';
	}
	return ({ map { $_ => 1 } @in }, undef);
}

# What is wrong with the row that is left.
sub check_row
{
	my ($row, $ops) = @_;
	my ($g, $sum, $s, $k) = @$row;
	my ($in, $error) = increments_in($sum // 'no row');
	my @adds = grep { $_->{what} =~ /[n=]/ } @$ops;
	my $maker = $ops->[$g];
	my (@problems, @sets, $base);

	return $error if defined $error;
	return "made by $g, which cannot be" unless $maker->{what} eq '*' && $maker->{done};
	@sets = grep { defined $_ && $_->{what} =~ /=/ } @$ops[ keys %$in ];
	push @problems, "set by " . join(' and by ', map { $_->{number} } @sets) if @sets > 1;
	push @problems, map { "$_->{number} has set the sum, and ended before row $g was made" }
	  grep { $_->{ended} < $maker->{began} } @sets;
	$base = $sets[0] // $maker;
	foreach my $i (keys %$in)
	{
		my $op = $ops->[$i];

		push @problems, "$i is no increment that was done"
		  unless defined $op && $op->{what} =~ /[n=]/ && $op->{done};
		push @problems, "$i is in the sum, and ended before $base->{number}, on which that is based, began"
		  if defined $op && $op->{ended} < $base->{began};
	}
	foreach my $op (grep { $_->{done} && !$in->{ $_->{number} } } @adds)
	{
		my @before = grep { $in->{ $_->{number} } && $_->{ended} < $op->{began} } @adds;

		push @problems, "$op->{number} began after $base->{number} ended, on which the sum is based, and is not in it"
		  if $op->{began} > $base->{ended};
		push @problems, "$op->{number} is not in the sum, although $before[0]{number} came before"
		  if @before;
	}
	foreach my $column ([ s => $s ], [ k => $k ])
	{
		my ($name, $by) = @$column;
		my $setter = $ops->[$by];

		push @problems, "$name was set by $by, which cannot be"
		  unless $by == $g || ($setter->{what} =~ /$name/ && $setter->{done});
		push @problems, "$name was set by $by, which ended before row $g was made"
		  if $setter->{ended} < $maker->{began};
		push @problems, map { "$name was set by $by, and after that by $_->{number}" }
		  grep { $_->{what} =~ /$name/ && $_->{done} && $_->{began} > $setter->{ended} } @$ops;
	}
	return join('; ', @problems);
}

# What is wrong with the values that the increments returned: each contains the
# earlier ones, unless the row may have been made anew in between.
sub check_answers
{
	my ($ops) = @_;
	my @adds = grep { $_->{what} =~ /n/ && $_->{done} } @$ops;
	my @makers = grep { $_->{what} =~ /[*=]/ } @$ops;
	my @problems;

	foreach my $op (grep { $_->{done} && $_->{v} >= 0 } @adds)
	{
		my ($in, $error) = increments_in($op->{v});

		if (defined $error)
		{
			push @problems, "answer of $op->{number}: $error";
			next;
		}
		push @problems, "answer of $op->{number} does not have itself" unless $in->{ $op->{number} };
		push @problems, map { "answer of $op->{number} has $_, which was not done or came later" }
		  grep { !defined $ops->[$_] || $ops->[$_]{what} !~ /[n=]/ || !$ops->[$_]{done}
			  || $ops->[$_]{began} > $op->{ended} } keys %$in;
		foreach my $earlier (grep { $_->{ended} < $op->{began} && !$in->{ $_->{number} } } @adds)
		{
			next if $earlier->{v} == -1;
			push @problems, "answer of $op->{number} lacks $earlier->{number}"
			  unless grep { $_->{began} < $op->{ended} && $_->{ended} > $earlier->{began} } @makers;
		}
	}
	return join('; ', @problems);
}

sub one_round
{
	my ($table, $round, $count) = @_;
	my @ops;
	my ($cached, $scanned, $stored, $errors, $unexpected, $problems);

	$node->safe_psql('postgres', qq(
		TRUNCATE log;
		TRUNCATE $table;
		INSERT INTO $table VALUES (1, 999, 0, 999, 999);));
	$errors = run_clients($table, $round, \@ops);
	$ops[999] = { number => 999, what => '*', sql => 'the first row', began => 0, ended => 0, done => 1 };
	$_ //= { what => '' } foreach @ops;
	$_->{done} //= 0, $_->{began} //= 0, $_->{ended} //= 0, $_->{v} //= -2 foreach @ops;
	read_log(\@ops);

	$cached = $node->safe_psql('postgres', "SELECT (r).g, (r).n, (r).s, (r).k FROM cache.read(NULL::$table, 1) r WHERE (r).id IS NOT NULL");
	$scanned = $node->safe_psql('postgres', "SELECT g, n, s, k FROM cache.scan(NULL::$table)");
	$node->safe_psql('postgres', "SELECT cache.flush('$table')");
	$stored = $node->safe_psql('postgres', "SELECT g, n, s, k FROM $table");

	# those that wait for each other, and a row written twice at a time
	$unexpected = join('; ', map { "$_->{sql}: $_->{state}" }
		  grep { defined $_->{state} && $_->{state} !~ /^(00000|40P01|40001|23505)$/ } @ops);
	$problems = check_row([ split /\|/, $stored ], \@ops);
	$count->{done} += grep { $_->{done} } @ops;
	$count->{failed} += grep { defined $_->{state} && !$_->{done} } @ops;
	return join("\n", grep { $_ ne '' } $problems, check_answers(\@ops), $unexpected,
		($cached eq $stored ? () : "read $cached, stored $stored"),
		($scanned eq $stored ? () : "scanned $scanned, stored $stored"),
		($problems ne '' || $unexpected ne '' ? $errors : ()));
}

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE UNLOGGED TABLE log (number int PRIMARY KEY, began timestamptz, ended timestamptz,
		state text, v numeric);));

foreach my $durable ('true', 'false')
{
	my $table = $durable eq 'true' ? 'durable' : 'volatile';
	my %count = (done => 0, failed => 0);
	my $end = time() + SECONDS;
	my ($round, $problems) = (0, '');

	$node->safe_psql('postgres', qq(
		CREATE TABLE $table (id int PRIMARY KEY, g int NOT NULL, n numeric NOT NULL, s int, k int);
		SELECT cache.attach('$table', 'write_back', durable => $durable, flush_interval => '20 ms',
			merge => '{"n": "add", "s": "replace"}');));
	while (($round < ROUNDS || time() < $end) && $problems eq '')
	{
		$round++;
		$problems = one_round($table, $round, \%count);
		note("round $round of $table:\n$problems") if $problems ne '';
	}
	is($problems, '', "$table: the row is what a serial order gives, in $round rounds");
	cmp_ok($count{failed}, '<', $count{done} / 20, "$table: $count{done} operations were done, $count{failed} failed");
	is($node->safe_psql('postgres', qq(
		SELECT dirty_entries, dead_letters, open, flushes > $round
		FROM cache.flush_status WHERE relation = '$table'::regclass)), '0|0|t|t', "$table: flushed all the time");
}

$node->stop;
done_testing();
