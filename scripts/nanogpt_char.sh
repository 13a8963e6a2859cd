#!/usr/bin/env bash
# nanogpt_char.sh TEXT - trains nanoGPT's character model with ten placements of norms, five seeds each.
#
# TEXT is tinyshakespeare.txt. Results are written to docs/claims/nanogpt_char.csv, one line per run.
# Runs in that file are not measured again, so the script can be stopped at any time and started again.
# Prints the table at the end.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
(($# == 1)) || wrong "takes one TEXT"
[[ $1 != -* ]] || wrong "there is no option $1"
[[ -r $1 ]] || { echo "nanogpt_char.sh: cannot read $1" >&2 && exit 3; }
text=$(realpath "$1")
cd "$(dirname "$0")/.."
results=docs/claims/nanogpt_char.csv
[[ -e $results ]] || echo "arm,norm,seed,val_loss" >"$results"

# The name of an arm, then its changes of configs/nanogpt_char.json. peri includes an embedding norm;
# the last two arms separate its effect from that of the norms of the blocks.
arms=(
    "pre --topology pre"
    "post --topology post"
    "peri --topology peri"
    "pre+embed_norm --topology pre --set model.embed_norm=on"
    "peri-embed_norm --topology peri --set model.embed_norm=off"
)

# measure SEED ARM OPTION...: trains with both norms at once, and writes a line for each.
measure() {
    local seed=$1 arm=$2 norm loss runs
    grep -q "^$arm,rmsnorm,$seed," "$results" && return
    runs=$(mktemp -d)
    for norm in layernorm rmsnorm; do
        ./train --config configs/nanogpt_char.json --set "data.train=$text" --norm "$norm" --seed "$seed" "${@:3}" --threads 1 \
            --set train.eval_every=2000 --set train.eval_rows=1742 --run-dir "$runs/$norm" >"$runs/$norm.txt" 2>&1 &
    done
    wait
    for norm in layernorm rmsnorm; do
        loss=$(awk -F, '$4 != "" { loss = $4 } END { print loss }' "$runs/$norm/log.csv")
        echo "$arm,$norm,$seed,$loss"
    done >>"$results"
    rm -r "$runs"
}

for seed in 1337 1338 1339 1340 1341; do
    for arm in "${arms[@]}"; do
        read -ra words <<<"$arm"
        measure "$seed" "${words[@]}"
    done
done

awk -F, 'NR > 1 { key = $1 " " $2; if (!(key in n)) order[++arms] = key; n[key]++; sum[key] += $4
                  all[key] = all[key] sprintf(" %.4f", $4) }
    END { for (i = 1; i <= arms; i++) { split(order[i], part, " ")
          printf "%-16s %-10s mean %.4f  seeds%s\n", part[1], part[2], sum[order[i]] / n[order[i]], all[order[i]] } }' "$results"
