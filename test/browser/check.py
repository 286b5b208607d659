"""The page of cache.report() in Chromium, against the views.

usage: check.py DIRECTORY, with psql's environment and BROWSER; DIRECTORY has report.html

A test is a line "ok" or "not ok".  Chromium is spoken to by its DevTools protocol, over
a pipe.
"""

import base64
import json
import os
import re
import subprocess
import sys
import time

DIRECTORY = sys.argv[1]
URL = 'file://' + os.path.join(DIRECTORY, 'report.html')
SECONDS = 120
bad = 0


def ok(good, name, message=''):
    global bad
    print('%s %s' % ('ok' if good else 'not ok', name))
    if not good:
        bad += 1
        print('#   %s' % message)
    sys.stdout.flush()


def same(found, expected, name):
    ok(found == expected, name, 'found %r, expected %r' % (found, expected))


# ----- the browser -----

class Browser:
    def __init__(self):
        to_read, self.write_to = os.pipe()
        self.read_from, to_write = os.pipe()

        def descriptors():
            # the protocol's own: 3 to read, 4 to write
            a, b = os.dup(to_read), os.dup(to_write)
            os.dup2(a, 3, inheritable=True)
            os.dup2(b, 4, inheritable=True)

        self.process = subprocess.Popen(
            [os.environ['BROWSER'], '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
             '--no-first-run', '--disable-background-networking', '--remote-debugging-pipe', '--force-color-profile=srgb',
             '--user-data-dir=' + os.path.join(DIRECTORY, 'profile'), 'about:blank'],
            preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        os.set_blocking(self.read_from, False)
        self.number, self.rest, self.events, self.session = 0, b'', [], None

    def receive(self):
        """The next message; it is waited for."""
        end = time.time() + SECONDS
        while b'\0' not in self.rest:
            try:
                part = os.read(self.read_from, 1 << 20)
                if not part:
                    sys.exit('the browser has ended')
                self.rest += part
            except BlockingIOError:
                if time.time() > end:
                    sys.exit('the browser does not answer')
                time.sleep(0.02)
        message, self.rest = self.rest.split(b'\0', 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        number = self.number
        message = {'id': number, 'method': method, 'params': params}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.write_to, json.dumps(message).encode() + b'\0')
        while True:
            answer = self.receive()
            if answer.get('id') == number:
                if 'error' in answer:
                    sys.exit('%s: %s' % (method, answer['error']))
                return answer['result']
            self.events.append(answer)

    def wait_for(self, method):
        while not any(event.get('method') == method for event in self.events):
            self.events.append(self.receive())

    def happened(self, method):
        return [event['params'] for event in self.events if event.get('method') == method]

    def evaluate(self, expression):
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True)
        if 'exceptionDetails' in result:
            sys.exit('%s: %s' % (expression, result['exceptionDetails']))
        return result['result'].get('value')

    def picture(self, name):
        size = self.call('Page.getLayoutMetrics')['cssContentSize']
        shot = self.call('Page.captureScreenshot', captureBeyondViewport=True,
                         clip={'x': 0, 'y': 0, 'width': size['width'], 'height': size['height'], 'scale': 1})
        with open(os.path.join(DIRECTORY, name), 'wb') as f:
            f.write(base64.b64decode(shot['data']))

    def window(self, width, scheme):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])


browser = Browser()
target = browser.call('Target.createTarget', url='about:blank')['targetId']
browser.session = browser.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
for domain in ('Page', 'Runtime', 'Log', 'Network'):
    browser.call(domain + '.enable')
browser.window(1280, 'light')
browser.events.clear()
browser.call('Page.navigate', url=URL)
browser.wait_for('Page.loadEventFired')

# ----- what the views have -----


def ask(columns, source):
    sql = "SELECT coalesce(json_agg(json_build_array(%s)), '[]') FROM (%s) q" % (columns, source)
    environment = dict(os.environ, PGOPTIONS='-c search_path=pg_catalog', PGCLIENTENCODING='UTF8')
    text = subprocess.run(['psql', '-XAtqc', sql], check=True, stdout=subprocess.PIPE, env=environment).stdout
    return json.loads(text.decode('utf-8'))


def cells(section, *columns):
    """Of the section's table: of each row these cells, numbers as numbers."""
    return browser.evaluate('''
        [...document.querySelectorAll('#%s tbody tr')].map(row => %s.map(i => {
            const cell = row.cells[i];
            return cell.dataset.v === undefined ? (cell.innerText === '\\u2013' ? null : cell.textContent) : Number(cell.dataset.v);
        }))''' % (section, json.dumps(columns)))


same(browser.evaluate('document.title'), 'cache_strategies', 'the page is loaded')
same(browser.evaluate('document.compatMode'), 'CSS1Compat', 'in standards mode')
same(cells('memory', 0, 1, 2, 3, 4, 5, 6, 8),
     ask('n, s, b, e, h, m, y, v', '''
        SELECT relation::text n, strategy s, bytes b, entries e, hits + absent_hits h, misses m, bypasses y, evictions v FROM cache.table_stats
        UNION ALL SELECT space, 'space', bytes, entries, hits, misses, bypasses, evictions FROM cache.space_stats ORDER BY 3 DESC, 1'''),
     'memory by table is that of cache.table_stats and cache.space_stats')
same(cells('memory', 7), ask('r', '''
        SELECT relation::text n, bytes b, hit_ratio r FROM cache.table_stats
        UNION ALL SELECT space, bytes, round(hits::numeric / nullif(hits + misses + bypasses, 0), 4) FROM cache.space_stats ORDER BY 2 DESC, 1'''),
     'with hit ratios')
same(cells('latency', 0, 1, 2, 3, 4, 5, 6, 7),
     ask('kind, operation, timed, mean_ms, p50_ms, p95_ms, p99_ms, p999_ms', 'SELECT * FROM cache.latency WHERE timed > 0'),
     'latencies are those of cache.latency')
same(cells('reasons', 0, 1, 2, 3),
     ask('n, event, reason, count', 'SELECT coalesce(relation::text, space) n, * FROM cache.stats_reasons ORDER BY count DESC, 1, event, reason LIMIT 20'),
     'reasons are those of cache.stats_reasons')
same(cells('flush', 0, 1, 2, 4, 5, 6, 7, 8),
     ask('relation::text, dirty_entries, dirty_bytes, deferred, rows_flushed, coalesced, retries, dead_letters', 'SELECT * FROM cache.flush_status'),
     'deferred writes are those of cache.flush_status')
same(cells('statements', 0, 1, 2, 3, 5, 6, 7),
     ask('query, role::text, calls, hits, saved_ms, spent_ms, state', 'SELECT * FROM cache.result_stats ORDER BY saved_ms DESC, calls DESC LIMIT 20'),
     'statements are those of cache.result_stats')
same(sorted(cells('advice', 0)), sorted(ask('n', 'SELECT "table"::text n FROM cache.advise()')), 'advice is on the tables of cache.advise()')
ok(all(re.search(r'^(Keep|Attach|Detach|Leave) .*\.$', row[0]) for row in cells('advice', 1)), 'in words', cells('advice', 1))
same(browser.evaluate("[...document.querySelectorAll('#total dd')].map(it => Number(it.dataset.v))"), ask('a, b, c, d, e, f, g, h', '''
    SELECT (hits + absent_hits)::float8 / (hits + absent_hits + misses + bypasses) a, hits + absent_hits + misses + bypasses b, entries c, bytes d,
    value_memory e, evictions f, dirty_entries g, (SELECT sum(dead_letters) FROM cache.flush_status) h FROM cache.stats''')[0], 'the totals are those of cache.stats')
# What is shown of a number is the number behind it.
counts = browser.evaluate("[...document.querySelectorAll('td[data-v]')].map(it => [it.dataset.v, it.innerText])")
ok(len(counts) > 50, 'there are numbers')
wrong = [it for it in counts if re.match(r'^[\d,]+$', it[1]) and float(it[0]) != float(it[1].replace(',', ''))]
same(wrong, [], 'counts are shown as they are')
wrong = [it for it in counts if it[1].endswith(' %') and abs(100 * float(it[0]) - float(it[1][:-2])) > 0.0051]
same(wrong, [], 'ratios as percentages')
units = {'ns': 1e-6, 'us': 1e-3, 'ms': 1, 's': 1e3, 'min': 6e4, 'h': 36e5, 'bytes': 1, 'kB': 2 ** 10, 'MB': 2 ** 20, 'GB': 2 ** 30}
parts = [(float(it[0]), re.match(r'^(-?[\d.]+) (\w+)$', it[1])) for it in counts]
parts = [(value, float(match.group(1)) * units[match.group(2)]) for value, match in parts if match]
ok(len(parts) > 10, 'there are numbers with a unit')
same([it for it in parts if abs(it[0] - it[1]) > 0.006 * abs(it[0]) + 1e-6], [], 'which are right to three digits')

# ----- charts: what is drawn, read back by the labels of the axis -----


def drawn(section):
    """The values of the line, by the positions of the labels of the axis at its left."""
    svg = browser.evaluate('''(() => {
        const svg = document.querySelector('#%s svg');
        return {labels: [...svg.querySelectorAll('text.y')].map(it => [it.textContent, Number(it.getAttribute('y')) - 4]),
            path: svg.querySelector('path.line').getAttribute('d')};
    })()''' % section)
    number = [(float(re.match(r'[\d.,]+', label).group(0).replace(',', '')), y) for label, y in svg['labels']]
    (low, at_low), (high, at_high) = number[0], number[-1]
    points = [float(y) for y in re.findall(r'L[\d.]+ ([\d.]+)', svg['path'])]
    return [low + (y - at_low) / (at_high - at_low) * (high - low) for y in points], high


for section, column, scale in (('hit-ratio', 'hit_ratio', 100), ('reads', 'reads / seconds', 1), ('depth', 'dirty_entries', 1)):
    taken = browser.evaluate("document.querySelector('#%s path.line').getAttribute('d')" % section).count('L')
    values = [row[0] * scale for row in ask('x', 'SELECT %s x FROM cache.history WHERE %s IS NOT NULL ORDER BY "time" LIMIT %d' % (column, column, taken))]
    points, top = drawn(section)
    ok(taken > 0 and len(values) == len(points), '%s: a point for each sample' % section, '%d and %d' % (len(values), len(points)))
    ok(all(abs(a - b) <= 0.005 * top for a, b in zip(values, points)), '%s: where the axis says' % section, list(zip(values, points)))
points, top = drawn('memory-advice')
values = [row[0] * 100 for row in ask('hit_ratio', 'SELECT hit_ratio FROM cache.memory_advice WHERE relation IS NULL AND space IS NULL ORDER BY memory')]
ok(len(points) == 5 and all(abs(a - b) <= 0.5 for a, b in zip(values, points)), 'the curve of memory is that of cache.memory_advice', list(zip(values, points)))
bars = browser.evaluate("[...document.querySelectorAll('#histograms figure')].map(it => [it.querySelector('figcaption').textContent, it.querySelectorAll('rect').length])")
same(bars, ask('n, c', '''SELECT kind || ', ' || operation n, count(*) FILTER (WHERE count > 0 AND below_ms < 'Infinity') c
    FROM cache.latency_histogram GROUP BY 1 HAVING sum(count) > 0 ORDER BY 1'''), 'the histograms are those of cache.latency_histogram')

# ----- text stays text -----

same(browser.evaluate("document.querySelectorAll('script, img, iframe, object, embed, link, base, form, a').length"), 0, 'no name has become an element')
same(browser.evaluate("document.querySelectorAll('style').length"), 1, 'nor a style')
names = browser.evaluate("[...document.querySelectorAll('#memory tbody tr')].map(it => it.cells[0].textContent)")
for name in ('</style><b>carts & "more" \u00fc', '''public."<script>console.error('table')</script>"''', 'public."""><img src=x onerror=alert(1)>"'):
    ok(name in names, 'a name is shown as it is: ' + name.encode('ascii', 'backslashreplace').decode(), names)

# ----- what it looks like -----

LAYOUT = '''(() => {
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push('the page is ' + document.documentElement.scrollWidth + ' wide');
    for (const svg of document.querySelectorAll('svg')) {
        const frame = svg.viewBox.baseVal, name = svg.getAttribute('aria-label');
        if (svg.getBoundingClientRect().height < 60) found.push(name + ' is ' + svg.getBoundingClientRect().height + ' high');
        const boxes = [...svg.querySelectorAll('text')].map(it => [it.getBBox(), it.textContent, it.getAttribute('class')]);
        for (const [box, text] of boxes)
            if (box.width == 0 || box.x < -0.5 || box.x + box.width > frame.width + 0.5 || box.y < -0.5 || box.y + box.height > frame.height + 0.5)
                found.push(name + ': ' + text + ' is outside');
        for (let i = 0; i < boxes.length; i++)
            for (let j = 0; j < i; j++) {
                const [a, b] = [boxes[i][0], boxes[j][0]];
                if (a.x < b.x + b.width - 1 && b.x < a.x + a.width - 1 && a.y < b.y + b.height - 3 && b.y < a.y + a.height - 3)
                    found.push(name + ': ' + boxes[i][1] + ' covers ' + boxes[j][1]);
            }
    }
    return found;
})()'''
CONTRAST = '''(() => {
    const light = color => {
        const [r, g, b] = color.match(/[\\d.]+/g).map(it => it / 255).map(it => it <= 0.03928 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const back = light(getComputedStyle(document.body).backgroundColor);
    const ratio = color => { const a = light(color); return (Math.max(a, back) + 0.05) / (Math.min(a, back) + 0.05); };
    return [getComputedStyle(document.body).backgroundColor, Math.min(ratio(getComputedStyle(document.body).color),
        ...[...document.querySelectorAll('.note, th, dt')].map(it => ratio(getComputedStyle(it).color)),
        ...[...document.querySelectorAll('svg text')].map(it => ratio(getComputedStyle(it).fill)))];
})()'''
seen = set()
for width, scheme in ((1280, 'light'), (1280, 'dark'), (390, 'light')):
    browser.window(width, scheme)
    same(browser.evaluate(LAYOUT), [], '%d wide, %s: nothing is cut off or covered' % (width, scheme))
    background, contrast = browser.evaluate(CONTRAST)
    ok(contrast >= 4.5, '%d wide, %s: all text can be read' % (width, scheme), 'contrast %s' % contrast)
    seen.add(background)
    browser.picture('%d-%s.png' % (width, scheme))
same(len(seen), 2, 'it follows light and dark')

# ----- what the browser says, at the end -----

same([event for event in browser.events if event.get('method') in ('Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded')], [],
     'no message on the console')
same([event['request']['url'] for event in browser.happened('Network.requestWillBeSent')], [URL], 'no request but for the page')
# A request would have been seen: the same page with an image.
with open(os.path.join(DIRECTORY, 'report.html')) as f:
    page = f.read()
with open(os.path.join(DIRECTORY, 'other.html'), 'w') as f:
    f.write(page.replace('</body>', '<img src="other.png"><script>console.error(1)</script></body>'))
browser.events.clear()
browser.call('Page.navigate', url=URL.replace('report', 'other'))
browser.wait_for('Page.loadEventFired')
browser.evaluate('1')
ok(browser.happened('Log.entryAdded'), 'a page with an image and a script has messages: the policy forbids both')
browser.session = None
browser.call('Browser.close')
browser.process.wait(SECONDS)
sys.exit(1 if bad else 0)
