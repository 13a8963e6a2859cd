"""workload: one config measured on both sides, round by round, and its line of the table."""

import json
import math
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time

from common import LEG_SECONDS, MB, ROOT, SAMPLES_MIN, fail
from sides import keys_of

# The values that model.py is written for; other configs are refused.
ONLY = {
    "model.n_kv_head": 0,
    "model.mlp": "gelu",
    "model.position": "learned",
    "model.qk_norm": "auto",
    "model.embed_norm": "auto",
    "model.final_norm": "auto",
    "model.bias": True,
    "model.tie_embeddings": True,
    "model.dropout": 0,
    "model.init": "auto",
    "model.layers": "",
    "model.wire": {},
    "model.norm_eps": 0,
    "gamma_warmup.steps": 0,
    "branch_warmup.steps": 0,
    "data.train": "builtin:random",
    "train.accum": 1,
}


class Workload:
    def __init__(self, sides, name, topology, norm):
        self.sides, self.name = sides, name
        path = name if name.endswith(".json") else os.path.join(ROOT, "configs", f"bench_{name}.json")
        self.words = ["--config", os.path.abspath(path), "--topology", topology, "--norm", norm]
        self.words += ["--set", f"train.threads={sides.threads}"]
        self.config = {**defaults(sides), **keys_in(path), "model.topology": topology, "model.norm": norm}
        for key, value in ONLY.items():
            if self.config[key] != value:
                found, wanted = json.dumps(self.config[key]), json.dumps(value)
                fail(f"{name}: {key} is {found}; the PyTorch side supports only {wanted}")
        predicted = keys_of(sides.ask_train(*self.words, "--dry-run").splitlines()[-1])
        self.parameters, self.gflop = int(predicted["parameters"]), predicted["model_gflop"]
        self.tokens = self.config["train.batch"] * self.config["model.context"]

    def fastest_variant(self):
        """The fastest way to write the model; then, with that one, the fastest settings."""

        def tried(settings, variant):
            said = self.sides.ask_torch("try", settings, config=self.config, variant=variant)
            for trial in said["trials"]:
                trial["settings"] = settings
                print(f"{self.name}: PyTorch with {variant_words(trial)}: {trial['ms']:.1f} ms")
            return min(said["trials"], key=lambda trial: trial["ms"])

        best = written = tried([], None)
        for settings in (["keep"], ["patient"], ["keep", "patient"]):
            best = min(best, tried(settings, written), key=lambda trial: trial["ms"])
        return best

    def torch_leg(self, variant, steps):
        request = {"config": self.config, "variant": variant, "steps": steps, "gflop": self.gflop}
        leg = self.sides.ask_torch("measure", variant["settings"], **request)
        if leg["parameters"] != self.parameters:
            fail(f"{self.name}: the PyTorch model has {leg['parameters']} parameters, ./train has {self.parameters}")
        return leg

    def train_leg(self, steps):
        said = keys_of(self.sides.ask_train(*self.words, "--bench", str(steps)).splitlines()[-1])
        names = {"ms": "ms_per_step", "sgemm": "sgemm_gflops", "ratio": "ratio", "peak_mb": "peak_rss_mb"}
        return {name: said[key] for name, key in names.items()}

    def train_loss(self):
        """The loss of the first batch. The run is killed there: its end would write a checkpoint."""
        with tempfile.TemporaryDirectory() as folder:
            words = [self.sides.train, *self.words, "--run-dir", folder + "/run", "--set", "log.every=1"]
            nothing = subprocess.DEVNULL
            process = subprocess.Popen(words, env=self.sides.environment, cwd=ROOT, stdout=nothing, stderr=nothing)
            try:
                while process.poll() is None:
                    lines = complete_lines(folder + "/run/log.csv")
                    if len(lines) > 2:
                        return float(lines[2].split(",")[lines[0].split(",").index("train_loss")])
                    time.sleep(0.01)
            finally:
                process.kill()
                process.wait()
        return fail(f"{self.name}: ./train ended before its first update")

    def check_losses(self, torch_loss):
        """At initialization the loss is ln V, plus a little for the spread of the logits."""
        uniform = math.log(self.config["data.vocab_size"])
        losses = {"PyTorch": torch_loss, "./train": self.train_loss()}
        listed = ", ".join(f"{side} {loss:.4f}" for side, loss in losses.items())
        print(f"{self.name}: {self.parameters} parameters on both sides; first loss {listed}; ln V is {uniform:.4f}")
        for side, loss in losses.items():
            if not abs(loss - uniform) < 0.5:
                fail(f"{self.name}: the first loss of {side} is {loss:.4f}, which is not near ln V")

    def measure(self, rounds, steps):
        """The cells of the table, and the most cores that other processes took during a leg."""
        variant = self.fastest_variant()
        steps = steps or max(SAMPLES_MIN, round(1e3 * LEG_SECONDS / variant["ms"]))
        print(f"{self.name}: PyTorch runs with {variant_words(variant)}; {steps} steps per leg")
        pairs = []
        for i in range(rounds):
            pairs.append((watched(self.torch_leg, variant, steps), watched(self.train_leg, steps)))
            if i == 0:
                self.check_losses(pairs[0][0]["loss"])
            legs = [
                f"{side} {leg['ms']:.2f} ms, sgemm {leg['sgemm']:.1f} GFLOP/s, others {leg['others']:.2f} cores"
                for side, leg in zip(("PyTorch", "./train"), pairs[-1], strict=True)
            ]
            print(f"{self.name}: round {i + 1}: {'; '.join(legs)}", flush=True)
        return self.cells(pairs), max(leg["others"] for pair in pairs for leg in pair)

    def cells(self, pairs):
        def median(side, key):
            return statistics.median(pair[side][key] for pair in pairs)

        faster = [torch["ms"] / train["ms"] for torch, train in pairs]
        cells = [self.name, f"{median(0, 'ms'):.2f}", f"{median(1, 'ms'):.2f}"]
        cells.append(f"{statistics.median(faster):.2f} ({min(faster):.2f}..{max(faster):.2f})")
        cells += [f"{1e3 * self.tokens / median(side, 'ms'):.0f}" for side in (0, 1)]
        cells += [f"{median(side, 'ratio'):.3f}" for side in (0, 1)]
        return cells + [f"{median(side, 'peak_mb') - 16 * self.parameters / MB:.1f}" for side in (0, 1)]


def variant_words(variant):
    foreach = str(variant["foreach"]).lower()
    return f"attention={variant['attention']} foreach={foreach} settings={'+'.join(variant['settings']) or 'none'}"


def busy_seconds():
    """Busy seconds of all cores since boot, steal time included, and those of the children of this process that
    ended."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def watched(leg, *arguments):
    """The result of a leg, and how many cores other processes took during it."""
    start, (all_before, own_before) = time.monotonic(), busy_seconds()
    said = leg(*arguments)
    all_after, own_after = busy_seconds()
    others = (all_after - all_before) - (own_after - own_before)
    return {**said, "others": max(0.0, others / (time.monotonic() - start))}


def complete_lines(path):
    """The complete lines of a file that is being written."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def keys_in(path):
    """{"model.n_layer": 4, ...} of a config without extends. // comments are removed, outside strings."""
    try:
        with open(path, encoding="utf-8") as file:
            text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*', lambda m: m[1] or "", file.read())
        sections = json.loads(text)
    except (OSError, ValueError) as error:
        fail(f"{path}: {error}")
    if "extends" in sections:
        fail(f"{path}: extends is not supported here")
    keys = {}
    for section, value in sections.items():
        if isinstance(value, dict):
            keys.update({f"{section}.{key}": v for key, v in value.items()})
        else:
            keys[section] = value
    return keys


def defaults(sides):
    """The default of every key, as ./train --list keys prints them: key, JSON value, help."""
    keys = {}
    for line in sides.ask_train("--list", "keys").splitlines():
        key, rest = line.split(None, 1)
        keys[key] = json.JSONDecoder().raw_decode(rest)[0]
    return keys
