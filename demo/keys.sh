# shellcheck shell=bash
#
# The steps of the demo about keys and values, and remembered queries; demo/run
# has the functions.  Counted here are the hits, misses and sets of all spaces.

title "Keys and values"
text "A space has memory of its own, a ttl, and grants. What is set is part of the transaction, unless it" \
	"is immediate."
get="SELECT cache.get('s1', space => 'sessions')"
step A '' '' "SELECT cache.create_space('sessions', ttl => '30 min')"
step A '' '' "SELECT cache.set('s1', 'Ada', space => 'sessions')" true '' 'sets +1'
step B '' '' "$get" Ada '' 'hits +1'
control A '' "BEGIN"
inside A '' '' "SELECT cache.set('s1', 'Grace', space => 'sessions')" true
inside A '' '' "$get" Grace
step B '' '' "$get" Ada '' 'hits +1'
control A '' "ROLLBACK"
step A '' '' "$get" Ada '' 'hits +1'

part "Several keys and a table change in the same instant. B looks at the keys just before the commit, and" \
	"just after it."
both="SELECT count(*) FROM cache.get_many(ARRAY['s2', 's3'], space => 'sessions')"
control A '' "BEGIN"
inside A '' '' "UPDATE pgbench_branches SET bbalance = 1 WHERE bid = 1" 'done'
inside A '' '' "SELECT cache.set_many(ARRAY['s2', 's3'], ARRAY['Barbara', 'Edsger'], space => 'sessions')" 2
step B '' '' "$both" 0 '' 'misses +2'
control A '' "COMMIT" 'sets +2'
step B '' '' "$both" 2 '' 'hits +2'

if full; then
	part "Expired is gone; and a tag ends all values that carry it."
	step A '' '' "SELECT cache.expire('s1', '1 ms', space => 'sessions')" true
	wait_for 'the end of a millisecond' "SELECT NOT cache.exists('s1', space => 'sessions')"
	step A '' '' "$get" 'no row' '' 'misses +1'
	step A '' '' "SELECT cache.set('s4', 'Ada', tags => '{ada}', space => 'sessions')" true
	step A '' '' "SELECT cache.set('s5', 'Ada', tags => '{ada}', space => 'sessions')" true
	step A '' '' "SELECT cache.invalidate_tag('ada', space => 'sessions')"
	step A '' '' "SELECT cache.exists('s4', space => 'sessions') OR cache.exists('s5', space => 'sessions')" false
fi

title "A rate limiter"
text "Three requests an hour for each client. The counter is immediate: a request counts although its" \
	"transaction is rolled back, and no session waits for the transaction of another."
limiter="CREATE FUNCTION allowed(client text) RETURNS boolean LANGUAGE sql RETURN cache.incr(client, ttl => '1 h', immediate => true) <= 3"
statement A "$limiter"
quietly A "$limiter" "SELECT allowed('somebody')"
allowed="SELECT allowed('10.0.0.1')"
step A '' '' "$allowed" true
control A '' "BEGIN"
inside A '' '' "$allowed" true
control A '' "ROLLBACK"
step A '' '' "$allowed" true
step A '' '' "$allowed" false
text "The end of the hour, brought forward."
step A '' '' "SELECT cache.expire('10.0.0.1', '1 ms', immediate => true)" true
wait_for 'the end of a millisecond' "SELECT NOT cache.exists('10.0.0.1')"
step A '' '' "$allowed" true
if full; then
	clients requests "SELECT cache.incr('requests', immediate => true);"
	value=$(ask A "SELECT cache.get('requests')")
	part "8 clients count in one key for some seconds, each with SELECT cache.incr('requests', immediate => true):"
	printf '\n'
	table "SELECT * FROM (VALUES
		('increments that were acknowledged', '$TRANSACTIONS'),
		('value of the key', '$value'),
		('a second', '$TPS')) v" 2
	expect 'value of the key' 'a count by 8 clients' "$TRANSACTIONS" "$value"
fi

title "remember: the result of a query"
text "Kept until one of its tables changes. They are found in the query, and have to be tracked, which is" \
	"one trigger for each statement that changes them; attached tables are."
step A '' '' "SELECT cache.track('pgbench_branches')"
report="SELECT cache.remember(NULL::bigint, 'total', '1 hour', 'SELECT sum(abalance) FROM pgbench_accounts JOIN pgbench_branches USING (bid)')"
plain_report() { ask A "SELECT sum(abalance) FROM pgbench_accounts JOIN pgbench_branches USING (bid)"; }
total=$(plain_report)
more=$((total + 1000000))
step A '' '' "$report" "$total" '' 'misses +1, sets +1'
first_us=$US
step A '' '' "$report" "$total" '' 'hits +1'
again_us=$US
step B '' '' "$report" "$total" '' 'hits +1'
part "It falls at the commit of a change. A transaction that has changed a table sees its own change."
control A '' "BEGIN"
inside A '' '' "UPDATE pgbench_accounts SET abalance = abalance + 1000000 WHERE aid = 70001" 'done'
inside A '' '' "$report" "$more"
step B '' '' "$report" "$total" '' 'hits +1'
control A '' "COMMIT"
step B '' '' "$report" "$more" '' 'misses +1, sets +1'
step A '' '' "$report" "$more" '' 'hits +1'
if full; then
	part "Changes of other tables do not matter."
	step B '' '' "UPDATE pgbench_tellers SET tbalance = 0 WHERE tid = 7" 'done'
	step A '' '' "$report" "$more" '' 'hits +1'
fi
part "It falls again, and 8 sessions ask for it at the same moment. Counted over all of them:"
step B '' '' "UPDATE pgbench_branches SET bbalance = 0 WHERE bid = 1" 'done'
at_once '' "SELECT 1" "$report"
printf '%*s[%s]\n' "$INDENT" '' "$COUNTED"
expect 'change of the counters' 'a crowd that asks for a result' 'hits +7, misses +1, sets +1' "$COUNTED"
