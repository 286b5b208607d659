
# A reader: two sessions, of which one has kept results and the other one has not, and
# the ways of asking both for the same.

package Readers;

use strict;
use warnings FATAL => 'all';

use Time::HiRes qw(time);

use Changes;
use Statements;
use Wire;

# No table is rewritten or truncated while both look, as an old snapshot sees what
# has been done to it.
my $lock = 'LOCK TABLE ONLY c, ONLY o, i, p, other.p, pt, par, at, vw, vb, pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history IN ACCESS SHARE MODE';

use constant BATCH => 10;

# The statements of these seconds: the same for all readers, so that they find each
# other's results, and each with few values.
sub pool
{
	my ($self) = @_;
	my $epoch = int(time / 4);

	if ($epoch != ($self->{epoch} // 0))
	{
		my $next = int(rand(1 << 30));

		srand($self->{seed} + $epoch);
		$self->{pool} = [ map { my $template = Statements::template(); map { [ $template, Statements::values($template) ] } 1 .. 2 } 1 .. 12 ];
		$self->{settings} = Statements::pick(
			'SET search_path = shop; SET DateStyle = ISO',
			"SET search_path = shop; SET DateStyle = 'SQL, DMY'; SET extra_float_digits = 0",
			'SET search_path = other, shop; RESET DateStyle; RESET extra_float_digits');
		srand($next);
		$self->both($self->{settings}) foreach 1;
	}
	return $self->{pool};
}

sub both
{
	my ($self, $sql) = @_;

	$_->send($sql) foreach $self->{kept}, $self->{plain};
	return map { [ $_->read ] } $self->{kept}, $self->{plain};
}

# batch(): statements of the pool, some of them twice
sub batch
{
	my ($self) = @_;
	my $pool = $self->pool;

	return map { $pool->[ int(rand(@$pool)) ] } 1 .. BATCH;
}

# literals(STATEMENT...): as one message of the simple protocol
sub literals { return join('; ', map { Statements::literal(@$_) } @_); }

# same(MODE, STATEMENTS, KEPT, PLAIN): results, one by one
sub same
{
	my ($self, $mode, $statements, $kept, $plain) = @_;
	my $n = 0;

	foreach my $i (0 .. $#$statements)
	{
		last if !defined $kept->[$i] || !defined $plain->[$i];
		if ($kept->[$i] ne $plain->[$i] && !($kept->[$i] =~ $self->{given_up} || $plain->[$i] =~ $self->{given_up}))
		{
			my $statement = ref $statements->[$i] ? Statements::literal(@{ $statements->[$i] }) : $statements->[$i];
			my $text = "MISMATCH ($mode, $self->{settings}, $self->{options}): $statement\n  kept    " . Wire::readable($kept->[$i]) . "\n  plain   " . Wire::readable($plain->[$i]);

			# What they say now helps to tell who was wrong.
			$text .= "\n  $_, now " . join(' ', map { Wire::readable($_) } $self->{$_}->do("$statement; SELECT pg_current_snapshot(), current_user")) foreach qw(kept plain);

			syswrite($self->{report}, ($text =~ s/\n/\\n/gr) . "\n");
		}
		$n++;
		last if $plain->[$i] =~ /^error/;
	}
	$self->{counts}{$mode} += $n;
	$self->{count} += $n;
}

# begin_same(LEVEL): the snapshot of one session, in both.  Each has locks of its own,
# as an error ends those of the other.
sub begin_same
{
	my ($self, $level) = @_;

	$level //= 'REPEATABLE READ';
	$self->{kept}->send("BEGIN ISOLATION LEVEL $level; $lock");
	$self->{plain}->send("BEGIN ISOLATION LEVEL REPEATABLE READ; $lock");
	my @results = map { $_->read } $self->{kept}, $self->{plain};
	return 0 if Wire::failed(@results);
	my $id = Wire::value($self->{kept}->do('SELECT pg_export_snapshot()'));
	return !Wire::failed($self->{plain}->do("SET TRANSACTION SNAPSHOT '$id'"));
}

sub end { $_[0]->both('ROLLBACK'); }

# REPEATABLE READ, simple protocol, once and again
sub repeatable
{
	my ($self) = @_;

	return if !$self->begin_same;
	foreach my $again (1 .. 1 + int(rand(3)))
	{
		my @batch = $self->batch;

		select(undef, undef, undef, rand(0.005)) if $again > 1 && rand() < 0.3;
		my ($kept, $plain) = $self->both(literals(@batch));
		$self->same('repeatable', \@batch, $kept, $plain);
		last if Wire::failed(@$kept, @$plain);
	}
}

# The extended protocol: parameters, binary results, portals that are fetched in parts,
# two of them in turn; plans as plan_cache_mode says.
sub parameters
{
	my ($self) = @_;
	my @batch = $self->batch;
	my $binary = rand() < 0.3;
	my $parts = rand() < 0.5;
	my @results;

	return if !$self->begin_same;
	foreach my $session ($self->{kept}, $self->{plain})
	{
		my $in_parts = $parts && $session == $self->{kept};
		my @names = map { $session->prepare(Statements::parameters($_->[0])) } @batch;

		for (my $i = 0; $i < @batch; $i += 2)
		{
			my @pair = ($i, $i + 1);
			my @open = @pair;

			if (!$in_parts)
			{
				foreach (@pair)
				{
					$session->bind("p$_", $names[$_], $binary, map { $_->[1] } @{ $batch[$_][1] });
					$session->execute("p$_", 0);
					$session->close_portal("p$_");
				}
				next;
			}
			# Rows of a portal have to come together, to be compared: that of the second is
			# begun while the first is open.
			$session->bind("p$pair[0]", $names[ $pair[0] ], $binary, map { $_->[1] } @{ $batch[ $pair[0] ][1] });
			$session->execute("p$pair[0]", 2);
			$session->execute("p$pair[0]", 1);
			$session->execute("p$pair[0]", 0);
			$session->execute("p$pair[0]", 0);
			$session->close_portal("p$pair[0]");
			$session->bind("p$pair[1]", $names[ $pair[1] ], $binary, map { $_->[1] } @{ $batch[ $pair[1] ][1] });
			$session->execute("p$pair[1]", 1 + int(rand(4)));
			$session->execute("p$pair[1]", 0);
			$session->close_portal("p$pair[1]");
		}
		$session->sync;
	}
	push @results, [ $_->read ] foreach $self->{kept}, $self->{plain};
	$self->same('parameters', \@batch, @results);
	$_->forget foreach Wire::failed(map { @$_ } @results) ne '' ? ($self->{kept}, $self->{plain}) : ();
}

# Cursors: forwards, backwards, held.
sub cursors
{
	my ($self) = @_;
	my @batch = ($self->batch)[ 0 .. 3 ];
	my $n = 0;

	return if !$self->begin_same;
	my @texts = map { my $name = 'c' . ++$n; my $scroll = rand() < 0.4;
		"DECLARE $name " . ($scroll ? 'SCROLL ' : Statements::pick('', 'NO SCROLL ')) . 'CURSOR FOR ' . Statements::literal(@$_) . "; FETCH 2 FROM $name; FETCH 1 FROM $name; " .
			($scroll ? "FETCH BACKWARD 2 FROM $name; FETCH FIRST FROM $name; MOVE 1 FROM $name; FETCH LAST FROM $name; " : '') . "FETCH ALL FROM $name; CLOSE $name" } @batch;
	foreach my $text (@texts)
	{
		my ($kept, $plain) = $self->both($text);

		$self->same('cursors', [ join("\0", $text) ], [ join('', @$kept) ], [ join('', @$plain) ]);
		last if Wire::failed(@$kept, @$plain);
	}
}

# READ COMMITTED: statements with the snapshot of now, as long as that is the one that
# the other session has.
sub committed
{
	my ($self) = @_;
	my @batch = ($self->batch)[ 0 .. 4 ];
	my $now = 'SELECT pg_current_snapshot()';
	my @before = $self->{plain}->do("BEGIN ISOLATION LEVEL REPEATABLE READ; $lock; $now");

	return if Wire::failed(@before);
	my $snapshot = Wire::value($before[-1]);
	my @results = $self->{kept}->do(join('; ', map { (Statements::literal(@$_), $now) } @batch));
	my (@kept, @same);
	while (@results >= 2)
	{
		my ($result, $after) = splice(@results, 0, 2);

		last if $result =~ /^error/ || $after =~ /^error/ || Wire::value($after) ne $snapshot;
		push @kept, $result;
		push @same, shift @batch;
	}
	$self->{not_same} += @batch;
	return if !@same;
	$self->same('committed', \@same, \@kept, [ $self->{plain}->do(literals(@same)) ]);
}

# Under an old snapshot, while tables are rewritten and truncated: what does not change
# from before to after it was asked for.
sub unlocked
{
	my ($self) = @_;
	my @batch = grep { !Statements::of_view($_->[0]) } ($self->batch)[ 0 .. 3 ];
	my @results = $self->{kept}->do('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()');
	my @plain;

	return if !@batch;
	my $id = Wire::value($results[-1]);
	@results = $self->{plain}->do("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '$id'");
	return if Wire::failed(@results);
	select(undef, undef, undef, rand(0.01)) if rand() < 0.5;
	foreach my $statement (@batch)
	{
		# Locks are kept to the end of a transaction: in one that ends they are not.
		$_->do('SAVEPOINT s') foreach $self->{kept}, $self->{plain};
		@plain = $self->{plain}->do(literals($statement) . '; ROLLBACK TO s');
		my @kept = $self->{kept}->do(literals($statement) . '; ROLLBACK TO s');
		my @again = $self->{plain}->do(literals($statement) . '; ROLLBACK TO s');

		last if Wire::failed(@plain, @kept, @again);
		next if $plain[0] ne $again[0];
		$self->same('unlocked', [$statement], [ $kept[0] ], [ $plain[0] ]);
	}
}

# What the transaction itself has changed: results and none in one session.
sub own
{
	my ($self) = @_;
	my $session = $self->{owner};
	my @batch = ($self->batch)[ 0 .. 2 ];
	my $text = literals(@batch);
	my $off = 'SET LOCAL cache_strategies.results = off';
	my $on = 'SET LOCAL cache_strategies.results = auto';

	$session->do($self->{settings});
	return if Wire::failed($session->do("BEGIN ISOLATION LEVEL REPEATABLE READ; $text; SAVEPOINT a; " . Changes::simple()));
	my @kept = $session->do($text);
	my @plain = Wire::failed(@kept) ? () : $session->do("$off; $text");
	shift @plain;
	$self->same('own', \@batch, \@kept, \@plain);
	return if Wire::failed(@kept, @plain);
	@kept = $session->do("ROLLBACK TO a; $on; $text");
	splice(@kept, 0, 2);
	@plain = $session->do("$off; $text");
	shift @plain;
	$self->same('own', \@batch, \@kept, \@plain);
}

# In a transaction that is SERIALIZABLE nothing is taken from what is kept.
sub serializable
{
	my ($self) = @_;
	my @batch = $self->batch;

	return if !$self->begin_same('SERIALIZABLE READ ONLY');
	$self->same('serializable', \@batch, $self->both(literals(@batch)));
}

my @ways = ((\&repeatable) x 8, (\&parameters) x 8, (\&committed) x 5, (\&cursors) x 2, (\&unlocked) x 2, (\&own) x 2, \&serializable);

# read_all(TOKENS, SHARE, DELAY, SEED, REPORT): without end.  For each statement so many
# tokens for the writers.
sub read_all
{
	my ($tokens, $share, $delay, $seed, $report) = @_;
	my $self = bless { report => $report, seed => $seed, count => 0, not_same => 0, counts => {}, given_up => qr/^error (40001|40P01|55P03)/ }, __PACKAGE__;
	my $written = 0;
	my $reported = time;

	srand($seed + $$);
	while (1)
	{
		# other roles, other plans
		my $role = Statements::pick('shop', 'shop', 'clerk');
		my $options = "-c search_path=shop -c app.tenant=" . int(rand(2)) . " -c cache_strategies.test_delay=$delay -c plan_cache_mode=" . Statements::pick('auto', 'auto', 'force_generic_plan', 'force_custom_plan') .
			# with 'on' statements that do not pay are left alone, and few are hits
			' -c cache_strategies.results_adapt=' . Statements::pick('off', 'off', 'off', 'on') .
			' -c cache_strategies.results_min_cost=0 -c lock_timeout=1s -c client_min_messages=error -c cache_strategies.results=';
		my $end = time + 15;

		$self->{options} = $options;

		$self->{epoch} = 0;
		$self->{kept} = Wire->connect($role, $options . 'auto');
		$self->{plain} = Wire->connect($role, $options . 'off');
		$self->{owner} = Wire->connect('shop', $options . 'auto');
		while (time < $end)
		{
			my $before = $self->{count};

			$self->pool;
			Statements::pick(@ways)->($self);
			$self->end;
			$self->{owner}->do('ROLLBACK');
			my $due = ($self->{count} - $before + 1) * $share;
			$due = int($due) + (rand() < $due - int($due) ? 1 : 0);
			$written += syswrite($tokens, '.' x $due) // 0 if $due > 0;
			if (time > $reported + 0.5)
			{
				syswrite($report, join('', map { "compared $_ $self->{counts}{$_}\n" } keys %{ $self->{counts} }) . "writes $written\n");
				$self->{counts} = {};
				$written = 0;
				$reported = time;
			}
		}
	}
}

1;
