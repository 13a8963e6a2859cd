/* replay.h - the updates around a spike, repeated to the bit and looked at.
 *
 * One idea: where data, random numbers and learning rate stand follows from the step, and a
 * checkpoint holds the rest, so any update of a run can be made to happen again, and measured as
 * closely as one likes, long after. The log says whether it is the same one. Of the run's folder
 * nothing is written but RUN/replay/. Read next: run/train/resume.h, docs/spikes.md. */
#ifndef RUN_COMMANDS_REPLAY_H
#define RUN_COMMANDS_REPLAY_H

#include "run/commands/cli.h"

/* --replay RUN: EXIT_DONE; EXIT_DATA where the updates differ from those of the log, the files
 * being written all the same; stop_code() where it was stopped, and then they are not. Everything
 * else that is wrong ends the program with a sentence. */
int replay(const Cli *cli, int argc, char **argv);

#endif
