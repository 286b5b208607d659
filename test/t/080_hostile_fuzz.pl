
# Every function of the schema, called by an ordinary role with NULLs, wrong and
# extreme values, while tables change under it: nothing crashes, no error of these
# functions is an internal one, and no role becomes a superuser.
#
# Another session drops and alters the same tables.  PostgreSQL has internal errors for
# what is gone between two looks.  They are allowed for the fuzzer's own DDL, and where
# they are raised by what PostgreSQL does with the text of a statement by itself: when
# it looks up the columns of a row type in parse analysis, nothing of the extension
# has run.  Backtraces tell.
#
# CS_FUZZ_SECONDS (10) and CS_FUZZ_SEED are how long and what.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seconds = $ENV{CS_FUZZ_SECONDS} // 10;
my $seed = $ENV{CS_FUZZ_SEED} // int(rand(1 << 31));

# Functions of PostgreSQL's that raise internal errors when something is gone.
my @internal = qw(relation_open index_open try_relation_open load_typcache_tupdesc load_rangetype_info load_enum_cache_data load_domaintype_info lookup_type_cache lookup_rowtype_tupdesc_internal
	fmgr_info_cxt_security func_parallel func_volatile func_strict get_func_support get_func_namespace get_func_rettype getTypeInputInfo getTypeOutputInfo getTypeBinaryOutputInfo get_type_io_data get_typlenbyval
	TupleDescInitEntry pg_type_aclmask typeidTypeRelid get_typdefault getTypeBinaryInputInfo TypeIsVisible LookupTypeNameExtended map_sql_type_to_xml_name
	get_typlenbyvalalign get_attname get_atttype get_atttypetypmodcoll getBaseTypeAndTypmod getBaseType format_type_extended get_type_category_preferred get_typtype init_sql_fcache pg_get_indexdef_worker
	inline_function simplify_function expand_function_arguments estimate_rel_size get_relation_info RelationIdGetRelation RelationBuildTupleDesc ScanPgRelation IndexSupportInitialize
	internal_get_result_type resolve_polymorphic_tupdesc build_function_result_tupdesc_t contain_volatile_functions add_function_cost get_expr_result_type typenameTypeId typeidType typeTypeRelid typeOrDomainTypeRelid
	simple_heap_update simple_heap_delete simple_heap_insert heap_update heap_delete do_compile plpgsql_compile build_datatype plpgsql_build_datatype cs_parts_owner enum_out range_get_typcache format_procedure_extended);
my $node = new_node('main', "log_statement = none", 'cache_strategies.worker_timeout = ' . 1000 * $slowness, 'cache_strategies.memory = 8MB',
	'log_min_messages = warning', q(log_line_prefix = '%e '),
	"backtrace_functions = '" . join(',', @internal) . "'");

srand($seed);
note "CS_FUZZ_SEED=$seed";
add_extension($node);
$node->safe_psql('postgres', q(
	CREATE ROLE r_low LOGIN;
	CREATE ROLE r_other LOGIN;
	CREATE SCHEMA m AUTHORIZATION r_low;
	ALTER ROLE r_low SET search_path = m;
	CREATE TABLE public.closed (id int PRIMARY KEY, v text);
	SELECT cache.attach('public.closed');
	SELECT cache.create_space('closed');
));

# What a round begins with, as one session: two that replace a function at once get XX000
# from PostgreSQL itself. It is made again when the fuzzer has dropped it.
my $tables = q(
	CREATE TABLE IF NOT EXISTS m.a (id int PRIMARY KEY, v text, n int DEFAULT 0, f float8);
	CREATE TABLE IF NOT EXISTS m.w (id int PRIMARY KEY, n bigint DEFAULT 0, v text, x numeric, at timestamptz, l text[]);
	CREATE TABLE IF NOT EXISTS m.c (a text, b int, v text, PRIMARY KEY (a, b));
	CREATE TABLE IF NOT EXISTS m.k (id numeric PRIMARY KEY, v bytea);
	CREATE TABLE IF NOT EXISTS m.p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE IF NOT EXISTS m.p1 PARTITION OF m.p FOR VALUES FROM (0) TO (10);
	CREATE TYPE m.mood AS ENUM ('a', 'b');
	CREATE TYPE m.pair AS (x int, y m.mood);
	CREATE TABLE IF NOT EXISTS m.e (id m.mood PRIMARY KEY, v text);
	CREATE TABLE IF NOT EXISTS m.t (id int, v text);
	CREATE OR REPLACE FUNCTION m.f(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT $1 + 1';
	CREATE OR REPLACE FUNCTION m.load(int) RETURNS m.a STABLE LANGUAGE sql AS 'SELECT a FROM m.a WHERE id = $1';
	SELECT cache.attach('m.a', 'read_through'); SELECT cache.attach('m.c', 'write_through'); SELECT cache.attach('m.k', 'cache_aside'); SELECT cache.attach('m.p', 'write_around');
	SELECT cache.attach('m.w', 'write_back', merge => '{"n": "add", "v": "replace", "x": "max", "l": "replace"}', flush_interval => '100 ms');
	SELECT cache.attach('m.e', 'read_through'); SELECT cache.track('m.t');
	INSERT INTO m.e VALUES ('a'), ('b') ON CONFLICT DO NOTHING;
	INSERT INTO m.t VALUES (1);
	INSERT INTO m.a SELECT i, i, i, i FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;
	INSERT INTO m.w SELECT i, i FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;
	INSERT INTO m.c SELECT i, i FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;
	INSERT INTO m.k SELECT i FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;
	INSERT INTO m.p SELECT i FROM generate_series(1, 5) i ON CONFLICT DO NOTHING;
);

my @numbers = (qw(0 1 2 3 -1 2147483647 -2147483648), "9223372036854775807", "(-9223372036854775807 - 1)", '1e20', "'NaN'", "'Infinity'", '1.5');
my @texts = ("''", "'a'", "'k1'", "'k2'", "'1'", "'42'", q('\x00ff'), "repeat('x', 9000)", "repeat('y', 300)", q('{1,2}'), q('{}'), q('{"n": "add"}'),
	q('"; DROP TABLE m.a; --'), "E'\\u00e4\\u20ac'", "'closed'", "'public'", "'r_low'", "'m.a'", "'no such'");
my @rows = (qw(NULL::m.a NULL::m.w NULL::m.c NULL::m.k NULL::m.p NULL::m.e NULL::m.t NULL::m.pair NULL::m.mood NULL::public.closed NULL::pg_class NULL::pg_catalog.pg_authid),
	"NULL", "'m.a'", "ROW(1)", "ROW(1,'x',2,3)::m.a", "ROW(2,5,'v',1,now(),'{a}')::m.w", "ROW('a',1,'v')::m.c", "1", "'x'::text");
my @relations = ("'m.a'", "'m.w'", "'m.c'", "'m.k'", "'m.p'", "'m.p1'", "'m.e'", "'m.t'", "'public.closed'", "'pg_class'", "'cache.spaces'", "0", "4294967295", "1");
my %values = (
	text => \@texts, name => \@texts, bytea => [ q('\xdead'), q('\x'), "'\\000'" ], jsonb => [ q('{"a": 1}'), q('[]'), q('1'), q('null'), q('{"n": "add"}') ],
	boolean => [qw(true false)], regclass => \@relations, oid => \@relations, regproc => [ "'m.load'", "'pg_sleep'", '0' ],
	interval => [ "'1 s'", "'0'", "'-1 s'", "'1 hour'", "'100 years'", "'178000000 years'", "'1 us'" ],
	'text[]' => [ "'{}'", "'{a,b}'", "'{NULL}'", "'{{a},{b}}'", "'{k1,k1,k2}'" ], 'bytea[]' => [ q('{"\\\\x00"}'), "'{}'" ], 'jsonb[]' => [ q('{"1","2"}'), "'{}'" ],
	'regclass[]' => [ "'{m.a}'", "'{}'", "'{0}'" ],
	anyelement => \@rows, anycompatible => \@rows, '"any"' => [ @numbers, @texts, 'ROW(1)', 'now()', "'{1}'::int[]", "'2024-01-01'::date" ],
	anyarray => [ 'ARRAY[1,2,3]', "'{1,2}'::int[]", "ARRAY['a']", "'{}'::int[]", 'ARRAY[[1,2],[3,4]]', 'ARRAY[NULL::int]' ],
);
$values{anycompatiblearray} = $values{anyarray};
$values{anynonarray} = $values{anyelement};

# Functions that a role may call: name, types of the arguments, how many have defaults, is the last one variadic?
my @functions = map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', q(
	SELECT proname, pronargdefaults, provariadic <> 0,
		(SELECT string_agg(format_type(t, NULL), ';' ORDER BY o) FROM unnest(proargtypes) WITH ORDINALITY a (t, o))
	FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
	ORDER BY oid));
cmp_ok(scalar @functions, '>', 50, 'there are functions to call');

sub any { return $_[ rand @_ ] }

sub value
{
	my ($type) = @_;
	my $pool = $values{$type} // \@numbers;

	return 'NULL' if rand() < 0.07;
	return any(@texts, @numbers) if rand() < 0.04;
	return any(@$pool);
}

sub remember
{
	my $query = any('SELECT * FROM m.t', 'SELECT count(*) FROM m.a', 'SELECT id, v FROM m.e', 'SELECT m.f(id), v FROM m.t', 'SELECT NULL::m.pair FROM m.t', 'SELECT (1, NULL)::m.pair FROM m.t', 'SELECT NULL::m.mood FROM m.t', 'SELECT * FROM m.p');
	my $row = any('', '', 'NULL::m.t, ', 'NULL::m.pair, ', 'NULL::m.e, ', 'NULL::int, ');

	return "SELECT " . any('', '* FROM ') . "cache.remember($row" . any("'q1'", "'q2'") . ", '1 hour', '$query')";
}

sub call
{
	return remember() if rand() < 0.05;

	my ($name, $defaults, $variadic, $types) = @{ any(@functions) };
	my @types = split /;/, $types // '';
	my @arguments;

	splice @types, -int(rand($defaults + 1)) if $defaults && rand() < 0.7;
	push @types, ('"any"') x int(rand(3)) if $variadic eq 't' && @types && rand() < 0.5;
	@arguments = map { value($_) } @types;
	my $call = "cache.$name(" . join(', ', @arguments) . ')';

	return any("SELECT $call", "SELECT $call", "SELECT * FROM $call", "SELECT ($call)::text FROM generate_series(1, 2)",
		"SELECT g, (SELECT x FROM $call x WHERE g > 1) FROM generate_series(1, 3) g");
}

sub ddl
{
	my $table = any(qw(a w c k e t));

	return any(
		"ALTER TABLE m.$table ADD COLUMN extra" . int(rand(5)) . " int", "ALTER TABLE m.$table DROP COLUMN IF EXISTS extra" . int(rand(5)),
		"ALTER TABLE m.a ALTER n TYPE " . any(qw(int bigint numeric text)) . " USING 0", "ALTER TABLE m.w ALTER v TYPE " . any('text', 'text[]', 'int', 'bytea') . " USING NULL",
		"ALTER TABLE m.w ALTER l TYPE " . any('text', 'text[]') . " USING NULL", "ALTER TABLE m.$table DISABLE TRIGGER ALL", "ALTER TABLE m.$table ENABLE TRIGGER ALL",
		"TRUNCATE m.$table", "DELETE FROM m.$table", "DROP TABLE m.$table CASCADE", "ALTER TABLE m.a RENAME TO a2", "ALTER TABLE m.a2 RENAME TO a",
		"UPDATE m.w SET n = n + 1", "UPDATE m.w SET v = 'x', n = 5 WHERE id = 1", "UPDATE m.a SET n = NULL", "ANALYZE m.$table", "CREATE INDEX ON m.$table (v)",
		"ALTER TABLE m.p DETACH PARTITION m.p1", "ALTER TABLE m.p ATTACH PARTITION m.p1 FOR VALUES FROM (0) TO (10)", "SELECT cache.detach('m.$table')",
		"ALTER TABLE m.$table DROP CONSTRAINT ${table}_pkey", "ALTER TABLE m.$table RENAME v TO v2", "ALTER TABLE m.$table RENAME v2 TO v", "DROP TYPE m.mood CASCADE", "ALTER TYPE m.mood ADD VALUE IF NOT EXISTS 'c'",
		"DROP TYPE m.pair CASCADE", "ALTER TYPE m.pair ADD ATTRIBUTE z" . int(rand(5)) . " int", "DROP FUNCTION m.f", "DROP FUNCTION m.load");
}

sub script
{
	my ($statements, $changes) = @_;
	my $sql = "\\set VERBOSITY verbose\nSET statement_timeout = @{[ 5000 * $slowness ]}; SET lock_timeout = '1s';\n";

	for (1 .. $statements)
	{
		my $r = rand();

		$sql .= $r < 0.05 ? any("BEGIN;\n", "COMMIT;\n", "ROLLBACK;\n", "SAVEPOINT s;\n", "ROLLBACK TO s;\n")
		  : $r < 0.05 + $changes ? ddl() . ";\n"
		  : $r < 0.07 + $changes ? "DECLARE c" . int(rand(1000)) . " CURSOR WITH HOLD FOR " . call() . ";\n"
		  : $r < 0.09 + $changes ? "PREPARE q$_ AS " . call() . "; EXECUTE q$_; EXECUTE q$_;\n"
		  : call() . ";\n";
	}
	return "$sql COMMIT;\n";
}

# What the log has of an internal error: its message, its statement and the functions that
# it was raised in, innermost first.
sub internal_errors
{
	my ($log) = @_;
	my @errors;

	while ($log =~ /^XX\w{3} (?:ERROR|FATAL|PANIC):  (.*\n(?:\t.*\n)*)((?:XX\w{3} .*\n(?:\t.*\n)*)*)/mg)
	{
		my ($message, $rest) = ($1, $2);
		my ($backtrace) = $rest =~ /^XX\w{3} BACKTRACE:  (.*\n(?:\t.*\n)*)/m;
		my ($statement) = $rest =~ /^XX\w{3} STATEMENT:  (.*\n(?:\t.*\n)*)/m;

		push @errors, { message => $message, statement => $statement // '', frames => [ grep { /\S/ } split /\n/, $backtrace // '' ], text => "$message$rest" };
	}
	return @errors;
}

# Raised while PostgreSQL itself analyses, plans or executes: the innermost of these
# functions is nearer than any function of the extension.
sub is_postgresqls_own
{
	for my $frame (@_)
	{
		return 0 if $frame =~ /cache_strategies/;
		return 1 if $frame =~ /\((?:transformStmt|transformTopLevelStmt|parse_analyze\w*|standard_planner|standard_Executor\w+|printtup\w*)\b/;
	}
	return 0;
}

sub is_allowed
{
	my ($error) = @_;

	return 0 if $error->{message} !~ /^(?:could not open relation with OID|cache lookup failed for|tuple concurrently )/;
	return 1 if $error->{statement} ne '' && $error->{statement} !~ /\bcache\./;
	return is_postgresqls_own(@{ $error->{frames} }) || "@{ $error->{frames} }" =~ /not supported by this installation/;
}

# One session calls, the other changes tables and calls as well.
my ($rounds, $calls, $logged, $allowed, %states) = (0, 0, 0, 0);
my $end = time + $seconds;
my @bad;

do
{
	my @sessions;

	$node->psql('postgres', $tables, extra_params => [ '-U', 'r_low' ], on_error_stop => 0);
	for my $n (0, 1)
	{
		my $file = PostgreSQL::Test::Utils::tempdir() . "/fuzz$n.sql";
		my ($out, $err) = ('', '');

		open(my $fh, '>', $file) or die;
		print $fh script(200, any(0.05, 0.05, 0.5));
		close $fh;
		push @sessions, [ IPC::Run::start([ 'psql', '-XqAt', '-U', 'r_low', '-d', $node->connstr('postgres'), '-f', $file ], '<', \undef, '>', \$out, '2>', \$err), \$err ];
		$calls += 200;
	}
	for my $session (@sessions)
	{
		$session->[0]->finish;
		my $errors = ${ $session->[1] };

		$states{$1}++ while $errors =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}):/g;
		push @bad, $1 while $errors =~ /(server closed the connection.*|connection to server was lost)/g;
	}
	my @found = internal_errors(slurp_file($node->logfile, $logged));

	$logged = -s $node->logfile;
	$allowed += grep { is_allowed($_) } @found;
	push @bad, map { $_->{text} } grep { !is_allowed($_) } @found;
	$rounds++;
} while (time < $end && !@bad);

is(join("\n", @bad), '', "no crash and no internal error in $rounds rounds, $calls statements");
note "$allowed internal errors of PostgreSQL's own";
note join ', ', map { "$_: $states{$_}" } sort keys %states;
cmp_ok(scalar(keys %states), '>', 5, 'errors of many kinds');
is($node->safe_psql('postgres', q(SELECT string_agg(rolname, ',') = current_user FROM pg_roles WHERE rolsuper)), 't', 'no role has become a superuser');
is($node->safe_psql('postgres', q(SELECT count(*) FROM cache.spaces WHERE name = 'closed')), '1', 'what belongs to others is still there');
is($node->safe_psql('postgres', q(SELECT count(*) FROM cache.bindings WHERE relation = 'public.closed'::regclass)), '1', 'and attached');
$node->command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', 180 * $slowness, 'stop' ], 'the server stops');
$node->_update_pid(0);
# line by line: an hour's log is large
open(my $log, '<', $node->logfile) or die;
my @crashes = grep { /PANIC:|TRAP:|was terminated by signal/ } <$log>;
is("@crashes", '', 'nothing crashed');
done_testing();
