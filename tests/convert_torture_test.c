/* convert_torture_test.c - every allocation, read, write, sync and rename of convert made
 * to fail in turn (FAIL_AT), in a process that goes on: each failure is EXIT_WORLD with a
 * message, no file has a final name without being whole, no temporary and no descriptor
 * stays, and under the sanitizers nothing leaks, of ours or of the libraries'. */
#include "tests/packing.h"
#include "tests/test.h"
#include "convert/divide.h"
#include "convert/h5.h"
#include "convert/weights.h"
#include "core/export.h"
#include <fcntl.h>
#include <hdf5/serial/hdf5.h>

/* Whether FAIL_AT lies beyond what has been called since it was set. */
static int was_not_reached(int n) {
    for (int i = 0; i < n; i++)
        if (fail_point()) return 1;
    return 0;
}

static int temporaries(void) {
    int n = 0;
    DIR *dir = opendir(".");
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));)
        n += *e->d_name == '.' && e->d_name[1] > '.';
    closedir(dir);
    return n;
}

/* What is wrong with a failure's outcome; told once stderr is the terminal's again. */
static char wrong[4300];

#define WRONG(...) snprintf(wrong, sizeof wrong, __VA_ARGS__)

static void check_out(int n) {
    char was[65], is[65];
    if (temporaries()) WRONG("FAIL_AT=%d: left a temporary", n);
    if (!file_exists("out")) return;
    sha_file("whole", was);
    sha_file("out", is);
    if (strcmp(was, is) != 0) WRONG("FAIL_AT=%d: out is not whole", n);
}

/* What is tortured: fn(arg) makes the file "out". `ahead`: a thread reads ahead, and what
 * it fails to read may be nothing that anybody wants. */
struct victim {
    void (*fn)(void *);
    void *arg;
    const char *what;
    int ahead;
};

/* The n-th call fails; 0 when there is none so far out. */
static int fails_well(const struct victim *v, int n, int *died) {
    char number[16], message[4096] = "";
    int before = count_entries("/proc/self/fd");
    unlink("out");
    snprintf(number, sizeof number, "%d", n);
    setenv("FAIL_AT", number, 1);
    int code = die_catch(v->fn, v->arg, message, sizeof message);
    int beyond = was_not_reached(n);
    unsetenv("FAIL_AT");
    if (code && (code != EXIT_WORLD || !*message))
        WRONG("FAIL_AT=%d: exit %d \"%s\"", n, code, message);
    if (!code && !beyond && !v->ahead) WRONG("FAIL_AT=%d: exit 0", n);
    if (!code && !file_exists("out")) WRONG("FAIL_AT=%d: exit 0 without a file", n);
    check_out(n);
    if (count_entries("/proc/self/fd") != before) WRONG("FAIL_AT=%d: left open", n);
    *died += code != 0;
    return !beyond;
}

static void torture_one(const struct victim *v) {
    int n = 0, died = 0, more;
    int kept = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fflush(stderr);
    dup2(null, STDERR_FILENO);
    v->fn(v->arg);
    rename("out", "whole");
    *wrong = 0;
    do more = fails_well(v, ++n, &died);
    while (more && !*wrong);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(null);
    print_message("# %s: %d failures\n", v->what, died);
    if (*wrong) fail_msg("%s", wrong);
    assert_true(died >= 20);
}

static void torture(void (*fn)(void *), void *arg, const char *what) {
    torture_one(&(struct victim){fn, arg, what, 0});
}

/* ---- pack ---- */

static void pack_to_out(void *arg) {
    const struct packing *p = arg;
    static const char *const source[] = {"x.src"}, *const raw[] = {"raw"};
    pack_make(&(struct pack_job){.conf = "x.conf",
                                 .sources = 1,
                                 .source = source,
                                 .raw = raw,
                                 .out = "out",
                                 .threads = p->threads,
                                 .names = "."});
}

static void packing_fails_well(void **state) {
    (void)state;
    static const struct {
        enum container container;
        const char *passphrase, *what;
    } all[] = {{BOX_ZIP, NULL, "a zip"},
               {BOX_ZIP, "secret", "an encrypted zip"},
               {BOX_TAR_XZ, NULL, "a tar.xz"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct packing p = {.container = all[i].container,
                            .passphrase = all[i].passphrase,
                            .threads = 1,
                            .source = all[i].passphrase ? "passphrase_file p.txt\n" : NULL};
        packing_pair(&p, "1");
        packing_pair(&p, "2");
        packing_write(&p);
        file_write("p.txt", "secret\n", 7);
        torture_one(
            &(struct victim){pack_to_out, &p, all[i].what, all[i].container == BOX_TAR_XZ});
        box_free(&p.box);
    }
}

/* Which thread's call is the n-th is left to chance: each outcome must be a good one. */
static void packing_in_threads_fails_well(void **state) {
    (void)state;
    struct packing p = {.threads = 3};
    char name[8];
    for (int i = 1; i < 9; i++) {
        snprintf(name, sizeof name, "%d", i);
        packing_pair(&p, name);
    }
    packing_write(&p);
    torture(pack_to_out, &p, "a zip in three threads");
    box_free(&p.box);
}

/* ---- weights ---- */

static float conv[6] = {1, -2, 3.5f, 0.1f, -5, 6}, var[2] = {1, 2};
static struct tensor little[] = {{"bn.running_var", T_F32, 1, {2}, var},
                                 {"conv.weight", T_F32, 2, {2, 3}, conv}};

static void weights_to_out(void *arg) {
    static const char text[] = "name w\nkind weights\narm a\nencoder little\nfile w\n"
                               "manual m\nmean 0 0 0\nstd 1 1 1\norder rgb\nrange 1\n";
    static const char names[] = "name\tshape\nbn.running_var\t[2]\nconv.weight\t[2,3]\n";
    struct source source;
    if (!file_exists("names/little.tsv"))
        file_mkdir("names"), file_write("names/little.tsv", names, sizeof names - 1);
    source_parse(&source, text, sizeof text - 1, "w.src");
    weights_convert(&source, "names", arg, 0, "out");
    source_free(&source);
}

static void save_safetensors(const char *path) {
    struct bag_writer *w = bag_create(path);
    for (int i = 0; i < 2; i++) bag_add(w, &little[i]);
    bag_commit(w);
}

static void save_pth(const char *path) {
    struct bytes b = {0};
    torch_save(&b, "archive", little, 2);
    file_write(path, b.data, b.n);
    xfree(b.data);
}

static void add_npy(struct box *box, const char *name, const char *shape, const void *data,
                    size_t n) {
    struct bytes b = {0};
    char *head =
        xprintf("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n", shape);
    bytes_add(&b, "\x93NUMPY\1\0", 8);
    bytes_u16(&b, (unsigned)strlen(head));
    bytes_add(&b, head, strlen(head));
    bytes_add(&b, data, n);
    xfree(head);
    box_add(box, name, b.data, b.n);
}

static void save_npz(const char *path) {
    struct box box = {0};
    add_npy(&box, "bn.running_var.npy", "(2,)", var, sizeof var);
    add_npy(&box, "conv.weight.npy", "(2, 3)", conv, sizeof conv);
    box_zip(&box, NULL, path);
    box_free(&box);
}

static void converting_weights_fails_well(void **state) {
    (void)state;
    save_safetensors("safetensors");
    save_pth("pth");
    save_npz("npz");
    torture(weights_to_out, "safetensors", "safetensors");
    torture(weights_to_out, "pth", "PyTorch's file");
    torture(weights_to_out, "npz", "numpy's file");
    torture(weights_to_out, NULL, "a source without a file");
}

static void h5_to_out(void *arg) {
    h5_convert(arg, "out");
}

static void a_keras_file_fails_well(void **state) {
    (void)state;
    const hsize_t dim[2] = {2, 3};
    h5_start();
    hid_t file = H5Fcreate("keras", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = H5Gcreate2(file, "conv", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(2, dim, NULL);
    hid_t set = H5Dcreate2(group, "kernel:0", H5T_IEEE_F32LE, space, H5P_DEFAULT,
                           H5P_DEFAULT, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_IEEE_F32LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, conv) >= 0);
    H5Dclose(set), H5Sclose(space), H5Gclose(group), H5Fclose(file);
    torture(h5_to_out, "keras", "a Keras file");
}

/* ---- what is made of packs and models ---- */

static void split_to_out(void *arg) {
    static const struct divide divide = {.kind = "all"};
    struct pack pack;
    pack_open(&pack, arg);
    divide_write(&divide, &pack, "out");
    pack_close(&pack);
}

static void splitting_fails_well(void **state) {
    (void)state;
    struct packing p = {.threads = 1};
    packing_pair(&p, "1");
    packing_pair(&p, "2");
    packing_write(&p);
    packing_run(&p);
    box_free(&p.box);
    torture(split_to_out, "out.bag", "a split");
}

static void export_to_out(void *arg) {
    struct bag model;
    bag_open(&model, arg);
    xfree(bag_export("timm", &model, "out"));
    bag_close(&model);
}

static void exporting_fails_well(void **state) {
    (void)state;
    struct bag_writer *w = bag_create("model.bag");
    bag_add_meta(w, "format", "repolyp model 1");
    bag_add_meta(w, "cell", "vits-imagenet-cvc");
    bag_add_meta(w, "side", "224");
    bag_add_meta(w, "recipe", "encoder.last_norm yes\nencoder.output_stride 16\n");
    for (int i = 0; i < 150; i++) {
        char name[32];
        snprintf(name, sizeof name, "encoder.%03d", i);
        bag_add(w, &(struct tensor){name, T_F32, 1, {2}, var});
    }
    bag_commit(w);
    torture(export_to_out, "model.bag", "an export");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(packing_fails_well),
        TEST(packing_in_threads_fails_well),
        TEST(converting_weights_fails_well),
        TEST(a_keras_file_fails_well),
        TEST(splitting_fails_well),
        TEST(exporting_fails_well),
    };
    return test_run(tests);
}
