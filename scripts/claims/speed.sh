#!/usr/bin/env bash
# speed.sh RUNS CSV JOBS QUICK TEXT - part speed of claims.sh: RMSNorm against LayerNorm, in time and in bytes.
#
# norm_ns: forward and backward of one norm of width 768 on arrays larger than the cache, per element.
# bytes: what both passes read and write of the large arrays and their statistics, per element, counted.
# step: a training step of configs/bench_s.json relative to LayerNorm, the mean over alternating pairs.
# A line is a round; intervals are over rounds. Needs an idle machine.
set -euo pipefail
source "$(dirname "$0")/../usage.sh"
csv=$2 rounds=5 pairs=16
[[ -z $4 ]] || rounds=1 pairs=4
make -s build/float/tests/bench/bench_norm build/float/tests/bench/bench_pairs

# cost KIND STATISTICS: nanoseconds and bytes per element, from the table of bench_norm in $said.
cost() {
    awk -F'|' -v kind="$1" -v statistics="$2" '
        { gsub(/ /, "", $2); gsub(/^ +| +$/, "", $3) }
        $2 == kind && ($3 == "forward" || $3 == "backward, sets") { ns += $4 / $5; bytes += $4 + 4 * statistics / 768 }
        END { printf "%.6g,%.6g", ns, bytes }' <<<"$said"
}

{
    echo "run,seed,model.norm,norm_ns,bytes,step"
    for ((round = 1; round <= rounds; round++)); do
        said=$(build/float/tests/bench/bench_norm)
        ratio=$(build/float/tests/bench/bench_pairs configs/bench_s.json "$pairs" model.norm=layernorm model.norm=rmsnorm | awk -F'|' '{ print $6 + 0 }')
        echo "layernorm-$round,$round,layernorm,$(cost layernorm 2),1"
        echo "rmsnorm-$round,$round,rmsnorm,$(cost rmsnorm 1),$ratio"
    done
} >"$csv.new"
mv "$csv.new" "$csv"
