#!/usr/bin/env bash
# inference.sh RUNS CSV JOBS QUICK TEXT - part inference of claims.sh: evaluates trained models without their norms, and
# with a placement that is not the one of training.
#
# The models are those of parts placement and layernorm at one learning rate, five seeds each.
set -euo pipefail
source "$(dirname "$0")/../usage.sh"
runs=$1 csv=$2 train=${TRAIN:-./train}

# line RUN NORM TRAINED_AS WIRED_AS NORMS OPTION...: evaluates and prints a line of the CSV.
line() {
    local said seed=${1##*-s}
    said=$("$train" --eval "$1" "${@:6}" 2>/dev/null) || (($? == 5)) # 5: it is not finite
    echo "${1##*/},$seed,$2,$3,$4,$5,$(sed -E 's/.*val_loss=([^ ]+).* median=([^ ]+) p99.9=([^ ]+).*/\1,\2,\3/' <<<"$said")"
}

{
    echo "run,seed,model.norm,model.topology,wired_as,norms,val_loss,median,p999"
    for run in "$runs"/placement/{post,pre,peri}-lr2e-3-s*/ "$runs"/layernorm/{pre,peri}-lr2e-3-s*/; do
        run=${run%/}
        norm=rmsnorm topology=${run##*/}
        topology=${topology%%-*}
        [[ $run != */layernorm/* ]] || norm=layernorm
        for norms in real frozen frozen_first identity; do line "$run" "$norm" "$topology" "$topology" "$norms" --norms "$norms"; done
        [[ $norm == rmsnorm ]] || continue
        for other in post pre peri; do
            [[ $other == "$topology" ]] || line "$run" "$norm" "$topology" "$other" real --force-topology "$other"
        done
    done
} >"$csv.new"
mv "$csv.new" "$csv"
