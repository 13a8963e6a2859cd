"""table.py [--write PAGE] FILE... - prints the first table of docs/performance.md from measured files.

A FILE is what bench_torch.py --json writes: a line about the measurement, then a line for each way. For each workload
and precision the table has the tokens/s of ./train, of the best PyTorch, their ratio, and the tokens/s of llm.c. A cell
comes from the first file that has it; cells of other files than the first are marked, and below the table each file has
a line with its machine and date. --write replaces what PAGE has between the lines of MARKS.
"""

import argparse
import json
import sys

MARKS = ("<!-- compared: written by scripts/bench.sh compared -->", "<!-- end of compared -->")
WORKLOADS = ("xs", "s", "m")
PRECISIONS = ("float32", "bfloat16")
EMPTY = "not measured"


def read(path):
    """The head and the records of a file."""
    try:
        with open(path, encoding="utf-8") as file:
            head, *records = [json.loads(line) for line in file if line.strip()]
        return head, records
    except (OSError, ValueError) as error:
        sys.exit(f"table.py: {path}: {error}")


def compared_with(record, precision):
    """Whether a record is the competitor of ./train in a precision."""
    if record["program"] == "PyTorch":
        return precision in record["best"]
    return record["precision"] == precision


class Table:
    def __init__(self, paths):
        self.files = [read(path) for path in paths]

    def find(self, workload, precision, program):
        """The number of the first file that has such a record, and the record."""
        for i, (_, records) in enumerate(self.files):
            for record in records:
                if (record["workload"], record["program"]) == (workload, program) and compared_with(record, precision):
                    return i, record
        return None, None

    def speed(self, found, with_way=False):
        i, record = found
        if record is None:
            return EMPTY
        way = ""
        if with_way:
            way = f" ({record['precision']}, {record['way']})"
        return f"{record['tokens_per_s']:,.0f}{mark(i)}{way}"

    def row(self, workload, precision):
        ours, theirs, llmc = (self.find(workload, precision, program) for program in ("peri.c", "PyTorch", "llm.c"))
        times = EMPTY
        # Times of two files were not measured side by side.
        if theirs[1] and theirs[0] == ours[0]:
            x = theirs[1]["x"][precision]
            times = f"{x[0]:.2f} ({x[1]:.2f}..{x[2]:.2f})"
        speeds = [self.speed(ours), self.speed(theirs, with_way=True), times, self.speed(llmc)]
        return [workload.upper(), precision, *speeds]

    def lines(self):
        head = ["workload", "precision", "peri.c, tokens/s", "best PyTorch, tokens/s", "x", "llm.c, tokens/s"]
        rows = [head, ["---", "---", "---:", "---:", "---:", "---:"]]
        rows += [self.row(workload, precision) for workload in WORKLOADS for precision in PRECISIONS]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return lines + [""] + [about(i, head) for i, (head, _) in enumerate(self.files)]


def mark(i):
    """Nothing for the first file, then *, **, ..."""
    return "\\*" * i


def about(i, head):
    words = [f"{head['machine']}, {head['threads']} threads", head["date"]]
    words += [f"commit {head['commit']}"] if "commit" in head else []
    words += [f"PyTorch {head['torch']}, {head['rounds']} rounds"] if "torch" in head else []
    words += [head["note"]] if "note" in head else []
    name = f"{mark(i)} " if i else ""
    return f"* {name}{'; '.join(words)}."


def write(page, lines):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    before, found, rest = text.partition(MARKS[0] + "\n")
    _, end, after = rest.partition(MARKS[1])
    if not found or not end:
        sys.exit(f"table.py: {page} has no lines {MARKS[0]} and {MARKS[1]}")
    with open(page, "w", encoding="utf-8") as file:
        file.write(before + found + "\n".join(["", *lines, "", ""]) + end + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--write", metavar="PAGE", help="replace the table of this page")
    parser.add_argument("files", nargs="+", metavar="FILE")
    arguments = parser.parse_args()
    lines = Table(arguments.files).lines()
    if arguments.write:
        write(arguments.write, lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main()
