/* copy.cc - "cp.async" as NVIDIA's "PTX ISA" allows it at its latest: the bytes arrive
 * when the thread waits for their group, and not before. */
#include "tests/emu/matrix.h"
#include "tests/emu/inside.h"

enum { WORD = 16, MANY = 64 /* of a thread at a time */ };

struct late {
    char *to;
    unsigned char bytes[WORD];
    unsigned group;
};
static struct {
    struct late late[EMU_THREADS][MANY];
    int lates[EMU_THREADS];          /* in the order of their beginning */
    unsigned groups[EMU_THREADS];    /* committed so far */
    int all;                         /* under way in the block */
    uint32_t run[EMU_SHARED / WORD]; /* of the block that has one under way there */
} me;

void emu_copy_block(void) {
    memset(me.lates, 0, sizeof me.lates);
    memset(me.groups, 0, sizeof me.groups);
    me.all = 0;
}

int emu_copy_under_way(size_t at, size_t n) {
    if (!me.all) return 0;
    for (size_t i = at / WORD; i <= (at + n - 1) / WORD; i++)
        if (me.run[i] == emu_block.run) return 1;
    return 0;
}

void emu_copy(void *to, const void *from, int bytes) {
    const int t = emu_now.index;
    if (emu_arch() < 80) emu_fail("cp.async wants a capability of 80");
    if (bytes != 0 && bytes != WORD) emu_fail("cp.async of %d bytes", bytes);
    if (!emu_shared_given((char *)to, WORD))
        emu_fail("cp.async writes %d bytes at %s, which is no shared memory", WORD,
                 emu_where(to));
    if (me.lates[t] == MANY) emu_fail("%d copies under way of one thread", MANY);
    if (bytes) emu_watch_access(from, WORD, WORD, EMU_READ);
    emu_watch_access(to, WORD, WORD, EMU_WRITE); /* from now on it may come */
    struct late *l = &me.late[t][me.lates[t]++];
    *l = {(char *)to, {}, me.groups[t]};
    if (bytes) memcpy(l->bytes, from, WORD);
    memset(to, 0xff, WORD);
    me.run[(size_t)((char *)to - emu_shared_range) / WORD] = emu_block.run;
    me.all++;
}

void emu_copy_commit(void) {
    if (emu_arch() < 80) emu_fail("cp.async wants a capability of 80");
    me.groups[emu_now.index]++;
}

void emu_copy_wait(int last) {
    const int t = emu_now.index;
    int left = 0;
    for (int i = 0; i < me.lates[t]; i++) {
        struct late *l = &me.late[t][i];
        if (l->group + (unsigned)last >= me.groups[t]) {
            me.late[t][left++] = *l;
            continue;
        }
        me.run[(size_t)(l->to - emu_shared_range) / WORD] = 0;
        me.all--;
        emu_watch_access(l->to, WORD, WORD, EMU_WRITE); /* now it has come */
        memcpy(l->to, l->bytes, WORD);
    }
    me.lates[t] = left;
}

void emu_copy_ended(void) {
    if (me.lates[emu_now.index])
        emu_fail("ends while %d of its copies are under way", me.lates[emu_now.index]);
}
