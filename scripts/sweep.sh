#!/usr/bin/env bash
# sweep.sh FILE [OPTION...] - trains every combination of the values of some keys, several runs at a time.
#
#     scripts/sweep.sh sweeps/placement.json --jobs 2
#     scripts/sweep.sh --grid model.topology=pre,peri --grid optim.lr=1e-3,3e-3 --seeds 3 --out runs/lr base_xs.json
#
# FILE is a sweep (docs/sweeps.md), or a config if the options define what varies:
#     --grid KEY=A,B,...   values of a key
#     --seeds N            train.seed from 1 to N
#     --set KEY=VALUE      the same value in every run, even if the key varies in FILE
#     --out DIR            the folder of the run folders
#     --jobs N             runs at once (1); they share the cores
#     --dry-run            print the names and number of runs and the estimated time and disk space
#
# A sweep that was stopped or killed resumes with the same command. Runs that exist with another train.steps
# are refused before anything is trained: more steps are another schedule. The program is $TRAIN or else
# ./train, the one next to scripts/, or peri-train in bin/ of the installation or on PATH. Exit codes:
# 0 every run is done or has diverged, 1 some failed or exist with other steps, 2 usage or config, 3 data,
# 4 I/O, 130 and 143 stopped.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
here=$(dirname "$0")
for program in ./train "$here/../train" "$here/../../../bin/peri-train" "$(command -v peri-train || true)"; do
    [[ -n ${TRAIN:-} || ! -f $program || ! -x $program ]] || TRAIN=$program
done

# refuse MESSAGE [CODE]
refuse() {
    echo "$script_name: $1" >&2
    exit "${2:-2}"
}

todo=0 estimate=0    # runs to train, and the estimated seconds
declare -A before=() # NAME: its state at the start
slowed=()            # runs of the first seed with optim.rmsnorm_lr_scale: "NAME FACTOR RATE"

source "$here/sweep/plan.sh"
source "$here/sweep/pool.sh"
source "$here/sweep/steps.sh"

# parse_arguments ARGUMENT...: sets $file, $dry_run, and $options to pairs of a name and a value.
parse_arguments() {
    file='' dry_run='' options=()
    while (($#)); do
        case $1 in
        --dry-run) dry_run=yes ;;
        --grid | --seeds | --set | --out | --jobs)
            (($# > 1)) || refuse "$1 needs a value"
            options+=("${1#--}" "$2")
            shift
            ;;
        -*) refuse "unknown option $1; see $script_name --help" ;;
        *)
            [[ -z $file ]] || refuse "takes one sweep or config, not $file and $1"
            file=$1
            ;;
        esac
        shift
    done
    [[ -n $file ]] || refuse "a sweep or a config is missing; see $script_name --help"
    [[ -e $file || ! -e $here/../$file ]] || file=$here/../$file # sweeps/ of an installation
    [[ -e $file || $file != */* ]] || refuse "there is no file $file"
}

# Checks every config once, with all seeds, so that errors are found before anything is trained.
check_all() {
    local name args seed seeds said code=0
    mapfile -t seeds <<<"${choices[train.seed]:-}"
    for name in "${names[@]:0:${#names[@]}/${#seeds[@]}}"; do # runs of the first seed
        args_of "$name"
        for seed in "${seeds[@]}"; do [[ -z $seed ]] || args+=(--set "train.seed=$seed"); done
        said=$("$TRAIN" "${args[@]}" --describe 2>&1 </dev/null) || code=$?
        ((code == 0)) || refuse "the run $name cannot be trained:"$'\n'"$said" "$code"
        said=$(sed -nE 's/^learning rate ([^ ]+) \* optim\.lr = ([^ ]+) .*/\1 \2/p' <<<"$said")
        [[ -z $said ]] || slowed+=("$name $said")
    done
}

# say_effective_rates: a line about a factor on the learning rate that only some norms have.
say_effective_rates() {
    ((${#slowed[@]})) || return 0
    local name factor rate seeds
    mapfile -t seeds <<<"${choices[train.seed]:-}"
    read -r name factor rate <<<"${slowed[0]}"
    echo "optim.rmsnorm_lr_scale: $((${#slowed[@]} * ${#seeds[@]})) of ${#names[@]} runs train at a lower or higher rate than" \
        "optim.lr, $name at $factor times optim.lr (effective $rate)"
}

# estimate_run NAME: sets $seconds and $bytes to the estimates of ./train --dry-run for a run.
estimate_run() {
    local args said code=0
    args_of "$1"
    said=$("$TRAIN" "${args[@]}" --run-dir "$out/$1" --dry-run 2>&1 </dev/null) || code=$?
    ((code == 0)) || refuse "the run $1 cannot be trained:"$'\n'"$said" "$code"
    read -r seconds bytes < <(awk '
        /^run / { seconds = $2 * ($3 == "s" ? 1 : $3 == "min" ? 60 : 3600) }
        /^checkpoint / { kept = $4 }
        /checkpoint_bytes=/ { sub(/.*checkpoint_bytes=/, ""); bytes = $0 }
        END { printf "%.0f %.0f\n", seconds, kept * bytes }' <<<"$said")
}

# announce: prints the states of the runs and the estimates; sets $before to the states, $todo to the
# number of runs to train and $estimate to their seconds. The estimate is the mean of the first and the
# last run, times $todo.
announce() {
    local name stuck open=() seconds bytes first_seconds first_bytes at_once=$jobs
    local -A count=([new]=0 [unfinished]=0 ["done"]=0 [diverged]=0 [stuck]=0)
    for name in "${names[@]}"; do
        before[$name]=$(state_of "$name")
        count[${before[$name]}]=$((count[${before[$name]}] + 1))
        [[ ${before[$name]} =~ done|diverged|stuck ]] || open+=("$name")
    done
    todo=${#open[@]}
    stuck=''
    ((!count[stuck])) || stuck=" ${count[stuck]} stuck,"
    echo "$out: ${#names[@]} runs, ${count[done]} done,$stuck ${count[diverged]} diverged, ${count[unfinished]}" \
        "unfinished, ${count[new]} new"
    refuse_other_steps
    say_effective_rates
    ((todo)) || return 0
    estimate_run "${open[0]}"
    first_seconds=$seconds first_bytes=$bytes
    estimate_run "${open[-1]}"
    ((todo >= jobs)) || at_once=$todo
    estimate=$((todo * (first_seconds + seconds) / 2 / at_once))
    awk -v time="$(time_text "$estimate")" -v jobs="$jobs" -v threads="$threads" \
        -v bytes=$((todo * (first_bytes + bytes) / 2)) 'BEGIN {
        printf "to do: about %s with %d at once on %d thread%s each, %.0f MB of checkpoints\n",
            time, jobs, threads, threads == 1 ? "" : "s", bytes / 1e6 }'
} >&2

# time_text SECONDS
time_text() {
    awk -v s="$1" 'BEGIN { if (s < 100) printf "%d s", s
        else if (s < 6000) printf "%.0f min", s / 60; else printf "%.1f h", s / 3600 }'
}

# Best runs first, then stuck and diverged ones, then runs without a loss.
table() {
    local name steps loss rank diverged rate='' width=3 line report
    for name in "${names[@]}"; do ((${#name} <= width)) || width=${#name}; done
    line="%-${width}s  %8s  %9s  %-8s"
    ((!${#slowed[@]})) || rate='  effective lr'
    # shellcheck disable=SC2059 # the format is ours
    printf "\n$line%s" run steps "val loss" diverged "$rate" | sed -E 's/ +$//'
    printf '\n'
    for name in "${names[@]}"; do
        read -r steps loss < <(end_of "$name")
        rank=0 diverged=no
        case $(state_of "$name") in
        stuck) rank=1 diverged=stuck ;;
        diverged) rank=1 diverged=yes ;;
        esac
        [[ $loss != - || $rank == 1 ]] || rank=2
        [[ -z $rate ]] || rate="  $(effective_rate "$name")"
        # shellcheck disable=SC2059
        printf "%s %s $line%s\n" "$rank" "$loss" "$name" "$steps" "$loss" "$diverged" "$rate"
    done | sort -s -k1,1n -k2,2g | cut -d' ' -f3- | sed -E 's/ +$//'
    if [[ $script_name == peri-sweep ]]; then report=peri-report; else report=$here/report.sh; fi
    printf '\nnext: %s %q\n' "$report" "$out"
}

parse_arguments "$@"
plan
[[ -f ${TRAIN:-} && -x $TRAIN ]] || refuse "there is no program ${TRAIN:-./train}; make builds it"
check_all
if [[ -n $dry_run ]]; then
    announce
    printf '%s\n' "${names[@]}"
    exit
fi
mkdir -p "$out" || refuse "cannot make the folder $out" 4
hold_sweep
announce
train_all
table
report_failures
