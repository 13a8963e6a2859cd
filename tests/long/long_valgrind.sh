#!/usr/bin/env bash
# long_valgrind.sh - training, resuming, sampling and a dry run under valgrind.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

small=(--set train.steps=6 --set train.eval_every=3 --set train.checkpoint_every=3 --set data.vocab=bytes)

# watched ARGUMENT...: runs the program under valgrind; errors and leaks give status 99.
watched() {
    local code=0
    valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        "$TRAIN" "$@" >"$tmp/said" 2>&1 </dev/null || code=$?
    ((code == 0)) || fail "status $code: $(tail -n 40 "$tmp/said")"
}

training() {
    watched --config "$tmp/toy.json" --set name=watched "${small[@]}"
}

resuming() {
    rm -r "$tmp/watched/checkpoints/step_00000006"
    watched --config "$tmp/toy.json" --set name=watched "${small[@]}" --resume
}

sampling() {
    watched --sample "$tmp/watched" --tokens 20
}

dry_run() {
    watched --config "$tmp/toy.json" --set name=watched "${small[@]}" --dry-run
}

test_case "valgrind: training" training
test_case "valgrind: resuming" resuming
test_case "valgrind: sampling" sampling
test_case "valgrind: --dry-run" dry_run
test_done
