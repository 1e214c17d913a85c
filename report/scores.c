/* scores.c - reads runs. It trusts no file: every row is checked against its own counts. */
#include "report/scores.h"
#include "core/die.h"
#include "core/file.h"
#include "core/metric.h"
#include "report/results.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Cuts the last component off path and returns it: caller frees. NULL if there is none. */
static char *cut(char *path) {
    size_t n = strlen(path);
    while (n && path[n - 1] == '/') path[--n] = 0;
    char *slash = strrchr(path, '/'), *last = xstrdup(slash ? slash + 1 : path);
    if (slash)
        *slash = 0;
    else
        *path = 0;
    if (*last) return last;
    xfree(last);
    return NULL;
}

static bool ends(const char *text, const char *with) {
    size_t n = strlen(text), k = strlen(with);
    return n >= k && strcmp(text + n - k, with) == 0;
}

/* Fills who the run is from the name of its folder. */
static void identify(struct score *score, const char *folder) {
    char *rest = xstrdup(folder), *seed = cut(rest);
    score->split = cut(rest);
    score->cell = cut(rest);
    score->variant = cut(rest);
    xfree(rest);
    bool form = score->variant && seed[0] == 's' && integer_parse(seed + 1, &score->seed) &&
                cell_parts(score->cell, &score->encoder, &score->arm, &score->data);
    if (!form)
        die_usage(
            "%s: not a run's folder; wanted .../VARIANT/ENCODER-ARM-DATA/SPLIT/sSEED, as "
            "runs/main/resnet50-imagenet-cvc/random/s0",
            quoted(folder));
    xfree(seed);
}

/* cell and seed of run.tsv must be the folder's; a baseline has no run.tsv. */
static void read_run(struct score *score, const char *folder) {
    char *path = file_join(folder, "run.tsv");
    score->best_epoch = NAN;
    if (file_exists(path)) {
        struct table t;
        table_read(&t, path);
        int key = table_need(&t, "key"), value = table_need(&t, "value");
        for (int i = 0; i < t.rows; i++) {
            const char *k = table_get(&t, i, key), *v = table_get(&t, i, value);
            long seed;
            if (strcmp(k, "cell") == 0 && strcmp(v, score->cell) != 0)
                die_no("%s: cell %s in a folder of %s; move it back or delete it", path,
                       quoted(v), quoted(score->cell));
            if (strcmp(k, "seed") == 0 && (!integer_parse(v, &seed) || seed != score->seed))
                die_no("%s: seed %s in folder s%ld; move it back or delete it", path,
                       quoted(v), score->seed);
            if (strcmp(k, "best_epoch") == 0)
                score->best_epoch = table_number(&t, i, value);
        }
        table_free(&t);
    }
    xfree(path);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void refuse_twins(const struct score *score) {
    char **sorted = xcalloc((size_t)score->n, sizeof *sorted);
    memcpy(sorted, score->name, (size_t)score->n * sizeof *sorted);
    qsort(sorted, (size_t)score->n, sizeof *sorted, by_name);
    for (int i = 1; i < score->n; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            die_no("%s: picture '%s' stands twice", score->rows.path, quoted(sorted[i]));
    xfree(sorted);
}

/* One metric of row i, held against its counts: 1e-9 is beyond any decimal rounding of a
 * double. */
static double checked(const struct table *t, int i, int column, double wanted) {
    double value = table_number(t, i, column);
    if (!(fabs(value - wanted) <= 1e-9))
        die_no("%s:%d: %s is %s, its counts give %s; delete it and run make again", t->path,
               t->line[i], t->head[column], number_text(value), number_text(wanted));
    return value;
}

static void read_rows(struct score *score) {
    const struct table *t = &score->rows;
    int name = table_need(t, "name"), group = table_need(t, "group"),
        inter = table_need(t, "inter"), pred = table_need(t, "pred"),
        truth = table_need(t, "truth"), d = table_need(t, "dice"), j = table_need(t, "iou");
    score->n = t->rows;
    if (!score->n) die_no("%s: no picture scored, wanted at least one", t->path);
    score->name = xcalloc((size_t)score->n, sizeof *score->name);
    score->group = xcalloc((size_t)score->n, sizeof *score->group);
    score->dice = xcalloc((size_t)score->n, sizeof *score->dice);
    score->iou = xcalloc((size_t)score->n, sizeof *score->iou);
    for (int i = 0; i < score->n; i++) {
        struct counts c = {table_integer(t, i, inter), table_integer(t, i, pred),
                           table_integer(t, i, truth)};
        if (c.inter < 0 || c.inter > c.pred || c.inter > c.truth)
            die_no("%s:%d: %ld pixels in both of %ld and %ld: impossible", t->path,
                   t->line[i], (long)c.inter, (long)c.pred, (long)c.truth);
        score->name[i] = t->cell[(size_t)i * (size_t)t->cols + (size_t)name];
        score->group[i] = t->cell[(size_t)i * (size_t)t->cols + (size_t)group];
        score->dice[i] = checked(t, i, d, dice(c));
        score->iou[i] = checked(t, i, j, iou(c));
        score->empty += c.pred == 0;
    }
    refuse_twins(score);
}

void score_open(struct score *score, const char *path) {
    *score = (struct score){0};
    char *folder = xstrdup(path), *file;
    if (ends(path, ".tsv")) {
        char *base = cut(folder);
        if (strncmp(base, "score.", 6) != 0 || strlen(base) < 11)
            die_usage("%s: not a score file; wanted score.DATA.tsv in a run's folder",
                      quoted(path));
        score->scored = xprintf("%.*s", (int)(strlen(base) - 10), base + 6);
        xfree(base);
    }
    identify(score, folder);
    if (!score->scored) score->scored = xstrdup(score->data);
    char *base = xprintf("score.%s.tsv", score->scored);
    file = file_join(folder, base);
    read_run(score, folder);
    table_read(&score->rows, file);
    read_rows(score);
    char hex[65];
    sha_file(file, hex);
    score->source = xprintf("%s/%s/%s/s%ld/%s@%.8s", score->variant, score->cell,
                            score->split, score->seed, base, hex);
    xfree(file);
    xfree(base);
    xfree(folder);
}

void score_close(struct score *s) {
    void *all[] = {s->variant, s->cell, s->split, s->encoder, s->arm, s->data,
                   s->scored,  s->name, s->group, s->dice,    s->iou, s->source};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) xfree(all[i]);
    table_free(&s->rows);
    *s = (struct score){0};
}

struct epoch *score_epochs(const char *folder, int *count) {
    char *path = file_join(folder, "log.tsv");
    struct table t;
    table_read(&t, path);
    int kind = table_need(&t, "kind"), at = table_need(&t, "epoch"),
        loss = table_need(&t, "loss"), d = table_need(&t, "dice"),
        j = table_need(&t, "iou");
    struct epoch *epochs = xcalloc((size_t)t.rows + 1, sizeof *epochs);
    *count = 0;
    for (int i = 0; i < t.rows; i++) {
        long e = table_integer(&t, i, at);
        if (!*count || epochs[*count - 1].epoch != e)
            epochs[(*count)++] = (struct epoch){(int)e, 0, 0, NAN, NAN, NAN};
        struct epoch *now = &epochs[*count - 1];
        if (strcmp(table_get(&t, i, kind), "val") == 0) {
            now->dice = table_number(&t, i, d);
            now->iou = table_number(&t, i, j);
            now->val_loss = table_number(&t, i, loss);
        } else if (strcmp(table_get(&t, i, kind), "train") == 0) {
            now->steps++;
            now->loss += (table_number(&t, i, loss) - now->loss) / now->steps;
        }
    }
    table_free(&t);
    xfree(path);
    return epochs;
}
