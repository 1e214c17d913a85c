/* turn.c - permuted reading, by runs along the last axis.
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

/* k items that lie `step` bytes apart. A length that the compiler knows is a move. */
static void gather(void *raw, const uint8_t *from, size_t step, size_t item, size_t k) {
    uint8_t *to = raw;
    for (size_t i = 0; i < k; i++, from += step, to += item)
        if (item == 4)
            memcpy(to, from, 4);
        else
            memcpy(to, from, item);
}

static void read_straight(const struct tensor *t, size_t from, size_t n, float *out) {
    double raw[RUN]; /* the widest type */
    size_t item = type_size(t->type);
    for (size_t k; n; n -= k, from += k, out += k) {
        k = n < RUN ? n : RUN;
        memcpy(raw, (const uint8_t *)t->data + from * item, k * item);
        convert(t->type, raw, k, out);
    }
}

void turn_read(const struct tensor *t, enum turn turn, size_t from, size_t n, float *out) {
    if (turn == TURN_NONE || t->ndim < 2) {
        read_straight(t, from, n, out);
        return;
    }
    double raw[RUN];
    size_t item = type_size(t->type), stride[TENSOR_DIMS], step[TENSOR_DIMS];
    int order[TENSOR_DIMS], dim[TENSOR_DIMS], last = t->ndim - 1;
    axes(t, turn, order);
    turn_dims(t, turn, dim);
    stride[last] = 1;
    for (int i = last; i > 0; i--) stride[i - 1] = stride[i] * (size_t)t->dim[i];
    for (int i = 0; i <= last; i++) step[i] = stride[order[i]] * item;
    for (size_t k; n; n -= k, from += k, out += k) {
        size_t rest = from, at = 0, inner = (size_t)dim[last];
        for (int i = last; i >= 0; i--) {
            at += rest % (size_t)dim[i] * step[i];
            rest /= (size_t)dim[i];
        }
        k = inner - from % inner; /* to the end of this line of the last axis */
        k = k < n ? k : n;
        k = k < RUN ? k : RUN;
        gather(raw, (const uint8_t *)t->data + at, step[last], item, k);
        convert(t->type, raw, k, out);
    }
}
