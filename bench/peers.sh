# shellcheck shell=bash disable=SC2034,SC2154
#
# What the cache is compared with: Redis, memcached behind pgmemcache, and
# pgpool-II's query cache.  Servers of our own, with all their files and Unix
# sockets in $out; they write nothing to disk and end with the benchmark.  Each
# NAME_start leaves $NAME_there empty if there is no such program and none to be
# had.  Redis's keys are the numbers from 0, as twelve digits, since
# redis-benchmark has no others.

# missing PROGRAM PACKAGES
missing() { progress "no $1: install $2 to compare with it"; }

# start_peer NAME IS_UP COMMAND...: start it in the background; was it up soon?
start_peer() {
	local name=$1 up=$2 pid
	shift 2
	"$@" >"$out/$name.log" 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		if ! kill -0 $pid 2>/dev/null; then
			wait $pid || true
			return 1
		fi
		if $up >/dev/null 2>&1; then
			# INT: pgpool waits for its clients when it gets TERM.
			at_end "kill -INT $pid && wait $pid"
			return 0
		fi
		sleep 0.1
	done
	kill $pid
	wait $pid || true
	return 1
}

# peer_failed NAME
peer_failed() { cat "$out/$1.log"; die "$1 does not start"; }

# something_done CASE: a short run on a busy machine may end with connecting.
something_done() { [ -n "$tps" ] || { cat "$out/log"; die "$1: nothing was done"; }; }

# record_run CASE: what run_pgbench or redis_benchmark has left, for when its
# correctness has been checked.
record_run() {
	something_done "$1"
	record "$1" tps "$tps"
	[ -z "$p50" ] || { record "$1" p50 "$p50"; record "$1" p95 "$p95"; record "$1" p99 "$p99"; }
}

# sessions_gone: wait until the sessions of pgbench have ended, and with it added
# their counts to the cache's.
sessions_gone() {
	for _ in $(seq 1000); do
		[ "$(sql -c "SELECT count(*) FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")" != 0 ] || return 0
	done
	die "sessions of pgbench do not end"
}

# enough COUNTED OF WHAT: nearly all of them.
enough() {
	if [ "$1" -gt "$2" ] || [ $(($1 * 1000)) -lt $(($2 * 999)) ]; then
		die "$3: $1 were counted, of $2"
	fi
}

# --- Redis -----------------------------------------------------------------

# Debian's redis-tools is all that it takes: the server is the program
# redis-check-rdb, called by another name, and no service is started.
redis_start() {
	redis_there=
	need_packages redis-benchmark redis-tools redis-check-rdb redis-tools || { missing Redis redis-tools; return 0; }
	redis_socket=$out/redis.sock
	redis_db=0
	ln -s "$(command -v redis-check-rdb)" "$out/redis-server"
	for _ in $(seq 20); do
		redis_port=$((20000 + RANDOM % 10000))
		if start_peer redis 'redis ping' "$out/redis-server" --bind 127.0.0.1 --port $redis_port \
			--unixsocket "$redis_socket" --save '' --appendonly no --dir "$out"; then
			redis_there=1
			progress "Redis $(redis info server | sed -n 's/^redis_version:\([0-9.]*\).*/\1/p')"
			return 0
		fi
		grep -q 'already in use' "$out/redis.log" || break
	done
	peer_failed redis
}

redis() { redis-cli -n "$redis_db" -s "$redis_socket" "$@"; }

# redis_fill KEYS VALUE
redis_fill() {
	local from
	for ((from = 0; from < $1; from += 100000)); do
		redis eval "for i = ARGV[1], math.min(ARGV[1] + 99999, $1 - 1) do
				redis.call('SET', string.format('%012d', i), ARGV[2])
			end" 0 $from "$2" >/dev/null
	done
}

# redis_others KEYS VALUE...: how many keys are not there, or hold something else.
redis_others() {
	local keys=$1 from others=0
	shift
	for ((from = 0; from < keys; from += 100000)); do
		others=$((others + $(redis eval "local n = 0
			for i = KEYS[1], math.min(KEYS[1] + 99999, $keys - 1) do
				local v, found = redis.call('GET', string.format('%012d', i)), 1
				for j = 1, #ARGV do if v == ARGV[j] then found = 0 end end
				n = n + found
			end
			return n" 1 $from "$@")))
	done
	echo $others
}

# redis_sum KEYS
redis_sum() {
	redis eval "local s = 0
		for i = 0, $1 - 1 do s = s + (redis.call('GET', string.format('%012d', i)) or 0) end
		return s" 0
}

# redis_hits: of all databases.
redis_hits() { redis info stats | sed -n 's/^keyspace_hits:\([0-9]*\).*/\1/p'; }

# redis_benchmark tcp|unix SECONDS KEYS COMMAND...: one command at a time for each
# of $clients.  Leaves $tps, $committed and latencies as run_pgbench does.
# redis-benchmark is told a number of requests, not a time: as many as the last
# run of the kind says.
declare -A redis_rate=()
redis_benchmark() {
	local where=(-h 127.0.0.1 -p "$redis_port") kind="$1 $clients" seconds=$2 keys=$3
	[ "$1" = tcp ] || where=(-s "$redis_socket")
	shift 3
	committed=$(awk "BEGIN { printf \"%d\", ${redis_rate[$kind]:-$((clients < 3 ? clients * 20000 : 60000))} * $seconds }")
	redis-benchmark "${where[@]}" --dbnum "$redis_db" -c "$clients" -n "$committed" -r "$keys" --csv "$@" >"$out/log" 2>&1 ||
		{ cat "$out/log"; die "redis-benchmark failed"; }
	read -r tps p50 p95 p99 < <(awk -F '"?,"?' 'END { print $2, $5 * 1000, $6 * 1000, $7 * 1000 }' "$out/log")
	redis_rate[$kind]=$tps
}

# redis_get CASE tcp|unix SECONDS KEYS: measure GET of keys that are all there.
redis_get() {
	local hits
	[ -n "$redis_there" ] || return 0
	hits=$(redis_hits)
	redis_benchmark "$2" "$3" "$4" GET __rand_int__
	hits=$(($(redis_hits) - hits))
	[ $hits = "$committed" ] || die "Redis: $committed gets, $hits hits"
	record_run "$1"
	record "$1" hit_ratio 1
}

# --- memcached behind pgmemcache -------------------------------------------

# pgmemcache is created in the database of the benchmark, and finds memcached.
memcached_start() {
	local extension=$PG_SHAREDIR/extension prefix=$WORK/normal
	memcached_there=
	need_packages memcached memcached "$extension/pgmemcache.control" "postgresql-$PGMAJOR-pgmemcache" ||
		{ missing pgmemcache "memcached and postgresql-$PGMAJOR-pgmemcache"; return 0; }
	# The private copy of PostgreSQL may be older than the package.
	cp "$PG_PKGLIBDIR/pgmemcache.so" "$prefix$PG_PKGLIBDIR/"
	cp "$extension"/pgmemcache* "$prefix$PG_SHAREDIR/extension/"
	memcached_socket=$out/memcached/socket
	mkdir "$out/memcached"
	chown "$OWNER" "$out/memcached"
	start_peer memcached "test -S $memcached_socket" "${AS_PG[@]}" memcached -s "$memcached_socket" -m 1024 ||
		peer_failed memcached
	sql -c 'CREATE EXTENSION pgmemcache' \
		-c "ALTER DATABASE $PGDATABASE SET pgmemcache.default_servers = '$memcached_socket'"
	sql -c "SELECT 1 / memcache_set('0', 'x')::int" >/dev/null
	memcached_there=1
	progress "$(memcached --version)"
}

# memcached_hits: of gets.
memcached_hits() { sql -c 'SELECT memcache_stats()' | sed -n 's/^get_hits: \([0-9]*\).*/\1/p'; }

# --- pgpool-II -------------------------------------------------------------

# pgpool_start: in front of the server of the benchmark.  pgpool COMMAND... runs a
# client that talks to it.
pgpool_start() {
	local program=/usr/sbin/pgpool
	pgpool_there=
	need_packages $program pgpool2 || { missing pgpool-II pgpool2; return 0; }
	pgpool_dir=$out/pgpool
	mkdir -p "$pgpool_dir/oids"
	: >"$pgpool_dir/pcp.conf"
	cat >"$pgpool_dir/pgpool.conf" <<-CONF
		backend_clustering_mode = 'raw'
		listen_addresses = ''
		port = 9999
		socket_dir = '$pgpool_dir'
		pcp_listen_addresses = ''
		pcp_socket_dir = '$pgpool_dir'
		backend_hostname0 = '$PGHOST'
		backend_port0 = $PGPORT
		backend_flag0 = 'DISALLOW_TO_FAILOVER'
		pool_passwd = ''
		pid_file_name = '$pgpool_dir/pid'
		logdir = '$pgpool_dir'
		sr_check_period = 0
		health_check_period = 0
		memory_cache_enabled = on
		memqcache_method = 'shmem'
		memqcache_oiddir = '$pgpool_dir/oids'
	CONF
	chown -R "$OWNER" "$pgpool_dir"
	start_peer pgpool 'pgpool psql -XAtqc SELECT' "${AS_PG[@]}" $program -n -f "$pgpool_dir/pgpool.conf" \
		-F "$pgpool_dir/pcp.conf" -a "$pgpool_dir/pool_hba.conf" || peer_failed pgpool
	pgpool_there=1
	progress "$($program --version 2>&1)"
}

pgpool() { env PGHOST="$pgpool_dir" PGPORT=9999 "$@"; }

# pgpool_hits: queries answered from its cache.
pgpool_hits() { pgpool psql -XAt -F ' ' -c 'SHOW POOL_CACHE' | awk 'NR == 1 { print $1 }'; }
