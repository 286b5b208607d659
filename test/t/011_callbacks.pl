
# A backend has room for ten relcache callbacks, of PostgreSQL's own and of all
# libraries, and ends when one more is asked for.  This library takes one, and
# leaves all but those that PostgreSQL needs to others.  A session has room for twenty
# functions that are called when it ends.  The library takes one place, at a moment when
# the transaction can still be rolled back.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# ----- who registers anything -----

sub places
{
	my ($function) = @_;
	my @places;

	foreach my $file (glob('src/*.c src/*/*.c'))
	{
		push @places, ($file) x (() = slurp_file($file) =~ /\b$function(?:\s*\(| = \w)/g);
	}
	return "@places";
}

is(places('CacheRegisterRelcacheCallback'), 'src/inval.c', 'one place registers relcache callbacks');
is(places('CacheRegisterSyscacheCallback'), 'src/inval.c', 'one place registers syscache callbacks');
is(places('object_access_hook'), 'src/hooks.c', 'one place sets object_access_hook');
is(places('RegisterXactCallback'), 'src/xact/protocol.c', 'one place registers a transaction callback');
is(places('RegisterSubXactCallback'), 'src/xact/protocol.c', 'one place registers a subtransaction callback');
is( places('before_shmem_exit'),
	'src/bgworker/launcher.c src/bgworker/refresh.c src/bgworker/reload.c src/store/counters.c src/writeback/alone.c src/writeback/flusher.c',
	'one place of a session registers what is called at exit');

# ----- beside libraries that take all others -----

# PostgreSQL takes three in such sessions: for plans, types and relfilenumbers.
my $others = 10 - 3 - 1;
my $dir = PostgreSQL::Test::Utils::tempdir;
append_to_file("$dir/others.c", <<C);
#include "postgres.h"
#include "fmgr.h"
#include "storage/ipc.h"
#include "utils/inval.h"

PG_MODULE_MAGIC;
void		_PG_init(void);

static void
callback(Datum arg, Oid relid)
{
}

static void
at_exit(int code, Datum arg)
{
}

PG_FUNCTION_INFO_V1(take_exit_places);

Datum
take_exit_places(PG_FUNCTION_ARGS)
{
	for (int i = 0; i < PG_GETARG_INT32(0); i++)
		before_shmem_exit(at_exit, (Datum) 0);
	PG_RETURN_VOID();
}

void
_PG_init(void)
{
	for (int i = 0; i < $others; i++)
		CacheRegisterRelcacheCallback(callback, (Datum) 0);
}
C
chomp(my $include = `pg_config --includedir-server`);
system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/others.so", "-I$include", "$dir/others.c");

my $node = new_node('main', "shared_preload_libraries = 'cache_strategies,$dir/others.so'",
	"cache_strategies.load_timeout = '60s'");

add_extension($node);
create_tables($node);
is( $node->safe_psql('postgres', q(
		CREATE TABLE w (id int PRIMARY KEY, n int);
		INSERT INTO w VALUES (1, 0);
		SELECT cache.attach('w', 'write_back', merge => '{"n": "add"}');
		UPDATE w SET n = n + 1 WHERE id = 1;
		SELECT cache.flush('w');
		SELECT (cache.read(NULL::w, 1)).n;
		SELECT (cache.read(NULL::read_through, 1)).v;
		SELECT cache.set('k', 'v');
		SELECT cache.get('k');
		SELECT cache.create_space('s');
		SELECT cache.remember('r', '1 hour', 'SELECT count(*) FROM read_through');
		SELECT pg_filenode_relation(0, pg_relation_filenode('w'))::text;
	)) =~ s/^\n+//mgr,
	join("\n", 1, 1, 'row 1', 't', 'v', '[{"count": 20}]', 'w'),
	'one session uses everything');
exact($node, 'read_through', 'reads are exact');
is($node->safe_psql('postgres', q(
		ALTER TABLE read_through ADD COLUMN more int DEFAULT 7;
		SELECT (cache.read(NULL::read_through, 1)).more, cache.remember('r', '1 hour', 'SELECT max(more) FROM read_through');
	)), '7|[{"max": 7}]', 'and is told of what has changed');
unlike(slurp_file($node->logfile), qr/out of (relcache|syscache)_callback_list slots/, 'no backend asked for too many');

# ----- no place for what is called at exit -----

$node->safe_psql('postgres', qq(
	CREATE FUNCTION take_exit_places(int) RETURNS void AS '$dir/others.so' LANGUAGE C;
));
my $free = 20;
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# as many as one session can take
$free-- while $free > 0 && $node->psql('postgres', "SELECT take_exit_places($free)") != 0;
cmp_ok($free, '>', 0, 'a session has places left');

# in(PLACES, STATEMENT): what the session says that has left PLACES.
sub in_session_with
{
	my ($places, @statements) = @_;
	my ($stdout, $stderr) = ('', '');

	$node->psql('postgres', join(";\n", 'SELECT take_exit_places(' . ($free - $places) . ')', @statements),
		stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	return $stdout . $stderr;
}

unlike(in_session_with(1, 'SELECT cache.stats_reset()', "UPDATE write_through SET v = 'one' WHERE id = 1"),
	qr/FATAL/, 'one place is enough');
is($node->safe_psql('postgres', 'SELECT v FROM write_through WHERE id = 1'), 'one', 'the change was committed');
# Loading a row takes a place for as long as it goes on, so these are in the cache.
$node->safe_psql('postgres', 'SELECT cache.read(NULL::write_through, i) FROM generate_series(1, 2) i');
like(in_session_with(0, "SELECT (cache.read(NULL::write_through, 1)).v FROM generate_series(1, 2)"),
	qr/FATAL.*exit slots/, 'without a place a session ends');
like(in_session_with(0, "BEGIN", "SELECT (cache.read(NULL::write_through, 2)).v",
		"UPDATE write_through SET v = 'none' WHERE id = 2", "COMMIT"),
	qr/FATAL.*exit slots/, 'at the end of its transaction');
is($node->safe_psql('postgres', 'SELECT v FROM write_through WHERE id = 2'), 'row 2', 'which is rolled back');
like(in_session_with(0, "SELECT (cache.read(NULL::write_through, 3)).v"), qr/FATAL.*exit slots/, 'or when it loads a row');
is( $node->psql('postgres', "SET statement_timeout = '30s'; SELECT cache.read(NULL::write_through, i) FROM generate_series(1, 3) i"),
	0, 'others do not wait for what it was loading');
exact($node, 'write_through', 'and the cache is exact');
is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server has gone on');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal/, 'no session has taken others with it');

# ----- counts of sessions that end -----

my $reads = q(SELECT (cache.read(NULL::cache_aside, 3)).v);

$node->safe_psql('postgres', "SELECT cache.stats_reset(); $reads");
$node->safe_psql('postgres', join(';', ($reads) x 5));
is($node->safe_psql('postgres', q(SELECT hits + misses FROM cache.table_stats WHERE relation = 'cache_aside'::regclass)),
	6, 'a session that ends hands in what it has counted');
$node->psql('postgres', "BEGIN; $reads; $reads; SELECT 1 / 0");
is($node->safe_psql('postgres', q(SELECT hits + misses FROM cache.table_stats WHERE relation = 'cache_aside'::regclass)),
	8, 'also of a transaction that has failed');

$node->stop;
done_testing();
