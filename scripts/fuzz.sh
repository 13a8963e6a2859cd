#!/usr/bin/env bash
# fuzz.sh N [TARGET...] - runs N inputs of each fuzz target, tests/fuzz/fuzz_*.c, from seed SEED (1).
#
# Builds with clang (scripts/install-packages.sh fuzz). The initial inputs are written by
# tests/fuzz/TARGET.sh FOLDER, if that exists. Prints a line per target, "ok" or "FAIL", seconds and
# name (tests/lib/test.sh). Exit code 1 on a finding, whose input is kept in build/fuzz/findings/;
# reproduce it with build/fuzz/TARGET FILE.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."
source tests/lib/test.sh

inputs=${1:-}
[[ $inputs =~ ^[0-9]+$ ]] || wrong "N is the number of inputs per target, not \"$inputs\""
shift
targets=("$@")
for target in "${targets[@]}"; do
    [[ -e tests/fuzz/$target.c ]] || wrong "there is no target $target"
done
if ((!$#)); then
    for source in tests/fuzz/fuzz_*.c; do targets+=("$(basename "$source" .c)"); done
fi

corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
export OMP_NUM_THREADS=1

# -close_fd_mask discards messages of the program and keeps reports of the sanitizers.
fuzz() {
    mkdir -p "$corpus/$1" build/fuzz/findings
    [[ ! -e tests/fuzz/$1.sh ]] || "tests/fuzz/$1.sh" "$corpus/$1"
    build/fuzz/"$1" -runs="$inputs" -seed="${SEED:-1}" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
        -close_fd_mask=3 -artifact_prefix=build/fuzz/findings/ "$corpus/$1" \
        </dev/null >"$corpus/log" 2>&1 || { tail -n 60 "$corpus/log" && return 1; }
    grep -q "^Done $inputs runs" "$corpus/log" || fail "$(tail -n 20 "$corpus/log")"
}

test_case "build: fuzz targets" make -s -j "$(nproc)" fuzz
((test_failures == 0)) || test_done
for target in "${targets[@]}"; do
    test_case "fuzz: $target, $inputs inputs" fuzz "$target"
done
test_done
