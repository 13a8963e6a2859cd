/* architectures.c - see architectures.h. */
#include "run/models/architectures.h"

#include "base/words.h"

#include <string.h>

/* clang-format off */

/* --- what several classes share --- */

#define LLAMA_SIZES \
    [FIELD_WIDTH] = "hidden_size", [FIELD_LAYERS] = "num_hidden_layers", [FIELD_HEADS] = "num_attention_heads", \
    [FIELD_POSITIONS] = "max_position_embeddings", [FIELD_VOCAB] = "vocab_size", [FIELD_TIED] = "tie_word_embeddings"
#define LLAMA_FIELDS(eps, activation) \
    LLAMA_SIZES, [FIELD_KV_HEADS] = "num_key_value_heads", [FIELD_HEAD_DIM] = "head_dim", \
    [FIELD_HIDDEN] = "intermediate_size", [FIELD_EPS] = eps, [FIELD_ACTIVATION] = activation
#define GPT2_FIELDS \
    [FIELD_WIDTH] = "n_embd", [FIELD_LAYERS] = "n_layer", [FIELD_HEADS] = "n_head", [FIELD_POSITIONS] = "n_positions", \
    [FIELD_VOCAB] = "vocab_size", [FIELD_TIED] = "tie_word_embeddings", [FIELD_EPS] = "layer_norm_epsilon"
#define PARTIAL [FIELD_FRACTION] = "partial_rotary_factor rotary_pct rope_pct"
#define WINDOW_FIELDS \
    [FIELD_WINDOW] = "sliding_window", [FIELD_TYPES] = "layer_types", \
    [FIELD_PATTERN] = "sliding_window_pattern _sliding_window_pattern"

#define LLAMA_ENDS [PLACE_TOKENS] = "embed_tokens", [PLACE_FINAL] = "norm", [PLACE_HEAD] = "lm_head"
#define LLAMA_QKV \
    [PLACE_Q] = "layers.{i}.self_attn.q_proj", [PLACE_K] = "layers.{i}.self_attn.k_proj", \
    [PLACE_V] = "layers.{i}.self_attn.v_proj"
#define LLAMA_ATTENTION LLAMA_QKV, [PLACE_PROJ] = "layers.{i}.self_attn.o_proj"
#define LLAMA_QK_NORMS \
    [PLACE_Q_NORM] = "layers.{i}.self_attn.q_norm", [PLACE_K_NORM] = "layers.{i}.self_attn.k_norm"
#define LLAMA_PLAIN [PLACE_UP] = "layers.{i}.mlp.up_proj", [PLACE_DOWN] = "layers.{i}.mlp.down_proj"
#define LLAMA_GATED [PLACE_GATE] = "layers.{i}.mlp.gate_proj", LLAMA_PLAIN
#define LLAMA_FUSED [PLACE_GATE_UP] = "layers.{i}.mlp.gate_up_proj", [PLACE_DOWN] = "layers.{i}.mlp.down_proj"
#define LLAMA_IN [PLACE_ATTN_IN] = "layers.{i}.input_layernorm"
#define LLAMA_NORMS LLAMA_IN, [PLACE_MLP_IN] = "layers.{i}.post_attention_layernorm"
#define OUT_NORMS \
    [PLACE_ATTN_OUT] = "layers.{i}.post_attention_layernorm", [PLACE_MLP_OUT] = "layers.{i}.post_feedforward_layernorm"
#define LLAMA_TENSORS LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_GATED, LLAMA_NORMS
#define GPT2_TENSORS \
    [PLACE_TOKENS] = "wte", [PLACE_POSITIONS] = "wpe", [PLACE_ATTN_IN] = "h.{i}.ln_1", [PLACE_MLP_IN] = "h.{i}.ln_2", \
    [PLACE_QKV] = "h.{i}.attn.c_attn", [PLACE_PROJ] = "h.{i}.attn.c_proj", [PLACE_UP] = "h.{i}.mlp.c_fc", \
    [PLACE_DOWN] = "h.{i}.mlp.c_proj", [PLACE_FINAL] = "ln_f", [PLACE_HEAD] = "lm_head"
#define OPT_TENSORS \
    [PLACE_TOKENS] = "decoder.embed_tokens", [PLACE_POSITIONS] = "decoder.embed_positions", \
    [PLACE_Q] = "decoder.layers.{i}.self_attn.q_proj", [PLACE_K] = "decoder.layers.{i}.self_attn.k_proj", \
    [PLACE_V] = "decoder.layers.{i}.self_attn.v_proj", [PLACE_PROJ] = "decoder.layers.{i}.self_attn.out_proj", \
    [PLACE_UP] = "decoder.layers.{i}.fc1", [PLACE_DOWN] = "decoder.layers.{i}.fc2", [PLACE_HEAD] = "lm_head"
#define NEOX_TENSORS \
    [PLACE_TOKENS] = "embed_in", [PLACE_ATTN_IN] = "layers.{i}.input_layernorm", \
    [PLACE_MLP_IN] = "layers.{i}.post_attention_layernorm", [PLACE_QKV] = "layers.{i}.attention.query_key_value", \
    [PLACE_PROJ] = "layers.{i}.attention.dense", [PLACE_UP] = "layers.{i}.mlp.dense_h_to_4h", \
    [PLACE_DOWN] = "layers.{i}.mlp.dense_4h_to_h", [PLACE_FINAL] = "final_layer_norm", [PLACE_HEAD] = "lm_head embed_out"
#define FALCON_TENSORS \
    [PLACE_TOKENS] = "word_embeddings", [PLACE_QKV] = "h.{i}.self_attention.query_key_value", \
    [PLACE_PROJ] = "h.{i}.self_attention.dense", [PLACE_UP] = "h.{i}.mlp.dense_h_to_4h", \
    [PLACE_DOWN] = "h.{i}.mlp.dense_4h_to_h", [PLACE_FINAL] = "ln_f", [PLACE_HEAD] = "lm_head"

#define UNTIED "\"tie_word_embeddings\": false"
#define TIED "\"tie_word_embeddings\": true"
#define RMS_1E6 "\"rms_norm_eps\": 1e-6"
#define RMS_1E5 "\"rms_norm_eps\": 1e-5"
#define SILU "\"hidden_act\": \"silu\""
#define GEMMA "\"hidden_activation\": \"gelu_pytorch_tanh\", \"head_dim\": 256, " RMS_1E6 ", " TIED
#define FALCON "\"layer_norm_epsilon\": 1e-5, \"activation\": \"gelu\", \"max_position_embeddings\": 2048, " TIED

#define OPT_ROW .model_type = "opt", .class_name = "OPTForCausalLM", .exported = true, .norm = "layernorm", .eps = 1e-5, \
    .position_offset = 2, .biases = BIASED_NORM, .bias_field = {{"enable_bias", BIASED_LINEAR}}, .prefix = "model.", \
    .defaults = "{\"activation_function\": \"relu\", \"enable_bias\": true, \"do_layer_norm_before\": true, " TIED "}", \
    .field = {LLAMA_SIZES, [FIELD_HIDDEN] = "ffn_dim", [FIELD_ACTIVATION] = "activation_function"}
#define NEOX_ROW .model_type = "gpt_neox", .class_name = "GPTNeoXForCausalLM", .exported = true, .norm = "layernorm", .grouped = true, \
    .rotation = ROTATE_HALVES, .biases = BIASED_NORM | BIASED_MLP, \
    .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}}, .prefix = "gpt_neox.", \
    .defaults = "{\"use_parallel_residual\": true, \"attention_bias\": true, \"layer_norm_eps\": 1e-5, " \
                "\"hidden_act\": \"gelu\", \"partial_rotary_factor\": 0.25, " UNTIED "}", \
    .field = {PARTIAL, LLAMA_SIZES, [FIELD_HIDDEN] = "intermediate_size", [FIELD_EPS] = "layer_norm_eps", \
              [FIELD_ACTIVATION] = "hidden_act"}, \
    .tensor = {NEOX_TENSORS}
#define FALCON_ROW .model_type = "falcon", .class_name = "FalconForCausalLM", .exported = true, .norm = "layernorm", .grouped = true, \
    .rotation = ROTATE_HALVES, .biases = BIASED_NORM, .bias_field = {{"bias", BIASED_LINEAR}}, .prefix = "transformer."
#define FALCON_FIELDS LLAMA_SIZES, [FIELD_HIDDEN] = "ffn_hidden_size", [FIELD_EPS] = "layer_norm_epsilon", \
    [FIELD_ACTIVATION] = "activation"
#define BIGCODE_ROW .model_type = "gpt_bigcode", .class_name = "GPTBigCodeForCausalLM", .topology = "pre", \
    .norm = "layernorm", .biases = BIASED_NORM | BIASED_LINEAR, .grouped = true, .prefix = "transformer.", \
    .defaults = "{\"multi_query\": true, \"activation_function\": \"gelu_pytorch_tanh\", " \
                "\"layer_norm_epsilon\": 1e-5, " TIED "}", \
    .field = {GPT2_FIELDS, [FIELD_HIDDEN] = "n_inner", [FIELD_ACTIVATION] = "activation_function"}, \
    .tensor = {GPT2_TENSORS}
#define STABLELM_ROW .model_type = "stablelm", .class_name = "StableLmForCausalLM", .exported = true, .norm = "layernorm", .gated = true, \
    .rotation = ROTATE_HALVES, .biases = BIASED_NORM, .bias_field = {{"use_qkv_bias", BIASED_QKV}}, .prefix = "model.", \
    .defaults = "{\"use_qkv_bias\": false, \"use_parallel_residual\": false, \"layer_norm_eps\": 1e-5, " SILU ", " \
                "\"partial_rotary_factor\": 0.25, " UNTIED "}", \
    .field = {PARTIAL, LLAMA_FIELDS("layer_norm_eps", "hidden_act")}
#define LLAMA_ROW(type, name, pairs) \
    .model_type = type, .class_name = name, .norm = "rmsnorm", .gated = true, .rotation = pairs, .prefix = "model."

/* --- the table --- */

static const Architecture TABLE[] = {
    {LLAMA_ROW("llama", "LlamaForCausalLM", ROTATE_HALVES), .exported = true, .topology = "pre",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{" RMS_1E6 ", " SILU ", " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act")}, .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("mistral", "MistralForCausalLM", ROTATE_HALVES), .topology = "pre",
     .defaults = "{" RMS_1E6 ", " SILU ", " UNTIED ", \"sliding_window\": 4096}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), [FIELD_WINDOW] = "sliding_window"}, .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("ministral", "MinistralForCausalLM", ROTATE_HALVES), .topology = "pre",
     .defaults = "{" RMS_1E6 ", " SILU ", " UNTIED ", \"sliding_window\": 4096}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), WINDOW_FIELDS}, .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("qwen2", "Qwen2ForCausalLM", ROTATE_HALVES), .exported = true, .topology = "pre", .biases = BIASED_QKV,
     .defaults = "{" RMS_1E6 ", " SILU ", " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), WINDOW_FIELDS}, .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("qwen3", "Qwen3ForCausalLM", ROTATE_HALVES), .exported = true, .topology = "pre", .qk_norms = true,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" RMS_1E6 ", " SILU ", \"head_dim\": 128, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), WINDOW_FIELDS}, .tensor = {LLAMA_TENSORS, LLAMA_QK_NORMS}},

    {LLAMA_ROW("smollm3", "SmolLM3ForCausalLM", ROTATE_HALVES), .topology = "pre",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{" RMS_1E6 ", " SILU ", \"rope_theta\": 2000000, \"no_rope_layer_interval\": 4, " TIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), WINDOW_FIELDS, [FIELD_NO_ROPE] = "no_rope_layers"},
     .tensor = {LLAMA_TENSORS}},

    {.model_type = "arcee", .class_name = "ArceeForCausalLM", .exported = true, .topology = "pre", .norm = "rmsnorm",
     .rotation = ROTATE_HALVES, .prefix = "model.",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{" RMS_1E5 ", \"hidden_act\": \"relu2\", " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act")},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_PLAIN, LLAMA_NORMS}},

    {LLAMA_ROW("granite", "GraniteForCausalLM", ROTATE_HALVES), .topology = "pre",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{" RMS_1E6 ", " SILU ", \"embedding_multiplier\": 1, \"logits_scaling\": 1, \"residual_multiplier\": 1, "
                 "\"attention_multiplier\": 1, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), [FIELD_EMBED_SCALE] = "embedding_multiplier",
               [FIELD_LOGIT_DIVISOR] = "logits_scaling", [FIELD_BRANCH] = "residual_multiplier",
               [FIELD_SCORE_FACTOR] = "attention_multiplier"},
     .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("phi3", "Phi3ForCausalLM", ROTATE_HALVES), .topology = "pre",
     .defaults = "{" RMS_1E5 ", " SILU ", " UNTIED "}",
     .field = {PARTIAL, LLAMA_FIELDS("rms_norm_eps", "hidden_act"), [FIELD_WINDOW] = "sliding_window"},
     .tensor = {LLAMA_ENDS, [PLACE_QKV] = "layers.{i}.self_attn.qkv_proj", [PLACE_PROJ] = "layers.{i}.self_attn.o_proj",
                LLAMA_FUSED, LLAMA_NORMS}},

    {.model_type = "olmo", .class_name = "OlmoForCausalLM", .topology = "pre", .norm = "layernorm", .gated = true,
     .rotation = ROTATE_HALVES, .prefix = "model.", .eps = 1e-5,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" SILU ", " UNTIED "}",
     .field = {LLAMA_FIELDS(NULL, "hidden_act")},
     .tensor = {[PLACE_TOKENS] = "embed_tokens", [PLACE_HEAD] = "lm_head", LLAMA_ATTENTION, LLAMA_GATED}},

    {LLAMA_ROW("olmo2", "Olmo2ForCausalLM", ROTATE_HALVES), .exported = true, .topology = "olmo2",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" RMS_1E5 ", " SILU ", " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act")},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_QK_NORMS, LLAMA_GATED, OUT_NORMS}},

    {LLAMA_ROW("olmo3", "Olmo3ForCausalLM", ROTATE_HALVES), .topology = "olmo2", .local_rope = LOCAL_THETA,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" RMS_1E5 ", " SILU ", \"sliding_window\": 4096, \"sliding_window_pattern\": 4, "
                 "\"rope_theta\": 500000, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), WINDOW_FIELDS},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_QK_NORMS, LLAMA_GATED, OUT_NORMS}},

    {LLAMA_ROW("exaone4", "Exaone4ForCausalLM", ROTATE_HALVES), .exported = true, .topology = "respost",
     .qk_norms = true, .local_rope = LOCAL_ONLY,
     .defaults = "{" RMS_1E5 ", " SILU ", \"sliding_window\": 4096, \"sliding_window_pattern\": 4, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), WINDOW_FIELDS},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_QK_NORMS, LLAMA_GATED, OUT_NORMS}},

    {.model_type = "gemma", .class_name = "GemmaForCausalLM", .exported = true, .topology = "pre", .norm = "rmsnorm_plus1", .gated = true,
     .rotation = ROTATE_HALVES, .prefix = "model.", .embed_sqrt = true, .tanh_gelu = true,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" GEMMA ", \"hidden_act\": \"gelu_pytorch_tanh\"}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_activation hidden_act")}, .tensor = {LLAMA_TENSORS}},

    {.model_type = "gemma2", .class_name = "Gemma2ForCausalLM", .topology = "sandwich", .norm = "rmsnorm_plus1",
     .gated = true, .rotation = ROTATE_HALVES, .prefix = "model.", .embed_sqrt = true,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" GEMMA ", \"query_pre_attn_scalar\": 256, \"sliding_window\": 4096, \"sliding_window_pattern\": 2, "
                 "\"final_logit_softcapping\": 30, \"attn_logit_softcapping\": 50}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_activation"), WINDOW_FIELDS,
               [FIELD_SCORE_SIZE] = "query_pre_attn_scalar", [FIELD_LOGIT_CAP] = "final_logit_softcapping",
               [FIELD_SCORE_CAP] = "attn_logit_softcapping"},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_GATED, LLAMA_IN, OUT_NORMS,
                [PLACE_MLP_IN] = "layers.{i}.pre_feedforward_layernorm"}},

    {.model_type = "gemma3_text", .class_name = "Gemma3ForCausalLM", .topology = "sandwich", .norm = "rmsnorm_plus1",
     .gated = true, .qk_norms = true, .rotation = ROTATE_HALVES, .prefix = "model.", .embed_sqrt = true,
     .local_rope = LOCAL_THETA, .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" GEMMA ", \"query_pre_attn_scalar\": 256, \"sliding_window\": 4096, \"sliding_window_pattern\": 6, "
                 "\"rope_theta\": 1000000, \"rope_local_base_freq\": 10000}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_activation"), WINDOW_FIELDS,
               [FIELD_SCORE_SIZE] = "query_pre_attn_scalar", [FIELD_LOGIT_CAP] = "final_logit_softcapping",
               [FIELD_SCORE_CAP] = "attn_logit_softcapping"},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_QK_NORMS, LLAMA_GATED, LLAMA_IN, OUT_NORMS,
                [PLACE_MLP_IN] = "layers.{i}.pre_feedforward_layernorm"}},

    {LLAMA_ROW("glm4", "Glm4ForCausalLM", ROTATE_PAIRS), .exported = true, .topology = "sandwich",
     .bias_field = {{"attention_bias", BIASED_QKV}},
     .defaults = "{\"rms_norm_eps\": 1.5625e-7, " SILU ", \"head_dim\": 128, \"attention_bias\": true, "
                 "\"partial_rotary_factor\": 0.5, " UNTIED "}",
     .field = {PARTIAL, LLAMA_FIELDS("rms_norm_eps", "hidden_act")},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_FUSED, LLAMA_NORMS,
                [PLACE_ATTN_OUT] = "layers.{i}.post_self_attn_layernorm",
                [PLACE_MLP_OUT] = "layers.{i}.post_mlp_layernorm"}},

    {LLAMA_ROW("glm", "GlmForCausalLM", ROTATE_PAIRS), .topology = "pre",
     .bias_field = {{"attention_bias", BIASED_QKV}},
     .defaults = "{\"rms_norm_eps\": 1.5625e-7, " SILU ", \"head_dim\": 128, \"attention_bias\": true, "
                 "\"partial_rotary_factor\": 0.5, " UNTIED "}",
     .field = {PARTIAL, LLAMA_FIELDS("rms_norm_eps", "hidden_act")},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_FUSED, LLAMA_NORMS}},

    {LLAMA_ROW("helium", "HeliumForCausalLM", ROTATE_PAIRS), .topology = "pre",
     .bias_field = {{"attention_bias", BIASED_QKV}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{\"rms_norm_eps\": 1e-8, " SILU ", \"head_dim\": 128, \"rope_theta\": 100000, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act")}, .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("ernie4_5", "Ernie4_5ForCausalLM", ROTATE_PAIRS), .topology = "pre",
     .bias_field = {{"use_bias", BIASED_LINEAR}},
     .defaults = "{" RMS_1E5 ", " SILU ", \"head_dim\": 128, \"rope_theta\": 500000, " TIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act")}, .tensor = {LLAMA_TENSORS}},

    {LLAMA_ROW("seed_oss", "SeedOssForCausalLM", ROTATE_HALVES), .topology = "pre",
     .bias_field = {{"attention_bias", BIASED_QKV}, {"attention_out_bias", BIASED_PROJ}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{" RMS_1E6 ", " SILU ", \"head_dim\": 128, \"attention_bias\": true, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act")}, .tensor = {LLAMA_TENSORS}},

    {.model_type = "nanochat", .class_name = "NanoChatForCausalLM", .topology = "pre", .norm = "rmsnorm",
     .qk_norms = true, .embed_norm = true, .rotation = ROTATE_OPPOSITE, .prefix = "model.",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{" RMS_1E6 ", \"hidden_act\": \"relu2\", \"final_logit_softcapping\": 15, " UNTIED "}",
     .field = {LLAMA_FIELDS("rms_norm_eps", "hidden_act"), [FIELD_LOGIT_CAP] = "final_logit_softcapping"},
     .tensor = {[PLACE_TOKENS] = "embed_tokens", [PLACE_HEAD] = "lm_head", LLAMA_ATTENTION,
                [PLACE_UP] = "layers.{i}.mlp.fc1", [PLACE_DOWN] = "layers.{i}.mlp.fc2"}},

    {.model_type = "cohere", .class_name = "CohereForCausalLM", .exported = true, .topology = "parallel", .norm = "layernorm",
     .gated = true, .rotation = ROTATE_PAIRS, .prefix = "model.",
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{\"layer_norm_eps\": 1e-5, " SILU ", \"logit_scale\": 0.0625, \"rope_theta\": 500000, " TIED "}",
     .field = {LLAMA_FIELDS("layer_norm_eps", "hidden_act"), [FIELD_LOGIT_FACTOR] = "logit_scale"},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_GATED, LLAMA_IN}},

    {.model_type = "cohere2", .class_name = "Cohere2ForCausalLM", .topology = "parallel", .norm = "layernorm",
     .gated = true, .rotation = ROTATE_PAIRS, .prefix = "model.", .local_rope = LOCAL_ONLY,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}},
     .defaults = "{\"layer_norm_eps\": 1e-5, " SILU ", \"logit_scale\": 0.0625, \"sliding_window\": 4096, "
                 "\"sliding_window_pattern\": 4, " TIED "}",
     .field = {LLAMA_FIELDS("layer_norm_eps", "hidden_act"), WINDOW_FIELDS, [FIELD_LOGIT_FACTOR] = "logit_scale"},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_GATED, LLAMA_IN}},

    {.model_type = "starcoder2", .class_name = "Starcoder2ForCausalLM", .exported = true, .topology = "pre", .norm = "layernorm",
     .rotation = ROTATE_HALVES, .prefix = "model.", .biases = BIASED_NORM, .bias_field = {{"use_bias", BIASED_LINEAR}},
     .defaults = "{\"norm_epsilon\": 1e-5, \"hidden_act\": \"gelu_pytorch_tanh\", \"use_bias\": true, " TIED "}",
     .field = {LLAMA_FIELDS("norm_epsilon", "hidden_act"), [FIELD_WINDOW] = "sliding_window"},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_NORMS, [PLACE_UP] = "layers.{i}.mlp.c_fc",
                [PLACE_DOWN] = "layers.{i}.mlp.c_proj"}},

    {STABLELM_ROW, .when = {{"use_parallel_residual", false}}, .topology = "pre", .tensor = {LLAMA_TENSORS}},
    {STABLELM_ROW, .when = {{"use_parallel_residual", true}}, .topology = "parallel",
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_GATED, LLAMA_IN}},

    {.model_type = "nemotron", .class_name = "NemotronForCausalLM", .topology = "pre", .norm = "layernorm",
     .plus_one = true, .rotation = ROTATE_HALVES, .prefix = "model.", .biases = BIASED_NORM,
     .bias_field = {{"attention_bias", BIASED_QKV | BIASED_PROJ}, {"mlp_bias", BIASED_MLP}},
     .defaults = "{\"norm_eps\": 1e-5, \"hidden_act\": \"relu2\", \"partial_rotary_factor\": 0.5, " UNTIED "}",
     .field = {PARTIAL, LLAMA_FIELDS("norm_eps", "hidden_act")},
     .tensor = {LLAMA_ENDS, LLAMA_ATTENTION, LLAMA_PLAIN, LLAMA_NORMS}},

    {.model_type = "phi", .class_name = "PhiForCausalLM", .exported = true, .topology = "parallel", .norm = "layernorm",
     .rotation = ROTATE_HALVES, .prefix = "model.", .biases = BIASED_NORM | BIASED_LINEAR | BIASED_HEAD,
     .defaults = "{\"layer_norm_eps\": 1e-5, \"hidden_act\": \"gelu_new\", \"partial_rotary_factor\": 0.5, " UNTIED "}",
     .field = {PARTIAL, LLAMA_FIELDS("layer_norm_eps", "hidden_act")},
     .tensor = {[PLACE_TOKENS] = "embed_tokens", [PLACE_FINAL] = "final_layernorm", [PLACE_HEAD] = "lm_head", LLAMA_IN,
                LLAMA_QKV, [PLACE_PROJ] = "layers.{i}.self_attn.dense", [PLACE_UP] = "layers.{i}.mlp.fc1",
                [PLACE_DOWN] = "layers.{i}.mlp.fc2"}},

    {NEOX_ROW, .when = {{"use_parallel_residual", true}}, .topology = "parallel2"},
    {NEOX_ROW, .when = {{"use_parallel_residual", false}}, .topology = "pre"},

    {.model_type = "gptj", .class_name = "GPTJForCausalLM", .topology = "parallel", .norm = "layernorm",
     .rotation = ROTATE_PAIRS, .prefix = "transformer.", .biases = BIASED_NORM | BIASED_MLP | BIASED_HEAD,
     .defaults = "{\"layer_norm_epsilon\": 1e-5, \"activation_function\": \"gelu_new\", \"rotary_dim\": 64, " UNTIED "}",
     .field = {GPT2_FIELDS, [FIELD_HIDDEN] = "n_inner", [FIELD_ACTIVATION] = "activation_function",
               [FIELD_ROTARY] = "rotary_dim"},
     .tensor = {[PLACE_TOKENS] = "wte", [PLACE_ATTN_IN] = "h.{i}.ln_1", [PLACE_Q] = "h.{i}.attn.q_proj",
                [PLACE_K] = "h.{i}.attn.k_proj", [PLACE_V] = "h.{i}.attn.v_proj", [PLACE_PROJ] = "h.{i}.attn.out_proj",
                [PLACE_UP] = "h.{i}.mlp.fc_in", [PLACE_DOWN] = "h.{i}.mlp.fc_out", [PLACE_FINAL] = "ln_f",
                [PLACE_HEAD] = "lm_head"}},

    {FALCON_ROW, .when = {{"new_decoder_architecture", true}}, .topology = "parallel2",
     .defaults = "{\"new_decoder_architecture\": false, " FALCON "}",
     .field = {FALCON_FIELDS, [FIELD_KV_HEADS] = "num_kv_heads"},
     .tensor = {FALCON_TENSORS, [PLACE_ATTN_IN] = "h.{i}.ln_attn", [PLACE_MLP_IN] = "h.{i}.ln_mlp"}},
    {FALCON_ROW, .when = {{"new_decoder_architecture", false}, {"multi_query", true}}, .topology = "parallel",
     .kv_heads = 1, .defaults = "{\"new_decoder_architecture\": false, \"multi_query\": true, " FALCON "}",
     .field = {FALCON_FIELDS}, .tensor = {FALCON_TENSORS, [PLACE_ATTN_IN] = "h.{i}.input_layernorm"}},
    {FALCON_ROW, .when = {{"new_decoder_architecture", false}, {"multi_query", false}}, .topology = "parallel",
     .defaults = "{\"new_decoder_architecture\": false, \"multi_query\": true, " FALCON "}",
     .field = {FALCON_FIELDS}, .tensor = {FALCON_TENSORS, [PLACE_ATTN_IN] = "h.{i}.input_layernorm"}},

    {.model_type = "gpt2", .class_name = "GPT2LMHeadModel", .exported = true, .topology = "pre", .norm = "layernorm", .transposed = true,
     .biases = BIASED_NORM | BIASED_LINEAR, .prefix = "transformer.",
     .defaults = "{\"activation_function\": \"gelu_new\", \"layer_norm_epsilon\": 1e-5, " TIED "}",
     .field = {GPT2_FIELDS, [FIELD_HIDDEN] = "n_inner", [FIELD_ACTIVATION] = "activation_function"},
     .tensor = {GPT2_TENSORS}},

    {BIGCODE_ROW, .when = {{"multi_query", true}}, .kv_heads = 1},
    {BIGCODE_ROW, .when = {{"multi_query", false}}},

    {.model_type = "openai-gpt", .class_name = "OpenAIGPTLMHeadModel", .exported = true, .topology = "post", .norm = "layernorm",
     .transposed = true, .tanh_gelu = true, .biases = BIASED_NORM | BIASED_LINEAR, .prefix = "transformer.",
     .defaults = "{\"afn\": \"gelu\", \"layer_norm_epsilon\": 1e-5, " TIED "}",
     .field = {GPT2_FIELDS, [FIELD_ACTIVATION] = "afn"},
     .tensor = {[PLACE_TOKENS] = "tokens_embed", [PLACE_POSITIONS] = "positions_embed",
                [PLACE_ATTN_POST] = "h.{i}.ln_1", [PLACE_MLP_POST] = "h.{i}.ln_2", [PLACE_QKV] = "h.{i}.attn.c_attn",
                [PLACE_PROJ] = "h.{i}.attn.c_proj", [PLACE_UP] = "h.{i}.mlp.c_fc", [PLACE_DOWN] = "h.{i}.mlp.c_proj",
                [PLACE_HEAD] = "lm_head"}},

    {OPT_ROW, .when = {{"do_layer_norm_before", true}}, .topology = "pre",
     .tensor = {OPT_TENSORS, [PLACE_ATTN_IN] = "decoder.layers.{i}.self_attn_layer_norm",
                [PLACE_MLP_IN] = "decoder.layers.{i}.final_layer_norm", [PLACE_FINAL] = "decoder.final_layer_norm"}},
    {OPT_ROW, .when = {{"do_layer_norm_before", false}}, .topology = "post",
     .tensor = {OPT_TENSORS, [PLACE_ATTN_POST] = "decoder.layers.{i}.self_attn_layer_norm",
                [PLACE_MLP_POST] = "decoder.layers.{i}.final_layer_norm"}},

    {.model_type = "gpt_neo", .class_name = "GPTNeoForCausalLM", .topology = "pre", .norm = "layernorm", .score = 1,
     .biases = BIASED_NORM | BIASED_PROJ | BIASED_MLP, .prefix = "transformer.",
     .defaults = "{\"activation_function\": \"gelu_new\", \"layer_norm_epsilon\": 1e-5, \"window_size\": 256, " TIED "}",
     .field = {[FIELD_WIDTH] = "hidden_size", [FIELD_LAYERS] = "num_layers", [FIELD_HEADS] = "num_heads",
               [FIELD_POSITIONS] = "max_position_embeddings", [FIELD_VOCAB] = "vocab_size",
               [FIELD_TIED] = "tie_word_embeddings", [FIELD_EPS] = "layer_norm_epsilon",
               [FIELD_HIDDEN] = "intermediate_size", [FIELD_ACTIVATION] = "activation_function",
               [FIELD_WINDOW] = "window_size", [FIELD_TYPES] = "attention_layers"},
     .tensor = {[PLACE_TOKENS] = "wte", [PLACE_POSITIONS] = "wpe", [PLACE_ATTN_IN] = "h.{i}.ln_1",
                [PLACE_MLP_IN] = "h.{i}.ln_2", [PLACE_Q] = "h.{i}.attn.attention.q_proj",
                [PLACE_K] = "h.{i}.attn.attention.k_proj", [PLACE_V] = "h.{i}.attn.attention.v_proj",
                [PLACE_PROJ] = "h.{i}.attn.attention.out_proj", [PLACE_UP] = "h.{i}.mlp.c_fc",
                [PLACE_DOWN] = "h.{i}.mlp.c_proj", [PLACE_FINAL] = "ln_f", [PLACE_HEAD] = "lm_head"}},
};

static const Unsupported UNSUPPORTED[] = {
    {"quantization_config", HARMLESS_FALSE, "weights in a quantized format other than GGUF"},
    {"is_encoder_decoder", HARMLESS_FALSE, "an encoder"},
    {"add_cross_attention", HARMLESS_FALSE, "cross attention"},
    {"use_bidirectional_attention", HARMLESS_FALSE, "attention that is not causal"},
    {"num_local_experts", HARMLESS_ONE, "a mixture of experts"},
    {"num_experts", HARMLESS_ONE, "a mixture of experts"},
    {"n_routed_experts", HARMLESS_ONE, "a mixture of experts"},
    {"kv_lora_rank", HARMLESS_FALSE, "multi-head latent attention"},
    {"alibi", HARMLESS_FALSE, "ALiBi as position encoding"},
    {"parallel_attn", HARMLESS_TRUE, "sequential branches in the blocks of falcon"},
    {"clip_qkv", HARMLESS_FALSE, "queries, keys and values that are clipped"},
    {"qk_layernorm", HARMLESS_FALSE, "a norm of queries and keys with a gain for each head"},
    {"use_qk_norm", HARMLESS_FALSE, "a norm of queries and keys with a gain for each head"},
    {"scale_attn_weights", HARMLESS_TRUE, "scores without the factor 1/sqrt(head_dim)"},
    {"scale_attn_by_inverse_layer_idx", HARMLESS_FALSE, "scores with a factor for each layer"},
    {"word_embed_proj_dim", HARMLESS_WIDTH, "a projection of the embedding"},
    {"layer_norm_elementwise_affine", HARMLESS_TRUE, "norms without gains in this class"},
    {"_remove_final_layer_norm", HARMLESS_FALSE, "this class without its final norm"},
};
/* clang-format on */

const Architecture *architecture_at(size_t i) {
    return i < sizeof TABLE / sizeof *TABLE ? &TABLE[i] : NULL;
}

const Unsupported *unsupported_at(size_t i) {
    return i < sizeof UNSUPPORTED / sizeof *UNSUPPORTED ? &UNSUPPORTED[i] : NULL;
}

static const struct {
    const char *activation, *plain, *gated;
} ACTIVATIONS[] = {
    {"silu", NULL, "swiglu"},    {"swish", NULL, "swiglu"},
    {"gelu_new", "gelu", NULL},  {"gelu_pytorch_tanh", "gelu", "geglu"},
    {"gelu_new", NULL, "geglu"}, {"gelu_fast", "gelu", "geglu"},
    {"gelu", "gelu_erf", NULL},  {"gelu_python", "gelu_erf", NULL},
    {"relu", "relu", NULL},      {"relu2", "relu2", NULL},
};
enum { ACTIVATION_COUNT = sizeof ACTIVATIONS / sizeof *ACTIVATIONS };

static const char *mlp_at(size_t i, bool gated) {
    return gated ? ACTIVATIONS[i].gated : ACTIVATIONS[i].plain;
}

const char *architecture_mlp(const char *activation, bool gated) {
    for (size_t i = 0; i < ACTIVATION_COUNT; i++) {
        if (strcmp(ACTIVATIONS[i].activation, activation) == 0 && mlp_at(i, gated))
            return mlp_at(i, gated);
    }
    return NULL;
}

const char *architecture_activation(const char *mlp, bool gated) {
    for (size_t i = 0; i < ACTIVATION_COUNT; i++) {
        if (mlp_at(i, gated) && strcmp(mlp_at(i, gated), mlp) == 0)
            return ACTIVATIONS[i].activation;
    }
    return NULL;
}
