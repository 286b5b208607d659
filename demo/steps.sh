# shellcheck shell=bash
#
# The steps of the demo; demo/run has the functions.

title "cache_aside: pgbench_accounts"
text "A read that misses loads the row and keeps it. A plain UPDATE takes it out at commit."
step A pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"
step A pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"
step A pgbench_accounts '' "SELECT abalance FROM pgbench_accounts WHERE aid = 42"
step A pgbench_accounts '' "UPDATE pgbench_accounts SET abalance = 500 WHERE aid = 42"
step A pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"
step A pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"

part "A transaction reads its own uncommitted change from the table; the others go on with what is" \
	"committed; a rollback leaves no trace."
control A pgbench_accounts "BEGIN"
inside A pgbench_accounts '' "UPDATE pgbench_accounts SET abalance = -1 WHERE aid = 42"
inside A pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"
step B pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"
control A pgbench_accounts "ROLLBACK"
step A pgbench_accounts 42 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"

part "By hand: look up, load, fill. A fill is refused if a writer came in between."
step A pgbench_accounts 77 "SELECT abalance FROM cache.lookup(NULL::pgbench_accounts, 77)"
quietly A "CREATE TEMP TABLE loaded AS SELECT * FROM pgbench_accounts WHERE aid = 77"
statement A "SELECT * FROM pgbench_accounts WHERE aid = 77      -- kept by the application"
step B pgbench_accounts '' "UPDATE pgbench_accounts SET abalance = 7 WHERE aid = 77"
step A pgbench_accounts '' "SELECT cache.fill(ROW(aid, bid, abalance, filler)::pgbench_accounts) FROM loaded"
text "Once more, and nobody writes."
step A pgbench_accounts 77 "SELECT abalance FROM cache.lookup(NULL::pgbench_accounts, 77)"
step A pgbench_accounts '' "SELECT cache.fill(a) FROM pgbench_accounts a WHERE aid = 77"
step A pgbench_accounts 77 "SELECT abalance FROM cache.lookup(NULL::pgbench_accounts, 77)"

part "Many at once: what misses is loaded with one query. Then the same rows from the cache, and plain."
many="ARRAY(SELECT i * 97 FROM generate_series(1, 1000) i)"
step A pgbench_accounts '' "SELECT sum(bid) FROM cache.read_many(NULL::pgbench_accounts, $many)"
step A pgbench_accounts '' "SELECT sum(bid) FROM cache.read_many(NULL::pgbench_accounts, $many)"
step A pgbench_accounts '' "SELECT sum(bid) FROM pgbench_accounts WHERE aid = ANY ($many)"
part "Ahead of its readers."
step A pgbench_accounts '' "SELECT cache.warm('pgbench_accounts', 100000)"
step A pgbench_accounts 5000 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 5000)"

title "read_through: documents of 100 kB"
text "As before for one session. What is different: when several miss the same key, one loads."
step A documents 42 "SELECT body->>'title' FROM cache.read(NULL::documents, 42)"
step A documents 42 "SELECT body->>'title' FROM cache.read(NULL::documents, 42)"
step A documents '' "SELECT body->>'title' FROM documents WHERE id = 42"
step A documents '' "UPDATE documents SET body = body || '{\"title\": \"New\"}' WHERE id = 42"
step A documents 42 "SELECT body->>'title' FROM cache.read(NULL::documents, 42)"

part "Absence is kept too (negative_ttl), and ends when the row is inserted."
step A documents 999 "SELECT body->>'title' FROM cache.read(NULL::documents, 999)"
step A documents 999 "SELECT body->>'title' FROM cache.read(NULL::documents, 999)"
step B documents '' "INSERT INTO documents VALUES (999, '{\"title\": \"Here\"}')"
step A documents 999 "SELECT body->>'title' FROM cache.read(NULL::documents, 999)"

# crowd STRATEGY: 8 sessions read one cold document at the same moment.
crowd() {
	quietly A "SELECT cache.attach('documents', '$1', ttl => '10 min', negative_ttl => '1 min', loader => 'slow_document')" \
		"SELECT cache.read(NULL::documents, 1)"
	printf '%*s%-14s [%s]\n' "$INDENT" '' "$1" "$(at_once documents "SELECT cache.read(NULL::documents, 1) IS NOT NULL" \
		"SELECT cache.read(NULL::documents, 50) IS NOT NULL")"
}
part "8 sessions read document 50, cold, at the same moment, through a loader function that takes 0.2 s." \
	"Counted over all of them, with read_through and, to compare, with cache_aside:"
quietly A "CREATE FUNCTION slow_document(int) RETURNS documents LANGUAGE plpgsql STABLE AS
	\$\$ DECLARE r public.documents; BEGIN PERFORM pg_sleep(0.2); SELECT * INTO r FROM public.documents WHERE id = \$1; RETURN r; END \$\$"
crowd read_through
crowd cache_aside

part "Expired is gone, swept or not: attached again with a ttl of 0.3 s."
step A documents '' "SELECT cache.attach('documents', 'read_through', ttl => '0.3 s')"
quietly A "SELECT cache.read(NULL::documents, 1)"
step A documents 43 "SELECT body->>'price' FROM cache.read(NULL::documents, 43)"
step A documents 43 "SELECT body->>'price' FROM cache.read(NULL::documents, 43)"
control A documents "SELECT pg_sleep(0.3)"
step A documents 43 "SELECT body->>'price' FROM cache.read(NULL::documents, 43)"

title "write_through: pgbench_tellers"
text "A changed row is in the cache when it is committed: the read after a write is a hit."
step A pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"
step A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 100 WHERE tid = 7"
step A pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"

part "B's snapshot is older than A's next commit: B goes on seeing what it saw, from the table."
control B pgbench_tellers "BEGIN ISOLATION LEVEL REPEATABLE READ"
inside B pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"
step A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 200 WHERE tid = 7"
step A pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"
inside B pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"
control B pgbench_tellers "COMMIT"
step B pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"

part "Several changes of a transaction: the last that was not rolled back is published."
control A pgbench_tellers "BEGIN"
inside A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 300 WHERE tid = 7"
control A pgbench_tellers "SAVEPOINT s"
inside A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 999 WHERE tid = 7"
control A pgbench_tellers "ROLLBACK TO SAVEPOINT s"
control A pgbench_tellers "COMMIT"
step B pgbench_tellers 7 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"

part "Writing by key."
step A pgbench_tellers '' "SELECT tid FROM cache.write(ROW(1001, 1, 10, NULL)::pgbench_tellers)"
step A pgbench_tellers 1001 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 1001)"
step A pgbench_tellers '' "SELECT cache.increment(NULL::pgbench_tellers, 'tbalance', 5, 1001)"
step A pgbench_tellers 1001 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 1001)"
step A pgbench_tellers '' "SELECT cache.remove(NULL::pgbench_tellers, 1001)"
step A pgbench_tellers 1001 "SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 1001)"

part "DDL drops what is cached of the table; rows of the old shape are never returned."
step A pgbench_tellers '' "ALTER TABLE pgbench_tellers ADD COLUMN note text DEFAULT 'added later'"
step A pgbench_tellers 7 "SELECT note FROM cache.read(NULL::pgbench_tellers, 7)"
step A pgbench_tellers 7 "SELECT note FROM cache.read(NULL::pgbench_tellers, 7)"
step B pgbench_tellers '' "TRUNCATE pgbench_tellers"
step A pgbench_tellers 7 "SELECT note FROM cache.read(NULL::pgbench_tellers, 7)"
quietly A "ALTER TABLE pgbench_tellers DROP COLUMN note" \
	"INSERT INTO pgbench_tellers SELECT * FROM plain.pgbench_tellers" \
	"SELECT cache.read(NULL::pgbench_tellers, 1)"

title "write_around: events"
text "Writes go past the cache: rows are inserted without a trigger, and nothing is filled. UPDATE and" \
	"DELETE have one trigger per statement."
step A events '' "INSERT INTO events (at, kind, payload) SELECT * FROM demo.new_events"
part "50,000 rows inserted, 25,000 updated, each by one statement: in a table that is not attached, in" \
	"one attached with write_around, and in one attached with write_through, which has a row trigger." \
	"The best of 9 in turn, in milliseconds, and as a ratio; a tenth more or less is noise."
printf '\n'
quietly A "SELECT cache.attach('demo.events_through', 'write_through')" "CALL demo.measure_bulk()"
table "WITH m AS (SELECT tab, array_position('{plain.events,public.events,demo.events_through}', tab) AS ord,
			min(ms) FILTER (WHERE what = 'insert') AS ins,
			min(ms) FILTER (WHERE what = 'update') AS upd
		FROM demo.bulk GROUP BY tab)
	SELECT 'events', 'insert', '', 'update', '' UNION ALL
	SELECT * FROM (SELECT ('{not attached,write_around,write_through}'::text[])[ord],
		round(ins)::text, round(ins / first_value(ins) OVER w, 2)::text,
		round(upd)::text, round(upd / first_value(upd) OVER w, 2)::text
	FROM m WINDOW w AS (ORDER BY ord) ORDER BY ord) x" 2
quietly A "SELECT cache.detach('demo.events_through')"
printf '\n'
text "A key is let in on its second read, so that reading once through a large table pushes nothing out."
step A events 4711 "SELECT kind FROM cache.read(NULL::events, 4711)"
step A events 4711 "SELECT kind FROM cache.read(NULL::events, 4711)"
step A events 4711 "SELECT kind FROM cache.read(NULL::events, 4711)"
step A events '' "UPDATE events SET kind = 'bot' WHERE id BETWEEN 4000 AND 5000"
step A events 4711 "SELECT kind FROM cache.read(NULL::events, 4711)"
part "A transaction that changes more than cache_strategies.bulk_threshold rows drops the whole table's" \
	"entries instead of one by one."
step A events '' "UPDATE events SET kind = 'old' WHERE id <= 20000"
step A events 4711 "SELECT kind FROM cache.read(NULL::events, 4711)"

title "write_back: pages"
text "Increments, and UPDATEs that set no other columns than those with a merge rule, are kept in shared" \
	"memory and in a journal. A worker writes them to the table, here once a minute, otherwise once a" \
	"second. A read shows the latest state; the table does not have it yet, and the UPDATE says UPDATE 0."
step A pages 7 "SELECT views FROM cache.read(NULL::pages, 7)"
step A pages '' "SELECT cache.increment(NULL::pages, 'views', 1, 7)"
step B pages '' "SELECT cache.increment(NULL::pages, 'views', 10, 7)"
step A pages '' "UPDATE pages SET views = views + 100, seen = now() WHERE id = 7"
step A pages '' "SELECT views FROM pages WHERE id = 7"
step B pages 7 "SELECT views FROM cache.read(NULL::pages, 7)"

part "What a transaction has deferred is its own until it commits."
control A pages "BEGIN"
inside A pages '' "SELECT cache.increment(NULL::pages, 'views', 1000, 7)"
step B pages 7 "SELECT views FROM cache.read(NULL::pages, 7)"
control A pages "ROLLBACK"
step A pages 7 "SELECT views FROM cache.read(NULL::pages, 7)"

part "Other columns go to the table at once, and meet what is deferred in the read."
step A pages '' "UPDATE pages SET title = 'Seven' WHERE id = 7"
step B pages 7 "SELECT title || ': ' || views FROM cache.read(NULL::pages, 7)"

# status: what cache.flush_status says.
status() {
	table "SELECT 'deferred', 'dirty entries', 'rows flushed', 'coalesced', 'journal bytes', 'dead letters' UNION ALL
		SELECT deferred::text, dirty_entries::text, rows_flushed::text, coalesced::text, journal_bytes::text, dead_letters::text
		FROM cache.flush_status WHERE relation = 'pages'::regclass" 1
}
part "Three deferred writes of one row become one change of it. Before the flush, and after it:"
status
step A pages '' "SELECT cache.flush('pages')"
status
step A pages '' "SELECT views FROM pages WHERE id = 7"

# hot SQL: transactions per second of 8 clients.
hot() {
	printf '%s;\n' "$1" >"$SESSIONS/hot.sql"
	pgbench -n -M prepared -c 8 -j 2 -T 2 -f "$SESSIONS/hot.sql" 2>"$SESSIONS/log" >"$SESSIONS/hot" ||
		{ cat "$SESSIONS/log" >&2; return 1; }
	awk '/^tps/ { printf "%d", $3 }' "$SESSIONS/hot"
}
# fsync on|off: in sessions that are opened from now on.
fsync() {
	quietly A "ALTER SYSTEM SET fsync = $1" "SELECT pg_reload_conf()"
	until [ "$(psql_ -c "SHOW fsync")" = "$1" ]; do :; done
}
part "8 clients count visits of one page, with pgbench for 2 seconds each: by a plain UPDATE of a table" \
	"that is not attached, and by cache.increment, durable and not. fsync is on for this, as each UPDATE" \
	"has to wait until the one before it is on disk. Transactions per second, and as a ratio:"
printf '\n'
fsync on
increment="SELECT cache.increment(NULL::pages, 'views', 1, 1)"
plain=$(hot "UPDATE plain.pages SET views = views + 1 WHERE id = 1")
quietly A "SELECT cache.attach('pages', 'write_back', merge => '{\"views\": \"add\", \"seen\": \"max\"}', durable => false)"
volatile=$(hot "$increment")
quietly A "SELECT cache.attach('pages', 'write_back', merge => '{\"views\": \"add\", \"seen\": \"max\"}')"
durable=$(hot "$increment")
fsync off
table "SELECT 'one row', 'tps', 'ratio' UNION ALL SELECT * FROM (VALUES
	('plain UPDATE', '$plain', '1.0'),
	('write_back', '$durable', round($durable / $plain.0, 1)::text),
	('write_back, durable => false', '$volatile', round($volatile / $plain.0, 1)::text)) v" 2
