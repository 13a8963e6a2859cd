"""The cases of imports.py: classes of transformers with configurations that differ in what --import must map."""

SIZES = dict(vocab_size=29, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4)
SIZES.update(max_position_embeddings=12, pad_token_id=0, bos_token_id=1, eos_token_id=2)
GROUPS = dict(num_key_value_heads=2)
WIDE = dict(num_attention_heads=2, num_key_value_heads=1)
GPT2 = dict(vocab_size=29, n_positions=12, n_embd=16, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2)
OPT = dict(vocab_size=29, hidden_size=16, ffn_dim=20, num_hidden_layers=2, num_attention_heads=4)
OPT.update(max_position_embeddings=12, word_embed_proj_dim=16)
NEO = dict(vocab_size=29, max_position_embeddings=12, hidden_size=16, num_layers=2, num_heads=4)
NEO.update(attention_types=[[["global", "local"], 1]], bos_token_id=1, eos_token_id=2)
FALCON = dict(vocab_size=29, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=12)
FALCON.update(ffn_hidden_size=24, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
LLAMA3.update(original_max_position_embeddings=64)
TYPES = ["sliding_attention", "full_attention"]
FULL = ["full_attention"] * 2
LOCAL = dict(rope_type="default", rope_theta=1e4)


def rope(theta=10000.0, **fields):
    return dict(rope_parameters=dict(rope_type="default", rope_theta=theta, **fields))


def case(name, base, *fields, **more):
    merged = {}
    for part in fields:
        merged.update(part)
    kind = dict(Gemma3="Gemma3Text").get(base, base) + "Config"
    suffix = "LMHeadModel" if base in ("GPT2", "OpenAIGPT") else "ForCausalLM"
    return {"name": name, "config": kind, "class": base + suffix, "fields": merged, **more}


def no_prefix(name):
    return name.removeprefix("transformer.")


CASES = [
    case("gpt2", "GPT2", GPT2),
    case("gpt2-untied-relu2", "GPT2", GPT2, dict(tie_word_embeddings=False, activation_function="relu2", n_inner=24)),
    case("gpt2-published-names", "GPT2", GPT2, dict(n_inner=24), rename=no_prefix, keep_tied=True),
    case("gpt2-gelu-erf", "GPT2", GPT2, dict(n_inner=24, activation_function="gelu")),
    case("openai-gpt", "OpenAIGPT", GPT2),
    case("gpt_bigcode", "GPTBigCode", GPT2, dict(n_inner=24)),
    case("gpt_bigcode-heads", "GPTBigCode", GPT2, dict(n_inner=24, multi_query=False)),
    case("opt", "OPT", OPT),
    case("opt-post-gelu", "OPT", OPT, dict(do_layer_norm_before=False, activation_function="gelu_new")),
    case("gpt_neo", "GPTNeo", NEO, dict(window_size=12, intermediate_size=24)),
    case("gpt_neo-window", "GPTNeo", NEO, dict(window_size=5, intermediate_size=24)),
    case("llama-tied", "Llama", SIZES, GROUPS, dict(tie_word_embeddings=True)),
    case("llama-untied-biases", "Llama", SIZES, GROUPS, dict(attention_bias=True, mlp_bias=True)),
    case("llama-geglu", "Llama", SIZES, GROUPS, dict(hidden_act="gelu_pytorch_tanh")),
    case("llama-theta", "Llama", SIZES, GROUPS, rope(5e5), old=True),
    case("llama-llama3", "Llama", SIZES, GROUPS, dict(rope_parameters=LLAMA3)),
    case("llama-llama3-old", "Llama", SIZES, GROUPS, dict(rope_parameters=LLAMA3), old=True),
    case("llama-linear", "Llama", SIZES, GROUPS, dict(rope_parameters=dict(LOCAL, rope_type="linear", factor=2.5))),
    case("llama-head_dim", "Llama", SIZES, GROUPS, dict(head_dim=6, rms_norm_eps=1e-5)),
    case("mistral", "Mistral", SIZES, GROUPS, rope(1e6), dict(sliding_window=None)),
    case("mistral-head_dim", "Mistral", SIZES, GROUPS, dict(sliding_window=64, head_dim=6), old=True),
    case("ministral", "Ministral", SIZES, GROUPS, dict(sliding_window=64, layer_types=TYPES, head_dim=4)),
    case("mistral-window", "Mistral", SIZES, GROUPS, dict(sliding_window=4, head_dim=4)),
    case("qwen2", "Qwen2", SIZES, GROUPS, rope(1e6), dict(tie_word_embeddings=True)),
    case("qwen2-window", "Qwen2", SIZES, GROUPS, dict(use_sliding_window=True, sliding_window=3, max_window_layers=1)),
    case(
        "qwen2-window-old",
        "Qwen2",
        SIZES,
        GROUPS,
        dict(use_sliding_window=True, sliding_window=3, max_window_layers=1),
        drop=["layer_types"],
    ),
    case(
        "qwen2-window-off",
        "Qwen2",
        SIZES,
        GROUPS,
        dict(max_window_layers=0),
        drop=["layer_types"],
        replace=dict(sliding_window=3),
    ),
    case("qwen3", "Qwen3", SIZES, GROUPS, rope(1e6), dict(head_dim=6)),
    case("qwen3-biases", "Qwen3", SIZES, GROUPS, dict(head_dim=4, attention_bias=True, tie_word_embeddings=True)),
    case("smollm3", "SmolLM3", SIZES, GROUPS, dict(no_rope_layers=[1, 1])),
    case("smollm3-no-rope", "SmolLM3", SIZES, GROUPS, dict(no_rope_layers=[0, 0], tie_word_embeddings=False)),
    case("smollm3-mixed", "SmolLM3", SIZES, GROUPS, dict(no_rope_layers=[1, 0])),
    case(
        "smollm3-interval",
        "SmolLM3",
        SIZES,
        GROUPS,
        dict(no_rope_layer_interval=2),
        drop=["no_rope_layers"],
    ),
    case("arcee", "Arcee", SIZES, GROUPS),
    case("arcee-gelu-biases", "Arcee", SIZES, dict(hidden_act="gelu_new", attention_bias=True, mlp_bias=True)),
    case(
        "granite",
        "Granite",
        SIZES,
        GROUPS,
        dict(embedding_multiplier=6.0, logits_scaling=4.0, residual_multiplier=0.5, attention_multiplier=0.2),
        dict(tie_word_embeddings=True),
    ),
    case("phi3", "Phi3", SIZES, GROUPS),
    case("phi3-partial", "Phi3", SIZES, WIDE, rope(1e4, partial_rotary_factor=0.5)),
    case("olmo", "Olmo", SIZES, GROUPS),
    case("olmo2", "Olmo2", SIZES, GROUPS, rope(5e5)),
    case("olmo3", "Olmo3", SIZES, GROUPS, dict(sliding_window=64, layer_types=TYPES)),
    case("olmo3-window", "Olmo3", SIZES, GROUPS, dict(sliding_window=3, layer_types=TYPES)),
    case("exaone4-window", "Exaone4", SIZES, GROUPS, dict(sliding_window=3, layer_types=TYPES)),
    case(
        "exaone4-letters",
        "Exaone4",
        SIZES,
        GROUPS,
        dict(sliding_window=3, layer_types=TYPES),
        drop=["layer_types"],
        replace=dict(sliding_window_pattern="LG"),
    ),
    case("exaone4", "Exaone4", SIZES, GROUPS, dict(sliding_window=None, layer_types=FULL)),
    case("gemma", "Gemma", SIZES, GROUPS, dict(head_dim=6)),
    case(
        "gemma2-no-caps",
        "Gemma2",
        SIZES,
        GROUPS,
        dict(head_dim=6, layer_types=TYPES, query_pre_attn_scalar=12),
        dict(attn_logit_softcapping=None, final_logit_softcapping=None),
    ),
    case(
        "gemma3_text-one-theta",
        "Gemma3",
        SIZES,
        GROUPS,
        dict(head_dim=6, layer_types=TYPES, query_pre_attn_scalar=16, sliding_window=64),
        dict(rope_parameters=dict(sliding_attention=LOCAL, full_attention=LOCAL)),
    ),
    case(
        "gemma2",
        "Gemma2",
        SIZES,
        GROUPS,
        dict(head_dim=6, layer_types=TYPES, query_pre_attn_scalar=12, sliding_window=4),
        dict(attn_logit_softcapping=2.0, final_logit_softcapping=3.0),
    ),
    case(
        "gemma3_text",
        "Gemma3",
        SIZES,
        GROUPS,
        dict(head_dim=6, layer_types=TYPES, query_pre_attn_scalar=6, sliding_window=4),
        dict(rope_parameters=dict(sliding_attention=LOCAL, full_attention=dict(LOCAL, rope_theta=1e6))),
    ),
    case(
        "gemma3_text-linear",
        "Gemma3",
        SIZES,
        GROUPS,
        dict(head_dim=6, layer_types=TYPES, query_pre_attn_scalar=6, sliding_window=4),
        dict(rope_parameters=dict(sliding_attention=LOCAL, full_attention=dict(LOCAL, rope_type="linear", factor=8.0))),
    ),
    case(
        "gemma3_text-old",
        "Gemma3",
        SIZES,
        GROUPS,
        dict(head_dim=6, query_pre_attn_scalar=6, sliding_window=4, num_hidden_layers=4, sliding_window_pattern=4),
        dict(rope_parameters=dict(sliding_attention=dict(LOCAL, rope_theta=500.0), full_attention=LOCAL)),
        old=True,
        drop=["layer_types"],
    ),
    case("glm4", "Glm4", SIZES, WIDE, rope(1e4, partial_rotary_factor=0.5), dict(head_dim=8)),
    case("glm4-whole", "Glm4", SIZES, GROUPS, rope(1e4, partial_rotary_factor=1.0), dict(head_dim=6)),
    case("glm", "Glm", SIZES, WIDE, rope(1e4, partial_rotary_factor=0.5), dict(head_dim=8, attention_bias=False)),
    case("helium", "Helium", SIZES, GROUPS, dict(head_dim=4)),
    case("ernie4_5", "Ernie4_5", SIZES, GROUPS, dict(head_dim=6, use_bias=True)),
    case("seed_oss", "SeedOss", SIZES, GROUPS, dict(head_dim=6, attention_out_bias=True, residual_dropout=0.0)),
    case("nanochat-no-cap", "NanoChat", SIZES, GROUPS, dict(final_logit_softcapping=None)),
    case("nanochat", "NanoChat", SIZES, GROUPS, dict(final_logit_softcapping=2.0, attention_bias=True)),
    case("cohere", "Cohere", SIZES, GROUPS, dict(logit_scale=0.25)),
    case("cohere2", "Cohere2", SIZES, GROUPS, dict(sliding_window=4, layer_types=TYPES, logit_scale=0.25)),
    case("starcoder2", "Starcoder2", SIZES, GROUPS),
    case("starcoder2-no-biases", "Starcoder2", SIZES, GROUPS, dict(use_bias=False, tie_word_embeddings=False)),
    case("stablelm", "StableLm", SIZES, WIDE, rope(1e4, partial_rotary_factor=0.25), dict(use_qkv_bias=True)),
    case(
        "stablelm-parallel",
        "StableLm",
        SIZES,
        WIDE,
        rope(1e4, partial_rotary_factor=0.5),
        dict(use_parallel_residual=True),
    ),
    case("nemotron", "Nemotron", SIZES, WIDE, rope(1e4, partial_rotary_factor=0.5), dict(head_dim=8)),
    case("gpt_neox-pythia", "GPTNeoX", SIZES, dict(num_attention_heads=2), rope(1e4, partial_rotary_factor=0.25)),
    case(
        "gpt_neox-sequential",
        "GPTNeoX",
        SIZES,
        rope(1e4, partial_rotary_factor=1.0),
        dict(hidden_act="gelu_new", use_parallel_residual=False, attention_bias=False),
    ),
    case("gptj", "GPTJ", GPT2, dict(n_inner=24, rotary_dim=4)),
    case("gptj-partial", "GPTJ", GPT2, dict(n_head=2, rotary_dim=4, activation_function="gelu")),
    case("phi", "Phi", SIZES, WIDE, rope(1e4, partial_rotary_factor=0.5)),
    case("falcon-7b", "Falcon", FALCON),
    case("falcon-40b", "Falcon", FALCON, dict(new_decoder_architecture=True, num_kv_heads=2)),
    case("falcon-heads", "Falcon", FALCON, dict(multi_query=False, bias=True, activation="gelu_new")),
]
