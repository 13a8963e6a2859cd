/* regex_pcre2.c - see regex.h. Limits keep patterns of hostile files from running for ever. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "data/tokenizer/regex.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

enum { MATCH_LIMIT = 4000000, HEAP_KIB = 65536, STACK_MIN = 1 << 15, STACK_MAX = 1 << 24 };

struct Regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
    pcre2_jit_stack *stack; /* NULL: no JIT here, the interpreter matches */
};

const char *regex_library(void) {
    static char text[128];
    char version[64]; /* "10.42 2022-12-11" */
    pcre2_config(PCRE2_CONFIG_VERSION, version);
    snprintf(text, sizeof text, "%.*s, Unicode %s", (int)strcspn(version, " "), version,
             regex_unicode());
    return text;
}

const char *regex_unicode(void) {
    static char text[64];
    pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, text);
    return text;
}

/* Ends the program instead of returning NULL, as all allocations here do. */
static void *allocate(size_t size, void *data) {
    (void)data;
    return mem_realloc(NULL, size);
}

static void release(void *pointer, void *data) {
    (void)data;
    mem_free(pointer);
}

Regex *regex_create(const char *pattern, char *error, size_t size) {
    pcre2_general_context *memory = pcre2_general_context_create(allocate, release, NULL);
    pcre2_compile_context *rules = pcre2_compile_context_create(memory);
    int wrong;
    PCRE2_SIZE at;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &wrong, &at, rules);
    Regex *regex = NULL;
    if (code) {
        regex = mem_alloc(sizeof *regex);
        regex->code = code;
        regex->match = pcre2_match_data_create(1, memory);
        regex->context = pcre2_match_context_create(memory);
        pcre2_set_match_limit(regex->context, MATCH_LIMIT);
        pcre2_set_heap_limit(regex->context, HEAP_KIB);
        if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0)
            regex->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, memory);
        if (regex->stack) pcre2_jit_stack_assign(regex->context, NULL, regex->stack);
    } else {
        PCRE2_UCHAR message[128];
        pcre2_get_error_message(wrong, message, sizeof message);
        snprintf(error, size, "at offset %zu: %s", (size_t)at, (const char *)message);
    }
    pcre2_compile_context_free(rules);
    pcre2_general_context_free(memory);
    return regex;
}

void regex_free(Regex *regex) {
    if (!regex) return;
    pcre2_code_free(regex->code);
    pcre2_match_data_free(regex->match);
    pcre2_match_context_free(regex->context);
    pcre2_jit_stack_free(regex->stack);
    mem_free(regex);
}

RegexResult regex_find(const Regex *regex, const char *text, size_t length, size_t from,
                       size_t *begin, size_t *end) {
    int result = pcre2_match(regex->code, (PCRE2_SPTR)text, length, from, PCRE2_NO_UTF_CHECK,
                             regex->match, regex->context);
    if (result == PCRE2_ERROR_NOMATCH) return REGEX_NONE;
    if (result < 0) return REGEX_GAVE_UP;
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(regex->match);
    if (found[0] > found[1] || found[0] < from) return REGEX_GAVE_UP; /* \K in a lookaround */
    *begin = found[0];
    *end = found[1];
    return REGEX_FOUND;
}
