# shellcheck shell=bash
#
# Debian's packages of what tests run beside the server: installed, if root runs them,
# without the services that they would start.  Needs test/lib.sh.

# To PGXS the setting says that what is built is not installed.
LEAVE=${NO_INSTALL:-}
unset NO_INSTALL

# Services are only unpacked as long as this says so.
POLICY=/usr/sbin/policy-rc.d
without_services() {
	[ ! -e "$POLICY" ] || return 0
	printf '#!/bin/sh\n# of cache_strategies tests\nexit 101\n' >"$POLICY"
	chmod 755 "$POLICY"
}

with_services() {
	! grep -qs 'of cache_strategies tests' "$POLICY" || rm -f "$POLICY"
}

package_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# install_services PACKAGE...: false, and a message, when they are not there afterwards.
install_services() {
	local status=0
	if [ -n "$LEAVE" ] || ! can_install; then
		say "not installed: $*"
		return 1
	fi
	without_services
	apt_install "$@" || status=$?
	with_services
	return $status
}

free_port() {
	local port
	while port=$((RANDOM % 20000 + 20000)) && (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
	echo $port
}
