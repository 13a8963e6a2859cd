#!/usr/bin/python3
"""Writes tests/oracle/fixtures.bin: the losses, gradients and updates that the trainer must reproduce.

    make oracle          needs Debian's python3-torch; tests/unit/test_oracle.c reads the file

net.py and norms.py are the model, cases.py and runs.py list what is compared. Weights and tokens are not in the
file: both sides compute them (bits() and initial_value() in values.py). The file consists of lines of text, and
each array is followed by its bytes:

    peri-oracle 1 HASH      FNV-1a of the sources (sources_hash), concatenated
    gradients NAME          or run NAME
    config JSON             a config of the trainer
    t N                     updates already taken (of both warm-ups and norm_removal), for gradients
    array NAME COUNT        then COUNT little-endian doubles and a newline
    end

Arrays of gradients: loss (1), then the gradient of every parameter; with batchnorm also its running
statistics after the pass, and eval_loss (1), the loss computed with them. Arrays of a run: the columns of
log.csv over the 20 updates (COLUMNS), then the final value of every parameter and running statistic.
"""

import json
import math
import os
import struct

import torch

import cases
import runs
from net import Model
from values import bits, hash_text

HERE = os.path.dirname(os.path.abspath(__file__))
VOCAB, BATCH, STEPS = 11, 2, 20
COLUMNS = ("train_loss", "grad_norm", "clip_scale", "lr", "gamma_scale")
STREAM = 71  # tokens of the text of the runs: 7 micro-batches of 2 x 5 tokens, then again from the start


def sources_hash():
    state = hash_text("")
    for name in ("values", "scaling", "options", "half", "net", "norms", "cases", "runs", "oracle"):
        with open(os.path.join(HERE, name + ".py"), encoding="utf-8") as file:
            state = hash_text(file.read(), state)
    return state


def tokens_of(label, n):
    return [bits(label, i) % VOCAB for i in range(n)]


def gamma_scale(warmup, t):
    if not warmup or warmup["steps"] == 0:
        return 1.0
    start, end = warmup["from"], warmup["to"]
    return end if t >= warmup["steps"] else start + (end - start) * t / warmup["steps"]


def branch_factor(branch, t, l):
    if not branch:
        return 1.0
    fraction = min(1.0, t / (branch["steps"] * (l if branch["order"] == "deeper" else 1)))
    return branch["from"] + (1 - branch["from"]) * fraction


def warm(model, warmup, branch, t):
    model.w, model.warm = gamma_scale(warmup, t), set(warmup["slots"] if warmup else [])
    model.ramp = lambda l: branch_factor(branch, t, l)


def write_array(out, name, values):
    out.write(f"array {name} {len(values)}\n".encode())
    out.write(struct.pack(f"<{len(values)}d", *values) + b"\n")


def set_stream_scale(model, accum=1):
    model.stream_scale = 2.0 ** math.ceil(math.log2(BATCH * model.c["context"] * accum))


def write_header(out, kind, name, model, warmup, branch, wire=None, rest=None):
    config = {"model": dict(model.c), **(rest or {})}
    config["train"] = {**model.precisions, **config["train"]}
    if wire:
        config["model"]["wire"] = wire
    if warmup:
        config["gamma_warmup"] = warmup
    if branch:
        config["branch_warmup"] = branch
    out.write(f"{kind} {name}\nconfig {json.dumps(config)}\n".encode())


def write_statistics(out, model):
    for key, value in model.running_statistics():
        write_array(out, key, value.tolist())


def write_gradients(out, name, keys, warmup, branch, t, wire, block, removal, removed):
    model = Model(name, keys, VOCAB, block)
    warm(model, warmup, branch, t)
    set_stream_scale(model)
    model.removed, model.first_apart = set(removed), (removal or {}).get("first_apart", True)
    shape = (BATCH, model.c["context"])
    tokens = torch.tensor(tokens_of(name + "/tokens", shape[0] * shape[1])).view(shape)
    targets = torch.tensor(tokens_of(name + "/targets", shape[0] * shape[1])).view(shape)
    loss = model.loss(tokens, targets)
    loss.backward()
    rest = {"train": {"batch": BATCH}, **({"norm_removal": removal} if removal else {})}
    write_header(out, "gradients", name, model, warmup, branch, wire, rest)
    out.write(b"t %d\n" % t)
    write_array(out, "loss", [loss.item()])
    for key, value in model.params.items():
        write_array(out, key, value.grad.flatten().tolist())
    write_statistics(out, model)
    if model.batch_norms:
        model.training = False
        write_array(out, "eval_loss", [model.loss(tokens, targets).item()])
    out.write(b"end\n")


# --- the optimizer ---


def learning_rate(o, norm, s):
    """The learning rate of update s = 1..STEPS."""
    W, lr, low = o["warmup_steps"], o["lr"], o["lr"] * o["min_lr_ratio"]
    if s <= W:
        rate = lr * s / W
    elif o["schedule"] == "constant":
        rate = lr
    elif o["schedule"] == "wsd":
        D = max(W, STEPS - math.floor(o["decay_fraction"] * STEPS))
        rate = lr if s <= D else low + (lr - low) * (1 - math.sqrt((s - D) / (STEPS - D)))
    else:
        p = (s - W) / (STEPS - W)
        cosine = low + (lr - low) * (1 + math.cos(math.pi * p)) / 2
        rate = cosine if o["schedule"] == "cosine" else lr + (low - lr) * p
    return rate * (o["rmsnorm_lr_scale"] if norm in ("rmsnorm", "rmsnorm_plus1") else 1)


def decays(o, name, value):
    if name.endswith((".norm_in.gamma", ".norm_mid.gamma", ".norm_in.g", ".norm_mid.g")):
        return o["decay_gamma_in"]
    if name.endswith((".norm_out.gamma", ".norm_post.gamma", ".norm_out.g", ".norm_post.g")):
        return o["decay_gamma_out"]
    return value.dim() == 2


def rate_factor(name):
    """nanochat's factor for the coefficients of the stream, of row lambdas."""
    return 0.01 if name.endswith(".attn.enter") else 1.0


def adamw(o, moments, name, p, g, lr, n, scaling):
    m, v = moments.setdefault(name, (torch.zeros_like(p), torch.zeros_like(p)))
    m = o["beta1"] * m + (1 - o["beta1"]) * g
    v = o["beta2"] * v + (1 - o["beta2"]) * g * g
    moments[name] = (m, v)
    of_lr, of_eps, of_decay = scaling.update(name, p.dim())
    step = (m / (1 - o["beta1"] ** n)) / (torch.sqrt(v / (1 - o["beta2"] ** n)) + of_eps * o["eps"])
    decay = of_decay * o["weight_decay"] if decays(o, name, p) else 0.0
    return p - of_lr * lr * rate_factor(name) * (step + decay * p)


def matrices_of(model, name):
    """The rows of the matrices of a linear layer of a block; None for any other tensor."""
    if not name.startswith("blocks.") or not name.endswith(".weight"):
        return None
    rows = model.params[name].shape[0]
    if ".qkv." not in name:
        return [rows]
    heads, size = model.c["n_head"], model.c["d_model"] // model.c["n_head"]
    return [heads * size, (rows - heads * size) // 2, (rows - heads * size) // 2]


def orthogonalized(u):
    """Five Newton-Schulz steps, on the transpose if there are more rows than columns."""
    x = (u.T if u.shape[0] > u.shape[1] else u) / (torch.linalg.matrix_norm(u) + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.T if u.shape[0] > u.shape[1] else x


def muon(o, moments, name, p, g, lr, rows):
    m = torch.lerp(moments.setdefault(name, torch.zeros_like(p)), g, 1 - o["muon_momentum"])
    moments[name] = m
    u = torch.lerp(g, m, o["muon_momentum"])
    peak = o["muon_lr"] or (o["lr"] if o["muon_scale"] == "moonshot" else 0.02)
    new = []
    for w, part in zip(p.split(rows), u.split(rows), strict=True):
        out, wide = part.shape
        factor = 0.2 * math.sqrt(max(out, wide)) if o["muon_scale"] == "moonshot" else math.sqrt(max(1, out / wide))
        new.append(w - lr * peak / o["lr"] * (factor * orthogonalized(part) + o["muon_decay"] * w))
    return torch.cat(new)


def updated(model, o, moments, key, g, lr, n):
    p, rows = model.params[key].detach(), matrices_of(model, key)
    if o.get("kind") == "muon" and rows:
        return muon(o, moments, key, p, g, lr, rows)
    return adamw(o, moments, key, p, g, lr, n, model.scaling)


def micro_batch(stream, k, T):
    """Micro-batch k in sequential order."""
    count = BATCH * T
    start = k % ((STREAM - 1) // count) * count
    tokens = torch.tensor(stream[start : start + count]).view(BATCH, T)
    return tokens, torch.tensor(stream[start + 1 : start + count + 1]).view(BATCH, T)


def write_run(out, name, keys, o, warmup, branch, accum):
    model = Model(name, keys, VOCAB)
    set_stream_scale(model, accum)
    stream, moments, log = tokens_of("runs/tokens", STREAM), {}, []
    for s in range(1, STEPS + 1):
        warm(model, warmup, branch, s - 1)
        total = 0.0
        for j in range(accum):
            loss = model.loss(*micro_batch(stream, (s - 1) * accum + j, model.c["context"])) / accum
            loss.backward()
            total += loss.item()
        norm = math.sqrt(sum((p.grad**2).sum().item() for p in model.params.values()))
        clip = 1.0 if o["clip"] == 0 or norm <= o["clip"] else o["clip"] / norm
        lr = learning_rate(o, model.c["norm"], s)
        log.append((total, norm, clip, lr, model.w))
        for key, p in model.params.items():
            new = updated(model, o, moments, key, clip * p.grad, lr, s)
            model.params[key] = new.requires_grad_()
    rest = {"optim": o, "train": {"steps": STEPS, "batch": BATCH, "accum": accum}}
    write_header(out, "run", name, model, warmup, branch, rest=rest)
    for column, values in zip(COLUMNS, zip(*log, strict=True), strict=True):
        write_array(out, column, values)
    for key, value in model.params.items():
        write_array(out, key, value.flatten().tolist())
    write_statistics(out, model)
    out.write(b"end\n")


def main():
    torch.set_num_threads(1)
    path = os.path.join(HERE, "fixtures.bin")
    with open(path, "wb") as out:
        out.write(b"peri-oracle 1 %016x\n" % sources_hash())
        for one in cases.CASES:
            write_gradients(out, *one)
        for one in runs.RUNS:
            write_run(out, *one)
    sizes = (len(cases.CASES), len(runs.RUNS), os.path.getsize(path))
    print("{} models and {} runs, {} bytes".format(*sizes))


if __name__ == "__main__":
    main()
