/* verdict.c - what doctor.c found, as `key value` lines with the last ones in words.
 *
 * It computes nothing. */
#include "doctor.h"
#include "core/die.h"
#include <math.h>
#include <string.h>

/* Energy of the first plane over that of the last, from which on it is worth a word: 1.75
 * and 1.67 in the two networks of photographs that were looked at. */
#define LEANS 1.25

static const char *const orders[] = {"rgb", "bgr"};

static const char *meta(const struct bag *bag, const char *key) {
    const char *value = bag_meta(bag, key);
    return quoted(value ? value : "not said");
}

static void print_tensors(const struct bag *weights, FILE *out) {
    const char *missing = bag_meta(weights, "missing");
    fprintf(out, "checkpoint %s\n", quoted(weights->path));
    fprintf(out, "source %s, arm %s, encoder %s\n", meta(weights, "source"),
            meta(weights, "arm"), meta(weights, "encoder"));
    fprintf(out, "sha256 %s\n", meta(weights, "sha256"));
    fprintf(out, "tensors %s\n", meta(weights, "loaded"));
    for (const char *at = missing; at && *at;) {
        size_t n = strcspn(at, " ");
        fprintf(out, "missing %s\n", quoted_bytes(at, n));
        at += n + (at[n] == ' ');
    }
}

static void print_stated(const struct diagnosis *d, const struct bag *weights, FILE *out) {
    fprintf(out, "stated scaling %s, order %s, mean %s, std %s, range %s\n",
            d->stated ? doctor_scale(d->stated) : "of its own", orders[d->stated_bgr],
            meta(weights, "mean"), meta(weights, "std"), meta(weights, "range"));
    if (d->stated_v1 >= 0) fprintf(out, "stated_stride %s\n", doctor_stride(d->stated_v1));
    fprintf(out, "first_convolution energy by plane %.3f %.3f %.3f, colour %.3f of it\n",
            d->energy[0], d->energy[1], d->energy[2], d->chroma);
}

static void print_distances(const struct diagnosis *d, FILE *out) {
    for (int s = 0; s < READINGS_SCALES; s++)
        for (int k = 0; k < 2; k++) {
            if (isfinite(d->distance[s][k]))
                fprintf(out, "distance %s %s %.3f\n", doctor_scale(s), orders[k],
                        d->distance[s][k]);
            if (isfinite(d->size[s][k]))
                fprintf(out, "size %s %s %.3g\n", doctor_scale(s), orders[k],
                        d->size[s][k]);
        }
    for (int v1 = 0; v1 < 2; v1++)
        if (isfinite(d->stride_distance[v1]))
            fprintf(out, "distance stride %s %.3f\n", doctor_stride(v1),
                    d->stride_distance[v1]);
}

/* "verdict scaling: caffe255, nearer than raw by 1.09 (t 14.2, 11 layers); as stated". */
static void print_opinion(const char *what, const struct opinion *o, const char *found,
                          const char *second, const char *stated, FILE *out) {
    fprintf(out, "verdict %s: ", what);
    if (o->found < 0) {
        fprintf(out, "undecided, no layer that could tell is whole\n");
        return;
    }
    fprintf(out, o->decided ? "%s, nearer" : "undecided, %s is nearer", found);
    fprintf(out, " than %s by %.2f (t %.1f, %d layers)", second, o->nearer, o->t,
            o->layers);
    if (o->distance >= DOCTOR_FAR) fprintf(out, ", but none fits");
    if (o->decided && stated)
        fprintf(out, strcmp(found, stated) ? "; but %s is stated" : "; as stated", stated);
    fprintf(out, "\n");
}

static void print_resnet(const struct diagnosis *d, int recipe_v1, FILE *out) {
    const struct opinion *s = &d->scale, *o = &d->order, *p = &d->stride;
    int found = s->found < 0 ? 0 : s->found, second = s->second < 0 ? 0 : s->second;
    print_opinion("scaling", s, found ? doctor_scale(found) : "its own",
                  second ? doctor_scale(second) : "its own",
                  d->stated ? doctor_scale(d->stated) : "its own", out);
    print_opinion("order", o, orders[o->found == 1], orders[o->second == 1],
                  orders[d->stated_bgr], out);
    print_opinion("stride", p, doctor_stride(p->found == 1), doctor_stride(p->second == 1),
                  d->stated_v1 < 0 ? NULL : doctor_stride(d->stated_v1), out);
    if (p->decided && p->found != recipe_v1)
        fprintf(out,
                "verdict recipe: it says encoder.stride_position %s, these weights want "
                "%s\n",
                doctor_stride(recipe_v1), doctor_stride(p->found));
}

static void print_vit(const struct diagnosis *d, FILE *out) {
    char fits[256] = "";
    size_t used = 0;
    for (int s = 0; s < READINGS_SCALES; s++)
        if (doctor_size_fits(d->size[s][0]))
            used += (size_t)snprintf(fits + used, sizeof fits - used, " %s",
                                     s ? doctor_scale(s) : "stated");
    fprintf(out,
            "verdict scaling: undecided; patches are of their positions' size, within a "
            "factor of %g, under:%s\n",
            DOCTOR_SIZE, *fits ? fits : " none");
    double stated = d->size[d->stated][d->stated_bgr];
    if (isfinite(stated))
        fprintf(out, "verdict stated: %s\n",
                doctor_size_fits(stated) ? "possible" : "out of the question");
    fprintf(out, "verdict order: undecided; a transformer keeps no statistics of what it "
                 "was trained on");
    double ratio = d->energy[2] > 0 ? d->energy[0] / d->energy[2] : 1;
    if (ratio > LEANS || ratio < 1 / LEANS)
        fprintf(out, "; leans to %s: blue gets least where photographs were the training",
                orders[ratio < 1]);
    fprintf(out, "\n");
}

void doctor_print(const struct diagnosis *d, const struct bag *weights, int recipe_v1,
                  FILE *out) {
    const char *missing = bag_meta(weights, "missing");
    print_tensors(weights, out);
    print_stated(d, weights, out);
    print_distances(d, out);
    if (missing && *missing)
        fprintf(out,
                "verdict tensors: a part is missing; what follows speaks of the rest\n");
    else
        fprintf(out, "verdict tensors: whole\n");
    if (d->vit)
        print_vit(d, out);
    else
        print_resnet(d, recipe_v1, out);
}
