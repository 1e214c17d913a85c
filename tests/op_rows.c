/* op_rows.c - the cases of every op but input (which has no inputs). A row says why it is
 * there. */
#include "tests/op_rows.h"
#include "tests/test.h"

const struct op_row op_rows[] = {
    {OP_conv, 2, {5, 7, 9}, {4, 1, 1, 0, 1, 1, 0}, "1x1, small map: pictures side by side"},
    {OP_conv, 3, {16, 12, 11}, {24, 1, 1, 0, 1, 1, 1}, "1x1 on the tensor, bias"},
    {OP_conv,
     1,
     {3, 30, 31},
     {1, 1, 1, 0, 1, 1, 1},
     "the head: one output, more than one stretch"},
    {OP_conv,
     2,
     {600, 11, 11},
     {8, 1, 1, 0, 1, 1, 0},
     "1x1, weights' gradient in two blocks"},
    {OP_conv, 5, {6, 13, 9}, {7, 1, 2, 0, 1, 1, 0}, "downsample"},
    {OP_conv, 5, {4, 4, 4}, {6, 1, 2, 0, 1, 1, 0}, "downsample, pictures side by side"},
    {OP_conv, 3, {8, 17, 15}, {9, 3, 1, 1, 1, 1, 0}, "3x3, odd map"},
    {OP_conv, 3, {8, 17, 15}, {9, 3, 1, 1, 1, 1, 1}, "3x3 with bias"},
    {OP_conv,
     2,
     {70, 14, 14},
     {12, 3, 1, 1, 1, 1, 0},
     "3x3, channels in chunks and blocks"},
    {OP_conv,
     7,
     {9, 4, 4},
     {5, 3, 1, 1, 1, 1, 1},
     "3x3, pictures side by side, the last group short"},
    {OP_conv, 2, {4, 10, 10}, {4, 3, 1, 0, 1, 1, 0}, "no padding"},
    {OP_conv, 2, {4, 10, 10}, {4, 3, 1, 2, 1, 1, 0}, "more padding than the kernel needs"},
    {OP_conv, 2, {5, 15, 13}, {6, 3, 2, 1, 1, 1, 0}, "stride 2, odd map"},
    {OP_conv, 3, {5, 8, 8}, {6, 3, 2, 1, 1, 1, 0}, "stride 2, even map, side by side"},
    {OP_conv, 2, {3, 33, 35}, {8, 7, 2, 3, 1, 1, 0}, "the stem"},
    {OP_conv, 2, {3, 24, 32}, {10, 8, 8, 0, 1, 1, 1}, "patches"},
    {OP_conv, 2, {6, 14, 14}, {5, 3, 1, 2, 2, 1, 0}, "dilated, every tap used"},
    {OP_conv,
     3,
     {40, 14, 14},
     {5, 3, 1, 6, 6, 1, 0},
     "rate 6 on 14: taps of part of the map"},
    {OP_conv,
     3,
     {300, 14, 13},
     {5, 3, 1, 12, 12, 1, 1},
     "rate 12: slivers, two blocks, bias"},
    {OP_conv, 2, {7, 14, 14}, {5, 3, 1, 18, 18, 1, 0}, "rate 18: the centre alone"},
    {OP_conv, 5, {7, 4, 4}, {5, 3, 1, 2, 2, 1, 0}, "taps of part, pictures side by side"},
    {OP_conv, 3, {7, 2, 3}, {5, 3, 1, 2, 2, 1, 0}, "rate and map alike in one axis"},
    {OP_conv, 2, {6, 9, 8}, {6, 3, 1, 1, 1, 6, 0}, "depthwise"},
    {OP_conv, 2, {5, 9, 8}, {5, 3, 2, 1, 1, 5, 1}, "depthwise, stride 2, bias"},
    {OP_conv, 2, {4, 14, 14}, {4, 3, 1, 12, 12, 4, 0}, "depthwise, dilated"},
    {OP_conv, 4, {6, 1, 1}, {5, 1, 1, 0, 1, 1, 0}, "behind the mean over the map"},
    {OP_batchnorm, 3, {5, 7, 9}, {0}, "batch statistics"},
    {OP_batchnorm,
     4,
     {33, 1, 1},
     {0},
     "after the mean over the map: statistics over the batch alone"},
    {OP_batchnorm, 2, {3, 40, 41}, {0}, "a map longer than one short sum"},
    {OP_batchnorm, 2, {5, 4, 3}, {1}, "frozen"},
    {OP_relu, 2, {3, 5, 7}, {0}, "odd count"},
    {OP_relu, 4, {16, 32, 48}, {0}, "several parts"},
    {OP_add, 2, {3, 5, 7}, {0}, "odd count"},
    {OP_maxpool, 3, {5, 17, 15}, {3, 2, 1}, "odd map"},
    {OP_maxpool, 1, {2, 3, 150}, {3, 2, 1}, "a row longer than one stretch"},
    {OP_maxpool, 2, {3, 8, 6}, {2, 2, 0}, "no padding"},
    {OP_gap, 3, {70, 7, 5}, {0}, "several tasks"},
    {OP_resize, 2, {3, 4, 5}, {16, 20, 0}, "up by 4"},
    {OP_resize, 2, {3, 4, 5}, {16, 20, 1}, "up by 4, corners aligned"},
    {OP_resize, 2, {5, 9, 8}, {4, 3, 0}, "down"},
    {OP_resize, 2, {5, 9, 8}, {4, 3, 1}, "down, corners aligned"},
    {OP_resize, 3, {9, 1, 1}, {7, 5, 0}, "from one place"},
    {OP_concat, 2, {3, 5, 7}, {4, 1}, "three maps"},
    {OP_concat, 3, {3, 5, 7}, {4, 1, 2, 5}, "five maps"},
    {OP_dropout, 3, {5, 7, 3}, {50}, "a picture's elements no multiple of four"},
    {OP_dropout, 2, {64, 14, 14}, {10}, "the decoder's"},
    {OP_tokens, 3, {20, 3, 5}, {0}, "odd grid"},
    {OP_grid, 3, {17, 21, 0}, {0}, "odd width"},
    {OP_linear, 3, {17, 24, 0}, {33}, "one piece"},
    {OP_linear, 2, {301, 50, 0}, {420}, "several pieces"},
    {OP_linear, 1, {1, 3, 0}, {2}, "one token"},
    {OP_layernorm, 3, {17, 33, 0}, {0}, "odd width"},
    {OP_layernorm, 2, {70, 24, 0}, {0}, "several parts"},
    {OP_gelu, 2, {17, 33, 0}, {0}, "odd count"},
    {OP_attention, 2, {17, 72, 0}, {3}, "three heads"},
    {OP_attention, 3, {5, 24, 0}, {1}, "one head"},
    {OP_attention, 1, {1, 24, 0}, {2}, "one token"},
    {OP_loss, 3, {1, 16, 16}, {0}, "bce, flips"},
    {OP_loss, 4, {1, 24, 24}, {1}, "dice"},
    {OP_loss, 2, {1, 272, 272}, {2}, "both, rows longer than one stretch"},
};
const int op_row_count = (int)(sizeof op_rows / sizeof *op_rows);

/* The row's op behind its leaves. */
static void add_op(struct graph *g, const struct op_row *r, int inputs) {
    const int *a = r->a, leaves[5] = {0, 1, 2, 3, 4};
    struct convolution conv = {a[0], a[1], a[2], a[4], a[5], a[3], a[6], INIT_UNIFORM_IN};
    switch (r->op) {
    case OP_conv:
        add_conv(g, 0, "c", conv);
        break;
    case OP_batchnorm:
        add_batchnorm(g, 0, "b", 1e-5, .1, a[0]);
        break;
    case OP_relu:
        add_relu(g, 0);
        break;
    case OP_add:
        add_add(g, 0, 1);
        break;
    case OP_maxpool:
        add_maxpool(g, 0, a[0], a[1], a[2]);
        break;
    case OP_gap:
        add_gap(g, 0);
        break;
    case OP_resize:
        add_resize(g, 0, a[0], a[1], a[2]);
        break;
    case OP_concat:
        add_concat(g, leaves, inputs);
        break;
    case OP_dropout:
        g->ordinal = 2;
        add_dropout(g, 0, a[0] / 100.);
        break;
    case OP_tokens:
        add_tokens(g, 0, "cls_token", "pos_embed");
        break;
    case OP_grid:
        add_grid(g, 0);
        break;
    case OP_linear:
        add_linear(g, 0, "l", a[0], INIT_TRUNC);
        break;
    case OP_layernorm:
        add_layernorm(g, 0, "n", 1e-6);
        break;
    case OP_gelu:
        add_gelu(g, 0);
        break;
    case OP_attention:
        add_attention(g, 0, a[0]);
        break;
    case OP_loss:
        add_loss(g, 0, a[0]);
        break;
    default:
        fail_msg("no row may have op %s", op_name(r->op));
    }
}

void op_row_build(struct trial *t, const struct op_row *r) {
    int more = r->op == OP_add ? 1 : 0, map = r->x[2] > 0;
    struct shape shape[5];
    for (int i = 0; i < 5; i++)
        shape[i] = (struct shape){map ? 3 : 2, {r->x[0], r->x[1], map ? r->x[2] : 1}};
    for (int i = 0; r->op == OP_concat && i < 4 && r->a[i]; i++)
        shape[++more].dim[0] = r->a[i];
    trial_begin(t, r->N, 1 + more, shape);
    add_op(t->g, r, 1 + more);
}

void op_rows_nan(const struct kernels *k, struct ground *ground) {
    enum { C = 9, H = 3, W = 4, P = 2, Q = 3 };
    struct shape leaf = {3, {C, H, W}};
    struct trial t;
    struct result r;
    trial_begin(&t, 1, 1, &leaf);
    add_maxpool(t.g, 0, 2, 1, 0);
    trial_fill(&t, 3);
    for (int c = 0; c < C; c++)
        for (int i = 0; i < H * W; i++)
            t.leaf[0][c * H * W + i] = i == 1 + c % 4 || i == 6 ? (double)NAN : i;
    for (int i = 0; i < C * P * Q; i++) t.dy[i] = 1 << i % (P * Q);
    trial_run(&t, k, &(struct manner){.phase = PHASE_TRAIN, .ground = ground}, &r);
    for (int c = 0; c < C; c++) {
        const double *x = t.leaf[0] + c * H * W;
        double dx[H * W] = {0};
        for (int o = 0; o < P * Q; o++) {
            int best = o / Q * W + o % Q;
            for (int tap = 1; tap < 4; tap++) {
                const int i = (o / Q + tap / 2) * W + o % Q + tap % 2;
                if (isnan(x[i]) || x[i] > x[best]) best = i;
            }
            const double y = r.y[c * P * Q + o];
            if (isnan(x[best]) ? !isnan(y) : y != x[best])
                fail_msg("%s: channel %d, output %d is %g, wanted %g", k->name, c, o, y,
                         x[best]);
            dx[best] += 1 << o;
        }
        assert_memory_equal(r.dx[0] + c * H * W, dx, sizeof dx);
    }
    result_free(&r);
    trial_free(&t);
}
