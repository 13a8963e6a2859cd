"""claims_precision: what rounding the operands of matrix multiplications does. The plan is in docs/claims/plan.md."""

from arms import CHAR, WORDS, character
from claim import Arm, Claim, Test


def rounded(arm):
    return Arm("nanogpt_bf16", {"arm": arm, "norm": "layernorm"}, f"{WORDS[arm]}, bfloat16")


def minus_float32(arm):
    label = f"{WORDS[arm]}, bfloat16 minus float32"
    return Test("equal", label, rounded(arm), character(arm, "layernorm"), direction="equal")


CLAIMS = [
    Claim(
        "bf16-char",
        "own",
        "With train.precision bfloat16 nanoGPT's character model ends where it does in float32.",
        "Mixed precision with bfloat16 ends as float32 does (Kalamkar et al. 2019, arXiv 1905.12322).",
        CHAR + ", LayerNorm",
        2000,
        minus_float32("pre"),
        [minus_float32("peri")],
    )
]
