#!/usr/bin/env python3
"""exports.py [TRAIN] [--every N] - every topology, exported and loaded by transformers, has the loss of --logits.

Trains a tiny model for some steps, exports it, loads the folder in float64 and compares logits and loss with what
`./train --logits` has written. The models are {topology} x {layernorm, rmsnorm} x {gelu, swiglu} x {learned, rope} x
{bias, no bias}, and every norm, activation and option once. --every N takes each N-th. TRAIN is ./train.
Needs torch, transformers and safetensors.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

LIMIT = 1e-6  # nats per token
SIZES = {"n_layer": 2, "n_head": 2, "d_model": 16, "context": 16, "dropout": 0.0, "init_std": 0.2}
DEEPER = {"mixln": 4}  # has two kinds of blocks from so many on
DATA = {"train": "builtin:stories"}
OPTIONS = [
    {"topology": "pre", "n_kv_head": 1, "head_dim": 12, "rope_theta": 500.0, "rope_fraction": 0.5, "position": "rope"},
    {"topology": "pre", "position": "rope", "rope_factor": 4.0, "rope_original": 8},
    {"topology": "pre", "position": "none", "qk_norm": "on", "tie_embeddings": False},
    {"topology": "post", "final_norm": "on", "embed_scale": 0},
    {"topology": "resi_dual", "final_norm": "off"},
    {"topology": "pre", "layers": "post peri"},
    {"topology": "pre", "scaling": "completep", "base_d_model": 8, "base_n_layer": 1, "tie_embeddings": False},
    {"topology": "rezero", "scaling": "completep", "base_d_model": 8, "base_n_layer": 1, "embed_norm": "on"},
    {"topology": "pre", "wire": {"mlp.x0": {"learn": "vector", "start": 0.1}, "attn.branch": 0.5, "attn.gain": 2}},
    {"topology": "pre", "norm_eps": 0.01},
    {"topology": "pre", "head_bias": True, "softcap_logits": 2.0},
    {"topology": "pre", "softcap_attn": 1.5, "window": "4 all", "bias": False, "mlp": "swiglu", "position": "rope"},
    {"topology": "sandwich", "rope_layers": "local none", "rope_local_theta": 100.0, "position": "rope"},
    {"topology": "pre", "window": "5", "n_kv_head": 1, "position": "rope", "bias": False, "mlp": "swiglu"},
    {"topology": "parallel", "head_bias": True, "tie_embeddings": False, "norm": "layernorm", "position": "rope"},
    {"topology": "pre", "bias_at": "qkv", "mlp": "swiglu", "position": "rope"},
    {"topology": "peri", "bias": False, "mlp": "swiglu", "position": "rope", "gamma_warmup": True},
    {
        "topology": "lns",
        "bias": False,
        "mlp": "swiglu",
        "position": "rope",
        "gamma_warmup": True,
        "branch_warmup": True,
    },
    {"topology": "layerscale", "norm": "layernorm", "gamma_warmup": True, "branch_warmup": True},
    {"topology": "deepnorm", "norm": "layernorm", "norm_eps": 0.01, "branch_warmup": True},
    {"topology": "respost", "bias": False, "mlp": "swiglu", "position": "rope", "qk_norm": "on", "n_kv_head": 1},
    {"topology": "parallel2", "norm": "layernorm", "position": "rope", "rope_fraction": 0.5, "mlp": "gelu_erf"},
    {"topology": "parallel", "norm": "layernorm", "position": "rope", "mlp": "swiglu", "bias": False, "embed_scale": 3},
    {"topology": "pre", "scaling": "completep", "base_d_model": 8, "bias": False, "mlp": "swiglu", "position": "rope"},
    {
        "topology": "pre",
        "wire": {"mlp.branch": 0.5},
        "bias": False,
        "norm": "scalenorm",
        "position": "rope",
        "mlp": "swiglu",
    },
    {"topology": "pre", "norm": "rmsnorm_plus1", "bias": False, "mlp": "geglu", "position": "rope", "head_dim": 12},
    {"topology": "post", "norm": "layernorm", "mlp": "relu"},
    {"topology": "pre", "norm": "layernorm", "mlp": "relu2", "position": "rope", "qk_norm": "on"},
    {"topology": "pre", "rope_factor": 4.0, "rope_original": 8, "bias": False, "mlp": "swiglu", "position": "rope"},
    {"topology": "peri", "gamma_warmup": True},
    {"topology": "peri", "norm": "gated", "gamma_warmup": True},
    {"topology": "pre", "norm": "rmsnorm_plus1", "gamma_warmup": True},
    {"topology": "pre", "branch_warmup": True},
    {"topology": "pre", "bias": False, "mlp": "swiglu", "position": "rope", "rope_layers": "none rope"},
    {"topology": "pre", "bias": False, "mlp": "swiglu", "position": "rope", "rope_layers": "none"},
    {"topology": "pre", "bias": False, "mlp": "swiglu", "position": "rope", "window": "5 all"},
    {"topology": "pre", "norm": "layernorm", "window": "3"},
    {"topology": "sandwich", "bias": False, "mlp": "geglu", "position": "rope", "softcap_attn": 0.5},
    {
        "topology": "peri",
        "position": "rope",
        "rope_layers": "local rope",
        "rope_local_theta": 20.0,
        "rope_factor": 4.0,
        "rope_original": 8,
        "window": "all 4",
        "softcap_attn": 2.0,
    },
]


def matrix(topologies, norms):
    for values in itertools.product(
        topologies, ("layernorm", "rmsnorm"), ("gelu", "swiglu"), ("learned", "rope"), (True, False)
    ):
        yield dict(zip(("topology", "norm", "mlp", "position", "bias"), values, strict=True))
    for norm in norms:
        yield {"topology": "peri", "norm": norm}
        yield {"topology": "pre", "norm": norm, "qk_norm": "on", "mlp": "geglu"}
    for mlp in ("relu", "relu2", "geglu", "gelu_erf"):
        yield {"topology": "pre", "mlp": mlp}
    yield from OPTIONS


def config_of(keys, steps):
    keys = dict(keys)
    config = {"name": "toy", "data": DATA, "log": {"layers_every": 0}}
    config["train"] = {"steps": steps, "batch": 4, "eval_every": 0, "sample_every": 0, "threads": 1}
    config["optim"] = {"lr": 0.02, "warmup_steps": 2}
    if keys.pop("gamma_warmup", False):
        config["gamma_warmup"] = {"steps": 2 * steps, "from": 0.1}
    if keys.pop("branch_warmup", False):
        config["branch_warmup"] = {"steps": steps, "from": 0.1}
    config["model"] = {**SIZES, **keys}
    if keys.get("topology") in DEEPER:
        config["model"]["n_layer"] = DEEPER[keys["topology"]]
    return config


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.stderr or done.stdout}")
    return done.stdout


def losses(folder, file):
    """Of the class in `folder` and of the logits in `file`, in nats per token; the largest difference of logits."""
    stored = load_file(file)
    targets, theirs = stored["targets"].reshape(-1), stored["logits"].double()
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float64).eval()
    with torch.no_grad():
        ours = model(stored["tokens"]).logits.flatten(0, 1)
    return F.cross_entropy(ours, targets), F.cross_entropy(theirs, targets), (ours - theirs).abs().max()


def check(train, keys, folder):
    folder.mkdir()
    path = folder / "toy.json"
    path.write_text(json.dumps(config_of(keys, 10)))
    run(train, "--config", path, "--run-dir", folder / "run", "--quiet")
    said = run(train, "--export", folder / "run", folder / "out")
    run(train, "--logits", folder / "run", folder / "logits.safetensors", "--set", "train.eval_rows=4")
    return *losses(folder / "out", folder / "logits.safetensors"), said.split("\n")[0].split()[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("train", nargs="?", default="./train")
    parser.add_argument("--every", type=int, default=1)
    chosen = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    topologies = run(chosen.train, "--list", "topologies", "--json")
    norms = run(chosen.train, "--list", "norms", "--json")
    names = [[row["name"] for row in json.loads(text)] for text in (topologies, norms)]
    worst, failed, count, classes = 0.0, 0, 0, {}
    with tempfile.TemporaryDirectory() as folder:
        for i, keys in enumerate(itertools.islice(matrix(*names), 0, None, chosen.every)):
            ours, theirs, difference, kind = check(chosen.train, keys, Path(folder) / str(i))
            error = abs(float(ours - theirs))
            worst, count, classes[kind] = max(worst, error), count + 1, classes.get(kind, 0) + 1
            if not error < LIMIT:
                failed += 1
                print(f"DIFFERS {keys}: {ours:.9g} and {theirs:.9g}, logits differ by {difference:.3g}", flush=True)
    print(f"{count} models, {failed} differ; largest difference of losses {worst:.3g} nats per token")
    print(", ".join(f"{kind} {number}" for kind, number in sorted(classes.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
