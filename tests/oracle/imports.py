"""Small random models of the classes that --import reads, with the logits that transformers computes.

Writes tests/oracle/imports.bin, which tests/unit/test_import.c reads. For each case: a line "NAME CONFIG_BYTES
WEIGHTS_BYTES TOKENS VOCABULARY", the config.json, the model.safetensors, the tokens (int32) and the logits (float64).

transformers computes norms, RoPE and softmax in float32 even if the model is in float64, so torch.float32 means
float64 here while its code runs. Needs torch, transformers and safetensors: PYTHON -B tests/oracle/imports.py
"""

import json
import math
import pathlib
import sys
import zlib

import safetensors.torch
import torch
import transformers as tr

import import_cases

SINGLE, HALF, BRAIN = torch.float32, torch.float16, torch.bfloat16
TOKENS = 9
OUT = pathlib.Path(__file__).with_name("imports.bin")


def lift():
    """Lets the code of transformers compute in float64 where it asks for float32."""
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = lambda self: self.double()


def draw(model, dtype):
    """Random weights that `dtype` holds exactly; the gains of norms are around 1."""
    for name, parameter in model.named_parameters():
        gain = parameter.dim() == 1 and name.endswith("weight")
        # Gemma and Nemotron store gain - 1.
        middle = 1.0 if gain and model.config.model_type not in ("gemma", "gemma2", "gemma3_text", "nemotron") else 0.0
        size = 0.2 if parameter.dim() == 1 else 0.3
        value = torch.randn(parameter.shape) * size + middle
        parameter.data = value.to(dtype).double()


def tensors_of(model, case, dtype):
    """The tensors of the file: of tied ones only the first, unless the case keeps them."""
    state = dict(model.state_dict())
    if model.config.tie_word_embeddings and not case.get("keep_tied"):
        state.pop("lm_head.weight", None)
    renamed = {case.get("rename", lambda name: name)(name): tensor for name, tensor in state.items()}
    return {name: tensor.to(dtype).contiguous().clone() for name, tensor in renamed.items()}


def old_style(config):
    """The names of the fields of RoPE before 2025."""
    rope = config.pop("rope_parameters", None)
    if rope and "full_attention" in rope:
        config["rope_theta"] = rope["full_attention"]["rope_theta"]
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
    elif rope:
        config["rope_theta"] = rope.pop("rope_theta")
        if "partial_rotary_factor" in rope:
            config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
        config["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    return config


def config_text(model, case):
    config = model.config.to_diff_dict()
    config.pop("dtype", None)
    config.pop("transformers_version", None)
    config = json.loads(json.dumps(config))
    if case.get("old"):
        config = old_style(config)
    for name in case.get("drop", []):
        del config[name]
    return json.dumps({**config, **case.get("replace", {})})


def make(case):
    seed = zlib.crc32(case["name"].encode())
    torch.manual_seed(seed)
    dtype = (HALF, BRAIN, HALF, SINGLE)[seed % 4]
    config = getattr(tr, case["config"])(**case["fields"])
    config._attn_implementation = "eager"
    model = getattr(tr, case["class"])(config).double().eval()
    draw(model, dtype)
    tokens = torch.randint(0, config.vocab_size, (1, case.get("tokens", TOKENS)))
    with torch.no_grad():
        logits = model(tokens).logits[0]
    assert torch.isfinite(logits).all() and logits.std() > 0.05, case["name"]
    text = config_text(model, case).encode()
    weights = safetensors.torch.save(tensors_of(model, case, dtype), {"format": "pt"})
    head = f"{case['name']} {len(text)} {len(weights)} {logits.shape[0]} {logits.shape[1]}\n"
    values = logits.contiguous().numpy().astype("<f8").tobytes()
    return head.encode() + text + weights + tokens[0].numpy().astype("<i4").tobytes() + values


def main():
    tr.logging.set_verbosity_error()
    torch.set_num_threads(1)
    lift()
    wanted = sys.argv[1:]
    cases = [case for case in import_cases.CASES if not wanted or case["name"] in wanted]
    parts = []
    for case in cases:
        parts.append(make(case))
        print(f"{case['name']:40} {len(parts[-1]):7} bytes", flush=True)
    OUT.write_bytes(b"".join(parts))
    size = sum(map(len, parts))
    print(f"{len(parts)} models of {len({case['class'] for case in cases})} classes, {math.ceil(size / 1024)} KiB")


if __name__ == "__main__":
    main()
