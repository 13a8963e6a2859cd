/* record.h - what a program did to its files, written down call by call.
 *
 * One idea: what the disk may look like after a power loss follows from the calls alone. A record
 * is lines of words between tabs, paths absolute:
 *
 *     create PATH | mkdir PATH | remove PATH | sync PATH | rename PATH TARGET | swap PATH TARGET
 *     truncate PATH LENGTH | write PATH OFFSET LENGTH
 *
 * Behind the line of a write stand its bytes and a newline.
 * Calls that failed are not in it. Written by fault, read by powerloss. */
#ifndef TESTS_FAULT_RECORD_H
#define TESTS_FAULT_RECORD_H
#include "tests/fault/tracee.h"

#include <stdio.h>

/* Writes down a call that returned `result` >= 0; calls that change nothing leave no line. */
void record_call(FILE *out, const Call *call, long result);

#endif
