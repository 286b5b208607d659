
# The oracle of twins over crashes: what plain SQL did to tables that defer, durably, is
# what it did to their twins in the same transactions, when the server has been killed
# under load; its worker, one of its backends, or all of it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../soak", "$FindBin::RealBin/../oracle/twin", "$FindBin::RealBin/../oracle";

use Accounting;
use CacheTest;
use File::Temp;
use Killing;
use Load;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $rounds = $ENV{CS_TWIN_ROUNDS} || 4;
my $seed = $ENV{ORACLE_SEED} // int(rand(1 << 30));
my $node = new_node('main', 'fsync = off', 'restart_after_crash = on', 'max_connections = 40');
my $notes = File::Temp->new;

note("seed $seed");
add_extension($node);
$node->safe_psql('postgres', slurp_file("$FindBin::RealBin/../oracle/twin/schema.sql") . 'SELECT mine.attach(true);');
($ENV{PGHOST}, $ENV{PGPORT}, $ENV{PGDATABASE}) = ($node->host, $node->port, 'postgres');

my $load = Load->new(user => $superuser, notes => "$notes", seed => $seed, crash => 1, say => sub { diag($_[0]) });

# backend_of(TYPE): one of them
sub backend_of
{
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$_[0]' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
}

foreach my $round (1 .. $rounds)
{
	my $how = (qw(postmaster worker backend))[ $round % 3 ];
	my $statements = $load->{counts}{statements} // 0;

	$load->{seed} += 100;
	$load->start(3600, a_twin => 4, count => 2, move => 1, read => 1);
	# enough has been done, on however slow a machine
	Accounting::wait_until('statements', sub { !$load->poll(0.3) || ($load->{counts}{statements} // 0) > $statements + 150 });
	if ($how eq 'postmaster')
	{
		my $pid = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
		my @all = ($pid, Killing::children($pid));

		$node->kill9;
		kill 'KILL', @all;
		Accounting::wait_until('the server is gone', sub { !grep { Killing::is_running($_) } @all and !kill 0, $pid });
		$load->end(1);
		Killing::start_server($node);
	}
	else
	{
		my $pid;

		Accounting::wait_until("a $how", sub { ($pid = backend_of($how eq 'worker' ? 'cache_strategies flush worker' : 'client backend')) ne '' });
		Accounting::kill_and_wait($node, $pid);
		$load->end(1);
		Accounting::wait_for($node, 'SELECT true');
	}
	# sessions that have not noticed that their clients are gone
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'client backend'") or die 'sessions stay';
	$load->check;
	is($load->{mismatches} + $load->{died}, 0, "the same after the $how was killed");
	last if $load->{mismatches} || $load->{died};
}
cmp_ok($load->{counts}{statements}, '>=', 100 * $rounds, "statements: $load->{counts}{statements}");
$node->stop;
done_testing();
