# shellcheck shell=bash
#
# Sessions that stay open: psql behind a pair of pipes each.

SESSIONS=$(mktemp -d)
declare -A TO FROM PID

# Further arguments are psql's.
# shellcheck disable=SC2120
psql_() { psql -XqAt -F $'\t' -v ON_ERROR_STOP=0 -v VERBOSITY=terse "$@" 2>&1; }

# open NAME
open() {
	local in out
	mkfifo "$SESSIONS/$1.in" "$SESSIONS/$1.out"
	(
		# or the other sessions would not see the end of their input
		for fd in "${TO[@]}" "${FROM[@]}"; do exec {fd}>&-; done
		# shellcheck disable=SC2119
		psql_ <"$SESSIONS/$1.in" >"$SESSIONS/$1.out"
	) &
	PID[$1]=$!
	exec {in}>"$SESSIONS/$1.in" {out}<"$SESSIONS/$1.out"
	TO[$1]=$in FROM[$1]=$out
}

# ask NAME SQL: run it and print what it returns; an error ends the demo.
ask() {
	local line failed=
	printf '%s;\n\\echo <end>\n' "$2" >&"${TO[$1]}"
	while IFS= read -r line <&"${FROM[$1]}"; do
		[ "$line" != '<end>' ] || { [ -z "$failed" ]; return; }
		case $line in
			ERROR:* | FATAL:*) failed=1; printf '%s\n  in: %s\n' "$line" "$2" >&2 ;;
			*) printf '%s\n' "$line" ;;
		esac
	done
	printf 'session %s has ended\n  in: %s\n' "$1" "$2" >&2
	return 1
}

# close NAME: it can be opened again.
close() {
	local in=${TO[$1]} out=${FROM[$1]}
	exec {in}>&-
	wait "${PID[$1]}" || true
	exec {out}<&-
	rm "$SESSIONS/$1.in" "$SESSIONS/$1.out"
	unset "PID[$1]" "TO[$1]" "FROM[$1]"
}

# Whatever happens, no psql and no pipe is left behind.
close_all() {
	local name
	for name in "${!PID[@]}"; do close "$name"; done
	rm -rf "$SESSIONS"
}
