
# Background workers that are cancelled or terminated at the points that they pass,
# and processes that are killed where the server's restart has something to make
# good: the workers come back, work goes on, and what was acknowledged arrives once.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Those of workers are set for the server; a session's are its own.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c client_min_messages=error';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'restart_after_crash = on');
add_extension($node);
create_tables($node);
$node->safe_psql('postgres', <<'SQL');
	CREATE TABLE durable (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO durable SELECT generate_series(1, 3);
	CREATE TABLE volatile (LIKE durable INCLUDING ALL);
	INSERT INTO volatile TABLE durable;
	SELECT cache.attach(t, 'write_back', durable => t = 'durable'::regclass, flush_interval => '10 ms', merge => '{"n": "add"}')
	FROM unnest('{durable,volatile}'::regclass[]) t;
	CREATE TABLE fresh (id int PRIMARY KEY, v text);
	INSERT INTO fresh SELECT i, 'row ' || i FROM generate_series(0, 25) i;
	SELECT cache.attach('fresh', 'read_through', ttl => '1 hour', refresh_ahead => 1);
	CREATE FUNCTION left_behind() RETURNS text LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_left_behind';
SQL

my $gate = $node->background_psql('postgres', on_error_stop => 0);
my $acknowledged = 0;

sub waits_until
{
	my ($sql, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($node->poll_query_until('postgres', $sql), $name) or die 'the rest would wait in vain';
}

sub worker_pid
{
	my ($kind) = @_;

	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_strategies $kind'");
}

sub increment
{
	$node->safe_psql('postgres', 'UPDATE durable SET n = n + 1; UPDATE volatile SET n = n + 1');
	$acknowledged++;
}

# What keeps each of them at work.
my %work = (
	'flush worker' => \&increment,
	worker => sub { $node->safe_psql('postgres', 'SELECT cache.read(NULL::fresh, i) FROM generate_series(0, 25) i'); });

# Its pid, as it waits at the point.  It may be between two attempts.
sub stopped_worker
{
	my ($kind) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;

	while (time < $end)
	{
		my $pid;

		$work{$kind}->();
		$pid = $node->safe_psql('postgres', qq(
			SELECT pid FROM pg_locks JOIN pg_stat_activity USING (pid)
			WHERE locktype = 'advisory' AND NOT granted AND backend_type = 'cache_strategies $kind'));
		return $pid if $pid ne '';
	}
	die "the $kind does not reach the test point";
}

sub set_points
{
	my ($points) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET cache_strategies.test_points = '$points'");
	$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
}

# Everything has arrived once, is read exactly, and goes on.
sub all_there
{
	my ($name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	increment();
	waits_until("SELECT count(*) = 0 FROM cache.flush_status WHERE dirty_entries > 0 OR NOT open", "$name: everything is flushed");
	is($node->safe_psql('postgres', 'SELECT n FROM durable UNION ALL SELECT n FROM volatile'),
		join("\n", ($acknowledged) x 6), "$name: what was acknowledged is there once");
	waits_until("SELECT left_behind() = ''", "$name: nothing is left behind");
	tables_exact($node, $name, last => 3);
	exact($node, $_, $name, last => 3) foreach qw(durable volatile fresh);
}

sub refreshes_grow
{
	my ($name) = @_;
	my $before = $node->safe_psql('postgres', "SELECT refreshes FROM cache.table_stats WHERE relation = 'fresh'::regclass");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	waits_until("SELECT cache.read(NULL::fresh, 1) IS NULL OR refreshes > $before FROM cache.table_stats WHERE relation = 'fresh'::regclass",
		"$name: rows are refreshed");
}

# The launcher starts a worker that has ended after a delay that grows; a new one
# begins with the shortest.
sub renew_launcher
{
	my $pid = worker_pid('launcher');

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	waits_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies launcher' AND pid <> $pid",
		'a terminated launcher comes back');
}

# ----- cancelled and terminated -----

my %points = (
	'flush worker' => [
		qw(flush_boundary flush_taken flush_applied before_mark after_mark after_pre_commit before_flip before_flushed
		  commit_begin commit_middle commit_end) ],
	worker => [qw(after_token after_snapshot before_install)]);
my %terminated = map { $_ => 1 } qw(flush_taken after_pre_commit commit_middle before_install);

foreach my $kind (sort keys %points)
{
	foreach my $point (@{ $points{$kind} })
	{
		foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
		{
			my $name = "$function of the $kind at $point";
			my $pid;

			next if $function eq 'pg_terminate_backend' && !$terminated{$point};
			stop_at($gate, $point);
			set_points($point);
			$pid = stopped_worker($kind);
			$node->safe_psql('postgres', "SELECT $function($pid)");
			$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
			set_points('');
			waits_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", "$name: it ends")
			  if $function eq 'pg_terminate_backend';
			refreshes_grow($name) if $kind eq 'worker';
			all_there($name);
		}
	}
}

# The flusher ends although it cannot go on.
{
	my $pid;

	renew_launcher();
	stop_at($gate, 'flush_taken');
	set_points('flush_taken');
	$pid = stopped_worker('flush worker');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	waits_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", 'terminated for good at flush_taken: it ends');
	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('flush_taken'))");
	set_points('');
	all_there('terminated for good at flush_taken');
}

# While they have nothing to do.
renew_launcher();
foreach my $kind ('launcher', 'flush worker', 'worker')
{
	my $pid = worker_pid($kind);

	next if $pid eq '';
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
	all_there("pg_cancel_backend of the idle $kind");
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	waits_until("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid", "pg_terminate_backend of the idle $kind: it ends");
	all_there("pg_terminate_backend of the idle $kind");
	refreshes_grow("pg_terminate_backend of the idle $kind");
}
waits_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'cache_strategies launcher'", 'there is a launcher');

$gate->quit;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
