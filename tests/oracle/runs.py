"""Runs of 20 updates that are compared."""

import scaling

OPTIM = {
    "lr": 0.01,
    "min_lr_ratio": 0.1,
    "schedule": "cosine",
    "warmup_steps": 4,
    "decay_fraction": 0.2,
    "rmsnorm_lr_scale": 1.0,
    "beta1": 0.9,
    "beta2": 0.99,
    "eps": 1e-6,
    "weight_decay": 0.1,
    "decay_gamma_in": False,
    "decay_gamma_out": False,
    "clip": 1.0,
}

SMALL = {"n_layer": 1, "position": "rope", "norm": "layernorm"}

RUNS = []  # (name, model keys, optim keys, gamma_warmup and branch_warmup or None, accum)


def run(name, model=None, warmup=None, branch=None, accum=1, **optim):
    assert not set(optim) - set(OPTIM), optim
    RUNS.append((name, {**SMALL, **(model or {})}, {**OPTIM, **optim}, warmup, branch, accum))


rms, plus1 = {"norm": "rmsnorm"}, {"norm": "rmsnorm_plus1", "n_layer": 2}
run("cosine")
run("cosine to zero", {"topology": "post"}, min_lr_ratio=0.0, warmup_steps=0)
run("wsd", schedule="wsd", decay_fraction=0.5)
run("wsd, warm-up reaches into the decay", schedule="wsd", decay_fraction=0.9, warmup_steps=7)
run("linear", {"topology": "pre"}, schedule="linear", warmup_steps=1)
run("constant", schedule="constant", warmup_steps=6)
run("warm-up longer than the run", schedule="linear", warmup_steps=30)
run("no clipping", clip=0.0)
run("much clipping", clip=0.01, eps=1e-4)
run("accumulation", accum=3)
run("lr scale of rmsnorm", rms, rmsnorm_lr_scale=0.9, schedule="wsd")
run("lr scale of plus1", plus1, rmsnorm_lr_scale=1.1, decay_gamma_in=True)
run("no lr scale of layernorm", {"topology": "pre"}, rmsnorm_lr_scale=0.5)
run("decay of in gammas", decay_gamma_in=True, weight_decay=0.5)
run("decay of out gammas", decay_gamma_out=True, weight_decay=0.5)
run("decay of post gammas", {"topology": "keel"}, decay_gamma_out=True, weight_decay=0.5)
run("decay of mid gammas", {"topology": "subln"}, decay_gamma_in=True, weight_decay=0.5)
run("decay of S", {"topology": "layerscale"}, decay_gamma_out=True, weight_decay=0.5)
run("no decay", {"topology": "resi_dual", "tie_embeddings": False}, weight_decay=0.0)
run(
    "gammas warm up",
    rms,
    warmup={"steps": 9, "from": 0.1, "to": 1.0, "slots": ["in", "out"]},
    accum=2,
    beta1=0.8,
    beta2=0.95,
)
run("branches warm up", plus1, branch={"steps": 6, "from": 0.0, "order": "deeper"})
run("batchnorm", {"norm": "batchnorm", "bias": False}, accum=2)
run("no lr scale of batchnorm", {"norm": "batchnorm", "bias": False, "topology": "post"}, rmsnorm_lr_scale=0.5)
run("decay of matrices in norms", {"norm": "gated", "d_model": 16}, weight_decay=0.5, rmsnorm_lr_scale=0.5)
run("no decay of vectors in norms", {"norm": "seednorm"}, weight_decay=0.5, decay_gamma_in=True)
run("decay of scalar gains", {"norm": "scalenorm"}, weight_decay=0.5, decay_gamma_out=True)
run("no decay of scalars in norms", {"norm": "derf", "topology": "pre"}, weight_decay=0.5)
run("lambda", {"norm": "bhyt", "topology": "post", "qk_norm": "on"}, weight_decay=0.5, accum=2)
run("scalars of the stream", {"topology": "lambdas", "n_layer": 2}, weight_decay=0.5, accum=2)
run("gates of GPAS", {"topology": "gpas", "final_norm": "off", **rms}, weight_decay=0.5)
run("scalars of branches", {"topology": "rezero", "n_layer": 2}, clip=0.0, accum=2)
run("scalars behind blocks", {"topology": "gemma4", "n_layer": 2}, decay_gamma_out=True)
run("bfloat16", {"norm": "rmsnorm", "mlp": "swiglu", "precision": "bfloat16"}, accum=2)
run("stream float16", {"topology": "pre", "precision": "bfloat16", "stream_precision": "float16"}, accum=2)
run(
    "dyt, large eps",
    {"norm": "dyt", "mlp": "swiglu", "position": "learned"},
    eps=1e-2,
    decay_gamma_in=True,
    decay_gamma_out=True,
)

scaling.runs(run)

MUON = {"kind": "muon", "muon_lr": 0.0, "muon_momentum": 0.95, "muon_scale": "jordan", "muon_decay": 0.1}


def muon_run(name, model=None, accum=1, **optim):
    assert not set(optim) - set(OPTIM) - set(MUON), optim
    RUNS.append(("muon, " + name, {**SMALL, **(model or {})}, {**OPTIM, **MUON, **optim}, None, None, accum))


muon_run("defaults")
muon_run("its own rate", {"topology": "pre"}, muon_lr=0.05, muon_momentum=0.8, muon_decay=0.0)
muon_run("moonshot", {"topology": "peri", "norm": "rmsnorm", "mlp": "swiglu"}, muon_scale="moonshot")
muon_run("moonshot's own rate", {"bias": False, "n_layer": 2}, muon_scale="moonshot", muon_lr=0.03)
muon_run("grouped heads", {"d_model": 16, "n_head": 4, "n_kv_head": 2, "qk_norm": "on", **rms}, accum=2, muon_decay=0.5)
muon_run("one head for keys", {"n_head": 4, "n_kv_head": 1, "tie_embeddings": False}, schedule="wsd")
muon_run("factor of rmsnorm", {"norm": "rmsnorm", "topology": "olmo2"}, rmsnorm_lr_scale=0.9, clip=0.01)
