
# The demo, as make demo runs it.  It fails by itself when something comes of a step
# that is not what its text says.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $demo = "$FindBin::RealBin/../../demo";
my $node = new_node('main', 'fsync = off');
my ($out, $err);

# In an environment in which it finds the server.
sub demo
{
	my ($kind, $dir) = @_;

	local %ENV = $node->_get_env();
	local $ENV{DEMO} = $kind;
	local $ENV{PGDATABASE} = 'postgres';
	return IPC::Run::run([ ($dir // $demo) . '/run' ], '<', '/dev/null', '>', \$out, '2>', \$err);
}

# A step that goes wrong is noticed, whatever it is.
my $broken = PostgreSQL::Test::Utils::tempdir('broken') . '/demo';
system_or_bail('cp', '-R', $demo, $broken);
unlink "$broken/steps.sh";
append_to_file("$broken/steps.sh", "step A pages '' 'SELECT 1' 2\n");
ok(!demo('short', $broken), 'a step that goes wrong ends the demo');
like($err, qr/^The demo goes wrong here: SELECT 1: the result is "1" and not "2"$/m, 'which says so');
$node->safe_psql('postgres', 'DROP EXTENSION cache_strategies CASCADE; DROP SCHEMA demo, plain, public CASCADE; CREATE SCHEMA public');

ok(demo($ENV{CS_DEMO} || 'short'), 'the demo') or diag($out, $err);
is($err, '', 'it has nothing to complain of');
like($out, qr/^$_$/m, "it has a part: $_")
  foreach 'cache_aside: .*', 'read_through: .*', 'write_through: .*', 'write_around: .*', 'write_back: pages', 'Keys and values',
  'A rate limiter', 'remember: .*', 'Strategy by strategy', 'write_back: a crash', 'What you have seen', 'What it means for you',
  'What to read next';
foreach my $file ($out =~ m{^  (\S+\.md) }mg)
{
	ok(-e "$demo/../$file", "$file is there to be read");
}
unlike($out, qr/ERROR|FATAL|PANIC/, 'without an error');

ok(!demo('long'), 'an unknown kind of demo');
like($err, qr/^DEMO is short \(the default\) or full, not "long"\.$/m, 'is told of');

# It has started the server again.
$node->_update_pid(1);
$node->stop;
done_testing();
