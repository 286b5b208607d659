
# The sessions of the oracle of twins as processes, and what they report.

package Load;

use strict;
use warnings FATAL => 'all';

use POSIX ();
use Time::HiRes qw(time sleep);

use Clients;
use Twins;
use Wire;

# new(user =>, notes =>, seed =>, options =>, crash =>): with crash, sessions end when
# the server does.
sub new
{
	my ($class, %self) = @_;
	my $self = bless { counts => {}, mismatches => 0, died => 0, say => sub { print "$_[0]\n" }, %self }, $class;

	pipe($self->{out}, $self->{in}) or die "pipe: $!\n";
	return $self;
}

sub start
{
	my ($self, $seconds, %sessions) = @_;
	my $number = 0;

	$self->{running} = {};
	foreach my $kind (sort keys %sessions)
	{
		foreach (1 .. $sessions{$kind})
		{
			# those who have rows of their own have the first numbers
			$self->session($kind, ++$number, time + $seconds);
		}
	}
}

sub session
{
	my ($self, $kind, $number, $until) = @_;
	my $name = "$kind $number";
	my $pid = fork() // die "fork: $!\n";

	if ($pid != 0)
	{
		$self->{running}{$pid} = $name;
		return;
	}
	$SIG{PIPE} = 'IGNORE';
	srand($self->{seed} + $number);
	eval {
		my %step = (a_twin => 'twin', count => 'count', move => 'move', read => 'look');

		Clients->new(name => $name, number => $number, report => $self->{in}, map { $_ => $self->{$_} } qw(user notes options))->run($step{$kind}, $until);
	};
	if ($@ ne '' && !($self->{crash} && $@ =~ /server is gone|could not connect|57P0|reset by peer|Broken pipe/))
	{
		syswrite($self->{in}, "died $name: " . ($@ =~ s/\n/\\n/gr) . "\n");
	}
	POSIX::_exit(0);
}

# poll(SECONDS): what sessions report; false when one has found a mismatch.
sub poll
{
	my ($self, $seconds) = @_;
	my $ready = '';
	my $until = time + $seconds;

	while ((my $left = $until - time) > 0)
	{
		vec($ready = '', fileno($self->{out}), 1) = 1;
		next if select($ready, undef, undef, $left) <= 0;
		sysread($self->{out}, $self->{buffer}, 65536, length($self->{buffer} //= '')) // die "pipe: $!\n";
		while ($self->{buffer} =~ s/^(.*)\n//)
		{
			my $line = $1;

			if ($line =~ s/^counts //)
			{
				$self->{counts}{ (split /=/)[0] } += (split /=/)[1] foreach split / /, $line;
				next;
			}
			$self->{ $line =~ /^MISMATCH/ ? 'mismatches' : 'died' }++;
			$self->{say}->($line =~ s/\\n/\n/gr);
		}
		return 0 if $self->{mismatches} > 20 || $self->{died};
	}
	return !$self->{mismatches};
}

# end(): wait for the sessions, which end by themselves; or at once.
sub end
{
	my ($self, $at_once) = @_;
	my $running = $self->{running};

	kill 'KILL', keys %$running if $at_once;
	while (%$running)
	{
		$self->poll(0.1);
		foreach my $pid (keys %$running)
		{
			delete $running->{$pid} if waitpid($pid, POSIX::WNOHANG) > 0;
		}
	}
	$self->poll(0.1);
}

# check(): is all in order when no session is at work?  What counters hold is then what
# is noted as begun and acknowledged.
sub check
{
	my ($self) = @_;
	my $client = Clients->new(name => 'check', number => 0, report => $self->{in}, map { $_ => $self->{$_} } qw(user notes options));

	$client->{how} = 'at the end';
	foreach my $row (Clients::rows(($client->must('SELECT gid FROM pg_prepared_xacts'))[0]))
	{
		$client->must("ROLLBACK PREPARED '$row->[0]'");
	}
	foreach my $when ('as it is', 'flushed')
	{
		my ($ctr, $acct) = $Twins::merged ? ('mine.ctr', 'mine.acct') : ('cache.scan(NULL::mine.ctr)', 'cache.scan(NULL::mine.acct)');

		$client->must("SELECT cache.flush('mine.t'), cache.flush('mine.u'), cache.flush('mine.ctr'), cache.flush('mine.acct')") if $when eq 'flushed';
		$client->same_tables($when);
		foreach my $row (Clients::rows(($client->must("SELECT c.id, c.n, coalesce(sum(by), 0) FROM $ctr c LEFT JOIN plain.counted USING (id) GROUP BY 1, 2 ORDER BY 1"))[0]))
		{
			$client->mismatch("$when: counter $row->[0] is $row->[1], and $row->[2] have been counted") if $row->[1] != $row->[2];
			$self->{total}[ $row->[0] ] = $row->[2];
		}
		my $sum = (Clients::rows(($client->must("SELECT sum(n) FROM $acct"))[0]))[0][0];
		$client->mismatch("$when: the sum of the accounts is $sum") if $sum != 0;
	}
	# No dead letters: all that was deferred has been accepted.
	my $dead = (Clients::rows(($client->must('SELECT count(*) FROM cache.dead_letters'))[0]))[0][0];
	$client->mismatch("$dead dead letters") if $dead != 0;
	$client->tally;
	truncate($self->{notes}, 0) or die "$self->{notes}: $!\n";
	foreach my $key (1 .. Clients::KEYS)
	{
		$client->note($_, $key, $self->{total}[$key]) foreach qw(begun acknowledged);
	}
	$self->poll(0.1);
}

1;
