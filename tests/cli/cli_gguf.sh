#!/usr/bin/env bash
# cli_gguf.sh - --import of GGUF files: the loss of small models of every architecture, and files that are refused.
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
    mkfifo "$tmp/pipe.gguf"
    exits 3 --import "$tmp/pipe.gguf" "$tmp/never"
    has "pipe" "$said" "is not a regular file"
}

test_case "import: GGUF models have the losses of transformers" losses
test_case "import: GGUF models train on" trains_on
test_case "import: GGUF files that are refused" refusals
test_done
