/* checkpoint.c - see checkpoint.h. */
#include "run/store/checkpoint.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/fallback.h"
#include "run/io/files.h"
#include "run/io/json_out.h"
#include "run/io/move.h"

#include <cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { META_MAX = 1 << 16 };
static const double ROOM = 1.1; /* free space required, in multiples of the checkpoint size */
static const char MODEL[] = "model.safetensors", STATE[] = "optimizer.safetensors",
                  META[] = "meta.json", FOLDERS[] = "checkpoints";

/* --- snapshots --- */

void snapshot_add(Snapshot *snapshot, const char *key, char *value) {
    Metadata pair = {key, value};
    arrput(snapshot->metadata, pair);
    arrput(snapshot->strings, value);
}

const char *snapshot_metadata(const Snapshot *snapshot, const char *key) {
    for (size_t i = 0; i < arrlenu(snapshot->metadata); i++) {
        if (strcmp(snapshot->metadata[i].key, key) == 0) return snapshot->metadata[i].value;
    }
    return NULL;
}

void snapshot_free(Snapshot *snapshot) {
    for (size_t i = 0; i < arrlenu(snapshot->strings); i++) mem_free(snapshot->strings[i]);
    arrfree(snapshot->strings);
    arrfree(snapshot->metadata);
    arrfree(snapshot->model);
    arrfree(snapshot->state);
    cJSON_Delete(snapshot->read);
    *snapshot = (Snapshot){0};
}

/* --- meta.json: its last line is the hash of everything before it --- */

typedef struct {
    CheckpointMeta meta;
    uint64_t bytes[2], hash[2]; /* of the model file and the state file */
} Description;

enum { CHECK_SIZE = 32 }; /* bytes that CHECK_FORMAT prints */
static const char CHECK_FORMAT[] = "  \"check\": \"%016llx\"\n}\n";

static char *description_text(const Description *d) {
    TextOut out;
    Json json = {.out = text_begin(&out)};
    json_open(&json, NULL);
    json_string(&json, "format_version", "1");
    json_integer(&json, "step", d->meta.step);
    json_key(&json, "train_seconds");
    fprintf(json.out, "%.6f", d->meta.train_seconds);
    json_integer(&json, "row_waits", d->meta.row_waits);
    json_hash(&json, "data", d->meta.data_hash);
    json_hash(&json, "val_data", d->meta.val_hash);
    for (int i = 0; i < RUNLOG_FILES; i++)
        json_integer(&json, runlog_name(i), d->meta.log_bytes[i]);
    for (int i = 0; i < 2; i++) {
        json_key(&json, i ? STATE : MODEL);
        Json files = {.out = json.out, .layout = JSON_INLINE};
        json_open(&files, NULL);
        json_integer(&files, "bytes", d->bytes[i]);
        json_hash(&files, "fnv1a64", d->hash[i]);
        json_close(&files);
    }
    fputs(",\n", json.out);
    char *text = text_end(&out);
    char check[CHECK_SIZE + 1];
    snprintf(check, sizeof check, CHECK_FORMAT, (unsigned long long)hash_text(HASH_START, text));
    char *checked = text_format("%s%s", text, check);
    mem_free(text);
    return checked;
}

static uint64_t integer_field(const cJSON *object, const char *key, bool *good) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    double x = cJSON_IsNumber(item) ? item->valuedouble : -1;
    if (!(x >= 0 && x <= 9007199254740992.0 && x == floor(x))) *good = false;
    return *good ? (uint64_t)x : 0;
}

static uint64_t hash_field(const cJSON *object, const char *key, bool *good) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    unsigned long long value = 0;
    if (!cJSON_IsString(item) || sscanf(item->valuestring, "%16llx", &value) != 1) *good = false;
    return value;
}

/* A key that older versions did not write; 0 = unknown. */
static uint64_t optional_hash(const cJSON *object, const char *key, bool *good) {
    return cJSON_HasObjectItem(object, key) ? hash_field(object, key, good) : 0;
}

static bool description_parse(const char *text, size_t size, Description *d) {
    char check[CHECK_SIZE + 1];
    if (size < CHECK_SIZE) return false;
    size_t body = size - CHECK_SIZE;
    snprintf(check, sizeof check, CHECK_FORMAT,
             (unsigned long long)hash_bytes(HASH_START, text, body));
    if (strcmp(text + body, check) != 0) return false;
    cJSON *json = cJSON_ParseWithLength(text, size);
    bool good = json != NULL;
    d->meta.step = integer_field(json, "step", &good);
    d->meta.data_hash = hash_field(json, "data", &good);
    d->meta.val_hash = optional_hash(json, "val_data", &good);
    d->meta.row_waits = integer_field(json, "row_waits", &good);
    const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(json, "train_seconds");
    d->meta.train_seconds = cJSON_IsNumber(seconds) ? seconds->valuedouble : 0;
    for (int i = 0; i < RUNLOG_FILES; i++) {
        bool older = i == FILE_TENSORS && !cJSON_HasObjectItem(json, runlog_name(i));
        d->meta.log_bytes[i] = older ? 0 : integer_field(json, runlog_name(i), &good);
    }
    for (int i = 0; i < 2; i++) {
        const cJSON *file = cJSON_GetObjectItemCaseSensitive(json, i ? STATE : MODEL);
        d->bytes[i] = integer_field(file, "bytes", &good);
        d->hash[i] = hash_field(file, "fnv1a64", &good);
    }
    cJSON_Delete(json);
    return good;
}

/* --- folders --- */

char *checkpoint_folder(const char *dir, size_t step) {
    return text_format("%s/%s/step_%08zu", dir, FOLDERS, step);
}

/* The step in the name of a checkpoint folder; false if the name has another form. */
static bool step_of_name(const char *name, size_t *step) {
    char expected[32];
    if (sscanf(name, "step_%10zu", step) != 1) return false;
    snprintf(expected, sizeof expected, "step_%08zu", *step);
    return strcmp(name, expected) == 0;
}

static int newest_first(const void *a, const void *b) {
    const size_t *x = a, *y = b;
    return (*x < *y) - (*x > *y);
}

int checkpoint_steps(const char *dir, size_t **steps) {
    size_t step;
    char *path = text_format("%s/%s", dir, FOLDERS);
    DIR *folder = opendir(path);
    int error = folder || errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    mem_free(path);
    *steps = NULL;
    while (folder) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) break;
        if (step_of_name(entry->d_name, &step)) arrput(*steps, step);
    }
    if (folder && !error) error = errno;
    if (folder) closedir(folder);
    if (*steps) qsort(*steps, arrlenu(*steps), sizeof **steps, newest_first);
    return error;
}

bool checkpoint_latest(const char *dir, size_t *step) {
    char *path = text_format("%s/%s/latest", dir, FOLDERS);
    size_t size;
    char *line = file_contents(path, 64, &size);
    mem_free(path);
    if (line) line[strcspn(line, "\n")] = '\0';
    bool named = line && step_of_name(line, step);
    mem_free(line);
    if (!named) return false;
    char *folder = checkpoint_folder(dir, *step), *meta = text_format("%s/%s", folder, META);
    bool exists = access(meta, R_OK) == 0;
    mem_free(meta);
    mem_free(folder);
    return exists;
}

void checkpoint_clean(const char *dir) {
    char *path = text_format("%s/%s", dir, FOLDERS);
    folder_clean(path);
    mem_free(path);
}

bool checkpoint_has_file(const char *name) {
    return strcmp(name, META) == 0 || strcmp(name, MODEL) == 0 || strcmp(name, STATE) == 0;
}

/* Removes the three files, and the folder unless somebody else has files in it. meta.json is removed
 * first: if the process is killed in between, the rest is not taken for a checkpoint. */
static int remove_checkpoint(const char *folder) {
    static const char *const files[] = {META, MODEL, STATE};
    int error = 0;
    for (int i = 0; i < 3 && !error; i++) {
        char *path = text_format("%s/%s", folder, files[i]);
        if (path_unlink(path) && errno != ENOENT) error = errno;
        mem_free(path);
    }
    if (!error && path_rmdir(folder) && errno != ENOTEMPTY && errno != EEXIST) error = errno;
    return error;
}

void checkpoint_prune(const char *dir, size_t last, const CheckpointKeep *keep) {
    size_t *steps, valid = 0;
    if (checkpoint_steps(dir, &steps))
        arrsetlen(steps, 0); /* the list is incomplete: remove nothing */
    bool healthy_kept = false;
    for (size_t i = 0; i < arrlenu(steps); i++) {
        if (steps[i] > last) continue;
        bool newest_healthy = !healthy_kept && steps[i] < keep->healthy;
        bool marked = (keep->best && steps[i] == keep->best) ||
                      (keep->every && steps[i] && steps[i] % keep->every == 0);
        healthy_kept |= newest_healthy;
        if (valid++ < keep->newest || newest_healthy || marked) continue;
        char *folder = checkpoint_folder(dir, steps[i]);
        int error = remove_checkpoint(folder);
        if (error)
            fprintf(stderr, "train: warning: cannot remove %s: %s\n", folder, strerror(error));
        mem_free(folder);
    }
    arrfree(steps);
}

bool checkpoint_exists(const char *dir, int *error) {
    size_t *steps;
    bool exists = false;
    *error = checkpoint_steps(dir, &steps);
    for (size_t i = 0; !exists && i < arrlenu(steps); i++) {
        char *folder = checkpoint_folder(dir, steps[i]), *meta = text_format("%s/%s", folder, META);
        exists = access(meta, F_OK) == 0;
        mem_free(meta);
        mem_free(folder);
    }
    arrfree(steps);
    return exists;
}

char *checkpoint_room(const char *dir, uint64_t bytes) {
    int error;
    double needed = ROOM * (double)bytes, available = folder_room(dir, &error);
    if (error) return text_format("cannot get the free space of %s: %s", dir, strerror(error));
    if (isnan(available)) fallback_warn(FALLBACK_SPACE, dir, 0);
    if (!(available < needed)) return NULL;
    return text_format("no room for a checkpoint in %s: %.0f bytes are needed, %.0f are free", dir,
                       needed, available);
}

uint64_t checkpoint_size(const Snapshot *snapshot) {
    size_t pairs = arrlenu(snapshot->metadata);
    return safetensors_size(snapshot->model, arrlenu(snapshot->model), snapshot->metadata, pairs) +
           safetensors_size(snapshot->state, arrlenu(snapshot->state), snapshot->metadata, pairs);
}

/* --- writing --- */

/* An error message, or NULL if `error` is 0; frees `path`. */
static char *error_message(const char *what, char *path, int error) {
    char *text = error ? text_format("cannot %s %s: %s", what, path, strerror(error)) : NULL;
    mem_free(path);
    return text;
}

static char *write_files(const char *folder, const Snapshot *snapshot, const CheckpointMeta *meta) {
    Description description = {.meta = *meta};
    const Tensor *lists[] = {snapshot->model, snapshot->state};
    for (int i = 0; i < 2; i++) {
        char *path = text_format("%s/%s", folder, i ? STATE : MODEL);
        int error = safetensors_write(path, lists[i], arrlenu(lists[i]), snapshot->metadata,
                                      arrlenu(snapshot->metadata), &description.bytes[i],
                                      &description.hash[i]);
        char *failed = error_message("write", path, error);
        if (failed) return failed;
    }
    char *text = description_text(&description), *path = text_format("%s/%s", folder, META);
    FileOut file = file_begin(path);
    file_put(&file, text, strlen(text));
    mem_free(text);
    char *failed = error_message("write", path, file_end(&file));
    return failed ? failed : error_message("sync", text_format("%s", folder), folder_sync(folder));
}

/* Renames the temporary folder to its final name and syncs the parent. A folder that already has
 * this name (corrupt, or with a pending record of log.csv) is swapped out and removed only then. */
static char *replace_folder(const char *parent, const char *temporary, char *folder) {
    bool taken;
    char *failed = error_message("rename", folder, folder_move(temporary, folder, META, &taken));
    if (failed) {
        folder_remove(temporary, META);
        return failed;
    }
    failed = error_message("sync", text_format("%s", parent), folder_sync(parent));
    if (taken && !failed) folder_remove(temporary, META);
    return failed;
}

char *checkpoint_name_latest(const char *dir, size_t step) {
    char line[32], *path = text_format("%s/%s/latest", dir, FOLDERS);
    snprintf(line, sizeof line, "step_%08zu\n", step);
    return error_message("write", path, file_replace(path, line, strlen(line)));
}

static char *write_new(const char *dir, const Snapshot *snapshot, const CheckpointMeta *meta) {
    char *parent = text_format("%s/%s", dir, FOLDERS);
    char *temporary = text_format("%s/.tmp-%08zu-%ld", parent, meta->step, (long)getpid());
    char *failed = checkpoint_room(dir, checkpoint_size(snapshot));
    if (!failed) failed = error_message("make", text_format("%s", parent), folder_add(parent));
    if (!failed)
        failed = error_message("make", text_format("%s", temporary), folder_create(temporary));
    if (!failed) {
        failed = write_files(temporary, snapshot, meta);
        if (failed)
            folder_remove(temporary, META);
        else
            failed = replace_folder(parent, temporary, checkpoint_folder(dir, meta->step));
    }
    mem_free(temporary);
    mem_free(parent);
    return failed;
}

char *checkpoint_write(const char *dir, const Snapshot *snapshot, const CheckpointMeta *meta) {
    CheckpointMeta old;
    bool same = !checkpoint_verify(dir, meta->step, &old) && old.row_waits == meta->row_waits &&
                memcmp(old.log_bytes, meta->log_bytes, sizeof old.log_bytes) == 0;
    char *failed = same ? NULL : write_new(dir, snapshot, meta);
    return failed ? failed : checkpoint_name_latest(dir, meta->step);
}

/* --- reading --- */

/* Files in the order of Snapshot; meta.json is read last. A folder that is swapped out in between has
 * the hashes of other files. */
void checkpoint_open(CheckpointFiles *files, const char *dir, size_t step) {
    char *folder = checkpoint_folder(dir, step), *path = text_format("%s/%s", folder, META);
    *files = (CheckpointFiles){.step = step};
    for (int i = 0; i < CHECKPOINT_TENSOR_FILES; i++) {
        char *name = text_format("%s/%s", folder, i ? STATE : MODEL);
        files->fd[i] = fd_open(name, O_RDONLY);
        files->error[i] = files->fd[i] < 0 ? errno : 0;
        mem_free(name);
    }
    files->meta = file_contents(path, META_MAX, &files->meta_size);
    mem_free(path);
    mem_free(folder);
}

void checkpoint_close(CheckpointFiles *files) {
    for (int i = 0; i < CHECKPOINT_TENSOR_FILES; i++) {
        if (files->fd[i] >= 0) close(files->fd[i]);
    }
    mem_free(files->meta);
}

static const char *check_file(const CheckpointFiles *files, int i, uint64_t bytes, uint64_t hash) {
    uint64_t actual_bytes, actual_hash;
    int error = files->error[i];
    if (!error) error = fd_sum(files->fd[i], &actual_bytes, &actual_hash);
    if (error) return strerror(error);
    if (actual_bytes != bytes) return "the size of a file differs from meta.json";
    return actual_hash != hash ? "the hash of a file differs from meta.json" : NULL;
}

const char *checkpoint_check(const CheckpointFiles *files, CheckpointMeta *meta) {
    Description description;
    const char *wrong = NULL;
    if (!files->meta)
        wrong = "it has no meta.json, so it is incomplete";
    else if (!description_parse(files->meta, files->meta_size, &description) ||
             description.meta.step != files->step)
        wrong = "its meta.json is corrupt";
    for (int i = 0; !wrong && i < CHECKPOINT_TENSOR_FILES; i++)
        wrong = check_file(files, i, description.bytes[i], description.hash[i]);
    if (!wrong) *meta = description.meta;
    return wrong;
}

const char *checkpoint_verify(const char *dir, size_t step, CheckpointMeta *meta) {
    CheckpointFiles files;
    checkpoint_open(&files, dir, step);
    const char *wrong = checkpoint_check(&files, meta);
    checkpoint_close(&files);
    return wrong;
}

const char *checkpoint_metadata(const CheckpointFiles *files, Snapshot *snapshot, size_t *vocab) {
    if (files->error[0]) return strerror(files->error[0]);
    const char *wrong;
    char *text = safetensors_metadata(files->fd[0], vocab, &wrong);
    if (text) snapshot->read = cJSON_Parse(text);
    if (text && !snapshot->read) wrong = "its metadata is not JSON";
    const cJSON *item;
    cJSON_ArrayForEach(item, snapshot->read) {
        Metadata pair = {item->string, item->valuestring};
        arrput(snapshot->metadata, pair);
    }
    const char *stored = snapshot_metadata(snapshot, "step");
    if (!wrong && (!stored || strtoull(stored, NULL, 10) != files->step))
        wrong = "its metadata names another step";
    mem_free(text);
    return wrong;
}

const char *checkpoint_read(const CheckpointFiles *files, const Snapshot *snapshot) {
    const Tensor *lists[] = {snapshot->model, snapshot->state};
    const char *wrong = NULL;
    for (int i = 0; !wrong && i < CHECKPOINT_TENSOR_FILES; i++) {
        if (!lists[i]) continue;
        if (files->error[i]) return strerror(files->error[i]);
        wrong = safetensors_read(files->fd[i], lists[i], arrlenu(lists[i]), snapshot->metadata,
                                 arrlenu(snapshot->metadata));
    }
    return wrong;
}
