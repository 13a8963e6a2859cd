/* manifest.c - see manifest.h. */
#include "run/log/manifest.h"

#include "base/program.h"
#include "run/io/json_out.h"
#include "data/tokenizer/nfc.h"
#include "data/tokenizer/regex.h"
#include "model/equations.h"
#include "ops/ops.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/log/resolved.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

static const char FORMAT_VERSION[] = "1"; /* of run.json and the CSV columns */

/* --- the parts --- */

static const char *time_text(int64_t seconds, char text[32]) {
    time_t when = (time_t)seconds;
    struct tm utc;
    gmtime_r(&when, &utc);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return text;
}

static void print_time(Json *json, const char *name, int64_t seconds) {
    char text[32];
    json_string(json, name, time_text(seconds, text));
}

static void print_command(Json *json, const Manifest *manifest) {
    json_list_open(json, "command");
    json->layout = JSON_INLINE;
    for (int i = 0; i < manifest->argc; i++) {
        json_item(json);
        json_print_string(json->out, manifest->argv[i]);
    }
    json_list_close(json);
    json->layout = JSON_LINES;
}

static void print_cpu(Json *json) {
    char line[256], model[256] = "unknown";
    FILE *in = fopen("/proc/cpuinfo", "r");
    while (in && fgets(line, sizeof line, in)) {
        if (sscanf(line, "model name : %255[^\n]", model) == 1) break;
    }
    if (in) fclose(in);
    json_string(json, "cpu", model);
}

static void print_machine(Json *json) {
    struct utsname system;
    uname(&system);
    json_open(json, "machine");
    json_string(json, "host", system.nodename);
    json_string(json, "kernel", system.release);
    print_cpu(json);
    json_string(json, "blas", ops_blas());
    json_integer(json, "threads", ops_threads());
    json_close(json);
}

static void print_build_object(Json *json) {
    json_open(json, "build");
    json_string(json, "version", PERI_VERSION);
    json_string(json, "commit", program_commit());
    if (strcmp(program_commit(), "unknown") != 0) json_boolean(json, "dirty", program_is_dirty());
    json_string(json, "real", REAL_NAME);
    json_string(json, "compiler", __VERSION__);
    json_string(json, "flags", BUILD_FLAGS);
    json_string(json, "numerics", ops_numerics());
    json_close(json);
}

static void print_eps(Json *json, const Model *model) {
    const NormKind *kind = norm_kind(model->options.norm);
    double own = model->options.norm_eps;
    json_open(json, "norm_eps");
    json_number(json, "in", own != 0 ? own : kind->eps);
    json_number(json, "out", own != 0 ? own : kind->eps_out);
    json_number(json, "post", own != 0 ? own : kind->eps);
    json_number(json, "emb_final_qkv", own != 0 ? own : kind->eps);
    json_close(json);
}

static void print_optimizer(Json *json, const Manifest *manifest) {
    const OptimOptions *optim = &manifest->config->optim;
    const LinearSize linear = params_linear_size(&manifest->model->params);
    json_string(json, "optimizer", optimizer_name(optim->kind));
    if (optim->kind != OPTIMIZER_MUON) return;
    json_number(json, "muon_lr", manifest->lr_scale * schedule_muon_peak(optim));
    json_integer(json, "muon_matrices", linear.matrices);
    json_integer(json, "muon_parameters", linear.parameters);
}

/* The values that 0 and "auto" in the config stand for. */
static void print_resolved(Json *json, const Manifest *manifest) {
    const Model *model = manifest->model;
    const Shape *s = &model->shape;
    json_open(json, "resolved");
    json_integer(json, "n_kv_head", s->NKV);
    json_integer(json, "head_size", s->HS);
    json_integer(json, "d_ff", s->F);
    json_integer(json, "vocab_size", s->V);
    json_integer(json, "parameters", params_total(&model->params));
    json_integer(json, "tensors", params_count(&model->params));
    print_eps(json, model);
    json_number(json, "rmsnorm_lr_scale", manifest->lr_scale);
    print_optimizer(json, manifest);
    resolved_print_json(json, manifest->config, &model->wiring);
    json_string(json, "precision", precision_name(model->options.precision));
    json_string(json, "engine", ops_engine((Precision)model->options.precision));
    json_string(json, "stream_precision", stream_precision_name(model->options.stream_precision));
    json_list_open(json, "rows");
    json->layout = JSON_INLINE;
    for (size_t l = 0; l < s->L; l++) {
        json_item(json);
        json_print_string(json->out, model->wiring.block[l].row);
    }
    json_list_close(json);
    json->layout = JSON_LINES;
    json_close(json);
}

static void print_equations(Json *json, const Config *config) {
    char hash[17],
        *text = equations_text(&config->model, &config->gamma_warmup, &config->branch_warmup);
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    json_string(json, "equations_hash", hash);
    json_list_open(json, "equations");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        json_item(json);
        json_print_string(json->out, line);
    }
    json_list_close(json);
    mem_free(text);
}

static void print_tokenizer(Json *json, const Tokenizer *tokenizer) {
    if (!tokenizer) return;
    json_open(json, "tokenizer");
    json_hash(json, "fnv1a64", tokenizer_hash(tokenizer));
    json_string(json, "pcre2", regex_library() ? regex_library() : "none");
    json_string(json, "utf8proc", nfc_library() ? nfc_library() : "none");
    json_close(json);
}

static void print_data(Json *json, const Manifest *manifest) {
    char *line = dataset_describe(manifest->data);
    const char *path;
    uint64_t bytes, hash;
    json_open(json, "data");
    json_string(json, "description", line);
    mem_free(line);
    print_tokenizer(json, dataset_vocab(manifest->data)->tokenizer);
    json_number(json, "entropy_floor", manifest->floor);
    json_number(json, "unigram_entropy", manifest->unigram.nats);
    json_number(json, "val_bytes_per_token", manifest->bytes_per_token);
    json_number(json, "unigram_bpb",
                bits_per_byte(manifest->unigram.nats, manifest->bytes_per_token));
    json_list_open(json, "files");
    json->layout = JSON_INLINE;
    for (size_t i = 0; dataset_file(manifest->data, i, &path, &bytes, &hash); i++) {
        json_item(json);
        json_open(json, NULL);
        json_string(json, "path", path);
        json_integer(json, "bytes", bytes);
        json_hash(json, "fnv1a64", hash);
        json_close(json);
    }
    json_list_close(json);
    json->layout = JSON_LINES;
    json_close(json);
}

static double peak_rss_mb(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

static const char *const ENDINGS[] = {
    [ENDING_DONE] = "done",
    [ENDING_STOPPED] = "stopped",
    [ENDING_DIVERGED] = "diverged",
    [ENDING_STUCK] = "stuck",
};

const char *ending_name(Ending ending) {
    return ENDINGS[ending];
}

static void print_summary(Json *json, const Summary *summary, double bytes_per_token) {
    const HealthSummary *health = &summary->health;
    json_open(json, "summary");
    json_integer(json, "exit_code", (uint64_t)summary->code);
    json_string(json, "ending", ENDINGS[summary->ending]);
    json_integer(json, "steps", summary->steps);
    json_boolean(json, "diverged", health->diverged);
    json_integer(json, "diverged_step", health->diverged_step);
    json_number(json, "train_loss", health->train_loss);
    json_number(json, "val_loss", health->val_loss);
    json_number(json, "best_val_loss", health->best_val_loss);
    json_integer(json, "best_val_step", health->best_val_step);
    json_number(json, "val_bpb", bits_per_byte(health->val_loss, bytes_per_token));
    json_number(json, "best_val_bpb", bits_per_byte(health->best_val_loss, bytes_per_token));
    json_integer(json, "grad_spikes", health->grad_spikes);
    json_integer(json, "loss_spikes", health->loss_spikes);
    json_integer(json, "skipped_steps", health->skipped_steps);
    json_integer(json, "nonfinite_steps", health->nonfinite_steps);
    json_number(json, "spike_score_loss", health->loss_score);
    json_number(json, "spike_score_grad", health->grad_score);
    json_number(json, "seconds", summary->seconds);
    json_number(json, "tokens_per_s", summary->tokens_per_s);
    json_number(json, "peak_rss_mb", peak_rss_mb());
    print_time(json, "ended", (int64_t)time(NULL));
    json_close(json);
}

static void print_best(Json *json, const Manifest *manifest) {
    if (!manifest->best_step) return;
    json_open(json, "best_checkpoint");
    json_integer(json, "step", manifest->best_step);
    json_number(json, "val_loss", manifest->best_loss);
    json_close(json);
}

static void print_manifest(Json *json, const Manifest *manifest, const Summary *summary) {
    json_open(json, NULL);
    json_string(json, "format_version", FORMAT_VERSION);
    json_string(json, "name", manifest->config->name);
    print_command(json, manifest);
    print_time(json, "started", manifest->started);
    print_build_object(json);
    print_machine(json);
    print_data(json, manifest);
    print_resolved(json, manifest);
    print_equations(json, manifest->config);
    json_key(json, "resumes");
    fprintf(json->out, "[%s]", manifest->resumes ? manifest->resumes : "");
    json_key(json, "extensions");
    fprintf(json->out, "[%s]", manifest->extensions ? manifest->extensions : "");
    print_best(json, manifest);
    if (summary) print_summary(json, summary, manifest->bytes_per_token);
    json_close(json);
    fputc('\n', json->out);
}

/* Returns 0 or an errno. */
static int replace_manifest(const char *dir, const Manifest *manifest, const Summary *summary) {
    char *path = text_format("%s/run.json", dir);
    TextOut text;
    Json json = {.out = text_begin(&text)};
    print_manifest(&json, manifest, summary);
    char *contents = text_end(&text);
    int error = file_replace(path, contents, text.size);
    mem_free(contents);
    mem_free(path);
    return error;
}

void manifest_write(const char *dir, const Manifest *manifest, const Summary *summary) {
    const int error = replace_manifest(dir, manifest, summary);
    if (error) die(EXIT_IO, "cannot write %s/run.json: %s", dir, strerror(error));
}

void manifest_update(const char *dir, const Manifest *manifest) {
    const int error = replace_manifest(dir, manifest, NULL);
    if (error)
        fprintf(stderr, "train: warning: cannot write %s/run.json: %s\n", dir, strerror(error));
}

/* The elements of an array as JSON text without brackets, "" if there are none. */
static char *elements_text(const cJSON *array) {
    char *text = cJSON_IsArray(array) ? cJSON_PrintUnformatted(array) : NULL;
    char *elements = text_format("%.*s", text ? (int)strlen(text) - 2 : 0, text ? text + 1 : "");
    cJSON_free(text);
    return elements;
}

/* The existing run.json; NULL if it is missing or corrupt. */
static cJSON *read_old(const char *dir) {
    enum { RUN_JSON_MAX = 1 << 26 };
    char *path = text_format("%s/run.json", dir);
    size_t size;
    char *text = file_contents(path, RUN_JSON_MAX, &size);
    cJSON *old = text ? cJSON_ParseWithLength(text, size) : NULL;
    mem_free(text);
    mem_free(path);
    return old;
}

void manifest_resume(const char *dir, Manifest *manifest, size_t step) {
    char now[32];
    cJSON *old = read_old(dir);
    const cJSON *started = cJSON_GetObjectItemCaseSensitive(old, "started");
    struct tm utc = {0};
    if (cJSON_IsString(started) &&
        sscanf(started->valuestring, "%4d-%2d-%2dT%2d:%2d:%2dZ", &utc.tm_year, &utc.tm_mon,
               &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec) == 6) {
        utc.tm_year -= 1900;
        utc.tm_mon -= 1;
        manifest->started = (int64_t)timegm(&utc);
    }
    manifest->extensions = elements_text(cJSON_GetObjectItemCaseSensitive(old, "extensions"));
    char *before = elements_text(cJSON_GetObjectItemCaseSensitive(old, "resumes"));
    TextOut text;
    Json json = {.out = text_begin(&text), .layout = JSON_COMPACT};
    fprintf(json.out, "%s%s", before, *before ? "," : "");
    json_open(&json, NULL);
    json_integer(&json, "step", step);
    json_string(&json, "utc", time_text((int64_t)time(NULL), now));
    json_close(&json);
    manifest->resumes = text_end(&text);
    mem_free(before);
    cJSON_Delete(old);
}

void manifest_extend(Manifest *manifest, size_t step, size_t from_steps, size_t to_steps) {
    char now[32], *before = manifest->extensions ? manifest->extensions : text_format("%s", "");
    char *plan = text_format("{\"step\":%zu,\"from_steps\":%zu,\"to_steps\":%zu", step, from_steps,
                             to_steps);
    char *added = strstr(before, plan)
                      ? text_format("%s", before)
                      : text_format("%s%s%s,\"utc\":\"%s\"}", before, *before ? "," : "", plan,
                                    time_text((int64_t)time(NULL), now));
    mem_free(plan);
    mem_free(before);
    manifest->extensions = added;
}

bool manifest_ended(const char *dir) {
    cJSON *old = read_old(dir);
    const cJSON *summary = cJSON_GetObjectItemCaseSensitive(old, "summary");
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(summary, "exit_code");
    bool ended = cJSON_IsNumber(code) && code->valuedouble == EXIT_DONE;
    cJSON_Delete(old);
    return ended;
}

const char *manifest_ending(const char *dir) {
    cJSON *json = read_old(dir);
    const cJSON *summary = cJSON_GetObjectItemCaseSensitive(json, "summary");
    const char *stored = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(summary, "ending"));
    const char *ending = NULL;
    for (int i = ENDING_DONE; stored && i <= ENDING_STUCK; i++) {
        if (strcmp(stored, ENDINGS[i]) == 0) ending = ENDINGS[i];
    }
    cJSON_Delete(json);
    return ending;
}

bool manifest_best(const char *dir, size_t *step) {
    cJSON *json = read_old(dir);
    const cJSON *best = cJSON_GetObjectItemCaseSensitive(json, "best_checkpoint");
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(best, "step");
    const double value = cJSON_IsNumber(number) ? number->valuedouble : -1;
    const bool valid = value >= 0 && value <= 1e9 && value == floor(value);
    if (valid) *step = (size_t)value;
    cJSON_Delete(json);
    return valid;
}

/* The members of run.json that the bits of the results can depend on. */
static const struct {
    const char *object, *name;
} ORIGINS[] = {{"build", "version"},  {"build", "real"},  {"build", "compiler"}, {"build", "flags"},
               {"build", "numerics"}, {"machine", "cpu"}, {"machine", "blas"}};

static const char *origin(const cJSON *json, size_t i) {
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(json, ORIGINS[i].object);
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, ORIGINS[i].name));
}

char *manifest_elsewhere(const char *dir) {
    TextOut here, words;
    Json json = {.out = text_begin(&here)};
    json_open(&json, NULL);
    print_build_object(&json);
    print_machine(&json);
    json_close(&json);
    char *text = text_end(&here);
    cJSON *own = cJSON_Parse(text), *old = read_old(dir);
    FILE *out = text_begin(&words);
    const char *comma = "";
    for (size_t i = 0; i < sizeof ORIGINS / sizeof *ORIGINS; i++) {
        const char *now = origin(own, i), *then = origin(old, i);
        if (!now || !then || strcmp(now, then) == 0) continue;
        fprintf(out, "%s%s was \"%s\" and is \"%s\"", comma, ORIGINS[i].name, then, now);
        comma = ", ";
    }
    cJSON_Delete(old);
    cJSON_Delete(own);
    mem_free(text);
    return text_end(&words);
}

void manifest_free(Manifest *manifest) {
    mem_free(manifest->resumes);
    mem_free(manifest->extensions);
    manifest->resumes = manifest->extensions = NULL;
}

void manifest_print_build(FILE *out) {
    fprintf(out,
            "peri.c %s, %s\ncommit   %s%s\ncompiler %s\nflags    %s\nblas     %s\npcre2    "
            "%s\nutf8proc %s\n"
            "numerics %s\nthreads  %zu\n",
            PERI_VERSION, REAL_NAME, program_commit(), program_is_dirty() ? ", with changes" : "",
            __VERSION__, BUILD_FLAGS, ops_blas(), regex_library() ? regex_library() : "none",
            nfc_library() ? nfc_library() : "none", ops_numerics(), ops_threads());
}
