
# Sessions that are terminated while they change keys or commit: all of the
# transaction's keys are changed or none, and nothing stays locked.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');
add_extension($node);
$node->safe_psql('postgres', 'CREATE TABLE t (v text)');

sub keys_hold
{
	my ($expected, $name) = @_;

	is( $node->safe_psql(
			'postgres',
			"SELECT string_agg(key || '=' || value, ' ') FROM cache.get_many('{changed,deleted,new}')"),
		$expected, "$name: what others read");
}

# With a table, the keys change when the transaction becomes visible, a little
# before the commit flag says so.
foreach my $case (
	[ 'kv_after_hold', 0, 0 ],
	[ 'kv_before_stage', 0, 0 ],
	[ 'kv_after_stage', 0, 0 ],
	[ 'kv_before_flip', 0, 0 ],
	[ 'kv_before_flip', 1, 1 ],
	[ 'kv_after_flip', 0, 1 ],
	[ 'kv_after_settle', 0, 1 ])
{
	my ($point, $table, $changed) = @$case;
	my $name = "terminated at $point" . ($table ? ', with a table' : '');
	my $commits = $point =~ /flip|settle/;
	my $gate = $node->background_psql('postgres');
	my $writer = $node->background_psql('postgres', on_error_stop => 0);
	my $pid = session_pid($writer);

	$node->safe_psql('postgres',
		"SELECT cache.set_many('{changed,deleted}', '{old,old}'::text[]), cache.delete('new')");
	stop_at($gate, $point);
	$writer->query_until(qr/started/, "\\echo started\n"
		  . "SET cache_strategies.test_points = '$point';\nBEGIN;\n"
		  . ($table ? "INSERT INTO t VALUES ('$name');\n" : '')
		  . "SELECT cache.set('changed', 'new'), cache.delete('deleted'), cache.set('new', 'new');\nCOMMIT;\n");
	wait_stopped($node, $pid);
	keys_hold($changed ? 'changed=new new=new' : 'changed=old deleted=old', "$name, before that");

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	# once it commits, it goes on until it has
	$gate->quit if $commits;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid")
	  or die "session $pid did not end";
	$gate->quit unless $commits;
	keys_hold($commits ? 'changed=new new=new' : 'changed=old deleted=old', $name);
	is( $node->safe_psql(
			'postgres', q(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')),
		0, "$name: no locks");
	is( $node->safe_psql(
			'postgres', q(
			SET lock_timeout = '10min';
			SELECT cache.set('changed', 'at once', immediate => true), cache.delete('deleted'),
				cache.add('new', '', immediate => true))),
		't|' . ($commits ? 'f' : 't') . '|' . ($commits ? 'f' : 't'),
		"$name: others can change the keys");
	eval { $writer->quit };
}

$node->stop;
done_testing();
