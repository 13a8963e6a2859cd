"""The result file, a CSV with one line per mutant, and its summary."""

import csv
import threading

from workshop import BROKEN, EQUIVALENT, SAME_CODE, SURVIVED

HEADER = ["id", "file", "line", "rule", "before", "after", "result", "killed_by"]
FOLDERS = ["norm", "base", "ops", "model", "run"]


class Results:
    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()

    def records(self):
        with open(self.path, newline="") as file:
            return list(csv.DictReader(file))

    def start(self, resume):
        """Begins the file, or takes the survivors out, so that they run again. Returns the ids that it has."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if resume and self.path.exists() and self.path.stat().st_size:
            kept = [record for record in self.records() if record["result"] != SURVIVED]
        with open(self.path, "w", newline="") as file:
            writer = csv.DictWriter(file, HEADER, lineterminator="\n")
            writer.writeheader()
            writer.writerows(kept)
        return {record["id"] for record in kept}

    def add(self, mutant, result, killer):
        before, after = mutant.before.lstrip(" "), mutant.after.lstrip(" ")
        killed_by = str(killer or "")
        with self.lock:
            with open(self.path, "a", newline="") as file:
                fields = [mutant.id, mutant.file, mutant.line, mutant.rule, before, after, result, killed_by]
                csv.writer(file, lineterminator="\n").writerow(fields)
            print(f"{result:<16} {mutant.id}{f' ({killed_by})' if killed_by else ''}", flush=True)


def print_summary(records):
    """Counts by folder and the survivors; returns whether none survived."""
    count = {
        result: sum(record["result"] == result for record in records) for result in (BROKEN, SAME_CODE, EQUIVALENT)
    }
    print(
        f"does not compile: {count[BROKEN]}, same object code: {count[SAME_CODE]}, "
        f"listed as equivalent: {count[EQUIVALENT]}"
    )
    compiled = [record for record in records if record["result"] not in count]
    for folder in [*FOLDERS, "all"]:
        here = [record for record in compiled if folder in (record["file"].partition("/")[0], "all")]
        killed = sum(record["result"] != SURVIVED for record in here)
        percent = f"{100 * killed / len(here):.1f} %" if here else "-"
        print(f"{folder:<6} {len(here):4} compiled, {killed:4} killed, {percent}")
    survivors = [record for record in compiled if record["result"] == SURVIVED]
    if survivors:
        print("survivors:")
    for record in survivors:
        print(f"  {record['id']}\n    - {record['before']}\n    + {record['after']}")
    return not survivors
