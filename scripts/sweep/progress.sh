# shellcheck shell=bash
# sweep/progress.sh - what a sweep prints while it trains: ends of runs, and the remaining time; sourced, not run.
#
# The work of a run is counted in thousandths of its steps, as log.csv has them. A device that is full does
# not end the sweep: its exit code says that lines were lost.
# shellcheck disable=SC2154,SC2034,SC2004 # sweep.sh and the other files of sweep/ assign out, names, running, estimate, stopping

silence=60         # seconds without a line in a pipe, at most
lost=''            # standard output could not be written
begun=0            # $SECONDS when training began
drawn=0 said=0     # $SECONDS of the last status line, and of the last line in a pipe
began_with=0       # thousandths that were done when training began
declare -A at=()   # NAME: thousandths of its steps that are done
declare -A goal=() # NAME: its train.steps

# print TEXT: a line on standard output.
print() {
    { printf '%s\n' "$1"; } 2>/dev/null || lost=yes
}

# say MESSAGE: prints it on stderr, replacing the status line.
say() {
    [[ ! -t 2 ]] || printf '\r\033[K' >&2
    echo "$1" >&2
}

# time_text SECONDS
time_text() {
    awk -v s="$1" 'BEGIN { if (s < 100) printf "%d s", s
        else if (s < 6000) printf "%.0f min", s / 60; else printf "%.1f h", s / 3600 }'
}

# track NAME STATE: counts what a run has done before training begins.
track() {
    case $2 in
    new) at[$1]=0 ;;
    unfinished) note_part "$1" ;;
    *) at[$1]=1000 ;;
    esac
    began_with=$((began_with + at[$1]))
}

# goal_of NAME: sets its $goal, 0 if it is not known.
goal_of() {
    local steps
    [[ -z ${goal[$1]:-} ]] || return 0
    planned_steps "$1" || steps=0
    goal[$1]=$steps
}

# note_part NAME: reads from log.csv how far a run is.
note_part() {
    local step=''
    goal_of "$1"
    step=$(tail -n 1 "$out/$1/log.csv" 2>/dev/null) || true
    step=${step%%,*}
    [[ $step =~ ^[0-9]+$ ]] || step=0
    at[$1]=$((goal[$1] ? 1000 * step / goal[$1] : 0))
}

# time_left: the remaining time in words, from the work that was done since training began.
time_left() {
    local name left=0 sum=0 seconds=$estimate passed=$((SECONDS - begun))
    for name in "${names[@]}"; do
        sum=$((sum + at[$name]))
        [[ -n ${halved[$name]:-} ]] || left=$((left + 1000 - at[$name]))
    done
    sum=$((sum - began_with))
    ((sum <= 0 || passed == 0)) || seconds=$((passed * left / sum))
    time_text "$seconds"
}

# status: 12/72, 8 min left
status() {
    echo "$ended/${#names[@]}, $(time_left) left"
}

# status_line: on a terminal, progress and remaining time.
status_line() {
    local width line name LC_ALL=C.UTF-8 # names are cut between characters
    [[ -t 1 && -z $stopping ]] || return 0
    drawn=$SECONDS
    width=$(tput cols 2>/dev/null) || width=80
    line="$ended/${#names[@]}, $diverged diverged, ${#failures[@]} failed, $(time_left) left:"
    for name in "${running[@]}"; do line+=" $name $((at[$name] / 10))%"; done
    printf '\r\033[K%s' "${line:0:width-1}" || true
}

# tick: once a second on a terminal, once a minute without another line in a pipe.
tick() {
    local name
    if [[ -t 1 ]]; then
        ((SECONDS > drawn)) || return 0
    else
        ((SECONDS - said >= silence)) || return 0
    fi
    for name in "${running[@]}"; do note_part "$name"; done
    if [[ -t 1 ]]; then status_line; else say_line "$(status)"; fi
}

# say_line TEXT: a line of progress in a pipe.
say_line() {
    said=$SECONDS
    [[ -n $stopping ]] || print "$1"
}
