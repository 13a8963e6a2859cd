/* record.c - see record.h. */
#include "tests/fault/record.h"

#include <stdlib.h>

static void record_write(FILE *out, const Call *call, size_t length) {
    char *bytes = malloc(length + 1);
    if (!bytes) give_up("out of memory");
    if (length) tracee_read(call->thread, bytes, call->data, length);
    fprintf(out, "write\t%s\t%ld\t%zu\n", call->path, call->offset, length);
    fwrite(bytes, 1, length, out);
    fputc('\n', out);
    free(bytes);
}

void record_call(FILE *out, const Call *call, long result) {
    switch (call->kind) {
    case OPEN:
        if (call->creates) fprintf(out, "create\t%s\n", call->path);
        if (call->truncates) fprintf(out, "truncate\t%s\t0\n", call->path);
        break;
    case WRITE:
        record_write(out, call, (size_t)result);
        break;
    case SYNC:
        fprintf(out, "sync\t%s\n", call->path);
        break;
    case TRUNCATE:
        fprintf(out, "truncate\t%s\t%zu\n", call->path, call->length);
        break;
    case RENAME:
        fprintf(out, "%s\t%s\t%s\n", call->swaps ? "swap" : "rename", call->path, call->target);
        break;
    case MKDIR:
        fprintf(out, "mkdir\t%s\n", call->path);
        break;
    case REMOVE:
        fprintf(out, "remove\t%s\n", call->path);
        break;
    case READ:
    case CLOSE:
    case LOOK:
    case LOCKING:
    case UNSUPPORTED:
        break;
    }
}
