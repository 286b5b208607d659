
# Two sessions that do the same, one in the schema whose tables are attached or tracked
# and one in its twin, and a comparison of what they are answered.

package Pair;

use strict;
use warnings FATAL => 'all';

use Schema;
use Wire;

# What PostgreSQL may answer one of them and not the other: a lock that is not granted, a
# deadlock, a timeout, and a serialization failure.
my %untold = map { $_ => 1 } qw(55P03 40P01 57014 40001);

# connect(USER, OPTIONS): OPTIONS of the first session
sub connect
{
	my ($class, $user, $options) = @_;
	my $common = '-c client_min_messages=error -c lock_timeout=150ms -c statement_timeout=4s -c jit=off';

	return bless {
		mine => Wire->connect($user, "$common -c search_path=mine -c cache_strategies.results=auto -c cache_strategies.results_min_cost=0 $options"),
		plain => Wire->connect($user, "$common -c search_path=plain -c cache_strategies.results=off") }, $class;
}

sub close { my ($self) = @_; $self->{$_}->vanish foreach qw(mine plain); }

# both(STATEMENT): the answers to it, in both schemas
sub both
{
	my ($self, $statement) = @_;

	$self->{mine}->send(Schema::in(1, $statement));
	$self->{plain}->send(Schema::in(0, $statement));
	return [ $self->{mine}->read ], [ $self->{plain}->read ];
}

# step(STATEMENT): 'same', 'failed' (both), 'untold SQLSTATE', or 'different' with both
# answers
sub step
{
	my ($self, $statement) = @_;

	if ($statement =~ s/^mine: //)
	{
		my $failed = Wire::failed($self->{mine}->do($statement));

		return 'different', "error $failed", 'no error' if $failed =~ /^XX/;
		return $failed eq '' ? 'same' : "untold $failed";
	}
	my ($mine, $plain) = $self->both($statement);
	my ($its, $others) = (Wire::failed(@$mine), Wire::failed(@$plain));

	foreach my $code ($its, $others)
	{
		return "untold $code" if $untold{$code};
	}
	# what a table that defers refuses is said in docs/guarantees.md
	return "untold $its" if $its eq '0A000' && $others eq '' && $self->{deferring};
	return "untold $its" if $its eq '55006' && $others eq '' && $self->{deferring} && $statement =~ /^ALTER TABLE/;
	# A statement that reads by key is planned anew when the table is altered, as a
	# SELECT from the table is.  One that calls a function is not, and may even meet the
	# type of a column that has gone.
	return "untold $others" if $others =~ /^XX/ && $self->{case}{altered};
	return "untold $its$others" if "$its$others" =~ /^(42703|42883|0A000)$/ && $self->{case}{altered};
	return "untold $its" if $its eq '55000' && $self->{case}{detached};
	# not every query can be remembered
	return "untold $its" if $its =~ /^(0A000|55000)$/ && $statement =~ /^SELECT remembered/;
	return 'failed' if $its ne '' && $its eq $others;
	my ($a, $b) = map { join("\n", map { comparable($_) } @$_) } $mine, $plain;
	return 'same' if $a eq $b;
	return 'different', $a, $b;
}

# comparable(RESULT): names and types, rows in one order, and the tag
sub comparable
{
	my ($result) = @_;
	my ($head, @rows) = ('');
	my $tag = '';

	return $result if $result =~ /^error /;
	while (length $result >= 5)
	{
		my ($type, $length) = unpack('aN', $result);
		my $message = substr($result, 0, $length + 1, '');

		push @rows, '(' . join(', ', Wire::unpack_row(substr($message, 5))) . ')' if $type eq 'D';
		$tag = substr($message, 5, -1) if $type eq 'C';
		$head = described(substr($message, 5)) if $type eq 'T';
	}
	return join("\n", $head, (sort @rows), $tag);
}

# Row types have other oids in the other schema.
sub described
{
	my ($message) = @_;
	my @columns;

	my $n = unpack('n', substr($message, 0, 2, ''));
	while ($n--)
	{
		my ($name, undef, undef, $type, undef, $typmod) = unpack('Z*NnNnN', $message);

		substr($message, 0, length($name) + 19, '');
		push @columns, "$name:" . ($type < 16384 ? $type : 'row') . ":$typmod";
	}
	return join(' ', @columns);
}

1;
