
# Sessions that are cancelled or terminated at a test point: at each that there is
# in the source, in each protocol that passes it.  Before its commit a transaction
# is undone; from its commit on it goes on until it has ended.  Nothing is left
# behind in shared memory, what is read is exact, in sessions old and new, and rows
# are kept again.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PointCases;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Its test_points are what a session sets itself.
$ENV{PGOPTIONS} = '-c cache_strategies.test_points= -c cache_strategies.merge_deferred=off -c client_min_messages=error';

my $node = new_node('main', "cache_strategies.memory = '16MB'", 'max_connections = 20');
add_extension($node);
create_point_tables($node, 'postgres');
attach_point_tables($node, 'postgres');

# One session holds the points, another has been there from the beginning.
my $gate = $node->background_psql('postgres', on_error_stop => 0);
my $old = $node->background_psql('postgres', on_error_stop => 0);
my %done;
my $number = 0;

# a stopped session is not waited for
$old->query_safe("SET cache_strategies.load_timeout = '1ms'");
is($old->query_safe('SELECT problems()'), '', 'at first');

sub session_is
{
	my ($pid, $mark, $expected, $name) = @_;
	my $is = $old->query_safe("SELECT whereabouts($pid, '$mark')");

	# or else the test would wait in vain
	return if $is eq $expected;
	diag("$name: the session is $is, not $expected");
	die "$name: the session is $is, not $expected";
}

# All is well, for a session that has been there before and for a new one.
sub sound
{
	my ($name, @sessions) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	# a flush may wait for what is left
	is($old->query_safe('SELECT remains()'), '', "$name: nothing is left behind") or die 'the rest would fail, too';
	$old->query_safe('SELECT cache.flush()');
	is($_->query_safe('SELECT problems()'), '', "$name: an old session") foreach (@sessions, $old);
	is($node->safe_psql('postgres', 'SELECT problems()'), '', "$name: a new session")
	  or die 'the rest would fail, too';
}

# A session that executes the case's statements and stops at the point.
sub start_session
{
	my ($case, $point, $mark, $name) = @_;
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($session);
	my $sql = $case->{sql};

	$gate->query_safe("SELECT pg_advisory_lock(hashtext('$point'))");
	$session->query_safe($case->{settings}) if defined $case->{settings};
	$session->query_until(qr/started/,
		"\\set VERBOSITY sqlstate\n\\echo started\nSET cache_strategies.test_points = '$point';\n$sql /* $mark */;\n\\echo ended with :SQLSTATE\n");
	session_is($pid, $mark, 'stopped', $name);
	return ($session, $pid);
}

# What the case is to change, if anything.
sub value
{
	my ($case) = @_;

	return defined $case->{value} ? $old->query_safe($case->{value}) : '';
}

sub interrupt
{
	my ($case, $point, $function) = @_;
	my $name = "$function at $point: $case->{name}";
	my $mark = 'mark ' . ++$number;
	my ($session, $pid, $before, $after);

	$old->query_safe($case->{before}) if defined $case->{before};
	$before = value($case);
	($session, $pid) = start_session($case, $point, $mark, $name);
	is($old->query_safe("SELECT string_agg(inexact(t), '') FROM unnest('{cache_aside,read_through,write_through,write_around,loaded,parted}'::regclass[]) t"),
		'', "$name: what is read before that") unless $case->{locks};
	$old->query_safe("SELECT $function($pid)");
	if ($held{$point})
	{
		session_is($pid, $mark, 'stopped', "$name, before it can end");
		$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))");
	}
	if ($function eq 'pg_cancel_backend')
	{
		like($session->query_until(qr/ended with \w+/, ''), $held{$point} ? qr/with 00000/ : qr/with 57014/,
			"$name: " . ($held{$point} ? 'it has ended' : 'it is cancelled'));
		$session->query("ROLLBACK; SET cache_strategies.test_points = ''");
		$session->{stderr} = '';
	}
	else
	{
		$old->query_safe("SELECT gone($pid)");
		eval { $session->quit };
	}
	$gate->query_safe("SELECT pg_advisory_unlock(hashtext('$point'))") unless $held{$point};

	$after = value($case);
	if (!$held{$point})
	{
		is($after, $before, "$name: nothing has changed") if defined $case->{value};
	}
	elsif (defined $case->{value})
	{
		isnt($after, $before, "$name: it is committed");
	}
	$old->query_safe($case->{finish}) if defined $case->{finish} && $held{$point};
	sound($name, $function eq 'pg_cancel_backend' ? $session : ());
	is(value($case), $after, "$name: and it stays so") if defined $case->{value} && !defined $case->{finish} && !$case->{flushes};

	# the same once more, and undisturbed
	if (!$held{$point})
	{
		my $again = $function eq 'pg_cancel_backend' ? $session : $old;

		$again->query_safe($case->{settings}) if defined $case->{settings};
		$again->query_safe($case->{sql});
		isnt(value($case), $before, "$name: and done afterwards") if defined $case->{value};
		$again->query_safe('RESET cache_strategies.bulk_threshold; RESET default_transaction_isolation');
		$old->query_safe($case->{finish}) if defined $case->{finish};
	}
	is($old->query_safe($case->{then}), 't', "$name: what follows") if defined $case->{then};
	if (defined $case->{undo})
	{
		$old->query_safe($case->{undo});
		$old->query_safe('SELECT cache.flush()');
		is($old->query_safe('SELECT problems()'), '', "$name, and changed back");
	}
	$session->quit if $function eq 'pg_cancel_backend';
}

# cases(FILE, [POINT...], CASE...): in the source's file of this name.
sub cases
{
	my ($file, $points, @cases) = @_;

	foreach my $point (@$points)
	{
		$done{"$file $point"} = 1;
		foreach my $case (@cases)
		{
			interrupt($case, $point, $_) foreach qw(pg_cancel_backend pg_terminate_backend);
		}
	}
}

foreach my $item (point_cases())
{
	if (ref $item)
	{
		cases(@$item);
	}
	else
	{
		$old->query_safe($item);
	}
}

# Under the partition lock a session does not wait for the test: it may be
# interrupted there, or just before or after.
$done{'kv/change.c kv_immediate_checked'} = 1;
foreach my $function ('pg_cancel_backend', 'pg_terminate_backend')
{
	my $name = "$function at kv_immediate_checked";
	my $session = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($session);

	$old->query_safe("SELECT cache.set('changed', 'old')");
	$session->query_until(qr/started/, "SET cache_strategies.test_points = 'kv_immediate_checked';\nSET cache_strategies.test_delay = 100000;\n\\echo started\n"
		  . "SELECT cache.set('changed', 'new', immediate => true), 'mark ' || i FROM generate_series(1, 1000000) i;\n\\echo ended with :SQLSTATE\n");
	$old->query_safe("DO 'BEGIN WHILE cache.get(''changed'') <> ''new'' LOOP PERFORM pg_sleep(0.01); END LOOP; END'");
	$old->query_safe("SELECT $function($pid)");
	if ($function eq 'pg_cancel_backend')
	{
		like($session->query_until(qr/ended with \w+/, ''), qr/with 57014/, "$name: it is cancelled");
		$session->quit;
	}
	else
	{
		$old->query_safe("SELECT gone($pid)");
		eval { $session->quit };
	}
	is($old->query_safe(key_case()->{then}), 't', "$name: the keys can be changed");
	sound($name);
}

# ----- each point has a case -----

my %points = %{ source_points() };

cmp_ok(scalar keys %points, '>', 40, 'the points are found in the source');
is_deeply([ grep { !$done{$_} } sort keys %points ], [], 'a session is interrupted at each of them');
is_deeply([ grep { !$points{$_} } sort keys %done ], [], 'and there are all that this test knows');

$gate->quit;
$old->quit;
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP:|terminated by signal/, 'nothing crashed');
done_testing();
