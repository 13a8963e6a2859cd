/* requirements.h - what the machine must offer, and the processors it gave to this process.
 *
 * One idea: what has to be known before the libraries start is found out before they start.
 * Read next: requirements.c. */
#ifndef BASE_REQUIREMENTS_H
#define BASE_REQUIREMENTS_H

/* Runs before main() and before the constructors of the libraries; nothing calls it. */
void requirements_check(int argc, char **argv, char **environment);
/* Gives this thread all processors that the process was started with. OMP_PROC_BIND binds the first
 * thread to one of them, and a program that is executed from there would see only that one. */
void requirements_unbind(void);

#endif
