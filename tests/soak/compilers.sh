#!/usr/bin/env bash
# compilers.sh [COMPILER...] - compilers newer than those of Debian 12: no warning, and bits that do not depend on threads.
#
# COMPILERS are packages of Debian sid: gcc-15, gcc-16, clang-19 and clang-21. Prints a hash of the weights after 20 steps,
# which may differ between compilers. Needs root, a network, and ten minutes for each (tests/soak/system.sh).
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
source "$(dirname "$0")/system.sh"

hardening="-O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fcf-protection -Wformat -Werror=format-security"
bit_tests="tests/unit/test_ops_threads tests/unit/test_ops_tails"

# The indices of a mirror may be older than they claim to be valid.
start() {
    prepare sid
    echo 'Acquire::Check-Valid-Until "false";' >"$system/etc/apt/apt.conf.d/valid"
    sources root
    inside root C "scripts/install-packages.sh build"
}

# install COMPILER: for clang, its OpenMP replaces that of another clang.
install() {
    local packages=("$1")
    [[ $1 != clang-* ]] || packages+=("libomp-${1#clang-}-dev")
    inside root C "DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends ${packages[*]} >/dev/null 2>&1"
}

# build FOLDER TARGETS OPTION...: builds without a warning, and runs the tests of bits.
build() {
    local test
    inside root C "make -s -k -j $(nproc) WERROR=1 ${*:3} $2 ${bit_tests//tests/build\/$1\/tests}"
    for test in $bit_tests; do inside root C "build/$1/$test"; done
}

# weights COMPILER THREADS OPTION...: a hash of the weights after 20 steps.
weights() {
    inside root C "rm -rf runs && build/float-$1/train --config configs/peri_rms.json --steps 20 --threads $2 ${*:3} \
        --set model.n_layer=2 --set model.d_model=200 --set model.context=50 --set train.batch=5 >/dev/null 2>&1 &&
        sha256sum <runs/peri_rms/checkpoints/step_00000020/model.safetensors | cut -c1-12"
}

training() {
    local model first threads
    for model in "--topology peri --norm rmsnorm" "--topology b2t --norm layernorm" \
        "--topology pre --norm batchnorm" "--topology peri --set train.precision=bfloat16"; do
        first=$(weights "$1" 1 "$model")
        for threads in 2 3 5; do
            same "$model, $threads threads" "$(weights "$1" "$threads" "$model")" "$first"
        done
        echo "note: $1, $model, 1, 2, 3 and 5 threads: $first"
    done
}

(($#)) || set -- gcc-15 gcc-16 clang-19 clang-21
test_case "compilers: a minimal system" start
for compiler in "$@"; do
    test_case "compilers: $compiler, installed" install "$compiler"
    test_case "compilers: $compiler, float" build "float-$compiler" "all tests" CC="$compiler"
    test_case "compilers: $compiler, double" build "double-$compiler" all CC="$compiler" REAL=double
    test_case "compilers: $compiler, without AVX-512" build "float-$compiler-avx2" all CC="$compiler" AVX512=0
    test_case "compilers: $compiler, hardening flags" build "hardened-$compiler" "all tests" \
        CC="$compiler" BUILD="build/hardened-$compiler" CFLAGS="'$hardening'"
    test_case "compilers: $compiler, training" training "$compiler"
done
test_done
