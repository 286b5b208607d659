# shellcheck shell=bash disable=SC2154
#
# A Redis server of its own, and redis-benchmark; for bench/kv, whose variables
# it uses.  Debian's redis-tools has both: the server is the program
# redis-check-rdb, called by another name.  Nothing is started that would stay.

# redis_server: leaves $redis_there empty if there is no Redis, and none to be
# had.
redis_server() {
	redis_there=
	if ! command -v redis-benchmark >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		say "installing redis-tools"
		DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends redis-tools >"$WORK/log/apt" 2>&1 || true
	fi
	if ! command -v redis-benchmark >/dev/null || ! command -v redis-check-rdb >/dev/null; then
		say "There is no Redis: install redis-tools to compare with it."
		return
	fi
	redis_port=$((20000 + RANDOM % 10000))
	redis_socket=$out/redis.sock
	ln -s "$(command -v redis-check-rdb)" "$out/redis-server"
	"$out/redis-server" --bind 127.0.0.1 --port $redis_port --unixsocket "$redis_socket" \
		--save '' --appendonly no --dir "$out" >"$out/redis.log" 2>&1 &
	redis_pid=$!
	trap 'kill $redis_pid 2>/dev/null || true; bench_end' EXIT
	for _ in $(seq 50); do
		[ "$(redis ping 2>/dev/null)" != PONG ] || { redis_there=1; break; }
		sleep 0.1
	done
	[ -n "$redis_there" ] || { cat "$out/redis.log"; die "Redis does not start"; }
	say "Redis $(redis info server | sed -n 's/^redis_version:\([0-9.]*\).*/\1/p')"
}

redis() { redis-cli -s "$redis_socket" "$@"; }

# redis_sum, and redis_others VALUE...: as for the cache.
redis_sum() {
	redis eval "local s = 0
		for i = 0, $keys - 1 do s = s + (redis.call('GET', string.format('%012d', i)) or 0) end
		return s" 0
}
redis_others() {
	redis eval "local n = 0
		for i = 0, $keys - 1 do
			local v, found = redis.call('GET', string.format('%012d', i)), 1
			for j = 1, #ARGV do if v == ARGV[j] then found = 0 end end
			n = n + found
		end
		return n" 0 "$@"
}
redis_fill() {
	next_value
	redis eval "for i = 0, $keys - 1 do redis.call('SET', string.format('%012d', i), ARGV[1]) end" 0 "$value" >/dev/null
}

# redis_benchmark HOW REQUESTS COMMAND...: leaves requests per second in $tps.
redis_benchmark() {
	local where=(-h 127.0.0.1 -p "$redis_port") requests=$2
	[ "$1" = tcp ] || where=(-s "$redis_socket")
	shift 2
	redis-benchmark "${where[@]}" -c "$clients" -n "$requests" -r "$keys" --csv "$@" >"$out/log" 2>&1 ||
		{ cat "$out/log"; die "redis-benchmark failed"; }
	tps=$(awk -F '","' 'END { print $2 }' "$out/log")
}

# redis_measure CASE: over TCP and over a Unix socket.  redis-benchmark is told a
# number of requests, not a time: as many as the run before it says.
redis_measure() {
	local how requests hits
	[ -n "$redis_there" ] || return 0
	for how in tcp unix; do
		requests=$(awk "BEGIN { printf \"%d\", ${redis_rate:-60000} * $seconds }")
		case $1 in
			get)
				redis_fill
				hits=$(redis info stats | sed -n 's/^keyspace_hits:\([0-9]*\).*/\1/p')
				redis_benchmark $how "$requests" GET __rand_int__
				hits=$(($(redis info stats | sed -n 's/^keyspace_hits:\([0-9]*\).*/\1/p') - hits))
				[ $hits = "$requests" ] || die "Redis: $requests gets, $hits hits"
				;;
			set)
				redis_fill
				next_value
				redis_benchmark $how "$requests" SET __rand_int__ "$value"
				[ "$(redis_others "$value" "$before")" = 0 ] || die "Redis: keys are gone, or have another value"
				;;
			incr | incr-one)
				redis flushall >/dev/null
				if [ "$1" = incr ]; then
					redis_benchmark $how "$requests" INCR __rand_int__
				else
					redis_benchmark $how "$requests" INCR 000000000000
				fi
				[ "$(redis_sum)" = "$requests" ] || die "Redis: $requests increments, another sum"
				;;
		esac
		redis_rate=$tps
		echo "$round redis-$how-$1 $tps" >>"$out/results"
	done
}
