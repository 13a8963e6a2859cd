"""model: the model of ./train in PyTorch, the ways to write its attention, and its training step.

Only the child processes import this module: it loads PyTorch.
"""

import math
import time

import torch
from torch import nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


def norm(config, eps=1e-5):
    width = config["model.d_model"]
    return nn.LayerNorm(width, eps) if config["model.norm"] == "layernorm" else RMSNorm(width)


class Attention(nn.Module):
    """`attend` is a function (q, k, v, bias) of (B,NH,T,HS); bias is -inf above the diagonal."""

    def __init__(self, config, attend):
        super().__init__()
        C, T = config["model.d_model"], config["model.context"]
        self.n_head, self.attend = config["model.n_head"], attend
        self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.register_buffer("bias", torch.full((T, T), -math.inf).triu(1), persistent=False)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.n_head, -1).transpose(1, 2) for part in self.qkv(x).split(C, 2))
        y = self.attend(q, k, v, self.bias)
        return self.proj(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        C = config["model.d_model"]
        width = config["model.d_ff"] or 4 * C
        self.up, self.down = nn.Linear(C, width), nn.Linear(width, C)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config, attend):
        super().__init__()
        peri = config["model.topology"] == "peri"
        self.attn_in, self.attn = norm(config), Attention(config, attend)
        self.mlp_in, self.mlp = norm(config), MLP(config)
        self.attn_out = norm(config, 1e-6) if peri else nn.Identity()
        self.mlp_out = norm(config, 1e-6) if peri else nn.Identity()

    def forward(self, x):
        x = x + self.attn_out(self.attn(self.attn_in(x)))
        return x + self.mlp_out(self.mlp(self.mlp_in(x)))


class Model(nn.Module):
    def __init__(self, config, attend):
        super().__init__()
        C, V = config["model.d_model"], config["data.vocab_size"]
        peri = config["model.topology"] == "peri"
        self.tok_emb, self.pos_emb = nn.Embedding(V, C), nn.Embedding(config["model.context"], C)
        self.emb_norm = norm(config) if peri else nn.Identity()
        self.blocks = nn.ModuleList(Block(config, attend) for _ in range(config["model.n_layer"]))
        self.final_norm = norm(config)
        self.initialize(config["model.init_std"], 1 if peri else math.sqrt(2 * config["model.n_layer"]))

    def initialize(self, std, divisor):
        """The output matrices of the sublayers are divided by `divisor`."""
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, 0, std / divisor if name.endswith(("proj.weight", "down.weight")) else std)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, tokens, targets):
        x = self.emb_norm(self.tok_emb(tokens) + self.pos_emb.weight)
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.final_norm(x), self.tok_emb.weight)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def attend_matmul(q, k, v, bias):
    scores = (q @ k.transpose(2, 3)) * (1 / math.sqrt(q.shape[3]))
    return torch.softmax(scores.masked_fill(bias < 0, -math.inf), 3) @ v


def attend_baddbmm(q, k, v, bias):
    """Scale and mask within the matrix multiplication."""
    B, NH, T, HS = q.shape
    q, k, v = (x.reshape(B * NH, T, HS) for x in (q, k, v))
    scores = torch.baddbmm(bias, q, k.transpose(1, 2), alpha=1 / math.sqrt(HS))
    return torch.bmm(torch.softmax(scores, 2), v).view(B, NH, T, HS)


def attend_sdpa(q, k, v, bias):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def attend_sdpa_1_13(q, k, v, bias):
    return F._scaled_dot_product_attention(q, k, v, None, 0.0, False, True)[0]


def attentions():
    """The ways to write causal attention in this version of PyTorch, by name. The kernel of 2.x is fused."""
    ways = {"matmul": attend_matmul, "baddbmm": attend_baddbmm}
    if hasattr(F, "scaled_dot_product_attention"):
        ways["sdpa"] = attend_sdpa
    elif hasattr(F, "_scaled_dot_product_attention"):
        ways["sdpa"] = attend_sdpa_1_13
    return ways


ADAMWS = {"plain": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def compiled(model):
    if not hasattr(torch, "compile"):
        raise RuntimeError("this version has no torch.compile")
    torch._dynamo.reset()  # each variant of a process is compiled by itself
    return torch.compile(model)


def set_medium(medium):
    """Whether float32 matrix multiplications may round their operands to bfloat16."""
    if hasattr(torch, "set_float32_matmul_precision"):
        torch.set_float32_matmul_precision("medium" if medium else "highest")


def medium_rounds():
    """Whether "medium" does round on this processor, or None if this PyTorch has no such setting.

    Where it does not, it only changes the library that multiplies float32 matrices (oneDNN instead of MKL).
    """
    if not hasattr(torch, "set_float32_matmul_precision"):
        return None
    torch.manual_seed(1)
    left, right = torch.randn(512, 512), torch.randn(512, 512)
    set_medium(True)
    found = left @ right
    set_medium(False)
    exact = left.double() @ right.double()
    return bool((found - exact).abs().max() > 1e-4 * exact.abs().max())


def casts():
    """The ways to multiply matrices in each precision of ./train.

    "autocast" computes linear layers and attention in bfloat16. "medium" lets float32 multiplications round their
    operands to bfloat16, which is what ./train does, if the processor has instructions that oneDNN uses for it.
    """
    found = {"float32": ["none"], "bfloat16": ["autocast"]}
    if medium_rounds() is not None:
        found["bfloat16" if medium_rounds() else "float32"].append("medium")
    return found


class Training:
    """A model, its optimizer and its steps.

    A variant is {"mode": of MODES, "cast": of casts(), "attention": of attentions(), "adamw": of ADAMWS}.
    """

    def __init__(self, config, variant, weights=None):
        torch.manual_seed(config["train.seed"])
        self.config = config
        self.model = Model(config, attentions()[variant["attention"]])
        if weights:
            self.model.load_state_dict(weights)
        self.autocast = variant["cast"] == "autocast"
        set_medium(variant["cast"] == "medium")
        self.forward = compiled(self.model) if variant["mode"] == "compile" else self.model
        matrices = [p for p in self.model.parameters() if p.dim() == 2]
        others = [p for p in self.model.parameters() if p.dim() != 2]
        groups = [
            {"params": matrices, "weight_decay": config["optim.weight_decay"]},
            {"params": others, "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=config["optim.lr"],
            betas=(config["optim.beta1"], config["optim.beta2"]),
            eps=config["optim.eps"],
            **ADAMWS[variant["adamw"]],
        )

    def backward(self, tokens):
        """The loss of tokens (B,T+1), and its gradients."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.autocast):
            loss = self.forward(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        return loss.item()

    def gradient_norm(self):
        """In double precision: in float32, PyTorch 2.15 on a CPU makes the norm of M's 38.6 million token gradients
        0.3 % too small."""
        return sum(p.grad.double().square().sum().item() for p in self.model.parameters()) ** 0.5

    def apply(self):
        """Clips the gradients and updates the weights."""
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config["optim.clip"])
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def step(self):
        """An update with random tokens; returns the loss before it and the seconds it took."""
        start, c = time.perf_counter(), self.config
        tokens = torch.randint(c["data.vocab_size"], (c["train.batch"], c["model.context"] + 1))
        loss = self.backward(tokens)
        self.apply()
        return loss, time.perf_counter() - start
