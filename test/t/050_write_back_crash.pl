
# Every acknowledged deferred write reaches the table exactly once, whatever is
# killed: backends, the flush worker, the launcher, the postmaster, all at once,
# and a primary whose standby takes over.  "make soak" is the long run.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib "$FindBin::RealBin/../soak";

use Killing;
use Test::More;

my $run = Killing->new(
	often => [ "flush_interval => '30 ms'", writers => 4 ],
	seldom => [ "flush_interval => '2 s', flush_batch => 700", writers => 4 ]);
my @sums;

$run->run(25, 30_000, 13);
@sums = $run->account('after all');
is("@sums", '0 0', 'nothing is lost or doubled');
cmp_ok($run->kills, '>=', 25, 'kills: ' . $run->kinds);
cmp_ok($run->writes, '>=', 30_000, 'acknowledged writes: ' . $run->writes . ', unknown: ' . $run->unknown);

# It goes on working, and there is nothing left for a crash to bring back.
$run->node->stop('immediate');
$run->node->start;
@sums = $run->account('after one more crash');
is("@sums", '0 0', 'and nothing is doubled by one more crash');
$run->check_logs;
$run->stop;
done_testing();
