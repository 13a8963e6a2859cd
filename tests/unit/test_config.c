/* test_config.c - reading a Config from files and --set, and writing it as text.
 *
 * One table has a value other than the default for every key. Files, --set, round trip, identity and
 * difference are all tested with it. */
#include "run/config/config_value.h"
#include "data/tokens.h"
#include "ops/ops.h"
#include "tests/lib/config_files.h"

#include <cJSON.h>
#include <glob.h>
#include <sys/stat.h>

/* --- values --- */

static void test_defaults(void) {
    Config c;
    must_load(&c, "{}", NO_SETS);
    CHECK(strcmp(c.name, "x") == 0, "%s", c.name);
    const ModelOptions *m = &c.model;
    CHECK(m->norm_eps == 0 && m->n_layer == 6 && m->n_head == 6 && m->n_kv_head == 0, "model");
    CHECK(m->d_model == 384 && m->d_ff == 0 && m->context == 256, "model");
    CHECK(m->position == POSITION_LEARNED && m->init == INIT_AUTO && m->init_std == 0.02, "model");
    CHECK(m->qk_norm == SWITCH_AUTO && m->embed_norm == SWITCH_AUTO, "switches");
    CHECK(m->final_norm == SWITCH_AUTO, "switches");
    CHECK(m->bias && m->tie_embeddings && m->dropout == 0, "model");
    CHECK(m->layers[0] == '\0' && m->n_wire == 0, "layers and wire");
    const GammaWarmup *w = &c.gamma_warmup;
    const unsigned around = 1u << SLOT_IN | 1u << SLOT_OUT | 1u << SLOT_POST; /* not mid */
    CHECK(w->steps == 0 && w->from == 0.1 && w->to == 1 && w->slots == around, "gamma_warmup");
    const BranchWarmup *b = &c.branch_warmup;
    CHECK(b->steps == 0 && b->from == 0 && b->order == BRANCH_DEEPER, "branch_warmup");
    const NormRemoval *n = &m->removal;
    CHECK(n->start == 0 && n->interval == 1 && n->average == 0.9 && n->first_apart, "norm_removal");
    CHECK(strcmp(n->order, "mlp attn qkv emb final") == 0, "norm_removal");
    const OptimOptions *o = &c.optim;
    CHECK(o->lr == 1e-3 && o->min_lr_ratio == 0.1 && o->schedule == SCHEDULE_COSINE, "optim");
    CHECK(o->warmup_steps == 100 && o->decay_fraction == 0.2, "optim");
    CHECK(o->rmsnorm_lr_scale == 1 && o->beta1 == 0.9 && o->beta2 == 0.99, "optim");
    CHECK(o->eps == 1e-8 && o->weight_decay == 0.1 && o->clip == 1, "optim");
    CHECK(!o->decay_gamma_in && !o->decay_gamma_out, "optim");
    CHECK(o->kind == OPTIMIZER_ADAMW && o->muon_lr == 0 && o->muon_momentum == 0.95, "muon");
    CHECK(o->muon_scale == MUON_JORDAN && o->muon_decay == 0.1, "muon");
    const DataOptions *d = &c.data;
    CHECK(strcmp(d->train, "builtin:stories") == 0 && d->val[0] == '\0', "data");
    CHECK(d->val_fraction == 0.1 && strcmp(d->vocab, "bytes") == 0 && d->vocab_size == 0, "data");
    CHECK(d->format == FORMAT_AUTO && d->order == ORDER_RANDOM, "data");
    const TrainOptions *t = &c.train;
    CHECK(t->steps == 2000 && t->batch == 12 && t->accum == 1 && t->seed == 1337, "train");
    CHECK(t->eval_every == 100 && t->eval_rows == 240 && t->threads == 0, "train");
    CHECK(m->precision == PRECISION_FLOAT32 && m->stream_precision == PRECISION_FLOAT32, "train");
    const SpikeOptions *s = &c.spike;
    CHECK(s->detector == DETECTOR_MAD && s->window == 128 && s->threshold == 6, "spike");
    CHECK(s->min_history == 16 && s->action == ACTION_LOG, "spike");
    CHECK(c.log.every == 1 && c.log.layers_every == 100 && strcmp(c.log.dir, "runs") == 0, "log");
    char *json = config_json(&c, CONFIG_FULL);
    CHECK(strstr(json, "\"topology\": \"peri\"") && strstr(json, "\"norm\": \"rmsnorm\""), "words");
    CHECK(strstr(json, "\"mlp\": \"gelu\""), "words");
    mem_free(json);
    config_free(&c);
}

/* A value other than the default for every key, and how config.json prints it. */
static const struct {
    const char *path, *json, *printed;
    const char *with; /* what else must be set; NULL = nothing */
} settings[] = {
    {"name", "\"a \\\"b\\\" \\\\ \\u00e9\"", "\"a \\\"b\\\" \\\\ \u00e9\""},
    {"model.topology", "\"pre\"", "\"pre\""},
    {"model.norm", "\"layernorm\"", "\"layernorm\""},
    {"model.norm_eps", "1e-7", "1e-07"},
    {"model.n_layer", "12.0", "12"},
    {"model.n_head", "12", "12"},
    {"model.n_kv_head", "2", "2"},
    {"model.head_dim", "80", "80"},
    {"model.d_model", "768", "768"},
    {"model.d_ff", "1000", "1000"},
    {"model.context", "64", "64"},
    {"model.mlp", "\"swiglu\"", "\"swiglu\""},
    {"model.position", "\"rope\"", "\"rope\""},
    {"model.rope_theta", "5e5", "500000"},
    {"model.rope_fraction", "0.5", "0.5"},
    {"model.rope_factor", "8", "8"},
    {"model.rope_low_freq", "2", "2"},
    {"model.rope_high_freq", "5", "5"},
    {"model.rope_original", "4096", "4096"},
    {"model.rope_layers", "\"RoPE*3 none\"", "\"rope*3 none\"", "model.position=rope"},
    {"model.rope_local_theta", "2e4", "20000"},
    {"model.window", "\"512*5 All\"", "\"512*5 all\""},
    {"model.softcap_attn", "50", "50"},
    {"model.qk_norm", "\"on\"", "\"on\""},
    {"model.embed_norm", "\"off\"", "\"off\""},
    {"model.final_norm", "\"off\"", "\"off\""},
    {"model.bias", "false", "false"},
    {"model.bias_at", "\"qkv  norm\"", "\"qkv  norm\""},
    {"model.head_bias", "true", "true"},
    {"model.softcap_logits", "30", "30"},
    {"model.tie_embeddings", "false", "false"},
    {"model.dropout", "0.30000000000000004", "0.30000000000000004"},
    {"model.init", "\"plain\"", "\"plain\""},
    {"model.init_std", "1", "1"},
    {"model.embed_std", "0.8", "0.8"},
    {"model.embed_scale", "0", "0"},
    {"model.gamma_out_start", "0.125", "0.125"},
    {"model.scaling", "\"completep\"", "\"completep\""},
    {"model.base_d_model", "256", "256"},
    {"model.base_n_layer", "2", "2"},
    {"model.layers", "\"post*3 pre*\"", "\"post*3 pre*\""},
    {"model.wire", "{\"mlp.out\": \"none\", \"attn.branch\": 0.5}",
     "{\"attn.branch\": 0.5, \"mlp.out\": \"none\"}"},
    {"gamma_warmup.steps", "300", "300"},
    {"gamma_warmup.from", "0", "0"},
    {"gamma_warmup.to", "2", "2"},
    {"gamma_warmup.slots", "[\"post\", \"in\"]", "[\"in\", \"post\"]"},
    {"branch_warmup.steps", "300", "300"},
    {"branch_warmup.from", "0.5", "0.5"},
    {"branch_warmup.order", "\"equal\"", "\"equal\""},
    {"norm_removal.start", "40", "40"},
    {"norm_removal.interval", "0", "0"},
    {"norm_removal.order", "\"final mlp\"", "\"final mlp\""},
    {"norm_removal.average", "0", "0"},
    {"norm_removal.first_apart", "false", "false"},
    {"optim.kind", "\"muon\"", "\"muon\""},
    {"optim.lr", "3e-4", "0.0003"},
    {"optim.min_lr_ratio", "0", "0"},
    {"optim.schedule", "\"wsd\"", "\"wsd\""},
    {"optim.warmup_steps", "0", "0"},
    {"optim.decay_fraction", "1", "1"},
    {"optim.rmsnorm_lr_scale", "0.950", "0.95"},
    {"optim.beta1", "0", "0"},
    {"optim.beta2", "0.999", "0.999"},
    {"optim.eps", "1e-300", "1e-300"},
    {"optim.weight_decay", "0", "0"},
    {"optim.decay_gamma_in", "true", "true"},
    {"optim.decay_gamma_out", "true", "true"},
    {"optim.clip", "0", "0"},
    {"optim.muon_lr", "0.05", "0.05"},
    {"optim.muon_momentum", "0", "0"},
    {"optim.muon_scale", "\"moonshot\"", "\"moonshot\""},
    {"optim.muon_decay", "0", "0"},
    {"data.train", "\"path/file.txt\"", "\"path/file.txt\""},
    {"data.val", "\"http://x/*.txt\"", "\"http://x/*.txt\""},
    {"data.val_fraction", "0", "0"},
    {"data.format", "\"raw_u16\"", "\"raw_u16\""},
    {"data.vocab", "\"chars\"", "\"chars\""},
    {"data.vocab_size", "50257", "50257"},
    {"data.order", "\"sequential\"", "\"sequential\""},
    {"train.steps", "0", "0"},
    {"train.batch", "1", "1"},
    {"train.accum", "8", "8"},
    {"train.seed", "4294967295", "4294967295"},
    {"train.init_from", "\"runs/other\"", "\"runs/other\""},
    {"train.precision", "\"bfloat16\"", "\"bfloat16\""},
    {"train.stream_precision", "\"float16\"", "\"float16\""},
    {"train.eval_every", "0", "0"},
    {"train.eval_rows", "7", "7"},
    {"train.sample_every", "50", "50"},
    {"train.checkpoint_every", "0", "0"},
    {"train.keep", "1000", "1000"},
    {"train.keep_every", "50", "50"},
    {"train.keep_best", "true", "true"},
    {"train.threads", "2", "2"},
    {"train.recompute", "true", "true"},
    {"spike.detector", "\"sigma\"", "\"sigma\""},
    {"spike.window", "100000", "100000"},
    {"spike.threshold", "0.5", "0.5"},
    {"spike.min_history", "128", "128"},
    {"spike.action", "\"stop\"", "\"stop\""},
    {"log.every", "10", "10"},
    {"log.layers_every", "0", "0"},
    {"log.max_logit", "true", "true"},
    {"log.dir", "\"else\\u001f\\twhere\"", "\"else\\u001f\\u0009where\""},
};
enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

/* The text of a config reads back as the same config. */
static void check_round_trip(const Config *config) {
    Config again;
    char *json = config_json(config, CONFIG_FULL);
    CHECK(parse(&again, json), "%s", printed);
    const char *difference = config_difference(config, &again, DIFFERENCE_ANY);
    CHECK(!difference, "%s differs after a round trip", difference);
    char *json_again = config_json(&again, CONFIG_FULL);
    CHECK(strcmp(json, json_again) == 0, "%s\n%s", json, json_again);
    mem_free(json);
    mem_free(json_again);
    config_free(&again);
}

static void test_every_key(void) {
    Config standard, by_file, by_set;
    size_t keys = 0;
    while (key_at(keys)) keys++;
    CHECK(keys == SETTINGS, "%zu keys, %d settings", keys, (int)SETTINGS);
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *path = settings[i].path, *with = settings[i].with;
        char nested[256], set[256];
        CHECK(strcmp(key_at(i)->path, path) == 0, "%s", path);
        nest(nested, sizeof nested, path, settings[i].json);
        snprintf(set, sizeof set, "%s=%s", path, settings[i].json);
        must_load(&standard, "{}", SETS(with));
        must_load(&by_file, nested, SETS(with));
        must_load(&by_set, "{}", SETS(set, with));
        check_value(&by_file, path, settings[i].printed);
        const char *difference = config_difference(&by_file, &by_set, DIFFERENCE_ANY);
        CHECK(!difference, "%s: file and --set differ in %s", path, difference);
        difference = config_difference(&standard, &by_file, DIFFERENCE_ANY);
        CHECK(difference && strcmp(difference, path) == 0, "%s: %s differs", path, difference);
        check_round_trip(&by_file);
        config_free(&by_file);
        config_free(&by_set);
        config_free(&standard);
    }
}

static void test_all_keys_at_once(void) {
    Config c;
    /* Muon has no scaling. */
    const char *sets[SETTINGS + 3] = {[SETTINGS] = "train.steps=1000", "model.scaling=none"};
    char texts[SETTINGS][128];
    for (size_t i = 0; i < SETTINGS; i++) {
        snprintf(texts[i], sizeof texts[i], "%s=%s", settings[i].path, settings[i].json);
        sets[i] = texts[i];
    }
    must_load(&c, "{}", sets);
    CHECK(c.train.steps == 1000 && c.model.d_model == 768 && c.spike.action == ACTION_STOP, "sets");
    const unsigned slots = 1u << SLOT_IN | 1u << SLOT_POST;
    CHECK(c.model.n_wire == 2 && c.gamma_warmup.slots == slots && c.optim.schedule == 1, "sets");
    CHECK(strcmp(c.model.wire[0].key, "attn.branch") == 0 && !c.model.wire[0].text, "wire");
    CHECK(c.model.wire[0].number == 0.5 && strcmp(c.model.wire[1].text, "none") == 0, "wire");
    check_round_trip(&c);
    config_free(&c);
}

static void test_bare_words(void) {
    Config c;
    must_load(&c, "{}",
              SETS("model.topology=pre", "data.train=path/file.txt", "data.val=",
                   "model.wire.mlp.out=none", "model.wire.attn.branch=2", "name=seed 1=a"));
    check_value(&c, "model.topology", "\"pre\"");
    check_value(&c, "data.train", "\"path/file.txt\"");
    check_value(&c, "data.val", "\"\"");
    check_value(&c, "model.wire", "{\"attn.branch\": 2, \"mlp.out\": \"none\"}");
    check_value(&c, "name", "\"seed 1=a\"");
    config_free(&c);
}

/* --- files --- */

static void test_comments(void) {
    Config c;
    must_load(&c,
              "// one \"two\"\n{\"$schema\": 3, // {\n \"data\": {\"train\": \"a//b\\\"//c\"}"
              "//\n, \"log\": {\"dir\": \"\\\\\"} // \u00e9 \n} //",
              NO_SETS);
    CHECK(strcmp(c.data.train, "a//b\"//c") == 0, "%s", c.data.train);
    CHECK(strcmp(c.log.dir, "\\") == 0, "%s", c.log.dir);
    config_free(&c);
    check_error("{\n  // \u00e9 \"\n  \"a\": 1,, }", NULL, "x.json:3:10: error: not JSON");
}

static void test_merging(void) {
    Config c;
    must_load(&c, "{\"gamma_warmup\": true}", NO_SETS);
    CHECK(c.gamma_warmup.steps == 5000 && c.gamma_warmup.from == 0.1, "true");
    CHECK(strstr(printed, "train: warning: gamma_warmup.steps = 5000 is longer"), "%s", printed);
    config_free(&c);

    const char *steps = "train.steps=9000";
    must_load(&c, "{\"gamma_warmup\": {\"from\": 0.5, \"steps\": 7}}",
              SETS("gamma_warmup=true", "gamma_warmup.slots=[\"out\"]", steps));
    CHECK(c.gamma_warmup.steps == 5000 && c.gamma_warmup.from == 0.1, "true");
    CHECK(c.gamma_warmup.slots == 1u << SLOT_OUT && !printed[0], "%s", printed);
    config_free(&c);

    must_load(&c, "{}", SETS("gamma_warmup=true", "gamma_warmup.from=0.2", "gamma_warmup=false"));
    CHECK(c.gamma_warmup.steps == 0 && c.gamma_warmup.from == 0.2 && !printed[0], "false");
    config_free(&c);

    must_load(&c, "{\"model\": {\"wire\": {\"attn.skip\": 2, \"mlp.skip\": 3}}}",
              SETS("model={\"n_layer\": 3}", "model.wire.mlp.skip=4"));
    CHECK(c.model.n_layer == 3 && c.model.n_head == 6, "an object merges");
    check_value(&c, "model.wire", "{\"attn.skip\": 2, \"mlp.skip\": 4}");
    config_free(&c);
    must_load(&c, "{\"model\": {\"wire\": {\"attn.skip\": 2}}}",
              SETS("model.wire={\"mlp.skip\": 4}"));
    check_value(&c, "model.wire", "{\"mlp.skip\": 4}");
    config_free(&c);
    must_load(&c,
              "{\"model\": {\"wire\": {\"attn.x0\": {\"learn\": \"vector\"}, \"mlp.skip\": 2}}}",
              SETS("model.wire.mlp.skip={\"learn\": \"scalar\"}",
                   "model.wire.mlp.leave={\"learn\": \"shrink\"}"));
    check_value(&c, "model.wire",
                "{\"attn.x0\": {\"learn\": \"vector\", \"start\": 0, \"lr_scale\": 1},"
                " \"mlp.leave\": {\"learn\": \"shrink\", \"start\": 0, \"lr_scale\": 1},"
                " \"mlp.skip\": {\"learn\": \"scalar\", \"start\": 1, \"lr_scale\": 1}}");
    config_free(&c);
    must_load(&c, "{}", SETS("gamma_warmup.steps=9", "gamma_warmup.slots=[]"));
    CHECK(strstr(printed, "train: warning: gamma_warmup.slots is empty"), "%s", printed);
    config_free(&c);
    must_load(&c, "{\"model\": {\"norm\": \"none\"}}", NO_SETS);
    CHECK(strstr(printed, "train: warning: model.norm is none"), "%s", printed);
    config_free(&c);
}

/* --- text --- */

static void test_identity(void) {
    Config a, b;
    must_load(&a, "{}", NO_SETS);
    must_load(&b, "{}",
              SETS("name=other", "train.threads=1", "train.eval_every=7", "train.eval_rows=8",
                   "train.checkpoint_every=3", "train.keep=5", "train.keep_best=true",
                   "train.keep_every=2", "log.every=9", "log.layers_every=9", "log.dir=there"));
    char *json_a = config_json(&a, CONFIG_IDENTITY), *json_b = config_json(&b, CONFIG_IDENTITY);
    CHECK(strcmp(json_a, json_b) == 0, "%s\n%s", json_a, json_b);
    for (size_t i = 0; i < SETTINGS; i++) {
        Config c;
        char set[256];
        snprintf(set, sizeof set, "%s=%s", settings[i].path, settings[i].json);
        must_load(&c, "{}", SETS(set, settings[i].with));
        char *json = config_json(&c, CONFIG_IDENTITY);
        static const char *const ASIDE[] = {"name",
                                            "log.",
                                            "train.eval",
                                            "train.keep",
                                            "train.threads",
                                            "train.checkpoint",
                                            "train.recompute",
                                            "train.sample"};
        bool aside = false;
        for (size_t k = 0; k < sizeof ASIDE / sizeof *ASIDE; k++) {
            aside |= strncmp(set, ASIDE[k], strlen(ASIDE[k])) == 0;
        }
        CHECK((strcmp(json, json_a) == 0) == aside, "%s", set);
        mem_free(json);
        config_free(&c);
    }
    Config back;
    CHECK(parse(&back, json_a), "%s", printed);
    CHECK(strcmp(config_difference(&a, &back, DIFFERENCE_ANY), "name") == 0,
          "only the name is lost");
    CHECK(strcmp(back.name, "run") == 0, "%s", back.name);
    mem_free(json_a);
    mem_free(json_b);
    config_free(&a);
    config_free(&b);
    config_free(&back);
}

static void test_json_layout(void) {
    Config c;
    must_load(&c, "{}", NO_SETS);
    char *full = config_json(&c, CONFIG_FULL), *identity = config_json(&c, CONFIG_IDENTITY);
    CHECK(strstr(full, "{\n  \"name\": \"x\",\n  \"model\": {\n    \"topology\": \"peri\",\n") ==
              full,
          "%s", full);
    CHECK(strstr(full, "    \"wire\": {}\n  },\n  \"gamma_warmup\": {\n    \"steps\": 0,\n"), "%s",
          full);
    CHECK(strstr(full, "  \"log\": {\n    \"every\": 1,\n    \"layers_every\": 100,\n    "
                       "\"max_logit\": false,\n    \"dir\": "
                       "\"runs\"\n  }\n}\n"),
          "%s", full);
    CHECK(strstr(identity, "{\n  \"model\": {\n") == identity && !strstr(identity, "\"log\": {"),
          "%s", identity);
    mem_free(full);
    mem_free(identity);
    config_free(&c);
}

static void test_list_keys(void) {
    static char listed[1 << 16];
    FILE *out = fmemopen(listed, sizeof listed, "w");
    config_list_keys(out);
    fclose(out);
    for (size_t i = 0; i < SETTINGS; i++) CHECK(strstr(listed, settings[i].path), "%s", listed);
    CHECK(strstr(listed, "train.seed") && strstr(listed, "(integer 0 to 4294967295)"), "range");
}

/* The schema has every key and its default, and configs/schema.json is up to date. */
static void test_schema(void) {
    static char now[1 << 16], kept[1 << 16];
    FILE *out = fmemopen(now, sizeof now, "w"), *file = fopen("configs/schema.json", "r");
    config_print_schema(out);
    fclose(out);
    if (!file || !fread(kept, 1, sizeof kept - 1, file)) abort();
    fclose(file);
    CHECK(strcmp(now, kept) == 0,
          "configs/schema.json is stale: ./train --print-schema > configs/schema.json");
    cJSON *schema = cJSON_ParseWithOpts(now, NULL, true);
    for (size_t i = 0; i < SETTINGS; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s", settings[i].path);
        cJSON *at = schema;
        for (char *word = strtok(path, "."); word; word = strtok(NULL, ".")) {
            cJSON *either = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(at, "anyOf"), 0);
            at = cJSON_GetObjectItemCaseSensitive(either ? either : at, "properties");
            at = cJSON_GetObjectItemCaseSensitive(at, word);
        }
        cJSON *want = cJSON_Parse(key_at(i)->default_json);
        CHECK(cJSON_Compare(cJSON_GetObjectItemCaseSensitive(at, "default"), want, true),
              "%s has no or another default", settings[i].path);
        cJSON_Delete(want);
    }
    cJSON_Delete(schema);
}

static void test_shipped_configs(void) {
    glob_t found;
    CHECK(glob("configs/*.json", 0, NULL, &found) == 0, "run the tests at the top of the sources");
    CHECK(found.gl_pathc >= 19, "%zu configs", found.gl_pathc);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        Config c;
        if (strstr(found.gl_pathv[i], "schema.json")) continue;
        CHECK(load(&c, found.gl_pathv[i], NO_SETS), "%s", printed);
        CHECK(!printed[0], "%s", printed);
        if (strstr(found.gl_pathv[i], "peri_rms")) {
            CHECK(strcmp(c.name, "peri_rms") == 0, "%s", c.name);
            CHECK(c.gamma_warmup.steps * 5 == c.train.steps, "a fifth of the run");
            CHECK(c.gamma_warmup.slots == 1u << SLOT_OUT, "out slots only");
        }
        check_round_trip(&c);
        config_free(&c);
    }
    globfree(&found);
}

static const Test tests[] = {
    {"config: the defaults", test_defaults},
    {"config: every key by file and by --set, and back", test_every_key},
    {"config: all keys at once", test_all_keys_at_once},
    {"config: --set accepts strings without quotes", test_bare_words},
    {"config: comments", test_comments},
    {"config: merging, replacing, warnings", test_merging},
    {"config: identity of a run", test_identity},
    {"config: the layout of config.json", test_json_layout},
    {"config: --list keys", test_list_keys},
    {"config: the schema for editors", test_schema},
    {"config: the shipped configs", test_shipped_configs},
};
TEST_MAIN(tests)
