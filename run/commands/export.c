/* export.c - see export.h. */
#include "run/commands/export.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "model/equations.h"
#include "model/folding.h"
#include "run/io/files.h"
#include "run/io/json_out.h"
#include "run/models/peri_class.h"
#include "run/models/tokenizer_out.h"
#include "run/optim/schedule.h"
#include "run/store/rundir.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is exported. */
typedef struct {
    StoredModel *stored;
    Model *model; /* in float32 */
    PeriFacts facts;
    char *folder; /* its temporary name */
} Export;

/* --- files --- */

static void write_text(const Export *export, const char *name, const char *text, size_t size) {
    char *path = text_format("%s/%s", export->folder, name);
    int error = file_replace(path, text, size);
    mem_free(path);
    if (!error) return;
    folder_remove(export->folder, NULL);
    die(EXIT_IO, "cannot write %s: %s", name, strerror(error));
}

static void write_config(const Export *export) {
    TextOut text;
    FILE *out = text_begin(&text);
    peri_class_config(out, export->model, &export->facts);
    char *contents = text_end(&text);
    write_text(export, "config.json", contents, text.size);
    mem_free(contents);
}

static void write_generation_config(const Export *export) {
    TextOut text;
    Json json = {.out = text_begin(&text)};
    json_open(&json, NULL);
    json_boolean(&json, "use_cache", true);
    if (export->facts.eos >= 0) json_integer(&json, "eos_token_id", (uint64_t) export->facts.eos);
    json_close(&json);
    fputc('\n', json.out);
    char *contents = text_end(&text);
    write_text(export, "generation_config.json", contents, text.size);
    mem_free(contents);
}

static void write_tokenizer_config(const Export *export) {
    TextOut text;
    Json json = {.out = text_begin(&text)};
    json_open(&json, NULL);
    json_string(&json, "tokenizer_class", "PreTrainedTokenizerFast");
    json_boolean(&json, "clean_up_tokenization_spaces", false);
    json_integer(&json, "model_max_length", export->model->shape.T);
    if (export->facts.eos >= 0) json_string(&json, "eos_token", "<|endoftext|>");
    json_close(&json);
    fputc('\n', json.out);
    char *contents = text_end(&text);
    write_text(export, "tokenizer_config.json", contents, text.size);
    mem_free(contents);
}

static void write_tokenizer(const Export *export) {
    size_t length;
    char *text = tokenizer_out(&export->stored->vocab, &length);
    if (!text) return;
    write_text(export, "tokenizer.json", text, length);
    write_tokenizer_config(export);
    mem_free(text);
}

static void write_weights(const Export *export) {
    Snapshot snapshot = {0};
    uint64_t bytes, hash;
    const StoredModel *stored = export->stored;
    stored_model_describe(&snapshot, &stored->config, &stored->vocab, stored->step);
    stored_model_tensors(&export->model->params, &snapshot);
    char *path = text_format("%s/model.safetensors", export->folder);
    int error = safetensors_write(path, snapshot.model, arrlenu(snapshot.model), snapshot.metadata,
                                  arrlenu(snapshot.metadata), &bytes, &hash);
    mem_free(path);
    snapshot_free(&snapshot);
    if (!error) return;
    folder_remove(export->folder, NULL);
    die(EXIT_IO, "cannot write model.safetensors: %s", strerror(error));
}

static void write_folder(Export *export, const char *dir) {
    export->folder = text_format("%s.tmp-%ld", dir, (long)getpid());
    int error = folder_create(export->folder);
    if (error) die(EXIT_IO, "cannot make %s: %s", export->folder, strerror(error));
    write_config(export);
    write_generation_config(export);
    write_tokenizer(export);
    write_text(export, PERI_CLASS_FILE, peri_class_source,
               (size_t)(peri_class_source_end - peri_class_source));
    write_weights(export);
    error = folder_sync(export->folder);
    if (!error && rename(export->folder, dir) != 0) error = errno;
    if (error) {
        folder_remove(export->folder, NULL);
        die(EXIT_IO, "cannot write %s: %s", dir, strerror(error));
    }
    mem_free(export->folder);
}

/* --- the model --- */

static int end_of_text(const Vocab *vocab) {
    static const char text[] = "<|endoftext|>";
    for (size_t token = 0; vocab->tokenizer && token < vocab->size; token++) {
        size_t length;
        const char *found = vocab_text(vocab, (int)token, &length);
        if (length == sizeof text - 1 && memcmp(found, text, length) == 0) return (int)token;
    }
    return -1;
}

static void refuse_removed_norms(const StoredModel *stored, const char *run) {
    for (size_t i = 0; i < stored->model->n_sites; i++) {
        if (norm_site_is_frozen(&stored->model->site[i]))
            die(EXIT_USAGE,
                "--export: %s has removed norms (norm_removal), and PeriForCausalLM has no "
                "constants in place of norms; --step N exports a checkpoint before step %zu",
                run, stored->config.model.removal.start);
    }
}

/* The weights in a model that computes in float32. */
static Model *in_float32(const StoredModel *stored, ModelOptions *options) {
    *options = stored->config.model;
    if (options->precision || options->stream_precision)
        printf("precision: the exported model computes in float32; the run does not\n");
    options->precision = options->stream_precision = PRECISION_FLOAT32;
    return folding_model(stored->model, options);
}

/* --- the line by which another program is compared --- */

/* The logits of tokens 0, 7, 14, ... modulo V: their mean, their mean square, and the first four of the last
 * token. */
static void print_parity(const Export *export) {
    enum { TOKENS = 16, STRIDE = 7, SHOWN = 4 };
    Model *model = export->model;
    const size_t V = model->shape.V, T = model->shape.T < TOKENS ? model->shape.T : TOKENS;
    int tokens[TOKENS];
    double sum = 0, squares = 0;
    for (size_t t = 0; t < T; t++) tokens[t] = (int)(STRIDE * t % V);
    const Pass pass = {
        .tokens = tokens, .B = 1, .T = T, .gamma = export->facts.w, .branch = export->facts.ramp};
    model_forward(model, &pass);
    real *logits = NULL;
    for (size_t t = 0; t < T; t++) {
        logits = model_logits(model, t);
        for (size_t v = 0; v < V; v++) {
            sum += (double)logits[v];
            squares += (double)logits[v] * (double)logits[v];
        }
    }
    const double n = (double)(T * V);
    printf("parity: tokens=%zu mean=%.6g mean_square=%.6g last=", T, sum / n, squares / n);
    for (size_t v = 0; v < V && v < SHOWN; v++) printf("%s%.6g", v ? "," : "", (double)logits[v]);
    putchar('\n');
}

void export_write(const Cli *cli) {
    StoredModel stored;
    ModelOptions options;
    char hash[17];
    rundir_check_new(cli->file);
    ops_start(0);
    stored_model_read(&stored, cli->run, cli->step, 1);
    refuse_removed_norms(&stored, cli->run);
    const Config *config = &stored.config;
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    Export export = {.stored = &stored,
                     .model = in_float32(&stored, &options),
                     .facts = {.equations = hash,
                               .w = (real)schedule_gamma(&config->gamma_warmup, stored.step),
                               .ramp = schedule_branch(&config->branch_warmup, stored.step),
                               .eos = end_of_text(&stored.vocab)}};
    write_folder(&export, cli->file);
    printf("class: PeriForCausalLM (%s), trust_remote_code=True\n", PERI_CLASS_FILE);
    printf("parameters=%zu step=%zu folder=%s\n", params_total(&export.model->params), stored.step,
           cli->file);
    print_parity(&export);
    model_free(export.model);
    stored_model_free(&stored);
}
