#!/usr/bin/env bash
# cli_hostile.sh - configs, checkpoints and run folders of strangers make the program run no command.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
source "$PWD/tests/lib/hostile.sh"

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
    # shellcheck disable=SC2016 # not to be expanded
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
        tolerated --fold forged "folded_$how"
        tolerated --config "$tmp/toy.json" --set name=forged --set train.checkpoint_every=5 --resume
        tolerated --config "$tmp/toy.json" --set name=taken --set train.init_from=forged --overwrite
    done
}

# run.json with a command in the arguments, the summary and keys of its own; config.json with unknown keys.
folders_name_no_command() {
    exits 0 --config "$tmp/toy.json" --set name=folder --set train.checkpoint_every=5
    # shellcheck disable=SC2016 # not to be expanded
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
    local name mode
    for name in "${names[@]}"; do
        # shellcheck disable=SC2016 # not to be expanded
        tolerated --config "$tmp/toy.json" --set train.steps=2 --run-dir "runs/$name" --set "name=run" \
            --on-event 'echo $PERI_RUN "$PERI_RUN" >seen'
        [[ -e runs/$name/log.csv && -s seen ]] || fail "no run in $name: $said"
        tolerated --config "$tmp/toy.json" --set log.dir=runs --set "name=$name" --describe
        for mode in --eval --sample --status; do tolerated "$mode" "runs/$name"; done
        tolerated --replay "runs/$name" --step 1
        tolerated --resume "runs/$name"
    done
    tolerated --status runs
    same "runs" "$(grep -c " done " <<<"$said")" "${#names[@]}"
}

test_case "hostile: configs" configs_name_no_command
test_case "hostile: checkpoints" checkpoints_name_no_command
test_case "hostile: run folders" folders_name_no_command
test_case "hostile: links" links_are_not_followed
test_case "hostile: names of runs" names_are_not_executed
test_done
