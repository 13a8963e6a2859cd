"""svg: one panel with two axes, curves, bands, marks and dashed levels, without a plotting library.

Colors and fonts are classes of page.css, so that both color schemes and print work."""

import math
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 440, 290
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 48
COLORS, DASHES = 8, ("", "7 4", "2 3")  # the ninth series has the first color and the next dash pattern
PIXELS_PER_LETTER = 6.6
LETTERS = 5  # that fit between the label of the y axis and the chart


def short(value):
    """The label of a tick: 0.5, 12, 2500, 3e-4."""
    text = f"{value:.4g}"
    if value != 0 and (abs(value) < 1e-2 or abs(value) >= 1e4):
        mantissa, exponent = f"{value:.3e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return text.replace("-", "\N{MINUS SIGN}", 1) if value < 0 else text


def round_ticks(low, high, wanted=5):
    """About `wanted` round numbers from low to high."""
    power = 10 ** math.floor(math.log10((high - low) / wanted))
    step = next(m * power for m in (1, 2, 5, 10) if (high - low) / (m * power) <= wanted + 2)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def log_ticks(low, high):
    """Powers of ten, with 2 and 5 times them if there are few, or round numbers within one decade."""
    decades = math.log10(high / low)
    if decades < 0.8:
        return [tick for tick in round_ticks(low, high) if tick > 0]
    steps = (1, 2, 5) if decades < 3 else (1,)
    stride = math.ceil(decades / 8)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{m}e{power}") for power in powers if power % stride == 0 for m in steps]
    return [tick for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]


@dataclass
class Axis:
    """A range of values, with a margin, between the pixels `start` and `end`."""

    label: str
    values: list
    log: bool = False
    ticks: list = None
    air: float = 0.04  # margin at both ends, as a fraction of the range
    start: float = 0
    end: float = 1

    def __post_init__(self):
        low, high = self.scaled(min(self.values)), self.scaled(max(self.values))
        air = self.air * (high - low) if high > low else 1 if self.log else abs(low) / 2 or 1
        self.low, self.high = self.unscaled(low - air), self.unscaled(high + air)
        self.ticks = self.ticks or (log_ticks if self.log else round_ticks)(self.low, self.high)

    def scaled(self, value):
        if not self.log:
            return value
        return math.log(value) if value > 0 else -math.inf

    def unscaled(self, value):
        return math.exp(value) if self.log else value

    def at(self, value):
        low, high = self.scaled(self.low), self.scaled(self.high)
        return self.start + (self.scaled(value) - low) / (high - low) * (self.end - self.start)

    def spaced_ticks(self, room):
        """(pixel, label) of the ticks whose labels do not overlap; room(label) is the size of one in pixels."""
        kept, edge = [], -math.inf
        for pixel, label in sorted((self.at(tick), short(tick)) for tick in self.ticks):
            if pixel - room(label) / 2 >= edge:
                kept.append((pixel, label))
                edge = pixel + room(label) / 2
        return kept


@dataclass
class Series:
    """One curve: `style` selects color and dashes, `faint` curves are drawn in the background."""

    name: str
    style: int
    points: list  # (x, y)
    band: list = field(default_factory=list)  # (x, low, high)
    faint: bool = False
    whiskers: bool = False  # an error bar per point instead of a band
    marks: list = field(default_factory=list)  # (x, words) of crosses at the upper end of the chart

    def classes(self):
        return f"c{self.style % COLORS}{' faint' if self.faint else ''}"


def dashes(style):
    pattern = DASHES[style // COLORS % len(DASHES)]
    return f' stroke-dasharray="{pattern}"' if pattern else ""


def path(points):
    return " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))


def inside(y):
    return TOP <= y <= HEIGHT - BOTTOM


def clamped(y):
    return min(max(y, TOP), HEIGHT - BOTTOM)


def crossing(a, b):
    """Where the segment from a, outside the chart, to b, inside, enters it."""
    edge = clamped(a[1])
    if math.isinf(a[1]):
        return a[0], edge
    return a[0] + (b[0] - a[0]) * (edge - a[1]) / (b[1] - a[1]), edge


def cut(points):
    """The pieces of a line that are inside the chart. A segment with both ends outside is not drawn."""
    pieces, last = [[]], None
    for point in points:
        if inside(point[1]):
            if last and not inside(last[1]):
                pieces.append([crossing(last, point)])
            pieces[-1].append(point)
        elif last and inside(last[1]):
            pieces[-1].append(crossing(point, last))
        last = point
    return [piece for piece in pieces if len(piece) > 1]


def arrow(series, x, y, words):
    """A triangle at the upper or lower end of the chart, for what lies beyond it."""
    tip, base = (TOP, TOP + 7) if y < TOP else (HEIGHT - BOTTOM, HEIGHT - BOTTOM - 7)
    return (
        f'<path class="arrow {series.classes()}" d="M{x:.1f} {tip}L{x - 4:.1f} {base}H{x + 4:.1f}Z">'
        f"<title>{escape(words)}</title></path>"
    )


def arrows(series, placed):
    """An arrow for each run of points outside the chart, at the one that is furthest outside."""
    shapes, furthest = [], None
    for (x, y), (at, value) in [*zip(placed, series.points, strict=True), ((0, TOP), (0, 0))]:
        if inside(y):
            if furthest:
                shapes.append(arrow(series, *furthest[1:]))
            furthest = None
        elif furthest is None or abs(y - clamped(y)) > furthest[0]:
            furthest = (abs(y - clamped(y)), x, y, f"{series.name}: {short(at)}, {value:.5g}, outside the chart")
    return shapes


def draw_band(series, x, y):
    if series.whiskers:
        return [
            f'<path class="whisker {series.classes()}" d="M{x.at(at):.1f} {clamped(y.at(low)):.1f}'
            f'V{clamped(y.at(high)):.1f}"/>'
            for at, low, high in series.band
            if y.at(low) > TOP and y.at(high) < HEIGHT - BOTTOM
        ]
    if len(series.band) < 2:
        return []
    edge = [(x.at(at), clamped(y.at(high))) for at, _, high in series.band]
    edge += [(x.at(at), clamped(y.at(low))) for at, low, _ in reversed(series.band)]
    return [f'<path class="band {series.classes()}" d="{path(edge)}Z"/>']


def draw_marks(series, x):
    """Crosses next to each other for series with different styles."""
    shapes = []
    for at, words in series.marks:
        px, py = x.at(at) + 9 * (series.style % 3 - 1), TOP + 8 + 10 * (series.style // 3 % 3)
        shapes.append(
            f'<path class="cross {series.classes()}" d="M{px - 3.5:.1f} {py - 3.5}l7 7m0 -7l-7 7">'
            f"<title>{escape(f'{series.name}: {short(at)}, {words}')}</title></path>"
        )
    return shapes


def draw_series(series, x, y):
    placed = [(x.at(at), y.at(value)) for at, value in series.points]
    shapes = draw_band(series, x, y)
    shapes += [
        f'<path class="line {series.classes()}"{dashes(series.style)} d="{path(piece)}"/>' for piece in cut(placed)
    ]
    if not series.faint:
        shapes += [
            f'<circle class="dot {series.classes()}" cx="{px:.1f}" cy="{py:.1f}" r="2.6">'
            f"<title>{escape(series.name)}: {short(at)}, {value:.5g}</title></circle>"
            for (px, py), (at, value) in zip(placed, series.points, strict=True)
            if inside(py)
        ]
    return "".join(shapes + arrows(series, placed) + draw_marks(series, x))


def beside_the_label(ticks):
    """Without the ticks that reach into the label of the axis, if others are left."""
    narrow = [(pixel, label) for pixel, label in ticks if len(label) <= LETTERS]
    return narrow if len(narrow) > 1 else ticks


def draw_axes(x, y):
    """Grid lines, tick labels and axis labels."""
    shapes = []
    for px, label in x.spaced_ticks(lambda label: PIXELS_PER_LETTER * len(label) + 10):
        shapes.append(
            f'<path class="grid" d="M{px:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
            f'<text x="{px:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{label}</text>'
        )
    for py, label in beside_the_label(y.spaced_ticks(lambda label: 18)):
        shapes.append(
            f'<path class="grid" d="M{LEFT} {py:.1f}H{WIDTH - RIGHT}"/>'
            f'<text x="{LEFT - 8}" y="{py + 4:.1f}" text-anchor="end">{label}</text>'
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    shapes.append(
        f'<text class="axis" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(x.label)}</text>"
        f'<text class="axis" transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>"
    )
    return "".join(shapes)


def draw_level(y, words):
    return (
        f'<path class="level" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text x="{WIDTH - RIGHT - 4}" y="{y - 5:.1f}" text-anchor="end">{escape(words)}</text>'
    )


def panel(title, x, y, series, levels=()):
    """The svg element. `levels` are (y, words) of dashed horizontal lines."""
    x.start, x.end, y.start, y.end = LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM, TOP
    lines = "".join(draw_level(y.at(value), words) for value, words in levels)
    curves = "".join(draw_series(one, x, y) for one in sorted(series, key=lambda one: not one.faint))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{draw_axes(x, y)}{lines}{curves}</svg>"
    )


def sample(style):
    """The line next to a name in the legend."""
    return (
        f'<svg class="sample" viewBox="0 0 28 10" aria-hidden="true">'
        f'<path class="line c{style % COLORS}"{dashes(style)} d="M1 5H27"/></svg>'
    )
