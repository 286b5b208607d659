#!/usr/bin/env python3
"""Explicit-state check of slots that are given back and made anew while writers are under way.

A writer marks and unlinks by the slot that it has found when it changed a row.  If the table has another slot by
then, or had none, its change is not seen by a session that fills under the new one.  So a new slot is "young":
nothing is filled under it before all transactions of that time have ended, unless it is found out earlier that no
writer can be under way that does not know of it.

One table, one key k, its stripe, two slot numbers, one entry of k under each.  Every interleaving of the atomic steps
is explored, breadth first.

  X       writers: draw an xid at any time; lock the table (RowExclusiveLock) and change the row; look up the table's
          slot; mark (writers + 1, version or epoch + 1); unlink the entry of k under the slot that was found; become
          visible; unmark; give back the lock.  They abort anywhere.
          'r' marks the stripe: it changes a few rows.    'b' marks the slot, or the stripe if it has found none.
          '0' only has an xid.
          'a' attaches the table: waits for the locks of all others (ShareRowExclusiveLock) and keeps them out, has
              changed a row before, without a mark, makes the slot, looks for writers (its own lock does not
              count) and marks the slot.  Nothing is filled before it has given back its lock.
          'p' prepares instead of committing, after its marks: prepared_xid of what was marked, unmark; it is
              finished later, without another step, and keeps its lock until then.
  drop    the slot is given back at any time: epoch + 1
  deny    a writer that finds no slot may be denied one, as all are in use; else it has one made
  make    by the session that needs it, at either number: young = newest xid if slots were ever dropped or denied,
          else 0
  settle  a session that meets a young slot, for ever: read slot and epoch; does no transaction hold the table's
          lock?; then, with the directory locked, if the epoch is the same: epoch + 1, young = 0
  filler  for ever: look up or make the slot, which is in an epoch; token (stripe, slot; no writers in flight,
          and the slot in that epoch still); fresh snapshot F; load; read max(prepared_xid, young); if stripe and
          slot are as in the token and F.xmin is greater: install

Readers need no process: in EVERY reachable state EVERY snapshot S ever taken looks k up under both numbers, and
what it gets, if the entry's epoch is the slot's and its W is visible in S, must be what the table shows under S.

OUTPUT  As remember_model.py: each mutant lacks one guard and must be killed by its configuration; a [spare] holds all
the same.
USAGE   slot_model.py [--deep] [--traces] [part of a name]
"""
import sys
from collections import namedtuple

import explorer

Snap = namedtuple('Snap', 'xmin xmax xip')
Slot = namedtuple('Slot', 'epoch writers prepared_xid young')    # the table's, or free
Writer = namedtuple('Writer', 'pc xid found')
Fill = namedtuple('Fill', 'step slot token snap value prepared_xid')
Settle = namedtuple('Settle', 'step slot epoch')
State = namedtuple('State', 'nx lc chain hist where lost locked slots stripe entries ws fills settler drops')
NONE = -1
IDLE_FILL = Fill(0, NONE, None, None, 0, 0)
IDLE_SETTLE = Settle(0, NONE, 0)
DONE = 999


class Spec:
    def __init__(self, cfg, word):
        self.bulk, self.attaches, self.prepares, self.idle = 'b' in word, 'a' in word, 'p' in word, '0' in word
        mut = cfg.mut
        if self.idle:
            self.code = ['begin', 'visible', 'done']
        elif self.attaches:
            self.code = ['begin', 'exclude', 'make', 'check', 'mark', 'visible', 'unmark', 'unlock', 'done']
        elif self.prepares:
            self.code = ['begin', 'change', 'look', 'mark', 'unlink', 'prepared_xid', 'unmark', 'visible', 'unlock', 'done']
        else:
            self.code = ['begin', 'change', 'look', 'mark', 'unlink', 'visible', 'unmark', 'unlock', 'done']
            if 'unlock_before_visible' in mut:
                self.code = ['begin', 'change', 'look', 'mark', 'unlink', 'unlock', 'visible', 'unmark', 'done']
        self.visible = self.code.index('visible')
        self.changed = 2 if not self.idle else DONE      # has the lock, and has changed k, when pc is beyond
        self.unlocked = self.code.index('unlock') + 1 if 'unlock' in self.code else 0
        self.marked = self.code.index('mark') + 1 if 'mark' in self.code else DONE
        self.prepared = self.code.index('unmark') + 1 if self.prepares else DONE
        self.undo = len(self.code)                       # an abort has left the ProcArray
        self.code += ['unmark', 'unlock', 'done']
        self.undone = len(self.code) - 1


class Config:
    def __init__(self, name, writers, slot=True, lost=False, drops=0, denies=False, fills=1, abort=True, mut='', deep=False):
        self.name, self.writers, self.slot, self.lost, self.drops = name, writers.split(), slot, lost, drops
        self.denies, self.fills, self.abort, self.deep = denies, fills, abort, deep
        self.set_mutant(mut)

    def set_mutant(self, mut):
        self.mut = frozenset(mut.split())
        self.specs = [Spec(self, w) for w in self.writers]


# ------------------------------------------------------------------ snapshots, locks, the table
def in_progress(w, spec):
    return w.xid and 0 < w.pc <= spec.visible


def holds_lock(w, spec):
    return not spec.idle and (spec.changed <= w.pc < spec.unlocked or spec.undo <= w.pc < spec.undo + 2)


def take_snapshot(cfg, ws, lc):
    xip = tuple(sorted(w.xid for w, spec in zip(ws, cfg.specs) if in_progress(w, spec) and w.xid <= lc))
    return Snap(min(xip + (lc + 1,)), lc + 1, xip)


def sees(S, xid):
    return xid < S.xmax and xid not in S.xip


def table(chain, S):
    return next(x for x in reversed(chain) if sees(S, x))


def show(S):
    return 'S(xmin=%d xmax=%d xip={%s})' % (S.xmin, S.xmax, ','.join(map(str, S.xip)))


def exposed(cfg, s, memo, stat):
    key = (s.entries, s.slots, s.chain, s.hist)
    if key in memo:
        return memo[key]
    memo[key] = None
    for n, e in enumerate(s.entries):
        if e is None or e[1] != s.slots[n].epoch:
            continue
        for S in s.hist:
            if sees(S, e[0]):
                stat[0] += 1
                if table(s.chain, S) != e[0]:
                    memo[key] = 'hit under slot %d gives v%d, the table under %s has v%d' % (
                        n, e[0], show(S), table(s.chain, S))
            else:
                stat[1] += 1
    return memo[key]


# ------------------------------------------------------------------ the directory
def made(cfg, s, n):
    """The table gets slot number n."""
    young = s.nx - 1 if s.lost and 'never_young' not in cfg.mut else 0
    slots = list(s.slots)
    slots[n] = slots[n]._replace(young=young)
    return s._replace(where=n, slots=tuple(slots))


def marked(s, n, d):
    slots = list(s.slots)
    slots[n] = slots[n]._replace(writers=slots[n].writers + d, epoch=slots[n].epoch + (d > 0))
    return tuple(slots)


# ------------------------------------------------------------------ writers
def writer_steps(cfg, s, i, out):
    spec, w = cfg.specs[i], s.ws[i]
    name = 'X%d' % w.xid if w.xid else 'W%d' % i
    op = spec.code[w.pc]

    def to(npc, **kw):
        new = kw.pop('writer', w)._replace(pc=npc)
        return s._replace(ws=s.ws[:i] + (new,) + s.ws[i + 1:], **kw)

    def go(label, **kw):
        out.append((to(w.pc + 1, **kw), name + ' ' + label))

    def leaves(npc, label, chain):
        t = to(npc)
        lc = max(s.lc, w.xid)
        t = t._replace(lc=lc, chain=chain)
        out.append((t._replace(hist=s.hist | {take_snapshot(cfg, t.ws, lc)}), name + ' ' + label))

    others = [holds_lock(o, p) for j, (o, p) in enumerate(zip(s.ws, cfg.specs)) if j != i]
    by_slot = spec.attaches or (spec.bulk and w.found != NONE)

    if op == 'done':
        return
    if cfg.abort and 0 < w.pc <= spec.visible and w.pc < spec.prepared:
        if w.pc >= spec.marked:
            leaves(spec.undo, 'aborts', s.chain)
        else:
            leaves(spec.undo + 1 if holds_lock(w, spec) else spec.undone, 'aborts', s.chain)
    if op == 'begin':
        go('gets xid %d' % s.nx, nx=s.nx + 1, writer=w._replace(xid=s.nx))
    elif op == 'change':
        free = not any(o.xid and holds_lock(o, p) and o.pc <= p.visible
                       for j, (o, p) in enumerate(zip(s.ws, cfg.specs)) if j != i)        # the row's lock
        excluded = any(p.attaches and holds_lock(o, p) for o, p in zip(s.ws, cfg.specs))
        if free and not excluded:
            go('locks the table and changes k')
    elif op == 'exclude':
        if not any(others):
            go('locks the table for DDL, has changed k')
    elif op == 'look':
        if s.where != NONE:
            go('finds slot %d' % s.where, writer=w._replace(found=s.where))
        else:
            if cfg.denies:
                go('is denied a slot', writer=w._replace(found=NONE), lost=True)
            for n in (0, 1):
                t = made(cfg, s, n)
                go('makes slot %d' % n, writer=w._replace(found=n), where=t.where, slots=t.slots)
    elif op == 'make':
        for n in ((s.where,) if s.where != NONE else (0, 1)):
            t = made(cfg, s, n) if s.where == NONE else s
            go('has slot %d' % n, writer=w._replace(found=n), where=t.where, slots=t.slots)
    elif op == 'check':
        slots = list(s.slots)
        if slots[w.found].young:
            slots[w.found] = slots[w.found]._replace(young=0, epoch=slots[w.found].epoch + 1)
        go('finds no other writer', slots=tuple(slots))
    elif op == 'mark':
        if by_slot:
            go('marks slot %d' % w.found, slots=marked(s, w.found, 1))
        else:
            go('marks the stripe', stripe=(s.stripe[0] + 1, s.stripe[1] + 1, s.stripe[2]))
    elif op == 'unlink':
        entries = list(s.entries)
        if w.found != NONE:
            entries[w.found] = None
        go('unlinks', entries=tuple(entries))
    elif op == 'prepared_xid':
        if by_slot:
            slots = list(s.slots)
            slots[w.found] = slots[w.found]._replace(prepared_xid=max(slots[w.found].prepared_xid, w.xid))
            go('prepared_xid', slots=tuple(slots))
        else:
            go('prepared_xid', stripe=s.stripe[:2] + (max(s.stripe[2], w.xid),))
    elif op == 'visible':
        leaves(w.pc + 1, 'is visible', s.chain if spec.idle else s.chain + (w.xid,))
    elif op == 'unmark':
        if by_slot:
            go('unmarks', slots=marked(s, w.found, -1))
        else:
            go('unmarks', stripe=(s.stripe[0] - 1,) + s.stripe[1:])
    elif op == 'unlock':
        go('unlocks')


# ------------------------------------------------------------------ fillers
def filler_steps(cfg, s, i, out):
    f, mut = s.fills[i], cfg.mut
    name = 'F%d' % (i + 1)

    def set_fill(t, new):
        return t._replace(fills=t.fills[:i] + (new,) + t.fills[i + 1:])

    if any(p.attaches and holds_lock(w, p) for w, p in zip(s.ws, cfg.specs)) and f.step < 2:
        return                                # not ACTIVE: a transaction has a lock for DDL
    if f.step == 0:
        if s.locked:
            return
        for n in ((s.where,) if s.where != NONE else (0, 1)):
            t = made(cfg, s, n) if s.where == NONE else s
            out.append((set_fill(t, f._replace(step=1, slot=n, token=t.slots[n].epoch)), '%s has slot %d' % (name, n)))
    elif f.step == 1:
        slot = s.slots[f.slot]
        if slot.writers or s.stripe[0] or slot.epoch != f.token:
            out.append((set_fill(s, IDLE_FILL), name + ' meets writers in flight, or another epoch'))
        else:
            out.append((set_fill(s, f._replace(step=2, token=(slot.epoch, s.stripe[1]))), name + ' token'))
    elif f.step == 2:
        S = take_snapshot(cfg, s.ws, s.lc)
        out.append((set_fill(s, f._replace(step=3, snap=S, value=table(s.chain, S))), name + ' loads under ' + show(S)))
    elif f.step == 3:
        slot = s.slots[f.slot]
        prepared_xid = max(s.stripe[2], slot.prepared_xid, slot.young)
        if 'prepared_xid_last' in mut:
            same = slot.writers == 0 and f.token == (slot.epoch, s.stripe[1]) and s.stripe[0] == 0
            out.append((set_fill(s, f._replace(step=4) if same else IDLE_FILL), name + ' compares'))
        else:
            out.append((set_fill(s, f._replace(step=4, prepared_xid=prepared_xid)), name + ' reads prepared_xid'))
    else:
        slot = s.slots[f.slot]
        prepared_xid = max(s.stripe[2], slot.prepared_xid, slot.young) if 'prepared_xid_last' in mut else f.prepared_xid
        same = slot.writers == 0 and f.token == (slot.epoch, s.stripe[1]) and s.stripe[0] == 0
        if 'prepared_xid_last' in mut:
            same = True
        if same and f.snap.xmin > prepared_xid:
            entries = list(s.entries)
            entries[f.slot] = (f.value, f.token[0])
            t = s._replace(entries=tuple(entries))
            out.append((set_fill(t, IDLE_FILL), '%s installs v%d under slot %d' % (name, f.value, f.slot)))
        else:
            out.append((set_fill(s, IDLE_FILL), name + ' is refused'))


# ------------------------------------------------------------------ settling, dropping
def settler_steps(cfg, s, out):
    c, mut = s.settler, cfg.mut

    def go(new, label, **kw):
        out.append((s._replace(settler=new, **kw), 'settler ' + label))

    free = not any(holds_lock(w, p) for w, p in zip(s.ws, cfg.specs))
    if c.step == 0:
        if 'check_before_made' in mut and s.where == NONE and free:
            go(Settle(9, NONE, 0), 'finds no writer')
        if s.where != NONE and s.slots[s.where].young:
            go(Settle(1, s.where, s.slots[s.where].epoch), 'reads slot %d' % s.where)
    elif c.step == 9:
        if s.where != NONE and s.slots[s.where].young:
            go(Settle(2, s.where, s.slots[s.where].epoch), 'reads slot %d' % s.where)
    elif c.step == 1:
        if free or 'no_check' in mut:
            go(c._replace(step=2), 'finds no writer')
        else:
            go(IDLE_SETTLE, 'finds a writer')
    elif c.step == 2:
        if s.slots[c.slot].epoch == c.epoch or ('any_epoch' in mut and s.where == c.slot):
            if 'clear_first' in mut:
                slots = list(s.slots)
                slots[c.slot] = slots[c.slot]._replace(young=0)
                go(c._replace(step=3), 'clears young', slots=tuple(slots), locked=True)
            else:
                slots = list(s.slots)
                if 'epoch_kept' not in mut:
                    slots[c.slot] = slots[c.slot]._replace(epoch=c.epoch + 1 if 'any_epoch' not in mut
                                                           else slots[c.slot].epoch + 1)
                go(c._replace(step=3), 'moves the epoch', slots=tuple(slots), locked=True)
        else:
            go(IDLE_SETTLE, 'comes too late')
    else:
        slots = list(s.slots)
        if 'clear_first' in mut:
            slots[c.slot] = slots[c.slot]._replace(epoch=slots[c.slot].epoch + 1)
        else:
            slots[c.slot] = slots[c.slot]._replace(young=0)
        go(IDLE_SETTLE, 'is done', slots=tuple(slots), locked=False)


def drop_steps(cfg, s, out):
    if s.drops == 0 or s.where == NONE or s.locked:
        return
    if any(p.attaches and holds_lock(w, p) for w, p in zip(s.ws, cfg.specs)):
        return
    slots = list(s.slots)
    slot = slots[s.where]
    slots[s.where] = slot._replace(epoch=slot.epoch + 1)
    out.append((s._replace(drops=s.drops - 1, where=NONE, lost=True, slots=tuple(slots)), 'slot %d is given back' % s.where))


# ------------------------------------------------------------------ exploration
def initial(cfg):
    S = Snap(3, 3, ())
    slots = (Slot(1, 0, 0, 0), Slot(1, 0, 0, 0))
    return State(3, 2, (2,), frozenset([S]), 0 if cfg.slot else NONE, cfg.lost, False, slots, (0, 1, 0), (None, None),
                 tuple(Writer(0, 0, NONE) for _ in cfg.specs), (IDLE_FILL,) * cfg.fills, IDLE_SETTLE, cfg.drops)


class Model(explorer.Model):
    def __init__(self, cfg):
        self.cfg, self.memo, self.stat = cfg, {}, [0, 0]

    def initial(self):
        return initial(self.cfg)

    def expand(self, s):
        cfg, out = self.cfg, []
        for i in range(len(cfg.specs)):
            writer_steps(cfg, s, i, out)
        for i in range(cfg.fills):
            filler_steps(cfg, s, i, out)
        settler_steps(cfg, s, out)
        drop_steps(cfg, s, out)
        return out, None

    def wrong(self, s):
        return exposed(self.cfg, s, self.memo, self.stat)

    def columns(self):
        return ' %6d hits %6d refused' % tuple(self.stat)


# ------------------------------------------------------------------ what is checked
MUTANTS = [                                   # (name, configuration that kills it, what is missing)
    ('never_young', 'dropped', 'a new slot is trusted at once'),
    ('never_young', 'denied', 'the same, of one that was denied before'),
    ('no_check', 'dropped, bulk', 'young no longer, also if a writer holds the lock'),
    ('check_before_made', 'denied', 'looked for writers before the slot can be found'),
    ('epoch_kept', 'dropped, bulk', 'a token from before it was settled is good'),
    ('clear_first', 'dropped, bulk', 'young is cleared before the epoch moves'),
    ('prepared_xid_last', 'dropped, bulk', 'prepared_xid is read after the token is compared'),
    ('any_epoch', 'lost, dropped twice', 'settles a slot that was made anew meanwhile'),
    ('unlock_before_visible', 'dropped, bulk', 'locks are given back before the change is visible'),
]


def configurations():
    C = Config
    yield C('kept', 'r b')
    yield C('dropped', 'r', drops=1, fills=2)
    yield C('dropped, two', 'r r', drops=1, abort=False)
    yield C('dropped, bulk', 'b r', drops=1, abort=False)
    yield C('dropped, bulk, aborts', 'b', drops=1, fills=2)
    yield C('dropped, bystander', 'b 0', drops=1)
    yield C('dropped, prepared', 'rp', drops=1, fills=2, abort=False)
    yield C('dropped, bulk prepared', 'bp r', drops=1, abort=False)
    yield C('lost, dropped twice', 'b', slot=False, lost=True, drops=2)
    yield C('denied', 'r b', slot=False, denies=True)
    yield C('denied, prepared', 'rp', slot=False, denies=True, fills=2)
    yield C('attached', 'a r', slot=False, lost=True, abort=False)
    yield C('attached, bystander', 'a 0', slot=False, lost=True)
    yield C('attached, dropped', 'a', slot=False, drops=1, denies=True)
    yield C('dropped, two, aborts', 'r r', drops=1, deep=True)
    yield C('dropped, bulk and row, aborts', 'b r', drops=1, deep=True)
    yield C('dropped, prepared and row', 'rp r', drops=1, deep=True)
    yield C('dropped twice', 'b r', drops=2, deep=True)
    yield C('attached, dropped, and row', 'a r', slot=False, drops=1, denies=True, deep=True)
    yield C('three', 'r b 0', drops=1, abort=False, deep=True)


if __name__ == '__main__':
    sys.exit(explorer.main(Model, configurations(), MUTANTS, width=88))
