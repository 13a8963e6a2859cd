#!/usr/bin/env bash
# cli_kept.sh - which checkpoints stay (train.keep_best, train.keep_every), and their use with --step.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# A learning rate at which the validation loss rises and falls.
wild=(--steps 12 --set optim.lr=0.5 --set optim.schedule=constant --set train.eval_every=1)

# kept RUN: the steps of its checkpoints.
kept() {
    local folder
    for folder in "$tmp/$1"/checkpoints/step_*; do echo $((10#${folder##*_})); done | paste -sd ' '
}

# best RUN [LAST]: the step of the lowest validation loss in log.csv, after step 0, up to LAST.
best() {
    awk -F, -v last="${2:-1000000}" 'NR > 2 && $4 != "" && $1 <= last && (low == "" || $4 < low) { low = $4; step = $1 }
        END { print step }' "$tmp/$1/log.csv"
}

# named RUN: step and loss of the best checkpoint in run.json.
named() {
    python3 -c 'import json, sys
best = json.load(open(sys.argv[1]))["best_checkpoint"]
print(best["step"], best["val_loss"])' "$tmp/$1/run.json"
}

# value NAME: a value of the line that --eval printed.
value() {
    tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

every_kth_stays() {
    toy lasting --set train.checkpoint_every=4 --set train.keep=2 --set train.keep_every=3
    same "every 4th, 2 kept; every 3rd for ever" "$(kept lasting)" "3 6 9 12 15 18 20"
    toy plain --set train.checkpoint_every=4 --set train.keep=2
    same "without" "$(kept plain)" "16 20"
    same_run lasting plain
    toy alone --set train.checkpoint_every=0 --set train.keep_every=8 --set train.keep=1
    same "keep_every alone" "$(kept alone)" "8 16 20"
}

best_stays() {
    toy wild "${wild[@]}" --set train.checkpoint_every=5 --set train.keep=1 --set train.keep_best=true
    [[ $(best wild) != 12 && $(best wild) != 1 ]] || fail "this run tests nothing: $(cut -d, -f4 "$tmp/wild/log.csv")"
    same "best and last" "$(kept wild)" "$(best wild) 12"
    same "run.json" "$(named wild)" "$(best wild) $(cell wild "$(best wild)" val_loss)"
    toy usual "${wild[@]}" --set train.keep=1
    same_run wild usual
    [[ $(<"$tmp/usual/run.json") != *best_checkpoint* ]] || fail "a best checkpoint without train.keep_best"
    # How a run is run is no part of a checkpoint's identity.
    cmp "$(weights wild)" "$(weights usual)"
    fails 0 "train.keep_best has no effect: train.eval_every is 0" --set train.keep_best=true --set train.eval_every=0
}

# Killed after any step, with more checkpoints left than should be: the best one is the same.
best_after_a_resume() {
    local step
    toy all "${wild[@]}" --set train.checkpoint_every=1 --set train.keep=1000 --set train.keep_every=5
    toy once "${wild[@]}" --set train.checkpoint_every=1 --set train.keep=1 --set train.keep_every=5 --set train.keep_best=true
    for step in 1 5 7 11; do
        split_at all "$step" part
        exits 0 --config "$tmp/toy.json" --run-dir "$tmp/part" --set name=all "${wild[@]}" --set train.checkpoint_every=1 \
            --set train.keep=1 --set train.keep_every=5 --set train.keep_best=true --resume
        same "killed after step $step" "$(kept part): $(named part)" "$(kept once): $(named once)"
    done
}

steps_are_chosen() {
    local step text
    toy steps --set train.checkpoint_every=5 --set train.keep=9 --set train.eval_every=5
    for step in 5 10 20; do
        exits 0 --eval "$tmp/steps" --step "$step"
        same "--eval --step $step" "$(value step) $(value val_loss)" "$step $(cell steps "$step" val_loss)"
        "$TRAIN" --sample "$tmp/steps" --step="$step" --seed 1 >"$tmp/sample.$step"
    done
    ! cmp -s "$tmp/sample.5" "$tmp/sample.20" || fail "samples do not depend on the step"
    "$TRAIN" --sample "$tmp/steps" --seed 1 | cmp - "$tmp/sample.20" || fail "the latest is not the default"
    exits 2 --eval "$tmp/steps" --step 7
    has "no such step" "$said" "--step 7: $tmp/steps has no checkpoint of that step, only of the steps 5, 10, 15, 20"
    exits 2 --sample "$tmp/steps" --step best
    has "no best one" "$said" "keeps no best checkpoint (train.keep_best); its checkpoints are of the steps 5, 10, 15, 20"
    exits 0 --eval "$tmp/wild" --step best
    same "the best one" "$(value step) $(value val_loss)" "$(named wild)"
    for text in last -1 1.5; do
        exits 2 --eval "$tmp/steps" --step "$text"
    done
    exits 2 --replay "$tmp/steps" --step best
    has "--replay" "$said" '--step takes an integer, not "best"'
    printf 'x' >>"$tmp/steps/checkpoints/step_00000010/model.safetensors"
    exits 3 --eval "$tmp/steps" --step 10
    has "corrupt" "$said" "skipping the checkpoint of step 10"
}

# The run replaces its best checkpoint while others read it.
best_beside_a_writer() {
    local pid i
    "$TRAIN" --config "$tmp/toy.json" --set name=busy --set train.steps=100000000 --set optim.lr=1e-4 --set train.eval_every=2 \
        --set train.keep_best=true --set train.keep=1 --set train.checkpoint_every=0 >"$tmp/busy.txt" 2>&1 &
    pid=$!
    for ((i = 0; i < 200; i++)); do
        grep -q best_checkpoint "$tmp/busy/run.json" 2>/dev/null && break
        sleep 0.05
    done
    for ((i = 0; i < 15; i++)); do exits 0 --eval "$tmp/busy" --step best; done
    kill -0 "$pid" || fail "the run has ended: $(tail -n 1 "$tmp/busy.txt")"
    kill -KILL "$pid" && { wait "$pid" || true; }
    exits 0 --eval "$tmp/busy" --step best
}

disk_space_is_counted() {
    local line want
    while IFS='|' read -r line want; do
        # shellcheck disable=SC2086 # arguments
        exits 0 --config "$tmp/toy.json" --dry-run $line
        has "$line" "$said" ", $want kept plus one being written"
    done <<'LINES'
--set train.checkpoint_every=4 --set train.keep=2 --set train.keep_every=3|7
--set train.checkpoint_every=4 --set train.keep=2|2
--set train.checkpoint_every=0 --set train.keep_every=8 --set train.keep=1|3
--set train.checkpoint_every=0 --set train.keep_every=1 --set train.keep=5|20
--set train.keep=1 --set train.keep_best=true|2
--set train.checkpoint_every=6 --set train.keep=9|4
LINES
}

test_case "kept: every k-th checkpoint" every_kth_stays
test_case "kept: the best checkpoint" best_stays
test_case "kept: the best checkpoint after a resume" best_after_a_resume
test_case "kept: --step" steps_are_chosen
test_case "kept: the best checkpoint beside a writer" best_beside_a_writer
test_case "kept: disk space" disk_space_is_counted
test_done
