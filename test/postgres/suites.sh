# shellcheck shell=bash
#
# The suites of PostgreSQL's source, for test/postgres/run:
#
#   regress         src/test/regress; a TEST runs after test_setup
#   isolation       src/test/isolation
#   snapshots       some of them with REPEATABLE READ in place of SERIALIZABLE, at which
#                   nothing is answered from the cache; others wait for ever without
#                   the errors of SERIALIZABLE
#   contrib         regress and isolation tests of each extension that the server's
#                   packages have; a TEST is an extension
#   contrib_tap     their TAP files
#   subscription    src/test/subscription, recovery: src/test/recovery, pg_dump:
#                   src/bin/pg_dump; a TEST is a file, as in 001_rep_changes
#
# Outside of regress attached tables are write_through: what is committed is in the cache,
# so that a test that reads a row once reads it from there.
#
# The servers of TAP files are made by the tests.  There an initdb puts the extension and
# its event trigger into template1 and postgres, and the settings come as TEMP_CONFIG.  Before
# one is stopped, what is cached of attached tables is compared with them.
#
# NAME_suite KIND TEST... runs a suite; what its tests print is in $OUT/results, and what
# the cache counted in $OUT.counts.

RESULTS=("cache_strategies.results = auto" "cache_strategies.results_min_cost = 0")
LIMIT_FILE=900					# seconds, of a TAP file
JOBS=${JOBS:-1}					# TAP files at once

# makes_servers SUITE: its tests do.
makes_servers() { [[ " contrib_tap subscription recovery pg_dump " == *" $1 "* ]]; }

# kinds_of SUITE: the kinds that it is run in.  To track tables in servers that tests
# make is not worth a run of its own.
kinds_of() {
	echo plain
	echo preloaded
	makes_servers "$1" || echo tracked
	echo auto
	echo attached
}

# sql_of KIND: what makes the extension and its event trigger, in one file.
sql_of() {
	local strategy=write_through
	[ "$SUITE" != regress ] || strategy=read_through
	case $1 in
		tracked | auto) cat "$ROOT/test/postgres/track.sql" ;;
		attached)
			sed -e "/^\\\\ir created.sql/{r $ROOT/test/postgres/created.sql" -e 'd}' -e "s/read_through/$strategy/" \
				"$ROOT/test/postgres/attach.sql"
			;;
	esac
}

# settings_of SUITE KIND: of its server, besides those of regress.conf.
settings_of() {
	local name file libraries=pg_stat_statements
	[ "$1" = contrib ] || return 0
	[ "$2" = plain ] || libraries+=,cache_strategies
	for name in basic_archive pg_freespacemap pg_walinspect test_decoding; do
		for file in "$SOURCE/contrib/$name"/*.conf; do cat "$file"; done
	done
	echo "shared_preload_libraries = '$libraries'"
}

# --- tests that run in one server ------------------------------------------

# make_database KIND NAME: as pg_regress does.
make_database() {
	# shellcheck disable=SC2046
	as_pg env $(in_cluster "$1" normal) psql -Xq -v ON_ERROR_STOP=1 <<-SQL
		CREATE DATABASE $2 TEMPLATE template0;
		ALTER DATABASE $2 SET lc_messages TO 'C';
		ALTER DATABASE $2 SET lc_monetary TO 'C';
		ALTER DATABASE $2 SET lc_numeric TO 'C';
		ALTER DATABASE $2 SET lc_time TO 'C';
		ALTER DATABASE $2 SET bytea_output TO 'hex';
		ALTER DATABASE $2 SET timezone_abbreviations TO 'Default';
	SQL
	# shellcheck disable=SC2046
	sql_of "$1" | as_pg env $(in_cluster "$1" normal) psql -Xq -v ON_ERROR_STOP=1 -d "$2"
}

# in_database KIND NAME PROGRAM DIRECTORY OUTPUT ARGUMENT...: a program of PostgreSQL's
# that runs tests of a directory, in a database of that name.
in_database() {
	local kind=$1 database=$2 program=$3 dir=$4 output=$5
	shift 5
	make_database "$kind" "$database" || return
	# shellcheck disable=SC2046
	as_pg env -C "$dir" $(in_cluster "$kind" normal) PGTZ=PST8PDT PGDATESTYLE='Postgres, MDY' \
		"$(pgxsdir normal)/test/$program" --bindir="$(bindir normal)" --inputdir="$dir" --outputdir="$output" \
		--dlpath="$WORK/modules" --host="$(socket_dir "$kind")" --port=5432 --user=postgres \
		--dbname="$database" --use-existing "$@" || true
	count "$kind" "$database"
}

# count KIND DATABASE: what was kept and answered, so that it is known that something was.
count() {
	local query
	case $1 in
		auto) query="SELECT sum(hits), sum(misses), sum(sets) FROM cache.space_stats" ;;
		attached) query="SELECT hits + absent_hits, misses, bypasses FROM cache.stats; SELECT cache.stats_reset_shared()" ;;
		*) return 0 ;;
	esac
	# shellcheck disable=SC2046
	as_pg env $(in_cluster "$1" normal) psql -XAtq -F ' ' -d "$2" -c "$query" >>"$OUT.counts"
}

# counts: their sums, in words.
counts() {
	[ -s "$OUT.counts" ] || return 0
	awk -v other="$([ "${OUT##*/}" = auto ] && echo 'results kept' || echo bypasses)" '
		{ hits += $1; misses += $2; rest += $3; compared += $4; wrong += $5 }
		END {
			printf "; %d hits, %d misses, %d %s", hits, misses, rest, other
			if (compared + wrong > 0) printf "; %d cached rows compared, %d wrong", compared, wrong
		}' "$OUT.counts"
}

regress_suite() {
	local kind=$1 dir=$SOURCE/src/test/regress tests=(--schedule="$SOURCE/src/test/regress/parallel_schedule")
	shift
	[ $# = 0 ] || tests=(test_setup "$@")
	in_database "$kind" regression regress/pg_regress "$dir" "$OUT" --max-concurrent-tests=20 "${tests[@]}"
}

isolation_suite() {
	local kind=$1 dir=$SOURCE/src/test/isolation tests=(--schedule="$SOURCE/src/test/isolation/isolation_schedule")
	shift
	[ $# = 0 ] || tests=("$@")
	in_database "$kind" isolation_regression isolation/pg_isolation_regress "$dir" "$OUT" "${tests[@]}"
}

snapshots_suite() {
	local kind=$1 dir=$WORK/snapshots file tests=(referential-integrity project-manager classroom-scheduling)
	shift
	[ $# = 0 ] || tests=("$@")
	rm -rf "$dir"
	as_pg cp -a "$SOURCE/src/test/isolation" "$dir"
	for file in "$dir"/specs/*.spec; do as_pg sed -i 's/SERIALIZABLE/REPEATABLE READ/I' "$file"; done
	in_database "$kind" isolation_regression isolation/pg_isolation_regress "$dir" "$OUT" "${tests[@]}"
}

# variable EXTENSION NAME: of its makefile.
variable() {
	# shellcheck disable=SC2016
	make -s -C "$SOURCE/contrib/$1" USE_PGXS=1 PG_CONFIG="$PG_BINDIR/pg_config" --eval='print-%: ; @echo $($*)' "print-$2"
}

# extensions [NAME...]: of contrib, those that are installed.
extensions() {
	local name file
	for file in "$SOURCE"/contrib/*/Makefile; do
		name=$(basename "${file%/*}")
		[ $# = 0 ] || [[ " $* " == *" $name "* ]] || continue
		installed "$name" || continue
		echo "$name"
	done
}

# installed EXTENSION: its modules and control files.
installed() {
	local item
	for item in $(variable "$1" MODULE_big) $(variable "$1" MODULES); do [ -e "$PG_PKGLIBDIR/$item.so" ] || return 1; done
	for item in $(variable "$1" EXTENSION); do [ -e "$PG_SHAREDIR/extension/$item.control" ] || return 1; done
}

contrib_suite() {
	local kind=$1 name
	shift
	for name in $(extensions "$@"); do
		say "$name"
		extension_tests "$kind" "$name" regress/pg_regress REGRESS
		extension_tests "$kind" "$name" isolation/pg_isolation_regress ISOLATION
	done
}

# extension_tests KIND EXTENSION PROGRAM VARIABLE: its results are named after it as well.
extension_tests() {
	local output=$OUT/$2 file tests options
	read -ra tests <<<"$(variable "$2" "$4")"
	[ ${#tests[@]} -gt 0 ] || return 0
	mapfile -t options < <(variable "$2" "$4_OPTS" | tr ' ' '\n' | grep -- '^--load-extension')
	as_pg mkdir -p "$output"
	in_database "$1" contrib_regression "$3" "$SOURCE/contrib/$2" "$output" "${options[@]}" "${tests[@]}"
	for file in "$output"/results/*.out; do
		[ ! -e "$file" ] || as_pg cp "$file" "$OUT/results/$2-${file##*/}"
	done
	rm -rf "$output"
	# shellcheck disable=SC2046
	as_pg env $(in_cluster "$1" normal) psql -Xq -c "DROP DATABASE contrib_regression WITH (FORCE)"
}

# --- tests that make servers -----------------------------------------------

# wrap_programs: initdb also executes $CS_SQL in each new cluster, and pg_ctl writes what
# the cache counted to $CS_COUNTS before it stops one.
wrap_programs() {
	local program
	for program in initdb pg_ctl; do
		program=$(bindir normal)/$program
		[ -e "$program.real" ] || mv "$program" "$program.real"
		cp "$ROOT/test/postgres/${program##*/}.sh" "$program"
		chown "$OWNER" "$program" "$program.real"
	done
}

# settings_of_nodes KIND: a file of them, for each server that a test makes.
settings_of_nodes() {
	[ "$1" = plain ] || grep -Ev '^(autovacuum|fsync|log_line|max_prepared)' "$ROOT/test/regress.conf"
	[ "$1" != auto ] || printf '%s\n' "${RESULTS[@]}"
}

# tap_files DIRECTORY NAME...: those of the names, or all.
tap_files() {
	local dir=$1 file
	shift
	for file in "$dir"/t/*.pl; do
		[ $# != 0 ] && [[ " $* " != *" $(basename "$file" .pl) "* ]] || echo "$file"
	done
}

# tap_suite KIND FILE...
tap_suite() {
	local kind=$1 file
	shift
	wrap_programs
	settings_of_nodes "$kind" | as_pg tee "$OUT/conf" >/dev/null
	sql_of "$kind" | as_pg tee "$OUT/sql" >/dev/null
	for file in "$@"; do
		while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do sleep 0.2; done
		tap_file "$kind" "$file" &
	done
	wait
	as_pg cat /dev/null "$OUT"/*/counts 2>/dev/null | as_pg tee "$OUT.counts" >/dev/null
}

# tap_file KIND FILE: what it says, and that a server crashed.  Of one that fails, what it
# and its servers said is in $OUT.
tap_file() {
	local kind=$1 dir=${2%/t/*} name dest counted=''
	name=$(basename "$2" .pl)
	[ "$SUITE" != contrib_tap ] || name=${dir##*/}-$name
	dest=$OUT/$name
	as_pg mkdir -p "$dest" "$(socket_root)/tmp"
	case $kind in auto | attached) counted=$dest/counts ;; esac
	as_pg timeout -k 10 "$LIMIT_FILE" env -C "$dir" TMPDIR="$(socket_root)/tmp" TEMP_CONFIG="$OUT/conf" \
		CS_SQL="$OUT/sql" CS_COUNTS="$counted" CS_KIND="$kind" PATH="$(bindir normal):$PATH" \
		PERL5LIB="$(pgxsdir normal)/test/perl:$dir/t" TESTDIR="$dest" PGPORT=65431 \
		PG_REGRESS="$(pgxsdir normal)/test/regress/pg_regress" REGRESS_SHLIB="$WORK/modules/regress.so" \
		with_icu=yes with_ssl=openssl with_readline=yes GZIP_PROGRAM=gzip LZ4=lz4 TAR=tar \
		prove -v "t/${2##*/}" >"$WORK/log/$SUITE-$kind-$name" 2>&1 </dev/null || echo "failed: $name"
	{
		grep -E '^ *(not )?ok |^ *1\.\.|^Result: ' "$WORK/log/$SUITE-$kind-$name"
		if grep -qE 'PANIC:|TRAP:|was terminated by signal (4|6|7|8|11)' "$dest"/tmp_check/log/*.log; then echo "a server crashed"; fi
		[ ! -e "$dest/counts" ] || awk '$5 > 0 { print $5 " cached rows are wrong" }' "$dest/counts"
	} | as_pg tee "$OUT/results/$name.out" >/dev/null
	rm -rf "$dest"/tmp_check/t_*
	[ "$(tail -n 1 "$OUT/results/$name.out")" != 'Result: PASS' ] || rm -rf "$dest/tmp_check"
}

contrib_tap_suite() {
	local kind=$1 name files=()
	shift
	for name in $(extensions "$@"); do
		[ ! -d "$SOURCE/contrib/$name/t" ] || files+=("$SOURCE/contrib/$name"/t/*.pl)
	done
	tap_suite "$kind" "${files[@]}"
}

# shellcheck disable=SC2046
subscription_suite() { tap_suite "$1" $(tap_files "$SOURCE/src/test/subscription" "${@:2}"); }
# shellcheck disable=SC2046
recovery_suite() { tap_suite "$1" $(tap_files "$SOURCE/src/test/recovery" "${@:2}"); }
# shellcheck disable=SC2046
pg_dump_suite() { tap_suite "$1" $(tap_files "$SOURCE/src/bin/pg_dump" "${@:2}"); }
