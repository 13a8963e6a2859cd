"""results: what the rounds of a workload come to: records for a file, and a table to read.

A record is one way on one workload. Its x is its time divided by that of ./train in the same round, for each precision
of ./train: [median, first quartile, third quartile].
"""

import json
import statistics

from common import MB

PERI = "peri.c"
FIELDS = ("mode", "cast", "attention", "adamw", "settings")


def quartiles(values):
    """[median, first quartile, third quartile]."""
    if len(values) == 1:
        return values * 3
    first, middle, third = statistics.quantiles(values, n=4, method="inclusive")
    return [middle, first, third]


def record_of(workload, way, measured, variant):
    precision, mode = way
    legs = [legs[way] for legs in measured]
    ms, spread = statistics.median(leg["ms"] for leg in legs), quartiles([leg["ms"] for leg in legs])
    record = {
        "workload": workload.name,
        "precision": precision,
        "program": PERI if mode == PERI else "PyTorch",
        "way": legs[0].get("engine", mode),
        "ms": ms,
        "ms_quartiles": spread[1:],
        "tokens_per_s": 1e3 * workload.tokens / ms,
        "sgemm_gflops": statistics.median(leg["sgemm"] for leg in legs),
        "ratio": statistics.median(leg["ratio"] for leg in legs),
        "memory_mb": statistics.median(leg["peak_mb"] for leg in legs) - 16 * workload.parameters / MB,
        "others": max(leg["others"] for leg in legs),
        "x": {},
    }
    if mode == PERI:
        record["engine_gflops"] = statistics.median(leg["engine_gflops"] for leg in legs)
    else:
        record["variant"] = {field: variant[field] for field in FIELDS}
    for other in sorted({its for its, its_mode in measured[0] if its_mode == PERI}, reverse=True):
        record["x"][other] = quartiles([legs[way]["ms"] / legs[other, PERI]["ms"] for legs in measured])
    return record


def records_of(workload, variants, measured):
    """The records of a workload; "best" lists the precisions of ./train that this way of PyTorch is compared with.

    ./train in float32 is compared with the fastest float32 way, ./train in bfloat16 with the fastest of all.
    """
    found = [record_of(workload, way, measured, variants.get(way)) for way in sorted(measured[0], reverse=True)]
    theirs = [record for record in found if record["program"] == "PyTorch"]
    for record in theirs:
        record["best"] = []
    for precision in found[0]["x"]:
        allowed = [r for r in theirs if precision == "bfloat16" or r["precision"] == precision]
        if allowed:
            min(allowed, key=lambda r: r["x"][precision][0])["best"].append(precision)
    return found


def x_words(x):
    return f"{x[0]:.2f} ({x[1]:.2f}..{x[2]:.2f})"


def cells_of(record, precisions):
    best = "".join(f", best for {precision}" for precision in record.get("best", []))
    cells = [record["workload"], record["precision"], record["program"], record["way"] + best]
    cells += [f"{record['ms']:.2f}", f"{record['tokens_per_s']:.0f}", f"{record['ratio']:.3f}"]
    cells.append(f"{record['memory_mb']:.0f}")
    return cells + [x_words(record["x"][precision]) if precision in record["x"] else "" for precision in precisions]


def print_results(records, rounds, disturbed):
    precisions = list(records[0]["x"])
    print(
        f"\nMedians of {rounds} rounds. x: time of this way / time of ./train in that precision, with quartiles;\n"
        "sgemm: model FLOP/s / FLOP/s of the float32 matrix multiplications between the steps;\n"
        "memory: peak MB beyond 16 bytes per parameter.\n"
    )
    most = max(record["others"] for record in records)
    if most > disturbed:
        print(
            f"DISTURBED: other processes took up to {most:.2f} cores during a leg, which slows PyTorch down more than "
            "./train.\nThese ratios are not valid; measure again on an idle machine.\n"
        )
    head = ["workload", "precision", "program", "way", "ms", "tokens/s", "sgemm", "memory"]
    head += [f"x of {precision}" for precision in precisions]
    print_rows([head, ["---"] * 4 + ["---:"] * (len(head) - 4)] + [cells_of(record, precisions) for record in records])
    print("\nThe same, one line of JSON for each way:\n")
    for record in records:
        print(json.dumps(record))


def print_rows(rows):
    for cells in rows:
        print("| " + " | ".join(cells) + " |")


def write_results(path, head, records):
    """JSON Lines: the first describes the measurement, each other line is a record."""
    with open(path, "w", encoding="utf-8") as file:
        for line in [head, *records]:
            file.write(json.dumps(line) + "\n")
