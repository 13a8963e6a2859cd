"""charts: the curves of the runs, and how groups are assigned to colors and panels.

The first key that differs between groups selects the color, all others together the panel."""

import math
from dataclasses import dataclass

import stats
from groups import LR, label_of, with_effective_lr
from runs import number
from svg import Axis, Series, panel

WINDOWS, POINTS = 50, 200  # training loss: means over a fiftieth of the steps, of which 200 are drawn
STEP = "step (updates)"
BAND = "Mean over seeds, with a band from the lowest to the highest."


@dataclass
class Section:
    title: str
    words: str
    legend: list  # (style, name)
    panels: list  # (caption, svg)


@dataclass
class Placing:
    """The panel and the color of a group."""

    group: object
    panel: str
    style: int
    name: str


def placings(groups, keys):
    styles, found = {}, []
    names, captions = part_labels(groups, keys[:1]), part_labels(groups, keys[1:])
    for group, name, caption in zip(groups, names, captions, strict=True):
        name = name if keys else group.label
        style = styles.setdefault(name, len(styles))
        found.append(Placing(group, caption, style, name or "without"))
    return found


def part_labels(groups, keys):
    """A label of these keys for each group, with the effective rate if it is the same in all groups of that label."""
    known = {key for group in groups for key in group.config}
    labels = [label_of(group.config, keys, known) for group in groups]
    scales = {}
    for group, label in zip(groups, labels, strict=True):
        scales.setdefault(label, set()).add(group.lr_scale)
    return [
        with_effective_lr(label, group.config, group.lr_scale, False) if len(scales[label]) == 1 else label
        for group, label in zip(groups, labels, strict=True)
    ]


def section(title, words, drawn, axes, levels=()):
    """`drawn` are (placing, [Series]), axes(points) returns both axes. None if there is nothing to draw."""
    drawn = [(placing, series) for placing, series in drawn if any(one.points for one in series)]
    if not drawn:
        return None
    captions = list(dict.fromkeys(placing.panel for placing, _ in drawn))
    legend = sorted({(placing.style, placing.name) for placing, _ in drawn})
    x, y = axes([point for _, series in drawn for one in series for point in one.points + edges(one)])
    panels = []
    for caption in captions:
        curves = [one for placing, series in drawn if placing.panel == caption for one in series]
        panels.append((caption, panel(f"{title}{': ' if caption else ''}{caption}", x, y, curves, levels)))
    return Section(title, words, legend, panels)


def edges(series):
    return [(x, value) for x, *both in series.band for value in both]


def over_seeds(curves):
    """Mean and min..max band of {x: y} curves at every x that all curves have."""
    shared = sorted(set.intersection(*map(set, curves))) if curves else []
    columns = [(x, [curve[x] for curve in curves]) for x in shared]
    means = [(x, stats.mean(values)) for x, values in columns]
    return means, [(x, min(values), max(values)) for x, values in columns]


def smooth(curve):
    """Running means over the preceding steps, thinned out."""
    steps, width = sorted(curve), max(1, len(curve) // WINDOWS)
    stride = max(1, len(steps) // POINTS)
    means = {}
    for end in range(len(steps), 0, -stride):
        means[steps[end - 1]] = stats.mean(curve[step] for step in steps[max(0, end - width) : end])
    return means


def last_train_loss(run):
    """The last value of the smoothed curve, NaN if there is none."""
    curve = smooth(run.curves["train_loss"])
    return curve[max(curve)] if curve else math.nan


def loss_axes(points, floors=(), log=False):
    return (
        Axis(STEP, [x for x, _ in points], air=0),
        Axis(f"loss (nats per token{', log' * log})", [y for _, y in points] + list(floors), log),
    )


def floor_levels(groups):
    """Every entropy floor as a dashed line; the lowest has a label."""
    floors = sorted({run.floor for group in groups for run in group.runs if run.floor > 0})
    words = f"entropy floor{'s from' * (len(floors) > 1)} {floors[0]:.4g}" if floors else ""
    return list(zip(floors, [words] + [""] * (len(floors) - 1), strict=True))


def losses(groups, keys):
    drawn = []
    for placing in placings(groups, keys):
        runs = placing.group.healthy
        train, _ = over_seeds([positive(smooth(run.curves["train_loss"])) for run in runs])
        val, band = over_seeds([positive(run.curves["val_loss"]) for run in runs])
        drawn.append(
            (
                placing,
                [
                    Series(placing.name, placing.style, train, faint=True),
                    Series(placing.name, placing.style, val, band),
                ],
            )
        )
    levels = floor_levels(groups)
    return section(
        "Loss",
        f"Lines with dots: validation loss. {BAND} Faint lines: training loss, smoothed. Dashed: the "
        "entropy of the data, which no model can go below.",
        drawn,
        lambda points: loss_axes(points, [floor for floor, _ in levels], log=True),
        levels,
    )


def late_losses(groups, keys):
    """Validation loss alone over the second half of training, in which groups are close together."""
    drawn = []
    for placing in placings(groups, keys):
        val, band = over_seeds([run.curves["val_loss"] for run in placing.group.healthy])
        middle = max((x for x, _ in val), default=0) / 2
        drawn.append(
            (
                placing,
                [
                    Series(
                        placing.name,
                        placing.style,
                        [point for point in val if point[0] >= middle],
                        [edge for edge in band if edge[0] >= middle],
                    )
                ],
            )
        )
    return section("Validation loss, second half of training", BAND, drawn, loss_axes)


def effective_rates(groups):
    """A sentence for each factor on the learning rate that is not 1."""
    named = {}
    for group in groups:
        if group.lr_scale != 1:
            named.setdefault(group.lr_scale, {})[group.config.get("model.norm", "some")] = None
    return "".join(
        f" Runs with {', '.join(norms)} trained at {scale:.6g} times these rates." for scale, norms in named.items()
    )


def lr_sensitivity(groups, keys):
    """Final validation loss over the peak learning rate, if that differs between groups."""
    if LR not in keys:
        return None
    curves = {}
    for placing in placings(groups, [key for key in keys if key != LR]):
        name = placing.name if len(keys) > 1 else "all groups"
        empty = (placing, Series(name, placing.style, [], whiskers=True))
        _, curve = curves.setdefault((placing.panel, name), empty)
        values, lr = placing.group.values("val_loss"), placing.group.config.get(LR, 0)
        if values and lr > 0:
            curve.points.append((lr, placing.group.loss))
            curve.band.append((lr, min(values), max(values)))
    return section(
        "Sensitivity to the learning rate",
        "Final validation loss over the peak learning rate: mean over seeds, bars "
        "from the lowest to the highest. Diverged and stuck runs are left out; if none is left, there is no point."
        + effective_rates(groups),
        [(placing, [series]) for placing, series in curves.values()],
        lambda points: (
            Axis("optim.lr (peak, log)", [x for x, _ in points], True, sorted({x for x, _ in points})),
            Axis("final val loss (nats per token)", [y for _, y in points]),
        ),
    )


def depth(row):
    """Layer l: l before the attention, l + 1/2 before the MLP; the last depth is the input of the head."""
    return number(row["layer"]) + (0.5 if row["sublayer"] == "mlp" else 0)


def by_depth(run, column):
    """{depth: value} at the last measured step; the embedding is the input of layer 1."""
    rows = [row for row in run.stream if row["sublayer"] != "embedding"]
    last = max((number(row["step"]) for row in rows), default=0)
    return positive({depth(row): number(row[column]) for row in rows if number(row["step"]) == last})


def by_step(run, column):
    """{step: value} of the stream at the input of the head."""
    return positive({number(row["step"]): number(row[column]) for row in run.stream if row["sublayer"] == "final"})


def positive(curve):
    """The points of a curve that a logarithmic axis can show."""
    return {x: value for x, value in curve.items() if math.isfinite(value) and value > 0}


def of_layers(groups, keys, title, words, curve, x_label, y_label):
    """A section from layers.csv; curve(run) returns {x: y}."""
    drawn = []
    for placing in placings(groups, keys):
        points, band = over_seeds([found for found in map(curve, placing.group.healthy) if found])
        drawn.append((placing, [Series(placing.name, placing.style, points, band)]))
    return section(
        title,
        words,
        drawn,
        lambda points: (Axis(x_label, [x for x, _ in points], air=0), Axis(y_label, [y for _, y in points], log=True)),
    )


def sections(groups, keys):
    """All charts for which the runs have data."""
    depths = "depth (l: attention, l + \N{VULGAR FRACTION ONE HALF}: MLP of layer l)"
    found = [
        losses(groups, keys),
        late_losses(groups, keys),
        lr_sensitivity(groups, keys),
        of_layers(
            groups,
            keys,
            "Variance of the residual stream over depth",
            f"Over the features of a token, without first tokens, at the last measured step. {BAND}",
            lambda run: by_depth(run, "variance"),
            depths,
            "variance (log)",
        ),
        of_layers(
            groups,
            keys,
            "Variance of the residual stream over training",
            f"At the input of the head. {BAND}",
            lambda run: by_step(run, "variance"),
            STEP,
            "variance (log)",
        ),
        of_layers(
            groups,
            keys,
            "Gradient of the residual stream over depth",
            f"Root mean square of the gradient of the loss per element, at the last measured step. {BAND}",
            lambda run: by_depth(run, "grad_rms"),
            depths,
            "gradient rms (nats per token, log)",
        ),
    ]
    return [one for one in found if one]
