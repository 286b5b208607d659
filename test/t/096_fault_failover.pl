
# Failover under load, with two standbys: the primary is killed, the standby that has
# more takes over, and the other one follows it; then the same once more.  Reads on the
# standbys are what their tables hold, all the time.  Deferred writes that were
# acknowledged are neither lost nor doubled.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../soak";

use Accounting;
use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary', 'cache_strategies.memory = 16MB', 'max_connections = 40', 'log_statement = none',
	'wal_retrieve_retry_interval = 50ms', 'wal_keep_size = 512MB', 'max_wal_senders = 8', 'hot_standby_feedback = on',
	'max_standby_streaming_delay = -1', 'log_min_error_statement = panic');
my @nodes = ($primary);
my @clients = (Accounting->new('often', writers => 2), Accounting->new('never', writers => 2));
my %interval = (often => '20 ms', never => '1 hour');
my $number = 0;

add_extension($primary);
create_tables($primary);
$primary->safe_psql('postgres', 'CREATE TABLE tracked (id int PRIMARY KEY, n int); INSERT INTO tracked SELECT i, 0 FROM generate_series(1, 10) i');
$primary->safe_psql('postgres', q(SELECT cache.track('tracked')));
$_->create_tables($primary, "flush_interval => '$interval{$_->{prefix}}'") foreach @clients;

# ----- readers on the standbys -----

# Each statement compares reads with the table that it reads itself.  Reads of
# write_back are newer than the statement's snapshot, so there counters, which only
# grow, are not less than in the table.
my $reading = join("\n", 'SET cache_strategies.results = auto;', 'SET cache_strategies.results_min_cost = 0;', map({
		(   qq(SELECT 'WRONG: $_ ' || k || ' ' || coalesce(c::text, '') || ' ' || coalesce(t::text, '') FROM (SELECT k, cache.read(NULL::$_, k) AS c,
			(SELECT x FROM $_ x WHERE x.id + 0 = k) AS t FROM generate_series(0, 25) k OFFSET 0) s WHERE c IS DISTINCT FROM t;),
			qq(SELECT 'WRONG: $_, many' FROM (SELECT ARRAY(SELECT many::text FROM cache.read_many(NULL::$_, ARRAY(SELECT generate_series(0, 25))) many WHERE many.id IS NOT NULL) AS c,
			ARRAY(SELECT x::text FROM $_ x WHERE x.id + 0 BETWEEN 0 AND 25 ORDER BY x.id) AS t OFFSET 0) s WHERE c IS DISTINCT FROM t;))
	} @strategies),
	map({
		qq(SELECT 'WRONG: $_ ' || k || ' ' || coalesce(c::text, '') || ' ' || coalesce(t::text, '') FROM (SELECT k, cache.read(NULL::$_, k) AS c,
			(SELECT x FROM $_ x WHERE x.id + 0 = k) AS t FROM generate_series(0, 20) k OFFSET 0) s
			WHERE ((c).n >= (t).n AND (c).m >= (t).m AND (c).note >= (t).note) IS NOT TRUE AND pg_is_in_recovery();)
	} 'often_counters', 'never_counters'),
	q(SELECT 'WRONG: result ' || r || ' ' || s FROM (SELECT cache.remember('sum', '1 hour', 'SELECT sum(n) FROM tracked') -> 0 ->> 'sum' AS r, (SELECT sum(n)::text FROM tracked) AS s OFFSET 0) x WHERE r <> s;),
	q(SELECT 'WRONG: plain ' || n FROM (SELECT (SELECT sum(n) FROM write_through WHERE id = 1) - (SELECT sum(n) FROM write_through WHERE id + 0 = 1) AS n) x WHERE n <> 0;),
	q(SELECT 'round';));
my @readers;

# Until the node goes away: psql reads the same file again and again.
sub start_reader
{
	my ($node) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir('reader');
	my $script = "$dir/script";

	append_to_file($script, $reading x 200 . "\n");
	push @readers, {
		node => $node,
		output => "$dir/output",
		errors => "$dir/errors",
		run => IPC::Run::start([ 'sh', '-c', 'while stdbuf -oL psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -f "$2"; do :; done', 'sh', $node->connstr('postgres'), $script ],
			'>', "$dir/output", '2>', "$dir/errors") };
}

# What they have found; the server has gone.
sub end_reader
{
	my ($reader, $name) = @_;
	my $output = slurp_file($reader->{output});
	my $errors = slurp_file($reader->{errors});
	my @wrong = $output =~ /^(WRONG.*)$/mg;
	my $rounds = () = $output =~ /^round$/mg;

	eval { $reader->{run}->kill_kill };
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(join("\n", splice(@wrong, 0, 5)), '', "$name: what was read is what the tables had");
	cmp_ok($rounds, '>', 0, "$name: which has been looked at") or diag(substr($errors, 0, 1000));
	is(join("\n", grep { /ERROR/ } split /\n/, $errors), '', "$name: no error");
	return $rounds;
}

# Rows of other strategies change as well.
my $changer;

sub start_changer
{
	my ($node) = @_;

	$changer = IPC::Run::start([ 'sh', '-c', 'while psql -XAtq -d "$1" -c "$2"; do :; done', 'sh', $node->connstr('postgres'),
			join(' ', map { "UPDATE $_ SET n = n + 1 WHERE id <= 5; DELETE FROM $_ WHERE id = 21; INSERT INTO $_ VALUES (21, 'x');" } @strategies)
			  . 'UPDATE tracked SET n = n + 1 WHERE id = 1' ],
		'>', '/dev/null', '2>', '/dev/null');
}

# ----- standbys -----

sub add_standby
{
	my ($of) = @_;
	my $standby = PostgreSQL::Test::Cluster->new('standby' . ++$number);

	$of->backup($standby->name);
	$standby->init_from_backup($of, $standby->name, has_streaming => 1);
	$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
	$standby->start;
	push @nodes, $standby;
	return $standby;
}

# Both have what is acknowledged.
sub make_synchronous
{
	my ($node, $n) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET synchronous_standby_names = 'FIRST $n (*)'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT count(*) = $n FROM pg_stat_replication WHERE sync_state = 'sync'") or die 'no synchronous standby';
	# the checkpointer turns it on for all; when it has done two it has
	$node->safe_psql('postgres', 'CHECKPOINT') foreach 1 .. 2;
	my $lsn = $node->lsn('insert');
	$node->poll_query_until('postgres', "SELECT bool_and(flush_lsn >= '$lsn') FROM pg_stat_replication") or die 'standbys do not catch up';
}

# Kill the primary; the standby that has received more takes over, the rest follow it.
sub fail_over
{
	my ($old, $name, @standbys) = @_;
	my ($first, @others);

	$old->kill9;
	eval { $changer->kill_kill };
	# none receives anything any more
	$_->poll_query_until('postgres', 'SELECT count(*) = 0 FROM pg_stat_wal_receiver') foreach @standbys;
	my %lsn = map { $_->name => $_->safe_psql('postgres', q(SELECT coalesce(pg_last_wal_receive_lsn(), '0/0') - '0/0'::pg_lsn)) } @standbys;

	($first, @others) = sort { $lsn{ $b->name } <=> $lsn{ $a->name } } @standbys;
	note "$name: " . join(', ', map { $_->name . " has $lsn{$_->name}" } $first, @others);
	$first->promote;
	$first->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not promoted';
	foreach my $other (@others)
	{
		my $conninfo = $first->connstr =~ s/'/''/gr;

		$other->safe_psql('postgres', "ALTER SYSTEM SET primary_conninfo = '$conninfo application_name=${\$other->name}'");
		$other->reload;
	}
	$_->follow($first) foreach @clients;
	start_changer($first);
	ok($_->wait_more(500), "$name: clients of $_->{prefix} go on with " . $first->name) foreach @clients;
	foreach my $other (@others)
	{
		ok($first->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = '${\$other->name}' AND state = 'streaming'"),
			"$name: " . $other->name . ' follows ' . $first->name);
	}
	return ($first, @others);
}

# ----- two times -----

my @standbys = (add_standby($primary), add_standby($primary));

$_->start($primary) foreach @clients;
start_changer($primary);
start_reader($_) foreach @standbys;
make_synchronous($primary, 2);
ok($_->wait_more(1000), "clients of $_->{prefix} write with two synchronous standbys") foreach @clients;

my ($second, $third) = fail_over($primary, 'first', @standbys);

make_synchronous($second, 1);
ok($_->wait_more(1000), "clients of $_->{prefix} write with one") foreach @clients;
($third) = fail_over($second, 'second', $third);
ok($_->wait_more(500), "clients of $_->{prefix} write with none") foreach @clients;
eval { $changer->kill_kill };
$_->stop foreach @clients;

# ----- what is there -----

{
	my @sums = map { $_->check($third, 'in the end') } @clients;
	my ($writes, $unknown) = (0, 0);

	foreach (@clients)
	{
		$writes += $_->progress->{writes};
		$unknown += $_->progress->{unknown};
	}
	is("@sums", '0 0 0 0', 'in the end: nothing is lost or doubled');
	note "$writes acknowledged deferred writes, $unknown transactions of unknown outcome";
}
tables_exact($third, 'in the end');
tables_warmed($third, 1, 'in the end');
my $rounds = 0;
foreach my $reader (@readers)
{
	$rounds += end_reader($reader, 'reader on ' . $reader->{node}->name);
}
note "$rounds rounds of comparisons by readers";
$third->stop;
unlike(slurp_file($_->logfile), qr/PANIC:|TRAP:|terminated by signal (?!9:)/, $_->name . ': nothing crashed by itself') foreach @nodes;
done_testing();
