# shellcheck shell=bash disable=SC2016,SC2034,SC2154
#
# The dashboards of bench/remember and bench/plain_sql: pgbench's tables with half a
# million rows of history, the queries over them, and the client that writes while
# they are asked for.

scale=${BENCH_SCALE:-20}

# dashboard_tables: all in shared buffers, tracked.
dashboard_tables() {
	local table
	progress "pgbench tables at scale $scale"
	pgbench -i -q -s "$scale" >"$out/log" 2>&1 || { cat "$out/log"; die "pgbench -i failed"; }
	sql <<-SQL
		INSERT INTO pgbench_history
		SELECT 1 + i * 7919 % ($scale * 10), 1 + i * 7919 % ($scale * 10) / 10, 1 + i * 104729 % ($scale * 100000),
			i % 10001 - 5000, timestamp '2026-01-01' + i * interval '2 s', NULL
		FROM generate_series(1::bigint, 500000) i;
		UPDATE pgbench_tellers SET tbalance = tid * 7919 % 10007;
		CREATE TABLE other (id int PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
		INSERT INTO other SELECT i FROM generate_series(1, 1000) i;
	SQL
	for table in pgbench_{branches,tellers,accounts,history} other; do
		sql -c "SELECT cache.track('$table')" >/dev/null
	done
	sql -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
}

# $1 is a number of a branch.
declare -A dashboard_query=(
	[branches]='SELECT b.bid, b.bbalance, count(*), sum(t.tbalance) FROM pgbench_branches b JOIN pgbench_tellers t USING (bid)
		GROUP BY b.bid ORDER BY 4 DESC, 1 LIMIT 10'
	[branch]='SELECT count(*), sum(abalance), min(abalance), max(abalance) FROM pgbench_accounts
		WHERE aid BETWEEN ($1 - 1) * 100000 + 1 AND $1 * 100000'
	[activity]='SELECT t.tid, t.tbalance, b.bid, count(*), sum(h.delta), max(h.mtime)
		FROM pgbench_history h JOIN pgbench_tellers t USING (tid) JOIN pgbench_branches b ON b.bid = t.bid
		GROUP BY t.tid, b.bid ORDER BY 4 DESC, 1 LIMIT 20'
	[accounts]='SELECT b.bid, b.bbalance, count(*), sum(a.abalance), avg(a.abalance)
		FROM pgbench_branches b JOIN pgbench_accounts a USING (bid) GROUP BY b.bid ORDER BY 4 DESC, 1'
)

# --- the client that writes ------------------------------------------------

# start_writer PGBENCH-ARGUMENT...
writer=
start_writer() {
	pgbench -n -M prepared -c 1 -T 3600 "$@" >"$out/writer" 2>&1 &
	writer=$!
}
stop_writer() {
	[ -n "$writer" ] || return 0
	kill -0 "$writer" 2>/dev/null || { cat "$out/writer"; die "the writer has ended"; }
	kill "$writer"
	wait "$writer" || true
	writer=
}
