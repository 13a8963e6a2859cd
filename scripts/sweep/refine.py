"""refine: learning rates around the best one of each arm, which is chosen as in a report (scripts/report/tuned.py).

Rates have three digits, so that they and the names of their runs are short."""

import math

import groups as grouping
import runs
import tuned


def rounded(rate):
    return f"{rate:.3g}"


def best_of_arms(folder, lines):
    """(arm, its rates, index of the best), of the arms with a finished run at several rates."""
    arm_of = {name: arm for name, arm in lines}
    groups, keys, _ = grouping.gather([runs.read_run(folder / name) for name in arm_of])
    for arm in tuned.arms_of(groups, keys)[0]:
        if len(arm.rates) > 1 and not math.isnan(arm.loss):
            yield arm_of[arm.runs[0].path.name], arm.rates, arm.rates.index(arm.grid.best)


def extend(folder, lines):
    """One more step of the grid beyond the edge."""
    found = []
    for arm, rates, i in best_of_arms(folder, lines):
        if i in (0, len(rates) - 1):
            inner = rates[1] if i == 0 else rates[-2]
            found.append((arm, rounded(rates[i] * rates[i] / inner)))
    return found


def refine(folder, lines):
    """The half-way rates, in ln rate, to the neighbours of the best: with equal distances, the minimum of the parabola
    through the three is between them."""
    found = []
    for arm, rates, i in best_of_arms(folder, lines):
        for other in rates[max(0, i - 1) : i] + rates[i + 1 : i + 2]:
            found.append((arm, rounded(math.sqrt(rates[i] * other))))
    return found
