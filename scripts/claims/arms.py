"""arms: which runs the claims compare, in short words: placed("peri", 1e-3) instead of a part and its keys."""

from claim import Arm

SMALL = "4 blocks of width 64 (0.2 M parameters), 614,400 tokens of builtin:stories, AdamW, cosine, RMSNorm"
DEEP = "blocks of width 32, 76,800 tokens of builtin:stories, AdamW, cosine, RMSNorm"
CHAR = "nanoGPT's character model: 4 blocks of width 128 (0.8 M parameters), tinyshakespeare"

RATES = [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]
HIGH_RATES = [4e-3, 8e-3, 1.6e-2]
GAMMA = {"in and post": "['in', 'post']", "out": "['out']"}
WORDS = {"pre": "Pre-LN", "post": "Post-LN", "peri": "Peri-LN", "pre_post": "pre_post"}


def topology(part, name, rate=None, **keys):
    arm_keys = {"model.topology": name, **{key.replace("__", "."): value for key, value in keys.items()}}
    if rate is not None:
        arm_keys["optim.lr"] = rate
    return Arm(part, arm_keys, WORDS.get(name, name))


def at(arm, rate):
    """An arm at one of its learning rates."""
    return Arm(arm.part, arm.keys | {"optim.lr": rate}, arm.label)


def placed(name, rate=None):
    """A placement at a learning rate, or at all of them, in part placement."""
    return topology("placement", name, rate)


def layernorm(name, rate=None):
    arm = topology("layernorm", name, rate)
    return Arm(arm.part, arm.keys, f"{arm.label}, LayerNorm")


def depth(name, blocks, part="depth"):
    return topology(part, name, model__n_layer=blocks)


def warmed(name, blocks, rate=None, warmup=None):
    arm = topology("lr_warmup", name, rate, model__n_layer=blocks)
    keys = arm.keys if warmup is None else arm.keys | {"optim.warmup_steps": warmup}
    return Arm(arm.part, keys, f"{arm.label}, {blocks} blocks")


def skip(name, blocks, factor):
    value = "" if factor == 1 else factor
    keys = {"model.topology": name, "model.n_layer": blocks}
    return Arm("residual", keys | {"model.wire.attn.skip": value, "model.wire.mlp.skip": value}, f"skip {factor:g}")


def gamma(name, slots):
    arm = topology("gamma_warmup", name, gamma_warmup__slots=GAMMA[slots])
    return Arm(arm.part, arm.keys, f"{arm.label}, gamma-warmup of {slots}")


def evaluated(name, norms="real", wired_as=None, norm="rmsnorm"):
    keys = {"model.norm": norm, "model.topology": name, "wired_as": wired_as or name, "norms": norms}
    label = f"{WORDS[name]} evaluated as {WORDS[wired_as]}" if wired_as else f"{WORDS[name]}, norms {norms}"
    return Arm("inference", keys, label)


def character(arm, norm):
    return Arm("nanogpt_char", {"arm": arm, "norm": norm}, f"{WORDS.get(arm, arm)}, {norm}")
