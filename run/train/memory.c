/* memory.c - see memory.h. */
#include "run/train/memory.h"

#include "base/machine.h"
#include "run/io/safetensors.h"

#include <stdio.h>
#include <string.h>

/* Per parameter: its entry in the registry, its name, and, while a checkpoint is written, one
 * Tensor for the parameter and one for each moment. Growing lists may reserve twice their length.
 */
enum { ENTRY_BYTES = 2 * sizeof(Param) + 64 + 3 * 2 * sizeof(Tensor) };

ModelUse memory_use(const Config *config) {
    return config->train.recompute ? MODEL_RECOMPUTE : MODEL_TRAIN;
}

bool memory_plan(MemoryPlan *plan, const Config *config, size_t V) {
    char error[256];
    const size_t T = config->model.context;
    *plan = (MemoryPlan){0};
    if (!model_measure(&plan->model, &config->model, &config->gamma_warmup, V, config->train.batch,
                       memory_use(config), error, sizeof error)) {
        return false;
    }
    double tensors = (double)size_total(&plan->model).tensors;
    double batch = (double)config->train.batch * (double)T, sequence = (double)T + 1;
    plan->tokens = 2 * batch * sizeof(int) + sequence * (sizeof(int) + 1);
    plan->detector = spike_bytes(&config->spike, size_total(&plan->model).tensors);
    if (config->optim.kind == OPTIMIZER_MUON) {
        const LinearSize *linear = &plan->model.linear;
        plan->model.moments -= linear->bytes; /* their second moment */
        plan->scratch = (double)linear->scratch * sizeof(real);
    }
    if (config->log.layers_every)
        plan->probe = (double)probe_bytes(config->model.n_layer) + tensors * sizeof(double);
    plan->lists = tensors * (ENTRY_BYTES + sizeof(double)) +
                  (double)config->model.n_layer *
                      (sizeof(Block) + sizeof(BlockWiring) + BLOCK_SITES * sizeof(NormSite));
    return true;
}

double memory_others(const MemoryPlan *plan) {
    return plan->tokens + plan->detector + plan->probe + plan->lists + plan->scratch;
}

double memory_total(const MemoryPlan *plan) {
    return size_bytes(&plan->model) + memory_others(plan);
}

/* The keys that memory use grows with. */
static const struct {
    const char *path;
    size_t offset; /* of a size_t in Config */
} KEYS[] = {
    {"train.batch", offsetof(Config, train.batch)},
    {"model.context", offsetof(Config, model.context)},
    {"model.n_layer", offsetof(Config, model.n_layer)},
    {"model.d_model", offsetof(Config, model.d_model)},
    {"model.d_ff", offsetof(Config, model.d_ff)},
    {"data.vocab_size", offsetof(Config, data.vocab_size)},
    {"spike.window", offsetof(Config, spike.window)},
};
enum { KEY_COUNT = sizeof KEYS / sizeof *KEYS, SHOWN = 3 };

/* The bytes saved by halving a key; 0 if the config is then invalid. */
static double half_saves(const Config *config, size_t V, size_t key, double total) {
    char error[256];
    Config half = *config;
    size_t *value = (size_t *)((char *)&half + KEYS[key].offset);
    *value /= 2;
    if (*value == 0 || !model_check(&half.model, error, sizeof error)) return 0;
    MemoryPlan plan;
    size_t smaller = half.data.vocab_size && half.data.vocab_size < V ? half.data.vocab_size : V;
    return memory_plan(&plan, &half, smaller) ? total - memory_total(&plan) : 0;
}

/* Appends the keys that save most, each at least a tenth of the best one. */
static void add_hints(char *message, size_t length, const Config *config, size_t V, double total) {
    double saved[KEY_COUNT], best = 0;
    for (size_t i = 0; i < KEY_COUNT; i++) saved[i] = half_saves(config, V, i, total);
    for (int shown = 0; shown < SHOWN; shown++) {
        size_t most = 0, used = strlen(message);
        for (size_t i = 1; i < KEY_COUNT; i++) most = saved[i] > saved[most] ? i : most;
        if (saved[most] <= 0.1 * best || saved[most] <= 0) return;
        if (shown == 0) best = saved[most];
        char text[BYTES_TEXT];
        size_t value = *(const size_t *)((const char *)config + KEYS[most].offset);
        snprintf(message + used, length - used, "%s%s = %zu saves %s",
                 shown ? ", halving " : "; halving ", KEYS[most].path, value,
                 bytes_text(text, saved[most]));
        saved[most] = 0;
    }
}

void memory_require(const Config *config, size_t V) {
    char message[1024];
    MemoryPlan plan;
    if (!memory_plan(&plan, config, V)) return; /* model_create reports the error */
    if (size_fits(&plan.model, memory_others(&plan), message, sizeof message)) return;
    add_hints(message, sizeof message, config, V, memory_total(&plan));
    die(EXIT_USAGE, "%s", message);
}
