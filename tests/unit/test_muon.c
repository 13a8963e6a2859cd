/* test_muon.c - Muon in a model: which tensors it updates, matrix by matrix, at which rate, and with
 * which memory. The update of one matrix: test_ops_muon.c. */
#include "run/optim/optimizer.h"
#include "run/train/memory.h"
#include "tests/lib/nets.h"

enum { V = 13, B = 2 };

static const OptimOptions ADAMW = {
    .lr = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};

static OptimOptions muon_options(MuonScale scale) {
    OptimOptions options = ADAMW;
    options.kind = OPTIMIZER_MUON;
    options.muon_momentum = 0.8;
    options.muon_decay = 0.3;
    options.muon_scale = scale;
    return options;
}

/* Models whose matrices are square, wide and tall, with all kinds of tensors. */
static ModelOptions model_options(size_t i) {
    ModelOptions options = net_options(i % 2 ? "olmo2" : "peri", i % 2 ? "dyt" : "layernorm");
    options.n_layer = 2;
    options.n_kv_head = i % 3 == 0 ? 0 : i % 3;
    options.mlp = index_named(mlp_name, i % 2 ? "swiglu" : "gelu");
    options.d_ff = i < 2 ? 20 : 7;
    options.tie_embeddings = i % 2 == 0;
    return options;
}
enum { MODELS = 4 };

static Model *model_of(size_t i) {
    const GammaWarmup off = {0};
    ModelOptions options = model_options(i);
    Model *model = model_create(&options, &off, V, B, true);
    net_draw(model, (uint32_t)i);
    return model;
}

static bool ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* --- which tensors --- */

/* The rows of the matrices of a tensor, by its name; `parts` ends with 0. */
static void parts_by_name(size_t parts[4], const Param *param, const ModelOptions *o) {
    const size_t head = options_head_dim(o), kv = o->n_kv_head ? o->n_kv_head : o->n_head;
    memset(parts, 0, 4 * sizeof *parts);
    if (ends_with(param->name, ".qkv.weight")) {
        parts[0] = o->n_head * head;
        parts[1] = parts[2] = kv * head;
    } else if (strncmp(param->name, "blocks.", 7) == 0 && ends_with(param->name, ".weight")) {
        parts[0] = param->shape[0];
    }
}

static void registry_knows_the_matrices(void) {
    const OptimOptions muon = muon_options(MUON_JORDAN);
    for (size_t i = 0; i < MODELS; i++) {
        Model *model = model_of(i);
        const ModelOptions options = model_options(i);
        LinearSize want = {0};
        for (size_t p = 0; p < params_count(&model->params); p++) {
            const Param *param = &model->params.list[p];
            size_t parts[4];
            parts_by_name(parts, param, &options);
            CHECK(memcmp(param->parts, parts, sizeof param->parts) == 0, "%s: %zu %zu %zu",
                  param->name, param->parts[0], param->parts[1], param->parts[2]);
            CHECK(muon_updates(&muon, param) == (parts[0] > 0), "%s", param->name);
            CHECK(!muon_updates(&ADAMW, param), "%s", param->name);
            if (!parts[0]) continue;
            want.tensors++;
            want.parameters += param->count;
            want.bytes += (double)((param->count + 15) / 16 * 16 * sizeof(real));
            for (size_t k = 0; parts[k]; k++) {
                size_t scratch = muon_scratch(parts[k], param->shape[1]);
                if (scratch > want.scratch) want.scratch = scratch;
                want.flops += muon_flops(parts[k], param->shape[1]);
                want.matrices++;
            }
        }
        const LinearSize got = params_linear_size(&model->params);
        CHECK(got.tensors == want.tensors && got.matrices == want.matrices, "model %zu", i);
        CHECK(got.parameters == want.parameters && got.bytes == want.bytes, "model %zu", i);
        CHECK(got.scratch == want.scratch && got.flops == want.flops, "model %zu", i);
        model_free(model);
    }
}

/* --- updates --- */

/* Two models with the same weights and gradients, one for each optimizer. */
typedef struct {
    OptimOptions options[2];
    Model *model[2];
    Optimizer optimizer[2];
} Twins;

static void twins_open(Twins *twins, size_t i, MuonScale scale) {
    twins->options[0] = ADAMW;
    twins->options[1] = muon_options(scale);
    for (int k = 0; k < 2; k++) {
        twins->model[k] = model_of(i);
        twins->optimizer[k] = optimizer_create(&twins->options[k], &twins->model[k]->params);
    }
}

static void twins_close(Twins *twins) {
    for (int k = 0; k < 2; k++) {
        optimizer_free(&twins->optimizer[k]);
        model_free(twins->model[k]);
    }
}

static void draw_gradients(Twins *twins, uint32_t stream) {
    for (int k = 0; k < 2; k++) {
        Params *params = &twins->model[k]->params;
        for (size_t i = 0; i < params->size; i++)
            params->grads[i] = (real)(1e-2 * net_normal(stream, i));
    }
}

/* The factor of jordan or moonshot, written another way than in muon.c. */
static double factor_of(MuonScale scale, double rows, double cols) {
    if (scale == MUON_JORDAN) return rows > cols ? sqrt(rows) / sqrt(cols) : 1;
    return 0.2 * (rows > cols ? sqrt(rows) : sqrt(cols));
}

/* The update of a tensor by muon_update on each of its matrices, from weights and momentum before it. */
static double update_by_hand(real *p, real *m, const Param *param, const real *g, Rates rates,
                             const Twins *twins) {
    const OptimOptions *options = &twins->options[1];
    const ModelOptions model = twins->model[1]->options;
    size_t parts[4], row = 0;
    double squares = 0;
    parts_by_name(parts, param, &model);
    for (size_t k = 0; parts[k]; k++) {
        const size_t cols = param->shape[1], at = row * cols;
        real *scratch = mem_alloc(muon_scratch(parts[k], cols) * sizeof(real));
        const Muon muon = {.momentum = 0.8,
                           .grad_scale = 0.5,
                           .step = rates.muon * factor_of((MuonScale)options->muon_scale,
                                                          (double)parts[k], (double)cols),
                           .decay = rates.muon * 0.3};
        squares += muon_update(p + at, m + at, g + at, scratch, &muon, parts[k], cols);
        mem_free(scratch);
        row += parts[k];
    }
    CHECK(row == param->shape[0], "%s: %zu rows", param->name, row);
    return squares;
}

static void check_change(const Param *param, double got, double squares) {
    CHECK(fabs(got - sqrt(squares)) <= 1e-12 * got, "%s: change %.17g, want %.17g", param->name,
          got, sqrt(squares));
}

/* One tensor that Muon updated, against the same update by hand. */
static void check_matrix(const Twins *twins, const Param *param, real *p, real *m, Rates rates,
                         double change) {
    const Params *params = &twins->model[1]->params;
    const size_t bytes = param->count * sizeof(real);
    double squares = update_by_hand(p, m, param, params->grads + param->offset, rates, twins);
    const double near = net_tolerance();
    for (size_t i = 0; i < param->count; i++)
        CHECK_NEAR(params->values[param->offset + i], (double)p[i], near);
    CHECK(memcmp(m, params->m + param->offset, bytes) == 0, "momentum of %s", param->name);
    CHECK(param->v_offset == NO_MOMENT, "%s has a second moment", param->name);
    CHECK(fabs(change - sqrt(squares)) <= 1e-4 * change, "%s: change %g, want %g", param->name,
          change, sqrt(squares));
}

/* Ten updates: the matrices of the blocks follow Muon, all other tensors AdamW, bit for bit. */
static void updates_are_split(void) {
    ops_start(1); /* models this small are slower with more */
    for (size_t i = 0; i < 2 * MODELS; i++) {
        const MuonScale scale = i < MODELS ? MUON_JORDAN : MUON_MOONSHOT;
        Twins twins;
        twins_open(&twins, i % MODELS, scale);
        const Params *adamw = &twins.model[0]->params, *muon = &twins.model[1]->params;
        const size_t tensors = params_count(muon), bytes = muon->size * sizeof(real);
        real *p = mem_alloc(bytes), *m = mem_alloc(bytes);
        double *changes = mem_alloc(tensors * sizeof *changes),
               *plain = mem_alloc(tensors * sizeof *plain);
        for (size_t step = 1; step <= 10; step++) {
            const Rates rates = {.adamw = 1e-2 / (double)step, .muon = 0.03 / (double)step};
            draw_gradients(&twins, (uint32_t)step);
            memcpy(p, muon->values, bytes);
            memcpy(m, muon->m, bytes);
            optimizer_update(&twins.optimizer[0], rates, 0.5, plain);
            optimizer_update(&twins.optimizer[1], rates, 0.5, changes);
            for (size_t t = 0; t < tensors; t++) {
                const Param *param = &muon->list[t];
                const size_t at = param->offset;
                if (param->parts[0]) {
                    check_matrix(&twins, param, p + at, m + at, rates, changes[t]);
                    continue;
                }
                CHECK(memcmp(muon->values + at, adamw->values + at, param->count * sizeof *p) == 0,
                      "%s differs from AdamW", param->name);
                check_change(param, changes[t], plain[t] * plain[t]);
            }
        }
        CHECK(twins.optimizer[1].applied == 10, "%zu applied", twins.optimizer[1].applied);
        mem_free(p);
        mem_free(m);
        mem_free(changes);
        mem_free(plain);
        twins_close(&twins);
    }
}

/* --- rates --- */

static void factors_follow_the_shape(void) {
    CHECK(muon_factor(MUON_JORDAN, 3, 12) == 1 && muon_factor(MUON_JORDAN, 5, 5) == 1, "wide");
    CHECK(muon_factor(MUON_JORDAN, 12, 3) == 2, "%g", muon_factor(MUON_JORDAN, 12, 3));
    CHECK_NEAR(muon_factor(MUON_MOONSHOT, 25, 16), 1, 1e-15);
    CHECK_NEAR(muon_factor(MUON_MOONSHOT, 16, 25), 1, 1e-15);
}

/* Without optim.muon_lr: Jordan's rate, or that of AdamW. Both follow one curve. */
static void rates_share_the_schedule(void) {
    for (int scale = MUON_JORDAN; muon_scale_name(scale); scale++) {
        OptimOptions options = muon_options((MuonScale)scale);
        options.min_lr_ratio = 0.1;
        options.warmup_steps = 5;
        options.decay_fraction = 0.5;
        CHECK(schedule_muon_peak(&options) == (scale == MUON_JORDAN ? 0.02 : options.lr), "peak");
        options.muon_lr = 0.07;
        CHECK(schedule_muon_peak(&options) == 0.07, "peak");
        for (options.schedule = 0; schedule_name(options.schedule); options.schedule++) {
            for (size_t s = 1; s <= 20; s++) {
                const Rates rates = optimizer_rates(&options, 0.9, s, 20);
                CHECK(rates.adamw == 0.9 * schedule_lr(&options, s, 20), "step %zu", s);
                CHECK(rates.muon == 0.9 * schedule_muon_lr(&options, s, 20), "step %zu", s);
                CHECK_NEAR(rates.muon / rates.adamw, 0.07 / options.lr, 1e-14);
            }
        }
        options.lr = 0;
        CHECK(schedule_muon_lr(&options, 5, 20) == 0.07, "without a rate of AdamW");
    }
    CHECK(strcmp(muon_scale_name(0), "jordan") == 0 && !muon_scale_name(2), "names");
    CHECK(strcmp(optimizer_name(1), "muon") == 0 && !optimizer_name(2), "names");
}

/* --- memory --- */

/* What the memory plan counts is what the optimizer allocates. */
static void moments_are_counted(void) {
    for (size_t i = 0; i < MODELS; i++) {
        for (int kind = OPTIMIZER_ADAMW; kind <= OPTIMIZER_MUON; kind++) {
            Config config = {.model = model_options(i), .train.batch = B, .spike.window = 2};
            config.optim = muon_options(MUON_JORDAN);
            config.optim.kind = kind;
            MemoryPlan plan;
            Model *model = model_of(i);
            Optimizer optimizer = optimizer_create(&config.optim, &model->params);
            size_t elements = model->params.size, next = 0;
            for (size_t p = 0; p < params_count(&model->params); p++) {
                const Param *param = &model->params.list[p];
                bool second = kind == OPTIMIZER_ADAMW || !param->parts[0];
                CHECK(param->v_offset == (second ? next : NO_MOMENT), "%s: %zu", param->name,
                      param->v_offset);
                if (second) next += (param->count + 15) / 16 * 16;
            }
            CHECK(memory_plan(&plan, &config, V), "no plan");
            CHECK(plan.model.moments == (double)((elements + next) * sizeof(real)), "%.0f bytes",
                  plan.model.moments);
            size_t scratch =
                kind == OPTIMIZER_MUON ? params_linear_size(&model->params).scratch : 0;
            CHECK(plan.scratch == (double)(scratch * sizeof(real)), "%.0f bytes", plan.scratch);
            CHECK((optimizer.scratch != NULL) == (scratch > 0), "scratch");
            optimizer_free(&optimizer);
            model_free(model);
        }
    }
}

static const Test TESTS[] = {
    {"muon: the registry knows the matrices", registry_knows_the_matrices},
    {"muon: matrices by Muon, all others by AdamW", updates_are_split},
    {"muon: factors of the shape", factors_follow_the_shape},
    {"muon: rates", rates_share_the_schedule},
    {"muon: memory", moments_are_counted},
};
TEST_MAIN(TESTS)
