/* masks.c - opens predicted masks and holds them against their pack. */
#include "core/die.h"
#include "report/montage.h"
#include "report/results.h"
#include <string.h>

static void read_items(struct masks *m, const struct pack *pack, const char *path) {
    const struct tensor *name = bag_need(&m->bag, "name", T_U8, 1);
    const char *s = name->data, *end = s + name->dim[0];
    m->item = xcalloc((size_t)m->count, sizeof *m->item);
    for (int i = 0; i < m->count; i++) {
        const char *stop = s < end ? memchr(s, '\n', (size_t)(end - s)) : NULL;
        if (!stop)
            die_no("%s: %d names, wanted %d, each ended by a newline", path, i, m->count);
        char *text = xprintf("%.*s", (int)(stop - s), s);
        m->item[i] = pack_find(pack, text);
        if (m->item[i] < 0)
            die_no("%s: picture '%s' is not in %s", path, quoted(text), pack->bag.map.path);
        xfree(text);
        s = stop + 1;
    }
    if (s != end) die_no("%s: more names than masks (%d)", path, m->count);
}

void masks_open(struct masks *m, const char *path, const struct pack *pack,
                const char *pack_sha) {
    *m = (struct masks){0};
    bag_open(&m->bag, path);
    const struct tensor *pred = bag_need(&m->bag, "pred", T_U8, 2);
    int bytes = pack->side * pack->side / 8;
    if (pred->dim[0] < 1 || pred->dim[1] != bytes)
        die_no("%s: masks %s, wanted [n,%d] for pictures of %d pixels", path,
               tensor_shape(pred), bytes, pack->side);
    if (strcmp(bag_need_meta(&m->bag, "pack"), pack_sha) != 0)
        die_no("%s: predicted from another pack than %s; make the masks again", path,
               pack->bag.map.path);
    const char *cell = bag_need_meta(&m->bag, "cell");
    if (!cell_parts(cell, &m->encoder, &m->arm, &m->data))
        die_no("%s: cell '%s', wanted encoder-pretraining-dataset", path, quoted(cell));
    m->count = pred->dim[0];
    m->pred = pred->data;
    read_items(m, pack, path);
}

void masks_close(struct masks *m) {
    xfree(m->item);
    xfree(m->encoder);
    xfree(m->arm);
    xfree(m->data);
    bag_close(&m->bag);
    *m = (struct masks){0};
}
