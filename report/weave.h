/* weave.h - paper.md and results.tsv to the woven paper: placeholders resolved, claims
 * judged, typed numbers refused. No arithmetic: if the text needs a difference, gather
 * makes a row.
 *
 *   {{CELL METRIC}}            the number; CELL is short for main/CELL/random, or is
 *                              VARIANT/CELL/SPLIT; of a cell not run: the reason
 *   {{published CELL METRIC}}  the original's number, or what follows from its numbers
 *   {{include FILE}}           the file, alone on its line; ![caption](FILE) must exist too
 *   {{code FILE FRAGMENT}}     a source's lines between the marks [FRAGMENT and FRAGMENT],
 *                              alone on its line; with file and line numbers
 *   {{claim X OP Y}}           nothing if true. X and Y are NAME (a row of main/all/random),
 *                              CELL METRIC or (Y) a number; OP is = != < <= > >=. Of a
 *                              cell not run: "not evaluable"
 *   {{if X OP Y}}              at a line's beginning: the line is left out unless this is
 *                              true; of a cell not run nothing is. A line left out must be
 *                              free of faults all the same
 *
 * A mark is a line that holds nothing but a comment that holds nothing but [NAME or NAME].
 * Placeholders and numbers in code (fences, `spans`) are left alone. Decimals elsewhere are
 * typed numbers, refused; whole numbers, names such as v1.5 and the targets of links are
 * not.
 *
 * What comes from results.tsv is foreign text and is escaped; included files are our own
 * tools' output and are taken as they are. */
#ifndef REPORT_WEAVE_H
#define REPORT_WEAVE_H
#include "report/results.h"
#include <stdarg.h>

struct weave_options {
    const char *root;    /* folder of {{code}}: the sources */
    const char *include; /* folder of {{include}} and of figures: the results' */
    const char *notice;  /* text that becomes the paper's first line; NULL: none */
    bool draft;          /* false claims are marked, not fatal */
    bool strict;         /* numbers and claims of cells not run are fatal */
};
enum { WEAVE_LIMIT = 4 << 20 }; /* bytes of a paper, an include or a source */

/* The woven text, or NULL when something failed: then *failures holds a line "PATH:LINE:
 * what" for each failure, else NULL. Caller frees both. `text` has n bytes; `path` only
 * names it. */
char *weave(const char *text, size_t n, const char *path, const struct results *results,
            const struct weave_options *options, char **failures);

/* ---- what weave's own files share ---- */
struct weaver {
    const struct weave_options *options;
    const struct results *results;
    const char *path;
    int line, failed;
    bool left_out;  /* the present line, by its {{if}} */
    char *failures; /* the first ones' lines */
    bool fenced;
    char fence; /* the open fence's sign and length */
    int fence_length;
    char *out;
    size_t size, room;
};
void weave_put(struct weaver *w, const char *text, size_t n);
void weave_puts(struct weaver *w, const char *text);
void weave_fail(struct weaver *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* place.c: the placeholder between {{ and }}; `first`: nothing stands before it on its
 * line, `alone`: nor after it. True if it was an {{if}}. */
bool weave_place(struct weaver *w, const char *inner, size_t n, bool first, bool alone);
/* A plain name below a folder: no "..", no leading "/", no control byte. */
bool weave_inside(const char *name);
/* fragment.c: the fragment as a fenced block. */
void weave_code(struct weaver *w, const char *file, const char *fragment);
/* prose.c: the length of a typed decimal that begins at text[i], 0 if none does. */
size_t prose_decimal(const char *text, size_t i, size_t n);
#endif
