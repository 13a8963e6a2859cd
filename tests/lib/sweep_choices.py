"""sweep_choices stopped|rates FOLDER ARM...: what a sweep with --halving or --refine must choose, from the files of its
runs, which are called ARM-lrRATE-sSEED.

stopped: the names of the runs that stop at a third. rates: "ARM RATE" of the rates beyond an edge, or around the best.
Shares nothing with scripts."""

import csv
import json
import math
import sys
from pathlib import Path


def read(run):
    """(steps, {step: validation loss}), of log.csv."""
    with open(run / "log.csv") as file:
        losses = {int(row["step"]): float(row["val_loss"]) for row in csv.DictReader(file) if row["val_loss"]}
    return json.loads((run / "config.json").read_text())["train"]["steps"], losses


def cells(folder, arm):
    """{rate: runs}"""
    found = {}
    for run in sorted(folder.glob(f"{arm}-lr*-s*")):
        if run.is_dir():
            rate = float(run.name.split("-lr")[1].rsplit("-s", 1)[0])
            found.setdefault(rate, []).append(run)
    return found


def at_a_third(run):
    """(loss at step 0, last loss up to a third)."""
    steps, losses = read(run)
    return losses[0], losses[max(step for step in losses if step <= steps // 3)]


def average(values):
    values = list(values)
    return sum(values) / len(values)


def stopped(folder, arms):
    means = {arm: {r: average(at_a_third(run)[1] for run in c) for r, c in cells(folder, arm).items()} for arm in arms}
    falls = {}
    for arm in arms:
        rate = min(means[arm], key=means[arm].get)
        falls[arm] = average(at_a_third(run)[0] for run in cells(folder, arm)[rate]) - means[arm][rate]
    for arm in arms:
        rates, by_loss = sorted(means[arm]), sorted(means[arm], key=means[arm].get)
        near = rates.index(by_loss[0])
        for i, rate in enumerate(rates):
            goes_on = by_loss.index(rate) < math.ceil(len(rates) / 2) or abs(i - near) <= 1
            if not goes_on or 2 * falls[arm] < max(falls.values()):
                print(*(run.name for run in cells(folder, arm)[rate]), sep="\n")


def rates(folder, arms):
    for arm in arms:
        means = {}
        for rate, runs in cells(folder, arm).items():
            finals = [read(run) for run in runs]
            if all(max(losses) == steps for steps, losses in finals):
                means[rate] = average(losses[steps] for steps, losses in finals)
        order = sorted(means)
        i = order.index(min(means, key=means.get))
        best = order[i]
        if i == 0:
            print(arm, f"{best * best / order[1]:.3g}")
        elif i == len(order) - 1:
            print(arm, f"{best * best / order[-2]:.3g}")
        else:
            print(arm, f"{math.exp((math.log(order[i - 1]) + math.log(best)) / 2):.3g}")
            print(arm, f"{math.exp((math.log(order[i + 1]) + math.log(best)) / 2):.3g}")


{"stopped": stopped, "rates": rates}[sys.argv[1]](Path(sys.argv[2]), sys.argv[3:])
