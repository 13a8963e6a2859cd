#!/usr/bin/env bash
# cli_precision.sh - train.precision and train.stream_precision: what a run says and keeps of them, and the promises of
# every run (threads, kills, resumes, replay, evaluation), which hold for rounded ones too.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
half=(--set train.precision=bfloat16 --set model.d_model=48 --set model.n_head=3 --set model.context=40 --set train.batch=5
    --set model.dropout=0.1 --set train.accum=2 --set train.checkpoint_every=5 --set train.keep=10)

every_page_says_it() {
    local part options=(--config "$tmp/toy.json" --set name=said --set train.precision=bf16 --set train.stream_precision=fp16)
    exits 0 "${options[@]}" --describe
    has "--describe" "$said" "multiplications bfloat16, residual stream and branches float16"
    local hash=${said##*equations    }
    exits 0 "${options[@]}" --set train.precision=float32 --set train.stream_precision=float32 --describe
    same "the hash of the equations" "${hash%%$'\n'*}" "${said##*equations    }"
    [[ $said != *multiplications* ]] || fail "--describe mentions the precision of a float32 run"
    exits 0 "${options[@]}" --dry-run
    has "--dry-run" "$said" "multiplications bfloat16"
    exits 0 "${options[@]}"
    has "banner" "$said" "precision         bfloat16 operands of matrix multiplications (engine "
    has "banner" "$said" "stream precision  float16; its gradients are multiplied by 32 for it"
    for part in '"precision": "bfloat16"' '"engine": "' '"stream_precision": "float16"'; do
        grep -q "$part" "$tmp/said/run.json" || fail "run.json has no $part"
    done
}

# Each rounding changes the run, and is part of its identity.
each_is_another_run() {
    local precision=float32 stream=float32
    toy plain
    for options in "bfloat16 float32" "float32 bfloat16" "float32 float16"; do
        read -r precision stream <<<"$options"
        toy rounded --set train.precision="$precision" --set train.stream_precision="$stream" --overwrite
        [[ $(cell rounded 20 train_loss) != "$(cell plain 20 train_loss)" ]] || fail "$options changed nothing"
        awk -v a="$(cell rounded 20 train_loss)" -v b="$(cell plain 20 train_loss)" \
            'BEGIN { exit !(a - b < 0.02 && b - a < 0.02) }' || fail "$options: $(cell rounded 20 train_loss)"
        exits 2 --config "$tmp/toy.json" --set name=rounded
        has "another config" "$said" "precision"
    done
}

# numbers RUN without the last column of a run that was stopped.
any_number_of_threads() {
    local threads
    toy one "${half[@]}" --threads 1
    for threads in 2 3 8; do
        toy many "${half[@]}" --threads "$threads" --overwrite
        same_run one many
    done
    toy many "${half[@]}" --set train.recompute=true --overwrite
    same_run one many
}

resumes_are_exact() {
    local step
    toy whole "${half[@]}" --set train.stream_precision=float16
    for step in 5 10 15; do
        split_at whole "$step" part
        toy part "${half[@]}" --set train.stream_precision=float16 --resume
        same_run whole part
    done
}

replays_are_exact() {
    toy nervous "${half[@]}" --set optim.lr=0.03 --set spike.min_history=2 --set spike.threshold=0.7 --set spike.window=4
    exits 0 --replay "$tmp/nervous" --step 12 --around 1
    has "verdict" "$said" "repeated to the bit"
}

# --eval repeats the last validation of the log; sampling works with kept keys and values.
evaluation_follows_the_run() {
    toy evaluated "${half[@]}" --set train.stream_precision=bfloat16
    exits 0 --eval "$tmp/evaluated"
    has "--eval" "$said" "val_loss=$(cell evaluated 20 val_loss) "
    exits 0 --sample "$tmp/evaluated" --tokens 60
}

# The branches of a model without norms overflow float16 first where a weight is large.
overflow_names_the_site() {
    toy overflow --topology none --set train.stream_precision=float16 --set model.init=plain --set model.init_std=30 \
        --set train.steps=0
    fails 5 "first not finite: blocks.0.attn.branch" --topology none --set train.stream_precision=float16 \
        --set model.init=plain --set model.init_std=30 --overwrite
    grep -q 'blocks.0.attn.branch' "$tmp/fails/spikes.csv" || fail "$(cat "$tmp/fails/spikes.csv")"
}

test_case "precision: --describe, --dry-run, the banner and run.json say it" every_page_says_it
test_case "precision: each is another run" each_is_another_run
test_case "precision: threads and recomputation change no bit" any_number_of_threads
test_case "precision: resumes are exact" resumes_are_exact
test_case "precision: replays are exact" replays_are_exact
test_case "precision: evaluation follows the run" evaluation_follows_the_run
test_case "precision: an overflow names its site" overflow_names_the_site
test_done
