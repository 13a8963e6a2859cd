"""Models with the options of attention, biases and head that published models need."""

import scaling


def models(case):
    case("biases of qkv", topology="pre", mlp="swiglu", position="rope", n_kv_head=1, bias_at="qkv")
    case("betas only", topology="parallel", norm="layernorm", mlp="gelu_erf", bias_at="norm", tie_embeddings=False)
    case("betas and biases of proj", topology="peri", norm="layernorm", mlp="geglu", bias_at="proj norm", qk_norm="on")
    case("bias of the head", topology="parallel", norm="layernorm", head_bias=True, tie_embeddings=False, bias=False)
    case("softcap of the logits", topology="pre", qk_norm="on", mlp="relu2", softcap_logits=0.4)
    both = {"head_bias": True, "softcap_logits": 1.5}
    case("bias of a tied head, softcap, bfloat16", topology="peri", precision="bfloat16", **both)
    case("bias of the head, scaled", topology="pre", tie_embeddings=False, **both, **scaling.BOTH)
