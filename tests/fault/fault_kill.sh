#!/usr/bin/env bash
# fault_kill.sh - kill -9 at every file call and at random moments; --resume must end as if nothing
# had happened. KILLS=200 random ones.
source "$(dirname "$0")/../lib/faults.sh"
KILLS=${KILLS:-200}

# safe_step LIST N: the last checkpoint that was renamed into place before call N.
safe_step() {
    awk -v n="$2" '$1 < n && $2 ~ /^rename/ && match($NF, /step_[0-9]+$/) {
        step = substr($NF, RSTART + 5) + 0 } END { print step + 0 }' "$1"
}

# killed WHAT DIR OPTION...: the run in DIR, killed by what the OPTIONs say.
killed() {
    local what=$1 dir=$2 words
    shift 2
    command_of "$dir"
    outcome "$tools/fault" --under "$runs" --list "$tmp/killed" "$@" "${words[@]}"
    ((status == 137)) || fail "$what: status $status instead of a kill: $said"
}

# calls FILE COMMAND...: counts the file calls of a command, leaves the list in FILE.
calls() {
    outcome "$tools/fault" --under "$runs" --list "$1" "${@:2}"
    ((status == 0)) || fail "a run under observation ended with $status: $said"
    wc -l <"$1"
}

# Before each call; where it is a write, also half way through.
every_call() {
    local words n total cases=0 call path
    undisturbed_run
    command_of "$runs/a"
    total=$(calls "$tmp/all" "${words[@]}")
    cp "$tmp/all" "$tmp/calls"
    while read -r n call path; do
        rm -rf "$runs/a"
        killed "before call $n, $call $path" "$runs/a" --before "$n" 9
        finish "killed before call $n, $call $path" "$runs/a"
        resumed_at_least "killed before call $n, $call $path" "$(safe_step "$tmp/calls" "$n")"
        cases=$((cases + 1))
        [[ $call == write ]] || continue
        rm -rf "$runs/a"
        killed "in call $n, $call $path" "$runs/a" --fail "$n" short --after "$n" 9
        finish "killed in call $n, $call $path" "$runs/a"
        cases=$((cases + 1))
    done <"$tmp/all"
    ((total > 100)) || fail "only $total file calls were seen"
    echo "note: kill -9 around each of $total file calls of a run: $cases of $cases final states equal"
}

# The same for the run that --resume makes of one that was killed while it wrote a checkpoint.
every_call_of_recovery() {
    local words n total
    undisturbed_run
    command_of "$runs/b"
    calls "$tmp/all" "${words[@]}" >/dev/null
    rm -rf "$runs/b"
    killed "before the last checkpoint is in place" "$runs/b" --before "$(step_call 9)" 9
    rm -rf "$tmp/base"
    cp -a "$runs/b" "$tmp/base"
    total=$(calls "$tmp/all" "${words[@]}")
    for ((n = 1; n <= total; n++)); do
        rm -rf "$runs/b"
        cp -a "$tmp/base" "$runs/b"
        killed "before call $n of a recovery" "$runs/b" --before "$n" 9
        finish "killed before call $n of a recovery" "$runs/b"
    done
    ((total > 30)) || fail "only $total file calls were seen"
    echo "note: kill -9 before each of $total file calls of a recovery: $total of $total final states equal"
}

# step_call STEP: the call of $tmp/all that puts the checkpoint of that step into place.
step_call() {
    awk -v name="/step_0*$1\$" '$2 ~ /^rename/ && $NF ~ name { print $1 }' "$tmp/all"
}

# A damaged checkpoint is ahead of the run for a while, and must not push out the sound ones.
fall_back() {
    local words file
    undisturbed_run
    command_of "$runs/d"
    calls "$tmp/all" "${words[@]}" >/dev/null
    rm -rf "$runs/d"
    killed "after step 6 is saved" "$runs/d" --after "$(step_call 6)" 9
    file=$runs/d/checkpoints/step_00000006/model.safetensors
    printf x | dd of="$file" bs=1 seek=3000 conv=notrunc 2>/dev/null
    cp -a "$runs/d" "$runs/e"
    words+=(--set train.keep=1 --set train.checkpoint_every=1)
    calls "$tmp/all" "${words[@]}" >/dev/null
    [[ $said == *"step 6 in "*" is of no use"* ]] || fail "the damage went unnoticed: $said"
    rm -rf "$runs/d"
    mv "$runs/e" "$runs/d"
    outcome "$tools/fault" --under "$runs" --before "$(step_call 5)" 9 "${words[@]}"
    ((status == 137)) || fail "status $status instead of a kill: $said"
    finish "behind a damaged checkpoint" "$runs/d"
    resumed_at_least "behind a damaged checkpoint" 4
}

# One run of steps of some milliseconds, killed again and again; what is drawn is the time it lives.
random_moments() {
    local words n ms seconds early=0
    config=$tmp/long.json
    cat >"$config" <<JSON
{
  "extends": "$tmp/run.json",
  "model": {"d_model": 64, "context": 32},
  "train": {"steps": $((KILLS * 12)), "batch": 8, "eval_every": 50, "checkpoint_every": 3}
}
JSON
    undisturbed_run
    command_of "$runs/c"
    RANDOM=1
    for ((n = 0; n < KILLS; n++)); do
        ms=$((RANDOM % 40))
        "${words[@]}" >/dev/null 2>"$tmp/said" &
        printf -v seconds '0.%03d' $((ms + 1))
        sleep "$seconds"
        kill -9 $! 2>/dev/null || early=$((early + 1))
        wait $! || true
    done
    ((early == 0)) || fail "the run was over $early kills too early"
    finish "after $KILLS kills" "$runs/c"
    whole_rows "$runs/c"
    echo "note: $KILLS kills at random moments of one run: the final state is equal"
}

# Steps go up, none is missing or double, every row is whole.
whole_rows() {
    awk -F, 'NR == 1 { columns = NF; next } NF != columns || $1 != NR - 2 { exit 1 }' "$1/log.csv" ||
        fail "log.csv has torn, missing or double rows"
}

test_case "kill -9 at every file call" every_call
test_case "kill -9 at every file call of a recovery" every_call_of_recovery
test_case "kill -9 behind a damaged checkpoint" fall_back
test_case "kill -9 at random moments" random_moments
test_done
