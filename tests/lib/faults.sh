# shellcheck shell=bash
# faults.sh - what the fault tests share: a small run that touches every file a run has; sourced.
#
# $undisturbed holds the run that nothing happened to, $want its final state. Files live in memory
# where that is possible: the tests look at what the program asks of a disk, not at its speed.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "${BASH_SOURCE[0]}")/cli.sh"

# shellcheck disable=SC2034 # for those who source this
tools=$PWD/build/faults
runs=$tmp/runs
undisturbed=$tmp/undisturbed/run
mkdir "$runs" "$tmp/undisturbed"
head -c 4000 README.md >"$tmp/text.txt"
layers=
"$TRAIN" --list keys | grep -q 'log\.layers_every' && layers='"log": {"layers_every": 3},'
cat >"$tmp/run.json" <<JSON
{
  $layers
  "model": {"norm": "rmsnorm", "topology": "pre", "bias": false, "n_layer": 1, "n_head": 2, "d_model": 8, "context": 8},
  "data": {"train": "$tmp/text.txt"},
  "train": {"steps": 9, "batch": 2, "eval_every": 4, "eval_rows": 4, "checkpoint_every": 3, "keep": 2},
  "spike": {"threshold": 0.5, "min_history": 3}
}
JSON

# command_of DIR ARGUMENT...: sets $words to the command that starts, or goes on with, a run.
command_of() {
    words=("$TRAIN" --config "${config:-$tmp/run.json}" --run-dir "$1" --resume "${@:2}")
}

# outcome COMMAND...: runs it; its exit status is left in $status, its messages in $said, the
# seconds it took, whole, in $took.
outcome() {
    local start=$SECONDS
    status=0
    "$@" >"$tmp/out" 2>"$tmp/said" </dev/null || status=$?
    said=$(<"$tmp/said")
    took=$((SECONDS - start))
}

# alike WHAT DIR [part]: the run ended in the final state of the undisturbed one: the last checkpoint,
# the logs without times, the names of all files (not with `part`); and run.json tells so.
alike() {
    local state wanted=$want
    state=$("$tools/state" "$2") || fail "$1: no finished run; it said: $said"
    [[ -z ${3:-} ]] || state=${state% *} wanted=${want% *}
    [[ $state == "$wanted" ]] ||
        fail "$1: final state $state, want $want, files $(find "$2"); it said: $said"
    grep -q '"summary"' "$2/run.json" || fail "$1: run.json has no summary; it said: $said"
}

# finish WHAT DIR [part]: goes on with the run, which must end like the undisturbed one.
finish() {
    local words
    command_of "$2"
    outcome "${words[@]}"
    ((status == 0)) || fail "$1: --resume ended with $status: $said"
    alike "$@"
}

# resumed_at_least WHAT STEP: what --resume said last: it went on after that step or a later one.
resumed_at_least() {
    local next=1
    ! grep -aq 'finished already' "$tmp/out" || return 0
    [[ ! $said =~ resumed\ +at\ step\ ([0-9]+) ]] || next=${BASH_REMATCH[1]}
    ((next > $2)) || fail "$1: went on with step $next, step $2 was safe; it said: $said"
}

# At the beginning of a test: what it compares with, and an empty $runs.
undisturbed_run() {
    local words
    rm -rf "$undisturbed" "${runs:?}"
    mkdir "$runs"
    command_of "$undisturbed"
    outcome "${words[@]}"
    ((status == 0)) || fail "the undisturbed run ended with $status: $said"
    want=$("$tools/state" "$undisturbed")
}
