/* doctor.c - readings tried, layers counted as witnesses, opinions formed; see doctor.h.
 *
 * It prints nothing and believes no small difference. */
#include "doctor.h"
#include "core/die.h"
#include "core/table.h"
#include <math.h>
#include <string.h>

enum { SOURCE, EARLY = 1, WHOLE = 4, WORD = 32 };

/* One way to read the pictures, and each layer's distance under it. */
struct reading {
    int layers;
    double *distance;
    double mean;
};

const char *doctor_scale(int scale) {
    static const char *const words[] = {"source", "imagenet", "unit", "pm1",
                                        "caffe",  "caffe255", "raw"};
    return words[scale];
}

const char *doctor_stride(int v1) {
    return v1 ? "v1" : "v15";
}

/* ---- one reading ---- */

static double divergence(const struct probe *p, int c, double eps) {
    double kept = p->kept_var[c] + eps, ratio = (p->var[c] + eps) / kept,
           shift = (double)p->mean[c] - p->kept_mean[c];
    double d = .5 * (ratio + shift * shift / kept - 1 - log(ratio));
    return d > 1e-6 ? d : 1e-6; /* nearer than sampling can tell */
}

static double layer_distance(const struct probe *p, double eps) {
    double sum = 0;
    for (int c = 0; c < p->channels; c++) sum += log(divergence(p, c, eps));
    return sum / p->channels;
}

/* Layers that `late` tells: 0 conv1 and layer1, 1 those behind. */
static void read_layers(struct reading *r, const struct probes *p, double eps, int late) {
    *r = (struct reading){0, xcalloc((size_t)p->count + 1, sizeof *r->distance), 0};
    for (int i = 0; i < p->count; i++) {
        int early = strncmp(p->probe[i].name, "layer", 5) || p->probe[i].name[5] == '1';
        if (early == late || !p->probe[i].kept_mean) continue;
        r->distance[r->layers] = layer_distance(&p->probe[i], eps);
        r->mean += r->distance[r->layers++];
    }
    r->mean = r->layers ? r->mean / r->layers : NAN;
}

/* How much nearer a is than b, and how many standard errors that is. */
static void compare(const struct reading *a, const struct reading *b, struct opinion *o) {
    double mean = 0, squares = 0;
    int n = a->layers;
    for (int i = 0; i < n; i++) mean += (b->distance[i] - a->distance[i]) / n;
    for (int i = 0; i < n; i++) {
        double d = b->distance[i] - a->distance[i] - mean;
        squares += d * d;
    }
    double error = n > 1 ? sqrt(squares / (n - 1) / n) : INFINITY;
    o->layers = n;
    o->distance = a->mean;
    o->nearer = mean;
    o->t = error > 0 ? mean / error : mean > 0 ? INFINITY : 0;
    o->decided = o->nearer >= DOCTOR_NEARER && o->t >= DOCTOR_T && a->mean < DOCTOR_FAR;
}

/* ---- what the bag states ---- */

static int near3(const double a[3], const double b[3]) {
    for (int i = 0; i < 3; i++)
        if (fabs(a[i] - b[i]) > .01 * (1 + fabs(b[i]))) return 0;
    return 1;
}

/* The word whose scaling is the bag's own, in 0..255 units; SOURCE if none is. */
static int stated_scale(const struct norm *norm, const struct recipe *recipe) {
    struct recipe r = *recipe;
    r.gray = 0;
    r.channels = 0;
    r.scale = SOURCE;
    struct attr own = input_attr(norm, &r);
    for (int s = SOURCE + 1; s < READINGS_SCALES; s++) {
        r.scale = s;
        struct attr named = input_attr(norm, &r);
        if (near3(own.mean, named.mean) && near3(own.std, named.std)) return s;
    }
    return SOURCE;
}

/* ---- the first convolution ---- */

/* Shares of its energy by input plane, and that of what is not alike in all three. */
static void first_energy(struct diagnosis *d, const struct bag *weights) {
    const struct tensor *t = bag_find(weights, "conv1.weight");
    if (!t) t = bag_find(weights, "patch_embed.proj.weight");
    if (!t || t->ndim != 4 || t->dim[1] != 3) return;
    size_t taps = (size_t)t->dim[2] * (size_t)t->dim[3];
    float *w = xmalloc(tensor_count(t) * sizeof *w + 1);
    double sum = 0, luma = 0;
    tensor_to_f32(t, w);
    for (size_t o = 0; o < (size_t)t->dim[0]; o++)
        for (size_t i = 0; i < taps; i++) {
            const float *x = w + 3 * taps * o + i;
            double mean = ((double)x[0] + x[taps] + x[2 * taps]) / 3;
            luma += 3 * mean * mean;
            for (size_t c = 0; c < 3; c++)
                d->energy[c] += (double)x[c * taps] * x[c * taps];
        }
    for (int c = 0; c < 3; c++) sum += d->energy[c];
    for (int c = 0; c < 3 && sum > 0; c++) d->energy[c] /= sum;
    d->chroma = sum > 0 ? 1 - luma / sum : 0;
    xfree(w);
}

/* ---- ResNets ---- */

struct trial {
    const struct bag *weights;
    struct recipe recipe;
    const struct pictures *pictures;
    int threads;
};

static void try_reading(const struct trial *t, int scale, int bgr, int v1, int upto,
                        struct reading *out) {
    struct recipe r = t->recipe;
    struct probes p;
    r.scale = scale;
    r.channels = bgr ? 2 : 1;
    r.stride_position = v1;
    probe_run(&p, t->weights, &r, t->pictures, upto, t->threads);
    read_layers(out, &p, r.bn_eps, upto == WHOLE);
    probe_free(&p);
}

/* The best of all (scale, order), against the best of another scale and against its own
 * other order. */
static void judge_input(struct diagnosis *d, struct reading all[READINGS_SCALES][2]) {
    int best = -1, order = 0, other = -1, other_order = 0;
    for (int s = 0; s < READINGS_SCALES; s++)
        for (int k = 0; k < 2; k++) {
            d->distance[s][k] = all[s][k].layers ? all[s][k].mean : NAN;
            if (!all[s][k].layers) continue;
            if (best < 0 || all[s][k].mean < all[best][order].mean) best = s, order = k;
        }
    for (int s = 0; s < READINGS_SCALES && best >= 0; s++)
        for (int k = 0; k < 2; k++)
            if (s != best && all[s][k].layers &&
                (other < 0 || all[s][k].mean < all[other][other_order].mean))
                other = s, other_order = k;
    if (best < 0) return;
    compare(&all[best][order], &all[other][other_order], &d->scale);
    compare(&all[best][order], &all[best][!order], &d->order);
    d->scale.found = best;
    d->scale.second = other;
    d->order.found = order;
    d->order.second = !order;
}

static void judge_stride(struct diagnosis *d, const struct trial *t) {
    struct reading read[2];
    for (int v1 = 0; v1 < 2; v1++) {
        try_reading(t, d->scale.found, d->order.found, v1, WHOLE, &read[v1]);
        d->stride_distance[v1] = read[v1].mean;
    }
    if (read[0].layers) {
        int best = read[1].mean < read[0].mean;
        compare(&read[best], &read[!best], &d->stride);
        d->stride.found = best;
        d->stride.second = !best;
    }
    for (int v1 = 0; v1 < 2; v1++) xfree(read[v1].distance);
}

static void examine_resnet(struct diagnosis *d, const struct trial *t) {
    struct reading all[READINGS_SCALES][2];
    memset(all, 0, sizeof all);
    for (int s = d->stated == SOURCE ? SOURCE : SOURCE + 1; s < READINGS_SCALES; s++)
        for (int bgr = 0; bgr < 2; bgr++) try_reading(t, s, bgr, 0, EARLY, &all[s][bgr]);
    judge_input(d, all);
    for (int s = 0; s < READINGS_SCALES; s++)
        for (int bgr = 0; bgr < 2; bgr++) xfree(all[s][bgr].distance);
    if (d->scale.found >= 0) judge_stride(d, t);
}

/* ---- ViTs ---- */

/* Root mean square of the learned positions, class token's left out. */
static double positions_rms(const struct bag *weights) {
    const struct tensor *t = bag_find(weights, "pos_embed");
    if (!t || t->ndim != 3 || t->dim[1] < 2) return 0;
    size_t n = tensor_count(t), skip = (size_t)t->dim[2];
    float *x = xmalloc(n * sizeof *x + 1);
    double sum = 0;
    tensor_to_f32(t, x);
    for (size_t i = skip; i < n; i++) sum += (double)x[i] * x[i];
    xfree(x);
    return sqrt(sum / (double)(n - skip));
}

static double patches_rms(const struct probe *p) {
    double sum = 0;
    for (int c = 0; c < p->channels; c++)
        sum += (double)p->mean[c] * p->mean[c] + p->var[c];
    return sqrt(sum / p->channels);
}

static void examine_vit(struct diagnosis *d, const struct trial *t) {
    double positions = positions_rms(t->weights);
    for (int s = d->stated == SOURCE ? SOURCE : SOURCE + 1; s < READINGS_SCALES; s++)
        for (int bgr = 0; bgr < 2; bgr++) {
            struct recipe r = t->recipe;
            struct probes p;
            r.scale = s;
            r.channels = bgr ? 2 : 1;
            probe_run(&p, t->weights, &r, t->pictures, WHOLE, t->threads);
            if (p.count && positions > 0)
                d->size[s][bgr] = patches_rms(&p.probe[0]) / positions;
            probe_free(&p);
        }
}

void doctor_examine(struct diagnosis *d, const struct bag *weights,
                    const struct recipe *recipe, const struct pictures *pictures,
                    int threads) {
    struct trial t = {weights, *recipe, pictures, threads};
    struct norm norm;
    const char *stride = bag_meta(weights, "stride"), *eps = bag_meta(weights, "bn_eps");
    const struct opinion none = {-1, -1, 0, 0, 0, 0, NAN};
    *d = (struct diagnosis){.scale = none, .order = none, .stride = none};
    for (int s = 0; s < READINGS_SCALES; s++)
        for (int k = 0; k < 2; k++) d->distance[s][k] = d->size[s][k] = NAN;
    d->stride_distance[0] = d->stride_distance[1] = NAN;
    if (eps && !number_parse(eps, &t.recipe.bn_eps))
        die_no("%s: bn_eps is '%s', wanted a number", weights->path, quoted(eps));
    t.recipe.bn = t.recipe.gray = 0;
    t.recipe.conv_bias = 1;
    t.recipe.output_stride = 32; /* as classifiers are trained */
    t.recipe.precision = FP32;
    norm_from_bag(&norm, weights);
    d->stated = stated_scale(&norm, recipe);
    d->stated_bgr = norm.bgr;
    d->stated_v1 = stride ? !strcmp(stride, "v1") : -1;
    d->vit = !strncmp(bag_need_meta(weights, "encoder"), "vit", 3);
    first_energy(d, weights);
    if (d->vit)
        examine_vit(d, &t);
    else
        examine_resnet(d, &t);
}

int doctor_size_fits(double size) {
    return size >= 1 / DOCTOR_SIZE && size <= DOCTOR_SIZE;
}

int doctor_contradicts(const struct diagnosis *d) {
    double size = d->size[d->stated][d->stated_bgr];
    if (d->vit) return isfinite(size) && !doctor_size_fits(size);
    return (d->scale.decided && d->scale.found != d->stated) ||
           (d->order.decided && d->order.found != d->stated_bgr) ||
           (d->stride.decided && d->stated_v1 >= 0 && d->stride.found != d->stated_v1);
}
