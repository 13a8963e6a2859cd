/* options.c - the words of the model's enumerated options. See options.h. */
#include "model/options.h"

#define WORD_OF(words, i)                                                                          \
    ((i) >= 0 && (size_t)(i) < sizeof(words) / sizeof *(words) ? (words)[i] : NULL)

const char *slot_name(int i) {
    static const char *const WORDS[] = {[SLOT_IN] = "in", [SLOT_OUT] = "out", [SLOT_POST] = "post"};
    return WORD_OF(WORDS, i);
}

const char *position_name(int i) {
    static const char *const WORDS[] = {
        [POSITION_LEARNED] = "learned", [POSITION_ROPE] = "rope", [POSITION_NONE] = "none"};
    return WORD_OF(WORDS, i);
}

const char *switch_name(int i) {
    static const char *const WORDS[] = {
        [SWITCH_AUTO] = "auto", [SWITCH_ON] = "on", [SWITCH_OFF] = "off"};
    return WORD_OF(WORDS, i);
}

const char *branch_order_name(int i) {
    static const char *const WORDS[] = {[BRANCH_DEEPER] = "deeper", [BRANCH_EQUAL] = "equal"};
    return WORD_OF(WORDS, i);
}

const char *init_name(int i) {
    static const char *const WORDS[] = {[INIT_AUTO] = "auto",
                                        [INIT_PLAIN] = "plain",
                                        [INIT_SCALED] = "scaled",
                                        [INIT_DEEPNORM] = "deepnorm"};
    return WORD_OF(WORDS, i);
}
