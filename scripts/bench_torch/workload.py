"""workload: one config measured on both sides, round by round.

In a round every way to run PyTorch has a leg next to a leg of ./train in the same precision: eager, ./train, compiled.
Every second round runs backwards. A ratio is that of two legs of one round.
"""

import json
import os
import re
import resource
import time

from common import LEG_SECONDS, ROOT, SAMPLES_MIN, fail
from losses import Losses
from results import PERI
from sides import keys_of
from variants import Search, variant_words

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
    "optim.kind": "adamw",
    "gamma_warmup.steps": 0,
    "branch_warmup.steps": 0,
    "data.train": "builtin:random",
    "train.accum": 1,
    "train.stream_precision": "float32",
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

    def torch_leg(self, variant, steps):
        request = {"config": self.config, "variant": variant, "steps": steps, "gflop": self.gflop}
        leg = self.sides.ask_torch("measure", variant["settings"], **request)
        if leg["parameters"] != self.parameters:
            fail(f"{self.name}: the PyTorch model has {leg['parameters']} parameters, ./train has {self.parameters}")
        return leg

    def train_leg(self, precision, steps):
        words = [*self.words, "--set", f"train.precision={precision}", "--bench", str(steps)]
        said = keys_of(self.sides.ask_train(*words).splitlines()[-1])
        names = {"ms": "ms_per_step", "sgemm": "sgemm_gflops", "ratio": "ratio", "peak_mb": "peak_rss_mb"}
        leg = {name: said[key] for name, key in names.items()}
        return {**leg, "engine": said["engine"], "engine_gflops": said["engine_gflops"]}

    def leg(self, way, variants, steps):
        precision, mode = way
        if mode == PERI:
            return watched(self.train_leg, precision, steps)
        return watched(self.torch_leg, variants[way], steps)

    def order(self, variants, precisions, backwards):
        """The ways of a round: those of PyTorch around ./train."""
        ways = []
        for precision in precisions:
            ours = [(precision, mode) for mode in ("eager", PERI, "compile")]
            ways += [way for way in ours if way[1] == PERI or way in variants]
        return ways[::-1] if backwards else ways

    def check(self, variants):
        """Ends the program unless the losses of the variants, [(precision, variant)], are those of ./train."""
        losses = Losses(self.sides, self.words, self.config)
        for wanted in sorted({precision for precision, _ in variants}, reverse=True):
            losses.compare(self.name, wanted, [variant for precision, variant in variants if precision == wanted])

    def measure(self, precisions, modes, said, rounds, steps):
        """The variants, {(precision, mode): variant}, and the legs of each round, [{(precision, mode): leg}]."""
        variants = Search(self.sides, self.name, self.config, said).search(precisions, modes)
        if not variants:
            fail(f"{self.name}: no way to run PyTorch works here")
        self.check([(precision, variant) for (precision, _), variant in variants.items()])
        fastest = min(variant["ms"] for variant in variants.values())
        steps = steps or max(SAMPLES_MIN, round(1e3 * LEG_SECONDS / fastest))
        for (precision, mode), variant in variants.items():
            print(f"{self.name}: {precision} {mode} runs with {variant_words(variant)}; {steps} steps per leg")
        measured = []
        for i in range(rounds):
            ways = self.order(variants, precisions, i % 2)
            measured.append({way: self.leg(way, variants, steps) for way in ways})
            legs = [
                f"{' '.join(way)} {leg['ms']:.2f} ms (sgemm {leg['sgemm']:.1f}, others {leg['others']:.2f})"
                for way, leg in measured[-1].items()
            ]
            print(f"{self.name}: round {i + 1}: {'; '.join(legs)}", flush=True)
        return variants, measured


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
