"""Charts: which curves the runs give, and how groups are spread over colours and panels.

The first key that differs between groups is the colour, all others together make a panel."""

import math
from dataclasses import dataclass

import stats
from groups import label_of
from runs import number
from svg import Axis, Series, panel

WINDOWS, POINTS = 50, 200  # training loss: means of a fiftieth of the rows, of which 200 are drawn
LR = "optim.lr"
STEP = "step (updates)"
BAND = "Mean over seeds, with a band from the lowest to the highest."


@dataclass
class Section:
    title: str
    words: str
    legend: list  # (style, name)
    panels: list  # (caption, svg)


@dataclass
class Place:
    """Where a group is drawn."""

    group: object
    panel: str
    style: int
    name: str


def places(groups, keys):
    known = {key for group in groups for key in group.config}
    styles, found = {}, []
    for group in groups:
        name = label_of(group.config, keys[:1], known) if keys else group.label
        style = styles.setdefault(name, len(styles))
        found.append(Place(group, label_of(group.config, keys[1:], known), style, name or "without"))
    return found


def section(title, words, drawn, axes, levels=()):
    """`drawn` are (place, [Series]) with something to draw; axes() of all points makes both axes."""
    drawn = [(place, series) for place, series in drawn if any(one.points for one in series)]
    if not drawn:
        return None
    captions = list(dict.fromkeys(place.panel for place, _ in drawn))
    legend = sorted({(place.style, place.name) for place, _ in drawn})
    x, y = axes([point for _, series in drawn for one in series for point in one.points + edges(one)])
    panels = []
    for caption in captions:
        curves = [one for place, series in drawn if place.panel == caption for one in series]
        panels.append((caption, panel(f"{title}{': ' if caption else ''}{caption}", x, y, curves, levels)))
    return Section(title, words, legend, panels)


def edges(series):
    return [(x, value) for x, *both in series.band for value in both]


def over_seeds(curves):
    """Mean and min..max band of {x: y} curves at every x that all of them have."""
    shared = sorted(set.intersection(*map(set, curves))) if curves else []
    columns = [(x, [curve[x] for curve in curves]) for x in shared]
    means = [(x, stats.mean(values)) for x, values in columns]
    return means, [(x, min(values), max(values)) for x, values in columns]


def smooth(curve):
    """Means over the rows before, thinned out."""
    steps, width = sorted(curve), max(1, len(curve) // WINDOWS)
    stride = max(1, len(steps) // POINTS)
    means = {}
    for end in range(len(steps), 0, -stride):
        means[steps[end - 1]] = stats.mean(curve[step] for step in steps[max(0, end - width):end])
    return means


def last_train_loss(run):
    """The end of the smoothed curve, NaN where there is none."""
    curve = smooth(run.curves["train_loss"])
    return curve[max(curve)] if curve else math.nan


def loss_axes(points, floors=(), log=False):
    return (Axis(STEP, [x for x, _ in points], air=0),
            Axis(f"loss (nats per token{', log' * log})", [y for _, y in points] + list(floors), log))


def floor_levels(groups):
    """Every entropy floor as a dashed line, the lowest with words."""
    floors = sorted({run.floor for group in groups for run in group.runs if run.floor > 0})
    words = f"entropy floor{'s from' * (len(floors) > 1)} {floors[0]:.4g}" if floors else ""
    return list(zip(floors, [words] + [""] * len(floors)))


def losses(groups, keys):
    drawn = []
    for place in places(groups, keys):
        runs = place.group.healthy
        train, _ = over_seeds([positive(smooth(run.curves["train_loss"])) for run in runs])
        val, band = over_seeds([positive(run.curves["val_loss"]) for run in runs])
        drawn.append((place, [Series(place.name, place.style, train, faint=True),
                              Series(place.name, place.style, val, band)]))
    levels = floor_levels(groups)
    return section(
        "Loss", f"Lines with dots: validation loss. {BAND} Faint lines: training loss, smoothed. Dashed: what no "
        "model can get below.", drawn, lambda points: loss_axes(points, [floor for floor, _ in levels], log=True), levels)


def late_losses(groups, keys):
    """Validation loss alone, from the middle of training on, where groups lie close together."""
    drawn = []
    for place in places(groups, keys):
        val, band = over_seeds([run.curves["val_loss"] for run in place.group.healthy])
        middle = max((x for x, _ in val), default=0) / 2
        drawn.append((place, [Series(place.name, place.style, [point for point in val if point[0] >= middle],
                                     [edge for edge in band if edge[0] >= middle])]))
    return section("Validation loss, second half of training", BAND, drawn, loss_axes)


def lr_sensitivity(groups, keys):
    """Final validation loss over the peak learning rate, where that differs."""
    if LR not in keys:
        return None
    curves = {}
    for place in places(groups, [key for key in keys if key != LR]):
        name = place.name if len(keys) > 1 else "all groups"
        empty = (place, Series(name, place.style, [], whiskers=True))
        _, curve = curves.setdefault((place.panel, name), empty)
        values, lr = place.group.values("val_loss"), place.group.config.get(LR, 0)
        if values and lr > 0:
            curve.points.append((lr, place.group.loss))
            curve.band.append((lr, min(values), max(values)))
    return section(
        "Sensitivity to the learning rate", "Final validation loss over the peak learning rate: mean over seeds, bars "
        "from the lowest to the highest. Runs that diverged are left out; where all did, there is no point.",
        [(place, [series]) for place, series in curves.values()],
        lambda points: (Axis("optim.lr (peak, log)", [x for x, _ in points], True, sorted({x for x, _ in points})),
                        Axis("final val loss (nats per token)", [y for _, y in points])))


def depth(row):
    """Layer l: l before the attention, l + 1/2 before the MLP; the head reads at the last."""
    return number(row["layer"]) + (0.5 if row["sublayer"] == "mlp" else 0)


def by_depth(run, column):
    """depth -> value at the last measured step; the embedding is what layer 1 reads."""
    rows = [row for row in run.stream if row["sublayer"] != "embedding"]
    last = max((number(row["step"]) for row in rows), default=0)
    return positive({depth(row): number(row[column]) for row in rows if number(row["step"]) == last})


def by_step(run, column):
    """step -> value of the stream that the head reads."""
    return positive({number(row["step"]): number(row[column]) for row in run.stream if row["sublayer"] == "final"})


def positive(curve):
    """What of a curve a logarithm can show."""
    return {x: value for x, value in curve.items() if math.isfinite(value) and value > 0}


def of_layers(groups, keys, title, words, curve, x_label, y_label):
    """A section drawn from layers.csv; curve(run) is {x: y}."""
    drawn = []
    for place in places(groups, keys):
        points, band = over_seeds([found for found in map(curve, place.group.healthy) if found])
        drawn.append((place, [Series(place.name, place.style, points, band)]))
    return section(title, words, drawn, lambda points: (
        Axis(x_label, [x for x, _ in points], air=0), Axis(y_label, [y for _, y in points], log=True)))


def sections(groups, keys):
    """All charts that the runs have data for."""
    depths = "depth (l: attention, l + \N{VULGAR FRACTION ONE HALF}: MLP of layer l)"
    found = [
        losses(groups, keys),
        late_losses(groups, keys),
        lr_sensitivity(groups, keys),
        of_layers(groups, keys, "Variance of the residual stream over depth",
                  f"Over the features of a token, first tokens left out, at the last measured step. {BAND}",
                  lambda run: by_depth(run, "variance"), depths, "variance (log)"),
        of_layers(groups, keys, "Variance of the residual stream over training",
                  f"Of the last stream, which the head reads. {BAND}",
                  lambda run: by_step(run, "variance"), STEP, "variance (log)"),
        of_layers(groups, keys, "Gradient of the residual stream over depth",
                  f"Root mean square of the loss's gradient per element, at the last measured step. {BAND}",
                  lambda run: by_depth(run, "grad_rms"), depths, "gradient rms (nats per token, log)"),
    ]
    return [one for one in found if one]
