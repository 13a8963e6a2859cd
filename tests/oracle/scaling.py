"""model.scaling, from CompleteP (arXiv 2505.01618) and the authors' code: the factors, and which models and runs are
compared."""

import math

DEFAULTS = {"scaling": "none", "base_d_model": 0, "base_n_layer": 0}


class Scaling:
    """m_N and m_L, and what follows from them outside of the optimizer."""

    def __init__(self, c):
        self.on = c["scaling"] != "none"
        self.alpha = {"none": 0, "depth_mup": 1 / 2, "completep": 1}[c["scaling"]]
        self.m_N = c["d_model"] / c["base_d_model"] if self.on and c["base_d_model"] else 1.0
        self.m_L = c["n_layer"] / c["base_n_layer"] if self.on and c["base_n_layer"] else 1.0
        self.branch = self.m_L**-self.alpha

    def scores(self, size):
        """What the scores of a head of `size` features are divided by."""
        return size if self.on else math.sqrt(size)

    def update(self, name, dim):
        """The factors of learning rate, eps and weight decay of a tensor."""
        if not self.on:
            return 1.0, 1.0, 1.0
        hidden = name.startswith("blocks.")
        outside = name in ("tok_emb.weight", "pos_emb.weight", "head.weight")
        lr, eps, decay = 1.0, 1 / self.m_N, 1.0
        if hidden:
            lr, eps = lr * self.m_L ** (self.alpha - 1), eps * self.m_L**-self.alpha
        if dim == 2 and not outside:
            lr, decay = lr / self.m_N, decay * self.m_N
        return lr, eps, decay


def keys(scaling, base_d_model=0, base_n_layer=0):
    return {"scaling": scaling, "base_d_model": base_d_model, "base_n_layer": base_n_layer}


WIDER, DEEPER = keys("completep", base_d_model=3), keys("completep", base_n_layer=1)
BOTH, SMALLER = keys("completep", 4, 1), keys("completep", 32, 5)
ROOT = keys("depth_mup", base_n_layer=1)

MODELS = {
    "completep, wider": {"topology": "pre", "norm": "layernorm", "tie_embeddings": False, **WIDER},
    "completep, deeper": {"topology": "pre", "n_layer": 3, "position": "rope", **DEEPER},
    "completep, wider and deeper": {"topology": "peri", "n_head": 4, "n_kv_head": 2, "mlp": "swiglu", **BOTH},
    "completep, smaller than its base": {"topology": "peri", "norm": "layernorm", "qk_norm": "on", **SMALLER},
    "completep at its base": {"topology": "pre", "norm": "layernorm", **keys("completep")},
    "completep in bfloat16": {"topology": "pre", "d_model": 12, "precision": "bfloat16", **BOTH},
    "completep with a stream in bfloat16": {"topology": "post", "stream_precision": "bfloat16", **BOTH},
    "completep, two streams": {"topology": "resi_dual", "final_norm": "off", **BOTH},
    "completep, learned branches": {"topology": "rezero", "norm": "gated", "d_model": 16, "embed_norm": "on", **BOTH},
    "depth_mup": {"topology": "pre", "n_layer": 3, **ROOT},
    "depth_mup, wider": {"topology": "layerscale", "bias": False, **keys("depth_mup", 4, 1)},
}

# (model keys, optim keys, micro-batches)
DEEP = {"topology": "pre", "n_layer": 3}
RUNS = {
    "completep, wider and deeper": ({**DEEP, **BOTH}, {"eps": 1e-3, "weight_decay": 0.5}, 1),
    "completep, wider, large eps": ({"n_layer": 2, **WIDER}, {"eps": 1e-2, "decay_gamma_in": True}, 1),
    "completep, untied, matrices in norms": (
        {"norm": "gated", "d_model": 16, "embed_norm": "on", "tie_embeddings": False, "n_layer": 2, **BOTH},
        {"eps": 1e-2, "weight_decay": 0.5},
        2,
    ),
    "completep, factor of rmsnorm": ({"norm": "rmsnorm", **SMALLER}, {"rmsnorm_lr_scale": 0.9, "schedule": "wsd"}, 1),
    "completep, learned coefficients": ({"topology": "lambdas", "n_layer": 2, **BOTH}, {"eps": 1e-3}, 1),
    "completep at its base": ({"n_layer": 2, **keys("completep", 8, 2)}, {}, 1),
    "depth_mup": ({**DEEP, **ROOT}, {"eps": 1e-3, "weight_decay": 0.5}, 1),
    "depth_mup, wider": ({**DEEP, **keys("depth_mup", 4, 1)}, {"eps": 1e-2, "decay_gamma_out": True}, 1),
}


def models(case):
    for name, model in MODELS.items():
        case(name, **model)


def runs(run):
    for name, (model, optim, accum) in RUNS.items():
        run(name, model, accum=accum, **optim)
