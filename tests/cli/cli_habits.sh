#!/usr/bin/env bash
# cli_habits.sh - command lines as people type them who know other trainers, and what they get.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# The same run, written in other ways.
ways_to_train() {
    local way weights_of
    toy plain --steps 3 --set optim.lr=0.002
    weights_of=$(sha256sum <"$(weights plain)")
    for way in "--steps=3 --lr=0.002" "--train.steps 3 --optim.lr 0.002" "--train.steps=3 --optim.lr=2e-3" \
        "--set=train.steps=3 --set optim.lr=0.002"; do
        rm -rf "$tmp/other"
        # shellcheck disable=SC2086 # arguments
        exits 0 "--config=$tmp/toy.json" --set name=other $way
        same "weights of $way" "$(sha256sum <"$(weights other)")" "$weights_of"
    done
    exits 0 "$tmp/toy.json" --set name=positional --steps=3 --lr=0.002
    same "weights of a positional config" "$(sha256sum <"$(weights positional)")" "$weights_of"
    exits 0 --config "$tmp/toy.json" --model.wire.mlp.out none --describe
    has "a path of model.wire" "$said" "x = x + mlp(u')"
}

# A folder may be called 2024, 1e3 or null: where a string is expected, the value is one.
strings_need_no_quotes() {
    local name
    for name in 1 2024 1e3 12e4567 007 true null '"quoted"'; do
        exits 0 --config "$tmp/toy.json" --steps 1 --set "name=$name"
        [[ -e $tmp/${name//\"/}/log.csv ]] || fail "name=$name made $(ls "$tmp")"
    done
    exits 2 --config "$tmp/toy.json" --set train.steps=many
    has "a string for an integer" "$said" "train.steps must be an integer"
}

resume_takes_a_run() {
    toy whole
    toy half
    rm -r "$tmp/half/checkpoints" "$tmp/half/run.json"
    exits 0 --resume "$tmp/half"
    cmp "$(weights whole)" "$(weights half)" || fail "--resume RUN trained another run"
    exits 0 "--resume=$tmp/half"
    has "a finished run" "$said" "already finished"
    rm -r "$tmp/half/checkpoints" "$tmp/half/run.json"
    exits 0 --config "$tmp/toy.json" --set name=half --resume "$tmp/half"
    cmp "$(weights whole)" "$(weights half)" || fail "--config FILE --resume RUN trained another run"
    exits 2 --resume "$tmp/nowhere"
    has "no such run" "$said" "there is no $tmp/nowhere/config.json; --config FILE --resume begins a run"
}

help_is_found() {
    exits 0 -h
    has "-h" "$said" "Exit codes:"
}

# ARGUMENT...: refused, and the message has the form that works.
mistakes_are_answered() {
    local line want
    while IFS='|' read -r line want; do
        # shellcheck disable=SC2086 # arguments
        exits 2 --config "$tmp/toy.json" $line
        has "$line" "$said" "$want"
    done <<'LINES'
--max_iters=3|did you mean --set train.steps=...?
--max-iters 3|did you mean --set train.steps=...?
--batch-size 8|did you mean --set train.batch=...?
--learning-rate=1e-3|did you mean --set optim.lr=...?
--toplogy pre|did you mean --set model.topology=...?
--describ|did you mean --describe?
--describe=yes|--describe takes no value
--set train.steps 3|--set takes KEY=VALUE, for example --set train.steps=...
--resume nowhere --run-dir elsewhere|use one of them
--steps|--steps needs a value
words|unknown argument "words"
LINES
}

test_case "habits: ways to write the same run" ways_to_train
test_case "habits: strings need no quotes" strings_need_no_quotes
test_case "habits: --resume RUN" resume_takes_a_run
test_case "habits: -h" help_is_found
test_case "habits: mistakes are answered" mistakes_are_answered
test_done
