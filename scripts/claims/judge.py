"""judge: from a claim and the measurements to a verdict. All rules of the verdicts are here."""

import math
from dataclasses import dataclass

import measured as measuring
from claim import Claim, Test

SUPPORTED, CONTRADICTED, OPEN = "supported", "contradicted", "not distinguishable at this scale"
UNTESTABLE, MISSING = "cannot be tested here", "not measured yet"


@dataclass
class Finding:
    """The result of one test. `a` and `b` are means, `rates` the learning rates that tuning chose."""

    test: Test
    interval: measuring.Interval
    a: float
    b: float
    rates: list
    detectable: float
    verdict: str


@dataclass
class Judgement:
    claim: Claim
    findings: list
    verdict: str


def tuned(data, arm):
    """The arm at the learning rate with the lowest mean final loss over its seeds, and that rate."""
    if not arm.tuned:
        return (arm.part, arm.keys), None
    rates = sorted({row["optim.lr"] for row in data.parts.get(arm.part, [])}, key=float)
    means = {}
    for rate in rates:
        losses = data.values((arm.part, arm.keys | {"optim.lr": rate}), "val_loss")
        if losses:
            means[rate] = math.fsum(losses.values()) / len(losses)
    if not means:
        raise measuring.NotMeasured(f"part {arm.part} has no runs of {arm.keys}")
    best = min(means, key=means.get)
    return (arm.part, arm.keys | {"optim.lr": best}), float(best)


def detectable_by(data, test):
    """The detectable difference, from the pilot, in the unit of the test; NaN without a pilot."""
    if not test.pilot:
        return math.nan
    a, b = ((arm.part, arm.keys) for arm in test.pilot)
    pairs = data.pairs(a, b, test.metric)
    if test.least is not None:
        return measuring.detectable([value for value, _ in pairs])
    if not test.as_percent:
        return measuring.detectable([x - y for x, y in pairs])
    below = math.fsum(y for _, y in pairs) / len(pairs) if pairs else 0
    ratio = math.fsum(x for x, _ in pairs) / len(pairs) / below if below else math.nan
    return 100 * measuring.detectable([(x - ratio * y) / below for x, y in pairs]) if below else math.nan


def verdict_of(test, found):
    """The verdict of a test, by where its whole 95 % interval lies."""
    low, high = found.low, found.high
    if math.isnan(found.mean):
        return OPEN if found.n else MISSING
    if math.isnan(low):
        low = high = found.mean
    if test.least is not None:
        return SUPPORTED if low >= test.least else CONTRADICTED if high < test.least else OPEN
    if test.within is not None:
        if test.b is None:
            low, high = low - test.size, high - test.size
        inside, outside = -test.within <= low and high <= test.within, low > test.within or high < -test.within
        return SUPPORTED if inside else CONTRADICTED if outside else OPEN
    if test.sign == 0:
        return ""
    return (
        SUPPORTED
        if min(test.sign * low, test.sign * high) > 0
        else CONTRADICTED
        if max(test.sign * low, test.sign * high) < 0
        else OPEN
    )


def find(data, test):
    a, rate_a = tuned(data, test.a)
    if test.b is None:
        values = list(data.values(a, test.metric).values())
        found, mean_a, mean_b, rates = measuring.interval(values), math.nan, math.nan, []
    else:
        b, rate_b = tuned(data, test.b)
        pairs = data.pairs(a, b, test.metric)
        found = measuring.percent(pairs) if test.as_percent else measuring.difference(pairs)
        mean_a, mean_b = (measuring.stats.mean(pair[i] for pair in pairs) for i in (0, 1))
        rates = [rate for rate in (rate_a, rate_b) if rate]
    return Finding(test, found, mean_a, mean_b, rates, detectable_by(data, test), verdict_of(test, found))


def judge(data, claim):
    """With `every`, all tests must support the claim and one can contradict it; without, the other way round."""
    if claim.tests is None:
        return Judgement(claim, [], UNTESTABLE)
    findings = []
    for test in claim.tests:
        try:
            findings.append(find(data, test))
        except measuring.NotMeasured:
            findings.append(
                Finding(test, measuring.interval([]), math.nan, math.nan, [], detectable_by(data, test), MISSING)
            )
    verdicts = [finding.verdict for finding in findings if finding.verdict]
    strong, weak = (CONTRADICTED, SUPPORTED) if claim.every else (SUPPORTED, CONTRADICTED)
    if MISSING in verdicts:
        verdict = MISSING
    elif strong in verdicts:
        verdict = strong
    else:
        verdict = weak if all(verdict == weak for verdict in verdicts) else OPEN
    return Judgement(claim, findings, verdict)
