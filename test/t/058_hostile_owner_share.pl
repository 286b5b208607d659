
# What one role may have deferred in all of its tables together, while each of them
# keeps to its own share: the writer that meets the limit waits.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main', 'cache_strategies.memory = 8MB');

# Each attempt to flush fails at once, and nothing makes room.
add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE low;
	GRANT CREATE ON SCHEMA public TO low;
	CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$;
	SET ROLE low;
	CREATE TABLE one (id int PRIMARY KEY, v text);
	INSERT INTO one SELECT generate_series(1, 10000);
	CREATE TABLE two (LIKE one INCLUDING ALL);
	INSERT INTO two TABLE one;
	SELECT cache.attach(t, 'write_back', merge => '{"v": "replace"}', flush_interval => '1 day', durable => false)
	FROM unnest('{one,two}'::regclass[]) t;
	CREATE TRIGGER zz AFTER UPDATE ON one FOR EACH ROW EXECUTE FUNCTION full_disk();
	CREATE TRIGGER zz AFTER UPDATE ON two FOR EACH ROW EXECUTE FUNCTION full_disk();
));

sub status_of
{
	return $node->safe_psql('postgres', "SELECT $_[0] FROM cache.flush_status WHERE relation = 'two'::regclass");
}

# So many bytes together, in steps; the error, if there is one.
sub write_until
{
	my ($table, $bytes) = @_;

	for (my $from = 1; status_of('owner_dirty_bytes') < $bytes && $from < 10000; $from += 250)
	{
		my (undef, undef, $error) = $node->psql('postgres', qq(
			SET ROLE low;
			SET statement_timeout = @{[ 3000 * $slowness ]};
			UPDATE $table SET v = repeat('x', 900) WHERE id BETWEEN $from AND $from + 249));

		return $error if $error ne '';
	}
	return '';
}

# With nothing deferred the limit is three times what there is.
my $all = status_of('owner_limit') / 3;

# A table may have half of it, and a role three quarters.
is(write_until('one', 0.4 * $all), '', 'the first table');
like(write_until('two', 0.88 * $all), qr/canceling statement due to statement timeout/, 'the second one: its writer waits');
cmp_ok(status_of('waits'), '>', 0, 'for room');
cmp_ok(status_of('dirty_bytes'), '<', 0.48 * $all, 'although the table has less than its share');
cmp_ok(status_of('owner_dirty_bytes'), '>', 0.7 * $all, 'its owner has three quarters');
cmp_ok(status_of('owner_dirty_bytes'), '<', 0.82 * $all, 'and no more');

$node->stop('immediate');
done_testing();
