"""Sections about reads: by key, inside a query, misses, growth."""
from . import names
from .data import Results, difference, numbered, ratio, summarise
from .page import Page, amount, cost, count, gain, percent, spread
from .targets import clients_text, turns as turns_ratio

LATENCIES = ['p50 µs', 'p95 µs', 'p99 µs']

# What is compared two by two: what it is, without a cache, and with it.
PAIRS = (
    ('a field of a jsonb document of 100 kB', 'toast_pk', 'toast_column'),
    ('a whole row of 100 kB', 'toast_row_pk', 'toast_row'),
    ('an aggregate of 400 rows, by a loader function', 'aggregate', 'loader'),
    ('the same, against an indexed materialised view', 'matview', 'loader'),
)


def latencies(r: Results, bench: str, case: str, clients: int) -> list:
    return [count(r.median(bench, case, metric, clients)) for metric in ('p50', 'p95', 'p99')]


def point(page: Page) -> None:
    r = page.results
    if not page.benchmark('point', 'Reads by key', 'A statement a read, no writes, prepared statements over a Unix '
                          'socket where nothing else is said; `redis-benchmark` without pipelining for Redis. A table '
                          'of 100,000 rows of about 120 bytes; 10,000 keys in no order, all of them cached.'):
        return
    pairs = {case for _, plain, cached in PAIRS for case in (plain, cached)}
    cases = names.known_first(names.POINT, [case for case in r.cases('point') if case not in pairs])
    page.chart('point', 'Throughput of reads by key, by strategy and against each peer')
    for clients in sorted(r.clients('point', *cases), reverse=True):
        page.heading(3, clients_text(clients).capitalize())
        page.table(['read', 'per second', 'to `SELECT 1`', 'to the `SELECT` by primary key', *LATENCIES],
                   point_rows(r, cases, clients))
    page.chart('latency', 'Latency of the same reads: half, 95 % and 99 % of them take no longer')
    page.text('pgpool-II’s query cache is for the simple protocol; with prepared statements pgpool-II is much slower. What '
              'it saves is seen against the `SELECT` with the same protocol.')
    page.heading(3, 'Against each peer')
    page.text('How many times as many reads per second as the peer, at the same number of clients.')
    page.table(['read', 'clients', *names.PEERS.values()], peer_rows(r), left=1)
    page.heading(3, 'Large rows and expensive ones')
    page.table(['read', 'clients', 'plain, per second', 'cached, per second', 'ratio', 'plain, p99 µs', 'cached, p99 µs'],
               pair_rows(r))


def point_rows(r: Results, cases: list, clients: int) -> list:
    rows = []
    for case in cases:
        tps = r.median('point', case, 'tps', clients)
        if tps is not None:
            write = gain if case in names.CACHED else spread
            rows.append([names.label(names.POINT, case), count(tps),
                         '' if case == 'select1' else spread(r.ratio('point', case, 'select1', 'tps', clients)),
                         '' if case == 'pk' else write(r.ratio('point', case, 'pk', 'tps', clients)),
                         *latencies(r, 'point', case, clients)])
    return rows


def peer_rows(r: Results) -> list:
    rows = []
    for clients in sorted(r.clients('point'), reverse=True):
        for case in names.CACHED:
            ratios = [gain(r.ratio('point', case, peer, 'tps', clients)) for peer in names.PEERS]
            if any(ratios):
                rows.append([names.POINT[case], str(clients), *ratios])
    return rows


def turns(page: Page) -> None:
    r = page.results
    if not page.benchmark('turns', 'Two in turns', 'Two programs, with their sessions connected all the time, of which one '
                          'is stopped while the other runs, in turns of a quarter of a second: on a machine whose speed '
                          'changes from one second to the next, these are the ratios to go by. Rows, keys and settings are '
                          'those of the sections on reads by key and on writes; '
                          'what does not use the library is pgbench at scale 10, and single statements, beside 400 tables '
                          'that are attached.'):
        return
    rows = []
    for pair in sorted(r.cases('turns', 'tps'), key=lambda pair: list(map(list(names.TURNS).index, pair.split(':')[::-1]))):
        case, base = pair.split(':')
        for clients in sorted(r.clients('turns', pair), reverse=True):
            rows.append([names.TURNS[case], names.TURNS[base], str(clients), count(r.median('turns', pair, 'tps', clients)),
                         count(r.median('turns', pair, 'base_tps', clients)),
                         spread(turns_ratio(r, case, base, clients), '{:.3f}'.format)])
    page.table(['statement', 'against', 'clients', 'per second', 'the other, per second', 'ratio'], rows, left=2)


def pair_rows(r: Results) -> list:
    rows = []
    for what, plain, cached in PAIRS:
        for clients in sorted(r.clients('point', plain, cached), reverse=True):
            rows.append([what, str(clients), count(r.median('point', plain, 'tps', clients)),
                         count(r.median('point', cached, 'tps', clients)),
                         gain(r.ratio('point', cached, plain, 'tps', clients)),
                         count(r.median('point', plain, 'p99', clients)), count(r.median('point', cached, 'p99', clients))])
    return rows


def plain_reads(page: Page) -> None:
    r = page.results
    if not page.benchmark('plain_reads', 'Plain SELECTs by key', 'The same rows in a table that is not attached and in one '
                          'that is attached with `plain_reads`, all of them cached and in shared buffers; prepared '
                          'statements. Plans, rows and hits are checked before a number is recorded.'):
        return
    rows = []
    for case, (what, _) in names.PLAIN_READS.items():
        for clients in sorted(r.clients('plain_reads', case + '_cache'), reverse=True):
            plain, cached = case + '_table', case + '_cache'
            rows.append([what, count(clients), *(count(r.median('plain_reads', name, 'tps', clients)) for name in (plain, cached)),
                         gain(r.ratio('plain_reads', cached, plain, 'tps', clients))])
    page.table(['what', 'clients', 'without, per second', 'with, per second', 'ratio'], rows)


def inquery(page: Page) -> None:
    r = page.results
    if not page.benchmark('inquery', 'Reads inside one query', 'One session, one query that reads 100,000 times, 10,000 '
                          'hot keys in no order; the time of the same query with a constant in its place is taken off. '
                          'No JIT, no parallel query.'):
        return
    page.chart('inquery', 'Nanoseconds a read inside one query')
    empty, read = r.series('inquery', 'empty', 'ns'), r.series('inquery', 'read', 'ns')
    rows = []
    for case in names.known_first(names.INQUERY, r.cases('inquery')):
        ns = r.series('inquery', case, 'ns')
        ours = names.system(case) in ('cache', 'keys')
        call = ours or case in ('plpgsql', 'pgmemcache')
        rows.append([names.label(names.INQUERY, case), spread(summarise(ns)),
                     spread(summarise(difference(ns, empty))) if call else '',
                     '' if case in ('read', 'empty') else (spread if ours else gain)(summarise(ratio(ns, read)))])
    page.table(['form', 'ns a read', 'over the empty function', 'times `cache.read` of a column'], rows)
    page.text('▼: cheaper than `cache.read`. A join reads a good part of the table in one go; where it can be written, it '
              'can be cheaper than any read by key.')


def miss(page: Page) -> None:
    r = page.results
    if not page.benchmark('miss', 'Reads that miss', 'A million rows of about 120 bytes in shared buffers, a store that holds a '
                          'fifth of them, read in turn: a key comes back when it is long forgotten. Full store: each read '
                          'loads a row, keeps it and pushes another out; write_around loads and does not keep. No writes, '
                          'prepared statements.'):
        return
    base = r.first('miss', 'pk', 'select_star', 'select')
    rows = []
    for clients in sorted(r.clients('miss'), reverse=True):
        for case in names.known_first(names.MISS, r.cases('miss')):
            tps = r.median('miss', case, 'tps', clients)
            if tps is not None:
                time = '' if case == base else cost(r.ratio('miss', base, case, 'tps', clients))
                rows.append([names.label(names.MISS, case), str(clients), count(tps), time,
                             *latencies(r, 'miss', case, clients), percent(r.median('miss', case, 'hit_ratio', clients))])
    page.table(['read', 'clients', 'per second', 'time, to the `SELECT`', *LATENCIES, 'hits'], rows)
    inside = [['a miss', *(spread(summarise(r.series('miss', 'inquery_miss', 'ns'))), '')]]
    for case, what in (('plpgsql', 'PL/pgSQL function with a `SELECT`'), ('subselect', 'correlated subselect')):
        inside.append([what, spread(summarise(r.series('miss', 'inquery_' + case, 'ns'))),
                       cost(r.ratio('miss', 'inquery_miss', 'inquery_' + case, 'ns'))])
    if any(row[1] for row in inside):
        page.text('Inside one query:')
        page.table(['read', 'ns', 'time of a miss, to this'], [row for row in inside if row[1]])


def growth(page: Page) -> None:
    r = page.results
    if not page.benchmark('growth', 'Growth', 'Uniform reads over all keys of a table with rows of about 120 bytes; '
                          'cache and shared buffers of 128 MB each, the largest table in the memory of the operating '
                          'system; Redis holds all keys, over TCP. Where not all keys fit into the cache, `cache.read` '
                          'loads what misses, and `cache.get` returns NULL. No writes, prepared statements.'):
        return
    cases = r.cases('growth')
    systems = list(dict.fromkeys(case.partition('@')[0] for case in cases if '@' in case))
    page.heading(3, 'By number of keys')
    page.chart('growth_keys', 'Microseconds a read against the number of keys that are read')
    rows = []
    for keys in sorted({keys for name in systems for keys in numbered(cases, name)}):
        for name in names.known_first(names.GROWTH, systems):
            rows += growth_rows(r, name, keys)
    page.table(['keys', 'read', 'clients', 'per second', 'to the `SELECT`', *LATENCIES, 'hits'], rows, left=2)
    page.heading(3, 'By number of clients')
    page.chart('growth_clients', 'Throughput against the number of clients')
    single = [case for case in cases if '@' not in case]
    rows = []
    for clients in r.clients('growth', *single) if single else []:
        for case in names.known_first(names.GROWTH, single):
            tps = r.median('growth', case, 'tps', clients)
            if tps is not None:
                write = gain if case in ('read', 'get') else spread
                rows.append([str(clients), names.label(names.GROWTH, case), count(tps),
                             '' if case == 'pk' else write(r.ratio('growth', case, 'pk', 'tps', clients)),
                             *latencies(r, 'growth', case, clients)])
    page.table(['clients', 'read', 'per second', 'to the `SELECT`', *LATENCIES], rows, left=2)


def growth_rows(r: Results, name: str, keys: int) -> list:
    case, base = f'{name}@{keys}', f'pk@{keys}'
    rows = []
    for clients in r.clients('growth', case):
        write = gain if name in ('read', 'get') else spread
        rows.append([amount(keys), names.label(names.GROWTH, name), str(clients),
                     count(r.median('growth', case, 'tps', clients)),
                     '' if name == 'pk' else write(r.ratio('growth', case, base, 'tps', clients)),
                     *latencies(r, 'growth', case, clients), percent(r.median('growth', case, 'hit_ratio', clients))])
    return rows
