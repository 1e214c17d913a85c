/* differences.c - the table of differences between arms, as Markdown: what gather computed,
 * grouped as Table 1 is. */
#include "core/die.h"
#include "core/table.h"
#include "report/escape.h"
#include "report/table1.h"
#include <math.h>
#include <string.h>

static const char head[] =
    "\n| Encoder | Data set | n | Difference | Dice | interval | published |\n"
    "|:----------|:-------------|---:|:---------------------------|-------:"
    "|:------------------|---------:|\n";
static const char caption[] =
    "\nTable: Two arms on the same validation pictures: the mean of the differences of Dice, "
    "picture by picture. interval: the 95 % interval of that mean by normal approximation, "
    "1.96 standard errors to either side, a sequence's or case's pictures as one "
    "observation; where seeds are several, that of one seed. It speaks of the choice of "
    "pictures alone: not of seeds, not of splits, and it is not corrected for the number of "
    "comparisons. published: difference of the original's printed means.\n";

/* "ImageNet less RadImageNet" of the arms of "main/ENCODER-A-vs-B-DATA/random/dice": caller
 * frees; NULL if the row is no such difference of this encoder and data set. */
static char *arms_of(const struct result *row, const struct line *of,
                     const struct names *names) {
    char *cell = key_part(row->key, 1), *encoder, *arms, *data, *text = NULL;
    if (!row->ok || !cell_parts(cell, &encoder, &arms, &data)) {
        xfree(cell);
        return NULL;
    }
    char *key = xprintf("main/%s/random/dice", cell), *versus = strstr(arms, "-vs-");
    if (versus && strcmp(key, row->key) == 0 && strcmp(encoder, of->encoder) == 0 &&
        strcmp(data, of->data) == 0) {
        *versus = 0;
        text = xprintf("%s less %s", names_get(names, arms),
                       names_get(names, versus + strlen("-vs-")));
    }
    xfree(key);
    xfree(cell);
    xfree(encoder);
    xfree(arms);
    xfree(data);
    return text;
}

/* With a minus sign, not a hyphen; NAN: "none". */
static void put_signed(struct out *out, const char *before, double value) {
    if (isnan(value))
        out_printf(out, "%snone", before);
    else
        out_printf(out, "%s%s%.4f", before, value < 0 ? "−" : "+", fabs(value));
}

static void put_row(struct out *out, const struct result *row, const char *first,
                    const char *arms) {
    char *text = escape_markdown(arms);
    double published = NAN;
    if (row->published) number_parse(row->published, &published);
    out_printf(out, "| %s | %ld | %s", first, row->n, text);
    put_signed(out, " | ", row->value);
    put_signed(out, " | ", row->lo);
    if (!isnan(row->hi)) put_signed(out, " to ", row->hi);
    put_signed(out, " | ", published);
    out_printf(out, " |\n");
    xfree(text);
}

void differences_markdown(const struct table1 *t, const struct results *r,
                          const struct names *names, struct out *out) {
    const char *encoder = "";
    int rows = 0;
    for (int i = 0; i < t->lines; i++) {
        const struct line *l = &t->line[i];
        if (i && l->rank[0] == l[-1].rank[0] && l->rank[1] == l[-1].rank[1]) continue;
        for (int k = 0, of_group = 0; k < r->count; k++) {
            char *arms = arms_of(&r->row[k], l, names);
            if (!arms) continue;
            bool again = strcmp(encoder, l->encoder) == 0;
            char *e = escape_markdown(again ? "" : names_get(names, l->encoder)),
                 *d = escape_markdown(of_group++ ? "" : names_get(names, l->data)),
                 *first = xprintf("%s | %s", e, d);
            if (!rows++) out_printf(out, "%s", head);
            put_row(out, &r->row[k], first, arms);
            encoder = l->encoder;
            xfree(arms);
            xfree(e);
            xfree(d);
            xfree(first);
        }
    }
    if (rows) out_printf(out, "%s", caption);
}
