"""compare: differences of final validation losses, paired by seed, their verdicts and sentences."""

import math
import re
from dataclasses import dataclass

import stats
import unit
from content import seeds, signed

WITHOUT_EFFECTIVE = re.compile(r" \(effective (lr )?[^)]*\)")  # of a label


class NoBaseline(Exception):
    """--baseline names no arm and no group. The text is the message for the user."""


@dataclass
class Difference:
    """Final validation loss of `group` minus that of `base`, both groups or both arms, over the seeds of both."""

    group: object
    base: object
    student: stats.Student

    @property
    def seeds(self):
        return self.student.n

    @property
    def mean(self):
        return self.student.estimate

    @property
    def half(self):
        return self.student.half()

    @property
    def judged(self):
        return not math.isnan(self.half)

    @property
    def verdict(self):
        return verdict(self.student)

    def sentence(self):
        """As a sentence, for at least two seeds."""
        ours, theirs, count = self.group.label, self.base.label, seeds(self.seeds)
        if self.verdict == "not distinguishable":
            return (
                f"{ours} is not distinguishable from {theirs}: the difference is {signed(self.mean)} {unit.name()} "
                f"(95 % interval {interval(self.student)}, {count})."
            )
        return (
            f"{ours} is {self.verdict} than {theirs} by {abs(self.mean):.4f} {unit.name()} "
            f"(95 % interval of the difference {interval(self.student)}, {count})."
        )


def interval(student):
    low, high = student.interval()
    return f"{signed(low)} to {signed(high)}"


def verdict(student):
    half = student.half()
    if math.isnan(half):
        return "too few seeds"
    if abs(student.estimate) <= half:
        return "not distinguishable"
    return "better" if student.estimate < 0 else "worse"


def paired(ours, theirs):
    """Student's t of the differences of {seed: value}."""
    return stats.of_mean(ours[seed] - theirs[seed] for seed in ours if seed in theirs)


def at_equal_rates(group, base):
    return Difference(group, base, paired(group.loss_by_seed(), base.loss_by_seed()))


def sentences(found):
    """A sentence for each difference that can be judged, and one for all others."""
    judged = [one.sentence() for one in found if one.judged]
    others = [one.group.label for one in found if not one.judged]
    needed = "two seeds in common with the baseline that were not stuck and did not diverge"
    if found and not judged:
        return [f"None of the differences can be judged: that needs {needed}."]
    return judged + ([f"Not judged, without {needed}: {'; '.join(others)}."] if others else [])


def named(ones, label):
    """The arm or group with this label, written with or without its effective rate; None if there is none."""
    words = " ".join(label.split())
    return next((one for one in ones if words in (one.label, WITHOUT_EFFECTIVE.sub("", one.label))), None)


def pre_twin(one, others):
    """The arm or group that differs from this one only in its topology, pre."""
    wanted = {**one.config, "model.topology": "pre"}
    return next((other for other in others if other.config == wanted), None)


def baselines(ones, chosen=None):
    """The baseline of each arm or group: `chosen`, else its twin with topology pre, else the first one."""
    return [chosen or pre_twin(one, ones) or ones[0] for one in ones]
