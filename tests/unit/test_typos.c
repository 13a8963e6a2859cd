/* test_typos.c - whether error messages suggest the right word for typos and for the key names of
 * other trainers.
 *
 * Typos are generated in every key and every choice of a key: one letter deleted, inserted, replaced
 * or swapped with the next, at positions drawn from a fixed seed. Only printed messages count. */
#include "run/config/config_keys.h"
#include "tests/lib/config_files.h"

typedef enum { DELETED, INSERTED, REPLACED, SWAPPED, KINDS } Kind;

static uint32_t state;

/* The next pseudo-random number below `count`. */
static size_t draw(size_t count) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % count;
}

/* Makes a typo in `text` at or after `start`; false if none of this kind is possible. */
static bool make_typo(const char *text, size_t start, Kind kind, char typo[64]) {
    size_t length = strlen(text), at = start + draw(length - start);
    char letter = (char)('a' + draw(26));
    switch (kind) {
    case DELETED:
        if (length - start < 2) return false;
        snprintf(typo, 64, "%.*s%s", (int)at, text, text + at + 1);
        break;
    case INSERTED:
        snprintf(typo, 64, "%.*s%c%s", (int)at, text, letter, text + at);
        break;
    case REPLACED:
        snprintf(typo, 64, "%.*s%c%s", (int)at, text, letter, text + at + 1);
        break;
    case SWAPPED:
        if (length - start < 2) return false;
        if (at + 1 == length) at--;
        snprintf(typo, 64, "%.*s%c%c%s", (int)at, text, text[at + 1], text[at], text + at + 2);
        break;
    case KINDS:
        break;
    }
    return strcmp(text, typo) != 0;
}

static int right, total;

/* Loads an invalid config, and counts whether its message suggests `meant`. */
static void count(const char *json, const char *meant) {
    Config config;
    char wanted[128];
    if (load_text(&config, json, NO_SETS)) {
        CHECK(false, "%s was accepted", json);
        config_free(&config);
    }
    snprintf(wanted, sizeof wanted, "; did you mean \"%s\"?", meant);
    bool hit = strstr(printed, wanted) != NULL;
    if (!hit && getenv("VERBOSE")) printf("    not \"%s\": %s", meant, printed);
    right += hit;
    total++;
}

static void test_keys(void) {
    right = total = 0;
    state = 1;
    for (size_t k = 0; key_at(k); k++) {
        const char *path = key_at(k)->path, *dot = strchr(path, '.');
        for (Kind kind = DELETED; kind < KINDS; kind++) {
            char typo[64], json[128];
            if (!make_typo(path, dot ? (size_t)(dot - path) + 1 : 0, kind, typo)) continue;
            if (key_find(typo)) continue;
            nest(json, sizeof json, typo, "0");
            count(json, path);
        }
    }
    CHECK(total >= 200, "only %d typos", total);
    CHECK(right >= 0.95 * total, "%d of %d", right, total);
    printf("note: %d of %d typos of keys suggest the right key (%.1f %%)\n", right, total,
           100.0 * right / total);
}

/* Whether `word` is a spelling of a choice and not a typo: "hybri_dstar" has the letters of
 * "hybrid_star". */
static bool is_choice(const Key *key, const char *word) {
    return key_choice(key, word) >= 0;
}

static void test_values(void) {
    right = total = 0;
    state = 1;
    for (size_t k = 0; key_at(k); k++) {
        const Key *key = key_at(k);
        for (int i = 0; key->choices && key->choices(i); i++) {
            for (Kind kind = DELETED; kind < KINDS; kind++) {
                const char *word = key->choices(i), *list = key->type == TYPE_SLOTS ? "[]" : "";
                char typo[64], json[128], value[80];
                if (!make_typo(word, 0, kind, typo) || is_choice(key, typo)) continue;
                snprintf(value, sizeof value, "%.1s\"%s\"%s", list, typo, *list ? list + 1 : "");
                nest(json, sizeof json, key->path, value);
                count(json, word);
            }
        }
    }
    CHECK(total >= 200, "only %d typos", total);
    CHECK(right >= 0.95 * total, "%d of %d", right, total);
    printf("note: %d of %d typos of values suggest the right value (%.1f %%)\n", right, total,
           100.0 * right / total);
}

/* The names of nanoGPT, llm.c, Hugging Face and other trainers for our keys. */
static const char *const names[][2] = {
    {"learning_rate", "optim.lr"},
    {"max_lr", "optim.lr"},
    {"block_size", "model.context"},
    {"seq_len", "model.context"},
    {"max_position_embeddings", "model.context"},
    {"sequence_length", "model.context"},
    {"n_embd", "model.d_model"},
    {"hidden_size", "model.d_model"},
    {"embed_dim", "model.d_model"},
    {"n_layers", "model.n_layer"},
    {"num_hidden_layers", "model.n_layer"},
    {"n_heads", "model.n_head"},
    {"num_attention_heads", "model.n_head"},
    {"num_key_value_heads", "model.n_kv_head"},
    {"n_query_groups", "model.n_kv_head"},
    {"intermediate_size", "model.d_ff"},
    {"hidden_act", "model.mlp"},
    {"activation_function", "model.mlp"},
    {"rms_norm_eps", "model.norm_eps"},
    {"layer_norm_epsilon", "model.norm_eps"},
    {"initializer_range", "model.init_std"},
    {"tie_word_embeddings", "model.tie_embeddings"},
    {"attention_bias", "model.bias"},
    {"resid_pdrop", "model.dropout"},
    {"hidden_dropout_prob", "model.dropout"},
    {"norm_type", "model.norm"},
    {"normalization", "model.norm"},
    {"max_iters", "train.steps"},
    {"save_steps", "train.checkpoint_every"},
    {"gradient_checkpointing", "train.recompute"},
    {"warmup_ratio", "optim.warmup_steps"},
    {"max_steps", "train.steps"},
    {"train_steps", "train.steps"},
    {"batch_size", "train.batch"},
    {"micro_batch_size", "train.batch"},
    {"per_device_train_batch_size", "train.batch"},
    {"gradient_accumulation_steps", "train.accum"},
    {"eval_interval", "train.eval_every"},
    {"eval_steps", "train.eval_every"},
    {"eval_iters", "train.eval_rows"},
    {"warmup_iters", "optim.warmup_steps"},
    {"num_warmup_steps", "optim.warmup_steps"},
    {"lr_scheduler_type", "optim.schedule"},
    {"lr_decay_style", "optim.schedule"},
    {"min_lr", "optim.min_lr_ratio"},
    {"adam_beta1", "optim.beta1"},
    {"adam_epsilon", "optim.eps"},
    {"wd", "optim.weight_decay"},
    {"grad_clip", "optim.clip"},
    {"max_grad_norm", "optim.clip"},
    {"clip_grad_norm", "optim.clip"},
    {"dataset", "data.train"},
    {"train_file", "data.train"},
    {"train_data", "data.train"},
    {"validation_file", "data.val"},
    {"val_data", "data.val"},
    {"out_dir", "log.dir"},
    {"output_dir", "log.dir"},
    {"log_interval", "log.every"},
    {"logging_steps", "log.every"},
    {"run_name", "name"},
};

/* At the top level, and in the sections where they are likely. */
static void test_other_tools(void) {
    static const char *const sections[] = {"", "model.", "train.", "optim."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        right = total = 0;
        for (size_t s = 0; s < sizeof sections / sizeof *sections; s++) {
            char path[128], json[192];
            snprintf(path, sizeof path, "%s%s", sections[s], names[i][0]);
            if (key_find(path)) continue;
            nest(json, sizeof json, path, "0");
            count(json, names[i][1]);
        }
        CHECK(right == total, "%s suggests %s in %d places of %d", names[i][0], names[i][1], right,
              total);
    }
}

static const Test tests[] = {
    {"typos: keys", test_keys},
    {"typos: values", test_values},
    {"typos: key names of other trainers", test_other_tools},
};
TEST_MAIN(tests)
