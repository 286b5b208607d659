
# Wait events: each that there is in the source is driven, and seen by its name in
# pg_stat_activity and in pg_wait_events.  Before PostgreSQL 17 extensions have one
# between them, and the waits are seen by that.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Its test_points are what a session sets itself.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c client_min_messages=error';

my $node = new_node('main', 'cache_strategies.memory = 16MB', 'cache_strategies.partitions = 1', 'cache_strategies.worker_timeout = 1h');
my $named = $node->pg_version >= 17;
my %seen;

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE loaded (id int PRIMARY KEY, v text);
	INSERT INTO loaded VALUES (1, 'loaded');
	SELECT cache.attach('loaded', 'read_through', ttl => '1 hour', refresh_ahead => 1);
	CREATE TABLE wb (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO wb SELECT i, 0 FROM generate_series(1, 1000) i;
	SELECT cache.attach('wb', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}', max_memory => '64 kB')));

# waits(EVENT, CONDITION): some process of which this holds is seen to wait for it.
sub waits
{
	my ($event, $condition) = @_;
	my $shown = $named ? $event : 'Extension';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$seen{$event} = 1;
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Extension' AND wait_event = '$shown' AND $condition"),
		"a process waits: $event")
	  or diag($node->safe_psql('postgres', 'SELECT pid, backend_type, wait_event_type, wait_event, query FROM pg_stat_activity'));
}

# A session that executes a statement meanwhile, and its process.
sub start
{
	my ($sql, $point) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($session);

	$session->query_safe("SET cache_strategies.test_points = '$point'") if defined $point;
	$session->query_until(qr/started/, "\\echo started\n$sql;\n");
	wait_stopped($node, $pid) if defined $point;
	return ($session, "pid = $pid");
}

# What one session waits for while another one is held up at a test point.
sub waits_beside
{
	my ($event, $point, $held, $sql) = @_;
	my $gate = $node->background_psql('postgres');
	my ($holder, $waiter, $waiting);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	stop_at($gate, $point);
	($holder) = start($held, $point);
	($waiter, $waiting) = start($sql);
	waits($event, $waiting);
	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
	$_->quit foreach $holder, $waiter, $gate;
}

# ----- sessions -----

waits_beside('CacheLoad', 'flight_lead', ('SELECT cache.read(NULL::loaded, 1)') x 2);

# It waits for a part of a second, again and again.
$node->safe_psql('postgres', q(SELECT cache.increment(NULL::wb, 'n', 1, 1)));
waits_beside('CacheWriters', 'after_reserve', q(SELECT cache.increment(NULL::wb, 'n', 1, 1)), q(
	DO $$
	BEGIN
		LOOP
			BEGIN
				INSERT INTO wb VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = wb.n * 2;
				EXIT;
			EXCEPTION WHEN serialization_failure THEN NULL;
			END;
		END LOOP;
	END $$));

waits_beside('CacheCommitEpoch', 'before_flip', q(SELECT cache.increment(NULL::wb, 'n', 1, 1)), q(SELECT cache.flush('wb')));

# The flush is not over until it is committed, so there is no room.
my $flusher = $node->background_psql('postgres');
$flusher->query_safe(q(BEGIN; SELECT cache.flush('wb')));
my ($writer, $writing) = start(q(DO $$ BEGIN FOR i IN 1 .. 1000 LOOP UPDATE wb SET n = n + 1 WHERE id = i; COMMIT; END LOOP; END $$));
waits('CacheFlush', $writing);
$flusher->query_safe('ROLLBACK');
$_->quit foreach $flusher, $writer;

# ----- workers that have nothing to do -----

waits("Cache${_}Main", 'backend_type = ' . { Launcher => q('cache_strategies launcher'), Flusher => q('cache_strategies flush worker') }->{$_})
  foreach qw(Launcher Flusher);
$node->safe_psql('postgres', 'SELECT cache.read(NULL::loaded, 1) FROM generate_series(1, 2)');
waits('CacheRefresherMain', q(backend_type = 'cache_strategies worker'));

# Those of a server's whole life, before that ends.
my $view = q(SELECT string_agg(name, ' ' ORDER BY name COLLATE "C") FROM pg_wait_events WHERE type = 'Extension' AND name LIKE 'Cache%');
is($node->safe_psql('postgres', $view), join(' ', sort keys %seen), 'pg_wait_events has them') if $named;

# ----- a journal that cannot be replayed, as a prepared transaction holds the row -----

$node->safe_psql('postgres', q(
	SELECT cache.flush('wb');
	SELECT cache.increment(NULL::wb, 'n', 1, 2);
	BEGIN;
	SELECT id FROM wb WHERE id = 2 FOR UPDATE;
	PREPARE TRANSACTION 'holder'));
$node->stop('immediate');
$node->start;
my ($reader, $reading) = start('SELECT cache.read(NULL::wb, 2)');
waits('CacheReplay', $reading);
$node->safe_psql('postgres', q(ROLLBACK PREPARED 'holder'));
$reader->quit;
like($node->safe_psql('postgres', $view), qr/\bCacheReplay\b/, 'it is in pg_wait_events, too') if $named;

# ----- all of them -----

my @all = map { slurp_file($_) =~ /cs_wait_event\(&\w+, "(\w+)"\)/g } glob 'src/*/*.c';
my %all = map { $_ => 1 } @all;
is(join(' ', sort keys %seen), join(' ', sort keys %all), 'these are all that there are');
my ($listed) = slurp_file('docs/operations.md') =~ /(shows as wait event .*)/;
is(join(' ', sort { $a cmp $b } $listed =~ /`(Cache\w+)`/g), join(' ', sort keys %all), 'and docs/operations.md names them');

$node->stop;
done_testing();
