#!/usr/bin/env bash
# cli_hostile_scripts.sh - run folders and sweeps of strangers make the scripts and the completion run no command.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
source "$PWD/tests/lib/hostile.sh"

# drawn ARGUMENT...: plot.sh, which may refuse what it is given.
drawn() {
    "$root/scripts/plot.sh" "$@" --out "$tmp/picture.svg" </dev/null >"$tmp/said" 2>&1 || true
    untouched "plot.sh $*"
}

names_are_not_executed() {
    local name
    exits 0 --config "$tmp/toy.json" --set name=run --set log.dir="$tmp"
    mkdir runs
    for name in "${names[@]}"; do
        cp -r "$tmp/run" "runs/$name"
        drawn "runs/$name"
        [[ -s $tmp/picture.svg ]] || fail "no picture of $name: $(<"$tmp/said")"
        (cd runs && drawn "$name" --y train_loss --where "step=$name")
    done
    drawn runs/*
    said=$("$root/scripts/report.sh" runs 2>&1) || fail "report.sh: $said"
    ! grep -q '<script>owned' runs/report.html || fail "a name is a part of the page"
    untouched report.sh
}

# Columns, values and the entropy floor, which plot.sh passes to gnuplot.
files_are_not_executed() {
    local name
    for name in "${names[@]}"; do
        rm -rf drawn
        mkdir drawn
        printf '%s,step,train_loss,val_loss\n1,1,2,3\n2,2,2,3\n' "$name" >drawn/log.csv
        printf '{"entropy_floor": 1; system("touch owned")}\n{"entropy_floor": 1 %s}\n' "$name" >drawn/run.json
        rm -f "$tmp/picture.svg"
        drawn drawn
        [[ -s $tmp/picture.svg || $name == *$'\n'* ]] || fail "no picture: $(<"$tmp/said")"
        drawn drawn --x "$name" --y step
        drawn drawn --y "$name"
        printf 'step,train_loss,val_loss\n1,2,3\n1,%s,1\n%s,3,3\n' "$name" "$name" >drawn/log.csv
        drawn drawn
        tolerated --status drawn
    done
    "$root/scripts/report.sh" drawn >/dev/null 2>&1 || true
    untouched "report.sh of a forged log"
}

# swept ARGUMENT...: sweep.sh, which may refuse what it is given.
swept() {
    "$root/scripts/sweep.sh" "$@" </dev/null >"$tmp/said" 2>&1 || true
    untouched "sweep.sh $*"
}

sweeps_are_not_executed() {
    local name text
    export TRAIN
    for name in "${names[@]:0:6}" "${names[-1]}"; do
        text=$(python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$name")
        printf '{"config": "%s", "set": {"train.steps": 2}, "grid": {"name": [%s, "b"]}, "out": "swept", "seeds": 1}\n' \
            "$tmp/toy.json" "$text" >sweep.json
        swept sweep.json --dry-run
        printf '{"config": %s, "set": {%s: 1}, "grid": {%s: [1], "train.steps": [2, %s]}, "out": %s, "seeds": 1}\n' \
            "$text" "$text" "$text" "$text" "$text" >sweep.json
        swept sweep.json --set "x[$name]=1"
        swept "$tmp/toy.json" --seeds 1 --set "$name=1" --grid "a[$name]=1" --out swept
        [[ " ${names[*]:0:2} " == *" $name "* ]] || continue # trained sweeps take seconds
        swept "$tmp/toy.json" --seeds 1 --set train.steps=2 --out "$name"
        swept "$tmp/toy.json" --seeds 1 --set train.steps=3 --out "$name" # refused: it reads the folder
        has "sweep.sh" "$(<"$tmp/said")" "exist with other steps"
    done
}

# Completing in a folder with hostile names.
completion_runs_nothing() {
    local name
    mkdir -p configs
    for name in "${names[@]}"; do
        [[ $name == */* ]] || echo '{}' >"configs/$name.json"
        [[ $name == */* ]] || mkdir -p "x$name"
    done
    # shellcheck disable=SC1090 # printed by the program
    source <("$TRAIN" --print-completion)
    for line in "--config " '--config $' "--config |" "--eval x" "--run-dir " "--set name=" "--logits x" "--set model.norm=\$"; do
        read -ra COMP_WORDS <<<"peri-train $line"
        [[ $line != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _peri_train peri-train "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}" 2>/dev/null || true
        untouched "completion of $line"
        # A completion that is taken is one word of a command line.
        for name in "${COMPREPLY[@]}"; do
            (eval "printf '%s' $name" >/dev/null 2>&1) || true
            untouched "the completion $name"
        done
    done
}

test_case "hostile: names of runs in scripts" names_are_not_executed
test_case "hostile: contents of files in scripts" files_are_not_executed
test_case "hostile: sweeps" sweeps_are_not_executed
test_case "hostile: completion" completion_runs_nothing
test_done
