
# Documents whose blocks of SQL are run, in their order, and do what they show; and
# sections whose examples are sessions of psql.
#
# A block of SQL begins with ```sql, and the name of a session if it is not the
# first.  A block without a language that follows it is what psql prints; without
# one, it only must not fail.  A block of another language is for readers only.

package DocTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(document_runs section_prints);

my %session;

# Errors come where they belong among the results, as in a terminal.
sub open_session
{
	my ($node, $name) = @_;
	my $psql = { in => '', out => '', limit => IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default) };

	$psql->{run} = IPC::Run::start(
		[ 'psql', '-X', '-d', $node->connstr('postgres'), '-v', 'VERBOSITY=default' ],
		'<', \$psql->{in}, '>&', \$psql->{out}, $psql->{limit});
	return $session{$name} = $psql;
}

sub ask
{
	my ($node, $name, $sql) = @_;
	my $psql = $session{$name} // open_session($node, $name);

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

# What is before and between the blocks of SQL and of output: headings.
sub blocks
{
	my ($text) = @_;
	my (@blocks, $heading, $fence);

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
		elsif ($line eq '```text') { $fence = \my $for_readers; }
		elsif ($line =~ /^```/) { die "what is $line?"; }
	}
	die "a block is not closed" if defined $fence;
	return @blocks;
}

# document_runs(NODE, FILE, AT LEAST): a test for each block; there must be so many.
sub document_runs
{
	my ($node, $file, $at_least) = @_;
	my @blocks = blocks(slurp_file($file));

	cmp_ok(scalar @blocks, '>=', $at_least, 'the document has blocks of SQL');
	foreach my $block (@blocks)
	{
		my ($first_line) = $block->{sql} =~ /^(.*)/;
		my $test = "$block->{heading}: $first_line";
		my $printed = normal(ask($node, $block->{session}, $block->{sql}));

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
	%session = ();
}

# ----- sessions of psql -----

# The examples in their order: statements behind a prompt, each with what comes after it,
# and blocks of SQL, which only must not fail.
sub examples
{
	my ($text) = @_;
	my @examples;

	while ($text =~ /^(?:#+ ([^\n(]*)[^\n]*|```(sql|)\n(.*?)^```)$/gms)
	{
		my ($title, $sql, $block) = ($1, $2, $3);

		push @examples, { heading => $title =~ s{`}{}gr } if defined $title;
		next if !defined $block;
		push @examples, { sql => $block } if $sql ne '';
		next if $block !~ /^=/;
		foreach my $example (split /^(?==\*?# )/m, $block)
		{
			$example =~ /^=\*?# (.*?;(?: *--[^\n]*)?)\n(.*)/s or die "no statement: $example";
			push @examples, { sql => $1, output => $2 };
		}
	}
	return @examples;
}

# section_prints(NODE, TEXT, AT LEAST, SKIP): psql prints what the text shows, all in one
# session, as errors are to be where they belong among the results, of the superuser whom
# it shows.  What it may leave out: the tags of commands, and a result as a whole.
sub section_prints
{
	my ($node, $text, $at_least, $skip) = @_;
	my @examples = grep { !defined $_->{sql} || !defined $skip || $_->{sql} !~ $skip } examples($text);
	my $script = PostgreSQL::Test::Utils::tempdir() . '/examples.sql';
	my $connection = $node->connstr('postgres');
	my $heading = '';

	cmp_ok(scalar(grep { defined $_->{sql} } @examples), '>=', $at_least, 'the document has examples');
	append_to_file($script, "\\echo <$_>\n" . ($examples[$_]{sql} // '') . "\n") foreach 0 .. $#examples;
	my $printed = qx(psql -X -U postgres -d "$connection" -v VERBOSITY=default -f "$script" 2>&1);
	my %printed = $printed =~ /^<(\d+)>\n(.*?)(?=^<\d+>\n|\z)/gms;
	foreach my $i (0 .. $#examples)
	{
		my $example = $examples[$i];
		my ($output, $test) = ($printed{$i} // '', "$heading: " . ($example->{sql} // ''));

		$heading = $example->{heading} // $heading;
		next if !defined $example->{sql};
		$output =~ s/^psql:\S+:\d+: //mg;
		if (($example->{output} // '') eq '')
		{
			unlike($output, qr/^(ERROR|FATAL|PANIC|WARNING):/m, $test);
			next;
		}
		$output =~ s/^(?:BEGIN|ROLLBACK|SET|RESET)\n// if $example->{output} !~ /^(?:BEGIN|ROLLBACK|SET|RESET)\n/;
		is($output =~ s/\n+\z//r, $example->{output} =~ s/\n+\z//r, $test);
	}
	unlink $script;
}

1;
