"""compare: which group has the lowest loss, and differences between groups, paired by seed, in sentences."""

import math
import re
from dataclasses import dataclass

import stats

UNIT = "nats per token"
WITHOUT_EFFECTIVE = re.compile(r" \(effective (lr )?[^)]*\)")  # of a label


class NoBaseline(Exception):
    """--baseline names no group. The text is the message for the user."""


@dataclass
class Difference:
    """Final validation loss of `group` minus that of `base`, over the seeds that both groups have."""

    group: object
    base: object
    seeds: int
    mean: float
    half: float  # of the 95 % interval; NaN below two seeds

    @property
    def verdict(self):
        if math.isnan(self.half):
            return "too few seeds"
        if abs(self.mean) <= self.half:
            return "not distinguishable"
        return "better" if self.mean < 0 else "worse"

    def interval(self):
        return f"{signed(self.mean - self.half)} to {signed(self.mean + self.half)}"

    def sentence(self):
        """As a sentence, for at least two seeds."""
        ours, theirs, count = self.group.label, self.base.label, seeds(self.seeds)
        if self.verdict == "not distinguishable":
            return (
                f"{ours} is not distinguishable from {theirs}: the difference is {signed(self.mean)} {UNIT} "
                f"(95 % interval {self.interval()}, {count})."
            )
        return (
            f"{ours} is {self.verdict} than {theirs} by {abs(self.mean):.4f} {UNIT} "
            f"(95 % interval of the difference {self.interval()}, {count})."
        )


def signed(value):
    """With a sign, and with the typographic minus."""
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


def seeds(count):
    return f"{count or 'no'} seed{'' if count == 1 else 's'}"


def difference(group, base):
    ours, theirs = group.loss_by_seed(), base.loss_by_seed()
    paired = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
    return Difference(group, base, len(paired), stats.mean(paired), stats.half_width(paired))


def sentences(found):
    """A sentence for each difference that can be judged, and one for all others."""
    judged = [one.sentence() for one in found if not math.isnan(one.half)]
    others = [one.group.label for one in found if math.isnan(one.half)]
    needed = "two seeds in common with the baseline that were not stuck and did not diverge"
    if found and not judged:
        return [f"None of the differences can be judged: that needs {needed}."]
    return judged + ([f"Not judged, without {needed}: {'; '.join(others)}."] if others else [])


def find_baseline(groups, label):
    for group in groups:
        if " ".join(label.split()) in (group.label, WITHOUT_EFFECTIVE.sub("", group.label)):
            return group
    raise NoBaseline(f'no group is called "{label}"; there are: {", ".join(group.label for group in groups)}')


def pre_twin(group, groups):
    """The group that differs from this one only in its topology, pre."""
    wanted = {**group.config, "model.topology": "pre"}
    return next((other for other in groups if other.config == wanted), None)


def differences(groups, label=None):
    """Every group against its baseline: the group `label`, else its twin with topology pre, else the first group."""
    chosen = find_baseline(groups, label) if label else None
    pairs = [(group, chosen or pre_twin(group, groups) or groups[0]) for group in groups]
    return [difference(group, base) for group, base in pairs if group is not base]


def ranked(groups):
    """The groups with a final validation loss, lowest first; groups with diverged or stuck runs come last."""
    known = [group for group in groups if not math.isnan(group.loss)]
    return sorted(known, key=lambda group: (group.diverged + group.stuck > 0, group.loss))


def lead(best):
    """The group with the lowest loss, and the interval of that loss."""
    half = stats.half_width(best.values("val_loss"))
    count = seeds(len(best.values("val_loss")))
    sure = count if math.isnan(half) else f"\N{PLUS-MINUS SIGN} {half:.4f}, 95 % interval over {count}"
    return f"{best.label} has the lowest final validation loss: {best.loss:.4f} {UNIT} ({sure})."


def margin(best, other, name):
    """The distance of the best group from another, and whether it is distinguishable from chance."""
    gap = other.loss - best.loss
    place = f"It is {abs(gap):.4f} {'below' if gap >= 0 else 'above'} {name}, {other.label} ({other.loss:.4f})"
    paired = difference(best, other)
    if math.isnan(paired.half):
        return f"{place}; with {seeds(paired.seeds)} in common, that is not distinguishable from chance."
    verdict = "not distinguishable" if paired.verdict == "not distinguishable" else "distinguishable"
    return (
        f"{place}, and is {verdict} from it: the paired difference is {signed(paired.mean)} "
        f"(95 % interval {paired.interval()}, {seeds(paired.seeds)})."
    )


def failures(groups):
    """A sentence about diverged runs and one about stuck runs, if there are any."""
    count = sum(len(group.runs) for group in groups)
    diverged, stuck = sum(group.diverged for group in groups), sum(group.stuck for group in groups)
    sentences = []
    if diverged:
        sentences.append(f"{diverged} of {count} runs diverged; groups with diverged runs are ranked last.")
    if stuck:
        were = "was" if stuck == 1 else "were"
        sentences.append(f"{stuck} of {count} runs {were} stuck; groups with stuck runs are ranked last.")
    return sentences


def headline(groups, compared):
    """One to five sentences: the lowest loss, its distance from the next and from its baseline, failures."""
    order = ranked(groups)
    if not order:
        return ["No group has a final validation loss: all runs diverged, were stuck, or never validated."]
    best = order[0]
    sentences = [
        lead(best) if len(order) > 1 else f"{best.label}: the final validation loss is {best.loss:.4f} {UNIT}."
    ]
    if len(order) > 1:
        sentences.append(margin(best, order[1], "the next"))
    base = next((pair.base for pair in compared if pair.group is best), None)
    if base and len(order) > 1 and base is not order[1] and base in order:
        sentences.append(margin(best, base, "its baseline"))
    return sentences + failures(groups)
