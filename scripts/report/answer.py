"""answer: the first part of a report: which arm, at its best learning rate, by how much, against what."""

import math

import compare
import stats
import tuned
import unit
from compare import interval
from content import NOTHING, Bullets, Cell, Forest, Part, Table, count, figure, seeds, signed
from groups import short_number

SHOWN = 0.02  # in the unit of the report: the margin of the claims, docs/claims/protocol.md
EQUAL_TIME = "At equal time, "
RATE_WORDS = (
    " The best rate is fitted where it has two neighbours without failed runs, and else that of the grid; at an edge "
    "of the grid a rate beyond it may be better."
)


def rounded(rate, digits=3):
    return short_number(float(f"{rate:.{digits}g}"))


def rate_words(arm):
    """2.1e-3, with the effective rate if that is another one."""
    rate = short_number(float(f"{arm.best_rate:.2g}") if arm.optimum else arm.best_rate)
    scaled = rounded(arm.best_rate * arm.lr_scale, 2 if arm.optimum else 3)
    return rate + (f", effective {scaled}" if arm.lr_scale != 1 else "")


def at_its_rate(arm):
    """How the rate of an arm was chosen; empty if the config has none."""
    if len(arm.rates) > 1:
        return f"at its best learning rate ({rate_words(arm)}) "
    return f"at its only learning rate ({rate_words(arm)}) " if arm.best_rate else ""


def at_its_own(base, with_rate):
    if len(base.rates) > 1:
        return f" at its own ({rate_words(base)})" if with_rate else f" at its best ({rate_words(base)})"
    return f" at its only one ({rate_words(base)})" if with_rate and base.best_rate else ""


def distance(found):
    """0.0412 below pre rmsnorm ..., of a difference."""
    return f"{abs(found.mean):.4f} {'above' if found.mean > 0 else 'below'}"


def certainty(found):
    if not found.judged:
        return f"{seeds(found.seeds)} in common, so without an interval"
    return f"95 % interval of the difference {interval(found.student)}, {seeds(found.seeds)}"


def claim(best, found):
    """What can be said about the arm with the lowest loss, compared with another one."""
    if not found.judged or found.verdict == "not distinguishable":
        return f"{best.label} has the lowest loss but is not distinguishable from {found.base.label}"
    return f"{best.label} is best" if found.mean < 0 else f"{best.label} has the lowest mean loss"


def first_sentence(best, found, equal_time):
    other = at_its_own(found.base, len(best.rates) > 1)
    end = f"; {certainty(found)})." if other else f" ({certainty(found)})."
    return (
        f"{EQUAL_TIME * equal_time}{claim(best, found)}: {at_its_rate(best)}it ends at a validation loss of "
        f"{best.loss:.4f} {unit.name()}, "
        f"{distance(found)} {found.base.label}{other.removesuffix(')') if other else ''}{end}"
    )


def one_arm(arm):
    half, losses = stats.half_width(arm.losses().values()), len(arm.losses())
    sure = seeds(losses) if math.isnan(half) else f"\N{PLUS-MINUS SIGN} {half:.4f}, 95 % interval over {seeds(losses)}"
    if len(arm.rates) == 1:
        return f"{arm.label}: the final validation loss is {arm.loss:.4f} {unit.name()} ({sure})."
    return (
        f"{arm.label}: the best learning rate is {rate_words(arm)}, with a final validation loss of "
        f"{arm.loss:.4f} {unit.name()} ({sure})."
    )


def next_sentence(best, other):
    found = tuned.difference(other, best)
    sure = "distinguishable" if found.judged and found.verdict != "not distinguishable" else "not distinguishable"
    return f"The next arm, {other.label}, ends {distance(found)} it and is {sure} from it ({certainty(found)})."


def seeds_needed(found):
    return stats.seeds_to_show(found.student, SHOWN) if found.judged else None


def seeds_sentence(found):
    needed = seeds_needed(found)
    if needed is None:
        return "Two or more seeds in common would give an interval."
    return (
        f"{needed:,} seeds would show a difference of {SHOWN} {unit.short()} "
        f"between {found.group.label} and {found.base.label} with a probability of 80 %; this report has {found.seeds}."
    )


def edge_sentence(arms):
    found = [f"{arm.label} ({arm.edge} rate, {short_number(arm.grid.best)})" for arm in arms if arm.edge]
    if not found:
        return []
    return [f"At the edge of the grid, so that a rate beyond it may be better: {', '.join(found)}."]


def tuning_sentence(arms):
    single = [arm for arm in arms if len(arm.rates) == 1 and arm.best_rate]
    if not single or len(arms) == 1:
        return []
    if len(single) < len(arms):
        return [f"Run at one learning rate and therefore not tuned: {', '.join(arm.label for arm in single)}."]
    return ["Every arm was run at one learning rate, so none is tuned: at other rates the order may change."]


def failure_sentence(groups):
    total = sum(len(group.runs) for group in groups)
    diverged, stuck = sum(group.diverged for group in groups), sum(group.stuck for group in groups)
    parts = [f"{diverged} diverged"] if diverged else []
    parts += [f"{stuck} {'was' if stuck == 1 else 'were'} stuck"] if stuck else []
    return [f"Of {total} runs {' and '.join(parts)}; these are in no mean."] if parts else []


def stopped_sentence(settings):
    if not settings:
        return []
    names = [f"{arm} at lr {', '.join(map(short_number, sorted(rates)))}" for arm, rates in settings.items()]
    return [f"Stopped at a third of their steps, and in no comparison: {'; '.join(names)}."]


def time_sentence(best, base, equal_time):
    ours, theirs = best.step_ms(), base.step_ms()
    if equal_time:
        steps = [f"{arm.label} {arm.best_cell.runs[0].config.get('train.steps', 0):,}" for arm in (best, base)]
        return [f"Steps in that time: {', '.join(steps)}."]
    if not (ours > 0 and theirs > 0):
        return []
    more = 100 * (ours / theirs - 1)
    return [
        f"At equal steps, not equal time: a step of {best.label} took {abs(more):.1f} % "
        f"{'more' if more >= 0 else 'less'} time than one of {base.label}."
    ]


def headline(arms, groups, compared, equal_time):
    """The first sentence answers; up to six more say what it rests on."""
    order = tuned.ranked(arms)
    if not order:
        return ["No group has a final validation loss: all runs diverged, were stuck, or never validated."]
    best, rest = order[0], edge_sentence(arms) + failure_sentence(groups)
    sound = [arm for arm in order if not arm.failed] or order
    if len(sound) == 1:
        return [one_arm(best), *only_sentence(best, arms), *rest]
    against = next((one for one in compared if one.group is best and one.base in sound), None)
    found = against or tuned.difference(best, sound[1])
    sentences = [first_sentence(best, found, equal_time)]
    if found.base is not sound[1]:
        sentences.append(next_sentence(best, sound[1]))
    sentences.append(seeds_sentence(found))
    return sentences + time_sentence(best, found.base, equal_time) + tuning_sentence(arms) + rest


def only_sentence(best, arms):
    """Why an arm is compared with no other."""
    if len(arms) == 1:
        return []
    if best.failed:
        return ["No other arm has a loss."]
    return [f"Every other arm has failed runs{' at every learning rate' * (len(best.rates) > 1)}."]


def loss_cell(arm):
    losses = arm.losses().values()
    text, half = figure(arm.loss).text, stats.half_width(losses)
    return Cell(text if math.isnan(half) else f"{text} \N{PLUS-MINUS SIGN} {half:.4f}", arm.loss)


def note(arm):
    if arm.edge:
        return f"edge: {arm.edge}"
    if len(arm.rates) == 1:
        return "only one"
    if not arm.optimum:
        return "grid"
    return "fitted"


def difference_cells(found):
    """Baseline, difference, interval, verdict and needed seeds; nothing for a baseline."""
    if found is None:
        return [Cell("baseline"), figure(math.nan), Cell(NOTHING), Cell(NOTHING), figure(math.nan)]
    needed = seeds_needed(found)
    return [
        Cell(found.base.label),
        Cell(NOTHING if math.isnan(found.mean) else signed(found.mean), found.mean),
        Cell(interval(found.student) if found.judged else NOTHING),
        Cell(found.verdict),
        figure(math.nan) if needed is None else count(needed),
    ]


def columns(arms, equal_time):
    """(head, cell of an arm and its difference or None) of each column."""
    scaled = any(arm.lr_scale != 1 for arm in arms)
    rated = any(arm.best_rate for arm in arms)
    found = [("arm", lambda arm: Cell(arm.label)), ("seeds", lambda arm: count(len(arm.losses())))]
    found += [("best rate", lambda arm: Cell(rounded(arm.best_rate), arm.best_rate))] * rated
    found += [
        ("effective rate", lambda arm: Cell(rounded(arm.best_rate * arm.lr_scale), arm.best_rate * arm.lr_scale))
    ] * (rated and scaled)
    found += [("how found", lambda arm: Cell(note(arm)))] * rated
    found.append(("loss at that rate", loss_cell))
    steps = ("steps", lambda arm: count(arm.best_cell.runs[0].config.get("train.steps", 0)))
    found += [steps] * equal_time
    found.append(("ms per step", lambda arm: figure(arm.step_ms(), ".4g")))
    found.append(("failed runs", lambda arm: count(sum(run.failed for run in arm.runs))))
    return found


def arm_table(arms, compared, equal_time):
    of_arm = {id(one.group): one for one in compared}
    before, after = columns(arms, equal_time), ["baseline", "difference", "95 % interval", "verdict", "seeds for 0.02"]
    at = next(i for i, (head, _) in enumerate(before) if head == "loss at that rate") + 1
    heads = [head for head, _ in before]
    rows = []
    for arm in arms:
        cells = [cell(arm) for _, cell in before]
        rows.append(cells[:at] + difference_cells(of_arm.get(id(arm))) + cells[at:])
    return Table("arms", heads[:at] + after + heads[at:], rows)


def forest(arms, compared):
    of_arm = {id(one.group): one for one in compared}
    rows = []
    for arm in arms:
        one = of_arm.get(id(arm))
        if one is None:
            rows.append((arm.label, 0.0, math.nan, "baseline", True))
        elif not math.isnan(one.mean):
            rows.append((arm.label, one.mean, one.half, signed(one.mean), True))
    return Forest("Differences to the baseline", rows, SHOWN)


def part(arms, compared, equal_time):
    tuned_arms = any(len(arm.rates) > 1 for arm in arms)
    time = " All arms trained for the same time." if equal_time else ""
    words = (
        f"Final validation loss in {unit.name()}; an arm is all keys but the learning rate and the seed. "
        "The difference is to the baseline, paired by seed; negative is better. Bars and \N{PLUS-MINUS SIGN}: "
        f"95 % intervals. Grey band: {SHOWN} {unit.short()} to both sides.{time}{RATE_WORDS * tuned_arms}"
    )
    items = [forest(arms, compared)] * (len(compared) > 0) + [arm_table(arms, compared, equal_time)]
    title = "Arms at their best learning rates" if tuned_arms else "Arms"
    return Part(title + (" and" * tuned_arms + " at equal time") * equal_time, words, items)


def in_words(compared):
    """The differences as sentences."""
    return Part("Differences in words", "", [Bullets(compare.sentences(compared))], folded=True)
