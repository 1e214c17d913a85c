/* operands.h - a GPU library under test: operands on the device with their exact values in
 * double beside them, convolutions from the definition. */
#ifndef TESTS_OPERANDS_H
#define TESTS_OPERANDS_H
#include "model/gpu/library.h"

extern const enum precision OPERAND_PRECISIONS[4];

/* Relative 2-norm against exact sums over the same operands: float's own rounding over a
 * few hundred terms; operands of 10 bits (2^-11 each); results of 11 and of 8 bits. */
double operand_tolerance(enum precision p);

struct bench {
    struct device *d;
    struct library *l;
    enum precision precision;
};
/* Device 0 and its library; the test is skipped where there is none. */
struct bench bench_start(enum precision precision, const char *plans);
void bench_stop(struct bench *b);

struct operand {
    size_t n;
    void *device;
    double *host;
};
/* n values in [-1, 1) as the precision stores them; `which`: another draw. */
struct operand operand_draw(struct bench *b, size_t n, enum precision precision,
                            uint32_t which);
/* Caller frees. */
double *operand_read(struct bench *b, const void *device, size_t n,
                     enum precision precision);
void operand_done(struct bench *b, struct operand *o);
/* The relative 2-norm of got - wanted is at most `bound`, or the test fails and says
 * `what`. */
void operand_check(const char *what, const double *got, const double *wanted, size_t n,
                   double bound);

enum { CONVOLUTIONS = 8 };
extern const struct convolution_shape CONVOLUTION[CONVOLUTIONS]; /* odd and even sizes */
size_t convolution_x(const struct convolution_shape *s);         /* elements */
size_t convolution_y(const struct convolution_shape *s);
size_t convolution_w(const struct convolution_shape *s);
/* to += the part's result; a and b as convolution_run's. */
void convolution_exact(const struct convolution_shape *s, enum convolution_part part,
                       const double *a, const double *b, double *to);
#endif
