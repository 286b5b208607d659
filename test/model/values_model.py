#!/usr/bin/env python3
"""Explicit-state check of kept results: watched values, computing under the statement's snapshot, hits.

PROMISE   A kept result that is served to snapshot S is what the query returns under S.

WHAT IS MODELLED   One table of a few rows with columns c and d; one query that reads it up to twice: 'c1' is an
occurrence of which only rows with c = 1 matter, 'any' one of which all do.
  word     of (table, column, value), and of the table as a whole (word 0: DDL, bulk changes): writers, prepared_xid,
           last; and a version, which is never the same twice, so a token is kept as "has fallen since".
  place    of a watched column, in the table's slot: off; published (writers note it, no result relies on it);
           on, with "since", the newest xid once it was published, and prepared_xid, the same until it is settled.
           Its generation moves when the column is no longer watched.
  writer   xid | change of a row, row lock | trigger: notes the words of the old and the new value of each column that
           is published by then | next change ... | for each word noted last, mark (writers + 1, version + 1) | visible |
           writers - 1 of each.  Aborts anywhere.  Flags: s first change in a subtransaction, which may be rolled back;
           p PREPARE: mark, prepared_xid, writers - 1; it is finished later, without another step; w notes word 0 only
           (bulk); . changes nothing
  fresh    computes under a fresh snapshot F, for ever: places, words (no writers in flight), W and prepared_xid, F,
           install
  own      has computed under S, any snapshot taken before: places, words, W and prepared_xid, install.  "Computed"
           needs no step, as what a query returns under S does not change any more.
  world    columns are watched, settled and no longer watched; the slot is lost and made again; triggers are out of
           force for a while; restart, which prepared transactions survive
  reader   needs no process: in EVERY reachable state EVERY snapshot since boot, whatever its age (READ COMMITTED: the
           newest, REPEATABLE READ: any), looks the entry up.  'literal' configurations have one that does it step by
           step instead.

RULES     W = max of last of the words, "since" of the places, boot - 1;  prepared_xid = max of that of words and places
  keep    fresh: the token stands, F.xmin > prepared_xid, F.xmin >= boot.  own: the token stands, S.xmin >
          prepared_xid, S.xmin >= boot, and S shows what is there now, up to W: W < S.xmax, and each transaction in
          S.xip with an xid <= W is, asked after the token, still running or has aborted
  hit     generations, epoch and versions are the token's, and S sees all that the kept one's snapshot saw, up to W

OUTPUT    states, hits that were checked, refusals, results kept under S, commits that touched the table and left the
entry standing; OK or the violation with a shortest trace.  A [mutant] lacks one guard and must be killed; a [spare]
holds without it, or in another order.  Exit status 1 if anything is unexpected, or a configuration never hits.
USAGE     values_model.py [--deep] [--traces] [part of a name]
"""
import gc
import sys
import time
from collections import deque, namedtuple
from multiprocessing import Pool

Snap = namedtuple('Snap', 'xmin xmax xip sub')
Word = namedtuple('Word', 'writers prepared_xid last')
Place = namedtuple('Place', 'on since prepared_xid')
Writer = namedtuple('Writer', 'pc xid sub noted marked undone known')
Token = namedtuple('Token', 'kind step w prepared_xid n snap result asked')
Entry = namedtuple('Entry', 'result w snap')
Reader = namedtuple('Reader', 'step snap result')
State = namedtuple('State', 'nx lc boot chain hist dead words places ws tok entry reader slot sighted left')
Left = namedtuple('Left', 'watches slots blinds restarts')
LOOKED, OFF, PUBLISHED, ON = -1, 0, 1, 2       # the first in a mutant only
DONE = 999
GONE = Writer(DONE, 0, 0, 0, 0, 0, 0)
IDLE = Token('', 0, 0, 0, 0, None, None, ())
NO_PLACE = Place(OFF, 0, 0)
NOT_READING = Reader(0, None, None)


# ------------------------------------------------------------------ what is configured
class Spec:
    """A writer: 's0>21,1>12' changes row 0 to c = 2, d = 1 in a subtransaction, and row 1; '0>' deletes row 0."""
    def __init__(self, cfg, text):
        flags = text[:len(text) - len(text.lstrip('spw.'))]
        self.sub, self.prepares, self.whole = 's' in flags, 'p' in flags, 'w' in flags
        rest = text[len(flags):]
        self.changes = [(int(c[0]), c[2:]) for c in rest.split(',')] if rest else []
        mut, words = cfg.mut, range(cfg.nwords)
        code = [('begin', 0)]
        if 'set_before_xid' in mut:
            code.insert(0, ('look', 0))
        if 'set_once' in mut:
            code.append(('look', 0))
        for i in range(len(self.changes)):
            code += [('change', i), ('note', i)] + [('release', 0)] * (self.sub and i == 0)
        marks, unmarks = [], [('unmark', j) for j in words]
        late = [('last', j) for j in words]
        for j in words:
            marks += [('last', j), ('mark', j)] if 'last_after_mark' not in mut else [('mark', j), ('last', j)]
        if 'last_after_unmark' in mut and not self.prepares:
            marks, unmarks = [('mark', j) for j in words], unmarks + late
        if self.prepares:
            prepared_xid = [('prepared_xid', j) for j in words]
            code += marks + [('prepared', 0)]
            code += (unmarks + prepared_xid if 'prepared_xid_after_unmark' in mut else prepared_xid + unmarks) + [('visible', 0)]
        elif 'mark_after_visible' in mut:
            code += [('visible', 0)] + marks + unmarks
        elif 'unmark_before_visible' in mut:
            code += marks + unmarks + [('visible', 0)]
        else:
            code += marks + [('visible', 0)] + unmarks
        code.append(('done', 0))
        self.at = [code.index(('change', i)) for i in range(len(self.changes))]
        self.visible = code.index(('visible', 0))
        self.prepared = code.index(('prepared', 0)) if self.prepares else DONE
        self.undo = len(code)
        self.code = code + [('unmark', j) for j in words] + [('done', 0)]


class Config:
    def __init__(self, name, query, rows, writers, fillers='FS', watches=0, slowly=False, unwatch=False, settle=False,
                 collide=False, slots=0, blinds=0, restarts=0, literal=False, abort=True, mut='', deep=False):
        self.name, self.rows, self.writers, self.fillers = name, rows.split(), writers.split(), fillers
        self.items = [(None, None) if i == 'any' else ('cd'.index(i[0]), i[1]) for i in query.split()]
        self.columns = sorted({c for c, _ in self.items if c is not None})
        self.nwords = 1 + len(self.items)
        self.watches, self.slowly, self.unwatch, self.settle, self.collide = watches, slowly, unwatch, settle, collide
        self.slots, self.blinds, self.restarts, self.literal = slots, blinds, restarts, literal
        self.abort, self.deep = abort, deep
        self.set_mutant(mut)

    def set_mutant(self, mut):
        self.mut = frozenset(mut.split())
        self.specs = [Spec(self, w) for w in self.writers]
        places = [('place', k) for k in range(len(self.columns))]
        watch, last = [('watch', j) for j in range(self.nwords)], [('last', 0)]
        tail = places + watch + last
        if 'last_before_watch' in self.mut:
            tail = places + last + watch
        if 'place_last' in self.mut:
            tail = watch + last + places
        if 'place_prepared_xid_first' in self.mut:
            tail = [('prepared_xid_of', k) for k in range(len(self.columns))] + tail
        run, install = [('run', 0)], [('install', 0)]
        self.codes = {'F': run + tail + install if 'snapshot_first' in self.mut else tail + run + install,
                      'S': tail + install}
        self.read_code = [('snapshot', 0), ('copy', 0)] + places + watch + [('serve', 0)]
        if 'check_before_snapshot' in self.mut:
            self.read_code = [('copy', 0)] + places + watch + [('snapshot', 0), ('serve', 0)]
        self.memo = {}


# ------------------------------------------------------------------ snapshots, and the truth
def in_progress(cfg, s):
    return [(w, spec) for w, spec in zip(s.ws, cfg.specs) if w.xid and w.pc <= spec.visible]


def take_snapshot(cfg, s):
    xmax, live = s.lc + 1, in_progress(cfg, s)
    xip = tuple(sorted(w.xid for w, _ in live if w.xid < xmax))
    return Snap(min(xip + (xmax,)), xmax, xip, tuple(sorted(w.sub for w, _ in live if 0 < w.sub < xmax)))


def sees(S, xid):
    return xid < S.xmax and xid not in S.xip and xid not in S.sub


def query(cfg, chain, S, own=0):
    """What it returns: the rows that matter, each with the xid of its version, for each occurrence of the table."""
    key = chain, S, own
    if key not in cfg.memo:
        rows = [(value.replace('-', ''), 0) for value in cfg.rows]
        for xid, row, value in chain:
            if xid == own or sees(S, xid):
                rows[row] = value, xid
        cfg.memo[key] = tuple(tuple((i, xid) for i, (value, xid) in enumerate(rows)
                                    if column is None or value and value[column] == wanted)
                              for column, wanted in cfg.items)
    return cfg.memo[key]


def sees_up_to(S, F, w):
    """Does S see every transaction that F saw, of the xids up to w?"""
    return (S.xmax >= F.xmax or w < S.xmax) and all(x in F.xip or w < x for x in S.xip if x < F.xmax)


def serves(cfg, entry, S):
    mut, w, F = cfg.mut, entry.w, entry.snap
    if 'any_snapshot' in mut:
        return True
    if 'xmax_only' in mut:
        return w < S.xmax
    if 'w_visible' in mut:
        return sees(S, w)
    if 'w_below_xmin' in mut:
        return w < S.xmin
    if 'sees_all' in mut:
        return sees_up_to(S, F, 10 ** 9)
    if 'trimmed' in mut:                      # of the snapshot an entry keeps what is below this
        xmax = min(F.xmax, w + 1)
        return S.xmax >= xmax and all(x in F.xip for x in S.xip if x < xmax)
    return sees_up_to(S, F, w - 1 if 'up_to_before_w' in mut else w)


def shows_now(cfg, s, tok, S):
    """Does S show what is there at the token, up to W?"""
    mut, w = cfg.mut, tok.w
    if 's_any' in mut:
        return True
    if 's_xmax_only' in mut:
        return w < S.xmax
    if 's_w_visible' in mut:
        return sees(S, w)
    if 's_w_below_xmin' in mut:
        return w < S.xmin
    running = tok.asked if 's_asks_' in ' '.join(mut) else [x.xid for x, _ in in_progress(cfg, s)]
    if 's_whatever_xmax' not in mut and w >= S.xmax:
        return False
    return all(w < x or x in running or x in s.dead and 's_aborted_refused' not in mut for x in S.xip)


def show(S):
    return 'S(xmin=%d xmax=%d xip={%s})' % (S.xmin, S.xmax, ','.join(map(str, S.xip + S.sub)))


def with_own(cfg, s):
    """What X1 sees of itself before it commits.  It goes past the cache, but in two mutants."""
    w, spec = s.ws[0], cfg.specs[0]
    if not (w.xid and w.pc <= spec.visible and holds_table(w, spec)):
        return s.chain, 0
    return s.chain + tuple((w.xid, row, value) for k, (row, value) in enumerate(spec.changes)
                           if w.pc > spec.at[k] and not w.undone >> k & 1), w.xid


def exposed(cfg, s, stat):
    """Every snapshot looks the entry up."""
    e = s.entry
    chain, own = with_own(cfg, s) if 'own_hit' in cfg.mut else (s.chain, 0)
    key = e, chain, s.hist, own
    if e is None or key in cfg.memo:
        return cfg.memo.get(key)
    bad = None
    for S in s.hist:
        if serves(cfg, e, S):
            stat['hits'] += 1
            truth = query(cfg, chain, S, own)
            if truth != e.result:
                bad = 'hit gives %s, the query under %s gives %s (kept under %s, W = %d)' % (
                    e.result, show(S), truth, show(e.snap), e.w)
        else:
            stat['refused'] += 1
    cfg.memo[key] = bad
    return bad


# ------------------------------------------------------------------ what makes tokens and entries fall
def put(seq, i, value):
    return seq[:i] + (value,) + seq[i + 1:]


def fallen(cfg, s, op=None):
    """A word's version, a place's generation or (None) the epoch moves: who relies on it finds out."""
    mut = cfg.mut
    out = {}
    if op is None or op[0] == 'watch' or 'generation_ignored' not in mut:
        if s.entry is not None and 'no_hit_check' not in mut:
            out['entry'] = None
        tok = s.tok
        if tok.kind and (op is None or tok.step > cfg.codes[tok.kind].index(op)) and 'no_install_check' not in mut:
            out['tok'] = IDLE
    r = s.reader
    if r.result is not None and (op is None or r.step <= cfg.read_code.index(op)) and 'no_hit_check' not in mut:
        out['reader'] = NOT_READING           # it has a copy, and will find out
    return out


def with_snapshot(cfg, s):
    S = take_snapshot(cfg, s)
    return s if S in s.hist else s._replace(hist=s.hist + (S,))


# ------------------------------------------------------------------ writers
def value_of(cfg, s, w, spec, row, i):
    """What the row holds before the writer's i-th change; nobody else has changed it, as it is locked."""
    value = cfg.rows[row].replace('-', '')
    for _, r, v in s.chain:
        if r == row:
            value = v
    for k in range(i):
        if spec.changes[k][0] == row and not w.undone >> k & 1:
            value = spec.changes[k][1]
    return value


def published(cfg, s, k):
    return s.places[k].on >= (ON if 'since_first' in cfg.mut else PUBLISHED)


def noted(cfg, s, w, spec, i):
    """The words that the trigger of the i-th change notes."""
    mut = cfg.mut
    if not s.slot or not s.sighted:
        return 0
    bits = sum(1 << j for j, (column, _) in enumerate(cfg.items, 1) if column is None)
    if spec.whole:
        return bits | ('no_whole_mark' not in mut)
    row, new = spec.changes[i]
    old = value_of(cfg, s, w, spec, row, i)
    if 'old_value_unnoted' in mut:
        old = ''
    if 'new_value_unnoted' in mut:
        new = ''
    for j, (column, value) in enumerate(cfg.items, 1):
        if column is None:
            continue
        k = cfg.columns.index(column)
        known = w.known >> k & 1 if mut & {'set_before_xid', 'set_once', 'set_at_first'} else published(cfg, s, k)
        values = {v[column] for v in (old, new) if v}
        if known and (value in values or cfg.collide and values):
            bits |= 1 << j
    return bits


def row_is_free(cfg, s, i, row):
    for n, (w, spec) in enumerate(zip(s.ws, cfg.specs)):
        if n != i and w.xid and w.pc <= spec.visible and \
                any(r == row and w.pc > spec.at[k] and not w.undone >> k & 1 for k, (r, _) in enumerate(spec.changes)):
            return False
    return True


def holds_table(w, spec):
    """Has it a lock on the table?  Given back when what took it is rolled back, or at the end."""
    return any(w.pc > spec.at[k] and not w.undone >> k & 1 for k in range(len(spec.changes)))


def is_held(cfg, s, newest=10 ** 9):
    return any(w.xid <= newest and holds_table(w, spec) for w, spec in in_progress(cfg, s))


def ended(cfg, s, i, w):
    """It leaves the ProcArray."""
    return with_snapshot(cfg, s._replace(ws=put(s.ws, i, w), lc=max(s.lc, s.ws[i].xid, s.ws[i].sub)))


def skip(spec, w):
    """Past what does not concern it."""
    while True:
        op, j = spec.code[w.pc]
        if op in ('last', 'mark', 'prepared_xid') and not w.noted >> j & 1 or op == 'unmark' and not w.marked >> j & 1:
            w = w._replace(pc=w.pc + 1)
        else:
            return GONE if op == 'done' else w


def writer_steps(cfg, s, i, out, stat):
    w, spec = s.ws[i], cfg.specs[i]
    if w.pc == DONE:
        return
    op, j = spec.code[w.pc]
    name = 'X%d' % (i + 1)
    nxt = w._replace(pc=w.pc + 1)

    def go(label, new, **kw):
        out.append((s._replace(ws=put(s.ws, i, skip(spec, new)), **kw), '%s %s' % (name, label)))

    def word(**kw):
        return put(s.words, j, s.words[j]._replace(**kw))

    if op == 'look' or op == 'note' and j == 0 and 'set_at_first' in cfg.mut:
        known = sum(1 << k for k in range(len(cfg.columns)) if published(cfg, s, k))
        w, nxt = w._replace(known=known), nxt._replace(known=known)
    if op == 'look':
        go('looks which columns are watched', nxt)
    elif op == 'begin':
        go('begins: xid %d' % s.nx, nxt._replace(xid=s.nx), nx=s.nx + 1)
    elif op == 'change':
        if row_is_free(cfg, s, i, spec.changes[j][0]):
            label = 'changes row %d to (%s)' % spec.changes[j]
            if spec.sub and j == 0:
                go(label + ' in %d' % s.nx, nxt._replace(sub=s.nx), nx=s.nx + 1)
            else:
                go(label, nxt)
    elif op == 'note':
        bits = noted(cfg, s, w, spec, j)
        go('notes %s' % [k for k in range(cfg.nwords) if bits >> k & 1], nxt._replace(noted=w.noted | bits))
    elif op == 'last':
        go('last of %d' % j, nxt, words=word(last=max(s.words[j].last, w.xid)))
    elif op == 'mark':
        go('marks %d' % j, nxt._replace(marked=w.marked | 1 << j), words=word(writers=s.words[j].writers + 1),
           **fallen(cfg, s, ('watch', j)))
    elif op == 'prepared_xid':
        go('prepared_xid of %d' % j, nxt, words=word(prepared_xid=max(s.words[j].prepared_xid, w.xid)))
    elif op == 'unmark':
        go('writers - 1 of %d' % j, nxt._replace(marked=w.marked & ~(1 << j)), words=word(writers=s.words[j].writers - 1))
    elif op == 'prepared':
        go('is PREPAREd', nxt)
    elif op == 'visible':
        chain = s.chain + tuple((w.sub if k == 0 and spec.sub else w.xid, row, value)
                                for k, (row, value) in enumerate(spec.changes) if not w.undone >> k & 1)
        t = ended(cfg, s._replace(chain=chain), i, skip(spec, nxt))
        stat['passed'] += t.entry is not None and len(chain) > len(s.chain)
        out.append((t, '%s becomes visible' % name))
    elif op == 'release':
        go('releases the savepoint', nxt)
    # ROLLBACK TO: the locks go, what was noted stays
    if spec.sub and (op == 'release' or op == 'note' and j == 0):
        new = w._replace(undone=w.undone | 1, pc=spec.code.index(('release', 0)) + 1)
        if 'unnote' in cfg.mut:
            new = new._replace(noted=0)
        go('rolls back to the savepoint', new)
    # ABORT: out of the ProcArray, then the callbacks; of a prepared one, nothing more
    if cfg.abort and w.xid and w.pc <= spec.visible and (w.pc <= spec.prepared or w.pc == spec.visible):
        t = s._replace(dead=tuple(sorted(s.dead + (w.xid,))))
        out.append((ended(cfg, t, i, skip(spec, w._replace(pc=spec.undo))), '%s aborts' % name))


# ------------------------------------------------------------------ those who keep results
def token_steps(cfg, s, kind, out, stat):
    """
    Only while there is no entry: nobody who takes a token looks at entries, so one that is there would only multiply
    the states.
    """
    tok, mut = s.tok, cfg.mut
    op, j = cfg.codes[kind][tok.step]
    nxt = tok._replace(step=tok.step + 1)
    who = {'F': 'fresh ', 'S': 'own '}[kind]

    def go(label, new, **kw):
        out.append((s._replace(tok=new, **kw), who + label))

    if tok.step == 0:
        if not s.slot:
            return
        nxt = nxt._replace(kind=kind, w=0 if 'w_ignores_boot' in mut else s.boot - 1, n=len(s.hist) if kind == 'S' else 0)
        if 's_asks_before' in mut:
            nxt = nxt._replace(asked=tuple(x.xid for x, _ in in_progress(cfg, s)))
        if 'prepared_xid_before_watch' in mut:
            nxt = nxt._replace(prepared_xid=max(x.prepared_xid for x in s.words))
    if op == 'prepared_xid_of':
        if s.places[j].on == ON:
            go('reads prepared_xid of column %s' % 'cd'[cfg.columns[j]], nxt._replace(prepared_xid=s.places[j].prepared_xid))
    elif op == 'place':
        p = s.places[j]
        if p.on == ON:
            go('finds column %s watched' % 'cd'[cfg.columns[j]],
               nxt._replace(w=max(nxt.w, 0 if 'since_not_in_w' in mut else p.since),
                            prepared_xid=max(nxt.prepared_xid, 0 if 'place_prepared_xid_first' in mut else p.prepared_xid)))
        elif tok.step:
            go('finds column %s not watched' % 'cd'[cfg.columns[j]], IDLE)
    elif op == 'watch':
        if j == 0 and not s.sighted:
            if tok.step:
                go('finds the triggers not in force', IDLE)
        elif s.words[j].writers == 0 or 'ignores_writers' in mut and j or 'ignores_whole_writers' in mut and j == 0:
            go('reads word %d' % j, nxt)
        elif tok.step:
            go('finds word %d with writers in flight' % j, IDLE)
    elif op == 'last':
        if 's_asks_at_token' in mut:
            nxt = nxt._replace(asked=tuple(x.xid for x, _ in in_progress(cfg, s)))
        go('reads last and prepared_xid', nxt._replace(w=max([nxt.w] + [x.last for x in s.words]),
                                             prepared_xid=max([nxt.prepared_xid] + [x.prepared_xid for x in s.words if 'prepared_xid_before_watch' not in mut])))
    elif op == 'run':
        F = take_snapshot(cfg, s)
        go('runs under F', nxt._replace(snap=F, result=query(cfg, s.chain, F)))
    elif op == 'install':
        def may(S):
            return (S.xmin > tok.prepared_xid or 'no_prepared_xid_' + kind in mut) and (S.xmin >= s.boot or 'no_boot_' + kind in mut)
        if kind == 'F':
            good = [(tok.snap, tok.result)] if may(tok.snap) else []
        else:
            good = [(S, query(cfg, s.chain, S)) for S in s.hist[:tok.n] if may(S) and shows_now(cfg, s, tok, S)]
            if 'own_kept' in mut and good:
                S, (chain, own) = good[-1][0], with_own(cfg, s)
                good.append((S, query(cfg, chain, S, own)))
            stat['kept'] += len(good)
        for S, result in good:
            go('keeps %s under %s, W = %d' % (result, show(S), tok.w), IDLE, entry=Entry(result, tok.w, S))
        if not good:
            go('may not keep it', IDLE)


def reader_steps(cfg, s, out, stat):
    """A reader that takes its time.  Returns what is wrong."""
    r = s.reader
    op, j = cfg.read_code[r.step]
    nxt = r._replace(step=r.step + 1)

    def go(label, new):
        out.append((s._replace(reader=new), 'reader ' + label))

    if op == 'snapshot':
        S = take_snapshot(cfg, s)             # it may be an old one before the next step
        go('has %s' % show(S), nxt._replace(snap=S))
    elif op == 'copy' and s.entry is not None:
        if r.snap is None or serves(cfg, s.entry, r.snap):
            go('copies the entry', nxt._replace(result=s.entry))
    elif op in ('place', 'watch'):
        go('finds %s %d as it was' % (op, j), nxt)
    elif op == 'serve':
        go('serves it', NOT_READING)
        if not serves(cfg, r.result, r.snap):
            return None
        stat['hits'] += 1
        if query(cfg, s.chain, r.snap) != r.result.result:
            return 'the reader under %s is given %s' % (show(r.snap), r.result.result)
    return None


# ------------------------------------------------------------------ the world
def world_steps(cfg, s, out):
    mut = cfg.mut
    left = s.left

    def place(k, p, label, **kw):
        out.append((s._replace(places=put(s.places, k, p), **kw), 'column %s %s' % ('cd'[cfg.columns[k]], label)))

    for k, p in enumerate(s.places):
        newest = s.nx - 1
        if p.on == OFF and 'settle_early' in mut and not is_held(cfg, s):
            place(k, p._replace(on=LOOKED), 'is about to be published, and nobody has changed the table')
        if p.on in (OFF, LOOKED) and left.watches and s.slot:
            place(k, Place(PUBLISHED, newest if 'since_first' in mut else 0, p.on), 'is published',
                  left=left._replace(watches=left.watches - 1))
        elif p.on == PUBLISHED and cfg.slowly and not p.since and 'since_first' not in mut:
            place(k, p._replace(since=newest), 'will be watched since %d' % newest)
        elif p.on == PUBLISHED:
            since = 0 if 'since_zero' in mut else p.since or newest
            prepared_xid = 0 if 'since_not_in_prepared_xid' in mut or p.prepared_xid < 0 else since
            place(k, Place(ON, since, prepared_xid), 'is watched since %d' % since)
        elif p.on == ON:
            if cfg.unwatch:
                place(k, NO_PLACE, 'is no longer watched', **fallen(cfg, s, ('place', k)))
            if cfg.settle and p.prepared_xid and ('settle_unlooked' in mut or not is_held(cfg, s, p.prepared_xid)):
                place(k, p._replace(prepared_xid=0, since=0 if 'settle_forgets_w' in mut else p.since), 'is settled')
    if s.slot and left.slots:
        out.append((s._replace(slot=False, places=(NO_PLACE,) * len(s.places), left=left._replace(slots=left.slots - 1),
                               **fallen(cfg, s)), 'SLOT LOST'))
    if not s.slot:
        ws = tuple(w._replace(noted=0, marked=0) if w.pc != DONE else w for w in s.ws)
        ws = tuple(w if w.pc == DONE else skip(spec, w) for w, spec in zip(ws, cfg.specs))
        out.append((s._replace(slot=True, words=new_words(cfg, s.nx - 1), ws=ws), 'SLOT MADE'))
    if not is_held(cfg, s):
        if s.sighted and left.blinds:
            out.append((s._replace(sighted=False, left=left._replace(blinds=left.blinds - 1), **fallen(cfg, s)),
                        'TRIGGERS OUT OF FORCE'))
        if not s.sighted:
            words = s.words
            if 'sight_trusts_last' not in mut:
                words = tuple(x._replace(last=s.nx - 1) if is_whole(cfg, j) else x for j, x in enumerate(words))
            out.append((s._replace(sighted=True, words=words), 'TRIGGERS IN FORCE'))
    if left.restarts:
        ws = tuple(w if w.pc == 0 else w._replace(pc=spec.visible, noted=0, marked=0)
                   if spec.prepared < w.pc <= spec.visible else GONE for w, spec in zip(s.ws, cfg.specs))
        t = s._replace(ws=ws, boot=s.nx, lc=s.nx - 1, words=new_words(cfg, s.nx - 1), places=(NO_PLACE,) * len(s.places),
                       tok=IDLE, entry=None, reader=NOT_READING, left=left._replace(restarts=left.restarts - 1))
        if not cfg.watches:
            t = t._replace(places=(Place(ON, s.nx - 1, s.nx - 1),) * len(s.places))
        out.append((t._replace(hist=(take_snapshot(cfg, t),)), 'RESTART'))


def is_whole(cfg, j):
    return j == 0 or cfg.items[j - 1][0] is None


def new_words(cfg, newest):
    """Of a slot that has just been made."""
    prepared_xid = 0 if 'slot_prepared_xid_zero' in cfg.mut else newest
    last = 0 if 'slot_last_zero' in cfg.mut else newest
    return tuple(Word(0, prepared_xid, last) if is_whole(cfg, j) else Word(0, 0, 0) for j in range(cfg.nwords))


def initial(cfg):
    place = NO_PLACE if cfg.watches else Place(ON, 1, 0)
    s = State(2, 1, 2, (), (), (), (Word(0, 0, 1),) * cfg.nwords, (place,) * len(cfg.columns),
              (Writer(0, 0, 0, 0, 0, 0, 0),) * len(cfg.specs), IDLE, None, NOT_READING, True, True,
              Left(cfg.watches, cfg.slots, cfg.blinds, cfg.restarts))
    return s._replace(hist=(take_snapshot(cfg, s),))


def explore(cfg):
    """Breadth first, so a violation comes with a shortest trace."""
    init = initial(cfg)
    parent, queue = {init: None}, deque([init])
    stat = dict(hits=0, refused=0, kept=0, passed=0)

    def trace(s, label=None):
        labels = [label] if label else []
        while parent[s] is not None:
            s, label = parent[s]
            labels.append(label)
        return labels[::-1]
    while queue:
        s = queue.popleft()
        out = []
        for i in range(len(s.ws)):
            writer_steps(cfg, s, i, out, stat)
        if s.entry is None:
            for kind in s.tok.kind or cfg.fillers:
                token_steps(cfg, s, kind, out, stat)
        world_steps(cfg, s, out)
        if cfg.literal:
            bad = reader_steps(cfg, s, out, stat)
            if bad:
                return len(parent), stat, bad, trace(s, 'reader serves it')
        for t, label in out:
            if t not in parent:
                parent[t] = (s, label)
                bad = None if cfg.literal else exposed(cfg, t, stat)
                if bad:
                    return len(parent), stat, bad, trace(t)
                queue.append(t)
    return len(parent), stat, None, None


# ------------------------------------------------------------------ what is checked
MUTANTS = [                                   # (name, configuration that kills it, what is missing)
    ('mark_after_visible', 'two', 'marked after it is visible'),
    ('unmark_before_visible', 'two', 'writers - 1 before it is visible'),
    ('last_after_unmark', 'two', 'last raised after writers - 1'),
    ('old_value_unnoted', 'three on a row', 'the old value is not noted'),
    ('new_value_unnoted', 'two', 'the new value is not noted'),
    ('no_whole_mark', 'bulk', 'a bulk change does not mark the table'),
    ('prepared_xid_after_unmark', 'prepared', 'prepared_xid set after writers - 1'),
    ('prepared_xid_before_watch', 'prepared', 'prepared_xid read before the words'),
    ('no_prepared_xid_F', 'prepared', 'F.xmin > prepared_xid not required'),
    ('no_prepared_xid_S', 'prepared', 'S.xmin > prepared_xid not required'),
    ('no_prepared_xid_F', 'prepared, bulk', 'nor for the table as a whole'),
    ('slot_prepared_xid_zero no_boot_F', 'prepared, restart, any', 'prepared_xid of a new slot begins with 0, and xmin >= boot is not required'),
    ('slot_prepared_xid_zero no_boot_S', 'prepared, restart, any', 'the same under S'),
    ('ignores_writers', 'two', 'words read although writers are in flight'),
    ('ignores_whole_writers', 'bulk', 'the table is read although writers are in flight'),
    ('last_before_watch', 'two', 'W is read before the words'),
    ('snapshot_first', 'two', 'F is taken before the token'),
    ('no_install_check', 'two', 'kept with the versions as they are when it is kept'),
    ('no_hit_check', 'two', 'hit although a word has moved'),
    ('any_snapshot', 'two', 'hit whatever S sees'),
    ('xmax_only', 'two', 'hit if W < S.xmax'),
    ('w_visible', 'three', 'hit if S sees W'),
    ('up_to_before_w', 'three', 'S need not see W itself'),
    ('s_any', 'two', 'kept under any S'),
    ('s_xmax_only', 'two', 'kept under S if W < S.xmax'),
    ('s_w_visible', 'three', 'kept under S if S sees W'),
    ('s_whatever_xmax', 'three', 'W is not compared with S.xmax'),
    ('s_asks_before', 'three', 'who is running is asked before the token'),
    ('own_hit', 'two', 'hit by a transaction that has changed the table itself'),
    ('own_kept', 'two', 'kept by a transaction that has changed the table itself'),
    ('since_zero', 'watched', 'a column is relied on at once'),
    ('since_not_in_prepared_xid', 'watched', 'since is not in prepared_xid'),
    ('since_not_in_w', 'watched', 'since is not in W'),
    ('since_first', 'watched', 'the newest xid is read before the column is published'),
    ('set_before_xid', 'watched', 'a writer knows the columns from before it had an xid'),
    ('set_once', 'watched, settled', 'a writer knows the columns from before it had a lock on the table'),
    ('set_at_first', 'watched, savepoint', 'or from before it has rolled back to a savepoint'),
    ('generation_ignored', 'unwatched', 'the generation of the column is not compared'),
    ('place_prepared_xid_first', 'unwatched', 'prepared_xid of a column is read before its generation'),
    ('settle_unlooked', 'watched, settled', 'settled without a look at who has changed the table'),
    ('settle_early', 'watched, settled', 'who has changed the table is asked before the column is published'),
    ('settle_forgets_w', 'watched, settled', 'settling forgets since'),
    ('slot_prepared_xid_zero', 'slot lost, any', 'prepared_xid of a new slot begins with 0'),
    ('slot_last_zero', 'slot lost, any', 'last of a new slot begins with 0'),
    ('sight_trusts_last', 'triggers out of force', 'last not raised when the triggers are in force again'),
    ('check_before_snapshot', 'literal', 'the words are looked at before S is taken'),
    ('no_hit_check', 'literal', 'a slow reader does not look at the words'),
    ('any_snapshot', 'literal', 'nor at what S sees'),
]
SPARES = [
    ('last_after_mark', 'three', 'last raised after the mark'),
    ('set_once', 'watched, two rows', 'nothing is settled, and columns are looked up once there is an xid'),
    ('set_at_first', 'watched, settled, two rows', 'columns are looked up once, after the first change'),
    ('no_boot_F no_boot_S', 'prepared, restart, any', 'xmin >= boot not required (prepared_xid of a new slot does it)'),
    ('no_boot_F no_boot_S', 'watched, restart', 'xmin >= boot not required (since does it)'),
    ('unnote', 'savepoint', 'what was noted in a subtransaction is forgotten with it'),
    ('place_last', 'unwatched', 'columns looked at after the words'),
    ('slot_prepared_xid_zero slot_last_zero', 'slot lost', 'a new slot begins with 0: since does it'),
    ('w_ignores_boot', 'prepared, restart', 'W without boot - 1 (slots are made after boot)'),
    ('w_below_xmin', 'three', 'hit if W < S.xmin'),
    ('sees_all', 'three', 'hit if S sees all that was seen'),
    ('trimmed', 'three', 'of the snapshot only what is below min(xmax, W + 1) is kept'),
    ('s_w_below_xmin', 'three', 'kept under S if W < S.xmin'),
    ('s_aborted_refused', 'three, aborts', 'kept under S only if all of S.xip up to W are running'),
    ('s_asks_at_token', 'three', 'who is running is asked with the token, not later'),
]


def configurations():
    C = Config
    # 1. words, W, prepared_xid; every kind of change of a row
    yield C('two', 'c1', '11 21', '0>12 1>12')
    yield C('three', 'c1', '11 21 31', '0>21 1>12 2>32', abort=False)
    yield C('three, aborts', 'c1', '11 21 31', '0>21 1>12 2>32')
    yield C('three on a row', 'c1', '11', '0>21 0>12 0>21', abort=False)
    yield C('insert, delete', 'c1', '11 -', '0> 1>11 .')
    yield C('bulk', 'c1', '11 21', 'w0>12,1>12 1>12')
    yield C('bulk, three', 'c1', '11 21', 'w1>21 0>21 .', abort=False)
    yield C('savepoint', 'c1', '11 21', 's0>21,1>12 1>11')
    yield C('savepoint, bystander', 'c1', '11 21', 's0>21 1>12 .', abort=False)
    yield C('prepared', 'c1', '11 21', 'p0>21 1>12')
    yield C('prepared, three', 'c1', '11 21', 'p0>21 1>12 .', abort=False)
    yield C('prepared, bulk', 'c1', '11 21', 'pw0>21 1>12')
    yield C('prepared, savepoint', 'c1', '11 21', 'ps0>21,1>11 1>12')
    yield C('prepared, restart', 'c1', '11 21', 'p0>21 1>12', restarts=1)
    yield C('prepared, restart, any', 'any', '11 21', 'p0>21 1>12', restarts=1)
    yield C('collision', 'c1', '11 21', '0>12 1>22', collide=True)
    yield C('two columns', 'c1 d1', '12 21', '0>11 1>11', abort=False)
    yield C('any', 'any', '11 21', '0>21 1>12')
    yield C('c1 and any', 'c1 any', '11 21', '0>21 1>22', abort=False)
    # 2. a column becomes watched, and is no longer
    yield C('watched', 'c1', '11 21', '0>21 1>12', watches=1)
    yield C('watched slowly', 'c1', '11 21', '0>21 1>12', watches=1, slowly=True, settle=True)
    yield C('watched, three', 'c1', '11 21', '0>21 1>12 .', watches=1, abort=False)
    yield C('watched, two rows', 'c1', '11 21', '0>22,1>12 .', watches=1)
    yield C('watched, settled', 'c1', '11 21', '0>21 1>12', watches=1, settle=True)
    yield C('watched, settled, two rows', 'c1', '11 21', '0>22,1>12 .', watches=1, settle=True)
    yield C('watched, settled, three', 'c1', '11 21', '0>21 1>12 .', watches=1, settle=True, abort=False)
    yield C('unwatched', 'c1', '11 21', '0>21 1>12', watches=2, unwatch=True, settle=True, abort=False)
    yield C('watched, savepoint', 'c1', '11 21', 's0>21,1>12 1>11', watches=1, settle=True, abort=False)
    yield C('watched, prepared', 'c1', '11 21', 'p0>21 1>12', watches=1, settle=True)
    yield C('watched, restart', 'c1', '11 21', 'p0>21 1>12', watches=2, settle=True, restarts=1, abort=False)
    yield C('watched, two columns', 'c1 d1', '12 21', '0>11 1>11', watches=2, abort=False)
    yield C('slot lost', 'c1', '11 21', '0>21 1>12', watches=2, slots=1, settle=True, abort=False)
    yield C('slot lost, any', 'any', '11 21', '0>21 1>12', slots=1)
    yield C('triggers out of force', 'c1', '11 21', '0>21 1>12', blinds=1)
    yield C('triggers out of force, watched', 'c1', '11 21', '0>21 1>12', blinds=1, watches=1, settle=True, abort=False)
    # 3. readers that take their time
    yield C('literal', 'c1', '11 21', '0>21 1>12', literal=True)
    yield C('literal, unwatched', 'c1', '11 21', '0>21 .', literal=True, watches=2, unwatch=True, abort=False)
    # 4. more of the same
    yield C('three, a row and others', 'c1', '11 21', '0>21 1>12 p1>11', deep=True)
    yield C('four', 'c1', '11 21', '0>21 1>12 p1>21 .', deep=True, abort=False)
    yield C('literal, three', 'c1', '11 21', '0>21 1>12 0>12', literal=True, abort=False, deep=True)
    yield C('watched, aborts', 'c1', '11 21', '0>21 1>12 .', watches=1, settle=True, deep=True)
    yield C('unwatched, aborts', 'c1', '11 21', 'p0>21 1>12', watches=3, unwatch=True, settle=True, deep=True)
    yield C('unwatched, savepoint', 'c1', '11 21', 's0>21,1>12 1>11', watches=2, unwatch=True, settle=True, deep=True)
    yield C('watched, restart, aborts', 'c1', '11 21', 'p0>21 1>12', watches=2, settle=True, restarts=1, deep=True)
    yield C('watched, two columns, settled', 'c1 d1', '12 21', '0>11 1>11', watches=2, settle=True, deep=True, abort=False)
    yield C('watched, two columns, aborts', 'c1 d1', '12 21', '0>11 1>11', watches=2, deep=True)
    yield C('slot lost, aborts', 'c1', '11 21', 'p0>21 w1>12', watches=2, slots=1, settle=True, deep=True)
    yield C('all at once', 'c1', '11 21', 'ps0>21,1>11 w1>12', watches=2, unwatch=True, slots=1, blinds=1, settle=True,
            deep=True, abort=False)


def mutated(known, m, name, kind, what):
    cfg = Config.__new__(Config)
    cfg.__dict__.update(known[name].__dict__)
    cfg.set_mutant(m)
    cfg.name = '[%s] %s: %s' % (kind, m, what)
    return cfg


def jobs(deep, part):
    known = {c.name: c for c in configurations()}
    chosen = [(c, None) for c in known.values() if deep or not c.deep]
    chosen += [(mutated(known, m, name, 'spare', what), None) for m, name, what in SPARES]
    chosen += [(mutated(known, m, name, 'mutant', what), name) for m, name, what in MUTANTS]
    return [j for j in chosen if not part or part[0] in j[0].name]


def work(job):
    gc.disable()                              # no cycles here
    began = time.process_time()
    states, stat, bad, trace = explore(job[0])
    job[0].memo.clear()
    return job, states, stat, bad, trace, time.process_time() - began


def main():
    deep, traces = '--deep' in sys.argv, '--traces' in sys.argv
    part = [a for a in sys.argv[1:] if not a.startswith('-')]
    start, total, failed, killed, mutants = time.time(), 0, 0, 0, 0
    with Pool(2, maxtasksperchild=1) as pool:
        for (cfg, target), states, stat, bad, trace, secs in pool.imap(work, jobs(deep, part)):
            total += states
            if target is None:
                verdict = 'VIOLATION' if bad else 'OK' if stat['hits'] else 'NO HITS'
                failed += verdict != 'OK'
            else:
                verdict = 'killed by ' + target if bad else 'NOT killed by ' + target
                mutants, killed = mutants + 1, killed + bool(bad)
            print('%-84s %7d states %6d hits %6d refused %6d own %6d passed %5.1fs  %s' % (
                cfg.name, states, stat['hits'], stat['refused'], stat['kept'], stat['passed'], secs, verdict), flush=True)
            if bad and (target is None or traces):
                print('    %s\n    %s' % (bad, ' | '.join(trace)), flush=True)
    print('%d states, %.0f s; %d of %d mutants killed; %s' % (
        total, time.time() - start, killed, mutants, '%d NOT AS EXPECTED' % failed if failed else 'the protocol holds'))
    return 1 if failed or killed != mutants else 0


if __name__ == '__main__':
    sys.exit(main())
