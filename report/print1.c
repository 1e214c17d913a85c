/* print1.c - Table 1 in Markdown (pandoc's pipe table, readable as it is) and LaTeX
 * (booktabs). */
#include "core/die.h"
#include "report/escape.h"
#include "report/table1.h"
#include <math.h>
#include <string.h>

/* What every number of the table means; %s is the number of seeds in words. */
static const char caption[] =
    "Dice and IoU on the validation pictures, ours beside the published values. n: "
    "validation pictures a seed; %s. A picture is scored at the network's size; a pixel "
    "is polyp where its probability exceeds one half. Dice is twice the common pixels "
    "over the sum of both masks' pixels, IoU the common pixels over their union; both "
    "masks empty counts 1, one of them empty 0. Each value is a mean over pictures, "
    "then over seeds; the checkpoint was chosen on the same pictures. published: as "
    "printed by the original; none: it has no such number.";

static char *caption_text(const struct results *r) {
    const struct result *seeds = results_find(r, "main/all/random/seeds");
    char *words = !seeds || seeds->value <= 1
                      ? xstrdup("one seed")
                      : xprintf("up to %.0f seeds, spread as standard deviation over them",
                                seeds->value);
    char *text = xprintf(caption, words);
    xfree(words);
    return text;
}

/* The four numbers of a line; not run: its note. `plus` stands before the deviation over
 * seeds. */
struct numbers {
    char n[32], dice[96], iou[96];
    const char *published_dice, *published_iou;
};

static void with_spread(const struct result *row, const char *plus, char *out,
                        size_t size) {
    result_text(row, out, size);
    size_t n = strlen(out);
    if (!isnan(row->sd_seed)) snprintf(out + n, size - n, "%s%.4f", plus, row->sd_seed);
}

static struct numbers numbers_of(const struct line *l, const char *plus) {
    struct numbers x = {.published_dice = l->dice->published ? l->dice->published : "none",
                        .published_iou = l->iou->published ? l->iou->published : "none"};
    if (l->note) {
        snprintf(x.n, sizeof x.n, "0");
        snprintf(x.dice, sizeof x.dice, "not run (%d)", l->note);
        snprintf(x.iou, sizeof x.iou, "not run (%d)", l->note);
        return x;
    }
    snprintf(x.n, sizeof x.n, "%ld", l->dice->n);
    with_spread(l->dice, plus, x.dice, sizeof x.dice);
    with_spread(l->iou, plus, x.iou, sizeof x.iou);
    return x;
}

/* Is line i the first of its encoder (level 0), of its data set (level 1)? */
static int opens(const struct table1 *t, int i, int level) {
    if (i == 0 || t->line[i].rank[0] != t->line[i - 1].rank[0]) return 1;
    return level == 1 && t->line[i].rank[1] != t->line[i - 1].rank[1];
}

void table1_markdown(const struct table1 *t, const struct results *r,
                     const struct names *names, const char *path) {
    struct out *out = out_open(path);
    out_printf(
        out,
        "| Encoder | Data set | n | Pretraining | Dice | published | IoU | published |\n");
    out_printf(out, "|:----------|:-------------|---:|:-------------|----------:|--------:"
                    "|----------:|--------:|\n");
    for (int i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];
        struct numbers x = numbers_of(l, " ± ");
        char *encoder = escape_markdown(names_get(names, l->encoder));
        char *data = escape_markdown(names_get(names, l->data));
        char *arm = escape_markdown(names_get(names, l->arm));
        out_printf(out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n",
                   opens(t, i, 0) ? encoder : "", opens(t, i, 1) ? data : "", x.n, arm,
                   x.dice, x.published_dice, x.iou, x.published_iou);
        xfree(encoder);
        xfree(data);
        xfree(arm);
    }
    char *text = caption_text(r);
    out_printf(out, "\nTable: %s\n", text);
    xfree(text);
    if (t->notes) out_printf(out, "\nCells that were not run, why, and what to do:\n\n");
    for (int i = 0; i < t->notes; i++) {
        char *note = escape_markdown(t->note[i]);
        out_printf(out, "(%d) %s\n", i + 1, note);
        xfree(note);
    }
    out_commit(out);
}

void table1_latex(const struct table1 *t, const struct results *r,
                  const struct names *names, const char *path) {
    struct out *out = out_open(path);
    char *text = caption_text(r), *words = escape_latex(text);
    out_printf(
        out, "%% Needs the package booktabs.\n\\begin{table}\n\\centering\n\\caption{%s}\n",
        words);
    out_printf(out, "\\label{tab:one}\n\\small\n\\begin{tabular}{llrlrrrr}\n\\toprule\n"
                    "Encoder & Data set & $n$ & Pretraining & Dice & published & IoU & "
                    "published \\\\\n");
    for (int i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];
        struct numbers x = numbers_of(l, " $\\pm$ ");
        char *encoder = escape_latex(names_get(names, l->encoder)),
             *data = escape_latex(names_get(names, l->data));
        char *arm = escape_latex(names_get(names, l->arm));
        if (opens(t, i, 1))
            out_printf(out, opens(t, i, 0) ? "\\midrule\n" : "\\addlinespace\n");
        out_printf(out, "%s & %s & %s & %s & %s & %s & %s & %s \\\\\n",
                   opens(t, i, 0) ? encoder : "", opens(t, i, 1) ? data : "", x.n, arm,
                   x.dice, x.published_dice, x.iou, x.published_iou);
        xfree(encoder);
        xfree(data);
        xfree(arm);
    }
    out_printf(out, "\\bottomrule\n\\end{tabular}\n");
    for (int i = 0; i < t->notes; i++) {
        char *note = escape_latex(t->note[i]);
        out_printf(out, "\\par\\smallskip\\footnotesize (%d) %s\n", i + 1, note);
        xfree(note);
    }
    out_printf(out, "\\end{table}\n");
    xfree(text);
    xfree(words);
    out_commit(out);
}
