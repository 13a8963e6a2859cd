#!/usr/bin/env bash
# long_bits.sh [REPEATS] - the same bits on any number of threads, and in repeated runs under load.
#
# Trains six models for 200 steps on 1, 2, 3, 4 and 8 threads. Then repeats one of them REPEATS
# (default 2) times beside a busy process.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
repeats=${1:-2}
wide=(--set model.d_model=48 --set model.n_head=3 --set model.context=40 --set train.batch=5
    --set train.steps=200 --set train.eval_every=50 --set model.dropout=0.1 --overwrite)

# state RUN: hashes of the weights, the optimizer state, and the log without times.
state() {
    local folder
    folder=$(dirname "$(weights "$1")")
    cat "$folder/model.safetensors" "$folder/optimizer.safetensors" | sha256sum
    numbers "$1" | sha256sum
}

any_number_of_threads() {
    local topology norm threads first count=0
    for topology in post pre peri; do
        for norm in layernorm rmsnorm; do
            for threads in 1 2 3 4 8; do
                toy bits "${wide[@]}" --topology "$topology" --norm "$norm" --threads "$threads"
                ((threads > 1)) || first=$(state bits)
                same "$topology $norm on $threads threads" "$(state bits)" "$first"
                count=$((count + 1))
            done
        done
    done
    echo "note: $count runs of 200 steps"
}

repeats_under_load() {
    local first busy
    toy bits "${wide[@]}" --threads 2
    first=$(state bits)
    while :; do :; done &
    busy=$!
    for ((i = 0; i < repeats; i++)); do
        toy bits "${wide[@]}" --threads 2
        same "repeat $i" "$(state bits)" "$first"
    done
    kill "$busy"
    echo "note: $repeats repeats under load"
}

test_case "bits: 1, 2, 3, 4 and 8 threads, six models" any_number_of_threads
test_case "bits: repeats under load" repeats_under_load
test_done
