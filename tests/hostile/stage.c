/* stage.c - draws by seed, and the harmless files that stand round a hostile one.
 *
 * Nothing here is hostile. */
#include "core/die.h"
#include "core/file.h"
#include "core/image.h"
#include "core/rng.h"
#include "tests/hostile/hostile.h"
#include <stdio.h>
#include <string.h>

uint32_t draw(struct stage *s, uint32_t n) {
    return rng_u32(s->seed, STREAM_ORDER, (uint32_t)s->row, s->draws++) % n;
}

int draw_between(struct stage *s, int from, int to) {
    return from + (int)draw(s, (uint32_t)(to - from) + 1);
}

const char *draw_word(struct stage *s) {
    static char word[8][9];
    static int turn;
    char *out = word[turn++ % 8];
    int n = draw_between(s, 3, 8);
    for (int i = 0; i < n; i++) out[i] = (char)('a' + draw(s, 26));
    out[n] = 0;
    return out;
}

char *draw_text(struct stage *s, const char *pattern) {
    struct bytes text = {0};
    for (; *pattern; pattern++)
        if (*pattern == '%')
            put(&text, draw_word(s));
        else
            bytes_add(&text, pattern, 1);
    bytes_add(&text, "", 1);
    return (char *)text.data;
}

void draw_bytes(struct stage *s, struct bytes *b, size_t n) {
    for (size_t i = 0; i < n; i++) bytes_add(b, &(uint8_t){(uint8_t)draw(s, 256)}, 1);
}

void put(struct bytes *b, const char *text) {
    bytes_add(b, text, strlen(text));
}

void put_nothing(struct stage *s, const char *arg) {
    (void)s, (void)arg;
}

void safetensors_save(struct bytes *b, const struct tensor *tensor, int count) {
    struct bytes text = {0};
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        const struct tensor *t = &tensor[i];
        size_t n = tensor_bytes(t);
        char *one = xprintf(
            "%c\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
            i ? ',' : '{', t->name, type_name(t->type), tensor_shape(t), at, at + n);
        put(&text, one);
        xfree(one);
        at += n;
    }
    put(&text, "}");
    bytes_u64(b, text.n);
    bytes_add(b, text.data, text.n);
    for (int i = 0; i < count; i++) bytes_add(b, tensor[i].data, tensor_bytes(&tensor[i]));
    xfree(text.data);
}

uint8_t *good_png(int width, int height, int row, size_t *n) {
    struct image image = {width, height, 1, xcalloc((size_t)width, (size_t)height)};
    if (row < height)
        memset(image.pixel + row * width, 255, (size_t)((height - row) * width));
    uint8_t *bytes = image_encode_png(&image, n);
    image_free(&image);
    return bytes;
}

/* ---- what stands round the bytes ---- */

static const char CONF[] = "size 8\nresize bilinear\nmask_resize nearest\n"
                           "mask_threshold 127\norder numeric\ngroups none\n";
static const char DATA[] = "name x\nkind data\nfile x.zip\nmanual none\n"
                           "format pairs i/*.png | m/*.png\n";
static const char WEIGHTS[] =
    "name w\nkind weights\narm imagenet\nencoder little\nfile w.pth\nmanual none\n"
    "mean 0.1 0.2 0.3\nstd 1 1 1\norder rgb\nrange 255\n";
static const char NAMES[] = "name\tshape\nbn.running_var\t[2]\nconv.weight\t[2,3]\n";
static const char RESULTS_HEAD[] =
    "key\tstatus\tvalue\tn\tsd_seed\tlo\thi\tmethod\tp\tp_holm\tmin_p\tpublished\treason\t"
    "sources\n";

static void write_text(const char *path, const char *text) {
    file_write(path, text, strlen(text));
}

static void write_source(const struct stage *s, const char *text) {
    char *all = xprintf("%s%s", text, s->source ? s->source : "");
    write_text("x.src", all);
    xfree(all);
}

/* A good archive in which one member is foreign. */
static void write_around(const struct stage *s, const struct bytes *b, enum kind kind,
                         const char *path) {
    struct box box = {0};
    int width = s->width ? s->width : 16, height = s->height ? s->height : 12;
    for (int i = 1; i <= 2; i++)
        for (int mask = 0; mask < 2; mask++) {
            size_t n = b->n;
            uint8_t *bytes;
            char *name = xprintf("%c/%d.png", mask ? 'm' : 'i', i);
            if (i == 2 && mask == (kind == MASK))
                bytes = memcpy(xmalloc(n + 1), b->data, n);
            else
                bytes = good_png(width, height, height / 2, &n);
            box_add(&box, name, bytes, n);
            xfree(name);
        }
    box_zip(&box, NULL, path);
    box_free(&box);
}

static void write_pickle(const struct bytes *b, const char *path) {
    struct bytes file = torch_wrap(b->data, b->n);
    file_write(path, file.data, file.n);
    xfree(file.data);
}

void stage_write(struct stage *s, const struct row *row, bool twin) {
    const struct bytes *b = twin ? &s->twin : &s->hostile;
    const char *path = twin ? "twin" : "raw";
    if (s->passphrase) write_text("p.txt", s->passphrase);
    switch (row->kind) {
    case ARCHIVE:
    case PICTURE:
    case MASK:
        write_source(s, DATA);
        write_text("x.conf", CONF);
        if (row->kind != ARCHIVE) {
            write_around(s, b, row->kind, path);
            return;
        }
        break;
    case PTH:
    case PICKLE:
    case SAFETENSORS:
    case NPZ:
    case H5:
        write_source(s, WEIGHTS);
        write_text("names/little.tsv", NAMES);
        if (row->kind == PICKLE) {
            write_pickle(b, path);
            return;
        }
        break;
    case SOURCE:
        write_text("x.zip", "PK\3\4 and so on");
        break;
    case PAPER:
        write_text("results.tsv", RESULTS_HEAD);
        break;
    default:
        break;
    }
    file_write(path, b->data ? (const char *)b->data : "", b->n);
}

/* What reads each kind: the tool, its words for the hostile file and for the twin. */
static const struct {
    const char *tool, *arguments[2], *out[2];
} reads[KINDS] = {
    [ARCHIVE] = {"pack",
                 {"--threads 2 x.conf x.src raw out.bag", "x.conf x.src twin twin.bag"},
                 {"out.bag", "twin.bag"}},
    [PTH] = {"weights",
             {"--names names x.src raw out.bag", "--names names x.src twin twin.bag"},
             {"out.bag", "twin.bag"}},
    [H5] = {"h5", {"raw out.bag", "twin twin.bag"}, {"out.bag", "twin.bag"}},
    [SOURCE] = {"fetch", {"raw out", NULL}, {"out", NULL}},
    [RESULTS] = {"table", {"raw out.tex", NULL}, {"out.tex", NULL}},
    [RESULTS_MD] = {"table", {"raw out.md", NULL}, {"out.md", NULL}},
    [PAPER] = {"weave", {"raw results.tsv out.md", NULL}, {"out.md", NULL}},
};

static enum kind reader_of(enum kind kind) {
    return kind <= MASK ? ARCHIVE : kind <= NPZ ? PTH : kind;
}

const char *stage_tool(enum kind kind) {
    return reads[reader_of(kind)].tool;
}

const char *stage_arguments(enum kind kind, bool twin) {
    return reads[reader_of(kind)].arguments[twin];
}

const char *stage_out(enum kind kind, bool twin) {
    return reads[reader_of(kind)].out[twin];
}
