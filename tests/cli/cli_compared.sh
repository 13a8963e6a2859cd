#!/usr/bin/env bash
# cli_compared.sh - bench_torch.py without PyTorch, its results from known times, and the first table of
# docs/performance.md. long_bench_torch.sh runs it with PyTorch.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# bench CODE ARGUMENT...: runs bench_torch.py; sets $said to its output.
bench() {
    local got=0
    said=$(scripts/bench_torch.py --train "$TRAIN" "${@:2}" 2>&1 </dev/null) || got=$?
    ((got == $1)) || fail "bench_torch.py ${*:2}: exit code $got, want $1; output: $said"
}

mistakes_are_errors() {
    bench 1 --workloads xs --python "$tmp/no python"
    has "no interpreter" "$said" "bench_torch.py: cannot start $tmp/no python: No such file"
    bench 1 --workloads xs --train "$tmp/no train"
    has "no program" "$said" "there is no program $tmp/no train; run make first"
    bench 2 --precisions float16
    has "no such precision" "$said" "takes some of float32,bfloat16, not float16"
    bench 2 --rounds 0
    has "no rounds" "$said" "at least 1"
    bench 1 --workloads peri_rms.json --python true
    has "other models" "$said" "peri_rms.json"
}

# Its losses are not those of ./train, so that nothing is measured.
losses_are_compared() {
    cat >"$tmp/python" <<'BASH'
#!/bin/bash
case "$4" in
*'"work": "describe"'*) echo '{"torch": "9", "threads": 1, "files": [], "openmp": [], "imported_mb": 1, "built": "known",
    "attentions": ["sdpa"], "adamws": ["plain"], "casts": {"float32": ["none"], "bfloat16": ["autocast"]},
    "modes": {"eager": "", "compile": "no compiler"}}' | tr -d '\n' ;;
*'"work": "check"'*) echo '{"updates": [[[5.5, 1], [5.4, 1], [5.3, 1]]]}' ;;
esac
BASH
    chmod +x "$tmp/python"
    bench 1 --workloads xs --threads 1 --check --precisions float32 --python "$tmp/python"
    has "head" "$said" "compile   left out: no compiler"
    has "losses" "$said" "xs: float32, mode=eager cast=none attention=sdpa adamw=plain settings=none: the losses of ./train are "
}

# Legs of three rounds: ./train takes 10, 20, 10 ms in float32 and half of it in bfloat16.
results_of_known_times() {
    cat >"$tmp/known.py" <<'PYTHON'
import sys

sys.path.insert(0, "scripts/bench_torch")
from results import PERI, records_of


class Workload:
    name, tokens, parameters = "xs", 100, 0


def leg(mode, ms):
    engine = {"engine": "known", "engine_gflops": 1} if mode == PERI else {}
    return {"ms": ms, "sgemm": 1, "ratio": 1, "peak_mb": 1, "others": 0, **engine}


ways = {("float32", PERI): 1, ("float32", "eager"): 3, ("float32", "compile"): 2, ("bfloat16", PERI): 0.5}
ways["bfloat16", "eager"] = 2.5
measured = [{way: leg(way[1], 10 * k * times) for way, times in ways.items()} for k in (1, 2, 1)]
measured[0]["float32", "compile"] = leg("compile", 24)
fields = ("mode", "cast", "attention", "adamw", "settings")
variants = {way: dict.fromkeys(fields) for way in ways if way[1] != PERI}
for record in records_of(Workload, variants, measured):
    x = {precision: [round(value, 3) for value in values] for precision, values in record["x"].items()}
    print(record["precision"], record["program"], record["way"], record["tokens_per_s"], x, record.get("best"))
PYTHON
    same "records" "$(python3 -B "$tmp/known.py")" \
        "float32 peri.c known 10000.0 {'float32': [1.0, 1.0, 1.0], 'bfloat16': [2.0, 2.0, 2.0]} None
float32 PyTorch eager 3333.3333333333335 {'float32': [3.0, 3.0, 3.0], 'bfloat16': [6.0, 6.0, 6.0]} []
float32 PyTorch compile 4166.666666666667 {'float32': [2.0, 2.0, 2.2], 'bfloat16': [4.0, 4.0, 4.4]} ['float32', 'bfloat16']
bfloat16 peri.c known 20000.0 {'float32': [0.5, 0.5, 0.5], 'bfloat16': [1.0, 1.0, 1.0]} None
bfloat16 PyTorch eager 4000.0 {'float32': [2.5, 2.5, 2.5], 'bfloat16': [5.0, 5.0, 5.0]} []"
}

table_takes_the_first_file() {
    cat >"$tmp/a.jsonl" <<'JSON'
{"machine": "A", "threads": 2, "date": "2026-01-01", "commit": "c0ffee", "torch": "2.9", "rounds": 4}
{"workload": "s", "precision": "float32", "program": "peri.c", "way": "avx512", "tokens_per_s": 4321.4, "x": {"float32": [1, 1, 1]}}
{"workload": "s", "precision": "bfloat16", "program": "peri.c", "way": "amx", "tokens_per_s": 9000, "x": {"float32": [1, 1, 1]}}
{"workload": "s", "precision": "float32", "program": "PyTorch", "way": "compile", "tokens_per_s": 2000, "x": {"float32": [2.1607, 2, 2.25], "bfloat16": [4.5, 4.25, 4.75]}, "best": ["float32", "bfloat16"]}
{"workload": "s", "precision": "float32", "program": "PyTorch", "way": "eager", "tokens_per_s": 1900, "x": {"float32": [2.3, 2, 3]}, "best": []}
{"workload": "m", "precision": "float32", "program": "peri.c", "way": "avx512", "tokens_per_s": 400, "x": {"float32": [1, 1, 1]}}
JSON
    cat >"$tmp/b.jsonl" <<'JSON'
{"machine": "B", "threads": 1, "date": "2025-01-01", "note": "older"}
{"workload": "s", "precision": "float32", "program": "llm.c", "way": "", "tokens_per_s": 290}
{"workload": "s", "precision": "float32", "program": "peri.c", "way": "", "tokens_per_s": 1}
{"workload": "m", "precision": "float32", "program": "PyTorch", "way": "eager", "tokens_per_s": 200, "x": {"float32": [9, 9, 9]}, "best": ["float32"]}
JSON
    said=$(python3 -B scripts/bench_torch/table.py "$tmp/a.jsonl" "$tmp/b.jsonl")
    has "fields" "$said" "| S | float32 | 4,321 | 2,000 (float32, compile) | 2.16 (2.00..2.25) | 290\\* |"
    has "the best of all" "$said" "| S | bfloat16 | 9,000 | 2,000 (float32, compile) | 4.50 (4.25..4.75) | not measured |"
    has "not side by side" "$said" "| M | float32 | 400 | 200\\* (float32, eager) | not measured | not measured |"
    has "first file" "$said" "* A, 2 threads; 2026-01-01; commit c0ffee; PyTorch 2.9, 4 rounds."
    has "second file" "$said" "* \\* B, 1 threads; 2025-01-01; older."
    if said=$(python3 -B scripts/bench_torch/table.py --write README.md "$tmp/a.jsonl" 2>&1); then fail "README.md is written"; fi
    has "no marks" "$said" "README.md has no lines"
}

page_is_current() {
    cp docs/performance.md "$tmp/page.md"
    python3 -B scripts/bench_torch/table.py --write "$tmp/page.md" docs/performance/{compared,llmc}.jsonl
    cmp docs/performance.md "$tmp/page.md" || fail "the first table of docs/performance.md is not that of its files"
}

test_case "compared: mistakes are errors" mistakes_are_errors
test_case "compared: other losses than those of ./train" losses_are_compared
test_case "compared: results of known times" results_of_known_times
test_case "compared: the table takes the first file" table_takes_the_first_file
test_case "compared: docs/performance.md is current" page_is_current
test_done
