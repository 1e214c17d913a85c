/* device.h - one CUDA device: memory, copies, order, capture. The only door to the CUDA
 * runtime for everything but kernel launches (launch.h).
 *
 * All work goes to one stream in the order of the calls, but for what stands between
 * device_fork and device_join, which goes to a second one. Every CUDA result is checked:
 * die_world with what was being done, the device's name and the remedy; a lost device (Xid)
 * says so. */
#ifndef MODEL_GPU_DEVICE_H
#define MODEL_GPU_DEVICE_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

struct device {
    int index, capability;      /* 75, 80, 86, 89, 90, 100, 120 */
    int processors;             /* multiprocessors */
    size_t shared;              /* bytes of shared memory a block may ask for */
    size_t memory, memory_free; /* bytes */
    char name[256];             /* "NVIDIA H100 80GB HBM3" */
    char about[320];            /* name, driver, CUDA */
    void *stream;               /* where launches go now */
    void *main, *side, *forked, *joined, *pace[2], *mark[2];
    unsigned paces;
    int capturing; /* nothing may be allocated or waited for */
};
/* Devices this process may use, numbered from 0 (CUDA_VISIBLE_DEVICES decides which those
 * are). 0 with a reason in `why`: no driver, a driver too old (which, wanted), no device.
 * Takes nothing on a device. */
int device_count(char *why, size_t size);
/* A name that is the same in every process: "GPU-5e2b...". Takes nothing on the device. */
void device_identity(int index, char name[64]);
/* All of its memory, in bytes. Takes nothing on the device. */
size_t device_memory(int index);
/* NULL with a reason in `why`: no driver, a driver too old (which, wanted), no such device,
 * a device older than Turing. */
struct device *device_open(int index, char *why, size_t size);
void device_close(struct device *d);
const char *device_describe(const struct device *d); /* device, driver, CUDA; borrowed */

/* Zeroed memory, 256-byte aligned; die_world says how much is wanted and free for
 * `what`. */
void *device_alloc(struct device *d, size_t bytes, const char *what);
void device_free(struct device *d, void *p);
/* In the stream's order; the download has arrived when it returns. */
void device_upload(struct device *d, void *to, const void *from, size_t bytes);
void device_download(struct device *d, void *to, const void *from, size_t bytes);
void device_clear(struct device *d, void *p, size_t bytes);
void device_copy(struct device *d, void *to, const void *from, size_t bytes);
void device_wait(struct device *d); /* until all work is done */

/* After a kernel's launch: was it taken. */
void launch_check(struct device *d, const char *kernel);

/* What is enqueued between begin and end is not run but kept; launch runs it, all of it. */
struct captured;
void device_capture_begin(struct device *d);
struct captured *device_capture_end(struct device *d);
void device_launch(struct device *d, struct captured *c);
void captured_free(struct captured *c);

/* Keeps the host from running far ahead: returns when what was enqueued before the last but
 * one call of it is done. The device never idles for it. */
void device_pace(struct device *d);

/* A branch that may run beside what follows on the main stream, until join. */
void device_fork(struct device *d); /* launches go to the side from here */
/* launches go to the main stream again, the side goes on */
void device_main(struct device *d);
void device_join(struct device *d); /* the main stream waits for the side */

/* Seconds between two marks, by the device's clock (benchmarks, choice of plans). */
void device_mark(struct device *d, int which); /* 0 or 1 */
double device_between(struct device *d);
#ifdef __cplusplus
}
#endif
#endif
