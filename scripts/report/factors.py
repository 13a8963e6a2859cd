"""factors: comparisons by one key: its values in pairs, the other keys being equal, and averaged over these.

Arms are compared at their best learning rates. A comparison by the learning rate itself is at equal rates. The variance
is pooled over all pairs of arms that an average is over."""

import itertools
import math
from dataclasses import dataclass

import compare
import stats
import tuned
from content import Cell, Forest, Part, Table, count, figure, signed
from groups import LR, label_of, part, short_key

MARGIN = 0.02  # in the unit of the report, the band of the forest plots


class NoKey(Exception):
    """--by names no key that varies. The text is the message for the user."""


@dataclass
class Stratum:
    """Arms or groups with one value of the key each, the other keys being equal."""

    label: str
    arms: dict  # value: arm or group

    def pair(self, a, b):
        """The differences b minus a over the seeds of both."""
        if a not in self.arms or b not in self.arms:
            return []
        if isinstance(self.arms[a], tuned.Arm):
            theirs, ours = tuned.values_of(self.arms[a], self.arms[b])
        else:
            theirs, ours = self.arms[a].loss_by_seed(), self.arms[b].loss_by_seed()
        return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def chosen_keys(names, keys):
    """The keys of --by, by their full or short names; all keys without --by."""
    if not names:
        return list(keys)
    found = []
    for name in names:
        matches = [key for key in keys if name in (key, short_key(key, keys))]
        if not matches:
            raise NoKey(f"--by {name}: no such key differs between these runs; there are: {', '.join(keys) or 'none'}")
        found += matches
    return list(dict.fromkeys(found))


def strata_of(ones, key, keys):
    """The strata without failed runs, in the order of their arms or groups."""
    known = {name for one in ones for name in one.config}
    others = [name for name in keys if name != key]
    gathered = {}
    for one in ones:
        rest = {name: value for name, value in one.config.items() if name != key}
        stratum = gathered.setdefault(repr(sorted(rest.items())), Stratum(label_of(one.config, others, known), {}))
        if not one.failed and not math.isnan(one.loss):
            stratum.arms[value_label(one, key, known)] = one
    return list(gathered.values())


def value_label(one, key, known):
    return part(key, one.config[key], known) if key in one.config else f"without {short_key(key, known)}"


def levels(ones, key):
    known = {name for one in ones for name in one.config}
    return list(dict.fromkeys(value_label(one, key, known) for one in ones))


def means(name, values, strata, ones, key):
    """The mean loss of each value, over the strata that have all values."""
    known = {name for one in ones for name in one.config}
    whole = [stratum for stratum in strata if all(value in stratum.arms for value in values)]
    rows = []
    for value in values:
        of_value = [one for one in ones if value_label(one, key, known) == value]
        mean = stats.mean(stratum.arms[value].loss for stratum in whole)
        failed = sum(run.failed for one in of_value for run in one.runs)
        rows.append([Cell(value), count(len(of_value)), figure(mean), count(failed)])
    loss = f"mean loss, where all values have one ({len(whole)})"
    return Table(f"{name}-means", [name, "arms", loss, "failed runs"], rows)


def pair_rows(values, strata, averages_only):
    """(label, student, strong) of every pair: averaged, then for each stratum."""
    rows = []
    for a, b in itertools.combinations(values, 2):
        differences = [(stratum.label, stratum.pair(a, b)) for stratum in strata]
        differences = [(label, pairs) for label, pairs in differences if pairs]
        if not differences:
            continue
        pooled = stats.over_strata([pairs for _, pairs in differences])
        label = f"{b} minus {a}"
        rows.append((label + f", mean of {len(differences)}" * (len(differences) > 1), pooled, True))
        if len(differences) > 1 and not averages_only:
            rows += [(name, in_stratum(pairs, pooled, differences), False) for name, pairs in differences]
    return rows


def in_stratum(pairs, pooled, differences):
    """One stratum with the variance of all of them."""
    inverse = math.fsum(1 / len(values) for _, values in differences)
    variance = (pooled.error * len(differences)) ** 2 / inverse
    return stats.Student(stats.mean(pairs), math.sqrt(variance / len(pairs)), pooled.df, len(pairs))


def words_of(student):
    text = signed(student.estimate)
    return text if math.isnan(student.half()) else f"{text} ({compare.interval(student)})"


def table(name, rows):
    """The pairs as a table."""
    lines = [
        [
            Cell(("" if strong else "\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}") + label),
            count(student.n),
            Cell(signed(student.estimate), student.estimate),
            Cell("\N{EN DASH}" if math.isnan(student.half()) else compare.interval(student)),
            Cell(compare.verdict(student)),
        ]
        for label, student, strong in rows
    ]
    return Table(f"{name}-pairs", ["pair", "seeds", "difference", "95 % interval", "verdict"], lines)


def by_key(key, arms, groups, keys, folded):
    """The part of the report about one key; None if no two arms differ in it alone."""
    ones = groups if key == LR else arms
    strata, values = strata_of(ones, key, keys if key == LR else [k for k in keys if k != LR]), levels(ones, key)
    rows = pair_rows(values, strata, averages_only=key == LR)
    if not rows:
        return None
    name = short_key(key, keys)
    rates = "at equal rates" if key == LR else "each arm at its best learning rate"
    tuned_words = rates if LR in keys else "at the one learning rate of each arm"
    words = (
        f"Final validation losses, {tuned_words}; the other keys are equal within a pair. A difference is the first "
        "minus the second; negative means that the first is better. In bold: the mean over all pairs of arms that "
        "differ in this key alone, with the variance pooled over them. Arms with failed runs at their best rate are "
        "left out."
    )
    forest = Forest(
        f"Differences by {name}",
        [(label, student.estimate, student.half(), words_of(student), strong) for label, student, strong in rows],
        MARGIN,
    )
    return Part(f"By {key}", words, [means(name, values, strata, ones, key), forest, table(name, rows)], folded)


def parts(names, arms, groups, keys):
    found = [by_key(key, arms, groups, keys, not names) for key in chosen_keys(names, keys)]
    return [one for one in found if one]
