/* record.h - a record of all file system changes of a program, call by call.
 *
 * One idea: the possible states of the disk after a power loss follow from the calls alone. A
 * record has one line per call, with absolute paths and tabs between the words:
 *
 *     create PATH | mkdir PATH | remove PATH | sync PATH | rename PATH TARGET | swap PATH TARGET
 *     truncate PATH LENGTH | write PATH OFFSET LENGTH
 *
 * The line of a write is followed by its bytes and a newline. Failed calls are not recorded.
 * Written by fault, read by powerloss. */
#ifndef TESTS_FAULT_RECORD_H
#define TESTS_FAULT_RECORD_H
#include "tests/fault/tracee.h"

#include <stdio.h>

/* Records a call that returned `result` >= 0, if it changed anything. */
void record_call(FILE *out, const Call *call, long result);

#endif
