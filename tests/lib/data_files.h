/* data_files.h - shared by the tests of the data: temporary data files. */
#ifndef TESTS_LIB_DATA_FILES_H
#define TESTS_LIB_DATA_FILES_H

#include "data/dataset.h"
#include "data/tokens.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[32];

static inline void remove_folder(void) {
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    if (system(command) != 0) fprintf(stderr, "%s is left\n", folder);
}

/* The path of `name` in the folder of the test, valid until the eighth call after this one. */
static inline const char *in_folder(const char *name) {
    static char paths[8][128];
    static int next;
    char *path = paths[next++ % 8];
    if (!folder[0]) {
        strcpy(folder, "/tmp/test_data_XXXXXX");
        if (!mkdtemp(folder) || atexit(remove_folder) != 0) abort();
    }
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline const char *put(const char *name, const void *bytes, size_t size) {
    const char *path = in_folder(name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) abort();
    return path;
}

static inline const char *put_text(const char *name, const char *text) {
    return put(name, text, strlen(text));
}

/* Creates a folder of the test where it does not exist. */
static inline const char *make_folder(const char *name) {
    const char *path = in_folder(name);
    mkdir(path, 0700);
    return path;
}

/* Headerless uint16 tokens first, first + 1, ... */
static inline const char *put_u16(const char *name, size_t first, size_t count) {
    static uint16_t numbers[UINT16_MAX + 1];
    for (size_t i = 0; i < count; i++) numbers[i] = (uint16_t)(first + i);
    return put(name, numbers, count * 2);
}

/* An llm.c file with tokens step, 2*step, ... and a header that declares `declared` tokens. */
static inline const char *put_llmc(const char *name, size_t width, uint32_t version,
                                   size_t declared, size_t count, uint32_t step) {
    static unsigned char file[1 << 16];
    uint32_t magic = width == 2 ? 20240520 : 20240801;
    memset(file, 0, 1024);
    memcpy(file, (uint32_t[]){magic, version, (uint32_t)declared}, 12);
    for (size_t i = 0; i < count; i++) {
        uint32_t token = (uint32_t)(i + 1) * step;
        memcpy(file + 1024 + i * width, &token, width);
    }
    return put(name, file, 1024 + count * width);
}

static inline DataOptions options_for(const char *train) {
    return (DataOptions){.train = train, .val = "", .val_fraction = 0.1, .vocab = "bytes"};
}

static inline DataOptions options_raw(const char *train) {
    DataOptions options = options_for(train);
    options.format = FORMAT_RAW_U16;
    options.vocab_size = 65536;
    return options;
}

#endif
