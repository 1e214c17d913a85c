/* little.c - makes the little data set. No randomness but core/rng.h's, no file but those
 * named. */
#include "tests/little.h"
#include "core/die.h"
#include "core/rng.h"
#include "core/table.h"
#include <string.h>

enum { NOISE = 90, TINT = 150 };

static void draw(int i, int side, uint8_t *image, uint8_t *mask) {
    uint32_t bits[4];
    rng_block(7, STREAM_SPLIT, 9, (uint64_t)i, bits);
    int span = side / 2, y0 = side / 4 + (int)(bits[0] % (uint32_t)span),
        x0 = side / 4 + (int)(bits[1] % (uint32_t)span),
        r = side / 6 + (int)(bits[2] % (uint32_t)(side / 8));
    memset(mask, 0, (size_t)(side * side / 8));
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int at = y * side + x, in = (y - y0) * (y - y0) + (x - x0) * (x - x0) <= r * r;
            uint32_t word = rng_u32(8, STREAM_SPLIT, (uint32_t)i, (uint64_t)at);
            for (int c = 0; c < 3; c++)
                image[3 * at + c] = (uint8_t)((word >> 8 * c & 255) % NOISE +
                                              (uint32_t)(in ? TINT - 30 * c : 10 * c));
            if (in) mask[at / 8] |= (uint8_t)(1 << at % 8);
        }
}

/* Runs of equal bits, background first: pack.h's orig_rle. */
static int run_lengths(const uint8_t *mask, int pixels, uint32_t *out) {
    int runs = 0, value = 0;
    out[0] = 0;
    for (int j = 0; j < pixels; j++) {
        int bit = mask[j / 8] >> (j % 8) & 1;
        if (bit != value) out[++runs] = 0;
        value = bit;
        out[runs]++;
    }
    return runs + 1;
}

static void add_lines(struct bag_writer *w, const char *tensor, const char *format, int n) {
    int length = 0;
    bag_begin(w, tensor, T_U8);
    for (int i = 0; i < n; i++) {
        char *line = xprintf(format, i);
        bag_write(w, line, strlen(line));
        length += (int)strlen(line);
        xfree(line);
    }
    bag_end(w, 1, (int[]){length});
}

/* Picture i is drawn as picture i % kinds; from `turned` on masks are all but the disc. */
static void make_pack(const char *path, int n, int side, int kinds, int turned) {
    int pixels = side * side, runs = 0;
    uint8_t *image = xcalloc((size_t)n, (size_t)(3 * pixels)),
            *mask = xcalloc((size_t)n, (size_t)(pixels / 8));
    uint32_t *rle = xcalloc((size_t)n, sizeof *rle * (size_t)(pixels + 1));
    uint64_t *index = xcalloc((size_t)n + 1, sizeof *index);
    int32_t *size = xcalloc((size_t)n, 2 * sizeof *size);
    for (int i = 0; i < n; i++) {
        uint8_t *bits = mask + (size_t)i * (size_t)(pixels / 8);
        draw(i % kinds, side, image + (size_t)i * (size_t)(3 * pixels), bits);
        for (int j = 0; i >= turned && j < pixels / 8; j++) bits[j] ^= 255;
        index[i] = (uint64_t)runs;
        runs += run_lengths(bits, pixels, rle + runs);
        size[2 * i] = size[2 * i + 1] = side;
    }
    index[n] = (uint64_t)runs;
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "data", "little");
    bag_add(w, &(struct tensor){"image", T_U8, 4, {n, side, side, 3}, image});
    bag_add(w, &(struct tensor){"mask", T_U8, 2, {n, pixels / 8}, mask});
    bag_add(w, &(struct tensor){"orig_rle", T_U32, 1, {runs}, rle});
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {n + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {n, 2}, size});
    add_lines(w, "name", "p%03d\n", n);
    add_lines(w, "group", "g%d\n", n);
    bag_commit(w);
    xfree(image);
    xfree(mask);
    xfree(rle);
    xfree(index);
    xfree(size);
}

void little_pack(const char *path, int n, int side) {
    make_pack(path, n, side, n, n);
}

void little_twins(const char *path, int n, int side) {
    make_pack(path, 2 * n, side, n, 2 * n);
}

void little_turned(const char *path, int n, int side, int turned) {
    make_pack(path, n, side, n, turned);
}

void little_split(const char *path, int train, int val, int pick) {
    struct out *out = out_open(path);
    out_printf(out, "name\tgroup\tset\n");
    for (int i = 0; i < train + val + pick; i++)
        out_printf(out, "p%03d\tg%d\t%s\n", i, i,
                   i < train         ? "train"
                   : i < train + val ? "val"
                                     : "pick");
    out_commit(out);
}

static const char *const BASE[] = {
    "encoder.stride_position v15",
    "encoder.output_stride 16",
    "encoder.first_dilated no",
    "encoder.pos_embed exact",
    "encoder.skip_block 2",
    "encoder.skip_norm no",
    "encoder.last_norm yes",
    "encoder.conv_bias drop",
    "decoder.rates 1 2 3",
    "decoder.separable no",
    "decoder.extra_convs none",
    "decoder.concat skip_first",
    "decoder.align_corners no",
    "decoder.dropout 0.1",
    "decoder.skip_scale none",
    "decoder.width 16",
    "decoder.skip_width 8",
    "decoder.init kaiming",
    "norm source",
    "scale source",
    "channels source",
    "gray no",
    "load strict",
    "bn train",
    "bn_momentum 0.1",
    "bn_eps 0.00001",
    "freeze none",
    "lr 0.001",
    "lr_encoder same",
    "warmup 0",
    "betas 0.9 0.999",
    "eps 0.00000001",
    "weight_decay 0",
    "loss bce",
    "batch 2",
    "accumulate 1",
    "drop_last no",
    "epochs 1",
    "steps 0",
    "augment none",
    "pick val",
    "metric image",
    "precision fp32",
    "checkpoint_seconds 3600",
};

/* Is `line`'s key set in `lines`? */
static int overridden(const char *line, const char *lines) {
    size_t n = strcspn(line, " ") + 1;
    for (; lines; lines = strchr(lines, '\n') ? strchr(lines, '\n') + 1 : NULL)
        if (!strncmp(lines, line, n)) return 1;
    return 0;
}

void little_recipe(const char *path, const char *lines) {
    static const char plain[] = "little.conf";
    file_write(plain, "# every key stands in the recipe\n", 33);
    struct out *out = out_open(path);
    out_printf(out, "preset little\n%s\n", lines ? lines : "");
    for (size_t i = 0; i < sizeof BASE / sizeof *BASE; i++)
        if (!overridden(BASE[i], lines)) out_printf(out, "%s\n", BASE[i]);
    out_commit(out);
}

void little_files(int train, int val, int pick, int side, const char *lines) {
    little_pack("p.pack", train + val + pick, side);
    little_split("s.tsv", train, val, pick);
    little_recipe("r.conf", lines);
}

struct options little_options(const char *cell, const char *device, const char *outdir) {
    return (struct options){.cell = cell,
                            .recipe = "r.conf",
                            .pack = "p.pack",
                            .split = "s.tsv",
                            .weights = "none",
                            .outdir = outdir,
                            .device = device,
                            .threads = 1,
                            .seed = 3};
}

void little_weights(const char *path, const char *cell, int side, const char *lack) {
    char *random = xprintf("%.*s-random-little", (int)strcspn(cell, "-"), cell);
    struct bag bag;
    little_pack("w.pack", 3, side);
    little_split("w.tsv", 2, 1, 0);
    little_recipe("w.conf", NULL);
    struct options o = little_options(random, "ref", NULL);
    o.pack = "w.pack";
    o.split = "w.tsv";
    o.recipe = "w.conf";
    o.seed = 77;
    o.init_only = "w.bag";
    train(&o);
    bag_open(&bag, "w.bag");
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "mean", "0.5 0.4 0.3");
    bag_add_meta(w, "std", "0.25 0.2 0.15");
    bag_add_meta(w, "order", "rgb");
    bag_add_meta(w, "range", "255");
    for (int i = 0; i < bag.count; i++) {
        struct tensor t = bag.tensor[i];
        if (strncmp(t.name, "encoder.", 8)) continue;
        t.name += 8;
        if (!lack || strcmp(t.name, lack)) bag_add(w, &t);
    }
    bag_commit(w);
    bag_close(&bag);
    xfree(random);
}

char *little_value(const char *outdir, const char *key) {
    struct table t;
    char *path = file_join(outdir, "run.tsv"), *value = NULL;
    table_read(&t, path);
    for (int i = 0; i < t.rows; i++)
        if (!strcmp(table_get(&t, i, 0), key)) value = xstrdup(table_get(&t, i, 1));
    if (!value) die_no("%s: no key %s", path, key);
    table_free(&t);
    xfree(path);
    return value;
}

int same_files(const char *a, const char *b) {
    char one[65], two[65];
    sha_file(a, one);
    sha_file(b, two);
    return !strcmp(one, two);
}

int same_in(const char *a, const char *b, const char *name) {
    char *one = file_join(a, name), *two = file_join(b, name);
    int same = same_files(one, two);
    xfree(one);
    xfree(two);
    return same;
}
