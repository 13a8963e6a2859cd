"""advice: eight sentences, each tied to the verdicts that it rests on.

A sentence is written for certain verdicts. If one of them changes, the sentence is stale and says so, and a test fails.
"""

from protocol import FAILS, HOLDS, UNDECIDED

STALE = "Stale: written for another verdict of"


def size(value, digits=3):
    return f"{abs(value):.{digits}f}"


def span(item, digits=3):
    """An interval without signs, from the end nearer to 0."""
    low, high = sorted((abs(item["low"]), abs(item["high"])))
    return f"{low:.{digits}f} to {high:.{digits}f}"


def signed(value, digits=3):
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def signed_span(item, digits=3):
    return f"{signed(item['low'], digits)} to {signed(item['high'], digits)}"


class Facts:
    """Primary tests and rows by name."""

    def __init__(self, entries, forest, sensitivity):
        self.entries = {entry["id"]: entry for entry in entries}
        self.forest, self.sensitivity = forest, sensitivity

    def primary(self, claim):
        return self.entries[claim]["primary"]

    def fits(self, claim, verdict):
        entry = self.entries[claim]
        return entry["verdict"] == verdict and not entry["why"].startswith("Not measured")

    def row(self, claim, label):
        return next(row for row in self.entries[claim]["secondary"] if row["label"] == label)

    def deep(self):
        """Peri-LN minus Pre-LN over depth at 1e-3."""
        return [row["estimate"] for row in self.forest if row["group"].startswith("depth") and row["rate"] == 1e-3]

    def trained(self, label):
        """Sensitivity and highest rate of a placement at 4 blocks."""
        group = self.sensitivity[0]["group"]
        return next(row for row in self.sensitivity if row["group"] == group and row["label"] == label)


def avoid_post(facts):
    found, character = facts.primary("pre-worse"), facts.primary("char-placement")
    return (
        f"At 4 blocks do not use Post-LN: with each at its best learning rate it ends {size(found['estimate'])} nats "
        f"above Pre-LN ({span(found)}). On nanoGPT's character model at 1e-3 the two end equal, to "
        f"{size(max(character['low90'], character['high90'], key=abs))} nats."
    )


def peri_or_pre(facts):
    best, mean = facts.primary("peri-lower"), facts.row("peri-lower", "mean over 5 learning rates")
    character = facts.primary("char")
    return (
        "If you cannot tune the learning rate, use Peri-LN: at equal rates it ends "
        f"{size(mean['estimate'])} nats below Pre-LN at 4 blocks ({span(mean)}, mean over five rates), and "
        f"{size(character['estimate'])} below it on nanoGPT's character model at 1e-3 ({span(character)}). If you tune "
        f"both, the difference is undecided: {size(best['estimate'])} nats lower at 4 blocks ({span(best)}), where "
        f"{best['n']} seeds do not exclude a difference below the margin of 0.02."
    )


def rates(facts):
    post, pre, peri = (facts.trained(label) for label in ("Post-LN", "Pre-LN", "Peri-LN"))
    return (
        f"Post-LN needs a low rate: at 4 blocks all its seeds train up to {post['highest_rate']:g}, those of Pre-LN "
        f"and Peri-LN up to {pre['highest_rate']:g}, the highest rate tried. The sensitivity to the learning rate is "
        f"{post['sensitivity']:.2f} for Post-LN, {pre['sensitivity']:.3f} for Pre-LN and {peri['sensitivity']:.3f} for "
        "Peri-LN; whether Peri-LN is better than Pre-LN in this is undecided."
    )


def deep(facts):
    found = sorted(facts.deep())
    return (
        "For 12 to 96 blocks there is no advice yet: after 300 steps at 1e-3 Peri-LN is "
        f"{found[0]:.3f} to {found[-1]:.3f} nats above Pre-LN, but in these runs DeepNorm and Keel, made for depth, "
        "do not train either."
    )


def embedding(facts):
    found = facts.primary("embed-norm")
    return (
        "Use Peri-LN with its embedding norm: without it, it ends "
        f"{size(found['estimate'])} nats above Pre-LN at 4 blocks ({span(found)}), each at its best rate."
    )


def kind_of_norm(facts):
    character, tuned, step = facts.primary("rms-char"), facts.primary("rms-loss"), facts.primary("rms-step")
    best = facts.primary("rms-rate")
    return (
        "We see no difference between RMSNorm and LayerNorm: RMSNorm minus LayerNorm is "
        f"{signed(character['estimate'], 4)} nats on the character model at 1e-3 ({signed_span(character, 4)}) and "
        f"{signed(tuned['estimate'])} at 4 blocks with tuned rates ({signed_span(tuned)}, undecided); a step takes "
        f"{step['estimate']:.3f} times as long ({span(step)}, undecided). Do not lower the rate for RMSNorm "
        f"untested: its best rate is {best['estimate']:.2f} times that of LayerNorm ({span(best, 2)}, undecided)."
    )


def warmups(facts):
    branch, gamma = (
        facts.primary("branch-warmup"),
        facts.row("gamma-warmup", "pre, in and post norms: final validation loss"),
    )
    return (
        "Do not expect a gain from gamma-warmup or branch warm-up in Pre-LN: at 4 blocks and 8e-3 the final loss rises "
        f"by {size(gamma['estimate'])} ({span(gamma)}) and {size(branch['estimate'])} nats ({span(branch)}). What "
        "gamma-warmup does to early spikes is undecided."
    )


def inference(facts):
    dropped, moved, removed = (facts.primary(claim) for claim in ("inference", "mismatch", "removal"))
    return (
        "At inference keep the norms and the placement of training: without norms the loss rises by "
        f"{dropped['estimate']:.2f} nats, with Post-LN in place of Pre-LN by {moved['estimate']:.2f}. To remove norms, "
        f"fine-tune while they are removed: {size(removed['estimate'])} nats ({span(removed)})."
    )


SENTENCES = [
    ("avoid-post", avoid_post, {"pre-worse": FAILS, "char-placement": HOLDS}),
    ("peri-or-pre", peri_or_pre, {"peri-lower": UNDECIDED, "char": HOLDS, "char-tuned": UNDECIDED}),
    ("rates", rates, {"pre-stable": HOLDS, "peri-stable": UNDECIDED}),
    ("deep", deep, {"peri-deep": UNDECIDED, "post-depth": UNDECIDED}),
    ("embedding-norm", embedding, {"embed-norm": FAILS}),
    (
        "kind-of-norm",
        kind_of_norm,
        {"rms-char": HOLDS, "rms-loss": UNDECIDED, "rms-step": UNDECIDED, "rms-rate": UNDECIDED},
    ),
    ("warm-ups", warmups, {"branch-warmup": FAILS, "gamma-warmup": UNDECIDED}),
    ("inference", inference, {"inference": FAILS, "mismatch": HOLDS, "removal": HOLDS}),
]


def sentences(entries, forest, sensitivity):
    facts, found = Facts(entries, forest, sensitivity), []
    for name, write, expected in SENTENCES:
        stale = [claim for claim, verdict in expected.items() if not facts.fits(claim, verdict)]
        text = f"{STALE} {', '.join(stale)}." if stale else write(facts)
        found.append({"id": name, "text": text, "claims": list(expected)})
    return found
