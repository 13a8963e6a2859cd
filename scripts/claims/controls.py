"""controls: for each part, what it must show (positive) and what it must not show (negative).

A part with a failed control judges nothing. The committed parts ran before these controls were written down; they use
runs that exist.
"""

from dataclasses import dataclass

import results
import stats
from arms import at, depth, evaluated, gamma, placed, skip, topology, warmed
from claim import Arm
from claims import CLAIMS
from claims_embedding import scaled
from claims_precision import rounded
from fits import failed

PASSED, FAILED, NONE = "passed", "failed", "none"
CURE = "longer runs, in which DeepNorm and Keel train at 12 blocks"


@dataclass
class Check:
    label: str
    kind: str  # positive or negative
    passed: bool
    found: str
    query: dict  # what was compared, so that others can compare it again


def asked(form, *arms, **more):
    return {"form": form, "arms": [{"part": arm.part, "keys": arm.keys} for arm in arms], **more}


def trains(label, kind, *arms):
    """All runs of the arms end below the failure loss."""

    def check(data):
        losses = [data.values((arm.part, arm.keys), "val_loss") for arm in arms]
        broken, runs = sum(map(failed, losses)), sum(map(len, losses))
        return Check(label, kind, broken == 0 and runs > 0, f"{broken} of {runs} runs failed", asked("trains", *arms))

    return check


def fails(label, kind, *arms):
    """All runs of the arms end at the failure loss or above."""

    def check(data):
        losses = [data.values((arm.part, arm.keys), "val_loss") for arm in arms]
        broken, runs = sum(map(failed, losses)), sum(map(len, losses))
        return Check(label, kind, broken == runs > 0, f"{broken} of {runs} runs failed", asked("fails", *arms))

    return check


def differs(label, kind, a, b, metric="val_loss"):
    """The 95 % interval of a minus b, paired by seed, is above 0."""

    def check(data):
        pairs = data.pairs((a.part, a.keys), (b.part, b.keys), metric)
        if len(pairs) < 2:
            return Check(label, kind, False, "no runs", {})
        low, high = results.mean_of([x - y for x, y in pairs]).interval(0.05)
        return Check(label, kind, low > 0, f"{low:+.3f} to {high:+.3f}", asked("differs", a, b, metric=metric))

    return check


def same(label, kind, a, b, metric="val_loss", tolerance=0.0):
    """Runs that are equal by construction end equal, seed by seed."""

    def check(data):
        pairs = data.pairs((a.part, a.keys), (b.part, b.keys), metric)
        most = max((abs(x - y) for x, y in pairs), default=float("nan"))
        return Check(
            label,
            kind,
            most <= tolerance,
            f"largest difference {most:.2g}",
            asked("same", a, b, metric=metric, tolerance=tolerance),
        )

    return check


def alike(label, kind, a, b, metric="val_loss"):
    """The same model with other seeds: the 95 % interval of the difference of means contains 0."""

    def check(data):
        x, y = (list(data.values((arm.part, arm.keys), metric).values()) for arm in (a, b))
        if min(len(x), len(y)) < 2:
            return Check(label, kind, False, "no runs", {})
        squares = sum(sum((value - stats.mean(group)) ** 2 for value in group) for group in (x, y))
        df = len(x) + len(y) - 2
        error = (squares / df * (1 / len(x) + 1 / len(y))) ** 0.5
        low, high = stats.Student(stats.mean(x) - stats.mean(y), error, df, min(len(x), len(y))).interval(0.05)
        return Check(label, kind, low <= 0 <= high, f"{low:+.3f} to {high:+.3f}", asked("alike", a, b, metric=metric))

    return check


def near(label, kind, arm, metric, value, tolerance):
    """The mean is within `tolerance` of a known value."""

    def check(data):
        found = stats.mean(data.values((arm.part, arm.keys), metric).values())
        return Check(
            label,
            kind,
            abs(found - value) <= tolerance,
            f"{found:.4g} against {value:g}",
            asked("near", arm, metric=metric, value=value, tolerance=tolerance),
        )

    return check


def counted(label, kind, arm, metric, least=None, most=None):
    """Every run has at least, or at most, this many events."""

    def check(data):
        values = list(data.values((arm.part, arm.keys), metric).values())
        good = bool(values) and all(v >= least if least is not None else v <= most for v in values)
        return Check(
            label,
            kind,
            good,
            "events " + ", ".join(f"{value:g}" for value in values),
            asked("counted", arm, metric=metric, least=least, most=most),
        )

    return check


P, N = "positive", "negative"
DEEPNORM = trains("DeepNorm trains at 12 blocks, learning rate 1e-3", P, depth("deepnorm", 12))
KEEL = trains("Keel trains at 12 blocks, learning rate 1e-3", P, depth("keel", 12))
DEEP_SEEDS = alike(
    "Pre-LN, 12 blocks, seeds 1 to 5 against 101 to 104",
    N,
    depth("pre", 12),
    topology("pilot_deep", "pre", model__n_layer=12),
)
PILOT = {norm: Arm("pilot", {"model.topology": "pre", "model.norm": norm}) for norm in ("rmsnorm", "layernorm")}
NO_OUT = "Pre-LN has no out norms, so that their gamma-warmup changes nothing"
UNTRAINED = near(
    "the loss of untrained Peri-LN is ln 256", N, topology("variance_init", "peri"), "val_loss", 5.5452, 0.01
)


def higher(part, rate, than, **keys):
    """A rate known to be too low ends higher than a better one."""
    label = f"learning rate {rate:g} ends higher than {than:g}"
    keys = {key.replace("__", "."): value for key, value in keys.items()}
    return differs(label, P, Arm(part, keys | {"optim.lr": rate}), Arm(part, keys | {"optim.lr": than}))


PARTS = {
    "placement": [
        fails("Post-LN fails at learning rate 1.6e-2", P, placed("post", 1.6e-2)),
        higher("placement", 1e-3, 4e-3, model__topology="pre"),
        alike("Pre-LN at 2e-3, seeds 1 to 5 against 101 to 104", N, placed("pre", 2e-3), PILOT["rmsnorm"]),
    ],
    "layernorm": [
        higher("layernorm", 1e-3, 4e-3, model__topology="pre"),
        alike(
            "Pre-LN at 2e-3, seeds 1 to 5 against 101 to 104",
            N,
            topology("layernorm", "pre", 2e-3),
            PILOT["layernorm"],
        ),
    ],
    "literal": [
        higher("literal", 1e-3, 2e-3),
        fails("learning rate 8e-3 fails", N, Arm("literal", {"optim.lr": 8e-3})),
    ],
    "peri_bare": [
        trains("all runs train", P, Arm("peri_bare", {"optim.lr": 2e-3}), Arm("peri_bare", {"optim.lr": 4e-3}))
    ],
    "pre_embed": [
        trains("all runs train", P, Arm("pre_embed", {"optim.lr": 2e-3}), Arm("pre_embed", {"optim.lr": 4e-3}))
    ],
    "rmsnorm_lr": [higher("rmsnorm_lr", 1e-3, 4e-3, optim__rmsnorm_lr_scale=0.95)],
    "spikes": [
        counted("Pre-LN at 1.6e-2 has spikes in every run", P, topology("spikes", "pre", 1.6e-2), "flagged", least=1),
        counted(
            "Post-LN, which learns nothing here, has none", N, topology("spikes", "post", 1.6e-2), "flagged", most=0
        ),
    ],
    "depth": [DEEPNORM, KEEL, DEEP_SEEDS],
    "depth_96": [
        trains("DeepNorm trains at 96 blocks", P, topology("depth_96", "deepnorm")),
        DEEPNORM,
        KEEL,
        DEEP_SEEDS,
    ],
    "lr_warmup": [
        DEEPNORM,
        KEEL,
        trains(
            "Pre-LN trains with 12 and 48 blocks at 1e-3 and 3e-3",
            N,
            *(
                warmed("pre", blocks, rate, warmup)
                for blocks in (12, 48)
                for rate in (1e-3, 3e-3)
                for warmup in (0, 100)
            ),
        ),
    ],
    "residual": [
        trains("Pre-LN with residual connections trains", P, skip("pre", 4, 1), skip("pre", 12, 1)),
        same("skip 1 is Pre-LN of part depth", N, skip("pre", 12, 1), depth("pre", 12)),
    ],
    "variance_init": [
        near("Peri-LN starts linear: R2 of a line", P, topology("variance_init", "peri"), "r2_linear", 1.0, 0.05),
        UNTRAINED,
    ],
    "gamma_warmup": [
        differs(
            "gamma-warmup of Pre-LN changes the loss at a third of the run",
            P,
            gamma("pre", "in and post"),
            gamma("pre", "out"),
            "val_third",
        ),
        same(NO_OUT, N, gamma("pre", "out"), placed("pre", 8e-3)),
    ],
    "branch_warmup": [
        differs(
            "branch warm-up of Pre-LN changes the loss at a third of the run",
            P,
            topology("branch_warmup", "pre", branch_warmup__order="deeper"),
            placed("pre", 8e-3),
            "val_third",
        ),
    ],
    "unnormed": [higher("unnormed", 1e-3, 4e-3, model__norm="none")],
    "dyt_start": [
        higher("dyt_start", 1e-3, 4e-3),
        fails("DyT with matrices of 0.02 learns nothing", N, Arm("unnormed", {"model.norm": "dyt", "optim.lr": 4e-3})),
    ],
    "few_tokens": [higher("few_tokens", 1e-3, 4e-3, model__norm="rmsnorm")],
    "dyt_start_few": [higher("dyt_start_few", 1e-3, 4e-3)],
    "removal": [
        differs(
            "fine-tuning with norms lowers the loss",
            P,
            topology("layernorm", "pre", 4e-3),
            Arm("removal", {"norm_removal.start": 1000}),
        )
    ],
    "batchnorm": [
        differs(
            "LayerNorm: a batch of 1 ends higher than one of 16",
            P,
            Arm("batchnorm", {"model.norm": "layernorm", "train.batch": 1}),
            Arm("batchnorm", {"model.norm": "layernorm", "train.batch": 16}),
        )
    ],
    "inference": [
        differs("Pre-LN evaluated as Post-LN ends higher", P, evaluated("pre", wired_as="post"), evaluated("pre")),
        same("Pre-LN with its norms ends as in training", N, evaluated("pre"), placed("pre", 2e-3), tolerance=1e-5),
    ],
    "speed": [],
    "nanogpt_char": [
        near(
            "Pre-LN, LayerNorm ends as in PyTorch",
            P,
            Arm("nanogpt_char", {"arm": "pre", "norm": "layernorm"}),
            "val_loss",
            1.909,
            0.02,
        ),
        near(
            "Peri-LN, LayerNorm ends as in PyTorch",
            P,
            Arm("nanogpt_char", {"arm": "peri", "norm": "layernorm"}),
            "val_loss",
            1.847,
            0.02,
        ),
        near(
            "Post-LN, LayerNorm ends as in PyTorch",
            P,
            Arm("nanogpt_char", {"arm": "post", "norm": "layernorm"}),
            "val_loss",
            1.919,
            0.02,
        ),
    ],
    "nanogpt_bf16": [
        differs("Pre-LN ends higher than Peri-LN, as in float32", P, rounded("pre"), rounded("peri")),
    ],
    "embed_scale": [
        differs(
            "Pre-LN ends higher at learning rate 1e-3 than at 4e-3",
            P,
            at(scaled("pre", 1), 1e-3),
            at(scaled("pre", 1), 4e-3),
        ),
        alike(
            "Pre-LN with embedding norm, embedding times 50 and times 1",
            N,
            at(scaled("pre", 50, with_norm=True), 4e-3),
            at(scaled("pre", 1, with_norm=True), 4e-3),
        ),
    ],
}


def check_all(data):
    planned = {claim.primary.a.part for claim in CLAIMS if claim.planned} - data.parts.keys()
    return {part: [check(data) for check in checks] for part, checks in PARTS.items() if part not in planned}


def state_of(parts, checks):
    """passed, failed or none, over all controls of the parts."""
    found = [check for part in parts for check in checks.get(part, [])]
    if not found:
        return NONE
    return PASSED if all(check.passed for check in found) else FAILED
