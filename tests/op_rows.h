/* op_rows.h - one row a case of an op: the CPU's tests and the reference's run the same
 * rows. */
#ifndef TESTS_OP_ROWS_H
#define TESTS_OP_ROWS_H
#include "tests/trial.h"

/* a: conv K R stride pad dilation groups bias · maxpool kernel stride pad · resize height
 * width align · concat further channels · linear outputs · attention heads · dropout rate
 * in percent · loss kind */
struct op_row {
    enum op op;
    int N, x[3], a[7];
    const char *why;
};
extern const struct op_row op_rows[];
extern const int op_row_count;
/* The trial of a row, to be filled. */
void op_row_build(struct trial *t, const struct op_row *r);
/* Max pooling on these kernels: a window with a NaN gives NaN, and the last NaN in row
 * order takes the gradient, as F.max_pool2d does. */
void op_rows_nan(const struct kernels *k, struct ground *ground);
#endif
