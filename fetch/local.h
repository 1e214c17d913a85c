/* local.h - files that are on this machine already. */
#ifndef FETCH_LOCAL_H
#define FETCH_LOCAL_H
#include "fetch/attempt.h"

/* Copies the file to where it is wanted; one that is not the file is die_no (an empty one
 * die_world): it is the user's own. */
void local_copy(struct attempt *attempt, const char *from);
/* The path of a file: address, %XX decoded. Caller frees. */
char *local_path(const struct source *source, const char *url);
/* The passphrase's file goes beside the download, where pack looks for it. 0 if it is
 * needed and in no mirror folder. */
int local_passphrase(const struct fetch *fetch, const struct source *source);
#endif
