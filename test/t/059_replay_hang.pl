
# After a crash: a table whose replay hangs or fails concerns no other, is tried
# again at intervals that grow, and is waited for only so long.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

# As long as what hangs at first may: the tables that it does not concern are not to
# wait for it at all.
my $node = new_node('main', 'cache_strategies.worker_timeout = 1h', 'restart_after_crash = off');

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE behaviour (tab text PRIMARY KEY, what text);
	CREATE FUNCTION behave() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE
			what text = (SELECT b.what FROM public.behaviour b WHERE b.tab = TG_TABLE_NAME);
		BEGIN
			CASE what
				WHEN 'hang' THEN PERFORM pg_sleep(100000);
				WHEN 'flush' THEN PERFORM cache.flush(TG_RELID);
				WHEN 'read' THEN EXECUTE format('SELECT cache.read(NULL::public.%I, 1)', TG_TABLE_NAME);
				WHEN 'defer' THEN EXECUTE format('SELECT cache.increment(NULL::public.%I, ''n'', 1, 1)', TG_TABLE_NAME);
				WHEN 'other' THEN PERFORM cache.increment(NULL::public.last, 'n', 1, 1);
				ELSE NULL;
			END CASE;
			RETURN NULL;
		END $$;
));

# In this order they are seen to.
my @tables = qw(hangs1 hangs2 behaved idle last);

foreach my $table (@tables)
{
	$node->safe_psql('postgres', qq(
		CREATE TABLE $table (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
		INSERT INTO $table VALUES (1), (2);
		SELECT cache.attach('$table', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
		CREATE TRIGGER zz AFTER UPDATE ON $table FOR EACH ROW EXECUTE FUNCTION behave();
		INSERT INTO behaviour VALUES ('$table', NULL)));
}
$node->poll_query_until('postgres', 'SELECT bool_and(open) AND count(*) = 5 FROM cache.flush_status') or die 'not all are open';

sub status
{
	my ($table, $what) = @_;

	return $node->safe_psql('postgres', "SELECT $what FROM cache.flush_status WHERE relation = '$table'::regclass");
}

# behave(TABLE => WHAT...): what each trigger does; the others' do nothing.
sub behave
{
	my %what = @_;

	$node->safe_psql('postgres', 'UPDATE behaviour SET what = NULL; ' .
		join '; ', map { "UPDATE behaviour SET what = '$what{$_}' WHERE tab = '$_'" } keys %what);
}

# Deferred for these, and crashed before it is flushed.
my %n = map { $_ => 0 } @tables;

sub crash_with
{
	my @deferred = @_;

	foreach my $table (@deferred)
	{
		$node->safe_psql('postgres', "SELECT cache.increment(NULL::$table, 'n', 1, 1)");
		$n{$table}++;
	}
	$node->stop('immediate');
	$node->start;
}

sub has
{
	my ($table, $name) = @_;
	my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '120s'; SELECT (cache.read(NULL::$table, 1)).n");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is("$out$err", $n{$table}, $name);
}

# What a statement fails with.
sub error
{
	my ($sql) = @_;
	my (undef, undef, $error) = $node->psql('postgres', "\\set VERBOSITY verbose\nSET statement_timeout = '120s';\n$sql");

	return $error;
}

sub poll { ok($node->poll_query_until('postgres', $_[0]), $_[1]) }

# The server does as it did at first: nothing is left of the cause.
sub all_well
{
	behave();
	poll('SELECT bool_and(open) AND NOT bool_or(quarantined) FROM cache.flush_status', 'all are open in the end');
	has($_, "$_ has all") foreach @tables;
}

sub set_timeout
{
	$node->safe_psql('postgres', $_) foreach "ALTER SYSTEM SET cache_strategies.worker_timeout = '$_[0]'", 'SELECT pg_reload_conf()';
}

# ----- two that hang, and others -----

behave(hangs1 => 'hang', hangs2 => 'hang');
crash_with('hangs1', 'hangs2');
has('idle', 'a table of which the journal has nothing is read while others hang');
is($node->safe_psql('postgres', "SET statement_timeout = '120s'; SELECT cache.increment(NULL::idle, 'n', 1, 1)"),
	++$n{idle}, 'and written');
has('last', 'so is the next one');

Test::More->builder->is_passing or die 'the rest would take long to fail';

set_timeout('20s');
crash_with('behaved', 'idle', 'last');
has('behaved', 'a table whose replay does not hang has not to wait for those that do');
has('last', 'nor has another one');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.flush_status WHERE quarantined'), '0',
	'they come while it is not known yet that the others hang');
Test::More->builder->is_passing or die 'the rest would take long to fail';
set_timeout('1s');
$node->stop('immediate');
$node->start;
poll('SELECT count(*) = 2 FROM cache.flush_status WHERE quarantined', 'those that hang are quarantined');

# ----- who waits is told -----

my %statements = (
	'cache.read' => 'SELECT cache.read(NULL::hangs1, 1)',
	'cache.read_many' => 'SELECT cache.read_many(NULL::hangs1, ARRAY[1, 2])',
	'cache.scan' => 'SELECT cache.scan(NULL::hangs1)',
	'cache.increment' => "SELECT cache.increment(NULL::hangs1, 'n', 1, 1)",
	'cache.write' => 'SELECT cache.write(ROW(1, 1)::hangs1)',
	'cache.flush' => "SELECT cache.flush('hangs1')",
	'UPDATE' => 'UPDATE hangs1 SET n = n + 1',
	'DELETE' => 'DELETE FROM hangs1',
	'TRUNCATE' => 'TRUNCATE hangs1');
foreach my $what (sort keys %statements)
{
	my $error = error($statements{$what});

	# DDL gives way to the attempt that is under way, or the attempt to it
	like($error, qr/ERROR:  55000: deferred writes of table "hangs1" have not been replayed yet\nDETAIL:  The last attempt to replay them failed: (?:it took longer than \d+ ms|canceling statement).*\nHINT:  Look at/,
		"$what of a table whose replay hangs")
	  or last;
}
Test::More->builder->is_passing or die 'the rest would wait in vain';
is($node->safe_psql('postgres', 'SELECT n FROM hangs1 WHERE id = 1'), '0', 'and nothing is in the table');
all_well();

# ----- one that fails -----

set_timeout('2s');
# A row that can be flushed is a dead letter if it cannot; so the disk has to be full.
$node->safe_psql('postgres', q(
	CREATE OR REPLACE FUNCTION behave_fail() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$;
	CREATE TRIGGER zzz AFTER UPDATE ON behaved FOR EACH ROW EXECUTE FUNCTION behave_fail()));
crash_with('behaved', 'idle', 'last');
has('idle', 'a table whose replay goes well does not wait for one that fails');
has('last', 'nor does the next one');
poll(q(SELECT retries >= 7 FROM cache.flush_status WHERE relation = 'behaved'::regclass), 'the replay is tried again and again');
# Each pause is twice as long as the one before, the first at least 50 ms: 7 attempts take more than 3 seconds.
is(status('behaved', q(last_error_time - pg_postmaster_start_time() > interval '50 ms' * (2 ^ (least(retries, 9) - 1) - 1))),
	't', 'at intervals that grow');
like(error('SELECT cache.read(NULL::behaved, 1)'),
	qr/ERROR:  55000: deferred writes of table "behaved" have not been replayed yet\nDETAIL:  The last attempt to replay them failed: the disk is full\nHINT:  Look at/,
	'a read of it is told the reason');
$node->safe_psql('postgres', "SELECT cache.increment(NULL::idle, 'n', 1, 1), cache.increment(NULL::last, 'n', 1, 1)");
$n{$_}++ foreach 'idle', 'last';
my $said = error('SELECT cache.flush()');
like($said, qr/WARNING:  55000: deferred writes of table "behaved" could not be flushed\nDETAIL:  deferred writes of table "behaved" have not been replayed yet: The last attempt to replay them failed: the disk is full\n/,
	'cache.flush() of all says which table could not be flushed, and why');
unlike($said, qr/ERROR|WARNING.*WARNING/s, 'and nothing else');
is($node->safe_psql('postgres', 'SELECT (SELECT n FROM idle WHERE id = 1), (SELECT n FROM last WHERE id = 1)'),
	"$n{idle}|$n{last}", 'the others are flushed');
$node->safe_psql('postgres', 'DROP TRIGGER zzz ON behaved');
all_well();

# ----- one whose trigger needs the table open -----

foreach my $what ('flush', 'read', 'defer')
{
	behave(behaved => $what);
	crash_with('behaved');
	has('idle', "a trigger does '$what' during a replay: another table");
	poll(q(SELECT last_error <> '' FROM cache.flush_status WHERE relation = 'behaved'::regclass), 'it fails');
	is(status('behaved', 'last_error'), 'deferred writes of table "behaved" are being flushed by this session', 'as it cannot wait for itself');
	all_well();
}

# Or another table, which may have to wait for its turn.
behave(behaved => 'other');
crash_with('behaved', 'last');
poll('SELECT bool_and(open) FROM cache.flush_status', 'a trigger defers for another table during a replay: both are replayed');
$n{last}++;
has($_, "$_ has all") foreach 'behaved', 'last';

$node->stop;
done_testing();
