"""runs: which folders are runs, the contents of their files, and how each run ended."""

import json
import math
import os
import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import stats
import unit

FINISHED, DIVERGED, STUCK, LEFT_OUT = "finished", "diverged", "stuck", "left out"
RMS_NORMS = ("rmsnorm", "rmsnorm_plus1")  # optim.rmsnorm_lr_scale applies to these
EXIT_DIVERGED = 5  # of ./train
LOSSES = ("train_loss", "val_loss", "best_val_loss")
STUCK_RATIO = 0.98  # of the unigram entropy, as in run/optim/health.c
VAL_TOKENS = re.compile(r"(\d+) validation tokens")  # in data.description of run.json
GAIN = re.compile(r"blocks\.(\d+)\.(attn|mlp)\.(norm_\w+)\.gamma")


class NoRun(Exception):
    """A path without a run. The text is the message for the user."""


@dataclass
class Run:
    """One run folder. `ending` is FINISHED, DIVERGED, STUCK or LEFT_OUT; `why` explains the last three."""

    path: Path
    config: dict  # dotted key -> value
    facts: dict  # run.json
    ending: str
    why: str = ""

    @property
    def seed(self):
        return self.config.get("train.seed")

    def part(self, name):
        """An object in run.json, empty if there is none."""
        value = self.facts.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def floor(self):
        return number(self.part("data").get("entropy_floor")) * self.loss_factor

    @property
    def bytes_per_token(self):
        """Of the validation targets, NaN if it is unknown."""
        return number(self.part("data").get("val_bytes_per_token"))

    @property
    def loss_factor(self):
        """From the losses of the run to those of the report."""
        return unit.factor(self.bytes_per_token)

    def summary(self, key):
        """A number from the summary in run.json, NaN if there is none."""
        value = number(self.part("summary").get(key))
        return value * self.loss_factor if key in LOSSES else value

    @property
    def failed(self):
        return self.ending in (DIVERGED, STUCK)

    @property
    def lr_scale(self):
        """The factor on optim.lr, 1 if none is known."""
        factor = number(self.part("resolved").get("rmsnorm_lr_scale"))
        if math.isnan(factor) and self.config.get("model.norm") in RMS_NORMS:
            factor = number(self.config.get("optim.rmsnorm_lr_scale"))
        return 1.0 if math.isnan(factor) else factor

    @cached_property
    def curves(self):
        """{column: {step: value}} of log.csv, if the value was measured and is finite."""
        curves = {"train_loss": {}, "val_loss": {}, "step_ms": {}}
        factors = {column: self.loss_factor if column in LOSSES else 1 for column in curves}
        for row in csv_rows(self.path / "log.csv"):
            step = number(row.get("step"))
            for column, curve in curves.items():
                value = number(row.get(column))
                if math.isfinite(step) and math.isfinite(value):
                    curve[step] = value * factors[column]
        return curves

    @property
    def step_ms(self):
        """The median time of a step, as measured while the run trained."""
        return stats.median(self.curves["step_ms"].values())

    @property
    def equal_time(self):
        """Whether the steps of the run were chosen so that all arms of its sweep take the same time."""
        return sweep_mark(self.path.parent).get("equal_time") is True

    @property
    def stopped(self):
        """Whether --halving of its sweep stopped the run at a third of its steps."""
        return self.ending == LEFT_OUT and self.path.name in stopped_runs(self.path.parent)

    @property
    def val_tokens(self):
        """(tokens of one validation, tokens of the validation split), NaN if unknown."""
        sequences, context = number(self.config.get("train.eval_rows")), number(self.config.get("model.context"))
        found = VAL_TOKENS.search(str(self.part("data").get("description")))
        there = number(found[1]) if found else math.nan
        wanted = sequences * context
        return (wanted if wanted <= there else (there - 1) // context * context), there

    @cached_property
    def stream(self):
        """The records of layers.csv about the residual stream, without first tokens."""
        rows = csv_rows(self.path / "layers.csv")
        return [row for row in rows if row.get("site") == "stream" and row.get("position") == "rest"]

    @cached_property
    def gains(self):
        """{slot: {depth: RMS of gamma}} of the blocks, the last ones in tensors.csv."""
        found = {}
        for row in csv_rows(self.path / "tensors.csv"):
            gain, rms = GAIN.fullmatch(row.get("tensor", "")), number(row.get("rms"))
            if gain and math.isfinite(rms):
                found.setdefault(gain[3], {})[depth(int(gain[1]) + 1, gain[2])] = rms
        return found


def number(value):
    """A float; NaN for what is empty, null or malformed."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def depth(layer, sublayer):
    """Layer l: l at the attention, l + 1/2 at the MLP; the last depth is the input of the head."""
    return layer + (0.5 if sublayer == "mlp" else 0)


def csv_rows(path):
    """The records of a CSV file as dicts. An incomplete line, without its end or with fields missing, is skipped."""
    try:
        lines = path.read_text(errors="replace").split("\n")[:-1]
    except OSError:
        return
    head = lines[0].split(",") if lines else []
    for line in lines[1:]:
        cells = line.split(",")
        if len(cells) == len(head):
            yield dict(zip(head, cells, strict=True))


def flat(config, prefix=""):
    """{"a": {"b": 1}} as {"a.b": 1}; empty values ("", [], {}) are left out."""
    values = {}
    for key, value in config.items():
        if isinstance(value, dict):
            values.update(flat(value, prefix + key + "."))
        elif value not in ("", []):
            values[prefix + key] = value
    return values


def cause_of_stuck(facts, summary):
    data = facts.get("data")
    entropy = number(data.get("unigram_entropy")) if isinstance(data, dict) else math.nan
    if number(summary.get("val_loss")) >= STUCK_RATIO * entropy:
        return f"its validation loss stayed at the unigram entropy, {entropy:.4f}"
    return "its gradients vanish"


def how_it_ended(config, facts):
    """(ending, why), from run.json."""
    summary = facts.get("summary")
    if not isinstance(summary, dict):
        return LEFT_OUT, "has no summary: it is still running or was killed"
    steps, wanted = number(summary.get("steps")), number(config.get("train.steps"))
    code = summary.get("exit_code")
    if summary.get("diverged") or code == EXIT_DIVERGED:
        return DIVERGED, f"diverged at step {summary.get('diverged_step') or f'{steps:.0f}'}"
    if steps < wanted:
        return LEFT_OUT, f"is unfinished: it stopped at step {steps:.0f} of {wanted:.0f}"
    if code != 0:
        return LEFT_OUT, f"failed: it ended with exit code {code}"
    if summary.get("ending") == STUCK:
        return STUCK, f"stuck: {cause_of_stuck(facts, summary)}"
    return FINISHED, ""


def read_object(path):
    """The JSON object in a file; ValueError if there is none."""
    try:
        value = json.loads(path.read_text(errors="replace"))
    except OSError as error:
        raise ValueError(f"has no {path.name}") from error
    except ValueError as error:
        raise ValueError(f"has a corrupt {path.name}") from error
    if not isinstance(value, dict):
        raise ValueError(f"has a corrupt {path.name}")
    return value


def extended(facts):
    """The changes of train.steps that run.json lists, as a value for `train.extended`; None if there are none.

    Such a run followed parts of several schedules. The value keeps it out of the group of runs that did not."""
    changes = facts.get("extensions")
    if not isinstance(changes, list) or not changes:
        return None
    fields = [change if isinstance(change, dict) else {} for change in changes]
    return ", ".join(f"{one.get('from_steps')} to {one.get('to_steps')} at step {one.get('step')}" for one in fields)


def read_run(path):
    config, facts = {}, {}
    try:
        config = flat(read_object(path / "config.json"))
        facts = read_object(path / "run.json")
    except ValueError as error:
        return Run(path, config, facts, LEFT_OUT, str(error))
    if extended(facts):
        config["train.extended"] = extended(facts)
    ending, why = how_it_ended(config, facts)
    reason = stopped_runs(path.parent).get(path.name)
    if ending == LEFT_OUT and isinstance(reason, dict):
        why = f"was stopped at a third of its steps by --halving: {reason.get('why')}"
    return Run(path, config, facts, ending, why)


def stopped_runs(folder):
    """{name: why} of the runs that --halving stopped."""
    stopped = sweep_mark(folder).get("stopped")
    return stopped if isinstance(stopped, dict) else {}


@cache
def sweep_mark(folder):
    """sweep.json, which --equal-time and --halving write into the folder of the runs; empty without one."""
    try:
        return read_object(folder / "sweep.json")
    except ValueError:
        return {}


def is_run(path):
    has = [(path / name).exists() for name in ("config.json", "run.json", "log.csv")]
    return sum(has) >= 2


def run_folders(root):
    """The run folders at or below a path, sorted by name."""
    root = Path(root)
    if not root.is_dir():
        raise NoRun(f"{root} is not a folder")
    found = []
    for folder, inner, _ in os.walk(root):
        inner.sort()
        if is_run(Path(folder)):
            found.append(Path(folder))
            inner.clear()
    if not found:
        raise NoRun(f"{root} is not a run and contains none")
    return found


def read_runs(paths):
    """Every run at or below the paths, once."""
    folders = {}
    for path in paths:
        for folder in run_folders(path):
            folders.setdefault(folder.resolve(), folder)
    runs = [read_run(folder) for folder in folders.values()]
    unit.choose([run.bytes_per_token for run in runs if run.ending == FINISHED])
    return runs
