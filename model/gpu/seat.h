/* seat.h - which device a process gets, where several processes share some.
 *
 * What follows `gpu` in --device: nothing: device 0. ":2": that one. ":0,1x1", ":x1": the
 * first of those listed (of all) that no process with such a wish has: alone. ":x2": the
 * first that has fewer than 2 such processes and none that is alone, and memory for them,
 * SHARE bytes each, else fewer share it. Who finds none waits, saying so.
 *
 * A seat is a lock (flock) on small files in TMPDIR or /tmp named by the device, not the
 * files themselves: it ends with the process, however that ends. A device that cannot be
 * used is passed over. */
#ifndef MODEL_GPU_SEAT_H
#define MODEL_GPU_SEAT_H
#include "model/gpu/device.h"

struct seat {
    int device, place; /* descriptors that hold the locks; -1: none */
};

/* Opens the device; *seat: what to leave when done. NULL with a reason in `why`; die_usage
 * on a wish that cannot be read, die_world if a signal came while waiting. */
struct device *seat_take(const char *wish, struct seat *seat, char *why, size_t size);
void seat_leave(struct seat *seat);
#endif
