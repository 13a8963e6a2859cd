/* files.h - folders, files and JSON text on their way to the disk: every failure has a sentence.
 *
 * One idea: a file appears whole or not at all - written under a temporary name, synced, renamed.
 * Paths made here are the caller's (mem_free). Floor 4. */
#ifndef RUN_FILES_H
#define RUN_FILES_H

#include <stdio.h>

/* A formatted path of any length; free with mem_free. */
char *path_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Makes a folder and the ones above it; ends the program (EXIT_IO) where it cannot. */
void folder_make(const char *path);
/* Opens a new file for writing; ends the program (EXIT_IO) where it cannot. */
FILE *file_create(const char *path);
/* Syncs and closes `file`, written at `temporary`, and gives it its final name. */
void file_finish(FILE *file, const char *temporary, const char *final);

/* A JSON string with quotes; control bytes escaped, everything else as it is. */
void json_print_string(FILE *out, const char *text);
/* A JSON number of nine digits; null for what JSON cannot say. */
void json_print_number(FILE *out, double value);

#endif
