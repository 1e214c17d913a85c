/* accept_main.c - the program `accept`: which files of some folders our readers of
 * checkpoints accept, and what they read there, for others' readers to be compared with. It
 * asks libzip itself. */
#include "convert/checkpoint.h"
#include "convert/zip_story.h"
#include "core/die.h"
#include "tests/libzip.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char HELP[] =
    "usage: accept FOLDER...\n"
    "Reads each file of the folders as a checkpoint (torch.save's zip, .npz, safetensors) and\n"
    "prints a line of TSV for each that is accepted, and one for each of its tensors: file,\n"
    "reader, name, type, shape, sha256 of the elements' bytes. Each zip that one of our three\n"
    "readers of zips accepts is given to libzip: file, libzip, our reader, -, -, same or what\n"
    "differs. Of a file that is refused the second word is refused.\n"
    "  --help --version\n"
    "example: accept out/fuzz/checkpoint\n";

struct input {
    const char *path;
    struct map map;
    struct checkpoint checkpoint;
    struct members zip;
    size_t members;
};

static void read_checkpoint(void *arg) {
    struct input *in = arg;
    checkpoint_parse(&in->checkpoint, in->map.data, in->map.size, in->path);
}

static void read_torch_zip(void *arg) {
    struct input *in = arg;
    members_open(&in->zip, in->map.data, in->map.size, in->path);
}

static void read_numpy_zip(void *arg) {
    struct input *in = arg;
    members_open_numpy(&in->zip, in->map.data, in->map.size, in->path);
}

static void read_story(void *arg) {
    struct input *in = arg;
    in->members = zip_story_check(in->map.data, in->map.size, in->path);
}

static int accepts(void (*reader)(void *), struct input *in) {
    char message[64];
    int code = die_catch(reader, in, message, sizeof message);
    if (code == EXIT_USAGE) die_usage("%s: %s", in->path, message);
    return !code;
}

static void row(const struct input *in, const char *reader, const char *name,
                const char *type, const char *shape, const char *value) {
    printf("%s\t%s\t%s\t%s\t%s\t%s\n", in->path, reader, name, type, shape, value);
}

static void print_tensors(const struct input *in) {
    static const char *const reader[] = {"torch", "numpy", "safetensors"};
    const struct checkpoint *c = &in->checkpoint;
    row(in, reader[c->kind], "-", "-", "-", "-");
    for (int i = 0; i < c->count; i++) {
        const struct tensor *t = &c->tensor[i];
        char sha256[65];
        sha_bytes(t->data, tensor_bytes(t), sha256);
        row(in, reader[c->kind], quoted(t->name), type_name(t->type), tensor_shape(t),
            sha256);
    }
}

static void print_zips(struct input *in) {
    static const struct {
        const char *name;
        void (*read)(void *);
    } reader[] = {{"torch.save's", read_torch_zip}, {"np.savez's", read_numpy_zip}};
    for (int i = 0; i < 2; i++) {
        if (!accepts(reader[i].read, in)) continue;
        const char *why = libzip_differs(in->map.data, in->map.size, &in->zip);
        row(in, "libzip", reader[i].name, "-", "-", why ? why : "same");
        members_close(&in->zip);
    }
    if (!accepts(read_story, in)) return;
    const char *why = libzip_counts_other(in->map.data, in->map.size, in->members);
    row(in, "libzip", "archives'", "-", "-", why ? why : "same");
}

static void print_file(const char *path) {
    struct input in = {.path = path};
    struct stat st;
    if (stat(path, &st) || !S_ISREG(st.st_mode) || !st.st_size) return;
    map_open(&in.map, path);
    if (accepts(read_checkpoint, &in)) {
        print_tensors(&in);
        checkpoint_close(&in.checkpoint);
    } else {
        row(&in, "refused", "-", "-", "-", "-");
    }
    if (in.map.size > 4 && !memcmp(in.map.data, "PK", 2)) print_zips(&in);
    map_close(&in.map);
}

int main(int argc, char **argv) {
    die_name("accept");
    if (argc > 1 && !strcmp(argv[1], "--help")) return fputs(HELP, stdout) < 0;
    if (argc > 1 && !strcmp(argv[1], "--version")) return puts("repolyp accept 0.1") < 0;
    if (argc < 2 || argv[1][0] == '-') die_usage("wanted FOLDER...; see accept --help");
    for (int i = 1; i < argc; i++) {
        struct dirent **entry;
        int n = scandir(argv[i], &entry, NULL, alphasort);
        if (n < 0) die_world("%s: no such folder, wanted one of files", quoted(argv[i]));
        for (int k = 0; k < n; k++) {
            char *path = file_join(argv[i], entry[k]->d_name);
            print_file(path);
            xfree(path);
            free(entry[k]);
        }
        free(entry);
    }
    if (fflush(stdout) || ferror(stdout))
        die_world("stdout: cannot be written, wanted room");
    return 0;
}
