#!/usr/bin/env bash
# cli_bench.sh - --bench prints one line of consistent figures and writes nothing.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# figure KEY: its value in the last line of the output.
figure() {
    tail -n 1 <<<"$said" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

figures_agree() {
    local gflop
    exits 0 --config "$tmp/toy.json" --dry-run
    gflop=$(figure model_gflop)
    exits 0 --config "$tmp/toy.json" --set name=benched --bench 30
    same "keys" "$(tail -n 1 <<<"$said" | tr ' ' '\n' | cut -d= -f1 | tr '\n' ' ')" \
        "ms_per_step tokens_per_s model_gflops sgemm_gflops ratio peak_rss_mb precision engine engine_gflops "
    # 32 tokens per step; FLOPs per step as printed by --dry-run.
    awk -v ms="$(figure ms_per_step)" -v tokens="$(figure tokens_per_s)" -v gflop="$gflop" \
        -v rate="$(figure model_gflops)" -v sgemm="$(figure sgemm_gflops)" -v ratio="$(figure ratio)" 'BEGIN {
            exit !(near(tokens, 32 / ms * 1000) && near(rate, gflop / ms * 1000) && sgemm > 0.1 && ratio > 0) }
        function near(a, b) { return a > 0 && a / b > 0.9999 && a / b < 1.0001 }' ||
        fail "inconsistent figures: $said, with $gflop GFLOP per step"
    same "precision" "$(figure precision)" float32
    [[ $(figure engine) =~ ^avx ]] || fail "engine $(figure engine)"
    same "phases" "$(tail -n 2 <<<"$said" | head -n 1 | tr ' ' '\n' | cut -d= -f1 | tr '\n' ' ')" \
        "gemm attention norm elementwise loss optimizer other "
    tail -n 2 <<<"$said" | head -n 1 | tr -d '%' | tr ' ' '\n' |
        awk -F= '{ sum += $2 } END { exit !(sum > 99.5 && sum < 100.5) }' || fail "the percentages do not sum to 100: $said"
    [[ ! -e $tmp/benched ]] || fail "a run was written"
}

steps_are_checked() {
    fails 2 "--bench takes 1 to 1000000 steps" --bench 0
    fails 2 "takes an integer" --bench some
    fails 2 "cannot be combined with" --bench 5 --dry-run
}

reference_workloads_exist() {
    local name
    for name in xs s m deep; do exits 0 --config "bench_$name.json" --describe; done
}

test_case "bench: consistent figures, nothing is written" figures_agree
test_case "bench: the number of steps is checked" steps_are_checked
test_case "bench: reference workloads exist" reference_workloads_exist
test_done
