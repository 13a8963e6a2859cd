/* dryrun.c - see dryrun.h. */
#include "run/commands/dryrun.h"

#include "base/machine.h"
#include "base/text_out.h"
#include "model/equations.h"
#include "ops/ops.h"
#include "run/commands/advice.h"
#include "run/io/files.h"
#include "run/io/json_out.h"
#include "run/optim/optimizer.h"
#include "run/train/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Work outside GEMM (norms, activations, softmax, residuals, zeroing) costs as much per element of
 * the buffers as this many FLOPs of GEMM. UNCERTAINTY is the relative error of the estimated time.
 * Both were measured: docs/dry_run.md. */
static const double BUFFER_FLOPS = 150, UNCERTAINTY = 0.25;
static const double PROBE_SECONDS = 0.2, UPDATE_SECONDS = 0.05;

/* Everything that is printed. */
typedef struct {
    const Config *config;
    const Dataset *data;
    MemoryPlan memory;
    double program;         /* bytes of code, libraries, threads and BLAS buffers */
    ProbeRate gemm, update; /* FLOP/s and parameters/s */
    ProbeRate newton;       /* FLOP/s of float32 matrices of Muon; 0 without it */
    double tokens;          /* per update */
    double flops;           /* per update */
} Estimate;

static size_t parameters(const Estimate *estimate) {
    return size_total(&estimate->memory.model).parameters;
}

static bool uses_muon(const Estimate *estimate) {
    return estimate->config->optim.kind == OPTIMIZER_MUON;
}

/* --- measuring --- */

static size_t size_min(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Times the GEMM of the MLP's first layer, at a size that takes milliseconds, and AdamW. The
 * resident memory after the GEMM includes the packing buffers of BLAS; it is what the run holds
 * besides its memory plan. */
static void probe(Estimate *estimate) {
    enum { TOKENS = 1024, WIDTH = 2048 };
    const Shape *s = &estimate->memory.model.shape;
    estimate->gemm = ops_probe_gemm(size_min(s->B * s->T, TOKENS), size_min(s->F, WIDTH),
                                    size_min(s->C, WIDTH), PROBE_SECONDS);
    estimate->program = machine_resident();
    estimate->update =
        ops_probe_update(size_min(parameters(estimate), (size_t)1 << 22), UPDATE_SECONDS);
    if (!uses_muon(estimate)) return;
    ops_set_precision(PRECISION_FLOAT32);
    const size_t side = size_min(s->C, WIDTH);
    estimate->newton = ops_probe_gemm(side, size_min(s->F, WIDTH), side, UPDATE_SECONDS);
}

/* Forward and backward, per token. */
static double seconds_per_token(const Estimate *estimate) {
    const ModelSize *model = &estimate->memory.model;
    double elements = size_total(model).buffers / sizeof(real);
    double others = BUFFER_FLOPS * elements / (double)(model->shape.B * model->shape.T);
    return (model_flops_per_token(model) + others) / estimate->gemm.mean;
}

static double seconds_per_update(const Estimate *estimate) {
    double muon =
        uses_muon(estimate) ? estimate->memory.model.linear.flops / estimate->newton.mean : 0;
    return estimate->tokens * seconds_per_token(estimate) +
           (double)parameters(estimate) / estimate->update.mean + muon;
}

/* Number of validations of the run. */
static size_t validations(const Estimate *estimate) {
    const TrainOptions *train = &estimate->config->train;
    if (!train->eval_every || !dataset_val_rows(estimate->data)) return 0;
    return train->steps / train->eval_every + 1 + (train->steps % train->eval_every != 0);
}

/* Forward only: a third of the work. */
static double seconds_per_validation(const Estimate *estimate) {
    double tokens = (double)(dataset_val_rows(estimate->data) * estimate->memory.model.shape.T);
    return tokens * seconds_per_token(estimate) / 3;
}

static double seconds_total(const Estimate *estimate) {
    return seconds_per_update(estimate) * (double)estimate->config->train.steps +
           seconds_per_validation(estimate) * (double)validations(estimate);
}

/* --- printing: one function per block of lines --- */

static void print_equations(const Config *config) {
    char hash[17];
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    printf("equations    %s (see --describe)\n", hash);
    equations_print_precision(stdout, &config->model);
    putchar('\n');
}

static void print_group(const char *name, const GroupSize *group) {
    char weights[BYTES_TEXT], buffers[BYTES_TEXT];
    printf("%-12s %8zu %13zu %10s %10s\n", name, group->tensors, group->parameters,
           bytes_text(weights, group->weights), bytes_text(buffers, group->buffers));
}

static void print_groups(const ModelSize *size) {
    GroupSize total = size_total(size);
    printf("%-12s %8s %13s %10s %10s\n", "", "tensors", "parameters", "weights", "buffers");
    for (int i = 0; i < GROUPS; i++) print_group(group_name(i), &size->group[i]);
    print_group("total", &total);
}

static void print_bytes(const char *title, const char *name, double bytes, const char *what) {
    char text[BYTES_TEXT];
    printf("%-12s %-12s %10s  %s\n", title, name, bytes_text(text, bytes), what);
}

static double memory_peak(const Estimate *estimate) {
    return estimate->program + memory_total(&estimate->memory);
}

static void print_memory(const Estimate *estimate) {
    const MemoryPlan *memory = &estimate->memory;
    const MachineMemory machine = machine_memory();
    GroupSize total = size_total(&memory->model);
    double files = (double)dataset_file_bytes(estimate->data), peak = memory_peak(estimate);
    char text[BYTES_TEXT], fraction[96];
    snprintf(fraction, sizeof fraction, "%.3g %% of the %s that %s", 100 * peak / machine.bytes,
             bytes_text(text, machine.bytes), machine.what);
    putchar('\n');
    print_bytes("memory", "weights", total.weights, "");
    print_bytes("", "gradients", total.weights, "");
    print_bytes("", "moments", memory->model.moments, "");
    print_bytes("", "buffers", total.buffers, "activations, their gradients, logits, scratch");
    print_bytes("", "other", memory_others(memory),
                uses_muon(estimate) ? "tokens, spike detector, statistics, lists, scratch of Muon"
                                    : "tokens, spike detector, statistics, lists");
    print_bytes("", "program", estimate->program, "code, libraries, threads, BLAS buffers");
    print_bytes("", "total", peak, fraction);
    print_bytes("", "data files", files, "not in the total: read as needed, cached by the system");
}

static void print_seconds(double seconds) {
    if (seconds < 100)
        printf("%.3g s", seconds);
    else if (seconds < 100 * 60)
        printf("%.3g min", seconds / 60);
    else
        printf("%.3g h", seconds / 3600);
}

static void print_time(const Estimate *estimate) {
    double step = seconds_per_update(estimate);
    printf("\nmodel FLOPs  %.4g GFLOP per update, %.4g MFLOP per token\n", 1e-9 * estimate->flops,
           1e-6 * model_flops_per_token(&estimate->memory.model));
    printf("GEMM         %.4g GFLOP/s now (best %.4g), AdamW %.4g M parameters/s, %s\n",
           1e-9 * estimate->gemm.mean, 1e-9 * estimate->gemm.best, 1e-6 * estimate->update.mean,
           ops_threads_text());
    if (uses_muon(estimate)) {
        const LinearSize *linear = &estimate->memory.model.linear;
        printf("Muon         %zu matrices, %zu parameters, %.4g GFLOP per update at %.4g GFLOP/s\n",
               linear->matrices, linear->parameters, 1e-9 * linear->flops,
               1e-9 * estimate->newton.mean);
    }
    printf("update       %.4g ms, %.4g tokens/s, +-%.0f %%\n", 1e3 * step, estimate->tokens / step,
           100 * UNCERTAINTY);
    printf("run          ");
    print_seconds(seconds_total(estimate));
    printf(" for %zu updates and %zu validations, +-%.0f %%\n", estimate->config->train.steps,
           validations(estimate), 100 * UNCERTAINTY);
}

static void print_data(const Estimate *estimate) {
    double tokens = estimate->tokens * (double)estimate->config->train.steps;
    uint64_t available = dataset_train_tokens(estimate->data);
    char *line = dataset_describe(estimate->data);
    printf("\ndata         %s\n", line);
    mem_free(line);
    printf("tokens       %.0f per update, %.0f in total", estimate->tokens, tokens);
    if (available) printf(", %.3g epochs", tokens / (double)available);
    putchar('\n');
}

/* Bytes of a checkpoint: 4 per weight and 8 for its moments (4 if Muon updates it), 4 per running
 * statistic, the windows of the spike detector (without their sorted copies) and of the run's health,
 * and two headers with the config and an entry per array. */
static double checkpoint_bytes(const Estimate *estimate) {
    enum { ENTRY = 100, METADATA = 4096, HEALTH = 16384 };
    const LinearSize *linear = &estimate->memory.model.linear;
    double arrays = 3 * (double)size_total(&estimate->memory.model).tensors;
    double sorted = 2 * sizeof(double) * (double)estimate->config->spike.window;
    double values =
        12 * (double)parameters(estimate) + 4 * (double)estimate->memory.model.statistics;
    if (uses_muon(estimate)) {
        values -= 4 * (double)linear->parameters;
        arrays -= (double)linear->tensors;
    }
    return values + estimate->memory.detector - sorted + HEALTH + ENTRY * arrays + 2 * METADATA;
}

/* The last multiple of `every` before `step`; 0 if there is none. */
static size_t multiple_before(size_t step, size_t every) {
    return every && step ? (step - 1) / every * every : 0;
}

/* Number of checkpoints on disk at the end of the run, if its best one is not among the others. */
static size_t checkpoints_kept(const TrainOptions *train) {
    size_t kept = 0, step = train->steps;
    do {
        kept++;
        const size_t regular = multiple_before(step, train->checkpoint_every);
        const size_t lasting = multiple_before(step, train->keep_every);
        step = regular > lasting ? regular : lasting;
    } while (step && kept < train->keep);
    if (train->keep_every) kept += step / train->keep_every;
    return kept + (train->keep_best && train->eval_every);
}

/* Bytes of the CSV files at the end of the run: records of typical lengths. The norms of a sublayer are
 * in three slots at most. */
static double log_bytes(const Estimate *estimate) {
    enum { LOG = 105, LAYER = 97, TENSOR = 70 };
    const ModelSize *model = &estimate->memory.model;
    const LogOptions *log = &estimate->config->log;
    size_t L = model->shape.L, steps = estimate->config->train.steps;
    size_t sites = 2 + 4 * L + size_min(model->group[GROUP_NORMS].tensors, 6 * L + 1);
    double bytes = (double)(steps / log->every) * LOG;
    if (!log->layers_every) return bytes;
    double measured = (double)(steps / log->layers_every);
    return bytes +
           measured * (2 * LAYER * (double)sites + TENSOR * (double)size_total(model).tensors);
}

/* Free bytes on the file system of `path`, which may not exist yet; NAN if unknown. */
static double disk_free(const char *path) {
    char *parent = text_format("./%s", path), *start = *path == '/' ? parent + 2 : parent;
    int error;
    double room;
    while (isnan(room = folder_room(start, &error)) && error == ENOENT) {
        char *slash = strrchr(start, '/');
        if (!slash || !slash[1]) break;
        slash[slash == start] = '\0'; /* keep the slash of the root */
    }
    mem_free(parent);
    return room;
}

/* Bytes of all checkpoints while one more is written. */
static double disk_needed(const Estimate *estimate) {
    return checkpoint_bytes(estimate) * (double)(checkpoints_kept(&estimate->config->train) + 1);
}

static void warn_of_disk(const Estimate *estimate, const char *dir) {
    char all[BYTES_TEXT], logs[BYTES_TEXT], room[BYTES_TEXT];
    double needed = disk_needed(estimate), written = log_bytes(estimate);
    double available = disk_free(dir);
    if (!(needed + written > available)) return;
    fprintf(stderr,
            "train: warning: the checkpoints need %s and the logs about %s, but %s has %s free; "
            "reduce train.keep, measure less often (log.every, log.layers_every) or change "
            "log.dir\n",
            bytes_text(all, needed), bytes_text(logs, written), dir, bytes_text(room, available));
}

static void print_disk(const Estimate *estimate, const char *dir) {
    char one[BYTES_TEXT], all[BYTES_TEXT], room[BYTES_TEXT], logs[BYTES_TEXT];
    size_t kept = checkpoints_kept(&estimate->config->train);
    double available = disk_free(dir);
    printf("\ncheckpoint   %s, %zu kept plus one being written: %s",
           bytes_text(one, checkpoint_bytes(estimate)), kept,
           bytes_text(all, disk_needed(estimate)));
    printf(", free: %s", isnan(available) ? "unknown" : bytes_text(room, available));
    printf("\nlogs         about %s\n", bytes_text(logs, log_bytes(estimate)));
    printf("folder       %s\n", dir);
}

/* Updates whose learning rate is shown: the first, and the ends of four equal parts. Returns their
 * number. */
enum { SHOWN_UPDATES = 5 };
static size_t shown_updates(size_t steps, size_t shown[SHOWN_UPDATES]) {
    const size_t parts = SHOWN_UPDATES - 1;
    size_t count = 0;
    for (size_t i = 0, last = 0; i <= parts && steps; i++) {
        size_t step = i ? steps / parts * i + steps % parts * i / parts : 1;
        if (step == last || step == 0) continue;
        last = step;
        shown[count++] = step;
    }
    return count;
}

static Rates rates_of_update(const Config *config, size_t step) {
    const double factor = schedule_lr_factor(&config->optim, config->model.norm);
    return optimizer_rates(&config->optim, factor, step, config->train.steps);
}

static void print_schedule(const Config *config) {
    size_t shown[SHOWN_UPDATES], count = shown_updates(config->train.steps, shown);
    const bool muon = config->optim.kind == OPTIMIZER_MUON;
    printf("\n%-12s %10s %12s %12s%s\n", "schedule", "update", "lr", "gamma_scale",
           muon ? "      muon_lr" : "");
    for (size_t i = 0; i < count; i++) {
        const Rates rates = rates_of_update(config, shown[i]);
        printf("%-12s %10zu %12.6g %12.6g", "", shown[i], rates.adamw,
               schedule_gamma(&config->gamma_warmup, shown[i] - 1));
        if (muon) printf(" %12.6g", rates.muon);
        putchar('\n');
    }
}

/* The same figures as one line for scripts. */
static void print_line(const Estimate *estimate) {
    printf("\nparameters=%zu peak_rss_mb=%.4f model_gflop=%.9g sgemm_gflops=%.4g ms_per_step=%.4g "
           "log_bytes=%.0f checkpoint_bytes=%.0f\n",
           parameters(estimate), memory_peak(estimate) / 1048576, 1e-9 * estimate->flops,
           1e-9 * estimate->gemm.mean, 1e3 * seconds_per_update(estimate), log_bytes(estimate),
           checkpoint_bytes(estimate));
}

static void print_text(const Estimate *estimate, const char *dir) {
    print_equations(estimate->config);
    print_groups(&estimate->memory.model);
    print_memory(estimate);
    print_time(estimate);
    print_data(estimate);
    print_disk(estimate, dir);
    print_schedule(estimate->config);
    advice_print(estimate->config, stdout);
    print_line(estimate);
}

/* --- JSON: the same figures, in bytes, seconds and FLOPs --- */

static void json_bytes(Json *json, const char *name, double bytes) {
    json_integer(json, name, (uint64_t)bytes);
}

static void print_json_groups(Json *json, const ModelSize *size) {
    json_list_open(json, "groups");
    for (int i = 0; i < GROUPS; i++) {
        const GroupSize *group = &size->group[i];
        json_item(json);
        json_open(json, NULL);
        json->layout = JSON_INLINE;
        json_string(json, "name", group_name(i));
        json_integer(json, "tensors", group->tensors);
        json_integer(json, "parameters", group->parameters);
        json_bytes(json, "weights", group->weights);
        json_bytes(json, "buffers", group->buffers);
        json_close(json);
        json->layout = JSON_LINES;
    }
    json_list_close(json);
}

static void print_json_memory(Json *json, const Estimate *estimate) {
    const MemoryPlan *memory = &estimate->memory;
    GroupSize total = size_total(&memory->model);
    json_open(json, "memory_bytes");
    json_bytes(json, "weights", total.weights);
    json_bytes(json, "gradients", total.weights);
    json_bytes(json, "moments", memory->model.moments);
    json_bytes(json, "buffers", total.buffers);
    json_bytes(json, "other", memory_others(memory));
    json_bytes(json, "program", estimate->program);
    json_bytes(json, "total", memory_peak(estimate));
    json_bytes(json, "machine", machine_memory().bytes);
    json_bytes(json, "data_files", (double)dataset_file_bytes(estimate->data));
    json_close(json);
}

static void print_json_time(Json *json, const Estimate *estimate) {
    double step = seconds_per_update(estimate);
    json_open(json, "time");
    json_number(json, "flop_per_update", estimate->flops);
    json_number(json, "flop_per_token", model_flops_per_token(&estimate->memory.model));
    json_number(json, "gemm_flops", estimate->gemm.mean);
    json_number(json, "adamw_parameters_per_s", estimate->update.mean);
    if (uses_muon(estimate)) {
        json_number(json, "muon_flop_per_update", estimate->memory.model.linear.flops);
        json_number(json, "muon_gemm_flops", estimate->newton.mean);
    }
    json_integer(json, "threads", ops_threads());
    if (ops_threads_quota() > 0) json_number(json, "cpu_quota", ops_threads_quota());
    json_number(json, "seconds_per_update", step);
    json_number(json, "tokens_per_s", estimate->tokens / step);
    json_number(json, "seconds", seconds_total(estimate));
    json_number(json, "uncertainty", UNCERTAINTY);
    json_integer(json, "updates", estimate->config->train.steps);
    json_integer(json, "validations", validations(estimate));
    json_close(json);
}

static void print_json_data(Json *json, const Estimate *estimate) {
    char *line = dataset_describe(estimate->data);
    double tokens = estimate->tokens * (double)estimate->config->train.steps;
    uint64_t available = dataset_train_tokens(estimate->data);
    json_open(json, "data");
    json_string(json, "about", line);
    json_number(json, "tokens_per_update", estimate->tokens);
    json_number(json, "tokens", tokens);
    json_number(json, "epochs", available ? tokens / (double)available : NAN);
    json_close(json);
    mem_free(line);
}

static void print_json_disk(Json *json, const Estimate *estimate, const char *dir) {
    double available = disk_free(dir);
    json_open(json, "disk");
    json_bytes(json, "checkpoint_bytes", checkpoint_bytes(estimate));
    json_bytes(json, "log_bytes", log_bytes(estimate));
    json_integer(json, "checkpoints_kept", checkpoints_kept(&estimate->config->train));
    json_bytes(json, "needed_bytes", disk_needed(estimate));
    if (!isnan(available)) json_bytes(json, "free_bytes", available);
    json_string(json, "folder", dir);
    json_close(json);
}

static void print_json_schedule(Json *json, const Config *config) {
    size_t shown[SHOWN_UPDATES], count = shown_updates(config->train.steps, shown);
    json_list_open(json, "schedule");
    for (size_t i = 0; i < count; i++) {
        json_item(json);
        json_open(json, NULL);
        json->layout = JSON_INLINE;
        const Rates rates = rates_of_update(config, shown[i]);
        json_integer(json, "update", shown[i]);
        json_number(json, "lr", rates.adamw);
        if (config->optim.kind == OPTIMIZER_MUON) json_number(json, "muon_lr", rates.muon);
        json_number(json, "gamma_scale", schedule_gamma(&config->gamma_warmup, shown[i] - 1));
        json_close(json);
        json->layout = JSON_LINES;
    }
    json_list_close(json);
}

static void print_json(const Estimate *estimate, const char *dir) {
    const Config *config = estimate->config;
    char hash[17];
    Json json = {.out = stdout};
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    json_open(&json, NULL);
    json_string(&json, "name", config->name);
    json_string(&json, "equations", hash);
    json_integer(&json, "parameters", parameters(estimate));
    print_json_groups(&json, &estimate->memory.model);
    print_json_memory(&json, estimate);
    print_json_time(&json, estimate);
    print_json_data(&json, estimate);
    print_json_disk(&json, estimate, dir);
    print_json_schedule(&json, config);
    advice_print_json(config, &json);
    json_close(&json);
    putchar('\n');
}

int dryrun(const Config *config, const char *dir, bool as_json) {
    const TrainOptions *train = &config->train;
    Estimate estimate = {.config = config};
    ops_start(train->threads);
    Dataset *data = dataset_open(&config->data, config->model.context, train->batch, train->accum,
                                 train->eval_every ? train->eval_rows : 0, (uint32_t)train->seed);
    size_t V = dataset_vocab_size(data);
    memory_require(config, V);
    if (!memory_plan(&estimate.memory, config, V)) {
        die(EXIT_INTERNAL, "a valid config makes no model");
    }
    dataset_warn(data, stderr);
    estimate.data = data;
    estimate.tokens = (double)train->batch * (double)train->accum * (double)config->model.context;
    estimate.flops = estimate.tokens * model_flops_per_token(&estimate.memory.model);
    ops_set_precision((Precision)config->model.precision);
    probe(&estimate);

    if (as_json)
        print_json(&estimate, dir);
    else
        print_text(&estimate, dir);
    warn_of_disk(&estimate, dir);
    dataset_close(data);
    return EXIT_DONE;
}
