# shellcheck shell=bash
#
# What the benchmarks share: a server of the normal build with the user's
# pgbench and psql around it, and a file of results.
#
# A benchmark runs its cases in rounds, one after the other, so that a noisy
# machine is noisy for all of them.  Its numbers go to $RESULTS/NAME.tsv, a line
# each: round, case, clients, metric, value.  bench/report makes of it medians
# over the rounds, and of ratios the medians of those within a round.  What a
# case has left behind is checked before a number is recorded.

# Read by test/lib.sh.
# shellcheck disable=SC2034
WORK=${BENCH_DIR:-${TMPDIR:-/tmp}/cache_strategies.bench}
# shellcheck source=test/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../test/lib.sh"

RESULTS=${BENCH_RESULTS:-$ROOT/bench/results}
BENCH=$(basename "$0")
clients=${BENCH_CLIENTS:-8}
round=1

sql() { psql -XAtq -v ON_ERROR_STOP=1 "$@"; }

# one NUMBER QUERY: it returns this.
one() {
	local found
	found=$(sql -c "$2")
	[ "$found" = "$1" ] || die "$found instead of $1 from: $2"
}

# progress TEXT: what is being done, and for how long the benchmark has run.
progress() { printf '%s %4d s  %s\n' "$BENCH" "$SECONDS" "$*"; }

# at_end COMMAND: run it when the benchmark ends, by whatever way; last first.
AT_END=()
at_end() { AT_END=("$1" "${AT_END[@]}"); }
bench_end() {
	local command
	for command in "${AT_END[@]}"; do eval "$command" || true; done
}

# need_packages COMMAND-OR-FILE PACKAGE ...: install what is missing, if that can
# be done.
need_packages() {
	local missing=()
	while [ $# -gt 0 ]; do
		[ -e "$1" ] || command -v "$1" >/dev/null || missing+=("$2")
		shift 2
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
	say "installing ${missing[*]}"
	apt_install "${missing[@]}"
}

# bench_begin: directories and a file for the results.  $out is for scripts and
# whatever else is gone at the end.
bench_begin() {
	mkdir -p "$WORK/log" "$RESULTS"
	install_missing
	at_end remove_socket_root
	out=$(mktemp -d)
	chmod 755 "$out"
	at_end 'rm -rf "$out"'
	trap bench_end EXIT
	trap 'exit 130' INT TERM
	: >"$RESULTS/$BENCH.tsv"
}

# bench_cluster NAME SETTING...: start an empty server, and say to the shell that
# it is the one to talk to.
bench_cluster() {
	local name=$1 setting
	shift
	cluster_init "$name" normal
	# the tests' servers have not this default
	for setting in 'cache_strategies.results_adapt = on' "$@"; do say "$setting"; done |
		as_pg tee -a "$(cluster_dir "$name")/data/postgresql.conf" >/dev/null
	at_end "cluster_stop $name normal || stop_servers; rm -rf '$(cluster_dir "$name")'"
	cluster_start "$name" normal
	use_cluster "$name"
}

use_cluster() {
	local setting
	for setting in $(in_cluster "$1" normal); do export "${setting?}"; done
}

# bench_server SETTING...: build, and start an empty server with the extension.
bench_server() {
	bench_begin
	build normal || die "build failed: $WORK/log/build-normal"
	bench_cluster bench "$@"
	sql -c 'CREATE EXTENSION cache_strategies'
}

# shuffle LIST: in another order, for the next round.  Some machines are faster
# after a pause, and what came first would win.
shuffle() {
	local -n list=$1
	mapfile -t list < <(printf '%s\n' "${list[@]}" | shuf)
}

# record CASE METRIC VALUE: for this round and this number of clients.
record() { printf '%s\t%s\t%s\t%s\t%s\n' "$round" "$1" "$clients" "$2" "$3" >>"$RESULTS/$BENCH.tsv"; }

# run_pgbench SECONDS ARG...: prepared, unless an argument says otherwise.  Leaves
# transactions per second in $tps, how many were committed in $committed, and
# latencies in microseconds, of a sample, in $p50, $p95 and $p99.  Rates and
# latencies are those after the first seconds, in which new sessions fill their
# caches and touch each page of shared memory for the first time.
warmup=${BENCH_WARMUP:-4}
run_pgbench() {
	local seconds=$1 logs
	shift
	rm -f "$out"/sample.*
	pgbench -n -M prepared -c "$clients" -j $((clients < 2 ? 1 : 2)) -T $((seconds + warmup)) -P 1 \
		-l --log-prefix="$out/sample" --sampling-rate="${SAMPLING:-0.05}" "$@" >"$out/log" 2>&1 ||
		{ cat "$out/log"; die "pgbench failed"; }
	tps=$(awk -v warmup="$warmup" '/^progress: / && $2 > warmup + 0.5 { n += ($2 - last) * $4; t += $2 - last } /^progress: / { last = $2 }
		END { if (t) print n / t }' "$out/log")
	[ -n "$tps" ] || tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$out/log")
	committed=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' "$out/log")
	logs=$(awk '{ printf "%d.%06d %d\n", $5, $6, $3 }' "$out"/sample.* 2>/dev/null | sort -n | awk -v warmup="$warmup" '
		NR == 1 { first = $1 } $1 >= first + warmup { print $2 }' | sort -n | awk '
		{ v[NR] = $1 }
		END { if (NR) print v[int(NR * 0.5 + 0.5)], v[int(NR * 0.95 + 0.5)], v[int(NR * 0.99 + 0.5)] }')
	read -r p50 p95 p99 <<<"$logs"
}
