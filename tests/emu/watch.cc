/* watch.cc - (being written) what the emulator sees of memory. */
#include "tests/emu/inside.h"

void emu_block_begin(void) { emu_block.run++; }
void emu_watch_piece(void *at, size_t bytes, const char *what) { (void)at, (void)bytes, (void)what; }
void emu_watch_copy(void *to, const void *from, size_t bytes) { (void)to, (void)from, (void)bytes; }
void emu_watch_fork(int forked) { (void)forked; }
