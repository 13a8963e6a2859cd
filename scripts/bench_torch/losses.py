"""losses: checks that PyTorch and ./train compute the same: first losses and gradient norms from the same weights.

./train writes its initial weights and trains a few updates on a file of random tokens, in order. PyTorch repeats them
with the same weights, tokens and learning rates: forward, backward, clipping and AdamW must all agree.
"""

import array
import os
import random
import subprocess
import tempfile
import time

from common import CHECK_STEPS, ROOT, fail
from variants import variant_words

# The largest relative difference of a loss and of a gradient norm. In float32 only the order of sums differs; in
# bfloat16 autocast also rounds the outputs of layers, which ./train does not.
TOLERANCE = {"float32": (1e-5, 1e-3), "bfloat16": (2e-3, 5e-2)}


class Losses:
    def __init__(self, sides, words, config):
        self.sides, self.words, self.config = sides, words, config

    def write_tokens(self, path):
        c = self.config
        count = (CHECK_STEPS + 1) * c["train.batch"] * c["model.context"] + 1
        tokens = random.Random(1).choices(range(min(c["data.vocab_size"], 2**16)), k=count)
        with open(path, "wb") as file:
            array.array("H", tokens).tofile(file)

    def records_of(self, words, folder):
        """The first records of log.csv. The run is killed there: its end would write a checkpoint."""
        words = [self.sides.train, *words, "--run-dir", folder]
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(words, env=self.sides.environment, cwd=ROOT, stdout=nothing, stderr=nothing)
        try:
            while process.poll() is None:
                found = records(os.path.join(folder, "log.csv"))
                if len(found) >= CHECK_STEPS:
                    return found[:CHECK_STEPS]
                time.sleep(0.01)
        finally:
            process.kill()
            process.wait()
        return fail(f"./train ended before update {CHECK_STEPS}")

    def compare(self, name, precision, variants):
        """Prints the largest differences of each variant, and fails beyond TOLERANCE."""
        if not variants:
            return
        with tempfile.TemporaryDirectory() as folder:
            tokens, first, run = (os.path.join(folder, part) for part in ("tokens.bin", "first", "run"))
            self.write_tokens(tokens)
            keys = {"data.train": tokens, "data.format": "raw_u16", "data.order": "sequential", "data.val_fraction": 0}
            keys |= {"train.precision": precision, "train.eval_every": 0, "optim.warmup_steps": 0, "log.every": 1}
            words = self.words + [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]
            self.sides.ask_train(*words, "--set", "train.steps=0", "--run-dir", first)
            ours = self.records_of(words, run)
            request = {
                "config": self.config,
                "variants": variants,
                "weights": os.path.join(first, "checkpoints", "step_00000000", "model.safetensors"),
                "tokens": tokens,
                "rates": [record["lr"] for record in ours],
            }
            theirs = self.sides.ask_torch("check", **request)["updates"]
        wanted = [(record["train_loss"], record["grad_norm"]) for record in ours]
        for variant, updates in zip(variants, theirs, strict=True):
            self.judge(f"{name}: {precision}, {variant_words(variant)}", TOLERANCE[precision], wanted, updates)

    def judge(self, what, tolerance, wanted, updates):
        worst = [
            max(abs(theirs[i] / ours[i] - 1) for ours, theirs in zip(wanted, updates, strict=True)) for i in (0, 1)
        ]
        listed = " ".join(f"{loss:.6f}" for loss, _ in updates)
        print(f"{what}: losses {listed}; off by {worst[0]:.1e}, gradient norms by {worst[1]:.1e}", flush=True)
        if not (worst[0] <= tolerance[0] and worst[1] <= tolerance[1]):
            ours = " ".join(f"{loss:.6f}" for loss, _ in wanted)
            fail(f"{what}: the losses of ./train are {ours}; allowed are {tolerance[0]:.0e} and {tolerance[1]:.0e}")


def records(path):
    """The complete records of a log.csv that is being written."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line for line in file.read().split("\n")[:-1] if not line.startswith("#")]
    except FileNotFoundError:
        return []
    head = lines[0].split(",") if lines else []
    found = [dict(zip(head, line.split(","), strict=True)) for line in lines[1:]]
    keys = ("lr", "train_loss", "grad_norm")
    return [{key: float(record[key]) for key in keys} for record in found if record["step"] != "0"]
