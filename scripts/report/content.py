"""content: what a report consists of, before it is HTML or Markdown: parts with tables, sentences and drawings."""

import math
import re
from dataclasses import dataclass, field

NOTHING = "\N{EN DASH}"


def slug(words):
    """Words as the id of an element."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


@dataclass
class Cell:
    text: str
    value: float = None  # of a number, which is sorted by it; other cells are sorted by their text
    link: str = None


@dataclass
class Table:
    name: str
    heads: list
    rows: list  # of lists of cells

    @property
    def id(self):
        return slug(f"{self.name} table")

    @property
    def numeric(self):
        """Which columns contain numbers; these are right-aligned."""
        return [all(cell.value is not None for cell in column) for column in zip(*self.rows, strict=True)]


@dataclass
class Bullets:
    lines: list


@dataclass
class Listing:
    """Preformatted lines with a caption."""

    caption: str
    lines: list


@dataclass
class Facts:
    """(name, lines) of each."""

    rows: list


@dataclass
class Forest:
    """Estimates with intervals on one axis. A row is (label, estimate, half width or NaN, words, strong)."""

    title: str
    rows: list
    margin: float  # half the width of the grey band about zero


@dataclass
class Charts:
    legend: list  # (style, name)
    panels: list  # (caption, svg)


@dataclass
class Part:
    """A section of the page. A folded one shows its title alone until the reader opens it."""

    title: str
    words: str = ""
    items: list = field(default_factory=list)
    folded: bool = False

    @property
    def id(self):
        return slug(self.title)


@dataclass
class Report:
    title: str
    headline: list  # sentences; the first answers the question
    shared: str
    parts: list


def figure(value, form=".4f"):
    return Cell(format(value, form) if math.isfinite(value) else NOTHING, value)


def count(value):
    return Cell(str(value), value)


def signed(value, form="+.4f"):
    """With a sign, and with the typographic minus."""
    return format(value, form).replace("-", "\N{MINUS SIGN}")


def plural(number, word):
    return f"{number} {word}{'' if number == 1 else 's'}"


def seeds(number):
    return plural(number or "no", "seed")
