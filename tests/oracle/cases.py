"""What is compared: models, for loss and gradients, and runs, for the optimizer."""

import itertools

import options
import scaling
from net import TOPOLOGIES

# (name, model keys, gamma_warmup or None, branch_warmup or None, t, wire or None and its equations,
# norm_removal or None and the names of the norms that are removed after t updates)
CASES = []


def case(name, warmup=None, t=0, wire=None, block=None, branch=None, removal=None, removed=(), **model):
    CASES.append((name, model, warmup, branch, t, wire, block, removal, removed))


def every_topology():
    """Every topology with both norms; the other keys cycle through their values."""
    mlps = itertools.cycle(["gelu", "swiglu", "geglu", "relu2", "relu"])
    positions = itertools.cycle(["learned", "rope", "none"])
    ties = itertools.cycle([True, False, False, True, False, True, True])
    biases = itertools.cycle([True, True, False, True, True, True, False, False, True, False, True])
    shapes = itertools.cycle([(8, 2, 0), (8, 4, 2), (12, 2, 1), (8, 2, 2), (12, 6, 2)])
    for topology in TOPOLOGIES:
        for norm in ("layernorm", "rmsnorm"):
            d_model, n_head, n_kv_head = next(shapes)
            position = next(positions)
            case(
                topology + " " + norm,
                topology=topology,
                norm=norm,
                n_layer=4 if topology == "mixln" else 2,
                d_model=d_model,
                n_head=n_head,
                n_kv_head=n_kv_head,
                mlp=next(mlps),
                position=position,
                tie_embeddings=next(ties),
                bias=next(biases),
            )


def other_norms():
    for topology in ("peri", "post", "layerscale", "hybrid", "olmo2", "subln"):
        case(topology + " plus1", topology=topology, norm="rmsnorm_plus1", position="rope")
        case(topology + " dyt", topology=topology, norm="dyt", mlp="swiglu")
        case(topology + " without norms", topology=topology, norm="none", mlp="relu2")
    case("dyt without betas", norm="dyt", bias=False, qk_norm="on")


def newer_norms():
    """Each in pre, peri and post, on q, k and v, with gamma-warmup, and as a constant where it has a scale."""
    half = {"steps": 8, "from": 0.25, "to": 0.75, "slots": ["in", "out", "post"]}
    for norm in ("derf", "seednorm", "bhyt", "rmsnorm_plain", "scalenorm", "gated"):
        case("pre " + norm, topology="pre", norm=norm, qk_norm="on", position="rope", n_kv_head=1)
        case("peri " + norm, topology="peri", norm=norm, bias=False, mlp="swiglu", d_model=16)
        case("post " + norm, topology="post", norm=norm, d_model=24, n_head=3, norm_eps=0.05, n_layer=1)
        case("hybrid " + norm, topology="hybrid", norm=norm, position="rope", embed_norm="on")
        case("olmo2 " + norm, topology="olmo2", norm=norm, d_model=16, n_head=4, n_kv_head=2, warmup=half, t=4)
        case("layerscale " + norm, topology="layerscale", norm=norm, warmup=half, t=2)
        if norm != "derf":
            heads = [f"blocks.{i}.attn.norm_{x}" for i in range(2) for x in "qk"]
            case(
                "pre " + norm + ", removal begun",
                topology="pre",
                norm=norm,
                qk_norm="on",
                t=10,
                removal={"start": 5, "interval": 2, "order": "qkv final attn"},
                removed=[*heads, "final_norm"],
            )


def batch_norms():
    half = {"steps": 8, "from": 0.25, "to": 0.75, "slots": ["in", "out", "post"]}
    for topology in ("post", "pre", "peri", "keel", "resi_dual", "layerscale"):
        case(topology + " batchnorm", topology=topology, norm="batchnorm")
    case("subln batchnorm", topology="subln", norm="batchnorm", mlp="swiglu")
    case("olmo2 batchnorm", topology="olmo2", norm="batchnorm", n_head=4, n_kv_head=2, mlp="geglu")
    case("hybrid batchnorm", topology="hybrid", norm="batchnorm", n_kv_head=1, position="rope")
    case("batchnorm without betas", norm="batchnorm", bias=False, qk_norm="on", mlp="swiglu")
    case("batchnorm, large eps", topology="post", norm="batchnorm", norm_eps=0.3)
    case("batchnorm at w 0.5", warmup=half, t=4, topology="pre_post", norm="batchnorm")


def switches():
    case("qk per head", topology="pre", norm="layernorm", qk_norm="on", position="rope", n_kv_head=1)
    case("qk on in hybrid", topology="hybrid", qk_norm="on")
    case("qk on in olmo2", topology="olmo2", qk_norm="on", norm="layernorm", n_head=4, n_kv_head=2)
    case("qk off in olmo2", topology="olmo2", qk_norm="off")
    case("qk off in hybrid_star", topology="hybrid_star", qk_norm="off", norm="layernorm")
    case("embed on", topology="pre", embed_norm="on", norm="layernorm")
    case("embed off", topology="peri", embed_norm="off", norm="layernorm")
    case("embed on in resi_dual", topology="resi_dual", embed_norm="on")
    case("final on in post", topology="post", final_norm="on")
    case("final off in pre", topology="pre", final_norm="off", norm="layernorm")
    case("final off in resi_dual", topology="resi_dual", final_norm="off")
    case("eps of all", topology="peri", norm_eps=0.05, norm="layernorm", qk_norm="on")
    case("eps of rmsnorm", topology="sandwich", norm_eps=0.3)
    case("embedding times 7", topology="pre", embed_scale=7, norm="layernorm", tie_embeddings=False)
    case("embedding times sqrt(d_model)", topology="sandwich", embed_scale=0, position="rope")
    case("embedding times 0.3, embedding norm", topology="peri", embed_scale=0.3, norm_eps=0.05)
    case("embedding times 5, two streams", topology="resi_dual", embed_scale=5)
    case("longer sequences", topology="peri", context=70, position="rope", n_head=4, n_kv_head=2)
    case("auto width", topology="pre", d_ff=0)
    case("auto width, gated", topology="peri", d_ff=0, mlp="swiglu", n_layer=1, bias=False)


def heads():
    """Heads of another width, other frequencies of RoPE, the exact gelu."""
    rope = {"position": "rope", "context": 12}
    case("exact gelu", topology="pre", norm="layernorm", mlp="gelu_erf")
    case("wide heads", topology="pre", head_dim=12, rope_theta=500, n_kv_head=1, mlp="gelu_erf", **rope)
    case("narrow heads, norms", topology="hybrid", norm="layernorm", n_head=4, n_kv_head=2, head_dim=4, **rope)
    case("partial rope", topology="parallel2", norm="layernorm", head_dim=10, rope_fraction=0.4, bias=False, **rope)
    scaled = {"rope_factor": 8, "rope_theta": 50, "rope_original": 20}
    case("scaled rope", topology="peri", mlp="swiglu", head_dim=12, **scaled, **rope)
    case(
        "scaled partial rope, bfloat16",
        topology="olmo2",
        head_dim=12,
        rope_fraction=0.5,
        rope_factor=2,
        rope_low_freq=0.5,
        rope_high_freq=3,
        rope_original=9,
        precision="bfloat16",
        **rope,
    )


def warmups():
    tenth = {"steps": 10, "from": 0.1, "to": 1.0, "slots": ["in", "out", "post"]}
    half = {"steps": 8, "from": 0.25, "to": 0.75, "slots": ["in", "out", "post"]}

    def only(*slots):
        return {**half, "slots": list(slots)}

    for topology in TOPOLOGIES:
        case(
            topology + " at w 0.1",
            warmup=tenth,
            topology=topology,
            norm="layernorm",
            n_layer=4 if topology == "mixln" else 1,
        )
    case("w 0.5 of in", warmup=only("in"), t=4, topology="peri")
    case("w 0.5 of out", warmup=only("out"), t=4, topology="peri", norm="layernorm")
    case("w 0.5 of mid", warmup=only("mid"), t=4, topology="subln", mlp="swiglu", norm="layernorm")
    case("w 0.5 of post", warmup=only("post"), t=4, topology="keel", norm="rmsnorm_plus1")
    case("w 0.5 of S", warmup=only("out"), t=4, topology="layerscale", norm="dyt")
    case("w 0.5 of lns", warmup=only("in", "post"), t=4, topology="lns", norm="layernorm")
    case("w 0.5, final on", warmup=only("post"), t=4, topology="post", final_norm="on")
    case("w 0.5, final off", warmup=half, t=4, topology="resi_dual", final_norm="off")
    case("w stays at its end", warmup=half, t=9, topology="peri", norm="dyt", qk_norm="on")


def branches():
    deeper = {"steps": 10, "from": 0.0, "order": "deeper"}
    equal = {"steps": 8, "from": 0.25, "order": "equal"}
    for topology in TOPOLOGIES:
        case(
            topology + " with a below 1",
            branch=deeper,
            t=7,
            topology=topology,
            norm="layernorm",
            n_layer=4 if topology == "mixln" else 2,
        )
    for topology in ("post", "pre", "peri", "deepnorm"):
        case(topology + " with a 0.25", branch=equal, topology=topology)
        case(topology + " with a 1 in block 1", branch=deeper, t=19, topology=topology, n_layer=3)
        case(topology + " with a 1", branch=equal, t=8, topology=topology, n_layer=1)
    case(
        "a and w",
        branch=equal,
        t=4,
        topology="peri",
        norm="layernorm",
        warmup={"steps": 10, "from": 0.5, "to": 1.0, "slots": ["in", "out"]},
    )


def mixes():
    case("mix", topology="peri", layers="post*2 pre*", n_layer=4)
    case(
        "mix of all kinds",
        topology="pre",
        layers="olmo2 lns*2 keel deepnorm hybrid_star b2t",
        n_layer=7,
        norm="layernorm",
    )
    case(
        "mix below post",
        topology="post",
        layers="parallel* hybrid post",
        n_layer=4,
        mlp="geglu",
        warmup={"steps": 10, "from": 0.5, "to": 1.0, "slots": ["post"]},
    )
    case("mix with mixln", topology="pre", layers="mixln*2 layerscale*", n_layer=4)


def wire_peri(b, x):
    x = x + b.n("attn", "out", b.A(b.n("attn", "in", x)))
    return x + b.M(b.n("mlp", "in", x))


def wire_pre(b, x):
    x = x + 0.5 * b.A(b.n("attn", "in", x))
    return 0.75 * x + b.M(1.25 * b.n("mlp", "in", x))


def wire_post(b, x):
    x1 = b.n("attn", "post", 0.75 * x + b.A(b.n("attn", "in", x)))
    return b.n("mlp", "post", x1 + b.M(x1) + 0.25 * x)


def wire_parallel(b, x):
    u = b.n("attn", "in", x)
    return x + b.A(u) + b.M(b.n("mlp", "in", u))


def wire_read(b, x):
    x1 = x + b.A(b.n("attn", "in", x))
    return x1 + b.S("mlp", b.M(b.n("mlp", "in", x)))


def wire_dual(b, x):
    o = b.A(x)
    x, b.model.d = b.n("attn", "post", x + o), b.model.d + 0.5 * o
    o = b.M(x)
    x, b.model.d = b.n("mlp", "post", x + 0.75 * o), b.model.d + o
    return x


def wire_lns(b, x):
    x = x + b.A(0.75 * b.n("attn", "in", x))
    return x + b.M(b.n("mlp", "in", x) / b.l**0.5)


def wire_deepnorm(b, x):
    x = b.n("attn", "post", (2 * b.N) ** 0.25 * x + b.A(x))
    return b.n("mlp", "post", 1.5 * x + b.M(x))


def wires():
    half = {"steps": 10, "from": 0.5, "to": 1.0, "slots": ["in", "out"]}
    case("wire peri", wire={"mlp.out": "none"}, block=wire_peri, topology="peri")
    case(
        "wire pre",
        wire={"attn.branch": 0.5, "mlp.skip": 0.75, "mlp.gain": 1.25},
        block=wire_pre,
        topology="pre",
        norm="layernorm",
        warmup=half,
    )
    case(
        "wire post",
        block=wire_post,
        topology="post",
        wire={"attn.in": "norm", "attn.skip": 0.75, "mlp.block_skip": 0.25},
    )
    case("wire parallel", wire={"mlp.in": "norm"}, block=wire_parallel, topology="parallel", norm="layernorm")
    case("wire read", wire={"mlp.read": "block", "mlp.out": "scale"}, block=wire_read, topology="pre", warmup=half)
    case("wire dual", wire={"attn.dual": 0.5, "mlp.branch": 0.75}, block=wire_dual, topology="resi_dual")
    case("wire lns", wire={"attn.gain": 0.75}, block=wire_lns, topology="lns", norm="layernorm")
    case("wire deepnorm", wire={"mlp.skip": 1.5}, block=wire_deepnorm, topology="deepnorm")


def learned(kind, start=1.0, lr_scale=1.0):
    return {"learn": kind, "start": start, "lr_scale": lr_scale}


def wire_learned(b, x):
    C = x.shape[-1]
    x_block = x
    x = b.k("attn", "skip") * x + b.k("attn", "branch", C) * b.a * b.A(b.n("attn", "in", x))
    x = b.k("mlp", "enter", C) * x
    s = x + b.a * b.M(b.n("mlp", "in", x)) + b.k("mlp", "block_skip") * x_block + b.k("mlp", "x0", C) * b.model.x0
    return b.k("mlp", "leave", C) * s


def wire_first_stream(b, x):
    x = 0.75 * x + 0.5 * b.model.x0
    x = b.n("attn", "post", x + b.A(x))
    return 1.25 * b.n("mlp", "post", x + b.M(x) - 0.25 * b.model.x0)


def wires_of_coefficients():
    case(
        "wire learned",
        block=wire_learned,
        topology="pre",
        norm="layernorm",
        branch={"steps": 8, "from": 0.25, "order": "deeper"},
        t=4,
        wire={
            "attn.skip": learned("scalar"),
            "attn.branch": learned("vector"),
            "mlp.enter": learned("vector"),
            "mlp.block_skip": learned("scalar", 0.0),
            "mlp.x0": learned("vector", 0.0),
            "mlp.leave": learned("vector"),
        },
    )
    case(
        "wire first stream",
        wire={"attn.enter": 0.75, "attn.enter_x0": 0.5, "mlp.x0": -0.25, "mlp.leave": 1.25},
        block=wire_first_stream,
        topology="post",
        embed_norm="on",
    )
    for stream in ("bfloat16", "float16"):
        case(f"lambdas stream {stream}", topology="lambdas", stream_precision=stream, norm="layernorm")
        case(f"gpas stream {stream}", topology="gpas", stream_precision=stream, n_layer=1)
        case(f"gemma4 stream {stream}", topology="gemma4", stream_precision=stream, embed_norm="on")
    case("gpas batchnorm", topology="gpas", norm="batchnorm")
    case("gemma4 batchnorm", topology="gemma4", norm="batchnorm", embed_scale=0)
    case("lambdas, embedding norm", topology="lambdas", norm="rmsnorm_plain", embed_norm="on", n_layer=3)
    case("rezero gated", topology="rezero", norm="gated", d_model=16, qk_norm="on")


def wire_mid(b, x):
    x = b.n("attn", "post", x + b.A(x, mid=lambda h: b.S("attn", h, "mid")))
    return b.n("mlp", "post", x + b.M(x, lambda h: b.n("mlp", "mid", h)))


def wire_shared(b, x):
    u = b.n("attn", "in", x)
    x = x + b.A(u, mid=lambda h: b.n("attn", "mid", h))
    return x + b.M(u, lambda h: b.S("mlp", h, "mid"))


def wires_of_mid():
    case("wire mid", wire={"attn.mid": "scale", "mlp.mid": "norm"}, block=wire_mid, topology="post", norm="layernorm")
    case(
        "wire mid, warm",
        wire={"attn.mid": "norm", "mlp.mid": "scale"},
        block=wire_shared,
        topology="parallel",
        mlp="geglu",
        n_head=4,
        n_kv_head=2,
        position="rope",
        warmup={"steps": 10, "from": 0.5, "to": 1.0, "slots": ["mid"]},
    )


USUAL = {"start": 5, "interval": 2, "order": "mlp attn qkv emb final"}


def removals():
    """Constants in place of the statistics of some norms, which are named here, or of all."""
    for norm in ("layernorm", "rmsnorm"):
        removals_of_blocks(norm)
    plus1 = ["blocks.0.mlp.norm_in", "blocks.0.attn.norm_in"]
    case("plus1, removal begun", topology="pre", norm="rmsnorm_plus1", removal=USUAL, t=8, n_layer=1, removed=plus1)
    case(
        "whole q and k removed",
        topology="olmo2",
        norm="rmsnorm",
        t=10,
        removal={"start": 5, "interval": 2, "order": "qkv attn"},
        warmup={"steps": 30, "from": 0.5, "to": 1.0, "slots": ["out"]},
        removed=[f"blocks.{i}.attn.norm_{x}" for i in range(2) for x in "qk"] + ["blocks.0.attn.norm_out"],
    )
    case("before removal", topology="pre", norm="layernorm", removal=USUAL, t=4)
    mids = [f"blocks.{i}.mlp.norm_{slot}" for i in range(2) for slot in ("in", "mid")]
    mids += ["blocks.0.attn.norm_in", "blocks.0.attn.norm_mid"]
    case("subln, removal begun", topology="subln", norm="layernorm", removal=USUAL, t=9, removed=mids)


def removals_of_blocks(norm):
    first = ["blocks.0.mlp.norm_in", "blocks.1.mlp.norm_in", "blocks.0.attn.norm_in"]
    every = [*first, "blocks.1.attn.norm_in", "final_norm"]
    posts = [f"blocks.{i}.{f}.norm_post" for f in ("mlp", "attn") for i in range(2)]
    peri = [f"blocks.{i}.{f}.norm_{s}" for f in ("mlp", "attn") for i in range(2) for s in ("in", "out")]
    heads = [f"blocks.{i}.attn.norm_{x}" for i in range(2) for x in "qkv"]

    def some(name, removed, removal=USUAL, **model):
        case(f"{model['topology']} {norm}, {name}", norm=norm, removal=removal, removed=removed, **model)

    some("removal begun", first, topology="pre", t=9)
    some("all removed", every, topology="pre", t=13)
    some("removal begun", posts[:3], topology="post", t=10, position="rope")
    at_once = {"start": 5, "interval": 0, "first_apart": False}
    some("all removed", posts, at_once, topology="post", t=5)
    backwards = {"start": 2, "interval": 3, "order": "final emb attn"}
    some("removal begun", ["final_norm", "emb_norm", *peri[4:6]], backwards, topology="peri", t=9)
    some("all but emb removed", peri, topology="peri", t=12, bias=False)
    of_heads = {"start": 1, "interval": 2, "order": "qkv"}
    some("heads removed", heads, of_heads, topology="hybrid", t=3, n_head=4, n_kv_head=2)


def precisions():
    """Matrix multiplications in bfloat16, in every topology; the stream in half precision, where it differs."""
    norms = itertools.cycle(["layernorm", "rmsnorm", "rmsnorm_plus1"])
    shapes = itertools.cycle([(8, 4, 2, "learned", "swiglu"), (12, 2, 1, "rope", "gelu"), (24, 2, 0, "rope", "geglu")])
    switches_of_qk = itertools.cycle(["auto", "on"])  # large scores amplify what float32 rounds differently
    for topology in TOPOLOGIES:
        d_model, n_head, n_kv_head, position, mlp = next(shapes)
        case(
            topology + " bfloat16",
            topology=topology,
            norm="rmsnorm" if topology == "subln" else next(norms),  # a layernorm of two features is their sign
            precision="bfloat16",
            qk_norm=next(switches_of_qk),
            n_layer=4 if topology == "mixln" else 2,
            d_model=d_model,
            n_head=n_head,
            n_kv_head=n_kv_head,
            position=position,
            mlp=mlp,
        )
    for stream in ("bfloat16", "float16"):
        for topology in ("post", "pre", "peri", "resi_dual", "b2t", "parallel", "parallel2", "layerscale", "none"):
            case(f"{topology} stream {stream}", topology=topology, stream_precision=stream)
        case(f"post bfloat16, stream {stream}", topology="post", precision="bfloat16", stream_precision=stream)
        case(f"batchnorm, stream {stream}", norm="batchnorm", topology="pre_post", stream_precision=stream)


for add in (
    *(every_topology, other_norms, newer_norms, batch_norms, switches, heads, warmups, branches, mixes),
    *(wires, wires_of_coefficients, wires_of_mid, removals, precisions),
):
    add()
scaling.models(case)
options.models(case)
