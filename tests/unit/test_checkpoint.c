/* test_checkpoint.c - corrupt checkpoints: every change is detected, and none is loaded.
 *
 * One idea: a run saves one checkpoint, and the test changes its files, first without updating
 * meta.json, then with a meta.json that matches the changed files. */
#include "base/stb_ds.h"
#include "base/text_out.h"
#include "run/io/files.h"
#include "run/store/checkpoint.h"
#include "run/store/stored_model.h"
#include "run/train/resume.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const FILES[] = {"model.safetensors", "optimizer.safetensors", "meta.json"};

static struct {
    char dir[64];
    Config config;
    Run run;
    char *path[3], *text[3]; /* paths and original contents of FILES */
    size_t size[3];
} saved;

static void set_up(void) {
    if (*saved.dir) return;
    static const char *const sets[] = {
        "model.n_layer=1",  "model.n_head=1", "model.d_model=4", "model.context=4",
        "train.batch=1",    "train.steps=3",  "spike.window=16", "data.train=builtin:random",
        "data.vocab_size=5"};
    strcpy(saved.dir, "/tmp/peri_checkpoint_XXXXXX");
    CHECK(mkdtemp(saved.dir) != NULL, "mkdtemp");
    char *path = text_format("%s/empty.json", saved.dir);
    CHECK(file_replace(path, "{}", 2) == 0, "empty config");
    CHECK(config_load(&saved.config, path, sets, sizeof sets / sizeof *sets), "config");
    unlink(path);
    mem_free(path);
    run_open(&saved.run, &saved.config, 0, NULL);
    saved.run.dir = saved.dir;
    saved.run.progress.manifest = &saved.run.manifest;
    CHECK(run_restore(&saved.run) == 0, "a new run starts at step 0");
    for (size_t step = 1; step <= 3; step++) {
        LogRow row = {0};
        CHECK(run_update(&saved.run, step, &row), "update");
        runlog_write(&saved.run.log, &row);
    }
    CHECK(run_save(&saved.run, 3) == EXIT_DONE, "saved");
    char *folder = checkpoint_folder(saved.dir, 3);
    for (int i = 0; i < 3; i++) {
        saved.path[i] = text_format("%s/%s", folder, FILES[i]);
        saved.text[i] = file_contents(saved.path[i], 1 << 20, &saved.size[i]);
        CHECK(saved.text[i] != NULL, "%s", saved.path[i]);
    }
    mem_free(folder);
}

static const char *verify(void) {
    CheckpointMeta meta;
    return checkpoint_verify(saved.dir, 3, &meta);
}

/* Creates a new file: some file systems sync a file at once if it is truncated and rewritten. */
static void put(int i, const char *text, size_t size) {
    unlink(saved.path[i]);
    FILE *out = fopen(saved.path[i], "wb");
    if (!out || fwrite(text, 1, size, out) != size || fclose(out)) abort();
}

static void restore_file(int i) {
    put(i, saved.text[i], saved.size[i]);
}

/* Flips the lowest and the highest bit of every byte of the headers and of meta.json. */
static void test_every_header_byte(void) {
    set_up();
    size_t detected = 0, tried = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t length;
        memcpy(&length, saved.text[i], sizeof length);
        size_t header = i == 2 ? saved.size[i] : (size_t)length + 8;
        CHECK(header <= saved.size[i] && header > 100, "header of %s: %zu", FILES[i], header);
        for (size_t k = 0; k < header; k++) {
            for (int bit = 0; bit < 8; bit += 7) {
                saved.text[i][k] = (char)(saved.text[i][k] ^ (1 << bit));
                restore_file(i);
                detected += verify() != NULL;
                tried++;
                saved.text[i][k] = (char)(saved.text[i][k] ^ (1 << bit));
            }
        }
        restore_file(i);
    }
    CHECK(detected == tried && verify() == NULL, "%zu of %zu", detected, tried);
    printf("note: %zu of %zu flipped bits of headers and meta.json were detected\n", detected,
           tried);
}

/* A random number (xorshift); the same sequence in every run of the test. */
static uint64_t draw(void) {
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* Changes one byte, changes several, truncates, appends, or overwrites one piece with another. */
static size_t corrupt(char *text, size_t size, size_t room) {
    size_t a = draw() % size, b = draw() % size, n = 1 + draw() % 16;
    switch (draw() % 5) {
    case 0:
        text[a] = (char)(text[a] ^ (1 + (int)(draw() % 255)));
        return size;
    case 1:
        for (size_t k = a; k < size && k < a + n; k++) text[k] = (char)draw();
        return size;
    case 2:
        return a;
    case 3:
        for (size_t k = 0; k < n && size < room; k++) text[size++] = (char)draw();
        return size;
    default:
        if (a + n <= size && b + n <= size) {
            char piece[16];
            memcpy(piece, text + a, n);
            memmove(text + a, text + b, n);
            memcpy(text + b, piece, n);
        }
        return size;
    }
}

static void test_random_corruption(void) {
    set_up();
    enum { TIMES = 10000, ROOM = 64 };
    size_t detected = 0, same = 0;
    for (size_t t = 0; t < TIMES; t++) {
        int i = (int)(t % 3);
        size_t size = saved.size[i], room = size + ROOM;
        char *text = mem_alloc(room);
        memcpy(text, saved.text[i], size);
        size_t new_size = corrupt(text, size, room);
        bool unchanged = new_size == size && memcmp(text, saved.text[i], size) == 0;
        put(i, text, new_size);
        bool valid = verify() == NULL;
        CHECK(valid == unchanged, "corruption %zu of %s", t, FILES[i]);
        detected += !valid;
        same += unchanged;
        restore_file(i);
        mem_free(text);
    }
    printf("note: %zu random corruptions were detected, %zu changed nothing\n", detected, same);
}

/* --- corrupt files with a matching meta.json --- */

/* Writes the meta.json that matches the current files. */
static void forge_meta(void) {
    char text[4096];
    size_t length = 0;
    uint64_t bytes, hash;
    const char *end = strstr(saved.text[2], "  \"model.safetensors\"");
    length = (size_t)(end - saved.text[2]);
    memcpy(text, saved.text[2], length);
    for (int i = 0; i < 2; i++) {
        int fd = fd_open(saved.path[i], O_RDONLY);
        CHECK(fd_sum(fd, &bytes, &hash) == 0, "sum");
        close(fd);
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "  \"%s\": {\"bytes\": %llu, \"fnv1a64\": \"%016llx\"},\n",
                                   FILES[i], (unsigned long long)bytes, (unsigned long long)hash);
    }
    length += (size_t)snprintf(text + length, sizeof text - length, "  \"check\": \"%016llx\"\n}\n",
                               (unsigned long long)hash_bytes(HASH_START, text, length));
    put(2, text, length);
}

static const char *read_back(Snapshot *snapshot) {
    size_t vocab;
    CheckpointFiles files;
    checkpoint_open(&files, saved.dir, 3);
    const char *wrong = checkpoint_metadata(&files, snapshot, &vocab);
    if (!wrong) {
        stored_model_tensors(&saved.run.model->params, snapshot);
        wrong = checkpoint_read(&files, snapshot);
    }
    checkpoint_close(&files);
    return wrong;
}

/* Flips a bit of every byte of the header of tensors: safetensors_read accepts exactly one header.
 */
static void test_forged_headers(void) {
    set_up();
    const char *tensors = strstr(saved.text[0] + 8, ",\"tok_emb.weight\"");
    size_t begin = (size_t)(tensors - saved.text[0]), refused = 0, tried = 0;
    uint64_t length;
    memcpy(&length, saved.text[0], sizeof length);
    for (size_t k = 0; k < length + 8; k++) {
        if (k >= 8 && k < begin) continue;
        saved.text[0][k] ^= 1;
        restore_file(0);
        forge_meta();
        Snapshot snapshot = {0};
        CHECK(verify() == NULL, "the forged meta.json matches");
        refused += read_back(&snapshot) != NULL;
        tried++;
        snapshot_free(&snapshot);
        saved.text[0][k] ^= 1;
    }
    restore_file(0);
    restore_file(2);
    CHECK(refused == tried && tried > 500, "%zu of %zu", refused, tried);
}

static void test_malformed_headers(void) {
    set_up();
    static const char *const HEADERS[] = {
        "",
        "{",
        "[[[[[[[[[[",
        "{\"__metadata__\":",
        "{\"__metadata__\":{",
        "{\"__metadata__\":{\"",
        "{\"__metadata__\":{\"a\":\"b\"",
        "{\"__metadata__\":{\"a\":\"b\\",
        "{\"__metadata__\":{}",
        "{\"__metadata__\":{\"a\":{}},\"tok_emb.weight\":{\"dtype\":\"F32\",\"shape\":[5,",
        "{\"__metadata__\":{\"a\":1},\"tok_emb.weight\":{\"dtype\":\"F32\",\"shape\":[5,",
        "{\"__metadata__\":{\"a\":\"b\"},\"tok_emb.weight\":{\"dtype\":\"F64\",\"shape\":[5,",
    };
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++) {
        const char *error = NULL;
        size_t rows;
        char *text = header_metadata(HEADERS[i], strlen(HEADERS[i]), &rows, &error);
        CHECK(!text && error, "header %zu: %s", i, text ? text : "no error");
        mem_free(text);
    }
    static const uint64_t LENGTHS[] = {0, 1, 1 << 20, 1ULL << 31, 1ULL << 53, UINT64_MAX};
    for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++) {
        Snapshot snapshot = {0};
        put(0, (const char *)&LENGTHS[i], sizeof LENGTHS[i]);
        CHECK(read_back(&snapshot) != NULL, "length %zu", i);
        snapshot_free(&snapshot);
    }
    restore_file(0);
}

/* The checkpoints that remain, newest first. */
static void prune_to(const CheckpointKeep *keep, const size_t *kept, size_t count) {
    size_t *steps;
    checkpoint_prune(saved.dir, 14, keep);
    CHECK(checkpoint_steps(saved.dir, &steps) == 0, "steps");
    CHECK(arrlenu(steps) == count, "%zu remain", (size_t)arrlenu(steps));
    for (size_t i = 0; i < count && i < arrlenu(steps); i++) {
        CHECK(steps[i] == kept[i], "step %zu remains", steps[i]);
    }
    arrfree(steps);
}

static void test_prune(void) {
    set_up();
    for (size_t step = 10; step <= 15; step++) {
        char *folder = checkpoint_folder(saved.dir, step);
        CHECK(mkdir(folder, 0777) == 0, "mkdir");
        mem_free(folder);
    }
    /* 15 is ahead of the run, 14 and 13 are the newest, 11 is the newest before step 12. */
    prune_to(&(CheckpointKeep){.newest = 2, .healthy = 12}, (size_t[]){15, 14, 13, 11}, 4);
    prune_to(&(CheckpointKeep){.newest = 1, .every = 13, .best = 11}, (size_t[]){15, 14, 13, 11},
             4);
    prune_to(&(CheckpointKeep){.newest = 1, .best = 11}, (size_t[]){15, 14, 11}, 3);
    prune_to(&(CheckpointKeep){.newest = 1, .every = 11}, (size_t[]){15, 14, 11}, 3);
    prune_to(&(CheckpointKeep){.newest = 1}, (size_t[]){15, 14}, 2);
}

static void clean_up(void) {
    set_up();
    run_close(&saved.run);
    config_free(&saved.config);
    checkpoint_prune(saved.dir, SIZE_MAX, &(CheckpointKeep){.newest = 0});
    for (int i = 0; i < 3; i++) {
        mem_free(saved.path[i]);
        mem_free(saved.text[i]);
    }
    static const char *const REST[] = {"checkpoints/latest", "checkpoints", "log.csv", "spikes.csv",
                                       "layers.csv",         "tensors.csv", "."};
    for (size_t i = 0; i < sizeof REST / sizeof *REST; i++) {
        char *path = text_format("%s/%s", saved.dir, REST[i]);
        remove(i + 1 < sizeof REST / sizeof *REST ? path : saved.dir);
        mem_free(path);
    }
}

static const Test tests[] = {
    {"checkpoint: a run saves one", set_up},
    {"checkpoint: a flipped bit in any header byte is detected", test_every_header_byte},
    {"checkpoint: 10,000 random corruptions are detected", test_random_corruption},
    {"checkpoint: forged headers are refused", test_forged_headers},
    {"checkpoint: malformed headers are refused", test_malformed_headers},
    {"checkpoint: pruning keeps the newest and the newest healthy one", test_prune},
    {"checkpoint: all files are removed", clean_up},
};
TEST_MAIN(tests)
