/* bench.h - one thing that is timed: what, of which model, how. */
#ifndef TESTS_PEER_BENCH_H
#define TESTS_PEER_BENCH_H

enum { BENCH_SETS = 8 };

struct bench_case {
    /* train: forward, loss, backward, Adam | infer: forward to logits | start: as train, but
     * until the first steps are done | peak: a matrix product, on a gpu a copy too, in lines |
     * stages: seconds of each part of a step beside its floors, in lines */
    const char *what;
    const char *encoder, *preset, *precision;
    /* other keys of the recipe, "key=value", for both sides; NULL last */
    const char *const *set;
    int batch, threads;
    const char *device; /* cpu, gpu (for the peer: cuda) */
    const char *way;    /* of the peer: eager, compile */
    const char *layout; /* of the peer: channels_last, contiguous, auto: the quicker */
    const char *plans;  /* file of plans (gpu); NULL */
    int side;           /* pixels of a picture's edge */
    int steps;          /* a request */
    int rounds;         /* stages: how often each part is timed */
    /* stages: the machine's rates a second, for the floors beside them */
    double flop, bytes;
};

/* A side is a process of its own that answers each "run\n" on its standard input with one
 * line: seconds of one step (of `steps` done one after another). It is started, warmed up,
 * asked in turn with the other side, and sleeps meanwhile. */
struct side {
    int pid, to, from; /* file descriptors */
    double second[64];
    int runs;
    /* peak: of the device, after side_memory; else resident, after side_end */
    double megabytes;
    double began, first; /* when it was started; seconds from then to its first answer */
};
void side_start_ours(struct side *s, const struct bench_case *c);
void side_start_peer(struct side *s, const struct bench_case *c, const char *python,
                     const char *script);
int side_run(struct side *s); /* 0: the side is gone */
/* "mem\n": asks for megabytes of device memory at the peak. */
void side_memory(struct side *s);
/* "run\n" to a side that answers in lines, an empty one last: hands each to fn. 0: the side
 * is gone. */
int side_lines(struct side *s, void (*fn)(void *arg, const char *line), void *arg);
void side_end(struct side *s);
double side_min(const struct side *s);
double side_median(const struct side *s);

/* What both tables need: who is asked, how often, and how many answers count. */
struct comparison {
    const char *python, *script; /* NULL: no peer */
    int required, rounds;
};
/* Times both sides of a case in turn. Returns 0 where the peer is absent or broke, dying if
 * it is required; -1 where our side broke: its message stands on standard error. */
int compare(const struct comparison *with, const struct bench_case *c, struct side *ours,
            struct side *peer);
/* The table's head, and its row: seconds a picture, megabytes, GFLOP/s; peak and floor by
 * the machine's rates (FLOP and bytes a second; bytes 0: FLOP alone decide). Caller
 * frees. */
extern const char COMPARE_HEAD[];
char *compare_row(const struct bench_case *c, const char *device, const struct side *ours,
                  const struct side *peer, int has_peer, double flop, double bytes);
/* A line for people on standard output. */
void compare_say(const struct bench_case *c, const struct side *ours,
                 const struct side *peer, int has_peer);

/* A made-up set of `pictures` for the tool train, four fifths of them for training: PACK
 * and SPLIT. */
void cell_make(const char *pack, const char *split, int pictures, int side);
/* Seconds from the start of `train` to its end on that set, or -1; outdir must not be
 * there. */
double cell_seconds(const char *train, const struct bench_case *c, int epochs,
                    const char *pack, const char *split, const char *outdir);

/* In the child: builds the model on made-up pictures and serves until its input ends. Never
 * returns. */
_Noreturn void bench_serve(const struct bench_case *c, int in, int out);
/* Useful FLOP of one picture of the case (forward, and twice that backward when
 * training). */
double bench_flop(const struct bench_case *c);
/* The least seconds a picture of the case can take at these rates (model/floor.h). */
double bench_floor(const struct bench_case *c, double flop, double bytes);
#endif
