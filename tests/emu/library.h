/* library.h - what the emulated library's files share: its structs, numbers as they are
 * stored. */
#ifndef TESTS_EMU_LIBRARY_H
#define TESTS_EMU_LIBRARY_H
#include "tests/emu/inside.h"
extern "C" {
#include "model/gpu/library.h"
#include "model/gpu/plans.h"
#include "model/precision.h"
}

struct convolution_plan {
    struct library *l;
    struct convolution_shape s;
    enum convolution_part part;
    struct convolution_plan *next;
};
struct product_plan {
    struct library *l;
    struct product p;
    struct product_plan *next;
};
struct library {
    struct device *d;
    enum precision precision;
    struct convolution_plan *convolutions;
    struct product_plan *products;
    struct plan_file *plans;
};

enum { EMU_SCRATCH = 512 }; /* bytes that every product asks for */
void emu_scribble(void *scratch);
/* Puts the name into the plan file, if it is not there. */
void emu_choose_loops(struct library *l, const char *name);

size_t emu_width(enum precision p, enum element e); /* bytes */
float emu_load(const void *x, int64_t i, enum precision p, enum element e);
void emu_store(void *x, int64_t i, double v, enum precision p, enum element e);
/* A whole operand of n elements as a product reads it; caller frees. */
float *emu_floats(const void *x, size_t n, enum precision p);
/* out = sums, or out += sums, of the storage type. */
void emu_put(void *out, const double *sums, size_t n, int sum, enum precision p);

#endif
