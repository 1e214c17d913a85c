/* model_golden_test.c - every op against PyTorch in float64 (tests/golden/ops.py): outputs,
 * gradients, running statistics, optimizer steps. Which case is which:
 * tests/golden/README.md.
 *
 * Tolerances, relative L2: the reference 1e-9 (double's rounding, many times over); the CPU
 * 1e-5 (float's). */
#include "tests/test.h"
#include "tests/trial.h"

struct machine_row {
    const struct kernels *k;
    double tolerance;
};
static const struct machine_row machines[] = {{&ref_kernels, 1e-9}, {&cpu_kernels, 1e-5}};

struct golden_case {
    const struct bag *bag;
    const char *name, *words;
    enum op op;
    struct trial t;
};

static const struct tensor *part_of(const struct golden_case *c, const char *part) {
    char name[80];
    snprintf(name, sizeof name, "%s.%s", c->name, part);
    return bag_find(c->bag, name);
}

static const struct tensor *numbered(const struct golden_case *c, const char *part, int i) {
    char name[16];
    snprintf(name, sizeof name, "%s%d", part, i);
    return part_of(c, name);
}

/* Word key=value of a case; 0 if absent. */
static double word(const struct golden_case *c, const char *key) {
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%s=", key);
    for (const char *at = c->words; (at = strstr(at, wanted)); at++)
        if (at == c->words || at[-1] == ' ') return strtod(at + strlen(wanted), NULL);
    return 0;
}

static double *doubles(const struct tensor *t) {
    double *out = xmalloc(tensor_count(t) * sizeof *out + 1);
    tensor_to_f64(t, out);
    return out;
}

/* A picture's shape: the tensor's without its first dimension. */
static struct shape picture_shape(const struct tensor *t) {
    struct shape s = {t->ndim - 1, {1, 1, 1}};
    for (int i = 1; i < t->ndim; i++) s.dim[i - 1] = t->dim[i];
    return s;
}

/* ---- a case as a trial ---- */

static int loss_word(const char *words) {
    const char *word = strstr(words, "loss=") + 5;
    return strcmp(word, "bce") == 0 ? 0 : strcmp(word, "dice") == 0 ? 1 : 2;
}

/* An op without parameters: a ReLU's node, renamed, with the case's own output shape. */
static void alike(struct golden_case *c, struct attr attr) {
    struct node *n = &c->t.g->node[add_relu(c->t.g, 0)];
    n->op = c->op;
    n->attr = attr;
    n->shape = picture_shape(part_of(c, "y"));
}

static void build(struct golden_case *c) {
    struct graph *g = c->t.g;
    const struct tensor *w = numbered(c, "w", 0);
    const int leaves[] = {0, 1, 2, 3, 4};
    switch (c->op) {
    case OP_conv:
        add_conv(g, 0, "c",
                 (struct convolution){.out = w->dim[0],
                                      .kernel = w->dim[2],
                                      .stride = (int)word(c, "stride"),
                                      .pad = (int)word(c, "pad"),
                                      .dilation = (int)word(c, "dilation"),
                                      .groups = (int)word(c, "groups"),
                                      .bias = (int)word(c, "bias")});
        break;
    case OP_batchnorm:
        add_batchnorm(g, 0, "b", word(c, "eps"), word(c, "momentum"),
                      (int)word(c, "frozen"));
        break;
    case OP_add:
        add_add(g, 0, 1);
        break;
    case OP_concat:
        add_concat(g, leaves, c->t.leaves);
        break;
    case OP_tokens:
        add_tokens(g, 0, "cls", "pos");
        break;
    case OP_linear:
        add_linear(g, 0, "l", w->dim[0], INIT_TRUNC);
        if (!word(c, "bias")) {
            g->node[1].param[1] = -1;
            xfree(g->param[--g->params].name);
        }
        break;
    case OP_layernorm:
        add_layernorm(g, 0, "n", word(c, "eps"));
        break;
    case OP_attention:
        add_attention(g, 0, (int)word(c, "heads"));
        break;
    case OP_loss:
        add_loss(g, 0, loss_word(c->words));
        break;
    default:
        alike(c, (struct attr){.kernel = (int)word(c, "kernel"),
                               .stride = (int)word(c, "stride"),
                               .pad = (int)word(c, "pad"),
                               .align = (int)word(c, "align"),
                               .rate = word(c, "rate"),
                               .ordinal = (int)word(c, "ordinal")});
    }
}

static void replace(double **array, const struct tensor *t) {
    if (!t) return;
    xfree(*array);
    *array = doubles(t);
}

/* Masks as bits, flips, places: what the batch holds besides the leaves. */
static void take_batch(struct golden_case *c) {
    const struct tensor *mask = part_of(c, "mask"), *flip = part_of(c, "flip"),
                        *place = part_of(c, "position");
    struct trial *t = &c->t;
    for (int n = 0; n < t->N; n++) {
        size_t pixels = mask ? tensor_count(mask) / (size_t)t->N : 0;
        for (size_t i = 0; i < pixels; i++) {
            int bit = ((const uint8_t *)mask->data)[(size_t)n * pixels + i];
            t->mask[n][i / 8] =
                (uint8_t)((t->mask[n][i / 8] & ~(1 << i % 8)) | bit << i % 8);
        }
        if (flip) t->flip[n] = ((const uint8_t *)flip->data)[n];
        if (place) t->position[n] = ((const int64_t *)place->data)[n];
    }
    t->loss_scale = 1;
    if (c->op != OP_dropout) return;
    t->seed = (uint64_t)word(c, "seed");
    t->epoch = (uint32_t)word(c, "epoch");
}

static void case_open(struct golden_case *c) {
    struct shape shape[TRIAL_LEAVES];
    int leaves = 0;
    for (const struct tensor *x; leaves < TRIAL_LEAVES && (x = numbered(c, "x", leaves));
         leaves++)
        shape[leaves] = picture_shape(x);
    trial_begin(&c->t, (int)word(c, "N"), leaves, shape);
    build(c);
    trial_fill(&c->t, 1);
    for (int i = 0; i < leaves; i++) replace(&c->t.leaf[i], numbered(c, "x", i));
    for (int i = 0; i < c->t.g->params; i++) replace(&c->t.param[i], numbered(c, "w", i));
    replace(&c->t.dy, part_of(c, "dy"));
    take_batch(c);
}

/* ---- comparing ---- */

static void near(const struct golden_case *c, const struct machine_row *m, const char *part,
                 int i, const double *ours) {
    const struct tensor *t = i < 0 ? part_of(c, part) : numbered(c, part, i);
    if (!t) return;
    assert_non_null(ours);
    double *theirs = doubles(t), off = relative_l2(ours, theirs, tensor_count(t));
    if (!(off <= m->tolerance))
        fail_msg("%s.%s%d: %s is off by %g", c->name, part, i, m->k->name, off);
    xfree(theirs);
}

static void compare(const struct golden_case *c, const struct machine_row *m) {
    struct result r;
    trial_run(&c->t, m->k, &(struct manner){.phase = PHASE_TRAIN}, &r);
    near(c, m, "y", -1, c->op == OP_loss ? r.loss : r.y);
    for (int i = 0; i < c->t.leaves; i++) near(c, m, "dx", i, r.dx[i]);
    for (int i = 0; i < c->t.g->params; i++) {
        near(c, m, "dw", i, r.dw[i]);
        near(c, m, "after", i, r.after[i]);
    }
    result_free(&r);
}

/* Groups other than 1 or the number of channels are the reference's alone: no network here
 * has them. */
static int cpu_has(const struct golden_case *c) {
    const struct tensor *x = numbered(c, "x", 0);
    return c->op != OP_conv || word(c, "groups") == 1 || word(c, "groups") == x->dim[1];
}

static int try_cases(const struct bag *bag, enum op op) {
    int count = 0;
    for (;; count++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%d", op_name(op), count);
        struct golden_case c = {
            .bag = bag, .name = name, .words = bag_meta(bag, name), .op = op};
        if (!c.words) return count;
        case_open(&c);
        for (size_t m = 0; m < 2; m++)
            if (m == 0 || cpu_has(&c)) compare(&c, &machines[m]);
        trial_free(&c.t);
    }
}

static void every_op_equals_pytorch(void **state) {
    (void)state;
    struct bag bag;
    cpu_start(2);
    bag_open(&bag, golden("ops.safetensors"));
    for (int op = 0; op < OP_COUNT; op++) {
        if (op == OP_input) continue; /* it has no inputs: below */
        if (try_cases(&bag, op) == 0) fail_msg("no golden of op %s", op_name(op));
    }
    bag_close(&bag);
}

/* ---- pictures ---- */

static void try_pictures(struct golden_case *c) {
    const struct tensor *image = part_of(c, "image"), *mean = part_of(c, "mean"),
                        *std = part_of(c, "std");
    struct attr attr = {.gray = (int)word(c, "gray")};
    size_t bytes = tensor_count(image) / (size_t)image->dim[0];
    tensor_to_f64(mean, attr.mean);
    tensor_to_f64(std, attr.std);
    const char *plane = strstr(c->words, "plane=") + 6;
    for (int i = 0; i < 3; i++) attr.plane[i] = plane[2 * i] - '0';
    trial_begin(&c->t, image->dim[0], 0, NULL);
    add_input(c->t.g, image->dim[1], &attr);
    trial_fill(&c->t, 1);
    take_batch(c);
    for (int n = 0; n < c->t.N; n++)
        memcpy(c->t.image[n], (const uint8_t *)image->data + (size_t)n * bytes, bytes);
    for (size_t m = 0; m < 2; m++) {
        struct result r;
        trial_run(&c->t, machines[m].k, &(struct manner){.forward_only = 1}, &r);
        near(c, &machines[m], "y", -1, r.y);
        result_free(&r);
    }
    trial_free(&c->t);
}

static void pictures_are_normalised_as_pillow_and_pytorch_do(void **state) {
    (void)state;
    struct bag bag;
    int count = 0;
    cpu_start(2);
    bag_open(&bag, golden("ops.safetensors"));
    for (;; count++) {
        char name[32];
        snprintf(name, sizeof name, "input.%d", count);
        struct golden_case c = {
            .bag = &bag, .name = name, .words = bag_meta(&bag, name), .op = OP_input};
        if (!c.words) break;
        try_pictures(&c);
    }
    assert_true(count > 0);
    bag_close(&bag);
}

/* ---- Adam ---- */

/* One step on a machine's own element type, arrays in double outside. */
static void step_on(const struct kernels *k, struct adam a, double *const array[4]) {
    size_t size = type_size(k->real);
    uint8_t *block = xaligned(4 * a.count * size);
    void *const inside[4] = {block, block + a.count * size, block + 2 * a.count * size,
                             block + 3 * a.count * size};
    for (int i = 0; i < 4; i++)
        for (size_t j = 0; j < a.count; j++) {
            if (k->real == T_F64)
                ((double *)inside[i])[j] = array[i][j];
            else
                ((float *)inside[i])[j] = (float)array[i][j];
        }
    a.w = inside[0], a.m = inside[1], a.v = inside[2], a.g = inside[3];
    k->adam(&a);
    for (int i = 0; i < 3; i++)
        for (size_t j = 0; j < a.count; j++)
            array[i][j] =
                k->real == T_F64 ? ((double *)inside[i])[j] : ((float *)inside[i])[j];
    xfree(block);
}

static void try_adam(const struct golden_case *c, const struct machine_row *m) {
    const struct tensor *start = part_of(c, "w");
    size_t n = tensor_count(start);
    double *w = doubles(start), *first = xcalloc(n, sizeof *first),
           *second = xcalloc(n, sizeof *second);
    struct adam a = {.count = n,
                     .lr = word(c, "lr"),
                     .beta1 = word(c, "beta1"),
                     .beta2 = word(c, "beta2"),
                     .eps = word(c, "eps"),
                     .weight_decay = word(c, "weight_decay"),
                     .unscale = .5};
    for (int step = 0; step < (int)word(c, "steps"); step++) {
        double *g = doubles(numbered(c, "g", step));
        for (size_t i = 0; i < n; i++) g[i] *= 2; /* as a loss scale would */
        a.correction1 = 1 - pow(a.beta1, step + 1);
        a.correction2 = 1 - pow(a.beta2, step + 1);
        step_on(m->k, a, (double *const[]){w, first, second, g});
        near(c, m, "w", step, w);
        near(c, m, "m", step, first);
        near(c, m, "v", step, second);
        xfree(g);
    }
    xfree(w);
    xfree(first);
    xfree(second);
}

static void adam_steps_as_pytorch_does(void **state) {
    (void)state;
    struct bag bag;
    int count = 0;
    cpu_start(2);
    bag_open(&bag, golden("ops.safetensors"));
    for (;; count++) {
        char name[32];
        snprintf(name, sizeof name, "adam.%d", count);
        struct golden_case c = {.bag = &bag, .name = name, .words = bag_meta(&bag, name)};
        if (!c.words) break;
        for (size_t m = 0; m < 2; m++) try_adam(&c, &machines[m]);
    }
    assert_true(count > 0);
    bag_close(&bag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_op_equals_pytorch),
        TEST(pictures_are_normalised_as_pillow_and_pytorch_do),
        TEST(adam_steps_as_pytorch_does),
    };
    return test_run(tests);
}
