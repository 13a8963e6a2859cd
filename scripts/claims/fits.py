"""fits: loss over the learning rate of two arms, and the difference of the two at the best rate of each.

The model is loss ~ arm x (1, ln rate, ln^2 rate) + seed, over the best rate of each arm's grid and its two neighbours.
Where a neighbour has failed runs, or an arm has no two neighbours, the best rates are compared by a paired t: the
spread of an arm next to its failures is not that of the other.
"""

import math
from dataclasses import dataclass

import linear
import measured
import protocol
import results
import stats


@dataclass
class Grid:
    """An arm over its learning rates. `edge`: the grid does not enclose the best rate. `window`: the best rate and its
    two neighbours; only the best one where a neighbour is missing or has failed runs."""

    losses: dict  # rate: {seed: final loss}
    best: float
    edge: bool
    window: list

    @property
    def failures(self):
        return [failed(self.losses[rate]) for rate in sorted(self.losses)]


def fitted(grids):
    """Whether both arms have a curve."""
    return all(len(the_grid.window) == 3 for the_grid in grids)


def failed(losses):
    return sum(loss >= protocol.FAILED for loss in losses.values())


def grid(data, arm):
    rates = data.rates((arm.part, arm.keys))
    losses = {rate: data.values((arm.part, arm.keys | {"optim.lr": rate}), "val_loss") for rate in rates}
    if not rates:
        raise measured.NotMeasured(f"part {arm.part}: runs with 0 seeds")
    best = min(rates, key=lambda rate: stats.mean(losses[rate].values()))
    i = rates.index(best)
    around = rates[max(0, i - 1) : i + 2]
    edge = len(around) < 3
    whole = not edge and not any(failed(losses[rate]) for rate in around)
    return Grid(losses, best, edge, around if whole else [best])


@dataclass
class Curve:
    """The parabola of an arm about its best rate."""

    columns: list  # indices of its slope and curvature
    best: float


def optimum(slope, bend):
    """Where the parabola slope x + bend x^2 has its minimum, its value there, and both gradients."""
    x = -slope / (2 * bend)
    value = -slope * slope / (4 * bend)
    return x, value, (-1 / (2 * bend), slope / (2 * bend * bend)), (x, x * x)


def observations(data, arm, the_grid, metric, seeds):
    """(seed, ln(rate / best), value) of an arm."""
    found = []
    for rate in the_grid.window:
        values = data.values((arm.part, arm.keys | {"optim.lr": rate}), metric)
        found += [(seed, math.log(rate / the_grid.best), values[seed]) for seed in seeds]
    return found


def pooled(data, a, b, grids, metric="val_loss"):
    """Coefficients, their covariance, degrees of freedom, seeds, and the two curves."""
    seeds = sorted(set.intersection(*(set(g.losses[rate]) for g in grids for rate in g.window)))
    if len(seeds) < 2:
        raise measured.NotMeasured(f"runs with {len(seeds)} seeds")
    rows = [(arm, *row) for arm in (0, 1) for row in observations(data, (a, b)[arm], grids[arm], metric, seeds)]
    groups = [seed for _, seed, _, _ in rows]
    columns, curves = [[float(arm == 0) for arm, *_ in rows]], []
    for arm in (0, 1):
        curves.append(Curve([len(columns), len(columns) + 1], grids[arm].best))
        columns += [[x**power if which == arm else 0.0 for which, _, x, _ in rows] for power in (1, 2)]
    columns = [linear.without_means(column, groups) for column in columns]
    y = linear.without_means([value for *_, value in rows], groups)
    coefficients, covariance, residual = linear.least_squares(columns, y)
    df = len(rows) - len(seeds) - len(columns)
    scale = residual / df
    covariance = [[scale * value for value in line] for line in covariance]
    return coefficients, covariance, df, len(seeds), curves


def of_cells(data, a, b, grids, metric):
    """Student's t of the two best rates, paired by seed."""
    cells = [(arm.part, arm.keys | {"optim.lr": g.best}) for arm, g in zip((a, b), grids, strict=True)]
    return results.mean_of([x - y for x, y in data.pairs(*cells, metric)])


def student(weights, estimate, covariance, df, n):
    variance = math.fsum(
        weights[i] * weights[j] * covariance[i][j] for i in range(len(weights)) for j in range(len(weights))
    )
    return results.Student(estimate, math.sqrt(max(0.0, variance)), df, n)


def at_best(data, a, b, metric):
    """a minus b, each at the rate of its lowest final loss."""
    grids = grid(data, a), grid(data, b)
    if not fitted(grids):
        return of_cells(data, a, b, grids, metric), grids, [None, None]
    coefficients, covariance, df, n, _ = pooled(data, a, b, grids, metric)
    weights = [1.0] + [0.0] * (len(coefficients) - 1)
    return student(weights, coefficients[0], covariance, df, n), grids, [None, None]


def tuned(data, a, b):
    """The difference of the two minima."""
    grids = grid(data, a), grid(data, b)
    if not fitted(grids):
        return of_cells(data, a, b, grids, "val_loss"), grids, [None, None]
    coefficients, covariance, df, n, curves = pooled(data, a, b, grids)
    weights, estimate, optima = [1.0] + [0.0] * (len(coefficients) - 1), coefficients[0], []
    for sign, curve in zip((1, -1), curves, strict=True):
        i, j = curve.columns
        x, value, _, gradient = optimum(coefficients[i], coefficients[j])
        estimate += sign * value
        weights[i], weights[j] = sign * gradient[0], sign * gradient[1]
        optima.append(curve.best * math.exp(x))
    return student(weights, estimate, covariance, df, n), grids, optima


def best_rate(data, a, b):
    """The logarithm of the ratio of the fitted best rates."""
    grids = grid(data, a), grid(data, b)
    if not fitted(grids):
        raise measured.NotMeasured("a best rate needs three rates at which all seeds train")
    coefficients, covariance, df, n, curves = pooled(data, a, b, grids)
    weights, estimate, optima = [0.0] * len(coefficients), 0.0, []
    for sign, curve in zip((1, -1), curves, strict=True):
        i, j = curve.columns
        x, _, gradient, _ = optimum(coefficients[i], coefficients[j])
        estimate += sign * (x + math.log(curve.best))
        weights[i], weights[j] = sign * gradient[0], sign * gradient[1]
        optima.append(curve.best * math.exp(x))
    return student(weights, estimate, covariance, df, n), grids, optima
