/* bench.h - one thing that is timed: what, of which model, how. */
#ifndef TESTS_PEER_BENCH_H
#define TESTS_PEER_BENCH_H

struct bench_case {
    const char *what;   /* train: forward, loss, backward, Adam | infer: forward to logits |
                           peak: a matrix product */
    const char *encoder, *preset, *precision;
    int batch, threads;
};

/* A side is a process of its own that answers each "run\n" on its standard input with one line: seconds
 * of one step. It is started, warmed up, asked in turn with the other side, and sleeps meanwhile. */
struct side {
    int pid, to, from; /* file descriptors */
    double second[64];
    int runs;
    double megabytes;  /* peak resident, known after side_end */
};
void side_start_ours(struct side *s, const struct bench_case *c);
void side_start_peer(struct side *s, const struct bench_case *c, const char *python, const char *script);
int side_run(struct side *s); /* 0: the side is gone */
void side_end(struct side *s);
double side_min(const struct side *s);
double side_median(const struct side *s);

/* In the child: builds the model on made-up pictures and serves until its input ends. Never returns. */
_Noreturn void bench_serve(const struct bench_case *c, int in, int out);
/* Useful FLOP of one picture of the case (forward, and twice that backward when training). */
double bench_flop(const struct bench_case *c);
#endif
