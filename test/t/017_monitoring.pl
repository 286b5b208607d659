
# monitoring/: the queries of the exporters are the same, run as a role that has
# pg_monitor alone, return what is declared of them, and have the numbers of the views.
# The board asks for metrics that there are.  test/monitoring/run has real ones.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

sub query { return $_[0] =~ s/^\s+|\s+$//mgr; }

# ----- what is declared -----

# Of each query its text, labels and values.
my (%postgres_exporter, %sql_exporter);
foreach my $part (slurp_file('monitoring/postgres_exporter.yaml') =~ /^(\w+:\n(?: .*\n)+)/mg)
{
	my ($name, $query, $metrics) = $part =~ /^(\w+):\n(?:  master: true\n)?  query: \|\n((?:    .*\n)+)  metrics:\n(.*)\z/s or die "what is $part";
	my @columns = $metrics =~ /^    - (\w+):\n        usage: (\w+)\n        description: "?[^"\n]+"?\n/mg;

	is(scalar(@columns), 2 * ($metrics =~ tr/-//), "$name: each metric has a usage and a description");
	my %usage = @columns;
	$postgres_exporter{$name} = {
		query => query($query),
		usage => \%usage,
		labels => [ grep { $usage{$_} eq 'LABEL' } sort keys %usage ],
		values => [ grep { $usage{$_} ne 'LABEL' } sort keys %usage ] };
}
foreach my $part (split /^      - name: /m, slurp_file('monitoring/sql_exporter.yml') =~ s/.*?\n    queries:\n//sr)
{
	my ($name, $labels, $values, $query) = $part =~ /^(\w+)\n        help: .*\n        labels: \[(.*)\]\n        values: \[(.*)\]\n        query: \|\n(.*)\z/s or next;

	$sql_exporter{$name} = { query => query($query), labels => [ sort split /, /, $labels ], values => [ sort split /, /, $values ] };
}
is_deeply([ sort keys %sql_exporter ], [ sort keys %postgres_exporter ], 'both exporters have the same queries');
cmp_ok(scalar keys %postgres_exporter, '>=', 5, 'for each view');
foreach my $name (sort keys %postgres_exporter)
{
	is_deeply($sql_exporter{$name}{$_}, $postgres_exporter{$name}{$_}, "$name: with the same $_") foreach qw(query labels values);
	is_deeply(
		[ grep { ($postgres_exporter{$name}{usage}{$_} eq 'COUNTER') ne /_total$|^(?:seconds_bucket|sum|count)$/ } @{ $postgres_exporter{$name}{values} } ],
		[], "$name: what only grows is called so, or as the parts of a histogram");
}

# ----- what the board asks for -----

my %metrics = map { my $name = $_; map { ("${name}_$_" => $postgres_exporter{$name}) } @{ $postgres_exporter{$name}{values} } } keys %postgres_exporter;
my $board = decode_json(slurp_file('monitoring/grafana.json'));
my (%ids, %taken);
foreach my $panel (@{ $board->{panels} })
{
	my ($x, $y, $w, $h) = @{ $panel->{gridPos} }{qw(x y w h)};

	ok(!$ids{ $panel->{id} }++, "$panel->{title}: a number of its own");
	is(scalar(grep { $taken{$_}++ } map { my $i = $_; map { "$i $_" } $y .. $y + $h - 1 } $x .. $x + $w - 1), 0, "$panel->{title}: a place of its own");
	cmp_ok($x + $w, '<=', 24, "$panel->{title}: within the board");
	next if $panel->{type} eq 'row';
	cmp_ok(scalar @{ $panel->{targets} }, '>', 0, "$panel->{title}: asks for something");
	foreach my $target (@{ $panel->{targets} })
	{
		my @asked = $target->{expr} =~ /(cache_strategies_\w+)/g;

		is_deeply([ grep { !$metrics{$_} } @asked ], [], "$panel->{title}: $target->{refId} asks for metrics that there are");
		cmp_ok(scalar @asked, '>', 0, "$panel->{title}: $target->{refId} asks for metrics");
		foreach my $label (map { split /, / } $target->{expr} =~ /by \(([^)]*)\)/g, join ', ', $target->{legendFormat} =~ /\{\{(\w+)\}\}/g)
		{
			ok((grep { $_ eq $label } 'instance', @{ $metrics{ $asked[0] }{labels} }), "$panel->{title}: $target->{refId}: $label is a label");
		}
	}
}
foreach my $variable (grep { $_->{type} eq 'query' } @{ $board->{templating}{list} })
{
	my ($asked) = $variable->{query} =~ /\((cache_strategies_\w+)/;

	ok($metrics{$asked}, "the variable $variable->{name} asks for a metric that there is");
}
my %asked = map { ($_ => 1) } join('', map { $_->{expr} } map { @{ $_->{targets} // [] } } @{ $board->{panels} }) =~ /(cache_strategies_\w+?)_[a-z]+(?:_total|_bytes|_seconds|_entries|_letters)?\b/g;
ok((grep { /^$_/ } keys %asked), "$_ is on the board") foreach sort keys %postgres_exporter;

# ----- what the queries return -----

my $node = new_node('main', 'cache_strategies.results_adapt = on');
add_extension($node);
create_tables($node);
$node->safe_psql('postgres', q(
	CREATE ROLE monitoring LOGIN IN ROLE pg_monitor;
	CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO counted SELECT generate_series(1, 20);
	SELECT cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
	SELECT cache.create_space('s', max_memory => '1MB'), cache.set('k', 'v', space => 's');
	SELECT cache.track('cache_aside');
));
$node->safe_psql('postgres', q(
	SELECT count(cache.read(NULL::read_through, i)) FROM generate_series(1, 30) i;
	SELECT cache.increment(NULL::counted, 'n', 1, i) FROM generate_series(1, 5) i;
	SELECT cache.get('k', space => 's'), cache.get('none', space => 's');
));
$node->safe_psql('postgres', 'SET cache_strategies.results = auto; SET cache_strategies.results_min_cost = 0;' . 'SELECT count(*) FROM cache_aside;' x 40);

my %view = (store => 'stats', table => 'table_stats', space => 'space_stats', flush => 'flush_status', results => 'result_stats',
	reasons => 'stats_reasons', latency => 'latency_histogram', latency_seconds => 'latency');
foreach my $name (sort keys %postgres_exporter)
{
	my $it = $postgres_exporter{$name};
	my $view = 'cache.' . $view{ $name =~ s/^cache_strategies_//r };
	my $rows = $node->safe_psql('postgres', "SELECT coalesce(json_agg(q), '[]') FROM ($it->{query}) q", extra_params => [ '-U', 'monitoring' ]);
	my @rows = @{ decode_json($rows) };

	cmp_ok(scalar @rows, '>', 0, "$name returns rows");
	is_deeply([ sort keys %{ $rows[0] } ], [ sort @{ $it->{labels} }, @{ $it->{values} } ], "$name returns what is declared") if @rows;
	is_deeply([ map { my $row = $_; grep { !defined $row->{$_} } keys %$row } @rows ], [], "$name has no value that is not there");
	next if $name =~ /_results$|_latency/;

	# A column has the view's name, perhaps with a unit after it, or without "total" where it
	# does not grow.
	my @seen = @{ decode_json($node->safe_psql('postgres', "SELECT coalesce(json_agg(v), '[]') FROM $view v")) };
	is(scalar @rows, scalar @seen, "$name has the rows of $view");
	foreach my $value (grep { !/^(?:active|oldest_seconds)$/ } @{ $it->{values} })
	{
		my ($column) = grep { exists $seen[0]{$_} } "${value}_total", $value, $value =~ s/_(?:total|bytes|seconds)$//r;
		my $number = sub { my $x = $_[0] // 0; ref $x ? $x + 0 : $x };

		is_deeply([ sort map { $number->($_->{$value}) + 0 } @rows ], [ sort map { $number->($_->{$column}) + 0 } @seen ], "$name: $value is $view.$column");
	}
}
my $sums = decode_json($node->safe_psql('postgres', "SELECT row_to_json(q) FROM ($postgres_exporter{cache_strategies_results}{query}) q"));
is(join(' ', @$sums{qw(calls hits misses)}), $node->safe_psql('postgres', q(SELECT sum(calls) || ' ' || sum(hits) || ' ' || sum(misses) FROM cache.result_stats)), 'results are summed');
cmp_ok($sums->{hits}, '>', 0, 'and there are some');

# The histogram has all its bounds, and at each what the view has; empty buckets the view
# leaves out.
my $latency = $postgres_exporter{cache_strategies_latency}{query};
is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT le) FROM ($latency) q"), join('|', 9 * 28, 28), 'each histogram has 28 bounds');
is($node->safe_psql('postgres', "SELECT count(*) FROM ($latency) q WHERE seconds_bucket IS DISTINCT FROM (
	SELECT coalesce(sum(h.count), 0) FROM cache.latency_histogram h WHERE (h.kind, h.operation) = (q.kind, q.operation)
		AND (le = '+Inf' OR below_ms <= le::float8 * 1000.0000001))"), '0', 'with the numbers of cache.latency_histogram');
is($node->safe_psql('postgres', "SELECT bool_or(seconds_bucket > 0), bool_and(seconds_bucket = timed) FROM ($latency) q JOIN cache.latency USING (kind, operation) WHERE le = '+Inf'"),
	't|t', 'the last is all that was timed');
is($node->safe_psql('postgres', "SELECT count(*) FROM ($postgres_exporter{cache_strategies_latency_seconds}{query}) q FULL JOIN cache.latency l USING (kind, operation)
	WHERE q.sum IS DISTINCT FROM l.total_ms / 1000 OR q.count IS DISTINCT FROM l.timed"), '0', 'sum and count are those of cache.latency');
$node->stop;
done_testing();
