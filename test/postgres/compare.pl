#!/usr/bin/perl
#
#   compare.pl DIRECTORY RUN RUN [TEST...]
#
# What the tests of a suite have printed in two runs, as test/postgres/run makes them; the
# directory has the name of the suite.  Taken for the same are plans that differ in the
# node CachedResult, or in that a key is looked up by CacheRead, and the lines that
# explained.txt lists, with why.  Whatever else differs is shown.  With a TEST, or more,
# tests are left out that the second run does not have.

use strict;
use warnings FATAL => 'all';

use File::Basename;

my ($dir, $one, $other, @named) = @ARGV;
my $suite = basename($dir);
my (%counts, @explained);
my $differences = 0;

# RUN SUITE/TEST LINES REASON, separated by tabs: of which test, in which runs, a pattern
# for each line that may differ
open(my $list, '<', dirname($0) . '/explained.txt') or die "explained.txt: $!\n";
while (<$list>)
{
	chomp;
	next if /^\s*(#|$)/;
	my ($run, $test, $pattern, $reason) = split /\t+/;

	push @explained, [ $run, $test, qr/$pattern/, $reason ];
}

sub slurp
{
	my ($file) = @_;

	open(my $in, '<:raw', $file) or return '';
	local $/;
	return scalar <$in>;
}

# plan(LINES): a plan as EXPLAIN prints it, without the node.  Subplans hang on the
# topmost node, which it is, so the order of lines does not count.
sub plan
{
	my @lines = split /\n/, $_[0];
	my $node = grep { /Custom Scan \(CachedResult\)/ } @lines;

	# its own output, with VERBOSE
	foreach my $i (reverse 1 .. $#lines)
	{
		splice(@lines, $i, 1) if $lines[$i] =~ /^\s*Output: / && $lines[ $i - 1 ] =~ /Custom Scan \(CachedResult\)/;
	}
	@lines = grep { !/^\s*(->  )?Custom Scan \(CachedResult\)|^\s*(Result: |Watched |Result Key|Max Age: |Time To Live: )/ } @lines;
	s/^[\s|+]*(->  )?//, s/[\s+]+$// foreach @lines;
	$counts{'plans with the node'}++ if $node;
	$counts{'plans that read the cache'}++ if grep { /Custom Scan \(CacheRead\)/ } @lines;
	@lines = map { by_key($_) } @lines if $other eq 'attached';
	return join("\n", sort @lines) . "\n";
}

# by_key(LINE): a scan by key, from the cache or from the index.
sub by_key
{
	my ($line) = @_;

	return () if $line =~ /^Cache (Hits|Misses|Bypasses): /;
	$line =~ s/^(Custom Scan \(CacheRead\)|Index (Only )?Scan using \S+) on /Scan by key on /;
	$line =~ s/^(Key|Index) Cond: /Cond: /;
	return $line;
}

# What tracking and attaching show: their triggers, in lists of them and in those of
# psql and EXPLAIN ANALYZE, and messages about parts that are tracked with the whole.
my $tracking = qr/cache_strategies_\w+|^Triggers firing (?:always|on replica only):|NOTICE:  partition ".*" is no longer tracked by itself|^DETAIL:  Table ".*", which it is part of, is tracked\.|WARNING:  changes of table ".*" are no longer noted|^HINT:  cache\.repair\(\) puts its triggers/;

# without($text): that, the widths of columns and numbers of rows of the tables around,
# and identifiers of queries, which depend on numbers of objects.
sub without
{
	my ($text) = @_;
	my @lines;

	foreach my $line (split /\n/, $text)
	{
		if ($line =~ $tracking)
		{
			$counts{'lines of tracking'}++;
			next;
		}
		$line =~ s/[ \t]+/ /g;
		$line =~ s/ $//;
		$line =~ s/-{3,}/---/g;
		$line =~ s/Query Identifier: \K-?\d+/(of oids)/;
		$line = '(rows)' if $line =~ /^\(\d+ rows?\)$/;
		push @lines, $line;
	}
	return without_decoded(join("\n", @lines) . "\n");
}

# without_decoded(TEXT): without the rows that tell which tables are tracked, as
# test_decoding shows them, and transactions that have no others.
sub without_decoded
{
	my ($text) = @_;

	$counts{'decoded rows of the extension'}++ while $text =~ s/^ ?table cache\.\w+: (?:INSERT|UPDATE|DELETE): .*\n//m;
	$text =~ s/^ ?BEGIN\n ?COMMIT\n//gm;
	return $text;
}

sub normalised
{
	my ($text) = @_;

	$text =~ s/^ *QUERY PLAN *\n-+\n(.*?)^\(\d+ rows?\)\n/plan($1)/gems;
	$text = without($text) if $other ne 'preloaded';
	return $text;
}

# hunks(ONE, OTHER): as diff finds them
sub hunks
{
	my ($test) = @_;
	my @files = map { "$dir/$_.$$" } 'one', 'other';
	my @hunks;

	foreach my $i (0, 1)
	{
		open(my $out, '>:raw', $files[$i]) or die "$files[$i]: $!\n";
		print $out normalised(slurp("$dir/" . ($i ? $other : $one) . "/results/$test.out"));
		close $out;
	}
	open(my $diff, '-|', 'diff', '-U0', @files) or die "diff: $!\n";
	while (<$diff>)
	{
		next if /^(---|\+\+\+) /;
		push @hunks, '' if /^@@/;
		$hunks[-1] .= $_ if @hunks;
	}
	close $diff;
	unlink @files;
	return @hunks;
}

# explained(TEST, HUNK): the reason, when each line that differs has one.
sub explained
{
	my ($test, $hunk) = @_;
	my $reason;

	foreach my $line (grep { /^[-+]/ } split /\n/, $hunk)
	{
		my ($found) = grep { ($_->[0] eq '*' || $_->[0] eq $other) && ($_->[1] eq '*' || $_->[1] eq "$suite/$test") && substr($line, 1) =~ $_->[2] } @explained;

		return undef if !$found;
		$reason = $found->[3] if !defined $reason || $found->[2] ne qr/^\s*$/;
	}
	return $reason;
}

my @tests = map { basename($_, '.out') } sort glob("$dir/$one/results/*.out");
@tests = grep { -e "$dir/$other/results/$_.out" } @tests if @named;
die "nothing to compare\n" if !@tests;
foreach my $test (@tests)
{
	foreach my $hunk (hunks($test))
	{
		my $reason = explained($test, $hunk);

		if (defined $reason)
		{
			$counts{$reason}++;
			next;
		}
		$differences++;
		print "$test: $hunk";
	}
}
print "$one and $other: ", $differences ? "$differences differences" : 'no difference', (map { "; $counts{$_}: $_" } sort keys %counts), "\n";
exit($differences ? 1 : 0);
