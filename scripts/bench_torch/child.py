"""child: what a PyTorch process does: it answers one request with one line of JSON."""

import ctypes
import json
import math
import os
import re
import resource
import shutil
import statistics
import struct
import sysconfig
import time

import torch

from common import MB, SAMPLES_MIN, SIDE, TRIAL_SECONDS, TRIAL_STEPS, WARM_STEPS, fail
from model import ADAMWS, Training, attentions, casts


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB


def mapped_libraries(pattern):
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files = {line.split(None, 5)[5].strip() for line in maps if len(line.split(None, 5)) == 6}
    return sorted(file for file in files if re.search(pattern, os.path.basename(file)))


def describe_openblas(file):
    library = ctypes.CDLL(file)
    library.openblas_get_config.restype = library.openblas_get_corename.restype = ctypes.c_char_p
    return {
        "parallel": library.openblas_get_parallel(),
        "config": library.openblas_get_config().decode().strip(),
        "core": library.openblas_get_corename().decode(),
        "blas_threads": library.openblas_get_num_threads(),
    }


def runs(adamw):
    """Whether this PyTorch has an implementation of AdamW for the CPU."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.grad = torch.zeros(1)
    try:
        torch.optim.AdamW([parameter], **ADAMWS[adamw]).step()
    except (RuntimeError, TypeError):
        return False
    return True


def built_with():
    """The matrix libraries that this PyTorch was built with, in words."""
    shown = torch.__config__.show()
    names = [
        r"BLAS_INFO=(\w+)",
        r"(Math Kernel Library Version \S+)",
        r"(MKL-DNN v\S+)",
        r"CPU capability usage: (\S+)",
    ]
    found = [re.search(name, shown) for name in names]
    return ", ".join(match[1] for match in found if match)


def why_not_compile():
    """What torch.compile lacks here; empty if nothing does."""
    if not hasattr(torch, "compile"):
        return f"PyTorch {torch.__version__} has no torch.compile"
    if not shutil.which(os.environ.get("CXX", "g++")):
        return "there is no C++ compiler (g++, or that of CXX)"
    if not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
        return "there are no headers of Python (python3-dev)"
    return ""


def describe_process(request):
    """PyTorch, its threads and the BLAS of its matrix multiplications."""
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    # NumPy, which PyTorch imports, contains an OpenBLAS that it alone uses; cublas is for GPUs.
    files = mapped_libraries(r"^(?!libscipy_openblas|libcublas).*(blas|mkl_rt|mkl_core)")
    answer = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "files": files,
        "openmp": mapped_libraries(r"^lib(gomp|omp|iomp5)\b"),
        "attentions": sorted(attentions()),
        "adamws": [name for name in ADAMWS if runs(name)],
        "casts": casts(),
        "modes": {"eager": "", "compile": why_not_compile()},
        "built": built_with(),
        "imported_mb": peak_mb(),
    }
    for file in files:
        if "openblas" in os.path.basename(file):
            answer |= describe_openblas(file)
    return answer


def trial(config, variant):
    """The median step of a variant in ms, or why this PyTorch cannot run it."""
    try:
        training = Training(config, variant)
        seconds = [training.step()[1]]
        start = time.perf_counter()  # the first step may compile
        while len(seconds) < WARM_STEPS + TRIAL_STEPS:
            seconds.append(training.step()[1])
            if time.perf_counter() - start > TRIAL_SECONDS:
                break
    except Exception as error:  # of any kind, from PyTorch or from a compiler it started
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return {**variant, "failed": lines[0][:200]}
    return {**variant, "ms": 1e3 * statistics.median(seconds[min(WARM_STEPS, len(seconds) - 1) :])}


def try_variants(request):
    return {"trials": [trial(request["config"], variant) for variant in request["variants"]]}


def load_weights(path):
    """The tensors of a model.safetensors of ./train, under the names of Model."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        tensors, data = json.loads(file.read(length)), bytearray(file.read())
    weights = {}
    for name, tensor in tensors.items():
        if name != "__metadata__":
            first, last = tensor["data_offsets"]
            values = torch.frombuffer(data, dtype=torch.float32, count=(last - first) // 4, offset=first)
            name = re.sub(r"(attn|mlp)\.norm_(in|out)\.", r"\1_\2.", name)
            name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
            weights[name] = values.view(tensor["shape"])
    return weights


def losses_of(config, variant, weights, batches):
    """Losses and gradient norms of the first updates from given weights."""
    training = Training(config, variant, weights)
    updates = []
    for rate, batch in batches:
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        loss = training.backward(batch)
        updates.append((loss, training.gradient_norm()))
        training.apply()
    return updates


def check_losses(request):
    """The first updates of each variant with the weights, tokens and learning rates of a run of ./train.

    Tokens are in the order of data.order = sequential: sequence r of update k starts at token (k B + r) T.
    """
    config, weights = request["config"], load_weights(request["weights"])
    B, T = config["train.batch"], config["model.context"]
    with open(request["tokens"], "rb") as file:
        tokens = torch.frombuffer(bytearray(file.read()), dtype=torch.int16).long() & 0xFFFF
    starts = [[(k * B + r) * T for r in range(B)] for k in range(len(request["rates"]))]
    batches = [torch.stack([tokens[at : at + T + 1] for at in row]) for row in starts]
    rated = list(zip(request["rates"], batches))  # noqa: B905 - strict= is of Python 3.10
    return {"updates": [losses_of(config, variant, weights, rated) for variant in request["variants"]]}


class Matmul:
    """A matrix multiplication that the steps are compared with."""

    def __init__(self, samples):
        self.samples = samples
        self.left, self.right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
        self.out = torch.empty(SIDE, SIDE)

    def one_rate(self):
        start = time.perf_counter()
        torch.mm(self.left, self.right, out=self.out)
        return 2 * SIDE**3 / (time.perf_counter() - start)

    def rate(self):
        """FLOP/s now, the mean of some."""
        return statistics.mean(self.one_rate() for _ in range(self.samples))


def measure_torch(request):
    """Blocks of steps between matrix multiplications, as ./train --bench measures them."""
    training = Training(request["config"], request["variant"])
    first_loss = training.step()[0]
    for _ in range(WARM_STEPS - 1):
        training.step()
    memory = peak_mb()
    steps = request["steps"]
    blocks = min(steps, SAMPLES_MIN)
    matmul = Matmul((SAMPLES_MIN + blocks) // (blocks + 1))
    seconds, rates, ratios, before = [], [], [], matmul.rate()
    for block in range(blocks):
        count = steps * (block + 1) // blocks - steps * block // blocks
        seconds.append(statistics.median(training.step()[1] for _ in range(count)))
        after = matmul.rate()
        rates.append((before + after) / 2)
        ratios.append(1e9 * request["gflop"] / seconds[-1] / rates[-1])
        before = after
    if not math.isfinite(training.step()[0]):
        fail("PyTorch's loss is not finite")
    return {
        "ms": 1e3 * statistics.median(seconds),
        "sgemm": 1e-9 * statistics.median(rates),
        "ratio": statistics.median(ratios),
        "peak_mb": memory,
        "loss": first_loss,
        "parameters": sum(p.numel() for p in training.model.parameters()),
    }


def answer(request):
    torch.set_num_threads(request["threads"])
    work = {"describe": describe_process, "try": try_variants, "measure": measure_torch, "check": check_losses}
    print(json.dumps(work[request["work"]](request)))
