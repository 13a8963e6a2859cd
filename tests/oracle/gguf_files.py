#!/usr/bin/env python3
"""gguf_files.py - small GGUF files by the Python package `gguf`, and what they contain, for test_gguf.

Writes tests/oracle/gguf_files/: NAME.gguf for each architecture, and cases.json with the config.json that transformers
would have, and the shape and hash of every tensor: decoded by gguf.dequantize, under the names of transformers. Names
are translated by the tables of the package, rows of q and k are put into pairs here. The vocabularies are those of
tests/oracle/tokenizers/. To compute them again, in a virtual environment with gguf 0.19:

    python3 -B tests/oracle/gguf_files.py
"""

import json
import pathlib

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

FOLDER = pathlib.Path(__file__).parent / "gguf_files"
TOKENIZERS = pathlib.Path(__file__).parent / "tokenizers"
DRAWN = np.random.default_rng(1)
FLOATS = {Type.F32: np.float32, Type.F16: np.float16}
# Where the blocks of a type have float16 numbers, in bytes.
SCALES = {
    Type.Q8_0: [0],
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}


def hash_of(values):
    """64-bit FNV-1a of the bytes."""
    result = 0xCBF29CE484222325
    for byte in values.tobytes():
        result = (result ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{result:016x}"


def draw(shape, kind):
    """Random contents of a tensor, as the file has them."""
    if kind in FLOATS:
        return DRAWN.standard_normal(shape).astype(FLOATS[kind])
    if kind == Type.BF16:
        return gguf.quantize(DRAWN.standard_normal(shape).astype(np.float32), kind)
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = DRAWN.integers(0, 256, (*shape[:-1], shape[-1] // elements, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scale = (DRAWN.standard_normal(data.shape[:-1]) / 16).astype(np.float16)
        data[..., at : at + 2] = scale[..., None].view(np.uint8)
    return data.reshape(*shape[:-1], -1)


def in_pairs(data, rows, heads):
    """Rows (i, i+HS/2) of each head as (2i, 2i+1). A number may be several bytes of data."""
    return data.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(data.shape)


def add_tokenizer(writer, kind, pre):
    spec = json.loads((TOKENIZERS / f"{kind}.json").read_text())
    tokens = dict(spec["model"]["vocab"])
    kinds = dict.fromkeys(tokens, gguf.TokenType.NORMAL)
    for added in spec["added_tokens"]:
        tokens[added["content"]] = added["id"]
        kinds[added["content"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    names = sorted(tokens, key=tokens.get)
    assert [tokens[name] for name in names] == list(range(len(names)))
    merges = spec["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(names)
    writer.add_token_types([kinds[name] for name in names])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(len(names) - 1)
    return len(names)


def llama3_divisors(config):
    """The table that a converter writes for Llama 3's scaling, in float32."""
    scaling = config["rope_scaling"]
    size, factor = config["head_dim"], scaling["factor"]
    steps = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    lengths = 2 * np.pi * np.float32(config["rope_theta"]) ** steps
    waves = scaling["original_max_position_embeddings"] / lengths
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    smooth = (waves - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    return np.where(waves > high, 1, np.where(waves < low, factor, between)).astype(np.float32)


def tensors_of(config):
    """The tensors of a model of transformers: name and shape."""
    C, F, size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    q, kv = config["num_attention_heads"] * size, config["num_key_value_heads"] * size
    starcoder, family = config["model_type"] == "starcoder2", config["model_type"]
    mlp = (
        {"c_fc": (F, C), "c_proj": (C, F)}
        if starcoder
        else {"gate_proj": (F, C), "up_proj": (F, C), "down_proj": (C, F)}
    )
    norms = ["input_layernorm", "post_attention_layernorm"]
    result = {"model.embed_tokens.weight": (config["vocab_size"], C), "model.norm.weight": (C,)}
    if starcoder:
        result["model.norm.bias"] = (C,)
    if not config["tie_word_embeddings"]:
        result["lm_head.weight"] = (config["vocab_size"], C)
    for i in range(config["num_hidden_layers"]):
        block = f"model.layers.{i}."
        for name, shape in {"q": (q, C), "k": (kv, C), "v": (kv, C), "o": (C, q)}.items():
            result[f"{block}self_attn.{name}_proj.weight"] = shape
            if config.get("attention_bias") and not (family == "qwen2" and name == "o") or starcoder:
                result[f"{block}self_attn.{name}_proj.bias"] = shape[:1]
        for name, shape in mlp.items():
            result[f"{block}mlp.{name}.weight"] = shape
            if config.get("mlp_bias") or starcoder:
                result[f"{block}mlp.{name}.bias"] = shape[:1]
        for name in norms:
            result[f"{block}{name}.weight"] = (C,)
            if starcoder:
                result[f"{block}{name}.bias"] = (C,)
        if family == "qwen3":
            for name in "qk":
                result[f"{block}self_attn.{name}_norm.weight"] = (size,)
    return result


def add_keys(writer, config):
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    if config["head_dim"] * config["num_attention_heads"] != config["hidden_size"]:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if config["rope_theta"] != 10000:
        writer.add_rope_freq_base(config["rope_theta"])
    if "norm_epsilon" in config:
        writer.add_layer_norm_eps(config["norm_epsilon"])
    else:
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if config["model_type"] == "llama":
        writer.add_rope_dimension_count(config["head_dim"])
        writer.add_vocab_size(config["vocab_size"])
    if config["model_type"] == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])


def write(name, config, kinds, tokenizer=None):
    """One file. `kinds` are the types of the matrices in turn; vectors of one kind follow another."""
    family = config["model_type"]
    pairs = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"]}
    writer = gguf.GGUFWriter(FOLDER / f"{name}.gguf", family)
    if tokenizer:
        config["vocab_size"] = add_tokenizer(writer, *tokenizer) + 2  # the table may have rows without a token
        config |= {"bos_token_id": 0, "eos_token_id": config["vocab_size"] - 3}
    add_keys(writer, config)
    architecture = next(key for key, value in gguf.MODEL_ARCH_NAMES.items() if value == family)
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    vectors, matrices, tensors = [Type.F32, Type.F16, Type.BF16], list(kinds), {}
    for theirs, shape in tensors_of(config).items():
        turn = matrices if len(shape) > 1 else vectors
        turn.append(kind := turn.pop(0))
        data = draw(shape, kind)
        values = gguf.dequantize(data, kind).astype(np.float32).reshape(shape)
        part = theirs.split("_proj.")[0][-1]
        heads = pairs.get(part, 0) if "_proj." in theirs and family in ("llama", "granite") else 0
        writer.add_tensor(
            names.get_name(theirs, (".weight", ".bias")),
            in_pairs(data, shape[0], heads) if heads else data,
            raw_dtype=kind,
        )
        tensors[theirs] = {"type": kind.name, "shape": list(shape), "pairs": heads, "hash": hash_of(values)}
    if "rope_scaling" in config:
        writer.add_tensor("rope_freqs.weight", llama3_divisors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return {"config": config, "tensors": tensors, "tokenizer": tokenizer[0] if tokenizer else None}


def config_of(family, C, heads, kv_heads, **other):
    """Blocks, sizes and what else config.json has; other members replace them."""
    config = {"model_type": family, "hidden_act": "silu", "hidden_size": C, "intermediate_size": 32}
    config |= {"num_hidden_layers": 2, "num_attention_heads": heads, "num_key_value_heads": kv_heads}
    config |= {"head_dim": C // heads, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000}
    config |= {"vocab_size": 5, "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False}
    config |= other
    return {key: value for key, value in config.items() if value is not None}


LLAMA3 = {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4}
LLAMA3["original_max_position_embeddings"] = 8192
GRANITE = {
    "attention_multiplier": 0.015625,
    "embedding_multiplier": 12,
    "residual_multiplier": 0.22,
    "logits_scaling": 8,
}
STARCODER = {"hidden_act": "gelu_pytorch_tanh", "norm_epsilon": 1e-5, "use_bias": True}
STARCODER |= dict.fromkeys(["rms_norm_eps", "attention_bias", "mlp_bias"])


def main():
    FOLDER.mkdir(exist_ok=True)
    types = [Type.Q6_K, Type.Q8_0, Type.Q4_K, Type.Q5_K, Type.Q6_K, Type.Q4_0, Type.Q4_1, Type.Q5_1, Type.Q5_0]
    one_block = {"num_hidden_layers": 1, "head_dim": 16, "tie_word_embeddings": False}
    small = [Type.Q4_0, Type.Q8_0, Type.F16]
    cases = {
        "types": write("types", config_of("llama", 256, 2, 1, **one_block), types),
        "llama": write(
            "llama",
            config_of("llama", 32, 4, 2, rope_theta=500000, rope_scaling=LLAMA3, attention_bias=True, mlp_bias=True),
            small,
            ("llama3", "llama-bpe"),
        ),
        "qwen2": write(
            "qwen2",
            config_of("qwen2", 32, 4, 2, rope_theta=1000000, rms_norm_eps=1e-6, attention_bias=True),
            small,
            ("qwen2", "qwen2"),
        ),
        "qwen3": write("qwen3", config_of("qwen3", 32, 2, 1, head_dim=32), [Type.Q5_0, Type.BF16]),
        "granite": write("granite", config_of("granite", 32, 2, 2, **GRANITE), small, ("smollm2", "smollm")),
        "starcoder2": write("starcoder2", config_of("starcoder2", 32, 4, 2, **STARCODER), small, ("gpt2", "gpt-2")),
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in cases.items())
    (FOLDER / "cases.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
