/* sentence.c - see tracee.h. */
#include "tests/fault/tracee.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void give_up(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("fault: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(99);
}
