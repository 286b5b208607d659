
# ALTER EXTENSION UPDATE: it leaves what CREATE EXTENSION of the version makes, object by
# object, with tables attached and used all the while.  Between the restart with a newer
# library and the update, and between an update and the restart, functions work as far as
# the library has them as they are declared, and the others say what to do.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $extensions = qx(pg_config --sharedir) =~ s/\n//r . '/extension';
plan skip_all => "$extensions cannot be written to" if !-w $extensions;

my ($default) = slurp_file('cache_strategies.control') =~ /^default_version = '(.*)'/m;
my $present = slurp_file("sql/cache_strategies--$default.sql");
my @installed;

END { unlink @installed; }

# A file of the extension, for as long as the test runs.
sub install
{
	my ($name, $content) = @_;
	my $path = "$extensions/cache_strategies--$name.sql";

	push @installed, $path;
	open my $file, '>', $path or die "$path: $!";
	print $file $content;
	close $file;
}

# install_update(OLD, NEW): as release/update writes it.
sub install_update
{
	my ($old, $new) = @_;
	my $script = qx($^X release/update "$extensions/cache_strategies--$old.sql" "$extensions/cache_strategies--$new.sql" 2>&1);

	is($?, 0, "the update from $old to $new needs nothing written by hand") || diag($script);
	install("$old--$new", $script);
}

# Replace what matches, which must be there.
sub change
{
	my ($script, $pattern, $replacement) = @_;

	$script =~ s/$pattern/ref $replacement ? $replacement->() : $replacement/e or die "the script has no $pattern";
	return $script;
}

sub without { return change(@_, ''); }

# ----- versions -----

# 0.8: as if what follows had come since.  Each is of another kind: an argument, a column
# of a result, a view's column, a table's last column, a table, a trigger, an event
# trigger's tags, the body of a function in SQL, a comment, a privilege that was there, and
# a function that has gone.
my $older = $present;
$older = change($older, qr/(?<=CREATE FUNCTION cache\.persist\(key text, space text DEFAULT NULL), immediate boolean DEFAULT false\)/, ')');
$older = change($older, qr/(?<=COMMENT ON FUNCTION cache\.persist\(text, text), boolean\)/, ')');
$older = without($older, qr/CREATE FUNCTION cache\.remember_depends\([^;]*\K, OUT value text/);
$older = without($older, qr/(?<=rows_filled), started(?=\n\tFROM cache\.warm_progress)/);
my ($column) = $older =~ /CREATE TABLE cache\.binding_store \([^;]*,\n\t(\w+)[^\n,]*\n\);/;
$older = without($older, qr/CREATE TABLE cache\.binding_store \([^;]*\K,\n\t$column[^\n,]*(?=\n\);)/);
$older = without($older, qr/\s*b\.$column,(?=[^;]*FROM cache\.binding_store)/);
$older = without($older, qr/COMMENT ON COLUMN cache\.bindings\.$column [^\n]*\n/);
$older = without($older, qr/CREATE TABLE cache\.untracked .*?GRANT SELECT ON cache\.untracked TO PUBLIC;\n/s);
$older = without($older, qr/\s+WHERE NOT EXISTS \(SELECT FROM cache\.untracked[^;]*/);
$older = without($older, qr/CREATE TRIGGER grants_changed .*?;\n/s);
$older = without($older, qr/ALTER TABLE cache\.space_grants ENABLE ALWAYS TRIGGER grants_changed;\n/);
$older = without($older, qr/, 'ALTER SCHEMA'/);
$older = change($older, qr/(?<=AS 'SELECT count\(\*\) FROM cache\.dead_letter_store d WHERE )d\.relation = \$1/, '$1 = d.relation');
$older = change($older, qr/(?<=COMMENT ON FUNCTION cache\.forget\(text, text\) IS\n')/, 'it was said otherwise: ');
$older .= q(
CREATE FUNCTION cache.wipe(key text) RETURNS boolean
AS 'MODULE_PATHNAME', 'cs_forget_key' LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION cache.wipe(text) IS 'it has gone since';
GRANT EXECUTE ON FUNCTION cache.stats_reset() TO pg_read_all_stats;
);

# 0.9: the script as it was before it was complete.  When the library does not have one of
# its functions any more, which before the first release it need not, a later state of the
# script takes its place.
install('0.8', $older);
install('0.9', slurp_file('test/update/cache_strategies--0.9.sql'));
install_update($_, $default) foreach '0.8', '0.9';

# 99: what a later library would bring: a function with another argument.
install('99', change($present, qr/(?<=CREATE FUNCTION cache\.touch\(key text, space text DEFAULT NULL, immediate boolean DEFAULT false)/, ', later text DEFAULT NULL')
	  =~ s/(COMMENT ON FUNCTION cache\.touch\(text, text, boolean)/$1, text/r);
install_update($default, '99');

# Released ones, whose updates are in sql/.
my @released = grep { $_ ne $default } map { /--([^-]+)\.sql\z/ } grep { !/--.*--/ } glob 'sql/cache_strategies--*.sql';

# ----- the same objects -----

my $node = new_node('main');
my $catalogue = slurp_file('test/update/catalogue.sql');

sub objects { return [ split /\n/, $node->safe_psql($_[0], $catalogue) ]; }

# Of two lists of lines, those that one has more.
sub difference
{
	my ($expected, $found) = @_;
	my %expected = map { ($_ => 1) } @$expected;
	my %found = map { ($_ => 1) } @$found;

	return join("\n", (map { "missing: $_" } grep { !$found{$_} } @$expected), map { "too much: $_" } grep { !$expected{$_} } @$found);
}

add_extension($node);
my $expected = objects('postgres');
cmp_ok(scalar @$expected, '>', 400, 'the extension has objects');

# Nothing else would be seen if this were not.
once_free($node, 'CREATE DATABASE unlike');
$node->safe_psql('unlike', q(CREATE EXTENSION cache_strategies VERSION '0.8'));
my $unlike = difference($expected, objects('unlike'));
like($unlike, qr/^missing: $_/m, "0.8 is without $_")
  foreach 'function cache\.persist\(', 'function cache\.remember_depends\(', 'view cache\.progress: column 7', 'table cache\.binding_store: column \d+: ' . $column,
  'table cache\.untracked: is there', 'extension cache_strategies: dumped: cache\.untracked', 'table cache\.space_grants: trigger: CREATE TRIGGER grants_changed',
  'event trigger cache_strategies_make: on ddl_command_end', 'function cache\.dead_letter_count\(', 'function cache\.forget\(.*: comment';
like($unlike, qr/^too much: $_/m, "0.8 has $_") foreach 'function cache\.wipe\(', 'function cache\.stats_reset\(.*pg_read_all_stats';

# C functions with the types of arguments and results; what differs in the number of these
# the library finds out by itself.
my $declared = q(
	SELECT DISTINCT format('%s %s %s', prosrc, pronargs, (SELECT count(*) FROM unnest(proargmodes) m WHERE m = 'o')),
		coalesce(proallargtypes, proargtypes::oid[])::regtype[]
	FROM pg_proc WHERE pronamespace = 'cache'::regnamespace AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c'));
my %present;
push @{ $present{ $_->[0] } }, $_->[1] foreach map { [ split /\|/ ] } split /\n/, $node->safe_psql('postgres', $declared);

foreach my $version ('0.8', '0.9', @released)
{
	my $database = 'updated_' . $version =~ s/\W/_/gr;

	once_free($node, "CREATE DATABASE $database");
	$node->safe_psql($database, "CREATE EXTENSION cache_strategies VERSION '$version'");
	my @others;
	foreach my $line (split /\n/, $node->safe_psql($database, $declared))
	{
		my ($function, $types) = split /\|/, $line;

		push @others, $line if $present{$function} && !grep { $_ eq $types } @{ $present{$function} };
	}
	is("@others", '', "no function of $version has had types changed under its name");
	$node->safe_psql($database, 'ALTER EXTENSION cache_strategies UPDATE');
	is(difference($expected, objects($database)), '', "the update from $version leaves what CREATE EXTENSION makes");
}

# ----- tables attached, and a library that is newer than the objects -----

once_free($node, 'CREATE DATABASE used');
$node->safe_psql('used', q(CREATE EXTENSION cache_strategies VERSION '0.8'));

# An older library has attached and tracked the tables, without the column and the table
# that this one writes to.
$node->safe_psql('used', q(
	CREATE TABLE counted (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	CREATE TABLE noted (id int PRIMARY KEY, v text);
	CREATE TABLE dropped (id int PRIMARY KEY);
	INSERT INTO counted SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	INSERT INTO noted SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	ALTER TABLE cache.binding_store ADD COLUMN ) . $column . q( boolean;
	CREATE TABLE cache.untracked (relation regclass PRIMARY KEY);
));
create_tables($node, db => 'used');
$node->safe_psql('used', q(
	SELECT cache.attach('counted', 'write_back', flush_interval => '1 day', merge => '{"n": "add", "v": "replace"}'),
		cache.attach('dropped');
	SELECT cache.track('noted'), cache.create_space('s');
	SELECT cache.declare_query('SELECT count(*) FROM noted') > 0;
	DROP TABLE cache.untracked;
	SET allow_system_table_mods = on;
	DELETE FROM pg_attribute WHERE attrelid = 'cache.binding_store'::regclass AND attname = ') . $column . q(';
	UPDATE pg_class SET relnatts = relnatts - 1 WHERE oid = 'cache.binding_store'::regclass;
));
my $session = $node->background_psql('used', on_error_stop => 0);
$session->query_safe('PREPARE one AS SELECT (cache.read(NULL::cache_aside, 1)).v; PREPARE add AS SELECT cache.increment(NULL::counted, $$n$$, 1, 1)');
is($session->query_safe('EXECUTE one'), 'row 1', 'a newer library reads tables that are attached');
is($session->query_safe('EXECUTE add'), '1', 'and defers writes');
$node->safe_psql('used', 'UPDATE cache_aside SET v = $$changed$$ WHERE id = 1');
is($session->query_safe('EXECUTE one'), 'changed', 'and hears of changes');
tables_exact($node, 'with older objects', db => 'used');
is($node->safe_psql('used', q(SELECT cache.set('k', 'v', space => 's'), cache.get('k', space => 's'), cache.touch('k', 's'))),
	't|v|t', 'keys and values work');
is($node->safe_psql('used', q(DROP TABLE dropped; SELECT count(*) FROM cache.binding_store)), '5', 'a table can be dropped');

# The column that is not there is NULL, whatever it is.
my %as_null = (plain_reads => [ q(SET cache_strategies.plain_reads = on; EXPLAIN (COSTS off) SELECT * FROM cache_aside WHERE id = 1), qr/CacheRead/ ]);
die "what does it mean that cache.bindings.$column is NULL?" if !$as_null{$column};
like($node->safe_psql('used', $as_null{$column}[0]), $as_null{$column}[1], "$column is as if it were NULL");

sub refused
{
	my ($database, $sql, $function, $versions, $hint) = @_;
	my (undef, undef, $error) = $node->psql($database, "\\set VERBOSITY verbose\n$sql");

	like($error, qr/ERROR:  55000: the library of cache_strategies does not have the function \Q$function\E as it is declared\nDETAIL:  $versions\nHINT:  $hint\n/,
		"$sql says what is to be done");
}

my $older_than_library = qr/The extension in this database is of version 0\.8, and the library is of version \Q$default\E\./;
my $update = qr/Use ALTER EXTENSION cache_strategies UPDATE in this database\./;
refused('used', q(SELECT cache.persist('k', 's')), 'cache.persist(text,text)', $older_than_library, $update);
refused('used', q(SELECT * FROM cache.remember_depends('SELECT count(*) FROM noted')), 'cache.remember_depends(text,"any",regclass[])', $older_than_library, $update);
refused('used', q(SELECT cache.wipe('k')), 'cache.wipe(text)', $older_than_library, $update);
$node->safe_psql('used', q(UPDATE pg_proc SET prosrc = 'cs_not_there' WHERE oid = 'cache.wipe(text)'::regprocedure));
refused('used', q(SELECT cache.wipe('k')), 'cache.wipe(text)', $older_than_library, $update);
my (undef, undef, $error) = $node->psql('used', q(SELECT cache.track('counted')));
like($error, qr/ERROR:  table cache\.untracked does not exist\nHINT:  It is part of the extension: ALTER EXTENSION cache_strategies UPDATE\./,
	'what needs a table that came since says so');
is($node->safe_psql('used', q(CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT mine())), '1', 'functions of others are not looked at');

# ----- the update, beside sessions -----

my $options = 'SELECT relation, strategy, ttl, durable, flush_interval, merge FROM cache.bindings ORDER BY 1';
my $before = $node->safe_psql('used', $options);
$session->query_safe('PREPARE keep AS SELECT cache.persist($$k$$, $$s$$)');
$node->safe_psql('used', 'ALTER EXTENSION cache_strategies UPDATE');
is($node->safe_psql('used', $options), $before, 'what is attached, and how, is as before the update');
is(difference($expected, objects('used')), '', 'and the objects are those of the new version');
is($session->query_safe('EXECUTE one'), 'changed', 'a session of before reads on');
is($session->query_safe('EXECUTE add'), '2', 'and writes');
my $cached = $node->safe_psql('used', q(SELECT cache.persist('k', 's'), count(*) FROM cache.remember_depends('SELECT count(*) FROM noted')));
is($cached, 't|1', 'what was refused works');
is($session->query_safe('EXECUTE keep'), 't', 'also when it was prepared before');
is($node->safe_psql('used', 'SELECT cache.flush($$counted$$); SELECT n FROM counted WHERE id = 1'), "1\n2", 'what was deferred before is flushed');
tables_exact($node, 'after the update', db => 'used');
tables_warmed($node, 5, 'after the update', db => 'used');
is($node->safe_psql('used', q(SELECT state FROM cache.tracking('noted'))), 'tracked', 'tracked tables are tracked');
is($node->safe_psql('used', q(SELECT cache.get('k', space => 's'))), 'v', 'values are kept');
is($node->safe_psql('used', q(SELECT cache.remember('r', '1 h', 'SELECT 1 AS x'), cache.forget('r'))), '[{"x": 1}]|t', 'and the rest works');

# ----- objects that are newer than the library -----

$node->safe_psql('used', q(ALTER EXTENSION cache_strategies UPDATE TO '99'));
refused('used', q(SELECT cache.touch('k', 's')), 'cache.touch(text,text,boolean,text)',
	qr/The extension in this database is of version 99, and the library is of version \Q$default\E\./,
	qr/Restart the server, for it to load the library that is installed\./);
$session->{stderr} = '';
$session->query(q(SELECT cache.touch('k', 's')));
like($session->{stderr}, qr/does not have the function cache\.touch/, 'also in a session of before');
$session->quit;
tables_exact($node, 'with newer objects', db => 'used');
is($node->safe_psql('used', q(SELECT cache.get('k', space => 's'))), 'v', 'other functions work with newer objects');

$node->stop;
done_testing();
