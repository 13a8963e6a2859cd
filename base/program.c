/* program.c - see program.h. */
#include "base/program.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { NAME_SIZE = 4 * PATH_MAX };

static char name[NAME_SIZE] = "./train", path[PATH_MAX];

static char commit[65] = "unknown";
static bool is_dirty;

/* Writes `word` in single quotes, unless it has only characters that no shell interprets. Each
 * quote in it becomes '\''. A name that does not fit is left out. */
static void quote(char *text, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-_./+,:@%=";
    size_t length = strlen(word), used = 0;
    if (!length || length > NAME_SIZE / 4 - 3) return;
    if (strspn(word, plain) == length) {
        memcpy(text, word, length + 1);
        return;
    }
    text[used++] = '\'';
    for (; *word; word++) {
        if (*word == '\'') {
            memcpy(text + used, "'\\'", 3);
            used += 3;
        }
        text[used++] = *word;
    }
    text[used++] = '\'';
    text[used] = '\0';
}

void program_start(char **argv, const char *built) {
    const size_t hash = strcspn(built, " ");
    snprintf(commit, sizeof commit, "%.*s", (int)hash, built);
    is_dirty = strcmp(built + hash, " dirty") == 0;
    if (!argv[0]) return;
    quote(name, argv[0]);
    ssize_t length = -1;
    if (!program_by_loader()) {
        length = readlink("/proc/self/exe", path, sizeof path - 1);
    } else if (realpath(argv[0], path)) {
        length = (ssize_t)strlen(path);
    }
    path[length < 0 ? 0 : length] = '\0';
}

const char *program_commit(void) {
    return commit;
}

bool program_is_dirty(void) {
    return is_dirty;
}

const char *program_name(void) {
    return name;
}

const char *program_path(void) {
    return path;
}

/* The system loads an interpreter for the program, except when the interpreter is the program. */
bool program_by_loader(void) {
    return getauxval(AT_BASE) == 0;
}
