"""origin: the equations of the groups, what the groups have in common, and how the numbers were measured."""

from groups import label_of, short_number, show

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
    "train.batch": "batch",
    "train.accum": "accum",
}


def equations(groups, keys):
    """(names, lines) of every distinct set of equations, named by the keys that it depends on."""
    keys = [key for key in keys if key.startswith(("model.", "gamma_warmup.", "branch_warmup."))]
    known = {key for group in groups for key in group.config}
    names = {}
    for group in groups:
        for run in group.runs:
            lines = run.facts.get("equations")
            if isinstance(lines, list):
                names.setdefault(tuple(lines), {})[label_of(group.config, keys, known) or "all groups"] = None
    return [(", ".join(of_lines), lines) for lines, of_lines in names.items()]


def shared(groups, keys):
    """What all groups have in common, as a caption."""
    config = groups[0].config
    parts = [f"{name} {show(config[key])}" for key, name in SHARED.items() if key in config and key not in keys]
    scales = {group.lr_scale for group in groups}
    if "optim.lr" in config and "optim.lr" not in keys and len(scales) == 1 and scales != {1}:
        at = next(i for i, part in enumerate(parts) if part.startswith("lr "))
        parts[at] += f" (effective {short_number(groups[0].effective_lr)})"
    return "The same in all groups: " + ", ".join(parts) + "."


def distinct(runs, part, *keys):
    """The distinct values of a part of run.json."""
    facts = [run.part(part) for run in runs]
    return list(dict.fromkeys(", ".join(str(fact.get(key, "unknown")) for key in keys) for fact in facts))


def facts(groups, left_out, command):
    """(name, lines): how the numbers were measured."""
    runs = [run for group in groups for run in group.runs]
    times = sorted(
        filter(None, [run.facts.get("started") for run in runs] + [run.part("summary").get("ended") for run in runs])
    )
    dates = f"{times[0]} to {times[-1]}" if times else "unknown"
    counts = f"{len(runs)} in {len(groups)} groups; {len(left_out)} left out"
    return [
        ("Runs", [counts]),
        ("Dates", [dates]),
        ("Program", [f"peri.c {version}" for version in distinct(runs, "build", "version", "real")]),
        ("Build", distinct(runs, "build", "flags", "compiler")),
        ("Machine", distinct(runs, "machine", "cpu")),
        ("Threads", distinct(runs, "machine", "threads")),
        ("BLAS", distinct(runs, "machine", "blas")),
        ("Data", distinct(runs, "data", "description")),
        ("Intervals", ["95 % of Student's t over seeds, without a correction for multiple comparisons"]),
        ("Command", [command]),
    ]
