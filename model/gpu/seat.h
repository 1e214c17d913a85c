/* seat.h - which device a process gets, where several processes share some.
 *
 * What follows `gpu` in --device: nothing: device 0. ":2": that one. ":0,1x1", ":x2": the first of those
 * listed (of all) that has fewer than 1 (2) processes with such a wish; waits, saying so, until there is one.
 * A seat is a lock (flock) on a small file in TMPDIR or /tmp named by the device, not the file itself: it
 * ends with the process, however that ends. */
#ifndef MODEL_GPU_SEAT_H
#define MODEL_GPU_SEAT_H
#include "model/gpu/device.h"

/* Opens the device; *lock: the descriptor to close when done, -1 where none is needed. NULL with a reason
 * in `why`; die_usage on a wish that cannot be read, die_world if a signal came while waiting. */
struct device *seat_take(const char *wish, int *lock, char *why, size_t size);
#endif
