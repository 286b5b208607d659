# shellcheck shell=bash
#
# What the benchmarks share: a server of the normal build with the user's
# pgbench and psql around it, and medians.
#
# A benchmark runs its cases in rounds, one after the other, so that a noisy
# machine is noisy for all of them.  It prints medians over the rounds, and of
# ratios the medians of those within a round.  It checks what its runs have left
# behind before it prints a number.

# Read by test/lib.sh.
# shellcheck disable=SC2034
WORK=${BENCH_DIR:-${TMPDIR:-/tmp}/cache_strategies.bench}
# shellcheck source=test/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../test/lib.sh"

clients=${BENCH_CLIENTS:-8}

sql() { psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# bench_end is called at the end, by whatever way.
bench_end() { cluster_stop bench normal || stop_servers; rm -rf "$out"; }

# bench_server SETTING...: build, and start an empty server with the extension.
# $out is a directory for scripts and results.
bench_server() {
	local setting
	mkdir -p "$WORK/log"
	chown "$OWNER" "$WORK" "$WORK/log"
	install_missing
	build normal || die "build failed: $WORK/log/build-normal"
	cluster_init bench normal
	for setting; do say "$setting"; done |
		as_pg tee -a "$(cluster_dir bench)/data/postgresql.conf" >/dev/null
	out=$(mktemp -d)
	trap bench_end EXIT
	cluster_start bench normal
	for setting in $(in_cluster bench normal); do export "${setting?}"; done
	sql -c 'CREATE EXTENSION cache_strategies'
}

# run_pgbench SECONDS ARG...: leaves transactions per second in $tps, and how
# many were committed in $committed.
run_pgbench() {
	local seconds=$1
	shift
	pgbench -n -M prepared -c "$clients" -j 2 -T "$seconds" "$@" >"$out/log" 2>&1 ||
		{ cat "$out/log"; die "pgbench failed"; }
	tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$out/log")
	committed=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$out/log")
}

# For awk programs: median(" 3 1 2").
# shellcheck disable=SC2016
MEDIAN='
function median(list,    n, i, j, t, a) {
	n = split(list, a, " ")
	for (i = 2; i <= n; i++) {
		t = a[i]
		for (j = i - 1; j > 0 && a[j] + 0 > t + 0; j--) a[j + 1] = a[j]
		a[j + 1] = t
	}
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}
'
