"""sides: starts the processes of PyTorch and of ./train, with the same threads and the same OpenBLAS."""

import json
import os
import re
import subprocess
import tempfile

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
    nothing = subprocess.DEVNULL
    try:
        done = subprocess.run(
            words, env=environment, cwd=ROOT, stdin=nothing, capture_output=True, text=True, check=False
        )
    except OSError as error:
        fail(f"cannot start {words[0]}: {error.strerror}")
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
        fail(f"{' '.join(words[:3])} failed with exit code {done.returncode}: {lines[-1]}")
    return done.stdout


def keys_of(line):
    """The key=value words of a line; values are numbers, without percent signs, or names."""

    def value_of(text):
        try:
            return float(text.rstrip("%"))
        except ValueError:
            return text

    return {key: value_of(value) for key, value in (word.split("=") for word in line.split())}


class Sides:
    """Owns a folder for what torch.compile writes: each process finds what an earlier one compiled."""

    def __init__(self, train, threads, python):
        self.train, self.threads, self.python = os.path.abspath(train), threads, python
        self.compiled = tempfile.TemporaryDirectory(prefix="bench_torch_")
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
        self.torch_environment = {
            **self.environment,
            "LD_LIBRARY_PATH": ":".join(filter(None, path)),
            "TORCHINDUCTOR_CACHE_DIR": self.compiled.name,
            # No pool of compilers that outlives the first step.
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
        }

    def ask_torch(self, work, settings=(), **request):
        request = json.dumps({"work": work, "threads": self.threads, **request})
        environment = dict(self.torch_environment)
        for name in settings:
            environment.update(SETTINGS[name])
        program = os.path.join(ROOT, "scripts", "bench_torch.py")
        return json.loads(run([self.python, "-B", program, "--child", request], environment).splitlines()[-1])

    def ask_train(self, *words):
        return run([self.train, *words], self.environment)

    def require_blas(self, said):
        """Refuses to measure a PyTorch that loads a slow BLAS of the system.

        Packages of PyPI contain their own (MKL and oneDNN on x86) and are measured with it. Debian's loads a shared
        BLAS, which has to be that of ./train.
        """
        where = os.path.dirname(os.path.realpath(self.blas))
        others = [file for file in said["files"] if os.path.dirname(os.path.realpath(file)) != where]
        own = [file for file in others if "site-packages" in file or "mkl" in os.path.basename(file)]
        if others != own:
            fail(f"PyTorch's BLAS is {', '.join(others)} and that of ./train is {self.blas}; nothing was measured")
        if "parallel" in said and said["parallel"] != OPENBLAS_OPENMP:
            fail(
                f"{', '.join(said['files'])} is not the OpenMP flavour of OpenBLAS; install libopenblas-openmp-dev and "
                "run make; nothing was measured"
            )
        if said["threads"] != self.threads or said.get("blas_threads", self.threads) != self.threads:
            fail(f"PyTorch has {said['threads']} threads and its BLAS {said.get('blas_threads', 'as many')}")
