/* compare.c - rows that set cells side by side: arm against arm on the same pictures, and
 * what is said of an experiment as a whole. */
#include "report/gather.h"
#include "core/die.h"
#include <math.h>
#include <string.h>

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

/* Slots that differ in the arm alone. */
static bool rivals(const struct slot *a, const struct slot *b) {
    return same(a->variant, b->variant) && same(a->split, b->split) &&
           same(a->encoder, b->encoder) && same(a->data, b->data);
}

static struct slot *rival(const struct gather *g, const struct slot *s, const char *arm) {
    for (int i = 0; i < g->slots; i++)
        if (rivals(s, &g->slot[i]) && same(g->slot[i].arm, arm)) return &g->slot[i];
    return NULL;
}

static bool first_of_group(const struct gather *g, int i) {
    for (int k = 0; k < i; k++)
        if (rivals(&g->slot[k], &g->slot[i])) return false;
    return !same(g->slot[i].encoder, BASELINE);
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

/* "a: why" or "a: why; b: why" for those of the two that were not run. Caller frees. */
static char *why_not(const struct slot *a, const struct slot *b) {
    if (a->run && b->run)
        return xprintf("%s and %s have no seed in common", a->cell, b->cell);
    if (a->run) return xprintf("%s: %s", b->cell, b->reason);
    if (b->run || same(a->reason, b->reason)) return xprintf("%s: %s", a->cell, a->reason);
    return xprintf("%s: %s; %s: %s", a->cell, a->reason, b->cell, b->reason);
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

static void add_pair(struct gather *g, const struct slot *a, const struct slot *b,
                     const char *metric) {
    long n = -1;
    double value = a->run && b->run ? difference(a, b, same(metric, "dice"), &n) : NAN;
    struct result *row =
        results_add(&g->results, xprintf("%s/%s-%s-vs-%s-%s/%s/%s", a->variant, a->encoder,
                                         a->arm, b->arm, a->data, a->split, metric));
    row->ok = !isnan(value);
    row->value = value;
    if (same(a->variant, "main") && same(a->split, "random"))
        row->published = published_difference(g, a->cell, b->cell, metric);
    if (!row->ok) {
        row->reason = why_not(a, b);
        return;
    }
    row->n = n;
    row->sources = xprintf("%s %s", a->score[0]->source, b->score[0]->source);
    for (int i = 1; i < a->scores; i++) { /* the common seeds' files */
        const struct score *y = of_seed(b, a->score[i]->seed);
        if (!y) continue;
        char *longer = xprintf("%s %s %s", row->sources, a->score[i]->source, y->source);
        xfree(row->sources);
        row->sources = longer;
    }
}

void gather_pairs(struct gather *g) {
    for (int i = 0; i < g->slots; i++) {
        if (!first_of_group(g, i)) continue;
        for (int x = 0; x < g->arms; x++)
            for (int y = x + 1; y < g->arms; y++) {
                struct slot *a = rival(g, &g->slot[i], g->arm[x]),
                            *b = rival(g, &g->slot[i], g->arm[y]);
                if (!a || !b) continue;
                add_pair(g, a, b, "dice");
                add_pair(g, a, b, "iou");
            }
    }
}

static bool together(const struct slot *a, const struct slot *b) {
    return same(a->variant, b->variant) && same(a->split, b->split);
}

static double dice_of(const struct gather *g, const struct slot *s) {
    char *key = xprintf("%s/%s/%s/dice", s->variant, s->cell, s->split);
    double value = results_find(&g->results, key)->value;
    xfree(key);
    return value;
}

/* A row of the experiment `like` belongs to; not run where `missing` says why. Takes key
 * and missing. */
static void add_total(struct gather *g, char *key, double value, char *missing) {
    struct result *row = results_add(&g->results, key);
    row->ok = !missing;
    row->value = missing ? NAN : value;
    row->reason = missing;
}

/* The cells of `like`'s experiment that were not run, as a reason; NULL if all were. Caller
 * frees. */
static char *missing_cells(const struct gather *g, const struct slot *like) {
    char *text = NULL;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (s->run || !together(s, like)) continue;
        char *longer = text ? xprintf("%s, %s", text, s->cell)
                            : xprintf("it needs cells not run: %s", s->cell);
        xfree(text);
        text = longer;
    }
    return text;
}

/* Encoder and data sets in which arm a is above arm b (b NULL: above every other arm, of
 * one at least). */
static int wins(const struct gather *g, const struct slot *like, const char *a,
                const char *b) {
    int count = 0;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (!together(s, like) || !same(s->arm, a) || !s->run) continue;
        int others = 0, beaten = 0;
        for (int k = 0; k < g->slots; k++) {
            const struct slot *o = &g->slot[k];
            if (k == i || !rivals(s, o) || !o->run || (b && !same(o->arm, b))) continue;
            others++;
            beaten += dice_of(g, s) > dice_of(g, o);
        }
        count += others && beaten == others;
    }
    return count;
}

static void total_wins(struct gather *g, const struct slot *like) {
    for (int x = 0; x < g->arms; x++) {
        bool used = false;
        for (int i = 0; i < g->slots; i++)
            used |= together(&g->slot[i], like) && same(g->slot[i].arm, g->arm[x]) &&
                    !same(g->slot[i].encoder, BASELINE);
        if (!used) continue;
        add_total(g, xprintf("%s/all/%s/wins-%s", like->variant, like->split, g->arm[x]),
                  wins(g, like, g->arm[x], NULL), missing_cells(g, like));
        for (int y = 0; y < g->arms; y++)
            if (y != x)
                add_total(g,
                          xprintf("%s/all/%s/wins-%s-over-%s", like->variant, like->split,
                                  g->arm[x], g->arm[y]),
                          wins(g, like, g->arm[x], g->arm[y]), missing_cells(g, like));
    }
}

/* Dice of s less the best trivial baseline's on its data; NAN if none was scored. */
static double above_baseline(const struct gather *g, const struct slot *s) {
    double best = NAN;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *b = &g->slot[i];
        if (!same(b->encoder, BASELINE) || !same(b->data, s->data) ||
            !same(b->split, s->split))
            continue;
        if (b->run && !(dice_of(g, b) <= best)) best = dice_of(g, b);
    }
    return dice_of(g, s) - best;
}

static void total_baseline(struct gather *g, const struct slot *like) {
    double least = NAN;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (same(s->encoder, BASELINE) || !together(s, like)) continue;
        double above = s->run ? above_baseline(g, s) : NAN;
        if (!(above >= least)) least = isnan(above) ? least : above;
        char *why = s->run ? xprintf("no trivial baseline was scored on %s", s->data)
                           : xstrdup(s->reason);
        if (!isnan(above)) {
            xfree(why);
            why = NULL;
        }
        add_total(g, xprintf("%s/%s/%s/dice_above_baseline", s->variant, s->cell, s->split),
                  above, why);
    }
    char *why = missing_cells(g, like);
    if (!why && isnan(least)) why = xstrdup("no trivial baseline was scored");
    add_total(g, xprintf("%s/all/%s/least-above-baseline", like->variant, like->split),
              least, why);
}

static void total_counts(struct gather *g, const struct slot *like) {
    int cells = 0, run = 0, seeds = 0;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (same(s->encoder, BASELINE) || !together(s, like)) continue;
        cells++;
        run += s->run;
        seeds = s->scores > seeds ? s->scores : seeds;
    }
    const char *v = like->variant, *p = like->split;
    add_total(g, xprintf("%s/all/%s/cells", v, p), cells, NULL);
    add_total(g, xprintf("%s/all/%s/cells_run", v, p), run, NULL);
    add_total(g, xprintf("%s/all/%s/seeds", v, p), seeds, NULL);
}

/* Pictures scored of each data set, from the first of its cells that was run. */
static void total_pictures(struct gather *g, const struct slot *like) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        char *key = xprintf("%s/%s/%s/pictures", s->variant, s->data, s->split);
        if (together(s, like) && s->run && !results_find(&g->results, key))
            add_total(g, key, s->score[0]->n, NULL);
        else
            xfree(key);
    }
    for (int i = 0; i < g->slots; i++) { /* data sets of which nothing was run */
        const struct slot *s = &g->slot[i];
        char *key = xprintf("%s/%s/%s/pictures", s->variant, s->data, s->split);
        if (together(s, like) && !results_find(&g->results, key))
            add_total(g, key, NAN, xstrdup(s->reason));
        else
            xfree(key);
    }
}

void gather_totals(struct gather *g) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *like = &g->slot[i];
        bool first = !same(like->encoder, BASELINE);
        for (int k = 0; k < i; k++)
            first &= !together(&g->slot[k], like) || same(g->slot[k].encoder, BASELINE);
        if (!first) continue;
        total_counts(g, like);
        total_pictures(g, like);
        total_wins(g, like);
        total_baseline(g, like);
    }
}
