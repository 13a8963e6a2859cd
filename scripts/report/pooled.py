"""pooled: loss over the learning rate of two arms, and the difference of the two at the best rate of each.

The model is loss ~ arm x (1, ln rate, ln^2 rate) + seed, over the best rate of each arm's grid and its two neighbours.
Where a neighbour has failed runs, or an arm has no two neighbours, there is no curve: the spread of an arm next to its
failures is not that of the other. The report and the claims share this file; docs/report.md describes it."""

import math
from dataclasses import dataclass

import linear
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
    def curved(self):
        return len(self.window) == 3


def grid(losses, failures, best):
    """`failures` is {rate: number of failed runs}."""
    rates = sorted(losses)
    i = rates.index(best)
    around = rates[max(0, i - 1) : i + 2]
    edge = len(around) < 3
    whole = not edge and not any(failures[rate] for rate in around)
    return Grid(losses, best, edge, around if whole else [best])


def curved(grids):
    """Whether both arms have a curve."""
    return all(the_grid.curved for the_grid in grids)


def common_seeds(grids):
    return sorted(set.intersection(*(set(g.losses[rate]) for g in grids for rate in g.window)))


def optimum(slope, bend):
    """Where the parabola slope x + bend x^2 has its minimum, its value there, and both gradients."""
    x = -slope / (2 * bend)
    value = -slope * slope / (4 * bend)
    return x, value, (-1 / (2 * bend), slope / (2 * bend * bend)), (x, x * x)


@dataclass
class Curve:
    """The parabola of an arm about its best rate."""

    columns: list  # indices of its slope and curvature
    best: float


@dataclass
class Model:
    """Coefficients (the difference at both best rates, then slope and curvature of each arm), and the curves."""

    coefficients: list
    covariance: list
    df: int
    seeds: int
    curves: list

    @property
    def has_minima(self):
        return all(self.coefficients[curve.columns[1]] > 0 for curve in self.curves)

    def student(self, weights, estimate):
        indices = range(len(weights))
        variance = math.fsum(weights[i] * weights[j] * self.covariance[i][j] for i in indices for j in indices)
        return stats.Student(estimate, math.sqrt(max(0.0, variance)), self.df, self.seeds)

    def over_curves(self, first, value_of):
        """The coefficient `first` of the difference plus value_of(slope, bend, curve) = (value, gradient) of arm a
        minus that of arm b, and the best rates of both."""
        weights, estimate = [first] + [0.0] * (len(self.coefficients) - 1), first * self.coefficients[0]
        optima = []
        for sign, curve in zip((1, -1), self.curves, strict=True):
            i, j = curve.columns
            x, *_ = optimum(self.coefficients[i], self.coefficients[j])
            value, gradient = value_of(self.coefficients[i], self.coefficients[j], curve)
            estimate += sign * value
            weights[i], weights[j] = sign * gradient[0], sign * gradient[1]
            optima.append(curve.best * math.exp(x))
        return self.student(weights, estimate), optima


def lowest(slope, bend, _):
    _, value, _, gradient = optimum(slope, bend)
    return value, gradient


def log_best_rate(slope, bend, curve):
    x, _, gradient, _ = optimum(slope, bend)
    return x + math.log(curve.best), gradient


def observations(values, the_grid, seeds):
    """(seed, ln(rate / best), value) of an arm."""
    return [(seed, math.log(rate / the_grid.best), values[rate][seed]) for rate in the_grid.window for seed in seeds]


def fit(values, grids, seeds):
    """The model of two arms over at least two seeds; `values` is {rate: {seed: value}} of each."""
    rows = [(arm, *row) for arm in (0, 1) for row in observations(values[arm], grids[arm], seeds)]
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
    return Model(coefficients, [[scale * value for value in line] for line in covariance], df, len(seeds), curves)


def at_best(model):
    """a minus b, each at the best rate of its grid."""
    return model.student([1.0] + [0.0] * (len(model.coefficients) - 1), model.coefficients[0])


def between_minima(model):
    """a minus b, each at the minimum of its curve; and where these are."""
    return model.over_curves(1.0, lowest)


def between_rates(model):
    """The logarithm of the ratio of the fitted best rates, and these rates."""
    return model.over_curves(0.0, log_best_rate)
