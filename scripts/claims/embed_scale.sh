#!/usr/bin/env bash
# embed_scale.sh RUNS CSV JOBS QUICK TEXT - part embed_scale of claims.sh: nanoGPT's character model as Pre-LN and as
# sandwich, the embedding times 1 to 50 or normalized, at four learning rates, three seeds. Plan: docs/claims/plan.md.
set -euo pipefail
source "$(dirname "$0")/../usage.sh"
source "$(dirname "$0")/character.sh"
seeds=(1 2 3)
[[ -z $4 ]] || seeds=(1)
begin_part "$1/embed_scale" "$2" "$3" "$4" "$5" run,seed,model.topology,model.embed_norm,model.embed_scale,optim.lr,val_loss

# measure SEED RATE TOPOLOGY EMBED_NORM SCALE
measure() {
    local name=$3-norm_$4-scale$5-lr$2-s$1
    character "$name" "$name,$1,$3,$4,$5,$2" --norm layernorm --set train.precision=bfloat16 --seed "$1" --lr "$2" --topology "$3" \
        --set "model.embed_norm=$4" --set "model.embed_scale=$5"
}

# The embedding norm makes the scale inert up to eps, so it is measured at one scale. Sandwich with it is Peri-LN.
for seed in "${seeds[@]}"; do
    for rate in 2e-3 4e-3 1e-3 8e-3; do
        for topology in pre sandwich; do
            for scale in 1 2 7 20 50 0; do in_turn measure "$seed" "$rate" "$topology" off "$scale"; done
            in_turn measure "$seed" "$rate" "$topology" on 1
        done
    done
    in_turn measure "$seed" 4e-3 pre on 50 # the negative control
done
end_part
