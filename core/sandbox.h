/* sandbox.h - a tool shuts itself in before it reads foreign bytes.
 *
 *     struct sandbox box;
 *     sandbox_open(&box);
 *     sandbox_read(&box, raw);
 *     sandbox_write(&box, out);
 *     sandbox_enter(&box);
 *
 * From then on the process, should a parser be taken over, can open no file but those it
 * named, no socket, start no program and reach no other process, until it ends. Landlock
 * (Linux 5.13) keeps the files, seccomp (Linux 3.5) the system calls: both are lists of
 * what is allowed. A kernel without them keeps nothing, and nothing fails: sandbox_state
 * tells.
 *
 * Enter while there is one thread: threads started later are shut in as well; of those that
 * run already Landlock does not know. Descriptors that are open stay so. */
#ifndef CORE_SANDBOX_H
#define CORE_SANDBOX_H

struct sandbox {
    int ruleset; /* Landlock's; -1: none */
};
void sandbox_open(struct sandbox *box);
/* A file, or a folder with all below it. Absent: nothing. */
void sandbox_read(struct sandbox *box, const char *path);
/* A file to be made: its folder with all below it, for reading and writing. */
void sandbox_write(struct sandbox *box, const char *path);
void sandbox_enter(struct sandbox *box);
/* What this kernel offers, in words: "Landlock and seccomp", "seccomp alone" ... */
const char *sandbox_state(void);
#endif
