"""collect: reduces the run folders of a part to one CSV with a line per run."""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass

import runs as reading
import stats

WORST_LOSS = math.log(256)  # nats per byte of uniform predictions, the loss of a run that failed
EARLY = 0.25  # fraction of a run that counts as early
WINDOW = 32  # steps on either side over which the running median is taken
JITTER_FROM = 10  # the first steps' gradients fall steeply in every run


@dataclass
class Metric:
    """A column: its name, its meaning as docs/claims.md prints it, and a function of a run."""

    name: str
    meaning: str
    value: Callable


def final_loss(run):
    loss = run.summary("val_loss")
    return loss if math.isfinite(loss) else WORST_LOSS


def loss_at_third(run):
    steps = run.config["train.steps"]
    losses = [loss for step, loss in sorted(run.curves["val_loss"].items()) if step <= steps / 3]
    return losses[-1] if len(losses) > 1 else math.nan


def flagged_early(run):
    end = EARLY * run.config["train.steps"]
    flagged = {row["step"] for row in reading.csv_rows(run.path / "spikes.csv") if reading.number(row["step"]) <= end}
    return len(flagged)


def flagged(run):
    return len({row["step"] for row in reading.csv_rows(run.path / "spikes.csv")})


def jitter_over(run, fraction):
    """Root mean square of ln(grad_norm) about its running median, in the first `fraction` of a run."""
    end = fraction * run.config["train.steps"]
    norms = [reading.number(row["grad_norm"]) for row in reading.csv_rows(run.path / "log.csv") if row["grad_norm"]]
    logs = [math.log(norm) for norm in norms[: int(end)] if norm > 0 and math.isfinite(norm)]
    around = [logs[max(0, i - WINDOW) : i + WINDOW + 1] for i in range(len(logs))]
    squares = [(logs[i] - stats.median(around[i])) ** 2 for i in range(JITTER_FROM, len(logs))]
    return math.sqrt(stats.mean(squares)) if squares else math.nan


def rise_early(run):
    """The largest rise of the training loss above its lowest value so far."""
    end, lowest, most = EARLY * run.config["train.steps"], math.inf, 0.0
    for step, loss in sorted(run.curves["train_loss"].items()):
        if step > end:
            break
        lowest = min(lowest, loss)
        most = max(most, loss - lowest)
    return most


def variances(run):
    """Variance of the stream at the input of each block, at the last step of layers.csv."""
    last = max((reading.number(row["step"]) for row in run.stream), default=math.nan)
    rows = [row for row in run.stream if reading.number(row["step"]) == last]
    blocks = [row for row in rows if row["sublayer"] in ("attn", "final")]
    return [reading.number(row["variance"]) for row in blocks]


def growth(run, block):
    """Variance after `block` blocks (-1: all) divided by that after the first."""
    depth = variances(run)
    if len(depth) < 3 or block >= len(depth):
        return math.nan
    return depth[block] / depth[1]


def spread(run):
    """Standard deviation over blocks of ln(variance)."""
    logs = [math.log(variance) for variance in variances(run)[1:] if variance > 0]
    if len(logs) < 2:
        return math.nan
    center = stats.mean(logs)
    return math.sqrt(stats.mean((value - center) ** 2 for value in logs))


def fit(run, change):
    """R^2 of a straight line through change(variance) over the blocks."""
    values = [change(variance) for variance in variances(run)[1:] if variance > 0]
    if len(values) < 4:
        return math.nan
    x_mean, y_mean = (len(values) - 1) / 2, stats.mean(values)
    xy = math.fsum((x - x_mean) * (y - y_mean) for x, y in enumerate(values))
    xx = math.fsum((x - x_mean) ** 2 for x in range(len(values)))
    yy = math.fsum((y - y_mean) ** 2 for y in values)
    return xy * xy / (xx * yy) if yy > 0 else math.nan


METRICS = [
    Metric("val_loss", "final validation loss, nats per byte; ln 256 if the run failed", final_loss),
    Metric("val_third", "validation loss after a third of the run", loss_at_third),
    Metric("train_loss", "last training loss", lambda run: run.summary("train_loss")),
    Metric("diverged", "1 if the run diverged (run.json)", lambda run: int(run.ending == reading.DIVERGED)),
    Metric("flagged", "steps in spikes.csv", flagged),
    Metric("flagged_early", "the same in the first quarter of the run", flagged_early),
    Metric(
        "score_grad", "OLMo 2's spike score of the gradient norm, percent", lambda run: run.summary("spike_score_grad")
    ),
    Metric("score_loss", "OLMo 2's spike score of the loss, percent", lambda run: run.summary("spike_score_loss")),
    Metric(
        "jitter",
        "root mean square of ln(grad_norm) about its running median of 65 steps",
        lambda run: jitter_over(run, 1),
    ),
    Metric("jitter_early", "the same in the first quarter of the run", lambda run: jitter_over(run, EARLY)),
    Metric(
        "rise_early",
        "largest rise of the training loss above its lowest value in the first quarter of the run",
        rise_early,
    ),
    Metric("growth_60", "variance of the stream after block 60 over that after block 1", lambda run: growth(run, 60)),
    Metric(
        "growth", "variance of the stream after the last block over that after the first", lambda run: growth(run, -1)
    ),
    Metric("spread", "standard deviation over blocks of ln(variance of the stream)", spread),
    Metric("r2_linear", "R^2 of a line through the variance over the blocks", lambda run: fit(run, float)),
    Metric("r2_log", "R^2 of a line through ln(variance) over the blocks", lambda run: fit(run, math.log)),
]


def varied(all_runs):
    """The keys whose values differ between runs, except name and seed."""
    keys = sorted(set().union(*(run.config for run in all_runs)) - {"name", "train.seed"})
    return [key for key in keys if len({str(run.config.get(key)) for run in all_runs}) > 1]


def cell(value):
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return "" if value is None else str(value)


def collect(folder, path):
    """Writes the CSV of the runs in `folder`. An unfinished run is an error: the CSV would not be measured again."""
    all_runs = reading.read_runs([folder])
    unfinished = [run for run in all_runs if run.ending == reading.LEFT_OUT]
    if unfinished:
        raise reading.NoRun(f"{unfinished[0].path} {unfinished[0].why}")
    keys = varied(all_runs)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "seed", *keys, *(metric.name for metric in METRICS)])
        for run in sorted(all_runs, key=lambda run: str(run.path.name)):
            values = [metric.value(run) for metric in METRICS]
            writer.writerow(map(cell, [run.path.name, run.seed, *(run.config.get(key) for key in keys), *values]))
