
# A client that keeps accounts (client.c), and the comparison of its accounts
# with the tables.

package Accounting;

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

use constant {
	COUNTERS => 328,       # as in client.c
	WAIT_SECONDS => 180,   # in which nothing gets on
};

my $program;

# The client, compiled once.
sub program
{
	my $source = dirname(__FILE__) . '/client.c';
	my ($include, $log);

	return $program if defined $program;
	chomp($include = `pg_config --includedir`);
	$program = PostgreSQL::Test::Utils::tempdir('client') . '/client';
	IPC::Run::run([ 'gcc', '-std=gnu11', '-O2', '-pthread', "-I$include", '-o', $program, $source, '-lpq' ],
		'&>', \$log)
	  or BAIL_OUT("the client does not compile: $log");
	return $program;
}

# new(PREFIX OF THE TABLES, writers =>, exact =>, failing_system =>, seed =>).  Not
# exact: the server may lose what it has acknowledged.  In a failing system there are
# errors such as that a disk is full.
sub new
{
	my ($class, $prefix, %args) = @_;

	return bless {
		prefix => $prefix,
		writers => 8,
		exact => 1,
		seed => 1 + int(rand(1_000_000)),
		dir => PostgreSQL::Test::Utils::tempdir("client_$prefix"),
		%args
	}, $class;
}

# create_tables(NODE, OPTIONS OF cache.attach())
sub create_tables
{
	my ($self, $node, $options) = @_;
	my $p = $self->{prefix};
	my $ids = COUNTERS;

	$node->safe_psql(
		'postgres', qq(
		CREATE TABLE ${p}_counters (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0,
			m bigint NOT NULL DEFAULT 0, note bigint NOT NULL DEFAULT 0);
		INSERT INTO ${p}_counters SELECT i FROM generate_series(0, $ids - 1) i;
		CREATE TABLE ${p}_docs (id int PRIMARY KEY, seq bigint NOT NULL, body text NOT NULL);
		CREATE TABLE ${p}_ledger (writer int PRIMARY KEY, seq bigint NOT NULL) WITH (fillfactor = 10);
		INSERT INTO ${p}_ledger SELECT i, 0 FROM generate_series(0, $self->{writers} - 1) i;
	));
	$self->attach($node, $options);
}

sub drop_tables
{
	my ($self, $node) = @_;
	my $p = $self->{prefix};

	$node->safe_psql('postgres', "DROP TABLE ${p}_counters, ${p}_docs, ${p}_ledger");
}

sub tables
{
	my ($self) = @_;

	return map { "$self->{prefix}_$_" } qw(counters docs);
}

# Again, to change the options.
sub attach
{
	my ($self, $node, $options) = @_;
	my ($counters, $docs) = $self->tables;

	$node->safe_psql(
		'postgres', qq(
		SELECT cache.attach('$counters', 'write_back', merge => '{"n": "add", "m": "add"}', $options);
		SELECT cache.attach('$docs', 'write_back', $options);
	));
}

# ----- asking a server that may go away -----

# ask(NODE, QUERY, \ERROR): the answer, undef when there is none.  Unlike
# psql() it writes to no pipe, which a psql that finds no server may have closed.
sub ask
{
	my ($node, $query, $err) = @_;
	my $out;

	$err = \(my $ignored) unless defined $err;
	return undef
	  unless IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $query ],
		'<', '/dev/null', '>', \$out, '2>', $err);
	chomp $out;
	return $out;
}

# Until the condition holds.
sub wait_until
{
	my ($what, $condition) = @_;
	my $end = time + WAIT_SECONDS;

	until ($condition->())
	{
		die "timed out: $what" if time > $end;
		usleep(10_000);
	}
}

sub wait_for
{
	my ($node, $query) = @_;

	wait_until($query, sub { (ask($node, $query) // '') eq 't' });
}

# kill -9 of a process that is not the postmaster, and of the server with it:
# what the statistics have of a killed process goes when the server starts anew.
sub kill_and_wait
{
	my ($node, $pid) = @_;

	CORE::kill 'KILL', $pid;
	wait_for($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
}

# ----- running -----

# From now on the clients connect to this node.
sub follow
{
	my ($self, $node) = @_;
	my $file = "$self->{dir}/conninfo";

	open(my $out, '>', "$file.new") or die "$file.new: $!";
	print $out $node->connstr('postgres') . " application_name=writer options='-c statement_timeout=10min'\n";
	close($out);
	rename("$file.new", $file) or die "$file: $!";
}

sub start
{
	my ($self, $node) = @_;
	my @exact = ($self->{exact} ? () : ('-x'), $self->{failing_system} ? ('-e') : ());

	unlink "$self->{dir}/progress", "$self->{dir}/accounts";
	$self->follow($node);
	note "clients of $self->{prefix}: seed $self->{seed}";
	$self->{run} = IPC::Run::start(
		[
			program(), @exact,
			'-f' => "$self->{dir}/conninfo",
			'-o' => $self->{dir},
			'-p' => $self->{prefix},
			'-w' => $self->{writers},
			'-s' => $self->{seed}
		],
		'>' => "$self->{dir}/output",
		'2>&1');
}

# What the clients have done so far: writes, transactions, unknown ...
sub progress
{
	my ($self) = @_;

	return { writes => 0 } unless -e "$self->{dir}/progress";
	return { split ' ', slurp_file("$self->{dir}/progress") };
}

# Wait until there are so many acknowledged writes; false when none come any more.
sub wait_writes
{
	my ($self, $writes) = @_;
	my ($end, $last) = (0, -1);

	for (my $now; ($now = $self->progress->{writes}) < $writes;)
	{
		$end = time + WAIT_SECONDS if $now > $last;
		$last = $now;
		if (time > $end || !$self->{run}->pumpable)
		{
			diag("$self->{prefix}: the clients do not get on: "
				  . join(' ', %{ $self->progress }) . "\n" . slurp_file("$self->{dir}/output"));
			return 0;
		}
		usleep(5000);
	}
	return 1;
}

sub wait_more
{
	my ($self, $writes) = @_;

	return $self->wait_writes($self->progress->{writes} + $writes);
}

# The clients settle what is unknown, so the server must be there.
sub stop
{
	my ($self) = @_;
	my $run = delete $self->{run};

	$run->signal('TERM');
	$run->finish;
	is($run->result(0), 0, "$self->{prefix}: the clients end and hand in their accounts")
	  or diag(slurp_file("$self->{dir}/output"));
	$self->read_accounts;
}

sub kill
{
	my ($self) = @_;

	$self->{run}->kill_kill if defined $self->{run};
	delete $self->{run};
}

# ----- accounts -----

sub read_accounts
{
	my ($self) = @_;
	my ($counters, $docs, $states) = ({}, {}, {});

	foreach my $line (split /\n/, slurp_file("$self->{dir}/accounts"))
	{
		my ($kind, $id, @rest) = split ' ', $line;

		$counters->{$id} = [@rest] if $kind eq 'counter';
		$docs->{$id} = [@rest] if $kind eq 'doc';
		$states->{$id} += $rest[0] if $kind eq 'state';
	}
	@$self{qw(counters docs states)} = ($counters, $docs, $states);
	$self->{mismatches} = slurp_file("$self->{dir}/mismatches");
}

# Of the counters: how much is lost and how much is too much.
sub compare_counters
{
	my ($self, $rows, $found) = @_;
	my ($lost, $doubled) = (0, 0);
	my %held = map { /^(\d+)\|(.*)$/; ($1 => [ split /\|/, $2 ]) } split /\n/, $rows;

	foreach my $id (sort { $a <=> $b } keys %{ $self->{counters} })
	{
		my @expected = @{ $self->{counters}{$id} };

		foreach my $column (qw(n m note))
		{
			my ($acknowledged, $unknown) = splice(@expected, 0, 2);
			my $value = shift(@{ $held{$id} });

			# what autocommit leaves unknown stays unknown
			next if $value >= $acknowledged && $value <= $acknowledged + $unknown;
			next if !$self->{exact} && $column ne 'note' && $value <= $acknowledged + $unknown && $value >= 0;
			$lost += $acknowledged - $value if $value < $acknowledged;
			$doubled += $value - $acknowledged - $unknown if $value > $acknowledged;
			push @$found, "counter $id has $column = $value, acknowledged are $acknowledged, unknown $unknown";
		}
	}
	return ($lost, $doubled);
}

# Of the rows: how many are not what was written last, and how many were never
# written like that.
sub compare_docs
{
	my ($self, $rows, $found) = @_;
	my ($lost, $wrong) = (0, 0);
	my %held = map { /^(\d+)\|(\d+)\|(.*)$/; ($1 => [ $2, $3 ]) } split /\n/, $rows;

	foreach my $id (sort { $a <=> $b } keys %{ $self->{docs} })
	{
		my ($acknowledged, $unknown, $highest) = @{ $self->{docs}{$id} };
		my ($seq, $body) = @{ delete $held{$id} // [ 0, "doc $id: 0" ] };

		if ($body ne "doc $id: $seq" || $seq > $highest)
		{
			$wrong++;
		}
		elsif ($self->{exact} && $seq != $acknowledged && $seq != $unknown)
		{
			$lost++;
		}
		else
		{
			next;
		}
		push @$found, "row $id is ($seq, $body), acknowledged is $acknowledged, unknown $unknown, highest $highest";
	}
	push @$found, map { "row $_ was never written" } keys %held;
	return ($lost, $wrong + keys %held);
}

# The tables themselves must hold what the accounts say; returns what is lost
# and what is doubled (or was never written).
sub compare
{
	my ($self, $node, $name, $db) = @_;
	my ($counters, $docs) = $self->tables;
	my @found;
	my ($lost, $doubled) = $self->compare_counters(
		$node->safe_psql($db // 'postgres', "SELECT id, n, m, note FROM $counters"), \@found);
	my ($lost_rows, $wrong_rows) = $self->compare_docs(
		$node->safe_psql($db // 'postgres', "SELECT id, seq, body FROM $docs"), \@found);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(join("\n", splice(@found, 0, 20)), '', "$name: the tables of $self->{prefix} hold what was acknowledged");
	cmp_ok($self->progress->{undeferred}, '<=', 1 + $self->progress->{updates} / 1000,
		"$name: updates of $self->{prefix} were deferred");
	is($self->{mismatches}, '', "$name: the clients of $self->{prefix} have read nothing else, and have met no error");
	return ($lost + $lost_rows, $doubled + $wrong_rows);
}

# The same after a flush; and what the cache says is what the tables hold.
sub check
{
	my ($self, $node, $name) = @_;
	my @sums;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', 'SELECT cache.flush()');
	@sums = $self->compare($node, $name);
	foreach my $table ($self->tables)
	{
		is( $node->safe_psql(
				'postgres', qq(
				SELECT t::text, s::text, r::text FROM $table t
				FULL JOIN cache.scan(NULL::$table) s ON s.id = t.id
				CROSS JOIN LATERAL cache.read(NULL::$table, coalesce(t.id, s.id)) r
				WHERE t IS DISTINCT FROM s OR t IS DISTINCT FROM r LIMIT 10)),
			'', "$name: $table is read as it is");
	}
	return @sums;
}

1;
