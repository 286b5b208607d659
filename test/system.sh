# shellcheck shell=bash
#
# Whole Debian systems below a directory, for test/fresh and test/compat: made by
# debootstrap from where this machine's apt gets its packages, and run in namespaces
# of their own, with which all mounts and processes go.
#
# Needs root, and test/prerequisites.sh.  MIRROR is where to get Debian from, if not
# from where this machine does; STALE_MIRROR=1 accepts one whose (signed) index has
# passed its date.

# cannot_make_systems: the reason, if so.
cannot_make_systems() {
	is_root || { echo "debootstrap and chroot need root"; return; }
	command -v debootstrap >/dev/null || { can_install && apt_install debootstrap >&2; } ||
		{ echo "debootstrap is not installed"; return; }
	unshare --mount --pid --fork true 2>/dev/null || { echo "this machine does not let root make namespaces"; return; }
}

# origins: where apt gets this machine's Debian from: URI and code name, as in
# bookworm or bookworm-security.
origins() {
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(CODENAME)' 'Created-By: Packages' 2>/dev/null |
		awk '$1 == "Debian" { print $2, $3 }' | sort -u
}

# mirror [-security]: the URI for the packages of a release, or for its updates.
mirror() {
	local here
	here=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	if [ -z "${1:-}" ] && [ -n "${MIRROR:-}" ]; then
		echo "$MIRROR"
	else
		origins | awk -v name="$here${1:-}" '$2 == name { print $1; exit }'
	fi
}

# sources SUITE: a sources.list.
sources() {
	echo "deb $(mirror) $1 main"
	[ "$1" = sid ] || [ -z "$(mirror -security)" ] || echo "deb $(mirror -security) $1-security main"
}

# lock_cache: apt, too, would not share the packages with another run.
lock_cache() {
	exec 8>"$CACHE/lock"
	flock -n 8 || die "Another run uses $CACHE; wait for it, or set TMPDIR."
}

# make_base SUITE: the packed system $CACHE/SUITE.tar, unless it is there.
make_base() {
	local suite=$1 root=$CACHE/$1 options=(--variant=minbase)
	mkdir -p "$CACHE/debs-$suite/partial"
	[ ! -e "$CACHE/$suite.tar" ] || return 0
	[ -n "$(origins)" ] || apt_update
	[[ $(mirror) != https:* ]] || options+=(--include=ca-certificates)
	rm -rf "$root"
	say "debootstrap $suite ..."
	# The mirror is empty, and then debootstrap takes its own, on other systems than Debian.
	# shellcheck disable=SC2046
	while_it_runs "$CACHE/$suite.log" debootstrap "${options[@]}" "$suite" "$root" $(mirror) ||
		{ tail -n 5 "$CACHE/$suite.log"; return 1; }
	[ -z "$(mirror)" ] || sources "$suite" >"$root/etc/apt/sources.list"
	apt-config dump Acquire::http::Proxy Acquire::https::Proxy Acquire::Check-Valid-Until 2>/dev/null |
		grep -v '""' >"$root/etc/apt/apt.conf.d/90machine" || true
	[ -z "${STALE_MIRROR:-}" ] || echo 'Acquire::Check-Valid-Until "false";' >>"$root/etc/apt/apt.conf.d/90machine"
	# No service is started when its package is installed.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
	tar -C "$root" -cf "$CACHE/$suite.tar.new" .
	mv "$CACHE/$suite.tar.new" "$CACHE/$suite.tar"
	rm -rf "$root"
}

# unpack_base SUITE ROOT
unpack_base() {
	mkdir -p "$2"
	tar -C "$2" -xpf "$CACHE/$1.tar"
	cp -L /etc/resolv.conf "$2/etc/resolv.conf" 2>/dev/null || true
	cp -L /etc/hosts "$2/etc/hosts" 2>/dev/null || true
}

# in_system SUITE ROOT COMMAND...: packages are fetched once for all systems of the
# same release.
in_system() {
	local suite=$1 root=$2
	shift 2
	# shellcheck disable=SC2016
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root TERM=dumb \
		unshare --mount --pid --fork --kill-child bash -c '
			set -e
			root=$1 debs=$2
			shift 2
			mount -t proc proc "$root/proc"
			mkdir -p "$root/dev/shm"
			mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
			mkdir -p "$root/dev/pts"
			mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts" 2>/dev/null || true
			mount --bind "$debs" "$root/var/cache/apt/archives"
			exec chroot "$root" "$@"' bash "$root" "$CACHE/debs-$suite" "$@"
}
