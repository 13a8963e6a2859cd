#!/usr/bin/env bash
# long_sweep.sh [KILLS] - a sweep that is killed repeatedly ends like an uninterrupted one.
#
# Sends kill -9 KILLS times (default 20) at random moments, to the sweep and its trainers or to the
# sweep alone. Compares the table, and of every run the weights and log.csv without times.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"
kills=${1:-20}
grid=(--grid "model.topology=post,pre,peri" --grid "optim.lr=1e-3,3e-3" --seeds 2 --jobs 2
    --set train.steps=1200 --set train.checkpoint_every=20 --set train.eval_every=100 --set log.layers_every=0)

# sweep NAME: runs the sweep in its own folder; the final table is in NAME.table.
sweep() {
    TRAIN=$TRAIN scripts/sweep.sh "${grid[@]}" --out "$tmp/$1" "$tmp/toy.json" >"$tmp/printed" 2>"$tmp/said" </dev/null ||
        fail "the sweep ended with $?: $(<"$tmp/said")"
    sed -n '/^run /,/^$/p' "$tmp/printed" >"$tmp/$1.table"
}

# killed_after MS WHOM: starts the sweep in its own process group and kills the group or the sweep.
killed_after() {
    local pid
    TRAIN=$TRAIN setsid scripts/sweep.sh "${grid[@]}" --out "$tmp/killed" "$tmp/toy.json" >/dev/null 2>&1 </dev/null &
    pid=$!
    sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
    if [[ $2 == group ]]; then kill -9 -- "-$pid"; else kill -9 "$pid"; fi
    wait "$pid" || true
}

# records DIR: the number of lines in log.csv of all its runs.
records() {
    cat "$1"/*/log.csv 2>/dev/null | wc -l
}

kills_change_nothing() {
    local n run whom moved=0 alone=0 done_by_then
    local start checked
    sweep whole
    # The time before the first run begins depends on the machine: checking the configs takes most of it.
    start=$EPOCHREALTIME
    TRAIN=$TRAIN scripts/sweep.sh "${grid[@]}" --out "$tmp/none" "$tmp/toy.json" --dry-run >/dev/null 2>&1
    checked=$(((${EPOCHREALTIME//[.,]/} - ${start//[.,]/}) / 1000))
    RANDOM=1
    for ((n = 0; n < kills; n++)); do
        whom=group
        ((RANDOM % 3)) || { whom=sweep && alone=$((alone + 1)); }
        killed_after $((checked + RANDOM % 500)) "$whom"
        [[ $(records "$tmp/killed") == "$(records "$tmp/whole")" ]] || moved=$((moved + 1))
    done
    done_by_then=$(records "$tmp/killed")
    ((10 * done_by_then > $(records "$tmp/whole"))) || fail "only $done_by_then lines were written between the kills"
    sweep killed
    diff "$tmp/whole.table" "$tmp/killed.table" || fail "the tables differ"
    same "runs in the table" "$(grep -c ' no$' "$tmp/killed.table")" 12
    for run in "$tmp"/whole/*/; do same_run "whole/$(basename "$run")" "killed/$(basename "$run")"; done
    ((moved > kills / 2)) || fail "the sweep was over after $moved of $kills kills"
    ((alone > 0 && alone < kills)) || fail "$alone of $kills kills were of the sweep alone"
    echo "note: $kills kills, $alone of the sweep alone: 12 of 12 final states equal, $moved kills before the end;" \
        "$done_by_then of $(records "$tmp/whole") lines were written between them"
}

# --equal-time with the measurements of --bench itself: one pair of models of 1 and 8 blocks.
equal_time_is_measured() {
    local steps
    command -v python3 >/dev/null || { echo "note: skipped: no python3" && return; }
    cp -r scripts "$tmp/scripts"
    sed -i 's/^bench_pairs=5/bench_pairs=1/' "$tmp/scripts/sweep/equal_time.sh"
    TRAIN=$TRAIN "$tmp/scripts/sweep.sh" --equal-time --grid model.n_layer=1,8 --set train.steps=200 --out "$tmp/time" \
        "$tmp/toy.json" >"$tmp/printed" 2>"$tmp/said" </dev/null || fail "the sweep ended with $?: $(<"$tmp/said")"
    same "steps of the baseline" "$(tail -n 1 "$tmp/time/n_layer1/log.csv" | cut -d, -f1)" 200
    steps=$(tail -n 1 "$tmp/time/n_layer8/log.csv" | cut -d, -f1)
    ((steps > 15 && steps < 140)) || fail "$steps steps for 8 blocks: $(<"$tmp/time/sweep.json")"
    echo "note: 200 steps of 1 block take the time of $steps of 8 blocks"
}

test_case "sweep: the time of a step is measured" equal_time_is_measured
test_case "sweep: kill -9 at random moments" kills_change_nothing
test_done
