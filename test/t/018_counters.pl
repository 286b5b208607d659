
# Each counter is moved by what it counts, and no other is: the counters of tables,
# spaces, flushes, statements and comparisons, and each reason for a miss, a bypass, a
# refused fill and want of room.  What there is to count is read from the source and from the views,
# and a counter that no case moves fails the test.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Its test_points are what a session sets itself.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $worker_timeout = 2000 * $slowness;
my $node = new_node('main', 'max_connections = 30', 'cache_strategies.memory = 16MB', 'cache_strategies.max_tables = 40', 'cache_strategies.max_tables_per_role = 1',
	'cache_strategies.partitions = 1',
	"cache_strategies.worker_timeout = $worker_timeout");

# The counters of a database by name: of a table or space, what they count.  Sizes,
# ratios and times of day are none.
my $counters = q(
	CREATE FUNCTION counters(OUT name text, OUT n numeric) RETURNS SETOF record LANGUAGE sql AS $$
		WITH gauges AS (SELECT ARRAY['relation', 'strategy', 'state', 'space', 'owner', 'entries', 'bytes', 'max_memory', 'ttl', 'hit_ratio',
			'fills_wait_for', 'stats_reset', 'durable', 'dirty_entries', 'dirty_bytes', 'oldest', 'flushes_per_second', 'last_flush', 'last_error',
			'last_error_time', 'journal_bytes', 'dead_letters', 'open', 'quarantined', 'owner_dirty_bytes', 'owner_limit', 'memory', 'value_memory',
			'partitions', 'max_value', 'dead_bytes', 'tables', 'slots_used', 'slots_total'] AS names),
		views AS (
			SELECT t.relation::text AS of, to_jsonb(t) AS row FROM cache.table_stats t
			UNION ALL SELECT 'space ' || space, to_jsonb(s) FROM cache.space_stats s
			UNION ALL SELECT 'flush ' || f.relation, to_jsonb(f) FROM cache.flush_status f
			UNION ALL SELECT 'all', to_jsonb(a) FROM cache.stats a)
		SELECT of || ': ' || key, value::numeric FROM gauges, views, jsonb_each_text(row - names) WHERE value IS NOT NULL
		UNION ALL SELECT format('%s: %s %s', coalesce(relation::text, 'space ' || space, 'elsewhere'), event, reason), count FROM cache.stats_reasons
		UNION ALL SELECT format('audit: %s', outcome), sum(entries) FROM cache.audit_stats GROUP BY outcome
		UNION ALL SELECT 'statements: ' || concat_ws(' ', k.key, e.key), sum(CASE WHEN e.key IS NULL THEN k.value::text ELSE e.value END::numeric)
			FROM cache.result_stats s CROSS JOIN jsonb_each(to_jsonb(s) - ARRAY['id', 'role', 'query', 'bytes', 'state', 'left_alone_for', 'since']) k
				LEFT JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(k.value) WHEN 'object' THEN k.value END) e ON true
			WHERE e.key IS NOT NULL OR jsonb_typeof(k.value) = 'number' GROUP BY 1
	$$);

sub prepare_database
{
	my ($db) = @_;

	add_extension($node, $db);
	$node->safe_psql($db, $counters);
}

prepare_database('postgres');
$node->safe_psql('postgres', q(
	CREATE ROLE low LOGIN;
	CREATE SCHEMA low AUTHORIZATION low;
	CREATE FUNCTION clock(seconds float8) RETURNS timestamptz AS '$libdir/cache_strategies', 'cs_test_clock' LANGUAGE C;
	CREATE FUNCTION corrupt(relation regclass, at int) RETURNS int AS '$libdir/cache_strategies', 'cs_test_corrupt' LANGUAGE C STRICT;

	CREATE TABLE t (id int PRIMARY KEY, v text, w text);
	ALTER TABLE t ALTER w SET STORAGE EXTERNAL;
	INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 100) i;
	SELECT cache.attach('t', 'read_through', negative_ttl => '1 hour');
	CREATE TABLE through (id int PRIMARY KEY, v text);
	INSERT INTO through VALUES (1, 'a'), (2, 'a');
	SELECT cache.attach('through', 'write_through');
	CREATE TABLE short (id int PRIMARY KEY, v text);
	INSERT INTO short SELECT i, repeat('v', 200) FROM generate_series(1, 100) i;
	SELECT cache.attach('short', 'read_through', ttl => '1 hour', max_memory => '10 kB');
	CREATE TABLE broken (id int PRIMARY KEY);
	INSERT INTO broken VALUES (1);
	SELECT cache.attach('broken');
	ALTER TABLE broken DISABLE TRIGGER ALL;
	CREATE TABLE secured (id int PRIMARY KEY);
	INSERT INTO secured VALUES (1);
	SELECT cache.attach('secured');
	ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
	CREATE POLICY all_rows ON secured USING (true);
	GRANT SELECT ON secured TO low;
	CREATE TABLE texts (id text PRIMARY KEY);
	SELECT cache.attach('texts');
	CREATE TABLE loaded (id int PRIMARY KEY, v text);
	INSERT INTO loaded SELECT i, 'row ' || i FROM generate_series(1, 5) i;
	CREATE FUNCTION load(int) RETURNS loaded STABLE RETURN (SELECT l FROM loaded l WHERE id = $1);
	SELECT cache.attach('loaded', 'read_through', loader => 'load');
	CREATE TABLE fresh (id int PRIMARY KEY, v text);
	INSERT INTO fresh VALUES (1, 'a');
	SELECT cache.attach('fresh', 'read_through', ttl => '1 hour', refresh_ahead => 1);
	CREATE TABLE audited (id int PRIMARY KEY, v text);
	INSERT INTO audited VALUES (1, 'a'), (2, 'b');
	SELECT cache.attach('audited');
	CREATE TABLE many (id int, v int);
	INSERT INTO many SELECT i, i FROM generate_series(1, 20000) i;
	ANALYZE many;

	-- all values have the same hash
	CREATE TYPE alike;
	CREATE FUNCTION alike_in(cstring) RETURNS alike STRICT IMMUTABLE LANGUAGE internal AS 'byteain';
	CREATE FUNCTION alike_out(alike) RETURNS cstring STRICT IMMUTABLE LANGUAGE internal AS 'byteaout';
	CREATE TYPE alike (INPUT = alike_in, OUTPUT = alike_out, LIKE = bytea);
	CREATE FUNCTION alike_lt(alike, alike) RETURNS bool STRICT IMMUTABLE LANGUAGE internal AS 'bytealt';
	CREATE FUNCTION alike_le(alike, alike) RETURNS bool STRICT IMMUTABLE LANGUAGE internal AS 'byteale';
	CREATE FUNCTION alike_eq(alike, alike) RETURNS bool STRICT IMMUTABLE LANGUAGE internal AS 'byteaeq';
	CREATE FUNCTION alike_ge(alike, alike) RETURNS bool STRICT IMMUTABLE LANGUAGE internal AS 'byteage';
	CREATE FUNCTION alike_gt(alike, alike) RETURNS bool STRICT IMMUTABLE LANGUAGE internal AS 'byteagt';
	CREATE FUNCTION alike_cmp(alike, alike) RETURNS int STRICT IMMUTABLE LANGUAGE internal AS 'byteacmp';
	CREATE FUNCTION alike_hash(alike) RETURNS int STRICT IMMUTABLE LANGUAGE sql AS 'SELECT 1';
	CREATE FUNCTION alike_hash_extended(alike, bigint) RETURNS bigint STRICT IMMUTABLE LANGUAGE sql AS 'SELECT 1::bigint';
	CREATE OPERATOR < (LEFTARG = alike, RIGHTARG = alike, FUNCTION = alike_lt);
	CREATE OPERATOR <= (LEFTARG = alike, RIGHTARG = alike, FUNCTION = alike_le);
	CREATE OPERATOR = (LEFTARG = alike, RIGHTARG = alike, FUNCTION = alike_eq, HASHES, MERGES);
	CREATE OPERATOR >= (LEFTARG = alike, RIGHTARG = alike, FUNCTION = alike_ge);
	CREATE OPERATOR > (LEFTARG = alike, RIGHTARG = alike, FUNCTION = alike_gt);
	CREATE OPERATOR CLASS alike_btree DEFAULT FOR TYPE alike USING btree AS
		OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 alike_cmp(alike, alike);
	CREATE OPERATOR CLASS alike_hash DEFAULT FOR TYPE alike USING hash AS
		OPERATOR 1 =, FUNCTION 1 alike_hash(alike), FUNCTION 2 alike_hash_extended(alike, bigint);
	CREATE TABLE colliding (id alike PRIMARY KEY);
	INSERT INTO colliding VALUES ('a'), ('b');
	SELECT cache.attach('colliding');

	-- spaces, and results
	SELECT cache.create_space('s'), cache.create_space('tiny', max_memory => '4 kB');
	CREATE TABLE r (id int PRIMARY KEY, v int);
	INSERT INTO r VALUES (1, 1), (2, 2);
	SELECT cache.track('r');
	CREATE TABLE valued (LIKE r INCLUDING ALL);
	INSERT INTO valued TABLE r;
	SELECT cache.track('valued', by_value => true);

	-- deferred writes: what their table says to them
	CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TABLE wb (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO wb SELECT i, 0 FROM generate_series(1, 1000) i;
	CREATE TRIGGER aa_pass BEFORE UPDATE ON wb FOR EACH ROW EXECUTE FUNCTION pass();
	SELECT cache.attach('wb', 'write_back', flush_interval => '1 day', merge => '{"n": "add"}', max_memory => '64 kB');
	CREATE FUNCTION pass_often() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
	CREATE TABLE often (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO often VALUES (1, 0);
	CREATE TRIGGER aa_pass BEFORE UPDATE ON often FOR EACH ROW EXECUTE FUNCTION pass_often();
	SELECT cache.attach('often', 'write_back', flush_interval => '100 ms', merge => '{"n": "add"}');
));
$node->poll_query_until('postgres', 'SELECT bool_and(open) FROM cache.flush_status') or die 'the flush worker does not look';

# ----- sessions -----

my %sessions;

# A session's counts are handed in at the latest when it looks at them.
my $hand_in = 'SELECT count(*) FROM cache.stats';

sub session
{
	my ($name, $sql, %args) = @_;

	if (!defined $sessions{$name})
	{
		$sessions{$name} = $node->background_psql($args{db} // 'postgres', on_error_stop => 0);
		$sessions{"$name pid"} = session_pid($sessions{$name});
	}
	if ($args{waits})
	{
		$sessions{$name}->query_until(qr/started/, "\\echo started\n$sql;\n\\echo ended\n");
	}
	else
	{
		$sessions{$name}->query_safe("$sql; $hand_in");
	}
}

# Wait until what a session was told with 'waits' has been done.
sub finish
{
	my ($name) = @_;

	$sessions{$name}->query_until(qr/ended/, '');
	$sessions{$name}->query_safe($hand_in);
}

# A session that stops at a test point.
sub stopped
{
	my ($name, $point, $sql) = @_;

	session('gate', "SELECT pg_advisory_lock(hashtext('$point'))");
	session($name, "SET cache_strategies.test_points = '$point'");
	session($name, $sql, waits => 1);
	wait_stopped($node, $sessions{"$name pid"});
}

sub go_on
{
	my ($name, $point) = @_;

	session('gate', "SELECT pg_advisory_unlock(hashtext('$point'))");
	finish($name);
}

sub wait_event
{
	my ($name, $event) = @_;

	$event = 'Extension' if $node->pg_version < 17;
	ok($node->poll_query_until('postgres', "SELECT wait_event_type = 'Extension' AND wait_event = '$event' FROM pg_stat_activity WHERE pid = " . $sessions{"$name pid"}),
		"a session waits: $event");
}

# ----- cases -----

my %moved;			# what any case has moved
my $server = $node;
my %watchers;		# by server and database: who looks at the counters

sub counters
{
	my ($db) = @_;

	my $watcher = $watchers{ $server->name }{$db} //= $server->background_psql($db);

	return { map { split /\|/ } split /\n/, $watcher->query_safe('SELECT * FROM counters()') };
}

# The names of what has been added, by table or space; a number unless it is one, or a
# time.  Of those in $about there are some, as many as it happens.
sub movements
{
	my ($before, $now, $about) = @_;
	my %by;

	foreach my $name (sort keys %$now)
	{
		my $n = $now->{$name} - ($before->{$name} // 0);
		my ($of, $what) = $name =~ /^(.*?): (.*)$/;

		next if $n == 0 || $of eq 'all';
		$moved{$name} = 1;
		# not each run of a statement is timed
		next if $name =~ /^statements: .*_ms$/;
		$what .= " $n" if $n != 1 && $what !~ /_ms$/ && !($n > 0 && grep { $name eq $_ } @$about);
		push @{ $by{$of} }, $what;
	}
	return join('; ', map { "$_: " . join(', ', @{ $by{$_} }) } sort keys %by);
}

# What cache.stats has added is the sum over tables and spaces.  It has the loads for
# results, and what databases and tables have counted that are gone.
my %of_space = (publishes => 'sets', fills_refused => 'refused', fills_no_room => 'no_room');

sub check_totals
{
	my ($before, $now, $name) = @_;
	my %sum;
	my %other;

	foreach (sort keys %$now)
	{
		my ($of, $what) = /^(.*?): (.*)$/;
		my $n = $now->{$_} - ($before->{$_} // 0);

		next if $of eq 'all' || $of =~ /^(?:flush|audit|statements)/;
		$what = 'bypasses' if $of eq 'elsewhere';
		$sum{$what} += $n;
	}
	foreach my $what (map { /^all: (.*)/ ? $1 : () } sort keys %$now)
	{
		next if $what =~ /^loads$|_ms$/;
		my $sum = ($sum{$what} // 0) + ($sum{ $of_space{$what} // '' } // 0);

		$other{$what} = [ $now->{"all: $what"} - $before->{"all: $what"}, $sum ]
		  if $now->{"all: $what"} - $before->{"all: $what"} != $sum;
	}
	is_deeply(\%other, {}, "$name, in cache.stats");
}

# case(NAME, MOVES, before =>, does =>, after =>, about =>, may =>, db =>): each is SQL
# in a session, or a function.  What $may names may have moved as well.
sub case
{
	my ($name, $moves, %case) = @_;
	my $db = $case{db} // 'postgres';
	my ($before, $now);
	my $do = sub {
		return if !defined $_[0];
		ref $_[0] ? $_[0]->() : $server->safe_psql($db, "$_[0]; $hand_in");
	};

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$do->($case{before});
	$before = counters($db);
	$do->($case{does});
	$now = counters($db);
	$do->($case{after});
	my $moved = movements($before, $now, $case{about} // []);
	$moved =~ s/, \Q$_\E(?: -?\d+)?(?=,|$)// foreach @{ $case{may} // [] };
	is($moved, $moves, $name);
	check_totals($before, $now, $name);
}

sub read_of
{
	my ($table, $key) = @_;

	return "SELECT cache.read(NULL::$table, $key)";
}

my $load = 'load_ms, loads';

# ----- reads -----

case('a row is found', 't: hits', before => read_of('t', 1), does => read_of('t', 1));
case('an absence is found', 't: absent_hits', before => read_of('t', 0), does => read_of('t', 0));
case('not cached', "t: fills, $load, miss not_cached, misses", does => read_of('t', 2));
case(
	'expired', "short: fills, $load, miss expired, misses",
	before => read_of('short', 1),
	does => 'SELECT clock(7200); ' . read_of('short', 1),
	after => 'SELECT clock(NULL)');
case(
	'the whole table was changed', "t: fills, $load, miss whole_table_changed, misses",
	before => read_of('t', 3) . "; SELECT cache.invalidate('t')",
	does => read_of('t', 3));
case(
	'newer than the snapshot', "t: bypass newer_than_snapshot, bypasses, $load",
	before => sub {
		session('old', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
		$node->safe_psql('postgres', "UPDATE t SET v = 'new' WHERE id = 4; " . read_of('t', 4) . "; $hand_in");
	},
	does => sub { session('old', read_of('t', 4)) },
	after => sub { session('old', 'COMMIT') });
case(
	'in flux', "t: bypass in_flux, bypasses, $load",
	before => sub { stopped('writer', 'commit_begin', "UPDATE t SET v = 'new' WHERE id = 5") },
	does => read_of('t', 5),
	after => sub { go_on('writer', 'commit_begin') });
case('own changes', "t: bypass own_changes, bypasses, $load",
	does => "BEGIN; UPDATE t SET v = 'own' WHERE id = 6; " . read_of('t', 2) . '; ROLLBACK');
case('triggers that are off', "broken: bypass triggers, bypasses, $load", does => read_of('broken', 1));
case('a serializable transaction', "t: bypass serializable, bypasses, $load",
	does => 'BEGIN ISOLATION LEVEL SERIALIZABLE; ' . read_of('t', 2) . '; COMMIT');
case('row-level security', "secured: bypass row_security, bypasses, $load",
	does => 'SET ROLE low; ' . read_of('secured', 1) . '; RESET ROLE');
case('a parallel query', "t: bypass parallel, bypasses, $load",
	does => 'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2; '
	  . read_of('t', 7) . ', x.* FROM (SELECT count(v) FROM many) x');
case('a long key', "texts: bypass long_key, bypasses, $load", does => read_of('texts', "repeat('k', 9000)"));
case(
	'a key with the same hash', "colliding: bypass hash_collision, bypasses, $load",
	before => read_of('colliding', "'a'::alike"),
	does => read_of('colliding', "'b'::alike"));
case('the cache is off', "t: bypass disabled, bypasses, $load", does => 'SET cache_strategies.enabled = off; ' . read_of('t', 2));
case(
	'the owner has used up its share', 'elsewhere: bypass share_of_owner',
	before => q(SET ROLE low; CREATE TABLE low.a (id int PRIMARY KEY); CREATE TABLE low.b (id int PRIMARY KEY); SELECT cache.attach('low.a'), cache.attach('low.b')),
	does => read_of('low.b', 1),
	after => 'DROP TABLE low.a, low.b');
case(
	'no place is left', 'elsewhere: bypass no_place',
	before => q(
		DO $$ BEGIN
			FOR i IN 1 .. (SELECT slots_total - slots_used FROM cache.stats) + 1 LOOP
				EXECUTE format('CREATE TABLE filler%s (id int PRIMARY KEY)', i);
				PERFORM cache.attach(format('filler%s', i));
			END LOOP;
		END $$;
		CREATE TABLE without (id int PRIMARY KEY);
		SELECT cache.attach('without')),
	does => read_of('without', 1),
	after => q(
		DROP TABLE without;
		DO $$ DECLARE t text; BEGIN
			FOR t IN SELECT relname FROM pg_class WHERE relname ~ '^filler\d+$' LOOP
				EXECUTE 'DROP TABLE ' || t;
			END LOOP;
		END $$));

# ----- what is kept, and what is not -----

case('a change while the row is loaded', "t: fills_refused, $load, miss not_cached, misses, refused changed_meanwhile",
	before => sub { stopped('reader', 'before_install', read_of('t', 10)) },
	does => sub {
		$node->safe_psql('postgres', "UPDATE t SET v = 'new' WHERE id = 10; $hand_in");
		go_on('reader', 'before_install');
	});
case('a loader function in a transaction that has written', "loaded: fills_refused, $load, miss not_cached, misses, refused own_changes",
	does => 'BEGIN; SELECT pg_current_xact_id(); ' . read_of('loaded', 1) . '; COMMIT');
case(
	'a prepared transaction has changed it', "t: fills_refused, $load, miss not_cached, misses, refused prepared",
	before => "BEGIN; UPDATE t SET v = 'new' WHERE id = 11; PREPARE TRANSACTION 'p'",
	does => read_of('t', 11),
	after => "COMMIT PREPARED 'p'");
case('cache.fill', 't: fills_refused, refused fill_by_hand', does => 'SELECT cache.fill(t) FROM t WHERE id = 12');
case('cache.fill of what was missed', "t: fills, miss not_cached, misses",
	does => "SELECT cache.lookup(NULL::t, 13); SELECT cache.fill(t) FROM t WHERE id = 13");
case('too large', "t: fills_no_room, $load, miss not_cached, misses, no_room too_large",
	before => q(UPDATE t SET w = repeat('x', (SELECT max_value::int FROM cache.stats)) WHERE id = 14),
	does => read_of('t', 14));
case(
	'more than max_memory', "short: fills_no_room, $load, miss not_cached, misses, no_room full",
	before => q(UPDATE short SET v = repeat('v', 20000) WHERE id = 100),
	does => read_of('short', 100));
case('published', 'through: publishes', does => q(UPDATE through SET v = 'b' WHERE id = 1));
case(
	'not published, because of another writer', 'through: fills_refused, publishes, refused publish',
	before => sub { stopped('writer', 'commit_begin', q(UPDATE through SET v = 'c' WHERE id = 2)) },
	does => sub {
		session('other', q(UPDATE through SET v = 'd' WHERE id = 2));
		go_on('writer', 'commit_begin');
	});
case('an entry is removed', 't: invalidations', before => read_of('t', 15), does => q(UPDATE t SET v = 'new' WHERE id = 15));
case('nothing is removed', '', does => q(UPDATE t SET v = 'new' WHERE id = 16));
case('all entries of a table are', 'through: table_invalidations', does => q(SELECT cache.invalidate('through')));
case('evicted', "short: evictions, evictions_unread, fills 89, $load 89, miss not_cached 89, misses 89",
	about => [ 'short: evictions', 'short: evictions_unread' ],
	before => q(SELECT cache.invalidate('short')),
	does => 'SELECT count(cache.read(NULL::short, i)) FROM generate_series(11, 99) i');
case('expired, and evicted', "short: expirations, fills 9, $load 9, miss not_cached 9, misses 9",
	about => ['short: expirations'],
	does => 'SELECT clock(7200); SELECT count(cache.read(NULL::short, i)) FROM generate_series(2, 10) i',
	after => 'SELECT clock(NULL)');
case('reloaded ahead of its expiry', "fresh: fills, hits, $load, refreshes",
	before => read_of('fresh', 1),
	does => sub {
		$node->safe_psql('postgres', read_of('fresh', 1) . "; $hand_in");
		ok($node->poll_query_until('postgres', q(SELECT refreshes = 1 FROM cache.table_stats WHERE relation = 'fresh'::regclass)), 'a row is reloaded');
	});

# ----- single flight -----

case('another session loads it', "t: fills, hits, $load, miss not_cached, misses, wait_ms, waits",
	before => sub { stopped('reader', 'flight_lead', read_of('t', 20)) },
	does => sub {
		session('other', read_of('t', 20), waits => 1);
		wait_event('other', 'CacheLoad');
		go_on('reader', 'flight_lead');
		finish('other');
	});
case(
	'it takes too long', "t: fills, $load, miss not_cached, misses, wait_ms, waits, waits_in_vain",
	before => sub { stopped('reader', 'flight_lead', read_of('t', 21)) },
	does => q(SET cache_strategies.load_timeout = '10ms'; ) . read_of('t', 21),
	after => sub { go_on('reader', 'flight_lead') });

# ----- keys and values -----

my $in = "space => 's'";

case('a key is set', 'space s: sets', does => "SELECT cache.set('k', 'v', $in)");
case('and found', 'space s: hits', does => "SELECT cache.get('k', $in)");
case('no such key', 'space s: miss not_cached, misses', does => "SELECT cache.get('none', $in)");
case(
	'a key has expired', 'space s: miss expired, misses',
	before => "SELECT cache.set('short', 'v', ttl => '1 hour', $in)",
	does => "SELECT clock(7200); SELECT cache.get('short', $in)",
	after => 'SELECT clock(NULL)');
case('its tag was invalidated', 'space s: miss tag_invalidated, misses',
	before => "SELECT cache.set('tagged', 'v', tags => '{tag}', $in); SELECT cache.invalidate_tag('tag', $in)",
	does => "SELECT cache.get('tagged', $in)");
case('keys are evicted', 'space tiny: evictions, evictions_unread, sets 100',
	about => [ 'space tiny: evictions', 'space tiny: evictions_unread' ],
	does => q(SELECT count(cache.set('k' || i, repeat('v', 100), ttl => '1 hour', immediate => true, space => 'tiny')) FROM generate_series(1, 100) i));
case('keys have expired, and are evicted', 'space tiny: expirations, sets 5',
	about => ['space tiny: expirations'],
	does => q(SELECT clock(7200); SELECT count(cache.set('l' || i, repeat('v', 100), ttl => '1 hour', immediate => true, space => 'tiny')) FROM generate_series(1, 5) i),
	after => 'SELECT clock(NULL)');

# ----- results -----

# remember(KEY, ARGUMENTS)
sub remember
{
	my ($key, $more, $query) = @_;

	$query //= 'SELECT sum(v) FROM r';
	return "SELECT cache.remember('$key', '1 hour', '$query', beta => 0, " . ($more // $in) . ')';
}

case('a result is computed', 'space s: miss not_cached, misses, sets', does => remember('a'));
case('and found', 'space s: hits', does => remember('a'));
case('a table has changed', 'space s: miss table_changed, misses, sets',
	before => 'UPDATE r SET v = v + 1 WHERE id = 1',
	does => remember('a'));
case('a result has expired', 'space s: miss expired, misses, sets',
	does => 'SELECT clock(7200); ' . remember('a'),
	after => 'SELECT clock(NULL)');
case('computed before it is too old', 'space s: miss computed_anew, misses, sets',
	before => remember('graced', "$in, grace => '3 hours'"),
	does => 'SELECT clock(7200); ' . remember('graced', "$in, grace => '3 hours'"),
	after => 'SELECT clock(NULL)');
case('a result is not usable', 'space s: bypass result_not_usable, bypasses',
	does => 'BEGIN ISOLATION LEVEL SERIALIZABLE; ' . remember('a') . '; COMMIT');
case('a change while it is computed', 'space s: miss not_cached, misses, refused, refused changed_meanwhile',
	before => sub { stopped('reader', 'remember_before_install', remember('overtaken')) },
	does => sub {
		$node->safe_psql('postgres', "UPDATE r SET v = v + 1 WHERE id = 1; $hand_in");
		go_on('reader', 'remember_before_install');
	});
case('a large result', 'space s: miss not_cached, misses, no_room, no_room too_large',
	does => remember('large', $in, 'SELECT repeat(v::text, 10000000) FROM r'));
case('another session computes it', 'space s: hits, miss not_cached, misses, sets, waits',
	before => sub { stopped('reader', 'remember_lead', remember('herd')) },
	does => sub {
		session('other', remember('herd'), waits => 1);
		wait_event('other', 'CacheLoad');
		go_on('reader', 'remember_lead');
		finish('other');
	});

# ----- results of plain statements -----

my $sum = 'SELECT sum(v) FROM r';
my $kept = 'space (private): miss %s, misses, sets; statements: calls, kept, misses, not_found %s';
my $later = 'UPDATE r SET v = v + 1 WHERE id = 1';

session($_, 'SET cache_strategies.results = auto; SET cache_strategies.results_min_cost = 0') foreach qw(plain old reader);
sub plain { return map { my $sql = $_; sub { session('plain', $sql) } } @_ }

case('a statement is run', sprintf($kept, 'not_cached', 'absent'), does => plain($sum));
case('and answered', 'space (private): hits; statements: calls, hits', does => plain($sum));
case('its table has changed', sprintf($kept, 'table_changed', 'table') =~ s/calls/calls, falls_by_table public.r/r,
	before => $later, does => plain($sum));
case('and again, before it was used', sprintf($kept, 'table_changed', 'table') =~ s/calls/calls, fallen_unused, falls_by_table public.r/r,
	before => $later, does => plain($sum));
case('the table as a whole has', sprintf($kept, 'table_changed', 'whole') =~ s/calls/calls, fallen_unused, falls_by_table public.r/r,
	before => 'TRUNCATE r; INSERT INTO r VALUES (1, 1), (2, 2)', does => plain($sum));
case('a row has changed on whose value it depends', sprintf($kept, 'table_changed', 'value') =~ s/calls/calls, fallen_unused, falls_by_table public.valued/r,
	before => sub {
		session('plain', 'SELECT v FROM valued WHERE id = 1');
		$node->safe_psql('postgres', "UPDATE valued SET v = v + 1 WHERE id = 1; $hand_in");
	},
	does => plain('SELECT v FROM valued WHERE id = 1'));
case('a newer result', 'space (private): miss other_snapshot, misses; statements: calls, misses, not_found other_snapshot, not_kept changed',
	before => sub {
		session('old', "$sum; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
		$node->safe_psql('postgres', "$later; $hand_in");
		session('plain', $sum);
	},
	does => sub { session('old', $sum) },
	after => sub { session('old', 'COMMIT') });
case('a result has expired, of a statement', sprintf($kept, 'expired', 'expired'),
	before => plain('SELECT min(v) FROM r /* cache ttl=1h */'),
	does => sub {
		$node->safe_psql('postgres', "SELECT clock(7200); $hand_in");
		session('plain', 'SELECT min(v) FROM r /* cache ttl=1h */');
	},
	after => 'SELECT clock(NULL)');
case('computed before it is too old, of a statement', 'space (private): miss computed_anew, misses, sets; statements: calls, computed_ahead, kept, misses',
	before => sub {
		session('plain', "$sum /* cache max_age=1h */");
		$node->safe_psql('postgres', "$later; SELECT clock(3500); $hand_in");
	},
	does => plain("$sum /* cache max_age=1h */"),
	after => 'SELECT clock(NULL)');
case('own changes', 'statements: bypasses own_changes, calls', does => plain("BEGIN; $later; $sum; ROLLBACK"));
case('a serializable transaction', 'statements: bypasses other, calls',
	does => plain("BEGIN ISOLATION LEVEL SERIALIZABLE; $sum; COMMIT"));
case('a table changes meanwhile', 'space (private): miss not_cached, misses; statements: calls, misses, not_found absent, not_kept changed',
	before => sub { stopped('reader', 'result_computed', 'SELECT max(v) FROM r') },
	does => sub {
		$node->safe_psql('postgres', "$later; $hand_in");
		go_on('reader', 'result_computed');
	});
case('too large', 'space (private): miss not_cached, misses; statements: calls, misses, not_found absent, not_kept too_large',
	does => plain('SET cache_strategies.max_result = 1; SELECT repeat(v::text, 10000) FROM r; RESET cache_strategies.max_result'));
case('its end was not reached', 'space (private): miss not_cached, misses; statements: calls, misses, not_found absent, not_kept unfinished',
	does => plain('BEGIN; DECLARE c CURSOR FOR SELECT id, count(*) FROM r GROUP BY id; FETCH 1 FROM c; CLOSE c; COMMIT'));

case('another session computes it, and this one cannot wait', 'space (private): miss not_cached, misses; statements: calls, misses, not_found absent, not_kept other',
	before => sub {
		session('reader', 'SET cache_strategies.results_adapt = on');
		stopped('reader', 'result_computed', 'SELECT avg(v) FROM r');
	},
	does => plain('SET cache_strategies.results_adapt = on; BEGIN; SELECT pg_current_xact_id(); SELECT avg(v) FROM r; COMMIT; RESET cache_strategies.results_adapt'),
	after => sub { go_on('reader', 'result_computed') });

# ----- deferred writes -----

# What the table says to those that arrive.
sub table_says
{
	my ($function, $statement) = @_;

	return "CREATE OR REPLACE FUNCTION $function() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $statement; END \$\$";
}

my $is_worker = q(IF (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()) <> 'client backend' THEN);

case('a write is deferred', 'flush wb: deferred', does => 'UPDATE wb SET n = n + 1 WHERE id = 1');
case('three writes of two rows are flushed', 'flush wb: coalesced, flushes, rows_flushed 2',
	before => 'UPDATE wb SET n = n + 1 WHERE id = 1; UPDATE wb SET n = n + 1 WHERE id = 2',
	does => q(SELECT cache.flush('wb')));
case(
	'the row is gone', 'flush wb: flushes, gone',
	before => 'UPDATE wb SET n = n + 1 WHERE id = 1; ' . table_says('pass', 'RETURN NULL'),
	does => q(SELECT cache.flush('wb')),
	after => table_says('pass', 'RETURN NEW'));
case(
	'the table refuses it', 'flush wb: dead, flushes',
	before => 'UPDATE wb SET n = n + 1 WHERE id = 1; ' . table_says('pass', q(RAISE EXCEPTION 'no')),
	does => q(SELECT cache.flush('wb')),
	after => table_says('pass', 'RETURN NEW') . q(; SELECT cache.discard(id) FROM cache.dead_letters));
case('a flush fails, and is tried again', 'flush often: deferred, flushes, retries, rows_flushed',
	about => ['flush often: retries'],
	before => table_says('pass_often', "$is_worker RAISE serialization_failure; END IF; RETURN NEW"),
	does => sub {
		$node->safe_psql('postgres', "UPDATE often SET n = n + 1; $hand_in");
		ok($node->poll_query_until('postgres', q(SELECT retries > 0 FROM cache.flush_status WHERE relation = 'often'::regclass)), 'it has failed');
		$node->safe_psql('postgres', table_says('pass_often', 'RETURN NEW'));
		ok($node->poll_query_until('postgres', q(SELECT rows_flushed > 0 FROM cache.flush_status WHERE relation = 'often'::regclass)), 'and goes well');
	});
case('a writer waits for room', 'flush wb: deferred 1000, flushes, rows_flushed, waits',
	about => [ 'flush wb: flushes', 'flush wb: rows_flushed', 'flush wb: waits' ],
	may => ['retries'],
	before => sub { session('flusher', q(BEGIN; SELECT cache.flush('wb'))) },
	does => sub {
		session('writer', 'SET cache_strategies.test_points = $$$$');
		session('writer', q(DO $$ BEGIN FOR i IN 1 .. 1000 LOOP UPDATE wb SET n = n + 1 WHERE id = i; COMMIT; END LOOP; END $$), waits => 1);
		wait_event('writer', 'CacheFlush');
		session('flusher', 'ROLLBACK');
		finish('writer');
	});

# ----- comparisons -----

case('an entry is the table\'s row', 'audit: verified',
	does => q(SELECT cache.verify('audited')),
	before => read_of('audited', 1));
case('an entry differs', 'audit: mismatched',
	before => read_of('audited', 1) . q(; SELECT corrupt('audited', -1)),
	does => q(SELECT cache.verify('audited')));
case('an entry cannot be compared', 'audit: skipped',
	before => q(SELECT cache.flush('wb'); UPDATE wb SET n = n + 1 WHERE id = 1),
	does => q(SELECT cache.verify('wb')));

# ----- places that are given anew -----

# From here on every new place is suspected.
$node->safe_psql('postgres', 'CREATE DATABASE gone');
add_extension($node, 'gone');
$node->safe_psql('gone', q(CREATE TABLE a (id int PRIMARY KEY); SELECT cache.attach('a')));
once_free($node, 'DROP DATABASE gone');
$node->safe_psql('postgres', 'CREATE DATABASE app');
prepare_database('app');
$node->safe_psql('app', q(
	CREATE TABLE a (id int PRIMARY KEY, v int);
	INSERT INTO a VALUES (1, 1), (2, 2);
	SELECT cache.attach('a');
	SELECT cache.read(NULL::a, 1)));
case(
	'a writer is under way that does not know the place', "a: fills_refused, $load, miss not_cached, misses, refused older_writers",
	db => 'app',
	before => sub {
		session('app writer', 'BEGIN; UPDATE a SET v = 0 WHERE id = 1', db => 'app');
		# this fails, as a session is connected, and has the table lose its place
		$node->psql('postgres', 'DROP DATABASE app');
		$node->safe_psql('app', read_of('a', 1) . "; $hand_in");
	},
	does => read_of('a', 2),
	after => sub { session('app writer', 'COMMIT') });

# ----- recovery, and what is older than its end -----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay');
$server = $standby;
case('in recovery', "t: bypass recovery, bypasses, $load", does => read_of('t', 1));
my $old = $standby->background_psql('postgres');
$old->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$standby->promote;
$standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'not promoted';
case(
	'a snapshot that was taken during recovery', "t: bypass snapshot, bypasses, $load",
	before => read_of('t', 2),
	does => sub { $old->query_safe(read_of('t', 1) . "; $hand_in") });
$old->quit;
$_->quit foreach values %{ $watchers{standby} };
$standby->stop;
$server = $node;

# ----- what was prepared before the server's start -----

foreach my $name (grep { !/ pid$/ } sort keys %sessions)
{
	$sessions{$name}->quit;
}
$_->quit foreach values %{ $watchers{main} };
%sessions = %watchers = ();
case(
	'prepared before the start', "t: fills_refused, $load, miss not_cached, misses, refused prepared_before_start",
	before => sub {
		$node->safe_psql('postgres', q(BEGIN; UPDATE t SET v = 'new' WHERE id = 30; PREPARE TRANSACTION 'p'));
		$node->restart;
		$node->safe_psql('postgres', read_of('t', 31) . "; $hand_in");
	},
	does => read_of('t', 32),
	after => q(COMMIT PREPARED 'p'));

# ----- a flush that hangs -----

case('a flush takes too long', 'flush often: deferred, retries, timeouts',
	about => ['flush often: retries'],
	before => table_says('pass_often', "$is_worker PERFORM pg_sleep(100000); END IF; RETURN NEW"),
	does => sub {
		$node->safe_psql('postgres', "UPDATE often SET n = n + 1; $hand_in");
		ok($node->poll_query_until('postgres', q(SELECT timeouts = 1 AND retries > 0 FROM cache.flush_status WHERE relation = 'often'::regclass)), 'it is given up');
	});

# ----- each counter has a case -----

# The names of those that are no reasons.
my %names = (
	HIT => 'hits',
	HIT_ABSENT => 'absent_hits',
	FILL => 'fills',
	LOAD => 'loads',
	LOAD_TIME => 'load_ms',
	WAIT => 'waits',
	WAIT_TIME => 'wait_ms',
	WAIT_IN_VAIN => 'waits_in_vain',
	PUBLISH => 'publishes',
	INVALIDATION => 'invalidations',
	TABLE_INVALIDATION => 'table_invalidations',
	REFRESH => 'refreshes');
my @counts = slurp_file('src/store/counters.h') =~ /^\s+CS_COUNT_(\w+)/mg;

my $reasons = slurp_file('src/store/counters.c');

$names{$1} = lc("$2 ") . $3 while $reasons =~ /\{CS_COUNT_(\w+), CS_EVENT_(\w+), "(\w+)"\}/g;
cmp_ok(scalar @counts, '>', 40, 'the counters are found in the source');
is_deeply([ grep { !defined $names{$_} } @counts ], [], 'and their names');
foreach my $name (map { $names{$_} // () } @counts)
{
	ok((grep { /: \Q$name\E$/ } keys %moved), "there is a case of $name");
}

# Those of statements that have a part in other tests, where keeping results has to pay.
my %elsewhere = (
	waits => '069_results_herd.pl',
	waits_in_vain => '069_results_herd.pl',
	'bypasses does_not_pay' => '069_results_worth.pl');

foreach my $name (sort keys %elsewhere)
{
	my ($word) = $name =~ /(\w+)$/;

	$moved{"statements: $name"} = 1;
	like(slurp_file("test/t/$elsewhere{$name}"), qr/\b$word\b/, "$elsewhere{$name} is about $name");
}
my $results = slurp_file('src/stats/results.c');
while ($results =~ /static const CsName (\w+)\[\] = \{(.*?)\};/gs)
{
	my ($column, $reasons) = ($1, $2);

	ok($moved{"statements: $column $_"}, "there is a case of $column $_") foreach $reasons =~ /"(\w+)"/g;
}

# Each column of a view, for what it is a view of.
sub columns_of
{
	my %columns;

	foreach (@_)
	{
		my ($kind, $what) = /^(?:(all|space|flush|audit|statements)\b)?.*?: (.*)$/;

		$kind //= 'table';
		$columns{"$kind: $what"} = 1 if $kind ne 'all';
	}
	return sort keys %columns;
}

my %moved_columns = map { $_ => 1 } columns_of(keys %moved);
my @columns = columns_of(keys %{ counters('postgres') });
cmp_ok(scalar @columns, '>', 40, 'the views have columns');
is_deeply([ grep { !$moved_columns{$_} } @columns ], [], 'there is a case of each');
my @flush_counts = slurp_file('src/writeback/state.h') =~ /^\s+CS_FLUSH_(?!COUNTS)(\w+)/mg;
is(scalar(grep { /^flush: / } @columns), scalar @flush_counts, 'each counter of flushes is in the view');

$node->stop('immediate');
done_testing();
