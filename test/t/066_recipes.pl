
# docs/recipes.md: each block of SQL in it is run, in its order, and does what
# the document shows.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# Time is what the document says: it passes in pg_sleep() and nowhere else, however
# slow the machine is.
$node->safe_psql('postgres', q(
	CREATE SCHEMA stopped;
	GRANT USAGE ON SCHEMA stopped TO PUBLIC;
	CREATE FUNCTION stopped.clock(seconds float8) RETURNS timestamptz LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_clock';
	CREATE FUNCTION stopped.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT stopped.clock(0)';
	CREATE FUNCTION stopped.pg_sleep(seconds float8) RETURNS void LANGUAGE sql AS 'SELECT stopped.clock(seconds)';
	SELECT stopped.clock(0);
	ALTER DATABASE postgres SET search_path = public, stopped, pg_catalog;
));
document_runs($node, 'docs/recipes.md', 20);
$node->stop;
done_testing();
