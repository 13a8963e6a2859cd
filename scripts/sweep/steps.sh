# shellcheck shell=bash
# sweep/steps.sh - refuses a sweep whose runs exist with another train.steps; sourced by sweep.sh, not run.
#
# The learning rate depends on the length of a run, so a finished run that is continued on a longer schedule
# is not the run of the longer plan. A sweep never does that.
# shellcheck disable=SC2154 # sweep.sh and sweep/plan.sh assign out, names, before, args

config_steps='' # the train.steps of runs for which neither the grid nor --set has it

# stored_steps NAME: the train.steps in the config.json of a run.
stored_steps() {
    awk '/^ *"train": *[{]/ { inside = 1 }
        inside && /"steps":/ { gsub(/[^0-9]/, ""); print; exit }' 2>/dev/null <"$out/$1/config.json"
}

# planned_steps NAME: sets $steps to the train.steps of a run in this sweep; false if that is unknown.
planned_steps() {
    local word value=''
    args_of "$1"
    for word in "${args[@]}"; do [[ $word != train.steps=* ]] || value=${word#*=}; done
    if [[ -z $value ]]; then
        [[ -n $config_steps ]] || config_steps=$("$TRAIN" "${args[@]}" --run-dir "$out/$1" --dry-run 2>/dev/null </dev/null |
            sed -n 's/^run .* for \([0-9]*\) updates.*/\1/p')
        value=$config_steps
    fi
    [[ -n $value ]] && printf -v steps '%.0f' "$value"
}

refuse_other_steps() {
    local name steps stored differ=()
    for name in "${names[@]}"; do
        [[ ${before[$name]} != new ]] || continue
        stored=$(stored_steps "$name") || true
        [[ -n $stored ]] || continue
        planned_steps "$name" || continue
        ((stored == steps)) || differ+=("$name: train.steps differs, $stored there and $steps here")
    done
    ((!${#differ[@]})) || refuse "${#differ[@]} of the runs in $out exist with other steps; nothing was trained
$(printf '    %s\n' "${differ[@]}")
choose another --out; to continue one run beyond its schedule, use the trainer with --resume --extend" 1
}
