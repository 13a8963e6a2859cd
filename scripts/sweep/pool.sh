# shellcheck shell=bash
# sweep/pool.sh - trains the runs of a plan, $jobs at a time; sourced by sweep.sh, not run.
#
# The state of a run is stored only in its folder, so a sweep may be killed at any time. A diverged run
# is a result: it is kept and not repeated.
# shellcheck disable=SC2154,SC2034,SC2004 # sweep.sh and sweep/plan.sh assign out, jobs, args

stopping=''           # the signal that stopped the sweep
declare -A running=() # process: name of its run
failures=()           # "NAME CODE" of failed runs
declare -A over=()    # NAME: the run ended
ended=0 diverged=0    # runs that ended, and those of them that diverged
third=''              # runs are trained to a third of their steps, of --halving

# lock OPTION... FD: locks an open file; false if another process holds it. Sets $lacking to an exit code
# of flock, not 0 if the file system has no locks.
lock() {
    local taken=100
    lacking=0
    flock -E "$taken" "$@" 2>/dev/null || lacking=$?
    ((lacking != taken))
}

# hold_sweep: locks $out for this sweep. The trainers do not inherit the lock.
hold_sweep() {
    local lacking
    { exec 9>>"$out/.sweep.lock"; } 2>/dev/null || refuse "cannot write $out/.sweep.lock" 4
    # A child of a killed sweep may hold the lock for another moment.
    lock -w 1 9 || refuse "another sweep is running in $out: wait for it, or stop it"
    ((!lacking)) || say "$script_name: warning: files in $out cannot be locked; another sweep there would not be noticed"
}

# train_all NAME...: trains these runs.
train_all() {
    local name
    for name in "$@"; do
        while ((${#running[@]} >= jobs)); do await; done
        [[ -z $stopping ]] || break
        train_one "$name" 9>&- &
        running[$!]=$name
        status_line
    done
    while ((${#running[@]})); do await; done
}

# with_signals: from here on, a signal stops every run with a checkpoint.
with_signals() {
    local signal
    for signal in INT TERM HUP USR1 USR2 XCPU; do
        # shellcheck disable=SC2064 # the signal of this round
        trap "stop $signal" "$signal"
    done
    begun=$SECONDS said=$SECONDS
}

# end_of_signals: if one stopped the sweep, ends it in the same way as the trainer.
end_of_signals() {
    [[ ! -t 1 ]] || printf '\r\033[K' || true
    trap - INT TERM HUP USR1 USR2 XCPU
    [[ -n $stopping ]] || return 0
    echo "$script_name: stopped by SIG$stopping; the same command resumes it" >&2
    case $stopping in USR1 | USR2 | XCPU) exit 75 ;; esac
    kill "-$stopping" $$
}

# train_one NAME: runs in its own process, which becomes the trainer. It locks the log before it reads
# the folder, until the end of training. So it waits for a trainer that a killed sweep left running, and
# uses its result.
train_one() {
    local args dir=$out/$1 lacking
    args_of "$1"
    exec >>"$dir.log" </dev/null
    if ! lock -n 1; then
        say "$script_name: $1 is still being trained by an earlier sweep; waiting for it"
        until lock -n 1; do
            kill -0 $$ || exit # the sweep was killed
            sleep 0.2
        done
    fi
    if [[ $(state_of "$1") == diverged ]] && same_config "$dir"; then exit 5; fi
    [[ -z $third ]] || third_args "$1"
    exec "$TRAIN" "${args[@]}" --run-dir "$dir" --resume 2>&1
}

# same_config DIR: whether the run in DIR has this config. Without --resume the trainer refuses an
# existing run, and its message contains the reason.
same_config() {
    local said
    said=$("$TRAIN" "${args[@]}" --run-dir "$1" 2>&1 </dev/null) || true
    [[ $said != *"with another config"* ]]
}

# stop SIGNAL: the trainers write a checkpoint and exit. They do not receive Ctrl-C themselves; the signals
# of queues are passed on as they are.
stop() {
    [[ -n $stopping ]] || say "$script_name: stopping; every run writes a checkpoint"
    stopping=$1
    stop_running
}

stop_running() {
    local signal=TERM
    case $stopping in USR1 | USR2 | XCPU) signal=$stopping ;; esac
    ((!${#running[@]})) || kill "-$signal" "${!running[@]}" 2>/dev/null || true
}

# await: waits for the end of a run, or 0.05 s. While stopping, the signal is sent again, for a run that
# was started meanwhile. Processes are checked one by one: wait -n may lose one of two that end during
# a trap.
await() {
    local pid code=0
    [[ -z $stopping ]] || stop_running
    for pid in "${!running[@]}"; do
        kill -0 "$pid" 2>/dev/null && continue
        wait "$pid" || code=$?
        note_end "${running[$pid]}" "$code"
        unset "running[$pid]"
        status_line
        return
    done
    tick
    sleep 0.05 9>&- || true # Ctrl-C ends sleep, too
}

# note_end NAME CODE
note_end() {
    local loss word='done'
    if (($2 == 5)); then
        word=diverged
        diverged=$((diverged + 1))
    elif [[ $(state_of "$1") == stuck ]]; then
        word=stuck
    elif [[ -n $third ]] && (($2 == 75)); then
        [[ -z $stopping ]] || return 0
        word="a third"
    elif (($2)); then
        [[ -z $stopping ]] || return 0
        word=failed
        failures+=("$1 $2")
    fi
    if [[ $word == "a third" ]]; then
        note_part "$1"
    else
        [[ -n ${over[$1]:-} ]] || ended=$((ended + 1))
        over[$1]=yes at[$1]=1000
    fi
    read -r _ loss < <(end_of "$1") || loss=-
    [[ -t 1 ]] || say_line "$1 $word $loss, $(status)"
}

# state_of NAME: new, unfinished, done, stuck or diverged.
state_of() {
    local code='' facts=''
    [[ ! -e $out/$1/run.json ]] || facts=$(<"$out/$1/run.json")
    code=$(sed -n 's/^ *"exit_code": \([0-9]*\).*/\1/p' <<<"$facts")
    case $code in
    0) if [[ $facts == *'"ending": "stuck"'* ]]; then echo stuck; else echo "done"; fi ;;
    5) echo diverged ;;
    *) if [[ -e $out/$1/config.json ]]; then echo unfinished; else echo new; fi ;;
    esac
}

# end_of NAME: its last step and its last validation loss, "-" if there is none.
end_of() {
    local log=$out/$1/log.csv
    [[ -e $log ]] || log=/dev/null
    awk -F, 'NR > 1 { step = $1 } NR > 1 && $4 != "" { loss = sprintf("%.4f", $4) }
        END { print step == "" ? "-" : step, loss == "" ? "-" : loss }' <"$log"
}

# effective_rate NAME: optim.lr times the factor of its norm, "-" if the run has no files.
effective_rate() {
    local lr='' factor=''
    lr=$(sed -n 's/^ *"lr": \([^,]*\).*/\1/p' "$out/$1/config.json" 2>/dev/null | head -1) || true
    factor=$(sed -n 's/^ *"rmsnorm_lr_scale": \([^,]*\).*/\1/p' "$out/$1/run.json" 2>/dev/null | head -1) || true
    awk -v lr="$lr" -v factor="$factor" 'BEGIN { if (lr == "" || factor == "") print "-"; else printf "%.4g\n", lr * factor }'
}

# report_failures: prints the failed runs; false if there are any.
report_failures() {
    local failure
    for failure in "${failures[@]}"; do
        echo "$script_name: ${failure% *} failed with exit code ${failure##* }: $(tail -n 1 "$out/${failure% *}.log" 2>/dev/null)" >&2
    done
    ((!${#failures[@]}))
}
