#!/usr/bin/env bash
# cli_events.sh - --on-event: when the command runs, what it is told, and what it cannot disturb.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
unset PERI_ON_EVENT
export EVENTS=$tmp/events

# events FILTER: the recorded events, one line each, of the variables that FILTER names.
events() {
    grep -E "^($1)=|^$" "$EVENTS" | sed 's/^PERI_//' | awk -v RS= '{ gsub("\n", " "); print }'
}

# The facts of each event, with an empty line after it.
# shellcheck disable=SC2016 # for the shell of the trainer
record='{ env | grep ^PERI_ | sort; echo; } >>"$EVENTS"'

facts_of_every_event() {
    local all='PERI_(EVENT|STEP|STEPS|NAME|ENDING|EXIT_CODE)'
    rm -f "$EVENTS"
    PERI_ENDING=stale PERI_MINE=kept toy told --set train.checkpoint_every=8 --on-event "$record"
    same "events" "$(events "$all")" "EVENT=checkpoint NAME=told STEP=8 STEPS=20
EVENT=checkpoint NAME=told STEP=16 STEPS=20
EVENT=checkpoint NAME=told STEP=20 STEPS=20
ENDING=done EVENT=end EXIT_CODE=0 NAME=told STEP=20 STEPS=20"
    same "losses and folders" "$(events 'PERI_(TRAIN_LOSS|VAL_LOSS|BEST_VAL_LOSS|RUN|CHECKPOINT)' | sed -n '2p;4p')" \
        "BEST_VAL_LOSS=$(cell told 10 val_loss) CHECKPOINT=$tmp/told/checkpoints/step_00000016 RUN=$tmp/told TRAIN_LOSS=$(cell told 16 train_loss) VAL_LOSS=$(cell told 10 val_loss)
BEST_VAL_LOSS=$(cell told 20 val_loss) RUN=$tmp/told TRAIN_LOSS=$(cell told 20 train_loss) VAL_LOSS=$(cell told 20 val_loss)"
    same "the user's own variables" "$(grep -c '^PERI_MINE=kept$' "$EVENTS")" 4
    toy untold --set train.checkpoint_every=8
    same_run told untold
    exits 0 --config "$tmp/toy.json" --set name=told --set train.checkpoint_every=8 --on-event "$record"
    same "a finished run" "$(grep -c PERI_EVENT "$EVENTS")" 4
}

spikes_and_divergence() {
    rm -f "$EVENTS"
    toy spiky --steps 60 --set spike.threshold=1.5 --on-event "$record"
    same "spikes" "$(events 'PERI_(SPIKE|STEP)' | grep SPIKE | sed 's/.*SPIKE=\([a-z]*\) STEP=/\1 /' | sort -k 2n)" \
        "$(awk -F, 'NR > 1 { was = $1 in kind; kind[$1] = was ? "both" : $2 } END { for (s in kind) print kind[s], s }' "$tmp/spiky/spikes.csv" | sort -k 2n)"
    [[ $(events 'PERI_SPIKE' | grep -c SPIKE) -gt 0 ]] || fail "no spikes"
    rm -f "$EVENTS"
    exits 5 --config "$tmp/toy.json" --set name=lost --set optim.lr=1e30 --set optim.warmup_steps=0 --set spike.action=stop \
        --on-event "$record"
    same "divergence" "$(events 'PERI_(EVENT|STEP|ENDING|TRAIN_LOSS|EXIT_CODE)' | grep -v checkpoint)" \
        "EVENT=spike STEP=2 TRAIN_LOSS=nan
EVENT=divergence STEP=2 TRAIN_LOSS=nan
ENDING=diverged EVENT=end EXIT_CODE=5 STEP=2 TRAIN_LOSS=nan"
}

# From the command line or the environment, and in no file of the run.
where_it_comes_from() {
    rm -f "$EVENTS"
    PERI_ON_EVENT=$record toy environment
    same "events" "$(grep -c PERI_EVENT "$EVENTS")" 2
    same "the command itself is not passed on" "$(grep -c PERI_ON_EVENT "$EVENTS" || true)" 0
    PERI_ON_EVENT=$record toy line --on-event="echo mark-of-the-command >&2; true"
    same "the command line comes first" "$(grep -c PERI_EVENT "$EVENTS")" 2
    has "its output" "$said" "mark-of-the-command"
    PERI_ON_EVENT=$record toy off --on-event ""
    same "an empty command is none" "$(grep -c PERI_EVENT "$EVENTS")" 2
    ! grep -rlE 'mark-of-the-command|on-event|ON_EVENT' "$tmp/environment" "$tmp/line" "$tmp/off" || fail "the command is stored"
    has "the other arguments are" "$(<"$tmp/line/run.json")" '"--config", "'
    exits 2 --config "$tmp/toy.json" --on-event
    exits 2 --eval "$tmp/line" --on-event true
}

# What the command inherits is what any child of the shell does. (posix_spawn of glibc leaves two
# signals ignored that only glibc uses, 32 and 33.)
what_it_inherits() {
    local look='{ ls /proc/self/fd; grep -E "^Sig(Ign|Blk|Cgt)" /proc/self/status; readlink /proc/self/fd/0; } | paste -sd " "'
    toy child --on-event "$look >$tmp/inherits"
    sh -c "$look" </dev/null >"$tmp/usual" 2>/dev/null
    same "files, signals, standard input" "$(sed -E 's/(SigIgn:.0{7})18/\100/' "$tmp/inherits")" "$(<"$tmp/usual")"
    "$TRAIN" --config "$tmp/toy.json" --set name=output --on-event 'echo to-stdout' >"$tmp/out" 2>"$tmp/err"
    ! grep -q to-stdout "$tmp/out" || fail "its output is among the results"
    same "on stderr" "$(grep -c '^to-stdout$' "$tmp/err")" 2
}

failures_are_one_warning() {
    toy failing --set train.checkpoint_every=5 --on-event 'exit 3'
    same "warnings" "$(grep -c 'warning: the command of --on-event failed with exit code 3 (event checkpoint;' <<<"$said")" 1
    same "all warnings" "$(grep -c 'on-event' <<<"$said")" 1
    toy killed --on-event 'kill -9 $$'
    has "a signal" "$said" "died of signal 9"
    toy untouched --set train.checkpoint_every=5
    same_run failing untouched
    (trap '' CHLD && exec "$TRAIN" --config "$tmp/toy.json" --set name=reaped --on-event true) 2>"$tmp/said"
    ! grep on-event "$tmp/said" || fail "with SIGCHLD ignored"
}

# A command that hangs does not keep the trainer from stopping, and does not outlive it.
signals_still_stop() {
    local pid code=0 i
    "$TRAIN" --config "$tmp/toy.json" --set name=hung --set train.steps=100000 --set train.checkpoint_every=5 \
        --on-event "echo \$\$ >$tmp/hung.pid; sleep 1000 & wait" 2>"$tmp/said" &
    pid=$!
    for ((i = 0; i < 200; i++)); do [[ ! -s $tmp/hung.pid ]] || break; sleep 0.05; done
    kill -TERM "$pid"
    wait "$pid" || code=$?
    same "exit code" "$code" 143
    has "warning" "$(<"$tmp/said")" "took longer than 5 s, was killed and will not run again (event checkpoint)"
    said=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v group="$(<"$tmp/hung.pid")" '{ name = $0; sub(/.*\) /, "") } $3 == group && $1 != "Z" { print name }')
    same "processes of the command" "$said" ""
    exits 0 --status "$tmp/hung"
    has "the run" "$said" "stopped"
}

test_case "events: the facts of each" facts_of_every_event
test_case "events: spikes and divergence" spikes_and_divergence
test_case "events: where the command comes from" where_it_comes_from
test_case "events: what the command inherits" what_it_inherits
test_case "events: failures" failures_are_one_warning
test_case "events: signals still stop the run" signals_still_stop
test_done
