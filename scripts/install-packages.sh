#!/usr/bin/env bash
# install-packages.sh GROUP... - installs the Debian packages of the groups that are still missing.
#
# build: what make needs; plot: gnuplot; sweep: jq, for the files of scripts/sweep.sh; report: for scripts/report.sh;
# browser: what looks at its pages; check: what check.sh --full needs besides those; fuzz: for scripts/fuzz.sh;
# oracle: PyTorch, for make oracle and scripts/bench_torch.py. Says and does nothing where all are there; otherwise
# works as root or through sudo.
set -euo pipefail
source "$(dirname "$0")/usage.sh"

declare -A groups=(
    [build]="gcc libc6-dev make pkg-config libopenblas-openmp-dev libcjson-dev libstb-dev"
    [plot]="gnuplot-nox"
    [report]="python3"
    [browser]="chromium"
    [sweep]="jq"
    [oracle]="python3-torch"
    [fuzz]="clang libclang-rt-14-dev libomp-dev"
    [check]="valgrind clang libomp-dev clang-format shellcheck groff-base"
)

missing=()
for group in "$@"; do
    [[ -n ${groups[$group]:-} ]] || wrong "there is no group $group, only ${!groups[*]}"
    for package in ${groups[$group]}; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
        [[ $status == installed ]] || missing+=("$package")
    done
done
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
    echo "install-packages.sh: no apt-get here; please install what Debian calls ${missing[*]}" >&2
    exit 1
fi
as_root=(env DEBIAN_FRONTEND=noninteractive)
((EUID == 0)) || as_root=(sudo "${as_root[@]}")
echo "installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
