"""What a Prometheus has scraped of the exporters, against the views.

usage: check.py URL "JOB..." with psql's environment, and MONITORING for the directory

A test is a line "ok" or "not ok".  What has not been scraped yet is waited for.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request

URL, JOBS = sys.argv[1], sys.argv[2].split()
DATABASES = ('postgres', 'shop')
VIEWS = {'store': 'stats', 'table': 'table_stats', 'space': 'space_stats', 'flush': 'flush_status', 'reasons': 'stats_reasons'}
LABELS = {'store': (), 'table': ('relation', 'strategy'), 'space': ('space', 'owner'), 'flush': ('relation',), 'results': (),
          'reasons': ('relation', 'space', 'owner', 'event', 'reason')}
END = time.time() + 300
bad = 0


def ok(good, name, message=''):
    global bad
    print('%s %s' % ('ok' if good else 'not ok', name))
    if not good:
        bad += 1
        print('#   %s' % message)
    sys.stdout.flush()


def ask(query):
    """What Prometheus answers: labels and value of each series."""
    address = '%s/api/v1/query?%s' % (URL, urllib.parse.urlencode({'query': query}))
    with urllib.request.urlopen(address, timeout=30) as answer:
        result = json.load(answer)
    if result['status'] != 'success':
        raise RuntimeError(result)
    return [(it['metric'], float(it['value'][1])) for it in result['data']['result']]


def rows(database, query):
    text = subprocess.run(['psql', '-XAtqc', "SELECT coalesce(json_agg(q), '[]') FROM (%s) q" % query, database],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(text)


def number(value):
    return float(value or 0)


def column_of(metric, row):
    """A metric has the name of a column, perhaps with a unit after it, or without "total"
    where it does not grow."""
    if metric + '_total' in row:
        return metric + '_total'
    return metric if metric in row else re.sub(r'_(total|bytes|seconds)$', '', metric)


def expected():
    """By metric and labels: the numbers that the views have now."""
    found = {}
    for database in DATABASES:
        for kind, view in VIEWS.items():
            for row in rows(database, 'SELECT * FROM cache.' + view):
                labels = tuple(str(row[label] or '') for label in LABELS[kind])
                if kind != 'store':
                    labels = (database,) + labels
                found[kind, labels] = row
    return found


def wait(what):
    """Until it returns something, as scrapes come when they come."""
    while True:
        try:
            result = what()
        except (OSError, RuntimeError):
            result = None
        if result or time.time() > END:
            return result
        time.sleep(0.5)


def declared():
    """The metrics of postgres_exporter.yaml, by the kind of their query."""
    with open(os.path.join(os.environ['MONITORING'], 'postgres_exporter.yaml')) as f:
        text = f.read()
    for name, body in re.findall(r'^cache_strategies_(\w+):\n((?: .*\n)+)', text, re.M):
        yield name, re.findall(r'^    - (\w+):\n        usage: (?:GAUGE|COUNTER)', body, re.M)


def same(job, kind, metric, views):
    """A message if a metric has not the views' numbers."""
    series = ask('cache_strategies_%s_%s{job="%s"}' % (kind, metric, job))
    found = {}
    for labels, value in series:
        key = tuple(labels.get(label, '') for label in LABELS[kind])
        found[key if kind == 'store' else (labels.get('datname', ''),) + key] = value
    wanted = {labels: row for (of, labels), row in views.items() if of == kind}
    if kind == 'store':
        # one answer, whatever database it was asked in
        found = {(): value for value in found.values()}
    if set(found) != set(wanted):
        return 'series %s, expected %s' % (sorted(found), sorted(wanted))
    for labels, row in wanted.items():
        value = found[labels]
        if metric == 'oldest_seconds':
            good = value > 0
        elif metric == 'active':
            good = value == (row['state'] == 'active')
        else:
            good = value == number(row[column_of(metric, row)])
        if not good:
            return '%s: %s, and the view has %s' % (labels, value, row)
    return ''


def check_job(job):
    ok(wait(lambda: [value for _, value in ask('up{job="%s"}' % job) if value == 1]), '%s is scraped' % job)
    wait(lambda: len(ask('cache_strategies_table_hits_total{job="%s"}' % job)) >= 6)
    for kind, metrics in declared():
        if kind not in VIEWS:
            continue
        message = 'nothing was scraped'
        for metric in metrics:
            while True:
                message = same(job, kind, metric, expected())
                if not message or time.time() > END:
                    break
                time.sleep(1)
            if message:
                break
        ok(not message, '%s: the %d metrics of cache_strategies_%s are those of cache.%s' % (job, len(metrics), kind, VIEWS[kind]),
           '%s: %s' % (metric, message))
    for database in DATABASES:
        sums = rows(database, 'SELECT count(*) AS statements, sum(calls) AS calls, sum(hits) AS hits, sum(misses) AS misses FROM cache.result_stats')[0]
        ok(sums['hits'], 'there are results in %s' % database)
        for metric, value in sums.items():
            query = 'cache_strategies_results_%s{job="%s", datname="%s"}' % (metric, job, database)
            got = wait(lambda: [v for _, v in ask(query) if v == number(value)])
            ok(got, '%s: %s of the results in %s' % (job, metric, database), '%s, and the view has %s' % (ask(query), value))


def check_histogram(job):
    """All buckets, and what PromQL makes of them."""
    bounds = ['%s' % (2 ** n / 1e9) for n in range(8, 35)] + ['+Inf']
    buckets = rows('postgres', 'SELECT * FROM cache.latency_histogram')
    wanted = {}
    for row in buckets:
        below = float(row['below_ms'])
        for bound in bounds:
            key = row['kind'], row['operation'], float(bound)
            wanted[key] = wanted.get(key, 0) + (row['count'] if below <= float(bound) * 1000.0000001 else 0)

    def scraped():
        series = ask('cache_strategies_latency_seconds_bucket{job="%s"}' % job)
        return {(labels['kind'], labels['operation'], float(labels['le'])): value for labels, value in series}
    ok(wait(lambda: scraped() == wanted), '%s: the %d buckets are those of cache.latency_histogram' % (job, len(wanted)),
       {key: (value, wanted.get(key)) for key, value in scraped().items() if value != wanted.get(key)})
    for row in rows('postgres', 'SELECT * FROM cache.latency WHERE timed > 0'):
        labels = '{job="%s", kind="%s", operation="%s"}' % (job, row['kind'], row['operation'])
        quantile = ask('max(histogram_quantile(0.99, cache_strategies_latency_seconds_bucket%s))' % labels)
        ok(quantile and row['p99_ms'] / 2.1 <= 1000 * quantile[0][1] <= 2.1 * row['p99_ms'],
           '%s: histogram_quantile() of %s %s is the p99 of cache.latency, to a power of two' % (job, row['kind'], row['operation']), '%s, %s' % (quantile, row))
        for metric, value in (('sum', row['total_ms'] / 1000), ('count', row['timed'])):
            found = ask('max(cache_strategies_latency_seconds_%s%s)' % (metric, labels))
            ok(found and abs(found[0][1] - value) <= 1e-6 * value, '%s: %s of %s %s' % (job, metric, row['kind'], row['operation']), '%s, %s' % (found, value))


def board():
    with open(os.path.join(os.environ['MONITORING'], 'grafana.json')) as f:
        panels = json.load(f)['panels']
    for panel in panels:
        for target in panel.get('targets', []):
            query = target['expr']
            for variable, value in (('$instance', '.*'), ('$datname', '.*'), ('$__rate_interval', '1m')):
                query = query.replace(variable, value)
            ok(wait(lambda: ask(query)), 'board: %s, %s' % (panel['title'], target['refId']), query)


for job in JOBS:
    check_job(job)
    check_histogram(job)
# a rate needs two scrapes
board()
sys.exit(1 if bad else 0)
