/* pattern.h - what attention does in each block: model.rope_layers and model.window.
 *
 * One idea: a pattern is a list of words, such as "local*5 rope", which is repeated from block 0 on
 * until every block has a word. A word with *count stands for that many blocks. Nothing is owned.
 * Read next: wiring.h, which asks for every block once. */
#ifndef MODEL_PATTERN_H
#define MODEL_PATTERN_H

#include "model/options.h"

/* The word of model.window for a block without a window: "all". NULL for i > 0. */
const char *window_word(int i);

/* Whether both patterns can be read, and fit model.position; false with a sentence that names the
 * key. */
bool pattern_check_rope(const ModelOptions *options, char *error, size_t size);
bool pattern_check_window(const ModelOptions *options, char *error, size_t size);

/* How block `block`, which counts from 0, rotates its queries and keys. */
RopeKind pattern_rope(const ModelOptions *options, size_t block);
/* The number of tokens that a query of the block attends to, itself included; 0 = all up to its own,
 * also where the window is as long as the context. */
size_t pattern_window(const ModelOptions *options, size_t block);

#endif
