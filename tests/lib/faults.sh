# shellcheck shell=bash
# faults.sh - shared functions of the fault tests: a small run that writes all files; sourced.
#
# $undisturbed is the folder of a run without faults, $want its final state. Files are in memory if
# possible: the tests check what the program asks of a disk, not its speed.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "${BASH_SOURCE[0]}")/cli.sh"

# shellcheck disable=SC2034 # used by the scripts that source this
tools=$PWD/build/fault
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

# command_of DIR ARGUMENT...: sets $words to the command that starts or resumes a run.
command_of() {
    words=("$TRAIN" --config "${config:-$tmp/run.json}" --run-dir "$1" --resume "${@:2}")
}

# outcome COMMAND...: runs it; sets $status to its exit status, $said to its messages and $took to
# the whole seconds it took.
outcome() {
    local start=$SECONDS
    status=0
    "$@" >"$tmp/out" 2>"$tmp/said" </dev/null || status=$?
    said=$(<"$tmp/said")
    took=$((SECONDS - start))
}

# alike WHAT DIR [part]: the run ended in the final state of the undisturbed one (last checkpoint,
# logs without times, names of all files except with `part`), and run.json has a summary.
alike() {
    local state wanted=$want
    state=$("$tools/state" "$2") || fail "$1: no finished run; output: $said"
    [[ -z ${3:-} ]] || state=${state% *} wanted=${want% *}
    [[ $state == "$wanted" ]] ||
        fail "$1: final state $state, want $want, files $(find "$2"); output: $said"
    grep -q '"summary"' "$2/run.json" || fail "$1: run.json has no summary; output: $said"
}

# finish WHAT DIR [part]: resumes the run, which must end like the undisturbed one.
finish() {
    local words
    command_of "$2"
    outcome "${words[@]}"
    ((status == 0)) || fail "$1: --resume ended with $status: $said"
    alike "$@"
}

# resumed_at_least WHAT STEP: by its messages, the last --resume started after STEP or later.
resumed_at_least() {
    local next=1
    ! grep -aq 'already finished' "$tmp/out" || return 0
    [[ ! $said =~ resumed\ +at\ step\ ([0-9]+) ]] || next=${BASH_REMATCH[1]}
    ((next > $2)) || fail "$1: resumed at step $next, but step $2 was on disk; output: $said"
}

# Run at the start of a test: trains the undisturbed run and empties $runs.
undisturbed_run() {
    local words
    rm -rf "$undisturbed" "${runs:?}"
    mkdir "$runs"
    command_of "$undisturbed"
    outcome "${words[@]}"
    ((status == 0)) || fail "the undisturbed run ended with $status: $said"
    want=$("$tools/state" "$undisturbed")
}
