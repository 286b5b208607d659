# shellcheck shell=bash
#
# The steps of the demo about keys and values, and remembered queries; demo/run
# has the functions.  Counted here are the hits, misses and sets of all spaces.

title "Keys and values"
text "A space has memory of its own, a ttl, and grants. What is set is part of the transaction, unless it" \
	"is immediate."
step A '' '' "SELECT cache.create_space('sessions', ttl => '30 min')"
step A '' '' "SELECT cache.set('s1', 'Ada', space => 'sessions')"
step B '' '' "SELECT cache.get('s1', space => 'sessions')"
control A '' "BEGIN"
inside A '' '' "SELECT cache.set('s1', 'Grace', space => 'sessions')"
inside A '' '' "SELECT cache.get('s1', space => 'sessions')"
step B '' '' "SELECT cache.get('s1', space => 'sessions')"
control A '' "ROLLBACK"
step A '' '' "SELECT cache.get('s1', space => 'sessions')"

part "Several keys and a table change in the same instant. B looks at the keys just before the commit, and" \
	"just after it."
control A '' "BEGIN"
inside A '' '' "UPDATE pgbench_branches SET bbalance = 1 WHERE bid = 1"
inside A '' '' "SELECT cache.set_many(ARRAY['s2', 's3'], ARRAY['Barbara', 'Edsger'], space => 'sessions')"
step B '' '' "SELECT count(*) FROM cache.get_many(ARRAY['s2', 's3'], space => 'sessions')"
control A '' "COMMIT"
step B '' '' "SELECT count(*) FROM cache.get_many(ARRAY['s2', 's3'], space => 'sessions')"

part "Expired is gone; and a tag ends all values that carry it."
step A '' '' "SELECT cache.expire('s1', '0.2 s', space => 'sessions')"
control A '' "SELECT pg_sleep(0.2)"
step A '' '' "SELECT cache.get('s1', space => 'sessions')"
step A '' '' "SELECT cache.set('s4', 'Ada', tags => '{ada}', space => 'sessions')"
step A '' '' "SELECT cache.set('s5', 'Ada', tags => '{ada}', space => 'sessions')"
step A '' '' "SELECT cache.invalidate_tag('ada', space => 'sessions')"
step A '' '' "SELECT cache.exists('s4', space => 'sessions') OR cache.exists('s5', space => 'sessions')"

title "A rate limiter"
text "Three requests a second for each client. The counter is immediate: a request counts although its" \
	"transaction is rolled back, and nobody waits for the transaction of another."
statement A "CREATE FUNCTION allowed(client text) RETURNS boolean LANGUAGE sql RETURN cache.incr(client, ttl => '1 s', immediate => true) <= 3"
quietly A "CREATE FUNCTION allowed(client text) RETURNS boolean LANGUAGE sql RETURN cache.incr(client, ttl => '1 s', immediate => true) <= 3" \
	"SELECT allowed('somebody')"
step A '' '' "SELECT allowed('10.0.0.1')"
control A '' "BEGIN"
inside A '' '' "SELECT allowed('10.0.0.1')"
control A '' "ROLLBACK"
step A '' '' "SELECT allowed('10.0.0.1')"
step A '' '' "SELECT allowed('10.0.0.1')"
control A '' "SELECT pg_sleep(1)"
step A '' '' "SELECT allowed('10.0.0.1')"
printf '%s;\n' "SELECT cache.incr('requests', immediate => true)" >"$SESSIONS/incr.sql"
pgbench -n -M prepared -c 8 -j 2 -T 2 -f "$SESSIONS/incr.sql" >"$SESSIONS/clients" 2>"$SESSIONS/log" ||
	{ cat "$SESSIONS/log" >&2; exit 1; }
part "8 clients count in one key for 2 seconds, each with SELECT cache.incr('requests', immediate => true):"
printf '\n'
table "SELECT * FROM (VALUES
	('increments that were acknowledged', '$(awk -F ': ' '/^number of transactions actually processed/ { printf "%d", $2 }' "$SESSIONS/clients")'),
	('value of the key', cache.get('requests')),
	('a second', '$(awk '/^tps/ { printf "%d", $3 }' "$SESSIONS/clients")')) v" 2

title "remember: the result of a query"
text "Kept until one of its tables changes. They are found in the query, and have to be tracked, which is" \
	"one trigger for each statement that changes them; attached tables are."
step A '' '' "SELECT cache.track('pgbench_branches')"
report="SELECT cache.remember(NULL::bigint, 'total', '1 hour', 'SELECT sum(abalance) FROM pgbench_accounts JOIN pgbench_branches USING (bid)')"
step A '' '' "$report"
step A '' '' "$report"
step B '' '' "$report"
part "It falls at the commit of a change. A transaction that has changed a table sees its own change."
control A '' "BEGIN"
inside A '' '' "UPDATE pgbench_accounts SET abalance = abalance + 1000000 WHERE aid = 700001"
inside A '' '' "$report"
step B '' '' "$report"
control A '' "COMMIT"
step B '' '' "$report"
step A '' '' "$report"
part "Changes of other tables do not matter."
step B '' '' "UPDATE pgbench_tellers SET tbalance = 0 WHERE tid = 7"
step A '' '' "$report"
part "It falls again, and 8 sessions ask for it at the same moment. Counted over all of them:"
step B '' '' "UPDATE pgbench_branches SET bbalance = 0 WHERE bid = 1"
printf '%*s[%s]\n' "$INDENT" '' "$(at_once '' "SELECT 1" "$report")"
