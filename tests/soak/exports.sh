#!/usr/bin/env bash
# exports.sh [exports.py OPTION...] - exported models of every topology, loaded by the Python library transformers.
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
cd "$(dirname "$0")/../.."
scripts/install-packages.sh transformers
python=${XDG_CACHE_HOME:-$HOME/.cache}/peri/transformers/bin/python3
if HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 "$python" -B tests/soak/exports.py ./train "$@" | sed 's/^/note: /'; then
    echo "ok exports"
else
    echo "FAIL exports"
    exit 1
fi
