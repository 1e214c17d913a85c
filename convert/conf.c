/* conf.c - reads a data set's conf. A key left out is an error: no default here. */
#include "convert/conf.h"
#include "core/die.h"
#include "core/file.h"
#include "core/table.h"
#include <string.h>

static const char *const keys[] = {"size",           "resize",   "mask_resize",
                                   "mask_threshold", "order",    "groups",
                                   "format",         "pictures", NULL};

static _Noreturn void refuse(const struct pairs *p, const char *key, const char *wanted) {
    die_no("%s: %s is '%s', wanted %s", quoted(p->path), key, quoted(pairs_need(p, key)),
           wanted);
}

static int integer(const struct pairs *p, const char *key, long low, long high,
                   const char *wanted) {
    long value;
    if (!integer_parse(pairs_need(p, key), &value) || value < low || value > high)
        refuse(p, key, wanted);
    return (int)value;
}

static enum filter filter(const struct pairs *p, const char *key) {
    int value = filter_parse(pairs_need(p, key));
    if (value < 0) refuse(p, key, "nearest, bilinear or bicubic");
    return (enum filter)value;
}

static enum order order(const struct pairs *p) {
    static const char *const words[] = {"numeric", "bytes", "official"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(pairs_need(p, "order"), words[i])) return (enum order)i;
    refuse(p, "order", "numeric, bytes or official");
}

static int is_table(const char *text) {
    size_t n = strlen(text);
    return n > 4 && !strcmp(text + n - 4, ".tsv");
}

static void take_groups(struct conf *conf, const struct pairs *p) {
    const char *text = pairs_need(p, "groups");
    conf->group_table = is_table(text);
    if (conf->group_table && *text != '/') {
        conf->groups =
            xprintf("%.*s%s", (int)(file_base(p->path) - p->path), p->path, text);
        return;
    }
    if (!conf->group_table && strcmp(text, "none") && strcmp(text, "folder") &&
        strcmp(text, "case"))
        refuse(p, "groups", "none, folder, case, or the name of a .tsv file");
    conf->groups = xstrdup(text);
}

static char *name_of(const char *path) {
    const char *base = file_base(path);
    size_t n = strlen(base);
    if (n < 6 || strcmp(base + n - 5, ".conf"))
        die_usage("%s: wanted a file NAME.conf, NAME being the data set's", quoted(path));
    return xprintf("%.*s", (int)n - 5, base);
}

static char *text_of(const struct pairs *p) {
    char *text = xstrdup("");
    for (int i = 0; keys[i]; i++) {
        if (!pairs_get(p, keys[i])) continue;
        char *longer = xprintf("%s%s %s\n", text, keys[i], pairs_get(p, keys[i]));
        xfree(text);
        text = longer;
    }
    return text;
}

void conf_read(struct conf *conf, const char *path, const char *name) {
    struct pairs p;
    *conf =
        (struct conf){.name = name ? xstrdup(name) : name_of(path), .path = xstrdup(path)};
    pairs_read(&p, path);
    pairs_check(&p, keys, NULL);
    conf->size = integer(&p, "size", 8, 4096, "a multiple of 8 from 8 to 4096");
    if (conf->size % 8) refuse(&p, "size", "a multiple of 8 from 8 to 4096");
    conf->resize = filter(&p, "resize");
    conf->mask_resize = filter(&p, "mask_resize");
    conf->mask_threshold =
        integer(&p, "mask_threshold", 0, 254, "a whole number from 0 to 254");
    conf->order = order(&p);
    take_groups(conf, &p);
    if (pairs_get(&p, "format")) conf->format = xstrdup(pairs_get(&p, "format"));
    conf->pictures = pairs_get(&p, "pictures")
                         ? integer(&p, "pictures", 1, 1 << 30, "a whole number from 1")
                         : -1;
    conf->text = text_of(&p);
    pairs_free(&p);
}

void conf_free(struct conf *conf) {
    xfree(conf->groups);
    xfree(conf->format);
    xfree(conf->path);
    xfree(conf->name);
    xfree(conf->text);
    *conf = (struct conf){0};
}
