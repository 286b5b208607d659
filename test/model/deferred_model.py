#!/usr/bin/env python3
"""Explicit-state check of deferred writes (write_back).

One key.  Every interleaving of the actors' atomic steps is explored, breadth first.

  T1, T2  transactions that defer: 'a' an addition, 'ar' an addition and a replacement, 'w' a whole row,
          's' an UPDATE that sets the column that is added to, and defers the difference
  D       a transaction that changes the row by plain SQL: 'o' UPDATE of a column without merge rule,
          'r' UPDATE of the replace column, 'del', 'delins' DELETE and INSERT, 'ins' INSERT, 's' UPDATE that
          sets the column that is added to, taking along what is deferred, if there is any
  X       a flusher: end the commit epoch, wait, take, snapshot, row lock and apply, look again, INFLIGHT, commit,
          callback; it may be cancelled while it waits, be rolled back, and come again
  R       readers: e1, F and the base row, e2, again if something has left; 'plain' ones have a snapshot S of their
          own: what has left before ('rc'), S, the entry, then whether all that has left is visible in S or
          nothing has left since; otherwise they read as the others do.  In 'rr' S is older than the read
  fold    COMMITTED records of the entry are folded, at any time the rule allows it
  crash   at any time (durable): table, committed journal rows and `flushed` stay; then the replay

A row is (tuple, base, adds, r, o): `tuple` is the physical identity that an UPDATE of an older snapshot
follows, `base` its maker, `adds` the additions, r and o the setters of the two columns.  So nothing can be lost,
doubled or reordered without being seen.  A difference has additions that are taken off, '-T1'; setting the
column to a value leaves nothing but one's own addition.

Atomic steps: one fetch-and-add, one swap or alter of the entry, one snapshot with its read, one row lock
with the change of the row, becoming visible (with commit record and journal rows), one callback.
Row locks are free when the holder is visible, which is before its callback.

CHECKED, whenever no transaction is under way.  There is one serial order of all committed T and D such that
  - it is consistent with real time: what was acknowledged before another began comes first;
  - executing it gives exactly what table and entry hold together (after a crash: the table);
  - each read is that order's execution of a set of them which has everything that was acknowledged before
    the read began, and everything that an earlier read had, and nothing that was not visible when it ended.
Also: no transaction waits for ever; a read in the flusher's own transaction sees what others see.
The option `causal` demands in addition that such a set is closed under real time ('limit' below).

OUTPUT  For each configuration: states, OK or the violation with a shortest trace.  Each mutant lacks one
guard and must be killed by one of its configurations.  A [limit] is a property that is NOT promised; that
it does not hold is confirmed.  Exit status 1 if anything is not as expected.
USAGE   deferred_model.py [--deep] [--traces] [part of a name]
"""
import sys
from collections import Counter, namedtuple
from itertools import permutations, product

import explorer

EPOCH = 16                                    # stamp = epoch * EPOCH + counter
RESERVED, COMMITTED, TAKEN, INFLIGHT = 'RESERVED', 'COMMITTED', 'TAKEN', 'INFLIGHT'
BIT_D, BIT_X, BIT_R = 4, 8, 64                # T1, T2: 1, 2; T3, where there is no D: 4; flusher: 8, 16, 32; readers: 64, 128
OPS = 7
CANCEL_R, CANCEL_O, CANCEL_ALL = 1, 2, 4
NEVER = 1 << 30

Record = namedtuple('Record', 'id stamp xid state delta')
Delta = namedtuple('Delta', 'cancel whole adds r o')         # r, o: None or (stamp, who)
Row = namedtuple('Row', 'tuple base adds r o')
Txn = namedtuple('Txn', 'pc stamp epoch prec found row')     # pc -1: ended
Flusher = namedtuple('Flusher', 'pc n b eff seen tuple row')  # row: () not changed, else (new row,)
Reader = namedtuple('Reader', 'pc prec e1 vis base end value')
State = namedtuple('State', 'row epoch cnt writers records gen nextgen journal flushed ts d x rs vis acked closed '
                   'crashes folds others removals removed')
NOTHING = Delta(0, None, (), None, None)
IDLE = Flusher('idle', 0, 0, None, (), None, ())
ENDED = -1


class Config:
    def __init__(self, name, ts, d=None, rounds=1, readers=0, durable=True, crashes=0, present=True, mut='',
                 folds=0, split=False, causal=False, own=False, abort=True, deep=False, self_flush=False,
                 carry=False, others=0, plain=''):
        self.plain = plain
        self.name, self.ts, self.d, self.rounds, self.readers = name, tuple(ts.split()), d, rounds, readers
        self.durable, self.crashes, self.present = durable, crashes, present
        self.folds, self.split, self.causal, self.own, self.abort = folds, split, causal, own, abort
        self.deep, self.self_flush, self.carry, self.others = deep, self_flush, carry, others
        self.set_mutant(mut)

    def set_mutant(self, mut):
        self.mut = frozenset(mut.split())
        self.epochs = self.durable or 'volatile_no_epoch' not in self.mut
        self.xid = self.durable or 'volatile_xid' in self.mut
        early = ['stamp'] if 'stamp_at_statement' in self.mut else []
        enter = ['read_epoch', 'enter', 'draw'] if self.split else ['enter', 'draw']
        enter = enter if self.epochs else ['draw']
        if 'stamp_before_reserve' in self.mut:
            self.t_path = enter + ['reserve', 'commit', 'callback']
        else:
            self.t_path = early + ['reserve'] + enter + ['commit', 'callback']
        self.s_path = ['lock', 'copy', 'view'] + self.t_path[:-2] + ['check'] + self.t_path[-2:]
        if 'set_unlocked' in self.mut:
            self.s_path = ['copy', 'view', 'lock'] + self.t_path
        if 'look_before_stamp' in self.mut:
            self.d_path = ['lock', 'look'] + enter + ['commit', 'callback']
        elif 'd_no_epoch' in self.mut:
            self.d_path = ['lock', 'draw', 'look', 'commit', 'callback']
        else:
            self.d_path = ['lock'] + enter + ['look', 'commit', 'callback']
        if self.d == 's':
            self.d_path[1:1] = ['copy', 'view']

    def path(self, i):
        return self.s_path if self.ts[i] == 's' else self.t_path


# ------------------------------------------------------------------ deltas
def cancel(delta, what):
    """What is left of a delta after a later cancel."""
    if what & CANCEL_ALL:
        return NOTHING
    return delta._replace(r=None if what & CANCEL_R else delta.r, o=None if what & CANCEL_O else delta.o)


def later_column(a, b):
    return b if a is None or (b is not None and b[0] >= a[0]) else a


def total(adds):
    """Additions, without those that have been taken off."""
    count = Counter()
    for who in adds:
        count[who.lstrip('-')] += -1 if who[0] == '-' else 1
    return tuple(sorted(('-' if n < 0 else '') + who for who, n in count.items() for _ in range(abs(n))))


def difference(new, old):
    return total(new + tuple(who[1:] if who[0] == '-' else '-' + who for who in old))


def fold(acc, later):
    """acc, then later; columns have their own stamps."""
    if later.cancel:
        left = cancel(acc, later.cancel)
        both = acc.cancel | later.cancel
        acc = left._replace(cancel=CANCEL_ALL if both & CANCEL_ALL else both)
    if later.whole:
        return later._replace(cancel=acc.cancel)
    return acc._replace(adds=total(acc.adds + later.adds), r=later_column(acc.r, later.r),
                        o=later_column(acc.o, later.o))


def apply(row, delta, new_tuple='?'):
    if delta.whole:
        old = row or Row(new_tuple, '-', (), '-', '-')
        row = Row(old.tuple, delta.whole, (), old.r, old.o)
    if row is None:
        return None
    return row._replace(adds=total(row.adds + delta.adds), r=delta.r[1] if delta.r else row.r,
                        o=delta.o[1] if delta.o else row.o)


def is_empty(delta):
    return not (delta.whole or delta.adds or delta.r or delta.o)


def in_order(records):
    return sorted(records, key=lambda p: p.stamp or NEVER)


def view(cfg, base, records, vis):
    """What a reader makes of the base row and the records of the entry."""
    acc = NOTHING
    for p in in_order(records or ()):
        visible = p.xid == 0 or bool(p.xid & vis)
        if p.state == INFLIGHT:
            takes = not p.xid & vis or 'inflight_always' in cfg.mut
            takes = takes and 'inflight_never' not in cfg.mut
        elif p.state == RESERVED:
            takes = visible and p.xid != 0 and bool(p.delta.cancel)
        elif p.state == COMMITTED and p.delta.cancel and 'cancel_ignores_F' not in cfg.mut:
            takes = visible
        else:
            takes = True
        if takes:
            acc = fold(acc, p.delta)
    return content(apply(base, acc))


def content(row):
    return row[1:] if row else None


# ------------------------------------------------------------------ the truth
def execute(cfg, op, row):
    """One T or D, alone; False if it could not have been executed then."""
    if op == BIT_D and cfg.d:
        if cfg.d == 'ins':
            return False if row else ('D', (), 'D', 'D')
        if row is None:
            return False
        return {'o': row[:3] + ('D',), 'r': row[:2] + ('D',) + row[3:], 'del': None, 'delins': ('D', (), 'D', 'D'),
                's': (row[0], ('D',), row[2], 'D')}[cfg.d]
    i = op.bit_length() - 1
    kind, who = cfg.ts[i], 'T%d' % (i + 1)
    if kind == 'w':
        return (who, (), who, who)
    if row is None:
        return None
    adds = (who,) if kind == 's' else total(row[1] + (who,))
    return (row[0], adds, who if kind == 'ar' else row[2], row[3])


def run(cfg, order, members):
    row = content(initial_row(cfg))
    for op in order:
        if op & members:
            row = execute(cfg, op, row)
            if row is False:
                return False
    return row


def initial_row(cfg):
    return Row('t', 't', ('t',), 't', 't') if cfg.present else None


def explained(cfg, done, prec, reads, final):
    """Is there a serial order?  done: mask of committed ones; prec: (op, acknowledged before it began)."""
    prec = dict(prec)
    ops = [op for op in (1, 2, 4) if op & done]
    subsets = [m for m in range(8) if m & done == m]
    if cfg.causal:
        subsets = [m for m in subsets if all(prec[op] & OPS & done & ~m == 0 for op in ops if op & m)]
    for order in permutations(ops):
        if any(prec[a] & b for i, a in enumerate(order) for b in order[i + 1:]):
            continue
        if run(cfg, order, done) != final:
            continue
        choices = [[m for m in subsets if r.prec & done & ~m == 0 and m & ~r.end == 0 and run(cfg, order, m) == r.value]
                   for _, r in reads]
        for sets in product(*choices):
            if all(not (r.prec & (BIT_R << j)) or sets[x] & ~sets[y] == 0
                   for x, (j, _) in enumerate(reads) for y, (_, r) in enumerate(reads)):
                return True
    return False


def quiet(s):
    return (all(t.pc in (0, ENDED) for t in s.ts) and (s.d is None or s.d.pc in (0, ENDED)) and s.x.pc == 'idle' and
            all(r.pc in ('idle', 'read', 'lost') for r in s.rs) and not s.closed)


def wrong(cfg, s, memo):
    if not quiet(s):
        return None
    final = view(cfg, s.row, s.records, s.vis)
    prec = [(1 << i, t.prec) for i, t in enumerate(s.ts)] + ([(BIT_D, s.d.prec)] if s.d else [])
    reads = tuple((i, r) for i, r in enumerate(s.rs) if r.pc == 'read')
    key = (s.vis & OPS, tuple(prec), reads, final)
    if key not in memo:
        memo[key] = None
        if not explained(cfg, s.vis & OPS, prec, reads, final):
            memo[key] = 'no serial order of {%s} explains %s%s' % (
                ' '.join(n for b, n in ((1, 'T1'), (2, 'T2'), (4, 'D' if cfg.d else 'T3')) if s.vis & b), show(final),
                ''.join(' and read %s' % show(r.value) for _, r in reads))
    return memo[key]


def show(row):
    return 'no row' if row is None else 'row(of %s, adds {%s}, r=%s, o=%s)' % (row[0], ' '.join(row[1]), row[2], row[3])


# ------------------------------------------------------------------ shared words and the entry
def put(seq, i, value):
    return seq[:i] + (value,) + seq[i + 1:]


def add_record(cfg, s, record):
    """A swap.  An entry that is made anew has a gen that no other has had."""
    if s.records is None:
        first = 0 if 'gen_restarts' in cfg.mut else s.nextgen
        return dict(records=(record,), gen=first, nextgen=s.nextgen + 1)
    return dict(records=s.records + (record,))


def with_records(cfg, s, records, leaves):
    """Another set of records; 'leaves': something has left the entry."""
    kw = dict(records=tuple(records) or None)
    if leaves:
        kw.update(gen=s.gen + 1 if 'gen_restarts' in cfg.mut else s.nextgen, nextgen=s.nextgen + 1)
    return kw


def note(cfg, s, bits, mutant):
    """Say what is about to leave the entry: changes of these transactions, which have ended."""
    if not cfg.plain or mutant in cfg.mut:
        return {}
    return dict(removals=s.removals + 1, removed=s.removed | bits)


def cancellers(records):
    bits = 0
    for p in records:
        bits |= p.xid if p.delta.cancel else 0
    return bits


def is_absolute(record):
    return bool(record.delta.cancel or record.delta.whole)


def fold_step(cfg, s, out):
    ready = [p for p in s.records or () if p.state == COMMITTED]
    reserved = [p for p in s.records or () if p.state == RESERVED]
    if s.folds == 0 or len(ready) < 2:
        return
    if any(is_absolute(p) for p in reserved) and 'fold_past_cancel' not in cfg.mut:
        return                                # its stamp may lie between theirs
    if len({p.stamp // EPOCH for p in ready}) > 1 and 'fold_across_epochs' not in cfg.mut:
        return                                # a boundary lies between them
    looked = s.d and s.d.found and 'fold_after_look' in cfg.mut
    if s.d and s.d.pc > 0 and s.d.stamp and not looked and 'fold_ignores_writers' not in cfg.mut:
        return                                # its stripe is marked since before it drew its stamp
    if reserved and any(is_absolute(p) for p in ready) and 'fold_absolute' not in cfg.mut:
        return                                # its stamp may lie between the cancel and the rest
    acc = NOTHING
    for p in in_order(ready):
        acc = fold(acc, p.delta)
    record = Record('fold', max(p.stamp for p in ready), 0, COMMITTED, acc)
    records = [p for p in s.records if p not in ready] + [record]
    leaves = any(p.delta.cancel for p in ready) and 'fold_keeps_gen' not in cfg.mut
    noted = note(cfg, s, cancellers(ready), 'fold_unnoted') if any(p.delta.cancel for p in ready) else {}
    out.append((s._replace(folds=s.folds - 1, **with_records(cfg, s, records, leaves), **noted), 'fold of COMMITTED records'))


def leave(s, t):
    if not t.epoch:
        return s.writers
    p = t.epoch & 1
    return put(s.writers, p, s.writers[p] - 1)


def epoch_step(cfg, s, t, step):
    """Entering the epoch and drawing: (new state of the transaction, changes of shared words)."""
    if step == 'read_epoch':
        return t._replace(epoch=s.epoch, pc=t.pc + 1), {}
    if step == 'enter':
        epoch = t.epoch or s.epoch
        p = epoch & 1
        return t._replace(epoch=epoch, pc=t.pc + 1), dict(writers=put(s.writers, p, s.writers[p] + 1))
    stamp = s.epoch * EPOCH + s.cnt
    shared = dict(cnt=s.cnt + 1)
    if step == 'draw' and t.epoch and s.epoch != t.epoch:      # not the epoch that was entered: again
        shared['writers'] = leave(s, t)
        return t._replace(epoch=0, pc=t.pc - (2 if cfg.split else 1)), shared
    return t._replace(stamp=t.stamp or stamp, pc=t.pc + 1), shared


def stamped(delta, stamp):
    return delta._replace(r=delta.r and (stamp, delta.r[1]), o=delta.o and (stamp, delta.o[1]))


def flip(s, me, stamp, commit):
    """COMMIT or ABORT callback: in place; a DEAD record is as good as none."""
    records = []
    for p in s.records or ():
        if p.id == me and p.state == RESERVED:
            if commit:
                records.append(p._replace(state=COMMITTED, stamp=stamp, delta=stamped(p.delta, stamp)))
        else:
            records.append(p)
    return tuple(records) or None


def write_journal(cfg, s, stamp, delta):
    if not cfg.durable or stamp < s.flushed:            # such a row is never read again
        return s.journal
    return tuple(sorted(s.journal + ((stamp, delta),), key=lambda e: e[0]))


# ------------------------------------------------------------------ transactions that defer
def t_delta(cfg, i, t):
    who = 'T%d' % (i + 1)
    if cfg.ts[i] == 's':
        return Delta(0, None, t.row, None, None)
    return {'a': Delta(0, None, (who,), None, None), 'ar': Delta(0, None, (who,), (NEVER, who), None),
            'w': Delta(0, who, (), (NEVER, who), (NEVER, who))}[cfg.ts[i]]


def t_steps(cfg, s, i, out):
    t, me, bit = s.ts[i], 'T%d' % (i + 1), 1 << i
    if t.pc == ENDED or (t.pc == 0 and s.closed and 'no_gate_t' not in cfg.mut):
        return
    step = cfg.path(i)[t.pc]
    if t.pc == 0:
        t = t._replace(prec=s.acked)

    def go(label, new, **kw):
        out.append((s._replace(ts=put(s.ts, i, new), **kw), me + ' ' + label))

    if step == 'lock':
        if locked(cfg, s):
            return
        if s.row is None:
            go('finds no row', Txn(ENDED, 0, 0, t.prec, 0, None))
        else:
            go('locks the row', t._replace(pc=t.pc + 1))
    elif step == 'copy':
        if settled(cfg, s):
            go('copies the entry', t._replace(pc=t.pc + 1, found=s.records))
    elif step == 'view' and any(p.delta.whole for p in t.found or ()):
        go('leaves it to the table', Txn(ENDED, 0, 0, t.prec, 0, None))
    elif step == 'check' and 'set_over_whole' not in cfg.mut and any(p.delta.whole for p in s.records or ()):
        go('finds a whole row: error', Txn(ENDED, 0, 0, t.prec, 0, None), records=flip(s, me, 0, False),
           writers=leave(s, t))
    elif step == 'check':
        go('finds no whole row', t._replace(pc=t.pc + 1))
    elif step == 'view':
        seen = view(cfg, s.row, () if 'set_from_table' in cfg.mut else t.found, s.vis)
        go('sets the column', t._replace(pc=t.pc + 1, found=0, row=difference((me,), seen[1] if seen else ())))
    elif step == 'reserve':
        xid = bit if cfg.xid or cfg.ts[i] == 's' else 0
        record = Record(me, t.stamp if 'stamp_before_reserve' in cfg.mut else 0, xid, RESERVED,
                        t_delta(cfg, i, t))
        go('reserves', t._replace(pc=t.pc + 1), **add_record(cfg, s, record))
    elif step in ('stamp', 'read_epoch', 'enter', 'draw'):
        new, kw = epoch_step(cfg, s, t, step)
        go('%s%s' % (step, ' %d' % new.stamp if new.stamp else ' (again)' if step == 'draw' else ''), new, **kw)
    elif step == 'commit':
        go('is committed and visible', t._replace(pc=t.pc + 1), vis=s.vis | bit,
           journal=write_journal(cfg, s, t.stamp, stamped(t_delta(cfg, i, t), t.stamp)))
        if cfg.abort:
            go('aborts', Txn(ENDED, 0, 0, t.prec, 0, None), records=flip(s, me, 0, False), writers=leave(s, t))
    elif step == 'callback':
        if 'leave_before_flip' in cfg.mut and t.epoch:
            go('leaves', t._replace(epoch=0), writers=leave(s, t))
            return
        go('flips, leaves: acknowledged', Txn(ENDED, 0, 0, t.prec, 0, None), records=flip(s, me, t.stamp, True),
           writers=leave(s, t), acked=s.acked | bit)


# ------------------------------------------------------------------ the direct change
def settled(cfg, s):
    """The transaction that had the row before has flipped its record."""
    return 'set_no_wait' in cfg.mut or not any(p.state == RESERVED and p.xid & s.vis and not p.delta.cancel
                                               for p in s.records or ())


def arrived(cfg, s):
    """The transactions that have added a record to the entry."""
    return frozenset(i for i, t in enumerate(s.ts)
                     if t.pc > cfg.path(i).index('reserve') or (t.pc == ENDED and s.vis & 1 << i))


def locked_by_d(cfg, s):
    return s.d is not None and s.d.pc > 0 and not s.vis & BIT_D


def locked_by_t(cfg, s):
    return any(t.pc > cfg.s_path.index('lock') and not s.vis & 1 << i for i, t in enumerate(s.ts) if cfg.ts[i] == 's')


def locked_by_x(s):
    return s.x.row != () and s.x.pc in ('applied', 'inflight')


def locked(cfg, s):
    return locked_by_d(cfg, s) or locked_by_t(cfg, s) or locked_by_x(s)


def d_change(cfg, row):
    new = Row('D', 'D', (), 'D', 'D')
    return {'o': row and row._replace(o='D'), 'r': row and row._replace(r='D'), 'del': None, 'delins': new,
            'ins': new, 's': row}[cfg.d]


def d_set(cfg, s, d):
    """The row as it will be, by what it is with all that is deferred, which goes into it."""
    if 'set_in_pieces' in cfg.mut:            # the difference; what is deferred stays
        return s.row._replace(adds=total(s.row.adds + difference(('D',), view(cfg, s.row, d.found[1], s.vis)[1])), o='D')
    seen = view(cfg, s.row, () if 'set_from_table' in cfg.mut else d.found[1], s.vis)
    return s.row._replace(base=seen[0], adds=('D',), r=seen[2], o='D')


def d_cancels(cfg, s):
    """What D must cancel; None: an error."""
    live = s.records or ()
    if not live:
        return 0 if cfg.d != 's' or s.d.found is None or 'settle_expects_nothing' in cfg.mut else None
    whole = any(p.delta.whole for p in live)
    if cfg.d == 'ins' and whole:
        return None
    if cfg.d == 's':                          # nothing may have come since, or be about to come
        if s.d.found is None or 'set_from_table' in cfg.mut or 'set_in_pieces' in cfg.mut:
            return 0
        changed = arrived(cfg, s) != s.d.found and 'settle_expects_nothing' not in cfg.mut
        waiting = any(p.state == RESERVED for p in live) and 'settle_ignores_reserved' not in cfg.mut
        return None if changed or waiting else CANCEL_ALL
    if cfg.d == 'o':
        return CANCEL_O if whole and 'update_cancels_replace_only' not in cfg.mut else 0
    return CANCEL_R if cfg.d == 'r' else CANCEL_ALL


def d_steps(cfg, s, out):
    d = s.d
    if d.pc == ENDED:
        return
    if cfg.self_flush and s.x.pc not in ('idle', 'inflight', 'visible'):
        return
    step = cfg.d_path[d.pc]
    late_gate = 'gate_after_lock' in cfg.mut
    if s.closed and 'no_gate_d' not in cfg.mut and d.pc == (1 if late_gate else 0):
        return

    def go(label, new, **kw):
        out.append((s._replace(d=new, **kw), 'D ' + label))

    def end(label, **kw):
        go(label, Txn(ENDED, 0, 0, d.prec, 0, None), writers=leave(s, d), **kw)

    if step == 'lock':
        if locked(cfg, s) or (cfg.d == 'ins') != (s.row is None):
            return                            # waits, or has nothing to do
        go('locks the row: ' + cfg.d, d._replace(pc=1, prec=s.acked, row=d_change(cfg, s.row)))
    elif step == 'copy':
        if 'settle_ignores_reserved' in cfg.mut or not any(p.state == RESERVED for p in s.records or ()):
            go('copies the entry', d._replace(pc=d.pc + 1, found=(arrived(cfg, s), s.records)))
        else:
            end('gives up waiting for a RESERVED record: error')
    elif step == 'view':
        go('sets the column', d._replace(pc=d.pc + 1, row=d_set(cfg, s, d), found=d.found[0] if d.found[1] else None))
    elif step in ('read_epoch', 'enter', 'draw'):
        new, kw = epoch_step(cfg, s, d, step)
        if new.stamp:                         # the look came first, in a mutant
            kw['records'] = s.records and tuple(p._replace(stamp=new.stamp) if p.id == 'D' else p for p in s.records)
        go('%s%s' % (step, ' %d' % new.stamp if new.stamp else ' (again)' if step == 'draw' else ''), new, **kw)
    elif step == 'look':
        what = d_cancels(cfg, s)
        if what is None:
            end('finds a deferred row: error')
        elif what == 0:
            go('looks: no cancel', d._replace(pc=d.pc + 1, found=0))
        else:
            record = Record('D', d.stamp, BIT_D, RESERVED, NOTHING._replace(cancel=what))
            go('looks: reserves cancel', d._replace(pc=d.pc + 1, found=what), **add_record(cfg, s, record))
    elif step == 'commit':
        journal = write_journal(cfg, s, d.stamp, NOTHING._replace(cancel=d.found)) if d.found else s.journal
        if cfg.self_flush and s.x.pc == 'inflight':
            x = s.x
            go('is committed and visible, with its flush', d._replace(pc=d.pc + 1), vis=s.vis | BIT_D | BIT_X << x.n,
               row=x.row[0] if x.row else d.row, flushed=x.b, x=x._replace(pc='visible', row=()),
               journal=tuple(e for e in journal if e[0] >= x.b))
            return
        go('is committed and visible', d._replace(pc=d.pc + 1), vis=s.vis | BIT_D, row=d.row, journal=journal)
        if cfg.abort:
            end('aborts', records=flip(s, 'D', 0, False))
    elif step == 'callback':
        end('flips, leaves: acknowledged', records=flip(s, 'D', d.stamp, True), acked=s.acked | BIT_D)


# ------------------------------------------------------------------ the flusher
def cancels(cfg, s, stamp):
    """Cancels by now in force for what was taken; folding gives them another id, so they look new."""
    return [p for p in s.records or () if p.delta.cancel and p.stamp > stamp and
            (p.state == COMMITTED or (p.state == RESERVED and p.xid & s.vis))]


def x_prepare(cfg, s, x):
    """What is to be applied: the TAKEN record without what has been cancelled since."""
    record = [p for p in s.records or () if p.state == TAKEN]
    if not record:
        return x._replace(pc='inflight', eff=None, seen=(), row=())
    known = [] if 'retry_same' in cfg.mut else cancels(cfg, s, record[0].stamp)
    eff = record[0].delta
    for p in known:
        eff = cancel(eff, p.delta.cancel)
    return x._replace(pc='taken', eff=eff, seen=tuple(p.id for p in known), row=())


def x_take(cfg, s, x):
    records = s.records or ()
    busy = [p for p in records if p.state == RESERVED and is_absolute(p)]
    if not cfg.epochs and busy and 'fold_past_cancel' not in cfg.mut:
        return None                           # waits for its end
    below = x.b if cfg.epochs and 'take_past_boundary' not in cfg.mut else NEVER
    mine = [p for p in records if p.state == TAKEN or (p.state == COMMITTED and p.stamp < below)]
    if not mine:
        return s._replace(x=x._replace(pc='inflight', eff=None, seen=(), row=()))
    acc = NOTHING
    for p in in_order(mine):
        acc = fold(acc, p.delta)
    record = Record('taken', max(p.stamp for p in mine), 0, TAKEN, acc)
    kw = with_records(cfg, s, [p for p in records if p not in mine] + [record],
                      any(p.delta.cancel for p in mine) and 'fold_keeps_gen' not in cfg.mut)
    if any(p.delta.cancel for p in mine):
        kw.update(note(cfg, s, cancellers(mine), 'take_unnoted'))
    s = s._replace(**kw)
    return s._replace(x=x_prepare(cfg, s, x))


def inflight(s, bit):
    return tuple(p._replace(state=INFLIGHT, xid=bit) if p.state == TAKEN else p for p in s.records)


def x_apply(cfg, s, x):
    """None: it waits for D.  READ COMMITTED: an UPDATE follows the tuple that its snapshot has."""
    if is_empty(x.eff):
        return ()
    if x.eff.whole:
        return None if locked_by_d(cfg, s) or locked_by_t(cfg, s) else (apply(s.row, x.eff, 'X%d' % x.n),)
    if cfg.self_flush:
        return (apply(s.d.row, x.eff),)
    if x.tuple is None:
        return ()
    if locked_by_d(cfg, s) or locked_by_t(cfg, s):
        return None
    if s.row is None or s.row.tuple != x.tuple:
        return ()
    return (apply(s.row, x.eff),)


def x_steps(cfg, s, out):
    x = s.x
    if x.pc == 'idle' and (x.n == cfg.rounds or s.closed):
        return
    if cfg.self_flush and (x.pc == 'inflight' or (x.pc == 'idle' and (s.d.pc != 1 or 'flush_over_own' not in cfg.mut))):
        return
    bit, mut = BIT_X << x.n, cfg.mut

    def go(label, **kw):
        out.append((s._replace(**kw), 'X%d %s' % (x.n, label)))

    def idle(n=x.n + 1):
        return IDLE._replace(n=n)

    def snap():
        return s.row.tuple if s.row else None

    def own_read(own):
        other = view(cfg, s.row, s.records, s.vis)
        if own != other:
            out.append((s, 'X%d reads' % x.n, 'own read %s, others %s' % (show(own), show(other))))

    def ready(new):
        return new._replace(tuple=snap()) if 'old_snapshot' in mut else new

    if x.pc == 'idle':
        if not cfg.epochs:
            if s.records:
                go('starts', x=ready(x._replace(pc='ready')))
        elif s.writers[(s.epoch + 1) & 1] == 0 or 'no_wait_before' in mut:
            b = (s.epoch + 1) * EPOCH
            go('ends epoch %d' % s.epoch, epoch=s.epoch + 1, cnt=1, x=ready(x._replace(pc='wait', b=b)))
    elif x.pc == 'wait':
        if s.writers[(s.epoch - 1) & 1] == 0 or 'no_wait' in mut:
            go('has waited', x=x._replace(pc='ready'))
        if x.n + 1 < cfg.rounds:
            go('is cancelled', x=idle())
    elif x.pc == 'ready':
        t = x_take(cfg, s, x)
        if t is not None:
            out.append((t, 'X%d takes%s' % (x.n, '' if t.x.eff is not None else ' nothing')))
    elif x.pc == 'taken':
        go('takes a snapshot', x=x._replace(pc='snap', tuple=x.tuple if 'old_snapshot' in mut else snap()))
    elif x.pc == 'snap':
        row = x_apply(cfg, s, x)
        if row is None and cfg.carry:         # SKIP LOCKED
            go('carries', x=x._replace(pc='carry'))
        if row is not None:
            go('applies' + ('' if row else ': no row'), x=x._replace(pc='applied', row=row))
    elif x.pc == 'applied':
        if cfg.own and x.row:                 # the row's triggers read
            records = s.records if 'own_trigger_doubles' in mut else inflight(s, bit)
            own_read(view(cfg, x.row[0], records, s.vis | bit))
        record = [p for p in s.records if p.state == TAKEN][0]
        new = [p for p in cancels(cfg, s, record.stamp) if p.id not in x.seen]
        if new and x.row and 'no_relook' not in mut:
            again = x_prepare(cfg, s, x)
            go('looks again: cancelled, undoes', x=again)
            if again.eff == x.eff and again.seen == x.seen:
                out.append((s, 'X%d undoes' % x.n, 'the same is applied and undone for ever'))
        else:
            go('looks again: INFLIGHT', records=inflight(s, bit), x=x._replace(pc='inflight'))
    elif x.pc == 'inflight':
        flushed = s.flushed if not cfg.durable or 'marker_later' in mut else x.b
        row = x.row[0] if x.row else s.row
        go('is committed and visible', row=row, vis=s.vis | bit, flushed=flushed, x=x._replace(pc='visible', row=()),
           journal=tuple(e for e in s.journal if e[0] >= flushed))
        if x.eff is not None and x.n + 1 < cfg.rounds and cfg.abort:
            records = tuple(p._replace(state=TAKEN, xid=0) if p.state == INFLIGHT else p for p in s.records)
            go('aborts', records=records, x=idle())
        if cfg.own and x.eff is not None:
            own_read(view(cfg, row, s.records, s.vis | (0 if 'own_flush_invisible' in mut else bit)))
    elif x.pc == 'carry':
        stamp = s.epoch * EPOCH if 'carry_current_epoch' in mut else x.b
        record = [p for p in s.records if p.state == TAKEN][0]
        journal = [e for e in s.journal if e[0] >= x.b] + [(stamp, record.delta)]
        go('is committed and visible', vis=s.vis | bit, flushed=x.b, x=idle(),
           journal=tuple(sorted(journal, key=lambda e: e[0])))
    elif x.pc == 'visible' and cfg.plain and x.eff is not None and 'removal_noted_later' not in mut:
        go('notes', x=x._replace(pc='noted'), **note(cfg, s, bit, 'removal_unnoted'))
    elif x.pc == 'late':
        go('notes', x=idle(), **note(cfg, s, bit, ''))
    elif x.pc in ('visible', 'noted'):
        late = cfg.plain and x.eff is not None and 'removal_noted_later' in mut
        x_callback(cfg, s, x, x._replace(pc='late', row=(), eff=None) if late else idle(), go)
    elif x.pc == 'marker':
        go('moves the marker', flushed=x.b, journal=tuple(e for e in s.journal if e[0] >= x.b), x=idle())


def x_callback(cfg, s, x, idle, go):
    left = [p for p in s.records or () if p.state != INFLIGHT]
    if 'removes_entry' in cfg.mut and x.eff is not None:
        left = []
    kw = with_records(cfg, s, left, x.eff is not None and 'flush_keeps_gen' not in cfg.mut) if s.records else {}
    go('removes', x=x._replace(pc='marker', row=(), eff=None) if 'marker_later' in cfg.mut else idle, **kw)


# ------------------------------------------------------------------ readers
def plain_steps(cfg, s, i, out):
    r, mut, label = s.rs[i], cfg.mut, 'R%d ' % (i + 1)
    order = {'rc': ['count', 'S', 'note', 'look'], 'rr': ['S', 'note', 'look']}[cfg.plain]
    if 'count_after_S' in mut and cfg.plain == 'rc':
        order = ['S', 'count', 'note', 'look']
    if 'look_before_note' in mut:
        order = order[:-2] + ['look', 'note']
    at = 0 if r.pc == 'idle' else r.pc
    step = order[at]
    begun = 1 if cfg.plain == 'rr' else 0     # the statement begins with this step
    if at == begun:
        r = r._replace(prec=s.acked)
    count, noted = r.e1 or (None, None)

    def go(what, new):
        last = at + 1 == len(order)
        if last and new.pc != 'again':
            value = view(cfg, new.base, new.e1[1], new.vis)
            new = Reader('read', new.prec, None, 0, None, s.vis & OPS, value)
            out.append((s._replace(rs=put(s.rs, i, new), acked=s.acked | (BIT_R << i)), label + what + ', returns ' + show(value)))
        else:
            out.append((s._replace(rs=put(s.rs, i, new if new.pc == 'again' else new._replace(pc=at + 1))), label + what))

    if step == 'count':
        go('counts', r._replace(e1=(s.removals, noted)))
    elif step == 'S':
        go('S, base', r._replace(vis=s.vis, base=s.row))
    elif step == 'note':
        go('notes', r._replace(e1=(count, s.records)))
    elif s.removed & ~r.vis == 0 or (count is not None and count == s.removals) or 'S_trusted' in mut:
        go('looks: S shows all', r)
    else:
        go('looks: S is too old', r._replace(pc='again', e1=None, vis=0, base=None))


def r_steps(cfg, s, i, out):
    r, mut = s.rs[i], cfg.mut
    if r.pc in ('read', 'lost') or (r.pc == 'idle' and s.closed and 'no_gate_r' not in mut):
        return
    if r.pc == 'idle' and i and s.rs[i - 1].pc == 'idle':
        return                                # they are all alike
    if cfg.plain and (r.pc == 'idle' or isinstance(r.pc, int)):
        plain_steps(cfg, s, i, out)
        return

    def go(label, new, **kw):
        out.append((s._replace(rs=put(s.rs, i, new), **kw), 'R%d %s' % (i + 1, label)))

    def e1():
        if s.records is None:
            return None
        return s.records if 'merge_e1' in mut else s.gen

    def finish(value):
        go('returns ' + show(value), Reader('read', r.prec, None, 0, None, s.vis & OPS, value), acked=s.acked | (BIT_R << i))

    if r.pc == 'idle':
        go('e1: %s' % ('copied' if s.records else 'none'), r._replace(pc='e1', prec=s.acked, e1=e1()))
    elif r.pc == 'again':
        go('e1: %s' % ('copied' if s.records else 'none'), r._replace(pc='e1', e1=e1()))
    elif r.pc == 'e1':
        if r.e1 is None and 'e1_recheck' not in mut:
            finish(content(s.row))
        else:
            go('F, base', r._replace(pc='F', vis=s.vis, base=s.row))
    elif r.pc == 'F':
        if r.e1 is None and s.records is None:
            finish(content(r.base))
        elif 'merge_e1' in mut:
            finish(view(cfg, r.base, r.e1, r.vis))
        elif (s.records is None or s.gen != r.e1) and 'no_gen_check' not in mut:
            go('e2: something has left, again', r._replace(pc='again', e1=None, vis=0, base=None))
        else:
            finish(view(cfg, r.base, s.records, r.vis))


# ------------------------------------------------------------------ crash and replay
def crash(cfg, s):
    def dead(t):
        return t if t.pc in (0, ENDED) else Txn(ENDED, 0, 0, t.prec, 0, None)
    rs = tuple(r if r.pc in ('idle', 'read') else Reader('lost', 0, None, 0, None, 0, None) for r in s.rs)
    return s._replace(epoch=1, cnt=1, writers=(0, 0), records=None, gen=0, nextgen=1, ts=tuple(map(dead, s.ts)),
                      d=s.d and dead(s.d), x=IDLE._replace(n=s.x.n if s.x.pc == 'idle' else s.x.n + 1), rs=rs, closed=True,
                      crashes=s.crashes - 1)


def replay(cfg, s):
    acc = NOTHING
    for _, delta in s.journal:
        acc = fold(acc, delta)
    row = s.row if is_empty(acc) else apply(s.row, acc, 'replay')
    last = max([s.flushed] + [e[0] for e in s.journal])
    epoch = 1 if 'epoch_not_raised' in cfg.mut else last // EPOCH + 1
    flushed = last + 1 if 'epoch_not_raised' in cfg.mut else epoch * EPOCH
    return s._replace(row=row, epoch=epoch, cnt=1, journal=(), flushed=flushed,
                      closed=False)


def other_flusher(cfg, s, out):
    """Of another table: it ends epochs too."""
    if s.others and s.x.pc != 'wait' and s.writers[(s.epoch + 1) & 1] == 0:
        out.append((s._replace(others=s.others - 1, epoch=s.epoch + 1, cnt=1), 'another flusher ends epoch %d' % s.epoch))


def crash_steps(cfg, s, out):
    if s.crashes:
        out.append((crash(cfg, s), 'CRASH'))
    if s.closed and not locked_by_d(cfg, s):
        out.append((replay(cfg, s), 'replay, gate opens'))


# ------------------------------------------------------------------ exploring
def successors(cfg, s):
    out = []
    for i in range(len(s.ts)):
        t_steps(cfg, s, i, out)
    if s.d is not None:
        d_steps(cfg, s, out)
    x_steps(cfg, s, out)
    for i in range(len(s.rs)):
        r_steps(cfg, s, i, out)
    fold_step(cfg, s, out)
    other_flusher(cfg, s, out)
    crash_steps(cfg, s, out)
    return out


def normal(cfg, s):
    """Gens that no reader remembers are all the same."""
    if s.nextgen > 1 and all(r.e1 is None for r in s.rs) and 'gen_restarts' not in cfg.mut:
        return s._replace(gen=0, nextgen=1)
    return s


def initial(cfg):
    idle = Txn(0, 0, 0, 0, 0, None)
    return State(initial_row(cfg), 1, 1, (0, 0), None, 0, 1, (), 0, (idle,) * len(cfg.ts), idle if cfg.d else None, IDLE,
                 (Reader('idle', 0, None, 0, None, 0, None),) * cfg.readers, 0, 0, False, cfg.crashes, cfg.folds, cfg.others, 0, 0)


def stuck(s):
    return s.closed or not quiet(s)


class Model(explorer.Model):
    def __init__(self, cfg):
        self.cfg, self.memo = cfg, {}

    def initial(self):
        return initial(self.cfg)

    def expand(self, s):
        steps = successors(self.cfg, s)
        if not steps and stuck(s):
            return steps, 'all wait'
        return (step if len(step) > 2 else (normal(self.cfg, step[0]), step[1]) for step in steps), None

    def wrong(self, s):
        return wrong(self.cfg, s, self.memo)


# ------------------------------------------------------------------ what is checked
MUTANTS = [                                   # (name, configuration that kills it, what is missing)
    ('stamp_at_statement', 'crash2', 'stamp drawn at the statement'),
    ('stamp_before_reserve', 'read-delins', 'stamp drawn before reserving'),
    ('look_before_stamp', 'read-delins', 'D looks before it draws its stamp'),
    ('d_no_epoch', 'read-delins', 'D is in no epoch'),
    ('take_past_boundary', 'crash2', 'take folds across the epoch boundary'),
    ('fold_across_epochs', 'fold-crash', 'fold of records of two epochs'),
    ('fold_past_cancel', 'fold-three', 'fold past a RESERVED whole row'),
    ('fold_past_cancel fold_after_look', 'fold-delins', 'fold past a RESERVED cancel'),
    ('fold_ignores_writers', 'fold-delins', 'fold while a D is between its stamp and its look'),
    ('fold_absolute', 'fold-delins', 'fold of a committed cancel beside a RESERVED record'),
    ('fold_keeps_gen', 'fold-read-r', 'fold of a cancel leaves gen as it is'),
    ('marker_later', 'crash2', 'marker in another transaction than the apply'),
    ('no_relook', 'd-r', 'no re-look before INFLIGHT'),
    ('retry_same', 'd-r', 'retry applies what has been cancelled again'),
    ('removes_entry', 'crash2', 'removal at flush ignores new records'),
    ('old_snapshot', 'ins', 'rows are found by a snapshot older than the end of the epoch'),
    ('no_wait', 'crash2', 'flusher does not wait for the writers of the epoch'),
    ('no_wait_before', 'crash2', 'epoch begun without waiting for the epoch before'),
    ('leave_before_flip', 'crash2', 'the epoch is left before the flip'),
    ('merge_e1', 'read2', 'reader merges e1, no e2'),
    ('no_gen_check', 'read2', 'reader does not look whether something has left'),
    ('flush_keeps_gen', 'read2', 'end of a flush leaves gen as it is'),
    ('gen_restarts', 'read2', 'gen begins anew with each entry'),
    ('inflight_always', 'read2', 'INFLIGHT applied though the flusher is visible'),
    ('inflight_never', 'read2', 'INFLIGHT not applied though the flusher is not visible'),
    ('cancel_ignores_F', 'read-r', 'COMMITTED cancel in force though not visible in F'),
    ('own_flush_invisible', 'own', 'own flush not taken as visible'),
    ('own_trigger_doubles', 'own', 'a trigger fired by the flush merges TAKEN'),
    ('flush_over_own', 'self-flush', 'flush in a transaction that has changed the row itself'),
    ('update_cancels_replace_only', 'whole-o', 'UPDATE does not cancel other columns of a deferred row'),
    ('set_from_table', 'set-twice', 'an UPDATE sets by the difference to the table alone'),
    ('set_no_wait', 'set-twice', 'it does not wait for the flip of the transaction that had the row before'),
    ('set_unlocked', 'set-fold', 'it looks before it has locked the row'),
    ('set_over_whole', 'set-whole', 'it does not look for whole rows after it has drawn its stamp'),
    ('set_from_table', 'set-direct', 'a direct UPDATE sets what the table has, and leaves what is deferred'),
    ('set_in_pieces', 'set-direct-read', 'a direct UPDATE writes the difference, and leaves what is deferred'),
    ('settle_expects_nothing', 'set-direct-two', 'what comes while it is taken along is not noticed'),
    ('settle_ignores_reserved', 'set-direct', 'what is about to come is not'),
    ('carry_current_epoch', 'carry-r', 'carried over with a stamp of the epoch of now, not of b'),
    ('no_gate_t', 'crash-d', 'no gate after a crash for transactions that defer'),
    ('no_gate_d', 'crash-d', 'no gate after a crash for direct writers'),
    ('no_gate_r', 'crash-read', 'no gate after a crash for readers'),
    ('gate_after_lock', 'crash-d', 'gate waited for with the row lock held'),
    ('epoch_not_raised', 'crash-twice', 'epoch not raised after a crash'),
    ('S_trusted', 'plain', 'a plain reader does not look whether S shows what has left'),
    ('S_trusted', 'plain-rr', 'nor one with an older snapshot'),
    ('count_after_S', 'plain', 'it counts what has left after it has taken S'),
    ('look_before_note', 'plain', 'it looks before it copies the entry'),
    ('removal_unnoted', 'plain', 'the end of a flush does not say that records leave'),
    ('removal_noted_later', 'plain', 'it says so after they have left'),
    ('fold_unnoted', 'plain-fold-r', 'nor does a fold of a cancel'),
    ('take_unnoted', 'plain-two-r', 'nor does a take of a cancel'),
    ('volatile_no_epoch', 'volatile-delins', 'volatile: no writer is in an epoch (direct writer)'),
    ('volatile_no_epoch', 'volatile2', 'volatile: no writer is in an epoch (replace column)'),
]


def configurations():
    C = Config
    yield C('read2', 'ar ar', readers=1)
    yield C('read-twice', 'ar', rounds=2, readers=2)
    yield C('crash2', 'ar ar', rounds=2, crashes=1)
    yield C('crash-twice', 'a a', crashes=2)
    yield C('crash-d', 'ar', 'r', crashes=1)
    yield C('crash-read', 'ar', readers=1, crashes=1)
    yield C('enter in two steps', 'a a', rounds=2, crashes=1, split=True)
    yield C('own', 'ar ar', own=True)
    yield C('self-flush', 'ar', 'r', self_flush=True, abort=False)
    yield C('fold-crash', 'ar ar', folds=1, crashes=1)
    yield C('fold-three', 'a w a', rounds=0, folds=1)
    for d in ('o', 'r', 'del', 'delins'):
        yield C('d-' + d, 'ar', d, rounds=2, crashes=1)
        yield C('read-' + d, 'ar', d, readers=1)
        yield C('fold-' + d, 'ar ar', d, rounds=0, folds=1)
        yield C('fold-read-' + d, 'ar ar', d, rounds=0, readers=1, folds=1, deep=d != 'r')
        yield C('fold-flush-' + d, 'ar ar', d, folds=1, deep=d != 'delins')
        yield C('fold-crash-' + d, 'ar ar', d, folds=1, crashes=1, deep=True)
        yield C('two rounds, read-' + d, 'ar', d, rounds=2, readers=1, deep=True)
        yield C('two of each, read-' + d, 'ar a', d, readers=1, abort=False, deep=True)
        yield C('carry-' + d, 'ar', d, rounds=2, carry=True, others=1, crashes=1, deep=d != 'r')
        yield C('carry-read-' + d, 'ar', d, readers=1, carry=True, others=1, deep=d != 'delins')
        yield C('whole-' + d, 'w', d, rounds=2, crashes=1)
        yield C('whole-fold-' + d, 'w ar', d, folds=1, deep=d != 'o')
        yield C('volatile-' + d, 'ar', d, readers=1, durable=False)
    yield C('plain', 'ar ar', readers=1, plain='rc')
    yield C('plain-rr', 'ar ar', readers=1, plain='rr')
    yield C('plain-two rounds', 'ar', rounds=2, readers=2, plain='rc')
    for d in ('o', 'r', 'del', 'delins'):
        yield C('plain-' + d, 'ar', d, readers=1, plain='rc')
        yield C('plain-fold-' + d, 'ar ar', d, rounds=0, readers=1, folds=1, plain='rc', deep=d != 'r')
        yield C('plain-two-' + d, 'ar', d, rounds=2, readers=1, plain='rc', deep=d != 'r')
    yield C('plain-whole', 'w ar', readers=1, present=False, plain='rc')
    yield C('set-twice', 's s', readers=1)
    yield C('set-crash', 's s', rounds=2, crashes=1)
    yield C('set-fold', 's a', readers=1, folds=1)
    yield C('set-whole', 's w', crashes=1)
    yield C('set-whole-read', 's w', readers=1)
    yield C('set-carry', 's a', rounds=2, carry=True, others=1, crashes=1)
    yield C('set-volatile', 's a', readers=1, durable=False)
    yield C('set-direct', 'ar', 's', rounds=2, crashes=1)
    yield C('set-direct-read', 'ar', 's', readers=1)
    yield C('set-direct-two', 'ar ar', 's', rounds=0)
    yield C('set-direct-fold', 'ar a', 's', folds=1, deep=True)
    yield C('set-both', 's', 's', rounds=2, readers=1)
    yield C('set-direct-carry', 'ar', 's', rounds=2, carry=True, others=1, crashes=1, deep=True)
    for d in ('o', 'r', 'del', 'delins'):
        yield C('set-and-' + d, 's a', d, rounds=1)
        yield C('set-and-read-' + d, 's', d, rounds=2, readers=1, crashes=1, deep=d != 'delins')
    yield C('ins', 'ar', 'ins', readers=1, present=False)
    yield C('whole-ins', 'w a', 'ins', present=False)
    yield C('whole-crash', 'w ar', rounds=2, crashes=1, present=False)
    yield C('whole-read', 'w ar', readers=1, present=False)
    yield C('volatile2', 'ar ar', readers=1, durable=False)
    yield C('volatile-ins', 'ar', 'ins', readers=1, present=False, durable=False)
    yield C('volatile with xid', 'ar ar', readers=1, durable=False, mut='volatile_xid')
    yield C('volatile with xid, delins', 'ar', 'delins', readers=1, durable=False, mut='volatile_xid')


def limits():
    yield Config('[limit] no e1, no second look: D without what came before', 'a', 'o', rounds=0, readers=1, causal=True)
    yield Config('[limit] with a second look: T2 without the D before', 'a a', 'o', rounds=0, readers=1, causal=True,
                 mut='e1_recheck')


if __name__ == '__main__':
    sys.exit(explorer.main(Model, configurations(), MUTANTS, limits=limits()))
