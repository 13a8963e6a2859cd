/* fuzz_csv.c - arbitrary bytes as a CSV file that a resumed run continues.
 *
 * The first two bytes are the length to continue from. If the file has a complete record up to there,
 * continuing must keep exactly this prefix and append a record. */
#include "tests/fuzz/fuzz.h"

#include "run/io/csv.h"
#include "run/io/files.h"

static char dir[32];

static void remove_dir(void) {
    char path[64];
    snprintf(path, sizeof path, "%s/log.csv", dir);
    unlink(path);
    rmdir(dir);
}

static void fuzz_one(const uint8_t *data, size_t size) {
    static const char RECORD[] = "7,nan,,0.1\n";
    char path[64];
    if (!*dir) {
        strcpy(dir, "/tmp/peri_fuzz_XXXXXX");
        if (!mkdtemp(dir) || atexit(remove_dir)) abort();
    }
    if (size < 2) return;
    size_t keep = (size_t)data[0] | (size_t)data[1] << 8, length;
    data += 2;
    size -= 2;
    snprintf(path, sizeof path, "%s/log.csv", dir);
    unlink(path);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(data, 1, size, out) != size || fclose(out)) abort();
    bool complete = keep > 0 && keep <= size && data[keep - 1] == '\n';
    if (csv_reaches(dir, "log.csv", keep) != complete) abort();
    if (!complete) return;
    Csv csv = csv_continue(dir, "log.csv", keep);
    csv_integer(&csv, 7);
    csv_number(&csv, -__builtin_nan(""));
    csv_empty(&csv);
    csv_number(&csv, 0.1);
    csv_end_record(&csv);
    csv_close(&csv);
    char *text = file_contents(path, 1 << 20, &length);
    if (!text || length != keep + strlen(RECORD) || memcmp(text, data, keep) != 0 ||
        memcmp(text + keep, RECORD, strlen(RECORD)) != 0)
        abort();
    mem_free(text);
}
