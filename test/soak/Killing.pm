
# A server that is killed again and again while clients write, and what is left
# in the end.

package Killing;

use strict;
use warnings FATAL => 'all';

use Accounting;
use File::Path qw(rmtree);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A process of the server is killed, and the postmaster starts all of them anew.
my %processes = (
	backend => "backend_type = 'client backend' AND application_name = 'writer'",
	worker => "backend_type = 'cache_strategies flush worker'",
	launcher => "backend_type = 'cache_strategies launcher'",
	other => "backend_type IN ('checkpointer', 'walwriter', 'background writer')");
my @order = qw(backend postmaster worker replay immediate backend launcher worker postmaster backend
  other immediate worker replay backend postmaster worker immediate backend launcher);

my @settings = (
	"shared_preload_libraries = 'cache_strategies'",
	'cache_strategies.memory = 16MB',
	'restart_after_crash = on',
	'max_connections = 40',
	'log_statement = none',
	'checkpoint_timeout = 30s',
	'wal_retrieve_retry_interval = 50ms',
	'autovacuum_naptime = 1s');

# new(PREFIX => [OPTIONS OF cache.attach(), SETTINGS OF THE CLIENT...] ...)
sub new
{
	my ($class, %clients) = @_;
	my $self = bless { servers => 0, kills => {}, clients => [], logs => [] }, $class;

	$self->{node} = PostgreSQL::Test::Cluster->new('server' . ++$self->{servers});
	$self->{node}->init(allows_streaming => 1);
	$self->{node}->append_conf('postgresql.conf', join("\n", @settings) . "\n");
	$self->{node}->start;
	push @{ $self->{logs} }, $self->{node}->logfile;
	$self->{node}->safe_psql('postgres', 'CREATE EXTENSION cache_strategies');
	foreach my $prefix (sort keys %clients)
	{
		my ($options, %args) = @{ $clients{$prefix} };
		my $client = Accounting->new($prefix, %args);

		$client->create_tables($self->{node}, $options);
		push @{ $self->{clients} }, $client;
	}
	return $self;
}

sub node { return $_[0]->{node} }

sub kills
{
	my ($self) = @_;
	my $sum = 0;

	$sum += $_ foreach values %{ $self->{kills} };
	return $sum;
}

sub writes
{
	my ($self) = @_;
	my $sum = 0;

	$sum += $_->progress->{writes} foreach @{ $self->{clients} };
	return $sum;
}

# ----- processes -----

sub is_running
{
	my ($pid) = @_;

	open(my $in, '<', "/proc/$pid/stat") or return 0;
	my $line = <$in> // '';		# nothing if it has ended by now
	close($in);
	return $line ne '' && $line !~ /^\d+ \(.*\) Z /;
}

sub children
{
	my ($parent) = @_;
	my @pids;

	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		open(my $in, '<', $stat) or next;
		my $line = <$in> // '';
		close($in);
		push @pids, $1 if $line =~ /^(\d+) \(.*\) \S $parent /;
	}
	return @pids;
}

sub kill_process
{
	my ($self, $which) = @_;
	my $query = "SELECT pid FROM pg_stat_activity WHERE $processes{$which} ORDER BY random() LIMIT 1";
	my $pid;

	Accounting::wait_until("a process to kill: $which",
		sub { ($pid = Accounting::ask($self->node, $query) // '') ne '' });
	Accounting::kill_and_wait($self->node, $pid);
}

# The postmaster alone; its children end by themselves when they notice.
sub kill_postmaster
{
	my ($self, $node) = @_;
	my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
	my @children = children($pid);

	$node->kill9;
	Accounting::wait_until('the children of a killed postmaster end', sub { !grep { is_running($_) } @children });
	# as long as no process has waited for it, its lock file is valid
	Accounting::wait_until('a killed postmaster is gone', sub { !kill 0, $pid });
}

sub start_server
{
	my ($node) = @_;

	# one that was forked just before may still hold the shared memory
	Accounting::wait_until('the server starts', sub { $node->start(fail_ok => 1) });
	Accounting::wait_for($node, 'SELECT true');
}

# ----- ways to go -----

# Once more while the journal is being replayed, or soon after.
sub kill_replay
{
	my ($self) = @_;

	kill_postmaster($self, $self->node);
	start_server($self->node);
	kill_process($self, 'worker');
}

# Clients go on with the standby, which has all that was acknowledged.
sub promote
{
	my ($self) = @_;
	my $old = $self->node;
	my $name = 'server' . ++$self->{servers};
	my $standby = PostgreSQL::Test::Cluster->new($name);

	$old->backup($name);
	$standby->init_from_backup($old, $name, has_streaming => 1);
	$standby->start;
	$old->safe_psql('postgres', q(ALTER SYSTEM SET synchronous_standby_names = '*'));
	$old->reload;
	Accounting::wait_for($old, "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
	# the checkpointer turns it on for all; when it has done two it has
	$old->safe_psql('postgres', 'CHECKPOINT') foreach 1 .. 2;
	$old->wait_for_catchup($standby, 'flush', $old->lsn('insert'));
	$_->wait_more(100 + int(rand(300))) or die 'no writes with a synchronous standby'
	  foreach @{ $self->{clients} };

	kill_postmaster($self, $old);
	$standby->promote;
	Accounting::wait_for($standby, 'SELECT NOT pg_is_in_recovery()');
	$self->{node} = $standby;
	push @{ $self->{logs} }, $standby->logfile;
	$_->follow($standby) foreach @{ $self->{clients} };
	$old->teardown_node;
	$old->clean_node;
	rmtree($old->backup_dir);
}

sub kill_once
{
	my ($self, $how) = @_;
	my $node = $self->node;

	$self->{kills}{$how}++;
	if ($how eq 'promote')
	{
		promote($self);
	}
	elsif ($how eq 'immediate')
	{
		$node->stop('immediate');
		start_server($node);
	}
	elsif ($how eq 'postmaster')
	{
		kill_postmaster($self, $node);
		start_server($node);
	}
	elsif ($how eq 'replay')
	{
		kill_replay($self);
		$self->{kills}{worker}++;
	}
	else
	{
		kill_process($self, $how);
	}
}

# Sessions that end, or are interrupted, without the server.
sub disturb
{
	my ($self, $function) = @_;

	Accounting::ask($self->node,
		"SELECT $function(pid) FROM pg_stat_activity WHERE $processes{backend} ORDER BY random() LIMIT 4");
}

# ----- a run -----

# run(KILLS, WRITES, EVERY SO MANY ONE PROMOTION[, SECONDS]): the clients get on
# between two kills, and by the end they have made so many writes.  After so many
# seconds there are no more kills.
sub run
{
	my ($self, $kills, $writes, $promote, $seconds) = @_;
	my $per_kill = $writes / $kills;
	my @clients = @{ $self->{clients} };
	my $steady = 1;
	my $end = defined $seconds ? time + $seconds : undef;

	$_->start($self->node) foreach @clients;
	for (my $n = 0; $steady && $self->kills < $kills && !(defined $end && time > $end); $n++)
	{
		my $how = ($n + 1) % $promote == 0 ? 'promote' : $order[ $n % @order ];

		$steady &&= $_->wait_more(1 + int(rand(2 * $per_kill / @clients))) foreach @clients;
		disturb($self, $n % 2 == 0 ? 'pg_terminate_backend' : 'pg_cancel_backend');
		$steady &&= $_->wait_more(1) foreach @clients;
		note sprintf('kill %d (%s) after %d writes', $n + 1, $how, $self->writes);
		kill_once($self, $how);
	}
	foreach my $client (@clients)
	{
		last if defined $end && time > $end;
		$steady &&= $client->wait_writes($writes / @clients);
	}
	ok($steady, 'after each kill the clients get on');
	$_->stop foreach @clients;
}

# What is left; returns what is lost and what is doubled.
sub account
{
	my ($self, $name) = @_;
	my ($lost, $doubled) = (0, 0);

	foreach my $client (@{ $self->{clients} })
	{
		my @sums = $client->check($self->node, $name);

		$lost += $sums[0];
		$doubled += $sums[1];
	}
	is( $self->node->safe_psql('postgres',
			'SELECT sum(dirty_entries) || $$ $$ || sum(dead_letters) FROM cache.flush_status'),
		'0 0', "$name: nothing is deferred, and there are no dead letters");
	ok( $self->node->poll_query_until('postgres',
			'SELECT count(*) = 0 FROM (SELECT 1 FROM cache.journal_a UNION ALL SELECT 1 FROM cache.journal_b) j'),
		"$name: the journal is emptied");
	return ($lost, $doubled);
}

sub check_logs
{
	my ($self) = @_;

	foreach my $log (@{ $self->{logs} })
	{
		is( join("\n", grep { /PANIC:|TRAP:|terminated by signal (?!9:)/ } split /\n/, slurp_file($log)),
			'', "$log: nothing crashed by itself");
	}
}

# For a summary: "4 backend, 2 immediate, ..."
sub kinds
{
	my ($self) = @_;

	return join(', ', map { "$self->{kills}{$_} $_" } sort keys %{ $self->{kills} });
}

sub unknown
{
	my ($self) = @_;
	my $sum = 0;

	$sum += $_->progress->{unknown} foreach @{ $self->{clients} };
	return $sum;
}

sub stop
{
	my ($self) = @_;

	$_->kill foreach @{ $self->{clients} };
	$self->node->stop;
}

1;
