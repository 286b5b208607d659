"""What was to be reached, and what was measured."""
from collections import namedtuple
from typing import Optional

from . import names
from .data import Results, difference, policy_runs, ratio, summarise
from .page import Page, shorten

# at_least: the measured number is to be at least, or else at most, the limit.
Target = namedtuple('Target', 'what how at_least limit unit measured')


def reached(target: Target) -> Optional[bool]:
    if target.measured is None:
        return None
    value = target.measured.median
    return value >= target.limit if target.at_least else value <= target.limit


def limit_text(target: Target) -> str:
    return f'{"≥" if target.at_least else "≤"} {target.limit:g}{target.unit}'


def measured_text(target: Target) -> str:
    """With as many digits as it takes to see on which side of the limit it is."""
    summary = target.measured
    if summary is None:
        return ''
    text = shorten(summary.median)
    digits = 3
    while digits < 7 and ((float(text.replace(',', '')) >= target.limit) != (summary.median >= target.limit)
                          or (float(text.replace(',', '')) <= target.limit) != (summary.median <= target.limit)):
        text = f'{summary.median:.{digits}f}'
        digits += 1
    text += target.unit
    return text if summary.rounds == 1 else f'{text} ({shorten(summary.low)}..{shorten(summary.high)})'


def table(page: Page) -> None:
    rows = []
    before = None
    verdicts = {True: 'yes', False: '**missed**', None: 'not measured'}
    for target in all_targets(page.results):
        rows.append(['' if target.what == before else target.what, target.how, limit_text(target),
                     measured_text(target), verdicts[reached(target)]])
        before = target.what
    page.table(['what', 'measured as', 'to reach', 'measured', 'reached?'], rows, left=2)
    results = [reached(target) for target in all_targets(page.results)]
    page.text(f'{results.count(True)} reached, {results.count(False)} missed, {results.count(None)} not measured.')


def all_targets(results: Results) -> list:
    found: list = []
    for part in (hot_key, redis, plain_sql, plain_reads, inside_a_query, toast, miss, updates, tracked, bulk, counters, policy):
        found += part(results)
    return found


def turns(r: Results, case: str, base: str, clients: int):
    """The ratio of two that took turns."""
    pair = f'{case}:{base}'
    return summarise(ratio(r.series('turns', pair, 'tps', clients), r.series('turns', pair, 'base_tps', clients)))


def hot_key(r: Results) -> list:
    what = 'hot key, against `SELECT 1`, 8 clients'
    return [Target(what, names.TURNS[case], True, 0.9, ' ×', turns(r, case, 'select1', 8)) for case in ('read', 'column', 'get')]


def redis(r: Results) -> list:
    what = 'hot key, against Redis `GET` over loopback TCP, 8 clients, no pipeline'
    return [Target(what, names.TURNS[case], True, 1.1, ' ×', turns(r, case, 'redis', 8)) for case in ('read', 'column', 'get')]


def plain_sql(r: Results) -> list:
    what = 'results of plain SQL, the worst case'
    against_plain: dict = {False: {}, True: {}}
    against_quiet = {}
    for dashboard, writes, protocol in plain_sql_cells(r):
        kept, plain, quiet = (f'{dashboard}:{mode}:{protocol}:{how}'
                              for mode, how in ((writes, 'kept'), (writes, 'plain'), ('none', 'kept')))
        cell = f'{names.label(names.DASHBOARDS, dashboard)}, {names.PROTOCOLS[protocol]}'
        gain = r.ratio('plain_sql', kept, plain, 'tps')
        if gain:
            against_plain[writes in names.REGULAR][f'{cell}, writes: {names.label(names.WRITERS, writes)}'] = gain
        if writes == 'others_100':
            against_quiet[cell] = r.ratio('plain_sql', kept, quiet, 'tps')
    return [worst(what, '100 commits/s to other keys, against no writes', 0.8, against_quiet),
            worst(what, 'against the plain query', 0.95, against_plain[False]),
            worst(what, 'the same, a change in each computation, at regular intervals', 0.88, against_plain[True])]


def plain_sql_cells(r: Results) -> list:
    """Dashboard, writes, protocol."""
    return list(dict.fromkeys(tuple(case.split(':')[:3]) for case in r.cases('plain_sql', 'tps')))


def plain_reads(r: Results) -> list:
    what = 'plain `SELECT` by key, answered from the cache, against a table that is not attached'
    return [Target(what, f'{text}, {clients_text(clients)}', True, limit, ' ×',
                   r.ratio('plain_reads', case + '_cache', case + '_table', 'tps', clients))
            for case, (text, limit) in names.PLAIN_READS.items() if limit for clients in (8, 1)]


def worst(what: str, how: str, limit: float, found: dict) -> Target:
    """Of ratios by what they are of."""
    cell = min((cell for cell in found if found[cell]), key=lambda cell: found[cell].median, default=None)
    return Target(what, how if cell is None else f'{how}: {cell}', True, limit, ' ×', found.get(cell))


def tracked(r: Results) -> list:
    what = '`UPDATE` of one row, against a table that is not tracked, synchronous_commit off'
    return [Target(what, f'by value, two columns watched, {clients_text(clients)}', True, 0.93, ' ×',
                   turns(r, 'update_watched', 'update_free', clients)) for clients in (8, 1)]


def inside_a_query(r: Results) -> list:
    what = 'hit inside a query'
    empty, read, plpgsql = (r.series('inquery', case, 'ns') for case in ('empty', 'read', 'plpgsql'))
    hit = difference(read, empty)
    return [
        Target(what, 'over an empty C function', False, 300, ' ns', summarise(hit)),
        Target(what, 'PL/pgSQL `SELECT` by key / hit, each over the empty function', True, 10, ' ×',
               summarise(ratio(difference(plpgsql, empty), hit))),
        Target(what, 'the same, nothing taken off', True, 10, ' ×', summarise(ratio(plpgsql, read))),
    ]


def toast(r: Results) -> list:
    what = 'jsonb document of 100 kB, read by key, against the plain `SELECT`'
    return [Target(what, f'a field of it, {clients_text(clients)}', True, 5, ' ×',
                   r.ratio('point', 'toast_column', 'toast_pk', 'tps', clients)) for clients in (8, 1)]


def miss(r: Results) -> list:
    what = 'time of a miss, against the plain `SELECT`'
    base = r.first('miss', 'pk', 'select_star', 'select')
    found = [Target(what, f'{names.MISS[case].replace("`cache.read`, ", "")}, {clients_text(clients)}', False, 1.3, ' ×',
                    r.ratio('miss', base, case, 'tps', clients))
             for case in ('miss', 'miss_first', 'miss_around') for clients in (8, 1)
             if case == 'miss' or r.has('miss', case)]
    for case, text in (('plpgsql', 'a PL/pgSQL function'), ('subselect', 'a correlated subselect')):
        found.append(Target(what, f'inside a query, against {text}', False, 1.3, ' ×',
                            r.ratio('miss', 'inquery_miss', 'inquery_' + case, 'ns')))
    return found


def updates(r: Results) -> list:
    what = '`UPDATE` of one row, against a table that is not attached, synchronous_commit off'
    return [Target(what, f'{strategy}, {clients_text(clients)}', True, 0.95, ' ×',
                   turns(r, 'update_' + strategy, 'update_plain', clients))
            for strategy in ('cache_aside', 'write_through') for clients in (8, 1)]


def bulk(r: Results) -> list:
    return [Target('time of a bulk load of 1,000,000 rows, against a table that is not attached', 'write_around', False,
                   1.05, ' ×', r.ratio('writes', 'bulk_write_around', 'bulk_plain', 'seconds'))]


def counters(r: Results) -> list:
    what = 'counter in one hot row, 8 clients, against plain `UPDATE`'
    return [Target(what, f'write_back, {how}, synchronous_commit {"on" if sync else "off"}', True, limit, ' ×',
                   r.ratio('write_back', f'{how}_hot{sync}', 'plain_hot' + sync, 'tps', 8))
            for how, limit in (('volatile', 15), ('durable', 3)) for sync in ('', '_sync')]


def policy(r: Results) -> list:
    what = 'miss ratio, against an exact S3-FIFO of as many bytes'
    found = []
    for workload, sizes in policy_runs(r.cases('policy', 'miss_ratio')).items():
        ratios = miss_ratios(r, sizes)
        if ratios:
            size = max(ratios, key=lambda mb: ratios[mb].median)
            how = f'{workload}: the worst of {len(ratios)} sizes, {size} MB'
            found.append(Target(what, how, False, 1, ' ×', ratios[size]))
    return (found or [Target(what, '', False, 1, ' ×', None)]) + [
        Target('overhead of an entry', f'the worst size of values, `entry_size` {how}', False, 64, ' B', worst_overhead(r, name))
        for name, how in ((names.FITTED, 'set to that of the entries'), (names.OURS, 'as by default'))]


def worst_overhead(r: Results, name: str):
    """With values of 16 to 400 bytes."""
    found = (summarise(r.series('policy', sizes[name], 'overhead_bytes'))
             for sizes in (policy_runs(r.cases('policy', 'overhead_bytes')).get('overhead') or {}).values() if name in sizes)
    return max((o for o in found if o), key=lambda o: o.median, default=None)


def miss_ratios(r: Results, sizes: dict) -> dict:
    """Size -> our misses over those of the exact simulation."""
    found = {}
    for size, policies in sizes.items():
        summary = r.ratio('policy', policies.get(names.OURS, ''), policies.get(names.EXACT, ''), 'miss_ratio')
        if summary:
            found[size] = summary
    return found


def clients_text(clients: int) -> str:
    return '1 client' if clients == 1 else f'{clients} clients'
