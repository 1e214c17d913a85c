/* gpu_without_test.c - a whole network's logits and gradients are the same whichever
 * fused steps are off: each alone, and all but each.
 *
 * Tolerance: either side is within 1e-4 of PyTorch's double (gpu_model_test), so within
 * 2e-4 of the other; a tensor smaller than a thousandth of the median one is measured
 * against that, one that is zero but for rounding (a millionth) must be so on both
 * sides. */
#include "tests/test.h"
#include "tests/whole.h"
#include "model/gpu/kernels.h"
#include "model/plan.h"

/* Skips of eight channels: steps that move eight at once apply. */
static char CHANGE[] = "decoder.skip_width=8";
static const char *const NETWORKS[] = {"resnet.plain", "vit.plain", "vit.before"};
static const double BOUND = 2e-4;

struct outcome {
    int params, runs;
    size_t *count; /* [params]; 0: a buffer */
    double **grad; /* [params] */
    double *norm;
    float *logits;
    size_t pixels;
};

static void outcome_free(struct outcome *o) {
    for (int p = 0; p < o->params; p++) xfree(o->grad[p]);
    xfree(o->count), xfree(o->grad), xfree(o->norm), xfree(o->logits);
}

/* How many runs of `fusion` (NULL: of any) the step of training has. */
static int count_runs(const struct graph *g, int batch, const char *off,
                      const char *fusion) {
    struct plan p;
    int runs = 0;
    plan_steps(&p, g, &gpu_kernels, batch, 1, off);
    for (int i = 0; i < p.steps; i++)
        runs +=
            p.step[i].fusion && (!fusion || strcmp(p.step[i].fusion->name, fusion) == 0);
    plan_free(&p);
    return runs;
}

static void take_gradients(const struct whole *w, struct outcome *o) {
    o->params = w->graph->params;
    o->count = xcalloc((size_t)o->params, sizeof *o->count);
    o->grad = xcalloc((size_t)o->params, sizeof *o->grad);
    o->norm = xcalloc((size_t)o->params, sizeof *o->norm);
    for (int p = 0; p < o->params; p++) {
        const struct param *param = &w->graph->param[p];
        if (param->buffer) continue;
        o->count[p] = param->count;
        o->grad[p] = xmalloc(param->count * sizeof **o->grad);
        struct tensor t = {param->name, T_F64, 1, {(int)param->count}, o->grad[p]};
        w->backend->gradient(w->machine, param->name, &t);
        for (size_t i = 0; i < param->count; i++)
            o->norm[p] += o->grad[p][i] * o->grad[p][i];
        o->norm[p] = sqrt(o->norm[p]);
    }
}

/* A forward pass, then a step. */
static struct outcome outcome_of(const char *name, const char *off, const char *fusion) {
    struct outcome o = {0};
    struct whole w;
    double loss;
    whole_open_changed(&w, name, CHANGE, "gpu", off, "plans.bag");
    o.runs = count_runs(w.graph, w.batch, off, fusion);
    o.pixels = (size_t)w.batch * (size_t)w.side * (size_t)w.side;
    o.logits = xmalloc(o.pixels * sizeof *o.logits);
    w.backend->infer(w.machine, w.pictures.image, w.batch, o.logits);
    assert_int_equal(w.backend->train(w.machine, 0, 0, 1, &loss, NULL), 1);
    take_gradients(&w, &o);
    whole_close(&w);
    return o;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}
static double median_of(const struct outcome *o) {
    double *norm = xmalloc((size_t)o->params * sizeof *norm);
    int n = 0;
    for (int p = 0; p < o->params; p++)
        if (o->count[p]) norm[n++] = o->norm[p];
    qsort(norm, (size_t)n, sizeof *norm, ascending);
    double median = norm[n / 2];
    xfree(norm);
    return median;
}

static void check_same(const struct outcome *a, const struct outcome *b,
                       const char *network, const char *what) {
    const double median = median_of(b), floor = 1e-3 * median, zero = 1e-6 * median;
    double off = 0, all = 0;
    for (size_t i = 0; i < b->pixels; i++) {
        off += (a->logits[i] - b->logits[i]) * (double)(a->logits[i] - b->logits[i]);
        all += b->logits[i] * (double)b->logits[i];
    }
    if (!(sqrt(off / all) <= BOUND))
        fail_msg("%s, %s: logits differ by %.3g", network, what, sqrt(off / all));
    for (int p = 0; p < b->params; p++) {
        off = 0;
        if (a->norm[p] <= zero && b->norm[p] <= zero) continue;
        for (size_t i = 0; i < b->count[p]; i++)
            off += (a->grad[p][i] - b->grad[p][i]) * (a->grad[p][i] - b->grad[p][i]);
        off = sqrt(off) / (b->norm[p] > floor ? b->norm[p] : floor);
        if (b->count[p] && !(off <= BOUND))
            fail_msg("%s, %s: gradient %d differs by %.3g", network, what, p, off);
    }
}

/* All names but one, comma between. */
static char *all_but(const char *name) {
    char *list = xstrdup("");
    for (int f = 0; f < gpu_kernels.fusions; f++) {
        const char *other = gpu_kernels.fusion[f].name;
        if (strcmp(other, name) == 0) continue;
        char *longer = xprintf("%s%s%s", list, *list ? "," : "", other);
        xfree(list);
        list = longer;
    }
    return list;
}

static void each_fused_step_may_be_left_out_or_stand_alone(void **state) {
    (void)state;
    int *seen = xcalloc((size_t)gpu_kernels.fusions, sizeof *seen);
    for (size_t n = 0; n < sizeof NETWORKS / sizeof *NETWORKS; n++) {
        struct outcome apart = outcome_of(NETWORKS[n], "all", NULL),
                       all = outcome_of(NETWORKS[n], NULL, NULL);
        assert_int_equal(apart.runs, 0);
        check_same(&all, &apart, NETWORKS[n], "all of them");
        for (int f = 0; f < gpu_kernels.fusions; f++) {
            const char *name = gpu_kernels.fusion[f].name;
            char *others = all_but(name);
            struct outcome o;
            if (seen[f]) {
                xfree(others);
                continue;
            }
            o = outcome_of(NETWORKS[n], others, name);
            seen[f] = o.runs;
            check_same(&o, &apart, NETWORKS[n], name);
            outcome_free(&o);
            xfree(others);
            if (!seen[f]) continue;
            o = outcome_of(NETWORKS[n], name, name);
            assert_int_equal(o.runs, 0);
            check_same(&o, &apart, NETWORKS[n], name);
            outcome_free(&o);
        }
        outcome_free(&apart);
        outcome_free(&all);
    }
    for (int f = 0; f < gpu_kernels.fusions; f++)
        if (!seen[f] && strcmp(gpu_kernels.fusion[f].name, "add_relu"))
            fail_msg("%s has no run in these networks", gpu_kernels.fusion[f].name);
    xfree(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_fused_step_may_be_left_out_or_stand_alone),
    };
    return test_run(tests);
}
