# shellcheck shell=bash
#
# What test/run counts and prints: results by stage, signs of life, the summary.

PASSED=0 FAILED=0 SKIPPED=0				# of the stage
TOTAL_PASSED=0 TOTAL_FAILED=0 TOTAL_SKIPPED=0
TABLE=()
REASONS=()								# of what was skipped
FAILURES=()
STAGE='' STAGE_START=0
SUMMARIZED=

# --- counting --------------------------------------------------------------

# Overrides that of test/prerequisites.sh.
say() {
	printf '%s\n' "$*"
	[ ! -d "${WORK:-}" ] || : >"$WORK/said"
}

pass() { PASSED=$((PASSED + ${2:-1})); say "  ok      $1"; }
fail() {
	FAILED=$((FAILED + ${2:-1}))
	FAILURES+=("$STAGE: $1")
	say "  FAILED  $1"
}
skip() {
	SKIPPED=$((SKIPPED + ${3:-1}))
	REASONS+=("$1: $2")
	say "  skipped $1: $2"
}

# The end of a log, for a failure.
show() { tail -n "${2:-40}" "$1" 2>/dev/null | sed 's/^/          /'; }

run_stage() {
	STAGE=$1 STAGE_START=$SECONDS PASSED=0 FAILED=0 SKIPPED=0
	say "== $STAGE"
	"stage_$STAGE"
	end_stage
}

end_stage() {
	[ -n "$STAGE" ] || return 0
	TABLE+=("$(printf '%-10s %7d %7d %8d %6d s' "$STAGE" "$PASSED" "$FAILED" "$SKIPPED" $((SECONDS - STAGE_START)))")
	TOTAL_PASSED=$((TOTAL_PASSED + PASSED))
	TOTAL_FAILED=$((TOTAL_FAILED + FAILED))
	TOTAL_SKIPPED=$((TOTAL_SKIPPED + SKIPPED))
	STAGE=''
}

# summary [HOW]: also of what was cut short, and how.
summary() {
	local stage=$STAGE
	[ -z "$SUMMARIZED" ] || return 0
	SUMMARIZED=1
	end_stage
	say
	printf '%-10s %7s %7s %8s %8s\n' stage passed failed skipped time
	[ ${#TABLE[@]} = 0 ] || printf '%s\n' "${TABLE[@]}"
	if [ ${#REASONS[@]} -gt 0 ]; then
		say
		say "skipped:"
		printf '  %s\n' "${REASONS[@]}"
	fi
	if [ ${#FAILURES[@]} -gt 0 ]; then
		say
		say "failed:"
		printf '  %s\n' "${FAILURES[@]}"
	fi
	if [ "$TOTAL_FAILED" -gt 0 ] || [ -n "${1:-}" ]; then
		say
		say "logs: $WORK/log, $WORK/cluster/*/log, $WORK/tap"
	fi
	if [ ${#LEFT_OUT[@]} -gt 0 ]; then
		say
		say "$([ -n "$FULL" ] && echo 'not run:' || echo 'not in the short form; make check FULL=1 runs it:')"
		printf '  %s\n' "${LEFT_OUT[@]}"
	fi
	say
	[ -z "${1:-}" ] || say "$1${stage:+ in the stage $stage}: what follows is what had been counted"
	if [ "$TOTAL_SKIPPED" -gt 0 ]; then
		say "$TOTAL_PASSED passed, $TOTAL_FAILED failed, $TOTAL_SKIPPED skipped"
	else
		say "$TOTAL_PASSED passed, $TOTAL_FAILED failed"
	fi
}

# --- signs of life ---------------------------------------------------------

# doing: what runs now, in a line.  $WORK/doing is about a log, $WORK/running has a
# file for each of several that run side by side.
doing() {
	local what log now item text=''
	now=$(date +%s)
	{ read -r what && read -r log; } <"$WORK/doing" 2>/dev/null || return 0
	for item in "$WORK"/running/*; do
		[ ! -e "$item" ] || text+="${text:+, }${item##*/} $((now - $(stat -c %Y "$item"))) s"
	done
	[ -n "$text" ] || text=$(last_line "$log")
	echo "  ...     $what: $text"
}

# ticker: in the background; says what runs when nothing else has been said for ten
# seconds.
ticker() {
	trap - EXIT INT TERM
	while kill -0 $$ 2>/dev/null; do
		sleep 4 >/dev/null 2>&1
		[ $(($(date +%s) - $(stat -c %Y "$WORK/said"))) -ge 10 ] || continue
		say "$(doing)"
	done 2>/dev/null
}

# note WHAT LOG: what the ticker is to say.
note() { printf '%s\n' "$@" >"$WORK/doing"; }

# --- running things --------------------------------------------------------

# limited SECONDS LOG COMMAND...: in the background, so that an interrupt is
# noticed at once.
limited() {
	local seconds=$1 log=$2
	shift 2
	note "$STAGE" "$log"
	(
		LIMIT=(timeout -k 10 "$seconds")
		"$@"
	) >"$log" 2>&1 </dev/null &
	wait $!
}

# pool FUNCTION REPORT ITEM...: some more at a time than there are processors, as
# they wait now and then.  REPORT is called for each when it has ended, with its
# name, its status, its log and how long it took.
declare -A RUNNING=() STARTED=()
pool() {
	local function=$1 report=$2 item done=0 total=$(($# - 2))
	shift 2
	for item; do
		[ ${#RUNNING[@]} -lt $(($(nproc) * 3 / 2)) ] || reap "$report"
		note "$STAGE ($done of $total)" /dev/null
		: >"$WORK/running/$item"
		(
			status=0
			LIMIT=(timeout -k 10 "$LIMIT_TEST")
			"$function" "$item" || status=$?
			echo $status >"$WORK/log/$STAGE-$item.status"
		) >"$WORK/log/$STAGE-$item" 2>&1 </dev/null &
		RUNNING[$!]=$item
		STARTED[$!]=$SECONDS
	done
	while [ ${#RUNNING[@]} -gt 0 ]; do
		note "$STAGE ($done of $total)" /dev/null
		reap "$report"
	done
}

# reap REPORT: wait until one of the pool, or more, have ended.
reap() {
	local pid item log status found=''
	while [ -z "$found" ]; do
		wait -n "${!RUNNING[@]}" 2>/dev/null || true
		for pid in "${!RUNNING[@]}"; do
			! kill -0 "$pid" 2>/dev/null || continue
			item=${RUNNING[$pid]} log=$WORK/log/$STAGE-${RUNNING[$pid]} found=1
			status=$(cat "$log.status" 2>/dev/null || echo 1)
			rm -f "$WORK/running/$item" "$log.status"
			done=$((done + 1))
			"$1" "$item" "$status" "$log" $((SECONDS - STARTED[$pid]))
			unset "RUNNING[$pid]" "STARTED[$pid]"
		done
	done
}

# --- counting what others print --------------------------------------------

# count_regress STATUS LOG DIFFS: pg_regress prints "test NAME ... ok" up to 15,
# TAP from 16 on.
count_regress() {
	local status=$1 log=$2 diffs=$3 verdict name failed=$FAILED
	while read -r verdict name; do
		if [ "$verdict" = ok ]; then pass "$name"; else fail "$name"; fi
	done < <(sed -nE \
		-e 's/^(test)? +([^ ]+) +\.\.\. (ok|FAILED).*/\3 \2/p' \
		-e 's/^ok +[0-9]+ +[-+] ([^ ]+).*/ok \1/p' \
		-e 's/^not ok +[0-9]+ +[-+] ([^ ]+).*/FAILED \1/p' "$log")
	if [ "$status" != 0 ] && [ "$FAILED" = "$failed" ]; then
		fail "pg_regress ended with status $status"
		show "$log" 20
	fi
	if [ "$FAILED" != "$failed" ] && [ -e "$diffs" ]; then
		cp "$diffs" "$log.diffs"
		show "$diffs" 100
	fi
}

# count_program NAME STATUS LOG: of one program, whose last line says what it has done.
count_program() {
	if [ "$2" = 0 ]; then
		pass "$1: $(tail -n 1 "$3")"
	else
		fail "$1"
		show "$3"
	fi
}

# count_tap NAME STATUS LOG [SECONDS]: of one program, or of one file run with
# prove -v.
count_tap() {
	local name=$1 status=$2 log=$3 took=${4:+, $4 s} ok bad skipped reason
	# the second as prove prints it from Perl 5.40 on
	reason=$(sed -nE -e 's/^1\.\.0 # (SKIP|skip)[: ]*//p' -e 's/^[^ ]+\.pl \.+ skipped: //p' "$log" | head -n 1)
	if [ "$status" = 0 ] && [ -n "$reason" ]; then
		skip "$name" "$reason"
		return
	fi
	skipped=$(grep -ciE '^ok [-0-9].*# skip' "$log" || true)
	ok=$(($(grep -cE '^ok [-0-9]' "$log" || true) - skipped))
	bad=$(grep -E '^not ok [-0-9]' "$log" | grep -civ '# todo' || true)
	[ "$skipped" = 0 ] ||
		skip "$name" "$(sed -nE 's/^ok [-0-9].*# (skip|SKIP) *//p' "$log" | sort -u | paste -sd ';')" "$skipped"
	if [ "$status" != 0 ] || [ "$bad" != 0 ]; then
		PASSED=$((PASSED + ok))
		[ "$bad" -gt 0 ] || bad=1
		fail "$name ($bad of $((ok + bad))$took)" "$bad"
		grep -E '^not ok|^#' "$log" | head -n 40 | sed 's/^/          /' || true
		grep -q '^not ok' "$log" || show "$log" 15
	elif [ "$ok" -gt 0 ]; then
		pass "$name ($ok$took)" "$ok"
	elif [ "$skipped" = 0 ]; then
		fail "$name (no tests$took)"
	fi
}
