/* trainer.c - see trainer.h. */
#include "run/train/trainer.h"

#include "norm/norm.h"
#include "run/io/stop.h"
#include "run/log/layers.h"
#include "run/log/tensors.h"
#include "run/optim/schedule.h"
#include "run/train/memory.h"
#include "run/train/validate.h"

#include <math.h>
#include <string.h>
#include <time.h>

static uint64_t hash_of_data(const Dataset *data) {
    uint64_t all = HASH_START, bytes, hash;
    const char *path;
    for (size_t i = 0; dataset_file(data, i, &path, &bytes, &hash); i++) {
        all = hash_bytes(all, &bytes, sizeof bytes);
        all = hash_bytes(all, &hash, sizeof hash);
    }
    return all;
}

void run_open(Run *run, const Config *config, int argc, char **argv) {
    const TrainOptions *train = &config->train;
    *run = (Run){.config = config};
    run->data = dataset_open(&config->data, config->model.context, train->batch, train->accum,
                             train->eval_every ? train->eval_rows : 0, (uint32_t)train->seed);
    size_t V = dataset_vocab_size(run->data), cells = size_mul(train->batch, config->model.context);
    memory_require(config, V);
    run->model =
        model_create(&config->model, &config->gamma_warmup, V, train->batch, memory_use(config));
    model_init(run->model, (uint32_t)train->seed);
    run->optimizer = optimizer_create(&config->optim, &run->model->params);
    run->detector = spike_create(&config->spike, params_count(&run->model->params));
    run->health = health_create(config->optim.warmup_steps, V);
    dataset_check(run->data);
    dataset_warn(run->data, stderr);
    Unigram unigram = {.nats = NAN};
    double bytes = NAN;
    if (train->eval_every) {
        unigram = unigram_entropy(run->data, config->model.context);
        bytes = targets_bytes(run->data, config->model.context);
    }
    health_expect(run->health, unigram.nats);
    run->data_hash = hash_of_data(run->data);
    run->val_hash = dataset_val_hash(run->data);
    if (config->log.layers_every) {
        run->probe = probe_create(config->model.n_layer);
        run->changes = mem_alloc(size_mul(params_count(&run->model->params), sizeof(double)));
    }
    if (config->log.max_logit)
        run->peaks = mem_alloc(size_mul(config->model.n_layer * TOKEN_GROUPS, sizeof(real)));
    run->tokens = mem_alloc(size_mul(cells, sizeof(int)));
    run->targets = mem_alloc(size_mul(cells, sizeof(int)));
    run->manifest = (Manifest){.config = config,
                               .model = run->model,
                               .data = run->data,
                               .floor = train->eval_every ? dataset_floor(run->data) : NAN,
                               .unigram = unigram,
                               .bytes_per_token = bytes,
                               .lr_scale = schedule_lr_factor(&config->optim, config->model.norm),
                               .argc = argc,
                               .argv = argv,
                               .started = (int64_t)time(NULL)};
}

void run_close(Run *run) {
    runlog_close(&run->log);
    probe_free(run->probe);
    mem_free(run->changes);
    mem_free(run->peaks);
    health_free(run->health);
    spike_free(run->detector);
    optimizer_free(&run->optimizer);
    model_free(run->model);
    dataset_close(run->data);
    mem_free(run->tokens);
    mem_free(run->targets);
    manifest_free(&run->manifest);
}

/* --- one update --- */

/* Whether layers.csv and tensors.csv record update `step`. The probe measures the first micro-batch. */
static bool wants_layers(const Run *run, size_t step) {
    return run->probe && step % run->config->log.layers_every == 0;
}

/* Whether a step can be abandoned before micro-batch `micro`. It cannot once running statistics
 * have been updated: a resumed run would update them a second time. */
static bool may_abandon(const Run *run, size_t micro) {
    return micro == 0 || !norm_kind(run->config->model.norm)->running;
}

/* The pass of micro-batch `micro`, whose tokens are in run->tokens and run->targets. */
static Pass pass_of(const Run *run, size_t step, size_t micro, double gamma) {
    const TrainOptions *train = &run->config->train;
    const size_t T = run->model->shape.T;
    return (Pass){.tokens = run->tokens,
                  .targets = run->targets,
                  .B = train->batch,
                  .T = T,
                  .gamma = (real)gamma,
                  .branch = schedule_branch(&run->config->branch_warmup, step - 1),
                  .grad_scale = (real)(1 / (double)(train->batch * T * train->accum)),
                  .training = true,
                  .seed = (uint32_t)train->seed,
                  .step = (uint32_t)step,
                  .micro = (uint32_t)micro,
                  .probe = micro == 0 && wants_layers(run, step) ? run->probe : NULL,
                  .peaks = run->peaks,
                  .scale_sums = run->model->scale_sums};
}

/* Accumulates the gradients of the `accum` micro-batches of a step, and their mean loss. Returns
 * false if a stop was requested before the last of them. */
static bool accumulate(Run *run, size_t step, double gamma, double *loss) {
    const TrainOptions *train = &run->config->train;
    const Shape *s = &run->model->shape;
    double total = 0, tokens = (double)(train->batch * s->T * train->accum);
    params_zero_grads(&run->model->params);
    model_reset_scale_sums(run->model);
    for (size_t i = 0; run->peaks && i < s->L * TOKEN_GROUPS; i++) run->peaks[i] = -INFINITY;
    for (size_t micro = 0; micro < train->accum; micro++) {
        if (may_abandon(run, micro) && stop_requested()) return false;
        dataset_train_batch(run->data, run->tokens, run->targets, step, micro);
        Pass pass = pass_of(run, step, micro, gamma);
        total += model_train(run->model, &pass);
        size_t cells = train->batch * s->T;
        if (run->losses)
            memcpy(run->losses + micro * cells, run->model->losses, cells * sizeof(double));
    }
    *loss = total / tokens;
    return true;
}

/* The factor applied to the gradient: clipping by optim.clip and, for a spike with action clip,
 * down to the typical norm of the detector's window. */
static double gradient_scale(const Run *run, const SpikeReport *report, double grad_norm) {
    double scale = optimizer_clip_scale(&run->config->optim, grad_norm);
    if (run->config->spike.action != ACTION_CLIP || !report->spike) return scale;
    double typical = spike_clip_norm(run->detector, report);
    return typical < scale * grad_norm ? typical / grad_norm : scale;
}

/* A non-finite step is never applied, nor is a flagged one if the action is skip or stop. */
static bool may_apply(const Run *run, const SpikeReport *report) {
    int action = run->config->spike.action;
    return report->finite && !(report->spike && (action == ACTION_SKIP || action == ACTION_STOP));
}

/* The value of column `action`: what was done about a flagged step, "" for any other step. */
static const char *action_taken(const Run *run, const SpikeReport *report) {
    int action = run->config->spike.action;
    if (!report->spike) return "";
    return spike_action_name(report->finite || action == ACTION_SKIP ? action : ACTION_STOP);
}

/* Where a step that is not finite first became so: in the forward pass of a micro-batch, in its loss,
 * or in the backward pass. To be called before norms are removed and weights change. */
static NonFinite find_nonfinite(Run *run, size_t step, double gamma, const SpikeReport *report) {
    const size_t L = run->model->shape.L;
    for (size_t micro = 0; micro < run->config->train.accum; micro++) {
        dataset_train_batch(run->data, run->tokens, run->targets, step, micro);
        Pass pass = pass_of(run, step, micro, gamma);
        NonFinite found = nonfinite_forward(run->model, &pass);
        if (*found.name) return found;
    }
    if (!report->loss.finite) return nonfinite_logits(L);
    return nonfinite_gradient(&run->model->params, run->optimizer.tensor_norms, L);
}

/* A step that is not finite has one name: the growth of its tensors says nothing. */
static void log_nonfinite(Run *run, size_t step, const SpikeReport *report) {
    const char *names[SPIKE_TENSORS] = {run->nonfinite.name};
    size_t batch = (step - 1) * run->config->train.accum;
    SpikeReport named = *report;
    named.growth[0] = INFINITY;
    runlog_write_spikes(&run->log, step, &named, names, batch, action_taken(run, report));
    progress_spike(&run->progress, step, &named, names[0], action_taken(run, report));
}

static void log_spike(Run *run, size_t step, const SpikeReport *report) {
    const char *names[SPIKE_TENSORS];
    if (!report->finite) {
        log_nonfinite(run, step, report);
        return;
    }
    for (size_t i = 0; i < SPIKE_TENSORS; i++) {
        bool known = !isnan(report->growth[i]);
        names[i] = known ? run->model->params.list[report->tensor[i]].name : NULL;
    }
    size_t batch = (step - 1) * run->config->train.accum;
    runlog_write_spikes(&run->log, step, report, names, batch, action_taken(run, report));
    progress_spike(&run->progress, step, report, names[0], action_taken(run, report));
}

/* The gradient of the stream at the input of a block, without first tokens if there are others. */
static double block_gradient(const Probe *probe, size_t block) {
    const ProbeStats *stats = probe_stats(probe, probe_sublayer(block, false), PROBE_STREAM);
    return stats->grad_rms[stats->moments[TOKEN_REST].tokens > 0 ? TOKEN_REST : TOKEN_FIRST];
}

static void log_measured(Run *run, size_t step, bool applied) {
    layers_write(&run->log.file[FILE_LAYERS], step, run->probe, run->peaks);
    tensors_write(&run->log.file[FILE_TENSORS], step, &run->model->params,
                  run->optimizer.tensor_norms, applied ? run->changes : NULL);
    health_gradients(run->health, step, block_gradient(run->probe, 0),
                     block_gradient(run->probe, run->probe->L - 1));
}

/* The largest attention logit of the step, over all blocks. */
static double max_logit(const Run *run) {
    real largest = -INFINITY;
    for (size_t i = 0; i < run->model->shape.L * TOKEN_GROUPS; i++)
        largest = run->peaks[i] > largest ? run->peaks[i] : largest;
    return (double)largest;
}

bool run_update(Run *run, size_t step, LogRow *row) {
    const Config *config = run->config;
    double start = clock_seconds(), gamma = schedule_gamma(&config->gamma_warmup, step - 1);
    Rates rates =
        optimizer_rates(&config->optim, run->manifest.lr_scale, step, config->train.steps);
    double loss;
    if (!accumulate(run, step, gamma, &loss)) return false;
    double grad_norm = optimizer_grad_norm(&run->optimizer);
    SpikeReport report = spike_observe(run->detector, loss, grad_norm, run->optimizer.tensor_norms);
    run->report = report;
    run->nonfinite =
        report.finite ? (NonFinite){.layer = 0} : find_nonfinite(run, step, gamma, &report);
    double scale = gradient_scale(run, &report, grad_norm);
    bool applied = may_apply(run, &report);
    if (applied) {
        optimizer_update(&run->optimizer, rates, scale,
                         wants_layers(run, step) ? run->changes : NULL);
        model_update_running_scales(run->model);
    }
    model_remove_norms(run->model, step);
    double seconds = clock_seconds() - start;

    size_t tokens = config->train.accum * config->train.batch * run->model->shape.T;
    run->train_seconds += seconds;
    health_observe(run->health, step, loss, grad_norm, &report, applied);
    log_set(row, LOG_STEP, (double)step);
    log_set(row, LOG_TOKENS, (double)(step * tokens));
    log_set(row, LOG_TRAIN_LOSS, loss);
    log_set(row, LOG_LR, rates.adamw);
    log_set(row, LOG_GAMMA_SCALE, gamma);
    log_set(row, LOG_GRAD_NORM, grad_norm);
    log_set(row, LOG_CLIP_SCALE, scale);
    if (!report.loss.finite || !isnan(report.loss.z)) log_set(row, LOG_LOSS_Z, report.loss.z);
    if (!report.grad.finite || !isnan(report.grad.z)) log_set(row, LOG_GRAD_Z, report.grad.z);
    log_set(row, LOG_SPIKE, report.spike);
    row->action = action_taken(run, &report);
    if (run->peaks) log_set(row, LOG_MAX_LOGIT, max_logit(run));
    log_set(row, LOG_STEP_MS, 1e3 * seconds);
    log_set(row, LOG_TOKENS_PER_S, (double)tokens / seconds);
    if (report.spike) log_spike(run, step, &report);
    if (wants_layers(run, step)) log_measured(run, step, applied);
    return true;
}

double run_validate(Run *run, size_t step) {
    real gamma = (real)schedule_gamma(&run->config->gamma_warmup, step);
    BranchRamp branch = schedule_branch(&run->config->branch_warmup, step);
    return validate(run->model, run->data, run->model->shape.T, gamma, branch, run->tokens,
                    run->targets, NULL);
}

bool run_wants_validation(const Run *run, size_t step) {
    const TrainOptions *train = &run->config->train;
    if (!train->eval_every || !dataset_val_rows(run->data)) return false;
    return step % train->eval_every == 0 || step == train->steps;
}

static Ending ending_of(const HealthSummary *health, int code) {
    if (code == EXIT_DIVERGED) return ENDING_DIVERGED;
    if (code != EXIT_DONE) return ENDING_STOPPED;
    if (health->diverged) return ENDING_DIVERGED;
    return health_is_stuck(health) ? ENDING_STUCK : ENDING_DONE;
}

Summary run_summary(const Run *run, int code) {
    HealthSummary health = health_summary(run->health);
    const TrainOptions *train = &run->config->train;
    double tokens = (double)(health.steps * train->accum * train->batch * run->model->shape.T);
    return (Summary){.health = health,
                     .ending = ending_of(&health, code),
                     .code = code,
                     .seconds = run->train_seconds,
                     .tokens_per_s = run->train_seconds > 0 ? tokens / run->train_seconds : NAN,
                     .steps = health.steps};
}
