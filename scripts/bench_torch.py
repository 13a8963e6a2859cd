#!/usr/bin/python3
"""Measures PyTorch and ./train side by side on the same models.

    scripts/bench_torch.py                           workloads xs, s and m, four rounds
    scripts/bench_torch.py --workloads s,deep --topology peri --norm rmsnorm --threads 1
    scripts/bench_torch.py --python /usr/bin/python3 --json FILE
    scripts/bench_torch.py --check                   compares losses only

PyTorch is that of --python: 1.13 or any 2.x. The default is the one that scripts/install-packages.sh torch installs
from PyPI, if it is there, and otherwise Debian's (scripts/install-packages.sh oracle).

Nothing is compared across runs. In every round PyTorch and ./train take turns, each in its own process, with the same
config and threads. A ratio is that of two legs of one round, and each side is also compared with the matrix
multiplications of 2048 x 2048 that it runs between its own steps. PyTorch runs in up to four ways: eager and
torch.compile, in float32 and in bfloat16. For each way the fastest variant is searched before the first round
(variants.py), and must compute the losses that ./train computes from the same weights (losses.py).

Other processes on the machine slow the sides down by different amounts, PyTorch by far more. The cores that they take
are measured in every leg, and the output warns if it was too much.

A step is random tokens, forward, backward, clipping and AdamW. This process never loads PyTorch: the peak memory of a
child would start at that of its parent.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "bench_torch"))

from common import LEG_SECONDS, MODES, PRECISIONS, ROOT, SAMPLES_MIN, fail  # noqa: E402

DISTURBED = 0.1  # cores taken by other processes during a leg, from which on the output warns


def default_python():
    """The interpreter of the environment that install-packages.sh torch makes, if it is there."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    python = os.path.join(cache, "peri", "torch", "bin", "python3")
    return python if os.access(python, os.X_OK) else sys.executable


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    return found[1] if found else os.uname().machine


def commit():
    words = ["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def head_of(said, sides, arguments):
    """What the records of a file were measured with."""
    return {
        "machine": cpu_model(),
        "cores": os.cpu_count(),
        "threads": sides.threads,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "torch": said["torch"],
        "torch_libraries": said["built"],
        "rounds": arguments.rounds,
        "topology": arguments.topology,
        "norm": arguments.norm,
    }


def print_head(sides, said, arguments):
    variables = r"OMP_|GOMP_|OPENBLAS_|MALLOC_|GLIBC_TUNABLES"
    settings = sorted(f"{key}={value}" for key, value in sides.torch_environment.items() if re.match(variables, key))
    print(f"machine   {cpu_model()}, {os.cpu_count()} cores")
    print("PyTorch   {torch}, {threads} threads, {imported_mb:.1f} MB resident after the import".format(**said))
    print(f"          {sides.python}")
    print(f"          {said['built']}")
    print(f"BLAS      {', '.join(said['files']) or 'within PyTorch'}")
    if "parallel" in said:
        blas = "{config}, kernels {core}, openblas_get_parallel() = {parallel}, {blas_threads} threads"
        print("          " + blas.format(**said))
    print(f"OpenMP    {', '.join(said['openmp'])}; {' '.join(settings)}")
    print(f"attention {', '.join(said['attentions'])}; AdamW {', '.join(said['adamws'])}")
    listed = "; ".join(f"{key}: {' '.join(names)}" for key, names in said["casts"].items())
    print(f"casts     {listed}")
    print(f"compile   {'left out: ' + said['modes']['compile'] if said['modes']['compile'] else 'torch.compile'}")
    print(f"model     topology {arguments.topology}, norm {arguments.norm}")
    for line in sides.ask_train("--version").splitlines():
        print("./train   " + line)
    print(flush=True)


def parse_arguments():
    def some_of(choices):
        def parse(text):
            names = text.split(",")
            if not set(names) <= set(choices):
                raise argparse.ArgumentTypeError(f"takes some of {','.join(choices)}, not {text}")
            return [name for name in choices if name in names]

        return parse

    def add(name, default, about, **how):
        parser.add_argument(name, default=default, help=f"{about} ({default})" if default else about, **how)

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add("--workloads", "xs,s,m", "names of configs/bench_*.json, or config files ending in .json")
    add("--precisions", ",".join(PRECISIONS), "precisions of ./train", type=some_of(PRECISIONS))
    add("--modes", ",".join(MODES), "ways to run PyTorch", type=some_of(MODES))
    add("--rounds", 4, "legs of each way", type=int)
    about = f"steps per leg; 0 = as many as take the fastest PyTorch {LEG_SECONDS} s, at least {SAMPLES_MIN}"
    add("--steps", 0, about, type=int)
    add("--threads", len(os.sched_getaffinity(0)), "threads of both sides", type=int)
    add("--train", os.path.join(ROOT, "train"), "the program", metavar="FILE")
    add("--python", default_python(), "the interpreter that has PyTorch, 3.9 or newer", metavar="FILE")
    add("--json", None, "write the results to FILE, a line of JSON for each way", metavar="FILE")
    add("--topology", "pre", "model.topology", choices=("pre", "peri"))
    add("--norm", "layernorm", "model.norm", choices=("layernorm", "rmsnorm"))
    parser.add_argument("--check", action="store_true", help="compare the losses of every way with ./train, no speeds")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.threads, arguments.steps + 1) < 1:
        parser.error("--rounds and --threads are at least 1, --steps at least 0")
    return arguments


def measure(arguments):
    from results import print_results, records_of, write_results
    from sides import Sides
    from variants import every
    from workload import Workload

    sides = Sides(arguments.train, arguments.threads, arguments.python)
    names = arguments.workloads.split(",")
    workloads = [Workload(sides, name, arguments.topology, arguments.norm) for name in names]
    said = sides.ask_torch("describe")
    sides.require_blas(said)
    print_head(sides, said, arguments)
    if arguments.check:
        for workload in workloads:
            workload.check(every(said, arguments.precisions, arguments.modes))
        return
    records = []
    for workload in workloads:
        records += records_of(
            workload,
            *workload.measure(arguments.precisions, arguments.modes, said, arguments.rounds, arguments.steps),
        )
    print_results(records, arguments.rounds, DISTURBED)
    if arguments.json:
        write_results(arguments.json, head_of(said, sides, arguments), records)


def main():
    arguments = parse_arguments()
    if arguments.child:
        try:
            import child
        except ModuleNotFoundError as error:
            fail(f"{sys.executable}: {error}; scripts/install-packages.sh torch installs PyTorch")
        child.answer(json.loads(arguments.child))
    else:
        measure(arguments)


if __name__ == "__main__":
    main()
