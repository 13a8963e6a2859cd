#!/usr/bin/env bash
# removal.sh RUNS CSV JOBS QUICK TEXT - part removal of claims.sh: runs its sweep once per seed, since every seed
# starts from the weights of its own run of part layernorm.
set -euo pipefail
source "$(dirname "$0")/../usage.sh"
runs=$1 csv=$2 jobs=$3 options=()
[[ -z $4 ]] || options=(--set train.steps=9 --set train.eval_every=3)
for from in "$runs"/layernorm/pre-lr4e-3-s*/; do
    seed=${from%/}
    scripts/sweep.sh sweeps/claims/removal.json --jobs "$jobs" --out "$runs/removal" --set "train.init_from=${from%/}" \
        --grid "train.seed=${seed##*-s}" "${options[@]}"
done
python3 -B scripts/claims collect "$runs/removal" "$csv"
