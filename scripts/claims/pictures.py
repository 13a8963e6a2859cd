"""pictures: the SVG files of docs/claims.md. Here are the curves, from the CSVs: loss over the learning rate, over
depth and over steps, failures and variance over depth."""

import contextlib
import math
from dataclasses import dataclass
from pathlib import Path

import drawing
import exact
import measured
import page
import protocol
import stats
import strips
import svg
from arms import at, depth, layernorm, placed, topology, warmed
from claim import Arm
from claims_embedding import PERI as PERI_LN
from claims_embedding import PRE_WITH_NORM, SCALES, WORDS, scaled
from svg import Axis, Series

POST, PRE, PERI = 1, 0, 2  # colors of page.css
UNIGRAM = 3.11  # nats per byte of the byte frequencies alone
RATE_WORDS = "learning rate (log)"
LOSS_WORDS = "final loss (nats, log)"


@dataclass
class Curve:
    """One arm: a name, a color, and {x: losses of the seeds}."""

    name: str
    color: int
    cells: dict
    shift: float = 0.0  # of the dots of seeds, in pixels


def has_part(data, arm):
    if arm.part not in data.parts:
        raise measured.NotMeasured(f"part {arm.part}")


def over_rates(data, arm, name, color, shift=0.0):
    has_part(data, arm)
    rates = data.rates((arm.part, arm.keys))
    cells = {rate: losses(data, Arm(arm.part, arm.keys | {"optim.lr": rate})) for rate in rates}
    return Curve(name, color, {rate: values for rate, values in cells.items() if values}, shift)


def losses(data, arm, metric="val_loss"):
    has_part(data, arm)
    return list(data.values((arm.part, arm.keys), metric).values())


def key_of(curves):
    return [(curve.color, curve.name) for curve in curves]


def chart(title, curves, x, y, levels=()):
    """A panel: lines through the means, dots for the seeds."""
    series = [
        Series(curve.name, curve.color, [(at, stats.mean(values)) for at, values in sorted(curve.cells.items())])
        for curve in curves
    ]
    drawn = svg.panel(title, x, y, series, levels)
    seeds = "".join(
        drawing.dots(
            [(at, value) for at, values in curve.cells.items() for value in values], (x, y), curve.color, curve.shift
        )
        for curve in curves
    )
    return drawn.replace("</svg>", seeds + "</svg>")


def rate_chart(title, curves, low=None):
    rates = sorted({rate for curve in curves for rate in curve.cells})
    values = [value for curve in curves for cell in curve.cells.values() for value in cell]
    x = Axis(RATE_WORDS, rates, True, rates, air=0.06)
    y = Axis(LOSS_WORDS, [*values, UNIGRAM * 1.08, *([low] if low else [])], True)
    return chart(title, curves, x, y, [(UNIGRAM, "byte frequencies")])


def rates(data):
    """Loss over the learning rate, 4 blocks: the three placements, with RMSNorm and LayerNorm."""
    with_rms = [
        over_rates(data, placed("post"), "Post-LN", POST, -4),
        over_rates(data, placed("pre"), "Pre-LN", PRE),
        over_rates(data, placed("peri"), "Peri-LN", PERI, 4),
    ]
    with_layernorm = [
        over_rates(data, layernorm("pre"), "Pre-LN", PRE),
        over_rates(data, layernorm("peri"), "Peri-LN", PERI, 4),
    ]
    title = "Final loss over the learning rate, 4 blocks"
    drawn = [("RMSNorm", rate_chart(title, with_rms)), ("LayerNorm", rate_chart(title, with_layernorm, 0.5))]
    return drawing.panels(title, key_of(with_rms), drawn)


def variants(data):
    """Loss over the learning rate, 4 blocks: what is and is not Peri-LN, and embedding norms."""
    curves = [
        over_rates(data, placed("pre"), "Pre-LN", PRE),
        over_rates(data, placed("peri"), "Peri-LN", PERI, 4),
        over_rates(data, Arm("literal", {}), "pre_post", 3, -4),
        over_rates(data, Arm("peri_bare", {}), "Peri-LN without embedding norm", 4),
        over_rates(data, Arm("pre_embed", {}), "Pre-LN with embedding norm", 5, -4),
    ]
    title = "Final loss over the learning rate of related placements, 4 blocks, RMSNorm"
    return drawing.panels(title, key_of(curves), [("4 blocks, RMSNorm", rate_chart(title, curves))])


def deep_arm(name, blocks):
    """The runs of a placement at 1e-3 with warm-up of 100 steps."""
    if blocks == 96:
        return topology("depth_96", name)
    return warmed(name, blocks, 1e-3, 100) if blocks == 48 else depth(name, blocks)


NAMES = [("post", "Post-LN", POST), ("pre", "Pre-LN", PRE), ("peri", "Peri-LN", PERI)]
CONTROLS = [("deepnorm", "DeepNorm", 4), ("keel", "Keel", 3)]
DEPTHS = [12, 48, 64, 96]


def over_depth(data):
    curves = []
    for i, (name, word, color) in enumerate(NAMES + CONTROLS):
        cells = {blocks: losses(data, deep_arm(name, blocks)) for blocks in DEPTHS}
        curves.append(Curve(word, color, {at: values for at, values in cells.items() if values}, 3.0 * (i - 2)))
    return curves


def failed_fractions(data):
    """(curve, band) of the fraction of failed runs at 12 and 48 blocks: two rates, with and without warm-up."""
    series = []
    for i, (name, word, color) in enumerate(NAMES):
        points, band = [], []
        for blocks in (12, 48):
            arms = [warmed(name, blocks, rate, warmup) for rate in (1e-3, 3e-3) for warmup in (0, 100)]
            values = [value for arm in arms for value in losses(data, arm)]
            count, at = sum(value >= protocol.FAILED for value in values), blocks + 0.7 * (i - 1)
            points.append((at, count / len(values)))
            band.append((at, *exact.clopper_pearson(count, len(values), 0.05)))
        series.append(Series(word, color, points, band, whiskers=True))
    return series


def deep(data):
    """Loss and failures over depth."""
    curves = over_depth(data)
    title = "Final loss and failed runs over depth, after 300 steps"
    values = [value for curve in curves for cell in curve.cells.values() for value in cell]
    loss = chart(
        title,
        curves,
        Axis("blocks", DEPTHS, ticks=DEPTHS),
        Axis("loss after 300 steps (nats)", [*values, UNIGRAM + 0.1]),
        [(UNIGRAM, "byte frequencies")],
    )
    x, y = (
        Axis("blocks", [8, 52], ticks=[12, 48]),
        Axis("fraction at 3 nats or more", [0, 1], ticks=[0, 0.25, 0.5, 0.75, 1]),
    )
    failed = svg.panel(title, x, y, failed_fractions(data))
    drawn = [
        ("Loss at learning rate 1e-3 with warm-up", loss),
        ("Failed runs at 1e-3 and 3e-3, with and without warm-up", failed),
    ]
    return drawing.panels(title, key_of(curves), drawn)


def plateau_panel(data, blocks, title):
    """The seeds between step 100 and step 300."""
    series, values = [], []
    for name, _, color in NAMES + CONTROLS:
        arm = depth(name, blocks)
        for third, last in data_pairs(data, arm):
            series.append(Series(name, color, [(100, third), (300, last)]))
            values += [third, last]
    x, y = Axis("step", [100, 300], ticks=[100, 200, 300]), Axis("validation loss (nats)", [*values, 3.6])
    return svg.panel(title, x, y, series, [(UNIGRAM, "byte frequencies")])


def data_pairs(data, arm):
    has_part(data, arm)
    thirds, lasts = (data.values((arm.part, arm.keys), metric) for metric in ("val_third", "val_loss"))
    return [(thirds[seed], lasts[seed]) for seed in thirds if seed in lasts]


def plateau(data):
    """How the deep models leave the plateau of the byte frequencies."""
    title = "Every seed from step 100 to step 300, learning rate 1e-3"
    key = [(color, word) for _, word, color in NAMES + CONTROLS]
    drawn = [(f"{blocks} blocks", plateau_panel(data, blocks, title)) for blocks in (12, 64)]
    return drawing.panels(title, key, drawn)


def variance_panel(data, title, arm_of, y):
    curves = []
    for name, word, color in NAMES:
        arm = arm_of(name)
        cells = {1: [1.0], 60: losses(data, arm, "growth_60"), 64: losses(data, arm, "growth")}
        curves.append(Curve(word, color, {at: values for at, values in cells.items() if values}))
    return curves, chart(title, curves, Axis("block", [1, 64], ticks=[1, 16, 32, 48, 64]), y())


def variance(data):
    """Variance over depth. The CSVs have blocks 1, 60 and 64."""
    title = "Variance of the residual stream over depth, 64 blocks"

    def y():
        return Axis("variance / that after block 1 (log)", [0.8, 1500], True)

    curves, start = variance_panel(data, title, lambda name: topology("variance_init", name), y)
    _, trained = variance_panel(data, title, lambda name: depth(name, 64), y)
    drawn = [("at initialization", start), ("after 300 steps", trained)]
    return drawing.panels(title, key_of(curves), drawn)


def over_scales(data, name, color, rate, shift=0.0):
    """A placement over the scale of the embedding, at one rate or, without one, each scale at its best."""
    curve = Curve(WORDS[name], color, {}, shift)
    for scale in SCALES:
        arm = scaled(name, scale)
        has_part(data, arm)
        cells = [losses(data, at(arm, one)) for one in ([rate] if rate else data.rates((arm.part, arm.keys)))]
        curve.cells[scale or math.sqrt(128)] = min((cell for cell in cells if cell), key=stats.mean)
    return curve


def scale_panel(data, title, rate):
    curves = [over_scales(data, "pre", PRE, rate, -3), over_scales(data, "sandwich", PERI, rate, 3)]
    levels = []
    for arm, word in ((PRE_WITH_NORM, "Pre-LN, embedding norm"), (PERI_LN, "Peri-LN")):
        cells = [losses(data, at(arm, one)) for one in ([rate] if rate else data.rates((arm.part, arm.keys)))]
        levels.append((min(stats.mean(cell) for cell in cells if cell), word))
    values = [value for curve in curves for cell in curve.cells.values() for value in cell]
    x = Axis("factor of the embedding (log)", [1, 50], True, [1, 2, 7, 20, 50], air=0.06)
    y = Axis("loss after 2,000 steps (nats)", [*values, *(value for value, _ in levels)])
    return curves, chart(title, curves, x, y, levels)


def embedding_scale(data):
    """The loss over the scale of the embedding, at one rate and at each scale's best."""
    title = "Final loss over the scale of the embedding, nanoGPT's character model"
    curves, low = scale_panel(data, title, 1e-3)
    _, best = scale_panel(data, title, None)
    return drawing.panels(title, key_of(curves), [("at learning rate 1e-3", low), ("each at its best rate", best)])


PICTURES = {
    "rates": rates,
    "variants": variants,
    "depth": deep,
    "plateau": plateau,
    "variance": variance,
    "embedding_scale": embedding_scale,
}


def all_pictures(folder):
    """{name: file}; without those whose part has no CSV yet."""
    data, found = measured.Measured(folder), page.load(folder)
    made = {"forest": strips.forest(found)}
    for name, draw in PICTURES.items():
        with contextlib.suppress(measured.NotMeasured):
            made[name] = draw(data)
    return made | {f"claim-{claim}": picture for claim, picture in strips.strips(found).items()}


def write(folder, out):
    for name, picture in all_pictures(folder).items():
        (Path(out) / f"{name}.svg").write_text(picture)
