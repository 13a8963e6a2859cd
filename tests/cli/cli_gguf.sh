#!/usr/bin/env bash
# cli_gguf.sh - --import of GGUF files: the loss of small models of every architecture, and files that are refused;
# --export to them.
#
# The files are those of test_gguf. The losses are what transformers 5.24 gives in float64 for the same weights, tokens
# and sequences of 64.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

models=tests/oracle/gguf_files
text=tests/oracle/tokenizers/text.txt

# loses WANT: the validation loss that was printed.
loses() {
    local loss
    loss=$(sed -n 's/.* val_loss=\([^ ]*\).*/\1/p' <<<"$said")
    awk -v got="$loss" -v want="$1" 'BEGIN { exit !(got / want < 1 + 1e-5 && got / want > 1 - 1e-5) }' ||
        fail "loss $loss, want $1"
}

# text_model NAME CLASS LOSS: a model with a tokenizer.
text_model() {
    exits 0 --import "$models/$1.gguf" "$tmp/$1"
    has "class" "$said" "class=$2 topology=pre"
    has "tokenizer" "$said" "vocab=tokenizer"
    exits 0 --eval "$tmp/$1" --set "data.val=$text"
    loses "$3"
}

# token_model NAME LOSS: a model without a tokenizer, of 5 tokens.
token_model() {
    local i
    for ((i = 0; i < 641; i++)); do printf '%b\0' "\\x0$((i * i % 7 % 5))"; done >"$tmp/tokens.raw"
    exits 0 --import "$models/$1.gguf" "$tmp/$1"
    has "no tokenizer" "$said" "vocab=none"
    exits 0 --eval "$tmp/$1" --set "data.val=$tmp/tokens.raw" --set data.format=raw_u16
    loses "$2"
}

losses() {
    text_model llama LlamaForCausalLM 9.489526598
    text_model qwen2 Qwen2ForCausalLM 7.835754010
    text_model granite GraniteForCausalLM 6.408069922
    text_model starcoder2 Starcoder2ForCausalLM 15.722857034
    token_model types 49.051075927
    token_model qwen3 2.370447503
}

trains_on() {
    exits 0 --import "$models/granite.gguf" "$tmp/more" --set "data.train=$text" --set train.steps=4 --set train.batch=2 \
        --set optim.warmup_steps=1
    exits 0 --resume "$tmp/more"
    exits 0 --sample "$tmp/more" --tokens 4
}

# refused MESSAGE: --import of $tmp/other.gguf fails, and writes nothing.
refused() {
    exits 3 --import "$tmp/other.gguf" "$tmp/never"
    has "the message" "$said" "$1"
    same "lines" "$(grep -c '' <<<"$said")" 1
    [[ ! -e $tmp/never ]] || fail "a folder was written"
}

refusals() {
    sed 's/qwen2/qwen9/' "$models/qwen2.gguf" >"$tmp/other.gguf"
    refused 'general.architecture is "qwen9"; the architectures that are read from GGUF are llama, qwen2'
    head -c 30000 "$models/qwen2.gguf" >"$tmp/other.gguf"
    refused "ends after the end of the file: is the file complete?"
    cp README.md "$tmp/other.gguf"
    refused 'it does not begin with "GGUF"'
    sed 's/blk.1.attn_v.weight/blk.1.attn_w.weight/' "$models/qwen2.gguf" >"$tmp/other.gguf"
    refused "blk.1.attn_w.weight is not one that architecture qwen2 with 2 blocks has"
    sed 's/blk.1.attn_v.weight/blk.1.attn_q.weight/; s/blk.1.attn_q.weight/blk.1.attn_v.weight/' \
        "$models/qwen2.gguf" >"$tmp/other.gguf"
    refused "another shape"
    sed 's/smollm/smell2/' "$models/granite.gguf" >"$tmp/other.gguf"
    refused 'tokenizer.ggml.pre is "smell2"; the splits of text that this program knows are gpt-2, smollm'
    has "a way out" "$said" "--set data.vocab=bytes imports the model without it"
    exits 0 --import "$tmp/other.gguf" "$tmp/without" --set data.vocab=bytes
    has "no tokenizer" "$said" "vocab=none"
    mkfifo "$tmp/pipe.gguf"
    exits 3 --import "$tmp/pipe.gguf" "$tmp/never"
    has "pipe" "$said" "is not a regular file"
}

# refused_export MESSAGE OUT ARGUMENT...: trains the toy config, whose model is not written.
refused_export() {
    rm -rf "$tmp/toy"
    toy toy "${@:3}"
    exits 2 --export "$tmp/toy" "$2"
    has "the message" "$said" "$1"
    [[ ! -e $2 && -z $(compgen -G "$2*") ]] || fail "a file was written"
}

# A run as F32 and F16, and back.
exports() {
    local name loss
    exits 0 --import "$models/llama.gguf" "$tmp/source"
    for name in out.gguf out.F16.GGUF; do
        exits 0 --export "$tmp/source" "$tmp/$name"
        has "class" "$said" "class: LlamaForCausalLM"
        has "file" "$said" "file=$tmp/$name"
        exits 0 --import "$tmp/$name" "$tmp/again_$name"
        exits 0 --eval "$tmp/again_$name" --set "data.val=$text"
        loss=$(sed -n 's/.* val_loss=\([^ ]*\).*/\1/p' <<<"$said")
        awk -v got="$loss" 'BEGIN { exit !(got > 9.4 && got < 9.6) }' || fail "$name: loss $loss"
    done
    cmp <(tail -c 100000 "$(weights source)") <(tail -c 100000 "$(weights again_out.gguf)") || fail "other weights"
    (($(stat -c %s "$tmp/out.gguf") > $(stat -c %s "$tmp/out.F16.GGUF"))) || fail "F16 is not smaller"
    exits 2 --export "$tmp/source" "$tmp/out.gguf"
    refused_export "needs a model that a class of transformers computes" "$tmp/never.gguf" --topology none
    refused_export "GGUF files of class" "$tmp/never.gguf" --topology parallel --norm layernorm \
        --set model.position=rope --set model.mlp=swiglu --set model.bias=false
    refused_export "has the activation silu only" "$tmp/never.gguf" --topology pre --norm rmsnorm --set model.mlp=geglu \
        --set model.position=rope --set model.bias=false
}

test_case "import: GGUF models have the losses of transformers" losses
test_case "import: GGUF models train on" trains_on
test_case "import: GGUF files that are refused" refusals
test_case "export: GGUF files" exports
test_done
