#!/usr/bin/env bash
# cli_sweep_stops.sh - scripts/sweep.sh while it trains: signals, kills, lines of progress.
set -euo pipefail
[[ ! -w /dev/shm ]] || export TMPDIR=/dev/shm
source "$(dirname "$0")/../lib/cli.sh"
source tests/lib/sweep.sh

long=(--set train.steps=100000000 --set train.eval_every=0 --set log.layers_every=0)

# start DIR ARGUMENT...: starts a sweep in the background in its own process group and waits until its
# trainers run; sets $pid.
start() {
    TRAIN=$TRAIN setsid env --default-signal=INT scripts/sweep.sh --jobs 2 --out "$@" "$tmp/toy.json" \
        >/dev/null 2>"$1.said" </dev/null &
    pid=$!
    for _ in {1..500}; do
        [[ ! -s $1/s1/log.csv || ! -s $1/s2/log.csv ]] || break
        sleep 0.01
    done
}

signals_stop_all() {
    local pid signal code run
    for signal in TERM:143 INT:130; do
        code=0
        start "$tmp/$signal" --seeds 4 "${long[@]}"
        # A terminal sends SIGINT to the whole foreground group.
        if [[ $signal == INT:* ]]; then kill -INT -- "-$pid"; else kill -TERM "$pid"; fi
        wait "$pid" || code=$?
        same "status after ${signal%:*}" "$code" "${signal#*:}"
        same "trainers left" "$(trainers "$tmp/$signal")" ""
        for run in s1 s2; do [[ -e $tmp/$signal/$run/checkpoints/latest ]] || fail "no checkpoint of $run"; done
        [[ ! -e $tmp/$signal/s3 ]] || fail "a run was started after SIG${signal%:*}"
        has "said" "$(<"$tmp/$signal.said")" "stopped by SIG${signal%:*}; the same command resumes it"
    done
}

# The signals of queues are passed on: every run writes a checkpoint, and the code is that of the trainer.
queue_signals_are_passed_on() {
    local pid signal code
    for signal in USR1 USR2 XCPU; do
        code=0
        start "$tmp/$signal" --seeds 3 "${long[@]}"
        kill "-$signal" "$pid"
        wait "$pid" || code=$?
        same "status after $signal" "$code" 75
        same "trainers left" "$(trainers "$tmp/$signal")" ""
        for run in s1 s2; do
            [[ -e $tmp/$signal/$run/checkpoints/latest ]] || fail "no checkpoint of $run"
            has "$run" "$(tail -n 1 "$tmp/$signal/$run.log")" "stopped by SIG$signal after step"
        done
        [[ ! -e $tmp/$signal/s3 ]] || fail "a run was started after SIG$signal"
        has "said" "$(<"$tmp/$signal.said")" "stopped by SIG$signal; the same command resumes it"
    done
}

# Lines of progress that are lost are an error; the runs are complete.
full_devices_are_reported() {
    local args=(--seeds 2 --out "$tmp/full" "$tmp/toy.json") dry code
    [[ -c /dev/full ]] || { echo "note: skipped: no /dev/full" && return; }
    for dry in --dry-run ""; do
        code=0
        TRAIN=$TRAIN scripts/sweep.sh "${args[@]}" ${dry:+"$dry"} >/dev/full 2>"$tmp/said" || code=$?
        same "exit code $dry" "$code" 4
        has "message" "$(tail -n 1 "$tmp/said")" "sweep.sh: cannot write to standard output"
    done
    code=0
    TRAIN=$TRAIN scripts/sweep.sh --help >/dev/full 2>"$tmp/said" || code=$?
    same "exit code of --help" "$code" 4
    sweep 0 "${args[@]}"
    has "runs" "$said" "2 runs, 2 done"
}

# In a pipe each line has the remaining time, and there is one for every minute without another.
pipes_show_the_time_left() {
    local slow
    sweep 0 --seeds 3 --out "$tmp/lines" "$tmp/toy.json"
    same "lines" "$(grep -cE '^s[123] done [0-9.]+, [123]/3, [0-9]+ s left$' <<<"$out")" 3
    has "last line" "$out" ", 3/3, 0 s left"
    # The same with seconds for minutes, and a run that begins slowly.
    cp -r scripts "$tmp/scripts"
    sed -i 's/^silence=60/silence=1/' "$tmp/scripts/sweep/progress.sh"
    # shellcheck disable=SC2016 # for the program
    program_that '[[ " $* " != *"/s2 --resume "* ]] || sleep 2.5'
    slow=$(TRAIN=$program "$tmp/scripts/sweep.sh" --seeds 2 --out "$tmp/slow" "$tmp/toy.json" 2>/dev/null)
    (($(grep -cE '^1/2, [0-9]+ s left$' <<<"$slow") >= 1)) || fail "no line while a run trains: $slow"
}

# On a terminal the line moves while runs train.
terminals_show_progress() {
    local command lines
    script -qec true /dev/null >/dev/null 2>&1 || { echo "note: skipped: no script(1)" && return; }
    # shellcheck disable=SC2016 # for the program
    program_that '[[ " $* " != *" --resume "* ]] || trap "sleep 2" EXIT; "'"$TRAIN"'" "$@"; exit'
    command="TRAIN=$program scripts/sweep.sh --seeds 1 --out $tmp/terminal $tmp/toy.json"
    lines=$(env TERM=xterm COLUMNS=100 script -qec "$command" /dev/null </dev/null | tr '\r' '\n')
    has "start" "$lines" "0/1, 0 diverged, 0 failed, "
    has "while it trains" "$lines" "left: s1 100%"
}

# Only the sweep is killed. Its trainers continue, and are stopped here until a second sweep waits for
# them. That one excludes a third, and ends with the results of an undisturbed sweep.
kills_lose_nothing() {
    local pid middle=(--seeds 2 --set train.steps=1000 --set log.layers_every=0)
    start "$tmp/killed" "${middle[@]}"
    mapfile -t left < <(trainers "$tmp/killed")
    trap 'kill -CONT "${left[@]}" 2>/dev/null || true' EXIT # also if the test fails, so left is not local
    kill -9 "$pid"
    kill -STOP "${left[@]}" || fail "the trainers ended too early"
    wait "$pid" || true
    start "$tmp/killed" "${middle[@]}"
    for _ in {1..100}; do
        [[ $(<"$tmp/killed.said") != *"s2 is still being trained"* ]] || break
        sleep 0.05
    done
    sweep 2 --out "$tmp/killed" "${middle[@]}" "$tmp/toy.json"
    has "third sweep" "$said" "another sweep is running in $tmp/killed"
    kill -CONT "${left[@]}"
    wait "$pid" || fail "the second sweep failed"
    has "waiting" "$(<"$tmp/killed.said")" "s1 is still being trained by an earlier sweep; waiting for it"
    sweep 0 --out "$tmp/whole" "${middle[@]}" --jobs 2 "$tmp/toy.json"
    diff <(results "$tmp/killed") <(results "$tmp/whole") || fail "the results of the killed sweep differ"
}

test_case "sweep: SIGTERM and Ctrl-C stop every run" signals_stop_all
test_case "sweep: SIGUSR1, SIGUSR2 and SIGXCPU are passed on" queue_signals_are_passed_on
test_case "sweep: standard output to a full device" full_devices_are_reported
test_case "sweep: the time left, in a pipe" pipes_show_the_time_left
test_case "sweep: the time left, on a terminal" terminals_show_progress
test_case "sweep: resumes after a kill; one at a time" kills_lose_nothing
test_done
