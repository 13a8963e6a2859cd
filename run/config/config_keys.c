/* config_keys.c - the table of all config keys, and what follows from it without a value.
 *
 * One idea: a new option is a struct field and one row here. Parsing, --set, config.json, --list
 * keys and every message follow from the row. Rows have the order of the resolved config.json, so
 * the keys of a section are adjacent. All data is constant.
 * Read next: config_value.c, which reads and writes values by their rows. */
#include "run/config/config_keys.h"

#include "data/tokens.h"
#include "model/mlp.h"
#include "model/pattern.h"
#include "model/removal.h"
#include "model/wiring.h"
#include "norm/norm.h"
#include "run/config/synonyms.h"

#include <math.h>
#include <string.h>

/* A field's C type decides the key's type, so that a row cannot contradict its struct. */
#define KEY(field, default_text, help_text) KEY_AT(#field, field, default_text, help_text)
/* A key whose path differs from its field: norm_removal is a section, but a part of ModelOptions. */
#define KEY_AT(key_path, field, default_text, help_text)                                           \
    .path = key_path, .default_json = default_text, .help = help_text,                                   \
    .offset = offsetof(Config, field),                                                             \
    .type = _Generic(((Config *)0)->field,                                                         \
        size_t: TYPE_SIZE,                                                                         \
        double: TYPE_FLOAT,                                                                        \
        bool: TYPE_BOOL,                                                                           \
        const char *: TYPE_STRING,                                                                 \
        int: TYPE_ENUM,                                                                            \
        unsigned: TYPE_SLOTS,                                                                      \
        const WireEntry *: TYPE_WIRE)

#define STEPS_MAX 1e9
#define PATH_LENGTH_MAX 4095

static const Key keys[] = {
    {KEY(name, "\"run\"",
         "directory of the run below log.dir; default: the name of the config file without .json"),
     .min = 1, .max = 200, .aside = true},

    {KEY(model.topology, "\"peri\"", "placement of the norms in each block"),
     .choices = topology_name, .synonyms = topology_synonyms},
    {KEY(model.norm, "\"rmsnorm\"", "type of all norms"), .choices = norm_name,
     .synonyms = norm_synonyms},
    {KEY(model.norm_eps, "0",
         "epsilon added inside the square root; 0 = 1e-5 for layernorm, 1e-6 for rmsnorm and "
         "for all out slots"),
     .max = 1, .open_max = true},
    {KEY(model.n_layer, "6", "number of blocks"), .min = 1, .max = 1024},
    {KEY(model.n_head, "6", "number of attention heads; must divide model.d_model"), .min = 1,
     .max = 1024},
    {KEY(model.n_kv_head, "0",
         "number of key and value heads (grouped-query attention); 0 = model.n_head"),
     .max = 1024},
    {KEY(model.head_dim, "0", "width of an attention head; 0 = model.d_model / model.n_head"),
     .max = 65536},
    {KEY(model.d_model, "384", "width of the residual stream"), .min = 1, .max = 65536},
    {KEY(model.d_ff, "0",
         "hidden width of the MLP; 0 = 4 * d_model, or 8/3 * d_model rounded up to a multiple of "
         "64 if gated"),
     .max = 1048576},
    {KEY(model.context, "256", "context length: tokens per sequence"), .min = 1, .max = 1048576},
    {KEY(model.mlp, "\"gelu\"",
         "activation of the MLP; swiglu and geglu are gated, gelu_erf is the exact gelu"),
     .choices = mlp_name, .synonyms = mlp_synonyms},
    {KEY(model.position, "\"learned\"", "position encoding"), .choices = position_name,
     .synonyms = position_synonyms},
    {KEY(model.rope_theta, "10000", "base of RoPE's frequencies"), .min = 1, .max = INFINITY},
    {KEY(model.rope_fraction, "1", "fraction of the features of a head that RoPE rotates"),
     .max = 1, .open_min = true},
    {KEY(model.rope_factor, "1",
         "what RoPE's low frequencies are divided by, as in Llama 3.1; 1 = as they are"),
     .min = 1, .max = INFINITY},
    {KEY(model.rope_low_freq, "1",
         "frequencies of fewer waves than this in model.rope_original tokens are divided by all of "
         "model.rope_factor"),
     .max = INFINITY},
    {KEY(model.rope_high_freq, "4",
         "frequencies of more waves than this in model.rope_original tokens stay"),
     .max = INFINITY},
    {KEY(model.rope_original, "8192", "context length before it was extended, for rope_factor"),
     .min = 1, .max = INFINITY},
    {KEY(model.rope_layers, "\"\"",
         "RoPE of each block, repeated over the blocks, e.g. \"local*5 rope\": rope, local = with "
         "model.rope_local_theta and without rope_factor, none = not rotated; empty = rope in all"),
     .max = 65535, .choices = rope_kind_name},
    {KEY(model.rope_local_theta, "10000", "base of RoPE's frequencies in local blocks"), .min = 1,
     .max = INFINITY},
    {KEY(model.window, "\"\"",
         "sliding window of each block, repeated over the blocks, e.g. \"512*5 all\": number of "
         "tokens that a token attends to, itself included; empty = all in all blocks"),
     .max = 65535, .choices = window_word},
    {KEY(model.softcap_attn, "0",
         "c of scores = c tanh(scores / c), which keeps attention logits between -c and c; 0 = "
         "off"),
     .max = INFINITY},
    {KEY(model.qk_norm, "\"auto\"", "normalize queries and keys; auto = as the topology defines"),
     .choices = switch_name},
    {KEY(model.embed_norm, "\"auto\"", "norm after the embedding; auto = as the topology defines"),
     .choices = switch_name},
    {KEY(model.final_norm, "\"auto\"", "norm before the head; auto = as the topology defines"),
     .choices = switch_name},
    {KEY(model.bias, "true", "biases in the linear layers and betas in the norms")},
    {KEY(model.bias_at, "\"\"",
         "where model.bias has biases, e.g. \"norm qkv\": norm = betas of the norms, qkv, proj, "
         "mlp; "
         "empty = everywhere"),
     .max = 200, .choices = bias_site_name},
    {KEY(model.head_bias, "false", "bias of the head, added to the logits")},
    {KEY(model.softcap_logits, "0",
         "c of logits = c tanh(logits / c), which keeps them between -c and c; 0 = off"),
     .max = INFINITY},
    {KEY(model.tie_embeddings, "true", "tie the weights of the head to the token embedding")},
    {KEY(model.dropout, "0.0", "dropout probability during training"), .max = 1, .open_max = true},
    {KEY(model.init, "\"auto\"", "initialization scheme; auto = as the topology defines"),
     .choices = init_name},
    {KEY(model.init_std, "0.02", "standard deviation of the initial weight matrices"),
     .open_min = true, .max = 100},
    {KEY(model.embed_std, "0",
         "standard deviation of the initial token and position embeddings; 0 = model.init_std"),
     .max = 100},
    {KEY(model.embed_scale, "1",
         "factor on the sum of the embeddings, before their norm; 0 = sqrt(model.d_model)"),
     .max = 65536},
    {KEY(model.gamma_out_start, "0",
         "initial gain of the norms in out slots; 0 = as the topology defines, 1 in most"),
     .max = 65536},
    {KEY(model.scaling, "\"none\"",
         "factors of branches, initial values and updates that keep optim.lr of a smaller base "
         "model"),
     .choices = scaling_name},
    {KEY(model.base_d_model, "0", "width of the base model of model.scaling; 0 = model.d_model"),
     .max = 65536},
    {KEY(model.base_n_layer, "0",
         "number of blocks of the base model of model.scaling; 0 = model.n_layer"),
     .max = 1024},
    {KEY(model.layers, "\"\"",
         "topology of each block, e.g. \"post*3 pre*\"; empty = model.topology in all blocks"),
     .max = 65535, .choices = topology_name, .synonyms = topology_synonyms},
    {KEY(model.wire, "{}",
         "overrides for single slots and coefficients in all blocks, e.g. {\"mlp.out\": \"none\", "
         "\"attn.branch\": 0.5, \"mlp.x0\": {\"learn\": \"scalar\", \"start\": 0}}; in one block, "
         "which "
         "counts from 0: {\"blocks.0.attn.in\": \"none\"}")},

    {KEY(gamma_warmup.steps, "0",
         "steps over which the gammas of the blocks are scaled up; 0 = off"),
     .max = STEPS_MAX},
    {KEY(gamma_warmup.from, "0.1", "factor on gamma at the first step"), .max = INFINITY},
    {KEY(gamma_warmup.to, "1.0", "factor on gamma after gamma_warmup.steps steps"),
     .max = INFINITY},
    {KEY(gamma_warmup.slots, "[\"in\", \"out\", \"post\"]", "norm slots whose gammas are scaled"),
     .choices = slot_name},

    {KEY(branch_warmup.steps, "0",
         "steps over which the branches of block 1 are scaled up to 1; 0 = off"),
     .max = STEPS_MAX},
    {KEY(branch_warmup.from, "0.0", "factor on the branches at the first step"), .max = 1},
    {KEY(branch_warmup.order, "\"deeper\"",
         "deeper: block l takes l * branch_warmup.steps steps; equal: all blocks take "
         "branch_warmup.steps"),
     .choices = branch_order_name},

    {KEY_AT("norm_removal.start", model.removal.start, "0",
            "steps before the statistics of the first norms are replaced by constants; 0 = off"),
     .max = STEPS_MAX},
    {KEY_AT("norm_removal.interval", model.removal.interval, "1",
            "steps between one group of norms and the next; 0 = all at once"),
     .max = STEPS_MAX},
    {KEY_AT(
         "norm_removal.order", model.removal.order, "\"mlp attn qkv emb final\"",
         "order in which norms are removed, block by block; a place that is not listed keeps its "
         "norms"),
     .max = 200, .choices = norm_place_name},
    {KEY_AT("norm_removal.average", model.removal.average, "0.9",
            "EMA decay of a norm's standard deviation or RMS, which becomes its constant"),
     .max = 1, .open_max = true},
    {KEY_AT("norm_removal.first_apart", model.removal.first_apart, "true",
            "separate constant for the first token of a sequence")},

    {KEY(optim.kind, "\"adamw\"",
         "optimizer: adamw, or muon for the weights of linear layers in the blocks and adamw for "
         "all other tensors"),
     .choices = optimizer_name},
    {KEY(optim.lr, "1e-3", "peak learning rate"), .max = INFINITY},
    {KEY(optim.min_lr_ratio, "0.1", "final learning rate as a fraction of optim.lr"), .max = 1},
    {KEY(optim.schedule, "\"cosine\"", "learning rate schedule after the warm-up"),
     .choices = schedule_name, .synonyms = schedule_synonyms},
    {KEY(optim.warmup_steps, "100", "steps of linear learning rate warm-up"), .max = STEPS_MAX},
    {KEY(optim.decay_fraction, "0.2", "fraction of the run over which the wsd schedule decays"),
     .max = 1},
    {KEY(optim.rmsnorm_lr_scale, "1",
         "factor on the learning rate if model.norm is an rmsnorm; 1 = off"),
     .open_min = true, .max = INFINITY},
    {KEY(optim.beta1, "0.9", "AdamW beta1: decay rate of the first moment"), .max = 1,
     .open_max = true},
    {KEY(optim.beta2, "0.99", "AdamW beta2: decay rate of the second moment"), .max = 1,
     .open_max = true},
    {KEY(optim.eps, "1e-8", "AdamW epsilon: added to the denominator"), .open_min = true,
     .max = INFINITY},
    {KEY(optim.weight_decay, "0.1", "AdamW decoupled weight decay of matrices and embeddings"),
     .max = INFINITY},
    {KEY(optim.decay_gamma_in, "false", "apply weight decay to the gammas of in and mid slots")},
    {KEY(optim.decay_gamma_out, "false", "apply weight decay to the gammas of out and post slots")},
    {KEY(optim.clip, "1.0", "clip the global gradient norm to this value; 0 = off"),
     .max = INFINITY},
    {KEY(optim.muon_lr, "0",
         "peak learning rate of Muon's matrices; 0 = 0.02, or optim.lr if optim.muon_scale is "
         "moonshot"),
     .max = INFINITY},
    {KEY(optim.muon_momentum, "0.95", "Muon momentum: EMA decay of the gradient (Nesterov)"),
     .max = 1, .open_max = true},
    {KEY(optim.muon_scale, "\"jordan\"",
         "factor on Muon's update: jordan = sqrt(max(1, out/in)), moonshot = 0.2 sqrt(max(out, "
         "in)) "
         "of a matrix (out, in)"),
     .choices = muon_scale_name},
    {KEY(optim.muon_decay, "0.1", "Muon decoupled weight decay of its matrices"), .max = INFINITY},

    {KEY(data.train, "\"builtin:stories\"",
         "training data: builtin:stories, builtin:random, a file, a folder or a glob pattern"),
     .min = 1, .max = PATH_LENGTH_MAX, .place = true},
    {KEY(data.val, "\"\"", "validation data, in the same form; empty = split off from data.train"),
     .max = PATH_LENGTH_MAX, .place = true},
    {KEY(data.val_fraction, "0.1", "fraction of data.train split off for validation; 0 = none"),
     .max = 1, .open_max = true},
    {KEY(data.format, "\"auto\"", "format of the data files; auto = from the file names"),
     .choices = data_format_name},
    {KEY(data.vocab, "\"bytes\"",
         "vocabulary of text data: bytes = all 256, chars = the characters that occur, or the path "
         "of a tokenizer.json"),
     .choices = data_vocab_name, .min = 1, .max = PATH_LENGTH_MAX},
    {KEY(data.vocab_size, "0", "vocabulary size; 0 = that of data.vocab; required for token files"),
     .max = 2147483647},
    {KEY(data.order, "\"random\"", "order in which sequences are drawn from the training data"),
     .choices = data_order_name},

    {KEY(train.steps, "2000",
         "number of steps (optimizer updates); 0 = write the initial weights and exit"),
     .max = STEPS_MAX, .may_grow = true},
    {KEY(train.batch, "12", "sequences per micro-batch"), .min = 1, .max = 65536},
    {KEY(train.accum, "1", "gradient accumulation: micro-batches per step"), .min = 1,
     .max = 65536},
    {KEY(train.seed, "1337", "random seed of initialization, data order, dropout and samples"),
     .max = 4294967295},
    {KEY(train.init_from, "\"\"",
         "run directory whose latest weights initialize this run; empty = random initialization"),
     .max = PATH_LENGTH_MAX},
    {KEY_AT("train.precision", model.precision, "\"float32\"",
            "operands of matrix multiplications: float32, or rounded to bfloat16; weights, sums "
            "and everything else stay float32"),
     .choices = precision_name, .synonyms = precision_synonyms},
    {KEY_AT("train.stream_precision", model.stream_precision, "\"float32\"",
            "precision to which the residual stream, its gradient and the outputs of the branches "
            "are rounded"),
     .choices = stream_precision_name, .synonyms = stream_precision_synonyms},
    {KEY(train.eval_every, "100", "steps between validations; 0 = never"), .max = STEPS_MAX,
     .aside = true},
    {KEY(train.eval_rows, "240", "sequences per validation"), .min = 1, .max = STEPS_MAX,
     .aside = true},
    {KEY(train.sample_every, "0", "steps between samples of generated text; 0 = only at the end"),
     .max = STEPS_MAX, .aside = true},
    {KEY(train.checkpoint_every, "500", "steps between checkpoints; 0 = only at the end"),
     .max = STEPS_MAX, .aside = true},
    {KEY(train.keep, "2", "number of checkpoints to keep"), .min = 1, .max = 1000, .aside = true},
    {KEY(train.keep_every, "0", "steps between checkpoints that are never removed; 0 = none"),
     .max = STEPS_MAX, .aside = true},
    {KEY(train.keep_best, "false",
         "write a checkpoint at each new lowest validation loss, and keep the last of these"),
     .aside = true},
    {KEY(train.threads, "0",
         "number of CPU threads; 0 = all cores, or fewer by a CPU quota or OMP_NUM_THREADS; "
         "results do not depend on it"),
     .max = 1024, .aside = true, .machine = true},
    {KEY(train.recompute, "false",
         "activation checkpointing: store only the outputs of blocks and recompute the rest in the "
         "backward pass; less memory, about a third more time, identical results"),
     .aside = true, .machine = true},

    {KEY(spike.detector, "\"mad\"",
         "statistics of the spike score: median and MAD, or mean and standard deviation"),
     .choices = detector_name},
    {KEY(spike.window, "128", "number of previous accepted steps a step is compared with"),
     .min = 2, .max = 100000},
    {KEY(spike.threshold, "6.0", "score above which a step counts as a spike"), .open_min = true,
     .max = INFINITY},
    {KEY(spike.min_history, "16", "accepted steps before detection starts; at most spike.window"),
     .min = 2, .max = 100000},
    {KEY(spike.action, "\"log\"", "action on a spike; every spike is also recorded in spikes.csv"),
     .choices = spike_action_name},

    {KEY(log.every, "1", "steps between records of log.csv"), .min = 1, .max = STEPS_MAX,
     .aside = true},
    {KEY(log.layers_every, "100",
         "steps between measurements for layers.csv and tensors.csv; 0 = never"),
     .max = STEPS_MAX, .aside = true},
    {KEY(log.max_logit, "false",
         "record the largest attention logit of each step in log.csv, and of each block in "
         "layers.csv"),
     .aside = true},
    {KEY(log.dir, "\"runs\"", "directory that contains the runs"), .min = 1, .max = PATH_LENGTH_MAX,
     .aside = true},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static const char *const sections[] = {"model",        "gamma_warmup", "branch_warmup",
                                       "norm_removal", "optim",        "data",
                                       "train",        "spike",        "log"};
enum { SECTIONS = sizeof(sections) / sizeof(sections[0]) };

static const char *last_word(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

const Key *key_at(size_t i) {
    return i < KEYS ? &keys[i] : NULL;
}

const Key *key_find(const char *path) {
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].path, path) == 0) return &keys[i];
    }
    return NULL;
}

bool key_is_section(const char *path) {
    for (size_t i = 0; i < SECTIONS; i++) {
        if (strcmp(sections[i], path) == 0) return true;
    }
    return false;
}

/* Lists the paths of all keys whose last word is `word` (NULL = all keys), followed by NULL.
 * Returns their number. */
static size_t paths_of_word(const char *word, const char *paths[KEYS + 1]) {
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (!word || strcmp(last_word(keys[i].path), word) == 0) paths[count++] = keys[i].path;
    }
    paths[count] = NULL;
    return count;
}

const char *config_key_of_word(const char *word) {
    const char *paths[KEYS + 1];
    size_t count = paths_of_word(word, paths);
    for (size_t i = 0; count > 1 && i < count; i++) {
        if (strncmp(paths[i], "train.", 6) == 0 || strncmp(paths[i], "data.", 5) == 0)
            return paths[i];
    }
    return count == 1 ? paths[0] : NULL;
}

/* Guesses in order of confidence: the right word in the wrong section, a name that another trainer
 * uses, a typo. */
const char *key_suggest(const char *path) {
    const char *word = last_word(path), *paths[KEYS + SECTIONS + 1];
    size_t count = paths_of_word(word, paths);
    const char *guess = name_nearest(path, paths);
    if (guess) return guess;
    for (size_t i = 0; key_synonyms[i].word; i++) {
        if (strcmp(key_synonyms[i].word, word) == 0) return key_synonyms[i].name;
    }
    if (count == 1) return paths[0];

    count = paths_of_word(NULL, paths);
    for (size_t i = 0; i < SECTIONS; i++) paths[count++] = sections[i];
    paths[count] = NULL;
    guess = name_nearest(path, paths);
    if (guess) return guess;

    const char *words[KEYS + 1];
    for (size_t i = 0; i < KEYS; i++) words[i] = last_word(keys[i].path);
    words[KEYS] = NULL;
    const char *near_word = name_nearest(word, words);
    for (size_t i = 0; near_word && i < KEYS; i++) {
        if (words[i] == near_word) return keys[i].path;
    }
    return NULL;
}

void key_range(const Key *key, char *text, size_t size) {
    if (!key->open_min && !key->open_max && isfinite(key->max)) {
        snprintf(text, size, "%.15g to %.15g", key->min, key->max);
        return;
    }
    int length = snprintf(text, size, "%s %.15g", key->open_min ? "above" : "at least", key->min);
    if (isfinite(key->max) && length > 0 && (size_t)length < size) {
        snprintf(text + length, size - (size_t)length, " and %s %.15g",
                 key->open_max ? "below" : "at most", key->max);
    }
}

int key_choice(const Key *key, const char *word) {
    return name_meant(key->choices, key->synonyms, word);
}

void key_choices(const Key *key, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; key->choices(i) && used < size; i++) {
        int length = snprintf(text + used, size - used, "%s%s", i ? ", " : "", key->choices(i));
        if (length > 0) used += (size_t)length;
    }
}

static const char *type_name(const Key *key) {
    switch (key->type) {
    case TYPE_SIZE:
        return "integer";
    case TYPE_FLOAT:
        return "number";
    case TYPE_BOOL:
        return "true or false";
    case TYPE_STRING:
        return "string";
    case TYPE_ENUM:
        return "one of";
    case TYPE_SLOTS:
        return "list of";
    case TYPE_WIRE:
        return "object";
    }
    return "";
}

void key_takes(const Key *key, char *text, size_t size) {
    char allowed[512] = "";
    if (key->choices && key->type != TYPE_STRING) key_choices(key, allowed, sizeof allowed);
    if (key->type == TYPE_SIZE || key->type == TYPE_FLOAT) {
        key_range(key, allowed, sizeof allowed);
    }
    snprintf(text, size, "%s%s%s", type_name(key), allowed[0] ? " " : "", allowed);
}

void config_list_keys(FILE *out) {
    for (size_t i = 0; i < KEYS; i++) {
        char takes[640];
        key_takes(&keys[i], takes, sizeof takes);
        fprintf(out, "%-24s %-22s %s (%s)\n", keys[i].path, keys[i].default_json, keys[i].help,
                takes);
    }
}
