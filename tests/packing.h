/* packing.h - little archives, sources and confs for the tests of convert. */
#ifndef TESTS_PACKING_H
#define TESTS_PACKING_H
#include "convert/pack.h"
#include "core/pack.h"
#include "tests/phantom_box.h"

/* A set of one archive: what pack is given, and who asks for it. */
struct packing {
    struct box box;
    const char *format; /* NULL: pictures under i/, masks under m/, all PNG */
    const char *source; /* further lines of x.src; may be NULL */
    const char *
        /* whole text of x.conf; NULL: size 8, bilinear, nearest, 127, numeric, none */
        conf;
    const char *passphrase; /* of the zip */
    enum container container;
    int threads; /* 0: one */
};
/* A PNG of one colour, a band of white from row `row` on when row < height. */
uint8_t *packing_png(int width, int height, int row, size_t *n);
void packing_add(struct packing *p, const char *name, int width, int height, int row);
/* Adds i/NAME.png and m/NAME.png of 16x12. */
void packing_pair(struct packing *p, const char *name);
/* Writes x.src, x.conf and raw. */
void packing_write(struct packing *p);
/* Packs them to out.bag; for die_catch: arg is the packing. */
void packing_run(void *arg);
#endif
