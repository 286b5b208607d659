# shellcheck shell=bash
#
# The end of the demo: what it has shown, in numbers of this run.

title "What you have seen"
point "A row by key: $doc_cached us from the cache and $doc_plain us from the table, for a document of 100 kB; small" \
	"rows gain less (the table of medians). A read returned what SELECT would have returned in the same" \
	"statement, each time: own changes, rollbacks, old snapshots, DDL."
point "One load for a crowd: of 8 sessions that missed the same key at the same moment one loaded it with" \
	"read_through, and all 8 with cache_aside; a remembered query was run once for 8 sessions."
point "A query whose result is remembered: $first_us us, then $again_us us, until a table that it reads changed."
point "write_back: 8 clients on one row, $durable durable increments a second, and $plain by plain UPDATE: $hot times" \
	"as many. After kill -9 of all processes each of $acknowledged acknowledged visits was there, once."

title "What it means for you"
point "Nothing that writes has to be changed: plain SQL from any client invalidates or updates the cache, at" \
	"commit. Reads ask for cache.read() where they shall be answered from the cache; it is exact."
point "Choose for each table: cache_aside by default; read_through for rows that are expensive to load;" \
	"write_through for rows that are read right after a change; write_around for tables that are written" \
	"much more than read; write_back for counters that many sessions change. One can be attached in the" \
	"place of another at any time."
point "A small row that PostgreSQL has in its own buffers gains little as a statement of its own, as most of the" \
	"time goes into the statement. Measure yours: the demo's loops are in demo/measure.sql."

title "What to read next"
table "SELECT * FROM (VALUES
	('README.md', 'installation, and five minutes with a table of your own'),
	('docs/strategies.md', 'what each strategy does, what it costs, when to use it'),
	('docs/recipes.md', 'sessions, rate limits, locks, counters: SQL to copy'),
	('docs/guarantees.md', 'what is promised, and what is not'),
	('docs/operations.md', 'memory, monitoring, backup, replication'),
	('docs/reference.md', 'every function, option and setting')) v" 3
full || part "make demo DEMO=full shows all steps and measurements."
