#!/usr/bin/env bash
# fault_errors.sh - failing system calls (ERRORS="ENOSPC EIO EDQUOT"), full disks, failing
# allocations.
#
# The run continues, or ends with a message and exit code 4; then --resume must end in the final
# state of an undisturbed run.
source "$(dirname "$0")/../lib/faults.sh"
ERRORS=${ERRORS:-ENOSPC EIO EDQUOT}
STRIDE=${STRIDE:-5} # tests every 5th of the thousands of allocations of a recovery
REASONS="No space left|Input/output error|Disk quota exceeded|Interrupted|Too many open|Permission denied"
REASONS+="|File too large|Read-only file system|Cannot allocate memory"

# names_file_and_reason WHAT: the message names a file of the run and a reason.
names_file_and_reason() {
    grep -qE "$runs/?[^:]*: .*($REASONS)|no room for a checkpoint in $runs/" <<<"$said" ||
        fail "$1: no path and reason in: $said"
}

# handled WHAT: the run continued after the error, possibly without one of its earlier checkpoints,
# or ended with exit code 4 and can be resumed.
handled() {
    ((took <= 5)) || fail "$1: took $took s"
    case $status in
    0) alike "$1" "$runs/a" part ;;
    4) names_file_and_reason "$1" && finish "$1" "$runs/a" && stopped=$((stopped + 1)) ;;
    *) fail "$1: status $status: $said" ;;
    esac
}

# with_error N ERROR: a new run whose call N fails with ERROR.
with_error() {
    local words
    rm -rf "$runs/a"
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --fail "$1" "$2" "${words[@]}"
    cases=$((cases + 1))
}

list_calls() {
    local words
    undisturbed_run
    rm -rf "$runs/a"
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --list "$tmp/all" "${words[@]}"
    last=$(awk '$2 ~ /^mkdir/ && $3 ~ /\/checkpoints\/\./ { n = $1 } END { print n + 0 }' "$tmp/all")
    ((last > 0)) || fail "no temporary folder of a checkpoint among the calls"
}

# One call fails: a failure while a checkpoint other than the last is written causes only a warning.
fails_once() {
    local n call path where cases=0 stopped=0 last
    list_calls
    while read -r n call path; do
        where="$1 at call $n, $call $path"
        with_error "$n" "$1"
        handled "$where"
        if [[ $path == */checkpoints/* ]] && ((n < last)); then
            ((status == 0)) || fail "$where: ended the run: $said"
            # A file that cannot be removed is removed by the next run.
            [[ $call == unlink || $call == rmdir || $call == close ]] || names_file_and_reason "$where"
        fi
    done <"$tmp/all"
    echo "note: $1 at each of $cases calls, once: $stopped ended with code 4 and were resumed," \
        "$((cases - stopped)) continued; $cases of $cases final states equal"
}

# All calls from one on fail: the run must end with a message.
fails_from_call_on() {
    local n call path where cases=0 stopped=0 last
    list_calls
    while read -r n call path; do
        with_error "$n+" "$1"
        handled "$1 from call $n on, $call $path"
    done <"$tmp/all"
    ((stopped > cases / 2)) || fail "only $stopped of $cases runs ended with an error"
    echo "note: $1 from each of $cases calls on: $stopped ended with code 4 and were resumed;" \
        "$cases of $cases final states equal"
}

# Interrupted and short calls are repeated without a message.
is_retried() {
    local n call path cases=0 last
    list_calls
    while read -r n call path; do
        [[ $2 == *" $call "* ]] || continue
        for which in "$n" "$n/"; do
            with_error "$which" "$1"
            ((status == 0)) || fail "$1 at $which, $call $path: status $status: $said"
            alike "$1 at $which, $call $path" "$runs/a"
            ! grep -qE "$REASONS|error" <<<"$said" || fail "$1 at $which, $call $path: output: $said"
        done
    done <"$tmp/all"
    ((cases > 50)) || fail "only $cases cases"
    echo "note: $1 at each call that can return it, once and every second time: $cases of $cases runs" \
        "were not affected"
}

# All calls of a resuming run, including reads and locks, fail once: another --resume must finish.
fails_in_recovery() {
    local words n call path where cases=0 middle
    list_calls
    rm -rf "$runs/a"
    middle=$((last - 3))
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --before "$middle" 9 "${words[@]}"
    rm -rf "$tmp/base"
    cp -a "$runs/a" "$tmp/base"
    outcome "$tools/fault" --under "$runs" --all --list "$tmp/all" "${words[@]}"
    while read -r n call path; do
        rm -rf "$runs/a"
        cp -a "$tmp/base" "$runs/a"
        outcome "$tools/fault" --under "$runs" --all --fail "$n" "$1" "${words[@]}"
        where="$1 at call $n of a recovery, $call $path"
        ((status == 0 || status == 3 || status == 4)) ||
            [[ $status == 2 && $path == */config.json ]] || fail "$where: status $status: $said"
        if ((status == 0)); then
            resumed_at_least "$where" 3
            alike "$where" "$runs/a" part
        else
            [[ $said == *error:* ]] || fail "$where: no error message"
            finish "$where" "$runs/a"
        fi
        cases=$((cases + 1))
    done <"$tmp/all"
    echo "note: $1 at each of $cases calls of a recovery, reads included: $cases of $cases final" \
        "states equal"
}

# --- full disks ---

# leave_pages N: fills the file system of $runs except for N pages of 4 KiB.
leave_pages() {
    rm -f "$runs/ballast"
    dd if=/dev/zero of="$runs/ballast" bs=4096 2>/dev/null || true
    truncate -s "-$((4096 * $1))" "$runs/ballast"
}

full_disk() {
    local words size pages i stopped=0 longest=0
    config=$tmp/wide.json
    cat >"$config" <<JSON
{"extends": "$tmp/run.json", "model": {"d_model": 32}, "train": {"keep": 1}}
JSON
    undisturbed_run
    size=$(cat "$undisturbed"/checkpoints/step_*9/* | wc -c)
    if ! mount -t tmpfs -o size=2m peri-full-disk "$runs" 2>/dev/null; then
        echo "note: SKIPPED: cannot mount a file system to fill"
        return
    fi
    # shellcheck disable=SC2064 # expand $runs now
    trap "umount '$runs'" EXIT
    for ((i = 0; i < 20; i++)); do
        pages=$((size * 24 * i / 190 / 4096))
        rm -rf "$runs/a"
        leave_pages "$pages"
        command_of "$runs/a"
        outcome "${words[@]}"
        ((took <= longest)) || longest=$took
        rm -f "$runs/ballast"
        handled "a disk with $pages free pages of 4 KiB"
    done
    ((stopped >= 10 && stopped < 20)) || fail "$stopped of 20 disks were too small"
    echo "note: disks with 0 to $pages free pages of 4 KiB (a checkpoint is $size bytes): 20 of 20" \
        "final states equal, $stopped after exit 4 and more room; longest $longest s"
}

# Each log on a full device.
log_on_full_device() {
    local words name stopped=0
    undisturbed_run
    for name in $(cd "$undisturbed" && echo *.csv); do
        rm -rf "$runs/a"
        mkdir "$runs/a"
        ln -s /dev/full "$runs/a/$name"
        command_of "$runs/a"
        outcome "${words[@]}"
        ((status == 4)) || fail "$name on /dev/full: status $status: $said"
        names_file_and_reason "$name on /dev/full"
        rm "$runs/a/$name"
        finish "$name on /dev/full" "$runs/a"
    done
    echo "note: each log on /dev/full ended the run with code 4, a path and a reason"
}

# --- memory ---

# no_memory CALLS: runs $words with the allocations CALLS failing.
no_memory() {
    outcome env LD_PRELOAD="$tools/alloc.so" FAIL_ALLOC="$1" "${words[@]}"
    cases=$((cases + 1))
    case $status in
    0) alike "allocation $1" "$runs/a" part ;;
    2 | 3) # a file could not be opened for lack of memory
        [[ $said == *"Cannot allocate memory"* ]] || fail "allocation $1: status $status: $said"
        ;;
    4)
        [[ $said == *"error: "* && $said =~ [0-9]\ bytes|"Cannot allocate memory"|"out of memory" ]] ||
            fail "allocation $1: no mention of memory in: $said"
        ;;
    *) fail "allocation $1: status $status: $said" ;;
    esac
    ((status == 0)) || stopped=$((stopped + 1))
}

count_allocations() {
    FAIL_ALLOC_LIST=$tmp/allocations LD_PRELOAD=$tools/alloc.so "${words[@]}" >/dev/null 2>&1
    total=$(wc -l <"$tmp/allocations")
    ((total > 100)) || fail "only $total allocations were counted"
}

shortage() {
    local words n total cases=0 stopped=0
    config=$tmp/three.json
    cat >"$config" <<JSON
{"extends": "$tmp/run.json", "train": {"steps": 3}}
JSON
    undisturbed_run
    command_of "$runs/a"
    count_allocations
    for ((n = 1; n <= total; n++)); do
        rm -rf "$runs/a"
        no_memory "$n$1"
    done
    finish "after $cases shortages of memory" "$runs/a"
    echo "note: each of $total allocations of a run fails${1:+, and all after it}: $stopped ended with" \
        "a message, $((cases - stopped)) were not affected, 0 crashes"
}

shortage_in_recovery() {
    local words n total cases=0 stopped=0 last
    list_calls
    rm -rf "$runs/a"
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --before "$last" 9 "${words[@]}"
    cp -a "$runs/a" "$tmp/short"
    count_allocations
    for ((n = 1; n <= total; n += STRIDE)); do
        rm -rf "$runs/a"
        cp -a "$tmp/short" "$runs/a"
        no_memory "$n"
        finish "allocation $n of a recovery" "$runs/a" part
    done
    echo "note: $cases of $total allocations of a recovery fail: $stopped ended with a message," \
        "$((cases - stopped)) were not affected; $cases of $cases final states equal"
}

for error in $ERRORS; do
    test_case "$error at every call" fails_once "$error"
    test_case "$error from every call on" fails_from_call_on "$error"
done
test_case "calls are repeated after EINTR" is_retried EINTR " open openat write pwrite64 fsync fdatasync ftruncate close mkdir rename unlink rmdir "
test_case "short writes are completed" is_retried short " write pwrite64 "
for error in EIO ENOMEM; do
    test_case "$error at every call of a recovery" fails_in_recovery $error
done
test_case "full disks" full_disk
test_case "logs on a full device" log_on_full_device
test_case "one failing allocation" shortage ""
test_case "all allocations from one on fail" shortage +
test_case "one failing allocation of a recovery" shortage_in_recovery
test_done
