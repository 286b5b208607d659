
# A store that is much too small, values that do not fit, quotas and expiry:
# every read is exact, and no bound is passed.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main', 'cache_strategies.memory = 1MB', 'cache_strategies.max_tables = 1024');

add_extension($node);

sub sql
{
	return $node->safe_psql('postgres', join("\n", @_));
}

# ----- memory -----

# Steps of in_turn().
sub bounded
{
	my ($name) = @_;

	return says('SELECT memory BETWEEN 900000 AND 1024 * 1024, bytes <= value_memory, value_memory <= memory, max_value <= value_memory FROM cache.stats',
		't|t|t|t', "$name: memory is bounded");
}

create_tables($node);
sql(map { "INSERT INTO $_ SELECT i, repeat(md5(i::text), 1 + i % 40) FROM generate_series(21, 5000) i;" } @strategies);
in_turn($node, undef, bounded('at first'));
foreach my $table (@strategies)
{
	in_turn($node, undef,
		# each key twice, in different orders, much more than fits
		(map { says(qq(
				SELECT count(*) FROM (SELECT i FROM generate_series(1, 5000) i ORDER BY i % 7, i) s
				WHERE cache.read(NULL::$table, i)::text IS DISTINCT FROM (SELECT t::text FROM $table t WHERE id = i)),
				'0', "$table: every row is read exactly, round $_") } (1, 2)),
		bounded("$table is read"),
		"UPDATE $table SET n = n + 1",
		says(qq(
			SELECT count(*) FROM generate_series(5000, 1, -1) i
			WHERE cache.read(NULL::$table, i)::text IS DISTINCT FROM (SELECT t::text FROM $table t WHERE id = i)),
			'0', "$table: every row is read exactly after a change"),
		bounded("$table is changed"),
		# in many transactions, which publishes for write_through
		"DO \$\$ BEGIN FOR i IN 1..300 LOOP UPDATE $table SET v = v || '.' WHERE id = i * 16; COMMIT; END LOOP; END \$\$",
		says(qq(
			SELECT count(*) FROM generate_series(1, 5000) i
			WHERE cache.read(NULL::$table, i)::text IS DISTINCT FROM (SELECT t::text FROM $table t WHERE id = i)),
			'0', "$table: every row is read exactly after many changes"),
		bounded("$table is changed in many transactions"));
}
cmp_ok(sql('SELECT evictions FROM cache.stats'), '>', 1000, 'entries were evicted');
cmp_ok(sql('SELECT entries FROM cache.stats'), '>', 100, 'and others are kept');
is(sql('SELECT sum(t.entries) = s.entries AND sum(t.bytes) = s.bytes FROM cache.table_stats t, cache.stats s GROUP BY s.entries, s.bytes'),
	't', 'entries and bytes of the tables add up to those of the store');

# A key that is read all the time stays, whatever else comes by once.
warmed($node, 'cache_aside', 7, 'a hot key');
sql('SELECT count(cache.read(NULL::cache_aside, 7)) FROM generate_series(1, 50)');
in_turn($node, undef,
	map { qq(
	SELECT count(cache.read(NULL::cache_aside, i)::text) FROM generate_series($_ * 200 + 1, $_ * 200 + 200) i;
	SELECT cache.read(NULL::cache_aside, 7); SELECT cache.read(NULL::cache_aside, 7)) } (1 .. 20));
ok(defined cached($node, 'cache_aside', 7), 'a hot key outlives a scan');

# ----- values of all sizes -----

my $max = sql('SELECT max_value FROM cache.stats');
cmp_ok($max, '>', 1000, 'the store takes values of some size');
sql(q(
	CREATE TABLE sizes (id int PRIMARY KEY, v text);
	ALTER TABLE sizes ALTER v SET STORAGE EXTERNAL;
	SELECT cache.attach('sizes', 'write_through');
	CREATE FUNCTION wrong() RETURNS bigint LANGUAGE sql AS $$
		SELECT count(*) FROM generate_series(0, 12) i
		WHERE (cache.read(NULL::sizes, i)).v IS DISTINCT FROM (SELECT v FROM sizes WHERE id = i) $$;
));
foreach my $size (0, 1, 100, 1999, 2000, 8000, 20_000, 100_000, $max - 200, $max - 100, $max, $max + 1, 2 * $max, 1_048_576, 3_000_000)
{
	next if $size < 0;
	in_turn($node, undef,
		"TRUNCATE sizes; INSERT INTO sizes SELECT i, repeat(chr(96 + i), $size) FROM generate_series(1, 10) i",
		(map { says('SELECT wrong()', '0', "rows of $size bytes, round $_") } (1, 2)),
		"UPDATE sizes SET v = v || 'x' WHERE id <= 5",
		says('SELECT wrong()', '0', "rows of $size bytes, changed"),
		"UPDATE sizes SET v = 'small' WHERE id = 1; UPDATE sizes SET v = repeat('z', $size) WHERE id = 2",
		says('SELECT wrong()', '0', "rows of $size bytes, some made small"),
		warmed_step('sizes', 1, "after rows of $size bytes"),
		$size > $max ? says('SELECT cache.lookup(NULL::sizes, 2) IS NULL', 't', "a row of $size bytes is not kept") : (),
		bounded("rows of $size bytes"));
}
cmp_ok(sql(q(SELECT fills_no_room FROM cache.table_stats WHERE relation = 'sizes'::regclass)), '>', 0,
	'rows without room are counted');

# Long keys.
sql(q(
	CREATE TABLE long_keys (k text PRIMARY KEY, v text);
	SELECT cache.attach('long_keys', 'read_through', negative_ttl => '1 hour');
	INSERT INTO long_keys SELECT repeat(chr(96 + i % 26), i * 100), i FROM generate_series(1, 25) i;
));
foreach my $round (1, 2, 3)
{
	is(sql(q(SELECT count(*) FROM long_keys t WHERE cache.read(NULL::long_keys, k)::text IS DISTINCT FROM t::text)),
		'0', "long keys, round $round");
	is(sql(q(SELECT count(cache.read(NULL::long_keys, repeat('?', i * 100))::text) FROM generate_series(1, 30) i)), '0',
		"absent long keys, round $round");
	sql(q(UPDATE long_keys SET v = v || '.'));
}

# ----- quotas -----

sql(q(
	CREATE TABLE quota (id int PRIMARY KEY, v text);
	INSERT INTO quota SELECT i, repeat('q', 500) FROM generate_series(1, 2000) i;
	SELECT cache.attach('quota', 'write_through', max_memory => '50kB');
));
my $used = q(SELECT bytes <= 50 * 1024 AND entries > 20 FROM cache.table_stats WHERE relation = 'quota'::regclass);
is(sql(q(SELECT count(*) FROM quota t WHERE cache.read(NULL::quota, id)::text IS DISTINCT FROM t::text)), '0', 'quota: reads are exact');
is(sql($used), 't', 'quota: reads keep to it');
sql(q(DO $$ BEGIN FOR i IN 1..500 LOOP UPDATE quota SET v = repeat('w', 400 + i) WHERE id = i; COMMIT; END LOOP; END $$));
is(sql($used), 't', 'quota: publishing keeps to it');
is(sql(q(SELECT count(*) FROM quota t WHERE cache.read(NULL::quota, id)::text IS DISTINCT FROM t::text)), '0', 'quota: reads are exact after changes');
sql(q(SELECT cache.attach('quota', 'write_through', max_memory => '10kB')));
sql(q(SELECT count(cache.read(NULL::quota, i)::text) FROM generate_series(1, 2000) i));
is(sql(q(SELECT bytes <= 10 * 1024 FROM cache.table_stats WHERE relation = 'quota'::regclass)), 't', 'quota: a smaller one is kept to');
sql(q(SELECT cache.attach('quota', 'write_through', max_memory => '100 bytes')));
is(sql(q(SELECT count(*) FROM quota t WHERE cache.read(NULL::quota, id)::text IS DISTINCT FROM t::text)), '0', 'quota: too small for one row, reads are exact');
is(cached($node, 'quota', 1), undef, 'quota: nothing is kept then');
is(sql(q(SELECT bytes <= 10 * 1024 AND fills_no_room >= 2000 FROM cache.table_stats WHERE relation = 'quota'::regclass)), 't', 'quota: and that is counted');
is(sql(q(SELECT count(*) FROM cache_aside t WHERE cache.read(NULL::cache_aside, id)::text IS DISTINCT FROM t::text)), '0', 'quota: other tables are read exactly');

# ----- expiry -----

$node->adjust_conf('postgresql.conf', 'cache_strategies.memory', '16MB');
$node->restart;
sql(q(
	CREATE FUNCTION clock(seconds float8) RETURNS timestamptz LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_clock';
	CREATE TABLE expiring (id int PRIMARY KEY, v text);
	INSERT INTO expiring SELECT i, 'row ' || i FROM generate_series(1, 1000) i;
	SELECT cache.attach('expiring', 'read_through', ttl => '400 ms', negative_ttl => '300 ms');
));

# By a clock that stands still unless it is moved: there to the last microsecond,
# and not one longer.
my $outcomes = 'SELECT one.outcome, none.outcome, cache.lookup(NULL::expiring, 1) FROM cache.explain(NULL::expiring, 1) one, cache.explain(NULL::expiring, 5000) none';
in_turn($node, undef,
	'SELECT clock(0)',
	'SELECT cache.read(NULL::expiring, 1), cache.read(NULL::expiring, 5000)',
	says($outcomes, 'hit|absent|(1,"row 1")', 'a row and an absence are kept'),
	says('SELECT clock(0.299999) IS NULL', 'f', 'the clock is moved'),
	says($outcomes, 'hit|absent|(1,"row 1")', 'both are there until they expire'),
	says('SELECT clock(0.000001) IS NULL', 'f', 'and moved'),
	says($outcomes, 'hit|miss|(1,"row 1")', 'an absence expires'),
	says('SELECT clock(0.1) IS NULL', 'f', 'and moved'),
	says($outcomes, 'miss|miss|', 'a row expires'),
	says('SELECT reason FROM cache.explain(NULL::expiring, 1)', 'the entry has expired', 'and cache.explain says so'));

# Changes the cache is not told of show how long what was read is kept.
in_turn($node, undef,
	q(
	CREATE TABLE source (id int PRIMARY KEY, v text);
	INSERT INTO source VALUES (1, 'first');
	CREATE TABLE derived (id int PRIMARY KEY, v text);
	CREATE FUNCTION load_derived(int) RETURNS derived STABLE LANGUAGE sql
		AS 'SELECT (id, v)::public.derived FROM public.source WHERE id = $1';
	SELECT cache.attach('derived', 'read_through', ttl => '700 ms', loader => 'load_derived')),
	says('SELECT (cache.read(NULL::derived, 1)).v', 'first', 'a loaded value'),
	q(UPDATE source SET v = 'second'; SELECT clock(0.699999)),
	says('SELECT (cache.read(NULL::derived, 1)).v', 'first', 'is kept until it has expired'),
	'SELECT clock(0.000001)',
	says('SELECT (cache.read(NULL::derived, 1)).v', 'second', 'and loaded again then'),
	'SELECT clock(NULL)');

# And by the real one: what one finds has not expired by the time that was read
# before (the two clocks are not read at the same moment, nor are they one).
sql(q(SELECT cache.attach('expiring', 'read_through', ttl => '100 ms')));
sql('SELECT cache.read(NULL::expiring, 1)');
ok($node->poll_query_until('postgres', 'SELECT cache.lookup(NULL::expiring, 1) IS NULL'), 'a row expires by itself');
sql(q(DO $$
	DECLARE began timestamptz; ends timestamptz; is_hit boolean; hits int := 0; misses int := 0;
	BEGIN
		WHILE hits < 10 OR misses < 10 LOOP
			began := clock_timestamp();
			SELECT outcome = 'hit', expires INTO is_hit, ends FROM cache.explain(NULL::expiring, 2);
			IF NOT is_hit THEN
				misses := misses + 1;
				PERFORM cache.read(NULL::expiring, 2);
			ELSIF ends < began - interval '50 ms' OR ends > clock_timestamp() + interval '150 ms' THEN
				RAISE EXCEPTION 'a hit at % expires at %', began, ends;
			ELSE
				hits := hits + 1;
			END IF;
			COMMIT;
		END LOOP;
	END $$));

# ttl_jitter spreads what was loaded together.  With the clock stopped, what is left
# of an entry's time does not depend on when one looks, but for the time between the
# two clocks' readings.
sql(q(SELECT clock(0), cache.attach('expiring', 'read_through', ttl => '1000 s', ttl_jitter => 0.2)));
sql('SELECT count(cache.read(NULL::expiring, i)::text) FROM generate_series(1, 1000) i');
my $spread = q(
	SELECT %s FROM (SELECT extract(epoch FROM (cache.explain(NULL::expiring, i)).expires - clock_timestamp()) AS s
		FROM generate_series(1, 1000) i) x);
is(sql(sprintf $spread, 'count(s)'), '1000', 'every row has its time');
# 1000 s, less by up to a fifth
is(sql(sprintf $spread, 'min(s) > 800 - 30 AND max(s) <= 1000'), 't', 'ttl_jitter keeps within its bounds');
is(sql(sprintf $spread, 'max(s) - min(s) > 100 AND count(DISTINCT round(s)) > 50'), 't', 'and spreads');
sql(q(SELECT cache.attach('expiring', 'read_through', ttl => '1000 s')));
sql('SELECT count(cache.read(NULL::expiring, i)::text) FROM generate_series(1, 1000) i');
is(sql(sprintf $spread, 'max(s) <= 1000 AND max(s) - min(s) < 30'), 't', 'without it, what was loaded together expires together');

$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
