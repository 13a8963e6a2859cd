"""records: the CSV files of a run, as values with names.

An empty field was not measured and is left out, as is an incomplete line."""

import csv
import math
import re

FILES = ("log", "layers", "tensors", "spikes")
WHERE = ("layer", "sublayer", "site", "position", "tensor", "kind")  # what is measured; all other numbers are measures
INTEGER = re.compile(r"-?\d+")


def rows(path):
    """Records as {column: text}."""
    try:
        with open(path, newline="", errors="replace") as file:
            lines = csv.reader(line for line in file if line.endswith("\n"))
            head = next(lines, [])
            for cells in lines:
                if len(cells) == len(head):
                    yield {name: cell for name, cell in zip(head, cells, strict=True) if cell != ""}
    except FileNotFoundError:
        return


def value_of(text):
    """An int, a float or the text."""
    if INTEGER.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def plain(run):
    """(file, {column: value}) of every record; a number that is not finite is None."""
    for file in FILES:
        for row in rows(run / f"{file}.csv"):
            values = {name: value_of(text) for name, text in row.items()}
            yield file, {name: None if is_number(x) and not math.isfinite(x) else x for name, x in values.items()}


def is_number(value):
    return isinstance(value, (int, float))


def scalars(run):
    """(step, tag, number) of every measure. Tags are log/val_loss and layers.variance/3.attn.stream.rest."""
    for file in FILES:
        for row in rows(run / f"{file}.csv"):
            values = {name: value_of(text) for name, text in row.items()}
            where = ".".join(row[name] for name in WHERE if name in row)
            for name, value in values.items():
                if is_number(value) and name != "step" and name not in WHERE:
                    yield values["step"], f"{file}.{name}/{where}" if where else f"{file}/{name}", value
