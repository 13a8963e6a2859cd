# shellcheck shell=bash
# cli.sh - shared functions of the command line tests: a toy run and its files; sourced, not run.
#
# TRAIN is the program (default ./train). $tmp is a temporary folder that is removed at the end;
# $tmp/toy.json is a config that trains in a few hundredths of a second.
set -euo pipefail
unset CDPATH
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

# exits CODE ARGUMENT...: runs the program and checks its exit code; the output is in $said.
exits() {
    local want=$1 got=0
    shift
    said=$("$TRAIN" "$@" 2>&1 </dev/null | tr -d '\0') || got=$?
    ((got == want)) || fail "train $*: exit code $got, want $want; output: $said"
}

# toy NAME ARGUMENT...: trains the toy config into $tmp/NAME.
toy() {
    local name=$1
    shift
    exits 0 --config "$tmp/toy.json" --set "name=$name" "$@"
}

# fails CODE PART ARGUMENT...: the toy config with ARGUMENTs exits with CODE and prints PART.
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

# numbers RUN: log.csv without the columns of times.
numbers() {
    cut -d, -f1-12 "$tmp/$1/log.csv"
}

# weights RUN: the latest model.safetensors of a run.
weights() {
    echo "$tmp/$1/checkpoints/$(cat "$tmp/$1/checkpoints/latest")/model.safetensors"
}

# same_run A B: weights and numbers are equal to the bit.
same_run() {
    cmp "$(weights "$1")" "$(weights "$2")" || fail "runs $1 and $2 have different weights"
    diff <(numbers "$1") <(numbers "$2") || fail "runs $1 and $2 have different numbers"
}

# split_at FROM STEP TO: copies a run into the state that a kill after that step would leave.
split_at() {
    local folder
    rm -rf "${tmp:?}/$3"
    cp -r "$tmp/$1" "$tmp/$3"
    for folder in "$tmp/$3"/checkpoints/step_*; do
        ((10#${folder##*_} <= $2)) || rm -r "$folder"
    done
    printf 'step_%08d\n' "$2" >"$tmp/$3/checkpoints/latest"
}

# differs A B: the tensors of two runs differ (their headers always do).
differs() {
    local a b
    a=$(payload "$1" | cksum) b=$(payload "$2" | cksum)
    [[ $a != "$b" ]] || fail "runs $1 and $2 have the same tensors"
}

# payload RUN: the tensors after the header.
payload() {
    local file header
    file=$(weights "$1")
    header=$(od -An -tu8 -N8 "$file")
    tail -c +$((header + 9)) "$file"
}
