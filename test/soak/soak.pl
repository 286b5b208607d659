
# The long run of t/050_write_back_crash.pl; see test/soak/run.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Killing;
use Test::More;
use Time::HiRes qw(time);

my $kills = $ENV{SOAK_KILLS} || 200;
my $writes = $ENV{SOAK_WRITES} || 1_000_000;
my $every = $ENV{SOAK_PROMOTE_EVERY} || 15;
my $seconds = $ENV{SOAK_SECONDS};
my $start = time;
my $run = Killing->new(
	often => [ "flush_interval => '30 ms'", writers => 4 ],
	seldom => [ "flush_interval => '2 s', flush_batch => 700", writers => 4 ]);
my ($lost, $doubled);

$run->run($kills, $writes, $every, $seconds);
($lost, $doubled) = $run->account('after all');
is("$lost $doubled", '0 0', 'nothing is lost or doubled');
# fewer when the time was up
($kills, $writes) = (1, 1) if defined $seconds && $run->kills < $kills;
cmp_ok($run->kills, '>=', $kills, "at least $kills kills");
cmp_ok($run->writes, '>=', $writes, "at least $writes acknowledged writes");
$run->check_logs;
note sprintf('soak: %d kills (%s) in %d s, %d acknowledged writes, %d transactions of unknown outcome, %d lost, %d doubled',
	$run->kills, $run->kinds, time - $start, $run->writes, $run->unknown, $lost, $doubled);
$run->stop;
done_testing();
