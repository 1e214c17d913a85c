/* compare.c - rows that set cells side by side: arm against arm on the same pictures, and
 * what is said of an experiment as a whole. */
#include "report/gather.h"
#include "core/die.h"
#include <math.h>
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

/* Mean over seeds of the mean paired difference; n pictures, NAN if no seed is common. */
static double difference(const struct slot *a, const struct slot *b, bool use_dice,
                         long *n) {
    double sum = 0;
    int seeds = 0;
    *n = -1;
    for (int i = 0; i < a->scores; i++) {
        const struct score *x = a->score[i], *y = of_seed(b, x->seed);
        if (!y) continue;
        refuse_other_pictures(x, y);
        double total = 0;
        for (int k = 0; k < x->n; k++)
            total += use_dice ? x->dice[k] - y->dice[k] : x->iou[k] - y->iou[k];
        sum += total / x->n;
        seeds++;
        if (*n < 0 || x->n < *n) *n = x->n;
    }
    return seeds ? sum / seeds : NAN;
}

/* Why one cell was not run: caller frees. */
static char *why_one(const struct slot *s, const char *cell) {
    if (!s) return xprintf("%s is not part of this experiment", cell);
    return xprintf("%s: %s", cell, s->reason);
}

/* "a: why" or "a: why; b: why" for those of the two that were not run. Caller frees. */
static char *why_not(const struct slot *a, const char *a_cell, const struct slot *b,
                     const char *b_cell) {
    bool a_run = a && a->run, b_run = b && b->run;
    if (a_run && b_run) return xprintf("%s and %s have no seed in common", a_cell, b_cell);
    if (a_run) return why_one(b, b_cell);
    if (b_run) return why_one(a, a_cell);
    if (!a && !b)
        return xprintf("%s and %s are not part of this experiment", a_cell, b_cell);
    if (a && b && same(a->reason, b->reason)) return why_one(a, a_cell);
    char *x = why_one(a, a_cell), *y = why_one(b, b_cell), *both = xprintf("%s; %s", x, y);
    xfree(x);
    xfree(y);
    return both;
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
    long n = -1;
    double value =
        a && b && a->run && b->run ? difference(a, b, same(metric, "dice"), &n) : NAN;
    struct result *row =
        results_add(&g->results, xprintf("%s/%s-%s-vs-%s-%s/%s/%s", of->variant,
                                         of->encoder, x, y, of->data, of->split, metric));
    row->ok = !isnan(value);
    row->value = value;
    row->n = n;
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
