#!/usr/bin/env bash
# aarch64.sh [all] - the program for aarch64, built by a cross compiler and run by QEMU's emulator.
#
# A dozen unit tests, and 5 steps of training with the numbers of x86-64. With "all" every unit test, a larger model,
# and tests from outside. Needs scripts/install-packages.sh aarch64, and the float build: make. Without them, and on
# other processors than x86-64, everything is skipped, with a note.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib/cli.sh"
export GOMP_SPINCOUNT=3000 # otherwise the program executes itself again, outside of the emulator

cc=aarch64-linux-gnu-gcc
built=build/float-aarch64
root=${SYSROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/peri/aarch64}
tests=(bad_configs base batchnorm config_errors data equations health norm ops ops_half ops_head ops_threads schedule vmath)
# gcc 12.2 for aarch64 ends with an internal error in these, at a maximum of doubles over floats.
crash_gcc_12=(batchnorm_net frozen generate placement theory)

# what_is_missing: prints why nothing can be run here; nothing if it can.
what_is_missing() {
    [[ $(uname -m) == x86_64 ]] || { echo "this is no x86-64" && return; }
    command -v "$cc" >/dev/null || { echo "no $cc" && return; }
    command -v qemu-aarch64 >/dev/null || { echo "no qemu-aarch64" && return; }
    [[ -e $root/lib/ld-linux-aarch64.so.1 ]] || echo "no libraries in $root"
}

# cross_make ARGUMENT...: with the options of check.sh.
cross_make() {
    make -s -j 2 WERROR=1 CC="$cc" SYSROOT="$root" "$@"
}

cross_build() {
    local before
    before=$(cksum train)
    cross_make all "${tests[@]/#/$built/tests/unit/test_}"
    same "./train of this processor" "$(cksum train)" "$before"
    has "the program" "$(file_header "$built/train")" "b7" # EM_AARCH64
}

# file_header FILE: the machine of an ELF file, in hexadecimal.
file_header() {
    od -An -tx1 -j18 -N1 "$1"
}

# Every test is built or is one that is known to crash the compiler, which a newer one may build.
cross_build_all() {
    local test said
    said=$(cross_make -k all tests 2>&1) || true
    for test in tests/unit/test_*.c; do
        test=$(basename "$test" .c)
        test=${test#test_}
        if [[ -e $built/tests/unit/test_$test ]]; then
            tests+=("$test")
        elif [[ " ${crash_gcc_12[*]} " == *" $test "* && $said == *"tests/unit/test_$test.c:"*"internal compiler error"* ]]; then
            echo "note: test_$test.c crashes $($cc --version | head -n 1)"
        else
            fail "test_$test is not built: $said"
        fi
    done
}

# run_test NAME: leaves its output and its exit status in files.
run_test() {
    local status=0
    "$tmp/emulated" "$built/tests/unit/test_$1" >"$tmp/$1.txt" 2>&1 </dev/null || status=$?
    echo "$status" >"$tmp/$1.status"
}

# passed NAME: shows the output of a test that failed.
passed() {
    local count
    count=$(grep -c '^ok ' "$tmp/$1.txt") || true
    [[ $(<"$tmp/$1.status") == 0 && $count != 0 ]] || fail "$(grep -B 20 '^FAIL ' "$tmp/$1.txt" || tail -n 20 "$tmp/$1.txt")"
}

# same_numbers A B WITHIN: the losses of two runs of this many steps.
same_numbers() {
    paste -d, <(cut -d, -f3,4 "$tmp/$1/log.csv") <(cut -d, -f3,4 "$tmp/$2/log.csv") | awk -F, -v within="$3" '
        function differs(a, b) { return (a == "") != (b == "") || a - b > within || b - a > within }
        NR > 1 && (differs($1, $3) || differs($2, $4)) { print "line " NR ": " $0; bad = 1 }
        END { if (bad || NR != 7) exit 1 }' || fail "$1 and $2 differ, or are not 5 steps long"
}

# five_steps PRECISION WITHIN ARGUMENT...
five_steps() {
    local name=$1 options=(--set "train.precision=$1" --set train.eval_every=5 --steps 5 "${@:3}")
    toy "native_$name" "${options[@]}"
    TRAIN=$tmp/train toy "emulated_$name" "${options[@]}"
    has "the BLAS" "$(<"$tmp/emulated_$name/run.json")" armv8
    same_numbers "native_$name" "emulated_$name" "$2"
}

# script NAME FILE: writes a command that emulates FILE, or its first argument.
script() {
    printf '#!/bin/sh\nexec qemu-aarch64 -L "%s" %s "$@"\n' "$root" "$2" >"$tmp/$1"
    chmod +x "$tmp/$1"
}

missing=$(what_is_missing)
if [[ $missing ]]; then
    test_case "aarch64: skipped" echo "note: skipped: $missing (scripts/install-packages.sh aarch64)"
    test_done
fi
script emulated ""
script train "\"$PWD/$built/train\""
export -f run_test
export tmp built
test_case "aarch64: build" cross_build
if [[ ${1:-} == all ]]; then
    test_case "aarch64: build of all tests" cross_build_all
fi
if ((test_failures == 0)); then
    # shellcheck disable=SC2016 # for the inner shell
    printf '%s\n' "${tests[@]}" | xargs -P 2 -n 1 bash -c 'run_test "$1"' bash
    for name in "${tests[@]}"; do test_case "aarch64: test_$name" passed "$name"; done
    test_case "aarch64: 5 steps, float32" five_steps float32 1e-5
    test_case "aarch64: 5 steps, bfloat16" five_steps bfloat16 1e-5
fi
test_done
