
# A database that belongs to a role which is no superuser: the owner dumps it, and
# restores it into one in which a superuser has made the extension.  What the extension
# keeps of tables and spaces is restored by a superuser; without that, the owner attaches
# the tables anew.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main');
my $dump = $node->basedir . '/owner.dump';
my @server = ('-h', $node->host, '-p', $node->port);

sub as_boss
{
	my ($db, $sql) = @_;

	return $node->safe_psql($db, $sql, extra_params => [ '-U', 'boss' ]);
}

# What pg_restore complains about, without what it says of the circumstances.
sub restore
{
	my ($db, $role, @options) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'pg_restore', @server, '-U', $role, '-d', $db, @options, $dump ], '<', \undef, '>', \$out, '2>', \$err);
	return join "\n", sort $err =~ /(?:could not execute query: |COPY failed for table "\S+": )ERROR:  (.*)/g;
}

$node->safe_psql('postgres', 'CREATE ROLE boss LOGIN; CREATE ROLE reader LOGIN; CREATE DATABASE source OWNER boss');
add_extension($node, 'source');
as_boss('source', q(
	CREATE SCHEMA shop;
	GRANT USAGE ON SCHEMA shop TO reader;
	CREATE TABLE shop.products (id int PRIMARY KEY, v text);
	CREATE TABLE shop.pages (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	CREATE TABLE shop.parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE shop.parted_1 PARTITION OF shop.parted FOR VALUES FROM (0) TO (100);
	CREATE TABLE shop.sales (id int, pieces int);
	GRANT SELECT ON shop.products TO reader;
	INSERT INTO shop.products SELECT i, 'row ' || i FROM generate_series(1, 5) i;
	INSERT INTO shop.parted SELECT i, 'row ' || i FROM generate_series(1, 5) i;
	INSERT INTO shop.pages SELECT i FROM generate_series(1, 5) i;
	INSERT INTO shop.sales VALUES (1, 10);
	SELECT cache.attach('shop.products', 'read_through', ttl => '1 hour'), cache.attach('shop.parted'),
		cache.attach('shop.pages', 'write_back', merge => '{"n": "add"}', flush_interval => '2 hours'),
		cache.track('shop.sales'), cache.create_space('boss space', ttl => '1 hour'), cache.grant_space('boss space', 'reader');
	SELECT cache.increment(NULL::shop.pages, 'n', 7, 1);
	SELECT cache.flush('shop.pages');
));
$node->command_ok([ 'pg_dump', @server, '-U', 'boss', '-Fc', '-f', $dump, 'source' ], 'the owner dumps the database');

my $attached = q(SELECT relation, strategy, ttl, flush_interval, merge, problem FROM cache.bindings ORDER BY relation::text);
my $triggers = q(SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname LIKE '%cache_strategies%' ORDER BY tgrelid::regclass::text, tgname);
my $rows = q(SELECT * FROM shop.products ORDER BY id; SELECT * FROM shop.parted ORDER BY id; SELECT * FROM shop.pages ORDER BY id; SELECT * FROM shop.sales);
my %source = map { $_ => $node->safe_psql('source', $_) } $attached, $triggers, $rows;

sub new_database
{
	my ($db) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER boss TEMPLATE template0");
	add_extension($node, $db);
}

# Everything works, for the owner and for others with the rights that they had.
sub check_works
{
	my ($db, $name) = @_;
	my $reader = [ '-U', 'reader' ];
	my ($out, $err);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($db, $attached), $source{$attached}, "$name: what is attached, and how; nothing is wrong with it");
	is($node->safe_psql($db, $triggers), $source{$triggers}, "$name: triggers");
	is($node->safe_psql($db, q(SELECT cache.read(NULL::shop.products, 2)), extra_params => $reader), '(2,"row 2")', "$name: another role reads what it may");
	(undef, undef, $err) = $node->psql($db, 'SELECT cache.read(NULL::shop.pages, 1)', extra_params => $reader);
	like($err, qr/permission denied for table pages/, "$name: and nothing else");
	is(as_boss($db, q(
			SELECT cache.read(NULL::shop.parted, 3);
			UPDATE shop.products SET v = 'changed' WHERE id = 1; UPDATE shop.parted SET v = 'changed' WHERE id = 3;
			SELECT cache.read(NULL::shop.products, 1), cache.read(NULL::shop.parted, 3))),
		qq{(3,"row 3")\n(1,changed)|(3,changed)}, "$name: changes are seen");
	is(as_boss($db, q(SELECT cache.increment(NULL::shop.pages, 'n', 5, 1); SELECT n FROM shop.pages WHERE id = 1; SELECT cache.flush('shop.pages'); SELECT n FROM shop.pages WHERE id = 1)),
		"12\n7\n1\n12", "$name: writes are deferred, on top of those that were flushed before the dump");
	is(as_boss($db, q(SELECT cache.remember('sum', '1 hour', 'SELECT sum(pieces) FROM shop.sales'); INSERT INTO shop.sales VALUES (2, 5); SELECT cache.remember('sum', '1 hour', 'SELECT sum(pieces) FROM shop.sales'))),
		qq([{"sum": 10}]\n[{"sum": 15}]), "$name: changes of the tracked table are noted");
	is(as_boss($db, q(SELECT cache.set('k', 'x', space => 'boss space'), cache.ttl('k', 'boss space') > '59 min')) . ' ' .
		$node->safe_psql($db, q(SELECT cache.get('k', 'boss space')), extra_params => $reader), 't|t x', "$name: the space and who may read it");
	is($node->safe_psql($db, q(SELECT count(*) FROM cache.flush_status WHERE dead_letters > 0 OR last_error IS NOT NULL)), '0', "$name: no flush has failed");
}

# ----- all at once, by the owner -----

new_database('at_once');
is(restore('at_once', 'boss'),
	join("\n", 'must be owner of extension cache_strategies', (map { "permission denied for sequence $_" } qw(dead_letter_store_id_seq declared_store_id_seq space_ids)),
		map { "permission denied for table $_" } qw(binding_store dead_letter_store declared_store flush_state journal_a journal_b space_grants spaces tracked tracked_schemas untracked)),
	'by the owner: what the owner must not write to is what cannot be restored');
is($node->safe_psql('at_once', $rows), $source{$rows}, 'by the owner: all rows are there');

# ----- the owner's part, and then a superuser's -----

new_database('in_parts');
is(restore('in_parts', 'boss', '--no-comments', '-N', 'cache'), '', q(the owner's part: no error));
is($node->safe_psql('in_parts', $rows), $source{$rows}, q(the owner's part: all rows));
is($node->safe_psql('in_parts', $triggers), $source{$triggers}, q(the owner's part: triggers));
is(restore('in_parts', $superuser, '--data-only', '-n', 'cache'), '', q(a superuser's part: no error));
check_works('in_parts', 'in two parts');

# ----- the owner's part, and the owner attaches anew -----

new_database('anew');
is(restore('anew', 'boss', '--no-comments', '-N', 'cache'), '', 'without a superuser: no error');
my (undef, undef, $err) = $node->psql('anew', 'SELECT cache.read(NULL::shop.products, 1)', extra_params => [ '-U', 'boss' ]);
like($err, qr/table "products" is not attached to the cache/, 'without a superuser: tables are not attached');
is(as_boss('anew', q(UPDATE shop.products SET v = 'x' WHERE id = 5; UPDATE shop.pages SET n = n + 1 WHERE id = 5; INSERT INTO shop.parted VALUES (50, 'x'); DELETE FROM shop.parted WHERE id = 50;
		SELECT v, n FROM shop.products JOIN shop.pages USING (id) WHERE id = 5)), 'x|1', 'without a superuser: their triggers get in no way');
as_boss('anew', q(
	SELECT cache.attach('shop.products', 'read_through', ttl => '1 hour'), cache.attach('shop.parted'),
		cache.attach('shop.pages', 'write_back', merge => '{"n": "add"}', flush_interval => '2 hours'),
		cache.track('shop.sales'), cache.create_space('boss space', ttl => '1 hour'), cache.grant_space('boss space', 'reader')));
check_works('anew', 'attached anew');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
