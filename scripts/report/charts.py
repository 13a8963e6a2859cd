"""charts: the curves of the runs, and how groups are assigned to colors and panels.

The first key that differs between groups selects the color, all others together the panel."""

import math
from dataclasses import dataclass, replace

import stats
import unit
from content import Charts, Part
from groups import LR, label_of, with_effective_lr
from runs import depth, number
from svg import Axis, Series, panel

WINDOWS, POINTS = 50, 200  # training loss: means over a fiftieth of the steps, of which 200 are drawn
STEP = "step (updates)"
DEPTH = "depth (l: attention, l + \N{VULGAR FRACTION ONE HALF}: MLP of layer l)"
UNFOLDED = 4  # panels of gains; more of them would fill the page
# Of a block, in the order of the registry.
SLOTS = ("norm_in", "norm_out", "norm_post", "norm_q", "norm_k", "norm_v", "norm_mid")
BAND = "Mean over seeds, with its 95 % interval as a band."


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


def section(title, words, drawn, labels, logs=(False, False), levels=(), x_ticks=False):
    """A part with one panel for each caption, on axes that all panels share. `drawn` are (placing, [Series]).

    None if there is nothing to draw."""
    notes = failure_notes(drawn)
    drawn = [(placing, series) for placing, series in drawn if any(one.points or one.marks for one in series)]
    points = [point for _, series in drawn for one in series for point in one.points]
    if not points:
        return None
    captions = list(dict.fromkeys(placing.panel for placing, _ in drawn))
    legend = sorted({(placing.style, placing.name) for placing, _ in drawn})
    marks = [x for _, series in drawn for one in series for x, _ in one.marks]
    edges = [value for _, series in drawn for one in series for _, *both in one.band for value in both]
    at = [x for x, _ in points] + marks
    x = Axis(labels[0], at, logs[0], sorted(set(at)) if x_ticks else None, 0.04 if x_ticks else 0)
    y = Axis(labels[1], robust_range([y for _, y in points], edges, logs[1]) + [level for level, _ in levels], logs[1])
    panels = []
    for caption in captions:
        curves = [one for placing, series in drawn if placing.panel == caption for one in series]
        name = f"{title}{': ' if caption else ''}{caption}"
        panels.append((caption + notes.get(caption, ""), panel(name, x, y, curves, levels)))
    return Part(title, words, [Charts(legend, panels)])


def failure_notes(drawn):
    """{panel: which of its groups have runs that failed and are in no curve}; crosses say it by themselves."""
    failed = {}
    for placing, series in drawn:
        if placing.group.failed and not any(one.marks for one in series):
            failed.setdefault(placing.panel, []).append(placing.name)
    dash = {caption: " \N{EN DASH} " * bool(caption) for caption in failed}
    return {caption: f"{dash[caption]}failed runs: {', '.join(names)}" for caption, names in failed.items()}


def robust_range(points, edges, log):
    """The lowest and the highest value to draw: all points and ends of bands, except for outliers of the points."""
    scale, unscale = (math.log, math.exp) if log else (float, float)
    scaled = [scale(value) for value in points]
    low, high = stats.fences(scaled)
    inner = [scale(value) for value in edges if value > 0 or not log]
    reach = high - low
    inner = [value for value in inner if low - reach / 4 <= value <= high + reach / 4]
    return [unscale(min([low, *inner])), unscale(max([high, *inner]))]


def over_seeds(curves):
    """Mean and 95 % interval of {x: y} curves at every x that all curves have; no band for a single curve."""
    shared = sorted(set.intersection(*map(set, curves))) if curves else []
    means, band = [], []
    for x in shared:
        student = stats.of_mean(curve[x] for curve in curves)
        means.append((x, student.estimate))
        if student.df:
            band.append((x, *student.interval()))
    return means, band


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


def loss_labels(log=False):
    return STEP, f"loss ({unit.name()}{', log' * log})"


def floor_levels(groups):
    """Every entropy floor as a dashed line; the lowest has a label."""
    floors = sorted({run.floor for group in groups for run in group.runs if run.floor > 0})
    words = f"entropy floor{'s from' * (len(floors) > 1)} {floors[0]:.4g}" if floors else ""
    return [(floor, "" if i else words) for i, floor in enumerate(floors)]


def losses(groups, keys, suffix=""):
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
        f"Loss{suffix}",
        f"Lines with dots: validation loss. {BAND} Faint lines: training loss, smoothed."
        + " Dashed: the entropy of the data, which no model can go below." * bool(levels),
        drawn,
        loss_labels(log=True),
        (False, True),
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
    return section("Late validation loss", f"The second half of training. {BAND}", drawn, loss_labels())


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
        group, lr = placing.group, placing.group.config.get(LR, 0)
        if not lr > 0:
            continue
        student = stats.of_mean(group.values("val_loss"))
        if group.failed:
            curve.marks.append((lr, f"{group.failed} of {len(group.runs)} runs failed"))
        if student.n:
            curve.points.append((lr, student.estimate))
        if student.df:
            curve.band.append((lr, *student.interval()))
    return section(
        "Sensitivity to the learning rate",
        "Final validation loss over the peak learning rate: mean over seeds, bars are 95 % intervals. "
        "A cross at the top: runs diverged or were stuck at that rate; they are in no mean." + effective_rates(groups),
        [(placing, [series]) for placing, series in curves.values()],
        ("optim.lr (peak, log)", f"final val loss ({unit.name()})"),
        (True, False),
        x_ticks=True,
    )


def by_depth(run, column):
    """{depth: value} at the last measured step; the embedding is the input of layer 1."""
    rows = [row for row in run.stream if row["sublayer"] != "embedding"]
    last = max((number(row["step"]) for row in rows), default=0)
    return positive(
        {
            depth(number(row["layer"]), row["sublayer"]): number(row[column])
            for row in rows
            if number(row["step"]) == last
        }
    )


def by_step(run, column):
    """{step: value} of the stream at the input of the head."""
    return positive({number(row["step"]): number(row[column]) for row in run.stream if row["sublayer"] == "final"})


def positive(curve):
    """The points of a curve that a logarithmic axis can show."""
    return {x: value for x, value in curve.items() if math.isfinite(value) and value > 0}


def of_layers(groups, keys, title, words, curve, x_label, y_label):
    """A part from layers.csv; curve(run) returns {x: y}."""
    drawn = []
    for placing in placings(groups, keys):
        points, band = over_seeds([found for found in map(curve, placing.group.healthy) if found])
        drawn.append((placing, [Series(placing.name, placing.style, points, band)]))
    return section(title, words, drawn, (x_label, y_label), (False, True))


def of_stream(groups, keys):
    """The charts of the residual stream."""
    return [
        of_layers(
            groups,
            keys,
            "Variance of the residual stream over depth",
            f"Over the features of a token, without first tokens, at the last measured step. {BAND}",
            lambda run: by_depth(run, "variance"),
            DEPTH,
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
            DEPTH,
            "gradient rms (nats per token, log)",
        ),
    ]


def of_gains(groups, keys):
    """The gains of the norms in the blocks: a panel for each slot that a group has."""
    drawn = []
    for slot in SLOTS:
        for placing in placings(groups, keys):
            curves = [run.gains[slot] for run in placing.group.healthy if slot in run.gains]
            if not curves:
                continue
            caption = f"{slot} \N{EN DASH} {placing.panel}" if placing.panel else slot
            series = Series(placing.name, placing.style, *over_seeds(curves))
            drawn.append((replace(placing, panel=caption), [series]))
    plus1 = any(group.config.get("model.norm") == "rmsnorm_plus1" for group in groups)
    words = (
        "Root mean square of gamma at the last measured step, without the factor of gamma-warmup."
        + " Of rmsnorm_plus1, whose gain is 1 + g, it is that of g." * plus1
        + f" {BAND}"
    )
    found = section("Gains of the norms over depth", words, drawn, (DEPTH, "rms of gamma"))
    if found:
        found.folded = len(found.items[0].panels) > UNFOLDED
    return found


def parts(arms, arm_keys, groups, keys):
    """The charts: curves of every arm, at the best learning rate of its grid, and the loss over the rate."""
    best = [arm.best_cell for arm in arms]
    curves = [losses(best, arm_keys), late_losses(best, arm_keys), *of_stream(best, arm_keys), of_gains(best, arm_keys)]
    curves = [one for one in curves if one]
    if len(arms) < len(groups):
        for one in curves:
            one.words = f"Each arm at the best learning rate of its grid. {one.words}"
    sensitivity = lr_sensitivity(groups, keys)
    return curves[:2] + [sensitivity] * (sensitivity is not None) + curves[2:]


def all_rates(groups, keys):
    """The curves of every group, folded."""
    found = [one for one in (losses(groups, keys, " at all learning rates"),) if one]
    for one in found:
        one.folded = True
    return found
