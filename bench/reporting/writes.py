"""Sections about writes: statements, bulk loads, commits, deferred writes."""
from .data import Results
from .page import Page, cost, count, duration, gain, number
from .reads import LATENCIES, latencies

STRATEGIES = ('plain', 'cache_aside', 'read_through', 'write_through', 'write_around', 'write_back')


def strategy_label(name: str) -> str:
    return 'not attached' if name == 'plain' else name


def writes(page: Page) -> None:
    r = page.results
    if not page.benchmark('writes', 'Writes', 'Prepared statements, synchronous_commit off, 100 % writes. Half of the '
                          'keys that are written are in the cache, where nothing else is said.'):
        return
    for verb, title in (('update', '`UPDATE` of one of 100,000 rows'), ('insert', '`INSERT` of one row')):
        rows = statement_rows(r, verb)
        if rows:
            page.heading(3, title)
            page.table(['table', 'clients', 'per second', 'to the table that is not attached', *LATENCIES], rows)
    bulk(page)


def statement_rows(r: Results, verb: str) -> list:
    """Cases VERB_STRATEGY, VERB_STRATEGY_SUFFIX; each against plain with its suffix."""
    rows = []
    cases = [case for case in r.cases('writes') if case.startswith(verb + '_')]
    for clients in sorted(r.clients('writes', *cases), reverse=True) if cases else []:
        for case in cases:
            tps = r.median('writes', case, 'tps', clients)
            if tps is not None:
                name, suffix = split_strategy(case[len(verb) + 1:])
                base = r.first('writes', f'{verb}_plain{suffix}', f'{verb}_plain')
                text = strategy_label(name) + (', ' + suffix.strip('_').replace('_', ' ') if suffix else '')
                rows.append([text, str(clients), count(tps),
                             '' if case == base else gain(r.ratio('writes', case, base, 'tps', clients)),
                             *latencies(r, 'writes', case, clients)])
    return rows


def split_strategy(name: str) -> tuple:
    for strategy in STRATEGIES:
        if name == strategy or name.startswith(strategy + '_'):
            return strategy, name[len(strategy):]
    return name, ''


def bulk(page: Page) -> None:
    r = page.results
    rows = [[strategy_label(name), number(r.median('writes', 'bulk_' + name, 'seconds')),
             '' if name == 'plain' else cost(r.ratio('writes', 'bulk_' + name, 'bulk_plain', 'seconds'))]
            for name in STRATEGIES if r.has('writes', 'bulk_' + name)]
    if rows:
        page.heading(3, 'Bulk load: `COPY` of 1,000,000 rows')
        page.table(['table', 'seconds', 'time, to the table that is not attached'], rows)


def commits(page: Page) -> None:
    r = page.results
    if not page.benchmark('commits', 'Transactions that change many rows', 'One session; one `UPDATE` changes the rows, '
                          'and commits. Warm: all those rows are in the cache; otherwise none. Ratios of times, '
                          'to those of the table that is not attached.'):
        return
    found: dict = {}
    for case in r.cases('commits'):
        name, _, size = case.partition('@')
        if size.isdigit():
            found.setdefault(int(size), []).append((name, case))
    rows = []
    for size in sorted(found):
        base = f'plain@{size}'
        for name, case in found[size]:
            strategy, suffix = split_strategy(name)
            text = strategy_label(strategy) + (', ' + suffix.strip('_').replace('_', ' ') if suffix else '')
            cells = [count(size), text]
            for metric in ('us', 'commit_us'):
                cells += [duration(r.median('commits', case, metric)),
                          '' if case == base else cost(r.ratio('commits', case, base, metric))]
            rows.append(cells)
    page.table(['rows', 'table', 'transaction', 'ratio', '`COMMIT` alone', 'ratio'], rows, left=2)


COUNTERS = ('plain', 'volatile', 'durable')
COUNTER_LABELS = {'plain': 'plain `UPDATE`', 'volatile': 'write_back, volatile', 'durable': 'write_back, durable'}


def write_back(page: Page) -> None:
    r = page.results
    if not page.benchmark('write_back', 'Deferred writes', 'Counters: plain `UPDATE` against `cache.increment` on a '
                          'write_back table, what is deferred being flushed at the end and the sums compared. Prepared '
                          'statements, fsync on, 100 % writes. Hot: all clients on one row; uniform: 100,000 rows.'):
        return
    rows = []
    listed = {'flush_volatile', 'flush_durable'}
    for sync in ('', '_sync'):
        for keys in ('hot', 'uniform'):
            for name in COUNTERS:
                case = f'{name}_{keys}{sync}'
                listed.add(case)
                rows += counter_rows(r, case, f'plain_{keys}{sync}', [keys, 'on' if sync else 'off', COUNTER_LABELS[name]])
    for case in r.cases('write_back'):
        if case not in listed:
            rows += counter_rows(r, case, '', ['', '', f'`{case}`'])
    page.table(['keys', 'synchronous_commit', 'table', 'clients', 'per second', 'ratio', *LATENCIES, 'WAL bytes each',
                'dead rows each'], rows, left=3)
    flush = [[what, count(r.median('write_back', case, 'rows_per_second')), number(r.median('write_back', case, 'seconds'))]
             for case, what in (('flush_volatile', 'volatile'), ('flush_durable', 'durable')) if r.has('write_back', case)]
    if flush:
        page.text('Flushing 100,000 dirty rows, one change each:')
        page.table(['table', 'rows per second', 'seconds'], flush)


def counter_rows(r: Results, case: str, base: str, head: list) -> list:
    rows = []
    for clients in sorted(r.clients('write_back', case), reverse=True):
        wal, dead = (r.median('write_back', case, metric, clients) for metric in ('wal_bytes', 'dead_rows'))
        rows.append([*head, str(clients), count(r.median('write_back', case, 'tps', clients)),
                     '' if case == base else gain(r.ratio('write_back', case, base, 'tps', clients)),
                     *latencies(r, 'write_back', case, clients), number(wal), number(dead)])
    return rows
