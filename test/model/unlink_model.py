#!/usr/bin/env python3
"""Explicit-state check of unlinking without a lock: must a writer take the partition lock if its key is not cached?

PROMISE   When a change of key k is visible, no entry with an older version of k is linked, now or later.
          (Hits look at the index only, so that is what they rely on.)

WHAT IS MODELLED   Key k of one stripe and one partition: two buckets with a sequence word each, in either of which k may
be linked, by a reference to a place in the value log; the stripe's version and writers in flight; the partition's lock and its
word "linking".
  filler   token (no writers in flight) | fresh snapshot, load | lock | linking = 1 | version = token? | write the record |
           link: seq odd, reference, seq even | linking = 0 | unlock
  writer   mark (version + 1, writers + 1) | read linking | read both buckets: seq, reference, record; then both seqs again |
           linking 0, both seqs even and unmoved, k not there: done; else lock, unlink, unlock | visible |
           't': publish, in the same bracket as the filler, if the version is its own | writers - 1
           'n': changes another key of the stripe
  mover    another holder of the lock.  move: k's record goes elsewhere in the log (its old place is garbage, and another
           key's as soon as seq is even again), in the same bucket; evict: unlinks k; hop: to the other bucket, as
           when a staged entry is settled

MEMORY is weak: of a program's loads and stores each may happen before an earlier one, unless there is a barrier between
them (a lock is one, and so is a read-modify-write), or the later one needs the earlier one's value: an address for a
load, a decision for a store.  Every order that these rules leave open is explored, together with every interleaving.
What has happened is seen by all at once (as on x86 and ARMv8).

OUTPUT    states, how many orders ended without the lock and with it; OK or the violation with a shortest trace.
A [mutant] lacks one guard or barrier and must be killed; a [spare] holds without it, or does it another way.
Exit status 1 if anything is unexpected; if a writer never does without the lock, where k may be absent; or if it ever
does, where k is there all the time ('met').
USAGE     unlink_model.py [--deep] [--traces] [part of a name]
"""
import gc
import sys
import time
from collections import deque, namedtuple
from multiprocessing import Pool

# place: what the log holds there: the version of k, OTHER, or GARBAGE.  A reference of 0 is none.
Mem = namedtuple('Mem', 'version writers linking lock seq ref place visible')
State = namedtuple('State', 'mem threads')
Op = namedtuple('Op', 'name after when run')
OTHER, GARBAGE = -1, -2
SKIPPED = 'skipped'


def put(seq, i, value):
    return seq[:i] + (value,) + seq[i + 1:]


def linked(mem):
    """The buckets that k is in."""
    return [b for b in (0, 1) if mem.ref[b] and mem.place[mem.ref[b]] >= 0]


class Program:
    """One thread: its operations, and which of them must have happened before which."""
    def __init__(self, name):
        self.name, self.ops, self.index = name, [], {}

    def add(self, name, after, run, when=None):
        """run(mem, value of ...) gives (mem, value), or None if it cannot be done yet."""
        self.index[name] = len(self.ops)
        self.ops.append(Op(name, [a for a in after.split()], when, run))

    def finish(self):
        self.ops = [Op(o.name, [self.index[a] for a in o.after if a in self.index], o.when, o.run) for o in self.ops]
        return self

    def settle(self, values):
        """What is not to be done is done."""
        changed = True
        while changed:
            changed = False
            for i, o in enumerate(self.ops):
                if values[i] is None and o.when is not None and all(values[a] is not None for a in o.after) and \
                        not o.when(lambda name: values[self.index[name]]):
                    values, changed = put(values, i, SKIPPED), True
        return values

    def steps(self, mem, values):
        for i, o in enumerate(self.ops):
            if values[i] is None and all(values[a] is not None for a in o.after):
                done = o.run(mem, lambda name: values[self.index[name]])
                if done is not None:
                    yield o.name, done[0], self.settle(put(values, i, done[1]))


# ------------------------------------------------------------------ pieces of programs
def acquire(me):
    return lambda m, v: None if m.lock else (m._replace(lock=me), True)


def release(m, v):
    return m._replace(lock=0), True


def bump_seq(bucket):
    def run(m, v):
        b = bucket(v)
        return m._replace(seq=put(m.seq, b, m.seq[b] + 1)), True
    return run


def add_link(cfg, p, me, pre, after, check, place, bucket, version):
    """
    Lock, look whether k may be linked, and link it.  The bucket that it is in, or the given one, is found out under
    the lock.
    """
    mut = cfg.mut
    counted = 'uncounted' not in mut and not (pre and 'publisher_uncounted' in mut)

    def count(by):
        if 'counter' in mut or 'inc_before_lock' in mut:
            return lambda m, v: (m._replace(linking=m.linking + by), True)
        return lambda m, v: (m._replace(linking=1 if by > 0 else 0), True)

    def find(m, v):
        found = linked(m)
        return m, found[0] if found else bucket

    def ok(v):
        return v(pre + 'check')

    def there(v):
        return v(pre + 'find')

    outside = 'inc_before_lock' in mut or 'flag_outside_lock' in mut
    seq_is_flag = 'seq_is_flag' in mut
    lock_after = after
    if seq_is_flag:
        counted = False
    if counted and outside:
        p.add(pre + 'inc', after, count(1))
        lock_after = pre + 'inc'
    p.add(pre + 'lock', lock_after, acquire(me))
    if counted and not outside:
        p.add(pre + 'inc', pre + ('check' if 'inc_after_check' in mut else 'lock'), count(1))
    p.add(pre + 'find', pre + 'lock', find)
    check_after = pre + 'lock'
    if counted and 'inc_unordered' not in mut and 'inc_after_check' not in mut:
        check_after = pre + 'lock ' + pre + 'inc'
    if seq_is_flag and 'inc_unordered' not in mut:
        check_after = pre + 'odd'
    p.add(pre + 'check', check_after, check)
    p.add(pre + 'record', pre + 'check', lambda m, v: (m._replace(place=put(m.place, place, version(v))), True), ok)
    if seq_is_flag:
        p.add(pre + 'odd', pre + 'find', bump_seq(there))
    else:
        p.add(pre + 'odd', pre + 'find ' + pre + 'check', bump_seq(there), ok)
    p.add(pre + 'ref', ' '.join([pre + 'record', pre + 'check'] + [pre + 'odd'] * ('begin_unordered' not in mut)),
          lambda m, v: (m._replace(ref=put(m.ref, there(v), place)), True), ok)
    even_after = pre + ('odd' if 'end_unordered' in mut else 'ref')
    p.add(pre + 'even', even_after, bump_seq(there), None if seq_is_flag else ok)
    end = [pre + 'ref', pre + 'even', pre + 'find', pre + 'check', pre + 'record']
    if counted and outside:
        p.add(pre + 'unlock', ' '.join(end), release)
        p.add(pre + 'dec', pre + 'unlock', count(-1))
        return pre + 'dec'
    if counted:
        dec_after = pre + ('check' if 'dec_before_link' in mut else 'inc' if 'dec_unordered' in mut else 'even')
        p.add(pre + 'dec', dec_after + ' ' + pre + 'inc ' + pre + 'check', count(-1), ok if 'dec_if_linked' in mut else None)
        end.append(pre + 'dec')
    p.add(pre + 'unlock', ' '.join(end), release)
    return pre + 'unlock'


def filler(cfg, me, place, bucket):
    p = Program('filler %d' % me)
    p.add('token', '', lambda m, v: None if m.writers and 'token_ignores_writers' not in cfg.mut else (m, m.version))
    p.add('load', 'token', lambda m, v: (m, m.visible))
    add_link(cfg, p, me, '', 'load', lambda m, v: (m, m.version == v('token')), place, bucket, lambda v: v('load'))
    return p.finish()


def writer(cfg, me, kind, turn, place, bucket):
    """The turn: how many changes of k are visible before it has the row lock."""
    mut = cfg.mut
    p = Program('writer %d' % me)

    def mark(m, v):
        if m.visible < turn and kind != 'n':
            return None
        return m._replace(version=m.version + 1, writers=m.writers + 1), m.version + 1

    p.add('mark', 'v0 v1' if 'look_before_mark' in mut else '', mark)
    if kind == 'n':
        p.add('visible', 'mark', lambda m, v: (m, True))
        p.add('unmark', 'visible', lambda m, v: (m._replace(writers=m.writers - 1), True))
        return p.finish()

    # the look
    first = '' if mut & {'look_before_mark', 'mark_unordered'} else 'mark'
    reads_linking = 'seq_is_flag' not in mut
    if reads_linking:
        last = 'v0 v1' if 'index_first' in mut else ''
        p.add('linking', first + ' ' + last, lambda m, v: (m, m.linking))
    go = 'linking' if reads_linking and not mut & {'look_unordered', 'index_first'} else first
    for b in (0, 1):
        s, r, k = 's%d' % b, 'r%d' % b, 'k%d' % b
        begin = go + (' v0' if b and 'buckets_apart' in mut else '')
        p.add(s, begin, lambda m, v, b=b: (m, m.seq[b]))
        p.add(r, begin + ('' if 'seq_unordered' in mut else ' ' + s), lambda m, v, b=b: (m, m.ref[b]))
        p.add(k, r, lambda m, v, r=r: (m, v(r) > 0 and m.place[v(r)] >= 0))
        # read before anything that comes after it
        again = 's0 s1' if 'verify_unordered' in mut else ('r%d k%d' % (b, b) if 'buckets_apart' in mut else 'r0 k0 r1 k1')
        p.add('v%d' % b, again, lambda m, v, b=b: (m, m.seq[b]))

    def must_lock(v):
        if reads_linking and v('linking') and 'linking_ignored' not in mut:
            return True
        if v('k0') or v('k1') and 'one_bucket' not in mut:
            return True
        if 'seq_ignored' in mut:
            return False
        return v('s0') != v('v0') or v('s1') != v('v1') or 'odd_accepted' not in mut and (v('s0') & 1 or v('s1') & 1) == 1

    seen = 'mark v0 v1' + (' linking' if reads_linking else '')
    p.add('lock', seen, acquire(me), must_lock)
    p.add('find', 'lock', lambda m, v: (m, (linked(m) + [-1])[0]), must_lock)

    def found(v):
        return v('find') not in (SKIPPED, -1)

    p.add('odd', 'find', bump_seq(lambda v: v('find')), found)
    p.add('ref', 'odd', lambda m, v: (m._replace(ref=put(m.ref, v('find'), 0)), True), found)
    p.add('even', 'ref', bump_seq(lambda v: v('find')), found)
    p.add('unlock', 'even ref odd find lock', release, must_lock)
    p.add('visible', 'unlock ' + seen, lambda m, v: (m._replace(visible=m.visible + 1), turn + 1))
    done = 'visible'
    if kind == 't':
        done = add_link(cfg, p, me, 'p.', 'visible', lambda m, v: (m, m.version == v('mark') or 'publish_always' in mut),
                        place, bucket, lambda v: v('visible'))
    p.add('unmark', done, lambda m, v: (m._replace(writers=m.writers - 1), True))
    return p.finish()


def mover(cfg, me, kind, place):
    mut = cfg.mut
    p = Program('mover')
    p.add('lock', '', acquire(me))
    p.add('find', 'lock', lambda m, v: (m, (linked(m) + [-1])[0]))

    def found(v):
        return v('find') >= 0

    def here(v):
        return v('find')

    def other(v):
        return 1 - v('find')

    def can_hop(v):
        return found(v) and kind == 'hop'

    begin = '' if 'begin_unordered' in mut else ' odd'
    p.add('from', 'find', lambda m, v: (m, m.ref[here(v)]), found)
    p.add('odd', 'find', bump_seq(here), found)
    if kind == 'move':
        def copy(m, v):
            old = v('from')
            return m._replace(place=put(put(m.place, place, m.place[old]), old, GARBAGE)), True
        p.add('copy', 'from' + begin, copy, found)
        p.add('ref', 'copy' + begin, lambda m, v: (m._replace(ref=put(m.ref, here(v), place)), True), found)
    elif kind == 'evict':
        p.add('ref', 'from' + begin, lambda m, v: (m._replace(ref=put(m.ref, here(v), 0)), True), found)
    else:
        def hop(m, v):
            return (None if m.ref[other(v)] else m._replace(ref=put(m.ref, other(v), m.ref[here(v)]))), True
        p.add('odd2', 'find', bump_seq(other), can_hop)
        p.add('ref', 'from odd2' + begin, lambda m, v: (lambda r: None if r[0] is None else r)(hop(m, v)), can_hop)
        p.add('clear', 'ref', lambda m, v: (m._replace(ref=put(m.ref, here(v), 0)), True), can_hop)
        p.add('even2', 'clear', bump_seq(other), can_hop)
    p.add('even', 'odd' if 'end_unordered' in mut else 'ref clear', bump_seq(here), found)
    if kind != 'hop':
        p.add('reuse', 'ref' if 'reuse_unordered' in mut else 'ref even',
              lambda m, v: (m._replace(place=put(m.place, v('from'), OTHER)), True), found)
    p.add('unlock', 'even even2 reuse ref clear from copy find', release)
    return p.finish()


# ------------------------------------------------------------------ what is configured
class Config:
    def __init__(self, name, threads, entry=0, met=False, mut='', deep=False):
        self.name, self.threads, self.entry, self.met, self.deep = name, threads.split(), entry, met, deep
        self.set_mutant(mut)

    def set_mutant(self, mut):
        """f0 f1: filler that would link in bucket 0, 1; w, t0, n: writers; move, evict, hop."""
        self.mut = frozenset(mut.split())
        self.programs, turn = [], 0
        for me, word in enumerate(self.threads, 1):
            if word[0] == 'f':
                self.programs.append(filler(self, me, me + 1, int(word[1])))
            elif word in ('move', 'evict', 'hop'):
                self.programs.append(mover(self, me, word, me + 1))
            else:
                self.programs.append(writer(self, me, word[0], turn, me + 1, int(word[1:] or 0)))
                turn += word[0] != 'n'


def initial(cfg):
    """With an entry at place 1, in the bucket given (1 or 2), or none."""
    ref = (1 if cfg.entry == 1 else 0, 1 if cfg.entry == 2 else 0)
    mem = Mem(0, 0, 0, 0, (0, 0), ref, (OTHER, 0 if cfg.entry else OTHER) + (OTHER,) * len(cfg.programs), 0)
    return State(mem, tuple(p.settle((None,) * len(p.ops)) for p in cfg.programs))


def wrong(mem):
    found = [b for b in (0, 1) if mem.ref[b] and mem.place[mem.ref[b]] >= 0]
    for b in found:
        if mem.place[mem.ref[b]] < mem.visible:
            return 'version %d of k is linked, %d is visible' % (mem.place[mem.ref[b]], mem.visible)
    if len(found) > 1 and not mem.lock:
        return 'k is linked twice'
    return None


def explore(cfg):
    """Breadth first, so a violation comes with a shortest trace."""
    init = initial(cfg)
    parent, queue, free, locked = {init: None}, deque([init]), 0, 0

    def trace(s):
        labels = []
        while parent[s] is not None:
            s, label = parent[s]
            labels.append(label)
        return labels[::-1]
    while queue:
        s = queue.popleft()
        stuck = True
        for i, p in enumerate(cfg.programs):
            for label, mem, values in p.steps(s.mem, s.threads[i]):
                stuck = False
                t = State(mem, put(s.threads, i, values))
                if label == 'visible' and 'lock' in p.index:
                    free += values[p.index['lock']] == SKIPPED
                    locked += values[p.index['lock']] != SKIPPED
                if t not in parent:
                    parent[t] = (s, '%s: %s' % (p.name, label))
                    bad = wrong(mem)
                    if bad:
                        return len(parent), free, locked, bad, trace(t)
                    queue.append(t)
        if stuck and (s.mem.linking or s.mem.lock or s.mem.seq[0] & 1 or s.mem.seq[1] & 1):
            return len(parent), free, locked, 'left behind at the end: %s' % (s.mem,), trace(s)
    return len(parent), free, locked, None, None


# ------------------------------------------------------------------ what is checked
MUTANTS = [                                   # (name, configuration that kills it, what is missing)
    ('uncounted', 'filler', 'the word is not set'),
    ('linking_ignored', 'filler', 'the writer does not look at the word'),
    ('inc_after_check', 'filler', 'set after the version is compared'),
    ('inc_unordered', 'filler', 'no barrier between setting the word and comparing'),
    ('dec_before_link', 'filler', 'cleared before it links'),
    ('dec_unordered', 'filler', 'no barrier between linking and clearing the word'),
    ('look_before_mark', 'filler', 'the writer looks before it marks'),
    ('mark_unordered', 'filler', 'no barrier between the mark and the look'),
    ('index_first', 'filler', 'the index is read before the word'),
    ('look_unordered', 'filler', 'no barrier between word and index'),
    ('publisher_uncounted', 'publisher', 'publishing does not set the word'),
    ('dec_if_linked', 'two fillers, neighbour', 'not cleared where the version is another'),
    ('flag_outside_lock', 'two fillers, neighbour', 'set before the lock and cleared after it'),
    ('one_bucket', 'entry', 'only the first bucket is looked at'),
    ('seq_ignored', 'move', 'seqs are not compared'),
    ('odd_accepted', 'move', 'an odd seq is taken for a good one'),
    ('seq_unordered', 'move', 'no barrier after reading a seq'),
    ('verify_unordered', 'move', 'no barrier before reading it again'),
    ('begin_unordered', 'move', 'no barrier after seq is made odd'),
    ('end_unordered', 'move', 'no barrier before it is made even'),
    ('buckets_apart', 'hop', 'each bucket is confirmed by itself, and entries change buckets'),
    ('token_ignores_writers', 'filler', 'the filler does not mind the writers in flight'),
    ('publish_always', 'two writers through', 'published whatever the version'),
    ('seq_is_flag inc_unordered', 'filler', 'no barrier between seq odd and comparing'),
    ('seq_is_flag mark_unordered', 'filler', 'no barrier between the mark and reading seqs'),
    ('seq_is_flag odd_accepted', 'filler', 'an odd seq is taken for a good one'),
]
SPARES = [
    ('counter', 'two fillers', 'a counter instead of the flag'),
    ('inc_before_lock', 'two fillers', 'a counter, from before the lock to after it'),
    ('buckets_apart', 'move', 'each bucket is confirmed by itself, and entries stay in theirs'),
    ('reuse_unordered', 'move', 'a place is used again before seq is even'),
    ('seq_is_flag', 'two fillers', 'no word: seq is made odd, then the version is compared'),
    ('seq_is_flag', 'move', 'the same'),
    ('seq_is_flag', 'evict', 'the same'),
    ('seq_is_flag', 'publisher', 'the same'),
    ('seq_is_flag', 'hop', 'the same'),
]


def configurations():
    C = Config
    yield C('filler', 'f0 w')
    yield C('filler, entry', 'f0 w', entry=2, met=True)
    yield C('entry', 'w w', entry=2)
    yield C('two fillers', 'f0 f1 w')
    yield C('two fillers, neighbour', 'f0 f1 w n')
    yield C('publisher', 't0 w')
    yield C('publisher, filler', 't0 w f1')
    yield C('two writers', 'w w f0')
    yield C('two writers through', 't0 t1 f1')
    yield C('move', 'w move', entry=1, met=True)
    yield C('move, filler', 'w move f0')
    yield C('move, filler, entry', 'w move f1', entry=1, met=True)
    yield C('evict', 'w evict f0', entry=2)
    yield C('evict, two fillers', 'w evict f0 f1', deep=True)
    yield C('hop', 'w hop', entry=2, met=True)
    yield C('hop, filler', 'w hop f0', entry=2, met=True)
    yield C('move, publisher', 't0 w move', entry=1)
    yield C('three fillers', 'f0 f1 f0 w', deep=True)
    yield C('two writers, two fillers', 'w w f0 f1', deep=True)
    yield C('two writers through, filler, move', 't0 t1 f0 move', deep=True)


def mutated(known, m, name, kind, what):
    cfg = Config.__new__(Config)
    cfg.__dict__.update(known[name].__dict__)
    cfg.set_mutant(m)
    cfg.name = '[%s] %s: %s' % (kind, m, what)
    return cfg


def build(job):
    """Programs are made of closures, which do not travel between processes."""
    kind, name, m, what = job
    known = {c.name: c for c in configurations()}
    return known[name] if kind == 'plain' else mutated(known, m, name, kind, what)


def jobs(deep, part):
    chosen = [('plain', c.name, '', '') for c in configurations() if deep or not c.deep]
    chosen += [('spare', name, m, what) for m, name, what in SPARES]
    chosen += [('mutant', name, m, what) for m, name, what in MUTANTS]
    return [j for j in chosen if not part or part[0] in build(j).name]


def work(job):
    gc.disable()                              # no cycles here
    began = time.process_time()
    cfg = build(job)
    return job, cfg.name, cfg.met, explore(cfg), time.process_time() - began


def main():
    deep, traces = '--deep' in sys.argv, '--traces' in sys.argv
    part = [a for a in sys.argv[1:] if not a.startswith('-')]
    start, total, failed, killed, mutants = time.time(), 0, 0, 0, 0
    with Pool(2, maxtasksperchild=4) as pool:
        for job, name, met, (states, free, locked, bad, trace), secs in pool.imap(work, jobs(deep, part)):
            total += states
            if job[0] != 'mutant':
                verdict = 'VIOLATION' if bad else 'OK' if (free == 0) == met else 'NEVER OR ALWAYS WITHOUT THE LOCK'
                failed += verdict != 'OK'
            else:
                verdict = 'killed by ' + job[1] if bad else 'NOT killed by ' + job[1]
                mutants, killed = mutants + 1, killed + bool(bad)
            print('%-88s %7d states %6d without %6d with the lock %5.1fs  %s' % (
                name, states, free, locked, secs, verdict), flush=True)
            if bad and (job[0] != 'mutant' or traces):
                print('    %s\n    %s' % (bad, ' | '.join(trace)), flush=True)
    print('%d states, %.0f s; %d of %d mutants killed; %s' % (
        total, time.time() - start, killed, mutants, '%d NOT AS EXPECTED' % failed if failed else 'the protocol holds'))
    return 1 if failed or killed != mutants else 0


if __name__ == '__main__':
    sys.exit(main())
