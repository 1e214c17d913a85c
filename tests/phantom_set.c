/* phantom_set.c - which scene goes under which name into which archive. */
#include "tests/phantom_set.h"
#include "core/die.h"
#include "core/file.h"
#include "core/rng.h"
#include "tests/colon.h"
#include "tests/phantom_box.h"
#include <string.h>

enum { VIEWS = 5, CVC = 1, KVASIR, SUN };
static const char PASSWORD[] = "made-up";

static const struct colon_look looks[] = {
    [CVC] = {{.82, .50, .40}, {1, .92, .93}, .35, .22, .3, 1, 0},
    [KVASIR] = {{.78, .40, .34}, {1.03, .93, .90}, .25, .30, .32, 0, 0},
    [SUN] = {{.86, .62, .54}, {1, .92, .90}, .55, .18, .3, 0, 0},
};

static uint64_t scene_seed(const struct phantom *p, int set, int scene) {
    return p->seed * 1000003 + (uint64_t)set * 10007 + (uint64_t)scene;
}

static void threshold(struct image *mask) {
    for (int i = 0; i < mask->width * mask->height; i++)
        mask->pixel[i] = mask->pixel[i] > 127 ? 255 : 0;
}

static char *archive_path(const struct phantom *p, const char *file) {
    return file_join(p->folder, file);
}

/* Opens NAME.src beside the archive; the caller adds what only it knows. */
static struct out *open_source(const struct phantom *p, const char *name, const char *file,
                               const struct box *box, const char *path) {
    char *source = xprintf("%s.src", name), *at = file_join(p->folder, source);
    struct out *out = out_open(at);
    out_printf(
        out, "# Made up by tests/phantom_main.c for the demo: drawn, not photographed.\n");
    out_printf(out, "name %s\nkind data\nfile %s\n", name, file);
    box_describe(box, path, out);
    out_printf(out, "licence MIT\n");
    xfree(at);
    xfree(source);
    return out;
}

static void make_cvc(const struct phantom *p, const char *name) {
    struct box box = {0};
    box_add(&box, "CVC-ClinicDB/", NULL, 0);
    box_add(&box, "CVC-ClinicDB/Ground Truth/", NULL, 0);
    box_add(&box, "CVC-ClinicDB/Original/", NULL, 0);
    int *order = xcalloc((size_t)p->pictures, sizeof *order);
    rng_permutation(p->seed, STREAM_ORDER, CVC, p->pictures,
                    order); /* as the real archive's */
    for (int i = 0; i < p->pictures; i++) {
        struct image picture, mask;
        size_t n;
        int number = order[i];
        colon_draw(&looks[CVC], scene_seed(p, CVC, number / VIEWS), number % VIEWS, 144,
                   108, &picture, &mask);
        if (number % 4) threshold(&mask);
        char *path = xprintf("CVC-ClinicDB/Ground Truth/%d.tif", number + 1);
        uint8_t *bytes = image_encode_tiff(&mask, &n);
        box_add(&box, path, bytes, n);
        xfree(path);
        path = xprintf("CVC-ClinicDB/Original/%d.tif", number + 1);
        bytes = image_encode_tiff(&picture, &n);
        box_add(&box, path, bytes, n);
        xfree(path);
        image_free(&picture);
        image_free(&mask);
    }
    xfree(order);
    char *path = archive_path(p, "web/CVC-ClinicDB.tar.xz");
    box_tar_xz(&box, path);
    struct out *out = open_source(p, name, "CVC-ClinicDB.tar.xz", &box, path);
    out_printf(out, "url file:web/CVC-ClinicDB.tar.xz\nmagic xz\ngroups %d\n",
               p->pictures / VIEWS);
    out_printf(out, "format pairs Original/*.tif | Ground Truth/*.tif\n");
    out_commit(out);
    xfree(path);
    box_free(&box);
}

/* Twenty-five characters, as Kvasir's names have. */
static void kvasir_name(const struct phantom *p, int i, char name[26]) {
    const char *letters = "0123456789abcdefghijklmnopqrstuvwxyz";
    memcpy(name, "cju", 3);
    for (int k = 3; k < 25; k++) {
        uint64_t draw = rng_u64(p->seed, STREAM_ORDER, KVASIR, (uint64_t)(i * 32 + k));
        name[k] = letters[draw % 36];
    }
    name[25] = 0;
}

static void add_box_line(struct bytes *json, const char *name, const struct image *mask) {
    int low_x = mask->width, low_y = mask->height, high_x = 0, high_y = 0;
    for (int i = 0; i < mask->width * mask->height; i++) {
        int x = i % mask->width, y = i / mask->width;
        if (mask->pixel[i] <= 127) continue;
        if (x < low_x) low_x = x;
        if (y < low_y) low_y = y;
        if (x > high_x) high_x = x;
        if (y > high_y) high_y = y;
    }
    char *line = xprintf(
        "%s\"%s\": {\"height\": %d, \"width\": %d, \"bbox\": [{\"label\": \"polyp\", "
        "\"xmin\": %d, \"ymin\": %d, \"xmax\": %d, \"ymax\": %d}]}",
        json->n > 1 ? ", " : "", name, mask->height, mask->width, low_x, low_y, high_x,
        high_y);
    bytes_add(json, line, strlen(line));
    xfree(line);
}

static void add_jpeg(struct box *box, const char *folder, const char *name,
                     struct image *image, int quality) {
    size_t n;
    char *path = xprintf("Kvasir-SEG/%s/%s.jpg", folder, name);
    image_to_rgb(image); /* Kvasir's masks have three equal channels */
    uint8_t *bytes = image_encode_jpeg(image, quality, &n);
    box_add(box, path, bytes, n);
    xfree(path);
}

static void make_kvasir(const struct phantom *p, const char *name) {
    struct box box = {0};
    struct bytes json = {0};
    bytes_add(&json, "{", 1);
    box_add(&box, "Kvasir-SEG/", NULL, 0);
    for (int i = 0; i < p->pictures; i++) {
        struct image picture, mask;
        struct colon_look look = looks[KVASIR];
        char stem[26];
        int width = 112 + 8 * (i * 7 % 9), height = 100 + 6 * (i * 5 % 8);
        look.inset = i % 6 == 5;
        kvasir_name(p, i, stem);
        colon_draw(&look, scene_seed(p, KVASIR, i), 0, width, height, &picture, &mask);
        add_box_line(&json, stem, &mask);
        add_jpeg(&box, "images", stem, &picture, 92);
        add_jpeg(&box, "masks", stem, &mask, 90);
        image_free(&picture);
        image_free(&mask);
    }
    bytes_add(&json, "}\n", 2);
    box_add(&box, "Kvasir-SEG/kavsir_bboxes.json", json.data, json.n);
    char *path = archive_path(p, "web/kvasir-seg.zip");
    box_zip(&box, NULL, path);
    struct out *out = open_source(p, name, "kvasir-seg.zip", &box, path);
    out_printf(out, "url file:web/kvasir-seg.zip\nmagic zip\n");
    out_printf(out, "format pairs images/*.jpg | masks/*.jpg\n");
    out_commit(out);
    xfree(path);
    box_free(&box);
}

/* Clips in the real ones' ways: two of a case, one without underscore, case 10 after case
 * 9. */
static const struct clip {
    const char *name, *folder;
    int part, number, scene;
} clips[] = {
    {"case1_1", "TrainDataset", 1, 1, 1},
    {"case1_2", "TestEasyDataset/Seen", 1, 1, 1},
    {"case3_1", "TrainDataset", 1, 3, 2},
    {"case3_2", "TestHardDataset/Seen", 1, 3, 2},
    {"case4", "TrainDataset", 1, 4, 3},
    {"case7_1", "TrainDataset", 2, 7, 4},
    {"case9", "TestEasyDataset/Unseen", 2, 9, 5},
    {"case10_1", "TestHardDataset/Unseen", 2, 10, 6},
};
enum { CLIPS = sizeof clips / sizeof *clips };

/* Byte order is not the order in time: a10 comes after a2. */
static char *sun_stem(const struct clip *c, int frame) {
    int a = frame < 2 ? 2 : 10;
    return xprintf("case_M_20181001100941_0U62372100109341_1_005_%03d-1_a%d_ayy_image%04d",
                   c->number, a, frame + 1);
}

static void sun_draw(const struct phantom *p, const struct clip *c, int frame,
                     struct image *picture, struct image *mask) {
    int wide = c->number % 2, view = frame + (c->name[strlen(c->name) - 1] == '2' ? 50 : 0);
    colon_draw(&looks[SUN], scene_seed(p, SUN, c->scene), view, wide ? 155 : 145,
               wide ? 135 : 126, picture, mask);
    threshold(mask);
}

static void add_mask(struct box *box, const struct clip *c, const char *kind,
                     const char *stem, const struct image *mask) {
    size_t n;
    char *path =
        xprintf("SUN-SEG-Annotation/%s/%s/%s/%s.png", c->folder, kind, c->name, stem);
    uint8_t *bytes = image_encode_png(mask, &n);
    box_add(box, path, bytes, n);
    xfree(path);
}

static void add_frame(struct box *box, const struct clip *c, const char *stem,
                      const struct image *picture) {
    size_t n;
    char *path = xprintf("SUN-Positive/case%d/%s.jpg", c->number, stem);
    uint8_t *bytes = image_encode_jpeg(picture, 92, &n);
    box_add(box, path, bytes, n);
    xfree(path);
}

/* part 0: the masks; 1, 2: that part's frames. A case's second clip goes on counting its
 * frames. */
static void fill_sun(const struct phantom *p, int part, struct box *box) {
    int frames = p->pictures / CLIPS;
    for (int i = 0; i < CLIPS; i++) {
        const struct clip *c = &clips[i];
        int second = i && clips[i - 1].number == c->number;
        for (int frame = 0; frame < frames && (!part || c->part == part); frame++) {
            struct image picture, mask;
            char *stem = sun_stem(c, frame + second * frames);
            sun_draw(p, c, frame, &picture, &mask);
            if (part) {
                add_frame(box, c, stem, &picture);
            } else {
                add_mask(box, c, "GT", stem, &mask);
                add_mask(box, c, "Edge", stem, &mask);
            }
            image_free(&picture);
            image_free(&mask);
            xfree(stem);
        }
    }
}

static void make_sun(const struct phantom *p, const char *name) {
    static const char *const files[] = {"SUN-SEG-Annotation-v2.zip",
                                        "sundatabase_positive_part1.zip",
                                        "sundatabase_positive_part2.zip"};
    struct box box = {0};
    int part = !strcmp(name, "sun-masks") ? 0 : name[strlen(name) - 1] - '0';
    fill_sun(p, part, &box);
    if (!part)
        box_add_text(&box,
                     "SUN-SEG-Annotation/TrainDataset/Classification/classification.txt",
                     "made up\n");
    char *path = archive_path(p, files[part]);
    box_zip(&box, part ? PASSWORD : NULL, path);
    struct out *out = open_source(p, name, files[part], &box, path);
    out_printf(
        out,
        "manual A person asks for the real one; the made-up one lies beside this file.\n");
    out_printf(out, "magic zip\nformat sun\ngroups 6\n");
    if (part) out_printf(out, "passphrase_file sun-password.txt\n");
    out_commit(out);
    xfree(path);
    box_free(&box);
    if (!part) return;
    char *password = file_join(p->folder, "sun-password.txt"),
         *line = xprintf("%s\n", PASSWORD);
    file_write(password, line, strlen(line));
    xfree(line);
    xfree(password);
}

const char *const phantom_names[] = {
    "cvc", "kvasir", "sun-frames-part1", "sun-frames-part2", "sun-masks", NULL};

int phantom_make(const struct phantom *p, const char *name) {
    int known = 0;
    for (int i = 0; phantom_names[i]; i++) known |= !strcmp(name, phantom_names[i]);
    if (!known) return 0;
    if (!strcmp(name, "cvc"))
        make_cvc(p, name);
    else if (!strcmp(name, "kvasir"))
        make_kvasir(p, name);
    else
        make_sun(p, name);
    return 1;
}
