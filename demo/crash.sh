# shellcheck shell=bash
#
# The last step: the server is killed while clients defer writes, and started
# again.  demo/run has the functions.

visits=10000
! full || visits=100000
title "write_back: a crash"
text "8 clients count visits of 100 pages, half of them by cache.increment and half by UPDATE pages SET" \
	"views = views + 1, until there are $visits. Nothing is flushed meanwhile. Then every process of the" \
	"server gets a kill -9. A write is acknowledged when the client has been told that it is committed;" \
	"each client can have had one more under way."

# The processes of the server, the postmaster first.
processes() {
	head -n 1 "$1/postmaster.pid"
	ask A "SELECT pid FROM pg_stat_activity ORDER BY pid"
}

# The processes that were killed may still hold the shared memory.
start_again() {
	local end=$((SECONDS + 600))
	until pg_ctl -D "$1" -l "$SESSIONS/server.log" -w -t 600 start >"$SESSIONS/log" 2>&1; do
		[ $SECONDS -lt $end ] || { cat "$SESSIONS/log" "$SESSIONS/server.log" >&2; return 1; }
		sleep 0.1
	done
}

quietly A "SELECT cache.flush('pages')"
before=$(ask A "SELECT sum(views) FROM pages")
data=$(ask A "SHOW data_directory")
printf '%s\n' '\set page random(1, 100)' "SELECT cache.increment(NULL::pages, 'views', 1, :page::int);" >"$SESSIONS/increment.sql"
printf '%s\n' '\set page random(1, 100)' "UPDATE pages SET views = views + 1 WHERE id = :page::int;" >"$SESSIONS/update.sql"
pgbench -n -M prepared -c 8 -j 2 -T 86400 -f "$SESSIONS/increment.sql" -f "$SESSIONS/update.sql" \
	>"$SESSIONS/clients" 2>"$SESSIONS/log" &
clients=$!
wait_for "$visits visits" "SELECT sum(views) - $before >= $visits FROM cache.scan(NULL::pages)"
behind=$(ask A "SELECT demo.in_table() - $before")
mapfile -t pids < <(processes "$data")
kill -KILL "${pids[@]}"
wait "$clients" || true
close A
close B
acknowledged=$(processed clients)
printf '  kill -9 of %d processes\n' "${#pids[@]}"
start_again "$data"
open A
open B
final=$(ask A "SELECT sum(views) - $before FROM cache.scan(NULL::pages)")
written=$(ask A "SELECT demo.in_table() - $before")
replayed=$(sed -n 's/^.*LOG:  \(replayed .*\)/    \1/p' "$SESSIONS/server.log")
printf '  started again; its log says\n%s\n\n' "$replayed"
table "SELECT 'visits', '' UNION ALL SELECT * FROM (VALUES
	('in the table before the crash', '$behind'),
	('acknowledged to the clients', '$acknowledged'),
	('read after the crash', '$final'),
	('in the table after the crash', '$written')) v" 2
expect 'number in the table' 'before the crash' 0 "$behind"
[ -n "$replayed" ] || wrong "nothing was replayed after the crash"
[ "$final" = "$written" ] && [ "$final" -ge "$acknowledged" ] && [ "$final" -le $((acknowledged + 8)) ] ||
	wrong "the crash has lost or doubled writes"
text "None lost, none doubled."
