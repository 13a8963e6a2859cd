#!/usr/bin/env bash
# cli_muon.sh - runs with optim.kind muon: the same to the bit after stops, on any number of threads and in
# --replay; the names in a checkpoint; what is printed about the optimizer.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

muon=(--set optim.kind=muon --set optim.muon_lr=0.03 --set optim.muon_momentum=0.9)
# Grouped heads; a detector that skips; two micro-batches; dropout; a warm-up; measurements.
full=("${muon[@]}" --set model.n_kv_head=1 --set model.mlp=swiglu --set train.accum=2 --set model.dropout=0.1
    --set spike.min_history=2 --set spike.window=4 --set spike.threshold=0.1 --set gamma_warmup.steps=9
    --set log.layers_every=3 --set train.checkpoint_every=1 --set train.keep=1000)

# tensors RUN: names and shapes in optimizer.safetensors.
tensors() {
    python3 -c 'import json, struct, sys
data = open(sys.argv[1], "rb").read()
header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
for name, tensor in header.items():
    if name != "__metadata__": print(name, *tensor["shape"])' "$(dirname "$(weights "$1")")/optimizer.safetensors"
}

# Stops after any step, with every action on a spike and in every precision.
resumed_runs_are_exact() {
    local step action more
    for action in skip clip log; do
        more=(--set "spike.action=$action")
        [[ $action != log ]] || more+=(--set train.precision=bfloat16 --set optim.muon_scale=moonshot)
        toy whole "${full[@]}" "${more[@]}" --overwrite
        (($(wc -l <"$tmp/whole/spikes.csv") > 1)) || fail "no spike with $action"
        for step in 1 11; do
            split_at whole "$step" part
            exits 0 --config "$tmp/toy.json" "${full[@]}" "${more[@]}" --set name=whole --run-dir "$tmp/part" --resume
            same_run whole part
            cmp "$tmp/whole/tensors.csv" "$tmp/part/tensors.csv" || fail "tensors.csv differs"
            cmp "$tmp"/{whole,part}/checkpoints/step_00000020/optimizer.safetensors || fail "the states differ"
        done
    done
}

threads_do_not_change_bits() {
    local threads wide=("${muon[@]}" --set model.d_model=192 --set train.steps=3)
    toy on1 "${wide[@]}" --threads 1
    for threads in 2 3; do
        OMP_NUM_THREADS=$threads toy "on$threads" "${wide[@]}" --threads "$threads"
        same_run on1 "on$threads"
    done
}

# The second moment of a matrix does not exist, and its momentum has a name of its own.
checkpoints_name_the_state() {
    toy named "${muon[@]}"
    tensors named >"$tmp/tensors"
    same "momenta" "$(grep -c '^muon\.m\.blocks\.[01]\.\(attn\.\(qkv\|proj\)\|mlp\.\(up\|down\)\)\.weight ' "$tmp/tensors")" 8
    same "all of Muon" "$(grep -c '^muon\.' "$tmp/tensors")" 8
    same "first moments" "$(sed -n 's/^adam\.m\.//p' "$tmp/tensors")" "$(sed -n 's/^adam\.v\.//p' "$tmp/tensors")"
    ! grep '^adam\.[mv]\.blocks.*weight' "$tmp/tensors" || fail "moments of AdamW for a matrix"
    has "embedding" "$(<"$tmp/tensors")" "adam.v.tok_emb.weight 256 16"
    toy plain
    tensors plain >"$tmp/tensors"
    ! grep -q '^muon\.' "$tmp/tensors" || fail "a run with AdamW has momenta of Muon"
}

other_optimizers_are_refused() {
    toy kept "${muon[@]}"
    exits 2 --config "$tmp/toy.json" --set name=kept --resume
    has "AdamW" "$said" "optim.kind differs"
    exits 2 --config "$tmp/toy.json" --set name=kept "${muon[@]}" --set optim.muon_scale=moonshot --resume
    has "another scale" "$said" "optim.muon_scale differs"
    exits 0 --config "$tmp/toy.json" --set name=from --set "train.init_from=$tmp/kept" --steps 2
}

# The column lr is that of AdamW; other columns follow from other weights.
log_has_the_rate_of_adamw() {
    toy adamw
    toy muon "${muon[@]}"
    diff <(cut -d, -f1,5,6 "$tmp/adamw/log.csv") <(cut -d, -f1,5,6 "$tmp/muon/log.csv") || fail "other rates"
    same "first loss" "$(cell muon 1 train_loss)" "$(cell adamw 1 train_loss)"
    differs adamw muon
}

replay_is_exact() {
    toy replayed "${full[@]}" --set spike.action=skip --set train.checkpoint_every=7
    exits 0 --replay "$tmp/replayed" --step 12
    has "replay" "$said" "repeated to the bit"
}

everything_names_the_optimizer() {
    local json
    toy banner "${muon[@]}" --norm rmsnorm --set optim.rmsnorm_lr_scale=0.5
    has "banner" "$said" "muon for 12 matrices of the blocks, learning rate 0.015, jordan scale"
    json=$(<"$tmp/banner/run.json")
    has "run.json" "$json" '"optimizer": "muon"'
    has "run.json" "$json" '"muon_lr": 0.015'
    has "run.json" "$json" '"muon_matrices": 12'
    has "run.json" "$json" "\"muon_parameters\": $((2 * 12 * 16 * 16))"
    exits 0 --config "$tmp/toy.json" "${muon[@]}" --describe
    has "describe" "$said" "muon for the matrices of the blocks, learning rate 0.03, jordan scale"
    exits 0 --config "$tmp/toy.json" --set optim.kind=muon --set optim.muon_scale=moonshot --describe --json
    has "describe --json" "$said" '"muon_lr": 0.001'
    exits 0 --config "$tmp/toy.json" "${muon[@]}" --dry-run
    has "dry run" "$said" "12 matrices, 6144 parameters"
    has "dry run" "$said" "muon_lr"
    exits 0 --config "$tmp/toy.json" "${muon[@]}" --dry-run --json
    has "dry run --json" "$said" '"muon_lr": 0.03'
    exits 0 --config "$tmp/toy.json" --set name=warned --steps 0 --set optim.muon_decay=0
    has "warning" "$said" "optim.muon_decay has no effect: optim.kind is adamw"
    exits 2 --config "$tmp/toy.json" --optimizer muon
    has "habit" "$said" "did you mean --set optim.kind=...?"
}

test_case "muon: resumed runs are exact to the bit" resumed_runs_are_exact
test_case "muon: the number of threads does not change bits" threads_do_not_change_bits
test_case "muon: names in a checkpoint" checkpoints_name_the_state
test_case "muon: a run is not resumed with another optimizer" other_optimizers_are_refused
test_case "muon: log.csv has the rate of AdamW" log_has_the_rate_of_adamw
test_case "muon: --replay" replay_is_exact
test_case "muon: what is printed" everything_names_the_optimizer
test_done
