
# A hot standby reads the table and changes no binding; after its promotion it
# caches, also with a transaction that the old primary left prepared.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_node('primary');
add_extension($primary);
create_tables($primary);
tables_warmed($primary, 1, 'primary');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby, 'replay');

# ----- in recovery -----

tables_exact($standby, 'standby');
foreach my $table (@strategies)
{
	is(cached($standby, $table, 1), undef, "standby: $table is not cached");
	like($standby->safe_psql('postgres', "SELECT cache.explain(NULL::$table, 1)"),
		qr/the server is in recovery/, "standby: cache.explain says why $table is not cached");
}

# What the primary changes is seen as it is replayed, with sessions that have
# read before.
my $reader = $standby->background_psql('postgres');
foreach my $table (@strategies)
{
	is($reader->query_safe("SELECT cache.read(NULL::$table, 2)"), '(2,"row 2",0)', "standby: a session reads $table");
	$primary->safe_psql('postgres', "UPDATE $table SET v = 'new' WHERE id = 2; INSERT INTO $table VALUES (21, 'more')");
	$primary->wait_for_catchup($standby, 'replay');
	is($reader->query_safe("SELECT cache.read(NULL::$table, 2)"), '(2,new,0)', "standby: and sees the change of $table");
	is($reader->query_safe("SELECT cache.read(NULL::$table, 21)"), '(21,more,0)', "standby: and the new row of $table");
}
tables_exact($standby, 'standby, after changes');

# DDL, too.
$primary->safe_psql('postgres', q(
	ALTER TABLE read_through ADD extra text DEFAULT 'x';
	CREATE TABLE fresh (id int PRIMARY KEY, v text);
	INSERT INTO fresh VALUES (1, 'one');
	SELECT cache.attach('fresh', 'write_through');
));
$primary->wait_for_catchup($standby, 'replay');
is($reader->query_safe('SELECT cache.read(NULL::read_through, 3)'), '(3,"row 3",0,x)', 'standby: the new column');
is($reader->query_safe('SELECT cache.read(NULL::fresh, 1)'), '(1,one)', 'standby: a table attached since');
is($reader->query_safe('SELECT cache.read(NULL::fresh, 9)'), '', 'standby: no such row');
$primary->safe_psql('postgres', q(SELECT cache.detach('fresh')));
$primary->wait_for_catchup($standby, 'replay');
my $err = ($standby->psql('postgres', 'SELECT cache.read(NULL::fresh, 1)'))[2];
like($err, qr/table "fresh" is not attached to the cache/, 'standby: a table detached since');

# Keys are of the server that they were set on; spaces and rights are the same.
$primary->safe_psql('postgres', q(
	CREATE ROLE reader;
	SELECT cache.create_space('s', ttl => '1 hour'), cache.create_space('other'), cache.grant_space('s', 'reader');
	SELECT cache.set('k', 'of the primary', space => 's'), cache.set('k', 'of the primary')));
$primary->wait_for_catchup($standby, 'replay');
my $keys = q(SELECT coalesce(cache.get('k', 's'), 'none'), coalesce(cache.get('k'), 'none'), cache.exists('k', 's'), (SELECT count(*) FROM cache.keys(space => 's')));
is($primary->safe_psql('postgres', $keys), 'of the primary|of the primary|t|1', 'primary: keys');
is($reader->query_safe($keys), 'none|none|f|0', 'standby: no keys');
is($standby->safe_psql('postgres', "SET ROLE reader; $keys"), 'none|none|f|0', 'standby: nor for a role with rights');
like(($standby->psql('postgres', q(SET ROLE reader; SELECT cache.get('k', 'other'))))[2],
	qr/permission denied for space "other"/, 'standby: rights are checked');
is($standby->safe_psql('postgres', q(SELECT space, entries, ttl FROM cache.space_stats WHERE owner = current_user::regrole AND space <> '(private)' ORDER BY 1)),
	"other|0|\ns|0|01:00:00", 'standby: cache.space_stats');
$primary->safe_psql('postgres', q(SELECT cache.drop_space('other'), cache.create_space('late')));
$primary->wait_for_catchup($standby, 'replay');
is($reader->query_safe(q(SELECT cache.get('k', 'late'))), '', 'standby: a space created since');
like(($standby->psql('postgres', q(SELECT cache.get('k', 'other'))))[2],
	qr/space "other" does not exist/, 'standby: a space dropped since');

# What would write is refused, and says so.
my %refused = (
	q(SELECT cache.set('k', 'v')) => qr/cannot execute cache\.set\(\) in a read-only transaction/,
	q(SELECT cache.set('k', 'v', space => 's', immediate => true)) => qr/cannot execute cache\.set\(\) in a read-only transaction/,
	q(SELECT cache.delete('k')) => qr/cannot execute cache\.delete\(\) in a read-only transaction/,
	q(SELECT cache.create_space('t')) => qr/cannot execute cache\.create_space\(\) in a read-only transaction/,
	q(SELECT cache.attach('fresh')) => qr/cannot execute cache\.attach\(\) during recovery/,
	q(SELECT cache.detach('cache_aside')) => qr/cannot execute cache\.detach\(\) during recovery/,
	q(SELECT cache.write(t) FROM cache_aside t LIMIT 1) => qr/in a read-only transaction|during recovery/,
	q(SELECT cache.remove(NULL::cache_aside, 1)) => qr/in a read-only transaction|during recovery/,
	q(SELECT cache.increment(NULL::cache_aside, 'n', 1, 1)) => qr/in a read-only transaction|during recovery/);
foreach my $call (sort keys %refused)
{
	my ($rc, $out, $err) = $standby->psql('postgres', $call);
	like($err, $refused{$call}, "standby: $call is refused");
}

# What does not write is harmless.
is($standby->safe_psql('postgres', q(SELECT count(*) FROM cache.read_many(NULL::cache_aside, ARRAY[1, 2, 3]))),
	'3', 'standby: cache.read_many');
is($standby->safe_psql('postgres', q(SELECT count(*) FROM cache.bindings)), '4', 'standby: cache.bindings');
is($standby->safe_psql('postgres', q(SELECT entries FROM cache.stats)), '0', 'standby: nothing is kept');
is($standby->safe_psql('postgres', q(SELECT cache.lookup(NULL::cache_aside, 1) IS NULL AND NOT cache.fill(t) FROM cache_aside t WHERE id = 1)),
	't', 'standby: cache.fill declines');
is( $standby->safe_psql('postgres',
		q(BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT cache.read(NULL::cache_aside, 1); COMMIT)),
	'(1,"row 1",0)', 'standby: REPEATABLE READ');

# ----- promotion, with a transaction left prepared -----

$primary->safe_psql('postgres', 'BEGIN;' . join('',
		map { "UPDATE $_ SET v = 'prepared' WHERE id = 3; DELETE FROM $_ WHERE id = 4;" } @strategies)
	. "PREPARE TRANSACTION 'left'");
$primary->wait_for_catchup($standby, 'replay');
my $snapshot = $standby->background_psql('postgres');
$snapshot->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
$snapshot->query_safe('SELECT count(*) FROM cache_aside');
$primary->stop('immediate');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not promoted';

tables_exact($standby, 'promoted');
is($reader->query_safe($keys), 'none|none|f|0', 'promoted: no keys yet');
is($snapshot->query_safe($keys), 'none|none|f|0', 'promoted: nor for a transaction from before');
is($reader->query_safe(q(SELECT cache.set('k', 'promoted', space => 's'), cache.set('k', 'too', immediate => true))), 't|t',
	'promoted: an old session sets keys');
is($reader->query_safe($keys), 'promoted|too|t|1', 'promoted: and reads them');
is($standby->safe_psql('postgres', $keys), 'promoted|too|t|1', 'promoted: so do new sessions');
is($snapshot->query_safe($keys), 'promoted|too|t|1', 'promoted: and a transaction from before, as keys have no snapshots');
foreach my $table (@strategies)
{
	$standby->safe_psql('postgres', "SELECT cache.read(NULL::$table, 3);" x 3);
	is(cached($standby, $table, 3), undef, "promoted: nothing of $table is kept while it is prepared");
}
# New changes are seen meanwhile, by old sessions too.
foreach my $table (@strategies)
{
	$standby->safe_psql('postgres', "UPDATE $table SET v = 'promoted' WHERE id = 2");
	is($reader->query_safe("SELECT (cache.read(NULL::$table, 2)).v"), 'promoted',
		"promoted: an old session sees a change of $table");
}
tables_exact($standby, 'promoted and changed');

$standby->safe_psql('postgres', "COMMIT PREPARED 'left'");
tables_exact($standby, 'promoted and finished');
foreach my $table (@strategies)
{
	is($reader->query_safe("SELECT (cache.read(NULL::$table, 3)).v"), 'prepared', "promoted: $table has what was prepared");
	is($reader->query_safe("SELECT cache.read(NULL::$table, 4)"), '', "promoted: $table lacks what was deleted");
}
tables_warmed($standby, 3, 'promoted and finished');
tables_warmed($standby, 1, 'promoted and finished');

# A snapshot taken during recovery goes on seeing what it saw.
foreach my $table (@strategies)
{
	is($snapshot->query_safe("SELECT (cache.read(NULL::$table, 3)).v"), 'row 3', "promoted: an old snapshot of $table");
}
$snapshot->query_safe('COMMIT');
$snapshot->quit;
$reader->quit;

# Bindings can be changed now.
$standby->safe_psql('postgres', q(SELECT cache.attach('fresh', 'read_through')));
warmed($standby, 'fresh', 1, 'attached after promotion');
$standby->safe_psql('postgres', q(UPDATE fresh SET v = 'changed'));
exact($standby, 'fresh', 'attached after promotion');

# ----- a second standby, promoted with nothing prepared -----

$standby->backup('second');
my $second = PostgreSQL::Test::Cluster->new('second');
$second->init_from_backup($standby, 'second', has_streaming => 1);
$second->start;
$standby->wait_for_catchup($second, 'replay');
tables_exact($second, 'second standby');
$second->promote;
$second->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not promoted';
tables_warmed($second, 1, 'second promoted');
tables_exact($second, 'second promoted');
$second->safe_psql('postgres', "UPDATE $_ SET v = 'diverged'") foreach @strategies;
tables_exact($second, 'second changed');
$second->stop;

# ----- recovery in the place of promotion: the first crashed, it comes back -----

$standby->stop('immediate');
$standby->start;
tables_exact($standby, 'crashed after promotion');
tables_warmed($standby, 1, 'crashed after promotion');
$standby->stop;

unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|terminated by signal/, $_->name . ': nothing crashed')
  foreach ($primary, $standby, $second);
done_testing();
