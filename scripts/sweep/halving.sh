# shellcheck shell=bash
# sweep/halving.sh - runs that are not worth the rest of their steps stop at a third; sourced by sweep.sh, not run.
#
# Every run is trained to a third of its steps, on the schedule of all of them, and has a checkpoint there. So a
# run that goes on has the bits of an uninterrupted one. halving.py decides which do, from the logs alone.
# shellcheck disable=SC2154,SC2034,SC2004 # sweep.sh and the other files of sweep/ assign names, over, goal, third, args

declare -A halved=() # NAME: the run stopped at a third

# check_thirds: every arm must have a validation in its first third.
check_thirds() {
    local arm first args count
    for arm in $(arms); do
        first_of "$arm"
        goal_of "$first"
        args_of "$first"
        # A run that is one step longer than a third validates at its beginning and end, and in between.
        count=$("$TRAIN" "${args[@]}" --set "train.steps=$((goal[$first] / 3 + 1))" --run-dir "$out/$first" --dry-run \
            2>/dev/null </dev/null | sed -n 's/^run .* updates and \([0-9]*\) validation.*/\1/p')
        ((count > 2)) || refuse "--halving needs a validation in the first third of $first, $((goal[$first] / 3)) steps: lower train.eval_every"
    done
}

third_args() {
    args+=(--stop-at $((goal[$1] / 3)))
}

read_halved() {
    local name lines
    lines=$(decide stopped </dev/null) || exit
    for name in $lines; do halved[$name]=yes; done
}

# halve: trains all runs to a third, and sets $halved to those that stop there.
halve() {
    local name why lines open=()
    for name in "${names[@]}"; do
        goal_of "$name"
        [[ -n ${halved[$name]:-} ]] || open+=("$name")
    done
    third=yes
    train_all "${open[@]}"
    third=''
    [[ -z $stopping ]] || return 0
    lines=$(for name in "${names[@]}"; do
        printf '%s\t%s\t%s\t%s\n' "$name" "${arm_of[$name]}" "$(rate_of "$name")" $((goal[$name] / 3))
    done | decide halve) || exit
    halved=()
    while IFS=$'\t' read -r name why; do
        [[ -n $name && -z ${over[$name]:-} ]] || continue
        halved[$name]=yes
        say "$name stops at a third: $why"
    done <<<"$lines"
}
