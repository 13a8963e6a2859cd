# shellcheck shell=bash
# sweep.sh - shared functions of the tests of scripts/sweep.sh; sourced after cli.sh, not run.
# shellcheck disable=SC2154,SC2034 # cli.sh assigns tmp; tests read out and said

# sweep CODE ARGUMENT...: runs sweep.sh; sets $out to its stdout and $said to its stderr.
sweep() {
    local got=0
    out=$(TRAIN=${program:-$TRAIN} timeout 60 scripts/sweep.sh "${@:2}" 2>"$tmp/said" </dev/null) || got=$?
    said=$(<"$tmp/said")
    ((got == $1)) || fail "sweep.sh ${*:2}: exit code $got, want $1; output: $said"
}

# program_that BODY: a trainer that runs BODY first; sets $program, which replaces $TRAIN.
program_that() {
    program=$tmp/program
    printf '#!/usr/bin/env bash\n%s\nexec "%s" "$@"\n' "$1" "$TRAIN" >"$program"
    chmod +x "$program"
}

# fixed_estimate: a trainer whose --dry-run is the same on every machine: 2 minutes, 3 MB of checkpoints.
fixed_estimate() {
    # shellcheck disable=SC2016 # for the program
    program_that '[[ " $* " != *" --dry-run "* ]] || { cat <<TEXT
run          2.0 min for 20 updates and 3 validations, +-25 %
checkpoint   1.5 MB, 2 kept and one being written: 4.5 MB
parameters=1 ms_per_step=1 checkpoint_bytes=1500000
TEXT
exit; }'
}

# results DIR: weights and logs of the runs, without times.
results() {
    local run
    for run in "$1"/*/; do
        basename "$run"
        cut -d, -f1-12 "$run/log.csv"
        [[ ! -e $run/checkpoints/latest ]] ||
            cksum <"$run/checkpoints/$(<"$run/checkpoints/latest")/model.safetensors"
    done
}

# trainers DIR: the process ids of running trainers.
trainers() {
    local lock
    for lock in "$1"/*/LOCK; do flock -n "$lock" true || cat "$lock"; done
}
