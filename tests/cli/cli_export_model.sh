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
    has "class" "$said" "class: PeriForCausalLM (modeling_peri.py, trust_remote_code=True): no class of transformers has norms"
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

# A run of these keys is exported as the class, and is imported as the same weights if nothing was moved into them. What
# transformers computes with the classes is compared by tests/soak/exports.sh.
stock_classes_are_chosen() {
    local class moved keys sets
    while read -r class moved keys; do
        sets=()
        for key in $keys; do sets+=(--set "model.$key"); done
        rm -rf "$tmp"/{stock,stock_out,stock_in}
        toy stock "${sets[@]}"
        exits 0 --export "$tmp/stock" "$tmp/stock_out"
        same "$keys" "$(sed -n 's/^class: //p' <<<"$said")" "$class"
        has "$keys" "$said" "read back: max_difference="
        same "architecture" "$(field stock_out/config.json ".architectures[0]")" "$class"
        [[ ! -e $tmp/stock_out/modeling_peri.py ]] || fail "a class of its own beside $class"
        exits 0 --import "$tmp/stock_out" "$tmp/stock_in"
        [[ $moved == moved ]] || same "weights" "$(payload stock_in | cksum)" "$(payload stock | cksum)"
    done <<'CLASSES'
LlamaForCausalLM same topology=pre norm=rmsnorm position=rope mlp=swiglu bias=false
Qwen3ForCausalLM same topology=pre norm=rmsnorm position=rope mlp=swiglu bias=false qk_norm=on
ArceeForCausalLM same topology=pre norm=rmsnorm position=rope mlp=relu2 bias=false
GPT2LMHeadModel same topology=pre norm=layernorm
StableLmForCausalLM same topology=pre norm=layernorm position=rope mlp=swiglu bias_at=norm
Olmo2ForCausalLM same topology=olmo2 norm=rmsnorm position=rope mlp=swiglu bias=false
Glm4ForCausalLM same topology=sandwich norm=rmsnorm position=rope mlp=swiglu bias=false tie_embeddings=false
OpenAIGPTLMHeadModel same topology=post norm=layernorm
GPTNeoXForCausalLM same topology=parallel2 norm=layernorm position=rope rope_fraction=0.5 tie_embeddings=false
CohereForCausalLM same topology=parallel norm=layernorm position=rope mlp=swiglu bias=false
Glm4ForCausalLM moved topology=peri norm=rmsnorm position=rope mlp=swiglu bias=false
LlamaForCausalLM moved topology=lns norm=rmsnorm position=rope mlp=swiglu bias=false
GPT2LMHeadModel moved topology=layerscale norm=layernorm
OpenAIGPTLMHeadModel moved topology=deepnorm norm=layernorm
CLASSES
}

# A folder is measured without being imported.
folders_are_measured() {
    local loss
    rm -rf "$tmp"/{stock,stock_out}
    toy stock --topology pre --norm layernorm
    exits 0 --export "$tmp/stock" "$tmp/stock_out"
    cp README.md "$tmp/text.txt"
    exits 0 --measure "$tmp/stock" "$tmp/text.txt" --context 16
    loss=$(grep '^| nats per token' <<<"$said")
    exits 0 --measure "$tmp/stock_out" "$tmp/text.txt" --context 16
    same "loss" "$(grep '^| nats per token' <<<"$said")" "$loss"
    exits 2 --measure "$tmp/stock_out"
    has "no text" "$said" "needs a text"
    exits 2 --eval "$tmp/stock_out"
    has "not a run" "$said" "is a Hugging Face model or a GGUF file, not a run; --import $tmp/stock_out RUN makes it one"
}

# A model without a stock class is the same again, and trains.
own_class_is_imported() {
    for topology in resi_dual lambdas gemma4; do
        toy "own_$topology" --topology "$topology" --norm layernorm
        exits 0 --export "$tmp/own_$topology" "$tmp/own_out_$topology"
        exits 0 --import "$tmp/own_out_$topology" "$tmp/own_in_$topology"
        has "class" "$said" "class=PeriForCausalLM topology=$topology norm=layernorm"
        same "weights" "$(payload "own_in_$topology" | cksum)" "$(payload "own_$topology" | cksum)"
    done
    cp -r "$tmp/own_out_gemma4" "$tmp/broken"
    sed -i 's/"gamma_scale": 1,/"gamma_scale": 0.5,/' "$tmp/broken/config.json"
    exits 3 --import "$tmp/broken" "$tmp/new"
    has "warm-up" "$said" "a warm-up that is over"
    jq 'del(.config)' "$tmp/own_out_gemma4/config.json" >"$tmp/broken/config.json"
    exits 3 --import "$tmp/broken" "$tmp/new"
    has "config" "$said" "the config of its run"
}

# What a class lacks is said.
misfits_are_named() {
    local set word
    while read -r set word; do
        rm -rf "$tmp"/{stock,stock_out}
        toy stock --topology pre --norm rmsnorm --set model.position=rope --set model.mlp=swiglu --set model.bias=false --set "model.$set"
        exits 0 --export "$tmp/stock" "$tmp/stock_out"
        has "$set" "$said" "LlamaForCausalLM needs $word"
    done <<'SETS'
softcap_logits=9 logits without a softcap
softcap_attn=9 scores without a softcap
window=3 attention without windows
rope_layers=none the same RoPE in all layers
head_bias=true a head without a bias
rope_fraction=0.5 RoPE of all features
norm=dyt another kind of norm
SETS
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
test_case "--export: classes of transformers, imported again" stock_classes_are_chosen
test_case "--export: what a class lacks" misfits_are_named
test_case "--export: measured without an import" folders_are_measured
test_case "--export: PeriForCausalLM, imported again" own_class_is_imported
test_case "--export: warm-ups" warm_ups_are_written
test_case "--export: tokenizers of bytes" alphabets_are_written
test_case "--export: mistakes" mistakes_are_refused
test_done
