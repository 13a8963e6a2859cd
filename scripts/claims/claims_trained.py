"""claims_trained: what the article claims about trained models, BatchNorm, dates, adoption and reports."""

from arms import SMALL, evaluated
from claim import Arm, Claim, Number, Original, Test
from protocol import FAILS, UNDECIDED, UNTESTABLE

BARONI = "Baroni et al. 2025, arXiv 2507.02559"


def without(name, norms, norm="rmsnorm"):
    """A trained model with frozen or removed norms against itself."""
    words = {"frozen": "constants for statistics", "frozen_first": "constants, separate for the first token"}
    label = f"{name} {norm}, {words.get(norms, 'only gains and shifts')}"
    return Test("equal", label, evaluated(name, norms, norm=norm), evaluated(name, norm=norm))


def batch(norm, size):
    return Arm("batchnorm", {"model.norm": norm, "train.batch": size}, norm)


def swapped(name, other):
    return evaluated(name, wired_as=other), evaluated(name)


TRAINED = [
    Claim(
        "inference",
        "article",
        "Norms can be dropped from a trained model at a cost of 0.03 nats.",
        f"Reported for GPT-2 XL after 800 steps of fine-tuning ({BARONI}). No number without fine-tuning is known.",
        "4 blocks of width 64, Pre-LN with LayerNorm, learning rate 2e-3; norms removed without further training",
        1200,
        Test(
            "equal",
            "Pre-LN with LayerNorm: only gains and shifts minus real norms",
            evaluated("pre", "identity", norm="layernorm"),
            evaluated("pre", norm="layernorm"),
            direction="equal",
            margin=0.03,
            end_point="validation loss of the trained model",
        ),
        [without(name, "identity") for name in ("pre", "peri", "post")]
        + [without("peri", "identity", "layernorm")]
        + [without(name, norms, "layernorm") for name in ("pre", "peri") for norms in ("frozen", "frozen_first")]
        + [without(name, norms) for name in ("pre", "peri", "post") for norms in ("frozen", "frozen_first")],
        Number(0.03, "nats", "0.03 nats"),
        Original(
            "not distinguishable at this scale",
            "one test that holds is enough",
            "One test; frozen statistics, whose intervals are wide, were dropped after their runs.",
        ),
    ),
    Claim(
        "batchnorm",
        "article",
        "BatchNorm fails in language models where batches are small.",
        "Language models are known to train worse with BatchNorm (Shen et al. 2020, arXiv 2003.07845, on PowerNorm).",
        "4 blocks of width 64, Pre-LN, sequences of 64 bytes, learning rate 2e-3; validation with running statistics",
        600,
        Test(
            "equal",
            "BatchNorm minus LayerNorm, batch of 1",
            batch("batchnorm", 1),
            batch("layernorm", 1),
            direction="above",
        ),
        [
            Test("equal", f"batch of {size}", batch("batchnorm", size), batch("layernorm", size), direction="above")
            for size in (4, 16)
        ]
        + [
            Test(
                "equal",
                f"training loss, batch of {size}",
                batch("batchnorm", size),
                batch("layernorm", size),
                "train_loss",
            )
            for size in (1, 4, 16)
        ],
        original=Original("supported", "every test must hold", "The smallest batch decides, as the claim says."),
        comment="Worse at every batch, but it trains: at a batch of 16 the difference is near the margin.",
    ),
    Claim(
        "mismatch",
        "article",
        "A model breaks if inference places its norms differently from training.",
        "No measurement is known to us.",
        SMALL + ", learning rate 2e-3",
        1200,
        Test(
            "equal",
            "trained as Pre-LN, evaluated as Post-LN, minus as trained",
            *swapped("pre", "post"),
            direction="least",
            bound=1.0,
            end_point="validation loss of the trained model; broken = at least 1 nat worse",
        ),
        [
            Test("equal", f"trained as {name}, evaluated as {other}", *swapped(name, other))
            for name in ("post", "pre", "peri")
            for other in ("post", "pre", "peri")
            if other != name and (name, other) != ("pre", "post")
        ],
        original=Original("supported", "every test must hold", "One test, the article's example."),
    ),
]

REPORTED = [
    Claim(
        "date-peri",
        "article",
        "Peri-LN emerged by early 2024.",
        "The paper is arXiv 2502.02732, of 6 February 2025. The block itself is older: CogView's Sandwich-LN (2021), "
        "Gemma 2 (mid-2024).",
        verdict=FAILS,
        why="The date of the paper is a year later.",
    ),
    Claim(
        "date-inference",
        "article",
        "A 2023 study found that removing LayerNorm during inference costs GPT-2 XL 0.03 nats.",
        f"The study is of 2025 ({BARONI}) and fine-tunes for 800 steps while the norms are removed: +0.025 nats.",
        verdict=FAILS,
        why="The year is wrong, and the norms are removed by fine-tuning, not during inference.",
    ),
    Claim(
        "adoption",
        "article",
        "Google adopted RMSNorm for T5 and PaLM.",
        "T5 did. PaLM's paper says only that its layer norms have no bias, and does not name RMSNorm; a course table "
        "lists PaLM with RMSNorm.",
        verdict=UNDECIDED,
        why="True of T5; sources on PaLM disagree.",
        needed="a primary source on PaLM",
    ),
    Claim(
        "failures",
        "article",
        "One engineer reported 15 % fewer failures of distributed training with Peri-LN.",
        "No source known.",
        claimed=Number(0.85, "ratio", "15 % fewer"),
        verdict=UNTESTABLE,
        why="A report about the crashes of one cluster; this program runs on one machine.",
    ),
    Claim(
        "bugs",
        "article",
        "Mismatched placement is behind 12.3 % of normalization bugs.",
        "No source known.",
        claimed=Number(0.123, "fraction", "12.3 %"),
        verdict=UNTESTABLE,
        why="A statement about bug reports, not about models.",
    ),
]

CLAIMS = TRAINED + REPORTED
