/* montage.c - lays out and paints the grid. It chooses pictures by a fixed rule and states
 * no number but each shown picture's own Dice. */
#include "report/montage.h"
#include "core/die.h"
#include "core/metric.h"
#include "core/resize.h"
#include "report/letters.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pixels. On paper a pixel of a sheet of eight columns, or of three blocks, becomes a third
 * or a quarter of a point: capitals of 18 pixels stay nearly as tall as a footnote's. */
enum { TILE = 168, GAP = 8, HEAD = 80, FOOT = 56, KEY = 46, MARGIN = 8, ROWS = 3 };
enum { TITLE = 19, TEXT = 18, NAME = 16, SMALLEST = 15 /* heights of capitals */ };
enum { INK = 0x222222, FAINT = 0x666666 };
/* Okabe and Ito's colours: told apart by all common kinds of colour vision. */
enum { FOUND = 0xffffff, FALSE_ALARM = 0xe69f00, MISSED = 0x56b4e9 };

static int bit(const uint8_t *mask, size_t i) {
    return mask[i / 8] >> (i % 8) & 1;
}

static struct counts count(const struct pack *pack, const uint8_t *pred, int item) {
    struct counts c = {0, 0, 0};
    const uint8_t *truth = pack_mask(pack, item);
    for (size_t i = 0; i < (size_t)pack->side * (size_t)pack->side; i++) {
        c.inter += bit(pred, i) & bit(truth, i);
        c.pred += bit(pred, i);
        c.truth += bit(truth, i);
    }
    return c;
}

static const uint8_t *pred_of(const struct masks *m, const struct pack *pack, int item) {
    size_t bytes = (size_t)pack->side * (size_t)pack->side / 8;
    for (int i = 0; i < m->count; i++)
        if (m->item[i] == item) return m->pred + (size_t)i * bytes;
    die_no("%s: no mask of picture '%s', which the first arm has", m->bag.map.path,
           quoted(pack->name[item]));
}

struct choice {
    double dice;
    int item;
    const char *name;
};

static int by_dice(const void *a, const void *b) {
    const struct choice *x = a, *y = b;
    if (x->dice != y->dice) return x->dice < y->dice ? -1 : 1;
    return name_compare(x->name, y->name);
}

/* Pack indices of the pictures at the quartiles: rank round(q (n - 1)). */
static void choose(const struct pack *pack, const struct masks *first, int item[ROWS]) {
    struct choice *all = xcalloc((size_t)first->count, sizeof *all);
    for (int i = 0; i < first->count; i++) {
        int k = first->item[i];
        all[i] = (struct choice){dice(count(pack, pred_of(first, pack, k), k)), k,
                                 pack->name[k]};
    }
    qsort(all, (size_t)first->count, sizeof *all, by_dice);
    for (int r = 0; r < ROWS; r++)
        item[r] = all[((r + 1) * (first->count - 1) + 2) / 4].item;
    xfree(all);
}

static struct image blank(int width, int height) {
    struct image image = {width, height, 3, xmalloc(3 * (size_t)width * (size_t)height)};
    memset(image.pixel, 255, 3 * (size_t)width * (size_t)height);
    return image;
}

static void paint(uint8_t *p, unsigned colour, double share) {
    for (int c = 0; c < 3; c++) {
        double to = colour >> (16 - 8 * c) & 255;
        p[c] = (uint8_t)(p[c] + share * (to - p[c]) + .5);
    }
}

/* The picture greyed and dimmed, with the mask's pixels tinted: pred NULL shows the truth
 * alone. */
static void tint(const struct pack *pack, int item, const uint8_t *pred, uint8_t *rgb) {
    const uint8_t *from = pack_image(pack, item), *truth = pack_mask(pack, item);
    for (size_t i = 0; i < (size_t)pack->side * (size_t)pack->side; i++) {
        uint8_t grey = (uint8_t)((19595u * from[3 * i] + 38470u * from[3 * i + 1] +
                                  7471u * from[3 * i + 2]) >>
                                 16);
        uint8_t *p = rgb + 3 * i;
        p[0] = p[1] = p[2] = (uint8_t)(grey * 3 / 5);
        int t = bit(truth, i), q = pred ? bit(pred, i) : t;
        if (t && q)
            paint(p, FOUND, .6);
        else if (q)
            paint(p, FALSE_ALARM, .75);
        else if (t)
            paint(p, MISSED, .75);
    }
}

static void place(struct image *sheet, struct image *tile, int x, int y) {
    struct image scaled;
    resize(tile, TILE, TILE, FILTER_BILINEAR, &scaled);
    for (int row = 0; row < TILE; row++)
        memcpy(sheet->pixel + 3 * ((size_t)(y + row) * (size_t)sheet->width + (size_t)x),
               scaled.pixel + 3 * (size_t)row * TILE, 3 * TILE);
    image_free(&scaled);
}

/* A text wider than `tiles` of them gets smaller letters, then dots for its beginning:
 * names of frames differ at their ends. */
static void centred(struct image *sheet, const char *text, int left, int tiles, int y,
                    double height, unsigned colour) {
    int width = tiles * (TILE + GAP) - GAP;
    char *line = xstrdup(text);
    while (letters_width(line, height) > width && height > SMALLEST) height -= .5;
    while (letters_width(line, height) > width && *text) {
        xfree(line);
        line = xprintf("...%s", ++text);
    }
    letters_draw(sheet, line, left + (width - letters_width(line, height)) / 2, y, height,
                 colour);
    xfree(line);
}

static int column_x(int column) {
    return MARGIN + column * (TILE + GAP);
}
enum { BLOCK = HEAD + ROWS * (TILE + FOOT), LINE = 40 };

static int is_hidden(const struct block *b) {
    const char *word = bag_meta(&b->pack.bag, "redistribute");
    return word && !strcmp(word, "no") && !b->restricted;
}

/* Its set is named, nothing of it shown. */
static void hide(struct image *sheet, const struct block *b, int top,
                 const struct names *names) {
    char *text = xprintf("%s: left out, its terms forbid passing on its pictures",
                         names_get(names, b->arm[0].data));
    letters_draw(sheet, text, MARGIN, top + 26, TEXT, FAINT);
    xfree(text);
}

static void head(struct image *sheet, const struct block *b, int top,
                 const struct names *names) {
    int first = top + 38, second = top + 68;
    centred(sheet, names_get(names, b->arm[0].data), column_x(0), 1, first, TITLE, INK);
    centred(sheet, "picture", column_x(0), 1, second, TEXT, FAINT);
    centred(sheet, "ground truth", column_x(1), 1, second, TEXT, FAINT);
    for (int a = 0; a < b->arms; a++) {
        int x = column_x(2 + a);
        centred(sheet, names_get(names, b->arm[a].encoder), x, 1, first, TITLE, INK);
        centred(sheet, names_get(names, b->arm[a].arm), x, 1, second, TEXT, FAINT);
    }
}

static void key(struct image *sheet, int y) {
    static const struct {
        unsigned colour;
        const char *text;
    } entries[] = {{0xc8c8c8, "found"}, {FALSE_ALARM, "false alarm"}, {MISSED, "missed"}};
    int x = MARGIN;
    for (size_t i = 0; i < 3; i++) {
        for (int row = 0; row < TEXT; row++)
            for (int c = 0; c < TEXT; c++)
                paint(sheet->pixel +
                          3 * ((size_t)(y + row) * (size_t)sheet->width + (size_t)(x + c)),
                      entries[i].colour, 1);
        letters_draw(sheet, entries[i].text, x + 26, y + TEXT, TEXT, INK);
        x += 26 + letters_width(entries[i].text, TEXT) + 28;
    }
}

static void row(struct image *sheet, const struct block *b, int r, int item, int y) {
    static const char *const rank[ROWS] = {"lower quartile", "median", "upper quartile"};
    const struct pack *pack = &b->pack;
    struct image tile = blank(pack->side, pack->side);
    int base = y + TILE + 24;
    memcpy(tile.pixel, pack_image(pack, item), 3 * (size_t)pack->side * (size_t)pack->side);
    place(sheet, &tile, column_x(0), y);
    centred(sheet, rank[r], column_x(0), 1, base, TEXT, FAINT);
    centred(sheet, pack->name[item], column_x(0), 2, base + 25, NAME, FAINT);
    tint(pack, item, NULL, tile.pixel);
    place(sheet, &tile, column_x(1), y);
    for (int a = 0; a < b->arms; a++) {
        const uint8_t *pred = pred_of(&b->arm[a], pack, item);
        char text[32];
        snprintf(text, sizeof text, "Dice %.3f", dice(count(pack, pred, item)));
        tint(pack, item, pred, tile.pixel);
        place(sheet, &tile, column_x(2 + a), y);
        centred(sheet, text, column_x(2 + a), 1, base, TEXT, INK);
    }
    image_free(&tile);
}

static void show(struct image *sheet, const struct block *b, int top,
                 const struct names *names) {
    int item[ROWS];
    choose(&b->pack, &b->arm[0], item);
    head(sheet, b, top, names);
    for (int r = 0; r < ROWS; r++)
        row(sheet, b, r, item[r], top + HEAD + r * (TILE + FOOT));
}

void montage(const struct block *block, int blocks, const struct names *names,
             struct image *out) {
    int arms = 1, height = 0, shown = 0, y = 0;
    for (int i = 0; i < blocks; i++) {
        arms = block[i].arms > arms ? block[i].arms : arms;
        height += is_hidden(&block[i]) ? LINE : BLOCK;
        shown += !is_hidden(&block[i]);
    }
    *out = blank(column_x(2 + arms) - GAP + MARGIN, height + KEY);
    for (int i = 0; i < blocks; i++) {
        (is_hidden(&block[i]) ? hide : show)(out, &block[i], y, names);
        y += is_hidden(&block[i]) ? LINE : BLOCK;
    }
    if (shown)
        key(out, y + 8);
    else if (!blocks)
        letters_draw(out, "nothing was run", MARGIN, 30, TEXT, INK);
}
