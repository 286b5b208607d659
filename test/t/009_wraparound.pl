
# Transaction ids far from the first ones: past 2^31, across the end of an
# epoch, and in a later one.  Rows are frozen, entries carry 64-bit ids, and
# reads stay exact.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(UPDATE pg_database SET datallowconn = true));

sub next_xid
{
	return $node->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())');
}

# Freeze everything and go on at this transaction id.
sub jump_to
{
	my ($epoch, $xid) = @_;
	my $segment = sprintf('%s/pg_xact/%04X', $node->data_dir, $xid / (8192 * 4 * 32));

	$node->command_ok([ 'vacuumdb', '--all', '--freeze', '--quiet', '-h', $node->host, '-p', $node->port ], 'everything is frozen');
	$node->stop;
	# a transaction's state is looked for in the segment of its id
	append_to_file($segment, "\0" x 262144) if !-e $segment;
	command_ok([ 'pg_resetwal', '-x', $xid, '-e', $epoch, '-D', $node->data_dir ], "pg_resetwal to $epoch:$xid");
	$node->start;
}

sub all_works
{
	my ($name) = @_;

	in_turn($node, undef,
		exact_step(\@strategies, $name),
		warmed_step(\@strategies, [ 1, 2, 3 ], $name),
		map { (
				qq(
				UPDATE $_ SET v = '$name', n = n + 1 WHERE id IN (1, 4);
				DELETE FROM $_ WHERE id = 5;
				INSERT INTO $_ VALUES (21, '$name') ON CONFLICT (id) DO UPDATE SET v = '$name'),
				says("SELECT (cache.read(NULL::$_, 1)).v, cache.read(NULL::$_, 5)", "$name|", "$name: changes of $_ are seen"),
				exact_step($_, "$name, and changed"),
				warmed_step($_, 1, "$name, and changed"),
				"BEGIN; UPDATE $_ SET n = n + 1 WHERE id = 6; PREPARE TRANSACTION 'p'",
				exact_step($_, "$name, and prepared"),
				"COMMIT PREPARED 'p'",
				exact_step($_, "$name, and finished"),
				warmed_step($_, 6, "$name, and finished"),
				"INSERT INTO $_ VALUES (5, 'back')",
				exact_step($_, "$name, and inserted again"))
		} @strategies);
}

all_works('at first');

jump_to(0, 0x70000000);
is(next_xid(), 0x70000000, 'before 2^31');
all_works('before 2^31');

jump_to(0, 0xC0000000);
all_works('after 2^31');

# ----- across the end of an epoch -----

jump_to(0, 2**32 - 300);
tables_warmed($node, [ 1, 2, 3, 7 ], 'before the end of the epoch');
tables_exact($node, 'before the end of the epoch');

# Entries made just before, a snapshot taken just before, and a transaction that
# began just before.
my %before;
in_turn($node, undef,
	map { "UPDATE $_ SET v = 'just before' WHERE id = 7; SELECT cache.read(NULL::$_, 7); SELECT cache.read(NULL::$_, 30)" } @strategies);
my $old = $node->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
my $writer = $node->background_psql('postgres');
$writer->query_safe('BEGIN');
$writer->query_safe("UPDATE $_ SET v = 'across' WHERE id = 8; INSERT INTO $_ VALUES (30, 'across')") foreach @strategies;
$before{$_} = $old->query_safe("SELECT string_agg(t::text, ' ' ORDER BY id) FROM $_ t WHERE id <= 30") foreach @strategies;
cmp_ok(next_xid(), '<', 2**32, 'the epoch has not ended');

sub old_snapshot_exact
{
	my ($name) = @_;

	is($old->query_safe("SELECT string_agg(cache.read(NULL::$_, i)::text, ' ' ORDER BY i) FROM generate_series(1, 30) i"),
		$before{$_}, "$name: the old snapshot of $_")
	  foreach @strategies;
}
old_snapshot_exact('before the end of the epoch');

foreach my $round (1 .. 4)
{
	in_turn($node, undef,
		q(DO $$ BEGIN FOR i IN 1..80 LOOP PERFORM txid_current(); COMMIT; END LOOP; END $$),
		(map { "UPDATE $_ SET v = 'round $round' WHERE id = 9" } @strategies),
		exact_step(\@strategies, "towards the end, round $round", last => 30));
	old_snapshot_exact("towards the end, round $round");
}
cmp_ok(next_xid(), '>', 2**32, 'the epoch has ended');
$writer->query_safe('COMMIT');
tables_exact($node, 'a commit across the end', last => 30);
old_snapshot_exact('a commit across the end');
in_turn($node, undef,
	map {
		says("SELECT (cache.read(NULL::$_, 8)).v, (cache.read(NULL::$_, 30)).v, (cache.read(NULL::$_, 7)).v",
			'across|across|just before', "a commit across the end: $_ has the changes")
	} @strategies);
$old->query_safe('COMMIT');
$old->quit;
$writer->quit;
tables_warmed($node, [ 7, 8, 9, 30 ], 'after the end of the epoch');
all_works('after the end of the epoch');

$node->restart;
all_works('after the end of the epoch and a restart');

# ----- a later epoch -----

jump_to(5, 0x40000000);
is(next_xid(), 5 * 2**32 + 0x40000000, 'a later epoch');
all_works('in a later epoch');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
