"""strips: pictures of intervals: the forest plot of Peri-LN minus Pre-LN, and one strip for each measured claim, with
the claimed number as a tick."""

import math
import re

import drawing
from drawing import Band, Row

MOST_ROWS = 7
UNITS = {
    "nats": "difference (nats)",
    "ratio": "ratio (log)",
    "failures": "difference of the fractions of failed runs",
    "R2": "difference of R\N{SUPERSCRIPT TWO}",
}
FOREST_LIMITS = (-0.3, 0.5)
FOREST_WIDTH = 560


def signed(value, digits=3):
    return f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def number(value, unit):
    """A value as the page prints it."""
    if value is None:
        return "\N{INFINITY}"
    if unit == "ratio":
        return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}" if abs(value - 1) > 0.05 else f"{value:.4f}"
    digits = 2 if unit == "failures" else 4 if abs(value) < 0.01 else 3 if abs(value) < 10 else 1
    return signed(value, digits)


def with_interval(item):
    """The estimate and interval of a test or row."""
    unit = item["unit"]
    if item["estimate"] is None:
        return "no events"
    return f"{number(item['estimate'], unit)} ({number(item['low'], unit)} to {number(item['high'], unit)})"


def forest(found):
    """Peri-LN minus Pre-LN in every setting, with the margin of a loss."""
    rows, group = [], None
    for item in found["peri_minus_pre"]:
        failed = item["controls"] == "failed"
        header = "" if item["group"] == group else item["group"] + (" (controls failed)" if failed else "")
        group = item["group"]
        row = Row(
            item["label"],
            item["estimate"],
            item["low"],
            item["high"],
            signed(item["estimate"]),
            strong=item["tuned"],
            weak=failed,
            header=header,
        )
        rows.append(row)
    tuned = next(claim for claim in found["claims"] if claim["id"] == "char-tuned")
    if tuned["primary"] is None:
        rows.append(Row("best rates", words=tuned["verdict"], strong=True))
    margin = found["protocol"]["margins"]["loss"]
    band = Band("Peri-LN minus Pre-LN, final validation loss (nats)", 0.0, (-margin, margin), limits=FOREST_LIMITS)
    key = [
        (drawing.DOT, "each at its best rate"),
        (drawing.DOT.replace("c0", "c6"), "equal rates"),
        (drawing.WEAK, "controls of the part failed"),
        (drawing.MARGIN, f"margin, \N{PLUS-MINUS SIGN}{margin}"),
    ]
    heads = ("\N{LEFTWARDS ARROW} Peri-LN lower", "Pre-LN lower \N{RIGHTWARDS ARROW}")
    return drawing.rows_beside_labels("Peri-LN minus Pre-LN in every setting", rows, band, key, heads, FOREST_WIDTH)


def label_of(test):
    """What was compared, and the end point where that is not said."""
    end_point = re.split("[:;]", test["end_point"])[0]
    said = any(word in test["label"] for word in re.findall(r"[\w]{4,}|R2", end_point))
    return test["label"] if said else f"{test['label']}: {end_point}"


def of_claim(claim):
    """The rows of a claim's strip: the primary test and rows of the same unit; the claimed number on its row."""
    test = claim["primary"]
    claimed = claim["claimed"]
    here = claimed["value"] if claimed and claimed["unit"] == test["unit"] and not claim["number_row"] else None
    rows = [
        Row(
            label_of(test),
            test["estimate"],
            test["low"] or None if test["unit"] == "ratio" else test["low"],
            test["high"],
            with_interval(test) if test["estimate"] is None else number(test["estimate"], test["unit"]),
            here,
            True,
            claim["controls"] == "failed",
            claim["exploratory"],
        )
    ]
    for item in [item for item in claim["secondary"] if item["unit"] == test["unit"]][: MOST_ROWS - 1]:
        words = number(item["estimate"], item["unit"])
        rows.append(Row(item["label"], item["estimate"], item["low"], item["high"], words, late=item["exploratory"]))
    return rows


def limits(rows, null, margin, log):
    """The range of the axis: all of the first row with its claimed number, and the others as far as they are within
    twice that."""
    scale, back = (math.log, math.exp) if log else (float, float)
    first = rows[0]
    ends = [first.low, first.high, first.estimate, first.claimed, *(margin or ())]
    span = max((abs(scale(end) - scale(null)) for end in ends if end), default=0) or 1.0
    most = [
        scale(end) - scale(null)
        for row in rows
        for end in (row.low, row.high)
        if end and abs(scale(end) - scale(null)) <= 2 * span
    ]
    low, high = min([*most, -span * 0.15]), max([*most, span * 0.15])
    for end in ends:
        if end:
            low, high = min(low, scale(end) - scale(null)), max(high, scale(end) - scale(null))
    air = 0.06 * (high - low)
    return back(scale(null) + low - air), back(scale(null) + high + air)


def key_of(rows, margin, claimed):
    key = []
    if any(row.strong and not row.late and not row.weak for row in rows):
        key.append((drawing.DOT, "primary test"))
    if rows[0].weak:
        key.append((drawing.WEAK.replace("c6", "c0"), "primary test, controls failed"))
    elif rows[0].late:
        key.append((drawing.HOLLOW.replace("c6", "c0"), "primary test, exploratory"))
    if any(not row.strong and not row.late for row in rows):
        key.append((drawing.DOT.replace("c0", "c6"), "secondary"))
    if any(not row.strong and row.late for row in rows):
        key.append((drawing.HOLLOW, "secondary, exploratory"))
    if margin:
        key.append((drawing.MARGIN, "margin"))
    if claimed:
        key.append((drawing.TICK, claimed))
    return key


def strip(claim):
    """The file of a claim with a primary test."""
    test, rows = claim["primary"], of_claim(claim)
    log = test["unit"] == "ratio"
    margin = None if test["margin_low"] is None else (test["margin_low"], test["margin_high"])
    band = Band(UNITS[test["unit"]], test["null"], margin, log, limits(rows, test["null"], margin, log))
    claimed = f"claimed: {claim['claimed']['text']}" if any(row.claimed is not None for row in rows) else ""
    return drawing.rows_below_labels(claim["text"], rows, band, key_of(rows, margin, claimed))


def strips(found):
    return {claim["id"]: strip(claim) for claim in found["claims"] if claim["primary"]}
