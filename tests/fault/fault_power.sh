#!/usr/bin/env bash
# fault_power.sh - power losses: unsynced writes dropped, torn, reordered; unsynced names lost or
# there before their bytes. --resume must go on from the last checkpoint that was safe, and end as
# if nothing had happened. STATES=200 of them, a fifth of them losses while recovering from a loss.
source "$(dirname "$0")/../lib/faults.sh"
STATES=${STATES:-200}

# record FILE COMMAND...: runs the command and writes down what it does below $runs.
record() {
    outcome "$tools/fault" --under "$runs" --record "$1" "${@:2}"
    ((status == 0)) || fail "a run under observation ended with $status: $said"
}

# lose RECORD BASE SEED: $runs becomes what is left; $lost says what that is.
lose() {
    rm -rf "$runs"
    lost=$("$tools/powerloss" "$runs" "$1" "$2" "$3" "$runs") || fail "powerloss: $lost"
    lost="seed $3: $lost"
    [[ $lost =~ of\ ([0-9]+),\ sure\ step\ (-?[0-9]+) ]]
    moments=${BASH_REMATCH[1]} sure=${BASH_REMATCH[2]}
}

# A state must be resumable at or after the step that was safe.
recovers() {
    finish "$lost" "$runs/a" part # the removal of an old checkpoint may be undone
    ((sure < 1)) || resumed_at_least "$lost" "$sure"
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
        "none behind a safe checkpoint"
}

# A run that was stopped in its last validation writes the checkpoint of that step anew: at no moment
# may there be neither the old nor the new one.
losses_in_replacement() {
    local words seed cases=0 call
    undisturbed_run
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --list "$tmp/all" "${words[@]}"
    call=$(awk '$2 == "write" && $3 ~ /log.csv$/ { n = before } { before = $1 } END { print n }' "$tmp/all")
    rm -rf "$runs/a"
    outcome "$tools/fault" --under "$runs" --before "$call" 12 "${words[@]}"
    ((status == 75)) || fail "SIGUSR2 before call $call: status $status: $said"
    grep -q '"row_waits": 1' "$runs/a/checkpoints/step_00000009/meta.json" || fail "no row waits"
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
        first=$sure
        rm -rf "$tmp/base"
        cp -a "$runs" "$tmp/base"
        record "$tmp/again" "${words[@]}"
        lose "$tmp/again" "$tmp/base" "$seed"
        ((sure >= first)) || sure=$first
        recovers
        cases=$((cases + 1))
    done
    echo "note: $cases power losses while recovering from one: $cases of $cases final states equal"
}

test_case "power losses" losses
test_case "power losses while a checkpoint is replaced" losses_in_replacement
test_case "power losses while recovering from one" losses_in_recovery
test_done
