# SPDX-License-Identifier: Apache-2.0
"""What bench/compare found: kept row by row, written as JSON, and as the tables of docs/performance.md and README.md."""
import datetime
import json
import os
import pathlib
import platform
import statistics

from measured_broker import BARNABAS, KAFKA, KAFKA_VERSION, SOURCE

DOCUMENTS = {SOURCE / 'docs' / 'performance.md': False, SOURCE / 'README.md': True}  # True: the short table
BEGIN, END = '<!-- bench/compare writes from here -->\n', '<!-- to here -->\n'


class Results:
    """figures[row][kind] is the list of what the rounds gave; rows keep the order in which they first came."""

    def __init__(self):
        self.units, self.targets, self.figures, self.floors = {}, {}, {}, {}
        self.leading = []  # the rows of the short table
        self.details, self.floor_runs, self.notes = [], [], []

    def add(self, row, unit, kind, value, target=None, leads=False, **details):
        """target: what the ratio is to be at most."""
        self.units[row] = unit
        if target:
            self.targets[row] = target
        if leads and row not in self.leading:
            self.leading.append(row)
        self.figures.setdefault(row, {}).setdefault(kind, []).append(value)
        self.details.append({'row': row, 'unit': unit, 'broker': kind, 'value': value, **details})

    def add_floor(self, row, value):
        self.floors.setdefault(row, []).append(value)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def save(self, file, about, scale):
        file.write_text(json.dumps({
            'machine': about, 'scale': scale, 'units': self.units, 'targets': self.targets, 'leading': self.leading,
            'figures': self.figures, 'floors': self.floors, 'notes': self.notes, 'measured': self.details,
            'floor_runs': self.floor_runs}, indent=1) + '\n')


def load(file):
    """What save wrote: the results and the machine."""
    saved, results = json.loads(file.read_text()), Results()
    for name in 'units', 'targets', 'leading', 'figures', 'floors', 'notes':
        setattr(results, name, saved[name])
    return results, saved['machine']


def plain(value):
    return f'{value:.0f}' if value >= 100 else f'{value:.1f}' if value >= 10 else f'{value:.2f}' if value >= 1 else f'{value:.3g}'


def figure(values, with_range):
    """The median, and the range where there is one."""
    text = plain(statistics.median(values))
    return f'{text} ({plain(min(values))}–{plain(max(values))})' if with_range and len(values) > 1 else text


def cells(row, results, is_short):
    figures, floors = results.figures[row], results.floors.get(row)
    floor = statistics.median(floors) if floors else 0
    yield from (row, results.units[row])
    for kind in KAFKA, BARNABAS:
        yield figure(figures[kind], not is_short) if kind in figures else ''
    medians = {kind: statistics.median(values) for kind, values in figures.items()}
    both = len(medians) == 2 and medians[KAFKA] > 0
    yield f'{medians[BARNABAS] / medians[KAFKA]:.2g}' if both else ''
    if not is_short:
        yield f'{results.targets[row]:.2g}' if row in results.targets else ''
        yield plain(floor) if floor else ''
        yield f'{medians[BARNABAS] / floor:.1f}' if floor and BARNABAS in medians else ''


def table(results, is_short):
    head = ('workload', 'unit', f'Apache Kafka {KAFKA_VERSION}', 'Barnabas', 'ratio', 'target', 'floor', 'times floor')
    rows = [head[:5] if is_short else head]
    rows += [tuple(cells(row, results, is_short)) for row in results.figures if row in results.leading or not is_short]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for index, row in enumerate(rows):
        line = [cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
        yield '| ' + ' | '.join(line) + ' |\n'
        if index == 0:
            yield '|' + '|'.join('-' * (width + 1) + ('-' if i < 2 else ':') for i, width in enumerate(widths)) + '|\n'


def described(about):
    """The machine and the date, in one sentence."""
    load = '{:.1f} before and {:.1f} after'.format(about['load_average_before'][0], about['load_average_after'][0])
    return ('{}: {processor}, {processors} processors, {memory_gb} GB, Linux {kernel}; load average {}; rounds: {rounds} '
            'after {warm_ups} to warm up.').format(about['date'][:10], load, **about)


def text(results, about, is_short):
    yield described(about) + '\n\n'
    yield from table(results, is_short)
    if not is_short and results.notes:
        yield '\n'
        yield from (f'- {note}.\n' for note in results.notes)


def update_documents(results, about):
    for file, is_short in DOCUMENTS.items():
        before, _, rest = file.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        if not after and END not in rest:
            raise SystemExit(f'{file.name} has no place marked for the table')
        file.write_text(before + BEGIN + ''.join(text(results, about, is_short)) + END + after)


def machine(scale):
    processor = platform.machine()
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            processor = line.split(':', 1)[1].strip()
    return {'processor': processor, 'processors': os.cpu_count(), 'kernel': platform.release(),
            'memory_gb': round(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 1e9),
            'date': datetime.datetime.now().isoformat(timespec='seconds'), 'rounds': scale['rounds'],
            'warm_ups': scale['warm_ups'], 'load_average_before': os.getloadavg()}
