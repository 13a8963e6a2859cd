#!/usr/bin/env bash
# install-packages.sh GROUP... - installs the missing Debian packages of these groups, as root or through sudo.
#
#     build    what make needs
#     plot     gnuplot, for scripts/plot.sh
#     sweep    jq, for the files of scripts/sweep.sh
#     report   Python, for scripts/report.sh and tests/mutants/mutate.sh
#     browser  Chromium, for tests of the pages of report.sh
#     check    other programs of scripts/check.sh --full
#     ruff     ruff, from PyPI, in a virtual environment in ~/.cache/peri/venv (XDG_CACHE_HOME)
#     claims   NumPy and SciPy, for tests/claims/recompute.py
#     fuzz     clang and libFuzzer, for scripts/fuzz.sh
#     oracle   PyTorch, for make oracle and scripts/bench_torch.py
#
# Prints and does nothing if all are installed.
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
    [ruff]="python3-venv"
    [claims]="python3-numpy python3-scipy"
)
ruff_version=0.17.6 # its formatting may change between versions
venv=${XDG_CACHE_HOME:-$HOME/.cache}/peri/venv

# install_packages PACKAGE...
install_packages() {
    local as_root=(env DEBIAN_FRONTEND=noninteractive)
    if ! command -v apt-get >/dev/null; then
        echo "install-packages.sh: there is no apt-get; please install the equivalents of the Debian packages $*" >&2
        exit 1
    fi
    ((EUID == 0)) || as_root=(sudo "${as_root[@]}")
    echo "installing $*"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -qq --no-install-recommends "$@" >/dev/null
}

install_ruff() {
    [[ $("$venv/bin/ruff" --version 2>/dev/null) != "ruff $ruff_version" ]] || return 0
    echo "installing ruff $ruff_version in $venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "ruff==$ruff_version"
}

missing=()
for group in "$@"; do
    [[ -n ${groups[$group]:-} ]] || wrong "there is no group $group, only ${!groups[*]}"
    for package in ${groups[$group]}; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
        [[ $status == installed ]] || missing+=("$package")
    done
done
((${#missing[@]} == 0)) || install_packages "${missing[@]}"
[[ " $* " != *" ruff "* ]] || install_ruff
