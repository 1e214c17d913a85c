/* h5.c - walks a Keras file and copies what it allows; see h5.h. The one file that sees
 * libhdf5.
 *
 * It reads no attribute, follows no link but hard ones, and interprets no weight. */
#include "convert/h5.h"
#include "core/bag.h"
#include "core/die.h"
#include <hdf5/serial/hdf5.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char remedy[] = "re-save it with Keras's save_weights";
enum { NAME = 255 };

struct walk {
    const char *path;         /* of the file */
    hid_t access, file, half; /* half: the type F16LE */
    uint64_t size;            /* bytes of the file */
    uint64_t bytes;           /* of the datasets so far */
    int links, tensors;
    struct bag_writer *bag;
    void *data;  /* the newest dataset's; its pages serve the next one too */
    size_t room; /* bytes of data */
};

struct link {
    char name[NAME + 2]; /* a longer one is cut, and refused for its length */
    H5L_type_t type;
};
struct links {
    struct link *link;
    int count, most; /* most: room, and where collecting stops */
};

static _Noreturn void refuse(const struct walk *w, const char *name, const char *found,
                             const char *wanted) {
    die_no("%s: '%s': %s, wanted %s; %s", w->path, quoted(name), found, wanted, remedy);
}

/* What the library itself says: the first and innermost entry of its error stack, and
 * whether the file is to blame or the world. */
struct cause {
    char why[128];
    int world;
};

static herr_t find_cause(unsigned n, const H5E_error2_t *error, void *arg) {
    struct cause *c = arg;
    const char *desc = error->desc ? error->desc : "", *number = strstr(desc, "errno = ");
    if (n == 0) snprintf(c->why, sizeof c->why, "%s", desc);
    if (number) { /* the driver's; what stands there besides names the time of day */
        snprintf(c->why, sizeof c->why, "%s", strerror(atoi(number + 8)));
        c->world = 1;
    }
    c->world |= error->maj_num == H5E_RESOURCE && error->min_num == H5E_NOSPACE;
    return 0;
}

/* Of the call that has just failed: the library forgets it at the next. */
static struct cause last_cause(void) {
    struct cause c = {"no reason given", 0};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_cause, &c);
    return c;
}

static _Noreturn void fail(const struct walk *w, const struct cause *c, const char *name,
                           const char *doing) {
    if (c->world)
        die_world("%s: '%s': libhdf5 cannot %s: %s; wanted memory and a readable file",
                  w->path, quoted(name), doing, quoted(c->why));
    die_no("%s: '%s': libhdf5 cannot %s: %s; wanted a sound Keras file, fetch it again",
           w->path, quoted(name), doing, quoted(c->why));
}

/* A library's call that failed. */
static hid_t need(const struct walk *w, hid_t id, const char *name, const char *doing) {
    if (id >= 0) return id;
    struct cause c = last_cause();
    fail(w, &c, name, doing);
}

/* ---- links ---- */

/* Dies of nothing: the library would be left in the middle of its walk. */
static herr_t collect(hid_t group, const char *name, const H5L_info_t *info, void *arg) {
    struct links *links = arg;
    (void)group;
    if (links->count == links->most) return 1; /* stops the walk */
    struct link *l = &links->link[links->count++];
    snprintf(l->name, sizeof l->name, "%s", name);
    l->type = info->type;
    return 0;
}

/* A group's links, sorted by name, each a hard one. */
static void read_links(struct walk *w, hid_t group, const char *name, struct links *links) {
    H5G_info_t info;
    need(w, H5Gget_info(group, &info), name, "count it");
    hsize_t left = (hsize_t)(H5_LINKS - w->links);
    if (info.nlinks > left) refuse(w, name, "more than 100,000 objects", "a network");
    *links = (struct links){.most = (int)info.nlinks};
    links->link = xcalloc((size_t)info.nlinks + 1, sizeof *links->link);
    need(w, H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, collect, links), name,
         "list it");
    w->links += links->count;
    for (int i = 0; i < links->count; i++) {
        const struct link *l = &links->link[i];
        if (l->type != H5L_TYPE_HARD)
            refuse(w, l->name,
                   l->type == H5L_TYPE_SOFT       ? "a soft link"
                   : l->type == H5L_TYPE_EXTERNAL ? "a link into another file"
                                                  : "a link of a kind of its own",
                   "datasets that lie in this file");
    }
}

/* ---- datasets ---- */

static void check_filters(const struct walk *w, hid_t plist, const char *name) {
    int n = H5Pget_nfilters(plist);
    for (int i = 0; i < n; i++) {
        unsigned flags, config;
        size_t values = 0;
        char text[32];
        H5Z_filter_t f = H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL,
                                        sizeof text, text, &config);
        if (f != H5Z_FILTER_DEFLATE && f != H5Z_FILTER_SHUFFLE &&
            f != H5Z_FILTER_FLETCHER32)
            refuse(w, name, xprintf("filter %d", (int)f), "deflate, shuffle or fletcher32");
    }
    if (n < 0 || n > 3) refuse(w, name, xprintf("%d filters", n), "at most three");
}

static H5D_layout_t check_plist(const struct walk *w, hid_t plist, const char *name) {
    if (H5Pget_external_count(plist) != 0)
        refuse(w, name, "external storage (its data in another file)", "data in this file");
    H5D_layout_t layout = H5Pget_layout(plist);
    if (layout == H5D_VIRTUAL)
        refuse(w, name, "a virtual dataset (its data in other datasets)",
               "data of its own");
    if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)
        refuse(w, name, "compact or unknown layout", "contiguous or chunked data");
    check_filters(w, plist, name);
    return layout;
}

static enum type check_type(const struct walk *w, hid_t type, const char *name) {
    if (H5Tequal(type, H5T_IEEE_F32LE) > 0) return T_F32;
    if (H5Tequal(type, w->half) > 0) return T_F16;
    refuse(w, name, "elements of another type", "little-endian floats of 4 or 2 bytes");
}

/* Fills ndim and dim; checks every product. */
static void check_space(const struct walk *w, hid_t space, const char *name,
                        struct tensor *t) {
    hsize_t dim[H5S_MAX_RANK], n = 1;
    int ndim = H5Sget_simple_extent_ndims(space);
    H5S_class_t class = H5Sget_simple_extent_type(space);
    if (class == H5S_NULL || class == H5S_NO_CLASS || ndim < 0)
        refuse(w, name, "no data", "a tensor");
    if (ndim > TENSOR_DIMS)
        refuse(w, name, xprintf("%d dimensions", ndim), "at most 8 dimensions");
    H5Sget_simple_extent_dims(space, dim, NULL);
    t->ndim = ndim;
    for (int d = 0; d < ndim; d++) {
        if (dim[d] > INT_MAX || __builtin_mul_overflow(n, dim[d], &n) || n > H5_ELEMENTS)
            refuse(w, name, "more than 2^30 elements", "an encoder's weights");
        t->dim[d] = (int)dim[d];
    }
}

/* Chunks inside the dataset, each of them written, all of them in the file: the library
 * takes memory for as many bytes as a chunk is said to have. H5Dget_space_status would call
 * whatever is deflated half written: it counts bytes. */
static void check_chunks(const struct walk *w, hid_t set, hid_t space, hid_t plist,
                         const char *name, const struct tensor *t) {
    hsize_t chunk[H5S_MAX_RANK], has = 0, wanted = 1;
    int n = H5Pget_chunk(plist, H5S_MAX_RANK, chunk), fits = n == t->ndim;
    for (int d = 0; d < n && fits; d++) fits = chunk[d] && chunk[d] <= (hsize_t)t->dim[d];
    if (!fits) refuse(w, name, "chunks larger than it", "chunks that lie inside it");
    for (int d = 0; d < n; d++) wanted *= ((hsize_t)t->dim[d] - 1) / chunk[d] + 1;
    if (H5Dget_num_chunks(set, space, &has) < 0 || has != wanted)
        refuse(w, name, "chunks that were never written", "all of its data");
    unsigned long long stored = H5Dget_storage_size(set), size = w->size; /* 0: it failed */
    if (!stored || stored > size)
        refuse(w, name, xprintf("%llu bytes of chunks in a file of %llu", stored, size),
               "chunks that are there");
}

/* The bytes in the file agree with what the shape wants. */
static void check_storage(struct walk *w, hid_t set, hid_t space, hid_t plist,
                          H5D_layout_t layout, const char *name, const struct tensor *t) {
    size_t wanted = tensor_bytes(t);
    w->bytes += wanted; /* each at most 4 GiB, at most 100,000 of them */
    if (w->bytes / H5_GROWTH > w->size)
        refuse(w, name,
               xprintf("%llu bytes of tensors up to here in a file of %llu",
                       (unsigned long long)w->bytes, (unsigned long long)w->size),
               "at most 16 times the file");
    if (layout == H5D_CHUNKED) {
        check_chunks(w, set, space, plist, name, t);
        return;
    }
    unsigned long long has = H5Dget_storage_size(set);
    if (has != wanted)
        refuse(w, name, xprintf("%llu bytes in the file", has),
               xprintf("%zu for %s %s", wanted, type_name(t->type), tensor_shape(t)));
}

/* Memory for that many bytes, of which none needs to be kept. */
static void *make_room(struct walk *w, size_t bytes) {
    if (bytes > w->room || !w->data) {
        xfree(w->data);
        w->data = xaligned(bytes + 1);
        w->room = bytes;
    }
    return w->data;
}

/* Among the first thousand chunks: asking for one walks over those before it. */
static int has_empty_chunk(hid_t set, hid_t space) {
    hsize_t at[H5S_MAX_RANK], n = 0, bytes = 0;
    unsigned mask;
    haddr_t where;
    H5Dget_num_chunks(set, space, &n);
    for (hsize_t i = 0; i < n && i < 1000; i++)
        if (H5Dget_chunk_info(set, space, i, at, &mask, &where, &bytes) < 0 || !bytes)
            return 1;
    return 0;
}

static void read_data(const struct walk *w, hid_t set, hid_t space, hid_t type,
                      H5D_layout_t layout, const char *name, void *to) {
    if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, to) >= 0) return;
    struct cause c = last_cause(); /* of no bytes it says that memory for them is lacking */
    if (layout == H5D_CHUNKED && has_empty_chunk(set, space)) c.world = 0;
    fail(w, &c, name, "read it");
}

static void copy_dataset(struct walk *w, hid_t set, const char *name) {
    hid_t plist = need(w, H5Dget_create_plist(set), name, "say how it is stored");
    H5D_layout_t layout = check_plist(w, plist, name);
    hid_t type = need(w, H5Dget_type(set), name, "tell its type");
    hid_t space = need(w, H5Dget_space(set), name, "tell its shape");
    char *text = xstrdup(name);
    size_t n = strlen(text);
    if (n > 2 && !strcmp(text + n - 2, ":0")) text[n - 2] = 0;
    struct tensor t = {.name = text, .type = check_type(w, type, name)};
    check_space(w, space, name, &t);
    check_storage(w, set, space, plist, layout, name, &t);
    t.data = make_room(w, tensor_bytes(&t));
    read_data(w, set, space, type, layout, name, t.data);
    bag_add(w->bag, &t);
    w->tensors++;
    xfree(text);
    H5Sclose(space);
    H5Tclose(type);
    H5Pclose(plist);
}

/* ---- the tree ---- */

static char *path_of(const struct walk *w, const char *prefix, const char *name) {
    char *path = *prefix ? xprintf("%s/%s", prefix, name) : xstrdup(name);
    int good = *name && strlen(path) <= NAME;
    for (const char *p = path; *p && good; p++) good = *p > 0x20 && *p < 0x7f;
    if (!good)
        die_no("%s: an object named '%s', wanted a path of 1 to 255 printable characters; "
               "%s",
               w->path, quoted(path), remedy);
    return path;
}

static void walk_group(struct walk *w, hid_t group, const char *prefix, int depth);

static void walk_object(struct walk *w, hid_t group, const char *name, const char *path,
                        int depth) {
    hid_t object = need(w, H5Oopen(group, name, H5P_DEFAULT), path, "open it");
    switch (H5Iget_type(object)) {
    case H5I_GROUP:
        if (depth == H5_DEPTH) refuse(w, path, "groups more than 16 deep", "a network");
        walk_group(w, object, path, depth + 1);
        break;
    case H5I_DATASET:
        copy_dataset(w, object, path);
        break;
    default:
        refuse(w, path, "neither group nor dataset", "one of them");
    }
    H5Oclose(object);
}

static void walk_group(struct walk *w, hid_t group, const char *prefix, int depth) {
    struct links links;
    read_links(w, group, *prefix ? prefix : "/", &links);
    for (int i = 0; i < links.count; i++) {
        char *path = path_of(w, prefix, links.link[i].name);
        walk_object(w, group, links.link[i].name, path, depth);
        xfree(path);
    }
    xfree(links.link);
}

/* The group that holds the weights: /model_weights where there is one, else the root. */
static hid_t find_weights(struct walk *w) {
    struct links links;
    int whole = 0, optimizer = 0;
    hid_t root = need(w, H5Gopen2(w->file, "/", H5P_DEFAULT), "/", "open it");
    read_links(w, root, "/", &links);
    for (int i = 0; i < links.count; i++) {
        whole |= !strcmp(links.link[i].name, "model_weights");
        optimizer |= !strcmp(links.link[i].name, "optimizer_weights");
    }
    xfree(links.link);
    if (!whole) return root;
    if (optimizer) warn("%s: a whole model; the optimizer's state is left out", w->path);
    H5Gclose(root);
    return need(w, H5Gopen2(w->file, "/model_weights", H5P_DEFAULT), "model_weights",
                "open it");
}

static hid_t half_type(void) {
    hid_t t = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(t, 15, 10, 5, 0, 10);
    H5Tset_size(t, 2);
    H5Tset_ebias(t, 15);
    return t;
}

static void close_file(void *arg) {
    struct walk *w = arg;
    if (w->half > 0) H5Tclose(w->half);
    if (w->file > 0) H5Fclose(w->file); /* with all that was opened in it */
    if (w->access > 0) H5Pclose(w->access);
}

static void open_file(struct walk *w) {
    w->access = need(w, H5Pcreate(H5P_FILE_ACCESS), "/", "open files");
    H5Pset_fclose_degree(w->access, H5F_CLOSE_STRONG);
    H5Pset_file_locking(w->access, 0,
                        1); /* reading needs none; some file systems have none */
    w->file = need(w, H5Fopen(w->path, H5F_ACC_RDONLY, w->access), "/", "open the file");
    w->half = need(w, half_type(), "/", "make a type");
}

/* The library's own end is left out: with a refused virtual dataset open it jumps to
 * freed memory (1.10.8). */
void h5_start(void) {
    if (setenv("HDF5_PLUGIN_PRELOAD", "::", 1) || H5dont_atexit() < 0 || H5open() < 0 ||
        H5PLset_loading_state(0) < 0 || H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0)
        die_world("libhdf5 does not start; wanted memory for it");
}

void h5_convert(const char *path, const char *out) {
    struct walk w = {.path = path, .size = file_size(path)};
    char sha256[65];
    struct map map;
    map_open(&map, path);
    if (map.size < 8 || memcmp(map.data, "\211HDF\r\n\032\n", 8))
        die_no("%s: begins with '%s', wanted a Keras file (HDF5)", path,
               quoted_bytes(map.data, map.size < 16 ? map.size : 16));
    sha_bytes(map.data, map.size, sha256);
    map_close(&map);
    die_cleanup(close_file, &w);
    open_file(&w);
    w.bag = bag_create(out);
    bag_add_meta(w.bag, "format", "repolyp hdf5 1");
    bag_add_meta(w.bag, "sha256", sha256);
    hid_t group = find_weights(&w);
    walk_group(&w, group, "", 1);
    H5Gclose(group);
    if (!w.tensors) die_no("%s: no dataset, wanted a network's weights; %s", path, remedy);
    bag_commit(w.bag);
    die_cleanup_forget(close_file, &w);
    close_file(&w);
    xfree(w.data);
}
