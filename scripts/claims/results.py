"""results: an estimate with its intervals and one-sided p values, by Student's t, exact counts or exact failures.

Ratios are on the scale of logarithms here. `interval(alpha)` covers 1 - alpha. `above(bound)` is the p of the
hypothesis that the true value is at most `bound`; `below(bound)` that it is at least `bound`. Student's t is in
scripts/report/stats.py.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import exact
import stats
from measured import NotMeasured


def mean_of(values):
    """Student's t of a mean."""
    n = len(values)
    if n < 2:
        raise NotMeasured(f"runs with {n} seeds")
    return stats.of_mean(values)


def logarithm(x):
    return math.log(x) if x > 0 else -math.inf


@dataclass
class Counts:
    """The logarithm of a ratio of Poisson counts: conditional on their sum, count a is binomial."""

    a: int
    b: int
    n: int

    @property
    def estimate(self):
        return logarithm(self.a) - logarithm(self.b) if self.a + self.b else math.nan

    def interval(self, alpha):
        if self.a + self.b == 0:
            return -math.inf, math.inf
        low, high = exact.clopper_pearson(self.a, self.a + self.b, alpha)
        return tuple(math.inf if p == 1 else logarithm(p) - logarithm(1 - p) for p in (low, high))

    def above(self, bound):
        return exact.binomial_tail(self.a, self.a + self.b, 1 / (1 + math.exp(-bound)))

    def below(self, bound):
        return exact.binomial_tail(self.b, self.a + self.b, 1 / (1 + math.exp(bound)))


def counts_of(a, b):
    """Counts of two arms, one number for each seed: exact if they spread no more than Poisson counts, else negative
    binomial, with the dispersion that both arms share."""
    if min(len(a), len(b)) < 2:
        raise NotMeasured(f"runs with {min(len(a), len(b))} seeds")
    phi = exact.dispersion([a, b])
    if phi == 0:
        return Counts(round(sum(a)), round(sum(b)), min(len(a), len(b)))
    half = 0.5 if sum(a) == 0 or sum(b) == 0 else 0.0
    sum_a, sum_b = sum(a) + half, sum(b) + half
    variance = 1 / sum_a + 1 / sum_b + phi * (1 / len(a) + 1 / len(b))
    estimate = math.log(sum_a / len(a)) - math.log(sum_b / len(b))
    return stats.Student(estimate, math.sqrt(variance), len(a) + len(b) - 2, min(len(a), len(b)))


@dataclass
class Failures:
    """The difference of two fractions of failed runs; p of Fisher's test, for the bound 0 alone."""

    a: int
    n_a: int
    b: int
    n_b: int
    n: int

    @property
    def estimate(self):
        return self.a / self.n_a - self.b / self.n_b

    def interval(self, alpha):
        return exact.difference_of_fractions(self.a, self.n_a, self.b, self.n_b, alpha)

    def above(self, _):
        return exact.fisher_above(self.a, self.n_a, self.b, self.n_b)

    def below(self, _):
        return exact.fisher_above(self.b, self.n_b, self.a, self.n_a)


@dataclass
class Normal:
    """An estimate with a known standard error."""

    estimate: float
    error: float
    n: int

    def interval(self, alpha):
        half = NormalDist().inv_cdf(1 - alpha / 2) * self.error
        return self.estimate - half, self.estimate + half

    def above(self, bound):
        return 1 - NormalDist().cdf((self.estimate - bound) / self.error)

    def below(self, bound):
        return NormalDist().cdf((self.estimate - bound) / self.error)


def log_rank(a, b, n):
    """The logarithm of the ratio of the event rates of two arms, by Peto's one-step estimate from the log-rank test.
    A run is (time, whether the event occurred)."""
    observed = expected = variance = 0.0
    for time in sorted({time for time, event in a + b if event}):
        at_risk_a, at_risk = (sum(t >= time for t, _ in runs) for runs in (a, a + b))
        events_a, events = (sum(t == time and event for t, event in runs) for runs in (a, a + b))
        fraction = at_risk_a / at_risk
        observed += events_a
        expected += events * fraction
        if at_risk > 1:
            variance += events * fraction * (1 - fraction) * (at_risk - events) / (at_risk - 1)
    if variance == 0:
        return Normal(0.0, math.inf, n)
    return Normal((observed - expected) / variance, 1 / math.sqrt(variance), n)
