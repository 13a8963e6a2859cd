/* replay.h - --replay: repeats the updates around a spike bit for bit and measures them.
 *
 * One idea: data, random numbers and learning rate are functions of the step, and a checkpoint has
 * the rest of the state. So any update of a run can be repeated later, with more measurements. A
 * comparison with log.csv shows whether the repetition is exact. Only RUN/replay/ is written.
 * Read next: run/train/resume.h, docs/spikes.md. */
#ifndef RUN_COMMANDS_REPLAY_H
#define RUN_COMMANDS_REPLAY_H

#include "run/commands/cli.h"

/* --replay RUN. Returns EXIT_DONE; EXIT_DATA if an update differs from log.csv (the files are
 * written all the same); or stop_code() if it was stopped (no files are written). Any other error
 * ends the program with a message. */
int replay(const Cli *cli, int argc, char **argv);

#endif
