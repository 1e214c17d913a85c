/* hostile.h - hostile inputs, each a row: a program that makes one file, the tool it is
 * given to, the exit status and the words that are wanted.
 *
 * Sizes, offsets, names and values are drawn by seed. A row of exit status 0 also makes a
 * `twin`, a harmless file with the same meaning: both must come out as the same tensors. Of
 * text the output must hold the row's words, and not the twin's. Rows stand in *_rows.c, by
 * format. */
#ifndef TESTS_HOSTILE_HOSTILE_H
#define TESTS_HOSTILE_HOSTILE_H
#include "tests/phantom_box.h"
#include <stdbool.h>

/* What a row's bytes are, and so which tool reads them and what is put round them. */
enum kind {
    ARCHIVE,     /* pack: a set's raw file */
    PICTURE,     /* pack: one picture of a good archive */
    MASK,        /* pack: one mask of it */
    PTH,         /* weights: a checkpoint */
    PICKLE,      /* weights: the pickle inside one */
    SAFETENSORS, /* weights */
    NPZ,         /* weights */
    H5,          /* h5 */
    SOURCE,      /* fetch: the .src file */
    RESULTS,     /* table: results.tsv, to LaTeX */
    RESULTS_MD,  /* table: results.tsv, to Markdown */
    PAPER,       /* weave: paper.md */
    KINDS
};

struct stage {
    uint64_t seed, row, draws;
    struct bytes hostile, twin;
    const char *source;     /* further lines of the .src; NULL: none */
    const char *passphrase; /* text of p.txt, which the .src then names; NULL: no file */
    int width, height;      /* of the picture's neighbours; 0: 16x12 */
    char fragment[200]; /* drawn words of the message; empty: the row's own are wanted */
};

struct row {
    int number;           /* in the list of threats, README.md here; 0: beside it */
    const char *sentence; /* what the file is */
    enum kind kind;
    int code;             /* wanted exit status */
    const char *fragment; /* words of the message */
    void (*make)(struct stage *s, const char *arg);
    const char *arg;
};

struct rows {
    const char *name;
    const struct row *row;
    int count;
};
/* One for each format. */
extern const struct rows harmless_rows, archive_rows, zip_rows, picture_rows, weights_rows,
    pickle_rows, global_rows, safetensors_rows, npz_rows, h5_rows, text_rows;

/* Whole numbers from 0 to n - 1; the same for the same seed, row and turn. */
uint32_t draw(struct stage *s, uint32_t n);
/* From `from` to `to`, both included. */
int draw_between(struct stage *s, int from, int to);
/* A word of 3 to 8 small letters: one of eight static buffers in turn. */
const char *draw_word(struct stage *s);
/* The pattern with a drawn word for each %. Caller frees. */
char *draw_text(struct stage *s, const char *pattern);
void draw_bytes(struct stage *s, struct bytes *b, size_t n);

void put(struct bytes *b, const char *text);
void put_nothing(struct stage *s, const char *arg); /* makes an empty file */
/* A safetensors file of F32 and F64 tensors, in this order. */
void safetensors_save(struct bytes *b, const struct tensor *tensor, int count);

/* A grey PNG, black above row `row` and white from there on. Caller frees. */
uint8_t *good_png(int width, int height, int row, size_t *n);

/* A row's files in the current folder, and the command that reads them; see stage.c. */
void stage_write(struct stage *s, const struct row *row, bool twin);
const char *stage_tool(enum kind kind);
const char *stage_arguments(enum kind kind, bool twin);
const char *stage_out(enum kind kind, bool twin);

struct judge {
    const char *bin;  /* folder of the tools */
    bool sanitized;   /* they are compiled with the address sanitizer */
    double slowest;   /* seconds, so far */
    char reason[600]; /* why a row failed */
};
/* Runs the row in the current (empty) folder. False: `reason` says why. */
bool judge_row(struct judge *j, const struct row *row, struct stage *s);
#endif
