/* attempt.h - a file being looked for in one place after the other, and why the last did
 * not give it. */
#ifndef FETCH_ATTEMPT_H
#define FETCH_ATTEMPT_H
#include "fetch/fetch.h"
#include "fetch/seen.h"

struct attempt {
    const struct fetch *fetch;
    const struct source *source;
    int failures;                      /* addresses that did not give it */
    int code;                          /* exit code of the last failure */
    char *from;                        /* its address as it may be shown, */
    char why[1024];                    /* and its reason, fit for a terminal */
    int asked_cache, keeps, asked_net; /* may the cache be written; are settings told */
};

/* 0 if what was seen is the file (then it is pinned, where it must be); else the exit code
 * it deserves, and `why`. `local`: see verify.h. */
int attempt_judge(struct attempt *attempt, const struct seen *seen, const char *from,
                  int local);
/* `from` failed with `code`, for the reason that stands in `why`. */
void attempt_fail(struct attempt *attempt, const char *from, int code);
#endif
