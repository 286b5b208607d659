
# One case: a schema and a list of steps, each a statement of one pair of sessions.  The
# steps are made while they are executed, as they depend on what has failed.  A list of
# steps can be executed again, whole or in part.

package Case;

use strict;
use warnings FATAL => 'all';

use Changes;
use Pair;
use Queries;
use Schema;

*pick = \&Schema::pick;
*chance = \&Schema::chance;

# new(user =>, admin => a session, counts => {})
sub new
{
	my ($class, %self) = @_;
	my $deferring = chance(0.35);
	my $self = bless { %self, schema => Schema->new($deferring), deferring => $deferring, steps => [], pool => [] }, $class;

	$self->{pairs} = $deferring ? 1 : 1 + int(rand(3));
	$self->{options} = [ map { join(' ', '', "-c cache_strategies.results_adapt=" . pick('on', 'off', 'off'), chance(0.2) ? '-c enable_indexscan=off' : '', chance(0.2) ? '-c enable_seqscan=off' : '',
			chance(0.2) ? '-c plan_cache_mode=force_generic_plan' : '', chance(0.15) ? '-c cache_strategies.results=off' : '', chance(0.1) ? '-c force_parallel_mode=on' : '', chance(0.15) ? '-c enable_nestloop=off' : '') } 1 .. $self->{pairs} ];
	$self->{setup} = $self->{schema}->copy;
	return $self;
}

sub must
{
	my ($self, $sql) = @_;
	my @results = $self->{admin}->do($sql);

	die "$sql: " . join(' ', grep { /^error/ } @results) . "\n" if Wire::failed(@results);
}

# begin(): both schemas anew, and the sessions
sub begin
{
	my ($self) = @_;
	my $setup = $self->{setup};

	while (($self->{admin}->do('SELECT min(gid) FROM pg_prepared_xacts WHERE database = current_database()'))[0] =~ /D.{4}\x00\x01\x00\x00\x00.(\w+)C/s)
	{
		$self->must("ROLLBACK PREPARED '$1'");
	}
	# what is deferred goes with its table
	$self->must(q(SELECT cache.detach(relation, true) FROM cache.bindings JOIN pg_class c ON c.oid = relation WHERE relnamespace = to_regnamespace('mine')));
	$self->must('DROP SCHEMA IF EXISTS mine, plain CASCADE; CREATE SCHEMA mine; CREATE SCHEMA plain');
	$self->must("SET search_path = $_; " . join('; ', @{ $setup->{ddl} }, @{ $setup->{seed} })) foreach qw(mine plain);
	$self->must('SET search_path = plain; ' . join('; ', @{ $setup->{readers} }));
	$self->must('SET search_path = mine; ' . join('; ', @{ $setup->{attach} }, Schema::remembering(1)));
	$self->must('SET search_path = plain; ' . Schema::remembering(0));
	$self->{sessions} = [ map { Pair->connect($self->{user}, $_) } @{ $self->{options} } ];
	foreach my $pair (@{ $self->{sessions} })
	{
		@$pair{qw(deferring case)} = ($self->{deferring}, $self);
	}
	$self->{state} = [ map { { cursors => {}, prepared => {}, number => 0 } } @{ $self->{sessions} } ];
	$self->{prepared} = {};
}

sub end
{
	my ($self) = @_;

	$_->close foreach @{ $self->{sessions} };
	$self->{sessions} = [];
	$self->must(q(SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname = current_database()));
	$self->{prepared} = {};
}

# ordered(SQL, TYPES)
sub ordered { my ($sql, $types) = @_; return "SELECT * FROM ($sql) q ORDER BY " . join(', ', 1 .. @$types); }

# Each gives a step of a pair, and what it makes of the pair's state.
my %kinds = (
	query => sub {
		my ($self, $state) = @_;
		my $pool = $self->{pool};

		return pick(@$pool) if @$pool && chance(0.45);
		my ($sql) = Queries::query($self->{schema});
		push @$pool, $sql;
		shift @$pool if @$pool > 25;
		return $sql;
	},
	remembered => sub {
		my ($self) = @_;
		my $pool = $self->{remembered} //= [];

		return pick(@$pool) if @$pool && chance(0.6);
		my $sql = 'SELECT remembered($q$' . ordered(Queries::query($self->{schema})) . '$q$)';
		push @$pool, $sql;
		shift @$pool if @$pool > 10;
		return $sql;
	},
	change => sub { my ($self, $state) = @_; return Changes::change($self->{schema}, %{ $state->{cursors} } ? 0 : 0.015); },
	ddl => sub { my ($self, $state) = @_; return if %{ $state->{cursors} }; my ($sql, $then) = Changes::ddl($self->{schema}); return ($sql, sub { $then->($self->{schema}) }); },
	attach => sub {
		my ($self) = @_;
		my $table = $self->{schema}->table;

		return if !$table->{attached} || $self->{deferring};
		return ("mine: SELECT cache.invalidate('$table->{name}')") if chance(0.4);
		return ("mine: SELECT cache.warm('$table->{name}')") if chance(0.4);
		return ("mine: SELECT cache.attach('$table->{name}', '" . pick(qw(cache_aside read_through write_through write_around)) . "')", sub { delete $self->{schema}{tables}{ $table->{name} }{detached} }) if chance(0.7);
		return ("mine: SELECT cache.detach('$table->{name}')", sub { $self->{schema}{tables}{ $table->{name} }{detached} = 1 });
	},
	flush => sub { my ($self) = @_; return $self->{deferring} ? 'mine: SELECT cache.flush()' : (); },
	block => sub {
		my ($self, $state) = @_;

		if (!$state->{block})
		{
			return ('BEGIN' . pick('', '', ' ISOLATION LEVEL REPEATABLE READ', ' ISOLATION LEVEL SERIALIZABLE', ' READ ONLY'), sub { $state->{block} = 1; $state->{saved} = []; $state->{before} = $self->{schema}->copy; });
		}
		return ('SAVEPOINT s' . @{ $state->{saved} }, sub { push @{ $state->{saved} }, $self->{schema}->copy; }) if chance(0.3);
		my $n = @{ $state->{saved} };
		return ("ROLLBACK TO s" . ($n - 1), sub { $self->{schema} = $state->{saved}[ $n - 1 ]->copy; }) if $n && chance(0.4);
		return ("RELEASE s" . ($n - 1), sub { pop @{ $state->{saved} }; }) if $n && chance(0.3);
		return ('COMMIT', sub { $self->over($state); }) if chance(0.7);
		return ('ROLLBACK', sub { $self->{schema} = $state->{before}; $self->over($state); });
	},
	two_phase => sub {
		my ($self, $state) = @_;
		my ($gid) = sort keys %{ $self->{prepared} };

		return (pick('COMMIT', 'ROLLBACK') . " PREPARED '{schema}_$gid'", sub { delete $self->{prepared}{$gid}; }) if defined $gid && !$state->{block};
		return if !$state->{block} || $state->{ddl} || $self->{deferring};
		$gid = 'g' . ++$self->{gids};
		return ("PREPARE TRANSACTION '{schema}_$gid'", sub { $self->over($state); $self->{prepared}{$gid} = 1; });
	},
	prepared => sub {
		my ($self, $state) = @_;
		my @names = sort keys %{ $state->{prepared} };

		if (@names && chance(0.75))
		{
			my $name = pick(@names);

			return "EXECUTE $name (" . join(', ', map { Schema::literal($_) } @{ $state->{prepared}{$name} }) . ')';
		}
		my @types = qw(int text);
		my $name = 'p' . ++$state->{number};
		my ($sql) = Queries::query($self->{schema}, undef, \@types);
		return ("PREPARE $name (" . join(', ', map { Schema::type($_) } @types) . ") AS $sql", sub { $state->{prepared}{$name} = \@types; });
	},
	cursor => sub {
		my ($self, $state) = @_;
		my @names = sort keys %{ $state->{cursors} };

		if (@names && chance(0.75))
		{
			my $name = pick(@names);

			return ("CLOSE $name", sub { delete $state->{cursors}{$name}; }) if chance(0.1);
			return pick('FETCH', 'FETCH', 'MOVE') . ' ' . ($state->{cursors}{$name} ? pick('NEXT', 'PRIOR', '3', 'BACKWARD 2', 'FIRST', 'LAST', 'ABSOLUTE 2', 'ALL', 'BACKWARD ALL') : pick('NEXT', '2', 'ALL')) . " FROM $name";
		}
		return if !$state->{block};
		my $name = 'c' . ++$state->{number};
		my $scroll = chance(0.5);
		return ("DECLARE $name " . ($scroll ? 'SCROLL ' : 'NO SCROLL ') . 'CURSOR FOR ' . ordered(Queries::query($self->{schema})), sub { $state->{cursors}{$name} = $scroll; });
	},
	function => sub {
		my ($self, $state) = @_;
		my @names = sort keys %{ $self->{functions} };

		return 'SELECT ' . pick('g, ', '') . 'f.v FROM generate_series(1, 2) g, ' . pick(@names) . '(' . pick('g', int(rand(5))) . ", 'a') f (v)" if @names && chance(0.75);
		my $name = 'f' . ++$self->{number};
		my $query = ordered(Queries::query($self->{schema}, undef, [qw(int text)]));
		return ("CREATE FUNCTION $name(int, text) RETURNS SETOF text LANGUAGE plpgsql " . pick('STABLE', 'VOLATILE') . " AS \$f\$ DECLARE r record; BEGIN FOR r IN SELECT z::text AS v FROM ($query) z LOOP RETURN NEXT r.v; END LOOP; END \$f\$",
			sub { $self->{functions}{$name} = 1; });
	},
	setting => sub {
		return 'SET ' . pick('enable_seqscan', 'enable_indexscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_nestloop', 'enable_mergejoin', 'enable_material', 'enable_memoize', 'enable_sort', 'enable_hashagg') . ' = ' . pick('on', 'off') if chance(0.7);
		return 'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan') if chance(0.5);
		return 'SET cache_strategies.results = ' . pick('auto', 'auto', 'off') if chance(0.5);
		return 'SET cache_strategies.plain_reads = ' . pick('on', 'on', 'off');
	});

my @weighted = (('query') x 24, ('change') x 14, ('block') x 7, ('prepared') x 6, ('cursor') x 4, ('function') x 3, ('remembered') x 3, ('ddl') x 1, ('attach') x 1, ('flush') x 1, ('setting') x 2, ('two_phase') x 1);

sub over
{
	my ($self, $state) = @_;

	delete $state->{block};
	delete $state->{ddl};
	$state->{cursors} = {};
}

# execute(STEP): the outcome, as Pair::step() gives it
sub execute
{
	my ($self, $step) = @_;
	my $pair = $self->{sessions}[ $step->{pair} ];

	$self->{altered} = 1 if $step->{sql} =~ /^ALTER/;
	$self->{detached} = 1 if $step->{sql} =~ /cache\.detach/;
	if ($step->{sql} =~ /\{schema\}/)
	{
		# a name that is the server's
		my @results = map { Wire::failed($pair->{$_}->do($step->{sql} =~ s/\{schema\}/$_/r)) } qw(mine plain);

		return $results[0] eq $results[1] ? ($results[0] eq '' ? 'same' : 'failed') : "untold $results[0]$results[1]";
	}
	return $pair->step($step->{sql});
}

# run(STEPS): so many of them, made as they go.  Returns what differs, or undef.
sub run
{
	my ($self, $steps) = @_;

	$self->begin;
	while (@{ $self->{steps} } < $steps)
	{
		my $number = int(rand($self->{pairs}));
		my $state = $self->{state}[$number];
		my $kind = pick(@weighted);
		my ($sql, $then) = $state->{broken} ? ('ROLLBACK', sub { $self->{schema} = $state->{before}; $self->over($state); delete $state->{broken}; }) : $kinds{$kind}->($self, $state);

		next if !defined $sql;
		my $step = { pair => $number, sql => $sql };
		push @{ $self->{steps} }, $step;
		my ($outcome, @answers) = $self->execute($step);

		$self->{counts}{$outcome}++;
		$self->{counts}{"kind $kind"}++;
		return [@answers] if $outcome eq 'different';
		$state->{ddl} = 1 if $kind eq 'ddl' || $kind eq 'attach';
		if ($outcome eq 'same')
		{
			$then->() if $then;
		}
		elsif ($state->{block} && $sql =~ /^PREPARE TRANSACTION/)
		{
			$self->forget($number);
		}
		elsif ($state->{block})
		{
			$state->{broken} = 1;
		}
		elsif ($outcome =~ /^untold/)
		{
			# one of them may have changed what the other has not
			return undef;
		}
	}
	return undef;
}

# Both are out of their transactions, whatever became of them.
sub forget
{
	my ($self, $number) = @_;
	my $state = $self->{state}[$number];

	$self->{sessions}[$number]{$_}->do('ROLLBACK') foreach qw(mine plain);
	$self->{schema} = $state->{before};
	$self->over($state);
}

# again(STEPS): what differs when these are executed, and after which
sub again
{
	my ($self, $steps) = @_;

	$self->begin;
	for my $i (0 .. $#$steps)
	{
		my ($outcome, @answers) = $self->execute($steps->[$i]);

		if ($outcome eq 'different')
		{
			$self->end;
			return ($i, @answers);
		}
	}
	$self->end;
	return (-1);
}

1;
