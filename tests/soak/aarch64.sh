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
# Names of tests, those that take longest first; a word after a colon selects from a test.
tests=(ops_half:match ops_head ops norm vmath base equations bad_configs config_errors memory data health schedule)
# gcc 12.2 for aarch64 ends with an internal error in these, at a maximum of doubles over floats.
crash_gcc_12=(batchnorm_net frozen generate placement theory)

# The emulator does not keep to RLIMIT_AS.
not_emulated=sizes

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

# cross_build SOURCE...: the program and these tests.
cross_build() {
    local before source said name
    before=$(cksum train)
    rm -rf "$built/tests"
    said=$(cross_make -k all "${@/#/$built/}" 2>&1) || true
    same "./train of this processor" "$(cksum train)" "$before"
    same "the machine of the program" "$(od -An -tx1 -j18 -N1 "$built/train")" " b7" # EM_AARCH64
    for source in "$@"; do
        name=${source##*test_}
        [[ ! -e $built/$source ]] || continue
        [[ " ${crash_gcc_12[*]} " == *" $name "* && $said == *"$source.c:"*"internal compiler error"* ]] ||
            fail "$source is not built: $said"
        echo "note: $source.c crashes $($cc --version | head -n 1)"
    done
    [[ $said != *"error"* || $said == *"internal compiler error"* ]] || fail "$said"
}

# run_test NAME[:WORD]: leaves its output and its exit status in files.
run_test() {
    local status=0 word=${1#"${1%:*}"}
    "$tmp/emulated" "$built/tests/unit/test_${1%:*}" ${word:+"${word#:}"} >"$tmp/$1.txt" 2>&1 </dev/null || status=$?
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
    local name=$1 options=(--set "train.precision=$1" --set train.eval_every=5 --set train.steps=5 "${@:3}")
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

larger=(--set model.d_model=64 --set model.n_head=4 --set model.context=64 --set train.batch=4 --overwrite)
missing=$(what_is_missing)
if [[ $missing ]]; then
    test_case "aarch64: skipped" echo "note: skipped: $missing (scripts/install-packages.sh aarch64)"
    test_done
fi
script emulated ""
script train "\"$PWD/$built/train\""
export -f run_test
export tmp built
if [[ ${1:-} == all ]]; then
    mapfile -t tests < <(basename -s .c tests/unit/test_*.c | sed 's/^test_//' | grep -vx "$not_emulated")
fi
mapfile -t sources < <(printf 'tests/unit/test_%s\n' "${tests[@]%:*}")
test_case "aarch64: build" cross_build "${sources[@]}"
if ((test_failures == 0)); then
    mapfile -t tests < <(for name in "${tests[@]}"; do [[ ! -e $built/tests/unit/test_${name%:*} ]] || echo "$name"; done)
    # shellcheck disable=SC2016 # for the inner shell
    printf '%s\n' "${tests[@]}" | xargs -P 2 -n 1 bash -c 'run_test "$1"' bash
    for name in "${tests[@]}"; do test_case "aarch64: test_$name" passed "$name"; done
    test_case "aarch64: 5 steps, float32" five_steps float32 1e-5
    test_case "aarch64: 5 steps, bfloat16" five_steps bfloat16 1e-5
    if [[ ${1:-} == all ]]; then
        # A last bit decides here and there how an operand is rounded, so that larger models differ more.
        test_case "aarch64: 5 steps of a larger model, float32" five_steps float32 1e-5 "${larger[@]}"
        test_case "aarch64: 5 steps of a larger model, bfloat16" five_steps bfloat16 1e-3 "${larger[@]}"
    fi
fi
test_done
