/* table1.c - which rows Table 1 has, in which order, with which notes. */
#include "report/table1.h"
#include "core/die.h"
#include "core/file.h"
#include "report/gather.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The cell of "main/CELL/random/dice" if CELL is one of the experiment's: caller frees;
 * else NULL. */
static char *main_cell(const char *key) {
    const char *start = key + strlen("main/"), *slash = strchr(start, '/');
    if (strncmp(key, "main/", 5) != 0 || !slash || strcmp(slash, "/random/dice") != 0)
        return NULL;
    char *cell = xprintf("%.*s", (int)(slash - start), start);
    bool baseline = strncmp(cell, BASELINE "-", strlen(BASELINE "-")) == 0;
    if (!baseline && !strstr(cell, "-vs-")) return cell;
    xfree(cell);
    return NULL;
}

/* The numbers of a line's reasons in increasing order, runs of three or more as "1-3".
 * Caller frees. */
static char *notes_of(struct table1 *t, const char *reason) {
    struct reasons mine = {0};
    char *text = xstrdup("");
    reasons_add(&mine, reason);
    reasons_add(&t->notes, reason);
    for (int i = 0, end; i < t->notes.count; i = end) {
        for (end = i; end < t->notes.count; end++)
            if (reasons_find(&mine, t->notes.text[end]) < 0) break;
        bool range = end - i > 2;
        for (int k = i; k < end; k += range ? end - i - 1 : 1) {
            const char *between = !*text ? "" : range && k > i ? "-" : ", ";
            char *longer = xprintf("%s%s%d", text, between, k + 1);
            xfree(text);
            text = longer;
        }
        if (end == i) end++;
    }
    reasons_free(&mine);
    return text;
}

/* Place of the first line with this text in the field at `offset`: the order of appearance.
 */
static int appears(const struct table1 *t, const char *text, size_t offset) {
    int i = 0;
    while (strcmp(*(char *const *)((const char *)&t->line[i] + offset), text) != 0) i++;
    return i;
}

static int by_rank(const void *a, const void *b) {
    const struct line *x = a, *y = b;
    for (int i = 0; i < 3; i++)
        if (x->rank[i] != y->rank[i]) return x->rank[i] - y->rank[i];
    return 0;
}

static void group(struct table1 *t) {
    for (int i = 0; i < t->lines; i++) {
        struct line *l = &t->line[i];
        l->rank[0] = appears(t, l->encoder, offsetof(struct line, encoder));
        l->rank[1] = appears(t, l->data, offsetof(struct line, data));
        l->rank[2] = appears(t, l->arm, offsetof(struct line, arm));
    }
    qsort(t->line, (size_t)t->lines, sizeof *t->line, by_rank);
}

void table1_open(struct table1 *t, const struct results *r) {
    *t = (struct table1){0};
    for (int i = 0; i < r->count; i++) {
        char *cell = main_cell(r->row[i].key);
        if (!cell) continue;
        char *key = xprintf("main/%s/random/iou", cell);
        struct line line = {.dice = &r->row[i], .iou = results_find(r, key)};
        if (!line.iou || line.iou->ok != line.dice->ok)
            die_no("results: no row '%s' like that of its dice; make the results again",
                   quoted(key));
        if (!cell_parts(cell, &line.encoder, &line.arm, &line.data))
            die_no("results: cell '%s', wanted encoder-pretraining-dataset", quoted(cell));
        t->line = xrealloc(t->line, (size_t)t->lines + 1, sizeof *t->line);
        t->line[t->lines++] = line;
        xfree(key);
        xfree(cell);
    }
    if (!t->lines)
        die_no("results: no cell of the experiment 'main', split random; nothing to print");
    group(t);
    for (int i = 0; i < t->lines; i++)
        if (!t->line[i].dice->ok) t->line[i].notes = notes_of(t, t->line[i].dice->reason);
}

void table1_close(struct table1 *t) {
    for (int i = 0; i < t->lines; i++) {
        xfree(t->line[i].encoder);
        xfree(t->line[i].arm);
        xfree(t->line[i].data);
        xfree(t->line[i].notes);
    }
    xfree(t->line);
    reasons_free(&t->notes);
    *t = (struct table1){0};
}

static const char *or_na(const char *text) {
    return text ? text : RESULTS_NA;
}

/* Best trivial baseline's Dice on this data set as text; "na" if none was scored. */
static void baseline_text(const struct results *r, const char *data, char *out,
                          size_t size) {
    double best = -1;
    snprintf(out, size, RESULTS_NA);
    for (int i = 0; i < r->count; i++) {
        const struct result *row = &r->row[i];
        char *cell = key_part(row->key, 1), *metric = key_part(row->key, 3);
        size_t n = strlen(cell), k = strlen(data);
        bool mine =
            strncmp(row->key, "main/" BASELINE "-", strlen("main/" BASELINE "-")) == 0 &&
            n > k && cell[n - k - 1] == '-' && strcmp(cell + n - k, data) == 0;
        if (mine && row->ok && strcmp(metric, "dice") == 0 && row->value > best) {
            best = row->value;
            result_text(row, out, size);
        }
        xfree(cell);
        xfree(metric);
    }
}

void table1_tsv(const struct table1 *t, const struct results *r, const struct names *names,
                const char *path) {
    struct out *out = out_open(path);
    out_printf(out, "encoder\tarm\tdata\tarm_name\tstatus\tn\tdice\tiou\tpublished_"
                    "dice\tpublished_iou\t"
                    "baseline_dice\n");
    for (int i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];
        char dice[64] = RESULTS_NA, iou[64] = RESULTS_NA, n[32] = RESULTS_NA, baseline[64];
        if (l->dice->ok) {
            result_text(l->dice, dice, sizeof dice);
            result_text(l->iou, iou, sizeof iou);
            snprintf(n, sizeof n, "%ld", l->dice->n);
        }
        baseline_text(r, l->data, baseline, sizeof baseline);
        out_printf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
                   names_get(names, l->encoder), names_get(names, l->arm),
                   names_get(names, l->data), l->arm, l->dice->ok ? "ok" : "not-run", n,
                   dice, iou, or_na(l->dice->published), or_na(l->iou->published),
                   baseline);
    }
    out_commit(out);
}
