"""sweep COMMAND FOLDER: what scripts/sweep.sh decides from finished runs, and sweep.json in the folder of the runs.

Input and output are lines of fields with tabs between them:

    times     prints ARM SECONDS, the stored times of a step; the baseline is the first
    keep      stores such lines
    stopped   prints the stored names of runs that were stopped at a third
    halve     NAME ARM RATE STEP -> NAME REASON of the runs to stop; stores them (halving.py)
    extend    NAME ARM -> ARM RATE, a rate beyond the grid of each arm whose best is at its edge (refine.py)
    refine    NAME ARM -> ARM RATE, the half-way rates around the best of each arm"""

import json
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "report"))

import halving  # noqa: E402
import refine  # noqa: E402
import runs  # noqa: E402

EXIT_USAGE, EXIT_DATA, EXIT_IO = 2, 3, 4  # as of ./train


def stop(code, message):
    print(f"sweep.sh: {message}", file=sys.stderr)
    sys.exit(code)


def stored(path):
    if not path.exists():
        return {}
    try:
        return runs.read_object(path)
    except ValueError as error:
        stop(EXIT_DATA, f"{path.parent} {error}; without it, the steps of equal time are not known")


def store(path, facts):
    """Writes sweep.json, which appears complete or not at all."""
    new = path.with_name(path.name + ".tmp")
    try:
        new.write_text(json.dumps(facts, indent=2) + "\n")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        stop(EXIT_IO, f"cannot write {path}: {error.strerror}")


def times(facts):
    seconds, base = facts.get("step_seconds", {}), facts.get("baseline")
    order = sorted(seconds, key=lambda arm: arm != base)
    return [(arm, f"{seconds[arm]:.9g}") for arm in order]


def keep(facts, lines):
    facts |= {"equal_time": True, "baseline": lines[0][0]}
    facts["step_seconds"] = {arm: float(seconds) for arm, seconds in lines}


def halve(facts, folder, lines):
    found = halving.decide(folder, lines)
    facts["stopped"] = {name: {"step": step, "why": why} for name, step, why in found}
    return [(name, why) for name, _, why in found]


def main(command, folder):
    path = Path(folder) / "sweep.json"
    facts, printed = stored(path), []
    lines = [line.split("\t") for line in sys.stdin.read().splitlines()]
    if command == "times":
        printed = times(facts)
    elif command == "stopped":
        printed = [(name,) for name in facts.get("stopped", {})]
    elif command in ("extend", "refine"):
        printed = getattr(refine, command)(Path(folder), lines)
    else:
        if command == "keep":
            keep(facts, lines)
        else:
            printed = halve(facts, Path(folder), lines)
        store(path, facts)
    for fields in printed:
        print(*fields, sep="\t")


main(*sys.argv[1:])
