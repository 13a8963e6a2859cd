#!/usr/bin/env bash
# long_export.sh - scripts/export_logs.sh --to tensorboard and wandb-offline, read back and compared with the CSV files.
#
# Needs scripts/install-packages.sh tensorboard wandb; a format without its library is skipped with a note. The exports run
# without a network if unshare(1) may make them one of their own.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

python=${XDG_CACHE_HOME:-$HOME/.cache}/peri/venv/bin/python
offline=()
! unshare -rn true 2>/dev/null || offline=(unshare -rn)
toy a --steps 60 --set log.layers_every=10 --set spike.threshold=0.1 --set spike.min_history=4
sed -i -E 's/^(30,[0-9]+),[^,]*/\1,nan/' "$tmp/a/log.csv"

# read_back FORMAT MODULE FOLDER
read_back() {
    local count
    "$python" -c "import $2" 2>/dev/null || { echo "note: skipped $1: no $2" && return; }
    "${offline[@]}" env HOME="$tmp/home" XDG_CACHE_HOME="${python%/peri/*}" scripts/export_logs.sh "$tmp/a" --to "$1" >"$tmp/said" ||
        fail "export_logs.sh: exit code $?: $(<"$tmp/said")"
    same "message" "$(<"$tmp/said")" "$1: $tmp/a/$3"
    count=$("$python" -B tests/lib/exported.py "$1" "$tmp/a" "$tmp/a/$3")
    ((count > 500)) || fail "only $count values"
    # The folder is still a run, which the program accepts.
    exits 0 --config "$tmp/toy.json" --set name=a --steps 60 --set log.layers_every=10 --set spike.threshold=0.1 --set spike.min_history=4
}

test_case "export: TensorBoard" read_back tensorboard tensorboardX tensorboard
test_case "export: wandb, offline" read_back wandb-offline wandb wandb
test_done
