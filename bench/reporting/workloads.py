"""Sections about keys and values, remembered queries, write ratios, eviction, and the headline."""
from . import names
from .data import Results, break_even, middle, numbered, policy_runs, ratio
from .page import LOSES, Page, count, gain, number, percent, spread
from .reads import LATENCIES, latencies
from .targets import miss_ratios, plain_sql_cells

KV = {
    'select1': '`SELECT 1`',
    'get': '`cache.get`',
    'set': '`cache.set`',
    'set_immediate': '`cache.set`, immediate',
    'incr': '`cache.incr`',
    'incr_immediate': '`cache.incr`, immediate',
    'incr_one': '`cache.incr`, one key',
    'incr_one_immediate': '`cache.incr`, one key, immediate',
    **{f'redis_{how}_{case}': f'Redis {what}, {where}'
       for case, what in (('get', '`GET`'), ('set', '`SET`'), ('incr', '`INCR`'), ('incr_one', '`INCR`, one key'))
       for how, where in (('tcp', 'TCP'), ('unix', 'Unix socket'))},
}


def kv(page: Page) -> None:
    r = page.results
    if not page.benchmark('kv', 'Keys and values', '10,000 keys in no order, values of 100 bytes that come from the '
                          'client; prepared statements over a Unix socket against `redis-benchmark` without pipelining. '
                          'Redis writes nothing to disk. Each case does nothing but what it is called, so all but the '
                          'gets are 100 % writes.'):
        return
    rows = []
    for clients in sorted(r.clients('kv'), reverse=True):
        for case in names.known_first(KV, r.cases('kv')):
            tps = r.median('kv', case, 'tps', clients)
            if tps is not None:
                rows.append([names.label(KV, case), str(clients), count(tps), *kv_ratios(r, case, clients),
                             *latencies(r, 'kv', case, clients)])
    page.table(['operation', 'clients', 'per second', 'to `SELECT 1`', 'to Redis, TCP', 'to Redis, Unix socket', *LATENCIES],
               rows)
    page.text('A transaction keeps the lock of a key that it has changed until it ends: clients that increment one key in '
              'transactions of their own queue up. Immediate changes do not.')


def kv_ratios(r: Results, case: str, clients: int) -> list:
    operation = case.replace('_immediate', '')
    ours = not case.startswith('redis_')
    return ['' if case == 'select1' else spread(r.ratio('kv', case, 'select1', 'tps', clients)),
            *(gain(r.ratio('kv', case, f'redis_{how}_{operation}', 'tps', clients)) if ours else '' for how in ('tcp', 'unix'))]


def remember(page: Page) -> None:
    r = page.results
    if not page.benchmark('remember', 'Remembered queries', 'Dashboards over the tables of pgbench, plain and through '
                          '`cache.remember`, while one more client writes nothing, another table, or the dashboard’s '
                          'own tables. What is remembered is compared with what the query returns.'):
        return
    found: dict = {}
    for case in r.cases('remember'):
        parts = case.split(':')
        if len(parts) == 3:
            found.setdefault((parts[0], parts[1]), {})[parts[2]] = case
    rows = []
    for (dashboard, writer), cases in found.items():
        plain, remembered, view = (cases.get(how, '') for how in ('plain', 'remembered', 'matview'))
        rows.append([names.DASHBOARDS.get(dashboard, dashboard), names.WRITERS.get(writer.replace('-', '_'), writer),
                     *(count(r.median('remember', case, 'tps')) for case in (plain, remembered)),
                     gain(r.ratio('remember', remembered, plain, 'tps')), count(r.median('remember', view, 'tps')),
                     gain(r.ratio('remember', remembered, view, 'tps'))])
    order = list(names.DASHBOARDS.values())
    rows.sort(key=lambda row: order.index(row[0]) if row[0] in order else len(order))
    page.table(['dashboard', 'writes', 'plain, per second', 'remembered, per second', 'ratio',
                'materialised view, per second', 'remembered to that'], rows, left=2)


def plain_sql(page: Page) -> None:
    r = page.results
    if not page.benchmark('plain_sql', 'Results of plain SQL', 'Dashboards over the tables of pgbench, the same statements '
                          'with cache_strategies.results off and with auto, while one more client writes. Those by key '
                          'ask for the lower half of the branches or tellers, and the writer changes the upper half. At '
                          'intervals of a computation: each computation meets one change, which is the worst for sessions '
                          'that wait for each other. Rows are compared with the plain ones under the same snapshot.'):
        return
    rows = []
    for dashboard, writes, protocol in plain_sql_cells(r):
        plain, kept = (f'{dashboard}:{writes}:{protocol}:{how}' for how in ('plain', 'kept'))
        quiet = '' if writes == 'none' else spread(r.ratio('plain_sql', kept, f'{dashboard}:none:{protocol}:kept', 'tps'))
        rows.append([names.label(names.DASHBOARDS, dashboard), names.label(names.WRITERS, writes),
                     names.label(names.PROTOCOLS, protocol), *(count(r.median('plain_sql', case, 'tps')) for case in (plain, kept)),
                     gain(r.ratio('plain_sql', kept, plain, 'tps')), quiet,
                     *(count(r.median('plain_sql', case, 'p99')) for case in (plain, kept))])
    page.table(['dashboard', 'writes', 'statements', 'plain, per second', 'kept, per second', 'ratio', 'kept, to no writes',
                'plain, p99 µs', 'kept, p99 µs'], rows, left=3)


def write_ratio(page: Page) -> None:
    r = page.results
    if not page.benchmark('ratio', 'Gain against write ratio', 'So many per cent of the transactions are an `UPDATE` of '
                          'one row, the others reads by key; keys by Zipf’s law (1.1); 8 clients, prepared statements, '
                          'synchronous_commit off.'):
        return
    page.chart('write_ratio', 'Gain in transactions per second against the share of writes')
    cases = r.cases('ratio')
    rows, evens = [], []
    for name, (base, what) in names.RATIO.items():
        plain, gains = numbered(cases, base), {}
        for writes, case in numbered(cases, name).items():
            gains[writes] = middle(ratio(r.series('ratio', case, 'tps'), r.series('ratio', plain.get(writes, ''), 'tps')))
            rows.append([what, f'{writes} %', count(r.median('ratio', plain.get(writes, ''), 'tps')),
                         count(r.median('ratio', case, 'tps')), gain(r.ratio('ratio', case, plain.get(writes, ''), 'tps')),
                         percent(r.median('ratio', case, 'hit_ratio'))])
        gains = {writes: value for writes, value in gains.items() if value}
        if gains:
            evens.append([what, even_text(gains)])
    page.text('Break-even: the share of writes above which the plain table is faster, between two measured points.')
    page.table(['what is read', 'break-even'], evens, left=2)
    page.table(['what is read', 'writes', 'plain, per second', 'cached, per second', 'ratio', 'hits'], rows)


def even_text(gains: dict) -> str:
    even = break_even(gains)
    if even is None:
        return f'none up to {max(gains)} % of writes'
    return f'{even:.0f} % of writes' if even > min(gains) else f'the cache loses at {min(gains)} % of writes already'


def policy(page: Page) -> None:
    r = page.results
    if not page.benchmark('policy', 'Eviction', 'The store without a server, each policy in its place, and exact '
                          'simulations of policies, with lists; all play the same requests from an empty cache on. A '
                          'simulation may hold as many bytes of records as the store held when it was full. zipf07, zipf099, '
                          'zipf12: Zipf’s law; scan: a fifth of the requests are scans; shift: the popular keys change; '
                          'trace: a sample of the CloudPhysics traces, with its sizes; mixed: values of 10 bytes to 1 MB.'):
        return
    page.chart('policy', 'Hit ratio against the size of the cache, by workload and policy')
    runs = policy_runs(r.cases('policy', 'miss_ratio'))
    used = {name for sizes in runs.values() for found in sizes.values() for name in found}
    policies = names.known_first(names.POLICY, sorted(used))
    heads = [names.label(names.POLICY, name) for name in policies]
    page.text('Share of requests that miss:')
    rows = []
    for workload, sizes in runs.items():
        ratios = miss_ratios(r, sizes)
        for size, found in sizes.items():
            misses = (r.median('policy', found.get(name, ''), 'miss_ratio') for name in policies)
            rows.append([workload, str(size), to_exact(ratios.get(size)),
                         *('' if value is None else f'{value * 100:.2f} %' for value in misses)])
    page.table(['workload', 'MB', 'store to exact S3-FIFO', *heads], rows)
    policy_times(page, runs, policies)
    overhead(page)


def policy_times(page: Page, runs: dict, policies: list) -> None:
    r = page.results
    timed = [name for name in policies if any(r.median('policy', found.get(name, ''), 'ns') is not None
                                              for sizes in runs.values() for found in sizes.values())]
    rows = [[workload, str(size), *(number(r.median('policy', found.get(name, ''), 'ns')) for name in timed)]
            for workload, sizes in runs.items() for size, found in sizes.items()]
    if timed:
        page.text('Nanoseconds a request, installs and copying of values included:')
        page.table(['workload', 'MB', *(names.label(names.POLICY, name) for name in timed)], rows)
    rows = []
    for workload, sizes in policy_runs(r.cases('policy', 'install_p999_ns')).items():
        for size, found in sizes.items():
            rows += [[workload, names.label(names.POLICY, name), str(size),
                      *(number(r.median('policy', case, f'install_{which}_ns')) for which in ('p50', 'p999', 'max'))]
                     for name, case in found.items()]
    if rows:
        page.text('A single install, in nanoseconds; fill: into a store that is not yet full:')
        page.table(['workload', 'policy', 'MB', 'p50', 'p99.9', 'slowest'], rows, left=2)


OVERHEAD = {
    'overhead_bytes': 'overhead', 'header_bytes': 'header', 'padding_bytes': 'padding', 'index_bytes': 'index',
    'ghost_bytes': 'ghosts', 'dead_bytes': 'dead records', 'rest_bytes': 'the rest',
}

ENTRY_SIZE = {names.OURS: 'default', names.FITTED: 'that of the entries'}


def overhead(page: Page) -> None:
    r = page.results
    rows = []
    for sizes in policy_runs(r.cases('policy', 'overhead_bytes')).values():
        for size, found in sizes.items():
            rows += [[count(size), ENTRY_SIZE.get(name, name), *(number(r.median('policy', case, metric)) for metric in OVERHEAD)]
                     for name, case in found.items()]
    if rows:
        page.text('Memory of a full store over keys and values, in bytes an entry:')
        page.table(['bytes of a value', '`entry_size`', *OVERHEAD.values()], rows, left=0)


def to_exact(summary) -> str:
    """Misses of the store in times of those of the exact simulation."""
    if summary is None:
        return ''
    return f'{summary.median:.3f}' + (LOSES if round(summary.median, 3) > 1 else '')


def headline(page: Page) -> None:
    r = page.results
    if not page.benchmark('headline', 'A table larger than the cache, with and without', '2,000,000 rows of 1 kB; 128 MB '
                          'for shared buffers, and 128 MB for the cache or for Redis. Reads and updates of one row, keys by '
                          'Zipf’s law (0.99), by a client in C with prepared statements over loopback TCP; with Redis, the '
                          'client asks it first, fills it after a miss and deletes the key after an update. '
                          'synchronous_commit off.'):
        return
    page.chart('headline', 'Throughput, latency and stale reads')
    rows, checks = [], []
    for case in names.known_first(names.HEADLINE, r.cases('headline')):
        for clients in r.clients('headline', case):
            head = [names.label(names.HEADLINE, case), str(clients)]
            rows.append(head + headline_numbers(r, case, clients))
            checks.append(head + [count(total(r, case, metric, clients)) for metric in CHECKS])
    page.table(['system', 'clients', 'writes', 'per second', 'to PostgreSQL alone', *LATENCIES, 'write, p50 µs', 'write, p99 µs',
                'hits', 'round trips a read', 'pages an operation'], rows)
    page.text('p50, p95 and p99 are those of reads.')
    page.text('A read is stale if it returns an older row than one that was there before the read was sent: there, because '
              'its COMMIT had returned; or, with Redis, because the DEL after it had returned, too. A stale key is one whose '
              'cached row is not the table’s when everything has ended. Sums over all rounds:')
    page.table(['system', 'clients', 'reads', 'writes', 'stale after a COMMIT', 'stale after the DEL, too', 'stale keys left'],
               checks)


CHECKS = ('reads', 'writes', 'stale_reads_commit', 'stale_reads', 'stale_keys')


def headline_numbers(r: Results, case: str, clients: int) -> list:
    reads, writes = (total(r, case, metric, clients) for metric in ('reads', 'writes'))
    return ['' if not reads or writes is None else percent(writes / (reads + writes)),
            count(r.median('headline', case, 'tps', clients)),
            '' if case == 'plain' else gain(r.ratio('headline', case, 'plain', 'tps', clients)),
            *latencies(r, 'headline', case, clients),
            *(count(r.median('headline', case, metric, clients)) for metric in ('write_p50', 'write_p99')),
            percent(r.median('headline', case, 'hit_ratio', clients)),
            number(r.median('headline', case, 'round_trips', clients)),
            number(r.median('headline', case, 'pages_read', clients))]


def shop(page: Page) -> None:
    r = page.results
    if not page.benchmark('shop', 'Pages of a web shop', 'A page is six statements: a product with its category, the prices '
                          'of a customer, the customer’s last 20 orders with items, the numbers of orders by state, the top '
                          'sellers of the last day, a search. 95 % pages, 5 % writes: prices, new orders, states of orders. '
                          'Keys by Zipf’s law (0.99), by a client in C over loopback TCP; everything in shared buffers. '
                          'Results are kept by a setting of the role, and the statements are the same; with Redis the client '
                          'asks it first for each fragment, fills it after a miss, and deletes what has changed after a '
                          'COMMIT. synchronous_commit off.'):
        return
    page.chart('shop', 'Throughput, latency and stale fragments')
    rows, checks = [], []
    for case in names.known_first(names.SHOP, r.cases('shop')):
        for clients in r.clients('shop', case):
            head = [names.label(names.SHOP, case), str(clients)]
            base = 'plain_text' if case.endswith('_text') else 'plain'
            memory = r.median('shop', case, 'memory', clients)
            rows.append([*head, count(r.median('shop', case, 'pages_per_second', clients)),
                         '' if case == base else gain(r.ratio('shop', case, base, 'pages_per_second', clients)),
                         *latencies(r, 'shop', case, clients),
                         *(count(r.median('shop', case, f'write_{which}', clients)) for which in ('p50', 'p95', 'p99')),
                         percent(r.median('shop', case, 'hit_ratio', clients)),
                         number(memory / 1e6) if memory else ''])
            checks.append(head + [count(total(r, case, metric, clients, 'shop')) for metric in (
                'pages', 'writes', 'stale_commit', 'stale', *(f'stale_commit_{name}' for name in names.FRAGMENTS))]
                + [number(r.median('shop', case, 'oldest', clients))])
    page.table(['system', 'clients', 'pages per second', 'to PostgreSQL alone', 'page, p50 µs', 'p95 µs', 'p99 µs',
                'write, p50 µs', 'p95 µs', 'p99 µs', 'hits', 'memory, MB'], rows)
    page.text('A fragment is stale if it does not show all that was there before it was asked for: there, because its COMMIT '
              'had returned; or, with Redis, because the DEL after it had returned, too. Sums over all rounds. Top sellers and '
              'search may lag by 10 seconds; the last column says by how much they did.')
    page.table(['system', 'clients', 'pages', 'writes', 'stale after a COMMIT', 'stale after the DEL, too',
                *(f'of these after a COMMIT: {name}' for name in names.FRAGMENTS.values()), 'oldest that may lag, s'], checks)


def total(r: Results, case: str, metric: str, clients: int, bench: str = 'headline'):
    """Over the rounds: of what must not happen, every one counts."""
    values = r.series(bench, case, metric, clients).values()
    return sum(values) if values else None
