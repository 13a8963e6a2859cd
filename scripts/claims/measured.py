"""measured: reads the CSVs of the parts, and compares two arms in them, paired by seed.

An arm is (part, keys) with the values of some keys, {"model.topology": "peri"}.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import stats

SEEDS = 5  # of every arm
POWER = 0.8  # probability of detecting the detectable difference


class NotMeasured(Exception):
    """A claim needs a run that no CSV has. The text names it."""


class Measured:
    """All CSVs of a folder."""

    def __init__(self, folder):
        self.parts = {}
        for path in sorted(Path(folder).glob("*.csv")):
            with open(path, newline="") as file:
                self.parts[path.stem] = list(csv.DictReader(file))

    def values(self, arm, metric):
        """{seed: value} over the runs of an arm."""
        part, keys = arm
        rows = [row for row in self.parts.get(part, []) if all(same(row.get(key), keys[key]) for key in keys)]
        found = {}
        for row in rows:
            if row["seed"] in found:
                raise NotMeasured(f"{part} has two runs of {keys} with seed {row['seed']}")
            if row.get(metric):
                found[row["seed"]] = float(row[metric])
        return found

    def pairs(self, a, b, metric):
        """[(value of a, value of b)] for the seeds that both arms have."""
        of_a, of_b = self.values(a, metric), self.values(b, metric)
        return [(of_a[seed], of_b[seed]) for seed in sorted(of_a) if seed in of_b]


def same(text, value):
    """Whether a cell is equal to a value: numbers are compared as numbers, all else as text."""
    if text is None:
        return False
    try:
        return float(text) == float(value)
    except (TypeError, ValueError):
        return text == str(value)


@dataclass
class Interval:
    """A mean and the ends of its 95 % interval over n seeds, which are NaN below two seeds."""

    mean: float
    low: float
    high: float
    n: int


def interval(values):
    half = stats.half_width(values)
    return Interval(stats.mean(values), stats.mean(values) - half, stats.mean(values) + half, len(values))


def difference(pairs):
    return interval([a - b for a, b in pairs])


def percent(pairs):
    """100 (mean a / mean b - 1), with the interval of the linearized ratio."""
    below = stats.mean(b for _, b in pairs)
    if not pairs or below == 0:
        return Interval(math.nan, math.nan, math.nan, len(pairs))
    ratio = stats.mean(a for a, _ in pairs) / below
    half = stats.half_width([(a - ratio * b) / below for a, b in pairs])
    return Interval(100 * (ratio - 1), 100 * (ratio - 1 - half), 100 * (ratio - 1 + half), len(pairs))


def detectable(values, n=SEEDS):
    """The difference that n paired seeds detect with probability POWER, from the differences of a pilot."""
    if len(values) < 2:
        return math.nan
    center = stats.mean(values)
    deviation = math.sqrt(math.fsum((value - center) ** 2 for value in values) / (len(values) - 1))
    return (stats.t_quantile(0.975, n - 1) + stats.t_quantile(POWER, n - 1)) * deviation / math.sqrt(n)
