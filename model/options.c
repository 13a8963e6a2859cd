/* options.c - the names of the enumerated options. See options.h. */
#include "model/options.h"

#include "base/utf8.h"
#include "base/words.h"
#include "ops/ops.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *slot_name(int i) {
    static const char *const NAMES[] = {
        [SLOT_IN] = "in", [SLOT_MID] = "mid", [SLOT_OUT] = "out", [SLOT_POST] = "post"};
    return NAME_AT(NAMES, i);
}

const char *position_name(int i) {
    static const char *const NAMES[] = {
        [POSITION_LEARNED] = "learned", [POSITION_ROPE] = "rope", [POSITION_NONE] = "none"};
    return NAME_AT(NAMES, i);
}

const char *rope_kind_name(int i) {
    static const char *const NAMES[] = {
        [ROPE_GLOBAL] = "rope", [ROPE_LOCAL] = "local", [ROPE_NONE] = "none"};
    return NAME_AT(NAMES, i);
}

const char *switch_name(int i) {
    static const char *const NAMES[] = {
        [SWITCH_AUTO] = "auto", [SWITCH_ON] = "on", [SWITCH_OFF] = "off"};
    return NAME_AT(NAMES, i);
}

const char *branch_order_name(int i) {
    static const char *const NAMES[] = {[BRANCH_DEEPER] = "deeper", [BRANCH_EQUAL] = "equal"};
    return NAME_AT(NAMES, i);
}

const char *scaling_name(int i) {
    static const char *const NAMES[] = {[SCALING_NONE] = "none",
                                        [SCALING_DEPTH_MUP] = "depth_mup",
                                        [SCALING_COMPLETEP] = "completep"};
    return NAME_AT(NAMES, i);
}

const char *init_name(int i) {
    static const char *const NAMES[] = {[INIT_AUTO] = "auto",
                                        [INIT_PLAIN] = "plain",
                                        [INIT_SCALED] = "scaled",
                                        [INIT_DEEPNORM] = "deepnorm",
                                        [INIT_SUBLN] = "subln"};
    return NAME_AT(NAMES, i);
}

/* Entries are indices into Precision in ops.h; matrix multiplications have no float16. */
static const char *const PRECISIONS[] = {[PRECISION_FLOAT32] = "float32",
                                         [PRECISION_BFLOAT16] = "bfloat16",
                                         [PRECISION_FLOAT16] = "float16"};

const char *precision_name(int i) {
    return i > PRECISION_BFLOAT16 ? NULL : NAME_AT(PRECISIONS, i);
}

const char *stream_precision_name(int i) {
    return NAME_AT(PRECISIONS, i);
}

const char *learn_name(int i) {
    static const char *const NAMES[] = {[LEARN_NOT] = "not",
                                        [LEARN_SCALAR] = "scalar",
                                        [LEARN_VECTOR] = "vector",
                                        [LEARN_SHRINK] = "shrink"};
    return NAME_AT(NAMES, i);
}

const char *bias_site_name(int i) {
    static const char *const NAMES[] = {
        [BIAS_NORM] = "norm", [BIAS_QKV] = "qkv", [BIAS_PROJ] = "proj", [BIAS_MLP] = "mlp"};
    return NAME_AT(NAMES, i);
}

enum { WORD_SIZE = 64 };

bool options_has_bias(const ModelOptions *options, BiasSite site) {
    const char *at = options->bias_at;
    char word[WORD_SIZE];
    bool any = false, found = false;
    for (; at && word_next(&at, word, sizeof word); any = true)
        found |= strcmp(word, bias_site_name(site)) == 0;
    return options->bias && (found || !any);
}

bool options_has_layer_bias(const ModelOptions *options) {
    return options_has_bias(options, BIAS_QKV) || options_has_bias(options, BIAS_PROJ) ||
           options_has_bias(options, BIAS_MLP);
}

bool options_check_bias(const ModelOptions *options, char *error, size_t size) {
    bool listed[BIAS_SITES] = {false};
    char word[WORD_SIZE];
    for (const char *at = options->bias_at; at && word_next(&at, word, sizeof word);) {
        const int site = name_index(bias_site_name, word);
        if (site >= 0 && !listed[site]) {
            listed[site] = true;
            continue;
        }
        utf8_cut(word, sizeof word);
        const char *near = site < 0 ? name_near(bias_site_name, word) : NULL;
        snprintf(error, size, "model.bias_at: \"%s\" is %s%s%s%s", word,
                 site < 0 ? "not a site of biases (norm, qkv, proj, mlp)" : "listed twice",
                 near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return false;
    }
    return true;
}

double options_embed_std(const ModelOptions *options) {
    return options->embed_std != 0 ? options->embed_std : options->init_std;
}

double options_embed_scale(const ModelOptions *options) {
    return options->embed_scale != 0 ? options->embed_scale : sqrt((double)options->d_model);
}

size_t options_head_dim(const ModelOptions *options) {
    return options->head_dim ? options->head_dim : options->d_model / options->n_head;
}

size_t options_rope_width(const ModelOptions *options) {
    return (size_t)(options->rope_fraction * (double)options_head_dim(options) + 0.5);
}
