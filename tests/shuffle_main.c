/* shuffle - a pack whose pictures were dealt out anew among its masks: what a program must
 * fail to learn. Names, masks and groups stay; only who belongs to whom is lost. */
#include "core/die.h"
#include "core/pack.h"
#include "core/rng.h"
#include <stdio.h>
#include <string.h>

static void write_pictures(struct bag_writer *w, const struct pack *pack) {
    int n = pack->count, *order = xcalloc((size_t)n, sizeof *order);
    size_t bytes = 3 * (size_t)pack->side * (size_t)pack->side;
    rng_permutation(1, STREAM_SPLIT, 0, n, order);
    bag_begin(w, "image", T_U8);
    for (int i = 0; i < n; i++) bag_write(w, pack_image(pack, order[i]), bytes);
    bag_end(w, 4, (int[]){n, pack->side, pack->side, 3});
    xfree(order);
}

int main(int argc, char **argv) {
    die_name("shuffle");
    if (argc != 3)
        die_usage("found %d names, wanted PACK OUT, as shuffle cvc.bag dealt.bag",
                  argc - 1);
    struct pack pack;
    pack_open(&pack, argv[1]);
    struct bag_writer *w = bag_create(argv[2]);
    for (int i = 0; i < pack.bag.metas; i++)
        bag_add_meta(w, pack.bag.meta[2 * i], pack.bag.meta[2 * i + 1]);
    for (int i = 0; i < pack.bag.count; i++) {
        const struct tensor *t = &pack.bag.tensor[i];
        if (strcmp(t->name, "image"))
            bag_add(w, t);
        else
            write_pictures(w, &pack);
    }
    bag_commit(w);
    pack_close(&pack);
    return 0;
}
