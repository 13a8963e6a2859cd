#!/usr/bin/env bash
# long_deep.sh [STEPS] - 64 blocks of Pre-LN and of Peri-LN train, in the memory that --dry-run predicts.
#
# Libraries and the allocator differ between machines by a few pages, so 1 % more is accepted.
#
# STEPS is 20 by default.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
steps=${1:-20}

# deep TOPOLOGY
deep() {
    local options=(--config sweeps/claims/deep.json --topology "$1" --set model.n_layer=64 --steps "$steps" --set "name=$1"
        --set "log.dir=$tmp" --set log.layers_every=0)
    local predicted taken last
    exits 0 "${options[@]}" --dry-run
    predicted=$(sed -n 's/.* peak_rss_mb=\([0-9.]*\).*/\1/p' <<<"$said")
    exits 0 "${options[@]}"
    taken=$(sed -n 's/.*"peak_rss_mb": *\([0-9.]*\).*/\1/p' "$tmp/$1/run.json")
    last=$(awk -F, 'END { print $1 }' "$tmp/$1/log.csv")
    same "last step" "$last" "$steps"
    echo "note:     $1: $predicted MiB predicted, $taken used, loss $(cell "$1" "$steps" train_loss) after $steps steps"
    awk -v predicted="$predicted" -v taken="$taken" 'BEGIN { exit !(taken > 0 && taken <= 1.01 * predicted) }' || fail "$1 used more memory than predicted"
    awk -v first="$(cell "$1" 1 train_loss)" -v last="$(cell "$1" "$steps" train_loss)" 'BEGIN { exit !(last < first) }' || fail "$1 does not learn"
}

test_case "deep: 64 blocks of Pre-LN" deep pre
test_case "deep: 64 blocks of Peri-LN" deep peri
test_done
