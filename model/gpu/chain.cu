/* chain.cu - convolutions with the batch norms and ReLUs between them, where the
 * library does in one kernel what would be passes of their own over the maps; equals
 * ref_conv_*, ref_batchnorm_*, ref_relu_*, ref_add_* one after the other.
 *
 *     sums      a convolution sums its output for the statistics of the norm behind it
 *     prologue  a convolution normalises what it reads, in y and in dw: the normalised map
 *               is never written; it sums its output too
 *     dnorm     a convolution's dx goes through the ReLU before it, with the norm's own
 *               gradients; what is left is an equation of dx and x
 *
 * A run is [norm relu] conv (norm relu conv)* [norm [add] [relu]]. What the library has
 * no plan for (bf16 under cuDNN 9.19, a shape) is done apart, inside the run. `saved`
 * keeps what convolutions put out, and each norm's mean, 1/deviation, scale and bias.
 * No kernel stands here. */
#include "model/gpu/batchnorm.h"
#include "model/gpu/chain.h"
#include "model/gpu/conv.h"
extern "C" {
#include "model/runs.h"
}

enum { LINKS = 4 };

/* conv[i] reads norm[i - 1] (with its ReLU), norm[i] reads conv[i]; norm[0] reads what
 * comes from outside, if the run begins with one. */
struct chain {
    struct call norm[LINKS],
        conv[LINKS];     /* with x, y, saved, scratch of their own; attr NULL: none */
    void *affine[LINKS]; /* scale, bias of norm[i], storage type */
    int last;            /* conv[last] is the last one */
    const struct call *add, *end; /* NULL: no addition; the run's last call */
    int relu, sum_shortcut; /* behind the last norm; the shortcut's gradient is added */
    uint8_t *saved, *rest;  /* ends of what is laid out */
    float *sums, *equation; /* scratch: [2][K]; dgamma, dbeta, eq_dy, eq_x, eq_bias [C] */
    uint8_t *map[3];        /* scratch: a normalised map, two gradients */
};

static size_t element_of(const struct call *c) {
    return gpu_element(gpu_of(c)->precision, 0);
}
static size_t map_bytes(const struct call *c) { /* of its output */
    return pad256((size_t)c->N * shape_count(c->ys) * element_of(c));
}

/* ---- the run ---- */

static int is_conv(const struct call *c) {
    return c->attr->kernel > 0;
}
static int is_norm(const struct call *c) {
    return c->attr->eps > 0;
}

/* Which call is what. */
static struct chain parse(const struct call *calls, int n) {
    struct chain c = {};
    c.end = &calls[n - 1];
    for (int i = 0; i < n; i++) {
        if (is_conv(&calls[i]))
            c.conv[++c.last] = calls[i];
        else if (is_norm(&calls[i]))
            c.norm[c.last] = calls[i];
        else if (calls[i].inputs == 2)
            c.add = &calls[i];
    }
    c.relu = c.norm[c.last].attr && !is_norm(c.end) && !is_conv(c.end);
    if (!c.add) return c;
    const int k = run_outer_input(c.add);
    c.sum_shortcut = c.add->sum[k];
    if (c.add->dx[k] && c.add->dx[k] == c.conv[1].dx[0]) {
        c.sum_shortcut &= c.conv[1].sum[0]; /* one gradient: the shortcut's comes first */
        c.conv[1].sum[0] = 1;
    }
    return c;
}

static uint8_t *carve(uint8_t **at, size_t bytes) {
    uint8_t *here = *at;
    *at += pad256(bytes);
    return here;
}

static void lay_out(struct chain *c, const struct call *calls) {
    uint8_t *saved = (uint8_t *)calls[0].saved, *scratch = (uint8_t *)calls[0].scratch;
    size_t widest = 0, most = 0;
    for (int i = 0; i <= c->last; i++) {
        struct call *norm = &c->norm[i], *conv = &c->conv[i];
        if (i > 0 && (size_t)conv->ys.dim[0] > widest) widest = (size_t)conv->ys.dim[0];
        if (!norm->attr) continue;
        if (i > 0) conv->y = carve(&saved, map_bytes(conv));
        if (i > 0) norm->x[0] = conv->y;
        norm->saved = carve(&saved, gpu_batchnorm_saved(norm));
        c->affine[i] = carve(&saved, 2 * (size_t)norm->ys.dim[0] * element_of(norm));
        if ((size_t)norm->ys.dim[0] > widest) widest = (size_t)norm->ys.dim[0];
        if (map_bytes(norm) > most) most = map_bytes(norm);
    }
    c->sums = (float *)carve(&scratch, 2 * widest * sizeof(float));
    c->equation = (float *)carve(&scratch, 5 * widest * sizeof(float));
    for (int i = 0; i < 3; i++) c->map[i] = carve(&scratch, most);
    c->saved = saved, c->rest = scratch;
    for (int i = 0; i <= c->last; i++) c->norm[i].scratch = c->conv[i].scratch = scratch;
}

static struct chain chain_of(const struct call *calls, int n) {
    struct chain c = parse(calls, n);
    lay_out(&c, calls);
    return c;
}

size_t gpu_chain_saved(const struct call *calls, int n) {
    return (size_t)(chain_of(calls, n).saved - (uint8_t *)calls[0].saved);
}

/* ---- how each is done ---- */

/* The fused part if it is wanted and the library has it; NULL: apart. */
static const struct convolution_plan *plan_if(int wanted, const struct call *c,
                                              enum convolution_part part) {
    return wanted ? conv_plan(c, part) : NULL;
}
static int joined(const struct chain *c, int i) { /* conv[i] reads a norm of the run */
    return c->norm[i - 1].attr != NULL;
}
static const struct convolution_plan *prologue_of(const struct chain *c, int i, int with) {
    return plan_if(joined(c, i) && with & CHAIN_PROLOGUE, &c->conv[i], CONV_NORM_Y_SUMS);
}
static const struct convolution_plan *sums_of(const struct chain *c, int i, int with) {
    return plan_if(c->norm[i].attr && with & CHAIN_SUMS, &c->conv[i], CONV_Y_SUMS);
}
static const struct convolution_plan *weights_of(const struct chain *c, int i, int with) {
    return plan_if(joined(c, i) && with & CHAIN_PROLOGUE, &c->conv[i], CONV_NORM_DW);
}
static const struct convolution_plan *dnorm_of(const struct chain *c, int i, int with) {
    return plan_if(joined(c, i) && with & CHAIN_DNORM, &c->conv[i], CONV_DX_DNORM);
}

size_t gpu_chain_scratch(const struct call *calls, int n, int with) {
    const struct chain c = chain_of(calls, n);
    size_t most = 0, next;
    for (int i = 0; i <= c.last; i++) {
        const struct convolution_plan *p[3];
        if (c.norm[i].attr && (next = gpu_batchnorm_scratch(&c.norm[i])) > most)
            most = next;
        if (i == 0) continue;
        if (!(p[0] = prologue_of(&c, i, with))) p[0] = sums_of(&c, i, with);
        if (!p[0]) p[0] = conv_plan(&c.conv[i], CONV_Y);
        if (!(p[1] = weights_of(&c, i, with))) p[1] = conv_plan(&c.conv[i], CONV_DW);
        if (!(p[2] = dnorm_of(&c, i, with))) p[2] = conv_plan(&c.conv[i], CONV_DX);
        for (int k = 0; k < 3; k++)
            if ((next = convolution_scratch(p[k])) > most) most = next;
    }
    return (size_t)(c.rest - (uint8_t *)calls[0].scratch) + most;
}

int gpu_chain_can(const struct call *calls, int n, int with) {
    const struct chain c = parse(calls, n);
    for (int i = 1; i <= c.last; i++)
        if (sums_of(&c, i, with) || prologue_of(&c, i, with) || dnorm_of(&c, i, with))
            return 1;
    return 0;
}

/* ---- forward ---- */

/* The normalised map of norm i behind its ReLU, in scratch. */
static void *normalised(const struct chain *c, int i) {
    struct call norm = c->norm[i];
    norm.phase = PHASE_AGAIN;
    struct batchnorm b = gpu_norm_of(&norm);
    b.relu = 1;
    b.y = c->map[0];
    gpu_norm_forward(&b);
    return b.y;
}

static struct convolution_memory operands(const struct chain *c, int i) {
    struct convolution_memory at = {};
    const struct call *conv = &c->conv[i], *norm = &c->norm[i - 1];
    at.x = conv->x[0], at.w = conv->w[0], at.y = conv->y;
    at.sum = c->sums, at.squares = c->sums + conv->ys.dim[0];
    if (!norm->attr) return at;
    const size_t C = (size_t)norm->ys.dim[0];
    at.x = norm->x[0];
    at.scale = c->affine[i - 1],
    at.bias = (uint8_t *)c->affine[i - 1] + C * element_of(norm);
    return at;
}

/* conv[i] and the statistics of norm[i]. */
static void link_forward(const struct chain *c, int i, int with) {
    const struct call *norm = &c->norm[i], *conv = &c->conv[i];
    struct library *l = gpu_of(conv)->library;
    struct convolution_memory at = operands(c, i);
    const struct convolution_plan *p = prologue_of(c, i, with);
    if (!p && joined(c, i)) at.x = normalised(c, i - 1);
    if (!p) p = sums_of(c, i, with);
    if (p)
        convolution_run_fused(l, p, &at, conv->scratch);
    else
        convolution_run(l, conv_plan(conv, CONV_Y), at.x, at.w, at.y, 0, conv->scratch);
    if (!norm->attr) return;
    if (p)
        gpu_norm_finish(norm, at.sum, at.squares);
    else
        gpu_norm_statistics(norm);
}

/* What the affine form of norm i is for: the prologue of conv[i + 1]. */
static void affine_forward(const struct chain *c, int i, int with) {
    const struct call *norm = &c->norm[i];
    if (i == c->last || !(with & CHAIN_PROLOGUE)) return;
    const size_t bytes = (size_t)norm->ys.dim[0] * element_of(norm);
    gpu_norm_affine(norm, c->affine[i], (uint8_t *)c->affine[i] + bytes);
}

/* The last norm, over conv[last]: scaled, added, cut off. */
static void end_forward(const struct chain *c) {
    struct call norm = c->norm[c->last];
    norm.phase = PHASE_AGAIN;
    struct batchnorm b = gpu_norm_of(&norm);
    b.relu = c->relu;
    b.y = c->end->y;
    if (c->add) b.shortcut = c->add->x[run_outer_input(c->add)];
    gpu_norm_forward(&b);
}

void gpu_chain_forward(const struct call *calls, int n, int with) {
    const struct chain c = chain_of(calls, n);
    const int again = calls[0].phase == PHASE_AGAIN;
    if (!again && c.norm[0].attr) {
        gpu_norm_statistics(&c.norm[0]);
        affine_forward(&c, 0, with);
    }
    for (int i = 1; i <= c.last && !again; i++) {
        link_forward(&c, i, with);
        if (c.norm[i].attr) affine_forward(&c, i, with);
    }
    if (c.norm[c.last].attr)
        end_forward(&c);
    else if (again)
        link_forward(&c, c.last, with);
}

/* ---- backward ---- */

/* From the run's dy to the gradient of conv[last]'s output. */
static const void *end_backward(const struct chain *c) {
    struct call norm = c->norm[c->last];
    norm.dx[0] = c->map[1], norm.sum[0] = 0;
    struct batchnorm b = gpu_norm_of(&norm);
    b.relu = c->relu;
    b.dy = c->end->dy;
    if (c->add) {
        const int k = run_outer_input(c->add);
        b.masked = c->end->y;
        b.dshortcut = c->add->dx[k], b.sum_shortcut = c->sum_shortcut;
    }
    gpu_norm_backward(&b);
    return c->map[1];
}

static void weights_backward(const struct chain *c, int i, const void *dy, int with) {
    const struct call *conv = &c->conv[i];
    struct library *l = gpu_of(conv)->library;
    struct convolution_memory at = operands(c, i);
    const struct convolution_plan *p = weights_of(c, i, with);
    at.dy = dy, at.dw = conv->dw[0];
    if (!at.dw) return;
    if (!p && joined(c, i)) at.x = normalised(c, i - 1);
    if (p)
        convolution_run_fused(l, p, &at, conv->scratch);
    else
        convolution_run(l, conv_plan(conv, CONV_DW), dy, at.x, at.dw, 0, conv->scratch);
}

/* From dy of conv[i] to the gradient of what norm[i - 1] reads, in `to` or, the first
 * norm's, outside. */
static void norm_backward(const struct chain *c, int i, const void *dy, uint8_t *to,
                          int with) {
    const struct call *conv = &c->conv[i];
    struct call norm = c->norm[i - 1];
    struct library *l = gpu_of(conv)->library;
    const struct convolution_plan *p = dnorm_of(c, i, with);
    const size_t C = (size_t)norm.ys.dim[0];
    if (i > 1) norm.dx[0] = to, norm.sum[0] = 0;
    if (!p) {
        convolution_run(l, conv_plan(conv, CONV_DX), dy, conv->w[0], to, 0, conv->scratch);
        struct batchnorm b = gpu_norm_of(&norm);
        b.relu = 1;
        b.dy = to; /* each element is read before the same thread writes it */
        gpu_norm_backward(&b);
        return;
    }
    struct convolution_memory at = operands(c, i);
    at.dy = dy, at.dx = to;
    at.mean = (const float *)norm.saved, at.invstd = at.mean + C;
    at.gamma = (const float *)norm.w[0], at.beta = (const float *)norm.w[1];
    at.dgamma = norm.dw[0] ? (float *)norm.dw[0] : c->equation;
    at.dbeta = norm.dw[1] ? (float *)norm.dw[1] : c->equation + C;
    at.eq_dy = c->equation + 2 * C, at.eq_x = at.eq_dy + C, at.eq_bias = at.eq_x + C;
    convolution_run_fused(l, p, &at, conv->scratch);
    if (norm.dx[0]) gpu_norm_equation(&norm, at.eq_dy, to);
}

void gpu_chain_backward(const struct call *calls, int n, int with) {
    const struct chain c = chain_of(calls, n);
    const void *dy = c.norm[c.last].attr ? end_backward(&c) : c.end->dy;
    for (int i = c.last; i > 0; i--) {
        const struct call *conv = &c.conv[i];
        weights_backward(&c, i, dy, with);
        if (c.norm[i - 1].attr) {
            uint8_t *to = dy == c.map[1] ? c.map[2] : c.map[1];
            norm_backward(&c, i, dy, to, with);
            dy = to;
        } else if (conv->dx[0]) {
            convolution_run(gpu_of(conv)->library, conv_plan(conv, CONV_DX), dy, conv->w[0],
                            conv->dx[0], conv->sum[0], conv->scratch);
        }
    }
}
