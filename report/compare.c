/* compare.c - rows that set cells side by side: arm against arm on the same pictures. */
#include "report/gather.h"
#include "report/reason.h"
#include "core/die.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static const struct score *of_seed(const struct slot *s, long seed) {
    for (int i = 0; i < s->scores; i++)
        if (s->score[i]->seed == seed) return s->score[i];
    return NULL;
}

static void refuse_other_pictures(const struct score *a, const struct score *b) {
    if (a->n != b->n)
        die_no("%s: %d pictures, %s has %d; arms are compared on the same pictures",
               a->rows.path, a->n, b->rows.path, b->n);
    for (int i = 0; i < a->n; i++)
        if (!same(a->name[i], b->name[i]))
            die_no("%s: picture '%s' where %s has '%s'; arms are compared on the same "
                   "pictures in the same "
                   "order",
                   a->rows.path, quoted(a->name[i]), b->rows.path, quoted(b->name[i]));
}

/* A picture's difference and the group it is of. */
struct difference {
    const char *group;
    double value;
};

static int by_group(const void *a, const void *b) {
    return strcmp(((const struct difference *)a)->group,
                  ((const struct difference *)b)->group);
}

/* Variance of the mean of n differences, a group's pictures taken together as one
 * observation: G / (G - 1) times the sum over the G groups of (sum of d - mean)^2, over
 * n^2. Where each picture is a group of its own that is the usual s^2 / n. NAN if G is
 * 1. */
static double variance_of_mean(struct difference *d, int n, double mean) {
    double sum = 0;
    int groups = 0;
    qsort(d, (size_t)n, sizeof *d, by_group);
    for (int i = 0, end; i < n; i = end, groups++) {
        double group = 0;
        for (end = i; end < n && same(d[end].group, d[i].group); end++)
            group += d[end].value - mean;
        sum += group * group;
    }
    return groups > 1 ? sum / n / n * groups / (groups - 1) : NAN;
}

struct paired {
    double mean, half_width; /* NAN if no seed is common; if all pictures are one group */
    long n;                  /* pictures, of the seed that has the fewest */
};

/* Of the common seeds: the mean of their mean differences, and the root mean square of
 * their half widths. Seeds share pictures, so the width is not divided by their number. */
static struct paired compare(const struct slot *a, const struct slot *b, bool use_dice) {
    struct paired all = {NAN, NAN, -1};
    double sum = 0, variance = 0;
    int seeds = 0;
    for (int i = 0; i < a->scores; i++) {
        const struct score *x = a->score[i], *y = of_seed(b, x->seed);
        if (!y) continue;
        refuse_other_pictures(x, y);
        struct difference *d = xcalloc((size_t)x->n, sizeof *d);
        double total = 0;
        for (int k = 0; k < x->n; k++) {
            d[k].group = x->group[k];
            d[k].value = use_dice ? x->dice[k] - y->dice[k] : x->iou[k] - y->iou[k];
            total += d[k].value;
        }
        sum += total / x->n;
        variance += variance_of_mean(d, x->n, total / x->n);
        seeds++;
        if (all.n < 0 || x->n < all.n) all.n = x->n;
        xfree(d);
    }
    if (!seeds) return all;
    all.mean = sum / seeds;
    all.half_width = NORMAL_95 * sqrt(variance / seeds);
    return all;
}

/* Why a and b were not compared; either may be NULL. Caller frees. */
static char *why_not(const struct slot *a, const char *a_cell, const struct slot *b,
                     const char *b_cell) {
    struct reasons all = {0};
    if (!a && !b)
        return xprintf("%s and %s are not part of this experiment", a_cell, b_cell);
    if (!a || !b) return xprintf("%s is not part of this experiment", a ? b_cell : a_cell);
    if (a->run && b->run)
        return xprintf("%s and %s have no seed in common", a_cell, b_cell);
    if (!a->run) reasons_add(&all, a->reason);
    if (!b->run) reasons_add(&all, b->reason);
    char *text = reasons_join(&all);
    reasons_free(&all);
    return text;
}

/* The printed difference of the original, as text: caller frees; NULL if it has not both.
 */
static char *published_difference(const struct gather *g, const char *a, const char *b,
                                  const char *metric) {
    const char *x = published_get(&g->published, a, metric),
               *y = published_get(&g->published, b, metric);
    double u, v;
    if (!x || !y || !number_parse(x, &u) || !number_parse(y, &v)) return NULL;
    return xprintf("%+.4f", u - v); /* both have four decimals: this is exact */
}

/* An encoder and data set within a variant and split: its arms are compared. */
struct group {
    const char *variant, *split, *encoder, *data;
};

static const struct slot *member(const struct gather *g, const struct group *of,
                                 const char *arm) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (same(s->variant, of->variant) && same(s->split, of->split) &&
            same(s->encoder, of->encoder) && same(s->data, of->data) && same(s->arm, arm))
            return s;
    }
    return NULL;
}

static char *pair_sources(const struct slot *a, const struct slot *b) {
    char *text = xstrdup("");
    for (int i = 0; i < a->scores; i++) { /* the common seeds' files */
        const struct score *x = a->score[i], *y = of_seed(b, x->seed);
        if (!y) continue;
        char *longer = xprintf("%s%s%s %s", text, *text ? " " : "", x->source, y->source);
        xfree(text);
        text = longer;
    }
    return text;
}

static void add_pair(struct gather *g, const struct group *of, const char *x, const char *y,
                     const char *metric) {
    const struct slot *a = member(g, of, x), *b = member(g, of, y);
    char *a_cell = xprintf("%s-%s-%s", of->encoder, x, of->data);
    char *b_cell = xprintf("%s-%s-%s", of->encoder, y, of->data);
    struct paired pair = {NAN, NAN, -1};
    if (a && b && a->run && b->run) pair = compare(a, b, same(metric, "dice"));
    struct result *row =
        results_add(&g->results, xprintf("%s/%s-%s-vs-%s-%s/%s/%s", of->variant,
                                         of->encoder, x, y, of->data, of->split, metric));
    row->ok = !isnan(pair.mean);
    row->value = pair.mean;
    row->n = pair.n;
    if (!isnan(pair.half_width)) {
        row->lo = pair.mean - pair.half_width;
        row->hi = pair.mean + pair.half_width;
        row->method = xstrdup("paired, normal, by group");
    }
    if (same(of->variant, "main") && same(of->split, "random"))
        row->published = published_difference(g, a_cell, b_cell, metric);
    if (row->ok)
        row->sources = pair_sources(a, b);
    else
        row->reason = why_not(a, a_cell, b, b_cell);
    xfree(a_cell);
    xfree(b_cell);
}

/* All pairs of arms of a group, once: a group met before has its rows. */
static void compare_group(struct gather *g, const struct group *of) {
    for (int x = 0; x < g->arms; x++)
        for (int y = x + 1; y < g->arms; y++) {
            char *key = xprintf("%s/%s-%s-vs-%s-%s/%s/dice", of->variant, of->encoder,
                                g->arm[x], g->arm[y], of->data, of->split);
            if (!results_find(&g->results, key)) {
                add_pair(g, of, g->arm[x], g->arm[y], "dice");
                add_pair(g, of, g->arm[x], g->arm[y], "iou");
            }
            xfree(key);
        }
}

void gather_pairs(struct gather *g) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (!same(s->encoder, BASELINE))
            compare_group(g, &(struct group){s->variant, s->split, s->encoder, s->data});
    }
    int cell = table_need(&g->published, "cell");
    for (int i = 0; i < g->published.rows; i++) { /* the original's, run here or not */
        char *encoder, *arm, *data;
        if (!cell_parts(table_get(&g->published, i, cell), &encoder, &arm, &data)) continue;
        compare_group(g, &(struct group){"main", "random", encoder, data});
        xfree(encoder);
        xfree(arm);
        xfree(data);
    }
}
