/* sets.c - who trains, who validates, who chooses the checkpoint. It never looks at a
 * pixel. */
#include "core/die.h"
#include "core/rng.h"
#include "train.h"

static void fill(struct sets *sets, enum set set, const struct pack *pack, int count) {
    size_t n = (size_t)count + 1;
    const uint8_t **image = xcalloc(n, sizeof *image), **mask = xcalloc(n, sizeof *mask);
    for (int i = 0; i < count; i++) {
        image[i] = pack_image(pack, sets->item[set][i]);
        mask[i] = pack_mask(pack, sets->item[set][i]);
    }
    sets->set[set] = (struct pictures){count, pack->side, image, mask};
}

/* Takes a tenth (at least one) out of the n training items; returns how many stay. */
static int hold_out(struct sets *sets, int n, uint64_t seed, int *held) {
    int *order = xcalloc((size_t)n + 1, sizeof *order), *train = sets->item[SET_TRAIN],
        stay = 0;
    char *out = xcalloc((size_t)n + 1, 1);
    int tenth = n / 10 > 1 ? n / 10 : 1;
    if (n < 2) tenth = 0;
    rng_permutation(seed, STREAM_SPLIT, 1, n, order);
    for (int i = 0; i < tenth; i++) out[order[i]] = 1;
    *held = 0;
    for (int i = 0; i < n; i++) {
        if (out[i])
            sets->item[SET_PICK][(*held)++] = train[i];
        else
            train[stay++] = train[i];
    }
    xfree(out);
    xfree(order);
    return stay;
}

/* ASPP's pool branch batch-normalises a 1x1 map: with one picture there is one value a
 * channel and no variance, which PyTorch refuses in mid-epoch. */
static int leaves_one(int n, int batch) {
    return batch < 2 || n % batch == 1;
}

static void check_batches(const struct recipe *r, int n, const char *path) {
    const int part = recipe_part(r), parted = r->accumulate > 1;
    if (part == 1)
        die_no(
            "%s: %s is 1, wanted at least 2: the ASPP's pool branch batch-normalises one "
            "value a picture; set batch to %d or more",
            path, parted ? "batch / accumulate" : "batch", 2 * r->accumulate);
    if (r->drop_last && n < r->batch)
        die_no("%s: %d training pictures make no whole batch of %d and drop_last is yes; "
               "set a "
               "smaller batch",
               path, n, r->batch);
    if (r->drop_last || !leaves_one(n, part)) return;
    int other = part;
    while (other > 1 && leaves_one(n, other)) other--;
    if (other < 2) other = n;
    die_no("%s: %d training pictures in %s of %d leave a last %s of one picture, which the "
           "batch norm after the ASPP's pooling cannot take; set drop_last to yes or "
           "another batch, as %d",
           path, n, parted ? "parts" : "batches", part, parted ? "part" : "batch",
           other * r->accumulate);
}

static void copy(int *to, const int *from, int n) {
    for (int i = 0; i < n; i++) to[i] = from[i];
}

void sets_make(struct sets *sets, const struct pack *pack, const struct split *split,
               const struct recipe *recipe, uint64_t seed, const char *split_path) {
    enum { HELDOUT = 3 };
    size_t room = (size_t)pack->count + 1;
    int train = split->train, val = split->val, pick = 0;
    for (int s = 0; s < SET_COUNT; s++) sets->item[s] = xcalloc(room, sizeof(int));
    copy(sets->item[SET_TRAIN], split->train_item, train);
    copy(sets->item[SET_VAL], split->val_item, val);
    if (recipe->pick == HELDOUT && split->pick) {
        pick = split->pick;
        copy(sets->item[SET_PICK], split->pick_item, pick);
    } else if (recipe->pick == HELDOUT) {
        train = hold_out(sets, train, seed, &pick);
    } else {
        copy(sets->item[SET_TRAIN] + train, split->pick_item, split->pick);
        train += split->pick;
    }
    if (train < 2)
        die_no("%s: found %d training pictures, wanted at least 2", split_path, train);
    if (!val) die_no("%s: found no validation picture, wanted at least 1", split_path);
    check_batches(recipe, train, split_path);
    fill(sets, SET_TRAIN, pack, train);
    fill(sets, SET_VAL, pack, val);
    fill(sets, SET_PICK, pack, pick);
}

void sets_free(struct sets *sets) {
    for (int s = 0; s < SET_COUNT; s++) {
        xfree((void *)sets->set[s].image);
        xfree((void *)sets->set[s].mask);
        xfree(sets->item[s]);
    }
}
