#!/bin/bash
#
# In place of initdb, while TAP tests of PostgreSQL run: what is in $CS_SQL is executed in
# template1 and postgres of the new cluster.  See suites.sh.

"$0.real" "$@" || exit
[ -s "${CS_SQL:-}" ] || exit 0
while [ $# -gt 0 ]; do
	case $1 in
		-D | --pgdata) data=$2 ;;
		--pgdata=*) data=${1#*=} ;;
	esac
	shift
done
for database in template1 postgres; do
	"${0%/*}/postgres" --single -j -F -D "$data" -c shared_preload_libraries=cache_strategies \
		"$database" <"$CS_SQL" >/dev/null || exit
done
