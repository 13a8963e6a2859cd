"""estimates: the tests of docs/claims/verdicts.json computed with numpy and scipy.

Shares nothing with scripts/claims: a test is what its `query` in verdicts.json says, the data are the CSVs.
"""

import csv
import math
from pathlib import Path

import numpy as np
from scipy import stats

FAILED, START = 3.0, math.log(256)
RATIOS = {"best_rate", "ratio", "level_ratio", "counts", "plateau", "sensitivity"}


class Data:
    def __init__(self, folder):
        self.tables = {path.stem: list(csv.DictReader(open(path, newline=""))) for path in Path(folder).glob("*.csv")}

    def column(self, part, keys, metric):
        """Values by seed, in the order of the seeds."""
        found = {}
        for line in self.tables[part]:
            if all(equal(line.get(key), value) for key, value in keys.items()) and line.get(metric):
                assert line["seed"] not in found, (part, keys)
                found[line["seed"]] = float(line[metric])
        return found

    def rates(self, part, keys):
        lines = [line for line in self.tables[part] if all(equal(line.get(k), v) for k, v in keys.items())]
        return sorted({float(line["optim.lr"]) for line in lines})


def equal(cell, value):
    try:
        return float(cell) == float(value)
    except (TypeError, ValueError):
        return cell == str(value)


class T:
    """An estimate with a standard error."""

    def __init__(self, estimate, error, df, n):
        self.estimate, self.error, self.n = estimate, error, n
        self.law = stats.t(df, loc=estimate, scale=error) if error > 0 else None

    def interval(self, alpha):
        if self.law is None:
            return self.estimate, self.estimate
        return self.law.ppf(alpha / 2), self.law.ppf(1 - alpha / 2)

    def p_above(self, bound):
        return float(self.estimate <= bound) if self.law is None else self.law.cdf(bound)

    def p_below(self, bound):
        return float(self.estimate >= bound) if self.law is None else self.law.sf(bound)


def of_sample(values):
    values = np.asarray(values)
    if np.ptp(values) == 0:
        return T(values[0], 0.0, len(values) - 1, len(values))
    return T(values.mean(), stats.sem(values), len(values) - 1, len(values))


class Poisson:
    """ln of a ratio of counts, conditional on their sum."""

    def __init__(self, a, b, n):
        self.a, self.b, self.n = a, b, n
        with np.errstate(divide="ignore", invalid="ignore"):
            self.estimate = float(np.log(a) - np.log(b)) if a + b else math.nan

    def interval(self, alpha):
        total = self.a + self.b
        if total == 0:
            return -math.inf, math.inf
        exact = stats.binomtest(self.a, total).proportion_ci(1 - alpha, "exact")
        with np.errstate(divide="ignore"):
            return float(np.log(exact.low / (1 - exact.low))), float(np.log(np.divide(exact.high, 1 - exact.high)))

    def p_above(self, bound):
        if self.a + self.b == 0:
            return 1.0
        return stats.binomtest(self.a, self.a + self.b, 1 / (1 + math.exp(-bound)), "greater").pvalue

    def p_below(self, bound):
        if self.a + self.b == 0:
            return 1.0
        return stats.binomtest(self.a, self.a + self.b, 1 / (1 + math.exp(-bound)), "less").pvalue


def of_counts(a, b):
    a, b = np.asarray(a, float), np.asarray(b, float)
    squares = a.mean() ** 2 + b.mean() ** 2
    phi = max(0.0, (a.var(ddof=1) - a.mean() + b.var(ddof=1) - b.mean()) / squares) if squares else 0.0
    if phi == 0:
        return Poisson(int(a.sum()), int(b.sum()), len(a))
    add = 0.5 if min(a.sum(), b.sum()) == 0 else 0.0
    sums = a.sum() + add, b.sum() + add
    error = math.sqrt(1 / sums[0] + 1 / sums[1] + phi / len(a) + phi / len(b))
    return T(math.log(sums[0] * len(b) / sums[1] / len(a)), error, len(a) + len(b) - 2, min(len(a), len(b)))


class Fractions:
    """A difference of fractions of failed runs: Fisher's test, Newcombe's interval from exact ones."""

    def __init__(self, a, runs_a, b, runs_b, n):
        self.counts, self.n = (a, runs_a, b, runs_b), n
        self.estimate = a / runs_a - b / runs_b

    def interval(self, alpha):
        a, runs_a, b, runs_b = self.counts
        x, y = (stats.binomtest(k, m).proportion_ci(1 - alpha, "exact") for k, m in ((a, runs_a), (b, runs_b)))
        p, q = a / runs_a, b / runs_b
        low = p - q - math.sqrt((p - x.low) ** 2 + (y.high - q) ** 2)
        return low, p - q + math.sqrt((x.high - p) ** 2 + (q - y.low) ** 2)

    def fisher(self, side):
        a, runs_a, b, runs_b = self.counts
        return stats.fisher_exact([[a, runs_a - a], [b, runs_b - b]], side)[1]

    def p_above(self, _):
        return self.fisher("greater")

    def p_below(self, _):
        return self.fisher("less")


class Peto:
    """ln of a ratio of event rates from the log-rank test."""

    def __init__(self, a, b, n):
        self.n = n
        times = sorted({time for time, event in a + b if event})
        observed = expected = variance = 0.0
        for time in times:
            risk_a, risk_b = (sum(t >= time for t, _ in runs) for runs in (a, b))
            d_a, d_b = (sum(event for t, event in runs if t == time) for runs in (a, b))
            law = stats.hypergeom(risk_a + risk_b, risk_a, d_a + d_b)
            observed, expected, variance = observed + d_a, expected + law.mean(), variance + law.var()
        self.estimate, self.error = (observed - expected) / variance, variance**-0.5

    def interval(self, alpha):
        return stats.norm(self.estimate, self.error).interval(1 - alpha)


def arms_of(query):
    return [query[name] for name in ("a", "b") if query.get(name)]


def under(data, arm, metric, settings):
    return [data.column(arm["part"], arm["keys"] | more, metric) for more in settings or [{}]]


def best_cell(data, arm):
    """Rates, losses at each, index of the best, and whether its neighbours exist and train."""
    rates = data.rates(arm["part"], arm["keys"])
    losses = [data.column(arm["part"], arm["keys"] | {"optim.lr": rate}, "val_loss") for rate in rates]
    best = int(np.argmin([np.mean(list(values.values())) for values in losses]))
    edge = best in (0, len(rates) - 1)
    good = not edge and all(max(values.values()) < FAILED for values in losses[best - 1 : best + 2])
    return rates, losses, best, edge, good


def pooled(data, query):
    """The pooled model by least squares with a column for every seed, and the delta method by differences."""
    cells = [best_cell(data, arm) for arm in arms_of(query)]
    kind, metric = query["kind"], query["metric"] if query["kind"] == "at_best" else "val_loss"
    bests = [rates[best] for rates, _, best, _, _ in cells]
    if not all(good for *_, good in cells):
        columns = [
            data.column(arm["part"], arm["keys"] | {"optim.lr": rate}, metric)
            for arm, rate in zip(arms_of(query), bests, strict=True)
        ]
        return of_sample([columns[0][seed] - columns[1][seed] for seed in columns[0]]), cells
    lines, y, seeds = [], [], sorted(cells[0][1][0])
    for i, (arm, (rates, _, best, _, _)) in enumerate(zip(arms_of(query), cells, strict=True)):
        for rate in rates[best - 1 : best + 2]:
            values = data.column(arm["part"], arm["keys"] | {"optim.lr": rate}, metric)
            for seed in seeds:
                x = math.log(rate)
                line = [0.0] * 6 + [float(seed == other) for other in seeds[1:]]
                line[3 * i : 3 * i + 3] = 1.0, x, x * x
                lines.append(line)
                y.append(values[seed])
    design, y = np.array(lines), np.array(y)
    beta, *_ = np.linalg.lstsq(design, y, rcond=None)
    df = len(y) - design.shape[1]
    covariance = np.linalg.pinv(design.T @ design) * ((y - design @ beta) ** 2).sum() / df

    def value(b):
        if kind == "at_best":
            heights = [
                b[3 * i] + b[3 * i + 1] * math.log(r) + b[3 * i + 2] * math.log(r) ** 2 for i, r in enumerate(bests)
            ]
            return heights[0] - heights[1]
        tops = [-b[3 * i + 1] / (2 * b[3 * i + 2]) for i in (0, 1)]
        if kind == "best_rate":
            return tops[0] - tops[1]
        return sum((1, -1)[i] * (b[3 * i] - b[3 * i + 1] ** 2 / (4 * b[3 * i + 2])) for i in (0, 1))

    gradient = np.zeros(len(beta))
    for i in range(6):
        step = np.zeros(len(beta))
        step[i] = 1e-5 * max(1.0, abs(beta[i]))
        gradient[i] = (value(beta + step) - value(beta - step)) / (2 * step[i])
    return T(value(beta), math.sqrt(gradient @ covariance @ gradient), df, len(seeds)), cells


def sensitivity(data, arm):
    rates = data.rates(arm["part"], arm["keys"])
    losses = [data.column(arm["part"], arm["keys"] | {"optim.lr": rate}, "val_loss") for rate in rates]
    seeds = sorted(losses[0])
    table = np.minimum([[values[seed] for seed in seeds] for values in losses], START)
    return table.mean(axis=0) - table.min(axis=0)


def paired(data, query):
    a, b = ([np.mean([c[seed] for c in columns]) for seed in sorted(columns[0])] for columns in (
        under(data, arm, query["metric"], query["settings"]) for arm in arms_of(query)
    ))  # fmt: skip
    return np.array(a), np.array(b)


def plateau(data, query):
    runs = []
    for arm in arms_of(query):
        third, final = (under(data, arm, metric, query["settings"]) for metric in ("val_third", "val_loss"))
        runs.append([])
        for early, late in zip(third, final, strict=True):
            for seed, loss in late.items():
                soon = early.get(seed, math.inf) < FAILED
                runs[-1].append((1 if soon else 2, soon or loss < FAILED))
    return Peto(*runs, len(final[0]))


def estimate(data, query):
    """The estimate of a query, ratios as logarithms, and the grids of tuned arms."""
    kind = query["kind"]
    if kind in ("tuned", "at_best", "best_rate"):
        return pooled(data, query)
    if kind == "sensitivity":
        a, b = (sensitivity(data, arm) for arm in arms_of(query))
        return of_sample(np.log(a / b)), None
    if kind in ("equal", "ratio"):
        a, b = paired(data, query)
        return of_sample(a - b if kind == "equal" else np.log(a / b)), None
    if kind in ("level", "level_ratio", "fit"):
        values = np.array(list(data.column(query["a"]["part"], query["a"]["keys"], query["metric"]).values()))
        if kind == "fit":
            other = data.column(query["a"]["part"], query["a"]["keys"], query["other"])
            return of_sample(values - np.array(list(other.values()))), None
        return of_sample(np.log(values) if kind == "level_ratio" else values - query["null"]), None
    if kind == "plateau":
        return plateau(data, query), None
    columns = [under(data, arm, query["metric"], query["settings"]) for arm in arms_of(query)]
    if kind == "counts":
        return of_counts(*([sum(c[seed] for c in column) for seed in sorted(column[0])] for column in columns)), None
    losses = [[value for c in column for value in c.values()] for column in columns]
    tallies = [number for runs in losses for number in (sum(loss >= FAILED for loss in runs), len(runs))]
    return Fractions(*tallies, len(columns[0][0])), None
