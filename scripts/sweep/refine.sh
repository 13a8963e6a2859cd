# shellcheck shell=bash
# sweep/refine.sh - more learning rates around the best one of each arm; sourced by sweep.sh, not run.
#
# The rates follow from finished runs alone, so a repeated sweep chooses the same ones.
# shellcheck disable=SC2154,SC2034,SC2004 # sweep.sh and the other files of sweep/ assign names, words, choices, pieces, halved

extensions=3 # rates beyond the grid of an arm, at most

# add_rate ARM RATE: adds the runs of an arm at another rate to $names and $added. Runs that were stopped at a
# third go on.
add_rate() {
    local first old=${choices[optim.lr]%%$'\n'*} name arm chosen
    pieces[optim.lr=$2]=$(piece_of "$(label_of optim.lr)" "$2")
    for first in "${names[@]}"; do
        chosen=${words[$first]}
        [[ ${arm_of[$first]} == "$1" && $'\n'$chosen$'\n' == *$'\n'"optim.lr=$old"$'\n'* ]] || continue
        chosen=${chosen/"optim.lr=$old"/"optim.lr=$2"}
        name_run "$chosen"
        if [[ -z ${words[$name]+there} ]]; then
            add_run "$chosen"
            before[$name]=$(state_of "$name")
            track "$name" "${before[$name]}"
        elif [[ -z ${halved[$name]:-} ]]; then
            continue
        fi
        unset "halved[$name]"
        added+=("$name")
    done
}

# more COMMAND: trains the runs of the rates that refine.py chooses; false if there are none.
more() {
    local lines arm rate name added=()
    lines=$(for name in "${names[@]}"; do printf '%s\t%s\n' "$name" "${arm_of[$name]}"; done | decide "$1") || exit
    while IFS=$'\t' read -r arm rate; do
        [[ -z $arm ]] || add_rate "$arm" "$rate"
    done <<<"$lines"
    ((${#added[@]})) || return 1
    say "$1: ${#added[@]} more runs: $(tr '\t\n' ' ,' <<<"$lines" | sed 's/,$//; s/,/, /g')"
    train_all "${added[@]}"
}

refine() {
    local n
    for ((n = 0; n < extensions; n++)); do
        [[ -z $stopping ]] || return 0
        more extend || break
    done
    [[ -n $stopping ]] || more refine || true
}
