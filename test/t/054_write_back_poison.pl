
# Deferred writes that their table refuses when they arrive.  Those that can
# never be written go to cache.dead_letters, alone; whatever may pass by itself,
# or can be mended by the owner, keeps them where they are.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROWS => 100000;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'cache_strategies.memory = 128MB', 'log_min_messages = info',
	'log_min_error_statement = panic');

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE owner LOGIN;
	CREATE ROLE writer LOGIN;
	CREATE ROLE nobody LOGIN;
	GRANT CREATE ON SCHEMA public TO owner;
	GRANT USAGE ON SCHEMA cache TO PUBLIC;
));

sub sql { return $node->safe_psql('postgres', join(' ', @_)) }

# The error, of a statement executed as a role.
sub error_of
{
	my ($role, $sql) = @_;
	my ($ret, $stdout, $stderr) = $node->psql('postgres', "SET ROLE $role; $sql");

	return $stderr =~ /ERROR:  (.*)/ ? $1 : "no error: $stdout";
}

# A table of the owner, with rows 1 to n; writers may increment and write.
sub make_table
{
	my ($name, $rows, $interval) = @_;

	sql(qq(
		SET ROLE owner;
		CREATE TABLE $name (id int PRIMARY KEY, n int NOT NULL, s text, extra int);
		INSERT INTO $name SELECT i, 0, 'old' FROM generate_series(1, $rows) i;
		GRANT SELECT, INSERT, UPDATE, DELETE ON $name TO writer;
		SELECT cache.attach('$name', 'write_back', flush_interval => '$interval',
			flush_batch => 1000000, merge => '{"n": "add", "s": "replace"}');));
}

sub status_of
{
	my ($table, $columns) = @_;

	return "SELECT $columns FROM cache.flush_status WHERE relation = '$table'::regclass";
}

sub status { return sql(status_of(@_)) }

sub letters_of
{
	my ($table) = @_;

	return "SELECT key, changes, sqlstate, attempts FROM cache.dead_letters WHERE relation = '$table'::regclass ORDER BY id";
}

sub letters { return sql(letters_of(@_)) }

# ----- one among a hundred thousand -----

# For each: what is there before the row is written, what spoils it, the SQLSTATE, and how it is mended.
my %poisons = (
	'a trigger' => {
		spoil => q(CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					IF NEW.n > 1000 THEN RAISE EXCEPTION 'too much'; END IF;
					RETURN NEW;
				END $$;
			CREATE TRIGGER aa_refuse AFTER UPDATE ON poisoned FOR EACH ROW EXECUTE FUNCTION refuse()),
		state => 'P0001',
		mend => 'DROP TRIGGER aa_refuse ON poisoned; DROP FUNCTION refuse()',
	},
	'a constraint' => {
		# one that was there, as a new one would be refused
		prepare => q(CREATE FUNCTION few(n int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
			ALTER TABLE poisoned ADD CONSTRAINT few CHECK (few(n))),
		spoil => q(CREATE OR REPLACE FUNCTION few(n int) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RETURN n < 1000; END'),
		state => '23514',
		mend => 'ALTER TABLE poisoned DROP CONSTRAINT few; DROP FUNCTION few',
	},
	'a foreign key' => {
		prepare => q(CREATE TABLE kinds (s text PRIMARY KEY); INSERT INTO kinds VALUES ('old'), ('good'), ('bad');
			ALTER TABLE poisoned ADD FOREIGN KEY (s) REFERENCES kinds),
		spoil => q(DELETE FROM kinds WHERE s = 'bad'),
		state => '23503',
		mend => q(INSERT INTO kinds VALUES ('bad')),
	},
);

make_table('poisoned', ROWS, '1 hour');
foreach my $how (sort keys %poisons)
{
	my $poison = $poisons{$how};
	my $key = 777;
	my $before = sql("SELECT n FROM poisoned WHERE id = $key");

	sql("SET ROLE owner; $poison->{prepare}") if defined $poison->{prepare};
	in_turn($node, undef,
		# before the table is changed, or it would be refused at once
		q(SET ROLE writer; UPDATE poisoned SET n = n + 1, s = 'good'),
		qq(SET ROLE writer; UPDATE poisoned SET n = n + 5000, s = 'bad' WHERE id = $key),
		"SET ROLE owner; $poison->{spoil}",
		says(status_of('poisoned', 'dirty_entries'), ROWS, "$how: @{[ROWS]} rows wait"),
		says("SET ROLE owner; SELECT cache.flush('poisoned')", ROWS - 1, "$how: all but one are written"),
		says(q(SELECT count(*), count(*) FILTER (WHERE s = 'good') FROM poisoned),
			join('|', ROWS, ROWS - 1), "$how: they are in the table"),
		says("SELECT n FROM poisoned WHERE id = $key", $before, "$how: the row is as it was"),
		says(letters_of('poisoned'), qq({"id": $key}|{"n": {"add": 5001}, "s": {"replace": "bad"}}|$poison->{state}|1),
			"$how: what was deferred for it is a dead letter"),
		says(status_of('poisoned', 'dirty_entries, dead_letters'), '0|1', "$how: nothing else is left"),
		says("SELECT n FROM cache.read(NULL::poisoned, $key)", $before, "$how: and it is not read any more"),

		# too early
		says("SET ROLE owner; SELECT cache.requeue('poisoned')", '0', "$how: not to be delivered yet"),
		[ letters_of('poisoned'), sub { like($_[0], qr/\|$poison->{state}\|2$/, "$how: another attempt") } ],
		"SET ROLE owner; $poison->{mend}",
		says("SET ROLE owner; SELECT cache.requeue('poisoned')", '1', "$how: delivered"),
		says(letters_of('poisoned'), '', "$how: no dead letter is left"),
		says("SELECT n, s FROM poisoned WHERE id = $key", ($before + 5001) . '|bad', "$how: in the table"),
		says("SELECT n, s FROM cache.read(NULL::poisoned, $key)", ($before + 5001) . '|bad', "$how: and read"),
		"SET ROLE owner; DROP TABLE IF EXISTS kinds CASCADE; UPDATE poisoned SET n = 0, s = 'old', extra = 1",
		"SELECT cache.flush('poisoned')");
}

# The worker finds them as well, and several; whole rows; discard.
make_table('spoiled', 1000, '50 ms');
sql(q(
	BEGIN;
	SET LOCAL ROLE writer;
	UPDATE spoiled SET n = n + 1;
	SELECT cache.increment(NULL::spoiled, 'n', 5000, i) FROM generate_series(1, 5) i;
	SELECT cache.write(ROW(2001, 5000, 'new', 1)::spoiled), cache.write(ROW(2002, 5, 'new', 1)::spoiled);
	RESET ROLE;
	CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.n >= 1000 THEN RAISE EXCEPTION 'too much'; END IF;
			RETURN NEW;
		END $$;
	CREATE TRIGGER few AFTER INSERT OR UPDATE ON spoiled FOR EACH ROW EXECUTE FUNCTION few();
	COMMIT;));
ok($node->poll_query_until('postgres', q(
	SELECT dirty_entries = 0 AND dead = 6 FROM cache.flush_status WHERE relation = 'spoiled'::regclass)),
	'the worker gets through') or diag(status('spoiled', '*'));
is(sql('SELECT count(*), sum(n), max(id) FROM spoiled'), '1001|1000|2002', 'with all that can be written');
is(sql(q(SELECT string_agg(key ->> 'id', ' ' ORDER BY id) FROM cache.dead_letters)), '1 2 3 4 5 2001', 'the dead letters');
is(sql(q(SELECT cache.discard('spoiled', (SELECT id FROM cache.dead_letters WHERE key = '{"id": 3}')))), '1', 'one is thrown away');
is(sql(q(SELECT cache.discard('spoiled', (SELECT max(id) + 100 FROM cache.dead_letters)))), '0', 'one that does not exist');

# ----- who may do what -----

my $number = sql(q(SELECT id FROM cache.dead_letters WHERE key = '{"id": 4}'));

foreach my $call ("cache.requeue('spoiled')", "cache.discard('spoiled')", "cache.flush('spoiled')",
	"cache.requeue('spoiled', $number)", "cache.discard('spoiled', $number)")
{
	is(error_of($_, "SELECT $call"), 'must be owner of table spoiled', "$_ may not: $call") foreach 'writer', 'nobody';
}
foreach my $call ("cache.requeue()", "cache.discard()", "cache.flush()",
	"cache.requeue(NULL, $number)", "cache.discard(NULL, $number)")
{
	like(error_of('nobody', "SELECT $call"), qr/^(no error: 0|must be owner of .*)$/, "nobody does nothing by $call");
}
is(sql('SET ROLE writer; SELECT count(*) FROM cache.dead_letters'), '0', 'who does not own the table does not see them');
is(error_of('owner', 'SELECT 1 FROM cache.dead_letter_store'), 'permission denied for table dead_letter_store', 'nobody looks into the store');
is(sql('SET ROLE owner; SELECT count(*) FROM cache.dead_letters'), '5', 'the owner sees them, and none is lost');
sql(q(SET ROLE owner; DROP TRIGGER few ON spoiled));
is(sql("SET ROLE owner; SELECT cache.requeue(NULL, $number)"), '1', 'the owner delivers one');
is(sql('SET ROLE owner; SELECT cache.requeue()'), '4', 'and the others');
is(sql('SELECT count(*), sum(n) FROM spoiled'), '1002|' . (1000 + 4 * 5001 + 5000), 'nothing was lost but what was thrown away');
is(sql('SELECT n FROM spoiled WHERE id = 3'), '0', 'which was void altogether');

# ----- the owner must mend something: nothing becomes a dead letter -----

make_table('kept', 10, '50 ms');

# What breaks it, with a write that is deferred: INCREMENT.
sub kept
{
	my ($name, $break, $error, $mend) = @_;
	my $before = sql('SELECT n FROM kept WHERE id = 1');

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	sql($break =~ s/INCREMENT/SET LOCAL ROLE writer; SELECT cache.increment(NULL::kept, 'n', 7, 1); RESET ROLE/r);
	ok($node->poll_query_until('postgres', qq(
		SELECT coalesce(last_error ~ '$error', false) AND dirty_entries > 0
		FROM cache.flush_status WHERE relation = 'kept'::regclass)), "$name: the worker has met it")
	  or diag(status('kept', 'last_error, dirty_entries'));
	in_turn($node, undef,
		says('SELECT n FROM cache.read(NULL::kept, 1)', $before + 7, "$name: read meanwhile"),
		says(letters_of('kept'), '', "$name: no dead letter"),
		$mend);
	ok($node->poll_query_until('postgres', "SELECT n = $before + 7 FROM kept WHERE id = 1"), "$name: delivered after it was mended");
	is(status('kept', 'dirty_entries, dead, dead_letters'), '0|0|0', "$name: all of it");
}

# The worker may be told of a privilege a moment later than of a write of the same
# transaction.
kept('a privilege', 'REVOKE UPDATE ON kept FROM owner; BEGIN; INCREMENT; COMMIT', 'permission denied', 'GRANT UPDATE ON kept TO owner');

# Locked as a whole, for longer than the worker waits; other tables go on.
make_table('other', 10, '50 ms');
my $holder = $node->background_psql('postgres');
sql(q(SET ROLE writer; SELECT cache.increment(NULL::kept, 'n', 7, 2)));
$holder->query_safe('BEGIN; LOCK TABLE kept IN ACCESS EXCLUSIVE MODE');
my $at = sql('SELECT n FROM other WHERE id = 1');
foreach my $i (1 .. 3)
{
	sql(q(SET ROLE writer; SELECT cache.increment(NULL::other, 'n', 1, 1)));
	ok($node->poll_query_until('postgres', "SELECT n = $at + $i FROM other WHERE id = 1"), "a table is locked: another is flushed ($i)");
}
$holder->query_safe('COMMIT');
$holder->quit;
ok($node->poll_query_until('postgres', 'SELECT n = 7 FROM kept WHERE id = 2'), 'and so is the locked one afterwards');
is(letters('kept'), '', 'without dead letters');

# ----- the table has changed under what was deferred -----

make_table('changed', 10, '1 hour');

sub changed
{
	my ($name, $deferred, $change, $query, $expected, $scan) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($node, undef,
		"SET ROLE writer; $deferred",
		"SET ROLE owner; $change",
		"SELECT cache.flush('changed')",
		says($query, $expected, $name),
		says(status_of('changed', 'dirty_entries, dead_letters'), '0|0', "$name: nothing is left"));
}

changed('a column was dropped', q(UPDATE changed SET n = n + 1, s = 'lost' WHERE id = 1),
	'ALTER TABLE changed DROP COLUMN s', 'SELECT id, n FROM changed WHERE id = 1', '1|1');
changed('all that were deferred were dropped', q(SELECT cache.increment(NULL::changed, 'n', 1, 2)),
	'ALTER TABLE changed DROP COLUMN n', 'SELECT id, extra FROM changed WHERE id = 2', '2|');
sql('SET ROLE owner; DROP TABLE changed');
make_table('changed', 10, '1 hour');
changed('a column was added', q(SELECT cache.increment(NULL::changed, 'n', 1, 1), cache.write(ROW(11, 1, 'w', 2)::changed)),
	'ALTER TABLE changed ADD COLUMN more int DEFAULT 5', 'SELECT * FROM changed WHERE id IN (1, 11) ORDER BY id', "1|1|old||5\n11|1|w|2|5");
changed('a column got another type', q(SELECT cache.increment(NULL::changed, 'n', 1, 1)),
	'ALTER TABLE changed ALTER COLUMN n TYPE bigint', 'SELECT n, pg_typeof(n) FROM changed WHERE id = 1', '2|bigint');
changed('a column got another name', q(SELECT cache.increment(NULL::changed, 'n', 1, 1)),
	'ALTER TABLE changed RENAME COLUMN n TO m', 'SELECT m FROM changed WHERE id = 1', '3');
changed('the table did', q(UPDATE changed SET s = 'new' WHERE id = 1),
	'ALTER TABLE changed RENAME TO altered; ALTER TABLE altered RENAME TO changed', 'SELECT s FROM changed WHERE id = 1', 'new');

# Dropped with deferred writes and dead letters: they go with it, or it is refused.
is(sql(q(SELECT count(*) FROM cache.dead_letters)), '0', 'no dead letters in the end');
$node->stop;
done_testing();
