"""arms: which runs the claims compare, in short words: placed("peri", 1e-3) instead of a part and its keys."""

from claim import Arm, Test

SMALL = "4 blocks of width 64 (0.2 M parameters), 614,400 tokens of builtin:stories, AdamW, cosine"
DEEP = "blocks of width 32, 76,800 tokens of builtin:stories in 300 steps"
CHAR = (
    "nanoGPT's character model: 4 blocks of width 128 (0.8 M parameters), 2,000 steps on tinyshakespeare, "
    "learning rate 1e-3"
)

RATES = [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]
HIGH_RATES = [4e-3, 8e-3, 1.6e-2]

BEST = "best"  # instead of a learning rate: the one with the lowest mean final loss of the arm


def topology(part, name, rate=None, tuned=False, **keys):
    arm_keys = {"model.topology": name, **{key.replace("__", "."): value for key, value in keys.items()}}
    if rate is not None:
        arm_keys["optim.lr"] = rate
    return Arm(part, arm_keys, tuned)


def placed(name, rate):
    """A placement at a learning rate, or at its best one, in part placement."""
    return topology("placement", name, tuned=True) if rate == BEST else topology("placement", name, rate)


def pilot(a, b, norm_a="rmsnorm", norm_b="rmsnorm"):
    return (
        Arm("pilot", {"model.topology": a, "model.norm": norm_a}),
        Arm("pilot", {"model.topology": b, "model.norm": norm_b}),
    )


def pilot_deep(a, b, blocks=48):
    return (topology("pilot_deep", a, model__n_layer=blocks), topology("pilot_deep", b, model__n_layer=blocks))


def rate_text(rate):
    return "at their best learning rates" if rate == BEST else f"at learning rate {rate:g}"


def placements(a, b, metric, sign, rates, as_percent=False, size=None):
    """Placement a against placement b at every learning rate."""
    return [
        Test(
            f"{a} against {b} {rate_text(rate)}",
            metric,
            placed(a, rate),
            placed(b, rate),
            sign=sign,
            as_percent=as_percent,
            size=size,
            pilot=pilot(a, b),
        )
        for rate in rates
    ]


def depth(name, blocks, part="depth"):
    return topology(part, name, model__n_layer=blocks)


def warmed(name, blocks, rate, warmup):
    return topology("lr_warmup", name, rate, model__n_layer=blocks, optim__warmup_steps=warmup)


def skip(name, blocks, factor):
    keys = {"model.topology": name, "model.n_layer": blocks}
    if factor != 1:
        keys |= {"model.wire.attn.skip": factor, "model.wire.mlp.skip": factor}
    else:
        keys |= {"model.wire.attn.skip": "", "model.wire.mlp.skip": ""}
    return Arm("residual", keys)


GAMMA = {"in and post": "['in', 'post']", "out": "['out']"}


def gamma(name, slots):
    return topology("gamma_warmup", name, gamma_warmup__slots=GAMMA[slots])


def early(name, slots):
    """Gamma-warmup on some slots of a placement against the same model without it."""
    without_it = placed(name, 8e-3) if name == "peri" else gamma(name, "out")
    return Test(
        f"{name}, gamma-warmup of its {slots} norms against none",
        "jitter_early",
        gamma(name, slots),
        without_it,
        sign=-1,
        as_percent=True,
        size=-37,
        pilot=pilot(name, name, "rmsnorm", "layernorm"),
    )


def evaluated(name, norms="real", wired_as=None, norm="rmsnorm"):
    keys = {"model.norm": norm, "model.topology": name, "wired_as": wired_as or name, "norms": norms}
    return Arm("inference", keys)


def without(name, norms, norm="rmsnorm"):
    """A trained model with frozen or removed norms against itself."""
    words = {
        "frozen": "constants for statistics",
        "frozen_first": "the same, separate for the first token",
        "identity": "only gains and shifts",
    }
    gone = norms == "identity"
    return Test(
        f"{'' if gone else 'for comparison, '}{name} {norm}, {words[norms]}, against its norms",
        "val_loss",
        evaluated(name, norms, norm=norm),
        evaluated(name, norm=norm),
        within=0.03 if gone else None,
        size=0.03,
    )


def character(arm, norm):
    return Arm("nanogpt_char", {"arm": arm, "norm": norm})
