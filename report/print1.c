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
    char *words = !seeds || seeds->value == 1 ? xstrdup("one seed")
                  : seeds->value < 1          ? xstrdup("no seed was run")
                                     : xprintf("up to %.0f seeds, spread as standard "
                                               "deviation over them",
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
    if (l->notes) {
        snprintf(x.n, sizeof x.n, "0");
        snprintf(x.dice, sizeof x.dice, "not run (%s)", l->notes);
        snprintf(x.iou, sizeof x.iou, "not run (%s)", l->notes);
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

/* What to do about each note, once for all of them. */
static const char remedy[] =
    "Cells were not run for want of what the notes name. A file goes under its name into "
    "`downloads/` beside the Makefile, or into a folder of `MIRROR`; what has an address "
    "`make` fetches itself where a network is and `OFFLINE` is not set. `make all` then runs "
    "those cells alone.";

/* An address, as a link that LaTeX may break; a checksum's first digits, for the eye: the
 * whole one stands in the source's file. */
static void put_word(struct out *out, const char *word) {
    static const char address[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-._~/?=&%+:#";
    enum { SHA256 = 64, SHOWN = 12 };
    size_t n = strlen(word), digits = strspn(word, "0123456789abcdef");
    bool link = strncmp(word, "https://", 8) == 0 || strncmp(word, "http://", 7) == 0;
    size_t url = link ? strspn(word, address) : 0;
    while (url && strchr(".:", word[url - 1])) url--;
    char *rest = escape_markdown(word + (url ? url : digits == SHA256 ? SHOWN : 0));
    if (url && n - url <= 2)
        out_printf(out, "<%.*s>%s", (int)url, word, rest);
    else if (digits == SHA256)
        out_printf(out, "%.*s...%s", SHOWN, word, rest + SHA256 - SHOWN);
    else {
        char *all = escape_markdown(word);
        out_printf(out, "%s", all);
        xfree(all);
    }
    xfree(rest);
}

static void put_note(struct out *out, int number, const char *note) {
    size_t name = reason_source(note);
    char *text = xstrdup(note + name), *save = NULL;
    out_printf(out, name ? "(%d) **%.*s**" : "(%d)%.*s", number, (int)name, note);
    for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        if (*word != ':' || word[1]) out_printf(out, " ");
        put_word(out, word);
    }
    out_printf(out, "\n");
    xfree(text);
}

void table1_markdown(const struct table1 *t, const struct results *r,
                     const struct names *names, const char *path) {
    struct out *out = out_open(path);
    out_printf(
        out,
        "| Encoder | Data set | n | Pretraining | Dice | published | IoU | published |\n");
    out_printf(out,
               "|:----------|:-------------|---:|:------------|---------------:|---------:"
               "|---------------:|---------:|\n");
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
    if (t->notes.count) out_printf(out, "\n%s\n\n", remedy);
    for (int i = 0; i < t->notes.count; i++) put_note(out, i + 1, t->notes.text[i]);
    differences_markdown(t, r, names, out);
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
    for (int i = 0; i < t->notes.count; i++) {
        char *note = escape_latex(t->notes.text[i]);
        out_printf(out, "\\par\\smallskip\\footnotesize (%d) %s\n", i + 1, note);
        xfree(note);
    }
    out_printf(out, "\\end{table}\n");
    xfree(text);
    xfree(words);
    out_commit(out);
}
