#!/usr/bin/env python3
"""Explicit-state check of remembered queries: kept while the tables that they read stand.

One query that reads two tables, 1 and 2.  Every interleaving of the atomic steps is explored, breadth first.

  X       writers of the tables named, xid drawn any time before the change, possibly changing in a
          subtransaction ('s').  For each table raise last_xid | mark (writers + 1, version + 1); become visible;
          writers - 1 for each table.  They abort anywhere.
          'p': PREPARE instead: mark, prepared_xid, writers - 1; it is finished later, without another step.
          '0' changes neither table; it only has an xid.
  filler  computes, for ever: watch each table (no writers in flight), W = max last_xid, fresh snapshot F, run,
          install if all watches stand, F.xmin > prepared_xid, and F sees as ended all that were prepared when the
          server started and have changed a table.  Several fillers would meet only in the entry, where the later
          one wins.
  forget  moves the version of the entry's name (a tag), at any time
  track   the tables are tracked, and have slots, from some moment on; writers that have changed them before had
          no mark.  It waits for writers that are changing them, as the DDL that it is.
  slot    the tables are tracked but have no slots yet; they are made any time, with prepared_xid = next xid - 1,
          and a writer that has changed a table before does not know of them
  restart any time: words, entry and snapshots are gone, prepared transactions are not
  standby it begins in recovery, where changes are replayed without any marks, and snapshots of that time are
          never served from the cache; the slots are made any time; then it is promoted

Readers need no process: in EVERY reachable state EVERY snapshot S taken since boot (or promotion), however old,
looks the entry up.
  hit     all watches stand, and S sees all that F saw, of the xids up to W
CLAIM     what it gets is what the query gives under S.  The same for the caller of the filler, whose S is older
          than F: the result under F is returned if the watches stand after F and S sees as much.
          And an entry is not returned once its name was forgotten after F.
W is the max of the last_xid of the tables and of boot_xid - 1; a slot begins with last_xid = next xid - 1.  (To raise
last_xid to that when the first watch after promotion activates the slot comes to the same as boot_xid - 1.)
A version is never the same twice, so a token is kept as "has fallen since"; a filler with a fallen one ends.

OUTPUT  For each configuration: states, hits that were checked, OK or the violation with a shortest trace.  Each
mutant lacks one guard and must be killed by its configuration; a [spare] holds without, or in another order.
Exit status 1 if anything is unexpected.
USAGE   remember_model.py [--deep] [--traces] [part of a name]
"""
import sys
from collections import namedtuple

import explorer

Snap = namedtuple('Snap', 'xmin xmax xip sub')
Word = namedtuple('Word', 'writers prepared_xid last')     # of a table; its version: see above
Writer = namedtuple('Writer', 'pc xid marked silent')      # silent: has changed what was not tracked yet
Fill = namedtuple('Fill', 'step w snap result tag fallen')
Entry = namedtuple('Entry', 'result w snap tag forgot fallen')
State = namedtuple('State', 'nx lc boot old chain hist words entry ws fill tracked recovery restarts forgets')
IDLE = Fill(0, 0, None, 0, 0, False)
NOT_YET, DONE = 0, 999
GONE = Writer(DONE, 0, 0, False)


class Spec:
    """A writer: the tables it changes, and its steps."""
    def __init__(self, cfg, bit, word):
        self.tables = [int(c) - 1 for c in word if c in '12']
        self.sub, self.prepares, self.bit = 's' in word, 'p' in word, bit
        mut = cfg.mut
        marks, unmarks = [], [('unmark', t) for t in self.tables]
        for t in self.tables:
            pair = [('last', t), ('mark', t)]
            if 'last_after_mark' in mut:
                pair.reverse()
            if 'last_after_visible' in mut or 'last_after_unmark' in mut:
                pair = [('mark', t)]
            marks += pair if not self.prepares else [('last', t), ('mark', t)]
        late = [('last', t) for t in self.tables]
        self.code = [('begin', 0)] + [('change', 0)] * (cfg.track or cfg.slot or cfg.standby)
        self.changed = len(self.code)
        if self.prepares:
            prepared_xid = [('prepared_xid', t) for t in self.tables]
            self.code += marks + [('prepared', 0)]
            self.code += (unmarks + prepared_xid if 'prepared_xid_after_unmark' in mut else prepared_xid + unmarks) + [('visible', 0)]
        else:
            end = unmarks
            if 'last_after_visible' in mut:
                end = late + unmarks
            if 'last_after_unmark' in mut:
                end = unmarks + late
            if 'mark_after_visible' in mut:
                self.code += [('visible', 0)] + marks + unmarks
            elif 'unmark_before_visible' in mut:
                self.code += marks + unmarks + [('visible', 0)]
            else:
                self.code += marks + [('visible', 0)] + end
        self.code.append(('done', 0))
        self.visible = self.code.index(('visible', 0))
        self.prepared = self.code.index(('prepared', 0)) if self.prepares else DONE     # done when pc is beyond
        self.undo = len(self.code)
        self.code += unmarks + [('done', 0)]


class Config:
    def __init__(self, name, writers, track=False, slot=False, restarts=0, standby=False, forgets=0, abort=True, mut='', deep=False):
        self.name, self.writers, self.track, self.slot, self.restarts = name, writers.split(), track, slot, restarts
        self.standby, self.forgets, self.abort, self.deep = standby, forgets, abort, deep
        self.set_mutant(mut)

    def set_mutant(self, mut):
        self.mut = frozenset(mut.split())
        self.specs = [Spec(self, 1 << i, w) for i, w in enumerate(self.writers)]
        self.fill_code = ['watch', 'last', 'run', 'install']
        if 'last_before_watch' in self.mut:
            self.fill_code = ['last', 'watch', 'run', 'install']
        if 'snapshot_first' in self.mut:
            self.fill_code = ['run', 'watch', 'last', 'install']
        # one table after the other, as a program does it
        self.fill_code = [(step, t) for step in self.fill_code
                          for t in ((0, 1) if step in ('watch', 'last') else (0,))]


# ------------------------------------------------------------------ snapshots
def in_procarray(cfg, s):
    """(xid, xid of the subtransaction) of those in progress."""
    out = []
    for w, spec in zip(s.ws, cfg.specs):
        if w.xid and 0 < w.pc <= spec.visible:
            out.append((w.xid, w.xid + 1 if spec.sub else 0))
    return out


def take_snapshot(cfg, s):
    xmax, live = s.lc + 1, in_procarray(cfg, s)
    xip = tuple(sorted(x for x, _ in live if x < xmax))
    return Snap(min(xip + (xmax,)), xmax, xip, tuple(sorted(y for _, y in live if y and y < xmax)))


def sees(S, xid):
    return xid < S.xmax and xid not in S.xip and xid not in S.sub


def sees_all(S, F):
    """Does S see every transaction that F saw?"""
    return S.xmax >= F.xmax and all(x in F.xip for x in S.xip if x < F.xmax)


def sees_up_to(S, F, w):
    """Does S see every transaction that F saw, of the xids up to w?"""
    return (S.xmax >= F.xmax or w < S.xmax) and all(x in F.xip or w < x for x in S.xip if x < F.xmax)


def run_query(chain, S):
    return sum(bit for xid, bit in chain if sees(S, xid))


def serves(cfg, w, F, S):
    mut = cfg.mut
    if 'any_snapshot' in mut:
        return True
    if 'xmax_only' in mut:
        return S.xmax >= F.xmax or w < S.xmin
    if 'no_w_rule' in mut:
        return sees_all(S, F)
    if 'w_below_xmin' in mut:
        return sees_all(S, F) or w < S.xmin
    if 'w_visible' in mut:
        return sees_all(S, F) or sees(S, w)
    if 'w_below_xmax' in mut:
        return sees_all(S, F) or w < S.xmax
    if 'w_whatever_xmax' in mut:
        return all(x in F.xip or w < x for x in S.xip if x < F.xmax)
    return sees_up_to(S, F, w - 1 if 'up_to_before_w' in mut else w)


def show(S):
    return 'S(xmin=%d xmax=%d xip={%s})' % (S.xmin, S.xmax, ','.join(map(str, S.xip + S.sub)))


def names(mask):
    return '{%s}' % ' '.join('X%d' % (i + 1) for i in range(8) if mask >> i & 1)


def exposed(cfg, s, memo, stat):
    """Every snapshot looks the entry up."""
    e = s.entry
    if e is None:
        return None
    key = (e, s.chain, s.hist, s.forgets) if 'own_hit' not in cfg.mut else s
    if key not in memo:
        memo[key] = None
        if e.tag != s.forgets:
            return None
        if e.forgot != s.forgets:
            memo[key] = 'hit with what was computed before it was forgotten'
        own = s.ws[0].pc == cfg.specs[0].changed and 'own_hit' in cfg.mut
        for S in s.hist:
            if serves(cfg, e.w, e.snap, S):
                stat[0] += 1
                truth = run_query(s.chain, S) | own
                if truth != e.result:
                    memo[key] = 'hit gives %s, the query under %s gives %s (F: %s, W = %d)' % (
                        names(e.result), show(S), names(truth), show(e.snap), e.w)
            else:
                stat[1] += 1
    return memo[key]


# ------------------------------------------------------------------ writers
def put(seq, i, value):
    return seq[:i] + (value,) + seq[i + 1:]


def fallen(cfg, s, table):
    """A mark: the watches of the table fall."""
    fill, entry = s.fill, s.entry
    if 'watches_one' in cfg.mut and table == 1:
        return {}
    watched = fill.step > cfg.fill_code.index(('watch', table))
    if watched and 'no_install_check' in cfg.mut:
        fill = fill._replace(fallen=True)
    elif watched:
        fill = IDLE
    if entry is not None:
        entry = entry._replace(fallen=True) if 'no_hit_check' in cfg.mut else None
    return dict(fill=fill, entry=entry)


def with_snapshot(cfg, s):
    S = take_snapshot(cfg, s)
    return s if S in s.hist else s._replace(hist=s.hist + (S,))


def ended(cfg, s, i, w):
    """It leaves the ProcArray."""
    top = s.ws[i].xid + (1 if cfg.specs[i].sub else 0)
    return with_snapshot(cfg, s._replace(ws=put(s.ws, i, w), lc=max(s.lc, top)))


def writer_steps(cfg, s, i, out):
    w, spec = s.ws[i], cfg.specs[i]
    if w.pc == DONE:
        return
    op, t = spec.code[w.pc]
    name = 'X%d' % (i + 1)
    nxt = w._replace(pc=w.pc + 1)

    def go(label, new, **kw):
        new = GONE if spec.code[new.pc][0] == 'done' else new
        out.append((s._replace(ws=put(s.ws, i, new), **kw), '%s %s' % (name, label)))

    def word(**kw):
        return put(s.words, t, s.words[t]._replace(**kw))

    if w.silent and op in ('last', 'mark', 'unmark', 'prepared_xid'):  # no slot, no trigger
        go('(no slot)', nxt)
    elif op == 'begin':
        go('begins: xid %d' % s.nx, nxt._replace(xid=s.nx), nx=s.nx + (2 if spec.sub else 1))
    elif op == 'change':
        go('changes %s' % ' '.join(str(t + 1) for t in spec.tables), nxt._replace(silent=not s.tracked or s.recovery))
    elif op == 'last':
        go('last_xid of %d' % (t + 1), nxt, words=word(last=max(s.words[t].last, w.xid)))
    elif op == 'mark':
        go('marks %d' % (t + 1), nxt._replace(marked=w.marked | 1 << t), words=word(writers=s.words[t].writers + 1),
           **fallen(cfg, s, t))
    elif op == 'prepared_xid':
        go('prepared_xid of %d' % (t + 1), nxt, words=word(prepared_xid=max(s.words[t].prepared_xid, w.xid)))
    elif op == 'unmark':
        if w.marked >> t & 1:
            go('writers - 1 of %d' % (t + 1), nxt._replace(marked=w.marked & ~(1 << t)), words=word(writers=s.words[t].writers - 1))
        else:
            go('had not marked %d' % (t + 1), nxt)
    elif op == 'prepared':
        go('is PREPAREd', nxt)
    elif op == 'visible':
        chain = s.chain + ((w.xid + spec.sub, spec.bit),) if spec.tables else s.chain
        nxt = GONE if spec.code[nxt.pc][0] == 'done' else nxt
        out.append((ended(cfg, s._replace(chain=chain), i, nxt), '%s becomes visible' % name))
    if cfg.abort and w.xid and (w.pc <= min(spec.prepared, spec.visible) or spec.prepares and w.pc == spec.visible):
        undo = w._replace(pc=spec.undo)       # ABORT: out of the ProcArray, then the callbacks
        out.append((ended(cfg, s, i, undo if w.marked else GONE), '%s aborts' % name))


# ------------------------------------------------------------------ the filler
def fill_steps(cfg, s, out):
    f, mut = s.fill, cfg.mut
    if s.recovery or not s.tracked:
        return
    op, t = cfg.fill_code[f.step]

    def go(label, new, **kw):
        out.append((s._replace(fill=new, **kw), 'filler ' + label))

    nxt = f._replace(step=f.step + 1)
    if f.step == 0:
        tag = s.forgets if 'tag_at_install' not in mut else 0
        nxt = nxt._replace(tag=tag, w=0 if 'w_ignores_boot' in mut else s.boot - 1)
    if op == 'watch':
        if 'watches_one' in mut and t == 1 or s.words[t].writers == 0 or 'ignores_writers' in mut:
            go('watches %d' % (t + 1), nxt)
        elif f.step:
            go('finds writers of %d in flight' % (t + 1), IDLE)
    elif op == 'last':
        go('W of %d' % (t + 1), nxt._replace(w=max(nxt.w, s.words[t].last)))
    elif op == 'run':
        S = take_snapshot(cfg, s)
        go('runs under F', nxt._replace(snap=S, result=run_query(s.chain, S), fallen=s.forgets << 1))
        own = s.ws[0]
        if 'own_fill' in mut and own.xid and own.pc == cfg.specs[0].changed:
            go('is X1, runs under F', nxt._replace(snap=S, result=run_query(s.chain, S) | 1, fallen=s.forgets << 1))
    elif op == 'install':
        prepared_xid = max(w.prepared_xid for w in s.words)
        ended = not any(x in f.snap.xip for x in s.old)
        if 'boot_of_now' in mut:              # those that are still prepared, not those that were
            ended = not any(w.xid in s.old and w.xid in f.snap.xip for w in s.ws)
        good = (f.snap.xmin > prepared_xid or 'no_prepared_xid' in mut) and (ended or 'no_boot' in mut)
        if good:
            tag = s.forgets if 'tag_at_install' in mut else f.tag
            go('installs', IDLE, entry=Entry(f.result, f.w, f.snap, tag, f.fallen >> 1, False))
        else:
            go('may not install', IDLE)


def returned(cfg, s, memo):
    """What the filler has computed is returned to a caller whose snapshot is older than F."""
    f = s.fill
    if f.snap is None or 'snapshot_first' in cfg.mut:
        return None
    key = (f.snap, f.result, f.w, s.chain, s.hist)
    if key not in memo:
        memo[key] = None
        for S in s.hist[:s.hist.index(f.snap) + 1]:
            if sees_up_to(S, f.snap, f.w) and run_query(s.chain, S) != f.result:
                memo[key] = 'the result under F is returned under %s' % show(S)
    return memo[key]


# ------------------------------------------------------------------ the world
def slot_word(cfg, s):
    prepared_xid = s.nx - 1 if cfg.slot and 'slot_prepared_xid_zero' not in cfg.mut else 0
    return Word(0, prepared_xid, 0 if 'slot_last_zero' in cfg.mut else s.nx - 1)


def world_steps(cfg, s, out):
    if s.forgets < cfg.forgets:
        out.append((s._replace(forgets=s.forgets + 1), 'FORGET'))
    if not s.tracked:
        busy = any(spec.changed <= w.pc < DONE for w, spec in zip(s.ws, cfg.specs) if spec.tables)
        if not busy or cfg.slot or s.recovery:               # in recovery, a trigger comes by replay
            out.append((s._replace(tracked=True, words=(slot_word(cfg, s),) * 2), 'TRACKED, slots are made'))
    if s.recovery:
        out.append((reboot(cfg, s, s.words if s.tracked else (slot_word(cfg, s),) * 2), 'PROMOTED'))
    elif s.restarts:
        again = reboot(cfg, s._replace(restarts=s.restarts - 1), None)
        out.append((again._replace(words=(slot_word(cfg, again),) * 2, tracked=True), 'RESTART'))


def reboot(cfg, s, words):
    """Only what is prepared survives."""
    ws = tuple(w if w.pc == NOT_YET else w._replace(pc=spec.visible, marked=0) if spec.prepared < w.pc < spec.undo else GONE
               for w, spec in zip(s.ws, cfg.specs))
    old = tuple(w.xid for w, spec in zip(ws, cfg.specs) if 0 < w.pc < DONE and spec.tables)
    s = s._replace(ws=ws, boot=s.nx, old=old, lc=s.nx - 1, entry=None, fill=IDLE, recovery=False, words=words or s.words)
    return s._replace(hist=(take_snapshot(cfg, s),))


def initial(cfg):
    s = State(2, 1, 0 if cfg.standby else 2, (), (), (), (Word(0, 0, 1),) * 2, None, (Writer(0, 0, 0, False),) * len(cfg.specs),
              IDLE, not (cfg.track or cfg.slot or cfg.standby), cfg.standby, cfg.restarts, 0)
    return s._replace(hist=(take_snapshot(cfg, s),))


class Model(explorer.Model):
    def __init__(self, cfg):
        self.cfg, self.memo, self.memo2, self.stat = cfg, {}, {}, [0, 0]

    def initial(self):
        return initial(self.cfg)

    def expand(self, s):
        out = []
        for i in range(len(s.ws)):
            writer_steps(self.cfg, s, i, out)
        fill_steps(self.cfg, s, out)
        world_steps(self.cfg, s, out)
        return out, None

    def wrong(self, s):
        return exposed(self.cfg, s, self.memo, self.stat) or returned(self.cfg, s, self.memo2)

    def columns(self):
        return ' %6d hits %6d refused' % tuple(self.stat)


# ------------------------------------------------------------------ what is checked
MUTANTS = [                                   # (name, configuration that kills it, what is missing)
    ('mark_after_visible', 'two', 'marked after it is visible'),
    ('unmark_before_visible', 'two', 'writers - 1 before it is visible'),
    ('ignores_writers', 'two', 'watched although writers are in flight'),
    ('snapshot_first', 'two', 'F is taken before the watches'),
    ('no_install_check', 'two', 'installed although a watch has fallen'),
    ('no_hit_check', 'two', 'hit although a watch has fallen'),
    ('watches_one', 'three', 'only the first table is watched'),
    ('any_snapshot', 'two', 'hit whatever S sees'),
    ('xmax_only', 'three', 'S sees all that F saw: only xmax is compared'),
    ('w_visible', 'three', 'S sees W is enough'),
    ('w_below_xmax', 'three', 'W < S.xmax is enough'),
    ('w_whatever_xmax', 'three', 'W is not compared with S.xmax'),
    ('up_to_before_w', 'three', 'S need not see W itself'),
    ('last_before_watch', 'two', 'W is read before the words'),
    ('last_after_unmark', 'two', 'last_xid raised after writers - 1'),
    ('no_prepared_xid', 'prepared', 'F.xmin > prepared_xid not required'),
    ('prepared_xid_after_unmark', 'prepared', 'prepared_xid set after writers - 1'),
    ('no_boot', 'prepared, restart', 'transactions prepared when the server started need not have ended'),
    ('boot_of_now', 'prepared, restart', 'nor those that have ended since F was taken'),
    ('slot_last_zero', 'track', 'last_xid of a new slot begins with 0'),
    ('slot_last_zero', 'slot', 'last_xid of a slot that the first watch makes begins with 0'),
    ('slot_prepared_xid_zero', 'slot', 'prepared_xid of a slot that the first watch makes begins with 0'),
    ('slot_last_zero w_ignores_boot', 'prepared, restart', 'the same after a restart'),
    ('w_ignores_boot', 'standby', 'W without boot_xid - 1'),
    ('own_hit', 'two', 'hit by a transaction that has changed the table itself'),
    ('own_fill', 'two', 'filled by a transaction that has changed the table itself'),
    ('tag_at_install', 'forget', 'version of the name read when the result is there'),
]
SPARES = [
    ('last_after_mark', 'three', 'last_xid raised after the mark'),
    ('last_after_visible', 'three', 'last_xid raised when visible, before writers - 1'),
    ('no_w_rule', 'three', 'only S that see all that F saw'),
    ('w_below_xmin', 'three', 'or W < S.xmin'),
    ('w_ignores_boot', 'prepared, restart', 'W without boot_xid - 1 (slots are made after boot)'),
]


def configurations():
    C = Config
    yield C('two', '12 12')
    yield C('three', '12 1 2')
    yield C('three, one bystander', '12 1 0')
    yield C('subtransactions', '12s 1s 2')
    yield C('prepared', '12p 1')
    yield C('prepared, subtransaction', '12sp 1 2')
    yield C('prepared, restart', '12p 1', restarts=1)
    yield C('prepared, restart, bystander', '12p 0p 1', restarts=1, abort=False)
    yield C('prepared twice, restart', '1p 2p 12', restarts=1, abort=False)
    yield C('prepared twice, restart, aborts', '1p 2p 12', restarts=1, deep=True)
    yield C('track', '12 1 2', track=True, abort=False)
    yield C('track, prepared', '12p 1', track=True)
    yield C('track, aborts', '12 1 2', track=True, deep=True)
    yield C('slot', '12 1', slot=True)
    yield C('slot, three', '12 1 0', slot=True, abort=False)
    yield C('slot, prepared', '12p 1', slot=True)
    yield C('standby', '12p 1', standby=True)
    yield C('standby, three', '12p 1 2p', standby=True, abort=False)
    yield C('standby, three, aborts', '12p 1 2p', standby=True, deep=True)
    yield C('forget', '12 1', forgets=2)
    yield C('four', '12 12 1 2p', deep=True)
    yield C('four, restart', '12 1p 1s 2', restarts=1, deep=True)


if __name__ == '__main__':
    sys.exit(explorer.main(Model, configurations(), MUTANTS, SPARES, width=88))
