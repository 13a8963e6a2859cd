/* added.c - see parts.h: tokens that are cut out of a text before it is split. */
#include "data/tokenizer/parts.h"

#include "base/stb_ds.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    const AddedToken *x = a, *y = b;
    const unsigned char first = (unsigned char)*x->content, other = (unsigned char)*y->content;
    if (first != other) return first < other ? -1 : 1;
    return (x->length < y->length) - (x->length > y->length);
}

void added_sort(AddedTokens *added) {
    const size_t count = arrlenu(added->list);
    if (count) qsort(added->list, count, sizeof *added->list, compare);
    for (size_t byte = 0, i = 0; byte <= 256; byte++) {
        while (i < count && (unsigned char)*added->list[i].content < byte) i++;
        added->begin[byte] = i;
    }
}

const AddedToken *added_find(const AddedTokens *added, const char *text, size_t length,
                             size_t *at) {
    if (!arrlenu(added->list)) return NULL;
    for (size_t i = 0; i < length; i++) {
        const unsigned char first = (unsigned char)text[i];
        for (size_t k = added->begin[first]; k < added->begin[first + 1]; k++) {
            const AddedToken *token = &added->list[k];
            if (token->length > length - i || memcmp(token->content, text + i, token->length) != 0)
                continue;
            *at = i;
            return token;
        }
    }
    return NULL;
}
