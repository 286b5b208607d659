# shellcheck shell=bash
#
# Source packages as Debian has them: that of PostgreSQL, PGMAJOR's or 15's, or another,
# the newest that the machine's mirrors have.  Their signed indexes are read into a
# directory of its own, and the machine's package lists are left alone.
#
# $CACHE is that directory, $SOURCE where it is unpacked, $MAJOR which PostgreSQL.

# apt of the user of the servers, with state, lists and sources of its own.
apt_private() {
	as_pg "$1" -q -o Dir::State="$CACHE/apt/state" -o Dir::State::status=/var/lib/dpkg/status \
		-o Dir::Cache="$CACHE/apt/cache" -o Dir::Etc::sourcelist="$CACHE/apt/sources.list" \
		-o Dir::Etc::sourceparts=/dev/null "${@:2}"
}

# source_lists: where apt finds Debian's sources.
source_lists() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg uri name signed=''
	[ ! -e $keyring ] || signed="[signed-by=$keyring] "
	while read -r uri name; do
		echo "deb-src $signed$uri $name main"
	done < <(origins)
}

# get_source [PACKAGE]: unpacks the newest that can be had; an index may name a package
# that the mirror does not hold.
get_source() {
	local log=$CACHE/log/source package=${1:-postgresql-$MAJOR} version
	[ ! -e "$SOURCE/.complete" ] || return 0
	say "source package $package ..."
	[ -n "$(origins)" ] || apt_update
	as_pg mkdir -p "$CACHE"/apt/{state/lists,cache/archives}/partial
	source_lists >"$CACHE/apt/sources.list"
	[ -s "$CACHE/apt/sources.list" ] || die "apt here has no packages of Debian, of which there could be sources."
	apt_private apt-get update >"$log" 2>&1 || { tail -n 5 "$log" >&2; die "The indexes of sources cannot be had."; }
	for version in $(apt_private apt-cache showsrc "$package" | sed -n 's/^Version: //p' | sort -ruV); do
		as_pg rm -rf "$CACHE/package"
		as_pg mkdir "$CACHE/package"
		if (cd "$CACHE/package" && apt_private apt-get source --download-only "$package=$version") >>"$log" 2>&1; then
			as_pg rm -rf "$SOURCE"
			(cd "$CACHE/package" && as_pg dpkg-source --no-check --no-copy -x ./*.dsc "$SOURCE") >>"$log" 2>&1 ||
				{ tail -n 5 "$log" >&2; die "The source package cannot be unpacked."; }
			echo "$version" | as_pg tee "$SOURCE/.complete" >/dev/null
			return
		fi
		say "  $version: $(sed -nE 's/^E: Failed to fetch [a-z]+:[^ ]+ +//p' "$log" | tail -n 1)"
	done
	die "The source of $package cannot be had: see $log."
}
