"""origin: the equations of the groups, what the groups have in common, and how the numbers were measured."""

import math

from content import Facts, Listing, Part, plural
from groups import label_of, short_number, show
from runs import VAL_TOKENS

# The keys of the common part of the configs that are printed, and their short names.
SHARED = {
    "model.topology": "topology",
    "model.norm": "norm",
    "model.n_layer": "n_layer",
    "model.d_model": "d_model",
    "model.context": "context",
    "optim.lr": "lr",
    "optim.schedule": "schedule",
    "data.train": "data",
    "train.steps": "steps",
    "train.extended": "extended",
    "train.batch": "batch",
    "train.accum": "accum",
}


def equations(groups, keys):
    """Every distinct set of equations, named by the keys that it depends on."""
    keys = [key for key in keys if key.startswith(("model.", "gamma_warmup.", "branch_warmup."))]
    known = {key for group in groups for key in group.config}
    names = {}
    for group in groups:
        for run in group.runs:
            lines = run.facts.get("equations")
            if isinstance(lines, list):
                names.setdefault(tuple(lines), {})[label_of(group.config, keys, known) or "all groups"] = None
    listings = [Listing(", ".join(of), list(lines)) for lines, of in names.items()]
    return [Part("Equations", "", listings, folded=True)] * bool(listings)


def shared(groups, keys):
    """What all groups have in common, as a caption."""
    config = groups[0].config
    parts = [f"{name} {show(config[key])}" for key, name in SHARED.items() if key in config and key not in keys]
    scales = {group.lr_scale for group in groups}
    if "optim.lr" in config and "optim.lr" not in keys and len(scales) == 1 and scales != {1}:
        at = next(i for i, part in enumerate(parts) if part.startswith("lr "))
        parts[at] += f" (effective {short_number(groups[0].effective_lr)})"
    return "The same in all groups: " + ", ".join(parts) + "." + validation(groups)


def validation(groups):
    """A sentence about the tokens of a validation, if they are known and the same for all."""
    first, *others = {run.val_tokens[0] for group in groups for run in group.runs}
    return f" Each validation reads {first:,.0f} tokens." if not others and math.isfinite(first) else ""


def described(run):
    """The data of a run, with the validation tokens that are read and, if there are more, those of the split."""
    words, (used, there) = str(run.part("data").get("description", "unknown")), run.val_tokens
    if not used < there:
        return words
    return VAL_TOKENS.sub(f"{used:,.0f} validation tokens (of {there:,.0f})", words)


def distinct(runs, part, *keys):
    """The distinct values of a part of run.json."""
    facts = [run.part(part) for run in runs]
    return list(dict.fromkeys(", ".join(str(fact.get(key, "unknown")) for key in keys) for fact in facts))


def facts(groups, left_out, command):
    """How the numbers were measured."""
    runs = [run for group in groups for run in group.runs]
    times = sorted(
        filter(None, [run.facts.get("started") for run in runs] + [run.part("summary").get("ended") for run in runs])
    )
    dates = f"{times[0]} to {times[-1]}" if times else "unknown"
    counts = f"{len(runs)} in {plural(len(groups), 'group')}; {len(left_out)} left out"
    rows = [
        ("Runs", [counts]),
        ("Dates", [dates]),
        ("Program", [f"peri.c {version}" for version in distinct(runs, "build", "version", "real")]),
        ("Build", distinct(runs, "build", "flags", "compiler")),
        ("Machine", distinct(runs, "machine", "cpu")),
        ("Threads", distinct(runs, "machine", "threads")),
        ("BLAS", distinct(runs, "machine", "blas")),
        ("Data", list(dict.fromkeys(map(described, runs)))),
        ("Intervals", ["95 % of Student's t over seeds, without a correction for multiple comparisons"]),
        ("Command", [command]),
    ]
    return Part("How the numbers were made", "", [Facts(rows)])
