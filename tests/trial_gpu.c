/* trial_gpu.c - see trial_gpu.h. */
#include "tests/trial_gpu.h"
#include "core/die.h"
#include "tests/test.h"

static struct gpu_ground *gpu_of(struct ground *g) {
    return (struct gpu_ground *)g;
}

static void *ground_alloc(struct ground *g, size_t bytes) {
    return device_alloc(gpu_of(g)->gpu.device, bytes, "a test's array");
}
static void ground_free(struct ground *g, void *p) {
    device_free(gpu_of(g)->gpu.device, p);
}
static void ground_upload(struct ground *g, void *to, const void *from, size_t bytes) {
    device_upload(gpu_of(g)->gpu.device, to, from, bytes);
}
static void ground_download(struct ground *g, void *to, const void *from, size_t bytes) {
    device_download(gpu_of(g)->gpu.device, to, from, bytes);
}

static enum number number_of(const struct gpu_ground *g, int channels) {
    if (gpu_element(g->gpu.precision, channels) == 4) return NUMBER_F32;
    return g->gpu.precision == FP16 ? NUMBER_FP16 : NUMBER_BF16;
}

/* A leaf stands for any node, but one of three channels that a convolution reads is a
 * picture. */
static int padded_channels(const struct trial *t, int node) {
    const struct graph *g = t->g;
    if (node >= t->leaves) return gpu_channels(g, node);
    for (int i = t->leaves; i < g->nodes; i++)
        if (g->node[i].op == OP_conv && g->node[i].in[0] == node)
            return gpu_channels(g, node);
    return g->node[node].shape.dim[0];
}

static struct form ground_node(struct ground *g, const struct trial *t, int node) {
    struct shape s = t->g->node[node].shape;
    struct form f = form_plain(NUMBER_F32, (size_t)t->N * shape_count(s));
    if (s.ndim == 0) return f;
    if (s.ndim == 2) {
        f.number = number_of(gpu_of(g), 0);
        return f;
    }
    f.C = (size_t)s.dim[0];
    f.plane = (size_t)s.dim[1] * (size_t)s.dim[2];
    f.padded = (size_t)padded_channels(t, node);
    f.all = f.count / f.C * f.padded;
    f.number = number_of(gpu_of(g), (int)f.padded);
    return f;
}

static struct form ground_param(struct ground *g, const struct trial *t, int param) {
    static struct gpu_layout layout[TRIAL_PARAMS];
    layout[param] = gpu_layout(t->g, param);
    /* a leaf here is no picture */
    if (t->g->params && t->g->node[t->first].attr.groups > 1) {
        layout[param].padded = layout[param].C;
        layout[param].all = layout[param].count;
    }
    struct form f = form_plain(NUMBER_F32, layout[param].count);
    f.all = layout[param].all;
    f.layout = &layout[param];
    if (layout[param].matrix) f.number = number_of(gpu_of(g), 0);
    return f;
}

static size_t ground_place(const struct form *f, size_t i) {
    return gpu_place(f->layout, i);
}

static void *given(struct gpu_ground *g, const void *from, size_t bytes) {
    assert_true(g->owns < 8);
    void *p = ground_alloc(&g->ground, bytes + 1);
    ground_upload(&g->ground, p, from, bytes);
    return g->own[g->owns++] = p;
}

static void drop_batch(struct gpu_ground *g) {
    while (g->owns > 0) ground_free(&g->ground, g->own[--g->owns]);
}

/* The side of the pictures that the trial holds; 1: of none. */
static size_t side_of(const struct trial *t) {
    for (int i = t->leaves; i < t->g->nodes; i++) {
        const struct node *n = &t->g->node[i];
        if (n->op == OP_loss) return (size_t)t->g->node[n->in[0]].shape.dim[1];
        if (n->op == OP_input) return (size_t)n->shape.dim[1];
    }
    return 1;
}

static void ground_batch(struct ground *ground, const struct trial *t) {
    struct gpu_ground *g = gpu_of(ground);
    size_t S = side_of(t), N = (size_t)t->N, picture = 3 * S * S, mask = S * S / 8;
    int *item = xcalloc(N, sizeof *item);
    uint8_t *images = xcalloc(N, picture), *masks = xcalloc(N, mask + 1);
    struct gpu_now now = {
        .epoch = t->epoch, .passes = 3, .loss_scale = (float)t->loss_scale};
    for (size_t i = 0; i < N; i++) {
        size_t place = N - 1 - i; /* not the order of the batch */
        item[i] = (int)place;
        memcpy(images + place * picture, t->image[i], picture);
        memcpy(masks + place * mask, t->mask[i], mask);
    }
    drop_batch(g);
    g->gpu.now = given(g, &now, sizeof now);
    g->gpu.item = given(g, item, N * sizeof *item);
    g->gpu.position = given(g, t->position, N * sizeof *t->position);
    g->gpu.flip = given(g, t->flip, N);
    g->gpu.image = given(g, images, N * picture);
    g->gpu.mask = given(g, masks, N * mask);
    xfree(item);
    xfree(images);
    xfree(masks);
}

int gpu_has(enum precision precision) {
    static int has = -1; /* opening a device takes a while */
    if (precision != BF16) return 1;
    if (has >= 0) return has;
    char why[512];
    struct device *d = device_open(0, why, sizeof why);
    if (!d) return 1; /* which whoever opens one will say */
    has = d->capability >= 80;
    if (!has) print_message("not tried: bf16, which %s has not\n", d->name);
    device_close(d);
    return has;
}

int gpu_ground_open(struct gpu_ground *g, enum precision precision, char *why,
                    size_t size) {
    *g = (struct gpu_ground){.ground = {.alloc = ground_alloc,
                                        .free = ground_free,
                                        .upload = ground_upload,
                                        .download = ground_download,
                                        .node = ground_node,
                                        .param = ground_param,
                                        .place = ground_place,
                                        .batch = ground_batch}};
    g->gpu.precision = precision;
    g->gpu.device = device_open(0, why, size);
    if (!g->gpu.device) return 0;
    g->gpu.library = library_open(g->gpu.device, precision, 1, NULL);
    g->ground.machine = &g->gpu;
    g->ground.watched = strstr(device_describe(g->gpu.device), "emulated") != NULL;
    return 1;
}

void gpu_ground_close(struct gpu_ground *g) {
    drop_batch(g);
    library_close(g->gpu.library);
    device_close(g->gpu.device);
}

void gpu_ground_round(struct gpu_ground *g, struct trial *t) {
    struct form f;
    for (int i = 0; i < t->leaves; i++)
        f = ground_node(&g->ground, t, i), form_round(&f, t->leaf[i]);
    for (int i = 0; i < t->g->params; i++)
        f = ground_param(&g->ground, t, i), form_round(&f, t->param[i]);
    f = ground_node(&g->ground, t, t->first + t->nodes - 1);
    form_round(&f, t->dy);
    for (int i = 0; i < t->nodes - 1; i++)
        if (t->open >> i & 1)
            f = ground_node(&g->ground, t, t->first + i), form_round(&f, t->dopen);
}
