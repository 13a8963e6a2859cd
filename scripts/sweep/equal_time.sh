# shellcheck shell=bash
# sweep/equal_time.sh - train.steps of each arm so that all take the same time; sourced by sweep.sh, not run.
#
# The time of a step is measured once, with ./train --bench of the baseline and the arm in turn, and stored in
# sweep.json. From then on the steps follow from that file, so they are the same when the sweep is repeated.
# shellcheck disable=SC2154,SC2034,SC2004 # sweep.sh and the other files of sweep/ assign out, names, args, goal

bench_pairs=5 bench_steps=40
baseline=''              # the arm with the train.steps of the config
declare -A seconds_of=() # ARM: seconds of a step

# decide COMMAND: runs scripts/sweep/__main__.py on the folder of the runs, with standard input.
decide() {
    python3 -B "$here/sweep" "$1" "$out"
}

# read_times: sets $baseline and $seconds_of from sweep.json.
read_times() {
    local lines arm seconds
    lines=$(decide times </dev/null) || exit
    while IFS=$'\t' read -r arm seconds; do
        [[ -n $arm ]] || continue
        baseline=${baseline:-$arm}
        seconds_of[$arm]=$seconds
    done <<<"$lines"
}

# first_of ARM: sets $first to its first run.
first_of() {
    for first in "${names[@]}"; do [[ ${arm_of[$first]} != "$1" ]] || return 0; done
    refuse "$out/sweep.json has times relative to $1, which is no arm of this sweep; choose another --out"
}

# choose_baseline: the first arm with topology pre, else the first arm.
choose_baseline() {
    local name
    baseline=${arm_of[${names[0]}]}
    for name in "${names[@]}"; do
        [[ $'\n'${words[$name]}$'\n' == *$'\n'model.topology=?(\")pre?(\")$'\n'* ]] || continue
        baseline=${arm_of[$name]}
        return
    done
}

# step_ms NAME: milliseconds of a step.
step_ms() {
    local args said code=0
    args_of "$1"
    said=$("$TRAIN" "${args[@]}" --bench "$bench_steps" 2>&1 </dev/null) || code=$?
    ((code == 0)) || refuse "the run $1 cannot be measured:"$'\n'"$said" "$code"
    sed -n 's/.*ms_per_step=\([^ ]*\).*/\1/p' <<<"$said"
}

# measure ARM: the median ratio of pairs of measurements, as seconds of a step.
measure() {
    local first base arm pair ours theirs
    first_of "$baseline"
    base=$first
    first_of "$1"
    arm=$first
    for ((pair = 0; pair < bench_pairs; pair++)); do
        theirs=$(step_ms "$base") || exit
        ours=$(step_ms "$arm") || exit
        echo "$theirs $ours"
    done | awk -v base="${seconds_of[$baseline]:-0}" '
        { theirs[NR] = $1; ratio[NR] = $2 / $1 }
        function median(x, n, i, j, t) {
            for (i = 2; i <= n; i++) for (j = i; j > 1 && x[j] < x[j - 1]; j--) { t = x[j]; x[j] = x[j - 1]; x[j - 1] = t }
            return n % 2 ? x[(n + 1) / 2] : (x[n / 2] + x[n / 2 + 1]) / 2
        }
        END {
            time = base > 0 ? base : median(theirs, NR) / 1000
            printf "%.9g %.9g\n", time, time * median(ratio, NR) }'
}

# measure_missing: measures the arms without a time and stores them.
measure_missing() {
    local arm missing=() both
    mapfile -t missing < <(for arm in $(arms); do [[ -n ${seconds_of[$arm]:-} || $arm == "$baseline" ]] || echo "$arm"; done)
    ((${#missing[@]})) || return 0
    [[ -n ${seconds_of[$baseline]:-} ]] || ! compgen -G "$out/*/config.json" >/dev/null ||
        refuse "the runs in $out were not begun at equal time: choose another --out"
    say "measuring the time of a step: $baseline and ${missing[*]}, $bench_pairs pairs of ./train --bench $bench_steps each"
    for arm in "${missing[@]}"; do
        both=$(measure "$arm") || exit
        seconds_of[$baseline]=${both% *}
        seconds_of[$arm]=${both#* }
    done
    {
        printf '%s\t%s\n' "$baseline" "${seconds_of[$baseline]}"
        for arm in "${!seconds_of[@]}"; do [[ $arm == "$baseline" ]] || printf '%s\t%s\n' "$arm" "${seconds_of[$arm]}"; done
    } | decide keep || exit
    seconds_of=() baseline=''
    read_times
}

# equal_time: sets $steps_of. Without an OUT that may be written, arms without a stored time keep their steps.
equal_time() {
    local first steps arm
    read_times
    [[ -n $baseline ]] || choose_baseline
    first_of "$baseline"
    planned_steps "$first" || refuse "the train.steps of $first are not known" 1
    if [[ -z $dry_run ]]; then measure_missing; fi
    for arm in $(arms); do
        if [[ -z ${seconds_of[$arm]:-} ]]; then
            say "note: the steps of $arm are not known: its time is measured when the sweep begins"
            continue
        fi
        steps_of[$arm]=$(awk -v n="$steps" -v base="${seconds_of[$baseline]}" -v own="${seconds_of[$arm]}" \
            'BEGIN { steps = int(n * base / own + 0.5); print steps < 1 ? 1 : steps }')
        say "at equal time: $arm $(awk -v s="${seconds_of[$arm]}" 'BEGIN { printf "%.4g", 1000 * s }') ms a step, ${steps_of[$arm]} steps"
    done
}
