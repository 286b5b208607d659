
# The machine's clock is set: no key and no row expires early, and none
# that has expired comes back.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../faults";

use CacheTest;
use Clock;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $clock = Clock->new;
my $node = PostgreSQL::Test::Cluster->new('main');

$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_strategies'\nautovacuum = off\n");

sub sql
{
	return $node->safe_psql('postgres', join("\n", @_));
}

sub state
{
	return sql(q(
		SELECT cache.get('day'), cache.get('brief'), cache.get('ever'), cache.exists('day'), cache.exists('brief'),
			cache.ttl('day') BETWEEN '23 hours' AND '1 day', cache.ttl('ever') IS NULL,
			(SELECT string_agg(k, ' ') FROM cache.keys() k),
			(SELECT outcome FROM cache.explain(NULL::t, 1)), (SELECT outcome FROM cache.explain(NULL::u, 1));));
}

$clock->start($node);
add_extension($node);
sql(q(
	CREATE TABLE t (id int PRIMARY KEY, v text);
	INSERT INTO t VALUES (1, 'row');
	SELECT cache.attach('t', 'read_through', ttl => '1 day');
	CREATE TABLE u (id int PRIMARY KEY, v text);
	INSERT INTO u VALUES (1, 'row');
	SELECT cache.attach('u', 'read_through', ttl => '300 ms');));
$clock->set($node, '+0', 0);

# Otherwise all the rest would be waited for in vain.
sub must
{
	my ($passed) = @_;

	die 'the clock of expiry is wrong' unless $passed;
}

# Set, step, look: from each of these times to the next.
my @steps = ([ '+3d', 3 ], [ '-5d', -5 ], [ '+1d', 1 ], [ '+0', 0 ], [ '-400d', -400 ], [ '+400d', 400 ]);

foreach my $i (0 .. $#steps)
{
	my ($offset, $days) = @{ $steps[$i] };
	my $name = "clock set to $offset";

	sql(q(
		SELECT cache.set('day', 'd', ttl => '1 day'), cache.set('brief', 'b', ttl => '300 ms', immediate => true),
			cache.set('ever', 'e');
		SELECT cache.read(NULL::t, 1), cache.read(NULL::u, 1);));
	# What has expired before the step ...
	must(ok($node->poll_query_until('postgres', q(
			SELECT NOT cache.exists('brief') AND cache.lookup(NULL::u, 1) IS NULL)), "before the $name: the brief ones end"));
	is(state(), 'd||e|t|f|t|t|day ever|hit|miss', "before the $name: the others are there");
	sql(q(SELECT cache.set('late', 'l', ttl => '2 s'), cache.set('soon', 's', ttl => '100 ms', immediate => true);));
	$clock->set($node, $offset, $days);
	# ... is not there after it, and what has not is.
	must(like(state(), qr/^d\|\|e\|t\|f\|t\|t\|day ever( late)?( soon)?\|hit\|miss$/, "$name: nothing ends early or comes back"));
	is(sql(q(SELECT cache.add('brief', 'again'), cache.add('day', 'again'), cache.delete('brief');)), 't|f|t',
		"$name: for changes neither");
	# What is to end soon ends by its own time.
	must(ok($node->poll_query_until('postgres', q(SELECT NOT cache.exists('late') AND NOT cache.exists('soon'))),
		"$name: what has not expired before expires after it"));
	is(sql(q(SELECT cache.touch('day'), cache.ttl('day') BETWEEN '23 hours' AND '1 day';)), 't|t', "$name: touch() and ttl()");
}

# A table's rows and keys that were put there under a wrong clock, after a restart.
$node->stop;
$clock->put('+30d');
$clock->start($node);
$clock->set($node, '+30d', 30);
sql(q(
	SELECT cache.set('day', 'd', ttl => '1 day'), cache.set('brief', 'b', ttl => '300 ms', immediate => true),
		cache.set('ever', 'e');
	SELECT cache.read(NULL::t, 1), cache.read(NULL::u, 1);));
$clock->set($node, '+0', 0);
ok($node->poll_query_until('postgres', q(SELECT NOT cache.exists('brief') AND cache.lookup(NULL::u, 1) IS NULL)),
	'the clock is set right: the brief ones end');
is(state(), 'd||e|t|f|t|t|day ever|hit|miss', 'the clock is set right: the others are there');

$node->stop;
done_testing();
