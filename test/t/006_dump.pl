
# pg_dump, pg_restore and pg_upgrade keep what is attached, and how.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Plain SELECTs show what has been flushed.
$ENV{PGOPTIONS} = '-c cache_strategies.merge_deferred=off';

my $node = new_node('main');
my $dir = $node->basedir;

once_free($node, 'CREATE DATABASE source');
add_extension($node, 'source');
create_tables($node, db => 'source');
$node->safe_psql('source', q(
	CREATE ROLE app LOGIN;
	SET TimeZone = 'Asia/Tokyo';
	CREATE SCHEMA "Odd Name" AUTHORIZATION app;
	SET ROLE app;
	CREATE TABLE "Odd Name"."Big Table" (a int, b text, v jsonb, PRIMARY KEY (a, b));
	INSERT INTO "Odd Name"."Big Table" SELECT i, 'k' || i, jsonb_build_object('i', i) FROM generate_series(1, 5) i;
	CREATE FUNCTION "Odd Name"."load it"(int, text) RETURNS "Odd Name"."Big Table" STABLE
		LANGUAGE sql AS $$ SELECT t FROM "Odd Name"."Big Table" t WHERE a = $1 AND b = $2 $$;
	SELECT cache.attach('"Odd Name"."Big Table"', 'read_through', ttl => '2 hours', ttl_jitter => 0.25,
		negative_ttl => '90 s', max_memory => '200kB', loader => '"Odd Name"."load it"', refresh_ahead => 0.5);
	RESET ROLE;
	CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
	CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
	CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (100);
	INSERT INTO parted SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('parted', 'write_around', plain_reads => false);
	CREATE TABLE parted_more (id int PRIMARY KEY, v text);
	SELECT cache.attach('parted_more');
	ALTER TABLE parted ATTACH PARTITION parted_more FOR VALUES FROM (100) TO (200);
	CREATE TABLE deferring (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 0);
	INSERT INTO deferring SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('deferring', 'write_back', flush_interval => '2 hours', flush_batch => 500, merge => '{"n": "add"}');
	CREATE ROLE keeper;
	SELECT cache.create_space('bare'), cache.create_space('Odd "Name"', ttl => '90 min', max_memory => '4MB', owner => 'app');
	SELECT cache.grant_space('Odd "Name"', 'keeper'), cache.grant_space('Odd "Name"', 'public', write => false);
	CREATE ROLE gone;
	SELECT cache.create_space('of one who is gone', owner => 'gone'), cache.grant_space('of one who is gone', 'keeper'), cache.grant_space('bare', 'gone');
	DROP ROLE gone;
	SELECT cache.create_space('dropped'), cache.grant_space('dropped', 'keeper'), cache.drop_space('dropped');
	SELECT cache.set('k', 'of the source', space => 'Odd "Name"');
	CREATE TABLE dropped (id int PRIMARY KEY);
	SELECT cache.attach('dropped');
	DROP TABLE dropped;
	CREATE TABLE detached (id int PRIMARY KEY);
	SELECT cache.attach('detached');
	SELECT cache.detach('detached');
	CREATE TABLE tracked (id int PRIMARY KEY, v text);
	SELECT cache.track('tracked');
	CREATE TABLE parted_tracked (id int, v text) PARTITION BY RANGE (id);
	CREATE TABLE parted_tracked_1 PARTITION OF parted_tracked FOR VALUES FROM (0) TO (100);
	SELECT cache.track('parted_tracked');
	CREATE TABLE part_of_tracked (id int PRIMARY KEY, v text);
	CREATE TABLE part (id int PRIMARY KEY, v text);
	INSERT INTO part_of_tracked SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	INSERT INTO part SELECT i, 'row ' || i FROM generate_series(1, 20) i;
	SELECT cache.attach('part_of_tracked', 'write_through'), cache.attach('part');
	CREATE TABLE tracked_above (LIKE part) PARTITION BY RANGE (id);
	CREATE TABLE above (LIKE part) PARTITION BY RANGE (id);
	SELECT cache.track('tracked_above');
	ALTER TABLE tracked_above ATTACH PARTITION part_of_tracked FOR VALUES FROM (0) TO (100);
	ALTER TABLE above ATTACH PARTITION part FOR VALUES FROM (0) TO (100);
	CREATE TABLE untracked (id int PRIMARY KEY);
	SELECT cache.track('untracked');
	SELECT cache.untrack('untracked');
	SELECT cache.declare_query('SELECT count(*) FROM tracked WHERE v = $1', ttl => '2 hours') > 0;
	SET search_path = "Odd Name";
	SET ROLE app;
	SELECT cache.declare_query('SELECT count(*), now() > ''epoch'' FROM "Big Table"', max_age => 90) > 0;
	RESET ROLE;
	RESET search_path;
	CREATE SCHEMA "By Schema" AUTHORIZATION app;
	CREATE SCHEMA gone;
	SET ROLE app;
	SELECT cache.track_schema('"By Schema"', by_value => true);
	CREATE TABLE "By Schema".made (id int PRIMARY KEY, v text UNIQUE);
	CREATE TABLE "By Schema".refused (id int PRIMARY KEY);
	SELECT cache.untrack('"By Schema".refused');
	RESET ROLE;
	SELECT cache.track_schema('gone');
	DROP SCHEMA gone;
	INSERT INTO cache.tracked_schemas VALUES ('public', '4242424242');
	INSERT INTO cache.declared_store (query, declared_by, search_path) VALUES ('SELECT of one who is gone', '4242424242', 'public');
));

my $bindings = q(SELECT relation, strategy, ttl, ttl_jitter, negative_ttl, max_memory, loader, refresh_ahead, durable, flush_interval, flush_batch, merge, settings[2:3], plain_reads FROM cache.binding_store ORDER BY relation::text);
my $triggers = q(
	SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
	WHERE tgfoid IN ('cache.row_changed'::regproc, 'cache.rows_changed'::regproc, 'cache.bindings_changed'::regproc,
		'cache.row_deferred'::regproc, 'cache.table_truncated'::regproc, 'cache.spaces_changed'::regproc, 'cache.table_changed'::regproc, 'cache.declared_changed'::regproc)
	ORDER BY tgrelid::regclass::text, tgname);
my $registered = q(SELECT extconfig::regclass[], extcondition, extnamespace::regnamespace FROM pg_extension WHERE extname = 'cache_strategies');
my $spaces = q(
	SELECT id, name, owner, ttl, max_memory, role, can_read, can_write
	FROM cache.spaces LEFT JOIN cache.space_grants ON space = id AND (role = 0 OR role IN (SELECT oid FROM pg_roles))
	WHERE owner IN (SELECT oid FROM pg_roles) ORDER BY name, role::text);
my ($expected_spaces, $expected_registered, $expected_bindings, $expected_triggers);
in_turn($node, 'source',
	[ $spaces, sub { $expected_spaces = shift } ],
	[ $registered, sub { $expected_registered = shift } ],
	[ $bindings, sub { $expected_bindings = shift } ],
	[ $triggers, sub { $expected_triggers = shift } ]);

is( $expected_bindings, join("\n",
		q("Odd Name"."Big Table"|read_through|02:00:00|0.25|00:01:30|204800|"Odd Name"."load it"(integer,pg_catalog.text)|0.5|||||{TimeZone=Asia/Tokyo,timezone_abbreviations=Default}|),
		q(cache_aside|cache_aside|||01:00:00|||||||||),
		q(deferring|write_back|||||||t|02:00:00|500|{"n": "add"}|{TimeZone=Asia/Tokyo,timezone_abbreviations=Default}|),
		q(part|cache_aside||||||||||||),
		q(part_of_tracked|write_through||||||||||||),
		q(parted|write_around||||||||||||f),
		q(read_through|read_through|||01:00:00|||||||||),
		q(write_around|write_around|||01:00:00|||||||||),
		q(write_through|write_through|||01:00:00|||||||||)),
	'what is attached, and how');
is( $expected_spaces, join("\n",
		q(16385|Odd "Name"|app|01:30:00|4194304|-|t|f),
		q(16385|Odd "Name"|app|01:30:00|4194304|keeper|t|t),
		qq(16384|bare|$superuser|||||)),
	'which spaces there are, and for whom');
is( $node->safe_psql('source', qq(SELECT string_agg(tgenabled::text, '' ORDER BY tgname) FROM pg_trigger
		WHERE tgrelid = 'write_around'::regclass AND tgname LIKE 'cache%')),
	'AARA', 'write_around has three triggers ENABLE ALWAYS and one ENABLE REPLICA');

# Steps of in_turn(): spaces come with their options and rights, but empty, and new ones do not get
# their numbers.
sub check_spaces
{
	my ($db, $name) = @_;
	my $space = q('Odd "Name"');

	return (
		says($spaces, $expected_spaces, "$name: spaces and what is granted on them"),
		says(
			qq(
			SET ROLE keeper;
			SELECT cache.get('k', $space), cache.set('k', 'of $db', space => $space), cache.ttl('k', $space) > '80 min';
			RESET ROLE; CREATE ROLE someone; SET ROLE someone;
			SELECT cache.get('k', $space)),
			"|t|t\nof $db",
			"$name: a space can be used as before"),
		'DROP ROLE someone',
		says(
			q(SELECT cache.create_space('new'); SELECT id > 16387 FROM cache.spaces WHERE name = 'new'; SELECT cache.drop_space('new')),
			"\nt\n",
			"$name: a new space gets a new number"));
}

# Tracked tables still are, and changes are noted.
sub check_tracked
{
	my ($name) = @_;
	my @steps = (
		says(
			q(SELECT relation, by_value, by_schema FROM cache.tracked ORDER BY relation::text),
			qq("By Schema".made|t|t\nparted_tracked|f|f\ntracked|f|f\ntracked_above|f|f),
			"$name: cache.tracked"),
		says('SELECT relation FROM cache.untracked ORDER BY relation::text', qq("By Schema".refused\nuntracked), "$name: cache.untracked"),
		says('SELECT * FROM cache.tracked_schemas WHERE tracked_by IN (SELECT oid FROM pg_roles)', 'By Schema|app|t', "$name: cache.tracked_schemas"),
		says(
			q(CREATE TABLE "By Schema".later (id int); ALTER TABLE "By Schema".later OWNER TO app; ALTER TABLE "By Schema".refused ADD v text;
			SELECT relation, by_value, by_schema FROM cache.tracked WHERE relation::text ~ 'later|refused'; DROP TABLE "By Schema".later),
			'"By Schema".later|t|t',
			"$name: a new table is tracked with its schema, one that was untracked is not"));

	foreach my $table ('tracked', 'parted_tracked', @strategies, 'parted', 'tracked_above', 'part')
	{
		my $look = "SELECT state, changes FROM cache.tracking('$table')";
		my $before;

		push @steps,
		  [ $look, sub { $before = $_[0]; like($before, qr/^tracked/, "$name: $table is tracked") } ],
		  "INSERT INTO $table VALUES (30, 'new')",
		  [ $look, sub { isnt($_[0], $before, "$name: an insert into $table is noted") } ],
		  "DELETE FROM $table WHERE id = 30";
	}
	return (@steps, says("SELECT state FROM cache.tracking('untracked')", 'untracked', "$name: and no other is"));
}

# Declared statements are, by their names.
sub check_declared
{
	my ($name) = @_;

	return (
		says(
			'SELECT query, ttl, max_age, declared_by, search_path, problem FROM cache.declared_queries WHERE declared_by IN (SELECT oid FROM pg_roles) ORDER BY id',
			qq(SELECT count(*) FROM tracked WHERE v = \$1|02:00:00||$superuser|pg_catalog, public|\n) .
			  q(SELECT count(*), now() > 'epoch' FROM "Big Table"||00:01:30|app|pg_catalog, "Odd Name"|),
			"$name: declared statements"),
		says(
			q(SELECT ttl, max_age FROM cache.explain_result('SELECT count(*) FROM tracked WHERE v = ''x''') UNION ALL
			SELECT ttl, max_age FROM cache.explain_result('SELECT count(*), now() > $1 FROM "Odd Name"."Big Table"')),
			"02:00:00|\n|00:01:30",
			"$name: and they are found"),
		says(
			q(SELECT cache.declare_query('SELECT count(*) FROM tracked WHERE id = $1') > 2; SELECT cache.undeclare_query('SELECT count(*) FROM tracked WHERE id = $1')),
			"t\n",
			"$name: a new one gets a new number"));
}

# The database has what the source had, and its cache works.
sub check_copy
{
	my ($server, $db, $name) = @_;
	my $odd = q("Odd Name"."Big Table");

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	in_turn($server, $db,
		says($bindings, $expected_bindings, "$name: cache.bindings"),
		says($triggers, $expected_triggers, "$name: triggers"),
		check_spaces($db, $name),
		check_tracked($name),
		check_declared($name),
		says($registered, $expected_registered, "$name: the extension's configuration tables"),
		says('SELECT relation, unclean FROM cache.flush_state', 'deferring|f', "$name: cache.flush_state"),
		says(
			q(SELECT count(*) FROM pg_event_trigger WHERE evtname = 'cache_strategies_drop' AND evtenabled = 'A' OR evtname = 'cache_strategies_make' AND evtenabled = 'A'),
			'2',
			"$name: the event triggers"));
	in_turn($server, $db,
		map { (
				exact_step($_, $name),
				($_ eq 'deferring' ? () : warmed_step($_, 1, $name)),
				qq(
				UPDATE $_ SET v = 'changed' WHERE id = 1;
				DELETE FROM $_ WHERE id = 2;
				INSERT INTO $_ VALUES (22, 'inserted')),
				says(
					"SELECT string_agg((cache.read(NULL::$_, i)).v, ' ' ORDER BY i) FROM unnest(ARRAY[1, 2, 22]) i",
					'changed inserted',
					"$name: changes of $_ are seen"),
				"SET session_replication_role = replica; UPDATE $_ SET v = 'applied' WHERE id = 1",
				exact_step($_, "$name, and changed"))
		} @strategies, 'parted', 'part', 'part_of_tracked', 'deferring');
	in_turn($server, $db,
		says(
			q(SELECT cache.increment(NULL::deferring, 'n', 5, 4); SELECT n FROM deferring WHERE id = 4; SELECT cache.flush('deferring'); SELECT n FROM deferring WHERE id = 4),
			"5\n0\n1\n5",
			"$name: writes are deferred, and flushed"),
		says(
			"SET ROLE app; SELECT cache.read(NULL::$odd, 2, 'k2');" x 2,
			qq{(2,k2,"{""i"": 2}")\n} . q{(2,k2,"{""i"": 2}")},
			"$name: composite key and loader"),
		says("SELECT outcome FROM cache.explain(NULL::$odd, 2, 'k2')", 'hit', "$name: and it is cached"),
		# drop and attach again: ownership and names came through
		says(
			qq(
			SET ROLE app; SELECT cache.detach('$odd'); SELECT cache.attach('$odd', 'cache_aside');
			SELECT strategy FROM cache.bindings WHERE relation = '$odd'::regclass),
			"\n\ncache_aside",
			"$name: the owner detaches and attaches"));
}

sub restored
{
	my ($name, $restore) = @_;
	my $db = 'copy';

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	$restore->($db);
	check_copy($node, $db, $name);
	once_free($node, "DROP DATABASE $db");
}

my @dump = ('pg_dump', '-h', $node->host, '-p', $node->port);
my @restore = ('pg_restore', '-h', $node->host, '-p', $node->port, '--exit-on-error');

$node->run_log([ @dump, '-f', "$dir/plain.sql", 'source' ]);
restored('plain', sub {
	$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-f', "$dir/plain.sql", $_[0] ],
		'plain: restored');
});
unlike(slurp_file("$dir/plain.sql"), qr/\bdropped\b/, 'a dropped table, or space, leaves nothing in the dump');
unlike(slurp_file("$dir/plain.sql"), qr/is gone/, 'nor does the space of a dropped role');
is( $node->safe_psql('source', q(SELECT count(*) FROM cache.spaces WHERE name = 'of one who is gone')) . ' ' .
	(() = slurp_file("$dir/plain.sql") =~ /^1638\d\t\S+\t[tf]\t[tf]$/mg),
	'1 2', 'or a grant to it');

$node->run_log([ @dump, '-Fc', '-f', "$dir/custom.dump", 'source' ]);
restored('custom', sub {
	$node->command_ok([ @restore, '-d', $_[0], "$dir/custom.dump" ], 'custom: restored');
});
restored('custom, in one transaction', sub {
	$node->command_ok([ @restore, '-1', '-d', $_[0], "$dir/custom.dump" ], 'custom, in one transaction: restored');
});
restored('custom, two jobs', sub {
	$node->command_ok([ @restore, '-j', '2', '-d', $_[0], "$dir/custom.dump" ], 'custom, two jobs: restored');
});
restored('by sections', sub {
	foreach my $section ('pre-data', 'data', 'post-data')
	{
		$node->command_ok([ @restore, "--section=$section", '-d', $_[0], "$dir/custom.dump" ], "by sections: $section restored");
	}
});
$node->run_log([ @dump, '-Fd', '-j', '2', '-f', "$dir/directory", '--inserts', 'source' ]);
restored('directory, as INSERTs', sub {
	$node->command_ok([ @restore, '-j', '2', '-d', $_[0], "$dir/directory" ], 'directory: restored');
});

# A restore over what is there: --clean.
$node->safe_psql('postgres', 'CREATE DATABASE again TEMPLATE template0');
$node->command_ok([ @restore, '-d', 'again', "$dir/custom.dump" ], 'restored once');
tables_warmed($node, 1, 'restored once', db => 'again');
$node->safe_psql('again', join(';', map { "UPDATE $_ SET v = 'gone'" } @strategies));
# pg_restore --clean trips over the keys of partitions
$node->safe_psql('again', 'DROP TABLE parted');
my $session = $node->background_psql('again');
$session->query_safe("SELECT cache.read(NULL::cache_aside, 1)");
$node->command_ok([ @restore, '--clean', '--if-exists', '-d', 'again', "$dir/custom.dump" ], 'restored with --clean');
is($session->query_safe("SELECT cache.read(NULL::cache_aside, 1)"), '(1,"row 1",0)', 'with --clean: an old session sees the restored rows');
$session->quit;
check_copy($node, 'again', 'with --clean');
once_free($node, 'DROP DATABASE again');

# pg_restore --disable-triggers leaves triggers ENABLEd plainly, whatever they
# were: ours are put back, also if their table is not yet said to be attached.
$node->safe_psql('postgres', 'CREATE DATABASE disabled TEMPLATE template0');
$node->command_ok([ @restore, '--schema-only', '-d', 'disabled', "$dir/custom.dump" ], 'schema restored');
$node->command_ok([ @restore, '--data-only', '--disable-triggers', '-d', 'disabled', "$dir/custom.dump" ],
	'data restored with --disable-triggers');
foreach my $table (@strategies, 'deferring')
{
	in_turn($node, 'disabled',
		exact_step($table, '--disable-triggers'),
		$table eq 'deferring' ? () : warmed_step($table, 1, '--disable-triggers'),
		"SET session_replication_role = replica; UPDATE $table SET v = 'applied' WHERE id = 1",
		exact_step($table, '--disable-triggers, and changed'),
		says("SELECT problem FROM cache.bindings WHERE relation = '$table'::regclass", '', "--disable-triggers: nothing is wrong with $table"));
}
in_turn($node, 'disabled', says($triggers, $expected_triggers, '--disable-triggers: triggers'));
once_free($node, 'DROP DATABASE disabled');

# A table by itself brings its triggers but no binding: attach it again.
$node->safe_psql('postgres', 'CREATE DATABASE single TEMPLATE template0');
add_extension($node, 'single');
$node->run_log([ @dump, '-t', 'write_through', '-f', "$dir/table.sql", 'source' ]);
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-f', "$dir/table.sql", 'single' ],
	'one table: restored');
$node->safe_psql('single', "UPDATE write_through SET v = 'x' WHERE id = 1; SELECT cache.attach('write_through', 'write_through')");
exact($node, 'write_through', 'one table', db => 'single');
warmed($node, 'write_through', 1, 'one table', db => 'single');
once_free($node, 'DROP DATABASE single');

# What is deferred is in the journal, and in no other part of a dump.  The first SELECT
# after a restore sees it, once.
{
	local $ENV{PGOPTIONS} = '';
	my $rows = 'SELECT id, n FROM pending ORDER BY id';

	$node->safe_psql('postgres', 'CREATE DATABASE pending');
	add_extension($node, 'pending');
	$node->safe_psql('pending', q(
		CREATE TABLE pending (id int PRIMARY KEY, n int NOT NULL);
		INSERT INTO pending VALUES (1, 10), (2, 10);
		SELECT cache.attach('pending', 'write_back', flush_interval => '2 hours', merge => '{"n": "add"}');
		UPDATE pending SET n = n + 5 WHERE id = 1;
		SELECT cache.write(ROW(9, 7)::pending)));
	is($node->safe_psql('pending', $rows), "1|15\n2|10\n9|7", 'pending: a SELECT sees what is deferred');
	foreach my $how ([], ['--inserts'], [ '--column-inserts', '--rows-per-insert=100' ])
	{
		my $name = join(' ', 'pending', @$how);

		$node->run_log([ @dump, @$how, '-f', "$dir/pending.sql", 'pending' ]);
		$node->safe_psql('postgres', 'CREATE DATABASE of_pending TEMPLATE template0');
		$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-f', "$dir/pending.sql", 'of_pending' ],
			"$name: restored");
		is($node->safe_psql('of_pending', $rows), "1|15\n2|10\n9|7", "$name: so does the first one after the restore");
		is($node->safe_psql('of_pending', "SELECT cache.flush('pending'); SET cache_strategies.merge_deferred = off; $rows"),
			"0\n1|15\n2|10\n9|7",
			"$name: and it is in the table");
		once_free($node, 'DROP DATABASE of_pending WITH (FORCE)');
	}
	once_free($node, 'DROP DATABASE pending WITH (FORCE)');
}

# The owner of a table, who is no superuser, dumps it by name.
$node->command_ok([ @dump, '-U', 'app', '-n', '"Odd Name"', '-f', "$dir/app.sql", 'source' ], 'an ordinary owner dumps its schema');
like(slurp_file("$dir/app.sql"), qr/ENABLE ALWAYS TRIGGER cache_strategies_row/, 'with its triggers');

# ----- pg_upgrade -----

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init;
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'cache_strategies'\nautovacuum = off");
$node->stop;

my $bindir = $node->config_data('--bindir');
my $upgrade_dir = PostgreSQL::Test::Utils::tempdir;
chdir $upgrade_dir or die "could not enter $upgrade_dir";
command_ok([ 'pg_upgrade', '--no-sync', '-b', $bindir, '-B', $bindir, '-d', $node->data_dir, '-D', $new->data_dir,
		'-s', $new->host, '-p', $node->port, '-P', $new->port ], 'pg_upgrade');
$new->start;
check_copy($new, 'source', 'upgraded');
$new->stop;
unlike(slurp_file($_->logfile), qr/PANIC|TRAP:|terminated by signal/, $_->name . ': nothing crashed')
  foreach ($node, $new);
done_testing();
