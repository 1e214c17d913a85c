/* gather.c - the experiment's cells and the rows of each. Pairs and totals: compare.c. */
#include "report/gather.h"
#include "core/die.h"
#include <math.h>
#include <string.h>

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static struct slot *find_slot(struct gather *g, const char *variant, const char *cell,
                              const char *split) {
    for (int i = 0; i < g->slots; i++) {
        struct slot *s = &g->slot[i];
        if (same(s->variant, variant) && same(s->cell, cell) && same(s->split, split))
            return s;
    }
    return NULL;
}

static void add_arm(struct gather *g, const char *arm) {
    for (int i = 0; i < g->arms; i++)
        if (same(g->arm[i], arm)) return;
    g->arm = xrealloc(g->arm, (size_t)(g->arms + 1), sizeof *g->arm);
    g->arm[g->arms++] = xstrdup(arm);
}

static struct slot *add_slot(struct gather *g, const char *variant, const char *cell,
                             const char *split) {
    g->slot = xrealloc(g->slot, (size_t)(g->slots + 1), sizeof *g->slot);
    struct slot *s = &g->slot[g->slots++];
    *s = (struct slot){
        .variant = xstrdup(variant), .cell = xstrdup(cell), .split = xstrdup(split)};
    s->run = true;
    if (!cell_parts(cell, &s->encoder, &s->arm, &s->data))
        die_no("cell '%s': wanted encoder-pretraining-dataset, as resnet50-imagenet-cvc",
               quoted(cell));
    if (!same(s->encoder, BASELINE)) add_arm(g, s->arm);
    return s;
}

static void read_experiment(struct gather *g, const char *path) {
    struct table t;
    table_read(&t, path);
    int cell = table_need(&t, "cell"), status = table_need(&t, "status"),
        reason = table_need(&t, "reason");
    int variant = table_column(&t, "variant"), split = table_column(&t, "split");
    for (int i = 0; i < t.rows; i++) {
        const char *v = variant < 0 ? "main" : table_get(&t, i, variant),
                   *p = split < 0 ? "random" : table_get(&t, i, split),
                   *name = table_get(&t, i, cell), *why = table_get(&t, i, reason),
                   *is = table_get(&t, i, status);
        if (find_slot(g, v, name, p))
            die_no("%s:%d: cell %s stands twice", path, t.line[i], quoted(name));
        struct slot *s = add_slot(g, v, name, p);
        s->run = same(is, "run");
        if (!s->run && !same(is, "not-run"))
            die_no("%s:%d: status '%s', wanted run or not-run", path, t.line[i],
                   quoted(is));
        if (!s->run && (same(why, RESULTS_NA) || !*why))
            die_no("%s:%d: %s is not run and no reason is given", path, t.line[i],
                   quoted(name));
        if (!s->run) s->reason = xstrdup(why);
    }
    table_free(&t);
}

/* Gives every score its slot. A cell said not to run that was scored all the same is fatal:
 * one of the two files is wrong. */
static void place_scores(struct gather *g, const char *experiment) {
    for (int i = 0; i < g->scores; i++) {
        const struct score *score = &g->score[i];
        struct slot *s = find_slot(g, score->variant, score->cell, score->split);
        if (!s) s = add_slot(g, score->variant, score->cell, score->split);
        if (!s->run)
            die_no("%s: %s is scored, but %s says it is not run", score->rows.path,
                   score->cell, experiment);
        if (!same(score->scored, score->data)) continue;
        for (int k = 0; k < s->scores; k++)
            if (s->score[k]->seed == score->seed)
                die_usage("%s: given twice, wanted each run once", score->rows.path);
        s->score = xrealloc((void *)s->score, (size_t)(s->scores + 1), sizeof *s->score);
        s->score[s->scores++] = score;
    }
    for (int i = 0; i < g->slots; i++)
        if (g->slot[i].run && !g->slot[i].scores)
            die_no("%s: %s/%s/%s is to run, but no score of it was given; run it, or say "
                   "why not",
                   experiment ? experiment : "scores", g->slot[i].variant, g->slot[i].cell,
                   g->slot[i].split);
}

static double mean(const double *x, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum / n;
}

static double deviation(const double *x, int n) {
    double m = mean(x, n), sum = 0;
    for (int i = 0; i < n; i++) sum += (x[i] - m) * (x[i] - m);
    return n > 1 ? sqrt(sum / (n - 1)) : NAN;
}

static char *all_sources(const struct score *const *score, int n) {
    char *text = xstrdup("");
    for (int i = 0; i < n; i++) {
        char *longer = xprintf("%s%s%s", text, i ? " " : "", score[i]->source);
        xfree(text);
        text = longer;
    }
    return text;
}

enum what { DICE, IOU, SD_DICE, EMPTY, PICTURES, SEEDS, BEST_EPOCH, WHATS };
static const char *const what_name[WHATS] = {"dice",     "iou",   "sd_dice",   "empty",
                                             "pictures", "seeds", "best_epoch"};

static double of_seed(const struct score *s, enum what what) {
    switch (what) {
    case DICE:
        return mean(s->dice, s->n);
    case IOU:
        return mean(s->iou, s->n);
    case SD_DICE:
        return deviation(s->dice, s->n);
    case BEST_EPOCH:
        return s->best_epoch;
    default:
        return 0;
    }
}

static long fewest(const struct score *const *score, int n) {
    int least = score[0]->n;
    for (int i = 1; i < n; i++) least = score[i]->n < least ? score[i]->n : least;
    return least;
}

/* Rows of n seeds of one cell on one data set; `suffix` is "" or ".DATA". */
static void add_rows(struct gather *g, const struct slot *s,
                     const struct score *const *score, int n, const char *suffix) {
    double *seed = xcalloc((size_t)n, sizeof *seed);
    for (enum what what = 0; what < WHATS; what++) {
        for (int i = 0; i < n; i++) seed[i] = of_seed(score[i], what);
        double value = mean(seed, n);
        if (what == EMPTY)
            for (int i = 0; i < n; i++) value += score[i]->empty;
        if (what == PICTURES) value = (double)fewest(score, n);
        if (what == SEEDS) value = n;
        if (isnan(value)) continue; /* no run.tsv, or one picture has no deviation */
        struct result *row =
            results_add(&g->results, xprintf("%s/%s/%s/%s%s", s->variant, s->cell, s->split,
                                             what_name[what], suffix));
        const char *published =
            what <= IOU && !*suffix && same(s->variant, "main") && same(s->split, "random")
                ? published_get(&g->published, s->cell, what_name[what])
                : NULL;
        row->value = value;
        row->n = fewest(score, n);
        if (what <= SD_DICE || what == BEST_EPOCH) row->sd_seed = deviation(seed, n);
        row->published = published ? xstrdup(published) : NULL;
        row->sources = all_sources(score, n);
    }
    xfree(seed);
}

static void add_distance(struct gather *g, const struct slot *s, const char *metric) {
    const char *printed = published_get(&g->published, s->cell, metric);
    double number;
    if (!printed || !same(s->variant, "main") || !same(s->split, "random") ||
        !number_parse(printed, &number))
        return;
    char *key = xprintf("%s/%s/%s/%s", s->variant, s->cell, s->split, metric);
    const struct result *ours = results_find(&g->results, key);
    double value = ours->ok ? ours->value - number : NAN;
    long n = ours->n;
    char *reason = ours->reason ? xstrdup(ours->reason) : NULL;
    char *sources = ours->sources ? xstrdup(ours->sources) : NULL;
    struct result *row =
        results_add(&g->results, xprintf("%s/%s/%s/%s_minus_published", s->variant, s->cell,
                                         s->split, metric));
    *row = (struct result){.key = row->key,
                           .ok = s->run,
                           .value = value,
                           .n = n,
                           .sd_seed = NAN,
                           .lo = NAN,
                           .hi = NAN,
                           .published = xstrdup(printed),
                           .reason = reason,
                           .sources = sources};
    xfree(key);
}

static void add_not_run(struct gather *g, const struct slot *s) {
    for (enum what what = 0; what < WHATS; what++) {
        struct result *row =
            results_add(&g->results, xprintf("%s/%s/%s/%s", s->variant, s->cell, s->split,
                                             what_name[what]));
        const char *published =
            what <= IOU && same(s->variant, "main") && same(s->split, "random")
                ? published_get(&g->published, s->cell, what_name[what])
                : NULL;
        row->ok = false;
        row->reason = xstrdup(s->reason);
        row->published = published ? xstrdup(published) : NULL;
    }
}

static bool same_run(const struct score *a, const struct score *b) {
    return same(a->variant, b->variant) && same(a->cell, b->cell) &&
           same(a->split, b->split) && same(a->scored, b->scored);
}

/* Rows of a cell on another data set than its own, all seeds together: at the first of
 * them. */
static void add_elsewhere(struct gather *g, int i) {
    const struct score *first = &g->score[i];
    if (same(first->scored, first->data)) return;
    for (int k = 0; k < i; k++)
        if (same_run(&g->score[k], first)) return;
    const struct score **seeds = xcalloc((size_t)g->scores, sizeof *seeds);
    int n = 0;
    for (int k = i; k < g->scores; k++)
        if (same_run(&g->score[k], first)) seeds[n++] = &g->score[k];
    char *suffix = xprintf(".%s", first->scored);
    add_rows(g, find_slot(g, first->variant, first->cell, first->split), seeds, n, suffix);
    xfree(suffix);
    xfree((void *)seeds);
}

static void gather_cells(struct gather *g) {
    for (int i = 0; i < g->slots; i++) {
        const struct slot *s = &g->slot[i];
        if (s->run)
            add_rows(g, s, s->score, s->scores, "");
        else
            add_not_run(g, s);
        add_distance(g, s, "dice");
        add_distance(g, s, "iou");
    }
    for (int i = 0; i < g->scores; i++) add_elsewhere(g, i);
}

/* The original's arms, in its order; published.tsv's numbers must be numbers. */
static void read_published(struct gather *g, const char *path) {
    table_read(&g->published, path);
    const struct table *t = &g->published;
    int cell = table_need(t, "cell"), value = table_need(t, "value");
    table_need(t, "metric");
    table_need(t, "origin");
    for (int i = 0; i < t->rows; i++) {
        char *encoder, *arm, *data;
        table_number(t, i, value);
        if (!cell_parts(table_get(t, i, cell), &encoder, &arm, &data)) continue;
        add_arm(g, arm);
        xfree(encoder);
        xfree(arm);
        xfree(data);
    }
}

void gather(struct gather *g, const struct gather_input *input) {
    *g = (struct gather){0};
    read_published(g, input->published);
    g->score = xcalloc((size_t)input->runs + 1, sizeof *g->score);
    for (; g->scores < input->runs; g->scores++)
        score_open(&g->score[g->scores], input->run[g->scores]);
    if (input->experiment) read_experiment(g, input->experiment);
    place_scores(g, input->experiment);
    gather_cells(g);
    gather_pairs(g);
    gather_totals(g);
    gather_published(g);
}

void gather_free(struct gather *g) {
    for (int i = 0; i < g->scores; i++) score_close(&g->score[i]);
    for (int i = 0; i < g->slots; i++) {
        struct slot *s = &g->slot[i];
        void *all[] = {s->variant, s->cell, s->split,  s->encoder,
                       s->arm,     s->data, s->reason, (void *)s->score};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) xfree(all[k]);
    }
    for (int i = 0; i < g->arms; i++) xfree(g->arm[i]);
    xfree(g->arm);
    xfree(g->score);
    xfree(g->slot);
    table_free(&g->published);
    results_free(&g->results);
}
