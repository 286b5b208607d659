
# A client that speaks PostgreSQL's protocol itself: it knows portals that are fetched
# in parts, sends to several sessions before it reads from any, and what it returns is
# what came over the wire, byte for byte.

package Wire;

use strict;
use warnings FATAL => 'all';

use IO::Socket::UNIX;
use Socket qw(SOCK_STREAM);

# connect(USER, OPTIONS): to the server in PGHOST and so on.
sub connect
{
	my ($class, $user, $options) = @_;
	my $path = "$ENV{PGHOST}/.s.PGSQL.$ENV{PGPORT}";
	my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) or die "could not connect to $path: $!\n";
	my $self = bless { socket => $socket, buffer => '', out => '', prepared => {}, statements => 0 }, $class;
	my $startup = pack('N', 196608) . join('', map { "$_\0" } user => $user, database => $ENV{PGDATABASE}, options => $options) . "\0";

	$self->{out} = pack('N', 4 + length $startup) . $startup;
	$self->flush;
	my @results = $self->read;
	die "could not connect: @results\n" if @results;
	return $self;
}

sub flush
{
	my ($self) = @_;
	my $done = 0;

	while ($done < length $self->{out})
	{
		$done += syswrite($self->{socket}, $self->{out}, length($self->{out}) - $done, $done) // die "the server is gone: $!\n";
	}
	$self->{out} = '';
}

sub message { $_[0]->{out} .= $_[1] . pack('N', 4 + length $_[2]) . $_[2]; }

# Several statements in one message of the simple protocol.
sub send
{
	my ($self, $sql) = @_;

	$self->{in_parts} = 0;
	$self->message('Q', "$sql\0");
	$self->flush;
}

# prepare(SQL): the name of a statement of this session.
sub prepare
{
	my ($self, $sql) = @_;

	return $self->{prepared}{$sql} //= do
	{
		my $name = 's' . ++$self->{statements};

		$self->message('P', "$name\0$sql\0" . pack('n', 0));
		$name;
	};
}

# forget(): what is prepared, as after an error.
sub forget { $_[0]->{prepared} = {}; }

# bind(PORTAL, NAME, BINARY, PARAMETER...), and describe it
sub bind
{
	my ($self, $portal, $name, $binary, @params) = @_;

	$self->message('B', "$portal\0$name\0" . pack('nn', 0, scalar @params) .
		join('', map { defined $_ ? pack('N/a*', $_) : pack('N', 0xffffffff) } @params) . pack('nn', 1, $binary ? 1 : 0));
	$self->message('D', "P$portal\0");
}

# execute(PORTAL, ROWS), 0 for all of them, and close_portal(PORTAL)
sub execute { $_[0]->message('E', "$_[1]\0" . pack('N', $_[2])); }
sub close_portal { $_[0]->message('C', "P$_[1]\0"); }

# sync(): the end of what was sent by the extended protocol
sub sync
{
	my ($self) = @_;

	$self->{in_parts} = 1;
	$self->message('S', '');
	$self->flush;
}

# vanish(): without a word, whatever the session is doing
sub vanish { $_[0]->{socket}->close; }

sub more
{
	my ($self) = @_;
	my $n = sysread($self->{socket}, $self->{buffer}, 65536, length $self->{buffer});

	die "the server is gone\n" if !$n;
}

# read(): the results of all that was sent, one string each: description, rows and tag,
# or "error SQLSTATE message".  Of the extended protocol a result is what comes until
# its portal is closed, without the tags, in however many parts.
sub read
{
	my ($self) = @_;
	my @results;
	my $result = '';

	while (1)
	{
		$self->more while length $self->{buffer} < 5;
		my ($type, $length) = unpack('aN', $self->{buffer});
		$self->more while length $self->{buffer} <= $length;
		my $message = substr($self->{buffer}, 0, $length + 1, '');

		if ($type eq 'D' || $type eq 'T' || $type eq 'd')
		{
			$result .= $message;
		}
		elsif ($self->{in_parts} ? $type eq '3' : $type eq 'C' || $type eq 'I')
		{
			push @results, $self->{in_parts} ? $result : $result . $message;
			$result = '';
		}
		elsif ($type eq 'E')
		{
			push @results, 'error ' . join(' ', $message =~ /\0C(\w+)\0M([^\0]*)\0/);
			$result = '';
		}
		elsif ($type eq 'G')
		{
			$self->message('d', $self->{copy});
			$self->message('c', '');
			$self->flush;
		}
		return @results if $type eq 'Z';
	}
}

# do(SQL): and read it.
sub do
{
	my ($self, $sql) = @_;

	$self->send($sql);
	return $self->read;
}

# value(RESULT): of its only row the only column.
sub value { return $_[0] =~ /D....\x00\x01....(.*)C....SELECT 1\0\z/s ? $1 : die 'no value: ' . readable($_[0]) . "\n"; }

# failed(RESULT...): the first error's SQLSTATE, if there was one.
sub failed
{
	foreach (@_)
	{
		return $1 if /^error (\w*)/;
	}
	return '';
}

# readable(RESULT): for a message.
sub readable
{
	my ($result) = @_;
	my $text = '';

	return $result if $result =~ /^error /;
	while (length $result >= 5)
	{
		my ($type, $length) = unpack('aN', $result);
		my $message = substr($result, 0, $length + 1, '');

		$text .= '(' . join(', ', unpack_row(substr($message, 5))) . ')' if $type eq 'D';
		$text .= substr($message, 5, -1) if $type eq 'C';
	}
	return $text;
}

sub unpack_row
{
	my ($row) = @_;
	my @values;

	my $n = unpack('n', substr($row, 0, 2, ''));
	while ($n--)
	{
		my $length = unpack('l>', substr($row, 0, 4, ''));

		push @values, $length < 0 ? 'NULL' : substr($row, 0, $length, '') =~ s/[^\x20-\x7e]/?/gr;
	}
	return @values;
}

1;
