/* synonyms.c - see synonyms.h. */
#include "run/config/synonyms.h"

const Synonym norm_synonyms[] = {
    {"ln", "layernorm"},
    {"rmsnorm+1", "rmsnorm_plus1"},
    {"gemmarmsnorm", "rmsnorm_plus1"},
    {"dynamictanh", "dyt"},
    {"dynamicerf", "derf"},
    {"boundedhyperbolictangent", "bhyt"},
    {"bn", "batchnorm"},
    {"batchnorm1d", "batchnorm"},
    {"identity", "none"},
    {"nonorm", "none"},
    {0},
};
/* The one MLP here with SiLU is the gated one, which Llama's hidden_act silu means too. */
const Synonym mlp_synonyms[] = {
    {"silu", "swiglu"},          {"swish", "swiglu"},
    {"gelunew", "gelu"},         {"gelutanh", "gelu"},
    {"gelupytorchtanh", "gelu"}, {"geglutanh", "geglu"},
    {"squaredrelu", "relu2"},    {"relusquared", "relu2"},
    {"relu^2", "relu2"},         {0},
};
const Synonym position_synonyms[] = {
    {"rotary", "rope"},
    {"absolute", "learned"},
    {"learnedabsolute", "learned"},
    {"nope", "none"},
    {0},
};
#define PRECISIONS                                                                                 \
    {"fp32", "float32"}, {"f32", "float32"}, {"float", "float32"}, {"32", "float32"}, {            \
        "bf16", "bfloat16"                                                                         \
    }
const Synonym precision_synonyms[] = {PRECISIONS, {0}};
const Synonym stream_precision_synonyms[] = {
    PRECISIONS, {"half", "float16"}, {"fp16", "float16"}, {"f16", "float16"}, {0},
};
const Synonym schedule_synonyms[] = {
    {"cosineannealing", "cosine"},
    {"cosinedecay", "cosine"},
    {"cosinewithwarmup", "cosine"},
    {"warmupstabledecay", "wsd"},
    {"trapezoidal", "wsd"},
    {"linearwithwarmup", "linear"},
    {"lineardecay", "linear"},
    {"constantwithwarmup", "constant"},
    {0},
};
