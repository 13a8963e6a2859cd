#!/usr/bin/python3
"""Measures PyTorch and ./train side by side on the same models.

    scripts/bench_torch.py                           workloads xs, s and m, four rounds
    scripts/bench_torch.py --workloads s,deep --topology peri --norm rmsnorm --threads 1

Needs python3-torch, which scripts/install-packages.sh oracle installs.

Nothing is compared across runs or across libraries. In every round PyTorch and ./train take turns, each in its own
process, with the same config, threads and OpenBLAS file. A ratio is that of two neighbouring legs, and each side is
also compared with the matrix multiplications of 2048 x 2048 that it runs between its own steps. PyTorch runs eagerly,
in the fastest of several ways to write the model (attentions() in model.py) and to start the process (SETTINGS in
sides.py); they are tried for each workload before the first round.

Other processes on the machine slow the sides down by different amounts, PyTorch by far more. The cores that they take
are measured in every leg, and the output warns if it was too much.

A step is random tokens, forward, backward, clipping and AdamW. This process never loads PyTorch: the peak memory of a
child would start at that of its parent.
"""

import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench_torch"))

from common import LEG_SECONDS, ROOT, SAMPLES_MIN  # noqa: E402
from sides import Sides  # noqa: E402
from workload import Workload  # noqa: E402

DISTURBED = 0.1  # cores taken by other processes during a leg, from which on the output warns


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    return found[1] if found else os.uname().machine


def print_head(sides, said, arguments):
    variables = r"OMP_|GOMP_|OPENBLAS_|MALLOC_|GLIBC_TUNABLES"
    settings = sorted(f"{key}={value}" for key, value in sides.torch_environment.items() if re.match(variables, key))
    print(f"machine   {cpu_model()}, {os.cpu_count()} cores")
    print("PyTorch   {torch}, {threads} threads, {imported_mb:.1f} MB resident after the import".format(**said))
    print(f"BLAS      {', '.join(said['files'])}")
    print(
        "          {config}, kernels {core}, openblas_get_parallel() = {parallel}, {blas_threads} threads".format(
            **said
        )
    )
    print(f"OpenMP    {', '.join(said['openmp'])}; {' '.join(settings)}")
    print(f"attention {', '.join(said['attentions'])}; the fused kernel of later versions is not in this one")
    print(f"model     topology {arguments.topology}, norm {arguments.norm}")
    for line in sides.ask_train("--version").splitlines():
        print("./train   " + line)
    print(flush=True)


def print_table(measured, rounds):
    print(
        f"\nMedians of {rounds} rounds; x: time of PyTorch / time of ./train, with its range over the rounds; sgemm: "
        "model FLOP/s /\nFLOP/s of the matrix multiplications between the steps; beyond: peak memory in MB beyond 16 "
        "bytes per parameter.\n"
    )
    most = max(others for _, others in measured)
    if most > DISTURBED:
        print(
            f"DISTURBED: other processes took up to {most:.2f} cores during a leg, which slows PyTorch down more than "
            "./train.\nThese ratios are not valid; measure again on an idle machine.\n"
        )
    head = ["workload", "PyTorch ms", "train ms", "x", "PyTorch tokens/s", "train tokens/s"]
    head += ["PyTorch sgemm", "train sgemm", "PyTorch beyond", "train beyond"]
    for cells in [head, ["---"] + ["---:"] * (len(head) - 1)] + [cells for cells, _ in measured]:
        print("| " + " | ".join(cells) + " |")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--workloads", default="xs,s,m", help="names of configs/bench_*.json, or config files ending in .json (xs,s,m)"
    )
    parser.add_argument("--rounds", type=int, default=4, help="legs of each side (4)")
    parser.add_argument(
        "--steps",
        type=int,
        default=0,
        help=f"steps per leg (as many as take PyTorch {LEG_SECONDS} s, at least {SAMPLES_MIN})",
    )
    parser.add_argument(
        "--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of both sides (all cores)"
    )
    parser.add_argument("--train", default=os.path.join(ROOT, "train"), help="the program (./train)")
    parser.add_argument("--topology", choices=("pre", "peri"), default="pre")
    parser.add_argument("--norm", choices=("layernorm", "rmsnorm"), default="layernorm")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.threads, arguments.steps + 1) < 1:
        parser.error("--rounds and --threads are at least 1, --steps at least 0")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.child:
        import child

        child.answer(json.loads(arguments.child))
        return
    sides = Sides(arguments.train, arguments.threads)
    names = arguments.workloads.split(",")
    workloads = [Workload(sides, name, arguments.topology, arguments.norm) for name in names]
    said = sides.ask_torch("describe")
    sides.require_blas(said)
    print_head(sides, said, arguments)
    print_table([workload.measure(arguments.rounds, arguments.steps) for workload in workloads], arguments.rounds)


if __name__ == "__main__":
    main()
