#!/usr/bin/env bash
# cli_eval.sh - what a finished run is asked: --eval on its own data and on others, samples of it.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

printf 'once upon a time there was a toy. %.0s' {1..40} >"$tmp/toy.txt"
printf 'a time was once upon there a toy. %.0s' {1..40} >"$tmp/other.txt"
printf 'a Capital. %.0s' {1..40} >"$tmp/foreign.txt"
head -c 4000 /dev/zero >"$tmp/tokens.bin"

# value NAME: of the line that --eval printed.
value() {
    tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

eval_repeats_the_log() {
    local norm row
    for row in pre peri; do
        norm=$([[ $row == pre ]] && echo layernorm || echo rmsnorm)
        toy "$row" --topology "$row" --norm "$norm" --set gamma_warmup.steps=30 --set gamma_warmup.from=0.2
        exits 0 --eval "$tmp/$row"
        same "$row: val_loss" "$(value val_loss)" "$(cell "$row" 20 val_loss)"
        same "$row: step, rows, tokens" "$(value step) $(value rows) $(value tokens)" "20 4 64"
        same "$row: one line" "$(wc -l <<<"$said")" 1
        awk -v loss="$(value val_loss)" -v bits="$(value bits_per_token)" -v perplexity="$(value perplexity)" \
            -v middle="$(value median)" -v high="$(value p99.9)" -v floor="$(value floor)" 'BEGIN {
            near = bits * log(2) / loss - 1 + log(perplexity) / loss - 1
            exit !(near * near < 1e-9 && middle > 0 && high > loss && floor > 0.1 && floor < loss)
        }' || fail "$said"
    done
    exits 0 --eval "$tmp/peri" --set train.batch=3 --set train.threads=2
    same "other batches" "$(value val_loss)" "$(cell peri 20 val_loss)"
    exits 0 --eval "$tmp/peri" --set train.eval_rows=9
    same "more rows" "$(value rows)" 9
}

# Half-way through its branch-warmup a run is the net whose branches count half: for --eval, for what
# norms are frozen to, for samples while it trains and of its checkpoint.
warm_branches_count_as_far_as_they_are() {
    local half=(--set model.wire.attn.branch=0.5 --set model.wire.mlp.branch=0.5) of mode
    local long=(--set model.context=64) # of what is drawn while it trains
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
        ! cmp -s "$tmp/warm.$mode" "$tmp/full.$mode" || fail "norms $mode: the branches count in full"
    done
    same "val_loss" "$(<"$tmp/warm.real")" "$(cell warm 40 val_loss)"
    for of in warm half full; do
        "$TRAIN" --sample "$tmp/$of" "${draw[@]}" | tr -d '\0' >"$tmp/$of.text"
    done
    cmp "$tmp/warm.text" "$tmp/half.text" || fail "samples of the checkpoint"
    ! cmp -s "$tmp/warm.text" "$tmp/full.text" || fail "samples: the branches count in full"
    [[ $(<"$tmp/half.text") == "$(<"$tmp/warm.said")"* ]] || fail "the sample while training"
    [[ $(<"$tmp/full.text") != "$(<"$tmp/warm.said")"* ]] || fail "the sample is too short to tell"
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
    mv "$tmp/toy.txt" "$tmp/moved.txt" # the alphabet is in the checkpoint
    exits 0 --eval "$tmp/chars" --set data.val="$tmp/moved.txt"
    exits 3 --eval "$tmp/chars"
    has "data that is gone" "$said" "toy.txt"
    mv "$tmp/moved.txt" "$tmp/toy.txt"
    exits 3 --eval "$tmp/chars" --set data.val="$tmp/foreign.txt"
    has "foreign characters" "$said" "foreign.txt"
    exits 3 --eval "$tmp/chars" --set data.val="$tmp/tokens.bin" --set data.format=raw_u16
    has "token ids" "$said" "token ids, but the model reads text"
    toy bytes
    exits 0 --eval "$tmp/bytes" --set data.val="$tmp/foreign.txt"
}

eval_refuses() {
    toy asked
    exits 2 --eval "$tmp/asked" --norm layernorm
    has "another net" "$said" 'only data.*, train.eval_rows, train.batch and train.threads can be set, not "model.norm=layernorm"'
    exits 2 --eval "$tmp/asked" --set datas.val=x
    exits 2 --eval "$tmp/asked" --set data.vall=x
    has "a key that is none" "$said" "data.val"
    exits 3 --eval "$tmp/none"
    has "no run" "$said" "is it a run directory?"
    exits 2 --eval
    exits 2 --eval "$tmp/asked" --sample "$tmp/asked"
    toy all --set data.train="$tmp/toy.txt" --set data.val_fraction=0 --set train.eval_every=0
    exits 2 --eval "$tmp/all"
    has "nothing to validate" "$said" "no validation data"
}

norms_are_frozen() {
    local mode real
    toy normed --topology peri --norm layernorm --steps 200 --set optim.lr=1e-2
    exits 0 --eval "$tmp/normed" --norms real
    real=$(value val_loss)
    same "real" "$real" "$(cell normed 200 val_loss)"
    for mode in frozen frozen_first identity; do
        exits 0 --eval "$tmp/normed" --norms "$mode"
        awk -v real="$real" -v loss="$(value val_loss)" 'BEGIN { exit !(loss > real + 1e-4 && loss < 100) }' ||
            fail "$mode: $(value val_loss) beside $real"
    done
    [[ $("$TRAIN" --sample "$tmp/normed" --temperature 0 --norms identity | cksum) != \
        $("$TRAIN" --sample "$tmp/normed" --temperature 0 | cksum) ]] || fail "samples take no notice"
    toy dyt --norm dyt
    exits 0 --eval "$tmp/dyt" --norms identity
    same "no statistic" "$(value val_loss)" "$(cell dyt 20 val_loss)"
    toy batch --norm batchnorm # of a feature, not of a token: nothing to freeze
    exits 0 --eval "$tmp/batch" --norms frozen
    same "no statistic of a token" "$(value val_loss)" "$(cell batch 20 val_loss)"
    exits 2 --eval "$tmp/normed" --norms frozn
    has "no mode" "$said" 'not "frozn"'
}

other_wirings_are_forced() {
    toy wired --topology peri --norm rmsnorm --steps 200 --set optim.lr=1e-2
    exits 0 --eval "$tmp/wired" --force-topology peri
    has "itself" "$said" "wired as peri instead: 28 of its 28 tensors are those of the run"
    same "itself" "$(sed '/warning/d' <<<"$said" | tr ' ' '\n' | sed -n 's/^val_loss=//p')" "$(cell wired 200 val_loss)"
    exits 0 --eval "$tmp/wired" --force-topology post
    has "another" "$said" "the others start anew, and 10 of the run are dropped"
    awk -v other="$(grep -v warning <<<"$said" | tr ' ' '\n' | sed -n 's/^val_loss=//p')" \
        -v own="$(cell wired 200 val_loss)" 'BEGIN { exit !(other > own + 0.05) }' || fail "$said"
    exits 0 --sample "$tmp/wired" --force-topology pre --tokens 3
    exits 2 --eval "$tmp/wired" --force-topology pery
    has "no topology" "$said" 'not "pery"'
    exits 2 --eval "$tmp/wired" --topology post
    has "by the way" "$said" "--force-topology wires it otherwise"
}

runs_begin_with_weights() {
    local part
    toy first
    toy second --set train.init_from="$tmp/first" --set train.eval_rows=4
    same "row 0" "$(cell second 0 val_loss)" "$(cell first 20 val_loss)"
    [[ $(cell second 1 train_loss) != "$(cell first 1 train_loss)" ]] || fail "the weights are not those of the other run"
    toy whole --set train.init_from="$tmp/first" --steps 10
    toy whole --set train.init_from="$tmp/first" --steps 20 --resume # the checkpoint counts, not the other run
    mv "$tmp/first" "$tmp/moved"
    toy whole --set train.init_from="$tmp/first" --steps 30 --resume
    mv "$tmp/moved" "$tmp/first"
    for part in "--norm layernorm:no |has tensors" "--topology pre:has tensors" "--set model.d_ff=48:another shape of"; do
        # shellcheck disable=SC2086 # a flag and its value
        fails 2 "train.init_from: $tmp/first" --set train.init_from="$tmp/first" ${part%%:*} --overwrite
        grep -qE "${part#*:}" <<<"$said" || fail "$part: $said"
    done
    fails 3 "is it a run directory" --set train.init_from="$tmp/nowhere" --overwrite
}

warnings_are_said_once() {
    toy warned --norm none
    has "training" "$said" "model.norm is none"
    exits 0 --eval "$tmp/warned"
    [[ $said != *warning* ]] || fail "--eval warns: $said"
    exits 0 --sample "$tmp/warned" --tokens 1
    [[ $said != *warning* ]] || fail "--sample warns: $said"
}

samples_from_standard_input() {
    local typed
    toy typed --set data.train="$tmp/toy.txt" --set data.vocab=chars
    typed=$(printf 'a toy' | "$TRAIN" --sample "$tmp/typed" --prompt - --tokens 30)
    same "typed" "$typed" "$("$TRAIN" --sample "$tmp/typed" --prompt "a toy" --tokens 30)"
    exits 2 --sample "$tmp/typed" --prompt -
    has "nothing typed" "$said" "must not be empty"
    same "top-p of nothing" "$("$TRAIN" --sample "$tmp/typed" --prompt toy --top-p 1e-9 --seed 3)" \
        "$("$TRAIN" --sample "$tmp/typed" --prompt toy --temperature 0)"
    exits 2 --sample "$tmp/typed" --top-p 1.5
    has "no probability" "$said" "--top-p takes a probability"
}

samples_while_training() {
    toy watched --set train.sample_every=5
    same "samples" "$(grep -a -o 'sample after step [0-9]*' <<<"$said" | tr '\n' ' ')" \
        "sample after step 5 sample after step 10 sample after step 15 sample after step 20 "
    toy unwatched
    same_run watched unwatched
    toy kept --set train.sample_every=5 --set train.recompute=true
    same_run kept unwatched
}

test_case "eval: repeats the log" eval_repeats_the_log
test_case "eval: branch-warmup" warm_branches_count_as_far_as_they_are
test_case "eval: other data" eval_reads_other_data
test_case "eval: refuses" eval_refuses
test_case "eval: norms are frozen" norms_are_frozen
test_case "eval: other wirings are forced" other_wirings_are_forced
test_case "eval: runs begin with weights" runs_begin_with_weights
test_case "eval: warnings are said once" warnings_are_said_once
test_case "samples: from standard input" samples_from_standard_input
test_case "samples: while training" samples_while_training
test_done
