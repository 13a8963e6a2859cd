"""stats: Student's t and the 95 % interval of a mean."""

import math


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


def half_width(values):
    """Half the width of the 95 % interval of the mean; NaN below two values."""
    values = list(values)
    n = len(values)
    if n < 2:
        return math.nan
    center = mean(values)
    variance = math.fsum((value - center) ** 2 for value in values) / (n - 1)
    return t_quantile(0.975, n - 1) * math.sqrt(variance / n)
