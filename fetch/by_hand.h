/* by_hand.h - what a person has to do where the tool cannot: what was found, how to get the
 * file, under which name and in which folder to put it, how to know it. */
#ifndef FETCH_BY_HAND_H
#define FETCH_BY_HAND_H
#include "fetch/fetch.h"

/* `why` begins the text; what to put where is its last line, alone. Caller frees. */
char *by_hand(const struct fetch *fetch, const struct source *source, const char *why);
#endif
