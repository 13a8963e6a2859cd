#!/usr/bin/env bash
# fault_errors.sh - calls that fail (ERRORS="ENOSPC EIO EDQUOT"), disks that are full, memory that
# is not there: the run carries on, or ends with a sentence and code 4; --resume then ends as if
# nothing had happened.
source "$(dirname "$0")/../lib/faults.sh"
ERRORS=${ERRORS:-ENOSPC EIO EDQUOT}
STRIDE=${STRIDE:-5} # of the allocations of a recovery, which are thousands
REASONS="No space left|Input/output error|Disk quota exceeded|Interrupted|Too many open|Permission denied"
REASONS+="|File too large|Read-only file system|Cannot allocate memory"

# A sentence that names a file of the run and why.
sentence() {
    grep -qE "$runs/?[^:]*: .*($REASONS)|no room for a checkpoint in $runs/" <<<"$said" ||
        fail "$1: no path and reason in: $said"
}

# judged WHAT: what a run may do about an error that it was given. One that carried on may lack a
# checkpoint on its way.
judged() {
    ((took <= 5)) || fail "$1: took $took s"
    case $status in
    0) alike "$1" "$runs/a" part ;;
    4) sentence "$1" && finish "$1" "$runs/a" && stopped=$((stopped + 1)) ;;
    *) fail "$1: status $status: $said" ;;
    esac
}

# with_error N ERROR CALL PATH: a fresh run whose call N fails.
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

# Once: what fails while a checkpoint is written that is not the last costs a message and no more.
fails_once() {
    local n call path where cases=0 stopped=0 last
    list_calls
    while read -r n call path; do
        where="$1 at call $n, $call $path"
        with_error "$n" "$1"
        judged "$where"
        if [[ $path == */checkpoints/* ]] && ((n < last)); then
            ((status == 0)) || fail "$where: ended the run: $said"
            # What could not be removed is tried again by the next run; nothing depends on it.
            [[ $call == unlink || $call == rmdir || $call == close ]] || sentence "$where"
        fi
    done <"$tmp/all"
    echo "note: $1 at each of $cases calls, once: $stopped ended with code 4 and were resumed," \
        "$((cases - stopped)) carried on; $cases of $cases final states equal"
}

# From one call on: the run must end, and know why.
fails_from_there() {
    local n call path where cases=0 stopped=0 last
    list_calls
    while read -r n call path; do
        with_error "$n+" "$1"
        judged "$1 from call $n on, $call $path"
    done <"$tmp/all"
    ((stopped > cases / 2)) || fail "only $stopped of $cases runs noticed"
    echo "note: $1 from each of $cases calls on: $stopped ended with code 4 and were resumed;" \
        "$cases of $cases final states equal"
}

# Interrupted and short calls are made again, without a word.
invisible() {
    local n call path cases=0 last
    list_calls
    while read -r n call path; do
        [[ $2 == *" $call "* ]] || continue
        for which in "$n" "$n/"; do
            with_error "$which" "$1"
            ((status == 0)) || fail "$1 at $which, $call $path: status $status: $said"
            alike "$1 at $which, $call $path" "$runs/a"
            ! grep -qE "$REASONS|error" <<<"$said" || fail "$1 at $which, $call $path: it said $said"
        done
    done <"$tmp/all"
    ((cases > 50)) || fail "only $cases cases"
    echo "note: $1 at each call that may meet it, once and every second time: $cases of $cases runs" \
        "did not show it"
}

# Reads, looks and locks of a run that goes on, too: a clean --resume must then be able to finish.
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
            [[ $said == *error:* ]] || fail "$where: no sentence"
            finish "$where" "$runs/a"
        fi
        cases=$((cases + 1))
    done <"$tmp/all"
    echo "note: $1 at each of $cases calls of a recovery, reads included: $cases of $cases final" \
        "states equal"
}

# --- full disks ---

# A file system of its own with only that many pages of 4 KiB left.
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
        echo "note: SKIPPED: no file system can be mounted here, so no disk was full"
        return
    fi
    # shellcheck disable=SC2064 # the folder of now
    trap "umount '$runs'" EXIT
    for ((i = 0; i < 20; i++)); do
        pages=$((size * 24 * i / 190 / 4096))
        rm -rf "$runs/a"
        leave_pages "$pages"
        command_of "$runs/a"
        outcome "${words[@]}"
        ((took <= longest)) || longest=$took
        rm -f "$runs/ballast"
        judged "a disk with $pages pages of 4 KiB left"
    done
    ((stopped >= 10 && stopped < 20)) || fail "$stopped of 20 disks were too small"
    echo "note: disks with 0 to $pages free pages of 4 KiB (a checkpoint is $size bytes): 20 of 20" \
        "final states equal, $stopped after exit 4 and more room; longest $longest s"
}

# Every log on a device that takes nothing.
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
        sentence "$name on /dev/full"
        rm "$runs/a/$name"
        finish "$name on /dev/full" "$runs/a"
    done
    echo "note: each log on /dev/full ended the run with code 4, path and reason"
}

# --- memory ---

# no_memory WHICH: one run, or its recovery, under a shortage.
no_memory() {
    outcome env LD_PRELOAD="$tools/alloc.so" FAIL_ALLOC="$1" "${words[@]}"
    cases=$((cases + 1))
    case $status in
    0) alike "allocation $1" "$runs/a" part ;;
    2 | 3) # a file that could not be opened for it
        [[ $said == *"Cannot allocate memory"* ]] || fail "allocation $1: status $status: $said"
        ;;
    4)
        [[ $said == *"error: "* && $said =~ [0-9]\ bytes|"Cannot allocate memory"|"out of memory" ]] ||
            fail "allocation $1: no word of memory in: $said"
        ;;
    *) fail "allocation $1: status $status: $said" ;;
    esac
    ((status == 0)) || stopped=$((stopped + 1))
}

count_allocations() {
    FAIL_ALLOC_LIST=$tmp/allocations LD_PRELOAD=$tools/alloc.so "${words[@]}" >/dev/null 2>&1
    total=$(wc -l <"$tmp/allocations")
    ((total > 100)) || fail "only $total allocations were seen"
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
        "a sentence, $((cases - stopped)) did not need it, 0 crashes"
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
    echo "note: $cases of $total allocations of a recovery fail: $stopped ended with a sentence," \
        "$((cases - stopped)) did not need it; $cases of $cases final states equal"
}

for error in $ERRORS; do
    test_case "$error at every call" fails_once "$error"
    test_case "$error from every call on" fails_from_there "$error"
done
test_case "EINTR is made again" invisible EINTR " open openat write pwrite64 fsync fdatasync ftruncate close "
test_case "short writes are completed" invisible short " write pwrite64 "
for error in EIO ENOMEM; do
    test_case "$error at every call of a recovery" fails_in_recovery $error
done
test_case "full disks" full_disk
test_case "logs on a full device" log_on_full_device
test_case "no memory, once" shortage ""
test_case "no memory, from there on" shortage +
test_case "no memory in a recovery" shortage_in_recovery
test_done
