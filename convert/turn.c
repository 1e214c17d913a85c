/* turn.c - permuted reading, line by line of the last axis.
 *
 * It allocates nothing and knows no name. */
#include "convert/turn.h"
#include <string.h>

enum { RUN = 2048 }; /* elements gathered before they are converted */

static const char *const words[TURN_COUNT] = {"-", "hwio", "first_last", "last_first"};

enum turn turn_parse(const char *word) {
    int turn = 0;
    while (turn < TURN_COUNT && strcmp(words[turn], word)) turn++;
    return (enum turn)turn;
}

/* order[i]: which axis of t becomes axis i. */
static int axes(const struct tensor *t, enum turn turn, int order[TENSOR_DIMS]) {
    int n = t->ndim;
    if (turn == TURN_HWIO && n != 4) return 0;
    for (int i = 0; i < n; i++) {
        order[i] = i;
        if (turn == TURN_FIRST_LAST) order[i] = (i + 1) % n;
        if (turn == TURN_LAST_FIRST) order[i] = (i + n - 1) % n;
        if (turn == TURN_HWIO) order[i] = (int[]){3, 2, 0, 1}[i];
    }
    return 1;
}

int turn_dims(const struct tensor *t, enum turn turn, int dim[TENSOR_DIMS]) {
    int order[TENSOR_DIMS];
    if (!axes(t, turn, order)) return 0;
    for (int i = 0; i < t->ndim; i++) dim[i] = t->dim[order[i]];
    return 1;
}

/* A block of raw elements, aligned by being a copy, to F32. */
static void convert(enum type type, void *raw, size_t n, float *out) {
    struct tensor t = {"", type, 1, {(int)n}, raw};
    tensor_to_f32(&t, out);
}

/* The axes of a turned tensor, outermost first, and where in the tensor an element lies.
 * Axes of one are left out, and two of which one goes on where the other ends are one: a
 * 3x3 kernel is a line of nine. */
struct odometer {
    int axes;
    size_t dim[TENSOR_DIMS], step[TENSOR_DIMS], index[TENSOR_DIMS]; /* step: bytes */
    size_t at; /* bytes from the tensor's first */
};

static void odometer_make(struct odometer *o, const struct tensor *t, enum turn turn) {
    size_t stride[TENSOR_DIMS], all = type_size(t->type);
    int order[TENSOR_DIMS];
    axes(t, turn, order);
    for (int i = t->ndim - 1; i >= 0; i--) {
        stride[i] = all;
        all *= (size_t)t->dim[i];
    }
    *o = (struct odometer){.axes = 1, .dim = {1}};
    for (int i = 0; i < t->ndim; i++) {
        size_t dim = (size_t)t->dim[order[i]], step = stride[order[i]];
        int last = o->axes - 1;
        if (dim == 1) continue;
        if (o->dim[last] == 1 || o->step[last] == dim * step) {
            o->dim[last] *= dim;
            o->step[last] = step;
        } else {
            o->dim[o->axes] = dim;
            o->step[o->axes++] = step;
        }
    }
}

static void odometer_set(struct odometer *o, size_t element) {
    o->at = 0;
    for (int i = o->axes - 1; i >= 0; i--) {
        o->index[i] = element % o->dim[i];
        o->at += o->index[i] * o->step[i];
        element /= o->dim[i];
    }
}

/* On by k elements, at most to the end of the line. */
static void odometer_turn(struct odometer *o, size_t k) {
    int i = o->axes - 1;
    o->index[i] += k;
    o->at += k * o->step[i];
    for (; i > 0 && o->index[i] == o->dim[i]; i--) {
        o->index[i] = 0;
        o->index[i - 1]++;
        o->at += o->step[i - 1] - o->dim[i] * o->step[i];
    }
}

/* k items that lie `step` bytes apart. A length that the compiler knows is a move. */
static void gather(uint8_t *to, const uint8_t *from, size_t step, size_t item, size_t k) {
    for (size_t i = 0; i < k; i++, from += step, to += item)
        if (item == 4)
            memcpy(to, from, 4);
        else
            memcpy(to, from, item);
}

void turn_read(const struct tensor *t, enum turn turn, size_t from, size_t n, float *out) {
    double raw[RUN]; /* the widest type */
    size_t item = type_size(t->type);
    struct odometer o;
    odometer_make(&o, t, turn);
    odometer_set(&o, from);
    int last = o.axes - 1;
    for (size_t block; n; n -= block, out += block) {
        block = n < RUN ? n : RUN;
        for (size_t done = 0, k; done < block; done += k) {
            k = o.dim[last] - o.index[last];
            k = k < block - done ? k : block - done;
            gather((uint8_t *)raw + done * item, (const uint8_t *)t->data + o.at,
                   o.step[last], item, k);
            odometer_turn(&o, k);
        }
        convert(t->type, raw, block, out);
    }
}
