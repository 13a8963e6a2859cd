/* test_measure.c - the numbers of --measure against plain loops over the buffers of the model:
 * activations, gains, and losses without statistics. */
#include "base/stb_ds.h"
#include "run/measure/measurement.h"
#include "tests/lib/moments.h"
#include "tests/lib/nets.h"

enum { V = 32, S = 3, T = 6, SAMPLES = 5 };

typedef struct {
    StoredModel stored;
    int tokens[SAMPLES * T], targets[SAMPLES * T];
} Case;

static const GammaWarmup NO_WARMUP = {.steps = 0};

static void case_open(Case *c, const char *topology, const char *norm, Switch qk_norm) {
    *c = (Case){.stored = {.vocab = {.size = 0}}};
    ModelOptions *options = &c->stored.config.model;
    *options = net_options(topology, norm);
    options->qk_norm = (int)qk_norm;
    c->stored.model = model_create(options, &NO_WARMUP, V, 1, MODEL_FORWARD);
    net_draw(c->stored.model, 7);
    net_tokens(c->tokens, SAMPLES * T, V, 3);
    net_tokens(c->targets, SAMPLES * T, V, 4);
}

static void case_close(Case *c) {
    model_free(c->stored.model);
}

static Sequences sequences_of(Case *c, size_t first, size_t count) {
    return (Sequences){count, T, c->tokens + first * T, c->targets + first * T};
}

/* Runs sequence n; returns the sum of its losses. */
static double run(Case *c, size_t n) {
    const Pass pass = {
        .tokens = c->tokens + n * T, .targets = c->targets + n * T, .B = 1, .T = T, .gamma = 1};
    model_forward(c->stored.model, &pass);
    return model_loss(c->stored.model, &pass);
}

/* --- activations --- */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double plain_median(const double *x, size_t n) {
    double *sizes = mem_alloc(n * sizeof *sizes);
    for (size_t i = 0; i < n; i++) sizes[i] = fabs(x[i]);
    qsort(sizes, n, sizeof *sizes, ascending);
    const double median = (sizes[(n - 1) / 2] + sizes[n / 2]) / 2;
    mem_free(sizes);
    return median;
}

static void check_site(const SiteValues *site, const double *x, const int *tokens, size_t C,
                       const char *label) {
    size_t at = 0;
    CHECK(site->measured, "%s", label);
    for (int group = 0; group < TOKEN_GROUPS; group++) {
        const Moments want = plain_moments(x, S * T, T, C, group == TOKEN_FIRST);
        check_moments(&site->moments[group], &want, 1e-6, label);
    }
    for (size_t i = 0; i < S * T * C; i++) at = fabs(x[i]) > fabs(x[at]) ? i : at;
    const Extreme *e = &site->extreme;
    CHECK(e->value == x[at] && ((e->sequence * T + e->position) * C + e->feature) == at,
          "%s: %g at %zu %zu %zu, want %g at %zu", label, e->value, e->sequence, e->position,
          e->feature, x[at], at);
    CHECK(e->token == tokens[at / C], "%s: token %d", label, e->token);
    CHECK_NEAR(e->median, plain_median(x + at / (T * C) * T * C, T * C), 1e-7);
}

static void keep(double *all, const real *x, size_t n, size_t size) {
    for (size_t i = 0; i < size; i++) all[n * size + i] = (double)x[i];
}

/* The stream at four points and the output of an MLP, of three sequences one after the other. */
static void activations_match_the_buffers(void) {
    Case c;
    case_open(&c, "sandwich", "layernorm", SWITCH_ON);
    const Model *model = c.stored.model;
    const Sublayer *attn = &model->block[2].attn, *mlp = &model->block[2].mlp;
    const size_t C = model->shape.C, L = model->shape.L, size = T * C;
    const struct {
        size_t point;
        const real *x;
        const char *name;
    } sites[] = {{probe_embedding(), model->x0, "embedding"},
                 {probe_sublayer(2, false), attn->x, "blocks.2.attn"},
                 {probe_sublayer(2, true), mlp->x, "blocks.2.mlp"},
                 {probe_final(L), model->x, "final"}};
    enum { SITES = sizeof sites / sizeof *sites };
    double *all[SITES], loss = 0;
    for (size_t i = 0; i < SITES; i++) all[i] = mem_alloc(S * size * sizeof(double));
    for (size_t n = 0; n < S; n++) {
        loss += run(&c, n);
        for (size_t i = 0; i < SITES; i++) keep(all[i], sites[i].x, n, size);
    }
    const Sequences measured = sequences_of(&c, 0, S);
    Activations a = activations_measure(&c.stored, &measured, NULL);
    CHECK_NEAR(a.loss, loss / (S * T), 1e-9);
    CHECK(a.points == 2 * L + 2 && a.blocks == L, "%zu points", a.points);
    for (size_t i = 0; i < SITES; i++) {
        CHECK(strcmp(a.point[sites[i].point].name, sites[i].name) == 0, "%s", sites[i].name);
        check_site(&a.point[sites[i].point].stream, all[i], c.tokens, C, sites[i].name);
        mem_free(all[i]);
    }
    CHECK_NEAR(a.point[probe_sublayer(2, true)].depth, 2.5, 0);
    CHECK_NEAR(a.point[probe_final(L)].depth, (double)L, 0);
    CHECK(!a.point[probe_final(L)].branch.measured, "the head has no branch");
    activations_free(&a);
    case_close(&c);
}

/* The probabilities of a query by a softmax over all its scores; returns that of token 0. */
static double plain_attention(const Attention *attention, size_t h, size_t t, double *largest) {
    const Shape *s = &attention->shape;
    const size_t ld = qkv_width(s->NH, s->NKV, s->HS), kv = s->NH + h / (s->NH / s->NKV);
    double total = 0, first = 0;
    for (size_t j = 0; j <= t; j++) {
        double score = 0;
        for (size_t i = 0; i < s->HS; i++)
            score += (double)attention->x[t * ld + h * s->HS + i] *
                     (double)attention->x[j * ld + kv * s->HS + i];
        score /= sqrt((double)s->HS);
        *largest = fmax(*largest, score);
        total += exp(score);
        if (j == 0) first = exp(score);
    }
    return first / total;
}

static void attention_matches_a_softmax(void) {
    Case c;
    case_open(&c, "pre", "rmsnorm", SWITCH_OFF);
    const Sequences measured = sequences_of(&c, 0, S);
    Activations a = activations_measure(&c.stored, &measured, NULL);
    for (size_t l = 0; l < a.blocks; l++) {
        const Attention *attention = &c.stored.model->block[l].attn.attention;
        const size_t NH = attention->shape.NH;
        double share[8] = {0}, mean = 0, logit[TOKEN_GROUPS] = {-INFINITY, -INFINITY};
        size_t head = 0;
        for (size_t n = 0; n < S; n++) {
            run(&c, n);
            for (size_t i = 0; i < NH * T; i++) {
                const size_t h = i / T, t = i % T;
                double p = plain_attention(attention, h, t, &logit[t ? TOKEN_REST : TOKEN_FIRST]);
                if (t) share[h] += p / (S * (T - 1));
            }
        }
        for (size_t h = 0; h < NH; h++) {
            mean += share[h] / (double)NH;
            head = share[h] > share[head] ? h : head;
        }
        const AttentionUse *use = &a.attention[l];
        CHECK_NEAR(use->first, mean, 1e-6);
        CHECK_NEAR(use->largest, share[head], 1e-6);
        CHECK(use->head == head, "block %zu: head %zu, want %zu", l, use->head, head);
        for (int group = 0; group < TOKEN_GROUPS; group++)
            CHECK_NEAR(use->logit[group], logit[group], 1e-5);
    }
    activations_free(&a);
    case_close(&c);
}

/* --- gains --- */

static void gains_of_known_numbers(void) {
    double four[] = {3, 1, 4, 2}, one[] = {-7}, same[] = {2, 2, 2, 2, 2.5};
    double far[] = {5, 100, 0, 1, 2, 3, 4, 6, 7, 8, -100, 9, 10};
    double edge[] = {5, 26, 0, 1, 2, 3, 4, 6, 7, 8, -16, 9, 10};
    Gains g = gains_of(four, 4);
    CHECK(g.min == 1 && g.q1 == 1.75 && g.median == 2.5 && g.q3 == 3.25 && g.max == 4, "four");
    CHECK(g.largest == 2 && g.outliers == 0 && g.n == 4, "four: largest %zu", g.largest);
    CHECK_NEAR(g.rms, sqrt(30.0 / 4), 1e-15);
    g = gains_of(one, 1);
    CHECK(g.min == -7 && g.q1 == -7 && g.q3 == -7 && g.max == -7 && g.rms == 7, "one");
    g = gains_of(far, 13);
    CHECK(g.q1 == 2 && g.median == 5 && g.q3 == 8 && g.outliers == 2, "far: %zu", g.outliers);
    CHECK(g.largest == 1, "the first of equal sizes: %zu", g.largest);
    g = gains_of(edge, 13);
    CHECK(g.outliers == 0, "at the fences: %zu", g.outliers);
    g = gains_of(same, 5);
    CHECK(g.outliers == 1, "one differs: %zu", g.outliers);
}

/* The gain of a norm from its tensor, by the definition of its kind. */
static double plain_gain(const char *kind, double value, size_t C) {
    if (strcmp(kind, "rmsnorm_plus1") == 0) return 1 + value;
    if (strcmp(kind, "scalenorm") == 0) return value / sqrt((double)C);
    return value;
}

/* Every gain of the registry is listed once, and nothing else. */
static void gains_match_the_tensors(void) {
    static const char *const KINDS[] = {"layernorm", "rmsnorm",  "rmsnorm_plus1", "scalenorm",
                                        "dyt",       "seednorm", "batchnorm"};
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        Case c;
        case_open(&c, k % 2 ? "sandwich" : "layerscale", KINDS[k], SWITCH_ON);
        const Params *params = &c.stored.model->params;
        Gains *gains = gains_measure(c.stored.model, 1);
        size_t tensors = 0;
        for (size_t p = 0; p < params_count(params); p++) tensors += net_is_gamma(&params->list[p]);
        CHECK(tensors == arrlenu(gains), "%s: %zu of %zu", KINDS[k], arrlenu(gains), tensors);
        for (size_t i = 0; i < arrlenu(gains); i++) {
            char name[128];
            const char *own = gains[i].kind == &norm_scale ? "scale" : KINDS[k];
            snprintf(name, sizeof name, "%s.%s", gains[i].name,
                     strcmp(own, "scalenorm") == 0 ? "g" : "gamma");
            const real *value = net_value(c.stored.model, name);
            CHECK(value != NULL, "%s: there is no %s", KINDS[k], name);
            if (!value) continue;
            const size_t n = params->list[params_find(params, name)].count;
            const size_t C = strstr(name, "norm_q") || strstr(name, "norm_k") ? 4 : 16;
            double squares = 0, largest = 0;
            for (size_t j = 0; j < n; j++) {
                const double gain = plain_gain(own, (double)value[j], C);
                squares += gain * gain / (double)n;
                largest = fmax(largest, fabs(gain));
            }
            CHECK(gains[i].n == n, "%s: %zu", name, gains[i].n);
            CHECK_NEAR(gains[i].rms, sqrt(squares), 1e-12);
            CHECK_NEAR(plain_gain(own, (double)value[gains[i].largest], C), largest, 1e-12);
        }
        arrfree(gains);
        case_close(&c);
    }
}

/* gamma-warmup multiplies the gains of its slots. */
static void gains_are_those_of_the_warmup(void) {
    Case c;
    const GammaWarmup warmup = {.steps = 10, .slots = 1 << SLOT_OUT};
    case_open(&c, "sandwich", "rmsnorm", SWITCH_ON);
    model_free(c.stored.model);
    c.stored.model = model_create(&c.stored.config.model, &warmup, V, 1, MODEL_FORWARD);
    net_draw(c.stored.model, 7);
    Gains *full = gains_measure(c.stored.model, 1), *part = gains_measure(c.stored.model, 0.25);
    size_t warm = 0;
    for (size_t i = 0; i < arrlenu(full); i++) {
        const bool out = strstr(full[i].name, "norm_out") != NULL;
        CHECK_NEAR(part[i].rms, (out ? 0.25 : 1) * full[i].rms, 1e-12);
        warm += out;
    }
    CHECK(warm == 8, "%zu", warm);
    arrfree(full);
    arrfree(part);
    case_close(&c);
}

/* --- sequences --- */

/* The batches of the training data in order, as many as are wanted and the rest of the last one. */
static void training_sequences_are_the_first_batches(void) {
    enum { B = 3 };
    const DataOptions options = {
        .train = "builtin:stories", .val = "", .vocab = "bytes", .val_fraction = 0.1};
    const Config config = {.data = options, .train = {.seed = 5}};
    Dataset *data = dataset_open(&options, T, B, 1, 0, 5);
    Sequences got = sequences_train(&config, 2 * B + 1, B, T);
    int tokens[B * T], targets[B * T];
    CHECK(got.S == 3 * B && got.T == T, "%zu sequences", got.S);
    for (size_t i = 0; i < 3; i++) {
        dataset_train_batch(data, tokens, targets, i + 1, 0);
        CHECK(memcmp(tokens, got.tokens + i * B * T, sizeof tokens) == 0, "batch %zu", i);
        CHECK(memcmp(targets, got.targets + i * B * T, sizeof targets) == 0, "batch %zu", i);
    }
    sequences_drop(&got);
    dataset_close(data);
}

/* --- losses without statistics --- */

static void ignore(void *context, size_t done, size_t total) {
    (void)context, (void)done, (void)total;
}

static bool chosen(const char *name, const char *wanted) {
    if (strcmp(wanted, "all") == 0) return true;
    if (strcmp(wanted, "qkv") == 0)
        return strstr(name, "attn.norm_q") || strstr(name, "attn.norm_k");
    if (strcmp(wanted, "attn") == 0) return strstr(name, "attn.") && !chosen(name, "qkv");
    if (strcmp(wanted, "mlp") == 0) return strstr(name, "mlp.") != NULL;
    if (strcmp(wanted, "emb") == 0) return strcmp(name, "emb_norm") == 0;
    if (strcmp(wanted, "final") == 0) return strcmp(name, "final_norm") == 0;
    return strcmp(name, wanted) == 0;
}

/* The mean of 1/r of a site over sequences S.., of first tokens or the others. */
static double plain_scale(Case *c, const NormSite *site, bool first) {
    double sum = 0, rows = 0;
    for (size_t n = S; n < SAMPLES; n++) {
        run(c, n);
        for (size_t i = 0; i < T * site->per_token; i++) {
            if ((i / site->per_token == 0) != first) continue;
            sum += 1 / (double)site->stats[i * site->n_stats + site->n_stats - 1];
            rows++;
        }
    }
    return sum / rows;
}

enum { ROWS_MAX = T * 4, SITES_MAX = 64 };
static real constants_by_hand[SITES_MAX][ROWS_MAX], ones[ROWS_MAX];

static void compute_constants(Case *c) {
    for (size_t i = 0; i < c->stored.model->n_sites; i++) {
        const NormSite *site = &c->stored.model->site[i];
        const double first = plain_scale(c, site, true), rest = plain_scale(c, site, false);
        for (size_t k = 0; k < T * site->per_token; k++) {
            constants_by_hand[i][k] = (real)(k < site->per_token ? 1 / first : 1 / rest);
            ones[k] = 1;
        }
    }
}

/* The loss with the chosen norms replaced. */
static double plain_loss(Case *c, const char *wanted, bool constants) {
    Model *model = c->stored.model;
    double loss = 0;
    for (size_t i = 0; i < model->n_sites; i++) {
        NormSite *site = &model->site[i];
        const real *r = constants ? constants_by_hand[i] : ones;
        if (chosen(site->name, wanted))
            site->frozen = (NormFrozen){r, T * site->per_token, 0, constants};
    }
    for (size_t n = 0; n < S; n++) loss += run(c, n) / (S * T);
    for (size_t i = 0; i < model->n_sites; i++) model->site[i].frozen = (NormFrozen){.r = NULL};
    return loss;
}

static void losses_match_constants_by_hand(void) {
    static const char *const MODELS[][2] = {{"peri", "layernorm"}, {"sandwich", "rmsnorm"}};
    for (size_t k = 0; k < COUNT(MODELS); k++) {
        Case c;
        Work work = {.tell = ignore};
        case_open(&c, MODELS[k][0], MODELS[k][1], SWITCH_ON);
        const Sequences measured = sequences_of(&c, 0, S),
                        others = sequences_of(&c, S, SAMPLES - S);
        compute_constants(&c);
        const double before = plain_loss(&c, "none", true);
        ScaleSums *sums = calibrate_observe(&c.stored, &others, NULL);
        Replaced *list = replaced_measure(&c.stored, &measured, sums, &work);
        const size_t sites = c.stored.model->n_sites;
        CHECK(work.done == S * replaced_evaluations(c.stored.model, true), "%zu passes", work.done);
        CHECK(arrlenu(list) >= sites + 4, "%zu sets of %zu norms", arrlenu(list), sites);
        for (size_t i = 0; i < arrlenu(list); i++) {
            const Replaced *r = &list[i];
            size_t norms = 0;
            for (size_t n = 0; n < sites; n++)
                norms += chosen(c.stored.model->site[n].name, r->name);
            CHECK(norms == r->norms, "%s: %zu norms, want %zu", r->name, r->norms, norms);
            CHECK_NEAR(r->constants.loss, plain_loss(&c, r->name, true), net_tolerance());
            CHECK_NEAR(r->nothing.loss, plain_loss(&c, r->name, false), net_tolerance());
        }
        CHECK(plain_loss(&c, "none", true) == before, "the norms were not restored");
        mem_free(sums);
        arrfree(list);
        case_close(&c);
    }
}

/* A gain that overflows without the norm behind it; a norm that is frozen before stays so. */
static void overflow_names_the_block(void) {
    Case c;
    case_open(&c, "pre", "rmsnorm", SWITCH_OFF);
    Model *model = c.stored.model;
    const Sequences measured = sequences_of(&c, 0, S);
    NormSite *frozen = &model->site[0];
    norm_site_identity(frozen, T);
    real *gamma = net_value(model, "blocks.2.mlp.norm_in.gamma");
    real *up = net_value(model, "blocks.2.mlp.up.weight"),
         *down = net_value(model, "blocks.2.mlp.down.weight");
    const double huge = sizeof(real) == sizeof(float) ? 1e18 : 1e152;
    for (size_t i = 0; i < 16 * 20; i++) up[i] = down[i] = (real)(i % 3 ? huge : huge / 2);
    for (size_t i = 0; i < 16; i++) gamma[i] = (real)huge;
    Replaced *list = replaced_measure(&c.stored, &measured, NULL, NULL);
    const Replaced *all = &arrlast(list);
    CHECK(all->set == REPLACED_ALL && !all->constants.measured, "%s", all->name);
    CHECK(all->norms == model->n_sites - 1, "%zu norms", all->norms);
    CHECK(!isfinite(all->nothing.loss), "%g", all->nothing.loss);
    CHECK(strncmp(all->nothing.first.name, "blocks.2.mlp.", 13) == 0, "%s",
          all->nothing.first.name);
    CHECK(norm_site_is_frozen(frozen), "it was thawed");
    CHECK(!norm_site_is_frozen(&model->site[1]), "it was not restored");
    arrfree(list);
    case_close(&c);
}

static const Test TESTS[] = {
    {"activations match the buffers", activations_match_the_buffers},
    {"attention matches a softmax", attention_matches_a_softmax},
    {"gains of known numbers", gains_of_known_numbers},
    {"gains match the tensors", gains_match_the_tensors},
    {"gains are those of gamma-warmup", gains_are_those_of_the_warmup},
    {"training sequences are the first batches", training_sequences_are_the_first_batches},
    {"losses match constants computed by hand", losses_match_constants_by_hand},
    {"an overflow names the block", overflow_names_the_block},
};

int main(int argc, char **argv) {
    ops_start(1);
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}
