#!/usr/bin/env bash
# cli_eval.sh - finished runs: --eval on their own and other data, --sample.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

printf 'once upon a time there was a toy. %.0s' {1..40} >"$tmp/toy.txt"
printf 'a time was once upon there a toy. %.0s' {1..40} >"$tmp/other.txt"
printf 'a Capital. %.0s' {1..40} >"$tmp/foreign.txt"
head -c 4000 /dev/zero >"$tmp/tokens.bin"

# value NAME: a value of the line that --eval printed.
value() {
    tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

eval_matches_the_log() {
    local norm topology
    for topology in pre peri; do
        norm=$([[ $topology == pre ]] && echo layernorm || echo rmsnorm)
        toy "$topology" --topology "$topology" --norm "$norm" --set gamma_warmup.steps=30 --set gamma_warmup.from=0.2
        exits 0 --eval "$tmp/$topology"
        same "$topology: val_loss" "$(value val_loss)" "$(cell "$topology" 20 val_loss)"
        same "$topology: step, rows, tokens" "$(value step) $(value rows) $(value tokens)" "20 4 64"
        same "$topology: one line" "$(wc -l <<<"$said")" 1
        awk -v loss="$(value val_loss)" -v bits="$(value bits_per_token)" -v perplexity="$(value perplexity)" \
            -v middle="$(value median)" -v high="$(value p99.9)" -v floor="$(value floor)" -v bpb="$(value val_bpb)" 'BEGIN {
            near = bits * log(2) / loss - 1 + log(perplexity) / loss - 1 + bits / bpb - 1
            exit !(near * near < 1e-9 && middle > 0 && high > loss && floor > 0.1 && floor < loss)
        }' || fail "$said"
    done
    exits 0 --eval "$tmp/peri" --set train.batch=3 --set train.threads=2
    same "other batches" "$(value val_loss)" "$(cell peri 20 val_loss)"
    exits 0 --eval "$tmp/peri" --set train.eval_rows=9
    same "more sequences" "$(value rows)" 9
}

# Halfway through branch-warmup, a run equals the model whose branch factors are 0.5: for --eval,
# with frozen norms, and for samples during training and of the checkpoint.
branch_warmup_applies_to_stored_models() {
    local half=(--set model.wire.attn.branch=0.5 --set model.wire.mlp.branch=0.5) of mode
    local long=(--set model.context=64) # room for the sample during training
    local draw=(--temperature 0.5 --seed 1337 --tokens 100)
    toy warm "${long[@]}" --set branch_warmup.steps=80 --set branch_warmup.order=equal --steps 40 --set optim.lr=1e-2 \
        --set train.checkpoint_every=0
    sed '1,/^--- sample after step 40/d' <<<"$said" >"$tmp/warm.said"
    toy half "${long[@]}" "${half[@]}" --steps 0 --set train.init_from="$tmp/warm"
    toy full "${long[@]}" --steps 0 --set train.init_from="$tmp/warm"
    for mode in real frozen; do
        for of in warm half full; do
            exits 0 --eval "$tmp/$of" --norms "$mode"
            value val_loss >"$tmp/$of.$mode"
        done
        cmp "$tmp/warm.$mode" "$tmp/half.$mode" || fail "norms $mode: $(cat "$tmp"/*."$mode")"
        ! cmp -s "$tmp/warm.$mode" "$tmp/full.$mode" || fail "norms $mode: branch factors are 1"
    done
    same "val_loss" "$(<"$tmp/warm.real")" "$(cell warm 40 val_loss)"
    for of in warm half full; do
        "$TRAIN" --sample "$tmp/$of" "${draw[@]}" | tr -d '\0' >"$tmp/$of.text"
    done
    cmp "$tmp/warm.text" "$tmp/half.text" || fail "samples of the checkpoint"
    ! cmp -s "$tmp/warm.text" "$tmp/full.text" || fail "samples: branch factors are 1"
    [[ $(<"$tmp/half.text") == "$(<"$tmp/warm.said")"* ]] || fail "the sample during training differs"
    [[ $(<"$tmp/full.text") != "$(<"$tmp/warm.said")"* ]] || fail "the sample is too short to show a difference"
}

eval_reads_other_data() {
    local own
    toy chars --set data.train="$tmp/toy.txt" --set data.vocab=chars --set data.val_fraction=0.2
    exits 0 --eval "$tmp/chars"
    own=$(value val_loss)
    same "own data" "$own" "$(cell chars 20 val_loss)"
    [[ -z $(value floor) ]] || fail "a text has no known floor: $said"
    exits 0 --eval "$tmp/chars" --set data.val="$tmp/other.txt" --eval-rows 50
    [[ $(value val_loss) != "$own" && $(value rows) == 50 ]] || fail "other data: $said"
    mv "$tmp/toy.txt" "$tmp/moved.txt" # the vocabulary is in the checkpoint
    exits 0 --eval "$tmp/chars" --set data.val="$tmp/moved.txt"
    exits 3 --eval "$tmp/chars"
    has "missing data" "$said" "toy.txt"
    mv "$tmp/moved.txt" "$tmp/toy.txt"
    exits 3 --eval "$tmp/chars" --set data.val="$tmp/foreign.txt"
    has "foreign characters" "$said" "foreign.txt"
    exits 3 --eval "$tmp/chars" --set data.val="$tmp/tokens.bin" --set data.format=raw_u16
    has "token ids" "$said" "token ids, but the model reads text"
    toy bytes
    exits 0 --eval "$tmp/bytes" --set data.val="$tmp/foreign.txt"
}

eval_refuses_other_models() {
    toy asked
    exits 2 --eval "$tmp/asked" --norm layernorm
    has "another model" "$said" 'only data.*, train.eval_rows, train.batch and train.threads can be set, not "model.norm=layernorm"'
    exits 2 --eval "$tmp/asked" --set datas.val=x
    exits 2 --eval "$tmp/asked" --set data.vall=x
    has "unknown key" "$said" "data.val"
    exits 3 --eval "$tmp/none"
    has "no run" "$said" "is it a run directory?"
    exits 2 --eval
    exits 2 --eval "$tmp/asked" --sample "$tmp/asked"
    toy all --set data.train="$tmp/toy.txt" --set data.val_fraction=0 --set train.eval_every=0
    exits 2 --eval "$tmp/all"
    has "no validation data" "$said" "no validation data"
}

norms_modes_differ() {
    local mode real
    toy frozen --topology peri --norm layernorm --steps 200 --set optim.lr=1e-2
    exits 0 --eval "$tmp/frozen" --norms real
    real=$(value val_loss)
    same "real" "$real" "$(cell frozen 200 val_loss)"
    for mode in frozen frozen_first identity; do
        exits 0 --eval "$tmp/frozen" --norms "$mode"
        awk -v real="$real" -v loss="$(value val_loss)" 'BEGIN { exit !(loss > real + 1e-4 && loss < 100) }' ||
            fail "$mode: $(value val_loss), real: $real"
    done
    [[ $("$TRAIN" --sample "$tmp/frozen" --temperature 0 --norms identity | cksum) != \
        $("$TRAIN" --sample "$tmp/frozen" --temperature 0 | cksum) ]] || fail "--norms does not change the sample"
    toy dyt --norm dyt
    exits 0 --eval "$tmp/dyt" --norms identity
    same "no statistic" "$(value val_loss)" "$(cell dyt 20 val_loss)"
    toy batch --norm batchnorm # statistics per feature, not per token: nothing to freeze
    exits 0 --eval "$tmp/batch" --norms frozen
    same "no statistic per token" "$(value val_loss)" "$(cell batch 20 val_loss)"
    exits 2 --eval "$tmp/frozen" --norms frozn
    has "unknown mode" "$said" 'not "frozn"'
}

force_topology_rewires() {
    toy wired --topology peri --norm rmsnorm --steps 200 --set optim.lr=1e-2
    exits 0 --eval "$tmp/wired" --force-topology peri
    has "itself" "$said" "rewired as peri: 28 of 28 tensors come from the run"
    same "itself" "$(sed '/warning/d' <<<"$said" | tr ' ' '\n' | sed -n 's/^val_loss=//p')" "$(cell wired 200 val_loss)"
    exits 0 --eval "$tmp/wired" --force-topology post
    has "another" "$said" "the others keep their initial values, and 10 tensors of the run are dropped"
    awk -v other="$(grep -v warning <<<"$said" | tr ' ' '\n' | sed -n 's/^val_loss=//p')" \
        -v own="$(cell wired 200 val_loss)" 'BEGIN { exit !(other > own + 0.05) }' || fail "$said"
    exits 0 --sample "$tmp/wired" --force-topology pre --tokens 3
    exits 2 --eval "$tmp/wired" --force-topology pery
    has "unknown topology" "$said" 'there is no topology "pery"'
    exits 2 --eval "$tmp/wired" --topology post
    has "hint" "$said" "--force-topology rewires it"
}

init_from_copies_weights() {
    local part
    toy first
    toy second --set train.init_from="$tmp/first" --set train.eval_rows=4
    same "step 0" "$(cell second 0 val_loss)" "$(cell first 20 val_loss)"
    [[ $(cell second 1 train_loss) != "$(cell first 1 train_loss)" ]] || fail "the weights are not those of the other run"
    toy whole --set train.init_from="$tmp/first" --steps 10
    toy whole --set train.init_from="$tmp/first" --steps 20 --resume --extend # resumes from its own checkpoint, not from the other run
    mv "$tmp/first" "$tmp/moved"
    toy whole --set train.init_from="$tmp/first" --steps 30 --resume --extend
    mv "$tmp/moved" "$tmp/first"
    for part in "--norm layernorm:no |has tensors" "--topology pre:has tensors" "--set model.d_ff=48:another shape of"; do
        # shellcheck disable=SC2086 # a flag and its value
        fails 2 "train.init_from: $tmp/first" --set train.init_from="$tmp/first" ${part%%:*} --overwrite
        grep -qE "${part#*:}" <<<"$said" || fail "$part: $said"
    done
    fails 3 "is it a run directory" --set train.init_from="$tmp/nowhere" --overwrite
}

warnings_are_printed_once() {
    toy warned --norm none
    has "training" "$said" "model.norm is none"
    exits 0 --eval "$tmp/warned"
    [[ $said != *warning* ]] || fail "--eval warns: $said"
    exits 0 --sample "$tmp/warned" --tokens 1
    [[ $said != *warning* ]] || fail "--sample warns: $said"
}

prompt_from_standard_input() {
    local typed
    toy typed --set data.train="$tmp/toy.txt" --set data.vocab=chars
    typed=$(printf 'a toy' | "$TRAIN" --sample "$tmp/typed" --prompt - --tokens 30)
    same "typed" "$typed" "$("$TRAIN" --sample "$tmp/typed" --prompt "a toy" --tokens 30)"
    exits 2 --sample "$tmp/typed" --prompt -
    has "empty prompt" "$said" "must not be empty"
    same "tiny top-p" "$("$TRAIN" --sample "$tmp/typed" --prompt toy --top-p 1e-9 --seed 3)" \
        "$("$TRAIN" --sample "$tmp/typed" --prompt toy --temperature 0)"
    exits 2 --sample "$tmp/typed" --top-p 1.5
    has "top-p" "$said" "--top-p takes a probability"
}

samples_during_training() {
    toy watched --set train.sample_every=5
    same "samples" "$(grep -a -o 'sample after step [0-9]*' <<<"$said" | tr '\n' ' ')" \
        "sample after step 5 sample after step 10 sample after step 15 sample after step 20 "
    toy unwatched
    same_run watched unwatched
    toy kept --set train.sample_every=5 --set train.recompute=true
    same_run kept unwatched
}

test_case "eval: matches the log" eval_matches_the_log
test_case "eval: branch-warmup" branch_warmup_applies_to_stored_models
test_case "eval: other data" eval_reads_other_data
test_case "eval: refuses other models" eval_refuses_other_models
test_case "eval: --norms" norms_modes_differ
test_case "eval: --force-topology" force_topology_rewires
test_case "eval: train.init_from" init_from_copies_weights
test_case "eval: warnings are printed once" warnings_are_printed_once
test_case "samples: prompt from standard input" prompt_from_standard_input
test_case "samples: during training" samples_during_training
test_done
