"""PeriForCausalLM: a model of peri.c for the library `transformers`.

One idea: the equations are data. config.json lists every tensor, the norms and coefficients of every block and the
sizes; this file evaluates them and knows no topology. A sublayer computes

    x = enter * x + enter_x0 * x_0
    u = gain * N_in(r)                  r = the stream x | the block's input | the block's first u
    b = f(u)                            f = attention | mlp, with N_mid before its last matrix
    s = skip * x + branch * N_out(b) + block_skip * x_block + x0 * x_0
    y = leave * N_post(s)
    d = d + dual * N_out(b)             only with a second stream

Load it with AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True). Numbers are computed in the type of
the weights, norms in at least float32.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from transformers import DynamicCache, GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

# The name of the cache in outputs: that of version 5, or the older one.
CACHE = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ else "past_key_values"


class PeriConfig(PreTrainedConfig):
    """tensors: name -> shape. blocks: per block the kind of its q, k and v norms and, for attn and mlp, slots and
    coefficients. A coefficient is a number, or {"learn": kind} where it is a tensor."""

    model_type = "peri_c"
    keys_to_ignore_at_inference = [CACHE]

    def __init__(
        self,
        tensors=None,
        blocks=None,
        norm="rmsnorm",
        norm_eps=1e-6,
        norm_eps_out=1e-6,
        gamma_scale=1.0,
        embed_scale=1.0,
        embed_norm=False,
        head="N(x)",
        mlp="gelu",
        position="learned",
        score_scale=1.0,
        logit_scale=1.0,
        softcap_logits=0.0,
        softcap_attn=0.0,
        rope=None,
        hidden_size=0,
        num_hidden_layers=0,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=0,
        vocab_size=0,
        max_position_embeddings=0,
        **others,
    ):
        self.tensors, self.blocks = tensors or {}, blocks or []
        self.norm, self.norm_eps, self.norm_eps_out = norm, norm_eps, norm_eps_out
        self.gamma_scale, self.embed_scale, self.embed_norm = gamma_scale, embed_scale, embed_norm
        self.head, self.mlp, self.position = head, mlp, position
        self.score_scale, self.logit_scale, self.rope = score_scale, logit_scale, rope
        self.softcap_logits, self.softcap_attn = softcap_logits, softcap_attn
        self.hidden_size, self.num_hidden_layers, self.vocab_size = hidden_size, num_hidden_layers, vocab_size
        self.num_attention_heads, self.num_key_value_heads = num_attention_heads, num_key_value_heads
        self.head_dim, self.max_position_embeddings = head_dim, max_position_embeddings
        super().__init__(**others)


class Group(nn.Module):
    """A level of the names of tensors: blocks.0.attn of blocks.0.attn.qkv.weight."""


def rms(x, eps):
    return torch.sqrt((x * x).mean(-1, keepdim=True) + eps)


def centered(x):
    return x - x.mean(-1, keepdim=True)


# Norms by kind: p has the parameters of one. A shift is added, and gamma-warmup applied, by the caller.
NORMS = {
    "layernorm": lambda p, x, eps: p["gamma"] * centered(x) / rms(centered(x), eps),
    "rmsnorm": lambda p, x, eps: p["gamma"] * x / rms(x, eps),
    "rmsnorm_plus1": lambda p, x, eps: (1 + p["gamma"]) * x / rms(x, eps),
    "rmsnorm_plain": lambda p, x, eps: x / rms(x, eps),
    "scalenorm": lambda p, x, eps: p["g"] * x / (math.sqrt(x.shape[-1]) * rms(x, eps)),
    "dyt": lambda p, x, eps: p["gamma"] * torch.tanh(p["alpha"] * x),
    "derf": lambda p, x, eps: p["gamma"] * torch.erf(p["alpha"] * x + p["shift"]),
    "bhyt": lambda p, x, eps: p["gamma"] * torch.tanh(p["lambda"] * x / (10 * rms(x, eps))),
    "seednorm": lambda p, x, eps: (
        (torch.tanh((x * p["b"]).sum(-1, keepdim=True)) * p["a"] + p["gamma"]) * x / rms(x, eps)
    ),
    "gated": lambda p, x, eps: gated(p, p["gamma"] * x / rms(x, eps)),
    "batchnorm": lambda p, x, eps: p["gamma"] * (x - p["running_mean"]) / torch.sqrt(p["running_var"] + eps),
}


def gated(p, h):
    return h * torch.sigmoid(F.silu(h @ p["down.weight"].T) @ p["up.weight"].T)


def gelu_tanh(z):
    return F.gelu(z, approximate="tanh")


# (activation, whether the activated half multiplies another one)
MLPS = {
    "gelu": (gelu_tanh, False),
    "gelu_erf": (F.gelu, False),
    "relu": (F.relu, False),
    "relu2": (lambda z: F.relu(z) ** 2, False),
    "swiglu": (F.silu, True),
    "geglu": (gelu_tanh, True),
}


class PeriForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = PeriConfig
    base_model_prefix = ""
    main_input_name = "input_ids"
    _no_split_modules = []
    _supports_sdpa = True

    def __init__(self, config):
        super().__init__(config)
        for name, shape in config.tensors.items():
            *path, last = name.split(".")
            group = self
            for part in path:
                if part not in group._modules:
                    group.add_module(part, Group())
                group = group._modules[part]
            statistic = last.startswith("running_")
            group.register_parameter(last, nn.Parameter(torch.empty(shape), requires_grad=not statistic))
        self.post_init()

    def _init_weights(self, module):
        """A model is read from a file; it has no initial values of its own."""

    def get_input_embeddings(self):
        return None

    def get_output_embeddings(self):
        return None

    # --- parts ---

    def group(self, name):
        """The parameters below a name, such as blocks.0.attn.norm_in; empty if there are none."""
        group = self
        for part in name.split("."):
            if part not in group._modules:
                return {}
            group = group._modules[part]
        return dict(group.named_parameters())

    def linear(self, name, x):
        p = self.group(name)
        return F.linear(x, p["weight"], p.get("bias"))

    def normalized(self, name, x, slot="", warm=False):
        config, kind = self.config, self.config.norm
        if kind == "none":
            return x
        p, wide = self.group(name), x if x.dtype == torch.float64 else x.float()
        eps = config.norm_eps_out if slot == "out" else config.norm_eps
        y = NORMS[kind](p, wide, eps)
        if warm:
            y = config.gamma_scale * y
        return (y + p["beta"] if "beta" in p else y).to(x.dtype)

    def slot(self, prefix, wiring, slot, x):
        """N_slot(x): a norm, a gain alone, or x."""
        kind, warm = wiring[slot], slot in wiring["warm"]
        if kind == "none":
            return x
        name = f"{prefix}.norm_{slot}"
        if kind == "norm":
            return self.normalized(name, x, slot, warm)
        return (self.config.gamma_scale if warm else 1.0) * self.group(name)["gamma"] * x

    def coefficient(self, prefix, wiring, name):
        value = wiring[name]
        if isinstance(value, dict):
            p = self.group(prefix)[name]
            value = 1 - F.silu(p) if value["learn"] == "shrink" else p
        return value * wiring["ramp"] if name == "branch" else value

    def frequencies(self, kind, device):
        """Of the pairs (i, i + head_dim/2) in blocks of a kind; pairs that do not rotate have 0."""
        rope, half = self.config.rope, self.config.head_dim // 2
        pairs = rope["width"] // 2
        theta = rope["theta"] if kind == "rope" else rope["local_theta"]
        f = float(theta) ** (-2 * torch.arange(pairs, dtype=torch.float64) / rope["width"])
        if kind == "rope" and rope["factor"] > 1:
            waves = rope["original"] * f / (2 * math.pi)
            mix = ((waves - rope["low"]) / (rope["high"] - rope["low"])).clamp(0, 1)
            f = f * (mix + (1 - mix) / rope["factor"])
        return F.pad(f, (0, half - pairs)).to(device)

    def rotated(self, x, positions, kind):
        """x (B,heads,T,HS) rotated by its positions (B,T)."""
        angle = positions[:, None, :, None].double() * self.frequencies(kind, x.device)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x.chunk(2, -1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def attention(self, block, wiring, u, run):
        config, prefix = self.config, f"blocks.{block}.attn"
        B, T, _ = u.shape
        NH, NKV, HS = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        q, k, v = self.linear(prefix + ".qkv", u).split([NH * HS, NKV * HS, NKV * HS], -1)
        kind = config.blocks[block]["qkv_norms"]
        if kind == "q and k over all heads":
            q, k = self.normalized(prefix + ".norm_q", q), self.normalized(prefix + ".norm_k", k)
        q, k, v = q.view(B, T, NH, HS), k.view(B, T, NKV, HS), v.view(B, T, NKV, HS)
        if kind.endswith("per head"):
            q, k = self.normalized(prefix + ".norm_q", q), self.normalized(prefix + ".norm_k", k)
        if kind == "q, k and v per head":
            v = self.normalized(prefix + ".norm_v", v)
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        rope = config.blocks[block]["rope"]
        if config.position == "rope" and rope != "none":
            q, k = self.rotated(q, run["positions"], rope), self.rotated(k, run["positions"], rope)
        if run["cache"] is not None:
            k, v = run["cache"].update(k, v, block)
        k, v = (t.repeat_interleave(NH // NKV, 1) for t in (k, v))
        heads = self.heads(q, k, v, self.visible(block, run))
        h = heads.transpose(1, 2).reshape(B, T, NH * HS)
        return self.linear(prefix + ".proj", self.slot(prefix, wiring, "mid", h))

    def visible(self, block, run):
        """The keys that each query attends to, (B or 1,1,T,keys)."""
        window = self.config.blocks[block]["window"]
        if not window:
            return run["visible"]
        keys = torch.arange(run["visible"].shape[-1], device=run["places"].device)
        return run["visible"] & (keys[None, :] > run["places"][:, None] - window)

    def heads(self, q, k, v, visible):
        scale, cap = self.config.score_scale, self.config.softcap_attn
        if not cap:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=visible, scale=scale)
        scores = cap * torch.tanh(scale * (q @ k.transpose(2, 3)) / cap)
        return torch.softmax(scores.masked_fill(~visible, -math.inf), -1) @ v

    def mlp(self, block, wiring, u):
        prefix = f"blocks.{block}.mlp"
        act, is_gated = MLPS[self.config.mlp]
        up = self.linear(prefix + ".up", u)
        h = act(self.linear(prefix + ".gate", u)) * up if is_gated else act(up)
        return self.linear(prefix + ".down", self.slot(prefix, wiring, "mid", h))

    def sublayer(self, block, which, x, run):
        prefix, wiring = f"blocks.{block}.{which}", self.config.blocks[block][which]

        def c(name):
            return self.coefficient(prefix, wiring, name)

        x = c("enter") * x + c("enter_x0") * run["x_0"]
        if which == "attn":
            run["block"] = x
        read = {"stream": x, "block": run["block"], "shared": run.get("u")}[wiring["read"]]
        u = wiring["gain"] * self.slot(prefix, wiring, "in", read)
        if which == "attn":
            run["u"] = u
        b = self.attention(block, wiring, u, run) if which == "attn" else self.mlp(block, wiring, u)
        o = self.slot(prefix, wiring, "out", b)
        s = c("skip") * x + c("branch") * o + c("block_skip") * run["block"] + c("x0") * run["x_0"]
        run["d"] = run["d"] + wiring["dual"] * o
        return c("leave") * self.slot(prefix, wiring, "post", s)

    def outputs(self, x, d):
        final = self.config.head
        if final == "x":
            h = x
        elif final == "N(x)":
            h = self.normalized("final_norm", x)
        else:
            h = x + (d if final == "x + d" else self.normalized("final_norm", d))
        p, cap = self.group("head"), self.config.softcap_logits
        weight = p["weight"] if "weight" in p else self.group("tok_emb")["weight"]
        logits = F.linear(h * self.config.logit_scale, weight, p.get("bias"))
        return cap * torch.tanh(logits / cap) if cap else logits

    # --- the model ---

    def forward(
        self,
        input_ids,
        attention_mask=None,
        position_ids=None,
        cache=None,
        past_key_values=None,
        labels=None,
        use_cache=None,
        **ignored,
    ):
        config, device = self.config, input_ids.device
        B, T = input_ids.shape
        cache = past_key_values if cache is None else cache
        if use_cache and cache is None:
            cache = DynamicCache()
        past = cache.get_seq_length() if cache is not None else 0
        places = torch.arange(past, past + T, device=device)
        visible = (torch.arange(past + T, device=device)[None, :] <= places[:, None])[None, None]
        if attention_mask is not None and attention_mask.dim() == 2:
            visible = visible & attention_mask[:, None, None, -(past + T) :].bool()
            visible = visible | (torch.arange(past + T, device=device)[None, :] == places[:, None])[None, None]
        if position_ids is None:
            position_ids = places.expand(B, T)
        x = self.group("tok_emb")["weight"][input_ids]
        if config.position == "learned":
            x = x + self.group("pos_emb")["weight"][position_ids]
        x = config.embed_scale * x
        if config.embed_norm:
            x = self.normalized("emb_norm", x)
        run = {"x_0": x, "d": x, "positions": position_ids, "places": places, "visible": visible, "cache": cache}
        for block in range(config.num_hidden_layers):
            x = self.sublayer(block, "attn", x, run)
            x = self.sublayer(block, "mlp", x, run)
        logits = self.outputs(x, run["d"])
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(loss=loss, logits=logits, **{CACHE: cache})
