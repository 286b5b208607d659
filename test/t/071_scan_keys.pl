
# cache.scan_keys(): what it costs, as work that is counted, and that it meets
# every key that is there all the time while other sessions change keys.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.memory = 64MB');
add_extension($node);
$node->safe_psql('postgres', q(
	CREATE FUNCTION looked_at() RETURNS bigint LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_scanned';
	SELECT cache.create_space('s');
	SELECT cache.set_many(array_agg('key ' || i), array_agg(i), space => 's') FROM generate_series(1, 50000) i;
	SELECT cache.set_many(array_agg('mine ' || i), array_agg(i)) FROM generate_series(1, 20000) i;
	-- all pages of a scan; what is looked at is counted in buckets
	CREATE FUNCTION scan_pages(per_page bigint, OUT pages bigint, OUT met bigint, OUT buckets bigint, OUT most bigint) LANGUAGE plpgsql AS $$
	DECLARE
		cursor bigint := 0;
		part text[];
		before bigint;
		began bigint := looked_at();
	BEGIN
		pages := 0;
		met := 0;
		most := 0;
		LOOP
			before := looked_at();
			SELECT next_cursor, keys INTO cursor, part FROM cache.scan_keys(cursor, count => per_page, space => 's');
			pages := pages + 1;
			met := met + coalesce(array_length(part, 1), 0);
			most := greatest(most, looked_at() - before);
			EXIT WHEN cursor = 0;
		END LOOP;
		buckets := looked_at() - began;
	END $$;
	CREATE FUNCTION one_page_in_order(OUT buckets bigint) LANGUAGE plpgsql AS $$
	BEGIN
		buckets := looked_at();
		PERFORM cache.keys('', after => 'key 3', count => 1000, space => 's');
		buckets := looked_at() - buckets;
	END $$;
));

# ----- cost -----

my $all = $node->safe_psql('postgres', 'SELECT one_page_in_order()');
cmp_ok($all, '>', 10_000, 'a page of cache.keys() looks at all buckets');
for my $count (100, 1000, 10_000)
{
	my ($pages, $found, $buckets, $most) =
	  split /\|/, $node->safe_psql('postgres', "SELECT * FROM scan_pages($count)");

	is($found, 50_000, "$count a page: every key is met");
	cmp_ok($pages, '>', 3, "$count a page: in $pages pages");
	is($buckets, $all, "$count a page: all pages together look at every bucket once");
	cmp_ok($most, '<=', ($count / 8 + 1) * 64, "$count a page: no page looks at more than its share");
}
my $empty = $node->safe_psql('postgres',
	"BEGIN; SELECT cache.create_space('e'); SELECT next_cursor FROM cache.scan_keys(space => 'e'); SELECT looked_at(); ROLLBACK");
is($empty, "\n0\n0", 'in a space without keys nothing is looked at');

# ----- with others at work -----

my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/change.sql", q(
\set i random(1, 2000)
\set j random(1, 100000)
\set n random(1, 300)
SELECT cache.set('stays ' || :i, repeat('x', :n), space => 's', immediate => :i % 2 = 0);
SELECT cache.set('comes ' || :j, 'x', space => 's', immediate => :j % 2 = 1);
BEGIN;
SELECT cache.delete('comes ' || (:j + 1) % 100000, space => 's'), cache.set('stays ' || :i, 'x', space => 's');
END;
));
$node->safe_psql('postgres', q(
	SELECT cache.set_many(array_agg('stays ' || i), array_agg(i), space => 's') FROM generate_series(1, 2000) i;
	CREATE PROCEDURE scan_often(times int) LANGUAGE plpgsql AS $$
	DECLARE
		cursor bigint;
		part text[];
		seen text[];
	BEGIN
		FOR i IN 1 .. times LOOP
			cursor := 0;
			seen := '{}';
			LOOP
				SELECT next_cursor, keys INTO cursor, part FROM cache.scan_keys(cursor, 'stays ', 100, 's');
				seen := seen || part;
				COMMIT;
				EXIT WHEN cursor = 0;
			END LOOP;
			IF (SELECT count(DISTINCT k) FROM unnest(seen) k) <> 2000 THEN
				RAISE EXCEPTION 'scan % met % of 2000 keys', i, (SELECT count(DISTINCT k) FROM unnest(seen) k);
			END IF;
		END LOOP;
	END $$;
));
my $writers = IPC::Run::start(
	[ 'pgbench', '-n', '-c', '3', '-T', '600', '-h', $node->host, '-p', $node->port,
		'-f', "$dir/change.sql", 'postgres' ],
	'>', '/dev/null', '2>', "$dir/change.err");
ok($node->poll_query_until('postgres', "SELECT count(*) > 10 FROM cache.keys('comes ', space => 's')"),
	'others change keys');
my ($stdout, $stderr);
is($node->psql('postgres', 'CALL scan_often(60)', stderr => \$stderr), 0, 'each scan meets all keys that are there all the time');
is($stderr, '', 'and none is missing');
$writers->signal('TERM');
$writers->finish;
is($node->safe_psql('postgres', "SELECT evictions FROM cache.space_stats WHERE space = 's'"), 0, 'nothing was evicted');

done_testing();
