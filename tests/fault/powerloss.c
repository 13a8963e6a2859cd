/* powerloss.c - builds a possible state of a disk after a power loss.
 *
 *     powerloss ROOT RECORD BASE SEED TO
 *
 * RECORD is the output of `fault --under ROOT --record` for a program that worked below ROOT; BASE
 * is a copy of ROOT made before. The power loss comes after some of the recorded calls. A possible
 * state of the disk is written to TO, which must not exist. Each seed gives another state; seeds 0,
 * 1, 2 ... go through all calls in turn. Prints one line:
 *
 *     moment 17 of 230, durable step 6, 3 changes lost, 1 torn
 *
 * "moment" is the number of calls before the power loss. "durable step" is the highest step whose
 * checkpoint was renamed into place and whose parent folder was synced after that; -1 = none.
 * Read next: disk.h. */
#include "tests/fault/disk.h"
#include "tests/fault/tracee.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char what[16], path[PATH_BYTES], target[PATH_BYTES];
    size_t offset, length; /* of a write; `offset` is also the length after a truncate */
    char *bytes;
} Line;

/* Reads the next line of a record; false at the end. */
static bool line_read(FILE *in, Line *line) {
    char *text = NULL;
    size_t size = 0;
    if (getline(&text, &size, in) < 0) return false;
    text[strcspn(text, "\n")] = '\0';
    char *words[4] = {"", "", "", ""}, *rest = text;
    for (int i = 0; i < 4 && rest; i++) words[i] = strsep(&rest, "\t");
    snprintf(line->what, sizeof line->what, "%s", words[0]);
    snprintf(line->path, sizeof line->path, "%s", words[1]);
    snprintf(line->target, sizeof line->target, "%s", words[2]);
    line->offset = strtoul(words[2], NULL, 10);
    line->length = strtoul(words[3], NULL, 10);
    free(line->bytes);
    line->bytes = malloc(line->length + 1);
    if (!line->bytes) give_up("out of memory");
    bool written = strcmp(line->what, "write") == 0;
    if (written && fread(line->bytes, 1, line->length + 1, in) != line->length + 1)
        give_up("the record ends in the middle of a write");
    free(text);
    return true;
}

/* Checkpoints renamed into place; durable once their parent folder is synced. */
typedef struct {
    long pending, durable; /* steps, -1 = none */
    char folder[PATH_BYTES];
} Steps;

static void steps_follow(Steps *steps, const Line *line) {
    bool renamed = strcmp(line->what, "rename") == 0 || strcmp(line->what, "swap") == 0;
    const char *name = renamed ? strrchr(line->target, '/') : NULL;
    long step;
    if (name && sscanf(name, "/step_%ld", &step) == 1) {
        steps->pending = step;
        snprintf(steps->folder, sizeof steps->folder, "%.*s", (int)(name - line->target),
                 line->target);
    }
    bool synced = strcmp(line->what, "sync") == 0 && strcmp(line->path, steps->folder) == 0;
    if (synced && steps->pending > steps->durable) steps->durable = steps->pending;
}

static void disk_follow(Node *disk, const Line *line, size_t root_length) {
    const char *path = line->path + root_length, *what = line->what;
    if (strcmp(what, "create") == 0)
        disk_create(disk, path, false);
    else if (strcmp(what, "mkdir") == 0)
        disk_create(disk, path, true);
    else if (strcmp(what, "remove") == 0)
        disk_remove(disk, path);
    else if (strcmp(what, "rename") == 0)
        disk_rename(disk, path, line->target + root_length, false);
    else if (strcmp(what, "swap") == 0)
        disk_rename(disk, path, line->target + root_length, true);
    else if (strcmp(what, "write") == 0)
        disk_write(disk, path, line->offset, line->bytes, line->length);
    else if (strcmp(what, "truncate") == 0)
        disk_truncate(disk, path, line->offset);
    else if (strcmp(what, "sync") == 0)
        disk_sync(disk, path);
    else
        give_up("unknown line in the record: \"%s\"", what);
}

int main(int argc, char **argv) {
    if (argc != 6) give_up("usage: powerloss ROOT RECORD BASE SEED TO");
    FILE *record = fopen(argv[2], "r");
    if (!record) give_up("cannot read %s: %s", argv[2], strerror(errno));
    Line line = {0};
    Steps steps = {-1, -1, ""};
    Node *disk = disk_load(argv[3]);
    uint64_t seed = strtoull(argv[4], NULL, 10);
    size_t lines = 0;
    while (line_read(record, &line)) lines++;
    rewind(record);
    size_t moment = seed % (lines + 1);
    for (size_t i = 0; i < moment && line_read(record, &line); i++) {
        disk_follow(disk, &line, strlen(argv[1]));
        steps_follow(&steps, &line);
    }
    Outage outage = {.random = seed};
    disk_crash(disk, &outage, argv[5]);
    printf("moment %zu of %zu, durable step %ld, %zu changes lost, %zu torn\n", moment, lines,
           steps.durable, outage.lost, outage.torn);
    fclose(record);
    return 0;
}
