/* library.c - opening and closing the libraries, and timing what they offer; see
 * library.h. */
#include "model/gpu/library_struct.h"
#include "core/die.h"
#include "model/gpu/choose.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger than any GPU's second-level cache (126 MB on Blackwell). */
static const size_t FLUSH = (size_t)256 << 20;

/* ---- opening ---- */

static void versions(struct library *l, const char *device) {
    size_t dnn = cudnnGetVersion(), lt = cublasLtGetVersion();
    snprintf(l->about, sizeof l->about,
             "%s (compute capability %d.%d), cuDNN %zu.%zu.%zu, cuBLASLt %zu.%zu.%zu",
             device, l->capability / 10, l->capability % 10, dnn / 10000, dnn / 100 % 100,
             dnn % 100, lt / 10000, lt / 100 % 100, lt % 100);
}

static struct library *make(int capability, const char *name, enum precision precision,
                            int deterministic, const char *plans) {
    if (precision == BF16 && capability < 80)
        die_world(
            "%s: compute capability %d.%d has no bf16, wanted 8.0; use precision fp16",
            name, capability / 10, capability % 10);
    struct library *l = xcalloc(1, sizeof *l);
    l->capability = capability;
    l->precision = precision;
    l->deterministic = deterministic;
    versions(l, name);
    l->plans = plan_file_open(plans, l->about);
    return l;
}

_Noreturn void cudnn_died(const struct library *l, cudnnStatus_t status,
                          const char *doing) {
    char said[200] = "";
    cudnnGetLastErrorString(said, sizeof said);
    said[strcspn(said, "\n")] = 0;
    die_world("cuDNN: %s: %s (%s) on %s", doing, cudnnGetErrorString(status), said,
              l->about);
}

struct library *library_open(struct device *d, enum precision precision, int deterministic,
                             const char *plans) {
    struct library *l = make(d->capability, d->name, precision, deterministic, plans);
    l->device = d;
    cudnnStatus_t status = cudnnCreate(&l->cudnn);
    if (status) cudnn_died(l, status, "start");
    cublasStatus_t failed = cublasLtCreate(&l->lt);
    if (failed)
        die_world("cuBLASLt: start: %s on %s", cublasLtGetStatusString(failed), l->about);
    return l;
}

struct library *library_of(const char *properties, int capability, const char *name,
                           enum precision precision, int deterministic, const char *plans) {
    struct library *l = make(capability, name, precision, deterministic, plans);
    struct bunch b = {.count = 0};
    descriptor d = bunch_new(&b, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    bunch_set(&b, d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
              (int64_t)strlen(properties) + 1, properties);
    bunch_finish(&b, d);
    if (b.status) die_world("cuDNN: device properties: %s", b.why);
    l->properties = bunch_keep(&b);
    return l;
}

void library_save(struct library *l) {
    plan_file_save(l->plans);
    if (l->device) {
        device_free(l->device, l->arena);
        device_free(l->device, l->flush);
    }
    l->arena = l->flush = NULL;
    l->arena_bytes = 0;
}

const char *library_plans_sha256(const struct library *l) {
    return plan_file_sha256(l->plans);
}

const char *library_describe(const struct library *l) {
    return l->about;
}

void library_close(struct library *l) {
    if (l->device) library_save(l);
    convolutions_free(l);
    products_free(l);
    if (l->properties) cudnnBackendDestroyDescriptor(l->properties);
    if (l->cudnn) cudnnDestroy(l->cudnn);
    if (l->lt) cublasLtDestroy(l->lt);
    plan_file_close(l->plans);
    xfree(l);
}

/* ---- timing ---- */

void *library_arena(struct library *l, size_t bytes) {
    if (bytes > l->arena_bytes) {
        device_free(l->device, l->arena);
        l->arena = device_alloc(l->device, bytes, "timing plans");
        l->arena_bytes = bytes;
    }
    return l->arena;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double library_time(struct library *l, int (*run)(void *arg), void *arg) {
    enum { RUNS = 5 };
    double seconds[RUNS];
    if (!l->flush) l->flush = device_alloc(l->device, FLUSH, "timing plans");
    if (!run(arg)) return -1; /* loads the kernel */
    for (int i = 0; i < RUNS; i++) {
        device_clear(l->device, l->flush, FLUSH);
        device_mark(l->device, 0);
        if (!run(arg)) return -1;
        device_mark(l->device, 1);
        seconds[i] = device_between(l->device);
    }
    qsort(seconds, RUNS, sizeof *seconds, ascending);
    return seconds[RUNS / 2];
}

struct way {
    struct library *l;
    void (*run)(void *arg, int way);
    void *arg;
    int number;
    char *times; /* "us: 12.0 9.5" */
};

static int go(void *arg) {
    const struct way *w = arg;
    w->run(w->arg, w->number);
    return 1;
}

static double seconds_of(void *arg, int way) {
    struct way *w = arg;
    w->number = way;
    double seconds = library_time(w->l, go, w);
    char *longer = xprintf("%s %.1f", w->times, 1e6 * seconds);
    xfree(w->times);
    w->times = longer;
    return seconds;
}

int library_choose(struct library *l, const char *name, int ways,
                   void (*run)(void *arg, int way), void *arg) {
    size_t n;
    char *key = xprintf("way %s %s", precision_name(l->precision), name);
    const char *stored = plan_file_find(l->plans, key, &n);
    int best = stored && n ? atoi(stored) : -1;
    if (best < 0 || best >= ways) {
        struct way w = {l, run, arg, 0, xstrdup("us:")};
        best = l->device ? choose_quickest(ways, seconds_of, &w) : ways - 1;
        char *text = xprintf("%d %s", best, l->device ? w.times : "untimed");
        plan_file_add(l->plans, key, text, strlen(text));
        xfree(text);
        xfree(w.times);
    }
    xfree(key);
    return best;
}
