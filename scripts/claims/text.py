"""text: what docs/claims.md has around its tests: introduction, tables of means, and which placement to choose."""

import math

import stats
from arms import HIGH_RATES, RATES
from judge import CONTRADICTED, MISSING, OPEN, SUPPORTED, UNTESTABLE

INTRODUCTION = """# What is true about norms

An article about the placement of norms makes some twenty numeric claims, most of them without a source;
[below](#claim-by-claim) they are quoted in short. This page has a measurement for each. It is generated:
`scripts/claims.sh` trains, reduces every run to a line of a CSV in [claims/](claims/) and writes this page from those
lines. A test writes it again and compares.

- A part is one sweep in [sweeps/claims/](../sweeps/claims/). To run one again, remove its CSV and run
  `scripts/claims.sh --part NAME`. To run all, `scripts/claims.sh --full`: 903 runs, which trained for 3.4 hours two
  at a time, and 50 of the character model.
- Arms are compared seed by seed: the same initial values where tensors agree, and the same batches. An interval is
  that of Student's t over the paired differences of five seeds; for a percentage, over the linearized ratio of means.
- "Detectable" is the difference that five seeds detect four times out of five. It is computed from the spread of a
  pilot with other seeds, which was recorded, like arms, measures and rules of the verdicts, before the parts ran.
  Without pilot runs of a measure there is none. Where a test was changed, added or dropped after a look at results,
  the claim says so.
- A verdict depends on where the whole interval lies: on the claimed side of zero (or inside the claimed bounds),
  **supported**; on the other, **contradicted**; across, **not distinguishable at this scale**. A claimed size is not
  part of the verdict: compare it with the interval.
- Best learning rates are chosen and judged on the same seeds, which favors all arms by about the same amount.
- The models and the text are small. A claim about 48 blocks of width 4,096 may hold there and not here; each answer
  says what it holds for. The learning-rate factor for RMSNorm is 1 everywhere and gamma-warmup is off, except in the
  parts about them.
"""


def mean_cell(values, digits=3):
    """A mean over seeds, and for losses how many of them ended at 3 nats or more."""
    if not values:
        return "–"
    broken = sum(value >= 3 for value in values) if digits == 3 else 0
    return f"{stats.mean(values):.{digits}f}" + (f" ({broken} of {len(values)} failed)" if broken else "")


def grid(data, title, rows, columns, metric="val_loss", digits=3, corner="model"):
    """A table of means. `rows` are (label, part, keys), `columns` (label, keys)."""
    lines = []
    for label, part, keys in rows:
        cells = [mean_cell(list(data.values((part, keys | more), metric).values()), digits) for _, more in columns]
        lines.append([label, *cells])
    return title, [corner, *(label for label, _ in columns)], lines


def rates(values):
    return [(f"{rate:g}", {"optim.lr": rate}) for rate in values]


def of(name, **keys):
    return {"model.topology": name, **{key.replace("__", "."): value for key, value in keys.items()}}


PLACEMENTS = [(name, "placement", of(name)) for name in ("post", "pre", "peri")]
DEPTH_ROWS = ("post", "pre", "peri", "pre_post", "deepnorm", "lns", "keel", "mixln", "hybrid")


def curves(data):
    rows = PLACEMENTS + [("pre_post", "literal", {})]
    return grid(
        data,
        "Final validation loss over the learning rate, means of five seeds; failed = 3 nats or more:",
        rows,
        rates(RATES),
    )


def norm_curves(data):
    rows = [(f"{name}, RMSNorm", "placement", of(name)) for name in ("pre", "peri")]
    rows += [(f"{name}, LayerNorm", "layernorm", of(name)) for name in ("pre", "peri")]
    rows += [
        (f"pre, RMSNorm, factor {factor}", "rmsnorm_lr", {"optim.rmsnorm_lr_scale": factor}) for factor in (0.95, 0.9)
    ]
    return grid(data, "Final validation loss over the learning rate, means of five seeds:", rows, rates(RATES))


def unnormed_curves(data):
    rows = [("RMSNorm", "placement", of("pre"))] + [
        (name, "unnormed", {"model.norm": name}) for name in ("dyt", "none")
    ]
    rows.append(("dyt, init_std 0.2", "dyt_start", {}))
    return grid(
        data,
        "Final validation loss over the learning rate, means of five seeds:",
        rows,
        rates([5e-4, 1e-3, 4e-3, 1.6e-2]),
    )


def warmups(data):
    rows = [
        (
            f"{name}, {blocks} blocks, warm-up {warmup}",
            "lr_warmup",
            of(name, model__n_layer=blocks, optim__warmup_steps=warmup),
        )
        for blocks in (12, 48)
        for name in ("post", "pre", "peri")
        for warmup in (0, 100)
    ]
    return grid(data, "Final validation loss, means of five seeds:", rows, rates([3e-4, 1e-3, 3e-3]))


def residuals(data):
    none, cut = (
        {"model.wire.attn.skip": "", "model.wire.mlp.skip": ""},
        {"model.wire.attn.skip": 0, "model.wire.mlp.skip": 0},
    )
    half = {"model.wire.attn.skip": 0.5, "model.wire.mlp.skip": 0.5}
    rows = [
        (f"{name}, {blocks} blocks", "residual", of(name, model__n_layer=blocks))
        for blocks in (4, 12)
        for name in ("post", "pre", "peri")
    ]
    return grid(
        data,
        "Final validation loss, means of five seeds:",
        rows,
        [("skip 1", none), ("skip 0.5", half), ("skip 0", cut)],
    )


def spikes(data):
    columns = [
        (f"{what} at {rate:g}", metric, rate)
        for rate in HIGH_RATES
        for what, metric in (("flagged", "flagged"), ("score", "score_grad"))
    ]
    lines = []
    for label, _, keys in PLACEMENTS:
        cells = [
            mean_cell(list(data.values(("spikes", keys | {"optim.lr": rate}), metric).values()), 2)
            for _, metric, rate in columns
        ]
        lines.append([label, *cells])
    return (
        "Flagged steps of 1,200, and OLMo 2's spike score of the gradient norm in percent, means of five seeds:",
        ["model", *(label for label, _, _ in columns)],
        lines,
    )


def depths(data):
    columns = [
        ("loss, 12 blocks", "depth", 12, "val_loss"),
        ("loss, 64", "depth", 64, "val_loss"),
        ("loss, 96", "depth_96", None, "val_loss"),
        ("growth, 64", "depth", 64, "growth"),
        ("R² linear", "depth", 64, "r2_linear"),
        ("R² log", "depth", 64, "r2_log"),
        ("growth untrained, 64", "variance_init", None, "growth"),
    ]
    lines = []
    for name in DEPTH_ROWS:
        cells = []
        for _, part, blocks, metric in columns:
            keys = of(name) if blocks is None else of(name, model__n_layer=blocks)
            cells.append(mean_cell(list(data.values((part, keys), metric).values()), 3 if metric == "val_loss" else 2))
        lines.append([name, *cells])
    return (
        "Depth, means of five seeds; growth and fits are those of the variance of the residual stream "
        "over the blocks after training:",
        ["model", *(label for label, *_ in columns)],
        lines,
    )


def evaluations(data):
    lines = []
    for norm, names in (("rmsnorm", ("post", "pre", "peri")), ("layernorm", ("pre", "peri"))):
        for name in names:
            for norms in ("real", "frozen", "frozen_first", "identity"):
                arm = "inference", {"model.norm": norm, "model.topology": name, "wired_as": name, "norms": norms}
                cells = [
                    mean_cell(list(data.values(arm, metric).values()), 2) for metric in ("val_loss", "median", "p999")
                ]
                lines.append([f"{name} {norm}", norms, *cells])
    return (
        "Cross-entropy over 16,384 tokens, means of five seeds:",
        ["model", "norms", "mean", "median", "99.9th percentile"],
        lines,
    )


def tables(data):
    """{claim: [(title, head, rows)]}: the tables of a claim besides its tests."""
    return {
        "peri_lower": [curves(data)],
        "post_depth": [warmups(data)],
        "variance": [depths(data)],
        "peri_spikes": [spikes(data)],
        "residual": [residuals(data)],
        "rms_loss": [norm_curves(data)],
        "no_norm": [unnormed_curves(data)],
        "inference": [evaluations(data)],
    }


# The article's advice, and the claims behind it.
ADVICE = [
    ("Below 1 B parameters, stay with LayerNorm in Pre-LN.", ["peri_lower", "rms_loss"]),
    ("Above that, use RMSNorm for 7 to 9 % of speed, and adjust the learning rate.", ["rms_speed", "rms_rate"]),
    ("Beyond 50 blocks, or where gradients explode, try Peri-LN.", ["peri_spikes", "peri_lower", "embed_norm"]),
    ("Avoid Post-LN.", ["pre_worse", "pre_stable", "post_depth"]),
    ("Warm up gamma.", ["gamma_warmup"]),
    ("Norms may be dropped for inference.", ["inference"]),
    ("Use the placement of training for inference.", ["mismatch"]),
]


def best_of(data, name):
    """(loss, rate) of a placement at its best learning rate; the loss is infinite if it was not measured."""
    means = []
    for rate in RATES:
        losses = data.values(("placement", of(name) | {"optim.lr": rate}), "val_loss").values()
        means.append((stats.mean(losses) if losses else math.inf, rate))
    return min(means)


def ending(data, judgements):
    verdicts = {judgement.claim.name: judgement for judgement in judgements}
    lines = ["## Which to choose", "", "The article's advice, and the verdicts on the claims behind it:", ""]
    lines += ["| advice | rests on |", "| --- | --- |"]
    for advice, names in ADVICE:
        rests = [f"[{name.replace('_', ' ')}](#{name.replace('_', '-')}): {verdicts[name].verdict}" for name in names]
        lines.append(f"| {advice} | {'; '.join(rests)} |")
    order = sorted((best_of(data, name), name) for name in ("post", "pre", "peri"))
    listed = [f"`{name}` ({loss:.3f} at {rate:g})" for (loss, rate), name in order if math.isfinite(loss)]
    if listed:
        lines += [
            "",
            f"Each at its best learning rate, from the lowest loss to the highest: {', '.join(listed)}. For another "
            "text, size or budget, measure again: `scripts/sweep.sh sweeps/placement.json --jobs 2` takes 15 minutes.",
        ]
    return lines


COUNTED = [SUPPORTED, CONTRADICTED, OPEN, UNTESTABLE, MISSING]


def tally(judgements):
    found = [(verdict, sum(judgement.verdict == verdict for judgement in judgements)) for verdict in COUNTED]
    return (
        "Of "
        + f"{len(judgements)} claims: "
        + ", ".join(f"{count} {verdict}" for verdict, count in found if count)
        + "."
    )
