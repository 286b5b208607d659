# shellcheck shell=bash
#
# What is measured in loops, at the end of the demo; demo/run has the functions.

title "Strategy by strategy"
text "Medians of n repetitions in microseconds, from a loop in PL/pgSQL: one key at a time," \
	"each statement with its plan kept, writes with their commit. 'plain' is the same statement on a" \
	"copy of the table that is not attached, in turn with the other. 'hit' is the average of 10 reads" \
	"in a row."
printf '\n'
# loop TABLE KEY TYPE VALUE ASSIGNMENT KEYS
loop() {
	quietly A "SELECT demo.make_loop('$1', '$2', '$3', \$q\$$4\$q\$, \$q\$$5\$q\$)" \
		"CALL demo.loop(\$q\$$6\$q\$)"
}
n=420 docs=60
! full || docs=140
loop pgbench_accounts aid int abalance "abalance = abalance + 1" "SELECT 50000 + i FROM generate_series(1, $n) i"
loop documents id int "body->>'title'" "body = body || '{\"title\": \"again\"}'" "SELECT 59 + i FROM generate_series(1, $docs) i"
loop pgbench_tellers tid int tbalance "tbalance = tbalance + 1" "SELECT 1 + i % 10 FROM generate_series(1, $n) i"
loop events id bigint kind "kind = 'seen'" "SELECT 5000 + i FROM generate_series(1, $n) i"
loop pages id int views "views = views + 1" "SELECT 500 + i FROM generate_series(1, $n) i"
table "SELECT 'strategy', 'table', '', 'first read', 'hit', 'read after write', 'write', 'n' UNION ALL
	SELECT * FROM (SELECT CASE WHEN m.attached THEN s.strategy ELSE '' END,
		CASE WHEN m.attached THEN m.tab ELSE '' END, CASE WHEN m.attached THEN 'cached' ELSE 'plain' END,
		round(m.first)::text, round(m.again::numeric, 1)::text, round(m.after)::text, round(m.write)::text, m.n::text
	FROM demo.medians m JOIN cache.table_stats s ON s.relation = m.tab::regclass
	ORDER BY array_position('{cache_aside,read_through,write_through,write_around,write_back}', s.strategy), m.attached DESC) x" 4
IFS=$'\t' read -r doc_cached doc_plain doc_ratio <<<"$(ask A "SELECT round(c.again::numeric, 1), round(p.again::numeric, 1),
		round((p.again / c.again)::numeric, 1)
	FROM demo.medians c, demo.medians p
	WHERE c.tab = 'documents' AND p.tab = 'documents' AND c.attached AND NOT p.attached")"
part "The 100 kB document by key, body->>'title', ten times in a row: $doc_cached us from the cache, $doc_plain us" \
	"plain, $doc_ratio times as fast."

if full; then
	part "Inside one query there is no statement around each read: 100,000 reads of 10,000 hot keys in no" \
		"order, the best of 5 runs, per row."
	printf '\n'
	quietly A "CALL demo.measure_inside()"
	table "SELECT 'per row', 'ns' UNION ALL (SELECT what, round(ns - (SELECT ns FROM demo.inside_query WHERE ord = 0))::text
		FROM demo.inside_query WHERE ord > 0 ORDER BY ord)" 2

	title "What the cache holds now"
	table "SELECT 'table', 'strategy', 'entries', 'bytes', 'hits', 'misses', 'bypasses', 'fills', 'publishes' UNION ALL
		(SELECT relation::text, strategy, entries::text, bytes::text, hits::text, misses::text, bypasses::text, fills::text, publishes::text FROM cache.table_stats ORDER BY relation::text)" 3
fi
