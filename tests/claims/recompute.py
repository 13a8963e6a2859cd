"""recompute: every number and verdict of docs/claims/verdicts.json again from the CSVs, with numpy and scipy.

usage: recompute.py VERDICTS.json FOLDER    prints the differences, and exits with 1 if there are any
"""

import json
import math
import sys

import numpy as np
from scipy import stats

from estimates import RATIOS, Data, best_cell, estimate, of_sample, sensitivity

MARGINS = {
    "loss": 0.02,
    "best_rate": 1.1,
    "sensitivity": 1.5,
    "counts": 1.5,
    "variance": 1.5,
    "time": 1.02,
    "fit": 0.05,
}
BOUNDS = {"rms-loss": 0.03, "inference": 0.03, "char-placement": 0.03, "rms-char": 0.03, "removal": 0.1}
OF_KIND = {"tuned": "loss", "at_best": "loss", "level": "loss", "best_rate": "best_rate", "sensitivity": "sensitivity"}
OF_KIND |= {"counts": "counts", "fit": "fit", "level_ratio": "variance", "failures": "loss"}
LEVELS = {5: 0.018, 10: 0.013, 20: 0.019}
problems, compared = [], 0


def close(where, written, found, tolerance=2e-5):
    """Compares a number of the file with a computed one; None stands for what is not finite."""
    global compared
    compared += 1
    if found is not None and not isinstance(found, bool | str):
        found = float(found) if math.isfinite(found) else None
    if isinstance(found, float) and isinstance(written, int | float):
        if abs(found - written) <= tolerance * max(abs(found), abs(written)) + 1e-9:
            return
    elif found == written:
        return
    problems.append(f"{where}: the file has {written}, the CSVs give {found}")


def level(seeds):
    return LEVELS[max((looks for looks in LEVELS if looks <= seeds), default=5)]


def in_unit(query, value):
    if query["kind"] not in RATIOS:
        return value
    return math.exp(value) if value < 700 else math.inf


def check_interval(where, item, query, result, alpha, low, high):
    for name, end in zip((low, high), result.interval(alpha), strict=True):
        close(f"{where}: {name}", item[name], in_unit(query, end))


def check_row(where, row, data):
    query = row["query"]
    result, _ = estimate(data, query)
    close(f"{where}: estimate", row["estimate"], in_unit(query, result.estimate))
    check_interval(where, row, query, result, 0.05, "low", "high")
    close(f"{where}: n", row["n"], result.n)


def judged(primary, result):
    """Verdict and p of a primary test by itself, by the words of docs/claims/protocol.md."""
    query, way = primary["query"], primary["direction"]
    size = primary["margin"]
    if query["kind"] == "failures":
        size = 0.0
    elif query["kind"] in RATIOS:
        size = math.log(size)
    if way == "least":
        low, high = result.interval(level(result.n))
        above, below = 2 * result.p_above(primary["bound"]), 2 * result.p_below(primary["bound"])
        if low > primary["bound"]:
            return "holds", above
        return ("fails", below) if high < primary["bound"] else ("undecided", min(above, below, 1.0))
    over, under = min(1.0, 2 * result.p_above(size)), min(1.0, 2 * result.p_below(-size))
    equal = max(result.p_above(-size), result.p_below(size)) if query["kind"] != "failures" else 1.0
    spent = level(result.n)
    is_over, is_under, is_equal = over < spent, under < spent, equal < min(spent, 0.05)
    if way == "equal":
        if is_equal:
            return "holds", equal
        return ("fails", min(over, under)) if is_over or is_under else ("undecided", min(over, under, equal))
    claimed, other = ((is_over, over), (is_under, under)) if way == "above" else ((is_under, under), (is_over, over))
    if claimed[0]:
        return "holds", claimed[1]
    if other[0]:
        return "fails", other[1]
    if is_equal:
        return "no difference above the margin", equal
    return "undecided", min(over, under, equal)


def check_control(where, check, data):
    """Whether a control passes, from its query."""
    query = check["query"]
    arms = [(arm["part"], arm["keys"]) for arm in query["arms"]]
    columns = [data.column(*arm, query.get("metric", "val_loss")) for arm in arms]
    form, values = query["form"], [np.array(list(column.values())) for column in columns]
    if form in ("trains", "fails"):
        broken, runs = sum((v >= 3).sum() for v in values), sum(len(v) for v in values)
        passed = broken == (0 if form == "trains" else runs)
    elif form == "differs":
        passed = of_sample([columns[0][s] - columns[1][s] for s in columns[0] if s in columns[1]]).interval(0.05)[0] > 0
    elif form == "same":
        passed = max(abs(columns[0][s] - columns[1][s]) for s in columns[0]) <= query["tolerance"]
    elif form == "alike":
        passed = stats.ttest_ind(*values).pvalue >= 0.05
    elif form == "near":
        passed = abs(values[0].mean() - query["value"]) <= query["tolerance"]
    else:
        passed = (
            (values[0] >= query["least"]).all() if query["least"] is not None else (values[0] <= query["most"]).all()
        )
    close(f"{where}: {check['label']}", check["passed"], bool(passed))
    return bool(passed)


def check_arms(where, primary, cells):
    for name, cell in zip(("a", "b"), cells, strict=True):
        rates, losses, best, edge, _ = cell
        close(f"{where}: best rate of {name}", primary[name]["rate"], rates[best])
        close(f"{where}: edge of {name}", primary[name]["edge"], edge)
        if primary["query"]["kind"] != "at_best":
            close(f"{where}: mean of {name}", primary[name]["mean"], np.mean(list(losses[best].values())))


def check_seeds(where, claim, result):
    """The seeds that an undecided claim needs."""
    needed, primary = claim["needed"], claim["primary"]
    if needed["seeds"] is None:
        return
    size = math.log(primary["margin"]) if primary["query"]["kind"] in RATIOS else primary["margin"]
    gap = abs(result.estimate) - size
    z = stats.norm.ppf(0.975 if gap > 0 else 0.95) + stats.norm.ppf(0.8)
    seeds = math.ceil(z**2 * result.error**2 * result.n / gap**2)
    close(f"{where}: seeds", needed["seeds"], max(seeds, 2 * result.n))


def margin_of(claim):
    """The margin that docs/claims/protocol.md has for a primary test."""
    query = claim["primary"]["query"]
    if query["kind"] == "ratio":
        return MARGINS["time" if query["a"]["part"] == "speed" else "variance"]
    return BOUNDS.get(claim["id"], MARGINS[OF_KIND.get(query["kind"], "loss")])


def check_claim(claim, data, states):
    """Numbers of a claim; (verdict before Benjamini-Hochberg, p or None)."""
    where, primary = claim["id"], claim["primary"]
    for row in claim["secondary"]:
        check_row(f"{where}, {row['label']}", row, data)
    if primary is None:
        return claim["verdict"], None
    query = primary["query"]
    result, cells = estimate(data, query)
    close(f"{where}: estimate", primary["estimate"], in_unit(query, result.estimate))
    close(f"{where}: n", primary["n"], result.n)
    close(f"{where}: level", primary["level"], level(result.n))
    close(f"{where}: margin", primary["margin"], margin_of(claim))
    for alpha, low, high in (
        (0.05, "low", "high"),
        (0.10, "low90", "high90"),
        (primary["level"], "low_look", "high_look"),
    ):
        check_interval(where, primary, query, result, alpha, low, high)
    if cells:
        check_arms(where, primary, cells)
    inside = (
        primary
        if claim["number_row"] is None
        else next(r for r in claim["secondary"] if r["label"] == claim["number_row"])
    )
    known = claim["claimed"] and inside["low"] is not None and inside["high"] is not None
    found = bool(inside["low"] <= claim["claimed"]["value"] <= inside["high"]) if known else None
    close(f"{where}: number inside", claim["number_inside"], found)
    found = {states[query[name]["part"]] for name in ("a", "b") if query[name]}
    state = "failed" if "failed" in found else "passed" if "passed" in found else "none"
    close(f"{where}: controls", claim["controls"], state)
    if state == "failed":
        return "undecided", None
    if cells and any(edge for _, _, _, edge, _ in cells):
        return "undecided", None
    verdict, p = judged(primary, result)
    if claim["verdict"] == verdict == "undecided":
        check_seeds(where, claim, result)
    return verdict, p


def check_family(claims, found):
    """Benjamini-Hochberg as scipy's adjusted p values would have it."""
    family = [(claim, verdict, p) for claim, (verdict, p) in zip(claims, found, strict=True) if p is not None]
    order = sorted(range(len(family)), key=lambda i: family[i][2], reverse=True)
    adjusted, least = {}, 1.0
    for rank, i in enumerate(order):
        least = min(least, family[i][2] * len(family) / (len(family) - rank))
        adjusted[i] = least
    for i, (claim, verdict, p) in enumerate(family):
        close(f"{claim['id']}: p", claim["p"], p, 1e-3)
        close(f"{claim['id']}: p passed", claim["p_passed"], bool(adjusted[i] <= 0.05))
        close(f"{claim['id']}: verdict", claim["verdict"], verdict if adjusted[i] <= 0.05 else "undecided")
    for claim, (verdict, p) in zip(claims, found, strict=True):
        if p is None:
            close(f"{claim['id']}: p", claim["p"], None)
            close(f"{claim['id']}: verdict", claim["verdict"], verdict)


def check_sensitivity(row, data):
    where, arm = f"sensitivity of {row['label']}, {row['group']}", {"part": row["part"], "keys": row["keys"]}
    rates, losses, *_ = best_cell(data, arm)
    broken = [sum(loss >= 3 for loss in values.values()) for values in losses]
    good = [rate for rate, count in zip(rates, broken, strict=True) if count == 0]
    close(f"{where}: failures", str(row["failures"]), str(broken))
    close(f"{where}: highest rate", row["highest_rate"], max(good, default=None))
    result = of_sample(sensitivity(data, arm))
    close(f"{where}: sensitivity", row["sensitivity"], result.estimate if good else None)
    for name, end in zip(("low", "high"), result.interval(0.05), strict=True):
        close(f"{where}: {name}", row[name], end if good else None)


def main(path, folder):
    with open(path) as file:
        written = json.load(file)
    data, states = Data(folder), {}
    for part, item in written["parts"].items():
        passed = [check_control(part, check, data) for check in item["checks"]]
        state = ("passed" if all(passed) else "failed") if passed else "none"
        close(f"{part}: controls", item["controls"], state)
        states[part] = state
    claims = written["claims"]
    check_family(claims, [check_claim(claim, data, states) for claim in claims])
    for row in written["peri_minus_pre"]:
        check_row(f"Peri-LN minus Pre-LN, {row['group']}, {row['label']}", row, data)
    for row in written["sensitivity"]:
        check_sensitivity(row, data)
    for section, tally in written["tally"].items():
        for verdict, count in tally.items():
            close(
                f"tally of {section}, {verdict}",
                count,
                sum((c["section"], c["verdict"]) == (section, verdict) for c in claims),
            )
    print("\n".join(problems) or f"{compared} numbers and verdicts agree")
    return 1 if problems else 0


sys.exit(main(*sys.argv[1:]))
