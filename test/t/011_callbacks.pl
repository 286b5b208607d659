
# A backend has room for ten relcache callbacks, of PostgreSQL's own and of all
# libraries, and ends when one more is asked for.  This library takes one, and
# leaves all but those that PostgreSQL needs to others.

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

# ----- beside libraries that take all others -----

# PostgreSQL takes three in such sessions: for plans, types and relfilenumbers.
my $others = 10 - 3 - 1;
my $dir = PostgreSQL::Test::Utils::tempdir;
append_to_file("$dir/others.c", <<C);
#include "postgres.h"
#include "fmgr.h"
#include "utils/inval.h"

PG_MODULE_MAGIC;
void		_PG_init(void);

static void
callback(Datum arg, Oid relid)
{
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

my $node = new_node('main', "shared_preload_libraries = 'cache_strategies,$dir/others.so'");

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

$node->stop;
done_testing();
