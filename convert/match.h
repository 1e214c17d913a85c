/* match.h - a checkpoint's tensors held against an encoder's list: what is there, what is
 * missing, what is left over.
 *
 * Every tensor that is missing, unexpected or of another shape is named on stderr. */
#ifndef CONVERT_MATCH_H
#define CONVERT_MATCH_H
#include "convert/checkpoint.h"
#include "convert/names.h"

struct piece {
    const struct tensor *tensor; /* NULL: not there */
    enum turn turn;
};
struct found {
    int parts, have; /* pieces it is made of, and those that are there; 0: none seen */
    struct piece piece[NAMES_PARTS];
    int misshaped; /* one was there, but of another shape */
};
struct match {
    const char *raw; /* borrowed: the checkpoint's path, for messages */
    struct names names;
    struct checkpoint checkpoint;
    struct found *found; /* [names.count] */
    int wanted, loaded, missing, unexpected, misshaped, heads;
};
void match_open(struct match *m, const char *raw, const char *folder, const char *encoder,
                const char *map);
void match_close(struct match *m);
int match_whole(const struct match *m, int i); /* wanted tensor i is there */
/* "loaded 318 of 318, 0 missing, 0 unexpected". Caller frees. */
char *match_line(const struct match *m);
/* The names of all that is missing, blank between. Caller frees. */
char *match_missing(const struct match *m);
#endif
