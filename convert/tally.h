/* tally.h - a hash over lines whose order does not matter: they are sorted by bytes
 * first. */
#ifndef CONVERT_TALLY_H
#define CONVERT_TALLY_H

struct tally {
    char **line; /* [count] in the order of tally_add, each ended by a newline */
    int count, room;
};
void tally_add(struct tally *t, char *line); /* takes `line` over */
/* Sorts the lines; sha256 over all of them in `hex`. */
void tally_sha(struct tally *t, char hex[65]);
void tally_free(struct tally *t);
#endif
