/* surprises.h - what is probably not meant about data files, said before the first step.
 *
 * One idea: these data can be trained on, so none of it is an error. But nobody would find out from
 * the losses. Each sentence names the key, the first file, counts, and what to do.
 * Read next: surprises.c, then survey.h. */
#ifndef DATA_SURPRISES_H
#define DATA_SURPRISES_H

#include "data/split.h"

#include <stdio.h>

/* One split and the files that its key names. */
typedef struct {
    FILE *out;
    const char *key;   /* data.train or data.val */
    const char *needs; /* the keys behind the length of a window */
    bool leaves_rest;  /* whether what a file has after its last window counts as never read */
    const Split *split;
    const Windows *windows;
    const TokenFile *files; /* NULL = none of its own */
    DataFormat format;
} Surprises;

/* Tokens that are never read; what else is in the folder; files that are no text in UTF-8; carriage returns and NUL bytes, if
 * the files were surveyed. */
void surprises_print(const Surprises *s);
/* Validation files that are training files too, under whatever name. */
void surprises_print_shared(const Surprises *train, const Surprises *val);

#endif
