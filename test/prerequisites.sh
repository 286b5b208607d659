# shellcheck shell=bash
#
# What the scripts need of the system: an installation of PostgreSQL, what is
# compiled and tested with, and a directory in which all that works.
#
# PG_CONFIG chooses the installation by its pg_config, PGMAJOR by its version
# (Debian's directories).  Without them it is the newest one that is there with its
# headers, then the newest one, then the newest that the system's packages have.
#
# SYSROOT stands in front of the system's directories, for test/house.

SYSROOT=${SYSROOT:-}
WANTED_MAJOR=${PGMAJOR:-}
SUPPORTED=(18 17 16 15)			# newest first

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }
have_apt() { command -v apt-get >/dev/null; }

# descendants: of this shell, that are still there.
descendants() {
	cat /proc/[0-9]*/stat 2>/dev/null | sed -E 's/^([0-9]+) \(.*\) . ([0-9]+) .*/\1 \2/' |
		awk -v root=$$ '
			{ parent[$1] = $2 }
			END {
				for (pid in parent) {
					for (p = pid; p in parent && p != root; p = parent[p]) ;
					if (p == root && pid != root) print pid
				}
			}'
}

# --- the directory ---------------------------------------------------------

# directory_fault DIR: why nothing can be built or run in it; nothing when it can.
# What make cannot have in a name, no directory above the builds may have.
directory_fault() {
	local dir=$1 probe=$1/cache_strategies.probe.$$
	[ -d "$dir" ] || { echo "is not there"; return; }
	case $dir in
		*[!A-Za-z0-9_./+@~-]*) echo "has a character in its name that make cannot handle, such as a space"; return ;;
		/*) ;;
		*) echo "is not an absolute path"; return ;;
	esac
	printf '#!/bin/sh\n' 2>/dev/null >"$probe" || { echo "cannot be written to"; return; }
	chmod 755 "$probe"
	"$probe" 2>/dev/null || echo "does not let programs run (it is mounted noexec)"
	rm -f "$probe"
}

# choose_tmp: sets TMP.  The user's choice is not replaced, the system's is.
choose_tmp() {
	local fault
	TMP=${TMPDIR:-/tmp}
	fault=$(directory_fault "$TMP")
	[ -n "$fault" ] || return 0
	if [ -z "${TMPDIR:-}" ] && [ -z "$(directory_fault /var/tmp)" ]; then
		say "$TMP $fault: using /var/tmp"
		TMP=/var/tmp
		return
	fi
	die "The directory for temporary files, $TMP, $fault.
Set TMPDIR to another one, as in: TMPDIR=/var/tmp make check"
}

# check_work: $WORK is made; can the servers' user work in it?
check_work() {
	local fault
	fault=$(directory_fault "$WORK")
	[ -n "$fault" ] || as_pg test -x "$WORK" 2>/dev/null ||
		fault="cannot be entered by the user $OWNER, who runs the servers"
	[ -z "$fault" ] || die "$WORK $fault.
Set TMPDIR to another directory, as in: TMPDIR=/var/tmp make check"
}

# socket_root: the directory above the directories of the servers' sockets.  The
# name of a socket has 107 characters at most: 44 for $WORK, 40 for a server's name,
# and what is around them.  What is longer goes to a directory of its own.
socket_root() {
	if [ ${#WORK} -le 44 ]; then
		echo "$WORK/cluster"
	else
		echo "/tmp/cs.$(cksum <<<"$WORK" | cut -d ' ' -f 1)"
	fi
}

make_socket_root() {
	local root
	root=$(socket_root)
	mkdir -p -m 755 "${root%/*}"
	mkdir -m 755 "$root" 2>/dev/null && chown "$OWNER" "$root" ||
		[ "$(stat -c %U "$root" 2>/dev/null)" = "$OWNER" ] ||
		die "$root, for the sockets of servers, cannot be made.
Set TMPDIR to a directory with a name of at most 20 characters, as in: TMPDIR=/var/tmp make check"
}

remove_socket_root() {
	[ "$(socket_root)" = "$WORK/cluster" ] || rm -rf "$(socket_root)"
}

# --- the user --------------------------------------------------------------

# choose_owner: sets OWNER and AS_PG, a prefix that runs a command as the user of
# the servers: PostgreSQL refuses to run as root.
choose_owner() {
	OWNER=$(id -un)
	AS_PG=(env ${WORK:+TMPDIR="$WORK/tmp"})
	is_root || return 0
	OWNER=postgres
	# Before PostgreSQL's package is installed, or where there never is one.
	id -u postgres >/dev/null 2>&1 || OWNER=nobody
	AS_PG=(setpriv --reuid="$OWNER" --regid="$(id -g "$OWNER")" --init-groups --
		env HOME="${WORK:-/tmp}" USER="$OWNER" LOGNAME="$OWNER" ${WORK:+TMPDIR="$WORK/tmp"})
}

as_pg() { "${LIMIT[@]}" "${AS_PG[@]}" "$@"; }

LIMIT=()						# a timeout in front of it

# --- the installation ------------------------------------------------------

# Directories of Debian's packages of one major version.
debian_installation() {
	PGMAJOR=$1
	PG_BINDIR=/usr/lib/postgresql/$1/bin
	PG_PKGLIBDIR=/usr/lib/postgresql/$1/lib
	PG_SHAREDIR=/usr/share/postgresql/$1
	PG_INCLUDEDIR=/usr/include/postgresql
	PG_SERVERDIR=/usr/include/postgresql/$1/server
	FROM_DEBIAN=1
}

# installation_of PG_CONFIG: the same, from what a pg_config says.
installation_of() {
	local config=$1 version
	version=$("$config" --version 2>/dev/null) || die "PG_CONFIG=$config: that is no pg_config, or it does not run"
	[[ $version == PostgreSQL\ [0-9]* ]] || die "PG_CONFIG=$config: that is no pg_config"
	version=${version#PostgreSQL }
	PGMAJOR=${version%%[!0-9]*}
	PG_BINDIR=$("$config" --bindir)
	PG_PKGLIBDIR=$("$config" --pkglibdir)
	PG_SHAREDIR=$("$config" --sharedir)
	PG_INCLUDEDIR=$("$config" --includedir)
	PG_SERVERDIR=$("$config" --includedir-server)
	FROM_DEBIAN=
	[ "$PG_BINDIR" != "/usr/lib/postgresql/$PGMAJOR/bin" ] || FROM_DEBIAN=1
}

supported() { [[ " ${SUPPORTED[*]} " == *" $1 "* ]]; }
supported_range() { echo "${SUPPORTED[-1]} to ${SUPPORTED[0]}"; }

# Debian's major versions that have a server here, newest first, and those that
# have the headers as well.
installed_majors() {
	local major
	for major in "${SUPPORTED[@]}"; do
		[ ! -x "$SYSROOT/usr/lib/postgresql/$major/bin/postgres" ] || echo "$major"
	done
}

whole_majors() {
	local major
	for major in $(installed_majors); do
		[ ! -e "$SYSROOT/usr/include/postgresql/$major/server/postgres.h" ] || echo "$major"
	done
}

# available_major: the newest whose server and headers the package lists have.
available_major() {
	local major
	for major in "${SUPPORTED[@]}"; do
		if apt-cache show "postgresql-$major" >/dev/null 2>&1 &&
			apt-cache show "postgresql-server-dev-$major" >/dev/null 2>&1; then
			echo "$major"
			return
		fi
	done
}

# choose_installation: sets PGMAJOR, the PG_ directories, and PG_WHY for the
# message.  False when there is none yet; then PGMAJOR is empty, or what was asked
# for.
choose_installation() {
	local wanted=$WANTED_MAJOR config installed whole
	PG_WHY=
	if [ -n "${PG_CONFIG:-}" ]; then
		config=$(command -v "$PG_CONFIG") || die "PG_CONFIG=$PG_CONFIG: there is no such program"
		installation_of "$(realpath "$config")"
		[ -z "$wanted" ] || [ "$wanted" = "$PGMAJOR" ] ||
			die "PGMAJOR is $wanted, and PG_CONFIG=$PG_CONFIG is of PostgreSQL $PGMAJOR: set one of them"
		supported "$PGMAJOR" || die "PG_CONFIG=$PG_CONFIG is of PostgreSQL $PGMAJOR; supported are $(supported_range)"
		PG_WHY="PG_CONFIG"
		return
	fi
	if [ -n "$wanted" ]; then
		supported "$wanted" || die "PGMAJOR=$wanted is not supported; $(supported_range) are"
		debian_installation "$wanted"
		PG_WHY="PGMAJOR"
		[ -x "$SYSROOT$PG_BINDIR/postgres" ]
		return
	fi
	installed=$(installed_majors | tr '\n' ' ')
	if [ -n "$installed" ]; then
		whole=$(whole_majors | head -n 1)
		debian_installation "${whole:-${installed%% *}}"
		if [ "${installed% }" = "$PGMAJOR" ]; then
			PG_WHY="the one installed"
		else
			PG_WHY="of those installed, ${installed% }, the newest${whole:+ with its headers}"
		fi
		return
	fi
	# Another system's, or one built from source.
	if config=$(command -v pg_config); then
		installation_of "$(realpath "$config")"
		if supported "$PGMAJOR" && [ -x "$PG_BINDIR/postgres" ]; then
			PG_WHY="the pg_config in PATH"
			return
		fi
	fi
	debian_installation ''
	return 1
}

# version_of PROGRAM: as in 15.20.
version_of() { "$1" --version 2>/dev/null | sed -nE 's/.*PostgreSQL\)? ([0-9][^ ]*).*/\1/p'; }

# headers_version: of what is compiled against.
headers_version() {
	sed -nE 's/^#define PG_VERSION "([^" ]+).*/\1/p' "$SYSROOT$PG_SERVERDIR/pg_config.h" 2>/dev/null
}

# check_versions: server and headers are of one major version.  Headers of a later
# minor version can use functions that the server does not have: those of 15.20 use
# one that is not in 15.18.
check_versions() {
	local server headers
	server=$(version_of "$SYSROOT$PG_BINDIR/postgres")
	headers=$(headers_version)
	[ -n "$headers" ] || return 0
	[ "${headers%%[!0-9]*}" = "${server%%[!0-9]*}" ] ||
		die "$PG_SERVERDIR has the headers of PostgreSQL $headers, and $PG_BINDIR/postgres is $server"
	say "PostgreSQL $server, $PG_BINDIR ($PG_WHY; PGMAJOR or PG_CONFIG choose another)"
	[ "$headers" != "$server" ] || return 0
	if [ "$(printf '%s\n' "$headers" "$server" | sort -V | tail -n 1)" = "$headers" ]; then
		say "its headers are of $headers, newer than the server: what they use of it may be missing there,
and then the library is not loaded (\"undefined symbol\"); upgrade the server"
	else
		say "its headers are of $headers: fine, a server loads what was built for an earlier minor version"
	fi
}

# --- what is missing -------------------------------------------------------

# lacks WHAT PACKAGE...: WHAT is missing, Debian's PACKAGEs have it.
lacks() { local what=$1; shift; printf '%s\t%s\n' "$what" "$*"; }

# missing_build: without which nothing is built or run.  Each line is about a file
# or program that is used, not about one that is usually beside it: Debian's client
# package has pgxs.mk and pg_config, too.
missing_build() {
	local pgxs=$SYSROOT$PG_PKGLIBDIR/pgxs/src
	command -v gcc >/dev/null || lacks "gcc" gcc libc6-dev
	echo '#include <stdio.h>' | gcc -E -x c - >/dev/null 2>&1 || lacks "stdio.h, of the C library's headers" libc6-dev
	command -v make >/dev/null || lacks "make" make
	[ -x "$SYSROOT$PG_BINDIR/postgres" ] || lacks "PostgreSQL's server ($PG_BINDIR/postgres)" ${FROM_DEBIAN:+"postgresql-$PGMAJOR"}
	[ -x "$SYSROOT$PG_BINDIR/psql" ] || lacks "psql ($PG_BINDIR/psql)" ${FROM_DEBIAN:+"postgresql-client-$PGMAJOR"}
	[ -x "$SYSROOT$PG_BINDIR/pg_config" ] ||
		lacks "pg_config ($PG_BINDIR/pg_config)" ${FROM_DEBIAN:+"postgresql-client-$PGMAJOR"}
	[ -e "$SYSROOT$PG_SERVERDIR/postgres.h" ] ||
		lacks "the server's headers ($PG_SERVERDIR/postgres.h)" ${FROM_DEBIAN:+"postgresql-server-dev-$PGMAJOR"}
	[ -e "$pgxs/Makefile.global" ] && [ -e "$pgxs/makefiles/pgxs.mk" ] ||
		lacks "the server's makefiles ($PG_PKGLIBDIR/pgxs/src/Makefile.global)" ${FROM_DEBIAN:+"postgresql-server-dev-$PGMAJOR"}
}

# missing_tests: without which tests cannot be run.
missing_tests() {
	command -v prove >/dev/null || lacks "prove" perl
	perl -MIPC::Run -e 1 2>/dev/null || lacks "Perl's IPC::Run" libipc-run-perl
	command -v python3 >/dev/null || lacks "python3" python3-minimal
	command -v patch >/dev/null || lacks "patch" patch
	[ -e "$SYSROOT$PG_INCLUDEDIR/libpq-fe.h" ] || lacks "libpq-fe.h" libpq-dev
	[ -e "$SYSROOT$PG_SHAREDIR/extension/pgtap.control" ] ||
		lacks "pgTAP" ${FROM_DEBIAN:+"postgresql-$PGMAJOR-pgtap"}
	[ -e "$SYSROOT$PG_PKGLIBDIR/pgxs/src/test/perl/PostgreSQL/Test/Cluster.pm" ] ||
		lacks "PostgreSQL::Test::Cluster" ${FROM_DEBIAN:+"postgresql-client-$PGMAJOR"}
	compgen -G "$SYSROOT/usr/lib/*/faketime/libfaketime.so.1" >/dev/null || lacks "faketime" faketime
}

# packages_of LINES: of what lacks() printed, each once.
packages_of() { cut -f 2 <<<"$1" | tr ' ' '\n' | sed '/^$/d' | sort -u; }

# explain_missing LINES: what is missing, and the package that has it.
explain_missing() {
	sed '/^$/d' <<<"$1" | awk -F '\t' '{ printf "  %s%s\n", $1, $2 == "" ? "" : " (" $2 ")" }'
}

# --- installing it ---------------------------------------------------------

# apt_update: once.  That it failed is no reason not to try with the old lists.
APT_UPDATED=
apt_update() {
	[ -z "$APT_UPDATED" ] || return 0
	APT_UPDATED=1
	say "apt-get update ..."
	apt-get -q update >"$WORK/log/apt-update" 2>&1 ||
		{ tail -n 3 "$WORK/log/apt-update"; say "apt-get update failed; trying with the lists that are there"; }
}

APT=(apt-get -q --no-install-recommends)

# apt_plan PACKAGE...: what apt would do, without doing it.  It would, with --assume-no
# and -y, or a setting of that kind.
apt_plan() { "${APT[@]}" -o APT::Get::Assume-Yes=false --assume-no install "$@" 2>&1 </dev/null || true; }

# plan_summary PLAN: its number of packages and its size, in a line.
plan_summary() {
	awk '
		/^[0-9]+ upgraded, [0-9]+ newly installed/ { upgraded = $1; new = $3 }
		/^Need to get/ { sub(/^Need to get /, ""); sub(/ of archives.*/, ""); sub(/^[^\/]*\//, ""); get = $0 }
		/^After this operation/ { sub(/^After this operation, /, ""); sub(/ of additional.*/, ""); disk = $0 }
		END {
			printf "%d package%s", new, new == 1 ? "" : "s"
			if (upgraded > 0) printf ", and %d upgraded", upgraded
			if (get != "") printf "; %s to download", get
			if (disk ~ /^[0-9]/) printf ", %s on disk", disk
			print ""
		}' <<<"$1"
}

# plan_changes PLAN HEADING: the packages that apt lists below a heading.
plan_changes() {
	awk -v heading="$2" '
		/^[^ ]/ { on = index($0, heading) == 1; next }
		on { for (i = 1; i <= NF; i++) print $i }' <<<"$1"
}

# check_plan PLAN: installing what is missing takes nothing away and restarts no
# server of the user's.
check_plan() {
	local harm servers
	harm=$(plan_changes "$1" 'The following packages will be REMOVED' | tr '\n' ' ')
	[ -z "$harm" ] || die "Installing it would remove $harm
Install it yourself."
	servers=$(plan_changes "$1" 'The following packages will be upgraded' | grep -E '^postgresql-[0-9]+$' | tr '\n' ' ') || true
	[ -z "$servers" ] || die "Installing it would upgrade $servers, and restart the servers that run from it.
Do that yourself: apt-get install $servers"
}

# no_cluster: PostgreSQL's package makes a cluster, and a service of it, when it is
# installed for the first time, unless this says that it must not.
NO_CLUSTER=/etc/postgresql-common/createcluster.d/zz-cache_strategies.conf
no_cluster() {
	mkdir -p "${NO_CLUSTER%/*}" && echo 'create_main_cluster = false' >"$NO_CLUSTER"
}

# apt_end: also at the end of a script that is ended in between; apt, which must not
# be, ignores an interrupt.
APT_RUNS=
apt_end() {
	[ -n "$APT_RUNS" ] || return 0
	# shellcheck disable=SC2046
	wait $(jobs -p) || true
	APT_RUNS=
	[ -e "$NO_CLUSTER" ] || return 0
	rm -f "$NO_CLUSTER"
	rmdir "${NO_CLUSTER%/*}" 2>/dev/null || true
}

# apt_install PACKAGE...: says what it does before it does it.
apt_install() {
	local plan status=0 log=$WORK/log/apt
	export DEBIAN_FRONTEND=noninteractive
	apt_update
	plan=$(apt_plan "$@")
	if ! grep -q ' newly installed, ' <<<"$plan"; then
		tail -n 5 <<<"$plan" | sed 's/^/  /'
		return 1
	fi
	check_plan "$plan"
	say "installing $*"
	say "  with what they need: $(plan_summary "$plan")"
	if plan_changes "$plan" 'The following NEW packages' | grep -qE '^postgresql-[0-9]+$'; then
		say "  no server is set up: the package of PostgreSQL makes no cluster, and its service starts nothing"
		no_cluster
	fi
	APT_RUNS=1
	while_it_runs "$log" "${APT[@]}" -y install "$@" || status=$?
	apt_end
	[ $status = 0 ] || tail -n 15 "$log" | sed 's/^/  /'
	return $status
}

# last_line LOG: of a compiler's command the file.
last_line() { tail -n 1 "$1" 2>/dev/null | sed -E 's/^(gcc|cc|clang) .* ([^ ]+)$/\2/' | cut -c 1-80; }

# while_it_runs LOG COMMAND...: with a sign of life every ten seconds.
while_it_runs() {
	local log=$1 pid start=$SECONDS said=$SECONDS status=0
	shift
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		sleep 0.3
		[ $((SECONDS - said)) -ge 10 ] || continue
		said=$SECONDS
		say "  ... $((SECONDS - start)) s: $(last_line "$log")"
	done
	wait $pid || status=$?
	return $status
}

# choose_available: there is no PostgreSQL here, so the packages say which there
# could be.
choose_available() {
	local major
	have_apt || die "There is no PostgreSQL $(supported_range) here.
Set PG_CONFIG to the pg_config of an installation."
	! can_install || apt_update
	major=$(available_major)
	if [ -n "$WANTED_MAJOR" ]; then
		apt-cache show "postgresql-$PGMAJOR" >/dev/null 2>&1 ||
			die "PostgreSQL $PGMAJOR is not installed, and the system's packages do not have it${major:+ (they have $major)}.
Set PGMAJOR to another version of $(supported_range), or PG_CONFIG to the pg_config of an installation."
		return 0
	fi
	[ -n "$major" ] ||
		die "There is no PostgreSQL $(supported_range) here, and none among the system's packages$(can_install || echo " as they are known here (apt-get update, as root)").
Set PG_CONFIG to the pg_config of an installation."
	debian_installation "$major"
	PG_WHY="the newest that the system's packages have"
}

# trial_build: an extension that does nothing is compiled and linked as this one
# will be, so that what is missing is said at once and in a few lines.
trial_build() {
	local dir=$WORK/trial
	rm -rf "$dir"
	mkdir "$dir"
	cat >"$dir/trial.c" <<-'C'
		#include "postgres.h"
		#include "fmgr.h"
		PG_MODULE_MAGIC;
	C
	cat >"$dir/Makefile" <<-'MAKE'
		MODULE_big = trial
		OBJS = trial.o
		PGXS := $(shell $(PG_CONFIG) --pgxs)
		include $(PGXS)
	MAKE
	chown -R "$OWNER" "$dir"
	if ! as_pg make -C "$dir" with_llvm=no PG_CONFIG="$PG_BINDIR/pg_config" >"$WORK/log/trial" 2>&1 ||
		[ ! -e "$dir/trial.so" ]; then
		compile_errors "$WORK/log/trial"
		die "An empty extension cannot be compiled and linked with $PG_BINDIR/pg_config.
$PG_BINDIR/pg_config belongs to the headers in $PG_SERVERDIR; are they, and a compiler, whole?"
	fi
	rm -rf "$dir"
}

# compile_errors LOG: what compiler, linker and make say, without the commands.
compile_errors() {
	local errors
	errors=$(awk '
		/: (fatal )?error:|: error |undefined reference|multiple definition|cannot find|^ERROR/ { print; follow = 3; next }
		/: In function/ { print; follow = 0; next }
		follow > 0 && /^ +([0-9]+ )?\|/ { print; follow--; next }
		{ follow = 0 }' "$1")
	[ -n "$errors" ] || errors=$(grep -E '\*\*\*|not found' "$1" || tail -n 15 "$1")
	head -n 40 <<<"$errors" | sed 's/^/          /'
}

# --- all of it -------------------------------------------------------------

can_install() { is_root && have_apt; }

# of_tests LINES: the packages that tests need and that the package lists have.
of_tests() {
	local package
	for package in $(packages_of "$1"); do
		! apt-cache show "$package" >/dev/null 2>&1 || echo "$package"
	done
}

# install_lines BUILD TESTS: what missing_build() and missing_tests() printed.
install_lines() {
	local packages
	if [ -n "$1" ]; then
		[ -n "$FROM_DEBIAN" ] ||
			die "The installation in $PG_BINDIR ($PG_WHY) is not whole, or is one for clients."
		can_install || die "Install it, as root:
  apt-get install --no-install-recommends $(packages_of "$1"$'\n'"$2" | paste -sd ' ')
or run this as root, which does so."
	fi
	can_install || { say "The tests that need it are skipped."; return; }
	apt_update
	# shellcheck disable=SC2046
	set -- "$1" $(packages_of "$1") $(of_tests "$2")
	[ $# -gt 1 ] || return 0
	apt_install "${@:2}" || [ -z "$1" ] || die "apt-get failed."
}

# install_missing [demo]: all that is needed is there afterwards, or this ends with
# a message.  Of what only tests need (the demo does not), MISSING_TESTS has what
# could not be had.
MISSING_TESTS=
install_missing() {
	local build tests=''
	check_work
	choose_installation || choose_available
	build=$(missing_build)
	[ "${1:-}" = demo ] || tests=$(missing_tests)
	if [ -n "$build$tests" ]; then
		say "missing:"
		explain_missing "$build"$'\n'"$tests"
		install_lines "$build" "$tests"
		build=$(missing_build)
		[ -z "$build" ] || die "Still missing, although its package is installed:
$(explain_missing "$build")"
		[ "${1:-}" = demo ] || MISSING_TESTS=$(missing_tests)
	fi
	choose_owner
	chown "$OWNER" "$WORK" "$WORK/log"
	mkdir -p -m 1777 "$WORK/tmp"
	check_versions
	trial_build
	make_socket_root
}

# cannot WHAT: the reason why tests that need it are skipped; false when it is there.
cannot() { grep -F "$1" <<<"$MISSING_TESTS" | cut -f 1 | sed 's/$/ is not installed/' | grep .; }
