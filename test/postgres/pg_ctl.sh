#!/bin/bash
#
# In place of pg_ctl, while TAP tests of PostgreSQL run: what the cache counted is written
# to $CS_COUNTS before a server is stopped, if it can be asked, and how many of the rows
# that are cached are those of their tables, and are not.  See suites.sh.

if [ -n "${CS_COUNTS:-}" ] && [[ " $* " == *" stop "* ]]; then
	case $CS_KIND in
		auto) query="SELECT sum(hits), sum(misses), sum(sets) FROM cache.space_stats" ;;
		attached)
			query="SELECT hits + absent_hits, misses, bypasses, v.* FROM cache.stats,
				(SELECT sum(v.verified), sum(v.mismatched) FROM cache.bindings b, cache.verify(b.relation) v) v"
			;;
	esac
	timeout 5 "${0%/*}/psql" -XAtq -F ' ' -d postgres -c "$query" >>"$CS_COUNTS" 2>/dev/null </dev/null
fi
exec "$0.real" "$@"
