/* config_read.h - from bytes to checked JSON, and the errors on the way.
 *
 * One idea: every error is one line that says where it stands, all of them are reported in one run,
 * and what cJSON lets pass is refused before or after it.
 * The caller owns what is returned: cJSON_Delete for JSON, arrfree for text.
 * Floor 4. Read next: config_read.c. */
#ifndef RUN_CONFIG_READ_H
#define RUN_CONFIG_READ_H

#include "ops/base.h"

struct cJSON;

typedef struct {
    const char *origin; /* what messages begin with: a file, or "--set key=value" */
    size_t errors;
} Report;

enum { REPORT_MAX = 20, SHOWN_SIZE = 80 };

/* Prints "origin: error: sentence", unless REPORT_MAX errors stand there already. */
void report_error(Report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends a report that has errors with their number; false where it has any. */
bool report_close(const Report *report);

/* `text` fit for one line of a message: control characters become '?', a long text is cut. */
const char *text_shown(const char *text, char shown[SHOWN_SIZE]);
/* Whether `text` is UTF-8 without control characters. */
bool text_is_clean(const char *text);
/* Appends to a text (stb_ds array of char, kept closed by a NUL that does not count). */
void text_add(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The contents of a file of at most 1 MiB as a text, NULL after an error. */
char *file_read(const char *path, Report *report);
/* Parses an object with // comments, which are blanked in `text`; NULL after an error. */
struct cJSON *json_parse(char *text, size_t length, Report *report);
/* The value of --set: JSON, or the text itself as a string where it is none; NULL after an error.
 */
struct cJSON *json_parse_value(char *text, Report *report);

#endif
