/* divide.c - the rules of split. It sees names, groups and parts, never a pixel. */
#include "convert/divide.h"
#include "core/die.h"
#include "core/rng.h"
#include "core/table.h"
#include <stdlib.h>
#include <string.h>

enum set { SET_NONE, SET_TRAIN, SET_VAL };
enum { PAPER_SEED = 42 }; /* replicate s is drawn with 42 + s */

struct work {
    const struct divide *divide;
    const struct pack *pack;
    enum set *set; /* [pack->count] */
    int *group;    /* [pack->count] number of the picture's group, by first appearance */
    int groups;
};

static uint64_t seed(const struct work *w) {
    return PAPER_SEED + w->divide->replicate;
}

static void by_random(struct work *w) {
    int n = w->pack->count, train = (int)((int64_t)n * 4 / 5);
    int *order = xcalloc((size_t)n, sizeof *order);
    rng_permutation(seed(w), STREAM_SPLIT, 0, n, order);
    for (int i = 0; i < n; i++) w->set[order[i]] = i < train ? SET_TRAIN : SET_VAL;
    xfree(order);
}

struct named {
    const char *name;
    int item;
};

static int by_name(const void *a, const void *b) {
    const struct named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->item - y->item;
}

static void number_groups(struct work *w) {
    int n = w->pack->count;
    struct named *sorted = xcalloc((size_t)n, sizeof *sorted);
    int *first = xcalloc((size_t)n, sizeof *first),
        *number = xcalloc((size_t)n, sizeof *number);
    for (int i = 0; i < n; i++) sorted[i] = (struct named){w->pack->group[i], i};
    qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int i = 0; i < n; i++) {
        int same = i && !strcmp(sorted[i - 1].name, sorted[i].name);
        first[sorted[i].item] = same ? first[sorted[i - 1].item] : sorted[i].item;
    }
    for (int i = 0; i < n; i++) {
        if (first[i] == i) number[i] = w->groups++;
        w->group[i] = number[first[i]];
    }
    xfree(sorted);
    xfree(first);
    xfree(number);
}

struct bunch {
    int group, pictures, place; /* place in the permutation */
};

static int by_size(const void *a, const void *b) {
    const struct bunch *x = a, *y = b;
    return x->pictures != y->pictures ? y->pictures - x->pictures : x->place - y->place;
}

static void by_groups(struct work *w, int fold) {
    int n = w->groups, filled[DIVIDE_FOLDS] = {0};
    if (n < DIVIDE_FOLDS)
        die_no("%s: %d groups, wanted %d or more for %s", quoted(w->pack->bag.path), n,
               (int)DIVIDE_FOLDS, w->divide->kind);
    int *order = xcalloc((size_t)n, sizeof *order),
        *fold_of = xcalloc((size_t)n, sizeof *fold_of);
    struct bunch *bunch = xcalloc((size_t)n, sizeof *bunch);
    rng_permutation(seed(w), STREAM_SPLIT, 0, n, order);
    for (int i = 0; i < n; i++) {
        bunch[order[i]].group = order[i];
        bunch[order[i]].place = i;
    }
    for (int i = 0; i < w->pack->count; i++) bunch[w->group[i]].pictures++;
    qsort(bunch, (size_t)n, sizeof *bunch, by_size);
    for (int i = 0; i < n; i++) {
        int least = 0;
        for (int f = 1; f < DIVIDE_FOLDS; f++)
            if (filled[f] < filled[least]) least = f;
        fold_of[bunch[i].group] = least;
        filled[least] += bunch[i].pictures;
    }
    for (int i = 0; i < w->pack->count; i++)
        w->set[i] = fold_of[w->group[i]] == fold ? SET_VAL : SET_TRAIN;
    xfree(order);
    xfree(fold_of);
    xfree(bunch);
}

static int find(const struct named *sorted, int n, const char *name) {
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (strcmp(sorted[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && !strcmp(sorted[low].name, name) ? sorted[low].item : -1;
}

static enum set read_list(struct work *w, const struct named *sorted, const char *list) {
    int train = !strncmp(list, "train=", 6);
    enum set set = train ? SET_TRAIN : SET_VAL;
    if (!train && strncmp(list, "val=", 4))
        die_usage("--list %s: wanted train=FILE or val=FILE", quoted(list));
    struct pairs p;
    pairs_read(&p, strchr(list, '=') + 1);
    for (int i = 0; i < p.count; i++) {
        const struct pair *line = &p.pair[i];
        int item = find(sorted, w->pack->count, line->key);
        if (*line->value)
            die_no("%s:%d: a blank in a name, wanted one name a line", quoted(p.path),
                   line->line);
        if (item < 0)
            die_no(
                "%s:%d: '%s' is not in %s, wanted names of that set; another set's list?",
                quoted(p.path), line->line, quoted(line->key), quoted(w->pack->bag.path));
        if (w->set[item])
            die_no("%s:%d: '%s' is listed twice, wanted once", quoted(p.path), line->line,
                   quoted(line->key));
        w->set[item] = set;
    }
    pairs_free(&p);
    return set;
}

static void by_lists(struct work *w) {
    int n = w->pack->count, seen = 0;
    struct named *sorted = xcalloc((size_t)n, sizeof *sorted);
    for (int i = 0; i < n; i++) sorted[i] = (struct named){w->pack->name[i], i};
    qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int i = 0; i < w->divide->lists; i++)
        seen |= 1 << read_list(w, sorted, w->divide->list[i]);
    xfree(sorted);
    enum set rest = seen == 1 << SET_TRAIN ? SET_VAL
                    : seen == 1 << SET_VAL ? SET_TRAIN
                                           : SET_NONE;
    for (int i = 0; i < n; i++) {
        if (!w->set[i]) w->set[i] = rest;
        if (!w->set[i])
            die_no(
                "'%s' is in no list, wanted it in one; list train or val alone to give the "
                "rest to "
                "the other",
                quoted(w->pack->name[i]));
    }
}

/* Line i of a text tensor that core/pack.h does not know. */
static void by_part(struct work *w) {
    const struct tensor *t = bag_find(&w->pack->bag, "part");
    if (!t)
        die_no("%s: no parts in it, wanted lists: --list train=FILE or --list val=FILE",
               quoted(w->pack->bag.path));
    t = bag_need(&w->pack->bag, "part", T_U8, 1);
    const char *at = t->data, *end = at + tensor_count(t);
    for (int i = 0; i < w->pack->count; i++) {
        const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (!stop)
            die_no("%s: part has fewer than %d lines; delete it and run make again",
                   quoted(w->pack->bag.path), w->pack->count);
        int train = stop - at >= 5 && !strncmp(at, "Train", 5);
        w->set[i] = train ? SET_TRAIN : SET_VAL;
        at = stop + 1;
    }
}

static void divide(struct work *w) {
    const char *kind = w->divide->kind;
    int lists = w->divide->lists,
        named = !strcmp(kind, "official") || !strcmp(kind, "pranet");
    if (lists && !named)
        die_usage("--list: wanted with official or pranet only, not %s", kind);
    if (!strcmp(kind, "random"))
        by_random(w);
    else if (!strcmp(kind, "all"))
        for (int i = 0; i < w->pack->count; i++) w->set[i] = SET_VAL;
    else if (!strncmp(kind, "grouped-f", 9) && kind[9] >= '0' && kind[9] <= '4' &&
             !kind[10])
        by_groups(w, kind[9] - '0');
    else if (!named)
        die_usage(
            "kind '%s': wanted random, grouped-f0 to grouped-f4, official, pranet or all",
            quoted(kind));
    else if (lists)
        by_lists(w);
    else if (!strcmp(kind, "official"))
        by_part(w);
    else
        die_usage("pranet: wanted --list val=FILE, the names of the test pictures");
}

static void tell(const struct work *w, const char *out, int train, int val) {
    int shared = 0;
    char *trains = xcalloc((size_t)w->groups, 1);
    for (int i = 0; i < w->pack->count; i++) trains[w->group[i]] |= w->set[i] == SET_TRAIN;
    for (int i = 0; i < w->pack->count; i++)
        shared += w->set[i] == SET_VAL && trains[w->group[i]];
    warn(
        "%s: %d train, %d validate, %d groups; %d of %d validation pictures (%.1f %%) have "
        "a training "
        "picture of their group",
        out, train, val, w->groups, shared, val, 100.0 * shared / val);
    xfree(trains);
}

void divide_write(const struct divide *d, const struct pack *pack, const char *path) {
    static const char *const words[] = {"", "train", "val"};
    size_t n = (size_t)pack->count;
    struct work w = {.divide = d, .pack = pack};
    int count[3] = {0};
    w.set = xcalloc(n, sizeof *w.set);
    w.group = xcalloc(n, sizeof *w.group);
    number_groups(&w);
    divide(&w);
    for (size_t i = 0; i < n; i++) count[w.set[i]]++;
    if ((!count[SET_TRAIN] && strcmp(d->kind, "all")) || !count[SET_VAL])
        die_no("%s: %d train and %d validate, wanted some of both", quoted(pack->bag.path),
               count[SET_TRAIN], count[SET_VAL]);
    struct out *out = out_open(path);
    out_printf(out, "name\tgroup\tset\n");
    for (size_t i = 0; i < n; i++)
        out_printf(out, "%s\t%s\t%s\n", pack->name[i], pack->group[i], words[w.set[i]]);
    out_commit(out);
    tell(&w, path, count[SET_TRAIN], count[SET_VAL]);
    xfree(w.set);
    xfree(w.group);
}
