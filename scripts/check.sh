#!/usr/bin/env bash
# check.sh [--full | PROGRAM...] - builds everything and runs every test, two at a time.
#
# --full adds what a change must pass before it lands: both compilers without warnings, the tests
# under AddressSanitizer and UBSan, clang-format, shellcheck, faults from outside, a sample of mutants.
# PROGRAMs, built already, run alone.
# A program prints a line per test: "ok" or "FAIL", seconds, name (tests/lib/test.h, tests/lib/test.sh);
# where one fails, all it said is shown. The last line is "N passed, N failed".
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."
source tests/lib/test.sh

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export logs LC_ALL=C OMP_WAIT_POLICY=passive # two programs share the cores

# A program that fails without saying so, or says nothing at all, is one failure.
run_program() {
    local start=$EPOCHREALTIME log status=0
    log=$(mktemp "$logs/XXXXXX")
    # shellcheck disable=SC2086 # a program and its words
    $1 >"$log" 2>&1 </dev/null || status=$?
    if ! grep -qE '^(ok|FAIL) ' "$log" || { ((status != 0)) && ! grep -q '^FAIL ' "$log"; } ||
        ((status > 1)); then
        test_line FAIL "$start" "$1 ended with status $status" >>"$log"
    fi
    {
        flock 9
        echo "== $1${TRAIN:+ with $TRAIN}"
        if grep -q '^FAIL ' "$log"; then cat "$log"; else grep -E '^(ok|FAIL|note:) ?' "$log"; fi
    } 9>"$logs/lock"
}
export -f run_program test_line

run_programs() {
    # shellcheck disable=SC2016 # for the inner shell
    printf '%s\0' "$@" | xargs -0 -P 2 -n 1 bash -euc 'run_program "$1"' bash
}

# build NAME OPTION...: everything that make can build, without a warning.
build() {
    test_case "build: $1" make -s -k -j "$(nproc)" WERROR=1 "${@:2}" all tests
}

# programs BUILD PREFIX: the test programs of a build.
programs() {
    local source
    for source in tests/"$2"/*.c; do echo "build/$1/${source%.c}"; done
}

quick() {
    scripts/install-packages.sh build plot sweep report
    build "gcc, float" "$@"
    build "gcc, double" "$@" REAL=double
    ((test_failures == 0)) || return 0
    # The long ones first.
    mapfile -t list < <(programs double grad && ls tests/cli/cli_*.sh && programs float unit && programs double unit)
    run_programs "${list[@]}" scripts/structure.sh
}

full() {
    scripts/install-packages.sh check fuzz browser
    quick -B
    build "clang, float" -B CC=clang
    build "clang, double" -B CC=clang REAL=double
    test_case "style: clang-format" clang-format --dry-run -Werror ./*.c ./*/*.[ch] ./*/*/*.[ch]
    test_case "style: shellcheck" shellcheck scripts/*.sh scripts/*/*.sh tests/*/*.sh .ci/run
    sanitized
    long
    mutants
}

# What takes more than a few seconds, or shakes the program from outside.
long() {
    local target list=(tests/long/long_*.sh tests/fault/fault_*.sh)
    test_case "build: fault tools" make -s -B WERROR=1 faults
    test_case "build: fuzz targets" make -s -j "$(nproc)" fuzz
    for target in tests/fuzz/fuzz_*.c; do
        list+=("scripts/fuzz.sh 200000 $(basename "$target" .c)")
    done
    run_programs "${list[@]}"
}

# Every commit draws others; none may survive (docs/mutants.md).
mutants() {
    local commits
    commits=$(git rev-list --count HEAD 2>/dev/null) || commits=1
    test_case "mutants: sample $commits of the core dies" tests/mutants/mutate.sh --core --short --sample 24 \
        --seed "$commits" --results build/mutants_sample.csv
}

sanitized() {
    test_case "build: gcc, float, sanitizers" make -s -j "$(nproc)" SANITIZE=1 all tests
    ((test_failures == 0)) || return 0
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
    export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
    mapfile -t list < <(programs float-sanitize unit)
    run_programs "${list[@]}"
    TRAIN=build/float-sanitize/train run_programs tests/cli/cli_train.sh tests/cli/cli_data.sh
}

case ${1:-} in
"") stage=quick ;;
--full) stage=full && shift ;;
-*) wrong "there is no option $1" ;;
*) stage=run_programs ;;
esac
$stage "$@" 2>&1 | tee "$logs/all" || echo "FAIL    0.00 s  check.sh itself" | tee -a "$logs/all"

passed=$(grep -c '^ok ' "$logs/all") || true
failed=$(grep -c '^FAIL ' "$logs/all") || true
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
