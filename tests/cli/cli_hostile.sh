#!/usr/bin/env bash
# cli_hostile.sh - configs, checkpoints and run folders of strangers start no program, whatever is in them.
#
# Every attempt would make a file called `owned` in the current folder, which no name may contain a / for.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
unset PERI_ON_EVENT
root=$PWD
mkdir "$tmp/here"
cd "$tmp/here"
sed -i 's|"dir": "[^"]*"|"dir": "."|' "$tmp/toy.json"

# Names of runs, each a program for some reader: the shell, gnuplot, awk, jq, Python.
# shellcheck disable=SC2016 # not to be expanded
names=('$(touch owned)' '`touch owned`' 'a;touch owned;b' "a';touch owned;'" 'a";touch owned;"' '|touch owned' 'x=1;touch owned'
    "'.system('touch owned').'" '{{touch owned}}' '&& touch owned &' '<script>owned</script>' $'a\ntouch owned\n')

# untouched WHAT
untouched() {
    local found
    found=$(find "$tmp" "$root" -maxdepth 3 -name owned -not -path '*/build/*')
    [[ -z $found ]] || { rm -f "$found" && fail "$1 ran a command: $found"; }
}

# tolerated ARGUMENT...: runs the program; only internal errors and signals are failures.
tolerated() {
    local code=0
    said=$("$TRAIN" "$@" 2>&1 </dev/null | tr -d '\0') || code=$?
    ((code != 1 && code < 128)) || fail "train $*: exit code $code: $said"
    untouched "train $*"
}

configs_name_no_command() {
    local key file
    # shellcheck disable=SC2016 # not to be expanded
    for key in on_event on-event onEvent PERI_ON_EVENT log.on_event train.on_event log.on-event; do
        exits 2 --config "$tmp/toy.json" --set "$key=touch owned"
        file="$tmp/hostile.json"
        printf '{"extends": "%s", "%s": "touch owned", "train": {"%s": "touch owned"}}\n' "$tmp/toy.json" "$key" "$key" >"$file"
        exits 2 --config "$file"
        printf '{"log": {"%s": "$(touch owned)"}}\n' "${key#*.}" >"$file"
        exits 2 --config "$file" --describe
        untouched "the key $key"
    done
    exits 2 --config "$tmp/toy.json" --PERI_ON_EVENT "touch owned"
    for file in '$(touch owned)' '`touch owned`' '|touch owned' 'builtin:$(touch owned)'; do
        tolerated --config "$tmp/toy.json" --set "name=data" --set "data.train=$file"
        tolerated --config "$file"
        printf '{"extends": "%s"}\n' "$file" >"$tmp/hostile.json"
        tolerated --config "$tmp/hostile.json"
    done
}

checkpoints_name_no_command() {
    local how folder
    exits 0 --config "$tmp/toy.json" --set name=clean --set train.checkpoint_every=5
    for how in outside inside; do
        rm -rf forged
        cp -r clean forged
        rm -r forged/checkpoints/step_00000020
        folder=forged/checkpoints/step_00000015
        echo step_00000015 >forged/checkpoints/latest
        python3 "$root/tests/lib/forge_checkpoint.py" "$folder" "$how"
        for mode in --eval --sample; do tolerated "$mode" forged --step 15; done
        # The forged hashes are right: without keys in the config it is a checkpoint.
        [[ $how == inside || $said == On* ]] || fail "$said"
        tolerated --status forged
        tolerated --logits forged "$how.npy"
        tolerated --config "$tmp/toy.json" --set name=forged --set train.checkpoint_every=5 --resume
        tolerated --config "$tmp/toy.json" --set name=taken --set train.init_from=forged --overwrite
    done
}

# run.json with a command in the arguments, the summary and keys of its own; config.json with unknown keys.
folders_name_no_command() {
    exits 0 --config "$tmp/toy.json" --set name=folder --set train.checkpoint_every=5
    sed -i 's/"command": \[/"on_event": "touch owned",\n  "PERI_ON_EVENT": "touch owned",\n  "command": ["--on-event", "touch owned", /;
        s/"host": "[^"]*"/"host": "$(touch owned)"/; s/"ending": "[^"]*"/"ending": "$(touch owned)"/' folder/run.json
    for mode in --status --eval --sample; do tolerated "$mode" folder; done
    tolerated --resume folder
    rm -r folder/checkpoints/step_00000020
    echo step_00000015 >folder/checkpoints/latest
    tolerated --resume folder
    sed -i 's/"log": {/"log": {\n    "on_event": "touch owned",/' folder/config.json
    for mode in --status --eval --sample --replay --resume; do tolerated "$mode" folder; done
    printf 'PERI_ON_EVENT=touch owned\n' >folder/.env
    printf '#!/bin/sh\ntouch owned\n' | tee folder/on_event >folder/train && chmod +x folder/on_event folder/train
    (cd folder && "$TRAIN" --status . >/dev/null)
    untouched "a folder with scripts"
}

# A temporary file that is a link would carry text of the config to any file of the user.
links_are_not_followed() {
    echo precious >"$tmp/profile"
    exits 0 --config "$tmp/toy.json" --set name=linked --set train.checkpoint_every=5
    for file in run.json.tmp config.json.tmp checkpoints/latest.tmp; do
        rm -rf again
        cp -r linked again
        rm -r again/checkpoints/step_00000020
        echo step_00000015 >again/checkpoints/latest
        ln -s "$tmp/profile" "again/$file"
        tolerated --resume again
        same "$file" "$(<"$tmp/profile")" precious
        ((${#said})) || fail "no message"
    done
}

names_are_not_executed() {
    local name
    for name in "${names[@]}"; do
        rm -rf ./runs
        tolerated --config "$tmp/toy.json" --set train.steps=8 --run-dir "runs/$name" --set "name=run" \
            --on-event 'echo $PERI_RUN "$PERI_RUN" >seen'
        [[ -e runs/$name/log.csv ]] || fail "no run in $name: $said"
        tolerated --config "$tmp/toy.json" --set log.dir=runs --set "name=${name#|}" --describe
        for mode in --eval --sample --status; do tolerated "$mode" "runs/$name"; done
        tolerated --status runs
        tolerated --replay "runs/$name" --step 4
        tolerated --resume "runs/$name"
        said=$("$root/scripts/report.sh" runs 2>&1) || fail "report.sh: $said"
        ! grep -q '<script>owned' runs/report.html || fail "the name is a part of the page"
        untouched "report.sh with $name"
        "$root/scripts/plot.sh" "runs/$name" >/dev/null 2>&1 || true
        (cd runs && "$root/scripts/plot.sh" ./* --y train_loss --where "step=$name" --out picture.svg) >/dev/null 2>&1 || true
        (cd runs && "$root/scripts/plot.sh" "$name" --out picture.svg </dev/null) >/dev/null 2>&1 || true
        untouched "plot.sh with $name"
    done
}

# Columns, values and the entropy floor, which plot.sh passes to gnuplot.
files_are_not_executed() {
    local name
    for name in "${names[@]:0:10}"; do
        rm -rf drawn
        mkdir drawn
        printf '%s,step,train_loss,val_loss\n%s,1,2,3\n1,%s,2,3\n1,2,%s,1\n' "$name" "$name" "$name" "$name" >drawn/log.csv
        printf '{"entropy_floor": 1; system("touch owned")}\n{"entropy_floor": 1 %s}\n' "$name" >drawn/run.json
        for columns in "train_loss" "train_loss,val_loss" "$name"; do
            "$root/scripts/plot.sh" drawn --y "$columns" >/dev/null 2>&1 || true
            "$root/scripts/plot.sh" drawn --x "$columns" --y step --out drawn.svg >/dev/null 2>&1 || true
        done
        tolerated --status drawn
        "$root/scripts/report.sh" drawn >/dev/null 2>&1 || true
        untouched "files with $name"
    done
}

sweeps_are_not_executed() {
    local name text
    export TRAIN
    for name in "${names[@]}"; do
        text=$(python3 -c 'import json, sys; print(json.dumps(sys.argv[1]))' "$name")
        rm -rf swept
        printf '{"config": "%s", "set": {"name": %s}, "grid": {"data.train": ["builtin:stories", %s]}, "out": "swept"}\n' \
            "$tmp/toy.json" "$text" "$text" >sweep.json
        "$root/scripts/sweep.sh" sweep.json >/dev/null 2>&1 || true
        printf '{"config": "%s", "set": {"train.steps": 2}, "grid": {%s: [1], "train.seed": [1, %s]}, "out": %s, "seeds": 1}\n' \
            "$tmp/toy.json" "$text" "$text" "$text" >sweep.json
        "$root/scripts/sweep.sh" sweep.json >/dev/null 2>&1 || true
        printf '{"config": %s, "out": %s, "seeds": 2}\n' "$text" "$text" >sweep.json
        "$root/scripts/sweep.sh" sweep.json --set "x[$name]=1" >/dev/null 2>&1 || true
        "$root/scripts/sweep.sh" "$tmp/toy.json" --seeds 1 --set "$name=1" --grid "a[$name]=1" --out swept >/dev/null 2>&1 || true
        "$root/scripts/sweep.sh" "$tmp/toy.json" --seeds 2 --set train.steps=2 --out "$name" >/dev/null 2>&1 || true
        "$root/scripts/sweep.sh" "$tmp/toy.json" --seeds 2 --set train.steps=3 --out "$name" >/dev/null 2>&1 || true
        untouched "sweep.sh with $name"
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

test_case "hostile: configs" configs_name_no_command
test_case "hostile: checkpoints" checkpoints_name_no_command
test_case "hostile: run folders" folders_name_no_command
test_case "hostile: links" links_are_not_followed
test_case "hostile: names of runs" names_are_not_executed
test_case "hostile: contents of files" files_are_not_executed
test_case "hostile: sweeps" sweeps_are_not_executed
test_case "hostile: completion" completion_runs_nothing
test_done
