"""The numbers of the benchmarks, and what is computed from them.

A benchmark has left lines "round, case, clients, metric, value", separated by
tabs.  A Series is one number in every round that has it.  Ratios are taken
within a round, where both sides met the same machine in the same minute; only
then are medians taken over the rounds.
"""
import math
import sys
from collections import namedtuple
from pathlib import Path
from statistics import median
from typing import Callable, Optional

Series = dict                           # round -> value
Summary = namedtuple('Summary', 'median low high rounds')


def summarise(series: Series) -> Optional[Summary]:
    """The median over the rounds, the extremes, and how many rounds there are."""
    values = list(series.values())
    return Summary(median(values), min(values), max(values), len(values)) if values else None


def middle(series: Series) -> Optional[float]:
    return median(series.values()) if series else None


def combine(function: Callable, *parts: Series) -> Series:
    """function of the values of each round that all parts have."""
    result = {}
    for number in parts[0]:
        if all(number in part for part in parts):
            try:
                result[number] = function(*(part[number] for part in parts))
            except ZeroDivisionError:
                pass
    return result


def ratio(a: Series, b: Series) -> Series:
    return combine(lambda x, y: x / y, a, b)


def difference(a: Series, b: Series) -> Series:
    return combine(lambda x, y: x - y, a, b)


class Results:
    """What is in a directory of results."""

    def __init__(self, directory: Path):
        self.numbers: dict = {}         # benchmark -> (case, clients, metric) -> round -> values
        self.machine = read_pairs(directory / 'machine.tsv')
        for path in sorted(directory.glob('*.tsv')):
            if path.name != 'machine.tsv':
                self.read(path)

    def read(self, path: Path) -> None:
        numbers = self.numbers.setdefault(path.stem, {})
        bad = 0
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                number, case, clients, metric, text = line.split('\t')
                key, value = (case, int(clients), metric), float(text)
                if not math.isfinite(value):
                    raise ValueError
                numbers.setdefault(key, {}).setdefault(int(number), []).append(value)
            except ValueError:
                bad += 1
        if bad:
            print(f'{path}: {bad} lines are not results', file=sys.stderr)

    def has(self, bench: str, *cases: str) -> bool:
        """Is there anything of this benchmark, and of one of these cases?"""
        return any(not cases or case in cases for case, _, _ in self.numbers.get(bench, {}))

    def cases(self, bench: str, metric: Optional[str] = None) -> list:
        """All cases, or those with this number, in the order in which they ran."""
        return list(dict.fromkeys(case for case, _, m in self.numbers.get(bench, {}) if metric in (None, m)))

    def clients(self, bench: str, *cases: str) -> list:
        return sorted({clients for case, clients, _ in self.numbers.get(bench, {}) if not cases or case in cases})

    def rounds(self, bench: str) -> int:
        return len({number for series in self.numbers.get(bench, {}).values() for number in series})

    def series(self, bench: str, case: str, metric: str, clients: Optional[int] = None) -> Series:
        """One number in each round: the median, should a round have it more than
        once.  Without clients: whatever number of them has most rounds."""
        numbers = self.numbers.get(bench, {})
        if clients is None:
            found = [values for (c, _, m), values in numbers.items() if (c, m) == (case, metric)]
            values = max(found, key=len, default={})
        else:
            values = numbers.get((case, clients, metric), {})
        return {number: median(values[number]) for number in sorted(values)}

    def median(self, bench: str, case: str, metric: str, clients: Optional[int] = None) -> Optional[float]:
        return middle(self.series(bench, case, metric, clients))

    def ratio(self, bench: str, case: str, base: str, metric: str, clients: Optional[int] = None) -> Optional[Summary]:
        return summarise(ratio(self.series(bench, case, metric, clients), self.series(bench, base, metric, clients)))

    def first(self, bench: str, *cases: str) -> str:
        """The first of these cases that was run; the first of all if none was."""
        return next((case for case in cases if self.has(bench, case)), cases[0])


def read_pairs(path: Path) -> dict:
    """Lines "name, value"."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding='utf-8').splitlines()
    return dict(line.split('\t', 1) for line in lines if '\t' in line)


def numbered(cases: list, prefix: str) -> dict:
    """Of cases named PREFIX@N: N -> case, ascending."""
    found = {}
    for case in cases:
        name, _, number = case.partition('@')
        if name == prefix and number.isdigit():
            found[int(number)] = case
    return dict(sorted(found.items()))


def policy_runs(cases: list) -> dict:
    """Of cases named WORKLOAD:POLICY@SIZE: workload -> size -> policy -> case."""
    found: dict = {}
    for case in cases:
        workload, _, rest = case.rpartition(':')
        policy, _, size = rest.partition('@')
        if workload and size.isdigit():
            found.setdefault(workload, {}).setdefault(int(size), {})[policy] = case
    return {workload: dict(sorted(sizes.items())) for workload, sizes in found.items()}


def break_even(points: dict) -> Optional[float]:
    """Where a gain, given at some write ratios, falls to 1: on the straight line
    between two points of a logarithmic axis.  None if it stays above, 0 if it
    never is."""
    at = sorted(points)
    if at and points[at[0]] < 1:
        return float(at[0])
    for left, right in zip(at, at[1:]):
        if points[right] < 1 <= points[left]:
            part = math.log(points[left]) / math.log(points[left] / points[right])
            return left + (right - left) * part
    return None
