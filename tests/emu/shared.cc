/* shared.cc - a block's shared memory: one range, in which the dynamic part and each
 * variable has a place with a guard on both sides. Fresh in every block: NaN. */
#include "tests/emu/inside.h"

enum { GUARD = 256, VARIABLES = 64 };

struct variable {
    const char *name;
    size_t at, bytes;
};
alignas(256) char emu_shared_range[EMU_SHARED];
static struct {
    struct variable variable[VARIABLES]; /* the first is the dynamic part */
    int variables;
    size_t end, total;
} me;

static void *place(const char *name, size_t bytes) {
    if (me.variables == VARIABLES || me.end + bytes + GUARD > EMU_SHARED)
        emu_fail("shared variable %s: no room for %zu bytes", name, bytes);
    struct variable *v = &me.variable[me.variables++];
    *v = {name, me.end, bytes};
    me.end = (me.end + bytes + 2 * GUARD - 1) / GUARD * GUARD;
    memset(emu_shared_range + v->at, 0xff, bytes);
    return emu_shared_range + v->at;
}

void emu_shared_begin(size_t dynamic) {
    me.variables = 0;
    me.end = GUARD;
    me.total = 0;
    place("dynamic", dynamic);
}

void *emu_shared_dynamic(void) {
    return emu_shared_range + GUARD;
}

void *emu_shared(struct emu_room *room, size_t bytes, const char *name) {
    if (room->run == emu_block.run) return room->at;
    me.total += (bytes + 15) / 16 * 16;
    if (me.total > EMU_SHARED_PLAIN)
        emu_fail("shared variable %s makes %zu bytes, the compiler allows %d", name,
                 me.total, EMU_SHARED_PLAIN);
    room->run = emu_block.run;
    return room->at = place(name, bytes);
}

int emu_shared_given(const char *p, size_t n) {
    const size_t at = (size_t)(p - emu_shared_range);
    for (int i = 0; i < me.variables; i++)
        if (at - me.variable[i].at < me.variable[i].bytes)
            return at - me.variable[i].at + n <= me.variable[i].bytes;
    return 0;
}

const char *emu_where(const void *p) {
    static char text[200];
    const size_t at = (size_t)((const char *)p - emu_shared_range);
    if (at < EMU_SHARED) {
        int i = me.variables -
                1; /* the last that begins before, or the one after within its guard */
        while (i > 0 && me.variable[i].at > at + GUARD / 2) i--;
        const struct variable *v = &me.variable[i];
        snprintf(text, sizeof text, "shared %s %+td (of %zu bytes)", v->name,
                 (ptrdiff_t)at - (ptrdiff_t)v->at, v->bytes);
        return text;
    }
    emu_piece_where(p, text, sizeof text);
    return text;
}

/* ---- what a kernel may ask for ---- */

static struct {
    void (*kernel)(void);
    size_t shared;
} allowed[256];
static int alloweds;

void emu_allow(void (*kernel)(void), size_t bytes) {
    int i = 0;
    while (i < alloweds && allowed[i].kernel != kernel) i++;
    if (i == alloweds) alloweds++;
    assert(i < (int)(sizeof allowed / sizeof *allowed));
    allowed[i].kernel = kernel;
    allowed[i].shared = bytes;
}

void emu_check_allowed(void (*kernel)(void), const char *name, size_t bytes) {
    if (bytes <= EMU_SHARED_PLAIN) return;
    for (int i = 0; i < alloweds; i++)
        if (allowed[i].kernel == kernel && allowed[i].shared >= bytes) return;
    die_no("emulator: %s: %zu bytes of shared memory, more than %d without LAUNCH_ALLOW",
           name, bytes, EMU_SHARED_PLAIN);
}
