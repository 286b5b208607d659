#!/usr/bin/env python3
"""Explicit-state check of keys and values: changed by transactions, or at once; read without a lock.

Two keys, A and B, and a tag t.  Every interleaving of the processes' atomic steps is explored, breadth first.
A process runs a list of transactions, one after the other, in one backend:

  put del rmw gdel   set, delete, read-modify-write, get-and-delete a key, at the end of the transaction
  tput inv           set a value that carries the tag; invalidate the tag
  sp rb              savepoint, ROLLBACK TO
  x late bulk        the transaction has an xid (it changes a table as well); its xid is assigned after our
                     PRE_COMMIT; it locks the whole space instead of its keys
  i                  not transactional: changes at once (fast path, slow path with the key's lock)
  drop               drops the space; another takes its slot
  read               a reader of any key, for ever; 'see' reads what is listed, in this order
Transactions abort at any point before they commit.  Entries, pending ones too, are evicted at any time.

A transaction: lock the key | hold + 1 | pass through the partition lock and read | ... | flag OPEN | stage
each key | xid into the flag | commit record | leave the ProcArray | flag COMMITTED | settle each key | flag
IDLE | holds - 1 | locks released.  At once: look | under the partition lock: check version, staged, holds,
epoch | write; else again, with the key's lock if there is a hold.  Reader: look without lock; if there is a tag,
look under the shared lock, at the flag; ask whether its xid is in progress; look again.  Then the value's tag.

CHECKED against what the keys hold "in truth".  The truth changes in one step for all keys of a transaction:
when it leaves the ProcArray if it has an xid (so does its table), else when its flag flips; for a change at
once, when it is written; and an eviction takes a key's value at that moment, or at the commit.
  - A read returns what was true at some moment between its begin and its end.  One read carries nothing to the
    next, so this covers any sequence of reads of both keys and of the table: all or nothing of a transaction
    from one moment on, no dirty read, nothing older than before, nothing resurrected, and all that was
    acknowledged before.  'see' says the same of a sequence, without the truth.
  - What a read-modify-write has read is still the last change when its own becomes true.
  - At the end no hold, tag, pending entry, lock or open flag is left, and the store holds the truth.
  - Every transaction that is under way can come to an end.

OUTPUT  For each configuration: states, OK or the violation with a shortest trace.  Each mutant lacks one
guard and must be killed by its configuration.  A [spare] lacks one too and holds nevertheless: the guard is a
second line of defence.  A [limit] is a property that is NOT promised.  Exit status 1 if anything is unexpected.
USAGE   kv_model.py [--deep] [--traces] [part of a name]
"""
import sys
from collections import namedtuple

import explorer

KEYS = {'A': 0, 'B': 1, 't': 2}
NAMES = 'ABt'
A, B, TAG = 0, 1, 2
SPACE = 1 << 7                                # in a mask of locks or holds: the whole space
IDLE, OPEN, COMMITTED = range(3)              # of flags
FIRST = 4                                     # values: 0 none, 1 2 3 the first of A B t, then one for each change

Entry = namedtuple('Entry', 'ver tag epoch tv')              # tag: transaction or 0; tv: version of t it carries
Flag = namedtuple('Flag', 'txn state xid')
Truth = namedtuple('Truth', 'val tv')
Read = namedtuple('Read', 'step key allowed tag answer ver tv last prev')
Proc = namedtuple('Proc', 'txn pc sub locks holds base epoch tv')
State = namedtuple('State', 'epoch ents flags holds plock truth last true vis clog procs')
NONE = Truth(0, 0)
LOOK, STAGED, ASK, TAGS = 0, 1, 2, 3          # steps of a read; those of its tag are TAGS higher
DONE = 99


class Txn:
    """A transaction: its instructions, and where to go on if it aborts."""
    def __init__(self, cfg, number, backend, words):
        self.number, self.backend = number, backend
        self.kind = words[0] if words[0] in ('i', 'drop', 'read', 'see') else 'txn'
        self.xid = 'x' in words or 'late' in words
        self.late, self.bulk = 'late' in words, 'bulk' in words
        self.code, self.aborts, self.changed_keys = [], {}, {}
        ops = [w.split(':') for w in words if w not in ('x', 'late', 'bulk', 'i', 'read', 'see')]
        getattr(self, 'compile_' + self.kind)(cfg, ops)

    def compile_read(self, cfg, ops):
        self.code = [('get', KEYS[k]) for k in cfg.read_keys]

    def compile_see(self, cfg, ops):
        self.code = [('row', 0) if op == ['row'] else ('get', KEYS[op[0]]) for op in ops]

    def compile_drop(self, cfg, ops):
        self.code = [('lock_space', 0), ('drop', 0), ('unlock', 0)]

    def compile_i(self, cfg, ops):
        for op, key in ops:
            self.code += [('enter', 0)] * cfg.drops + [('imm', KEYS[key], op, cfg.new_value())]

    def compile_txn(self, cfg, ops):
        mut, code = cfg.mut, self.code
        held, level, below = 0, [], {}
        code += [('enter', 0)] * cfg.drops
        if self.bulk:
            code += [('lock_space', 0), ('hold', SPACE)]
            held = 7
        for op, *arg in ops:
            if op == 'sp':
                level.append(held)
                below = dict(self.changed_keys)
                continue
            if op == 'rb':
                code += [('rb_unhold', held & ~level[-1]), ('rb_unlock', held & ~level[-1])]
                held = held if 'believes_held' in mut else level[-1]
                self.changed_keys = dict(below)
                continue
            key = TAG if op == 'inv' else KEYS[arg[0]]
            carries = op == 'tput'
            if carries:
                if TAG in self.changed_keys:       # invalidated before: a new one, with the transaction
                    self.changed_keys[TAG] = cfg.new_value()
                    code.append(('own_tag', self.changed_keys[TAG]))
                else:
                    code.append(('imm', TAG, 'add', cfg.new_value()))
            reads = op in ('rmw', 'gdel') and key not in self.changed_keys
            if not held & 1 << key:
                steps = [('lock', key)] + [('recheck', 0)] * cfg.drops + [('hold', 1 << key)]
                if 'no_key_lock' in mut:
                    steps = [('hold', 1 << key)]
                if 'hold_after_read' in mut and reads:
                    steps, reads = [('lock', key), ('read', key), ('hold', 1 << key)], False
                if 'no_recheck' in mut:
                    steps = [s for s in steps if s[0] != 'recheck']
                code += steps
                held |= 1 << key
            if reads:
                code.append(('read', key))
            self.changed_keys[key] = 0 if op in ('del', 'gdel', 'inv') else cfg.new_value()
        self.compile_end(cfg)

    def compile_end(self, cfg):
        mut, keys, code = cfg.mut, sorted(self.changed_keys), self.code
        settles = [('settle', k) for k in keys]
        first = len(code)
        code.append(('open', 0))
        code += [('stage', k) for k in keys]
        if self.xid and not self.late and 'no_flag_xid' not in mut and 'late_flag_xid' not in mut:
            code.append(('xid', 0))
        self.no_return = len(code)            # the first step that cannot be undone
        if self.xid:
            code += [('clog', 0), ('visible', 0)]
        if 'late_flag_xid' in mut:
            code.append(('xid', 0))
        end = [('flip', 0)] + settles + [('idle', 0), ('unhold', 0), ('unlock', 0)]
        if 'settle_before_flip' in mut:
            end = settles + [('flip', 0), ('idle', 0), ('unhold', 0), ('unlock', 0)]
        if 'idle_before_settle' in mut:
            end = [('flip', 0), ('idle', 0)] + settles + [('unhold', 0), ('unlock', 0)]
        if 'unhold_before_settle' in mut:
            end = [('flip', 0), ('unhold', 0)] + settles + [('idle', 0), ('unlock', 0)]
        if 'unhold_before_flip' in mut:
            end = [('unhold', 0), ('flip', 0)] + settles + [('idle', 0), ('unlock', 0)]
        if 'unlock_before_settle' in mut:
            end = [('flip', 0), ('unlock', 0)] + settles + [('idle', 0), ('unhold', 0)]
        code += end + [('end', 0)]
        undo = len(code)                      # settle what is staged, last first; then as at commit
        code += [('undo', k) for k in reversed(keys)] + [('idle', 0)]
        self.clean = len(code)
        code += [('unhold', 0), ('unlock', 0), ('end', 0)]
        for pc in range(1, self.no_return + 1):
            staged = min(pc - first - 1, len(keys))
            self.aborts[pc] = undo + len(keys) - staged if pc > first else self.clean


class Config:
    def __init__(self, name, *procs, evict=False, abort=False, mut='', read_keys='AB', tagged=False, absent=False,
                 stripe=False, live=False, deep=False):
        self.name, self.procs, self.evict, self.abort = name, procs, evict, abort
        self.read_keys, self.tagged, self.absent, self.live, self.deep = read_keys, tagged, absent, live, deep
        self.stripe = (0, 0, 1) if stripe else (0, 1, 2)      # stripe: A and B share one
        self.drops = any('drop' in p for p in procs)
        self.set_mutant(mut)

    def set_mutant(self, mut):
        self.mut = frozenset(mut.split())
        self.values = FIRST - 1
        self.txns, self.progs, self.names = [None], [], []
        for backend, p in enumerate(self.procs):
            prog = []
            for words in p.split(' / '):
                prog.append(Txn(self, len(self.txns), backend, words.split()))
                self.txns.append(prog[-1])
            self.progs.append(prog)
            kind = prog[0].kind
            self.names.append({'i': 'I', 'txn': 'T', 'drop': 'D', 'read': 'R', 'see': 'R'}[kind] + str(backend + 1))

    def new_value(self):
        self.values += 1
        return self.values


# ------------------------------------------------------------------ the truth
def effective(truth, key):
    val, tv = truth[key]
    return val if not tv or truth[TAG].val == tv else 0


def put(seq, i, value):
    return seq[:i] + (value,) + seq[i + 1:]


def new_truth(s, changes, by=0, evicted=-1):
    """
    The truth changes in one step, and a reader may return either; of what is being evicted, nothing
    as well, even if that was no longer true: a reader may have asked before.
    """
    truth, last = list(s.truth), list(s.last)
    for key, t in changes:
        truth[key] = t
        if by:
            last[key] = by
    procs = []
    for p in s.procs:
        rd = p.sub[-1] if p.sub else None
        if type(rd) is Read:
            bit = 1 << effective(truth, rd.key)
            if evicted in (rd.key, TAG):
                bit |= 1
            if bit & ~rd.allowed:
                p = p._replace(sub=p.sub[:-1] + (rd._replace(allowed=rd.allowed | bit),))
        procs.append(p)
    return s._replace(truth=tuple(truth), last=tuple(last), procs=tuple(procs))


def allow(s, key, epoch, bit):
    procs = []
    for p in s.procs:
        if p.sub and type(p.sub[-1]) is Read and p.sub[-1].key == key and p.epoch == epoch:
            rd = p.sub[-1]
            p = p._replace(sub=p.sub[:-1] + (rd._replace(allowed=rd.allowed | bit),))
        procs.append(p)
    return s._replace(procs=tuple(procs))


def becomes_true(cfg, s, i, txn):
    """A transaction commits.  Returns the state and what is wrong."""
    p, bad = s.procs[i], None
    changes = []
    for key, value in txn.changed_keys.items():
        pending = s.ents[key][1]
        changes.append((key, Truth(pending.ver, pending.tv) if value and pending else NONE))
        if p.base[key] >= 0 and p.base[key] != s.last[key]:
            bad = '%s has read change %d of %s, and the last one is %d: a lost update' % (
                cfg.names[i], p.base[key], NAMES[key], s.last[key])
    s = new_truth(s, changes, txn.number)
    return s._replace(true=s.true | 1 << txn.number), bad


# ------------------------------------------------------------------ reading
def begin_read(s, key, step):
    return Read(step, key, 1 << effective(s.truth, key), 0, None, 0, 0, 0, -1)


def chosen(cfg, s, rd, key, locked):
    """The entry that a reader takes, in a tuple; or what its next step is; None: wait."""
    cur, pend = s.ents[key]
    if cur is None and (pend is None or (not locked and 'fast_ignores_pending' in cfg.mut)):
        return (None,)
    tag = (cur or pend).tag
    if not tag:
        return (cur,)
    if not locked:
        return (cur,) if 'fast_ignores_tag' in cfg.mut else STAGED
    flag = s.flags[cfg.txns[tag].backend]
    new = pend or (cur if 'evicted_means_old' in cfg.mut else None)
    loose = 'no_serial' in cfg.mut
    if flag.txn != tag and not loose:
        return None
    if flag.state == COMMITTED:
        return (new,)
    if flag.state == OPEN and flag.xid:
        known = rd.tag and (cfg.txns[rd.tag].backend == cfg.txns[tag].backend if loose else rd.tag == tag)
        if not known:
            return ASK
        return (new if rd.answer else cur,)
    return (cur,)


def read_step(cfg, s, rd, epoch):
    """One step: (the read as it is then, None) or (None, (value, version, tv, last)); None: it waits."""
    tags = rd.step >= TAGS
    base, step = (TAGS if tags else 0), rd.step % TAGS
    key = TAG if tags else rd.key
    if step == ASK:
        done = s.clog if 'asks_clog' in cfg.mut else s.vis
        return rd._replace(step=base + STAGED, answer=bool(done >> rd.tag & 1)), None
    if step == STAGED and s.plock[key]:
        return None
    got = chosen(cfg, s, rd, key, step == STAGED)
    if got is None:
        return None
    if got == STAGED:
        return rd._replace(step=base + STAGED), None
    if got == ASK:
        cur, pend = s.ents[key]
        flag = s.flags[cfg.txns[(cur or pend).tag].backend]
        return rd._replace(step=base + ASK, tag=flag.txn), None
    entry = got[0]
    live = entry is not None and (entry.epoch == epoch or 'epoch_ignored' in cfg.mut)
    if tags:
        if live and (entry.ver == rd.tv or 'tag_exists' in cfg.mut):
            return None, (rd.ver, rd.ver, rd.tv, rd.last)
        if 'no_second_look' in cfg.mut:
            return None, (0, rd.ver, rd.tv, rd.last)
        return rd._replace(step=LOOK, tag=0, answer=None, prev=rd.ver), None
    version = entry.ver if entry else 0
    if live and entry.tv and version != rd.prev:
        return rd._replace(step=TAGS + LOOK, tag=0, answer=None, ver=version, tv=entry.tv, last=s.last[key]), None
    dead = not live or version == rd.prev
    return None, (0 if dead else version, version, entry.tv if entry else 0, s.last[key])


def not_allowed(cfg, i, rd, value):
    if rd.allowed >> value & 1:
        return None
    return '%s reads %s = %d; true since it began: %s' % (
        cfg.names[i], NAMES[rd.key], value, ' '.join(str(v) for v in range(32) if rd.allowed >> v & 1))


# ------------------------------------------------------------------ steps of a process
def is_locked(s, i, key, epoch):
    """By another transaction: the key, or the space; locks go by the space, entries by its slot."""
    return any(p.locks & (1 << key | SPACE) and p.epoch == epoch for j, p in enumerate(s.procs) if j != i)


def add_holds(cfg, holds, mask, by):
    out = list(holds)
    for key in range(3):
        if mask & 1 << key:
            out[cfg.stripe[key]] += by
    if mask & SPACE:
        out[3] += by
    return tuple(out)


def is_held(cfg, s, key):
    return s.holds[cfg.stripe[key]] or (s.holds[3] and 'space_hold_ignored' not in cfg.mut)


def with_proc(s, i, p, **kw):
    return s._replace(procs=put(s.procs, i, p), **kw)


def settle(s, key, tag, commit):
    cur, pend = s.ents[key]
    if cur is not None and cur.tag == tag:
        cur = None if commit else cur._replace(tag=0)
    if pend is not None and pend.tag == tag:
        cur, pend = (pend._replace(tag=0) if commit else cur), None
    return put(s.ents, key, (cur, pend))


def steps(cfg, s, i, out):
    p = s.procs[i]
    if p.pc == DONE:
        return
    txn = cfg.progs[i][p.txn]
    name = cfg.names[i]
    if txn.kind == 'read' and p.sub is None:
        for pc in range(len(txn.code)):
            run(cfg, s, i, p._replace(pc=pc), txn, name, out)
        return
    run(cfg, s, i, p, txn, name, out)
    if cfg.abort and p.pc in txn.aborts and (p.sub is None or p.sub[0] == 'lock'):
        out.append((with_proc(s, i, p._replace(pc=txn.aborts[p.pc], sub=None)), name + ' aborts', None))


def run(cfg, s, i, p, txn, name, out):
    op = txn.code[p.pc]
    STEP[op[0]](cfg, s, i, p, txn, name, op, out)


def go(s, i, p, label, out, bad=None, **kw):
    out.append((with_proc(s, i, p._replace(pc=p.pc + 1), **kw), label, bad))


def do_enter(cfg, s, i, p, txn, name, op, out):
    go(s, i, p._replace(epoch=s.epoch), name + ' looks the space up', out)


def do_recheck(cfg, s, i, p, txn, name, op, out):
    if p.epoch == s.epoch:
        go(s, i, p, name + ' finds the space still there', out)
    else:
        out.append((with_proc(s, i, p._replace(pc=txn.clean)), name + ' fails: no such space', None))


def do_lock(cfg, s, i, p, txn, name, op, out):
    if not is_locked(s, i, op[1], p.epoch):
        go(s, i, p._replace(locks=p.locks | 1 << op[1]), '%s locks %s' % (name, NAMES[op[1]]), out)


def do_lock_space(cfg, s, i, p, txn, name, op, out):
    epoch = s.epoch if txn.kind == 'drop' else p.epoch
    if not any(q.locks and q.epoch == epoch for j, q in enumerate(s.procs) if j != i):
        go(s, i, p._replace(locks=p.locks | SPACE, epoch=epoch), name + ' locks the space', out)


def do_hold(cfg, s, i, p, txn, name, op, out):
    go(s, i, p._replace(holds=p.holds | op[1]), name + ' hold + 1', out, holds=add_holds(cfg, s.holds, op[1], 1))


def do_read(cfg, s, i, p, txn, name, op, out):
    rd = p.sub[0] if p.sub else begin_read(s, op[1], LOOK if 'no_pass' in cfg.mut else STAGED)
    done = read_step(cfg, s, rd, p.epoch)
    if done is None:
        return
    rd2, result = done
    if result is None:
        out.append((with_proc(s, i, p._replace(sub=(rd2,))), name + ' reads on', None))
        return
    p = p._replace(sub=None, base=put(p.base, op[1], result[3]))
    go(s, i, p, '%s reads %s = %d' % (name, NAMES[op[1]], result[0]), out, not_allowed(cfg, i, rd, result[0]))


def do_own_tag(cfg, s, i, p, txn, name, op, out):
    go(s, i, p._replace(tv=op[1]), name + ' uses its own tag', out)


def do_rb_unhold(cfg, s, i, p, txn, name, op, out):
    mask = p.holds & op[1]
    go(s, i, p._replace(holds=p.holds & ~mask), name + ' ROLLBACK TO: hold - 1', out,
       holds=add_holds(cfg, s.holds, mask, -1))


def do_rb_unlock(cfg, s, i, p, txn, name, op, out):
    base = tuple(-1 if op[1] & 1 << k else b for k, b in enumerate(p.base))
    go(s, i, p._replace(locks=p.locks & ~op[1], base=base), name + ' ROLLBACK TO: unlocks', out)


def do_open(cfg, s, i, p, txn, name, op, out):
    go(s, i, p, name + ' flag OPEN', out, flags=put(s.flags, txn.backend, Flag(txn.number, OPEN, 0)))


def do_stage(cfg, s, i, p, txn, name, op, out):
    key = op[1]
    if s.plock[key]:
        return
    cur, pend = s.ents[key]
    value, bad = txn.changed_keys[key], None
    if pend is not None or (cur is not None and cur.tag):
        bad = '%s stages %s, which is staged' % (name, NAMES[key])
    if cur is not None and 'old_not_tagged' not in cfg.mut:
        cur = cur._replace(tag=txn.number)
    new = Entry(value, txn.number, p.epoch, p.tv if key != TAG else 0) if value else None
    go(s, i, p, '%s stages %s' % (name, NAMES[key]), out, bad, ents=put(s.ents, key, (cur, new)))


def do_xid(cfg, s, i, p, txn, name, op, out):
    flag = s.flags[txn.backend]
    go(s, i, p, name + ' xid into the flag', out, flags=put(s.flags, txn.backend, flag._replace(xid=txn.number)))


def do_clog(cfg, s, i, p, txn, name, op, out):
    go(s, i, p, name + ' writes its commit record', out, clog=s.clog | 1 << txn.number)


def do_visible(cfg, s, i, p, txn, name, op, out):
    s2, bad = becomes_true(cfg, s, i, txn)
    go(s2, i, s2.procs[i], name + ' leaves the ProcArray', out, bad, vis=s.vis | 1 << txn.number)


def do_flip(cfg, s, i, p, txn, name, op, out):
    s2, bad = (s, None) if txn.xid else becomes_true(cfg, s, i, txn)
    flag = s.flags[txn.backend]._replace(state=COMMITTED)
    go(s2, i, s2.procs[i], name + ' flag COMMITTED', out, bad, flags=put(s.flags, txn.backend, flag))


def do_settle(cfg, s, i, p, txn, name, op, out):
    if not s.plock[op[1]]:
        ents = settle(s, op[1], txn.number, op[0] == 'settle')
        go(s, i, p, '%s settles %s%s' % (name, NAMES[op[1]], '' if op[0] == 'settle' else ' (abort)'), out, ents=ents)


def do_idle(cfg, s, i, p, txn, name, op, out):
    flag = Flag(s.flags[txn.backend].txn, IDLE, 0)
    go(s, i, p, name + ' flag IDLE', out, flags=put(s.flags, txn.backend, flag))


def do_unhold(cfg, s, i, p, txn, name, op, out):
    mask = p.holds & SPACE if 'holds_leak' in cfg.mut else p.holds
    go(s, i, p._replace(holds=0), name + ' holds - 1', out, holds=add_holds(cfg, s.holds, mask, -1))


def do_unlock(cfg, s, i, p, txn, name, op, out):
    if txn.code[p.pc + 1:p.pc + 2] in ([], [('end', 0)]):
        do_end(cfg, s, i, p, txn, name + ' unlocks', op, out)
    else:
        go(s, i, p._replace(locks=0), name + ' unlocks', out)


def do_end(cfg, s, i, p, txn, name, op, out):
    more = p.txn + 1 < len(cfg.progs[i])
    out.append((with_proc(s, i, fresh(p.txn + 1 if more else p.txn, 0 if more else DONE)), name + ': ended', None))


def do_drop(cfg, s, i, p, txn, name, op, out):
    s2 = new_truth(s, [(k, NONE) for k in range(3)], txn.number)
    go(s2, i, s2.procs[i], name + ' epoch + 1: dropped', out, epoch=s.epoch + 1)


# ------------------------------------------------------------------ a change at once
def do_imm(cfg, s, i, p, txn, name, op, out):
    """p.sub: (stage, slow, ..., Read or what was read)."""
    key, what = op[1], op[2]
    stage, slow = p.sub[:2] if p.sub else ('again', False)
    if stage == 'again':
        if not slow and is_held(cfg, s, key) and 'no_slow_path' not in cfg.mut:
            imm(s, i, p, ('again' if 'slow_without_lock' in cfg.mut else 'lock', True, 0), '%s finds a hold on %s' % (name, NAMES[key]), out)
        else:
            imm_look(cfg, s, i, p, begin_read(s, key, LOOK), slow, name, op, out)
    elif stage == 'lock':
        if not is_locked(s, i, key, p.epoch):
            new = p._replace(locks=p.locks | 1 << key, sub=('again', True, 0))
            out.append((with_proc(s, i, new), '%s locks %s' % (name, NAMES[key]), None))
    elif stage == 'look':
        imm_look(cfg, s, i, p, p.sub[2], slow, name, op, out)
    elif stage == 'check':
        imm_check(cfg, s, i, p, slow, name, op, out)
    elif stage == 'write':
        imm_write(cfg, s, i, p, slow, name, op, out)


def imm(s, i, p, sub, label, out, bad=None, **kw):
    out.append((with_proc(s, i, p._replace(sub=sub), **kw), label, bad))


def imm_end(cfg, s, i, p, slow, op, label, out, bad, tv, **kw):
    """The last instruction of an immediate change ends the process; in a transaction it goes on."""
    p = p._replace(sub=None, pc=p.pc + 1, tv=tv if op[1] == TAG else p.tv,
                   locks=p.locks & ~(1 << op[1]) if slow else p.locks)
    if p.pc == len(cfg.progs[i][p.txn].code):
        more = p.txn + 1 < len(cfg.progs[i])
        p = fresh(p.txn + 1 if more else p.txn, 0 if more else DONE)
    out.append((with_proc(s, i, p, **kw), label, bad))


def imm_look(cfg, s, i, p, rd, slow, name, op, out):
    done = read_step(cfg, s, rd, p.epoch)
    if done is None:
        return
    rd2, result = done
    label = '%s looks at %s' % (name, NAMES[op[1]])
    if result is None:
        imm(s, i, p, ('look', slow, rd2), label, out)
        return
    value, version, tv, _ = result
    bad = not_allowed(cfg, i, rd, value) if p.epoch == s.epoch else None       # else it will fail
    if op[2] == 'add' and value:
        imm_end(cfg, s, i, p, slow, op, label + ' = %d: keeps it' % value, out, bad, value)
        return
    expected = 0 if 'dead_is_absent' in cfg.mut and not value else version
    imm(s, i, p, ('check', slow, expected, tv if value and op[2] == 'rmw' else 0), label + ' = %d' % value, out, bad)


def imm_check(cfg, s, i, p, slow, name, op, out):
    key, expected, tv = op[1], p.sub[2], p.sub[3]
    if s.plock[key]:
        return
    cur, pend = s.ents[key]
    mut = cfg.mut
    good = expected == (cur.ver if cur else 0) or 'no_version_check' in mut
    good &= (pend is None and (cur is None or not cur.tag)) or 'no_staged_check' in mut
    good &= slow or not is_held(cfg, s, key) or 'no_holds_check' in mut
    same = p.epoch == s.epoch or 'no_epoch_check' in mut
    label = '%s checks %s: ' % (name, NAMES[key])
    if good and same:
        if 'check_outside_lock' in mut:
            imm(s, i, p, ('write', slow, expected, tv), label + 'agrees', out)
        else:
            imm(s, i, p, ('write', slow, expected, tv), label + 'agrees, holds the partition lock', out,
                plock=put(s.plock, key, i + 1))
    elif not same:
        out.append((with_proc(s, i, fresh(p.txn, DONE)), label + 'no such space', None))
    else:
        imm(s, i, p, ('again', slow, 0), label + 'conflict', out)


def imm_write(cfg, s, i, p, slow, name, op, out):
    key, what, value = op[1:]
    expected, tv = p.sub[2], p.sub[3]
    if s.plock[key] not in (0, i + 1):
        return
    epoch = s.epoch if 'epoch_at_write' in cfg.mut else p.epoch
    new = None if what == 'del' else Entry(value, 0, epoch, tv)
    bad, s2 = None, s
    if p.epoch != s.epoch:                    # dropped since the check; for those that read that space it is before
        s2 = allow(s, key, p.epoch, 1 << (value if new else 0))
    else:
        cur = s.ents[key][0]
        known = 0 if cur is not None and cur.epoch != epoch else expected
        if s.truth[key].val != known:
            bad = '%s has read %s = %d, and now it is %d: a lost update' % (name, NAMES[key], known, s.truth[key].val)
        s2 = new_truth(s, [(key, Truth(value, tv) if new else NONE)], cfg.progs[i][p.txn].number)
    imm_end(cfg, s2, i, s2.procs[i], slow, op, '%s writes %s' % (name, NAMES[key]), out, bad, value,
            ents=put(s.ents, key, (new, s.ents[key][1])), plock=put(s.plock, key, 0))


# ------------------------------------------------------------------ readers
def do_get(cfg, s, i, p, txn, name, op, out):
    rd = p.sub[0] if p.sub else begin_read(s, op[1], LOOK)
    epoch = p.epoch if p.sub else s.epoch
    if cfg.drops and p.sub is None:           # the epoch is read before the entry
        out.append((with_proc(s, i, p._replace(sub=(rd,), epoch=epoch)), name + ' looks the space up', None))
        return
    done = read_step(cfg, s, rd, epoch)
    if done is None:
        return
    rd2, result = done
    if result is None:
        out.append((with_proc(s, i, p._replace(sub=(rd2,), epoch=epoch)), '%s reads %s on' % (name, NAMES[op[1]]), None))
        return
    label = '%s reads %s = %d' % (name, NAMES[op[1]], result[0])
    if txn.kind == 'see':
        seen(cfg, s, i, p, txn, label, out, 0 if not result[0] else 1 if result[0] in cfg.txns[1].changed_keys.values() else -1)
    else:
        out.append((with_proc(s, i, fresh(0, 0)), label, not_allowed(cfg, i, rd, result[0])))


def do_row(cfg, s, i, p, txn, name, op, out):
    new = s.vis >> 1 & 1
    seen(cfg, s, i, p, txn, '%s sees the table %s' % (name, 'changed' if new else 'unchanged'), out, 1 if new else -1)


def seen(cfg, s, i, p, txn, label, out, what):
    """what: -1 as it was, 1 as T1 has made it, 0 nothing.  p.base[0]: has it seen T1's before?"""
    bad = 'after what T1 has changed, something older' if what < 0 and p.base[0] > 0 else None
    p = p._replace(sub=None, pc=p.pc + 1, base=put(p.base, 0, max(what, p.base[0])))
    out.append((with_proc(s, i, p if p.pc < len(txn.code) else fresh(0, DONE)), label, bad))


STEP = {k[3:]: f for k, f in globals().items() if k.startswith('do_')}
STEP['undo'] = do_settle


# ------------------------------------------------------------------ eviction
def evictions(cfg, s, out):
    for key in range(3):
        if s.plock[key]:
            continue
        cur, pend = s.ents[key]
        if cur is not None:
            gone = cur.epoch == s.epoch and (not cur.tag or not s.true >> cur.tag & 1)
            s2 = new_truth(s, [(key, NONE)] if gone else [], evicted=key)
            out.append((s2._replace(ents=put(s.ents, key, (None, pend))), 'EVICTED: ' + NAMES[key], None))
        if pend is not None:
            s2 = new_truth(s, [(key, NONE)] if s.true >> pend.tag & 1 else [], evicted=key)
            out.append((s2._replace(ents=put(s.ents, key, (cur, None))), 'EVICTED: pending ' + NAMES[key], None))


# ------------------------------------------------------------------ exploring
def fresh(txn, pc):
    return Proc(txn, pc, None, 0, 0, (-1, -1, -1), 0, 0)


def initial(cfg):
    first = tuple((None if cfg.absent else Entry(k + 1, 0, 0, TAG + 1 if k == A and cfg.tagged else 0), None)
                  for k in range(3))
    return State(0, first, (Flag(0, IDLE, 0),) * len(cfg.progs), (0, 0, 0, 0), (0, 0, 0),
                 tuple(Truth(e.ver, e.tv) if e else NONE for e, _ in first), (0, 0, 0), 0, 0, 0, (fresh(0, 0),) * len(cfg.progs))


def is_over(cfg, s):
    return all(p.pc == DONE or (p.sub is None and cfg.progs[i][0].kind == 'read') for i, p in enumerate(s.procs))


def left_over(cfg, s):
    """All are done; what is wrong?"""
    if any(s.holds):
        return 'a hold is left'
    if any(c.state != IDLE for c in s.flags) or any(s.plock):
        return 'a flag or a partition lock is left'
    for key, (cur, pend) in enumerate(s.ents):
        if pend is not None or (cur is not None and cur.tag):
            return '%s is left staged' % NAMES[key]
        if (cur.ver if cur and cur.epoch == s.epoch else 0) != s.truth[key].val:
            return 'the store does not hold the truth about ' + NAMES[key]
    return None


class Model(explorer.Model):
    def __init__(self, cfg):
        self.cfg, self.live = cfg, cfg.live

    def initial(self):
        return initial(self.cfg)

    def is_end(self, s):
        return is_over(self.cfg, s)

    def expand(self, s):
        cfg, out = self.cfg, []
        for i in range(len(s.procs)):
            steps(cfg, s, i, out)
        if is_over(cfg, s):
            bad = left_over(cfg, s)
        else:
            bad = None if out else 'all wait'
        if cfg.evict and not bad:
            evictions(cfg, s, out)
        return out, bad


# ------------------------------------------------------------------ what is checked
MUTANTS = [                                   # (name, configuration that kills it, what is missing)
    ('no_key_lock', 'rmw twice', 'no key lock'),
    ('unlock_before_settle', 'two in a backend', 'key lock released before settling'),
    ('no_holds_check', 'rmw, at once', 'a change at once ignores the holds'),
    ('space_hold_ignored', 'bulk', 'a change at once ignores the hold of the space'),
    ('slow_without_lock', 'rmw, at once', 'a change at once that met a hold does not lock the key'),
    ('no_pass', 'rmw, at once', 'no pass through the partition lock after the hold'),
    ('hold_after_read', 'rmw, at once', 'hold taken after the key was read'),
    ('check_outside_lock', 'rmw, at once', 'checks of a change at once outside of the partition lock'),
    ('no_version_check', 'at once twice', 'no version check in replace'),
    ('unhold_before_flip', 'delete nothing', 'hold given back before the flip'),
    ('unhold_before_settle no_staged_check', 'rmw, at once', 'hold given back before settling, no staged check'),
    ('holds_leak', 'rmw, at once', 'hold not given back'),
    ('settle_before_flip', 'two keys', 'settled before the flip'),
    ('idle_before_settle', 'two keys', 'flag idle before settling'),
    ('no_flag_xid', 'two keys, xid', 'no xid in the flag'),
    ('late_flag_xid', 'two keys, xid', 'xid put into the flag when it has left the ProcArray'),
    ('asks_clog', 'two keys, xid', 'asked for the commit record, not whether it is in progress'),
    ('no_serial', 'two in a backend, xid', 'no serial in the tag'),
    ('fast_ignores_tag', 'two keys', 'the look without lock does not mind a tag'),
    ('fast_ignores_pending', 'new keys, xid', 'the look without lock does not mind a pending entry that is alone'),
    ('old_not_tagged', 'delete', 'what is to go is not tagged'),
    ('evicted_means_old', 'two keys, evicted', 'the pending one is gone: the old one is taken'),
    ('believes_held', 'savepoint', 'key locks that went with ROLLBACK TO are believed to be held'),
    ('tag_exists', 'tag', 'only whether the tag exists, not its version'),
    ('no_second_look', 'tag anew', 'a reader whose tag does not hold does not look at the key again'),
    ('dead_is_absent', 'tag, at once', 'a dead entry is expected to be none'),
    ('epoch_ignored', 'drop', 'epoch of an entry ignored'),
    ('epoch_at_write', 'drop', 'a change at once stamps the epoch of now'),
    ('no_epoch_check', 'drop', 'a change at once does not compare the epoch under the partition lock'),
    ('no_recheck', 'drop, two', 'space not looked up again under its lock'),
]
SPARES = [
    ('no_staged_check', 'rmw, at once', 'no staged check in replace (there is a hold)'),
    ('unhold_before_settle', 'rmw, at once', 'hold given back before settling (it is staged)'),
]


def configurations():
    C = Config
    yield C('rmw twice', 'rmw:A', 'rmw:A', 'read', abort=True, read_keys='A', live=True)
    yield C('rmw, at once', 'rmw:A', 'i rmw:A', 'read', abort=True, read_keys='A', live=True)
    yield C('rmw, at once twice', 'rmw:A', 'i rmw:A', 'i rmw:A', 'read', abort=True, evict=True, read_keys='A', live=True)
    yield C('at once twice', 'i rmw:A', 'i rmw:A', 'i rmw:A', live=True)
    yield C('two keys', 'put:A put:B', 'read', abort=True)
    yield C('two keys, xid', 'x put:A put:B', 'read', 'read', abort=True)
    yield C('two keys, evicted', 'x put:A put:B', 'read', abort=True, evict=True)
    yield C('two keys, seen', 'put:A put:B', 'see A B A', 'see B A', abort=True, evict=True)
    yield C('a table and two keys, seen', 'x put:A put:B', 'see row A B', abort=True, evict=True)
    yield C('two keys and a table, seen', 'x put:A put:B', 'see A row B', abort=True, evict=True)
    yield C('two keys and a table, seen twice', 'x put:A put:B', 'see row A B', 'see A row B', abort=True, evict=True,
            deep=True)
    yield C('new keys', 'put:A put:B', 'i add:A', 'read', absent=True, abort=True, evict=True)
    yield C('new keys, xid', 'x put:A put:B', 'rmw:A', 'read', absent=True, abort=True, evict=True)
    yield C('new keys and a table, seen', 'x put:A put:B', 'see row A', absent=True)
    yield C('two keys each', 'rmw:A rmw:B', 'rmw:B rmw:A', 'read', abort=True, evict=True)
    yield C('two keys each, xid', 'x rmw:A rmw:B', 'x rmw:B del:A', 'read', abort=True, evict=True)
    yield C('two keys each, at once', 'x rmw:A rmw:B', 'put:B del:A', 'i rmw:A', 'read', abort=True)
    yield C('all of it', 'x rmw:A rmw:B', 'put:B del:A', 'i rmw:A', 'i rmw:B', 'read', abort=True, evict=True,
            deep=True)
    yield C('two in a backend', 'put:A / rmw:A', 'rmw:A', 'read', abort=True, read_keys='A')
    yield C('two in a backend, xid', 'x put:A / x put:A', 'read', abort=True)
    yield C('two in each backend', 'x put:A put:B / rmw:A', 'rmw:B / x gdel:A', 'i add:A', 'read', abort=True)
    yield C('delete', 'gdel:A', 'i add:A', 'read', abort=True, evict=True, read_keys='A')
    yield C('delete nothing', 'gdel:A put:B', 'i rmw:A', 'read', evict=True)
    yield C('savepoint', 'put:B sp rmw:A rb rmw:A', 'rmw:A', 'i rmw:A', 'read', abort=True)
    yield C('savepoint, key of the outer one', 'rmw:A sp rmw:A rmw:B rb', 'rmw:A', 'i rmw:B', 'i rmw:A', 'read', abort=True)
    yield C('stripe', 'rmw:A', 'rmw:B', 'i rmw:A', 'i rmw:B', 'read', abort=True, stripe=True, live=True)
    yield C('bulk', 'bulk rmw:A rmw:B', 'i rmw:A', 'rmw:B', 'read', abort=True)
    yield C('tag', 'inv', 'i rmw:A', 'tput:A', 'read', tagged=True, abort=True, read_keys='A')
    yield C('tag, evicted', 'x inv', 'tput:A', 'read', tagged=True, evict=True, read_keys='A')
    yield C('tag, at once, evicted', 'x inv', 'i rmw:A', 'tput:A', 'read', tagged=True, evict=True, read_keys='A', deep=True)
    yield C('tag anew', 'x inv tput:A', 'read', tagged=True, abort=True, read_keys='A')
    yield C('tag anew, twice', 'inv tput:A', 'inv tput:A', 'i rmw:A', 'read', tagged=True, abort=True, read_keys='A')
    yield C('tag, at once', 'inv', 'i rmw:A', 'read', tagged=True, live=True, read_keys='A')
    yield C('drop', 'drop', 'i put:A', 'rmw:A', 'read', read_keys='A')
    yield C('drop, two', 'drop', 'put:A', 'put:A', 'read', read_keys='A')
    yield C('drop, at once', 'drop', 'i rmw:A', 'i rmw:A', 'put:A', 'read', read_keys='A')
    yield C('drop, at once, evicted', 'drop', 'i rmw:A', 'i rmw:A', 'put:A', 'read', read_keys='A', evict=True, deep=True)


def limits():
    yield Config('[limit] xid assigned after our PRE_COMMIT: the table first', 'late put:A', 'see row A')


if __name__ == '__main__':
    sys.exit(explorer.main(Model, configurations(), MUTANTS, SPARES, limits()))
