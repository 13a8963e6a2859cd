"""forest: estimates with intervals as lines of a page, all on one axis.

A line is HTML, so that labels wrap on a phone; its bar is an svg with coordinates in percent."""

import math
from html import escape

import stats
import unit
from svg import round_ticks, short

ROW, MIDDLE = 22, 11  # pixels
ROOM = 3  # percent at both ends
LABEL_ROOM = 7  # percent at both ends, within which the label of a tick would leave a narrow page


class Scale:
    """From values to percent. The range contains 0, the margin, and all intervals that are no outliers."""

    def __init__(self, rows, margin):
        ends = [estimate + side * half for _, estimate, half, *_ in rows for side in (-1, 1) if not math.isnan(half)]
        estimates = [estimate for _, estimate, *_ in rows]
        low, high = stats.fences(estimates)
        reach = max(high - low, margin)
        inner = [end for end in ends if low - reach <= end <= high + reach]
        self.low, self.high = min(low, -1.5 * margin, *inner), max(high, 1.5 * margin, *inner)

    def at(self, value):
        return ROOM + (value - self.low) / (self.high - self.low) * (100 - 2 * ROOM)

    def inside(self, value):
        return self.low - 1e-12 <= value <= self.high + 1e-12

    def clamped(self, value):
        return min(max(value, self.low), self.high)

    def ticks(self):
        ticks = round_ticks(self.low, self.high, 4)
        return [tick for tick in ticks if LABEL_ROOM < self.at(tick) < 100 - LABEL_ROOM]


def grid(scale, margin, height):
    """The margin and the line of zero, behind each bar."""
    left, right = scale.at(scale.clamped(-margin)), scale.at(scale.clamped(margin))
    zero = scale.at(0)
    return (
        f'<rect class="margin" x="{left:.2f}%" y="0" width="{right - left:.2f}%" height="{height}"/>'
        f'<line class="zero" x1="{zero:.2f}%" x2="{zero:.2f}%" y1="0" y2="{height}"/>'
    )


def arrow(at, left):
    shape = f"M0 {MIDDLE}l7 -4v8Z" if left else f"M0 {MIDDLE}l-7 -4v8Z"
    return f'<svg class="end" x="{at:.2f}%" overflow="visible"><path d="{shape}"/></svg>'


def bar(scale, estimate, half, strong):
    kind = "strong" if strong else "plain"
    shapes = []
    if not math.isnan(half):
        low, high = estimate - half, estimate + half
        left, right = scale.at(scale.clamped(low)), scale.at(scale.clamped(high))
        shapes.append(f'<line class="bar {kind}" x1="{left:.2f}%" x2="{right:.2f}%" y1="{MIDDLE}" y2="{MIDDLE}"/>')
        shapes += [arrow(left, True)] * (low < scale.low) + [arrow(right, False)] * (high > scale.high)
    if scale.inside(estimate):
        shapes.append(f'<circle class="{kind}" cx="{scale.at(estimate):.2f}%" cy="{MIDDLE}" r="{4 if strong else 3}"/>')
    elif math.isnan(half):
        shapes.append(arrow(scale.at(scale.clamped(estimate)), estimate < scale.low))
    return "".join(shapes)


def axis(scale):
    texts = "".join(
        f'<text x="{scale.at(tick):.2f}%" y="14" text-anchor="middle">{short(tick)}</text>' for tick in scale.ticks()
    )
    return f'<svg class="axis" height="20" aria-hidden="true">{texts}</svg>'


def line(scale, margin, row):
    label, estimate, half, words, strong = row
    drawing = grid(scale, margin, ROW) + bar(scale, estimate, half, strong)
    return (
        f'<div class="row{" strong" * strong}" role="listitem"><span>{escape(label)}</span>'
        f'<svg height="{ROW}" aria-hidden="true">{drawing}</svg><span class="number">{escape(words)}</span></div>'
    )


def html(made):
    scale = Scale(made.rows, made.margin)
    lines = "".join(line(scale, made.margin, row) for row in made.rows)
    return (
        f'<div class="forest" role="list" aria-label="{escape(made.title)}">{lines}'
        f'<div class="row" aria-hidden="true"><span></span>{axis(scale)}'
        f'<span class="number">{unit.short()}</span></div></div>'
    )
