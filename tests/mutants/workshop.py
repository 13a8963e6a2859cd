"""A copy of the tree in which one mutant after the other is built and tested.

The unmutated build is kept in unchanged/: what a mutant did not change needs no test.
"""

import filecmp
import os
import shutil
import subprocess
import sys

from steps import STEPS, steps_for

COPIED = ["Makefile", "train.c", "base", "ops", "norm", "data", "model", "run", "tests", "configs", "sweeps", "scripts"]
COPIED += ["docs"]

# Exchanged arguments of incompatible types are not mutants.
CFLAGS = "-O1 -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=discarded-qualifiers"

# A mutant may loop or wait forever, or ask for all memory or disk. The limit is in seconds of computing, so that a
# busy machine kills no mutant.
LIMITED = 'ulimit -v 16000000 -f 4000000 -c 0 -t "$1" && exec timeout -k 5 $((10 * $1)) "${@:2}"'
TIMED_OUT = (124, 137, 152)  # 152: SIGXCPU
INTERRUPTED = (130, 143)

KILLED, TIMEOUT, SURVIVED = "killed", "timeout", "survived"
BROKEN, SAME_CODE, EQUIVALENT = "does not compile", "same code", "equivalent"


class DoesNotCompile(Exception):
    pass


class Interrupted(Exception):
    """Ctrl-C reached a test: the mutant has no result, and --resume runs it again."""


class Workshop:
    def __init__(self, folder):
        self.folder = folder
        self.environment = {**os.environ, "LC_ALL": "C", "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1"}
        self.environment["TMPDIR"] = str(folder / "tmp")

    def copy_tree(self, root):
        self.folder.mkdir()
        for name in COPIED:
            source = root / name
            if source.is_dir():
                shutil.copytree(source, self.folder / name, symlinks=True)
            else:
                shutil.copy2(source, self.folder / name)
        (self.folder / "tmp").mkdir()

    def copy_of(self, other):
        shutil.copytree(other.folder, self.folder, symlinks=True)

    def make(self, build, *targets):
        words = ["make", "-s", f"CFLAGS={CFLAGS}", f"REAL={build}", *targets]
        with open(self.folder / "make.log", "w") as log:
            return self.run(words, log) == 0

    def run(self, words, log):
        return subprocess.run(
            words, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False
        ).returncode

    def run_limited(self, limit, *words, **environment):
        with open(self.folder / "test.log", "w") as log:
            command = ["env", *(f"{name}={value}" for name, value in environment.items())]
            code = self.run([*command, "bash", "-c", LIMITED, "bash", str(limit), *words], log)
        return code if code >= 0 else 128 - code

    def unchanged(self, path):
        """Whether a file in build/ is, byte for byte, what it is without the mutant."""
        before = self.folder / "unchanged" / path.removeprefix("build/")
        return before.exists() and filecmp.cmp(self.folder / path, before, shallow=False)

    def run_step(self, step):
        """The exit status of a test, 0 without running it if its program is unchanged."""
        if step.build == "shell":
            if not self.make("float", "build/float/train"):
                raise DoesNotCompile
            return self.run_limited(step.limit, step.program, TRAIN="build/float/train")
        if not self.make(step.build, step.program):
            raise DoesNotCompile
        if self.unchanged(step.program):
            return 0
        return self.run_limited(step.limit, step.program, *step.arguments)

    def prepare(self, jobs):
        """Builds everything and runs the tests once: one that fails anyway would kill every mutant."""
        for build in ("float", "double"):
            if not self.make(build, "-j", str(jobs), "tests", f"build/{build}/train"):
                self.give_up("does not build")
        for step in STEPS:
            if self.run_step(step) != 0:
                self.give_up(f"fails {step}")
        shutil.copytree(self.folder / "build", self.folder / "unchanged", symlinks=True)

    def give_up(self, why):
        for name in ("make.log", "test.log"):
            if (self.folder / name).exists():
                sys.stderr.write((self.folder / name).read_text(errors="replace"))
        print(f"mutate.sh: the unchanged tree {why}", file=sys.stderr)
        sys.exit(2)

    def same_code(self, file):
        """Whether both builds of a file give the object that they give without the mutant, those of a header all of
        them."""
        name = "libperi.a" if file.endswith(".h") else file.removesuffix(".c") + ".o"
        objects = [f"build/{build}/{name}" for build in ("float", "double")]
        if not self.make("float", objects[0]):
            raise DoesNotCompile
        return self.unchanged(objects[0]) and self.make("double", objects[1]) and self.unchanged(objects[1])

    def verdict(self, mutant, short):
        """(result, step that killed it or None) of the mutant whose line is in place."""
        try:
            if self.same_code(mutant.file):
                return SAME_CODE, None
            for step in steps_for(mutant.file, short):
                status = self.run_step(step)
                if status in INTERRUPTED:
                    raise Interrupted
                if status != 0:
                    return TIMEOUT if status in TIMED_OUT else KILLED, step
        except DoesNotCompile:
            return BROKEN, None
        return SURVIVED, None

    def try_mutant(self, mutant, short):
        temporary, path = self.folder / "tmp", self.folder / mutant.file
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        original = path.read_text()
        lines = original.split("\n")
        lines[mutant.line - 1] = mutant.after
        path.write_text("\n".join(lines))
        try:
            return self.verdict(mutant, short)
        finally:
            path.write_text(original)
