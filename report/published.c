/* published.c - the original's printed numbers and what follows from them by arithmetic
 * alone: see gather.h. It adds nothing the original did not print, but the number of
 * pictures our own split rule leaves for validation. */
#include "report/gather.h"
#include "core/die.h"
#include <math.h>
#include <string.h>

const char *published_get(const struct table *t, const char *cell, const char *metric) {
    int c = table_need(t, "cell"), m = table_need(t, "metric"), v = table_need(t, "value");
    for (int i = 0; i < t->rows; i++)
        if (strcmp(table_get(t, i, c), cell) == 0 &&
            strcmp(table_get(t, i, m), metric) == 0)
            return table_get(t, i, v);
    return NULL;
}

static struct result *add(struct gather *g, const char *cell, const char *metric,
                          double value, long n) {
    struct result *row =
        results_add(&g->results, xprintf("published/%s/random/%s", cell, metric));
    row->value = value;
    row->n = n;
    return row;
}

/* A whole number of published.tsv's, -1 if it is not there. */
static long whole(const struct gather *g, const char *cell, const char *metric) {
    const char *text = published_get(&g->published, cell, metric);
    long n;
    return text && integer_parse(text, &n) && n > 0 ? n : -1;
}

/* Pictures validated when the first floor(.8 N) train. */
static long validated(long pictures) {
    return pictures < 0 ? -1 : pictures - pictures * 4 / 5;
}

static void add_implied(struct gather *g, const char *cell, const char *data, double d,
                        double j) {
    long n = validated(whole(g, data, "pictures")), groups = whole(g, data, "groups");
    double f = d / (2 - d), curvature = 4 / pow(2 - d, 3), gap = j - f;
    add(g, cell, "iou_of_dice", f, n);
    add(g, cell, "iou_gap", gap, n);
    if (gap < 0) return; /* no spread of per-picture Dice gives such a pair */
    double sd = sqrt(2 * gap / curvature);
    add(g, cell, "sd_implied", sd, n);
    if (n > 0) add(g, cell, "half_width", NORMAL_95 * sd / sqrt((double)n), n);
    if (groups > 0)
        add(g, cell, "half_width_groups", NORMAL_95 * sd / sqrt((double)groups), groups);
}

static void add_printed(struct gather *g) {
    const struct table *t = &g->published;
    int cell = table_need(t, "cell"), metric = table_need(t, "metric"),
        value = table_need(t, "value"), origin = table_need(t, "origin");
    for (int i = 0; i < t->rows; i++) {
        struct result *row = add(g, table_get(t, i, cell), table_get(t, i, metric),
                                 table_number(t, i, value), -1);
        row->method = xstrdup("printed");
        row->text = xstrdup(table_get(t, i, value));
        row->sources = xstrdup(table_get(t, i, origin));
    }
}

static void add_difference(struct gather *g, const char *encoder, const char *a,
                           const char *b, const char *data) {
    static const char *const metrics[] = {"dice", "iou"};
    for (int m = 0; m < 2; m++) {
        char *x = xprintf("%s-%s-%s", encoder, a, data),
             *y = xprintf("%s-%s-%s", encoder, b, data);
        const char *u = published_get(&g->published, x, metrics[m]),
                   *v = published_get(&g->published, y, metrics[m]);
        double p, q;
        if (u && v && number_parse(u, &p) && number_parse(v, &q)) {
            char *cell = xprintf("%s-%s-vs-%s-%s", encoder, a, b, data);
            add(g, cell, metrics[m], p - q, validated(whole(g, data, "pictures")));
            xfree(cell);
        }
        xfree(x);
        xfree(y);
    }
}

/* What the two arms' half widths by group, h and k, let be said of their difference d. */
static void add_pair(struct gather *g, const char *encoder, const char *a, const char *b,
                     const char *data) {
    char *cell = xprintf("%s-%s-vs-%s-%s", encoder, a, b, data);
    char *key[3] = {
        xprintf("published/%s/random/dice", cell),
        xprintf("published/%s-%s-%s/random/half_width_groups", encoder, a, data),
        xprintf("published/%s-%s-%s/random/half_width_groups", encoder, b, data)};
    double value[3];
    long n = 0;
    for (int i = 0; i < 3; i++) {
        const struct result *row = results_find(&g->results, key[i]);
        value[i] = row ? row->value : NAN;
        if (row) n = row->n;
        xfree(key[i]);
    }
    double d = value[0], h = value[1], k = value[2];
    if (!isnan(d + h + k) && h > 0 && k > 0) {
        add(g, cell, "half_width_groups_most", h + k, n);
        add(g, cell, "correlation_needed", (h * h + k * k - d * d) / (2 * h * k), n);
    }
    xfree(cell);
}

/* The arms printed after this cell's, compared with it. */
static void add_rivals(struct gather *g, const char *encoder, const char *arm,
                       const char *data) {
    int at = 0;
    while (at < g->arms && strcmp(g->arm[at], arm) != 0) at++;
    for (int k = at + 1; k < g->arms; k++) {
        add_difference(g, encoder, arm, g->arm[k], data);
        add_pair(g, encoder, arm, g->arm[k], data);
    }
}

void gather_published(struct gather *g) {
    const struct table *t = &g->published;
    int cell = table_need(t, "cell"), metric = table_need(t, "metric");
    add_printed(g);
    /* pairs need what follows from both of their cells */
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < t->rows; i++) {
            char *encoder, *arm, *data;
            double d, j;
            const char *name = table_get(t, i, cell), *iou = published_get(t, name, "iou");
            if (strcmp(table_get(t, i, metric), "dice") != 0 ||
                !cell_parts(name, &encoder, &arm, &data))
                continue;
            if (pass)
                add_rivals(g, encoder, arm, data);
            else if (iou && number_parse(iou, &j) &&
                     number_parse(published_get(t, name, "dice"), &d))
                add_implied(g, name, data, d, j);
            xfree(encoder);
            xfree(arm);
            xfree(data);
        }
}
