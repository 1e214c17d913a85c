/* eval.c - logits to masks and counts, counts to rows. It computes no statistic over
 * images. */
#include "eval.h"
#include "core/cell.h"
#include "core/die.h"
#include "core/progress.h"
#include "core/resize.h"
#include "core/table.h"
#include <string.h>

/* The predicted mask as the pack stores masks: a bit a pixel, lowest first. */
static void to_bits(const float *logits, size_t pixels, uint8_t *bits) {
    memset(bits, 0, pixels / 8);
    for (size_t j = 0; j < pixels; j++)
        if (logits[j] > 0) bits[j / 8] |= (uint8_t)(1 << j % 8);
}

static struct counts count_network(const uint8_t *pred, const uint8_t *truth,
                                   size_t pixels) {
    struct counts c = {0, 0, 0};
    for (size_t i = 0; i < pixels / 8; i++) {
        c.inter += __builtin_popcount(pred[i] & truth[i]);
        c.pred += __builtin_popcount(pred[i]);
        c.truth += __builtin_popcount(truth[i]);
    }
    return c;
}

static struct counts count_original(const struct pack *pack, int item,
                                    const float *logits) {
    int height = pack->size[2 * item], width = pack->size[2 * item + 1];
    size_t pixels = (size_t)height * (size_t)width;
    float *plane = xmalloc(pixels * sizeof *plane);
    uint8_t *truth = xmalloc(pixels), *pred = xmalloc(pixels);
    resize_plane(logits, pack->side, pack->side, plane, height, width, 0);
    pack_original(pack, item, truth);
    for (size_t j = 0; j < pixels; j++) pred[j] = plane[j] > 0;
    struct counts c = count_masks(pred, truth, (int64_t)pixels);
    xfree(pred);
    xfree(truth);
    xfree(plane);
    return c;
}

/* Fills counts[i] and the masks' bits of every validation image. */
static void score_all(const struct eval_options *o, const struct pack *pack,
                      const struct split *split, struct counts *counts, uint8_t *bits) {
    size_t pixels = (size_t)pack->side * (size_t)pack->side;
    struct source *s = source_open(o, pack, split);
    struct progress progress;
    int batch = source_batch(s);
    float *logits = xmalloc(size_mul((size_t)batch * sizeof *logits, pixels, "logits"));
    progress_start(&progress, "scoring", "pictures", split->val, 0);
    for (int i = 0; i < split->val; i += batch) {
        int n = split->val - i < batch ? split->val - i : batch;
        source_logits(s, split->val_item + i, n, logits);
        for (int k = 0; k < n; k++) {
            int item = split->val_item[i + k];
            const float *plane = logits + (size_t)k * pixels;
            uint8_t *pred = bits + (size_t)(i + k) * (pixels / 8);
            to_bits(plane, pixels, pred);
            counts[i + k] = o->original
                                ? count_original(pack, item, plane)
                                : count_network(pred, pack_mask(pack, item), pixels);
        }
        progress_step(&progress, i + n, NULL);
    }
    progress_end(&progress);
    xfree(logits);
    source_close(s);
}

static void write_rows(const struct eval_options *o, const struct pack *pack,
                       const struct split *split, const struct counts *counts) {
    static const char *const empties[] = {"none", "pred", "truth", "both"};
    char *size = o->original ? xstrdup("orig") : xprintf("%d", pack->side);
    struct out *out = out_open(o->out);
    out_printf(out, "name\tgroup\tsize\tinter\tpred\ttruth\tempty\tdice\tiou\n");
    for (int i = 0; i < split->val; i++) {
        struct counts c = counts[i];
        int item = split->val_item[i];
        out_printf(out, "%s\t%s\t%s\t%lld\t%lld\t%lld\t%s\t%s\t%s\n", pack->name[item],
                   pack->group[item], size, (long long)c.inter, (long long)c.pred,
                   (long long)c.truth, empties[!c.pred + 2 * !c.truth],
                   number_text(dice(c)), number_text(iou(c)));
    }
    out_commit(out);
    xfree(size);
}

/* Predicted masks at the network's size: `pred` as a pack's masks, `name` a line each. */
static void write_masks(const struct eval_options *o, const struct pack *pack,
                        const struct split *split, const uint8_t *bits) {
    int bytes = pack->side * pack->side / 8, length = 0;
    struct bag_writer *w = bag_create(o->masks);
    char sha[65], *side = xprintf("%d", pack->side);
    sha_file(o->pack, sha);
    bag_add_meta(w, "format", "repolyp masks 1");
    bag_add_meta(w, "cell", o->cell);
    bag_add_meta(w, "side", side);
    bag_add_meta(w, "pack", sha);
    bag_begin(w, "pred", T_U8);
    bag_write(w, bits, (size_t)split->val * (size_t)bytes);
    bag_end(w, 2, (int[]){split->val, bytes});
    bag_begin(w, "name", T_U8);
    for (int i = 0; i < split->val; i++) {
        const char *name = pack->name[split->val_item[i]];
        bag_write(w, name, strlen(name));
        bag_write(w, "\n", 1);
        length += (int)strlen(name) + 1;
    }
    bag_end(w, 1, (int[]){length});
    bag_commit(w);
    xfree(side);
}

void eval(const struct eval_options *o) {
    struct pack pack;
    struct split split;
    struct cell cell;
    cell_parse(&cell, o->cell);
    pack_open(&pack, o->pack);
    split_open(&split, o->split, &pack);
    if (!split.val) die_no("%s: no validation picture, nothing to score", o->split);
    size_t bytes = (size_t)pack.side * (size_t)pack.side / 8;
    struct counts *counts = xcalloc((size_t)split.val, sizeof *counts);
    uint8_t *bits = xcalloc((size_t)split.val, bytes);
    score_all(o, &pack, &split, counts, bits);
    if (o->masks) write_masks(o, &pack, &split, bits);
    write_rows(o, &pack, &split, counts);
    xfree(bits);
    xfree(counts);
    split_close(&split);
    pack_close(&pack);
}
