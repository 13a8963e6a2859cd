#!/usr/bin/env bash
# soak.sh [PART...] - the long versions of the tests of scripts/check.sh, part by part.
#
# A part that passed is recorded in build/soak.txt, with date, commit and counts, and is skipped the
# next time, so an interrupted soak can be resumed. A PART that is named always runs.
# The last line is "N passed, N failed". Logs are in build/soak/.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."
export OMP_WAIT_POLICY=passive

# The parts: variables and a program.
declare -A parts=(
    [kill]="KILLS=1000 tests/fault/fault_kill.sh"
    [power]="STATES=1000 tests/fault/fault_power.sh"
    [signals]="SIGNALS=1000 tests/fault/fault_signals.sh"
    [gradients]="tests/soak/gradients.sh"
    [bits]="tests/long/long_bits.sh 20"
    [deep]="tests/long/long_deep.sh 500"
    [chroots]="tests/soak/chroots.sh"
    [compilers]="tests/soak/compilers.sh"
    [aarch64]="tests/soak/aarch64.sh all"
    [exports]="tests/soak/exports.sh"
    [smollm2]="tests/soak/smollm2.sh"
    [errors]="STRIDE=1 ERRORS='ENOSPC EIO EDQUOT EFBIG EMFILE EROFS ENOMEM' tests/fault/fault_errors.sh"
)
# What scripts/install-packages.sh installs for a part.
declare -A packages=([aarch64]=aarch64 [chroots]=chroots [compilers]=chroots)
for source in tests/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    for seed in {1..10}; do # five million inputs in all
        parts[${target}_$seed]="SEED=$seed scripts/fuzz.sh 500000 $target"
    done
done

run_part() {
    local log=build/soak/$1.log stamp
    stamp="$(date -u +%F) $(git rev-parse --short HEAD) $1"
    if eval "${parts[$1]}" >"$log" 2>&1 && grep -q '^ok ' "$log"; then
        sed -n "s|^note: |$stamp: |p" "$log" | tee -a build/soak.txt
        echo "$stamp: passed" >>build/soak.txt
    else
        cat "$log"
        return 1
    fi
}

passed() {
    grep -q " $(git rev-parse --short HEAD) $1: passed$" build/soak.txt
}

for part in "$@"; do
    [[ -n ${parts[$part]:-} ]] || wrong "there is no part $part, only ${!parts[*]}"
done
scripts/install-packages.sh build
for part in "${!packages[@]}"; do
    [[ " $* " != *" $part "* && $# != 0 ]] || scripts/install-packages.sh "${packages[$part]}" || true # the part tells what is missing
done
make -s all faults
mkdir -p build/soak
touch build/soak.txt
good=0 bad=0
for part in "${@:-${!parts[@]}}"; do
    if (($# == 0)) && passed "$part"; then
        echo "$part: passed before, see build/soak.txt"
    elif run_part "$part"; then
        good=$((good + 1))
    else
        bad=$((bad + 1))
    fi
done
echo "$good passed, $bad failed"
((bad == 0))
