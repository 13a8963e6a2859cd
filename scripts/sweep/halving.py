"""halving: which runs of a sweep go on after a third of their steps.

Two rules, on the mean over seeds of the last validation loss up to that step; a diverged run counts as infinite.

1. Of the n learning rates of an arm, the lower half goes on (rounded up), and the neighbours of the best rate, which
   its fit needs.
2. An arm stops if at its best rate the loss fell less than half as far since step 0 as that of the best arm.

An arm in which a run has no such loss goes on. Runs that have ended are compared, but no longer stopped."""

import math

import runs
import stats

FALL = 0.5  # of that of the best arm


def loss_at(curve, step):
    """The last validation loss from step 1 to this one, NaN if there is none."""
    known = [other for other in curve if 0 < other <= step]
    return curve[max(known)] if known else math.nan


class Setting:
    """The runs of an arm at one learning rate."""

    def __init__(self, rate):
        self.rate, self.names, self.losses, self.starts = rate, [], [], []

    def add(self, run, name, step):
        diverged = run.ending == runs.DIVERGED
        if run.ending == runs.LEFT_OUT:
            self.names.append((name, step))
        self.losses.append(math.inf if diverged else loss_at(run.curves["val_loss"], step))
        self.starts.append(run.curves["val_loss"].get(0, math.nan))

    @property
    def loss(self):
        return math.nan if any(map(math.isnan, self.losses)) else stats.mean(self.losses)

    @property
    def fall(self):
        return stats.mean(self.starts) - self.loss


def gather(folder, lines):
    """{arm: settings in ascending order of their rates}."""
    arms = {}
    for name, arm, rate, step in lines:
        settings = arms.setdefault(arm, {})
        setting = settings.setdefault(rate, Setting(float(rate or 0)))
        setting.add(runs.read_run(folder / name), name, int(step))
    return {arm: sorted(settings.values(), key=lambda one: one.rate) for arm, settings in arms.items()}


def best_of(settings):
    known = [one for one in settings if math.isfinite(one.loss)]
    return min(known, key=lambda one: one.loss, default=None)


def behind(settings):
    """Rule 1: the settings that stop."""
    best = best_of(settings)
    if best is None:
        return []
    i = settings.index(best)
    order = sorted(settings, key=lambda one: one.loss)
    kept = order[: (len(order) + 1) // 2] + settings[max(0, i - 1) : i + 2]
    return [one for one in settings if one not in kept]


def decide(folder, lines):
    """(name, step, reason) of the runs that stop."""
    arms, found = gather(folder, lines), []
    arms = {arm: settings for arm, settings in arms.items() if not any(math.isnan(one.loss) for one in settings)}
    best = {arm: best_of(settings) for arm, settings in arms.items()}
    falls = {arm: one.fall for arm, one in best.items() if one and math.isfinite(one.fall)}
    first = max(falls, key=falls.get, default=None)
    for arm, settings in arms.items():
        if arm in falls and falls[arm] < FALL * falls[first]:
            why = f"its arm learned less than half as much as {first}, {best[arm].loss:.4f} and {best[first].loss:.4f}"
            stopping = settings
        else:
            stopping = behind(settings)
            why = f"its loss is in the upper half of its arm, the best is {best[arm].loss:.4f}" if stopping else ""
        for one in stopping:
            loss = f"{one.loss:.4f}" if math.isfinite(one.loss) else "diverged"
            found += [(name, step, f"{why}, here {loss}") for name, step in one.names]
    return found
