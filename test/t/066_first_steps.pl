
# What a newcomer pastes first prints what is shown: "Five minutes" of README.md, write_back
# in docs/strategies.md, and docs/plain_sql.md.  Each begins in a database of its own.

# Part of the short form.

use strict;
use warnings FATAL => 'all';

use CacheTest;
use DocTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('main');

# The document's time zone, and the superuser whom it shows.
$node->safe_psql('postgres', q(
	ALTER SYSTEM SET timezone = 'UTC';
	SELECT pg_reload_conf();
	DO $$ BEGIN CREATE ROLE postgres LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN END $$;
	CREATE ROLE app;
));

# steps(FILE, FROM, TO, AT LEAST, TABLES): the part of the file between two headings.
sub steps
{
	my ($file, $from, $to, $at_least, @made) = @_;
	my ($section) = slurp_file($file) =~ /^(\Q$from\E\n.*?)^\Q$to\E/ms or die "$file: not there: $from";

	$node->safe_psql('postgres', 'CREATE EXTENSION cache_strategies');
	# what is deferred stays so, however slow the machine is
	section_prints($node, $section =~ s/(flush_interval => )'1 min'/$1'1 day'/r, $at_least);
	$node->safe_psql('postgres', join(' ', map { "DROP TABLE $_;" } @made) . ' DROP EXTENSION cache_strategies CASCADE');
}

steps('README.md', '## Five minutes', '## The strategies', 30, qw(products pages sales));
steps('docs/strategies.md', '## write_back', '## Which one?', 14, qw(pages));
steps('docs/plain_sql.md', '# Plain SQL', '## Django', 11, qw(sales documents orders customers));
$node->stop;
done_testing();
