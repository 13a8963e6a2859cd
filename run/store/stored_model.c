/* stored_model.c - see stored_model.h. */
#include "run/store/stored_model.h"

#include "base/program.h"
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/words.h"
#include "model/equations.h"
#include "run/io/files.h"
#include "run/log/manifest.h"
#include "run/store/aside.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Of the metadata. Version 1 had a hash of the printed equations, whose wording has changed since;
 * such a checkpoint is the model of its config. */
static const char FORMAT_VERSION[] = "2", FORMAT_VERSION_1[] = "1";

static bool is_version_1(const Snapshot *snapshot) {
    const char *version = snapshot_metadata(snapshot, "format_version");
    return version && strcmp(version, FORMAT_VERSION_1) == 0;
}

/* The name of a tensor in version 1, where `.running_scale` was called `.deviation`; for mem_free.
 */
static char *name_in_version_1(const char *name) {
    static const char suffix[] = ".running_scale";
    const size_t length = strlen(name), tail = sizeof suffix - 1;
    bool renamed = length > tail && strcmp(name + length - tail, suffix) == 0;
    return renamed ? text_format("%.*s.deviation", (int)(length - tail), name)
                   : text_format("%s", name);
}

void stored_model_tensors(const Params *params, Snapshot *snapshot) {
    const bool version_1 = is_version_1(snapshot);
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        char *old_name = version_1 ? name_in_version_1(param->name) : NULL;
        tensor_add(&snapshot->model, "", old_name ? old_name : param->name, TENSOR_REAL,
                   param->shape[0], param->shape[1], params->values + param->offset);
        mem_free(old_name);
    }
}

static char *own_equations(const Config *config) {
    char *hash = mem_alloc(17);
    equations_hash(hash, &config->model, &config->gamma_warmup, &config->branch_warmup);
    return hash;
}

/* The alphabet as text, two hexadecimal digits per byte. */
static char *alphabet_text(const Vocab *vocab) {
    char *text = mem_alloc(2 * vocab->size + 1);
    for (size_t i = 0; i < vocab->size; i++) {
        snprintf(text + 2 * i, 3, "%02x", vocab->byte_of[i]);
    }
    return text;
}

void stored_model_describe(Snapshot *snapshot, const Config *config, const Vocab *vocab,
                           size_t step) {
    snapshot_add(snapshot, "format_version", text_format("%s", FORMAT_VERSION));
    snapshot_add(snapshot, "step", text_format("%zu", step));
    snapshot_add(snapshot, "equations", own_equations(config));
    snapshot_add(snapshot, "config", config_json(config, CONFIG_IDENTITY));
    snapshot_add(snapshot, "vocab",
                 text_format("%s", !vocab->size       ? "none"
                                   : vocab->tokenizer ? "tokenizer"
                                                      : data_vocab_name(vocab->kind)));
    if (vocab->tokenizer)
        snapshot_add(snapshot, "tokenizer",
                     text_format("%016" PRIx64, tokenizer_hash(vocab->tokenizer)));
    if (vocab->kind == VOCAB_CHARS && vocab->size)
        snapshot_add(snapshot, "alphabet", alphabet_text(vocab));
    /* Hugging Face transformers refuses safetensors files without a "format" in their metadata.
     * "pt" says that arrays follow PyTorch: row-major, (out, in) for the weights of linear layers.
     * */
    snapshot_add(snapshot, "format", text_format("pt"));
}

const char *stored_model_config(const Snapshot *snapshot, const char *path, Config *config) {
    const char *version = snapshot_metadata(snapshot, "format_version"),
               *json = snapshot_metadata(snapshot, "config"),
               *equations = snapshot_metadata(snapshot, "equations");
    if (!version || !json || !equations)
        return "its metadata has no format version, config or equations";
    const bool first_version = is_version_1(snapshot);
    if (!first_version && strcmp(version, FORMAT_VERSION) != 0)
        return "it has another format version";
    if (!config_parse(config, json, path)) return "this version cannot read its config";
    if (first_version) {
        fprintf(
            stderr,
            "train: note: %s has format version 1: its equations are taken from its config, and "
            "their hash is not checked\n",
            path);
        return NULL;
    }
    char *own = own_equations(config);
    bool same = strcmp(own, equations) == 0;
    mem_free(own);
    if (same) return NULL;
    config_free(config);
    return "this version builds other equations from its config than it was trained with";
}

char *stored_model_origin(const char *dir, const char *key) {
    size_t *steps, vocab;
    char *from = NULL;
    checkpoint_steps(dir, &steps);
    if (steps) {
        CheckpointFiles files;
        Snapshot snapshot = {0};
        checkpoint_open(&files, dir, steps[0]);
        const char *wrong = checkpoint_metadata(&files, &snapshot, &vocab);
        const char *origin = wrong ? NULL : snapshot_metadata(&snapshot, key);
        if (origin) from = text_format("%s", origin);
        snapshot_free(&snapshot);
        checkpoint_close(&files);
    }
    arrfree(steps);
    return from;
}

void stored_model_refuse_folded(const char *dir) {
    char *origin = stored_model_origin(dir, "folded_from");
    if (!origin) return;
    die(EXIT_USAGE,
        "%s was written by --fold and has no optimizer state to continue with; --set "
        "train.init_from=%s --set name=NAME begins a run with its weights",
        dir, dir);
}

char *stored_model_tokenizer(const char *dir) {
    return text_format("%s/checkpoints/tokenizer.json", dir);
}

void stored_model_keep_tokenizer(const char *dir, const Vocab *vocab) {
    if (!vocab->tokenizer) return;
    size_t length;
    const char *json = tokenizer_json(vocab->tokenizer, &length);
    char *path = stored_model_tokenizer(dir), *folder = text_format("%s/checkpoints", dir);
    folder_make(folder);
    int error = file_replace(path, json, length);
    if (error) die(EXIT_IO, "cannot write %s: %s", path, strerror(error));
    mem_free(folder);
    mem_free(path);
}

/* The tokenizer beside the checkpoints, if it has the hash of the metadata. */
static bool read_tokenizer(const char *hash, const char *dir, size_t V, Vocab *vocab) {
    char *path = stored_model_tokenizer(dir), own[17] = "";
    if (access(path, F_OK) == 0) {
        *vocab = vocab_tokenizer(tokenizer_open(path));
        snprintf(own, sizeof own, "%016" PRIx64, tokenizer_hash(vocab->tokenizer));
    }
    mem_free(path);
    if (strcmp(own, hash) == 0 && vocab->size <= V) return true;
    tokenizer_free(vocab->tokenizer);
    *vocab = (Vocab){0};
    return false;
}

/* The vocabulary named in the metadata; false if it is invalid. */
static bool read_vocab(const Snapshot *snapshot, const char *dir, size_t V, Vocab *vocab) {
    const char *hash = snapshot_metadata(snapshot, "tokenizer");
    const char *kind = snapshot_metadata(snapshot, "vocab"),
               *alphabet = snapshot_metadata(snapshot, "alphabet");
    unsigned char bytes[256];
    if (!kind) return false;
    *vocab = (Vocab){0};
    if (hash) return read_tokenizer(hash, dir, V, vocab);
    if (!alphabet) {
        if (strcmp(kind, data_vocab_name(VOCAB_BYTES)) == 0 && V >= 256) *vocab = vocab_bytes();
        return true;
    }
    size_t length = strlen(alphabet), size = length / 2;
    if (size > sizeof bytes || size > V || length % 2 ||
        strspn(alphabet, "0123456789abcdef") != length)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned value = 0;
        sscanf(alphabet + 2 * i, "%2x", &value);
        bytes[i] = (unsigned char)value;
    }
    *vocab = vocab_chars(bytes, size);
    return true;
}

/* Reads the model of a checkpoint. Without gradients and for a small batch, it takes little more
 * memory than the file, whose size and hash have been verified. */
static const char *read_model(StoredModel *stored, Snapshot *snapshot, const CheckpointFiles *files,
                              const char *dir, size_t batch) {
    size_t V;
    const char *wrong = checkpoint_metadata(files, snapshot, &V);
    char *folder = checkpoint_folder(dir, files->step);
    if (!wrong) wrong = stored_model_config(snapshot, folder, &stored->config);
    mem_free(folder);
    if (wrong) return wrong;
    if (V < 1 || !read_vocab(snapshot, dir, V, &stored->vocab)) {
        config_free(&stored->config);
        return snapshot_metadata(snapshot, "tokenizer")
                   ? "checkpoints/tokenizer.json is missing, or not the one it was trained with"
                   : "its vocabulary is invalid";
    }
    stored->step = files->step;
    stored->model =
        model_create(&stored->config.model, &stored->config.gamma_warmup, V, batch, MODEL_FORWARD);
    stored_model_tensors(&stored->model->params, snapshot);
    wrong = checkpoint_read(files, snapshot);
    if (wrong)
        stored_model_free(stored);
    else
        model_remove_norms(stored->model, files->step);
    return wrong;
}

/* The steps of the checkpoints, newest first (stb_ds array). */
static size_t *steps_of(const char *dir) {
    size_t *steps;
    int error = checkpoint_steps(dir, &steps);
    if (error) die(EXIT_IO, "cannot list %s/checkpoints: %s", dir, strerror(error));
    return steps;
}

/* Whether the run that writes to `dir` has changed its checkpoints since `steps` were listed. */
static bool list_changed(const char *dir, const size_t *steps) {
    size_t *now = steps_of(dir), count = arrlenu(now);
    bool changed =
        count != arrlenu(steps) || (count && memcmp(now, steps, count * sizeof *now) != 0);
    arrfree(now);
    return changed;
}

/* The outcome of an attempt to read the first valid checkpoint of a list. */
typedef enum { READ_DONE, READ_NOTHING, READ_OVERTAKEN } ReadOutcome;

/* `all` are the checkpoints of the run, `steps` those to try. An invalid checkpoint is skipped, unless
 * it was removed or replaced before its files were open: then the list is out of date. */
static ReadOutcome read_first(StoredModel *stored, const char *dir, const size_t *steps,
                              const size_t *all, size_t batch) {
    for (size_t i = 0; i < arrlenu(steps); i++) {
        CheckpointMeta meta;
        CheckpointFiles files;
        Snapshot snapshot = {0};
        checkpoint_open(&files, dir, steps[i]);
        const char *wrong = checkpoint_check(&files, &meta);
        if (!wrong) wrong = read_model(stored, &snapshot, &files, dir, batch);
        snapshot_free(&snapshot);
        checkpoint_close(&files);
        if (!wrong) return READ_DONE;
        if (list_changed(dir, all)) return READ_OVERTAKEN;
        fprintf(stderr, "train: warning: skipping the checkpoint of step %zu in %s: %s\n", steps[i],
                dir, wrong);
    }
    return READ_NOTHING;
}

/* The members of `all` that `step` selects (stb_ds array): all, or one, or none. */
static size_t *selected_steps(const char *dir, const size_t *all, size_t step) {
    size_t *selected = NULL;
    const bool any = step == STEP_NEWEST;
    if (step == STEP_BEST && !manifest_best(dir, &step)) return NULL;
    for (size_t i = 0; i < arrlenu(all); i++) {
        if (any || all[i] == step) arrput(selected, all[i]);
    }
    return selected;
}

/* `all` are the checkpoints that exist: at least one. */
static _Noreturn void refuse_step(const char *dir, const size_t *all, size_t step) {
    TextOut text;
    FILE *list = text_begin(&text);
    for (size_t i = arrlenu(all); i-- > 0;) fprintf(list, "%zu%s", all[i], i ? ", " : "");
    char *steps = text_end(&text);
    if (step == STEP_BEST)
        die(EXIT_USAGE,
            "--step best: %s keeps no best checkpoint (train.keep_best); its checkpoints are of "
            "the steps %s",
            dir, steps);
    die(EXIT_USAGE, "--step %zu: %s has no checkpoint of that step, only of the steps %s", step,
        dir, steps);
}

static _Noreturn void refuse_run(const char *dir, bool any, ReadOutcome outcome) {
    if (!any && aside_pending(dir)) {
        die(EXIT_DATA,
            "%s has no checkpoint: an --overwrite was interrupted, and the old run is in "
            "%s/.old-run; %s with its config and --run-dir %s puts it back",
            dir, dir, program_name(), dir);
    }
    if (!any)
        die(EXIT_DATA, "%s has no checkpoint: is it a run directory, and did the run get that far?",
            dir);
    die(EXIT_DATA, "%s has no valid checkpoint%s", dir,
        outcome == READ_OVERTAKEN
            ? " for long enough to read it: its run replaces them faster; raise "
              "train.checkpoint_every or train.keep, or try again later"
            : "");
}

/* The list of a folder that changes meanwhile may be empty, although it always has a checkpoint; and
 * its run may name another best checkpoint after it was listed. */
void stored_model_read(StoredModel *stored, const char *dir, size_t step, size_t batch) {
    enum { TRIES = 200, EMPTY_TRIES = 4 };
    const struct timespec pause = {.tv_nsec = 5000000};
    *stored = (StoredModel){0};
    for (size_t tries = 1;; tries++) {
        size_t *all = steps_of(dir), *steps = selected_steps(dir, all, step);
        const bool last = tries >= (steps ? TRIES : EMPTY_TRIES), any = all != NULL;
        if (last && any && !steps) refuse_step(dir, all, step);
        const ReadOutcome outcome = read_first(stored, dir, steps, all, batch);
        const bool invalid = steps && outcome == READ_NOTHING;
        arrfree(steps);
        arrfree(all);
        if (outcome == READ_DONE) return;
        if (last || invalid) refuse_run(dir, any, outcome);
        nanosleep(&pause, NULL);
    }
}

static void check_same(const StoredModel *from, const Model *to, const Vocab *vocab,
                       const char *dir) {
    const Params *stored = &from->model->params, *own = &to->params;
    bool same_text =
        from->vocab.size == vocab->size && !from->vocab.tokenizer == !vocab->tokenizer &&
        (vocab->tokenizer
             ? tokenizer_hash(from->vocab.tokenizer) == tokenizer_hash(vocab->tokenizer)
             : memcmp(from->vocab.byte_of, vocab->byte_of, vocab->size) == 0);
    if (!same_text) die(EXIT_USAGE, "train.init_from: %s has another vocabulary", dir);
    for (size_t i = 0; i < params_count(own); i++) {
        const Param *param = &own->list[i];
        size_t found = params_find(stored, param->name);
        bool known = found < params_count(stored);
        const size_t *shape = known ? stored->list[found].shape : NULL;
        if (!known && !param_is_trained(param)) continue; /* keeps its initial values */
        if (known && shape[0] == param->shape[0] && shape[1] == param->shape[1]) continue;
        die(EXIT_USAGE, "train.init_from: %s has %s %s", dir, known ? "another shape of" : "no",
            param->name);
    }
    for (size_t i = 0; i < params_count(stored); i++) {
        const char *name = stored->list[i].name;
        if (params_find(own, name) < params_count(own)) continue;
        bool removes = from->config.model.removal.start && !to->options.removal.start;
        die(EXIT_USAGE, "train.init_from: %s has tensors that this model lacks, first %s%s", dir,
            name,
            removes ? ": its norms are being removed, and this config has no norm_removal.start"
                    : "");
    }
}

void stored_model_begin(Model *model, const Vocab *vocab, const char *dir) {
    StoredModel from;
    stored_model_read(&from, dir, STEP_NEWEST, 1);
    check_same(&from, model, vocab, dir);
    params_copy(&model->params, &from.model->params);
    stored_model_free(&from);
}

void stored_model_rewire(StoredModel *stored, const char *topology) {
    Model *old = stored->model;
    ModelOptions *options = &stored->config.model;
    char error[512];
    options->topology = name_meant(topology_name, topology_synonyms, topology);
    if (options->topology < 0) {
        const char *near = name_near(topology_name, topology);
        die(EXIT_USAGE, "--force-topology: there is no topology \"%s\"%s%s; see --list topologies",
            topology, near ? "; did you mean " : "", near ? near : "");
    }
    options->layers = "";
    if (!model_check(options, error, sizeof error)) die(EXIT_USAGE, "%s", error);
    Model *model = model_create(options, &stored->config.gamma_warmup, old->shape.V, old->shape.B,
                                MODEL_FORWARD);
    model_init(model, 0);
    const size_t taken = params_copy(&model->params, &old->params);
    fprintf(stderr,
            "train: warning: rewired as %s: %zu of %zu tensors come from the run, the others keep "
            "their initial values, and %zu tensors of the run are dropped\n",
            topology_name(options->topology), taken, params_count(&model->params),
            params_count(&old->params) - taken);
    model_remove_norms(model, stored->step);
    model_free(old);
    stored->model = model;
}

void stored_model_free(StoredModel *stored) {
    model_free(stored->model);
    config_free(&stored->config);
    tokenizer_free(stored->vocab.tokenizer);
    *stored = (StoredModel){0};
}
