#!/usr/bin/env bash
# fault_power.sh - power losses: unsynced writes are dropped, torn or reordered; unsynced names are
# lost or appear before their contents.
#
# --resume must start from the last durable checkpoint or a later one, and end in the final state of
# an undisturbed run. Tests STATES=200 states after a power loss, and a fifth as many power losses
# while recovering from one.
source "$(dirname "$0")/../lib/faults.sh"
STATES=${STATES:-200}

# record FILE COMMAND...: runs the command and records its changes below $runs.
record() {
    outcome "$tools/fault" --under "$runs" --record "$1" "${@:2}"
    ((status == 0)) || fail "a traced run ended with $status: $said"
}

# lose RECORD BASE SEED: $runs becomes the state after a power loss, described in $lost.
lose() {
    rm -rf "$runs"
    lost=$("$tools/powerloss" "$runs" "$1" "$2" "$3" "$runs") || fail "powerloss: $lost"
    lost="seed $3: $lost"
    [[ $lost =~ of\ ([0-9]+),\ durable\ step\ (-?[0-9]+) ]]
    moments=${BASH_REMATCH[1]} durable=${BASH_REMATCH[2]}
}

# The state can be resumed at or after the durable step.
recovers() {
    finish "$lost" "$runs/a" part # the removal of an old checkpoint may be undone
    ((durable < 1)) || resumed_at_least "$lost" "$durable"
}

losses() {
    local words seed moments
    undisturbed_run
    mkdir -p "$tmp/nothing"
    command_of "$runs/a"
    record "$tmp/record" "${words[@]}"
    for ((seed = 0; seed < STATES; seed++)); do
        lose "$tmp/record" "$tmp/nothing" "$seed"
        recovers
    done
    echo "note: $STATES power losses over $moments calls: $STATES of $STATES final states equal," \
        "none resumed before a durable checkpoint"
}

# A run stopped in its last validation writes the checkpoint of that step again when resumed. At any
# time the old or the new checkpoint must exist.
losses_in_replacement() {
    local words seed cases=0 call
    undisturbed_run
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --list "$tmp/all" "${words[@]}"
    call=$(awk '$2 == "write" && $3 ~ /log.csv$/ { n = before } { before = $1 } END { print n }' "$tmp/all")
    rm -rf "$runs/a"
    outcome "$tools/fault" --under "$runs" --before "$call" 12 "${words[@]}"
    ((status == 75)) || fail "SIGUSR2 before call $call: status $status: $said"
    grep -q '"row_waits": 1' "$runs/a/checkpoints/step_00000009/meta.json" || fail "no pending record"
    rm -rf "$tmp/base"
    cp -a "$runs" "$tmp/base"
    record "$tmp/record" "${words[@]}"
    grep -aq '^swap' "$tmp/record" || fail "nothing was replaced"
    for ((seed = 0; seed < STATES / 2; seed++)); do
        lose "$tmp/record" "$tmp/base" "$seed"
        finish "$lost" "$runs/a" part
        resumed_at_least "$lost" 8
        cases=$((cases + 1))
    done
    echo "note: $cases power losses while a checkpoint is replaced: $cases of $cases final states equal"
}

losses_in_recovery() {
    local words seed cases=0 first
    undisturbed_run
    command_of "$runs/a"
    mkdir -p "$tmp/nothing"
    record "$tmp/record" "${words[@]}"
    for ((seed = 0; seed < STATES / 5; seed++)); do
        lose "$tmp/record" "$tmp/nothing" $((1000003 * seed + 77))
        first=$durable
        rm -rf "$tmp/base"
        cp -a "$runs" "$tmp/base"
        record "$tmp/again" "${words[@]}"
        lose "$tmp/again" "$tmp/base" "$seed"
        ((durable >= first)) || durable=$first
        recovers
        cases=$((cases + 1))
    done
    echo "note: $cases power losses while recovering from one: $cases of $cases final states equal"
}

test_case "power losses" losses
test_case "power losses while a checkpoint is replaced" losses_in_replacement
test_case "power losses while recovering from one" losses_in_recovery
test_done
