"""claims_embedding: the scale of the embedding decides between Pre-LN and sandwich norm. The plan is in
docs/claims/plan.md."""

from arms import CHAR
from claim import Arm, Claim, Test

SCALES = [1, 2, 7, 20, 50, 0]  # 0 = sqrt(d_model), 11.3
WORDS = {"pre": "Pre-LN", "sandwich": "sandwich"}


def scaled(name, scale, with_norm=False):
    keys = {"model.topology": name, "model.embed_norm": "on" if with_norm else "off", "model.embed_scale": scale}
    said = "with embedding norm" if with_norm else f"times {scale:g}" if scale else "times sqrt(d_model)"
    return Arm("embed_scale", keys, f"{WORDS[name]}, embedding {said}")


def tuned(a, b, direction="below", exploratory=False):
    label = f"{a.label} minus {b.label}, each at its best rate"
    return Test("tuned", label, a, b, direction=direction, exploratory=exploratory)


PERI = scaled("sandwich", 1, with_norm=True)
PRE_WITH_NORM = scaled("pre", 1, with_norm=True)
LITERATURE = (
    "Public results contradict each other: Peri-LN's paper (arXiv 2502.02732) and Gemma, which scales by "
    "sqrt(d_model), against MLS-Bench (2605.08678) and BHyT (2601.09719), where sandwich norm ends higher than Pre-LN."
)

CLAIMS = [
    Claim(
        "embed-scale-small",
        "own",
        "With the embedding as it is, sandwich norm ends higher than Pre-LN.",
        LITERATURE,
        CHAR + ", LayerNorm",
        2000,
        tuned(scaled("sandwich", 1), scaled("pre", 1), "above"),
        [tuned(scaled("sandwich", scale), scaled("pre", scale)) for scale in SCALES[1:4]],
        planned=True,
    ),
    Claim(
        "embed-scale-large",
        "own",
        "With the embedding times 50, sandwich norm ends lower than Pre-LN.",
        LITERATURE,
        CHAR + ", LayerNorm",
        2000,
        tuned(scaled("sandwich", 50), scaled("pre", 50)),
        [
            tuned(scaled("sandwich", 0), scaled("pre", 0)),
            tuned(PERI, PRE_WITH_NORM),
            tuned(scaled("sandwich", 50), PERI),
            tuned(scaled("pre", 50), scaled("pre", 1)),
            tuned(PRE_WITH_NORM, scaled("pre", 1)),
            tuned(PERI, scaled("pre", 1)),
        ],
        planned=True,
    ),
]
