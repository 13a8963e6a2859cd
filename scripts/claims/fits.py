"""fits: arms of the CSVs over their learning rates, and their differences by the pooled model of scripts/report."""

import measured
import pooled
import protocol
import results
import stats


def fitted(grids):
    """Whether both arms have a curve."""
    return pooled.curved(grids)


def failed(losses):
    return sum(loss >= protocol.FAILED for loss in losses.values())


def failures(grid):
    return [failed(grid.losses[rate]) for rate in sorted(grid.losses)]


def by_rate(data, arm, rates, metric):
    return {rate: data.values((arm.part, arm.keys | {"optim.lr": rate}), metric) for rate in rates}


def grid(data, arm):
    rates = data.rates((arm.part, arm.keys))
    losses = by_rate(data, arm, rates, "val_loss")
    if not rates:
        raise measured.NotMeasured(f"part {arm.part}: runs with 0 seeds")
    best = min(rates, key=lambda rate: stats.mean(losses[rate].values()))
    return pooled.grid(losses, {rate: failed(losses[rate]) for rate in rates}, best)


def model(data, a, b, grids, metric="val_loss"):
    seeds = pooled.common_seeds(grids)
    if len(seeds) < 2:
        raise measured.NotMeasured(f"runs with {len(seeds)} seeds")
    values = [by_rate(data, arm, g.window, metric) for arm, g in zip((a, b), grids, strict=True)]
    return pooled.fit(values, grids, seeds)


def of_cells(data, a, b, grids, metric):
    """Student's t of the two best rates, paired by seed."""
    cells = [(arm.part, arm.keys | {"optim.lr": g.best}) for arm, g in zip((a, b), grids, strict=True)]
    return results.mean_of([x - y for x, y in data.pairs(*cells, metric)])


def at_best(data, a, b, metric):
    """a minus b, each at the rate of its lowest final loss."""
    grids = grid(data, a), grid(data, b)
    if not fitted(grids):
        return of_cells(data, a, b, grids, metric), grids, [None, None]
    return pooled.at_best(model(data, a, b, grids, metric)), grids, [None, None]


def tuned(data, a, b):
    """The difference of the two minima."""
    grids = grid(data, a), grid(data, b)
    if not fitted(grids):
        return of_cells(data, a, b, grids, "val_loss"), grids, [None, None]
    result, optima = pooled.between_minima(model(data, a, b, grids))
    return result, grids, optima


def best_rate(data, a, b):
    """The logarithm of the ratio of the fitted best rates."""
    grids = grid(data, a), grid(data, b)
    if not fitted(grids):
        raise measured.NotMeasured("a best rate needs three rates at which all seeds train")
    result, optima = pooled.between_rates(model(data, a, b, grids))
    return result, grids, optima
