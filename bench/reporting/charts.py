"""The charts: SVG, by matplotlib.

The same numbers give the same files, byte by byte, with one version of
matplotlib: no date, no random identifiers.  Text stays text.  A bar or a point
is a median over the rounds, a thin line through it goes from the lowest round to
the highest.
"""
import math
from pathlib import Path
from typing import Callable, Optional

import matplotlib
from matplotlib import pyplot
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, NullLocator

from . import names
from .data import Results, Summary, break_even, numbered, policy_runs, ratio, summarise
from .page import amount, count, shorten
from .targets import clients_text

STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'cache_strategies',
    'font.family': 'sans-serif',
    'font.sans-serif': ['DejaVu Sans', 'Verdana', 'sans-serif'],
    'font.size': 9,
    'axes.titlesize': 10,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.edgecolor': '#555555',
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': '#e4e4e4',
    'grid.linewidth': 0.8,
    'figure.facecolor': 'white',
    'axes.facecolor': 'white',
    'savefig.facecolor': 'white',
    'legend.frameon': False,
}
WIDTH = 8.5                             # inches
THIN = {'ecolor': '#222222', 'elinewidth': 0.8, 'capsize': 0}


def draw_all(results: Results, directory: Path) -> set:
    """Draw what there are numbers for; the names of the charts."""
    directory.mkdir(parents=True, exist_ok=True)
    drawn = set()
    with matplotlib.rc_context(STYLE):
        for name, chart in CHARTS.items():
            figure = chart(results)
            if figure is not None:
                figure.savefig(directory / f'{name}.svg', bbox_inches='tight', pad_inches=0.12,
                               metadata={'Date': None, 'Creator': None})
                pyplot.close(figure)
                drawn.add(name)
    return drawn


# --- what several charts use -------------------------------------------------

def thousands(value: float, _position=None) -> str:
    return amount(int(value)) if value >= 1000 and value % 1000 == 0 else f'{value:g}'


def rate(value: float) -> str:
    return f'{value / 1000:,.1f}k' if value >= 1000 else f'{value:,.0f}'


def errors(summaries: list) -> list:
    return [[s.median - s.low for s in summaries], [s.high - s.median for s in summaries]]


def legend(figure, handles: list, columns: int) -> None:
    """Below the figure; what is saved grows by it."""
    figure.legend(handles=handles, loc='upper center', bbox_to_anchor=(0.5, 0), ncol=columns)


def system_handles(cases: list) -> list:
    systems = {names.system(case) for case in cases}
    return [Patch(color=names.COLOURS[name], label=names.SYSTEMS[name]) for name in names.COLOURS if name in systems]


def bars(axis, cases: list, summaries: dict, write: Callable, texts: dict) -> None:
    """Horizontal bars, with a number at the end of each."""
    there = [case for case in cases if summaries.get(case)]
    places = [cases.index(case) for case in there]
    found = [summaries[case] for case in there]
    axis.barh(places, [s.median for s in found], color=[names.colour(case) for case in there], height=0.7,
              xerr=errors(found), error_kw=THIN)
    for place, summary in zip(places, found):
        axis.annotate(write(summary.median), (summary.high, place), xytext=(4, 0), textcoords='offset points', va='center',
                      fontsize=8)
    name_cases(axis, cases, texts)
    axis.grid(axis='y', visible=False)


def name_cases(axis, cases: list, texts: dict) -> None:
    """A line for each case, from top to bottom."""
    axis.set_yticks(range(len(cases)), [names.plain_text(names.label(texts, case)) for case in cases])
    axis.set_ylim(len(cases) - 0.4, -0.6)
    axis.tick_params(axis='y', length=0)


def line(axis, points: dict, **style) -> None:
    """x -> Summary, with the spread of the rounds as a pale band."""
    at = [x for x in sorted(points) if points[x]]
    axis.plot(at, [points[x].median for x in at], **style)
    if any(points[x].low < points[x].high for x in at):
        axis.fill_between(at, [points[x].low for x in at], [points[x].high for x in at], color=style['color'], alpha=0.1,
                          linewidth=0)


def log_axis(axis, ticks, write: Callable = thousands) -> None:
    """A logarithmic axis with these ticks and no others."""
    axis.set_major_locator(matplotlib.ticker.FixedLocator(list(ticks)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(write))


def decades(low: float, high: float, steps=(1, 2, 5)) -> list:
    return [step * 10.0 ** power for power in range(-3, 10) for step in steps if low <= step * 10.0 ** power <= high]


# --- reads by key ------------------------------------------------------------

def point_panels(r: Results) -> Optional[tuple]:
    """A figure with a panel for 1 client and one for 8, and the cases."""
    cases = [case for case in names.POINT if r.has('point', case)]
    panels = [clients for clients in (1, 8) if cases and clients in r.clients('point', *cases)]
    if not panels:
        return None
    figure, axes = pyplot.subplots(1, len(panels), figsize=(WIDTH, 0.8 + 0.24 * len(cases)), sharey=True, squeeze=False,
                                   layout='constrained')
    return figure, list(zip(panels, axes[0])), cases


def point(r: Results):
    found = point_panels(r)
    if not found:
        return None
    figure, panels, cases = found
    for clients, axis in panels:
        summaries = {case: summarise(r.series('point', case, 'tps', clients)) for case in cases}
        bars(axis, cases, summaries, rate, names.POINT)
        axis.set_title(f'reads per second, {clients_text(clients)}', loc='left')
        axis.margins(x=0.15)
        axis.set_xlim(left=0)
        axis.xaxis.set_major_formatter(FuncFormatter(thousands))
    legend(figure, system_handles(cases), 4)
    return figure


MARKS = {'p50': 'o', 'p95': 'D', 'p99': '>'}


def latency(r: Results):
    found = point_panels(r)
    if not found:
        return None
    figure, panels, cases = found
    for clients, axis in panels:
        values = []
        for place, case in enumerate(cases):
            there = {m: v for m in MARKS if (v := r.median('point', case, m, clients))}
            values += there.values()
            if there:
                axis.hlines(place, min(there.values()), max(there.values()), color=names.colour(case), linewidth=2, alpha=0.5)
            for metric, value in there.items():
                axis.plot(value, place, MARKS[metric], color=names.colour(case), markersize=5)
        name_cases(axis, cases, names.POINT)
        axis.set_title(f'latency in µs, {clients_text(clients)}', loc='left')
        if values:
            axis.set_xscale('log')
            axis.set_xlim(min(values) / 1.3, max(values) * 1.3)
            log_axis(axis.xaxis, decades(*axis.get_xlim()))
    shapes = [Line2D([], [], color='#222222', linestyle='', marker=MARKS[m], markersize=5, label=m) for m in MARKS]
    legend(figure, shapes + system_handles(cases), 4)
    return figure


def inquery(r: Results):
    cases = [case for case in names.INQUERY if (r.median('inquery', case, 'ns') or 0) > 0]
    if not cases:
        return None
    figure, axis = pyplot.subplots(figsize=(WIDTH, 0.8 + 0.26 * len(cases)), layout='constrained')
    summaries = {case: summarise(r.series('inquery', case, 'ns')) for case in cases}
    bars(axis, cases, summaries, lambda value: f'{shorten(value)} ns', names.INQUERY)
    values = [s.median for s in summaries.values()]
    axis.set_xscale('log')
    axis.set_xlim(10 ** math.floor(math.log10(min(values))), max(values) * 3)
    log_axis(axis.xaxis, decades(*axis.get_xlim(), steps=(1,)))
    axis.set_title('ns a read inside one query, logarithmic', loc='left')
    legend(figure, system_handles(cases), 3)
    return figure


# --- growth ------------------------------------------------------------------

def growth_keys(r: Results):
    lines = {}
    for name in names.GROWTH:
        points = {keys: summarise(microseconds(r, case, 8)) for keys, case in numbered(r.cases('growth'), name).items()}
        if any(points.values()):
            lines[name] = points
    if not lines:
        return None
    figure, axis = pyplot.subplots(figsize=(WIDTH, 3.6), layout='constrained')
    for name, points in lines.items():
        line(axis, points, color=names.colour(name), marker='o', markersize=4)
    axis.set_xscale('log')
    log_axis(axis.xaxis, sorted({keys for points in lines.values() for keys in points}))
    values = [s.median for points in lines.values() for s in points.values() if s]
    if max(values) > 10 * min(values):
        axis.set_yscale('log')
        log_axis(axis.yaxis, decades(*axis.get_ylim()))
    else:
        axis.set_ylim(bottom=0)
    axis.set_xlabel('keys that are read')
    axis.set_title('µs a read, as each of 8 clients sees it', loc='left')
    legend(figure, line_handles(lines), 5)
    return figure


def microseconds(r: Results, case: str, clients: int) -> dict:
    """The mean time that a client waits for a read."""
    tps = r.series('growth', case, 'tps', clients)
    return {number: 1e6 * clients / value for number, value in tps.items() if value}


def growth_clients(r: Results):
    lines = {}
    for name in names.GROWTH:
        points = {clients: summarise(r.series('growth', name, 'tps', clients)) for clients in r.clients('growth', name)}
        if any(points.values()):
            lines[name] = points
    if not lines:
        return None
    figure, axis = pyplot.subplots(figsize=(WIDTH, 3.6), layout='constrained')
    for name, points in lines.items():
        line(axis, points, color=names.colour(name), marker='o', markersize=4)
    axis.set_xscale('log', base=2)
    log_axis(axis.xaxis, sorted({clients for points in lines.values() for clients in points}))
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_formatter(FuncFormatter(thousands))
    axis.set_xlabel('clients')
    axis.set_title('reads per second, 10,000 keys', loc='left')
    legend(figure, line_handles(lines), 5)
    return figure


def line_handles(cases) -> list:
    return [Line2D([], [], color=names.colour(case), marker='o', markersize=4,
                   label=names.plain_text(names.label(names.GROWTH, case))) for case in cases]


# --- write ratio -------------------------------------------------------------

GAIN_STYLE = {
    'cache_aside': {'color': '#0072b2', 'marker': 'o'},
    'write_through': {'color': '#56b4e9', 'marker': 's'},
    'toast_read_through': {'color': '#1b3a57', 'marker': '^'},
    'loader_read_through': {'color': '#7a5195', 'marker': 'D'},
}


def write_ratio(r: Results):
    cases = r.cases('ratio')
    lines = {}
    for name, (base, _) in names.RATIO.items():
        plain = numbered(cases, base)
        points = {writes: summarise(ratio(r.series('ratio', case, 'tps'), r.series('ratio', plain.get(writes, ''), 'tps')))
                  for writes, case in numbered(cases, name).items()}
        points = {writes: summary for writes, summary in points.items() if summary}
        if points:
            lines[name] = points
    if not lines:
        return None
    figure, axis = pyplot.subplots(figsize=(WIDTH, 4), layout='constrained')
    handles = []
    for name, points in lines.items():
        line(axis, points, markersize=4, **GAIN_STYLE[name])
        even = break_even({writes: summary.median for writes, summary in points.items()})
        text = names.RATIO[name][1]
        if even is not None and even > min(points):
            axis.plot(even, 1, marker='o', markersize=11, markerfacecolor='none', markeredgecolor='#222222',
                      markeredgewidth=1.6, zorder=5)
            text += f': break-even at {even:.0f} % of writes'
        handles.append(Line2D([], [], markersize=4, label=text, **GAIN_STYLE[name]))
    axis.axhline(1, color='#222222', linewidth=1)
    axis.set_yscale('log')
    low, high = axis.get_ylim()
    axis.set_ylim(min(low, 0.7), max(high, 1.5))
    log_axis(axis.yaxis, decades(*axis.get_ylim()), lambda value, _: f'{value:g} ×')
    axis.set_xlabel('writes, % of all transactions')
    axis.set_title('transactions per second with the cache, in times of those without', loc='left')
    legend(figure, handles, 2)
    return figure


# --- eviction ----------------------------------------------------------------

# Not all that were measured: the others lie upon these.
POLICY_STYLES = {
    'clock': {'color': '#e69f00', 'linewidth': 1.3, 'marker': '.'},
    'sieve': {'color': '#009e73', 'linewidth': 1.3, 'marker': '.'},
    'lru_exact': {'color': '#cc79a7', 'linewidth': 1.3, 'linestyle': (0, (4, 2)), 'marker': '.'},
    names.OURS: {'color': names.COLOURS['cache'], 'linewidth': 2.4, 'marker': 'o', 'markersize': 4},
    names.EXACT: {'color': '#111111', 'linewidth': 1.3, 'linestyle': (0, (4, 2)), 'marker': '.'},
}


def policy(r: Results):
    runs = policy_runs(r.cases('policy', 'miss_ratio'))
    if not runs:
        return None
    columns = len(runs) if len(runs) < 4 else min(4, -(-len(runs) // 2))
    lines = -(-len(runs) // columns)
    figure, axes = pyplot.subplots(lines, columns, figsize=(WIDTH, 0.3 + 2.3 * lines), squeeze=False, layout='constrained')
    for axis, (workload, sizes) in zip(axes.flat, runs.items()):
        for name, style in POLICY_STYLES.items():
            points = {size: summarise(hit_percent(r, policies.get(name, ''))) for size, policies in sizes.items()}
            line(axis, points, **style)
        axis.set_xscale('log', base=2)
        log_axis(axis.xaxis, sizes)
        axis.set_title(workload, loc='left')
    for axis in axes.flat[len(runs):]:
        axis.set_visible(False)
    figure.supxlabel('size of the cache in MB', fontsize=9)
    figure.supylabel('hits, %', fontsize=9)
    legend(figure, [Line2D([], [], label=names.POLICY[name], **style) for name, style in POLICY_STYLES.items()], 5)
    return figure


def hit_percent(r: Results, case: str) -> dict:
    return {number: 100 * (1 - value) for number, value in r.series('policy', case, 'miss_ratio').items()}


# --- the headline ------------------------------------------------------------

def headline(r: Results):
    return three_panels(r, 'headline', names.HEADLINE, list(names.HEADLINE), (
        ('transactions per second', 'tps', rate, summarise), ('p99 of a read in µs', 'p99', count, summarise),
        ('stale reads after a COMMIT', 'stale_reads_commit', count, summed)))


def shop(r: Results):
    return three_panels(r, 'shop', names.SHOP, ['plain', 'kept', 'redis'], (
        ('pages per second', 'pages_per_second', rate, summarise), ('p99 of a page in ms', 'p99', milliseconds, summarise),
        ('stale fragments after a COMMIT', 'stale_commit', count, summed)))


def milliseconds(value: float) -> str:
    return shorten(value / 1000)


def three_panels(r: Results, bench: str, texts: dict, cases: list, panels: tuple):
    cases = [case for case in cases if r.has(bench, case)]
    if not cases:
        return None
    figure, axes = pyplot.subplots(1, 3, figsize=(WIDTH, 0.9 + 0.34 * len(cases)), sharey=True, layout='constrained')
    for axis, (title, metric, write, over_rounds) in zip(axes, panels):
        summaries = {case: over_rounds(r.series(bench, case, metric, 8)) for case in cases}
        bars(axis, cases, summaries, write, texts)
        axis.set_title(title, loc='left')
        axis.margins(x=0.3)
        axis.set_xlim(left=0)
        axis.set_xticks([])
        axis.spines['bottom'].set_visible(False)
    return figure


def summed(series: dict) -> Optional[Summary]:
    """Over the rounds: of what must not happen, every one counts."""
    value = sum(series.values())
    return Summary(value, value, value, len(series)) if series else None


# --- after a restart ---------------------------------------------------------

RESTART_STYLE = {
    'warm': {'color': names.COLOURS['cache'], 'marker': 'o'},
    'cold': {'color': '#e69f00', 'marker': 's'},
}


def percents(r: Results, case: str) -> dict:
    return {number: 100 * value for number, value in r.series('restart', case, 'hit_ratio').items()}


def restart(r: Results):
    lines = {}
    for how in names.RESTART:
        lines[how] = {second: summarise(percents(r, case))
                      for second, case in numbered(r.cases('restart'), how).items()}
    if not any(lines.values()):
        return None
    figure, axis = pyplot.subplots(figsize=(WIDTH, 3.2), layout='constrained')
    for how, points in lines.items():
        line(axis, points, markersize=4, **RESTART_STYLE[how])
    axis.set_xlim(left=0)
    axis.set_ylim(0, 100)
    axis.set_xlabel('seconds after the start')
    axis.set_title('hits, % of the reads in each second', loc='left')
    legend(figure, [Line2D([], [], markersize=4, label=text, **RESTART_STYLE[how]) for how, text in names.RESTART.items()], 2)
    return figure


CHARTS = {
    'shop': shop,
    'headline': headline,
    'point': point,
    'latency': latency,
    'inquery': inquery,
    'growth_keys': growth_keys,
    'growth_clients': growth_clients,
    'write_ratio': write_ratio,
    'policy': policy,
    'restart': restart,
}
