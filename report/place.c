/* place.c - resolves one placeholder: a number, a published number, an include, a fragment,
 * a claim. */
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include "report/escape.h"
#include "report/reason.h"
#include "report/weave.h"
#include <stdio.h>
#include <string.h>

enum { WORDS = 16 };
struct words {
    int count;
    char *word[WORDS];
    char *text;
};

static void split_words(struct words *w, const char *s, size_t n) {
    *w = (struct words){.text = xprintf("%.*s", (int)n, s)};
    char *save = NULL;
    for (char *t = strtok_r(w->text, " \t", &save); t && w->count < WORDS;
         t = strtok_r(NULL, " \t", &save))
        w->word[w->count++] = t;
}

/* The row's key: caller frees. `published` puts it among the published ones. */
static char *key_of(const char *cell, const char *metric, bool published) {
    if (published) return xprintf("published/%s/random/%s", cell, metric);
    if (strchr(cell, '/')) return xprintf("%s/%s", cell, metric);
    return xprintf("main/%s/random/%s", cell, metric);
}

static const struct result *row_of(struct weaver *w, const char *cell, const char *metric,
                                   bool published) {
    char *key = key_of(cell, metric, published);
    const struct result *row = results_find(w->results, key);
    if (!row) weave_fail(w, "no row '%s' in the results", quoted(key));
    xfree(key);
    return row;
}

static void not_run(struct weaver *w, const char *before, const struct result *row) {
    char *why = reason_short(row->reason), *reason = escape_markdown(why);
    if (w->options->strict && !w->left_out)
        weave_fail(w, "%s is not run: %s", quoted(row->key), quoted(row->reason));
    weave_puts(w, before);
    weave_puts(w, reason);
    weave_puts(w, ")");
    xfree(reason);
    xfree(why);
}

static void put_number(struct weaver *w, const struct result *row) {
    if (!row) return;
    if (!row->ok) {
        not_run(w, "(not run: ", row);
        return;
    }
    char text[64];
    result_text(row, text, sizeof text);
    if (text[0] == '-') weave_puts(w, "−"); /* a minus sign, not a hyphen */
    weave_puts(w, text + (text[0] == '-'));
}

static void put_include(struct weaver *w, const char *name) {
    char *path = file_join(w->options->include, name);
    if (!weave_inside(name))
        weave_fail(w, "include '%s': wanted a name inside %s", quoted(name),
                   w->options->include);
    else if (!file_exists(path))
        weave_fail(w, "include %s: no such file in %s", quoted(name), w->options->include);
    else {
        size_t n;
        char *text = file_read(path, WEAVE_LIMIT, &n);
        while (n && text[n - 1] == '\n') n--;
        weave_put(w, text, n);
        xfree(text);
    }
    xfree(path);
}

/* One side of a claim: a number, NAME or CELL METRIC. */
struct side {
    bool found;
    const struct result *row;
    double value;
};

static struct side side_of(struct weaver *w, char *const *word, int n) {
    struct side side = {0};
    if (n == 1 && number_parse(word[0], &side.value)) {
        side.found = true;
        return side;
    }
    side.row =
        n == 1 ? row_of(w, "all", word[0], false) : row_of(w, word[0], word[1], false);
    side.found = side.row != NULL;
    if (side.found && side.row->ok) side.value = side.row->value;
    return side;
}

static void side_text(const struct side *side, char *out, size_t size) {
    if (side->row)
        result_text(side->row, out, size);
    else
        snprintf(out, size, "%s", number_text(side->value));
}

static bool holds(double x, const char *op, double y) {
    if (strcmp(op, "=") == 0) return x == y;
    if (strcmp(op, "!=") == 0) return x != y;
    if (strcmp(op, "<") == 0) return x < y;
    if (strcmp(op, "<=") == 0) return x <= y;
    return strcmp(op, ">") == 0 ? x > y : x >= y;
}

static bool is_operator(const char *word) {
    static const char *const all[] = {"=", "!=", "<", "<=", ">", ">="};
    for (int i = 0; i < 6; i++)
        if (strcmp(word, all[i]) == 0) return true;
    return false;
}

static void judge(struct weaver *w, const struct words *words, int at) {
    struct side x = side_of(w, words->word + 1, at - 1),
                y = side_of(w, words->word + at + 1, words->count - at - 1);
    if (!x.found || !y.found) return;
    const struct result *missing = x.row && !x.row->ok   ? x.row
                                   : y.row && !y.row->ok ? y.row
                                                         : NULL;
    bool condition = strcmp(words->word[0], "if") == 0;
    bool holding = !missing && holds(x.value, words->word[at], y.value);
    if (condition) w->left_out = !holding;
    if (holding || condition || w->left_out) return;
    if (missing) {
        not_run(w, "(claim not evaluable: ", missing);
        return;
    }
    char left[64], right[64];
    side_text(&x, left, sizeof left);
    side_text(&y, right, sizeof right);
    char *text = xprintf("claim false: %s%s%s is %s, claimed %s %s", words->word[1],
                         at > 2 ? " " : "", at > 2 ? words->word[2] : "", left,
                         words->word[at], right);
    if (!w->options->draft) {
        weave_fail(
            w, "%s; correct it, or set the paper with the claim marked: make all DRAFT=1",
            quoted(text));
    } else {
        char *escaped = escape_markdown(text);
        weave_puts(w, "[**");
        weave_puts(w, escaped);
        weave_puts(w, "**]{.false}");
        xfree(escaped);
    }
    xfree(text);
}

/* {{claim X OP Y}} and {{if X OP Y}}. */
static void compare(struct weaver *w, const struct words *words) {
    int at = 1;
    while (at < words->count && !is_operator(words->word[at])) at++;
    int left = at - 1, right = words->count - at - 1;
    if (left < 1 || left > 2 || right < 1 || right > 2)
        weave_fail(w, "%s: wanted {{%s X OP Y}}, OP one of = != < <= > >=, X and Y a row",
                   words->word[0], words->word[0]);
    else
        judge(w, words, at);
}

/* "plain decoder": a fragment's name may be of several words. Caller frees. */
static char *rest(const struct words *words, int from) {
    char *text = xstrdup("");
    for (int i = from; i < words->count; i++) {
        char *longer = xprintf("%s%s%s", text, i > from ? " " : "", words->word[i]);
        xfree(text);
        text = longer;
    }
    return text;
}

static void place_block(struct weaver *w, const struct words *words, bool alone) {
    bool code = strcmp(words->word[0], "code") == 0;
    if (!alone)
        weave_fail(w, "%s: wanted alone on its line", words->word[0]);
    else if (code && words->count > 2) {
        char *fragment = rest(words, 2);
        weave_code(w, words->word[1], fragment);
        xfree(fragment);
    } else if (!code && words->count == 2)
        put_include(w, words->word[1]);
    else
        weave_fail(w, "wanted {{include FILE}} or {{code FILE FRAGMENT}}");
}

bool weave_place(struct weaver *w, const char *inner, size_t n, bool first, bool alone) {
    struct words words;
    split_words(&words, inner, n);
    const char *kind = words.count ? words.word[0] : "";
    bool condition = strcmp(kind, "if") == 0;
    if (condition && !first)
        weave_fail(w, "if: wanted at the beginning of its line");
    else if (strcmp(kind, "include") == 0 || strcmp(kind, "code") == 0)
        place_block(w, &words, alone);
    else if (condition || strcmp(kind, "claim") == 0)
        compare(w, &words);
    else if (strcmp(kind, "published") == 0 && words.count == 3)
        put_number(w, row_of(w, words.word[1], words.word[2], true));
    else if (words.count == 2)
        put_number(w, row_of(w, words.word[0], words.word[1], false));
    else
        weave_fail(w,
                   "'{{%s}}': wanted {{CELL METRIC}}, {{published CELL METRIC}}, {{include "
                   "FILE}}, "
                   "{{code FILE FRAGMENT}}, {{claim X OP Y}} or {{if X OP Y}}",
                   quoted_bytes(inner, n));
    xfree(words.text);
    return condition;
}
