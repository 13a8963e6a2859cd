/* export.c - see export.h. */
#include "run/commands/export.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "model/equations.h"
#include "model/folding.h"
#include "run/io/files.h"
#include "run/io/json_out.h"
#include "run/models/gguf_write.h"
#include "run/models/hf_open.h"
#include "run/models/hf_weights.h"
#include "run/models/peri_class.h"
#include "run/models/stock_weights.h"
#include "run/models/tokenizer_out.h"
#include "run/optim/schedule.h"
#include "run/store/rundir.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What is exported. */
typedef struct {
    StoredModel *stored;
    Model *model; /* in float32 */
    PeriFacts facts;
    StockClass stock;
    bool is_stock; /* whether `stock` is the class, or PeriForCausalLM */
    char *folder;  /* its temporary name, or that of a GGUF file */
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
    if (export->is_stock)
        stock_class_config(out, &export->stock, export->facts.eos);
    else
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

static void write_tensors(const Export *export, const Snapshot *snapshot) {
    uint64_t bytes, hash;
    char *path = text_format("%s/model.safetensors", export->folder);
    int error = safetensors_write(path, snapshot->model, arrlenu(snapshot->model),
                                  snapshot->metadata, arrlenu(snapshot->metadata), &bytes, &hash);
    mem_free(path);
    if (!error) return;
    folder_remove(export->folder, NULL);
    die(EXIT_IO, "cannot write model.safetensors: %s", strerror(error));
}

/* The same bytes as in a checkpoint. */
static void write_weights(const Export *export) {
    Snapshot snapshot = {0};
    const StoredModel *stored = export->stored;
    stored_model_describe(&snapshot, &stored->config, &stored->vocab, stored->step);
    stored_model_tensors(&export->model->params, &snapshot);
    write_tensors(export, &snapshot);
    snapshot_free(&snapshot);
}

static void write_stock_weights(const Export *export) {
    Snapshot snapshot = {.model = stock_weights(&export->stock)};
    snapshot_add(&snapshot, "format", text_format("pt"));
    write_tensors(export, &snapshot);
    for (size_t i = 0; i < arrlenu(snapshot.model); i++) mem_free(snapshot.model[i].data);
    snapshot_free(&snapshot);
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

/* --- logits of fixed tokens --- */

enum { TOKENS = 16, STRIDE = 7, SHOWN = 4 };

/* The logits (T,V) of tokens 0, 7, 14, ... modulo V, for mem_free; T of them. */
static real *fixed_logits(Model *model, real w, BranchRamp ramp, size_t *T) {
    const size_t V = model->shape.V;
    int tokens[TOKENS];
    *T = model->shape.T < TOKENS ? model->shape.T : TOKENS;
    for (size_t t = 0; t < *T; t++) tokens[t] = (int)(STRIDE * t % V);
    const Pass pass = {.tokens = tokens, .B = 1, .T = *T, .gamma = w, .branch = ramp};
    real *logits = mem_alloc(size_mul(size_mul(*T, V), sizeof *logits));
    model_forward(model, &pass);
    for (size_t t = 0; t < *T; t++) copy(logits + t * V, model_logits(model, t), V);
    return logits;
}

/* The line by which another program is compared: mean and mean square of the logits, and the first four of the last
 * token. */
static void print_parity(const Export *export) {
    const size_t V = export->model->shape.V;
    size_t T;
    real *logits = fixed_logits(export->model, export->facts.w, export->facts.ramp, &T);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < T * V; i++) {
        sum += (double)logits[i];
        squares += (double)logits[i] * (double)logits[i];
    }
    const double n = (double)(T * V);
    printf("parity: tokens=%zu mean=%.6g mean_square=%.6g last=", T, sum / n, squares / n);
    for (size_t v = 0; v < V && v < SHOWN; v++)
        printf("%s%.6g", v ? "," : "", (double)logits[(T - 1) * V + v]);
    putchar('\n');
    mem_free(logits);
}

/* --- a stock class is read back as --import reads it --- */

/* The model in the folder. */
static Model *read_back(const Export *export, HfFiles *files, Config *config) {
    char *error = hf_open(files, export->folder, export->model->shape.T);
    if (!error && arrlenu(files->model.needs)) error = files->model.needs[0];
    if (error) die(EXIT_INTERNAL, "the exported model cannot be imported: %s", error);
    if (!config_parse_with(config, files->model.keys, "the exported config.json", NULL, 0))
        exit(EXIT_INTERNAL);
    Model *model =
        model_create(&config->model, &config->gamma_warmup, files->model.V, 1, MODEL_FORWARD);
    error = hf_weights_read(&model->params, &files->model, &files->weights);
    if (error) die(EXIT_INTERNAL, "the exported model cannot be imported: %s", error);
    return model;
}

/* Ends the program if its logits are not those of the run, up to `limit` of the largest. */
static void check_stock(const Export *export, double limit) {
    HfFiles files;
    Config config;
    size_t T;
    double largest = 0, difference = 0;
    Model *again = read_back(export, &files, &config);
    real *ours = fixed_logits(export->model, export->facts.w, export->facts.ramp, &T),
         *theirs = fixed_logits(again, 1, (BranchRamp){0}, &T);
    for (size_t i = 0; i < T * export->model->shape.V; i++) {
        largest = fmax(largest, fabs((double)ours[i]));
        if (!(fabs((double)ours[i] - (double)theirs[i]) <= difference))
            difference = fabs((double)ours[i] - (double)theirs[i]);
    }
    if (!(difference <= limit * largest))
        die(EXIT_INTERNAL, "%s differs by %.3g in logits of up to %.3g",
            export->stock.hf.architecture->class_name, difference, largest);
    printf("read back: max_difference=%.3g max_logit=%.3g\n", difference, largest);
    mem_free(ours);
    mem_free(theirs);
    model_free(again);
    config_free(&config);
    hf_close(&files);
}

/* --- the folder --- */

static void choose_class(Export *export) {
    char *why;
    export->is_stock = stock_class_choose(&export->stock, export->model, export->facts.w,
                                          export->facts.ramp, &why);
    if (export->is_stock)
        printf("class: %s\n", export->stock.hf.architecture->class_name);
    else
        printf("class: PeriForCausalLM (%s, trust_remote_code=True): %s\n", PERI_CLASS_FILE, why);
    mem_free(why);
}

static void write_folder(Export *export, const char *dir) {
    export->folder = text_format("%s.tmp-%ld", dir, (long)getpid());
    int error = folder_create(export->folder);
    if (error) die(EXIT_IO, "cannot make %s: %s", export->folder, strerror(error));
    write_config(export);
    write_generation_config(export);
    write_tokenizer(export);
    if (export->is_stock) {
        write_stock_weights(export);
        check_stock(export, 1e-3);
    } else {
        write_text(export, PERI_CLASS_FILE, peri_class_source,
                   (size_t)(peri_class_source_end - peri_class_source));
        write_weights(export);
    }
    error = folder_sync(export->folder);
    if (!error && rename(export->folder, dir) != 0) error = errno;
    if (error) {
        folder_remove(export->folder, NULL);
        die(EXIT_IO, "cannot write %s: %s", dir, strerror(error));
    }
    mem_free(export->folder);
}

/* --- GGUF --- */

/* In upper or lower case. */
static bool has_suffix(const char *name, const char *suffix) {
    const size_t length = strlen(name), tail = strlen(suffix);
    return length >= tail && strcasecmp(name + length - tail, suffix) == 0;
}

/* A file of the class that was chosen. */
static void write_gguf(Export *export, const char *path, WeightType type) {
    TextOut text;
    size_t length;
    if (!export->is_stock)
        die(EXIT_USAGE, "--export to GGUF needs a model that a class of transformers computes; "
                        "--export RUN FOLDER writes this one");
    stock_class_config(text_begin(&text), &export->stock, export->facts.eos);
    char *config = text_end(&text), *tokenizer = tokenizer_out(&export->stored->vocab, &length);
    Tensor *tensors = stock_weights(&export->stock);
    export->folder = text_format("%s.tmp-%ld", path, (long)getpid());
    char *error = gguf_write(export->folder, config, tokenizer, tensors, arrlenu(tensors), type);
    stock_weights_free(tensors);
    mem_free(config);
    mem_free(tokenizer);
    if (error) {
        path_unlink(export->folder);
        die(EXIT_USAGE, "--export to GGUF: %s", error);
    }
    check_stock(export, type == WEIGHT_F16 ? 0.05 : 1e-3);
    const int failed = file_settle(export->folder, path);
    if (failed) die(EXIT_IO, "cannot write %s: %s", path, strerror(failed));
    mem_free(export->folder);
}

static void write_model(Export *export, const char *path) {
    if (has_suffix(path, "f16.gguf"))
        write_gguf(export, path, WEIGHT_F16);
    else if (has_suffix(path, ".gguf"))
        write_gguf(export, path, WEIGHT_F32);
    else
        write_folder(export, path);
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
    char *json = config_json(config, CONFIG_IDENTITY);
    Export export = {.stored = &stored,
                     .model = in_float32(&stored, &options),
                     .facts = {.config = json,
                               .equations = hash,
                               .w = (real)schedule_gamma(&config->gamma_warmup, stored.step),
                               .ramp = schedule_branch(&config->branch_warmup, stored.step),
                               .eos = end_of_text(&stored.vocab)}};
    choose_class(&export);
    write_model(&export, cli->file);
    printf("parameters=%zu step=%zu %s=%s\n", params_total(&export.model->params), stored.step,
           has_suffix(cli->file, ".gguf") ? "file" : "folder", cli->file);
    print_parity(&export);
    mem_free(json);
    model_free(export.model);
    stored_model_free(&stored);
}
