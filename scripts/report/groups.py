"""groups: runs whose configs differ only in the seed, and the labels of the groups."""

import math
from dataclasses import dataclass

import stats
from runs import DIVERGED, FINISHED, LEFT_OUT, STUCK

# Keys that change no number of a run, and the seed, over which a group is a sample.
NOT_A_DIFFERENCE = ("name", "train.seed", "train.threads", "train.checkpoint_every", "train.keep", "log.")
LR = "optim.lr"
FIRST_KEYS = ("model.topology", "model.norm", LR)  # of a label; the others follow in the order of the config


@dataclass
class Group:
    label: str
    config: dict  # without NOT_A_DIFFERENCE
    runs: list  # one per seed: finished, diverged or stuck

    @property
    def healthy(self):
        return [run for run in self.runs if run.ending == FINISHED]

    @property
    def diverged(self):
        return sum(run.ending == DIVERGED for run in self.runs)

    @property
    def stuck(self):
        return sum(run.ending == STUCK for run in self.runs)

    @property
    def failed(self):
        return sum(run.failed for run in self.runs)

    @property
    def lr_scale(self):
        return self.runs[0].lr_scale

    @property
    def effective_lr(self):
        return self.config.get(LR, math.nan) * self.lr_scale

    def values(self, key):
        """A number from the summaries of the runs that neither diverged nor were stuck, if it is known."""
        return stats.finite(run.summary(key) for run in self.healthy)

    @property
    def loss(self):
        """Mean final validation loss, NaN if there is none."""
        return stats.mean(self.values("val_loss"))

    def loss_by_seed(self):
        losses = {run.seed: run.summary("val_loss") for run in self.healthy}
        return {seed: loss for seed, loss in losses.items() if math.isfinite(loss)}


def short_number(value):
    """3e-4 rather than 0.0003, but 0.5 and 12 as they are."""
    text = f"{value:.6g}"
    if value == 0 or 0.01 <= abs(value) < 1e5:
        return text
    mantissa, exponent = f"{value:.5e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def show(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return short_number(value) if isinstance(value, float) else str(value)
    if isinstance(value, list):
        return ",".join(map(show, value))
    return str(value)


def short_key(key, keys):
    """A key without its section, unless that is also the name of another key or of a section."""
    parts = {other: other.partition(".") for other in {key, *keys}}
    taken = {name for other, (_, _, name) in parts.items() if other != key} | {
        section for section, _, _ in parts.values()
    }
    name = parts[key][2]
    return key if name in taken else name


def part(key, value, keys):
    """What a key adds to a label. Of topology and norm only the value is printed."""
    if key in ("model.topology", "model.norm") and value != "none":
        return show(value)
    return f"{short_key(key, keys)} {show(value)}"


def label_of(config, keys, known):
    """The parts of a label for these keys; a key without a value adds nothing."""
    return " ".join(part(key, config[key], known) for key in keys if key in config)


def name_of(config, keys, known):
    """The label of these keys, or placement and norm if that is empty: without keys, or if the config has none."""
    plain = FIRST_KEYS[:2]
    return label_of(config, keys or plain, known) or label_of(config, plain, known)


def with_effective_lr(label, config, lr_scale, marked):
    """The label with the rate of training behind optim.lr, where a factor makes it another one.

    If optim.lr is not in the label, the rate is added to it when `marked`: factors differ between groups."""
    lr = config.get(LR)
    if lr_scale == 1 or not isinstance(lr, (int, float)):
        return label
    effective, shown = short_number(lr * lr_scale), f"lr {show(lr)}"
    for words in (f"optim.{shown}", shown):
        if f" {words} " in f" {label} ":
            return f" {label} ".replace(f" {words} ", f" {words} (effective {effective}) ", 1).strip()
    return f"{label} (effective lr {effective})" if marked else label


def compared(run, equal_time):
    """The config without the keys that make no difference; at equal time the number of steps follows from the arm."""
    skipped = NOT_A_DIFFERENCE + ("train.steps",) * equal_time
    return {key: value for key, value in run.config.items() if not key.startswith(skipped)}


def differing_keys(configs):
    """The keys whose values are not the same in all configs, FIRST_KEYS first."""
    keys = list(dict.fromkeys([*FIRST_KEYS, *(key for config in configs for key in config)]))
    return [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]


def first_started(runs, keys):
    """{(key, value): when the first of the runs with this value began}: sweeps begin in the order of their grid."""
    found = {}
    for run in runs:
        began = str(run.facts.get("started") or "")
        for key in keys:
            value = (key, str(run.config.get(key, "")))
            found[value] = min(found.get(value, began), began)
    return found


def sort_key(config, keys, started):
    """Numbers by value, then strings in the order of the grid; a key without a value comes first."""
    order = []
    for key in keys:
        value = config.get(key, "")
        is_number = isinstance(value, (int, float))
        text = (started[key, str(value)], str(value))
        order.append((not is_number and value != "", value if is_number else 0, text))
    return order


def at_equal_time(runs):
    """Whether all runs are of sweeps at equal time."""
    return all(run.equal_time for run in runs if run.ending != LEFT_OUT)


def stopped_settings(groups, left_out, equal_time):
    """{name of an arm: learning rates} that --halving stopped."""
    stopped, found = [compared(run, equal_time) for run in left_out if run.stopped], {}
    configs = [group.config for group in groups] + stopped
    keys, known = differing_keys(configs) if configs else [], {key for config in configs for key in config}
    for config in stopped:
        rates = found.setdefault(name_of(config, [key for key in keys if key != LR], known), set())
        rates.update([config[LR]] if LR in config else [])
    return found


def gather(runs):
    """Groups sorted by the values of their labels, the keys that differ, and the runs that are left out.

    A second run of a seed is the same measurement, not a further sample: it is left out."""
    gathered, left_out = {}, [run for run in runs if run.ending == LEFT_OUT]
    equal_time = at_equal_time(runs)
    for run in runs:
        if run.ending == LEFT_OUT:
            continue
        config = compared(run, equal_time)
        of_group = gathered.setdefault(repr(sorted(config.items())), {})
        first = of_group.setdefault(run.seed, run)
        if first is not run:
            run.ending, run.why = LEFT_OUT, f"repeats {first.path}: the same config and seed"
            left_out.append(run)
    members = [list(of_group.values()) for of_group in gathered.values()]
    configs = [compared(group[0], equal_time) for group in members]
    keys = differing_keys(configs) if configs else []
    known = {key for config in configs for key in config}
    scales = [group[0].lr_scale for group in members]
    labels = [
        with_effective_lr(name_of(config, keys, known), config, scale, len(set(scales)) > 1)
        for config, scale in zip(configs, scales, strict=True)
    ]
    groups = [Group(*parts) for parts in zip(labels, configs, members, strict=True)]
    started = first_started([run for group in members for run in group], keys)
    return sorted(groups, key=lambda group: sort_key(group.config, keys, started)), keys, left_out
