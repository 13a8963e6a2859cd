"""page: prints docs/claims.md from judgements and tables."""

import math

from collect import METRICS

MINUS = "\u2212"


def number(value, signed=True, percent=False):
    if math.isnan(value):
        return "–"
    digits = 1 if percent else 3 if abs(value) < 10 else 2
    text = f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"
    return text.replace("-", MINUS) + (" %" if percent else "")


def interval_text(finding):
    test, found = finding.test, finding.interval
    if math.isnan(found.mean):
        return "–", "–"
    signed, percent = test.b is not None, test.as_percent
    ends = f"{number(found.low, signed, percent)} to {number(found.high, signed, percent)}"
    return number(found.mean, signed, percent), "–" if math.isnan(found.low) else ends


def claimed_text(test):
    if test.within is not None and test.b is None:
        return f"{test.size:g} ± {test.within:g}"
    if test.size is not None:
        return number(test.size, test.b is not None, test.as_percent) + ("" if test.least is None else " or more")
    if test.least is not None:
        return f"{test.least:g} or more"
    if test.within is not None:
        return f"within {test.within:g}"
    return {-1: "below 0", 1: "above 0", 0: "–"}[test.sign]


def rows_of(judgement):
    for finding in judgement.findings:
        mean, ends = interval_text(finding)
        label = finding.test.label
        if finding.rates:
            label += f" ({', '.join(f'{rate:g}' for rate in finding.rates)})"
        found = finding.test.metric, claimed_text(finding.test), mean, ends, str(finding.interval.n)
        spread = "–" if math.isnan(finding.detectable) else number(finding.detectable, False, finding.test.as_percent)
        yield [label, *found, spread, finding.verdict or "–"]


def table(head, rows, numbers_from=1):
    lines = ["| " + " | ".join(head) + " |"]
    lines.append("|" + "|".join(" --- " if i < numbers_from else " ---: " for i in range(len(head))) + "|")
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return lines


def anchor(claim):
    return claim.name.replace("_", "-")


def parts_of(claim):
    """The parts that a claim is tested on, in order, without those of the pilot."""
    named = {}
    for test in claim.tests or []:
        for arm in (test.a, test.b):
            if arm:
                named[arm.part] = None
    return list(named)


def section(judgement, extra):
    claim = judgement.claim
    lines = [f'<a id="{anchor(claim)}"></a>', "", f"### {claim.article}", ""]
    lines += [
        f"**{judgement.verdict[0].upper()}{judgement.verdict[1:]}.** {claim.comment}".rstrip(),
        "",
        f"- Literature: {claim.literature}",
    ]
    if claim.tests is None:
        return lines + [""]
    lines.append(f"- Holds for: {claim.holds}.")
    parts = parts_of(claim)
    lines.append("- Reproduce: " + ", ".join(f"`scripts/claims.sh --part {part}`" for part in parts))
    rule = "every test must hold" if claim.every else "one test that holds is enough"
    lines += [f"- Verdict: {rule}.", ""] if len(claim.tests) > 1 else [""]
    head = ["test", "measure", "claimed", "measured", "95 % interval", "seeds", "detectable", "verdict"]
    lines += table(head, rows_of(judgement)) + [""]
    for title, head, rows in extra.get(claim.name, []):
        lines += [title, "", *table(head, rows), ""]
    return lines


def page(judgements, introduction, tally, extra, ending):
    lines = [introduction, "## Verdicts", "", tally, ""]
    rows = [[f"[{judgement.claim.article}](#{anchor(judgement.claim)})", judgement.verdict] for judgement in judgements]
    lines += table(["the claim", "verdict"], rows, 2) + [""]
    lines += (
        ["## Measures", ""] + table(["measure", "what it is"], [[f"`{m.name}`", m.meaning] for m in METRICS], 2) + [""]
    )
    lines += ["## Claim by claim", ""]
    for judgement in judgements:
        lines += section(judgement, extra)
    return "\n".join(lines + ending) + "\n"
