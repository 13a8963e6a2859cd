#!/usr/bin/env bash
# fuzz_gguf.sh FOLDER - seed inputs of fuzz_gguf: a small model of each architecture with tensors of all types.
set -euo pipefail

# number BYTES VALUE: an integer, the lowest byte first.
number() {
    local i byte value=$2
    for ((i = 0; i < $1; i++)); do
        printf -v byte '\\x%02x' $((value & 255))
        printf %b "$byte"
        value=$((value >> 8))
    done
}

text() {
    number 8 ${#1}
    printf %s "$1"
}

# integer NAME VALUE, real NAME BITS, string NAME TEXT, strings NAME TEXT...: a key.
integer() { text "$1" && number 4 4 && number 4 "$2"; }
real() { text "$1" && number 4 6 && number 4 "$2"; }
string() { text "$1" && number 4 8 && text "$2"; }
strings() {
    local item
    text "$1"
    number 4 9 && number 4 8 && number 8 $(($# - 1))
    for item in "${@:2}"; do text "$item"; done
}

# tensor NAME TYPE DIMENSION...: its data is at the beginning, with that of all others.
tensor() {
    local dimension
    text "$1"
    number 4 $(($# - 2))
    for dimension in "${@:3}"; do number 8 "$dimension"; done
    number 4 "$2"
    number 8 0
}

# model ARCHITECTURE PRE WIDTH TYPE
model() {
    local name=$1 width=$3 eps=rms_
    [[ $name != starcoder2 ]] || eps=
    printf GGUF
    number 4 3
    number 8 6
    number 8 17
    string general.architecture "$name"
    integer "$name.embedding_length" "$width"
    integer "$name.feed_forward_length" 32
    integer "$name.block_count" 1
    integer "$name.attention.head_count" 2
    integer "$name.attention.head_count_kv" 1
    integer "$name.attention.key_length" 2
    integer "$name.attention.value_length" 2
    integer "$name.context_length" 8
    real "$name.attention.layer_norm_${eps}epsilon" 0x3727c5ac
    real "$name.rope.freq_base" 0x461c4000
    integer general.alignment 8
    string tokenizer.ggml.model gpt2
    string tokenizer.ggml.pre "$2"
    strings tokenizer.ggml.tokens a b ab "<x>"
    strings tokenizer.ggml.merges "a b"
    text tokenizer.ggml.token_type
    number 4 9 && number 4 5 && number 8 4
    number 8 0x100000001 && number 8 0x300000001
    tensor token_embd.weight "$4" "$width" 5
    tensor blk.0.attn_q.weight "$4" "$width" 4
    tensor blk.0.attn_k.bias 0 2
    tensor blk.0.ffn_norm.weight 30 "$width"
    tensor blk.0.ffn_up.weight 1 8 4
    tensor output.weight "$4" "$width" 5
    head -c 1600 /dev/zero | tr '\0' '\63'
}

model llama smollm 32 2 >"$1/llama"
model qwen2 qwen2 32 3 >"$1/qwen2"
model qwen3 gpt-2 32 6 >"$1/qwen3"
model starcoder2 starcoder 32 7 >"$1/starcoder2"
model llama llama-bpe 256 12 >"$1/q4_k"
model llama llama-bpe 256 13 >"$1/q5_k"
model qwen2 gpt-2 256 14 >"$1/q6_k"
model qwen2 gpt-2 32 8 >"$1/q8_0"
