/* recipe.c - reads a recipe, its preset and overrides into one struct, and back into text.
 *
 * It refuses to know any default: a key that no line sets is an error, as is a key it has
 * never heard of, a key set twice in one file, and a value outside its words or bounds. */
#include "recipe.h"
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum kind { KIND_WORD, KIND_INT, KIND_REAL, KIND_RATES, KIND_BETAS };
struct row {
    const char *key;
    enum kind kind;
    size_t offset;
    const char *words; /* KIND_WORD: allowed values in the order of their numbers */
    double low, high;
};
static const struct row ROWS[] = {
#define W(field, name, text) {name, KIND_WORD, offsetof(struct recipe, field), text, 0, 0},
#define I(field, name, least, most)                                                        \
    {name, KIND_INT, offsetof(struct recipe, field), NULL, least, most},
#define R(field, name, least, most)                                                        \
    {name, KIND_REAL, offsetof(struct recipe, field), NULL, least, most},
    RECIPE_WORDS(W) RECIPE_INTS(I) RECIPE_REALS(R)
#undef W
#undef I
#undef R
        {"decoder.rates", KIND_RATES, offsetof(struct recipe, rates), NULL, 1, 1000},
    {"betas", KIND_BETAS, offsetof(struct recipe, betas), NULL, 0, 1},
};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS, WORD_SIZE = 64, TEXT_LIMIT = 1 << 20 };

/* Where a line stands, and with which exit code it is refused. */
struct place {
    const char *where;
    int usage;
};

static _Noreturn void refuse(const struct place *place, const char *what) {
    if (place->usage) die_usage("%s: %s", place->where, what);
    die_no("%s: %s", place->where, what);
}

/* Levenshtein distance, texts cut at 63 characters. */
static int distance(const char *a, const char *b) {
    int row[WORD_SIZE], n = (int)strnlen(b, WORD_SIZE - 1),
                        m = (int)strnlen(a, WORD_SIZE - 1);
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 1; i <= m; i++) {
        int corner = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            int best = corner + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

static const struct row *row_find(const char *key) {
    for (int i = 0; i < ROW_COUNT; i++)
        if (!strcmp(ROWS[i].key, key)) return &ROWS[i];
    return NULL;
}

/* The part of a key after its dot counts as well as the whole: "rates" means
 * "decoder.rates". */
static const char *nearest_key(const char *key) {
    const char *best = NULL;
    int least = 4;
    for (int i = 0; i < ROW_COUNT; i++) {
        const char *dot = strchr(ROWS[i].key, '.');
        int d = distance(key, ROWS[i].key), tail = dot ? distance(key, dot + 1) : d;
        if (tail < d) d = tail;
        if (d < least) least = d, best = ROWS[i].key;
    }
    return best;
}

static _Noreturn void unknown_key(const struct place *place, const char *key) {
    const char *near = nearest_key(key);
    char *what =
        xprintf("unknown key '%s'%s%s%s; train/paper.conf lists every key", quoted(key),
                near ? ", did you mean '" : "", near ? near : "", near ? "'" : "");
    refuse(place, what);
}

static _Noreturn void bad_value(const struct place *place, const char *key,
                                const char *value, const char *wanted) {
    refuse(place, xprintf("%s is '%s', wanted %s", key, quoted(value), wanted));
}

/* The k-th blank-separated word of `words`; 0 if there are fewer. */
static int word_at(const char *words, int k, char out[WORD_SIZE]) {
    for (;; k--) {
        size_t n = strcspn(words, " ");
        if (!n) return 0;
        if (k == 0) {
            snprintf(out, WORD_SIZE, "%.*s", (int)n, words);
            return 1;
        }
        words += n;
        words += strspn(words, " ");
    }
}

static int word_number(const char *words, const char *value) {
    char word[WORD_SIZE];
    for (int k = 0; word_at(words, k, word); k++)
        if (!strcmp(word, value)) return k;
    return -1;
}

static int set_word(const struct place *place, const struct row *row, const char *value) {
    int k = word_number(row->words, value), least = 3;
    if (k >= 0) return k;
    char word[WORD_SIZE], near[WORD_SIZE] = "";
    for (k = 0; word_at(row->words, k, word); k++) {
        int d = distance(value, word);
        if (d < least) least = d, strcpy(near, word);
    }
    char *hint = *near ? xprintf(" (did you mean '%s'?)", near) : xstrdup("");
    bad_value(place, row->key, value, xprintf("one of: %s%s", row->words, hint));
}

static int set_int(const struct place *place, const struct row *row, const char *value) {
    long x;
    int stride = !strcmp(row->key, "encoder.output_stride");
    if (!integer_parse(value, &x) || x < row->low || x > row->high ||
        (stride && x != 8 && x != 16 && x != 32)) {
        if (stride) bad_value(place, row->key, value, "8, 16 or 32");
        bad_value(
            place, row->key, value,
            xprintf("a whole number from %ld to %ld", (long)row->low, (long)row->high));
    }
    return (int)x;
}

static double set_real(const struct place *place, const struct row *row,
                       const char *value) {
    double x;
    int rate = !strcmp(row->key, "lr_encoder");
    if (rate && !strcmp(value, "same")) return -1;
    if (!number_parse(value, &x) || x < (rate ? 0 : row->low) || x > row->high)
        bad_value(place, row->key, value,
                  xprintf("%sa number from %g to %g", rate ? "'same' or " : "",
                          rate ? 0 : row->low, row->high));
    return x;
}

/* decoder.rates and betas: several numbers with blanks between. */
static void set_list(const struct place *place, const struct row *row, const char *value,
                     void *field) {
    char word[WORD_SIZE];
    int rates = row->kind == KIND_RATES, n = rates ? 3 : 2, k;
    const char *wanted = rates ? "three whole numbers from 1 to 1000, as '6 12 18'"
                               : "two numbers from 0 to below 1, as '0.9 0.999'";
    for (k = 0; word_at(value, k, word); k++) {
        long whole;
        double real;
        if (k >= n) break;
        if (rates) {
            if (!integer_parse(word, &whole) || whole < row->low || whole > row->high)
                break;
            ((int *)field)[k] = (int)whole;
        } else {
            if (!number_parse(word, &real) || real < 0 || real >= 1) break;
            ((double *)field)[k] = real;
        }
    }
    if (k != n || word_at(value, n, word)) bad_value(place, row->key, value, wanted);
}

static void set_row(struct recipe *recipe, const struct row *row, const char *value,
                    const struct place *place) {
    void *field = (char *)recipe + row->offset;
    if (row->kind == KIND_WORD)
        *(int *)field = set_word(place, row, value);
    else if (row->kind == KIND_INT)
        *(int *)field = set_int(place, row, value);
    else if (row->kind == KIND_REAL)
        *(double *)field = set_real(place, row, value);
    else
        set_list(place, row, value, field);
}

int recipe_set(struct recipe *recipe, const char *key, const char *value,
               const char *where) {
    const struct row *row = row_find(key);
    struct place place = {where, 0};
    if (row) set_row(recipe, row, value, &place);
    return row != NULL;
}

static void set_preset(struct recipe *recipe, const char *name, const struct place *place) {
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (!n || name[n] || n >= sizeof recipe->preset)
        bad_value(place, "preset", name,
                  "a word of a-z, 0-9 and _, as plain, smp or chen2018");
    strcpy(recipe->preset, name);
}

/* Applies the lines of one text from `first` on; a key may stand there once. */
static void set_lines(struct recipe *recipe, const struct pairs *pairs, int first,
                      char *set) {
    int line[ROW_COUNT] = {0};
    for (int i = first; i < pairs->count; i++) {
        const struct pair *pair = &pairs->pair[i];
        char *where = xprintf("%s:%d", pairs->path, pair->line);
        struct place place = {where, 0};
        if (!strcmp(pair->key, "preset"))
            refuse(&place, "preset must be a recipe's first line, once");
        const struct row *row = row_find(pair->key);
        if (!row) unknown_key(&place, pair->key);
        int k = (int)(row - ROWS);
        if (line[k])
            refuse(&place, xprintf("%s is set twice, first in line %d; keep one", row->key,
                                   line[k]));
        line[k] = pair->line;
        set_row(recipe, row, pair->value, &place);
        set[k] = 1;
        xfree(where);
    }
}

static void need_preset_line(const struct pairs *pairs) {
    if (!pairs->count || strcmp(pairs->pair[0].key, "preset"))
        die_no("%s:%d: found '%s', wanted a first line 'preset NAME', as 'preset plain'",
               pairs->path, pairs->count ? pairs->pair[0].line : 1,
               quoted(pairs->count ? pairs->pair[0].key : "nothing"));
}

static void need_all(const char *path, const char *set) {
    char *list = xstrdup("");
    int missing = 0;
    for (int i = 0; i < ROW_COUNT; i++) {
        if (set[i]) continue;
        char *longer = xprintf("%s%s%s", list, missing++ ? ", " : "", ROWS[i].key);
        xfree(list);
        list = longer;
    }
    if (missing)
        die_no("%s: %d %s missing: %s; every key is required, train/paper.conf shows each "
               "with its "
               "reason",
               path, missing, missing == 1 ? "key is" : "keys are", list);
    xfree(list);
}

static void read_preset(struct recipe *recipe, const char *path, const struct place *place,
                        char *set) {
    const char *base = file_base(path);
    char *beside = xprintf("%.*s%s.conf", (int)(base - path), path, recipe->preset);
    if (!file_exists(beside))
        refuse(
            place,
            xprintf(
                "preset '%s' needs the file %s, which is not there; presets are plain, smp "
                "and chen2018",
                recipe->preset, beside));
    struct pairs pairs;
    pairs_read(&pairs, beside);
    set_lines(recipe, &pairs, 0, set);
    pairs_free(&pairs);
    xfree(beside);
}

/* "key=value" split into its halves; caller frees. */
static char *override_key(const char *text, const char **value) {
    const char *sign = strchr(text, '=');
    if (!sign || sign == text)
        die_usage("--set: found '%s', wanted key=value, as lr=0.001", quoted(text));
    *value = sign + 1;
    char *key = xprintf("%.*s", (int)(sign - text), text);
    return key;
}

int recipe_part(const struct recipe *recipe) {
    return recipe->batch / recipe->accumulate;
}

/* What no key can say alone. */
static void check_parts(const struct recipe *recipe, const struct place *place) {
    if (recipe->batch % recipe->accumulate)
        refuse(place, xprintf("accumulate is %d, wanted a divisor of batch, which is %d",
                              recipe->accumulate, recipe->batch));
}

void recipe_read(struct recipe *recipe, const char *path, char *const *overrides, int n) {
    struct pairs pairs;
    char set[ROW_COUNT] = {0};
    memset(recipe, 0, sizeof *recipe);
    pairs_read(&pairs, path);
    need_preset_line(&pairs);
    char *where = xprintf("%s:%d", pairs.path, pairs.pair[0].line);
    struct place place = {where, 0}, by_hand = {"--set", 1}, *source = &place;
    set_preset(recipe, pairs.pair[0].value, &place);
    for (int i = 0; i < n; i++) {
        const char *value;
        char *key = override_key(overrides[i], &value);
        if (!strcmp(key, "preset")) set_preset(recipe, value, source = &by_hand);
        xfree(key);
    }
    read_preset(recipe, path, source, set);
    set_lines(recipe, &pairs, 1, set);
    need_all(path, set);
    check_parts(recipe, &(struct place){path, 0});
    for (int i = 0; i < n; i++) {
        const char *value;
        char *key = override_key(overrides[i], &value);
        const struct row *row = row_find(key);
        if (!row && strcmp(key, "preset")) unknown_key(&by_hand, key);
        if (row) set_row(recipe, row, value, &by_hand);
        xfree(key);
    }
    check_parts(recipe, &by_hand);
    xfree(where);
    pairs_free(&pairs);
}

void recipe_parse(struct recipe *recipe, const char *text, const char *what) {
    struct pairs pairs;
    char set[ROW_COUNT] = {0};
    memset(recipe, 0, sizeof *recipe);
    pairs_parse(&pairs, text, strnlen(text, TEXT_LIMIT), what);
    need_preset_line(&pairs);
    struct place place = {what, 0};
    set_preset(recipe, pairs.pair[0].value, &place);
    set_lines(recipe, &pairs, 1, set);
    need_all(what, set);
    check_parts(recipe, &place);
    pairs_free(&pairs);
}

static char *row_text(const struct recipe *recipe, const struct row *row) {
    const void *field = (const char *)recipe + row->offset;
    const int *whole = field;
    const double *real = field;
    char word[WORD_SIZE];
    switch (row->kind) {
    case KIND_WORD:
        word_at(row->words, *whole, word);
        return xprintf("%s %s\n", row->key, word);
    case KIND_INT:
        return xprintf("%s %d\n", row->key, *whole);
    case KIND_RATES:
        return xprintf("%s %d %d %d\n", row->key, whole[0], whole[1], whole[2]);
    case KIND_BETAS:
        return xprintf("%s %s %s\n", row->key, number_text(real[0]), number_text(real[1]));
    default:
        break;
    }
    int same = !strcmp(row->key, "lr_encoder") && *real < 0;
    return xprintf("%s %s\n", row->key, same ? "same" : number_text(*real));
}

char *recipe_text(const struct recipe *recipe) {
    char *text = xprintf("preset %s\n", recipe->preset);
    for (int i = 0; i < ROW_COUNT; i++) {
        char *line = row_text(recipe, &ROWS[i]), *longer = xprintf("%s%s", text, line);
        xfree(line);
        xfree(text);
        text = longer;
    }
    return text;
}

const char *const *recipe_keys(void) {
    static const char *const keys[] = {
#define W(field, name, text) name,
#define I(field, name, least, most) name,
        RECIPE_WORDS(W) RECIPE_INTS(I) RECIPE_REALS(I) "decoder.rates",
        "betas",
        NULL,
#undef W
#undef I
    };
    return keys;
}

const char *recipe_words(const char *key) {
    const struct row *row = row_find(key);
    return row ? row->words : NULL;
}
