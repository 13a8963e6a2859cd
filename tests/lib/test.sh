# shellcheck shell=bash
# test.sh - the harness of tests written in shell, the twin of test.h; sourced, not run.
#
#     test_case "name" COMMAND...    runs it in a subshell; prints "ok" or "FAIL", seconds and name
#     test_done                      at the end: exit 1 if any failed
#
# What a command prints is shown where it fails; a line that begins with "note:" always.

test_failures=0

# test_line VERDICT START NAME: the line of a test that began when EPOCHREALTIME was START.
test_line() {
    local took=$((${EPOCHREALTIME//[.,]/} - ${2//[.,]/}))
    printf '%-4s %4d.%02d s  %s\n' "$1" $((took / 1000000)) $((took / 10000 % 100)) "$3"
}

test_case() {
    local name=$1 start=$EPOCHREALTIME output status
    shift
    set +e
    output=$(
        set -e
        "$@" 2>&1
    )
    status=$?
    set -e
    if ((status == 0)); then
        grep '^note:' <<<"$output" || true
        test_line ok "$start" "$name"
    else
        printf '    %s\n' "${output//$'\n'/$'\n'    }"
        test_line FAIL "$start" "$name"
        test_failures=$((test_failures + 1))
    fi
}

test_done() {
    exit $((test_failures > 0))
}

# Ends the test that is running.
fail() {
    printf '%s\n' "$*"
    exit 1
}

# same WHAT GOT WANT
same() {
    [[ $2 == "$3" ]] || fail "$1: got \"$2\", want \"$3\""
}

# has WHAT TEXT PART: the text contains the part.
has() {
    [[ $2 == *"$3"* ]] || fail "$1: no \"$3\" in \"$2\""
}
