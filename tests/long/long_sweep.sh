#!/usr/bin/env bash
# long_sweep.sh [KILLS] - a sweep that is killed again and again ends as one that nothing happened to.
#
# KILLS (default 20) times kill -9, of the sweep with all its trainers or of the sweep alone, at
# moments that are drawn. Compared are the table, and log.csv without times and the weights of every run.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"
kills=${1:-20}
grid=(--grid "model.topology=post,pre,peri" --grid "optim.lr=1e-3,3e-3" --seeds 2 --jobs 2
    --set train.steps=1200 --set train.checkpoint_every=20 --set train.eval_every=100 --set log.layers_every=0)

# sweep NAME: into a folder of its own; the table it ends with is left in NAME.table.
sweep() {
    TRAIN=$TRAIN scripts/sweep.sh "${grid[@]}" --out "$tmp/$1" "$tmp/toy.json" >"$tmp/printed" 2>"$tmp/said" </dev/null ||
        fail "the sweep ended with $?: $(<"$tmp/said")"
    sed -n '/^run /,/^$/p' "$tmp/printed" >"$tmp/$1.table"
}

# killed_after MS WHOM: a sweep in a group of its own, all of which (group) or which alone is killed.
killed_after() {
    local pid
    TRAIN=$TRAIN setsid scripts/sweep.sh "${grid[@]}" --out "$tmp/killed" "$tmp/toy.json" >/dev/null 2>&1 </dev/null &
    pid=$!
    sleep "$(printf '0.%03d' "$1")"
    if [[ $2 == group ]]; then kill -9 -- "-$pid"; else kill -9 "$pid"; fi
    wait "$pid" || true
}

# rows DIR: how many rows all its runs have.
rows() {
    cat "$1"/*/log.csv 2>/dev/null | wc -l
}

kills_change_nothing() {
    local n run whom moved=0 alone=0 done_by_then
    sweep whole
    RANDOM=1
    for ((n = 0; n < kills; n++)); do
        whom=group
        ((RANDOM % 3)) || { whom=sweep && alone=$((alone + 1)); }
        killed_after $((300 + RANDOM % 500)) "$whom"
        [[ $(rows "$tmp/killed") == "$(rows "$tmp/whole")" ]] || moved=$((moved + 1))
    done
    done_by_then=$(rows "$tmp/killed")
    ((10 * done_by_then > $(rows "$tmp/whole"))) || fail "only $done_by_then rows were written between the kills"
    sweep killed
    diff "$tmp/whole.table" "$tmp/killed.table" || fail "another table"
    same "rows of the table" "$(grep -c ' no$' "$tmp/killed.table")" 12
    for run in "$tmp"/whole/*/; do same_run "whole/$(basename "$run")" "killed/$(basename "$run")"; done
    ((moved > kills / 2)) || fail "the sweep was over after $moved of $kills kills"
    ((alone > 0 && alone < kills)) || fail "$alone of $kills kills were of the sweep alone"
    echo "note: $kills kills, $alone of the sweep alone: 12 of 12 final states equal, $moved kills before the end;" \
        "$done_by_then of $(rows "$tmp/whole") rows came between them"
}

test_case "sweep: kill -9 at random moments" kills_change_nothing
test_done
