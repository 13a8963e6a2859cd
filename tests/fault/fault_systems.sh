#!/usr/bin/env bash
# fault_systems.sh - file systems that lack a call: locks, syncs, renames across folders, exchanges of
# names, or the free space.
#
# The run ends in the final state of an undisturbed run, with one warning for each call that is
# missing. KILLED=7: every 7th of the states that a kill in between leaves is resumed.
source "$(dirname "$0")/../lib/faults.sh"
KILLED=${KILLED:-7}

# warned WHAT PART: exactly one warning, which contains PART.
warned() {
    same "$1: warnings" "$(grep -c 'warning: the file system of' <<<"$said")" 1
    has "$1" "$said" "$2"
}

# without NAMES ERROR CALLS PART [OPTION...]: a new run for which the calls NAMES fail.
without() {
    local words what="$1 fails with $2 ($3)"
    rm -rf "$runs/a"
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --only "$1" --fail "$3" "$2" "${@:5}" "${words[@]}"
    ((status == 0)) || fail "$what: status $status: $said"
    alike "$what" "$runs/a"
    [[ -z $4 ]] || warned "$what" "$4"
    cases=$((cases + 1))
}

no_locks() {
    local error cases=0
    undisturbed_run
    for error in ENOSYS ENOLCK EOPNOTSUPP EINVAL; do without flock $error 1+ "cannot lock files" --all; done
    echo "note: $cases errors of flock: $cases final states equal, each with a warning"
}

# Without locks, a process of this machine is still noticed, but the id of another one in LOCK is not
# taken for it.
owner_without_locks() {
    local words first
    config=$tmp/long.json
    cat >"$config" <<JSON
{"extends": "$tmp/run.json", "train": {"steps": 1000000, "checkpoint_every": 0}}
JSON
    rm -rf "$runs/a"
    command_of "$runs/a"
    "$tools/fault" --under "$runs" --all --only flock --fail 1+ ENOSYS "${words[@]}" >/dev/null 2>&1 </dev/null &
    first=$!
    until [[ -s $runs/a/log.csv ]]; do
        kill -0 "$first" 2>/dev/null || fail "the first process ended"
        sleep 0.05
    done
    outcome timeout -k 1 10 "$tools/fault" --under "$runs" --all --only flock --fail 1+ ENOSYS "${words[@]}"
    kill "$first" "$(<"$runs/a/LOCK")" 2>/dev/null || true
    wait "$first" || true
    ((status == 2)) || fail "a second process: status $status: $said"
    has "second process" "$said" "is being written by process $(<"$runs/a/LOCK")"
    config=$tmp/run.json
    undisturbed_run
    mkdir "$runs/a"
    echo $$ >"$runs/a/LOCK"
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --all --only flock --fail 1+ ENOSYS "${words[@]}"
    ((status == 0)) || fail "a LOCK with the id of a stranger: status $status: $said"
}

no_syncs() {
    local error total n cases=0 words
    undisturbed_run
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --list "$tmp/all" "${words[@]}"
    for error in EINVAL EBADF EOPNOTSUPP ENOSYS; do without fsync,fdatasync $error 1+ "cannot sync"; done
    total=$(wc -l <"$tmp/all")
    ((total > 100)) || fail "only $total calls"
    while read -r n; do without fsync EINVAL "$n" "cannot sync"; done < <(awk '$2 == "fsync" { print $1 }' "$tmp/all")
    echo "note: fsync fails always, and each by itself: $cases of $cases final states equal"
}

unknown_space() {
    local words cases=0
    undisturbed_run
    without statfs ENOSYS 1+ "does not report its free space" --all
    rm -rf "$runs/a"
    command_of "$runs/a"
    outcome env LD_PRELOAD="$tools/space.so" "${words[@]}"
    ((status == 0)) || fail "0 of 0 bytes free: status $status: $said"
    alike "0 of 0 bytes free" "$runs/a"
    warned "0 of 0 bytes free" "a full disk is noticed when a write fails"
    outcome env LD_PRELOAD="$tools/space.so" "${words[@]/--resume/--dry-run}"
    ((status == 0)) || fail "--dry-run: status $status: $said"
    grep -q 'free: unknown' "$tmp/out" || fail "--dry-run: $(<"$tmp/out")"
    [[ $said != *"the checkpoints need"* ]] || fail "--dry-run warns of a full disk: $said"
}

# A rename that is refused is replaced by a copy; a run killed meanwhile can be resumed.
no_renames() {
    local words n total cases=0
    undisturbed_run
    without rename EXDEV 1+ "cannot rename" --list "$tmp/all"
    total=$(wc -l <"$tmp/all")
    for ((n = 1; n <= total; n += KILLED)); do
        rm -rf "$runs/a"
        command_of "$runs/a"
        outcome "$tools/fault" --under "$runs" --only rename --fail 1+ EXDEV --before "$n" 9 "${words[@]}"
        ((status == 137)) || fail "kill at call $n: status $status: $said"
        finish "killed at call $n, without rename" "$runs/a" part
        cases=$((cases + 1))
    done
    echo "note: rename always fails, and kills in between: $cases of $cases final states equal"
}

# A run that was stopped in its last validation writes the checkpoint of that step again.
no_exchange() {
    local words call error n total cases=0
    undisturbed_run
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --list "$tmp/all" "${words[@]}"
    call=$(awk '$2 == "write" && $3 ~ /log.csv$/ { n = before } { before = $1 } END { print n }' "$tmp/all")
    rm -rf "$runs/a"
    outcome "$tools/fault" --under "$runs" --before "$call" 12 "${words[@]}"
    ((status == 75)) || fail "SIGUSR2 before call $call: status $status: $said"
    # One checkpoint only: nothing else could be resumed.
    find "$runs/a/checkpoints" -name 'step_*' ! -name step_00000009 -exec rm -r {} +
    rm -rf "$tmp/base"
    cp -a "$runs/a" "$tmp/base"
    for error in ENOSYS EINVAL EPERM EXDEV EOPNOTSUPP; do
        rm -rf "$runs/a"
        cp -a "$tmp/base" "$runs/a"
        outcome "$tools/fault" --under "$runs" --list "$tmp/all" --only renameat2 --fail 1+ $error "${words[@]}"
        ((status == 0)) || fail "renameat2: $error: status $status: $said"
        grep -q '^[0-9]* renameat2 .*\*$' "$tmp/all" || fail "nothing was exchanged"
        warned "renameat2: $error" "cannot exchange folders"
        alike "renameat2: $error" "$runs/a" part
        cases=$((cases + 1))
    done
    total=$(wc -l <"$tmp/all")
    for ((n = 1; n <= total; n++)); do
        rm -rf "$runs/a"
        cp -a "$tmp/base" "$runs/a"
        outcome "$tools/fault" --under "$runs" --only renameat2 --fail 1+ ENOSYS --before "$n" 9 "${words[@]}"
        ((status == 137)) || fail "kill at call $n: status $status: $said"
        finish "killed at call $n, without renameat2" "$runs/a" part
        resumed_at_least "killed at call $n" 8
        cases=$((cases + 1))
    done
    echo "note: renameat2 fails, and kills in between: $cases of $cases final states equal, no checkpoint lost"
}

test_case "no locks" no_locks
test_case "no locks: the owner of a run" owner_without_locks
test_case "no syncs" no_syncs
test_case "unknown free space" unknown_space
test_case "no renames" no_renames
test_case "no exchange of names" no_exchange
test_done
