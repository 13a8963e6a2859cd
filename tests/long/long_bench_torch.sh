#!/usr/bin/env bash
# long_bench_torch.sh - scripts/bench_torch.py with PyTorch: its models compute what ./train computes, its figures agree.
# Runs with each PyTorch there is, of scripts/install-packages.sh oracle and torch.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# bench PYTHON CODE ARGUMENT...: on one thread, since PyTorch crawls when others use the cores; sets $said.
bench() {
    local got=0
    said=$(scripts/bench_torch.py --train "$TRAIN" --python "$1" --threads 1 --workloads "$tmp/small.json" "${@:3}" 2>&1) || got=$?
    ((got == $2)) || fail "bench_torch.py ${*:3}: exit code $got, want $2; output: $said"
}

losses_agree() {
    bench "$1" 0 --check
    (($(grep -c ': float32, mode=eager .* off by ' <<<"$said") >= 4)) || fail "few variants: $said"
    (($(grep -c ': bfloat16, mode=eager .* off by ' <<<"$said") >= 4)) || fail "few variants: $said"
    has "compile" "$said" "compile  "
    grep -q 'compile   left out' <<<"$said" || has "compiled" "$said" "bfloat16, mode=compile cast=autocast"
    bench "$1" 0 --check --modes eager --topology peri --norm rmsnorm --precisions float32
}

figures_agree() {
    bench "$1" 0 --modes eager --precisions bfloat16 --rounds 2 --steps 5 --json "$tmp/measured.jsonl"
    python3 -B - "$tmp/measured.jsonl" <<'PYTHON'
import json
import sys

head, *records = [json.loads(line) for line in open(sys.argv[1])]
assert head["rounds"] == 2 and head["threads"] == 1, head
found = {(r["precision"], r["program"]): r for r in records}
assert len(found) == len(records) == 2, found.keys()
for (precision, program), r in found.items():
    assert abs(r["tokens_per_s"] * r["ms"] / 1e3 / 128 - 1) < 1e-9, r
    middle, low, high = r["x"][precision]
    assert low <= middle <= high and (program != "peri.c" or low == high == 1), r
    assert program == "peri.c" or r["best"] == ["bfloat16"], r
PYTHON
}

# An interpreter without PyTorch.
torch_is_missing() {
    bench "$1" 1 --check
    has "what to do" "$said" "scripts/install-packages.sh torch installs PyTorch"
}

cat >"$tmp/small.json" <<'JSON'
{
  "model": {"n_layer": 2, "n_head": 2, "d_model": 32, "context": 32},
  "data": {"train": "builtin:random", "vocab_size": 300},
  "train": {"batch": 4, "eval_every": 0},
  "log": {"layers_every": 0}
}
JSON
for python in /usr/bin/python3 "${XDG_CACHE_HOME:-$HOME/.cache}/peri/torch/bin/python3"; do
    [[ -x $python ]] || continue
    if "$python" -c 'import torch' 2>/dev/null; then
        test_case "bench_torch: losses of $python" losses_agree "$python"
        test_case "bench_torch: figures of $python" figures_agree "$python"
    else
        test_case "bench_torch: $python has no PyTorch" torch_is_missing "$python"
    fi
done
test_done
