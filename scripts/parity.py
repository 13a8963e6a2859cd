#!/usr/bin/env python3
"""parity.py FOLDER [--logits FILE.safetensors] - prints the parity line of ./train --export for an exported model.

The line has the mean and the mean square of the logits of 16 fixed tokens, and the first four logits of the last one.
With --logits, also the largest difference from the logits that `./train --logits RUN FILE.safetensors` has written, and
both losses. Needs torch and transformers: pip install torch transformers.
"""

import argparse
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

TOKENS, STRIDE, SHOWN = 16, 7, 4


def parity(model):
    V, T = model.config.vocab_size, min(TOKENS, model.config.max_position_embeddings)
    tokens = torch.tensor([[STRIDE * t % V for t in range(T)]])
    logits = model(tokens).logits[0].double()
    last = ",".join(f"{x:.6g}" for x in logits[-1, :SHOWN].tolist())
    return f"parity: tokens={T} mean={logits.mean():.6g} mean_square={(logits**2).mean():.6g} last={last}"


def compared(model, file):
    """The largest difference of logits, and the loss of both programs in nats per token."""
    stored = load_file(file)
    tokens, V = stored["tokens"], stored["logits"].shape[-1]
    ours = torch.cat([model(row[None]).logits[0] for row in tokens]).double()
    theirs = stored["logits"].double().reshape(-1, V)
    words = f"logits: max_difference={(ours - theirs).abs().max():.3g} max_logit={theirs.abs().max():.3g}"
    if "targets" in stored:
        targets = stored["targets"].reshape(-1)
        words += f" loss={F.cross_entropy(ours, targets):.9g} stored_loss={F.cross_entropy(theirs, targets):.9g}"
    return words


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder")
    parser.add_argument("--logits", metavar="FILE.safetensors")
    parser.add_argument("--double", action="store_true", help="compute in float64")
    words = parser.parse_args()
    kind = torch.float64 if words.double else torch.float32
    model = AutoModelForCausalLM.from_pretrained(words.folder, trust_remote_code=True, dtype=kind).eval()
    with torch.no_grad():
        print(f"class: {type(model).__name__}")
        print(parity(model))
        if words.logits:
            print(compared(model, words.logits))


if __name__ == "__main__":
    sys.exit(main())
