"""claims_trained: trained models without their norms, BatchNorm, the character model."""

from arms import CHAR, SMALL, character, evaluated, pilot, without
from claim import Arm, Claim, Test

CLAIMS = [
    Claim(
        "inference",
        "Norms can be dropped from a trained model at a cost of 0.03 nats.",
        "Reported for GPT-2 XL after 800 steps of fine-tuning (Baroni et al. 2025, arXiv 2507.02559). No "
        "number without fine-tuning is known to us.",
        SMALL + ", learning rate 2e-3; the norms are removed without further training",
        [without(name, "identity") for name in ("pre", "peri", "post")]
        + [without(name, "identity", "layernorm") for name in ("pre", "peri")]
        + [without(name, norms) for name in ("pre", "peri", "post") for norms in ("frozen", "frozen_first")]
        + [without(name, norms, "layernorm") for name in ("pre", "peri") for norms in ("frozen", "frozen_first")],
        comment="Dropped means that only gains and shifts remain. Constants in place of the statistics were also "
        "planned as tests. Their losses explode at some seeds, which makes intervals of means useless, so"
        " they became comparisons after the runs: see the medians in the table.",
    ),
    Claim(
        "removal",
        "(not in the article) Fine-tuned while its norms are removed one by one, a model ends within 0.1 "
        "nats of one fine-tuned with them.",
        "0.067 nats for GPT-2 small, 0.025 for GPT-2 XL (Baroni et al. 2025, arXiv 2507.02559); smaller "
        "models depend more on their norms.",
        SMALL + ", Pre-LN with LayerNorm at 4e-3, then 600 steps at 1e-3; all nine norms constants from step 140 on",
        [
            Test(
                "norms removed against norms kept",
                "val_loss",
                Arm("removal", {"norm_removal.start": 60}),
                Arm("removal", {"norm_removal.start": 1000}),
                within=0.1,
                size=0.067,
                pilot=pilot("pre", "pre", "rmsnorm", "layernorm"),
            )
        ],
    ),
    Claim(
        "batchnorm",
        "BatchNorm fails in language models, above all with small batches.",
        "Language models are known to train worse with BatchNorm than with LayerNorm (Shen et al. 2020, "
        "arXiv 2003.07845, on PowerNorm).",
        "4 blocks of width 64, Pre-LN, sequences of 64 bytes, 600 steps at 2e-3; a batch of 1, 4 or 16 "
        "sequences gives 64, 256 or 1,024 samples for the statistics; validation with running statistics",
        [
            Test(
                f"BatchNorm against LayerNorm, batch of {batch}",
                "val_loss",
                Arm("batchnorm", {"model.norm": "batchnorm", "train.batch": batch}),
                Arm("batchnorm", {"model.norm": "layernorm", "train.batch": batch}),
                sign=1,
                pilot=pilot("pre", "pre", "rmsnorm", "layernorm"),
            )
            for batch in (1, 4, 16)
        ]
        + [
            Test(
                f"for comparison, training loss, batch of {batch}",
                "train_loss",
                Arm("batchnorm", {"model.norm": "batchnorm", "train.batch": batch}),
                Arm("batchnorm", {"model.norm": "layernorm", "train.batch": batch}),
            )
            for batch in (1, 4, 16)
        ],
        comment="The training loss of BatchNorm is not that of a language model: its statistics include later "
        "tokens ([batchnorm.md](batchnorm.md)).",
    ),
    Claim(
        "mismatch",
        "A model breaks if inference places its norms differently from training.",
        "No measurement is known to us.",
        SMALL + ", learning rate 2e-3; broken = at least 1 nat worse",
        [
            Test(
                f"trained as {name}, evaluated as {other}, against itself",
                "val_loss",
                evaluated(name, wired_as=other),
                evaluated(name),
                least=1.0,
            )
            for name in ("post", "pre", "peri")
            for other in ("post", "pre", "peri")
            if other != name
        ],
    ),
    Claim(
        "char",
        "(not in the article) Peri-LN ends lower than Pre-LN at equal learning rate on nanoGPT's character model.",
        "1.847 against 1.909 (an independent run); nanoGPT's README has 1.88 for this model, Pre-LN with LayerNorm.",
        CHAR,
        [
            Test(
                f"peri against pre, {norm}",
                "val_loss",
                character("peri", norm),
                character("pre", norm),
                sign=-1,
                size=-0.062,
            )
            for norm in ("rmsnorm", "layernorm")
        ],
        comment="Tests of Peri-LN without its embedding norm were planned here, too; after the runs they moved to"
        " the claim about that norm.",
    ),
    Claim(
        "char_level",
        "(not in the article) nanoGPT's character model, Pre-LN with LayerNorm, ends at 1.88.",
        "1.88 in nanoGPT's README, one run, validated on random sequences instead of all.",
        CHAR,
        [Test("pre layernorm", "val_loss", character("pre", "layernorm"), within=0.075, size=1.875)],
        comment="1.80 to 1.95 counts as equal.",
    ),
    Claim(
        "char_placement",
        "(not in the article) At four layers Post-LN and Pre-LN end within 0.03 nats of each other.",
        "1.3897 and 1.3902 with four layers on TinyStories (a public run).",
        CHAR,
        [
            Test(f"post against pre, {norm}", "val_loss", character("post", norm), character("pre", norm), within=0.03)
            for norm in ("rmsnorm", "layernorm")
        ],
    ),
    Claim(
        "failures",
        "One engineer reported 15 % fewer failures of distributed training with Peri-LN.",
        "No source known.",
        "",
        comment="A report about the crashes of one cluster; this program runs on one machine.",
    ),
    Claim(
        "bugs",
        "Mismatched placement is behind 12.3 % of normalization bugs.",
        "No source known.",
        "",
        comment="A statement about bug reports, not about models. What a mismatch does to a trained model is "
        "measured above.",
    ),
]
