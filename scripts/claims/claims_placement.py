"""claims_placement: claims about placement: variance over depth, stability, convergence, Peri-LN."""

from arms import (
    BEST,
    DEEP,
    HIGH_RATES,
    RATES,
    SMALL,
    character,
    depth,
    pilot,
    pilot_deep,
    placed,
    placements,
    rate_text,
    topology,
    warmed,
)
from claim import Arm, Claim, Test

CLAIMS = [
    Claim(
        "variance",
        "In Post-LN the variance of the activations grows exponentially with depth, by 470 % at layer 60.",
        "The reverse: Post-LN normalizes the residual stream itself, so that its variance is constant; "
        "exponential growth is reported for Pre-LN (Kim et al. 2025, arXiv 2502.02732). The number has no"
        " known source.",
        "64 " + DEEP + ", learning rate 1e-3; at initialization and after training",
        [
            Test(
                "post, variance of the stream after block 60 over that after block 1, untrained",
                "growth_60",
                topology("variance_init", "post"),
                least=5.7,
                size=5.7,
            ),
            Test("the same after training", "growth_60", depth("post", 64), least=5.7, size=5.7),
        ],
        comment="The table of depths below has Pre-LN and Peri-LN.",
    ),
    Claim(
        "variance_shape",
        "(not in the article) After training, the variance of the stream grows exponentially with depth "
        "in Pre-LN, linearly in Peri-LN, and not at all in Post-LN.",
        "Kim et al. 2025 (arXiv 2502.02732); in a trained GPT-2, which is Pre-LN, it grows by a factor of"
        " 1.34 per block.",
        "64 " + DEEP + ", learning rate 1e-3",
        [
            Test("pre: R² of a line through ln(variance)", "r2_log", depth("pre", 64), least=0.9),
            Test("peri: R² of a line through the variance", "r2_linear", depth("peri", 64), least=0.9),
            Test(
                "post: variance after the last block over that after the first",
                "growth",
                depth("post", 64),
                within=0.5,
                size=1.0,
            ),
        ],
        comment="In Pre-LN a line through the variance itself fits as well, and in Peri-LN a line through its "
        "logarithm (table above): after 300 steps neither law is distinct. The learned gains of Peri-LN "
        "make its growth steeper than the linear growth at initialization.",
    ),
    Claim(
        "post_depth",
        "Post-LN fails beyond 24 to 32 blocks.",
        "Qualitatively true: at learning rate 1e-3 a LLaMA with 12 Post-LN blocks trains to perplexity "
        "26.95, and one with 24 diverges (README of LayerNorm-Scaling by its authors; Li et al. 2024, "
        "arXiv 2412.13795).",
        "48 " + DEEP + "; failed = validation loss of at least 3.0; the byte frequencies alone give 3.11",
        [
            Test(
                f"post, 48 blocks, learning rate {rate:g}, warm-up of {warmup} steps: loss",
                "val_loss",
                warmed("post", 48, rate, warmup),
                least=3.0,
                pilot=pilot_deep("post", "pre"),
            )
            for rate in (1e-3, 3e-3)
            for warmup in (0, 100)
        ]
        + [
            Test(
                f"for comparison, {name}, 48 blocks against 12, learning rate {rate:g}, warm-up of {warmup}",
                "val_loss",
                warmed(name, 48, rate, warmup),
                warmed(name, 12, rate, warmup),
                pilot=pilot_deep("post", "pre"),
            )
            for name in ("post", "pre")
            for rate in (1e-3, 3e-3)
            for warmup in (0, 100)
        ],
        every=False,
        comment="True at 3e-3 without warm-up, where 12 blocks also fail in three of five runs. At 1e-3 with "
        "warm-up, 48 blocks train. Pre-LN and Peri-LN train at all four settings. A learning rate of 3e-4"
        " was planned as well, but there no placement gets below 3 nats in 300 steps: these runs are in "
        "the table and are not part of the verdict, which was decided after they had run.",
    ),
    Claim(
        "pre_stable",
        "Pre-LN is 23.6 % more stable than Post-LN.",
        "Gopher used Pre-LN, with RMSNorm (arXiv 2112.11446); the percentage has no known source.",
        SMALL + "; stability = jitter of the gradient norm, lower is more stable",
        placements("pre", "post", "jitter", -1, RATES[:4], as_percent=True, size=-23.6),
    ),
    Claim(
        "pre_worse",
        "Pre-LN ends slightly worse than a good Post-LN.",
        "Often stated; a public run with four layers on TinyStories has 1.3902 for Pre-LN and 1.3897 for Post-LN.",
        SMALL,
        placements("pre", "post", "val_loss", 1, [BEST]),
    ),
    Claim(
        "speed",
        "Post-LN converges slowest, Pre-LN faster, Peri-LN fastest.",
        "Peri-LN ends 0.09 to 0.11 nats below Pre-LN in the paper, Post-LN far above both (arXiv 2502.02732).",
        SMALL + "; validation loss after a third of the run",
        placements("pre", "post", "val_third", -1, [BEST])
        + placements("peri", "pre", "val_third", -1, [BEST, 1e-3, 4e-3]),
    ),
    Claim(
        "peri_spikes",
        "Peri-LN has 52 % fewer gradient spikes than Pre-LN.",
        "The paper shows curves of gradient norms with many spikes for Pre-LN and few for Peri-LN, and "
        "gives no percentage (arXiv 2502.02732).",
        SMALL + "; no clipping, beta2 0.999, warm-up of 10 steps; spikes = steps that the detector flags",
        [
            Test(
                f"peri against pre at learning rate {rate:g}",
                "flagged",
                topology("spikes", "peri", rate),
                topology("spikes", "pre", rate),
                sign=-1,
            )
            for rate in HIGH_RATES
        ]
        + [
            Test(
                f"the same in percent at {rate:g}",
                "flagged",
                topology("spikes", "peri", rate),
                topology("spikes", "pre", rate),
                size=-52,
                as_percent=True,
            )
            for rate in HIGH_RATES
        ]
        + [
            Test(
                f"for comparison, jitter at {rate:g}",
                "jitter",
                topology("spikes", "peri", rate),
                topology("spikes", "pre", rate),
                as_percent=True,
            )
            for rate in HIGH_RATES
        ],
        comment="First planned on part placement, where almost nothing is flagged (0 to 4 of 1,200 steps). Part "
        "spikes was planned after that, with the same detector and the same three learning rates.",
    ),
    Claim(
        "peri_variance",
        "Peri-LN's variance is 38 % more stable than Post-LN's.",
        "Contradicts the definitions: Post-LN keeps the variance constant, Peri-LN lets it grow (arXiv 2502.02732).",
        "64 " + DEEP + ", learning rate 1e-3; stability = spread over blocks of ln(variance), lower is more stable",
        [
            Test(
                "peri against post, after training",
                "spread",
                depth("peri", 64),
                depth("post", 64),
                sign=-1,
                as_percent=True,
                size=-38,
                pilot=pilot_deep("peri", "post"),
            ),
            Test(
                "peri against post, untrained",
                "spread",
                topology("variance_init", "peri"),
                topology("variance_init", "post"),
                sign=-1,
                pilot=pilot_deep("peri", "post"),
            ),
            Test(
                "for comparison, peri against pre, after training",
                "spread",
                depth("peri", 64),
                depth("pre", 64),
                as_percent=True,
                pilot=pilot_deep("peri", "pre"),
            ),
        ],
    ),
    Claim(
        "peri_lower",
        "Peri-LN trains better than Pre-LN.",
        "0.09 to 0.11 nats lower at 400 M to 3.2 B parameters (arXiv 2502.02732).",
        SMALL,
        placements("peri", "pre", "val_loss", -1, [BEST, 1e-3, 2e-3, 4e-3, 8e-3]),
    ),
    Claim(
        "embed_norm",
        "(not in the article) The advantage of Peri-LN comes from the norms in its blocks, not from its "
        "embedding norm.",
        "Ablated in the paper, with the order of the placements unchanged; no number is known to us.",
        SMALL,
        [
            Test(
                f"peri without embedding norm against pre {rate_text(rate)}",
                "val_loss",
                Arm("peri_bare", {"optim.lr": rate}),
                placed("pre", rate),
                sign=-1,
                pilot=pilot("peri", "pre"),
            )
            for rate in (2e-3, 4e-3, 8e-3)
        ]
        + [
            Test(
                f"peri without embedding norm against pre, nanoGPT's character model, {norm}",
                "val_loss",
                character("peri-embed_norm", norm),
                character("pre", norm),
                sign=-1,
            )
            for norm in ("rmsnorm", "layernorm")
        ]
        + [
            Test(
                f"for comparison, pre with embedding norm against pre {rate_text(rate)}",
                "val_loss",
                Arm("pre_embed", {"optim.lr": rate}),
                placed("pre", rate),
                pilot=pilot("peri", "pre"),
            )
            for rate in (2e-3, 4e-3, 8e-3)
        ],
    ),
    Claim(
        "literal",
        "Peri-LN normalizes before and after the residual connection.",
        "It normalizes the input and the output of each module, both before the residual is added (arXiv "
        "2502.02732). The article's words describe another model, `pre_post` here.",
        SMALL,
        [
            Test(
                f"pre_post against peri {rate_text(rate)}",
                "val_loss",
                Arm("literal", {"optim.lr": rate}),
                placed("peri", rate),
                within=0.05,
                pilot=pilot("peri", "post"),
            )
            for rate in (1e-3, 2e-3, 4e-3, 8e-3)
        ],
        comment="The tests ask whether the two models end within 0.05 nats of each other, as they would if the "
        "words described Peri-LN.",
    ),
]
