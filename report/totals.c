/* totals.c - what is said of an experiment as a whole, of a data set, and of each cell
 * against the trivial baselines. It counts and picks extremes of rows that are there; it
 * averages nothing. */
#include "core/die.h"
#include "report/gather.h"
#include <math.h>
#include <string.h>

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

/* Slots of one variant and split are an experiment. */
static bool together(const struct slot *a, const struct slot *b) {
    return same(a->variant, b->variant) && same(a->split, b->split);
}

static bool is_baseline(const struct slot *s) {
    return same(s->encoder, BASELINE);
}

static const struct slot *rival(const struct gather *g, const struct slot *s,
                                const char *arm) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *o = &g->slot[i];
        if (together(s, o) && same(s->encoder, o->encoder) && same(s->data, o->data) &&
            same(o->arm, arm))
            return o;
    }
    return NULL;
}

static double dice_of(const struct gather *g, const struct slot *s) {
    char *key = xprintf("%s/%s/%s/dice", s->variant, s->cell, s->split);
    double value = results_find(&g->results, key)->value;
    xfree(key);
    return value;
}

/* A row; not run where `missing` says why. Takes missing. */
static void add(struct gather *g, const struct slot *like, const char *cell,
                const char *metric, double value, char *missing) {
    struct result *row = results_add(
        &g->results, xprintf("%s/%s/%s/%s", like->variant, cell, like->split, metric));
    row->ok = !missing;
    row->value = missing ? NAN : value;
    row->reason = missing;
}

static void add_for_arms(struct gather *g, const struct slot *like, const char *what,
                         const char *a, const char *b, double value, char *missing) {
    char *metric = b ? xprintf("%s-%s-over-%s", what, a, b) : xprintf("%s-%s", what, a);
    add(g, like, "all", metric, value, missing);
    xfree(metric);
}

/* The experiment's cells that were not run, of arms a and b (NULL: of all), as a reason,
 * the first ones by name; NULL if all were run. Caller frees. */
static char *missing_cells(const struct gather *g, const struct slot *like, const char *a,
                           const char *b) {
    enum { NAMED = 3 };
    char *text = NULL;
    int cells = 0;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (s->run || !together(s, like) || (b && !same(s->arm, a) && !same(s->arm, b)))
            continue;
        if (cells++ >= NAMED) continue;
        char *longer = text ? xprintf("%s, %s", text, s->cell)
                            : xprintf("it needs cells not run: %s", s->cell);
        xfree(text);
        text = longer;
    }
    if (cells <= NAMED) return text;
    char *longer = xprintf("%s and %d more", text, cells - NAMED);
    xfree(text);
    return longer;
}

static bool has_arm(const struct gather *g, const struct slot *like, const char *arm) {
    for (int i = 0; i < g->slots; i++)
        if (together(&g->slot[i], like) && !is_baseline(&g->slot[i]) &&
            same(g->slot[i].arm, arm))
            return true;
    return false;
}

/* Does the whole interval of s less o, Dice, lie above 0? The row may stand as o less s. */
static bool clearly_ahead(const struct gather *g, const struct slot *s,
                          const struct slot *o) {
    for (int turn = 0; turn < 2; turn++) {
        const struct slot *x = turn ? o : s, *y = turn ? s : o;
        char *key = xprintf("%s/%s-%s-vs-%s-%s/%s/dice", s->variant, s->encoder, x->arm,
                            y->arm, s->data, s->split);
        const struct result *row = results_find(&g->results, key);
        xfree(key);
        if (row) return turn ? row->hi < 0 : row->lo > 0;
    }
    return false;
}

/* Encoder and data sets in which a and b were both run, in which a's mean Dice is above,
 * and in which it clearly is. */
struct standing {
    int compared, ahead, clear;
};

static struct standing stand(const struct gather *g, const struct slot *like, const char *a,
                             const char *b) {
    struct standing all = {0, 0, 0};
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i], *o = rival(g, s, b);
        if (!together(s, like) || is_baseline(s) || !same(s->arm, a)) continue;
        if (!s->run || !o || !o->run) continue;
        all.compared++;
        all.ahead += dice_of(g, s) > dice_of(g, o);
        all.clear += clearly_ahead(g, s, o);
    }
    return all;
}

/* Encoder and data sets in which a is above every other arm that was run, of one at least.
 * */
static int first(const struct gather *g, const struct slot *like, const char *a) {
    int count = 0;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (!together(s, like) || is_baseline(s) || !same(s->arm, a) || !s->run) continue;
        int others = 0, beaten = 0;
        for (int k = 0; k < g->arms; k++) {
            const struct slot *o = rival(g, s, g->arm[k]);
            if (!o || o == s || !o->run) continue;
            others++;
            beaten += dice_of(g, s) > dice_of(g, o);
        }
        count += others && beaten == others;
    }
    return count;
}

static void total_arms(struct gather *g, const struct slot *like, const char *a,
                       const char *b) {
    const char *absent = !has_arm(g, like, a) ? a : !has_arm(g, like, b) ? b : NULL;
    struct standing x = stand(g, like, a, b); /* nothing of an absent arm */
    char *missing = absent ? xprintf("no cell of arm %s is part of this experiment", absent)
                           : missing_cells(g, like, a, b);
    add_for_arms(g, like, "wins", a, b, x.ahead, missing);
    add_for_arms(g, like, "ahead", a, b, x.ahead, absent ? xstrdup(missing) : NULL);
    add_for_arms(g, like, "clear", a, b, x.clear, absent ? xstrdup(missing) : NULL);
    add_for_arms(g, like, "compared", a, b, x.compared, absent ? xstrdup(missing) : NULL);
}

static void total_wins(struct gather *g, const struct slot *like) {
    for (int x = 0; x < g->arms; x++) {
        const char *a = g->arm[x];
        if (has_arm(g, like, a))
            add_for_arms(g, like, "wins", a, NULL, first(g, like, a),
                         missing_cells(g, like, NULL, NULL));
        for (int y = 0; y < g->arms; y++)
            if (y != x) total_arms(g, like, a, g->arm[y]);
    }
}

/* Dice of s less the best trivial baseline's on its data and split; NAN if none was scored.
 * */
static double above_baseline(const struct gather *g, const struct slot *s) {
    double best = NAN;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *b = &g->slot[i];
        if (is_baseline(b) && b->run && same(b->data, s->data) &&
            same(b->split, s->split) && !(dice_of(g, b) <= best))
            best = dice_of(g, b);
    }
    return dice_of(g, s) - best;
}

static void total_baseline(struct gather *g, const struct slot *like) {
    double least = NAN;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (is_baseline(s) || !together(s, like)) continue;
        double above = s->run ? above_baseline(g, s) : NAN;
        char *why = NULL;
        if (!s->run)
            why = xstrdup(s->reason);
        else if (isnan(above))
            why = xprintf("no trivial baseline was scored on %s", s->data);
        if (!why && !(above >= least)) least = above;
        add(g, s, s->cell, "dice_above_baseline", above, why);
    }
    char *why = missing_cells(g, like, NULL, NULL);
    if (!why && isnan(least)) why = xstrdup("no trivial baseline was scored");
    add(g, like, "all", "least-above-baseline", least, why);
}

static void total_counts(struct gather *g, const struct slot *like) {
    int cells = 0, run = 0, seeds = 0, pairs = 0;
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (is_baseline(s) || !together(s, like)) continue;
        int arms = 0, first_arm = 1;
        for (int k = 0; k < g->slots; k++) {
            const struct slot *o = &g->slot[k];
            bool mate =
                together(s, o) && same(s->encoder, o->encoder) && same(s->data, o->data);
            arms += mate;
            if (mate && k < i) first_arm = 0;
        }
        pairs += first_arm && arms > 1;
        cells++;
        run += s->run;
        seeds = s->scores > seeds ? s->scores : seeds;
    }
    add(g, like, "all", "cells", cells, NULL);
    add(g, like, "all", "cells_run", run, NULL);
    add(g, like, "all", "pairs", pairs, NULL);
    add(g, like, "all", "seeds", seeds, NULL);
}

/* Pictures scored of each data set, from the first of its cells that was run. */
static void total_pictures(struct gather *g, const struct slot *like) {
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < g->slots; i++) {
            const struct slot *s = &g->slot[i];
            char *key = xprintf("%s/%s/%s/pictures", s->variant, s->data, s->split);
            bool wanted = together(s, like) && s->run == (pass == 0);
            if (wanted && !results_find(&g->results, key))
                add(g, s, s->data, "pictures", s->run ? s->score[0]->n : NAN,
                    s->run ? NULL : xstrdup(s->reason));
            xfree(key);
        }
}

void gather_totals(struct gather *g) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *like = &g->slot[i];
        bool met = is_baseline(like);
        for (int k = 0; k < i; k++)
            met |= together(&g->slot[k], like) && !is_baseline(&g->slot[k]);
        if (met) continue;
        total_counts(g, like);
        total_pictures(g, like);
        total_wins(g, like);
        total_baseline(g, like);
    }
}
