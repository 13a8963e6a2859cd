#!/usr/bin/env python3
"""stuck_rule.py - applies the rule of docs/spikes.md for stuck runs to the runs of docs/claims/*.csv.

The files have the final validation loss and the one after a third of the run, not those in between. So a run counts as
stuck if its final loss is at the unigram entropy and it was validated three times after the warm-up: with the losses in
between it could only be fewer. A run failed if it diverged or ended at 3 nats or more, as docs/claims.md defines it.
The program is $TRAIN or ./train; it computes H, the unigram entropy of each part. Runs that did not fail and are called
stuck are listed.
"""

import csv
import json
import math
import os
import pathlib
import re
import subprocess
import tempfile

RATIO, TIMES, FAILED = 0.98, 3, 3.0
ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_json(path):
    """A config or sweep, without its comments."""
    text = path.read_text()
    return json.loads(re.sub(r'^((?:[^"/]|"(?:[^"\\]|\\.)*"|/[^/])*)//.*$', r"\1", text, flags=re.M))


def flat(config, prefix=""):
    values = {}
    for key, value in config.items():
        values.update(flat(value, prefix + key + ".") if isinstance(value, dict) else {prefix + key: value})
    return values


def read_config(path):
    config = read_json(path)
    base = config.pop("extends", None)
    return {**(read_config(path.parent / base) if base else {}), **flat(config)}


def unigram_entropy(config, words):
    """As a run of no steps prints it."""
    with tempfile.TemporaryDirectory() as folder:
        train = os.path.abspath(os.environ.get("TRAIN") or ROOT / "train")
        command = [train, "--config", config, "--run-dir", folder + "/run", "--set", "name=rule", *words]
        command += ["--set", "train.steps=0", "--set", "train.threads=1"]
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)
        found = json.loads((pathlib.Path(folder) / "run/run.json").read_text())["data"]["unigram_entropy"]
    return math.inf if found is None else found


def validations(config):
    """How many validations a run has after its warm-up."""
    steps, every = config["train.steps"], config["train.eval_every"]
    measured = {*range(0, steps + 1, every), steps}
    return sum(step > config["optim.warmup_steps"] for step in measured)


def judge(path):
    """0.98 H, [runs, trained, of them stuck, failed, of them stuck, all stuck that were at 0.98 H after a third, too],
    and the trained ones that are stuck."""
    sweep = read_json(ROOT / "sweeps/claims" / (path.stem + ".json"))
    config = ROOT / "sweeps/claims" / sweep["config"]
    settings = sweep.get("set", {})
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    limit = RATIO * unigram_entropy(config, words)
    counts, listed = [0] * 6, []
    for row in csv.DictReader(path.open()):
        own = {**read_config(config), **settings}
        own.update({key: float(row[key]) for key in ("optim.warmup_steps",) if key in row})
        loss, third = float(row["val_loss"]), float(row["val_third"] or "inf")
        failed = row["diverged"] == "1" or loss >= FAILED
        stuck = row["diverged"] == "0" and loss >= limit and validations(own) >= TIMES
        found = [True, not failed, stuck and not failed, failed, stuck and failed, stuck and third >= limit]
        counts = [count + one for count, one in zip(counts, found, strict=True)]
        if stuck and not failed:
            listed.append(f"{path.stem} {row['run']}: {loss} nats, {loss / limit * RATIO:.4f} H")
    return limit, counts, listed


def main():
    heads = ["part", "0.98 H", "runs", "trained", "stuck", "failed", "stuck", "also after a third"]
    line = "{:14} {:>7} {:>6} {:>8} {:>6} {:>7} {:>6} {:>19}"
    print(line.format(*heads))
    total, listed = [0] * 6, []
    for path in sorted((ROOT / "docs/claims").glob("*.csv")):
        if "diverged" not in path.open().readline().split(","):
            continue  # no trained runs
        limit, counts, found = judge(path)
        listed += found
        total = [one + count for one, count in zip(total, counts, strict=True)]
        print(line.format(path.stem, f"{limit:.4f}", *counts))
    print(line.format("all", "", *total))
    print(*(f"below {FAILED} nats and stuck: {one}" for one in listed), sep="\n")


if __name__ == "__main__":
    main()
