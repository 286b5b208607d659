
# Transactions that were prepared before the server was started: nothing in
# shared memory knows what they changed, so nothing is filled until they have
# been finished.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'restart_after_crash = on');
my $changes = 0;

add_extension($node);
create_tables($node);

sub sql { return $node->safe_psql('postgres', join("\n", @_)); }

# Change keys 1 and 2 of every table in a transaction that stays prepared.
sub prepare
{
	my ($gid) = @_;

	$changes++;
	sql('BEGIN;',
		(map { "UPDATE $_ SET n = $changes WHERE id = 1; DELETE FROM $_ WHERE id = 2;" } @strategies),
		"PREPARE TRANSACTION '$gid';");
}

# exact() reads more than once, so whatever is let in is in.
sub nothing_filled
{
	my ($name, @after) = @_;

	in_turn($node, undef,
		(map { (
				exact_step($_, $name),
				says(
					qq(
				SELECT string_agg(k::text, ' ') FROM generate_series(1, 20) k
				WHERE cache.lookup(NULL::$_, k)::text IS NOT NULL),
					'',
					"$name: nothing of $_ is kept"))
		} @strategies),
		@after);
}

# Steps of in_turn(), like the following.
sub waits_for
{
	my ($xid, $name) = @_;

	return says('SELECT fills_wait_for IS NOT NULL FROM cache.stats', $xid, $name);
}

sub finished
{
	my ($name) = @_;

	return (
		exact_step(\@strategies, $name),
		warmed_step(\@strategies, [ 1, 3 ], $name),
		exact_step(\@strategies, "$name, and filled"),
		waits_for('f', "$name: nothing is waited for"));
}

my %restart = (
	'restart' => sub { $node->restart; },
	'immediate stop' => sub { $node->stop('immediate'); $node->start; });

foreach my $how (sort keys %restart)
{
	foreach my $finish ('COMMIT PREPARED', 'ROLLBACK PREPARED')
	{
		my $name = "$how, $finish";

		prepare('old');
		tables_warmed($node, 3, "$name, before");
		$restart{$how}->();
		nothing_filled("$name, after the start",
			waits_for('t', "$name: that can be seen"),
			# other rows change meanwhile
			join(' ', map { "UPDATE $_ SET n = n + 1 WHERE id BETWEEN 5 AND 6;" } @strategies),
			exact_step(\@strategies, "$name, with changes meanwhile"),
			"$finish 'old'",
			finished($name),
			join(' ', map { "INSERT INTO $_ VALUES (2, 'row 2') ON CONFLICT DO NOTHING;" } @strategies),
			exact_step(\@strategies, "$name, and changed back"));
	}
}

# ----- one that is prepared after the start, and two restarts -----

prepare('old');
$node->restart;
nothing_filled('first of two starts');
sql('BEGIN;', (map { "UPDATE $_ SET n = n + 10 WHERE id = 7;" } @strategies), "PREPARE TRANSACTION 'new';");
$node->restart;
nothing_filled('second start');
sql("COMMIT PREPARED 'old'");
nothing_filled('one of two is finished');
sql("COMMIT PREPARED 'new'");
in_turn($node, undef, finished('both are finished'));

# ----- whole tables -----

sql(map { "INSERT INTO $_ VALUES (2, 'row 2');" } @strategies);
sql('SET cache_strategies.bulk_threshold = 1;', 'BEGIN;',
	(map { "UPDATE $_ SET n = n + 100;" } @strategies), "PREPARE TRANSACTION 'bulk';");
$node->restart;
nothing_filled('a bulk change');
sql("COMMIT PREPARED 'bulk'");
in_turn($node, undef, finished('a bulk change'));

$node->stop;
done_testing();
