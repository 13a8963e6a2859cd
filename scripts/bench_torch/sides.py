"""sides: starts the processes of PyTorch and of ./train, with the same threads and the same OpenBLAS."""

import json
import os
import re
import subprocess
import sys

from common import ROOT, fail

OPENBLAS_OPENMP = 2  # openblas_get_parallel() of the OpenMP flavour
# Environments that PyTorch is tried with. glibc returns a large freed array to the system and pays for its pages again
# in the next step; with `keep` it holds on to them. Threads of ./train spin for less long than those of libgomp, which
# costs less if another process needs a core; `patient` does the same for PyTorch.
SETTINGS = {
    "keep": {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**40)},
    "patient": {"GOMP_SPINCOUNT": "3000"},
}


def run(words, environment):
    done = subprocess.run(
        words, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
        fail(f"{' '.join(words[:3])} failed with exit code {done.returncode}: {lines[-1]}")
    return done.stdout


def keys_of(line):
    """The key=value words of a line; percent signs are dropped."""
    return {key: float(value.rstrip("%")) for key, value in (word.split("=") for word in line.split())}


class Sides:
    def __init__(self, train, threads):
        self.train, self.threads = os.path.abspath(train), threads
        if not os.access(self.train, os.X_OK):
            fail(f"there is no program {train}; run make first")
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        # ./train corrects OpenBLAS if that does not recognize the processor; PyTorch gets the same kernels.
        kernels = re.search(r"kernels (\S+)", run([self.train, "--version"], self.environment))
        self.environment.setdefault("OPENBLAS_CORETYPE", kernels[1])
        found = re.search(r"libopenblas\S* => (\S+)", run(["ldd", self.train], self.environment))
        if not found:
            fail(f"{train} is not linked with a shared OpenBLAS, so PyTorch cannot use the same")
        self.blas = found[1]
        # Debian's PyTorch loads libblas.so.3, which any BLAS may provide; OpenBLAS's is in the same folder.
        path = [os.path.dirname(self.blas), os.environ.get("LD_LIBRARY_PATH")]
        self.torch_environment = {**self.environment, "LD_LIBRARY_PATH": ":".join(filter(None, path))}

    def ask_torch(self, work, settings=(), **request):
        request = json.dumps({"work": work, "threads": self.threads, **request})
        environment = dict(self.torch_environment)
        for name in settings:
            environment.update(SETTINGS[name])
        program = os.path.join(ROOT, "scripts", "bench_torch.py")
        return json.loads(run([sys.executable, "-B", program, "--child", request], environment).splitlines()[-1])

    def ask_train(self, *words):
        return run([self.train, *words], self.environment)

    def require_blas(self, said):
        """Refuses to measure PyTorch with a BLAS other than the OpenMP flavour of OpenBLAS."""
        files, where = said["files"], os.path.dirname(os.path.realpath(self.blas))
        others = [file for file in files if os.path.dirname(os.path.realpath(file)) != where]
        if others or "parallel" not in said:
            theirs = ", ".join(others or files) or "not a file of its own"
            fail(f"PyTorch's BLAS is {theirs} and that of ./train is {self.blas}; nothing was measured")
        if said["parallel"] != OPENBLAS_OPENMP:
            fail(
                f"{self.blas} is not the OpenMP flavour of OpenBLAS; install libopenblas-openmp-dev and run make; "
                "nothing was measured"
            )
        if not said["threads"] == said["blas_threads"] == self.threads:
            fail(f"PyTorch has {said['threads']} threads and its BLAS {said['blas_threads']}")
