/* order.cc - when one block of a launch may read what another has written: the writer
 * fenced, then did an atomic; the reader did an atomic later, then fenced (PTX ISA, memory
 * consistency model: release and acquire patterns). Barriers carry both over to a block's
 * other threads.
 *
 * Blocks run whole and in turn, so a later block's atomic sees all earlier ones'; that both
 * are on one address is not asked. */
#include "tests/emu/inside.h"

/* What a block has released: what it did before `barriers` barriers, and what thread t did
 * before its fence number fences[t]. */
struct release {
    unsigned barriers;
    unsigned *fences; /* [threads], NULL: none */
};
static struct release *releases; /* [block of the launch] */
static size_t blocks, room;

static struct {
    int used; /* a fence or an atomic in this block */
    unsigned fences[EMU_THREADS],
        fenced_at[EMU_THREADS];   /* how many; barriers before the last */
    unsigned before[EMU_THREADS]; /* fences before the last barrier */
    unsigned char atomic[EMU_THREADS], acquired[EMU_THREADS];
    unsigned acquired_at; /* fewest barriers before somebody acquired */
} me;

void emu_order_launch(void) {
    for (size_t i = 0; i < blocks; i++) free(releases[i].fences);
    blocks = 0;
}

void emu_order_block(void) {
    if (me.used) memset(&me, 0, sizeof me);
    me.acquired_at = ~0u;
}

void emu_order_barrier(void) {
    if (me.used) memcpy(me.before, me.fences, sizeof me.before);
}

void emu_order_fence(void) {
    const int t = emu_now.index;
    me.used = 1;
    me.fences[t]++;
    me.fenced_at[t] = emu_block.barriers;
    if (!me.atomic[t] || me.acquired[t]) return;
    me.acquired[t] = 1;
    if (emu_block.barriers < me.acquired_at) me.acquired_at = emu_block.barriers;
}

static struct release *release_of(uint32_t run) {
    size_t i = (run - emu_block.first) / 2;
    if (i >= room) {
        room = 2 * i + 64;
        releases = (struct release *)emu_need(realloc(releases, room * sizeof *releases));
    }
    while (blocks <= i) releases[blocks++] = {0, NULL};
    return &releases[i];
}

void emu_order_atomic(void) {
    const int t = emu_now.index;
    me.used = 1;
    me.atomic[t] = 1;
    struct release *r = release_of(emu_block.run);
    if (!r->fences)
        r->fences =
            (unsigned *)emu_need(calloc((size_t)emu_block.threads, sizeof *r->fences));
    if (me.fences[t] && me.fenced_at[t] > r->barriers) r->barriers = me.fenced_at[t];
    for (int i = 0; i < emu_block.threads; i++)
        if (me.before[i] > r->fences[i]) r->fences[i] = me.before[i];
    r->fences[t] = me.fences[t];
}

unsigned emu_order_fences(void) {
    return me.fences[emu_now.index];
}

int emu_order_seen(uint32_t run, int thread, unsigned barriers, unsigned fences) {
    if (!me.acquired[emu_now.index] && emu_block.barriers <= me.acquired_at) return 0;
    const struct release *r = release_of(run);
    return barriers < r->barriers || (r->fences && fences < r->fences[thread]);
}
