"""Sections about what an operator does: a restart, and asking what to cache."""
from . import names
from .data import numbered, summarise
from .page import Page, count, number, percent, spread

SHOWN = (1, 2, 3, 5, 10, 15, 20, 25)


def restart(page: Page) -> None:
    r = page.results
    if not page.benchmark('restart', 'Hit ratio after a restart', 'A table of 200,000 rows, read at a rate of 2,000 a second, '
                          'keys by Zipf’s law (1.01). The server is shut down and started, and each second is counted by '
                          'itself. Warm: the keys of 100,000 rows were saved at the shutdown, and their rows are loaded at '
                          '10,000 a second while clients read; cold: the cache begins empty.'):
        return
    page.chart('restart', 'Hit ratio in each second after a restart, with saved keys and without')
    cases = {how: numbered(r.cases('restart'), how) for how in names.RESTART}
    rows = [[f'{second}', *(spread(summarise(r.series('restart', found.get(second, ''), 'hit_ratio')), percent)
                            for found in cases.values())]
            for second in SHOWN if any(second in found for found in cases.values())]
    page.table(['second after the start', *(f'hits, {text}' for text in names.RESTART.values())], rows)


def advise(page: Page) -> None:
    r = page.results
    if not page.benchmark('advise', 'What is advised', 'Three mixes of statements on tables that are not attached, and what '
                          '`cache.advise()` says of each. Then the same mix with the table attached: as advised, or by '
                          'cache_aside where the advice is not to cache it. 8 clients, prepared statements, '
                          'synchronous_commit off. What is saved is the time in the server; the rate has also that of the '
                          'client and of the way between them.'):
        return
    rows = []
    for mix, text in names.ADVISE.items():
        gain = r.ratio('advise', f'{mix}:cached', f'{mix}:plain', 'tps')
        if gain is None:
            continue
        advised = r.median('advise', mix, 'advised') == 1
        rows.append([text, 'cache it' if advised else 'do not', number(r.median('advise', mix, 'break_even')),
                     *(percent(value) for value in (r.median('advise', mix, 'hit_ratio'), r.median('advise', f'{mix}:cached', 'hit_ratio'),
                                                    r.median('advise', mix, 'saving'))),
                     *(count(r.median('advise', f'{mix}:{how}', 'tps')) for how in ('plain', 'cached')), spread(gain),
                     spread(r.ratio('advise', f'{mix}:cached', f'{mix}:plain', 'cpu_us')), 'yes' if advised == (gain.median > 1) else '**no**'])
    page.table(['mix', 'advice', 'break-even hit ratio', 'hits, foreseen', 'hits, counted', 'time saved, foreseen',
                'plain, per second', 'cached, per second', 'ratio', 'processor time, ratio', 'confirmed?'], rows, left=2)
