/* habits.h - arguments that this program does not have, and what to type instead.
 *
 * One idea: people know other trainers. Their flag, a typo, or a flag without its dashes is answered
 * with the form that works here. Nothing here owns memory. Read next: habits.c, cli.h. */
#ifndef RUN_COMMANDS_HABITS_H
#define RUN_COMMANDS_HABITS_H

/* Ends the program (EXIT_USAGE) with a message about `argument`. `name` is the flag in it, without
 * dashes and value. */
_Noreturn void argument_unknown(const char *argument, const char *name);

#endif
