# shellcheck shell=bash
#
# The last step: the server is killed while clients defer writes, and started
# again.  demo/run has the functions.

title "write_back: a crash"
text "8 clients count visits of 100 pages for 3 seconds, half of them by cache.increment and half by" \
	"UPDATE pages SET views = views + 1. Nothing is flushed meanwhile. Then every process of the server" \
	"gets a kill -9. A write is acknowledged when the client has been told that it is committed; each" \
	"client can have had one more under way."

# The processes of the server, the postmaster first.
processes() {
	head -n 1 "$1/postmaster.pid"
	ask A "SELECT pid FROM pg_stat_activity ORDER BY pid"
}

# The processes that were killed may still hold the shared memory.
start_again() {
	for _ in $(seq 50); do
		! pg_ctl -D "$1" -l "$SESSIONS/server.log" -w -t 60 start >"$SESSIONS/log" 2>&1 || return 0
		sleep 0.1
	done
	cat "$SESSIONS/log" "$SESSIONS/server.log" >&2
	return 1
}

quietly A "SELECT cache.attach('pages', 'write_back', merge => '{\"views\": \"add\", \"seen\": \"max\"}', flush_interval => '1 min')"
before=$(ask A "SELECT sum(views) FROM pages")
data=$(ask A "SHOW data_directory")
printf '%s\n' '\set page random(1, 100)' "SELECT cache.increment(NULL::pages, 'views', 1, :page::int);" >"$SESSIONS/increment.sql"
printf '%s\n' '\set page random(1, 100)' "UPDATE pages SET views = views + 1 WHERE id = :page::int;" >"$SESSIONS/update.sql"
pgbench -n -M prepared -c 8 -j 2 -T 60 -f "$SESSIONS/increment.sql" -f "$SESSIONS/update.sql" \
	>"$SESSIONS/clients" 2>"$SESSIONS/log" &
clients=$!
quietly A "SELECT pg_sleep(3)"
behind=$(ask A "SELECT sum(views) - $before FROM pages")
mapfile -t pids < <(processes "$data")
kill -KILL "${pids[@]}"
wait "$clients" || true
close A
close B
acknowledged=$(awk -F ': ' '/^number of transactions actually processed/ { printf "%d", $2 }' "$SESSIONS/clients")
printf '  kill -9 of %d processes\n' "${#pids[@]}"
start_again "$data"
open A
open B
final=$(ask A "SELECT sum(views) - $before FROM cache.scan(NULL::pages)")
written=$(ask A "SELECT sum(views) - $before FROM pages")
printf '  started again; its log says\n'
sed -n 's/^.*LOG:  \(replayed .*\)/    \1/p' "$SESSIONS/server.log"
printf '\n'
table "SELECT 'visits', '' UNION ALL SELECT * FROM (VALUES
	('in the table before the crash', '$behind'),
	('acknowledged to the clients', '$acknowledged'),
	('read after the crash', '$final'),
	('in the table after the crash', '$written')) v" 2
if [ "$final" != "$written" ] || [ "$final" -lt "$acknowledged" ] || [ "$final" -gt $((acknowledged + 8)) ]; then
	printf 'The crash has lost or doubled writes.\n' >&2
	exit 1
fi
text "None lost, none doubled."
