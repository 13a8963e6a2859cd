"""The model in PyTorch, float64, written from the papers' equations: one function per topology.

Nothing here is derived from the C sources. A parameter is created when an equation first uses it, so the set
of names is part of what is compared.
"""

import math

import torch
import torch.nn.functional as F

import options
import scaling
from half import Attention, MatMul, Rounding
from norms import RMS_KINDS
from values import initial_value

torch.set_default_dtype(torch.float64)

DEFAULTS = {
    "topology": "peri",
    "norm": "rmsnorm",
    "norm_eps": 0,
    "n_layer": 2,
    "n_head": 2,
    "n_kv_head": 0,
    "d_model": 8,
    "d_ff": 12,
    "context": 5,
    "mlp": "gelu",
    "position": "learned",
    "head_dim": 0,
    "rope_theta": 10000,
    "rope_fraction": 1,
    "rope_factor": 1,
    "rope_low_freq": 1,
    "rope_high_freq": 4,
    "rope_original": 8192,
    "rope_layers": "",
    "rope_local_theta": 10000,
    "window": "",
    "softcap_attn": 0,
    "qk_norm": "auto",
    "embed_norm": "auto",
    "final_norm": "auto",
    "embed_scale": 1,
    "bias": True,
    "bias_at": "",
    "head_bias": False,
    "softcap_logits": 0,
    "tie_embeddings": True,
    "layers": "",
    **scaling.DEFAULTS,
}
PRECISIONS = {"precision": "float32", "stream_precision": "float32"}  # section `train` of a config


class Model:
    """label: the stream of the weights. w: the factor of gamma-warmup, for the slots in `warm`. ramp(l): the factor of
    branch-warmup in block l = 1..N. block: the equations of every block, if they are not those of a topology (a `wire`
    override). removed: norms that divide by constants."""

    def __init__(self, label, config, vocab, block=None):
        unknown = set(config) - set(DEFAULTS) - set(PRECISIONS)
        assert not unknown, unknown
        self.c = {**DEFAULTS, **config}
        self.precisions = {key: self.c.pop(key, value) for key, value in PRECISIONS.items()}
        self.stream_scale = 1.0  # a power of two, at least the number of tokens of a step
        self.label, self.vocab, self.block = label, vocab, block
        self.w, self.warm = 1.0, set()
        self.ramp = lambda l: 1.0
        self.removed, self.first_apart = set(), True
        self.params = {}
        self.batch_norms, self.training = {}, True
        c = self.c
        self.scaling = scaling.Scaling(c)
        self.topologies = topologies_of(c["layers"], c["topology"], c["n_layer"])
        self.has_embed_norm = switch(c["embed_norm"], c["topology"] == "peri")
        self.has_final_norm = switch(c["final_norm"], c["topology"] not in NO_FINAL_NORM)

    def param(self, name, *shape):
        if name not in self.params:
            count = math.prod(shape)
            values = [initial_value(name, self.label + "/" + name, i) for i in range(count)]
            self.params[name] = torch.tensor(values).reshape(shape).requires_grad_()
        assert self.params[name].shape == shape, name
        return self.params[name]

    def loss(self, tokens, targets):
        """Mean cross-entropy in nats; tokens and targets (B,T)."""
        c, C, T = self.c, self.c["d_model"], self.c["context"]
        table = self.param("tok_emb.weight", self.vocab, C)
        x = table[tokens]
        if self.c["position"] == "learned":
            x = x + self.param("pos_emb.weight", T, C)
        x = x * (c["embed_scale"] or math.sqrt(C))
        if self.has_embed_norm:
            x = self.norm("emb_norm", x)
        x = self.stream(x)
        self.d = self.x0 = x
        if self.c["topology"] == "resi_dual" or "lambdas" in self.topologies:
            x = self.stream(x)  # x and d, or x and x0, each round their gradient
        for i in range(self.c["n_layer"]):
            equations = self.block or TOPOLOGIES[self.topologies[i]]
            x = equations(Block(self, i), x)
        if self.c["topology"] == "resi_dual":
            h = x + (self.norm("final_norm", self.d) if self.has_final_norm else self.d)
        else:
            h = self.norm("final_norm", x) if self.has_final_norm else x
        head = table if self.c["tie_embeddings"] else self.param("head.weight", self.vocab, C)
        logits = self.matmul(h / self.scaling.m_N, head.T)
        if c["head_bias"]:
            logits = logits + self.param("head.bias", self.vocab)
        logits = options.capped(logits, c["softcap_logits"])
        return F.cross_entropy(logits.reshape(-1, self.vocab), targets.reshape(-1))

    def matmul(self, a, b):
        return a @ b if self.precisions["precision"] == "float32" else MatMul.apply(a, b)

    def stream(self, x):
        """x in the precision of the residual stream."""
        precision = self.precisions["stream_precision"]
        return x if precision == "float32" else Rounding.apply(x, precision, self.stream_scale)

    def branch(self, b):
        """The output of a branch, rounded as the stream is; its gradient is not."""
        precision = self.precisions["stream_precision"]
        return b if precision == "float32" else Rounding.apply(b, precision, 0)

    def norm(self, name, x, slot=None):
        """slot: in, mid, out or post of a block; None for norms to which gamma-warmup never applies."""
        kind, n = self.c["norm"], x.shape[-1]
        if kind == "none":
            return x
        w = self.w if slot and slot in self.warm and not self.feeds_head(name) else 1.0
        if kind in RMS_KINDS:
            return w * RMS_KINDS[kind](lambda suffix, *shape: self.param(name + suffix, *shape), x, self.rms(name, x))
        gamma = self.param(name + ".gamma", n)
        if kind in ("layernorm", "dyt", "derf", "batchnorm") and self.has_bias("norm"):
            beta = self.param(name + ".beta", n)
        else:
            beta = 0.0
        if kind == "dyt":
            alpha = self.param(name + ".alpha", 1)
            return w * gamma * torch.tanh(alpha * x) + beta
        if kind == "derf":
            alpha, shift = self.param(name + ".alpha", 1), self.param(name + ".shift", 1)
            return w * gamma * torch.erf(alpha * x + shift) + beta
        if kind == "batchnorm":
            return w * gamma * self.batch_norm(name, x) + beta
        eps = self.c["norm_eps"] or (1e-5 if kind == "layernorm" and slot != "out" else 1e-6)
        if name in self.removed:
            center = x.mean(-1, keepdim=True) if kind == "layernorm" else 0.0
            gain = 1 + gamma if kind == "rmsnorm_plus1" else gamma
            return w * gain * (x - center) / self.constants(name, x) + beta
        if kind == "layernorm":
            centered = x - x.mean(-1, keepdim=True)
            variance = (centered * centered).mean(-1, keepdim=True)
            return w * gamma * centered / torch.sqrt(variance + eps) + beta
        gain = 1 + gamma if kind == "rmsnorm_plus1" else gamma
        return w * gain * x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps)

    def rms(self, name, x):
        """The root mean square of a token, or the constant that replaces it."""
        if name in self.removed:
            return self.constants(name, x)
        return torch.sqrt((x * x).mean(-1, keepdim=True) + (self.c["norm_eps"] or 1e-6))

    def batch_norm(self, name, x):
        """PyTorch's BatchNorm without gains; in training it updates its running statistics."""
        n = x.shape[-1]
        if name not in self.batch_norms:
            eps = self.c["norm_eps"] or 1e-5
            self.batch_norms[name] = torch.nn.BatchNorm1d(n, eps=eps, affine=False)
        module = self.batch_norms[name].train(self.training)
        return module(x.reshape(-1, n)).reshape(x.shape)

    def running_statistics(self):
        for name, module in self.batch_norms.items():
            yield name + ".running_mean", module.running_mean
            yield name + ".running_var", module.running_var

    def constants(self, name, x):
        """Scales (RMS or standard deviation) that do not depend on x (B,T,..): of first tokens and of the others."""
        label, T = f"{self.label}/{name}.running_scale", x.shape[1]
        first, rest = (initial_value(".running_scale", label, i) for i in range(2))
        if not self.first_apart:
            first = rest = (first + (T - 1) * rest) / T
        return torch.tensor([first] + [rest] * (T - 1)).view(T, *[1] * (x.dim() - 2))

    def feeds_head(self, name):
        """Whether this is the last post norm and the head reads its output, directly or in a sum with N(d)."""
        last = f"blocks.{self.c['n_layer'] - 1}.mlp.norm_post"
        follows = self.has_final_norm and self.c["topology"] != "resi_dual"
        return name == last and not follows

    def linear(self, name, x, out):
        y = self.matmul(x, self.param(name + ".weight", out, x.shape[-1]).T)
        site = name.split(".")[-1]
        biased = self.has_bias(site if site in ("qkv", "proj") else "mlp")
        return y + self.param(name + ".bias", out) if biased else y

    def has_bias(self, site):
        return self.c["bias"] and (not self.c["bias_at"] or site in self.c["bias_at"].split())

    def attention(self, prefix, u, qkv_norms, mid):
        B, T, C = u.shape
        NH = self.c["n_head"]
        NKV = self.c["n_kv_head"] or NH
        HS = self.c["head_dim"] or C // NH
        if self.c["qk_norm"] == "off":
            qkv_norms = None
        elif self.c["qk_norm"] == "on":
            qkv_norms = qkv_norms or "qk per head"
        qkv = self.linear(prefix + ".qkv", u, (NH + 2 * NKV) * HS)
        q, k, v = qkv.split([NH * HS, NKV * HS, NKV * HS], -1)
        if qkv_norms == "qk whole":
            q, k = self.norm(prefix + ".norm_q", q), self.norm(prefix + ".norm_k", k)
        q, k, v = q.view(B, T, NH, HS), k.view(B, T, NKV, HS), v.view(B, T, NKV, HS)
        if qkv_norms in ("qk per head", "qkv per head"):
            q, k = self.norm(prefix + ".norm_q", q), self.norm(prefix + ".norm_k", k)
        if qkv_norms == "qkv per head":
            v = self.norm(prefix + ".norm_v", v)
        block = int(prefix.split(".")[1])
        kind = options.of_block(self.c["rope_layers"] or "rope", block)
        if self.c["position"] == "rope" and kind != "none":
            q, k = rotated(self.c, q, kind), rotated(self.c, k, kind)
        hidden, cap = options.hidden(self.c["window"], block, T), self.c["softcap_attn"]
        heads = []
        for h in range(NH):
            g = h // (NH // NKV)
            if self.precisions["precision"] != "float32":
                heads.append(Attention.apply(q[:, :, h] / self.scaling.scores(HS), k[:, :, g], v[:, :, g], hidden, cap))
                continue
            scores = q[:, :, h] @ k[:, :, g].transpose(1, 2) / self.scaling.scores(HS)
            scores = options.capped(scores, cap).masked_fill(hidden, -math.inf)
            heads.append(torch.softmax(scores, -1) @ v[:, :, g])
        return self.linear(prefix + ".proj", mid(torch.cat(heads, -1)), C)

    def mlp(self, prefix, u, mid):
        C, kind = u.shape[-1], self.c["mlp"]
        gated = kind in ("swiglu", "geglu")
        width = self.c["d_ff"] or (math.ceil(8 * C / 3 / 64) * 64 if gated else 4 * C)
        up = self.linear(prefix + ".up", u, width)
        if gated:
            gate = self.linear(prefix + ".gate", u, width)
            h = (gate * torch.sigmoid(gate) if kind == "swiglu" else gelu(gate)) * up
        else:
            h = {"gelu": gelu, "gelu_erf": F.gelu, "relu": torch.relu, "relu2": lambda z: torch.relu(z) ** 2}[kind](up)
        return self.linear(prefix + ".down", mid(h), C)


def switch(value, automatic):
    return {"auto": automatic, "on": True, "off": False}[value]


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def frequency(c, i, width, kind):
    """theta^(-2i/W), with the scaling of Llama 3.1; that of a local block is not scaled."""
    if kind == "local":
        return c["rope_local_theta"] ** (-2 * i / width)
    f = c["rope_theta"] ** (-2 * i / width)
    waves = c["rope_original"] * f / (2 * math.pi)
    low, high = c["rope_low_freq"], c["rope_high_freq"]
    mix = min(1.0, max(0.0, (waves - low) / (high - low)))
    return f * (mix + (1 - mix) / c["rope_factor"])


def rotated(c, x, kind):
    """RoPE: rotates the first pairs (i, i + HS/2) of x (B,T,heads,HS), W features of them."""
    T, HS = x.shape[1], x.shape[3]
    width = round(c["rope_fraction"] * HS)
    a, b = x[..., : HS // 2], x[..., HS // 2 :]
    frequencies = torch.tensor([frequency(c, i, width, kind) if i < width // 2 else 0.0 for i in range(HS // 2)])
    angle = (torch.arange(T)[:, None] * frequencies[None, :])[None, :, None, :]
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def topologies_of(layers, topology, n):
    """The topology of every block: "post*3 pre*" is post three times, then pre for the remaining blocks."""
    words = [word.partition("*") for word in (layers or topology + "*").split()]
    counts = [int(count or 1) if count or not star else None for _, star, count in words]
    rest = n - sum(count for count in counts if count is not None)
    names = []
    for (name, _, _), count in zip(words, counts, strict=True):
        names += [name] * (rest if count is None else count)
    assert len(names) == n, names
    return names


class Block:
    """The symbols of the equations below. N is the number of blocks, l = 1..N; s is the factor of scaling, a that
    times the factor of branch-warmup."""

    def __init__(self, model, i):
        self.model, self.prefix = model, f"blocks.{i}"
        self.N, self.l = model.c["n_layer"], i + 1
        self.s = model.scaling.branch
        self.a = self.s * model.ramp(self.l)

    def A(self, u, qkv_norms=None, mid=lambda h: h):
        """mid is applied to the outputs of the heads, before their last matrix."""
        return self.model.branch(self.model.attention(self.prefix + ".attn", u, qkv_norms, mid))

    def M(self, u, mid=lambda h: h):
        return self.model.branch(self.model.mlp(self.prefix + ".mlp", u, mid))

    def x(self, x):
        """The stream after a sublayer."""
        return self.model.stream(x)

    def n(self, where, slot, x):
        return self.model.norm(f"{self.prefix}.{where}.norm_{slot}", x, slot)

    def k(self, where, name, n=1):
        return self.model.param(f"{self.prefix}.{where}.{name}", n)

    def shrunk(self, where, x):
        """GPAS: the subtracted part has no gradient to x."""
        return x - F.silu(self.k(where, "leave")) * x.detach()

    def S(self, where, x, slot="out"):
        """A gain without a norm, for every kind of norm."""
        gain = self.model.param(f"{self.prefix}.{where}.norm_{slot}.gamma", x.shape[-1])
        return (self.model.w if slot in self.model.warm else 1.0) * gain * x


NO_FINAL_NORM = {"post", "deepnorm", "keel", "pre_post", "b2t", "span"}


def post(b, x):
    x = b.x(b.n("attn", "post", x + b.a * b.A(x)))
    return b.x(b.n("mlp", "post", x + b.a * b.M(x)))


def pre(b, x):
    x = b.x(x + b.a * b.A(b.n("attn", "in", x)))
    return b.x(x + b.a * b.M(b.n("mlp", "in", x)))


def peri(b, x):
    x = b.x(x + b.a * b.n("attn", "out", b.A(b.n("attn", "in", x))))
    return b.x(x + b.a * b.n("mlp", "out", b.M(b.n("mlp", "in", x))))


def olmo2(b, x):
    x = b.x(x + b.a * b.n("attn", "out", b.A(x, "qk whole")))
    return b.x(x + b.a * b.n("mlp", "out", b.M(x)))


def deepnorm(b, x):
    alpha = (2 * b.N) ** 0.25
    x = b.x(b.n("attn", "post", alpha * x + b.a * b.A(x)))
    return b.x(b.n("mlp", "post", alpha * x + b.a * b.M(x)))


def resi_dual(b, x):
    o = b.A(x)
    x, b.model.d = b.x(b.n("attn", "post", x + b.a * o)), b.x(b.model.d + b.s * o)
    o = b.M(x)
    x, b.model.d = b.x(b.n("mlp", "post", x + b.a * o)), b.x(b.model.d + b.s * o)
    return x


def mixln(b, x):
    return post(b, x) if b.l <= b.N // 4 else pre(b, x)


def lns(b, x):
    x = b.x(x + b.a * b.A(b.n("attn", "in", x) / math.sqrt(b.l)))
    return b.x(x + b.a * b.M(b.n("mlp", "in", x) / math.sqrt(b.l)))


def hybrid(b, x):
    n = b.x(b.n("attn", "post", x + b.a * b.A(x, "qkv per head")))
    return b.x(n + b.a * b.M(n))


def hybrid_star(b, x):
    if b.l > 1:
        return hybrid(b, x)
    x = b.x(x + b.a * b.A(b.n("attn", "in", x), "qkv per head"))
    return b.x(x + b.a * b.M(b.n("mlp", "in", x)))


def keel(b, x):
    x = b.x(b.n("attn", "post", 2 * b.N * x + b.a * b.A(b.n("attn", "in", x))))
    return b.x(b.n("mlp", "post", 2 * b.N * x + b.a * b.M(b.n("mlp", "in", x))))


def pre_post(b, x):
    x = b.x(b.n("attn", "post", x + b.a * b.A(b.n("attn", "in", x))))
    return b.x(b.n("mlp", "post", x + b.a * b.M(b.n("mlp", "in", x))))


def b2t(b, x):
    x1 = b.x(b.n("attn", "post", x + b.a * b.A(x)))
    return b.x(b.n("mlp", "post", x + x1 + b.a * b.M(x1)))


def parallel(b, x):
    u = b.n("attn", "in", x)
    return b.x(b.x(x + b.a * b.A(u)) + b.a * b.M(u))


def parallel2(b, x):
    return b.x(b.x(x + b.a * b.A(b.n("attn", "in", x))) + b.a * b.M(b.n("mlp", "in", x)))


def layerscale(b, x):
    x = b.x(x + b.a * b.S("attn", b.A(b.n("attn", "in", x))))
    return b.x(x + b.a * b.S("mlp", b.M(b.n("mlp", "in", x))))


def respost(b, x):
    x = b.x(x + b.a * b.n("attn", "out", b.A(x)))
    return b.x(x + b.a * b.n("mlp", "out", b.M(x)))


def trinity(b, x):
    x = b.x(x + b.a * b.n("attn", "out", b.A(b.n("attn", "in", x), "qk per head")))
    return b.x(x + b.a * b.n("mlp", "out", b.M(b.n("mlp", "in", x))))


def span(b, x):
    y = b.x(b.n("attn", "post", x + b.a * b.A(b.n("attn", "in", x) if b.l == 1 else x)))
    return b.x(b.n("mlp", "post", x + b.a * b.M(y)))


def subln(b, x):
    x = b.x(x + b.a * b.A(b.n("attn", "in", x), mid=lambda h: b.n("attn", "mid", h)))
    return b.x(x + b.a * b.M(b.n("mlp", "in", x), lambda h: b.n("mlp", "mid", h)))


def lambdas(b, x):
    x = b.x(b.k("attn", "enter") * x + b.k("attn", "enter_x0") * b.model.x0)
    return pre(b, x)


def gpas(b, x):
    x = b.x(b.shrunk("attn", x + b.a * b.A(b.n("attn", "in", x))))
    return b.x(b.shrunk("mlp", x + b.a * b.M(b.n("mlp", "in", x))))


def gemma4(b, x):
    x = b.x(x + b.a * b.n("attn", "out", b.A(b.n("attn", "in", x))))
    return b.x(b.k("mlp", "leave") * (x + b.a * b.n("mlp", "out", b.M(b.n("mlp", "in", x)))))


def rezero(b, x):
    x = b.x(x + b.a * b.k("attn", "branch") * b.A(x))
    return b.x(x + b.a * b.k("mlp", "branch") * b.M(x))


def none(b, x):
    x = b.x(x + b.a * b.A(x))
    return b.x(x + b.a * b.M(x))


SAME = {"sandwich": peri, "dssn": peri}  # but for the embedding norm and initial values
NAMES = """post pre peri sandwich olmo2 deepnorm resi_dual mixln lns hybrid hybrid_star keel pre_post b2t parallel
parallel2 layerscale respost dssn trinity span subln none lambdas gpas gemma4 rezero"""
TOPOLOGIES = {name: SAME.get(name) or globals()[name] for name in NAMES.split()}
