
# A crash in the middle of crash recovery, again and again: the server is killed while
# it replays its WAL, then while it replays the journal of deferred writes, and in the
# end every acknowledged write is in its table once.
#
# More of it with FAULTS=all ("make faults").

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../soak";

use Killing;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);

my $all = ($ENV{FAULTS} // '') eq 'all';
my $rounds = $all ? 5 : 1;
my $kills = $all ? 8 : 3;		# in the recovery of each round
my $filler = $all ? 600_000 : 200_000;	# rows

my $run = Killing->new(
	often => [ "flush_interval => '30 ms'", writers => 2 ],
	seldom => [ "flush_interval => '1 hour', flush_batch => 100000", writers => 2 ]);
my $node = $run->node;

# Nothing is written to the tables' files, so that there is much to replay.
$node->append_conf('postgresql.conf', "checkpoint_timeout = 1h\nmax_wal_size = 8GB\nautovacuum = off\n");
$node->restart;
$node->safe_psql('postgres', 'CREATE TABLE filler (id int, v text)');

sub log_end { return -s $node->logfile }

# The lines since then that match.
sub logged
{
	my ($from, $what) = @_;

	return scalar grep { /$what/ } split /\n/, slurp_file($node->logfile, $from);
}

# The postmaster and all of its children.
sub kill_all
{
	my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @children;

	# it starts none meanwhile
	kill 'STOP', $pid;
	@children = Killing::children($pid);
	kill 'KILL', $pid, @children;
	Accounting::wait_until('all processes have ended', sub { !grep { Killing::is_running($_) } @children });
	# as long as no process has waited for it, its lock file is valid
	Accounting::wait_until('a killed postmaster is gone', sub { !kill 0, $pid });
	$node->{_pid} = undef;
}

# Start, and kill after so many seconds of redo, or when it is over; whether it was not.
sub interrupted
{
	my ($seconds) = @_;
	my $from = log_end();

	system_or_bail('pg_ctl', '-W', '-s', '-D', $node->data_dir, '-l', $node->logfile, 'start');
	Accounting::wait_until('redo starts', sub { logged($from, 'redo starts at|database system is ready') });
	usleep($seconds * 1e6);
	kill_all();
	return logged($from, 'redo starts at') && !logged($from, 'redo done at');
}

my ($in_redo, $in_replay) = (0, 0);

$_->start($node) foreach @{ $run->{clients} };
foreach my $round (1 .. $rounds)
{
	$_->wait_more(500) or die 'no writes' foreach @{ $run->{clients} };
	$node->safe_psql('postgres', "INSERT INTO filler SELECT i, repeat('x', 500) FROM generate_series(1, $filler) i");
	$_->wait_more(500) or die 'no writes' foreach @{ $run->{clients} };
	kill_all();

	$in_redo += interrupted(0.05 * $_ * rand(2)) ? 1 : 0 foreach 1 .. $kills;

	# In the replay of the journal, or soon after.
	for (1 .. 2)
	{
		$node->start;
		Accounting::wait_for($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies flush worker'");
		$in_replay++ if (Accounting::ask($node, 'SELECT bool_and(open) FROM cache.flush_status') // '') ne 't';
		kill_all();
	}
	$node->start;
	$_->wait_more(50) or die 'no writes' foreach @{ $run->{clients} };
	$node->safe_psql('postgres', 'TRUNCATE filler');
	$node->safe_psql('postgres', 'CHECKPOINT');
}
$_->stop foreach @{ $run->{clients} };
my @sums = $run->account('after all');

is("@sums", '0 0', 'nothing is lost or doubled');
cmp_ok($in_redo, '>', 0, 'the server was killed in the middle of redo');
note sprintf('%d kills, %d of them in redo, %d before all tables were open; %d acknowledged writes', $rounds * ($kills + 3), $in_redo, $in_replay, $run->writes);
$run->check_logs;
$run->stop;
done_testing();
