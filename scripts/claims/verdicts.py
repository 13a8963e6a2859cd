"""verdicts: docs/claims/verdicts.json, from the CSVs. README.md has its schema."""

import json
import math

import advice
import controls
import estimate as estimating
import judge as judging
import measured
import protocol
import settings
from claims import CLAIMS


def rounded(value):
    """Six significant digits; null for what is no number."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") + 0.0 if math.isfinite(value) else None
    return value


def in_unit(found, value):
    """A value of an estimate in its unit: ratios come as logarithms."""
    if not found.log:
        return value
    return math.exp(value) if value < 700 else math.inf


def ends(found, alpha):
    return [in_unit(found, end) for end in found.result.interval(alpha)]


def query_of(test):
    """What a test compares, so that others can compute it again."""
    arms = {name: {"part": arm.part, "keys": arm.keys} if arm else None for name, arm in (("a", test.a), ("b", test.b))}
    return {
        "kind": test.kind,
        **arms,
        "metric": test.metric,
        "other": test.other,
        "null": test.null,
        "settings": test.settings,
    }


def arm_of(test, found, i):
    arm = (test.a, test.b)[i]
    if arm is None:
        return None
    grid = found.grids[i]
    return {
        "label": arm.label,
        "rate": grid.best if grid else None,
        "optimum": found.optima[i],
        "edge": grid.edge if grid else False,
        "mean": found.means[i],
    }


def primary_of(test, found):
    low, high = ends(found, 0.05)
    low90, high90 = ends(found, protocol.EQUIVALENCE)
    level = protocol.level_of(found.result.n)
    low_look, high_look = ends(found, level)
    floor, ceiling = (in_unit(found, margin) for margin in judging.margins(test))
    if test.direction == "least" or test.kind == "failures":
        floor = ceiling = None
    return {
        "label": test.label,
        "end_point": test.end_point,
        "metric": test.metric,
        "unit": found.unit,
        "method": found.method,
        "direction": test.direction,
        "bound": test.bound,
        "a": arm_of(test, found, 0),
        "b": arm_of(test, found, 1),
        "estimate": in_unit(found, found.result.estimate),
        "low": low,
        "high": high,
        "low90": low90,
        "high90": high90,
        "low_look": low_look,
        "high_look": high_look,
        "level": level,
        "null": 1.0 if found.log else 0.0,
        "margin_low": floor,
        "margin_high": ceiling,
        "margin": judging.margin_of(test),
        "n": found.result.n,
        "query": query_of(test),
    }


def row_of(data, test):
    try:
        found = estimating.evaluate(data, test)
    except measured.NotMeasured:
        return None
    low, high = ends(found, 0.05)
    return {
        "label": test.label,
        "unit": found.unit,
        "estimate": in_unit(found, found.result.estimate),
        "low": low,
        "high": high,
        "n": found.result.n,
        "exploratory": test.exploratory,
        "query": query_of(test),
    }


def number_inside(claimed, primary, rows):
    """Whether the claimed number lies in the interval of the test in whose unit it is."""
    if claimed is None or primary is None:
        return None
    row = next((row for row in rows if row["label"] == claimed.row), None) if claimed.row else primary
    if row is None or row["low"] is None or not math.isfinite(row["low"]) or not math.isfinite(row["high"]):
        return None
    return row["low"] <= claimed.value <= row["high"]


def rates_of(claim):
    """The learning rates of the primary test, as its arms or settings have them."""
    test = claim.primary
    if test is None:
        return []
    keys = [arm.keys for arm in (test.a, test.b) if arm] + test.settings
    return sorted({item["optim.lr"] for item in keys if "optim.lr" in item})


def entry(data, judgement):
    claim, found = judgement.claim, judgement.estimate
    primary = primary_of(claim.primary, found) if found else None
    rows = [row for row in (row_of(data, test) for test in claim.secondary) if row]
    rates = rates_of(claim)
    if found and any(found.grids):
        rates = sorted({rate for grid in found.grids for rate in grid.losses})
    claimed, original = claim.claimed, claim.original
    parts = sorted({arm.part for test in [claim.primary, *claim.secondary] if test for arm in (test.a, test.b) if arm})
    return {
        "id": claim.id,
        "section": claim.section,
        "text": claim.text,
        "claimed": {"value": claimed.value, "unit": claimed.unit, "text": claimed.text} if claimed else None,
        "literature": claim.literature,
        "scope": {"model": claim.model, "steps": claim.steps, "rates": rates, "n": found.result.n if found else None},
        "parts": parts,
        "primary": primary,
        "verdict": judgement.verdict,
        "why": judgement.why,
        "number_inside": number_inside(claimed, primary, rows),
        "number_row": claimed.row if claimed else None,
        "needed": judgement.needed,
        "controls": judgement.controls,
        "exploratory": claim.exploratory,
        "original": vars(original) if original else None,
        "p": judgement.p,
        "p_passed": judgement.p_passed,
        "secondary": rows,
        "comment": claim.comment,
    }


def tally(entries):
    return {
        section: {
            verdict: sum(item["section"] == section and item["verdict"] == verdict for item in entries)
            for verdict in protocol.VERDICTS
        }
        for section in ("article", "own")
    }


def begun(data):
    """The claims without those that are planned and have no runs yet."""
    return [c for c in CLAIMS if not c.planned or set(judging.parts_of(c.primary)) <= data.parts.keys()]


def verdicts(folder):
    data = measured.Measured(folder)
    checks = controls.check_all(data)
    entries = [entry(data, judgement) for judgement in judging.judge_all(data, begun(data), checks)]
    forest, sensitivity = settings.differences(data, checks), settings.sensitivities(data, checks)
    return rounded(
        {
            "protocol": {
                "margins": protocol.MARGINS,
                "looks": [{"seeds": seeds, "level": level} for seeds, level in protocol.LOOKS],
                "fdr": protocol.FDR,
                "failure_loss": protocol.FAILED,
            },
            "tally": tally(entries),
            "claims": entries,
            "peri_minus_pre": forest,
            "sensitivity": sensitivity,
            "parts": {
                part: {"controls": controls.state_of([part], checks), "checks": [vars(check) for check in found]}
                for part, found in checks.items()
            },
            "advice": advice.sentences(entries, forest, sensitivity),
        }
    )


def compact(value):
    return json.dumps(value, ensure_ascii=False)


def lines_of(value, indent, deep=()):
    """JSON with one line for each key of an object, and one for each item of the lists under the keys `deep`."""
    pad, lines = " " * indent, []
    for key, item in value.items():
        if key in deep and item:
            items = f",\n{pad} ".join(compact(element) for element in item)
            lines.append(f"{pad}{compact(key)}: [\n{pad} {items}\n{pad}]")
        else:
            lines.append(f"{pad}{compact(key)}: {compact(item)}")
    return ",\n".join(lines)


def text(folder):
    """Lines that a person can compare: a line for each key of a claim, and for each row."""
    found = verdicts(folder)
    claims = ",\n".join(f"  {{\n{lines_of(claim, 3, ('secondary',))}\n  }}" for claim in found.pop("claims"))
    rest = lines_of(found, 1, ("peri_minus_pre", "sensitivity", "advice"))
    return f'{{\n "claims": [\n{claims}\n ],\n{rest}\n}}\n'
