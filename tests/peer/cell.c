/* cell.c - a whole cell as the tool train runs it, timed from the outside; see bench.h. */
#include "core/bag.h"
#include "core/die.h"
#include "core/progress.h"
#include "core/rng.h"
#include "tests/peer/bench.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A tensor of `n` lines, by a format with the line's number. */
static void add_lines(struct bag_writer *w, const char *name, const char *format, int n) {
    int length = 0;
    bag_begin(w, name, T_U8);
    for (int i = 0; i < n; i++) {
        char line[32];
        int more = snprintf(line, sizeof line, format, i);
        bag_write(w, line, (size_t)more);
        length += more;
    }
    bag_end(w, 1, &length);
}

/* Noise, whose masks at original size are empty: what they show does not change the
 * time. */
static void make_pack(const char *path, int n, int side) {
    size_t pixels = (size_t)side * (size_t)side, images = (size_t)n * pixels * 3;
    uint8_t *image = xmalloc(images), *mask = xmalloc((size_t)n * pixels / 8);
    uint32_t *rle = xmalloc((size_t)n * sizeof *rle);
    uint64_t *index = xmalloc(((size_t)n + 1) * sizeof *index);
    int32_t *size = xmalloc(2 * (size_t)n * sizeof *size);
    for (size_t i = 0; i < images; i++) image[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < (size_t)n * pixels / 8; i++)
        mask[i] =
            (uint8_t)(rng_u32(2, STREAM_SPLIT, 0, i) & rng_u32(3, STREAM_SPLIT, 0, i));
    for (int i = 0; i < n; i++) {
        rle[i] = (uint32_t)pixels;
        index[i] = (uint64_t)i;
        size[2 * i] = size[2 * i + 1] = side;
    }
    index[n] = (uint64_t)n;
    struct bag_writer *w = bag_create(path);
    bag_add_meta(w, "data", "bench");
    bag_add(w, &(struct tensor){"image", T_U8, 4, {n, side, side, 3}, image});
    bag_add(w, &(struct tensor){"mask", T_U8, 2, {n, (int)(pixels / 8)}, mask});
    bag_add(w, &(struct tensor){"orig_rle", T_U32, 1, {n}, rle});
    bag_add(w, &(struct tensor){"orig_index", T_U64, 1, {n + 1}, index});
    bag_add(w, &(struct tensor){"orig_size", T_I32, 2, {n, 2}, size});
    add_lines(w, "name", "p%04d\n", n);
    add_lines(w, "group", "g%d\n", n);
    bag_commit(w);
    xfree(image), xfree(mask), xfree(rle), xfree(index), xfree(size);
}

void cell_make(const char *pack, const char *split, int pictures, int side) {
    make_pack(pack, pictures, side);
    struct out *out = out_open(split);
    out_printf(out, "name\tgroup\tset\n");
    for (int i = 0; i < pictures; i++)
        out_printf(out, "p%04d\tg%d\t%s\n", i, i, i < pictures * 4 / 5 ? "train" : "val");
    out_commit(out);
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *f) {
    (void)st, (void)kind, (void)f;
    return remove(path);
}

double cell_seconds(const char *train, const struct bench_case *c, int epochs,
                    const char *pack, const char *split, const char *outdir) {
    char *cell = xprintf("%s-random-bench", c->encoder),
         *preset = xprintf("preset=%s", c->preset);
    char *precision = xprintf("precision=%s", c->precision),
         *batch = xprintf("batch=%d", c->batch), *passes = xprintf("epochs=%d", epochs);
    double began = seconds_now();
    int status, pid = fork();
    if (pid < 0) die_world("fork: %s", strerror(errno));
    if (pid == 0) {
        const char *all[20 + 2 * BENCH_SETS] = {
            train,   "--device", c->device, "--plans", c->plans, "--set", preset,
            "--set", precision,  "--set",   batch,     "--set",  passes};
        int n = 13;
        for (int i = 0; c->set && c->set[i]; i++) {
            all[n++] = "--set";
            all[n++] = c->set[i];
        }
        const char *const last[] = {cell, "train/paper.conf", pack, split, "none", outdir};
        memcpy(all + n, last, sizeof last);
        execv(train, (char *const *)(uintptr_t)all);
        fprintf(stderr, "bench: %s: %s\n", train, strerror(errno));
        _exit(127);
    }
    int ended = waitpid(pid, &status, 0) == pid && status == 0;
    double seconds = seconds_now() - began;
    nftw(outdir, drop, 16, FTW_DEPTH | FTW_PHYS);
    xfree(cell), xfree(preset), xfree(precision), xfree(batch), xfree(passes);
    return ended ? seconds : -1;
}
