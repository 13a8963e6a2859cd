#!/usr/bin/env bash
# cli_import.sh - --import: a run from a Hugging Face folder and what it can do; models that do not fit; 250 corrupted
# folders.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

V=300 C=8 T=16

# number BYTES VALUE: a little-endian integer.
number() {
    local i
    for ((i = 0; i < $1; i++)); do printf '%b' "\\x$(printf '%02x' $(($2 >> (8 * i) & 255)))"; done
}

# gpt2_header: the entries of the header of a GPT-2 of one block, in F32.
gpt2_header() {
    local at=0 name shape size comma=
    while read -r name shape; do
        size=4
        for n in ${shape//,/ }; do size=$((size * n)); done
        printf '%s"%s":{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}' "$comma" "$name" "$shape" "$at" $((at + size))
        at=$((at + size)) comma=,
    done <<EOF
wte.weight $V,$C
wpe.weight $T,$C
h.0.ln_1.weight $C
h.0.ln_1.bias $C
h.0.attn.c_attn.weight $C,$((3 * C))
h.0.attn.c_attn.bias $((3 * C))
h.0.attn.c_proj.weight $C,$C
h.0.attn.c_proj.bias $C
h.0.ln_2.weight $C
h.0.ln_2.bias $C
h.0.mlp.c_fc.weight $C,$((4 * C))
h.0.mlp.c_fc.bias $((4 * C))
h.0.mlp.c_proj.weight $((4 * C)),$C
h.0.mlp.c_proj.bias $C
ln_f.weight $C
ln_f.bias $C
EOF
    echo
    echo "$at"
}

# put_model FOLDER: all weights are 0.011490, the float of the bytes "<<<<".
put_model() {
    local header bytes
    mkdir -p "$1"
    { read -r header && read -r bytes; } < <(gpt2_header)
    header="{\"__metadata__\":{\"format\":\"pt\"},$header}"
    {
        number 8 ${#header}
        printf '%s' "$header"
        head -c "$bytes" /dev/zero | tr '\0' '<'
    } >"$1/model.safetensors"
    cat >"$1/config.json" <<JSON
{
  "model_type": "gpt2",
  "n_embd": $C, "n_layer": 1, "n_head": 2, "n_inner": null, "n_positions": $T,
  "vocab_size": $V,
  "activation_function": "gelu_new",
  "layer_norm_epsilon": 1e-05,
  "tie_word_embeddings": true
}
JSON
}

# with KEY JSON: the config of the model with a field replaced or added, as the folder $tmp/other.
with() {
    rm -rf "$tmp/other"
    cp -r "$tmp/model" "$tmp/other"
    sed -i -E "s|\"$1\": [^,}]+,? ?||; s|^\{|{ \"$1\": $2,|" "$tmp/other/config.json"
    sed -i -zE 's/,\s*\}/\n}/' "$tmp/other/config.json"
}

# refused PART: --import of $tmp/other fails with a message that has PART, and writes nothing.
refused() {
    exits 3 --import "$tmp/other" "$tmp/never"
    has "the message" "$said" "$1"
    [[ ! -e $tmp/never ]] || fail "a folder was written"
}

journey() {
    local words loss
    put_model "$tmp/model"
    words=$(seq 1 400 | tr '\n' ' ')
    printf '%s%s' "$words" "$words" >"$tmp/text.txt"
    exits 0 --train-tokenizer "$tmp/text.txt" "$tmp/model/tokenizer.json" --vocab 280
    exits 0 --import "$tmp/model" "$tmp/run" --set "data.train=$tmp/text.txt" --set train.steps=8 --set train.batch=2 \
        --set optim.warmup_steps=2 --set optim.lr=1e-2
    has "class" "$said" "class=GPT2LMHeadModel topology=pre norm=layernorm vocab=tokenizer"
    has "sizes" "$said" "context=16 of 16 step=0 run=$tmp/run"
    cmp "$tmp/model/tokenizer.json" "$tmp/run/checkpoints/tokenizer.json" || fail "another tokenizer"
    has "vocab" "$(<"$tmp/run/config.json")" "\"vocab\": \"$tmp/run/checkpoints/tokenizer.json\""
    [[ $(stat -c %s "$tmp/run/checkpoints/step_00000000/optimizer.safetensors") -lt 4096 ]] || fail "an optimizer file"
    exits 0 --status "$tmp/run"
    has "status" "$said" "state        imported"
    exits 0 --eval "$tmp/run"
    # All logits are equal: ln 300.
    has "loss" "$said" "val_loss=5.70378"
    exits 0 --logits "$tmp/run" "$tmp/logits.npy" --prompt "1 2 3"
    exits 0 --sample "$tmp/run" --tokens 8
    exits 0 --describe --config "$tmp/run/config.json"
    has "equations" "$said" "gelu"
    exits 0 --config "$tmp/run/config.json" --set name=again --set "train.init_from=$tmp/run" --set "log.dir=$tmp"
    exits 0 --resume "$tmp/run"
    same "the first record" "$(cell run 0 val_loss | cut -c 1-7)" 5.70378
    loss=$(cell run 8 val_loss)
    awk -v x="$loss" 'BEGIN { exit !(x < 5.7) }' || fail "the loss after training is $loss"
    diff <(numbers run) <(numbers again) || fail "init_from gives other numbers than --resume"
    cmp <(tail -c 12000 "$(weights run)") <(tail -c 12000 "$(weights again)") || fail "and other weights"
    exits 0 --resume "$tmp/run"
    has "finished" "$said" "already finished"
}

# The data may be named when the training begins.
other_data() {
    exits 0 --import "$tmp/model" "$tmp/late" --set train.steps=8 --set train.batch=2 --set optim.warmup_steps=2 \
        --set optim.lr=1e-2
    exits 2 --resume "$tmp/late"
    exits 0 --config "$tmp/late/config.json" --resume --set "data.train=$tmp/text.txt"
    cmp "$(weights late)" "$(weights run)" || has "other weights" "$(cell late 8 val_loss)" "$(cell run 8 val_loss)"
}

choices() {
    exits 0 --import "$tmp/model" "$tmp/short" --set model.context=5 --set data.vocab=bytes
    has "context" "$said" "context=5 of 16"
    has "no tokenizer" "$said" "vocab=none"
    exits 3 --import "$tmp/model" "$tmp/long" --set model.context=17
    has "too long" "$said" "model.context of at most 16"
    exits 2 --import "$tmp/model" "$tmp/never" --set model.n_layer=3
    has "the model" "$said" "only model.context and model.dropout"
    exits 2 --import "$tmp/model" "$tmp/run"
    has "exists" "$said" "$tmp/run exists"
    exits 2 --import "$tmp/model"
    has "arguments" "$said" "--import needs DIR RUN"
    exits 3 --import "$tmp/nothing" "$tmp/never"
    exits 0 --import "$tmp/model" "$tmp/dropped" --set model.dropout=0.1
}

# What a model needs is listed at once.
needs() {
    with model_type '"mixtral"'
    refused 'the architecture "mixtral"; known are llama, mistral'
    with activation_function '"quick_gelu"'
    refused 'the activation "quick_gelu"'
    with scale_attn_weights false
    sed -i 's/"n_head": 2/"n_head": "two", "num_experts": 8, "quantization_config": {"bits": 4}/' "$tmp/other/config.json"
    refused "n_head as an integer"
    has "all" "$said" "a mixture of experts (num_experts)"
    has "all" "$said" "weights in a quantized format"
    has "all" "$said" "scores without the factor"
    with n_layer 2
    refused "it has no tensor h.{i}.ln_1.weight of block 1"
    with n_inner 24
    refused "another shape"
    with vocab_size 299
    refused "another shape"
    with n_positions 15
    refused "another shape"
    with tie_word_embeddings false
    refused "no tensor lm_head.weight"
    with n_layer 1000
    refused "describes a model of"
    rm -rf "$tmp/other" && cp -r "$tmp/model" "$tmp/other"
    sed -i 's/"ln_f.bias"/"ln_f.bios"/' "$tmp/other/model.safetensors"
    refused "no tensor ln_f.bias"
    rm "$tmp/other/model.safetensors"
    refused "model.safetensors: No such file"
}

# shard FOLDER: the model in two files.
shards() {
    local folder=$tmp/sharded
    mkdir -p "$folder"
    cp "$tmp/model/config.json" "$folder"
    cp "$tmp/model/model.safetensors" "$folder/a.safetensors"
    header='{"extra.rotary_emb.inv_freq":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}'
    { number 8 ${#header} && printf '%s' "$header" && head -c 16 /dev/zero; } >"$folder/b.safetensors"
    printf '{"metadata":{},"weight_map":{"wte.weight":"a.safetensors","extra.rotary_emb.inv_freq":"b.safetensors"}}' \
        >"$folder/model.safetensors.index.json"
    exits 0 --import "$folder" "$tmp/from_shards"
    cmp <(tail -c 12000 "$(weights from_shards)") <(tail -c 12000 "$(weights unsharded)") || fail "other weights"
    sed -i 's/.rotary_emb.inv_freq/.rotary_emb.inv_good/' "$folder/b.safetensors" "$folder/model.safetensors.index.json"
    exits 3 --import "$folder" "$tmp/never"
    has "extra" "$said" "it has a tensor extra.rotary_emb.inv_good, which GPT2LMHeadModel"
    sed -i 's/inv_good/inv_freq/' "$folder/b.safetensors" "$folder/model.safetensors.index.json"
    sed -i 's/"wte.weight":/"wta.weight":/' "$folder/model.safetensors.index.json"
    exits 3 --import "$folder" "$tmp/never"
    has "index" "$said" "lists the tensor wta.weight"
    sed -i 's/a.safetensors/..\/model\/a.safetensors/' "$folder/model.safetensors.index.json"
    exits 3 --import "$folder" "$tmp/never"
    cp "$folder/a.safetensors" "$folder/b.safetensors"
    printf '{"weight_map":{"wte.weight":"a.safetensors","wpe.weight":"b.safetensors"}}' >"$folder/model.safetensors.index.json"
    exits 3 --import "$folder" "$tmp/never"
    has "twice" "$said" "two tensors"
}

# limited ARGUMENT...: the program in 1 GB of addresses; sanitizers need more.
limited() {
    [[ $TRAIN == *sanitize* ]] || ulimit -v 1000000
    "$TRAIN" "$@"
}

# hostile: imports $tmp/other, which must work or be refused with one message, and write no run where it is refused.
hostile() {
    local code=0
    rm -rf "$tmp/never"
    said=$(limited --import "$tmp/other" "$tmp/never" 2>&1 </dev/null | tr -d '\0') || code=$?
    case $code in
    0) taken=$((taken + 1)) ;;
    2 | 3)
        has "$1" "$said" "error: "
        [[ ! -e $tmp/never ]] || fail "$1: a folder was written"
        ;;
    *) fail "$1: exit code $code: $said" ;;
    esac
    count=$((count + 1))
}

corrupted() {
    local file size i at byte value key
    local -i count=0 taken=0
    file=$tmp/other/model.safetensors
    rm -rf "$tmp/other" && cp -r "$tmp/model" "$tmp/other"
    rm -f "$tmp/other/tokenizer.json"
    size=$(stat -c %s "$tmp/model/model.safetensors")
    for i in 0 1 7 8 9 64 500 1000 1300 $((size / 2)) $((size - 1)); do
        head -c "$i" "$tmp/model/model.safetensors" >"$file"
        hostile "cut at $i"
    done
    { cat "$tmp/model/model.safetensors" && printf x; } >"$file"
    hostile "one byte more"
    # Bytes of the size of the header and of the header.
    for ((i = 0; i < 120; i++)); do
        at=$((i < 8 ? i : (i - 8) * 13 + 8)) byte=$(((i * 37 + 129) % 256))
        cp "$tmp/model/model.safetensors" "$file"
        printf '%b' "\\x$(printf '%02x' "$byte")" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
        hostile "byte $at = $byte"
    done
    # Words of the header by others of the same length.
    for i in 's/F32/I64/' 's/F32/BF1/' 's/F32/F16/' 's/\[300,8\]/[8,300]/' 's/\[300,8\]/[-30,8]/' 's/\[300,8\]/[3e2,8]/' \
        's/\[0,9600\]/[1,9601]/' 's/\[0,9600\]/[9600,0]/' 's/"shape"/"shapes"/' 's/wpe.weight/wte.weight/' \
        's/\[300,8\]/[99999]/' 's/\[16,8\]/[0,99]/' 's/"dtype"/"shape"/' 's/data_offsets/data-offsets/' 's/{"__meta/ "__meta/'; do
        sed "$i" "$tmp/model/model.safetensors" >"$file"
        hostile "$i"
    done
    cp "$tmp/model/model.safetensors" "$file"
    for key in n_embd n_layer n_head n_inner n_positions vocab_size activation_function layer_norm_epsilon \
        tie_word_embeddings model_type; do
        for value in 0 -1 1.5 1e300 '"8"' '[]' '{}' true null 4294967296 18446744073709551616; do
            with "$key" "$value"
            rm -f "$tmp/other/tokenizer.json"
            hostile "$key = $value"
        done
    done
    for value in '' '{' '[]' 'null' '{"model_type": "gpt2"}' '{"model_type": "llama", "model_type": "gpt2"}' $'{"\\u0000": 1}' \
        '{"model_type": "falcon", "multi_query": 3}' "$(printf '{"a":%.0s' {1..40})"; do
        printf '%s' "$value" >"$tmp/other/config.json"
        hostile "config.json = $value"
    done
    ((count >= 250)) || fail "only $count"
    ((taken < count / 8)) || fail "$taken of $count were imported"
}

test_case "import: a run that is evaluated, sampled and trained on" journey
test_case "import: data named later" other_data
test_case "import: what can be chosen" choices
test_case "import: what a model needs" needs
exits 0 --import "$tmp/model" "$tmp/unsharded" --set data.vocab=bytes
test_case "import: shards" shards
test_case "import: corrupted folders" corrupted
test_done
