
# Sessions that are killed at points of transactions whose state outlives the crash:
# the server restarts and has all of such a transaction or nothing, reads are exact,
# and deferred writes that were acknowledged arrive once.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'restart_after_crash = on');
add_extension($node);
create_tables($node);

my $options = q(flush_interval => '1 hour', merge => '{"n": "add", "s": "replace"}');

# Before each case.
sub reset_tables
{
	$node->safe_psql('postgres', qq(
		SELECT cache.detach(relation, discard => true) FROM cache.bindings WHERE strategy = 'write_back';
		DROP TABLE IF EXISTS wb, plain;
		CREATE TABLE wb (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, s text DEFAULT 'old', d text DEFAULT 'old');
		INSERT INTO wb (id) SELECT generate_series(1, 5);
		CREATE TABLE plain (LIKE wb INCLUDING ALL);
		INSERT INTO plain TABLE wb;
		SELECT cache.attach('wb', 'write_back', $options);
	));
	$node->safe_psql('postgres', "UPDATE wb SET n = n + 1, s = 'deferred'");
	$node->safe_psql('postgres', 'UPDATE wb SET n = n + 10 WHERE id = 1');
}

# Rows as they are read, and those of what is not attached.
sub value
{
	my $wb = $node->safe_psql('postgres', q(SELECT count(*) FROM cache.bindings WHERE relation = 'wb'::regclass)) == 1
	  ? 'cache.scan(NULL::wb)' : 'wb';

	return $node->safe_psql('postgres', qq(
		SELECT string_agg(w::text, ' ' ORDER BY w) FROM $wb w;
		SELECT string_agg(relation::text || ' ' || strategy, ' ' ORDER BY relation::text) FROM cache.bindings;
		SELECT string_agg(gid, ' ') FROM pg_prepared_xacts));
}

sub killed
{
	my ($case, $point, $committed) = @_;
	my $name = "killed at $point: $case->{name}";
	my ($gate, $session, $pid, $old, $new, $read);

	# what happens when no process is killed
	reset_tables();
	$node->safe_psql('postgres', $case->{sql});
	$new = value();
	$node->safe_psql('postgres', "ROLLBACK PREPARED 'p'") if $case->{prepares};
	reset_tables();
	$old = value();
	isnt($new, $old, "$name: there is something to be changed");

	$gate = $node->background_psql('postgres', on_error_stop => 0);
	stop_at($gate, $point);
	$session = $node->background_psql('postgres', on_error_stop => 0);
	$pid = session_pid($session);
	$session->query_until(qr/started/, "\\echo started\nSET cache_strategies.test_points = '$point';\n$case->{sql};\n");
	wait_stopped($node, $pid);
	kill 'KILL', $pid;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
	$node->poll_query_until('postgres', 'SELECT true') or die 'the server did not come back';
	eval { $_->{run}->kill_kill } foreach $gate, $session;

	$read = value();
	is($read, $committed ? $new : $old, "$name: " . ($committed ? 'all of it is there' : 'nothing of it is there'));
	if ($case->{prepares} && $committed)
	{
		is(cached($node, 'write_through', 1), undef, "$name: nothing is filled");
		$node->safe_psql('postgres', "COMMIT PREPARED 'p'");
	}
	$node->safe_psql('postgres', 'SELECT cache.flush()');
	is(value(), $read, "$name: and flushed") unless $case->{prepares};
	exact($node, 'wb', $name, last => 9) if $node->safe_psql('postgres', q(SELECT count(*) FROM cache.bindings WHERE relation = 'wb'::regclass)) == 1;
	tables_exact($node, $name, last => 3);
	tables_warmed($node, 1, $name);
}

my %prepared = (
	name => 'PREPARE TRANSACTION',
	sql => 'BEGIN; ' . join('', map { "UPDATE $_ SET n = n + 1 WHERE id = 1; DELETE FROM $_ WHERE id = 2;" } @strategies)
	  . " DELETE FROM plain; PREPARE TRANSACTION 'p'",
	prepares => 1);
my @deferring = (
	{
		name => 'deferred writes',
		sql => "BEGIN; UPDATE wb SET n = n + 100 WHERE id = 1; SAVEPOINT a; UPDATE wb SET s = 'never' WHERE id = 2; ROLLBACK TO a;"
		  . " SELECT cache.write(ROW(7, 1, 'new', 'new')::wb); COMMIT",
	},
	{
		name => 'direct changes of rows with something deferred',
		sql => "BEGIN; DELETE FROM wb WHERE id = 2; UPDATE wb SET s = 'direct', d = 'direct' WHERE id = 1; UPDATE wb SET id = 9 WHERE id = 3; COMMIT",
	},
	{
		name => 'TRUNCATE of what is deferred',
		sql => "BEGIN; TRUNCATE wb; INSERT INTO wb VALUES (1); SELECT cache.write(ROW(2, 7, 'new', 'new')::wb); COMMIT",
	});
my @ddl = (
	{ name => 'detach', sql => "SELECT cache.detach('wb')" },
	{
		name => 'attach',
		sql => "BEGIN; SELECT cache.attach('plain', 'write_back', $options); SELECT cache.attach('wb', 'write_through'); COMMIT",
	},
	{ name => 'DDL', sql => "BEGIN; UPDATE wb SET n = n + 100; ALTER TABLE wb ADD extra int; COMMIT" });

killed(\%prepared, 'after_pre_commit', 0);
killed(\%prepared, 'prepare_middle', 1);
foreach my $case (@deferring)
{
	killed($case, 'after_stamp', 0);
	killed($case, 'before_flip', 1);
}
foreach my $case (@ddl)
{
	killed($case, 'after_pre_commit', 0);
	killed($case, 'commit_begin', 1);
}

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal (?!9\b)/, 'nothing else crashed');
done_testing();
