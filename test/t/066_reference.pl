
# docs/reference.md: what its examples of keys, values and spaces print is what psql
# prints.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The examples in their order: statements behind a prompt, each with what comes after it.
# Left out is the scan of a space with thousands of keys.
sub examples
{
	my ($text) = @_;
	my ($heading, @examples) = ('Keys and values');

	while ($text =~ /^(?:### ([^\n(]*)[^\n]*|```\n(=.*?)^```)$/gms)
	{
		my $block = $2;

		$heading = $1 =~ s{`}{}gr if defined $1;
		next if !defined $block || $block =~ /scan_keys/;
		foreach my $example (split /^(?==\*?# )/m, $block)
		{
			my ($sql, $output) = $example =~ /^=\*?# (.*?;)\n(.*)/s or die "no statement: $example";

			push @examples, { heading => $heading, sql => $sql, output => $output };
		}
	}
	return @examples;
}

my ($section) = slurp_file('docs/reference.md') =~ /^(## Keys and values\n.*?)^### Tables `cache\.spaces`/ms
  or die 'the section is not there';
my @examples = examples($section);
cmp_ok(scalar @examples, '>=', 60, 'the document has examples');

# All in one session, as errors are to be where they belong among the results, of the
# superuser whom the document shows.  Time stands still.  What the document leaves out: the
# tags of commands.
my $node = new_node('main');
my $script = PostgreSQL::Test::Utils::tempdir() . '/examples.sql';
$node->safe_psql('postgres', q(
	CREATE EXTENSION cache_strategies;
	CREATE ROLE app;
	DO $$ BEGIN CREATE ROLE postgres LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN END $$;
	CREATE FUNCTION clock(seconds float8) RETURNS timestamptz LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_clock';
	SELECT clock(0);
));
append_to_file($script, "\\echo <$_>\n$examples[$_]{sql}\n") foreach 0 .. $#examples;
my $connection = $node->connstr('postgres');
my $printed = qx(psql -X -U postgres -d "$connection" -v VERBOSITY=default -f "$script" 2>&1);
my %printed = $printed =~ /^<(\d+)>\n(.*?)(?=^<\d+>\n|\z)/gms;

foreach my $i (0 .. $#examples)
{
	my $example = $examples[$i];
	my $output = $printed{$i} // '';

	$output =~ s/^psql:\S+:\d+: //mg;
	$output =~ s/^(?:BEGIN|ROLLBACK|SET|RESET)\n//;
	is($output =~ s/\n+\z//r, $example->{output} =~ s/\n+\z//r, "$example->{heading}: $example->{sql}");
}
$node->stop;
done_testing();
