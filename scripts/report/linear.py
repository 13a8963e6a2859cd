"""linear: ordinary least squares by Gram-Schmidt, with the covariance of the coefficients."""

import math


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def orthogonalize(columns):
    """Orthonormal columns and R, columns = Q R. Two passes, since one loses digits."""
    basis, upper = [], [[0.0] * len(columns) for _ in columns]
    for j, column in enumerate(columns):
        rest = list(column)
        for _ in range(2):
            for i, unit in enumerate(basis):
                part = dot(unit, rest)
                upper[i][j] += part
                rest = [x - part * u for x, u in zip(rest, unit, strict=True)]
        upper[j][j] = math.sqrt(dot(rest, rest))
        basis.append([x / upper[j][j] for x in rest])
    return basis, upper


def back_substitute(upper, right):
    """The x of R x = right."""
    x = [0.0] * len(right)
    for i in reversed(range(len(right))):
        x[i] = (right[i] - math.fsum(upper[i][j] * x[j] for j in range(i + 1, len(right)))) / upper[i][i]
    return x


def least_squares(columns, y):
    """Coefficients, (X'X)^-1 and the sum of squared residuals."""
    basis, upper = orthogonalize(columns)
    n = len(columns)
    coefficients = back_substitute(upper, [dot(unit, y) for unit in basis])
    inverse = [back_substitute(upper, [float(i == j) for i in range(n)]) for j in range(n)]  # columns of R^-1
    covariance = [[math.fsum(inverse[k][i] * inverse[k][j] for k in range(n)) for j in range(n)] for i in range(n)]
    fitted = [math.fsum(c * column[i] for c, column in zip(coefficients, columns, strict=True)) for i in range(len(y))]
    return coefficients, covariance, math.fsum((a - b) ** 2 for a, b in zip(y, fitted, strict=True))


def without_means(values, groups):
    """Values minus the mean of their group: takes the effect of the seeds out of a column."""
    sums, counts = {}, {}
    for value, group in zip(values, groups, strict=True):
        sums[group] = sums.get(group, 0.0) + value
        counts[group] = counts.get(group, 0) + 1
    return [value - sums[group] / counts[group] for value, group in zip(values, groups, strict=True)]
