/* model_test.c - whole networks against PyTorch: reduced ones trained three steps,
 * full-width ones looked through. Bounds: ref in double 1e-7; cpu in float four times
 * PyTorch's own float32. */
#include "tests/test.h"
#include "tests/whole.h"

enum { STEPS = 3 };
static const char *const REDUCED[] = {
    "resnet.plain", "resnet.smp", "resnet.chen2018", "resnet.other", "resnet.frozen",
    "vit.plain",    "vit.smp",    "vit.chen2018",    "vit.other",    "vit.before"};

/* What a group of tensors ("grad.", "after.") is measured against. */
struct group {
    double floor, theirs;
}; /* 1e-3 of the median norm; the median of PyTorch's own distances */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n ? x[n / 2] : 0;
}

static double *values(const struct whole *w, const char *prefix, int p) {
    const struct param *param = &w->graph->param[p];
    double *out = xmalloc(param->count * sizeof *out);
    struct tensor t = {param->name, T_F64, 1, {(int)param->count}, out};
    if (strcmp(prefix, "grad.") == 0)
        w->backend->gradient(w->machine, param->name, &t);
    else
        w->backend->get(w->machine, param->name, &t);
    return out;
}

static int wanted(const struct whole *w, const char *prefix, int p) {
    return strcmp(prefix, "after.") == 0 || !w->graph->param[p].buffer;
}

static struct group group_of(const struct whole *w, const char *prefix) {
    double *norm = xmalloc((size_t)w->graph->params * sizeof *norm),
           *theirs = xmalloc((size_t)w->graph->params * sizeof *theirs);
    struct group group = {0, 0};
    for (int pass = 0; pass < 2; pass++) {
        int n = 0;
        for (int p = 0; p < w->graph->params; p++) {
            if (!wanted(w, prefix, p)) continue;
            char *key = xprintf("%s%s", prefix, w->graph->param[p].name);
            double *x = xcalloc(w->graph->param[p].count, sizeof *x);
            struct distance d =
                whole_distance(w, key, x, w->graph->param[p].count, group.floor);
            norm[n] = d.norm;
            theirs[n++] = d.theirs;
            xfree(x), xfree(key);
        }
        if (pass == 0)
            group.floor = 1e-3 * median(norm, n);
        else
            group.theirs = median(theirs, n);
    }
    xfree(norm), xfree(theirs);
    return group;
}

static int is_ref(const struct whole *w) {
    return strcmp(w->backend->name, "ref") == 0;
}

static void check(const struct whole *w, const char *key, const double *ours, size_t n,
                  struct group group) {
    struct distance d = whole_distance(w, key, ours, n, group.floor);
    double bound =
        is_ref(w) ? 1e-7 : 4 * (d.theirs > group.theirs ? d.theirs : group.theirs);
    if (d.ours <= bound) return; /* NaN is not */
    fail_msg("%s on %s: %s is %.3g away, wanted %.3g at most (PyTorch's float32: %.3g)",
             w->name, w->backend->name, key, d.ours, bound, d.theirs);
}

static void check_group(const struct whole *w, const char *prefix) {
    struct group group = group_of(w, prefix);
    for (int p = 0; p < w->graph->params; p++) {
        if (!wanted(w, prefix, p)) continue;
        char *key = xprintf("%s%s", prefix, w->graph->param[p].name);
        double *x = values(w, prefix, p);
        check(w, key, x, w->graph->param[p].count, group);
        xfree(x), xfree(key);
    }
}

/* The key third of qkv.bias moves no softmax: its gradient is 0 but for rounding. */
static void check_key_bias(const struct whole *w) {
    for (int p = 0; p < w->graph->params; p++) {
        if (!strstr(w->graph->param[p].name, "qkv.bias")) continue;
        size_t third = w->graph->param[p].count / 3;
        double *g = values(w, "grad.", p), most = 0, key = 0;
        for (size_t i = 0; i < 3 * third; i++) {
            if (fabs(g[i]) > most) most = fabs(g[i]);
            if (i / third == 1 && fabs(g[i]) > key) key = fabs(g[i]);
        }
        assert_true(key <= most * (is_ref(w) ? 1e-12 : 1e-4));
        xfree(g);
    }
}

static void check_logits(const struct whole *w, const char *key) {
    size_t n = (size_t)w->batch * (size_t)w->side * (size_t)w->side;
    float *logits = xmalloc(n * sizeof *logits);
    double *x = xmalloc(n * sizeof *x);
    w->backend->infer(w->machine, w->pictures.image, w->batch, logits);
    for (size_t i = 0; i < n; i++) x[i] = logits[i];
    check(w, key, x, n, (struct group){0, 1e-6});
    xfree(logits), xfree(x);
}

static void train_and_compare(const char *name, const char *device,
                              const char *fusions_off) {
    struct whole w;
    whole_open(&w, name, NULL, device, fusions_off);
    struct counts counts[8];
    double each[8], losses[STEPS];
    check_logits(&w, "logits0");
    w.backend->score(w.machine, SET_VAL, counts, each);
    check(&w, "each", each, (size_t)w.batch, (struct group){0, 1e-6});
    for (int step = 0; step < STEPS; step++) {
        assert_int_equal(
            w.backend->train(w.machine, (uint32_t)step, 0, 1, &losses[step], NULL), 1);
        if (step > 0) continue;
        check_group(&w, "grad.");
        check_key_bias(&w);
    }
    check(&w, "losses", losses, STEPS, (struct group){0, 1e-6});
    check_group(&w, "after.");
    check_logits(&w, "logits3");
    whole_close(&w);
}

static void the_reference_trains_reduced_networks_as_pytorch_does_in_double(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REDUCED / sizeof *REDUCED; i++)
        train_and_compare(REDUCED[i], "ref", NULL);
}

static void the_cpu_trains_reduced_networks_as_near_as_pytorch_in_float(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REDUCED / sizeof *REDUCED; i++)
        train_and_compare(REDUCED[i], "cpu", NULL);
}

static void the_cpu_without_fused_steps_does_so_too(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof REDUCED / sizeof *REDUCED; i++)
        train_and_compare(REDUCED[i], "cpu", "all");
}

static void compare_full(const char *name, const char *tap) {
    struct whole w;
    whole_open(&w, name, tap, "cpu", NULL);
    size_t n = shape_count(w.graph->node[w.graph->logits].shape);
    float *out = xmalloc(n * sizeof *out);
    double *x = xmalloc(n * sizeof *x);
    w.backend->infer(w.machine, w.pictures.image, 1, out);
    for (size_t i = 0; i < n; i++) x[i] = out[i];
    struct distance d = whole_distance(&w, tap ? tap : "logits", x, n, 0);
    if (!(d.ours <= 2e-5))
        fail_msg("%s %s: %.3g away, wanted 2e-5 at most", name, tap ? tap : "logits",
                 d.ours);
    xfree(out), xfree(x);
    whole_close(&w);
}

static void full_width_networks_see_what_pytorch_sees(void **state) {
    (void)state;
    static const char *const names[] = {"full.resnet50.smp", "full.resnet50.plain",
                                        "full.vits.plain", "full.vits.chen2018",
                                        "full.vitt.plain"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        compare_full(names[i], "skip");
        compare_full(names[i], "last");
        if (!strstr(names[i], "smp")) compare_full(names[i], "aspp");
        compare_full(names[i], NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_reference_trains_reduced_networks_as_pytorch_does_in_double),
        TEST(the_cpu_trains_reduced_networks_as_near_as_pytorch_in_float),
        TEST(the_cpu_without_fused_steps_does_so_too),
        TEST(full_width_networks_see_what_pytorch_sees),
    };
    return test_run(tests);
}
