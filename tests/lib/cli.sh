# shellcheck shell=bash
# cli.sh - what the tests of the command line share: a toy run, its files; sourced, not run.
#
# TRAIN names the program (./train). $tmp is a folder of the test's own, removed at the end, and
# $tmp/toy.json a config that trains in a few hundredths of a second.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/lib/test.sh
export LC_ALL=C OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive

TRAIN=$(realpath "${TRAIN:-train}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cat >"$tmp/toy.json" <<JSON
{
  "model": {"n_layer": 2, "n_head": 2, "d_model": 16, "context": 16},
  "optim": {"lr": 1e-3, "warmup_steps": 5},
  "train": {"steps": 20, "batch": 2, "eval_every": 10, "eval_rows": 4},
  "log": {"dir": "$tmp"}
}
JSON

# exits CODE ARGUMENT...: runs the program; what it says is left in $said.
exits() {
    local want=$1 got=0
    shift
    said=$("$TRAIN" "$@" 2>&1 </dev/null | tr -d '\0') || got=$?
    ((got == want)) || fail "train $*: exit code $got, want $want; it said: $said"
}

# toy NAME ARGUMENT...: trains the toy config into $tmp/NAME.
toy() {
    local name=$1
    shift
    exits 0 --config "$tmp/toy.json" --set "name=$name" "$@"
}

# fails CODE PART ARGUMENT...: the toy config with ARGUMENTs ends with CODE and says PART.
fails() {
    local code=$1 part=$2
    shift 2
    exits "$code" --config "$tmp/toy.json" --set name=fails "$@"
    has "train $*" "$said" "$part"
}

# cell RUN STEP COLUMN: a value of log.csv.
cell() {
    awk -F, -v step="$2" -v name="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) column = i }
        NR > 1 && $1 == step { print $column }' "$tmp/$1/log.csv"
}

# numbers RUN: log.csv without the columns that hold times.
numbers() {
    cut -d, -f1-12 "$tmp/$1/log.csv"
}

# weights RUN: the latest model.safetensors of a run.
weights() {
    echo "$tmp/$1/checkpoints/$(cat "$tmp/$1/checkpoints/latest")/model.safetensors"
}

# same_run A B: the same weights and the same numbers, to the bit.
same_run() {
    cmp "$(weights "$1")" "$(weights "$2")" || fail "runs $1 and $2 have different weights"
    diff <(numbers "$1") <(numbers "$2") || fail "runs $1 and $2 have different numbers"
}

# split_at FROM STEP TO: a copy of a run as a kill after that step would have left it.
split_at() {
    local folder
    rm -rf "${tmp:?}/$3"
    cp -r "$tmp/$1" "$tmp/$3"
    for folder in "$tmp/$3"/checkpoints/step_*; do
        ((10#${folder##*_} <= $2)) || rm -r "$folder"
    done
    printf 'step_%08d\n' "$2" >"$tmp/$3/checkpoints/latest"
}

# differs A B: their tensors differ (the headers do anyway).
differs() {
    local a b
    a=$(payload "$1" | cksum) b=$(payload "$2" | cksum)
    [[ $a != "$b" ]] || fail "runs $1 and $2 have the same tensors"
}

# payload RUN: the tensors behind the header.
payload() {
    local file header
    file=$(weights "$1")
    header=$(od -An -tu8 -N8 "$file")
    tail -c +$((header + 9)) "$file"
}
