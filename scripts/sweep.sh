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
#     --equal-time         measure the time of a step of each arm, and train all arms for the same time
#     --halving            stop runs that are not worth it at a third of their steps
#     --refine             then train the half-way learning rates around the best one of each arm
#     --dry-run            print the names and number of runs and the estimated time and disk space
#
# A sweep that was stopped or killed resumes with the same command. Runs that exist with another train.steps
# are refused before anything is trained: more steps are another schedule. The program is $TRAIN or else
# ./train, the one next to scripts/, or peri-train in bin/ of the installation or on PATH. Exit codes:
# 0 every run is done or has diverged, 1 some failed or exist with other steps, 2 usage or config, 3 data,
# 4 I/O, 75, 130 and 143 stopped.
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

estimate=0           # seconds of all runs to train
declare -A before=() # NAME: its state at the start
slowed=()            # runs of the first seed with optim.rmsnorm_lr_scale: "NAME FACTOR RATE"

source "$here/sweep/plan.sh"
source "$here/sweep/pool.sh"
source "$here/sweep/progress.sh"
source "$here/sweep/steps.sh"
source "$here/sweep/equal_time.sh"
source "$here/sweep/halving.sh"
source "$here/sweep/refine.sh"

# parse_arguments ARGUMENT...: sets $file, $dry_run, $chosen and $options to pairs of a name and a value.
parse_arguments() {
    file='' dry_run='' options=() chosen=' '
    while (($#)); do
        case $1 in
        --dry-run) dry_run=yes ;;
        --equal-time | --halving | --refine) chosen+="${1#--} " ;;
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

# wants OPTION: whether --equal-time, --halving or --refine was given.
wants() {
    [[ $chosen == *" $1 "* ]]
}

# check_options: what these options need.
check_options() {
    [[ $chosen == ' ' ]] || command -v python3 >/dev/null ||
        refuse "--equal-time, --halving and --refine take python3: scripts/install-packages.sh report" 1
    if wants equal-time; then
        [[ -z ${choices[train.steps]+there} ]] || refuse "--equal-time chooses train.steps, so it cannot be in the grid"
        (($(arms | wc -l) > 1)) || refuse "--equal-time needs two arms: another key than optim.lr and train.seed must vary"
    elif grep -qs '"equal_time": true' "$out/sweep.json"; then
        refuse "the runs in $out are at equal time: add --equal-time, or choose another --out"
    fi
    ! wants refine || [[ ${choices[optim.lr]:-} == *$'\n'* ]] || refuse "--refine needs two learning rates in the grid"
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

# announce: prints the states of the runs and the estimates; sets $before to the states, and $estimate to the
# seconds of all runs to train. The estimate is the mean of the first and the last run, times their number.
announce() {
    local name stuck='' stopped='' open=() seconds bytes first_seconds first_bytes at_once=$jobs
    local -A count=([new]=0 [unfinished]=0 ["done"]=0 [diverged]=0 [stuck]=0)
    for name in "${names[@]}"; do
        before[$name]=$(state_of "$name")
        [[ -z ${halved[$name]:-} ]] || continue
        count[${before[$name]}]=$((count[${before[$name]}] + 1))
        [[ ${before[$name]} =~ done|diverged|stuck ]] || open+=("$name")
    done
    ((!count[stuck])) || stuck=" ${count[stuck]} stuck,"
    ((!${#halved[@]})) || stopped=" ${#halved[@]} stopped at a third,"
    echo "$out: ${#names[@]} runs, ${count[done]} done,$stuck$stopped ${count[diverged]} diverged, ${count[unfinished]}" \
        "unfinished, ${count[new]} new"
    refuse_other_steps
    for name in "${names[@]}"; do track "$name" "${before[$name]}"; done
    say_effective_rates
    ((${#open[@]})) || return 0
    estimate_run "${open[0]}"
    first_seconds=$seconds first_bytes=$bytes
    estimate_run "${open[-1]}"
    ((${#open[@]} >= jobs)) || at_once=${#open[@]}
    estimate=$((${#open[@]} * (first_seconds + seconds) / 2 / at_once))
    awk -v time="$(time_text "$estimate")" -v jobs="$jobs" -v threads="$threads" \
        -v bytes=$((${#open[@]} * (first_bytes + bytes) / 2)) 'BEGIN {
        printf "to do: about %s with %d at once on %d thread%s each, %.0f MB of checkpoints\n",
            time, jobs, threads, threads == 1 ? "" : "s", bytes / 1e6 }'
} >&2

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
        *) [[ -z ${halved[$name]:-} ]] || rank=1 diverged=stopped ;;
        esac
        [[ $loss != - || $rank == 1 ]] || rank=2
        [[ -z $rate ]] || rate="  $(effective_rate "$name")"
        # shellcheck disable=SC2059
        printf "%s %s $line%s\n" "$rank" "$loss" "$name" "$steps" "$loss" "$diverged" "$rate"
    done | sort -s -k1,1n -k2,2g | cut -d' ' -f3- | sed -E 's/ +$//'
    if [[ $script_name == peri-sweep ]]; then report=peri-report; else report=$here/report.sh; fi
    printf '\nnext: %s %q\n' "$report" "$out"
}

# train: all runs of the plan, then more of them; those of a signal end here.
train() {
    local name open=()
    with_signals
    ! wants halving || halve
    for name in "${names[@]}"; do [[ -n ${halved[$name]:-}${over[$name]:-} ]] || open+=("$name"); done
    train_all "${open[@]}"
    ! wants refine || refine
    end_of_signals
}

parse_arguments "$@"
plan
check_options
[[ -f ${TRAIN:-} && -x $TRAIN ]] || refuse "there is no program ${TRAIN:-./train}; make builds it"
divide_cores
check_all
if [[ -z $dry_run ]]; then
    mkdir -p "$out" || refuse "cannot make the folder $out" 4
    hold_sweep
fi
! wants equal-time || equal_time
if wants halving; then
    check_thirds
    read_halved
fi
announce
if [[ -n $dry_run ]]; then
    for name in "${names[@]}"; do print "$name"; done
else
    train
    print "$(table)"
    report_failures || exit 1
fi
[[ -z $lost ]] || refuse "cannot write to standard output; lines were lost, the files of the runs are complete" 4
