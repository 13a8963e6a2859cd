#!/usr/bin/env bash
# nanogpt_bf16.sh RUNS CSV JOBS QUICK TEXT - part nanogpt_bf16 of claims.sh: runs of part nanogpt_char again, with
# train.precision bfloat16.
set -euo pipefail
source "$(dirname "$0")/../usage.sh"
source "$(dirname "$0")/character.sh"
begin_part "$1/nanogpt_bf16" "$2" "$3" "$4" "$5" arm,norm,seed,val_loss

for seed in 1337 1338 1339 1340 1341; do
    for arm in pre peri; do
        in_turn character "$arm-$seed" "$arm,layernorm,$seed" --norm layernorm --set train.precision=bfloat16 --seed "$seed" --topology "$arm"
    done
done
end_part
