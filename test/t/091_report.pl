
# cache.report(), cache.history and cache.dashboard(): the page is well-formed, has the
# numbers of the views, shows a role what the views show it, and keeps names and texts
# from being more than text.  test/browser/run has it drawn.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.results_adapt = on', 'cache_strategies.history_interval = 1h');
add_extension($node);

sub sql { return $node->safe_psql('postgres', join(";\n", @_)); }

# ----- reading a page -----

sub decoded
{
	my ($text) = @_;
	my %named = (lt => '<', gt => '>', amp => '&', quot => '"');

	$text =~ s{&(?:#(\d+)|(\w+));}{defined $1 ? chr $1 : $named{$2} // die "no entity: $2"}ge;
	return $text;
}

# Of a page that is well-formed: for each section its text, and the rows of its table, of
# which a cell is the number behind it, or its text.
sub parsed
{
	my ($page) = @_;
	my (@open, %sections, $section, $cell, $value, %tags);

	die "not ASCII: $&" if $page =~ /[^\n\t -~]/;
	$page =~ s/\A<!DOCTYPE html>\n// or die 'no document type';
	while ($page =~ /\G(?:<(\/?)([a-z][a-z0-9]*)((?: [a-z][\w-]*="[^"<>]*")*)(\/?)>|([^<>]+))/gc)
	{
		my ($close, $tag, $attributes, $empty, $text) = ($1, $2, $3, $4, $5);

		if (defined $text)
		{
			die "a bare &: $text" if $text =~ /&(?!#\d+;|lt;|gt;|amp;|quot;)/;
			$section->{text} .= decoded($text) if $section;
			$cell .= decoded($text) if defined $cell;
			next;
		}
		$tags{$tag}++ if !$close;
		if ($close)
		{
			die "<$open[-1]> is ended by </$tag>" if pop @open ne $tag;
			push @{ $section->{rows}[-1] }, $value // $cell if $tag eq 'td' && $section;
			undef $cell if $tag eq 'td';
			undef $section if $tag eq 'section';
			next;
		}
		push @open, $tag if !$empty;
		$section = $sections{$1} = { text => '', rows => [] } if $tag eq 'section' && $attributes =~ / id="([\w-]+)"/;
		push @{ $section->{rows} }, [] if $tag eq 'tr' && $section;
		push @{ $section->{tiles} }, $1 if $tag eq 'dd' && $attributes =~ / data-v="([^"]*)"/;
		($cell, $value) = ('', $attributes =~ / data-v="([^"]*)"/) if $tag eq 'td';
		$section->{path} = $1 if $tag eq 'path' && $attributes =~ / d="([^"]*)"/;
	}
	die 'not well-formed at ' . substr($page, pos($page) // 0, 100) if (pos($page) // 0) != length $page;
	die "not closed: @open" if @open;
	shift @{ $_->{rows} } foreach grep { @{ $_->{rows} } } values %sections;
	return (\%sections, \%tags);
}

sub report
{
	my (@options) = @_;
	my ($page, $error);

	$node->psql('postgres', 'SELECT cache.report()', stdout => \$page, stderr => \$error, @options);
	is($error, '', 'a report');
	return parsed("$page\n");
}

# The rows of a query, as a table in the page has them.
sub rows
{
	my ($query) = @_;
	my $text = $node->safe_psql('postgres', $query, extra_params => [ '-F', "\x1f", '-R', "\x1e", '-P', "null=\xe2\x80\x93" ]);

	utf8::decode($text);
	return [ map { [ split /\x1f/, $_, -1 ] } split /\x1e/, $text ];
}

# ----- of an empty server -----

my ($page, $tags) = report();
is(join(' ', sort keys %$page),
	'advice candidates depth flush histograms hit-ratio latency memory memory-advice reads reasons sizes statements total',
	'all sections are there');
like($page->{memory}{text}, qr/No table is attached/, 'of a server without tables: memory');
like($page->{latency}{text}, qr/Nothing has been timed/, 'latencies');
like($page->{statements}{text}, qr/No results/, 'statements');
like($page->{flush}{text}, qr/No table/, 'the write buffer');
like($page->{'memory-advice'}{text}, qr/Nothing has been sampled/, 'memory advice');
is($page->{total}{tiles}[1], '0', 'nothing was read');
unlike(join('', map { $_->{text} } values %$page), qr/could not be/, 'and nothing failed');

# ----- with something to show -----

my $script = q(<script>"'&amp;</td></html>);
my $quoted = '"' . ($script =~ s/"/""/gr) . '"';
my $image = q("><img src=x onerror=alert(1)>);
$node->safe_psql('postgres', qq(
	CREATE TABLE plain (id int PRIMARY KEY, v text);
	INSERT INTO plain SELECT i, repeat('x', 100) FROM generate_series(1, 3000) i;
	CREATE TABLE $quoted (id int PRIMARY KEY, v text);
	INSERT INTO $quoted SELECT i, 'x' FROM generate_series(1, 50) i;
	CREATE TABLE counted (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
	INSERT INTO counted SELECT generate_series(1, 20);
	ANALYZE;
	CREATE ROLE "<b>other</b>";
	CREATE ROLE reader;
	CREATE ROLE monitoring IN ROLE pg_monitor;
	GRANT SELECT ON plain TO "<b>other</b>";
	SELECT cache.attach('plain', 'read_through'), cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}');
	SELECT cache.attach(oid) FROM pg_class WHERE relname LIKE '<script>%' AND relkind = 'r';
	SELECT cache.track('plain');
	SELECT cache.create_space('$image');
));
$node->safe_psql('postgres', 'SELECT count(cache.read(NULL::plain, 1 + i % 2000)) FROM generate_series(1, 30000) i; SELECT FROM cache.stats');
$node->safe_psql('postgres', qq(SELECT count(cache.read(NULL::$quoted, i)) FROM generate_series(1, 40) i; SELECT FROM cache.stats));
$node->safe_psql('postgres', q(SELECT cache.increment(NULL::counted, 'n', 1, i) FROM generate_series(1, 12) i; SELECT FROM cache.stats));
$node->safe_psql('postgres', qq(SELECT cache.set('k', 'v', space => '$image'), cache.get('k', space => '$image'), cache.get('none', space => '$image'); SELECT FROM cache.stats));
$node->safe_psql('postgres', 'SET ROLE "<b>other</b>"; SET cache_strategies.results = auto; SET cache_strategies.results_min_cost = 0;'
	. 'SELECT count(*) FROM plain /* </code><img src=x> & \u00fc */;' x 40 . 'RESET cache_strategies.results; SELECT FROM cache.stats');

($page, $tags) = report();
is_deeply([ grep { $tags->{$_} } qw(script img b html link iframe object) ], [qw(b html)], 'nothing that is in a name became an element');
is($tags->{b}, 2, 'b as often as the page itself has it');
is($tags->{html}, 1, 'html likewise');
is_deeply($page->{memory}{rows}, rows(q(SET search_path = pg_catalog;
	SELECT relation::text, strategy, bytes, entries, hits + absent_hits, misses, bypasses, hit_ratio, evictions FROM cache.table_stats
	UNION ALL SELECT space, 'space', bytes, entries, hits, misses, bypasses, round(hits / nullif(hits + misses + bypasses, 0)::numeric, 4), evictions FROM cache.space_stats
	ORDER BY 3 DESC NULLS LAST, 1)), 'memory is that of the views');
is(scalar(grep { $_->[0] eq $image } @{ $page->{memory}{rows} }), 1, 'a hostile space has its name');
is(scalar(grep { $_->[0] =~ /\Q<script>\E/ } @{ $page->{memory}{rows} }), 1, 'a hostile table, too');
is_deeply($page->{latency}{rows}, rows('SELECT kind, operation, timed, mean_ms, p50_ms, p95_ms, p99_ms, p999_ms FROM cache.latency WHERE timed > 0'), 'latencies');
cmp_ok(scalar @{ $page->{latency}{rows} }, '>', 3, 'and there are some');
is_deeply($page->{total}{tiles}, rows(q(SELECT (hits + absent_hits)::float8 / (hits + absent_hits + misses + bypasses), hits + absent_hits + misses + bypasses,
	entries, bytes, value_memory, evictions, dirty_entries, 0 FROM cache.stats))->[0], 'the totals');
is_deeply([ map { $_->[$#$_] } @{ $page->{reasons}{rows} } ], [ map { $_->[0] } @{ rows('SELECT count FROM cache.stats_reasons ORDER BY count DESC') } ], 'reasons');
is_deeply([ map { [ @$_[ 0, 1, 2, 4, 5 ] ] } @{ $page->{flush}{rows} } ],
	rows(q(SET search_path = pg_catalog; SELECT relation::text, dirty_entries, dirty_bytes, deferred, rows_flushed FROM cache.flush_status)), 'the write buffer');
is_deeply([ map { [ @$_[ 0, 1, 2, 3 ] ] } @{ $page->{statements}{rows} } ], rows('SELECT query, role, calls, hits FROM cache.result_stats'), 'statements');
like($page->{statements}{rows}[0][0], qr{/\* </code><img src=x> & \\u00fc \*/}, 'with their text');
is_deeply([ map { [ @$_[ 0, 4 ] ] } @{ $page->{sizes}{rows} } ], rows(q(SET search_path = pg_catalog;
	SELECT coalesce(relation::text, space), hit_ratio FROM cache.memory_advice WHERE factor = 1 AND num_nonnulls(relation, space) = 1 AND hit_ratio IS NOT NULL ORDER BY reads DESC, 1)), 'memory advice');
is_deeply([ sort map { $_->[0] } @{ $page->{advice}{rows} } ], [ sort map { $_->[0] } @{ rows(q(SET search_path = pg_catalog; SELECT "table"::text FROM cache.advise())) } ], 'advice is on all tables');
like((grep { $_->[0] eq 'public.plain' } @{ $page->{advice}{rows} })[0][1], qr/^(?:Keep it attached|Attach it|Detach it)/, 'in words');

# ----- privileges -----

my $as = sub { my ($role) = @_; $node->psql('postgres', qq(SET ROLE $role; SELECT cache.report()), stdout => \my $text); return (parsed("$text\n"))[0]; };
$page = $as->('reader');
is($page->{statements}{rows}[0][0], '(of another role)', 'a role does not see the statements of others');
unlike(join('', map { $_->{text} } values %$page), qr/img src=x/, 'nor spaces that it may not read');
is(scalar @{ $page->{advice}{rows} }, 0, 'nor advice on tables that it may not read');
unlike(join('', map { $_->{text} } values %$page), qr/could not be/, 'and nothing fails');
$page = $as->('monitoring');
like($page->{statements}{rows}[0][0], qr/^SELECT count/, 'pg_monitor sees statements');
is(scalar(grep { $_->[0] eq $image } @{ $page->{memory}{rows} }), 1, 'and spaces');

# What is in the caller's search_path before pg_catalog is not what the queries mean.
sql('CREATE SCHEMA evil',
	q(CREATE FUNCTION evil.log(numeric, numeric) RETURNS numeric LANGUAGE plpgsql AS $$BEGIN RAISE 'hijacked'; END$$),
	q(CREATE FUNCTION evil.round(numeric, int) RETURNS numeric LANGUAGE plpgsql AS $$BEGIN RAISE 'hijacked'; END$$));
$node->psql('postgres', 'SET search_path = evil, pg_catalog, public; SELECT cache.report(); SHOW search_path; SHOW lock_timeout', stdout => \my $text);
unlike($text, qr/hijacked/, 'functions of the caller\'s search_path are not called');
like($text, qr/^evil, pg_catalog, public\n0\z/m, 'and the settings are as before');

# ----- a section that fails -----

my $ddl = $node->background_psql('postgres');
$ddl->query_safe('BEGIN; LOCK TABLE plain IN ACCESS EXCLUSIVE MODE');
($page) = report(timeout => $PostgreSQL::Test::Utils::timeout_default);
like($page->{advice}{text}, qr/could not be asked for: canceling statement due to lock timeout/, 'a section that waits for a lock says so');
cmp_ok(scalar @{ $page->{memory}{rows} }, '>', 3, 'and the others are there');
my ($ret, $out, $err) = $node->psql('postgres', "SET statement_timeout = '200ms'; SELECT cache.report()");
like($err, qr/canceling statement due to statement timeout/, 'a cancellation ends the report');
is($out, '', 'without a page');
$ddl->query_safe('ROLLBACK');
$ddl->quit;

# ----- history -----

is(sql('SELECT count(*), max(seconds) FROM cache.history'), '1|', 'the first sample is of the start');
sql(q(ALTER SYSTEM SET cache_strategies.history_interval = '1s'), 'SELECT pg_reload_conf()');
ok($node->poll_query_until('postgres', 'SELECT count(*) >= 4 FROM cache.history'), 'samples are taken');
sql(q(ALTER SYSTEM SET cache_strategies.history_interval = 0), 'SELECT pg_reload_conf()');
ok($node->poll_query_until('postgres', q(SELECT setting = '0' FROM pg_settings WHERE name = 'cache_strategies.history_interval')), 'until they are turned off');
is(sql(q(SELECT reads = s.hits + s.absent_hits + s.misses + s.bypasses, h.hit_ratio = round(s.hits::numeric / reads, 4) FROM cache.history h, cache.stats s WHERE reads > 1000)),
	't|t', 'what was read since the start is in one of them');
is(sql('SELECT h.hits = s.hits, h.misses = s.misses, h.fills = s.fills, h.entries = s.entries, h.bytes = s.bytes, h.dirty_entries = s.dirty_entries, h.dirty_entries '
	  . 'FROM cache.stats s, (SELECT * FROM cache.history ORDER BY time DESC LIMIT 1) h'), 't|t|t|t|t|t|12', 'the last sample is what cache.stats says');
is(sql('SELECT bool_and(time > before), bool_and(abs(seconds - extract(epoch FROM time - before)) < 0.001) FROM (SELECT *, lag(time) OVER (ORDER BY time) AS before FROM cache.history) h WHERE before IS NOT NULL'),
	't|t', 'each is about the time since the one before');
($page) = report();
my $points = () = $page->{reads}{path} =~ /L/g;
is($points, sql('SELECT count(seconds) FROM cache.history'), 'the chart of reads has all of them');
$points = () = $page->{'hit-ratio'}{path} =~ /L/g;
is($points, sql('SELECT count(hit_ratio) FROM cache.history'), 'that of the hit ratio those in which there were reads');
# A reset between two samples.
my $samples = sql('SELECT count(*) FROM cache.history');
sql('SELECT cache.stats_reset_shared()', 'SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 500) i', 'SELECT FROM cache.stats');
sql(q(ALTER SYSTEM SET cache_strategies.history_interval = '1s'), 'SELECT pg_reload_conf()');
ok($node->poll_query_until('postgres', "SELECT count(*) > $samples FROM cache.history"), 'they are taken again');
is(sql('SELECT reads FROM cache.history WHERE stats_reset IS NOT NULL ORDER BY time LIMIT 1'), '500', 'after a reset the reads since then are counted');
sql('ALTER SYSTEM RESET cache_strategies.history_interval', 'SELECT pg_reload_conf()');

# ----- the dashboard -----

# item => value and detail, of each of several calls in one session
sub dashboards
{
	my (@between) = @_;
	my $text = $node->safe_psql('postgres', join(";\n", map { ($_, q(SELECT 'call'), 'SELECT * FROM cache.dashboard()') } 'SELECT', @between));

	return map { my %items = map { /^([^|]+)\|(.*)$/ ? ($1 => $2) : () } split /\n/; \%items } (split /^call$/m, $text)[ 1 .. 1 + @between ];
}

sql('SELECT cache.stats_reset_shared()', 'SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 100) i', 'SELECT FROM cache.stats');
my @calls = dashboards(
	'SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 2000) i',
	'SELECT',
	'SELECT cache.stats_reset_shared(); SELECT count(cache.read(NULL::plain, i)) FROM generate_series(1, 10) i; UPDATE plain SET v = $$y$$ WHERE id = 3');
like($calls[0]{time}, qr/\|since the counts were reset$/, 'the first call is about the time since the reset');
like($calls[0]{reads}, qr/^\d.* per second\|100: 100 hits, 0 misses, 0 bypasses$/, 'with all reads since then');
is($calls[0]{'hit ratio'}, '100.00 %|', 'and the hit ratio');
like($calls[1]{time}, qr/\|since the last call$/, 'the second one is about the time since the first');
like($calls[1]{reads}, qr/\|2,000: 2,000 hits,/, 'and the reads since then');
like($calls[1]{'rows hit'}, qr/^p99 \S+ [un]s\|p50 \S+ [un]s, \d+ timed$/, 'with their latencies');
like($calls[1]{memory}, qr/^\d+\.\d\d %\|\S+ [kM]B of \S+ MB, [\d,]+ entries$/, 'memory is that of now');
is($calls[1]{deferred} =~ s/\|.*//r, '12 rows', 'and so is what is deferred');
like($calls[2]{reads}, qr/\|0: 0 hits/, 'then nothing happens');
is($calls[2]{'hit ratio'}, '-|', 'which has no hit ratio');
ok(!exists $calls[2]{'rows hit'}, 'and no latencies');
like($calls[3]{time}, qr/reset meanwhile$/, 'a reset is noticed');
like($calls[3]{reads}, qr/\|10: 10 hits/, 'and the reads since then are counted');
like($calls[3]{changes}, qr/0 published, 1 invalidated/, 'with changes');

$node->stop;
done_testing();
