# shellcheck shell=bash
#
# The steps of the demo, and what comes of them; demo/run has the functions.

title "cache_aside: pgbench_accounts"
text "A read that misses loads the row and keeps it. A plain UPDATE takes it out at commit."
account="SELECT abalance FROM cache.read(NULL::pgbench_accounts, 42)"
step A pgbench_accounts 42 "$account" 0 miss 'misses +1, fills +1'
step A pgbench_accounts 42 "$account" 0 hit 'hits +1'
step A pgbench_accounts '' "SELECT abalance FROM pgbench_accounts WHERE aid = 42" 0 '' -
step A pgbench_accounts '' "UPDATE pgbench_accounts SET abalance = 500 WHERE aid = 42" 'done' '' 'invalidations +1'
step A pgbench_accounts 42 "$account" 500 miss 'misses +1, fills +1'
step A pgbench_accounts 42 "$account" 500 hit 'hits +1'

part "A transaction reads its own uncommitted change from the table; the others go on with what is" \
	"committed; a rollback leaves no trace."
control A pgbench_accounts "BEGIN"
inside A pgbench_accounts '' "UPDATE pgbench_accounts SET abalance = -1 WHERE aid = 42" 'done'
inside A pgbench_accounts 42 "$account" -1 bypass 'bypasses +1'
step B pgbench_accounts 42 "$account" 500 hit 'hits +1'
control A pgbench_accounts "ROLLBACK" -
step A pgbench_accounts 42 "$account" 500 hit 'hits +1'

part "With cache_strategies.trace a session is told of each operation: what, by which strategy, and why."
quietly A "SET client_min_messages = notice" "SET cache_strategies.trace = on"
traced A "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 43)" \
	'read public.pgbench_accounts (43) under cache_aside: miss, not in the cache'
traced A "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 43)" 'read public.pgbench_accounts (43) under cache_aside: hit'
traced A "UPDATE pgbench_accounts SET abalance = 0 WHERE aid = 43" 'update public.pgbench_accounts (43) under cache_aside: invalidates'
quietly A "RESET cache_strategies.trace" "RESET client_min_messages"

if full; then
	part "By hand: look up, load, fill. A fill is refused if a writer came in between."
	by_hand="SELECT abalance FROM cache.lookup(NULL::pgbench_accounts, 77)"
	step A pgbench_accounts 77 "$by_hand" 'no row' miss 'misses +1'
	quietly A "CREATE TEMP TABLE loaded AS SELECT * FROM pgbench_accounts WHERE aid = 77"
	statement A "SELECT * FROM pgbench_accounts WHERE aid = 77      -- kept by the application"
	step B pgbench_accounts '' "UPDATE pgbench_accounts SET abalance = 7 WHERE aid = 77" 'done'
	step A pgbench_accounts '' "SELECT cache.fill(ROW(aid, bid, abalance, filler)::pgbench_accounts) FROM loaded" false '' 'fills_refused +1'
	text "Once more, and no session writes."
	step A pgbench_accounts 77 "$by_hand" 'no row' miss 'misses +1'
	step A pgbench_accounts '' "SELECT cache.fill(a) FROM pgbench_accounts a WHERE aid = 77" true '' 'fills +1'
	step A pgbench_accounts 77 "$by_hand" 7 hit 'hits +1'
fi

part "Many at once: what misses is loaded with one query. Then the same rows from the cache, and plain."
many="ARRAY(SELECT i * 97 FROM generate_series(1, 1000) i)"
step A pgbench_accounts '' "SELECT sum(bid) FROM cache.read_many(NULL::pgbench_accounts, $many)" 1000 '' 'misses +1000, fills +1000'
step A pgbench_accounts '' "SELECT sum(bid) FROM cache.read_many(NULL::pgbench_accounts, $many)" 1000 '' 'hits +1000'
step A pgbench_accounts '' "SELECT sum(bid) FROM pgbench_accounts WHERE aid = ANY ($many)" 1000 '' -
if full; then
	part "Ahead of its readers."
	step A pgbench_accounts '' "SELECT cache.warm('pgbench_accounts', 100000)" 100000 '' 'fills +100000'
	step A pgbench_accounts 5000 "SELECT abalance FROM cache.read(NULL::pgbench_accounts, 5000)" 0 hit 'hits +1'
fi

title "read_through: documents of 100 kB"
text "As before for one session. What is different: when several miss the same key, one loads."
document="SELECT body->>'title' FROM cache.read(NULL::documents, 42)"
step A documents 42 "$document" '' miss 'misses +1, fills +1'
step A documents 42 "$document" "$RESULT" hit 'hits +1'
step A documents '' "SELECT body->>'title' FROM documents WHERE id = 42" "$RESULT" '' -
step A documents '' "UPDATE documents SET body = body || '{\"title\": \"New\"}' WHERE id = 42" 'done' '' 'invalidations +1'
step A documents 42 "$document" New miss 'misses +1, fills +1'

part "Absence is kept too (negative_ttl), and ends when the row is inserted."
absent="SELECT body->>'title' FROM cache.read(NULL::documents, 999)"
step A documents 999 "$absent" 'no row' miss 'misses +1, fills +1'
step A documents 999 "$absent" 'no row' absent 'absent_hits +1'
step B documents '' "INSERT INTO documents VALUES (999, '{\"title\": \"Here\"}')" 'done' '' 'invalidations +1'
step A documents 999 "$absent" Here miss 'misses +1, fills +1'

# crowd STRATEGY: 8 sessions read one cold document at the same moment, as far as
# it can be told: its loader waits until the last of them has asked.
crowd() {
	quietly A "SELECT cache.attach('documents', '$1', negative_ttl => '1 h', loader => 'patient_document')"
	warm A documents
	at_once documents "SELECT cache.read(NULL::documents, 1) IS NOT NULL" "SELECT cache.read(NULL::documents, 50) IS NOT NULL" \
		"(wait_event_type = 'Extension' OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = pg_stat_activity.pid AND l.objid = 2 AND NOT granted))"
	printf '%*s%-14s [%s]\n' "$INDENT" '' "$1" "$COUNTED"
	expect 'change of the counters' "a crowd with $1" "$2" "$COUNTED"
}
part "8 sessions read document 50, cold, at the same moment, through a loader function that waits until" \
	"all of them have asked. Counted over all of them, with read_through and, to compare, with" \
	"cache_aside:"
quietly A "CREATE FUNCTION patient_document(int) RETURNS documents LANGUAGE plpgsql STABLE AS \$\$
	DECLARE r public.documents; BEGIN PERFORM pg_advisory_lock_shared(2), pg_advisory_unlock_shared(2);
		SELECT * INTO r FROM public.documents WHERE id = \$1; RETURN r; END \$\$"
crowd read_through 'hits +7, misses +1, fills +1, waits +7'
crowd cache_aside 'misses +8, fills +8'

if full; then
	part "Expired is gone, swept or not: attached again with a ttl of a millisecond, which then passes."
	step A documents '' "SELECT cache.attach('documents', 'read_through', ttl => '1 ms')"
	price="SELECT body->>'price' FROM cache.read(NULL::documents, 43)"
	step A documents 43 "$price" '' miss 'misses +1, fills +1'
	price_read=$RESULT
	wait_for 'the end of a millisecond' "SELECT outcome <> 'hit' FROM cache.explain(NULL::documents, 43)"
	step A documents 43 "$price" "$price_read" miss 'misses +1, fills +1'
fi
quietly A "SELECT cache.attach('documents', 'read_through', negative_ttl => '1 h')"

title "write_through: pgbench_tellers"
text "A changed row is in the cache when it is committed: the read after a write is a hit."
teller="SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 7)"
step A pgbench_tellers 7 "$teller" 0 miss 'misses +1, fills +1'
step A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 100 WHERE tid = 7" 'done' '' 'publishes +1, invalidations +1'
step A pgbench_tellers 7 "$teller" 100 hit 'hits +1'

part "B's snapshot is older than A's next commit: B goes on seeing what it saw, from the table."
control B pgbench_tellers "BEGIN ISOLATION LEVEL REPEATABLE READ"
inside B pgbench_tellers 7 "$teller" 100 hit 'hits +1'
step A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 200 WHERE tid = 7" 'done' '' 'publishes +1, invalidations +1'
step A pgbench_tellers 7 "$teller" 200 hit 'hits +1'
inside B pgbench_tellers 7 "$teller" 100 bypass 'bypasses +1'
control B pgbench_tellers "COMMIT"
step B pgbench_tellers 7 "$teller" 200 hit 'hits +1'

if full; then
	part "Several changes of a transaction: the last that was not rolled back is published."
	control A pgbench_tellers "BEGIN"
	inside A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 300 WHERE tid = 7" 'done'
	control A pgbench_tellers "SAVEPOINT s"
	inside A pgbench_tellers '' "UPDATE pgbench_tellers SET tbalance = 999 WHERE tid = 7" 'done'
	control A pgbench_tellers "ROLLBACK TO SAVEPOINT s"
	control A pgbench_tellers "COMMIT" 'publishes +1, invalidations +1'
	step B pgbench_tellers 7 "$teller" 300 hit 'hits +1'

	part "Writing by key."
	new="SELECT tbalance FROM cache.read(NULL::pgbench_tellers, 1001)"
	step A pgbench_tellers '' "SELECT tid FROM cache.write(ROW(1001, 1, 10, NULL)::pgbench_tellers)" 1001 '' 'publishes +1'
	step A pgbench_tellers 1001 "$new" 10 hit 'hits +1'
	step A pgbench_tellers '' "SELECT cache.increment(NULL::pgbench_tellers, 'tbalance', 5, 1001)" 15 '' 'publishes +1, invalidations +1'
	step A pgbench_tellers 1001 "$new" 15 hit 'hits +1'
	step A pgbench_tellers '' "SELECT cache.remove(NULL::pgbench_tellers, 1001)" true '' 'publishes +1, invalidations +1'
	step A pgbench_tellers 1001 "$new" 'no row' absent 'absent_hits +1'
fi

part "DDL drops what is cached of the table; rows of the old shape are never returned."
note="SELECT note FROM cache.read(NULL::pgbench_tellers, 7)"
step A pgbench_tellers '' "ALTER TABLE pgbench_tellers ADD COLUMN note text DEFAULT 'added later'" 'done' '' 'table_invalidations +1'
step A pgbench_tellers 7 "$note" 'added later' miss 'misses +1, fills +1'
step A pgbench_tellers 7 "$note" 'added later' hit 'hits +1'
if full; then
	step B pgbench_tellers '' "TRUNCATE pgbench_tellers" 'done' '' 'table_invalidations +1'
	step A pgbench_tellers 7 "$note" 'no row' miss 'misses +1, fills +1'
	quietly A "INSERT INTO pgbench_tellers SELECT * FROM plain.pgbench_tellers"
fi
quietly A "ALTER TABLE pgbench_tellers DROP COLUMN note"
warm A pgbench_tellers

title "write_around: events"
text "Writes go past the cache: rows are inserted without a row trigger, and nothing is filled. UPDATE and" \
	"DELETE have one trigger per statement."
rows=10000
! full || rows=100000
step A events '' "INSERT INTO events (at, kind, payload) SELECT * FROM demo.new_events LIMIT $rows" 'done' '' -
if full; then
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
else
	quietly A "INSERT INTO plain.events OVERRIDING SYSTEM VALUE SELECT * FROM events"
fi
part "A key is let in on its second read, so that reading once through a large table pushes nothing out."
event="SELECT kind FROM cache.read(NULL::events, 4711)"
step A events 4711 "$event" '' miss 'misses +1'
kind=$RESULT
step A events 4711 "$event" "$kind" miss 'misses +1, fills +1'
step A events 4711 "$event" "$kind" hit 'hits +1'
step A events '' "UPDATE events SET kind = 'bot' WHERE id BETWEEN 4700 AND 4800" 'done' '' 'invalidations +1'
step A events 4711 "$event" bot miss 'misses +1, fills +1'
if full; then
	part "A transaction that changes more than cache_strategies.bulk_threshold rows drops the whole table's" \
		"entries instead of one by one."
	step A events '' "UPDATE events SET kind = 'old' WHERE id <= 20000" 'done' '' 'table_invalidations +1'
	step A events 4711 "$event" old miss 'misses +1, fills +1'
fi

title "write_back: pages"
text "Increments, and UPDATEs that set no other columns than those with a merge rule, are kept in shared" \
	"memory and in a journal. A worker writes them to the table: once a second, but here not before a day" \
	"has passed or it is told to. A read shows the latest state, before the table has it, and so does a" \
	"plain SELECT; demo.in_table() says what the table has."
views="SELECT views FROM cache.read(NULL::pages, 7)"
step A pages 7 "$views" 0 miss 'misses +1, fills +1'
step A pages '' "SELECT cache.increment(NULL::pages, 'views', 1, 7)" 1
step B pages '' "SELECT cache.increment(NULL::pages, 'views', 10, 7)" 11
step A pages '' "UPDATE pages SET views = views + 100, seen = now() WHERE id = 7"
step A pages '' "SELECT demo.in_table(7)" 0
step B pages 7 "$views" 111
step B pages '' "SELECT views FROM pages WHERE id = 7" 111

part "What a transaction has deferred is its own until it commits."
control A pages "BEGIN"
inside A pages '' "SELECT cache.increment(NULL::pages, 'views', 1000, 7)" 1111
step B pages 7 "$views" 111
control A pages "ROLLBACK"
step A pages 7 "$views" 111

if full; then
	part "Other columns go to the table at once, and meet what is deferred in the read."
	step A pages '' "UPDATE pages SET title = 'Seven' WHERE id = 7" 'done'
	step B pages 7 "SELECT title || ': ' || views FROM cache.read(NULL::pages, 7)" 'Seven: 111'
fi

# status: what cache.flush_status says.
status() {
	table "SELECT 'deferred', 'dirty entries', 'rows flushed', 'coalesced', 'journal bytes', 'dead letters' UNION ALL
		SELECT deferred::text, dirty_entries::text, rows_flushed::text, coalesced::text, journal_bytes::text, dead_letters::text
		FROM cache.flush_status WHERE relation = 'pages'::regclass" 1
}
part "All that was deferred for one row becomes one change of it. Before the flush, and after it:"
status
expect 'number of dirty entries' 'what was deferred' 1 "$(ask A "SELECT dirty_entries FROM cache.flush_status WHERE relation = 'pages'::regclass")"
step A pages '' "SELECT cache.flush('pages')" 1
status
step A pages '' "SELECT demo.in_table(7)" 111

# fsync on|off: in sessions that are opened from now on.
fsync() {
	quietly A "ALTER SYSTEM SET fsync = $1" "SELECT pg_reload_conf()"
	until [ "$(psql_ -c "SHOW fsync")" = "$1" ]; do :; done
}
part "8 clients count visits of one page, with pgbench for some seconds each: by a plain UPDATE of a table" \
	"that is not attached, and by cache.increment, durable and not. fsync is on for this, as each UPDATE" \
	"has to wait until the one before it is on disk. Transactions per second, and as a ratio:"
printf '\n'
fsync on
increment="SELECT cache.increment(NULL::pages, 'views', 1, 1);"
clients plain "UPDATE plain.pages SET views = views + 1 WHERE id = 1;"
plain=$TPS
quietly A "SELECT cache.attach('pages', 'write_back', merge => '$merge', durable => false)"
clients volatile "$increment"
volatile=$TPS
quietly A "SELECT cache.attach('pages', 'write_back', merge => '$merge')"
clients durable "$increment"
durable=$TPS
fsync off
quietly A "SELECT cache.attach('pages', 'write_back', merge => '$merge', flush_interval => '1 day')"
# ratio OF TO
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", (b > 0 ? a / b : 0) }'; }
hot=$(ratio "$durable" "$plain")
table "SELECT 'one row', 'tps', 'ratio' UNION ALL SELECT * FROM (VALUES
	('plain UPDATE', '$plain', '1.0'),
	('write_back', '$durable', '$hot'),
	('write_back, durable => false', '$volatile', '$(ratio "$volatile" "$plain")')) v" 2
