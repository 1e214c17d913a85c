/* plans.c - the plan file; see plans.h. It knows nothing of what the bytes mean. */
#include "model/gpu/plans.h"
#include "core/bag.h"
#include "core/die.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char FORMAT[] = "repolyp plans 2";

struct choice {
    char *name;
    void *bytes;
    size_t n;
    int used;
};

struct plan_file {
    char *path, *made_for; /* path NULL: in memory alone */
    struct choice *choice;
    int count, room, added, told;
    int lock; /* file descriptor, -1: not ours */
    char sha256[65];
};

static struct choice *find(const struct plan_file *f, const char *name) {
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->choice[i].name, name) == 0) return &f->choice[i];
    return NULL;
}

static struct choice *place(struct plan_file *f, const char *name, const void *bytes,
                            size_t n) {
    struct choice *c = find(f, name);
    if (!c) {
        if (f->count == f->room) {
            f->room = f->room ? 2 * f->room : 256;
            f->choice = xrealloc(f->choice, (size_t)f->room, sizeof *f->choice);
        }
        c = &f->choice[f->count++];
        *c = (struct choice){.name = xstrdup(name)};
    }
    xfree(c->bytes);
    c->bytes = xmalloc(n + 1);
    memcpy(c->bytes, bytes, n);
    ((char *)c->bytes)[n] = 0; /* so that text is a string */
    c->n = n;
    return c;
}

/* ---- reading ---- */

static void open_bag(void *arg) {
    void **both = arg;
    bag_open(both[0], both[1]);
}

static void add_choice(struct sha *sha, const char *name, const void *bytes, size_t n) {
    sha_add(sha, name, strlen(name) + 1);
    sha_add(sha, bytes, n);
}

/* NULL: the bag holds plans for us; else what it holds instead. */
static const char *unfit(const struct plan_file *f, const struct bag *bag, char hex[65]) {
    const char *format = bag_meta(bag, "format"), *made_for = bag_meta(bag, "made_for"),
               *sum = bag_meta(bag, "sha256");
    if (!format || strcmp(format, FORMAT) || !made_for || !sum)
        return "no plans of this program";
    if (strcmp(made_for, f->made_for)) return quoted(made_for);
    struct sha *sha = sha_open();
    for (int i = 0; i < bag->count; i++)
        add_choice(sha, bag->tensor[i].name, bag->tensor[i].data,
                   tensor_bytes(&bag->tensor[i]));
    sha_close(sha, hex);
    return strcmp(hex, sum) ? "damaged ones" : NULL;
}

/* Takes what the file holds and we have not; what we have found already stays as it is. */
static void read_file(struct plan_file *f) {
    struct bag bag;
    char message[512];
    if (!f->path || !file_exists(f->path)) return;
    if (die_catch(open_bag, (void *[]){&bag, f->path}, message, sizeof message)) {
        if (!f->told++) warn("%s; the plans are chosen anew", message);
        return;
    }
    char hex[65];
    const char *held = unfit(f, &bag, hex);
    if (held && !f->told++)
        warn("%s: plans: found %s, wanted those for %s; they are chosen anew",
             quoted(f->path), held, f->made_for);
    if (!held) {
        for (int i = 0; i < bag.count; i++) {
            const struct tensor *t = &bag.tensor[i];
            if (t->type == T_U8 && t->ndim == 1 && !find(f, t->name))
                place(f, t->name, t->data, tensor_bytes(t));
        }
    }
    bag_close(&bag);
}

/* ---- who may add ---- */

static char *folder_of(const char *path) {
    const char *base = file_base(path);
    return base == path ? xstrdup(".") : xprintf("%.*s", (int)(base - path), path);
}

/* A lock on the folder: the file itself is replaced when it is written. Where the file
 * system has no locks we go on without. */
static void take(struct plan_file *f) {
    if (!f->path || f->lock >= 0) return;
    char *folder = folder_of(f->path);
    file_mkdir(folder);
    f->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock >= 0 && flock(f->lock, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        warn("%s: another process chooses plans; waiting for it", quoted(f->path));
        if (flock(f->lock, LOCK_EX) && errno == EINTR)
            die_world(
                "%s: interrupted while another process chooses plans; run the same command again",
                quoted(f->path));
    }
    xfree(folder);
    read_file(f);
}

static void let_go(struct plan_file *f) {
    if (f->lock >= 0) close(f->lock);
    f->lock = -1;
}

/* ---- the door ---- */

struct plan_file *plan_file_open(const char *path, const char *made_for) {
    struct plan_file *f = xcalloc(1, sizeof *f);
    f->path = path ? xstrdup(path) : NULL;
    f->made_for = xstrdup(made_for);
    f->lock = -1;
    read_file(f);
    return f;
}

const void *plan_file_find(struct plan_file *f, const char *name, size_t *n) {
    struct choice *c = find(f, name);
    if (!c) {
        take(f);
        c = find(f, name);
    }
    if (!c) return NULL;
    c->used = 1;
    *n = c->n;
    return c->bytes;
}

void plan_file_add(struct plan_file *f, const char *name, const void *bytes, size_t n) {
    take(f);
    place(f, name, bytes, n)->used = 1;
    f->added = 1;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct choice *)a)->name, ((const struct choice *)b)->name);
}

void plan_file_save(struct plan_file *f) {
    char hex[65];
    if (f->added && f->path) {
        qsort(f->choice, (size_t)f->count, sizeof *f->choice, by_name);
        struct bag_writer *w = bag_create(f->path);
        struct sha *sha = sha_open();
        for (int i = 0; i < f->count; i++)
            add_choice(sha, f->choice[i].name, f->choice[i].bytes, f->choice[i].n);
        sha_close(sha, hex);
        bag_add_meta(w, "format", FORMAT);
        bag_add_meta(w, "made_for", f->made_for);
        bag_add_meta(w, "sha256", hex);
        for (int i = 0; i < f->count; i++) {
            const struct choice *c = &f->choice[i];
            bag_add(w, &(struct tensor){c->name, T_U8, 1, {(int)c->n}, c->bytes});
        }
        bag_commit(w);
    }
    f->added = 0;
    let_go(f);
}

const char *plan_file_sha256(struct plan_file *f) {
    int used = 0;
    struct sha *sha = sha_open();
    if (f->count) qsort(f->choice, (size_t)f->count, sizeof *f->choice, by_name);
    for (int i = 0; i < f->count; i++) {
        const struct choice *c = &f->choice[i];
        if (!c->used) continue;
        used = 1;
        add_choice(sha, c->name, c->bytes, c->n);
    }
    sha_close(sha, f->sha256);
    return used ? f->sha256 : "none";
}

void plan_file_close(struct plan_file *f) {
    let_go(f);
    for (int i = 0; i < f->count; i++) {
        xfree(f->choice[i].name);
        xfree(f->choice[i].bytes);
    }
    xfree(f->choice);
    xfree(f->path);
    xfree(f->made_for);
    xfree(f);
}
