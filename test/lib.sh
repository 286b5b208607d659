# shellcheck shell=bash
#
# What test/run, test/dev and test/compat share: private copies of PostgreSQL,
# builds in them, and clusters that run from them.
#
# Nothing outside $WORK is written.  Layout of $WORK:
#
#   BUILD/src     the sources and objects of one build
#   BUILD/usr     a copy of the PostgreSQL installation with that build in it
#   cluster/NAME  data directory, socket and log of one server
#   log/          output of what was run

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Settings of an outer make or of the user's own server are not ours.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
unset PGHOST PGPORT PGUSER PGDATABASE PGDATA PGSERVICE PGOPTIONS PGPASSWORD
unset PGAPPNAME PGCLIENTENCODING PGTZ PGDATESTYLE DESTDIR
export LC_ALL=C.UTF-8
umask 022
# Settings are handed on as words, see in_cluster().
PATH=$(tr : '\n' <<<"$PATH" | grep -v '[[:space:]]' | paste -sd :)

# shellcheck source=test/prerequisites.sh
. "$ROOT/test/prerequisites.sh"
choose_owner
choose_installation || true

# --- builds ----------------------------------------------------------------

# The files of the project, without what a build in place left there.
source_files() {
	(cd "$ROOT" && find . \( -path ./.git -o -path ./results -o -path ./test/unit/build -o -name tmp_check -o -name output_iso \) -prune -o \
		-type f ! -name '*.o' ! -name '*.d' ! -name '*.so' ! -name '*.bc' ! -name signatures.inc -printf '%P\n' | sort)
}

# sync_sources DIR: make DIR's copy of the sources current.  Only files whose
# content differs are written, so that make rebuilds what it must.
sync_sources() {
	local dir=$1 file
	if [ ! -e "$dir" ]; then
		mkdir -p "$dir"
		source_files | tar -C "$ROOT" -cf - -T - | tar -C "$dir" -xf -
		chown -R "$OWNER" "$dir"
		return
	fi
	while IFS= read -r file; do
		cmp -s "$ROOT/$file" "$dir/$file" && continue
		mkdir -p "$dir/$(dirname "$file")"
		cp --preserve=mode "$ROOT/$file" "$dir/$file"
	done < <(source_files)
	while IFS= read -r file; do
		[ -e "$ROOT/$file" ] || rm -f "$dir/$file" "$dir/${file%.c}.o" "$dir/${file%.c}.d"
	done < <(cd "$dir" && find src sql expected test -type f \( -name '*.[ch]' -o -name '*.sql' \
		-o -name '*.out' -o -name '*.spec' -o -name '*.pl' \) ! -path '*/results/*' 2>/dev/null)
	chown -R "$OWNER" "$dir"
}

# PostgreSQL finds its files relative to the place of its binaries, so a copy of
# the binaries, libraries and shared files is an installation of its own.  It is
# made anew, with what was built for it, when PostgreSQL is another one now.
make_prefix() {
	local prefix=$1 dir stamp
	stamp="$PG_BINDIR $(version_of "$PG_BINDIR/postgres") $(stat -c %Y "$PG_BINDIR/postgres")"
	[ "$(cat "$prefix/installation" 2>/dev/null)" != "$stamp" ] || return 0
	rm -rf "${prefix:?}"
	mkdir -p "$prefix$PG_BINDIR" "$prefix$PG_PKGLIBDIR" "$prefix$PG_SHAREDIR"
	# Links are followed: a program looks for its files where the link leads to.
	(cd "$PG_BINDIR" && cp -Lp initdb postgres pgbench psql pg_* create* drop* *db "$prefix$PG_BINDIR" 2>/dev/null) || true
	cp -a "$PG_PKGLIBDIR/." "$prefix$PG_PKGLIBDIR"
	cp -a "$PG_SHAREDIR/." "$prefix$PG_SHAREDIR"
	for dir in "$PG_INCLUDEDIR" "$("$PG_BINDIR/pg_config" --pkgincludedir)" "$PG_SERVERDIR"; do
		[ ! -e "$dir/stdio.h" ] && [ ! -e "$prefix$dir" ] || continue
		mkdir -p "$prefix${dir%/*}"
		ln -s "$dir" "$prefix$dir"
	done
	echo "$stamp" >"$prefix/installation"
	chown -R "$OWNER" "$prefix"
}

bindir() { echo "$WORK/$1$PG_BINDIR"; }
pgxsdir() { echo "$WORK/$1$PG_PKGLIBDIR/pgxs/src"; }

# build_flags BUILD: what the preprocessor is told.
build_flags() {
	case $1 in
		points | mutant-*) echo -DCS_TEST_POINTS ;;
	esac
}

# make_install BUILD LOG: compile what changed and install it.
make_install() {
	as_pg make -j"$(nproc)" -C "$WORK/$1/src" install with_llvm=no WERROR="${WERROR:-}" \
		PG_CONFIG="$(bindir "$1")/pg_config" EXTRA_CPPFLAGS="$(build_flags "$1")" >"$2" 2>&1
}

# build BUILD: "normal" or "points" (with -DCS_TEST_POINTS).
build() {
	make_prefix "$WORK/$1"
	sync_sources "$WORK/$1/src"
	make_install "$1" "$WORK/log/build-$1"
}

# apply_mutant NAME DIR: its patch, to the sources in DIR.  What it
# prints goes to NAME's log.
apply_mutant() {
	local patch=$ROOT/test/mutants/$1.patch
	[ -e "$patch" ] || { say "there is no test/mutants/$1.patch"; return 1; }
	as_pg patch -d "$2" -p1 --fuzz=0 --force --no-backup-if-mismatch --reject-file=- <"$patch" ||
		{ say "test/mutants/$1.patch does not apply; see test/mutants/refresh"; return 1; }
}

# build_mutant NAME: starts from the objects of "points"; compiles what its patch changes.
# Of the installation it has links: install replaces a file, and does not write
# into it, as compilers do.
build_mutant() {
	local dir=$WORK/mutant-$1 item
	mkdir -p "$dir"
	chown "$OWNER" "$dir"
	for item in "$WORK"/points/*; do
		case $item in
			*/src) cp -a "$item" "$dir/" ;;
			*) cp -al "$item" "$dir/" ;;
		esac
	done
	apply_mutant "$1" "$dir/src" >"$WORK/log/build-mutant-$1" 2>&1 || return 1
	WERROR='' make_install "mutant-$1" "$WORK/log/build-mutant-$1"
}

# --- clusters --------------------------------------------------------------

cluster_dir() { echo "$WORK/cluster/$1"; }
socket_dir() { echo "$(socket_root)/$1"; }

# One initdb; every cluster is a copy of its result.
make_template() {
	[ ! -e "$WORK/cluster/template/PG_VERSION" ] || return 0
	as_pg mkdir -p "$WORK/cluster"
	as_pg "$(bindir "$1")/initdb" -N -A trust -U postgres -E UTF8 --locale=C.UTF-8 \
		-D "$WORK/cluster/template" >"$WORK/log/initdb" 2>&1 ||
		{ tail "$WORK/log/initdb" >&2; return 1; }
}

# cluster_init NAME BUILD
cluster_init() {
	local dir
	dir=$(cluster_dir "$1")
	make_template "$2"
	rm -rf "$dir"
	as_pg mkdir -p "$dir"
	as_pg cp -a "$WORK/cluster/template" "$dir/data"
	as_pg tee -a "$dir/data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$(socket_dir "$1")'
	CONF
	as_pg tee -a "$dir/data/postgresql.conf" <"$ROOT/test/regress.conf" >/dev/null
}

# cluster_start NAME BUILD, and cluster_stop NAME BUILD
cluster_start() {
	local dir
	dir=$(cluster_dir "$1")
	as_pg mkdir -p "$(socket_dir "$1")"
	as_pg "$(bindir "$2")/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start >"$WORK/log/pg_ctl" 2>&1 ||
		{ tail -n 20 "$dir/log" >&2; return 1; }
}

cluster_stop() {
	as_pg "$(bindir "$2")/pg_ctl" -D "$(cluster_dir "$1")/data" -m fast -w -t 60 stop >"$WORK/log/pg_ctl" 2>&1
}

# in_cluster NAME BUILD: the environment in which clients find the server.
in_cluster() {
	echo "PATH=$(bindir "$2"):$PATH PGHOST=$(socket_dir "$1") PGPORT=5432 PGUSER=postgres PGDATABASE=postgres"
}

# processes_in_work exe|cwd: the processes whose program or whose current
# directory is under $WORK.
processes_in_work() {
	local proc
	for proc in /proc/[0-9]*; do
		[[ $(readlink "$proc/$1" 2>/dev/null) != "$WORK"/* ]] || echo "${proc#/proc/}"
	done
}

# Stop whatever server still runs from $WORK, clusters of TAP tests included.
stop_servers() {
	local pids
	for _ in $(seq 50); do
		mapfile -t pids < <(processes_in_work exe)
		[ ${#pids[@]} -gt 0 ] || return 0
		kill -QUIT "${pids[@]}" 2>/dev/null || true
		sleep 0.1
	done
}

# --- running the tests of one kind -----------------------------------------

# regress_names and isolation_names: the tests there are.
regress_names() {
	(cd "$ROOT" && find sql -maxdepth 1 -name '*.sql' ! -name '*--*' -printf '%f\n' 2>/dev/null) |
		sed 's/\.sql$//' | sort
}

isolation_names() {
	(cd "$ROOT" && find test/isolation/specs -maxdepth 1 -name '*.spec' -printf '%f\n' 2>/dev/null) |
		sed 's/\.spec$//' | sort
}

# Both print what pg_regress prints: regress CLUSTER BUILD NAME...
# The extension is there already when a test starts.
regress() {
	local cluster=$1 build=$2
	shift 2
	# shellcheck disable=SC2046
	as_pg env -C "$WORK/$build/src" $(in_cluster "$cluster" "$build") \
		"$(pgxsdir "$build")/test/regress/pg_regress" --bindir="$(bindir "$build")" \
		--host="$(socket_dir "$cluster")" --port=5432 --user=postgres --dbname=regression \
		--load-extension=cache_strategies "$@"
}

isolation() {
	local cluster=$1 build=$2
	shift 2
	# shellcheck disable=SC2046
	as_pg env -C "$WORK/$build/src/test/isolation" $(in_cluster "$cluster" "$build") \
		"$(pgxsdir "$build")/test/isolation/pg_isolation_regress" --bindir="$(bindir "$build")" \
		--host="$(socket_dir "$cluster")" --port=5432 --user=postgres --dbname=isolation \
		--load-extension=cache_strategies "$@"
}

# oracle CLUSTER BUILD SECONDS rows|results|twin: the script finds an empty server by its
# environment, and the sources around it.
oracle() {
	local script=test/oracle/run
	[ "$4" = rows ] || script=test/oracle/$4/run
	# shellcheck disable=SC2046
	as_pg env -C "$WORK/$2/src" $(in_cluster "$1" "$2") "$script" "$3" ${COMPARISONS:+"$COMPARISONS"}
}

# fuzz CLUSTER BUILD SECONDS
fuzz() {
	# shellcheck disable=SC2046
	as_pg env -C "$WORK/$2/src" $(in_cluster "$1" "$2") ${FUZZ_SEED:+FUZZ_SEED="$FUZZ_SEED"} test/fuzz/run "$3"
}

# One initdb for all clusters of TAP tests, with the locale they would have by
# themselves.
make_tap_template() {
	local template=$WORK/tap/template
	(
		flock 9
		[ ! -e "$template" ] || exit 0
		rm -rf "$template.new"
		as_pg env -u LC_ALL -u LANGUAGE LC_MESSAGES=C \
			"$(bindir "$1")/initdb" -D "$template.new" -A trust -N >"$WORK/log/initdb-tap" 2>&1 &&
			mv "$template.new" "$template"
	) 9>"$WORK/tap/template.lock"
}

# tap BUILD FILE: one TAP file; it makes its own clusters.
tap() {
	local src=$WORK/$1/src name
	name=$(basename "$2" .pl)
	rm -rf "${WORK:?}/tap/$1/$name"		# what a run that was ended has left
	as_pg mkdir -p "$WORK/tap/$1/$name" "$(socket_root)/tmp"
	make_tap_template "$1" || { tail "$WORK/log/initdb-tap"; return 1; }
	as_pg env -C "$src" TMPDIR="$(socket_root)/tmp" INITDB_TEMPLATE="$WORK/tap/template" \
		PATH="$(bindir "$1"):$PATH" PERL5LIB="$(pgxsdir "$1")/test/perl:$src/test/t" \
		TESTDIR="$WORK/tap/$1/$name" TESTDATADIR="$WORK/tap/$1/$name/tmp_check" \
		TESTLOGDIR="$WORK/tap/$1/$name/tmp_check/log" PGPORT=65432 PG_TEST_PORT_DIR="$WORK/tap/ports" \
		PG_REGRESS="$(pgxsdir "$1")/test/regress/pg_regress" \
		prove -v "$2"
}

# pgtap CLUSTER BUILD FILE: one pgTAP file, in a database of its own.
pgtap() {
	local cluster=$1 build=$2 file=$3 db
	db=pgtap_$(basename "$file" .sql)
	# shellcheck disable=SC2046,SC2016
	as_pg env -C "$WORK/$build/src" $(in_cluster "$cluster" "$build") bash -c '
		set -e
		dropdb --if-exists "$1" 2>/dev/null
		createdb "$1"
		psql -Xq -d "$1" -c "CREATE EXTENSION pgtap"
		prove -v -e "psql -XqAt -v ON_ERROR_STOP=1 -d $1 -f" "$2"' bash "$db" "$file"
}
