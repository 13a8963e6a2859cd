"""tuned: arms, each at its own best learning rate.

An arm is the groups that differ in the learning rate alone. If the best rate of its grid has two neighbours in which no
run failed, the best rate is the minimum of a parabola in ln rate through the three (pooled.py); else it is that of the
grid. Failed runs, diverged or stuck, have no loss. A rate with failed runs is the best only if every rate has some."""

import math
from dataclasses import dataclass

import compare
import pooled
import stats
from groups import LR, name_of


@dataclass
class Arm:
    label: str
    config: dict  # without the learning rate
    cells: dict  # rate: group; the rate is 0 if the config has none
    grid: pooled.Grid
    optimum: float = None  # the fitted best rate

    @property
    def runs(self):
        return [run for cell in self.cells.values() for run in cell.runs]

    @property
    def rates(self):
        return sorted(self.cells)

    @property
    def best_cell(self):
        return self.cells[self.grid.best]

    @property
    def best_rate(self):
        return self.optimum or self.grid.best

    @property
    def lr_scale(self):
        return self.best_cell.lr_scale

    @property
    def failed(self):
        return self.best_cell.failed

    @property
    def edge(self):
        """ "lowest" or "highest" if a better rate may lie beyond the grid, else None."""
        if not self.grid.edge or len(self.rates) == 1:
            return None
        return "lowest" if self.grid.best == self.rates[0] else "highest"

    def losses(self, curved=True):
        """{seed: loss} at the best rate: of the fit if `curved` and there is one, else of the grid."""
        if not (curved and self.optimum):
            return self.grid.losses[self.grid.best]
        weights = lagrange([math.log(rate) for rate in self.grid.window], math.log(self.optimum))
        by_rate = [self.grid.losses[rate] for rate in self.grid.window]
        return {
            seed: math.fsum(weight * losses[seed] for weight, losses in zip(weights, by_rate, strict=True))
            for seed in pooled.common_seeds([self.grid])
        }

    @property
    def loss(self):
        """At the best rate, NaN if no run has one."""
        return stats.mean(self.losses().values())

    def step_ms(self):
        return stats.median(stats.finite(run.step_ms for run in self.runs))


def lagrange(points, x):
    """The weights of the values at three points in the parabola through them, at x."""
    return [math.prod((x - other) / (point - other) for other in points if other != point) for point in points]


def minimum(grid):
    """The best rate by the parabola through the means of the window, None if there is none between its ends."""
    seeds = pooled.common_seeds([grid])
    if not grid.curved or not seeds:
        return None
    x = [math.log(rate / grid.best) for rate in grid.window]
    y = [stats.mean(grid.losses[rate][seed] for seed in seeds) for rate in grid.window]
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    bend = (right - left) / (x[2] - x[0])
    if not bend > 0:
        return None
    at, *_ = pooled.optimum(left - bend * x[0], bend)
    return grid.best * math.exp(at) if x[0] < at < x[2] else None


def make(label, config, cells):
    losses = {rate: cell.loss_by_seed() for rate, cell in cells.items()}
    failures = {rate: cell.failed for rate, cell in cells.items()}
    order = {rate: (failures[rate] > 0, stats.mean(losses[rate].values())) for rate in losses}
    known = [rate for rate in order if losses[rate]] or list(order)
    grid = pooled.grid(losses, failures, min(known, key=order.get))
    best = minimum(grid)
    if best is None:
        grid.window = [grid.best]
    return Arm(label, config, cells, grid, best)


def rate_of(config):
    """The learning rate, 0 if the config has none."""
    rate = config.get(LR)
    is_number = isinstance(rate, (int, float)) and not isinstance(rate, bool)
    return rate if is_number and 0 < rate < math.inf else 0


def without_rate(config):
    return {key: value for key, value in config.items() if key != LR or not rate_of(config)}


def arms_of(groups, keys):
    """The arms in the order of their groups, and the keys that differ between them."""
    keys, gathered = [key for key in keys if key != LR], {}
    for group in groups:
        config = without_rate(group.config)
        cells = gathered.setdefault(repr(sorted(config.items())), {})
        cells[rate_of(group.config)] = group
    known = {key for group in groups for key in group.config}
    arms = []
    for cells in gathered.values():
        first = next(iter(cells.values()))
        same_rate = len(cells) == 1 and len({group.config.get(LR) for group in groups}) == 1
        label = first.label if same_rate else name_of(first.config, keys, known)
        arms.append(make(label, without_rate(first.config), cells))
    return arms, keys


def values_of(arm, base):
    """{seed: loss} of both at their best rates, both fitted or both of the grid."""
    curved = arm.optimum is not None and base.optimum is not None
    return arm.losses(curved), base.losses(curved)


def difference(arm, base):
    """By the pooled model if both arms have a curve, else by a paired t at the best rates of their grids."""
    grids = [arm.grid, base.grid]
    seeds = pooled.common_seeds(grids) if pooled.curved(grids) else []
    model = pooled.fit([grid.losses for grid in grids], grids, seeds) if len(seeds) >= 2 else None
    if model and model.has_minima:
        student, _ = pooled.between_minima(model)
    else:
        student = compare.paired(*values_of(arm, base))
    return compare.Difference(arm, base, student)


def differences(arms, chosen=None):
    pairs = zip(arms, compare.baselines(arms, chosen), strict=True)
    return [difference(arm, base) for arm, base in pairs if arm is not base]


def ranked(arms):
    """The arms with a loss, lowest first; arms with failed runs at their best rate come last."""
    known = [arm for arm in arms if not math.isnan(arm.loss)]
    return sorted(known, key=lambda arm: (arm.failed > 0, arm.loss))


def chosen_baseline(arms, groups, label):
    """The arm and the group of --baseline; the group is None if it is the name of an arm with several rates."""
    if label is None:
        return None, None
    arm, group = compare.named(arms, label), compare.named(groups, label)
    if group and not arm:
        arm = next(arm for arm in arms if group in arm.cells.values())
    if not arm:
        names = ", ".join(arm.label for arm in arms)
        raise compare.NoBaseline(f'no arm or group is called "{label}"; there are: {names}')
    return arm, group
