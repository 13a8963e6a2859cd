/* test_removal.c - norm removal during training: which norms are frozen, when, and with which
 * constants.
 *
 * One idea: a run with norm_removal has a twin without, a model that only runs forward. The test
 * freezes the norms of the twin by its own table and takes the means of its statistics. */
#include "model/removal.h"
#include "ops/ops.h"
#include "run/train/trainer.h"
#include "tests/lib/nets.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

enum { V = 13, B = 2, T = 6, NEVER = 1000000 };

/* --- which norms are frozen after how many steps --- */

/* `frozen`: entries "STEPS NAME NAME ...", separated by |. Norms that no entry names stay active.
 * Models of two blocks. */
static const struct {
    const char *topology, *norm, *layers;
    int qk_norm;
    WireEntry wire;
    size_t start, interval;
    const char *order, *frozen;
} SCHEDULES[] = {
    {"pre",
     "layernorm",
     "",
     SWITCH_AUTO,
     {0},
     50,
     10,
     "mlp attn qkv emb final",
     "50 blocks.0.mlp.norm_in|60 blocks.1.mlp.norm_in|70 blocks.0.attn.norm_in|"
     "80 blocks.1.attn.norm_in|90 final_norm"},
    {"peri",
     "rmsnorm",
     "",
     SWITCH_AUTO,
     {0},
     3,
     2,
     " final  emb mlp ",
     "3 final_norm|5 emb_norm|7 blocks.0.mlp.norm_in blocks.0.mlp.norm_out|"
     "9 blocks.1.mlp.norm_in blocks.1.mlp.norm_out"},
    {"post",
     "layernorm",
     "",
     SWITCH_AUTO,
     {0},
     1,
     1000,
     "attn",
     "1 blocks.0.attn.norm_post|1001 blocks.1.attn.norm_post"},
    {"post",
     "rmsnorm",
     "",
     SWITCH_AUTO,
     {0},
     2,
     3,
     "final emb mlp",
     "2 blocks.0.mlp.norm_post|5 blocks.1.mlp.norm_post"},
    {"layerscale",
     "rmsnorm",
     "",
     SWITCH_AUTO,
     {"mlp.in", "none", 0},
     2,
     3,
     "mlp final",
     "2 final_norm"},
    {"hybrid",
     "rmsnorm_plus1",
     "",
     SWITCH_AUTO,
     {0},
     4,
     0,
     "qkv emb attn",
     "4 blocks.0.attn.norm_q blocks.0.attn.norm_k blocks.0.attn.norm_v blocks.1.attn.norm_q "
     "blocks.1.attn.norm_k blocks.1.attn.norm_v blocks.0.attn.norm_post blocks.1.attn.norm_post"},
    {"hybrid_star",
     "rmsnorm",
     "",
     SWITCH_OFF,
     {0},
     7,
     1,
     "mlp qkv attn",
     "7 blocks.0.mlp.norm_in|8 blocks.0.attn.norm_in|9 blocks.1.attn.norm_post"},
    {"pre",
     "rmsnorm",
     "",
     SWITCH_ON,
     {"mlp.in", "none", 0},
     2,
     3,
     "mlp qkv",
     "2 blocks.0.attn.norm_q blocks.0.attn.norm_k|5 blocks.1.attn.norm_q blocks.1.attn.norm_k"},
    {"layerscale",
     "layernorm",
     "",
     SWITCH_AUTO,
     {0},
     2,
     1,
     "mlp",
     "2 blocks.0.mlp.norm_in|3 blocks.1.mlp.norm_in"},
    {"peri",
     "rmsnorm",
     "post pre",
     SWITCH_AUTO,
     {0},
     1,
     1,
     "attn final",
     "1 blocks.0.attn.norm_post|2 blocks.1.attn.norm_in|3 final_norm"},
    {"subln",
     "layernorm",
     "",
     SWITCH_AUTO,
     {"attn.in", "none", 0},
     2,
     3,
     "attn mlp",
     "2 blocks.0.attn.norm_mid|5 blocks.1.attn.norm_mid|"
     "8 blocks.0.mlp.norm_in blocks.0.mlp.norm_mid|11 blocks.1.mlp.norm_in blocks.1.mlp.norm_mid"},
    {"peri", "rmsnorm", "", SWITCH_AUTO, {0}, 1, 1, "", ""},
    {"peri", "dyt", "", SWITCH_ON, {0}, 1, 1, "mlp attn qkv emb final", ""},
    {"peri", "rmsnorm", "", SWITCH_ON, {0}, 0, 1, "mlp attn qkv emb final", ""},
};
enum { SCHEDULE_COUNT = sizeof SCHEDULES / sizeof *SCHEDULES };

/* The number of steps after which the table has the norm frozen. */
static size_t table_says(const char *frozen, const char *norm) {
    size_t updates = NEVER;
    char text[512];
    snprintf(text, sizeof text, "%s", frozen);
    for (char *line = strtok(text, "| "); line; line = strtok(NULL, "| ")) {
        if (*line >= '0' && *line <= '9') updates = strtoul(line, NULL, 10);
        if (strcmp(line, norm) == 0) return updates;
    }
    return NEVER;
}

static ModelOptions schedule_options(size_t i) {
    ModelOptions options = net_options(SCHEDULES[i].topology, SCHEDULES[i].norm);
    options.n_layer = 2;
    options.layers = SCHEDULES[i].layers;
    options.qk_norm = SCHEDULES[i].qk_norm;
    options.wire = &SCHEDULES[i].wire;
    options.n_wire = SCHEDULES[i].wire.key ? 1 : 0;
    options.removal = (NormRemoval){.start = SCHEDULES[i].start,
                                    .interval = SCHEDULES[i].interval,
                                    .order = SCHEDULES[i].order,
                                    .average = 0.9};
    return options;
}

static real *average_of(const Model *model, const char *site) {
    char name[96];
    snprintf(name, sizeof name, "%s.running_scale", site);
    return net_value(model, name);
}

static void test_schedule(void) {
    const GammaWarmup off = {0};
    for (size_t i = 0; i < SCHEDULE_COUNT; i++) {
        ModelOptions options = schedule_options(i);
        Model *model = model_create(&options, &off, V, B, MODEL_FORWARD);
        for (size_t s = 0; s < model->n_sites; s++) {
            real *average = average_of(model, model->site[s].name);
            CHECK((average != NULL) == (options.removal.start > 0), "an average");
            if (average) average[TOKEN_FIRST] = average[TOKEN_REST] = 1;
        }
        size_t named = 0;
        for (size_t updates = 0; updates < 1100; updates++) {
            size_t held = mallinfo2().uordblks;
            model_remove_norms(model, updates);
            CHECK(mallinfo2().uordblks == held, "freezing allocates memory");
            for (size_t s = 0; s < model->n_sites; s++) {
                const char *name = model->site[s].name;
                size_t when = table_says(SCHEDULES[i].frozen, name);
                named += updates == 0 && when != NEVER;
                CHECK(norm_site_is_frozen(&model->site[s]) == (updates >= when),
                      "%s, \"%s\": %s after %zu steps", SCHEDULES[i].topology, SCHEDULES[i].order,
                      name, updates);
            }
        }
        size_t listed = 0;
        for (const char *c = SCHEDULES[i].frozen; (c = strstr(c, "norm")); c += 4)
            listed += c[4] == '_' || c[4] == '\0' || c[4] == '|' || c[4] == ' ';
        CHECK(named == listed, "schedule %zu: %zu of %zu norms exist", i, named, listed);
        model_remove_norms(model, 0);
        for (size_t s = 0; s < model->n_sites; s++)
            CHECK(!norm_site_is_frozen(&model->site[s]), "before the first step");
        model_free(model);
    }
}

/* A norm without an average stays active: there is no constant to divide by. */
static void test_no_average(void) {
    const GammaWarmup off = {0};
    ModelOptions options = schedule_options(0);
    Model *model = model_create(&options, &off, V, B, MODEL_FORWARD);
    model_init(model, 1);
    average_of(model, "final_norm")[TOKEN_FIRST] = 2;
    average_of(model, "final_norm")[TOKEN_REST] = 4;
    model_remove_norms(model, 1000);
    for (size_t s = 0; s < model->n_sites; s++) {
        const NormSite *site = &model->site[s];
        bool known = strcmp(site->name, "final_norm") == 0;
        CHECK(norm_site_is_frozen(site) == known, "%s", site->name);
        if (!known) continue;
        CHECK_NEAR(site->frozen.r[0], (double)T / (2 + 4 * (T - 1)), net_tolerance());
        CHECK_NEAR(site->frozen.r[T - 1], (double)site->frozen.r[0], 0);
    }
    model_free(model);
}

static void test_remember(void) {
    real average[TOKEN_GROUPS] = {0, 0};
    NormSite site = {.running_scale = average};
    ScaleSums seen = {{6, 30}, {2, 5}};
    norm_site_update_running(&site, &seen, 0.75);
    CHECK(average[TOKEN_FIRST] == 3 && average[TOKEN_REST] == 6, "the first mean as it is");
    seen = (ScaleSums){{10, 2}, {2, 1}};
    norm_site_update_running(&site, &seen, 0.75);
    CHECK(average[TOKEN_FIRST] == (real)3.5 && average[TOKEN_REST] == 5, "a quarter of the next");
    const ScaleSums bad[] = {
        {{INFINITY, 0}, {2, 0}}, {{NAN, INFINITY}, {2, 5}}, {{1e300, 1}, {0, 0}}};
    for (size_t i = 0; i < 3; i++) norm_site_update_running(&site, &bad[i], 0.75);
    CHECK(average[TOKEN_FIRST] == (real)3.5 && average[TOKEN_REST] == 5, "what is not finite");
}

/* --- a run and its twin --- */

typedef struct {
    Config config, plain; /* with removal; without */
    Run run;
    Model *twin;
    char dir[64];
    double (*want)[TOKEN_GROUPS]; /* (n_sites) averages */
} Pair;

static const char CONFIG[] =
    "{\"model\": {\"topology\": \"%s\", \"norm\": \"%s\", \"n_layer\": 3, \"n_head\": 2, "
    "\"d_model\": 16, \"context\": 16, \"qk_norm\": \"on\"}, "
    "\"optim\": {\"lr\": 1e-2, \"warmup_steps\": 2}, \"gamma_warmup\": {\"steps\": 6}, "
    "\"norm_removal\": {\"start\": %d, \"interval\": 2, \"average\": 0.8, \"first_apart\": %s}, "
    "\"train\": {\"steps\": 30, \"batch\": 3, \"accum\": 2, \"eval_every\": 0, \"recompute\": %s}, "
    "\"log\": {\"layers_every\": 0}}";

enum { START = 4 };

static void pair_open(Pair *pair, const char *topology, const char *norm, bool apart,
                      bool recompute) {
    char json[1024];
    *pair = (Pair){.dir = "/tmp/peri_removal_XXXXXX"};
    for (int on = 0; on < 2; on++) {
        snprintf(json, sizeof json, CONFIG, topology, norm, on ? START : 0,
                 apart ? "true" : "false", recompute ? "true" : "false");
        if (!config_parse(on ? &pair->config : &pair->plain, json, "pair")) abort();
    }
    if (!mkdtemp(pair->dir)) abort();
    run_open(&pair->run, &pair->config, 0, NULL);
    pair->run.log = runlog_create(pair->dir, false);
    pair->run.progress.manifest = &pair->run.manifest;
    pair->twin = model_create(&pair->plain.model, &pair->plain.gamma_warmup,
                              pair->run.model->shape.V, pair->config.train.batch, MODEL_FORWARD);
    pair->want = mem_alloc(pair->twin->n_sites * sizeof *pair->want);
    CHECK(pair->twin->n_sites == pair->run.model->n_sites, "another model");
}

static void pair_close(Pair *pair) {
    static const char *const FILES[] = {"log.csv", "spikes.csv", "layers.csv", "tensors.csv"};
    run_close(&pair->run);
    model_free(pair->twin);
    mem_free(pair->want);
    for (size_t i = 0; i < 4; i++) {
        char path[96];
        snprintf(path, sizeof path, "%s/%s", pair->dir, FILES[i]);
        unlink(path);
    }
    rmdir(pair->dir);
    config_free(&pair->config);
    config_free(&pair->plain);
}

/* The group of a norm of "pre": 0-2 mlp, 3-5 attention, 6-8 q and k, 9 the final norm. */
static size_t group_in_pre(const char *name) {
    size_t l = (size_t)(name[7] - '0');
    if (strcmp(name, "final_norm") == 0) return 9;
    return l + (strstr(name, "mlp") ? 0 : strstr(name, "norm_in") ? 3 : 6);
}

static bool twin_out(const Pair *pair, size_t site, size_t updates) {
    return updates >= START + 2 * group_in_pre(pair->twin->site[site].name);
}

static void twin_follow(Pair *pair, size_t updates) {
    const Params *from = &pair->run.model->params, *to = &pair->twin->params;
    for (size_t p = 0; p < params_count(to); p++) {
        size_t at = from->list[params_find(from, to->list[p].name)].offset;
        memcpy(to->values + to->list[p].offset, from->values + at,
               to->list[p].count * sizeof(real));
    }
    for (size_t i = 0; i < pair->twin->n_sites; i++) {
        NormSite *site = &pair->twin->site[i];
        const real *average = average_of(pair->run.model, site->name);
        double first = (double)average[0], rest = (double)average[1];
        if (!pair->config.model.removal.first_apart) first = rest = (first + 15 * rest) / 16;
        ScaleSums mean = {{first, rest}, {1, 1}};
        if (twin_out(pair, i, updates)) norm_site_freeze(site, &mean, 16, true);
    }
}

/* The averages that must result from step `step`. */
static void twin_observe(Pair *pair, size_t step) {
    int tokens[48], targets[48];
    double(*sum)[TOKEN_GROUPS] = mem_alloc(pair->twin->n_sites * sizeof *sum);
    double tokens_of[TOKEN_GROUPS] = {2 * 3, 2 * 3 * 15};
    for (size_t micro = 0; micro < 2; micro++) {
        dataset_train_batch(pair->run.data, tokens, targets, step, micro);
        Pass pass = {.tokens = tokens,
                     .B = 3,
                     .T = 16,
                     .gamma = (real)schedule_gamma(&pair->config.gamma_warmup, step - 1)};
        model_forward(pair->twin, &pass);
        for (size_t i = 0; i < pair->twin->n_sites; i++) {
            const NormSite *site = &pair->twin->site[i];
            for (size_t row = 0; row < 48 * site->per_token; row++) {
                double r = (double)site->stats[row * site->n_stats + site->n_stats - 1];
                sum[i][row / site->per_token % 16 != 0] += 1 / r / (double)site->per_token;
            }
        }
    }
    for (size_t i = 0; i < pair->twin->n_sites; i++) {
        if (twin_out(pair, i, step - 1)) continue;
        for (int k = 0; k < TOKEN_GROUPS; k++) {
            double mean = sum[i][k] / tokens_of[k];
            pair->want[i][k] = step == 1 ? mean : 0.8 * pair->want[i][k] + 0.2 * mean;
        }
    }
    mem_free(sum);
}

static void compare(const Pair *pair, size_t step) {
    const double tolerance = sizeof(real) == sizeof(float) ? 1e-5 : 1e-13;
    for (size_t i = 0; i < pair->twin->n_sites; i++) {
        const NormSite *site = &pair->run.model->site[i];
        const real *average = average_of(pair->run.model, site->name);
        for (int k = 0; k < TOKEN_GROUPS; k++) {
            double want = pair->want[i][k];
            CHECK(fabs((double)average[k] / want - 1) <= tolerance,
                  "%s after %zu: average %d is %.9g, want %.9g", site->name, step, k,
                  (double)average[k], want);
            if (!norm_site_is_frozen(site)) continue;
            if (!pair->config.model.removal.first_apart)
                want = (pair->want[i][0] + 15 * pair->want[i][1]) / 16;
            double r = (double)site->frozen.r[k ? site->frozen.rows - 1 : 0];
            CHECK(fabs(r * want - 1) <= tolerance, "%s after %zu: constant %.9g, want 1/%.9g",
                  site->name, step, r, want);
            CHECK(site->frozen.centers && site->frozen.rows == 16 * site->per_token, "rows");
        }
        CHECK(norm_site_is_frozen(site) == twin_out(pair, i, step), "%s after %zu", site->name,
              step);
    }
}

static void follow(const char *norm, bool apart, bool recompute) {
    Pair pair;
    pair_open(&pair, "pre", norm, apart, recompute);
    for (size_t step = 1; step <= 26; step++) {
        LogRow row = {0};
        twin_follow(&pair, step - 1);
        twin_observe(&pair, step);
        run_update(&pair.run, step, &row);
        compare(&pair, step);
    }
    pair_close(&pair);
}

static void test_averages(void) {
    follow("layernorm", true, false);
    follow("rmsnorm", false, false);
    follow("rmsnorm_plus1", true, true);
}

/* Copies the averages (n_sites, 2) of a run, for a comparison of bits. */
static void averages_copy(const Model *model, real *copy_of) {
    for (size_t i = 0; i < model->n_sites; i++)
        memcpy(copy_of + 2 * i, average_of(model, model->site[i].name), 2 * sizeof(real));
}

/* A step that is not applied does not change the averages, nor do the passes of a validation. */
static void test_bad_steps(void) {
    Pair pair;
    LogRow row = {0};
    real before[64], after[64];
    memset(before, 0, sizeof before);
    memset(after, 0, sizeof after);
    pair_open(&pair, "pre", "layernorm", true, false);
    Model *model = pair.run.model;
    real *weight = net_value(model, "blocks.2.mlp.down.weight"), kept = *weight;
    *weight = (real)NAN;
    run_update(&pair.run, 1, &row);
    averages_copy(model, after);
    CHECK(memcmp(before, after, sizeof before) == 0, "averages of a step that was not finite");
    *weight = kept;
    for (size_t step = 2; step <= 6; step++) run_update(&pair.run, step, &row);
    averages_copy(model, before);
    *weight = (real)NAN;
    run_update(&pair.run, 7, &row);
    averages_copy(model, after);
    CHECK(memcmp(before, after, sizeof before) == 0, "averages of a step that was not finite");
    CHECK(norm_site_is_frozen(&model->site[3]), "%s is active", model->site[3].name);
    pair_close(&pair);
}

static const Test TESTS[] = {
    {"removal: which norms are frozen, and when", test_schedule},
    {"removal: norms without an average stay active", test_no_average},
    {"removal: the running mean", test_remember},
    {"removal: averages and constants of a run", test_averages},
    {"removal: steps that are not applied", test_bad_steps},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, sizeof TESTS / sizeof *TESTS, argc, argv);
}
