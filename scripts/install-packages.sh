#!/usr/bin/env bash
# install-packages.sh GROUP... - installs the missing Debian packages of these groups, as root or through sudo.
#
#     build    what make needs
#     tokenizers
#              PCRE2 and utf8proc, for tokenizer.json files; make does without them
#     plot     gnuplot, for scripts/plot.sh
#     sweep    jq, for the files of scripts/sweep.sh
#     report   Python, for scripts/report.sh and tests/mutants/mutate.sh
#     browser  Chromium, for tests of the pages of report.sh
#     check    other programs of scripts/check.sh --full
#     ruff, tensorboard, wandb
#              ruff, tensorboardX, wandb (scripts/export_logs.sh), from PyPI, in a virtual environment in
#              ~/.cache/peri/venv (XDG_CACHE_HOME)
#     claims   NumPy and SciPy, for tests/claims/recompute.py
#     fuzz     clang and libFuzzer, for scripts/fuzz.sh
#     aarch64  a cross compiler, QEMU and Debian's libraries for aarch64, which are unpacked into ~/.cache/peri/aarch64;
#              apt and dpkg are not told of another architecture
#     chroots  debootstrap, for scripts/soak.sh chroots and compilers
#     oracle   PyTorch 1.13, for make oracle and scripts/bench_torch.py
#     torch    the current PyTorch of PyPI, for scripts/bench_torch.py, in a virtual environment of its own in
#              ~/.cache/peri/torch, and a C++ compiler for torch.compile. On x86 this is the build for GPUs, about 5 GB;
#              PIP_INDEX_URL names another index. Remove the folder to get a newer version
#     transformers
#              PyTorch and transformers, to load exported models, in ~/.cache/peri/transformers
#
# Prints and does nothing if all are installed. Without dpkg it cannot know: it prints the names and exits with 0, and
# make finds out. Exit code 1: a package is missing and cannot be installed.
set -euo pipefail
source "$(dirname "$0")/usage.sh"

declare -A groups=(
    [build]="gcc libc6-dev make pkg-config libopenblas-openmp-dev libcjson-dev libstb-dev"
    [tokenizers]="libpcre2-dev libutf8proc-dev"
    [plot]="gnuplot-nox"
    [report]="python3"
    [browser]="chromium"
    [sweep]="jq"
    [aarch64]="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user"
    [chroots]="debootstrap"
    [oracle]="python3-torch"
    [fuzz]="clang libclang-rt-dev libomp-dev"
    [check]="valgrind clang libomp-dev clang-format shellcheck groff-base"
    [ruff]="python3-venv"
    [tensorboard]="python3-venv"
    [wandb]="python3-venv"
    [claims]="python3-numpy python3-scipy"
    [torch]="python3-venv python3-dev g++"
    [transformers]="python3-venv"
)
# What a group installs from PyPI. The formatting of ruff may change between versions.
declare -A from_pypi=([ruff]=ruff==0.17.6 [tensorboard]=tensorboardX==2.6.5 [wandb]=wandb==0.31.0 [torch]=torch [transformers]="torch transformers")
# What a group unpacks for another processor: architecture and packages.
declare -A from_debian=(
    [aarch64]="arm64 libc6 libgcc-s1 libgomp1 libgfortran5 libopenblas0-openmp libopenblas-openmp-dev libcjson1 libcjson-dev"
)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/peri

# refuse MESSAGE: ends with the command that an administrator can use.
refuse() {
    echo "install-packages.sh: $1; an administrator can install what is missing: apt-get install ${missing[*]}" >&2
    exit 1
}

# install_missing PACKAGE...: those that are not installed.
install_missing() {
    local package status missing=() as_root=(env DEBIAN_FRONTEND=noninteractive)
    for package in "$@"; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || true
        [[ $status == installed ]] || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || refuse "there is no apt-get here"
    if ((EUID != 0)); then
        command -v sudo >/dev/null || refuse "not root, and there is no sudo"
        as_root=(sudo "${as_root[@]}")
    fi
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq || refuse "apt-get update failed"
    "${as_root[@]}" apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        refuse "apt-get install failed"
}

# install_from_pypi VENV NAME[==VERSION]...: into this virtual environment, if they are not there.
install_from_pypi() {
    local venv=$1 name folder missing=()
    for name in "${@:2}"; do
        folder=${name/==/-}
        [[ $name == *==* ]] || folder+="-[0-9]*"
        compgen -G "$venv/lib/*/site-packages/${folder,,}.dist-info" >/dev/null || missing+=("$name")
    done
    ((${#missing[@]})) || return 0
    echo "installing ${missing[*]} in $venv"
    [[ -x $venv/bin/pip ]] || /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check "${missing[@]}"
}

# install_from_debian NAME ARCHITECTURE PACKAGE...: unpacks packages of the system's sources into $cache/NAME, as any user.
# apt has lists of its own there, in which nothing is installed.
install_from_debian() {
    local folder=$cache/$1 new=$cache/$1.new package
    local own=(-qq -o APT::Architecture="$2" -o APT::Architectures::="$2" -o Dir::State::Lists="$new/apt/lists"
        -o Dir::State::Status="$new/apt/status" -o Dir::Cache="$new/apt" -o APT::Sandbox::User="")
    [[ ! -d $folder ]] || return 0
    echo "installing ${*:3} for $2 in $folder"
    rm -rf "$new"
    mkdir -p "$new/apt/lists/partial" "$new/apt/archives/partial"
    touch "$new/apt/status"
    if ! (cd "$new/apt" && apt-get "${own[@]}" update && apt-get "${own[@]}" download "${@:3}"); then
        echo "install-packages.sh: apt-get finds no packages for $2 in the sources of this system" >&2
        exit 1
    fi
    for package in "$new"/apt/*.deb; do dpkg-deb -x "$package" "$new"; done
    [[ -e $new/lib ]] || ln -s usr/lib "$new/lib" # since Debian 13
    rm -r "$new/apt"
    mv "$new" "$folder"
}

packages=()
for group in "$@"; do
    [[ -n ${groups[$group]:-} ]] || wrong "there is no group $group, only ${!groups[*]}"
    read -ra names <<<"${groups[$group]}"
    packages+=("${names[@]}")
done
if ! command -v dpkg-query >/dev/null; then
    echo "install-packages.sh: there is no dpkg here, so nothing was checked; Debian calls what is needed: ${packages[*]}" >&2
else
    install_missing "${packages[@]}"
fi
for group in "$@"; do
    # shellcheck disable=SC2086 # an architecture and packages
    [[ -z ${from_debian[$group]:-} ]] || install_from_debian "$group" ${from_debian[$group]}
    [[ -n ${from_pypi[$group]:-} ]] || continue
    venv=$cache/venv
    [[ $group != torch && $group != transformers ]] || venv=$cache/$group
    # shellcheck disable=SC2086 # names
    install_from_pypi "$venv" ${from_pypi[$group]}
done
