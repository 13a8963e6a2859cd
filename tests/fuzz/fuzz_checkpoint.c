/* fuzz_checkpoint.c - arbitrary bytes as model.safetensors or meta.json of a checkpoint.
 *
 * The first byte selects the file. A meta.json gets a valid hash, since no input would guess one. No
 * allocation may depend on a size that a file claims. */
#include "tests/fuzz/fuzz.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/store/checkpoint.h"
#include "run/io/files.h"
#include "run/store/stored_model.h"

#include <sys/stat.h>

enum { STEP = 1, BODY_MAX = 1 << 16 };

static char dir[32];
static char *model_path, *meta_path;

static void remove_dir(void) {
    checkpoint_prune(dir, SIZE_MAX, &(CheckpointKeep){.newest = 0});
    char *checkpoints = text_format("%s/checkpoints", dir);
    rmdir(checkpoints);
    rmdir(dir);
}

static void make_dir(void) {
    strcpy(dir, "/tmp/peri_fuzz_XXXXXX");
    if (!mkdtemp(dir) || atexit(remove_dir)) abort();
    char *folder = checkpoint_folder(dir, STEP);
    folder_make(folder);
    model_path = text_format("%s/model.safetensors", folder);
    meta_path = text_format("%s/meta.json", folder);
    mem_free(folder);
    fuzz_count = 0; /* the two paths are never freed */
}

static void put(const char *path, const void *data, size_t size) {
    unlink(path);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(data, 1, size, out) != size || fclose(out)) abort();
}

static void try_model(const uint8_t *data, size_t size) {
    Snapshot snapshot = {0};
    Config config;
    size_t vocab;
    double values[32];
    CheckpointFiles files;
    put(model_path, data, size);
    checkpoint_open(&files, dir, STEP);
    const char *wrong = checkpoint_metadata(&files, &snapshot, &vocab);
    if (!wrong && !stored_model_config(&snapshot, "input", &config)) config_free(&config);
    tensor_add(&snapshot.model, "", "tok_emb.weight", TENSOR_F64, 4, 8, values);
    if (!wrong) checkpoint_read(&files, &snapshot);
    snapshot_free(&snapshot);
    checkpoint_close(&files);
}

static void try_meta(const uint8_t *data, size_t size) {
    static char text[BODY_MAX + 64];
    CheckpointMeta meta;
    if (size > BODY_MAX) return;
    memcpy(text, data, size);
    int check = snprintf(text + size, 64, "  \"check\": \"%016llx\"\n}\n",
                         (unsigned long long)hash_bytes(HASH_START, data, size));
    put(meta_path, text, size + (size_t)check);
    checkpoint_verify(dir, STEP, &meta);
}

static void fuzz_one(const uint8_t *data, size_t size) {
    if (!*dir) make_dir();
    if (!size) return;
    if (*data % 2)
        try_meta(data + 1, size - 1);
    else
        try_model(data + 1, size - 1);
}
