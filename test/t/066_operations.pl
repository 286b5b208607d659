
# docs/operations.md: each block of SQL in it is run, in its order, and does what the
# document shows.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# The tables that its head names, and a write that its table has refused.
add_extension($node);
$node->safe_psql('postgres', q(
	CREATE TABLE products (id int PRIMARY KEY, name text, price numeric, stock int);
	INSERT INTO products SELECT i, 'product ' || 10000 + i % 100, 10.5, i % 7 FROM generate_series(1, 10000) i;
	CREATE TABLE pages (id int PRIMARY KEY, title text NOT NULL, views bigint NOT NULL DEFAULT 0, seen timestamptz, status text);
	INSERT INTO pages SELECT i, 'page ' || i FROM generate_series(1, 100) i;
	SELECT cache.attach('products');
	SELECT cache.attach('pages', 'write_back', flush_interval => '1 day', merge => '{"views": "add", "seen": "max", "status": "replace"}');
	SELECT cache.track('products');
	SELECT cache.read(NULL::products, 1);
	SELECT cache.set('k', 'v');
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not a good page'; END$$;
	CREATE TRIGGER refuse BEFORE UPDATE ON pages FOR EACH ROW WHEN (NEW.id = 13) EXECUTE FUNCTION refuse();
));
$node->safe_psql('postgres', 'SELECT cache.increment(NULL::pages, $$views$$, 1, 13)');
$node->safe_psql('postgres', 'SELECT cache.flush($$pages$$)');
is($node->safe_psql('postgres', 'SELECT count(*) FROM cache.dead_letters'), '1', 'there is something to look at');
$node->safe_psql('postgres', 'DROP TRIGGER refuse ON pages');

# The size that it counts with.
my ($size) = slurp_file('docs/operations.md') =~ /^ 10000 \| +(\d+) \|/m;
$node->safe_psql('postgres', q(SELECT cache.warm('products', 1000)));
my $taken = $node->safe_psql('postgres', q(SELECT bytes / entries FROM cache.table_stats WHERE relation = 'products'::regclass));
ok(abs($taken - $size) < 0.15 * $size, "entries of products take what it counts with") || diag("$taken, and the document says $size");
$node->safe_psql('postgres', q(SELECT cache.invalidate('products')));

document_runs($node, 'docs/operations.md', 18);
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_extension WHERE extname = 'cache_strategies')), '0', 'at its end the extension is gone');
is($node->safe_psql('postgres', q(SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('products'::regclass, 'pages'::regclass))), '0', 'with its triggers');
is($node->safe_psql('postgres', 'SELECT views FROM pages WHERE id = 13'), '1', 'and what was refused has been written');
$node->stop;
done_testing();
