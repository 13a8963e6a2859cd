#!/usr/bin/env bash
# cli_export_model.sh - --export RUN DIR: the files of the folder, and what is refused. That transformers computes the
# same is tested by tests/soak/exports.sh.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# field FILE EXPRESSION: what jq prints.
field() {
    jq -rc "$2" "$tmp/$1"
}

folder_is_complete() {
    toy run --topology gpas --set model.position=rope --set model.embed_scale=0 --set train.checkpoint_every=10 --set train.keep=9
    exits 0 --export "$tmp/run" "$tmp/out"
    has "class" "$said" "class: PeriForCausalLM (modeling_peri.py), trust_remote_code=True"
    has "step" "$said" "step=20 folder=$tmp/out"
    has "parity" "$said" "parity: tokens=16 mean="
    same "files" "$(cd "$tmp/out" && echo *)" \
        "config.json generation_config.json model.safetensors modeling_peri.py tokenizer.json tokenizer_config.json"
    cmp "$tmp/out/model.safetensors" "$(weights run)" || fail "other weights"
    cmp "$tmp/out/modeling_peri.py" run/models/modeling_peri.py || fail "another class"
    same "config" "$(field out/config.json '[.architectures[0], .num_hidden_layers, .head, .blocks[1].mlp.leave.learn]')" \
        '["PeriForCausalLM",2,"N(x)","shrink"]'
    same "tensors" "$(field out/config.json '.tensors | length')" "$(od -An -c -v "$(weights run)" | tr -d ' \n' | grep -o '"dtype"' | wc -l)"
    same "shape" "$(field out/config.json '.tensors["tok_emb.weight"]')" "[256,$(field run/config.json .model.d_model)]"
    same "hash" "$(field out/config.json .equations)" "$(field run/run.json .equations[0] | grep -o '[0-9a-f]\{16\}' || field run/run.json .equations_hash)"
    same "byte" "$(field out/tokenizer.json '.model.vocab["Ġ"]')" 32
    exits 0 --export "$tmp/run" "$tmp/early" --step 10
    has "step" "$said" "step=10"
    cmp -s "$tmp/out/model.safetensors" "$tmp/early/model.safetensors" && fail "the same weights"
    return 0
}

# Half-way through gamma-warmup its factor is in config.json, for the slots that it scales.
warm_ups_are_written() {
    toy warm --topology peri --set gamma_warmup.steps=40 --set gamma_warmup.from=0 --set 'gamma_warmup.slots=["out"]' \
        --set branch_warmup.steps=40 --set branch_warmup.from=0
    exits 0 --export "$tmp/warm" "$tmp/warm_out"
    same "factors" "$(field warm_out/config.json '[.gamma_scale, .blocks[0].attn.warm, .blocks[0].attn.ramp, .blocks[1].mlp.ramp]')" \
        '[0.5,["out"],0.5,0.25]'
}

alphabets_are_written() {
    printf 'abba cab %.0s' {1..500} >"$tmp/abc.txt"
    toy chars --set "data.train=$tmp/abc.txt" --set data.vocab=chars
    exits 0 --export "$tmp/chars" "$tmp/chars_out"
    same "tokens" "$(field chars_out/tokenizer.json .model.vocab)" '{"Ġ":0,"a":1,"b":2,"c":3}'
    toy numbers --set data.train=builtin:random --set data.vocab_size=50
    exits 0 --export "$tmp/numbers" "$tmp/numbers_out"
    [[ ! -e $tmp/numbers_out/tokenizer.json ]] || fail "a tokenizer of tokens without text"
}

mistakes_are_refused() {
    exits 2 --export "$tmp/run"
    has "no folder" "$said" "--export needs RUN DIR"
    exits 2 --export "$tmp/run" "$tmp/out"
    has "existing" "$said" "exists; choose another folder, or remove it"
    exits 3 --export "$tmp/nowhere" "$tmp/new"
    toy removed --set norm_removal.start=5 --set norm_removal.interval=1 --topology pre --norm rmsnorm
    exits 2 --export "$tmp/removed" "$tmp/new"
    has "removal" "$said" "has removed norms"
    exits 4 --export "$tmp/run" "$tmp/no/such/folder"
    [[ ! -e $tmp/new ]] || fail "a folder is left"
    mkdir "$tmp/empty"
    exits 0 --export "$tmp/run" "$tmp/empty"
}

test_case "--export: the folder" folder_is_complete
test_case "--export: warm-ups" warm_ups_are_written
test_case "--export: tokenizers of bytes" alphabets_are_written
test_case "--export: mistakes" mistakes_are_refused
test_done
