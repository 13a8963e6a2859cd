"""drawing: SVG files for docs/claims.md, as GitHub shows them: one picture per file, light and dark, readable at 400
pixels.

The shapes of a panel and the colors are those of scripts/report. Here are the frame of a file, its legend, and rows of
intervals on a shared axis."""

import math
import textwrap
from dataclasses import dataclass
from html import escape
from pathlib import Path

import svg
from svg import WIDTH, Axis

SHOWN = 410  # pixels; two pictures fit beside each other on a page of GitHub
EDGE, FOOT = 12, 46  # margin on both sides; room below the rows for ticks and label
PIXELS_PER_LETTER, PIXELS_PER_BOLD_LETTER = 6.4, 7.2
LEGEND_LINE = 20
CSS = Path(__file__).resolve().parent.parent / "report" / "page.css"
OWN_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif }
.paper { fill: var(--paper) } svg text.ink { fill: var(--ink) } svg text.strong { fill: var(--ink); font-weight: 600 }
svg text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round }
.margin { fill: var(--soft); opacity: 0.2 } .zero { stroke: var(--soft); stroke-width: 1 }
.interval { stroke: var(--c); stroke-width: 2.2; fill: none } .interval.weak { stroke-dasharray: 4 3 }
.hollow { fill: var(--paper); stroke: var(--c); stroke-width: 1.8 }
.claimed { fill: var(--c1) } .arrow { fill: var(--c) }
"""


def style():
    """The palette and the rules for shapes of page.css, and those of this file."""
    lines = CSS.read_text().splitlines()
    palette = lines[: lines.index("")]
    start = next(i for i, line in enumerate(lines) if line.startswith("svg text"))
    shapes = lines[start : lines.index("", start)]
    return "\n".join(palette + shapes) + OWN_STYLE


def document(title, height, body, width=SHOWN):
    """A file. The background is painted, so that the picture can be read on any page."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{width * height / WIDTH:.0f}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">\n<title>{escape(title)}</title>\n<style>\n{style()}</style>\n'
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>\n{body}\n</svg>\n'
    )


def text(x, y, words, anchor="start", kind=""):
    kind = f' class="{kind}"' if kind else ""
    return f'<text{kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def letters(words):
    """The width of a text in pixels, about."""
    return PIXELS_PER_LETTER * len(words)


def legend(entries, top):
    """(shapes, height) of a legend of (style, words); the style is a number or a shape."""
    shapes, x, y = [], EDGE, top + 14
    for sample, words in entries:
        width = 34 + letters(words) + 14
        if x > EDGE and x + width > WIDTH:
            x, y = EDGE, y + LEGEND_LINE
        if isinstance(sample, int):
            sample = f'<path class="line c{sample}"{svg.dashes(sample)} d="M0 0H26"/>'
        shapes.append(f'<g transform="translate({x:.1f} {y - 4})">{sample}</g>{text(x + 33, y, words, kind="ink")}')
        x += width
    return "".join(shapes), y + 8 - top


@dataclass
class Row:
    """One interval. `claimed` is the value of a tick, `weak` marks a part with failed controls, `late` a test that was
    defined after a look. A row without estimate has words instead."""

    label: str
    estimate: float = None
    low: float = None
    high: float = None
    words: str = ""
    claimed: float = None
    strong: bool = False
    weak: bool = False
    late: bool = False
    header: str = ""


@dataclass
class Band:
    """The axis of rows, its line of no difference, and the margin band."""

    label: str
    null: float
    margin: tuple = None
    log: bool = False
    limits: tuple = None  # values beyond them are drawn as arrows

    def axis(self, start, end):
        axis = Axis(self.label, list(self.limits), self.log, air=0)
        axis.start, axis.end = start, end
        return axis


def interval(row, axis, y):
    """Line, dot, arrows and tick of a row."""
    low, high = axis.low, axis.high
    left = low if row.low is None else max(low, row.low)
    right = high if row.high is None else min(high, row.high)
    color = 0 if row.strong else 6
    shapes = []
    if left < right:
        weak = " weak" if row.weak else ""
        shapes.append(f'<path class="interval{weak} c{color}" d="M{axis.at(left):.1f} {y}H{axis.at(right):.1f}"/>')
    if row.low is None or row.low < low:
        shapes.append(arrow(axis.start, y, -1, color))
    if row.high is None or row.high > high:
        shapes.append(arrow(axis.end, y, 1, color))
    if row.estimate is not None and low <= row.estimate <= high:
        dot = "hollow" if row.late or row.weak else "dot"
        shapes.append(f'<circle class="{dot} c{color}" cx="{axis.at(row.estimate):.1f}" cy="{y}" r="4"/>')
    if row.claimed is not None:
        x = axis.at(row.claimed)
        shapes.append(f'<path class="claimed" d="M{x - 1.8:.1f} {y - 9}h3.6v18h-3.6z"/>')
    return "".join(shapes)


def arrow(x, y, direction, color):
    return f'<path class="arrow c{color}" d="M{x:.1f} {y}l{-9 * direction} -5v10z"/>'


def ground(band, axis, top, bottom):
    """Margin band, grid, line of no difference, ticks and the label of the axis."""
    shapes = []
    if band.margin:
        left, right = (min(max(axis.at(end), axis.start), axis.end) for end in band.margin)
        shapes.append(
            f'<rect class="margin" x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{bottom - top}"/>'
        )
    for x, label in axis.spaced_ticks(lambda label: svg.PIXELS_PER_LETTER * len(label) + 12):
        shapes.append(f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>')
        shapes.append(text(x, bottom + 16, label, "middle"))
    zero = axis.at(band.null)
    shapes.append(f'<path class="zero" d="M{zero:.1f} {top}V{bottom}"/>')
    shapes.append(text((axis.start + axis.end) / 2, bottom + 36, band.label, "middle", "ink"))
    return "".join(shapes)


DOT, HOLLOW, TICK, MARGIN = (
    '<path class="interval c0" d="M0 0H26"/><circle class="dot c0" cx="13" cy="0" r="4"/>',
    '<path class="interval c6" d="M0 0H26"/><circle class="hollow c6" cx="13" cy="0" r="4"/>',
    '<path class="claimed" d="M11 -7h3.6v14h-3.6z"/>',
    '<rect class="margin" x="0" y="-7" width="26" height="14"/>',
)
WEAK = '<path class="interval weak c6" d="M0 0H26"/><circle class="hollow c6" cx="13" cy="0" r="4"/>'


def rows_below_labels(title, rows, band, key):
    """A file with the label of each row above its interval."""
    shapes, top = legend(key, 0)
    y, lines = top + 4, []
    axis = band.axis(EDGE + 6, WIDTH - EDGE - 6)
    for row in rows:
        kind = "strong" if row.strong else "ink"
        room = (WIDTH - 3 * EDGE - letters(row.words)) / (PIXELS_PER_BOLD_LETTER if row.strong else PIXELS_PER_LETTER)
        for i, part in enumerate(textwrap.wrap(row.label, int(room))):
            y += 15
            lines.append(text(EDGE, y, part, kind=kind))
            if i == 0:
                lines.append(text(WIDTH - EDGE, y, row.words, "end", kind))
        y += 14
        lines.append(interval(row, axis, y))
        y += 9
    bottom = y + 2
    return document(title, bottom + FOOT, shapes + ground(band, axis, top, bottom) + "".join(lines))


def rows_beside_labels(title, rows, band, key, heads, width):
    """A file with the labels left of the intervals, the estimates right, and a header for each group."""
    shapes, top = legend(key, 0)
    start, end = 158, WIDTH - 62
    axis = band.axis(start, end)
    y, lines = top + 18, []
    lines.append(text(axis.at(band.null) - 8, y - 2, heads[0], "end", "ink"))
    lines.append(text(axis.at(band.null) + 8, y - 2, heads[1], "start", "ink"))
    top = y + 4
    for row in rows:
        if row.header:
            y += 25
            lines.append(text(EDGE, y + 3, row.header, kind="strong"))
        y += 18
        lines.append(text(EDGE + 8, y + 4, row.label, kind="strong" if row.strong else "ink"))
        lines.append(text(WIDTH - EDGE, y + 4, row.words, "end", "strong" if row.strong else "ink"))
        if row.estimate is not None:
            lines.append(interval(row, axis, y))
    bottom = y + 14
    return document(title, bottom + FOOT, shapes + ground(band, axis, top, bottom) + "".join(lines), width)


def panels(title, key, drawn):
    """A file with a legend and panels of scripts/report/svg.py, each (caption, panel, function of more shapes or
    None), below each other."""
    shapes, y = legend(key, 0)
    body = [shapes]
    for caption, one in drawn:
        y += 18
        body.append(text(EDGE, y, caption, kind="strong"))
        inner = one.replace("<svg ", f'<svg y="{y + 4}" width="{svg.WIDTH}" height="{svg.HEIGHT}" ', 1)
        body.append(inner)
        y += svg.HEIGHT + 8
    return document(title, y, "".join(body))


def dots(points, axes, color, shift=0.0):
    """Small dots, one for each seed."""
    x, y = axes
    return "".join(
        f'<circle class="dot c{color}" opacity="0.55" cx="{x.at(at) + shift:.1f}" cy="{y.at(value):.1f}" r="2"/>'
        for at, value in points
        if math.isfinite(value)
    )
