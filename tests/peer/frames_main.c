/* frames_main.c - the program `frames`: an archive as large as SUN-SEG's, made up, and how
 * long its pictures take to decode and nothing else: what packing them is held against.
 *
 * Thirty-two pictures under N names: what they show does not matter, only their size. */
#include "convert/archive.h"
#include "convert/pool.h"
#include "core/die.h"
#include "core/file.h"
#include "core/image.h"
#include "core/progress.h"
#include "core/rng.h"
#include "core/table.h"
#include <archive.h>
#include <archive_entry.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
    "usage: frames [--frames N] [--smaller N] OUT.tar\n"
    "       frames --decode [--threads N] SOURCE.src IN.tar\n"
    "Writes N frames of 1240x1080 as JPEG and their masks as PNG in SUN-SEG's reorganised\n"
    "tree; or reads such an archive, decodes every picture, and prints seconds.\n"
    "\n"
    "  --frames N    default 49136\n"
    "  --smaller N   sides N times shorter: as many files, with less in each; default 1\n"
    "  --threads N   default 2\n"
    "  --help, --version\n"
    "\n"
    "example: frames --frames 2000 frames.tar\n";

static const struct option OPTIONS[] = {
    {"frames", required_argument, NULL, 'f'},
    {"threads", required_argument, NULL, 't'},
    {"decode", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, 'h'},
    {"smaller", required_argument, NULL, 's'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

enum { WIDTH = 1240, HEIGHT = 1080, KINDS = 32, CLIP = 172 /* frames */ };

struct coded {
    uint8_t *data;
    size_t n;
};

/* Slow waves and fine noise: about 430 kB, what a frame of the real set has on average. */
static struct coded frame(int kind, int smaller) {
    struct image image;
    struct coded out;
    image_make(&image, WIDTH / smaller, HEIGHT / smaller, 3, "frame");
    for (int y = 0, i = 0; y < image.height; y++)
        for (int x = 0; x < image.width; x++) {
            uint64_t noise =
                rng_u64(1, STREAM_ORDER, (uint64_t)kind, (uint64_t)(y * WIDTH + x));
            for (int c = 0; c < 3; c++, i++, noise >>= 8) {
                double v = 128 + 60 * sin(x * .01 + c + kind) + 40 * cos(y * .013) +
                           .14 * ((double)(noise & 255) - 128);
                image.pixel[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
        }
    out.data = image_encode_jpeg(&image, 90, &out.n);
    image_free(&image);
    return out;
}

static struct coded mask(int kind, int smaller) {
    struct image image;
    struct coded out;
    image_make(&image, WIDTH / smaller, HEIGHT / smaller, 1, "mask");
    for (int y = 0, i = 0; y < image.height; y++)
        for (int x = 0; x < image.width; x++) {
            double dx = x * smaller - 400 - 10 * kind, dy = y * smaller - 500,
                   r = 150 + 20 * sin(7 * atan2(dy, dx)) + kind;
            image.pixel[i++] = dx * dx + dy * dy < r * r ? 255 : 0;
        }
    out.data = image_encode_png(&image, &out.n);
    image_free(&image);
    return out;
}

static void need(int code, struct archive *a, const char *path) {
    if (code != ARCHIVE_OK)
        die_world("%s: %s, wanted to write it", path, archive_error_string(a));
}

static void add(struct archive *a, const char *path, char *name, const struct coded *c) {
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)c->n);
    need(archive_write_header(a, entry), a, path);
    if (archive_write_data(a, c->data, c->n) != (la_ssize_t)c->n) need(1, a, path);
    archive_entry_free(entry);
    xfree(name);
}

static void make(const char *path, int frames, int smaller) {
    struct coded picture[KINDS], truth[KINDS];
    struct archive *a = archive_write_new();
    for (int k = 0; k < KINDS; k++) {
        picture[k] = frame(k, smaller);
        truth[k] = mask(k, smaller);
    }
    need(archive_write_set_format_gnutar(a), a, path);
    need(archive_write_open_filename(a, path), a, path);
    for (int i = 0; i < frames; i++) {
        int clip = i / CLIP, k = i % KINDS;
        char *stem =
            xprintf("case%d_%d/case_M_20181001100941_0U62372100109341_1_005_"
                    "001-1_a%d_ayy_image%04d",
                    clip / 3 + 1, clip % 3 + 1, i % CLIP / 10 + 1, i % (3 * CLIP) + 1);
        add(a, path, xprintf("SUN-SEG/TrainDataset/Frame/%s.jpg", stem), &picture[k]);
        add(a, path, xprintf("SUN-SEG/TrainDataset/GT/%s.png", stem), &truth[k]);
        xfree(stem);
    }
    need(archive_write_close(a), a, path);
    archive_write_free(a);
}

static void work(void *arg, const struct job *job) {
    struct image image;
    (void)arg;
    image_decode(&image, job->data, job->size, "frame");
    image_free(&image);
}

static void decode(const char *source, const char *raw, int threads) {
    struct source s;
    struct archived m;
    char content[65];
    int n = 0;
    double start = seconds_now();
    source_read(&s, source);
    struct pool *pool = pool_open(threads, work, NULL);
    struct reader *r = reader_open(&s, raw);
    reader_hash_later(r); /* and never */
    for (; reader_next(r, &m); n++) pool_add(pool, m.data, m.size, NULL);
    pool_end(pool);
    reader_end(r, content);
    printf("%d files, %.3f s\n", n, seconds_now() - start);
    source_free(&s);
}

int main(int argc, char **argv) {
    int frames = 49136, smaller = 1, threads = 2, only_decode = 0, option;
    die_name("frames");
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 'f':
            frames = (int)integer_option("frames", optarg, 1, 1000000);
            break;
        case 's':
            smaller = (int)integer_option("smaller", optarg, 1, 20);
            break;
        case 't':
            threads = (int)integer_option("threads", optarg, 1, 64);
            break;
        case 'd':
            only_decode = 1;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            puts("repolyp frames 0.1");
            return 0;
        default:
            die_usage("unknown option, see frames --help");
        }
    }
    if (argc - optind != 1 + only_decode)
        die_usage("%d arguments, wanted %s; see frames --help", argc - optind,
                  only_decode ? "SOURCE.src IN.tar" : "OUT.tar");
    if (only_decode)
        decode(argv[optind], argv[optind + 1], threads);
    else
        make(argv[optind], frames, smaller);
    return 0;
}
