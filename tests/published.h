/* published.h - made-up archives read as the published sets' own sources and confs say. */
#ifndef TESTS_PUBLISHED_H
#define TESTS_PUBLISHED_H
#include "tests/packing.h"

/* x.src with the format of fetch/sources/SOURCE.src and `lines`; x.conf as
 * convert/CONF.conf, but of size 8, its groups not from a table, and any number of
 * pictures. */
void published_write(const char *source, const char *conf, const char *lines);
/* Packs raw, raw2, raw3, as many as `raws`, by x.src and x.conf. */
void published_pack(int raws, const char *out);
/* The same to out.bag, for die_catch. */
void published_one(void *arg);
void published_two(void *arg);
/* Adds a picture of 16x12 in the format its name ends in, white from row `row` % 12 on. */
void published_add(struct box *box, const char *name, int row);
#endif
