#!/usr/bin/env bash
# cli_fold.sh - --fold: a run before and after, what is refused, and the table of docs/folding.md with
# what the program prints for every topology.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# evaluated ARGUMENT...: the loss that --eval prints, with four digits after the point.
evaluated() {
    exits 0 --eval "$@"
    printf '%.4f' "$(tr ' ' '\n' <<<"$said" | sed -n 's/^val_loss=//p')"
}

# printed NAME: a value of the last output of --fold.
printed() {
    tr ' ' '\n' <<<"$said" | sed -n "s/^$1=//p"
}

below() {
    awk -v x="$2" -v limit="$3" 'BEGIN { exit !(x >= 0 && x < limit) }' || fail "$1: $2, not below $3"
}

sums() {
    (cd "$tmp/$1" && find . -type f -exec cksum {} + | sort)
}

journey() {
    local before
    toy run --set model.topology=hybrid_star --set model.norm=rmsnorm --set model.bias=false \
        --set model.tie_embeddings=false --set optim.lr=1e-2 --set train.checkpoint_every=10 --set train.keep=9
    before=$(sums run)
    exits 0 --fold "$tmp/run" "$tmp/out"
    same "the lines" "$(head -n 10 <<<"$said")" "folded:
  blocks.0.attn.norm_in.gamma -> blocks.0.attn.qkv.weight
  blocks.*.attn.norm_v.gamma -> blocks.*.attn.proj.weight
  blocks.0.mlp.norm_in.gamma -> blocks.0.mlp.up.weight
  final_norm.gamma -> head.weight
gone:
  blocks.0.attn.norm_in: undone by norm_q, norm_k and norm_v
unchanged:
  blocks.*.attn.norm_q: no matrix reads it
  blocks.*.attn.norm_k: no matrix reads it"
    has "parameters" "$said" "parameters=14688 of 14704 step=20"
    has "tokens" "$said" "tokens=validation sequences=4"
    below "difference" "$(printed relative)" 2e-2
    [[ $(printed relative) != 0 ]] || fail "eps does not count"
    same "the run is as it was" "$(sums run)" "$before"
    below "losses" "$(awk -v a="$(evaluated "$tmp/run")" -v b="$(evaluated "$tmp/out")" \
        'BEGIN { print (a > b ? a - b : b - a) }')" 1e-2
    exits 0 --sample "$tmp/out" --tokens 8
    exits 0 --logits "$tmp/out" "$tmp/out.npy"
    exits 0 --describe --config "$tmp/out/config.json"
    has "the first block" "$said" "block 1      u = x; x = x + attention(u)"
    exits 0 --status "$tmp/out"
    has "status" "$said" "state        folded"
    has "wire" "$(<"$tmp/out/config.json")" '"wire": {"blocks.0.attn.in": "none"}'
}

# Without redundant norms nothing depends on eps.
small_differences() {
    local word
    for word in topology=parallel topology=lns topology=layerscale topology=post norm=layernorm norm=dyt mlp=swiglu; do
        toy "run_$word" --set "model.$word" --set model.tie_embeddings=false --set optim.lr=1e-2 \
            --set gamma_warmup.steps=50 --set gamma_warmup.from=0.5
        exits 0 --fold "$tmp/run_$word" "$tmp/out_$word"
        below "$word" "$(printed relative)" 2e-5
        same "loss of $word" "$(evaluated "$tmp/out_$word")" "$(evaluated "$tmp/run_$word")"
    done
}

other_steps() {
    exits 0 --fold "$tmp/run" "$tmp/out10" --step 10
    has "step" "$said" "step=10 run=$tmp/out10"
    same "steps" "$(ls "$tmp/out10/checkpoints")" "latest
step_00000010"
    exits 0 --fold "$tmp/out" "$tmp/again"
    has "folded twice" "$said" "parameters=14688 of 14688"
    same "difference" "$(printed max_difference)" 0
}

# A run begins with the weights of a folded one, which is not resumed.
goes_on_as_another_run() {
    local want
    want=$(evaluated "$tmp/out")
    exits 0 --config "$tmp/out/config.json" --set name=more --set "train.init_from=$tmp/out"
    same "loss at step 0" "$(printf '%.4f' "$(cell more 0 val_loss)")" "$want"
    for words in "--resume $tmp/out" "--config $tmp/out/config.json" "--replay $tmp/out --step 5" \
        "--resume $tmp/out10" "--resume --extend --config $tmp/out/config.json --set train.steps=99"; do
        # shellcheck disable=SC2086 # words
        exits 2 $words
        has "$words" "$said" "was written by --fold and has no optimizer state to continue with; --set train.init_from="
    done
}

refusals() {
    mkdir "$tmp/empty" "$tmp/full"
    echo precious >"$tmp/full/mine"
    exits 0 --fold "$tmp/run" "$tmp/empty"
    for out in full run full/mine empty; do
        exits 2 --fold "$tmp/run" "$tmp/$out"
        has "$out" "$said" "$tmp/$out exists; choose another folder, or remove it"
    done
    same "mine" "$(ls "$tmp/full") $(<"$tmp/full/mine")" "mine precious"
    ln -s "$tmp/nowhere" "$tmp/link"
    exits 2 --fold "$tmp/run" "$tmp/link"
    exits 2 --fold "$tmp/run"
    has "no folder" "$said" "--fold needs RUN OUT"
    exits 2 --fold "$tmp/run" "$tmp/a" "$tmp/b"
    exits 2 --fold "$tmp/run" "$tmp/a" --set model.norm=none
    has "another model" "$said" "--fold cannot change the model"
    exits 2 --fold "$tmp/run" "$tmp/a" --prompt x
    exits 2 --fold "$tmp/run" "$tmp/a" --step 7
    exits 3 --fold "$tmp/full" "$tmp/a"
    exits 4 --fold "$tmp/run" "$tmp/full/mine/a"
    toy removed --set norm_removal.start=5
    exits 2 --fold "$tmp/removed" "$tmp/a"
    has "norm_removal" "$said" "removes its norms during training (norm_removal.start)"
    cp -r "$tmp/run" "$tmp/edited"
    sed -i 's/"norm_eps": 0/"norm_eps": 0.5/' "$tmp/edited/config.json"
    exits 3 --fold "$tmp/edited" "$tmp/a"
    has "config.json" "$said" "is not the config of the checkpoint: model.norm_eps differs"
    [[ ! -e $tmp/a ]] || fail "a refused --fold left $tmp/a"
}

# Without its data a run is compared on random tokens; --set data.val gives others.
tokens_to_compare() {
    head -c 3000 docs/style.md >"$tmp/text.txt"
    toy text --set "data.train=$tmp/text.txt"
    mv "$tmp/text.txt" "$tmp/moved.txt"
    exits 0 --fold "$tmp/text" "$tmp/text_out"
    has "no data" "$said" "tokens=random sequences=4"
    exits 0 --fold "$tmp/text" "$tmp/text_out2" --set "data.val=$tmp/moved.*"
    has "other data" "$said" "tokens=validation sequences=4"
    has "the config is that of the run" "$(<"$tmp/text_out2/config.json")" '"val": ""'
    toy no_part --set data.val_fraction=0 --set data.train=builtin:stories
    exits 0 --fold "$tmp/no_part" "$tmp/no_part_out"
    has "no validation" "$said" "tokens=random sequences=4"
}

# cells HEADING NEXT: the lines between two headings of the last output as the cell of a table.
cells() {
    sed -n "/^$1:/,/^$2/p" <<<"$said" | sed '1d;$d' |
        sed -e 's/^ *//; s/blocks\.\*\.//g; s/ -> blocks\.[^.]*\./ -> /; s/\.gamma//g; s/\.weight//g; s/: .*//; s/nothing//' |
        paste -sd';' | sed 's/;/; /g'
}

# The lines of the table of docs/folding.md: four blocks, no biases, an untied head, relu2.
table() {
    local row
    for row in $("$TRAIN" --list topologies --json | grep -o '"name": "[^"]*' | cut -d'"' -f4); do
        toy "row_$row" --set "model.topology=$row" --set model.n_layer=4 --set model.norm=rmsnorm --set model.bias=false \
            --set model.tie_embeddings=false --set model.mlp=relu2 --set train.steps=0 --set train.eval_every=0 --quiet
        exits 0 --fold "$tmp/row_$row" "$tmp/folded_$row"
        echo "| \`$row\` | $(cells folded gone) | $(cells gone unchanged) | $(cells unchanged parameters) |"
    done
}

page() {
    table >"$tmp/table"
    (($(wc -l <"$tmp/table") > 20)) || fail "only $(wc -l <"$tmp/table") topologies"
    # shellcheck disable=SC2016 # backquotes of Markdown
    diff "$tmp/table" <(sed -n '/^| `/p' docs/folding.md) || fail "docs/folding.md has another table"
}

test_case "fold: a run before and after" journey
test_case "fold: differences without redundant norms" small_differences
test_case "fold: steps, and a folded run" other_steps
test_case "fold: another run begins with the weights" goes_on_as_another_run
test_case "fold: refusals" refusals
test_case "fold: the tokens that are compared" tokens_to_compare
test_case "fold: docs/folding.md" page
test_done
