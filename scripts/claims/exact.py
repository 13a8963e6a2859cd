"""exact: intervals and tests of counts and of failures, without large-sample approximations."""

import math
from functools import cache

from stats import incomplete_beta


def binomial_tail(k, n, p):
    """P(X >= k) of a binomial distribution."""
    if k <= 0:
        return 1.0
    return 0.0 if k > n else incomplete_beta(k, n - k + 1, p)


@cache
def beta_quantile(p, a, b):
    """The x at which the regularized incomplete beta function is p, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if incomplete_beta(a, b, middle) < p else (low, middle)
    return (low + high) / 2


def clopper_pearson(k, n, alpha):
    """The exact interval of a probability, from k events in n trials."""
    low = 0.0 if k == 0 else beta_quantile(alpha / 2, k, n - k + 1)
    high = 1.0 if k == n else beta_quantile(1 - alpha / 2, k + 1, n - k)
    return low, high


def hypergeometric(k, a, b, events):
    """P(k of the events are in the first group) of two groups of a and b runs."""
    return math.comb(a, k) * math.comb(b, events - k) / math.comb(a + b, events)


def fisher_above(failed_a, n_a, failed_b, n_b):
    """One-sided p of Fisher's test: at least this many of the failures are in group a."""
    events = failed_a + failed_b
    most = min(n_a, events)
    return min(1.0, math.fsum(hypergeometric(k, n_a, n_b, events) for k in range(failed_a, most + 1)))


def difference_of_fractions(failed_a, n_a, failed_b, n_b, alpha):
    """Newcombe's interval of the difference of two fractions, from exact intervals of both."""
    a, b = failed_a / n_a, failed_b / n_b
    (low_a, high_a), (low_b, high_b) = clopper_pearson(failed_a, n_a, alpha), clopper_pearson(failed_b, n_b, alpha)
    return a - b - math.hypot(a - low_a, high_b - b), a - b + math.hypot(high_a - a, b - low_b)


def dispersion(groups):
    """phi of a negative binomial distribution, variance mean + phi mean^2, by moments; 0 for Poisson counts."""
    excess = squares = 0.0
    for counts in groups:
        mean = math.fsum(counts) / len(counts)
        variance = math.fsum((count - mean) ** 2 for count in counts) / (len(counts) - 1)
        excess += variance - mean
        squares += mean * mean
    return max(0.0, excess / squares) if squares else 0.0
