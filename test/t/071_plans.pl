
# Statements that name a table by NULL::table, executed without a pause while the
# table is renamed and altered: as plain SQL, they wait, and then have the table of
# that name, with the columns that it has.  By each of pgbench's protocols: a
# statement that is analysed each time, one that is analysed and bound, and one that
# is kept.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('plans');
my $transactions = 500;
my @modes = qw(simple extended prepared);

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE m (id int PRIMARY KEY, v text, w int);
	CREATE TABLE mnew (LIKE m INCLUDING ALL);
	INSERT INTO m VALUES (1, 'one', 0), (2, 'other', 0);
	INSERT INTO mnew VALUES (1, 'another', 0), (2, 'third', 0);
	SELECT cache.attach('m', 'write_through'), cache.attach('mnew', 'read_through');
	CREATE FUNCTION cached(k int) RETURNS text LANGUAGE plpgsql AS
		'DECLARE t text; BEGIN t := (cache.read(NULL::m, k)).v; RETURN t; END';
	CREATE FUNCTION plain(k int) RETURNS text LANGUAGE plpgsql AS
		'BEGIN RETURN (SELECT v FROM m WHERE id = k); END';
	CREATE FUNCTION inlined(k int) RETURNS text LANGUAGE sql AS 'SELECT (cache.read(NULL::m, k)).v';
));

# Files for pgbench: a statement that is wrong divides by zero, one that fails ends
# its client.  An expression of a function may have to be evaluated again when the
# name has changed hands twice.
sub script
{
	my ($name, $sql) = @_;
	my $file = $node->basedir . "/$name.sql";

	append_to_file($file, "$sql;\n");
	return $file;
}

my $row = script('row', 'SELECT 1 / (r.v = (SELECT v FROM m WHERE id = 1))::int FROM cache.read(NULL::m, 1) r');
my $many = script('many', 'SELECT 1 / (min(r.v) = (SELECT min(v) FROM m))::int FROM cache.read_many(NULL::m, ARRAY[1, 2]) r');
my $function = script('function', 'SELECT 1 / (cached(1) = plain(1))::int');
my $inlined = script('inlined', 'SELECT 1 / (inlined(2) = plain(2))::int');
my $write = script('write', q(SELECT 1 / (cache.increment(NULL::m, 'w', 1, 1) > 0)::int));

# Run a script by each protocol while the table is changed; how often it was.
sub during
{
	my ($name, $change, @scripts) = @_;
	my (@runs, $changes);

	foreach my $mode (@modes)
	{
		my %run = (err => '');

		$run{handle} = IPC::Run::start(
			[ 'pgbench', '-n', '-M', $mode, '-c', 2, '-t', $transactions, '-d', $node->connstr('postgres'),
				$name =~ /function/ ? ('--max-tries', 1000) : (),
				map { ('-f', $_) } @scripts ],
			'>', \$run{out}, '2>', \$run{err}, IPC::Run::timeout(10 * $PostgreSQL::Test::Utils::timeout_default));
		push @runs, \%run;
	}
	$changes = 0;
	while (grep { $_->{handle}->pumpable } @runs)
	{
		$node->safe_psql('postgres', $change);
		$changes++;
		$_->{handle}->pump_nb foreach grep { $_->{handle}->pumpable } @runs;
	}
	foreach my $i (0 .. $#modes)
	{
		$runs[$i]{handle}->finish;
		is($runs[$i]{handle}->result(0), 0, "$name, $modes[$i]: every statement has the table of that name")
		  or diag($runs[$i]{err});
	}
	cmp_ok($changes, '>', 1, "$name: the table was changed meanwhile");
}

my $swap = q(
	BEGIN;
	ALTER TABLE m RENAME TO x;
	ALTER TABLE mnew RENAME TO m;
	ALTER TABLE x RENAME TO mnew;
	COMMIT;
) x 5;

during('renaming', $swap, $row, $many);
during('renaming, functions', $swap, $function, $inlined);
during('writing', $swap, $write);
is($node->safe_psql('postgres', 'SELECT (SELECT w FROM m WHERE id = 1) + (SELECT w FROM mnew WHERE id = 1)'),
	2 * @modes * $transactions, 'every write has arrived in one of the two');
during('altering', q(
	ALTER TABLE m ALTER v TYPE varchar;
	ALTER TABLE m ADD COLUMN x int DEFAULT 7;
	ALTER TABLE m DROP COLUMN x;
	ALTER TABLE m ALTER v TYPE text;
), $row, $many);

$node->stop;
done_testing();
