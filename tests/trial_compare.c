/* trial_compare.c - two results of a trial beside each other; see trial.h. */
#include "tests/test.h"
#include "tests/trial.h"

/* Calls body for every pair of arrays that a result has. */
#define FOR_ARRAYS(body)                                                                   \
    do {                                                                                   \
        static const char *const dx[] = {"dx0", "dx1", "dx2", "dx3", "dx4"};               \
        static const char *const dw[] = {"dw0",  "dw1",  "dw2",  "dw3", "dw4",  "dw5",     \
                                         "dw6",  "dw7",  "dw8",  "dw9", "dw10", "dw11",    \
                                         "dw12", "dw13", "dw14", "dw15"};                  \
        static const char *const after[] = {"w0",  "w1",  "w2",  "w3", "w4",  "w5",        \
                                            "w6",  "w7",  "w8",  "w9", "w10", "w11",       \
                                            "w12", "w13", "w14", "w15"};                   \
        size_t N_ = (size_t)t->N;                                                          \
        body(a->y, b->y, trial_out_count(t), "y");                                         \
        body(a->open, b->open, trial_open_count(t), "open");                               \
        body(a->loss, b->loss, N_, "loss");                                                \
        for (int i = 0; i < t->leaves; i++)                                                \
            body(a->dx[i], b->dx[i], trial_leaf_count(t, i), dx[i]);                       \
        for (int i = 0; i < t->g->params; i++) {                                           \
            body(a->dw[i], b->dw[i], t->g->param[i].count, dw[i]);                         \
            body(a->after[i], b->after[i], t->g->param[i].count, after[i]);                \
        }                                                                                  \
    } while (0)

double result_distance(const struct trial *t, const struct result *a,
                       const struct result *b, const char **where) {
    double most = -1;
#define DISTANCE(p, q, n, name)                                                            \
    do {                                                                                   \
        assert_int_equal((p) != NULL, (q) != NULL);                                        \
        double d_ = (p) ? relative_l2(p, q, n) : 0;                                        \
        if (!(d_ <= most)) most = d_, *where = name;                                       \
        if (isnan(d_)) return d_;                                                          \
    } while (0)
    FOR_ARRAYS(DISTANCE);
    return most;
}

int result_same(const struct trial *t, const struct result *a, const struct result *b) {
#define SAME(p, q, n, name)                                                                \
    do {                                                                                   \
        (void)(name);                                                                      \
        if ((p) && memcmp(p, q, (n) * sizeof *(p))) return 0;                              \
    } while (0)
    FOR_ARRAYS(SAME);
    return 1;
}
