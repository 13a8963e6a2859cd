#!/usr/bin/env bash
# fault_kill.sh - kill -9 at every file system call and at KILLS=200 random times.
#
# --resume must end in the final state of an undisturbed run.
source "$(dirname "$0")/../lib/faults.sh"
KILLS=${KILLS:-200}

# safe_step LIST N: the last checkpoint that was renamed into place before call N.
safe_step() {
    awk -v n="$2" '$1 < n && $2 ~ /^rename/ && match($NF, /step_[0-9]+$/) {
        step = substr($NF, RSTART + 5) + 0 } END { print step + 0 }' "$1"
}

# killed WHAT DIR OPTION...: the run in DIR, killed as the OPTIONs of fault say.
killed() {
    local what=$1 dir=$2 words
    shift 2
    command_of "$dir"
    outcome "$tools/fault" --under "$runs" --list "$tmp/killed" "$@" "${words[@]}"
    ((status == 137)) || fail "$what: status $status instead of a kill: $said"
}

# calls FILE COMMAND...: prints the number of file system calls of a command; FILE gets the list.
calls() {
    outcome "$tools/fault" --under "$runs" --list "$1" "${@:2}"
    ((status == 0)) || fail "a traced run ended with $status: $said"
    wc -l <"$1"
}

# A kill before each call, and in the middle of each write.
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

# The same for a run that resumes after a kill during the writing of a checkpoint.
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

# step_call STEP: the number of the call in $tmp/all that renames the checkpoint of STEP into place.
step_call() {
    awk -v name="/step_0*$1\$" '$2 ~ /^rename/ && $NF ~ name { print $1 }' "$tmp/all"
}

# A corrupt checkpoint ahead of the run must not cause the removal of valid ones.
fall_back() {
    local words file byte
    undisturbed_run
    command_of "$runs/d"
    calls "$tmp/all" "${words[@]}" >/dev/null
    rm -rf "$runs/d"
    killed "after step 6 is saved" "$runs/d" --after "$(step_call 6)" 9
    file=$runs/d/checkpoints/step_00000006/model.safetensors
    byte=$(od -An -tu1 -j 3000 -N 1 "$file")
    printf '%b' "\\x$(printf %02x $((byte ^ 1)))" | dd of="$file" bs=1 seek=3000 conv=notrunc 2>/dev/null
    cp -a "$runs/d" "$runs/e"
    words+=(--set train.keep=1 --set train.checkpoint_every=1)
    calls "$tmp/all" "${words[@]}" >/dev/null
    [[ $said == *"skipping the checkpoint of step 6 in "* ]] || fail "the corruption was not detected: $said"
    rm -rf "$runs/d"
    mv "$runs/e" "$runs/d"
    outcome "$tools/fault" --under "$runs" --before "$(step_call 5)" 9 "${words[@]}"
    ((status == 137)) || fail "status $status instead of a kill: $said"
    finish "with a corrupt checkpoint ahead" "$runs/d"
    resumed_at_least "with a corrupt checkpoint ahead" 4
}

# A kill of an --overwrite leaves the old run, or a new one that can be resumed: before every third call.
every_call_of_an_overwrite() {
    local words n total old old_state kept=0 other=(--set optim.lr=2e-3)
    undisturbed_run
    rm -rf "$tmp/base"
    command_of "$runs/o" "${other[@]}"
    outcome "${words[@]}"
    old_state=$("$tools/state" "$runs/o")
    [[ $old_state != "$want" ]] || fail "both runs are the same"
    cp -a "$runs/o" "$tmp/base"
    words=("$TRAIN" --config "$tmp/run.json" --run-dir "$runs/o" --overwrite)
    old=("$TRAIN" --config "$tmp/run.json" --run-dir "$runs/o" "${other[@]}")
    total=$(calls "$tmp/all" "${words[@]}")
    for ((n = ${EVERY:-3}; n <= total; n += ${EVERY:-3})); do
        rm -rf "$runs/o"
        cp -a "$tmp/base" "$runs/o"
        outcome "$tools/fault" --under "$runs" --list "$tmp/killed" --before "$n" 9 "${words[@]}"
        ((status == 137)) || fail "before call $n: status $status instead of a kill: $said"
        outcome "${old[@]}"
        if ((status == 0)); then
            grep -aq 'already finished' "$tmp/out" || fail "before call $n: the old run was trained again: $said"
            same "old run, killed before call $n" "$("$tools/state" "$runs/o")" "$old_state"
            kept=$((kept + 1))
        else
            compgen -G "$runs/o/checkpoints/step_*/meta.json" >/dev/null || fail "before call $n: neither run is there: $said"
            finish "overwrite killed before call $n" "$runs/o"
        fi
    done
    ((kept > 10 && kept < total)) || fail "the old run was kept $kept times"
    echo "note: kill -9 around $((total / ${EVERY:-3})) of $total file calls of an --overwrite: the old run was back $kept times," \
        "else the new one resumed to the equal end"
}

# random_times COUNT PRECISION: a run with steps of some milliseconds is killed repeatedly, each time after a random delay.
random_times() {
    local words n ms seconds early=0 count=$1
    config=$tmp/long.json
    cat >"$config" <<JSON
{
  "extends": "$tmp/run.json",
  "model": {"d_model": 64, "context": 32},
  "train": {"steps": $((count * 12)), "batch": 8, "eval_every": 50, "checkpoint_every": 3, "precision": "$2", "stream_precision": "$2"}
}
JSON
    undisturbed_run
    command_of "$runs/c"
    RANDOM=1
    for ((n = 0; n < count; n++)); do
        ms=$((RANDOM % 40))
        "${words[@]}" >/dev/null 2>"$tmp/said" &
        printf -v seconds '0.%03d' $((ms + 1))
        sleep "$seconds"
        kill -9 $! 2>/dev/null || early=$((early + 1))
        wait $! || true
    done
    ((early == 0)) || fail "the run ended before the last $early kills"
    finish "after $count kills" "$runs/c"
    log_is_complete "$runs/c"
    echo "note: $count kills at random times of one run in $2: the final state is equal"
}

# log.csv has every step once, in order, and every record is complete.
log_is_complete() {
    awk -F, 'NR == 1 { columns = NF; next } NF != columns || $1 != NR - 2 { exit 1 }' "$1/log.csv" ||
        fail "log.csv has incomplete, missing or repeated records"
}

test_case "kill -9 at every file call" every_call
test_case "kill -9 at every file call of a recovery" every_call_of_recovery
test_case "kill -9 of an --overwrite" every_call_of_an_overwrite
test_case "kill -9 with a corrupt checkpoint ahead" fall_back
test_case "kill -9 at random times" random_times "$KILLS" float32
test_case "kill -9 at random times in bfloat16" random_times $((KILLS / 4)) bfloat16
test_done
