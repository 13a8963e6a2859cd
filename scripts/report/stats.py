"""stats: Student's t, intervals of means, and how many seeds show a difference. The claims use this file, too."""

import math
from dataclasses import dataclass
from functools import cache

ALPHA = 0.05  # of all intervals of the report


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


def over_strata(strata):
    """Student's t of the mean over strata of the mean of each, with the variance pooled over the strata."""
    strata = [values for values in strata if values]
    df = sum(len(values) - 1 for values in strata)
    center = mean(mean(values) for values in strata)
    n = min(map(len, strata), default=0)
    if df == 0:
        return Student(center, math.nan, 0, n)
    squares = math.fsum((value - mean(values)) ** 2 for values in strata for value in values)
    error = math.sqrt(squares / df * math.fsum(1 / len(values) for values in strata)) / len(strata)
    return Student(center, error, df, n)


def half_width(values):
    """Half the width of the 95 % interval of the mean; NaN below two values."""
    return of_mean(values).half()


def seeds_to_show(student, gap, power=0.8):
    """The fewest seeds with which a difference of `gap` would be shown with this probability, if the spread stays."""
    spread = student.error * math.sqrt(student.n)

    def enough(n):
        df = student.df / (student.n - 1) * (n - 1)
        return (t_quantile(1 - ALPHA / 2, df) + t_quantile(power, df)) * spread <= gap * math.sqrt(n)

    high = 2
    while not enough(high):
        high *= 2
    low = max(high // 2, 1)  # not enough, or below the least
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def fences(values, factor=3):
    """The range that is drawn: values further from the quartiles than three times their distance are outliers."""
    values = sorted(values)
    low, high = values[(len(values) - 1) // 4], values[-1 - (len(values) - 1) // 4]
    reach = factor * (high - low) or math.inf
    return max(values[0], low - reach), min(values[-1], high + reach)
