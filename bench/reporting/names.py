"""What cases are called on the page, and which system they belong to."""

# Cases of one key and one row, in the order of the tables and charts.
POINT = {
    'select1': '`SELECT 1`',
    'pk': '`SELECT` by primary key',
    'unlogged': '`SELECT` from an unlogged key/value table',
    'cache_aside': '`cache.read`, cache_aside',
    'read_through': '`cache.read`, read_through',
    'write_through': '`cache.read`, write_through',
    'write_around': '`cache.read`, write_around',
    'write_back': '`cache.read`, write_back',
    'column': '`cache.read`, one column',
    'get': '`cache.get`',
    'pgmemcache': 'pgmemcache',
    'pk_simple': '`SELECT` by primary key, simple protocol',
    'pgpool': 'pgpool-II query cache, simple protocol',
    'redis_tcp': 'Redis `GET`, TCP',
    'redis_unix': 'Redis `GET`, Unix socket',
}
CACHED = ('cache_aside', 'read_through', 'write_through', 'write_around', 'write_back', 'column', 'get')
PEERS = {
    'pk': 'primary key',
    'unlogged': 'unlogged table',
    'pgmemcache': 'pgmemcache',
    'pgpool': 'pgpool-II',
    'redis_tcp': 'Redis, TCP',
    'redis_unix': 'Redis, Unix socket',
}

# Plain SELECTs by key; what is to be reached of the rate without the cache, if anything is.
PLAIN_READS = {
    'document': ('two fields of a document of 100 kB', 5),
    'join': ('a nested loop by key, 20 rows with a field of 8 kB each', 2),
    'list': ('the same field of 20 rows, `= ANY`', None),
    'small': ('all columns of a row of 120 bytes', 1),
    'planning': ('planning of a join of three tables that are not attached, against a server without the library', 0.97),
}

RESTART = {'warm': 'warm', 'cold': 'cold'}

# What cache.advise() is asked about.
ADVISE = {
    'hot': '1,000 documents of 16 kB, read only',
    'written': '1,000 small rows, ten updates for each read',
    'scan': '500,000 small rows, read equally often, of which a part fits',
}

# What takes turns.
TURNS = {
    'select1': '`SELECT 1`',
    'pk': '`SELECT` by primary key',
    'redis': 'Redis `GET`, TCP',
    'update_plain': '`UPDATE`, not attached',
    'read': '`cache.read`, read_through',
    'column': '`cache.read`, one column',
    'get': '`cache.get`',
    'update_free': '`UPDATE`, not tracked',
    'update_cache_aside': '`UPDATE`, cache_aside',
    'update_write_through': '`UPDATE`, write_through',
    'update_tracked': '`UPDATE`, tracked',
    'update_by_value': '`UPDATE`, tracked by value, no column watched',
    'update_watched': '`UPDATE`, tracked by value, two columns watched',
    'select_unloaded': '`pgbench -S`, without the library',
    'select_loaded': '`pgbench -S`, the library loaded and not used',
    'tpcb_unloaded': 'TPC-B, without the library',
    'tpcb_loaded': 'TPC-B, the library loaded and not used',
    'returning_unloaded': '`INSERT ... RETURNING`, without the library',
    'returning_loaded': '`INSERT ... RETURNING`, the library loaded and not used',
    'upsert_unloaded': '`ON CONFLICT DO UPDATE`, without the library',
    'upsert_loaded': '`ON CONFLICT DO UPDATE`, the library loaded and not used',
    'merge_unloaded': '`MERGE`, without the library',
    'merge_loaded': '`MERGE`, the library loaded and not used',
    'ddl_unloaded': '`CREATE TABLE`, `DROP TABLE`, without the library',
    'ddl_loaded': '`CREATE TABLE`, `DROP TABLE`, the library loaded and not used',
    'connect_unloaded': 'a connection, without the library',
    'connect_loaded': 'a connection, the library loaded and not used',
}

# Inside one query.
INQUERY = {
    'empty': 'an empty C function',
    'read': '`(cache.read(NULL::t, k)).balance`',
    'read_composite': '`cache.read(NULL::t, k)`, whole row',
    'lateral': '`LATERAL cache.read(NULL::t, k)`',
    'read_many': '`cache.read_many`, 1,000 keys a call',
    'get': '`cache.get(k)`',
    'join': '`JOIN`, hash',
    'nestloop': '`JOIN`, nested loop over the index',
    'memoize': '`JOIN`, nested loop with Memoize',
    'any': '`id = ANY(...)`, 1,000 keys a statement',
    'subselect': 'correlated subselect',
    'plpgsql': 'PL/pgSQL function with a `SELECT`',
    'pgmemcache': '`memcache_get(k)` of pgmemcache',
}

MISS = {
    'pk': '`SELECT` by primary key',
    'select': '`SELECT` of a column by primary key',
    'select_star': '`SELECT *` by primary key',
    'miss': '`cache.read`, read_through, full store',
    'miss_around': '`cache.read`, write_around, full store',
    'miss_first': '`cache.read`, read_through, store not yet full',
}

DASHBOARDS = {
    'branches': "balances of 10 branches and their tellers",
    'branch': "sum over one branch's accounts",
    'activity': 'the 20 busiest tellers, from history',
    'accounts': 'all accounts by branch',
    'of_branch': "accounts of one branch, by key",
    'of_teller': "one teller and the teller’s history, by key",
    'tellers': "tellers of one branch and their history, by key",
}
BY_KEY = ('of_branch', 'of_teller', 'tellers')
WRITERS = {
    'none': 'none',
    'other': 'another table, 100/s',
    'same_1': 'the same tables, 1/s',
    'same_10': 'the same tables, 10/s',
    'same_100': 'the same tables, 100/s',
    'others_1': 'other keys, 1/s',
    'others_10': 'other keys, 10/s',
    'others_100': 'other keys, 100/s',
    'alone': 'the same tables, at intervals of a computation by one session alone',
    'together': 'the same tables, at intervals of a computation among all sessions',
}
REGULAR = ('alone', 'together')
PROTOCOLS = {'prepared': 'prepared', 'simple': 'as text'}

# Pairs of the benchmark of write ratios: what is cached, and its plain base.
RATIO = {
    'cache_aside': ('plain', 'small rows, cache_aside'),
    'write_through': ('plain', 'small rows, write_through'),
    'toast_read_through': ('toast_plain', 'documents of 20 kB, read_through'),
    'loader_read_through': ('loader_plain', 'aggregate of 100 rows, loader function'),
}

GROWTH = {
    'select1': '`SELECT 1`',
    'pk': '`SELECT` by primary key',
    'read': '`cache.read`',
    'get': '`cache.get`',
    'redis': 'Redis `GET`, TCP',
}

HEADLINE = {
    'plain': 'PostgreSQL alone',
    'cache': 'cache_strategies',
    'cache_wt': 'cache_strategies, write_through',
    'redis': 'PostgreSQL and Redis beside it',
}

SHOP = {
    'plain': 'PostgreSQL alone',
    'kept': 'cache_strategies, results kept',
    'kept_default': 'the same, results_min_cost as by default',
    'redis': 'PostgreSQL and Redis beside it',
    'plain_text': 'PostgreSQL alone, statements as text',
    'kept_text': 'cache_strategies, results kept, statements as text',
}
FRAGMENTS = {
    'product': 'product',
    'prices': 'prices of a customer',
    'orders': 'orders of a customer',
    'counts': 'orders by state',
}

# Eviction policies: in the store itself, and exact simulations.
OURS = 's3fifo'
FITTED = 'fitted'
EXACT = 's3fifo_exact'
POLICY = {
    OURS: 'this store, S3-FIFO',
    'clock': 'this store with CLOCK',
    'sieve': 'this store with SIEVE',
    EXACT: 'S3-FIFO, exact',
    's3fifo1_exact': 'S3-FIFO that keeps what was read once, exact',
    'sieve_exact': 'SIEVE, exact',
    'clock_exact': 'CLOCK, exact',
    'lru_exact': 'LRU, exact',
    's3fifo_exact_total': 'S3-FIFO, exact, with all of the store’s memory',
}

COLOURS = {
    'floor': '#b4b4b4',
    'plain': '#6e6e6e',
    'unlogged': '#cc79a7',
    'cache': '#0072b2',
    'keys': '#56b4e9',
    'memcached': '#009e73',
    'pgpool': '#e69f00',
    'redis': '#d55e00',
}
SYSTEMS = {
    'floor': 'a statement or call that does nothing',
    'plain': 'PostgreSQL',
    'unlogged': 'unlogged table',
    'cache': 'cache_strategies, rows and results',
    'keys': 'cache_strategies, keys and values',
    'memcached': 'memcached',
    'pgpool': 'pgpool-II',
    'redis': 'Redis',
}
SYSTEM = {
    'select1': 'floor', 'empty': 'floor',
    'unlogged': 'unlogged',
    **dict.fromkeys(CACHED + ('cache', 'cache_wt', 'read', 'read_composite', 'lateral', 'read_many', 'loader'), 'cache'),
    **dict.fromkeys(('kept', 'kept_default', 'kept_text'), 'cache'),
    'get': 'keys',
    'pgmemcache': 'memcached', 'memcached': 'memcached',
    'pgpool': 'pgpool',
    'redis': 'redis', 'redis_tcp': 'redis', 'redis_unix': 'redis',
}


def system(case: str) -> str:
    return SYSTEM.get(case, 'plain')


def colour(case: str) -> str:
    return COLOURS[system(case)]


def label(names: dict, case: str) -> str:
    return names.get(case, f'`{case}`')


def plain_text(text: str) -> str:
    """Without Markdown: for charts."""
    return text.replace('`', '')


def known_first(names: dict, cases: list) -> list:
    """The cases there are: those with a name in its order, then the others."""
    return [case for case in names if case in cases] + [case for case in cases if case not in names]
