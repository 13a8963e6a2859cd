#!/usr/bin/env bash
# check.sh [--full | PROGRAM...] - builds everything and runs all tests, two at a time.
#
# --full adds the checks that a change must pass before it is merged: clang without warnings, the tests under
# AddressSanitizer and UBSan, clang-format, shellcheck, ruff, aarch64 in an emulator, the long tests, fault injection,
# fuzzing and a sample of mutants. It also prints the seconds of each stage: "stage NAME SECONDS".
# With PROGRAMs, which must be built, only these run.
# A program prints one line per test: "ok" or "FAIL", seconds, name (tests/lib/test.h, tests/lib/test.sh). The whole
# output of a program with a failure is shown. The last line is "N passed, N failed".
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."
source tests/lib/test.sh

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export logs OMP_WAIT_POLICY=passive # two programs share the cores
ruff=${XDG_CACHE_HOME:-$HOME/.cache}/peri/venv/bin/ruff
stages=()

# A program that exits with an error and no FAIL line, or prints no test at all, is one failure.
run_program() {
    local start=$EPOCHREALTIME log status=0
    log=$(mktemp "$logs/XXXXXX")
    # shellcheck disable=SC2086 # a program and its arguments
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

# build NAME OPTION...: everything that make builds, without a warning.
build() {
    test_case "build: $1" make -s -k -j "$(nproc)" WERROR=1 "${@:2}" all tests
}

# programs BUILD FOLDER: the test programs of a build.
programs() {
    local source
    for source in tests/"$2"/*.c; do echo "build/$1/${source%.c}"; done
}

# sources PATTERN...: the files of the tree with these names.
sources() {
    local pattern names=()
    for pattern in "$@"; do names+=(-o -name "$pattern"); done
    find . \( -path ./build -o -path ./runs -o -path ./.git \) -prune -o -type f \( "${names[@]:1}" \) -print
}

# stage NAME COMMAND...: runs a stage of the full tier and notes its time.
stage() {
    local start=$SECONDS
    "${@:2}"
    stages+=("stage $1 $((SECONDS - start))")
}

quick() {
    scripts/install-packages.sh build plot sweep report
    scripts/install-packages.sh tokenizers || true # without them their tests are skipped
    build "gcc, float" "$@"
    build "gcc, double" "$@" REAL=double
    ((test_failures == 0)) || return 0
    # The longest first.
    mapfile -t list < <(programs double grad && ls tests/cli/cli_*.sh && programs float unit && programs double unit)
    run_programs "${list[@]}" scripts/structure.sh
}

full() {
    stage install scripts/install-packages.sh check fuzz browser ruff tensorboard wandb claims
    stage quick quick -B
    stage clang clang_builds
    stage style style
    stage aarch64 aarch64
    stage sanitizers sanitized
    stage long long
    stage mutants mutants
    printf '%s\n' "${stages[@]}"
}

clang_builds() {
    build "clang, float" -B CC=clang
    build "clang, double" -B CC=clang REAL=double
}

style() {
    local c shell
    mapfile -t c < <(sources '*.c' '*.h')
    mapfile -t shell < <(sources '*.sh')
    test_case "style: clang-format" clang-format --dry-run -Werror "${c[@]}"
    test_case "style: shellcheck" shellcheck .ci/run "${shell[@]}"
    test_case "style: ruff check" "$ruff" check --no-cache run scripts tests
    test_case "style: ruff format" "$ruff" format --no-cache --check run scripts tests
}

# Tests that take more than a few seconds, fault injection and fuzzing.
long() {
    local target list=(tests/long/long_*.sh tests/fault/fault_*.sh)
    test_case "build: fault tools" make -s -B WERROR=1 faults
    test_case "build: fuzz targets" make -s -j "$(nproc)" fuzz
    for target in tests/fuzz/fuzz_*.c; do
        list+=("scripts/fuzz.sh 200000 $(basename "$target" .c)")
    done
    run_programs "${list[@]}"
}

# Without the packages the test is skipped, with a note.
aarch64() {
    scripts/install-packages.sh aarch64 || true
    run_programs tests/soak/aarch64.sh
}

# Every commit draws another sample; no mutant may survive (docs/mutants.md).
mutants() {
    local commits
    commits=$(git rev-list --count HEAD 2>/dev/null) || commits=1
    test_case "mutants: all of sample $commits of the core are killed" tests/mutants/mutate.sh --core --short \
        --sample 24 --seed "$commits" --results build/mutants_sample.csv
}

sanitized() {
    local before=$test_failures
    test_case "build: gcc, float, sanitizers" make -s -j "$(nproc)" SANITIZE=1 all tests
    ((test_failures == before)) || return 0
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
    export UBSAN_OPTIONS=halt_on_error=1:abort_on_error=1:print_stacktrace=1
    mapfile -t list < <(programs float-sanitize unit)
    run_programs "${list[@]}"
    TRAIN=build/float-sanitize/train run_programs tests/cli/cli_train.sh tests/cli/cli_data.sh
}

case ${1:-} in
"") tier=quick ;;
--full) tier=full && shift ;;
-*) wrong "there is no option $1" ;;
*) tier=run_programs ;;
esac
$tier "$@" 2>&1 | tee "$logs/all" || echo "FAIL    0.00 s  check.sh itself" | tee -a "$logs/all"

passed=$(grep -c '^ok ' "$logs/all") || true
failed=$(grep -c '^FAIL ' "$logs/all") || true
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
