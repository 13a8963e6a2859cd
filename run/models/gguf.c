/* gguf.c - see gguf.h: the tensors of a GGUF file under the names that transformers gives them. */
#include "run/models/gguf.h"

#include "run/models/gguf_parts.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"

#include <stdio.h>
#include <string.h>

/* The names of ggml's types by their numbers; those that are missing were removed from the format. */
static const char *const TYPES[] = {
    "F32",     "F16",   "Q4_0",   "Q4_1",  [6] = "Q5_0", "Q5_1",         "Q8_0",    "Q8_1",
    "Q2_K",    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K",       "Q8_K",         "IQ2_XXS", "IQ2_XS",
    "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ2_S",      "IQ4_XS",       "I8",      "I16",
    "I32",     "I64",   "F64",    "IQ1_M", "BF16",       [34] = "TQ1_0", "TQ2_0",   [39] = "MXFP4",
};
enum { TYPE_COUNT = sizeof TYPES / sizeof *TYPES };

typedef struct {
    const char *own, *theirs;
    const char
        *only; /* the architecture that has this row; NULL = all. The first that fits is taken. */
} Name;

static const Name TOP[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {NULL, NULL},
};
static const Name IN_BLOCK[] = {
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm", "qwen3"},
    {"attn_k_norm", "self_attn.k_norm", "qwen3"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_up", "mlp.c_fc", "starcoder2"},
    {"ffn_down", "mlp.c_proj", "starcoder2"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
    {NULL, NULL},
};

/* --- names --- */

static const char *find_name(const Name *names, GgufText own, const char *architecture) {
    for (; names->own; names++) {
        if (gguf_is(own, names->own) && (!names->only || !strcmp(names->only, architecture)))
            return names->theirs;
    }
    return NULL;
}

/* A decimal number below `end` without leading zeros, and the dot after it, which are cut off; SIZE_MAX if there
 * is none. */
static size_t cut_number(GgufText *text, size_t end) {
    size_t number = 0, digits = 0;
    while (digits < text->length && text->at[digits] >= '0' && text->at[digits] <= '9') {
        number = 10 * number + (size_t)(text->at[digits++] - '0');
        if (number >= end) return SIZE_MAX;
    }
    if (!digits || (digits > 1 && *text->at == '0') || digits == text->length ||
        text->at[digits] != '.')
        return SIZE_MAX;
    *text = (GgufText){text->at + digits + 1, text->length - digits - 1};
    return number;
}

/* The name in transformers, for mem_free; NULL if the architecture has no such tensor. */
static char *rename_tensor(const GgufModel *model, GgufText name) {
    static const char block[] = "blk.", *const ends[] = {".weight", ".bias"};
    const char *end = NULL, *architecture = model->architecture->name, *theirs;
    for (size_t i = 0; i < 2; i++) {
        const size_t length = strlen(ends[i]);
        if (name.length > length && !memcmp(name.at + name.length - length, ends[i], length)) {
            end = ends[i];
            name.length -= length;
            break;
        }
    }
    if (!end) return NULL;
    if (name.length > 4 && memcmp(name.at, block, 4) == 0) {
        name = (GgufText){name.at + 4, name.length - 4};
        const size_t index = cut_number(&name, model->blocks);
        theirs = index == SIZE_MAX ? NULL : find_name(IN_BLOCK, name, architecture);
        return theirs ? text_format("model.layers.%zu.%s%s", index, theirs, end) : NULL;
    }
    theirs = find_name(TOP, name, architecture);
    return theirs ? text_format("%s%s", theirs, end) : NULL;
}

static const char *find_own(const Name *names, const char *theirs, size_t length,
                            const char *architecture) {
    for (; names->own; names++) {
        if (strlen(names->theirs) == length && !memcmp(names->theirs, theirs, length) &&
            (!names->only || !strcmp(names->only, architecture)))
            return names->own;
    }
    return NULL;
}

char *gguf_own_name(const GgufArchitecture *architecture, const char *theirs) {
    static const char layers[] = "model.layers.";
    const char *end = strrchr(theirs, '.'), *own;
    if (!end) return NULL;
    if (strncmp(theirs, layers, strlen(layers)) != 0) {
        own = find_own(TOP, theirs, (size_t)(end - theirs), architecture->name);
        return own ? text_format("%s%s", own, end) : NULL;
    }
    const char *number = theirs + strlen(layers), *name = number + strcspn(number, ".") + 1;
    own = name < end ? find_own(IN_BLOCK, name, (size_t)(end - name), architecture->name) : NULL;
    return own ? text_format("blk.%.*s%s%s", (int)(name - number), number, own, end) : NULL;
}

/* --- tensors --- */

/* Everything of a tensor but its name; all of its bytes lie in the file. */
static WeightTensor place(GgufFile *gguf, const GgufTensor *from) {
    WeightTensor tensor = {.rank = from->rank, .type = WEIGHT_TYPES};
    const int length = (int)from->name.length;
    const char *name = from->name.at, *type = from->type < TYPE_COUNT ? TYPES[from->type] : NULL;
    for (size_t i = 0; i < from->rank; i++) tensor.shape[i] = from->shape[i];
    if (type) tensor.type = weight_type(type);
    if (tensor.type == WEIGHT_TYPES) {
        gguf_refuse(gguf, "tensor %.*s has type %u (%s), which this program does not read", length,
                    name, (unsigned)from->type, type ? type : "unknown");
        return tensor;
    }
    if (tensor.rank == 1 && weight_kind(tensor.type)->elements > 1)
        gguf_refuse(gguf, "tensor %.*s is a vector of type %s, which this program does not read",
                    length, name, type);
    else if (!weights_size(tensor.type, tensor.rank, tensor.shape, &tensor.size))
        gguf_refuse(gguf, "tensor %.*s has a shape that type %s cannot have", length, name, type);
    else if (from->offset % gguf->alignment)
        gguf_refuse(gguf, "tensor %.*s begins at offset %llu, not a multiple of %zu", length, name,
                    (unsigned long long)from->offset, gguf->alignment);
    else if (from->offset > gguf->size - gguf->data ||
             tensor.size > gguf->size - gguf->data - from->offset)
        gguf_refuse(gguf, "tensor %.*s ends after the end of the file: is the file complete?",
                    length, name);
    else
        tensor.bytes = gguf->bytes + gguf->data + from->offset;
    return tensor;
}

/* The heads of which rows are in pairs. */
static size_t pairs_of(GgufFile *gguf, const GgufModel *model, const WeightTensor *tensor) {
    const bool q = strstr(tensor->name, ".q_proj."), k = strstr(tensor->name, ".k_proj.");
    if (!model->architecture->pairs || !(q || k)) return 0;
    const size_t heads = q ? model->heads : model->kv_heads;
    if (tensor->shape[0] != heads * model->head_size || model->head_size % 2)
        gguf_refuse(gguf, "tensor %s has %zu rows, not those of %zu heads of an even size",
                    tensor->name, tensor->shape[0], heads);
    return heads;
}

static void add_tensor(GgufFile *gguf, GgufModel *model, Weights *weights, const GgufTensor *from) {
    WeightTensor tensor = place(gguf, from);
    if (gguf->error) return;
    if (gguf_is(from->name, "rope_freqs.weight") && model->architecture->pairs) {
        model->rope_factor = gguf_rope_factor(gguf, model, &tensor);
        return;
    }
    tensor.name = rename_tensor(model, from->name);
    if (!tensor.name)
        gguf_refuse(gguf, "tensor %.*s is not one that architecture %s with %zu blocks has",
                    (int)from->name.length, from->name.at, model->architecture->name,
                    model->blocks);
    else if (weights_find(weights, tensor.name))
        gguf_refuse(gguf, "tensor %.*s is there twice", (int)from->name.length, from->name.at);
    else
        tensor.pairs = pairs_of(gguf, model, &tensor);
    if (gguf->error)
        mem_free(tensor.name);
    else
        arrput(weights->tensors, tensor);
}

static void add_tensors(GgufFile *gguf, GgufModel *model, Weights *weights) {
    model->rope_factor = 1;
    for (size_t i = 0; i < arrlenu(gguf->tensors) && !gguf->error; i++)
        add_tensor(gguf, model, weights, &gguf->tensors[i]);
    if (gguf->error) return;
    const WeightTensor *table = weights_find(weights, "model.embed_tokens.weight");
    if (!table) gguf_refuse(gguf, "it has no tensor token_embd.weight");
    model->vocab = table ? table->shape[0] : 0;
    model->tied = !weights_find(weights, "lm_head.weight");
    for (size_t i = 0; i < arrlenu(weights->tensors); i++) {
        model->attention_bias |= name_ends_with(weights->tensors[i].name, ".q_proj.bias");
        model->mlp_bias |= name_ends_with(weights->tensors[i].name, ".up_proj.bias");
    }
}

char *gguf_open(const char *path, Weights *weights, char **config_json, char **tokenizer_json,
                char **tokenizer_error) {
    const unsigned char *bytes;
    size_t size;
    GgufFile gguf;
    GgufModel model = {0};
    *weights = (Weights){0};
    *config_json = *tokenizer_json = *tokenizer_error = NULL;
    char *error = weights_map(weights, path, &bytes, &size);
    if (error) return error;
    gguf_file_read(&gguf, path, bytes, size);
    if (!gguf.error && gguf_model(&gguf, &model)) add_tensors(&gguf, &model, weights);
    if (!gguf.error) *config_json = gguf_config(&gguf, &model);
    if (*config_json) *tokenizer_json = gguf_tokenizer(&gguf, model.vocab);
    if (*config_json)
        *tokenizer_error = gguf.error;
    else
        error = gguf.error;
    gguf.error = NULL;
    gguf_file_free(&gguf);
    if (error) weights_free(weights);
    return error;
}
