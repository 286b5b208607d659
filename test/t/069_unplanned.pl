
# A statement that comes as text is not planned when its result is there: what
# auto_explain and pg_stat_statements see of it, by each of pgbench's protocols, and
# that results stay exact while the table is changed.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use FindBin;
use lib "$FindBin::RealBin/../oracle";
use Wire;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('unplanned', "shared_preload_libraries = 'pg_stat_statements, cache_strategies, auto_explain'",
	'pg_stat_statements.track_planning = on', "session_preload_libraries = ''");

add_extension($node);
$node->safe_psql('postgres', q(
	CREATE EXTENSION pg_stat_statements;
	CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL, w varchar(8));
	INSERT INTO t SELECT i, 0, 'w' || i FROM generate_series(1, 20) i;
	SELECT cache.track('t');
	ALTER DATABASE postgres SET cache_strategies.results = auto;
	ALTER DATABASE postgres SET cache_strategies.results_min_cost = 0;
));

# A file for pgbench.
sub script
{
	my ($name, $sql) = @_;
	my $file = $node->basedir . "/$name.sql";

	append_to_file($file, $sql);
	return $file;
}

sub pgbench
{
	my (@args) = @_;

	$node->command_ok([ 'pgbench', '-n', '-h', $node->host, '-p', $node->port, @args, 'postgres' ], "pgbench @args");
}

# Executions of statements that match, as auto_explain has logged them since: with a
# plan below the node, and without one.  ANALYZE shows what was not executed.
my $seen = 0;
sub plans
{
	my ($pattern) = @_;
	my $log = substr(slurp_file($node->logfile), $seen);
	my ($with, $without) = (0, 0);

	$seen += length($log);
	while ($log =~ /plan:\n\s+Query Text: ([^\n]*)\n(?:\s+Query Parameters: [^\n]*\n)?\s+Custom Scan \(CachedResult\)[^\n]*\n(?:\s+[A-Z][\w ]+: [^\n]*\n)*(\s+->)?/g)
	{
		my ($text, $child) = ($1, $2);

		next if $text !~ $pattern;
		$with++ if defined $child;
		$without++ if !defined $child;
	}
	return "$with with, $without without";
}

my $explain = "-c auto_explain.log_min_duration=0 -c auto_explain.log_analyze=on -c auto_explain.log_timing=off";

# ----- text -----

my $texts = "SELECT sum(v) FROM t WHERE id < 10;\n" x 4;
{
	local $ENV{PGOPTIONS} = $explain;
	plans(qr/./);
	is($node->safe_psql('postgres', $texts), "0\n0\n0\n0", 'statements as text');
	is(plans(qr/sum/), '1 with, 3 without', '... are planned until their result is there');
	$node->safe_psql('postgres', 'UPDATE t SET v = v');
	is($node->safe_psql('postgres', $texts), "0\n0\n0\n0", 'after a change');
	is(plans(qr/sum/), '1 with, 3 without', '... the first one is planned');
}
is($node->safe_psql('postgres', q(SELECT plans < calls, rows = calls FROM pg_stat_statements WHERE query ~ '^SELECT sum')),
	't|t', 'pg_stat_statements counts their executions, and as plans those that were made');

# ----- the other protocols -----

# A statement of the same look is planned first, so that the session knows it.
my $pair = script('pair', "SELECT sum(v) FROM t WHERE id < 11;\nSELECT sum(v) FROM t WHERE id < 12;\n");
my $param = script('param', "\\set n 13\nSELECT sum(v) FROM t WHERE id < :n;\n");
$node->safe_psql('postgres', 'SELECT sum(v) FROM t WHERE id < 11; SELECT sum(v) FROM t WHERE id < 12');
{
	local $ENV{PGOPTIONS} = $explain;
	plans(qr/./);
	pgbench('-t', 5, '-M', 'simple', '-f', $pair);
	is(plans(qr/< 12/), '0 with, 5 without', 'simple protocol');
	pgbench('-t', 5, '-M', 'extended', '-f', $pair);
	is(plans(qr/< 12/), '0 with, 5 without', 'extended protocol, unnamed statements');
	pgbench('-t', 5, '-M', 'prepared', '-f', $pair);
	is(plans(qr/< 12/), '3 with, 2 without',
		'a named statement without parameters is planned with its plan the third time at the latest');
	pgbench('-t', 5, '-M', 'extended', '-f', $param);
	is(plans(qr/\$1/), '1 with, 4 without', 'unnamed statements with a parameter');
	pgbench('-t', 12, '-M', 'prepared', '-f', $param);
	is(plans(qr/\$1/), '12 with, 0 without', 'a named statement with a parameter');
}

# ----- what comes over the wire -----

{
	local @ENV{qw(PGHOST PGPORT PGDATABASE)} = ($node->host, $node->port, 'postgres');
	my $user = getpwuid($<);
	my $off = Wire->connect($user, '-c cache_strategies.results=off');
	my $on = Wire->connect($user, '-c cache_strategies.results=auto');

	# A type modifier that planning finds is described.
	foreach my $column (q(w), q(id::numeric(5, 1)), q(CASE WHEN true THEN w::varchar(3) ELSE w::varchar(4) END), q(id AS "Id", -id))
	{
		my $sql = "SELECT $column FROM t WHERE id < 7 ORDER BY id DESC";
		my ($plain) = $off->do($sql);

		foreach my $time (1 .. 3)
		{
			my ($got) = $on->do($sql);
			ok($got eq $plain, "$column, time $time: the same bytes") or diag(Wire::readable($got));
		}
	}

	# A portal that is fetched in parts, from rows that are computed and that were kept.
	my $sql = 'SELECT id, w FROM t ORDER BY id DESC';
	my @parts;

	foreach my $session ($off, $on, $on, $on)
	{
		$session->bind('p', $session->prepare($sql), 0);
		$session->execute('p', $_) foreach 3, 5, 0;
		$session->close_portal('p');
		$session->sync;
		push @parts, $session->read;
	}
	is(scalar(() = Wire::readable($parts[0]) =~ /\(/g), 20, 'a portal with row limits');
	ok($parts[$_] eq $parts[0], "... the same bytes, time $_") foreach 1 .. 3;
	$_->vanish foreach $off, $on;
}

# ----- exactness -----

# Rows are changed in pairs, so that their sum is 0: one that is wrong divides by zero.
my $read = script('read', join('', map {"SELECT 1 / (sum(v) = 0 AND count(*) = 20)::int FROM t WHERE id < $_;\n"} (21, 22, 23)));
my $read_param = script('read_param',
	"\\set n random(21, 23)\nSELECT 1 / (sum(v) = 0 AND count(*) = 20)::int FROM t WHERE id < :n;\n");
my $write = script('write',
	"\\set a random(1, 10)\n\\sleep 2 ms\nUPDATE t SET v = CASE WHEN id = :a THEN v + 1 ELSE v - 1 END WHERE id IN (:a, :a + 10);\n");
foreach my $mode (qw(simple extended prepared))
{
	pgbench('-c', 4, '-t', 300, '-M', $mode, '-f', "$read\@4", '-f', "$read_param\@4", '-f', "$write\@1");
}

done_testing();
