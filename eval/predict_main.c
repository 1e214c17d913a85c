/* predict_main.c - the tool `predict`: a model and any pictures to masks, overlays and
 * logits.
 *
 * A picture that cannot be read is named and the others go on; the exit code says so at the
 * end. It knows no ground truth and scores nothing. */
#include "core/die.h"
#include "core/resize.h"
#include "core/sandbox.h"
#include "core/table.h"
#include "overlay.h"
#include "scorer.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: predict [OPTION]... MODEL IMAGE... OUTDIR\n"
    "Finds polyps in pictures (JPEG, PNG, TIFF of any size). OUTDIR gets for each picture\n"
    "NAME.mask.png (0 or 255, at the picture's size) and NAME.overlay.png (contour and "
    "tint).\n"
    "For each a line says on how much of it a polyp was found. One that cannot be read is\n"
    "reported and skipped; then the exit code is not 0.\n"
    "\n"
    "  --device NAME     auto (gpu, else cpu), cpu, gpu or ref; default auto\n"
    "  --threads N       threads of the cpu; default all\n"
    "  --plans FILE      where a gpu keeps which plans it found the quickest, for the next "
    "start\n"
    "  --logits OUT.bag  the raw logits too: a tensor [S,S] a picture, at the network's "
    "size\n"
    "  --help, --version\n"
    "\n"
    "example: predict s1/model.bag colon/*.jpg masks\n";

enum { DEVICE = 256, THREADS, PLANS, LOGITS, FILE_LIMIT = 256 << 20 };
static const struct option OPTIONS[] = {
    {"device", required_argument, NULL, DEVICE},
    {"threads", required_argument, NULL, THREADS},
    {"plans", required_argument, NULL, PLANS},
    {"logits", required_argument, NULL, LOGITS},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

struct options {
    const char *device, *plans, *logits, *model, *outdir;
    char **picture;
    int pictures, threads;
};

struct work { /* one picture */
    const char *path;
    char *name; /* file name without its ending */
    int side, filter;
    struct image picture, small;
};

static char *stem(const char *path) {
    const char *base = file_base(path), *dot = strrchr(base, '.');
    return xprintf("%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base), base);
}

/* Two pictures of one name would overwrite each other's mask. */
static void refuse_twins(const struct options *o) {
    for (int i = 0; i < o->pictures; i++) {
        char *a = stem(o->picture[i]);
        for (int j = 0; j < i; j++) {
            char *b = stem(o->picture[j]);
            if (!strcmp(a, b))
                die_usage("%s and %s would both become %s.mask.png; give them in two calls",
                          quoted(o->picture[j]), quoted(o->picture[i]), quoted(a));
            xfree(b);
        }
        xfree(a);
    }
}

static void read_picture(void *arg) {
    struct work *w = arg;
    size_t n;
    char *bytes = file_read(w->path, FILE_LIMIT, &n);
    image_decode(&w->picture, bytes, n, w->path);
    xfree(bytes);
    image_to_rgb(&w->picture);
    resize(&w->picture, w->side, w->side, (enum filter)w->filter, &w->small);
}

static void write_png(const struct image *image, const char *dir, const char *name,
                      const char *kind) {
    char *file = xprintf("%s.%s.png", name, kind), *path = file_join(dir, file);
    image_write_png(image, path);
    xfree(path);
    xfree(file);
}

static void write_pictures(struct work *w, const float *logits, const char *outdir) {
    int width = w->picture.width, height = w->picture.height;
    size_t pixels = (size_t)width * (size_t)height;
    float *plane = xmalloc(pixels * sizeof *plane);
    struct image mask = {width, height, 1, xmalloc(pixels)};
    size_t polyp = 0;
    resize_plane(logits, w->side, w->side, plane, height, width, 0);
    for (size_t j = 0; j < pixels; j++)
        polyp += (mask.pixel[j] = plane[j] > 0 ? 255 : 0) != 0;
    xfree(plane);
    printf("%s: polyp on %.1f %% of %d x %d pixels\n", w->path,
           100. * (double)polyp / (double)pixels, width, height);
    write_png(&mask, outdir, w->name, "mask");
    overlay(&w->picture, mask.pixel, 1 + (width + height) / 600);
    write_png(&w->picture, outdir, w->name, "overlay");
    xfree(mask.pixel);
}

static int model_filter(const struct scorer *s) {
    const char *word = bag_meta(&s->bag, "resize");
    int filter = filter_parse(word ? word : "bilinear");
    if (filter < 0)
        die_no("%s: resize is '%s', wanted nearest, bilinear or bicubic", s->bag.map.path,
               quoted(word));
    return filter;
}

/* 0 done, else the exit code of what was wrong with the picture. */
static int predict_one(const struct options *o, struct scorer *s, const char *path,
                       struct bag_writer *bag) {
    char message[1024];
    int side = s->model.side;
    struct work w = {path,           stem(path), side, model_filter(s), {0, 0, 0, NULL},
                     {0, 0, 0, NULL}};
    int code = die_catch(read_picture, &w, message, sizeof message);
    if (code) {
        warn("%s; skipped", message);
    } else {
        float *logits = xmalloc((size_t)side * (size_t)side * sizeof *logits);
        const uint8_t *image[] = {w.small.pixel};
        s->backend->infer(s->machine, image, 1, logits);
        write_pictures(&w, logits, o->outdir);
        if (bag) bag_add(bag, &(struct tensor){w.name, T_F32, 2, {side, side}, logits});
        image_free(&w.small);
        image_free(&w.picture);
        xfree(logits);
    }
    xfree(w.name);
    return code;
}

/* Pictures are foreign bytes; the model and its machine are in memory by now. A GPU's
 * driver opens what it likes, so there the process stays open. */
static void shut_in(const struct options *o, const char *machine) {
    struct sandbox box;
    if (!strcmp(machine, "gpu")) return;
    char *inside = file_join(o->outdir, "mask");
    sandbox_open(&box);
    for (int i = 0; i < o->pictures; i++) sandbox_read(&box, o->picture[i]);
    sandbox_write(&box, inside);
    if (o->logits) sandbox_write(&box, o->logits);
    sandbox_enter(&box);
    xfree(inside);
}

static void predict(const struct options *o) {
    struct scorer s;
    int failed = 0, worst = EXIT_WORLD;
    refuse_twins(o);
    scorer_open(&s, o->model, o->device, o->threads, 1, o->plans);
    file_mkdir(o->outdir);
    shut_in(o, s.backend->name);
    struct bag_writer *bag = o->logits ? bag_create(o->logits) : NULL;
    if (bag) bag_add_meta(bag, "cell", cell_name(&s.model.cell));
    for (int i = 0; i < o->pictures; i++) {
        int code = predict_one(o, &s, o->picture[i], bag);
        failed += code != 0;
        if (code && code < worst) worst = code;
    }
    if (bag && failed < o->pictures)
        bag_commit(bag);
    else if (bag)
        bag_drop(bag);
    scorer_close(&s);
    if (failed && worst == EXIT_NO)
        die_no("%d of %d pictures were skipped; see above", failed, o->pictures);
    if (failed) die_world("%d of %d pictures were skipped; see above", failed, o->pictures);
}

static void option(struct options *o, int c) {
    if (c == DEVICE)
        o->device = optarg;
    else if (c == THREADS)
        o->threads = (int)integer_option("threads", optarg, 0, 1024);
    else if (c == PLANS)
        o->plans = optarg;
    else if (c == LOGITS)
        o->logits = optarg;
    else if (c == 'h')
        exit(fputs(HELP, stdout) < 0);
    else if (c == 'v')
        exit(printf("repolyp predict 0.1\nsandbox: %s\n", sandbox_state()) < 0);
    else
        die_usage("see predict --help");
}

int main(int argc, char **argv) {
    struct options o = {.device = "auto"};
    die_name("predict");
    for (int c; (c = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) option(&o, c);
    if (argc - optind < 3)
        die_usage("found %d arguments, wanted MODEL IMAGE... OUTDIR; see predict --help",
                  argc - optind);
    o.model = argv[optind];
    o.picture = argv + optind + 1;
    o.pictures = argc - optind - 2;
    o.outdir = argv[argc - 1];
    predict(&o);
    return 0;
}
