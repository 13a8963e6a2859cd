"""judge: from a claim and the CSVs to a verdict. docs/claims/protocol.md has the rules in words."""

import math
from dataclasses import dataclass

import controls
import estimate as estimating
import measured
import protocol
from protocol import FAILS, HOLDS, NO_DIFFERENCE, UNDECIDED

Z = {"difference": 1.959964, "equivalence": 1.644854, "power": 0.841621}  # normal quantiles, for planning


@dataclass
class Judgement:
    claim: object
    verdict: str
    why: str
    estimate: object = None
    p: float = None
    p_passed: bool = None
    needed: dict = None
    controls: str = "none"


def margin_of(test):
    return protocol.MARGINS[test.margin] if isinstance(test.margin, str) else test.margin


def margins(test):
    """The margin band on the scale of the estimate; (0, 0) for failures, which have an exact test without margin."""
    if test.kind == "failures":
        return 0.0, 0.0
    size = margin_of(test)
    if test.kind in estimating.RATIOS:
        size = math.log(size)
    return -size, size


def outcomes(test, result):
    """{verdict: (reached at this look, p)} of the outcomes that the test can have."""
    level = protocol.level_of(result.n)
    low, high = result.interval(level)
    if test.direction == "least":
        above, below = 2 * result.above(test.bound), 2 * result.below(test.bound)
        return {HOLDS: (low > test.bound, min(1.0, above)), FAILS: (high < test.bound, min(1.0, below))}
    floor, ceiling = margins(test)
    over, under = min(1.0, 2 * result.above(ceiling)), min(1.0, 2 * result.below(floor))
    if test.kind == "failures":
        above, below = over <= level, under <= level
    else:
        above, below = low > ceiling, high < floor
    low90, high90 = result.interval(protocol.EQUIVALENCE)
    larger = max(result.above(floor), result.below(ceiling)) if test.kind != "failures" else 1.0
    equal = (floor < low90 and high90 < ceiling and larger <= level, larger)
    if test.direction == "equal":
        return {HOLDS: equal, FAILS: (above or below, min(over, under))}
    claimed, other = ((above, over), (below, under))[:: 1 if test.direction == "above" else -1]
    return {HOLDS: claimed, FAILS: other, NO_DIFFERENCE: equal}


def decide(test, result):
    """The verdict of a test without controls and without other tests, and its p."""
    found = outcomes(test, result)
    reached = [verdict for verdict, (there, _) in found.items() if there]
    verdict = reached[0] if reached else UNDECIDED
    return verdict, found[verdict][1] if reached else min(p for _, p in found.values())


def seeds_needed(test, result):
    """Seeds with which the test would decide with a probability of 0.8 if the estimate were the truth; None if that
    takes more than MOST_SEEDS or cannot be told."""
    if not hasattr(result, "error") or result.error == 0:
        return None
    if test.direction == "least":
        gap, z = abs(result.estimate - test.bound), Z["difference"]
    else:
        ceiling = margins(test)[1]
        gap = abs(result.estimate) - ceiling
        z = Z["difference"] if gap > 0 else Z["equivalence"]
    deviation = result.error * math.sqrt(result.n)
    seeds = math.ceil(((z + Z["power"]) * deviation / abs(gap)) ** 2) if gap else math.inf
    return max(seeds, 2 * result.n) if seeds <= protocol.MOST_SEEDS else None


def needed(claim, found):
    """What an undecided claim needs."""
    if claim.needed:
        return {"seeds": None, "hours": None, "text": claim.needed}
    seeds = seeds_needed(claim.primary, found.result)
    if seeds is None:
        text = f"more than {protocol.MOST_SEEDS} seeds, or a regime in which the effect is larger"
        return {"seeds": None, "hours": None, "text": text}
    character = claim.primary.a.part in ("nanogpt_char", "nanogpt_bf16", "embed_scale")
    hours = seeds * found.runs * (protocol.HOURS_PER_CHARACTER_RUN if character else protocol.HOURS_PER_RUN)
    return {"seeds": seeds, "hours": hours, "text": f"{seeds} seeds in all, about {hours:.1f} hours on two cores"}


WHY = {
    HOLDS: "The interval of this look lies beyond the margin, on the claimed side.",
    FAILS: "The interval of this look lies beyond the margin, on the other side.",
    NO_DIFFERENCE: "Both one-sided tests pass: the 90 % interval lies inside the margin.",
    UNDECIDED: "At the level of this look neither a difference nor its absence is shown.",
}
WHY_EQUAL = {
    HOLDS: "Both one-sided tests pass: the 90 % interval lies inside the margin.",
    FAILS: "The interval of this look lies beyond the margin.",
}
WHY_LEAST = {HOLDS: "The interval lies above the bound.", FAILS: "The interval lies below the bound."}
WHY_FAILURES = {
    HOLDS: "The exact test finds more failures on the claimed side.",
    UNDECIDED: "The exact test finds no difference in failures, and so few runs cannot show that there is none.",
}


def why(test, verdict):
    special = {"equal": WHY_EQUAL, "least": WHY_LEAST}.get(test.direction, {})
    if test.kind == "failures":
        special = WHY_FAILURES
    return special.get(verdict, WHY[verdict])


def judge(data, claim, checks):
    """One claim by itself. `checks`: {part: list of controls.Check}."""
    if claim.primary is None:
        wants = {"seeds": None, "hours": None, "text": claim.needed} if claim.verdict == UNDECIDED else None
        return Judgement(claim, claim.verdict, claim.why, needed=wants)
    state = controls.state_of(parts_of(claim.primary), checks)
    try:
        found = estimating.evaluate(data, claim.primary)
    except measured.NotMeasured as error:
        return Judgement(claim, UNDECIDED, f"Not measured: {error}.", controls=state)
    if state == controls.FAILED:
        reason = "A control of its part fails, so the part judges nothing."
        wants = {"seeds": None, "hours": None, "text": claim.needed or controls.CURE}
        return Judgement(claim, UNDECIDED, reason, found, needed=wants, controls=state)
    if found.edge:
        reason = "The best rate of an arm is at the edge of its grid."
        wants = {"seeds": None, "hours": None, "text": "learning rates beyond that edge"}
        return Judgement(claim, UNDECIDED, reason, found, needed=wants, controls=state)
    verdict, p = decide(claim.primary, found.result)
    wants = needed(claim, found) if verdict == UNDECIDED else None
    return Judgement(claim, verdict, why(claim.primary, verdict), found, p, None, wants, state)


def parts_of(test):
    return [arm.part for arm in (test.a, test.b) if arm is not None]


def passing(p_values):
    """Benjamini-Hochberg: the largest p that passes, or -1."""
    ordered = sorted(p_values)
    return max((p for i, p in enumerate(ordered, 1) if p <= i * protocol.FDR / len(ordered)), default=-1.0)


def judge_all(data, claims, checks):
    """All claims: each by itself, then Benjamini-Hochberg over the primary tests that were judged."""
    judgements = [judge(data, claim, checks) for claim in claims]
    family = [judgement for judgement in judgements if judgement.p is not None]
    limit = passing([judgement.p for judgement in family])
    for judgement in family:
        judgement.p_passed = judgement.p <= limit
        if not judgement.p_passed and judgement.verdict in protocol.DEFINITE:
            judgement.verdict, judgement.why = UNDECIDED, "Does not pass Benjamini-Hochberg over all primary tests."
            judgement.needed = needed(judgement.claim, judgement.estimate)
    return judgements
