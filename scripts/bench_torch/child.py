"""child: what a PyTorch process does: it answers one request with one line of JSON."""

import ctypes
import json
import math
import os
import re
import resource
import statistics
import time

import torch

from common import MB, SAMPLES_MIN, SIDE, TRIAL_STEPS, WARM_STEPS, fail
from model import Training, attentions


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


def describe_process(request):
    """PyTorch, its threads and the BLAS of its matrix multiplications."""
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    files = mapped_libraries(r"blas|mkl_rt|mkl_core")
    answer = {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "files": files,
        "openmp": mapped_libraries(r"^lib(gomp|omp|iomp5)\b"),
        "attentions": sorted(attentions()),
        "imported_mb": peak_mb(),
    }
    for file in files:
        if "openblas" in os.path.basename(file):
            answer |= describe_openblas(file)
    return answer


def try_variants(request):
    """The median step of one variant, or of every way to write it: first the attention, then the optimizer."""

    def trial(variant):
        training = Training(request["config"], variant)
        seconds = [training.step()[1] for _ in range(WARM_STEPS + TRIAL_STEPS)]
        return {**variant, "ms": 1e3 * statistics.median(seconds[WARM_STEPS:])}

    if request["variant"]:
        return {"trials": [trial(request["variant"])]}
    trials = [trial({"attention": way, "foreach": False}) for way in attentions()]
    fastest = min(trials, key=lambda t: t["ms"])
    trials.append(trial({"attention": fastest["attention"], "foreach": True}))
    return {"trials": trials}


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
    work = {"describe": describe_process, "try": try_variants, "measure": measure_torch}
    print(json.dumps(work[request["work"]](request)))
