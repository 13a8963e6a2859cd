"""stats: Student's t, intervals of means, and how many seeds show a difference. The claims use this file, too."""

import math
from dataclasses import dataclass
from functools import cache

ALPHA = 0.05  # of all intervals of the report
Z = {"difference": 1.959964, "equivalence": 1.644854, "power": 0.841621}  # normal quantiles, for planning


def incomplete_beta(a, b, x):
    """I_x(a, b), regularized, by its continued fraction, evaluated from the far end."""
    if x > (a + 1) / (a + b + 2):  # beyond here the other tail converges faster
        return 1 - incomplete_beta(b, a, 1 - x)
    if x <= 0:
        return 0.0
    fraction = 1.0
    for m in range(300, -1, -1):
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        even = (m + 1) * (b - m - 1) * x / ((a + 2 * m + 1) * (a + 2 * m + 2))
        fraction = 1 + odd / (1 + even / fraction)
    log_front = a * math.log(x) + b * math.log1p(-x) - math.log(a)
    log_front += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log_front) / fraction


def t_cdf(t, df):
    """P(T <= t) of Student's t with df degrees of freedom, t at least 0."""
    return 1 - incomplete_beta(df / 2, 0.5, df / (df + t * t)) / 2


@cache
def t_quantile(p, df):
    """The t at which t_cdf is p, p 0.5 <= p < 1: doubling, then bisection to the last bit."""
    low, high = 0.0, 1.0
    while t_cdf(high, df) < p:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if t_cdf(middle, df) < p else (low, middle)
    return high


def finite(values):
    return [value for value in values if math.isfinite(value)]


def mean(values):
    """The mean, NaN if there are no values."""
    values = list(values)
    return math.fsum(values) / len(values) if values else math.nan


def median(values):
    values = sorted(values)
    if not values:
        return math.nan
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def t_above(t, df):
    """P(T >= t)."""
    upper = 1 - t_cdf(abs(t), df)
    return upper if t >= 0 else 1 - upper


@dataclass
class Student:
    """An estimate with Student's t. above(bound) is the p of the hypothesis that the true value is at most `bound`."""

    estimate: float
    error: float  # standard error
    df: int
    n: int  # seeds

    def half(self, alpha=ALPHA):
        """Half the width of the interval that covers 1 - alpha; NaN without degrees of freedom."""
        return t_quantile(1 - alpha / 2, self.df) * self.error if self.df > 0 else math.nan

    def interval(self, alpha=ALPHA):
        half = self.half(alpha)
        return self.estimate - half, self.estimate + half

    def above(self, bound):
        if self.error == 0:
            return 0.0 if self.estimate > bound else 1.0
        return t_above((self.estimate - bound) / self.error, self.df)

    def below(self, bound):
        if self.error == 0:
            return 0.0 if self.estimate < bound else 1.0
        return t_above((bound - self.estimate) / self.error, self.df)


def of_mean(values):
    """Student's t of a mean; the standard error is NaN below two values."""
    values = list(values)
    n, center = len(values), mean(values)
    if n < 2:
        return Student(center, math.nan, 0, n)
    variance = math.fsum((value - center) ** 2 for value in values) / (n - 1)
    return Student(center, math.sqrt(variance / n), n - 1, n)


def half_width(values):
    """Half the width of the 95 % interval of the mean; NaN below two values."""
    return of_mean(values).half()


def seeds_to_show(error, n, gap, z=Z["difference"]):
    """Seeds with which a difference of `gap` is shown with a probability of 0.8, from the standard error with n."""
    return math.ceil(((z + Z["power"]) * error * math.sqrt(n) / gap) ** 2)
