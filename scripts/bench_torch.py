#!/usr/bin/python3
"""Measures PyTorch and ./train side by side on the same nets.

    scripts/bench_torch.py                           workloads xs, s and m, four rounds
    scripts/bench_torch.py --workloads s,deep --topology peri --norm rmsnorm --threads 1

Needs python3-torch, which scripts/install-packages.sh oracle installs.

One idea: nothing is compared across runs or across libraries. In every round PyTorch and ./train
take turns, each in a process of its own, on the same config, threads and OpenBLAS file; a ratio is
made of two neighbours, and each side is also held to products of 2048 x 2048 matrices that it makes
between its own steps. PyTorch runs eagerly, in the fastest of some ways to write and to start it
(attentions(), SETTINGS), which are tried out for each workload before the first round.

On a machine that does something else too, the sides lose different amounts, PyTorch far more: what
other processes took is measured in every leg, and the table says where it was too much.

A step is random tokens, forward, backward, clipping and AdamW. This process never loads PyTorch:
the peak memory of a child would begin at that of its parent.
"""

import argparse
import ctypes
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# As in run/commands/bench.c, so that both sides are measured alike.
WARM_STEPS, SAMPLES_MIN, SIDE = 3, 20, 2048
TRIAL_STEPS = 5  # of a variant, after WARM_STEPS
LEG_SECONDS = 5  # how long PyTorch's steps take in a leg where --steps does not say
MB = 2**20  # as peak_rss_mb counts
OPENBLAS_OPENMP = 2  # what openblas_get_parallel() says of the OpenMP flavour
# What the net below is; a config that wants anything else is refused.
ONLY = {
    "model.n_kv_head": 0, "model.mlp": "gelu", "model.position": "learned", "model.qk_norm": "auto",
    "model.embed_norm": "auto", "model.final_norm": "auto", "model.bias": True,
    "model.tie_embeddings": True, "model.dropout": 0, "model.init": "auto", "model.layers": "",
    "model.wire": {}, "model.norm_eps": 0, "gamma_warmup.steps": 0, "branch_warmup.steps": 0,
    "data.train": "builtin:random", "train.accum": 1,
}
# Settings of a process that PyTorch is tried with. glibc gives a large freed array back to the system
# and pays for its pages again in the next step; told so, it keeps them. ./train lets its threads spin
# for less long than libgomp does, which costs less where something else wants a core.
SETTINGS = {
    "keep": {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**40)},
    "patient": {"GOMP_SPINCOUNT": "3000"},
}
DISTURBED = 0.1  # cores that other processes took during a leg, from which on the table says so


def fail(sentence):
    sys.exit("bench_torch.py: " + sentence)


# ---------------------------------------------------------------------------- the net in PyTorch


def build_net(config, attention):
    """The net of ./train in PyTorch; `attention` is a function (q, k, v, bias) of (B,NH,T,HS)."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    C, NH, T = config["model.d_model"], config["model.n_head"], config["model.context"]
    N, V, std = config["model.n_layer"], config["data.vocab_size"], config["model.init_std"]
    peri = config["model.topology"] == "peri"

    class RMSNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(C))

        def forward(self, x):
            return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    def norm(eps=1e-5):
        return nn.LayerNorm(C, eps) if config["model.norm"] == "layernorm" else RMSNorm()

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
            future = torch.full((T, T), -math.inf).triu(1)
            self.register_buffer("bias", future, persistent=False)

        def forward(self, x):
            B = x.shape[0]
            q, k, v = (part.view(B, T, NH, C // NH).transpose(1, 2) for part in self.qkv(x).split(C, 2))
            y = attention(q, k, v, self.bias)
            return self.proj(y.transpose(1, 2).reshape(B, T, C))

    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            width = config["model.d_ff"] or 4 * C
            self.up, self.down = nn.Linear(C, width), nn.Linear(width, C)

        def forward(self, x):
            return self.down(F.gelu(self.up(x), approximate="tanh"))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attn_in, self.attn, self.mlp_in, self.mlp = norm(), Attention(), norm(), MLP()
            self.attn_out = norm(1e-6) if peri else nn.Identity()
            self.mlp_out = norm(1e-6) if peri else nn.Identity()

        def forward(self, x):
            x = x + self.attn_out(self.attn(self.attn_in(x)))
            return x + self.mlp_out(self.mlp(self.mlp_in(x)))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.tok_emb, self.pos_emb = nn.Embedding(V, C), nn.Embedding(T, C)
            self.emb_norm = norm() if peri else nn.Identity()
            self.blocks = nn.ModuleList(Block() for _ in range(N))
            self.final_norm = norm()
            for name, p in self.named_parameters():
                if p.dim() == 2:
                    small = not peri and name.endswith(("proj.weight", "down.weight"))
                    nn.init.normal_(p, 0, std / math.sqrt(2 * N) if small else std)
                elif name.endswith("bias"):
                    nn.init.zeros_(p)

        def forward(self, tokens, targets):
            x = self.emb_norm(self.tok_emb(tokens) + self.pos_emb.weight)
            for block in self.blocks:
                x = block(x)
            logits = F.linear(self.final_norm(x), self.tok_emb.weight)
            return F.cross_entropy(logits.view(-1, V), targets.reshape(-1))

    return Net()


def attentions():
    """The ways to write causal attention in PyTorch 1.13, by name."""
    import torch
    from torch.nn import functional as F

    def matmul(q, k, v, bias):
        scores = (q @ k.transpose(2, 3)) * (1 / math.sqrt(q.shape[3]))
        return torch.softmax(scores.masked_fill(bias < 0, -math.inf), 3) @ v

    def baddbmm(q, k, v, bias):
        """Scale and mask inside the product."""
        B, NH, T, HS = q.shape
        q, k, v = (x.reshape(B * NH, T, HS) for x in (q, k, v))
        scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=1 / math.sqrt(HS))
        return torch.bmm(torch.softmax(scores, 2), v).view(B, NH, T, HS)

    def sdpa(q, k, v, bias):
        return F._scaled_dot_product_attention(q, k, v, None, 0.0, False, True)[0]

    ways = {"matmul": matmul, "baddbmm": baddbmm}
    if hasattr(F, "_scaled_dot_product_attention"):
        ways["sdpa"] = sdpa
    return ways


class Training:
    """A net, its optimiser and its steps. A variant is {"attention": NAME, "foreach": BOOL}."""

    def __init__(self, config, variant):
        import torch

        torch.manual_seed(config["train.seed"])
        self.torch, self.config = torch, config
        self.net = build_net(config, attentions()[variant["attention"]])
        matrices = [p for p in self.net.parameters() if p.dim() == 2]
        others = [p for p in self.net.parameters() if p.dim() != 2]
        groups = [
            {"params": matrices, "weight_decay": config["optim.weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=config["optim.lr"], betas=(config["optim.beta1"], config["optim.beta2"]),
            eps=config["optim.eps"], foreach=variant["foreach"])

    def step(self):
        """One update; returns the loss before it and the seconds it took."""
        start, c = time.perf_counter(), self.config
        rows = self.torch.randint(c["data.vocab_size"], (c["train.batch"], c["model.context"] + 1))
        loss = self.net(rows[:, :-1], rows[:, 1:])
        loss.backward()
        self.torch.nn.utils.clip_grad_norm_(self.net.parameters(), c["optim.clip"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item(), time.perf_counter() - start


# ------------------------------------------------------------------------- inside a PyTorch process


def mapped_libraries(pattern):
    with open("/proc/self/maps", encoding="utf-8") as maps:
        files = {line.split(None, 5)[5].strip() for line in maps if len(line.split(None, 5)) == 6}
    return sorted(file for file in files if re.search(pattern, os.path.basename(file)))


def describe_process(request):
    """PyTorch, its threads and the BLAS that its products run in."""
    import torch

    torch.mm(torch.ones(64, 64), torch.ones(64, 64))
    files = mapped_libraries(r"blas|mkl_rt|mkl_core")
    said = {"torch": torch.__version__, "threads": torch.get_num_threads(), "files": files,
            "openmp": mapped_libraries(r"^lib(gomp|omp|iomp5)\b"), "attentions": sorted(attentions()),
            "imported_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB}
    for file in files:
        if "openblas" in os.path.basename(file):
            library = ctypes.CDLL(file)
            library.openblas_get_config.restype = library.openblas_get_corename.restype = ctypes.c_char_p
            said["parallel"] = library.openblas_get_parallel()
            said["config"] = library.openblas_get_config().decode().strip()
            said["core"] = library.openblas_get_corename().decode()
            said["blas_threads"] = library.openblas_get_num_threads()
    return said


def try_variants(request):
    """The median step of one variant, or of every way to write it: attention, then the optimiser."""

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


def measure_torch(request):
    """Blocks of steps between products, as --bench of ./train measures them."""
    import torch

    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    product = torch.empty(SIDE, SIDE)

    def product_rate():
        start = time.perf_counter()
        torch.mm(left, right, out=product)
        return 2 * SIDE**3 / (time.perf_counter() - start)

    training = Training(request["config"], request["variant"])
    first_loss = training.step()[0]
    for _ in range(WARM_STEPS - 1):
        training.step()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MB
    steps = request["steps"]
    blocks = min(steps, SAMPLES_MIN)
    samples = (SAMPLES_MIN + blocks) // (blocks + 1)

    def rate_now():
        return statistics.mean(product_rate() for _ in range(samples))

    seconds, rates, ratios, before = [], [], [], rate_now()
    for block in range(blocks):
        count = steps * (block + 1) // blocks - steps * block // blocks
        seconds.append(statistics.median(training.step()[1] for _ in range(count)))
        after = rate_now()
        rates.append((before + after) / 2)
        ratios.append(1e9 * request["gflop"] / seconds[-1] / rates[-1])
        before = after
    if not math.isfinite(training.step()[0]):
        fail("PyTorch's loss is not finite")
    return {"ms": 1e3 * statistics.median(seconds), "sgemm": 1e-9 * statistics.median(rates),
            "ratio": statistics.median(ratios), "peak_mb": peak_mb, "loss": first_loss,
            "parameters": sum(p.numel() for p in training.net.parameters())}


def child(request):
    """What a process of PyTorch's does: one request, one line of JSON."""
    import torch

    torch.set_num_threads(request["threads"])
    work = {"describe": describe_process, "try": try_variants, "measure": measure_torch}
    print(json.dumps(work[request["work"]](request)))


# ------------------------------------------------------------------------------ the two sides


def run(words, environment):
    done = subprocess.run(words, env=environment, cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        fail("%s ended with status %d: %s" % (" ".join(words[:3]), done.returncode, lines[-1]))
    return done.stdout


def keys_of(line):
    """The key=value words of a line; percent signs go."""
    return {key: float(value.rstrip("%")) for key, value in (word.split("=") for word in line.split())}


class Sides:
    """Starts the processes of both sides, with the same threads and the same OpenBLAS."""

    def __init__(self, train, threads):
        self.train, self.threads = os.path.abspath(train), threads
        if not os.access(self.train, os.X_OK):
            fail("there is no program %s; run make first" % train)
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        # ./train corrects OpenBLAS where it does not know the processor; PyTorch gets the same kernels.
        kernels = re.search(r"kernels (\S+)", run([self.train, "--version"], self.environment))
        self.environment.setdefault("OPENBLAS_CORETYPE", kernels[1])
        found = re.search(r"libopenblas\S* => (\S+)", run(["ldd", self.train], self.environment))
        if not found:
            fail("%s is not linked to a shared OpenBLAS, so PyTorch cannot be given the same" % train)
        self.blas = found[1]
        # Debian's PyTorch asks for libblas.so.3, which any BLAS may provide; it stands beside.
        path = [os.path.dirname(self.blas), os.environ.get("LD_LIBRARY_PATH")]
        self.torch_environment = {**self.environment, "LD_LIBRARY_PATH": ":".join(filter(None, path))}

    def ask_torch(self, work, settings=(), **request):
        request = json.dumps({"work": work, "threads": self.threads, **request})
        environment = dict(self.torch_environment)
        for name in settings:
            environment.update(SETTINGS[name])
        said = run([sys.executable, os.path.abspath(__file__), "--child", request], environment)
        return json.loads(said.splitlines()[-1])

    def ask_train(self, *words):
        return run([self.train, *words], self.environment)

    def require_blas(self, said):
        """Refuses to measure PyTorch on another BLAS than OpenBLAS's OpenMP flavour."""
        files, where = said["files"], os.path.dirname(os.path.realpath(self.blas))
        others = [file for file in files if os.path.dirname(os.path.realpath(file)) != where]
        if others or "parallel" not in said:
            fail("PyTorch's BLAS is %s and that of ./train %s; nothing was measured"
                 % (", ".join(others or files) or "not a file of its own", self.blas))
        if said["parallel"] != OPENBLAS_OPENMP:
            fail("%s is not OpenBLAS's OpenMP flavour; install libopenblas-openmp-dev and run make "
                 "again; nothing was measured" % self.blas)
        if not said["threads"] == said["blas_threads"] == self.threads:
            fail("PyTorch has %(threads)d threads and its BLAS %(blas_threads)d" % said)


class Workload:
    """One config on both sides."""

    def __init__(self, sides, name, topology, norm):
        self.sides, self.name = sides, name
        path = name if name.endswith(".json") else os.path.join(ROOT, "configs", "bench_%s.json" % name)
        self.words = ["--config", os.path.abspath(path), "--topology", topology, "--norm", norm,
                      "--set", "train.threads=%d" % sides.threads]
        self.config = {**defaults(sides), **keys_in(path), "model.topology": topology, "model.norm": norm}
        for key, value in ONLY.items():
            if self.config[key] != value:
                fail("%s: %s is %s, and PyTorch's side is written for %s alone"
                     % (name, key, json.dumps(self.config[key]), json.dumps(value)))
        forecast = keys_of(sides.ask_train(*self.words, "--dry-run").splitlines()[-1])
        self.parameters, self.gflop = int(forecast["parameters"]), forecast["model_gflop"]
        self.tokens = self.config["train.batch"] * self.config["model.context"]

    def fastest_variant(self):
        """Of the ways to write it; then of the settings, with that one."""
        def tried(settings, variant):
            said = self.sides.ask_torch("try", settings, config=self.config, variant=variant)
            for trial in said["trials"]:
                trial["settings"] = settings
                print("%s: PyTorch with %s: %.1f ms" % (self.name, variant_words(trial), trial["ms"]))
            return min(said["trials"], key=lambda trial: trial["ms"])

        best = written = tried([], None)
        for settings in (["keep"], ["patient"], ["keep", "patient"]):
            best = min(best, tried(settings, written), key=lambda trial: trial["ms"])
        return best

    def torch_leg(self, variant, steps):
        leg = self.sides.ask_torch("measure", variant["settings"], config=self.config,
                                   variant=variant, steps=steps, gflop=self.gflop)
        if leg["parameters"] != self.parameters:
            fail("%s: PyTorch's net has %d parameters, that of ./train %d"
                 % (self.name, leg["parameters"], self.parameters))
        return leg

    def train_leg(self, steps):
        said = keys_of(self.sides.ask_train(*self.words, "--bench", str(steps)).splitlines()[-1])
        return {"ms": said["ms_per_step"], "sgemm": said["sgemm_gflops"], "ratio": said["ratio"],
                "peak_mb": said["peak_rss_mb"]}

    def train_loss(self):
        """The loss of its first batch. The run is killed there: its end would write a checkpoint."""
        with tempfile.TemporaryDirectory() as folder:
            words = [self.sides.train, *self.words, "--run-dir", folder + "/run", "--set", "log.every=1"]
            process = subprocess.Popen(words, env=self.sides.environment, cwd=ROOT,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                while process.poll() is None:
                    rows = read_rows(folder + "/run/log.csv")
                    if len(rows) > 2:
                        return float(rows[2].split(",")[rows[0].split(",").index("train_loss")])
                    time.sleep(0.01)
            finally:
                process.kill()
                process.wait()
        return fail("%s: ./train ended before its first update" % self.name)

    def check_losses(self, torch_loss):
        """At the start no net knows anything: ln V, and a little for the spread of its logits."""
        uniform = math.log(self.config["data.vocab_size"])
        losses = {"PyTorch": torch_loss, "./train": self.train_loss()}
        print("%s: %d parameters on both sides; first loss %s; ln V is %.4f" % (
            self.name, self.parameters, ", ".join("%s %.4f" % item for item in losses.items()), uniform))
        for side, loss in losses.items():
            if not abs(loss - uniform) < 0.5:
                fail("%s: the first loss of %s is %.4f, which is not near ln V" % (self.name, side, loss))

    def measure(self, rounds, steps):
        variant = self.fastest_variant()
        steps = steps or max(SAMPLES_MIN, round(1e3 * LEG_SECONDS / variant["ms"]))
        print("%s: PyTorch runs with %s; %d steps a leg" % (self.name, variant_words(variant), steps))
        pairs = []
        for i in range(rounds):
            pairs.append((watched(self.torch_leg, variant, steps), watched(self.train_leg, steps)))
            if i == 0:
                self.check_losses(pairs[0][0]["loss"])
            legs = ["%s %.2f ms, sgemm %.1f GFLOP/s, others %.2f cores"
                    % (side, leg["ms"], leg["sgemm"], leg["others"])
                    for side, leg in zip(("PyTorch", "./train"), pairs[-1])]
            print("%s: round %d: %s; %s" % (self.name, i + 1, *legs), flush=True)
        return self.row(pairs), max(leg["others"] for pair in pairs for leg in pair)

    def row(self, pairs):
        """The cells of the last table."""
        def middle(side, key):
            return statistics.median(pair[side][key] for pair in pairs)

        faster = [pair[0]["ms"] / pair[1]["ms"] for pair in pairs]
        cells = [self.name, "%.2f" % middle(0, "ms"), "%.2f" % middle(1, "ms"),
                 "%.2f (%.2f..%.2f)" % (statistics.median(faster), min(faster), max(faster))]
        cells += ["%.0f" % (1e3 * self.tokens / middle(side, "ms")) for side in (0, 1)]
        cells += ["%.3f" % middle(side, "ratio") for side in (0, 1)]
        return cells + ["%.1f" % (middle(side, "peak_mb") - 16 * self.parameters / MB) for side in (0, 1)]


def variant_words(variant):
    return "attention=%s foreach=%s settings=%s" % (
        variant["attention"], str(variant["foreach"]).lower(), "+".join(variant["settings"]) or "none")


def busy_seconds():
    """Of all cores since the machine started, what its host took away included, and those of
    this process's children that ended."""
    with open("/proc/stat", encoding="utf-8") as file:
        user, nice, system, _, _, irq, softirq, steal = map(int, file.readline().split()[1:9])
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK"), own.ru_utime + own.ru_stime


def watched(leg, *arguments):
    """What a leg says, and how many cores other processes had during it."""
    start, (all_before, own_before) = time.monotonic(), busy_seconds()
    said = leg(*arguments)
    all_after, own_after = busy_seconds()
    others = (all_after - all_before) - (own_after - own_before)
    return {**said, "others": max(0.0, others / (time.monotonic() - start))}


def read_rows(path):
    """Whole lines of a file that is being written."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().split("\n")[:-1]
    except FileNotFoundError:
        return []


def keys_in(path):
    """{"model.n_layer": 4, ...} of a config without extends; // comments go, strings stay."""
    try:
        with open(path, encoding="utf-8") as file:
            text = re.sub(r'("(?:\\.|[^"\\])*")|//[^\n]*', lambda m: m[1] or "", file.read())
        sections = json.loads(text)
    except (OSError, ValueError) as error:
        fail("%s: %s" % (path, error))
    if "extends" in sections:
        fail("%s: a config with extends is not read here" % path)
    keys = {}
    for section, value in sections.items():
        if isinstance(value, dict):
            keys.update({"%s.%s" % (section, key): v for key, v in value.items()})
        else:
            keys[section] = value
    return keys


def defaults(sides):
    """Of every key, as ./train --list keys prints them: key, JSON value, help."""
    keys = {}
    for line in sides.ask_train("--list", "keys").splitlines():
        key, rest = line.split(None, 1)
        keys[key] = json.JSONDecoder().raw_decode(rest)[0]
    return keys


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.M)
    return found[1] if found else os.uname().machine


def print_head(sides, said, arguments):
    settings = sorted("%s=%s" % item for item in sides.torch_environment.items()
                      if re.match(r"OMP_|GOMP_|OPENBLAS_|MALLOC_|GLIBC_TUNABLES", item[0]))
    print("machine   %s, %d cores" % (cpu_model(), os.cpu_count()))
    print("PyTorch   %(torch)s, %(threads)d threads, %(imported_mb).1f MB resident once imported" % said)
    print("BLAS      %s" % ", ".join(said["files"]))
    print("          %(config)s, kernels %(core)s, openblas_get_parallel() = %(parallel)d, "
          "%(blas_threads)d threads" % said)
    print("OpenMP    %s; %s" % (", ".join(said["openmp"]), " ".join(settings)))
    print("attention %s; the fused kernel of later versions is not in this one"
          % ", ".join(said["attentions"]))
    print("net       topology %s, norm %s" % (arguments.topology, arguments.norm))
    for line in sides.ask_train("--version").splitlines():
        print("./train   " + line)
    print(flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--workloads", default="xs,s,m",
                        help="of configs/bench_*.json, or config files that end in .json (xs,s,m)")
    parser.add_argument("--rounds", type=int, default=4, help="legs of each side (4)")
    parser.add_argument("--steps", type=int, default=0,
                        help="steps in a leg (as many as take PyTorch %d s, at least %d)"
                        % (LEG_SECONDS, SAMPLES_MIN))
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)),
                        help="of both sides (all cores)")
    parser.add_argument("--train", default=os.path.join(ROOT, "train"), help="the program (./train)")
    parser.add_argument("--topology", choices=("pre", "peri"), default="pre")
    parser.add_argument("--norm", choices=("layernorm", "rmsnorm"), default="layernorm")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.threads, arguments.steps + 1) < 1:
        parser.error("--rounds and --threads are at least 1, --steps at least 0")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.child:
        child(json.loads(arguments.child))
        return
    sides = Sides(arguments.train, arguments.threads)
    workloads = [Workload(sides, name, arguments.topology, arguments.norm)
                 for name in arguments.workloads.split(",")]
    said = sides.ask_torch("describe")
    sides.require_blas(said)
    print_head(sides, said, arguments)
    measured = [workload.measure(arguments.rounds, arguments.steps) for workload in workloads]
    print("\nMedians of %d rounds; x: how many times as long PyTorch takes, with its range over the rounds; "
          "sgemm: model FLOP/s over\nthose of the products between the steps; beyond: peak memory in MB "
          "beyond 16 bytes per parameter.\n" % arguments.rounds)
    most = max(others for _, others in measured)
    if most > DISTURBED:
        print("DISTURBED: other processes had up to %.2f cores during a leg, which slows PyTorch down more "
              "than ./train.\nThese ratios say nothing; measure again on a quiet machine.\n" % most)
    head = ["workload", "PyTorch ms", "train ms", "x", "PyTorch tokens/s", "train tokens/s",
            "PyTorch sgemm", "train sgemm", "PyTorch beyond", "train beyond"]
    for cells in [head, ["---"] + ["---:"] * (len(head) - 1)] + [cells for cells, _ in measured]:
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
