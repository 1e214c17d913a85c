/* fuzz_table.c - libFuzzer target: any bytes as a table and as `key value` lines are
 * refused with a message or read; what is read has no byte the formats forbid. */
#include "core/die.h"
#include "core/table.h"
#include "tests/fuzz/place.h"
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const char *text;
    size_t n;
};

static void check_cell(const char *cell) {
    double number;
    long whole;
    if (strpbrk(cell, "\t\n\r\x1b\x7f")) abort();
    if (integer_parse(cell, &whole) && !number_parse(cell, &number)) abort();
    if (number_parse(cell, &number)) {
        double back;
        if (!number_parse(number_text(number), &back) || back != number) abort();
    }
}

static void reads_table(void *arg) {
    const struct input *in = arg;
    struct table t;
    table_parse(&t, in->text, in->n, "fuzz.tsv");
    for (int row = 0; row < t.rows; row++)
        for (int column = 0; column < t.cols; column++)
            check_cell(table_get(&t, row, column));
    for (int column = 0; column < t.cols; column++)
        if (table_column(&t, t.head[column]) != column) abort();
    table_free(&t);
}

static void reads_pairs(void *arg) {
    static const char *const once[] = {"name", "size", "key", NULL}, *const many[] = {"url",
                                                                                      NULL};
    const struct input *in = arg;
    struct pairs p;
    pairs_parse(&p, in->text, in->n, "fuzz.conf");
    for (int i = 0; i < p.count; i++) {
        if (!*p.pair[i].key || strpbrk(p.pair[i].key, " \t\n")) abort();
        if (strpbrk(p.pair[i].value, "\n\r\x1b") || !pairs_get(&p, p.pair[i].key)) abort();
    }
    if (in->n % 2) pairs_check(&p, once, many);
    if (in->n % 3 == 0 && !pairs_need(&p, "key")) abort();
    pairs_free(&p);
}

/* Cells asked for as numbers: they are, or it dies. */
static void reads_numbers(void *arg) {
    const struct input *in = arg;
    struct table t;
    table_parse(&t, in->text, in->n, "fuzz.tsv");
    int column = table_need(&t, "value");
    for (int row = 0; row < t.rows; row++)
        if (in->n % 2)
            table_integer(&t, row, column);
        else if (!isfinite(table_number(&t, row, column)))
            abort();
    table_free(&t);
}

static void reads_files(void *arg) {
    const struct input *in = arg;
    struct table t;
    struct pairs p;
    if (in->n % 2) {
        table_read(&t, place("raw"));
        table_free(&t);
    } else {
        pairs_read(&p, place("raw"));
        pairs_free(&p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input in = {(const char *)data, size};
    void (*const readers[])(void *) = {reads_table, reads_pairs, reads_numbers,
                                       reads_files};
    if (size % 64 < 2) place_put("raw", data, size);
    for (int i = 0; i < (size % 64 < 2 ? 4 : 3); i++) { /* a file now and then */
        char message[2048] = "";
        int code = die_catch(readers[i], &in, message, sizeof message);
        if (code && (code != EXIT_NO || !*message)) abort();
    }
    return 0;
}
