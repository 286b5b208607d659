
# A disk that is full: that of the data, that of the WAL.  Clients write through
# write_back meanwhile, with errors or without a server, and go on when there is room
# again; in the end every acknowledged write is in its table once.
#
# The disks are file systems of limited size, mounted in a namespace of the test's own.

use strict;
use warnings FATAL => 'all';

use File::Temp;
use FindBin;

BEGIN
{
	my $mount = 'mkdir "$1/data" "$1/wal" && mount -t tmpfs -o size=96m tmpfs "$1/data" && mount -t tmpfs -o size=24m tmpfs "$1/wal"'
	  . ' && disks=$1 uid=$2 gid=$3 && shift 3 && exec unshare --user --map-user=$uid --map-group=$gid env CS_DISKS="$disks" "$@"';
	my $in_namespace = sub {
		my ($how, @command) = @_;
		my @all = ('unshare', '-r', '-m', 'sh', '-c', $mount, 'sh', File::Temp::tempdir('disksXXXX', TMPDIR => 1), $>, $) + 0, @command);

		return $how eq 'exec' ? exec(@all) : system("@{[ map { quotemeta } @all ]} >/dev/null 2>&1");
	};

	if (!defined $ENV{CS_DISKS} && $in_namespace->('system', 'true') == 0)
	{
		no warnings 'exec';
		$in_namespace->('exec', $^X, $0);
	}
}

use lib "$FindBin::RealBin/../soak";

use Accounting;
use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'no file system of limited size can be mounted here: unshare and mount do not work' unless defined $ENV{CS_DISKS};

my $rounds = ($ENV{FAULTS} // '') eq 'all' ? 6 : 2;
my $disks = $ENV{CS_DISKS};
my $node = PostgreSQL::Test::Cluster->new('main');

mkdir "$disks/data/pgdata" or die "mkdir: $!";
symlink("$disks/data/pgdata", $node->data_dir) or die "symlink: $!";
$node->init(extra => [ '-X', "$disks/wal/pg_wal", '--wal-segsize=1' ]);
$node->append_conf('postgresql.conf', join("\n", "shared_preload_libraries = 'cache_strategies'", 'cache_strategies.memory = 16MB',
	'cache_strategies.saved_keys = 1000', 'cache_strategies.save_interval = 1s',
	'restart_after_crash = on', 'max_connections = 40', 'max_wal_size = 6MB', 'min_wal_size = 2MB', 'wal_recycle = off', 'checkpoint_timeout = 30s',
	'log_statement = none', 'log_min_error_statement = panic', 'autovacuum_naptime = 1s', 'wal_level = replica', 'wal_keep_size = 0') . "\n");
$node->start;
add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE TABLE grows (id int PRIMARY KEY, n int NOT NULL, s text NOT NULL);
	SELECT cache.attach('grows', 'write_back', flush_interval => '20 ms', flush_batch => 50)));

my @clients = (Accounting->new('often', writers => 2, failing_system => 1), Accounting->new('seldom', writers => 2, failing_system => 1));
my %interval = (often => '20 ms', seldom => '1 s');

$_->create_tables($node, "flush_interval => '$interval{$_->{prefix}}'") foreach @clients;

# ----- the disks -----

# A file takes all that is left.
sub fill
{
	my ($disk) = @_;

	system("head -c 1G /dev/zero >'$disks/$disk/ballast' 2>/dev/null");
}

sub make_room
{
	my ($disk) = @_;

	unlink "$disks/$disk/ballast" or die "unlink: $!";
}

# Rows that were not there, so that the table grows; those that are acknowledged.
my $next = 1;
my %written;

sub write_more
{
	my ($n) = @_;
	my $refused = 0;

	for (1 .. $n)
	{
		my $id = $next++;

		$written{$id} = 1 if defined Accounting::ask($node, "SELECT cache.write(ROW($id, $id, repeat('x', 1000))::grows)");
		$refused++ unless $written{$id};
	}
	return $refused;
}

# The server is there, or is started again.
sub server_there
{
	my ($started) = (0);

	Accounting::wait_until('the server is there', sub {
		return 1 if (Accounting::ask($node, 'SELECT true') // '') eq 't';
		my $pid = -e $node->data_dir . '/postmaster.pid' ? (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0] : 0;

		if (!$pid || !kill(0, $pid))
		{
			$node->{_pid} = undef;
			$started += $node->start(fail_ok => 1) ? 1 : 0;
		}
		return 0;
	});
	# as after a start by the module itself
	$node->_update_pid(1);
	return $started;
}

sub said
{
	my ($offset, $what, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like(slurp_file($node->logfile, $offset), $what, $name);
}

# ----- rounds -----

$_->start($node) foreach @clients;
ok($_->wait_more(300), "at first: clients of $_->{prefix} write") foreach @clients;

foreach my $round (1 .. $rounds)
{
	foreach my $disk ('data', 'wal')
	{
		my $name = "$disk, round $round";
		my $offset = -s $node->logfile;

		write_more(20);
		fill($disk);
		if ($disk eq 'data')
		{
			# reads go on
			my $refused = write_more(40);

			sleep(3);
			$refused += write_more(10);
			note "$name: $refused of 50 single writes were refused";
			# no session starts if a file that it reads first is to be made anew
			eval { tables_exact($node, "$name, while it is full"); 1 }
			  or ($@ =~ /could not write init file/ ? note "$name: no session can start" : die $@);
			said($offset, qr/No space left on device/, "$name: the server has noticed");
		}
		else
		{
			Accounting::wait_until('the server ends', sub { (Accounting::ask($node, 'SELECT true') // '') ne 't' });
			sleep(1);
			said($offset, qr/PANIC:.*No space left on device/, "$name: the server has ended itself");
		}
		make_room($disk);
		note "$name: started again" if server_there();
		foreach my $client (@clients)
		{
			ok($client->wait_more(200), "$name: clients of $client->{prefix} get on");
		}
		is(write_more(5), 0, "$name: nothing is refused any more");
		tables_exact($node, "$name, with room again");
	}
}
$_->stop foreach @clients;

# ----- what is there -----

$node->safe_psql('postgres', 'SELECT cache.flush()');
foreach my $client (@clients)
{
	my @sums = $client->check($node, 'in the end');

	is("@sums", '0 0', "in the end: nothing of $client->{prefix} is lost or doubled");
	note "$client->{prefix}: " . join(' ', map { "$_ " . $client->progress->{$_} } sort keys %{ $client->progress })
	  . '; errors ' . join(' ', map { "$_: $client->{states}{$_}" } sort keys %{ $client->{states} });
}
{
	my %there = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', "SELECT id FROM grows WHERE n = id AND s = repeat('x', 1000)");

	is(join(' ', grep { !$there{$_} } sort { $a <=> $b } keys %written), '', 'in the end: single writes that were acknowledged are there');
}
is($node->safe_psql('postgres', 'SELECT sum(dirty_entries) || $$ $$ || sum(dead_letters) FROM cache.flush_status'), '0 0',
	'in the end: nothing is deferred, and there are no dead letters');
tables_exact($node, 'in the end');
$node->stop;
$node->start;
{
	my @sums = map { $_->check($node, 'after a restart') } @clients;

	is("@sums", '0 0 0 0', 'after a restart: the same');
}
$node->stop;
unlike(slurp_file($node->logfile), qr/TRAP:|terminated by signal (?!6\b)/, 'nothing else crashed');
done_testing();
