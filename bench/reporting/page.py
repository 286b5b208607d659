"""Markdown, and how numbers are written."""
from typing import Optional

from .data import Results, Summary

LOSES = ' ▼'                            # behind a ratio at which the cache loses


def shorten(value: float) -> str:
    """Three digits are enough for a measured number."""
    if abs(value) >= 100:
        return f'{value:,.0f}'
    if 0 < abs(value) < 0.01:
        return f'{value:.4f}'
    return f'{value:.1f}' if abs(value) >= 10 else f'{value:.2f}'


def count(value: Optional[float]) -> str:
    """Things of which there are many, such as transactions per second."""
    if value is None:
        return ''
    return f'{value:,.0f}' if value >= 100 or value == int(value) else f'{value:.1f}'


def number(value: Optional[float]) -> str:
    return '' if value is None else shorten(value)


def percent(value: Optional[float]) -> str:
    return '' if value is None else f'{value * 100:.1f} %'


def duration(microseconds: Optional[float]) -> str:
    if microseconds is None:
        return ''
    for unit, size in (('s', 1e6), ('ms', 1e3)):
        if microseconds >= size:
            return f'{shorten(microseconds / size)} {unit}'
    return f'{shorten(microseconds)} µs'


def amount(value: int) -> str:
    """10k, 1M: for axes and numbers of rows."""
    for unit, size in (('M', 1_000_000), ('k', 1000)):
        if value >= size and value % size == 0:
            return f'{value // size}{unit}'
    return str(value)


def spread(summary: Optional[Summary], write=shorten) -> str:
    """A median, and the lowest and highest of the rounds."""
    if summary is None:
        return ''
    if summary.rounds == 1:
        return write(summary.median)
    return f'{write(summary.median)} ({write(summary.low)}..{write(summary.high)})'


def gain(summary: Optional[Summary], win: float = 1) -> str:
    """A ratio that should not be below 1, or not above where win is -1."""
    if summary is None:
        return ''
    return spread(summary) + (LOSES if (round(summary.median, 2) - 1) * win < 0 else '')


def cost(summary: Optional[Summary]) -> str:
    """A ratio of times or sizes."""
    return gain(summary, -1)


class Page:
    """A Markdown document, piece by piece.  drawn has the names of its charts."""

    def __init__(self, results: Results, drawn: set):
        self.results = results
        self.drawn = drawn
        self.parts: list = []

    def heading(self, level: int, text: str) -> None:
        self.parts.append('#' * level + ' ' + text)

    def text(self, *paragraphs: str) -> None:
        self.parts.extend(paragraphs)

    def list(self, *items: str) -> None:
        self.parts.append('\n'.join('* ' + item for item in items))

    def table(self, headers: list, rows: list, left: int = 1) -> None:
        """The first columns, as many as left says, are text.  Columns without any
        content are left out, and so is a table without rows."""
        if not rows:
            return
        used = [i for i in range(len(headers)) if i < left or any(row[i] for row in rows)]
        lines = [[headers[i] for i in used], ['---' if i < left else '---:' for i in used]]
        lines += [[row[i] for i in used] for row in rows]
        self.parts.append('\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines))

    def chart(self, name: str, what: str) -> None:
        if name in self.drawn:
            self.parts.append(f'![{what}](charts/{name}.svg)')

    def benchmark(self, name: str, title: str, what: str) -> bool:
        """The head of a section; False if there is nothing to put into it."""
        self.heading(2, title)
        if not self.results.has(name):
            self.text(f'`bench/{name}` was not run.')
            return False
        rounds = self.results.rounds(name)
        run = self.results.machine.get('run.' + name, '')
        failed = ' **It failed; what follows is from before that.**' if run.endswith('failed') else ''
        self.text(f'`bench/{name}`, {rounds} round{"s" if rounds > 1 else ""}. {what}{failed}')
        return True

    def __str__(self) -> str:
        return '\n\n'.join(self.parts) + '\n'
