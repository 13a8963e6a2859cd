#!/usr/bin/env bash
# cli_streams.sh - standard output that cannot be written: a full device, and a pipe that is closed.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

toy a

# printed ARGUMENT...: what a command prints to a full device is an error.
printed() {
    local got=0
    timeout -k 1 20 "$TRAIN" "$@" >/dev/full 2>"$tmp/said" </dev/null || got=$?
    same "train $* >/dev/full: exit code" "$got" 4
    has "train $*" "$(tail -n 1 "$tmp/said")" "cannot write to standard output: No space left on device"
}

full_device() {
    local what
    [[ -c /dev/full ]] || { echo "note: skipped: no /dev/full" && return; }
    for what in topologies norms keys; do printed --list "$what"; done
    for what in schema man completion; do printed "--print-$what"; done
    printed --help
    printed --version
    printed --sample "$tmp/a" --tokens 3
    printed --eval "$tmp/a"
    printed --replay "$tmp/a" --step 5
    printed --status "$tmp/a"
    printed --status "$tmp/a" --json
    printed --logits "$tmp/a" "$tmp/a.npy"
    printed --fold "$tmp/a" "$tmp/a_folded"
    for what in --describe --dry-run; do printed --config "$tmp/toy.json" "$what"; done
}

# The run is complete, and the code says that its last lines were lost.
training_to_a_full_device() {
    [[ -c /dev/full ]] || { echo "note: skipped: no /dev/full" && return; }
    printed --config "$tmp/toy.json" --set name=b
    has "message" "$(<"$tmp/said")" "the files of the run are complete"
    same_run a b
    grep -q '"exit_code": 0' "$tmp/b/run.json" || fail "run.json: $(grep exit_code "$tmp/b/run.json")"
    printed --config "$tmp/toy.json" --set name=b # already finished
}

# ends_by_pipe ARGUMENT...: the reader closes the pipe; the program ends at once and quietly.
ends_by_pipe() {
    local status
    set +e
    timeout -k 1 20 "$TRAIN" "$@" 2>"$tmp/said" </dev/null | head -c 2 >/dev/null
    status=${PIPESTATUS[0]}
    set -e
    same "train $* | head: status" "$status" 141
    same "train $* | head: messages" "$(grep -v warning "$tmp/said")" ""
}

closed_pipe() {
    local what status
    ends_by_pipe --sample "$tmp/a" --tokens 2000000000
    # Before a short listing, the reader must have gone.
    for what in --help "--list keys" "--print-schema" "--eval $tmp/a" "--dry-run --config $tmp/toy.json"; do
        set +e
        # shellcheck disable=SC2086 # several words
        { sleep 0.2 && exec "$TRAIN" $what 2>"$tmp/said" </dev/null; } | true
        status=${PIPESTATUS[0]}
        set -e
        same "train $what | true: status" "$status" 141
        same "train $what | true: messages" "$(<"$tmp/said")" ""
    done
    # A parent that ignores SIGPIPE.
    (
        trap '' PIPE
        ends_by_pipe --sample "$tmp/a" --tokens 2000000000
    )
}

training_outlives_its_reader() {
    local status
    set +e
    "$TRAIN" --config "$tmp/toy.json" --set name=c --set train.sample_every=2 2>&1 </dev/null | head -n 1 >/dev/null
    status=${PIPESTATUS[0]}
    set -e
    same "training | head: status" "$status" 0
    same_run a c
}

scripts_notice_a_full_device() {
    local got=0
    [[ -c /dev/full ]] || { echo "note: skipped: no /dev/full" && return; }
    scripts/report.sh "$tmp/a" --out "$tmp/report.html" >/dev/full 2>"$tmp/said" || got=$?
    same "report.sh: exit code" "$got" 4
    has "report.sh" "$(<"$tmp/said")" "report.sh: cannot write to standard output: No space left"
    [[ -s $tmp/report.html && -s $tmp/report.md ]] || fail "report.sh wrote no report"
    ln -s /dev/full "$tmp/disk.html.tmp"
    got=0
    scripts/report.sh "$tmp/a" --out "$tmp/disk.html" >/dev/null 2>"$tmp/said" || got=$?
    same "report.sh to a full disk: exit code" "$got" 4
    has "report.sh" "$(<"$tmp/said")" "cannot write $tmp/disk.html: No space left"
    command -v gnuplot >/dev/null || { echo "note: skipped plot.sh: no gnuplot" && return; }
    got=0
    scripts/plot.sh "$tmp/a" >/dev/full 2>"$tmp/said" || got=$?
    same "plot.sh: exit code" "$got" 4
    same "plot.sh" "$(<"$tmp/said")" "plot.sh: cannot write to standard output"
    echo old >"$tmp/picture.png"
    ln -s /dev/full "$tmp/picture.png.tmp"
    got=0
    scripts/plot.sh "$tmp/a" --out "$tmp/picture.png" 2>"$tmp/said" || got=$?
    same "plot.sh to a full disk: exit code" "$got" 4
    same "the old picture" "$(<"$tmp/picture.png")" old
}

test_case "streams: every command to a full device" full_device
test_case "streams: training to a full device" training_to_a_full_device
test_case "streams: a closed pipe" closed_pipe
test_case "streams: training to a closed pipe" training_outlives_its_reader
test_case "streams: scripts to a full device" scripts_notice_a_full_device
test_done
