/* eval_doctor_test.c - the weights doctor against checkpoints made blind by seed: it must
 * find every scaling, order and stride again, and say "undecided" where nothing can tell.
 *
 *   BLIND=all         all 24 readings; else BLIND_COUNT (4) of them, drawn by BLIND_SEED (1)
 *   BLIND_WEIGHTS=BAG a real ResNet-50's weights bag (truth: its metadata), with BLIND_PACK
 *                     and BLIND_SPLIT: then those are made blind, and seen on those
 *                     pictures
 *
 * A Keras file and Kvasir-SEG, SRC being a source file with `map keras_resnet50`:
 *   out/bin/h5 FILE.h5 a.bag; out/bin/weights --partial SRC a.bag b.bag
 *   make out/paper/data/kvasir.bag out/paper/splits/kvasir.random.s0.tsv
 *   BLIND_WEIGHTS=b.bag BLIND_PACK=out/paper/data/kvasir.bag \
 *       BLIND_SPLIT=out/paper/splits/kvasir.random.s0.tsv out/bin/eval_doctor_test */
#include "tests/test.h"
#include "core/rng.h"
#include "core/split.h"
#include "eval/doctor.h"
#include "tests/blind.h"

enum { SIDE = 96, READINGS = 24 };

static int seen_count = 16; /* pictures; 32 for all 24 */

static struct blind_reading reading_of(int k) {
    return (struct blind_reading){1 + k / 4, k / 2 % 2, k % 2};
}

static const char *name_of(const struct blind_reading *r) {
    static char text[4][32];
    static int turn;
    char *out = text[turn++ % 4];
    snprintf(out, sizeof text[0], "%s %s %s", doctor_scale(r->scale),
             r->bgr ? "bgr" : "rgb", doctor_stride(r->v1));
    return out;
}

static void ask(struct diagnosis *d, const char *path, const struct pictures *pictures) {
    struct bag bag;
    struct recipe recipe;
    blind_recipe(&recipe, &(struct blind_reading){1, 0, 0});
    bag_open(&bag, path);
    doctor_examine(d, &bag, &recipe, pictures, 0);
    bag_close(&bag);
}

static void must_find(const struct diagnosis *d, const struct blind_reading *is) {
    struct blind_reading found = {d->scale.found, d->order.found, d->stride.found};
    int good = d->scale.decided && d->order.decided && d->stride.decided &&
               found.scale == is->scale && found.bgr == is->bgr && found.v1 == is->v1;
    print_message("%s: scaling by %.2f (t %.1f), order by %.2f (t %.1f), stride by %.2f "
                  "(t %.1f)\n",
                  name_of(is), d->scale.nearer, d->scale.t, d->order.nearer, d->order.t,
                  d->stride.nearer, d->stride.t);
    if (!good) fail_msg("made as %s, found %s", name_of(is), name_of(&found));
}

/* ---- what is made blind ---- */

struct subject {
    struct bag bag;
    struct blind_reading truth;
    struct pictures seen, other; /* by the doctor, and for new statistics */
    int keeps;                   /* its statistics are real: kept where its strides are */
    struct pack pack;
    struct split split;
};

static void take(struct pictures *p, const struct subject *s, int n, int first) {
    const uint8_t **image = xcalloc((size_t)n, sizeof *image),
                  **mask = xcalloc((size_t)n, sizeof *mask);
    for (int i = 0; i < n; i++) {
        int item = s->split.train_item[(first + i * s->split.train / n) % s->split.train];
        image[i] = pack_image(&s->pack, item);
        mask[i] = pack_mask(&s->pack, item);
    }
    *p = (struct pictures){n, s->pack.side, image, mask};
}

static char *at_home(const char *path) {
    return *path == '/' ? xstrdup(path) : file_join(test_home, path);
}

static void subject_open(struct subject *s) {
    const char *weights = getenv("BLIND_WEIGHTS");
    memset(s, 0, sizeof *s);
    if (!weights) {
        blind_phantom("phantom.bag", 7);
        bag_open(&s->bag, "phantom.bag");
        s->truth = (struct blind_reading){1, 0, 0};
        blind_pictures(&s->seen, seen_count, SIDE, 1);
        blind_pictures(&s->other, seen_count, SIDE, 1001);
        return;
    }
    char *path = at_home(weights), *pack = at_home(getenv("BLIND_PACK")),
         *split = at_home(getenv("BLIND_SPLIT"));
    bag_open(&s->bag, path);
    pack_open(&s->pack, pack);
    split_open(&s->split, split, &s->pack);
    s->truth = (struct blind_reading){5, 1, 1}; /* Keras's ResNet-50: caffe255, bgr, v1 */
    assert_string_equal(bag_need_meta(&s->bag, "stride"), "v1");
    s->keeps = 1;
    take(&s->seen, s, 64, 0);
    take(&s->other, s, 64, 5);
    xfree(path);
    xfree(pack);
    xfree(split);
}

static void subject_close(struct subject *s) {
    bag_close(&s->bag);
    if (!s->keeps) {
        blind_pictures_free(&s->seen);
        blind_pictures_free(&s->other);
        return;
    }
    split_close(&s->split);
    pack_close(&s->pack);
}

static void blind_checkpoints_are_read_rightly(void **state) {
    (void)state;
    const char *all = getenv("BLIND"), *count = getenv("BLIND_COUNT"),
               *seed = getenv("BLIND_SEED");
    int order[READINGS], n = all && !strcmp(all, "all") ? READINGS
                             : count                    ? atoi(count)
                                                        : 4;
    struct subject s;
    subject_open(&s);
    rng_permutation(seed ? strtoull(seed, NULL, 10) : 1, STREAM_SPLIT, 7, READINGS, order);
    for (int k = 0; k < n; k++) {
        struct blind_reading is = reading_of(order[k]);
        struct diagnosis d;
        int keep = s.keeps && is.v1 == s.truth.v1;
        blind_make("blind.bag", &s.bag, &s.truth, &is, keep ? NULL : &s.other);
        ask(&d, "blind.bag", &s.seen);
        must_find(&d, &is);
    }
    subject_close(&s);
}

/* ---- what cannot be told ---- */

static void grey_pictures_do_not_tell_the_order(void **state) {
    (void)state;
    static const struct blind_reading is = {2, 1, 0}, was = {1, 0, 0};
    struct bag bag;
    struct pictures seen, other, *all[] = {&seen, &other};
    struct diagnosis d;
    blind_phantom("phantom.bag", 8);
    bag_open(&bag, "phantom.bag");
    blind_pictures(&seen, seen_count, SIDE, 1);
    blind_pictures(&other, seen_count, SIDE, 1001);
    for (int a = 0; a < 2; a++)
        for (int i = 0; i < seen_count; i++) {
            uint8_t *p = (uint8_t *)(uintptr_t)all[a]->image[i];
            for (int k = 0; k < 3 * SIDE * SIDE; k++) p[k] = p[k / 3 * 3 + 1];
        }
    blind_make("blind.bag", &bag, &was, &is, &other);
    ask(&d, "blind.bag", &seen);
    assert_true(d.scale.decided && d.scale.found == is.scale);
    assert_true(d.stride.decided && d.stride.found == is.v1);
    assert_false(d.order.decided);
    bag_close(&bag);
    blind_pictures_free(&seen);
    blind_pictures_free(&other);
}

/* Rewrites a bag: fn changes a tensor's values. */
static void change(const char *from, const char *to,
                   void (*fn)(const struct tensor *t, float *x)) {
    struct bag bag;
    bag_open(&bag, from);
    struct bag_writer *w = bag_create(to);
    for (int i = 0; i < bag.metas; i++)
        bag_add_meta(w, bag.meta[2 * i], bag.meta[2 * i + 1]);
    for (int i = 0; i < bag.count; i++) {
        struct tensor t = bag.tensor[i];
        float *x = xmalloc(tensor_bytes(&t) + 1);
        memcpy(x, t.data, tensor_bytes(&t));
        fn(&t, x);
        t.data = x;
        bag_add(w, &t);
        xfree(x);
    }
    bag_commit(w);
    bag_close(&bag);
}

/* A strided 3x3 that only looks at its middle is the same in both readings. */
static void keep_the_middle(const struct tensor *t, float *x) {
    if (t->ndim != 4 || t->dim[2] != 3) return;
    if (!strstr(t->name, ".0.conv2.weight") || !strncmp(t->name, "layer1", 6)) return;
    for (size_t i = 0; i < tensor_count(t); i++)
        if (i % 9 != 4) x[i] = 0;
}

static void kernels_of_one_tap_do_not_tell_the_stride(void **state) {
    (void)state;
    static const struct blind_reading is = {3, 0, 1}, was = {1, 0, 0};
    struct bag bag;
    struct pictures seen, other;
    struct diagnosis d;
    blind_phantom("whole.bag", 9);
    change("whole.bag", "phantom.bag", keep_the_middle);
    bag_open(&bag, "phantom.bag");
    blind_pictures(&seen, seen_count, SIDE, 1);
    blind_pictures(&other, seen_count, SIDE, 1001);
    blind_make("blind.bag", &bag, &was, &is, &other);
    ask(&d, "blind.bag", &seen);
    assert_true(d.scale.decided && d.scale.found == is.scale);
    assert_true(d.order.decided && d.order.found == is.bgr);
    assert_false(d.stride.decided);
    bag_close(&bag);
    blind_pictures_free(&seen);
    blind_pictures_free(&other);
}

/* Variances wrong by e^4 up or down, means by some deviations: statistics of nothing. */
static void scramble(const struct tensor *t, float *x) {
    const char *end = strrchr(t->name, '.');
    size_t n = tensor_count(t);
    uint32_t e = (uint32_t)strlen(t->name) * 131 + (uint32_t)t->name[5];
    for (size_t i = 0; i < n; i++) {
        double draw = rng_normal(3, STREAM_SPLIT, e, i);
        if (!strcmp(end, ".running_var")) x[i] = (float)(x[i] * exp(4 * draw));
        if (!strcmp(end, ".running_mean")) x[i] = (float)(x[i] + 50 * draw);
    }
}

static void statistics_of_nothing_decide_nothing(void **state) {
    (void)state;
    static const struct blind_reading is = {1, 0, 0};
    struct bag bag;
    struct pictures seen;
    struct diagnosis d;
    blind_phantom("phantom.bag", 10);
    bag_open(&bag, "phantom.bag");
    blind_pictures(&seen, seen_count, SIDE, 1);
    blind_make("whole.bag", &bag, &is, &is, &seen);
    change("whole.bag", "blind.bag", scramble);
    ask(&d, "blind.bag", &seen);
    assert_false(d.scale.decided || d.order.decided || d.stride.decided);
    bag_close(&bag);
    blind_pictures_free(&seen);
}

/* ---- parts, and what is printed ---- */

static const char *lacking; /* tensors that begin so are left out */

static void write_part(const char *from, const char *to, const char *stated_order) {
    struct bag bag;
    bag_open(&bag, from);
    struct bag_writer *w = bag_create(to);
    for (int i = 0; i < bag.metas; i++) {
        int order = !strcmp(bag.meta[2 * i], "order");
        bag_add_meta(w, bag.meta[2 * i], order ? stated_order : bag.meta[2 * i + 1]);
    }
    bag_add_meta(w, "loaded", "loaded 1 of 2, 1 missing, 0 unexpected");
    bag_add_meta(w, "missing", "layer4.0.conv2.weight layer4.0.conv3.weight");
    for (int i = 0; i < bag.count; i++)
        if (strncmp(bag.tensor[i].name, lacking, strlen(lacking)))
            bag_add(w, &bag.tensor[i]);
    bag_commit(w);
    bag_close(&bag);
}

static char *printed(const char *path, const struct pictures *pictures,
                     struct diagnosis *d) {
    struct bag bag;
    size_t n;
    ask(d, path, pictures);
    bag_open(&bag, path);
    FILE *f = fopen("printed", "w");
    doctor_print(d, &bag, 0, f);
    fclose(f);
    bag_close(&bag);
    return file_read("printed", 1 << 20, &n);
}

static void a_part_speaks_for_itself_and_a_false_source_is_contradicted(void **state) {
    (void)state;
    static const struct blind_reading was = {1, 0, 0}, is = {1, 0, 1};
    struct bag bag;
    struct pictures seen, other;
    struct diagnosis d;
    blind_phantom("phantom.bag", 11);
    bag_open(&bag, "phantom.bag");
    blind_pictures(&seen, seen_count, SIDE, 1);
    blind_pictures(&other, seen_count, SIDE, 1001);
    blind_make("whole.bag", &bag, &was, &is, &other);
    lacking = "layer4.0.conv2";
    write_part("whole.bag", "part.bag", "bgr");
    char *text = printed("part.bag", &seen, &d);
    assert_int_equal(d.scale.layers, 11);
    assert_int_equal(d.stride.layers, 13 + 19 + 2); /* conv1 and the shortcut of layer4.0 */
    assert_true(doctor_contradicts(&d));
    assert_non_null(strstr(text, "missing layer4.0.conv2.weight\n"));
    assert_non_null(strstr(text, "verdict tensors: a part is missing"));
    assert_non_null(strstr(text, "verdict scaling: imagenet, nearer than "));
    assert_non_null(strstr(text, "verdict order: rgb, nearer than bgr by "));
    assert_non_null(strstr(text, "; but bgr is stated\n"));
    assert_non_null(strstr(text, "verdict recipe: it says encoder.stride_position v15, "
                                 "these weights want v1"));
    xfree(text);
    lacking = "conv1.weight";
    write_part("whole.bag", "none.bag", "rgb");
    text = printed("none.bag", &seen, &d);
    assert_non_null(strstr(text, "verdict scaling: undecided, no layer that could tell"));
    assert_false(doctor_contradicts(&d));
    xfree(text);
    bag_close(&bag);
    blind_pictures_free(&seen);
    blind_pictures_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(blind_checkpoints_are_read_rightly),
        TEST(grey_pictures_do_not_tell_the_order),
        TEST(kernels_of_one_tap_do_not_tell_the_stride),
        TEST(statistics_of_nothing_decide_nothing),
        TEST(a_part_speaks_for_itself_and_a_false_source_is_contradicted),
    };
    const struct CMUnitTest real[] = {TEST(blind_checkpoints_are_read_rightly)};
    if (getenv("BLIND")) seen_count = 32;
    if (getenv("BLIND_WEIGHTS")) return test_run(real);
    return test_run(tests);
}
