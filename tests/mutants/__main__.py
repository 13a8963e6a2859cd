"""mutate.sh: the options, and a run. Options are described in mutate.sh, the rules in docs/mutants.md."""

import argparse
import queue
import sys
import tempfile
import threading
from pathlib import Path

import choose
import equivalents
import rules
from results import Results, print_summary
from workshop import EQUIVALENT, Interrupted, Workshop

ROOT = Path(__file__).resolve().parent.parent.parent
CORE = ["norm/*.c", "ops/cpu/cpu_attention.c", "model/attention.c", "model/sublayer.c"]
CORE += ["model/topologies.c", "model/wiring.c"]


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        print(f"mutate.sh: {message}; --help says more", file=sys.stderr)
        sys.exit(2)


def natural(text):
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f'"{text}" is not an integer from 0 on')
    return int(text)


def arguments(words):
    parser = Arguments(add_help=False, allow_abbrev=False)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check-equivalents", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--core", action="store_true")
    parser.add_argument("--sample", type=natural, default=0)
    parser.add_argument("--seed", type=natural, default=1)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--results", type=Path, default=Path("build/mutants.csv"))
    parser.add_argument("--jobs", type=natural, default=2)
    chosen = parser.parse_args(words)
    if chosen.core:
        chosen.only += [str(path.relative_to(ROOT)) for pattern in CORE for path in ROOT.glob(pattern)]
    return chosen


def print_mutants(mutants):
    for mutant in mutants:
        _, _, before, after = mutant.key
        print(f"{mutant.id}\n  - {before}\n  + {after}")


def check_equivalents(mutants):
    """Prints the entries of equivalent.txt that are no mutant now; returns whether there are none."""
    found = equivalents.stale(mutants)
    for entry in found:
        print(f"tests/mutants/equivalent.txt:{entry.line}: no such mutant: {entry.file} {entry.rule}")
        print(f"  - {entry.before}\n  + {entry.after}")
    return not found


def work(workshop, todo, results, equivalent, short):
    """Takes mutants until there are none left."""
    try:
        while True:
            mutant = todo.get_nowait()
            if mutant.key in equivalent:
                results.add(mutant, EQUIVALENT, None)
            else:
                results.add(mutant, *workshop.try_mutant(mutant, short))
    except (queue.Empty, Interrupted):
        return


def run(chosen, mutants, folder):
    results = Results(chosen.results)
    done = results.start(chosen.resume)
    todo = queue.SimpleQueue()
    for mutant in mutants:
        if mutant.id not in done:
            todo.put(mutant)
    print(f"{todo.qsize()} mutants to run", flush=True)
    if not todo.empty():
        equivalent = {entry.key for entry in equivalents.entries()}
        workshops = [Workshop(folder / str(i)) for i in range(chosen.jobs)]
        workshops[0].copy_tree(ROOT)
        workshops[0].prepare(chosen.jobs)
        for workshop in workshops[1:]:
            workshop.copy_of(workshops[0])
        common = (todo, results, equivalent, chosen.short)
        workers = [threading.Thread(target=work, args=(workshop, *common), daemon=True) for workshop in workshops]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    records = results.records()
    missing = {mutant.id for mutant in mutants} - {record["id"] for record in records}
    if missing:
        print(f"{len(missing)} mutants have no result; --resume runs them")
    return print_summary(records) and not missing


def main(words):
    chosen = arguments(words)
    if chosen.jobs < 1:
        Arguments().error("--jobs is at least 1")
    every = rules.all_mutants(ROOT)
    if chosen.check_equivalents:
        return check_equivalents(every)
    mutants = choose.chosen(every, set(chosen.only), chosen.sample, chosen.seed)
    if chosen.list:
        print_mutants(mutants)
        return True
    with tempfile.TemporaryDirectory() as folder:
        return run(chosen, mutants, Path(folder))


sys.exit(0 if main(sys.argv[1:]) else 1)
