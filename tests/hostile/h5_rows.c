/* h5_rows.c - Keras files that reach into others, loop, or declare what is not there. Made
 * by libhdf5 itself, in memory. Models: CVE-2026-1669 (external storage),
 * GHSA-3m4q-jmj6-r34q. */
#include "core/die.h"
#include "tests/hostile/sets.h"
#include <hdf5/serial/hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- files in memory ---- */

static hid_t create(void) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, 0);
    static int count; /* the library wants a name for each */
    char name[32];
    snprintf(name, sizeof name, "memory%d", count++);
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    return file;
}

/* The file's bytes; closes it. */
static void take(hid_t file, struct bytes *to) {
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    ssize_t n = H5Fget_file_image(file, NULL, 0);
    if (n < 0) die_usage("h5_rows.c: libhdf5 has no image of its file");
    to->data = xmalloc((size_t)n);
    to->n = to->room = (size_t)n;
    H5Fget_file_image(file, to->data, to->n);
    H5Fclose(file);
}

/* A dataset of so many rows of three; `plist` is closed. */
static void add(hid_t at, const char *name, hid_t type, hid_t plist, hsize_t rows,
                const void *data) {
    hsize_t dim[2] = {rows, 3};
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t space = H5Screate_simple(2, dim, NULL);
    hid_t set = H5Dcreate2(at, name, type, space, links, plist, H5P_DEFAULT);
    if (set < 0) die_usage("h5_rows.c: no dataset %s", name);
    if (data) H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
    H5Dclose(set);
    H5Sclose(space);
    H5Pclose(links);
    if (plist != H5P_DEFAULT) H5Pclose(plist);
}

static const float *draw_rows(struct stage *s, int rows) {
    static float value[3 * 64];
    for (int i = 0; i < 3 * rows; i++) value[i] = (float)draw_between(s, -99, 99) / 7;
    return value;
}

/* A file with one honest tensor; more is added by the maker. */
static hid_t begin(struct stage *s) {
    hid_t file = create();
    add(file, "conv/conv/kernel:0", H5T_IEEE_F32LE, H5P_DEFAULT, 2, draw_rows(s, 2));
    return file;
}

static hid_t chunked(hsize_t rows) {
    hsize_t chunk[2] = {rows, 3};
    hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(plist, 2, chunk);
    return plist;
}

/* ---- rows ---- */

/* "FORM": the same tensor, packed; the twin is plain. */
static void honest(struct stage *s, const char *form) {
    int rows = draw_between(s, 4, 20);
    const float *value = draw_rows(s, rows);
    hid_t plist = chunked(2), plain = create(), packed = create();
    if (strchr(form, 's')) H5Pset_shuffle(plist);
    if (strchr(form, 'd')) H5Pset_deflate(plist, 6);
    if (strchr(form, 'f')) H5Pset_fletcher32(plist);
    add(plain, "a/kernel:0", H5T_IEEE_F32LE, H5P_DEFAULT, (hsize_t)rows, value);
    add(packed, "a/kernel:0", H5T_IEEE_F32LE, plist, (hsize_t)rows, value);
    take(plain, &s->twin);
    take(packed, &s->hostile);
    uint8_t *tree = memmem(s->hostile.data, s->hostile.n, "TREE\1", 5);
    if (strchr(form, 'l')) tree[27] = 0x7f; /* the first chunk's bytes */
    if (strchr(form, 'z')) tree[24] = 0;
}

/* A model whole; the twin is its weights alone. */
static void whole_model(struct stage *s, const char *arg) {
    (void)arg;
    const float *value = draw_rows(s, 40);
    hid_t weights = create(), model = create();
    for (int i = 0; i < 3; i++) { /* the last one larger */
        const char *name[] = {"model_weights/a/a", "model_weights/b/a",
                              "model_weights/b/b"};
        hsize_t rows = i < 2 ? 4 : 40;
        add(weights, name[i] + 14, H5T_IEEE_F32LE, H5P_DEFAULT, rows, value);
        add(model, name[i], H5T_IEEE_F32LE, H5P_DEFAULT, rows, value);
    }
    add(model, "optimizer_weights/iter", H5T_STD_I64LE, H5P_DEFAULT, 1, NULL);
    take(weights, &s->twin);
    take(model, &s->hostile);
}

static void halves(struct stage *s, const char *arg) {
    (void)arg;
    uint16_t value[12];
    hid_t plain = create(), packed = create(), half = H5Tcopy(H5T_IEEE_F32LE);
    for (int i = 0; i < 12; i++) value[i] = half_from_f32((float)draw_between(s, -99, 99));
    H5Tset_fields(half, 15, 10, 5, 0, 10);
    H5Tset_size(half, 2);
    H5Tset_ebias(half, 15);
    add(plain, "a", half, H5P_DEFAULT, 4, value);
    add(packed, "a", half, chunked(3), 4, value);
    H5Tclose(half);
    take(plain, &s->twin);
    take(packed, &s->hostile);
}

static void external_storage(struct stage *s, const char *path) {
    hid_t file = begin(s), plist = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(plist, path, 0, 3 * 4 * 8);
    add(file, draw_word(s), H5T_IEEE_F32LE, plist, 8, NULL);
    take(file, &s->hostile);
}

static hid_t nowhere(const char *name, hid_t group, const void *data, size_t n, hid_t l,
                     hid_t t) {
    return (void)name, (void)group, (void)data, (void)n, (void)l, (void)t, -1;
}

/* A link of a class that nobody else knows. */
static void own_link(struct stage *s, const char *arg) {
    (void)arg;
    H5L_class_t class = {H5L_LINK_CLASS_T_VERS, 99, "own", 0, 0, 0, nowhere, 0, 0};
    hid_t file = begin(s);
    H5Lregister(&class);
    H5Lcreate_ud(file, draw_word(s), class.id, "x", 2, H5P_DEFAULT, H5P_DEFAULT);
    H5Lunregister(class.id);
    take(file, &s->hostile);
}

/* "KIND TARGET" */
static void link_to(struct stage *s, const char *arg) {
    hid_t file = begin(s);
    if (*arg == 'e')
        H5Lcreate_external(arg + 2, "/", file, draw_word(s), H5P_DEFAULT, H5P_DEFAULT);
    if (*arg == 's') /* a loop, or another name of what is there */
        H5Lcreate_soft(arg + 2, file, arg[2] == 'l' ? arg + 2 : draw_word(s), H5P_DEFAULT,
                       H5P_DEFAULT);
    if (*arg == 'h') { /* a group in itself */
        hid_t group = H5Gopen2(file, "conv", H5P_DEFAULT);
        H5Lcreate_hard(file, "conv", group, draw_word(s), H5P_DEFAULT, H5P_DEFAULT);
        H5Gclose(group);
    }
    take(file, &s->hostile);
}

static void virtual_set(struct stage *s, const char *other) {
    hsize_t dim[2] = {8, 3};
    hid_t file = begin(s), plist = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, dim, NULL);
    H5Pset_virtual(plist, space, other, "/x", space);
    add(file, draw_word(s), H5T_IEEE_F32LE, plist, 8, NULL);
    H5Sclose(space);
    take(file, &s->hostile);
}

/* "FORM": far more elements than there are bytes. */
static void large(struct stage *s, const char *form) {
    int bits = *form == 'h' ? 38 : *form == 'n' ? 29 : 20;
    hsize_t rows = ((hsize_t)1 << bits) + draw(s, 1000);
    hid_t file = begin(s),
          plist = *form == 'c' ? chunked(1024) : H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(plist, H5D_ALLOC_TIME_LATE);
    add(file, draw_word(s), H5T_IEEE_F32LE, plist, rows, NULL);
    take(file, &s->hostile);
}

/* Zeros, deflated: a megabyte in a few bytes. */
static void bomb(struct stage *s, const char *arg) {
    (void)arg;
    hsize_t rows = 1 << 18;
    float *zeros = xcalloc(3 * rows, sizeof *zeros);
    hid_t file = begin(s), plist = chunked(1 << 14);
    H5Pset_deflate(plist, 9);
    add(file, draw_word(s), H5T_IEEE_F32LE, plist, rows, zeros);
    xfree(zeros);
    take(file, &s->hostile);
}

static size_t copy_filter(unsigned flags, size_t n, const unsigned *values, size_t bytes,
                          size_t *room, void **buffer) {
    (void)flags, (void)n, (void)values, (void)room, (void)buffer;
    return bytes;
}

/* A filter of our own, which nobody else knows. */
static void unknown_filter(struct stage *s, const char *arg) {
    (void)arg;
    int id = draw_between(s, 256, 30000);
    const H5Z_class2_t class = {H5Z_CLASS_T_VERS, id, 1, 1, "own", NULL, NULL, copy_filter};
    hid_t file = begin(s), plist = chunked(2);
    H5Zregister(&class);
    H5Pset_filter(plist, id, 0, 0, NULL);
    add(file, draw_word(s), H5T_IEEE_F32LE, plist, 2, draw_rows(s, 2));
    take(file, &s->hostile);
    H5Zunregister(id);
    snprintf(s->fragment, sizeof s->fragment, "filter %d, wanted deflate", id);
}

static void known_storage(struct stage *s, const char *form) {
    hid_t file = begin(s), plist = chunked(2);
    if (*form == 's') H5Pset_scaleoffset(plist, H5Z_SO_FLOAT_DSCALE, 2);
    if (*form == 'c') H5Pset_layout(plist, H5D_COMPACT);
    for (int i = 0; *form == '4' && i < 4; i++) H5Pset_deflate(plist, 1);
    add(file, draw_word(s), H5T_IEEE_F32LE, plist, 2, draw_rows(s, 2));
    take(file, &s->hostile);
}

/* "FORM": a dataset of no elements at all, or one that may grow, in chunks larger than
 * it. */
static void odd_space(struct stage *s, const char *form) {
    hsize_t dim[2] = {2, 3}, most[2] = {H5S_UNLIMITED, 3};
    hid_t file = begin(s), plist = *form == 'n' ? H5P_DEFAULT : chunked(4);
    hid_t space = *form == 'n' ? H5Screate(H5S_NULL) : H5Screate_simple(2, dim, most);
    hid_t set = H5Dcreate2(file, draw_word(s), H5T_IEEE_F32LE, space, H5P_DEFAULT, plist,
                           H5P_DEFAULT);
    if (*form != 'n')
        H5Dwrite(set, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, draw_rows(s, 2));
    H5Dclose(set);
    H5Sclose(space);
    take(file, &s->hostile);
}

static void other_type(struct stage *s, const char *arg) {
    hid_t file = begin(s);
    hid_t type = *arg == 'b'   ? H5Tcopy(H5T_IEEE_F32BE)
                 : *arg == 'i' ? H5Tcopy(H5T_STD_I32LE)
                 : *arg == 'd' ? H5Tcopy(H5T_IEEE_F64LE)
                 : *arg == 'v' ? H5Tvlen_create(H5T_IEEE_F32LE)
                 : *arg == 'r' ? H5Tcopy(H5T_STD_REF_OBJ)
                               : H5Tcreate(H5T_OPAQUE, 4);
    add(file, draw_word(s), type, H5P_DEFAULT, 2, NULL);
    H5Tclose(type);
    take(file, &s->hostile);
}

/* A committed type among the datasets. */
static void named_type(struct stage *s, const char *arg) {
    (void)arg;
    hid_t file = begin(s), type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tcommit2(file, draw_word(s), type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
    take(file, &s->hostile);
}

static void odd_name(struct stage *s, const char *pattern) {
    char *name = draw_text(s, pattern);
    hid_t file = begin(s);
    add(file, name, H5T_IEEE_F32LE, H5P_DEFAULT, 2, draw_rows(s, 2));
    xfree(name);
    take(file, &s->hostile);
}

static void nine_dimensions(struct stage *s, const char *arg) {
    (void)arg;
    hsize_t one[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    hid_t file = begin(s), space = H5Screate_simple(9, one, NULL);
    hid_t set = H5Dcreate2(file, draw_word(s), H5T_IEEE_F32LE, space, H5P_DEFAULT,
                           H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(set, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, one);
    H5Dclose(set);
    H5Sclose(space);
    take(file, &s->hostile);
}

static void deep(struct stage *s, const char *arg) {
    (void)arg;
    hid_t file = begin(s);
    struct bytes name = {0};
    for (int i = draw_between(s, 17, 60); i > 0; i--) put(&name, "g/");
    bytes_add(&name, "x", 2);
    add(file, (char *)name.data, H5T_IEEE_F32LE, H5P_DEFAULT, 2, draw_rows(s, 2));
    xfree(name.data);
    take(file, &s->hostile);
}

static void cut(struct stage *s, const char *arg) {
    take(begin(s), &s->hostile);
    s->hostile.n = *arg == 'h' ? 8 + draw(s, 80)
                               : s->hostile.n / 4 + draw(s, (uint32_t)s->hostile.n / 4);
}

/* A user block: the signature is not where the file begins. */
static void shifted(struct stage *s, const char *arg) {
    (void)arg;
    struct bytes file = {0};
    take(begin(s), &file);
    draw_bytes(s, &s->hostile, 512);
    bytes_add(&s->hostile, file.data, file.n);
    xfree(file.data);
}

static void only_groups(struct stage *s, const char *arg) {
    (void)arg;
    hid_t file = create();
    H5Gclose(H5Gcreate2(file, draw_word(s), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    take(file, &s->hostile);
}

/* Bytes of the superblock and of the headers behind it: refused, or read all the same. */
static void wild(struct stage *s, const char *arg) {
    take(begin(s), &s->hostile);
    int n = atoi(arg);
    for (int i = 0; i < n; i++) s->hostile.data[8 + draw(s, 88)] = (uint8_t)draw(s, 256);
}

static void text(struct stage *s, const char *arg) {
    put(&s->hostile, arg), put(&s->hostile, draw_word(s));
}

#define NO EXIT_NO
#define LONG "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%"
static const struct row rows[] = {
    {0, "a Keras file in chunks", H5, 0, "", honest, "-"},
    {0, "a Keras file, deflated", H5, 0, "", honest, "d"},
    {0, "a Keras file, shuffled, deflated and summed", H5, 0, "", honest, "sdf"},
    {0, "a whole Keras model", H5, 0, "", whole_model, NULL},
    {0, "a Keras file of halves", H5, 0, "", halves, NULL},
    {46, "a Keras file with its data in /etc/passwd", H5, NO, "external storage",
     external_storage, "/etc/passwd"},
    {46, "a Keras file with its data in a file beside it", H5, NO, "external storage",
     external_storage, "x.src"},
    {47, "a Keras file with a link into another", H5, NO, "a link into another file",
     link_to, "e /etc/passwd"},
    {47, "a Keras file with a soft link to itself", H5, NO, "a soft link", link_to,
     "s loop"},
    {47, "a Keras file with a soft link to its own", H5, NO, "a soft link", link_to,
     "s conv"},
    {47, "a Keras file with a group in itself", H5, NO, "groups more than 16 deep", link_to,
     "h"},
    {47, "a Keras file with a link nobody knows", H5, NO, "a link of a kind of its own",
     own_link, NULL},
    {47, "a Keras file with a dataset made of another file's", H5, NO, "a virtual dataset",
     virtual_set, "/etc/passwd"},
    {47, "a Keras file with a dataset made of its own", H5, NO, "a virtual dataset",
     virtual_set, "."},
    {48, "a Keras file of 2^40 bytes in a few", H5, NO, "more than 2^30 elements", large,
     "h"},
    {48, "a Keras file of 1.5 x 2^30 elements", H5, NO, "more than 2^30 elements", large,
     "n"},
    {48, "a Keras file of megabytes that were never written", H5, NO, "raw: '", large, "m"},
    {48, "a Keras file of chunks that were never written", H5, NO, "raw: '", large, "c"},
    {48, "a Keras file with a chunk of two gigabytes", H5, NO,
     "bytes of chunks in a file of ", honest, "dl"},
    {48, "a Keras file with a chunk of no bytes", H5, NO, "cannot read it", honest, "dz"},
    {48, "a Keras file of zeros", H5, NO, "at most 16 times the file", bomb, NULL},
    {48, "a Keras file with a filter nobody knows", H5, NO, "", unknown_filter, NULL},
    {48, "a Keras file with a filter that loses bits", H5, NO, "filter 6, wanted deflate",
     known_storage, "s"},
    {48, "a Keras file with four filters", H5, NO, "4 filters", known_storage, "4"},
    {48, "a Keras file with a dataset that may grow", H5, NO, "chunks larger than it",
     odd_space, "g"},
    {0, "a Keras file with a dataset of nothing", H5, NO, "no data", odd_space, "n"},
    {0, "a Keras file with a compact dataset", H5, NO, "compact or unknown layout",
     known_storage, "c"},
    {0, "a Keras file of big-endian floats", H5, NO, "of another type", other_type, "b"},
    {0, "a Keras file of whole numbers", H5, NO, "of another type", other_type, "i"},
    {0, "a Keras file of doubles", H5, NO, "of another type", other_type, "d"},
    {0, "a Keras file of lists", H5, NO, "of another type", other_type, "v"},
    {0, "a Keras file of references", H5, NO, "of another type", other_type, "r"},
    {0, "a Keras file of bytes without meaning", H5, NO, "of another type", other_type,
     "o"},
    {0, "a Keras file with a type of its own", H5, NO, "neither group nor dataset",
     named_type, NULL},
    {0, "a Keras file with a terminal's escape in a name", H5, NO, "\\x1b[2J", odd_name,
     "\x1b[2J%"},
    {0, "a Keras file with a blank in a name", H5, NO, "wanted a path of", odd_name, "% %"},
    {0, "a Keras file with a name that is not ASCII", H5, NO, "wanted a path of", odd_name,
     "%\xe2\x80\xae%"},
    {0, "a Keras file with a name of hundreds of letters", H5, NO, "wanted a path of",
     odd_name, LONG LONG LONG},
    {0, "a Keras file of nine dimensions", H5, NO, "9 dimensions", nine_dimensions, NULL},
    {0, "a Keras file of 17 groups in each other", H5, NO, "groups more than 16 deep", deep,
     NULL},
    {0, "a Keras file cut in its head", H5, NO, "cannot open the file: ", cut, "h"},
    {0, "a Keras file cut", H5, NO, "cannot open the file: truncated file", cut, "b"},
    {0, "a Keras file with something in front", H5, NO, "wanted a Keras file (HDF5)",
     shifted, NULL},
    {0, "a Keras file without a tensor", H5, NO, "no dataset", only_groups, NULL},
    {0, "a Keras file with a wild head", H5, NO, "raw: ", wild, "12"},
    {0, "a Keras file with a wilder head", H5, NO, "raw: ", wild, "40"},
    {19, "a web page for a Keras file", H5, NO, "wanted a Keras file (HDF5)", text,
     "<html>"},
};
const struct rows h5_rows = {"h5", rows, sizeof rows / sizeof *rows};
