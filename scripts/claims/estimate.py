"""estimate: from a test and the CSVs to an estimate with its intervals."""

import math
from dataclasses import dataclass, field

import fits
import measured
import protocol
import results
import stats

METHODS = {
    "tuned": "pooled model",
    "at_best": "pooled model",
    "best_rate": "pooled model",
    "equal": "paired t",
    "ratio": "log-ratio t",
    "level": "one-sample t",
    "level_ratio": "log-ratio t",
    "fit": "paired t",
    "failures": "exact",
    "plateau": "log-rank",
    "sensitivity": "log-ratio t",
}
RATIOS = ("best_rate", "ratio", "level_ratio", "counts", "plateau", "sensitivity")


@dataclass
class Estimate:
    """`log`: the result is the logarithm of a ratio. `runs`: runs for one seed of both arms."""

    result: object
    log: bool
    method: str
    unit: str
    runs: int
    means: list = field(default_factory=lambda: [None, None])
    grids: list = field(default_factory=lambda: [None, None])
    optima: list = field(default_factory=lambda: [None, None])

    @property
    def edge(self):
        return any(grid is not None and grid.edge for grid in self.grids)


def conditions(arm, settings):
    """An arm under each of the settings."""
    return [(arm.part, arm.keys | more) for more in settings or [{}]]


def summed(data, arm, test):
    """{seed: sum of the metric over the settings}."""
    sums = {}
    for condition in conditions(arm, test.settings):
        for seed, value in data.values(condition, test.metric).items():
            sums[seed] = sums.get(seed, 0.0) + value
    return sums


def averaged_pairs(data, test):
    """(a, b) for each seed, means over the settings."""
    n = len(test.settings) or 1
    a, b = summed(data, test.a, test), summed(data, test.b, test)
    return [(a[seed] / n, b[seed] / n) for seed in sorted(a) if seed in b]


def sensitivity_of(data, arm, rates=None):
    """{seed: mean over the rates of min(loss, loss before training), minus the lowest} (Wortsman et al. 2023)."""
    rates = rates or data.rates((arm.part, arm.keys))
    by_rate = [data.values((arm.part, arm.keys | {"optim.lr": rate}), "val_loss") for rate in rates]
    if not by_rate:
        raise measured.NotMeasured("runs with 0 seeds")
    found = {}
    for seed in sorted(set.intersection(*map(set, by_rate))):
        losses = [min(losses[seed], protocol.START) for losses in by_rate]
        found[seed] = stats.mean(losses) - min(losses)
    return found


def log_ratio(pairs):
    return results.mean_of([math.log(a) - math.log(b) for a, b in pairs])


def means_of(pairs):
    return [stats.mean(pair[i] for pair in pairs) for i in (0, 1)]


def by_pairs(data, test):
    """Kinds equal, ratio and sensitivity."""
    runs = 2 * (len(test.settings) or 1)
    if test.kind == "sensitivity":
        a, b = sensitivity_of(data, test.a), sensitivity_of(data, test.b)
        pairs = [(a[seed], b[seed]) for seed in sorted(a) if seed in b]
        runs = len(data.rates((test.a.part, test.a.keys))) + len(data.rates((test.b.part, test.b.keys)))
    else:
        pairs = averaged_pairs(data, test)
    result = results.mean_of([a - b for a, b in pairs]) if test.kind == "equal" else log_ratio(pairs)
    return result, runs, means_of(pairs)


def by_level(data, test):
    """Kinds level, level_ratio and fit."""
    values = data.values((test.a.part, test.a.keys), test.metric)
    means = [stats.mean(values.values()), None]
    if test.kind == "level_ratio":
        return results.mean_of([math.log(value) for value in values.values()]), 1, means
    if test.kind == "fit":
        others = data.values((test.a.part, test.a.keys), test.other)
        return results.mean_of([values[seed] - others[seed] for seed in values]), 1, means
    return results.mean_of([value - test.null for value in values.values()]), 1, means


def by_counts(data, test):
    a, b = ([round(count) for count in summed(data, arm, test).values()] for arm in (test.a, test.b))
    return results.counts_of(a, b), 2 * (len(test.settings) or 1), [sum(a), sum(b)]


def by_failures(data, test):
    tallies = []
    for arm in (test.a, test.b):
        losses = [data.values(condition, "val_loss") for condition in conditions(arm, test.settings)]
        tallies += [sum(fits.failed(values) for values in losses), sum(len(values) for values in losses)]
    seeds = len(data.values(conditions(test.a, test.settings)[0], "val_loss"))
    if min(tallies[1], tallies[3]) == 0:
        raise measured.NotMeasured("runs with 0 seeds")
    result = results.Failures(*tallies, seeds)
    return result, 2 * (len(test.settings) or 1), [tallies[0] / tallies[1], tallies[2] / tallies[3]]


def times(data, arm, test):
    """(1 or 2, whether it left the plateau) of every run: by a third of the run, or by its end."""
    found = []
    for condition in conditions(arm, test.settings):
        third, final = (data.values(condition, metric) for metric in ("val_third", "val_loss"))
        for seed in sorted(final):
            early = third.get(seed, math.inf) < protocol.FAILED
            found.append((1 if early else 2, early or final[seed] < protocol.FAILED))
    return found


def by_plateau(data, test):
    a, b = (times(data, arm, test) for arm in (test.a, test.b))
    if not a or not b:
        raise measured.NotMeasured("runs with 0 seeds")
    seeds = len(data.values(conditions(test.a, test.settings)[0], "val_loss"))
    runs = 2 * (len(test.settings) or 1)
    return results.log_rank(a, b, seeds), runs, [sum(event for _, event in x) / len(x) for x in (a, b)]


UNITS = {"failures": "failures", "fit": "R2"}
BY_KIND = {
    "equal": by_pairs,
    "ratio": by_pairs,
    "sensitivity": by_pairs,
    "level": by_level,
    "level_ratio": by_level,
    "fit": by_level,
    "counts": by_counts,
    "failures": by_failures,
    "plateau": by_plateau,
}


def by_grid(data, test):
    """Kinds tuned, at_best and best_rate."""
    if test.kind == "at_best":
        result, grids, optima = fits.at_best(data, test.a, test.b, test.metric)
    else:
        result, grids, optima = getattr(fits, test.kind)(data, test.a, test.b)
    means = []
    for arm, grid in zip((test.a, test.b), grids, strict=True):
        best = data.values((arm.part, arm.keys | {"optim.lr": grid.best}), test.metric)
        means.append(stats.mean(best.values()))
    return result, sum(len(grid.losses) for grid in grids), means, list(grids), optima


def evaluate(data, test):
    log = test.kind in RATIOS
    unit = "ratio" if log else UNITS.get(test.kind, "nats")
    if test.kind not in BY_KIND:
        result, runs, means, grids, optima = by_grid(data, test)
        method = METHODS[test.kind] if fits.fitted(grids) else "paired t"
        return Estimate(result, log, method, unit, runs, means, grids, optima)
    result, runs, means = BY_KIND[test.kind](data, test)
    method = METHODS.get(test.kind) or ("exact" if isinstance(result, results.Counts) else "negative binomial")
    return Estimate(result, log, method, unit, runs, means)
