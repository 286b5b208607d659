
# docs/recipes.md: each block of SQL in it is run, in its order, and does what
# the document shows.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# A block of SQL begins with ```sql, and the name of a session if it is not the
# first.  A block without a language that follows it is what psql prints; without
# one, it only must not fail.
my %session;
my $node;

# Errors come where they belong among the results, as in a terminal.
sub open_session
{
	my ($name) = @_;
	my $psql = { in => '', out => '', limit => IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default) };

	$psql->{run} = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-v', 'VERBOSITY=default' ],
		'<', \$psql->{in}, '>&', \$psql->{out}, $psql->{limit});
	return $session{$name} = $psql;
}

sub ask
{
	my ($name, $sql) = @_;
	my $psql = $session{$name} // open_session($name);

	# what is deferred stays so for as long as the document takes to be run
	$sql =~ s/(flush_interval => )'1 min'/$1'1 day'/g;
	$psql->{limit}->start;
	$psql->{out} = '';
	$psql->{in} .= "$sql\n\\echo <end>\n";
	$psql->{run}->pump until $psql->{out} =~ /^<end>\n\z/m;
	$psql->{out} =~ s/^<end>\n\z//m;
	return $psql->{out};
}

# Blanks at the end of lines, and of the whole, are for the eye only.
sub normal
{
	my ($text) = @_;

	$text =~ s/[ \t]+$//mg;
	$text =~ s/\n+\z//;
	return $text;
}

# ----- the document -----

# What is before and between the blocks of SQL and of output: headings.
sub blocks
{
	my ($text) = @_;
	my (@blocks, $heading);
	my $fence;

	foreach my $line (split /\n/, $text)
	{
		if (defined $fence)
		{
			if ($line eq '```') { $fence = undef; }
			else { $$fence .= "$line\n"; }
		}
		elsif ($line =~ /^#+ (.*)/) { $heading = $1; }
		elsif ($line =~ /^```sql ?(\w*)$/)
		{
			push @blocks, { heading => $heading, session => $1 || 'first', sql => '' };
			$fence = \$blocks[-1]{sql};
		}
		elsif ($line eq '```')
		{
			die "output without SQL under \"$heading\"" if !@blocks || defined $blocks[-1]{output};
			$blocks[-1]{output} = '';
			$fence = \$blocks[-1]{output};
		}
		elsif ($line =~ /^```/) { die "what is $line?"; }
	}
	die "a block is not closed" if defined $fence;
	return @blocks;
}

my @blocks = blocks(slurp_file('docs/recipes.md'));
cmp_ok(scalar @blocks, '>=', 20, 'the document has blocks of SQL');

$node = new_node('main');

# Time is what the document says: it passes in pg_sleep() and nowhere else, however
# slow the machine is.
$node->safe_psql('postgres', q(
	CREATE SCHEMA stopped;
	GRANT USAGE ON SCHEMA stopped TO PUBLIC;
	CREATE FUNCTION stopped.clock(seconds float8) RETURNS timestamptz LANGUAGE C AS '$libdir/cache_strategies', 'cs_test_clock';
	CREATE FUNCTION stopped.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT stopped.clock(0)';
	CREATE FUNCTION stopped.pg_sleep(seconds float8) RETURNS void LANGUAGE sql AS 'SELECT stopped.clock(seconds)';
	SELECT stopped.clock(0);
	ALTER DATABASE postgres SET search_path = public, stopped, pg_catalog;
));
foreach my $block (@blocks)
{
	my ($first_line) = $block->{sql} =~ /^(.*)/;
	my $test = "$block->{heading}: $first_line";
	my $printed = normal(ask($block->{session}, $block->{sql}));

	if (defined $block->{output})
	{
		is($printed, normal($block->{output}), $test);
	}
	else
	{
		unlike($printed, qr/^(ERROR|FATAL|PANIC|WARNING):/m, $test) || diag($printed);
	}
}

foreach my $psql (values %session)
{
	$psql->{in} .= "\\q\n";
	$psql->{run}->finish;
}
$node->stop;
done_testing();
