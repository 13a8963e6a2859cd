#!/usr/bin/env bash
# fuzz_import.sh FOLDER - seed inputs of fuzz_import: config.json files of classes with different fields, and a file of
# two tensors.
set -euo pipefail
sizes='"hidden_size":16,"num_hidden_layers":2,"num_attention_heads":4,"max_position_embeddings":12,"vocab_size":29'
header='{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"BOOL","shape":[],"data_offsets":[4,5]}}'
tensors() {
    printf "\\xFF\\x$(printf '%02x' ${#header})\\0\\0\\0\\0\\0\\0\\0%sabcde" "$header"
}
put() {
    { printf '{"model_type":"%s",%s,%s}' "$2" "$sizes" "$3" && tensors; } >"$1"
}
put "$1/llama" llama '"intermediate_size":20,"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":64}'
put "$1/gemma3" gemma3_text '"intermediate_size":20,"head_dim":6,"sliding_window":5,"rope_parameters":{"full_attention":{"rope_theta":1e6},"sliding_attention":{}},"layer_types":["sliding_attention","full_attention"]'
put "$1/smollm3" smollm3 '"intermediate_size":20,"no_rope_layers":[1,0],"sliding_window":null'
put "$1/granite" granite '"intermediate_size":20,"embedding_multiplier":6,"logits_scaling":4,"residual_multiplier":0.5,"attention_multiplier":0.2'
put "$1/exaone4" exaone4 '"intermediate_size":20,"sliding_window":5,"sliding_window_pattern":"LG","attention_bias":true'
put "$1/falcon" falcon '"multi_query":false,"bias":true,"alibi":false,"activation":"gelu"'
put "$1/opt" opt '"ffn_dim":20,"do_layer_norm_before":false,"word_embed_proj_dim":16,"enable_bias":true'
printf '{"model_type":"gpt2","n_embd":16,"n_layer":2,"n_head":4,"n_positions":12,"vocab_size":29,"n_inner":null}' >"$1/gpt2"
