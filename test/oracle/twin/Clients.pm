
# Sessions of the oracle of twins.
#
# A twin session executes every statement in both schemas, in one transaction, and
# compares what came back.  No other session changes the rows that its statements
# concern, for one of four reasons:
#   own       they are the session's
#   shared    it has advisory locks of their keys, until its COMMIT has returned
#   locked    it has locked the twin's rows
#   alone     it has a lock that all the others share
#
# Counters and accounts have no twin: counting sessions note what they have begun and
# what was acknowledged, and what reading sessions see lies between.

package Clients;

use strict;
use warnings FATAL => 'all';

use Time::HiRes qw(time sleep);

use Twins;
use Wire;

use constant KEYS => 20;

sub pick { return Twins::pick(@_); }

# new(name => , number => , user => , notes => , report => ): a file of what was begun
# and acknowledged, and a pipe.
sub new
{
	my ($class, %self) = @_;
	my $self = bless { counts => {}, seen => {}, %self }, $class;

	open($self->{file}, '+<', $self->{notes}) or die "$self->{notes}: $!\n";
	binmode $self->{file};
	$self->{session} = Wire->connect($self->{user}, '-c client_min_messages=error -c lock_timeout=60s -c jit=off ' . ($self->{options} // ''));
	return $self;
}

sub report { syswrite($_[0]->{report}, ($_[1] =~ s/\n/\\n/gr) . "\n"); }
sub mismatch { my ($self, $text) = @_; $self->report("MISMATCH ($self->{name}, $self->{how}) $text"); }

sub tally
{
	my ($self) = @_;

	$self->report(join(' ', 'counts', map { "$_=$self->{counts}{$_}" } sort keys %{ $self->{counts} })) if %{ $self->{counts} };
	$self->{counts} = {};
}

sub run
{
	my ($self, $step, $until) = @_;
	my $told = time;

	while (time < $until)
	{
		$self->$step;
		next if time < $told + 0.5;
		$self->tally;
		$told = time;
	}
	$self->tally;
}

# must(SQL): its results; none may fail.
sub must
{
	my ($self, $sql) = @_;
	my @results = $self->{session}->do($sql);

	die "$sql: @{[ grep { /^error/ } @results ]}\n" if Wire::failed(@results);
	return @results;
}

# rows(RESULT): a list of lists
sub rows
{
	my ($result) = @_;
	my @rows;

	while (length $result >= 5)
	{
		my ($type, $length) = unpack('aN', $result);
		my $message = substr($result, 0, $length + 1, '');

		push @rows, [ Wire::unpack_row(substr($message, 5)) ] if $type eq 'D';
	}
	return @rows;
}

# comparable(RESULT, ORDERED): without the descriptions, which have the tables' OIDs
sub comparable
{
	my ($result, $ordered) = @_;
	my (@rows, $rest);

	return $result =~ s/^(error \w*).*/$1/sr if $result =~ /^error/;
	$rest = '';
	while (length $result >= 5)
	{
		my ($type, $length) = unpack('aN', $result);
		my $message = substr($result, 0, $length + 1, '');

		push @rows, $message if $type eq 'D' || $type eq 'd';
		$rest .= $message if $type eq 'C';
	}
	return join('', $ordered ? @rows : sort(@rows), $rest);
}

# ----- twins -----

use constant RETRY => qr/^(?:40001|40P01)$/;

# both(STATEMENT, COPIED, REFUSED): false when the transaction cannot go on.
sub both
{
	my ($self, $statement, $copied, $refused) = @_;
	my ($session, %said) = ($self->{session});
	my $guarded = $self->{guarded};
	my $ordered = Twins::ordered($statement);

	foreach my $schema (rand() < 0.5 ? qw(mine plain) : qw(plain mine))
	{
		my $sql = Twins::in($schema, $statement);

		$session->{copy} = $copied;
		$self->must('SAVEPOINT guard') if $guarded;
		my @results = $session->do($sql);
		my $error = Wire::failed(@results);

		if ($error ne '' && (!$guarded || $error =~ RETRY || $schema eq 'mine' && $refused && $error =~ $refused))
		{
			$self->{counts}{ $error =~ RETRY ? 'retries' : 'failed' }++;
			return 0;
		}
		if ($guarded)
		{
			$self->must('ROLLBACK TO guard') if $error ne '';
			$self->must('RELEASE guard');
			$session->do('DEALLOCATE ALL') if $error ne '';
		}
		$said{$schema} = \@results;
	}
	my ($mine, $plain) = map { join('|', map { comparable($_, $ordered) } @{ $said{$_} }) } qw(mine plain);
	push @{ $self->{done} }, $statement;
	$self->{counts}{statements}++;
	return 1 if $mine eq $plain;
	$self->mismatch("$statement\n  mine  " . join(' | ', map { Wire::readable($_) } @{ $said{mine} }) . "\n  plain " . join(' | ', map { Wire::readable($_) } @{ $said{plain} }) .
		  "\n  after " . join("\n        ", @{ $self->{done} }));
	return 0;
}

# choose(): the rows of this transaction, and the locks that they need
sub choose
{
	my ($self) = @_;
	my $mine = $self->{number} * 100;
	my $how = $self->{how} = pick('own', 'own', 'own', 'own', 'shared', 'shared', 'locked', rand() < 0.3 ? 'alone' : 'own');

	$Twins::part = $self->{number};
	($Twins::lo, $Twins::hi) = ($mine + 1, $mine + 12);
	@Twins::ids = ($mine + 1 .. $mine + 14);
	$Twins::own = "%.id BETWEEN $mine + 1 AND $mine + 14";
	return "SELECT pg_advisory_lock(1)" if $how eq 'alone';
	return "SELECT pg_advisory_lock_shared(1)" if $how eq 'own';
	my $first = $how eq 'shared' ? 1 : 21;
	my %keys = map { $first + int(rand(10)) => 1 } 1 .. 3;
	@Twins::ids = sort { $a <=> $b } keys %keys;
	$Twins::own = '%.id IN (' . join(', ', @Twins::ids) . ')';
	($Twins::lo, $Twins::hi) = ($Twins::ids[0], $Twins::ids[0]);
	return join('; ', 'SELECT pg_advisory_lock_shared(1)', $how eq 'shared' ? map { "SELECT pg_advisory_lock(2, $_)" } @Twins::ids : ());
}

# change(): a statement that leaves rows of others alone
sub change
{
	my ($self) = @_;

	while (1)
	{
		my ($statement, $copied) = Twins::statement(0.45);

		# it has one row only that it may change as it likes, or none that it may delete
		next if $self->{how} ne 'own' && $self->{how} ne 'alone' && $statement =~ /\{s\}\.(?:change|walk|total|bump)/;
		next if $self->{how} eq 'locked' && $statement =~ /DELETE|INSERT|COPY \{s\}/;
		return ($statement, $copied);
	}
}

sub twin
{
	my ($self) = @_;
	my $session = $self->{session};

	$self->must($self->choose);
	my $level = $self->{how} eq 'locked' ? 'READ COMMITTED' : pick(('READ COMMITTED') x 5, ('REPEATABLE READ') x 2, 'SERIALIZABLE');

	$self->{done} = [$level];
	if ($self->{how} eq 'own' && rand() < 0.15)
	{
		$self->at_once;
	}
	else
	{
		$self->transaction($level);
	}
	$self->quiet if $self->{how} eq 'alone';
	$self->must('SELECT pg_advisory_unlock_all()');
}

# at_once(): both statements in one message, which is one transaction
sub at_once
{
	my ($self) = @_;
	my ($statement, $copied);

	do { ($statement, $copied) = $self->change } while $copied || $statement =~ /;|SET LOCAL/;
	my ($one, $two) = rand() < 0.5 ? qw(mine plain) : qw(plain mine);
	my @results = $self->{session}->do(Twins::in($one, $statement) . '; ' . Twins::in($two, $statement));
	my $error = Wire::failed(@results);
	my $ordered = Twins::ordered($statement);

	if ($error ne '')
	{
		$self->{counts}{ $error =~ RETRY ? 'retries' : 'failed' }++;
		return;
	}
	$self->{counts}{statements}++;
	$self->mismatch("$statement\n  $one " . Wire::readable($results[0]) . "\n  $two " . Wire::readable($results[1])) if comparable($results[0], $ordered) ne comparable($results[1], $ordered);
}

sub transaction
{
	my ($self, $level) = @_;
	my $session = $self->{session};
	my @open;
	my $goes_on = 1;

	$self->must($_) foreach 'DEALLOCATE ALL', "BEGIN ISOLATION LEVEL $level";
	$self->{guarded} = rand() < 0.5;
	if ($self->{how} eq 'locked')
	{
		my @results = $session->do('SELECT x.id FROM plain.t x WHERE ' . Twins::own('x') . ' ORDER BY x.id FOR UPDATE');

		$goes_on = !Wire::failed(@results);
	}
	foreach (1 .. pick(1, 1, 2, 3, 5))
	{
		last if !$goes_on;
		my $kind = rand();

		if ($kind < 0.1)
		{
			push @open, 's' . @open;
			$self->must("SAVEPOINT $open[-1]");
			push @{ $self->{done} }, "SAVEPOINT $open[-1]";
		}
		elsif ($kind < 0.25 && @open)
		{
			my $end = pick('ROLLBACK TO', 'ROLLBACK TO', 'RELEASE') . ' ' . $open[-1];

			pop @open if $end =~ /RELEASE/;
			$self->must($end);
			push @{ $self->{done} }, $end;
		}
		$goes_on = $self->both($self->change);
		sleep(rand(0.01)) if rand() < 0.2;
	}
	if ($goes_on && $self->{how} eq 'alone' && rand() < 0.4)
	{
		my $all = pick('TRUNCATE {s}.t, {s}.u; SELECT {s}.refill()', 'TRUNCATE {s}.j; SELECT {s}.refill()', 'REINDEX TABLE {s}.t', 'ALTER TABLE {s}.t ALTER c TYPE bigint; ALTER TABLE {s}.t ALTER c TYPE int', 'CLUSTER {s}.t USING t_pkey');

		# with deferred writes of the transaction's own some are refused
		$goes_on = $self->both($all, undef, qr/^(?:55006|0A000)$/) if $level eq 'READ COMMITTED';
	}
	return $self->ended('ROLLBACK') if !$goes_on;
	$self->ended(pick('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK', rand() < 0.3 ? 'PREPARE' : 'COMMIT'));
}

# ended(COMMAND): of the transaction
sub ended
{
	my ($self, $end) = @_;
	my $session = $self->{session};

	if ($end ne 'PREPARE')
	{
		my @results = $session->do($end);
		my $error = Wire::failed(@results);

		die "$end: @results\n" if $error ne '' && $error !~ RETRY;
		$self->{counts}{ $error ne '' ? 'retries' : 'transactions' }++;
		return;
	}
	my $gid = "twin$self->{number}." . ++$self->{prepared};
	my $error = Wire::failed($session->do("PREPARE TRANSACTION '$gid'"));

	if ($error eq '')
	{
		$self->must(pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$gid'");
		$self->{counts}{prepared}++;
	}
	elsif ($error !~ RETRY && $error ne '0A000')
	{
		$self->mismatch("PREPARE TRANSACTION: $error\n  after " . join("\n        ", @{ $self->{done} }));
	}
}

# The schemas are the same, whatever has been flushed.
sub quiet
{
	my ($self) = @_;

	$self->{counts}{quiet}++;
	$self->same_tables('as it is');
	return if rand() < 0.5;
	my $error = Wire::failed($self->{session}->do("SELECT cache.flush('mine.t'), cache.flush('mine.u')"));
	$self->same_tables('flushed') if $error eq '';
}

sub same_tables
{
	my ($self, $when) = @_;

	foreach my $table (qw(t u))
	{
		foreach my $setting ('enable_seqscan = on', $Twins::merged ? ('enable_seqscan = off') : ())
		{
			my $mine = Twins::in('mine', 'SELECT * FROM ' . Twins::reading("$table"));
			my @results = $self->must("SET $setting; SELECT count(*), min(x) FROM (($mine EXCEPT ALL TABLE plain.$table) UNION ALL (TABLE plain.$table EXCEPT ALL $mine)) d, LATERAL (SELECT d::text) l (x); RESET ALL");
			my ($row) = rows($results[1]);

			next if $row->[0] eq '0';
			my @differ = map { rows($_) } $self->must("$mine EXCEPT ALL TABLE plain.$table; TABLE plain.$table EXCEPT ALL $mine");
			$self->mismatch("$when, $setting, $table: $row->[0] rows: " . join(' ', map { '(' . join(',', @$_) . ')' } @differ) . ($self->{done} ? "\n  after " . join("\n        ", @{ $self->{done} }) : ''));
		}
	}
}

# ----- counters and accounts -----

# Of each session its own numbers: for each counter what was begun and what was
# acknowledged, and the same of moves.
use constant NOTES => 2 * (KEYS + 1);

sub note
{
	my ($self, $what, $key, $by) = @_;
	my $place = $self->{number} * NOTES + 2 * $key + ($what eq 'begun' ? 0 : 1);

	$self->{own}[ $place ] = ($self->{own}[ $place ] // 0) + $by;
	sysseek($self->{file}, 8 * $place, 0);
	syswrite($self->{file}, pack('q<', $self->{own}[ $place ])) == 8 or die "$self->{notes}: $!\n";
}

# noted(WHAT): of all sessions together, by key
sub noted
{
	my ($self, $what) = @_;
	my @sums = (0) x (KEYS + 1);

	sysseek($self->{file}, 0, 0);
	sysread($self->{file}, my $all, 1 << 20) // die "$self->{notes}: $!\n";
	my @numbers = unpack('q<*', $all);
	for (my $i = $what eq 'begun' ? 0 : 1; $i < @numbers; $i += 2)
	{
		$sums[ int($i % NOTES / 2) ] += $numbers[$i];
	}
	return @sums;
}

sub count
{
	my ($self) = @_;
	my $session = $self->{session};
	my %by;
	my @statements;
	my $rolled = rand() < 0.1;

	$self->{how} = 'counting';
	foreach my $key (sort { $a <=> $b } map { 1 + int(rand(KEYS) * rand()) } 1 .. pick(1, 1, 2, 4))
	{
		next if $by{$key};
		$by{$key} = 1 + int(rand(3));
		push @statements, pick(
			("UPDATE mine.ctr SET n = n + $by{$key} WHERE id = $key") x 6,
			"UPDATE mine.ctr SET n = n + $by{$key}, k = 'k$self->{number}' WHERE id = $key",
			"UPDATE mine.ctr SET n = n + $by{$key} WHERE id = $key RETURNING n",
			"SAVEPOINT a; UPDATE mine.ctr SET n = n + 50 WHERE id = $key; ROLLBACK TO a; UPDATE mine.ctr SET n = n + $by{$key} WHERE id = $key",
			"INSERT INTO mine.ctr (id, n) VALUES ($key, 0) ON CONFLICT (id) DO UPDATE SET n = ctr.n + $by{$key}",
			$Twins::merged ? ("UPDATE mine.ctr SET n = n + $by{$key} WHERE id = $key AND n >= 0", ("SELECT mine.count_locked($key, $by{$key})") x 2) : ());
		push @statements, "INSERT INTO plain.counted VALUES ($key, $by{$key})";
	}
	$self->note('begun', $_, $by{$_}) foreach keys %by;
	my @results = $session->do(join('; ', 'BEGIN', @statements, $rolled ? 'ROLLBACK' : 'COMMIT'));
	my $error = Wire::failed(@results);

	if ($error ne '')
	{
		die "@statements: @results\n" if $error !~ RETRY;
		$session->do('ROLLBACK');
		$self->{counts}{retries}++;
	}
	else
	{
		foreach my $result (grep { /^C.{4}UPDATE (?!1\0)/s } @results)
		{
			$self->mismatch("@statements: " . Wire::readable($result));
		}
		$self->{counts}{counted}++;
	}
	$self->note($error ne '' || $rolled ? ('begun', $_, -$by{$_}) : ('acknowledged', $_, $by{$_})) foreach keys %by;
}

# An amount of 1 from one account to another one
sub move
{
	my ($self) = @_;
	my ($from, $to) = (1 + int(rand(KEYS)), 1 + int(rand(KEYS - 1)));
	my $session = $self->{session};

	$to++ if $to >= $from;
	$self->{how} = 'moving';
	$self->note('begun', 0, 1);
	my @results = $session->do(pick(
			("UPDATE mine.acct SET n = n + CASE id WHEN $from THEN -1 ELSE 1 END WHERE id IN ($from, $to)") x 2,
			"BEGIN; UPDATE mine.acct SET n = n - 1 WHERE id = $from; UPDATE mine.acct SET n = n + 1 WHERE id = $to; COMMIT",
			"BEGIN; UPDATE mine.acct SET n = n - 1, k = 'f' WHERE id = $from; UPDATE mine.acct SET n = n + 1 WHERE id = $to; COMMIT"));
	my $error = Wire::failed(@results);

	if ($error ne '')
	{
		die "@results\n" if $error !~ RETRY;
		$session->do('ROLLBACK');
		$self->note('begun', 0, -1);
		return;
	}
	$self->note('acknowledged', 0, 1);
	$self->{counts}{moved}++;
}

# between(WHAT, KEY, SEEN, LEAST, MOST)
sub between
{
	my ($self, $what, $key, $seen, $least, $most) = @_;

	$self->{counts}{read}++;
	$self->mismatch("$what: counter $key is $seen, and between $least and $most were committed") if $seen < $least || $seen > $most;
	$self->mismatch("$what: counter $key is $seen, and has been $self->{seen}{$key}") if $seen < ($self->{seen}{$key} // 0);
	$self->{seen}{$key} = $seen;
}

# In REPEATABLE READ what has changed in the table since the snapshot need not be seen.
sub look
{
	my ($self) = @_;
	my $repeatable = rand() < 0.25;
	my (@before, @moved);
	my ($ctr, $acct) = $Twins::merged ? ('mine.ctr', 'mine.acct') : ('cache.scan(NULL::mine.ctr)', 'cache.scan(NULL::mine.acct)');

	$self->{how} = $repeatable ? 'REPEATABLE READ' : 'READ COMMITTED';
	if ($repeatable)
	{
		@before = $self->noted('acknowledged');
		$self->must('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
	}
	$self->must(pick('SET enable_seqscan = off', 'SET enable_indexscan = off; SET enable_bitmapscan = off')) if rand() < 0.3;
	foreach (1 .. ($repeatable ? 3 : 1))
	{
		my $kind = rand();
		my ($what, $key) = ('', 1 + int(rand(KEYS) * rand()));

		@before = $self->noted('acknowledged') if !$repeatable;
		if ($kind < 0.3)
		{
			$what = "SELECT id, n FROM $ctr WHERE id = $key";
		}
		elsif ($kind < 0.5)
		{
			$what = "SELECT id, n FROM $ctr c" . pick('', ' ORDER BY id', ' WHERE n >= 0', ' ORDER BY n DESC LIMIT 5', ' WHERE id IN (1, 2, 3)', ' WHERE id < 5');
		}
		elsif ($kind < 0.75)
		{
			$what = "SELECT 0, sum(n) FROM $ctr" . pick('', ' WHERE n >= 0', ' WHERE id > 0');
		}
		else
		{
			$what = "SELECT 'sum', sum(n) FROM $acct" . pick('', ' WHERE n > -1000000', ' WHERE id BETWEEN 1 AND 20');
		}
		my @rows = rows(($self->must($what))[0]);
		my @begun = $self->noted('begun');

		foreach my $row (@rows)
		{
			my ($key, $n) = @$row;
			my $sum = sub { my $sum = 0; $sum += $_ foreach @_[ 1 .. KEYS ]; return $sum };

			if ($key eq 'sum')
			{
				# a move that is under way may be seen in one of its rows
				my $moving = $begun[0] - $before[0];

				$self->{counts}{sums}++;
				$self->{counts}{torn}++ if $n != 0;
				$self->mismatch("$what: $n, and $moving moves were under way") if abs($n) > $moving;
			}
			else
			{
				$self->between($what, $key, $n, $key ? ($before[$key], $begun[$key]) : ($sum->(@before), $sum->(@begun)));
			}
		}
		$self->mismatch("$what: no row") if !@rows && $what !~ /LIMIT/;
		sleep(rand(0.01)) if $repeatable;
	}
	$self->must('COMMIT') if $repeatable;
	$self->must('RESET ALL');
}

1;
