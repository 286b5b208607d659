"""What the models share: the search, breadth first, and the run of all configurations.

A model is a class that is made of a configuration:

  initial()     the first state
  expand(s)     (steps, bad): what can happen in a state, each a tuple (state, label) or (state, label, bad), and what
                is wrong with the state itself
  wrong(s)      what is wrong with a state that was not met before
  is_end(s)     if the model has `live`: do all come to an end here?
  columns()     text for the table: what was checked

A file gives main() its model, its configurations and its lists: (mutant, configuration that kills it, what is
missing).  A spare lacks something too, and holds; a limit is a configuration that must be violated.
"""
import gc
import sys
import time
from collections import deque
from multiprocessing import Pool

CANNOT_END = 'from here on no transaction comes to an end'


class Model:
    """What most models do not need."""
    live = False

    def __init__(self, cfg):
        self.cfg = cfg

    def wrong(self, s):
        return None

    def columns(self):
        return ''


def cannot_end(model, parent, edges):
    """A state from which no end is reached; None if there is none."""
    todo = [s for s in parent if model.is_end(s)]
    reach = set(todo)
    while todo:
        for s in edges.get(todo.pop(), ()):
            if s not in reach:
                reach.add(s)
                todo.append(s)
    return next((s for s in parent if s not in reach), None)


def explore(model):
    """(number of states, None or what is wrong, a shortest trace)."""
    first = model.initial()
    parent, queue, edges = {first: None}, deque([first]), {}
    live = model.live

    def trace(s, *last):
        labels = list(last)
        while parent[s] is not None:
            s, label = parent[s]
            labels.append(label)
        return labels[::-1]

    while queue:
        s = queue.popleft()
        steps, bad = model.expand(s)
        if bad:
            return len(parent), bad, trace(s)
        for step in steps:
            if len(step) > 2 and step[2]:
                return len(parent), step[2], trace(s, step[1])
            t = step[0]
            if t not in parent:
                parent[t] = (s, step[1])
                bad = model.wrong(t)
                if bad:
                    return len(parent), bad, trace(t)
                queue.append(t)
            if live:
                edges.setdefault(t, []).append(s)
    if live:
        s = cannot_end(model, parent, edges)
        if s is not None:
            return len(parent), CANNOT_END, trace(s)
    return len(parent), None, None


def changed(known, mutant, name, kind, what):
    """The configuration of this name, without a guard."""
    old = known[name]
    cfg = old.__class__.__new__(old.__class__)
    cfg.__dict__.update(old.__dict__)
    cfg.set_mutant(' '.join(old.mut | set(mutant.split())))
    cfg.name = '[%s] %s: %s' % (kind, mutant, what)
    return cfg


def jobs(configurations, mutants, spares, limits, deep, part):
    """(configuration, None, '' for a limit or the name of what kills a mutant)."""
    known = {c.name: c for c in configurations}
    chosen = [(c, None) for c in known.values() if deep or not c.deep] + [(c, '') for c in limits]
    chosen += [(changed(known, m, name, 'spare', what), None) for m, name, what in spares]
    chosen += [(changed(known, m, name, 'mutant', what), name) for m, name, what in mutants]
    return [j for j in chosen if not part or part[0] in j[0].name]


made = None                                   # the class, also in the processes that the pool forks


def work(job):
    gc.disable()                              # no cycles here
    began = time.time()
    model = made(job[0])
    states, bad, trace = explore(model)
    return job, states, model.columns(), bad, trace, time.time() - began


def main(model, configurations, mutants, spares=(), limits=(), width=96):
    global made
    made = model
    deep, quiet_run = '--deep' in sys.argv, '--traces' not in sys.argv
    part = [a for a in sys.argv[1:] if not a.startswith('-')]
    chosen = jobs(configurations, mutants, spares, limits, deep, part)
    start, total, failed, killed, n_mutants = time.time(), 0, 0, 0, 0
    with Pool(2, maxtasksperchild=1) as pool:
        for (cfg, target), states, columns, bad, trace, secs in pool.imap(work, chosen):
            total += states
            if target is None:
                verdict = 'VIOLATION' if bad else 'OK'
                failed += bool(bad)
            elif target:
                verdict = 'killed by ' + target if bad else 'NOT killed by ' + target
                n_mutants, killed = n_mutants + 1, killed + bool(bad)
            else:
                verdict = 'confirmed' if bad else 'NOT confirmed'
                failed += not bad
            print('%-*s %7d states%s %5.1fs  %s' % (width, cfg.name, states, columns, secs, verdict), flush=True)
            if bad and (target is None or not quiet_run):
                print('    %s\n    %s' % (bad, ' | '.join(trace)), flush=True)
    print('%d states, %.0f s; %d of %d mutants killed; %s' % (
        total, time.time() - start, killed, n_mutants, '%d NOT AS EXPECTED' % failed if failed else 'the protocol holds'))
    return 1 if failed or killed != n_mutants else 0
