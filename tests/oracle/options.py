"""Models with the options of attention, biases and head that published models need."""

import itertools

import torch

import scaling


def of_block(pattern, block):
    """The word of a block: "local*5 rope" is repeated over the blocks."""
    words = [word.partition("*") for word in pattern.split()]
    return next(itertools.islice(itertools.cycle([w for w, _, n in words for _ in range(int(n or 1))]), block, None))


def hidden(pattern, block, T):
    """(T,T): the keys j that query i does not see, those after it and, in a window of w, those before i - w + 1."""
    window = of_block(pattern or "all", block)
    later = torch.ones(T, T).triu(1).bool()
    return later if window == "all" else later | torch.ones(T, T).tril(-int(window)).bool()


def capped(x, cap):
    return cap * torch.tanh(x / cap) if cap else x


def models(case):
    case("biases of qkv", topology="pre", mlp="swiglu", position="rope", n_kv_head=1, bias_at="qkv")
    case("betas only", topology="parallel", norm="layernorm", mlp="gelu_erf", bias_at="norm", tie_embeddings=False)
    case("betas and biases of proj", topology="peri", norm="layernorm", mlp="geglu", bias_at="proj norm", qk_norm="on")
    case("bias of the head", topology="parallel", norm="layernorm", head_bias=True, tie_embeddings=False, bias=False)
    case("softcap of the logits", topology="pre", qk_norm="on", mlp="relu2", softcap_logits=0.4)
    both = {"head_bias": True, "softcap_logits": 1.5}
    case("bias of a tied head, softcap, bfloat16", topology="peri", precision="bfloat16", **both)
    case("bias of the head, scaled", topology="pre", tie_embeddings=False, **both, **scaling.BOTH)
    rope = {"position": "rope", "context": 12, "rope_theta": 500}
    case("RoPE in three of four blocks", topology="pre", n_layer=4, rope_layers="rope*3 none", **rope)
    two = {"rope_local_theta": 20, "rope_layers": "local*2 rope", "rope_factor": 8, "rope_original": 20}
    case("RoPE of two bases, windows", topology="sandwich", n_layer=3, qk_norm="on", window="4*2 all", **two, **rope)
    case("windows, learned positions", topology="peri", norm="layernorm", context=12, n_kv_head=1, window="3 1")
    case("a window over two groups of keys", topology="pre", context=100, d_model=12, n_layer=1, window="30")
    case("softcap of the scores", topology="post", norm="layernorm", context=9, softcap_attn=0.6)
    caps = {"softcap_attn": 1.2, "softcap_logits": 2, "window": "5 all"}
    case("softcaps and windows, scaled", topology="sandwich", mlp="geglu", **caps, **rope, **scaling.BOTH)
    case(
        "softcaps and windows, bfloat16", topology="pre", mlp="geglu", precision="bfloat16", head_dim=12, **caps, **rope
    )
