
# Faults of the system, for the servers of TAP tests: a library in front of the C
# library (shim.c) that lets allocations and syncs fail, and the file that says which.

package Faults;

use strict;
use warnings FATAL => 'all';

use Fcntl qw(:DEFAULT :seek);
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# As in shim.c: where the fields are.
my %at = (malloc_one_in => 0, malloc_failed => 4, fsync_left => 8, fsync_failed => 12, path => 16, victims => 80);

use constant VICTIMS => 64;

sub new
{
	my ($class) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir('faults');
	my $self = bless { library => "$dir/shim.so", file => "$dir/control" }, $class;
	my $log;

	IPC::Run::run([ 'gcc', '-std=gnu11', '-O2', '-fPIC', '-shared', '-o', $self->{library}, dirname(__FILE__) . '/shim.c' ],
		'&>', \$log)
	  or BAIL_OUT("the shim does not compile: $log");
	sysopen($self->{control}, $self->{file}, O_RDWR | O_CREAT) or die "$self->{file}: $!";
	$self->put('malloc_one_in', "\0" x 4096);
	return $self;
}

sub put
{
	my ($self, $field, $bytes) = @_;

	sysseek($self->{control}, $at{$field}, SEEK_SET);
	syswrite($self->{control}, $bytes) == length $bytes or die "$self->{file}: $!";
}

sub get
{
	my ($self, $field) = @_;
	my $bytes;

	sysseek($self->{control}, $at{$field}, SEEK_SET);
	sysread($self->{control}, $bytes, 4) == 4 or die "$self->{file}: $!";
	return unpack('l', $bytes);
}

# Start a server that has the library.
sub start
{
	my ($self, $node, @args) = @_;

	local $ENV{LD_PRELOAD} = $self->{library};
	local $ENV{CS_FAULTS} = $self->{file};
	return $node->start(@args);
}

# So many syncs of files fail, whose name contains the text.
sub fail_syncs
{
	my ($self, $n, $path) = @_;

	$self->put('path', pack('Z64', $path));
	$self->put('fsync_left', pack('l', $n));
}

# One of so many allocations fails in these processes.
sub fail_memory
{
	my ($self, $one_in, @pids) = @_;

	$self->put('malloc_one_in', pack('l', 0));
	$self->put('victims', pack('l' . VICTIMS, @pids, (0) x (VICTIMS - @pids)));
	$self->put('malloc_one_in', pack('l', $one_in));
}

1;
