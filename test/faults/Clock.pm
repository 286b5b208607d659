
# A server whose clock can be set: libfaketime (Debian package faketime) in front of
# the C library.  The clock that cannot be set is left alone.

package Clock;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

# Skips the test where the library is not installed.
sub new
{
	my ($class) = @_;
	my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
	my $self;

	plan skip_all => 'libfaketime is not installed (Debian package faketime)' unless defined $library;
	$self = bless { library => $library, file => PostgreSQL::Test::Utils::tempdir('clock') . '/offset' }, $class;
	$self->put('+0');
	return $self;
}

# The file is read at each look at the clock; it is replaced as a whole.
sub put
{
	my ($self, $offset) = @_;

	append_to_file("$self->{file}.new", "$offset\n");
	rename("$self->{file}.new", $self->{file}) or die "rename: $!";
}

sub start
{
	my ($self, $node) = @_;

	local $ENV{LD_PRELOAD} = $self->{library};
	local $ENV{FAKETIME_TIMESTAMP_FILE} = $self->{file};
	local $ENV{FAKETIME_NO_CACHE} = 1;
	local $ENV{DONT_FAKE_MONOTONIC} = 1;

	$node->start;
}

# What the server's processes take for the time of day is off by this much from now on:
# '+3d', and so many days.
sub set
{
	my ($self, $node, $offset, $days) = @_;
	my $time = time + $days * 86400;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->put($offset);
	# to half a day
	is($node->safe_psql('postgres', "SELECT abs(extract(epoch FROM clock_timestamp()) - $time) < 43200"), 't', "the clock is set to $offset");
}

1;
