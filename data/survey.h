/* survey.h - one pass over a whole data file, before the first step.
 *
 * One idea: all bytes are read for the hash in run.json anyway, so the same pass finds what would
 * otherwise end the run at some later step. The result is kept in the file.
 * Read next: survey.c, then surprises.h. */
#ifndef DATA_SURVEY_H
#define DATA_SURVEY_H

#include "data/tokens.h"

/* The survey of a file, made by the first call. */
const Survey *survey_file(TokenFile *file);

/* Surveys the files, and ends the program (EXIT_DATA) at the first token that `vocab` or V does not
 * have, with the message of tokens_read. */
void survey_check(TokenFile *files, const Vocab *vocab, size_t V);

/* The vocabulary of all bytes that occur in the files. */
Vocab survey_chars(TokenFile *files);

#endif
