"""measured: reads the CSVs of the parts and selects the runs of an arm.

An arm is (part, keys) with the values of some keys, {"model.topology": "peri"}.
"""

import csv
from pathlib import Path


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

    def rates(self, arm):
        """The learning rates at which an arm was run, in order."""
        part, keys = arm
        rows = [row for row in self.parts.get(part, []) if all(same(row.get(key), keys[key]) for key in keys)]
        return sorted({float(row["optim.lr"]) for row in rows if row.get("optim.lr")})

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
