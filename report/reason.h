/* reason.h - why something was not run, as results.tsv says it: statements parted by " | ",
 * one for each source that is absent, which open with its name: "sun-masks: to be had by
 * hand only. ...". A reason of another kind is one statement, which names no source. */
#ifndef REPORT_REASON_H
#define REPORT_REASON_H
#include <stddef.h>

#define REASON_BETWEEN " | "

struct reasons { /* each statement once, in order of appearance; {0} is empty */
    int count;
    char **text;
};
void reasons_add(struct reasons *r, const char *reason);
void reasons_free(struct reasons *r);
/* The place of a statement, -1 if it is not there. */
int reasons_find(const struct reasons *r, const char *statement);
/* As a reason again: caller frees. */
char *reasons_join(const struct reasons *r);

/* Length of the source's name that a statement opens with, 0 if it names none. */
size_t reason_source(const char *statement);
/* For the middle of a sentence: "it lacks A, B", A and B the sources; else the reason as it
 * is. What to do about it stands below Table 1's numbers. Caller frees. */
char *reason_short(const char *reason);
#endif
