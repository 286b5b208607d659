
# Roles whose tables cannot be flushed leave room for the deferred writes of others.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'cache_strategies.memory = 24MB');

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE low1; CREATE ROLE low2; CREATE ROLE good;
	GRANT CREATE ON SCHEMA public TO low1, low2, good;
	CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$;
));
foreach my $table (map { ("low1_$_", "low2_$_") } 1 .. 3)
{
	my ($role) = $table =~ /^(low\d)/;

	$node->safe_psql('postgres', qq(
		SET ROLE $role;
		CREATE TABLE $table (id int PRIMARY KEY, v text);
		INSERT INTO $table SELECT generate_series(1, 20000);
		SELECT cache.attach('$table', 'write_back', merge => '{"v": "replace"}', flush_interval => '1 s');
		CREATE TRIGGER zz AFTER UPDATE ON $table FOR EACH ROW EXECUTE FUNCTION full_disk()));
}
$node->safe_psql('postgres', q(
	SET ROLE good;
	CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO counters SELECT generate_series(1, 1000);
	SELECT cache.attach('counters', 'write_back', merge => '{"n": "add"}', flush_interval => '1 day');
));

sub waits
{
	return $node->safe_psql('postgres', "SELECT waits FROM cache.flush_status WHERE relation = '$_[0]'::regclass");
}

# Rows are written until the writer has to wait; a slow machine may take as long as
# that without.
sub until_waits
{
	my ($table, $rows) = @_;
	my $role = $table =~ /^(low\d)/ ? $1 : 'good';
	my $from = 1;

	while ($from < $rows)
	{
		my $before = waits($table);
		my ($status, undef, $error) = $node->psql('postgres', qq(
			SET ROLE $role;
			SET statement_timeout = @{[ 3000 * $slowness ]};
			UPDATE $table SET v = repeat('x', 300) WHERE id BETWEEN $from AND $from + 99));

		last if $status != 0 && (waits($table) > $before || $error !~ /statement timeout/);
		$from += 100 if $status == 0;
	}
	cmp_ok($from, '<', $rows, "$table: at last its writers wait");
}

# A table with max_memory has no more than that deferred, whether it can be flushed or
# not, and its owner's other tables are not concerned.
$node->safe_psql('postgres', q(
	SET ROLE good;
	CREATE TABLE capped (id int PRIMARY KEY, v text);
	INSERT INTO capped SELECT generate_series(1, 5000);
	SELECT cache.attach('capped', 'write_back', merge => '{"v": "replace"}', flush_interval => '1 day', max_memory => '256kB');
	CREATE TRIGGER zz AFTER UPDATE ON capped FOR EACH ROW EXECUTE FUNCTION full_disk()));
until_waits('capped', 5000);
is($node->safe_psql('postgres', q(SELECT dirty_bytes > 128 * 1024, dirty_bytes < 384 * 1024 FROM cache.flush_status WHERE relation = 'capped'::regclass)),
	't|t', 'a table with max_memory: what is deferred keeps to it');
is($node->safe_psql('postgres', q(SET ROLE good; SELECT cache.increment(NULL::counters, 'n', 1, 1); SELECT cache.flush('counters'))), "1\n1",
	'another table of the owner defers');
$node->safe_psql('postgres', q(
	DROP TRIGGER zz ON capped;
	SELECT cache.flush('capped');
	SELECT cache.increment(NULL::counters, 'n', -1, 1);
	SELECT cache.flush('counters')));

# What low roles can defer before they have to wait.
until_waits($_, 20000) foreach map { ("low1_$_", "low2_$_") } 1 .. 3;
my $shares = $node->safe_psql('postgres', q(
	SELECT DISTINCT relowner::regrole, owner_dirty_bytes > 0.3 * value_memory, owner_dirty_bytes < 0.6 * value_memory,
		owner_limit < 0.5 * value_memory
	FROM cache.stats, cache.flush_status JOIN pg_class c ON c.oid = relation WHERE relowner = 'low1'::regrole));
is($shares, 'low1|t|t|t', 'the first role has three quarters of what there is, and the limit is smaller now');
Test::More->builder->is_passing or die 'without a limit there is no warning';

# Others go on.
my ($status, undef, $error) = $node->psql('postgres', qq(
	SET ROLE good;
	SET statement_timeout = @{[ 120000 * $slowness ]};
	UPDATE counters SET n = n + 1;
	UPDATE counters SET n = n + 1;
));
is("$status$error", '0', 'another role defers');
is($node->safe_psql('postgres', q(SELECT dirty_entries FROM cache.flush_status WHERE relation = 'counters'::regclass)), '1000', 'all of it');
is($node->safe_psql('postgres', q(SELECT cache.flush('counters'); SELECT sum(n) FROM counters)), "1000\n2000", 'and flushes');

# In the end the writer is told.
($status, undef, $error) = $node->psql('postgres', q(
	\set VERBOSITY verbose
	SET ROLE low1;
	SET statement_timeout = 0;
	UPDATE low1_1 SET v = 'y' WHERE id > 19900));
like($error, qr/53400: too much is deferred for the tables of role "low1".*HINT:  See cache\.flush_status/s, 'when flushes go on failing the writer is told');

# Nothing is lost.
$node->safe_psql('postgres', "DROP TRIGGER zz ON $_") for map { ("low1_$_", "low2_$_") } 1 .. 3;
ok($node->poll_query_until('postgres', q(SELECT sum(dirty_entries) = 0 FROM cache.flush_status)), 'when they can be flushed they are');

$node->stop;
done_testing();
