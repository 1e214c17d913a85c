/* device.c - one CUDA device, by the CUDA runtime. It decides nothing: what there is to do
 * on a device stands in the files around it. */
#include "model/gpu/device.h"
#include "core/die.h"
#include <assert.h>
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <string.h>

enum { TURING = 75 };
struct captured {
    cudaGraphExec_t graph;
};

/* ---- what goes wrong ---- */

/* The device itself is gone, or what ran on it was cut short: an Xid in the kernel's
 * log. */
static int lost(cudaError_t e) {
    static const cudaError_t all[] = {cudaErrorNoDevice,
                                      cudaErrorDevicesUnavailable,
                                      cudaErrorECCUncorrectable,
                                      cudaErrorNvlinkUncorrectable,
                                      cudaErrorLaunchTimeout,
                                      cudaErrorHardwareStackError,
                                      cudaErrorLaunchFailure,
                                      cudaErrorIllegalAddress,
                                      cudaErrorMisalignedAddress,
                                      cudaErrorIllegalInstruction,
                                      cudaErrorInvalidAddressSpace,
                                      cudaErrorInvalidPc,
                                      cudaErrorContained,
                                      cudaErrorSystemNotReady,
                                      cudaErrorUnknown};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (e == all[i]) return 1;
    return 0;
}

static void check(const struct device *d, cudaError_t e, const char *doing) {
    if (e == cudaSuccess) return;
    if (lost(e))
        die_world(
            "gpu: %s: the device was lost (Xid) at %s: %s; see dmesg, then run again: it goes on "
            "from the last checkpoint",
            d->name, doing, cudaGetErrorString(e));
    die_world(
        "gpu: %s: %s: %s; end other programs on the GPU and run again, or take --device cpu",
        d->name, doing, cudaGetErrorString(e));
}

void launch_check(struct device *d, const char *kernel) {
    check(d, cudaGetLastError(), kernel);
}

/* ---- which devices ---- */

int device_count(char *why, size_t size) {
    int n = 0, driver = 0, wanted = 0;
    cudaError_t e = cudaGetDeviceCount(&n);
    if (e == cudaSuccess && n > 0) return n;
    cudaGetLastError(); /* said below, not at the next launch */
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&wanted);
    if (!driver)
        snprintf(why, size, "no NVIDIA driver");
    else if (e == cudaErrorInsufficientDriver) /* an older minor version will do */
        snprintf(
            why, size,
            "the NVIDIA driver is for CUDA %d.%d, %d.%d is wanted: install a newer one",
            driver / 1000, driver % 1000 / 10, wanted / 1000, wanted % 1000 / 10);
    else if (e == cudaSuccess || e == cudaErrorNoDevice)
        snprintf(why, size, "no CUDA device");
    else
        snprintf(why, size, "no CUDA device: %s", cudaGetErrorString(e));
    return 0;
}

void device_identity(int index, char name[64]) {
    struct cudaDeviceProp p;
    if (cudaGetDeviceProperties(&p, index) != cudaSuccess)
        die_world("gpu: device %d cannot be asked for its name; see nvidia-smi", index);
    int at = snprintf(name, 64, "GPU-");
    for (int i = 0; i < 16; i++)
        at += snprintf(name + at, 64 - (size_t)at, "%s%02x",
                       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                       (unsigned char)p.uuid.bytes[i]);
}

size_t device_memory(int index) {
    struct cudaDeviceProp p;
    if (cudaGetDeviceProperties(&p, index) != cudaSuccess)
        die_world("gpu: device %d cannot be asked for its memory; see nvidia-smi", index);
    return p.totalGlobalMem;
}

static void note_memory(struct device *d) {
    check(d, cudaMemGetInfo(&d->memory_free, &d->memory), "asking for free memory");
}

static void make_streams(struct device *d) {
    cudaStream_t *const streams[] = {(cudaStream_t *)&d->main, (cudaStream_t *)&d->side};
    cudaEvent_t *const orders[] = {(cudaEvent_t *)&d->forked, (cudaEvent_t *)&d->joined,
                                   (cudaEvent_t *)&d->pace[0], (cudaEvent_t *)&d->pace[1]};
    cudaEvent_t *const marks[] = {(cudaEvent_t *)&d->mark[0], (cudaEvent_t *)&d->mark[1]};
    for (int i = 0; i < 2; i++) {
        check(d, cudaStreamCreateWithFlags(streams[i], cudaStreamNonBlocking),
              "making a stream");
        check(d, cudaEventCreate(marks[i]), "making an event");
    }
    for (int i = 0; i < 4; i++)
        check(d, cudaEventCreateWithFlags(orders[i], cudaEventDisableTiming),
              "making an event");
    d->stream = d->main;
}

/* 1: the device can be used. */
static int suits(struct device *d, char *why, size_t size) {
    struct cudaDeviceProp p;
    cudaError_t e = cudaGetDeviceProperties(&p, d->index);
    if (e == cudaSuccess) {
        snprintf(d->name, sizeof d->name, "%.255s", p.name);
        d->capability = 10 * p.major + p.minor;
        d->processors = p.multiProcessorCount;
        d->shared = p.sharedMemPerBlockOptin;
        if (d->capability < TURING) {
            snprintf(why, size,
                     "%s has compute capability %d.%d, 7.5 (Turing) or more is wanted",
                     d->name, p.major, p.minor);
            return 0;
        }
        e = cudaSetDevice(d->index);
        if (e == cudaSuccess) e = cudaFree(NULL); /* makes the context */
    }
    if (e == cudaSuccess) return 1;
    snprintf(why, size, "device %d: %s", d->index, cudaGetErrorString(e));
    cudaGetLastError();
    return 0;
}

struct device *device_open(int index, char *why, size_t size) {
    const int n = device_count(why, size);
    int driver = 0, runtime = 0;
    if (!n) return NULL;
    if (index < 0 || index >= n) {
        snprintf(why, size, "there is no device %d: %d found", index, n);
        return NULL;
    }
    struct device *d = xcalloc(1, sizeof *d);
    d->index = index;
    if (!suits(d, why, size)) {
        xfree(d);
        return NULL;
    }
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    snprintf(d->about, sizeof d->about, "%s, driver for CUDA %d.%d, CUDA %d.%d", d->name,
             driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10);
    make_streams(d);
    note_memory(d);
    return d;
}

void device_close(struct device *d) {
    void *const events[] = {d->forked,  d->joined,  d->pace[0],
                            d->pace[1], d->mark[0], d->mark[1]};
    device_wait(d);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        check(d, cudaEventDestroy(events[i]), "closing");
    check(d, cudaStreamDestroy(d->side), "closing");
    check(d, cudaStreamDestroy(d->main), "closing");
    xfree(d);
}

const char *device_describe(const struct device *d) {
    return d->about;
}

/* ---- memory ---- */

void *device_alloc(struct device *d, size_t bytes, const char *what) {
    void *p = NULL;
    assert(!d->capturing);
    const cudaError_t e = cudaMalloc(&p, bytes ? bytes : 1);
    if (e == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        note_memory(d);
        die_world(
            "gpu: %s: %s: %zu MB wanted, %zu of %zu MB are free; end other programs on the GPU, or "
            "take another with --device gpu:N",
            d->name, what, bytes / 1000000, d->memory_free / 1000000, d->memory / 1000000);
    }
    check(d, e, what);
    device_clear(d, p, bytes);
    note_memory(d);
    return p;
}

void device_free(struct device *d, void *p) {
    if (!p) return;
    check(d, cudaFree(p), "freeing memory");
    note_memory(d);
}

void device_upload(struct device *d, void *to, const void *from, size_t bytes) {
    check(d, cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, d->stream),
          "a copy to it");
}

void device_download(struct device *d, void *to, const void *from, size_t bytes) {
    check(d, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, d->stream),
          "a copy from it");
    device_wait(d);
}

void device_clear(struct device *d, void *p, size_t bytes) {
    if (bytes) check(d, cudaMemsetAsync(p, 0, bytes, d->stream), "clearing memory");
}

void device_copy(struct device *d, void *to, const void *from, size_t bytes) {
    check(d, cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, d->stream),
          "a copy on it");
}

void device_wait(struct device *d) {
    assert(!d->capturing);
    check(d, cudaStreamSynchronize(d->stream), "waiting for it");
}

/* ---- capture ---- */

/* Relaxed: libraries, and kernels at their first launch, load their code, which the other
 * modes refuse. */
void device_capture_begin(struct device *d) {
    d->capturing = 1;
    check(d, cudaStreamBeginCapture(d->main, cudaStreamCaptureModeRelaxed),
          "capturing a step");
}

struct captured *device_capture_end(struct device *d) {
    struct captured *c = xcalloc(1, sizeof *c);
    cudaGraph_t graph;
    check(d, cudaStreamEndCapture(d->main, &graph), "capturing a step");
    d->capturing = 0;
    check(d, cudaGraphInstantiate(&c->graph, graph, 0), "making a graph of a step");
    check(d, cudaGraphDestroy(graph), "making a graph of a step");
    check(d, cudaGraphUpload(c->graph, d->main), "uploading a graph");
    return c;
}

void device_launch(struct device *d, struct captured *c) {
    check(d, cudaGraphLaunch(c->graph, d->main), "launching a step");
}

void captured_free(struct captured *c) {
    if (!c) return;
    cudaGraphExecDestroy(c->graph);
    xfree(c);
}

/* ---- order ---- */

void device_pace(struct device *d) {
    const int now = d->paces % 2;
    check(d, cudaEventRecord(d->pace[now], d->main), "marking time");
    if (d->paces++) check(d, cudaEventSynchronize(d->pace[!now]), "waiting for it");
}

void device_fork(struct device *d) {
    check(d, cudaEventRecord(d->forked, d->main), "a fork");
    check(d, cudaStreamWaitEvent(d->side, d->forked, 0), "a fork");
    d->stream = d->side;
}

void device_main(struct device *d) {
    d->stream = d->main;
}

void device_join(struct device *d) {
    check(d, cudaEventRecord(d->joined, d->side), "a join");
    check(d, cudaStreamWaitEvent(d->main, d->joined, 0), "a join");
    d->stream = d->main;
}

void device_mark(struct device *d, int which) {
    check(d, cudaEventRecord(d->mark[which], d->stream), "marking time");
}

double device_between(struct device *d) {
    float ms = 0;
    check(d, cudaEventSynchronize(d->mark[1]), "waiting for it");
    check(d, cudaEventElapsedTime(&ms, d->mark[0], d->mark[1]), "reading its clock");
    return 1e-3 * ms;
}
