"""settings: Peri-LN minus Pre-LN in every setting, and the sensitivity to the learning rate of every placement."""

import controls
import estimate
import fits
import measured
import results
from arms import RATES, character, depth, layernorm, placed, topology, warmed
from claim import Arm, Test


def difference_rows():
    """(group, rate or None at the best one, tuned, test) of Peri-LN minus Pre-LN, for the forest plot."""
    rows = [("4 blocks", None, True, Test("tuned", "RMSNorm, best rates", placed("peri"), placed("pre")))]
    rows += [
        ("4 blocks", rate, False, Test("equal", f"RMSNorm, {rate:g}", placed("peri", rate), placed("pre", rate)))
        for rate in RATES
    ]
    rows.append(("4 blocks", None, True, Test("tuned", "LayerNorm, best rates", layernorm("peri"), layernorm("pre"))))
    rows += [
        (
            "4 blocks",
            rate,
            False,
            Test("equal", f"LayerNorm, {rate:g}", layernorm("peri", rate), layernorm("pre", rate)),
        )
        for rate in RATES
    ]
    deep = "depth, 300 steps"
    for blocks, peri, pre in [
        (12, depth("peri", 12), depth("pre", 12)),
        (48, warmed("peri", 48, 1e-3, 100), warmed("pre", 48, 1e-3, 100)),
        (64, depth("peri", 64), depth("pre", 64)),
        (96, topology("depth_96", "peri"), topology("depth_96", "pre")),
    ]:
        rows.append((deep, 1e-3, False, Test("equal", f"{blocks} blocks, 0.001", peri, pre)))
    rows += [
        (
            deep,
            3e-3,
            False,
            Test(
                "equal", f"{blocks} blocks, 0.003", warmed("peri", blocks, 3e-3, 100), warmed("pre", blocks, 3e-3, 100)
            ),
        )
        for blocks in (12, 48)
    ]
    rows += [
        (
            "character model",
            1e-3,
            False,
            Test("equal", f"{word}, 0.001", character("peri", norm), character("pre", norm)),
        )
        for norm, word in (("rmsnorm", "RMSNorm"), ("layernorm", "LayerNorm"))
    ]
    return rows


def differences(data, checks):
    rows = []
    for group, rate, tuned, test in difference_rows():
        try:
            found = estimate.evaluate(data, test).result
        except measured.NotMeasured:
            continue
        low, high = found.interval(0.05)
        rows.append(
            {
                "group": group,
                "label": test.label,
                "part": test.a.part,
                "unit": "nats",
                "rate": rate,
                "estimate": found.estimate,
                "low": low,
                "high": high,
                "n": found.n,
                "tuned": tuned,
                "query": {
                    "kind": test.kind,
                    "a": vars(test.a),
                    "b": vars(test.b),
                    "metric": "val_loss",
                    "settings": [],
                },
                "controls": controls.state_of([test.a.part, test.b.part], checks),
            }
        )
    return rows


def sensitivity_arms():
    """(group, label, arm)."""
    wide, spiky = "4 blocks, 1,200 steps", "4 blocks, no clipping, beta2 0.999, warm-up of 10 steps"
    arms = [(wide, word, placed(name)) for name, word in (("post", "Post-LN"), ("pre", "Pre-LN"), ("peri", "Peri-LN"))]
    arms += [(wide, f"{word}, LayerNorm", layernorm(name)) for name, word in (("pre", "Pre-LN"), ("peri", "Peri-LN"))]
    arms += [(wide, "pre_post", Arm("literal", {})), (wide, "Peri-LN without embedding norm", Arm("peri_bare", {}))]
    arms += [(wide, "no norms", Arm("unnormed", {"model.norm": "none"}))]
    names = (("post", "Post-LN"), ("pre", "Pre-LN"), ("peri", "Peri-LN"))
    arms += [(spiky, word, topology("spikes", name)) for name, word in names]
    arms += [
        (f"{blocks} blocks, 300 steps, warm-up of {warmup} steps", word, warmed(name, blocks, None, warmup))
        for blocks in (12, 48)
        for warmup in (0, 100)
        for name, word in names
    ]
    return arms


def highest_rate(grid):
    """The highest rate of the grid at which all seeds train."""
    good = [rate for rate in sorted(grid.losses) if fits.failed(grid.losses[rate]) == 0]
    return good[-1] if good else None


def sensitivities(data, checks):
    rows = []
    for group, label, arm in sensitivity_arms():
        try:
            grid = fits.grid(data, arm)
            found = results.mean_of(list(estimate.sensitivity_of(data, arm).values()))
        except measured.NotMeasured:
            continue
        highest = highest_rate(grid)
        low, high = found.interval(0.05)
        rows.append(
            {
                "group": group,
                "label": label,
                "part": arm.part,
                "keys": arm.keys,
                "rates": sorted(grid.losses),
                "sensitivity": found.estimate if highest else None,
                "low": low if highest else None,
                "high": high if highest else None,
                "n": found.n,
                "highest_rate": highest,
                "failures": fits.failures(grid),
                "controls": controls.state_of([arm.part], checks),
            }
        )
    return rows
