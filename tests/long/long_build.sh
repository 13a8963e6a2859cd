#!/usr/bin/env bash
# long_build.sh - builds that packagers and other processors need, by gcc and clang, without a warning: AVX512=0, and the
# hardening flags of Debian. The hardened program trains.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
unset MAKEFLAGS MAKELEVEL

hardening="-O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection -fPIE -Wformat -Werror=format-security"

# built NAME TARGETS OPTION...: in a folder of its own, so that nothing of the tree is built again.
built() {
    local targets
    read -ra targets <<<"$2"
    said=$(make -s -k -j2 WERROR=1 "${@:3}" BUILD="$tmp/$1" "${targets[@]}" 2>&1) || fail "make ${*:3}: $said"
    same "messages of make ${*:3}" "$said" ""
}

# hardened COMPILER TARGETS
hardened() {
    built "hard-$1" "$2" CC="$1" CFLAGS="$hardening"
    TRAIN=$tmp/hard-$1/train toy "hardened-$1"
    TRAIN=$tmp/hard-$1/train exits 0 --sample "$tmp/hardened-$1" --tokens 20
}

test_case "build: gcc, AVX512=0" built "narrow-gcc" all CC=gcc AVX512=0
test_case "build: gcc, hardening flags, tests too" hardened gcc "all tests"
if command -v clang >/dev/null; then
    test_case "build: clang, AVX512=0" built "narrow-clang" all CC=clang AVX512=0
    test_case "build: clang, hardening flags" hardened clang all
else
    echo "note: skipped clang: not installed"
fi
test_done
