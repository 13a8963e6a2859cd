#!/usr/bin/env bash
# fault_signals.sh - signals at any time, SIGNALS=200 of them random: the run ends soon, with the
# correct status, and --resume ends in the final state of an undisturbed run.
source "$(dirname "$0")/../lib/faults.sh"
SIGNALS=${SIGNALS:-200}

# strike PLAN DIR [OPTION...]: sets $how and $number to the end of the run, $ms to the milliseconds.
strike() {
    local words answer
    command_of "$2"
    "$tools/strike" "${@:3}" "$1" "${words[@]}" 2>"$tmp/said" >"$tmp/answer" </dev/null
    answer=$(tail -n 1 "$tmp/answer")
    read -r how number ms <<<"$answer"
    said=$(<"$tmp/said")
}

# A stop writes a checkpoint that the undisturbed run does not have, so names are not compared
# below.

# saved_last_step WHAT DIR: the last checkpoint is that of the last step in log.csv, or of the next
# step if its record lacks the validation loss.
saved_last_step() {
    local row last
    row=$(tail -n 1 "$2/log.csv" | cut -d, -f1)
    [[ $row != step ]] || row=-1 # no record yet
    last=$(<"$2/checkpoints/latest")
    last=$((10#${last#step_}))
    ((last == row || last == row + 1)) || fail "$1: stopped at step $row, saved $last; output: $said"
}

# ended_by WHAT SIGNAL: the run ended by the signal, or with 75 for SIGUSR2. Before the run exists,
# SIGUSR2 may kill the program.
ended_by() {
    if [[ $how == signal && $number == "$2" ]]; then
        [[ $2 != 12 || ! -e $runs/a/config.json ]] || fail "$1: SIGUSR2 killed a run: $said"
    elif [[ $how != exit || $2 != 12 || $number != 75 ]]; then
        fail "$1: $how $number: $said"
    fi
}

# slow_config BATCH: steps of some milliseconds and longer validations, a quarter of a second in
# all.
slow_config() {
    config=$tmp/slow.json
    cat >"$config" <<JSON
{
  "extends": "$tmp/run.json",
  "model": {"d_model": 64, "context": 64},
  "train": {"steps": 20, "batch": $1, "eval_every": 4, "eval_rows": 40, "checkpoint_every": 3}
}
JSON
    undisturbed_run
}

random_times() {
    local names=([2]=INT [15]=TERM [1]=HUP [12]=USR2) kinds=(2 15 1 12) start=$EPOCHREALTIME life
    local n signal moment what longest=0 late=0 stopped=0
    slow_config 8
    life=$(((${EPOCHREALTIME//[.,]/} - ${start//[.,]/}) / 1000))
    RANDOM=2
    for ((n = 0; stopped < SIGNALS && n < 10 * SIGNALS; n++)); do
        signal=${kinds[n % 4]}
        moment=$((RANDOM % life * 2 / 3)).$((RANDOM % 10))
        what="${names[signal]} after $moment ms"
        rm -rf "$runs/a"
        strike "$moment,$signal" "$runs/a"
        ((ms <= longest)) || longest=$ms
        if [[ $how$number == exit0 ]]; then
            late=$((late + 1))
            continue
        fi
        ended_by "$what" "$signal"
        [[ ! -e $runs/a/checkpoints/latest ]] || saved_last_step "$what" "$runs/a"
        finish "$what" "$runs/a" part
        stopped=$((stopped + 1))
    done
    ((stopped == SIGNALS)) || fail "only $stopped of $n signals came before the end of the run"
    echo "note: $stopped runs stopped by a signal at a random time, each with the correct status and" \
        "an equal final state after --resume ($late more signals came too late); longest wait $longest ms"
}

# A signal at each file system call, including those of a save.
at_every_call() {
    local words n total signal kinds=(2 15 1 12) cases=0
    undisturbed_run
    command_of "$runs/a"
    outcome "$tools/fault" --under "$runs" --list "$tmp/all" "${words[@]}"
    total=$(wc -l <"$tmp/all")
    ((total > 100)) || fail "only $total file calls were seen"
    for ((n = 1; n <= total; n++)); do
        signal=${kinds[n % 4]}
        rm -rf "$runs/a"
        outcome "$tools/fault" --under "$runs" --before "$n" "$signal" "${words[@]}"
        case $signal,$status in
        12,75 | "$signal,$((128 + signal))") finish "signal $signal at call $n" "$runs/a" part ;;
        *,0) alike "signal $signal at call $n" "$runs/a" ;;
        *) fail "signal $signal at call $n: status $status: $said" ;;
        esac
        cases=$((cases + 1))
    done
    echo "note: a signal at each of $total file calls: $cases of $cases exit statuses and final states are correct"
}

# endless BATCH EVAL_EVERY ACCUM: a config whose validations or steps take many seconds.
endless() {
    config=$tmp/endless.json
    cat >"$config" <<JSON
{
  "model": {"n_layer": 4, "n_head": 4, "d_model": 256, "context": 256},
  "data": {"train": "builtin:stories"},
  "train": {"steps": 100, "batch": $1, "eval_every": $2, "eval_rows": 5000, "accum": $3}
}
JSON
}

# stops_soon WHAT PLAN SIGNAL MS: the run dies of SIGNAL within MS milliseconds.
stops_soon() {
    rm -rf "$runs/a"
    strike "$2" "$runs/a"
    [[ $how == signal && $number == "$3" ]] || fail "$1: $how $number: $said"
    ((ms <= $4)) || fail "$1: it took $ms ms"
    echo "note: $1: $ms ms"
}

long_validation() {
    endless 1 1 1
    stops_soon "SIGTERM in a validation of minutes" 1500,15 15 2000
}

long_step() {
    endless 4 0 1000
    stops_soon "SIGTERM in an update of minutes" 1500,15 15 5000
}

second_interrupt() {
    endless 512 0 1
    stops_soon "the second SIGINT in a batch of many seconds" 1500,2,500,2 2 1000
}

# Process 1 of a container does not die of a signal with its default action.
process_1() {
    local words top child
    local space=(unshare -pf --kill-child)
    ((EUID == 0)) || space=(unshare -Urpf --kill-child)
    "${space[@]}" true 2>/dev/null || { echo "note: SKIPPED: no process namespaces here" && return; }
    endless 512 0 1
    rm -rf "$runs/a"
    command_of "$runs/a"
    "${space[@]}" env --default-signal=INT "${words[@]}" >"$tmp/out" 2>"$tmp/said" </dev/null &
    top=$!
    until [[ -s $runs/a/log.csv ]]; do
        kill -0 "$top" 2>/dev/null || fail "the run ended: $(<"$tmp/said")"
        sleep 0.1
    done
    child=$(pgrep -P "$top")
    sleep 0.5
    kill -INT "$child"
    sleep 0.5
    kill -INT "$child" 2>/dev/null || fail "the first SIGINT ended it: $(<"$tmp/said")"
    for _ in {1..20}; do
        [[ -d /proc/$child ]] || break
        sleep 0.1
    done
    status=0
    [[ ! -d /proc/$child ]] || { kill -9 "$child" && fail "it continues after the second SIGINT"; }
    wait "$top" || status=$?
    same "exit status" "$status" 130
}

# What queues send before they kill a job.
queue_signals() {
    local signal
    slow_config 64
    for signal in 10 12 24; do
        rm -rf "$runs/a"
        strike "150,$signal" "$runs/a"
        [[ $how$number == exit75 ]] || fail "signal $signal: $how $number: $said"
        saved_last_step "signal $signal" "$runs/a"
        finish "signal $signal" "$runs/a" part
    done
}

ignored_signal_stays_ignored() {
    slow_config 64
    rm -rf "$runs/a"
    strike 100,1 "$runs/a" --ignore 1
    [[ $how$number == exit0 ]] || fail "an ignored SIGHUP: $how $number: $said"
    alike "an ignored SIGHUP" "$runs/a"
    rm -rf "$runs/a"
    strike 20,1,80,15 "$runs/a" --ignore 1
    [[ $how$number == signal15 ]] || fail "SIGTERM after an ignored SIGHUP: $how $number: $said"
}

# Ctrl-C in a terminal also ends a shell loop around the runs.
shell_loop() {
    local words loop
    endless 4 0 1
    command_of "$runs/loop"
    printf -v loop '%q ' "${words[@]}"
    loop="for i in 1 2 3; do echo began \$i; $loop; done; echo continued"
    { sleep 2 && printf '\003' && sleep 1; } | timeout 20 script -qec "bash -c $(printf %q "$loop")" "$tmp/terminal" \
        >/dev/null 2>&1 || true
    grep -aq 'began 1' "$tmp/terminal" || fail "the loop did not run: $(<"$tmp/terminal")"
    ! grep -aqE '^(began 2|continued)' "$tmp/terminal" || fail "the loop continued: $(<"$tmp/terminal")"
}

# Closed pipes, closed standard descriptors (which new files must not reuse) and a full device.
no_output_is_possible() {
    local words
    undisturbed_run
    command_of "$runs/a"
    "${words[@]}" 2>&1 | head -n 1 >/dev/null || fail "| head -1: status $?"
    command_of "$runs/b"
    "${words[@]}" <&- >&- 2>&- || fail "with closed descriptors: status $?"
    command_of "$runs/c"
    outcome bash -c '"$@" >/dev/full 2>/dev/full' bash "${words[@]}"
    ((status == 4)) || fail "with a full device: status $status" # the run is complete, its last lines are lost
    for dir in "$runs"/[abc]; do
        alike "$dir" "$dir"
    done
}

test_case "signals at random times" random_times
test_case "a signal at every file call" at_every_call
test_case "a validation can be stopped" long_validation
test_case "an update of many batches can be stopped" long_step
test_case "the second SIGINT ends at once" second_interrupt
test_case "the second SIGINT ends process 1 at once" process_1
test_case "SIGUSR1, SIGUSR2 and SIGXCPU save the state" queue_signals
test_case "nohup: SIGHUP stays ignored" ignored_signal_stays_ignored
test_case "a shell loop stops at one Ctrl-C" shell_loop
test_case "closed or full standard output" no_output_is_possible
test_done
