
# cache.remember(), and plain SQL whose results are kept, against the query itself, in one
# statement, while the tables of
# pgbench change: joins, aggregates, subqueries, views, partitions, at READ
# COMMITTED and REPEATABLE READ.  Both see the same snapshot, so they must be the
# same; and a statement's snapshot has all that was acknowledged before it
# began.  First few writes, so that most are hits, and then as many as there
# can be.
#
# CS_REMEMBER_SECONDS (10) is how long, CS_REMEMBER_SCALE (1) the scale.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant READERS => 6;
use constant WRITERS => 3;

my $seconds = $ENV{CS_REMEMBER_SECONDS} || 10;
my $scale = $ENV{CS_REMEMBER_SCALE} || 1;
my $output;
my $dir = PostgreSQL::Test::Utils::tempdir('scripts');
my $node = new_node('main', 'fsync = off', 'synchronous_commit = off', 'shared_buffers = 256MB',
	'max_wal_size = 4GB', 'deadlock_timeout = 20ms', 'log_min_error_statement = panic');

# $1 is a number from 1 to 9.
my @queries = (
	'SELECT count(*) AS n, sum(bbalance) AS s FROM pgbench_branches',
	'SELECT bid, count(*) AS n, sum(tbalance) AS s, min(tbalance), max(tbalance) FROM pgbench_tellers GROUP BY bid ORDER BY bid',
	'SELECT b.bid, b.bbalance, sum(t.tbalance) AS t FROM pgbench_branches b JOIN pgbench_tellers t USING (bid) GROUP BY b.bid ORDER BY 1',
	'SELECT count(*) AS n, sum(abalance) AS s, avg(abalance) AS a FROM pgbench_accounts WHERE aid BETWEEN $1::int * 1000 - 999 AND $1::int * 1000',
	'SELECT a.aid, a.abalance, b.bbalance FROM pgbench_accounts a LEFT JOIN pgbench_branches b USING (bid) WHERE a.aid < $1::int * 5 ORDER BY 1',
	'SELECT tid, count(*) AS n, sum(delta) AS d FROM pgbench_history GROUP BY tid ORDER BY tid',
	'SELECT t.tid, t.tbalance, (SELECT count(*) FROM pgbench_history h WHERE h.tid = t.tid) AS n FROM pgbench_tellers t WHERE t.tid = $1::int',
	'SELECT aid FROM pgbench_accounts WHERE aid < 100 AND abalance = -123456789',
	'SELECT tid FROM pgbench_tellers t WHERE EXISTS (SELECT FROM pgbench_history h WHERE h.tid = t.tid AND delta > 0) ORDER BY tid',
	'WITH w AS (SELECT bid, sum(delta) AS d FROM pgbench_history GROUP BY bid) SELECT bid, bbalance - coalesce(d, 0) AS rest FROM pgbench_branches LEFT JOIN w USING (bid) ORDER BY bid',
	'SELECT tid, tbalance, rank() OVER (PARTITION BY bid ORDER BY tbalance, tid) AS r FROM pgbench_tellers ORDER BY tid',
	'SELECT tid AS id, tbalance AS v FROM pgbench_tellers WHERE tid < 4 UNION ALL SELECT bid, bbalance FROM pgbench_branches ORDER BY 1, 2',
	'TABLE totals',
	'SELECT total_of($1::int) AS t',
	'SELECT part, count(*) AS n, sum(v) AS s FROM parts GROUP BY part ORDER BY part',
	'SELECT sum(v) AS s FROM parts WHERE part = $1::int % 3',
	'SELECT sum(v) AS s, (SELECT sum(n) FROM attached) AS a FROM parts_1',
	'SELECT id, n FROM attached WHERE id = $1::int',
	# by value
	'SELECT aid, abalance FROM pgbench_accounts WHERE aid = $1::int',
	'SELECT t.tid, t.tbalance, b.bbalance FROM pgbench_tellers t JOIN pgbench_branches b USING (bid) WHERE t.tid = $1::int',
	'SELECT count(*) AS n, sum(v) AS s FROM moves WHERE k = $1::int',
	'SELECT k, count(*) AS n, sum(v) AS s FROM moves WHERE k = ANY (ARRAY[$1::int, 3]) GROUP BY k ORDER BY k',
	'SELECT a.n, b.v FROM (SELECT count(*) AS n FROM moves WHERE k = $1::int) a, (SELECT sum(v) AS v FROM moves WHERE id = $1::int) b',
	'SELECT m.id, m.v, t.tbalance FROM moves m JOIN pgbench_tellers t ON t.tid = m.k WHERE m.k = $1::int ORDER BY 1',
	'SELECT m.id, o.id AS o FROM moves m LEFT JOIN moves o ON o.k = m.k AND o.id > m.id WHERE m.k = $1::int ORDER BY 1, 2',
	'SELECT count(*) AS n, sum(v) AS s FROM moves WHERE t = $1::text',
	'SELECT sum(v) AS s FROM parts WHERE id = $1::int',
	'SELECT sum(v) AS s FROM parts_2 WHERE id = $1::int * 3 - 1',
	'SELECT count(*) AS n, sum(v) AS s FROM moves WHERE n = $1::numeric UNION ALL SELECT count(*), sum(v) FROM moves WHERE k = 2 ORDER BY 1, 2',
);

add_extension($node);
IPC::Run::run([ 'pgbench', '-i', '-q', '-s', $scale, $node->connstr('postgres') ], '&>', \$output)
  or BAIL_OUT("pgbench -i: $output");
$node->safe_psql('postgres', q(
	CREATE TABLE parts (part int NOT NULL, id int NOT NULL, v int NOT NULL, PRIMARY KEY (part, id)) PARTITION BY LIST (part);
	CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
	CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2) PARTITION BY RANGE (id);
	CREATE TABLE parts_2_all PARTITION OF parts_2 DEFAULT;
	INSERT INTO parts SELECT i % 3, i, 0 FROM generate_series(1, 99) i;
	CREATE TABLE attached (id int PRIMARY KEY, n int NOT NULL);
	INSERT INTO attached SELECT i, 0 FROM generate_series(1, 20) i;
	SELECT cache.attach('attached', 'write_through');
	-- its rows go from one value to another
	CREATE TABLE moves (id int PRIMARY KEY, k int, v int NOT NULL, t text, n numeric);
	INSERT INTO moves SELECT i, i % 10, 0, i % 10, i % 10 FROM generate_series(1, 50) i;
	SELECT cache.track(r, by_value => r <> 'pgbench_history'::regclass)
		FROM unnest('{pgbench_accounts,pgbench_branches,pgbench_tellers,pgbench_history,parts,moves}'::regclass[]) r;
	CREATE VIEW totals AS
		SELECT (SELECT sum(bbalance) FROM pgbench_branches) AS b, (SELECT sum(tbalance) FROM pgbench_tellers) AS t,
			(SELECT sum(delta) FROM pgbench_history) AS h;
	CREATE FUNCTION total_of(int) RETURNS bigint LANGUAGE sql STABLE AS
		'SELECT sum(tbalance) FROM pgbench_tellers WHERE bid = $1';
	CREATE TABLE queries (id int PRIMARY KEY, query text NOT NULL);

	-- The same?  In this order, or the other.
	CREATE FUNCTION check_query(id int, param int, first bool) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		q text := (SELECT query FROM queries WHERE queries.id = check_query.id);
		remembered text := format('cache.remember(%L, %L, %L, ARRAY[%L])', 'query ' || id, '1 hour', q, param);
		plain text := format('(SELECT coalesce(jsonb_agg(to_jsonb(x)), %L) FROM (%s) x)', '[]', replace(q, '$1', param::text));
		same bool; r jsonb; p jsonb;
	BEGIN
		IF q NOT LIKE '%$1%' THEN
			remembered := format('cache.remember(%L, %L, %L)', 'query ' || id, '1 hour', q);
		END IF;
		EXECUTE format(CASE WHEN first THEN 'SELECT r IS NOT DISTINCT FROM p, r, p FROM (SELECT %s AS r, %s AS p OFFSET 0) s'
				ELSE 'SELECT r IS NOT DISTINCT FROM p, r, p FROM (SELECT %2$s AS p, %1$s AS r OFFSET 0) s' END,
			remembered, plain) INTO same, r, p;
		IF NOT same THEN
			RAISE EXCEPTION 'MISMATCH: %: remembered %, in fact %', q, r, p;
		END IF;
	END $$;

	-- The same by plain SQL.  A STABLE function's statements have the snapshot of its caller.
	CREATE FUNCTION rows_of(query text, param int) RETURNS text LANGUAGE plpgsql STABLE AS $$
	DECLARE
		r record; result text := '';
	BEGIN
		FOR r IN EXECUTE query USING param LOOP
			result := result || r::text || E'\n';
		END LOOP;
		RETURN result;
	END $$;
	CREATE FUNCTION check_plain(id int, param int, first bool, prepared bool) RETURNS void LANGUAGE plpgsql STABLE AS $$
	DECLARE
		q text := (SELECT query FROM queries WHERE queries.id = check_plain.id);
		kept text; p text;
	BEGIN
		IF NOT prepared THEN
			q := replace(q, '$1', param::text);
		END IF;
		IF first THEN
			p := rows_of(q, param);
		END IF;
		PERFORM set_config('cache_strategies.results_min_cost', '0', true),
			set_config('cache_strategies.results', 'auto', true);
		kept := rows_of(q, param);
		PERFORM set_config('cache_strategies.results', 'off', true);
		IF NOT first THEN
			p := rows_of(q, param);
		END IF;
		IF kept IS DISTINCT FROM p THEN
			RAISE EXCEPTION 'MISMATCH: %: kept %, in fact %', q, kept, p;
		END IF;
	END $$;

	-- A change that no trigger sees, without the warning that none does.
	CREATE FUNCTION change_unseen() RETURNS void LANGUAGE plpgsql SET client_min_messages = error AS $$
	DECLARE
		command text;
		commands text[] := (SELECT array_agg(format('ALTER TABLE attached ENABLE %s TRIGGER %I',
				CASE tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END, tgname))
			FROM pg_trigger WHERE tgrelid = 'attached'::regclass);
	BEGIN
		ALTER TABLE attached DISABLE TRIGGER ALL;
		UPDATE attached SET n = n + 1;
		FOREACH command IN ARRAY commands LOOP
			EXECUTE command;
		END LOOP;
	END $$;

	-- As rows, and without a function around.
	CREATE FUNCTION same(text, text) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		IF $1 IS DISTINCT FROM $2 THEN
			RAISE EXCEPTION 'MISMATCH: remembered %, in fact %', $1, $2;
		END IF;
		RETURN 1;
	END $$;));

foreach my $i (0 .. $#queries)
{
	(my $q = $queries[$i]) =~ s/'/''/g;
	$node->safe_psql('postgres', "INSERT INTO queries VALUES ($i, '$q')");
}

# Each script and the comparisons that it makes.
my $some = "\\set q random(0, $#queries)\n\\set p random(1, 9)\n\\set f random(0, 1)\n";
my $check = "SELECT check_query(:q, :p, :f = 1);\n";
my $plain = "\\set s random(0, 1)\nSELECT check_plain(:q, :p, :f = 1, :s = 1);\n";
my %readers = (
	read => [ 60, 1, "$some$check" ],
	plain => [ 60, 1, "$some$plain" ],
	plain_repeatable => [ 15, 4, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . ("$some$plain" x 4) . "COMMIT;\n" ],
	plain_own => [ 4, 3, "BEGIN;\n$some${plain}UPDATE pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = :p;\n"
		  . "$some${plain}ROLLBACK;\n$some$plain" ],
	rows => [ 10, 2, q(
		SELECT same((SELECT array_agg(t ORDER BY tid)::text FROM cache.remember(NULL::pgbench_tellers, 'rows', '1 hour', 'SELECT * FROM pgbench_tellers') t),
			(SELECT array_agg(t ORDER BY tid)::text FROM pgbench_tellers t));
		SELECT same(cache.remember(NULL::bigint, 'scalar', '1 hour', 'SELECT sum(bbalance) FROM pgbench_branches')::text,
			(SELECT sum(bbalance)::text FROM pgbench_branches));) ],
	repeatable => [ 15, 4, "BEGIN ISOLATION LEVEL REPEATABLE READ;\n" . ("$some$check" x 4) . "COMMIT;\n" ],
	serializable => [ 1, 1, "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;\n$some${check}COMMIT;\n" ],
	own => [ 4, 3, "BEGIN;\n$some${check}UPDATE pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = :p;\n"
		  . "$some${check}ROLLBACK;\n$some$check" ],
	savepoint => [ 4, 3, "BEGIN;\nSAVEPOINT s;\nUPDATE parts SET v = v + 1 WHERE part = 1 AND id = 1;\n"
		  . "SELECT check_query(14, 1, true);\nROLLBACK TO s;\nSELECT check_query(14, 1, false);\n$some${check}COMMIT;\n" ],
	forget => [ 1, 0, "${some}SELECT cache.forget('query ' || :q);\n" ],
);
my %writers = (
	tpcb => [ 30, 0, qq(
		\\set aid random(1, 100000 * $scale)
		\\set hot random(1, 200)
		\\set bid random(1, $scale)
		\\set tid random(1, 10 * $scale)
		\\set delta random(-5000, 5000)
		BEGIN;
		UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
		UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :hot;
		UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
		UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
		INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, now());
		COMMIT;) ],
	one => [ 20, 0, qq(
		\\set tid random(1, 10 * $scale)
		UPDATE pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = :tid;) ],
	parts => [ 20, 0, q(
		\set id random(1, 99)
		UPDATE parts SET v = v + 1 WHERE part = :id % 3 AND id = :id;) ],
	move => [ 30, 0, q(
		\set id random(1, 50)
		\set by random(1, 9)
		UPDATE moves SET k = (k + :by) % 10, t = (k + :by) % 10, n = (k + :by) % 10 * 1.00, v = v + 1 WHERE id = :id;) ],
	move_some => [ 5, 0, q(
		\set id random(1, 40)
		BEGIN;
		SAVEPOINT a;
		UPDATE moves SET k = 3 WHERE id = :id + 1;
		ROLLBACK TO a;
		UPDATE moves SET k = NULL, v = v + 1 WHERE id = :id + 2;
		RELEASE a;
		SAVEPOINT b;
		UPDATE moves SET k = 1 + id % 9, v = v + 1 WHERE id = :id + 3;
		RELEASE b;
		COMMIT;) ],
	move_all => [ 1, 0, q(
		BEGIN;
		SET LOCAL cache_strategies.bulk_threshold = 5;
		UPDATE moves SET k = (k + 1) % 10, v = v + 1 WHERE id IN (SELECT id FROM moves ORDER BY id FOR UPDATE);
		COMMIT;) ],
	move_in_and_out => [ 4, 0, q(
		\set id random(1, 50)
		BEGIN;
		DELETE FROM moves WHERE id = :id;
		INSERT INTO moves VALUES (:id, :id % 10, 7, :id % 10, :id % 10) ON CONFLICT DO NOTHING;
		COMMIT;) ],
	move_prepared => [ 4, 0, q(
		\set id random(1, 50)
		BEGIN;
		UPDATE moves SET k = (k + 1) % 10, v = v + 1 WHERE id = :id;
		PREPARE TRANSACTION 'm:client_id';
		COMMIT PREPARED 'm:client_id';) ],
	move_unwatched => [ 1, 0, q(BEGIN; ALTER TABLE moves ALTER v SET STATISTICS 50; UPDATE moves SET v = v + 1 WHERE id = 1; COMMIT;) ],
	partition => [ 5, 0, q(UPDATE parts_2_all SET v = v + 1 WHERE id = 2;) ],
	attached => [ 10, 0, q(
		\set id random(1, 20)
		UPDATE attached SET n = n + 1 WHERE id = :id;) ],
	insert => [ 5, 0, q(INSERT INTO attached SELECT max(id) + 1, 0 FROM attached ON CONFLICT DO NOTHING;) ],
	delete => [ 5, 0, q(DELETE FROM attached WHERE id = (SELECT max(id) FROM attached WHERE id > 20);) ],
	history => [ 4, 0, q(DELETE FROM pgbench_history WHERE mtime < now() - interval '200 ms';) ],
	truncate => [ 1, 0, q(TRUNCATE pgbench_history;) ],
	rollback => [ 5, 0, q(BEGIN; UPDATE pgbench_branches SET bbalance = 0; SAVEPOINT s; DELETE FROM parts; ROLLBACK;) ],
	prepared => [ 4, 0, q(
		BEGIN;
		UPDATE pgbench_tellers SET tbalance = tbalance + 7 WHERE tid = 1;
		PREPARE TRANSACTION 'p:client_id';
		COMMIT PREPARED 'p:client_id';) ],
	unseen => [ 1, 0, 'SELECT change_unseen();' ],
);

# Serialisation failures of writers are all that may go wrong.
sub start_pgbench
{
	my ($scripts, $clients, $seconds, $delay) = @_;
	my $run = { out => '', err => '' };
	my @files;

	foreach my $name (sort keys %$scripts)
	{
		my ($weight, undef, $sql) = @{ $scripts->{$name} };

		$sql =~ s/^\s+//mg;
		unlink "$dir/$name";
		append_to_file("$dir/$name", "$sql\n");
		push @files, '-f', "$dir/$name\@$weight";
	}
	$run->{run} = IPC::Run::start(
		[ 'pgbench', '-n', '-M', 'simple', '-c', $clients, '-T', $seconds, '--max-tries=1', @files,
			$node->connstr('postgres') . " options='-c cache_strategies.test_delay=$delay'" ],
		'<', \'', '>', \$run->{out}, '2>', \$run->{err});
	return $run;
}

# The comparisons that were made for certain, and transactions that write.
sub finish_pgbench
{
	my ($run, $name) = @_;
	my ($script, $comparisons, $writes) = ('', 0, 0);

	$run->{run}->finish;
	foreach my $line (split /\n/, $run->{out})
	{
		$script = $1 if $line =~ m!^SQL script \d+: .*/(\w+)$!;
		next unless $script ne '' && $line =~ /^ - (\d+) transactions/;
		$comparisons += $1 * $readers{$script}[1] if exists $readers{$script};
		$writes += $1 if exists $writers{$script};
	}
	is($run->{err} =~ s/^pgbench: (?!error).*\n//mgr, '', "$name: no error and no mismatch");
	return ($comparisons, $writes);
}

sub counted
{
	return split /\|/, $node->safe_psql('postgres', 'SELECT hits, misses, sets FROM cache.space_stats WHERE owner = current_user::regrole AND space = \'(private)\'');
}

# Every query must be one that can be remembered, and be a hit the second time.
foreach my $i (0 .. $#queries)
{
	my @before = counted();
	my @after;

	$node->safe_psql('postgres', "SELECT check_query($i, 3, true)") foreach 1 .. 2;
	@after = counted();
	cmp_ok($after[0], '>', $before[0] // 0, "a hit: $queries[$i]");
}

foreach my $i (0 .. $#queries)
{
	my @before = counted();
	my @after;

	$node->safe_psql('postgres', "SELECT check_plain($i, 3, true, $_ = 2)") foreach 1 .. 3;
	@after = counted();
	cmp_ok($after[0], '>', $before[0] // 0, "a hit by plain SQL: $queries[$i]");
}

my ($sum_comparisons, $sum_hits) = (0, 0);

# Few writes are few for each read, whatever time these take.
my %few_writes = ((map { $_ => [ @{ $readers{$_} } ] } keys %readers), (map { $_ => [ @{ $writers{$_} } ] } keys %writers));
$few_writes{$_}[0] *= 200 foreach keys %readers;

# What makes up the load: scripts, and clients for them.
my %loads = (
	'few writes' => [ [ \%few_writes, READERS ] ],
	'many writes' => [ [ \%writers, WRITERS ], [ \%readers, READERS ] ]);

# A slow machine may need many runs.
sub run_phase
{
	my ($name, $load, $delay) = @_;
	my $time = $seconds < 6 ? 2 : int($seconds / 3);
	my @before = counted();
	my ($comparisons, $writes, $hits, $kept) = (0, 0, 0, 0);

	for (my $run = 1; $comparisons <= 300 || $writes <= 10 || $hits <= 20 || $kept <= 20; $run++)
	{
		my @after;

		foreach my $pgbench (map { start_pgbench(@$_, $time, $delay) } @{ $loads{$load} })
		{
			my ($more_comparisons, $more_writes) = finish_pgbench($pgbench, $name);

			$comparisons += $more_comparisons;
			$writes += $more_writes;
		}
		@after = counted();
		($hits, $kept) = ($after[0] - $before[0], $after[2] - $before[2]);
		last if $run >= 5 && $comparisons > 10_000;
	}
	cmp_ok($comparisons, '>', 300, "$name: $comparisons comparisons");
	cmp_ok($writes, '>', 10, "$name: $writes transactions that write");
	cmp_ok($hits, '>', $load eq 'few writes' ? $comparisons / 10 : 20, "$name: $hits hits");
	cmp_ok($kept, '>', 20, "$name: $kept results were kept");
	$sum_comparisons += $comparisons;
	$sum_hits += $hits;
}

run_phase('few writes', 'few writes', 0);
run_phase('many writes', 'many writes', 0);
run_phase('many writes, with delays', 'many writes', 500);

# No session writes any more: all is kept.
$node->safe_psql('postgres', 'SELECT check_query(id, 1, true) FROM queries') foreach 1 .. 2;
my @before = counted();
$node->safe_psql('postgres', 'SELECT check_query(id, 1, false) FROM queries');
my @after = counted();
is($after[0] - $before[0], scalar @queries, 'in the end every query is a hit');
$node->safe_psql('postgres', 'SELECT check_plain(id, 1, true, true) FROM queries') foreach 1 .. 2;
@before = counted();
$node->safe_psql('postgres', 'SELECT check_plain(id, 1, false, true) FROM queries');
@after = counted();
is($after[0] - $before[0], scalar @queries, 'by plain SQL, too');

note("remember: $sum_comparisons comparisons at scale $scale in $seconds s, $sum_hits hits");
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
