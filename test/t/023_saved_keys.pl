
# Keys that are saved, and whose rows are loaded after a restart, a crash, or a
# promotion; and files that are not as they should be.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.saved_keys = 10000', 'cache_strategies.save_interval = 1h',
	'cache_strategies.reload_rate = 1000000', 'max_worker_processes = 4', 'max_logical_replication_workers = 0');
my $file = $node->data_dir . '/cache_strategies.keys';
my @tables = @CacheTest::strategies;
my $offset;

add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE TABLE "Texts" (a text, b int, v text, PRIMARY KEY (b, a));
	INSERT INTO "Texts" SELECT 'key ' || i, i, 'v' FROM generate_series(1, 20) i;
	SELECT cache.attach('"Texts"', 'read_through');
	CREATE TABLE hashed (id numeric PRIMARY KEY, v text);
	INSERT INTO hashed SELECT i, 'v' FROM generate_series(1, 20) i;
	SELECT cache.attach('hashed', 'read_through');
));

# Begin with an empty log.
sub start_node
{
	my ($n) = @_;

	$n //= $node;
	$offset = -s $n->logfile;
	$n->start;
}

# What has been loaded since the start; it waits for that.
sub loaded
{
	my ($n) = @_;

	$n //= $node;
	$n->wait_for_log(qr/LOG:  loaded \d+ rows of saved keys into the cache/, $offset);
	slurp_file($n->logfile, $offset) =~ /LOG:  loaded (\d+) rows of saved keys/;
	return $1;
}

sub bytes
{
	return slurp_file($file);
}

sub write_bytes
{
	my ($bytes) = @_;

	open my $f, '>:raw', $file or die $!;
	print $f $bytes;
	close $f;
}

# ----- a clean restart -----

tables_warmed($node, [ 1 .. 12 ], 'before the restart');
$node->safe_psql('postgres', q(
	SELECT count(cache.read(NULL::"Texts", i, 'key ' || i)) FROM generate_series(1, 15) i;
	SELECT count(cache.read(NULL::hashed, i)) FROM generate_series(1, 15) i;
	SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(100, 110) i;
));
ok(!-e $file, 'nothing is saved before its time');
$node->stop;
ok(-e $file, 'keys are saved at shutdown');
is((stat $file)[2] & 0077, 0, 'for the server alone');
ok(!-e "$file.new", 'and nothing else is left');
start_node();
is(loaded(), 4 * 12 + 15, 'their rows are loaded after the start: not absences, nor keys that are hashes');
foreach my $table (@tables)
{
	is(cached($node, $table, 7), '(7,"row 7",0)', "$table has a row that it had");
	is(cached($node, $table, 13), undef, 'and not what it had not');
}
is($node->safe_psql('postgres', q(SELECT cache.lookup(NULL::"Texts", 9, 'key 9'))), '("key 9",9,v)', 'likewise by two columns');
tables_exact($node, 'after loading');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.progress'), '0', 'no progress remains');
is($node->safe_psql('postgres', 'SELECT min(mismatched) FROM (SELECT (cache.verify(relation)).* FROM cache.bindings) v'), '0', 'all is as the tables have it');

# ----- a crash, with what was saved at an interval -----

unlink $file;
$node->safe_psql('postgres', q(ALTER SYSTEM SET cache_strategies.save_interval = '1s'));
$node->reload;
ok($node->poll_query_until('postgres', q(SELECT (pg_stat_file('cache_strategies.keys', true)).size > 0)), 'keys are saved at intervals');
$node->safe_psql('postgres', q(ALTER SYSTEM SET cache_strategies.save_interval = '1h'));
$node->reload;
$node->stop('immediate');
my $saved = bytes();
# as a crash in the middle of saving leaves it
open my $half, '>:raw', "$file.new" or die $!;
print $half substr($saved, 0, 100);
close $half;
start_node();
is(loaded(), 4 * 20 + 15, 'after a crash rows are loaded as well');
tables_exact($node, 'after a crash');

# ----- what has changed since -----

$node->safe_psql('postgres', q(
	DROP TABLE cache_aside;
	ALTER TABLE write_around ALTER id TYPE oid USING id::oid;
	ALTER TABLE read_through ADD COLUMN late int DEFAULT 5;
	DELETE FROM read_through WHERE id = 3;
	ALTER TABLE "Texts" DROP CONSTRAINT "Texts_pkey", ADD PRIMARY KEY (b);
	SELECT cache.detach('write_through');
	CREATE TABLE cache_aside (id text PRIMARY KEY, v text, n int);
	SELECT cache.attach('cache_aside', 'cache_aside');
));
$node->stop('immediate');
write_bytes($saved);
start_node();
is(loaded(), 19, 'tables that are gone or detached, other keys, and rows that are gone are passed over');
is(cached($node, 'read_through', 7), '(7,"row 7",0,5)', 'another shape of the row is no obstacle');
exact($node, $_, 'after changes') foreach qw(read_through write_around);
unlike(slurp_file($node->logfile, $offset), qr/could not load|ERROR/, 'without errors');
# Entries from before the key's type was changed are not saved as keys of the new one.
$node->safe_psql('postgres', q(
	CREATE TABLE altered (id int PRIMARY KEY, v text);
	INSERT INTO altered SELECT i, 'v' FROM generate_series(1, 20) i;
	SELECT cache.attach('altered', 'read_through');
	SELECT count(cache.read(NULL::altered, i)) FROM generate_series(1, 20) i;
	ALTER TABLE altered ALTER id TYPE oid USING id::oid));
is($node->safe_psql('postgres', q(SELECT cache.read(NULL::altered, 3) FROM generate_series(1, 2))), "(3,v)\n(3,v)", 'a key of the new type');
$node->stop;
start_node();
is(loaded(), 19 + 20 + 1, 'keys of an earlier epoch are not saved');
$node->safe_psql('postgres', q(
	DROP TABLE cache_aside, "Texts", write_around, write_through, altered;
	SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(1, 20) i));

# ----- other databases -----

once_free($node, 'CREATE DATABASE other');
add_extension($node, 'other');
create_tables($node, db => 'other');
warmed($node, 'read_through', [ 1 .. 3 ], 'other', db => 'other');
$node->stop;
start_node();
is(loaded(), 19 + 3, 'all databases have their rows loaded');
is(cached($node, 'read_through', 2, 'other'), '(2,"row 2",0)', 'each its own');
once_free($node, 'DROP DATABASE other');
$node->stop('immediate');
start_node();
is(loaded(), 19, 'one that is gone is passed over');

# ----- files that are no good -----

$node->stop;
$saved = bytes();
my $middle = length($saved) / 2;
foreach my $bad (
	[ 'is too short', '' ],
	[ 'is too short', substr($saved, 0, 50) ],
	[ 'is incomplete', substr($saved, 0, $middle) ],
	[ 'is incomplete', $saved . $saved ],
	[ 'does not begin as such a file does', 'x' x length $saved ],
	[ 'has another version of the format', substr($saved, 0, 4) . pack('L', 99) . substr($saved, 8) ],
	[ 'was written by another database cluster', substr($saved, 0, 8) . pack('Q', 1) . substr($saved, 16) ],
	[ 'has too many tables', substr($saved, 0, 32) . pack('L', 0xffffffff) . substr($saved, 36) ],
	[ 'checksum is wrong', substr($saved, 0, -6) . 'x' . substr($saved, -5) ])
{
	my ($problem, $bytes) = @$bad;

	write_bytes($bytes);
	start_node();
	$node->wait_for_log(qr/LOG:  ignoring file "cache_strategies.keys" of saved keys\n.*DETAIL:  It(s)? $problem\./, $offset);
	is(cached($node, 'read_through', 7), undef, "a file that $problem is ignored");
	$node->stop;
}

# ----- no room for the file -----

write_bytes($saved);
start_node();
is(loaded(), 19, 'a good one is used');
symlink('/dev/full', "$file.new") or die $!;
$node->stop;
ok($node->log_contains(qr/LOG:  could not write file "cache_strategies.keys.new": No space left on device/, $offset), 'a full disk is logged');
is(bytes(), $saved, 'and leaves the file as it was');
ok(!-l "$file.new", 'and nothing beside it');

# ----- how many, and which -----

$node->append_conf('postgresql.conf', "cache_strategies.saved_keys = 10");
start_node();
loaded();
$node->safe_psql('postgres', q(
	SELECT cache.invalidate('read_through'::regclass);
	SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(1, 20) i;
	SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(12, 17) i, generate_series(1, 4)));
$node->stop;
start_node();
is(loaded(), 10, 'no more keys are saved than said');
is(cached($node, 'read_through', $_), "($_,\"row $_\",0,5)", 'the hottest are among them') foreach 12 .. 17;

# ----- slowly, and seen -----

$node->append_conf('postgresql.conf', "cache_strategies.saved_keys = 1000\ncache_strategies.reload_rate = 1");
$node->safe_psql('postgres', q(SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(1, 20) i));
$node->reload;
$node->stop;
$saved = bytes();
start_node();
ok( $node->poll_query_until('postgres', q(
		SELECT count(*) = 1 FROM cache.progress
		WHERE phase = 'loading saved keys' AND relation IS NULL AND rows_total IN (10, 19) AND rows_done BETWEEN 1 AND 15
			AND rows_filled BETWEEN 1 AND rows_done AND pid IN (SELECT pid FROM pg_stat_activity WHERE backend_type = 'cache_strategies launcher'))),
	'progress is seen');
once_free($node, 'CREATE DATABASE copied TEMPLATE postgres');
once_free($node, 'DROP DATABASE copied');
$node->stop;
is(bytes(), $saved, 'a file that was not loaded to its end stays');
$node->append_conf('postgresql.conf', "cache_strategies.saved_keys = 0\ncache_strategies.reload_rate = 1000000");
start_node();
$node->wait_for_log(qr/database system is ready/, $offset);
is(cached($node, 'read_through', 7), undef, 'nothing is loaded when that is off');
$node->stop;
is(bytes(), $saved, 'nor saved');

# ----- a standby -----

$node->append_conf('postgresql.conf', "cache_strategies.saved_keys = 1000");
start_node();
loaded();
$node->safe_psql('postgres', q(SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(1, 20) i));
$node->stop;
start_node();
is(loaded(), 19, 'all keys have been saved');
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
start_node($standby);
$node->safe_psql('postgres', q(UPDATE read_through SET v = 'changed' WHERE id = 7));
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT count(*) FROM cache.progress'), '0', 'a standby loads nothing');
unlike(slurp_file($standby->logfile, $offset), qr/saved keys/, 'and does not look for keys');
$node->stop('immediate');
$standby->promote;
cmp_ok(loaded($standby), '>=', 10, 'after promotion rows are loaded');
is(cached($standby, 'read_through', 7), '(7,changed,0,5)', 'as they are now');
exact($standby, 'read_through', 'after promotion');
$standby->stop;
ok(-s $standby->data_dir . '/cache_strategies.keys', 'what was a standby saves its own');
done_testing();
