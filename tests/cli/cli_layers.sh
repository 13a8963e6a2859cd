#!/usr/bin/env bash
# cli_layers.sh - layers.csv and tensors.csv: at which steps they have records; measuring changes no result.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# steps RUN: the steps in layers.csv, which are those in tensors.csv.
steps() {
    tail -n +2 "$tmp/$1/layers.csv" | cut -d, -f1 | uniq | tr '\n' ' '
    diff <(cut -d, -f1 "$tmp/$1/layers.csv" | uniq) <(cut -d, -f1 "$tmp/$1/tensors.csv" | uniq)
}

records_every_n_steps() {
    toy usual
    same "steps by default" "$(steps usual)" ""
    toy third --set log.layers_every=7 --set log.every=20
    same "steps" "$(steps third)" "7 14 "
    same "records of a step" "$(grep -c ^7, "$tmp/third/layers.csv")" 38
    same "columns" "$(tail -n +2 "$tmp/third/layers.csv" | tr -cd ',\n' | sort -u)" ,,,,,,,,,,
    same "header" "$(head -1 "$tmp/third/tensors.csv")" step,tensor,rms,grad_rms,update_rms
    same "tensors of a step" "$(sed -n 's/^7,\([^,]*\),.*/\1/p' "$tmp/third/tensors.csv" | sort)" "$(tensors third)"
    toy never --set log.layers_every=0
    same "lines of a run that never measures" "$(wc -l <"$tmp/never/layers.csv")" 1
    toy third --set log.layers_every=0 --overwrite
    same "lines after --overwrite" "$(wc -l <"$tmp/third/layers.csv")" 1
    same "lines after --overwrite" "$(wc -l <"$tmp/third/tensors.csv")" 1
}

# tensors RUN: the names of all tensors in the latest checkpoint.
tensors() {
    head -c 65536 "$(weights "$1")" | tr -d '\0' | grep -ao '"[a-z_0-9.]*":{"dtype"' | cut -d'"' -f2 | sort
}

measuring_changes_nothing() {
    local every file
    for every in 0 1 3; do
        toy "every$every" --set "log.layers_every=$every" --set model.dropout=0.1 --set train.accum=2
    done
    same_run every0 every1
    same_run every0 every3
    for file in layers tensors; do
        diff <(grep -E '^(step|3|6|9|12|15|18),' "$tmp/every1/$file.csv") "$tmp/every3/$file.csv"
    done
}

bits_depend_on_no_thread() {
    local threads wide=(--set model.d_model=96 --set model.n_head=3 --set model.context=48
        --set train.batch=9 --set model.dropout=0.1 --set log.layers_every=2 --steps 4)
    for threads in 1 2 3; do
        toy "threads$threads" "${wide[@]}" --set "train.threads=$threads"
    done
    for threads in 2 3; do
        cmp "$tmp/threads1/layers.csv" "$tmp/threads$threads/layers.csv"
        cmp "$tmp/threads1/tensors.csv" "$tmp/threads$threads/tensors.csv"
    done
}

# The first micro-batch of step 1 is the same with 1 and 3 micro-batches; its weight in the mean loss
# is a third.
first_micro_batch_is_measured() {
    toy whole --steps 1 --set log.layers_every=1
    toy thirds --steps 1 --set log.layers_every=1 --set train.accum=3
    same "values" "$(cut -d, -f1-10 "$tmp/thirds/layers.csv")" "$(cut -d, -f1-10 "$tmp/whole/layers.csv")"
    paste -d, "$tmp/whole/layers.csv" "$tmp/thirds/layers.csv" | awk -F, '
        NR > 1 { ratio = $11 / $22; if (ratio < 2.999 || ratio > 3.001) { print; bad = 1 } }
        END { exit bad || NR != 39 }'
}

non_finite_numbers_are_written() {
    exits 5 --config "$tmp/toy.json" --set name=wild --set optim.lr=1e30 --set optim.warmup_steps=0 \
        --set log.layers_every=1
    grep -q ',nan,nan,nan,nan,nan,nan$' "$tmp/wild/layers.csv" || fail "no nan"
    grep -q ',nan,0$' "$tmp/wild/tensors.csv" || fail "no gradient of nan in a step that was not applied"
    ! grep -q -- '-nan' "$tmp"/wild/{layers,tensors}.csv || fail "a signed nan"
}

test_case "layers: log.layers_every" records_every_n_steps
test_case "layers: same results with and without measuring" measuring_changes_nothing
test_case "layers: same bits for any thread count" bits_depend_on_no_thread
test_case "layers: first micro-batch" first_micro_batch_is_measured
test_case "layers: nan" non_finite_numbers_are_written
test_done
