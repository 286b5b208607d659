
# docs/reference.md: what its examples of keys, values and spaces print is what psql
# prints.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($section) = slurp_file('docs/reference.md') =~ /^(## Keys and values\n.*?)^### Tables `cache\.spaces`/ms
  or die 'the section is not there';

# Time stands still.  Left out is the scan of a space with thousands of keys.
my $node = new_node('main');
$node->safe_psql('postgres', q(
	CREATE EXTENSION cache_strategies;
	CREATE ROLE app;
	DO $$ BEGIN CREATE ROLE postgres LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN END $$;
	CREATE FUNCTION clock(seconds float8) RETURNS timestamptz LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_clock';
	SELECT clock(0);
));
section_prints($node, $section, 60, qr/scan_keys/);
$node->stop;
done_testing();
