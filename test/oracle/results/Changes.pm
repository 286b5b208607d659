
# Random changes of the tables of schema.sql, in every way that there is.  A change is
# SQL for a session, and may ask that the session ends before its transaction does.

package Changes;

use strict;
use warnings FATAL => 'all';

sub pick { return $_[ int(rand(@_)) ]; }

sub c { return 1 + int(rand(21)); }
sub o { return 1 + int(rand(62)); }
sub st { return pick("'new'", "'paid'", "'sent'", 'NULL'); }
sub k { return int(rand(9)); }

# The rows of a table come back after some time.
sub refill { return "SELECT refill('$_[0]')"; }

# One statement each.
my @simple = (
	(sub { 'UPDATE o SET c = ' . c() . ' WHERE id = ' . o() }) x 3,
	sub { 'UPDATE o SET st = ' . st() . ', d = d + 1 WHERE id = ' . o() },
	sub { 'UPDATE o SET amt = amt + 1, n = (n::int + 1) % 6 * ' . pick('1', '1.0', '1.00') . ', p = (p + 1) % 10 WHERE c = ' . c() },
	sub { q[UPDATE o SET j = jsonb_build_object('k', ] . int(rand(6)) . q[), ch = 'a] . int(rand(4)) . q[', t = ] . int(rand(3)) . ' WHERE id = ' . o() },
	sub { 'UPDATE o SET amt = amt WHERE id = ' . o() },
	sub { 'DELETE FROM o WHERE id = ' . o() },
	sub { my $o = o(); "INSERT INTO o VALUES ($o, " . c() . ', ' . st() . ", $o, '2026-01-" . sprintf('%02d', 1 + int(rand(30))) . "', " . int(rand(10)) . ", 1.0, '{\"k\": 1}', 'a1', 1) ON CONFLICT (id) DO UPDATE SET c = excluded.c, p = excluded.p, d = excluded.d" },
	sub { 'INSERT INTO o SELECT id, ' . c() . ', ' . st() . ", 5, '2026-01-01', 1, 2, NULL, NULL, id % 3 FROM generate_series(1, 60) id ON CONFLICT DO NOTHING" },
	sub { "UPDATE c SET tier = (tier + 1) % 4, name = 'n" . int(rand(8)) . "', m = '" . pick('sad', 'ok', 'happy') . "' WHERE id = " . c() },
	sub { 'UPDATE c SET r = int4range(' . int(rand(5)) . ', 9) WHERE id = ' . c() },
	sub { 'UPDATE c SET id = ' . c() . ' WHERE id = ' . c() },
	sub { 'DELETE FROM c WHERE id = ' . c() },
	sub { refill('c') },
	sub { 'UPDATE i SET sku = ' . (1 + int(rand(12))) . ' WHERE o = ' . o() },
	sub { 'UPDATE i SET o = ' . o() . ', line = line + 1 WHERE o = ' . o() . ' AND line = 1' },
	sub { 'DELETE FROM i WHERE o = ' . o() },
	sub { refill('i') },
	sub { 'UPDATE p SET price = price + 1, cat = (cat + 1) % 4 WHERE sku = ' . (1 + int(rand(12))) },
	sub { 'UPDATE other.p SET cat = (cat + 1) % 4 WHERE sku = ' . (1 + int(rand(12))) },
	(sub { 'UPDATE pt SET k = ' . k() . ' WHERE v = ' . (1 + int(rand(40))) }) x 2,
	sub { "UPDATE pt SET s = 's" . int(rand(5)) . "' WHERE k = " . k() },
	sub { 'UPDATE pt3 SET v = (v + 17) % 41 WHERE k = 4' },
	sub { 'UPDATE pt3_high SET s = s || 1 WHERE v = ' . (30 + int(rand(10))) },
	sub { 'INSERT INTO pt VALUES (' . k() . ', ' . (1 + int(rand(40))) . ", 's" . int(rand(5)) . "')" },
	sub { 'DELETE FROM pt WHERE v = ' . (1 + int(rand(40))) },
	sub { 'UPDATE chi SET a = ' . int(rand(7)) . ' WHERE x = ' . (1 + int(rand(15))) },
	sub { 'UPDATE par SET b = b + 1 WHERE a = ' . int(rand(7)) },
	sub { 'INSERT INTO par VALUES (' . int(rand(7)) . ', 0)' },
	sub { 'DELETE FROM par WHERE b > 12' },
	sub { 'UPDATE at SET n = n + 1 WHERE id = ' . c() },
	sub { refill('at') },
	sub { 'MERGE INTO o USING (SELECT ' . o() . ' id) s ON o.id = s.id WHEN MATCHED AND o.p > 5 THEN DELETE WHEN MATCHED THEN UPDATE SET c = ' . c() . ' WHEN NOT MATCHED THEN INSERT (id, c, st, amt, p, t) VALUES (s.id, ' . c() . ', ' . st() . ', 1, 1, 1)' },
	sub { 'WITH u AS (DELETE FROM i WHERE o = ' . o() . ' RETURNING *) INSERT INTO i SELECT ' . o() . ', line + 2, sku, q FROM u ON CONFLICT DO NOTHING' },
	sub { 'UPDATE pgbench_tellers SET tbalance = tbalance + 1 WHERE tid = ' . (1 + int(rand(10))) },
	sub { 'DELETE FROM pgbench_history WHERE ctid IN (SELECT ctid FROM pgbench_history OFFSET 20)' },
);

sub simple { return pick(@simple)->(); }

sub tpcb
{
	my ($aid, $tid, $bid, $delta) = (o(), 1 + int(rand(10)), 1 + int(rand(3)), int(rand(100)) - 50);

	return "UPDATE pgbench_accounts SET abalance = abalance + $delta WHERE aid = $aid; UPDATE pgbench_tellers SET tbalance = tbalance + $delta WHERE tid = $tid;
		UPDATE pgbench_branches SET bbalance = bbalance + $delta WHERE bid = $bid; INSERT INTO pgbench_history VALUES ($tid, $bid, $aid, $delta, now())";
}

sub pause { return "SELECT pg_sleep(0.00" . int(rand(10)) . ')'; }

# Changes that no trigger sees, in one transaction with triggers switched off and on.
sub unseen
{
	my ($table, $change) = @{ pick([ 'o', 'UPDATE o SET c = c % 20 + 1 WHERE id < 20' ], [ 'p', 'UPDATE p SET price = price + 1' ], [ 'pgbench_tellers', 'UPDATE pgbench_tellers SET tbalance = tbalance + 1' ]) };

	return "DO \$\$
		DECLARE
			command text;
			commands text[] := (SELECT array_agg(format('ALTER TABLE $table ENABLE %s TRIGGER %I', CASE tgenabled WHEN 'A' THEN 'ALWAYS' WHEN 'R' THEN 'REPLICA' END, tgname))
				FROM pg_trigger WHERE tgrelid = '$table'::regclass AND tgenabled IN ('A', 'R'));
		BEGIN
			ALTER TABLE $table DISABLE TRIGGER USER;
			$change;
			FOREACH command IN ARRAY commands LOOP
				EXECUTE command;
			END LOOP;
		END \$\$";
}

my @ddl = (
	sub { my $t = pick(qw(chi pgbench_history i)); "TRUNCATE $t; " . refill($t) },
	sub { 'TRUNCATE pt3; ' . "INSERT INTO pt3 SELECT 4 + g % 2, g, 's1' FROM generate_series(20, 40) g" },
	sub { 'TRUNCATE ' . pick(qw(pgbench_history par)) },
	sub { 'ALTER TABLE o ALTER p TYPE pos USING (p + 1) % 10' },
	sub { 'ALTER TABLE pgbench_tellers ALTER tbalance TYPE int USING tbalance + 1' },
	sub { 'ALTER TABLE c ADD extra int DEFAULT 3; UPDATE c SET tier = 1 WHERE id = ' . c() . '; ALTER TABLE c DROP extra' },
	sub { 'CREATE INDEX IF NOT EXISTS o_st ON o (st)' },
	sub { 'DROP INDEX IF EXISTS o_st' },
	sub { 'REINDEX TABLE ' . pick(qw(o c pgbench_tellers)) },
	sub { 'ANALYZE ' . pick(qw(o c i pt pgbench_accounts)) },
	sub { 'CLUSTER ' . pick('o USING o_pkey', 'i USING i_pkey') },
	sub { my $k = k(); 'ALTER TABLE pt DETACH PARTITION pt2; UPDATE pt2 SET v = v + 1 WHERE v < 30; ALTER TABLE pt ATTACH PARTITION pt2 FOR VALUES IN (3)' },
	sub { 'CREATE OR REPLACE VIEW vw AS SELECT o.id, o.c, o.st, o.amt, c.name, c.tier' . pick('', '', ' + 1 AS tier') . ' FROM o JOIN c ON c.id = o.c' },
	(sub { unseen() }) x 2,
	sub { "SET LOCAL session_replication_role = replica; UPDATE o SET c = " . c() . ' WHERE id = ' . o() },
	sub { 'CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE par; ALTER TABLE chi NO INHERIT par; UPDATE chi SET a = (a + 1) % 7; ALTER TABLE chi INHERIT par' },
	sub { 'CREATE TRIGGER t BEFORE UPDATE ON p FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger(); UPDATE p SET cat = cat; DROP TRIGGER t ON p' },
);

my $transactions = 0;

# Each returns what is sent, one message after the other, COPY's rows with it.
my @changes = (
	(sub { simple() }) x 14,
	(sub { 'BEGIN; ' . tpcb() . '; COMMIT' }) x 4,
	(sub { 'BEGIN; ' . simple() . '; ' . pause() . '; ' . simple() . '; COMMIT' }) x 3,
	sub { 'BEGIN; ' . simple() . '; ' . simple() . '; ROLLBACK' },
	(sub {
			'BEGIN; SAVEPOINT a; ' . simple() . '; ROLLBACK TO a; ' . simple() . '; SAVEPOINT b; ' . simple() . '; RELEASE b; SAVEPOINT d; ' . simple() . '; ROLLBACK TO d; ' . pause() . '; ' . pick('COMMIT', 'COMMIT', 'ROLLBACK');
		}) x 3,
	(sub {
			my $name = "o$$." . ++$transactions;

			('BEGIN; ' . simple() . '; ' . simple() . "; PREPARE TRANSACTION '$name'", pause(), pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$name'");
		}) x 3,
	# more rows than are noted one by one
	(sub { 'BEGIN; SET LOCAL cache_strategies.bulk_threshold = 5; UPDATE o SET c = c % 20 + 1 WHERE id IN (SELECT id FROM o WHERE id > ' . o() . ' ORDER BY id FOR UPDATE); COMMIT' }) x 2,
	sub { 'UPDATE i SET q = (q + 1) % 6 WHERE (o, line) IN (SELECT o, line FROM i ORDER BY 1, 2 FOR UPDATE)' },
	sub { [ 'COPY pgbench_history (tid, bid, aid, delta) FROM STDIN', join('', map { (1 + $_ % 10) . "\t1\t$_\t3\n" } 1 .. 5) ] },
	sub { [ 'COPY pt (k, v, s) FROM STDIN', join('', map { k() . "\t$_\ts1\n" } 31 .. 33) ] },
	(sub { 'BEGIN; ' . pick(@ddl)->() . '; COMMIT' }) x 2,
	sub { 'BEGIN; ' . simple() . '; ' . pick(@ddl)->() . '; ROLLBACK' },
	sub { 'BEGIN ISOLATION LEVEL ' . pick('SERIALIZABLE', 'REPEATABLE READ') . '; ' . simple() . '; ' . simple() . '; COMMIT' },
	sub { my ($one, $two, $three) = map { s/^SELECT/PERFORM/r } simple(), simple(), simple(); "DO \$\$ BEGIN $one; BEGIN $two; RAISE unique_violation; EXCEPTION WHEN unique_violation THEN $three; END; END \$\$" },
	# the session is gone
	sub { ('BEGIN; ' . simple() . '; ' . simple(), undef) },
);

sub change { return pick(@changes)->(); }

1;
