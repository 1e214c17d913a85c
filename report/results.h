/* results.h - results.tsv: every number the paper may print, a row each.
 *
 * Columns: key status value n sd_seed lo hi method p p_holm min_p published reason sources.
 *   key       variant/cell/split/metric, as main/resnet50-imagenet-cvc/random/dice
 *   status    ok | not-run
 *   value     the number; n: pictures it rests on (a seed's, the fewest where seeds differ)
 *   sd_seed   standard deviation over seeds (two or more)
 *   lo hi     ends of an interval, for rows that have one; method: what kind it is of
 *   p..min_p  of a test, for rows that have one
 *   published the original paper's number, as printed there
 *   reason    of a row not run: why, and what to do about it (reason.h)
 *   sources   the files it comes from, each path@first eight digits of its sha256
 * A cell of the file that holds nothing is spelled "na"; no other spelling is accepted.
 *
 * Besides a row for each cell of the experiment there are rows under these names:
 *   ENCODER-A-vs-B-DATA       difference of arm A and arm B
 *   all                       what is said of the experiment as a whole
 *   DATA                      what is said of a data set
 *   variant "published"       the original's numbers (method "printed": as many digits as
 * there) and what follows from them by arithmetic */
#ifndef REPORT_RESULTS_H
#define REPORT_RESULTS_H
#include <stdbool.h>
#include <stddef.h>

#define RESULTS_NA "na"

struct result {
    char *key;
    bool ok;
    double value;                                /* NAN where not run */
    long n;                                      /* -1: na */
    double sd_seed, lo, hi;                      /* NAN: na */
    char *method, *published, *reason, *sources; /* NULL: na */
    char *text; /* value as the file spells it; made by results_read */
};

struct results {
    int count, room;
    struct result *row;
};
/* Adds an empty row, status ok; takes `key` (xprintf's or xstrdup's). Borrowed until the
 * next add. */
struct result *results_add(struct results *r, char *key);
const struct result *results_find(const struct results *r,
                                  const char *key); /* NULL if absent */
/* die_no naming the line: unknown status, a key twice or not of four parts, ok without a
 * number. */
void results_read(struct results *r, const char *path);
void results_write(const struct results *r, const char *path);
void results_free(struct results *r);

/* Part i (0 variant, 1 cell, 2 split, 3 metric) of a key: caller frees. NULL if there are
 * not four. */
char *key_part(const char *key, int i);
/* encoder, arm and data of a cell's name "a-b-c", also of "a-b-vs-c-d" (arm "b-vs-c"): the
 * first word, the last, all between. False if there are fewer than three. Caller frees the
 * three. */
bool cell_parts(const char *cell, char **encoder, char **arm, char **data);

/* The number as the paper prints it: measures with four decimals, differences with their
 * sign, counts whole with a comma every three digits, printed numbers as printed. In `out`.
 */
void result_text(const struct result *row, char *out, size_t size);
#endif
