/* model_layers_test.c - every layer of the real networks, at its real size, on the CPU:
 * convolutions and linear layers at sampled places against plain sums in double, the other
 * ops whole against the reference.
 *
 * Tolerance 1e-5 relative L2 over the sample, as everywhere for float. */
#include "model/model.h"
#include "tests/test.h"
#include "tests/trial.h"

static const double TOLERANCE = 1e-5;
enum { SAMPLE = 48, PICTURES = 2, MOST = 512 };

/* ---- plain sums at sampled places ---- */

struct layer {
    const struct trial *t;
    const struct attr *a;
    const int *x, *y;    /* C,H,W and K,P,Q */
    int inside, outside; /* channels of a group */
};

static double at(const double *array, const int *dim, int n, int c, int h, int w) {
    if (h < 0 || h >= dim[1] || w < 0 || w >= dim[2]) return 0;
    return array[(((size_t)n * (size_t)dim[0] + (size_t)c) * (size_t)dim[1] + (size_t)h) *
                     (size_t)dim[2] +
                 (size_t)w];
}

static double weight(const struct layer *l, int k, int j, int r, int s) {
    size_t R = (size_t)l->a->kernel;
    return l->t
        ->param[0][(((size_t)k * (size_t)l->inside + (size_t)j) * R + (size_t)r) * R +
                   (size_t)s];
}

static double y_at(const struct layer *l, size_t i) {
    size_t Q = (size_t)l->y[2], P = (size_t)l->y[1];
    int q = (int)(i % Q), p = (int)(i / Q % P), k = (int)(i / Q / P) % l->y[0],
        n = (int)(i / Q / P) / l->y[0];
    const struct attr *a = l->a;
    double sum = l->t->g->params > 1 ? l->t->param[1][k] : 0;
    for (int j = 0; j < l->inside; j++)
        for (int r = 0; r < a->kernel; r++)
            for (int s = 0; s < a->kernel; s++)
                sum += weight(l, k, j, r, s) * at(l->t->leaf[0], l->x, n,
                                                  k / l->outside * l->inside + j,
                                                  p * a->stride - a->pad + r * a->dilation,
                                                  q * a->stride - a->pad + s * a->dilation);
    return sum;
}

static double dx_at(const struct layer *l, size_t i) {
    size_t W = (size_t)l->x[2], H = (size_t)l->x[1];
    int w = (int)(i % W), h = (int)(i / W % H), c = (int)(i / W / H) % l->x[0],
        n = (int)(i / W / H) / l->x[0];
    const struct attr *a = l->a;
    double sum = 0;
    for (int k = c / l->inside * l->outside; k < (c / l->inside + 1) * l->outside; k++)
        for (int r = 0; r < a->kernel; r++)
            for (int s = 0; s < a->kernel; s++) {
                int p = h + a->pad - r * a->dilation, q = w + a->pad - s * a->dilation;
                if (p % a->stride || q % a->stride) continue;
                sum += weight(l, k, c % l->inside, r, s) *
                       at(l->t->dy, l->y, n, k, p / a->stride, q / a->stride);
            }
    return sum;
}

static double dw_at(const struct layer *l, size_t i) {
    const struct attr *a = l->a;
    size_t R = (size_t)a->kernel;
    int s = (int)(i % R), r = (int)(i / R % R), j = (int)(i / R / R) % l->inside,
        k = (int)(i / R / R) / l->inside;
    double sum = 0;
    for (int n = 0; n < l->t->N; n++)
        for (int p = 0; p < l->y[1]; p++)
            for (int q = 0; q < l->y[2]; q++)
                sum += at(l->t->dy, l->y, n, k, p, q) *
                       at(l->t->leaf[0], l->x, n, k / l->outside * l->inside + j,
                          p * a->stride - a->pad + r * a->dilation,
                          q * a->stride - a->pad + s * a->dilation);
    return sum;
}

static void sample(const struct layer *l, const char *layer, const char *what,
                   const double *ours, size_t n,
                   double (*truth)(const struct layer *, size_t)) {
    double a[SAMPLE], b[SAMPLE];
    for (size_t i = 0; i < SAMPLE;
         i++) { /* a stride without a factor in common with sizes */
        size_t place = (i * 1000003 + 17) % n;
        a[i] = ours[place];
        b[i] = truth(l, place);
    }
    double off = relative_l2(a, b, SAMPLE);
    if (!(off <= TOLERANCE)) fail_msg("%s: %s is off by %g", layer, what, off);
}

/* A linear layer is a 1x1 convolution of maps of one place, each token a picture. */
static void check_sums(struct trial *t, const struct node *n, const struct result *r) {
    struct attr one = {.kernel = 1, .stride = 1, .dilation = 1, .groups = 1};
    struct shape x = t->g->node[0].shape, y = n->shape;
    int tokens = n->op == OP_linear, pictures = t->N;
    if (tokens) {
        t->N *= x.dim[0];
        x = (struct shape){3, {x.dim[1], 1, 1}};
        y = (struct shape){3, {y.dim[1], 1, 1}};
    }
    const struct attr *a = tokens ? &one : &n->attr;
    struct layer l = {t, a, x.dim, y.dim, x.dim[0] / a->groups, y.dim[0] / a->groups};
    sample(&l, n->name, "y", r->y, (size_t)t->N * shape_count(y), y_at);
    sample(&l, n->name, "dx", r->dx[0], (size_t)t->N * shape_count(x), dx_at);
    sample(&l, n->name, "dw", r->dw[0], t->g->param[0].count, dw_at);
    t->N = pictures;
}

/* ---- one layer ---- */

/* The node alone, behind leaves of its inputs' shapes. */
static void isolate(struct trial *t, const struct graph *g, const struct node *n, int N) {
    struct shape shape[NODE_INPUTS];
    for (int i = 0; i < n->inputs; i++) shape[i] = g->node[n->in[i]].shape;
    trial_begin(t, N, n->inputs, shape);
    const int leaves[] = {0, 1, 2, 3, 4};
    const struct attr *a = &n->attr;
    switch (n->op) {
    case OP_conv:
        add_conv(t->g, 0, n->name,
                 (struct convolution){n->shape.dim[0], a->kernel, a->stride, a->dilation,
                                      a->groups, a->pad, n->param[1] >= 0,
                                      INIT_KAIMING_IN});
        break;
    case OP_linear:
        add_linear(t->g, 0, n->name, n->shape.dim[1], INIT_KAIMING_IN);
        break;
    case OP_batchnorm:
        add_batchnorm(t->g, 0, n->name, a->eps, a->momentum, a->frozen);
        break;
    case OP_layernorm:
        add_layernorm(t->g, 0, n->name, a->eps);
        break;
    case OP_tokens:
        add_tokens(t->g, 0, "cls_token", "pos_embed");
        break;
    case OP_concat:
        add_concat(t->g, leaves, n->inputs);
        break;
    case OP_add:
        add_add(t->g, 0, 1);
        break;
    case OP_attention:
        add_attention(t->g, 0, a->heads);
        break;
    case OP_loss:
        add_loss(t->g, 0, a->loss);
        break;
    default: { /* one input, no parameters */
        struct node *copy = &t->g->node[add_relu(t->g, 0)];
        copy->op = n->op;
        copy->attr = *a;
        copy->shape = n->shape;
    }
    }
    trial_fill(t, 6);
}

static void check_layer(const struct graph *g, const struct node *n) {
    struct trial t;
    struct result got, want;
    struct manner m = {.phase = PHASE_TRAIN};
    const char *where = "";
    int sums = n->op == OP_conv || n->op == OP_linear;
    /* batch norm of one value a channel, behind the global pool, needs more than two
     * pictures */
    isolate(&t, g, n, n->op == OP_batchnorm && n->shape.dim[1] == 1 ? 4 : PICTURES);
    trial_run(&t, &cpu_kernels, &m, &got);
    if (sums) {
        check_sums(&t, &t.g->node[1], &got);
    } else {
        trial_run(&t, &ref_kernels, &m, &want);
        double off = result_distance(&t, &got, &want, &where);
        if (!(off <= TOLERANCE))
            fail_msg("%s %s: %s is off by %g", op_name(n->op), n->name, where, off);
        result_free(&want);
    }
    result_free(&got);
    trial_free(&t);
}

/* ---- the networks ---- */

struct seen {
    int count;
    struct {
        enum op op;
        struct attr attr;
        struct shape x[NODE_INPUTS], y;
    } layer[MOST];
};

/* Whether a layer of this op, size and attributes was there before; remembers it. */
static int before(struct seen *s, const struct graph *g, const struct node *n) {
    assert_true(s->count < MOST);
    memset(&s->layer[s->count], 0, sizeof s->layer[0]);
    s->layer[s->count].op = n->op;
    s->layer[s->count].attr = n->attr;
    s->layer[s->count].attr.ordinal = 0;
    s->layer[s->count].y = n->shape;
    for (int i = 0; i < n->inputs; i++) s->layer[s->count].x[i] = g->node[n->in[i]].shape;
    for (int i = 0; i < s->count; i++)
        if (memcmp(&s->layer[i], &s->layer[s->count], sizeof s->layer[0]) == 0) return 1;
    s->count++;
    return 0;
}

static void check_network(struct seen *seen, const char *encoder, const char *preset) {
    char name[64], over[64], *overrides[] = {over}, recipe[2 * PATH_MAX];
    snprintf(name, sizeof name, "%s-random-kvasir", encoder);
    snprintf(over, sizeof over, "preset=%s", preset);
    snprintf(recipe, sizeof recipe, "%s/train/paper.conf", test_home);
    struct model model;
    struct cell cell;
    struct recipe r;
    struct norm norm = {{.485, .456, .406}, {.229, .224, .225}, 255, 0};
    recipe_read(&r, recipe, overrides, 1);
    cell_parse(&cell, name);
    model_build(&model, &cell, &r, &norm, 224);
    for (int i = 0; i < model.graph->nodes; i++) {
        const struct node *n = &model.graph->node[i];
        if (n->op != OP_input && !before(seen, model.graph, n)) check_layer(model.graph, n);
    }
    model_free(&model);
}

static void every_layer_of_the_networks_is_right_at_its_real_size(void **state) {
    (void)state;
    static struct seen seen;
    cpu_start(2);
    check_network(&seen, "resnet50", "plain");
    check_network(&seen, "vits", "plain");
    check_network(&seen, "resnet50", "smp");
    check_network(&seen, "vits", "chen2018");
    assert_true(seen.count > 90);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_layer_of_the_networks_is_right_at_its_real_size)};
    return test_run(tests);
}
