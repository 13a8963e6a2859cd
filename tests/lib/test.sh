# shellcheck shell=bash
# test.sh - the test harness for shell, with the output format of test.h; sourced, not run.
#
#     test_case "name" COMMAND...    runs it in a subshell; prints "ok" or "FAIL", seconds and name
#     test_done                      at the end: exits with 1 if any test failed
#
# The output of a command is shown if it fails; lines that start with "note:" are always shown.

test_failures=0

# test_line VERDICT START NAME: prints the line of a test that started at EPOCHREALTIME START.
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

# fail MESSAGE...: ends the current test.
fail() {
    printf '%s\n' "$*"
    exit 1
}

# same WHAT GOT WANT: both are equal.
same() {
    [[ $2 == "$3" ]] || fail "$1: got \"$2\", want \"$3\""
}

# has WHAT TEXT PART: TEXT contains PART.
has() {
    [[ $2 == *"$3"* ]] || fail "$1: no \"$3\" in \"$2\""
}
